"""Metrics: figures over an epoch.  Formulas, names and defaults are those of `keras/src/metrics`.

`y_true` and `y_pred` are (rows, features); metrics of class ids take `y_true` as (rows,).  A step that a mask leaves
out is not a row.  If a mask leaves out every step, a mean is 0, as in Keras.  The generated file contains copies of
`measure` and `result`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np

from gen.components.arguments import Count, Range
from gen.components.base import Loss, Metric, ShapeError, component
from gen.components.kernels import Array, counts_above, interpolated_precision, quotient
from gen.dims import Shape

UNSUPPORTED = {"dtype": "metrics are computed in the model's float type"}
PROBABILITIES = {
    **UNSUPPORTED,
    "from_logits": "gen computes metrics from the output of the model; give the output its activation",
    "label_smoothing": "only the loss smooths targets; a metric of smoothed targets is hard to read",
}


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


# ------------------------------------------------------------------------------------------------------- crossentropies


@component
class BinaryCrossentropy(Metric):
    """The mean crossentropy of yes-or-no predictions; targets are 0, 1, or between.

    Formula: mean(-y_true · log(y_pred) - (1 - y_true) · log(1 - y_pred))
    Example: Dense(1, sigmoid)(Input(64))
    """

    aliases = ("bce", "BCE")
    unsupported = PROBABILITIES

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the crossentropies, and the number of predictions."""
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

    unsupported = PROBABILITIES

    name: str | None = None
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the crossentropies, and the number of rows."""
        p = np.clip(y_pred / np.add.reduce(y_pred, axis=1, keepdims=True), 1e-7, 1 - 1e-7)
        return -float(np.add.reduce(y_true * np.log(p), axis=None)), float(len(y_pred))

    def result(self, values: float, total: float) -> float:
        """The mean crossentropy; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class SparseCategoricalCrossentropy(Metric):
    """The mean crossentropy over the classes; targets are class ids, (rows,).

    Formula: mean(-log(y_pred[y_true]))
    Example: Dense(10, softmax)(Input(64))
    """

    unsupported = {**PROBABILITIES, "ignore_class": "leave such rows out"}

    name: str | None = None
    axis: Literal[-1] = -1

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_ids(self, loss)
        expects_classes(self, shape)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of the crossentropies, and the number of rows."""
        chosen = np.take_along_axis(y_pred, y_true[:, None], axis=1)[:, 0] / np.add.reduce(y_pred, axis=1)
        return -float(np.add.reduce(np.log(np.clip(chosen, 1e-7, 1 - 1e-7)))), float(len(y_pred))

    def result(self, values: float, total: float) -> float:
        """The mean crossentropy; 0 if nothing counts."""
        return values / max(total, 1.0)


# ------------------------------------------------------------------------------------------------------------ retrieval

SELECTION = {
    **UNSUPPORTED,
    "top_k": "gen counts every prediction above the threshold",
    "class_id": "gen counts all classes together; give the class its own output",
}


@component
class Precision(Metric):
    """The share of positive predictions that are correct; a prediction above the threshold is positive.

    The threshold is 0.5 by default.  The result is 0 if no prediction is positive.

    Formula: true positives / (true positives + false positives)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = SELECTION

    thresholds: Annotated[float, Range(0, 1)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of positive predictions that are correct, and of all positive predictions."""
        positive = y_pred > (0.5 if self.thresholds is None else self.thresholds)
        return float(np.count_nonzero(np.logical_and(positive, y_true))), float(np.count_nonzero(positive))

    def result(self, right: float, positive: float) -> float:
        """The share of positive predictions that are correct; 0 if there are none."""
        return right / positive if positive else 0.0


@component
class Recall(Metric):
    """The share of positive targets that the model finds; it finds those with a prediction above the threshold.

    The threshold is 0.5 by default.  The result is 0 if no target is positive.

    Formula: true positives / (true positives + false negatives)
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = SELECTION

    thresholds: Annotated[float, Range(0, 1)] | None = None
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of positive predictions that are correct, and the number of positive targets."""
        positive = y_pred > (0.5 if self.thresholds is None else self.thresholds)
        return float(np.count_nonzero(np.logical_and(positive, y_true))), float(np.count_nonzero(y_true))

    def result(self, right: float, wanted: float) -> float:
        """The share of positive targets that were found; 0 if there are none."""
        return right / wanted if wanted else 0.0


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
