"""What stands after a dot: members of modules, and the attributes of tensors, layers, models, objects and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gen.components.arguments import Word
from gen.components.base import Activation, Component, Layer, parameters, snake_case
from gen.diagnostics import Span
from gen.dims import Dim, Shape
from gen.language import syntax
from gen.language.elaborate import arrays, data, named_tuples
from gen.language.elaborate.context import Context, note_binding
from gen.language.elaborate.drawn import weight_of
from gen.language.elaborate.keras_names import AROUND, KERAS
from gen.language.elaborate.keras_names import MODULES as MODULES_OF_KERAS
from gen.language.elaborate.methods import methods_of
from gen.language.elaborate.modules import MODULES as PLAIN
from gen.language.elaborate.older import INSIDE, present_path, warn_of_module
from gen.language.elaborate.options import METHODS as PARSER_METHODS
from gen.language.elaborate.order import layers_of
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.spellings import MODULES, member, members, suggestion
from gen.language.elaborate.unheld import note_training
from gen.language.elaborate.values import (
    MISSING,
    PHASE,
    WRONG,
    BidirectionalValue,
    Builtin,
    ClassValue,
    Data,
    Distributed,
    FunctionValue,
    Held,
    InputValue,
    LambdaValue,
    LayerCall,
    LayerValue,
    Method,
    ModelValue,
    Namespace,
    ObjectValue,
    OptionsValue,
    ParserValue,
    Phase,
    PlainFunction,
    RecordType,
    RecordValue,
    Super,
    TensorValue,
    Undecided,
    Unknown,
    Value,
    Variable,
    Wrapped,
    Wrong,
    describe_value,
    sentence,
    without_shape,
)

MODEL_METHODS = ("compile", "fit", "add", "summary", "pop", "get_layer", "build", "call", "add_loss", "add_metric")
LAYER_METHODS = (
    "build",
    "call",
    "get_config",
    "get_weights",
    "set_weights",
    "count_params",
    "adapt",
    "compute_output_shape",
)
AFTERWARDS = (
    "compute_output_shape",
    "count_params",
    "evaluate",
    "export",
    "fit_generator",
    "evaluate_generator",
    "predict_generator",
    "get_config",
    "get_weights",
    "history",
    "load_weights",
    "losses",
    "metrics_names",
    "predict",
    "predict_classes",
    "predict_on_batch",
    "predict_proba",
    "reset_states",
    "save",
    "save_weights",
    "set_weights",
    "stop_training",
    "test_on_batch",
    "to_json",
    "train_on_batch",
    "trainable_variables",
    "trainable_weights",
    "non_trainable_weights",
    "variables",
    "weights",
)
"""What a Keras model has that belongs to the program which uses the model."""
WEIGHTS = ("beta", "bias", "embeddings", "gamma", "kernel", "recurrent_kernel")
"""The weights of a layer, whose numbers are for the program that uses it."""
USED_LATER = (
    "__class__",
    "apply_gradients",
    "build",
    "compute_gradients",
    "from_config",
    "get_config",
    "get_gradients",
    "get_updates",
    "get_weights",
    "iterations",
    "lr",
    "minimize",
    "reset_state",
    "reset_states",
    "result",
    "set_weights",
    "update_state",
    "variables",
    "weights",
)
"""What an optimizer, a loss or a metric of Keras has for a program that trains by itself."""
KERAS_LAYER_METHODS = (
    "add_loss",
    "add_metric",
    "add_variable",
    "add_weight",
    "build",
    "compute_mask",
    "compute_output_shape",
    "compute_output_spec",
    "count_params",
    "get_config",
    "from_config",
    "call",
)
"""What a class of the file has from Keras' base classes."""

# -------------------------------------------------------------------------------------------------------------- reading


def attribute_of(context: Context, owner: Value, attribute: syntax.Attribute) -> Value:
    """`owner.name`; what has no such attribute is reported."""
    name, span = attribute.name, attribute.name_span
    match owner:
        case Wrong():
            return WRONG
        case Unknown():
            return _of_unknown(context, owner, attribute)
        case OptionsValue() if (text := context.text(attribute.span)) in context.given:
            return context.given[text]
        case Namespace():
            return _member(context, owner, attribute)
        case ObjectValue() | Super():
            return _of_object(context, owner, attribute)
        case ClassValue():
            return _of_class(context, owner, attribute)
    found = _found(context, owner, name, span)
    if found is not MISSING:
        return found
    names = _names(owner)
    message = f"{sentence(describe_value(owner))} has no `{name}`"
    return context.error("unknown-attribute", span, message, hint=suggestion(name, names))


