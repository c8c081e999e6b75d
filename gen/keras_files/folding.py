"""Equal blocks of a written model found again: repeated in a row they become a `for`, elsewhere calls of a `def`.

    statements ──search──▶ the repetition that saves most lines ──merge──▶ one body, and what differs ──▶ again

Two stretches of statements are equal if they differ in names of layers, in numbers and words among the arguments, and
in the tensors that they begin with.  What differs becomes arguments of the `def`, or what the `for` runs over.  Names
are put together from a part that changes, `name=f"block_{number}_conv"`, so each layer keeps its own.

Every variable is written once, until the text is made; what a round of a loop takes from the one before is said by a
`Carry`.  At the end `unrolled` runs the folded statements, and what it gives must be the statements that there were:
where it is not, nothing is folded.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from gen.components.base import Activation, parameters, registry, snake_case
from gen.keras_files.applications import CLASSES
from gen.keras_files.arguments import component_class, has_weights
from gen.language.elaborate.context import Numbering

LEAST_SAVED = 3
"""A loop or a function that saves fewer lines is no easier to read than what it stands for."""
LONGEST = 120
"""The most statements of one block."""
MOST_ARGUMENTS = 6
"""What may differ between blocks that are still one."""
MOST_COMPARED = 100_000
"""How many statements are held against each other in one model; what is found until then is folded."""
FORMULAS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
"""What numbers in names are computed with."""
NOT_FOLDED = ("Input", "Model", "Sequential")
"""What makes the statements that begin and end a model."""


@dataclass(frozen=True)
class Carry:
    """What a round of a loop takes from the one before: it reads `inside`, which is `first`, and later `last`."""

    inside: str
    first: str
    last: str


@dataclass
class Loop:
    """A `for`: what it runs over, and its body."""

    targets: list[str]
    values: ast.expr
    body: list[Statement]
    carried: list[Carry]


@dataclass
class Function:
    """A `def` of one result."""

    name: str
    tensors: list[str]
    arguments: list[str]
    body: list[Statement]
    result: str


Statement: TypeAlias = "ast.Assign | Loop"


def folded(text: str) -> str:
    """The text of a model with its equal blocks folded; the same text where there are none."""
    module = ast.parse(text)
    head, body, end = _parts(module)
    if len(body) < 4:
        return text
    _say_defaults(body)
    inputs = [name for each in head if isinstance(each, ast.Assign) for name in _targets(each)]
    program = _Program([_named(each) for each in body], inputs, end, _words(module))
    original = [copied(each) if isinstance(each, ast.Assign) else each for each in program.statements]
    while program.fold_best():
        pass
    if not program.is_folded:
        return text
    lines = text.split("\n")
    blank = {each.lineno for each in module.body if each.lineno > 1 and not lines[each.lineno - 2].strip()}
    return program.written(text, head, original, blank)


def _parts(module: ast.Module) -> tuple[list[ast.stmt], list[ast.Assign], list[ast.stmt]]:
    """What comes before the calls of a model, the calls, and what comes after."""
    places = [i for i, each in enumerate(module.body) if isinstance(each, ast.Assign) and not _is_fixed(each)]
    if not places:
        return module.body, [], []
    last = len(module.body)
    while not (isinstance(module.body[last - 1], ast.Assign) and not _is_fixed(module.body[last - 1])):
        last -= 1
    body = module.body[places[0] : last]
    if not all(isinstance(each, ast.Assign) for each in body):
        return module.body, [], []
    return module.body[: places[0]], [each for each in body if isinstance(each, ast.Assign)], module.body[last:]


def _is_fixed(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in NOT_FOLDED


def _words(module: ast.Module) -> set[str]:
    """Every name of the text, and Python's own."""
    import builtins
    import keyword

    names = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    return names | set(dir(builtins)) | set(keyword.kwlist)


# ------------------------------------------------------------------------------------------------- names of layers


def _made(node: ast.Assign) -> ast.Call | None:
    """The call that makes the layer whose result, or which itself, a statement binds."""
    call = node.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Call):
        call = call.func
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and _is_layer(call.func.id):
        return call
    return None


def _is_layer(word: str) -> bool:
    return component_class(word) is not None or word in CLASSES or word in ("TimeDistributed", "Bidirectional", "RNN")


