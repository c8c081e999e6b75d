"""The shapes of data sets of Keras and scikit-learn, and of what is made of them: `input_shape = x_train.shape[1:]`.

Neither the numbers of a data set are known nor how many rows are taken of it, but what a row is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import EllipsisType
from typing import Any

import numpy as np

from gen.components.base import Initializer
from gen.components.initializers import RandomNormal, RandomUniform
from gen.diagnostics import Span
from gen.language.elaborate.values import Data, Held, Unknown, Value, everything_in

_IMAGES: dict[str, tuple[tuple[int, ...], tuple[int, ...], int]] = {
    "mnist": ((28, 28), (), 10),
    "fashion_mnist": ((28, 28), (), 10),
    "cifar10": ((32, 32, 3), (1,), 10),
    "cifar100": ((32, 32, 3), (1,), 100),
}
"""Of each data set the shape of an image, that of a label, and how many labels there are."""
_TABLES: dict[str, tuple[tuple[int, ...], int | None]] = {
    "boston_housing": ((13,), None),
    "california_housing": ((8,), None),
    "imdb": ((), 2),
    "reuters": ((), 46),
}
"""The same of Keras' other data sets: the shape of a row, and how many labels there are; texts differ in length."""
_SAMPLES: dict[str, tuple[int, int | None]] = {
    "fetch_california_housing": (8, None),
    "fetch_covtype": (54, None),
    "load_boston": (13, None),
    "load_breast_cancer": (30, 2),
    "load_diabetes": (10, None),
    "load_digits": (64, 10),
    "load_iris": (4, 3),
    "load_wine": (13, 3),
}
"""Of scikit-learn's data sets the columns, and how many labels there are, where they are 0, 1, …"""
METHODS = (
    "astype",
    "copy",
    "flatten",
    "max",
    "mean",
    "min",
    "ravel",
    "reshape",
    "squeeze",
    "std",
    "to_numpy",
    "toarray",
    "transpose",
)
"""The methods of an array whose result has a shape that is known."""
_SCALERS: tuple[str, ...] = (
    "MaxAbsScaler",
    "MinMaxScaler",
    "Normalizer",
    "PowerTransformer",
    "QuantileTransformer",
    "RobustScaler",
    "StandardScaler",
)
_ENCODERS = ("LabelBinarizer", "OneHotEncoder")
_OF_SOME = ("drop", "categories", "frequency")
"""Options of an encoder that make fewer columns than there are labels, or more."""
_AS_THEY_ARE = ("maxabs_scale", "minmax_scale", "normalize", "robust_scale", "scale")
_OF_A_SHAPE = ("rand", "randn")
_WITH_A_SIZE = ("normal", "randint", "random", "random_integers", "random_sample", "standard_normal", "uniform")


def is_data_set(name: str) -> bool:
    """Whether Keras has a data set under a name, whose rows have a known shape."""
    return name in _IMAGES or name in _TABLES


def made_by_keras(
    path: Sequence[str], values: Sequence[Value], keywords: Mapping[str, Value], text: str, span: Span
) -> Value:
    """What a function of Keras or TensorFlow gives, called at `span`; None where nothing is known of it."""
    if path[-1] == "pad_sequences":
        return _padded(values, keywords, text, span)
    known = called(path[-1], values, keywords)
    return _loaded(path, text, span) if known is None else known


def _loaded(path: Sequence[str], text: str, span: Span) -> Value:
    """What `keras.datasets.mnist.load_data()` gives, called at `span`; None for any other function."""
    if len(path) < 3 or path[-1] != "load_data" or path[-3] != "datasets":
        return None
    rows = Unknown(text, span)
    if path[-2] in _IMAGES:
        image, label, classes = _IMAGES[path[-2]]
        x, y = Data(text, span, shape=(rows, *image)), Data(text, span, shape=(rows, *label), classes=classes)
    elif path[-2] in _TABLES:
        row, known = _TABLES[path[-2]]
        x, y = Data(text, span, shape=(rows, *row)), Data(text, span, shape=(rows,), classes=known)
    else:
        return None
    return (x, y), (x, y)


