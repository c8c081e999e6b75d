"""Writing a generated file: only if it changed, in one piece, and never over someone's work."""

from __future__ import annotations

import os
import stat

from gen.emit.seal import is_intact, is_sealed


class WriteError(Exception):
    """A file that was not written; the message is one sentence with its path and the reason."""


class Protected(WriteError):
    """A file that gen did not write, or that was edited since; `force` writes over it."""


def write(path: str | os.PathLike[str], text: str, force: bool = False) -> bool:
    """Make `text` the contents of the file at `path`; returns whether that changed anything.

    Raises `Protected` where there is a file that gen did not write or that was edited since, unless `force`; raises
    `WriteError` where the system refuses.
    """
    shown = os.fspath(path)
    target = os.path.realpath(shown)
    try:
        if _mode(target, shown) is not None:
            with open(target, "rb") as file:
                present = file.read()
            if present.replace(b"\r\n", b"\n") == text.encode():
                return False
            if not force:
                _protect(present, shown)
    except OSError as error:
        raise WriteError(f"cannot write {shown}: {reason(error)}") from error
    overwrite(path, text.encode())
    return True


def reason(error: OSError) -> str:
    """Why the system refused: `no such file or directory`."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def overwrite(path: str | os.PathLike[str], data: bytes) -> None:
    """Make `data` the contents of the file at `path`, whoever wrote it; raises `WriteError` where the system refuses.

    The file is written beside and renamed over.  A link is followed.
    """
    shown = os.fspath(path)
    target = os.path.realpath(shown)
    try:
        mode = _mode(target, shown)
        if mode is not None and not mode & 0o222:
            raise WriteError(f"cannot write {shown}: it is read-only")
        _replace(target, data, mode)
    except OSError as error:
        raise WriteError(f"cannot write {shown}: {reason(error)}") from error


def _mode(target: str, shown: str) -> int | None:
    """The permissions of the file, None if there is none."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise WriteError(f"cannot write {shown}: it is {'a directory' if stat.S_ISDIR(mode) else 'no regular file'}")
    return stat.S_IMODE(mode)


def _protect(present: bytes, shown: str) -> None:
    text = present.decode("utf-8", "replace")
    if not is_sealed(text):
        raise Protected(f"{shown} exists and was not written by gen; --force writes over it")
    if not is_intact(text):
        raise Protected(f"{shown} was edited by hand since gen wrote it; --force writes over it")


def _replace(target: str, data: bytes, mode: int | None) -> None:
    import tempfile  # only here: importing it takes as long as building a small file

    folder, name = os.path.split(target)
    handle, beside = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, _default_mode() if mode is None else mode)
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise


def _default_mode() -> int:
    """The permissions of a new file; a temporary file has stricter ones."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
