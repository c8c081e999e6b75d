"""Convolution as matrix products, for any number of axes.

Arrays are (batch, *sizes, channels) and (batch, *positions, filters); kernels are (*window, channels / groups,
filters), as in Keras.  The kernels copy windows into the rows of a matrix, but never all at once: about 1 MB at a
time stay in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from gen.components.kernels import Array, cuts, float32, kernel
from gen.components.layers.windows import positions, shifts, unit_steps, zeros_around
from gen.dims import Shape
from gen.dtypes import FLOAT


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


TILE = 1 << 20
"""The bytes of a matrix of windows, as in `column_tiles`."""


def room_for_tiles(x: Any, window: Any, found: Any, zeros: Any) -> int:
    """The bytes of a tile of `column_tiles`, and of the padded rows that it comes from; `found` are the positions."""
    around = [(max(0, before), max(0, after)) for before, after in zeros]
    padded, narrow = any(map(any, around)), window[-1] * x[-1] < 10
    if math.prod(window) == 1 and found == x[1:-1] and not padded:
        return 0
    size = float32((*window, x[-1]))
    limit, line = max(TILE, 512 * size), math.prod(found[1:]) * size
    rows = min(x[0], max(1, limit // max(1, found[0] * line)))
    widened = (length + sum(pair) for length, pair in zip(x[1:-1], around, strict=True))
    tile: int = rows * min(found[0], max(1, limit // max(1, line))) * line
    return tile + (float32((rows, *widened, x[-1])) if padded or narrow else 0)


def room_to_correlate(
    x: Any, kernel: Any, padding: Any = "valid", strides: Any = None, dilation: Any = None, *_: Any, **__: Any
) -> int:
    """The bytes that `correlate` needs: its tiles."""
    window = kernel[:-2]
    strides, dilation = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(x[1:-1], window, strides, dilation, padding)
    return room_for_tiles(x, window, positions(x[1:-1], window, strides, dilation, padding), zeros)


def room_for_kernel_gradient(dy: Any, x: Any, kernel: Any, *options: Any, **named: Any) -> int:
    """The bytes that `correlate_kernel_gradient` needs: its tiles, and the products of one of them and of a block."""
    numbers = math.prod(kernel[:-2]) * x[-1]
    limit, row = max(TILE, 512 * float32((numbers,))), math.prod(dy[1:-1])
    rows = max(1, limit // float32((row, numbers)))
    windows = min(math.prod(dy[:-1]), rows * row, max(row, limit // float32((numbers,))))
    block = 1_000_000 // (numbers * kernel[-1])
    several = windows < math.prod(dy[:-1])
    products: int = windows // block + 1 if 128 <= block < windows else 1 + several
    return room_to_correlate(x, kernel, *options, **named) + products * float32(kernel)


def room_for_input_gradient(
    dy: Any, shape: Any, kernel: Any, padding: Any = "valid", strides: Any = None, dilation: Any = None, groups: int = 1
) -> int:
    """The bytes that `correlate_input_gradient` needs."""
    window, channels = kernel[:-2], shape[-1]
    if math.prod(dy[:-1]) <= dy[-1] // groups // 2 or (channels // groups <= 4 and channels < dy[-1]):
        products = math.prod(window) * math.prod(dy[1:-1]) * channels
        rows: int = min(dy[0], max(1, TILE // (FLOAT * products)))
        several = int(rows < dy[0])  # NumPy frees the old products after it has made the new ones
        return rows * float32(((2 + several) * products,), shape[1:])
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(shape[1:-1], window, steps, rates, padding)
    most = 0
    for places, inside, around in phases(shape[1:-1], dy[1:-1], window, steps, rates, zeros):
        taps = [len(range(*part.indices(width))) for part, width in zip(places, window, strict=True)]
        found = tuple(len(range(*part.indices(size))) for part, size in zip(inside, shape[1:-1], strict=True))
        line = float32((*found, *taps, dy[-1]))
        rows = min(dy[0], max(1, TILE // max(1, line))) if max(steps) > 1 else 0
        results = (1 + (rows < dy[0])) * float32((rows, *found, channels))
        tile = room_for_tiles(dy, taps, found, around) + results
        most = max(most, tile + float32((*taps, *kernel[-2:])))
    return most


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
    """The windows of `x` as rows of matrices, about 1 MB at a time, with their rows and positions.

    A matrix is (groups, windows, window · channels / groups).
    """
    channels, sizes = x.shape[-1] // groups, x.shape[1:-1]
    around = [(max(0, before), max(0, after)) for before, after in zeros]
    padded = any(map(any, around))
    whole = math.prod(window) == 1 and positions == sizes and not padded
    # Shorter runs of numbers than this are slow to copy: the matrix is made column by column.
    narrow = not whole and window[-1] * x.shape[-1] < 10
    numbers = math.prod(window) * channels
    each = groups * numbers * x.itemsize
    line = math.prod(positions[1:]) * each
    limit = max(1 << 20, 512 * each)  # bytes of a matrix: so much stays in the cache
    most = min(len(x), max(1, limit // max(1, positions[0] * line)))
    room = 0 if whole else most * min(positions[0], max(1, limit // max(1, line))) * line
    scratch, source = np.empty(room // x.itemsize, x.dtype), x
    if padded or narrow:
        pairs = list(zip(sizes, around, strict=True))
        spans = [before + size + after for size, (before, after) in pairs]
        if narrow:
            source = np.moveaxis(np.zeros((x.shape[-1], most, *spans), x.dtype), 0, -1)
        else:
            source = np.zeros((most, *spans, x.shape[-1]), x.dtype)
        middle = (slice(before, before + size) for size, (before, _) in pairs)
        inside = source[(slice(None), *middle)]
    first, *between, last = source.strides
    steps = [size * stride for size, stride in zip(between, strides, strict=True)]
    within = [size * rate for size, rate in zip(between, dilation, strict=True)]
    shape = (groups, len(source), *positions, *window, channels)
    pace = (channels * last, first, *steps, *within, last)
    view = np.lib.stride_tricks.as_strided(source, shape, pace, writeable=False)
    for rows in cuts(len(x), positions[0] * line, limit):
        part = view[:, rows]
        if padded or narrow:
            count = rows.stop - rows.start
            np.copyto(inside[:count], x[rows])
            part = view[:, :count]
        for lines in cuts(positions[0], part.shape[1] * line, limit):
            columns = part[:, :, lines]
            if whole:
                yield (rows, lines), columns.reshape(groups, -1, numbers)
                continue
            matrix = scratch[: columns.size].reshape(groups, -1, numbers)
            if narrow:
                matrix = matrix.reshape(groups, numbers, -1).swapaxes(1, 2)
            np.copyto(matrix.reshape(columns.shape), columns)
            yield (rows, lines), matrix


@kernel()
def row_blocks(count: int, each: int) -> Iterator[tuple[slice, int]]:
    """`count` rows of a product, and how many of them to multiply at a time.

    A row takes `each` multiplications.  BLAS multiplies small matrices as they are.  It copies
    larger ones first, which takes long where there are few multiplications.
    """
    size = 1_000_000 // each  # so many multiplications are few to OpenBLAS
    if not 128 <= size < count:
        size = max(1, count)
    whole = count // size * size
    if whole:
        yield slice(0, whole), size
    if whole < count:
        yield slice(whole, count), count - whole


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
        place = out[part]
        whole = place if place.flags.c_contiguous else np.empty(place.shape, place.dtype)
        rows = whole.reshape(-1, groups, filters // groups).swapaxes(0, 1)
        for some, size in row_blocks(columns.shape[1], kernel.size // groups):
            parts = columns[:, some].reshape(groups, -1, size, columns.shape[2])
            np.matmul(parts, matrices[:, None], out=rows[:, some].reshape(groups, -1, size, filters // groups))
        if whole is not place:
            place[...] = whole
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
        for some, size in row_blocks(columns.shape[1], kernel.size // groups):
            parts = columns[:, some].reshape(groups, -1, size, columns.shape[2]).swapaxes(2, 3)
            products = np.matmul(parts, rows[:, some].reshape(groups, -1, size, filters // groups))
            for product in products.swapaxes(0, 1):
                total += product
    return out


@kernel()
def phases(
    sizes: tuple[int, ...],
    found: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    zeros: tuple[tuple[int, int], ...],
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], tuple[tuple[int, int], ...]]]:
    """The parts of an input of these sizes that meet the same places of the windows at `found`.

    Each has these places, the part, and the zeros around a gradient of the windows: with them, its
    correlation with the places of the kernel, turned, is the gradient of the part.
    """
    for phase in np.ndindex(*map(min, window, strides)):
        places, inside, around = [], [], []
        for axis, start in enumerate(phase):
            stride, offset = strides[axis], start - zeros[axis][0]
            first = max(0, -(offset // stride))  # the last window that the first input meets
            part = slice(first * stride + offset, sizes[axis], stride)
            count = len(range(*part.indices(sizes[axis])))
            reach = (window[axis] - start - 1) // stride * dilation[axis]
            places.append(slice(start, None, stride))
            inside.append(part)
            around.append((reach - first, count + first - found[axis]))
        yield tuple(places), tuple(inside), tuple(around)


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

    It is a correlation of `dy` with the turned kernel; with strides, one for each of the `phases`.
    """
    if out is None:
        out = np.empty(shape, dy.dtype)
    window, channels, filters = kernel.shape[:-2], shape[-1] // groups, kernel.shape[-1] // groups
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(shape[1:-1], window, steps, rates, padding)
    few = math.prod(dy.shape[:-1]) <= filters // 2  # windows: turning the kernel would not pay
    if few or (channels <= 4 and channels < filters):
        return add_planes(dy, kernel, steps, rates, zeros, out, groups=groups)
    if any(step > width for step, width in zip(steps, window, strict=True)):
        out.fill(0.0)
    for places, inside, around in phases(shape[1:-1], dy.shape[1:-1], window, steps, rates, zeros):
        part = np.flip(kernel[places], tuple(range(len(window))))
        by_group = part.reshape(*part.shape[:-2], channels, groups, filters)
        turned = by_group.swapaxes(-3, -1).reshape(*part.shape[:-2], filters, groups * channels)
        given = dy[(slice(None), *(slice(max(0, -before), None) for before, _ in around))]
        correlate(given, turned, around, dilation=dilation, groups=groups, out=out[(slice(None), *inside)])
    return out