def sources(values: Iterable[Value]) -> tuple[Span, ...]:
    """The statements that have made what is in `values`, and nobody knows."""
    inside = (each for value in values for each in everything_in(value))
    return tuple(dict.fromkeys(span for each in inside if isinstance(each, Unknown) for span in each.made_by))


def makes_data(function: Unknown) -> bool:
    """Whether something may be known of the result of a function of another library, from its arguments."""
    module, _, name = function.text.rpartition(".")
    if module.split(".")[0] in ("np", "numpy"):
        return not module.endswith("random") or name in (*_OF_A_SHAPE, *_WITH_A_SIZE)
    if name in ("fit_transform", "transform"):
        return _maker(function)[0] in (*_SCALERS, *_ENCODERS, "LabelEncoder")
    names = ("train_test_split", "shuffle", "pad_sequences", "get_dummies")
    return name in _SAMPLES or name in _AS_THEY_ARE or name in names


def _maker(function: Unknown) -> tuple[str, str]:
    """The class that the object of a method was made by, and what it was given: `OneHotEncoder(drop="first")`."""
    text = function.holder.text if function.holder is not None else ""
    name, _, options = text.partition("(")
    return name.rpartition(".")[2], options


def made_outside(
    function: Unknown, values: Sequence[Value], keywords: Mapping[str, Value], text: str, span: Span
) -> Value:
    """What a function of another library gives, called at `span`; None where nothing is known of it."""
    module, _, name = function.text.rpartition(".")
    first = values[0] if values else None
    maker, options = _maker(function)
    if name in _SAMPLES:
        return _sample(name, keywords, text, span)
    if name == "train_test_split":
        return split(values)
    if name == "shuffle" and len(values) > 1:
        return list(values) if all(isinstance(each, Data) for each in values) else None
    if name == "pad_sequences":
        return _padded(values, keywords, text, span)
    if module.split(".")[0] in ("np", "numpy"):
        if module.endswith("random") and name in (*_OF_A_SHAPE, *_WITH_A_SIZE):
            return _drawn(name, values, keywords, text, span)
        return called(name, values, keywords)
    if not isinstance(first, Data):
        return None
    if (name in ("fit_transform", "transform") and maker in _SCALERS) or name in _AS_THEY_ARE:
        return _like(first, classes=None)
    plain = set(keywords) <= {"dtype"} if name == "get_dummies" else not any(word in options for word in _OF_SOME)
    encodes = name == "get_dummies" or (name in ("fit_transform", "transform") and maker in _ENCODERS)
    if encodes and plain and first.classes is not None and first.shape[1:] in ((), (1,)):
        columns = 1 if maker == "LabelBinarizer" and first.classes == 2 else first.classes
        return _like(first, shape=(first.shape[0], columns), classes=None)
    return first if maker == "LabelEncoder" and name == "fit_transform" else None


def _padded(values: Sequence[Value], keywords: Mapping[str, Value], text: str, span: Span) -> Value:
    """What `pad_sequences(texts, maxlen=80)` gives."""
    length = keywords.get("maxlen", values[1] if len(values) > 1 else None)
    return Data(text, span, shape=(Unknown(text, span), length)) if isinstance(length, int) else None


def _sample(name: str, keywords: Mapping[str, Value], text: str, span: Span) -> Value:
    """What `sklearn.datasets.load_iris()` gives: x and y, or an object that has them."""
    columns, classes = _SAMPLES[name]
    if "n_class" in keywords:
        classes = None
    rows = Unknown(text, span)
    x, y = Data(text, span, shape=(rows, columns)), Data(text, span, shape=(rows,), classes=classes)
    if keywords.get("return_X_y") is True:
        return x, y
    made = Unknown(text, span)
    parts = {"data": x, "target": y}
    if name == "load_digits":
        parts["images"] = Data(text, span, shape=(rows, 8, 8))
    for part, value in parts.items():
        made.known[part] = made.known[f"[{part}]"] = Held(value)
    return made