def _of_unknown(context: Context, owner: Unknown, attribute: syntax.Attribute) -> Value:
    """An attribute of what is not known: its value may come from outside, as `args.units`."""
    text = context.text(attribute.span)
    if text in context.given:
        return context.given[text]
    if isinstance(owner, Data):
        if attribute.name in data.METHODS:
            return Method(owner, attribute.name, attribute.name_span)
        if (known := data.attribute(owner, attribute.name)) is not None:
            context.need(owner.made_by)
            return known
        owner.touch()
        owner = without_shape(owner)
    held = owner.known.get(attribute.name)
    if held is not None and held.is_set:
        context.need((*owner.made_by, *held.made_by))
        return held.value
    span = owner.span if owner.missing else attribute.span
    known = held.value.known if held is not None else {}
    text = owner.text if owner.missing else text
    made = replace(owner, text=text, span=span, name=None, kept=False, holder=owner, known=known)
    if held is None:
        owner.known[attribute.name] = Held(made, is_set=False)
    return made


def has_attribute(context: Context, owner: Value, name: str) -> bool:
    """Whether `owner.name` is anything."""
    match owner:
        case ObjectValue(cls):
            return name in owner.attributes or cls.find(name) is not MISSING
        case ClassValue():
            return owner.find(name) is not MISSING
    return _found(context, owner, name, Span(0, 0)) is not MISSING


def _found(context: Context, owner: Value, name: str, span: Span) -> Value:
    """What a value other than an object of the file has under a name; `MISSING` if nothing."""
    match owner:
        case TensorValue():
            return _of_tensor(owner, name, span)
        case ModelValue():
            return _of_model(context, owner, name, span)
        case LayerValue() | Distributed() | BidirectionalValue() | LambdaValue():
            return _of_layer(context, owner, name, span)
        case InputValue():
            return _of_input(owner, name)
        case np.ndarray():
            if name in arrays.METHODS:
                return Method(owner, name, span)
            try:
                return arrays.attribute(owner, name)
            except Problem:
                return MISSING
        case RecordType() if name == "_fields":
            return owner.fields
        case RecordType() if name == "__new__":
            return owner  # what has `__defaults__`
        case RecordValue() if (held := named_tuples.attribute(owner, name, span)) is not MISSING:
            return held
        case tuple() if name in ("as_list", "rank", "ndims"):  # of a shape of TensorFlow's
            return Method(owner, name, span) if name == "as_list" else len(owner)
        case list() if name == "sort":
            return Method(owner, name, span)
        case ParserValue():
            return Method(owner, name, span) if name in PARSER_METHODS else Unknown(f"parser.{name}", span)
        case OptionsValue():
            return owner.values.get(name, MISSING)
        case Component():
            if name in (each.name for each in parameters(type(owner))):
                return getattr(owner, name)
            return Unknown(f"{snake_case(type(owner).__name__)}.{name}", span) if name in USED_LATER else MISSING
        case Undecided() if name in USED_LATER:
            return Unknown(f"{snake_case(owner.word.name)}.{name}", span)
        case Builtin() | FunctionValue() if name in ("__name__", "__doc__"):
            return owner.name
        case Builtin():  # a method of a type: `str.lower`
            return Unknown(f"{owner.name}.{name}", span)
        case Phase():
            return MISSING
    return Method(owner, name, span) if name in methods_of(owner) else MISSING


def _names(owner: Value) -> Sequence[str]:
    match owner:
        case ModelValue():
            return MODEL_METHODS
        case list():
            return (*methods_of(owner), "sort")
    return tuple(methods_of(owner))


# -------------------------------------------------------------------------------------------------------------- modules


def plain_member(owner: Namespace, name: str) -> Value:
    """What `math.name` or `np.name` is."""
    known = PLAIN[owner.path[0]]
    if len(owner.path) == 1 and name in known:
        return PlainFunction(f"{owner.path[0]}.{name}") if callable(known[name]) else known[name]
    if owner.path == ("numpy",) and name in arrays.DTYPES:
        return Builtin(name)
    return Unknown(f"{'.'.join(owner.path)}.{name}", Span(0, 0))


