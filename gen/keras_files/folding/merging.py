"""Equal stretches of statements: when they are equal, and the one body that stands for all of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gen.components.base import parameters, registry
from gen.keras_files.folding.defaults import may_be_unnamed
from gen.keras_files.folding.statements import (
    Carry,
    Loop,
    Statement,
    assignment,
    expression_of,
    is_constant,
    layer_call,
    name_of,
    targets_of,
    with_names,
)

MOST_ARGUMENTS = 6
"""What may differ between blocks that are still one."""


def _shape(node: Any, names: list[str]) -> Any:
    """What two expressions have in common that differ in constants and variables; collects the names of these."""
    if isinstance(node, list):
        return tuple(_shape(each, names) for each in node)
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Name):
        names.append(node.id)
        return "variable"
    if is_constant(node):
        return "constant"
    if isinstance(node, ast.keyword) and node.arg == "name":
        return "name"
    return (type(node).__name__, *(_shape(value, names) for _, value in ast.iter_fields(node)))


class Signatures:
    """What equal stretches of statements have in common.  The shape of an expression is computed once."""

    def __init__(self, variables: set[str]) -> None:
        self._variables = variables
        self._known: dict[int, tuple[ast.expr, int, list[str]]] = {}
        self._numbers: dict[Any, int] = {}

    def of(self, statements: Sequence[Statement]) -> Any:
        """The shapes of statements, and which reads which."""
        inside: dict[str, int] = {}
        return tuple(self._statement(each, inside) for each in statements)

    def _statement(self, statement: Statement, inside: dict[str, int]) -> Any:
        if isinstance(statement, ast.Assign):
            found = self._expression(statement.value, inside)
            for name in targets_of(statement):
                inside[name] = len(inside)
            return found, len(targets_of(statement))
        values = self._expression(statement.values, inside)
        first = tuple(self._variable(carry.first, inside) for carry in statement.carried)
        for name in (*statement.targets, *(carry.inside for carry in statement.carried)):
            inside[name] = len(inside)
        body = tuple(self._statement(each, inside) for each in statement.body)
        return "for", values, first, body, tuple(self._variable(carry.last, inside) for carry in statement.carried)

    def _expression(self, node: ast.expr, inside: Mapping[str, int]) -> Any:
        if id(node) not in self._known:
            names: list[str] = []
            shape = _shape(node, names)
            self._known[id(node)] = node, self._numbers.setdefault(shape, len(self._numbers)), names
        _, number, names = self._known[id(node)]
        return number, tuple(self._variable(name, inside) for name in names)

    def _variable(self, name: str, inside: Mapping[str, int]) -> Any:
        return name if name not in self._variables else inside.get(name, "outside")


def _middles(names: Sequence[str]) -> tuple[str, tuple[str, ...], str] | None:
    """What names begin with, the part of each that differs, and what they end with; numbers stay whole."""
    least = min(map(len, names))
    start = next((i for i in range(least) if len({name[i] for name in names}) > 1), least)
    rest = [name[start:] for name in names]
    least = min(map(len, rest))
    end = next((i for i in range(least) if len({name[-1 - i] for name in rest}) > 1), least)
    while start and names[0][start - 1].isdigit() and any(name[start : start + 1].isdigit() for name in names):
        start -= 1
    while end and names[0][-end].isdigit() and any(name[: len(name) - end][-1:].isdigit() for name in names):
        end -= 1
    found = tuple(name[start : len(name) - end] for name in names)
    return names[0][:start], found, names[0][len(names[0]) - end :]


class Unequal(Exception):
    """Stretches of statements that no body can stand for."""


@dataclass
class Merger:
    """Makes one body of equal stretches of statements; says what differs between them."""

    count: int
    variables: set[str]
    fresh: Callable[[str], str]
    environments: list[dict[str, str]] = field(init=False)
    outside: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Variables from elsewhere: those that stand in one place in each stretch, and the one in the body."""
    arguments: dict[tuple[str, tuple[Any, ...]], str] = field(default_factory=dict)
    """Constants that differ, by kind and values."""
    made: list[str] = field(default_factory=list)
    _middles: set[tuple[str, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.environments = [{} for _ in range(self.count)]

    def merged(self, stretches: Sequence[Sequence[Statement]]) -> list[Statement]:
        """The one body.  Raises `Unequal`."""
        if not self._middles:
            self._middles = set(self._wanted(stretches))
        found = [self._statement(each) for each in zip(*stretches, strict=True)]
        found = with_names(found, self._counted())
        if len(self.arguments) > MOST_ARGUMENTS or sum(word in ("name", "number") for word, _ in self.arguments) > 1:
            raise Unequal
        return found

    def _counted(self) -> dict[str, ast.expr]:
        """Numbers that count along with another one, as formulas of that: they are no arguments any more."""
        columns = {
            name: [value for _, value in values]
            for (word, values), name in self.arguments.items()
            if word == "number" and all(kind == "int" for kind, _ in values)
        }
        if len(columns) < 2:
            return {}
        found: dict[str, ast.expr] = {}
        for base, counts in columns.items():
            formulas = {name: _formula(base, counts, each) for name, each in columns.items() if name != base}
            found = {name: each for name, each in formulas.items() if each is not None}
            if len(found) == len(formulas):
                break
        else:
            return {}
        self.arguments = {key: name for key, name in self.arguments.items() if name not in found}
        return found

    def _wanted(self, stretches: Sequence[Sequence[Statement]]) -> Iterator[tuple[str, ...]]:
        """The parts that differ in names which have to be kept."""
        for several in zip(*stretches, strict=True):
            if isinstance(several[0], Loop):
                yield from self._wanted([each.body for each in several if isinstance(each, Loop)])
                continue
            calls = [layer_call(each) for each in several if isinstance(each, ast.Assign)]
            if all(call is not None and not may_be_unnamed(call) for call in calls):
                names = [name_of(call) for call in calls if call is not None]
                if all(isinstance(name, str) for name in names):
                    found = _middles([str(name) for name in names])
                    if found is not None:
                        yield found[1]

    def _define(self, names: Sequence[str]) -> str:
        found = self.fresh(_common(names))
        for environment, name in zip(self.environments, names, strict=True):
            environment[name] = found
        self.made.append(found)
        return found

    def _statement(self, several: Sequence[Statement]) -> Statement:
        if all(isinstance(each, Loop) for each in several):
            return self._loop([each for each in several if isinstance(each, Loop)])
        nodes = [each for each in several if isinstance(each, ast.Assign)]
        value = self._expression([each.value for each in nodes], "", 0)
        targets = [self._define(names) for names in zip(*map(targets_of, nodes), strict=True)]
        return assignment(targets, value)

    def _loop(self, several: Sequence[Loop]) -> Loop:
        values = self._expression([each.values for each in several], "values", 0)
        first = [self._variable(names) for names in zip(*([c.first for c in e.carried] for e in several), strict=True)]
        targets = [self._define(names) for names in zip(*(each.targets for each in several), strict=True)]
        inside = [self._define(names) for names in zip(*([c.inside for c in e.carried] for e in several), strict=True)]
        body = [self._statement(each) for each in zip(*(each.body for each in several), strict=True)]
        last = [self._variable(names) for names in zip(*([c.last for c in e.carried] for e in several), strict=True)]
        return Loop(targets, values, body, [Carry(*each) for each in zip(inside, first, last, strict=True)])

    def _variable(self, names: Sequence[str]) -> str:
        own = {environment.get(name) for environment, name in zip(self.environments, names, strict=True)}
        if len(own) == 1 and None not in own:
            return str(own.pop())
        if own != {None}:
            raise Unequal
        if len(set(names)) == 1 and names[0] not in self.variables:
            return names[0]
        if tuple(names) not in self.outside:
            self.outside[tuple(names)] = self.fresh(_common(names))
        return self.outside[tuple(names)]

    def _expression(self, nodes: Sequence[Any], word: str, index: int) -> Any:
        """One expression for several; `word` is the keyword or the function that it is an argument of."""
        first = nodes[0]
        if isinstance(first, list):
            return [self._expression(each, word, i) for i, each in enumerate(zip(*nodes, strict=True))]
        if not isinstance(first, ast.AST):
            return first
        if isinstance(first, ast.Name):
            return ast.Name(self._variable([node.id for node in nodes]), ast.Load())
        if all(is_constant(node) for node in nodes):
            return self._constant([ast.literal_eval(node) for node in nodes], word, nodes[0])
        if any(is_constant(node) for node in nodes):
            raise Unequal
        if isinstance(first, ast.keyword):
            return ast.keyword(first.arg, self._expression([node.value for node in nodes], str(first.arg), 0))
        if isinstance(first, ast.Call):
            return self._call(nodes, word)
        merged = {
            name: self._expression([getattr(node, name) for node in nodes], word, index)
            for name, _ in ast.iter_fields(first)
        }
        return type(first)(**merged)

    def _call(self, nodes: Sequence[ast.Call], word: str) -> ast.Call:
        kind = nodes[0].func.id if isinstance(nodes[0].func, ast.Name) else ""
        function = self._expression([node.func for node in nodes], word, 0)
        arguments = [
            self._expression(each, _parameter(kind, i), i)
            for i, each in enumerate(zip(*(node.args for node in nodes), strict=True))
        ]
        keywords = []
        for each in zip(*(node.keywords for node in nodes), strict=True):
            if each[0].arg == "name":
                value = self._name([keyword.value for keyword in each], all(map(may_be_unnamed, nodes)))
                keywords += [] if value is None else [ast.keyword("name", value)]
            else:
                keywords.append(self._expression(each, word, 0))
        return ast.Call(function, arguments, keywords)

    def _constant(self, values: Sequence[Any], word: str, node: ast.expr) -> ast.expr:
        if all(type(value) is type(values[0]) and value == values[0] for value in values):
            return node
        return ast.Name(self._argument(word, values), ast.Load())

    def _argument(self, word: str, values: Sequence[Any]) -> str:
        word = re.sub(r"_\d+$", "", word)  # `filters_2` of an inner block
        key = (word, tuple((type(value).__name__, value) for value in map(_hashable, values)))
        if key not in self.arguments:
            self.arguments[key] = self.fresh(word or "value")
        return self.arguments[key]

    def values(self) -> list[tuple[Any, ...]]:
        """What the arguments are in each stretch."""
        return list(zip(*([value for _, value in values] for _, values in self.arguments), strict=True))

    def _name(self, nodes: Sequence[ast.expr], unnamed: bool) -> ast.expr | None:
        """A name as a string with holes; None where a layer may do without."""
        if not all(isinstance(node, ast.Constant) for node in nodes):
            return self._joined(nodes)
        names = [str(node.value) for node in nodes if isinstance(node, ast.Constant)]
        if len(set(names)) == 1:
            return None if unnamed else nodes[0]
        found = _middles(names)
        if found is None or (unnamed and found[1] not in self._middles):
            return None
        start, middles, end = found
        hole = self._hole(middles)
        if not start and not end and not all(each.isdecimal() for each in middles):
            return ast.Name(hole, ast.Load())
        parts = [ast.Constant(start), ast.FormattedValue(ast.Name(hole, ast.Load()), -1, None), ast.Constant(end)]
        return ast.JoinedStr([part for part in parts if not (isinstance(part, ast.Constant) and not part.value)])

    def _hole(self, middles: Sequence[str]) -> str:
        numbers = all(each.isdecimal() and str(int(each)) == each and each.isascii() for each in middles)
        return self._argument("number" if numbers else "name", [int(each) if numbers else each for each in middles])

    def _joined(self, nodes: Sequence[ast.expr]) -> ast.expr:
        """One string for several that have holes already: constant parts are held against each other."""
        if all(isinstance(node, ast.Name) for node in nodes):
            return ast.Name(self._variable([node.id for node in nodes if isinstance(node, ast.Name)]), ast.Load())
        if not all(isinstance(node, ast.JoinedStr) for node in nodes):
            raise Unequal
        parts = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
        if len({tuple(type(part) for part in each) for each in parts}) > 1:
            raise Unequal
        found: list[ast.expr] = []
        for several in zip(*parts, strict=True):
            if isinstance(several[0], ast.FormattedValue):
                found.append(self._expression(several, "name", 0))
                continue
            texts = [str(part.value) for part in several if isinstance(part, ast.Constant)]
            if len(set(texts)) == 1:
                found.append(several[0])
                continue
            middles = _middles(texts)
            if middles is None:
                raise Unequal
            start, differing, end = middles
            found += [ast.Constant(start)] if start else []
            found.append(ast.FormattedValue(ast.Name(self._hole(differing), ast.Load()), -1, None))
            found += [ast.Constant(end)] if end else []
        return ast.JoinedStr(found)


def _formula(base: str, counts: Sequence[int], numbers: Sequence[int]) -> ast.expr | None:
    """`3 * base + 1`, which gives `numbers` where the base is `counts`; None if there is no such formula."""
    step = next(each - counts[0] for each in counts if each != counts[0])
    factor, rest = divmod(next(n for n, c in zip(numbers, counts, strict=True) if c != counts[0]) - numbers[0], step)
    start = numbers[0] - factor * counts[0]
    if rest or factor < 1 or any(n != factor * c + start for n, c in zip(numbers, counts, strict=True)):
        return None
    text = base if factor == 1 else f"{factor} * {base}"
    return expression_of(f"{text} {'-' if start < 0 else '+'} {abs(start)}" if start else text)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value


def _parameter(kind: str, index: int) -> str:
    """What the argument of a layer is called that stands in a place."""
    if kind == "range":
        return ("start", "stop")[index : index + 1][0] if index < 2 else "step"
    cls = registry["layer"].get(kind)
    known = parameters(cls) if cls is not None else ()
    return known[index].name if index < len(known) else "value"


def _common(names: Sequence[str]) -> str:
    """A variable for what has these names in the blocks that it stands for: what they have in common."""
    if len(set(names)) == 1:
        return names[0]
    found = _middles(names)
    assert found is not None
    text = re.sub(r"__+", "_", f"{found[0]}{found[2]}").strip("_")
    return text if text.isidentifier() and len(text) > 1 else "x"
