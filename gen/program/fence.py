"""The fence: whether a rule does only what the compiler can read."""

from __future__ import annotations

import ast
from types import FunctionType

from gen.components.base import Component
from gen.components.rules import FenceError, definition
from gen.program import ops

RULES = ("forward", "backward", "predict", "predict_backward", "decay", "update", "untouched", "step", "step_backward")


def refuse_outside_fence(module: object) -> None:
    """Raise `FenceError`, with the line, for a rule in `module` that does what no rule may do."""
    name_of_module = getattr(module, "__name__", "")
    for item in vars(module).values():
        if isinstance(item, type) and issubclass(item, Component) and item.__module__ == name_of_module:
            for name in RULES if not item.is_call else ():
                rule = vars(item).get(name)
                if isinstance(rule, FunctionType):
                    _check_statements(rule)


def _check_statements(rule: FunctionType) -> None:
    place = rule.__code__.co_filename
    for node in (node for statement in definition(rule).body for node in ast.walk(statement)):
        if isinstance(node, _REFUSED_STATEMENTS):
            why = f"{rule.__qualname__}: a rule may not contain `{ast.unparse(node).splitlines()[0]}`"
            raise FenceError(why, f"{place}:{node.lineno}")
        match node:
            case ast.Attribute(value=ast.Name(id="np"), attr=name) if not (ops.is_allowed(name) or name in _OTHERS):
                why = f"{rule.__qualname__}: np.{name} is outside what a rule may use"
                raise FenceError(why, f"{place}:{node.lineno}")


_OTHERS = ("dtype", "ndarray", "newaxis")
"""The names of NumPy, besides functions, that a rule may use."""
_REFUSED_STATEMENTS = (
    ast.While, ast.Try, ast.With, ast.AugAssign, ast.Delete, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal,
    ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.JoinedStr, ast.ClassDef, ast.AsyncFunctionDef,
)  # fmt: skip
