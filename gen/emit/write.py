"""Writing a generated file: only if it changed, completely, and never over somebody's work."""

from __future__ import annotations

import os
from pathlib import Path

from gen.emit.seal import is_intact, is_sealed
from gen.files import Bounds, WriteError, place


class Protected(WriteError):
    """A file that gen did not write, or that was edited since; `force` overwrites it."""


def write(path: str | os.PathLike[str], text: str, force: bool = False, bounds: Bounds | None = None) -> bool:
    """Make `text` the contents of the file at `path`, in a folder that is made; returns whether that changed anything.

    Raises `Protected` where there is a file that gen did not write or that was edited since, unless `force`; raises
    `WriteError` where the file may not be written or the system refuses.
    """
    shown = os.fspath(path)
    with place(path, bounds or Bounds(Path(path).parent), make=True) as found:
        status = found.status()
        if status is not None:
            present = found.read()
            if present.replace(b"\r\n", b"\n") == text.encode():
                return False
            if not force:
                _protect(present, shown)
        found.replace(text.encode(), status)
    return True


def present(path: str | os.PathLike[str], bounds: Bounds) -> str | None:
    """What is in a generated file now; None if there is none.  Raises `WriteError` where `write` would not look."""
    try:
        with place(path, bounds) as found:
            return None if found.status() is None else found.read().replace(b"\r\n", b"\n").decode("utf-8", "replace")
    except WriteError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def _protect(present: bytes, shown: str) -> None:
    text = present.decode("utf-8", "replace")
    if not is_sealed(text):
        raise Protected(f"{shown} exists and was not written by gen; --force writes over it")
    if not is_intact(text):
        raise Protected(f"{shown} was edited by hand since gen wrote it; --force writes over it")
