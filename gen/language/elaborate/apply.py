"""Calls of layers and models on tensors: shapes, dtypes and weights, as they come about."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TypeAlias

from gen.components.base import Activation, ArgumentError, Layer, ShapeError, Weight
from gen.components.layers.masking import Mask
from gen.diagnostics import Note, Span
from gen.dims import Shape, product, show
from gen.graph.checks import MAX_ELEMENTS, MAX_PARAMETERS, parameters
from gen.language.elaborate.context import MAX_CALLS, Context, Stop
from gen.language.elaborate.trail import hint_from_trail, trail
from gen.language.elaborate.values import (
    NO_OPTIONS,
    WRONG,
    Argument,
    Arguments,
    CallOptions,
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
    context: Context,
    layer: LayerValue,
    inputs: Sequence[TensorValue],
    span: Span,
    heading: Span,
    group: Group | None,
    said: CallOptions = NO_OPTIONS,
) -> Value:
    """The output of `layer` on `inputs`, for a call at `span` that `heading` heads in the generated file.

    It is a list for a layer with several outputs.
    """
    if len(context.calls) >= MAX_CALLS:
        context.error("too-large", span, f"The file calls layers more than {MAX_CALLS:,} times")
        raise Stop
    name = type(layer.component).__name__
    shapes = tuple(tensor.shape for tensor in inputs)
    try:
        made, dtype, weights = _infer(layer.component, shapes, tuple(tensor.dtype for tensor in inputs))
    except ShapeError as problem:
        hint = problem.hint or hint_from_trail(layer.component, inputs)
        notes = trail(inputs)
        return context.error(problem.code, span, problem.message, label=problem.label, notes=notes, hint=hint)
    except ArgumentError as problem:
        return context.error("bad-argument", layer.span, problem.message, hint=problem.hint)
    results = made if isinstance(made, list) else [made]
    too_large = any(_too_large(context, name, shape, weights, span) for shape in results)
    if too_large or not _fits_weights(context, layer, weights, inputs, span):
        return WRONG
    layer.weights = weights
    call = LayerCall(context.next_order(), layer, tuple(inputs), (), heading, span, group, layer.group, said)
    call.statement = context.statement or call.statement
    call.outputs = tuple(TensorValue(shape, dtype, call, group) for shape in results)
    layer.calls.append(call)
    context.calls.append(call)
    carry_masks(context, call)
    return list(call.outputs) if isinstance(made, list) else call.outputs[0]


def _infer(
    component: Layer | Activation, shapes: tuple[Shape, ...], dtypes: tuple[str, ...]
) -> tuple[Shape | list[Shape], str, dict[str, Weight]]:
    if isinstance(component, Layer):
        dtype = component.dtype(*dtypes)
        return component.output(*shapes), dtype, component.weights(*shapes)
    dtype = Layer.dtype(component, *dtypes)  # type: ignore[arg-type]  # an activation takes what a layer takes
    return component.output(shapes[0]), dtype, {}


# ---------------------------------------------------------------------------------------------------------------- masks


def carry_masks(context: Context, call: LayerCall) -> None:
    """Give a call the masks of its inputs, and its outputs theirs; warns where a mask ends unused."""
    component, said = call.layer.component, call.said
    if not said.carries:
        mask = None if said.masked_like is None else said.masked_like.mask
        if said.moves_mask and call.inputs[0].mask is not None:
            mask = _moved_mask(context, call, call.inputs[0].mask)
        call.outputs[0].mask = mask
        if mask is not None and call.outputs[0].shape[:-1][: len(mask.shape)] != mask.shape:
            call.outputs[0].mask = None
            _mask_lost(context, call, "TimeDistributed has made one step of those that the mask is for", mask=mask)
        return
    masks = [tensor.mask for tensor in call.inputs]
    if isinstance(component, Mask):
        return
    if said.mask is not None:
        masks[0] = said.mask
    elif said.operator and any(masks):
        _mask_lost(context, call, f"`{said.operator}` knows no masks", OPERATOR_HINTS.get(said.operator, USES_HINT))
        return
    if isinstance(component, Activation):
        call.outputs[0].mask = masks[0]
        return
    uses = uses_masks(component)
    if masks[0] is not None and said.mask is None and _starts_from_states(call):
        what = f"With `initial_state`, {type(component).__name__} is not handed the mask of its sequence, as in Keras"
        _mask_lost(context, call, what, 'give the call its mask: `mask=` takes an `Input("steps", bool)`')
    elif uses and any(masks):
        call.masks = tuple(masks)
    carried = component.masking(tuple(0 if mask is None else len(mask.shape) for mask in masks))
    if isinstance(carried, int):
        call.outputs[0].mask = masks[carried]
        return
    if carried is not None:
        inputs = call.inputs
        if carried.merges:
            inputs = (*inputs, *(mask for mask in masks if mask is not None))
        elif any(masks):
            _mask_lost(context, call, f"{type(component).__name__} makes a mask of its own, and ends the one before")
        layer = LayerValue(carried, "mask", call.span, call.layer.group)
        with context.one_call(call.statement):
            mask = apply_layer(context, layer, inputs, call.span, call.heading, call.group)
        assert isinstance(mask, TensorValue)
        mask.masked, call.outputs[0].mask = call.outputs[0], mask
    elif any(masks) and component.joins_masks:
        _mask_lost(
            context,
            call,
            f"{type(component).__name__} joins a tensor with a mask and one without",
            "give both a mask, or neither",
        )
    elif any(masks) and not uses:
        _mask_lost(context, call, f"{type(component).__name__} knows no masks")


def _moved_mask(context: Context, call: LayerCall, mask: TensorValue) -> TensorValue | None:
    """What the call makes of its input, made of the mask of its input, which has a value for each step of steps."""
    if len(mask.shape) != len(call.inputs[0].shape) - 1:
        return None
    layer, said = LayerValue(call.layer.component, "mask", call.span, call.layer.group), CallOptions(carries=False)
    with context.one_call(call.statement):
        moved = apply_layer(context, layer, [mask], call.span, call.heading, call.group, said)
    assert isinstance(moved, TensorValue)
    moved.masked = call.outputs[0]
    return moved


USES_HINT = "recurrent layers, attention and GlobalAveragePooling1D use a mask"
OPERATOR_HINTS = {
    "+": "`Add()([a, b])` carries the masks of two tensors",
    "-": "`Subtract()([a, b])` carries the masks of two tensors",
    "*": "`Multiply()([a, b])` carries the masks of two tensors, `Rescaling(2.0)(x)` that of one",
}


def _mask_lost(
    context: Context, call: LayerCall, what: str, hint: str = USES_HINT, mask: TensorValue | None = None
) -> None:
    """Warn that the mask of an input ends with this call."""
    mask = mask or next(tensor.mask for tensor in call.inputs if tensor.mask is not None)
    notes = (Note(mask.maker.span, "the mask begins here"),)
    message = f"{what}: from here on the padded steps count like any others"
    context.warning("mask-lost", call.span, message, notes=notes, hint=hint)


def _starts_from_states(call: LayerCall) -> bool:
    """Whether a recurrent layer is called on states besides its sequence.

    Keras gives a layer that is called on several tensors only masks with names of their own, as attention has.
    """
    return "mask" in _parameters(call.layer.component) and len(call.inputs) > 1


def uses_masks(component: Layer | Activation) -> bool:
    """Whether what the layer computes depends on the mask of its input."""
    return not {"mask", "masks"}.isdisjoint(_parameters(component))


def _parameters(component: Layer | Activation) -> Collection[str]:
    """What the rule of a layer or an activation takes, by name."""
    return inspect.signature(component.forward).parameters  # type: ignore[union-attr]  # each has one


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


def call_layer(
    context: Context, layer: LayerValue, arguments: Arguments, span: Span, heading: Span, group: Group | None
) -> Value:
    """The output of a layer for a call with these arguments."""
    said = call_options(context, layer.component, arguments)
    tensors = layer_inputs(context, layer, arguments) if not isinstance(said, Wrong) else WRONG
    if isinstance(tensors, Wrong) or isinstance(said, Wrong):
        return WRONG
    if not mask_fits(context, said, tensors[0], arguments):
        return WRONG
    return apply_layer(context, layer, tensors, span, heading, group, said)


def mask_fits(context: Context, said: CallOptions, x: TensorValue, arguments: Arguments) -> bool:
    """Whether the mask that a call names has a value for each step of `x`; reports it if not."""
    if said.mask is None or said.mask.shape == x.shape[:2]:
        return True
    context.error(
        "mask-mismatch",
        arguments.keywords["mask"].span,
        f"The mask of {show(x.shape)} has a value for each step: "
        f"it is {show(x.shape[:2])}, got {show(said.mask.shape)}",
        notes=trail([said.mask]),
    )
    return False


def call_options(context: Context, component: Layer | Activation, arguments: Arguments) -> CallOptions | Wrong:
    """What a call says besides the tensors."""
    mask = arguments.keywords.get("mask")
    takes_mask = "mask" in _parameters(component)
    if mask is not None and mask.value is None:
        mask = None
    if mask is not None and not takes_mask:
        return context.error(
            "unsupported-argument",
            arguments.name_spans["mask"],
            f"{type(component).__name__} takes no mask in its call",
            hint="masks follow from Masking and Embedding(mask_zero=True), and reach the layers that use them",
        )
    if mask is not None and is_wrong(mask.value):
        return WRONG
    if mask is not None and (not isinstance(mask.value, TensorValue) or mask.value.dtype != "bool"):
        got = f"a tensor of {mask.value.dtype}" if isinstance(mask.value, TensorValue) else describe_value(mask.value)
        hint = 'make it an input: `Input(None, bool)`, or say `"bool"`'
        return context.error("not-a-mask", mask.span, f"A mask is a tensor of bool, got {got}", hint=hint)
    options = dict(component.call_options) if isinstance(component, Layer) else {}
    for name in options:
        if name in arguments.keywords:
            given = arguments.keywords[name]
            if is_wrong(given.value):
                return WRONG
            if not isinstance(given.value, bool):
                message = f"`{name}` takes True or False, got {describe_value(given.value)}"
                return context.error("bad-argument", given.span, message)
            options[name] = given.value
    return CallOptions(None if mask is None else mask.value, options)


def layer_inputs(
    context: Context, layer: LayerValue, arguments: Arguments, directions: int = 1
) -> list[TensorValue] | Wrong:
    """The tensors that a layer is called on, from the arguments of the call; the states of each direction after it."""
    component, name = layer.component, type(layer.component).__name__
    least, most, names = _arity(type(component))
    if directions == 2 and most is not None:
        name, most, names = "Bidirectional", 2 * most - 1, names[:2]
    options = ("mask", *component.call_options) if isinstance(component, Layer) else ()
    states = STATES in arguments.keywords and most is not None and most > 1 and names[1] == "h"
    if not _check_call_options(context, name, arguments, (*names, *options, *((STATES,) if states else ()))):
        return WRONG
    given = list(arguments.positional)
    if len(given) == 2 and isinstance(given[1].value, list | tuple) and "h" in names[1:2]:
        given = [given[0], *items_of(given[1])]  # states, by position
    if states:
        held = arguments.keywords[STATES]
        given += items_of(held) if isinstance(held.value, list | tuple) else [held] if held.value is not None else []
    for position, keyword in enumerate(names):
        if keyword in arguments.keywords and position == len(given):
            given.append(arguments.keywords[keyword])
        elif keyword in arguments.keywords and arguments.keywords[keyword] not in given:
            before = ", ".join(f"`{each}`" for each in names[len(given) : position])
            message = f"The call of {name} has `{keyword}`, and not {before}, which comes before it"
            hint = f"give {before} too" if position > len(given) else f"leave `{keyword}` out: it is given by position"
            return context.error("wrong-call", arguments.name_spans[keyword], message, hint=hint)
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


STATES = "initial_state"
"""How a call of a recurrent layer names the tensors that it starts from."""

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
        "return_attention_scores": "a layer gives what it computes, not how",
        "initial_state": "this layer has no state",
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


def one_tensor(context: Context, name: str, arguments: Arguments) -> list[TensorValue] | Wrong:
    """The tensor that a wrapper is called on, as a list."""
    if not _check_call_options(context, name, arguments, ("inputs",)):
        return WRONG
    given = list(arguments.positional) or [arguments.keywords[key] for key in arguments.keywords if key == "inputs"]
    if len(given) != 1:
        return context.error("wrong-call", arguments.span, f"{name} is called on 1 tensor, got {len(given)}")
    if is_wrong(given[0].value) or not _is_tensor(context, name, given[0]):
        return WRONG
    return [given[0].value]


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
    statements: dict[object, object] = {}
    for call in model.calls:
        if call.makes_mask:  # the call that it belongs to makes it again
            continue
        inputs = [values.get(tensor, tensor) for tensor in call.inputs]
        said = replace(
            call.said,
            mask=call.said.mask and values.get(call.said.mask, call.said.mask),
            masked_like=call.said.masked_like and values.get(call.said.masked_like, call.said.masked_like),
        )
        with context.one_call(statements.setdefault(call.statement, object())):
            result = apply_layer(context, call.layer, inputs, span, call.heading, groups.of(call.group), said)
        if isinstance(result, Wrong):
            return WRONG
        for before, after in zip(call.outputs, result if isinstance(result, list) else [result], strict=True):
            after.variable = before.variable
            made = after.maker
            made.span, made.owner, made.repeated = call.span, groups.of(call.owner), True
            values[before] = after
            if before.mask is not None and after.mask is not None:
                values[before.mask] = after.mask
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
            self._moved[group] = Group(group.name, parent, parent.depth + 1, group.owner)
        return self._moved[group]
