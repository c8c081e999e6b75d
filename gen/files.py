"""Safe access to files that may belong to anyone: limited reads, complete writes, and no way out of a folder.

Somebody else may have written a link in a repository.  gen writes nothing through a link that leads out of the folder
of the file, or to nothing.  It opens folders one inside the other, and files in them by name, so that nobody can insert
a link between the check and the write.  Where a system cannot do that (Windows), gen checks the path.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT = 64 * 2**20
"""The largest size in bytes; gen refuses to read larger files."""

_BY_HANDLE = {os.open, os.stat, os.mkdir, os.unlink, os.rename, os.access} <= os.supports_dir_fd
_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_STAY = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _BINARY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _STAY


class WriteError(Exception):
    """A file that was not written; the message is one sentence with its path and the reason."""


class ForeignError(OSError):
    """A file that belongs to another user."""


def reason(error: OSError) -> str:
    """The system's reason for an error: `no such file or directory`."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


# ------------------------------------------------------------------------------------------------------------- reading


def read(path: str | os.PathLike[str], limit: int = LIMIT, own: bool = False) -> bytes:
    """The contents of a file.

    Raises `OSError` if the system refuses, or if the file is not regular, is larger than the limit, or has no end; with
    `own`, raises `ForeignError` for another user's file, or a link to one.
    """
    _refuse_irregular(os.stat(path))  # before opening it, which alone may wake a device
    if own and not is_ours(os.lstat(path)):
        raise ForeignError(errno.EPERM, "it belongs to another user")
    return _contents(os.open(path, _READ), limit, own)


def is_ours(status: os.stat_result) -> bool:
    """Whether a file, folder, or link belongs to this user, or to root and only root can write it; not on Windows."""
    if not hasattr(os, "geteuid") or status.st_uid == os.geteuid():
        return True
    return status.st_uid == 0 and (stat.S_ISLNK(status.st_mode) or not status.st_mode & 0o022)


def _contents(handle: int, limit: int = LIMIT, own: bool = False) -> bytes:
    """The contents of an open file; closes it."""
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        _refuse_irregular(status)
        if own and not is_ours(status):
            raise ForeignError(errno.EPERM, "it belongs to another user")
        while True:
            size = status.st_size
            if size > limit:
                raise OSError(errno.EFBIG, f"it is larger than {limit / 2**20:g} MB")
            data = file.read(size + 1)
            if len(data) <= size:
                return data
            status = os.fstat(handle)
            if status.st_size <= size:  # a file in /proc reports size 0, and may have no end
                raise OSError(errno.EINVAL, "it is not a regular file")
            file.seek(0)  # somebody is writing it


def _refuse_irregular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")


# ------------------------------------------------------------------------------------------------------------- writing


@dataclass(frozen=True)
class Bounds:
    """The folder that files belong to: gen writes no file out of it through a link."""

    folder: Path
    project: Path | None = None
    """The folder that this folder must stay in; None for a folder that the user named."""


def overwrite(path: str | os.PathLike[str], data: bytes, bounds: Bounds | None = None) -> None:
    """Replace the contents of the file at `path` by `data`, whoever wrote it; raises `WriteError` if that fails.

    gen writes a file beside it, renames that file, and keeps the permissions.  Without `bounds`, the file belongs to
    its folder.
    """
    with place(path, bounds or Bounds(Path(path).parent)) as found:
        found.replace(data, found.status())


@contextmanager
def place(path: str | os.PathLike[str], bounds: Bounds, make: bool = False) -> Iterator[Place]:
    """The place of a file, with its folder held open; `make` creates the folder.

    Raises `WriteError`, also for errors of the system while the folder is open.
    """
    shown = os.fspath(path)
    opened: list[Folder] = []
    try:
        root, names = _way(shown, bounds)
        if make:
            _make(root, shown)
        opened.append(open_folder(root))
        for name in names[:-1]:
            opened.append(opened[-1].enter(name, make))
        yield Place(opened[-1], names[-1], shown)
    except NotADirectoryError as error:
        raise WriteError(f"cannot write to {os.path.dirname(shown)}: it is a file, not a folder") from error
    except OSError as error:
        raise WriteError(f"cannot write {shown}: {reason(error)}") from error
    except ValueError as error:  # no system allows such a name
        raise WriteError(f"cannot write {shown}: {error}") from error
    finally:
        for folder in opened:
            folder.close()


def _way(shown: str, bounds: Bounds) -> tuple[str, list[str]]:
    """The folder to start in, without links, and the names from there to the file."""
    way = ""
    for part in Path(shown).parts:
        way = os.path.join(way, part)
        if os.path.islink(way) and not os.path.exists(way):
            raise WriteError(f"cannot write {shown}: the link {way} leads nowhere")
    target, folder = os.path.realpath(shown), os.path.realpath(bounds.folder)
    root = folder
    if bounds.project is not None:
        root = os.path.realpath(bounds.project)
        if not is_in(folder, root):
            where = os.fspath(bounds.folder)
            raise WriteError(f"cannot write {shown}: {where} leads out of the project; name it in the command for that")
    if not is_in(target, folder):
        raise WriteError(f"cannot write {shown}: a link leads out of {os.fspath(bounds.folder)}")
    if target == folder:
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    return root, os.path.relpath(target, root).split(os.sep)


