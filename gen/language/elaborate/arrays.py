"""Small NumPy arrays, and the functions of NumPy that make constants of a model: `np.sqrt(64)`, `np.prod(shape)`.

NumPy does the work, on arrays of at most `MAX_NUMBERS` numbers.  A result of one number is a number of Python's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import Any

import numpy as np

from gen.components.arguments import Word
from gen.dims import Dim, Size
from gen.language.elaborate.problems import NotKnown, Problem, TooMuchData
from gen.language.elaborate.values import Builtin, Value, describe_value

MAX_NUMBERS = 1_000_000
"""How many numbers an array may have; a larger one is data."""

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_SYMBOLS: dict[str, Callable[[Any, Any], Any]] = {
    **COMPARISONS,
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "//": np.floor_divide,
    "%": np.mod,
    "**": np.power,
    "@": np.matmul,
}
_DTYPES = {"float": np.float64, "float32": np.float32, "float64": np.float64, "int": np.int64, "bool": np.bool_}
_DTYPES |= {name: np.dtype(name).type for name in ("int8", "int16", "int32", "int64", "uint8", "uint16")}


def array(value: Value, name: str = "np.array") -> Any:
    """A NumPy array of a number, or of a list of them; raises `Problem`."""
    if isinstance(value, np.ndarray):
        return value
    try:
        made = np.array(list(value) if isinstance(value, range) else value)
    except (ValueError, TypeError, OverflowError):
        made = np.array(None)
    if made.dtype.kind == "U":
        raise NotKnown("an array of strings, which is data")
    if made.dtype.kind not in "bif":
        raise Problem(f"`{name}` takes numbers, or lists of them")
    _limited(made.size)
    return made


def plain_number(made: Any) -> Value:
    """A result of NumPy as a value: an array, or a number of Python's; raises `Problem` where it is not finite."""
    if not isinstance(made, np.ndarray | np.generic):
        return made
    if made.dtype.kind not in "bif":
        raise Problem("This makes no array of numbers")
    if made.ndim:
        return made
    return made.item()


def _limited(count: int) -> None:
    if count > MAX_NUMBERS:
        raise TooMuchData(f"an array of {count:,} numbers, where gen reads at most {MAX_NUMBERS:,}")


def combine(symbol: str, left: Value, right: Value) -> Value:
    """`left symbol right`, where one of them is an array; raises `Problem`."""
    if symbol not in _SYMBOLS:
        raise Problem(f"`{symbol}` cannot combine {describe_value(left)} and {describe_value(right)}")
    return _run(f"`{symbol}`", _SYMBOLS[symbol], array(left, symbol), array(right, symbol))


def item(owner: Any, key: Value) -> Value:
    """`owner[key]`, where `key` is an index, a slice, or a tuple of them; raises `Problem`."""
    try:
        return plain_number(owner[_place(key)])
    except (IndexError, TypeError) as error:
        raise Problem(f"The array has no such item: {error}", code="bad-index") from None


def set_item(owner: Any, key: Value, value: Value) -> None:
    """`owner[key] = value`; raises `Problem`."""
    try:
        owner[_place(key)] = array(value, "[…] =")
    except (IndexError, TypeError, ValueError) as error:
        raise Problem(f"This item of the array cannot be set: {error}", code="bad-index") from None


