"""Reads the text of a `.nn` file into a syntax tree.

The grammar is grammar/nn.lark.  Lark's parser is fed one logical line at a time.  Where a line cannot be read, the
parser's stack is cut back to what it was before the line, and a placeholder is put in its place: so that one error does
not cause others, and every statement that has one is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from gen.diagnostics import Diagnostic, Diagnostics, Source, Span, visible
from gen.language import grammar, refusals, syntax
from gen.language.grammar import Stack, Unexpected
from gen.language.lines import CLAUSES, CLOSERS, CLOSING, HEADERS, MAX_DEPTH, Line, line_end, logical_lines, too_deep
from gen.language.rules import broken_rules
from gen.language.strings import Refused
from gen.language.tokens import Token

MAX_CHARACTERS = 200_000
"""How long a file may be: what a person writes is a hundred times shorter, and more takes more than a few seconds."""
MAX_TOKENS = 100_000
"""How many tokens it may have.  What a person writes has one for every three characters and more."""

_CONTROL = re.compile(
    "(?:"
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # C0 and C1 controls, but tab and line ends
    "|\r(?!\n)"
    "|[\u2028\u2029]"  # line and paragraph separators
    "|[\u202a-\u202e\u2066-\u2069]"  # marks that reorder the text on the screen
    "|[\ud800-\udfff]"  # halves of a surrogate pair
    ")+"
)


def decode(path: str, data: bytes, diagnostics: Diagnostics) -> Source | None:
    """The source that the bytes of a file hold, or None, with a diagnostic, where they are not UTF-8.

    A byte order mark at the start is no part of the text.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Source(path, data.decode())
    except UnicodeDecodeError as error:
        offset = len(data[: error.start].decode())
        diagnostics.error(
            "invalid-utf8",
            Span(offset, offset + 1),
            f"Byte 0x{data[error.start]:02x} is not valid in UTF-8",
            hint="save the file as UTF-8",
        )
        return None


def parse(source: Source, diagnostics: Diagnostics) -> syntax.File:
    """The syntax tree of `source`.  Everything that is wrong goes to `diagnostics`; nothing is raised.

    What cannot be read is left out of the tree, and the names that it would have bound are in the tree's `unread`.
    """
    if len(source.text) > MAX_CHARACTERS:
        message = f"The file has {len(source.text):,} characters; gen reads up to {MAX_CHARACTERS:,}"
        return _too_large(source.text, MAX_CHARACTERS, message, diagnostics)
    text = without_controls(source.text, diagnostics)
    tokens = tokenize(text)
    if len(tokens) > MAX_TOKENS + 1:
        message = f"The file has more than {MAX_TOKENS:,} words, numbers, and signs"
        return _too_large(text, tokens[MAX_TOKENS].span.start, message, diagnostics)
    reader = _Reader(diagnostics)
    for line in logical_lines(text, tokens):
        if diagnostics.enough(line.tokens[0].span):
            break
        reader.read(line)
    return replace(reader.finish(":=" in text), span=Span(0, len(text)))


def _too_large(text: str, at: int, message: str, diagnostics: Diagnostics) -> syntax.File:
    """What is read of a text that is longer than it may be: nothing."""
    diagnostics.error("too-large", Span(at, at), message, hint="write one file for each model")
    return syntax.File(None, (), Span(0, len(text)))


def without_controls(text: str, diagnostics: Diagnostics) -> str:
    """Reports control characters and puts spaces in their place, so that each causes one error only."""
    for found in _CONTROL.finditer(text):
        if diagnostics.enough(Span(*found.span())):
            break
        diagnostics.error(
            "control-character",
            Span(*found.span()),
            f"The file contains a control character, {visible(found[0][0])}",
            hint=(
                "end each line with a line feed, or with a carriage return and a line feed"
                if found[0][0] == "\r"
                else None
            ),
        )
    return _CONTROL.sub(lambda found: " " * len(found[0]), text)


def tokenize(text: str) -> list[Token]:
    """The tokens of a text, in order, with a newline at the end; what the language does not know is a token too.

    Of more than `MAX_TOKENS`, one more than that is found.
    """
    return [*islice(grammar.tokenize(text), MAX_TOKENS + 1), line_end(len(text))]


