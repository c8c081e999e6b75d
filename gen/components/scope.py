"""Scopes of names: one process may build several projects, and each knows only its own components."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, ValuesView
from contextvars import ContextVar
from typing import TypeVar

Known = TypeVar("Known")


class Scope(MutableMapping[str, Known]):
    """Things by name.  After `apart`, additions and removals affect only the current context.

    A context is one of `contextvars`: each thread has its own, and `Context.run` enters another.
    """

    def __init__(self, name: str) -> None:
        self._shared: dict[str, Known] = {}
        self._here: ContextVar[dict[str, Known] | None] = ContextVar(name, default=None)

    def apart(self) -> None:
        """Give the current context its own copy."""
        self._here.set(dict(self._known))

    def together(self) -> None:
        """Let the current context share what all others have."""
        self._here.set(None)

    @property
    def _known(self) -> dict[str, Known]:
        here = self._here.get()
        return self._shared if here is None else here

    def __getitem__(self, name: str) -> Known:
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known  # the one of a mapping raises an error to find out

    def __setitem__(self, name: str, thing: Known) -> None:
        self._known[name] = thing

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def values(self) -> ValuesView[Known]:
        return self._known.values()  # the one of a mapping looks up one by one

    def __len__(self) -> int:
        return len(self._known)
