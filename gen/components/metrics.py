"""Metrics: figures over an epoch.  Formulas, names and defaults are those of `keras/src/metrics`.

`y_true` and `y_pred` are (rows, features); metrics of class ids take `y_true` as (rows,).  Steps that a mask leaves out
are no rows; where it leaves out all of them, a mean is 0, as in Keras.  `measure` and `result` are copied into the
generated file.
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
    "from_logits": "gen takes metrics of what the output gives; give the output its activation",
    "label_smoothing": "the loss has it; a metric of smoothed targets is hard to read",
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
    """Raise `ShapeError` unless there is a number for each class; a `(batch,)` of numbers has none."""
    if len(shape) == 1:
        message = f"{type(metric).__name__} expects a number for each class, got one for each row"
        raise ShapeError(message, hint="write `accuracy`, which fits every loss", code="metric-shape")


# ------------------------------------------------------------------------------------------------------------- accuracy


@component
class AccuracyOfLoss(Metric):
    """The share of right answers: binary, categorical or sparse, whichever the loss and the output ask for.

    Keras' class `Accuracy` is another metric.

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
    """The share of predictions that are equal to the target, to the last digit.

    It is not what Keras makes of the word `accuracy`, which asks for the class of a prediction.

    Formula: mean(y_true = y_pred)
    """

    word = "Accuracy"
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The number of predictions that are equal to the target, and of all."""
        return float(np.count_nonzero(np.equal(y_true, y_pred))), float(y_pred.size)

    def result(self, right: float, total: float) -> float:
        """The share of predictions that are equal; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class BinaryAccuracy(Metric):
    """The share of predictions on the right side of `threshold`.

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
        """The number of right answers, and of all."""
        right = np.equal(y_pred > self.threshold, y_true)
        return float(np.count_nonzero(right)), float(right.size)

    def result(self, right: float, total: float) -> float:
        """The share of right answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class CategoricalAccuracy(Metric):
    """The share of rows whose greatest prediction is at the class of the target, one-hot.

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
        """The number of right answers, and of all."""
        right = np.equal(y_pred.argmax(axis=1), y_true.argmax(axis=1))
        return float(np.count_nonzero(right)), float(right.size)

    def result(self, right: float, total: float) -> float:
        """The share of right answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class SparseCategoricalAccuracy(Metric):
    """The share of rows whose greatest prediction is at the class of the target, an id.

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
        """The number of right answers, and of all."""
        right = np.equal(y_pred.argmax(axis=1), y_true)
        return float(np.count_nonzero(right)), float(right.size)

    def result(self, right: float, total: float) -> float:
        """The share of right answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class TopKCategoricalAccuracy(Metric):
    """The share of rows whose class, one-hot, is among the k greatest predictions.

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
        """The number of right answers, and of all."""
        chosen = np.take_along_axis(y_pred, y_true.argmax(axis=1)[:, None], axis=1)
        greater = np.count_nonzero(y_pred > chosen, axis=1)
        return float(np.count_nonzero(greater < self.k)), float(len(y_pred))

    def result(self, right: float, total: float) -> float:
        """The share of right answers; 0 if nothing counts."""
        return right / max(total, 1.0)


@component
class SparseTopKCategoricalAccuracy(Metric):
    """The share of rows whose class, an id, is among the k greatest predictions.

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
        """The number of right answers, and of all."""
        chosen = np.take_along_axis(y_pred, y_true[:, None], axis=1)
        greater = np.count_nonzero(y_pred > chosen, axis=1)
        return float(np.count_nonzero(greater < self.k)), float(len(y_pred))

    def result(self, right: float, total: float) -> float:
        """The share of right answers; 0 if nothing counts."""
        return right / max(total, 1.0)


# ---------------------------------------------------------------------------------------------------------- differences


@component
class MeanSquaredError(Metric):
    """The mean of (y_pred - y_true)².

    Formula: mean((y_pred - y_true)²)
    """

    aliases = ("mse", "MSE")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of squared errors, and their number."""
        error = y_pred - y_true
        return float(np.vdot(error, error)), float(y_pred.size)

    def result(self, squares: float, total: float) -> float:
        """The mean squared error; 0 if nothing counts."""
        return squares / max(total, 1.0)


@component
class RootMeanSquaredError(Metric):
    """The root of the mean of (y_pred - y_true)².

    Formula: √mean((y_pred - y_true)²)
    """

    aliases = ("rmse",)
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of squared errors, and their number."""
        error = y_pred - y_true
        return float(np.vdot(error, error)), float(y_pred.size)

    def result(self, squares: float, total: float) -> float:
        """The root of the mean squared error; 0 if nothing counts."""
        return math.sqrt(squares / max(total, 1.0))


