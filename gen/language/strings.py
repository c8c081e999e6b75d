"""What strings say: their escapes, and the fields of formatted ones, as Python 3.11 reads them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from gen.diagnostics import Diagnostic, Span
from gen.language import syntax
from gen.language.tokens import Token

_ESCAPE = re.compile(
    r"""\\(?:(?P<newline>\n)|(?P<plain>[\\'"abfnrtv])|(?P<octal>[0-7]{1,3})|x(?P<x>[0-9a-fA-F]{2})"""
    r"""|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<name>N\{[^}]+\})|(?P<wrong>[xuUN])|(?P<other>.))""",
    re.DOTALL,
)
_PLAIN = dict(zip("\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v", strict=True))
_OPENING = {"(": ")", "[": "]", "{": "}"}
_MOST_NESTED = 2
"""How deep fields stand in the format of fields."""

Read = Callable[[str, int], syntax.Expr]
"""Reads an expression that begins at an offset."""


class Refused(Exception):
    """A statement has a form that the grammar admits and the language does not; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def joined(tokens: Sequence[Token], read: Read) -> syntax.Constant | syntax.Formatted:
    """The string that neighboring strings are; `read` reads the fields of formatted ones."""
    parts: list[str | syntax.Field] = []
    for token in tokens:
        parts += _Pieces(token, read).parts()
    span = tokens[0].span.to(tokens[-1].span)
    if all(token.type == "STRING" for token in tokens):
        return syntax.Constant("".join(part for part in parts if isinstance(part, str)), span)
    return syntax.Formatted(_merged(parts), span)


def _merged(parts: Sequence[str | syntax.Field]) -> tuple[str | syntax.Field, ...]:
    """The parts without empty text, and with each text in one piece."""
    row: list[str | syntax.Field] = []
    for part in parts:
        if isinstance(part, str) and row and isinstance(row[-1], str):
            row[-1] += part
        elif part != "":
            row.append(part)
    return tuple(row)


class _Pieces:
    """Reads one string token; `_at` is how far, in the text of the token, and `_end` where the closing quotes are."""

    def __init__(self, token: Token, read: Read) -> None:
        self._text: str = token.value
        self._start = token.span.start
        self._read = read
        quoted = self._text.lstrip("rRuUfF")
        prefix = self._text[: -len(quoted)].lower()
        quotes = 3 if quoted[:3] in {'"""', "'''"} else 1
        self._raw = "r" in prefix
        self._formatted = "f" in prefix
        self._at, self._end = len(prefix) + quotes, len(self._text) - quotes

    def parts(self) -> Sequence[str | syntax.Field]:
        if not self._formatted:
            return [self._decoded(self._at, self._end)]
        return self._parts(0)

    def _parts(self, depth: int) -> list[str | syntax.Field]:
        """The text and the fields from here on; in the format of a field, up to the `}` that ends it."""
        parts: list[str | syntax.Field] = []
        while self._at < self._end:
            parts.append(self._literal(depth))
            if self._at == self._end or self._text[self._at] == "}":
                break
            parts.append(self._field(depth))
        return parts

    def _literal(self, depth: int) -> str:
        """The text up to a field or to the end; doubled braces are braces, but not in a format."""
        start, pieces = self._at, []
        while self._at < self._end:
            character, after = self._text[self._at], self._text[self._at + 1 : self._at + 2]
            if character == "\\" and not self._raw:
                named = self._text.startswith("\\N{", self._at)
                close = self._text.find("}", self._at, self._end) if named else -1
                self._at = close + 1 if close >= 0 else self._at + (1 if after in {"{", "}"} else 2)
            elif character in "{}" and depth == 0 and after == character and self._at + 1 < self._end:
                pieces.append(self._decoded(start, self._at + 1))
                self._at += 2
                start = self._at
            elif character == "}" and depth == 0:
                self._refuse(self._at, 1, "This `}` closes no field", "write `}}` for a brace in the text")
            elif character in "{}":
                break
            else:
                self._at += 1
        self._at = min(self._at, self._end)
        return "".join([*pieces, self._decoded(start, self._at)])

    def _field(self, depth: int) -> syntax.Field:
        """The field that begins here."""
        opening = self._at
        if depth >= _MOST_NESTED:
            self._refuse(opening, 1, "Fields nest too deeply here", "compute the format in a statement of its own")
        self._at += 1
        start = self._at
        self._skip_expression(opening)
        source, place = self._text[start : self._at], self._start + start
        if not source.strip():
            self._refuse(opening, self._at + 1 - opening, "This field is empty", "write a value between the braces")
        value = self._read(source, place)
        text, conversion, spec = "", "", None
        if self._here() == "=":
            self._at += 1
            while self._here() and self._here() in " \t\n\r\f\v":
                self._at += 1
            text = self._text[start : self._at].replace("\r\n", "\n")
        if self._here() == "!":
            self._at += 1
            conversion = self._here()
            if conversion not in {"s", "r", "a"}:
                self._refuse(self._at - 1, 2, "A conversion is `!s`, `!r` or `!a`", "write one of them, or remove it")
            self._at += 1
        if self._here() == ":":
            self._at += 1
            begin = self._at
            parts = _merged(self._parts(depth + 1))
            spec = syntax.Formatted(parts, Span(self._start + begin, self._start + self._at))
        if self._here() != "}":
            self._refuse(opening, 1, "This field is not closed", "write `}` after it, or `{{` for a brace in the text")
        self._at += 1
        if text and spec is None and not conversion:
            conversion = "r"
        return syntax.Field(value, conversion, spec, text, Span(self._start + opening, self._start + self._at))

    def _here(self) -> str:
        return self._text[self._at] if self._at < self._end else ""

    def _skip_expression(self, opening: int) -> None:
        """Goes to the `}`, `!`, `:` or `=` that ends the expression of a field."""
        brackets: list[str] = []
        quote = ""
        while self._at < self._end:
            character, pair = self._text[self._at], self._text[self._at : min(self._at + 2, self._end)]
            if character == "\\" or (character == "#" and not quote):
                what = "backslash" if character == "\\" else "`#`"
                hint = "give the value a name in a statement before"
                self._refuse(self._at, 1, f"There can be no {what} in the braces of a formatted string", hint)
            if quote:
                if self._text.startswith(quote, self._at):
                    self._at += len(quote) - 1
                    quote = ""
            elif character in "'\"":
                quote = character * (3 if self._text[self._at : min(self._at + 3, self._end)] == character * 3 else 1)
                self._at += len(quote) - 1
            elif character in "([{":
                brackets.append(_OPENING[character])
            elif not brackets and pair in {"!=", "==", "<=", ">="}:
                self._at += 1
            elif not brackets and character in "!:}=":
                return
            elif character in ")]}" and (not brackets or brackets.pop() != character):
                self._refuse(self._at, 1, f"This `{character}` closes nothing", "remove it", "unmatched-bracket")
            self._at += 1
        if quote:
            message = "A string in the braces of this formatted string does not end"
            self._refuse(opening, 1, message, "use the other kind of quotes in it")
        hint = (
            f"write the missing `{brackets[-1]}`" if brackets else "write `}` after it, or `{{` for a brace in the text"
        )
        self._refuse(opening, 1, "This field is not closed", hint)

    def _decoded(self, start: int, end: int) -> str:
        """The text between two places, with its escapes replaced."""
        body = self._text[start:end].replace("\r\n", "\n")
        if self._raw or "\\" not in body:
            return body
        return _ESCAPE.sub(lambda found: self._character(found, start), body)

    def _character(self, found: re.Match[str], start: int) -> str:
        match found.lastgroup:
            case "newline":
                return ""
            case "plain":
                return _PLAIN[found["plain"]]
            case "octal":
                return chr(int(found["octal"], 8))
            case "x":
                return chr(int(found["x"], 16))
            case "u" | "U":
                code = int(found[found.lastgroup], 16)
                if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
                    return chr(code)
            case "name":
                try:
                    return str(ast.literal_eval(f"'{found[0]}'"))
                except SyntaxError:
                    pass
            case "other":
                return found[0]
        # Line ends of two characters are one in what was searched: the place is that of the same escape in the token.
        at = self._start + self._text.find(found[0], start)
        message = f"`{found[0]}` is not the start of an escape sequence"
        hint = 'write `\\\\` for a backslash, or put `r` before the string: r"…"'
        raise Refused(Diagnostic("invalid-escape", message, Span(at, at + len(found[0])), hint=hint))

    def _refuse(self, at: int, length: int, message: str, hint: str, code: str = "syntax-error") -> NoReturn:
        raise Refused(Diagnostic(code, message, Span(self._start + at, self._start + at + length), hint=hint))
