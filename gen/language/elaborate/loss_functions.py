"""Keras' losses called as functions of tensors, in a function or a layer of the file: formulas made of operations.

Each formula is that of `keras/src/losses/losses.py`, or of the function of `keras.ops` and `tf.nn` of that name.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gen.components.base import Component, Loss, registry, snake_case
from gen.components.operations.base import operations
from gen.dims import show
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.binding import settle
from gen.language.elaborate.context import Context
from gen.language.elaborate.models import bind
from gen.language.elaborate.operations import apply_operation, tensor_or_number
from gen.language.elaborate.tensors import combine_tensors, negate_tensor
from gen.language.elaborate.values import (
    Arguments,
    CallOptions,
    Group,
    LayerValue,
    Site,
    TensorValue,
    Undecided,
    Value,
    Wrong,
    describe_value,
)

EPSILON = 1e-7


class _Failed(Exception):
    """Something is wrong with the operands; the diagnostic is already made."""


@dataclass(frozen=True)
class _Tensor:
    """A tensor in a formula; what it is combined with becomes a call at the same place."""

    context: Context
    site: Site
    called: str
    value: TensorValue

    def _made(self, value: Value) -> _Tensor:
        if not isinstance(value, TensorValue):
            raise _Failed
        return _Tensor(self.context, self.site, self.called, value)

    def _with(self, symbol: str, left: Any, right: Any) -> _Tensor:
        first, second = (each.value if isinstance(each, _Tensor) else each for each in (left, right))
        return self._made(combine_tensors(self.context, symbol, first, second, self.site))

    def __add__(self, other: Any) -> _Tensor:
        return self._with("+", self, other)

    def __radd__(self, other: Any) -> _Tensor:
        return self._with("+", other, self)

    def __sub__(self, other: Any) -> _Tensor:
        return self._with("-", self, other)

    def __rsub__(self, other: Any) -> _Tensor:
        return self._with("-", other, self)

    def __mul__(self, other: Any) -> _Tensor:
        return self._with("*", self, other)

    def __rmul__(self, other: Any) -> _Tensor:
        return self._with("*", other, self)

    def __truediv__(self, other: Any) -> _Tensor:
        return self._with("/", self, other)

    def __neg__(self) -> _Tensor:
        return self._made(negate_tensor(self.context, self.value, self.site))

    def __getattr__(self, name: str) -> Callable[..., _Tensor]:
        """An operation whose first operand it is: `x.sum(axis=-1)`; an activation: `x.softmax()`."""
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*others: Any, **fields: Any) -> _Tensor:
            if name not in operations:
                component: Any = registry["activation"][name](**fields)
                layer = LayerValue(component, name, self.site.span, self.site.group)
                said = CallOptions(operator=f"{self.called}(…)")
                return self._made(apply_layer(self.context, layer, [self.value], self.site, said))
            component = operations[name](**fields)
            values = [each.value if isinstance(each, _Tensor) else each for each in (self, *others)]
            operands = dict(zip(component.operands(), values, strict=False))
            return self._made(apply_operation(self.context, self.called, component, operands, self.site))

        return call


T = _Tensor
LAST = -1


def mean_squared_error(y_true: T, y_pred: T) -> T:
    return (y_true - y_pred).square().mean(axis=LAST)


def mean_absolute_error(y_true: T, y_pred: T) -> T:
    return (y_true - y_pred).absolute().mean(axis=LAST)


def mean_absolute_percentage_error(y_true: T, y_pred: T) -> T:
    error = (y_true - y_pred) / y_true.absolute().maximum(EPSILON)
    return error.absolute().mean(axis=LAST) * 100.0


def mean_squared_logarithmic_error(y_true: T, y_pred: T) -> T:
    error = y_pred.maximum(EPSILON).log1p() - y_true.maximum(EPSILON).log1p()
    return error.square().mean(axis=LAST)


def huber(y_true: T, y_pred: T, delta: float = 1.0) -> T:
    error = y_pred - y_true
    size = error.absolute()
    small = size.less_equal(delta)
    return small.where(error.square() * 0.5, size * delta - 0.5 * delta * delta).mean(axis=LAST)


def log_cosh(y_true: T, y_pred: T) -> T:
    error = y_pred - y_true
    return (error.logaddexp(-error) - math.log(2.0)).mean(axis=LAST)


def poisson(y_true: T, y_pred: T) -> T:
    return (y_pred - y_true * (y_pred + EPSILON).log()).mean(axis=LAST)


def kl_divergence(y_true: T, y_pred: T) -> T:
    true, predicted = y_true.clip(x_min=EPSILON, x_max=1.0), y_pred.clip(x_min=EPSILON, x_max=1.0)
    return (true * (true / predicted).log()).sum(axis=LAST)


def cosine_similarity(y_true: T, y_pred: T, axis: int = -1) -> T:
    return -(y_true.normalize(axis=axis) * y_pred.normalize(axis=axis)).sum(axis=axis)


def _signs(y_true: T) -> T:
    binary = y_true.equal(0.0).logical_or(y_true.equal(1.0)).all()
    return binary.where(y_true * 2.0 - 1.0, y_true)


def hinge(y_true: T, y_pred: T) -> T:
    return (1.0 - _signs(y_true) * y_pred).maximum(0.0).mean(axis=LAST)


def squared_hinge(y_true: T, y_pred: T) -> T:
    return (1.0 - _signs(y_true) * y_pred).maximum(0.0).square().mean(axis=LAST)


def categorical_hinge(y_true: T, y_pred: T) -> T:
    right = (y_true * y_pred).sum(axis=LAST)
    wrong = ((1.0 - y_true) * y_pred).max(axis=LAST)
    return (wrong - right + 1.0).maximum(0.0)


def each_binary_crossentropy(target: T, output: T, from_logits: bool = False) -> T:
    if from_logits:
        return output.softplus() - target * output
    p = output.clip(x_min=EPSILON, x_max=1.0 - EPSILON)
    return -(target * p.log() + (1.0 - target) * (1.0 - p).log())


def binary_crossentropy(
    y_true: T, y_pred: T, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> T:
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return each_binary_crossentropy(y_true, y_pred, from_logits).mean(axis=axis)


def binary_focal_crossentropy(
    y_true: T,
    y_pred: T,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> T:
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        y_pred = y_pred.sigmoid()
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = (1.0 - right).power(gamma) * each_binary_crossentropy(y_true, y_pred)
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return values.mean(axis=axis)


def _classes(y_pred: T, axis: int) -> int:
    size = y_pred.value.shape[axis]
    if not isinstance(size, int):
        message = f"`{y_pred.called}` with `label_smoothing` needs to know how many classes there are, got {size}"
        y_pred.context.error("shape-mismatch", y_pred.site.span, message)
        raise _Failed
    return size


def _log_of_classes(output: T, from_logits: bool, axis: int) -> T:
    if from_logits:
        return output.log_softmax(axis=axis)
    return (output / output.sum(axis=axis, keepdims=True)).clip(x_min=EPSILON, x_max=1.0 - EPSILON).log()


def categorical_crossentropy(
    y_true: T, y_pred: T, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> T:
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / _classes(y_pred, axis)
    return -(y_true * _log_of_classes(y_pred, from_logits, axis)).sum(axis=axis)


def categorical_focal_crossentropy(
    y_true: T,
    y_pred: T,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> T:
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / _classes(y_pred, axis)
    if from_logits:
        y_pred = y_pred.softmax()
    p = (y_pred / y_pred.sum(axis=axis, keepdims=True)).clip(x_min=EPSILON, x_max=1.0 - EPSILON)
    return ((1.0 - p).power(gamma) * alpha * -(y_true * p.log())).sum(axis=axis)


def sparse_categorical_crossentropy(
    y_true: T, y_pred: T, from_logits: bool = False, ignore_class: None = None, axis: int = -1
) -> T:
    ids = y_true.value.shape
    if len(ids) == len(y_pred.value.shape) and ids[-1] == 1:
        y_true = y_true.squeeze(axis=-1)
    elif ids != y_pred.value.shape[:-1]:
        site, shape = y_true.site, show(y_pred.value.shape[:-1])
        message = f"`{y_true.called}` expects class ids {shape}, got targets {show(ids)}"
        y_true.context.error("shape-mismatch", site.span, message)
        raise _Failed
    if not y_true.value.dtype.startswith(("int", "uint")):
        y_true = y_true.cast(dtype_="int32")
    log = _log_of_classes(y_pred, from_logits, axis)
    return -log.take_along_axis(y_true.expand_dims(axis=-1), axis=-1).squeeze(axis=-1)


def dice(y_true: T, y_pred: T, axis: Any = None) -> T:
    common = (y_true * y_pred).sum(axis=axis)
    return 1.0 - (common * 2.0) / (y_true.sum(axis=axis) + y_pred.sum(axis=axis) + EPSILON)


def tversky(y_true: T, y_pred: T, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> T:
    common = (y_true * y_pred).sum(axis=axis)
    more, less = ((1.0 - y_pred) * y_true).sum(axis=axis), (y_pred * (1.0 - y_true)).sum(axis=axis)
    return 1.0 - common / (common + more * alpha + less * beta + EPSILON)


def weighted_cross_entropy_with_logits(labels: T, logits: T, pos_weight: float) -> T:
    return (1.0 - labels) * logits + ((pos_weight - 1.0) * labels + 1.0) * (-logits).softplus()


def binary_accuracy(y_true: T, y_pred: T, threshold: float = 0.5) -> T:
    return y_pred.greater(threshold).cast(dtype_="float").equal(y_true).cast(dtype_="float").mean(axis=LAST)


def categorical_accuracy(y_true: T, y_pred: T) -> T:
    return y_true.argmax(axis=LAST).equal(y_pred.argmax(axis=LAST)).cast(dtype_="float")


FORMULAS: dict[str, Callable[..., T]] = {
    function.__name__: function
    for function in (
        mean_squared_error,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_logarithmic_error,
        huber,
        log_cosh,
        poisson,
        kl_divergence,
        cosine_similarity,
        hinge,
        squared_hinge,
        categorical_hinge,
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        sparse_categorical_crossentropy,
        dice,
        tversky,
        binary_accuracy,
        categorical_accuracy,
    )
}
"""The functions of `keras.losses` and `keras.metrics`, by their names."""

_OF_TENSORS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "keras.ops.binary_crossentropy": ("each_binary_crossentropy", ("target", "output", "from_logits"), {}),
    "keras.ops.categorical_crossentropy": (
        "categorical_crossentropy",
        ("target:y_true", "output:y_pred", "from_logits", "axis"),
        {},
    ),
    "keras.ops.sparse_categorical_crossentropy": (
        "sparse_categorical_crossentropy",
        ("target:y_true", "output:y_pred", "from_logits", "axis"),
        {},
    ),
    "tensorflow.nn.sigmoid_cross_entropy_with_logits": (
        "each_binary_crossentropy",
        ("labels:target", "logits:output"),
        {"from_logits": True},
    ),
    "tensorflow.nn.weighted_cross_entropy_with_logits": (
        "weighted_cross_entropy_with_logits",
        ("labels", "logits", "pos_weight"),
        {},
    ),
    "tensorflow.nn.softmax_cross_entropy_with_logits": (
        "categorical_crossentropy",
        ("labels:y_true", "logits:y_pred", "axis"),
        {"from_logits": True},
    ),
    "tensorflow.nn.sparse_softmax_cross_entropy_with_logits": (
        "sparse_categorical_crossentropy",
        ("labels:y_true", "logits:y_pred"),
        {"from_logits": True},
    ),
}
"""The functions of modules of tensors: the formula, their arguments in order, and what they say besides.