def _member(context: Context, owner: Namespace, attribute: syntax.Attribute) -> Value:
    if attribute.name == "__version__" and len(owner.path) == 1:
        return VERSIONS.get(owner.path[0], MISSING)
    if owner.path[0] in PLAIN:
        found = plain_member(owner, attribute.name)
        return Unknown(context.text(attribute.span), attribute.span) if isinstance(found, Unknown) else found
    if owner.path == ("tensorflow",) and attribute.name == "newaxis":
        return None
    if attribute.name in GETTERS and owner.path[-1] in (*MODULES, "constraints"):
        return PlainFunction(f"{owner.path[-1]}.{attribute.name}")
    found = member(owner, attribute.name)
    if isinstance(found, Word):
        warn_of_module(context, owner.path, attribute.value.span)
    if isinstance(found, Namespace) and owner.path == ("keras",) and attribute.name not in MODULES_OF_KERAS:
        hint = suggestion(attribute.name, MODULES)
        if hint is not None:
            message = f"There is no `{attribute.name}` in keras"
            return context.error("unknown-name", attribute.name_span, message, hint=hint)
    return _report_no_member(context, owner, attribute) if found is None else found


def _report_no_member(context: Context, owner: Namespace, attribute: syntax.Attribute) -> Value:
    module, name, span = present_path((*owner.path, "_"))[-2], attribute.name, attribute.name_span
    if name in SUBMODULES:
        return Namespace((*owner.path, name), known=False)
    if name in KERAS.get(module, ()):
        return Unknown(context.text(attribute.span), attribute.span, missing=True)
    if name in AROUND:
        return Unknown(context.text(attribute.span), attribute.span)
    names = [word for kind in MODULES.get(module, ()) for word in members(kind)]
    code = "unknown-layer" if module == "layers" else "unknown-name"
    message = f"There is no `{name}` in {'.'.join(owner.path)}"
    return context.error(code, span, message, hint=suggestion(name, names))


VERSIONS = {"keras": "3.15.1", "numpy": "2.4.6", "tensorflow": "2.21.0"}
"""The versions whose names and defaults a file is read with."""
GETTERS = ("get", "deserialize")
"""Functions of Keras' modules that give what a name or a configuration means."""
SUBMODULES = ("layers", "v1", *(name for names in INSIDE.values() for name in names))
"""Modules inside those of Keras that have components."""

# ---------------------------------------------------------------------------------------------- tensors, layers, models


def static(shape: Shape) -> tuple[int | None, ...]:
    """A shape as Keras shows it: None for what is known only when data arrives."""
    return tuple(size if isinstance(size, int) else None for size in shape)


def _of_tensor(tensor: TensorValue, name: str, span: Span) -> Value:
    match name:
        case "shape" | "_keras_shape":
            return static(tensor.shape)
        case "ndim":
            return len(tensor.shape)
        case "dtype":
            return "float32" if tensor.dtype == "float" else tensor.dtype
        case "name":
            return tensor.variable or "tensor"
        case "get_shape":
            return Method(tensor, name, span)
    return MISSING


def _of_model(context: Context, model: ModelValue, name: str, span: Span) -> Value:
    if name in MODEL_METHODS:
        return Method(model, name, span)
    lost = WRONG if model.unknown is None and model.broken else model.unknown
    if lost is not None and name in ("layers", "input", "output", "inputs", "outputs"):
        return lost
    if name == "layers":
        return layers_of(model)
    if name in AFTERWARDS:
        if name == "train_on_batch":
            note_training(context, model)
        return Unknown(f"{model.variable or 'model'}.{name}", span)
    if name in ("optimizer", "loss", "metrics"):
        return Unknown(f"{model.variable or 'model'}.{name}", span)
    return _of_called(context, model, name, list(model.inputs), list(model.outputs), span)


def _of_layer(
    context: Context, layer: LayerValue | Distributed | BidirectionalValue | LambdaValue, name: str, span: Span
) -> Value:
    if name in LAYER_METHODS:
        return Method(layer, name, span)
    if isinstance(layer, LayerValue):
        component: Layer | Activation = layer.component
        if name in (each.name for each in parameters(type(component))):
            return getattr(component, name)
        calls: Sequence[LayerCall] = layer.calls[:1]
        inputs = [tensor for call in calls for tensor in call.inputs]
        outputs = [tensor for call in calls for tensor in call.outputs]
        found = _of_called(context, layer, name, inputs, outputs, span)
    else:
        found = _of_called(context, layer, name, [], [layer.output] if layer.output else [], span)
        if found is MISSING and name == "layer" and isinstance(layer, Distributed):
            return layer.inner
        if found is MISSING and isinstance(layer, BidirectionalValue):
            return {"forward_layer": layer.forward, "backward_layer": layer.backward}.get(name, MISSING)
    if found is not MISSING or name not in (*AFTERWARDS, *WEIGHTS):
        return found
    return Unknown(f"{layer.variable or getattr(layer, 'written', layer.kind)}.{name}", span)


