"""Layers that bring data into the form that the network takes.  Source: `keras/src/layers/preprocessing`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from gen.components.arguments import Count
from gen.components.base import ArgumentError, Layer, ShapeError, Weight, component
from gen.components.initializers import Ones, Zeros
from gen.components.kernels import Array, kernel, no_operations
from gen.components.layers.core import size_of
from gen.components.layers.normalization import along, check_axes
from gen.dims import Shape, show

Tensor: TypeAlias = (
    float | tuple[float, ...] | tuple[tuple[float, ...], ...] | tuple[tuple[tuple[float, ...], ...], ...]
)
"""A number, or numbers in lists: up to three axes."""


@kernel(operations=lambda x, scale, offset=0.0: 2 * math.prod(x), by_row=True)
def affine(x: Array, scale: Any, offset: Any = 0.0, out: Array | None = None) -> Array:
    """x · scale + offset; both are numbers, or as many as the last axes of x have."""
    if out is None:
        out = np.empty_like(x)
    np.multiply(x, np.array(scale, out.dtype), out=out)
    out += np.array(offset, out.dtype)
    return out


def to_float(layer: Layer, dtypes: tuple[str, ...]) -> str:
    """The dtype of the result of a layer that takes numbers of any dtype, and casts them."""
    if dtypes[0] == "bool":
        raise ShapeError(f"{type(layer).__name__} expects numbers, got bool", code="dtype-mismatch")
    return "float"


@component
class Rescaling(Layer):
    """Multiplies by constants and adds others: one for all, or one for each of the last axes; any shape.

    Source: `preprocessing/rescaling.py`.

    Formula: y = scale · x + offset
    Example: Rescaling(1 / 255)(Input(28, 28, 1))
    """

    supports_masking = True

    scale: Tensor
    offset: Tensor = 0.0

    def output(self, x: Shape) -> Shape:
        check_stretch(self, "scale", np.shape(self.scale), x)
        check_stretch(self, "offset", np.shape(self.offset), x)
        return x

    def dtype(self, *inputs: str) -> str:
        return to_float(self, inputs)

    def forward(self, x: Array) -> Array:
        if isinstance(self.scale, tuple) or isinstance(self.offset, tuple):
            return affine(x, self.scale, self.offset)
        if self.offset == 0:
            return x * self.scale
        return x * self.scale + self.offset

    def backward(self, dy: Array) -> Array:
        if isinstance(self.scale, tuple):
            return affine(dy, self.scale)
        return dy * self.scale


def check_stretch(layer: Layer, argument: str, shape: tuple[int, ...], x: Shape) -> None:
    """Raise `ShapeError` unless an array of this shape can be stretched to `x`, row by row."""
    if len(shape) >= len(x) or any(size not in (1, along) for size, along in zip(shape[::-1], x[::-1], strict=False)):
        message = f"{type(layer).__name__} cannot stretch its {argument}, {show(shape)}, to {show(x[1:])}"
        raise ShapeError(message, f"{argument} of another shape")


# ------------------------------------------------------------------------------------------------------- normalization

LEAST_DEVIATION = 1e-7
"""What Keras divides by at least."""


@kernel(operations=lambda x, *_: 2 * math.prod(x), by_row=True)
def standardize(x: Array, mean: Any, deviation: Any, invert: bool = False, out: Array | None = None) -> Array:
    """(x - mean) / deviation, or x · deviation + mean to `invert` it; both are stretched along the last axes of x."""
    if out is None:
        out = np.empty_like(x)
    if invert:
        np.multiply(x, np.array(deviation, out.dtype), out=out)
        out += np.array(mean, out.dtype)
    else:
        np.subtract(x, np.array(mean, out.dtype), out=out)
        out /= np.array(deviation, out.dtype)
    return out


@component
class Normalization(Layer):
    """Subtracts a mean and divides by the root of a variance, along `axis`; any shape.

    Both are constants, or weights that are not trained: the generated `model.adapt(x)` finds those that belong to the
    data.  With `axis=None`, there is one of each.  Source: `preprocessing/normalization.py`.

    Formula: y = (x - mean) / max(√variance, 1e-7), or with invert y = x · max(√variance, 1e-7) + mean
    Example: Normalization(mean=3.0, variance=2.0)(Input(64))
    """

    supports_masking = True

    axis: int | tuple[int, ...] | None = -1
    mean: Tensor | None = None
    variance: Tensor | None = None
    invert: bool = False

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.variance is None):
            raise ArgumentError("mean", "`mean` and `variance` are given together, or neither is")
        if np.shape(self.mean or 0.0) != np.shape(self.variance or 0.0):
            raise ArgumentError("variance", "`mean` and `variance` have the same shape")

    def axes(self, ndim: int) -> tuple[int, ...]:
        """The axes with numbers of their own, counted from 0, in order."""
        axes = () if self.axis is None else (self.axis,) if isinstance(self.axis, int) else self.axis
        return tuple(sorted(axis % ndim for axis in axes))

    def output(self, x: Shape) -> Shape:
        check_axes(self, () if self.axis is None else (self.axis,) if isinstance(self.axis, int) else self.axis, x)
        if self.mean is not None:
            check_stretch(self, "mean", np.shape(self.stretched(self.mean, len(x))), x)
        return x

    def dtype(self, *inputs: str) -> str:
        return to_float(self, inputs)

    def weights(self, x: Shape) -> dict[str, Weight]:
        if self.mean is not None:
            return {}
        shape = tuple(size_of("Normalization", x[axis], f"the size of axis {axis}") for axis in self.axes(len(x)))
        return {
            "mean": Weight(shape, Zeros(), trainable=False),
            "variance": Weight(shape, Ones(), trainable=False),
            "count": Weight((), Zeros(), trainable=False),
        }

    def stretched(self, constant: Any, ndim: int) -> Any:
        """A constant with its axes where `axis` says, as nested tuples that broadcast along the last axes."""
        numbers, axes = np.array(constant), self.axes(ndim)
        shape = [1] * ndim
        for size, axis in zip(numbers.shape[::-1], axes[::-1], strict=False):
            shape[axis] = size
        first = min(axes, default=ndim)
        return _nested(numbers.reshape(shape[first:] if numbers.ndim else ()).tolist())

    def deviations(self, ndim: int) -> Any:
        """The deviations that belong to the variances."""
        return _nested(np.maximum(np.sqrt(np.array(self.stretched(self.variance, ndim))), LEAST_DEVIATION).tolist())

    def forward(self, x: Array, mean: Array | None, variance: Array | None) -> Array:
        if mean is None or variance is None:
            return standardize(x, self.stretched(self.mean, x.ndim), self.deviations(x.ndim), self.invert)
        axes = self.axes(x.ndim)
        deviation = along(np.maximum(np.sqrt(variance), LEAST_DEVIATION), axes, x)
        if self.invert:
            return x * deviation + along(mean, axes, x)
        return (x - along(mean, axes, x)) / deviation

    def backward(self, dy: Array, deviation: Array | None) -> Array:
        if deviation is None:
            return standardize(dy, 0.0, self.deviations(dy.ndim), self.invert)
        return dy * deviation if self.invert else dy / deviation


def _nested(value: Any) -> Any:
    return tuple(map(_nested, value)) if isinstance(value, list) else value


# ---------------------------------------------------------------------------------------------------------- categories

Modes: TypeAlias = Literal["int", "one_hot", "multi_hot", "count"]


def encoded(ids: Any, size: int, mode: str, *_: Any) -> Any:
    """The shape of what `encode` gives."""
    if mode == "one_hot":
        return (*ids[:-1], size) if len(ids) > 1 and ids[-1] == 1 else (*ids, size)
    return (ids[0], size)


@kernel(encoded, operations=no_operations, by_row=True)
def encode(ids: Array, size: int, mode: str, weights: Array | None = None, out: Array | None = None) -> Array:
    """Ids as rows of `size` numbers: a 1 for each id, or for all of a row, or how often each occurs, by weight.

    An id that is below 0, or `size` or more, is left out.
    """
    if out is None:
        shape = ids.shape[:-1] if mode != "one_hot" or (ids.ndim > 1 and ids.shape[-1] == 1) else ids.shape
        out = np.empty((*shape, size))
    out.fill(0.0)
    numbers, rows = ids.reshape(-1).astype(np.intp), out.reshape(-1, size)
    row = np.arange(len(numbers)) * len(rows) // max(1, len(numbers))
    known = (numbers >= 0) & (numbers < size)
    if mode == "count":
        np.add.at(rows, (row[known], numbers[known]), 1.0 if weights is None else weights.reshape(-1)[known])
    else:
        rows[row[known], numbers[known]] = 1.0
    return out


@kernel(lambda dy, ids, *_: ids, operations=no_operations, by_row=True)
def encode_gradient(dy: Array, ids: Array, out: Array | None = None) -> Array:
    """The gradient of the weights of `encode(ids, …, "count", weights)`."""
    if out is None:
        out = np.empty(ids.shape, dy.dtype)
    known = (ids >= 0) & (ids < dy.shape[-1])
    np.multiply(np.take_along_axis(dy, np.where(known, ids, 0).astype(np.intp), axis=-1), known, out=out)
    return out


def check_encoded(layer: Layer, mode: str, x: Shape) -> None:
    """Raise `ShapeError` unless a layer can encode ids of this shape."""
    if mode in ("multi_hot", "count") and len(x) != 2:
        message = f"{type(layer).__name__} with output_mode={mode!r} expects a row of ids, got {show(x[1:])}"
        raise ShapeError(message, "has other axes")


@component
class CategoryEncoding(Layer):
    """Encodes ids from 0 to `num_tokens` - 1: (ids,) to (num_tokens,), or each id by itself.

    "multi_hot" has a 1 for each id that occurs, "count" how often it does, by `count_weights` of the call if they are
    given, and "one_hot" a row for each id.  Source: `category_encoding.py`.

    Formula: y[i] = 1 where an id is i, else 0
    Example: CategoryEncoding(10)(Input(4, dtype=int32))
    """

    unsupported: ClassVar[dict[str, str]] = {"sparse": "gen has no sparse tensors"}

    num_tokens: Count | None = None
    output_mode: Literal["multi_hot", "one_hot", "count", "binary"] = "multi_hot"

    def __post_init__(self) -> None:
        if self.num_tokens is None:
            raise ArgumentError("num_tokens", "`CategoryEncoding` needs its argument `num_tokens`")

    @property
    def mode(self) -> str:
        return "multi_hot" if self.output_mode == "binary" else self.output_mode

    @property
    def size(self) -> int:
        assert self.num_tokens is not None
        return self.num_tokens

    def output(self, x: Shape, count_weights: Shape | None = None) -> Shape:
        check_encoded(self, self.mode, x)
        if count_weights is not None and (self.mode != "count" or count_weights != x):
            message = f"CategoryEncoding takes count_weights of the shape of its ids, {show(x[1:])}, to count them"
            raise ShapeError(message, "cannot be used", hint='write `output_mode="count"`')
        return encoded(x, self.size, self.mode)

    def dtype(self, *inputs: str) -> str:
        to_float(self, inputs)
        return "float"

    def takes_ids(self) -> bool:
        return True

    def forward(self, x: Array, count_weights: Array | None = None) -> Array:
        return encode(x, self.size, self.mode, count_weights)

    def backward(self, dy: Array, x: Array, count_weights: Array | None) -> tuple[Array | None, Array | None]:
        dx = None
        dcount_weights = None if count_weights is None else encode_gradient(dy, x)
        return dx, dcount_weights


@kernel(dtype="int32", operations=lambda x, boundaries: math.prod(x), by_row=True)
def discretize(x: Array, boundaries: tuple[float, ...], out: Array | None = None) -> Array:
    """The number of boundaries that each number of x has reached."""
    if out is None:
        out = np.empty(x.shape, np.int32)
    out[...] = np.digitize(x, np.array(boundaries, np.float32).astype(x.dtype))
    return out


@component
class Discretization(Layer):
    """The number of the bin that each number is in: from 0, below the first of `bin_boundaries`, on; any shape.

    `output_mode` says whether it stays a number, or is encoded as by `CategoryEncoding`.  Source: `discretization.py`.

    Formula: y = how many of bin_boundaries are <= x
    Example: Discretization([0.0, 0.5, 1.0])(Input(4))
    """

    unsupported: ClassVar[dict[str, str]] = {
        "num_bins": "`bin_boundaries` says where bins begin: `np.quantile` finds them in data",
        "sparse": "gen has no sparse tensors",
    }
    ignored: ClassVar[dict[str, str]] = {"epsilon": "it belongs to num_bins"}

    bin_boundaries: tuple[float, ...] | None = None
    output_mode: Modes = "int"

    def __post_init__(self) -> None:
        if self.bin_boundaries is None:
            raise ArgumentError("bin_boundaries", "`Discretization` needs its argument `bin_boundaries`")
        if list(self.bin_boundaries) != sorted(self.bin_boundaries):
            raise ArgumentError("bin_boundaries", "`bin_boundaries` are in ascending order")

    @property
    def boundaries(self) -> tuple[float, ...]:
        assert self.bin_boundaries is not None
        return self.bin_boundaries

    def output(self, x: Shape) -> Shape:
        check_encoded(self, self.output_mode, x)
        return x if self.output_mode == "int" else encoded(x, len(self.boundaries) + 1, self.output_mode)

    def dtype(self, *inputs: str) -> str:
        to_float(self, inputs)
        return "int32" if self.output_mode == "int" else "float"

    def least_and_most(self) -> tuple[float, float] | None:
        return (0, len(self.boundaries)) if self.output_mode == "int" else None

    def forward(self, x: Array) -> Array:
        ids = discretize(x, self.boundaries)
        return ids if self.output_mode == "int" else encode(ids, len(self.boundaries) + 1, self.output_mode)

    def backward(self, dy: Array) -> Array | None:
        dx = None
        return dx
