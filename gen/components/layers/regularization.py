"""Layers that act only in training.  Source: `keras/src/layers/regularization`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gen.components.arguments import Count, NonNegative, Rate
from gen.components.base import Layer, ShapeError, component
from gen.components.kernels import Array
from gen.components.layers.windows import Format, Ranked, check_rank
from gen.components.refused import SEED
from gen.dims import Shape, show


class OnlyTrains(Layer):
    """A layer that changes numbers in training, and nothing in prediction; any shape."""

    supports_masking = True
    ignored = SEED
    only_trains = True

    def output(self, x: Shape) -> Shape:
        return x

    def predict(self, x: Array) -> Array:
        return x

    def predict_backward(self, dy: Array) -> Array:
        return dy


class Drops(OnlyTrains):
    """What drops a share `rate` of the numbers; `noise_shape` is the shape of the random numbers, batch first."""

    rate: float
    noise_shape: tuple[int | None, ...] | None

    def output(self, x: Shape) -> Shape:
        name = type(self).__name__
        if self.noise_shape is not None and len(self.noise_shape) != len(x):
            raise ShapeError(f"{name} expects noise_shape to have {len(x)} sizes, got {len(self.noise_shape)}")
        if any(drawn not in (1, size) for drawn, size in zip(self.noise(x), x, strict=True)):
            raise ShapeError(f"{name} cannot stretch noise_shape {self.noise_shape} to {show(x)}", "has another shape")
        return x

    def noise(self, x: Shape) -> Shape:
        """The shape of the random numbers."""
        if self.noise_shape is None:
            return x
        return tuple(x[axis] if size is None else size for axis, size in enumerate(self.noise_shape))


@component
class Dropout(Drops):
    """In training, sets a share `rate` of the numbers to 0, and multiplies the others by 1 / (1 - rate); any shape.

    `noise_shape` is the shape of the random numbers, with the batch first; None stands for the size of x.  For example,
    (None, 1, None) drops whole rows of axis 1.  Srivastava et al., 2014.  Source: `dropout.py`.

    Formula: y = x · keep / (1 - rate), keep 0 with probability rate, else 1
    Example: Dropout(0.5)(Input(64))
    """

    rate: Rate
    noise_shape: tuple[Count | None, ...] | None = None

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


@component
class AlphaDropout(Drops):
    """In training, sets a share `rate` of the numbers to where selu saturates, and keeps the mean and the deviation.

    Any shape; `noise_shape` is that of `Dropout`.  Klambauer et al., 2017.  Source: `alpha_dropout.py`.

    Formula: y = a · (x · keep + s · (1 - keep)) + b, s = -1.7581, keep 0 with probability rate, else 1
    Example: AlphaDropout(0.1)(Dense(32, selu)(Input(64)))
    """

    rate: Rate
    noise_shape: tuple[Count | None, ...] | None = None

    def line(self) -> tuple[float, float]:
        """The a and b that give the result the mean and the deviation of x."""
        a = ((1 - self.rate) * (1 + self.rate * SATURATED**2)) ** -0.5
        return a, -a * SATURATED * self.rate

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        if self.rate == 0:
            return x
        a, b = self.line()
        drawn = rng.random(self.noise(x.shape))  # type: ignore[arg-type]  # the sizes of an array are numbers
        kept = drawn >= self.rate
        return np.where(kept, x, SATURATED) * a + b

    def backward(self, dy: Array, kept: Array) -> Array:
        if self.rate == 0:
            return dy
        return dy * kept * self.line()[0]


SATURATED = -1.6732632423543772 * 1.0507009873554805
"""What selu goes to, far below 0."""


@component
class GaussianDropout(OnlyTrains):
    """In training, multiplies the numbers by normal ones around 1, as different as those of `Dropout`; any shape.

    Srivastava et al., 2014.  Source: `gaussian_dropout.py`.

    Formula: y = x · n, n normal with the mean 1 and the deviation √(rate / (1 - rate))
    Example: GaussianDropout(0.5)(Input(64))
    """

    rate: Rate

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        if self.rate == 0:
            return x
        factors = rng.standard_normal(x.shape) * math.sqrt(self.rate / (1 - self.rate)) + 1.0
        return x * factors

    def backward(self, dy: Array, factors: Array) -> Array:
        if self.rate == 0:
            return dy
        return dy * factors


@component
class GaussianNoise(OnlyTrains):
    """In training, adds normal numbers of the deviation `stddev`; any shape.  Source: `gaussian_noise.py`.

    Formula: y = x + n, n normal with the mean 0 and the deviation stddev
    Example: GaussianNoise(0.1)(Input(64))
    """

    stddev: NonNegative

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        if self.stddev == 0:
            return x
        return rng.standard_normal(x.shape) * self.stddev + x

    def backward(self, dy: Array) -> Array:
        return dy


@dataclass(frozen=True)
class SpatialDropout(Ranked):
    """SpatialDropout1D, SpatialDropout2D and SpatialDropout3D."""

    supports_masking = True
    only_trains = True
    ignored = SEED

    rate: Rate

    def output(self, x: Shape) -> Shape:
        check_rank(self, self.rank, x)
        return x

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        if self.rate == 0:
            return x
        kept = rng.random((x.shape[0], *(1,) * self.rank, x.shape[-1])) >= self.rate
        return x * kept * (1 / (1 - self.rate))

    def backward(self, dy: Array, kept: Array) -> Array:
        if self.rate == 0:
            return dy
        return dy * kept * (1 / (1 - self.rate))

    def predict(self, x: Array) -> Array:
        return x

    def predict_backward(self, dy: Array) -> Array:
        return dy


@component
class SpatialDropout1D(SpatialDropout):
    """In training, a share `rate` of the channels becomes 0 in all steps, and the others grow by 1 / (1 - rate).

    (steps, channels) to the same.  Tompson et al., 2015.  Source: `spatial_dropout.py`.

    Formula: y = x · keep / (1 - rate), keep 0 with probability rate, else 1, drawn for each channel
    Example: SpatialDropout1D(0.5)(Input(100, 16))
    """

    rank = 1


@component
class SpatialDropout2D(SpatialDropout):
    """In training, a share `rate` of the channels becomes 0 in the whole image, and the others grow by 1 / (1 - rate).

    (height, width, channels) to the same.  Tompson et al., 2015.  Source: `spatial_dropout.py`.

    Formula: y = x · keep / (1 - rate), keep 0 with probability rate, else 1, drawn for each channel
    Example: SpatialDropout2D(0.5)(Input(28, 28, 16))
    """

    rank = 2

    data_format: Format = None


@component
class SpatialDropout3D(SpatialDropout):
    """In training, a share `rate` of the channels becomes 0 in the whole volume, and the others grow by 1 / (1 - rate).

    (depth, height, width, channels) to the same.  Tompson et al., 2015.  Source: `spatial_dropout.py`.

    Formula: y = x · keep / (1 - rate), keep 0 with probability rate, else 1, drawn for each channel
    Example: SpatialDropout3D(0.5)(Input(16, 28, 28, 8))
    """

    rank = 3

    data_format: Format = None
