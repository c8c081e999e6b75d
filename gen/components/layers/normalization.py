"""Layers that bring numbers to a common scale.  Source: `keras/src/layers/normalization`, `…/preprocessing`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from gen.components.arguments import Positive, Range, Rate
from gen.components.base import (
    ArgumentError,
    Constraint,
    Initializer,
    Layer,
    Regularizer,
    ShapeError,
    Weight,
    component,
)
from gen.components.initializers import Ones, Zeros
from gen.components.kernels import Array, block_of, cuts, float32, kernel
from gen.components.layers.core import size_of
from gen.dims import Shape, product, show


def check_axes(layer: Layer, axes: tuple[int, ...], x: Shape) -> None:
    """Raise `ShapeError` unless `axes` are distinct axes of `x` without the batch."""
    for axis in axes:
        if not -len(x) < axis < len(x) or axis == 0:
            name = type(layer).__name__
            raise ShapeError(f"{name} cannot work along axis {axis} of {show(x[1:])}", "has no such axis")


def along(weight: Array, axes: tuple[int, ...], x: Array) -> Array:
    """`weight`, reshaped so that its axes are these axes of `x` and it broadcasts to `x`."""
    if axes == tuple(range(x.ndim - len(axes), x.ndim)):
        return weight
    return weight.reshape(tuple(x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)))


@kernel(
    lambda x, mean, dy=None: mean,
    room=lambda x, mean, dy=None: block_of(x),
    operations=lambda x, mean, dy=None: 3 * math.prod(x),
    by_row=True,
)
def centered_products(x: Array, mean: Array, dy: Array | None = None, out: Array | None = None) -> Array:
    """The sums of (x - mean) · dy over the rows of x, (rows, features); of squares without dy."""
    if out is None:
        out = np.empty(mean.shape, x.dtype)
    out.fill(0.0)
    blocks = list(cuts(len(x), x.shape[1] * x.itemsize))
    room = np.empty_like(x[blocks[0]])
    ones = np.ones(len(room), x.dtype)
    for rows in blocks:
        centered = np.subtract(x[rows], mean, out=room[: rows.stop - rows.start])
        centered *= centered if dy is None else dy[rows]
        out += np.dot(ones[: len(centered)], centered)
    return out


@kernel(
    room=lambda x, mean, inverse, gamma=None, beta=None: 2 * float32(mean),
    operations=lambda x, mean, inverse, gamma=None, beta=None: 2 * math.prod(x),
    by_row=True,
)
def batch_normalized(
    x: Array,
    mean: Array,
    inverse: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    out: Array | None = None,
) -> Array:
    """(x - mean) · inverse · gamma + beta, for each feature of x, (rows, features)."""
    if out is None:
        out = np.empty_like(x)
    scale = inverse if gamma is None else inverse * gamma
    shift = -mean * scale
    if beta is not None:
        shift += beta
    for rows in cuts(len(x), x.shape[1] * x.itemsize):
        result = np.multiply(x[rows], scale, out=out[rows])
        result += shift
    return out


@kernel(
    room=lambda dy, x, *_: block_of(x) + 3 * float32((x[1],)),
    operations=lambda dy, x, *_: 4 * math.prod(x),
    by_row=True,
)
def batch_normalized_gradient(
    dy: Array,
    x: Array,
    mean: Array,
    inverse: Array,
    dgamma_mean: Array,
    dbeta_mean: Array,
    gamma: Array | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of x, (rows, features), where mean and inverse come from all its rows.

    It is (dy - dbeta_mean - (x - mean) · inverse · dgamma_mean) · inverse · gamma.
    """
    if out is None:
        out = np.empty_like(x)
    scale = inverse if gamma is None else inverse * gamma
    slope = scale * inverse * dgamma_mean
    shift = mean * slope - scale * dbeta_mean
    blocks = list(cuts(len(x), x.shape[1] * x.itemsize))
    room = np.empty_like(x[blocks[0]])
    for rows in blocks:
        sloped = np.multiply(x[rows], slope, out=room[: len(x[rows])])
        result = np.multiply(dy[rows], scale, out=out[rows])
        result -= sloped
        result += shift
    return out