def _targets(node: ast.Assign) -> list[str]:
    target = node.targets[0]
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    return [each.id for each in names if isinstance(each, ast.Name)]


def _named(node: ast.Assign) -> ast.Assign:
    """The statement with the name of its layer said, which may be that of its variable."""
    call = _made(node)
    if call is not None and all(each.arg != "name" for each in call.keywords):
        call.keywords.append(ast.keyword("name", ast.Constant(_targets(node)[0])))
    return node


def _say_defaults(body: Sequence[ast.Assign]) -> None:
    """Say of each layer what others of its class say, so that a default may differ from block to block."""
    calls = [call for node in body for call in ast.walk(node) if isinstance(call, ast.Call)]
    said: dict[str, set[str]] = {}
    for call in calls:
        if isinstance(call.func, ast.Name):
            said.setdefault(call.func.id, set()).update(str(each.arg) for each in call.keywords)
    for call in calls:
        kind = call.func.id if isinstance(call.func, ast.Name) else ""
        defaults = _defaults(kind)
        words = {each.arg: each for each in call.keywords}
        given = list(defaults)[: len(call.args)]
        for word in defaults:
            if word in said.get(kind, ()) and word not in words and word not in given:
                words[word] = ast.keyword(word, _literal(defaults[word]))
        order = [*defaults, *(word for word in words if word not in defaults)]
        call.keywords = sorted(words.values(), key=lambda each: order.index(str(each.arg)))


def _defaults(kind: str) -> dict[str, Any]:
    """The arguments of a layer that are numbers or words, with their defaults, in order."""
    cls = component_class(kind)
    found: dict[str, Any] = {}
    for item in parameters(cls) if cls is not None else ():
        value = None if item.required else item.default
        if isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if isinstance(value, Activation):
            value = snake_case(type(value).__name__) if not parameters(type(value)) else ...
        found[item.name] = value if _is_plain(value) else ...
    return {word: value for word, value in found.items() if value is not ...}


class _WithoutDefaults(ast.NodeTransformer):
    """Leaves out the arguments of layers that are at their defaults."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call without them."""
        self.generic_visit(node)
        kind = node.func.id if isinstance(node.func, ast.Name) else ""
        defaults = _defaults(kind)
        node.keywords = [
            each
            for each in node.keywords
            if not (
                isinstance(each.value, ast.Constant)
                and each.arg in defaults
                and type(each.value.value) is type(defaults[each.arg])
                and each.value.value == defaults[each.arg]
            )
        ]
        return node


def _may_be_unnamed(call: ast.Call) -> bool:
    """Whether a layer has no weights and the name that Keras has made up for it: nothing asks for that."""
    if not isinstance(call.func, ast.Name):
        return False
    kind = call.func.id
    cls = component_class(kind)
    name = next((each.value for each in call.keywords if each.arg == "name"), None)
    if cls is None or has_weights(cls) or not isinstance(name, ast.Constant):
        return False
    return re.fullmatch(rf"{snake_case(kind)}(_\d+)?", str(name.value)) is not None


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


# ------------------------------------------------------------------------------------------------- equal or not


def _reads(value: ast.AST) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Name):
            yield node.id


def _is_constant(node: ast.AST) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_constant, node.elts))
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    return isinstance(node, ast.Constant)


def _shape(node: Any, variable: Callable[[str], Any]) -> Any:
    """What two expressions have in common that differ in constants; `variable` says what a name counts as."""
    if isinstance(node, list):
        return tuple(_shape(each, variable) for each in node)
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Name):
        return variable(node.id)
    if _is_constant(node):
        return "constant"
    if isinstance(node, ast.keyword) and node.arg == "name":
        return "name"
    return (type(node).__name__, *(_shape(value, variable) for _, value in ast.iter_fields(node)))


