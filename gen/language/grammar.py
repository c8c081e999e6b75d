"""The automaton of grammar/nn.lark: splits a text into tokens, and takes tokens one at a time.

Lark reads the grammar and makes the tables.  What runs them is here: a line that cannot be read has to be cut off the
stack again, and an operand passes through a rule for each level of precedence, so such chains are followed once.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import lark
from lark import Lark, Token
from lark.common import LexerConf
from lark.grammar import Rule
from lark.lark import PostLex
from lark.lexer import BasicLexer, LexerThread
from lark.parsers.lalr_analysis import Shift

from gen import store
from gen.language.refusals import FOREIGN_TERMINALS
from gen.language.tree import TreeBuilder
from gen.resources import resource

_FORMAT = 1
"""Of what is kept: another one for each change of `_Tables` and `_Rule`, and of how they are made."""


class Unexpected(Exception):
    """A token stands where none of its kind can; `expected` are the kinds that can."""

    def __init__(self, expected: frozenset[str]) -> None:
        super().__init__("unexpected token")
        self.expected = expected


class _KeepForeign(PostLex):
    """Makes Lark's lexer keep the terminals that no rule uses: they are there to be refused."""

    always_accept = FOREIGN_TERMINALS

    def process(self, stream: Any) -> Any:
        return stream


@dataclass(frozen=True)
class _Rule:
    """A rule of the grammar: what it makes, of how many symbols, and by which method of the `TreeBuilder`.

    `taken` says which of the symbols the method gets, and which of these stand for several values; None where it gets
    all as they are.  The method is empty for a rule whose values go to the rule around it.  `passes` marks a rule that
    takes one value and gives it on.
    """

    origin: str
    size: int
    method: str
    taken: tuple[tuple[int, bool], ...] | None
    passes: bool


@dataclass(frozen=True)
class _Tables:
    """What to do in each state for each kind of token: go to a state, or, if negative, reduce by a rule, `~number`."""

    actions: dict[int, dict[str, int]]
    rules: tuple[_Rule, ...]
    starts: dict[str, int]
    ends: dict[str, int]
    terminals: list[Any]
    ignored: list[str]


def _tables(grammar: str) -> bytes:
    made = Lark(
        grammar,
        start=["file", "field"],
        parser="lalr",
        lexer="basic",
        maybe_placeholders=False,
        postlex=_KeepForeign(),
    )
    front: Any = made.parser
    table = front.parser._parse_table
    numbers = {rule: ~number for number, rule in enumerate(made.rules)}
    actions = {
        state: {kind: argument if action is Shift else numbers[argument] for kind, (action, argument) in row.items()}
        for state, row in table.states.items()
    }
    rules = tuple(map(_rule, made.rules))
    lexer = front.lexer_conf
    return pickle.dumps(_Tables(actions, rules, table.start_states, table.end_states, lexer.terminals, lexer.ignore))


def _rule(rule: Rule) -> _Rule:
    kept = [
        (index, not symbol.is_term and symbol.name.startswith("_"))
        for index, symbol in enumerate(rule.expansion)
        if not (symbol.is_term and symbol.filter_out)  # type: ignore[attr-defined]  # it is a Terminal
    ]
    whole = len(kept) == len(rule.expansion) and not any(several for _, several in kept)
    origin = str(rule.origin.name)
    passes = bool(rule.options.expand1) and rule.alias is None and whole and len(kept) == 1
    method = "" if passes or origin.startswith("_") else str(rule.alias or origin)
    return _Rule(origin, len(rule.expansion), method, None if whole else tuple(kept), passes)


