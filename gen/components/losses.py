"""Losses: one value for each row of a matrix.  Formulas and defaults are those of `keras/src/losses/losses.py`.

`y_true` and `y_pred` are (rows, features); sparse losses take class ids, (rows,).  The three classes at the end compute
the crossentropies after `sigmoid` and `softmax` from the logits.  They are exact where the others have to clip.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from gen.components.activations import Sigmoid, Softmax
from gen.components.arguments import NonNegative, Positive, Range, Rate
from gen.components.base import Activation, Loss, ShapeError, component, snake_case
from gen.components.kernels import Array, minus_one_hot, one_hot, pick
from gen.dims import Shape

Reduction = Literal["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight"]
UNSUPPORTED = {"dtype": "a model computes in one float type: Model(dtype=…)"}


def mean(values: Array) -> Array:
    """The mean of each row."""
    return np.add.reduce(values, axis=1) / values.shape[1]


# ---------------------------------------------------------------------------------------------------------- differences


@component
class MeanSquaredError(Loss):
    """The mean of the squared errors.

    Formula: mean((y_pred - y_true)²)
    """

    aliases = ("mse", "MSE")
    unsupported = UNSUPPORTED

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        error = y_pred - y_true
        return mean(error * error)

    def backward(self, scale: float, error: Array) -> Array:
        return error * (2 * scale / error.shape[1])


@component
class MeanAbsoluteError(Loss):
    """The mean of the absolute errors.

    Formula: mean(|y_pred - y_true|)
    """

    aliases = ("mae", "MAE")
    unsupported = UNSUPPORTED

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        error = y_pred - y_true
        return mean(np.abs(error))

    def backward(self, scale: float, error: Array) -> Array:
        return np.sign(error) * (scale / error.shape[1])


@component
class MeanAbsolutePercentageError(Loss):
    """The mean of the absolute errors as percentages of the targets.

    A target closer to 0 than 1e-7 counts as 1e-7.

    Formula: 100 · mean(|y_pred - y_true| / |y_true|)
    """

    aliases = ("mape", "MAPE")
    unsupported = UNSUPPORTED

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        size = np.maximum(np.abs(y_true), 1e-7)
        error = (y_pred - y_true) / size
        return 100.0 * mean(np.abs(error))

    def backward(self, scale: float, size: Array, error: Array) -> Array:
        return np.sign(error) / size * (100 * scale / error.shape[1])


@component
class MeanSquaredLogarithmicError(Loss):
    """The mean of the squared errors of log(1 + y); targets are 0 or more.

    A negative prediction counts as 0.

    Formula: mean((log(1 + y_pred) - log(1 + y_true))²)
    Example: Dense(1, softplus)(Input(64))
    """

    aliases = ("msle", "MSLE")
    unsupported = UNSUPPORTED
    target_range = (0, math.inf)

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        error = np.log1p(np.maximum(y_pred, 1e-7)) - np.log1p(np.maximum(y_true, 1e-7))
        return mean(error * error)

    def backward(self, scale: float, y_pred: Array, error: Array) -> Array:
        return (y_pred > 1e-7) * error / (1.0 + np.maximum(y_pred, 0.0)) * (2 * scale / error.shape[1])


@component
class Huber(Loss):
    """The mean of e² / 2 up to an error of `delta`, and of delta · (|e| - delta / 2) beyond it (Huber, 1964).

    Formula: mean(e² / 2 where |e| <= delta, else delta · (|e| - delta / 2)), e = y_pred - y_true
    """

    unsupported = UNSUPPORTED

    delta: Positive = 1.0
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        error = y_pred - y_true
        slope = np.minimum(np.maximum(error, -self.delta), self.delta)
        return mean(slope * (error - 0.5 * slope))

    def backward(self, scale: float, slope: Array) -> Array:
        return slope * (scale / slope.shape[1])


@component
class LogCosh(Loss):
    """The mean of log(cosh(e)), e the error: nearly e² / 2 for small errors, and |e| - log(2) for large ones.

    Formula: mean(log(cosh(y_pred - y_true)))
    """

    aliases = ("logcosh",)
    unsupported = UNSUPPORTED

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        error = y_pred - y_true
        return mean(np.logaddexp(error, -error)) - math.log(2)

    def backward(self, scale: float, error: Array) -> Array:
        return np.tanh(error) * (scale / error.shape[1])


@component
class Poisson(Loss):
    """The loss of predicted rates; targets are counts, 0 or more.

    Formula: mean(y_pred - y_true · log(y_pred))
    Example: Dense(1, softplus)(Input(64))
    """

    unsupported = UNSUPPORTED
    target_range = (0, math.inf)

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        return mean(y_pred - y_true * np.log(y_pred + 1e-7))

    def backward(self, scale: float, y_true: Array, y_pred: Array) -> Array:
        return (1.0 - y_true / (y_pred + 1e-7)) * (scale / y_pred.shape[1])


@component
class CosineSimilarity(Loss):
    """Minus the cosine of the angle between y_true and y_pred; 0 if one of them is 0.

    Formula: -Σ y_true · y_pred / √(Σ y_true² · Σ y_pred²)
    Example: Dense(10)(Input(64))
    """

    unsupported = UNSUPPORTED

    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        norm_true = np.maximum(np.sqrt(np.add.reduce(y_true * y_true, axis=1, keepdims=True)), 1e-7)
        norm = np.maximum(np.sqrt(np.add.reduce(y_pred * y_pred, axis=1, keepdims=True)), 1e-7)
        unit_true = y_true / norm_true
        unit = y_pred / norm
        return -np.add.reduce(unit_true * unit, axis=1)

    def backward(self, scale: float, unit_true: Array, unit: Array, norm: Array) -> Array:
        cosine = np.add.reduce(unit_true * unit, axis=1, keepdims=True)
        return (unit * (cosine * (norm > 1e-7)) - unit_true) / norm * scale


# --------------------------------------------------------------------------------------------------------------- hinges


def signs(y_true: Array) -> Array:
    """The targets as -1 and 1; if all of them are 0 or 1, 0 stands for -1."""
    binary = np.logical_and.reduce(np.logical_or(np.equal(y_true, 0.0), np.equal(y_true, 1.0)), axis=(0, 1))
    return np.where(binary, 2.0 * y_true - 1.0, y_true)


@component
class Hinge(Loss):
    """The mean distance by which predictions miss the margin of 1; targets are -1 or 1, or else 0 or 1.

    Formula: mean(max(1 - y_true · y_pred, 0))
    Example: Dense(1, tanh)(Input(64))
    """

    unsupported = UNSUPPORTED
    target_range = (-1, 1)

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        sign = signs(y_true)
        margin = np.maximum(1.0 - sign * y_pred, 0.0)
        return mean(margin)

    def backward(self, scale: float, sign: Array, margin: Array) -> Array:
        return sign * (margin > 0.0) * (-scale / margin.shape[1])


@component
class SquaredHinge(Loss):
    """The mean of the squared distances by which predictions miss the margin of 1; targets are as for `hinge`.

    Formula: mean(max(1 - y_true · y_pred, 0)²)
    Example: Dense(1, tanh)(Input(64))
    """

    unsupported = UNSUPPORTED
    target_range = (-1, 1)

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        sign = signs(y_true)
        margin = np.maximum(1.0 - sign * y_pred, 0.0)
        return mean(margin * margin)

    def backward(self, scale: float, sign: Array, margin: Array) -> Array:
        return sign * margin * (-2 * scale / margin.shape[1])


@component
class CategoricalHinge(Loss):
    """The distance by which the score of the target's class misses a margin of 1 over the others; targets are one-hot.

    Formula: max(1 + max((1 - y_true) · y_pred) - Σ y_true · y_pred, 0)
    Example: Dense(10)(Input(64))
    """

    unsupported = UNSUPPORTED
    target_range = (0, 1)

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        right = np.add.reduce(y_true * y_pred, axis=1, keepdims=True)
        scores = (1.0 - y_true) * y_pred
        wrong = np.maximum.reduce(scores, axis=1, keepdims=True)
        margin = np.maximum(1.0 + wrong - right, 0.0)
        return margin[:, 0]

    def backward(self, scale: float, y_true: Array, scores: Array, margin: Array) -> Array:
        worst = one_hot(scores.argmax(axis=1), scores)
        return (margin > 0.0) * ((1.0 - y_true) * worst - y_true) * scale


# --------------------------------------------------------------------------------------------------------- divergences


def smoothed(y_true: Array, smoothing: float, classes: int) -> Array:
    """The targets, with a share of them spread evenly over all classes."""
    if smoothing == 0:
        return y_true
    return y_true * (1 - smoothing) + smoothing / classes


def from_logits(target: Array, logits: Array) -> tuple[Array, Array, Array]:
    """-Σ target · log(softmax(logits)), the softmax, and the sum of the targets of each row, (rows, 1)."""
    mass = np.add.reduce(target, axis=1, keepdims=True)
    greatest = np.maximum.reduce(logits, axis=1, keepdims=True)
    shifted = logits - greatest
    products = target * shifted
    right = np.add.reduce(products, axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = np.add.reduce(exponentials, axis=1, keepdims=True)
    y_pred = exponentials / total
    values = mass * np.log(total) - right
    return values[:, 0], y_pred, mass


def clipped(p: Array) -> Array:
    """Probabilities, kept at least 1e-7 away from 0 and 1, as in Keras."""
    return np.minimum(np.maximum(p, 1e-7), 1 - 1e-7)


def inside(p: Array) -> Array:
    """Where `clipped` changes nothing."""
    return np.logical_and(p > 1e-7, p < 1 - 1e-7)


def expects_probabilities(loss: Loss, from_logits: bool, usual: str, head: Activation | None) -> None:
    """Raise `ShapeError` unless `head` gives what the loss expects: logits, or numbers from 0 to 1."""
    if head is None or head.probability is not from_logits:
        return
    if from_logits:
        raise ShapeError(
            f"{type(loss).__name__} with from_logits=True expects logits, got probabilities",
            f"{snake_case(type(head).__name__)} gives probabilities",
            "remove from_logits",
            code="loss-range",
        )
    raise ShapeError(
        f"{type(loss).__name__} expects probabilities, between 0 and 1",
        f"{snake_case(type(head).__name__)} gives any number",
        f"give the output the activation {usual}, or the loss from_logits=True",
        code="loss-range",
    )


def expects_classes(loss: Loss, shape: Shape) -> None:
    """Raise `ShapeError` if the output has only one class."""
    if len(shape) < 2 or shape[-1] == 1:
        raise ShapeError(
            f"{type(loss).__name__} expects two or more classes, got {'one' if len(shape) > 1 else 'none'}",
            "has one unit" if len(shape) > 1 else "has no classes",
            "for yes or no, use sigmoid and binary_crossentropy",
            code="loss-shape",
        )


@component
class KLDivergence(Loss):
    """The divergence of the predictions from the targets (Kullback and Leibler, 1951); both are probabilities.

    Formula: Σ y_true · log(y_true / y_pred)
    Example: Dense(10, softmax)(Input(64))
    """

    aliases = ("kld", "KLD", "kullback_leibler_divergence")
    unsupported = UNSUPPORTED
    target_range = (0, 1)

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        target = np.minimum(np.maximum(y_true, 1e-7), 1.0)
        guess = np.minimum(np.maximum(y_pred, 1e-7), 1.0)
        return np.add.reduce(target * np.log(target / guess), axis=1)

    def backward(self, scale: float, target: Array, y_pred: Array, guess: Array) -> Array:
        return np.equal(guess, y_pred) * target / guess * -scale


@component
class BinaryCrossentropy(Loss):
    """The mean crossentropy of yes-or-no predictions; targets are 0, 1, or between.

    Formula: mean(-y_true · log(y_pred) - (1 - y_true) · log(1 - y_pred))
    Example: Dense(1, sigmoid)(Input(64))
    """

    aliases = ("bce", "BCE")
    unsupported = UNSUPPORTED
    target_range = (0, 1)

    from_logits: bool = False
    label_smoothing: Rate = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        expects_probabilities(self, self.from_logits, "sigmoid", head)

    def after(self, head: Activation | None) -> Loss | None:
        if isinstance(head, Sigmoid) and not self.from_logits:
            return SigmoidBinaryCrossentropy(head, self.label_smoothing, self.reduction)
        return None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        target = smoothed(y_true, self.label_smoothing, 2)
        if self.from_logits:
            return mean(np.logaddexp(0.0, y_pred) - y_pred * target)
        p = clipped(y_pred)
        return -mean(target * np.log(p) + (1.0 - target) * np.log(1.0 - p))

    def backward(self, scale: float, target: Array, y_pred: Array) -> Array:
        if self.from_logits:
            p = 0.5 * np.tanh(0.5 * y_pred) + 0.5
            return (p - target) * (scale / y_pred.shape[1])
        p = clipped(y_pred)
        return inside(y_pred) * (p - target) / (p * (1.0 - p)) * (scale / y_pred.shape[1])


@component
class BinaryFocalCrossentropy(Loss):
    """Binary crossentropy that counts less where predictions are right already (Lin et al., 2017).

    q is the probability of the wrong answer.  With `apply_class_balancing`, a yes counts `alpha`, a no 1 - alpha.

    Formula: mean(q^gamma · crossentropy), q = 1 - y_true · y_pred - (1 - y_true) · (1 - y_pred)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED
    target_range = (0, 1)

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: NonNegative = 2.0
    from_logits: bool = False
    label_smoothing: Rate = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        expects_probabilities(self, self.from_logits, "sigmoid", head)

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        target = smoothed(y_true, self.label_smoothing, 2)
        guess = 0.5 * np.tanh(0.5 * y_pred) + 0.5 if self.from_logits else y_pred
        p = clipped(guess)
        crossentropy = -(target * np.log(p) + (1.0 - target) * np.log(1.0 - p))
        right = target * guess + (1.0 - target) * (1.0 - guess)
        wrong = 1.0 - right
        focus = wrong**self.gamma
        values = focus * crossentropy
        if self.apply_class_balancing:
            values = (target * self.alpha + (1.0 - target) * (1 - self.alpha)) * values
        return mean(values)

    def backward(
        self, scale: float, target: Array, guess: Array, crossentropy: Array, wrong: Array, focus: Array
    ) -> Array:
        p = clipped(guess)
        slope = focus * inside(guess) * (p - target) / (p * (1.0 - p))
        if self.gamma != 0:
            turn = (1.0 - 2.0 * target) * self.gamma
            slope = slope + turn * wrong ** (self.gamma - 1) * crossentropy
        if self.apply_class_balancing:
            slope = (target * self.alpha + (1.0 - target) * (1 - self.alpha)) * slope
        if self.from_logits:
            slope = slope * guess * (1.0 - guess)
        return slope * (scale / guess.shape[1])


