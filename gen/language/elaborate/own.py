"""Losses, metrics and penalties that the file computes itself: a function of it, run on tensors like the real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gen.components.base import Loss, Metric, snake_case
from gen.components.operations.casting import Cast
from gen.diagnostics import Note, Span
from gen.dims import Shape, show
from gen.language import syntax
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.binding import option_name
from gen.language.elaborate.called import rule_parameters
from gen.language.elaborate.context import Context
from gen.language.elaborate.loss_functions import values_of_loss
from gen.language.elaborate.model_calls import added_to, leading_to, values_of
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    CallOptions,
    FunctionValue,
    Group,
    InputValue,
    LayerCall,
    LayerValue,
    Method,
    ModelValue,
    ObjectValue,
    Site,
    TensorValue,
    Unknown,
    Value,
    Wrong,
    describe_value,
    is_wrong,
)


@dataclass(frozen=True)
class Computed:
    """What a function of the file makes of tensors: the calls, in order, and what it returns."""

    name: str
    text: str
    span: Span
    inputs: tuple[TensorValue, ...]
    calls: tuple[LayerCall, ...]
    value: TensorValue
    group: Group | None = None
    """The group of its calls, which heads no names."""
    ids: bool = False
    """Whether its first input is class ids."""
    summed: bool = False
    component: Loss | None = None
    """The loss of Keras that it is; None for a function of the file."""


@dataclass(frozen=True, eq=False)
class LossOfFile(Loss):
    """A loss that the file computes itself, on one output."""

    computed: Computed

    @property
    def written(self) -> str:
        return self.computed.name


@dataclass(frozen=True, eq=False)
class LossOfIds(LossOfFile):
    """One whose targets are class ids."""

    sparse = True


@dataclass(frozen=True, eq=False)
class MetricOfFile(Metric):
    """A metric that the file computes itself, of one output."""

    name: str
    computed: Computed


@dataclass(frozen=True, eq=False)
class WrappedFunction:
    """`keras.metrics.MeanMetricWrapper(function, name=…)`: a function of the file, and what it gets besides."""

    function: Value
    name: str
    given: dict[str, Argument]

    def __repr__(self) -> str:
        return f"the metric `{self.name}`"


def wrapped_function(context: Context, arguments: Arguments) -> Value:
    """What `MeanMetricWrapper` makes of a function."""
    given = dict(zip(("fn", "name"), arguments.positional, strict=False)) | arguments.keywords
    if "fn" not in given:
        message = "`MeanMetricWrapper` needs its argument `fn`"
        return context.error("missing-argument", arguments.span, message, hint="write `MeanMetricWrapper(function)`")
    if is_wrong(given["fn"].value):
        return WRONG
    if not is_own(given["fn"].value, ""):
        message = f"`MeanMetricWrapper` takes a function of the file, got {describe_value(given['fn'].value)}"
        return context.error("bad-argument", given["fn"].span, message, hint="write the name of the metric alone")
    name = option_name(context, given.get("name"))
    if isinstance(name, Wrong):
        return WRONG
    more = {key: argument for key, argument in given.items() if key not in ("fn", "name", "dtype")}
    return WrappedFunction(given["fn"].value, name or "mean_metric_wrapper", more)


def is_own(value: Value, kind: str) -> bool:
    """Whether `value` is a function of the file, or an object of a class of the file that extends Keras' `kind`."""
    if isinstance(value, WrappedFunction):
        return kind == "metric"
    if isinstance(value, Method):
        return value.function is not None
    return isinstance(value, FunctionValue) or (isinstance(value, ObjectValue) and value.cls.kind == kind)


def name_of(value: Value) -> str:
    """What Keras calls a function or an object."""
    match value:
        case FunctionValue():
            return snake_case(value.name)
        case Method() | WrappedFunction():
            return value.name
        case ObjectValue():
            return value.given_name or value.kind
    return "function"


# --------------------------------------------------------------------------------------------------------------- losses


def own_loss(context: Context, argument: Argument, output: str, tensor: TensorValue) -> Computed | Wrong:
    """What a loss of the file makes of the targets and of an output.

    Keras does not say what the targets are.  They have the shape of the output; if the function cannot be run on such,
    one value for each row or step, as class ids are.
    """
    shapes: list[Shape] = [tensor.shape]
    if len(tensor.shape) > 1 and tensor.shape[-1] != 1:
        shapes += [tensor.shape[:-1], (*tensor.shape[:-1], 1)]
    found: Computed | Wrong = WRONG
    for shape in shapes:
        with _tried(context) as attempt:
            found = _loss_of(context, argument, output, tensor, shape, "float")
            attempt.keep = not isinstance(found, Wrong)
        if not isinstance(found, Wrong) and (shape == tensor.shape or not _takes_more(found)):
            if shape == tensor.shape[:-1] and _takes_ids(found):
                return _loss_of(context, argument, output, tensor, shape, "int32", ids=True)
            return found
    return _loss_of(context, argument, output, tensor, tensor.shape, "float")


