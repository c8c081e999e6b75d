"""Reads the text of a `.nn` file into a syntax tree.

The grammar is grammar/nn.lark.  Lark's parser is fed one logical line at a time.  Where a line cannot be read, the
parser's stack is cut back to what it was before the line, and a placeholder is put in its place: so that one error does
not cause others, and every statement that has one is reported.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from typing import Any, Literal

import lark
from lark import Lark, Token, UnexpectedToken
from lark.lark import PostLex
from lark.parsers.lalr_parser_state import ParserState

from gen import store
from gen.diagnostics import Diagnostic, Diagnostics, Source, Span, visible
from gen.language import refusals, syntax
from gen.language.lines import MAX_DEPTH, Line, logical_lines, span_of, too_deep
from gen.language.tree import Refused, TreeBuilder
from gen.resources import resource

MAX_CHARACTERS = 200_000
"""How long a file may be: what a person writes is a hundred times shorter, and more takes more than a few seconds."""

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
        hint = "write one file for each model"
        diagnostics.error("too-large", Span(MAX_CHARACTERS, MAX_CHARACTERS), message, hint=hint)
        return syntax.File(None, (), Span(0, len(source.text)))
    text = without_controls(source.text, diagnostics)
    reader = _Reader(diagnostics)
    for line in logical_lines(text, tokenize(text)):
        if diagnostics.enough(span_of(line.tokens[0])):
            break
        reader.read(line)
    return replace(reader.finish(), span=Span(0, len(text)))


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


class _KeepForeign(PostLex):
    """Makes Lark's lexer keep the terminals that no rule uses: they are there to be refused."""

    always_accept = refusals.FOREIGN_TERMINALS

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


_OPTIONS: dict[str, Any] = {"start": "file", "parser": "lalr", "lexer": "basic", "maybe_placeholders": False}


@cache
def _grammar() -> Lark:
    """Lark's parser; its tables are kept, as making them takes longer than reading a file."""
    text = resource("grammar", "nn.lark").read_text(encoding="utf-8")
    key = f"{text} {_OPTIONS} {_KeepForeign} {TreeBuilder} {lark.__version__} {sys.version}"
    return Lark.load(io.BytesIO(store.recalled("grammar", key, lambda: _tables(text))))


def _tables(grammar: str) -> bytes:
    tables = io.BytesIO()
    Lark(grammar, **_OPTIONS, postlex=_KeepForeign(), transformer=TreeBuilder()).save(tables)
    return tables.getvalue()


def tokenize(text: str) -> list[Token]:
    """The tokens of a text, in order, with a newline at the end; what the language does not know is a token too."""
    return [*_grammar().lex(text), Token("_NEWLINE", "", len(text), end_pos=len(text))]


@dataclass(frozen=True)
class _Block:
    """An indented block that is being read, or the file itself.

    `name` is the name of the block's `def`, if it is one; `stray` marks indentation that belongs to no header.
    """

    indent: str
    kind: Literal["file", "def", "for"]
    name: str = ""
    stray: bool = False


