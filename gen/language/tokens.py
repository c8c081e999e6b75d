"""The tokens of a text."""

from __future__ import annotations

from gen.diagnostics import Span
from gen.records import record

NEWLINE = "_NEWLINE"


@record
class Token:
    """A piece of the text: `type` is its terminal in grammar/nn.lark, `value` its text."""

    type: str
    value: str
    span: Span

    def __str__(self) -> str:
        return self.value
