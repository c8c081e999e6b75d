"""From tokens to logical lines: what Python's own lexer does with brackets, newlines and indentation.

A logical line is one statement, or the header of a block.  Newlines inside brackets drop out.  A bracket that is never
closed must not swallow the rest of the file, so a line that can only begin a statement ends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from gen.diagnostics import Diagnostic, Note, Span
from gen.language.tokens import NEWLINE, Token
from gen.records import record

MAX_DEPTH = 100
"""How deep brackets, blocks and expressions may nest."""

CLOSING = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CLOSERS = frozenset(CLOSING.values())

_STATEMENT_KEYWORDS = {
    *("DEF", "CLASS", "RETURN", "IMPORT", "WHILE", "WITH", "TRY", "EXCEPT", "FINALLY", "ELIF", "PASS", "BREAK"),
    *("CONTINUE", "RAISE", "ASSERT", "DEL", "GLOBAL", "NONLOCAL"),
}
"""What cannot stand inside brackets."""
OPERAND_ENDS = {
    *("NAME", "NUMBER", "STRING", "FORMATTED", "TRUE", "FALSE", "NONE", "ELLIPSIS", "UNTERMINATED_STRING"),
    *CLOSERS,
}
CLAUSES = {"ELIF", "ELSE", "EXCEPT", "FINALLY"}
"""The words that begin a block of a statement that has begun before."""
HEADERS = {"DEF", "CLASS", "IF", "FOR", "WHILE", "WITH", "TRY", "ASYNC", *CLAUSES}
"""The words that begin the header of a block."""


@record
class Line:
    """One logical line: its tokens with the newline at the end, and what is wrong with its brackets, if anything.

    `kinds` are the types of its tokens.
    """

    indent: str
    tokens: tuple[Token, ...]
    kinds: frozenset[str]
    error: Diagnostic | None = None


def logical_lines(text: str, tokens: Sequence[Token]) -> Iterator[Line]:
    """The lines of a file; `tokens` ends with a newline."""
    position = 0
    while position < len(tokens):
        if tokens[position].type == NEWLINE:
            position += 1
            continue
        if tokens[position].value[0] in "%!":
            end, line = _command(text, tokens, position)
            yield line
            position = end
            continue
        statement = _Statement(text, tokens, position)
        end = statement.end
        kept = [token for token in tokens[position:end] if token.type != NEWLINE]
        yield _line(text, [*kept, line_end(kept[-1].span.end)], statement.error)
        position = end


def line_end(at: int) -> Token:
    """The newline that ends a line."""
    return Token(NEWLINE, "", Span(at, at))


def _command(text: str, tokens: Sequence[Token], start: int) -> tuple[int, Line]:
    """A line of a notebook that is a command, `%matplotlib inline` or `!pip install keras`: one token, and its end."""
    end = next(index for index in range(start, len(tokens)) if tokens[index].type == NEWLINE)
    span = tokens[start].span.to(tokens[end - 1].span)
    command = Token("MAGIC", text[span.start : span.end], span)
    return end, _line(text, [command, line_end(span.end)])


def _line(text: str, tokens: Sequence[Token], error: Diagnostic | None = None) -> Line:
    kinds = frozenset([token.type for token in tokens])
    return Line(_indent(text, tokens[0]), tuple(tokens), kinds, error)


def _indent(text: str, token: Token) -> str:
    """The white space before the first token of a line.

    Where backslashes join it to lines before that hold nothing, the first of them that is indented counts.
    """
    start = token.span.start
    begin = text.rfind("\n", 0, start) + 1
    indent = text[begin:start]
    while text.endswith(("\\\n", "\\\r\n"), 0, begin):
        end = begin
        begin = text.rfind("\n", 0, begin - 1) + 1
        before = text[begin:end].rstrip("\r\n").removesuffix("\\")
        if before.strip(" \t"):  # the backslash is in a comment
            break
        indent = before or indent
    return indent


class _Statement:
    """Finds the `end` of the statement that begins at token `start`, and the `error` in its brackets."""

    def __init__(self, text: str, tokens: Sequence[Token], start: int) -> None:
        self._text = text
        self._tokens = tokens
        self._start = start
        self._open: list[Token] = []
        self._resume: tuple[int, Token] | None = None  # where a statement may have begun, and the bracket open there
        self.error: Diagnostic | None = None
        self.end = self._find_end()

    def _find_end(self) -> int:
        for index in range(self._start, len(self._tokens)):
            token = self._tokens[index]
            if token.type == NEWLINE:
                if not self._open:
                    return index
            elif self._open and self._tokens[index - 1].type == NEWLINE and self._begins_statement(index):
                break
            elif token.type in CLOSING:
                self._open.append(token)
                if len(self._open) > MAX_DEPTH and self._resume:
                    break
                if len(self._open) == MAX_DEPTH + 1:
                    self._report(too_deep(token.span))
            elif token.type in CLOSERS:
                self._close(token)
        index, bracket = self._resume or (len(self._tokens), self._open[-1])
        if not any(token.type == "UNTERMINATED_STRING" for token in self._tokens[self._start : index]):
            self._report(_unclosed(bracket))
        return index

    def _report(self, error: Diagnostic) -> None:
        self.error = self.error or error

    def _close(self, token: Token) -> None:
        if self._open and CLOSING[self._open[-1].type] == token.type:
            self._open.pop()
            return
        self._report(_unmatched(token, self._open[-1] if self._open else None))
        depths = [depth for depth, bracket in enumerate(self._open) if CLOSING[bracket.type] == token.type]
        if depths:  # the brackets inside that one were forgotten
            del self._open[depths[-1] :]

    def _begins_statement(self, index: int) -> bool:
        """Whether the line at `index`, inside a bracket, can only be a new statement; notes it where it merely may."""
        token, before, after = self._tokens[index], self._before(index), self._tokens[index + 1]
        first = self._tokens[self._start]
        keyword = token.type in _STATEMENT_KEYWORDS or self._begins_block(index, before)
        if not keyword and not (token.type == "NAME" and after.type in {"EQUAL", "DOT", "LPAR", "COMMA"}):
            return False
        certain = keyword or before.type in OPERAND_ENDS
        if self._column(token) > self._column(first) and not (certain and first.type in HEADERS):
            return False  # a missing comma is likelier than a missing bracket, but in a header, whose block this may be
        self._resume = self._resume or (index, self._open[-1])
        return certain

    def _begins_block(self, index: int, before: Token) -> bool:
        """Whether a word that may stand in brackets cannot be meant so: `for i in x:` is a whole line."""
        token = self._tokens[index]
        if token.type == "FROM":
            return before.type != "YIELD"
        if token.type not in {"FOR", "IF", "ELSE"}:
            return False
        end = next(place for place in range(index, len(self._tokens)) if self._tokens[place].type == NEWLINE)
        line = [token.type for token in self._tokens[index:end]]
        depths = accumulate((kind in CLOSING) - (kind in CLOSERS) for kind in line)
        whole = line[-1] == "COLON" and min(depths) == 0
        return whole and (token.type == "ELSE") == (len(line) == 2) and "ELSE" not in line[1:]

    def _column(self, token: Token) -> int:
        return token.span.start - self._text.rfind("\n", 0, token.span.start)

    def _before(self, index: int) -> Token:
        while self._tokens[index - 1].type == NEWLINE:
            index -= 1
        return self._tokens[index - 1]


def too_deep(span: Span) -> Diagnostic:
    """The error for what nests deeper than `MAX_DEPTH`."""
    return Diagnostic(
        "too-deep",
        f"This nests deeper than {MAX_DEPTH} levels",
        span,
        hint="name the inner parts in separate statements",
    )


def _unclosed(bracket: Token) -> Diagnostic:
    return Diagnostic(
        "unclosed-bracket",
        f"This `{bracket}` is never closed",
        bracket.span,
        label="opened here",
        hint=f"write the missing `{_closer(bracket)}`",
    )


def _unmatched(token: Token, opening: Token | None) -> Diagnostic:
    if opening is None:
        return Diagnostic("unmatched-bracket", f"This `{token}` closes nothing", token.span, hint="remove it")
    return Diagnostic(
        "unmatched-bracket",
        f"`{token}` does not close `{opening}`",
        token.span,
        label=f"expected `{_closer(opening)}`",
        notes=(Note(opening.span, "opened here"),),
    )


def _closer(bracket: Token) -> str:
    return {"(": ")", "[": "]", "{": "}"}[bracket.value]
