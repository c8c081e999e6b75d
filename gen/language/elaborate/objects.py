"""Calls of Python's own functions, and of the methods of models, layers, tensors and plain values."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gen.components.arguments import Word
from gen.components.base import Component
from gen.language import syntax
from gen.language.elaborate import arrays, data, methods, named_tuples, options
from gen.language.elaborate.attributes import GETTERS, attribute_of, has_attribute, set_attribute, static
from gen.language.elaborate.builtin import FUNCTIONS, TYPES, is_a, sort
from gen.language.elaborate.changes import CHANGING
from gen.language.elaborate.classes import add_to_model, build_model, call_base_method
from gen.language.elaborate.context import Context
from gen.language.elaborate.models import add, begin_with, count_rebuilt
from gen.language.elaborate.modules import MODULES as PLAIN
from gen.language.elaborate.modules import OPERATORS
from gen.language.elaborate.order import find_layer, layers_of
from gen.language.elaborate.problems import Problem
from gen.language.elaborate.spellings import MODULES, suggestion
from gen.language.elaborate.tensors import combine_tensors
from gen.language.elaborate.training import DATA, FIT_ORDER, WHEN_CALLED
from gen.language.elaborate.unheld import note_training
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    BidirectionalValue,
    Builtin,
    ClassValue,
    Data,
    DictValue,
    Distributed,
    Function,
    FunctionValue,
    Group,
    LambdaValue,
    LayerValue,
    Member,
    Method,
    ModelValue,
    ObjectValue,
    OptionsValue,
    ParserValue,
    PlainFunction,
    RecordValue,
    Super,
    TensorValue,
    Unknown,
    Value,
    Wrapped,
    Wrong,
    everything_in,
    without_shape,
)

SUMMARY = ("line_length", "positions", "print_fn", "expand_nested", "show_trainable", "layer_range")
ASKING = (
    "isinstance",
    "issubclass",
    "getattr",
    "hasattr",
    "setattr",
    "type",
    "callable",
    "super",
    "object",
    "next",
    "eval",
    "vars",
    "id",
)
"""Python's own functions about objects, which need more than values."""
PYTHON = frozenset({*FUNCTIONS, *ASKING})
"""Every function and type of Python's own that the language has."""

# --------------------------------------------------------------------------------------------------- Python's functions


def call_builtin(
    context: Context, function: Builtin | PlainFunction, arguments: Arguments, group: Group | None
) -> Value:
    """`len(x)`, `math.sqrt(64)`, `isinstance(x, int)`."""
    values = [each.value for each in arguments.positional]
    keywords = {name: each.value for name, each in arguments.keywords.items()}
    name = function.name if isinstance(function, Builtin) else function.path
    if name == "print":
        return None
    module, _, last = name.rpartition(".")
    if module in ("", "numpy") and (known := data.called(last, values, keywords)) is not None:
        context.need(data.sources(values[:1]))
        return known
    for each in (*values, *keywords.values()):
        if isinstance(each, Wrong | Unknown):
            return without_shape(each)
    if last in GETTERS and module in (*MODULES, "constraints"):
        given = values[0] if values else next(iter(keywords.values()), None)
        if given is None and module == "activations":
            given = "linear"
        return Member(given, MODULES[module]) if isinstance(given, str) and module in MODULES else given
    if name in ASKING:
        return _ask(context, name, arguments, group)
    if name == "sum" and values and _holds_tensors(values[0]):
        return _sum_of_tensors(context, values, arguments, group)
    site = arguments.site(group)
    if module == "operator" and len(values) == 2 and any(isinstance(each, TensorValue) for each in values):
        return combine_tensors(context, OPERATORS[last], values[0], values[1], site)
    if name in _OF_TENSORS and any(isinstance(each, TensorValue) for each in values):
        operation = Function(_OF_TENSORS[name], ("keras", "ops", _OF_TENSORS[name]))
        return context.caller.call(operation, arguments, site)

    def call(called: Value, given: Any) -> Value:
        return context.caller.call_with(called, list(given), site)

    try:
        return context.counted(_plain_function(name)(call, *values, **keywords), arguments.span)
    except Problem as problem:
        return context.no_result(problem, arguments.span, (*values, *keywords.values()))
    except TypeError:
        return context.error("bad-argument", arguments.span, f"`{name}` does not take these arguments")


