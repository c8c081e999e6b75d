"""Pass: takes the maximum of each row of a narrow matrix down the columns of its transpose.

Exact.  NumPy reduces row by row, and starting a row costs more than a short row itself; down the columns, it compares
two whole rows at a time.  Including the copy, this takes two thirds of the time for 32 rows of ten, and an eighth for
640.  For a single row it would take longer, so a prediction does it only if a sample has several rows.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from gen.dims import BATCH
from gen.passes import exact
from gen.program import ops
from gen.program.ir import Program, Statement, operation
from gen.program.types import ArrayType

WIDEST = 32
"""From this number of columns on, rows are long enough."""


@exact(
    "maxima",
    does="takes the maximum of each row of a narrow matrix down the columns of its transpose",
    because="a maximum does not depend on the order",
)
def maxima_down_columns(program: Program) -> Program:
    """`program`, in which no maximum runs along a short last axis of a matrix."""
    types, soft = dict(program.types), dict(program.soft)

    def parts(statement: Statement) -> list[Statement]:
        if statement.op is not ops.GREATEST:
            return [statement]
        assert isinstance(statement.value, ast.Call)
        (operand,) = statement.value.args
        options = {item.arg: ast.literal_eval(item.value) for item in statement.value.keywords}
        kind = program.types.get(operand.id) if isinstance(operand, ast.Name) else None
        if kind is None or len(kind.shape) != 2 or kind.dtype != "float" or options.pop("axis") not in (1, -1):
            return [statement]
        rows, columns = kind.shape
        single = rows == BATCH and statement.section in ("infer", "activate")
        if not isinstance(columns, int) or columns > WIDEST or single:
            return [statement]
        assert isinstance(operand, ast.Name)
        turned, copy, greatest = (f"{statement.target}'{name}" for name in ("turned", "copy", "greatest"))
        types[turned] = ArrayType((columns, rows), contiguous=False)
        types[copy] = ArrayType((columns, rows))
        soft[copy], soft[greatest] = "columns", "greatest"
        found = [
            replace(statement, target=turned, value=operation(ops.TRANSPOSE, operand.id, (1, 0))),
            replace(statement, target=copy, value=operation(ops.COPY, turned)),
        ]
        if not options.get("keepdims"):
            return [*found, replace(statement, value=operation(ops.GREATEST, copy, axis=0))]
        types[greatest] = ArrayType((rows,))
        column = (rows if isinstance(rows, int) else -1, 1)
        return [
            *found,
            replace(statement, target=greatest, value=operation(ops.GREATEST, copy, axis=0)),
            replace(statement, value=operation(ops.RESHAPE, greatest, column)),
        ]

    statements = [part for statement in program.statements for part in parts(statement)]
    return replace(program, statements=tuple(statements), types=types, soft=soft)
