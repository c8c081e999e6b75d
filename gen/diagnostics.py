"""Diagnostics: what is wrong in a `.nn` file, where, why, and what to write instead.

A `Diagnostic` is plain data.  It is made where the check is, collected in `Diagnostics`, and printed here, as text
for people (`render_text`) or as JSON for programs (`to_json`).
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Span:
    """A half-open range of character offsets, `start <= end`, in one source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


@dataclass(frozen=True)
class Source:
    """The text of one `.nn` file and the name by which messages call it."""

    path: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        starts, offset = [0], self.text.find("\n")
        while offset >= 0:
            starts.append(offset + 1)
            offset = self.text.find("\n", offset + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`, both counted from 1."""
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its line end."""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].removesuffix("\r")

    def slice(self, span: Span) -> str:
        """The text that `span` covers."""
        return self.text[span.start : span.end]


@dataclass(frozen=True)
class Note:
    """Another place that explains an error, with what is there."""

    span: Span
    message: str


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong: a stable kebab-case `code`, a sentence, a place, and how to mend it."""

    code: str
    message: str
    span: Span
    label: str = ""
    notes: tuple[Note, ...] = ()
    hint: str | None = None
    severity: Severity = "error"


@dataclass
class Diagnostics:
    """Collects the diagnostics of one file."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        notes: tuple[Note, ...] = (),
        hint: str | None = None,
    ) -> None:
        self.items.append(Diagnostic(code, message, span, label, notes, hint, "error"))

    def warning(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        notes: tuple[Note, ...] = (),
        hint: str | None = None,
    ) -> None:
        self.items.append(Diagnostic(code, message, span, label, notes, hint, "warning"))

    @property
    def failed(self) -> bool:
        """Whether there is an error among them."""
        return any(item.severity == "error" for item in self.items)

    def in_source_order(self) -> list[Diagnostic]:
        """Sorted by place; a diagnostic that repeats another at the same place appears once."""
        unique = dict.fromkeys(self.items)
        return sorted(unique, key=lambda item: (item.span.start, item.span.end, item.severity, item.code))
