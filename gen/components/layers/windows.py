"""Windows that slide over the axes between the batch and the channels, shared by convolution and pooling.

Everything here works for any number of axes: `window`, `strides`, and `dilation` have a number for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gen.components.base import ArgumentError, Layer, ShapeError
from gen.components.kernels import Array, kernel
from gen.dims import Shape, Size, show

AXES = {1: "(steps, channels)", 2: "(height, width, channels)"}
"""The shape that a layer over this number of axes expects, for messages."""
LABELS = {1: "needs a sequence", 2: "needs an image"}

# -------------------------------------------------------------------------------------------- when a model is compiled


def check_rank(layer: Layer, rank: int, x: Shape) -> None:
    """Raise `ShapeError` unless `x` has `rank` axes between the batch and the channels."""
    if len(x) != rank + 2:
        raise ShapeError(f"{type(layer).__name__} expects {AXES[rank]}, got {show(x[1:])}", LABELS[rank])


def each(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    """A number for each axis: `3` is `(3, 3)`."""
    return (value,) * rank if isinstance(value, int) else value


def check_strides(strides: tuple[int, ...], dilation: tuple[int, ...]) -> None:
    """Raise `ArgumentError` if both have a number above 1, as Keras does."""
    if max(strides) > 1 and max(dilation) > 1:
        raise ArgumentError("dilation_rate", "`dilation_rate` and `strides` cannot both be more than 1")


def positions(
    sizes: Shape, window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: Any
) -> Shape:
    """The number of positions of the window along each axis."""
    result: list[Size] = []
    for axis, (size, width, stride, rate) in enumerate(zip(sizes, window, strides, dilation, strict=True)):
        reach = (width - 1) * rate
        if padding in ("same", "causal"):
            reach = 0
        elif padding != "valid":
            size = size + sum(padding[axis])
        result.append((size - reach + (stride - 1)) // stride)
    return tuple(result)


def slid(
    layer: Layer,
    x: Shape,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
) -> Shape:
    """The `positions` of a layer's window; raises `ShapeError` if an axis of known size is too short for it."""
    check_rank(layer, len(window), x)
    result = positions(x[1:-1], window, strides, dilation, padding)
    for size, count, width, rate in zip(x[1:-1], result, window, dilation, strict=True):
        if isinstance(count, int) and count < 1:
            least = (width - 1) * rate + 1
            raise ShapeError(
                (
                    f"{type(layer).__name__} needs {least} or more along each axis for its window, got {show(x[1:])}"
                    if len(window) > 1
                    else f"{type(layer).__name__} needs {least} steps or more for its window, got {show(x[1:])}"
                ),
                f"{size} is less than {least}",
            )
    return result


# ------------------------------------------------------------------------------------------------------ when it runs


@kernel()
def unit_steps(window: tuple[int, ...]) -> tuple[int, ...]:
    """A 1 for each axis of a window."""
    return (1,) * len(window)


@kernel()
def zeros_around(
    sizes: tuple[int, ...],
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str | tuple[tuple[int, int], ...],
) -> tuple[tuple[int, int], ...]:
    """The number of zeros before and after each axis; `padding` may contain these numbers itself.

    With "same", there is one position for each stride that starts in the axis; with "causal", no
    window looks ahead.
    """
    if not isinstance(padding, str):
        return padding
    result = []
    for size, width, stride, rate in zip(sizes, window, strides, dilation, strict=True):
        reach = (width - 1) * rate
        if padding == "same":
            total = max(0, (size - 1) // stride * stride + reach + 1 - size)
            result.append((total // 2, total - total // 2))
        else:
            result.append((reach if padding == "causal" else 0, 0))
    return tuple(result)


@kernel()
def shifts(
    x: Array,
    y: Array,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    zeros: tuple[tuple[int, int], ...],
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    """For each place in the window: the place, the part of `x` there, and its windows in `y`.

    `x` is (batch, *sizes, channels), `y` is (batch, *positions, …).  Windows with a zero at that
    place are left out.
    """
    for place in np.ndindex(*window):
        inside, outside = [slice(None)], [slice(None)]
        for axis, offset in enumerate(place):
            stride, start = strides[axis], offset * dilation[axis] - zeros[axis][0]
            first = max(0, -(start // stride))
            last = max(first, min(y.shape[axis + 1], (x.shape[axis + 1] - 1 - start) // stride + 1))
            inside.append(slice(start + first * stride, start + last * stride, stride))
            outside.append(slice(first, last))
        yield place, tuple(inside), tuple(outside)


@kernel()
def cuts(count: int, size: int, limit: int) -> Iterator[slice]:
    """`count` rows of `size` bytes each, in parts of at most `limit` bytes, or of a single row."""
    rows = max(1, limit // max(1, size))
    for start in range(0, count, rows):
        yield slice(start, min(count, start + rows))
