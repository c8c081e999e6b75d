"""Convolution as matrix products, for any number of axes.

Arrays are (batch, *sizes, channels) and (batch, *positions, filters); kernels are (*window, channels / groups,
filters), as in Keras.  The kernels copy windows into the rows of a matrix, but never all at once: about 2 MB at a time
stay in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from gen.components.kernels import Array, float32, kernel
from gen.components.layers.windows import cuts, positions, shifts, unit_steps, zeros_around
from gen.dims import Shape


def correlated(
    x: Shape, kernel: Any, padding: Any = "valid", strides: Any = None, dilation: Any = None, *_: Any, **__: Any
) -> Shape:
    """The shape of the result of `correlate`."""
    window = tuple(int(size) for size in kernel[:-2])
    found = positions(x[1:-1], window, strides or unit_steps(window), dilation or unit_steps(window), padding)
    return (x[0], *found, kernel[-1])


def deepened(x: Shape, kernel: Any, *options: Any, **named: Any) -> Shape:
    """The shape of the result of `depthwise`."""
    return (*correlated(x, kernel, *options, **named)[:-1], kernel[-2] * kernel[-1])


TILE = 1 << 21
"""The bytes of a matrix of windows, as in `column_tiles`."""


def room_for_tiles(x: Any, kernel: Any, out: Any, widened: Any) -> int:
    """The bytes of a tile of `column_tiles`, and of the padded rows that it comes from, if there is padding.

    `out` is the shape of the convolution's result, `widened` the shape of `x` with the zeros.
    """
    window, strided = math.prod(kernel[:-2]), math.prod(x[1:-1]) != math.prod(out[1:-1])
    if window == 1 and not strided:
        return 0
    line = float32((*out[2:-1], window, x[-1]))
    rows = max(1, TILE // max(1, out[1] * line))
    around = float32((min(rows, x[0]), *widened[1:])) if widened != x else 0
    whole: int = x[0] * out[1] * line
    return min(whole, max(TILE, line)) + around


def room_to_correlate(
    x: Any, kernel: Any, padding: Any = "valid", strides: Any = None, dilation: Any = None, *_: Any, **__: Any
) -> int:
    """The bytes that `correlate` needs: its tiles."""
    window = kernel[:-2]
    strides, dilation = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(x[1:-1], window, strides, dilation, padding)
    widened = (x[0], *(size + sum(around) for size, around in zip(x[1:-1], zeros, strict=True)), x[-1])
    out = correlated(x, kernel, padding, strides, dilation)
    return room_for_tiles(x, kernel, out, widened)


def room_for_kernel_gradient(dy: Any, x: Any, kernel: Any, *options: Any, **named: Any) -> int:
    """The bytes that `correlate_kernel_gradient` needs: its tiles, and the product of one of them."""
    return room_to_correlate(x, kernel, *options, **named) + float32(kernel)


def room_for_input_gradient(
    dy: Any, shape: Any, kernel: Any, padding: Any = "valid", strides: Any = None, dilation: Any = None, groups: int = 1
) -> int:
    """The bytes that `correlate_input_gradient` needs: the turned kernel and tiles, or the products of some rows."""
    window, count = kernel[:-2], math.prod(kernel[:-2])
    if max(strides or unit_steps(window)) > 1 or (count > 1 and dy[-1] >= shape[-1]):
        limit, line = 1 << 20, math.prod(dy[1:-1]) * shape[-1]
        rows = min(dy[0], max(1, limit // (count * line)))
        places = min(count, max(1, limit // (rows * line)))
        several = bool(rows < dy[0] or places < count)  # NumPy frees the old products after it has made the new ones
        return (1 + several) * float32((rows, line, places)) + float32(kernel)
    turned = (*window, dy[-1], shape[-1])
    rates = dilation or unit_steps(window)
    spans = zip(shape[1:-1], window, rates, strict=True)
    widened = (dy[0], *(size + (width - 1) * rate for size, width, rate in spans), dy[-1])
    return room_for_tiles(dy, turned, shape, widened) + float32(kernel)


@kernel()
def column_tiles(
    x: Array,
    window: tuple[int, ...],
    positions: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    zeros: tuple[tuple[int, int], ...],
    groups: int = 1,
) -> Iterator[tuple[tuple[slice, slice], Array]]:
    """The windows of `x` as rows of matrices, about 2 MB at a time, with their rows and positions.

    A matrix is (groups, windows, window · channels / groups).
    """
    limit = 1 << 21  # bytes of a matrix: so much stays in the cache
    channels = x.shape[-1]
    padded = any(before > 0 or after > 0 for before, after in zeros)
    whole = math.prod(window) == math.prod(strides) == 1 and not padded
    line = math.prod(positions[1:]) * math.prod(window) * channels * x.itemsize
    room = 0 if whole else min(len(x) * positions[0] * line, max(limit, line))
    scratch = np.empty(room // x.itemsize, x.dtype)
    for rows in cuts(len(x), positions[0] * line, limit):
        part = x[rows]
        if padded:
            around = [(max(0, before), max(0, after)) for before, after in zeros]
            part = np.pad(part, [(0, 0), *around, (0, 0)])
        first, *between, last = part.strides
        shape = (len(part), *positions, *window, groups, channels // groups)
        steps = [size * stride for size, stride in zip(between, strides, strict=True)]
        within = [size * rate for size, rate in zip(between, dilation, strict=True)]
        pace = (first, *steps, *within, channels // groups * last, last)
        view = np.lib.stride_tricks.as_strided(part, shape, pace, writeable=False)
        for lines in cuts(positions[0], len(part) * line, limit):
            columns = np.moveaxis(view[:, lines], -2, 0)
            if not whole:
                tile = scratch[: columns.size].reshape(columns.shape)
                np.copyto(tile, columns)
                columns = tile
            yield (rows, lines), columns.reshape(groups, -1, math.prod(window) * channels // groups)


@kernel(
    correlated,
    room=room_to_correlate,
    operations=lambda x, kernel, *options, **named: (
        2 * math.prod(correlated(x, kernel, *options, **named)) * math.prod(kernel[:-1])
    ),
    by_row=True,
)
def correlate(
    x: Array,
    kernel: Array,
    padding: str | tuple[tuple[int, int], ...] = "valid",
    strides: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    groups: int = 1,
    out: Array | None = None,
) -> Array:
    """A convolution: y[p] = Σ x[p · strides + k · dilation] @ kernel[k], over k in the window.

    `x` is (batch, *sizes, channels), `kernel` (*window, channels / groups, filters), y (batch,
    *positions, filters).
    """
    window, filters = kernel.shape[:-2], kernel.shape[-1]
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(x.shape[1:-1], window, steps, rates, padding)
    if out is None:
        spans = zip(x.shape[1:-1], window, steps, rates, zeros, strict=True)
        counts = [(size + sum(pair) - (width - 1) * rate - 1) // step + 1 for size, width, step, rate, pair in spans]
        out = np.empty((len(x), *counts, filters), x.dtype)
    matrices = kernel.reshape(-1, groups, filters // groups).swapaxes(0, 1)
    for part, columns in column_tiles(x, window, out.shape[1:-1], steps, rates, zeros, groups=groups):
        np.matmul(columns, matrices, out=out[part].reshape(-1, groups, filters // groups).swapaxes(0, 1))
    return out


@kernel(
    lambda dy, x, kernel, *_, **__: kernel,
    room=room_for_kernel_gradient,
    operations=lambda dy, x, kernel, *_, **__: 2 * math.prod(dy) * math.prod(kernel[:-1]),
    by_row=True,
)
def correlate_kernel_gradient(
    dy: Array,
    x: Array,
    kernel: Array,
    padding: str | tuple[tuple[int, int], ...] = "valid",
    strides: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    groups: int = 1,
    out: Array | None = None,
) -> Array:
    """The gradient of `correlate` with respect to its kernel: the windows of `x` times `dy`."""
    if out is None:
        out = np.empty(kernel.shape, kernel.dtype)
    out.fill(0.0)
    window, filters = kernel.shape[:-2], kernel.shape[-1]
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(x.shape[1:-1], window, steps, rates, padding)
    total = out.reshape(-1, groups, filters // groups).swapaxes(0, 1)
    for part, columns in column_tiles(x, window, dy.shape[1:-1], steps, rates, zeros, groups=groups):
        rows = dy[part].reshape(-1, groups, filters // groups).swapaxes(0, 1)
        total += np.matmul(columns.swapaxes(1, 2), rows)
    return out


@kernel(
    lambda dy, shape, *_, **__: shape,
    room=room_for_input_gradient,
    operations=lambda dy, shape, kernel, *_, **__: 2 * math.prod(dy) * math.prod(kernel[:-1]),
    by_row=True,
)
def correlate_input_gradient(
    dy: Array,
    shape: tuple[int, ...],
    kernel: Array,
    padding: str | tuple[tuple[int, int], ...] = "valid",
    strides: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    groups: int = 1,
    out: Array | None = None,
) -> Array:
    """The gradient of `correlate` with respect to its input, an array of the shape `shape`.

    It multiplies each number of `dy` by the kernel and adds the product where the window was.  With
    strides of 1, this is also a correlation of `dy` with the turned kernel, which moves fewer
    numbers if there are fewer filters than channels.
    """
    if out is None:
        out = np.empty(shape, dy.dtype)
    window, channels, filters = kernel.shape[:-2], shape[-1] // groups, kernel.shape[-1] // groups
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(shape[1:-1], window, steps, rates, padding)
    count = math.prod(window)
    by_group = kernel.reshape(count, channels, groups, filters).transpose(2, 0, 1, 3)
    spans = zip(window, rates, zeros, strict=True)
    around = tuple(((k - 1) * rate - before, (k - 1) * rate - after) for k, rate, (before, after) in spans)
    if max(steps) == 1 and min(map(min, around)) >= 0 and (count == 1 or filters < channels):
        turned = by_group[:, ::-1].transpose(1, 3, 0, 2).reshape(*window, filters, groups * channels)
        return correlate(dy, turned, around, dilation=dilation, groups=groups, out=out)
    limit = 1 << 20  # numbers of the products that are there at once
    line = math.prod(dy.shape[1:-1]) * groups * channels
    for rows in cuts(len(dy), count * line, limit):
        given, taken = dy[rows], out[rows]
        taken.fill(0.0)
        sums = taken.reshape(*taken.shape[:-1], groups, channels)
        moves = list(shifts(taken, given, window, steps, rates, zeros))
        # all places at once, unless a single row of the batch is large
        for places in cuts(count, len(given) * line, limit):
            matrices = by_group[:, places].reshape(groups, -1, filters).swapaxes(1, 2)
            products = np.empty((*given.shape[:-1], groups, matrices.shape[2]), dy.dtype)
            matrix = products.reshape(-1, *products.shape[-2:]).swapaxes(0, 1)
            np.matmul(given.reshape(-1, groups, filters).swapaxes(0, 1), matrices, out=matrix)
            by_place = products.reshape(*products.shape[:-1], -1, channels)
            for place, (_, inside, outside) in enumerate(moves[places]):
                sums[inside] += by_place[outside][..., place, :]
    return out


# ---------------------------------------------------------------------------------------------- each channel by itself


@kernel(
    deepened,
    room=lambda x, kernel, *options, **named: float32(deepened(x, kernel, *options, **named)),
    operations=lambda x, kernel, *options, **named: (
        2 * math.prod(deepened(x, kernel, *options, **named)) * math.prod(kernel[:-2])
    ),
    by_row=True,
)
def depthwise(
    x: Array,
    kernel: Array,
    padding: str | tuple[tuple[int, int], ...] = "valid",
    strides: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """A convolution of each channel separately; `kernel` is (*window, channels, multiplier).

    `x` is (batch, *sizes, channels); the result is (batch, *positions, channels · multiplier).
    """
    window, (channels, multiplier) = kernel.shape[:-2], kernel.shape[-2:]
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(x.shape[1:-1], window, steps, rates, padding)
    if out is None:
        spans = zip(x.shape[1:-1], window, steps, rates, zeros, strict=True)
        counts = [(size + sum(pair) - (width - 1) * rate - 1) // step + 1 for size, width, step, rate, pair in spans]
        out = np.empty((len(x), *counts, channels * multiplier), x.dtype)
    out.fill(0.0)
    deep = out.reshape(*out.shape[:-1], channels, multiplier)
    for place, inside, outside in shifts(x, out, window, steps, rates, zeros):
        deep[outside] += x[inside][..., None] * kernel[place]
    return out


@kernel(
    lambda dy, x, kernel, *_, **__: kernel,
    room=lambda dy, x, *_, **__: float32((*dy[:-1], x[-1])),
    operations=lambda dy, x, kernel, *_, **__: 2 * math.prod(dy) * math.prod(kernel[:-2]),
    by_row=True,
)
def depthwise_kernel_gradient(
    dy: Array,
    x: Array,
    kernel: Array,
    padding: str | tuple[tuple[int, int], ...] = "valid",
    strides: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `depthwise` with respect to its kernel."""
    if out is None:
        out = np.empty(kernel.shape, kernel.dtype)
    out.fill(0.0)
    window = kernel.shape[:-2]
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(x.shape[1:-1], window, steps, rates, padding)
    deep = dy.reshape(*dy.shape[:-1], *kernel.shape[-2:])
    for place, inside, outside in shifts(x, dy, window, steps, rates, zeros):
        rows = x[inside].reshape(-1, x.shape[-1])
        np.einsum("rc,rcm->cm", rows, deep[outside].reshape(len(rows), *kernel.shape[-2:]), out=out[place])
    return out


@kernel(
    lambda dy, shape, *_, **__: shape,
    room=lambda dy, *_, **__: float32(dy),
    operations=lambda dy, shape, kernel, *_, **__: 2 * math.prod(dy) * math.prod(kernel[:-2]),
    by_row=True,
)
def depthwise_input_gradient(
    dy: Array,
    shape: tuple[int, ...],
    kernel: Array,
    padding: str | tuple[tuple[int, int], ...] = "valid",
    strides: tuple[int, ...] | None = None,
    dilation: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of `depthwise` with respect to its input, which has this shape."""
    if out is None:
        out = np.empty(shape, dy.dtype)
    out.fill(0.0)
    window = kernel.shape[:-2]
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(shape[1:-1], window, steps, rates, padding)
    deep = dy.reshape(*dy.shape[:-1], *kernel.shape[-2:])
    for place, inside, outside in shifts(out, dy, window, steps, rates, zeros):
        out[inside] += np.einsum("...cm,cm->...c", deep[outside], kernel[place])
    return out
