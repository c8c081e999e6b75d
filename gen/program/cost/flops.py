"""The floating-point operations of a program, from its statements.

By convention, a multiplication and the addition of its product are two operations, so a product of (m, k) and (k, n)
takes 2 · m · k · n.  Every other function of NumPy takes one for each number: a sum, a comparison, an exponential.
Moving numbers takes none.  Each operation gives its own count (`Op.operations`); a kernel without one takes one for
each number of its result.  If ids decide, every id counts as if it occurred once.

Statements that run only on request do not count: `input_gradients`, and guarded statements for sample weights.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from gen.dims import product, value_of
from gen.program import ops
from gen.program.cost.bytes import call_arguments
from gen.program.ir import Program, Statement


def operations(program: Program, sizes: Mapping[str, int]) -> Iterator[tuple[Statement, int]]:
    """Each statement of a program with its number of operations, if there are any, for known sizes of the data."""
    usual = [each for each in program.statements if each.section != "input_gradients" and each.guard is None]
    made = {each.target: each for each in usual if program.types[each.target].dtype == "rows"}
    for statement in usual:
        if statement.loop is not None:
            yield statement, value_of(statement.loop.steps, sizes) * total(statement.loop.body, sizes)
            continue
        calls = [node for node in ast.walk(statement.value) if isinstance(node, ast.Call)]
        count = sum(_of_call(call, statement, program, sizes, made) for call in calls)
        if statement.block.parts is not None and statement.block.parts.count is not None:
            count = int(count * statement.block.parts.count)
        if count:
            yield statement, count


def _of_call(
    call: ast.Call, statement: Statement, program: Program, sizes: Mapping[str, int], made: Mapping[str, Statement]
) -> int:
    each = ops.of(call).operations
    if isinstance(each, int):
        return each and each * sum(value_of(product(program.types[name].shape), sizes) for name in statement.targets)
    arguments, options = call_arguments(call, program, sizes, made)
    return each(*arguments, **options)


def total(program: Program, sizes: Mapping[str, int]) -> int:
    """All operations of a program."""
    return sum(count for _, count in operations(program, sizes))
