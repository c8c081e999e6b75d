"""Pass: gives every variable a place in memory: that of an operand, a free buffer, or a new one.

The values of a variable are in one *segment*: a run of statements that work in place on one buffer.  A segment has one
attribute in the generated `Buffers`; its variables share that memory one after another.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from gen.passes import exact
from gen.program.ir import SIZE, Parts, Program, Statement, reads
from gen.program.ops import DOT, MULTIPLY, SUM
from gen.program.types import NUMBER, ArrayType

SCRATCH = "scratch"
"""What memory is called, with a number, where nothing says more."""


@dataclass(eq=False)
class Buffer:
    """Memory of one shape and dtype, allocated once."""

    type: ArrayType
    segments: list[Segment] = field(default_factory=list)


@dataclass(eq=False)
class Segment:
    """Variables that hold the same memory in turn; each is computed in place of the one before."""

    buffer: Buffer | None
    """None for outside memory (`place` says which), or for memory that a function allocates."""
    place: str = ""
    variables: list[str] = field(default_factory=list)
    attribute: str = ""
    """The attribute of the buffers that holds it."""


@dataclass(frozen=True)
class Plan:
    """The place of every variable, and its name in the generated code."""

    segments: dict[str, Segment]
    """By variable, without numbers, views, and parameters."""
    display: dict[str, str]
    in_place: dict[str, str]
    """Variables computed in place of an operand: result → operand."""
    buffers: tuple[Buffer, ...]
    bases: dict[str, str]
    """Views, and results of kernels that overwrite their argument: the variable whose memory each one shows."""
    stored_numbers: tuple[str, ...] = ()
    """Numbers that one section computes and another reads; they are attributes of the buffers too."""
    hosts: dict[Buffer, Buffer] = field(default_factory=dict)
    """Buffers in the memory of another one, which is unused while they are in use: guest → host."""

    def attributes(self) -> dict[str, object]:
        """The attributes of the generated buffers, each with what it holds: a buffer, or a number by its variable."""
        held = [(segment.attribute, buffer) for buffer in self.buffers for segment in buffer.segments]
        return dict(held) | {self.display[name]: name for name in self.stored_numbers}

    def guests(self, host: Buffer) -> list[Buffer]:
        """The buffers in a buffer's memory, in order."""
        return [guest for guest, each in self.hosts.items() if each is host]


def overwritten(statement: Statement) -> dict[str, str]:
    """The results of a loop that take the place of an operand, each with that operand."""
    if statement.loop is None:
        return {}
    assert isinstance(statement.value, ast.Call)
    parts = {
        role.name: item.id
        for role, item in zip(statement.loop.roles, statement.value.args, strict=True)
        if isinstance(item, ast.Name)
    }
    given = zip(statement.loop.gives, statement.targets, strict=True)
    return {target: parts[role.name] for role, target in given if role.kind == "over"}


@exact(
    "reuse",
    does="computes in place, and reuses a buffer after its last reader",
    because="no statement reads what another one has overwritten; `verify.py` checks that",
)
def plan_memory(
    program: Program,
    results: Iterable[tuple[str, Iterable[str]]] = (),
    reuse: bool = True,
) -> Plan:
    """Assign memory: `results` are variables that the end of a section reads; without `reuse`, nothing is shared."""
    return _Planner(program, results, reuse).run()


