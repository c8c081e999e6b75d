"""Regularizers: the penalty that a weight adds to the loss.  Source: `keras/src/regularizers/regularizers.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Literal

import numpy as np

from gen.components.arguments import NonNegative
from gen.components.base import Regularizer, ShapeError, component
from gen.components.kernels import Array
from gen.dims import Shape, show


@component
class L1(Regularizer):
    """A penalty on the absolute values of a weight.

    Formula: penalty = l1 · Σ |w|
    """

    l1: NonNegative = 0.01

    def forward(self, w: Array) -> Array:
        return self.l1 * np.add.reduce(np.abs(w), axis=None)

    def backward(self, w: Array) -> Array:
        return self.l1 * np.sign(w)


@component
class L2(Regularizer):
    """A penalty on the squares of a weight.

    Formula: penalty = l2 · Σ w²
    """

    l2: NonNegative = 0.01

    def forward(self, w: Array) -> Array:
        return self.l2 * np.add.reduce(w * w, axis=None)

    def backward(self, w: Array) -> Array:
        return (2 * self.l2) * w


@component
class L1L2(Regularizer):
    """A penalty on the absolute values and on the squares of a weight.

    Formula: penalty = l1 · Σ |w| + l2 · Σ w²
    """

    aliases = ("l1_l2",)

    l1: NonNegative = 0.0
    l2: NonNegative = 0.0

    def forward(self, w: Array) -> Array:
        return self.l1 * np.add.reduce(np.abs(w), axis=None) + self.l2 * np.add.reduce(w * w, axis=None)

    def backward(self, w: Array) -> Array:
        return self.l1 * np.sign(w) + (2 * self.l2) * w


@component
class OrthogonalRegularizer(Regularizer):
    """A penalty on the products of the rows of a matrix, or of its columns, once they have the length 1.

    With n rows, there are n · (n - 1) / 2 pairs; the penalty is the mean over them.

    Formula: penalty = factor · mean |wᵢ · wⱼ / (|wᵢ| |wⱼ|)|, over i < j
    """

    factor: NonNegative = 0.01
    mode: Literal["rows", "columns"] = "rows"

    def fits(self, shape: Shape) -> None:
        if len(shape) != 2:
            raise ShapeError(f"orthogonal_regularizer takes a matrix, got {show(shape)}")
        if shape[0 if self.mode == "rows" else 1] == 1:
            raise ShapeError(f"orthogonal_regularizer takes two {self.mode} or more, got {show(shape)}")

    def forward(self, w: Array) -> Array:
        rows = w if self.mode == "rows" else w.T
        inverse = 1.0 / np.maximum(np.sqrt(np.add.reduce(rows * rows, axis=1, keepdims=True)), 1e-7)
        normal = rows * inverse
        products = np.abs(normal @ normal.T)
        own = np.add.reduce(normal * normal, axis=None)  # what stands on the diagonal
        return (np.add.reduce(products, axis=None) - own) * self.factor / (rows.shape[0] * (rows.shape[0] - 1))

    def backward(self, w: Array) -> Array:
        rows = w if self.mode == "rows" else w.T
        inverse = 1.0 / np.maximum(np.sqrt(np.add.reduce(rows * rows, axis=1, keepdims=True)), 1e-7)
        normal = rows * inverse
        signs = np.sign(normal @ normal.T)
        dnormal = (signs @ normal - normal) * (2 * self.factor) / (rows.shape[0] * (rows.shape[0] - 1))
        drows = (dnormal - normal * np.add.reduce(dnormal * normal, axis=1, keepdims=True)) * inverse
        return drows if self.mode == "rows" else drows.T
