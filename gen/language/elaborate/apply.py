"""Calls of layers on tensors: shapes, dtypes and weights, as they come about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gen.components.base import Activation, ArgumentError, Layer, Role, ShapeError, Weight, describe
from gen.components.layers.activity import ActivityPenalty, PerRow
from gen.components.layers.embedding import AsIds
from gen.components.layers.operators import ChannelsFirst, ChannelsLast
from gen.components.operations.casting import Cast
from gen.components.operations.selecting import CheckedIds
from gen.diagnostics import Note, Span
from gen.dims import Shape, divisions, product, show
from gen.graph.checks import MAX_ELEMENTS, MAX_PARAMETERS, parameters
from gen.graph.graph import OwnRegularizer
from gen.language.elaborate.called import call_options, layer_inputs, mask_fits, rule_parameters, varies
from gen.language.elaborate.context import MAX_CALLS, MAX_DIVISIONS, Context, Stop
from gen.language.elaborate.drawn import OwnInitializer, settle_initializers
from gen.language.elaborate.shape_trail import hint_from_trail, shape_notes
from gen.language.elaborate.values import (
    ACTIVITY,
    NO_OPTIONS,
    WRONG,
    AddedLoss,
    Arguments,
    CallOptions,
    LayerCall,
    LayerValue,
    ModelValue,
    ObjectValue,
    Site,
    TensorValue,
    Value,
    Wrong,
    describe_value,
    is_wrong,
)

LARGEST_WHOLE = 2**24
"""Up to this number float32 has every whole number, so that ids may come as floats."""

# --------------------------------------------------------------------------------------------------------------- layers


def call_layer(context: Context, layer: LayerValue, arguments: Arguments, site: Site) -> Value:
    """The output of a layer for a call with these arguments."""
    said = call_options(context, layer, arguments)
    tensors = layer_inputs(context, layer, arguments, group=site.group) if not isinstance(said, Wrong) else WRONG
    if isinstance(tensors, Wrong) or isinstance(said, Wrong):
        return WRONG
    if not mask_fits(context, said, tensors[0], arguments):
        return WRONG
    return apply_whole(context, layer, tensors, site, said)


def apply_whole(
    context: Context, layer: LayerValue, inputs: Sequence[TensorValue], site: Site, said: CallOptions = NO_OPTIONS
) -> Value:
    """The output of `layer`, with the activation of the file that it may have; what it costs is added to the loss."""
    result = apply_activated(context, layer, inputs, site, said)
    regularize_activity(context, layer, result, site)
    return result


def apply_activated(
    context: Context, layer: LayerValue, inputs: Sequence[TensorValue], site: Site, said: CallOptions = NO_OPTIONS
) -> Value:
    """The same, without what it costs."""
    if layer.activation is None:
        return _apply_with_channels(context, layer, inputs, site, said)
    with context.one_call():
        made = _apply_with_channels(context, layer, inputs, site, said)
        if not isinstance(made, TensorValue):
            return made
        with context.running_call():
            result = context.caller.call_with(layer.activation, [made], site)
    if not isinstance(result, TensorValue) or result.shape != made.shape:
        if is_wrong(result):
            return WRONG
        message = f"The activation of {layer.word} gives {describe_value(result)}, and no tensor of the same shape"
        return context.error("bad-argument", layer.span, message)
    if result is not made:
        result.activated, layer.activated = layer, layer.activated or result
    return result


def _apply_with_channels(
    context: Context, layer: LayerValue, inputs: Sequence[TensorValue], site: Site, said: CallOptions
) -> Value:
    """The output of `layer`; where its channels come first, they are moved to the end for it, and back."""
    if not layer.channels_first:
        return apply_layer(context, layer, inputs, site, said)

    def moved(component: Layer, tensor: TensorValue) -> TensorValue:
        maker = LayerValue(component, "channels", site.span, layer.group, written=layer.written)
        result = apply_layer(context, maker, [tensor], site, CallOptions(carries=False))
        assert isinstance(result, TensorValue)
        return result

    with context.one_call():
        short = next((tensor for tensor in inputs if len(tensor.shape) < 3), None)
        if short is not None:
            message = f"{layer.word} with the channels first expects (channels, …), got {show(short.shape[1:])}"
            return context.error("shape-mismatch", site.span, message, notes=shape_notes(inputs))
        made = apply_layer(context, layer, [moved(ChannelsLast(), tensor) for tensor in inputs], site, said)
        if not isinstance(made, TensorValue) or len(made.shape) < 3:
            return made
        result = moved(ChannelsFirst(), made)
    result.activated, layer.activated = layer, layer.activated or result
    return result


def regularize_activity(context: Context, layer: LayerValue, results: Value, site: Site) -> None:
    """Add to the loss what the results of a call cost by the `activity_regularizer` of its layer, for each row."""
    regularizer = layer.activity
    if regularizer is None or is_wrong(results):
        return
    tensors = [each for each in (results if isinstance(results, list) else [results]) if isinstance(each, TensorValue)]
    for tensor in tensors:
        with context.one_call():
            if isinstance(regularizer, OwnRegularizer):
                penalty = context.caller.call_with(regularizer.function, [tensor], site)
            else:
                maker = LayerValue(ActivityPenalty(regularizer), "penalty", site.span, layer.group)
                penalty = apply_layer(context, maker, [tensor], site)
            if not isinstance(penalty, TensorValue) or penalty.shape != ():
                if not is_wrong(penalty):
                    message = (
                        f"The regularizer `{describe(regularizer)}` gives {describe_value(penalty)}, and no number"
                    )
                    context.error("bad-argument", layer.span, message, hint="sum what it gives: `ops.sum(…)`")
                return
            maker = LayerValue(PerRow(), "penalty", site.span, layer.group)
            value = apply_layer(context, maker, [penalty, tensor], site)
        assert isinstance(value, TensorValue)
        text = f"{describe(regularizer)} of {layer.word}"
        context.added.append(AddedLoss(value, text, (tensor,), name=ACTIVITY))


def apply_layer(
    context: Context, layer: LayerValue, inputs: Sequence[TensorValue], site: Site, said: CallOptions = NO_OPTIONS
) -> Value:
    """The output of `layer` on `inputs`, for a call at `site`.

    It is a list for a layer with several outputs.
    """
    if len(context.calls) >= MAX_CALLS:
        context.error("too-large", site.span, f"The file calls layers more than {MAX_CALLS:,} times")
        raise Stop
    said = replace(said, predicts=True) if context.predicts else said
    if said.predicts and varies(layer.component) and not hasattr(layer.component, "predict_backward"):
        message = f"gen does not support `training=False` in the call of {layer.word} with a dropout of its own yet"
        return context.error("unsupported-argument", site.span, message)
    vocabulary = layer.component.vocabulary()
    as_ids: Layer | None = None
    if vocabulary is not None and vocabulary <= LARGEST_WHOLE and gives_ids(inputs[0]):
        as_ids = AsIds()
    elif vocabulary is not None and inputs[0].dtype != "float" and _makes_ids(inputs[0], vocabulary):
        as_ids = CheckedIds(vocabulary)
        known = _constant_range(inputs[0])
        if known is not None:
            message = f"{layer.word} looks up ids from 0 to {vocabulary - 1}, got {known[0]:g} to {known[1]:g}"
            return context.error("bad-index", site.span, message, notes=shape_notes(inputs))
    if as_ids is not None:
        with context.one_call():
            maker = LayerValue(as_ids, "ids", site.span, layer.group)
            ids = apply_layer(context, maker, inputs[:1], site)
            assert isinstance(ids, TensorValue)
            ids.ids_of = inputs[0]
            return apply_layer(context, layer, [ids, *inputs[1:]], site, said)
    if layer.component.as_floats and inputs[0].dtype not in ("float", "bool"):
        with context.one_call():
            maker = LayerValue(Cast("float"), "cast", site.span, layer.group)
            floats = apply_layer(context, maker, inputs[:1], site)
            assert isinstance(floats, TensorValue)
            return apply_layer(context, layer, [floats, *inputs[1:]], site, said)
    shapes = tuple(tensor.shape for tensor in inputs)
    try:
        made, dtype = layer.component.inferred(shapes, tuple(tensor.dtype for tensor in inputs), said.options)
        weights = layer.component.weights(*shapes)
        if any(isinstance(weight.initializer, OwnInitializer) for weight in weights.values()):
            if not settle_initializers(context, layer, weights):
                return WRONG
            weights = layer.component.weights(*shapes)
        for weight in weights.values():
            if weight.regularizer is not None:
                weight.regularizer.fits(weight.shape)
    except ShapeError as problem:
        hint = problem.hint or hint_from_trail(layer, inputs)
        message, notes = layer.in_words(problem.message), shape_notes(inputs)
        return context.error(problem.code, site.span, message, label=problem.label, notes=notes, hint=hint)
    except ArgumentError as problem:
        return context.error("bad-argument", layer.span, problem.message, hint=problem.hint)
    results = made if isinstance(made, list) else [made]
    too_large = any(_too_large(context, layer.word, shape, weights, site.span) for shape in results)
    if too_large or not _fits_weights(context, layer, weights, inputs, site.span):
        return WRONG
    for kind in layer.component.inside if not layer.calls else ():
        context.auto_name(kind)
    layer.weights = weights
    call = LayerCall(
        context.next_order(), layer, tuple(inputs), (), site.heading, site.span, site.group, layer.group, said
    )
    call.statement, call.box, call.within = context.statement or call.statement, context.box, context.within
    call.outputs = tuple(TensorValue(shape, dtype, call, site.group) for shape in results)
    layer.calls.append(call)
    context.calls.append(call)
    carry_masks(context, call)
    return list(call.outputs) if isinstance(made, list) else call.outputs[0]


def gives_ids(tensor: TensorValue) -> bool:
    """Whether a tensor of floats may hold ids, as in Keras: no layer has changed the numbers of an Input."""
    if tensor.dtype != "float":
        return False
    pending, seen = [tensor], set[LayerCall]()
    while pending:
        maker = pending.pop().maker
        if isinstance(maker, LayerCall) and maker not in seen:
            if not maker.layer.component.keeps_numbers(len(maker.inputs)):
                return False
            seen.add(maker)
            pending += maker.inputs
    return True


def _constant_range(tensor: TensorValue) -> tuple[float, float] | None:
    """The least and the greatest number of a constant, where they are known."""
    maker = tensor.maker
    return maker.layer.component.least_and_most() if isinstance(maker, LayerCall) and not maker.inputs else None


def _makes_ids(tensor: TensorValue, vocabulary: int) -> bool:
    """Whether the model makes the ids itself, so that no check of its inputs holds them to the table."""
    pending, seen = [tensor], set[LayerCall]()
    while pending:
        maker = pending.pop().maker
        if isinstance(maker, LayerCall) and maker not in seen:
            known = maker.layer.component.least_and_most()
            if known is not None and known[0] >= 0 and known[1] < vocabulary:
                continue
            if not maker.layer.component.keeps_numbers(len(maker.inputs)):
                return True
            seen.add(maker)
            pending += maker.inputs
    return False


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
        f"This {layer.word} has weights for {before}, and cannot share them with {now}",
        notes=(Note(first.span, f"called on {before} here"), *shape_notes(inputs)),
        hint="make a second layer, or give both inputs the same shape",
    )
    return False


def _too_large(context: Context, name: str, shape: Shape, weights: dict[str, Weight], span: Span) -> bool:
    count = parameters(weights.values())
    elements = product(tuple(size for size in shape if isinstance(size, int)))
    if any(divisions(size) > MAX_DIVISIONS for size in shape):
        message = f"The output size of this {name} comes from more than {MAX_DIVISIONS} divisions"
        hint = "give the Input a fixed size, so that gen can compute it at once"
        context.error("too-large", span, message, hint=hint)
        return True
    if count > MAX_PARAMETERS:
        what = f"{count:,} weights; gen builds models of up to {MAX_PARAMETERS:,}"
    elif isinstance(elements, int) and elements > MAX_ELEMENTS:
        what = f"{elements:,} numbers for each row of data; at most {MAX_ELEMENTS:,} are allowed"
    else:
        return False
    context.error("too-large", span, f"This {name} has {what}")
    return True


# ---------------------------------------------------------------------------------------------------------------- masks


def carry_masks(context: Context, call: LayerCall) -> None:
    """Give a call the masks of its inputs, and its outputs theirs; warns where a mask ends unused."""
    component, said = call.layer.component, call.said
    if not call.inputs:
        return
    if not said.carries:
        like = call.inputs[0] if said.moves_mask else said.masked_like
        mask = None if like is None else like.handed if _in_graph(context) else like.mask
        if said.moves_mask and mask is not None:
            mask = _moved_mask(context, call, mask)
        call.outputs[0].mask = mask
        if mask is not None and call.outputs[0].shape[:-1][: len(mask.shape)] != mask.shape:
            call.outputs[0].mask = None
            _mask_lost(context, call, "TimeDistributed has merged the steps of the mask into one", mask=mask)
        return
    taken = [tensor.mask is not None and _is_taken(tensor, call.inputs) for tensor in call.inputs]
    masks = [None if gone else tensor.mask for tensor, gone in zip(call.inputs, taken, strict=True)]
    if component.role is Role.MASK:
        return
    in_graph = _in_graph(context)
    handed = [tensor.handed for tensor in call.inputs] if in_graph else [*masks]
    if isinstance(component, Layer) and component.takes_masks:  # it looks for the masks that are left
        for tensor in call.inputs:
            tensor.takers = (*tensor.takers, call)
    elif "mask" in rule_parameters(component):
        masks = [*handed]
    if any(taken) and not in_graph and not any(masks):
        mask = call.inputs[taken.index(True)].mask
        _mask_lost(context, call, "MultiHeadAttention has removed the mask of its input, as in Keras", TAKEN_HINT, mask)
    if said.mask is not None:
        masks[0] = handed[0] = said.mask
    elif said.operator and any(masks):
        _mask_lost(
            context, call, f"`{said.operator}` does not support masks", OPERATOR_HINTS.get(said.operator, USES_HINT)
        )
        return
    elif said.operator:
        return
    if isinstance(component, Activation):
        call.outputs[0].mask, call.outputs[0].lost = masks[0], handed[0]
        return
    uses = uses_masks(component)
    if masks[0] is not None and said.mask is None and _starts_from_states(call):
        what = f"With `initial_state`, {call.layer.word} does not get the mask of its sequence, as in Keras"
        _mask_lost(context, call, what, 'give the call its mask: `mask=` takes an `Input("steps", bool)`')
    elif uses and any(masks):
        call.masks = tuple(masks)
    call.outputs[0].mask = _carried(context, call, masks, any(taken))
    if handed != masks:
        call.outputs[0].lost = _carried(context, call, handed, True)


def _in_graph(context: Context) -> bool:
    """Whether Keras notes which masks it hands to layers: they arrive though attention has removed them since.

    It notes them where a file calls layers on tensors, not where a class or another model calls them.
    """
    units, within = [], context.within
    while within is not None:
        units.append(within.unit)
        within = within.parent
    return not context.in_call and not any(isinstance(unit, ModelValue | ObjectValue) for unit in units)


def _carried(context: Context, call: LayerCall, masks: Sequence[TensorValue | None], taken: bool) -> TensorValue | None:
    """The mask of what a call makes, from the masks of its inputs; warns where one ends, unless some were taken."""
    component = call.layer.component
    assert not isinstance(component, Activation)
    carried = component.masking(tuple(0 if mask is None else len(mask.shape) for mask in masks))
    if isinstance(carried, int):
        return masks[carried]
    if carried is not None:
        inputs = call.inputs
        if carried.merges:
            inputs = (*inputs, *(mask for mask in masks if mask is not None))
        elif any(masks):
            _mask_lost(context, call, f"{call.layer.word} makes its own mask, which replaces the one before")
        layer = LayerValue(carried, "mask", call.span, call.layer.group, written=call.layer.written)
        with context.one_call(call.statement):
            mask = apply_layer(context, layer, inputs, Site(call.span, call.heading, call.group))
        assert isinstance(mask, TensorValue)
        mask.masked = call.outputs[0]
        return mask
    if any(masks) and component.joins_masks:
        if not taken:
            _mask_lost(
                context,
                call,
                f"{call.layer.word} combines a tensor with a mask and a tensor without one",
                "give both a mask, or neither",
            )
    elif any(masks) and not uses_masks(component):
        _mask_lost(context, call, f"{call.layer.word} does not support masks")
    return None


def _moved_mask(context: Context, call: LayerCall, mask: TensorValue) -> TensorValue | None:
    """What the call makes of its input, made of the mask of its input, which has a value for each step of steps."""
    if len(mask.shape) != len(call.inputs[0].shape) - 1:
        return None
    layer = LayerValue(call.layer.component, "mask", call.span, call.layer.group, written=call.layer.written)
    said = CallOptions(carries=False)
    with context.one_call(call.statement):
        moved = apply_layer(context, layer, [mask], Site(call.span, call.heading, call.group), said)
    assert isinstance(moved, TensorValue)
    moved.masked = call.outputs[0]
    return moved


def _is_taken(tensor: TensorValue, inputs: Sequence[TensorValue]) -> bool:
    """Whether the mask of one of the inputs of a call was taken by another call that they depend on."""
    made = {output for taker in tensor.takers for output in taker.outputs}
    seen: set[TensorValue] = set()
    pending = list(inputs) if made else []
    while pending:
        each = pending.pop()
        if each in made:
            return True
        if each not in seen and isinstance(each.maker, LayerCall):
            seen.add(each)
            pending += each.maker.inputs
    return False


TAKEN_HINT = "give the attention a copy, `Rescaling(1.0)(x)`, and `x` keeps its mask"
USES_HINT = "recurrent layers, attention and GlobalAveragePooling1D use a mask"
OPERATOR_HINTS = {
    "+": "`Add()([a, b])` carries the masks of two tensors",
    "-": "`Subtract()([a, b])` carries the masks of two tensors",
    "*": "`Multiply()([a, b])` carries the masks of two tensors, and `Rescaling(2.0)(x)` the mask of one",
}


def _mask_lost(
    context: Context, call: LayerCall, what: str, hint: str = USES_HINT, mask: TensorValue | None = None
) -> None:
    """Warn that the mask of an input ends with this call."""
    mask = mask or next(tensor.handed for tensor in call.inputs if tensor.handed is not None)
    notes = (Note(mask.maker.span, "the mask begins here"),)
    message = f"{what}: from here on the padded steps count like any others"
    context.warning("mask-lost", call.span, message, notes=notes, hint=hint)


def _starts_from_states(call: LayerCall) -> bool:
    """Whether a recurrent layer is called on states besides its sequence.

    Keras gives a layer that is called on several tensors only masks with names of their own, as attention has.
    """
    return "mask" in rule_parameters(call.layer.component) and len(call.inputs) > 1


def uses_masks(component: Layer | Activation) -> bool:
    """Whether what the layer computes depends on the mask of its input."""
    return not {"mask", "masks"}.isdisjoint(rule_parameters(component))
