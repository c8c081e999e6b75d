"""The program: straight-line statements in static single assignment, one array operation each.

A statement's `value` is a stdlib `ast` expression over variable names and constants.  What is known about it (type,
section, the block that it belongs to) lives on the statement.  Variables whose name has a dot, and parameters, are
places outside: `p.h_kernel` is a weight, `g.h_kernel` its gradient.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

from gen.dims import Dim, Shape, Size
from gen.program import ops
from gen.program.ops import Op
from gen.program.types import ArrayType

SIZE = ArrayType((), "size")
"""A number that is a formula of sizes: it has no variable in the generated code, and is written where it is read."""
STEP = "step"
"""The section of what a loop does at each step."""


@dataclass(frozen=True)
class Constant:
    """An array that nothing changes, which is made with the buffers."""

    kind: str
    """`ones` or `zeros`: the function of NumPy that makes it; `""` for a constant of the model's own."""
    shape: Shape
    dtype: str = "float"
    text: str = ""
    """The call that makes it, but for its dtype, if it is the model's own: `np.arange(0, 12, 1)`."""


@dataclass(frozen=True)
class Parts:
    """What runs for one part of its arrays after the other: `for variable in values`.

    The types of variables are those of a whole part; the last may be shorter.
    """

    variable: str
    values: ast.expr
    length: ast.expr
    """How long a part is, `len(w)`: so much of a buffer is used."""
    count: Fraction | None = None
    """How many whole parts there are, the last counted as the piece of one that it is; None if data decide."""
    note: str = ""
    in_threads: bool = False
    """Whether several threads may each run some of the parts."""


@dataclass(frozen=True)
class Block:
    """Consecutive statements of one call, or that run for the same parts; `heading` is the comment above them."""

    heading: str
    note: str = ""
    call: object = None
    """`Call.block` of the call; None for what belongs to no single one."""
    others: tuple[object, ...] = ()
    """The same of calls that it comes from too: those fused with `call`, the head of a loss, all in one loop."""
    parts: Parts | None = None
    """The parts of arrays that its statements, all that do so, run for."""


@dataclass(frozen=True)
class Statement:
    """`target = value`, in a section of the program (`forward`, `loss`, …) and a block of that section."""

    target: str
    value: ast.expr
    section: str
    block: Block
    guard: str | None = None
    """A condition under which alone the statement runs; it then works in place on its first operand."""
    place: str = ""
    """The rule that it comes from, `Dense.forward`, for messages about bugs in gen."""
    more: tuple[str, ...] = ()
    """The variables after `target` that a kernel with several results fills, or a loop, or that are named at once."""
    binds: bool = False
    """Whether it only gives names to its value as it stands: memory from outside, or what Python makes of it."""
    changes: tuple[str, ...] = ()
    """The variables from outside that it changes where they are; each target is one of them as it is afterwards."""
    loop: Loop | None = None
    """What is done at each step, where the statement is a loop over steps; `value` then only says what it reads."""

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target, *self.more)

    @cached_property
    def op(self) -> Op:
        """The operation that `value` is a call of."""
        return ops.of(self.value)


@dataclass(frozen=True)
class Loop:
    """A `for` over the first axis of some arrays.

    `roles` says what each argument of the statement's value is to the body, `gives` what each of its targets is.
    """

    body: Program
    steps: Size
    roles: tuple[Role, ...]
    gives: tuple[Role, ...]
    backwards: bool = False
    numbers: tuple[tuple[str, float], ...] = ()
    """What the body reads as arrays of one number, by name."""
    plan: Any = None
    """The `Plan` of the body's memory; its buffers are targets of the statement, like all else that the loop fills."""


@dataclass(frozen=True)
class Role:
    """What an array outside of a loop is to its body.

    | kind | is |
    | --- | --- |
    | `constant` | an argument that is the same at each step |
    | `sequence` | an argument, (steps, …), of which a step has its part, called `name` |
    | `first` | an argument that the state `name` starts from; it may be the number 0 |
    | `state` | a result: the state `name`, which each step overwrites |
    | `states` | a result, (steps + 1, …): the state before the step is `name`, that after it `after` |
    | `stacked` | a result, (steps, …), of which a step fills its part, called `name` |
    | `over` | the same in the memory of the `sequence` of that name |
    | `scratch` | a result that nobody reads: memory for the buffer of the body's plan that is called `name` there |
    """

    kind: str
    name: str = ""
    after: str = ""


