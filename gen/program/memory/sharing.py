"""Pass: large buffers of different shapes share memory if they are never needed at the same time.

`planning.py` reuses a buffer for variables of its own shape.  Here, a large buffer, the host, lends its memory to
smaller buffers of other shapes, side by side.  This is exact because no variable of a guest lives, from the statement
that computes it to its last reader, while one of the host does, and because the guests together are never larger than
the host, whatever the sizes of the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gen.dims import Size, never_exceeds, product, value_of
from gen.graph.sizes import typical_sizes
from gen.passes import exact
from gen.program.ir import Program, reads
from gen.program.memory.planning import Buffer, Plan

BATCH_ROWS = 32
SMALL = 1 << 14
"""The least size of a buffer, in numbers at a batch of 32 rows, that is worth it."""


@dataclass(frozen=True)
class Life:
    """The statements, by index, from the one that computes a segment's first variable to its last reader."""

    first: int
    last: int

    def meets(self, other: Life) -> bool:
        return self.first <= other.last and other.first <= self.last


@exact(
    "share",
    does="puts large buffers of different shapes in the same memory",
    because="no two of them are needed at once, and each fits for every size that data may have",
)
def share_memory(
    program: Program, plan: Plan, results: Iterable[tuple[str, Iterable[str]]], least: Mapping[str, int]
) -> Plan:
    """`plan`, with hosts for some of its buffers; `least` contains the least sizes of the data, by symbol."""
    typical = typical_sizes(least, BATCH_ROWS)
    sizes = {buffer: product(buffer.type.shape) for buffer in plan.buffers if buffer.type.dtype == "float"}
    weighed = {buffer: value_of(size, typical) for buffer, size in sizes.items()}
    large = sorted((buffer for buffer in sizes if weighed[buffer] >= SMALL), key=lambda item: -weighed[item])
    lives = _lives(program, plan, results)
    hosts: dict[Buffer, Buffer] = {}
    for host in large:
        if host in hosts:
            continue
        room: Size = sizes[host]
        for guest in large:
            if guest is host or guest in hosts or guest in hosts.values():
                continue
            apart = not any(one.meets(other) for one in lives[guest] for other in lives[host])
            if apart and weighed[guest] <= value_of(room, typical) and never_exceeds(sizes[guest], room, least):
                hosts[guest] = host
                room = room - sizes[guest]
    return replace(plan, hosts=hosts)


def _lives(program: Program, plan: Plan, results: Iterable[tuple[str, Iterable[str]]]) -> dict[Buffer, list[Life]]:
    """When each buffer contains something that is still read: a life for each of its segments."""
    last: dict[str, int] = {}
    first: dict[str, int] = {}
    ends: dict[str, int] = {}

    def read(name: str, at: int) -> None:
        while name in plan.bases:
            name = plan.bases[name]
        last[name] = max(last.get(name, -1), at)

    for i, statement in enumerate(program.statements):
        ends[statement.section] = i
        for name in statement.targets:
            first[name] = i
        for name in reads(statement.value):
            read(name, i)
    for section, names in [*program.kept.items(), *results]:
        for name in names:
            read(name, ends.get(section, len(program.statements)) + 1)
    return {
        buffer: [
            Life(first[segment.variables[0]], max(max(first[name], last.get(name, -1)) for name in segment.variables))
            for segment in buffer.segments
        ]
        for buffer in plan.buffers
    }
