"""Checks of a program: each pass must leave what the next one relies on.  `memory/verify.py` checks its plan.

The tests and `gen build --debug` run them between passes; an error is a bug in gen, never in a model.
"""

from __future__ import annotations

from gen.program import ops
from gen.program.ir import SIZE, Program, reads
from gen.program.types import NUMBER


class VerificationError(AssertionError):
    """A pass broke the program."""


def verify_program(program: Program) -> None:
    """Check that every variable has a type, and is written once, before it is read; operations make all arrays."""
    written: set[str] = set(program.parameters)
    for statement in program.statements:
        place = f"{statement.section}: {statement.target} ({statement.place})"
        for name in reads(statement.value):
            if name not in program.types and "#" not in name:
                continue  # a number from outside, such as learning_rate
            if name not in written:
                raise VerificationError(f"{place} reads {name}, which is not written before")
        for name in statement.targets:
            if name in written:
                raise VerificationError(f"{place} is written twice")
            if name not in program.types:
                raise VerificationError(f"{place} has no type")
            outside = statement.binds or statement.changes
            if statement.op is ops.FORMULA and not outside and program.types[name] not in (NUMBER, SIZE):
                raise VerificationError(f"{place} is an array that no operation makes")
            written.add(name)
        if statement.loop is not None:
            verify_program(statement.loop.body)
    for name in program.pinned:
        if name not in written:
            raise VerificationError(f"{name}, to be kept in {program.pinned[name]}, is never written")
