"""Program to text: the bodies of `forward`, `loss`, `backward`, … and the lines that allocate their buffers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from types import MappingProxyType

from gen.dims import Shape
from gen.dtypes import DTYPES
from gen.program import ops
from gen.program.ir import (
    SIZE,
    STEP,
    Block,
    Constant,
    Loop,
    Parts,
    Program,
    Role,
    Statement,
    literal,
    reads,
    runtime_shape,
    size_text,
    substitute,
)
from gen.program.lower.numbers import SYMBOLS
from gen.program.memory.planning import Buffer, Plan, Segment
from gen.program.types import NUMBER

COMMENT_COLUMN = 60


def section_lines(program: Program, plan: Plan, section: str, owner: str | None = "b") -> list[str]:
    """The body of one section's function, unindented: a comment for each block, then its statements.

    Without an `owner` of buffers, what is not computed in place becomes a new array.
    """
    lines: list[str] = []
    for _, members in groupby(section_parts(program, plan, section, owner), key=lambda item: id(item[0].block)):
        parts = list(members)
        body = [line for _, written in parts for line in written]
        block = parts[0][0].block
        if not body:
            continue
        if block.heading:
            lines += ([""] if lines else []) + heading(block)
        if block.parts is not None:
            body = [parts_line(block.parts), *indented(body)]
        lines += body
    return lines


def parts_line(parts: Parts) -> str:
    """The line above statements that run for one part of arrays after another."""
    return f"for {parts.variable} in {ast.unparse(parts.values)}:" + (f"  # {parts.note}" if parts.note else "")


def indented(lines: Iterable[str]) -> list[str]:
    """Lines inside a compound statement."""
    return [f"    {line}" if line else "" for line in lines]


def section_parts(
    program: Program, plan: Plan, section: str, owner: str | None = "b"
) -> Iterator[tuple[Statement, list[str]]]:
    """The statements of a section in order, each with the lines that it is written as: none, one or several."""
    writer = _Writer(program, plan, section, owner)
    for statement in program.statements:
        if statement.section == section:
            yield statement, writer.statement(statement)


def heading(block: Block) -> list[str]:
    """The comment above a block: the text of the `.nn` file, and the shape of the result."""
    *before, comment = [f"# {line}" for line in block.heading.split("\n")]
    return [*before, f"{comment:<{COMMENT_COLUMN}}  {block.note}" if block.note else comment]


def result_text(program: Program, plan: Plan, section: str, values: Iterable[ast.expr], owner: str = "b") -> list[str]:
    """What a section's function returns, as finished expressions."""
    writer = _Writer(program, plan, section, owner)
    for statement in program.statements:  # as if the section had just run
        if statement.section == section:
            writer.statement(statement)
    return [ast.unparse(writer.expression(value)) for value in values]


def place_text(program: Program, plan: Plan, variable: str, owner: str = "b") -> str:
    """Where a variable is, read from outside any section: `b.answer`, or that of another `owner` of the buffers."""
    place = _Writer(program, plan, "", owner).reference(variable)
    return ast.unparse(substitute(place, {"b": ast.Name(owner, ast.Load())}))  # in sizes, such as `b.batch`


NOTHING: Mapping[str, str] = MappingProxyType({})


def buffer_lines(
    plan: Plan, scope: Iterable[str] = (), sizes: Mapping[str, str] = NOTHING, dtype: str = "dtype"
) -> list[str]:
    """The lines of `Buffers.__init__` that allocate what the plan holds; symbols of sizes are names in scope.

    A buffer that lends its memory to others stands before them.  `scope` are the names of sizes; `sizes` says which are
    written otherwise, `dtype` what the float type is there.
    """
    taken = {*scope, "self", "dtype", "batch"}
    memory: dict[Buffer, str] = {}
    written: set[Buffer] = set()
    lines: list[str] = []

    def write(buffer: Buffer) -> None:
        if buffer in written:
            return
        written.add(buffer)
        host = plan.hosts.get(buffer)
        if host is not None:
            write(host)
        first, *others = dict.fromkeys(segment.attribute for segment in buffer.segments)
        kind = buffer.type
        if host is not None:
            lines.append(f"self.{first} = {memory[host]}({', '.join(map(str, kind.shape))})")
        else:
            of = dtype if kind.dtype == "float" else DTYPES[kind.dtype].text
            lines.append(f"self.{first} = np.empty({shape_text(kind.shape, sizes)}, {of})")
        lines.extend(f"self.{other} = self.{first}" for other in others)
        if plan.guests(buffer):
            name = f"in_{first}"
            while name in taken:
                name += "_"
            taken.add(name)
            memory[buffer] = name
            lines.append(f"{name} = _views(self.{first}.reshape(-1))")

    for buffer in plan.buffers:
        write(buffer)
    lines += [f"self.{plan.display[name]} = 0.0" for name in plan.stored_numbers]
    return lines