@kernel()
def add_planes(
    dy: Array,
    kernel: Array,
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    zeros: tuple[tuple[int, int], ...],
    out: Array,
    groups: int = 1,
) -> Array:
    """`correlate_input_gradient` for few channels or windows: add `dy` times each place of the kernel.

    A turned kernel would have few columns, which BLAS multiplies slowly.  The products are planes,
    one for each channel and place, because it takes long to add a few numbers at a time.
    """
    window, filters = kernel.shape[:-2], kernel.shape[-1] // groups
    count, channels = math.prod(window), out.shape[-1] // groups
    by_group = kernel.reshape(count, channels, groups, filters).transpose(2, 0, 1, 3)
    matrices = by_group.reshape(groups, -1, filters).swapaxes(1, 2)
    line = count * out.shape[-1] * math.prod(dy.shape[1:-1]) * dy.itemsize
    for rows in cuts(len(dy), line, 1 << 20):
        given, taken = dy[rows], out[rows]
        products = np.matmul(given.reshape(-1, groups, filters).swapaxes(0, 1), matrices)
        planes = np.ascontiguousarray(products.swapaxes(1, 2))
        planes = planes.reshape(groups, count, channels, *given.shape[:-1]).swapaxes(0, 1)
        sums = np.zeros((groups, channels, *taken.shape[:-1]), dy.dtype)
        moves = shifts(taken, given, window, strides, dilation, zeros)
        for plane, (_, inside, outside) in zip(planes, moves, strict=True):
            part = (slice(None), slice(None), *inside)
            sums[part] += plane[(slice(None), slice(None), *outside)]
        taken.reshape(*taken.shape[:-1], groups, channels)[...] = np.moveaxis(sums, (0, 1), (-2, -1))
    return out


