"""Operations that move numbers and change none."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gen.components.arguments import Count
from gen.components.base import ArgumentError, ShapeError
from gen.components.kernels import Array, kernel, no_operations
from gen.components.operations.base import Operation, axes_of, axis_of, operation, share, stretched, stretched_axes
from gen.dims import Dim, Shape, Size, product, reshaped, show

Whole: TypeAlias = int | Dim
"""A whole number, or a size that only data decide."""


class Moving(Operation):
    """What they have in common: numbers of any dtype."""

    moves = True

    def dtype(self, *inputs: str) -> str:
        return inputs[0]


@dataclass(frozen=True)
class Reshaping(Moving):
    """Those that leave the numbers in their order."""

    def forward(self, x: Array) -> Array:
        return x.reshape(self.output(x.shape))

    def backward(self, dy: Array, x: Array) -> Array:
        return dy.reshape(x.shape)


@operation
class Reshape(Reshaping):
    """y = x in the shape `newshape`; one size may be -1, and gen computes it."""

    newshape: tuple[Whole, ...] | Whole

    def output(self, x: Shape) -> Shape:
        wanted = self.newshape if isinstance(self.newshape, tuple) else (self.newshape,)
        try:
            return reshaped(x, wanted)
        except ValueError:
            message = f"{type(self).__name__} cannot make {show(wanted)} of {show(x)}"
            raise ShapeError(message, f"has {product(x)} numbers") from None


@operation
class ExpandDims(Reshaping):
    """y = x with new axes of size 1, at `axis`."""

    axis: int | tuple[int, ...]

    def output(self, x: Shape) -> Shape:
        wanted = (self.axis,) if isinstance(self.axis, int) else self.axis
        new = [axis_of(self, axis, x, len(wanted)) for axis in wanted]
        sizes = iter(x)
        return tuple(1 if axis in new else next(sizes) for axis in range(len(x) + len(new)))


@operation
class Squeeze(Reshaping):
    """y = x without the axes of size 1, or without `axis`."""

    axis: int | tuple[int, ...] | None = None

    def output(self, x: Shape) -> Shape:
        gone = axes_of(self, self.axis, x) if self.axis is not None else [i for i, size in enumerate(x) if size == 1]
        for axis in gone:
            if x[axis] != 1:
                message = f"{type(self).__name__} cannot take away axis {axis} of {show(x)}: its size is {x[axis]}"
                raise ShapeError(message, "is not 1")
        return tuple(size for axis, size in enumerate(x) if axis not in gone)


@operation
class Ravel(Reshaping):
    """y = all numbers of x on one axis."""

    def output(self, x: Shape) -> Shape:
        return (product(x),)


@operation
class BatchFlatten(Reshaping):
    """y = x with all axes but the first as one."""

    of_keras = False

    def output(self, x: Shape) -> Shape:
        return (x[0], product(x[1:]))


class Turning(Moving):
    """Those that put the axes into another order."""

    def axes_in_order(self, x: Shape) -> tuple[int, ...]:
        """The axes of the operand in the order of the result."""
        raise NotImplementedError

    def output(self, x: Shape) -> Shape:
        return tuple(x[axis] for axis in self.axes_in_order(x))

    def forward(self, x: Array) -> Array:
        return x.transpose(self.axes_in_order(x.shape))

    def backward(self, dy: Array, x: Array) -> Array:
        return dy.transpose(inverse(self.axes_in_order(x.shape)))


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The order that puts axes back which stand in this one."""
    return tuple(axes.index(axis) for axis in range(len(axes)))


@operation
class Transpose(Turning):
    """y = x with its axes in the order `axes`, backwards for None."""

    axes: tuple[int, ...] | None = None

    def axes_in_order(self, x: Shape) -> tuple[int, ...]:
        if self.axes is None:
            return tuple(reversed(range(len(x))))
        axes = tuple(axis_of(self, axis, x) for axis in self.axes)
        if sorted(axes) != list(range(len(x))):
            raise ShapeError(f"{type(self).__name__} takes each axis of {show(x)} once, got {self.axes}")
        return axes


