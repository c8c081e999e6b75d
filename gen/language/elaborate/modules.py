"""The modules of Python whose functions of plain values gen has: `math`, NumPy, and parts of others.

What else is in them is not known when a file is read.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

from gen.language.elaborate import arrays
from gen.language.elaborate.builtin import FUNCTIONS, MATH, Call, iterated
from gen.language.elaborate.operators import limited
from gen.language.elaborate.values import Value


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


def _field(call: Call, default: Value = None, default_factory: Value = None, **others: Value) -> Value:
    return default if default_factory is None else call(default_factory, [])


def _partial(call: Call, *values: Value) -> Value:
    """The interpreter's: it keeps the arguments with their places."""


MODULES: Mapping[str, Mapping[str, Any]] = {
    "argparse": {"ArgumentParser": _partial},
    "collections": {"OrderedDict": FUNCTIONS["dict"], "namedtuple": _partial},
    "dataclasses": {"field": _field},
    "functools": {"partial": _partial, "reduce": _reduce},
    "itertools": {"chain": _chain, "product": _product},
    "math": MATH,
    "numpy": arrays.FUNCTIONS,
    "string": {
        name: getattr(string, name) for name in ("ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits")
    },
}
"""The functions and constants of each module."""
