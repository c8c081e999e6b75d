"""Operations without operands: constants, and the weights of layers of one's own.

A constant is made with the buffers, by what `forward` says: one call of NumPy, with fields as its arguments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gen.components import initializers
from gen.components.arguments import Count
from gen.components.base import ArgumentError, Constraint, Initializer, Regularizer, ShapeError, Weight
from gen.components.initializers import GlorotUniform
from gen.components.kernels import Array
from gen.components.operations.base import Dtype, Operation, operation
from gen.dims import Dim, Shape, show

Whole: TypeAlias = int | Dim
Sizes: TypeAlias = tuple[Whole, ...] | Whole
Number: TypeAlias = int | float | bool


@dataclass(frozen=True)
class Parameter(Operation):
    """y = a weight of a layer of one's own: `self.add_weight(…)`."""

    own_weight = "value"

    shape: tuple[Count, ...]
    initializer: Initializer = GlorotUniform()
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None
    trained: bool = True

    def output(self) -> Shape:
        return self.shape

    def dtype(self, *inputs: str) -> str:
        return "float"

    def weights(self, *_: Any, **__: Any) -> dict[str, Weight]:
        return {"value": Weight(self.shape, self.initializer, self.regularizer, self.constraint, self.trained)}

    def forward(self, value: Array) -> Array:
        return value

    def backward(self, dy: Array) -> Array:
        dvalue = dy
        return dvalue


class Constant(Operation):
    """What constants have in common; `dtype_` is the argument `dtype`."""

    is_call = True

    def dtype(self, *inputs: str) -> str:
        return getattr(self, "dtype_", None) or "float"


def sizes(shape: Sizes) -> Shape:
    """A shape as NumPy takes it: one size, or a tuple of them; raises `ShapeError` for an empty one."""
    made = shape if isinstance(shape, tuple) else (shape,)
    if any(isinstance(size, int) and size < 1 for size in made):
        raise ShapeError(f"An array of the shape {show(made)} holds nothing", "nothing is in it")
    return made


@operation
class Zeros(Constant):
    """y = 0, in this shape."""

    shape: Sizes
    dtype_: Dtype = None

    def output(self) -> Shape:
        return sizes(self.shape)

    def as_initializer(self) -> Initializer:
        return initializers.Zeros()

    def forward(self) -> Array:
        return np.zeros(self.shape)


@operation
class Ones(Constant):
    """y = 1, in this shape."""

    shape: Sizes
    dtype_: Dtype = None

    def output(self) -> Shape:
        return sizes(self.shape)

    def as_initializer(self) -> Initializer:
        return initializers.Ones()

    def forward(self) -> Array:
        return np.ones(self.shape)


@operation
class Full(Constant):
    """y = fill_value, in this shape."""

    shape: Sizes
    fill_value: Number
    dtype_: Dtype = None

    def output(self) -> Shape:
        return sizes(self.shape)

    def dtype(self, *inputs: str) -> str:
        return self.dtype_ or of_numbers(self.fill_value)

    def as_initializer(self) -> Initializer | None:
        return initializers.Constant(value=float(self.fill_value)) if isinstance(self.fill_value, int | float) else None

    def forward(self) -> Array:
        return np.full(self.shape, self.fill_value)


@operation
class Eye(Constant):
    """y = 1 on the k-th diagonal and 0 elsewhere, in n rows and m columns."""

    aliases = ("identity",)

    n: Whole
    m: Whole | None = None
    k: int = 0
    dtype_: Dtype = None

    def output(self) -> Shape:
        return (self.n, self.n if self.m is None else self.m)

    def forward(self) -> Array:
        return np.eye(self.n, self.m, self.k)  # type: ignore[arg-type]  # where it runs, sizes are numbers


@operation
class Tri(Constant):
    """y = 1 on the k-th diagonal and below, and 0 elsewhere, in n rows and m columns."""

    n: Whole
    m: Whole | None = None
    k: int = 0
    dtype_: Dtype = None

    def output(self) -> Shape:
        return (self.n, self.n if self.m is None else self.m)

    def forward(self) -> Array:
        return np.tri(self.n, self.m, self.k)  # type: ignore[arg-type]  # where it runs, sizes are numbers


