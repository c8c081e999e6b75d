"""Quick fixes: replacements from the hints of diagnostics that mend the file."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from gen.compiler import check
from gen.diagnostics import Diagnostic, Source, Span
from gen.lsp.analysis import Analysis
from gen.lsp.worker import go_on

MOST_FIXES = 20
"""The most fixes to offer at once, the nearest spellings first."""

MOST_TRIES = 4
"""The most fixes to try one by one, if they do not work together."""

_HINT = re.compile(r"(?:did you mean|write) `([^`…]+)`")


@dataclass(frozen=True)
class Fix:
    """Write `replacement` over the text `wrong`, at the place of `diagnostic`."""

    diagnostic: Diagnostic
    wrong: str
    replacement: str

    @property
    def title(self) -> str:
        """The title of the fix, in a few words."""
        if len(self.wrong) > 40:
            return f"Write `{self.replacement}`"
        return f"Replace `{self.wrong}` with `{self.replacement}`"

    @property
    def span(self) -> Span:
        return self.diagnostic.span

    @property
    def distance(self) -> float:
        """The distance of the replacement from the wrong text, from 0 to 1."""
        return 1 - SequenceMatcher(None, self.wrong, self.replacement).ratio()


def fixes(analysis: Analysis, start: int, end: int) -> Sequence[Fix]:
    """The fixes for diagnostics between the offsets `start` and `end`, in the order of the text.

    gen tries each fix, and keeps it if it removes its diagnostic and causes none at the same place.  gen tries all of
    them together, in one run of the front end, so three hundred fixes take no longer than one.
    """
    hints = {
        item: found[1]
        for item in analysis.diagnostics
        if item.span.start <= end and start <= item.span.end and (found := _HINT.search(item.hint or ""))
    }
    key = tuple(hints)
    if key not in analysis.fixes:
        analysis.fixes[key] = tuple(_tried(analysis, hints))
    return analysis.fixes[key]


def nearest(found: Sequence[Fix]) -> Sequence[Fix]:
    """The fixes that are not too many to look through, the nearest to the wrong text first."""
    return sorted(found, key=lambda fix: fix.distance)[:MOST_FIXES]


def _tried(analysis: Analysis, hints: Mapping[Diagnostic, str]) -> Iterator[Fix]:
    """The fixes that mend the file, of diagnostics whose hints say what to write."""
    spellings = [tuple(_spellings(analysis, item, right)) for item, right in hints.items()]
    together = list(_apart(first for first, *_ in spellings))
    mending = {fix.diagnostic: fix for fix in _mending(analysis, together)}
    alone = together if len(together) == 1 else []
    left = [fix for each in spellings for fix in each if fix.diagnostic not in mending and fix not in alone]
    for fix in left[:MOST_TRIES]:
        go_on()
        if fix.diagnostic not in mending and _mending(analysis, [fix]):
            mending[fix.diagnostic] = fix
    return (mending[item] for item in hints if item in mending)


def _spellings(analysis: Analysis, item: Diagnostic, right: str) -> Iterator[Fix]:
    """The spellings of `right` in place of the wrong text: with quotes, if the text has quotes."""
    wrong = analysis.source.slice(item.span)
    if wrong[:1] in ("'", '"'):
        yield Fix(item, wrong, f"{wrong[0]}{right}{wrong[0]}")
    yield Fix(item, wrong, right)


def _apart(found: Iterable[Fix]) -> Iterator[Fix]:
    """The fixes that do not overlap the one before; `found` is in the order of the text."""
    end = 0
    for fix in found:
        if fix.span.start >= end:
            yield fix
            end = fix.span.end


def _mending(analysis: Analysis, found: Sequence[Fix]) -> list[Fix]:
    """The fixes that mend the file if all of them are made at once; the given ones do not overlap.

    New diagnostics may appear elsewhere, because values that gen makes of a wrong value are wrong without a message.
    """
    if not found:
        return []
    text, places = _written(analysis.source.text, found)
    now = check(Source(analysis.source.path, text)).in_source_order()
    more = Counter(map(_said, now))
    more.subtract(map(_said, analysis.diagnostics))
    more.update(_said(fix.diagnostic) for fix in found)
    starts = [item.span.start for item in now]
    return [
        fix
        for fix, place in zip(found, places, strict=True)
        if more[_said(fix.diagnostic)] <= 0
        and not any(
            item.span.end <= place.end
            for item in now[bisect_left(starts, place.start) : bisect_left(starts, place.end + 1)]
        )
    ]


def _said(item: Diagnostic) -> tuple[str, str]:
    return item.code, item.message


def _written(text: str, found: Sequence[Fix]) -> tuple[str, Sequence[Span]]:
    """The text with the fixes in it, and their places there."""
    parts: list[str] = []
    places: list[Span] = []
    end = shift = 0
    for fix in found:
        parts += [text[end : fix.span.start], fix.replacement]
        start, end = fix.span.start + shift, fix.span.end
        places.append(Span(start, start + len(fix.replacement)))
        shift = places[-1].end - end
    return "".join([*parts, text[end:]]), places