@component
class CategoricalCrossentropy(Loss):
    """The crossentropy over the classes; targets are probabilities, and those of a row sum to 1.

    Formula: -Σ y_true · log(y_pred)
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = UNSUPPORTED
    target_range = (0, 1)

    from_logits: bool = False
    label_smoothing: Rate = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        expects_classes(self, shape)
        expects_probabilities(self, self.from_logits, "softmax", head)

    def after(self, head: Activation | None) -> Loss | None:
        if isinstance(head, Softmax) and head.axis == -1 and not self.from_logits:
            return SoftmaxCategoricalCrossentropy(head, self.label_smoothing, self.reduction)
        return None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        target = smoothed(y_true, self.label_smoothing, y_pred.shape[1])
        if self.from_logits:
            values, p, mass = from_logits(target, y_pred)
            return values
        total = np.add.reduce(y_pred, axis=1, keepdims=True)
        p = y_pred / total
        return -np.add.reduce(target * np.log(clipped(p)), axis=1)

    def backward(self, scale: float, target: Array, total: Array, p: Array, mass: Array) -> Array:
        if self.from_logits:
            return (p * mass - target) * scale
        dp = inside(p) * target / clipped(p) * -scale
        return (dp - np.add.reduce(dp * p, axis=1, keepdims=True)) / total


@component
class CategoricalFocalCrossentropy(Loss):
    """Categorical crossentropy that counts less where predictions are right already (Lin et al., 2017).

    Formula: -Σ alpha · (1 - y_pred)^gamma · y_true · log(y_pred)
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = UNSUPPORTED
    target_range = (0, 1)

    alpha: float = 0.25
    gamma: NonNegative = 2.0
    from_logits: bool = False
    label_smoothing: Rate = 0.0
    axis: int = -1
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        expects_classes(self, shape)
        expects_probabilities(self, self.from_logits, "softmax", head)

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        target = smoothed(y_true, self.label_smoothing, y_pred.shape[1])
        guess = y_pred
        if self.from_logits:
            guess = np.exp(y_pred - np.maximum.reduce(y_pred, axis=1, keepdims=True))
        total = np.add.reduce(guess, axis=1, keepdims=True)
        p = guess / total
        safe = clipped(p)
        logarithm = np.log(safe)
        wrong = 1.0 - safe
        return np.add.reduce(wrong**self.gamma * target * logarithm, axis=1) * -self.alpha

    def backward(
        self, scale: float, target: Array, total: Array, p: Array, safe: Array, logarithm: Array, wrong: Array
    ) -> Array:
        slope = -(wrong**self.gamma) / safe
        if self.gamma != 0:
            slope = slope + self.gamma * wrong ** (self.gamma - 1) * logarithm
        dp = inside(p) * target * slope * (self.alpha * scale)
        dguess = dp - np.add.reduce(dp * p, axis=1, keepdims=True)
        return dguess * p if self.from_logits else dguess / total


