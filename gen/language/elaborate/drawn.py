"""First values of weights that the file computes: functions that are initializers, and `tf.Variable(value)`.

What a function draws becomes the initializer that draws the same: `keras.random.normal(shape, stddev=0.02)` is
`RandomNormal(stddev=0.02)`.  What gen has no initializer for is an error, for a weight has to begin with something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from gen.components import initializers
from gen.components.base import ArgumentError, Initializer, Layer, Weight, registry
from gen.diagnostics import Note
from gen.dims import Shape, show
from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.parameters import takes
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    Data,
    Function,
    FunctionValue,
    LayerCall,
    LayerValue,
    Method,
    ObjectValue,
    TensorValue,
    Unknown,
    Value,
    Variable,
    Wrong,
    describe_value,
    is_wrong,
)


@dataclass(frozen=True, eq=False)
class OwnInitializer(Initializer):
    """An initializer that the file computes itself, until it is known for which weight it does."""

    name: str
    function: Any

    @property
    def written(self) -> str:
        return self.name


def initializer_of(value: Value) -> tuple[Initializer, tuple[int, ...]] | None:
    """The initializer that draws the same as a value, and the shape of that; None where gen has none."""
    found, shape = _drawn(value)
    sizes = tuple(size for size in shape if isinstance(size, int) and size > 0)
    return (found, sizes) if found is not None and len(sizes) == len(shape) else None


def _drawn(value: Value) -> tuple[Initializer | None, Shape]:
    match value:
        case bool():
            return None, ()
        case int() | float():
            return initializers.Constant(value=float(value)), ()
        case np.ndarray() if value.size and value.dtype.kind in "fiu" and (value == value.flat[0]).all():
            return initializers.Constant(value=float(value.flat[0])), value.shape
        case Data(shape=shape):
            return value.distribution, shape
        case TensorValue(maker=LayerCall(layer=layer, inputs=inputs), shape=shape):
            if isinstance(layer.component, Layer):
                return _drawn(inputs[0]) if layer.component.retypes else (layer.component.as_initializer(), shape)
    return None, ()


def variable(context: Context, arguments: Arguments) -> Value:
    """`tf.Variable(value)`, `keras.Variable(initializer, shape)`: what a layer that holds it makes a weight of.

    None where gen has no initializer that draws the same.
    """
    named = arguments.keywords
    first = named.get("initializer", named.get("initial_value", named.get("value")))
    given = arguments.positional[0] if arguments.positional else first
    if given is None:
        return None
    value, shape = given.value, named["shape"].value if "shape" in named else None
    if isinstance(value, Function | FunctionValue) and shape is None:
        return None
    if isinstance(value, Initializer) and isinstance(shape, list | tuple):
        value = Data("", arguments.span, shape=tuple(shape), drawn=value)
    found = initializer_of(value)
    trained = named["trainable"].value if "trainable" in named else True
    if found is None or not isinstance(trained, bool):
        return None
    _forget(context, value)
    text, span = context.text(arguments.span), arguments.span
    return Variable(text, span, drawn=found[0], shape=found[1], trained=trained)


def _forget(context: Context, value: Value) -> None:
    """Take out the calls that have made a value: they are part of no model."""
    while isinstance(value, TensorValue) and isinstance(value.maker, LayerCall) and value.maker in context.calls:
        context.calls.remove(value.maker)
        value = value.maker.inputs[0] if value.maker.inputs else None


def weight_of(variable: Variable, node: syntax.Expr) -> Arguments:
    """The arguments of `add_weight` that a variable stands for."""
    values = {"shape": variable.shape, "initializer": variable.drawn, "trainable": variable.trained}
    keywords = {name: Argument(value, node) for name, value in values.items()}
    return Arguments((), keywords, dict.fromkeys(keywords, node.span), variable.span, variable.span, node.span)


def drawn_at_once(context: Context, word: str, arguments: Arguments) -> Value:
    """`initializations.normal(shape, scale=0.05)`: an initializer of Keras 1, which is a function of the shape."""
    shape, *others = arguments.positional
    given = dict(zip(("scale", "name"), others, strict=False)) | arguments.keywords
    scale = given["scale"].value if "scale" in given else None
    if isinstance(scale, Unknown | Wrong):
        return scale
    fields: dict[str, Any] = {}
    if word in ("normal", "uniform"):
        scale = 0.05 if scale is None else scale
        fields = {"stddev": scale} if word == "normal" else {"minval": -scale, "maxval": scale}
    elif scale is not None:
        return None
    try:
        drawn: Any = registry["initializer"][word](**fields)
    except (ArgumentError, TypeError):
        return None
    return Data(context.text(arguments.span), arguments.span, shape=tuple(shape.value), drawn=drawn)


def settle_initializers(context: Context, layer: LayerValue, weights: Mapping[str, Weight]) -> bool:
    """Give a layer the initializers that functions of the file are for its weights; whether that went well."""
    found: dict[Initializer, Initializer] = {}
    for weight in weights.values():
        own = weight.initializer
        if not isinstance(own, OwnInitializer):
            continue
        made = _made_by(context, own, weight.shape, layer)
        if isinstance(made, Wrong):
            return False
        if found.setdefault(own, made) != made:
            message = f"The initializer `{own.name}` draws something else for each weight of {layer.word}"
            context.error(
                "bad-argument", layer.span, message, hint="give each of its weights an initializer of its own"
            )
            return False
    component: Any = layer.component
    given = {each.name: getattr(component, each.name) for each in fields(component)}
    changed = {name: found[value] for name, value in given.items() if isinstance(value, Initializer) and value in found}
    layer.component = replace(component, **changed)
    return True


def _made_by(context: Context, own: OwnInitializer, shape: tuple[int, ...], layer: LayerValue) -> Initializer | Wrong:
    """What a function of the file draws for a weight of this shape."""
    function, span, before = own.function, layer.span, len(context.calls)
    method = function.cls.find("__call__") if isinstance(function, ObjectValue) else function
    node = syntax.Constant(None, span)
    named = {"dtype": Argument("float32", node)} if isinstance(method, FunctionValue) and takes(method, "dtype") else {}
    spans = dict.fromkeys(named, span)
    arguments = Arguments((Argument(shape, node),), named, spans, span, span, span)
    with context.running_call():
        if isinstance(function, ObjectValue) and isinstance(method, FunctionValue):
            bound = Method(function, "__call__", span, method)
            value = context.caller.call_function_of(bound, arguments, None)
        else:
            value = context.caller.call(function, arguments, arguments.site(None))
    del context.calls[before:]  # they are part of no model
    if is_wrong(value):
        return WRONG
    found = initializer_of(value)
    if isinstance(value, Data):
        context.need(value.made_by)
    if found is not None and found[1] == shape:
        return found[0]
    if isinstance(value, Unknown) and not isinstance(value, Data):
        return context.unknown(value, span)
    gives = f"an array {show(found[1])}" if found is not None else describe_value(value)
    message = f"gen cannot tell what the initializer `{own.name}` draws: for a weight {show(shape)} it gives {gives}"
    hint = "return `keras.random.normal(shape, …)`, `keras.random.uniform(shape, …)`, or zeros or ones of the shape"
    notes = () if not isinstance(method, FunctionValue) else (Note(method.header, "it is defined here"),)
    return context.error("bad-argument", span, message, notes=notes, hint=hint)
