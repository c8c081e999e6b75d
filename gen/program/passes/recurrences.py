"""Pass: LSTMs that do not depend on each other predict in one loop over their steps.

With a small batch, a step costs its NumPy calls, and one loop makes them once.  Exact: the recurrent kernels are on a
diagonal, so each LSTM keeps its own sums.  The two directions of a Bidirectional layer are such a pair.  So are layers
on different inputs; the generated function compares their lengths when it runs.

The pass knows no kernel: one that `joins` another says so, and which calls fit together (`gen/components/kernels.py`).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gen.components.kernels import Kernel, kernels
from gen.passes import exact
from gen.program import ops
from gen.program.ir import Block, Program, Statement, operation, reads
from gen.program.lower.state import Lowered
from gen.program.types import ArrayType


@dataclass
class _Group:
    """Calls of one kernel, and the kernel that does them at once."""

    joint: Kernel
    statements: list[Statement] = field(default_factory=list)


@exact(
    "recurrences",
    does="runs LSTMs that do not depend on each other in one loop when they predict",
    because="their recurrent kernels stand on a diagonal, so each keeps its own sums",
)
def join_recurrences(lowered: Lowered) -> Lowered:
    """`lowered`, with one statement for each group of LSTMs that can share a loop."""
    program, used = lowered.program, dict(lowered.kernels)
    while groups := _groups(program):  # again after each, because two groups may need each other
        program = program.with_statements(_with_one(list(program.statements), groups[0]))
        function = groups[0].joint.function
        used[function.__name__] = function
    return lowered if program is lowered.program else replace(lowered, program=program, kernels=used)


def _groups(program: Program) -> list[_Group]:
    """The groups of two or more calls that do not depend on each other and fit together."""
    joints = {each.joins: each for each in kernels.values() if each.joins is not None}
    groups: list[_Group] = []
    for statement in program.statements:
        joint = None if statement.op.function is None else joints.get(statement.op.function)
        if joint is None or not _takes(joint, statement):
            continue
        for group in groups:
            made = {name for each in group.statements for name in each.targets}
            together = [*group.statements, statement]
            if (
                group.joint is joint
                and not _depends(program.statements, statement, made)
                and _fit(program.types, joint, together)
            ):
                group.statements.append(statement)
                break
        else:
            groups.append(_Group(joint, [statement]))
    return [group for group in groups if len(group.statements) > 1]


def _takes(joint: Kernel, statement: Statement) -> bool:
    """Whether a call has the arguments that the joint kernel takes for each, all arrays, and no other options."""
    assert isinstance(statement.value, ast.Call)
    parameters = inspect.signature(joint.function).parameters.values()
    asked = [each for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    options = {each.name for each in parameters if each.default is not each.empty}
    arrays = [item for item in statement.value.args if isinstance(item, ast.Name)]
    only = len(arrays) == len(statement.value.args) == len(asked)
    return only and {item.arg for item in statement.value.keywords} <= options


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


def _fit(types: dict[str, ArrayType], joint: Kernel, statements: list[Statement]) -> bool:
    """Whether one call can be worth it, and gives what each call gives."""
    calls = [statement.value for statement in statements if isinstance(statement.value, ast.Call)]
    shapes = [[types[name].shape for name in reads(ast.Tuple(call.args))] for call in calls]
    same = len({tuple(map(ast.dump, call.keywords)) for call in calls}) == 1
    return same and joint.fits(*zip(*shapes, strict=True))


def _with_one(statements: list[Statement], group: _Group) -> list[Statement]:
    """`statements`, with the group at the place of its last member; statements that need the others follow it."""
    *others, last = group.statements
    at = statements.index(last)
    later = _dependents(statements[:at], {name for statement in others for name in statement.targets})
    before = [statement for statement in statements[:at] if statement not in others and statement not in later]
    return [*before, _together(group), *later, *statements[at + 1 :]]


def _together(group: _Group) -> Statement:
    """One statement for the whole group."""
    calls = [statement.value for statement in group.statements if isinstance(statement.value, ast.Call)]
    arguments = [ast.Tuple(list(each), ast.Load()) for each in zip(*(call.args for call in calls), strict=True)]
    options = {item.arg: item.value for item in calls[0].keywords if item.arg}
    target, *more = [name for statement in group.statements for name in statement.targets]
    last = group.statements[-1]
    block = last.block
    if any(statement.block is not block for statement in group.statements):
        *names, final = [_name(statement.block) for statement in group.statements]
        heading = f"{', '.join(names)} and {final} in one loop"
        block = Block(heading, others=tuple(statement.block.call for statement in group.statements))
    value = operation(ops.of_kernel(group.joint.function), *arguments, **options)
    return replace(last, target=target, more=tuple(more), value=value, block=block)


def _name(block: Block) -> str:
    """The variable that the call of a block is bound to, or the call if there is none."""
    return block.heading.split("\n")[-1].partition(" = ")[0]
