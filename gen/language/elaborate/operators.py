"""Python's operators on plain values, with bounds: nothing makes a number, a string or a list that is too large."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gen.components.arguments import Word
from gen.components.base import Component
from gen.dims import Dim
from gen.language.elaborate import arrays
from gen.language.elaborate.context import MAX_ITEMS, MAX_TEXT
from gen.language.elaborate.formatting import percent
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.values import (
    Builtin,
    DictValue,
    Function,
    LayerValue,
    Member,
    ModelValue,
    Phase,
    TensorValue,
    Unknown,
    Value,
    describe_value,
)

MAX_INTEGER = 10**18
"""Integers have at most 18 digits, in the text and as results."""

Operation = Callable[[Any, Any], Any]

_NUMBERS: dict[str, Operation] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_INTEGERS: dict[str, Operation] = {
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_SETS: dict[str, Operation] = {
    "-": operator.sub,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_ORDER: dict[str, Operation] = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


def is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# ----------------------------------------------------------------------------------------------------------- arithmetic


def negated(sign: str, value: Value) -> Value:
    """`-value`, `+value` or `~value`; raises `Problem`."""
    if sign == "~" and isinstance(value, int):
        return ~value
    if sign != "~" and isinstance(value, np.ndarray) and value.dtype != bool:
        return -value if sign == "-" else value
    if sign != "~" and isinstance(value, int | float | Dim):
        return -value if sign == "-" else value if isinstance(value, Dim) else +value
    raise Problem(f"`{sign}` takes a number or a tensor, got {describe_value(value)}")


def combine(symbol: str, left: Value, right: Value) -> Value:
    """The result of `left symbol right`; raises `Problem`."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _number(symbol, left, right)
    if isinstance(left, Dim) or isinstance(right, Dim):
        return _size(symbol, left, right)
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return arrays.combine(symbol, left, right)
    match symbol, left, right:
        case "+", list(), list():
            return limited(len(left) + len(right), lambda: left + right)
        case "+", tuple(), tuple():
            return limited(len(left) + len(right), lambda: left + right)
        case "+", str(), str():
            return limited(len(left) + len(right), lambda: left + right, MAX_TEXT)
        case "*", list() | tuple(), int():
            return limited(len(left) * max(right, 0), lambda: left * right)
        case "*", int(), list() | tuple():
            return limited(len(right) * max(left, 0), lambda: left * right)
        case "*", str(), int():
            return limited(len(left) * max(right, 0), lambda: left * right, MAX_TEXT)
        case "*", int(), str():
            return limited(len(right) * max(left, 0), lambda: left * right, MAX_TEXT)
        case "%", str(), _:
            return percent(left, right)
        case "|", DictValue(), DictValue():
            merged = DictValue({**left, **right})
            merged.written = {**left.written, **right.written}
            return merged
        case _, set() | frozenset(), set() | frozenset() if symbol in _SETS:
            return _SETS[symbol](left, right)
    raise Problem(
        f"`{symbol}` cannot combine {describe_value(left)} and {describe_value(right)}", _hint(symbol, left, right)
    )


def _hint(symbol: str, left: Value, right: Value) -> str | None:
    if symbol != "+" or {type(left), type(right)} not in ({str, int}, {str, float}):
        return None
    return 'join them in a formatted string, `f"conv_{i}"`, or with `str(…)`'


def _number(symbol: str, left: int | float, right: int | float) -> int | float:
    if symbol in _INTEGERS:
        if not isinstance(left, int) or not isinstance(right, int):
            raise Problem(f"`{symbol}` takes integers, got {describe_value(left)} and {describe_value(right)}")
        if symbol in ("<<", ">>") and not 0 <= right < 64:
            raise Problem(f"`{symbol}` moves by 0 to 63 places, got {right}")
        return checked(_INTEGERS[symbol](left, right))
    if symbol not in _NUMBERS:
        raise Problem(f"`{symbol}` is a product of tensors; these are numbers", "write `*`")
    if right == 0 and symbol in ("/", "//", "%"):
        raise Problem("This divides by zero", code="division-by-zero")
    if symbol == "**":
        _check_power(left, right)
    try:
        result = _NUMBERS[symbol](left, right)
    except OverflowError:
        raise too_large() from None
    if isinstance(result, complex):
        raise Problem(f"{left!r} ** {right!r} is not a real number")
    return checked(result)


def checked(value: int | float) -> int | float:
    """A number, unless it is too large or not finite; raises `Problem`."""
    if (isinstance(value, float) and not math.isfinite(value)) or (
        isinstance(value, int) and abs(value) >= MAX_INTEGER
    ):
        raise too_large()
    return value