class _Reader:
    """Feeds logical lines to Lark's parser, with the indentation between them."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._state: ParserState[int] = _grammar().parse_interactive("").parser_state
        self._blocks = [_Block("", "file")]
        self._unread: set[str] = set()
        self._header: Line | None = None  # the line before, where it opened a block
        self._mark = 0  # how high the parser's stack stood before that line
        self._bodiless = False  # whether a `def` lacks its block: its `return` may stand below, not indented
        self._misplaced: Line | None = None  # the last line whose indentation is wrong
        self._skipped: str | None = None  # the indentation of a line that could not be read: its block is passed over

    def read(self, line: Line) -> None:
        """Reads one line."""
        if self._skipped is not None and line.indent != self._skipped and line.indent.startswith(self._skipped):
            self._unread.update(_bound_names(line))
            return
        self._skipped = None
        self._indent(line)
        self._statement(line)

    def finish(self) -> syntax.File:
        """Ends the file."""
        self._require_block()
        while len(self._blocks) > 1:
            self._close_block()
        file: syntax.File = self._state.feed_token(Token("$END", ""), is_end=True)
        return replace(file, unread=frozenset(self._unread))

    def _indent(self, line: Line) -> None:
        """Opens and closes blocks, as the indentation of `line` says."""
        deeper = line.indent.startswith(self._blocks[-1].indent) and line.indent != self._blocks[-1].indent
        if deeper and self._header:
            self._open_block(line.indent, self._header)
            return
        self._require_block()
        if any(block.indent == line.indent for block in self._blocks):
            while self._blocks[-1].indent != line.indent:
                self._close_block()
        else:  # the lines below it may be indented in the same way: they are taken to belong to the block before
            self._diagnostics.items.append(refusals.bad_indentation(line, deeper))
            self._misplaced = line
            self._blocks.append(replace(self._blocks[-1], indent=line.indent, stray=True))

    def _open_block(self, indent: str, header: Line) -> None:
        self._header = None
        self._feed("_INDENT")
        if header.tokens[0].type == "DEF":
            self._blocks.append(_Block(indent, "def", header.tokens[1].value))
        else:
            self._blocks.append(_Block(indent, "for"))

    def _close_block(self) -> None:
        if not self._blocks.pop().stray:
            self._feed("_DEDENT")

    def _require_block(self) -> None:
        """Reports a header that no block follows."""
        if self._header:
            self._diagnostics.items.append(refusals.missing_block(self._header))
            self._give_up(self._header)
            self._bodiless = self._header.tokens[0].type == "DEF"
            self._header = None

    def _statement(self, line: Line) -> None:
        self._mark = len(self._state.state_stack)
        if self._returns_to_nobody(line):
            if not self._bodiless:
                self._diagnostics.items.append(refusals.misplaced_return(line))
            self._give_up(line)
            return
        error = line.error or self._feed_line(line)
        if error is None and len(self._blocks) >= MAX_DEPTH and self._opens_block():
            error = too_deep(span_of(line.tokens[0]))
        if error is not None:
            said = self._misplaced is line and error.span.start <= span_of(line.tokens[0]).start
            if not said:
                self._diagnostics.items.append(error)
            self._give_up(line)
            self._skipped = line.indent
        elif self._opens_block():
            self._header = line

    def _feed_line(self, line: Line) -> Diagnostic | None:
        """Feeds a line to the parser; returns what is wrong with it."""
        tokens = _with_docstring(line.tokens)
        index = 0
        try:
            for index, token in enumerate(tokens):
                self._state.feed_token(token)
                if index == 0:  # only now has the statement before been put on the stack as a whole
                    self._mark = len(self._state.state_stack) - 1
        except Refused as refused:
            return refused.diagnostic
        except UnexpectedToken as error:
            if index == 0:
                self._mark = len(self._state.state_stack)
            return refusals.explain(tokens, index, error.expected)
        return None

    def _give_up(self, line: Line) -> None:
        """Puts a placeholder where `line`, which cannot be read, should have been."""
        self._unread.update(_bound_names(line))
        self._unread.update(block.name for block in self._blocks if block.name)
        del self._state.state_stack[self._mark :]
        del self._state.value_stack[self._mark - 1 :]  # the stack of states has the start state below
        self._feed("BROKEN")

    def _feed(self, kind: str) -> None:
        self._state.feed_token(Token(kind, ""))

    def _opens_block(self) -> bool:
        return "_INDENT" in self._state.parse_conf.states[self._state.position]

    def _returns_to_nobody(self, line: Line) -> bool:
        if line.tokens[0].type in {"DEF", "RESERVED"} or any(block.kind == "def" for block in self._blocks):
            return False
        kinds = ["COLON", *(token.type for token in line.tokens)]
        return any(
            kind == "RETURN" and before == "COLON" and after != "EQUAL"
            for before, kind, after in zip(kinds, kinds[1:], kinds[2:], strict=False)
        )


def _with_docstring(tokens: Sequence[Token]) -> Sequence[Token]:
    """A string that is a line of its own, marked so: the grammar says where one may stand."""
    if len(tokens) == 2 and tokens[0].type == "STRING":
        return (Token.new_borrow_pos("DOCSTRING", tokens[0].value, tokens[0]), tokens[1])
    return tokens


_BEFORE_BOUND_NAMES = {"NAME", "COMMA", "DEF", "FOR", "RESERVED", "IMPORT", "FROM", "AS", "LPAR", "LSQB"}


def _bound_names(line: Line) -> Iterable[str]:
    """The names that a line binds or changes, as far as its beginning tells: too many rather than too few."""
    match [token.value for token in line.tokens[:3]]:
        case [_, ".", method] if method != "add":  # of the methods only `add` changes what a model is
            return []
    beginning = takewhile(lambda token: token.type in _BEFORE_BOUND_NAMES, line.tokens)
    return [token.value for token in beginning if token.type == "NAME"]
