"""Reading rules: the source, parameters, and results of a function, and `FenceError` for what a rule may not do."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from functools import cache
from types import FunctionType

from gen.components.base import Component
from gen.dims import Dim


class FenceError(TypeError):
    """A rule that does something it may not, or arrays that do not fit: a bug in the component, not in a model.

    `place` is the file and line of the rule, once it is known.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


@cache
def source_lines(function: FunctionType) -> tuple[list[str], int]:
    """The lines of a function in its file, with their ends, and the number of the first."""
    return inspect.getsourcelines(function)


@cache
def definition(function: FunctionType) -> ast.FunctionDef:
    """The syntax tree of a function, with the line numbers of its file; nobody changes it."""
    return parsed(function)


def parsed(function: FunctionType) -> ast.FunctionDef:
    """The same as `definition`, made anew."""
    place = f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
    try:
        lines, first = source_lines(function)
        (node,) = ast.parse("\n" * (first - 1) + textwrap.dedent("".join(lines))).body
    except (OSError, SyntaxError, ValueError):
        node = None
    if not isinstance(node, ast.FunctionDef):
        raise FenceError(f"{function.__qualname__} is not a plain function", place)
    return node


@cache
def parameter_names(function: FunctionType) -> tuple[str, ...]:
    """The names of a rule's parameters without `self`; `*inputs` becomes `inputs`."""
    arguments = definition(function).args
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if arguments.vararg:
        names.insert(len(arguments.args), arguments.vararg.arg)
    return tuple(name for name in names if name != "self")


@cache
def returned_names(function: FunctionType) -> frozenset[str]:
    """The names in the `return`s of a rule."""
    returns = (node for node in ast.walk(definition(function)) if isinstance(node, ast.Return))
    return frozenset(name for node in returns for name in names_in(node.value) if name)


def called_with_fields(component: Component) -> str:
    """What a rule says that is one call, with the fields of its component as they are: `np.arange(0, 12, 1)`.

    Sizes that only data decide are written as their formulas.
    """
    rule: FunctionType = type(component).forward  # type: ignore[attr-defined]  # whatever computes has one
    match definition(rule).body:
        case [*_, ast.Return(value=ast.Call(func=function, args=arguments, keywords=[]))]:
            given = ", ".join(_shown(getattr(component, ast.unparse(item).removeprefix("self."))) for item in arguments)
            return f"{ast.unparse(function)}({given})"
    place = f"{rule.__code__.co_filename}:{rule.__code__.co_firstlineno}"
    raise FenceError(f"{rule.__qualname__} is not one call of NumPy with fields", place)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        items = ", ".join(map(_shown, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(str(value), "np.nan")
    return str(value) if isinstance(value, Dim) else repr(value)


def names_in(value: ast.expr | None) -> tuple[str, ...]:
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    return tuple(item.id if isinstance(item, ast.Name) else "" for item in items)
