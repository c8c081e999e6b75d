"""Arguments of layers at their defaults: said while blocks are compared, and left out of the text."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from gen.components.base import Activation, parameters, snake_case
from gen.keras_files.arguments import component_class, has_weights
from gen.keras_files.folding.statements import is_plain, literal_of


def say_defaults(body: Sequence[ast.Assign]) -> None:
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
                words[word] = ast.keyword(word, literal_of(defaults[word]))
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
        found[item.name] = value if is_plain(value) else ...
    return {word: value for word, value in found.items() if value is not ...}


class WithoutDefaults(ast.NodeTransformer):
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


def may_be_unnamed(call: ast.Call) -> bool:
    """Whether a layer has no weights and the name that Keras has made up for it: nothing asks for that."""
    if not isinstance(call.func, ast.Name):
        return False
    kind = call.func.id
    cls = component_class(kind)
    name = next((each.value for each in call.keywords if each.arg == "name"), None)
    if cls is None or has_weights(cls) or not isinstance(name, ast.Constant):
        return False
    return re.fullmatch(rf"{snake_case(kind)}(_\d+)?", str(name.value)) is not None
