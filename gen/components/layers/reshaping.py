"""Layers that move numbers without changing them.  Source: `keras/src/layers/reshaping`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np

from gen.components.arguments import Count
from gen.components.base import ArgumentError, Layer, ShapeError, component
from gen.components.kernels import Array
from gen.components.layers.windows import Format
from gen.dims import Shape, product, show


@component
class Flatten(Layer):
    """Joins all axes except the batch into one: (a, b, …) to (a · b · …,).  Source: `flatten.py`.

    Formula: y[i · b + j] = x[i, j]
    Example: Flatten()(Input(7, 7, 32))
    """

    data_format: Format = None

    def output(self, x: Shape) -> Shape:
        return (x[0], product(x[1:]))

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return x.reshape((x.shape[0], math.prod(x.shape[1:])))

    def backward(self, dy: Array, x: Array) -> Array:
        return dy.reshape(x.shape)


@component
class Reshape(Layer):
    """The same numbers in the shape `target_shape`; gen computes a size of -1.  Source: `reshape.py`.

    Formula: y = x in another shape
    Example: Reshape((8, 8, 1))(Input(64))
    """

    target_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(size < 1 and size != -1 for size in self.target_shape) or self.target_shape.count(-1) > 1:
            message = f"`target_shape` takes sizes of 1 or more and at most one -1, got {self.target_shape}"
            raise ArgumentError("target_shape", message)

    def output(self, x: Shape) -> Shape:
        total = product(x[1:])
        known = math.prod(size for size in self.target_shape if size != -1)
        target = tuple(total // known if size == -1 else size for size in self.target_shape)
        if product(target) != total:
            raise ShapeError(f"Reshape cannot make {show(self.target_shape)} of {show(x[1:])}", f"has {total} numbers")
        return (x[0], *target)

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return x.reshape(self.output(x.shape))

    def backward(self, dy: Array, x: Array) -> Array:
        return dy.reshape(x.shape)


@component
class Permute(Layer):
    """Reorders the axes as `dims` says, counted from 1: (2, 1) swaps two axes.  The batch stays first.

    Source: `permute.py`.

    Formula: y[i, j] = x[j, i], for dims (2, 1)
    Example: Permute((2, 1))(Input(20, 8))
    """

    dims: tuple[Count, ...]

    def __post_init__(self) -> None:
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError("dims", f"`dims` takes every axis from 1 on once, got {self.dims}")

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of the input in the order of the output."""
        return (0, *self.dims)

    @property
    def inverse(self) -> tuple[int, ...]:
        """The axes of the output in the order of the input."""
        return tuple(self.axes.index(axis) for axis in range(len(self.axes)))

    def output(self, x: Shape) -> Shape:
        if len(x) != len(self.axes):
            raise ShapeError(f"Permute with dims {show(self.dims)} expects {len(self.dims)} axes, got {show(x[1:])}")
        return tuple(x[axis] for axis in self.axes)

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes)

    def backward(self, dy: Array) -> Array:
        return dy.transpose(self.inverse)


@component
class RepeatVector(Layer):
    """Repeats the vector n times: (features,) to (n, features).  Source: `repeat_vector.py`.

    Formula: y[t] = x
    Example: RepeatVector(5)(Input(32))
    """

    n: Count

    def output(self, x: Shape) -> Shape:
        if len(x) != 2:
            raise ShapeError(f"RepeatVector expects (features,), got {show(x[1:])}", "repeats a vector")
        return (x[0], self.n, x[1])

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return np.broadcast_to(x[:, None, :], (x.shape[0], self.n, x.shape[1]))

    def backward(self, dy: Array) -> Array:
        return np.add.reduce(dy, axis=1)
