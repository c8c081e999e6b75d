"""The memory of a plan: its buffers, and the memory that kernels allocate while they run.

All figures are bytes in float32, for known sizes of the data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from gen.dims import product, value_of
from gen.dtypes import DTYPES
from gen.program.ir import Program, Statement
from gen.program.memory.planned import Planned
from gen.program.types import NUMBER, ArrayType


def buffer_bytes(programs: Iterable[Planned], sizes: Mapping[str, int]) -> int:
    """The buffers of programs, without those that lie in others, and the ones and zeros, which programs share."""
    types: list[ArrayType] = []
    filled: dict[str, ArrayType] = {}
    for each in programs:
        types += [buffer.type for buffer in each.plan.buffers if buffer not in each.plan.hosts]
        filled |= {name: ArrayType(constant.shape) for name, constant in each.program.constants.items()}
    return sum(array_bytes(kind, sizes) for kind in (*types, *filled.values()))


def room_bytes(program: Program, sizes: Mapping[str, int]) -> int:
    """The most that a statement allocates while it runs; statements that run on request do not count."""
    usual = [statement for statement in program.statements if statement.section != "input_gradients"]
    made = {statement.target: statement for statement in usual if program.types[statement.target].dtype == "rows"}
    return max((_room(statement, program, sizes, made) for statement in usual), default=0)


def array_bytes(kind: ArrayType, sizes: Mapping[str, int]) -> int:
    """The bytes of an array of this type."""
    return DTYPES[kind.dtype].size * value_of(product(kind.shape), sizes)


def _room(statement: Statement, program: Program, sizes: Mapping[str, int], made: Mapping[str, Statement]) -> int:
    """The bytes that a statement allocates besides its result: ids as indices, and a kernel's room.

    `made` contains the statements that make gradients by rows, which have no buffers.
    """
    if statement.loop is not None:
        return room_bytes(statement.loop.body, sizes)
    op, value = statement.op, statement.value
    if not isinstance(value, ast.Call) or program.types[statement.target] is NUMBER:
        return 0
    results = sum(array_bytes(program.types[target], sizes) for target in statement.targets) if op.allocates else 0
    if op.room is None:
        return results
    arguments, options = call_arguments(value, program, sizes, made)
    return op.room(*arguments, **options) + results


def call_arguments(
    call: ast.Call, program: Program, sizes: Mapping[str, int], made: Mapping[str, Statement]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of an operation: the shape of an array, and of rows the arguments that they are made of."""

    def known(value: ast.expr) -> Any:
        if isinstance(value, ast.Name) and value.id in made:
            maker = made[value.id].value
            assert isinstance(maker, ast.Call)
            return call_arguments(maker, program, sizes, made)[0]
        if isinstance(value, ast.Name):
            kind = program.types.get(value.id)
            return tuple(value_of(size, sizes) for size in kind.shape) if kind is not None else None
        if isinstance(value, ast.Tuple):
            return tuple(map(known, value.elts))
        names = {"b": SimpleNamespace(**sizes)}
        try:
            return eval(ast.unparse(value), names)  # a literal, or the formula of a size: `(b.text - 4) // 5`
        except NameError:
            return None  # a thing of the model's, such as what it remembers

    return [known(item) for item in call.args], {str(item.arg): known(item.value) for item in call.keywords}
