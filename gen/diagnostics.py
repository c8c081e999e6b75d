"""Diagnostics: what is wrong in a `.nn` file, where, why, and what to write instead.

A `Diagnostic` is plain data.  The code that checks makes it, `Diagnostics` collects it, and this module prints it, as
text for people (`render_text`) or as JSON for programs (`to_json`).
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

from gen.records import record

Severity = Literal["error", "warning"]


@record
class Span:
    """A half-open range of character offsets, `start <= end`, in one source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


@record
class Placed(Span):
    """A place `at` in another text, which is shown where this text stands: at a call of what is written there."""

    source: Source
    at: Span


@dataclass(frozen=True)
class Source:
    """The text of one `.nn` file and the name by which messages call it."""

    path: str
    text: str
    cells: tuple[tuple[int, int], ...] = ()
    """For a notebook: the first line of each cell of code, and the number of the cell."""

    @cached_property
    def _starts(self) -> list[int]:
        """Where the lines start that were asked for, and those before them."""
        return [0]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`, both counted from 1."""
        starts = self._starts
        while starts[-1] <= offset and (end := self.text.find("\n", starts[-1])) >= 0:
            starts.append(end + 1)
        line = bisect.bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def cell(self, line: int) -> tuple[int, int] | None:
        """The number of the cell that a line is in, and that of the line in it; None where there are no cells."""
        if not self.cells:
            return None
        first, number = self.cells[max(bisect.bisect_right(self.cells, (line, len(self.text))) - 1, 0)]
        return number, line - first + 1

    def listed(self, lines: Sequence[int]) -> str:
        """The numbers of lines in words: `1, 3 to 7`, or `2 to 3 in cell 1, 4 in cell 2`."""
        ranges: list[tuple[int | None, list[int]]] = []
        for line in lines:
            found = self.cell(line)
            cell, number = (None, line) if found is None else found
            if ranges and ranges[-1][0] == cell and number == ranges[-1][1][-1] + 1:
                ranges[-1][1].append(number)
            else:
                ranges.append((cell, [number]))
        shown = [
            (str(each[0]) if len(each) == 1 else f"{each[0]} to {each[-1]}") + (f" in cell {cell}" if cell else "")
            for cell, each in ranges
        ]
        return ", ".join(shown[:20]) + (", …" if len(shown) > 20 else "")

    def place(self, offset: int) -> str:
        """`offset` as messages name it: `model.nn:3:1`, or `model.ipynb:cell 2:3:1`."""
        line, column = self.position(offset)
        cell = self.cell(line)
        return f"{self.path}:{line}:{column}" if cell is None else f"{self.path}:cell {cell[0]}:{cell[1]}:{column}"

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its line end."""
        starts = self._starts
        while len(starts) <= number and (end := self.text.find("\n", starts[-1])) >= 0:
            starts.append(end + 1)
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].removesuffix("\r")

    def slice(self, span: Span) -> str:
        """The text that `span` covers."""
        return self.text[span.start : span.end]


@dataclass(frozen=True)
class Note:
    """Another place that explains an error, with a text."""

    span: Span
    message: str


@dataclass(frozen=True)
class Diagnostic:
    """One error or warning: a stable kebab-case `code`, a sentence, a place, and a hint how to fix it."""

    code: str
    message: str
    span: Span
    label: str = ""
    notes: tuple[Note, ...] = ()
    hint: str | None = None
    severity: Severity = "error"


MAX_ERRORS = 1_000
"""The most diagnostics of one file: nobody reads more, and a hundred thousand take seconds."""


@dataclass
class Diagnostics:
    """Collects the diagnostics of one file."""

    items: list[Diagnostic] = field(default_factory=list)
    _ended: bool = False

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

    def enough(self, span: Span) -> bool:
        """Whether there are so many that gen stops looking; an error at `span` then says so, once."""
        if len(self.items) >= MAX_ERRORS and not self._ended:
            self._ended = True
            message = f"The file has more than {MAX_ERRORS:,} errors: nothing after this place was checked"
            self.error(
                "too-large", span, message, hint="fix the first ones; most of the others may disappear with them"
            )
        return self._ended

    @property
    def failed(self) -> bool:
        """Whether there is an error among them."""
        return any(item.severity == "error" for item in self.items)

    def in_source_order(self) -> list[Diagnostic]:
        """Sorted by place, without repetitions at the same place."""
        unique = dict.fromkeys(self.items)
        return sorted(unique, key=lambda item: (item.span.start, item.span.end, item.severity, item.code))


def did_you_mean(word: str, candidates: Iterable[str], words: tuple[str, ...] = ()) -> str | None:
    """The candidate that `word` most likely misspells, ignoring case; None if none is close.

    `words` are more candidates, which are the same each time.
    """
    known = _closest(word, words)
    return _closest(word, (*candidates, known) if known else tuple(candidates))


@lru_cache(maxsize=1024)  # the same word comes again and again, in a loop or while somebody types elsewhere
def _closest(word: str, candidates: tuple[str, ...]) -> str | None:
    import difflib  # most files have no misspelling

    by_folded: dict[str, list[str]] = {}
    for candidate in candidates:
        by_folded.setdefault(candidate.casefold(), []).append(candidate)
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    # `accuracy` and `Accuracy` are not the same
    return difflib.get_close_matches(word, by_folded[close[0]], n=1, cutoff=0.0)[0] if close else None


_NOT_ASCII = re.compile(r"[^ -~]")


def visible(text: str) -> str:
    """`text`, with the characters that a terminal would interpret or not show written as `<U+200B>`."""
    if text.isprintable():
        return text
    return _NOT_ASCII.sub(lambda found: found[0] if found[0].isprintable() else f"<U+{ord(found[0]):04X}>", text)


def visible_lines(text: str) -> str:
    """`text` from `visible`, split into its lines."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))


def to_json(source: Source, items: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """The diagnostics as plain data, one dictionary each; lines and columns count from 1, the end is exclusive."""
    return [_as_dict(source, item) for item in items]


def _as_dict(source: Source, item: Diagnostic) -> dict[str, Any]:
    line, column = source.position(item.span.start)
    end_line, end_column = source.position(item.span.end)
    cell = source.cell(line)
    if cell is not None:
        line, end_line = cell[1], end_line - line + cell[1]
    return {
        "file": source.path,
        **({} if cell is None else {"cell": cell[0]}),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "severity": item.severity,
        "code": item.code,
        "message": item.message,
        "hint": item.hint,
        "notes": [_note_as_dict(source, note) for note in item.notes],
    }


def _note_as_dict(source: Source, note: Note) -> dict[str, Any]:
    line, column = source.position(note.span.start)
    return {"line": line, "column": column, "message": note.message}


def render_text(source: Source, items: Sequence[Diagnostic], *, colour: bool = False) -> str:
    """The diagnostics for people: each with its source line, the place underlined, its notes, and its hint.

    Without `colour`, the text contains no control character but line feeds, whatever the source contains.
    """
    return "\n\n".join(_render(source, item, colour) for item in items)


_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


def _render(source: Source, item: Diagnostic, colour: bool) -> str:
    line = source.position(item.span.start)[0]
    numbers = [line, *(source.position(note.span.start)[0] for note in item.notes)]
    gutter = " " * (len(str(max(numbers))) + 2)
    bar = _style(f"{gutter}|", "note", colour)
    title = _style(f"{item.severity}[{item.code}]", item.severity, colour)
    rows = [
        f"{title}: {visible(item.message)}",
        f"{_style(f'{gutter[1:]}-->', 'note', colour)} {visible(source.place(item.span.start))}",
        bar,
        *_excerpt(source, item.span, "^", item.label, gutter, item.severity, colour),
    ]
    for note in item.notes:
        rows += [bar, *_excerpt(source, note.span, "-", note.message, gutter, "note", colour)]
    if item.hint is not None:
        rows.append(f"{_style(f'{gutter}=', 'note', colour)} hint: {visible(item.hint)}")
    return "\n".join(rows)


def _excerpt(
    source: Source, span: Span, mark: str, label: str, gutter: str, style: str, colour: bool
) -> tuple[str, str]:
    """The first line of `span`, and below it the underline with its label."""
    number, column = source.position(span.start)
    text = source.line(number)
    start = column - 1
    end = min(start + span.end - span.start, len(text))
    most = _LINE + 1  # of each part: the rest is cut anyway, and costs time if a long line has many errors
    before, marked, after = _clip(text[max(start - most, 0) : start], text[start:end][:most], text[end : end + most])
    underline = mark * max(_width(marked), 1)
    row = f"{before}{marked}{after}"
    cell = source.cell(number)
    number = number if cell is None else cell[1]
    margin = _style(f"{number:>{len(gutter) - 1}} |", "note", colour)
    below = _style(f"{underline} {visible(label)}".rstrip(), style, colour)
    bar = _style(f"{gutter}|", "note", colour)
    return f"{margin} {row}".rstrip(), f"{bar} {' ' * _width(before)}{below}"


_LINE = 160
"""The number of characters of a source line to show."""


def _clip(before: str, marked: str, after: str) -> tuple[str, str, str]:
    """The three parts of a line as shown: tabs as spaces, and a long line cut around the place."""
    before, marked, after = (visible(part.replace("\t", "    ")) for part in (before, marked, after))
    if len(before) + len(marked) + len(after) <= _LINE:
        return before, marked, after
    before = before if len(before) <= 60 else f"…{before[-59:]}"
    marked = marked if len(marked) <= 80 else f"{marked[:79]}…"
    after = after if len(after) <= 20 else f"{after[:19]}…"
    return before, marked, after


def _width(text: str) -> int:
    """The number of columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def _style(text: str, style: str, colour: bool) -> str:
    if not colour:
        return text
    import click  # imported here, because most output has no color

    return click.style(text, fg=_COLOURS[style], bold=True)