@operation
class Swapaxes(Turning):
    """y = x with two axes in each other's place."""

    axis1: int
    axis2: int

    def axes_in_order(self, x: Shape) -> tuple[int, ...]:
        one, other = axis_of(self, self.axis1, x), axis_of(self, self.axis2, x)
        return tuple(other if axis == one else one if axis == other else axis for axis in range(len(x)))


@operation
class MatrixTranspose(Turning):
    """y = x with its last two axes in each other's place."""

    of_keras = False

    def axes_in_order(self, x: Shape) -> tuple[int, ...]:
        if len(x) < 2:
            raise ShapeError(f"{type(self).__name__} expects matrices, got {show(x)}")
        return (*range(len(x) - 2), len(x) - 1, len(x) - 2)


@operation
class Moveaxis(Turning):
    """y = x with the axes `source` at `destination`."""

    source: int | tuple[int, ...]
    destination: int | tuple[int, ...]

    def axes_in_order(self, x: Shape) -> tuple[int, ...]:
        source = (self.source,) if isinstance(self.source, int) else self.source
        destination = (self.destination,) if isinstance(self.destination, int) else self.destination
        if len(source) != len(destination):
            raise ShapeError(f"{type(self).__name__} gets {len(source)} axes and {len(destination)} places for them")
        moved = [axis_of(self, axis, x) for axis in source]
        places = [axis_of(self, axis, x) for axis in destination]
        order = [axis for axis in range(len(x)) if axis not in moved]
        for place, axis in sorted(zip(places, moved, strict=True)):
            order.insert(place, axis)
        return tuple(order)


@operation
class Flip(Moving):
    """y = x in reverse order along `axis`, along all axes for None."""

    axis: int | tuple[int, ...] | None = None

    def output(self, x: Shape) -> Shape:
        axes_of(self, self.axis, x)
        return x

    def parts(self, rank: int) -> tuple[slice, ...]:
        """What stands in the brackets."""
        axes = axes_of(self, self.axis, (1,) * rank)
        return tuple(slice(None, None, -1) if axis in axes else slice(None) for axis in range(rank))

    def forward(self, x: Array) -> Array:
        return x[self.parts(x.ndim)]

    def backward(self, dy: Array) -> Array:
        return dy[self.parts(dy.ndim)]


@operation
class BroadcastTo(Moving):
    """y = x, stretched to `shape`."""

    shape: tuple[Whole, ...]

    def output(self, x: Shape) -> Shape:
        wanted = self.wanted(x)
        if len(wanted) < len(x) or stretched(self, (x, wanted)) != wanted:
            raise ShapeError(f"{type(self).__name__} cannot stretch {show(x)} to {show(wanted)}")
        return wanted

    def wanted(self, x: Shape) -> Shape:
        """The shape, where -1 means as many as there are."""
        new = len(self.shape) - len(x)
        return tuple(x[i - new] if size == -1 and i >= new else size for i, size in enumerate(self.shape))

    def forward(self, x: Array) -> Array:
        return np.broadcast_to(x, self.wanted(x.shape))  # type: ignore[arg-type]  # where it runs, sizes are numbers

    def backward(self, dy: Array, x: Array) -> Array | None:
        return share(x, dy)


@operation
class Tile(Moving):
    """y = x, so many times along each axis."""

    repeats: tuple[Whole, ...] | Whole

    def times(self, x: Shape) -> tuple[Size, ...]:
        """How often along each axis of the result."""
        given = self.repeats if isinstance(self.repeats, tuple) else (self.repeats,)
        return (*(1,) * (len(x) - len(given)), *given)

    def pairs(self, x: Shape) -> list[tuple[Size, Size]]:
        """How often, and how many numbers, for each axis of the result."""
        times = self.times(x)
        return list(zip(times, (*(1,) * (len(times) - len(x)), *x), strict=True))

    def apart(self, x: Shape) -> tuple[Shape, Shape]:
        """The shapes with an axis for the copies before each that is repeated: of the operand, and of the result."""
        one: list[Size] = []
        whole: list[Size] = []
        for times, size in self.pairs(x):
            both = times != 1 and size != 1
            one += [1, size] if both else [size]
            whole += [times, size] if both else [times * size]
        return tuple(one), tuple(whole)

    def output(self, x: Shape) -> Shape:
        return tuple(times * size for times, size in self.pairs(x))

    def forward(self, x: Array) -> Array:
        one, whole = self.apart(x.shape)
        return np.broadcast_to(x.reshape(one), whole).reshape(self.output(x.shape))  # type: ignore[arg-type]  # where it runs, sizes are numbers

    def backward(self, dy: Array, x: Array) -> Array:
        one, whole = self.apart(x.shape)
        axes = stretched_axes(one, whole)
        parts = dy.reshape(whole)  # type: ignore[arg-type]  # where it runs, sizes are numbers
        return (np.add.reduce(parts, axis=axes) if axes else parts).reshape(x.shape)


