"""The last check of a generated file: every attribute and every name of the module is bound once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from gen.program.verify import VerificationError

CLASSES = ("Params", "Gradients", "Slots", "TableSlots", "Buffers", "InferenceBuffers", "Memory")
"""The classes whose attributes have the names of a model's things."""


def verify_bindings(module: ast.Module) -> None:
    """Raise `VerificationError` where two things of a generated module have one name.

    That is: two attributes of one of `CLASSES`; two definitions of the module; or a variable of a function and a
    definition of the module that the function needs, its annotations included.
    """
    _once("the module", (name for node in module.body for name in _defined(node)))
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name in CLASSES:
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            fixed = [name for item in node.body for name in _defined(item)]
            _once(node.name, (*fixed, *(name for method in methods for name in _attributes(method))))
    known = {name for node in module.body for name in _defined(node)}
    for function in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
        _unhidden(function, known)


def _once(where: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise VerificationError(f"{where} has two things with the name {name}")
        seen.add(name)


def _defined(node: ast.stmt) -> Iterator[str]:
    """What a statement of a module or a class defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (item.asname or item.name for item in names)


def _attributes(method: ast.FunctionDef) -> Iterator[str]:
    """What a method binds of `self`."""
    for node in ast.walk(method):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def _unhidden(function: ast.FunctionDef, known: set[str]) -> None:
    """See that a function hides no definition of the module which it calls, or of which it reads an attribute."""
    arguments = function.args
    bound = {item.arg for item in (*arguments.args, *arguments.kwonlyargs, arguments.vararg) if item is not None}
    used: set[str] = set()
    for node in (node for statement in function.body for node in ast.walk(statement)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.Call(func=ast.Name(id=name)) | ast.Attribute(value=ast.Name(id=name)):
                used.add(name)
    for name in sorted(bound & known & used):
        raise VerificationError(f"{function.name} has a variable with the name {name}, which the module needs")
