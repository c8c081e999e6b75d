"""Operations that slide a kernel over the axes between the batch and the channels.  Source: `keras/src/ops/nn.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gen.components.arguments import Count
from gen.components.base import ShapeError
from gen.components.kernels import Array
from gen.components.layers.convolution_kernels import (
    correlate,
    correlate_input_gradient,
    correlate_kernel_gradient,
    depthwise,
    depthwise_input_gradient,
    depthwise_kernel_gradient,
)
from gen.components.layers.windows import check_strides, each, slid
from gen.components.operations.base import Operation, operation
from gen.dims import Shape, show

Numbers = int | tuple[int, ...]


@dataclass(frozen=True)
class Windowed(Operation):
    """What they have in common: their arguments with a number for each axis, as kernels take them."""

    strides: Count | tuple[Count, ...] = 1
    padding: Literal["valid", "same"] = "valid"
    dilation_rate: Count | tuple[Count, ...] = 1

    def dtype(self, *inputs: str) -> str:
        return "float"

    def steps(self, x: Shape) -> tuple[int, ...] | None:
        """The strides; None if all are 1."""
        return _unless_ones(self.strides, len(x) - 2)

    def rates(self, x: Shape) -> tuple[int, ...] | None:
        """The dilation; None if all are 1."""
        return _unless_ones(self.dilation_rate, len(x) - 2)

    def positions(self, x: Shape, kernel: Shape) -> Shape:
        """The number of windows along each axis; raises `ShapeError` if there is none."""
        name, rank, sizes = type(self).__name__, len(x) - 2, [size for size in kernel if isinstance(size, int)]
        if rank < 1 or len(kernel) != len(x) or len(sizes) < len(kernel):
            message = f"{name} expects a kernel of a fixed size with as many axes as the input, got {show(kernel)}"
            raise ShapeError(f"{message} for {show(x)}")
        if any(isinstance(given, tuple) and len(given) != rank for given in (self.strides, self.dilation_rate)):
            raise ShapeError(f"{name} over {rank} axes takes {rank} `strides` and as many numbers of `dilation_rate`")
        strides, dilation = each(self.strides, rank), each(self.dilation_rate, rank)
        check_strides(strides, dilation)
        return slid(self, x, tuple(sizes[:rank]), strides, dilation, self.padding)


def _unless_ones(given: Numbers, rank: int) -> tuple[int, ...] | None:
    numbers = each(given, rank)
    return None if max(numbers) == 1 else numbers


@operation
class Conv(Windowed):
    """y[p] = Σ x[p · strides + k · dilation_rate] @ kernel[k], over k in the window; x has 1, 2 or 3 axes of space."""

    def groups(self, x: Shape, kernel: Shape) -> int:
        """How many groups of channels there are, each with filters of its own."""
        channels, inner, filters = x[-1], kernel[-2], kernel[-1]
        if not isinstance(channels, int) or not isinstance(inner, int) or not isinstance(filters, int):
            raise ShapeError(f"{type(self).__name__} needs a fixed number of channels, got {show(x)}")
        if channels % inner or filters % (channels // inner):
            message = f"{type(self).__name__} cannot slide a kernel of {show(kernel)} over {channels} channels"
            raise ShapeError(message, f"{channels} channels")
        return channels // inner

    def output(self, x: Shape, kernel: Shape) -> Shape:
        positions = self.positions(x, kernel)
        self.groups(x, kernel)
        return (x[0], *positions, kernel[-1])

    def forward(self, x: Array, kernel: Array) -> Array:
        steps, rates, groups = self.steps(x.shape), self.rates(x.shape), self.groups(x.shape, kernel.shape)
        return correlate(x, kernel, self.padding, steps, rates, groups)

    def backward(self, dy: Array, x: Array, kernel: Array) -> tuple[Array | None, ...]:
        steps, rates, groups = self.steps(x.shape), self.rates(x.shape), self.groups(x.shape, kernel.shape)
        dx = correlate_input_gradient(dy, x.shape, kernel, self.padding, steps, rates, groups)
        dkernel = correlate_kernel_gradient(dy, x, kernel, self.padding, steps, rates, groups)
        return dx, dkernel


@operation
class DepthwiseConv(Windowed):
    """y[p, c · m + j] = Σ x[p · strides + k · dilation_rate, c] · kernel[k, c, j], over k in the window; m is how many
    filters each channel has.
    """

    def output(self, x: Shape, kernel: Shape) -> Shape:
        positions = self.positions(x, kernel)
        if x[-1] != kernel[-2]:
            message = f"{type(self).__name__} cannot slide a kernel of {show(kernel)} over {show(x[1:])}"
            raise ShapeError(message, f"{x[-1]} channels")
        return (x[0], *positions, kernel[-2] * kernel[-1])

    def forward(self, x: Array, kernel: Array) -> Array:
        return depthwise(x, kernel, self.padding, self.steps(x.shape), self.rates(x.shape))

    def backward(self, dy: Array, x: Array, kernel: Array) -> tuple[Array | None, ...]:
        steps, rates = self.steps(x.shape), self.rates(x.shape)
        dx = depthwise_input_gradient(dy, x.shape, kernel, self.padding, steps, rates)
        dkernel = depthwise_kernel_gradient(dy, x, kernel, self.padding, steps, rates)
        return dx, dkernel
