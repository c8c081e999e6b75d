"""The operators and brackets on tensors: `x + 1`, `a / b`, `-x`, `x ** 2`, `a @ b`, `x[:, 0]`.

These layers have no name in a `.nn` file, so they are not registered.  On two tensors, `a + b`, `a - b`, and `a * b`
are the layers Add, Subtract, and Multiply.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gen.components.base import Layer, Role, ShapeError
from gen.components.kernels import Array, kernel
from gen.components.layers.merging import Arithmetic, aligned, broadcast, exactly_two, like
from gen.dims import Dim, Shape, Size, show

# ---------------------------------------------------------------------------------------------- a tensor and a constant


@dataclass(frozen=True)
class AddConstant(Arithmetic):
    """y = x + constant."""

    constant: int | float

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x + self.constant

    def backward(self, dy: Array) -> Array:
        return dy


@dataclass(frozen=True)
class SubtractFromConstant(Arithmetic):
    """y = constant - x."""

    constant: int | float

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return self.constant - x

    def backward(self, dy: Array) -> Array:
        return -dy


@dataclass(frozen=True)
class MultiplyByConstant(Arithmetic):
    """y = x · constant."""

    constant: int | float

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x * self.constant

    def backward(self, dy: Array) -> Array:
        return dy * self.constant


@dataclass(frozen=True)
class DivideByConstant(Arithmetic):
    """y = x / constant."""

    constant: int | float

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x / self.constant

    def backward(self, dy: Array) -> Array:
        return dy / self.constant


@dataclass(frozen=True)
class DivideConstant(Arithmetic):
    """y = constant / x."""

    constant: int | float

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return self.constant / x

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return -dy * y / x


@dataclass(frozen=True)
class Power(Arithmetic):
    """y = x ** exponent."""

    exponent: int | float

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x**self.exponent

    def backward(self, dy: Array, x: Array) -> Array:
        if self.exponent == 0:
            return dy * 0.0
        if self.exponent == 1:
            return dy
        if self.exponent == 2:
            return dy * x * 2.0
        return dy * x ** (self.exponent - 1) * self.exponent


@dataclass(frozen=True)
class Negative(Arithmetic):
    """y = -x."""

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, dy: Array) -> Array:
        return -dy


# ---------------------------------------------------------------------------------------------------------- two tensors


@dataclass(frozen=True)
class Divide(Arithmetic):
    """y = a / b, element by element."""

    merges = True

    def output(self, *inputs: Shape) -> Shape:
        exactly_two(self, inputs)
        return broadcast(self, inputs)

    def forward(self, *inputs: Array) -> Array:
        left, right = aligned(inputs)
        return left / right

    def backward(self, dy: Array, y: Array, *inputs: Array) -> tuple[Array, ...]:
        left, right = inputs
        share = dy / aligned(inputs)[1]
        dinputs = like(left, share), -like(right, share * y)
        return dinputs


@dataclass(frozen=True)
class MatrixProduct(Layer):
    """y = a @ b: multiplies the matrices on the last two axes, one pair for each row of the batch."""

    arithmetic = True
    merges = True

    def output(self, *inputs: Shape) -> Shape:
        exactly_two(self, inputs)
        left, right = inputs
        if len(left) < 3 or len(left) != len(right) or left[:-2] != right[:-2]:
            raise ShapeError(
                f"`@` expects a matrix for each row, got {show(left[1:])} and {show(right[1:])}",
                hint="to multiply by trained weights, write Dense" if len(left) < 3 else None,
            )
        if left[-1] != right[-2]:
            raise ShapeError(
                f"`@` cannot multiply {show(left[1:])} and {show(right[1:])}", f"{left[-1]} is not {right[-2]}"
            )
        return (*left[:-1], right[-1])

    def forward(self, *inputs: Array) -> Array:
        left, right = inputs
        return left @ right

    def backward(self, dy: Array, *inputs: Array) -> tuple[Array, ...]:
        left, right = inputs
        dinputs = dy @ right.swapaxes(-1, -2), left.swapaxes(-1, -2) @ dy
        return dinputs


# ---------------------------------------------------------------------------------------------------------------- steps


@dataclass(frozen=True)
class MergeSteps(Layer):
    """Makes each step of each row a row: (batch, steps, …) to (batch · steps, …)."""

    role = Role.MERGE
    internal = True

    def output(self, x: Shape) -> Shape:
        return (x[0] * x[1], *x[2:])

    def part_of_ids(self, part: str, axes: int | None) -> tuple[str, int | None]:
        return part, None if axes is None else axes + 1

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return x.reshape((x.shape[0] * x.shape[1], *x.shape[2:]))

    def backward(self, dy: Array, x: Array) -> Array:
        return dy.reshape(x.shape)


@dataclass(frozen=True)
class SplitSteps(Layer):
    """Undoes on `x` what MergeSteps did to `like`: (batch · steps, …) to (batch, steps, …)."""

    role = Role.SPLIT
    internal = True

    def output(self, x: Shape, like: Shape) -> Shape:
        return (like[0], like[1], *x[1:])

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array, like: Array) -> Array:
        return x.reshape((like.shape[0], like.shape[1], *x.shape[1:]))

    def backward(self, dy: Array, x: Array) -> Array:
        return dy.reshape(x.shape)


@dataclass(frozen=True)
class StackSteps(Layer):
    """Stacks tensors as the steps of one: each (batch, …) to (batch, steps, …)."""

    internal = True
    merges = True

    def output(self, *inputs: Shape) -> Shape:
        return (inputs[0][0], len(inputs), *inputs[0][1:])

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, *inputs: Array) -> Array:
        return np.stack(inputs, axis=1)

    def backward(self, dy: Array, *inputs: Array) -> tuple[Array, ...]:
        dinputs = tuple(dy[:, step] for step in range(len(inputs)))
        return dinputs


@dataclass(frozen=True)
class ChannelsLast(Layer):
    """The channels, which come first, as the last axis: (channels, …) to (…, channels)."""

    internal = True

    def output(self, x: Shape) -> Shape:
        return (x[0], *x[2:], x[1])

    def forward(self, x: Array) -> Array:
        return x.transpose((0, *range(2, x.ndim), 1))

    def backward(self, dy: Array) -> Array:
        return dy.transpose((0, dy.ndim - 1, *range(1, dy.ndim - 1)))


@dataclass(frozen=True)
class ChannelsFirst(Layer):
    """The channels, which come last, as the first axis: (…, channels) to (channels, …)."""

    internal = True

    def output(self, x: Shape) -> Shape:
        return (x[0], x[-1], *x[1:-1])

    def forward(self, x: Array) -> Array:
        return x.transpose((0, x.ndim - 1, *range(1, x.ndim - 1)))

    def backward(self, dy: Array) -> Array:
        return dy.transpose((0, *range(2, dy.ndim), 1))


@dataclass(frozen=True)
class ReverseSteps(Layer):
    """The steps in reverse order."""

    internal = True

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x[:, ::-1]

    def backward(self, dy: Array) -> Array:
        return dy[:, ::-1]


# --------------------------------------------------------------------------------------------------------------- slices

Part: TypeAlias = int | tuple[Size | None, Size | None, int | None]
"""What brackets say of one axis: an index, or the start, the stop and the step of a slice."""
WHOLE: Part = (None, None, None)


@kernel(lambda dy, x, parts: x, by_row=True, linear=True)
def placed(dy: Array, x: Array, parts: tuple[Any, ...]) -> Array:
    """Zeros in the shape of `x`, with `dy` at `parts`: the gradient of a slice."""
    dx = np.zeros_like(x)
    dx[tuple(part if isinstance(part, int) else slice(*part) for part in parts)] = dy
    return dx


@dataclass(frozen=True)
class Slice(Layer):
    """y = x[parts]; an index removes its axis, a slice keeps it.  The first part is the whole batch."""

    arithmetic = True

    parts: tuple[Part, ...]

    def output(self, x: Shape) -> Shape:
        if len(self.parts) > len(x):
            raise ShapeError(f"{len(self.parts)} axes are asked for, but {show(x)} has {len(x)}", f"is {show(x)}")
        shape: list[Size] = []
        for axis, part in enumerate(self.parts):
            if isinstance(part, int):
                check_index(x, axis, part)
            else:
                shape.append(length(x, axis, part))
        return (*shape, *x[len(self.parts) :])

    def needs(self, *inputs: Shape) -> tuple[Size, ...]:
        """The sizes that must be 1 or more when data arrives, so that the slice stays within the data."""
        (x,) = inputs
        sizes: list[Size] = []
        for size, part in zip(x, self.parts, strict=False):
            for bound, last in ((part, True),) if isinstance(part, int) else ((part[0], True), (part[1], False)):
                if isinstance(bound, int) and not isinstance(size, int):
                    sizes.append(size + bound + 1 if bound < 0 else size - bound + (0 if last else 1))
        return tuple(sizes)

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def part_of_ids(self, part: str, axes: int | None) -> tuple[str, int | None]:
        known = all(isinstance(bound, int | None) for item in self.parts if isinstance(item, tuple) for bound in item)
        if axes is None or not known:
            return part, None
        index = ast.Tuple([ast.Slice()] * (axes - 1) + [_written(item) for item in self.parts], ast.Load())
        return part + ast.unparse(ast.Subscript(ast.Name("", ast.Load()), index, ast.Load())), axes

    def slices_beyond_first(self) -> bool:
        ends = (end for part in self.parts if not isinstance(part, int) for end in (part[0], (part[1] or 1) - 1))
        return any(end not in (None, 0) for end in ends)

    @property
    def index(self) -> tuple[int | slice, ...]:
        """The contents of the brackets, for NumPy."""
        return tuple(part if isinstance(part, int) else _slice(*part) for part in self.parts)

    def forward(self, x: Array) -> Array:
        return x[self.index]

    def backward(self, dy: Array, x: Array) -> Array:
        return placed(dy, x, self.parts)


def _written(part: Part) -> ast.expr:
    if isinstance(part, int):
        return ast.Constant(part)
    return ast.Slice(*(None if bound is None else ast.parse(str(bound), mode="eval").body for bound in part))


def check_index(x: Shape, axis: int, index: int) -> None:
    """Raise `ShapeError` if an axis of known size does not have this index."""
    size = x[axis]
    if isinstance(size, int) and not -size <= index < size:
        last = f"indices go from 0 to {size - 1}, or from -1 to {-size} counted from the end"
        raise ShapeError(f"Axis {axis} of {show(x)} has no index {index}", "out of range", last)


def length(x: Shape, axis: int, part: tuple[Size | None, Size | None, int | None]) -> Size:
    """The size of a slice of an axis; raises `ShapeError` if it is empty or unknown."""
    size = x[axis]
    if isinstance(size, int) and not any(isinstance(bound, Dim) for bound in part):
        known = len(range(size)[_slice(*part)])
        if known == 0:
            raise ShapeError(f"This slice of axis {axis} of {show(x)} is empty", "nothing is left")
        return known
    start, stop, step = part[0] or 0, part[1], part[2] or 1
    if step < 0:
        if part[:2] == (None, None) and step == -1:
            return size
        raise ShapeError(
            f"This slice goes backwards through axis {axis} of {show(x)}, whose size is not known",
            hint="give the Input a size, or reverse the whole axis with `::-1`",
        )
    if _is_negative(start) and isinstance(stop, int) and stop >= 0:
        raise ShapeError(
            f"This slice of axis {axis} of {show(x)} begins at the end and ends at the beginning",
            hint="count both ends of it from the same side",
        )
    end: Size = size if stop is None else size + stop if _is_negative(stop) else stop
    begin: Size = size + start if _is_negative(start) else start
    count = end - begin
    if isinstance(count, int) and count <= 0:
        raise ShapeError(f"This slice of axis {axis} of {show(x)} is empty", "nothing is left")
    return count if step == 1 else (count + (step - 1)) // step


def _is_negative(bound: Size) -> bool:
    """Whether a bound is counted from the end."""
    return isinstance(bound, int) and bound < 0


def _slice(start: Any, stop: Any, step: Any) -> slice:
    """The slice with these bounds, which may be sizes that only data decide."""
    return slice(start, stop, step)
