"""A text, analyzed once: its tree, its diagnostics, the values of its expressions, and its variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lsprotocol import types

from gen import compiler
from gen.commands.building import CommandError, explained
from gen.diagnostics import Diagnostic, Diagnostics, Source, Span
from gen.inspect.facts import Facts, describe_model
from gen.language import syntax
from gen.language.elaborate import observe
from gen.language.elaborate.observed import Observed
from gen.language.elaborate.values import ModelValue, ObjectValue, Value
from gen.language.lines import Line, logical_lines
from gen.language.parser import MAX_CHARACTERS, MAX_TOKENS, tokenize, without_controls
from gen.lsp.text import Text
from gen.lsp.variables import Variables
from gen.lsp.worker import go_on


@dataclass(frozen=True)
class Analysis:
    """Everything that the features look at.  If there are errors, `good` is the analysis of the last good text."""

    source: Source
    text: Text
    file: syntax.File
    diagnostics: Sequence[Diagnostic]
    observed: Observed
    good: Analysis | None = field(default=None, repr=False)
    bug: str | None = None
    """The failure of gen itself, or of the user's own component, if there is one."""
    fixes: dict[tuple[Diagnostic, ...], Sequence[Any]] = field(default_factory=dict, repr=False)
    """The fixes that `gen.lsp.fixes` has already found for some of the diagnostics."""

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return self.bug is not None or any(item.severity == "error" for item in self.diagnostics)

    @cached_property
    def lines(self) -> Sequence[Line]:
        """The logical lines, including those that the reader cannot read."""
        text = self.text.text
        if len(text) > MAX_CHARACTERS:
            return ()
        text = without_controls(text, Diagnostics())
        tokens = tokenize(text)
        return tuple(logical_lines(text, tokens)) if len(tokens) <= MAX_TOKENS + 1 else ()

    @cached_property
    def variables(self) -> Variables:
        return Variables(self.file, self.text.text, self.lines, self._class_of)

    def _class_of(self, span: Span) -> syntax.Class | None:
        """The class of the object that the expression at `span` gives; None if it gives no object of one class."""
        classes = {each.cls for each in self.observed.values.get(span, ()) if isinstance(each, ObjectValue)}
        return classes.pop().definition if len(classes) == 1 else None

    @cached_property
    def facts(self) -> Facts | None:
        """The facts of the model, or of the last good one; None if there is none.  This takes as long as a build."""
        if self.observed.graph is None:
            return self.good.facts if self.good is not None else None
        try:
            with explained(Path(self.source.path)):
                return describe_model(self.observed.graph, options=compiler.Options(between=go_on))
        except CommandError:
            return None  # a failure after the checks is a bug in gen, which `gen build` reports

    def values(self, span: Span) -> Sequence[Value]:
        """The values of the expression or the bound name at `span`, if necessary those of the last good text."""
        found = [value for value in self.observed.values.get(span, ()) if not _is_broken(value)]
        if found or self.good is None:
            return found
        before = self._before(span)
        return () if before is None else self.good.observed.values.get(before, ())

    def bound(self, binding: Span) -> Sequence[Value]:
        """The values that the binding at `binding` has given the name."""
        definition = self.variables.block(binding) or getattr(self.variables.cls(binding), "definition", None)
        return self.values(binding if definition is None else definition.header)

    def _before(self, span: Span) -> Span | None:
        """The place of `span` in the last good text; None if this part has changed since."""
        start, end, shift = self._change
        if span.end <= start:
            return span
        return Span(span.start - shift, span.end - shift) if span.start >= end else None

    @cached_property
    def _change(self) -> tuple[int, int, int]:
        """The range of this text that is not in the last good one, and how many more characters it has."""
        assert self.good is not None
        old, new = self.good.text.text, self.text.text
        start = _same(old, new)
        same = _same(old[start:][::-1], new[start:][::-1])
        return start, len(new) - same, len(new) - len(old)


def analyse(
    path: str,
    text: str,
    encoding: types.PositionEncodingKind = types.PositionEncodingKind.Utf16,
    before: Analysis | None = None,
    asked: str = "",
) -> Analysis:
    """Analyze a text; `before` is the analysis of the text before it, and `asked` is the name of the model to look at.

    This function raises no exception, whatever the text is.
    """
    source, diagnostics, bug = Source(path, text), Diagnostics(), None
    file, observed = syntax.File(None, (), Span(0, len(text))), Observed(None, None, {}, ())
    try:
        with explained(Path(path)):
            file = compiler.parse(source, diagnostics)
            observed = observe(file, source, diagnostics, go_on, asked)
    except CommandError as error:
        bug = str(error)
    good = before if before is None or not before.failed else before.good
    if bug is None and not diagnostics.failed:
        good = None  # it needs none, and would keep it
    return Analysis(source, Text(text, encoding), file, diagnostics.in_source_order(), observed, good, bug)


def _is_broken(value: Value) -> bool:
    """Whether gen only knows of a value that it is a model."""
    return isinstance(value, ModelValue) and value.broken


def _same(one: str, other: str) -> int:
    """The length of the beginning that two texts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
