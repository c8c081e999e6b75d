"""The syntax tree of a `.nn` file: records, each with the span of source text it came from.

The names are those of Python's own `ast`, where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import EllipsisType
from typing import Literal, TypeAlias

from gen.diagnostics import Span
from gen.records import record

# ---------------------------------------------------------------------------------------------------------- expressions


@record
class Constant:
    """A number, a string, `True`, `False`, `None` or `...`."""

    value: int | float | str | bool | EllipsisType | None
    span: Span


@record
class Name:
    id: str
    span: Span


@record
class List:
    items: tuple[Expr, ...]
    span: Span


@record
class Tuple:
    items: tuple[Expr, ...]
    span: Span


@record
class Set:
    items: tuple[Expr, ...]
    span: Span


@record
class Dict:
    """`{key: value}`; a key is None for `**value`."""

    items: tuple[tuple[Expr | None, Expr], ...]
    span: Span


@record
class Starred:
    """`*value`: in a call, in a display, or in a target."""

    value: Expr
    span: Span


@record
class Attribute:
    """`value.name`; `name_span` covers the name alone."""

    value: Expr
    name: str
    name_span: Span
    span: Span


@record
class Keyword:
    """`name=value` in a call; for `**value`, `name` is empty."""

    name: str
    name_span: Span
    value: Expr
    span: Span


@record
class Call:
    function: Expr
    positional: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    span: Span


@record
class Unary:
    """`operator` is `-`, `+`, `~` or `not`."""

    operator: str
    operand: Expr
    span: Span


@record
class Binary:
    """`operator` is one of `+ - * / // % ** @ << >> & | ^`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


@record
class Logical:
    """`a and b and c`: `operator` is `and` or `or`."""

    operator: str
    values: tuple[Expr, ...]
    span: Span


@record
class Compare:
    """`a < b <= c`: each of `rest` is an operator and what stands after it.

    An operator is one of `== != < > <= >= in is`, `not in` and `is not`.
    """

    left: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span


@record
class Conditional:
    """`value if test else otherwise`."""

    test: Expr
    value: Expr
    otherwise: Expr
    span: Span


@record
class Lambda:
    parameters: tuple[Parameter, ...]
    body: Expr
    span: Span


@record
class Clause:
    """`for target in iterable if test`."""

    target: Target
    iterable: Expr
    tests: tuple[Expr, ...]
    span: Span


@record
class Comprehension:
    """`[element for …]`; `value` is what stands after the `:` in that of a dict, else None."""

    kind: Literal["list", "set", "dict", "generator"]
    element: Expr
    value: Expr | None
    clauses: tuple[Clause, ...]
    span: Span


@record
class Field:
    """`{value!conversion:spec}` in a formatted string; `text` is what stands before the `=` of `{value=}`, with it."""

    value: Expr
    conversion: str
    spec: Formatted | None
    text: str
    span: Span


@record
class Formatted:
    """`f"layer_{i}"`: text and fields in turn."""

    parts: tuple[str | Field, ...]
    span: Span


@record
class NamedExpr:
    """`target := value`."""

    target: Name
    value: Expr
    span: Span


