"""Operations on one operand, number by number."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from gen.components.kernels import Array, erf
from gen.components.operations.base import BOOLS_AS_NUMBERS, NO_BOOLS, NOT_FLOAT, Operation, operation
from gen.dims import Shape


class Unary(Operation):
    """What functions of one operand have in common; whole numbers stay whole."""

    def output(self, x: Shape) -> Shape:
        return x


class Function(Unary):
    """Those that make floats of whole numbers."""

    casts: ClassVar[Mapping[str, str]] = BOOLS_AS_NUMBERS

    def dtype(self, *inputs: str) -> str:
        return "float"


class Step(Unary):
    """Those that have no gradient, as they are flat wherever they are smooth."""

    def backward(self) -> Array | None:
        dx = None
        return dx


@operation
class Negative(Unary):
    """y = -x."""

    casts: ClassVar[Mapping[str, str]] = NO_BOOLS

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, dy: Array) -> Array:
        return -dy


@operation
class Absolute(Unary):
    """y = |x|."""

    aliases = ("abs",)

    def forward(self, x: Array) -> Array:
        return np.abs(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * np.sign(x)


@operation
class Square(Unary):
    """y = x²."""

    casts: ClassVar[Mapping[str, str]] = BOOLS_AS_NUMBERS

    def forward(self, x: Array) -> Array:
        return np.square(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * x * 2.0


@operation
class Sqrt(Function):
    """y = √x."""

    def forward(self, x: Array) -> Array:
        return np.sqrt(x)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * 0.5 / y


@operation
class Rsqrt(Function):
    """y = 1 / √x."""

    def forward(self, x: Array) -> Array:
        return 1.0 / np.sqrt(x)

    def backward(self, dy: Array, x: Array, y: Array) -> Array:
        return dy * y / x * -0.5


@operation
class Reciprocal(Function):
    """y = 1 / x."""

    def forward(self, x: Array) -> Array:
        return 1.0 / x

    def backward(self, dy: Array, y: Array) -> Array:
        return -(dy * y * y)


@operation
class Exp(Function):
    """y = eˣ."""

    def forward(self, x: Array) -> Array:
        return np.exp(x)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * y


@operation
class Exp2(Function):
    """y = 2ˣ."""

    def forward(self, x: Array) -> Array:
        return np.exp2(x)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * y * math.log(2.0)


@operation
class Expm1(Function):
    """y = eˣ - 1."""

    def forward(self, x: Array) -> Array:
        return np.expm1(x)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * (y + 1.0)


@operation
class Log(Function):
    """y = log x."""

    def forward(self, x: Array) -> Array:
        return np.log(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / x


@operation
class Log1p(Function):
    """y = log(1 + x)."""

    def forward(self, x: Array) -> Array:
        return np.log1p(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / (x + 1.0)


@operation
class Log2(Function):
    """y = log₂ x."""

    def forward(self, x: Array) -> Array:
        return np.log2(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / x * (1 / math.log(2.0))


@operation
class Log10(Function):
    """y = log₁₀ x."""

    def forward(self, x: Array) -> Array:
        return np.log10(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / x * (1 / math.log(10.0))


@operation
class Sin(Function):
    """y = sin x."""

    def forward(self, x: Array) -> Array:
        return np.sin(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * np.cos(x)


@operation
class Cos(Function):
    """y = cos x."""

    def forward(self, x: Array) -> Array:
        return np.cos(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return -(dy * np.sin(x))


@operation
class Tan(Function):
    """y = tan x."""

    def forward(self, x: Array) -> Array:
        return np.tan(x)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * (y * y + 1.0)


@operation
class Sinh(Function):
    """y = sinh x."""

    def forward(self, x: Array) -> Array:
        return np.sinh(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * np.cosh(x)


@operation
class Cosh(Function):
    """y = cosh x."""

    def forward(self, x: Array) -> Array:
        return np.cosh(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * np.sinh(x)


@operation
class Arcsin(Function):
    """y = arcsin x."""

    def forward(self, x: Array) -> Array:
        return np.arcsin(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / np.sqrt(1.0 - x * x)


@operation
class Arccos(Function):
    """y = arccos x."""

    def forward(self, x: Array) -> Array:
        return np.arccos(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return -(dy / np.sqrt(1.0 - x * x))


@operation
class Arctan(Function):
    """y = arctan x."""

    def forward(self, x: Array) -> Array:
        return np.arctan(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / (x * x + 1.0)


@operation
class Arcsinh(Function):
    """y = arcsinh x."""

    def forward(self, x: Array) -> Array:
        return np.arcsinh(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / np.sqrt(x * x + 1.0)


@operation
class Arccosh(Function):
    """y = arccosh x."""

    def forward(self, x: Array) -> Array:
        return np.arccosh(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / np.sqrt(x * x - 1.0)


@operation
class Arctanh(Function):
    """y = arctanh x."""

    def forward(self, x: Array) -> Array:
        return np.arctanh(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy / (1.0 - x * x)


@operation
class Erf(Function):
    """y = erf x, the error function."""

    def forward(self, x: Array) -> Array:
        return erf(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * np.exp(-(x * x)) * (2 / math.sqrt(math.pi))


@operation
class Sign(Step):
    """y = -1, 0 or 1, as x is less than 0, 0, or more."""

    casts: ClassVar[Mapping[str, str]] = NO_BOOLS

    def forward(self, x: Array) -> Array:
        return np.sign(x)


@operation
class Floor(Step):
    """y = ⌊x⌋."""

    casts: ClassVar[Mapping[str, str]] = dict.fromkeys(NOT_FLOAT, "float")

    def forward(self, x: Array) -> Array:
        return np.floor(x)


@operation
class Ceil(Step):
    """y = ⌈x⌉."""

    casts: ClassVar[Mapping[str, str]] = dict.fromkeys(NOT_FLOAT, "float")

    def forward(self, x: Array) -> Array:
        return np.ceil(x)


@operation
class Trunc(Step):
    """y = x without what stands after the point."""

    def passes_on(self, dtype: str) -> bool:
        return dtype in NOT_FLOAT

    def forward(self, x: Array) -> Array:
        return np.trunc(x)


@operation
class Round(Step):
    """y = x to so many decimals; a half goes to the even neighbor."""

    casts: ClassVar[Mapping[str, str]] = NO_BOOLS

    decimals: int = 0

    def passes_on(self, dtype: str) -> bool:
        return dtype in NOT_FLOAT and dtype != "bool" and self.decimals >= 0

    def forward(self, x: Array) -> Array:
        if self.decimals == 0:
            return np.rint(x)
        return np.rint(x * 10.0**self.decimals) * 10.0**-self.decimals


@operation
class StopGradient(Unary):
    """y = x, without a gradient."""

    moves = True

    def passes_on(self, dtype: str) -> bool:
        return dtype in NOT_FLOAT

    def forward(self, variable: Array) -> Array:
        return +variable

    def backward(self) -> Array | None:
        dvariable = None
        return dvariable


class Test(Unary):
    """What asks of each number whether something holds."""

    def dtype(self, *inputs: str) -> str:
        return "bool"


@operation
class Isnan(Test):
    """y = x is no number."""

    def forward(self, x: Array) -> Array:
        return np.isnan(x)


@operation
class Isfinite(Test):
    """y = x is a number, and not infinite."""

    def forward(self, x: Array) -> Array:
        return np.isfinite(x)


@operation
class Clip(Operation):
    """y = x, between x_min and x_max."""

    casts: ClassVar[Mapping[str, str]] = BOOLS_AS_NUMBERS

    x_min: int | float
    x_max: int | float

    def output(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str) -> str:
        whole = isinstance(self.x_min, int) and isinstance(self.x_max, int)
        return inputs[0] if whole else "float"

    def forward(self, x: Array) -> Array:
        return np.minimum(np.maximum(x, self.x_min), self.x_max)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * np.logical_and(x >= self.x_min, x <= self.x_max)