_OF_TENSORS = {"abs": "absolute", "pow": "power"}
"""Python's functions that call a method of their argument, which a tensor has: what `keras.ops` calls the operation."""


def _plain_function(name: str) -> Callable[..., Value]:
    module, _, member = name.rpartition(".")
    if not module:
        return FUNCTIONS[name] if name in FUNCTIONS else FUNCTIONS["float" if name.startswith("float") else "int"]
    function = PLAIN[module][member]
    assert callable(function)
    return function  # type: ignore[no-any-return]  # it is called


def _holds_tensors(value: Value) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(each, TensorValue) for each in value)


def _sum_of_tensors(context: Context, values: list[Value], arguments: Arguments, group: Group | None) -> Value:
    """`sum([a, b])` of tensors, which adds them one after the other to 0."""
    total = values[1] if len(values) > 1 else None
    if total is None:
        context.count_operation("add")  # 0 and the first
    for each in values[0]:
        total = each if total is None else combine_tensors(context, "+", total, each, arguments.site(group))
    return total


def _ask(context: Context, name: str, arguments: Arguments, group: Group | None) -> Value:
    """`isinstance`, `getattr` and the like."""
    values = [each.value for each in arguments.positional]
    needed = {"isinstance": 2, "issubclass": 2, "getattr": 2, "hasattr": 2, "setattr": 3}.get(name, 1)
    if len(values) < needed and name != "object":
        return context.error("missing-argument", arguments.span, f"`{name}` takes {needed} arguments")
    match name:
        case "isinstance":
            kinds = values[1] if isinstance(values[1], tuple) else (values[1],)
            return any(is_instance(values[0], kind) for kind in kinds)
        case "issubclass":
            return isinstance(values[0], ClassValue) and values[1] in values[0].order()
        case "callable":
            return isinstance(values[0], FunctionValue | ClassValue | Builtin | Word | Component | Wrapped | Method)
        case "type":
            return _type_of(values[0])
        case "eval":
            return _read(values[0], arguments)
        case "vars" if isinstance(values[0], OptionsValue):
            return DictValue(values[0].values)
        case "next":
            if isinstance(values[0], list) and values[0]:
                return values[0].pop(0)
            return values[1] if len(values) > 1 else Unknown("next(…)", arguments.span)
    if name in ("getattr", "hasattr", "setattr"):
        if not isinstance(values[1], str):
            return context.error("bad-argument", arguments.span, f"`{name}` takes the name of an attribute as a string")
        attribute = syntax.Attribute(arguments.positional[0].node, values[1], arguments.span, arguments.span)
        if name == "setattr":
            set_attribute(context, values[0], attribute, values[2])
            return None
        held = has_attribute(context, values[0], values[1])
        if name == "hasattr":
            return held
        return attribute_of(context, values[0], attribute) if held or len(values) < 3 else values[2]
    return Unknown(f"{name}(…)", arguments.span)


def _read(text: Value, arguments: Arguments) -> Value:
    """`eval("[64, 32]")`: what a string says that holds numbers and strings alone."""
    try:
        made = ast.literal_eval(text.strip()) if isinstance(text, str) else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        made = None
    plain = all(isinstance(each, bool | int | float | str | list | tuple | None) for each in everything_in(made))
    return made if made is not None and plain else Unknown("eval(…)", arguments.span)


def is_instance(value: Value, kind: Value) -> bool:
    """Whether a value is of a type: one of Python's, a class of the file, or a class of Keras."""
    if isinstance(kind, ClassValue):
        return isinstance(value, ObjectValue) and kind in value.cls.order()
    name = getattr(kind, "name", "")
    if name in TYPES:
        return is_a(value, name)
    if name == "Layer":
        return (isinstance(value, Wrapped) and not isinstance(value, ObjectValue)) or (
            isinstance(value, ObjectValue) and value.cls.kind in ("layer", "model")
        )
    if name in ("Model", "Functional", "Sequential"):
        if isinstance(value, ObjectValue):
            return value.cls.kind == "model" and name == "Model"
        return isinstance(value, ModelValue) and (name != "Sequential" or value.sequential)
    if name in ("KerasTensor", "Tensor"):
        return isinstance(value, TensorValue)
    if isinstance(kind, Word):
        component = value.component if isinstance(value, LayerValue) else value
        return isinstance(component, Component) and type(component).__name__ == kind.name
    return False