def _check_power(base: int | float, exponent: int | float) -> None:
    """Refuses powers that would take long to compute, and those of zero that do not exist."""
    if base == 0 and exponent < 0:
        raise Problem("This divides by zero: 0 to a negative power", code="division-by-zero")
    integers = isinstance(base, int) and isinstance(exponent, int)
    if integers and exponent > 0 and abs(base) > 1 and exponent * math.log10(abs(base)) > 18:
        raise too_large()


def too_large() -> Problem:
    return Problem("The result is too large: numbers have at most 18 digits here", code="number-too-large")


def limited(length: int, make: Callable[[], Value], most: int = MAX_ITEMS) -> Value:
    """What `make` makes, unless its length is more than `most`; raises `Problem`."""
    if length > most:
        what = "characters" if most == MAX_TEXT else "items"
        raise Problem(f"This would have {length:,} {what}; at most {most:,} are allowed", code="loop-limit")
    return make()


def _size(symbol: str, left: Value, right: Value) -> Value:
    """Arithmetic on sizes that are known only when data arrives."""
    if isinstance(left, int | Dim) and isinstance(right, int | Dim):
        try:
            match symbol:
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
                case "//" if right != 0 and isinstance(left, Dim):
                    return left // right
                case "%" if isinstance(left, Dim) and isinstance(right, int) and right != 0:
                    return left - left // right * right
        except ValueError:
            pass
    raise Problem(
        f"`{symbol}` cannot combine {describe_value(left)} and {describe_value(right)}",
        "a size that depends on the data takes `+`, `-`, `*` and `//` with integers",
    )


# ---------------------------------------------------------------------------------------------------------- comparisons


def compared(symbol: str, left: Value, right: Value) -> Value:
    """What `left symbol right` gives: whether it holds, for an array for each of its numbers; raises `Problem`."""
    if symbol in arrays.COMPARISONS and (isinstance(left, np.ndarray) or isinstance(right, np.ndarray)):
        return arrays.combine(symbol, left, right)
    return compare(symbol, left, right)


def compare(symbol: str, left: Value, right: Value) -> bool:
    """Whether `left symbol right` holds; raises `Problem`."""
    match symbol:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case "is":
            return identical(left, right)
        case "is not":
            return not identical(left, right)
        case "in":
            return contains(right, left)
        case "not in":
            return not contains(right, left)
    return _ordered(symbol, left, right)


