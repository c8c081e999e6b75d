"""Quick fixes: what the hint of a diagnostic says to write, where writing it mends the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gen import compiler
from gen.diagnostics import Diagnostic, Source
from gen.lsp.analysis import Analysis

_HINT = re.compile(r"(?:did you mean|write) `([^`…]+)`")


@dataclass(frozen=True)
class Fix:
    """What to write at the span of `diagnostic`."""

    diagnostic: Diagnostic
    title: str
    replacement: str


def fixes(analysis: Analysis, start: int, end: int) -> Iterator[Fix]:
    """The fixes of what is wrong between the offsets `start` and `end`.

    Each is tried: it is offered if the diagnostic is gone with it, and what it writes is not wrong itself.
    """
    for item in analysis.diagnostics:
        found = _HINT.search(item.hint or "")
        if found is None or item.span.start > end or item.span.end < start:
            continue
        wrong = analysis.source.slice(item.span)
        for replacement in _spellings(wrong, found[1]):
            if _mends(analysis, item, replacement):
                title = f"Replace `{wrong}` with `{replacement}`" if len(wrong) <= 40 else f"Write `{replacement}`"
                yield Fix(item, title, replacement)
                break


def _spellings(wrong: str, right: str) -> Iterator[str]:
    """How `right` may be written in place of `wrong`: with its quotes, if it has some."""
    if wrong[:1] in ("'", '"'):
        yield f"{wrong[0]}{right}{wrong[0]}"
    yield right


def _mends(analysis: Analysis, item: Diagnostic, replacement: str) -> bool:
    """Whether `replacement` takes the diagnostic away, and is not wrong itself.

    There may be new ones elsewhere: what was made of something wrong was wrong in silence.
    """
    text, start = analysis.source.text, item.span.start
    mended = f"{text[:start]}{replacement}{text[item.span.end :]}"
    now = compiler.check(Source(analysis.source.path, mended)).in_source_order()
    before = sum((each.code, each.message) == (item.code, item.message) for each in analysis.diagnostics)
    after = sum((each.code, each.message) == (item.code, item.message) for each in now)
    end = start + len(replacement)
    return after < before and not any(start <= each.span.start and each.span.end <= end for each in now)
