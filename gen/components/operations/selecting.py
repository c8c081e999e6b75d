"""Operations that choose among numbers: by a condition, by their places, by their order."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from gen.components.arguments import Count
from gen.components.base import ArgumentError, ShapeError
from gen.components.kernels import Array, kernel, no_operations
from gen.components.operations.base import NO_BOOLS, Dtype, Operation, axis_of, operation, promoted, share, stretched
from gen.dims import Dim, Shape, Size, product, show


@operation
class Where(Operation):
    """y = x1 where the condition holds, x2 elsewhere."""

    def output(self, condition: Shape, x1: Shape, x2: Shape) -> Shape:
        return stretched(self, (condition, x1, x2))

    def dtype(self, *inputs: str) -> str:
        made = promoted(inputs[1:])
        return "float" if set(inputs[1:]) <= {"whole", "bool"} and "whole" in inputs else made

    def forward(self, condition: Array, x1: Array, x2: Array) -> Array:
        holds = condition.astype("bool")
        if isinstance(x1, int | float) and isinstance(x2, int | float):
            return np.where(holds, x1 * 1.0, x2 * 1.0)
        return np.where(holds, x1, x2)

    def backward(self, dy: Array, holds: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        dx1 = share(x1, np.where(holds, dy, 0.0))
        dx2 = share(x2, np.where(holds, 0.0, dy))
        return None, dx1, dx2


# ---------------------------------------------------------------------------------------------------------- by places


def _taken_shape(x: Shape, indices: Shape, axis: int) -> Shape:
    return (*x[:axis], *indices, *x[axis + 1 :])


@kernel(_taken_shape, dtype="first", operations=no_operations, by_row=True)
def taken(x: Array, indices: Array, axis: int) -> Array:
    """The parts of `x` along `axis` that `indices` name, negative ones counted from the end."""
    return np.take(x, indices, axis=axis)


@kernel(lambda dy, x, indices, axis: x, operations=lambda dy, x, indices, axis: math.prod(dy), by_row=True)
def put_back(dy: Array, x: Array, indices: Array, axis: int, out: Array | None = None) -> Array:
    """The gradient of `x`: what `taken` has taken, added up where it was."""
    if out is None:
        out = np.empty_like(x)
    out.fill(0.0)
    np.add.at(out, (*(slice(None),) * axis, indices), dy)  # type: ignore[arg-type]  # where it runs, sizes are numbers
    return out


@operation
class Take(Operation):
    """y = the parts of x along `axis` that `indices` name; of all its numbers for None."""

    axis: int | None = None

    def at(self, x: Shape) -> int:
        """The axis, counted from the front."""
        return 0 if self.axis is None else axis_of(self, self.axis, x)

    def flat(self, x: Shape) -> Shape:
        """The shape that parts are taken of."""
        return (product(x),) if self.axis is None else x

    def output(self, x: Shape, indices: Shape) -> Shape:
        return _taken_shape(self.flat(x), indices, self.at(x))

    def fits(self, shapes: Sequence[Shape], known: Mapping[str, Any]) -> None:
        size = self.flat(shapes[0])[self.at(shapes[0])]
        wanted = known.get("indices")
        for index in np.ravel(wanted) if isinstance(size, int) and not isinstance(wanted, Dim | None) else ():
            if not -size <= index < size:
                raise ShapeError(f"{type(self).__name__} gets the index {index} among {size} of {show(shapes[0])}")

    def dtype(self, *inputs: str) -> str:
        if inputs[1] in ("float", "real"):
            raise ShapeError(
                f"{type(self).__name__} takes whole numbers as indices, got numbers of float32", code="dtype-mismatch"
            )
        return inputs[0]

    def forward(self, x: Array, indices: Array) -> Array:
        parts = x.reshape(self.flat(x.shape))  # type: ignore[arg-type]  # where it runs, sizes are numbers
        if isinstance(indices, int):
            return parts[(*(slice(None),) * self.at(x.shape), indices)]
        return taken(parts, indices, self.at(x.shape))

    def backward(self, dy: Array, x: Array, parts: Array, indices: Array) -> tuple[Array | None, ...]:
        dx = put_back(dy, parts, indices, self.at(x.shape)).reshape(x.shape)
        return dx, None


@kernel(lambda x, indices, axis: indices, dtype="first", operations=no_operations, by_row=True)
def taken_along(x: Array, indices: Array, axis: int) -> Array:
    """Of `x` the numbers that `indices` name along `axis`, each at its own place on the other axes."""
    return np.take_along_axis(x, indices, axis=axis)


@kernel(lambda dy, x, indices, axis: x, operations=lambda dy, x, indices, axis: math.prod(dy), by_row=True)
def put_back_along(dy: Array, x: Array, indices: Array, axis: int, out: Array | None = None) -> Array:
    """The gradient of `x`: what `taken_along` has taken, added up where it was."""
    if out is None:
        out = np.empty_like(x)
    places = list(np.ix_(*map(np.arange, indices.shape)))
    places[axis] = indices
    out.fill(0.0)
    np.add.at(out, tuple(places), dy)
    return out


@operation
class TakeAlongAxis(Operation):
    """y = the numbers of x that `indices` name along `axis`, at each place of the other axes."""

    axis: int

    def output(self, x: Shape, indices: Shape) -> Shape:
        axis = axis_of(self, self.axis, x)
        rest = [i for i in range(len(x)) if i != axis]
        if len(x) != len(indices) or any(x[i] != indices[i] for i in rest):
            raise ShapeError(f"{type(self).__name__} expects indices for {show(x)}, got {show(indices)}")
        return indices

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def takes_ids(self) -> bool:
        return True

    def forward(self, x: Array, indices: Array) -> Array:
        return taken_along(x, indices, self.axis % x.ndim)

    def backward(self, dy: Array, x: Array, indices: Array) -> tuple[Array | None, ...]:
        dx = put_back_along(dy, x, indices, self.axis % x.ndim)
        return dx, None


@kernel(lambda ids, classes, axis: (*ids[:axis], classes, *ids[axis:]), operations=no_operations, by_row=True)
def one_hot_of(ids: Array, classes: int, axis: int, out: Array | None = None) -> Array:
    """A 1 for each id among so many zeros along a new `axis`; zeros alone for an id that is none of these."""
    if out is None:
        out = np.empty((*ids.shape[:axis], classes, *ids.shape[axis:]))
    each = np.arange(classes).reshape((-1, *(1,) * (ids.ndim - axis)))
    np.copyto(out, np.expand_dims(ids, axis) == each)
    return out


@operation
class OneHot(Operation):
    """y = 1 at the place that x names along a new axis, 0 elsewhere."""

    casts: ClassVar[Mapping[str, str]] = NO_BOOLS

    num_classes: Count
    axis: int = -1
    dtype_: Dtype = None

    def __post_init__(self) -> None:
        if self.dtype_ not in (None, "float"):
            raise ArgumentError("dtype_", "`dtype` of `one_hot` is a float in gen: cast what it gives")

    def output(self, x: Shape) -> Shape:
        axis = axis_of(self, self.axis, x, 1)
        return (*x[:axis], self.num_classes, *x[axis:])

    def dtype(self, *inputs: str) -> str:
        if inputs[0] in ("float", "real"):
            raise ShapeError(f"{type(self).__name__} expects ids, got numbers of float32", code="dtype-mismatch")
        return "float"

    def takes_ids(self) -> bool:
        return True

    def forward(self, x: Array) -> Array:
        return one_hot_of(x, self.num_classes, self.axis % (x.ndim + 1))


@kernel(lambda ids, size: ids, dtype="first", operations=no_operations, by_row=True)
def checked_ids(ids: Array, size: int, out: Array | None = None) -> Array:
    """The ids, all of which are among so many from 0 on; raises `ValueError` if one is not."""
    if ids.size and not (ids.min() >= 0 and ids.max() < size):
        raise ValueError(f"ids are looked up among {size}, from 0 on, got {ids.min()} to {ids.max()}")
    if out is None:
        out = np.empty_like(ids)
    np.copyto(out, ids)
    return out


@dataclass(frozen=True)
class CheckedIds(Operation):
    """y = x, ids that the model itself has made; all of them are in a table of this size."""

    internal = True

    size: int

    def output(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def least_and_most(self) -> tuple[float, float] | None:
        return 0, self.size - 1

    def forward(self, x: Array) -> Array:
        return checked_ids(x, self.size)


# -------------------------------------------------------------------------------------------------------- along an axis


@kernel(lambda x, axis, backwards=False: x, dtype="first", by_row=True)
def running_sum(x: Array, axis: int, backwards: bool = False, out: Array | None = None) -> Array:
    """The sum of each number and all before it along `axis`; of all after it if `backwards`."""
    if out is None:
        out = np.empty_like(x)
    order = (*(slice(None),) * axis, slice(None, None, -1 if backwards else 1))
    np.add.accumulate(x[order], axis=axis, out=out[order])
    return out


@operation
class Cumsum(Operation):
    """y = the sum of each x and all before it along `axis`; of all numbers for None."""

    axis: int | None = None

    def flat(self, x: Shape) -> Shape:
        return (product(x),) if self.axis is None else x

    def at(self, x: Shape) -> int:
        return 0 if self.axis is None else axis_of(self, self.axis, x)

    def output(self, x: Shape) -> Shape:
        self.at(x)
        return self.flat(x)

    def dtype(self, *inputs: str) -> str:
        if inputs[0] == "bool":
            message = f"{type(self).__name__} expects numbers, got bool"
            raise ShapeError(message, code="dtype-mismatch", hint='cast them first: `ops.cast(x, "float32")`')
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return running_sum(x.reshape(self.flat(x.shape)), self.at(x.shape))

    def backward(self, dy: Array, x: Array) -> Array:
        return running_sum(dy, self.at(x.shape), True).reshape(x.shape)


@dataclass(frozen=True)
class Ordered(Operation):
    """What operations on an order have in common."""

    axis: int = -1

    def output(self, x: Shape) -> Shape:
        axis_of(self, self.axis, x)
        return x

    def dtype(self, *inputs: str) -> str:
        return inputs[0]


@kernel(lambda x, axis: x, dtype="int", operations=no_operations, by_row=True)
def order_of(x: Array, axis: int) -> Array:
    """The places of the numbers along `axis`, from the least on; of equal numbers the first comes first."""
    return np.argsort(x, axis=axis, kind="stable")


@operation
class Sort(Ordered):
    """y = x from the least to the greatest along `axis`."""

    def forward(self, x: Array) -> Array:
        order = order_of(x, self.axis % x.ndim)
        return taken_along(x, order, self.axis % x.ndim)

    def backward(self, dy: Array, x: Array, order: Array) -> Array:
        return put_back_along(dy, x, order, self.axis % x.ndim)


@operation
class Argsort(Ordered):
    """y = the places of x along `axis`, from the least to the greatest."""

    def dtype(self, *inputs: str) -> str:
        return "int32"

    def forward(self, x: Array) -> Array:
        return order_of(x, self.axis % x.ndim)


# ---------------------------------------------------------------------------------------------------------- parts of it


@kernel(lambda x, low, high: x, dtype="first", operations=no_operations, by_row=True)
def banded(x: Array, low: int | None, high: int | None, out: Array | None = None) -> Array:
    """The matrices on the last two axes from the diagonal `low` up to `high`, and 0 elsewhere; None for no bound."""
    if out is None:
        out = np.empty_like(x)
    np.copyto(out, x)
    places = np.arange(x.shape[-1]) - np.arange(x.shape[-2])[:, None]
    if low is not None:
        out[..., places < low] = 0
    if high is not None:
        out[..., places > high] = 0
    return out


class Band(Operation):
    """What keeps some diagonals of matrices."""

    def bounds(self) -> tuple[int | None, int | None]:
        """The first diagonal that is kept, and the last."""
        raise NotImplementedError

    def output(self, x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError(f"{type(self).__name__} expects matrices, got {show(x)}")
        return x

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        low, high = self.bounds()
        return banded(x, low, high)

    def backward(self, dy: Array) -> Array:
        low, high = self.bounds()
        return banded(dy, low, high)


@operation
class Tril(Band):
    """y = x on the k-th diagonal and below it, 0 above."""

    k: int = 0

    def bounds(self) -> tuple[int | None, int | None]:
        return None, self.k


@operation
class Triu(Band):
    """y = x on the k-th diagonal and above it, 0 below."""

    k: int = 0

    def bounds(self) -> tuple[int | None, int | None]:
        return self.k, None


@operation
class BandPart(Band):
    """y = x on so many diagonals below and above the middle one, 0 elsewhere; all for a negative number."""

    of_keras = False

    num_lower: int
    num_upper: int

    def bounds(self) -> tuple[int | None, int | None]:
        return None if self.num_lower < 0 else -self.num_lower, None if self.num_upper < 0 else self.num_upper


@operation
class Split(Operation):
    """y = parts of x along `axis`: so many of one size, or those between the places in a list."""

    moves = True
    gives_list = True

    indices_or_sections: Count | tuple[int, ...]
    axis: int = 0

    def bounds(self, x: Shape) -> tuple[tuple[Size, Size], ...]:
        """Where each part begins and ends."""
        size = x[axis_of(self, self.axis, x)]
        if isinstance(self.indices_or_sections, tuple):
            places: tuple[Size, ...] = (0, *self.indices_or_sections, size)
        else:
            count = self.indices_or_sections
            part = size // count
            if part * count != size:
                raise ShapeError(f"{type(self).__name__} cannot make {count} equal parts of {size}: {show(x)}")
            places = tuple(part * i for i in range(count + 1))
        for start, stop in pairwise(places):
            span = stop - start
            if isinstance(span, int) and span < 1:
                raise ShapeError(f"{type(self).__name__} at {list(places[1:-1])} leaves a part of {show(x)} empty")
        return tuple(pairwise(places))

    def output(self, x: Shape) -> list[Shape]:
        axis = axis_of(self, self.axis, x)
        return [(*x[:axis], stop - start, *x[axis + 1 :]) for start, stop in self.bounds(x)]

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> tuple[Array, ...]:
        before = (slice(None),) * (self.axis % x.ndim)
        return tuple(x[(*before, slice(start, stop))] for start, stop in self.bounds(x.shape))

    def backward(self, dy: tuple[Array | None, ...], x: Array) -> Array:
        before = (slice(None),) * (self.axis % x.ndim)
        pairs = list(zip(dy, self.bounds(x.shape), strict=True))
        parts = [np.zeros_like(x[(*before, slice(*at))]) if part is None else part for part, at in pairs]
        return np.concatenate(parts, axis=self.axis % x.ndim)


@operation
class Unstack(Operation):
    """y = the parts of x along `axis`, without that axis."""

    moves = True
    gives_list = True

    num: int | None = None
    axis: int = 0

    def count(self, x: Shape) -> int:
        size = x[axis_of(self, self.axis, x)]
        if isinstance(size, Dim) or self.num not in (None, size):
            raise ShapeError(f"{type(self).__name__} along axis {self.axis} takes an axis of known size, of {show(x)}")
        return size

    def output(self, x: Shape) -> list[Shape]:
        axis = axis_of(self, self.axis, x)
        return [(*x[:axis], *x[axis + 1 :])] * self.count(x)

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> tuple[Array, ...]:
        before = (slice(None),) * (self.axis % x.ndim)
        return tuple(x[(*before, place)] for place in range(x.shape[self.axis]))  # type: ignore[arg-type]  # where it runs, sizes are numbers

    def backward(self, dy: tuple[Array | None, ...], x: Array) -> Array:
        first = (*(slice(None),) * (self.axis % x.ndim), 0)
        parts = [np.zeros_like(x[first]) if part is None else part for part in dy]  # type: ignore[index]  # where it runs, sizes are numbers
        return np.stack(parts, axis=self.axis % x.ndim)
