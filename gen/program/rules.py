"""Reading rules: a function's source, parameters, and results, and whether a rule may do what it does."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from functools import cache
from types import FunctionType

from gen.components.base import Component
from gen.dims import Dim
from gen.program import ops
from gen.program.fence import FenceError


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
