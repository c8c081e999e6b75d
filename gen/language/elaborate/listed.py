"""`model.layers` and `get_layer`: the layers of a model in the order in which Keras lists them."""

from __future__ import annotations

from gen.language.elaborate.values import InputValue, LayerCall, ModelValue, Value, Wrapped


def layers_of(model: ModelValue) -> list[Value]:
    """The layers of a model, with its Inputs where it is no Sequential."""
    if model.layers is not None:
        return [item.value for item in model.layers]
    depths = _depths(model)
    order: dict[InputValue | Wrapped, tuple[int, int]] = {}
    for tensor in model.inputs:
        if isinstance(tensor.maker, InputValue):
            order[tensor.maker] = (-_depth_of_input(tensor.maker, model, depths), tensor.maker.order)
    for call in model.calls:
        if call.makes_mask:
            continue
        what = call.unit or call.layer
        place = (-depths[call], call.order)
        order[what] = min(order[what], place) if what in order else place
    return sorted(order, key=order.__getitem__)


def _depths(model: ModelValue) -> dict[LayerCall, int]:
    """How many calls there are between each call and the outputs, on the longest way; parts of one unit count once."""
    depths: dict[LayerCall, int] = {}
    readers: dict[LayerCall, list[LayerCall]] = {}
    for call in model.calls:
        for tensor in call.reads:
            if isinstance(tensor.maker, LayerCall):
                readers.setdefault(tensor.maker, []).append(call)
    for call in reversed(model.calls):
        after = [depths[each] + _counts(call, each) for each in readers.get(call, ()) if each in depths]
        depths[call] = max(after, default=0)
    return depths


def _counts(call: LayerCall, following: LayerCall) -> int:
    return 0 if call.unit is not None and call.unit is following.unit else 1


def _depth_of_input(entry: InputValue, model: ModelValue, depths: dict[LayerCall, int]) -> int:
    return max((depths[call] + 1 for call in model.calls if entry.tensor in call.inputs), default=0)


def find_layer(model: ModelValue, name: str) -> Value:
    """The layer of a model that has this name; None if there is none."""
    for each in layers_of(model):
        if name in (each.given_name, getattr(each, "auto_name", None), getattr(each, "variable", None)):
            return each
    return None
