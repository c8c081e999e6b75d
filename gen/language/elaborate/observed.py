"""What a run of a file was like: the values of its expressions, for editors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gen.diagnostics import Placed, Span
from gen.graph.graph import Graph
from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.interpreter import Interpreter
from gen.language.elaborate.names import Names
from gen.language.elaborate.values import Frame, LayerCall, ModelValue, Value, Wrong

MOST_VALUES = 8
"""How many values of one expression are kept, where blocks and loops give it several."""


@dataclass(frozen=True)
class Observed:
    """What there is to see in a file that was run, be it right or wrong.  Spans are those of the syntax tree."""

    model: ModelValue | None
    """The file's model; None, and no graph either, if there are errors."""
    graph: Graph | None
    values: Mapping[Span, Sequence[Value]]
    """What expressions have been, and names where they are bound; what is wrong is left out."""
    calls: Sequence[LayerCall]
    """The calls of layers, in order."""
    calling: frozenset[Span] = frozenset()
    """The statements that have called layers, themselves or in a function that they call."""


class Observer(Interpreter):
    """Runs a file and keeps what its expressions are."""

    def __init__(self, context: Context, between: Callable[[], None]) -> None:
        super().__init__(context)
        self._between = between
        self.values: dict[Span, list[Value]] = {}
        self._calling: set[Span] = set()
        self.names = _ObservedNames(context, self.note)

    def _execute(self, statement: syntax.Statement, frame: Frame) -> Value:
        self._between()
        before = len(self.context.calls)
        try:
            return super()._execute(statement, frame)
        finally:
            if len(self.context.calls) != before:
                self._calling.add(statement.span)

    def evaluate(self, expression: syntax.Expr, frame: Frame) -> Value:
        value = super().evaluate(expression, frame)
        if not isinstance(expression, syntax.Name):  # which `name` has seen
            self.note(expression.span, value)
        if isinstance(expression, syntax.Attribute):
            self.note(expression.name_span, value)
        return value

    def bind(self, target: syntax.Expr, value: Value, span: Span, frame: Frame) -> None:
        super().bind(target, value, span, frame)
        if isinstance(target, syntax.Attribute):
            self.note(target.name_span, value)

    def bind_quietly(self, target: syntax.Target, value: Value, span: Span, frame: Frame) -> None:
        super().bind_quietly(target, value, span, frame)
        if isinstance(target, syntax.Name):
            self.note(target.span, value)

    def name(self, name: syntax.Name, frame: Frame, called: bool = False) -> Value:
        value = super().name(name, frame, called)
        self.note(name.span, value)
        return value

    def note(self, span: Span, value: Value) -> None:
        """What is at `span` has been `value`."""
        if isinstance(span, Placed):
            return
        seen = self.values.setdefault(span, [])
        if len(seen) < MOST_VALUES and not isinstance(value, Wrong):
            seen.append(value)

    def observed(self, made: tuple[ModelValue, Graph] | None) -> Observed:
        """What was seen, once the file has run; `made` is what came of it."""
        model, graph = made or (None, None)
        return Observed(model, graph, self.values, self.context.calls, frozenset(self._calling))


class _ObservedNames(Names):
    """Names that tell what is bound to them."""

    def __init__(self, context: Context, note: Callable[[Span, Value], None]) -> None:
        super().__init__(context)
        self._tell = note

    def bind(self, name: str, value: Value, span: Span, frame: Frame) -> None:
        super().bind(name, value, span, frame)
        self._tell(span, value)
