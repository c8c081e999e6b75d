"""Pass: lets a program work on slices of a batch at the same time, each with some of its rows.

A program runs on a slice as it does on a small batch.  What differs is what the rows of other slices take part in: a
sum over rows is only a part of the sum then.  Gradients may stay parts, for they are added up at the end.  Where the
whole sum is needed, as by the mean of a batch normalization, the slices meet (`over_slices`).  A number of rows that is
computed with is that of the whole batch, `b.whole_batch`.

A program that does anything else with rows needs all of them at once, and stays as it is.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from gen.dims import BATCH as BATCH_SIZE
from gen.dims import Dim, Shape, Size, product
from gen.passes import exact
from gen.program import ops
from gen.program.ir import SIZE, Loop, Program, Statement, expression, operation, reads, substitute
from gen.program.lower.state import MEASURE
from gen.program.types import NUMBER

BATCH = str(BATCH_SIZE)
WHOLE_BATCH = "whole_batch"
"""The attribute of the buffers that has the number of rows of all slices."""
FIRST = "b.is_first"
"""Whether a slice is the first: what is the same in all, such as the penalty of a weight, is added there."""
PREDICTING = ("infer", "activate")
"""The sections in which slices never meet."""
ALONE = "input_gradients"
"""The section that runs on request, on a whole batch."""


class Kind(Enum):
    """What a variable of a slice is beside that of the whole batch."""

    SAME = auto()
    """The same in every slice."""
    ROWS = auto()
    """The rows of the slice."""
    PART = auto()
    """A summand: the sum over all slices is that of the whole batch."""


class NeedsWhole(Exception):
    """A program needs all rows of a batch at once; says why."""


@dataclass(frozen=True)
class Sliced:
    """A program that may run on slices, or the reason why it may not."""

    program: Program
    why_not: str = ""


@exact(
    "slices",
    does="lets several threads work on the rows of a batch, which meet where a sum over all rows is needed",
    because="the slices add the same numbers, in an order that their number alone decides",
)
def in_slices(program: Program, results: Mapping[str, Sequence[ast.expr]]) -> Sliced:
    """`program` so that it may run on slices; `results` are what the functions of its sections return."""
    try:
        return Sliced(_Slicing(program, results).run())
    except NeedsWhole as why:
        return Sliced(program, str(why))


def batch_axes(shape: Shape) -> list[int]:
    """The axes whose size depends on the number of rows."""
    return [i for i, size in enumerate(shape) if isinstance(size, Dim) and BATCH in size.symbols()]


@dataclass
class _Slicing:
    """Walks through a program once, and finds the kind of each variable."""

    program: Program
    results: Mapping[str, Sequence[ast.expr]]
    kinds: dict[str, Kind] = field(default_factory=dict)
    inside: bool = False
    """Whether it is the body of a loop, where slices do not meet."""
    within: dict[str, Size] = field(default_factory=dict)
    """How many numbers of a row follow each other in the axis of the rows: 1, or 36 in one of `36 * batch`."""

    def __post_init__(self) -> None:
        self.types, self.names = dict(self.program.types), dict(self.program.names)
        self.statements: list[Statement] = []
        self.whole: dict[str, str] = {}
        """The variables with the sums over all slices."""
        self.views = {each.target: each for each in self.program.statements if each.op.view}
        self.gradients = self._gradients()

    def run(self) -> Program:
        for constant in self.program.constants.values():
            if constant.text and batch_axes(constant.shape):
                raise NeedsWhole(f"`{constant.text}` depends on the number of rows")
        for name in self.program.parameters - self.kinds.keys():
            self.kinds[name] = Kind.ROWS if self._axes(name) else Kind.SAME
        for statement in self.program.statements:
            self._statement(statement)
        self._count_once()
        self._check_results()
        return replace(self.program, statements=tuple(self.statements), types=self.types, names=self.names)

    def _gradients(self) -> set[str]:
        """The variables that are gradients of weights, and the summands of these."""
        found = {name for name, place in self.program.pinned.items() if place.startswith("g.")}
        for statement in reversed(self.program.statements):
            if statement.target in found and (statement.op is ops.ADD or statement.op.plain):
                found.update(reads(statement.value))
        return found

    def _axes(self, name: str) -> list[int]:
        return batch_axes(self.types[name].shape) if name in self.types else []

    def _kinds_of(self, names: Iterable[str]) -> set[Kind]:
        return {self.kinds[name] for name in names if name in self.kinds}

    # -------------------------------------------------------------------------------------------------- statements

    def _statement(self, statement: Statement) -> None:
        if statement.section == ALONE:
            self.kinds.update((name, Kind.ROWS if self._axes(name) else Kind.SAME) for name in statement.targets)
            self.statements.append(statement)
        elif statement.loop is not None:
            self._loop(statement, statement.loop)
        elif statement.binds and statement.section in PREDICTING:  # a head, seen as a matrix
            self.kinds[statement.target] = Kind.ROWS
            self.within[statement.target] = _factor(self.types[statement.target].shape[0]) or 1
            self.statements.append(statement)
        elif statement.binds or statement.changes:
            raise NeedsWhole(f"{statement.place} reaches outside of the program")
        elif self.types[statement.target] in (NUMBER, SIZE):
            numbers = _Numbers(self, statement)
            value = numbers.visit(statement.value)
            self.kinds[statement.target] = numbers.kind(value)
            self.statements.append(replace(statement, value=value))
        else:
            statement = self._with_whole_operands(statement)
            made = self._made(statement)
            for name in statement.targets:
                self._check_rows(statement, name)
                self.kinds[name] = Kind.ROWS if self._axes(name) else made
            self.statements.append(self._added_once(statement))

    def _with_whole_operands(self, statement: Statement) -> Statement:
        """The statement, with sums over all slices for parts of sums, where parts will not do."""
        value = statement.value
        if statement.op.elementwise or statement.op in (ops.FULL, ops.FILL):
            assert isinstance(value, ast.Call)
            value = ast.Call(value.func, [self._operand(item, statement) for item in value.args], value.keywords)
        elif any(_reads_batch(item) for item in _plain_operands(value)):
            raise NeedsWhole(f"{statement.place} computes with the number of rows")
        parts = [name for name in reads(value) if self.kinds.get(name) is Kind.PART]
        known = all(name in self.whole for name in parts) and statement.target not in self.gradients
        if parts and (known or not self._keeps_parts(statement, value)):
            wholes: dict[str, ast.expr] = {name: ast.Name(self._whole(name, statement), ast.Load()) for name in parts}
            value = substitute(value, wholes)
        return replace(statement, value=value)

    def _operand(self, item: ast.expr, statement: Statement) -> ast.expr:
        """An operand; a number that is known only when the file runs is that of the whole batch."""
        return item if isinstance(item, ast.Name | ast.Constant) else _Numbers(self, statement).whole(item)

    def _whole(self, name: str, statement: Statement) -> str:
        """The variable with the sum over all slices of one that holds a part of it."""
        if name not in self.whole:
            if self.inside or statement.section in (*PREDICTING, "track", "constrain"):
                raise NeedsWhole(f"{statement.place} needs a sum over all rows")
            whole = self.whole[name] = f"{name}#whole"
            self.types[whole] = replace(self.types[name], contiguous=True)
            self.kinds[whole] = Kind.SAME
            if name in self.names:
                self.names[whole] = self.names[name]
            value: ast.expr = operation(ops.WHOLE, name)
            if name in self.views:  # of which the memory is made whole
                seen = self.views[name].value
                (base,) = reads(seen)
                value = substitute(seen, {base: ast.Name(self._whole(base, statement), ast.Load())})
            self.statements.append(replace(statement, target=whole, value=value, guard=None, more=()))
        return self.whole[name]

    def _keeps_parts(self, statement: Statement, value: ast.expr) -> bool:
        """Whether an operation makes of parts of sums a part of the sum that it would make of the sums."""
        assert isinstance(value, ast.Call)
        op, kinds = statement.op, [self._kinds_of(reads(item)) for item in value.args]
        part, same = {Kind.PART}, [set(), {Kind.SAME}]
        if op.view or op.reduces or op in (ops.NEGATIVE, ops.COPY):
            return (not op.reduces or op is ops.SUM) and kinds[0] == part
        if op in (ops.CONCATENATE, ops.STACK):
            return kinds[0] == part
        if op is ops.ADD and statement.target in self.gradients:
            return all(each in (part, {Kind.SAME}) for each in kinds)
        if op in (ops.ADD, ops.SUBTRACT):
            return kinds == [part, part]
        if op in (ops.MULTIPLY, ops.DOT, ops.MATMUL):
            return sorted(each == part for each in kinds) == [False, True] and any(each in same for each in kinds)
        if op is ops.DIVIDE:
            return kinds[0] == part and kinds[1] in same
        return op.linear and kinds[0] == part and all(each in same for each in kinds[1:])

    def _made(self, statement: Statement) -> Kind:
        """What a statement makes where its result has no rows; raises `NeedsWhole` unless rows stay apart."""
        op, value = statement.op, statement.value
        assert isinstance(value, ast.Call)
        operands = [name for name in reads(value) if name in self.kinds]
        kinds = self._kinds_of(operands)
        made = Kind.PART if Kind.PART in kinds else Kind.SAME
        if op.view:
            self._view(statement, operands[0])
        elif op.draws:
            self._check_drawn(statement)
        elif op.reduces or op is ops.ARGMAX:
            if self._crosses_rows(statement, operands[0]):
                if op is not ops.SUM:
                    raise NeedsWhole(f"{statement.place} takes {op.name} over the rows of a batch")
                return Kind.PART
        elif op in (ops.DOT, ops.MATMUL, ops.VDOT):
            if kinds == {Kind.ROWS}:
                self._check_pairs(statement, operands)
                return Kind.PART
        elif op is ops.COUNT_NONZERO:
            return Kind.PART if kinds == {Kind.ROWS} else made
        elif op is ops.TAKE:
            if self._axes(operands[0]):
                raise NeedsWhole(f"{statement.place} looks up rows of the batch")
        elif op in (ops.CONCATENATE, ops.STACK):
            self._check_joint(statement, operands)
        elif op.function is not None:
            return self._kernel(statement, kinds)
        elif not (op.elementwise or op in (ops.FULL, ops.FILL, *ops.CAST.values())):
            raise NeedsWhole(f"{statement.place} calls {op.name}")
        if Kind.ROWS in kinds and not self._axes(statement.target):
            raise NeedsWhole(f"{statement.place} makes one of all rows")
        return made

    def _added_once(self, statement: Statement) -> Statement:
        """What is the same in every slice counts once, where it is added to a part of a sum."""
        if statement.op is not ops.ADD or self.kinds[statement.target] is not Kind.PART:
            return statement
        assert isinstance(statement.value, ast.Call)
        part, same = sorted(statement.value.args, key=lambda item: Kind.PART not in self._kinds_of(reads(item)))
        if Kind.PART in self._kinds_of(reads(same)):
            return statement
        (name,) = reads(part)
        if name in self.views:  # what is added in place has memory of its own
            copy = f"{name}#own"
            self.types[copy], self.kinds[copy] = replace(self.types[name], contiguous=True), Kind.PART
            self.statements.append(replace(statement, target=copy, value=operation(ops.COPY, name)))
            part = ast.Name(copy, ast.Load())
        return replace(statement, value=ast.Call(statement.value.func, [part, same], []), guard=FIRST)

    def _kernel(self, statement: Statement, kinds: set[Kind]) -> Kind:
        """What a kernel makes; each says whether it keeps rows apart."""
        if kinds <= {Kind.SAME} and not any(map(self._axes, statement.targets)):
            return Kind.SAME
        op, value = statement.op, statement.value
        assert isinstance(value, ast.Call) and op.function is not None
        if op.by_shape:
            return Kind.SAME
        if Kind.PART in kinds:
            return Kind.PART
        if not op.by_row:
            raise NeedsWhole(f"{statement.place} calls {op.name}")
        parameters = list(inspect.signature(op.function).parameters)
        arguments = dict(zip(parameters, value.args, strict=False)) | {
            str(item.arg): item.value for item in value.keywords
        }
        for name in ("axis", "axes"):
            if name in arguments and self._named_rows(statement, arguments[parameters[0]], arguments[name]):
                raise NeedsWhole(f"{statement.place} calls {op.name} over the rows of a batch")
        return Kind.PART

    def _named_rows(self, statement: Statement, array: ast.expr, axes: ast.expr) -> bool:
        """Whether the axis of the rows of an array is among these axes."""
        found = reads(array)
        rank = len(self.types[found[0]].shape) if found and found[0] in self.types else 0
        if not rank:
            return True
        return bool({axis % rank for axis in _axes_said(axes, rank)} & set(self._axes(found[0])))

    # -------------------------------------------------------------------------------------------------- where rows are

    def _crosses_rows(self, statement: Statement, operand: str) -> bool:
        """Whether a reduction goes from one row to the next."""
        assert isinstance(statement.value, ast.Call)
        rank = len(self.types[operand].shape)
        said = next((item.value for item in statement.value.keywords if item.arg == "axis"), ast.Constant(0))
        axes = {axis % rank for axis in _axes_said(said, rank)}
        return bool(axes & set(self._axes(operand)))

    def _check_rows(self, statement: Statement, name: str) -> None:
        """Find how the rows of a result lie in their axis; raises `NeedsWhole` unless those of its operands agree."""
        axes, shape = self._axes(name), self.types[name].shape
        if not axes or name in self.within:
            return
        if len(axes) > 1:
            raise NeedsWhole(f"{statement.place} sets rows beside rows")
        size = shape[axes[0]]
        if size == BATCH_SIZE:
            self.within[name] = 1
            return
        known = {
            self.within[each]
            for each in reads(statement.value)
            if each in self.within and self.types[each].shape[self._axes(each)[0]] == size
        }
        if len(known) != 1:
            raise NeedsWhole(f"{statement.place} has rows in an order of its own")
        self.within[name] = known.pop()

    def _view(self, statement: Statement, operand: str) -> None:
        """Find how rows lie in a view; raises `NeedsWhole` where it cuts or mixes them."""
        op, name = statement.op, statement.target
        shape, rows, seen = self.types[name].shape, self._axes(operand), self._axes(name)
        if not rows:
            if seen and op is not ops.BROADCAST:
                raise NeedsWhole(f"{statement.place} makes rows of what has none")
            return
        before = self.types[operand].shape
        size = before[rows[0]]
        if op is ops.RESHAPE:
            if len(seen) != 1:
                raise NeedsWhole(f"{statement.place} mixes rows")
            inner = product((self._within(operand, size), *before[rows[0] + 1 :]))
            behind, own = shape[seen[0] + 1 :], shape[seen[0]]
            for within in (1, _factor(own)):
                if within is not None and product((within, *behind)) == inner:
                    self.within[name] = within
                    return
            raise NeedsWhole(f"{statement.place} mixes rows")
        if [shape[axis] for axis in seen] != [size] or (op is ops.INDEX and self._turns_rows(statement, rows[0])):
            raise NeedsWhole(f"{statement.place} takes some rows of the batch")
        self.within[name] = self._within(operand, size)

    def _within(self, name: str, size: Size) -> Size:
        """How rows lie in the axis of an array; those of ones and zeros are all alike."""
        if name in self.within:
            return self.within[name]
        return 1 if size == BATCH_SIZE else _factor(size) or 1

    def _turns_rows(self, statement: Statement, axis: int) -> bool:
        """Whether an index goes through the axis of the rows in another order."""
        assert isinstance(statement.value, ast.Call)
        said = statement.value.args[1]
        items = list(said.elts) if isinstance(said, ast.Tuple) else [said]
        texts = [ast.unparse(item) for item in items]
        if "..." in texts:
            at = texts.index("...")
            rank = len(self.types[reads(statement.value)[0]].shape)
            named = sum(text != "None" for text in texts) - 1
            texts[at : at + 1] = [":"] * (rank - named)
        texts = [text for text in texts if text != "None"]
        return axis < len(texts) and texts[axis].strip("()") not in (":", "slice(None, None, None)")

    def _check_pairs(self, statement: Statement, operands: list[str]) -> None:
        """Raise `NeedsWhole` where a product pairs rows in one order with rows in another."""
        shapes = [self.types[name].shape for name in operands]
        sizes = [shape[axis] for name, shape in zip(operands, shapes, strict=True) for axis in self._axes(name)]
        orders = {self.within[name] for name in operands if name in self.within}
        pairs = statement.op is not ops.VDOT or len(set(shapes)) == 1 or self.program.constants.keys() & {*operands}
        if not pairs or (len(set(sizes)) == 1 and len(orders) > 1):
            raise NeedsWhole(f"{statement.place} pairs rows in different orders")

    def _check_drawn(self, statement: Statement) -> None:
        shape = self.types[statement.target].shape
        if batch_axes(shape) != [0] or _factor(shape[0]) is None:
            raise NeedsWhole(f"{statement.place} draws the same numbers for every row")
        self.within[statement.target] = _factor(shape[0]) or 1

    def _check_joint(self, statement: Statement, operands: list[str]) -> None:
        assert isinstance(statement.value, ast.Call)
        said = next((item.value for item in statement.value.keywords if item.arg == "axis"), ast.Constant(0))
        axes, shape = self._axes(statement.target), self.types[statement.target].shape
        if any(axis % len(shape) in axes for axis in _axes_said(said, len(shape))):
            raise NeedsWhole(f"{statement.place} puts rows behind rows")

    # -------------------------------------------------------------------------------------------------- loops

    def _loop(self, statement: Statement, loop: Loop) -> None:
        """A loop over steps: its body works on rows, as the statements around it do."""
        assert isinstance(statement.value, ast.Call)
        body = _Slicing(loop.body, {}, inside=True)
        firsts: dict[str, Kind] = {}
        for role, argument in zip(loop.roles, statement.value.args, strict=True):
            names = reads(argument)
            kind = self.kinds[names[0]] if names else Kind.SAME
            if kind is Kind.PART:
                raise NeedsWhole(f"{statement.place} loops over parts of sums")
            if role.kind == "first":
                firsts[role.name] = kind
            elif role.name in loop.body.types:
                body.kinds[role.name] = kind
        for role, target in zip(loop.gives, statement.targets, strict=True):
            for name in (role.name, role.after):
                if name in loop.body.types and name not in body.kinds:
                    rows = batch_axes(loop.body.types[name].shape)
                    body.kinds[name] = Kind.ROWS if rows else Kind.PART
            if role.kind == "state" and not batch_axes(self.types[target].shape):
                raise NeedsWhole(f"{statement.place} has a state without rows")
        made = body.run()
        for role, target in zip(loop.gives, statement.targets, strict=True):
            self.kinds[target] = Kind.ROWS if self._axes(target) else Kind.PART
            if role.kind != "scratch" and not self._axes(target):
                raise NeedsWhole(f"{statement.place} gives something without rows")
            self._check_rows(statement, target)
        self.statements.append(replace(statement, loop=replace(loop, body=made)))

    # -------------------------------------------------------------------------------------------------- results

    def _count_once(self) -> None:
        """Terms of the loss that are the same in every slice are added in the first."""
        terms = {name for value in self.results.get("loss", ()) for name in reads(value)}
        for i, statement in enumerate(self.statements):
            if statement.target in terms and self.kinds[statement.target] is Kind.SAME:
                once = ast.IfExp(expression(FIRST), statement.value, ast.Constant(0.0))
                self.statements[i] = replace(statement, value=once)
                self.kinds[statement.target] = Kind.PART

    def _check_results(self) -> None:
        """What is kept in the model's places, and what functions return."""
        for name, place in self.program.pinned.items():
            if place.startswith("g.") and self.kinds[name] is not Kind.PART:
                raise NeedsWhole(f"the gradient {place} is no sum over rows")
            if place.startswith("p.") and self.kinds[name] is not Kind.SAME:
                raise NeedsWhole(f"{place} is made of rows")
        for section, values in self.results.items():
            wanted = Kind.ROWS if section in PREDICTING else Kind.PART
            for name in (name for value in values for name in reads(value) if name in self.kinds):
                if self.kinds[name] is not wanted:
                    raise NeedsWhole(f"`{section}` gives what is not made of rows")