def equal(left: Value, right: Value) -> bool:
    """`left == right`; raises `Problem` where that depends on data."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        raise Problem(f"Whether {describe_value(left)} is {describe_value(right)} is not known")
    if isinstance(left, Dim) or isinstance(right, Dim):
        if left == right:
            return True
        if isinstance(left, int | Dim) and isinstance(right, int | Dim):
            raise Problem(
                f"Whether {describe_value(left)} is {describe_value(right)} depends on the data",
                "give the Input a fixed size",
            )
        return False
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        raise Problem("An array is not one number that can be compared", "compare its items: `x[0] == 1`")
    if isinstance(left, list | tuple) and type(left) is type(right):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(plain(left) == plain(right))


def plain(value: Value) -> Value:
    """A word that the file does not bind is its own string: `activation == "relu"`."""
    is_own_string = isinstance(value, Word) and not isinstance(value, Member | Builtin | Function)
    return value.name if is_own_string else value


def identical(left: Value, right: Value) -> bool:
    """`left is right`: numbers and strings are equal where they are one."""
    if isinstance(left, bool | None) or isinstance(right, bool | None):
        return left is right
    if isinstance(left, int | float | str) and type(left) is type(right):
        return bool(left == right)
    return left is right or (isinstance(left, Word | Component) and bool(left == right))


def contains(container: Value, item: Value) -> bool:
    """`item in container`; raises `Problem`."""
    match container:
        case str():
            if not isinstance(plain(item), str):
                raise Problem(f"`in` looks for a string in a string, got {describe_value(item)}")
            return plain(item) in container
        case list() | tuple() | range():
            return any(each is item or equal(each, item) for each in container)
        case dict() | set() | frozenset():
            return hashable(item) in container
    raise Problem(f"`in` cannot look into {describe_value(container)}")


def _ordered(symbol: str, left: Value, right: Value) -> bool:
    left, right = plain(left), plain(right)
    both = (left, right)
    numbers = all(isinstance(each, int | float) for each in both)
    if (
        numbers
        or all(isinstance(each, str) for each in both)
        or all(isinstance(each, set | frozenset) for each in both)
    ):
        return bool(_ORDER[symbol](left, right))
    if all(isinstance(each, list) for each in both) or all(isinstance(each, tuple) for each in both):
        for a, b in zip(left, right, strict=False):
            if not equal(a, b):
                return _ordered(symbol, a, b)
        return bool(_ORDER[symbol](len(left), len(right)))
    hint = None
    if any(isinstance(each, Dim) for each in both):
        hint = "the size depends on the data: give the Input a fixed size"
    elif any(each is None for each in both):
        hint = "a size that depends on the data is None: give the Input a fixed size"
    raise Problem(f"`{symbol}` cannot compare {describe_value(left)} and {describe_value(right)}", hint)


def truth(value: Value) -> bool:
    """Whether a value counts as true in a condition; raises `Problem`."""
    match value:
        case TensorValue():
            raise Problem(
                "A condition cannot depend on a tensor: its numbers are not known when the model is built",
                "choose with numbers: `keras.ops.where(condition, a, b)`",
                code="bad-condition",
            )
        case Phase():
            raise Problem(
                "A condition cannot depend on `training`: one model is built for both",
                "layers such as Dropout do this themselves: give them `training=training`",
                code="bad-condition",
            )
        case np.ndarray():
            raise Problem("A condition takes one number, not an array")
        case Dim():
            raise Problem(f"A condition cannot depend on {describe_value(value)}", "give the Input a fixed size")
        case ModelValue() | LayerValue() | Word() | Component():
            return True
    return bool(value)


def hashable(value: Value) -> Value:
    """A value as a key of a dict or an item of a set; raises `Problem`."""
    if isinstance(value, list | dict | set | np.ndarray):
        raise Problem(f"{describe_value(value).capitalize()} cannot be a key")
    if isinstance(value, tuple):
        for item in value:
            hashable(item)
    return plain(value)


# ------------------------------------------------------------------------------------------------------------- brackets


def item(owner: Value, key: Value) -> Value:
    """`owner[key]`, where `key` is what stands in the brackets: a value, or a `slice`; raises `Problem`."""
    match owner:
        case dict():
            found = hashable(key)
            if found not in owner:
                listed = ", ".join(repr(each) for each in list(owner)[:8] if isinstance(each, int | float | str))
                hint = f"it has {listed}" if listed else None
                raise Problem(f"The dict has no key {_shown(key)}", hint, "bad-index", "KeyError")
            return owner[found]
        case np.ndarray():
            return arrays.item(owner, key)
        case list() | tuple() | range() | str():
            if isinstance(key, slice):
                return owner[key]
            if not isinstance(key, int):
                raise Problem(f"Brackets take integers and slices, got {describe_value(key)}", code="bad-index")
            if not -len(owner) <= key < len(owner):
                message, hint = f"There is no item {key} among {len(owner)}", "the first item has index 0"
                raise Problem(message, hint, "bad-index", "IndexError")
            return owner[key]
    raise Problem(f"Brackets cannot follow {describe_value(owner)}", code="bad-index")


def _shown(key: Value) -> str:
    return repr(key) if isinstance(key, int | float | str) else describe_value(key)


def set_item(owner: Value, key: Value, value: Value) -> None:
    """`owner[key] = value`; raises `Problem`."""
    match owner:
        case dict():
            check_insertion(owner, [value])
            owner[hashable(key)] = value
            if isinstance(owner, DictValue):
                owner.written.pop(hashable(key), None)
        case np.ndarray():
            arrays.set_item(owner, key, value)
        case list():
            if isinstance(key, slice):
                if not isinstance(value, list | tuple | range | str):
                    raise Problem(f"A slice takes a list, got {describe_value(value)}", code="bad-index")
                check_insertion(owner, list(value))
                try:
                    owner[key] = value
                except ValueError:
                    raise Problem(f"This slice does not take {len(value)} items", code="bad-index") from None
                return
            item(owner, key)
            check_insertion(owner, [value])
            owner[key] = value
        case _:
            raise Problem(f"{describe_value(owner).capitalize()} cannot be changed", code="bad-index")


def delete_item(owner: Value, key: Value) -> None:
    """`del owner[key]`; raises `Problem`."""
    if not isinstance(owner, dict | list):
        raise Problem(f"{describe_value(owner).capitalize()} cannot be changed", code="bad-index")
    item(owner, key)
    del owner[key if isinstance(key, slice) else hashable(key)]


def check_insertion(owner: list[Value] | dict[Any, Value] | set[Value], values: Sequence[Value]) -> None:
    """Raises `Problem` where `owner` would grow too large with these values, or hold itself."""
    if len(owner) + len(values) > MAX_ITEMS:
        raise Problem(f"This would have more than {MAX_ITEMS:,} items", code="loop-limit")
    containers = [value for value in values if isinstance(value, list | tuple | dict)]
    pending, seen = list(containers), set[int]()
    while pending:
        each = pending.pop()
        if each is owner:
            raise Problem("A list or a dict cannot contain itself")
        if id(each) not in seen:
            seen.add(id(each))
            inside = each.values() if isinstance(each, dict) else each
            pending += [inner for inner in inside if isinstance(inner, list | tuple | dict)]