@operation
class Repeat(Moving):
    """y = each part of x along `axis` so many times; each number for None."""

    repeats: Whole
    axis: int | None = None

    def at(self, x: Shape) -> int:
        return 0 if self.axis is None else axis_of(self, self.axis, x)

    def flat(self, x: Shape) -> Shape:
        return (product(x),) if self.axis is None else x

    def output(self, x: Shape) -> Shape:
        shape, axis = self.flat(x), self.at(x)
        return (*shape[:axis], shape[axis] * self.repeats, *shape[axis + 1 :])

    def apart(self, x: Shape) -> tuple[Shape, Shape]:
        """The shapes with an axis for the copies after `axis`: that of the operand, and that of the result."""
        shape, axis = self.flat(x), self.at(x) + 1
        return (*shape[:axis], 1, *shape[axis:]), (*shape[:axis], self.repeats, *shape[axis:])

    def forward(self, x: Array) -> Array:
        one, whole = self.apart(x.shape)
        return np.broadcast_to(x.reshape(one), whole).reshape(self.output(x.shape))  # type: ignore[arg-type]  # where it runs, sizes are numbers

    def backward(self, dy: Array, x: Array) -> Array:
        return np.add.reduce(dy.reshape(self.apart(x.shape)[1]), axis=self.at(x.shape) + 1).reshape(x.shape)  # type: ignore[arg-type]  # where it runs, sizes are numbers


@operation
class Roll(Moving):
    """y = x, moved on by `shift` along `axis`; what falls off comes in at the other end."""

    shift: int
    axis: int | None = None

    def output(self, x: Shape) -> Shape:
        if self.axis is not None:
            axis_of(self, self.axis, x)
        if not isinstance(x[self.axis] if self.axis is not None else product(x), int):
            raise ShapeError(f"{type(self).__name__} moves along an axis of known size, not of {show(x)}")
        return x

    def moved(self, x: Array, shift: int) -> Array:
        flat = x if self.axis is not None else x.reshape(x.size)
        axis = 0 if self.axis is None else self.axis % x.ndim
        by, whole = shift % flat.shape[axis], (slice(None),) * axis
        if by == 0:
            return +x
        parts = flat[(*whole, slice(-by, None))], flat[(*whole, slice(None, -by))]
        return np.concatenate(parts, axis=axis).reshape(x.shape)

    def forward(self, x: Array) -> Array:
        return self.moved(x, self.shift)

    def backward(self, dy: Array) -> Array:
        return self.moved(dy, -self.shift)


# -------------------------------------------------------------------------------------------------------------- joining


def one_dtype(self: Operation, inputs: tuple[str, ...]) -> str:
    """The dtype of what is joined."""
    if len(set(inputs)) > 1:
        message = f"{type(self).__name__} expects one dtype, got {' and '.join(dict.fromkeys(inputs))}"
        raise ShapeError(message, code="dtype-mismatch", hint='make them alike first: `ops.cast(x, "float32")`')
    return inputs[0]