def _loss_of(
    context: Context,
    argument: Argument,
    output: str,
    tensor: TensorValue,
    shape: Shape,
    dtype: str,
    ids: bool = False,
) -> Computed | Wrong:
    what = f"the loss `{name_of(argument.value)}`"
    true = leaf(context, "y_true", shape, dtype, argument.span)
    predicted = leaf(context, "y_pred", tensor.shape, tensor.dtype, argument.span)
    notes = (
        Note(tensor.maker.span, f"it is called on the output `{output}`: {show(tensor.shape)}"),
        Note(argument.span, f"and on targets {show(shape)}"),
    )
    with _noted(context, notes):
        found = computed(context, argument, what, (true, predicted), "call")
    if isinstance(found, Wrong):
        return WRONG
    if not _depends(found, predicted):
        message = f"What {what} returns does not depend on `y_pred`, so it trains nothing"
        return context.error("bad-loss", argument.span, message, notes=_defined(argument.value))
    reduction = argument.value.attributes.get("reduction") if isinstance(argument.value, ObjectValue) else None
    if reduction not in (None, "sum_over_batch_size", "sum", "mean"):
        message = f"gen does not support the reduction {reduction!r} of a loss"
        return context.error("unsupported-argument", argument.span, message, hint='leave it out, or write "sum"')
    return Computed(
        found.name, found.text, found.span, found.inputs, found.calls, found.value, found.group, ids, reduction == "sum"
    )


def loss_of_tensors(context: Context, argument: Argument, loss: Loss, tensor: TensorValue) -> Computed | Wrong:
    """What a loss of Keras makes of an output as a whole, or along an axis of it."""
    name = type(loss).__name__
    reduction = getattr(loss, "reduction", None)
    if reduction == "mean_with_sample_weight":
        message = f"gen does not support the reduction {reduction!r} of {name} along an axis"
        return context.error("unsupported-argument", argument.span, message, hint='leave it out, or write "sum"')
    true = leaf(context, "y_true", tensor.shape, "float", argument.span)
    predicted = leaf(context, "y_pred", tensor.shape, tensor.dtype, argument.span)
    site, before = Site(argument.span, argument.span, Group("formula", None, 0)), len(context.calls)
    value = values_of_loss(context, loss, true, predicted, site)
    made = context.calls[before:]
    del context.calls[before:]  # they are part of no model
    if not isinstance(value, TensorValue):
        return WRONG
    found = _closed(context, argument, f"the loss `{name}`", (true, predicted), made, value)
    return found if isinstance(found, Wrong) else replace(found, name=name, summed=reduction == "sum", component=loss)


def _takes_more(loss: Computed) -> bool:
    """Whether a loss takes parts of the targets that one value for each row does not have."""
    takers = (call.layer.component for call in loss.calls if loss.inputs[0] in call.inputs)
    return any(component.slices_beyond_first() for component in takers)


def _takes_ids(loss: Computed) -> bool:
    """Whether the targets of a loss are made whole numbers of, as class ids are."""
    pending, seen = [loss.inputs[0]], set[TensorValue]()
    while pending:
        tensor = pending.pop()
        seen.add(tensor)
        for call in loss.calls:
            if tensor not in call.inputs:
                continue
            component = call.layer.component
            if component.takes_ids():
                return True
            if component.keeps_numbers(len(call.inputs)) and call.outputs[0] not in seen:
                pending.append(call.outputs[0])
    return False


def _depends(found: Computed, tensor: TensorValue) -> bool:
    """Whether what is computed depends on a tensor."""
    made = {tensor}
    for call in found.calls:
        if not made.isdisjoint(call.reads):
            made.update(call.outputs)
    return found.value in made


# -------------------------------------------------------------------------------------------------------------- metrics


