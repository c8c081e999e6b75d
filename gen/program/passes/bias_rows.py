"""Pass, only for prediction: adds a vector of weights to the rows of a matrix as a matrix of one row.

Exact.  If the matrix has one row too, as for a single sample, both have one shape, and NumPy adds them in a third of
the time that it takes to stretch the vector.  With more rows, there is no difference.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import replace

from gen.dims import BATCH
from gen.passes import exact
from gen.program.ir import Program, Statement, substitute
from gen.program.types import ArrayType


@exact(
    "bias_rows",
    does="in prediction, adds a vector of weights to a matrix as a matrix of one row, which NumPy does faster",
    because="the row holds the numbers of the vector",
)
def weights_as_rows(program: Program) -> Program:
    """`program`, which reads `p.h_bias_row`, (1, features), where it read `p.h_bias` with (batch, features)."""
    types = dict(program.types)

    def with_row(statement: Statement) -> Statement:
        if not statement.op.elementwise or len(types[statement.target].shape) != 2:
            return statement
        assert isinstance(statement.value, ast.Call)
        rows: dict[str, ast.expr] = {}
        for operand in statement.value.args:
            if isinstance(operand, ast.Name) and operand.id.startswith("p."):
                shape = types[operand.id].shape
                row = f"{operand.id}_row"
                if len(shape) == 1 and types[statement.target].shape == (BATCH, *shape) and row not in program.types:
                    types[row] = ArrayType((1, *shape))
                    rows[operand.id] = ast.Name(row, ast.Load())
        return replace(statement, value=substitute(statement.value, rows)) if rows else statement

    statements = [with_row(statement) for statement in program.statements]
    parameters = program.parameters | (set(types) - set(program.types))
    return replace(program, statements=tuple(statements), types=types, parameters=parameters)


def rows_of_weights(program: Program, weights: Collection[str]) -> list[str]:
    """The `weights` that a program reads as rows, by their names in `Params`, in order."""
    return sorted(name for name in weights if f"p.{name}_row" in program.parameters and f"{name}_row" not in weights)