def _drawn(name: str, values: Sequence[Value], keywords: Mapping[str, Value], text: str, span: Span) -> Value:
    """What a function of `np.random` draws."""
    size: Value = tuple(values)
    if name in _WITH_A_SIZE:
        place = {"random": 0, "random_sample": 0, "standard_normal": 0}.get(name, 2)
        size = keywords.get("size", values[place] if len(values) > place else None)
    size = (size,) if isinstance(size, int) else size
    known = isinstance(size, tuple | list) and size and all(isinstance(each, int | Unknown) for each in size)
    drawn = _distribution(name, values, keywords)
    return Data(text, span, shape=tuple(size), drawn=drawn) if known else None


def _distribution(name: str, values: Sequence[Value], keywords: Mapping[str, Value]) -> Initializer | None:
    """What a function of `np.random` draws from, where a weight can begin with it."""
    first, second = _BOUNDS.get(name, ("", ""))
    given = {**dict(zip((first, second), values, strict=False)), **keywords} if first else {}
    low, high = given.get(first, 0.0), given.get(second, 1.0)
    if not all(isinstance(each, int | float) for each in (low, high)):
        return None
    if name in ("normal", "randn", "standard_normal"):
        return RandomNormal(float(low), float(high)) if high >= 0 else None
    return RandomUniform(float(low), float(high)) if name in ("uniform", "rand", "random", "random_sample") else None


_BOUNDS = {"normal": ("loc", "scale"), "uniform": ("low", "high")}


def attribute(data: Data, name: str) -> Value:
    """`data.shape`, `data.ndim`; None for what is not known."""
    return {"shape": data.shape, "ndim": len(data.shape), "values": data}.get(name)


