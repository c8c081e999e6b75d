"""What the parts of the interpreter share: how they reach each other, how a statement ends, and what is lost.

A value is lost if it is wrong already, or unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate.builtin import iterated
from gen.language.elaborate.context import MAX_ITEMS, MAX_NESTED, Caller, Context
from gen.language.elaborate.names import Names
from gen.language.elaborate.operators import truth
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.values import (
    WRONG,
    Frame,
    TensorValue,
    Unknown,
    Value,
    Wrong,
    count_items,
    is_wrong,
    nests_deeper,
    without_shape,
)


@dataclass
class RunningStatement:
    """What is running: `heading` is the expression whose outermost call stands for the whole statement."""

    span: Span
    heading: syntax.Expr | None = None
    targets: dict[int, str] = field(default_factory=dict)
    """The variables that the values of expressions are bound to, by the identity of the expression."""


class Signal:
    """How a statement leaves the statements around it."""


GOES_ON, BREAK, CONTINUE = Signal(), Signal(), Signal()


@dataclass
class Returned(Signal):
    """`return` ends the function with this value."""

    value: Value


@dataclass
class Doubt(Signal):
    """Perhaps the statement leaves those around it: that depends on what gen cannot know."""

    why: Lost
    returns: bool
    """Whether it may leave the function, and not only the round of a loop."""


Lost: TypeAlias = Wrong | Unknown


def lost(*values: Value) -> Lost | None:
    """What a computation on `values` gives where one of them is wrong or unknown; None where none is."""
    found: Lost | None = None
    for value in values:
        if isinstance(value, Wrong):
            return WRONG
        if isinstance(value, Unknown):
            found = found or without_shape(value)
    return found


class Runner(Caller, Protocol):
    """The interpreter, as its parts see it: through it they reach each other, and an observer sees what they do."""

    context: Context
    names: Names
    statement: RunningStatement

    def run(self, statements: Sequence[syntax.Statement], frame: Frame) -> Signal:
        """Run statements in order, until one of them leaves them."""

    def evaluate(self, expression: syntax.Expr, frame: Frame) -> Value:
        """The value of an expression; `WRONG` if anything in it is reported."""

    def name(self, name: syntax.Name, frame: Frame, called: bool = False) -> Value:
        """The value of a name."""

    def bind(self, target: syntax.Expr, value: Value, span: Span, frame: Frame) -> None:
        """Bind what `target` names to `value`, which stands at `span`."""

    def bind_quietly(self, target: syntax.Target, value: Value, span: Span, frame: Frame) -> None:
        """Bind the target of a loop: values are not named after it, and nobody misses it if it is not read."""


class Raised(Exception):
    """The file raises an exception; the diagnostic is already made."""


def plain(runner: Runner, span: Span, function: Callable[..., Value], *arguments: Any) -> Value:
    """The result of a computation on plain values; what it raises is reported at `span`."""
    try:
        return runner.context.counted(function(*arguments), span)
    except Problem as problem:
        return runner.context.no_result(problem, span, arguments)


def limited(runner: Runner, value: Value, span: Span) -> Value:
    """A list, a tuple or a dict, unless too much is in it: everything is looked through wherever it is used."""
    count = count_items(value, MAX_ITEMS)
    runner.context.step(span, count // 20)
    if count <= MAX_ITEMS and nests_deeper(value, MAX_NESTED):
        message = f"Lists and dicts nest more than {MAX_NESTED} deep here"
        return runner.context.error("too-deep", span, message)
    if count <= MAX_ITEMS:
        return value
    if is_wrong(value):
        return WRONG
    message = f"This would have more than {MAX_ITEMS:,} items, including nested ones"
    return runner.context.error("loop-limit", span, message)


def holds(runner: Runner, test: syntax.Expr, frame: Frame) -> bool | Lost:
    """Whether a condition holds; wrong or unknown where that cannot be said."""
    value = runner.evaluate(test, frame)
    return is_true(runner, value, test.span)


def is_true(runner: Runner, value: Value, span: Span) -> bool | Lost:
    """The same of a value, which stands at `span`."""
    gone = lost(value)
    return gone if gone is not None else plain(runner, span, truth, value)


def looped_over(runner: Runner, values: Value, span: Span) -> list[Value] | Lost:
    """What a loop over `values` goes through."""
    gone = lost(values)
    if gone is not None:
        return gone
    if isinstance(values, TensorValue):
        message = "A loop cannot run over a tensor: its numbers are not known when the model is built"
        hint = "loop over numbers, `for i in range(x.shape[1]):`, and take `x[:, i]`"
        return runner.context.error("not-iterable", span, message, hint=hint)
    return plain(runner, span, iterated, values)  # type: ignore[no-any-return]  # a list


def heading_of(runner: Runner, expression: syntax.Expr) -> Span:
    """What heads the call that `expression` is: the statement if it is all of it, else itself."""
    return runner.statement.span if expression is runner.statement.heading else expression.span
