"""Operations that draw: something else each time, in training and in prediction.

A call is seeded by the model, whatever seed the file gives.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np

from gen.components import initializers
from gen.components.arguments import Rate
from gen.components.base import Initializer
from gen.components.kernels import Array
from gen.components.operations.base import Dtype, Operation, operation
from gen.components.operations.making import Sizes, sizes
from gen.dims import Shape


@operation
class RandomNormal(Operation):
    """y = draws of the normal distribution."""

    of_keras = False

    shape: Sizes
    mean: float = 0.0
    stddev: float = 1.0
    dtype_: Dtype = None
    seed: Any = None

    def output(self) -> Shape:
        return sizes(self.shape)

    def dtype(self, *inputs: str) -> str:
        return "float"

    def as_initializer(self) -> Initializer:
        return initializers.RandomNormal(mean=self.mean, stddev=self.stddev)

    def forward(self, rng: np.random.Generator) -> Array:
        return rng.standard_normal(self.shape) * self.stddev + self.mean  # type: ignore[arg-type]  # where it runs, sizes are numbers

    def backward(self, dy: Array) -> None:
        return None


@operation
class RandomUniform(Operation):
    """y = draws between minval and maxval, each number as likely."""

    of_keras = False

    shape: Sizes
    minval: float = 0.0
    maxval: float = 1.0
    dtype_: Dtype = None
    seed: Any = None

    def output(self) -> Shape:
        return sizes(self.shape)

    def dtype(self, *inputs: str) -> str:
        return "float"

    def as_initializer(self) -> Initializer:
        return initializers.RandomUniform(minval=self.minval, maxval=self.maxval)

    def forward(self, rng: np.random.Generator) -> Array:
        return rng.random(self.shape) * (self.maxval - self.minval) + self.minval  # type: ignore[arg-type]  # where it runs, sizes are numbers

    def backward(self, dy: Array) -> None:
        return None


@operation
class RandomDropout(Operation):
    """y = inputs, of which a share `rate` becomes 0, and the others grow by 1 / (1 - rate)."""

    of_keras = False

    rate: Rate
    noise_shape: Sizes | None = None
    seed: Any = None

    def output(self, inputs: Shape) -> Shape:
        return inputs

    def forward(self, inputs: Array, rng: np.random.Generator) -> Array:
        if self.rate == 0:
            return inputs
        kept = rng.random(inputs.shape if self.noise_shape is None else sizes(self.noise_shape)) >= self.rate  # type: ignore[arg-type]  # where it runs, sizes are numbers
        return inputs * kept * (1 / (1 - self.rate))

    def backward(self, dy: Array, kept: Array) -> Array:
        return dy * kept * (1 / (1 - self.rate))
