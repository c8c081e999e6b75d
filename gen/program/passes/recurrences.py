"""Pass: LSTMs that do not depend on each other predict in one loop over their steps.

With a small batch, a step costs its NumPy calls, and one loop makes them once.  Exact: the recurrent kernels are on a
diagonal, so each LSTM keeps its own sums.  The two directions of a Bidirectional layer are such a pair.  So are layers
on different inputs; the generated function compares their lengths when it runs.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from dataclasses import replace

from gen.components.layers.recurrent_predict import lstm_predict, lstm_predict_jointly
from gen.passes import exact
from gen.program import ops
from gen.program.ir import Block, Program, Statement, operation, reads
from gen.program.lower.state import Lowered
from gen.program.types import ArrayType

LIMIT: int = inspect.signature(lstm_predict_jointly).parameters["limit"].default
"""`lstm_predict_jointly` uses one loop if the square of all units, times the batch, is at most this."""


@exact(
    "recurrences",
    does="runs LSTMs that do not depend on each other in one loop when they predict",
    because="their recurrent kernels stand on a diagonal, so each keeps its own sums",
)
def join_recurrences(lowered: Lowered) -> Lowered:
    """`lowered`, with one statement for each group of LSTMs that can share a loop."""
    program = lowered.program
    while groups := _groups(program):  # again after each, because two groups may need each other
        program = program.with_statements(_with_one(list(program.statements), groups[0]))
    if program is lowered.program:
        return lowered
    kernels = {**lowered.kernels, lstm_predict_jointly.__name__: lstm_predict_jointly}
    return replace(lowered, program=program, kernels=kernels)


def _groups(program: Program) -> list[list[Statement]]:
    """The groups of two or more LSTMs that do not depend on each other and may have equally many steps."""
    groups: list[list[Statement]] = []
    for statement in program.statements:
        if not _plain(statement):
            continue
        for group in groups:
            apart = not _depends(program.statements, statement, {name for each in group for name in each.targets})
            if apart and _fit(program.types, [*group, statement]):
                group.append(statement)
                break
        else:
            groups.append([statement])
    return [group for group in groups if len(group) > 1]


def _plain(statement: Statement) -> bool:
    """Whether it is an LSTM with a bias, and without a mask, first states, or its own activations."""
    if statement.op.function is not lstm_predict:
        return False
    assert isinstance(statement.value, ast.Call)
    return len(statement.value.args) == 3 and {item.arg for item in statement.value.keywords} <= {"sequences"}


def _depends(statements: Sequence[Statement], statement: Statement, sources: set[str]) -> bool:
    """Whether `statement` needs one of `sources`, directly or through others."""
    return statement in _dependents(statements, sources)


def _dependents(statements: Sequence[Statement], sources: set[str]) -> list[Statement]:
    """The statements that need one of `sources`, directly or through others."""
    reached, found = set(sources), []
    for statement in statements:
        if not reached.isdisjoint(reads(statement.value)):
            reached.update(statement.targets)
            found.append(statement)
    return found


def _fit(types: dict[str, ArrayType], group: list[Statement]) -> bool:
    """Whether one loop can be worth it, and gives what each LSTM of the group gives."""
    calls = [statement.value for statement in group if isinstance(statement.value, ast.Call)]
    steps = {types[reads(call)[0]].shape[0] for call in calls}
    rows = {types[reads(call)[0]].shape[2] for call in calls}
    units = [types[reads(call)[1]].shape[0] for call in calls]
    total = sum(size for size in units if isinstance(size, int))
    same = len({tuple(map(ast.dump, call.keywords)) for call in calls}) == 1
    alike = same and len(rows) == 1 and len({size for size in steps if isinstance(size, int)}) < 2
    return alike and total * total <= LIMIT


def _with_one(statements: list[Statement], group: list[Statement]) -> list[Statement]:
    """`statements`, with the group at the place of its last member; statements that need the others follow it."""
    *others, last = group
    at = statements.index(last)
    later = _dependents(statements[:at], {name for statement in others for name in statement.targets})
    before = [statement for statement in statements[:at] if statement not in others and statement not in later]
    return [*before, _together(group), *later, *statements[at + 1 :]]


def _together(group: list[Statement]) -> Statement:
    """One statement for the whole group."""
    calls = [statement.value for statement in group if isinstance(statement.value, ast.Call)]
    arguments = [ast.Tuple([call.args[place] for call in calls], ast.Load()) for place in range(3)]
    options = {item.arg: item.value for item in calls[0].keywords if item.arg}
    target, *more = [name for statement in group for name in statement.targets]
    block = group[-1].block
    if any(statement.block is not block for statement in group):
        *names, final = [_name(statement.block) for statement in group]
        heading = f"{', '.join(names)} and {final} in one loop"
        block = Block(heading, others=tuple(statement.block.call for statement in group))
    value = operation(ops.of_kernel(lstm_predict_jointly), *arguments, **options)
    return replace(group[-1], target=target, more=tuple(more), value=value, block=block)


def _name(block: Block) -> str:
    """The variable that the call of a block is bound to, or the call if there is none."""
    return block.heading.split("\n")[-1].partition(" = ")[0]