@component
class SparseCategoricalCrossentropy(Loss):
    """The crossentropy over the classes; targets are class ids.

    Formula: -log(y_pred[y_true])
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = {**UNSUPPORTED, "ignore_class": "remove such rows, or give them a sample_weight of 0"}
    sparse = True

    from_logits: bool = False
    reduction: Reduction = "sum_over_batch_size"
    axis: Literal[-1] = -1
    name: str | None = None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        expects_classes(self, shape)
        expects_probabilities(self, self.from_logits, "softmax", head)

    def after(self, head: Activation | None) -> Loss | None:
        if isinstance(head, Softmax) and head.axis == -1 and not self.from_logits:
            return SoftmaxSparseCategoricalCrossentropy(head, self.reduction)
        return None

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        if self.from_logits:
            greatest = np.maximum.reduce(y_pred, axis=1, keepdims=True)
            shifted = y_pred - greatest
            right = pick(shifted, y_true)
            exponentials = np.exp(shifted)
            total = np.add.reduce(exponentials, axis=1)
            return np.log(total) - right
        total = np.add.reduce(y_pred, axis=1)
        p = pick(y_pred, y_true) / total
        return -np.log(clipped(p))

    def backward(
        self, scale: float, y_true: Array, y_pred: Array, exponentials: Array, total: Array, p: Array
    ) -> Array:
        if self.from_logits:
            return minus_one_hot(exponentials / total[:, None], y_true) * scale
        right = one_hot(y_true, y_pred)
        return inside(p)[:, None] * (1.0 - right / clipped(p)[:, None]) / total[:, None] * scale


@component
class CategoricalGeneralizedCrossEntropy(Loss):
    """Between the crossentropy (q near 0) and the absolute error (q near 1), for noisy labels (Zhang, Sabuncu, 2018).

    Targets are class ids, predictions probabilities.

    Formula: (1 - y_pred[y_true]^q) / q
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = UNSUPPORTED
    sparse = True

    q: Annotated[float, Range(0, 1, "both")] = 0.5
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None

    def fits(self, shape: Shape, head: Activation | None) -> None:
        expects_classes(self, shape)
        expects_probabilities(self, False, "softmax", head)

    def forward(self, y_true: Array, y_pred: Array) -> Array:
        p = pick(y_pred, y_true)
        return (1.0 - p**self.q) / self.q

    def backward(self, scale: float, y_true: Array, y_pred: Array, p: Array) -> Array:
        right = one_hot(y_true, y_pred)
        slope = p ** (self.q - 1) * -scale
        return right * slope[:, None]