def _type_of(value: Value) -> Value:
    if isinstance(value, ObjectValue):
        return value.cls
    return Builtin(next((name for name in ("bool", *TYPES) if is_a(value, name)), type(value).__name__))


# -------------------------------------------------------------------------------------------------------------- methods

NO_EFFECT = ("seed", "set_random_seed", "set_seed", "enable_unsafe_deserialization", "clear_session", "plot_model")


def data_of(function: Value, call: syntax.Call) -> set[str | int]:
    """The arguments that are for the running model, by name or position: what is in them is not looked at."""
    if isinstance(function, Method) and function.name == "fit" and isinstance(function.owner, ModelValue):
        unread = {*DATA, *WHEN_CALLED}
        return {*unread, *(index for index, name in enumerate(FIT_ORDER) if name in unread)}
    if isinstance(function, Unknown) and not function.missing and function.needed is None:
        if data.makes_data(function):
            return set()
        return {*range(len(call.positional)), *(keyword.name for keyword in call.keywords)}
    return set()


def call_method(context: Context, method: Method, arguments: Arguments, group: Group | None) -> Value:
    """A method of a model, a layer, a tensor or a plain value."""
    owner = method.owner
    match owner:
        case ParserValue():
            return options.call(context, owner, method, arguments)
        case ModelValue():
            return _of_model(context, owner, method, arguments, group)
        case ObjectValue() | Super():
            return call_base_method(context, method, arguments, group)
        case TensorValue():
            return static(owner.shape)
        case RecordValue() if method.name in named_tuples.METHODS:
            return named_tuples.call_method(context, owner, method, arguments)
        case LayerValue() | Distributed() | BidirectionalValue() | LambdaValue():
            return _of_layer(context, owner, method, arguments, group)
    context.mutations += method.name in CHANGING
    positional = [each.value for each in arguments.positional]
    keywords = {name: each.value for name, each in arguments.keywords.items()}
    if isinstance(owner, Data):
        known = data.method(owner, method.name, positional, keywords)
        return without_shape(owner) if known is None else known
    for each in (*positional, *keywords.values()):
        if isinstance(each, Wrong | Unknown) and method.name not in ("append", "insert", "get", "setdefault", "update"):
            return without_shape(each)
    try:
        if isinstance(owner, np.ndarray):
            return context.counted(arrays.method(owner, method.name, positional, keywords), arguments.span)
        if isinstance(owner, list) and method.name == "sort":
            site = arguments.site(group)
            owner[:] = sort(
                lambda called, given: context.caller.call_with(called, list(given), site), owner, **keywords
            )
            return None
        if isinstance(owner, tuple) and method.name == "as_list":
            return list(owner)
        return methods.run(owner, method.name, positional, keywords)
    except Problem as problem:
        return context.no_result(problem, arguments.span, (owner, *positional, *keywords.values()))


def _of_model(context: Context, model: ModelValue, method: Method, arguments: Arguments, group: Group | None) -> Value:
    """`compile` and `fit` are kept for the end, when everything has its name; `add` works at once."""
    context.changes += method.name != "fit"
    match method.name:
        case "compile":
            model.compilations.append(arguments)
            model.frozen = None
        case "fit":
            model.fits.append(arguments)
            _begin_with_data(context, model, arguments)
            note_training(context, model)
            return Unknown(context.text(arguments.span), arguments.span, kept=True)
        case "summary":
            _summarise(context, model, arguments)
        case "add":
            _add(context, model, arguments)
        case "pop":
            return _pop(context, model, arguments)
        case "get_layer":
            return _get_layer(context, model, arguments)
        case "build":
            return _build(context, model, arguments)
        case "call":
            return context.caller.call(model, arguments, arguments.site(group))
        case "add_loss":
            return add_to_model(context, model, arguments, group)
    return None