class _Planner:
    def __init__(self, program: Program, results: Iterable[tuple[str, Iterable[str]]], reuse: bool) -> None:
        self.program, self.reuse = program, reuse
        self.statements = program.statements
        self.definitions = {name: i for i, s in enumerate(self.statements) for name in s.targets}
        self.changed: dict[str, str] = {}
        """What a statement has changed, outside: where it is."""
        for statement in self.statements:
            if statement.changes:
                places = [self.changed.get(name, program.pinned.get(name, name)) for name in statement.changes]
                self.changed.update(zip(statement.targets, places, strict=True))
        self.uses: dict[str, int] = {}
        """The index of the last statement that reads a variable, or a place outside."""
        ends = {statement.section: i for i, statement in enumerate(self.statements)}
        stops = {statement.block.parts: i for i, statement in enumerate(self.statements)}
        for i, statement in enumerate(self.statements):
            for name in reads(statement.value):
                parts = statement.block.parts
                inside = parts is None or self.parts_of(name) is parts
                last = i if inside else stops[parts] + 1  # what comes from outside is read for each part
                self.uses[name] = self.uses[self.changed.get(name, name)] = last
        for section, names in [*program.kept.items(), *((s, tuple(n)) for s, n in results)]:
            for name in names:
                self.uses[name] = max(self.uses.get(name, -1), ends.get(section, len(self.statements)) + 1)
        self.bases = {s.target: reads(s.value)[0] for s in self.statements if s.op.view or s.op.overwrites}
        self.seen = set(self.bases.values())
        """The variables that have views."""
        self.last_reads: dict[str, int] = {}
        """The same of what is outside, its views included."""
        for name, at in self.uses.items():
            place = self.place_of(name)
            self.last_reads[place] = max(self.last_reads.get(place, -1), at)
        self.segments: dict[str, Segment] = {}
        self.outside: dict[str, Segment] = {}
        """The segments that are not in buffers, by their places."""
        self.in_place: dict[str, str] = {}
        self.buffers: list[Buffer] = []
        self.free: dict[ArrayType, list[Buffer]] = defaultdict(list)
        self.current: dict[Segment, set[str]] = {}
        """The variables whose value a segment's memory holds now, views included."""
        self.expiring: dict[int, list[Segment]] = defaultdict(list)
        self.pinned = dict(program.pinned)

    def place_of(self, name: str) -> str:
        """Where what a variable looks at is outside, if it is; the variable that it looks at otherwise."""
        root = self.root(name)
        return self.changed.get(root, root)

    def is_outside(self, name: str) -> bool:
        """Whether a statement only says what is outside: gives it a name, or changes it there."""
        statement = self.statements[self.definitions[name]]
        return statement.binds or name in self.changed

    def parts_of(self, name: str) -> Parts | None:
        """The parts for which a variable is made, if it is made in parts."""
        at = self.definitions.get(name)
        return None if at is None else self.statements[at].block.parts

    def run(self) -> Plan:
        self.propagate_pins()
        for i, statement in enumerate(self.statements):
            for name in statement.targets:
                self.place(i, statement, name)
            for segment in self.expiring.pop(i, []):
                self.expire(i, segment)
        display = _Names(self.program, self.segments).run()
        stored = self.crossing_numbers()
        return Plan(self.segments, display, self.in_place, tuple(self.buffers), self.bases, stored)

    # ------------------------------------------------------------------------------------------------------ pins

    def propagate_pins(self) -> None:
        """What ends up at a pinned place is computed there from the start, as far as it is computed in place."""
        for name in list(self.pinned):
            place = self.pinned[name]
            current = name
            while (operand := self.pinnable_operand(current, place)) is not None:
                self.pinned[operand] = place
                current = operand

    def pinnable_operand(self, name: str, place: str) -> str | None:
        statement = self.statements[self.definitions[name]]
        if statement.guard is None and not statement.op.elementwise:
            return None
        at = self.definitions[name]
        for operand in _overwritable(statement):
            defined = self.definitions.get(operand)
            free = defined is not None and operand not in self.pinned and operand not in self.bases
            if not free or self.is_outside(operand):
                continue
            if operand in self.seen or not _can_overwrite(statement, operand):
                continue
            same = self.program.types.get(operand) == self.program.types[name]
            if same and self.uses[operand] <= at and self.is_free(place, defined or 0):
                if self.statements[defined or 0].guard is not None and self.pinnable_operand(operand, place) is None:
                    continue  # where the guard does not hold, nothing would be computed there
                return operand
        return None

    def is_free(self, place: str, at: int) -> bool:
        """Whether a statement may write to a place that is read too: it is the last to read it, number by number."""
        last = self.last_reads.get(place, -1)
        statement = self.statements[at]
        read = {name for name in reads(statement.value) if self.place_of(name) == place}
        whole = all(name not in self.bases and _can_overwrite(statement, name) for name in read)
        return last < at or (last == at and statement.op.elementwise and whole)

    # ----------------------------------------------------------------------------------------------------- places

    def place(self, i: int, statement: Statement, name: str) -> None:
        kind = self.program.types[name]
        if statement.binds:
            return
        if statement.changes:
            self.join(name, self.outside.setdefault(self.changed[name], Segment(None, self.changed[name])), i)
            return
        if statement.op.view or statement.op.overwrites:
            base = self.segments.get(self.root(name))
            if base is not None:
                self.current[base].add(name)
                self.watch(base, self.uses.get(name, i))
            return
        if kind is NUMBER or kind.shape == ():
            return
        if name in self.pinned:
            self.pin(i, statement, name)
            return
        operand = overwritten(statement).get(name) or self.operand_to_overwrite(i, statement)
        if operand is not None:
            self.in_place[name] = operand
            self.join(name, self.segments[self.root(operand)], i)
        elif statement.guard is not None:
            raise AssertionError(f"{name}: a guarded statement must be able to work in place")
        else:
            self.join(name, self.fresh(kind), i)

    def pin(self, i: int, statement: Statement, name: str) -> None:
        place = self.pinned[name]
        for operand in reads(statement.value):
            at = self.changed.get(operand, self.pinned.get(operand, operand))
            if at == place and _can_overwrite(statement, operand):
                self.in_place[name] = operand
        segment = self.outside.setdefault(place, Segment(None, place))
        self.join(name, segment, i)

    def root(self, name: str) -> str:
        while name in self.bases:
            name = self.bases[name]
        return name

    def operand_to_overwrite(self, i: int, statement: Statement) -> str | None:
        """The operand that dies here and whose memory the result fits into."""
        kind = self.program.types[statement.target]
        if not (statement.op.elementwise or statement.guard is not None):
            return None
        for operand in _overwritable(statement):
            segment = self.segments.get(self.root(operand))
            if segment is None or segment.place or not _can_overwrite(statement, operand):
                continue
            if self.program.types[operand] != kind or not self.lies_plain(operand):
                continue
            others = {v for v in self.current[segment] if self.uses.get(v, -1) > i}
            if not others and (self.reuse or statement.guard is not None):
                return operand
            if statement.guard is not None:
                return None
        return None

    def lies_plain(self, name: str) -> bool:
        """Whether a view of a buffer is the whole of it, in order."""
        while name in self.bases:
            if not self.statements[self.definitions[name]].op.plain:
                return False
            name = self.bases[name]
        return True

    def fresh(self, kind: ArrayType) -> Segment:
        free = self.free[kind]
        if self.reuse and free:
            buffer = free.pop()
        else:
            buffer = Buffer(kind)
            self.buffers.append(buffer)
        segment = Segment(buffer)
        buffer.segments.append(segment)
        return segment

    def join(self, name: str, segment: Segment, i: int) -> None:
        segment.variables.append(name)
        self.segments[name] = segment
        self.current[segment] = {name}
        self.watch(segment, self.uses.get(name, i))

    def watch(self, segment: Segment, last: int) -> None:
        self.expiring[last].append(segment)

    def expire(self, i: int, segment: Segment) -> None:
        """Give the buffer back if nothing in it is read any more."""
        if segment.buffer is None or any(self.uses.get(name, -1) > i for name in self.current[segment]):
            return
        if self.current[segment]:
            self.current[segment] = set()
            self.free[segment.buffer.type].append(segment.buffer)

    def crossing_numbers(self) -> tuple[str, ...]:
        home = {name: s.section for s in self.statements for name in s.targets}
        found = {}
        for statement in self.statements:
            for name in reads(statement.value):
                kind = self.program.types.get(name)
                if (
                    kind not in (None, SIZE)
                    and kind.shape == ()
                    and home.get(name, statement.section) != statement.section
                ):
                    found[name] = True
        return tuple(found)


