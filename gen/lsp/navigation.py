"""Definitions, references, and renaming of the names of a file."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from gen import compiler
from gen.diagnostics import Source, Span
from gen.language.elaborate.spellings import known_words
from gen.lsp.analysis import Analysis


class RenameError(Exception):
    """The name cannot change, or not to the requested name; the message is one sentence."""


def definition(analysis: Analysis, offset: int) -> Span | None:
    """The binding that gives the name at `offset` the value that it has there; None if it has none."""
    found = analysis.variables.at(offset)
    return found.definition if found is not None else None


def references(analysis: Analysis, offset: int, declarations: bool = True) -> Sequence[Span]:
    """All places of the name at `offset`; without `declarations`, only those that read it."""
    found = analysis.variables.at(offset)
    if found is None:
        return ()
    bindings = frozenset(() if declarations else found.variable.bindings)
    return [span for span in found.variable.occurrences if span not in bindings]


def renamable(analysis: Analysis, offset: int) -> Span:
    """The name at `offset`.  Raises `RenameError` if the file does not choose this name."""
    found = analysis.variables.at(offset)
    if found is None:
        raise RenameError("Only names that the file defines can change, not those of gen, Keras, or Python")
    if found.variable.imported:
        raise RenameError(f"`{found.variable.name}` is imported, and keeps the name that it has there")
    if analysis.variables.of_keras(found.variable):
        raise RenameError(f"Keras calls `{found.variable.name}` by this name")
    return found.span


def rename(analysis: Analysis, offset: int, name: str) -> Sequence[Span]:
    """The places where the name at `offset` becomes `name`.  Raises `RenameError` if the file would change."""
    renamable(analysis, offset)
    found = analysis.variables.at(offset)
    assert found is not None
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        raise RenameError(f"`{name}` is not a name: use letters, digits, and `_`, and no keyword of Python")
    if name == found.variable.name:
        return ()
    if name in known_words():
        raise RenameError(f"`{name}` already has a meaning, which the file would lose")
    if any(each.variable.name == name for each in analysis.variables.occurrences.values()):
        raise RenameError(f"The file already has a `{name}`")
    spans = found.variable.occurrences
    if not analysis.failed:
        _check(analysis, spans, name)
    return spans


def _check(analysis: Analysis, spans: Sequence[Span], name: str) -> None:
    """Raises `RenameError` if a correct file would become wrong, as when a string names an output."""
    text = analysis.source.text
    for span in reversed(spans):
        text = f"{text[: span.start]}{name}{text[span.end :]}"
    for item in compiler.check(Source(analysis.source.path, text)).in_source_order():
        if item.severity == "error":
            raise RenameError(f"The file would be wrong: {item.message}")
