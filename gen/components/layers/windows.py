"""Windows that slide over the axes between the batch and the channels, shared by convolution and pooling.

Everything here works for any number of axes: `window`, `strides`, and `dilation` have a number for each.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

import numpy as np

from gen.components.arguments import Count
from gen.components.base import ArgumentError, Layer, ShapeError
from gen.components.kernels import Array, kernel
from gen.dims import Shape, Size, show

# ------------------------------------------------------------------------------------------- one layer for every rank


@dataclass(frozen=True)
class Space:
    """What messages say of the data that a layer over so many axes works on."""

    shape: str
    label: str
    axes: tuple[str, ...]
    """What there are more or less of along each axis."""


SPACES = {
    1: Space("(steps, channels)", "needs a sequence", ("steps",)),
    2: Space("(height, width, channels)", "needs an image", ("rows", "columns")),
    3: Space("(depth, height, width, channels)", "needs a volume", ("planes", "rows", "columns")),
}


@dataclass(frozen=True)
class OfRank:
    """Marks an argument whose type depends on the rank: `made` gives it."""

    made: Callable[[int], Any]


def per_axis(item: Any, *others: Any) -> OfRank:
    """One of `item` for all axes, or one for each; or one of the others."""

    def made(rank: int) -> Any:
        several: Any = tuple[(item,) * rank]  # type: ignore[misc]  # known when it runs
        return reduce(or_, (item, several, *others))

    return OfRank(made)


Numbers = Annotated[int | tuple[int, ...], per_axis(Count)]
"""How large or how far along each axis, from 1."""
Padding = Literal["valid", "same"]
Format = Literal["channels_last"] | None
"""Where the channels are; None says the same."""


class Ranked(Layer):
    """A layer over `rank` axes between the batch and the channels.

    Its arguments and rules are written once, in a dataclass.  A class of a rank gives its `rank`, its docstring, and
    what only this rank has: arguments, and defaults of arguments whose type depends on the rank.  Else the default of
    such an argument is that of the dataclass; 1 is 1 for one axis, (1, 1) for two.
    """

    rank: ClassVar[int]

    def __init_subclass__(cls) -> None:
        if "rank" in vars(cls):
            annotations = inspect.get_annotations(cls)
            for name, made, default in _of_rank(cls.__mro__[1]):
                if name not in annotations:
                    annotations[name] = made(cls.rank)
                    several = isinstance(default, int) and cls.rank > 1
                    if name not in vars(cls) and default is not MISSING:
                        setattr(cls, name, (default,) * cls.rank if several else default)
            cls.__annotations__ = annotations


@cache
def _of_rank(family: Any) -> list[tuple[str, Callable[[int], Any], Any]]:
    """The arguments whose type depends on the rank, with what makes it and their defaults."""
    hints = get_type_hints(family, include_extras=True)
    marks = {item: getattr(hints[item.name], "__metadata__", ()) for item in fields(family)}
    return [
        (item.name, mark.made, item.default)
        for item, found in marks.items()
        for mark in found
        if isinstance(mark, OfRank)
    ]


# -------------------------------------------------------------------------------------------- when a model is compiled


def check_rank(layer: Layer, rank: int, x: Shape) -> None:
    """Raise `ShapeError` unless `x` has `rank` axes between the batch and the channels."""
    if len(x) != rank + 2:
        raise ShapeError(f"{type(layer).__name__} expects {SPACES[rank].shape}, got {show(x[1:])}", SPACES[rank].label)


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
    """The number of zeros before and after each axis.

    `padding` may contain these numbers itself.  With "same", there is one position for each stride
    that starts in the axis.  With "causal", no window looks ahead.
    """
    if not isinstance(padding, str):
        return padding
    if padding == "same":
        spans = zip(sizes, window, strides, dilation, strict=True)
        totals = [
            max(0, (size - 1) // stride * stride + (width - 1) * rate + 1 - size) for size, width, stride, rate in spans
        ]
        return tuple((total // 2, total - total // 2) for total in totals)
    if padding == "causal":
        return tuple(((width - 1) * rate, 0) for width, rate in zip(window, dilation, strict=True))
    return ((0, 0),) * len(window)


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
