"""Layers that reduce each window, or each channel, to one number.  Source: `keras/src/layers/pooling`.

Each is written once, for any number of axes; a class for one, two or three is its rank, its docstring and an example.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from gen.components.arguments import Count
from gen.components.base import Layer, component
from gen.components.kernels import Array, cuts, float32, kernel
from gen.components.layers.windows import (
    Format,
    Numbers,
    Padding,
    Ranked,
    check_rank,
    each,
    per_axis,
    positions,
    shifts,
    slid,
    unit_steps,
    zeros_around,
)
from gen.dims import Shape

# -------------------------------------------------------------------------------------------- kernels: a sliding window


def pooled(x: Shape, window: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Shape:
    """The shape of the result of pooling."""
    return (x[0], *positions(x[1:-1], window, strides, (1,) * len(window), padding), x[-1])


@kernel(pooled)
def empty_pools(x: Array, window: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Array:
    """An empty array, (batch, *positions, channels), for the result of a pooling of `x`."""
    zeros = zeros_around(x.shape[1:-1], window, strides, unit_steps(window), padding)
    sizes = [size + sum(around) for size, around in zip(x.shape[1:-1], zeros, strict=True)]
    counts = [(size - width) // stride + 1 for size, width, stride in zip(sizes, window, strides, strict=True)]
    return np.empty((len(x), *counts, x.shape[-1]), x.dtype)


@kernel()
def clear_between(
    dx: Array, dy: Array, window: tuple[int, ...], strides: tuple[int, ...], zeros: tuple[tuple[int, int], ...]
) -> None:
    """Fill with 0 the parts of `dx` that no window writes; if windows touch, only the end."""
    if window != strides:
        dx.fill(0.0)
        return
    for axis, stride in enumerate(strides, start=1):
        end = dy.shape[axis] * stride - zeros[axis - 1][0]
        dx[(*[slice(None)] * axis, slice(end, None))] = 0.0


@kernel(
    pooled,
    operations=lambda x, window, *options, **_: math.prod(pooled(x, window, *options)) * math.prod(window),
    by_row=True,
)
def max_pool(
    x: Array, window: tuple[int, ...], strides: tuple[int, ...], padding: str, out: Array | None = None
) -> Array:
    """The maximum of each window: (batch, *sizes, channels) to (batch, *positions, channels)."""
    if out is None:
        out = empty_pools(x, window, strides, padding)
    zeros = zeros_around(x.shape[1:-1], window, strides, unit_steps(window), padding)
    out.fill(-math.inf)
    for _, inside, outside in shifts(x, out, window, strides, unit_steps(window), zeros):
        np.maximum(out[outside], x[inside], out=out[outside])
    return out


def room_for_rows(dy: Any, x: Any, each: int) -> int:
    """`each` bytes for every window of the rows that `cuts` takes at a time."""
    rows = max(1, (1 << 19) // float32(x[1:]))
    return each * math.prod((min(rows, x[0]), *dy[1:]))


@kernel(
    lambda dy, x, *_: x,
    room=lambda dy, x, *_: room_for_rows(dy, x, 8),
    operations=lambda dy, x, y, window, *_: 2 * math.prod(dy) * math.prod(window),
    by_row=True,
)
def max_pool_gradient(
    dy: Array,
    x: Array,
    y: Array,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    out: Array | None = None,
) -> Array:
    """The gradient of `max_pool(x, …)`, which is `y`: it goes to the first maximum of each window.

    `dy` and `y` are (batch, *positions, channels), `x` and the result (batch, *sizes, channels).
    The kernel works on a few rows at a time, so that their arrays stay in the cache.
    """
    if out is None:
        out = np.empty_like(x)
    zeros = zeros_around(x.shape[1:-1], window, strides, unit_steps(window), padding)
    apart = all(stride >= width for stride, width in zip(strides, window, strict=True))
    for rows in cuts(len(x), math.prod(x.shape[1:]) * x.itemsize, 1 << 19):
        part, gradient, greatest = out[rows], dy[rows], y[rows]
        clear_between(part, gradient, window, strides, zeros)
        free = np.ones(greatest.shape, bool)  # windows whose maximum was not met yet
        found = np.empty(greatest.shape, bool)
        for _, inside, outside in shifts(part, gradient, window, strides, unit_steps(window), zeros):
            first = np.equal(x[rows][inside], greatest[outside], out=found[outside])
            first &= free[outside]
            free[outside] ^= first
            if apart:
                np.multiply(gradient[outside], first, out=part[inside])
            else:
                part[inside] += gradient[outside] * first
    return out


@kernel(lambda x, y, *_: (1, *y[1:-1], 1), by_shape=True)
def real_elements(x: Array, y: Array, window: tuple[int, ...], strides: tuple[int, ...], padding: str) -> Array:
    """How many numbers of `x` each window of `y` contains, without padding: (1, *positions, 1)."""
    zeros = zeros_around(x.shape[1:-1], window, strides, unit_steps(window), padding)
    counts = np.zeros((1, *y.shape[1:-1], 1), x.dtype)
    for _, _, outside in shifts(x, y, window, strides, unit_steps(window), zeros):
        counts[outside] += 1.0
    return counts


@kernel(
    pooled,
    operations=lambda x, window, *options, **_: math.prod(pooled(x, window, *options)) * (math.prod(window) + 1),
    by_row=True,
)
def average_pool(
    x: Array, window: tuple[int, ...], strides: tuple[int, ...], padding: str, out: Array | None = None
) -> Array:
    """The mean of each window, without padding, channel by channel.

    `x` is (batch, *sizes, channels), the result (batch, *positions, channels).
    """
    if out is None:
        out = empty_pools(x, window, strides, padding)
    zeros = zeros_around(x.shape[1:-1], window, strides, unit_steps(window), padding)
    out.fill(0.0)
    for _, inside, outside in shifts(x, out, window, strides, unit_steps(window), zeros):
        out[outside] += x[inside]
    out /= real_elements(x, out, window, strides, padding)
    return out


@kernel(
    lambda dy, x, *_: x,
    room=lambda dy, x, *_: room_for_rows(dy, x, 8),
    operations=lambda dy, *_: math.prod(dy),
    by_row=True,
)
def average_pool_gradient(
    dy: Array, x: Array, window: tuple[int, ...], strides: tuple[int, ...], padding: str, out: Array | None = None
) -> Array:
    """The gradient of `average_pool(x, …)`: each number of `dy` is shared evenly by its window.

    `dy` is (batch, *positions, channels), `x` and the result (batch, *sizes, channels).
    """
    if out is None:
        out = np.empty_like(x)
    zeros = zeros_around(x.shape[1:-1], window, strides, unit_steps(window), padding)
    apart = all(stride >= width for stride, width in zip(strides, window, strict=True))
    counts = real_elements(x, dy, window, strides, padding)
    for rows in cuts(len(x), math.prod(x.shape[1:]) * x.itemsize, 1 << 19):
        part, shares = out[rows], dy[rows] / counts
        clear_between(part, shares, window, strides, zeros)
        for _, inside, outside in shifts(part, shares, window, strides, unit_steps(window), zeros):
            if apart:
                part[inside] = shares[outside]
            else:
                part[inside] += shares[outside]
    return out


# ------------------------------------------------------------------------------------------- kernels: the whole channel


@kernel(lambda dy, x, y: x, room=lambda dy, x, y: 2 * math.prod(x) + 8 * len(x) * math.prod(dy), by_row=True)
def at_first_greatest(dy: Array, x: Array, y: Array, out: Array | None = None) -> Array:
    """The gradient of the maximum `y` of each channel: it goes to the first place where `x` is `y`.

    `x` and the result are (batch, *sizes, channels), `dy` and `y` are (batch, channels) or (batch,
    1, …, channels).
    """
    if out is None:
        out = np.empty_like(x)
    batch, channels = len(x), x.shape[-1]
    greatest = x == y.reshape((batch, *[1] * (x.ndim - 2), channels))
    places = greatest.reshape((batch, math.prod(x.shape[1:-1]), channels)).argmax(axis=1)
    out.fill(0.0)
    indices = np.unravel_index(places, x.shape[1:-1])
    out[(np.arange(batch)[:, None], *indices, np.arange(channels))] = dy.reshape((batch, channels))
    return out


@kernel(lambda mask, x: mask, by_row=True)
def shares_of_steps(mask: Array, x: Array, out: Array | None = None) -> Array:
    """The weight of each step in a mean over those that count: (batch, steps), with sums of 1."""
    if out is None:
        out = np.empty(mask.shape, x.dtype)
    np.copyto(out, mask)
    out /= np.add.reduce(out, axis=1, keepdims=True)
    return out


# ----------------------------------------------------------------------------------------------------- a sliding window


Strides = Annotated[int | tuple[int, ...] | None, per_axis(Count, None)]


class Pooling(Ranked):
    """What MaxPooling and AveragePooling have in common: their arguments with a number for each axis."""

    pool_size: Numbers
    strides: Strides
    padding: Padding

    @property
    def window(self) -> tuple[int, ...]:
        return each(self.pool_size, self.rank)

    @property
    def steps(self) -> tuple[int, ...]:
        """The strides, by default the size of the window."""
        return self.window if self.strides is None else each(self.strides, self.rank)

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        return (x[0], *slid(self, x, self.window, self.steps, (1,) * self.rank, self.padding), x[-1])


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """MaxPooling1D, MaxPooling2D and MaxPooling3D."""

    pools = "greatest"

    pool_size: Numbers = 2
    strides: Strides = None
    padding: Padding = "valid"
    data_format: Format = None

    def forward(self, x: Array) -> Array:
        return max_pool(x, self.window, self.steps, self.padding)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return max_pool_gradient(dy, x, y, self.window, self.steps, self.padding)


@component
class MaxPooling1D(MaxPooling):
    """The maximum of each window of steps, channel by channel: (steps, channels) to (positions, channels).

    A window has `pool_size` steps; windows start `strides` steps apart, by default `pool_size`.  "valid" keeps the
    positions whose window lies inside.  "same" keeps one position for each stride.  Source: `max_pooling1d.py`.

    Formula: y[t] = max x[t · strides + k], k < pool_size
    Example: MaxPooling1D(2)(Input(100, 16))
    """

    aliases = ("MaxPool1D",)
    rank = 1


@component
class MaxPooling2D(MaxPooling):
    """The maximum of each window, channel by channel: (height, width, channels) to (rows, columns, channels).

    Windows start `strides` apart, by default `pool_size`.  "valid" keeps the positions whose window lies inside. "same"
    keeps one position for each stride.  Source: `max_pooling2d.py`.

    Formula: y[r, c] = max x[r · strides[0] + i, c · strides[1] + j], (i, j) in the window
    Example: MaxPooling2D(2)(Input(28, 28, 16))
    """

    aliases = ("MaxPool2D",)
    rank = 2


@component
class MaxPooling3D(MaxPooling):
    """The greatest number of every window, channel by channel: (depth, height, width, channels) to fewer positions.

    Windows begin `strides` apart, by default `pool_size`.  "valid" keeps the positions whose window lies inside.
    "same" keeps one position for each stride.  In the formula s is `strides`.  Source: `max_pooling3d.py`.

    Formula: y[p, r, c] = max x[p · s[0] + h, r · s[1] + i, c · s[2] + j], (h, i, j) in the window
    Example: MaxPooling3D(2)(Input(16, 28, 28, 8))
    """

    aliases = ("MaxPool3D",)
    rank = 3


@dataclass(frozen=True)
class AveragePooling(Pooling):
    """AveragePooling1D, AveragePooling2D and AveragePooling3D."""

    pools = "mean"

    pool_size: Numbers
    strides: Strides = None
    padding: Padding = "valid"
    data_format: Format = None

    def forward(self, x: Array) -> Array:
        return average_pool(x, self.window, self.steps, self.padding)

    def backward(self, dy: Array, x: Array) -> Array:
        return average_pool_gradient(dy, x, self.window, self.steps, self.padding)


@component
class AveragePooling1D(AveragePooling):
    """The mean of each window of steps, channel by channel: (steps, channels) to (positions, channels).

    A window has `pool_size` steps; windows start `strides` steps apart, by default `pool_size`.  "valid" keeps the
    positions whose window lies inside.  "same" keeps one position for each stride, and padding does not count.  Source:
    `average_pooling1d.py`.

    Formula: y[t] = mean x[t · strides + k], k < pool_size
    Example: AveragePooling1D(2)(Input(100, 16))
    """

    aliases = ("AvgPool1D",)
    rank = 1


@component
class AveragePooling2D(AveragePooling):
    """The mean of each window, channel by channel: (height, width, channels) to (rows, columns, channels).

    Windows start `strides` apart, by default `pool_size`.  "valid" keeps the positions whose window lies inside. "same"
    keeps one position for each stride, and padding does not count.  Source: `average_pooling2d.py`.

    Formula: y[r, c] = mean x[r · strides[0] + i, c · strides[1] + j], (i, j) in the window
    Example: AveragePooling2D(2)(Input(28, 28, 16))
    """

    aliases = ("AvgPool2D",)
    rank = 2


@component
class AveragePooling3D(AveragePooling):
    """The mean of every window, channel by channel: (depth, height, width, channels) to fewer positions.

    Windows begin `strides` apart, by default `pool_size`.  "valid" keeps the positions whose window lies inside.
    "same" keeps one position for each stride; what lies outside does not count.  In the formula s is `strides`.
    Source: `average_pooling3d.py`.

    Formula: y[p, r, c] = mean x[p · s[0] + h, r · s[1] + i, c · s[2] + j], (h, i, j) in the window
    Example: AveragePooling3D(2)(Input(16, 28, 28, 8))
    """

    aliases = ("AvgPool3D",)
    rank = 3


# ---------------------------------------------------------------------------------------------------- the whole channel


@dataclass(frozen=True)
class GlobalPooling(Ranked):
    """What pooling of whole channels has in common."""

    data_format: Format = None
    keepdims: bool = False

    @property
    def between(self) -> tuple[int, ...]:
        """The axes between the batch and the channels."""
        return tuple(range(1, self.rank + 1))

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        return (x[0], *((1,) * self.rank if self.keepdims else ()), x[-1])


def total(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """The sum over these axes."""
    if keepdims:
        return np.add.reduce(x, axis=axis, keepdims=True)
    return np.add.reduce(x, axis=axis)


@dataclass(frozen=True)
class GlobalMaxPooling(GlobalPooling):
    """GlobalMaxPooling1D, GlobalMaxPooling2D and GlobalMaxPooling3D."""

    pools = "greatest"

    def forward(self, x: Array) -> Array:
        if self.keepdims:
            return np.maximum.reduce(x, axis=self.between, keepdims=True)
        return np.maximum.reduce(x, axis=self.between)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return at_first_greatest(dy, x, y)


@component
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The maximum of each channel: (steps, channels) to (channels,), or to (1, channels) with `keepdims`.

    Source: `global_max_pooling1d.py`.

    Formula: y = max x[t] over all t
    Example: GlobalMaxPooling1D()(Input("steps", 16))
    """

    aliases = ("GlobalMaxPool1D",)
    rank = 1