@component
class BatchNormalization(Layer):
    """Normalizes each feature by the mean and variance of the batch, taken over all axes but `axis`; any shape.

    In prediction, it uses running means of the batches' means and variances.  It does not correct the variance of a
    batch for its size.  Steps that the mask leaves out do not count.  Ioffe and Szegedy, 2015.  Source:
    `batch_normalization.py`.

    Formula: y = gamma · (x - mean) / √(variance + epsilon) + beta
    Example: BatchNormalization()(Input(64))
    """

    supports_masking = True
    unsupported = {
        "renorm": "gen has no batch renormalization",
        "renorm_clipping": "gen has no batch renormalization",
        "synchronized": "gen trains in one process",
    }
    ignored = {"renorm_momentum": "it belongs to renorm"}

    axis: int = -1
    momentum: Rate = 0.99
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    moving_mean_initializer: Initializer = Zeros()
    moving_variance_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None
    beta_constraint: Constraint | None = None
    gamma_constraint: Constraint | None = None

    def output(self, x: Shape) -> Shape:
        check_axes(self, (self.axis,), x)
        return x

    def weights(self, x: Shape) -> dict[str, Weight]:
        shape = (size_of("BatchNormalization", x[self.axis], f"the size of axis {self.axis}"),)
        weights = {}
        if self.scale:
            weights["gamma"] = Weight(shape, self.gamma_initializer, self.gamma_regularizer, self.gamma_constraint)
        if self.center:
            weights["beta"] = Weight(shape, self.beta_initializer, self.beta_regularizer, self.beta_constraint)
        weights["moving_mean"] = Weight(shape, self.moving_mean_initializer, trainable=False)
        weights["moving_variance"] = Weight(shape, self.moving_variance_initializer, trainable=False)
        return weights

    def takes_bias(self, x: Shape) -> bool:
        return self.axis % len(x) == len(x) - 1

    def with_kernel_of(self, linear: Layer, x: Shape) -> Layer | None:
        return ScaledLayer(linear, self) if self.takes_bias(x) else None

    def others(self, ndim: int) -> tuple[int, ...]:
        """The axes over which mean and variance are taken."""
        return tuple(axis for axis in range(ndim) if axis != self.axis % ndim)

    def forward(self, x: Array, gamma: Array | None, beta: Array | None, mask: Array | None) -> Array:
        axis, others = (self.axis % x.ndim,), self.others(x.ndim)
        if mask is None and axis[0] == x.ndim - 1:
            count = math.prod(x.shape[:-1])
            rows = x.reshape((count, x.shape[-1]))
            mean = np.add.reduce(rows, axis=0) / count
            variance = centered_products(rows, mean) / count
            inverse = 1.0 / np.sqrt(variance + self.epsilon)
            return batch_normalized(rows, mean, inverse, gamma, beta).reshape(x.shape)
        if mask is None:
            weight = None
            count = math.prod(x.shape[other] for other in others)
            mean = np.add.reduce(x, axis=others) / count
        else:
            weight = mask[..., None]
            if axis[0] == x.ndim - 1:
                count = np.add.reduce(mask, axis=None) + 1e-7
            else:  # each step has its own mean, and counts only in some rows
                count = np.add.reduce(np.ones_like(x) * weight, axis=others) + 1e-7
            mean = np.add.reduce(x * weight, axis=others) / count
        centered = x - along(mean, axis, x)
        counted = centered if weight is None else centered * weight
        variance = np.add.reduce(counted * counted, axis=others) / count
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        normal = centered * along(inverse, axis, x)
        y = normal
        if gamma is not None:
            y = y * along(gamma, axis, x)
        if beta is not None:
            y = y + along(beta, axis, x)
        return y

    def backward(
        self,
        dy: Array,
        rows: Array | None,
        mean: Array,
        normal: Array,
        inverse: Array,
        weight: Array | None,
        counted: Array,
        count: float | Array,
        gamma: Array | None,
        beta: Array | None,
    ) -> Array | tuple[Array, ...]:
        axis, others = (self.axis % dy.ndim,), self.others(dy.ndim)
        if rows is not None:
            drows = dy.reshape(rows.shape)
            dbeta = np.add.reduce(drows, axis=0)
            dgamma = centered_products(rows, mean, drows) * inverse
            dgamma_mean, dbeta_mean = dgamma / count, dbeta / count
            dx = batch_normalized_gradient(drows, rows, mean, inverse, dgamma_mean, dbeta_mean, gamma).reshape(dy.shape)
        elif weight is None:
            scale = inverse if gamma is None else inverse * gamma
            dgamma = np.add.reduce(dy * normal, axis=others)
            dbeta = np.add.reduce(dy, axis=others)
            rest = dy - along(dbeta / count, axis, dy) - normal * along(dgamma / count, axis, dy)
            dx = rest * along(scale, axis, dy)
        else:
            scale = inverse if gamma is None else inverse * gamma
            dgamma = np.add.reduce(dy * normal, axis=others)
            dbeta = np.add.reduce(dy, axis=others)
            slope = scale * inverse * dgamma / count
            dcentered = dy * along(scale, axis, dy) - counted * along(slope, axis, dy)
            dx = dcentered - weight * along(np.add.reduce(dcentered, axis=others) / count, axis, dy)
        if gamma is None and beta is None:
            return dx
        if gamma is None:
            return dx, dbeta
        if beta is None:
            return dx, dgamma
        return dx, dgamma, dbeta

    def update(self, moving_mean: Array, moving_variance: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
        moving_mean = self.momentum * moving_mean + (1 - self.momentum) * mean
        moving_variance = self.momentum * moving_variance + (1 - self.momentum) * variance
        return moving_mean, moving_variance

    def scaling(
        self,
        gamma: Array | None,
        beta: Array | None,
        moving_mean: Array,
        moving_variance: Array,
        bias: Array | None,
    ) -> tuple[Array, Array, Array]:
        """The deviation, the scale, and the shift of a prediction: y = (x + bias) · scale + shift without bias."""
        deviation = np.sqrt(moving_variance + self.epsilon)
        scale = 1.0 / deviation if gamma is None else gamma / deviation
        shift = -moving_mean * scale if bias is None else (bias - moving_mean) * scale
        return deviation, scale, shift if beta is None else shift + beta

    def predict(
        self,
        x: Array,
        gamma: Array | None,
        beta: Array | None,
        moving_mean: Array,
        moving_variance: Array,
        bias: Array | None = None,
    ) -> Array:
        """`bias` belongs to the layer before, if a rewrite moved it here."""
        axis = (self.axis % x.ndim,)
        deviation, scale, shift = self.scaling(gamma, beta, moving_mean, moving_variance, bias)
        return x * along(scale, axis, x) + along(shift, axis, x)

    def predict_backward(
        self,
        dy: Array,
        x: Array,
        scale: Array,
        deviation: Array,
        moving_mean: Array,
        gamma: Array | None,
        beta: Array | None,
    ) -> Array | tuple[Array, ...]:
        axis, others = (self.axis % dy.ndim,), self.others(dy.ndim)
        dx = dy * along(scale, axis, dy)
        if gamma is None and beta is None:
            return dx
        dbeta = np.add.reduce(dy, axis=others)
        if gamma is None:
            return dx, dbeta
        normal = (x - along(moving_mean, axis, x)) / along(deviation, axis, x)
        dgamma = np.add.reduce(dy * normal, axis=others)
        if beta is None:
            return dx, dgamma
        return dx, dgamma, dbeta


@dataclass(frozen=True)
class ScaledLayer(Layer):
    """A layer and the batch normalization after it, in prediction; `rewrites/scales.py` inserts it."""

    internal = True

    linear: Layer
    normalization: BatchNormalization

    def output(self, x: Shape) -> Shape | list[Shape]:
        return self.linear.output(x)

    def forward(
        self,
        x: Array,
        kernel: Array,
        gamma: Array | None,
        beta: Array | None,
        moving_mean: Array,
        moving_variance: Array,
        bias: Array | None,
    ) -> Array:
        _, scale, shift = self.normalization.scaling(gamma, beta, moving_mean, moving_variance, bias)
        return self.linear.forward(x, kernel * scale, shift)


@component
class LayerNormalization(Layer):
    """Normalizes each row by its mean and variance along `axis`; any shape.

    Ba, Kiros and Hinton, 2016.  Source: `layer_normalization.py`.

    Formula: y = gamma · (x - mean) / √(variance + epsilon) + beta
    Example: LayerNormalization()(Input(64))
    """

    supports_masking = True
    unsupported = {
        "rms_scaling": "Keras itself advises against it",
    }

    axis: int | tuple[int, ...] = -1
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None
    beta_constraint: Constraint | None = None
    gamma_constraint: Constraint | None = None

    def axes(self, ndim: int) -> tuple[int, ...]:
        """The axes of a row, counted from 0, in order."""
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        return tuple(sorted(axis % ndim for axis in axes))

    def output(self, x: Shape) -> Shape:
        check_axes(self, (self.axis,) if isinstance(self.axis, int) else self.axis, x)
        return x

    def weights(self, x: Shape) -> dict[str, Weight]:
        name = "LayerNormalization"
        shape = tuple(size_of(name, x[axis], f"the size of axis {axis}") for axis in self.axes(len(x)))
        weights = {}
        if self.scale:
            weights["gamma"] = Weight(shape, self.gamma_initializer, self.gamma_regularizer, self.gamma_constraint)
        if self.center:
            weights["beta"] = Weight(shape, self.beta_initializer, self.beta_regularizer, self.beta_constraint)
        return weights

    def forward(self, x: Array, gamma: Array | None, beta: Array | None) -> Array:
        shape, axes = x.shape, self.axes(x.ndim)
        if axes == (x.ndim - 1,):  # of a matrix, BLAS computes the sums
            x, axes = x.reshape((math.prod(shape[:-1]), shape[-1])), (1,)
        count = math.prod(x.shape[axis] for axis in axes)
        centered = x - np.add.reduce(x, axis=axes, keepdims=True) / count
        variance = np.add.reduce(centered * centered, axis=axes, keepdims=True) / count
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        normal = centered * inverse
        y = normal
        if gamma is not None:
            y = y * along(gamma, axes, x)
        if beta is not None:
            y = y + along(beta, axes, x)
        return y.reshape(shape)

    def backward(
        self, dy: Array, normal: Array, inverse: Array, gamma: Array | None, beta: Array | None
    ) -> Array | tuple[Array, ...]:
        shape, axes = dy.shape, self.axes(dy.ndim)
        if axes == (dy.ndim - 1,):
            dy, axes = dy.reshape((math.prod(shape[:-1]), shape[-1])), (1,)
        others = tuple(axis for axis in range(dy.ndim) if axis not in axes)
        count = math.prod(dy.shape[axis] for axis in axes)
        dnormal = dy if gamma is None else dy * along(gamma, axes, dy)
        mean = np.add.reduce(dnormal, axis=axes, keepdims=True) / count
        slope = np.add.reduce(dnormal * normal, axis=axes, keepdims=True) / count
        dx = ((dnormal - mean - normal * slope) * inverse).reshape(shape)
        dgamma = np.add.reduce(dy * normal, axis=others)
        dbeta = np.add.reduce(dy, axis=others)
        if gamma is None and beta is None:
            return dx
        if gamma is None:
            return dx, dbeta
        if beta is None:
            return dx, dgamma
        return dx, dgamma, dbeta


@component
class GroupNormalization(Layer):
    """Normalizes the channels of each row in `groups`, by the mean and variance of each group; any shape.

    The channels are `axis`; a group has channels beside each other, at all places.  With -1 groups, each channel is one
    of its own.  Wu and He, 2018.  Source: `group_normalization.py`.

    Formula: y = gamma · (x - mean) / √(variance + epsilon) + beta
    Example: GroupNormalization(4)(Input(8, 8, 16))
    """

    supports_masking = True

    groups: Annotated[int, Range(-1)] = 32
    axis: int = -1
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = Zeros()
    gamma_initializer: Initializer = Ones()
    beta_regularizer: Regularizer | None = None
    gamma_regularizer: Regularizer | None = None
    beta_constraint: Constraint | None = None
    gamma_constraint: Constraint | None = None

    def __post_init__(self) -> None:
        if self.groups == 0:
            raise ArgumentError("groups", "`groups` takes a number of groups, or -1 for one of each channel, got 0")

    def output(self, x: Shape) -> Shape:
        check_axes(self, (self.axis,), x)
        channels = size_of("GroupNormalization", x[self.axis], "the number of channels")
        if self.groups > channels or channels % self.groups:
            message = f"GroupNormalization cannot part {channels} channels into {self.groups} groups"
            raise ShapeError(message, f"{channels} channels", hint="`groups` divides the number of channels")
        return x

    def weights(self, x: Shape) -> dict[str, Weight]:
        shape = (size_of("GroupNormalization", x[self.axis], "the number of channels"),)
        weights = {}
        if self.scale:
            weights["gamma"] = Weight(shape, self.gamma_initializer, self.gamma_regularizer, self.gamma_constraint)
        if self.center:
            weights["beta"] = Weight(shape, self.beta_initializer, self.beta_regularizer, self.beta_constraint)
        return weights

    def parted(self, x: Any) -> Any:
        """The shape of `x` as (batch, places before, groups, channels of each, places after)."""
        axis = self.axis % len(x)
        groups = x[axis] if self.groups == -1 else self.groups
        return (x[0], product(x[1:axis]), groups, x[axis] // groups, product(x[axis + 1 :]))

    def forward(self, x: Array, gamma: Array | None, beta: Array | None) -> Array:
        parts = x.reshape(self.parted(x.shape))
        count = parts.shape[1] * parts.shape[3] * parts.shape[4]
        centered = parts - np.add.reduce(parts, axis=(1, 3, 4), keepdims=True) / count
        variance = np.add.reduce(centered * centered, axis=(1, 3, 4), keepdims=True) / count
        inverse = 1.0 / np.sqrt(variance + self.epsilon)
        normal = centered * inverse
        y = normal
        if gamma is not None:
            y = y * gamma.reshape((parts.shape[2], parts.shape[3], 1))
        if beta is not None:
            y = y + beta.reshape((parts.shape[2], parts.shape[3], 1))
        return y.reshape(x.shape)

    def backward(
        self, dy: Array, normal: Array, inverse: Array, count: int, gamma: Array | None, beta: Array | None
    ) -> Array | tuple[Array, ...]:
        dparts = dy.reshape(normal.shape)
        dnormal = dparts if gamma is None else dparts * gamma.reshape((normal.shape[2], normal.shape[3], 1))
        mean = np.add.reduce(dnormal, axis=(1, 3, 4), keepdims=True) / count
        slope = np.add.reduce(dnormal * normal, axis=(1, 3, 4), keepdims=True) / count
        dx = ((dnormal - mean - normal * slope) * inverse).reshape(dy.shape)
        channels = (normal.shape[2] * normal.shape[3],)
        dgamma = np.add.reduce(dparts * normal, axis=(0, 1, 4)).reshape(channels)
        dbeta = np.add.reduce(dparts, axis=(0, 1, 4)).reshape(channels)
        if gamma is None and beta is None:
            return dx
        if gamma is None:
            return dx, dbeta
        if beta is None:
            return dx, dgamma
        return dx, dgamma, dbeta


@component
class RMSNormalization(Layer):
    """Scales each row by the root of the mean of its squares along `axis`; any shape.

    Zhang and Sennrich, 2019.  Source: `rms_normalization.py`.

    Formula: y = scale · x / √(mean(x²) + epsilon)
    Example: RMSNormalization()(Input(64))
    """

    axis: int | tuple[int, ...] = -1
    epsilon: Positive = 1e-6

    def axes(self, ndim: int) -> tuple[int, ...]:
        """The axes of a row, counted from 0, in order."""
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        return tuple(sorted(axis % ndim for axis in axes))

    def output(self, x: Shape) -> Shape:
        check_axes(self, (self.axis,) if isinstance(self.axis, int) else self.axis, x)
        axes = self.axes(len(x))
        scale = tuple(x[axis] for axis in axes)
        if any(size not in (1, along) for size, along in zip(scale, x[len(x) - len(axes) :], strict=True)):
            message = (
                f"RMSNormalization stretches its scale {show(scale)} along the last axes of {show(x[1:])}, as Keras"
            )
            raise ShapeError(message, "cannot be stretched", hint="`axis` names the last axes: -1, or (-2, -1)")
        return x

    def weights(self, x: Shape) -> dict[str, Weight]:
        name = "RMSNormalization"
        shape = tuple(size_of(name, x[axis], f"the size of axis {axis}") for axis in self.axes(len(x)))
        return {"scale": Weight(shape, Ones())}

    def forward(self, x: Array, scale: Array) -> Array:
        shape, axes = x.shape, self.axes(x.ndim)
        if axes == (x.ndim - 1,):  # of a matrix, BLAS computes the sums
            x, axes = x.reshape((math.prod(shape[:-1]), shape[-1])), (1,)
        count = math.prod(x.shape[axis] for axis in axes)
        inverse = 1.0 / np.sqrt(np.add.reduce(x * x, axis=axes, keepdims=True) / count + self.epsilon)
        normal = x * inverse
        return (normal * scale).reshape(shape)

    def backward(self, dy: Array, normal: Array, inverse: Array, scale: Array) -> tuple[Array, Array]:
        shape, axes = dy.shape, self.axes(dy.ndim)
        if axes == (dy.ndim - 1,):
            dy, axes = dy.reshape((math.prod(shape[:-1]), shape[-1])), (1,)
        count = math.prod(dy.shape[axis] for axis in axes)
        dnormal = dy * scale
        slope = np.add.reduce(dnormal * normal, axis=axes, keepdims=True) / count
        dx = ((dnormal - normal * slope) * inverse).reshape(shape)
        dscale = np.add.reduce(dy * normal, axis=tuple(range(dy.ndim - scale.ndim)))
        return dx, dscale


@component
class UnitNormalization(Layer):
    """Scales vectors along `axis` to length 1, and keeps vectors of zeros; any shape.

    Source: `unit_normalization.py`.

    Formula: y = x / √(Σ x²)
    Example: UnitNormalization()(Input(64))
    """

    supports_masking = True

    axis: int | tuple[int, ...] = -1

    def output(self, x: Shape) -> Shape:
        check_axes(self, (self.axis,) if isinstance(self.axis, int) else self.axis, x)
        return x

    def forward(self, x: Array) -> Array:
        norm = np.maximum(np.sqrt(np.add.reduce(x * x, axis=self.axis, keepdims=True)), 1e-12)
        return x / norm

    def backward(self, dy: Array, y: Array, norm: Array) -> Array:
        return (dy - y * np.add.reduce(dy * y, axis=self.axis, keepdims=True)) / norm
