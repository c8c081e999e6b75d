"""Python's own functions, and those of `math`.

`FUNCTIONS` and `MATH` say which there are.  Each is a function of plain values, and raises `Problem`.  Those that
call a function of the file (`map`, `sorted(key=…)`) get `call` for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gen.components.arguments import Word
from gen.dims import Dim
from gen.language.elaborate.arrays import plain_number
from gen.language.elaborate.formatting import formatted, text_of
from gen.language.elaborate.methods import dict_of
from gen.language.elaborate.operators import (
    checked,
    combine,
    compare,
    hashable,
    limited,
    too_large,
    truth,
)
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.values import DictValue, Member, Value, describe_value

Call = Callable[[Value, Sequence[Value]], Value]
"""Calls a function of the file with these arguments."""

# ------------------------------------------------------------------------------------------------------------ iteration


def iterated(value: Value, what: str = "A loop") -> list[Value]:
    """What a loop over `value` goes through; raises `Problem`."""
    if isinstance(value, np.ndarray) and value.ndim:
        return [plain_number(each) for each in value]
    if isinstance(value, list | tuple | range | str | dict | set | frozenset):
        ordered = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return limited(len(value), lambda: list(ordered))  # type: ignore[no-any-return]  # a list
    hint = f"write `range({value})`" if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, Dim):
        hint = "the size depends on the data: give the Input a fixed size"
    raise Problem(f"{what} cannot run over {describe_value(value)}", hint, "not-iterable")


def _range(call: Call, *values: Value) -> range:
    if not 1 <= len(values) <= 3 or not all(isinstance(each, int) for each in values):
        message = "`range` takes one to three integers: the end, or the start, the end and the step"
        raise Problem(message, code="bad-argument")
    if len(values) == 3 and values[2] == 0:
        raise Problem("The step of a range cannot be 0", code="bad-argument")
    return range(*values)


def _enumerate(call: Call, values: Value, start: Value = 0) -> list[Value]:
    return list(enumerate(iterated(values, "`enumerate`"), start))


def _zip(call: Call, *lists: Value, strict: Value = False) -> list[Value]:
    items = [iterated(each, "`zip`") for each in lists]
    if strict is True and len(set(map(len, items))) > 1:
        raise Problem("`zip(strict=True)` takes lists of one length")
    return list(zip(*items, strict=False))


def _map(call: Call, function: Value, *lists: Value) -> list[Value]:
    return [call(function, items) for items in _zip(call, *lists)]


def _filter(call: Call, function: Value, values: Value) -> list[Value]:
    items = iterated(values, "`filter`")
    return [each for each in items if truth(each if function is None else call(function, [each]))]


def _reversed(call: Call, values: Value) -> list[Value]:
    return iterated(values, "`reversed`")[::-1]


def sort(call: Call, values: Value, key: Value = None, reverse: Value = False) -> list[Value]:
    """A new list in order, as Python's `sorted` makes it."""
    items = iterated(values, "`sorted`")
    keys = items if key is None else [call(key, [each]) for each in items]
    for first, second in pairwise(keys):
        compare("<", first, second)
    order = sorted(range(len(items)), key=lambda index: _Ordered(keys[index]), reverse=truth(reverse))
    return [items[index] for index in order]


