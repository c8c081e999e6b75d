"""What is copied into the generated file: kernels and classes as they are, rules of metrics and initializers adapted.

A rule's fields become parameters: `self.threshold` is `threshold`, with the component's default.  What a copied
function calls of its module is copied with it; one that needs anything else of it is refused, with its line.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import re
import textwrap
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import FunctionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from gen.components.base import Component, parameters, snake_case
from gen.components.docstrings import prose
from gen.components.kernels import kernels
from gen.components.rules import FenceError, definition, source_lines
from gen.emit.literals import literal
from gen.emit.specialize import specialize
from gen.emit.unread import without_unread
from gen.graph.names import RESERVED, Names
from gen.resources import resource


class Copies:
    """Collects the functions that a generated file needs, each once, what is called before what calls it."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._kept: set[str] = set()
        self._owners: dict[str, FunctionType] = {}

    def texts(self, calls: Iterable[ast.Call] = ()) -> tuple[str, ...]:
        """The functions, with what these calls of kernels, and those among each other, have no use for left out."""
        calls = tuple(calls)
        special = specialize(self._texts, calls, self._kept)
        return tuple(without_unread(special, calls, self._kept).values())

    def names(self) -> set[str]:
        return set(self._texts)

    def function(self, function: Callable[..., Any]) -> str:
        """Copy a plain function that stays as it is; returns its name."""
        self._kept.add(function.__name__)
        return self.kernel(function)

    def kernel(self, function: Callable[..., Any]) -> str:
        """Copy a function of which all calls are known when the texts are asked for; returns its name."""
        assert isinstance(function, FunctionType)
        name = function.__name__
        if self._is_new(name, function):
            _refuse_missing(function)
            self._callees(definition(function), function)
            self._texts[name] = _source(function)
            if not _documented(definition(function)):
                self._kept.add(name)
        return name

    def _is_new(self, name: str, function: FunctionType) -> bool:
        """Whether nothing has this name yet; `FenceError`, with the line of the user's, if another function has it."""
        other = self._owners.setdefault(name, function)
        if other.__code__ is not function.__code__:
            users, others = (other, function) if function.__module__.startswith("gen.") else (function, other)
            place, also = (f"{each.__code__.co_filename}:{each.__code__.co_firstlineno}" for each in (users, others))
            raise FenceError(f"`{name}` is a function of {also} too, and a generated file needs both: rename it", place)
        if name in RESERVED or (not function.__module__.startswith("gen.") and name in _private_names()):
            raise FenceError(f"a generated file needs the name `{name}` itself: rename the function", _place(function))
        return name not in self._texts

    def cls(self, cls: type) -> str:
        """Copy a class with all its methods; returns its name."""
        if cls.__name__ not in self._texts:
            for method in vars(cls).values():
                if isinstance(method, FunctionType):
                    self._callees(definition(method), method)
            self._texts[cls.__name__] = inspect.getsource(cls).rstrip()
            self._kept.add(cls.__name__)
        return cls.__name__

    def rule(self, item: Component, name: str, suffix: str = "") -> str:
        """Copy the rule `name` of a component as a function; returns the function's name."""
        cls = type(item)
        called = f"{rule_name(cls)}{suffix}"
        function = getattr(cls, name)
        if self._is_new(called, function):
            _refuse_missing(function)
            node = _as_function(cls, function, called)
            self._callees(node, function)
            self._texts[called] = ast.unparse(node)
            self._kept.add(called)
        return called

    def _callees(self, node: ast.FunctionDef, function: FunctionType) -> None:
        for child in (child for statement in node.body for child in ast.walk(statement)):
            if isinstance(child, ast.Name) and child.id not in (node.name, *function.__code__.co_varnames):
                other = function.__globals__.get(child.id)
                if isinstance(other, FunctionType) and is_copied(other):
                    self.kernel(other)
                elif child.id in kernels and other is not None:
                    self.kernel(kernels[child.id].function)


def rule_name(cls: type[Component]) -> str:
    """The name of the copy of a component's rule: a metric `Sum` does not hide Python's `sum`."""
    return Names.plain(snake_case(cls.__name__))


def is_copied(function: FunctionType) -> bool:
    """Whether a function that a rule or a kernel calls is copied into the generated file too."""
    return function.__module__.startswith(("gen.", "components"))


def options(item: Component, rule: str) -> dict[str, Any]:
    """The fields that `rule` reads and that differ from their defaults: the keyword arguments of a call of its copy."""
    used = _fields_read(getattr(type(item), rule))
    found = {}
    for parameter in parameters(type(item)):
        value = getattr(item, parameter.name)
        if parameter.name in used and (parameter.required or value != parameter.default):
            found[parameter.name] = value
    return found


def call_text(name: str, arguments: Iterator[str] | list[str], keywords: dict[str, Any]) -> str:
    """A call as text: `glorot_uniform(rng, (100, 32))`."""
    return f"{name}({', '.join([*arguments, *(f'{key}={literal(value)}' for key, value in keywords.items())])})"