@operation
class Arange(Constant):
    """y = start, start + step, … up to, but not including, stop; from 0 where only one is given."""

    start: Whole | float
    stop: Whole | float | None = None
    step: int | float = 1
    dtype_: Dtype = None

    def __post_init__(self) -> None:
        if self.step == 0:
            raise ArgumentError("step", "`step` cannot be 0")
        if self.stop is None:
            object.__setattr__(self, "stop", self.start)
            object.__setattr__(self, "start", 0)
        numbers = [type(number) for number in (self.start, self.stop)]
        if any(isinstance(each, float) and not math.isfinite(each) for each in (self.start, self.stop, self.step)):
            raise ArgumentError("start", "`start`, `stop` and `step` are finite")
        if Dim in numbers and float in numbers:
            raise ArgumentError("start", "`start` and `stop` are whole numbers where data decide one of them")

    def output(self) -> Shape:
        assert self.stop is not None
        span: Any = self.stop - self.start  # type: ignore[operator]  # a size and a fraction are refused below
        step = self.step
        if isinstance(span, Dim):
            if not isinstance(step, int):
                raise ShapeError(f"{type(self).__name__} takes a whole step where data decide how many there are")
            return ((span + (step - 1)) // step if step > 0 else (-span + (-step - 1)) // -step,)
        count = max(0, math.ceil(span / step))
        if count == 0:
            raise ShapeError(f"{type(self).__name__} from {self.start} to {self.stop} is empty", "nothing is left")
        return (count,)

    def dtype(self, *inputs: str) -> str:
        return self.dtype_ or of_numbers(self.start, self.stop, self.step)

    def least_and_most(self) -> tuple[float, float] | None:
        if not isinstance(self.start, int) or not isinstance(self.stop, int) or not isinstance(self.step, int):
            return None
        numbers = range(self.start, self.stop, self.step)
        return min(numbers[0], numbers[-1]), max(numbers[0], numbers[-1])

    def forward(self) -> Array:
        return np.arange(self.start, self.stop, self.step)  # type: ignore[arg-type]  # sizes are numbers


@operation
class Linspace(Constant):
    """y = num numbers, evenly from start to stop, which is among them unless `endpoint` is False."""

    start: int | float
    stop: int | float
    num: Count = 50
    endpoint: bool = True
    dtype_: Dtype = None

    def output(self) -> Shape:
        return (self.num,)

    def forward(self) -> Array:
        return np.linspace(self.start, self.stop, self.num, self.endpoint)


@dataclass(frozen=True)
class Literal(Constant):
    """y = the numbers that the file has: `[0.1, 0.2]`."""

    values: tuple[Any, ...]
    dtype_: Dtype = None

    def output(self) -> Shape:
        return np.shape(self.values)

    def dtype(self, *inputs: str) -> str:
        return self.dtype_ or DTYPE_OF[np.array(self.values).dtype.kind]

    def listed_numbers(self) -> tuple[Any, ...] | None:
        return self.values

    def least_and_most(self) -> tuple[float, float] | None:
        return float(np.min(self.values)), float(np.max(self.values))

    def forward(self) -> Array:
        return np.array(self.values)


DTYPE_OF = {"f": "float", "i": "int32", "b": "bool"}
"""The dtype of numbers by the letter that NumPy has for their kind."""


def of_numbers(*numbers: Any) -> str:
    """The dtype of what is made of these numbers."""
    kinds = [type(number) for number in numbers]
    return "float" if float in kinds else "bool" if set(kinds) == {bool} else "int32"


class Like(Operation):
    """What stands for a constant in the shape of its operand."""

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        raise NotImplementedError  # `constant` stands for it


@operation
class ZerosLike(Like):
    """y = 0, in the shape of x."""

    dtype_: Dtype = None

    def constant(self, shape: Shape, dtype: str) -> Constant:
        return Zeros(shape, self.dtype_ or dtype)


@operation
class OnesLike(Like):
    """y = 1, in the shape of x."""

    dtype_: Dtype = None

    def constant(self, shape: Shape, dtype: str) -> Constant:
        return Ones(shape, self.dtype_ or dtype)


@operation
class FullLike(Like):
    """y = fill_value, in the shape of x."""

    fill_value: Number
    dtype_: Dtype = None

    def constant(self, shape: Shape, dtype: str) -> Constant:
        return Full(shape, self.fill_value, self.dtype_ or dtype)
