"""The positions of the protocol: lines, and units within lines, in the encoding that client and server agreed on."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from functools import cached_property

from lsprotocol import types

from gen.diagnostics import Span

_LINE_END = re.compile("\r\n|\n|\r")  # the protocol's line ends; Python knows others

_CODECS = {
    types.PositionEncodingKind.Utf8: ("utf-8", 1),
    types.PositionEncodingKind.Utf16: ("utf-16-le", 2),
    types.PositionEncodingKind.Utf32: ("utf-32-le", 4),
}
"""Python's codec and the bytes of a unit."""


@dataclass(frozen=True)
class Text:
    """A text; the client counts its characters in units of `encoding`."""

    text: str
    encoding: types.PositionEncodingKind = types.PositionEncodingKind.Utf16

    @cached_property
    def _plain(self) -> str:
        """The text without halves of surrogate pairs, which no codec takes; the replacements have as many units."""
        return re.sub("[\ud800-\udfff]", "\ufffd", self.text)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _LINE_END.finditer(self.text))]

    @cached_property
    def _ends(self) -> list[int]:
        return [*(found.start() for found in _LINE_END.finditer(self.text)), len(self.text)]

    def offset(self, position: types.Position) -> int:
        """The offset of `position`; a position after the end of its line, or of the text, means that end."""
        if position.line >= len(self._starts):
            return len(self.text)
        codec, width = _CODECS[self.encoding]
        start = self._starts[position.line]
        line = self._plain[start : self._ends[position.line]].encode(codec)
        return start + len(line[: width * position.character].decode(codec, "ignore"))

    def position(self, offset: int) -> types.Position:
        """The position of the character at `offset`."""
        line = self.line_of(offset)
        codec, width = _CODECS[self.encoding]
        before = self._plain[self._starts[line] : offset].encode(codec)
        return types.Position(line, len(before) // width)

    def range(self, span: Span) -> types.Range:
        """The range of `span`."""
        return types.Range(self.position(span.start), self.position(span.end))

    def span(self, range_: types.Range) -> Span:
        """The span of `range_`."""
        return Span(self.offset(range_.start), self.offset(range_.end))

    @property
    def whole(self) -> types.Range:
        """The range of the whole text."""
        return self.range(Span(0, len(self.text)))

    def line_of(self, offset: int) -> int:
        """The number of the line that `offset` is in, from 0."""
        return bisect.bisect_right(self._starts, offset) - 1

    def end_of_line(self, line: int) -> int:
        """The offset of the end of a line."""
        return self._ends[line]
