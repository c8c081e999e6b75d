"""Convolutions of each channel separately.  Source: `keras/src/layers/convolutional`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import dataclass

from gen.components.activations import Linear
from gen.components.arguments import Count
from gen.components.base import Activation, Constraint, Initializer, Regularizer, Weight, component
from gen.components.initializers import GlorotUniform, Zeros
from gen.components.kernels import Array
from gen.components.layers.convolution import Windowed, over_rows
from gen.components.layers.convolution_kernels import depthwise, depthwise_input_gradient, depthwise_kernel_gradient
from gen.components.layers.windows import Format, Numbers, Padding
from gen.dims import Shape


@dataclass(frozen=True)
class DepthwiseConvolution(Windowed):
    """DepthwiseConv1D and DepthwiseConv2D."""

    kernel_size: Numbers
    strides: Numbers = 1
    padding: Padding = "valid"
    depth_multiplier: Count = 1
    data_format: Format = None
    dilation_rate: Numbers = 1
    activation: Activation = Linear()
    use_bias: bool = True
    depthwise_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    depthwise_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    activity_regularizer: Regularizer | None = None
    depthwise_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None

    def output(self, x: Shape) -> Shape:
        positions = self.positions(x)
        return self.activation.output((x[0], *positions, self.channels(x) * self.depth_multiplier))

    def weights(self, x: Shape) -> dict[str, Weight]:
        channels = self.channels(x)
        shape = (*self.window, channels, self.depth_multiplier)
        kernel = Weight(shape, self.depthwise_initializer, self.depthwise_regularizer, self.depthwise_constraint)
        bias = Weight(
            (channels * self.depth_multiplier,), self.bias_initializer, self.bias_regularizer, self.bias_constraint
        )
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def forward(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        y = depthwise(x, kernel, self.padding, self.steps, self.rates)
        return y if bias is None else y + bias

    def backward(self, dy: Array, x: Array, kernel: Array, bias: Array | None) -> tuple[Array | None, ...]:
        dx = depthwise_input_gradient(dy, x.shape, kernel, self.padding, self.steps, self.rates)
        dkernel = depthwise_kernel_gradient(dy, x, kernel, self.padding, self.steps, self.rates)
        dbias = None if bias is None else over_rows(dy)
        return dx, dkernel, dbias


@component
class DepthwiseConv1D(DepthwiseConvolution):
    """A convolution of each channel separately, with `depth_multiplier` filters for each channel.

    (steps, channels) to (positions, channels · depth_multiplier).  In the formula, m is `depth_multiplier`, s is
    `strides`, and d is `dilation_rate`.  Source: `depthwise_conv1d.py`.

    Formula: y[t, c · m + j] = activation(Σ x[t · s + k · d, c] · kernel[k, c, j] + bias)
    Example: DepthwiseConv1D(5)(Input(100, 16))
    """

    rank = 1


@component
class DepthwiseConv2D(DepthwiseConvolution):
    """DepthwiseConv1D over two axes: (height, width, channels) to (rows, columns, channels · depth_multiplier).

    In the formula, m is `depth_multiplier`, s is `strides`, and d is `dilation_rate`.  Source: `depthwise_conv2d.py`.

    Formula: y[r, t, c · m + j] = activation(Σ x[r · s + a · d, t · s + b · d, c] · kernel[a, b, c, j] + bias)
    Example: DepthwiseConv2D(3)(Input(28, 28, 16))
    """

    rank = 2


@dataclass(frozen=True)
class SeparableConvolution(Windowed):
    """SeparableConv1D and SeparableConv2D."""

    filters: Count
    kernel_size: Numbers
    strides: Numbers = 1
    padding: Padding = "valid"
    data_format: Format = None
    dilation_rate: Numbers = 1
    depth_multiplier: Count = 1
    activation: Activation = Linear()
    use_bias: bool = True
    depthwise_initializer: Initializer = GlorotUniform()
    pointwise_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    depthwise_regularizer: Regularizer | None = None
    pointwise_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    activity_regularizer: Regularizer | None = None
    depthwise_constraint: Constraint | None = None
    pointwise_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None

    def output(self, x: Shape) -> Shape:
        positions = self.positions(x)
        return self.activation.output((x[0], *positions, self.filters))

    def weights(self, x: Shape) -> dict[str, Weight]:
        channels = self.channels(x)
        narrow, wide = (*self.window, channels, self.depth_multiplier), channels * self.depth_multiplier
        weights = {
            "depthwise_kernel": Weight(
                narrow, self.depthwise_initializer, self.depthwise_regularizer, self.depthwise_constraint
            ),
            "pointwise_kernel": Weight(
                (*(1,) * self.rank, wide, self.filters),
                self.pointwise_initializer,
                self.pointwise_regularizer,
                self.pointwise_constraint,
            ),
        }
        if self.use_bias:
            weights["bias"] = Weight(
                (self.filters,), self.bias_initializer, self.bias_regularizer, self.bias_constraint
            )
        return weights

    def forward(self, x: Array, depthwise_kernel: Array, pointwise_kernel: Array, bias: Array | None) -> Array:
        deep = depthwise(x, depthwise_kernel, self.padding, self.steps, self.rates)
        rows = deep.reshape((math.prod(deep.shape[:-1]), deep.shape[-1]))
        y = rows @ pointwise_kernel.reshape(pointwise_kernel.shape[-2:])
        if bias is not None:
            y = y + bias
        return y.reshape((*deep.shape[:-1], self.filters))

    def backward(
        self,
        dy: Array,
        x: Array,
        rows: Array,
        deep: Array,
        depthwise_kernel: Array,
        pointwise_kernel: Array,
        bias: Array | None,
    ) -> tuple[Array | None, ...]:
        drows = dy.reshape((rows.shape[0], dy.shape[-1]))
        dpointwise_kernel = (rows.T @ drows).reshape(pointwise_kernel.shape)
        ddeep = (drows @ pointwise_kernel.reshape(pointwise_kernel.shape[-2:]).T).reshape(deep.shape)
        dx = depthwise_input_gradient(ddeep, x.shape, depthwise_kernel, self.padding, self.steps, self.rates)
        ddepthwise_kernel = depthwise_kernel_gradient(ddeep, x, depthwise_kernel, self.padding, self.steps, self.rates)
        dbias = None if bias is None else over_rows(dy)
        return dx, ddepthwise_kernel, dpointwise_kernel, dbias


@component
class SeparableConv1D(SeparableConvolution):
    """A convolution of each channel separately, then a combination of all channels at each position.

    (steps, channels) to (positions, filters).  Source: `separable_conv1d.py`.

    Formula: y = activation(depthwise(x) @ pointwise_kernel + bias)
    Example: SeparableConv1D(32, 5)(Input(100, 16))
    """

    rank = 1


@component
class SeparableConv2D(SeparableConvolution):
    """SeparableConv1D over two axes: (height, width, channels) to (rows, columns, filters).

    Source: `separable_conv2d.py`.

    Formula: y = activation(depthwise(x) @ pointwise_kernel + bias)
    Example: SeparableConv2D(32, 3)(Input(28, 28, 16))
    """

    rank = 2
