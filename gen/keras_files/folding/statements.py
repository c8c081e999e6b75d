"""What a folded model is made of: assignments, loops and functions, and what is asked of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from gen.keras_files.applications import CLASSES
from gen.keras_files.arguments import component_class

N = TypeVar("N", bound=ast.AST)


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
    defaults: dict[str, ast.expr] = field(default_factory=dict)
    """What its last arguments are where a call does not say them."""


Statement: TypeAlias = "ast.Assign | Loop"


def layer_call(node: ast.Assign) -> ast.Call | None:
    """The call that makes the layer whose result, or which itself, a statement binds."""
    call = node.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Call):
        call = call.func
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and _is_layer(call.func.id):
        return call
    return None


def _is_layer(word: str) -> bool:
    return component_class(word) is not None or word in CLASSES or word in ("TimeDistributed", "Bidirectional", "RNN")


def targets_of(node: ast.Assign) -> list[str]:
    target = node.targets[0]
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    return [each.id for each in names if isinstance(each, ast.Name)]


def name_of(call: ast.Call) -> Any:
    node = next((each.value for each in call.keywords if each.arg == "name"), None)
    return node.value if isinstance(node, ast.Constant) else None


def is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) or value is None


def is_constant(node: ast.AST) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(is_constant, node.elts))
    if isinstance(node, ast.UnaryOp):
        return is_constant(node.operand)
    return isinstance(node, ast.Constant)


def names_in(value: ast.AST) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Name):
            yield node.id


def used_in(statements: Sequence[Statement]) -> Iterator[str]:
    """Every variable that statements read, as often as they do."""
    for each in statements:
        if isinstance(each, ast.Assign):
            yield from names_in(each.value)
        else:
            yield from (carry.first for carry in each.carried)
            yield from used_in(each.body)


def defined_in(statements: Sequence[Statement]) -> Iterator[str]:
    for each in statements:
        if isinstance(each, ast.Assign):
            yield from targets_of(each)
        else:
            yield from defined_in(each.body)


def carries_in(statements: Sequence[Statement]) -> Iterator[Carry]:
    for each in statements:
        if isinstance(each, Loop):
            yield from each.carried
            yield from carries_in(each.body)


def lines_of(statements: Sequence[Statement]) -> int:
    return sum(1 if isinstance(each, ast.Assign) else 1 + lines_of(each.body) for each in statements)


def assignment(targets: Sequence[str], value: ast.expr) -> ast.Assign:
    names: list[ast.expr] = [ast.Name(name, ast.Store()) for name in targets]
    target = names[0] if len(names) == 1 else ast.Tuple(names, ast.Store())
    return ast.Assign([target], value, lineno=0)


def literal_of(value: Any) -> ast.expr:
    return expression_of(repr(value))


def expression_of(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class Rename(ast.NodeTransformer):
    """Gives variables other names, or puts formulas in their places."""

    def __init__(self, names: Mapping[str, str | ast.expr]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A variable by its new name."""
        found = self._names.get(node.id, node.id)
        return ast.copy_location(ast.Name(found, node.ctx), node) if isinstance(found, str) else copied(found)


def with_names(statements: Sequence[Statement], names: Mapping[str, Any]) -> list[Statement]:
    if not names:
        return list(statements)
    found: list[Statement] = []
    for each in statements:
        if isinstance(each, ast.Assign):
            if names.keys() & {node.id for node in ast.walk(each) if isinstance(node, ast.Name)}:
                each = Rename(names).visit(copied(each))
            found.append(each)
            continue
        new = {key: names.get(key, key) for carry in each.carried for key in (carry.inside, carry.first, carry.last)}
        carried = [Carry(new[carry.inside], new[carry.first], new[carry.last]) for carry in each.carried]
        targets = [names.get(name, name) for name in each.targets]
        values = Rename(names).visit(copied(each.values))
        found.append(Loop(targets, values, with_names(each.body, names), carried))
    return found


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
