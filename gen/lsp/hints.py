"""Inlay hints: each line ends with the shape of its result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gen.diagnostics import Span
from gen.dims import show
from gen.language import syntax
from gen.language.elaborate.values import TensorValue, Value
from gen.lsp.analysis import Analysis

MOST_SHAPES = 3
"""The most shapes that one line shows, if blocks and loops give it several."""


def shapes(analysis: Analysis) -> Mapping[int, str]:
    """The hints, such as `(batch, 32)`, by the offset of the end of their line."""
    text, hints = analysis.text, {}
    for span, values in (*_calls(analysis), *_statements(analysis, analysis.file.statements)):  # the latter count
        shown = list(dict.fromkeys(_shapes(values)))
        if shown:
            more = ["…"] if len(shown) > MOST_SHAPES else []
            hints[text.end_of_line(text.line_of(span.end))] = " | ".join(shown[:MOST_SHAPES] + more)
    return dict(sorted(hints.items()))


def typed(tensor: TensorValue) -> str:
    """The shape of a tensor, and its dtype if that is not the model's float type: `(batch, text) int32`."""
    return show(tensor.shape) if tensor.dtype == "float" else f"{show(tensor.shape)} {tensor.dtype}"


def _statements(analysis: Analysis, statements: Iterable[syntax.Statement]) -> Iterator[tuple[Span, Sequence[Value]]]:
    """The results of statements, including those inside blocks and loops."""
    for statement in statements:
        match statement:
            case syntax.Assign(value=value) | syntax.Return(value=value) | syntax.Evaluate(value=value):
                if value is not None:
                    yield statement.span, analysis.values(value.span)
            case syntax.AugAssign(target):
                yield statement.span, analysis.values(target.span)[1::2]  # the other half existed before
        for body in syntax.bodies(statement):
            yield from _statements(analysis, body)


def _calls(analysis: Analysis) -> Iterator[tuple[Span, Sequence[Value]]]:
    """The calls that have a line of their own inside a statement: in a Sequential, or in brackets."""
    for written in syntax.calls(analysis.file.statements):
        values = analysis.values(written.span)
        yield written.span, [
            item for item in values if isinstance(item, TensorValue) and item.maker.span == written.span
        ]
    for call in analysis.observed.calls:
        if not call.makes_mask and call.repeats is None:
            yield call.span, call.outputs


def _shapes(values: Iterable[Value]) -> Iterator[str]:
    for value in values:
        match value:
            case TensorValue():
                yield typed(value)
            case list() | tuple() if value and all(isinstance(item, TensorValue) for item in value):
                yield ", ".join(typed(item) for item in value)
