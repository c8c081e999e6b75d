"""A folder that keeps results between runs, if they are slow to make and depend only on their key.

No output depends on it: if gen cannot keep a result, or finds it damaged, it makes the result again, and it is the
same.  The folder is `gen` in the user's cache folder, or the value of `GEN_CACHE_DIR`; if that is empty, there is none.
Others may keep files there too: gen reads, writes, and removes only names of its own making.
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
"""The largest number of entries; one more removes the older half."""
_DIGEST = 32
_OWN = re.compile(r"gen-[a-z]+-[0-9a-f]{32}\.kept|\.gen-[0-9a-f]{16}\.tmp")
"""The names that gen makes: entries, and files that a killed run left."""


def recalled(kind: str, key: str, make: Callable[[], bytes]) -> bytes:
    """The result of `make`, now or in an earlier run with this key; the key contains everything that it depends on."""
    data = recall(kind, key)
    if data is None:
        data = make()
        keep(kind, key, data)
    return data


def recall(kind: str, key: str) -> bytes | None:
    """The kept result for the key; None if there is none, or if it is incomplete."""
    folder = _folder()
    if folder is None:
        return None
    try:
        content = folder.read(_name(kind, key), own=True)  # because the entry is code that gen runs
    except OSError:
        return None
    digest, data = content[:_DIGEST], content[_DIGEST:]
    return data if sha256(data).digest() == digest else None


def keep(kind: str, key: str, data: bytes) -> None:
    """Keep `data` for the key, if possible; another run may read or write the same entry."""
    folder = _folder()
    if folder is not None:
        with suppress(OSError):
            content = sha256(data).digest() + data
            with written_beside(folder, content, mode=0o600, flush=False) as beside:  # gen makes a damaged one again
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
    """The folder of the entries; None if there is no such place."""
    given = os.environ.get("GEN_CACHE_DIR")
    return _usable(_caches() if given is None else given and os.path.abspath(given))


def _caches() -> str:
    """gen's folder in the user's cache folder; empty if that is unknown."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "gen") if os.path.isabs(base) else ""


@cache
def _usable(name: str) -> Folder | None:
    """The folder, created if necessary, and held open.

    None if that fails, if it is the root of the file system, if it or a link to it belongs to another user, or if
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
