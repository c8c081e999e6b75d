"""Passes: parts of the compiler that it can leave out without changing a result.

A pass is a function with a name, a description, and the reason why it is exact.  `gen/compiler.py` runs them in order;
`gen dump --without NAME` leaves one out; the table in ARCHITECTURE.md has the same sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Pass(Generic[Given, Made]):
    """A function of the compiler that changes no result."""

    name: str
    does: str
    """What it does, as the rest of a sentence after "it"."""
    exact: str
    """Why no result changes, as a sentence."""
    function: Callable[Given, Made]

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Made:
        return self.function(*args, **kwargs)


def exact(name: str, does: str, because: str) -> Callable[[Callable[Given, Made]], Pass[Given, Made]]:
    """Make a function a pass."""
    return lambda function: Pass(name, does, because, function)