def _signature(statements: Sequence[Statement], variables: set[str]) -> Any:
    """What equal stretches of statements have in common: their shape, and which reads which."""
    inside: dict[str, int] = {}

    def variable(name: str) -> Any:
        return name if name not in variables else inside.get(name, "outside")

    def of(statement: Statement) -> Any:
        if isinstance(statement, ast.Assign):
            found = _shape(statement.value, variable)
            for name in _targets(statement):
                inside[name] = len(inside)
            return found, len(_targets(statement))
        values = _shape(statement.values, variable)
        first = tuple(variable(carry.first) for carry in statement.carried)
        for name in (*statement.targets, *(carry.inside for carry in statement.carried)):
            inside[name] = len(inside)
        body = tuple(of(each) for each in statement.body)
        return "for", values, first, body, tuple(variable(carry.last) for carry in statement.carried)

    return tuple(of(each) for each in statements)


def _defines(statements: Sequence[Statement]) -> Iterator[str]:
    for each in statements:
        if isinstance(each, ast.Assign):
            yield from _targets(each)
        else:
            yield from _defines(each.body)


def _uses(statements: Sequence[Statement]) -> Iterator[str]:
    """Every variable that statements read, as often as they do."""
    for each in statements:
        if isinstance(each, ast.Assign):
            yield from _reads(each.value)
        else:
            yield from (carry.first for carry in each.carried)
            yield from _uses(each.body)


def _lines(statements: Sequence[Statement]) -> int:
    return sum(1 if isinstance(each, ast.Assign) else 1 + _lines(each.body) for each in statements)


# ------------------------------------------------------------------------------------------------- one of several


class _Unequal(Exception):
    """Stretches of statements that no body can stand for."""


@dataclass
class _Merger:
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
        """The one body.  Raises `_Unequal`."""
        if not self._middles:
            self._middles = set(self._wanted(stretches))
        found = [self._statement(each) for each in zip(*stretches, strict=True)]
        found = _renamed(found, self._counted())
        if len(self.arguments) > MOST_ARGUMENTS or sum(word in ("name", "number") for word, _ in self.arguments) > 1:
            raise _Unequal
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
            calls = [_made(each) for each in several if isinstance(each, ast.Assign)]
            if all(call is not None and not _may_be_unnamed(call) for call in calls):
                names = [_name_of(call) for call in calls if call is not None]
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
        targets = [self._define(names) for names in zip(*map(_targets, nodes), strict=True)]
        return _assign(targets, value)

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
            raise _Unequal
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
        if all(_is_constant(node) for node in nodes):
            return self._constant([ast.literal_eval(node) for node in nodes], word, nodes[0])
        if any(_is_constant(node) for node in nodes):
            raise _Unequal
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
                value = self._name([keyword.value for keyword in each], all(map(_may_be_unnamed, nodes)))
                keywords += [] if value is None else [ast.keyword("name", value)]
            else:
                keywords.append(self._expression(each, word, 0))
        return ast.Call(function, arguments, keywords)

    def _constant(self, values: Sequence[Any], word: str, node: ast.expr) -> ast.expr:
        if all(type(value) is type(values[0]) and value == values[0] for value in values):
            return node
        return ast.Name(self._argument(word, values), ast.Load())

    def _argument(self, word: str, values: Sequence[Any]) -> str:
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
            raise _Unequal
        parts = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
        if len({tuple(type(part) for part in each) for each in parts}) > 1:
            raise _Unequal
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
                raise _Unequal
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
    return _parsed(f"{text} {'-' if start < 0 else '+'} {abs(start)}" if start else text)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value


def _name_of(call: ast.Call) -> Any:
    node = next((each.value for each in call.keywords if each.arg == "name"), None)
    return node.value if isinstance(node, ast.Constant) else None


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


def _assign(targets: Sequence[str], value: ast.expr) -> ast.Assign:
    names: list[ast.expr] = [ast.Name(name, ast.Store()) for name in targets]
    target = names[0] if len(names) == 1 else ast.Tuple(names, ast.Store())
    return ast.Assign([target], value, lineno=0)


# ------------------------------------------------------------------------------------------------- the whole model


@dataclass
class _Found:
    """A repetition: the places of the blocks, one body for them, and how many lines that saves."""

    saved: int
    starts: Sequence[int]
    length: int
    merger: _Merger
    body: list[Statement]
    is_loop: bool