@cache
def _fields_read(function: FunctionType) -> frozenset[str]:
    nodes = ast.walk(definition(function))
    return frozenset(
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    )


def _source(function: FunctionType) -> str:
    """The text of a function without its decorators, comments and all."""
    lines, first = source_lines(function)
    return textwrap.dedent("".join(lines[definition(function).lineno - first :])).rstrip()


def _as_function(cls: type[Component], function: FunctionType, name: str) -> ast.FunctionDef:
    """A method as a function: no `self`, its fields as parameters, and the component's documentation."""
    node = ast.parse(_source(function)).body[0]
    assert isinstance(node, ast.FunctionDef)
    read = _fields_read(function)
    _refuse_fields(cls, function, read)
    node.name = name
    node.args.args = [item for item in node.args.args if item.arg != "self"]
    for parameter in parameters(cls):
        if parameter.name in read:
            annotation = ast.parse(annotation_text(parameter.annotation), mode="eval").body
            node.args.kwonlyargs.append(ast.arg(parameter.name, annotation))
            default = None if parameter.required else ast.parse(literal(parameter.default), mode="eval").body
            node.args.kw_defaults.append(default)
    if (documentation := prose(cls)) and not _documented(node):
        node.body.insert(0, ast.Expr(ast.Constant(documentation)))
    _Fields().visit(node)
    return ast.fix_missing_locations(node)


def _refuse_fields(cls: type[Component], function: FunctionType, read: frozenset[str]) -> None:
    """Raise `FenceError` if a rule says of `self` what is no field, or calls something else as it calls a field."""
    nodes = [node for statement in definition(function).body for node in ast.walk(statement)]
    whole = Counter(node.id for node in nodes if isinstance(node, ast.Name))
    parts = sum(isinstance(node, ast.Attribute) and _is_self(node.value) for node in nodes)
    if whole["self"] != parts:
        raise _refusal(function, "uses `self` otherwise than for an argument of its own, `self.threshold`")
    for name in sorted(read - {parameter.name for parameter in parameters(cls)}):
        raise _refusal(function, f"uses `self.{name}`, which is no argument of {cls.__name__}")
    for name in sorted(read & {*whole, *function.__code__.co_varnames}):
        raise _refusal(function, f"has `{name}` beside `self.{name}`, which is called `{name}` there: rename one")


def _refuse_missing(function: FunctionType) -> None:
    """Raise `FenceError`, with the line, if a function needs what a generated file does not have."""
    node = definition(function)
    nodes = list(ast.walk(node.args)) + [each for statement in node.body for each in ast.walk(statement)]
    bound = {each.id for each in nodes if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    bound |= {each.arg for each in nodes if isinstance(each, ast.arg)} | {*function.__code__.co_varnames}
    annotations = [each.annotation for each in nodes if isinstance(each, (ast.arg, ast.AnnAssign)) and each.annotation]
    unread = {id(each) for annotation in annotations for each in ast.walk(annotation)}
    for each in nodes:
        if not isinstance(each, ast.Name) or each.id in bound or id(each) in unread:
            continue
        if not _is_there(each.id, function.__globals__):
            place = f"{function.__code__.co_filename}:{each.lineno}"
            raise _refusal(function, f"needs `{each.id}` of its module, which is not: only functions are", place)


def _is_there(name: str, module: Mapping[str, Any]) -> bool:
    """Whether a generated file has, or gets, what a module of components calls so."""
    if name not in module:
        return hasattr(builtins, name)
    value = module[name]
    if name in _MODULES:
        return value is _MODULES[name]
    if isinstance(value, FunctionType) and is_copied(value):
        return value.__name__ == name
    return name in kernels or name in _TYPES


_MODULES = {"np": np, "math": math}
_TYPES = ("Any", "Array", "Callable", "Iterator", "Mapping", "Sequence")


def _refusal(function: FunctionType, why: str, place: str = "") -> FenceError:
    message = f"{function.__qualname__} is copied into the generated file, and {why}"
    return FenceError(message, place or _place(function))


def _place(function: FunctionType) -> str:
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


@cache
def _private_names() -> frozenset[str]:
    """The names with a `_` before them that a template says."""
    texts = (path.read_text("utf-8") for path in resource("templates").glob("*.jinja"))
    return frozenset(name for text in texts for name in re.findall(r"\b_\w+", text))


def _documented(node: ast.FunctionDef) -> bool:
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


class _Fields(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.Name(node.attr, node.ctx)
        return node


def annotation_text(annotation: Any) -> str:
    """A field's type as the generated file writes it: without bounds, options as what they are."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return annotation_text(get_args(annotation)[0])
    if origin is Literal:
        return " | ".join(dict.fromkeys(type(item).__name__ for item in get_args(annotation)))
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(annotation_text(item) for item in get_args(annotation)))
    if origin is tuple:
        members = ", ".join("..." if item is Ellipsis else annotation_text(item) for item in get_args(annotation))
        return f"tuple[{members}]"
    return "None" if annotation is type(None) else annotation.__name__
