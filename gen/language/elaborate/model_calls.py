"""Calls of models: their layers called once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gen.components.layers.embedding import AsIds
from gen.diagnostics import Note, Span
from gen.dims import Dim, Shape, Size, show, sizes_in
from gen.language.elaborate.apply import apply_layer, gives_ids
from gen.language.elaborate.context import Context
from gen.language.elaborate.shape_trail import shape_notes
from gen.language.elaborate.values import (
    WRONG,
    AddedLoss,
    BoxValue,
    Group,
    LayerCall,
    LayerValue,
    ModelValue,
    Site,
    TensorValue,
    UnitCall,
    Value,
    Wrong,
)


def call_again(context: Context, model: ModelValue, tensors: Sequence[TensorValue], span: Span) -> Value:
    """Calls the model's layers once more, on `tensors`."""
    pairs = zip(model.inputs, tensors, strict=True)
    tensors = [_as_ids(context, declared, given, span) for declared, given in pairs]
    if not _accepts(context, model, tensors, span):
        return WRONG
    groups, boxes = _Groups(model), _Boxes(model, BoxValue(model_group(model), context.box))
    values = dict(zip(model.inputs, tensors, strict=True))
    return _repeated(context, model, values, span, groups.of, boxes.of, lambda _: context.within)


def repeat(context: Context, model: ModelValue, tensors: Sequence[TensorValue], span: Span) -> Value:
    """The same for a model that is only a part of what is around it: nothing has its name."""
    units: dict[UnitCall, UnitCall] = {}

    def again(within: UnitCall | None) -> UnitCall | None:
        """The call of a unit, made once more."""
        if within is not None and within not in units:
            units[within] = UnitCall(within.unit, within.inputs, again(within.parent))
        return context.within if within is None else units[within]

    values = dict(zip(model.inputs, tensors, strict=True))
    made = _repeated(context, model, values, span, lambda group: group, lambda box: box, again)
    for each in units.values():
        each.inputs = tuple(values.get(tensor, tensor) for tensor in each.inputs)
    return made


def _repeated(
    context: Context,
    model: ModelValue,
    values: dict[TensorValue, TensorValue],
    span: Span,
    group_of: Callable[[Group | None], Group | None],
    box_of: Callable[[BoxValue | None], BoxValue | None],
    within_of: Callable[[UnitCall | None], UnitCall | None],
) -> Value:
    """The outputs of a model, with `values` for its inputs; what each of its tensors becomes is added to them."""
    statements: dict[object, object] = {}
    sizes = _sizes(model, [values[tensor] for tensor in model.inputs])
    added = added_to(context, model)
    model.added = leading_to([each.value for each in added], values_of(model), context.calls)
    for call in (*model.calls, *model.added):
        if call.makes_mask:  # the call that it belongs to makes it again
            continue
        needed = [tensor.ids_of or tensor for tensor in call.inputs]  # ids are made again, too
        inputs = [values.get(tensor, tensor) for tensor in needed]
        said = replace(
            call.said,
            mask=call.said.mask and values.get(call.said.mask, call.said.mask),
            masked_like=call.said.masked_like and values.get(call.said.masked_like, call.said.masked_like),
            options={name: sizes_in(value, sizes) for name, value in call.said.options.items()},
        )
        statement = statements.setdefault(call.statement, object())
        with context.one_call(statement), context.boxed(box_of(call.box)):
            site = Site(span, call.heading, group_of(call.group))
            result = apply_layer(context, _resized(call.layer, sizes), inputs, site, said)
        if isinstance(result, Wrong):
            return WRONG
        for before, after in zip(call.outputs, result if isinstance(result, list) else [result], strict=True):
            after.variable, after.activated = before.variable, before.activated
            made = after.maker
            made.span, made.owner, made.repeats = call.span, group_of(call.owner), call
            made.within = within_of(call.within)
            values[before] = after
            if before.mask is not None and after.mask is not None:
                values[before.mask] = after.mask
    for each in added:
        results = tuple(values[tensor] for tensor in each.results if tensor in values)
        context.added.append(AddedLoss(values[each.value], each.text, results, name=each.name))
    outputs = [values[tensor] for tensor in model.outputs]
    return outputs[0] if len(outputs) == 1 else outputs


