"""Calls of layers and models on tensors: shapes, dtypes and weights, as they come about."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TypeAlias

from gen.components.base import Activation, ArgumentError, Layer, ShapeError, Weight
from gen.diagnostics import Note, Span
from gen.dims import Shape, product, show
from gen.graph.checks import MAX_ELEMENTS, MAX_PARAMETERS, parameters
from gen.language.elaborate.context import MAX_CALLS, Context, Stop
from gen.language.elaborate.trail import hint_from_trail, trail
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    Group,
    LayerCall,
    LayerValue,
    ModelValue,
    TensorValue,
    Value,
    Wrong,
    describe_value,
    is_wrong,
    sentence,
)

# --------------------------------------------------------------------------------------------------------------- layers


def apply_layer(
    context: Context, layer: LayerValue, inputs: Sequence[TensorValue], span: Span, heading: Span, group: Group | None
) -> Value:
    """The output of `layer` on `inputs`, for a call at `span` that `heading` heads in the generated file."""
    if len(context.calls) >= MAX_CALLS:
        context.error("too-large", span, f"The file calls layers more than {MAX_CALLS:,} times")
        raise Stop
    name = type(layer.component).__name__
    shapes = tuple(tensor.shape for tensor in inputs)
    try:
        shape, dtype, weights = _infer(layer.component, shapes, tuple(tensor.dtype for tensor in inputs))
    except ShapeError as problem:
        hint = problem.hint or hint_from_trail(layer.component, inputs)
        notes = trail(inputs)
        return context.error(problem.code, span, problem.message, label=problem.label, notes=notes, hint=hint)
    except ArgumentError as problem:
        return context.error("bad-argument", layer.span, problem.message, hint=problem.hint)
    if not _fits_weights(context, layer, weights, inputs, span) or _too_large(context, name, shape, weights, span):
        return WRONG
    layer.weights = weights
    call = LayerCall(context.next_order(), layer, tuple(inputs), (), heading, span, group, layer.group)
    output = TensorValue(shape, dtype, call, group)
    call.outputs = (output,)
    layer.calls.append(call)
    context.calls.append(call)
    return output


def _infer(
    component: Layer | Activation, shapes: tuple[Shape, ...], dtypes: tuple[str, ...]
) -> tuple[Shape, str, dict[str, Weight]]:
    if isinstance(component, Layer):
        dtype = component.dtype(*dtypes)
        return component.output(*shapes), dtype, component.weights(*shapes)
    dtype = Layer.dtype(component, *dtypes)  # type: ignore[arg-type]  # an activation takes what a layer takes
    return component.output(shapes[0]), dtype, {}


def _fits_weights(
    context: Context, layer: LayerValue, weights: dict[str, Weight], inputs: Sequence[TensorValue], span: Span
) -> bool:
    """Whether a layer that has weights already can take these inputs with them."""
    if layer.weights is None or {k: w.shape for k, w in layer.weights.items()} == {
        k: w.shape for k, w in weights.items()
    }:
        return True
    first = layer.calls[0]
    before = ", ".join(show(tensor.shape) for tensor in first.inputs)
    now = ", ".join(show(tensor.shape) for tensor in inputs)
    context.error(
        "shape-mismatch",
        span,
        f"This {type(layer.component).__name__} has weights for {before}, and cannot share them with {now}",
        notes=(Note(first.span, f"called on {before} here"), *trail(inputs)),
        hint="make a second layer, or bring both inputs to one shape",
    )
    return False


def _too_large(context: Context, name: str, shape: Shape, weights: dict[str, Weight], span: Span) -> bool:
    count = parameters(weights.values())
    elements = product(tuple(size for size in shape if isinstance(size, int)))
    if count > MAX_PARAMETERS:
        what = f"{count:,} weights; gen builds models of up to {MAX_PARAMETERS:,}"
    elif isinstance(elements, int) and elements > MAX_ELEMENTS:
        what = f"{elements:,} numbers for each row of data; at most {MAX_ELEMENTS:,} are allowed"
    else:
        return False
    context.error("too-large", span, f"This {name} has {what}")
    return True


# ---------------------------------------------------------------------------------------------------- what is called on


def layer_inputs(context: Context, layer: LayerValue, arguments: Arguments) -> list[TensorValue] | Wrong:
    """The tensors that a layer is called on, from the arguments of the call."""
    component, name = layer.component, type(layer.component).__name__
    least, most, names = _arity(type(component))
    if not _check_call_options(context, name, arguments, names):
        return WRONG
    given = list(arguments.positional)
    for position, keyword in enumerate(names):
        if keyword in arguments.keywords and position == len(given):
            given.append(arguments.keywords[keyword])
    merges = isinstance(component, Layer) and component.merges
    if len(given) == 1 and isinstance(given[0].value, list | tuple) and (merges or most != 1):
        given = list(items_of(given[0]))
    elif merges and not any(is_wrong(argument.value) for argument in given):
        return _report_not_a_list(context, name, arguments)
    if any(is_wrong(argument.value) for argument in given):
        return WRONG
    tensors = [argument.value for argument in given if _is_tensor(context, name, argument)]
    if len(tensors) < len(given):
        return WRONG
    if len(given) < least or (most is not None and len(given) > most):
        wanted = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
        return context.error(
            "wrong-call",
            arguments.span,
            f"{name} is called on {wanted} tensor{'s' * (wanted != '1')}, got {len(given)}",
        )
    return tensors


_Arity: TypeAlias = tuple[int, int | None, tuple[str, ...]]
_arities: dict[type[Layer | Activation], _Arity] = {}


def _arity(cls: type[Layer | Activation]) -> _Arity:
    """The least and the greatest number of inputs of a layer, and their names."""
    if cls not in _arities:
        _arities[cls] = _declared_arity(cls) if issubclass(cls, Layer) else (1, 1, ("x",))
    return _arities[cls]


def _declared_arity(cls: type[Layer]) -> _Arity:
    declared = list(inspect.signature(cls.output).parameters.values())[1:]
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in declared):
        return 1, None, ()
    least = sum(parameter.default is inspect.Parameter.empty for parameter in declared)
    return least, len(declared), tuple(parameter.name for parameter in declared)


def _check_call_options(context: Context, name: str, arguments: Arguments, names: tuple[str, ...]) -> bool:
    """Reports the keywords of a call on a tensor that gen does not have; whether all are known."""
    known = True
    reasons = {
        "training": "`fit` trains and `predict` does not, by themselves",
        "mask": "masks follow from Masking and Embedding(mask_zero=True)",
        "initial_state": "a recurrent layer starts from zeros",
    }
    for keyword in arguments.keywords:
        if keyword in names:
            continue
        if keyword in reasons:
            message = f"gen does not support `{keyword}` in the call of a layer: {reasons[keyword]}"
            context.error("unsupported-argument", arguments.name_spans[keyword], message)
        else:
            message = f"The call of {name} on a tensor has no argument `{keyword}`"
            hint = f"the layer's own arguments go into the first brackets: `{name}({keyword}=…)(x)`"
            if " " in name:
                hint = "write the tensor alone"
            context.error("unknown-argument", arguments.name_spans[keyword], message, hint=hint)
            known = False
    return known


def items_of(argument: Argument) -> list[Argument]:
    """The items of a list, each with its own place where the list is written out."""
    items = getattr(argument.node, "items", ())
    if len(items) == len(argument.value):
        return [Argument(value, node) for value, node in zip(argument.value, items, strict=True)]
    return [Argument(value, argument.node) for value in argument.value]


def _report_not_a_list(context: Context, name: str, arguments: Arguments) -> Wrong:
    inside = ", ".join(context.text(argument.span) for argument in arguments.positional)
    return context.error(
        "wrong-call",
        arguments.span,
        f"{name} is called on a list of tensors",
        hint=f"write `{name}(…)([{inside or 'a, b'}])`",
    )


def _is_tensor(context: Context, name: str, argument: Argument) -> bool:
    if isinstance(argument.value, TensorValue):
        return True
    hint = None
    if isinstance(argument.value, LayerValue | ModelValue):
        hint = "call it on a tensor first"
    elif isinstance(argument.value, list | tuple):
        hint = "give it one tensor, or join them with Concatenate first"
    context.error(
        "not-a-tensor",
        argument.span,
        f"{sentence(name)} is called on a tensor, got {describe_value(argument.value)}",
        hint=hint,
    )
    return False


# --------------------------------------------------------------------------------------------------------------- models


def model_inputs(context: Context, model: ModelValue, arguments: Arguments) -> list[TensorValue] | Wrong:
    """The tensors that a model is called on, from the arguments of the call."""
    name = f"the {model.kind}"
    if not _check_call_options(context, name, arguments, ("inputs",)):
        return WRONG
    given = list(arguments.positional)
    if not given and "inputs" in arguments.keywords:
        given.append(arguments.keywords["inputs"])
    if len(given) == 1 and isinstance(given[0].value, list | tuple):
        given = items_of(given[0])
    if any(is_wrong(argument.value) for argument in given):
        return WRONG
    tensors = [argument.value for argument in given if _is_tensor(context, name, argument)]
    return tensors if len(tensors) == len(given) else WRONG


def replay(
    context: Context, model: ModelValue, tensors: Sequence[TensorValue], span: Span, group: Group | None
) -> Value:
    """Calls the model's layers once more, on `tensors`."""
    if not _accepts(context, model, tensors, span):
        return WRONG
    groups = _Groups(model)
    values = dict(zip(model.inputs, tensors, strict=True))
    for call in model.calls:
        inputs = [values.get(tensor, tensor) for tensor in call.inputs]
        result = apply_layer(context, call.layer, inputs, span, call.heading, groups.of(call.group))
        if isinstance(result, Wrong):
            return WRONG
        result.variable = call.outputs[0].variable
        made = result.maker
        made.span, made.owner, made.repeated = call.span, groups.of(call.owner), True
        values[call.outputs[0]] = result
    outputs = [values[tensor] for tensor in model.outputs]
    return outputs[0] if len(outputs) == 1 else outputs


