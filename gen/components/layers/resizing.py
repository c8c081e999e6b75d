"""Layers that make a sequence, an image or a volume longer or shorter.  Source: `keras/src/layers/reshaping`.

Each is written once, for any number of axes; a class for one, two or three is its rank, its docstring and an example.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from gen.components.arguments import Count, Range
from gen.components.base import ShapeError, component
from gen.components.kernels import Array, kernel, no_operations
from gen.components.layers.images import Interpolation, resize, resize_gradient
from gen.components.layers.windows import (
    SPACES,
    Format,
    Numbers,
    OfRank,
    Ranked,
    check_rank,
    each,
    shifts,
    unit_steps,
    zeros_around,
)
from gen.dims import Shape, Size, show

Margin = Annotated[int, Range(0)]
"""The number of elements to add or remove at one end of an axis."""
Margins = tuple[tuple[int, int], ...]


def ends(rank: int) -> Any:
    """What an argument for both ends of each axis takes: for one axis (before, after), for more one of these each."""
    one: Any = Margin | tuple[Margin, Margin]
    return one if rank == 1 else Margin | tuple[(one,) * rank]  # type: ignore[misc]  # known when it runs


Ends = Annotated[int | tuple[int | tuple[int, int], ...], OfRank(ends)]

# -------------------------------------------------------------------------------------------------------------- kernels


def lengthened(x: Shape, margins: Margins) -> Shape:
    """The shape of `x` with `margins` before and after each axis between the batch and the channels."""
    sizes = [size + before + after for size, (before, after) in zip(x[1:-1], margins, strict=True)]
    return (x[0], *sizes, x[-1])


@kernel(lengthened, operations=no_operations, by_row=True)
def pad(x: Array, margins: tuple[tuple[int, int], ...], out: Array | None = None) -> Array:
    """`x` with `margins` zeros around it: (batch, *sizes, channels) to (batch, *more, channels)."""
    if out is None:
        sizes = [size + before + after for size, (before, after) in zip(x.shape[1:-1], margins, strict=True)]
        out = np.empty((len(x), *sizes, x.shape[-1]), x.dtype)
    inside = [slice(None)]
    for size, (before, _) in zip(x.shape[1:-1], margins, strict=True):
        out[(*inside, slice(0, before))] = 0.0
        out[(*inside, slice(before + size, None))] = 0.0
        inside.append(slice(before, before + size))
    out[tuple(inside)] = x
    return out


@kernel(
    lambda x, size: (x[0], *(length * times for length, times in zip(x[1:-1], size, strict=True)), x[-1]),
    operations=no_operations,
    by_row=True,
)
def repeat(x: Array, size: tuple[int, ...], out: Array | None = None) -> Array:
    """Each element `size` times: (batch, *sizes, channels) to (batch, *sizes · size, channels)."""
    if out is None:
        sizes = [length * times for length, times in zip(x.shape[1:-1], size, strict=True)]
        out = np.empty((len(x), *sizes, x.shape[-1]), x.dtype)
    none = zeros_around(x.shape[1:-1], size, size, unit_steps(size), "valid")
    for _, inside, outside in shifts(out, x, size, size, unit_steps(size), none):
        out[inside] = x[outside]
    return out


@kernel(lambda dy, x, size: x, operations=lambda dy, *_: math.prod(dy), by_row=True)
def repeat_gradient(dy: Array, x: Array, size: tuple[int, ...], out: Array | None = None) -> Array:
    """The gradient of `repeat(x, size)`: the sum over the copies of each number."""
    if out is None:
        out = np.empty_like(x)
    out.fill(0.0)
    none = zeros_around(x.shape[1:-1], size, size, unit_steps(size), "valid")
    for _, inside, outside in shifts(dy, out, size, size, unit_steps(size), none):
        out[outside] += dy[inside]
    return out


# -------------------------------------------------------------------------------------------------- longer and shorter


@dataclass(frozen=True)
class ZeroPadding(Ranked):
    """ZeroPadding1D, ZeroPadding2D and ZeroPadding3D."""

    padding: Ends = 1
    data_format: Format = None

    @property
    def margins(self) -> Margins:
        """The number of zeros before and after each axis."""
        return pairs(self.padding, self.rank)

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        return lengthened(x, self.margins)

    def forward(self, x: Array) -> Array:
        return pad(x, self.margins)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy[inner(x.shape, dy.shape, self.margins)]


@dataclass(frozen=True)
class Cropping(Ranked):
    """Cropping1D, Cropping2D and Cropping3D."""

    cropping: Ends

    @property
    def margins(self) -> Margins:
        """The number of elements to remove before and after each axis."""
        return pairs(self.cropping, self.rank)

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        sizes: list[Size] = []
        for axis, size, (before, after) in zip(SPACES[self.rank].axes, x[1:-1], self.margins, strict=True):
            sizes.append(size - (before + after))
            if isinstance(size, int) and size <= before + after:
                least = before + after + 1
                message = f"{type(self).__name__} with cropping {self.cropping} needs {least} {axis} or more"
                raise ShapeError(f"{message}, got {show(x[1:])}", f"{size} is less than {least}")
        return (x[0], *sizes, x[-1])

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return x[inner(self.output(x.shape), x.shape, self.margins)]

    def backward(self, dy: Array) -> Array:
        return pad(dy, self.margins)


def pairs(margins: Any, rank: int) -> Margins:
    """The numbers before and after each axis: 1 is ((1, 1), (1, 1)); (1, 2) is ((1, 2),) or ((1, 1), (2, 2))."""
    if rank == 1:
        before, after = each(margins, 2)
        return ((before, after),)
    result = []
    for item in each(margins, rank):
        before, after = each(item, 2)
        result.append((before, after))
    return tuple(result)


def inner(x: Shape, longer: Shape, margins: Margins) -> tuple[slice, ...]:
    """The place of `x` in an array of the shape `longer`, which has `margins` before and after each axis."""
    parts = [slice(None)]
    for size, (before, after) in zip(longer[1:-1], margins, strict=True):
        parts.append(slice(before or None, size - after if after else None))
    return tuple(parts)


@component
class ZeroPadding1D(ZeroPadding):
    """Adds zeros at both ends, `padding` = (before, after) or one number for both: (steps, channels) to more steps.

    Source: `zero_padding1d.py`.

    Formula: y = [0, …, x, 0, …]
    Example: ZeroPadding1D(2)(Input(100, 16))
    """

    rank = 1


@component
class ZeroPadding2D(ZeroPadding):
    """Adds zeros around the image: (height, width, channels) to a larger one.

    `padding` is ((top, bottom), (left, right)), or (top and bottom, left and right), or a number for all.  Source:
    `zero_padding2d.py`.

    Formula: y[top + r, left + c] = x[r, c], 0 elsewhere
    Example: ZeroPadding2D(1)(Input(28, 28, 16))
    """

    rank = 2


@component
class ZeroPadding3D(ZeroPadding):
    """Adds zeros around the volume: (depth, height, width, channels) to a larger one.

    `padding` is a pair, before and after, for each of the three axes, or a number for each, or one for all.  Source:
    `zero_padding3d.py`.

    Formula: y[front + p, top + r, left + c] = x[p, r, c], 0 elsewhere
    Example: ZeroPadding3D(1)(Input(16, 28, 28, 1))
    """

    rank = 3

    padding = ((1, 1), (1, 1), (1, 1))


@component
class Cropping1D(Cropping):
    """Removes the first and last steps; `cropping` is (before, after), or one number for both ends.

    (steps, channels) to fewer steps.  Source: `cropping1d.py`.

    Formula: y[t] = x[before + t]
    Example: Cropping1D(2)(Input(100, 16))
    """

    rank = 1

    cropping = (1, 1)


@component
class Cropping2D(Cropping):
    """Removes the edges of the image: (height, width, channels) to a smaller one.

    `cropping` is ((top, bottom), (left, right)), or (top and bottom, left and right), or a number for all.  Source:
    `cropping2d.py`.

    Formula: y[r, c] = x[top + r, left + c]
    Example: Cropping2D(2)(Input(28, 28, 16))
    """

    rank = 2

    cropping = ((0, 0), (0, 0))
    data_format: Format = None


@component
class Cropping3D(Cropping):
    """The volume without its outside: (depth, height, width, channels) to a smaller one.

    `cropping` is a pair, before and after, for each of the three axes, or a number for each, or one for all.  Source:
    `cropping3d.py`.

    Formula: y[p, r, c] = x[front + p, top + r, left + c]
    Example: Cropping3D(2)(Input(16, 28, 28, 1))
    """

    rank = 3

    cropping = ((1, 1), (1, 1), (1, 1))
    data_format: Format = None


# ------------------------------------------------------------------------------------------------------------ repeated


@dataclass(frozen=True)
class UpSampling(Ranked):
    """UpSampling1D, UpSampling2D and UpSampling3D."""

    size: Numbers = 2

    @property
    def times(self) -> tuple[int, ...]:
        """How often to repeat each element along each axis."""
        return each(self.size, self.rank)

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        return (x[0], *(size * times for size, times in zip(x[1:-1], self.times, strict=True)), x[-1])

    def forward(self, x: Array) -> Array:
        return repeat(x, self.times)

    def backward(self, dy: Array, x: Array) -> Array:
        return repeat_gradient(dy, x, self.times)


@component
class UpSampling1D(UpSampling):
    """Repeats each step `size` times: (steps, channels) to (steps · size, channels).  Source: `up_sampling1d.py`.

    Formula: y[t] = x[t // size]
    Example: UpSampling1D(2)(Input(50, 16))
    """

    rank = 1

    size: Count = 2


@component
class UpSampling2D(UpSampling):
    """Repeats each row and column `size` times, or finds those between by `interpolation`.

    (height, width, channels) to (height · size[0], width · size[1], channels).  Source: `up_sampling2d.py`.

    Formula: y[r, c] = x[r // size[0], c // size[1]]
    Example: UpSampling2D(2)(Input(14, 14, 16))
    """

    rank = 2

    data_format: Format = None
    interpolation: Interpolation = "nearest"

    def forward(self, x: Array) -> Array:
        if self.interpolation == "nearest":
            return repeat(x, self.times)
        return resize(x, (x.shape[1] * self.times[0], x.shape[2] * self.times[1]), self.interpolation)

    def backward(self, dy: Array, x: Array) -> Array:
        if self.interpolation == "nearest":
            return repeat_gradient(dy, x, self.times)
        return resize_gradient(dy, x, self.interpolation)


@component
class UpSampling3D(UpSampling):
    """Repeats each plane, row and column `size` times.

    (depth, height, width, channels) to the shape with each axis times its `size`.  Source: `up_sampling3d.py`.

    Formula: y[p, r, c] = x[p // size[0], r // size[1], c // size[2]]
    Example: UpSampling3D(2)(Input(7, 14, 14, 8))
    """

    rank = 3

    data_format: Format = None
