"""Models that the same lines of a file make again and again, as in a cross-validation: gen builds the last of each."""

from __future__ import annotations

from collections.abc import Sequence

from gen.components.base import Component
from gen.diagnostics import Span
from gen.language.elaborate.values import Argument, Arguments, FunctionValue, LayerCall, LayerValue, ModelValue, Value


def without_repeated(models: Sequence[ModelValue]) -> list[ModelValue]:
    """Those of the models after which the same lines do not make one that is alike."""
    shared = _shared(models)
    following: dict[Span, ModelValue] = {}
    found = []
    for model in reversed(models):
        later = following.get(model.span)
        if later is None or any(call.layer in shared for call in model.calls) or not alike(model, later):
            found.append(model)
        following[model.span] = model
    return found[::-1]


def _shared(models: Sequence[ModelValue]) -> set[LayerValue]:
    """The layers that several of the models have."""
    seen, shared = set[LayerValue](), set[LayerValue]()
    for model in models:
        own = {call.layer for call in model.calls}
        shared |= own & seen
        seen |= own
    return shared


def alike(one: ModelValue, other: ModelValue) -> bool:
    """Whether the same lines have made two models, with the same layers and values."""
    return (
        one.span == other.span
        and len(one.calls) == len(other.calls)
        and len(one.compilations) == len(other.compilations)
        and all(map(_same_call, one.calls, other.calls))
        and all(
            a.span == b.span and _same_arguments(_arguments(a), _arguments(b))
            for a, b in zip(one.compilations, other.compilations, strict=True)
        )
    )


def _same_call(one: LayerCall, other: LayerCall) -> bool:
    shapes = [[tensor.shape for tensor in call.inputs] for call in (one, other)]
    return (
        one.layer.span == other.layer.span
        and one.layer.trainable == other.layer.trainable
        and shapes[0] == shapes[1]
        and _same(one.layer.component, other.layer.component)
    )


def _arguments(call: Arguments) -> dict[str | int, Argument]:
    named: dict[str | int, Argument] = dict(enumerate(call.positional))
    named.update(call.keywords)
    return named


def _same_arguments(one: dict[str | int, Argument], other: dict[str | int, Argument]) -> bool:
    return one.keys() == other.keys() and all(_same(one[name].value, other[name].value) for name in one)


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, FunctionValue) and isinstance(other, FunctionValue):
        return one.definition is other.definition and one.frame is other.frame
    if one is other:
        return True
    try:
        return type(one) is type(other) and bool(one == other)
    except ValueError:  # an array is among what they hold
        return isinstance(one, Component) and repr(one) == repr(other)
