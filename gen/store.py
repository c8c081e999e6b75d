"""What is slow to make and depends on its key alone, kept in a folder from one run to the next.

No output depends on it: where nothing can be kept, or what was kept is damaged, it is made anew, and is the same.  The
folder is `gen` among the user's caches, or what `GEN_CACHE_DIR` says; if that is empty, there is none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

MOST = 200
"""How much is kept: with one more, the older half goes."""
_DIGEST = 32


def recalled(kind: str, key: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, or gave for this key in an earlier run; the key says all that it depends on."""
    data = recall(kind, key)
    if data is None:
        data = make()
        keep(kind, key, data)
    return data


def recall(kind: str, key: str) -> bytes | None:
    """What was kept for the key; None if nothing was, or not all of it is left."""
    folder = _folder()
    if folder is None:
        return None
    try:
        content = _path(folder, kind, key).read_bytes()
    except OSError:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    return data if sha256(data).digest() == digest else None


def keep(kind: str, key: str, data: bytes) -> None:
    """Keep `data` for the key, if that can be done; another run may be reading or writing the same."""
    folder = _folder()
    if folder is not None:
        with suppress(OSError):
            _write(folder, _path(folder, kind, key), sha256(data).digest() + data)
            _forget(folder)


def _path(folder: Path, kind: str, key: str) -> Path:
    return folder / f"{kind}-{sha256(key.encode()).hexdigest()[:32]}"


def _write(folder: Path, path: Path, content: bytes) -> None:
    """Write beside and rename over: the file at `path` is whole at any time."""
    import tempfile  # which takes as long to import as all of this

    handle, beside = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except OSError:
        os.unlink(beside)
        raise


def _forget(folder: Path) -> None:
    paths = list(folder.iterdir())
    if len(paths) > MOST:
        for path in sorted(paths, key=lambda path: path.stat().st_mtime)[: -MOST // 2]:
            path.unlink(missing_ok=True)


def _folder() -> Path | None:
    """Where things are kept; None if there is no such place."""
    given = os.environ.get("GEN_CACHE_DIR")
    return _usable(_caches() if given is None else given and os.path.abspath(given))


def _caches() -> str:
    """The folder of gen among the user's caches; empty if it is not known where these are."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "gen") if os.path.isabs(base) else ""


@cache
def _usable(name: str) -> Path | None:
    """The folder, made if need be; None if that is not possible, or others may write there, as what is kept is run."""
    if not name:
        return None
    folder = Path(name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return None
    if sys.platform != "win32" and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    return folder
