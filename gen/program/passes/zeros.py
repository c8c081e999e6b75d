"""Pass: compares arrays with an array of zeros instead of the number 0.

Exact.  NumPy has vector instructions for the maximum of two arrays, but none for an array and a number: with them, relu
takes a fifth of the time.  A small array gets zeros of its own shape, a large one a row of zeros.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from gen.dims import Shape, Size, product
from gen.passes import exact
from gen.program import ops
from gen.program.ir import Program, Statement
from gen.program.passes.sums import known_constants, name_of_constant, with_constants
from gen.program.types import ArrayType

COMPARED = (ops.MAXIMUM, ops.GREATER)


@exact(
    "zeros",
    does="compares with arrays of zeros instead of the number 0, for which NumPy has no vector instructions",
    because="the array holds the same number",
)
def zeros_as_arrays(program: Program) -> Program:
    """`program`, with the zeros as its parameters, `b.zeros_batch_32`, `b.zeros_128`."""
    names = known_constants("zeros", program)

    def with_array(statement: Statement) -> Statement:
        if statement.op not in COMPARED:
            return statement
        assert isinstance(statement.value, ast.Call)
        operand, number = statement.value.args
        if not isinstance(operand, ast.Name) or operand.id not in program.types:
            return statement
        kind = program.types[operand.id]
        if kind.dtype != "float" or not (isinstance(number, ast.Constant) and number.value == 0):
            return statement
        shape = _zeros_for(kind)
        if shape is None or (shape != kind.shape and statement.op is ops.GREATER):
            return statement
        if shape not in names:
            names[shape] = name_of_constant("zeros", shape, program, names.values(), (statement.target, operand.id))
        return replace(
            statement, value=ast.Call(statement.value.func, [operand, ast.Name(names[shape], ast.Load())], [])
        )

    statements = [with_array(statement) for statement in program.statements]
    return with_constants(program.with_statements(statements), "zeros", names)


def _zeros_for(kind: ArrayType) -> Shape | None:
    """The shape of the zeros to compare with: the whole shape if that is small; None if a number is as good."""
    row = product(kind.shape[1:])
    if len(kind.shape) > 1 and isinstance(row, int) and row <= 512 and row * _rows_of_one(kind.shape[0]) <= 8192:
        return kind.shape
    if len(kind.shape) > 1 and isinstance(kind.shape[-1], int) and kind.shape[-1] >= 32:
        return kind.shape[-1:]
    return None


def _rows_of_one(size: Size) -> int:
    """How many rows a matrix has for one row of a batch, or one step: more than one if they were flattened."""
    return 1 if isinstance(size, int) else size.value(dict.fromkeys(size.symbols(), 1))
