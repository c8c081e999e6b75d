"""Constraints: what holds for a weight after each step.  Source: `keras/src/constraints/constraints.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from gen.components.arguments import NonNegative
from gen.components.base import Constraint, component
from gen.components.kernels import Array

EPSILON = 1e-7
"""What Keras adds to a norm before it divides by it."""


def norms(w: Array, axis: int | tuple[int, ...]) -> Array:
    """The lengths of the vectors along `axis`."""
    return np.sqrt(np.add.reduce(w * w, axis=axis, keepdims=True))


@component
class MaxNorm(Constraint):
    """Vectors along `axis` are no longer than `max_value`.

    Formula: w = w · min(n, max_value) / (n + 1e-7), n the length of w
    """

    max_value: NonNegative = 2.0
    axis: int | tuple[int, ...] = 0

    def forward(self, w: Array) -> Array:
        norm = norms(w, self.axis)
        desired = np.minimum(norm, self.max_value)
        return w * (desired / (norm + EPSILON))


@component
class NonNeg(Constraint):
    """No number is below 0.

    Formula: w = max(w, 0)
    """

    def forward(self, w: Array) -> Array:
        return np.maximum(w, 0.0)


@component
class UnitNorm(Constraint):
    """Vectors along `axis` have the length 1.

    Formula: w = w / (n + 1e-7), n the length of w
    """

    axis: int | tuple[int, ...] = 0

    def forward(self, w: Array) -> Array:
        return w / (norms(w, self.axis) + EPSILON)


@component
class MinMaxNorm(Constraint):
    """The lengths of vectors along `axis` go to between `min_value` and `max_value`, at once with a `rate` of 1.

    Formula: w = w · (rate · clip(n, min_value, max_value) + (1 - rate) · n) / (n + 1e-7), n the length of w
    """

    min_value: NonNegative = 0.0
    max_value: NonNegative = 1.0
    rate: float = 1.0
    axis: int | tuple[int, ...] = 0

    def forward(self, w: Array) -> Array:
        norm = norms(w, self.axis)
        desired = np.minimum(np.maximum(norm, self.min_value), self.max_value)
        if self.rate != 1:
            desired = desired * self.rate + norm * (1 - self.rate)
        return w * (desired / (norm + EPSILON))
