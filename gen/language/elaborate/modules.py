"""The modules of Python whose functions of plain values gen has: `math`, NumPy, and parts of others.

What else is in them is not known when a file is read.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from itertools import combinations, pairwise, permutations, product, zip_longest
from math import comb, perm, prod
from typing import Any

from gen.language.elaborate import arrays
from gen.language.elaborate.builtin import FUNCTIONS, MATH, Call, iterated
from gen.language.elaborate.operators import combine, limited
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.values import Value, describe_value


def _reduce(call: Call, function: Value, values: Value, *first: Value) -> Value:
    items = [*first, *iterated(values, "`reduce`")]
    total = items[0] if items else None
    for each in items[1:]:
        total = call(function, [total, each])
    return total


def _chain(call: Call, *lists: Value) -> list[Value]:
    return [each for values in lists for each in iterated(values, "`chain`")]


def _product(call: Call, *lists: Value, repeat: Value = 1) -> list[Value]:
    items = [iterated(each, "`product`") for each in lists] * repeat
    return limited(prod(map(len, items)), lambda: list(product(*items)))  # type: ignore[no-any-return]  # a list


def _zip_longest(call: Call, *lists: Value, fillvalue: Value = None) -> list[Value]:
    items = [iterated(each, "`zip_longest`") for each in lists]
    count = len(items) * max(map(len, items), default=0)
    return limited(count, lambda: list(zip_longest(*items, fillvalue=fillvalue)))  # type: ignore[no-any-return]  # a list


def _pairwise(call: Call, values: Value) -> list[Value]:
    return list(pairwise(iterated(values, "`pairwise`")))


def _repeat(call: Call, value: Value, times: Value) -> list[Value]:
    count = whole("`repeat`", times)
    return limited(count, lambda: [value] * count)  # type: ignore[no-any-return]  # a list


def _islice(call: Call, values: Value, *bounds: Value) -> list[Value]:
    if (
        not bounds
        or len(bounds) > 3
        or not all(each is None or (isinstance(each, int) and each >= 0) for each in bounds)
    ):
        raise Problem("`islice` takes one to three numbers, as `range` does", code="bad-argument")
    return iterated(values, "`islice`")[slice(*bounds)]


def _accumulate(call: Call, values: Value, function: Value = None, *, initial: Value = None) -> list[Value]:
    items = ([] if initial is None else [initial]) + iterated(values, "`accumulate`")
    found, total = items[:1], len(items)
    for each in items[1:]:
        made = combine("+", found[-1], each) if function is None else call(function, [found[-1], each])
        total += len(made) if isinstance(made, list | tuple | str) else 0
        limited(total, lambda: None)
        found.append(made)
    return found


def _combinations(call: Call, values: Value, size: Value) -> list[Value]:
    items, count = iterated(values, "`combinations`"), whole("`combinations`", size)
    return limited(comb(len(items), count) * count, lambda: list(combinations(items, count)))  # type: ignore[no-any-return]  # a list


def _permutations(call: Call, values: Value, size: Value = None) -> list[Value]:
    items = iterated(values, "`permutations`")
    count = len(items) if size is None else whole("`permutations`", size)
    return limited(perm(min(len(items), 99), min(count, 99)) * count, lambda: list(permutations(items, count)))  # type: ignore[no-any-return]  # a list


def _starmap(call: Call, function: Value, lists: Value) -> list[Value]:
    return [call(function, iterated(each, "`starmap`")) for each in iterated(lists, "`starmap`")]


def whole(what: str, value: Value) -> int:
    """A number of things; raises `Problem`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Problem(f"{what} takes a whole number, got {describe_value(value)}", code="bad-argument")
    return value


def _operator(symbol: str) -> Any:
    return lambda call, left, right: combine(symbol, left, right)


OPERATORS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**"}
"""The functions of Python's `operator`, and the operator that each is."""


def _field(call: Call, default: Value = None, default_factory: Value = None, **others: Value) -> Value:
    return default if default_factory is None else call(default_factory, [])


def _partial(call: Call, *values: Value) -> Value:
    """The interpreter's: it keeps the arguments with their places."""


MODULES: Mapping[str, Mapping[str, Any]] = {
    "argparse": {"ArgumentParser": _partial},
    "collections": {"OrderedDict": FUNCTIONS["dict"], "namedtuple": _partial},
    "dataclasses": {"field": _field},
    "functools": {"partial": _partial, "reduce": _reduce},
    "itertools": {
        "accumulate": _accumulate,
        "chain": _chain,
        "combinations": _combinations,
        "islice": _islice,
        "pairwise": _pairwise,
        "permutations": _permutations,
        "product": _product,
        "repeat": _repeat,
        "starmap": _starmap,
        "zip_longest": _zip_longest,
    },
    "math": MATH,
    "numpy": arrays.FUNCTIONS,
    "operator": {name: _operator(symbol) for name, symbol in OPERATORS.items()},
    "string": {
        name: getattr(string, name) for name in ("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits")
    },
}
"""The functions and constants of each module."""
