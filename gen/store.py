"""What is slow to make and depends on its key alone, kept in a folder from one run to the next.

No output depends on it: where nothing can be kept, or what was kept is damaged, it is made anew, and is the same.  The
folder is `gen` among the user's caches, or what `GEN_CACHE_DIR` says; if that is empty, there is none.  Others may keep
their files in it, too: only names of gen's own making are read, written or removed.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256

from gen.files import Folder, open_folder, written_beside

MOST = 200
"""How much is kept: with one more, the older half goes."""
_DIGEST = 32
_OWN = re.compile(r"gen-[a-z]+-[0-9a-f]{32}\.kept|\.gen-[0-9a-f]{16}\.tmp")
"""The names of gen's own making: what is kept, and what a run that was killed has left."""


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
        content = folder.read(_name(kind, key), own=True)  # for what is kept is run
    except OSError:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    return data if sha256(data).digest() == digest else None


def keep(kind: str, key: str, data: bytes) -> None:
    """Keep `data` for the key, if that can be done; another run may be reading or writing the same."""
    folder = _folder()
    if folder is not None:
        with suppress(OSError):
            content = sha256(data).digest() + data
            with written_beside(folder, content, mode=0o600, flush=False) as beside:  # one that is torn is made anew
                folder.rename(beside, _name(kind, key))
            _forget(folder)


def _name(kind: str, key: str) -> str:
    return f"gen-{kind}-{sha256(key.encode()).hexdigest()[:32]}.kept"


def _forget(folder: Folder) -> None:
    ages: list[tuple[int, str]] = []
    for name in os.listdir(folder.path if folder.handle is None else folder.handle):
        with suppress(FileNotFoundError):  # another run has just removed it
            if _OWN.fullmatch(name) and stat.S_ISREG((status := folder.status(name)).st_mode):
                ages.append((status.st_mtime_ns, name))
    if len(ages) > MOST:
        for _, name in sorted(ages)[: -MOST // 2]:
            with suppress(FileNotFoundError):
                folder.remove(name)


def _folder() -> Folder | None:
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
def _usable(name: str) -> Folder | None:
    """The folder, made if need be and held open.

    None if that is not possible, if it is the root of the file system, or if it, or a link to it, is another user's or
    others may write there.
    """
    if not name:
        return None
    try:
        os.makedirs(name, mode=0o700, exist_ok=True)
        link, path = os.lstat(name), os.path.realpath(name)
        folder = open_folder(path)
        status = os.stat(path) if folder.handle is None else os.fstat(folder.handle)
    except (OSError, ValueError):
        return None
    shared = sys.platform != "win32" and ({status.st_uid, link.st_uid} != {os.geteuid()} or status.st_mode & 0o022)
    if shared or path == os.path.dirname(path):
        folder.close()
        return None
    return folder