class _Program:
    """The statements of a model, folded step by step."""

    def __init__(
        self, statements: Sequence[ast.Assign], inputs: Sequence[str], end: Sequence[ast.stmt], words: set[str]
    ) -> None:
        self.statements: list[Statement] = list(statements)
        self._end = list(end)
        self._functions: list[Function] = []
        self._taken = set(words)
        self._variables = {*inputs, *_defines(self.statements)}
        self._kept = {name for each in end for name in _reads(each)}
        self._refused: set[Any] = set()
        self._readers: dict[str, list[int]] = {}
        self._ends: set[str] = set()
        self._compared = 0

    @property
    def is_folded(self) -> bool:
        """Whether anything was found."""
        return bool(self._functions) or any(isinstance(each, Loop) for each in self.statements)

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
        self._readers, self._ends = self._places(), {name for each in self._end for name in _reads(each)}
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
            key: Any = _signature([each], self._variables)
            if (isinstance(each, ast.Assign) and _is_fixed(each)) or self._kept & set(_defines([each])):
                key = ("alone", i)
            found.append(known.setdefault(key, len(known)))
        return found

    def _candidates(self, symbols: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...], int, bool]]:
        """Stretches that look alike: the most lines that folding them could save, their places and length."""
        size = len(symbols)
        lines = [0]
        for each in self.statements:
            lines.append(lines[-1] + _lines([each]))
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

    def _merged(self, starts: Sequence[int], length: int) -> tuple[_Merger, list[Statement]] | None:
        self._compared += len(starts) * length
        if self._compared > MOST_COMPARED:
            return None
        merger = _Merger(len(starts), self._variables, self._suggested())
        try:
            return merger, merger.merged(self._stretches(starts, length))
        except _Unequal:
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
            for name in set(_uses([each])):
                found.setdefault(name, []).append(i)
        return found

    def _results(self, starts: Sequence[int], length: int) -> set[int]:
        """Which of the variables of equal stretches, in order, are read elsewhere."""
        found: set[int] = set()
        for start in starts:
            names = list(_defines(self.statements[start : start + length]))
            found |= {names.index(name) for name in self._read_elsewhere(start, length, names)}
        return found

    def _loop(self, starts: tuple[int, ...], length: int) -> _Found | None:
        """The rounds of the loop that saves most, among blocks in a row."""
        signatures = [_signature(each, self._variables) for each in self._stretches(starts, length)]
        height = _lines(self.statements[starts[0] : starts[0] + length])
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
        before = _defines(self.statements[starts[0] : starts[-1]])
        if self._read_elsewhere(starts[0], starts[-1] + length - starts[0], before):
            return None
        height = _lines(body)
        table = 0 if len(merger.arguments) < 2 else len(starts) // 2
        return _Found((len(starts) - 1) * height - 1 - table, starts, length, merger, body, True)

    def _function(self, starts: tuple[int, ...], length: int) -> _Found | None:
        groups: dict[Any, list[int]] = {}
        for start, stretch in zip(starts, self._stretches(starts, length), strict=True):
            groups.setdefault(_signature(stretch, self._variables), []).append(start)
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
            saved = (len(several) - 1) * _lines(body) - 4 - len(several)
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
        body = _renamed(found.body, invariant)
        rows = merger.values()
        self._taken |= {*merger.made, *arguments, *(carry.inside for carry in carried)}
        self._variables |= {*merger.made, *arguments, *(carry.inside for carry in carried)}
        loop = Loop(arguments or ["_"], _table(rows, len(starts)), body, carried)
        last = merger.environments[-1]
        self.statements[starts[0] : starts[-1] + found.length] = [loop]
        place = starts[0] + 1
        self.statements[place:] = _renamed(self.statements[place:], last)
        self._end = [_Rename(last).visit(each) for each in self._end]

    def _put_function(self, found: _Found) -> None:
        merger = found.merger
        (place,) = self._results(found.starts, found.length)
        result = list(_defines(found.body))[place]
        arguments = list(merger.arguments.values())
        name = self.fresh("block")
        self._functions.append(Function(name, list(merger.outside.values()), arguments, found.body, result))
        calls: list[Statement] = []
        rows = merger.values() or [()] * len(found.starts)
        for k, row in enumerate(rows):
            own = next(theirs for theirs, merged in merger.environments[k].items() if merged == result)
            tensors: list[ast.expr] = [ast.Name(names[k], ast.Load()) for names in merger.outside]
            keywords = [ast.keyword(arg, _literal(value)) for arg, value in zip(arguments, row, strict=True)]
            calls.append(_assign([own], ast.Call(ast.Name(name, ast.Load()), tensors, keywords)))
        for start, call in reversed(list(zip(found.starts, calls, strict=True))):
            self.statements[start : start + found.length] = [call]

    # ----------------------------------------------------------------------------------------------------- the text

    def written(self, text: str, head: Sequence[ast.stmt], original: list[Statement], blank: set[int]) -> str:
        """The text of the model; the text that there was, if the statements of both are not the same."""
        expected = list(unrolled(ast.unparse(_module([], original, {}))))
        names: dict[str, str] = {}

        def is_same() -> bool:
            return list(unrolled(ast.unparse(_module(self._functions, self.statements, names)))) == expected

        if not is_same():
            return text
        fixed = {name for each in head for node in ast.walk(each) if isinstance(node, ast.Name) for name in [node.id]}
        for carry in _carries(self.statements):
            for one, other in ((carry.inside, carry.last), (carry.first, carry.last)):
                if {one, other} & (fixed | self._kept):
                    continue
                before = dict(names)
                both = {names.get(one, one), names.get(other, other)}
                wanted = min(both, key=lambda name: (len(name), name))
                names |= {name: wanted for name, now in names.items() if now in both} | {one: wanted, other: wanted}
                if not is_same():
                    names.clear()
                    names |= before
        return self._laid(text, head, names, blank)

    def _laid(self, text: str, head: Sequence[ast.stmt], names: Mapping[str, str], blank: set[int]) -> str:
        lines: list[str] = []
        imports = [i for i, each in enumerate(head) if isinstance(each, ast.Import | ast.ImportFrom)]
        defined = imports[-1] + 1 if imports else 1
        for i, each in enumerate(head):
            if i == defined:
                lines += self._defined()
            lines += [""] * (each.lineno in blank) + [_source(text, each)]
        if defined >= len(head):
            lines += self._defined()
        lines.append("")
        for statement in self.statements:
            line = getattr(statement, "lineno", 0)
            lines += [""] * (line in blank and bool(lines[-1]))
            if isinstance(statement, ast.Assign) and line:
                lines.append(_shortest(statement, names, text))
            else:
                made = _WithoutDefaults().visit(_module([], [statement], names))
                lines += [ast.unparse(each) for each in made.body]
        lines.append("")
        rename = _Rename(names)
        for node in self._end:
            source = _source(text, node)
            lines += [""] * (node.lineno in blank and bool(lines[-1]))
            changed = ast.unparse(rename.visit(copied(node)))
            lines.append(source if changed == ast.unparse(ast.parse(source)) else changed)
        return "\n".join([*lines, ""])

    def _defined(self) -> list[str]:
        lines = []
        for function in self._functions:
            node = _WithoutDefaults().visit(_module([_local(function)], [], {})).body[0]
            lines += ["", "", *ast.unparse(node).split("\n"), "", ""]
        return lines


