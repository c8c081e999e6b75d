"""View → text: the templates, filled in, formatted by Black, with its hash; parsed once more, and its names checked."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gen.components.kernels import kernels
from gen.emit.bindings import verify_bindings
from gen.emit.black_layout import format_python
from gen.emit.runtime import filled, without_shared
from gen.emit.seal import UNTOUCHED, seal
from gen.emit.several import filled_together
from gen.emit.templates import environment
from gen.emit.view import View
from gen.resources import resource


def render(view: View, formatted: bool = True, runtime: bool = False) -> str:
    """The text of the generated module; with `runtime`, of one that takes what models share from the module beside it.

    Raises `SyntaxError` if a finished line of the view is none, `VerificationError` if two things have one name.

    Without `formatted` it is not laid out, which takes most of the time: the same program, for tests.
    """
    view = without_shared(view) if runtime else view
    return _finished(environment().get_template("module.py.jinja").render(view.holes()), formatted)


def render_together(
    views: Sequence[View], helpers: Sequence[str], formatted: bool = True, runtime: bool = False
) -> str:
    """The text of the module that has several models, with the functions that they copy; `runtime` as above."""
    return _finished(filled_together(views, helpers, runtime), formatted)


@cache
def render_runtime() -> str:
    """The text of the module that models share."""
    return _finished(filled(), formatted=True)


def _finished(filled: str, formatted: bool) -> str:
    if formatted:
        head, body = filled[: len(UNTOUCHED)], filled[len(UNTOUCHED) :]  # what keeps others away would keep Black away
        filled = head + format_python(body, settled())
    text = seal(filled)
    verify_bindings(ast.parse(text))
    return text


@cache
def settled() -> str:
    """The texts that are laid out already, and of which a generated file has many lines: templates and kernels."""
    functions = [kernel.function for kernel in kernels.values() if kernel.function.__module__.startswith("gen.")]
    modules = {Path(function.__code__.co_filename) for function in functions}
    return "\n".join(path.read_text("utf-8") for path in sorted({*resource("templates").glob("*.jinja"), *modules}))
