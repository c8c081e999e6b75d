"""What stands after a dot: members of Keras' modules, and the methods of a model."""

from __future__ import annotations

from gen.language import syntax
from gen.language.elaborate.context import Context
from gen.language.elaborate.models import add
from gen.language.elaborate.spellings import MODULES, member, members, suggestion
from gen.language.elaborate.training import DATA, FIT_ORDER, WHEN_CALLED
from gen.language.elaborate.values import (
    NOTHING,
    WRONG,
    Arguments,
    Method,
    ModelValue,
    Namespace,
    Value,
    Wrong,
    describe_value,
    sentence,
)

METHODS = ("compile", "fit", "add", "summary")
SUMMARY = ("line_length", "positions", "print_fn", "expand_nested", "show_trainable", "layer_range")
AFTERWARDS = (
    "evaluate",
    "predict",
    "save",
    "save_weights",
    "load_weights",
    "train_on_batch",
    "get_weights",
    "set_weights",
)
"""Methods of a Keras model that belong to the generated one."""


def attribute_of(context: Context, owner: Value, attribute: syntax.Attribute) -> Value:
    """`owner.name`; what has no such attribute is reported."""
    name, span = attribute.name, attribute.name_span
    match owner:
        case Wrong():
            return WRONG
        case Namespace():
            found = member(owner, name)
            return _report_no_member(context, owner, attribute) if found is None else found
        case ModelValue() if name in METHODS:
            return Method(owner, name, span)
        case ModelValue() if name in AFTERWARDS:
            message = f"`{name}` belongs to the generated model, not to the file"
            return context.error("unknown-attribute", span, message, hint="remove the line")
    hint = suggestion(name, METHODS) if isinstance(owner, ModelValue) else None
    return context.error("unknown-attribute", span, f"{sentence(describe_value(owner))} has no `{name}`", hint=hint)


def data_of(function: Value, call: syntax.Call) -> set[str | int]:
    """The arguments that are for the running model, by name or position: what is in them is not looked at."""
    if isinstance(function, Method) and function.name == "fit":
        unread = {*DATA, *WHEN_CALLED}
        return {*unread, *(index for index, name in enumerate(FIT_ORDER) if name in unread)}
    if isinstance(function, Wrong) and isinstance(call.function, syntax.Attribute) and call.function.name in AFTERWARDS:
        return {*range(len(call.positional)), *(keyword.name for keyword in call.keywords)}
    return set()


def _report_no_member(context: Context, owner: Namespace, attribute: syntax.Attribute) -> Wrong:
    names = [word for kind in MODULES.get(owner.path[-1], ()) for word in members(kind)]
    code = "unknown-layer" if owner.path[-1] == "layers" else "unknown-name"
    message = f"There is no `{attribute.name}` in {'.'.join(owner.path)}"
    return context.error(code, attribute.name_span, message, hint=suggestion(attribute.name, names))


def call_method(context: Context, method: Method, arguments: Arguments) -> Value:
    """`compile` and `fit` are kept for the end, when everything has its name; `add` works at once."""
    model = method.owner
    match method.name:
        case "compile":
            model.compilations.append(arguments)
        case "fit":
            model.fits.append(arguments)
        case "summary":
            _summarise(context, model, arguments)
        case "add":
            _add(context, model, arguments)
    return NOTHING


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