def _local(function: Function) -> Function:
    """A function whose variables have the shortest names: those of others are not seen in it."""
    own = [*function.tensors, *function.arguments, *_defines(function.body)]
    read = {name for each in function.body for name in _uses([each])}
    taken = read - set(own)
    names: dict[str, str] = {}
    for name in own:
        base = re.sub(r"_\d+$", "", name)
        found, number = base, 1
        while found in taken:
            number += 1
            found = f"{base}_{number}"
        taken.add(found)
        names[name] = found
    arguments = function.arguments  # calls say them by name
    names |= {name: name for name in arguments}
    if len(set(names.values())) < len(names):
        return function
    body = _renamed(function.body, names)
    tensors = [names[name] for name in function.tensors]
    return Function(function.name, tensors, arguments, body, names[function.result])


def _carries(statements: Sequence[Statement]) -> Iterator[Carry]:
    for each in statements:
        if isinstance(each, Loop):
            yield from each.carried
            yield from _carries(each.body)


def _literal(value: Any) -> ast.expr:
    return _parsed(repr(value))


def _table(rows: Sequence[tuple[Any, ...]], count: int) -> ast.expr:
    """What a loop runs over."""
    if not rows:
        return ast.parse(f"range({count})", mode="eval").body
    if len(rows[0]) > 1:
        return _literal([*rows])
    column = [row[0] for row in rows]
    if all(type(each) is int for each in column) and column == list(range(column[0], column[0] + count)):
        said = f"{column[0]}, {column[-1] + 1}" if column[0] else f"{count}"
        return ast.parse(f"range({said})", mode="eval").body
    return _literal(column)


