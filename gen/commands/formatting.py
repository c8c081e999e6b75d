"""The layout of `.nn` files: Black's layout, because to Black they are Python."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from gen import compiler
from gen.commands.building import CommandError, Line, Report, decoded, difference, explained, read, sources
from gen.diagnostics import Diagnostics, Source, Span
from gen.emit.black_layout import black
from gen.files import Bounds, WriteError, place
from gen.language import syntax

STANDARD_INPUT = Path("<stdin>")
"""What messages call a text that comes from there."""


class Unreadable(Exception):
    """A text that is not a `.nn` file, so its layout is unknown; says what is wrong with it."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__("the text is not a .nn file")
        self.diagnostics = diagnostics


def format_files(paths: Iterable[Path], check: bool = False, diff: bool = False, project: Path | None = None) -> Report:
    """Format every source; one that cannot be read does not keep the others from being formatted.

    With `check` or `diff` nothing is written; where `project` says that its settings name the paths, nothing out of it.
    Raises `CommandError` for a path that is neither a `.nn` file nor a folder with one.
    """
    report = Report()
    for path, name in tuple(sources(paths)):
        try:
            source, diagnostics = read(path)
            text = _formatted(path, source, diagnostics, report)
            if text is None:
                continue
            if check or diff:
                _compare(path, source.text, text, check, diff, report)
            elif text != source.text:
                _write(path, source, text, Bounds(Path(*path.parts[: -len(name.parts)]), project))
                report.lines.append(Line(path, "written"))
            else:
                report.lines.append(Line(path, "unchanged"))
        except (CommandError, WriteError) as error:
            report.errors.append(str(error))
            report.fail(2)
    return report


def _write(path: Path, before: Source, text: str, bounds: Bounds) -> None:
    """Write a text in place of the one that was read, unless the file has changed meanwhile."""
    with place(path, bounds) as found:
        status = found.status()
        if status is None or decoded(str(path), found.read())[0] != before:
            raise WriteError(f"cannot write {path}: somebody else has just written it")
        found.replace(text.encode(), status)


def format_input(data: bytes, check: bool = False, diff: bool = False) -> tuple[str, Report]:
    """What standard output gets when standard input holds `data`: nothing with `check` or `diff`, or where it is wrong.

    Raises `CommandError` where gen has a bug.
    """
    report = Report()
    source, diagnostics = decoded(str(STANDARD_INPUT), data)
    text = _formatted(STANDARD_INPUT, source, diagnostics, report)
    if text is not None and (check or diff):
        _compare(STANDARD_INPUT, source.text, text, check, diff, report)
        return "", report
    return text or "", report


def _formatted(path: Path, source: Source, diagnostics: Diagnostics, report: Report) -> str | None:
    """The text formatted; None, with the diagnostics in the report, where it is no `.nn` file."""
    with explained(path):
        try:
            if not diagnostics.failed:
                return format_text(source.text)
        except Unreadable as error:
            diagnostics = error.diagnostics
    report.diagnostics.append((source, diagnostics.in_source_order()))
    report.fail(1)
    return None


def _compare(path: Path, before: str, after: str, check: bool, diff: bool, report: Report) -> None:
    if before == after:
        report.lines.append(Line(path, "unchanged"))
        return
    report.lines.append(Line(path, "would change"))
    if diff:
        report.differences.append(difference(before, after, path))
    if check:
        report.fail(1)


# ------------------------------------------------------------------------------------------------------------ the text


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
