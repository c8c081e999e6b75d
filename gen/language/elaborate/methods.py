"""The methods of strings, lists, dicts, tuples and sets: those of Python that change nothing but the value itself.

`METHODS` says which there are.  Each is a function of the value and its arguments, and raises `Problem`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gen.language.elaborate.context import MAX_ITEMS, MAX_TEXT
from gen.language.elaborate.formatting import format_method
from gen.language.elaborate.operators import check_insertion, equal, hashable, item, limited
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.values import DictValue, Value, describe_value

Method = Callable[..., Value]

# -------------------------------------------------------------------------------------------------------------- strings

_STRING_TO_STRING = [
    "capitalize",
    "casefold",
    "lower",
    "lstrip",
    "replace",
    "rstrip",
    "strip",
    "swapcase",
    "title",
    "upper",
    "removeprefix",
    "removesuffix",
    "zfill",
    "ljust",
    "rjust",
    "center",
    "expandtabs",
]
_STRING_TO_VALUE = [
    "count",
    "endswith",
    "find",
    "index",
    "isalnum",
    "isalpha",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isspace",
    "isupper",
    "partition",
    "rfind",
    "rpartition",
    "rsplit",
    "split",
    "splitlines",
    "startswith",
    "isdecimal",
    "istitle",
]


def _of_strings(name: str) -> Method:
    python = getattr(str, name)

    def run(text: str, *arguments: Value, **keywords: Value) -> Value:
        longest = sum(each for each in (*arguments, *keywords.values()) if isinstance(each, int))
        if name in ("zfill", "ljust", "rjust", "center", "expandtabs") and longest > MAX_TEXT // (len(text) + 1):
            raise Problem(f"This would have more than {MAX_TEXT:,} characters", code="loop-limit")
        if name == "replace" and len(arguments) > 1 and isinstance(arguments[1], str):
            longest = (text.count(arguments[0]) if isinstance(arguments[0], str) else 0) * len(arguments[1]) + len(text)
            limited(longest, lambda: None, MAX_TEXT)
        try:
            result = python(text, *arguments, **keywords)
        except (TypeError, ValueError) as error:
            raise Problem(f"`{name}` does not take these arguments: {error}") from None
        return limited(len(result), lambda: result, MAX_TEXT) if isinstance(result, str) else result

    return run


def _join(text: str, values: Value) -> str:
    items = list(values) if isinstance(values, list | tuple | dict | str) else None
    if items is None or not all(isinstance(each, str) for each in items):
        raise Problem(f"`join` takes a list of strings, got {describe_value(values)}")
    length = sum(map(len, items)) + len(text) * len(items)
    return limited(length, lambda: text.join(items), MAX_TEXT)  # type: ignore[no-any-return]  # a string


def _format(text: str, *positional: Value, **keywords: Value) -> str:
    return format_method(text, list(positional), keywords)


# ---------------------------------------------------------------------------------------------------------------- lists


def _append(owner: list[Value], value: Value) -> None:
    check_insertion(owner, [value])
    owner.append(value)


def _extend(owner: list[Value], values: Value) -> None:
    items = _items(values, "extend")
    check_insertion(owner, items)
    owner.extend(items)


def _insert(owner: list[Value], index: Value, value: Value) -> None:
    if not isinstance(index, int):
        raise Problem(f"`insert` takes an index and a value, got {describe_value(index)}")
    check_insertion(owner, [value])
    owner.insert(index, value)


def _pop(owner: list[Value], index: Value = -1) -> Value:
    found = item(owner, index)
    del owner[index]
    return found


def _remove(owner: list[Value], value: Value) -> None:
    del owner[_index(owner, value)]


def _index(owner: list[Value] | tuple[Value, ...], value: Value) -> int:
    for number, each in enumerate(owner):
        if each is value or equal(each, value):
            return number
    raise Problem(f"{describe_value(value).capitalize()} is not in the list")


def _count(owner: list[Value] | tuple[Value, ...], value: Value) -> int:
    return sum(each is value or equal(each, value) for each in owner)


def _reverse(owner: list[Value]) -> None:
    owner.reverse()


def _items(values: Value, name: str) -> list[Value]:
    if not isinstance(values, list | tuple | range | dict | set | frozenset | str):
        raise Problem(f"`{name}` takes a list, got {describe_value(values)}")
    return limited(len(values), lambda: list(values))  # type: ignore[no-any-return]  # a list


# ---------------------------------------------------------------------------------------------------------------- dicts


def _get(owner: DictValue, key: Value, default: Value = None) -> Value:
    return owner.get(hashable(key), default)


def _set_default(owner: DictValue, key: Value, default: Value = None) -> Value:
    check_insertion(owner, [default])
    return owner.setdefault(hashable(key), default)


_NONE = object()


def _pop_key(owner: DictValue, key: Value, default: Value = _NONE) -> Value:
    found = item(owner, key) if default is _NONE else owner.get(hashable(key), default)
    owner.pop(hashable(key), None)
    return found


def _update(owner: DictValue, other: Value = (), **keywords: Value) -> None:
    added = dict_of(other)
    check_insertion(owner, [*added.values(), *keywords.values()])
    owner.update(added)
    owner.update(keywords)
    owner.written.update(added.written)


def dict_of(value: Value) -> DictValue:
    """A new dict of a dict, or of a list of pairs; raises `Problem`."""
    if isinstance(value, DictValue):
        copy = DictValue(value)
        copy.written = dict(value.written)
        return copy
    pairs = _items(value, "dict")
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise Problem("A dict is made of a dict, or of a list of pairs")
    return DictValue({hashable(key): each for key, each in pairs})


# ----------------------------------------------------------------------------------------------------------------- sets


def _add(owner: set[Value], value: Value) -> None:
    check_insertion(owner, [value])
    owner.add(hashable(value))


def _discard(owner: set[Value], value: Value) -> None:
    owner.discard(hashable(value))


def _of_sets(name: str) -> Method:
    python = getattr(set, name)

    def run(owner: set[Value], other: Value = ()) -> Value:
        return python(owner, [hashable(each) for each in _items(other, name)])

    return run


METHODS: Mapping[type, Mapping[str, Method]] = {
    str: {
        **{name: _of_strings(name) for name in (*_STRING_TO_STRING, *_STRING_TO_VALUE)},
        "join": _join,
        "format": _format,
    },
    list: {
        "append": _append,
        "extend": _extend,
        "insert": _insert,
        "pop": _pop,
        "remove": _remove,
        "index": _index,
        "count": _count,
        "reverse": _reverse,
        "clear": lambda owner: owner.clear(),
        "copy": list,
    },
    tuple: {"index": _index, "count": _count},
    dict: {
        "get": _get,
        "items": lambda owner: list(owner.items()),
        "keys": list,
        "values": lambda owner: list(owner.values()),
        "setdefault": _set_default,
        "pop": _pop_key,
        "update": _update,
        "copy": dict_of,
        "clear": lambda owner: owner.clear(),
    },
    set: {
        "add": _add,
        "discard": _discard,
        "copy": set,
        **{name: _of_sets(name) for name in ("union", "intersection", "difference", "issubset", "issuperset")},
    },
}
"""The methods by the type of the value.  `sort` takes a function, and is the interpreter's."""


def methods_of(value: Value) -> Mapping[str, Method]:
    """The methods of a plain value; none for what has none."""
    return next((found for kind, found in METHODS.items() if isinstance(value, kind)), {})


def run(value: Value, name: str, positional: list[Any], keywords: dict[str, Any]) -> Value:
    """`value.name(…)`; raises `Problem`."""
    try:
        return methods_of(value)[name](value, *positional, **keywords)
    except TypeError as error:
        message = str(error).partition("() ")[2] or "they do not fit"
        raise Problem(f"`{name}` does not take these arguments: it {message}") from None


__all__ = ["MAX_ITEMS", "METHODS", "dict_of", "methods_of", "run"]