class _Rename(ast.NodeTransformer):
    """Gives variables other names, or puts formulas in their places."""

    def __init__(self, names: Mapping[str, str | ast.expr]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A variable by its new name."""
        found = self._names.get(node.id, node.id)
        return ast.copy_location(ast.Name(found, node.ctx), node) if isinstance(found, str) else copied(found)


def _renamed(statements: Sequence[Statement], names: Mapping[str, Any]) -> list[Statement]:
    if not names:
        return list(statements)
    found: list[Statement] = []
    for each in statements:
        if isinstance(each, ast.Assign):
            if names.keys() & {node.id for node in ast.walk(each) if isinstance(node, ast.Name)}:
                each = _Rename(names).visit(copied(each))
            found.append(each)
            continue
        new = {key: names.get(key, key) for carry in each.carried for key in (carry.inside, carry.first, carry.last)}
        carried = [Carry(new[carry.inside], new[carry.first], new[carry.last]) for carry in each.carried]
        targets = [names.get(name, name) for name in each.targets]
        values = _Rename(names).visit(copied(each.values))
        found.append(Loop(targets, values, _renamed(each.body, names), carried))
    return found


def _emitted(statements: Sequence[Statement], names: Mapping[str, str]) -> Iterator[ast.stmt]:
    """Statements of Python, in which variables have these names."""
    rename = _Rename(names)
    for each in statements:
        if isinstance(each, ast.Assign):
            yield rename.visit(copied(each))
            continue
        yield from _copies([(carry.inside, carry.first) for carry in each.carried], names)
        body = list(_emitted(each.body, names))
        body += _copies([(carry.inside, carry.last) for carry in each.carried], names)
        target = _assign(each.targets, ast.Constant(None)).targets[0]
        yield ast.For(rename.visit(target), rename.visit(copied(each.values)), body, [], lineno=0)


def _copies(pairs: Sequence[tuple[str, str]], names: Mapping[str, str]) -> Iterator[ast.stmt]:
    renamed = [(names.get(one, one), names.get(other, other)) for one, other in pairs]
    wanted = [(one, other) for one, other in dict.fromkeys(renamed) if one != other]
    if wanted:
        read: list[ast.expr] = [ast.Name(other, ast.Load()) for _, other in wanted]
        yield _assign([one for one, _ in wanted], read[0] if len(read) == 1 else ast.Tuple(read, ast.Load()))


def _module(functions: Sequence[Function], statements: Sequence[Statement], names: Mapping[str, str]) -> ast.Module:
    body: list[ast.stmt] = []
    for each in functions:
        arguments = [ast.arg(name) for name in (*each.tensors, *each.arguments)]
        inside = [*_emitted(each.body, {}), ast.Return(ast.Name(each.result, ast.Load()))]
        given = ast.arguments([], arguments, None, [], [], None, [])
        body.append(ast.FunctionDef(each.name, given, inside, [], lineno=0))
    return ast.fix_missing_locations(ast.Module([*body, *_emitted(statements, names)], []))


def _source(text: str, node: ast.stmt) -> str:
    return ast.get_source_segment(text, node) or ast.unparse(node)


def _shortest(node: ast.Assign, names: Mapping[str, str], text: str) -> str:
    """A statement that is not folded; its layer has the name of its variable where that is the same."""
    new = _WithoutDefaults().visit(_Rename(names).visit(copied(node)))
    call = _made(new)
    if call is not None and _name_of(call) == _targets(new)[0]:
        call.keywords = [each for each in call.keywords if each.arg != "name"]
    changed, source = ast.unparse(new), _source(text, node)
    return source if changed == ast.unparse(ast.parse(source)) else changed


# ------------------------------------------------------------------------------------------------- run again


def unrolled(text: str) -> Iterator[str]:
    """The statements that a folded text runs, one by one, as if nothing were folded; tensors are numbered."""
    module = ast.parse(text)
    functions = {each.name: each for each in module.body if isinstance(each, ast.FunctionDef)}
    count = [0]

    def run(body: Sequence[ast.stmt], known: dict[str, Any]) -> Iterator[str]:
        for each in body:
            if isinstance(each, ast.For):
                for row in _rows(each.iter, known):
                    targets = each.target.elts if isinstance(each.target, ast.Tuple) else [each.target]
                    values = row if len(targets) > 1 else (row,)
                    for target, value in zip(targets, values, strict=True):
                        assert isinstance(target, ast.Name)
                        known[target.id] = ast.Constant(value) if _is_plain(value) else _literal(value)
                    yield from run(each.body, known)
            elif isinstance(each, ast.Assign):
                yield from assign(each, known)

    def assign(node: ast.Assign, known: dict[str, Any]) -> Iterator[str]:
        value = node.value
        if isinstance(value, ast.Name):
            known[_targets(node)[0]] = known.get(value.id, value.id)
            return
        if isinstance(value, ast.Tuple):
            read = [known.get(name, name) for name in _reads(value)]
            known |= dict(zip(_targets(node), read, strict=True))
            return
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in functions:
            function = functions[value.func.id]
            given = [_Known(known).visit(copied(each)) for each in value.args]
            named = {str(each.arg): _Known(known).visit(copied(each.value)) for each in value.keywords}
            inside = {arg.arg: each for arg, each in zip(function.args.args, given, strict=False)} | named
            yield from run(function.body[:-1], inside)
            end = function.body[-1]
            assert isinstance(end, ast.Return) and isinstance(end.value, ast.Name)
            known[_targets(node)[0]] = inside[end.value.id]
            return
        seen = _Known(known).visit(copied(value))
        call = seen.func if isinstance(seen, ast.Call) and isinstance(seen.func, ast.Call) else seen
        if isinstance(call, ast.Call) and _may_be_unnamed(call):
            call.keywords = [each for each in call.keywords if each.arg != "name"]
        yield f"{len(_targets(node))} = {ast.dump(seen)}"
        for name in _targets(node):
            known[name] = f"%{count[0]}"
            count[0] += 1

    yield from run([each for each in module.body if not isinstance(each, ast.FunctionDef)], {})


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) or value is None


def _rows(values: ast.expr, known: Mapping[str, Any]) -> Sequence[Any]:
    seen = _Known(known).visit(copied(values))
    if isinstance(seen, ast.Call):
        return range(*(ast.literal_eval(each) for each in seen.args))
    rows = ast.literal_eval(seen)
    assert isinstance(rows, list | tuple)
    return rows


class _Known(ast.NodeTransformer):
    """Puts what variables are in the place of each, and texts in that of strings with holes."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """What a variable is: a numbered tensor, or a constant."""
        found = self._known.get(node.id, node.id)
        return ast.Name(found, ast.Load()) if isinstance(found, str) else copied(found)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """What a formula of whole numbers gives."""
        self.generic_visit(node)
        sides = [each.value for each in (node.left, node.right) if isinstance(each, ast.Constant)]
        if len(sides) == 2 and all(type(each) is int for each in sides) and type(node.op) in FORMULAS:
            return ast.Constant(FORMULAS[type(node.op)](*sides))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        """The text that a string with holes gives."""
        texts = []
        for part in node.values:
            value = self.visit(part.value) if isinstance(part, ast.FormattedValue) else part
            texts.append(str(ast.literal_eval(value)))
        return ast.Constant("".join(texts))


N = TypeVar("N", bound=ast.AST)


def copied(node: N) -> N:
    """The same tree anew.  What other tools hang on nodes, as on the one `ast.Load()` of all trees, stays behind."""
    if not node._fields:
        return node
    made = type(node)(**{name: _copied(part) for name, part in ast.iter_fields(node)})
    return ast.copy_location(made, node)


def _copied(part: Any) -> Any:
    if isinstance(part, ast.AST):
        return copied(part)
    return [_copied(each) for each in part] if isinstance(part, list) else part