def own_metric(
    context: Context, argument: Argument, output: str, tensor: TensorValue, target: Shape, dtype: str
) -> Computed | Wrong:
    """What a metric of the file makes of the targets and of an output."""
    what = f"the metric `{name_of(argument.value)}`"
    true = leaf(context, "y_true", target, dtype, argument.span)
    predicted = leaf(context, "y_pred", tensor.shape, tensor.dtype, argument.span)
    notes = (
        Note(tensor.maker.span, f"it is called on the output `{output}`: {show(tensor.shape)}"),
        Note(argument.span, f"and on its targets, {show(target)}"),
    )
    with _noted(context, notes):
        found = computed(context, argument, what, (true, predicted), "call")
    if isinstance(found, Wrong):
        return WRONG
    mask = tensor.last_mask
    if mask is not None and found.value.shape[: len(mask.shape)] != mask.shape:
        message = f"{what} gives {show(found.value.shape)}, and the output has a mask for each of {show(mask.shape)}"
        hint = "return a value for each step, which the mask can leave out"
        return context.error("mask-mismatch", argument.span, message[:1].upper() + message[1:], hint=hint)
    return found


# ------------------------------------------------------------------------------------------------------------ penalties


def own_penalty(context: Context, function: Value, name: str, shape: Shape, span: Span) -> Computed | Wrong:
    """What a regularizer of the file makes of a weight."""
    weight = leaf(context, "w", shape, "float", span)
    argument = Argument(function, syntax.Constant(None, span))
    with _noted(context, (Note(span, f"it is called on a weight {show(shape)}"),)):
        return computed(context, argument, f"the regularizer `{name}`", (weight,), "__call__")


def own_constraint(context: Context, function: Value, name: str, shape: Shape, span: Span) -> Computed | Wrong:
    """What a constraint of the file makes of a weight."""
    weight = leaf(context, "w", shape, "float", span)
    argument = Argument(function, syntax.Constant(None, span))
    with _noted(context, (Note(span, f"it is called on a weight {show(shape)}"),)):
        found = computed(context, argument, f"the constraint `{name}`", (weight,), "__call__")
        if not isinstance(found, Wrong) and found.value.shape != shape:
            message = f"The constraint `{name}` gives {show(found.value.shape)} of a weight {show(shape)}"
            return context.error("bad-argument", span, message, hint="it returns the weight in its own shape")
    return found


# --------------------------------------------------------------------------------------------------------- added losses


@dataclass(frozen=True)
class Addition:
    """What `add_loss` adds to the loss of a model, with the calls that nothing else depends on."""

    value: TensorValue
    text: str
    calls: tuple[LayerCall, ...]
    name: str


def additions(context: Context, model: ModelValue) -> tuple[list[LayerCall], list[Addition]]:
    """The calls of a model in order, and what its layers add to the loss.

    Calls that are no arithmetic, and what they depend on, are part of the model.
    """
    known, found = values_of(model), []
    added = added_to(context, model)
    model.added = leading_to([each.value for each in added], known, context.calls)
    layers = [call for call in model.added if not is_arithmetic(call)]
    layers = leading_to([output for call in layers for output in call.outputs], known, context.calls)
    taken = set(layers)
    known |= {output for call in layers for output in call.outputs}
    for each in added:
        calls = [call for call in leading_to([each.value], known, context.calls) if call not in taken]
        taken.update(calls)
        found.append(Addition(each.value, each.text, tuple(calls), each.name))
    made = {output for call in model.added for output in call.outputs} | known
    for call in model.added:
        if any(tensor not in made for tensor in call.reads):
            message = "This loss depends on a tensor that is no part of the model"
            context.error("bad-loss", call.span, message, hint="give the layer the tensor as an input")
    return sorted({*model.calls, *layers}, key=lambda call: call.order), found


# ---------------------------------------------------------------------------------------------------------- any of them


def leaf(context: Context, name: str, shape: Shape, dtype: str, span: Span) -> TensorValue:
    """A tensor that no call gives, and no input of the model."""
    entry = InputValue(context.next_order(), span, name, written=False)
    entry.tensor = TensorValue(shape, dtype, entry, None, name)
    return entry.tensor


def computed(
    context: Context, argument: Argument, what: str, inputs: tuple[TensorValue, ...], method: str
) -> Computed | Wrong:
    """What a function, or the method of an object, makes of `inputs`; `what` names it in messages."""
    function, group = argument.value, Group("formula", None, 0)
    node, more = syntax.Constant(None, argument.span), dict[str, Argument]()
    if isinstance(function, WrappedFunction):
        function, more = function.function, function.given
    positional, spans = tuple(Argument(each, node) for each in inputs), dict.fromkeys(more, argument.span)
    arguments = Arguments(positional, more, spans, argument.span, argument.span, argument.span)
    site, before = Site(argument.span, argument.span, group), len(context.calls)
    if isinstance(function, ObjectValue):
        own = function.cls.find(method)
        if not isinstance(own, FunctionValue):
            signature = f"def {method}(self, {', '.join(each.variable or '' for each in inputs)}):"
            message = f"The class `{function.cls.name}` of {what} has no `{method}`"
            return context.error("bad-loss", argument.span, message, hint=f"define `{signature}`")
        value = context.caller.call_function_of(Method(function, method, argument.span, own), arguments, group)
    else:
        value = context.caller.call(function, arguments, site)
    result = _as_number(context, value, argument, what, site)
    made = context.calls[before:]
    del context.calls[before:]  # they are part of no model
    return WRONG if isinstance(result, Wrong) else _closed(context, argument, what, inputs, made, result)


