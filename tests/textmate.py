"""Reads a text by a TextMate grammar, as an editor does: line by line, with a stack of open rules.

As much of TextMate as the grammar in editors/ needs: `match`, `begin`/`end` with back-references, `captures` and
`include`.  Its regular expressions keep to what Oniguruma and Python's `re` have in common.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

Rule: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Scoped:
    """A piece of a line with its scopes, the outermost first; `line` and `column` count from 1."""

    line: int
    column: int
    text: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class _Open:
    """A rule whose end is awaited."""

    rule: Rule
    end: str
    scopes: tuple[str, ...]


class Grammar:
    """A TextMate grammar."""

    def __init__(self, path: Path) -> None:
        self._root: Rule = json.loads(path.read_text(encoding="utf-8"))

    def read(self, text: str) -> list[Scoped]:
        """The pieces of a text, in order."""
        stack = [_Open(self._root, "", ())]
        pieces: list[Scoped] = []
        for number, line in enumerate(text.split("\n"), start=1):
            scopes = self._line(line, stack)
            start = 0
            for end in range(1, len(line) + 1):
                if end == len(line) or scopes[end] != scopes[start]:
                    pieces.append(Scoped(number, start + 1, line[start:end], scopes[start]))
                    start = end
        return pieces

    def _line(self, line: str, stack: list[_Open]) -> list[tuple[str, ...]]:
        """The scopes of each character of a line; changes the stack."""
        scopes = [stack[-1].scopes] * len(line)
        position = 0
        while True:
            rule, found = self._next(line, position, stack[-1])
            end = found.start() if found else len(line)
            scopes[position:end] = [stack[-1].scopes] * (end - position)
            if found is None:
                return scopes
            if rule is None:
                top = stack.pop()
                self._capture(scopes, found, top.scopes, top.rule.get("endCaptures", {}))
            else:
                inner = (*stack[-1].scopes, *rule["name"].split()) if "name" in rule else stack[-1].scopes
                key = "beginCaptures" if "begin" in rule else "captures"
                self._capture(scopes, found, inner, rule.get(key, {}))
                if "begin" in rule:
                    stack.append(_Open(rule, _with_groups(rule["end"], found), inner))
            assert found.end() > position or rule is None, f"a rule matches nothing: {rule}"
            position = found.end()

    def _next(self, line: str, position: int, top: _Open) -> tuple[Rule | None, re.Match[str] | None]:
        """The match that begins first; of several the end of the open rule (None), then the first rule."""
        best: tuple[Rule | None, re.Match[str] | None] = (None, None)
        if top.end:
            best = (None, _compiled(top.end).search(line, position))
        for rule in self._rules(top.rule):
            found = _compiled(rule.get("match") or rule["begin"]).search(line, position)
            if found and (best[1] is None or found.start() < best[1].start()):
                best = (rule, found)
        return best

    def _rules(self, rule: Rule) -> Iterator[Rule]:
        """The rules inside `rule`, with those that it includes."""
        for pattern in rule.get("patterns", ()):
            included = self._root["repository"][pattern["include"][1:]] if "include" in pattern else pattern
            if "match" in included or "begin" in included:
                yield included
            else:
                yield from self._rules(included)

    def _capture(
        self,
        scopes: list[tuple[str, ...]],
        found: re.Match[str],
        outer: tuple[str, ...],
        captures: Mapping[str, Mapping[str, str]],
    ) -> None:
        scopes[found.start() : found.end()] = [outer] * (found.end() - found.start())
        for group, capture in captures.items():
            start, end = found.span(int(group))
            if start >= 0:
                scopes[start:end] = [(*outer, capture["name"])] * (end - start)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _with_groups(pattern: str, found: re.Match[str]) -> str:
    """An `end` in which `\\1` stands for what the `begin` found."""
    return re.sub(r"\\([1-9])", lambda reference: re.escape(found[int(reference[1])] or ""), pattern)
