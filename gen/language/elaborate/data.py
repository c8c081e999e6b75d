"""The shapes of Keras' own data sets, and of what is made of them: `input_shape = x_train.shape[1:]`.

Neither the numbers of a data set are known nor how many rows are taken of it, but what a row is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import EllipsisType
from typing import Any

import numpy as np

from gen.diagnostics import Span
from gen.language.elaborate.values import Data, Unknown, Value

_IMAGES: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "mnist": ((28, 28), (), 10),
    "fashion_mnist": ((28, 28), (), 10),
    "cifar10": ((32, 32, 3), (1,), 10),
    "cifar100": ((32, 32, 3), (1,), 100),
}
"""Of each data set the shape of an image, that of a label, and how many labels there are."""
METHODS = ("astype", "copy", "flatten", "max", "mean", "min", "ravel", "reshape", "squeeze", "std")
"""The methods of an array whose result has a shape that is known."""


def loaded(path: Sequence[str], text: str, span: Span) -> Value:
    """What `keras.datasets.mnist.load_data()` gives, called at `span`; None for any other function."""
    if len(path) < 3 or path[-1] != "load_data" or path[-3] != "datasets" or path[-2] not in _IMAGES:
        return None
    image, label, classes = _IMAGES[path[-2]]
    rows = Unknown(text, span)
    images, labels = Data(text, span, shape=(rows, *image)), Data(text, span, shape=(rows, *label), classes=classes)
    return (images, labels), (images, labels)


def attribute(data: Data, name: str) -> Value:
    """`data.shape`, `data.ndim`; None for what is not known."""
    return {"shape": data.shape, "ndim": len(data.shape)}.get(name)


def method(data: Data, name: str, values: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """`data.reshape(…)`; None where that is not known."""
    if name == "reshape" and len(values) > 1:
        values = [tuple(values)]
    return called(name, [data, *values], keywords)


def called(name: str, values: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """The result of a function of NumPy, Keras or Python on data; None where nothing is known of it."""
    data, *others = values or [None]
    if not isinstance(data, Data):
        return None
    match name:
        case "len":
            return data.shape[0] if data.shape else None
        case "array" | "asarray" | "astype" | "copy":
            return data
        case "reshape":
            return _reshaped(data, others[0] if others else keywords.get("newshape", keywords.get("shape")))
        case "expand_dims":
            axis = others[0] if others else keywords.get("axis")
            return _with_axis(data, axis % (len(data.shape) + 1)) if isinstance(axis, int) else None
        case "squeeze" | "flatten" | "ravel" if data.shape[1:] in ((), (1,)):
            return replace(data, shape=data.shape[:1])
        case "to_categorical":
            count = others[0] if others else keywords.get("num_classes", data.classes)
            return replace(data, shape=(data.shape[0], count)) if isinstance(count, int) else None
        case "unique" if data.classes is not None and not others and not keywords:
            return replace(data, shape=(data.classes,))
        case "max" | "amax" if data.classes is not None and not others and not keywords:
            return data.classes - 1
        case "mean" | "std" | "min" | "max" if set(keywords) <= {"axis"}:
            axis = others[0] if others else keywords.get("axis")
            shape = data.shape[1:] if axis == 0 else () if axis is None else None
            return None if shape is None else replace(data, shape=shape, classes=None)
    return None


def _reshaped(data: Data, sizes: Value) -> Value:
    if not isinstance(sizes, tuple | list) or not sizes:
        return None
    rows, *rest = sizes
    if not all(isinstance(size, int) for size in rest):
        return None
    if -1 in rest:
        known, inside = math.prod(size for size in rest if size != -1), data.shape[1:]
        whole = isinstance(rows, Unknown) and all(isinstance(size, int) for size in inside) and rest.count(-1) == 1
        if not whole or known == 0 or math.prod(inside) % known:
            return None
        rest = [math.prod(inside) // known if size == -1 else size for size in rest]
    return replace(data, shape=(Unknown(data.text, data.span), *rest), classes=None)


def _with_axis(data: Data, axis: int) -> Data:
    return replace(data, shape=(*data.shape[:axis], 1, *data.shape[axis:]), classes=None)


def combined(left: Value, right: Value) -> Value:
    """The result of an operator of arithmetic; None where nothing is known of it."""
    whole, other = (left, right) if isinstance(left, Data) else (right, left)
    assert isinstance(whole, Data)
    if isinstance(other, Data) and len(other.shape) > len(whole.shape):
        whole, other = other, whole
    if isinstance(other, bool | int | float):
        fits = True
    else:
        fits = isinstance(other, Data) and other.shape in ((), whole.shape[1:], whole.shape)
    made_by = (*whole.made_by, *(other.made_by if isinstance(other, Data) else ()))
    return replace(whole, classes=None, made_by=made_by) if fits else None


def item(data: Data, key: Value) -> Value:
    """`data[key]`; None where nothing is known of it."""
    parts: list[Any] = list(key) if isinstance(key, tuple) else [key]
    if not all(isinstance(part, int | slice | EllipsisType | None) for part in parts) or parts.count(...) > 1:
        return None
    if ... in parts:
        place = parts.index(...)
        missing = len(data.shape) - sum(part is not None and part is not ... for part in parts)
        parts[place : place + 1] = [slice(None)] * missing
    shape, sizes = [], list(data.shape)
    for part in parts:
        if part is None:
            shape.append(1)
            continue
        if not sizes:
            return None
        size = sizes.pop(0)
        if isinstance(part, slice):
            shape.append(len(range(size)[part]) if isinstance(size, int) else size)
    return replace(data, shape=(*shape, *sizes), classes=data.classes if len(data.shape) == len(parts) == 1 else None)


def split(values: Sequence[Value]) -> Value:
    """What `train_test_split(x, y)` of scikit-learn gives: each array in two parts; None where nothing is known."""
    if not values or not all(isinstance(each, Data | Unknown | np.ndarray) for each in values):
        return None
    return [each for each in values for _ in range(2)] if any(isinstance(each, Data) for each in values) else None
