"""`gen fmt`: files and standard input in the layout of `gen/nn_layout.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gen.commands.building import CommandError, Line, Report, decoded, difference, explained, read, shown, sources
from gen.diagnostics import Diagnostics, Source
from gen.files import Bounds, WriteError, place
from gen.nn_layout import Unreadable, format_text

STANDARD_INPUT = Path("<stdin>")
"""What messages call a text that comes from there."""


def format_files(paths: Iterable[Path], check: bool = False, diff: bool = False, project: Path | None = None) -> Report:
    """Format every source; one that cannot be read does not keep the others from being formatted.

    With `check` or `diff` nothing is written; where `project` says that its settings name the paths, nothing out of it.
    Raises `CommandError` for a path that is neither a `.nn` file nor a folder with one.
    """
    report = Report()
    found = tuple(sources(paths))
    for path, _ in found:
        if path.suffix != ".nn":
            raise CommandError(f"{shown(path)} is not a .nn file")
    for path, name in found:
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
