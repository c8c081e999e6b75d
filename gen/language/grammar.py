"""The automaton of grammar/nn.lark: splits a text into tokens, and takes tokens one at a time.

Lark reads the grammar and makes the tables.  What runs them is here: a line that cannot be read has to be cut off the
stack again, and an operand passes through a rule for each level of precedence, so such chains are followed once.  One
regular expression finds the tokens; words and signs are told apart by their text.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule
from lark.lark import PostLex
from lark.parsers.lalr_analysis import Shift

from gen import store
from gen.diagnostics import Span
from gen.language import refusals, syntax
from gen.language.lines import line_end
from gen.language.refusals import FOREIGN_TERMINALS
from gen.language.strings import Refused
from gen.language.tokens import NEWLINE, Token
from gen.language.tree import TreeBuilder
from gen.resources import resource

_FORMAT = 2
"""Of what is kept: another one for each change of `_Tables` and `_Rule`, and of how they are made."""
_NOTHING = sys.maxsize
"""In the place of an action where a token cannot be."""


class Unexpected(Exception):
    """The token at index `at` stands where none of its kind can; `expected` are the kinds that can."""

    def __init__(self, at: int, expected: frozenset[str]) -> None:
        super().__init__("unexpected token")
        self.at, self.expected = at, expected


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
    """What to do in each state for each kind of token: go to a state, or, if negative, reduce by a rule, `~number`.

    `pattern` finds a token, in the group of its kind; the kind of a word or a sign is in `words`.
    """

    actions: dict[int, dict[str, int]]
    rules: tuple[_Rule, ...]
    starts: dict[str, int]
    ends: dict[str, int]
    pattern: str
    words: dict[str, str]
    ignored: frozenset[str]


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
    pattern, words = _lexicon(front.lexer.lexer.terminals)
    ignored = frozenset(front.lexer_conf.ignore)
    return pickle.dumps(_Tables(actions, rules, table.start_states, table.end_states, pattern, words, ignored))


def _lexicon(terminals: Sequence[Any]) -> tuple[str, dict[str, str]]:
    """The pattern of all terminals, which are in the order in which they are tried, and the kinds of fixed texts."""
    words = {each.pattern.value: each.name for each in terminals if each.pattern.type == "str"}
    signs = sorted((re.escape(word) for word in words if not word.isidentifier()), key=len, reverse=True)
    groups = [(each.priority, each.name, each.pattern.to_regexp()) for each in terminals if each.pattern.type == "re"]
    last = [priority < 0 for priority, _, _ in groups].index(True)
    groups.insert(last, (0, "_SIGN", "|".join(signs)))
    return "|".join(f"(?P<{name}>{regexp})" for _, name, regexp in groups), words


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
        builder = TreeBuilder(read_field)
        self.actions = tables.actions
        self.rules = [
            (rule.origin, rule.size, getattr(builder, rule.method) if rule.method else None, rule.taken, rule.passes)
            for rule in tables.rules
        ]
        self.starts, self.ends = tables.starts, tables.ends
        self.pattern, self.words, self.ignored = re.compile(tables.pattern), tables.words, tables.ignored
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


def tokenize(text: str, offset: int = 0) -> Iterator[Token]:
    """The tokens of a text, in order; what the language does not know is a token too.

    The text begins at `offset` of a larger one: there the places of the tokens count.
    """
    automaton = _automaton()
    words, ignored = automaton.words, automaton.ignored
    for found in automaton.pattern.finditer(text):
        kind = words.get(value := found[0], found.lastgroup)
        if kind is not None and kind not in ignored:
            yield Token(kind, value, Span(found.start() + offset, found.end() + offset))


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
        """Whether a token of this kind could be next, once what is read before it is put together."""
        automaton, states = self._automaton, self._states
        if kind not in automaton.actions[states[-1]]:
            return False
        states = states.copy()
        while (action := automaton.actions[states[-1]].get(kind, _NOTHING)) < 0:
            origin, size, _, _, passes = automaton.rules[~action]
            if passes:
                states[-1] = automaton.passed(states[-2], states[-1], kind)
                continue
            if size:
                del states[-size:]
            states.append(automaton.actions[states[-1]][origin])
        return action != _NOTHING

    def cut(self, length: int) -> None:
        """Forgets what was read after the stack was of this length."""
        del self._states[length:]
        del self._values[length:]

    def feed(self, *tokens: Token) -> None:
        """Takes tokens.  Raises `Unexpected` if one of them cannot be where it is, or what making the tree raises."""
        automaton, states, values = self._automaton, self._states, self._values
        actions, rules, chains = automaton.actions, automaton.rules, automaton.chains
        for at, token in enumerate(tokens):
            kind = token.type
            while (action := actions[states[-1]].get(kind, _NOTHING)) < 0:
                origin, size, method, taken, passes = rules[~action]
                if passes:
                    found = chains.get((states[-2], states[-1], kind))
                    states[-1] = automaton.passed(states[-2], states[-1], kind) if found is None else found
                    continue
                children: list[Any] = []
                if size:
                    children = values[-size:]
                    del states[-size:], values[-size:]
                    if taken is not None:
                        children = _taken(children, taken)
                values.append(children if method is None else method(*children))
                states.append(actions[states[-1]][origin])
            if action == _NOTHING:
                raise Unexpected(at, self._expected())
            states.append(action)
            values.append(token)

    def _expected(self) -> frozenset[str]:
        return frozenset(name for name in self._automaton.actions[self._states[-1]] if name.isupper())

    def finish(self) -> Any:
        """Ends the text; returns what it is."""
        actions, rules = self._automaton.actions, self._automaton.rules
        while self._states[-1] != self._end:
            action = actions[self._states[-1]].get("$END")
            if action is None:
                raise Unexpected(0, self._expected())
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


def read_field(text: str, offset: int) -> syntax.Expr:
    """The expression in the braces of a formatted string, which begins at `offset`.  Raises `Refused`."""
    tokens = [token for token in tokenize(text, offset) if token.type != NEWLINE]
    tokens.append(line_end(offset + len(text)))
    stack = Stack("field")
    at = 0
    try:
        stack.feed(*tokens[:-1])
        at = len(tokens) - 1
        value: syntax.Expr = stack.finish()
    except Unexpected as error:
        raise Refused(refusals.explain(tokens, at + error.at, error.expected)) from None
    if isinstance(value, syntax.Starred):
        raise Refused(refusals.lonely_star(value.span))
    return value