def _of_input(owner: InputValue, name: str) -> Value:
    """An attribute of an `Input`, which is a layer too: `model.layers[0]`."""
    match name:
        case "output" | "input":
            return owner.tensor
        case "output_shape" | "input_shape":
            return static(owner.tensor.shape)
        case "name":
            return owner.given_name or owner.auto_name
        case "trainable" | "built":
            return True
        case "weights" | "trainable_weights" | "non_trainable_weights":
            return []
        case "dtype":
            return owner.tensor.dtype if owner.tensor.dtype != "float" else "float32"
    return MISSING


def _of_called(
    context: Context, owner: Wrapped, name: str, inputs: list[TensorValue], outputs: list[TensorValue], span: Span
) -> Value:
    """What layers and models have in common."""

    def one(tensors: list[TensorValue]) -> Value:
        if not tensors:
            message = f"{sentence(describe_value(owner))} has no `{name}` yet: it is called on nothing"
            return context.error("unknown-attribute", span, message, hint="call it on a tensor first")
        return tensors[0] if len(tensors) == 1 else list(tensors)

    match name:
        case "name":
            return owner.given_name or owner.auto_name
        case "trainable":
            return getattr(owner, "trainable", True)
        case "input":
            return one(inputs)
        case "output":
            return one(outputs)
        case "inputs":
            return list(inputs)
        case "outputs":
            return list(outputs)
        case "input_shape" | "output_shape":
            found = one(inputs if name == "input_shape" else outputs)
            if isinstance(found, Wrong):
                return WRONG
            return [static(each.shape) for each in found] if isinstance(found, list) else static(found.shape)
        case "built":
            return bool(outputs)
        case "dtype" | "compute_dtype":
            return "float32"
    return MISSING


# -------------------------------------------------------------------------------------------------------------- objects


def _of_object(context: Context, owner: ObjectValue | Super, attribute: syntax.Attribute) -> Value:
    """An attribute of an object of the file: its own, of its class, or of Keras' class that this one extends."""
    name, span = attribute.name, attribute.name_span
    held = owner.owner if isinstance(owner, Super) else owner
    if isinstance(owner, ObjectValue) and name in owner.attributes:
        return owner.attributes[name]
    found = held.cls.find(name, owner.after) if isinstance(owner, Super) else held.cls.find(name)
    if isinstance(found, FunctionValue):
        return _bound(context, held, found, attribute)
    if found is not MISSING:
        return found
    if name == "__init__":
        return Method(owner, name, span)
    if held.cls.kind and name in KERAS_LAYER_METHODS:
        return Method(owner, name, span)
    if held.cls.kind == "model" and held.model is not None and name in (*MODEL_METHODS, *AFTERWARDS, "layers"):
        return _of_model(context, held.model, name, span)
    if held.cls.kind in ("layer", "model"):
        inputs = list(held.model.inputs) if held.model is not None else []
        outputs = list(held.model.outputs) if held.model is not None else [held.output] if held.output else []
        if name == "losses":
            return []
        found = _of_called(context, held, name, inputs, outputs, span)
        if found is not MISSING:
            return found
        if name in AFTERWARDS:
            return Unknown(context.text(attribute.span), attribute.span)
        if isinstance(base := held.attributes.get("<base>"), LayerValue):
            found = _of_layer(context, base, name, span)
            if found is not MISSING:
                return found
    if name == "__class__":
        return held.cls
    if not held.cls.kind:
        context.throw("AttributeError")
    message = f"{sentence(describe_value(held))} has no `{name}`"
    names = [*held.attributes, *(each for cls in held.cls.order() for each in cls.namespace)]
    return context.error("unknown-attribute", span, message, hint=suggestion(name, names))


def _bound(context: Context, held: ObjectValue, function: FunctionValue, attribute: syntax.Attribute) -> Value:
    method = Method(held, attribute.name, attribute.name_span, function)
    if function.kind == "static":
        return function
    if function.kind == "property":
        return context.caller.call_method(method, attribute.span)
    if function.kind == "class":
        return Method(held.cls, attribute.name, attribute.name_span, function)
    return method


def _of_class(context: Context, owner: ClassValue, attribute: syntax.Attribute) -> Value:
    found = owner.find(attribute.name)
    if isinstance(found, FunctionValue) and found.kind == "class":
        return Method(owner, attribute.name, attribute.name_span, found)
    if found is not MISSING:
        return found
    if attribute.name == "__name__":
        return owner.name
    message = f"{sentence(describe_value(owner))} has no `{attribute.name}`"
    names = [each for cls in owner.order() for each in cls.namespace]
    return context.error("unknown-attribute", attribute.name_span, message, hint=suggestion(attribute.name, names))


# -------------------------------------------------------------------------------------------------------------- setting

