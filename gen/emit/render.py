"""View → text: the templates, filled in, formatted by Black, parsed once more, with its hash."""

from __future__ import annotations

import ast

from gen.emit.layout import format_python
from gen.emit.seal import seal
from gen.emit.templates import environment, settled
from gen.emit.view import View


def render(view: View, formatted: bool = True) -> str:
    """The text of the generated module; raises `SyntaxError` if a finished line of the view is none.

    Without `formatted` it is not laid out, which takes most of the time: the same program, for tests.
    """
    filled = environment().get_template("module.py.jinja").render(view.holes())
    text = seal(format_python(filled, settled()) if formatted else filled)
    ast.parse(text)
    return text