class _Ordered:
    """A value in the order that the language gives it."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def __lt__(self, other: _Ordered) -> bool:
        return compare("<", self.value, other.value)


# -------------------------------------------------------------------------------------------------------------- numbers


def _least(symbol: str, name: str) -> Callable[..., Value]:
    def run(call: Call, *values: Value, key: Value = None, default: Value = ...) -> Value:
        items = iterated(values[0], f"`{name}`") if len(values) == 1 else list(values)
        if not items:
            if default is not ...:
                return default
            raise Problem(f"`{name}` of nothing has no result")
        best, best_key = items[0], items[0] if key is None else call(key, [items[0]])
        for each in items[1:]:
            each_key = each if key is None else call(key, [each])
            if compare(symbol, each_key, best_key):
                best, best_key = each, each_key
        return best

    return run


def _sum(call: Call, values: Value, start: Value = 0) -> Value:
    total = start
    for each in iterated(values, "`sum`"):
        total = combine("+", total, each)
    return total


def _abs(call: Call, value: Value) -> Value:
    return abs(_number(value, "abs"))


def _round(call: Call, value: Value, digits: Value = None) -> Value:
    if digits is not None and (not isinstance(digits, int) or abs(digits) > 400):
        raise Problem(f"`round` takes a number of digits, got {describe_value(digits)}")
    return checked(round(_number(value, "round"), digits))


def _int(call: Call, value: Value = 0) -> Value:
    if isinstance(value, Dim):
        return value
    if isinstance(value, str):
        if len(value) > 40:
            raise too_large()
        try:
            return checked(int(value))
        except ValueError:
            raise Problem(f"`int` cannot read {value[:40]!r} as a number", raised="ValueError") from None
    return checked(int(_number(value, "int")))


def _float(call: Call, value: Value = 0.0) -> Value:
    if isinstance(value, str) and len(value) <= 40:
        try:
            return float(value)
        except ValueError:
            raise Problem(f"`float` cannot read {value[:40]!r} as a number", raised="ValueError") from None
    return float(_number(value, "float"))


def _number(value: Value, name: str) -> int | float:
    if not isinstance(value, int | float):
        raise Problem(f"`{name}` takes a number, got {describe_value(value)}")
    if isinstance(value, float) and not math.isfinite(value) and name in ("int", "round"):
        raise Problem(f"`{name}` takes a finite number, got {value}")
    return value


def _pow(call: Call, base: Value, exponent: Value, modulus: Value = None) -> Value:
    result = combine("**", base, exponent)
    return result if modulus is None else combine("%", result, modulus)


def _divmod(call: Call, left: Value, right: Value) -> Value:
    return combine("//", left, right), combine("%", left, right)


# ---------------------------------------------------------------------------------------------------------------- types


def _len(call: Call, value: Value) -> int:
    if isinstance(value, list | tuple | range | str | dict | set | frozenset) or (
        isinstance(value, np.ndarray) and value.ndim
    ):
        return len(value)
    raise Problem(f"`len` takes a list or a string, got {describe_value(value)}")


def _list(call: Call, values: Value = ()) -> list[Value]:
    return iterated(values, "`list`")


def _tuple(call: Call, values: Value = ()) -> tuple[Value, ...]:
    return tuple(iterated(values, "`tuple`"))


def _set(call: Call, values: Value = ()) -> set[Value]:
    return {hashable(each) for each in iterated(values, "`set`")}


def _frozenset(call: Call, values: Value = ()) -> frozenset[Value]:
    return frozenset(hashable(each) for each in iterated(values, "`frozenset`"))


def _dict(call: Call, value: Value = (), **keywords: Value) -> DictValue:
    made = dict_of(value)
    made.update(keywords)
    return made


def _str(call: Call, value: Value = "") -> str:
    return text_of(value)


def _repr(call: Call, value: Value) -> str:
    return text_of(value, "r")


def _format(call: Call, value: Value, spec: Value = "") -> str:
    return formatted(value, "", spec if isinstance(spec, str) else "")


def _bool(call: Call, value: Value = False) -> bool:
    return truth(value)


def _any(call: Call, values: Value) -> bool:
    return any(truth(each) for each in iterated(values, "`any`"))


def _all(call: Call, values: Value) -> bool:
    return all(truth(each) for each in iterated(values, "`all`"))


def _print(call: Call, *values: Value, **options: Value) -> None:
    """Nothing is printed: the file is read, not run."""


def _chr(call: Call, number: Value) -> str:
    whole = isinstance(number, int) and 0 <= number < 0x110000
    if not whole or 0xD800 <= number < 0xE000:  # half of a character
        raise Problem(f"`chr` takes the number of a character, got {describe_value(number)}")
    return chr(number)


def _ord(call: Call, text: Value) -> int:
    if not isinstance(text, str) or len(text) != 1:
        raise Problem(f"`ord` takes a string of one character, got {describe_value(text)}")
    return ord(text)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "abs": _abs,
    "all": _all,
    "any": _any,
    "bool": _bool,
    "chr": _chr,
    "dict": _dict,
    "divmod": _divmod,
    "enumerate": _enumerate,
    "filter": _filter,
    "float": _float,
    "format": _format,
    "frozenset": _frozenset,
    "int": _int,
    "iter": _list,
    "len": _len,
    "list": _list,
    "map": _map,
    "max": _least(">", "max"),
    "min": _least("<", "min"),
    "ord": _ord,
    "pow": _pow,
    "print": _print,
    "range": _range,
    "repr": _repr,
    "reversed": _reversed,
    "round": _round,
    "set": _set,
    "sorted": sort,
    "str": _str,
    "sum": _sum,
    "tuple": _tuple,
    "zip": _zip,
}
"""Python's own functions and types.  The interpreter has those that ask about objects: `isinstance`, `getattr`, …"""

TYPES: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "dict": (dict,),
    "float": (float,),
    "frozenset": (frozenset,),
    "int": (int, Dim),
    "list": (list,),
    "range": (range,),
    "set": (set,),
    "str": (str,),
    "tuple": (tuple,),
}


def is_a(value: Value, name: str) -> bool:
    """Whether a plain value is of the type that Python calls `name`."""
    if name == "str" and isinstance(value, Word) and not isinstance(value, Member):
        return True
    return isinstance(value, TYPES[name])


# ----------------------------------------------------------------------------------------------------------------- math

_OF_NUMBERS = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "degrees",
    "erf",
    "exp",
    "expm1",
    "fabs",
    "floor",
    "fmod",
    "gamma",
    "gcd",
    "hypot",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isqrt",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "pow",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]


def _of_math(name: str) -> Callable[..., Value]:
    python = getattr(math, name)

    def run(call: Call, *values: Value) -> Value:
        numbers = [_number(each, f"math.{name}") for each in values]
        if name == "gamma" and any(abs(each) > 170 for each in numbers):
            raise too_large()
        try:
            return checked(python(*numbers))
        except (ValueError, OverflowError, TypeError) as error:
            raise Problem(f"`math.{name}` has no result here: {error}") from None

    return run


def _factorial(call: Call, value: Value) -> Value:
    if not isinstance(value, int) or not 0 <= value <= 19:
        raise Problem("`math.factorial` takes an integer from 0 to 19")
    return math.factorial(value)


def _product(call: Call, values: Value, start: Value = 1) -> Value:
    total = start
    for each in iterated(values, "`prod`"):
        total = combine("*", total, each)
    return total


MATH: Mapping[str, Any] = {
    **{name: _of_math(name) for name in _OF_NUMBERS},
    "factorial": _factorial,
    "prod": _product,
    "pi": math.pi,
    "e": math.e,
    "tau": math.tau,
    "inf": math.inf,
    "nan": math.nan,
}
"""The functions and constants of `math`."""

__all__ = ["FUNCTIONS", "MATH", "TYPES", "Call", "is_a", "iterated", "sort"]
