"""Calls of words: `Dense(32)`, `Input(784)`, `Model(x, y)`, `relu(x)`, `adam(0.01)`, `concatenate([a, b])`."""

from __future__ import annotations

from dataclasses import replace

from gen.components.activations import Linear
from gen.components.arguments import Word
from gen.components.base import Activation, Component, Layer, parameters, registry, snake_case
from gen.components.operations.base import operations
from gen.language.elaborate.apply import apply_layer, call_layer
from gen.language.elaborate.binding import CHANNELS_FIRST, Made, input_shape_of, make
from gen.language.elaborate.cells import CELLS, make_cell, make_rnn
from gen.language.elaborate.context import Context
from gen.language.elaborate.drawn import drawn_at_once
from gen.language.elaborate.functions import spelling
from gen.language.elaborate.inputs import make_input
from gen.language.elaborate.loss_functions import call_loss_function, formula_of, is_on_tensors
from gen.language.elaborate.models import make_model, make_sequential
from gen.language.elaborate.older import LAYER_NAMES, STILL_THERE, with_old_defaults
from gen.language.elaborate.operations import call_function
from gen.language.elaborate.spellings import function_forms, kinds_of, layer_named
from gen.language.elaborate.values import (
    WRONG,
    Arguments,
    CallOptions,
    Function,
    FunctionValue,
    Group,
    LayerValue,
    PartialValue,
    TensorValue,
    Undecided,
    Value,
    is_wrong,
)
from gen.language.elaborate.wrappers import make_bidirectional, make_lambda, make_time_distributed


def call_word(context: Context, word: Word, arguments: Arguments, group: Group | None, target: str | None) -> Value:
    """What the call of `word` makes; `target` is the variable that it is bound to, if it is."""
    if isinstance(word, Function):
        return call_function(context, word.path, arguments, group)
    match word.name:
        case "Input" | "InputLayer":
            return make_input(context, arguments, group, target)
        case "Model":
            return make_model(context, arguments, group)
        case "Sequential":
            return make_sequential(context, arguments, group)
        case "TimeDistributed":
            return make_time_distributed(context, arguments, group)
        case "Bidirectional":
            return make_bidirectional(context, arguments, group)
        case "RNN":
            return make_rnn(context, arguments, group)
        case _ if word.name in CELLS:
            return make_cell(context, word.name, arguments)
        case "Lambda":
            return make_lambda(context, arguments, group)
    kinds = kinds_of(word)
    if not kinds and word.name in function_forms():
        return _call_function_form(context, word.name, arguments, group)
    if not kinds:
        return context.error("not-callable", arguments.function, f"`{word.name}` cannot be called")
    if "layer" in kinds and not _means_other(kinds, word.name, arguments):
        return _make_layer(context, word.name, arguments, group)
    kinds = tuple(kind for kind in kinds if kind != "layer")
    if "activation" in kinds and arguments.positional:
        first = arguments.positional[0].value
        if is_wrong(first):
            return WRONG
        if isinstance(first, TensorValue):
            made = make(context, registry["activation"][word.name], word.name, arguments.without_first())
            return apply_activation(context, made.component, arguments, group) if isinstance(made, Made) else WRONG
    if ("loss" in kinds or "metric" in kinds) and is_on_tensors(arguments):
        formula = formula_of(word.name)
        if formula is not None:
            return call_loss_function(context, formula, arguments, group)
    if len(kinds) > 1:
        return Undecided(word, kinds, arguments)
    if kinds == ("initializer",) and isinstance(first_of(arguments, "shape"), list | tuple):
        drawn = drawn_at_once(context, word.name, arguments)
        if drawn is not None:
            return drawn
    made = make(context, registry[kinds[0]][word.name], word.name, arguments)
    return made.component if isinstance(made, Made) else made


def _means_other(kinds: tuple[str, ...], name: str, arguments: Arguments) -> bool:
    """Whether a name of a layer and of something else has arguments of the other: `Identity(gain=2)`."""
    if len(kinds) == 1 or "initializer" not in kinds:
        return False
    of_layer = [item.name for item in parameters(layer_named(name))]
    own = {item.name for kind in kinds if kind != "layer" for item in parameters(registry[kind][name])}
    return len(arguments.positional) > len(of_layer) or not own.isdisjoint({*arguments.keywords} - {*of_layer})