class _Numbers(ast.NodeTransformer):
    """The formula of a number, for slices: the number of rows is that of all, and sums over rows are whole where a part
    will not do."""

    def __init__(self, slicing: _Slicing, statement: Statement) -> None:
        self.slicing, self.statement = slicing, statement
        self.measured = statement.section.startswith(MEASURE)
        """Whether what is measured of a slice is added up as it is, its number of rows too."""

    def kind(self, value: ast.expr) -> Kind:
        """What a formula gives in a slice."""
        match value:
            case ast.Name(id=name):
                return self.slicing.kinds.get(name, Kind.SAME)
            case ast.Attribute(attr=name):
                return Kind.PART if name == BATCH else Kind.SAME
            case ast.Call(func=ast.Name(id="float" | "int"), args=[inner]):
                return self.kind(inner)
            case ast.Call() if ops.of(value) is ops.WHOLE:
                return Kind.SAME
            case ast.Call() if ops.of(value) in (ops.SUM, ops.VDOT, ops.COUNT_NONZERO):
                kinds = self.slicing._kinds_of(reads(value))
                return Kind.SAME if kinds <= {Kind.SAME} else Kind.PART
        parts = [self.kind(child) for child in ast.iter_child_nodes(value) if isinstance(child, ast.expr)]
        return Kind.PART if Kind.PART in parts else Kind.SAME

    def whole(self, value: ast.expr) -> ast.expr:
        """The formula, of which every slice has the same number."""
        return self._summed(self.visit(value))

    def _summed(self, value: ast.expr) -> ast.expr:
        if self.kind(value) is not Kind.PART:
            return value
        if self.slicing.inside or self.measured or self.statement.section in PREDICTING:
            raise NeedsWhole(f"{self.statement.place} needs a sum over all rows")
        return ast.Call(ast.Name(ops.WHOLE.name, ast.Load()), [ast.Name("b", ast.Load()), value], [])

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if node.attr != BATCH or self.measured:
            return node
        if self.statement.section in PREDICTING:
            raise NeedsWhole(f"{self.statement.place} computes with the number of rows")
        return ast.Attribute(node.value, WHOLE_BATCH, node.ctx)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        op = ops.of(node)
        if op in (ops.SUM, ops.VDOT, ops.COUNT_NONZERO):
            kinds = self.slicing._kinds_of(reads(node))
            if len(kinds) > 1 or (op is not ops.SUM and Kind.PART in kinds):
                raise NeedsWhole(f"{self.statement.place} multiplies a sum over rows")
            return node
        arguments = [self.visit(item) for item in node.args]
        if not (isinstance(node.func, ast.Name) and node.func.id == "float"):
            plain = isinstance(node.func, ast.Name) and node.func.id == "int" and len(arguments) == 1
            arguments = arguments if plain else [self._summed(item) for item in arguments]
        return ast.Call(node.func, arguments, node.keywords)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        kinds = [self.kind(left), self.kind(right)]
        if Kind.PART in kinds:
            fits = {
                ast.Add: kinds[0] is kinds[1],
                ast.Sub: kinds[0] is kinds[1],
                ast.Mult: kinds[0] is not kinds[1],
                ast.Div: kinds[1] is Kind.SAME,
            }
            if not fits.get(type(node.op), False):
                left, right = self._summed(left), self._summed(right)
        return ast.BinOp(left, node.op, right)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        body, other = self.visit(node.body), self.visit(node.orelse)
        if self.kind(body) is not self.kind(other):
            body, other = self._summed(body), self._summed(other)
        return ast.IfExp(self.whole(node.test), body, other)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        return ast.Compare(self.whole(node.left), node.ops, [self.whole(item) for item in node.comparators])


def _factor(size: Size) -> Size | None:
    """What an axis of rows has besides the rows: 36 of `36 * batch`; None where it is no such product."""
    if not isinstance(size, Dim) or any(atoms.count(BATCH) != 1 for atoms, _ in size.terms):
        return None
    rest: Size = 0
    for atoms, factor in size.terms:
        others = tuple(atom for atom in atoms if atom != BATCH)
        rest = rest + (Dim(((others, factor),)) if others else factor)
    return None if isinstance(rest, Dim) and BATCH in rest.symbols() else rest


def _axes_said(said: ast.expr, rank: int) -> list[int]:
    """The axes that an option names."""
    axes = ast.literal_eval(said)
    if axes is None:
        return list(range(rank))
    return list(axes) if isinstance(axes, tuple | list) else [axes]


def _plain_operands(value: ast.expr) -> list[ast.expr]:
    """The arguments of a call that are no arrays, tuples or shapes."""
    assert isinstance(value, ast.Call)
    given = [*value.args, *(item.value for item in value.keywords)]
    return [item for item in given if not isinstance(item, ast.Name | ast.Tuple)]


def _reads_batch(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == BATCH for node in ast.walk(value))