class _Automaton:
    """The tables, made ready to run; `chains` are those of rules that pass a value on, from state to state."""

    def __init__(self, tables: _Tables) -> None:
        builder = TreeBuilder()
        self.actions = tables.actions
        self.rules = [
            (rule.origin, rule.size, getattr(builder, rule.method) if rule.method else None, rule.taken, rule.passes)
            for rule in tables.rules
        ]
        self.starts, self.ends = tables.starts, tables.ends
        self.lexer = BasicLexer(LexerConf(tables.terminals, re, tables.ignored, skip_validation=True))
        self.chains: dict[tuple[int, int, str], int] = {}

    def passed(self, below: int, state: int, kind: str) -> int:
        """The state that a value in `state` gets into before a token, as rules that pass it on are complete."""
        found = self.chains.get((below, state, kind))
        if found is None:
            found = state
            while (action := self.actions[found].get(kind, 0)) < 0 and self.rules[~action][4]:
                found = self.actions[below][self.rules[~action][0]]
            self.chains[below, state, kind] = found
        return found


@cache
def _automaton() -> _Automaton:
    """The automaton; its tables are kept from one run to the next, as making them takes longer than reading a file."""
    text = resource("grammar", "nn.lark").read_text(encoding="utf-8")
    key = f"{text} {FOREIGN_TERMINALS} {_FORMAT} {lark.__version__} {sys.version}"
    tables: _Tables = pickle.loads(store.recalled("grammar", key, lambda: _tables(text)))
    return _Automaton(tables)


def tokenize(text: str, offset: int = 0) -> list[Token]:
    """The tokens of a text, in order; what the language does not know is a token too.

    The text begins at `offset` of a larger one: there the places of the tokens count.
    """
    thread: Any = LexerThread.from_text(_automaton().lexer, text)
    tokens: list[Token] = list(thread.lex(None))
    for token in tokens if offset else ():
        assert token.start_pos is not None and token.end_pos is not None
        token.start_pos += offset
        token.end_pos += offset
    return tokens


class Stack:
    """The parser's stack: what has been read of a file, or of a field of a formatted string."""

    def __init__(self, start: str = "file") -> None:
        self._automaton = _automaton()
        self._end = self._automaton.ends[start]
        self._states = [self._automaton.starts[start]]
        self._values: list[Any] = [None]  # one for each state, the first too

    def __len__(self) -> int:
        return len(self._states)

    def takes(self, kind: str) -> bool:
        """Whether a token of this kind could be next."""
        return kind in self._automaton.actions[self._states[-1]]

    def cut(self, length: int) -> None:
        """Forgets what was read after the stack was of this length."""
        del self._states[length:]
        del self._values[length:]

    def feed(self, token: Token) -> None:
        """Takes a token.  Raises `Unexpected` if none of its kind can be here, or what making the tree raises."""
        automaton, states, values = self._automaton, self._states, self._values
        actions, kind = automaton.actions, token.type
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                raise Unexpected(frozenset(name for name in actions[states[-1]] if name.isupper()))
            if action >= 0:
                states.append(action)
                values.append(token)
                return
            origin, size, method, taken, passes = automaton.rules[~action]
            if passes:
                states[-1] = automaton.passed(states[-2], states[-1], kind)
                continue
            children: list[Any] = []
            if size:
                found = values[-size:]
                del states[-size:], values[-size:]
                children = found if taken is None else _taken(found, taken)
            values.append(method(*children) if method is not None else children)
            states.append(actions[states[-1]][origin])

    def finish(self) -> Any:
        """Ends the text; returns what it is."""
        actions, rules = self._automaton.actions, self._automaton.rules
        while self._states[-1] != self._end:
            action = actions[self._states[-1]].get("$END")
            if action is None:
                raise Unexpected(frozenset(name for name in actions[self._states[-1]] if name.isupper()))
            origin, size, method, taken, passes = rules[~action]
            children = self._values[len(self._values) - size :]
            self.cut(len(self._states) - size)
            children = children if taken is None else _taken(children, taken)
            self._values.append(children[0] if passes else method(*children) if method is not None else children)
            self._states.append(actions[self._states[-1]][origin])
        return self._values[-1]


def _taken(values: list[Any], taken: Sequence[tuple[int, bool]]) -> list[Any]:
    """The values that a method gets.  The first list is made longer, not copied: so rows take linear time."""
    if not taken:
        return []
    index, several = taken[0]
    children: list[Any] = values[index] if several else [values[index]]
    for index, several in taken[1:]:
        if several:
            children += values[index]
        else:
            children.append(values[index])
    return children
