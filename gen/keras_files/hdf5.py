"""Arrays in HDF5 files, read with limits: no links to elsewhere, and no array that is not all there."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from gen.keras_files.problems import KerasFileError, damaged

MOST_COMPRESSED = 1000
"""How many times larger an array may be than what the file holds of it."""
MOST_NAMES = 100_000


def missing_h5py() -> KerasFileError:
    return KerasFileError("files of Keras need h5py: pip install 'gen-nn[import]'")


def open_group(file: IO[bytes], shown: str) -> Group:
    """The root of an open HDF5 file."""
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise missing_h5py() from error
    with damaged(shown):
        return Group(h5py.File(file, "r"), shown)


def joined(files: Iterable[IO[bytes]], shown: str) -> Group:
    """The root of several HDF5 files as if they were one."""
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise missing_h5py() from error
    with damaged(shown):
        whole = h5py.File(io.BytesIO(), "w")
        for file in files:
            with h5py.File(file, "r") as piece:

                def copy(name: str, item: Any, piece: Any = piece) -> None:
                    if not isinstance(item, h5py.Dataset):
                        whole.require_group(name).attrs.update(item.attrs)
                    elif name in whole:
                        raise KerasFileError(f"{shown} has {name} in two pieces")
                    else:
                        piece.copy(item, whole, name)

                piece.visititems(copy)
        return Group(whole, shown)


def text_of(value: Any) -> str:
    """An attribute or name, which older files have as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@dataclass(frozen=True)
class Group:
    """A group of a file."""

    found: Any
    shown: str
    """What messages call the file."""

    def attribute(self, name: str) -> str | None:
        """A text attribute."""
        with damaged(self.shown):
            value = self.found.attrs.get(name)
            return None if value is None else text_of(value)

    def names(self, name: str) -> list[str] | None:
        """A list of names in an attribute, which may be split into `name0`, `name1`, …"""
        with damaged(self.shown):
            attributes = self.found.attrs
            pieces = [attributes[name]] if name in attributes else []
            while name not in attributes and f"{name}{len(pieces)}" in attributes:
                pieces.append(attributes[f"{name}{len(pieces)}"])
            if not pieces:
                return None
            listed = [text_of(each) for piece in pieces for each in np.asarray(piece).reshape(-1).tolist()]
            if len(listed) > MOST_NAMES:
                raise KerasFileError(f"{self.shown} lists {len(listed):,} names, which is no model")
            return listed

    def group(self, *path: str) -> Group | None:
        """A group below this one; None if there is none."""
        found = self._at(path)
        return Group(found, self.shown) if found is not None and not hasattr(found, "dtype") else None

    def children(self) -> list[str]:
        """The names of what is in the group."""
        with damaged(self.shown):
            if len(self.found) > MOST_NAMES:
                raise KerasFileError(f"{self.shown} has {len(self.found):,} members, which is no model")
            return list(self.found)

    def numbered(self) -> list[str]:
        """The names `0`, `1`, … of the arrays in the group, in order."""
        return sorted((name for name in self.children() if name.isascii() and name.isdecimal()), key=int)

    def arrays(self, depth: int = 12) -> Iterator[tuple[tuple[str, ...], Group]]:
        """All groups below that hold numbered arrays, as a walk meets them."""
        if self.numbered():
            yield (), self
        for name in self.children() if depth else ():
            inner = self.group(name)
            for path, found in inner.arrays(depth - 1) if inner is not None else ():
                yield (name, *path), found

    def shape(self, *path: str) -> tuple[int, ...] | None:
        """The shape of an array; None if there is none."""
        found = self._at(path)
        return tuple(found.shape) if found is not None and getattr(found, "shape", None) is not None else None

    def array(self, path: Sequence[str], most: int) -> np.ndarray[Any, np.dtype[Any]]:
        """An array of numbers, of at most `most` of them."""
        found, name = self._at(path), "/".join(path)
        if found is None or getattr(found, "shape", None) is None:
            raise KerasFileError(f"{self.shown} has no array {name}")
        with damaged(self.shown):
            size = int(np.prod(found.shape, dtype=object)) if found.shape else 1
            if size > most:
                raise KerasFileError(f"{self.shown}: {name} has the shape {found.shape}, which is not the model's")
            wide = found.attrs.get("dtype") is not None and text_of(found.attrs["dtype"]) == "bfloat16"
            if found.dtype.kind not in "fiub" and not (wide and found.dtype.itemsize == 2):
                raise KerasFileError(f"{self.shown}: {name} does not hold numbers")
            if found.is_virtual or found.external:
                raise KerasFileError(f"{self.shown}: {name} is kept in another file")
            held = found.id.get_storage_size()
            if size * found.dtype.itemsize > MOST_COMPRESSED * held:
                raise KerasFileError(f"{self.shown}: {name} claims {size:,} numbers, and {held} bytes of it are there")
            values = np.asarray(found[()])
            if wide:
                raw = np.ascontiguousarray(values).view(np.uint16).astype(np.uint32) << 16
                return raw.view(np.float32).reshape(values.shape)
            return values

    def _at(self, path: Sequence[str]) -> Any:
        """What is at a path, whose every step is in the file itself."""
        import h5py

        with damaged(self.shown):
            current = self.found
            for name in (part for each in path for part in each.split("/") if part):
                if not isinstance(current, h5py.Group):
                    return None
                link = current.get(name, getlink=True, default=None)
                if link is None:
                    return None
                if not isinstance(link, h5py.HardLink):
                    raise KerasFileError(f"{self.shown}: {name} is a link")
                current = current[name]
            return current
