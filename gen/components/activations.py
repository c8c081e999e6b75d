"""Activations: functions from an array to an array of the same shape.  Source: `keras/src/activations`.

Formulas and defaults are those of Keras.  Where it is cheap, `backward` works from the result `y`, so that the
generated file keeps nothing else.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gen.components.arguments import NonNegative, Positive
from gen.components.base import Activation, ShapeError, component
from gen.components.kernels import Array, gelu, gelu_gradient, sparsemax_share
from gen.dims import Shape, show

# ------------------------------------------------------------------------------------------------------ straight pieces


@component
class Linear(Activation):
    """y = x."""

    identity = True

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


@component
class Relu(Activation):
    """y = max(x, 0); below `threshold`, y = negative_slope · (x - threshold), and y never exceeds `max_value`.

    Formula: y = max(x, 0)
    """

    negative_slope: NonNegative = 0.0
    max_value: NonNegative | None = None
    threshold: NonNegative = 0.0

    def keeps_greatest(self) -> bool:
        return self.negative_slope == 0  # a slope may round two numbers to one

    def forward(self, x: Array) -> Array:
        if self.threshold == 0 and self.negative_slope == 0:
            y = np.maximum(x, 0.0)
        elif self.negative_slope == 0:
            y = np.where(x > self.threshold, x, 0.0)
        else:
            y = np.where(x > self.threshold, x, self.negative_slope * (x - self.threshold))
        if self.max_value is not None:
            y = np.minimum(y, self.max_value)
        return y

    def backward(self, dy: Array, y: Array) -> Array:
        active = y >= 0.0 if self.max_value == 0 else y > 0.0  # every x above the threshold
        if self.max_value is not None:
            dx = dy * np.logical_and(active, y < self.max_value)
        else:
            dx = dy * active
        if self.negative_slope != 0:
            dx = np.where(active, dx, self.negative_slope * dy)
        return dx


@component
class Relu6(Activation):
    """y = min(max(x, 0), 6)."""

    def keeps_greatest(self) -> bool:
        return True

    def forward(self, x: Array) -> Array:
        return np.minimum(np.maximum(x, 0.0), 6.0)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * np.logical_and(y > 0.0, y < 6.0)


@component
class LeakyRelu(Activation):
    """y = x where x > 0, else negative_slope · x."""

    negative_slope: NonNegative = 0.2

    def forward(self, x: Array) -> Array:
        if self.negative_slope <= 1:
            return np.maximum(x, self.negative_slope * x)
        return np.where(x > 0.0, x, self.negative_slope * x)

    def backward(self, dy: Array, y: Array) -> Array:
        return np.where(y > 0.0, dy, self.negative_slope * dy)


@component
class HardSigmoid(Activation):
    """y = x / 6 + 1/2, limited to the range from 0 to 1.

    Formula: y = min(max(x / 6 + 1/2, 0), 1)
    """

    probability = True
    factor = 1 / 6

    def forward(self, x: Array) -> Array:
        return self.of_multiple(x * (1 / 6))

    def of_multiple(self, x: Array) -> Array:
        return np.minimum(np.maximum(x + 0.5, 0.0), 1.0)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * np.logical_and(y > 0.0, y < 1.0) * (1 / 6)


@component
class HardSilu(Activation):
    """y = x · hard_sigmoid(x)."""

    aliases = ("hard_swish",)

    def forward(self, x: Array) -> Array:
        gate = np.minimum(np.maximum(x * (1 / 6) + 0.5, 0.0), 1.0)
        return x * gate

    def backward(self, dy: Array, x: Array, gate: Array) -> Array:
        return dy * (gate + x * np.logical_and(gate > 0.0, gate < 1.0) * (1 / 6))


@component
class HardTanh(Activation):
    """y = x, limited to the range from -1 to 1.

    Formula: y = min(max(x, -1), 1)
    """

    def forward(self, x: Array) -> Array:
        return np.minimum(np.maximum(x, -1.0), 1.0)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * (np.abs(y) < 1.0)


@component
class HardShrink(Activation):
    """y = x where |x| > threshold, else 0."""

    threshold: NonNegative = 0.5

    def forward(self, x: Array) -> Array:
        return x * (np.abs(x) > self.threshold)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * (y != 0.0)


@component
class SoftShrink(Activation):
    """y = x moved toward 0 by `threshold`; y = 0 where |x| is at most the threshold.

    Formula: y = sign(x) · max(|x| - threshold, 0)
    """

    threshold: NonNegative = 0.5

    def forward(self, x: Array) -> Array:
        return x - np.minimum(np.maximum(x, -self.threshold), self.threshold)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * (y != 0.0)


@component
class Threshold(Activation):
    """y = x where x > threshold, else default_value.

    Example: threshold(0.5, 0.0)
    """

    threshold: float
    default_value: float

    def forward(self, x: Array) -> Array:
        return np.where(x > self.threshold, x, self.default_value)

    def backward(self, dy: Array, x: Array) -> Array:
        return dy * (x > self.threshold)


@component
class SparseSigmoid(Activation):
    """y = (x + 1) / 2, limited to the range from 0 to 1 (Blondel, Martins and Niculae, 2019).

    Formula: y = min(max((x + 1) / 2, 0), 1)
    """

    probability = True

    def forward(self, x: Array) -> Array:
        return np.minimum(np.maximum(0.5 * x + 0.5, 0.0), 1.0)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * np.logical_and(y > 0.0, y < 1.0) * 0.5


@component
class SparsePlus(Activation):
    """y = 0 below -1, (x + 1)² / 4 from -1 to 1, and x above 1.

    Formula: y = 0 where x < -1, (x + 1)² / 4 where x < 1, else x
    """

    def forward(self, x: Array) -> Array:
        slope = np.minimum(np.maximum(0.5 * x + 0.5, 0.0), 1.0)
        return slope * slope + np.maximum(x - 1.0, 0.0)

    def backward(self, dy: Array, slope: Array) -> Array:
        return dy * slope


# -------------------------------------------------------------------------------------------------------- smooth curves


@component
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)), computed as 1/2 + tanh(x / 2) / 2, which never overflows.

    Formula: y = 1 / (1 + exp(-x))
    """

    probability = True
    factor = 0.5

    def forward(self, x: Array) -> Array:
        return self.of_multiple(0.5 * x)

    def of_multiple(self, x: Array) -> Array:
        return 0.5 * np.tanh(x) + 0.5

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * y * (1.0 - y)


