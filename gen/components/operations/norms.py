"""Lengths of vectors, and vectors of length 1."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Literal

import numpy as np

from gen.components.base import ArgumentError
from gen.components.kernels import Array
from gen.components.operations.base import Operation, axes_of, operation
from gen.components.operations.reductions import Axes, Reduction, total
from gen.dims import Shape


@operation
class Norm(Reduction):
    """y = √(Σ x²), or Σ |x| with `ord` 1, over `axis`."""

    ord: int | str | None = None
    axis: Axes = None
    keepdims: bool = False

    argument_order = ("x", "ord", "axis", "keepdims")

    def __post_init__(self) -> None:
        if self.ord not in (None, 1, 2, "euclidean", "fro"):
            raise ArgumentError("ord", f"`ord` is 1 or 2 in gen, got {self.ord!r}")

    def output(self, x: Shape) -> Shape:
        if self.ord in (1, 2) and len(axes_of(self, self.axis, x)) > 1:
            raise ArgumentError("ord", "with `ord` the norm is that of vectors: name one axis")
        return self.reduced(x)

    def dtype(self, *inputs: str) -> str:
        return "float"

    def forward(self, x: Array) -> Array:
        if self.ord == 1:
            return total(np.abs(x), self.over(x.shape), self.keepdims)
        return np.sqrt(total(x * x, self.over(x.shape), self.keepdims))

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        if self.ord == 1:
            return np.sign(x) * self.back(dy, x)
        return x * self.back(dy / y, x)


class Unit(Operation):
    """What divides by lengths."""

    def dtype(self, *inputs: str) -> str:
        return "float"

    def output(self, x: Shape) -> Shape:
        axes_of(self, self.axis, x)  # type: ignore[attr-defined]  # each has an axis
        return x

    def over(self, x: Shape) -> Axes:
        """The axes as NumPy takes them."""
        axes = axes_of(self, self.axis, x)  # type: ignore[attr-defined]  # each has an axis
        return None if len(axes) == len(x) else axes[0] if len(axes) == 1 else axes

    def back(self, dy: Array, y: Array, length: Array, least: float) -> Array:
        """The gradient of x; where the length is less than `least`, it is that of x divided by it."""
        along = np.add.reduce(dy * y, axis=self.over(y.shape), keepdims=True)
        return (dy - y * (along * (length > least))) / np.maximum(length, least)


@operation
class Normalize(Unit):
    """y = x / max(√(Σ x²), epsilon), over `axis`."""

    axis: int | tuple[int, ...] = -1
    order: Literal[2] = 2
    epsilon: float | None = None

    def least(self) -> float:
        return 1e-7 if self.epsilon is None else self.epsilon

    def forward(self, x: Array) -> Array:
        length = np.sqrt(np.add.reduce(x * x, axis=self.over(x.shape), keepdims=True))
        return x / np.maximum(length, self.least())

    def backward(self, dy: Array, y: Array, length: Array) -> Array:
        return self.back(dy, y, length, self.least())


@operation
class L2Normalize(Unit):
    """y = x / √max(Σ x², epsilon), over `axis`."""

    of_keras = False

    axis: Axes = None
    epsilon: float = 1e-12

    def forward(self, x: Array) -> Array:
        length = np.sqrt(np.add.reduce(x * x, axis=self.over(x.shape), keepdims=True))
        return x / np.maximum(length, self.epsilon**0.5)

    def backward(self, dy: Array, y: Array, length: Array) -> Array:
        return self.back(dy, y, length, self.epsilon**0.5)
