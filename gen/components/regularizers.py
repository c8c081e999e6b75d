"""Regularizers: the penalty that a weight adds to the loss.  Source: `keras/src/regularizers/regularizers.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from gen.components.arguments import NonNegative
from gen.components.base import Regularizer, component
from gen.components.kernels import Array


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
