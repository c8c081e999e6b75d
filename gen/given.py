"""Values for variables of a file that come from outside: `--define vocabulary=5000`, and `define` in [tool.gen].

They stand in the header of the generated file, so that it can be built again without saying them again.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Given: TypeAlias = Mapping[str, Any]

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
MOST_CHARACTERS = 10_000
"""How long a value may be as it is written."""
MOST_DIGITS = 18


class GivenError(ValueError):
    """A value from outside that cannot be used; the message is one sentence."""


def parse(definitions: Iterable[str]) -> dict[str, Any]:
    """The values that texts like `vocabulary=5000` give, with Python's literals.  Raises `GivenError`."""
    found: dict[str, Any] = {}
    for text in definitions:
        name, equals, written = text.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise GivenError(f"`--define {text[:80]}` is not `--define NAME=VALUE`")
        if name in found:
            raise GivenError(f"`--define` gives `{name}` twice")
        found[name] = _literal(name, written.strip())
    return found


def _literal(name: str, text: str) -> Any:
    try:
        if len(text) > MOST_CHARACTERS:
            raise ValueError
        return checked(name, ast.literal_eval(text))
    except GivenError:
        raise
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        hint = f"; for a string write `--define \"{name}='{text}'\"`" if text.isidentifier() else ""
        message = f"`{text[:80]}` for `{name}` is no number, string, list or other literal of Python's{hint}"
        raise GivenError(message) from error


def checked(name: str, value: Any) -> Any:
    """The value, if a `.nn` file may have it: numbers, strings, booleans, None, and lists, tuples and dicts of them."""
    match value:
        case bool() | None | str():
            pass
        case int() if abs(value) >= 10**MOST_DIGITS:
            raise GivenError(f"the number for `{name}` is too large: numbers have at most {MOST_DIGITS} digits")
        case float() if not math.isfinite(value):
            raise GivenError(f"the number for `{name}` is not finite")
        case int() | float():
            pass
        case list() | tuple():
            for each in value:
                checked(name, each)
        case dict():
            for key, each in value.items():
                checked(name, key)
                checked(name, each)
        case _:
            raise GivenError(f"`{name}` is neither a number nor a string, nor a list, tuple or dict of them")
    return value


def is_name(text: str) -> bool:
    """Whether a value can be given to that: a variable, or an attribute such as `args.units`."""
    return _NAME.fullmatch(text) is not None


def lines(given: Given) -> tuple[str, ...]:
    """The values as the header of a generated file has them, a line each."""
    return tuple(f"{name} = {value!r}" for name, value in sorted(given.items()))


def read_lines(found: Iterable[str]) -> dict[str, Any]:
    """The values that such lines have; one that somebody has changed to what is no value is left out."""
    given: dict[str, Any] = {}
    for line in found:
        name, _, written = line.partition(" = ")
        try:
            given |= parse([f"{name}={written}"])
        except GivenError:
            continue
    return given
