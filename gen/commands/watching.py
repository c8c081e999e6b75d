"""`gen build --watch`: builds changed files again, until the user stops it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from gen.commands import building
from gen.commands.building import CommandError, Report, Request
from gen.files import reason

_MILLISECONDS = 500
"""How often to look without being told: nobody tells what changes during the first build, before the watch begins."""

Stamps = dict[Path, tuple[int, int, int]]


def watch(request: Request, wakes: Iterable[object]) -> Iterator[Report]:
    """A report of all sources, and one of those that have changed whenever one of `wakes` says that there may be some.

    A component that has changed may have changed everything.  A source that is gone is forgotten, until it is back.
    What is wrong is in the report.
    """
    seen = stamps(request)
    yield _built(request, None)
    for _ in wakes:
        before, seen = seen, stamps(request)
        changed = {path for path, stamp in seen.items() if before.get(path) != stamp}
        if changed:
            yield _built(request, None if changed.intersection(building.components_of(request)) else changed)


def wakes(request: Request) -> Iterator[object]:
    """Something whenever a file has changed near the sources and components, and now and then; never ends.

    Raises `CommandError` where watchfiles is not installed, a source is missing, or the system refuses to watch.
    """
    try:
        import watchfiles
    except ImportError as error:
        raise building.missing("--watch", "watchfiles", "watch") from error
    tuple(building.sources(request.sources))
    # Many editors write a file beside and rename it: it is its folder that has to be watched.
    watched = (*request.sources, *building.components_of(request))
    folders = {path if path.is_dir() else path.parent for path in watched}
    recursive = any(path.is_dir() for path in request.sources)
    return _told(watchfiles.watch(*folders, recursive=recursive, rust_timeout=_MILLISECONDS, yield_on_timeout=True))


def _told(changes: Iterator[object]) -> Iterator[object]:
    try:
        yield from changes
    except OSError as error:
        raise CommandError(f"cannot watch for changes: {reason(error)}") from error


def _built(request: Request, only: set[Path] | None) -> Report:
    try:
        return building.build(request, only)
    except CommandError as error:
        report = Report(errors=[str(error)])
        report.fail(2)
        return report


def stamps(request: Request) -> Stamps:
    """Facts that change when a file is written, for each source and each components file that exists."""
    stamps = {}
    for path in (*(path for path, _ in building.found(request.sources)), *building.components_of(request)):
        with suppress(OSError):
            status = path.stat()
            stamps[path] = status.st_mtime_ns, status.st_size, status.st_ino
    return stamps
