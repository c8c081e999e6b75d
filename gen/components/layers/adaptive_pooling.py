"""Pooling to a size that is said, with windows that follow from it.  Source: `keras/src/layers/pooling`.

Each is written once, for any number of axes; a class for one, two or three is its rank, its docstring and an example.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gen.components.base import component
from gen.components.kernels import Array, float32, kernel
from gen.components.layers.windows import Format, Numbers, Ranked, check_rank, each
from gen.dims import Shape


@kernel()
def adaptive_windows(size: int, wanted: int) -> list[slice]:
    """The windows along an axis, which overlap where `wanted` does not divide `size`."""
    return [slice(i * size // wanted, -(-(i + 1) * size // wanted)) for i in range(wanted)]


@kernel()
def window_shares(size: int, wanted: int) -> Array:
    """What each place along an axis counts in the mean of each window, (wanted, size)."""
    shares = np.zeros((wanted, size))
    for i, window in enumerate(adaptive_windows(size, wanted)):
        shares[i, window] = 1.0 / (window.stop - window.start)
    return shares


def adapted(x: Any, sizes: tuple[int, ...]) -> Any:
    """The shape of the result of a pooling to these sizes."""
    return (x[0], *sizes, x[-1])


@kernel(
    adapted,
    room=lambda x, sizes: 2 * float32(x),
    operations=lambda x, sizes: 2 * math.prod(x) * max(sizes),
    by_row=True,
)
def adaptive_means(x: Array, sizes: tuple[int, ...], out: Array | None = None) -> Array:
    """The mean of each window: (batch, *axes, channels) to (batch, *sizes, channels)."""
    if out is None:
        out = np.empty((len(x), *sizes, x.shape[-1]), x.dtype)
    means = x
    for axis, size in enumerate(sizes, start=1):
        shares = window_shares(x.shape[axis], size).astype(x.dtype)
        before = (len(x), *sizes[: axis - 1])
        means = np.matmul(shares, means.reshape(math.prod(before), x.shape[axis], -1))
    out[...] = means.reshape(out.shape)
    return out


@kernel(
    lambda dy, x: x,
    room=lambda dy, x: 2 * float32(x),
    operations=lambda dy, x: 2 * math.prod(x) * max(dy[1:-1]),
    by_row=True,
)
def adaptive_means_gradient(dy: Array, x: Array, out: Array | None = None) -> Array:
    """The gradient of `adaptive_means(x, …)`."""
    if out is None:
        out = np.empty_like(x)
    gradient = dy
    for axis in range(1, x.ndim - 1):
        shares = window_shares(x.shape[axis], dy.shape[axis]).astype(dy.dtype)
        gradient = np.matmul(shares.T, gradient.reshape(math.prod(x.shape[:axis]), dy.shape[axis], -1))
    out[...] = gradient.reshape(x.shape)
    return out


@kernel(adapted, operations=lambda x, sizes: 2 ** len(sizes) * math.prod(x), by_row=True)
def adaptive_maxima(x: Array, sizes: tuple[int, ...], out: Array | None = None) -> Array:
    """The maximum of each window: (batch, *axes, channels) to (batch, *sizes, channels)."""
    if out is None:
        out = np.empty((len(x), *sizes, x.shape[-1]), x.dtype)
    windows = [adaptive_windows(x.shape[axis], size) for axis, size in enumerate(sizes, start=1)]
    axes = tuple(range(1, len(sizes) + 1))
    for place in np.ndindex(*sizes):
        part = x[(slice(None), *(windows[axis][i] for axis, i in enumerate(place)))]
        out[(slice(None), *place)] = np.maximum.reduce(part, axis=axes)
    return out


@kernel(lambda dy, x, y: x, operations=lambda dy, x, y: 2 * 2 ** (len(x) - 2) * math.prod(x), by_row=True)
def adaptive_maxima_gradient(dy: Array, x: Array, y: Array, out: Array | None = None) -> Array:
    """The gradient of `adaptive_maxima(x, …)`, which is `y`: it goes to the first maximum of each window."""
    if out is None:
        out = np.empty_like(x)
    out.fill(0.0)
    sizes = y.shape[1:-1]
    windows = [adaptive_windows(x.shape[axis], size) for axis, size in enumerate(sizes, start=1)]
    rows, channels = np.arange(len(x))[:, None], np.arange(x.shape[-1])
    for place in np.ndindex(*sizes):
        inside = (slice(None), *(windows[axis][i] for axis, i in enumerate(place)))
        part = x[inside]
        first = part.reshape(len(x), -1, x.shape[-1]).argmax(axis=1)
        at = np.unravel_index(first, part.shape[1:-1])
        out[inside][(rows, *at, channels)] += dy[(slice(None), *place)]
    return out


@dataclass(frozen=True)
class AdaptivePooling(Ranked):
    """What adaptive poolings have in common."""

    output_size: Numbers
    data_format: Format = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the result along each axis."""
        return each(self.output_size, self.rank)

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        return (x[0], *self.sizes, x[-1])

    def needs(self, *inputs: Shape) -> Any:
        return inputs[0][1:-1]


