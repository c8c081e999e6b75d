"""Convolutions over sequences and images.  Source: `keras/src/layers/convolutional`.

Each is written once, for any number of axes; a class for one, two or three is its rank, its docstring and an example.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from gen.components.activations import Linear
from gen.components.arguments import Count, Range
from gen.components.base import (
    Activation,
    ArgumentError,
    Constraint,
    Initializer,
    Regularizer,
    ShapeError,
    Weight,
    component,
)
from gen.components.initializers import GlorotUniform, Zeros
from gen.components.kernels import Array
from gen.components.layers.convolution_kernels import (
    correlate,
    correlate_input_gradient,
    correlate_kernel_gradient,
)
from gen.components.layers.core import size_of
from gen.components.layers.windows import (
    Format,
    Numbers,
    OfRank,
    Padding,
    Ranked,
    check_rank,
    check_strides,
    each,
    per_axis,
    slid,
)
from gen.components.refused import refused
from gen.dims import Shape, show

CausalPadding = Annotated[
    Literal["valid", "same", "causal"],
    OfRank(lambda rank: Literal["valid", "same", "causal"] if rank == 1 else Padding),
]
"""Only a sequence has a past."""
Extra = Annotated[int, Range(0)]
Surplus = Annotated[int | tuple[int, ...] | None, per_axis(Extra, None)]
"""How much longer than it has to be the output is along each axis."""
UNSUPPORTED = refused("lora_rank", "lora_alpha", "quantization_config")


class Windowed(Ranked):
    """What the convolutions have in common: their arguments with a number for each axis, as kernels take them."""

    adds_bias_last = True
    unsupported = UNSUPPORTED
    kernel_size: Numbers
    strides: Numbers
    dilation_rate: Numbers
    padding: CausalPadding

    @property
    def window(self) -> tuple[int, ...]:
        return each(self.kernel_size, self.rank)

    @property
    def steps(self) -> tuple[int, ...] | None:
        """The strides; None if all are 1."""
        strides = each(self.strides, self.rank)
        return None if max(strides) == 1 else strides

    @property
    def rates(self) -> tuple[int, ...] | None:
        """The dilation; None if all are 1."""
        dilation = each(self.dilation_rate, self.rank)
        return None if max(dilation) == 1 else dilation

    def positions(self, x: Shape) -> Shape:
        """The number of windows along each axis; raises `ShapeError` if there is none."""
        strides, dilation = each(self.strides, self.rank), each(self.dilation_rate, self.rank)
        return slid(self, x, self.window, strides, dilation, self.padding)

    def channels(self, x: Shape) -> int:
        return size_of(type(self).__name__, x[-1], "the number of channels")


def over_rows(dy: Array) -> Array:
    """The sum over all axes but the last: the gradient of a bias."""
    return np.add.reduce(dy.reshape((math.prod(dy.shape[:-1]), dy.shape[-1])), axis=0)


# -------------------------------------------------------------------------------------------------------- convolution


@dataclass(frozen=True)
class Convolution(Windowed):
    """Conv1D, Conv2D and Conv3D."""

    scales_with_kernel = True

    filters: Count
    kernel_size: Numbers
    strides: Numbers = 1
    padding: CausalPadding = "valid"
    data_format: Format = None
    dilation_rate: Numbers = 1
    groups: Count = 1
    activation: Activation = Linear()
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    activity_regularizer: Regularizer | None = None
    kernel_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None

    def __post_init__(self) -> None:
        check_strides(each(self.strides, self.rank), each(self.dilation_rate, self.rank))
        if self.filters % self.groups:
            message = f"`filters` must be a multiple of `groups`, got {self.filters} and {self.groups}"
            raise ArgumentError("groups", message)

    def output(self, x: Shape) -> Shape:
        positions = self.positions(x)
        if self.channels(x) % self.groups:
            message = f"{type(self).__name__} in {self.groups} groups needs a multiple of {self.groups} channels"
            raise ShapeError(f"{message}, got {show(x[1:])}", f"{x[-1]} channels")
        return self.activation.output((x[0], *positions, self.filters))

    def weights(self, x: Shape) -> dict[str, Weight]:
        shape = (*self.window, self.channels(x) // self.groups, self.filters)
        kernel = Weight(shape, self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint)
        bias = Weight((self.filters,), self.bias_initializer, self.bias_regularizer, self.bias_constraint)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def forward(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        y = correlate(x, kernel, self.padding, self.steps, self.rates, self.groups)
        return y if bias is None else y + bias

    def backward(self, dy: Array, x: Array, kernel: Array, bias: Array | None) -> tuple[Array | None, ...]:
        dx = correlate_input_gradient(dy, x.shape, kernel, self.padding, self.steps, self.rates, self.groups)
        dkernel = correlate_kernel_gradient(dy, x, kernel, self.padding, self.steps, self.rates, self.groups)
        dbias = None if bias is None else over_rows(dy)
        return dx, dkernel, dbias


@component
class Conv1D(Convolution):
    """A convolution over steps: each position is a weighted sum over the steps in its window.

    (steps, channels) to (positions, filters).  "valid" keeps the positions whose window lies inside.  "same" keeps one
    position for each stride.  So does "causal", but its windows only look back.  Source: `conv1d.py`.

    Formula: y[t] = activation(Σ x[t · strides + k · dilation_rate] @ kernel[k] + bias), over k in the window
    Example: Conv1D(32, 5, activation=relu)(Input(100, 16))
    """

    rank = 1


@component
class Conv2D(Convolution):
    """A convolution over two axes: (height, width, channels) to (rows, columns, filters).

    In the formula, s is `strides` and d is `dilation_rate`.  Source: `conv2d.py`.

    Formula: y[r, c] = activation(Σ x[r · s + i · d, c · s + j · d] @ kernel[i, j] + bias)
    Example: Conv2D(32, 3, activation=relu)(Input(28, 28, 1))
    """

    rank = 2


@component
class Conv3D(Convolution):
    """Conv1D over three axes: (depth, height, width, channels) to (planes, rows, columns, filters).

    In the formula s is `strides`, d is `dilation_rate`.  Source: `conv3d.py`.

    Formula: y[p, r, c] = activation(Σ x[p · s + h · d, r · s + i · d, c · s + j · d] @ kernel[h, i, j] + bias)
    Example: Conv3D(16, 3, activation=relu)(Input(16, 28, 28, 1))
    """

    rank = 3


# ---------------------------------------------------------------------------------------- transposed convolution


@dataclass(frozen=True)
class TransposedConvolution(Windowed):
    """Conv1DTranspose, Conv2DTranspose, and Conv3DTranspose: what the gradient of a convolution does, as a layer."""

    filters: Count
    kernel_size: Numbers
    strides: Numbers = 1
    padding: Padding = "valid"
    output_padding: Surplus = None
    data_format: Format = None
    dilation_rate: Numbers = 1
    activation: Activation = Linear()
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    activity_regularizer: Regularizer | None = None
    kernel_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None

    def __post_init__(self) -> None:
        strides = each(self.strides, self.rank)
        check_strides(strides, each(self.dilation_rate, self.rank))
        if self.output_padding is not None and any(
            extra >= stride for extra, stride in zip(each(self.output_padding, self.rank), strides, strict=True)
        ):
            raise ArgumentError("output_padding", "`output_padding` must be less than `strides` along each axis")

    def spread(self, x: Any) -> tuple[tuple[Any, ...], tuple[tuple[int, int], ...]]:
        """The size of each axis of the output, and the zeros around it with which a convolution leads back to x."""
        surplus = self.output_padding
        extras = (None,) * self.rank if surplus is None else each(surplus, self.rank)
        sizes = []
        zeros = []
        of_each = zip(
            x[1:-1],
            self.window,
            each(self.strides, self.rank),
            each(self.dilation_rate, self.rank),
            extras,
            strict=True,
        )
        for size, width, stride, rate, extra in of_each:
            reach = (width - 1) * rate + 1
            if self.padding == "valid":
                before, beyond = 0, reach + (max(stride - reach, 0) if extra is None else extra)
            else:
                total = stride + reach - 2 if extra is None else reach + reach % 2 - 2 + extra
                before = reach - 1 - min((total + 1) // 2, reach - 1)
                beyond = stride if extra is None else reach % 2 + extra
            sizes.append((size - 1) * stride + beyond)
            zeros.append((before, reach - beyond - before))
        return tuple(sizes), tuple(zeros)

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        return self.activation.output((x[0], *self.spread(x)[0], self.filters))

    def weights(self, x: Shape) -> dict[str, Weight]:
        shape = (*self.window, self.filters, self.channels(x))
        kernel = Weight(shape, self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint)
        bias = Weight((self.filters,), self.bias_initializer, self.bias_regularizer, self.bias_constraint)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def forward(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        sizes, zeros = self.spread(x.shape)
        y = correlate_input_gradient(x, (x.shape[0], *sizes, self.filters), kernel, zeros, self.steps, self.rates)
        return y if bias is None else y + bias

    def backward(self, dy: Array, x: Array, kernel: Array, bias: Array | None) -> tuple[Array | None, ...]:
        zeros = self.spread(x.shape)[1]
        dx = correlate(dy, kernel, zeros, self.steps, self.rates)
        dkernel = correlate_kernel_gradient(x, dy, kernel, zeros, self.steps, self.rates)
        dbias = None if bias is None else over_rows(dy)
        return dx, dkernel, dbias


@component
class Conv1DTranspose(TransposedConvolution):
    """The gradient of Conv1D with respect to its input, as a layer: each step adds its window to the output.

    (positions, channels) to (steps, filters).  Source: `conv1d_transpose.py`.

    Formula: y[s] = activation(Σ x[t] @ kernel[k]ᵀ + bias), over all t · strides + k · dilation_rate = s
    Example: Conv1DTranspose(16, 4, strides=2)(Input(50, 32))
    """

    rank = 1


@component
class Conv2DTranspose(TransposedConvolution):
    """Conv1DTranspose over two axes: (rows, columns, channels) to (height, width, filters).

    In the formula, s is `strides` and d is `dilation_rate`.  Source: `conv2d_transpose.py`.

    Formula: y[p, q] = activation(Σ x[r, c] @ kernel[i, j]ᵀ + bias), over all r · s + i · d = p, c · s + j · d = q
    Example: Conv2DTranspose(16, 4, strides=2)(Input(7, 7, 32))
    """

    rank = 2


@component
class Conv3DTranspose(TransposedConvolution):
    """Conv1DTranspose over three axes: (planes, rows, columns, channels) to (depth, height, width, filters).

    In the formula, s is `strides` and d is `dilation_rate`.  Source: `conv3d_transpose.py`.

    Formula: y[o, p, q] = activation(Σ x[l, r, c] @ kernel[h, i, j]ᵀ + bias), over all l · s + h · d = o, and so on
    Example: Conv3DTranspose(8, 4, strides=2)(Input(4, 7, 7, 16))
    """

    first_arguments = ("filters", "kernel_size", "strides", "padding", "data_format", "output_padding")

    rank = 3
