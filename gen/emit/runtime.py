"""The module that models of a folder share, where a project asks for it: what is the same in all files, once.

Templates say of each part whether it is shared.  The module holds every shared part, with all that any model needs, so
that it is the same whichever models stand beside it and whenever they were built.  A model's file then has the other
parts, and takes from the module the names that these use.

It lies in the folder of the file, so that the file finds it however it is run or imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from gen.emit.bindings import defined
from gen.emit.templates import environment
from gen.emit.view import View

_COMPLETE = {
    "own": False,
    "common": True,
    "training": True,
    "metrics": True,
    "dims": True,
    "limits": True,
    "parts": True,
    "per_step": True,
    "several_inputs": True,
    "slices": True,
    "random": True,
    "normal": True,
    "predict_slices": True,
    "kept_buffers": View.kept_buffers,
    "member": "",
    "members": (),
}
"""What the shared parts ask for: all that a model may need.  What a model alone knows is not here, and fails."""


@cache
def filled() -> str:
    """The text of the module before it is laid out and sealed."""
    template = environment().get_template("runtime.py.jinja")
    return template.render(**_COMPLETE, identity=identity())


@cache
def identity() -> str:
    """What tells this module from those that other versions of gen write."""
    text = environment().get_template("runtime.py.jinja").render(**_COMPLETE, identity="")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def without_shared(view: View) -> View:
    """The view of a file that takes what is shared from the module beside it."""
    template = environment().get_template("module.py.jinja")
    own = replace(view, common=False, identity=identity())
    return replace(own, **borrowing(template.render(own.holes()), template.render(view.holes())))


def borrowing(own: str, whole: str) -> dict[str, Any]:
    """What the header asks for of a file whose own part is given, and what it imports where it has all itself."""
    used = _names(ast.parse(own))
    borrowed = [f"{name} = _runtime.{name}" for name in _given() if name in used]
    imports = _imports(ast.parse(whole), used)
    return {"imports": "\n".join(imports), "borrowed": "\n".join(borrowed), "identity": identity()}


def _names(module: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}


@cache
def _given() -> tuple[str, ...]:
    """What the module defines for the files beside it, in order."""
    module = ast.parse(filled())
    body = [node for node in module.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return tuple(name for name in defined(body) if name not in ("IDENTITY", "Model"))


def _imports(module: ast.Module, used: set[str]) -> Iterator[str]:
    """The import statements of a module, of NumPy apart, with the names that are used."""
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__":
            names = [item for item in node.names if item.name in used]
            if names:
                node.names = names
                yield ast.unparse(node)