def is_in(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder or leads into it, wherever links lead."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _make(root: str, shown: str) -> None:
    folder = os.path.dirname(shown)
    try:
        os.makedirs(root, exist_ok=True)
    except FileExistsError as error:
        raise WriteError(f"cannot write to {folder}: it is a file, not a folder") from error
    except OSError as error:
        raise WriteError(f"cannot make the folder {folder}: {reason(error)}") from error


@dataclass(frozen=True)
class Folder:
    """An open folder; access by name stays in it, wherever its path leads meanwhile."""

    path: str
    handle: int | None
    """None on a system that supports only paths."""

    def at(self, name: str) -> str:
        """How the system finds a name in the folder, besides the handle."""
        return name if self.handle is not None else os.path.join(self.path, name)

    def enter(self, name: str, make: bool = False) -> Folder:
        """A folder in this one, which must not be a link."""
        if make:
            with suppress(FileExistsError):
                os.mkdir(self.at(name), dir_fd=self.handle)
        return open_folder(os.path.join(self.path, name), self)

    def status(self, name: str) -> os.stat_result:
        return os.stat(self.at(name), dir_fd=self.handle, follow_symlinks=False)

    def read(self, name: str, own: bool = False) -> bytes:
        """The contents of a file; raises `OSError` as `read` does, and for a link."""
        _refuse_irregular(self.status(name))
        return _contents(os.open(self.at(name), _READ | _STAY, dir_fd=self.handle), own=own)

    def new(self, name: str, mode: int) -> int:
        """A handle for writing a file that did not exist."""
        return os.open(self.at(name), _NEW, mode, dir_fd=self.handle)

    def rename(self, name: str, other: str) -> None:
        os.replace(self.at(name), self.at(other), src_dir_fd=self.handle, dst_dir_fd=self.handle)

    def remove(self, name: str) -> None:
        os.unlink(self.at(name), dir_fd=self.handle)

    def close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)


def open_folder(path: str, above: Folder | None = None) -> Folder:
    """The folder at a path, or the folder with its last name in the folder `above`; raises `OSError` for a link."""
    if not _BY_HANDLE:
        if os.path.realpath(path) != path or not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return Folder(path, None)
    name, at = (path, None) if above is None else (os.path.basename(path), above.handle)
    return Folder(path, os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _STAY, dir_fd=at))


@dataclass(frozen=True)
class Place:
    """Where a file is, or will be: a name in an open folder."""

    folder: Folder
    name: str
    shown: str
    """Its path, for messages."""

    def status(self) -> os.stat_result | None:
        """The system's facts about the file; None if there is none.  Raises `WriteError` if it is not regular."""
        try:
            status = self.folder.status(self.name)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise WriteError(f"cannot write {self.shown}: it is {what}")
        return status

    def read(self) -> bytes:
        return self.folder.read(self.name)

    def replace(self, data: bytes, before: os.stat_result | None) -> None:
        """Replace the contents of the file by `data`; `before` is the file's status at the check."""
        if before is not None and not self._is_writable(before):
            raise WriteError(f"cannot write {self.shown}: it is read-only")
        with written_beside(self.folder, data, before) as beside:
            if _identity(self.status()) != _identity(before):
                raise WriteError(f"cannot write {self.shown}: somebody else has just written it")
            self.folder.rename(beside, self.name)

    def _is_writable(self, status: os.stat_result) -> bool:
        at, handle = self.folder.at(self.name), self.folder.handle
        return bool(status.st_mode & 0o222) and os.access(at, os.W_OK, dir_fd=handle)


def _identity(status: os.stat_result | None) -> tuple[int, ...] | None:
    return None if status is None else (status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)


@contextmanager
def written_beside(
    folder: Folder, data: bytes, before: os.stat_result | None = None, mode: int = 0o666, flush: bool = True
) -> Iterator[str]:
    """The name of a new file that holds `data`, with the owner and permissions of the file `before`.

    The caller renames it; on failure, it is removed.  Nobody knows its name before.
    """
    name = f".gen-{os.urandom(8).hex()}.tmp"
    handle = folder.new(name, mode if before is None else 0o600)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            if before is not None:
                _keep(folder, name, handle, before)
            if flush:
                os.fsync(handle)
        yield name
    except BaseException:
        with suppress(OSError):
            folder.remove(name)
        raise


def _keep(folder: Folder, name: str, handle: int, before: os.stat_result) -> None:
    mode = before.st_mode & 0o777
    if hasattr(os, "fchown"):
        with suppress(OSError):  # only root may change the owner of a file
            os.fchown(handle, before.st_uid, before.st_gid)
        os.fchmod(handle, mode)
    else:
        os.chmod(folder.at(name), mode)