def _as_number(context: Context, value: Value, argument: Argument, what: str, site: Site) -> TensorValue | Wrong:
    """What a function returned as a tensor of floats; anything else is reported."""
    if is_wrong(value):
        return WRONG
    if isinstance(value, Unknown):
        return context.unknown(value, argument.span)
    if isinstance(value, TensorValue):
        if value.dtype == "float":
            return value
        layer = LayerValue(Cast("float"), "cast", site.span, site.group, written="cast")
        made = apply_layer(context, layer, [value], site, CallOptions(operator="cast"))
        return made if isinstance(made, TensorValue) else WRONG
    hint = "return what it computes, a tensor"
    if value is None:
        message = f"{what} returns nothing"
        hint = "end it with `return …`"
    elif isinstance(value, int | float):
        message = f"{what} returns {describe_value(value)}, whatever it is called on"
    else:
        message = f"{what} returns {describe_value(value)}, and no tensor"
    message = message[:1].upper() + message[1:]
    at = _header(argument.value) or argument.span
    notes = () if at == argument.span else (Note(argument.span, "used here"),)
    return context.error("bad-loss", at, message, notes=notes, hint=hint)


def _closed(
    context: Context,
    argument: Argument,
    what: str,
    inputs: tuple[TensorValue, ...],
    made: Sequence[LayerCall],
    value: TensorValue,
) -> Computed | Wrong:
    """The calls that `value` depends on; reports what is no part of a formula."""
    calls = leading_to([value], set(inputs), made)
    within = {output for call in calls for output in call.outputs} | set(inputs)
    for call in calls:
        for tensor in call.reads:
            if tensor not in within:
                message = f"{_capital(what)} uses a tensor of the model, which Keras does not have when it computes it"
                hint = "compute it in the `call` of a layer, and give it to `self.add_loss(…)` there"
                return context.error("bad-loss", call.span, message, notes=_defined(argument.value), hint=hint)
        if not is_arithmetic(call):
            message = f"{_capital(what)} calls {call.layer.word}: it can only compute with its arguments"
            return context.error("bad-loss", call.span, message, notes=_defined(argument.value))
    if value not in within:
        message = f"{_capital(what)} returns a tensor of the model, whatever it is called on"
        return context.error("bad-loss", argument.span, message, notes=_defined(argument.value))
    inner = next((_below(call.group) for call in calls if call.group is not None), None)
    text = context.text(argument.span)
    return Computed(name_of(argument.value), text, argument.span, inputs, tuple(calls), value, inner)


def is_arithmetic(call: LayerCall) -> bool:
    """Whether a call may be part of a formula."""
    component = call.layer.component
    return component.arithmetic and not call.layer.weights and "rng" not in rule_parameters(component)


def _below(group: Group) -> Group:
    """The outermost group of a formula: that of the function itself."""
    while group.parent is not None and group.parent.parent is not None:
        group = group.parent
    return group


def _header(value: Value) -> Span | None:
    """Where a function or the class of an object is defined."""
    match value:
        case FunctionValue():
            return value.header
        case Method() if value.function is not None:
            return value.function.header
        case ObjectValue():
            own = next(
                (each for each in map(value.cls.find, ("call", "__call__")) if isinstance(each, FunctionValue)), None
            )
            return None if own is None else own.header
    return None


def _defined(value: Value) -> tuple[Note, ...]:
    at = _header(value)
    return () if at is None else (Note(at, "it is defined here"),)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass
class _Attempt:
    keep: bool = False


@contextmanager
def _tried(context: Context) -> Iterator[_Attempt]:
    """While something is tried that leaves nothing behind unless it is kept."""
    items = len(context.diagnostics.items)
    reported = context.reported()
    attempt = _Attempt()
    yield attempt
    if not attempt.keep:
        del context.diagnostics.items[items:]
        context.forget_reports(reported)


@contextmanager
def _noted(context: Context, notes: tuple[Note, ...]) -> Iterator[None]:
    """While errors have these notes too."""
    before, context.notes = context.notes, notes
    try:
        yield
    finally:
        context.notes = before
