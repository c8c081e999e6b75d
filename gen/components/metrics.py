"""Metrics: figures over an epoch.  Formulas, names and defaults are those of `keras/src/metrics`.

`y_true` and `y_pred` are (rows, features); metrics of class ids take `y_true` as (rows,).  A step that a mask leaves
out is not a row.  If a mask leaves out every step, a mean is 0, as in Keras.  The generated file contains copies of
`measure` and `result`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np

from gen.components.arguments import Count, Positive, Range, Rate
from gen.components.base import ArgumentError, Loss, Metric, ShapeError, component
from gen.components.kernels import Array, among_greatest, counts_above, interpolated_precision, quotient
from gen.dims import Shape

UNSUPPORTED = {"dtype": "metrics are computed in the model's float type"}


def _called(loss: Loss) -> str:
    return loss.written or type(loss).__name__


def expects_ids(metric: Metric, loss: Loss) -> None:
    """Raise `ShapeError` unless the targets are class ids."""
    if not loss.sparse:
        message = f"{type(metric).__name__} expects class ids as targets, {_called(loss)} takes rows"
        raise ShapeError(message, hint="write `accuracy`, which fits every loss", code="metric-shape")


def expects_rows(metric: Metric, loss: Loss) -> None:
    """Raise `ShapeError` unless the targets have the shape of the predictions."""
    if loss.sparse:
        message = f"{type(metric).__name__} expects targets like the predictions, {_called(loss)} takes class ids"
        raise ShapeError(message, hint="write `accuracy`, which fits every loss", code="metric-shape")


def expects_classes(metric: Metric, shape: Shape) -> None:
    """Raise `ShapeError` unless each row has a number for each class: an output of shape `(batch,)` has none."""
    if len(shape) == 1:
        message = f"{type(metric).__name__} expects a number for each class, got one for each row"
        raise ShapeError(message, hint="write `accuracy`, which fits every loss", code="metric-shape")


def expects_class(class_id: int | None, metric: Metric, shape: Shape) -> None:
    """Raise `ShapeError` if the output has no such class."""
    if class_id is not None and (len(shape) == 1 or not isinstance(shape[-1], int) or class_id >= shape[-1]):
        message = f"{type(metric).__name__} counts class {class_id}, which the output does not have"
        raise ShapeError(message, hint="classes count from 0", code="metric-shape")


def expects_average(average: str | None) -> None:
    """Raise `ArgumentError` if there would be a figure for each class."""
    if average is None:
        raise ArgumentError("average", "a figure is one number: it needs an `average`", 'write `average="macro"`')


def expects_targets(targets: tuple[int, ...], classes: int) -> None:
    """Raise `ArgumentError` unless all are classes."""
    if not targets or min(targets) < 0 or max(targets) >= classes:
        raise ArgumentError("target_class_ids", f"`target_class_ids` are classes from 0 to {classes - 1}")


def expects_scores(metric: Metric, classes: int, ids: bool, as_ids: bool, loss: Loss, shape: Shape) -> None:
    """Raise `ShapeError` unless the output has a score for each class, and the targets are class ids, or one-hot."""
    if as_ids:
        message = f"{type(metric).__name__} would take the output for class ids, and it has scores"
        raise ShapeError(message, hint="write `sparse_y_pred=False`", code="metric-shape")
    if ids:
        expects_ids(metric, loss)
    else:
        expects_rows(metric, loss)
    if shape[-1] != classes:
        message = f"{type(metric).__name__} is for {classes} classes, the output has {shape[-1]}"
        raise ShapeError(message, hint=f"write `num_classes={shape[-1]}`", code="metric-shape")


# ------------------------------------------------------------------------------------------------------------- accuracy


@component
class AccuracyOfLoss(Metric):
    """The share of correct answers: binary, categorical, or sparse, as the loss and the output require.

    The class `Accuracy` of Keras is a different metric.

    Formula: mean(y_true = the class of y_pred)
    Example: Dense(10, softmax)(Input(64))
    """

    word, aliases = "accuracy", ("acc",)
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        if loss.sparse:
            return SparseCategoricalAccuracy(self.log_name)
        binary = len(shape) == 1 or shape[-1] == 1
        return BinaryAccuracy(self.log_name) if binary else CategoricalAccuracy(self.log_name)


@component
class Accuracy(Metric):
    """The share of predictions that equal the target exactly.

    The word `accuracy` means another metric in Keras and here: it compares the class of the prediction.

    Formula: mean(y_true = y_pred)
    """

    word = "Accuracy"
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of predictions that equal the target, and the number of all predictions."""
        return float(np.count_nonzero(np.equal(y_true, y_pred))), float(y_pred.size)

    def result(self, right: float, total: float) -> float:
        """The share of predictions that equal the target; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class BinaryAccuracy(Metric):
    """The share of predictions on the correct side of `threshold`; targets are 0 or 1.

    Formula: mean(y_true = (y_pred > threshold))
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None
    threshold: float = 0.5

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of correct answers, and the number of all answers."""
        right = np.equal(y_pred > self.threshold, y_true)
        return float(np.count_nonzero(right)), float(right.size)

    def result(self, right: float, total: float) -> float:
        """The share of correct answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class CategoricalAccuracy(Metric):
    """The share of rows whose highest score belongs to the target's class; targets are one-hot, (rows, classes).

    Formula: mean(argmax(y_true) = argmax(y_pred))
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of correct answers, and the number of all answers."""
        right = np.equal(y_pred.argmax(axis=1), y_true.argmax(axis=1))
        return float(np.count_nonzero(right)), float(right.size)

    def result(self, right: float, total: float) -> float:
        """The share of correct answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class SparseCategoricalAccuracy(Metric):
    """The share of rows whose highest score belongs to the target's class; targets are class ids, (rows,).

    Formula: mean(y_true = argmax(y_pred))
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_ids(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of correct answers, and the number of all answers."""
        right = np.equal(y_pred.argmax(axis=1), y_true)
        return float(np.count_nonzero(right)), float(right.size)

    def result(self, right: float, total: float) -> float:
        """The share of correct answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class TopKCategoricalAccuracy(Metric):
    """The share of rows whose class is among the k highest scores; targets are one-hot, (rows, classes).

    Formula: mean(argmax(y_true) in the k greatest of y_pred)
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = UNSUPPORTED

    k: Count = 5
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of correct answers, and the number of all answers."""
        chosen = np.take_along_axis(y_pred, y_true.argmax(axis=1)[:, None], axis=1)
        greater = np.count_nonzero(y_pred > chosen, axis=1)
        return float(np.count_nonzero(greater < self.k)), float(len(y_pred))

    def result(self, right: float, total: float) -> float:
        """The share of correct answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class SparseTopKCategoricalAccuracy(Metric):
    """The share of rows whose class is among the k highest scores; targets are class ids, (rows,).

    Formula: mean(y_true in the k greatest of y_pred)
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = {**UNSUPPORTED, "from_sorted_ids": "gen's outputs are scores, not ids"}

    k: Count = 5
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_ids(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of correct answers, and the number of all answers."""
        chosen = np.take_along_axis(y_pred, y_true[:, None], axis=1)
        greater = np.count_nonzero(y_pred > chosen, axis=1)
        return float(np.count_nonzero(greater < self.k)), float(len(y_pred))

    def result(self, right: float, total: float) -> float:
        """The share of correct answers; 0 if nothing counts."""
        return right / max(total, 1.0)


# ---------------------------------------------------------------------------------------------------------- differences


@component
class MeanSquaredError(Metric):
    """The mean of the squared errors.

    Formula: mean((y_pred - y_true)²)
    """

    aliases = ("mse", "MSE")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the squared errors, and the number of errors."""
        error = y_pred - y_true
        return float(np.vdot(error, error)), float(y_pred.size)

    def result(self, squares: float, total: float) -> float:
        """The mean squared error; 0 if nothing counts."""
        return squares / max(total, 1.0)


@component
class RootMeanSquaredError(Metric):
    """The square root of the mean of the squared errors, in the unit of the targets.

    Formula: √mean((y_pred - y_true)²)
    """

    aliases = ("rmse",)
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the squared errors, and the number of errors."""
        error = y_pred - y_true
        return float(np.vdot(error, error)), float(y_pred.size)

    def result(self, squares: float, total: float) -> float:
        """The square root of the mean squared error; 0 if nothing counts."""
        return math.sqrt(squares / max(total, 1.0))


@component
class MeanAbsoluteError(Metric):
    """The mean of the absolute errors, in the unit of the targets.

    Formula: mean(|y_pred - y_true|)
    """

    aliases = ("mae", "MAE")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the absolute errors, and the number of errors."""
        return float(np.add.reduce(np.abs(y_pred - y_true), axis=None)), float(y_pred.size)

    def result(self, errors: float, total: float) -> float:
        """The mean absolute error; 0 if nothing counts."""
        return errors / max(total, 1.0)


@component
class MeanAbsolutePercentageError(Metric):
    """The mean of the absolute errors as percentages of the targets.

    A target closer to 0 than 1e-7 counts as 1e-7.

    Formula: 100 · mean(|y_pred - y_true| / |y_true|)
    """

    aliases = ("mape", "MAPE")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the relative errors, and the number of errors."""
        error = np.abs((y_pred - y_true) / np.maximum(np.abs(y_true), 1e-7))
        return float(np.add.reduce(error, axis=None)), float(y_pred.size)

    def result(self, errors: float, total: float) -> float:
        """The mean absolute error as a percentage; 0 if nothing counts."""
        return 100.0 * errors / max(total, 1.0)


@component
class MeanSquaredLogarithmicError(Metric):
    """The mean of the squared errors of log(1 + y); negative numbers count as 0.

    Formula: mean((log(1 + y_pred) - log(1 + y_true))²)
    Example: Dense(1, softplus)(Input(64))
    """

    aliases = ("msle", "MSLE")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the squared errors of the logarithms, and the number of errors."""
        error = np.log1p(np.maximum(y_pred, 1e-7)) - np.log1p(np.maximum(y_true, 1e-7))
        return float(np.vdot(error, error)), float(y_pred.size)

    def result(self, squares: float, total: float) -> float:
        """The mean squared error of the logarithms; 0 if nothing counts."""
        return squares / max(total, 1.0)


@component
class LogCoshError(Metric):
    """The mean of log(cosh(e)), e the error.

    Formula: mean(log(cosh(y_pred - y_true)))
    """

    logged = "logcosh"
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the values, and the number of errors."""
        error = y_pred - y_true
        values = np.logaddexp(error, -error) - math.log(2.0)
        return float(np.add.reduce(values, axis=None)), float(y_pred.size)

    def result(self, values: float, total: float) -> float:
        """The mean; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class Poisson(Metric):
    """The loss of predicted rates; targets are counts, 0 or more.

    Formula: mean(y_pred - y_true · log(y_pred))
    Example: Dense(1, softplus)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the values, and the number of predictions."""
        values = y_pred - y_true * np.log(y_pred + 1e-7)
        return float(np.add.reduce(values, axis=None)), float(y_pred.size)

    def result(self, values: float, total: float) -> float:
        """The mean; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class CosineSimilarity(Metric):
    """The mean cosine of the angle between y_true and y_pred; 0 if one of them is 0.

    Formula: mean(Σ y_true · y_pred / √(Σ y_true² · Σ y_pred²))
    Example: Dense(10)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the cosines, and the number of rows."""
        products = np.add.reduce(y_true * y_pred, axis=1)
        square = np.add.reduce(y_true * y_true, axis=1) * np.add.reduce(y_pred * y_pred, axis=1)
        return float(np.add.reduce(quotient(products, np.sqrt(square)))), float(len(y_pred))

    def result(self, cosines: float, total: float) -> float:
        """The mean cosine; 0 if nothing counts."""
        return cosines / max(total, 1.0)


@component
class PearsonCorrelation(Metric):
    """The mean correlation of the targets and the predictions of a row (Pearson, 1895).

    Formula: mean(cov(y_true, y_pred) / (σ(y_true) · σ(y_pred)))
    Example: Dense(10)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the correlations, and the number of rows."""
        true = y_true - np.mean(y_true, axis=1, keepdims=True)
        pred = y_pred - np.mean(y_pred, axis=1, keepdims=True)
        square = np.add.reduce(true * true, axis=1) * np.add.reduce(pred * pred, axis=1)
        values = np.add.reduce(true * pred, axis=1) / np.sqrt(square)
        return float(np.add.reduce(values)), float(len(y_pred))

    def result(self, correlations: float, total: float) -> float:
        """The mean correlation; 0 if nothing counts."""
        return correlations / max(total, 1.0)


@component
class ConcordanceCorrelation(Metric):
    """The mean agreement of the targets and the predictions of a row: correlation, mean, and scale (Lin, 1989).

    Formula: mean(2 · cov(y_true, y_pred) / (σ²(y_true) + σ²(y_pred) + (μ(y_true) - μ(y_pred))²))
    Example: Dense(10)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the agreements, and the number of rows."""
        true, pred = np.mean(y_true, axis=1, keepdims=True), np.mean(y_pred, axis=1, keepdims=True)
        covariance = np.mean((y_true - pred) * (y_pred - pred), axis=1)
        norm = np.var(y_true, axis=1) + np.var(y_pred, axis=1) + (true - pred)[:, 0] ** 2
        return float(np.add.reduce(2.0 * covariance / (norm + 1e-7))), float(len(y_pred))

    def result(self, agreements: float, total: float) -> float:
        """The mean agreement; 0 if nothing counts."""
        return agreements / max(total, 1.0)


@component
class R2Score(Metric):
    """The share of the variance of the targets that the predictions explain, of each output, averaged.

    `num_regressors` adjusts it for the number of inputs.

    Formula: 1 - Σ (y_true - y_pred)² / Σ (y_true - mean(y_true))²
    """

    unsupported = UNSUPPORTED

    class_aggregation: Literal["uniform_average", "variance_weighted_average"] = "uniform_average"
    num_regressors: Annotated[int, Range(0)] = 0
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array, Array, Array, float]:
        """The sums of the targets, of their squares, and of the squared errors, and the number of rows."""
        true, error = y_true.astype(np.float64), y_true.astype(np.float64) - y_pred
        sums = [np.add.reduce(each, axis=0) for each in (true, true * true, error * error)]
        return sums[0], sums[1], sums[2], float(len(y_true))

    def result(self, sums: Array, squares: Array, errors: Array, rows: float) -> float:
        """The explained share of the variance; 0 if nothing counts."""
        variance = squares - sums * (sums / max(rows, 1.0))
        scores = np.where(variance == 0.0, 0.0, 1.0 - quotient(errors, variance))
        score = float(np.mean(scores))
        if self.class_aggregation == "variance_weighted_average":
            score = float(np.vdot(variance, scores) / np.add.reduce(variance))
        samples = rows * sums.size
        if 0 < self.num_regressors < samples - 1:
            score = 1.0 - (1.0 - score) * (samples - 1.0) / (samples - self.num_regressors - 1.0)
        return score


# ------------------------------------------------------------------------------------------------------- crossentropies


@component
class BinaryCrossentropy(Metric):
    """The mean crossentropy of yes-or-no predictions; targets are 0, 1, or between.

    Formula: mean(-y_true · log(y_pred) - (1 - y_true) · log(1 - y_pred))
    Example: Dense(1, sigmoid)(Input(64))
    """

    aliases = ("bce", "BCE")
    unsupported = UNSUPPORTED

    name: str | None = None
    from_logits: bool = False
    label_smoothing: Rate = 0.0

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the crossentropies, and the number of predictions."""
        if self.label_smoothing != 0.0:
            y_true = y_true * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        if self.from_logits:
            values = y_pred * y_true - np.logaddexp(0.0, y_pred)
        else:
            p = np.clip(y_pred, 1e-7, 1 - 1e-7)
            values = y_true * np.log(p) + (1.0 - y_true) * np.log(1.0 - p)
        return -float(np.add.reduce(values, axis=None)), float(y_pred.size)

    def result(self, values: float, total: float) -> float:
        """The mean crossentropy; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class CategoricalCrossentropy(Metric):
    """The mean crossentropy over the classes; targets are probabilities, (rows, classes).

    Formula: mean(-Σ y_true · log(y_pred))
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None
    from_logits: bool = False
    label_smoothing: Rate = 0.0
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the crossentropies, and the number of rows."""
        if self.label_smoothing != 0.0:
            y_true = y_true * (1.0 - self.label_smoothing) + self.label_smoothing / y_pred.shape[1]
        if self.from_logits:
            shifted = y_pred - y_pred.max(axis=1, keepdims=True)
            logs = shifted - np.log(np.add.reduce(np.exp(shifted), axis=1, keepdims=True))
        else:
            logs = np.log(np.clip(y_pred / np.add.reduce(y_pred, axis=1, keepdims=True), 1e-7, 1 - 1e-7))
        return -float(np.add.reduce(y_true * logs, axis=None)), float(len(y_pred))

    def result(self, values: float, total: float) -> float:
        """The mean crossentropy; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class SparseCategoricalCrossentropy(Metric):
    """The mean crossentropy over the classes; targets are class ids, (rows,).

    Formula: mean(-log(y_pred[y_true]))
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = {**UNSUPPORTED, "ignore_class": "leave such rows out"}

    name: str | None = None
    from_logits: bool = False
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_ids(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the crossentropies, and the number of rows."""
        chosen = np.take_along_axis(y_pred, y_true[:, None], axis=1)[:, 0]
        if self.from_logits:
            most = y_pred.max(axis=1)
            logs = chosen - most - np.log(np.add.reduce(np.exp(y_pred - most[:, None]), axis=1))
        else:
            logs = np.log(np.clip(chosen / np.add.reduce(y_pred, axis=1), 1e-7, 1 - 1e-7))
        return -float(np.add.reduce(logs)), float(len(y_pred))

    def result(self, values: float, total: float) -> float:
        """The mean crossentropy; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class KLDivergence(Metric):
    """The divergence of the predictions from the targets; both are probabilities.

    Formula: mean(Σ y_true · log(y_true / y_pred))
    Example: Dense(10, softmax)(Input(64))
    """

    aliases = ("kld", "KLD", "kullback_leibler_divergence")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the divergences, and the number of rows."""
        true, pred = np.clip(y_true, 1e-7, 1.0), np.clip(y_pred, 1e-7, 1.0)
        return float(np.add.reduce(true * np.log(true / pred), axis=None)), float(len(y_pred))

    def result(self, values: float, total: float) -> float:
        """The mean; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class Hinge(Metric):
    """The mean distance by which predictions miss the margin of 1; targets are -1 or 1, or else 0 or 1.

    Formula: mean(max(1 - y_true · y_pred, 0))
    Example: Dense(1, tanh)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the distances, and the number of predictions."""
        binary = bool(np.logical_or(y_true == 0.0, y_true == 1.0).all())
        margin = np.maximum(1.0 - (2.0 * y_true - 1.0 if binary else y_true) * y_pred, 0.0)
        return float(np.add.reduce(margin, axis=None)), float(y_pred.size)

    def result(self, values: float, total: float) -> float:
        """The mean; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class SquaredHinge(Metric):
    """The mean of the squared distances by which predictions miss the margin of 1; targets are as for `hinge`.

    Formula: mean(max(1 - y_true · y_pred, 0)²)
    Example: Dense(1, tanh)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the squared distances, and the number of predictions."""
        binary = bool(np.logical_or(y_true == 0.0, y_true == 1.0).all())
        margin = np.maximum(1.0 - (2.0 * y_true - 1.0 if binary else y_true) * y_pred, 0.0)
        return float(np.vdot(margin, margin)), float(y_pred.size)

    def result(self, values: float, total: float) -> float:
        """The mean; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class CategoricalHinge(Metric):
    """The mean distance by which the score of the target's class misses a margin of 1 over the others.

    Formula: mean(max(1 + max((1 - y_true) · y_pred) - Σ y_true · y_pred, 0))
    Example: Dense(10)(Input(64))
    """

    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the distances, and the number of rows."""
        right = np.add.reduce(y_true * y_pred, axis=1)
        wrong = np.maximum.reduce((1.0 - y_true) * y_pred, axis=1)
        return float(np.add.reduce(np.maximum(wrong - right + 1.0, 0.0))), float(len(y_pred))

    def result(self, values: float, total: float) -> float:
        """The mean; 0 if nothing counts."""
        return values / max(total, 1.0)


# ------------------------------------------------------------------------------------------------------------ retrieval


@component
class Precision(Metric):
    """The share of positive predictions that are correct; a prediction above the threshold is positive.

    The threshold is 0.5 by default.  `top_k` counts the k highest of a row alone, and without a threshold all of them;
    `class_id` one column alone.  The result is 0 if no prediction is positive.

    Formula: true positives / (true positives + false positives)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    thresholds: Annotated[float, Range(0, 1)] | None = None
    top_k: Count | None = None
    class_id: Annotated[int, Range(0)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_class(self.class_id, self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of positive predictions that are correct, and of all positive predictions."""
        positive = y_pred > (0.5 if self.thresholds is None else self.thresholds)
        if self.top_k is not None:
            among = among_greatest(y_pred, self.top_k)
            positive = among if self.thresholds is None else np.logical_and(positive, among)
        if self.class_id is not None:
            y_true, positive = y_true[:, self.class_id], positive[:, self.class_id]
        return float(np.count_nonzero(np.logical_and(positive, y_true))), float(np.count_nonzero(positive))

    def result(self, right: float, positive: float) -> float:
        """The share of positive predictions that are correct; 0 if there are none."""
        return right / positive if positive else 0.0


@component
class Recall(Metric):
    """The share of positive targets that the model finds; it finds those with a prediction above the threshold.

    The threshold is 0.5 by default.  `top_k` counts the k highest of a row alone, and without a threshold all of them;
    `class_id` one column alone.  The result is 0 if no target is positive.

    Formula: true positives / (true positives + false negatives)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    thresholds: Annotated[float, Range(0, 1)] | None = None
    top_k: Count | None = None
    class_id: Annotated[int, Range(0)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_class(self.class_id, self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of positive predictions that are correct, and the number of positive targets."""
        positive = y_pred > (0.5 if self.thresholds is None else self.thresholds)
        if self.top_k is not None:
            among = among_greatest(y_pred, self.top_k)
            positive = among if self.thresholds is None else np.logical_and(positive, among)
        if self.class_id is not None:
            y_true, positive = y_true[:, self.class_id], positive[:, self.class_id]
        return float(np.count_nonzero(np.logical_and(positive, y_true))), float(np.count_nonzero(y_true))

    def result(self, right: float, wanted: float) -> float:
        """The share of positive targets that were found; 0 if there are none."""
        return right / wanted if wanted else 0.0


@component
class TruePositives(Metric):
    """The number of positive predictions that are correct; positive is what is above the threshold, 0.5 by default.

    Formula: Σ (y_pred > threshold and y_true)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    thresholds: Annotated[float, Range(0, 1)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float]:
        """The number of positive predictions that are correct."""
        positive, true = y_pred > (0.5 if self.thresholds is None else self.thresholds), y_true != 0.0
        return (float(np.count_nonzero(np.logical_and(positive, true))),)

    def result(self, count: float) -> float:
        """The number of positive predictions that are correct."""
        return count


@component
class FalsePositives(Metric):
    """The number of positive predictions that are wrong; positive is what is above the threshold, 0.5 by default.

    Formula: Σ (y_pred > threshold and not y_true)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    thresholds: Annotated[float, Range(0, 1)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float]:
        """The number of positive predictions that are wrong."""
        positive, true = y_pred > (0.5 if self.thresholds is None else self.thresholds), y_true != 0.0
        return (float(np.count_nonzero(np.logical_and(positive, ~true))),)

    def result(self, count: float) -> float:
        """The number of positive predictions that are wrong."""
        return count


@component
class TrueNegatives(Metric):
    """The number of negative predictions that are correct; positive is what is above the threshold, 0.5 by default.

    Formula: Σ (y_pred <= threshold and not y_true)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    thresholds: Annotated[float, Range(0, 1)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float]:
        """The number of negative predictions that are correct."""
        positive, true = y_pred > (0.5 if self.thresholds is None else self.thresholds), y_true != 0.0
        return (float(np.count_nonzero(~np.logical_or(positive, true))),)

    def result(self, count: float) -> float:
        """The number of negative predictions that are correct."""
        return count


@component
class FalseNegatives(Metric):
    """The number of negative predictions that are wrong; positive is what is above the threshold, 0.5 by default.

    Formula: Σ (y_pred <= threshold and y_true)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    thresholds: Annotated[float, Range(0, 1)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float]:
        """The number of negative predictions that are wrong."""
        positive, true = y_pred > (0.5 if self.thresholds is None else self.thresholds), y_true != 0.0
        return (float(np.count_nonzero(np.logical_and(~positive, true))),)

    def result(self, count: float) -> float:
        """The number of negative predictions that are wrong."""
        return count


class AtThresholds(Metric):
    """What is reached at the best of evenly spaced thresholds."""

    num_thresholds: int
    class_id: int | None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_class(self.class_id, self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """For each threshold, the number of correct and of wrong predictions above it."""
        if self.class_id is not None:
            y_true, y_pred = y_true[:, self.class_id], y_pred[:, self.class_id]
        positive = np.not_equal(y_true, 0.0)
        right = counts_above(y_pred[positive], self.num_thresholds)
        wrong = counts_above(y_pred[np.logical_not(positive)], self.num_thresholds)
        return right, wrong


@component
class SensitivityAtSpecificity(AtThresholds):
    """The largest sensitivity at a threshold whose specificity is at least as asked for.

    There are `num_thresholds` evenly spaced thresholds; `class_id` names the only column that counts.

    Formula: max TP / (TP + FN) where TN / (TN + FP) >= specificity
    Example: Dense(1, sigmoid)(Input(64)); sensitivity_at_specificity(0.8)
    """

    unsupported = UNSUPPORTED

    specificity: Annotated[float, Range(0, 1)]
    num_thresholds: Annotated[int, Range(2)] = 200
    class_id: Annotated[int, Range(0)] | None = None
    name: str | None = None

    def result(self, right: Array, wrong: Array) -> float:
        """The largest sensitivity at a threshold whose specificity is at least as asked for; 0 if there is none."""
        held, reached = quotient(wrong[0] - wrong, wrong[0]), quotient(right, right[0])
        return float(reached[held >= self.specificity].max(initial=0.0))


@component
class SpecificityAtSensitivity(AtThresholds):
    """The largest specificity at a threshold whose sensitivity is at least as asked for.

    There are `num_thresholds` evenly spaced thresholds; `class_id` names the only column that counts.

    Formula: max TN / (TN + FP) where TP / (TP + FN) >= sensitivity
    Example: Dense(1, sigmoid)(Input(64)); specificity_at_sensitivity(0.8)
    """

    unsupported = UNSUPPORTED

    sensitivity: Annotated[float, Range(0, 1)]
    num_thresholds: Annotated[int, Range(2)] = 200
    class_id: Annotated[int, Range(0)] | None = None
    name: str | None = None

    def result(self, right: Array, wrong: Array) -> float:
        """The largest specificity at a threshold whose sensitivity is at least as asked for; 0 if there is none."""
        held, reached = quotient(right, right[0]), quotient(wrong[0] - wrong, wrong[0])
        return float(reached[held >= self.sensitivity].max(initial=0.0))


@component
class PrecisionAtRecall(AtThresholds):
    """The largest precision at a threshold whose recall is at least as asked for.

    There are `num_thresholds` evenly spaced thresholds; `class_id` names the only column that counts.

    Formula: max TP / (TP + FP) where TP / (TP + FN) >= recall
    Example: Dense(1, sigmoid)(Input(64)); precision_at_recall(0.8)
    """

    unsupported = UNSUPPORTED

    recall: Annotated[float, Range(0, 1)]
    num_thresholds: Annotated[int, Range(2)] = 200
    class_id: Annotated[int, Range(0)] | None = None
    name: str | None = None

    def result(self, right: Array, wrong: Array) -> float:
        """The largest precision at a threshold whose recall is at least as asked for; 0 if there is none."""
        held, reached = quotient(right, right[0]), quotient(right, right + wrong)
        return float(reached[held >= self.recall].max(initial=0.0))


@component
class RecallAtPrecision(AtThresholds):
    """The largest recall at a threshold whose precision is at least as asked for.

    There are `num_thresholds` evenly spaced thresholds; `class_id` names the only column that counts.

    Formula: max TP / (TP + FN) where TP / (TP + FP) >= precision
    Example: Dense(1, sigmoid)(Input(64)); recall_at_precision(0.8)
    """

    unsupported = UNSUPPORTED

    precision: Annotated[float, Range(0, 1)]
    num_thresholds: Annotated[int, Range(2)] = 200
    class_id: Annotated[int, Range(0)] | None = None
    name: str | None = None

    def result(self, right: Array, wrong: Array) -> float:
        """The largest recall at a threshold whose precision is at least as asked for; 0 if there is none."""
        held, reached = quotient(right, right + wrong), quotient(right, right[0])
        return float(reached[held >= self.precision].max(initial=0.0))


@component
class AUC(Metric):
    """The area under a curve: true over false positives (ROC), or precision over recall (PR).

    The curve has points at `num_thresholds` evenly spaced thresholds.  Between two points, gen interpolates (for PR, as
    in Davis and Goadrich, 2006), or takes the lower value (minoring) or the higher value (majoring).

    Formula: ∫ tpr · d(fpr), or ∫ precision · d(recall) for PR
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = {
        **UNSUPPORTED,
        "thresholds": "gen spaces the thresholds evenly; num_thresholds says how many there are",
        "multi_label": "gen counts all labels together; give each label its own output",
        "num_labels": "it belongs to multi_label",
        "label_weights": "it belongs to multi_label",
        "from_logits": "gen computes metrics from the output of the model; give the output its activation",
    }

    num_thresholds: Annotated[int, Range(2)] = 200
    curve: Literal["ROC", "PR"] = "ROC"
    summation_method: Literal["interpolation", "minoring", "majoring"] = "interpolation"
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """For each threshold, the number of correct and of wrong predictions above it."""
        positive = np.not_equal(y_true, 0.0)
        right = counts_above(y_pred[positive], self.num_thresholds)
        wrong = counts_above(y_pred[np.logical_not(positive)], self.num_thresholds)
        return right, wrong

    def result(self, right: Array, wrong: Array) -> float:
        """The area under the curve."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return interpolated_precision(right, wrong)
        recall = quotient(right, right[0])
        x, y = (quotient(wrong, wrong[0]), recall) if self.curve == "ROC" else (recall, quotient(right, right + wrong))
        if self.summation_method == "minoring":
            heights = np.minimum(y[:-1], y[1:])
        elif self.summation_method == "majoring":
            heights = np.maximum(y[:-1], y[1:])
        else:
            heights = (y[:-1] + y[1:]) / 2.0
        return float(np.add.reduce((x[:-1] - x[1:]) * heights))


@component
class F1Score(Metric):
    """The harmonic mean of precision and recall of each class, averaged as `average` says.

    Predictions above `threshold` are positive; without it, the highest of each row.

    Formula: 2 · precision · recall / (precision + recall)
    Example: Dense(10, softmax)(Input(64)); f1_score(average="macro")
    """

    unsupported = UNSUPPORTED

    average: Literal["micro", "macro", "weighted"] | None = None
    threshold: Annotated[float, Range(0, 1, "low")] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        expects_average(self.average)

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array, Array, Array]:
        """For each class, the positive predictions that are correct, all of them, and the positive targets."""
        if self.threshold is None:
            positive = np.logical_and(y_pred >= y_pred.max(axis=1, keepdims=True), np.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        right = np.add.reduce(positive * y_true, axis=0, dtype=np.float64)
        return right, np.add.reduce(positive, axis=0, dtype=np.float64), np.add.reduce(y_true, axis=0, dtype=np.float64)

    def result(self, right: Array, found: Array, wanted: Array) -> float:
        """The mean over the classes."""
        weights = wanted / (np.add.reduce(wanted) + 1e-7)
        if self.average == "micro":
            right, found, wanted = (np.add.reduce(each, keepdims=True) for each in (right, found, wanted))
        precision, recall = right / (found + 1e-7), right / (wanted + 1e-7)
        scores = 2.0 * precision * recall / (precision + recall + 1e-7)
        return float(np.vdot(scores, weights) if self.average == "weighted" else np.mean(scores))


@component
class FBetaScore(Metric):
    """The harmonic mean of precision and recall, which counts `beta` times, of each class, averaged as `average` says.

    Predictions above `threshold` are positive; without it, the highest of each row.

    Formula: (1 + beta²) · precision · recall / (beta² · precision + recall)
    Example: Dense(10, softmax)(Input(64)); f_beta_score(average="macro", beta=2.0)
    """

    logged = "fbeta_score"
    unsupported = UNSUPPORTED

    average: Literal["micro", "macro", "weighted"] | None = None
    beta: Positive = 1.0
    threshold: Annotated[float, Range(0, 1, "low")] | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        expects_average(self.average)

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array, Array, Array]:
        """For each class, the positive predictions that are correct, all of them, and the positive targets."""
        if self.threshold is None:
            positive = np.logical_and(y_pred >= y_pred.max(axis=1, keepdims=True), np.abs(y_pred) > 1e-9)
        else:
            positive = y_pred > self.threshold
        right = np.add.reduce(positive * y_true, axis=0, dtype=np.float64)
        return right, np.add.reduce(positive, axis=0, dtype=np.float64), np.add.reduce(y_true, axis=0, dtype=np.float64)

    def result(self, right: Array, found: Array, wanted: Array) -> float:
        """The mean over the classes."""
        weights = wanted / (np.add.reduce(wanted) + 1e-7)
        if self.average == "micro":
            right, found, wanted = (np.add.reduce(each, keepdims=True) for each in (right, found, wanted))
        precision, recall = right / (found + 1e-7), right / (wanted + 1e-7)
        scores = (1.0 + self.beta**2) * precision * recall / (self.beta**2 * precision + recall + 1e-7)
        return float(np.vdot(scores, weights) if self.average == "weighted" else np.mean(scores))


# ------------------------------------------------------------------------------------------------------------- overlaps


@component
class IoU(Metric):
    """The overlap of targets and predictions, over their union, of some classes; of scores, with `sparse_y_pred=False`.

    Formula: mean(TP / (TP + FP + FN)) over the classes that occur
    Example: Dense(10, softmax)(Input(64)); io_u(10, (0, 1), sparse_y_pred=False)
    """

    unsupported = UNSUPPORTED

    num_classes: Annotated[int, Range(2)]
    target_class_ids: tuple[int, ...]
    name: str | None = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: Literal[-1] = -1

    def __post_init__(self) -> None:
        expects_targets(self.target_class_ids, self.num_classes)

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_scores(self, self.num_classes, self.sparse_y_true, self.sparse_y_pred, loss, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array]:
        """How many rows of each class, a row of the table, were taken for each, a column."""
        pred = y_pred.argmax(axis=1)
        true = y_true if y_true.ndim == 1 else y_true.argmax(axis=1)
        valid = true < self.num_classes
        if self.ignore_class is not None:
            valid = np.logical_and(valid, true != self.ignore_class)
        pairs = true[valid] * self.num_classes + pred[valid]
        return (np.bincount(pairs, minlength=self.num_classes**2).reshape(self.num_classes, -1).astype(np.float64),)

    def result(self, table: Array) -> float:
        """The mean over the classes that occur; 0 if none does."""
        both = np.diagonal(table).astype(np.float32)  # as Keras has it
        either = (np.add.reduce(table, axis=0) + np.add.reduce(table, axis=1)).astype(np.float32) - both
        both, either = both[list(self.target_class_ids)], either[list(self.target_class_ids)]
        shares, some = both / (either + np.float32(1e-7)), np.float32(np.count_nonzero(either))
        return float(np.add.reduce(shares) / (some + np.float32(1e-7)))


@component
class MeanIoU(Metric):
    """The mean over the classes of the overlap of targets and predictions, over their union (`sparse_y_pred=False`).

    Formula: mean(TP / (TP + FP + FN)) over the classes that occur
    Example: Dense(10, softmax)(Input(64)); mean_io_u(10, sparse_y_pred=False)
    """

    unsupported = UNSUPPORTED

    num_classes: Annotated[int, Range(2)]
    name: str | None = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_scores(self, self.num_classes, self.sparse_y_true, self.sparse_y_pred, loss, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array]:
        """How many rows of each class, a row of the table, were taken for each, a column."""
        pred = y_pred.argmax(axis=1)
        true = y_true if y_true.ndim == 1 else y_true.argmax(axis=1)
        valid = true < self.num_classes
        if self.ignore_class is not None:
            valid = np.logical_and(valid, true != self.ignore_class)
        pairs = true[valid] * self.num_classes + pred[valid]
        return (np.bincount(pairs, minlength=self.num_classes**2).reshape(self.num_classes, -1).astype(np.float64),)

    def result(self, table: Array) -> float:
        """The mean over the classes that occur; 0 if none does."""
        both = np.diagonal(table).astype(np.float32)  # as Keras has it
        either = (np.add.reduce(table, axis=0) + np.add.reduce(table, axis=1)).astype(np.float32) - both
        shares, some = both / (either + np.float32(1e-7)), np.float32(np.count_nonzero(either))
        return float(np.add.reduce(shares) / (some + np.float32(1e-7)))


@component
class OneHotIoU(Metric):
    """IoU of one-hot targets.

    Formula: mean(TP / (TP + FP + FN)) over the classes that occur
    Example: Dense(10, softmax)(Input(64)); one_hot_io_u(10, (0, 1))
    """

    unsupported = UNSUPPORTED

    num_classes: Annotated[int, Range(2)]
    target_class_ids: tuple[int, ...]
    name: str | None = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: Literal[-1] = -1

    def __post_init__(self) -> None:
        expects_targets(self.target_class_ids, self.num_classes)

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_scores(self, self.num_classes, False, self.sparse_y_pred, loss, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array]:
        """How many rows of each class, a row of the table, were taken for each, a column."""
        pred = y_pred.argmax(axis=1)
        true = y_true if y_true.ndim == 1 else y_true.argmax(axis=1)
        valid = true < self.num_classes
        if self.ignore_class is not None:
            valid = np.logical_and(valid, true != self.ignore_class)
        pairs = true[valid] * self.num_classes + pred[valid]
        return (np.bincount(pairs, minlength=self.num_classes**2).reshape(self.num_classes, -1).astype(np.float64),)

    def result(self, table: Array) -> float:
        """The mean over the classes that occur; 0 if none does."""
        both = np.diagonal(table).astype(np.float32)  # as Keras has it
        either = (np.add.reduce(table, axis=0) + np.add.reduce(table, axis=1)).astype(np.float32) - both
        both, either = both[list(self.target_class_ids)], either[list(self.target_class_ids)]
        shares, some = both / (either + np.float32(1e-7)), np.float32(np.count_nonzero(either))
        return float(np.add.reduce(shares) / (some + np.float32(1e-7)))


@component
class OneHotMeanIoU(Metric):
    """MeanIoU of one-hot targets.

    Formula: mean(TP / (TP + FP + FN)) over the classes that occur
    Example: Dense(10, softmax)(Input(64)); one_hot_mean_io_u(10)
    """

    unsupported = UNSUPPORTED

    num_classes: Annotated[int, Range(2)]
    name: str | None = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_scores(self, self.num_classes, False, self.sparse_y_pred, loss, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array]:
        """How many rows of each class, a row of the table, were taken for each, a column."""
        pred = y_pred.argmax(axis=1)
        true = y_true if y_true.ndim == 1 else y_true.argmax(axis=1)
        valid = true < self.num_classes
        if self.ignore_class is not None:
            valid = np.logical_and(valid, true != self.ignore_class)
        pairs = true[valid] * self.num_classes + pred[valid]
        return (np.bincount(pairs, minlength=self.num_classes**2).reshape(self.num_classes, -1).astype(np.float64),)

    def result(self, table: Array) -> float:
        """The mean over the classes that occur; 0 if none does."""
        both = np.diagonal(table).astype(np.float32)  # as Keras has it
        either = (np.add.reduce(table, axis=0) + np.add.reduce(table, axis=1)).astype(np.float32) - both
        shares, some = both / (either + np.float32(1e-7)), np.float32(np.count_nonzero(either))
        return float(np.add.reduce(shares) / (some + np.float32(1e-7)))


@component
class BinaryIoU(Metric):
    """IoU of yes or no; a prediction from `threshold` on is a yes.

    Formula: mean(TP / (TP + FP + FN)) over the classes that occur
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = UNSUPPORTED

    target_class_ids: tuple[int, ...] = (0, 1)
    threshold: float = 0.5
    name: str | None = None

    def __post_init__(self) -> None:
        expects_targets(self.target_class_ids, 2)

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array]:
        """How many rows of each class, a row of the table, were taken for each, a column."""
        pred = (y_pred >= self.threshold).reshape(-1).astype(np.intp)
        true = y_true.reshape(-1).astype(np.intp)
        valid = np.logical_and(true >= 0, true < 2)
        pairs = true[valid] * 2 + pred[valid]
        return (np.bincount(pairs, minlength=2**2).reshape(2, -1).astype(np.float64),)

    def result(self, table: Array) -> float:
        """The mean over the classes that occur; 0 if none does."""
        both = np.diagonal(table).astype(np.float32)  # as Keras has it
        either = (np.add.reduce(table, axis=0) + np.add.reduce(table, axis=1)).astype(np.float32) - both
        both, either = both[list(self.target_class_ids)], either[list(self.target_class_ids)]
        shares, some = both / (either + np.float32(1e-7)), np.float32(np.count_nonzero(either))
        return float(np.add.reduce(shares) / (some + np.float32(1e-7)))