# ------------------------------------------------------------------------------------------------------------- overlaps


@component
class Dice(Loss):
    """One minus the overlap of targets and predictions (Dice, 1945): of the whole batch, or along `axis`.

    Formula: 1 - 2 · Σ y_true · y_pred / (Σ y_true + Σ y_pred)
    Example: Dense(10, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None
    axis: int | tuple[int, ...] | None = None

    def by_tensors(self) -> bool:
        return True


@component
class Tversky(Loss):
    """Dice with a weight of its own for what is missed, `alpha`, and for what is found too much, `beta`.

    Salehi et al., 2017.  It is of the whole batch, or along `axis`.

    Formula: 1 - c / (c + alpha · Σ y_true · (1 - y_pred) + beta · Σ (1 - y_true) · y_pred), c = Σ y_true · y_pred
    Example: Dense(10, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    alpha: float = 0.5
    beta: float = 0.5
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None
    axis: int | tuple[int, ...] | None = None

    def by_tensors(self) -> bool:
        return True


# -------------------------------------------------------------------------------------------------- together with heads


@dataclass(frozen=True)
class SigmoidBinaryCrossentropy(Loss):
    """binary_crossentropy(sigmoid(logits)): log(1 + exp(logits)) - logits · y_true; the gradient is y_pred - y_true.

    The logarithm of y_pred is logits - log(1 + exp(logits)), which cannot overflow.
    """

    target_range = BinaryCrossentropy.target_range

    head: Activation
    label_smoothing: float = 0.0
    reduction: Reduction = "sum_over_batch_size"

    def forward(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        target = smoothed(y_true, self.label_smoothing, 2)
        softplus = np.logaddexp(0.0, logits)
        values = mean(softplus - logits * target)
        y_pred = np.exp(logits - softplus)
        return values, y_pred

    def backward(self, scale: float, target: Array, y_pred: Array) -> Array:
        return (y_pred - target) * (scale / y_pred.shape[1])


@dataclass(frozen=True)
class SoftmaxCategoricalCrossentropy(Loss):
    """categorical_crossentropy(softmax(logits)): Σ y_true · (log(Σ exp(logits)) - logits).

    The gradient is y_pred - y_true.  If the targets of a row do not sum to 1, y_pred is multiplied by their sum.
    """

    target_range = CategoricalCrossentropy.target_range

    head: Activation
    label_smoothing: float = 0.0
    reduction: Reduction = "sum_over_batch_size"

    def forward(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        target = smoothed(y_true, self.label_smoothing, logits.shape[1])
        values, y_pred, mass = from_logits(target, logits)
        return values, y_pred

    def backward(self, scale: float, target: Array, y_pred: Array, mass: Array) -> Array:
        return (y_pred * mass - target) * scale


@dataclass(frozen=True)
class SoftmaxSparseCategoricalCrossentropy(Loss):
    """sparse_categorical_crossentropy(softmax(logits)): log(Σ exp(logits)) - logits[y_true]."""

    sparse = True

    head: Activation
    reduction: Reduction = "sum_over_batch_size"

    def forward(self, y_true: Array, logits: Array) -> tuple[Array, Array]:
        greatest = np.maximum.reduce(logits, axis=1, keepdims=True)
        shifted = logits - greatest
        right = pick(shifted, y_true)
        exponentials = np.exp(shifted)
        total = np.add.reduce(exponentials, axis=1)
        y_pred = exponentials / total[:, None]
        values = np.log(total) - right
        return values, y_pred

    def backward(self, scale: float, y_true: Array, y_pred: Array) -> Array:
        return minus_one_hot(y_pred, y_true) * scale
