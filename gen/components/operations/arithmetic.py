"""Operations on two operands, number by number: what `+`, `-`, `*`, `/`, `**`, `//`, `%` and comparisons mean."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from gen.components.base import ShapeError
from gen.components.kernels import Array
from gen.components.operations.base import BOOLS_AS_NUMBERS, Operation, operation, promoted, share, stretched
from gen.dims import Shape


class Binary(Operation):
    """What operations on two operands have in common."""

    def taken(self, dtypes: Sequence[str]) -> list[str]:
        """Yes and no become numbers beside a Python number."""
        weak = {"whole", "real"}.intersection(dtypes)
        number = "float" if "real" in weak else "int32"
        return [number if weak and dtype == "bool" else dtype for dtype in super().taken(dtypes)]

    def output(self, x1: Shape, x2: Shape) -> Shape:
        return stretched(self, (x1, x2))

    def dtype(self, *inputs: str) -> str:
        made = promoted(inputs)
        if made == "bool":
            raise ShapeError(
                f"{type(self).__name__} expects numbers, got {' and '.join(inputs)}",
                code="dtype-mismatch",
                hint='make numbers of them first: `ops.cast(x, "float32")`',
            )
        return made


@operation
class Add(Binary):
    """y = x1 + x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return x1 + x2

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        dx1 = share(x1, dy)
        dx2 = share(x2, dy)
        return dx1, dx2


@operation
class Subtract(Binary):
    """y = x1 - x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return x1 - x2

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        dx1 = share(x1, dy)
        dx2 = share(x2, -dy)
        return dx1, dx2


@operation
class Multiply(Binary):
    """y = x1 · x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return x1 * x2

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        dx1 = share(x1, dy * x2)
        dx2 = share(x2, dy * x1)
        return dx1, dx2


@operation
class Divide(Binary):
    """y = x1 / x2; whole numbers become floats."""

    aliases = ("true_divide",)

    def dtype(self, *inputs: str) -> str:
        return "float"

    def forward(self, x1: Array, x2: Array) -> Array:
        return x1 / x2

    def backward(self, dy: Array, x1: Array, x2: Array, y: Array) -> tuple[Array | None, ...]:
        part = dy / x2
        dx1 = share(x1, part)
        dx2 = share(x2, -(part * y))
        return dx1, dx2


@operation
class DivideNoNan(Binary):
    """y = x1 / x2, and 0 where x2 is 0."""

    def dtype(self, *inputs: str) -> str:
        return "float"

    def forward(self, x1: Array, x2: Array) -> Array:
        kept = x2 != 0.0
        safe = np.where(kept, x2, 1.0)
        return x1 / safe * kept

    def backward(self, dy: Array, x1: Array, x2: Array, kept: Array, safe: Array, y: Array) -> tuple[Array | None, ...]:
        part = dy / safe * kept
        dx1 = share(x1, part)
        dx2 = share(x2, -(part * y))
        return dx1, dx2


@operation
class Power(Binary):
    """y = x1 ** x2."""

    casts: ClassVar[Mapping[str, str]] = BOOLS_AS_NUMBERS

    def forward(self, x1: Array, x2: Array) -> Array:
        return x1**x2

    def backward(self, dy: Array, x1: Array, x2: Array, y: Array) -> tuple[Array | None, ...]:
        if isinstance(x2, int | float):
            dx1 = dy * 0.0 if x2 == 0 else dy if x2 == 1 else dy * x1 * 2.0 if x2 == 2 else dy * x1 ** (x2 - 1) * x2
            return dx1, None
        dx1 = share(x1, dy * x2 * x1 ** (x2 - 1))
        dx2 = share(x2, dy * y * np.log(x1))
        return dx1, dx2


@operation
class FloorDivide(Binary):
    """y = ⌊x1 / x2⌋; it has no gradient."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return x1 // x2

    def backward(self) -> tuple[Array | None, ...]:
        dx1 = dx2 = None
        return dx1, dx2


@operation
class Mod(Binary):
    """y = x1 - ⌊x1 / x2⌋ · x2."""

    aliases = ("remainder",)

    def forward(self, x1: Array, x2: Array) -> Array:
        return x1 % x2

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        dx1 = share(x1, dy)
        dx2 = share(x2, -(dy * np.floor(x1 / x2)))
        return dx1, dx2


@operation
class Maximum(Binary):
    """y = max(x1, x2); of equal numbers the first gets the gradient."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.maximum(x1, x2)

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        first = x1 > x2 if isinstance(x2, int | float) else x1 >= x2
        dx1 = share(x1, dy * first)
        dx2 = share(x2, dy * np.logical_not(first))
        return dx1, dx2


