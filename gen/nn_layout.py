"""The layout of `.nn` files: Black's layout, because to Black they are Python."""

from __future__ import annotations

import ast
import hashlib
import warnings
from dataclasses import fields, is_dataclass
from typing import Any

from gen import compiler
from gen.diagnostics import Diagnostics, Source, Span
from gen.emit.black_layout import black
from gen.language import syntax


class Unreadable(Exception):
    """A text that is not a `.nn` file, so its layout is unknown; says what is wrong with it."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("the text is not a .nn file")
        self.diagnostics = diagnostics


def format_text(text: str) -> str:
    """The text of a `.nn` file as Black writes it, in lines as long as those of generated files.

    Lines end as the first one does.  Settings of Black's in a `pyproject.toml` do not count: a file looks the same
    wherever it goes.  Names, shapes and losses may be wrong; raises `Unreadable` where the syntax is.
    """
    file, diagnostics = _read(text)
    if diagnostics.failed:
        raise Unreadable(diagnostics)
    end = "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
    hidden, magics = _without_magics(text, file)
    formatted = black((hidden.replace("\r\n", "\n"),))[0]
    if _python(formatted) != _python(hidden):
        raise AssertionError("Black changed the meaning of the file")
    for name, magic in magics.items():
        formatted = formatted.replace(name, magic)
    after, diagnostics = _read(formatted)
    if diagnostics.failed or _plain(after) != _plain(file):
        raise AssertionError("Black changed the meaning of the file")
    return formatted.replace("\n", end)


def _read(text: str) -> tuple[syntax.File, Diagnostics]:
    """The tree of a text, and what is wrong with its syntax."""
    diagnostics = Diagnostics()
    return compiler.parse(Source("", text), diagnostics), diagnostics


def _without_magics(text: str, file: syntax.File) -> tuple[str, dict[str, str]]:
    """The text with a name in the place of each line of a notebook's own, such as `%matplotlib inline`; and these."""
    magics: dict[str, str] = {}
    parts: list[str] = []
    end = 0
    for statement in syntax.walk(file.statements):
        if isinstance(statement, syntax.Foreign) and statement.word in ("%", "!"):
            start, stop = statement.span.start, statement.span.end
            name = f"magic_{len(magics)}_of_{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
            magics[name] = text[start:stop].rstrip()
            parts += [text[end:start], name]
            end = stop
    return "".join([*parts, text[end:]]), magics


def _python(text: str) -> str:
    """What a text says to Python, however it is laid out; strings that stand alone are mere words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes and comparisons, which are as they were
        tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case ast.Expr(ast.Constant(str(words)) as constant):
                constant.value = words.split()  # type: ignore[assignment]  # it is only compared
        if isinstance(node, ast.Constant):
            node.kind = None  # the `u` of `u"…"`
    return ast.dump(tree)


def _plain(node: object) -> Any:
    """A syntax tree as plain data, without its spans, and with documentation as mere words: Black lays it out anew."""
    match node:
        case Span():
            return None
        case syntax.File(docstring=str(docstring), statements=statements):
            return docstring.split(), _plain(statements)
        case tuple():
            return tuple(map(_plain, node))
        case _ if is_dataclass(node):
            return type(node), *(_plain(getattr(node, field.name)) for field in fields(node))
    return type(node), node
