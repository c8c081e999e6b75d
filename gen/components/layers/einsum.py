"""EinsumDense: weighted sums over axes that letters name.  Source: `keras/src/layers/core/einsum_dense.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import re
from typing import Any

import numpy as np

from gen.components.activations import Linear
from gen.components.arguments import Count
from gen.components.base import (
    Activation,
    ArgumentError,
    Constraint,
    Initializer,
    Layer,
    Regularizer,
    ShapeError,
    Weight,
    component,
)
from gen.components.initializers import GlorotUniform, Zeros, with_fans
from gen.components.kernels import Array
from gen.components.layers.core import size_of
from gen.components.operations.contraction import LETTERS, contracted, spread
from gen.components.refused import refused
from gen.dims import Shape, Size, show

EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


@component
class EinsumDense(Layer):
    """Weighted sums over axes that letters name, then an activation: "ab,bc->ac" is a Dense.

    The letters before the comma are the axes of x, with the batch; those after it are the axes of the kernel, and those
    after the arrow the axes of y.  `...` stands for axes that stay, all first or all last.  `output_shape` has the axes
    of y that are neither the batch nor in `...`; None is a size that x has too.  `bias_axes` are the letters of y that
    the bias has.

    Formula: y = activation(einsum(equation, x, kernel) + bias)
    Example: EinsumDense("abc,cd->abd", (None, 32), bias_axes="d")(Input(10, 64))
    """

    unsupported = {
        **refused("lora_rank", "lora_alpha", "quantization_config"),
        "gptq_unpacked_column_size": "gen computes in float32 or float64",
    }

    equation: str
    output_shape: Count | tuple[Count | None, ...] | None
    activation: Activation = Linear()
    bias_axes: str | None = None
    kernel_initializer: Initializer = GlorotUniform()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    kernel_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None

    def __post_init__(self) -> None:
        found = EQUATION.fullmatch(self.equation.replace(" ", ""))
        if (
            found is None
            or (bool(found[1]), bool(found[3])) != (bool(found[5]), bool(found[7]))
            or (found[1] and found[3])
        ):
            message = (
                f'`equation` is written as "ab,bc->ac", "...b,bc->...c" or "ab...,bc->ac...", got {self.equation!r}'
            )
            raise ArgumentError("equation", message)
        _, x, _, kernel, _, y, _ = found.groups()
        for letters in (x, kernel, y):
            if len(set(letters)) < len(letters):
                raise ArgumentError("equation", f"`equation` has a letter twice in {letters!r}")
        for letter in y:
            if letter not in x + kernel:
                raise ArgumentError("equation", f"`equation` has {letter!r} after the arrow, but not before it")
        for letter in kernel:
            if letter not in x + y:
                raise ArgumentError("equation", f"`equation` has {letter!r} in the kernel alone")
        for letter in self.bias_axes or "":
            if letter not in y:
                raise ArgumentError("bias_axes", f"`bias_axes` has {letter!r}, which is no axis after the arrow")
        if not x or self.bias_axes == "":
            raise ArgumentError("bias_axes", "`bias_axes` is None, or has a letter")

    def letters(self, x: Any) -> tuple[str, str, str]:
        """The letters of the axes of x, of the kernel, and of y."""
        found = EQUATION.fullmatch(self.equation.replace(" ", ""))
        assert found is not None
        first, given, last, kernel, _, wanted, _ = found.groups()
        free = [letter for letter in LETTERS if letter not in given + kernel + wanted]
        dots = "".join(free[: max(0, len(x) - len(given))])
        if first:
            return dots + given, kernel, dots + wanted
        if last:
            return given + dots, kernel, wanted + dots
        return given, kernel, wanted

    def sizes(self, x: Shape) -> dict[str, Size]:
        """The size of each axis by its letter; raises `ShapeError` where they do not fit."""
        given, kernel, wanted = self.letters(x)
        if len(given) != len(x):
            raise ShapeError(
                f"EinsumDense with the equation {self.equation!r} does not fit {show(x[1:])}", "has other axes"
            )
        sizes: dict[str, Size] = dict(zip(given, x, strict=True))
        dots = {letter for letter in given if letter not in self.equation}
        own = (
            [letter for letter in wanted[1:] if letter not in dots]
            if wanted[0] not in dots
            else [letter for letter in wanted if letter not in dots]
        )
        said = self.output_shape if isinstance(self.output_shape, tuple) else (self.output_shape,)
        if len(said) != len(own):
            message = f"EinsumDense expects an output_shape of {len(own)} sizes for {self.equation!r}, got {len(said)}"
            raise ShapeError(message, "has other axes")
        for letter, size in zip(own, said, strict=True):
            if size is not None and sizes.setdefault(letter, size) != size:
                message = (
                    f"EinsumDense has the size {size} for {letter!r} in output_shape, and {sizes[letter]} in its input"
                )
                raise ShapeError(message, f"{sizes[letter]} is not {size}")
            if letter not in sizes:
                raise ShapeError(f"EinsumDense needs a size for {letter!r} in output_shape, got None", "size unknown")
        return sizes

    def output(self, x: Shape) -> Shape:
        sizes = self.sizes(x)
        return self.activation.output(tuple(sizes[letter] for letter in self.letters(x)[2]))

    def weights(self, x: Shape) -> dict[str, Weight]:
        sizes, (_, kernel, wanted) = self.sizes(x), self.letters(x)
        shape = tuple(size_of("EinsumDense", sizes[letter], f"the size of {letter!r}") for letter in kernel)
        into = [size for letter, size in zip(kernel, shape, strict=True) if letter not in wanted]
        out = [size for letter, size in zip(kernel, shape, strict=True) if letter in wanted]
        start = with_fans(self.kernel_initializer, into, out)
        weights = {"kernel": Weight(shape, start, self.kernel_regularizer, self.kernel_constraint)}
        if self.bias_axes is not None:
            first = min(wanted.index(letter) for letter in self.bias_axes)
            along = tuple(
                size_of("EinsumDense", sizes[letter], f"the size of {letter!r}") if letter in self.bias_axes else 1
                for letter in wanted[first:]
            )
            weights["bias"] = Weight(along, self.bias_initializer, self.bias_regularizer, self.bias_constraint)
        return weights

    def forward(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        given, letters, wanted = self.letters(x.shape)
        y = contracted(x, given, kernel, letters, wanted)
        return y if bias is None else y + bias

    def backward(self, dy: Array, x: Array, kernel: Array, bias: Array | None) -> tuple[Array, ...]:
        given, letters, wanted = self.letters(x.shape)
        of_x = "".join(letter for letter in given if letter in letters + wanted)
        of_kernel = "".join(letter for letter in letters if letter in given + wanted)
        dx = spread(contracted(dy, wanted, kernel, letters, of_x), of_x, given, x.shape)
        dkernel = spread(contracted(dy, wanted, x, given, of_kernel), of_kernel, letters, kernel.shape)
        if bias is None:
            return dx, dkernel
        first = dy.ndim - bias.ndim
        over = (*range(first), *(first + axis for axis, size in enumerate(bias.shape) if size == 1))
        dbias = np.add.reduce(dy, axis=over).reshape(bias.shape)
        return dx, dkernel, dbias