def _begin_with_data(context: Context, model: ModelValue, arguments: Arguments) -> None:
    """A Sequential, or a model of a class, that has no Input learns its shape from its data, as in Keras."""
    given = arguments.keywords.get("x") or next(iter(arguments.positional), None)
    shape: tuple[Value, ...] = ()
    if given is not None and isinstance(given.value, Data | np.ndarray):
        shape = given.value.shape[1:]
    if given is None or model.inputs or not shape or not all(isinstance(size, int) for size in shape):
        return
    if model.sequential:
        begin_with(context, model, shape, arguments.span)
    elif model.instance is not None:
        on = Argument((None, *shape), given.node)
        build_model(context, model.instance, replace(arguments, positional=(on,), keywords={}))
    else:
        return
    context.need((given.span, *data.sources([given.value])))


def _summarise(context: Context, model: ModelValue, arguments: Arguments) -> None:
    model.summary = True
    for argument in arguments.positional:
        context.error("too-many-arguments", argument.span, "`summary` takes no arguments without a name")
    for name, span in arguments.name_spans.items():
        if name in SUMMARY:
            context.warning("ignored-argument", span, f"`{name}` of `summary` has no effect: gen prints its own table")
        else:
            context.error("unknown-argument", span, f"`summary` has no argument `{name}`")


def _add(context: Context, model: ModelValue, arguments: Arguments) -> None:
    if not model.sequential:
        if not model.broken:
            message = "Only a Sequential has `add`; this is a Model"
            hint = "call the layer on a tensor: `x = Dense(8)(x)`"
            context.error("unknown-attribute", arguments.function, message, hint=hint)
    elif len(arguments.positional) + len(arguments.keywords) != 1:
        context.error("wrong-call", arguments.span, "`add` takes one layer")
        model.broken = True
    else:
        (argument,) = (*arguments.positional, *arguments.keywords.values())
        add(context, model, argument, arguments.heading)
        count_rebuilt(context, model)


def _pop(context: Context, model: ModelValue, arguments: Arguments) -> Value:
    """Takes the last layer out of a Sequential."""
    if not model.layers or model.group is not None:
        return context.error("wrong-call", arguments.span, "`pop` takes the last layer out of a Sequential")
    item = model.layers.pop()
    if model.calls:
        first = next(call for call in model.calls if item.value in (call.layer, call.unit))
        model.outputs = first.inputs[:1]
        model.calls = model.calls[: model.calls.index(first)]
    return item.value


def _get_layer(context: Context, model: ModelValue, arguments: Arguments) -> Value:
    if model.unknown is not None or model.broken:
        return WRONG if model.unknown is None else model.unknown
    given = dict(zip(("name", "index"), arguments.positional, strict=False)) | arguments.keywords
    if "index" in given and isinstance(given["index"].value, int):
        layers, index = layers_of(model), given["index"].value
        if -len(layers) <= index < len(layers):
            return layers[index]
        return context.error("bad-index", arguments.span, f"The model has {len(layers)} layers, and none at {index}")
    name = given["name"].value if "name" in given else None
    found = find_layer(model, name) if isinstance(name, str) else None
    if found is not None or isinstance(name, Wrong):
        return WRONG if found is None else found
    names = [each for layer in layers_of(model) for each in (layer.given_name, getattr(layer, "auto_name", "")) if each]
    message = f"The model has no layer `{name}`" if isinstance(name, str) else "`get_layer` takes a name or an index"
    hint = (suggestion(name, names) if isinstance(name, str) else None) or f"it has {', '.join(names[:8])}"
    return context.error("unknown-name", arguments.span, message, hint=hint)


def _build(context: Context, model: ModelValue, arguments: Arguments) -> Value:
    """`model.build((None, 32))`, for a Sequential without an Input."""
    given = (*arguments.positional, *arguments.keywords.values())
    shape = given[0].value if given else None
    if model.inputs or not model.sequential:
        return None
    if not isinstance(shape, list | tuple) or not shape or not all(isinstance(size, int | None) for size in shape):
        message = "`build` takes the shape of the input, with the batch first"
        return context.error("bad-argument", arguments.span, message, hint="write `model.build((None, 32))`")
    begin_with(context, model, shape[1:], arguments.span)
    return None


def _of_layer(context: Context, layer: Wrapped, method: Method, arguments: Arguments, group: Group | None) -> Value:
    match method.name:
        case "call":
            return context.caller.call(layer, arguments, arguments.site(group))
        case "build":
            return None
    return Unknown(context.text(arguments.function), arguments.span)