def _sizes(model: ModelValue, tensors: Sequence[TensorValue]) -> dict[str, Size]:
    """What the symbols in the shapes of a model's inputs are in a call on `tensors`."""
    found: dict[str, Size] = {}
    for declared, given in zip(model.inputs, tensors, strict=True):
        for size, now in zip(declared.shape, given.shape, strict=True):
            if isinstance(size, Dim) and size != now and size == Dim.symbol(str(size)):
                found[str(size)] = now
    return found


def _resized(layer: LayerValue, sizes: Mapping[str, Size]) -> LayerValue:
    """A layer for a call with these sizes; itself unless it is an operation that has sizes among its arguments."""
    if not sizes or layer.weights:
        return layer
    fields = vars(layer.component)
    changed = {name: new for name, old in fields.items() if (new := sizes_in(old, sizes)) != old}
    if not changed:
        return layer
    component: Any = layer.component
    return replace(layer, component=replace(component, **changed), calls=[])


def values_of(model: ModelValue) -> set[TensorValue]:
    """The inputs of a model, and all that its layers give."""
    return {*model.inputs, *(tensor for call in model.calls for tensor in call.outputs)}


def added_to(context: Context, model: ModelValue) -> list[AddedLoss]:
    """What layers inside of a model add to its loss, or what is added to the model itself."""
    known = values_of(model)
    added = [each for each in context.added if each.model is None or each.model is model]
    return [each for each in added if not known.isdisjoint(each.results)]


def leading_to(values: Sequence[TensorValue], known: set[TensorValue], made: Sequence[LayerCall]) -> list[LayerCall]:
    """The calls of `made` that `values` depend on, in order, from `known` tensors on."""
    wanted = set(values) - known
    found = []
    for call in reversed(made):
        if not wanted.isdisjoint(call.outputs):
            found.append(call)
            wanted.update(set(call.reads) - known)
    return found[::-1]


def _as_ids(context: Context, declared: TensorValue, given: TensorValue, span: Span) -> TensorValue:
    """What a model gets for a tensor: whole numbers, where it has an Input of ids and an Input of floats holds them."""
    if declared.dtype != "int32" or not gives_ids(given):
        return given
    layer = LayerValue(AsIds(), "ids", span, None)
    with context.one_call():
        return apply_layer(context, layer, [given], Site(span, span, None))  # type: ignore[no-any-return]  # one tensor


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
            notes=(Note(declared.maker.span, f"its Input: {_typed(declared)}"), *shape_notes([given])),
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


def model_group(model: ModelValue) -> Group:
    """The group of a model's layers where it is called."""
    if model.group is None:
        depth = 1 + (model.parent.depth if model.parent else 0)
        model.group = Group(model.kind, model.parent, depth, model)
    return model.group


class _Groups:
    """The groups of a model's calls, moved below the group of the model itself."""

    def __init__(self, model: ModelValue) -> None:
        self._model = model
        self._moved = model.moved_groups

    def of(self, group: Group | None) -> Group:
        """The group of a call that was made in `group`."""
        if group is None or group is self._model.parent:
            return model_group(self._model)
        if group not in self._moved:
            parent = self.of(group.parent)
            self._moved[group] = Group(group.name, parent, parent.depth + 1, group.owner)
        return self._moved[group]


class _Boxes:
    """The boxes of a model's calls, made anew inside the box of one call of the model."""

    def __init__(self, model: ModelValue, top: BoxValue) -> None:
        self._model, self._top = model, top
        self._moved: dict[BoxValue, BoxValue] = {}

    def of(self, box: BoxValue | None) -> BoxValue:
        """The box of a call that was made in `box`."""
        if box is None or box.group is self._model.parent:
            return self._top
        if box not in self._moved:
            self._moved[box] = BoxValue(box.group, self.of(box.parent))
        return self._moved[box]