def constant_lines(*programs: Program) -> list[str]:
    """The lines that make the arrays of ones and of zeros which these programs read."""
    found = {name: constant for program in programs for name, constant in program.constants.items()}
    return [f"self.{name.removeprefix('b.')} = {constant_text(found[name])}" for name in sorted(found)]


def constant_text(constant: Constant) -> str:
    """The call that makes a constant, where the symbols of sizes are names in scope."""
    if constant.text:
        return f"{constant.text[:-1]}, dtype={DTYPES[constant.dtype].text})"
    return f"np.{constant.kind}({shape_text(constant.shape)}, dtype)"


def shape_text(shape: Shape, sizes: Mapping[str, str] = NOTHING) -> str:
    """A shape where the symbols are names in scope: `(batch, 32)`; `sizes` says which are written otherwise."""
    texts = [sizes.get(str(size), str(size)) for size in shape]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


class _Writer:
    """Writes the statements of one function; knows which buffers have a local name there by now."""

    def __init__(self, program: Program, plan: Plan, section: str, owner: str | None) -> None:
        self.program, self.plan, self.section, self.owner = program, plan, section, owner
        self.bound: dict[Segment, str] = {}
        self.local_views: set[str] = set()
        self.home = {name: s for s in program.statements for name in s.targets}
        self.count: dict[str, int] = {}
        for statement in reversed(program.statements):
            idle = statement.op.view and statement.target not in self.count
            if statement.section == section and not idle:
                for name in reads(statement.value):
                    self.count[name] = self.count.get(name, 0) + 1

    # ------------------------------------------------------------------------------------------------- references

    def reference(self, name: str) -> ast.expr:
        """How to read a variable here."""
        statement = self.home.get(name)
        segment = self.plan.segments.get(name)
        if segment is not None:
            text = self.outside(segment) or self.bound.get(segment) or self.buffer(segment)
            whole: ast.expr = ast.Name(text, ast.Load())
            shape = self.program.types[name].shape
            if shape == self.held(segment):
                return whole
            return ops.reshaped(whole, literal(runtime_shape(shape)))
        if statement is None:
            return ast.Name(name, ast.Load())
        if self.program.types[name] is SIZE:
            return self.expression(statement.value)
        if statement.op.view and name not in self.local_views:
            return self.view(statement)
        text = self.plan.display[name]
        stored = name in self.plan.stored_numbers and statement.section != self.section
        return ast.Name(f"{self.owner}.{text}" if stored else text, ast.Load())

    def buffer(self, segment: Segment) -> str:
        """The memory of a segment, as an attribute; in a loop over parts as much of it as one needs."""
        parts = self.home[segment.variables[0]].block.parts
        part = "" if parts is None else f"[: {ast.unparse(parts.length)}]"
        return f"{self.owner}.{segment.attribute}{part}"

    def outside(self, segment: Segment) -> str:
        """The place that a segment is held to, if it is: `g.h_kernel`, or one of the buffers."""
        owner, _, name = segment.place.partition(".")
        return f"{self.owner}.{name}" if owner == "b" else segment.place

    def expression(self, value: ast.expr) -> ast.expr:
        return substitute(value, {name: self.reference(name) for name in reads(value)})

    def view(self, statement: Statement) -> ast.expr:
        """`x.T`, `x.reshape(…)`, `x[…]`: a view, written where it is used."""
        value = statement.value
        assert isinstance(value, ast.Call) and statement.op.look is not None
        base = self.reference(reads(value)[0])
        if statement.op.plain:
            base = ops.unshaped(base)
            if (whole := self.whole(statement.target, self.program.types[statement.target].shape)) is not None:
                return whole
        return statement.op.look(base, value.args[1])

    def root(self, name: str) -> str:
        """The variable whose memory a view looks at, through reshapes only."""
        while name in self.plan.bases and self.home[name].op.plain:
            name = self.plan.bases[name]
        return name

    def whole(self, name: str, shape: Shape) -> ast.expr | None:
        """The memory that a view looks at, if it is held in this shape."""
        root = self.root(name)
        segment = self.plan.segments.get(root)
        return ops.unshaped(self.reference(root)) if segment is not None and self.held(segment) == shape else None

    def held(self, segment: Segment) -> Shape:
        """The shape in which the generated code holds a segment."""
        return self.program.types[segment.variables[0]].shape

    # ------------------------------------------------------------------------------------------------- statements

    def statement(self, statement: Statement) -> list[str]:
        """The lines of one statement."""
        if statement.binds:
            return self.binding(statement)
        if self.program.types[statement.target] is SIZE:
            return []
        if statement.changes:
            return [self.change(self.expression(statement.value))]
        if statement.loop is not None:
            return self.loop(statement, statement.loop)
        kind = self.program.types[statement.target]
        if kind is NUMBER or (kind.shape == () and not statement.op.view):
            return self.number(statement)
        if statement.op.view:
            return self.local_view(statement)
        operand = self.plan.in_place.get(statement.target)
        lines = self.overwrite(statement, operand) if operand is not None else self.fill(statement)
        if statement.guard is not None and lines:
            return [f"if {statement.guard}:", *indented(lines)]
        return lines

    def binding(self, statement: Statement) -> list[str]:
        value = self.expression(statement.value)
        values = value.elts if isinstance(value, ast.Tuple) else [value]
        return [f"{', '.join(statement.targets)} = {', '.join(map(ast.unparse, values))}"]

    def change(self, call: ast.expr) -> str:
        """A call that is made for what it changes; putting numbers into an array is written as an assignment."""
        assert isinstance(call, ast.Call)
        if ops.of(call) is not ops.PUT:
            return ast.unparse(call)
        array, index, value = map(ast.unparse, call.args)
        return f"{array}[{index}] = {value}"

    def rng(self) -> str:
        """The generator that numbers are drawn from: that of the model, and in predictions that of the buffers."""
        return f"{self.owner}.rng" if self.section == "infer" else "rng"

    def number(self, statement: Statement) -> list[str]:
        if statement.target in self.program.pinned and self.program.types[statement.target].dtype == "rows":
            return [f"{self.program.pinned[statement.target]} = {ast.unparse(self.expression(statement.value))}"]
        if statement.target in self.program.pinned:
            value = _infix(self.expression(statement.value))
            if isinstance(value, ast.Call) and statement.op is ops.COPY:
                (value,) = value.args
            return [f"{self.program.pinned[statement.target]}[...] = {ast.unparse(value)}"]
        name, text = self.plan.display[statement.target], ast.unparse(_infix(self.expression(statement.value)))
        if statement.op.single:
            assert isinstance(statement.value, ast.Call)
            operands = [ast.unparse(self.expression(item)) for item in statement.value.args]
            options = {str(item.arg): ast.unparse(item.value) for item in statement.value.keywords}
            text = statement.op.single.format(*operands, **options, buffers=self.owner, rng=self.rng())
        if statement.target in self.plan.stored_numbers:
            return [f"{name} = {text}", f"{self.owner}.{name} = {name}"]
        return [f"{name} = {text}"]

    def local_view(self, statement: Statement) -> list[str]:
        """A view gets a line of its own if it has a name and is read more than once."""
        name = self.plan.display.get(statement.target)
        base = statement.target
        while base in self.plan.bases:
            base = self.plan.bases[base]
        if name is None or base in self.program.parameters or self.count.get(statement.target, 0) < 2:
            return []
        view = self.view(statement)
        if isinstance(view, ast.Name):
            return []  # it is what it looks at
        line = f"{name} = {ast.unparse(view)}"
        self.local_views.add(statement.target)
        return [line]

    def rename(self, statement: Statement) -> list[str]:
        """The line that gives a buffer its local name, where it has none or another one so far."""
        segment = self.plan.segments[statement.target]
        name = self.plan.display[statement.target]
        if segment.place or self.bound.get(segment) == name:
            return []
        line = f"{name} = {self.bound.get(segment) or self.buffer(segment)}"
        self.bound[segment] = name
        return [line]

    def overwrite(self, statement: Statement, operand: str) -> list[str]:
        """A statement that works in place."""
        value = statement.value
        assert isinstance(value, ast.Call)
        before = self.rename(statement)
        place = self.reference(operand if operand in self.plan.bases else statement.target)
        target, whole = ast.unparse(place), not isinstance(place, ast.Call)
        op, arguments = statement.op, [ast.unparse(self.expression(item)) for item in value.args]
        if op.in_place is not None:
            return [*before, *(line.format(*arguments, out=target, buffers=self.owner) for line in op.in_place)]
        if not whole and self.fits_held(statement):
            target, whole = ast.unparse(ops.unshaped(place)), True
            arguments = [ast.unparse(self.as_held(item, statement)) for item in value.args]
        at = next(i for i, item in enumerate(value.args) if reads(item) == [operand])
        symbol = SYMBOLS.get(op.operator) if op.infix and op.operator is not None else None
        if symbol is not None and whole and (at == 0 or op.commutes):
            return [*before, f"{target} {symbol}= {arguments[1 - at]}"]
        return [*before, f"{op.name}({', '.join(arguments)}, out={target})"]

    def fits_held(self, statement: Statement) -> bool:
        """Whether an elementwise statement can be written for the shape in which its memory is held."""
        types = [self.program.types.get(name) for name in reads(statement.value)]
        shape = self.program.types[statement.target].shape
        return all(kind is None or (kind.shape == shape and kind.contiguous) for kind in types)

    def as_held(self, value: ast.expr, statement: Statement) -> ast.expr:
        """An operand of such a statement, in that shape."""
        if not isinstance(value, ast.Name) or value.id not in self.program.types:
            return self.expression(value)
        shape = self.held(self.plan.segments[statement.target])
        whole = self.whole(value.id, shape)
        return whole or ops.reshaped(ops.unshaped(self.reference(value.id)), literal(runtime_shape(shape)))

    def fill(self, statement: Statement) -> list[str]:
        """A statement that writes to memory whose content is no longer needed."""
        segment, value = self.plan.segments[statement.target], statement.value
        name = self.plan.display[statement.target]
        place = segment.place or self.buffer(segment)
        call = self.expression(value)
        assert isinstance(call, ast.Call) and isinstance(value, ast.Call)
        op = statement.op
        assign = "" if segment.place or name == place or not self.is_read(statement.target) else f"{name} = "
        if assign:
            self.bound[segment] = name
        if op is ops.COPY and ast.unparse(ops.unshaped(call.args[0])) == place:
            return []  # it was computed there
        if statement.more:
            return self.fill_several(statement, call)
        if op.lines:
            texts, out = list(map(ast.unparse, call.args)), name if assign else place
            known = {"call": ast.unparse(call), "out": out, "buffers": self.owner}
            lines = [line.format(*texts, **known) for line in op.lines]
            return [f"{assign}{place}", *lines] if assign else lines
        if op.filled:
            texts = list(map(ast.unparse, call.args))
            options = {str(item.arg): ast.unparse(item.value) for item in call.keywords}
            return [f"{assign}{op.filled.format(*texts, **options, buffers=self.owner, rng=self.rng(), out=place)}"]
        if op.method and not isinstance(ops.unturned(call.args[0]), ast.Call):
            call = ast.Call(ast.Attribute(call.args[0], op.method, ast.Load()), call.args[1:], [])
        if self.owner is not None or segment.place:
            call.keywords.append(ast.keyword("out", ast.Name(place, ast.Load())))
        return [f"{assign}{ast.unparse(call)}"]

    def fill_several(self, statement: Statement, call: ast.Call) -> list[str]:
        """The call of a kernel with several results."""
        names, places = [], []
        for target in statement.targets:
            segment, name = self.plan.segments[target], self.plan.display[target]
            places.append(segment.place or self.buffer(segment))
            known = not segment.place and self.is_read(target)
            names.append(name if known else "_")
            if known:
                self.bound[segment] = name
        call.keywords.append(ast.keyword("out", ast.Tuple([ast.Name(each, ast.Load()) for each in places], ast.Load())))
        return [f"{', '.join(names)} = {ast.unparse(call)}" if set(names) != {"_"} else ast.unparse(call)]

    def loop(self, statement: Statement, loop: Loop) -> list[str]:
        """A `for` over steps: what it fills, what its states start from, and what it does at each step."""
        assert isinstance(statement.value, ast.Call)
        lines: list[str] = []
        known: dict[str, ast.expr] = {}
        steps: list[tuple[str, str]] = []
        """Names of the loop, each with the array that it takes its values from."""
        used = {*loop.body.pinned.values(), *(name for each in loop.body.statements for name in reads(each.value))}
        for role, argument in zip(loop.roles, statement.value.args, strict=True):
            if role.kind == "constant":
                known[role.name] = constant = self.expression(argument)
                if not isinstance(constant, ast.Name) or "." in constant.id:
                    lines.append(f"{role.after} = {ast.unparse(constant)}")
                    known[role.name] = ast.Name(role.after, ast.Load())
            elif role.kind == "sequence" and role.name in used:
                steps.append((role.name, ast.unparse(self.expression(argument))))
        first = {
            role.name: ast.unparse(self.expression(argument))
            for role, argument in zip(loop.roles, statement.value.args, strict=True)
            if role.kind == "first"
        }
        scratch: dict[str, str] = {}
        for role, target in zip(loop.gives, statement.targets, strict=True):
            memory = self.memory(target, role, lines)
            if role.kind == "state":
                lines += [f"{role.name} = {memory}", f"{role.name}[...] = {first[role.name]}"]
            elif role.kind == "states":
                lines.append(f"{memory}[0] = {first[role.name]}")
                steps += [(role.name, memory), (role.after, f"{memory}[1:]")]
            elif role.kind == "stacked":
                steps.append((role.name, memory))
            elif role.kind == "scratch":
                scratch[role.name] = memory
        floats = next(
            target for role, target in zip(loop.gives, statement.targets, strict=True) if role.kind != "scratch"
        )
        dtype = f"{ast.unparse(self.reference(floats))}.dtype"
        lines += [f"{name} = np.array({value}, {dtype})" for name, value in loop.numbers]
        body = _LoopWriter(self, loop, known, list(scratch.values()))
        within = [line for each in loop.body.statements for line in body.statement(each)]
        order = "[::-1]" if loop.backwards else ""
        names, arrays = ", ".join(name for name, _ in steps), ", ".join(f"{array}{order}" for _, array in steps)
        over = arrays if len(steps) == 1 else f"zip({arrays})"
        head = f"for {names} in {over}:" if steps else f"for _ in range({size_text(loop.steps)}):"
        return [*lines, *body.before, head, *indented(within)]

    def memory(self, target: str, role: Role, lines: list[str]) -> str:
        """What a loop fills, under its local name where there is one; the line for that joins `lines`."""
        segment, name = self.plan.segments[target], self.plan.display[target]
        place = self.outside(segment) if segment.place else self.buffer(segment)
        if segment.place or (
            role.kind not in ("states", "scratch") and not (role.kind == "stacked" and self.is_read(target))
        ):
            return place
        lines.append(f"{name} = {place}")
        self.bound[segment] = name
        return name

    def is_read(self, variable: str) -> bool:
        """Whether what the variable's memory holds is read again in this section."""
        segment = self.plan.segments[variable]
        return any(self.count.get(name, 0) for name in segment.variables)


