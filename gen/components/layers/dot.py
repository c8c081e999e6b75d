"""Products of two tensors along an axis of each.  Source: `keras/src/layers/merging/dot.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math

import numpy as np

from gen.components.base import Layer, ShapeError, component
from gen.components.kernels import Array
from gen.components.layers.merging import exactly_two, shapes
from gen.dims import Shape, show


def normalized(x: Array, axis: int) -> tuple[Array, Array]:
    """`x` scaled to length 1 along `axis`, and the lengths that it had (1e-7 for shorter vectors)."""
    norm = np.maximum(np.sqrt(np.add.reduce(x * x, axis=axis, keepdims=True)), 1e-7)
    return x / norm, norm


def before_normalizing(dunit: Array, unit: Array, norm: Array, axis: int) -> Array:
    """The gradient of the array that `normalized` took."""
    along = np.add.reduce(dunit * unit, axis=axis, keepdims=True)
    return (dunit - unit * (along * (norm > 1e-7))) / norm


@component
class Dot(Layer):
    """Products of two tensors, row by row, each summed over one axis; `normalize` scales the vectors to length 1 first.

    (…, n) and (n, …) to (…, …); two vectors give (1,).  Source: `dot.py`.

    Formula: y = Σ a[…, i] · b[i, …], over i
    Example: Dot(1)([Input(32), Input(32)])
    """

    supports_masking = True
    merges = True

    axes: int | tuple[int, int]
    normalize: bool = False

    def axis(self, which: int, ndim: int) -> int:
        """The axis of the left (0) or right (1) input, counted from 0."""
        axis = self.axes if isinstance(self.axes, int) else self.axes[which]
        return axis % ndim

    def output(self, *inputs: Shape) -> Shape:
        exactly_two(self, inputs)
        for which, x in enumerate(inputs):
            axis = self.axes if isinstance(self.axes, int) else self.axes[which]
            if not -len(x) < axis < len(x) or axis == 0:
                raise ShapeError(f"Dot cannot sum over axis {axis} of {show(x[1:])}", "has no such axis")
        left, right = inputs
        i, j = self.axis(0, len(left)), self.axis(1, len(right))
        if left[i] != right[j]:
            label = f"{left[i]} is not {right[j]}"
            raise ShapeError(f"Dot expects equal sizes to sum over, got {shapes(inputs)}", label)
        rest = (*left[1:i], *left[i + 1 :], *right[1:j], *right[j + 1 :])
        return (left[0], *(rest or (1,)))

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        return None

    def forward(self, *inputs: Array) -> Array:
        left, right = inputs
        i, j = self.axis(0, left.ndim), self.axis(1, right.ndim)
        if self.normalize:
            left, left_norm = normalized(left, i)
            right, right_norm = normalized(right, j)
        if left.ndim == right.ndim == 2:
            return np.add.reduce(left * right, axis=1, keepdims=True)
        return np.matmul(self.rows(left, i), self.columns(right, j)).reshape(self.output(*(x.shape for x in inputs)))

    def backward(
        self,
        dy: Array,
        left: Array,
        right: Array,
        left_norm: Array | None,
        right_norm: Array | None,
    ) -> tuple[Array, ...]:
        i, j = self.axis(0, left.ndim), self.axis(1, right.ndim)
        if left.ndim == right.ndim == 2:
            dleft = dy * right
            dright = dy * left
        else:
            rows, columns = self.rows(left, i), self.columns(right, j)
            gradient = dy.reshape((dy.shape[0], rows.shape[1], columns.shape[2]))
            drows = np.matmul(gradient, columns.transpose((0, 2, 1)))
            dcolumns = np.matmul(rows.transpose((0, 2, 1)), gradient)
            dleft = drows.reshape(moved(left.shape, i, left.ndim - 1)).transpose(moving(left.ndim, left.ndim - 1, i))
            dright = dcolumns.reshape(moved(right.shape, j, 1)).transpose(moving(right.ndim, 1, j))
        if left_norm is not None and right_norm is not None:
            dleft = before_normalizing(dleft, left, left_norm, i)
            dright = before_normalizing(dright, right, right_norm, j)
        dinputs = dleft, dright
        return dinputs

    def rows(self, x: Array, axis: int) -> Array:
        """`x` as matrices (batch, the other axes, the axis to sum over)."""
        x = x.transpose(moving(x.ndim, axis, x.ndim - 1))
        return x.reshape((x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))

    def columns(self, x: Array, axis: int) -> Array:
        """`x` as matrices (batch, the axis to sum over, the other axes)."""
        x = x.transpose(moving(x.ndim, axis, 1))
        return x.reshape((x.shape[0], x.shape[1], math.prod(x.shape[2:])))


def moving(ndim: int, source: int, target: int) -> tuple[int, ...]:
    """The order of axes that moves the axis `source` to the place `target` and keeps the others in order."""
    others = tuple(axis for axis in range(ndim) if axis != source)
    return (*others[:target], source, *others[target:])


def moved(shape: Shape, source: int, target: int) -> Shape:
    """The shape after its axis `source` went to the place `target`."""
    return tuple(shape[axis] for axis in moving(len(shape), source, target))