UNNAMED = "variable"
"""What Keras calls a weight that has no name; here the attribute that holds it gives it one."""
WITHOUT_EFFECT = ("supports_masking", "input_spec", "_name", "optimizer", "stop_training", "stateful", "built")


def set_attribute(context: Context, owner: Value, attribute: syntax.Attribute, value: Value) -> None:
    """`owner.name = value`; what cannot be set is reported."""
    name = attribute.name
    context.changes += name != "trainable" or not isinstance(value, bool)
    match owner:
        case Wrong():
            return
        case Unknown():
            owner.known[name] = Held(value)
            return
        case ObjectValue():
            _set_on_object(context, owner, attribute, value)
            return
        case ClassValue():
            owner.namespace[name] = value
            return
        case FunctionValue() if name in ("__doc__", "__name__", "__qualname__"):
            return
        case Namespace():
            context.ignore(attribute.span)  # what a library is changed by, gen does not know
            return
        case OptionsValue():
            owner.values[name] = value
            return
        case RecordType() if name == "__defaults__" and isinstance(value, tuple) and len(value) <= len(owner.fields):
            last = owner.fields[len(owner.fields) - len(value) :]
            owner.defaults = dict(zip(last, value, strict=True))
            return
    if name == "trainable" and isinstance(owner, Wrapped | InputValue):
        if isinstance(value, bool):
            set_trainable(owner, value)
        elif isinstance(value, Unknown):
            context.unknown(value, attribute.span)
        elif not isinstance(value, Wrong):
            message = f"`trainable` takes True or False, got {describe_value(value)}"
            context.error("bad-argument", attribute.span, message)
        return
    if name == "name" and isinstance(owner, Wrapped) and isinstance(value, str):
        owner.given_name = value
        return
    if isinstance(owner, Wrapped) and name in WITHOUT_EFFECT:
        return
    if isinstance(owner, LayerValue) and name == "activation":
        message = "The activation of a layer cannot be set afterwards"
        context.error("unknown-attribute", attribute.name_span, message, hint="give it to the layer: `Dense(8, relu)`")
        return
    message = f"`{name}` of {describe_value(owner)} cannot be set"
    context.error("unknown-attribute", attribute.name_span, message)


def _set_on_object(context: Context, owner: ObjectValue, attribute: syntax.Attribute, value: Value) -> None:
    name = attribute.name
    if isinstance(value, Variable) and owner.cls.kind in ("layer", "model"):
        made, node = Method(owner, "add_weight", attribute.span), syntax.Constant(None, attribute.span)
        arguments = weight_of(value, node)
        context.need(value.made_by)
        value = context.caller.call(made, arguments, arguments.site(owner.group))
    setter = owner.cls.find(name)
    if isinstance(setter, FunctionValue) and setter.kind == "property":
        setter = MISSING  # without a setter of its own, what is set hides it
    if name == "trainable" and owner.cls.kind and isinstance(value, bool):
        set_trainable(owner, value)
    if name in ("_name", "name") and owner.cls.kind and isinstance(value, str):
        owner.given_name = value
    owner.attributes[name] = value
    note_binding(context, value, name)
    if isinstance(value, Wrapped) and owner.cls.kind:
        value.variable = value.variable or name
    elif isinstance(value, TensorValue) and isinstance(value.maker, LayerCall) and not value.maker.inputs:
        layer = value.maker.layer
        if layer.component.own_weight and layer.kind == UNNAMED:  # a weight of the object
            layer.kind = name


def set_trainable(owner: Wrapped | InputValue | Any, trainable: bool) -> None:
    """`owner.trainable = …`, which holds for everything inside it too."""
    match owner:
        case ModelValue():
            owner.trainable = trainable
            for call in owner.calls:
                call.layer.trainable = trainable
            for item in owner.layers or ():
                set_trainable(item.value, trainable)
        case LayerValue():
            owner.trainable = trainable
        case Distributed():
            set_trainable(owner.inner, trainable)
        case BidirectionalValue():
            set_trainable(owner.forward, trainable)
            set_trainable(owner.backward, trainable)
        case ObjectValue():
            owner.trainable = trainable
            if owner.model is not None:
                set_trainable(owner.model, trainable)
            pending: list[Value] = list(owner.attributes.values())
            while pending:
                each = pending.pop()
                if isinstance(each, Wrapped):
                    set_trainable(each, trainable)
                elif isinstance(each, list | tuple):
                    pending += each
                elif isinstance(each, dict):
                    pending += each.values()


__all__ = ["AFTERWARDS", "PHASE", "Dim", "attribute_of", "has_attribute", "set_attribute", "static"]