@operation
class Concatenate(Moving):
    """y = the operands one after the other along `axis`."""

    listed = "xs"

    axis: int = 0

    def output(self, *xs: Shape) -> Shape:
        first, axis = xs[0], axis_of(self, self.axis, xs[0])
        for x in xs:
            if x[:axis] != first[:axis] or x[axis + 1 :] != first[axis + 1 :] or len(x) != len(first):
                raise ShapeError(
                    f"{type(self).__name__} along axis {self.axis} expects all other sizes equal, "
                    f"got {' and '.join(dict.fromkeys(map(show, xs)))}",
                    f"{show(x)} does not fit {show(first)}",
                )
        return (*first[:axis], sum(x[axis] for x in xs), *first[axis + 1 :])

    def dtype(self, *inputs: str) -> str:
        return one_dtype(self, inputs)

    def forward(self, *xs: Array) -> Array:
        return np.concatenate(xs, axis=self.axis)

    def backward(self, dy: Array, *xs: Array) -> tuple[Array, ...]:
        before = (slice(None),) * (self.axis % dy.ndim)
        start = 0
        dxs: tuple[Array, ...] = ()
        for x in xs:
            stop = start + x.shape[self.axis]
            dxs = (*dxs, dy[(*before, slice(start, stop))])
            start = stop
        return dxs


@operation
class Stack(Moving):
    """y = the operands along a new axis."""

    listed = "x"

    axis: int = 0

    def output(self, *x: Shape) -> Shape:
        if len(set(x)) > 1:
            raise ShapeError(
                f"{type(self).__name__} expects one shape, got {' and '.join(map(show, dict.fromkeys(x)))}"
            )
        axis = axis_of(self, self.axis, x[0], 1)
        return (*x[0][:axis], len(x), *x[0][axis:])

    def dtype(self, *inputs: str) -> str:
        return one_dtype(self, inputs)

    def forward(self, *x: Array) -> Array:
        return np.stack(x, axis=self.axis)

    def backward(self, dy: Array, *x: Array) -> tuple[Array, ...]:
        before = (slice(None),) * (self.axis % dy.ndim)
        dx = tuple(dy[(*before, place)] for place in range(len(x)))  # type: ignore[arg-type]  # where it runs, sizes are numbers
        return dx


Widths: TypeAlias = tuple[tuple[int, int], ...]


@kernel(
    lambda x, widths, value: tuple(before + size + after for size, (before, after) in zip(x, widths, strict=True)),
    dtype="first",
    operations=no_operations,
    by_row=True,
)
def surrounded(x: Array, widths: tuple[tuple[int, int], ...], value: float, out: Array | None = None) -> Array:
    """`x` with so many of `value` before and after it along each axis."""
    if out is None:
        out = np.empty([before + size + after for size, (before, after) in zip(x.shape, widths, strict=True)], x.dtype)
    out.fill(value)
    out[tuple(slice(before, before + size) for size, (before, _) in zip(x.shape, widths, strict=True))] = x
    return out


@operation
class Pad(Operation):
    """y = x with so many numbers before and after it along each axis: `constant_values`, or its own."""

    pad_width: tuple[tuple[int, int] | tuple[int, ...], ...] | tuple[int, int] | Count
    mode: str = "constant"
    constant_values: int | float | None = None

    def __post_init__(self) -> None:
        if self.mode.lower() != "constant":
            raise ArgumentError("mode", f"`mode` is 'constant' in gen, got {self.mode!r}")

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def widths(self, x: Shape) -> Widths:
        """How many before and after, for each axis."""
        given = self.pad_width
        if isinstance(given, int):
            return ((given, given),) * len(x)
        pairs = [(each, each) if isinstance(each, int) else tuple(each) * (3 - len(each)) for each in given]
        if all(isinstance(each, int) for each in given):
            pairs = [given] * len(x)  # type: ignore[list-item]  # they are two numbers
        pairs = pairs * len(x) if len(pairs) == 1 else pairs
        if len(pairs) != len(x) or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
            raise ShapeError(f"{type(self).__name__} takes two widths for each axis of {show(x)}, got {self.pad_width}")
        return tuple((pair[0], pair[1]) for pair in pairs)

    def output(self, x: Shape) -> Shape:
        return tuple(before + size + after for size, (before, after) in zip(x, self.widths(x), strict=True))

    def forward(self, x: Array) -> Array:
        return surrounded(x, self.widths(x.shape), self.constant_values or 0)

    def backward(self, dy: Array, x: Array) -> Array:
        pairs = zip(x.shape, self.widths(x.shape), strict=True)
        return dy[tuple(slice(before, before + size) for size, (before, _) in pairs)]
