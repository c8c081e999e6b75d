"""View → text: the templates, filled in, formatted by Black, parsed once more, with its hash."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

from gen.emit.literals import comment, docstring, literal
from gen.emit.seal import seal
from gen.emit.view import View
from gen.resources import resource

if TYPE_CHECKING:
    import jinja2

LINE_LENGTH = 100


def render(view: View) -> str:
    """The text of the generated module; raises `SyntaxError` if a finished line of the view is none."""
    filled = environment().get_template("module.py.jinja").render(view.holes())
    text = seal(format_python(filled))
    ast.parse(text)
    return text


@cache
def environment() -> jinja2.Environment:
    """How templates are read: a line that begins with `#%` is a statement, so that a template is nearly Python."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(resource("templates"))),
        undefined=jinja2.StrictUndefined,
        line_statement_prefix="#%",
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(literal=literal, comment=comment, docstring=docstring)
    return environment


def format_python(text: str) -> str:
    """`text` as Black writes it; the settings of the user's project do not count."""
    from black import format_str
    from black.mode import Mode, TargetVersion
    from black.parsing import InvalidInput

    mode = Mode(line_length=LINE_LENGTH, target_versions={TargetVersion.PY310})
    try:
        return format_str(text, mode=mode)
    except InvalidInput:
        ast.parse(text)  # says better what is wrong
        raise