def _make_layer(context: Context, name: str, arguments: Arguments, group: Group | None) -> Value:
    if name == "Activation" and isinstance(first_of(arguments, "activation"), FunctionValue):
        return make_lambda(context, _with_function(arguments), group)
    cls = layer_named(name)
    arguments = with_old_defaults(context, name, arguments)
    if name in LAYER_NAMES and name not in STILL_THERE and name not in registry["layer"]:
        context.warning("old-spelling", arguments.function, f"Keras 3 calls `{name}` `{LAYER_NAMES[name]}`")
    own, arguments = _own_activation(cls, arguments)
    made = make(context, cls, name, arguments)
    if not isinstance(made, Made):
        return WRONG
    assert isinstance(made.component, Layer)
    component, activation = made.component, getattr(made.component, "activation", None)
    if CHANNELS_FIRST in made.options and own is None and hasattr(activation, "axis"):  # along the axis that it names
        component, own = replace(component, activation=Linear()), activation  # type: ignore[type-var]  # a dataclass
    layer = LayerValue(component, snake_case(cls.__name__), arguments.span, group, written=name)
    _set_options(context, layer, made, arguments)
    layer.auto_name = context.auto_name(layer.kind, layer.given_name)
    layer.activation = own
    context.layers.append(layer)
    return layer


def _own_activation(cls: type[Component], arguments: Arguments) -> tuple[Value, Arguments]:
    """The function of the file that is the activation of a layer, and the arguments without it; None if there is none.

    What a cell computes with it is the cell's business.
    """
    names = [each.name for each in parameters(cls)]
    place = names.index("activation") if "activation" in names and not hasattr(cls, "go_backwards") else len(names)
    keywords, positional = dict(arguments.keywords), list(arguments.positional)
    if "activation" in keywords and place < len(names) and _is_function(keywords["activation"].value):
        return keywords.pop("activation").value, replace(arguments, keywords=keywords)
    if place < len(positional) and _is_function(positional[place].value):
        own, positional[place] = positional[place].value, replace(positional[place], value=None)
        return own, replace(arguments, positional=tuple(positional))
    return None, arguments


def _is_function(value: Value) -> bool:
    if isinstance(value, Function):
        found = spelling(value.path)
        return found is not None and found.target in operations
    return isinstance(value, FunctionValue | PartialValue)


def first_of(arguments: Arguments, name: str) -> Value:
    """The value of the first argument, which is called `name`."""
    first = arguments.positional[0] if arguments.positional else arguments.keywords.get(name)
    return None if first is None else first.value


def _with_function(arguments: Arguments) -> Arguments:
    """The arguments of `Activation(function)`, which applies a function of the file, as those of `Lambda`."""
    named = dict(arguments.keywords)
    if "activation" in named:
        named["function"] = named.pop("activation")
    return replace(arguments, keywords=named)


def _set_options(context: Context, layer: LayerValue, made: Made, arguments: Arguments) -> None:
    options = made.options
    layer.given_name = options.get("name")
    layer.trainable = options.get("trainable", True)
    if options.get("dtype") not in (None, "float32"):
        context.error(
            "unsupported-argument",
            arguments.name_spans["dtype"],
            "gen does not support `dtype` of a layer: a model computes in one float type",
            hint="leave it out; the generated file has `Model(dtype=np.float64)`",
        )
    layer.input_shape = input_shape_of(options)
    layer.channels_first = options.get(CHANNELS_FIRST, False)
    layer.activity = options.get("activity_regularizer", getattr(layer.component, "activity_regularizer", None))


def apply_activation(context: Context, activation: object, arguments: Arguments, group: Group | None) -> Value:
    """An activation called as a function of a tensor."""
    assert isinstance(activation, Activation)
    name = snake_case(type(activation).__name__)
    layer = LayerValue(activation, name, arguments.span, group, written=name)
    tensor, said = arguments.positional[0].value, CallOptions(operator=f"{name}(…)")
    return apply_layer(context, layer, [tensor], arguments.site(group), said)


def _call_function_form(context: Context, name: str, arguments: Arguments, group: Group | None) -> Value:
    """`concatenate([a, b], axis=-1)`: a layer made and called at once."""
    if not arguments.positional:
        return context.error(
            "missing-argument",
            arguments.span,
            f"`{name}` needs a list of tensors",
            hint=f"write `{name}([a, b])`",
        )
    cls = function_forms()[name]
    if all(isinstance(argument.value, TensorValue) for argument in arguments.positional):
        inside = ", ".join(context.text(argument.span) for argument in arguments.positional)
        message, hint = f"`{name}` takes a list of tensors", f"write `{name}([{inside}])`"
        return context.error("wrong-call", arguments.span, message, hint=hint)
    made = make(context, cls, name, arguments.without_first())
    if not isinstance(made, Made):
        return WRONG
    assert isinstance(made.component, Layer)
    layer = LayerValue(made.component, snake_case(cls.__name__), arguments.span, group, written=name)
    _set_options(context, layer, made, arguments)
    on = Arguments(arguments.positional[:1], {}, {}, arguments.span, arguments.function, arguments.heading)
    return call_layer(context, layer, on, arguments.site(group))
