"""What the user is writing at a position.

This module looks only at the tokens of the logical line, because an unfinished statement has no tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gen.diagnostics import Span
from gen.language.lines import CLOSING
from gen.language.tokens import NEWLINE, Token
from gen.lsp.analysis import Analysis

_CALLED = ("NAME", *CLOSING.values())
"""The tokens that a call can follow; after other tokens, a parenthesis encloses an expression."""
QUOTED = "''"
"""The owner of a name that follows a string and a dot."""
_STRINGS = ("STRING", "UNTERMINATED_STRING", "DOCSTRING")


@dataclass(frozen=True)
class Bracket:
    """An open bracket: `[`, `{`, `(`, or `call` with the dotted name of the callee, or `""` if it has no name.

    `keyword` is the name of the argument that the user is writing, or None.  `index` counts the commas before it, and
    `given` has the names of the arguments before it.  In a dict, `value` says whether the key is complete.
    """

    kind: str
    called: str = ""
    index: int = 0
    keyword: str | None = None
    given: frozenset[str] = frozenset()
    value: bool = False


@dataclass(frozen=True)
class Cursor:
    """`word` is the name at the cursor, which may be empty; `owner` is what precedes its dot.

    `brackets` are the open brackets around it, the outermost first.  `fresh` says that a statement begins here; `open`,
    that a completion is possible, as it is not in a comment or a number; `quoted`, that the word is in a string.
    """

    word: Span
    owner: str | None = None
    brackets: tuple[Bracket, ...] = ()
    fresh: bool = False
    open: bool = True
    quoted: bool = False
    after: str = ""
    """The kind of the token before the word: `DEF`."""

    @property
    def call(self) -> Bracket | None:
        """The innermost call around the cursor, if it calls a name."""
        found = next((each for each in reversed(self.brackets) if each.kind == "call"), None)
        return found if found is not None and found.called else None


def cursor(analysis: Analysis, offset: int) -> Cursor:
    """What the user is writing at `offset`."""
    text = analysis.text.text
    tokens = _before(analysis, offset)
    word, quoted = Span(offset, offset), False
    if tokens and tokens[-1].span.end >= offset:
        last = tokens[-1]
        span = last.span
        if last.type in _STRINGS:
            start = span.start + len(last.value) - len(last.value.lstrip("rRuU\"'"))
            closed = last.type != "UNTERMINATED_STRING" and span.end == offset
            if closed or last.value[:3] in ('"""', "'''"):
                return Cursor(word, open=False)
            word, quoted, tokens = Span(min(start, offset), offset), True, tokens[:-1]
        elif last.type in ("NUMBER", "MALFORMED_NUMBER"):
            return Cursor(word, open=False)
        elif text[span.start : span.end].isidentifier():
            word, tokens = span, tokens[:-1]
    end = tokens[-1].span.end if tokens else 0
    if "#" in text[max(end, text.rfind("\n", 0, offset) + 1) : word.start]:
        return Cursor(word, open=False)
    brackets = _open_brackets(tokens)
    if not brackets and tokens and "\n" in text[end : word.start]:
        tokens = []
    owner = _dotted(tokens[:-1]) if tokens and tokens[-1].type == "DOT" else None
    if owner == "" and tokens[-2:-1] and tokens[-2].type in _STRINGS:
        owner = QUOTED
    return Cursor(word, owner, brackets, not tokens, quoted=quoted, after=tokens[-1].type if tokens else "")


def _before(analysis: Analysis, offset: int) -> Sequence[Token]:
    """The tokens of the logical line at `offset` that begin before it."""
    for line in reversed(analysis.lines):
        if line.tokens[0].span.start < offset:
            return [token for token in line.tokens if token.type != NEWLINE and token.span.start < offset]
    return []


def _open_brackets(tokens: Sequence[Token]) -> tuple[Bracket, ...]:
    """The brackets that `tokens` leave open."""
    found: list[Bracket] = []
    for index, token in enumerate(tokens):
        if token.type in CLOSING:
            calls = token.type == "LPAR" and index > 0 and tokens[index - 1].type in _CALLED
            found.append(Bracket("call", _dotted(tokens[:index])) if calls else Bracket(token.value))
        elif token.type in CLOSING.values():
            del found[-1:]
        elif found and token.type == "COMMA":
            given = found[-1].given | ({found[-1].keyword} if found[-1].keyword else set())
            found[-1] = replace(found[-1], index=found[-1].index + 1, keyword=None, given=given, value=False)
        elif found and token.type == "EQUAL" and tokens[index - 1].type == "NAME":
            found[-1] = replace(found[-1], keyword=tokens[index - 1].value)
        elif found and token.type == "COLON":
            found[-1] = replace(found[-1], value=True)
    return tuple(found)


def _dotted(tokens: Sequence[Token]) -> str:
    """The dotted name at the end of `tokens`, such as `keras.layers`; `""` if there is none."""
    parts: list[str] = []
    for token in reversed(tokens):
        if token.type == ("DOT" if parts and parts[-1] != "." else "NAME"):
            parts.append("." if token.type == "DOT" else token.value)
        else:
            break
    return "".join(reversed(parts)).removeprefix(".")