@component
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The maximum of each channel: (height, width, channels) to (channels,), or to (1, 1, channels) with `keepdims`.

    Source: `global_max_pooling2d.py`.

    Formula: y = max x[r, c] over all r, c
    Example: GlobalMaxPooling2D()(Input(28, 28, 16))
    """

    aliases = ("GlobalMaxPool2D",)
    rank = 2


@component
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The greatest number of each channel: (depth, height, width, channels) to (channels,), or (1, 1, 1, channels).

    Source: `global_max_pooling3d.py`.

    Formula: y = max x[p, r, c] over all p, r, c
    Example: GlobalMaxPooling3D()(Input(16, 28, 28, 8))
    """

    aliases = ("GlobalMaxPool3D",)
    rank = 3


@dataclass(frozen=True)
class GlobalAveragePooling(GlobalPooling):
    """GlobalAveragePooling2D and GlobalAveragePooling3D; that over steps follows a mask."""

    pools = "mean"

    @property
    def stretched(self) -> tuple[slice | None, ...]:
        """The index that gives a number for each channel the axes that were pooled, one long."""
        return (slice(None), *(None,) * self.rank, slice(None))

    def forward(self, x: Array) -> Array:
        return total(x, self.between, self.keepdims) * (1 / math.prod(x.shape[1:-1]))

    def backward(self, dy: Array, x: Array) -> Array:
        gradient = dy if self.keepdims else dy[self.stretched]
        return np.broadcast_to(gradient * (1 / math.prod(x.shape[1:-1])), x.shape)


