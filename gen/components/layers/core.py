"""Dense, and activations as separate layers.  Source: `keras/src/layers/core`, `…/activations`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from gen.components import base
from gen.components.activations import Elu, LeakyRelu, Linear, Relu
from gen.components.activations import Softmax as SoftmaxFunction
from gen.components.arguments import Count, NonNegative
from gen.components.base import Layer, ShapeError, Weight, component
from gen.components.initializers import GlorotUniform, Zeros
from gen.components.kernels import Array
from gen.components.refused import refused
from gen.dims import Shape, Size, show


def size_of(layer: str, size: Size, what: str) -> int:
    """`size` as a number; raises `ShapeError` if only data decides it, because the shape of a weight must be known."""
    if isinstance(size, int):
        return size
    raise ShapeError(f"{layer} needs to know {what} in advance, but it is `{size}`", f"{what} unknown")


@component
class Dense(Layer):
    """Weighted sums of all features, then an activation: (…, features) to (…, units).  Source: `core/dense.py`.

    Formula: y = activation(x @ kernel + bias)
    Example: Dense(32, relu)(Input(64))
    """

    supports_masking = True
    last_axis = True
    adds_bias_last = True
    unsupported = refused("lora_rank", "lora_alpha", "quantization_config")

    units: Count
    activation: base.Activation = Linear()
    use_bias: bool = True
    kernel_initializer: base.Initializer = GlorotUniform()
    bias_initializer: base.Initializer = Zeros()
    kernel_regularizer: base.Regularizer | None = None
    bias_regularizer: base.Regularizer | None = None
    activity_regularizer: base.Regularizer | None = None
    kernel_constraint: base.Constraint | None = None
    bias_constraint: base.Constraint | None = None

    def output(self, x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("Dense expects (features,) or (…, features), got ()", "has no features")
        return self.activation.output((*x[:-1], self.units))

    def weights(self, x: Shape) -> dict[str, Weight]:
        features = size_of("Dense", x[-1], "the number of features")
        kernel = Weight(
            (features, self.units), self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint
        )
        bias = Weight((self.units,), self.bias_initializer, self.bias_regularizer, self.bias_constraint)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def forward(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        if bias is None:
            return x @ kernel
        return x @ kernel + bias

    def backward(self, dy: Array, x: Array, kernel: Array, bias: Array | None) -> tuple[Array, ...]:
        dx = dy @ kernel.T
        dkernel = x.T @ dy
        if bias is None:
            return dx, dkernel
        dbias = np.add.reduce(dy, axis=0)
        return dx, dkernel, dbias


# ------------------------------------------------------------------------------------------------ activations as layers

# These layers only have an `activation`.  The compiler applies it, as it applies the activation of Dense.


@component
class Activation(Layer):
    """An activation as a layer; any shape.  Source: `activations/activation.py`.

    Formula: y = activation(x)
    Example: Activation(relu)(Input(64))
    """

    supports_masking = True

    activation: base.Activation

    def output(self, x: Shape) -> Shape:
        return self.activation.output(x)

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


@component
class ReLU(Layer):
    """The activation relu as a layer; any shape.  Source: `activations/relu.py`.

    Formula: y = max(x, 0)
    Example: ReLU()(Input(64))
    """

    supports_masking = True

    max_value: NonNegative | None = None
    negative_slope: NonNegative = 0.0
    threshold: NonNegative = 0.0

    @property
    def activation(self) -> base.Activation:
        return Relu(self.negative_slope, self.max_value, self.threshold)

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


@component
class LeakyReLU(Layer):
    """The activation leaky_relu as a layer; any shape.  Its default slope is 0.3; the function's default is 0.2.

    Source: `leaky_relu.py`.

    Formula: y = x where x > 0, else negative_slope · x
    Example: LeakyReLU()(Input(64))
    """

    supports_masking = True

    negative_slope: NonNegative = 0.3

    @property
    def activation(self) -> base.Activation:
        return LeakyRelu(self.negative_slope)

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


@component
class ELU(Layer):
    """The activation elu as a layer; any shape.  Source: `activations/elu.py`.

    Formula: y = x where x > 0, else alpha · (exp(x) - 1)
    Example: ELU()(Input(64))
    """

    supports_masking = True

    alpha: NonNegative = 1.0

    @property
    def activation(self) -> base.Activation:
        return Elu(self.alpha)

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


@component
class Softmax(Layer):
    """The activation softmax as a layer, along `axis`; any shape.  Source: `activations/softmax.py`.

    Formula: y = exp(x) / Σ exp(x)
    Example: Softmax()(Input(10))
    """

    supports_masking = True

    axis: int = -1

    @property
    def activation(self) -> base.Activation:
        return SoftmaxFunction(self.axis)

    def output(self, x: Shape) -> Shape:
        return self.activation.output(x)

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


@component
class PReLU(Layer):
    """A relu that learns its slope below 0; any shape.

    The slope alpha is a weight with the shape of x, and with size 1 along `shared_axes`.  He et al., 2015.  Source:
    `activations/prelu.py`.

    Formula: y = x where x > 0, else alpha · x
    Example: PReLU()(Input(64))
    """

    supports_masking = True
    alpha_initializer: base.Initializer = Zeros()
    alpha_regularizer: base.Regularizer | None = None
    alpha_constraint: base.Constraint | None = None
    shared_axes: tuple[Count, ...] | None = None

    def output(self, x: Shape) -> Shape:
        for axis in self.shared_axes or ():
            if axis >= len(x):
                raise ShapeError(f"PReLU cannot share axis {axis} of {show(x[1:])}", "has no such axis")
        return x

    def weights(self, x: Shape) -> dict[str, Weight]:
        shared = self.shared_axes or ()
        shape = tuple(
            1 if axis in shared else size_of("PReLU", x[axis], f"the size of axis {axis}") for axis in range(1, len(x))
        )
        return {"alpha": Weight(shape, self.alpha_initializer, self.alpha_regularizer, self.alpha_constraint)}

    def forward(self, x: Array, alpha: Array) -> Array:
        below = np.minimum(x, 0.0)
        return np.maximum(x, 0.0) + alpha * below

    def backward(self, dy: Array, x: Array, below: Array, alpha: Array) -> tuple[Array, Array]:
        dx = np.where(x > 0.0, dy, alpha * dy)
        dalpha = np.add.reduce(dy * below, axis=(0, *(self.shared_axes or ())), keepdims=True)[0]
        return dx, dalpha


@component
class Identity(Layer):
    """Gives what it is given; any shape.  Source: `core/identity.py`.

    Formula: y = x
    Example: Identity()(Input(64))
    """

    supports_masking = True

    def output(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str) -> str:
        return inputs[0]

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy
