"""Binds the arguments of a call to those of a component, and makes the component."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np

from gen.components.arguments import Count, Word, accept
from gen.components.base import Activation, ArgumentError, Component, Layer, Regularizer, parameters, registry
from gen.diagnostics import Note, Span
from gen.graph.graph import OwnConstraint, OwnRegularizer
from gen.language.elaborate.context import Context
from gen.language.elaborate.drawn import OwnInitializer
from gen.language.elaborate.keras_names import kind_in_keras
from gen.language.elaborate.older import present_arguments, refused
from gen.language.elaborate.spellings import kinds_of, suggestion
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    FunctionValue,
    LayerValue,
    ObjectValue,
    PartialValue,
    TensorValue,
    Undecided,
    Unknown,
    Value,
    Wrong,
    describe_value,
    is_wrong,
    sentence,
    unknown_in,
)
from gen.records import record

LAYER_OPTIONS: dict[str, Any] = {
    "name": str | None,
    "trainable": bool,
    "dtype": str | None,
    "input_shape": tuple[Count | None, ...] | Count,
    "input_dim": Count,
    "input_length": Count | None,
    "batch_input_shape": tuple[Count | None, ...],
    "activity_regularizer": Regularizer | None,
}
"""What every layer takes besides its own arguments."""


def input_shape_of(options: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The shape of the input that the options of a layer say; None if they say none."""
    shape = options.get("input_shape")
    if shape is not None:
        return (shape,) if isinstance(shape, int) else shape
    if "batch_input_shape" in options:
        return options["batch_input_shape"][1:]  # type: ignore[no-any-return]  # the same
    length = options.get("input_length")
    if "input_dim" in options:
        return (options["input_dim"],) if length is None else (length, options["input_dim"])
    return (length,) if "input_length" in options else None


LONGEST_NAME = 100
_NOT_IN_NAMES = re.compile(r"""["'`\\#]|^[.\- ]|[ ]$|//|^/|/$|/\.{1,2}/|/\.{1,2}$""")
"""What would end a string or a comment of a generated file, or lead out of the folder that weights are unpacked in."""


@dataclass(frozen=True)
class _Signature:
    """The arguments of a component: their names in order, how many are needed, and what each may be."""

    names: tuple[str, ...]
    required: int
    annotations: dict[str, Any]


_signatures: dict[type[Component], _Signature] = {}


def _signature(cls: type[Component]) -> _Signature:
    if cls not in _signatures:
        known = parameters(cls)
        annotations = (LAYER_OPTIONS if issubclass(cls, Layer) else {}) | {each.name: each.annotation for each in known}
        required = sum(each.required for each in known)
        _signatures[cls] = _Signature(tuple(each.name for each in known), required, annotations)
    return _signatures[cls]


@record
class Made:
    """A component, and the options that do not belong to it but to the layer."""

    component: Component
    options: dict[str, Any] = field(default_factory=dict)


def make(context: Context, cls: type[Component], called: str, arguments: Arguments) -> Made | Wrong:
    """The component `cls`, which the file calls `called`, with these arguments; what is wrong is reported."""
    reported = len(context.diagnostics.items)
    given = _assign(context, cls, called, arguments)
    wrong = given is None or (len(context.diagnostics.items) > reported and context.diagnostics.failed)
    values: dict[str, Any] = {}
    options: dict[str, Any] = {}
    signature = _signature(cls)
    for name, argument in (given or {}).items():
        if name == "data_format" and _is_channels_first(argument.value):
            options[CHANNELS_FIRST] = True
            continue
        accepted = accepted_value(context, name, signature.annotations[name], argument)
        if name == "name" and isinstance(accepted, str) and not accepted:
            continue  # Keras takes it, and it names nothing
        if isinstance(accepted, Wrong) or (name == "name" and not valid_name(context, accepted, argument)):
            wrong = True
        else:
            (values if name in signature.names else options)[name] = accepted
    if given is not None and set(arguments.keywords) <= given.keys() | cls.unsupported.keys() | cls.ignored.keys():
        wrong |= _report_missing(context, cls, called, given, arguments)
    lacks = any(each.required and each.name not in values for each in parameters(cls))
    if wrong or (lacks and context.diagnostics.failed):  # which an error of this place says, in another call of it
        return Wrong()
    try:
        return Made(cls(**values), options)
    except ArgumentError as problem:
        place = (given or {}).get(problem.argument)
        span = place.span if place else arguments.span
        return context.error("bad-argument", span, sentence(problem.message), hint=problem.hint)


CHANNELS_FIRST = "channels_first"
"""The option of a layer whose `data_format` says so."""


def _is_channels_first(value: Value) -> bool:
    """Whether `data_format` says that the channels come first."""
    said = value.name if isinstance(value, Word) else value
    return isinstance(said, str) and said.lower() == CHANNELS_FIRST


WORDS_IN_ANY_CASE = ("data_format", "padding")
"""Arguments whose words Keras reads in capitals too: `padding="SAME"`."""


def accepted_value(context: Context, name: str, annotation: Any, argument: Argument) -> Value:
    """The argument's value as its annotation asks for; `WRONG`, and a diagnostic, if it does not fit."""
    if is_wrong(argument.value):
        return Wrong()
    value = settle(context, argument.value, annotation)
    if isinstance(value, np.ndarray):
        value = value.tolist()  # `kernel_size=np.array([3, 3])`
    if name in WORDS_IN_ANY_CASE and isinstance(value, str):
        value = value.lower()
    if is_wrong(value):
        return Wrong()
    try:
        return accept(name, annotation, value)
    except ArgumentError as problem:
        written = value.name if isinstance(value, Word) else value
        kind = next(
            (kind for kind in _kinds(annotation) if isinstance(written, str) and is_missing(kind, written)), None
        )
        if kind is not None:
            return context.unknown(Unknown(written, argument.span, missing=True), argument.span)
        return context.error("bad-argument", argument.span, sentence(problem.message), hint=problem.hint)


def is_missing(kind: str, name: str) -> bool:
    """Whether Keras has a component of this kind under a name, and gen has not."""
    return kind_in_keras(kind, name) and name not in registry[kind]


def settle(context: Context, value: Value, annotation: Any) -> Value:
    """`value` with the calls in it decided for what `annotation` asks for, and layers replaced by what they are."""
    match value:
        case Undecided(word, kinds, arguments):
            wanted = _kinds(annotation)
            kind = next((kind for kind in kinds if kind in wanted), kinds[0])
            made = make(context, registry[kind][word.name], word.name, arguments)
            return made.component if isinstance(made, Made) else made
        case LayerValue(component=component) if "initializer" in _kinds(annotation):
            return _as_initializer(context, value)
        case LayerValue(component=component):
            return _as_activation(context, value) if "activation" in _kinds(annotation) else component
        case FunctionValue() if "regularizer" in _kinds(annotation):
            return OwnRegularizer(value.name, value)
        case FunctionValue() | PartialValue() if "initializer" in _kinds(annotation):
            return OwnInitializer(getattr(value, "name", "partial"), value)
        case ObjectValue() if value.cls.kind == "initializer" and "initializer" in _kinds(annotation):
            return OwnInitializer(value.cls.name, value)
        case ObjectValue() if value.cls.kind == "regularizer" and "regularizer" in _kinds(annotation):
            return OwnRegularizer(value.cls.name, value)
        case FunctionValue() if "constraint" in _kinds(annotation):
            return OwnConstraint(value.name, value)
        case ObjectValue() if value.cls.kind == "constraint" and "constraint" in _kinds(annotation):
            return OwnConstraint(value.cls.name, value)
        case list():
            return [settle(context, item, annotation) for item in value]
        case tuple():
            return tuple(settle(context, item, annotation) for item in value)
        case _:
            return value


def _as_activation(context: Context, layer: LayerValue) -> Component:
    """A layer that only applies an activation, given as an activation: `activation=LeakyReLU()`."""
    component = layer.component
    if isinstance(component, Layer) and type(component).weights is Layer.weights:
        inner = getattr(component, "activation", None)
        if isinstance(inner, Activation):
            if not layer.calls and layer in context.layers:
                context.layers.remove(layer)  # it is no layer of its own
            return inner
    return component


def _as_initializer(context: Context, layer: LayerValue) -> Component:
    """An initializer that has its name from a layer too, `Identity()`, given as an initializer."""
    cls = registry["initializer"].get(type(layer.component).__name__)
    if cls is None or layer.calls:
        return layer.component
    if layer in context.layers:
        context.layers.remove(layer)  # it is no layer
    return cls()


def _kinds(annotation: Any) -> set[str]:
    """The kinds of components that an argument takes, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Component):
        return {annotation.kind}
    return {kind for inner in get_args(annotation) for kind in _kinds(inner)}


def _assign(context: Context, cls: type[Component], called: str, arguments: Arguments) -> dict[str, Argument] | None:
    """The arguments by the names of the parameters that they are for; None if no name can be given to one."""
    signature = _signature(cls)
    names = signature.names
    given: dict[str, Argument] = {}
    arguments = present_arguments(context, cls, called, names, signature.annotations, arguments)
    for index, argument in enumerate(arguments.positional):
        if isinstance(argument.value, TensorValue) and issubclass(cls, Layer):
            _report_called_once(context, called, argument)
            return None
        if index >= signature.required and "activation" in names and _is_activation(argument.value):
            name = "activation"
        elif index < len(names):
            name = names[index]
        else:
            _report_surplus(context, called, names, arguments)
            break
        if name in given:
            _report_twice(context, called, name, given[name], argument)
            continue
        given[name] = argument
    for name, argument in arguments.keywords.items():
        if name in given:
            _report_twice(context, called, name, given[name], argument)
        elif name in signature.annotations:
            given[name] = argument
        else:
            _report_other(context, cls, called, name, arguments)
    return given


def renamed(context: Context, span: Span, called: str, old: str, new: str) -> str:
    """The name that Keras 3 has for an argument that older versions call `old`, with a warning."""
    context.warning("old-spelling", span, f"Keras 3 calls the argument `{old}` of `{called}` `{new}`")
    return new


def _is_activation(value: Value) -> bool:
    return isinstance(value, Activation) or (isinstance(value, Word) and "activation" in kinds_of(value))


def _report_called_once(context: Context, called: str, argument: Argument) -> None:
    text = context.text(argument.span)
    context.error(
        "bad-argument",
        argument.span,
        f"`{called}(…)` makes a layer; the tensor goes into a second pair of brackets",
        label="a tensor",
        hint=f"write `{called}(…)({text})`",
    )


def _report_surplus(context: Context, called: str, names: Sequence[str], arguments: Arguments) -> None:
    count, most = len(arguments.positional), len(names)
    takes = f"at most {most} argument{'s' * (most != 1)} without a name" if most else "no arguments without a name"
    context.error("too-many-arguments", arguments.positional[most].span, f"`{called}` takes {takes}, got {count}")


def _report_twice(context: Context, called: str, name: str, first: Argument, second: Argument) -> None:
    context.error(
        "duplicate-argument",
        second.span,
        f"`{called}` gets its argument `{name}` twice",
        notes=(Note(first.span, "given here first"),),
        hint="remove one of them",
    )


def _report_other(context: Context, cls: type[Component], called: str, name: str, arguments: Arguments) -> None:
    """What to say of an argument that the component does not have: refused, ignored or unknown."""
    argument, span = arguments.keywords[name], arguments.name_spans[name]
    if name in cls.unsupported:
        if argument.value is not None and argument.value is not False:
            context.error(
                "unsupported-argument", span, f"gen does not support `{name}` of `{called}`: {cls.unsupported[name]}"
            )
    elif name in cls.ignored:
        context.warning("ignored-argument", span, f"`{name}` of `{called}` has no effect: {cls.ignored[name]}")
    else:
        signature = _signature(cls)
        reason = refused(cls, name)
        if reason is not None:
            message = f"gen does not support `{name}` of `{called}`: {reason[0]}"
            context.error("unsupported-argument", span, message, hint=reason[1])
            return
        hint = suggestion(name, signature.annotations)
        if hint is None and signature.names:
            hint = f"`{called}` takes {_enumeration(signature.names)}"
        context.error("unknown-argument", span, f"`{called}` has no argument `{name}`", hint=hint)


def _enumeration(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _report_missing(
    context: Context, cls: type[Component], called: str, given: dict[str, Argument], arguments: Arguments
) -> bool:
    missing = [item.name for item in parameters(cls) if item.required and item.name not in given]
    if not missing:
        return False
    listed = _enumeration(missing)
    context.error(
        "missing-argument",
        arguments.span,
        f"`{called}` needs its argument{'s' * (len(missing) > 1)} {listed}",
        hint=f"write `{called}({', '.join(f'{name}=…' for name in missing)})`",
    )
    return True


def is_name(name: str) -> bool:
    """Whether a text may name a layer, an input or a model: any printable one that is safe wherever it is written."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable() and _NOT_IN_NAMES.search(name) is None


def valid_name(context: Context, name: str | None, argument: Argument) -> bool:
    """Whether `name` may name a layer, an input or a model; a diagnostic says why not."""
    if name is None or is_name(name):
        return True
    context.error(
        "bad-name",
        argument.span,
        f"{f'`{name[:40]}`' if name else 'An empty string'} cannot be a name: "
        f"a name has at most {LONGEST_NAME} printable characters, no quotes, `\\`, or `#`, "
        "and begins with no `.`, `-`, or blank",
        hint="each part between `/` needs a name" if "/" in name else None,
    )
    return False


def option_name(context: Context, argument: Argument | None) -> str | Wrong | None:
    """The value of a `name=` that is not bound by `make`."""
    if argument is None or argument.value is None:
        return None
    value = argument.value.name if isinstance(argument.value, Word) else argument.value
    if is_wrong(value):
        return Wrong()
    if not isinstance(value, str):
        return context.error("bad-argument", argument.span, f"`name` takes a string, got {describe_value(value)}")
    return value if valid_name(context, value, argument) else Wrong()


def known_arguments(context: Context, cls: type[Component] | None, called: str, arguments: Arguments) -> Arguments:
    """The arguments without those that only data gives, and that change nothing of what the model is.

    A matrix of weights, given as `weights=` or in an initializer, is for the generated model; gen has no constraints.
    """
    kept: dict[str, Argument] = {}
    for name, argument in arguments.keywords.items():
        found = unknown_in(argument.value)
        first = name == "weights" or name.endswith("_initializer")
        if name == "weights" or (found is not None and first and not found.missing):
            message = f"`{name}` of `{called}` is data, which the generated model begins without"
            hint = "load the numbers into it: `model.weights[…][...] = matrix`"
            if argument.value is not None:
                context.warning("ignored-argument", arguments.name_spans[name], message, hint=hint)
                context.unused_arguments.add(argument.span)
        elif found is not None and cls is not None and name in cls.unsupported:
            _report_other(context, cls, called, name, arguments)
            return replace(arguments, keywords={**kept, name: replace(argument, value=WRONG)})
        else:
            kept[name] = argument
    return arguments if len(kept) == len(arguments.keywords) else replace(arguments, keywords=kept)
