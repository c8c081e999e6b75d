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


def render(view: View, formatted: bool = True) -> str:
    """The text of the generated module; raises `SyntaxError` if a finished line of the view is none.

    Without `formatted` it is not sent through Black, which takes most of the time: the same program, for tests.
    """
    filled = environment().get_template("module.py.jinja").render(view.holes())
    text = seal(format_python(filled) if formatted else filled)
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
    """`text` as Black writes it; the settings of the user's project do not count.

    Functions and classes are formatted one by one, as most are the same in many files.
    """
    lines = text.split("\n")
    starts = [0]
    simple = True
    for node in ast.parse(text).body:
        if simple and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue  # statements that follow each other stay together, and the blank lines between them
        simple = not isinstance(node, ast.FunctionDef | ast.ClassDef)
        starts.append(_first_line(node) - 1)
    pieces = [
        "\n".join(lines[start:end]).strip("\n") for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    return "\n\n".join(_black(f"{piece}\n") for piece in pieces if piece)


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    return min([node.lineno, *(item.lineno for item in decorators)])


@cache
def _black(text: str) -> str:
    from black import format_str
    from black.mode import Mode, TargetVersion

    return format_str(text, mode=Mode(line_length=LINE_LENGTH, target_versions={TargetVersion.PY310}))