@component
class MeanAbsoluteError(Metric):
    """The mean of |y_pred - y_true|.

    Formula: mean(|y_pred - y_true|)
    """

    aliases = ("mae", "MAE")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of absolute errors, and their number."""
        return float(np.add.reduce(np.abs(y_pred - y_true), axis=None)), float(y_pred.size)

    def result(self, errors: float, total: float) -> float:
        """The mean absolute error; 0 if nothing counts."""
        return errors / max(total, 1.0)


@component
class MeanAbsolutePercentageError(Metric):
    """100 times the mean of |y_pred - y_true| / |y_true|.

    Formula: 100 · mean(|y_pred - y_true| / |y_true|)
    """

    aliases = ("mape", "MAPE")
    unsupported = UNSUPPORTED

    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[float, float]:
        """The sum of relative errors, and their number."""
        error = np.abs((y_pred - y_true) / np.maximum(np.abs(y_true), 1e-7))
        return float(np.add.reduce(error, axis=None)), float(y_pred.size)

    def result(self, errors: float, total: float) -> float:
        """The mean absolute error in percent; 0 if nothing counts."""
        return 100.0 * errors / max(total, 1.0)


@component
class MeanSquaredLogarithmicError(Metric):
    """The mean of (log(1 + y_pred) - log(1 + y_true))²; what is negative counts as 0.

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
        """The sum of squared errors of the logarithms, and their number."""
        error = np.log1p(np.maximum(y_pred, 1e-7)) - np.log1p(np.maximum(y_true, 1e-7))
        return float(np.vdot(error, error)), float(y_pred.size)

    def result(self, squares: float, total: float) -> float:
        """The mean squared error of the logarithms; 0 if nothing counts."""
        return squares / max(total, 1.0)


# ------------------------------------------------------------------------------------------------------- crossentropies


@component
class BinaryCrossentropy(Metric):
    """The mean of -y_true · log(y_pred) - (1 - y_true) · log(1 - y_pred).

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
        """The sum of the crossentropies, and their number."""
        p = np.clip(y_pred, 1e-7, 1 - 1e-7)
        values = y_true * np.log(p) + (1.0 - y_true) * np.log(1.0 - p)
        return -float(np.add.reduce(values, axis=None)), float(y_pred.size)

    def result(self, values: float, total: float) -> float:
        """The mean crossentropy; 0 if nothing counts."""
        return values / max(total, 1.0)


@component
class CategoricalCrossentropy(Metric):
    """The mean of -Σ y_true · log(y_pred), the targets distributions.

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
    """The mean of -log(y_pred[y_true]), the targets ids of classes.

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
    "class_id": "gen counts all classes together; give the class an output of its own",
}


@component
class Precision(Metric):
    """Of the predictions above the threshold, 0.5 if none is given, the share that is right.

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
        """The number of predictions that are positive and right, and of those that are positive."""
        positive = y_pred > (0.5 if self.thresholds is None else self.thresholds)
        return float(np.count_nonzero(np.logical_and(positive, y_true))), float(np.count_nonzero(positive))

    def result(self, right: float, positive: float) -> float:
        """The share of positive predictions that are right; 0 if there are none."""
        return right / positive if positive else 0.0


@component
class Recall(Metric):
    """Of what is to be found, the share of predictions above the threshold, 0.5 if none is given.

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
        """The number of positive predictions that are right, and of those that there should be."""
        positive = y_pred > (0.5 if self.thresholds is None else self.thresholds)
        return float(np.count_nonzero(np.logical_and(positive, y_true))), float(np.count_nonzero(y_true))

    def result(self, right: float, wanted: float) -> float:
        """The share that was found; 0 if there is nothing to find."""
        return right / wanted if wanted else 0.0


@component
class AUC(Metric):
    """The area under the curve of true over false positives (ROC), or of precision over recall (PR).

    The curve is taken at even thresholds; between them it is interpolated, for PR as in Davis and Goadrich, 2006, or
    taken as low (minoring) or as high (majoring) as it can be.

    Formula: ∫ tpr · d(fpr), or ∫ precision · d(recall) for PR
    Example: Dense(1, sigmoid)(Input(64))
    """

    unsupported = {
        **UNSUPPORTED,
        "thresholds": "gen takes even thresholds; num_thresholds says how many",
        "multi_label": "gen counts all labels together; give a label an output of its own",
        "num_labels": "it belongs to multi_label",
        "label_weights": "it belongs to multi_label",
        "from_logits": "gen takes metrics of what the output gives; give the output its activation",
    }

    num_thresholds: Annotated[int, Range(2)] = 200
    curve: Literal["ROC", "PR"] = "ROC"
    summation_method: Literal["interpolation", "minoring", "majoring"] = "interpolation"
    name: str | None = None

    def resolve(self, loss: Loss, shape: Shape) -> Metric:
        expects_rows(self, loss)
        return self

    def measure(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """For each threshold the number of predictions above it that are right, and that are wrong."""
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
