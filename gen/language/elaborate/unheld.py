"""Layers that a class or a `Lambda` calls and does not hold: Keras does not find their weights, and trains none.

A class holds what its attributes are, and what lists, dicts and other layers in them hold; a `Lambda` and an object of
a class of no kind that Keras knows hold nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gen.language.elaborate.context import Context
from gen.language.elaborate.values import (
    BidirectionalValue,
    Distributed,
    LambdaValue,
    LayerCall,
    LayerValue,
    ModelValue,
    ObjectValue,
    Value,
    everything_in,
)


@contextmanager
def noting_unheld(context: Context, holder: ObjectValue | LambdaValue) -> Iterator[None]:
    """While the `call` of a class, or the function of a Lambda, runs: note the calls of layers not held by it."""
    outermost, before = not context.in_call, len(context.calls)
    with context.running_call():
        yield
    if not outermost:
        return  # the one around it may hold them
    calls = [call for call in context.calls[before:] if call.layer.weights and not _is_own_weight(call.layer)]
    held = set(_layers_in(holder)) if calls else set()
    context.unheld.update((call, holder) for call in calls if call.layer not in held)


def unheld_layers(context: Context) -> dict[LayerValue, LayerCall]:
    """The layers that nothing holds which calls them, with a call of each."""
    if not context.unheld:
        return {}
    held = {call.layer for call in context.calls if _first(call) not in context.unheld}
    return {call.layer: call for call in context.unheld if call.layer not in held}


def warn_of_unheld(context: Context) -> None:
    """Warn of layers that are not trained because nothing holds them."""
    for layer, call in unheld_layers(context).items():
        holder = context.unheld[call]
        name = layer.variable or layer.word
        if isinstance(holder, LambdaValue):
            hint = "write a class that holds it as an attribute, or call it outside of the Lambda"
            message = f"`{name}` is not trained, as in Keras: a Lambda does not hold the layers that its function calls"
        else:
            hint = f"write `self.{layer.variable or 'layer'} = …` in `__init__`"
            message = f"`{name}` is not trained, as in Keras: it is no attribute of `{holder.cls.name}`, which calls it"
        context.warning("unheld-layer", call.span, message, hint=hint)


def frozen(context: Context) -> set[LayerValue]:
    """The layers that are not trained now: those that say so, those of models that do, and those that nothing holds."""
    found = set(unheld_layers(context))
    found |= {layer for layer in context.layers if not layer.trainable}
    found |= {call.layer for call in context.calls if not call.layer.trainable}
    for model in context.models:
        found |= {call.layer for call in model.calls if not (model.trainable and call.layer.trainable)}
    return found


def note_training(context: Context, model: ModelValue) -> None:
    """Note which layers are frozen when a model is trained for the first time since it was compiled."""
    if model.frozen is None and model.compilations:
        model.frozen = frozen(context)


def _first(call: LayerCall) -> LayerCall:
    """The call that a copy of it, in a call of a model, was made of."""
    while call.repeats is not None:
        call = call.repeats
    return call


def _is_own_weight(layer: LayerValue) -> bool:
    return getattr(layer.component, "own_weight", False)


def _layers_in(holder: Value) -> Iterator[LayerValue]:
    """The layers that something holds."""
    pending, seen = [holder], set[int]()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        match each:
            case LayerValue():
                yield each
            case ObjectValue() if each.cls.kind:  # Keras does not look into objects of no class of its own
                pending += [value for held in each.attributes.values() for value in everything_in(held)]
            case ModelValue():
                yield from (call.layer for call in each.calls)
                pending += [item.value for item in each.layers or ()]
            case Distributed():
                pending.append(each.inner)
            case BidirectionalValue():
                pending += [each.forward, each.backward]
