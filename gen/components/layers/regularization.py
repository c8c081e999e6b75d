"""Layers that do something in training only.  Source: `keras/src/layers/regularization`."""

from __future__ import annotations

import numpy as np

from gen.components.arguments import Count, Rate
from gen.components.base import Layer, ShapeError, component
from gen.components.kernels import Array
from gen.dims import Shape, show


@component
class Dropout(Layer):
    """In training a share `rate` of the numbers becomes 0, and the others grow by 1 / (1 - rate); any shape.

    `noise_shape` is the shape of what is drawn, the batch first, None where it is x's: (None, 1, None) drops whole
    rows of axis 1.  Srivastava et al., 2014.  Source: `dropout.py`.
    """

    supports_masking = True
    ignored = {"seed": "Model(seed=…) seeds every draw"}

    rate: Rate
    noise_shape: tuple[Count | None, ...] | None = None

    def output(self, x: Shape) -> Shape:
        if self.noise_shape is not None and len(self.noise_shape) != len(x):
            raise ShapeError(f"Dropout expects noise_shape to have {len(x)} sizes, got {len(self.noise_shape)}")
        if any(drawn not in (1, size) for drawn, size in zip(self.noise(x), x, strict=True)):
            raise ShapeError(f"Dropout cannot stretch noise_shape {self.noise_shape} to {show(x)}", "has another shape")
        return x

    def noise(self, x: Shape) -> Shape:
        """The shape of what is drawn."""
        if self.noise_shape is None:
            return x
        return tuple(x[axis] if size is None else size for axis, size in enumerate(self.noise_shape))

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        if self.rate == 0:
            return x
        drawn = rng.random(self.noise(x.shape))  # type: ignore[arg-type]  # the sizes of an array are numbers
        kept = drawn >= self.rate
        return x * kept * (1 / (1 - self.rate))

    def backward(self, dy: Array, kept: Array) -> Array:
        if self.rate == 0:
            return dy
        return dy * kept * (1 / (1 - self.rate))

    def predict(self, x: Array) -> Array:
        return x
