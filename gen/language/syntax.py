"""The syntax tree of a `.nn` file: frozen dataclasses, each with the span of source text it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gen.diagnostics import Span


@dataclass(frozen=True)
class Constant:
    """A number, a string, `True`, `False` or `None`."""

    value: int | float | str | bool | None
    span: Span


@dataclass(frozen=True)
class Name:
    id: str
    span: Span


@dataclass(frozen=True)
class List:
    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Tuple:
    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Dict:
    """Keys are names or strings: `{age: mse}`, `{"age": mse}`."""

    items: tuple[tuple[Expr, Expr], ...]
    span: Span


@dataclass(frozen=True)
class Attribute:
    """`value.name`; `name_span` covers the name alone."""

    value: Expr
    name: str
    name_span: Span
    span: Span


@dataclass(frozen=True)
class Keyword:
    """`name=value` in a call."""

    name: str
    name_span: Span
    value: Expr
    span: Span


@dataclass(frozen=True)
class Call:
    function: Expr
    positional: tuple[Expr, ...]
    keywords: tuple[Keyword, ...]
    span: Span


@dataclass(frozen=True)
class Unary:
    """`operator` is `-` or `+`."""

    operator: str
    operand: Expr
    span: Span


@dataclass(frozen=True)
class Binary:
    """`operator` is one of `+ - * / // % ** @`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True)
class Slice:
    """`start:stop:step` inside brackets; each part may be missing."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span


@dataclass(frozen=True)
class Index:
    """`value[items]`: expressions and slices, one per axis."""

    value: Expr
    items: tuple[Expr | Slice, ...]
    span: Span


Expr: TypeAlias = Constant | Name | List | Tuple | Dict | Attribute | Call | Unary | Binary | Index


@dataclass(frozen=True)
class Assign:
    """`a, b = value`: one or more target names."""

    targets: tuple[Name, ...]
    value: Expr
    span: Span


@dataclass(frozen=True)
class Parameter:
    """A parameter of a block, with its default or None."""

    name: str
    default: Expr | None
    span: Span


@dataclass(frozen=True)
class Def:
    """`def name(parameters): body`; `header` spans the line up to the colon."""

    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    header: Span
    span: Span


@dataclass(frozen=True)
class Return:
    value: Expr
    span: Span


@dataclass(frozen=True)
class For:
    """`for target in iterable: body`."""

    target: Name
    iterable: Expr
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True)
class Evaluate:
    """An expression that stands alone as a statement: `model.compile(…)`."""

    value: Expr
    span: Span


@dataclass(frozen=True)
class Import:
    """`import module as alias` (`names` is None) or `from module import name as alias, …`."""

    module: str
    names: tuple[tuple[str, str], ...] | None
    alias: str | None
    span: Span


Statement: TypeAlias = Assign | Def | Return | For | Evaluate | Import


@dataclass(frozen=True)
class File:
    """A whole `.nn` file: its docstring, cleaned as by `inspect.cleandoc`, and its statements in order.

    `unread` are the names that statements with a syntax error would have bound or changed.  What they hold is unknown,
    so nothing that follows from them is an error of its own.
    """

    docstring: str | None
    statements: tuple[Statement, ...]
    span: Span
    unread: frozenset[str] = frozenset()


def children(expression: Expr) -> Iterator[Expr]:
    """The expressions directly inside `expression`."""
    match expression:
        case List(items) | Tuple(items):
            yield from items
        case Dict(items):
            for pair in items:
                yield from pair
        case Attribute(value):
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
        case Index(value, indices):
            yield value
            for index in indices:
                parts = (index.start, index.stop, index.step) if isinstance(index, Slice) else (index,)
                yield from (part for part in parts if part is not None)


def calls(statements: Iterable[Statement]) -> Iterator[Call]:
    """All calls in `statements`, those inside blocks, loops and other calls too."""
    for statement in statements:
        match statement:
            case Assign(value=value) | Return(value=value) | Evaluate(value=value):
                yield from _calls_in(value)
            case For(iterable=value, body=body):
                yield from _calls_in(value)
                yield from calls(body)
            case Def(parameters=parameters, body=body):
                for parameter in parameters:
                    if parameter.default is not None:
                        yield from _calls_in(parameter.default)
                yield from calls(body)


def _calls_in(expression: Expr) -> Iterator[Call]:
    if isinstance(expression, Call):
        yield expression
    for child in children(expression):
        yield from _calls_in(child)