def _accepts(context: Context, model: ModelValue, tensors: Sequence[TensorValue], span: Span) -> bool:
    for declared, given in zip(model.inputs, tensors, strict=True):
        if _fits(declared.shape, given.shape) and declared.dtype == given.dtype:
            continue
        code = "shape-mismatch" if declared.dtype == given.dtype else "dtype-mismatch"
        steps = len(given.shape) == len(declared.shape) + 1 and _fits(declared.shape[1:], given.shape[2:])
        name = model.variable or "model"
        context.error(
            code,
            span,
            f"`{name}` expects {_typed(declared)}, got {_typed(given)}",
            notes=(Note(declared.maker.span, f"its Input: {_typed(declared)}"), *trail([given])),
            hint=f"to apply it to every step, write `TimeDistributed({name})(…)`" if steps else None,
        )
        return False
    return True


def _typed(tensor: TensorValue) -> str:
    return show(tensor.shape) + ("" if tensor.dtype == "float" else f" of {tensor.dtype}")


def _fits(declared: Shape, given: Shape) -> bool:
    """Whether an array of shape `given` can go where `declared` is asked for."""
    return len(declared) == len(given) and all(
        not isinstance(a, int) or not isinstance(b, int) or a == b for a, b in zip(declared, given, strict=True)
    )


class _Groups:
    """The groups of a model's calls, moved below the group of the model itself."""

    def __init__(self, model: ModelValue) -> None:
        self._model = model
        if model.group is None:
            depth = 1 + (model.parent.depth if model.parent else 0)
            model.group = Group(model.kind, model.parent, depth, model)
        self._moved = model.moved_groups

    def of(self, group: Group | None) -> Group:
        """The group of a call that was made in `group`."""
        top = self._model.group
        assert top is not None
        if group is None or group is self._model.parent:
            return top
        if group not in self._moved:
            parent = self.of(group.parent)
            self._moved[group] = Group(group.name, parent, parent.depth + 1, group.model)
        return self._moved[group]
