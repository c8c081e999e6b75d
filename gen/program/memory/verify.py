"""Checks of the memory of a program: every read finds its value.

The tests and `gen build --debug` run them on each plan; an error is a bug in gen, never in a model.
"""

from __future__ import annotations

from collections.abc import Iterable

from gen.program.ir import Program, reads
from gen.program.memory.planning import Buffer, Plan, Segment
from gen.program.types import NUMBER
from gen.program.verify import VerificationError


def verify_plan(program: Program, plan: Plan, results: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Check that every read finds its value, not an overwritten one, and that no two things share a name."""
    for guest, host in plan.hosts.items():
        if host in plan.hosts or guest.type.dtype != host.type.dtype:
            raise VerificationError(f"{guest.segments[0].attribute} cannot lie in {host.segments[0].attribute}")
    holds: dict[object, str] = {}
    ends: dict[str, list[str]] = {section: list(names) for section, names in program.kept.items()}
    for section, names in results:
        ends.setdefault(section, []).extend(names)
    statements = program.statements
    for i, statement in enumerate(statements):
        if statement.loop is not None:
            verify_plan(statement.loop.body, statement.loop.plan, [])
        for name in reads(statement.value):
            _check(plan, holds, name, f"{statement.section}: {statement.target} ({statement.place})")
        for name in () if statement.binds else statement.targets:
            _write(program, plan, holds, name)
        if statement.op.overwrites:
            segment = plan.segments.get(_root(plan, statement.target))
            holds[_memory(segment) if segment else None] = statement.target
        last = i + 1 == len(statements) or statements[i + 1].section != statement.section
        for name in ends.get(statement.section, ()) if last else ():
            _check(plan, holds, name, f"the end of {statement.section}")
    sections = program.sections()
    for section, names in ends.items():
        for name in names if section not in sections else ():
            _check(plan, holds, name, section)
    _verify_names(program, plan)


def _verify_names(program: Program, plan: Plan) -> None:
    """Check that no two things share a name: an attribute of the buffers, or a variable of a function."""
    outside = [*program.parameters, *program.pinned.values()]
    owners: dict[str, object] = {name.removeprefix("b."): name for name in outside}
    named = [name for name in plan.display if not _is_outside(plan, name)]
    given: list[tuple[str, object]] = [(plan.display[name], _owner(plan, name)) for name in named]
    given += [(segment.attribute, buffer) for buffer in plan.buffers for segment in buffer.segments]
    for name, owner in given:
        if owners.setdefault(name, owner) is not owner:
            raise VerificationError(f"{name} is the name of two things")


def _owner(plan: Plan, name: str) -> object:
    """The thing that has a variable's name: the buffer that contains it, or the variable itself."""
    segment = plan.segments.get(name)
    return name if segment is None else segment.buffer


def _is_outside(plan: Plan, name: str) -> bool:
    """Whether a variable is in outside memory, whose name is a place: `g.h_kernel`."""
    segment = plan.segments.get(name)
    return segment is not None and bool(segment.place)


def _write(program: Program, plan: Plan, holds: dict[object, str], name: str) -> None:
    segment, kind = plan.segments.get(name), program.types[name]
    if segment is not None:
        holds[_memory(segment)] = name
        for other in _overlapping(plan, segment.buffer):
            holds.pop(other, None)
        if segment.buffer is not None and segment.buffer.type.dtype != kind.dtype:
            raise VerificationError(f"{name} is {kind.dtype}, its buffer {segment.buffer.type.dtype}")
    elif kind is not NUMBER and kind.shape != () and name not in plan.bases:
        raise VerificationError(f"{name} has no memory")


def _overlapping(plan: Plan, buffer: Buffer | None) -> list[Buffer]:
    """The buffers that a write to this one destroys: those in its memory, and the one whose memory it uses."""
    if buffer is None:
        return []
    return [*plan.guests(buffer), *([plan.hosts[buffer]] if buffer in plan.hosts else [])]


def _memory(segment: Segment) -> object:
    return segment.place or segment.buffer


def _root(plan: Plan, name: str) -> str:
    while name in plan.bases:
        name = plan.bases[name]
    return name


def _check(plan: Plan, holds: dict[object, str], name: str, reader: str) -> None:
    root = _root(plan, name)
    segment = plan.segments.get(root)
    held = holds.get(root, root) if segment is None else holds.get(_memory(segment))
    if held not in (root, name):
        raise VerificationError(f"{reader} reads {name}, whose memory holds {held} by then")