An argument is written as that function calls it, then, after a colon, as the formula does if that is something else.
"""


def formula_of(word: str) -> str | None:
    """The formula that a word of `keras.losses` or `keras.metrics` means: `mse`, `KLD`; None if it means none."""
    if word in FORMULAS:
        return word
    for kind in ("loss", "metric"):
        if word in registry[kind]:
            name = snake_case(registry[kind][word].__name__)
            name = {"kldivergence": "kl_divergence"}.get(name, name)
            return name if name in FORMULAS else None
    return None


def is_on_tensors(arguments: Arguments) -> bool:
    """Whether a call of a loss is one of its function, on tensors, and does not make the loss."""
    given = (*arguments.positional, *arguments.keywords.values())
    return any(isinstance(each.value, TensorValue) for each in given)


def has_function(path: tuple[str, ...]) -> bool:
    """Whether a function of tensors is a loss."""
    return ".".join(_normal(path)) in _OF_TENSORS or path[-2:-1] == ("losses",)


def _normal(path: tuple[str, ...]) -> tuple[str, ...]:
    if path[:2] == ("keras", "backend"):
        return ("keras", "ops", *path[2:])
    return ("keras", "ops", path[-1]) if path[:3] == ("keras", "ops", "nn") else path


def call_loss_function(
    context: Context, word: str | tuple[str, ...], arguments: Arguments, group: Group | None
) -> Value:
    """The result of a function of Keras that is a loss, a value for each row: `keras.losses.mse(y_true, y_pred)`."""
    if isinstance(word, tuple) and word[-2] == "losses":
        word = word[-1]
    if isinstance(word, tuple):
        formula, names, fixed = _OF_TENSORS[".".join(_normal(word))]
        function = globals()[formula]
    else:
        function, fixed = FORMULAS[word], {}
        names = tuple(inspect.signature(function).parameters)
    ours = {name.partition(":")[0]: name.partition(":")[2] or name for name in names}
    given = bind(context, context.text(arguments.function), tuple(ours), arguments)
    if given is None:
        return Wrong()
    values = {ours[name]: argument.value for name, argument in given.items()} | fixed
    missing = [name for name, our in ours.items() if our not in values and _is_needed(function, our)]
    if missing:
        message = f"`{context.text(arguments.function)}` needs its argument `{missing[0]}`"
        return context.error("missing-argument", arguments.span, message)
    site, called = arguments.site(group), context.text(arguments.function)
    first = list(inspect.signature(function).parameters)[:2]
    for name, argument in given.items():
        if ours[name] in first:
            values[ours[name]] = tensor_or_number(context, called, argument, site)
        elif not isinstance(argument.value, bool | int | float | tuple | list | None):
            message = f"`{name}` of `{called}` takes a number, got {describe_value(argument.value)}"
            return context.error("bad-argument", argument.span, message)
    if values.get("ignore_class") is not None:
        message = "gen does not support `ignore_class` of `sparse_categorical_crossentropy` yet"
        return context.error("unsupported-argument", given["ignore_class"].span, message)
    return _run(context, called, function, values, site)


def _is_needed(function: Callable[..., Any], name: str) -> bool:
    return inspect.signature(function).parameters[name].default is inspect.Parameter.empty


def _run(context: Context, called: str, function: Callable[..., T], values: dict[str, Any], site: Site) -> Value:
    first, second = list(inspect.signature(function).parameters)[:2]
    tensors = []
    for name in (first, second):
        value = values[name]
        if isinstance(value, Wrong):
            return value
        if not isinstance(value, TensorValue):
            message = f"`{called}` takes tensors, got {describe_value(value)}"
            return context.error("not-a-tensor", site.span, message)
        tensors.append(_Tensor(context, site, called, value))
    try:
        true, predicted = _same_rank(tensors[0], tensors[1])
        return function(**{**values, first: true, second: predicted}).value
    except _Failed:
        return Wrong()


def _same_rank(true: T, predicted: T) -> tuple[T, T]:
    """Targets and predictions with as many axes, where one of them has a last axis of 1 more, as Keras does it."""
    ours, theirs = true.value.shape, predicted.value.shape
    if len(ours) == len(theirs) + 1 and ours[-1] == 1:
        if len(theirs) == 1:
            return true, predicted.expand_dims(axis=-1)
        return true.squeeze(axis=-1), predicted
    if len(theirs) == len(ours) + 1 and theirs[-1] == 1:
        if len(ours) == 1:
            return true.expand_dims(axis=-1), predicted
        return true, predicted.squeeze(axis=-1)
    return true, predicted


def call_loss(context: Context, loss: Component | Undecided, arguments: Arguments, group: Group | None) -> Value:
    """The result of a loss called as an object, the mean of its values: `keras.losses.MeanSquaredError()(t, p)`."""
    if isinstance(loss, Undecided):
        settled = settle(context, loss, Loss)
        if not isinstance(settled, Component):
            return Wrong()
        loss = settled
    name = formula_of(type(loss).__name__)
    if name is None:
        message = f"gen cannot call `{type(loss).__name__}` on tensors"
        return context.error("unsupported-call", arguments.span, message)
    given = bind(context, type(loss).__name__, ("y_true", "y_pred", "sample_weight"), arguments)
    if given is None:
        return Wrong()
    if "sample_weight" in given and given["sample_weight"].value is not None:
        message = "gen does not support `sample_weight` in a call of a loss"
        return context.error("unsupported-argument", given["sample_weight"].span, message)
    if len(given) < 2:
        return context.error("missing-argument", arguments.span, "A loss is called on `y_true` and `y_pred`")
    function, site = FORMULAS[name], arguments.site(group)
    called, fields = context.text(arguments.function), _fields(loss, function)
    given = {each: argument for each, argument in given.items() if each != "sample_weight"}
    operands = {each: tensor_or_number(context, called, argument, site) for each, argument in given.items()}
    made = _run(context, called, function, fields | operands, site)
    if not isinstance(made, TensorValue):
        return made
    try:
        return _Tensor(context, site, called, made).mean().value
    except _Failed:
        return Wrong()


def values_of_loss(context: Context, loss: Loss, true: TensorValue, predicted: TensorValue, site: Site) -> Value:
    """The values of a loss that is a formula, before it reduces them."""
    function = FORMULAS[formula_of(type(loss).__name__) or ""]
    first, second = list(inspect.signature(function).parameters)[:2]
    values = {**_fields(loss, function), first: true, second: predicted}
    return _run(context, type(loss).__name__, function, values, site)


def _fields(loss: Component, function: Callable[..., T]) -> dict[str, Any]:
    """The arguments of a loss that its formula takes."""
    return {each: getattr(loss, each) for each in inspect.signature(function).parameters if hasattr(loss, each)}
