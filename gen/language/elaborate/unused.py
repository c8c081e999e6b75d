"""Warnings about what a file defines and does not use: inputs, layers and variables that reach no output."""

from __future__ import annotations

from collections.abc import Sequence

from gen.components.base import registry
from gen.diagnostics import Span
from gen.language.elaborate.context import Context
from gen.language.elaborate.names import Assignment, Names
from gen.language.elaborate.naming import name_of_model
from gen.language.elaborate.unheld import warn_of_unheld
from gen.language.elaborate.values import (
    Arguments,
    BidirectionalValue,
    ClassValue,
    Distributed,
    FunctionValue,
    InputValue,
    LambdaValue,
    LayerCall,
    LayerValue,
    ModelValue,
    ObjectValue,
    TensorValue,
    Unknown,
    Wrapped,
    Wrong,
)


def warn_of_unused(context: Context, names: Names, built: Sequence[ModelValue]) -> None:
    """Report what no model of the file needs; `built` are those that are built."""
    used = _used(context)
    for entry in context.inputs:
        if entry.written and entry not in used:
            _warn_of_input(context, entry, built)
    dead = [call for call in context.calls if call not in used]
    read = {tensor for call in dead for tensor in call.reads}
    for call in dead:
        leads_on = any(tensor in read for tensor in call.outputs)
        if call.repeats is None and not call.makes_mask and not leads_on:
            wrapped = next((kind for kind in map(_wrapper, call.outputs) if kind), None)
            name = wrapped or call.layer.word
            subject = f"The result of this {name}" if wrapped or name in registry["layer"] else "This result"
            hint = "remove it, or add it to the outputs of the model"
            context.warning("unused-layer", call.span, f"{subject} reaches no output", hint=hint)
    for layer in context.layers:
        if not layer.calls:
            message = f"This {layer.word} is never called"
            context.warning("unused-layer", layer.span, message, hint="call it on a tensor, or remove it")
    for span, assignment in names.assignments.items():
        _warn_of_variable(context, span, assignment, built)
    _warn_of_ignored(context)
    warn_of_unheld(context)


def _warn_of_ignored(context: Context) -> None:
    """One warning of all statements that gen passed over."""
    spans = sorted(context.ignored, key=lambda span: span.start)
    if not spans:
        return
    place = context.source.position
    lines = sorted({line for span in spans for line in range(place(span.start)[0], place(span.end)[0] + 1)})
    which = f"line{'s' * (len(lines) > 1)} {context.source.listed(lines)}"
    message = f"gen passed over what the model does not depend on: {which}"
    data = any(model.fits and any(_is_data(context, fit) for fit in model.fits) for model in context.models)
    hint = "data and callbacks are for the generated model: `Model().fit(x, y)`" if data else None
    context.warning("ignored-lines", spans[0], message, hint=hint)


def _is_data(context: Context, fit: Arguments) -> bool:
    """Whether something in a call of `fit` is passed over."""
    return any(argument.span in context.ignored for argument in (*fit.positional, *fit.keywords.values()))


def _wrapper(tensor: TensorValue) -> str | None:
    """What gave the tensor its name, if it is not a layer of its own."""
    match tensor.wrapper:
        case Distributed():
            return "TimeDistributed"
        case BidirectionalValue():
            return "Bidirectional"
        case LambdaValue() | ObjectValue():
            return tensor.wrapper.word
    return None


def _used(context: Context) -> set[InputValue | LayerCall]:
    """The inputs and calls of every model; of a model that nobody uses, its variable is what is reported."""
    used: set[InputValue | LayerCall] = set()
    for model in context.models:
        used.update(model.calls)
        used.update(model.added)
        used.update(tensor.maker for call in (*model.calls, *model.added) for tensor in call.reads)
    return used


def _warn_of_input(context: Context, entry: InputValue, built: Sequence[ModelValue]) -> None:
    listed = "is an input of the model, but " if any(entry.tensor in model.inputs for model in built) else ""
    name = entry.given_name or entry.tensor.public
    which = f"`{name}`" if name else "This Input"
    context.warning("unused-input", entry.span, f"{which} {listed}reaches no output", hint="remove it")


def _warn_of_variable(context: Context, span: Span, assignment: Assignment, built: Sequence[ModelValue]) -> None:
    value = assignment.value
    if assignment.read or any(value is each for each in built) or assignment.name.startswith("_"):
        return
    if isinstance(value, LayerValue | TensorValue | Wrong | Unknown) or value is None:
        return  # said already of what it holds
    if isinstance(value, ObjectValue) and any(isinstance(each, Wrapped) for each in value.attributes.values()):
        return  # it makes layers
    if isinstance(value, FunctionValue | ClassValue):
        context.ignore(value.definition.span)
        return
    if isinstance(value, ModelValue):
        if context.asked or len(built) > 1:
            return  # it may be asked for another time
        message = f"The model `{name_of_model(value)}` is never used"
    else:
        message = f"`{assignment.name}` is never used"
    context.warning("unused-variable", span, message, hint="remove it")
