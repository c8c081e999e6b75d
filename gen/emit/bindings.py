"""The last check of a generated file: it binds every attribute and every name of the module once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from gen.program.verify import VerificationError

CLASSES = ("Params", "Gradients", "Slots", "TableSlots", "Buffers", "InferenceBuffers", "Memory")
"""The classes whose attributes have the names of a model's things."""


def verify_bindings(module: ast.Module) -> None:
    """Raise `VerificationError` where two things of a generated module have one name.

    That is: two attributes of one of `CLASSES`; two definitions of the module; or a variable of a function and a
    definition of the module which that function calls, or of which it reads an attribute.
    """
    known = list(defined(module.body))
    _once("the module", known)
    for node in module.body:
        match node:
            case ast.FunctionDef():
                _Function(node).verify(set(known))
            case ast.ClassDef(name=name, body=body):
                functions = [_Function(item) for item in body if isinstance(item, ast.FunctionDef)]
                for function in functions:
                    function.verify(set(known))
                if name in CLASSES:
                    _once(name, [*defined(body), *(each for function in functions for each in function.attributes)])


def _once(where: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise VerificationError(f"{where} has two things with the name {name}")
        seen.add(name)


def defined(body: Sequence[ast.stmt]) -> Iterator[str]:
    """The definitions of the statements of a module or a class."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (item.asname or item.name for item in names)


class _Function:
    """What a function, with those inside it, binds and uses: its names, and the attributes of `self`."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self.name = function.name
        self.bound: set[str] = set()
        self.used: set[str] = set()
        self.attributes: list[str] = []
        waiting: list[ast.AST] = [function.args, *function.body]
        while waiting:
            node = waiting.pop()
            waiting += ast.iter_child_nodes(node)
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Store):
                    self.bound.add(node.id)
            elif isinstance(node, ast.Attribute):
                if isinstance(node.value, ast.Name):
                    self.used.add(node.value.id)
                    if node.value.id == "self" and isinstance(node.ctx, ast.Store):
                        self.attributes.append(node.attr)
            elif isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name):
                    self.used.add(node.func.id)
            elif isinstance(node, ast.arg):
                self.bound.add(node.arg)

    def verify(self, known: set[str]) -> None:
        """See that it hides none of the `known` definitions that it uses."""
        for name in sorted(self.bound & self.used & known):
            raise VerificationError(f"{self.name} has a variable with the name {name}, which the module needs")