# ---------------------------------------------------------------------------------------------- each channel by itself


def rows_at_a_time(x: Any) -> int:
    """The rows of the batch that the kernels below work on at a time, of arrays of this shape."""
    return min(int(x[0]), max(1, (1 << 19) // float32(x[1:])))


def room_for_depthwise(y: Any) -> int:
    """The bytes of the products that `depthwise` adds at a time to its result."""
    return rows_at_a_time(y) * float32(y[1:])


@kernel(
    deepened,
    room=lambda x, kernel, *options, **named: room_for_depthwise(deepened(x, kernel, *options, **named)),
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
    limit = 1 << 19  # bytes of the result: so many stay in the cache
    for rows in cuts(len(x), math.prod(out.shape[1:]) * out.itemsize, limit):
        part, taken = x[rows], out[rows]
        taken.fill(0.0)
        deep = taken.reshape(*taken.shape[:-1], channels, multiplier)
        for place, inside, outside in shifts(part, taken, window, steps, rates, zeros):
            deep[outside] += part[inside][..., None] * kernel[place]
    return out


@kernel(
    lambda dy, x, kernel, *_, **__: kernel,
    room=lambda dy, x, *_, **__: rows_at_a_time(x) * float32((*dy[1:-1], x[-1]), dy[1:], dy[1:]),
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
    limit = 1 << 19  # bytes of `x`: so many stay in the cache
    for rows in cuts(len(x), math.prod(x.shape[1:]) * x.itemsize, limit):
        part, given = x[rows], dy[rows]
        deep = given.reshape(*given.shape[:-1], *kernel.shape[-2:])
        for place, inside, outside in shifts(part, given, window, steps, rates, zeros):
            inputs = part[inside].reshape(-1, x.shape[-1])
            gradients = deep[outside].reshape(len(inputs), *kernel.shape[-2:])
            out[place] += np.einsum("rc,rcm->cm", inputs, gradients)
    return out


@kernel(
    lambda dy, shape, *_, **__: shape,
    room=lambda dy, shape, *_, **__: rows_at_a_time(shape) * float32((*dy[1:-1], shape[-1])),
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
    window = kernel.shape[:-2]
    steps, rates = strides or unit_steps(window), dilation or unit_steps(window)
    zeros = zeros_around(shape[1:-1], window, steps, rates, padding)
    limit = 1 << 19  # bytes of the result: so many stay in the cache
    for rows in cuts(len(dy), math.prod(shape[1:]) * dy.itemsize, limit):
        part, given = out[rows], dy[rows]
        part.fill(0.0)
        deep = given.reshape(*given.shape[:-1], *kernel.shape[-2:])
        for place, inside, outside in shifts(part, given, window, steps, rates, zeros):
            part[inside] += np.einsum("...cm,cm->...c", deep[outside], kernel[place])
    return out