@dataclass(frozen=True)
class AdaptiveAveragePooling(AdaptivePooling):
    """AdaptiveAveragePooling1D, AdaptiveAveragePooling2D and AdaptiveAveragePooling3D."""

    def forward(self, x: Array) -> Array:
        return adaptive_means(x, self.sizes)

    def backward(self, dy: Array, x: Array) -> Array:
        return adaptive_means_gradient(dy, x)


@dataclass(frozen=True)
class AdaptiveMaxPooling(AdaptivePooling):
    """AdaptiveMaxPooling1D, AdaptiveMaxPooling2D and AdaptiveMaxPooling3D."""

    def forward(self, x: Array) -> Array:
        return adaptive_maxima(x, self.sizes)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return adaptive_maxima_gradient(dy, x, y)


@component
class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows: (steps, channels) to (output_size, channels).

    A window begins at i · n // output_size and ends before the least whole number from (i + 1) · n / output_size on.
    Source: `adaptive_average_pooling1d.py`.

    Formula: y[t] = mean(x in the window of t)
    Example: AdaptiveAveragePooling1D(8)(Input(100, 16))
    """

    rank = 1


@component
class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows along each axis.

    (height, width, channels) to (*output_size, channels).

    A window begins at i · n // output_size and ends before the least whole number from (i + 1) · n / output_size on.
    Source: `adaptive_average_pooling2d.py`.

    Formula: y[r, c] = mean(x in the window of r, c)
    Example: AdaptiveAveragePooling2D((4, 6))(Input(28, 28, 16))
    """

    rank = 2


@component
class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    """The mean of each of `output_size` windows along each axis.

    (depth, height, width, channels) to (*output_size, channels).

    A window begins at i · n // output_size and ends before the least whole number from (i + 1) · n / output_size on.
    Source: `adaptive_average_pooling3d.py`.

    Formula: y[p, r, c] = mean(x in the window of p, r, c)
    Example: AdaptiveAveragePooling3D(2)(Input(8, 14, 14, 8))
    """

    rank = 3


@component
class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    """The maximum of each of `output_size` windows: (steps, channels) to (output_size, channels).

    A window begins at i · n // output_size and ends before the least whole number from (i + 1) · n / output_size on.
    Source: `adaptive_max_pooling1d.py`.

    Formula: y[t] = max(x in the window of t)
    Example: AdaptiveMaxPooling1D(8)(Input(100, 16))
    """

    rank = 1


@component
class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    """The maximum of each of `output_size` windows along each axis.

    (height, width, channels) to (*output_size, channels).

    A window begins at i · n // output_size and ends before the least whole number from (i + 1) · n / output_size on.
    Source: `adaptive_max_pooling2d.py`.

    Formula: y[r, c] = max(x in the window of r, c)
    Example: AdaptiveMaxPooling2D((4, 6))(Input(28, 28, 16))
    """

    rank = 2


@component
class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    """The maximum of each of `output_size` windows along each axis.

    (depth, height, width, channels) to (*output_size, channels).

    A window begins at i · n // output_size and ends before the least whole number from (i + 1) · n / output_size on.
    Source: `adaptive_max_pooling3d.py`.

    Formula: y[p, r, c] = max(x in the window of p, r, c)
    Example: AdaptiveMaxPooling3D(2)(Input(8, 14, 14, 8))
    """

    rank = 3
