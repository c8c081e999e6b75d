"""Strings made of values: formatted strings, `format`, `%`, `str` and `repr`.

Python's own functions do the work, on values that are plain numbers, strings or lists of them, and only where the
result cannot be too long.
"""

from __future__ import annotations

import re
from typing import Any

from gen.components.arguments import Word
from gen.dims import Dim
from gen.language.elaborate.context import MAX_TEXT
from gen.language.elaborate.problems import NotKnown, Problem
from gen.language.elaborate.values import Value, count_items, describe_value, everything_in

SHOWN = (bool, int, float, str, list, tuple, dict, set, frozenset, range, Word, Dim)
"""What a list may hold that a string shows."""
_WIDTH = re.compile(r"\d{5,}")


def written(value: Value) -> Value:
    """A value as Python's own formatting takes it; raises `NotKnown` for one that gen cannot show."""
    if isinstance(value, Word):
        return value.name
    if isinstance(value, Dim):
        return None  # as Keras shows a size that depends on the data
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | dict | set | frozenset | range):
        if count_items(value, MAX_TEXT) > MAX_TEXT or (isinstance(value, range) and len(value) > MAX_TEXT):
            raise Problem(f"This would have more than {MAX_TEXT:,} characters", code="loop-limit")
        if all(each is None or isinstance(each, SHOWN) for each in everything_in(value)):
            return _plain(value)
    raise NotKnown(f"a string that shows {describe_value(value)}")


def _plain(value: Value) -> Value:
    match value:
        case list() | tuple() | set() | frozenset():
            return type(value)(_plain(each) for each in value)
        case dict():
            return {_plain(key): _plain(each) for key, each in value.items()}
        case Word(name):
            return name
        case Dim():
            return None
    return value


def text_of(value: Value, conversion: str = "") -> str:
    """`str(value)`, or `repr(value)` for the conversion `r`."""
    shown = written(value)
    return _short(repr(shown) if conversion == "r" else ascii(shown) if conversion == "a" else str(shown))


def formatted(value: Value, conversion: str, spec: str) -> str:
    """What `{value!conversion:spec}` becomes; raises `Problem`."""
    shown: Any = text_of(value, conversion) if conversion else written(value)
    if _WIDTH.search(spec):
        raise Problem(f"The format `{spec[:40]}` makes a string that is too long", code="loop-limit")
    try:
        return _short(format(shown, spec) if spec or isinstance(shown, bool | int | float | str) else str(shown))
    except (ValueError, TypeError) as error:
        raise Problem(f"The format `{spec}` does not fit {describe_value(value)}: {error}") from None


_FIELD = re.compile(r"\{\{|\}\}|\{(?P<name>\w*)(?:!(?P<conversion>[rsa]))?(?::(?P<spec>[^{}]*))?\}|(?P<wrong>[{}])")


def format_method(text: str, positional: list[Value], keywords: dict[str, Value]) -> str:
    """`text.format(…)`; raises `Problem`."""
    count = 0

    def field(found: re.Match[str]) -> str:
        nonlocal count
        if found["wrong"]:
            raise Problem("`format` takes fields such as `{}`, `{0}`, `{name}` and `{:.2f}`")
        if found[0] in ("{{", "}}"):
            return found[0][0]
        name = found["name"]
        if name.isdigit() or not name:
            index = int(name) if name and len(name) < 5 else count
            count += not name
            if index >= len(positional):
                raise Problem(f"`format` has no value for the field `{found[0]}`")
            value = positional[index]
        elif name in keywords:
            value = keywords[name]
        else:
            raise Problem(f"`format` has no value for the field `{found[0]}`")
        return formatted(value, found["conversion"] or "", found["spec"] or "")

    return _short(_FIELD.sub(field, text))


def percent(text: str, values: Value) -> str:
    """`text % values`; raises `Problem`."""
    if _WIDTH.search(text) or "*" in text:
        raise Problem("The format makes a string that is too long", code="loop-limit")
    given = tuple(written(each) for each in values) if isinstance(values, tuple) else written(values)
    try:
        return _short(text % given)
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        raise Problem(f"`%` cannot fill in this string: {error}") from None


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Problem(f"This would have more than {MAX_TEXT:,} characters", code="loop-limit")
    return text