def _overwritable(statement: Statement) -> list[str]:
    """The operands whose place a result might take: one that runs under a condition changes its first."""
    names = reads(statement.value)
    return names if statement.guard is None else names[:1]


def _can_overwrite(statement: Statement, operand: str) -> bool:
    """Whether the result may take the memory of `operand`; that of `np.where(c, a, b)` only that of `b`."""
    at = statement.op.replaced
    if at is None:
        return True
    assert isinstance(statement.value, ast.Call)
    return reads(statement.value.args[at]) == [operand] and reads(statement.value).count(operand) == 1


class _Names:
    """Names for segments: what the rules and the `.nn` file call their variables, or else what the result is of what.

    `scratch` is what neither says.
    """

    def __init__(self, program: Program, segments: dict[str, Segment]) -> None:
        self.program = program
        self.segments = list(dict.fromkeys(segments.values()))
        self.home = {name: s.section for s in program.statements for name in s.targets}
        self.maker = {name: s for s in program.statements for name in s.targets}
        self.taken = set(program.taken)
        self.counts: dict[str, int] = {}
        """The number that was last given with each name."""
        self.given: dict[tuple[object, str], str] = {}

    def run(self) -> dict[str, str]:
        display: dict[str, str] = {}
        in_segments = {name for segment in self.segments for name in segment.variables}
        for segment in self.segments:
            self.name_segment(segment, display)
        for name in self.home:
            if name in in_segments:
                continue
            if "#" not in name:
                display[name] = name
            elif name in self.program.names:
                display[name] = self.unique(self.program.names[name], name, name)
            elif self.program.types[name].shape == ():
                display[name] = self.unique("value", name)
        return display

    def name_segment(self, segment: Segment, display: dict[str, str]) -> None:
        if segment.place:
            for name in segment.variables:
                display[name] = segment.place
            return
        before = ""
        for _, members in groupby(segment.variables, key=lambda name: self.home[name]):
            run = list(members)
            before = self.name_run(segment, run, before) or self.computed(segment, run[0]) or self.scratch(segment)
            display.update(dict.fromkeys(run, before))
        segment.attribute = display[segment.variables[0]]

    def name_run(self, segment: Segment, run: list[str], before: str) -> str:
        """One name for what is computed in one place in one section: that of the last variable which has one.

        What ends as a value with a fallback name only, such as a prediction, keeps the name that its memory had.
        """
        program = self.program
        if before and run[-1] in program.fallback and run[-1] not in program.names:
            return before
        for names in (program.names, program.soft):
            found = [name for name in run if name in names]
            if found:
                return self.unique(names[found[-1]], segment, found[-1])
        fallback = next((program.fallback[name] for name in run if name in program.fallback), "")
        return before or (self.unique(fallback, segment) if fallback else "")

    def computed(self, segment: Segment, variable: str) -> str:
        """A name that says what is computed of which operand: `dh_product`; `""` where neither is called anything."""
        made = self.maker[variable]
        operands = reads(made.value)
        called = next((name for name in map(self.called, operands) if name), "")
        result = made.op.result
        if made.op is MULTIPLY and operands[1:] == operands[:1]:
            result = "square"
        elif made.op is DOT and any(name in self.program.constants for name in operands):
            result = SUM.result  # of all rows or columns, as a product with ones
        if not result or len(made.targets) > 1:
            return ""
        return self.unique(f"{called}_{result}" if called else result, segment)

    def called(self, variable: str) -> str:
        """What a variable is called, or what it is made of; `""` for an array of ones and what is made of nothing."""
        program = self.program
        if variable in program.constants or program.types.get(variable) in (None, SIZE, NUMBER):
            return ""
        for names in (program.names, program.soft, program.fallback):
            if variable in names:
                return names[variable]
        made = self.maker.get(variable)
        if made is None:
            return variable.rpartition(".")[2] if "#" not in variable else ""
        return next((name for name in map(self.called, reads(made.value)) if name), "")

    def scratch(self, segment: Segment) -> str:
        """The scratch name of a buffer: the same each time the buffer is used as scratch."""
        return self.unique(SCRATCH, segment.buffer)

    def unique(self, wanted: str, owner: object, variable: str = "") -> str:
        """`wanted` for the variable that it was set aside for, or else for what asks first, `wanted_2`, … for others.

        The same owner gets the same again.
        """
        if variable and self.program.claimed.get(wanted) == variable:
            return wanted
        if (owner, wanted) not in self.given:
            name, count = wanted, self.counts.get(wanted, 1)
            while name in self.taken:
                count += 1
                name = f"{wanted}_{count}"
            self.taken.add(name)
            self.counts[wanted] = count
            self.given[owner, wanted] = name
        return self.given[owner, wanted]
