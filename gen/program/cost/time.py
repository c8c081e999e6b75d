"""How long a program takes, roughly, and how many rows of a batch a thread needs for its work to pay.

The figures were measured on one core, in float32; they need not be exact, for they only decide about threads.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from gen.dims import product, value_of
from gen.program import ops
from gen.program.cost.bytes import call_arguments
from gen.program.ir import Program, Statement

KERNEL = 0.04
"""Nanoseconds for an operation of a kernel, most of which is part of a product."""
NUMBER = 0.5
"""Nanoseconds for a number that an elementwise operation or a sum works on, or that is copied."""
LONG = 4.0
"""The same for an exponential, a logarithm, and other functions of many operations."""
START = 500_000
"""Nanoseconds that it takes to start the threads of a step, or a prediction, and to wait for all."""
SHORT = 30_000
"""Nanoseconds below which a call of NumPy gains nothing from other threads: Python runs them in turn."""

NEVER = 1_000_000_000
"""More rows than a batch has."""


def nanoseconds(program: Program, sizes: Mapping[str, int]) -> float:
    """The time of a program on one core that other threads could take a share of.

    Products of matrices are left out, for BLAS computes them in several threads, and so are short calls.
    """
    usual = [each for each in program.statements if each.section != "input_gradients" and each.guard is None]
    made = {each.target: each for each in usual if program.types[each.target].dtype == "rows"}
    total = 0.0
    for statement in usual:
        if statement.loop is not None:
            total += value_of(statement.loop.steps, sizes) * nanoseconds(statement.loop.body, sizes)
        elif not statement.op.view and isinstance(statement.value, ast.Call):
            time = _of(statement, program, sizes, made)
            total += time if time > SHORT else 0.0
    return total


def _of(statement: Statement, program: Program, sizes: Mapping[str, int], made: Mapping[str, Statement]) -> float:
    op, value = statement.op, statement.value
    assert isinstance(value, ast.Call)
    numbers = sum(value_of(product(program.types[name].shape), sizes) for name in statement.targets)
    if op in (ops.DOT, ops.MATMUL, ops.VDOT) or op.serial:
        return 0.0
    if op.function is not None:
        arguments, options = call_arguments(value, program, sizes, made)
        count = op.operations(*arguments, **options) if callable(op.operations) else op.operations * numbers
        return NUMBER * numbers + KERNEL * count
    if op.reduces:
        numbers = max(numbers, math.prod(call_arguments(value, program, sizes, made)[0][0] or ()))
    return (LONG if op.long else NUMBER) * numbers


def least_rows(program: Program, sizes: Mapping[str, int], weights: int = 0) -> int:
    """How many rows a slice has at least, so that a second thread saves more than it costs.

    `sizes` are those of data for many rows; `weights` is how many gradients are added up.
    """
    rows = sizes["batch"]
    each = nanoseconds(program, sizes) / rows
    least = (START + 2 * NUMBER * weights) / max(each, 1e-3)
    return max(1, math.ceil(least)) if least < NEVER else NEVER