@dataclass
class _Block:
    """An indented block that is being read, or the file itself.

    `kind` is the type of the token that heads it, `FILE`, or `UNREAD` where the header could not be read.  `name` is
    that of a `def` or a `class`; `stray` marks indentation that belongs to no header.  `height` is how many blocks are
    around what it holds, and `branches` how many `elif` the statement has that is being read in it: each is a block
    inside the one before.
    """

    width: tuple[int, int]
    kind: str
    height: int
    name: str = ""
    asynchronous: bool = False
    stray: bool = False
    branches: int = 0


@dataclass(frozen=True)
class _Opening:
    """A line that opens a block: a header, which needs one, or a line that could not be read, which may be a header."""

    line: Line
    kind: str
    needed: bool = True


class _Reader:
    """Feeds logical lines to the parser, with the indentation between them."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._stack = Stack()
        self._blocks = [_Block((0, 0), "FILE", 0)]
        self._unread: set[str] = set()
        self._opening: _Opening | None = None  # what the line before opens
        self._mark = 0  # how high the stack stood before that line
        self._bodiless = False  # whether a `def` lacks its block: its `return` may stand below, not indented
        self._misplaced_at = -1  # where the last line begins whose indentation is wrong
        self._decorator: Line | None = None  # the line before, where it is a decorator

    def read(self, line: Line) -> None:
        """Reads one line."""
        if self._decorator is not None and not self._is_decorated(line):
            self._diagnostics.items.append(refusals.lonely_decorator(self._decorator))
        self._decorator = None
        self._indent(line)
        if self._is_unread():
            self._unread.update(_bound_names(line))
        self._statement(self._marked(line))

    def finish(self, walrus: bool) -> syntax.File:
        """Ends the file; `walrus` says that there may be a `:=` in it."""
        if self._decorator is not None:
            self._diagnostics.items.append(refusals.lonely_decorator(self._decorator))
        self._require_block()
        while len(self._blocks) > 1:
            self._close_block()
        file: syntax.File = self._stack.finish()
        for error in broken_rules(file.statements, walrus):
            if self._diagnostics.enough(error.span):
                break
            self._diagnostics.items.append(error)
        return replace(file, unread=frozenset(self._unread))

    def _is_unread(self) -> bool:
        """Whether a header could not be read that a block around here belongs to."""
        return any(block.kind == "UNREAD" for block in self._blocks[1:])

    # Indentation

    def _indent(self, line: Line) -> None:
        """Opens and closes blocks, as the indentation of `line` says."""
        width, top = _width(line.indent), self._blocks[-1].width
        deeper = width[0] > top[0] and width[1] > top[1]
        if deeper and self._opening:
            self._open_block(width, self._opening)
            return
        self._require_block()
        if any(block.width == width for block in self._blocks):
            while self._blocks[-1].width != width:
                self._close_block()
        else:  # the lines below it may be indented in the same way: they are taken to belong to the block before
            self._diagnostics.items.append(refusals.bad_indentation(line, deeper))
            self._misplaced_at = line.tokens[0].span.start
            self._blocks.append(replace(self._blocks[-1], width=width, stray=True))

    def _open_block(self, width: tuple[int, int], opening: _Opening) -> None:
        self._opening = None
        self._feed("_INDENT")
        around = self._blocks[-1]
        height = around.height + 1 + around.branches
        first, second = opening.line.tokens[:2]
        if first.type == "ASYNC":
            second = opening.line.tokens[2]
        name = second.value if opening.kind in {"DEF", "CLASS"} else ""
        self._blocks.append(_Block(width, opening.kind, height, name, first.type == "ASYNC"))

    def _close_block(self) -> None:
        if not self._blocks.pop().stray:
            self._feed("_DEDENT")

    def _require_block(self) -> None:
        """Reports a header that no block follows."""
        opening, self._opening = self._opening, None
        if opening and opening.needed:
            self._diagnostics.items.append(refusals.missing_block(opening.line))
            self._give_up(opening.line)
            self._bodiless = opening.kind == "DEF"

    # Statements

    def _statement(self, line: Line) -> None:
        self._mark = len(self._stack)
        tokens = line.tokens
        block = self._blocks[-1]
        if tokens[0].type == "ELIF":
            block.branches += 1
        elif tokens[0].type not in CLAUSES:
            block.branches = 0
        error = line.error or self._feed_line(tokens) or self._misplaced_word(line)
        opens = error is None and self._stack.takes("_INDENT")
        deep = block.height + block.branches + 1 >= MAX_DEPTH and (opens or block.branches)
        if error is None and deep and not self._is_unread():
            error = too_deep(tokens[0].span)
        if error is not None:
            said = self._misplaced_at == tokens[0].span.start >= error.span.start
            if not said and not (self._bodiless and error.code == "misplaced-return"):
                self._diagnostics.items.append(error)
            self._give_up(line)
            self._opening = _Opening(line, "UNREAD", needed=False)
        elif opens:
            header = tokens[1] if tokens[0].type == "ASYNC" else tokens[0]
            self._opening = _Opening(line, header.type)
        elif tokens[0].type == "AT":
            self._decorator = line

    def _feed_line(self, tokens: Sequence[Token]) -> Diagnostic | None:
        """Feeds a line to the parser; returns what is wrong with it."""
        try:
            self._stack.feed(tokens[0])
        except Unexpected as error:
            self._mark = len(self._stack)
            return refusals.explain(tokens, 0, error.expected)
        self._mark = len(self._stack) - 1  # only now has the statement before been put on the stack as a whole
        try:
            self._stack.feed(*tokens[1:])
        except Refused as refused:
            return refused.diagnostic
        except Unexpected as error:
            return refusals.explain(tokens, 1 + error.at, error.expected)
        return None

    def _give_up(self, line: Line) -> None:
        """Puts a placeholder where `line`, which cannot be read, should have been."""
        self._unread.update(_bound_names(line))
        self._unread.update(block.name for block in self._blocks if block.name)
        self._stack.cut(self._mark)
        word = line.tokens[0].type
        if word in CLAUSES and self._stack.takes("BROKEN_CLAUSE"):
            self._feed("BROKEN_CLAUSE")
        else:  # an `else` that belongs to nothing makes no other one belong to something
            self._feed("BROKEN_HEADER" if word in HEADERS and word != "ELSE" else "BROKEN")

    def _feed(self, kind: str) -> None:
        self._stack.feed(Token(kind, "", _NOWHERE))

    def _is_decorated(self, line: Line) -> bool:
        """Whether `line` can follow the decorator before it."""
        assert self._decorator is not None
        words = [token.type for token in line.tokens[:2]]
        head = words[1] if words[0] == "ASYNC" else words[0]
        return _width(line.indent) == _width(self._decorator.indent) and head in {"AT", "DEF", "CLASS"}

    def _marked(self, line: Line) -> Line:
        """A line with tokens of other types where only the place tells what they are."""
        tokens, first = line.tokens, line.tokens[0]
        if first.value == "match" and len(tokens) > 3 and tokens[-2].type == "COLON":
            return replace(line, tokens=(_retyped(first, "MATCH"), *tokens[1:]))
        if first.value == "print" and tokens[1].type in _OPERANDS:  # a statement of Python 2
            return replace(line, tokens=(Token("MAGIC", "%", first.span.to(tokens[-2].span)), tokens[-1]))
        kind = self._blocks[-1].kind
        if first.value == "case" and (kind == "MATCH" or (kind == "UNREAD" and tokens[-2].type == "COLON")):
            return replace(line, tokens=(_retyped(first, "CASE"), *tokens[1:]))
        start = 1 if first.type == "WITH" else 2
        if "WITH" in (first.type, tokens[1].type) and (end := _scopes_end(tokens, start)):
            opening, closing = _retyped(tokens[start], "WITH_LPAR"), _retyped(tokens[end], "WITH_RPAR")
            marked = (*tokens[:start], opening, *tokens[start + 1 : end], closing, *tokens[end + 1 :])
            return replace(line, tokens=marked)
        if "GLOBAL" not in line.kinds or first.type in _SCOPES or any(each.kind in _SCOPES for each in self._blocks):
            return line
        marked = tuple(_retyped(each, "GLOBAL_IN_FILE") if each.type == "GLOBAL" else each for each in tokens)
        return replace(line, tokens=marked)

    def _misplaced_word(self, line: Line) -> Diagnostic | None:
        """What is wrong with a line that has been read: `return` outside of a `def`, `break` outside of a loop."""
        if line.kinds.isdisjoint(_PLACED):
            return None
        tokens = line.tokens
        kinds = [block.kind for block in self._blocks]
        first = tokens[0].type
        if first in HEADERS and not self._stack.takes("_INDENT"):
            kinds.append(tokens[1].type if first == "ASYNC" else first)
        scopes = [kind for kind in kinds if kind in {"DEF", "CLASS", "UNREAD"}]
        scope = scopes[-1] if scopes else "FILE"
        around = [kind for kind in kinds if kind in {"DEF", "CLASS", "UNREAD", "FOR", "WHILE"}]
        for token in tokens:
            match token.type:
                case "RETURN" if scope not in {"DEF", "UNREAD"}:
                    return refusals.misplaced_return(token)
                case "BREAK" | "CONTINUE" if (around or ["FILE"])[-1] not in {"FOR", "WHILE", "UNREAD"}:
                    return refusals.misplaced_break(token)
                case "LAMBDA":
                    scope = "DEF"
                case "YIELD" | "AWAIT" if scope not in {"DEF", "UNREAD"}:
                    return refusals.misplaced_yield(token)
        return None


def _retyped(token: Token, kind: str) -> Token:
    return replace(token, type=kind)


def _scopes_end(tokens: Sequence[Token], start: int) -> int | None:
    """Where the bracket that begins at `start` of a `with` line ends, if what it holds are the scopes, not a value."""
    if tokens[start].type != "LPAR":
        return None
    depth, several = 0, False
    for index in range(start, len(tokens)):
        kind, before = tokens[index].type, tokens[index - 1].type
        if kind in CLOSING:
            depth += 1
        elif kind in CLOSERS:
            depth -= 1
            if depth == 0:
                return index if several and tokens[index + 1].type == "COLON" else None
        elif depth == 1:
            if kind in {"WALRUS", "YIELD", "FOR"} or (kind == "STAR" and before in {"LPAR", "COMMA"}):
                return None
            several = several or kind in {"AS", "COMMA"}
    return None


def _width(indent: str) -> tuple[int, int]:
    """How wide an indentation is with tabs of eight columns, and with tabs of one: as in Python, both have to agree."""
    return len(indent.expandtabs(8)), len(indent)


_BEFORE_BOUND_NAMES = {
    *("NAME", "COMMA", "DEF", "CLASS", "FOR", "WITH", "IMPORT", "FROM", "AS", "LPAR", "LSQB", "STAR", "ASYNC"),
    *("IF", "WHILE", "ELIF", "DEL", "DOT", "GLOBAL", "NONLOCAL"),
}
_PLACED = {"RETURN", "BREAK", "CONTINUE", "LAMBDA", "YIELD", "AWAIT"}
"""The words that cannot stand everywhere, and the one inside which others can."""
_SCOPES = {"DEF", "CLASS", "ASYNC", "UNREAD"}
_OPERANDS = frozenset({"STRING", "FORMATTED", "NAME", "NUMBER"})
"""What cannot follow a name where Python 3 is written."""
_NOWHERE = Span(0, 0)
_CHANGING_NOTHING = {"compile", "fit", "summary"}


def _bound_names(line: Line) -> Iterable[str]:
    """The names that a line binds or changes, as far as its beginning tells: too many rather than too few."""
    match [token.value for token in line.tokens[:3]]:
        case [_, ".", method] if method in _CHANGING_NOTHING:
            return []
    beginning = takewhile(lambda token: token.type in _BEFORE_BOUND_NAMES, line.tokens)
    return [token.value for token in beginning if token.type == "NAME"]