@operation
class Minimum(Binary):
    """y = min(x1, x2); of equal numbers the first gets the gradient."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.minimum(x1, x2)

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        first = x1 < x2 if isinstance(x2, int | float) else x1 <= x2
        dx1 = share(x1, dy * first)
        dx2 = share(x2, dy * np.logical_not(first))
        return dx1, dx2


@operation
class SquaredDifference(Binary):
    """y = (x1 - x2)²."""

    of_keras = False

    def forward(self, x1: Array, x2: Array) -> Array:
        difference = x1 - x2
        return difference * difference

    def backward(self, dy: Array, x1: Array, x2: Array, difference: Array) -> tuple[Array | None, ...]:
        part = dy * difference * 2.0
        dx1 = share(x1, part)
        dx2 = share(x2, -part)
        return dx1, dx2


class FloatBinary(Binary):
    """Those that make floats of whole numbers."""

    def dtype(self, *inputs: str) -> str:
        super().dtype(*inputs)
        return "float"


@operation
class Arctan2(FloatBinary):
    """y = the angle of the point (x2, x1)."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.arctan2(x1, x2)

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        part = dy / (x1 * x1 + x2 * x2)
        dx1 = share(x1, part * x2)
        dx2 = share(x2, -(part * x1))
        return dx1, dx2


@operation
class Logaddexp(FloatBinary):
    """y = log(exp(x1) + exp(x2))."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.logaddexp(x1, x2)

    def backward(self, dy: Array, x1: Array, x2: Array, y: Array) -> tuple[Array | None, ...]:
        dx1 = share(x1, dy * np.exp(x1 - y))
        dx2 = share(x2, dy * np.exp(x2 - y))
        return dx1, dx2


@operation
class Hypot(FloatBinary):
    """y = √(x1² + x2²)."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.sqrt(x1 * x1 + x2 * x2)

    def backward(self, dy: Array, x1: Array, x2: Array, y: Array) -> tuple[Array | None, ...]:
        part = dy / y
        dx1 = share(x1, part * x1)
        dx2 = share(x2, part * x2)
        return dx1, dx2


# ---------------------------------------------------------------------------------------------------------- comparisons


class Comparison(Operation):
    """What comparisons have in common: their result is bool, and has no gradient."""

    def output(self, x1: Shape, x2: Shape) -> Shape:
        return stretched(self, (x1, x2))

    def dtype(self, *inputs: str) -> str:
        return "bool"


@operation
class Equal(Comparison):
    """y = x1 is x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.equal(x1, x2)


@operation
class NotEqual(Comparison):
    """y = x1 is not x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.not_equal(x1, x2)


@operation
class Greater(Comparison):
    """y = x1 > x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.greater(x1, x2)


@operation
class GreaterEqual(Comparison):
    """y = x1 ≥ x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.greater_equal(x1, x2)


@operation
class Less(Comparison):
    """y = x1 < x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.less(x1, x2)


@operation
class LessEqual(Comparison):
    """y = x1 ≤ x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.less_equal(x1, x2)


class Logical(Comparison):
    """What joins truths: numbers are true where they are not 0."""


@operation
class LogicalAnd(Logical):
    """y = x1 and x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.logical_and(x1, x2)


@operation
class LogicalOr(Logical):
    """y = x1 or x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.logical_or(x1, x2)


@operation
class LogicalXor(Logical):
    """y = either x1 or x2."""

    def forward(self, x1: Array, x2: Array) -> Array:
        return np.not_equal(truth(x1), truth(x2))


@operation
class LogicalNot(Operation):
    """y = not x."""

    def output(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str) -> str:
        return "bool"

    def forward(self, x: Array) -> Array:
        return np.logical_not(x)


def truth(x: Array) -> Array:
    """Where `x` is not 0."""
    return np.logical_not(np.logical_not(x))
