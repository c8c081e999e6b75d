"""Products summed over axes that are named: einsum, tensordot, dot, batch_dot, outer."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gen.components.base import ArgumentError, ShapeError
from gen.components.kernels import Array
from gen.components.operations.base import Operation, operation, refuse_bools
from gen.dims import Shape, Size, product, show

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def turned(x: Array, letters: str, wanted: str) -> Array:
    """`x`, whose axes have these letters, with its axes in the order `wanted`."""
    return x.transpose(tuple(letters.index(letter) for letter in wanted))


def summed(x: Array, letters: str, kept: str) -> Array:
    """`x`, summed over the axes whose letters are not `kept`."""
    axes = tuple(axis for axis, letter in enumerate(letters) if letter not in kept)
    if not axes:
        return x
    return np.add.reduce(x, axis=None if len(axes) == x.ndim else axes)


def contracted(a: Array, left: str, b: Array, right: str, wanted: str) -> Array:
    """The sum of products of `a` and `b`, whose axes have letters, over those that `wanted` lacks: one product."""
    a = summed(a, left, right + wanted)
    b = summed(b, right, left + wanted)
    left = "".join(letter for letter in left if letter in right + wanted)
    right = "".join(letter for letter in right if letter in left + wanted)
    both = "".join(letter for letter in wanted if letter in left and letter in right)
    over = "".join(letter for letter in left if letter in right and letter not in wanted)
    rows = "".join(letter for letter in left if letter not in right)
    columns = "".join(letter for letter in right if letter not in left)
    sizes = {**dict(zip(left, a.shape, strict=True)), **dict(zip(right, b.shape, strict=True))}
    matrix = turned(a, left, both + rows + over).reshape((*of(sizes, both), size(sizes, rows), size(sizes, over)))
    other = turned(b, right, both + over + columns).reshape((*of(sizes, both), size(sizes, over), size(sizes, columns)))
    result = (matrix @ other).reshape(of(sizes, both + rows + columns))
    return turned(result, both + rows + columns, wanted)


def of(sizes: dict[str, Any], letters: str) -> Any:
    """The sizes of these axes."""
    return tuple(sizes[letter] for letter in letters)


def size(sizes: dict[str, Any], letters: str) -> Any:
    """Their product."""
    return product(tuple(sizes[letter] for letter in letters))


def apart(shape: Shape, letters: str, wanted: str) -> Any:
    """A shape with an axis of size 1 for each that is `wanted` and not among the letters."""
    sizes = iter(shape)
    return tuple(next(sizes) if letter in letters else 1 for letter in wanted)


def spread(x: Array, letters: str, wanted: str, shape: Any) -> Array:
    """`x`, whose axes are some of those `wanted`, stretched to `shape`, which has all of them."""
    present = "".join(letter for letter in wanted if letter in letters)
    x = turned(x, letters, present)
    if present == wanted:
        return x
    return np.broadcast_to(x.reshape(apart(x.shape, letters, wanted)), shape)


class Contraction(Operation):
    """What they have in common: letters for the axes of the operands and of the result."""

    def taken(self, dtypes: Sequence[str]) -> list[str]:
        refuse_bools(self, dtypes)
        return super().taken(dtypes)

    def letters(self, *shapes: Shape) -> tuple[str, ...]:
        """The letters of the axes of each operand, and of the result, which come last."""
        raise NotImplementedError

    def dtype(self, *inputs: str) -> str:
        return "float"

    def shape_of(self, *shapes: Shape) -> Shape:
        """The shape of the result."""
        *operands, wanted = self.letters(*shapes)
        sizes: dict[str, Size] = {}
        for letters, shape in zip(operands, shapes, strict=True):
            for letter, each in zip(letters, shape, strict=True):
                if sizes.setdefault(letter, each) != each:
                    said = " and ".join(map(show, shapes))
                    message = f"{type(self).__name__} cannot multiply {said}"
                    raise ShapeError(message, f"{sizes[letter]} is not {each}")
        return tuple(sizes[letter] for letter in wanted)


class PairContraction(Contraction):
    """Those of two operands."""

    def output(self, x1: Shape, x2: Shape) -> Shape:
        return self.shape_of(x1, x2)

    def forward(self, x1: Array, x2: Array) -> Array:
        left, right, wanted = self.letters(x1.shape, x2.shape)
        return contracted(x1.astype("float"), left, x2.astype("float"), right, wanted)

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array, Array]:
        left, right, wanted = self.letters(x1.shape, x2.shape)
        a, b = x1.astype("float"), x2.astype("float")
        of_left = "".join(letter for letter in left if letter in right + wanted)
        of_right = "".join(letter for letter in right if letter in left + wanted)
        dx1 = spread(contracted(dy, wanted, b, right, of_left), of_left, left, x1.shape)
        dx2 = spread(contracted(dy, wanted, a, left, of_right), of_right, right, x2.shape)
        return dx1, dx2


@operation
class Tensordot(PairContraction):
    """y = Σ x1 · x2 over the last `axes` of x1 and the first of x2, or over the axes of each that two lists name."""

    axes: int | tuple[int, int] | tuple[tuple[int, ...], tuple[int, ...]] = 2

    def letters(self, *shapes: Shape) -> tuple[str, ...]:
        one, two = (len(shape) for shape in shapes)
        if isinstance(self.axes, int):
            over = tuple(range(one - self.axes, one)), tuple(range(self.axes))
        else:
            over = tuple((each,) if isinstance(each, int) else each for each in self.axes)  # type: ignore[assignment]  # two tuples, one of each operand
        return joined(self, shapes, over, 0)


@operation
class Dot(PairContraction):
    """y = Σ x1 · x2 over the last axis of x1 and the last but one of x2."""

    def letters(self, *shapes: Shape) -> tuple[str, ...]:
        one, two = (len(shape) for shape in shapes)
        if one == 0 or two == 0:
            raise ShapeError(f"{type(self).__name__} multiplies matrices and vectors, not numbers")
        return joined(self, shapes, ((one - 1,), (max(0, two - 2),)), 0)


@operation
class BatchDot(PairContraction):
    """y = Σ x1 · x2 over one axis of each, row by row."""

    of_keras = False

    axes: int | tuple[int, int] | None = None

    def letters(self, *shapes: Shape) -> tuple[str, ...]:
        one, two = (len(shape) for shape in shapes)
        axes = self.axes if self.axes is not None else (one - 1, max(1, two - 2))
        pair = (axes, axes) if isinstance(axes, int) else axes
        return joined(self, shapes, ((pair[0],), (pair[1],)), 1)


def joined(self: Operation, shapes: tuple[Shape, ...], over: Any, batch: int) -> tuple[str, ...]:
    """Letters where the axes in `over` are summed over in pairs, and the first so many are the same of both."""
    one, two = (len(shape) for shape in shapes)
    if (
        len(over) != 2
        or len(over[0]) != len(over[1])
        or any(not -rank <= axis < rank for axes, rank in zip(over, (one, two), strict=True) for axis in axes)
    ):
        raise ShapeError(f"{type(self).__name__} cannot sum over these axes of {show(shapes[0])} and {show(shapes[1])}")
    left = LETTERS[:one]
    right = list(LETTERS[one : one + two])
    for i in range(batch):
        right[i] = left[i]
    for a, b in zip(*over, strict=True):
        right[b % two] = left[a % one]
    summed_over = {left[a % one] for a in over[0]}
    wanted = [letter for letter in (*left, *right[batch:]) if letter not in summed_over]
    return left, "".join(right), "".join(wanted)


@operation
class Outer(PairContraction):
    """y = the products of each number of x1 and each of x2."""

    def letters(self, *shapes: Shape) -> tuple[str, ...]:
        if any(len(shape) != 1 for shape in shapes):
            raise ShapeError(f"{type(self).__name__} takes two vectors, got {show(shapes[0])} and {show(shapes[1])}")
        return "a", "b", "ab"


@operation
class Einsum(Contraction):
    """y = Σ of products of one or two operands, over the letters that do not stand after the arrow."""

    listed = "operands"
    spread = True
    argument_order = ("subscripts", "operands")

    subscripts: str

    def letters(self, *shapes: Shape) -> tuple[str, ...]:
        text = self.subscripts.replace(" ", "")
        before, arrow, wanted = text.partition("->")
        operands = before.split(",")
        name = type(self).__name__
        if len(operands) != len(shapes):
            raise ShapeError(f'{name} "{self.subscripts}" is for {len(operands)} operands, got {len(shapes)}')
        used = set(text) - set(".,->")
        free = [letter for letter in LETTERS if letter not in used]
        longest = max(len(shape) - len(each.replace("...", "")) for each, shape in zip(operands, shapes, strict=True))
        dots = "".join(free[: max(0, longest)])
        found = []
        for each, shape in zip(operands, shapes, strict=True):
            own = len(shape) - len(each.replace("...", ""))
            letters = each.replace("...", dots[len(dots) - own :] if own > 0 else "")
            if len(letters) != len(shape):
                raise ShapeError(f'{name} "{each}" does not fit {show(shape)}', "has other axes")
            if len(set(letters)) < len(letters):
                raise ShapeError(f'{name} "{self.subscripts}" takes a diagonal, which gen does not have')
            found.append(letters)
        wanted = wanted.replace("...", dots)
        if not arrow:
            several = "".join(found)
            wanted = dots + "".join(sorted(c for c in set(several) - set(dots) if several.count(c) == 1))
        if not set(wanted) <= set("".join(found)) or len(set(wanted)) < len(wanted):
            raise ShapeError(f'{name} "{self.subscripts}" has an axis after the arrow that no operand has')
        return (*found, wanted)

    def __post_init__(self) -> None:
        allowed = set(LETTERS) | set(".,-> ")
        if not set(self.subscripts) <= allowed or self.subscripts.count("->") > 1:
            message = f'`subscripts` takes letters, such as "bij,bjk->bik", got {self.subscripts!r}'
            raise ArgumentError("subscripts", message)
        if self.subscripts.count(",") > 1:
            raise ArgumentError("subscripts", "`einsum` takes one or two operands in gen: call it several times")

    def output(self, *operands: Shape) -> Shape:
        return self.shape_of(*operands)

    def forward(self, *operands: Array) -> Array:
        if len(operands) == 1:
            letters, wanted = self.letters(operands[0].shape)
            kept = "".join(letter for letter in letters if letter in wanted)
            return turned(summed(operands[0].astype("float"), letters, wanted), kept, wanted)
        left, right, wanted = self.letters(operands[0].shape, operands[1].shape)
        return contracted(operands[0].astype("float"), left, operands[1].astype("float"), right, wanted)

    def backward(self, dy: Array, *operands: Array) -> tuple[Array, ...]:
        if len(operands) == 1:
            letters, wanted = self.letters(operands[0].shape)
            doperands: tuple[Array, ...] = (spread(dy, wanted, letters, operands[0].shape),)
            return doperands
        left, right, wanted = self.letters(operands[0].shape, operands[1].shape)
        a, b = operands[0].astype("float"), operands[1].astype("float")
        of_left = "".join(letter for letter in left if letter in right + wanted)
        of_right = "".join(letter for letter in right if letter in left + wanted)
        dleft = spread(contracted(dy, wanted, b, right, of_left), of_left, left, a.shape)
        dright = spread(contracted(dy, wanted, a, left, of_right), of_right, right, b.shape)
        doperands = dleft, dright
        return doperands
