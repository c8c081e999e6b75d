"""Quick fixes: what the hint of a diagnostic says to write, where writing it mends the file."""

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
"""How many fixes are offered at once, the nearest spellings first."""

MOST_TRIES = 4
"""How many fixes are tried one by one, where several do not go together."""

_HINT = re.compile(r"(?:did you mean|write) `([^`…]+)`")


@dataclass(frozen=True)
class Fix:
    """To write `replacement` over what is `wrong`, where `diagnostic` is."""

    diagnostic: Diagnostic
    wrong: str
    replacement: str

    @property
    def title(self) -> str:
        """What the fix does, in a few words."""
        if len(self.wrong) > 40:
            return f"Write `{self.replacement}`"
        return f"Replace `{self.wrong}` with `{self.replacement}`"

    @property
    def span(self) -> Span:
        return self.diagnostic.span

    @property
    def distance(self) -> float:
        """How far the replacement is from what is wrong, from 0 to 1."""
        return 1 - SequenceMatcher(None, self.wrong, self.replacement).ratio()


def fixes(analysis: Analysis, start: int, end: int) -> Sequence[Fix]:
    """The fixes of what is wrong between the offsets `start` and `end`, in the order of the text.

    They are tried: a fix is one if its diagnostic is gone with it, and what it writes is not wrong itself.  All are
    tried together, in one run of the front end: three hundred take no longer than one.
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
    """Of many fixes those that a person may want to look through, what is nearest to what was written first."""
    return sorted(found, key=lambda fix: fix.distance)[:MOST_FIXES]


def _tried(analysis: Analysis, hints: Mapping[Diagnostic, str]) -> Iterator[Fix]:
    """The fixes that mend what is wrong, of the diagnostics whose hints say what to write."""
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
    """How `right` may be written in place of what is wrong: with its quotes, if it has some."""
    wrong = analysis.source.slice(item.span)
    if wrong[:1] in ("'", '"'):
        yield Fix(item, wrong, f"{wrong[0]}{right}{wrong[0]}")
    yield Fix(item, wrong, right)


def _apart(found: Iterable[Fix]) -> Iterator[Fix]:
    """Those of the fixes, which are in the order of the text, that do not overlap the one before."""
    end = 0
    for fix in found:
        if fix.span.start >= end:
            yield fix
            end = fix.span.end


def _mending(analysis: Analysis, found: Sequence[Fix]) -> list[Fix]:
    """Those of some fixes that do not overlap that, all made at once, mend the file.

    There may be new diagnostics elsewhere: what was made of something wrong was wrong in silence.
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
    """The text with fixes made in it, and where they are then."""
    parts: list[str] = []
    places: list[Span] = []
    end = shift = 0
    for fix in found:
        parts += [text[end : fix.span.start], fix.replacement]
        start, end = fix.span.start + shift, fix.span.end
        places.append(Span(start, start + len(fix.replacement)))
        shift = places[-1].end - end
    return "".join([*parts, text[end:]]), places
