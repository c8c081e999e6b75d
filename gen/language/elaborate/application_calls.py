"""Calls of `keras.applications`: a text of gen's own runs where the file calls a model that it defines."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from pathlib import PurePath
from typing import Any

from gen.diagnostics import Diagnostics, Placed, Source, Span
from gen.language import syntax
from gen.language.elaborate.applications import PREPROCESSING
from gen.language.elaborate.context import Context
from gen.language.elaborate.models import broken
from gen.language.elaborate.running import Runner
from gen.language.elaborate.values import (
    Application,
    Argument,
    Arguments,
    Data,
    Frame,
    FunctionValue,
    Group,
    InputValue,
    LayerValue,
    ModelValue,
    ObjectValue,
    PartialValue,
    TensorValue,
    Unknown,
    Value,
    Wrong,
    unknown_in,
)
from gen.language.parser import parse
from gen.resources import resource

SHARED = "imagenet_utils"
"""The text that all others make use of."""


def call_application(runner: Runner, called: Application, arguments: Arguments, group: Group | None) -> Value:
    """The result of a call of what `keras.applications` has: a model, or a tensor that is preprocessed."""
    context = runner.context
    if called.name == PREPROCESSING:
        given = arguments.positional[0] if arguments.positional else arguments.keywords.get("x")
        if given is not None and not isinstance(given.value, TensorValue):
            return given.value if isinstance(given.value, Wrong | Data) else _unknown(context, arguments)
    function = _defined(runner, called, arguments.span)
    if called.name != PREPROCESSING:
        arguments = _without_weights(context, called, function, arguments)
        unknown = unknown_in([each.value for each in (*arguments.positional, *arguments.keywords.values())])
        if unknown is not None:
            model = broken(context, "Model", arguments, group)
            model.unknown = unknown
            return model
    inputs, calls = len(context.inputs), len(context.calls)
    made = runner.call(function, arguments, arguments.site(group))
    if isinstance(made, ModelValue):
        made.span = arguments.span
        for entry in context.inputs[inputs:]:
            entry.given_name = entry.given_name or entry.auto_name
        for call in context.calls[calls:]:
            _name(call.unit or call.layer)
    return made


def _unknown(context: Context, arguments: Arguments) -> Unknown:
    return Unknown(context.text(arguments.span), arguments.span)


def _name(made: InputValue | Value) -> None:
    """Call a layer that has no name in the text what Keras calls it."""
    if isinstance(made, LayerValue | ObjectValue) and made.given_name is None and made.auto_name:
        made.given_name = made.auto_name


def _without_weights(context: Context, called: Application, function: FunctionValue, arguments: Arguments) -> Arguments:
    """The arguments without weights of a file; what asks for those, or for ImageNet's, is told that gen has none."""
    place = [each.name for each in function.definition.parameters].index("weights")
    by_name, positional = "weights" in arguments.keywords, list(arguments.positional)
    if not by_name and place >= len(positional):
        given, weights = None, "imagenet"
    else:
        given = arguments.keywords["weights"] if by_name else positional[place]
        weights = given.value
    if weights is None or isinstance(weights, Wrong):
        return arguments
    context.warning(
        "random-weights",
        arguments.span if given is None else given.span,
        f"This {called.name} starts from random weights: gen has its layers, and not what they have learned",
        hint="for trained weights, save those of the whole model in Keras, `model.save_weights('model.weights.h5')`,"
        f" and bring them in: `gen import model.weights.h5 --into {PurePath(context.source.path).stem}.nn`",
    )
    if given is None or (isinstance(weights, str) and weights == "imagenet"):
        return arguments
    nothing = Argument(None, given.node)
    if by_name:
        return replace(arguments, keywords={**arguments.keywords, "weights": nothing})
    return replace(arguments, positional=(*positional[:place], nothing, *positional[place + 1 :]))


def _defined(runner: Runner, called: Application, span: Span) -> FunctionValue:
    """The function for what is called at `span`, in a run of its text that stands there."""
    statement, frame = runner.statement, Frame()
    for name in dict.fromkeys((SHARED, called.text)):
        frame = Frame(frame)
        source, file = _read(name)
        runner.run(_Placing(source, span).of(file.statements), frame)
    runner.statement = statement
    return _whole(frame.bindings[called.name].value, called.name)


def _whole(function: FunctionValue | PartialValue, name: str) -> FunctionValue:
    """A function of a text under a name; what the text gives it beforehand comes last, and has defaults."""
    given: dict[str, Argument] = {}
    while isinstance(function, PartialValue):
        positional = zip(function.function.definition.parameters, function.arguments.positional, strict=False)
        given |= {parameter.name: argument for parameter, argument in positional} | function.arguments.keywords
        function = function.function
    definition = function.definition
    assert isinstance(definition, syntax.Def)
    first = [each for each in definition.parameters if each.default is not None or each.name not in given]
    last = [replace(each, kind="named") for each in definition.parameters if each not in first]
    definition = replace(definition, name=name, parameters=(*first, *last))
    return FunctionValue(definition, function.frame, {**function.defaults, **given})


@cache
def _read(name: str) -> tuple[Source, syntax.File]:
    """A text of gen's own, and what it says."""
    path = resource("language/applications", f"{name}.nn")
    source, diagnostics = Source(path.name, path.read_text("utf-8")), Diagnostics()
    file = parse(source, diagnostics)
    assert not diagnostics.failed, name
    return source, file


class _Placing:
    """Makes a tree of one text a tree that stands at a place of another: all that is said of it is said there."""

    def __init__(self, source: Source, place: Span) -> None:
        self._source, self._place = source, place

    def of(self, node: Any) -> Any:
        """A node, or several, with the new places."""
        if isinstance(node, tuple):
            return tuple(self.of(each) for each in node)
        if isinstance(node, Span):
            return Placed(self._place.start, self._place.end, self._source, node)
        names = _names_of_fields(node.__class__)
        return node.__class__(*(self.of(getattr(node, name)) for name in names)) if names else node


@cache
def _names_of_fields(kind: type) -> tuple[str, ...]:
    """The fields of a record of the syntax tree, in order; none of what is no record."""
    return tuple(each.name for each in fields(kind)) if kind.__module__ == syntax.__name__ else ()