@dataclass(frozen=True)
class Program:
    """Statements in order, the type of every variable, and what they start from and must leave behind.

    `names` holds the name that a variable has in the rule or the `.nn` file; other variables are scratch.
    `pinned` says where the final value of a variable has to be: `{"dkernel.3": "g.h_kernel"}`.
    `kept` are variables that are read after a section has run: `{"loss": ("answer",)}`.
    """

    statements: tuple[Statement, ...]
    types: dict[str, ArrayType]
    names: dict[str, str]
    parameters: frozenset[str]
    pinned: dict[str, str] = field(default_factory=dict)
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    soft: dict[str, str] = field(default_factory=dict)
    """Names for variables that have none, unless another in their place, in the same section, has one."""
    fallback: dict[str, str] = field(default_factory=dict)
    """Names for variables that have none, unless another in their place, before or after them, has one."""
    claimed: dict[str, str] = field(default_factory=dict)
    """Those among `names` that were set aside, each with the one variable that has it."""
    taken: frozenset[str] = frozenset()
    """Names that no other variable may have; where several want one that is free, all but the first get a number."""
    constants: dict[str, Constant] = field(default_factory=dict)
    """Parameters that are the same number throughout: `b.ones_batch`."""

    def sections(self) -> list[str]:
        """The names of the sections in order."""
        return list(dict.fromkeys(statement.section for statement in self.statements))

    def every_statement(self) -> Iterator[Statement]:
        """The statements, and those in the bodies of loops."""
        for statement in self.statements:
            yield statement
            if statement.loop is not None:
                yield from statement.loop.body.every_statement()

    def with_statements(self, statements: Iterator[Statement] | list[Statement]) -> Program:
        return replace(self, statements=tuple(statements))


# ------------------------------------------------------------------------------------- making and reading expressions


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def literal(value: object) -> ast.expr:
    """A Python literal, the formula of a symbolic size, or what stands between the brackets of an index."""
    if isinstance(value, ast.expr):
        return value
    if isinstance(value, tuple):
        return ast.Tuple([literal(item) for item in value], ast.Load())
    if isinstance(value, float):
        value = tidy(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if value is None or isinstance(value, bool | int | float | str):
        return ast.Constant(value)
    if isinstance(value, Dim):
        return ast.parse(size_text(value), mode="eval").body
    if isinstance(value, slice):
        return ast.Slice(*(None if part is None else literal(part) for part in (value.start, value.stop, value.step)))
    if value is Ellipsis:
        return ast.Constant(...)
    raise TypeError(f"{type(value).__name__} has no literal")


def tidy(value: float) -> float:
    """`value` without the dust of its computation, where a short number is meant: 1 - 0.9 is 0.1.

    What is left off is less than one in 10¹⁵.
    """
    short = float(f"{value:.15g}")
    return short if len(repr(short)) <= 8 else value


def runtime_shape(shape: Shape) -> tuple[object, ...]:
    """A shape for `reshape`: its first symbolic size is written −1, which is shorter and the same."""
    first = next((i for i, size in enumerate(shape) if isinstance(size, Dim)), None)
    return tuple(-1 if i == first else size for i, size in enumerate(shape))


def size_text(size: Size) -> str:
    """A size in the generated code: symbols are attributes of the buffers, `b.batch`."""
    if isinstance(size, int):
        return str(size)
    tree = ast.parse(str(size), mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = f"b.{node.id}"
    return ast.unparse(tree)


def operation(op: Op, *operands: object, **options: object) -> ast.Call:
    """The call of an operation on `operands`, which are variable names (`str`) or literals."""
    return formula(op.name, *operands, **options)


def formula(name: str, *operands: object, **options: object) -> ast.Call:
    """The expression `name(operands…, options…)`, as of Python's `float`; operands are as those of `operation`."""
    arguments = [ast.Name(item, ast.Load()) if isinstance(item, str) else literal(item) for item in operands]
    keywords = [ast.keyword(key, literal(value)) for key, value in options.items()]
    return ast.Call(_parsed(name), arguments, keywords)


def expression(text: str, **names: str) -> ast.expr:
    """The expression that is written so, with variables in place of `names`: `last="s.last"`."""
    return substitute(_parsed(text), {name: ast.Name(variable, ast.Load()) for name, variable in names.items()})


def reads(value: ast.expr) -> list[str]:
    """The variables that an expression reads, in order, with repeats."""
    if isinstance(value, ast.Name):
        return [value.id]
    if isinstance(value, ast.Call):  # by far the most common: keep it quick
        found = []
        for item in value.args:
            found += [item.id] if isinstance(item, ast.Name) else reads(item)
        for keyword in value.keywords:
            found += reads(keyword.value)
        return found
    return [
        name for child in ast.iter_child_nodes(value) for name in (reads(child) if isinstance(child, ast.expr) else [])
    ]


def substitute(value: ast.expr, replacements: dict[str, ast.expr]) -> ast.expr:
    """`value` with variables replaced by expressions; the original is left as it is."""
    if isinstance(value, ast.Name):
        return replacements.get(value.id, value)
    if isinstance(value, ast.Constant):
        return value
    changed: dict[str, Any] = {}
    for name, part in ast.iter_fields(value):
        if isinstance(part, ast.expr):
            changed[name] = substitute(part, replacements)
        elif isinstance(part, list):
            changed[name] = [_substituted(item, replacements) for item in part]
        else:
            changed[name] = part
    return type(value)(**changed)


def _substituted(item: object, replacements: dict[str, ast.expr]) -> object:
    if isinstance(item, ast.keyword):
        return ast.keyword(item.arg, substitute(item.value, replacements))
    return substitute(item, replacements) if isinstance(item, ast.expr) else item