@record
class Slice:
    """`start:stop:step` inside brackets; each part may be missing."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span


@record
class Index:
    """`value[items]`: expressions and slices, one per axis.  `tupled` says that there is a comma: `x[0,]`."""

    value: Expr
    items: tuple[Expr | Slice, ...]
    span: Span
    tupled: bool = False


@record
class ForeignExpr:
    """An expression that Python has and the language does not: `yield`, `await`.  `word` heads it."""

    word: str
    values: tuple[Expr, ...]
    span: Span


Expr: TypeAlias = (
    Constant
    | Name
    | List
    | Tuple
    | Set
    | Dict
    | Starred
    | Attribute
    | Call
    | Unary
    | Binary
    | Logical
    | Compare
    | Conditional
    | Lambda
    | Comprehension
    | Formatted
    | NamedExpr
    | Index
    | ForeignExpr
)
Target: TypeAlias = Name | Tuple | List | Starred | Attribute | Index
"""What can be bound; the items of a tuple or a list are targets too."""

# ----------------------------------------------------------------------------------------------------------- statements


@record
class Assign:
    """`a, b = c = value`: the targets of each `=`, in order; `x: int = value` has an annotation."""

    targets: tuple[Target, ...]
    value: Expr
    span: Span
    annotation: Expr | None = None


@record
class AugAssign:
    """`target += value`; `operator` is that of `Binary`."""

    target: Name | Attribute | Index
    operator: str
    value: Expr
    span: Span


@record
class Delete:
    targets: tuple[Target, ...]
    span: Span


@record
class Pass:
    """`pass`, and what has no effect either: a string or an annotation that stands alone, `global` in a file.

    An annotation that stands alone `declares` a name: a field of a dataclass.
    """

    span: Span
    declares: str = ""


@record
class Break:
    span: Span


@record
class Continue:
    span: Span


@record
class Assert:
    test: Expr
    message: Expr | None
    span: Span


@record
class Raise:
    """`raise exception from cause`; the exception is None where it stands alone."""

    exception: Expr | None
    span: Span


@record
class Parameter:
    """A parameter of a function, with its default or None.

    `kind` is `only` before a `/`, `args` for `*name`, `named` after that or after a `*`, `kwargs` for `**name`.
    """

    name: str
    default: Expr | None
    span: Span
    kind: Literal["plain", "only", "args", "named", "kwargs"] = "plain"
    annotation: Expr | None = None


@record
class Def:
    """`def name(parameters): body`; `header` spans the line up to the colon.

    `asynchronous` marks `async def`, which the language has not.
    """

    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    header: Span
    span: Span
    decorators: tuple[Expr, ...] = ()
    returns: Expr | None = None
    asynchronous: bool = False


@record
class Class:
    """`class name(bases, keywords): body`; `header` spans the line up to the colon."""

    name: str
    bases: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    body: tuple[Statement, ...]
    header: Span
    span: Span
    decorators: tuple[Expr, ...] = ()


@record
class Return:
    value: Expr | None
    span: Span


@record
class If:
    """`if test: body else: otherwise`; an `elif` is an `If` in `otherwise`."""

    test: Expr
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span


@record
class While:
    """`while test: body else: otherwise`."""

    test: Expr
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span


@record
class For:
    """`for target in iterable: body else: otherwise`."""

    target: Target
    iterable: Expr
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    span: Span


@record
class With:
    """`with scope as target, …: body`; a target may be None."""

    items: tuple[tuple[Expr, Target | None], ...]
    body: tuple[Statement, ...]
    span: Span


@record
class Handler:
    """`except kind as name: body`; `kind` and `name` may be None."""

    kind: Expr | None
    name: Name | None
    body: tuple[Statement, ...]
    span: Span


@record
class Try:
    """`try: body except …: … else: otherwise finally: finish`."""

    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...]
    otherwise: tuple[Statement, ...]
    finish: tuple[Statement, ...]
    span: Span


@record
class Evaluate:
    """An expression that stands alone as a statement: `model.compile(…)`."""

    value: Expr
    span: Span


@record
class Import:
    """`import module as alias` (`names` is None) or `from module import name as alias, …`.

    The module of `from . import name` begins with a dot.
    """

    module: str
    names: tuple[tuple[str, str], ...] | None
    alias: str | None
    span: Span


@record
class Foreign:
    """A statement that Python has and the language does not: `global`, `async with`, `match`.

    `word` heads it, `names` are those that it may bind.
    """

    word: str
    names: tuple[str, ...]
    span: Span


Statement: TypeAlias = (
    Assign
    | AugAssign
    | Delete
    | Pass
    | Break
    | Continue
    | Assert
    | Raise
    | Def
    | Class
    | Return
    | If
    | While
    | For
    | With
    | Try
    | Evaluate
    | Import
    | Foreign
)


@record
class File:
    """A whole `.nn` file: its docstring, cleaned as by `inspect.cleandoc`, and its statements in order.

    `unread` are the names that statements with a syntax error would have bound or changed.  What they hold is unknown,
    so nothing that follows from them is an error of its own.
    """

    docstring: str | None
    statements: tuple[Statement, ...]
    span: Span
    unread: frozenset[str] = frozenset()


# ---------------------------------------------------------------------------------------------------------------- walks


def children(expression: Expr) -> Iterator[Expr]:
    """The expressions directly inside `expression`; names that it binds are among them, as targets."""
    match expression:
        case List(items) | Tuple(items) | Set(items):
            yield from items
        case Dict(items):
            for key, value in items:
                if key is not None:
                    yield key
                yield value
        case Starred(value) | Attribute(value):
            yield value
        case Call(function, positional, keywords):
            yield function
            yield from positional
            yield from (keyword.value for keyword in keywords)
        case Unary(_, operand):
            yield operand
        case Binary(_, left, right):
            yield left
            yield right
        case Logical(_, values) | ForeignExpr(_, values):
            yield from values
        case Compare(left, rest):
            yield left
            yield from (right for _, right in rest)
        case Conditional(test, value, otherwise):
            yield from (value, test, otherwise)
        case Lambda(parameters, body):
            yield from defaults(parameters)
            yield body
        case Comprehension(_, element, value, clauses):
            yield element
            if value is not None:
                yield value
            for clause in clauses:
                yield from (clause.target, clause.iterable, *clause.tests)
        case Formatted(parts):
            for part in parts:
                if isinstance(part, Field):
                    yield part.value
                    if part.spec is not None:
                        yield part.spec
        case NamedExpr(target, value):
            yield target
            yield value
        case Index(value, indices):
            yield value
            for index in indices:
                bounds = (index.start, index.stop, index.step) if isinstance(index, Slice) else (index,)
                yield from (bound for bound in bounds if bound is not None)


def defaults(parameters: Iterable[Parameter]) -> Iterator[Expr]:
    """The defaults of parameters, which are evaluated where the function is defined."""
    return (parameter.default for parameter in parameters if parameter.default is not None)


def expressions(statement: Statement) -> Iterator[Expr]:
    """The expressions directly in `statement`, targets too; not those of the statements inside it."""
    match statement:
        case Assign(targets, value):
            yield value
            yield from targets
        case AugAssign(target, _, value):
            yield value
            yield target
        case Delete(targets):
            yield from targets
        case Assert(test, message):
            yield from (test,) if message is None else (test, message)
        case Raise(exception) if exception is not None:
            yield exception
        case Def(parameters=parameters, decorators=decorators):
            yield from decorators
            yield from defaults(parameters)
        case Class(bases=bases, keywords=keywords, decorators=decorators):
            yield from decorators
            yield from bases
            yield from (keyword.value for keyword in keywords)
        case Return(value) if value is not None:
            yield value
        case If(test) | While(test):
            yield test
        case For(target, iterable):
            yield iterable
            yield target
        case With(items):
            for scope, bound in items:
                yield scope
                if bound is not None:
                    yield bound
        case Try(handlers=handlers):
            yield from (handler.kind for handler in handlers if handler.kind is not None)
        case Evaluate(value):
            yield value


def bodies(statement: Statement) -> Iterator[tuple[Statement, ...]]:
    """The statements inside `statement`, block by block."""
    match statement:
        case Def(body=body) | Class(body=body) | With(body=body):
            yield body
        case If(body=body, otherwise=otherwise) | While(body=body, otherwise=otherwise):
            yield body
            yield otherwise
        case For(body=body, otherwise=otherwise):
            yield body
            yield otherwise
        case Try(body, handlers, otherwise, finish):
            yield body
            yield from (handler.body for handler in handlers)
            yield otherwise
            yield finish


def walk(statements: Iterable[Statement]) -> Iterator[Statement]:
    """All of `statements`, and those inside them."""
    for statement in statements:
        yield statement
        for body in bodies(statement):
            yield from walk(body)


def inside(expression: Expr) -> Iterator[Expr]:
    """`expression` and all expressions inside it."""
    yield expression
    for child in children(expression):
        yield from inside(child)


def calls(statements: Iterable[Statement]) -> Iterator[Call]:
    """All calls in `statements`, those inside blocks, loops and other calls too."""
    for statement in walk(statements):
        for expression in expressions(statement):
            for each in inside(expression):
                if isinstance(each, Call):
                    yield each


def names_bound(target: Target) -> Iterator[Name]:
    """The names that binding `target` binds: none for an attribute or an item."""
    match target:
        case Name():
            yield target
        case Tuple(items) | List(items):
            for item in items:
                yield from names_bound(item)  # type: ignore[arg-type]  # the items of a target are targets
        case Starred(value):
            yield from names_bound(value)  # type: ignore[arg-type]  # so is what a star stands before