def put(before: Any, result: Any) -> Any:
    """The array `before` with the numbers of `result`, as `+=` puts them there; raises `Problem`."""
    try:
        np.copyto(before, result, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise Problem(f"The array cannot take this result: {error}") from None
    return before


def _place(key: Value) -> Any:
    """What stands in the brackets as NumPy takes it: integers, slices, `None`, `...`, arrays; raises `Problem`."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(part, int | slice | EllipsisType | np.ndarray | None) for part in parts):
        raise Problem("Brackets take integers and slices", code="bad-index")
    return key


def _run(name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Value:
    shapes = [each.shape for each in arguments if isinstance(each, np.ndarray)]
    try:
        if function is not np.matmul and len(shapes) > 1:
            _limited(math.prod(np.broadcast_shapes(*shapes)))
        elif len(shapes) == 2:
            _limited(math.prod(shapes[0][:-1]) * math.prod(shapes[1][1:]))
        with np.errstate(all="ignore"):
            return plain_number(function(*arguments, **options))
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise Problem(f"{name} has no result here: {error}") from None


def _elementwise(name: str) -> Callable[..., Value]:
    python = getattr(np, name)

    def run(call: object, *values: Value) -> Value:
        return _run(f"`np.{name}`", python, *(array(each, f"np.{name}") for each in values))

    return run


def _reduction(name: str) -> Callable[..., Value]:
    python = getattr(np, name)

    def run(call: object, value: Value, axis: Value = None, keepdims: Value = False, dtype: Value = None) -> Value:
        sizes = list(value) if isinstance(value, list | tuple) else []
        if name == "prod" and any(isinstance(each, Dim) for each in sizes):
            total: Size = 1
            for each in sizes:
                total = total * each
            return total
        axis = tuple(axis) if isinstance(axis, list | tuple) else axis
        return _run(f"`np.{name}`", python, array(value, f"np.{name}"), axis=axis, keepdims=bool(keepdims))

    return run


def _array(call: object, value: Value, dtype: Value = None) -> Value:
    return _of_dtype(array(value), dtype).copy()


def _asarray(call: object, value: Value, dtype: Value = None) -> Value:
    return _of_dtype(array(value), dtype)


def _of_dtype(made: Any, dtype: Value) -> Any:
    """The array in another dtype, unless that is None; raises `Problem`."""
    name = dtype.name if isinstance(dtype, Word) else dtype
    if name is None:
        return made
    if name not in _DTYPES:
        raise NotKnown(f"an array of {describe_value(dtype)}, which is data")
    return made.astype(_DTYPES[name], copy=False)


def _arange(call: object, *values: Value, dtype: Value = None) -> Value:
    if not 1 <= len(values) <= 3 or not all(isinstance(each, int | float) for each in values):
        raise Problem("`np.arange` takes one to three numbers")
    if not all(map(math.isfinite, values)):
        raise Problem("`np.arange` takes numbers that are finite")
    start, stop, step = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    if step == 0:
        raise Problem("The step of `np.arange` cannot be 0")
    _limited(math.ceil((stop - start) / step))
    return _array(call, np.arange(start, stop, step), dtype)


def _linspace(
    call: object, start: Value, stop: Value, num: Value = 50, endpoint: Value = True, dtype: Value = None
) -> Value:
    if not isinstance(num, int) or num < 0:
        raise Problem("`np.linspace` takes a start, an end and a number of points")
    _limited(num)
    made = _run("`np.linspace`", np.linspace, array(start), array(stop), num, bool(endpoint))
    return _of_dtype(made, dtype)


def _filled(name: str) -> Callable[..., Value]:
    def run(call: object, shape: Value, *rest: Value, dtype: Value = None) -> Value:
        sizes = shape if isinstance(shape, list | tuple) else (shape,)
        if not all(isinstance(each, int) and each >= 0 for each in sizes):
            raise Problem("The shape of an array is a tuple of integers")
        _limited(math.prod(sizes))
        value = {"zeros": 0.0, "ones": 1.0}.get(name)
        if value is None:
            value, *rest = rest or (0.0,)  # type: ignore[assignment]  # the value comes before the dtype
        return _of_dtype(np.full(tuple(sizes), value), rest[0] if rest else dtype)

    return run


def _moved(name: str) -> Callable[..., Value]:
    python = getattr(np, name)

    def run(call: object, value: Value, *options: Value, **keywords: Value) -> Value:
        return _run(f"`np.{name}`", python, array(value, f"np.{name}"), *options, **keywords)

    return run


def _meshgrid(call: object, *values: Value, indexing: Value = "xy") -> Value:
    parts = [array(each, "np.meshgrid") for each in values]
    _limited(math.prod(part.size for part in parts) * len(parts))
    return list(np.meshgrid(*parts, indexing="ij" if indexing == "ij" else "xy"))


def _eye(call: object, n: Value) -> Value:
    if not isinstance(n, int) or n < 1:
        raise Problem("`np.eye` takes an integer")
    _limited(n * n)
    return np.eye(n)


def _joined(name: str) -> Callable[..., Value]:
    python = getattr(np, name)

    def run(call: object, values: Value, axis: Value = 0) -> Value:
        parts = [array(each) for each in (values if isinstance(values, list | tuple) else [values])]
        _limited(sum(part.size for part in parts))
        try:
            return plain_number(python(parts, axis=axis))
        except (ValueError, TypeError) as error:
            raise Problem(f"`np.{name}` has no result here: {error}") from None

    return run


_OF_NUMBERS = [
    "abs",
    "absolute",
    "add",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "ceil",
    "cos",
    "cosh",
    "divide",
    "exp",
    "expm1",
    "fabs",
    "floor",
    "floor_divide",
    "fmod",
    "log",
    "log10",
    "log1p",
    "log2",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "power",
    "reciprocal",
    "remainder",
    "rint",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
]
_OVER_AXES = ["all", "any", "max", "mean", "median", "min", "prod", "std", "sum", "var", "amax", "amin"]

FUNCTIONS: Mapping[str, Any] = {
    **{name: _elementwise(name) for name in _OF_NUMBERS},
    **{name: _reduction(name) for name in _OVER_AXES},
    **{name: _filled(name) for name in ("zeros", "ones", "full", "empty")},
    **{name: _moved(name) for name in ("expand_dims", "reshape", "squeeze", "transpose", "unique")},
    "arange": _arange,
    "array": _array,
    "asarray": _asarray,
    "concatenate": _joined("concatenate"),
    "e": math.e,
    "eye": _eye,
    "inf": math.inf,
    "linspace": _linspace,
    "meshgrid": _meshgrid,
    "nan": math.nan,
    "newaxis": None,
    "pi": math.pi,
    "stack": _joined("stack"),
}
"""What gen knows of NumPy; the rest of it is not known when a file is read."""
DTYPES = frozenset(_DTYPES) - {"float", "int", "bool"}
"""The dtypes of NumPy that mean something in a file."""


def attribute(made: Any, name: str) -> Value:
    """`made.name`, for an array; raises `Problem`."""
    match name:
        case "shape":
            return tuple(made.shape)
        case "ndim" | "size":
            return getattr(made, name)
        case "T":
            return made.T
        case "dtype":
            return Builtin(made.dtype.name)
    raise Problem(f"An array has no `{name}` here", code="unknown-attribute")


def method(made: Any, name: str, positional: list[Value], keywords: dict[str, Value]) -> Value:
    """`made.name(…)`, for an array; raises `Problem`."""
    if name == "tolist":
        return made.tolist()
    if name == "astype":
        return _array(None, made, *positional, **keywords)
    if name in ("reshape", "transpose"):
        sizes = positional[0] if len(positional) == 1 and isinstance(positional[0], list | tuple) else positional
        return _run(f"`{name}`", getattr(made, name), tuple(sizes)) if sizes else made.T
    if name in _OVER_AXES:
        try:
            return FUNCTIONS[name](None, made, *positional, **keywords)
        except TypeError:
            raise Problem(f"`{name}` does not take these arguments") from None
    if name == "flatten":
        return made.flatten()
    if name == "copy":
        return made.copy()
    raise Problem(f"An array has no method `{name}` here", code="unknown-attribute")


METHODS = ("copy", "tolist", "astype", "reshape", "transpose", "flatten", *_OVER_AXES)