@component
class GlobalAveragePooling1D(GlobalPooling):
    """The mean of each channel: (steps, channels) to (channels,), or to (1, channels) with `keepdims`.

    Steps that the mask leaves out do not count.  Source: `global_average_pooling1d.py`.

    Formula: y = mean x[t] over all t
    Example: GlobalAveragePooling1D()(Input("steps", 16))
    """

    aliases = ("GlobalAvgPool1D",)
    rank = 1
    pools = "mean"
    supports_masking = True

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        return None

    def forward(self, x: Array, mask: Array | None) -> Array:
        if mask is None:
            return total(x, (1,), self.keepdims) * (1 / x.shape[1])
        shares = shares_of_steps(mask, x)
        means = np.matmul(shares[:, None, :], x)
        return means if self.keepdims else means[:, 0]

    def backward(self, dy: Array, x: Array, mask: Array | None, shares: Array) -> Array:
        gradient = dy if self.keepdims else dy[:, None, :]
        if mask is None:
            return np.broadcast_to(gradient * (1 / x.shape[1]), x.shape)
        return gradient * shares[:, :, None]


@component
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel: (height, width, channels) to (channels,), or (1, 1, channels) with `keepdims`.

    Source: `global_average_pooling2d.py`.

    Formula: y = mean x[r, c] over all r, c
    Example: GlobalAveragePooling2D()(Input(28, 28, 16))
    """

    aliases = ("GlobalAvgPool2D",)
    rank = 2


@component
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of each channel: (depth, height, width, channels) to (channels,), or (1, 1, 1, channels).

    Source: `global_average_pooling3d.py`.

    Formula: y = mean x[p, r, c] over all p, r, c
    Example: GlobalAveragePooling3D()(Input(16, 28, 28, 8))
    """

    aliases = ("GlobalAvgPool3D",)
    rank = 3