class _LoopWriter(_Writer):
    """Writes what a loop does at each step."""

    def __init__(self, outer: _Writer, loop: Loop, known: dict[str, ast.expr], scratch: list[str]) -> None:
        names: dict[Buffer, str] = dict(zip(loop.plan.buffers, scratch, strict=True))
        display = {
            variable: name
            for buffer, name in names.items()
            for segment in buffer.segments
            for variable in segment.variables
        }
        plan = replace(loop.plan, display={**loop.plan.display, **display})
        super().__init__(loop.body, plan, STEP, outer.owner)
        self.known, self.scratch = known, names
        self.bound = {segment: name for buffer, name in names.items() for segment in buffer.segments}
        self.fixed = {role.name for role in loop.gives if role.kind == "state"}
        self.before: list[str] = []
        """Lines that stand before the loop: looks at memory that is the same at each step."""

    def reference(self, name: str) -> ast.expr:
        return self.known[name] if name in self.known else super().reference(name)

    def local_view(self, statement: Statement) -> list[str]:
        """A look at memory that is the same at each step is taken before the loop, if it has a name."""
        name = self.plan.display.get(statement.target)
        if name is None or not self.stays(statement.target) or not self.count.get(statement.target):
            return super().local_view(statement)
        self.before.append(f"{name} = {ast.unparse(self.view(statement))}")
        self.local_views.add(statement.target)
        return []

    def stays(self, name: str) -> bool:
        """Whether the memory of a variable is the same at each step."""
        while name in self.plan.bases:
            name = self.plan.bases[name]
        segment = self.plan.segments.get(name)
        return name in self.known or name in self.fixed or (segment is not None and segment.buffer is not None)

    def buffer(self, segment: Segment) -> str:
        assert segment.buffer is not None
        return self.scratch[segment.buffer]


def _infix(value: ast.expr) -> ast.expr:
    """Arithmetic on single numbers, as people write it."""

    class Infix(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.expr:
            self.generic_visit(node)
            op = ops.of(node)
            sign = op.operator() if op.infix and op.operator is not None else None
            match node.args:
                case [left, right] if isinstance(sign, ast.operator):
                    return ast.BinOp(left, sign, right)
                case [operand] if isinstance(sign, ast.unaryop):
                    return ast.UnaryOp(sign, operand)
            return node

    return Infix().visit(value)  # type: ignore[no-any-return]  # it makes expressions of expressions
