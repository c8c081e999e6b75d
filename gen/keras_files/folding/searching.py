"""The search for repetitions: which blocks of a model become a loop, or calls of a function, one after the other."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gen.keras_files.folding.merging import Merger, Signatures, Unequal
from gen.keras_files.folding.statements import (
    Carry,
    Function,
    Loop,
    Rename,
    Statement,
    assignment,
    defined_in,
    lines_of,
    literal_of,
    names_in,
    used_in,
    with_names,
)
from gen.language.elaborate.context import Numbering

LEAST_SAVED = 3
"""A loop or a function that saves fewer lines is no easier to read than what it stands for."""
LONGEST = 120
"""The most statements of one block."""
MOST_COMPARED = 100_000
"""How many statements are held against each other in one model; what is found until then is folded."""
NOT_FOLDED = ("Input", "Model", "Sequential")
"""What makes the statements that begin and end a model."""


def is_fixed(node: ast.stmt) -> bool:
    """Whether a statement makes an input or a model: these are not folded."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in NOT_FOLDED


@dataclass
class _Found:
    """A repetition: the places of the blocks, one body for them, and how many lines that saves."""

    saved: int
    starts: Sequence[int]
    length: int
    merger: Merger
    body: list[Statement]
    is_loop: bool


class Program:
    """The statements of a model, folded step by step."""

    def __init__(
        self, statements: Sequence[ast.Assign], inputs: Sequence[str], end: Sequence[ast.stmt], words: set[str]
    ) -> None:
        self.statements: list[Statement] = list(statements)
        self.end = list(end)
        self.functions: list[Function] = []
        self._taken = set(words)
        self._variables = {*inputs, *defined_in(self.statements)}
        self._signatures = Signatures(self._variables)
        self._kept = {name for each in end for name in names_in(each)}
        self._refused: set[Any] = set()
        self._readers: dict[str, list[int]] = {}
        self._ends: set[str] = set()
        self._compared = 0

    @property
    def is_folded(self) -> bool:
        """Whether anything was found."""
        return bool(self.functions) or any(isinstance(each, Loop) for each in self.statements)

    def fresh(self, name: str) -> str:
        """A variable that is not there yet."""
        found = Numbering(*self._taken).claim(name)
        self._taken.add(found)
        return found

    # ----------------------------------------------------------------------------------------------------- search

    def fold_best(self) -> bool:
        """Fold the repetition that saves most lines; False if there is none left.

        What repeats line by line comes first: blocks that hold such lines hold a loop then.
        """
        self._readers, self._ends = self._places(), {name for each in self.end for name in names_in(each)}
        symbols = self._symbols()
        candidates = sorted(
            self._candidates(symbols), key=lambda each: (not (each[3] and each[2] == 1), -each[0], each[1:])
        )
        best: _Found | None = None
        for saved, starts, length, is_loop in candidates:
            if self._compared > MOST_COMPARED:
                break
            if best is not None and (saved <= best.saved or (best.length == 1 and length > 1)):
                break
            found = self._tried(starts, length, is_loop)
            if found is not None and found.saved >= LEAST_SAVED and (best is None or found.saved > best.saved):
                best = found
        if best is None:
            return False
        if best.is_loop:
            self._put_loop(best)
        else:
            self._put_function(best)
        return True

    def _symbols(self) -> list[int]:
        """A number for each statement: the same for those that may be equal."""
        known: dict[Any, int] = {}
        found = []
        for i, each in enumerate(self.statements):
            key: Any = self._signatures.of([each])
            if (isinstance(each, ast.Assign) and is_fixed(each)) or self._kept & set(defined_in([each])):
                key = ("alone", i)
            found.append(known.setdefault(key, len(known)))
        return found

    def _candidates(self, symbols: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...], int, bool]]:
        """Stretches that look alike: the most lines that folding them could save, their places and length."""
        size = len(symbols)
        lines = [0]
        for each in self.statements:
            lines.append(lines[-1] + lines_of([each]))
        windows = [0] * size
        for length in range(1, min(LONGEST, size // 2) + 1):
            known: dict[tuple[int, int], int] = {}
            windows = [
                known.setdefault((windows[i], symbols[i + length - 1]), len(known)) for i in range(size - length + 1)
            ]
            places: dict[int, list[int]] = {}
            for i, window in enumerate(windows):
                places.setdefault(window, []).append(i)
            for several in places.values():
                if len(several) < 2:
                    continue
                height = lines[several[0] + length] - lines[several[0]]
                apart: list[int] = []
                for place in several:
                    if not apart or place >= apart[-1] + length:
                        apart.append(place)
                saved = len(apart) * height - height - 4 - len(apart)
                if length > 2 and saved >= LEAST_SAVED:
                    yield saved, tuple(apart), length, False
                among = set(several)
                for place in several:
                    if place - length in among:
                        continue
                    row = [place]
                    while row[-1] + length in among:
                        row.append(row[-1] + length)
                    saved = len(row) * height - height - 1
                    if saved >= LEAST_SAVED:
                        yield saved, tuple(row), length, True

    def _tried(self, starts: tuple[int, ...], length: int, is_loop: bool) -> _Found | None:
        """The repetition, or the most of it that is exact."""
        key = (tuple(id(self.statements[start]) for start in starts), length, is_loop)
        if key in self._refused:
            return None
        found = self._loop(starts, length) if is_loop else self._function(starts, length)
        if found is None:
            self._refused.add(key)
        return found

    def _stretches(self, starts: Sequence[int], length: int) -> list[list[Statement]]:
        return [self.statements[start : start + length] for start in starts]

    def _merged(self, starts: Sequence[int], length: int) -> tuple[Merger, list[Statement]] | None:
        self._compared += len(starts) * length
        if self._compared > MOST_COMPARED:
            return None
        merger = Merger(len(starts), self._variables, self._suggested())
        try:
            return merger, merger.merged(self._stretches(starts, length))
        except Unequal:
            return None

    def _suggested(self) -> Callable[[str], str]:
        """Names that are only taken if what they are made for is."""
        return Numbering(*self._taken).claim

    def _read_elsewhere(self, start: int, length: int, names: Iterable[str]) -> list[str]:
        """Those of the variables that other statements read than the ones in a stretch."""
        end = start + length
        return [
            name
            for name in names
            if name in self._ends or any(not start <= place < end for place in self._readers.get(name, ()))
        ]

    def _places(self) -> dict[str, list[int]]:
        """Where each variable is read."""
        found: dict[str, list[int]] = {}
        for i, each in enumerate(self.statements):
            for name in set(used_in([each])):
                found.setdefault(name, []).append(i)
        return found

    def _results(self, starts: Sequence[int], length: int) -> set[int]:
        """Which of the variables of equal stretches, in order, are read elsewhere."""
        found: set[int] = set()
        for start in starts:
            names = list(defined_in(self.statements[start : start + length]))
            found |= {names.index(name) for name in self._read_elsewhere(start, length, names)}
        return found

    def _loop(self, starts: tuple[int, ...], length: int) -> _Found | None:
        """The rounds of the loop that saves most, among blocks in a row."""
        signatures = [self._signatures.of(each) for each in self._stretches(starts, length)]
        height = lines_of(self.statements[starts[0] : starts[0] + length])
        best: _Found | None = None
        for count in range(len(starts), 1, -1):
            if (count - 1) * height - 1 <= (best.saved if best is not None else 0):
                break
            for first in range(len(starts) - count + 1):
                if len(set(signatures[first : first + count])) > 1:
                    continue
                found = self._exact_loop(starts[first : first + count], length)
                if found is not None and (best is None or found.saved > best.saved):
                    best = found
        return best

    def _exact_loop(self, starts: Sequence[int], length: int) -> _Found | None:
        made = self._merged(starts, length)
        if made is None:
            return None
        merger, body = made
        for names, inside in list(merger.outside.items()):
            if len(set(names)) == 1:
                continue
            last = {merger.environments[k].get(name) for k, name in enumerate(names[1:])}
            if len(last) > 1 or None in last or inside in last:
                return None
        before = defined_in(self.statements[starts[0] : starts[-1]])
        if self._read_elsewhere(starts[0], starts[-1] + length - starts[0], before):
            return None
        height = lines_of(body)
        table = 0 if len(merger.arguments) < 2 else len(starts) // 2
        return _Found((len(starts) - 1) * height - 1 - table, starts, length, merger, body, True)

    def _function(self, starts: tuple[int, ...], length: int) -> _Found | None:
        groups: dict[Any, list[int]] = {}
        for start, stretch in zip(starts, self._stretches(starts, length), strict=True):
            groups.setdefault(self._signatures.of(stretch), []).append(start)
        best: _Found | None = None
        for several in groups.values():
            if len(several) < 2 or len(self._results(several, length)) != 1:
                continue
            made = self._merged(several, length)
            if made is None:
                continue
            merger, body = made
            if len(merger.outside) > 4:
                continue
            saved = (len(several) - 1) * lines_of(body) - 4 - len(several)
            if best is None or saved > best.saved:
                best = _Found(saved, several, length, merger, body, False)
        return best

    # ----------------------------------------------------------------------------------------------------- putting

    def _put_loop(self, found: _Found) -> None:
        merger, starts = found.merger, found.starts
        arguments = list(merger.arguments.values())
        carried, invariant = [], {}
        for names, inside in merger.outside.items():
            if len(set(names)) == 1:
                invariant[inside] = names[0]
            else:
                carried.append(Carry(inside, names[0], merger.environments[0][names[1]]))
        body = with_names(found.body, invariant)
        rows = merger.values()
        self._taken |= {*merger.made, *arguments, *(carry.inside for carry in carried)}
        self._variables |= {*merger.made, *arguments, *(carry.inside for carry in carried)}
        loop = Loop(arguments or ["_"], _table(rows, len(starts)), body, carried)
        last = merger.environments[-1]
        self.statements[starts[0] : starts[-1] + found.length] = [loop]
        place = starts[0] + 1
        self.statements[place:] = with_names(self.statements[place:], last)
        self.end = [Rename(last).visit(each) for each in self.end]

    def _put_function(self, found: _Found) -> None:
        merger = found.merger
        (place,) = self._results(found.starts, found.length)
        result = list(defined_in(found.body))[place]
        arguments = list(merger.arguments.values())
        name = self.fresh("block")
        self.functions.append(Function(name, list(merger.outside.values()), arguments, found.body, result))
        calls: list[Statement] = []
        rows = merger.values() or [()] * len(found.starts)
        for k, row in enumerate(rows):
            own = next(theirs for theirs, merged in merger.environments[k].items() if merged == result)
            tensors: list[ast.expr] = [ast.Name(names[k], ast.Load()) for names in merger.outside]
            keywords = [ast.keyword(arg, literal_of(value)) for arg, value in zip(arguments, row, strict=True)]
            calls.append(assignment([own], ast.Call(ast.Name(name, ast.Load()), tensors, keywords)))
        for start, call in reversed(list(zip(found.starts, calls, strict=True))):
            self.statements[start : start + found.length] = [call]


def _table(rows: Sequence[tuple[Any, ...]], count: int) -> ast.expr:
    """What a loop runs over."""
    if not rows:
        return ast.parse(f"range({count})", mode="eval").body
    if len(rows[0]) > 1:
        return literal_of([*rows])
    column = [row[0] for row in rows]
    if all(type(each) is int for each in column) and column == list(range(column[0], column[0] + count)):
        said = f"{column[0]}, {column[-1] + 1}" if column[0] else f"{count}"
        return ast.parse(f"range({said})", mode="eval").body
    return literal_of(column)