@component
class LogSigmoid(Activation):
    """y = log(sigmoid(x)) = -log(1 + exp(-x))."""

    def forward(self, x: Array) -> Array:
        return -np.logaddexp(0.0, -x)

    def backward(self, dy: Array, y: Array) -> Array:
        return -dy * np.expm1(y)


@component
class Tanh(Activation):
    """y = tanh(x)."""

    def forward(self, x: Array) -> Array:
        return np.tanh(x)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * (1.0 - y * y)


@component
class TanhShrink(Activation):
    """y = x - tanh(x)."""

    def forward(self, x: Array) -> Array:
        bend = np.tanh(x)
        return x - bend

    def backward(self, dy: Array, bend: Array) -> Array:
        return dy * bend * bend


@component
class Exponential(Activation):
    """y = exp(x)."""

    def forward(self, x: Array) -> Array:
        return np.exp(x)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * y


@component
class Softplus(Activation):
    """y = log(1 + exp(x)); its slope, sigmoid(x), is 1 - exp(-y)."""

    def forward(self, x: Array) -> Array:
        return np.logaddexp(0.0, x)

    def backward(self, dy: Array, y: Array) -> Array:
        return -dy * np.expm1(-y)


@component
class Softsign(Activation):
    """y = x / (1 + |x|); its slope is (1 - |y|)²."""

    def forward(self, x: Array) -> Array:
        return x / (1.0 + np.abs(x))

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * np.square(1.0 - np.abs(y))


@component
class Squareplus(Activation):
    """y = (x + √(x² + b)) / 2 (Barron, 2021).

    Formula: y = (x + √(x² + b)) / 2
    """

    b: Positive = 4.0

    def forward(self, x: Array) -> Array:
        root = np.sqrt(x * x + self.b)
        return 0.5 * (x + root)

    def backward(self, dy: Array, y: Array, root: Array) -> Array:
        return dy * (y / root)


@component
class Elu(Activation):
    """y = x where x > 0, else alpha · (exp(x) - 1) (Clevert et al., 2016).

    Formula: y = x where x > 0, else alpha · (exp(x) - 1)
    """

    alpha: NonNegative = 1.0

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0.0) + self.alpha * np.expm1(np.minimum(x, 0.0))

    def backward(self, dy: Array, y: Array) -> Array:
        if self.alpha == 1:
            return dy * (np.minimum(y, 0.0) + 1.0)
        return dy * np.where(y > 0.0, 1.0, y + self.alpha)


@component
class Selu(Activation):
    """y = scale · elu(x, alpha), with the two constants of Klambauer et al., 2017.

    Formula: y = scale · x where x > 0, else scale · alpha · (exp(x) - 1)
    """

    scale: ClassVar[float] = 1.0507009873554804934193349852946
    alpha: ClassVar[float] = 1.6732632423543772848170429916717

    def forward(self, x: Array) -> Array:
        return self.scale * np.maximum(x, 0.0) + self.scale * self.alpha * np.expm1(np.minimum(x, 0.0))

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * np.where(y > 0.0, self.scale, y + self.scale * self.alpha)


