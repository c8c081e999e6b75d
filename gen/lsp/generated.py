"""The generated code of a statement: the file, and the lines in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gen.commands.building import explained
from gen.compiler import DEFAULT, Options
from gen.diagnostics import Span
from gen.inspect.sourcemap import Lines, SourceMap, source_map
from gen.language import syntax
from gen.lsp.analysis import Analysis

_FUNCTIONS = ("forward", "infer")
"""The functions that compute the model: in training, or in prediction if the model is not trained."""


def generated(analysis: Analysis, options: Options = DEFAULT) -> SourceMap | None:
    """The generated file with the origin of its lines; None if the `.nn` file has errors.

    Raises `CommandError` if gen has a bug.
    """
    graph, path = analysis.observed.graph, Path(analysis.source.path)
    if graph is None:
        return None
    with explained(path):
        return source_map(graph, path.name, options)


def lines_of(analysis: Analysis, offset: int, made: SourceMap) -> Lines:
    """The generated lines of the statement at `offset`; for a block with several calls, those of the first call.

    For a statement without code, such as an Input, this is the first line of the function that computes the model.
    """
    span = _statement(analysis.file.statements, offset) or Span(offset, offset)
    calls = {made.spans[call]: call for call in reversed(made.calls_in(span))}
    for function in _FUNCTIONS:
        found = [lines for call in calls.values() for lines in made.lines_of(call, function)]
        if found:
            return Lines(min(lines.first for lines in found), max(lines.last for lines in found))
    heads = tuple(f"def {function}(" for function in _FUNCTIONS)
    head = next(i for i, line in enumerate(made.text.splitlines(), 1) if line.startswith(heads))
    return Lines(head, head)


def _statement(statements: Iterable[syntax.Statement], offset: int) -> Span | None:
    """The innermost statement at `offset`."""
    for statement in statements:
        if statement.span.start <= offset <= statement.span.end:
            inner = [_statement(body, offset) for body in syntax.bodies(statement)]
            return next((span for span in inner if span is not None), statement.span)
    return None