def method(data: Data, name: str, values: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """`data.reshape(…)`; None where that is not known."""
    if name in ("reshape", "transpose") and len(values) > 1:
        values = [tuple(values)]
    return called(name, [data, *values], keywords)


def called(name: str, values: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """The result of a function of NumPy, Keras or Python on data; None where nothing is known of it."""
    data, *others = values or [None]
    if name in ("zeros", "ones", "empty", "full"):
        return _filled(keywords.get("shape", data))
    if name in ("concatenate", "vstack") and isinstance(data, list | tuple):
        return _joined(data, others[0] if others else keywords.get("axis", 0))
    if not isinstance(data, Data):
        return None
    match name:
        case "len":
            return data.shape[0] if data.shape else None
        case "array" | "asarray" | "astype" | "copy" | "float32" | "toarray" | "to_numpy" if "ndmin" not in keywords:
            return data
        case "transpose" if others:
            return _with_axes(data, others[0])
        case "reshape":
            return _reshaped(data, others[0] if others else keywords.get("newshape", keywords.get("shape")))
        case "expand_dims":
            axis = others[0] if others else keywords.get("axis")
            return _with_axis(data, axis % (len(data.shape) + 1)) if isinstance(axis, int) else None
        case "squeeze" | "flatten" | "ravel" if data.shape[1:] in ((), (1,)):
            return _like(data, shape=data.shape[:1])
        case "to_categorical":
            count = others[0] if others else keywords.get("num_classes", data.classes)
            shape = data.shape[:-1] if data.shape[-1:] == (1,) else data.shape
            return _like(data, shape=(*shape, count), classes=None) if isinstance(count, int) else None
        case "unique" if data.classes is not None and not others and not keywords:
            return _like(data, shape=(data.classes,))
        case "max" | "amax" if data.classes is not None and not others and not keywords:
            return data.classes - 1
        case "mean" | "std" | "min" | "max" | "amin" | "amax" | "var" if set(keywords) <= {"axis", "keepdims"}:
            return _reduced(data, others[0] if others else keywords.get("axis"), keywords.get("keepdims") is True)
    return None


def _like(data: Data, **changes: Any) -> Data:
    """Data made of other data; nobody knows what its numbers are drawn from."""
    return replace(data, drawn=None, known={}, **changes)


def _filled(shape: Value) -> Value:
    """`np.zeros((len(texts), 10000))`: an array with as many rows as data has; None for any other."""
    rows, *sizes = shape if isinstance(shape, tuple | list) and shape else [None]
    if not isinstance(rows, Unknown) or not all(isinstance(size, int) for size in sizes):
        return None
    return Data(rows.text, rows.span, shape=(rows, *sizes), made_by=rows.made_by)


def _reduced(data: Data, axis: Value, keep: bool) -> Value:
    """A mean over axes."""
    rank = len(data.shape)
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    if not all(isinstance(each, int) and -rank <= each < rank for each in axes):
        return None
    over = {each % rank for each in axes}
    sizes = [1 if index in over else size for index, size in enumerate(data.shape) if keep or index not in over]
    return _like(data, shape=tuple(sizes), classes=None)


def _joined(parts: Sequence[Value], axis: Value) -> Value:
    """Arrays one after the other; of the first axis nobody asks how long it is."""
    first = parts[0] if parts else None
    if not isinstance(first, Data) or not all(isinstance(each, Data) for each in parts) or axis != 0:
        return None
    same = all(each.shape[1:] == first.shape[1:] for each in parts)
    classes = first.classes if all(each.classes == first.classes for each in parts) else None
    shape = (Unknown(first.text, first.span), *first.shape[1:])
    return _like(first, shape=shape, classes=classes) if same else None


def _with_axes(data: Data, order: Value) -> Value:
    """A transposition."""
    axes = list(order) if isinstance(order, tuple | list) else []
    if not all(isinstance(each, int) for each in axes) or sorted(axes) != list(range(len(data.shape))):
        return None
    return _like(data, shape=tuple(data.shape[each] for each in axes), classes=None)


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
    return _like(data, shape=(Unknown(data.text, data.span), *rest))


def _with_axis(data: Data, axis: int) -> Data:
    return _like(data, shape=(*data.shape[:axis], 1, *data.shape[axis:]))


def combined(left: Value, right: Value) -> Value:
    """The result of an operator of arithmetic; None where nothing is known of it."""
    whole, other = (left, right) if isinstance(left, Data) else (right, left)
    assert isinstance(whole, Data)
    if isinstance(other, Data) and len(other.shape) > len(whole.shape):
        whole, other = other, whole
    if isinstance(other, bool | int | float):
        fits = True
    elif isinstance(other, np.ndarray):
        fits = _broadcasts(other.shape, whole.shape)
    else:
        fits = isinstance(other, Data) and (other.shape == whole.shape or _broadcasts(other.shape, whole.shape))
    made_by = (*whole.made_by, *(other.made_by if isinstance(other, Data) else ()))
    return _like(whole, classes=None, made_by=made_by) if fits else None


def _broadcasts(shape: Sequence[Value], whole: Sequence[Value]) -> bool:
    """Whether an array of `shape` can be combined with one of the shape `whole`, and gives one like it."""
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(one == 1 or (isinstance(one, int) and one == other) for one, other in pairs)


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
    return _like(data, shape=(*shape, *sizes), classes=data.classes if len(data.shape) == len(parts) == 1 else None)


def split(values: Sequence[Value]) -> Value:
    """What `train_test_split(x, y)` of scikit-learn gives: each array in two parts; None where nothing is known."""
    if not values or not all(isinstance(each, Data | Unknown | np.ndarray) for each in values):
        return None
    return [each for each in values for _ in range(2)] if any(isinstance(each, Data) for each in values) else None