@component
class Celu(Activation):
    """y = x where x > 0, else alpha · (exp(x / alpha) - 1) (Barron, 2017).

    Formula: y = x where x > 0, else alpha · (exp(x / alpha) - 1)
    """

    alpha: Positive = 1.0

    def forward(self, x: Array) -> Array:
        return np.maximum(x, 0.0) + self.alpha * np.expm1(np.minimum(x, 0.0) * (1 / self.alpha))

    def backward(self, dy: Array, y: Array) -> Array:
        return dy * (np.minimum(y, 0.0) * (1 / self.alpha) + 1.0)


@component
class Silu(Activation):
    """y = x · sigmoid(x) (Ramachandran et al., 2017).

    Formula: y = x · sigmoid(x)
    """

    aliases = ("swish",)

    def forward(self, x: Array) -> Array:
        gate = 0.5 * np.tanh(0.5 * x) + 0.5
        return x * gate

    def backward(self, dy: Array, y: Array, gate: Array) -> Array:
        return dy * (gate + y * (1.0 - gate))


@component
class Mish(Activation):
    """y = x · tanh(softplus(x)) (Misra, 2019).

    Formula: y = x · tanh(softplus(x))
    """

    def forward(self, x: Array) -> Array:
        softplus = np.logaddexp(0.0, x)
        gate = np.tanh(softplus)
        return x * gate

    def backward(self, dy: Array, x: Array, softplus: Array, gate: Array) -> Array:
        sigmoid = -np.expm1(-softplus)
        return dy * (gate + x * sigmoid * (1.0 - gate * gate))


@component
class Gelu(Activation):
    """y = x · Φ(x), Φ the normal distribution function; `approximate` uses tanh (Hendrycks and Gimpel, 2016).

    Formula: y = x · Φ(x)
    """

    approximate: bool = False

    def forward(self, x: Array) -> Array:
        y, gate = gelu(x, self.approximate)
        return y

    def backward(self, dy: Array, x: Array, gate: Array) -> Array:
        return gelu_gradient(dy, x, gate, self.approximate)


# --------------------------------------------------------------------------------------------------------- over an axis


def check_axis(name: str, axis: int, x: Shape) -> None:
    """Raise `ShapeError` if `axis` is the batch, or if `x` does not have it."""
    if not -len(x) < axis < len(x) or axis == 0:
        raise ShapeError(f"{name} cannot work along axis {axis} of {show(x[1:])}", "has no such axis besides the batch")


@component
class Softmax(Activation):
    """y = exp(x) / Σ exp(x), the sum over `axis`; gen subtracts the largest x first, so that nothing overflows.

    Formula: y = exp(x) / Σ exp(x)
    """

    axis: int = -1
    probability = True

    def output(self, x: Shape) -> Shape:
        check_axis("softmax", self.axis, x)
        return x

    def forward(self, x: Array) -> Array:
        greatest = np.maximum.reduce(x, axis=self.axis, keepdims=True)
        exponentials = np.exp(x - greatest)
        total = np.add.reduce(exponentials, axis=self.axis, keepdims=True)
        return exponentials / total

    def backward(self, dy: Array, y: Array) -> Array:
        return y * (dy - np.add.reduce(dy * y, axis=self.axis, keepdims=True))


@component
class LogSoftmax(Activation):
    """y = x - log(Σ exp(x)), the sum over `axis`.

    Formula: y = x - log(Σ exp(x))
    """

    axis: int = -1

    def output(self, x: Shape) -> Shape:
        check_axis("log_softmax", self.axis, x)
        return x

    def forward(self, x: Array) -> Array:
        greatest = np.maximum.reduce(x, axis=self.axis, keepdims=True)
        shifted = x - greatest
        exponentials = np.exp(shifted)
        total = np.add.reduce(exponentials, axis=self.axis, keepdims=True)
        return shifted - np.log(total)

    def backward(self, dy: Array, y: Array) -> Array:
        return dy - np.exp(y) * np.add.reduce(dy, axis=self.axis, keepdims=True)


@component
class Sparsemax(Activation):
    """y = max(x - τ, 0), with τ computed along `axis` as in Keras.

    Keras adds up the running sums of the k values in the support, largest first: τ = (Σ running sums - 1) / k.  A row
    with more than one value in its support therefore does not sum to 1; in Martins and Astudillo, 2016, every row does.

    Formula: y = max(x - τ, 0)
    """

    axis: int = -1

    def output(self, x: Shape) -> Shape:
        check_axis("sparsemax", self.axis, x)
        return x

    def forward(self, x: Array) -> Array:
        share = sparsemax_share(x, self.axis)
        count = np.add.reduce(np.sign(share), axis=self.axis, keepdims=True)
        threshold = np.add.reduce(x * share, axis=self.axis, keepdims=True) - 1.0 / count
        return np.maximum(x - threshold, 0.0)

    def backward(self, dy: Array, y: Array, share: Array) -> Array:
        kept = dy * (y > 0.0)
        return kept - share * np.add.reduce(kept, axis=self.axis, keepdims=True)
