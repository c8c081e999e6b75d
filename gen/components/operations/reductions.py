"""Operations that make one number of those along axes."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from gen.components.kernels import Array, float32, kernel
from gen.components.operations.base import BOOLS_AS_NUMBERS, SMALL, Operation, axes_of, axis_of, operation
from gen.dims import Shape, product

Axes: TypeAlias = int | tuple[int, ...] | None


@kernel(
    lambda dy, x, y, axes: x,
    room=lambda dy, x, y, axes: 2 * math.prod(x) + 8 * len(x) * math.prod(dy),
    operations=lambda dy, x, y, axes: math.prod(x),
    by_row=True,
)
def at_first(dy: Array, x: Array, y: Array, axes: tuple[int, ...], out: Array | None = None) -> Array:
    """Zeros in the shape of `x`, but for `dy` where what is chosen along `axes`, `y`, is met first."""
    if out is None:
        out = np.empty_like(x)
    rest = tuple(axis for axis in range(x.ndim) if axis not in axes)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    sizes, others = [x.shape[axis] for axis in axes], [x.shape[axis] for axis in rest]
    same, first, last = x == np.reshape(y, kept), axes[0], axes[-1]
    if last - first < len(axes):  # the axes are side by side
        places = same.reshape((*x.shape[:first], -1, *x.shape[last + 1 :])).argmax(axis=first)
    else:
        places = same.transpose((*rest, *axes)).reshape((*others, -1)).argmax(axis=-1)
    chosen = iter(np.unravel_index(places, sizes))
    free = iter(np.ix_(*map(np.arange, others)))
    out.fill(0.0)
    out[tuple(next(chosen) if axis in axes else next(free) for axis in range(x.ndim))] = np.reshape(dy, others)
    return out


@kernel(
    lambda x, axes: x, room=lambda x, axes: 3 * float32(x), operations=lambda x, axes: 3 * math.prod(x), by_row=True
)
def product_of_others(x: Array, axes: tuple[int, ...]) -> Array:
    """For each number the product of all others along `axes`, zeros or not."""
    rest = tuple(axis for axis in range(x.ndim) if axis not in axes)
    moved = x.transpose((*rest, *axes))
    rows = moved.reshape((*(x.shape[axis] for axis in rest), -1))
    before, after = np.ones_like(rows), np.ones_like(rows)
    np.multiply.accumulate(rows[..., :-1], axis=-1, out=before[..., 1:])
    np.multiply.accumulate(rows[..., :0:-1], axis=-1, out=after[..., -2::-1])
    others = (before * after).reshape(moved.shape)
    return others.transpose(np.argsort((*rest, *axes)))


@dataclass(frozen=True)
class Reduction(Operation):
    """What reductions have in common: over which axes, all for None, and whether these stay, with size 1."""

    axis: Axes = None
    keepdims: bool = False

    def output(self, x: Shape) -> Shape:
        return self.reduced(x)

    def axes(self, x: Shape) -> tuple[int, ...]:
        """The axes that it goes over, in order."""
        return axes_of(self, self.axis, x)

    def over(self, x: Shape) -> int | tuple[int, ...] | None:
        """The same as NumPy takes them."""
        axes = self.axes(x)
        return None if len(axes) == len(x) else axes[0] if len(axes) == 1 else axes

    def kept(self, x: Shape) -> Any:
        """The shape of the result with the axes kept."""
        axes = self.axes(x)
        return tuple(1 if axis in axes else size for axis, size in enumerate(x))

    def reduced(self, x: Shape) -> Any:
        """The shape of the result."""
        axes = self.axes(x)
        return self.kept(x) if self.keepdims else tuple(size for axis, size in enumerate(x) if axis not in axes)

    def count(self, x: Shape) -> Any:
        """How many numbers become one."""
        return product(tuple(x[axis] for axis in self.axes(x)))

    def back(self, dy: Array, x: Array) -> Array:
        """`dy` with the axes kept."""
        return dy if self.keepdims or dy.ndim == 0 else dy.reshape(self.kept(x.shape))


def total(x: Array, axis: Axes, keepdims: bool = False) -> Array:
    """The sum over these axes."""
    return x if axis == () else np.add.reduce(x, axis=axis, keepdims=True) if keepdims else np.add.reduce(x, axis=axis)


@operation
class Sum(Reduction):
    """y = Σ x."""

    def dtype(self, *inputs: str) -> str:
        return "int32" if inputs[0] in ("bool", "int8", "int16") else inputs[0]

    def forward(self, x: Array) -> Array:
        return total(x, self.over(x.shape), self.keepdims)

    def backward(self, dy: Array, x: Array) -> Array:
        return np.broadcast_to(self.back(dy, x), x.shape)


@operation
class Mean(Reduction):
    """y = Σ x / n."""

    def dtype(self, *inputs: str) -> str:
        return "float"

    def forward(self, x: Array) -> Array:
        return total(x.astype("float"), self.over(x.shape), self.keepdims) * (1 / self.count(x.shape))

    def backward(self, dy: Array, x: Array) -> Array:
        return np.broadcast_to(self.back(dy, x) * (1 / self.count(x.shape)), x.shape)


@operation
class Var(Reduction):
    """y = Σ (x - mean)² / n."""

    def dtype(self, *inputs: str) -> str:
        return "float"

    def forward(self, x: Array) -> Array:
        numbers = x.astype("float")
        share = 1 / self.count(x.shape)
        centered = numbers - total(numbers, self.over(x.shape), True) * share
        return total(centered * centered, self.over(x.shape), self.keepdims) * share

    def backward(self, dy: Array, x: Array, centered: Array) -> Array:
        return centered * (self.back(dy, x) * (2 / self.count(x.shape)))


@operation
class Std(Reduction):
    """y = √(Σ (x - mean)² / n)."""

    def dtype(self, *inputs: str) -> str:
        return "float"

    def forward(self, x: Array) -> Array:
        numbers = x.astype("float")
        share = 1 / self.count(x.shape)
        centered = numbers - total(numbers, self.over(x.shape), True) * share
        return np.sqrt(total(centered * centered, self.over(x.shape), self.keepdims) * share)

    def backward(self, dy: Array, x: Array, y: Array, centered: Array) -> Array:
        return centered * self.back(dy / y * (1 / self.count(x.shape)), x)


@operation
class Max(Reduction):
    """y = the greatest x; of equal numbers the first gets the gradient."""

    aliases = ("amax",)

    def forward(self, x: Array) -> Array:
        return np.maximum.reduce(x, axis=self.over(x.shape), keepdims=self.keepdims)  # type: ignore[call-overload]  # one overload for each

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return at_first(dy, x, y, self.axes(x.shape))


@operation
class Min(Reduction):
    """y = the least x; of equal numbers the first gets the gradient."""

    aliases = ("amin",)

    def forward(self, x: Array) -> Array:
        return np.minimum.reduce(x, axis=self.over(x.shape), keepdims=self.keepdims)  # type: ignore[call-overload]  # one overload for each

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return at_first(dy, x, y, self.axes(x.shape))


@operation
class Prod(Reduction):
    """y = Π x."""

    def forward(self, x: Array) -> Array:
        return np.multiply.reduce(x, axis=self.over(x.shape), keepdims=self.keepdims)  # type: ignore[call-overload]  # one overload for each

    def backward(self, dy: Array, x: Array) -> Array:
        return product_of_others(x, self.axes(x.shape)) * self.back(dy, x)


@operation
class Logsumexp(Reduction):
    """y = log Σ eˣ."""

    casts: ClassVar[Mapping[str, str]] = BOOLS_AS_NUMBERS

    def dtype(self, *inputs: str) -> str:
        return "float"

    def forward(self, x: Array) -> Array:
        greatest = np.maximum.reduce(x, axis=self.over(x.shape), keepdims=True)
        powers = np.exp(x - greatest)
        sums = np.add.reduce(powers, axis=self.over(x.shape), keepdims=True)
        return (np.log(sums) + greatest).reshape(self.reduced(x.shape))

    def backward(self, dy: Array, x: Array, powers: Array, sums: Array) -> Array:
        return powers * (dy.reshape(self.kept(x.shape)) / sums)


class Truths(Reduction):
    """What asks about truths: numbers are true where they are not 0."""

    def dtype(self, *inputs: str) -> str:
        return "bool"


@operation
class AnyTrue(Truths):
    """y = whether any x is true."""

    word = "any"

    def forward(self, x: Array) -> Array:
        return np.logical_or.reduce(x, axis=self.over(x.shape), keepdims=self.keepdims)  # type: ignore[call-overload]  # one overload for each


@operation
class AllTrue(Truths):
    """y = whether all x are true."""

    word = "all"

    def forward(self, x: Array) -> Array:
        return np.logical_and.reduce(x, axis=self.over(x.shape), keepdims=self.keepdims)  # type: ignore[call-overload]  # one overload for each


@operation
class CountNonzero(Operation):
    """y = how many x are not 0."""

    axis: Axes = None

    def output(self, x: Shape) -> Shape:
        axes = axes_of(self, self.axis, x)
        return tuple(size for axis, size in enumerate(x) if axis not in axes)

    def dtype(self, *inputs: str) -> str:
        return "int32"

    def forward(self, x: Array) -> Array:
        axes = axes_of(self, self.axis, x.shape)
        return np.add.reduce(np.logical_not(np.logical_not(x)), axis=None if len(axes) == x.ndim else axes)


@dataclass(frozen=True)
class Place(Operation):
    """What argmax and argmin have in common."""

    axis: int | None = None
    keepdims: bool = False

    def output(self, x: Shape) -> Shape:
        axis = None if self.axis is None else axis_of(self, self.axis, x)
        if self.keepdims:
            return tuple(1 if axis in (None, each) else size for each, size in enumerate(x))
        return () if axis is None else (*x[:axis], *x[axis + 1 :])

    def dtype(self, *inputs: str) -> str:
        return "int32"

    def place(self, x: Array) -> Array:
        """The place of the greatest number."""
        if self.axis is None:
            return np.argmax(x.reshape(x.size), axis=0).reshape(self.output(x.shape))
        return np.argmax(x, axis=self.axis).reshape(self.output(x.shape))


@operation
class Argmax(Place):
    """y = the place of the greatest x, the first of equal ones."""

    def forward(self, x: Array) -> Array:
        return self.place(x)


@operation
class Argmin(Place):
    """y = the place of the least x, the first of equal ones."""

    casts: ClassVar[Mapping[str, str]] = dict.fromkeys(SMALL, "int32")  # where -x is another number

    def forward(self, x: Array) -> Array:
        return self.place(-x)
