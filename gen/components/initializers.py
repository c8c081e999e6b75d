"""Initializers: the first value of a weight.  Distributions and defaults are those of `keras/src/initializers`.

The numbers themselves differ from Keras: the random generator of the generated model draws them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from gen.components.arguments import NonNegative, Positive
from gen.components.base import Initializer, ShapeError, component
from gen.components.kernels import Array, draw_truncated_normal, fans
from gen.components.refused import SEED

AXES = {
    "input_axes": "gen counts inputs and outputs from the shape of the weight",
    "output_axes": "gen counts inputs and outputs from the shape of the weight",
}

# ------------------------------------------------------------------------------------------------------------ constants


@component
class Zeros(Initializer):
    """Every number is 0.

    Formula: w = 0
    """

    aliases = ("zero",)
    zeros = True

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)


@component
class Ones(Initializer):
    """Every number is 1.

    Formula: w = 1
    """

    aliases = ("one",)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)


@component
class Constant(Initializer):
    """Every number is `value`.

    Formula: w = value
    """

    value: float = 0.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self.value)


@component
class Identity(Initializer):
    """A matrix with `gain` on its diagonal and 0 elsewhere; only for weights with two axes.

    Formula: w = gain · I
    """

    aliases = ("IdentityInitializer",)

    gain: float = 1.0

    def fits(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 2:
            raise ShapeError(f"identity starts a matrix, not a weight of shape {shape}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return self.gain * np.eye(shape[0], shape[1])


# -------------------------------------------------------------------------------------------------- fixed distributions


@component
class RandomNormal(Initializer):
    """A normal distribution with this mean and standard deviation.

    Formula: w ~ N(mean, stddev²)
    """

    aliases = ("normal",)
    by_row = True
    ignored = SEED

    mean: float = 0.0
    stddev: NonNegative = 0.05

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.normal(self.mean, self.stddev, shape)


@component
class RandomUniform(Initializer):
    """A uniform distribution from `minval` to `maxval`.

    Formula: w ~ U(minval, maxval)
    """

    aliases = ("uniform",)
    by_row = True
    ignored = SEED

    minval: float = -0.05
    maxval: float = 0.05

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.uniform(self.minval, self.maxval, shape)


@component
class TruncatedNormal(Initializer):
    """A normal distribution without the values beyond two standard deviations from the mean.

    Formula: w ~ N(mean, stddev²) where |w - mean| <= 2 · stddev
    """

    ignored = SEED

    mean: float = 0.0
    stddev: NonNegative = 0.05

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * draw_truncated_normal(rng, shape)


@component
class Orthogonal(Initializer):
    """An orthogonal matrix times `gain` (Saxe et al., 2014); only for two axes or more.

    All axes but the last count as one, the rows of the matrix.

    Formula: w = gain · Q, QᵀQ = I
    """

    aliases = ("OrthogonalInitializer",)
    ignored = SEED

    gain: float = 1.0

    def fits(self, shape: tuple[int, ...]) -> None:
        if len(shape) < 2:
            raise ShapeError(f"orthogonal starts a matrix, not a weight of shape {shape}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q = self.gain * q * np.sign(np.diagonal(r))  # without the signs, some matrices would be more likely than others
        values: Array = q if rows >= columns else q.T
        return values.reshape(shape)


# -------------------------------------------------------------------------- scaled by the number of inputs and outputs

# 0.8796256610342398 is the standard deviation of the standard normal distribution cut off at two.


@component
class VarianceScaling(Initializer):
    """Mean 0 and variance scale / n, n the number of inputs, of outputs, or the mean of both.

    `mode` says which n: fan_in is the inputs, fan_out the outputs, and fan_avg the mean.

    Formula: mean(w) = 0, var(w) = scale / n
    """

    ignored = SEED
    unsupported = AXES

    scale: Positive = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in"
    distribution: Literal["truncated_normal", "untruncated_normal", "uniform"] = "truncated_normal"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = fans(shape)
        connections = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / connections
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0.0, math.sqrt(variance), shape)
        return math.sqrt(variance) / 0.8796256610342398 * draw_truncated_normal(rng, shape)


@component
class GlorotUniform(Initializer):
    """A uniform distribution with variance 2 / (inputs + outputs) (Glorot and Bengio, 2010).

    Formula: w ~ U(-a, a), a = √(6 / (inputs + outputs))
    """

    ignored = SEED
    unsupported = AXES

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = fans(shape)
        limit = math.sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape)


@component
class GlorotNormal(Initializer):
    """A truncated normal distribution, variance 2 / (inputs + outputs) (Glorot and Bengio, 2010).

    Formula: w ~ N(0, s²) where |w| <= 2 · s, so that var(w) = 2 / (inputs + outputs)
    """

    ignored = SEED
    unsupported = AXES

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = fans(shape)
        stddev = math.sqrt(2.0 / (fan_in + fan_out))
        return stddev / 0.8796256610342398 * draw_truncated_normal(rng, shape)


@component
class HeUniform(Initializer):
    """A uniform distribution with variance 2 / inputs (He et al., 2015).

    Formula: w ~ U(-a, a), a = √(6 / inputs)
    """

    ignored = SEED
    unsupported = AXES

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        limit = math.sqrt(6.0 / fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


@component
class HeNormal(Initializer):
    """A truncated normal distribution with variance 2 / inputs (He et al., 2015).

    Formula: w ~ N(0, s²) where |w| <= 2 · s, so that var(w) = 2 / inputs
    """

    ignored = SEED
    unsupported = AXES

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        stddev = math.sqrt(2.0 / fans(shape)[0])
        return stddev / 0.8796256610342398 * draw_truncated_normal(rng, shape)


@component
class LecunUniform(Initializer):
    """A uniform distribution with variance 1 / inputs (LeCun et al., 1998).

    Formula: w ~ U(-a, a), a = √(3 / inputs)
    """

    ignored = SEED
    unsupported = AXES

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        limit = math.sqrt(3.0 / fans(shape)[0])
        return rng.uniform(-limit, limit, shape)


@component
class LecunNormal(Initializer):
    """A truncated normal distribution with variance 1 / inputs (LeCun et al., 1998).

    Formula: w ~ N(0, s²) where |w| <= 2 · s, so that var(w) = 1 / inputs
    """

    ignored = SEED
    unsupported = AXES

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        stddev = math.sqrt(1.0 / fans(shape)[0])
        return stddev / 0.8796256610342398 * draw_truncated_normal(rng, shape)


# ---------------------------------------------------------------------------------------- of weights with several axes


def with_fans(initializer: Initializer, inputs: Sequence[int], outputs: Sequence[int]) -> Initializer:
    """An initializer that draws as this one would if a weight had so many inputs and outputs, along these axes.

    One that does not depend on their number is itself.
    """
    scaled = _SCALED.get(type(initializer))
    if isinstance(initializer, VarianceScaling):
        scaled = (initializer.scale, initializer.mode, initializer.distribution)
    if scaled is None:
        return initializer
    scale, mode, distribution = scaled
    fan_in, fan_out = math.prod(inputs), math.prod(outputs)
    variance = scale / {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return RandomUniform(-limit, limit)
    if distribution == "untruncated_normal":
        return RandomNormal(0.0, math.sqrt(variance))
    return TruncatedNormal(0.0, math.sqrt(variance) / 0.8796256610342398)


_SCALED: dict[type[Initializer], tuple[float, str, str]] = {
    GlorotUniform: (1.0, "fan_avg", "uniform"),
    GlorotNormal: (1.0, "fan_avg", "truncated_normal"),
    HeUniform: (2.0, "fan_in", "uniform"),
    HeNormal: (2.0, "fan_in", "truncated_normal"),
    LecunUniform: (1.0, "fan_in", "uniform"),
    LecunNormal: (1.0, "fan_in", "truncated_normal"),
}
"""Each as a `VarianceScaling`: the scale, the mode, and the distribution."""
