"""What a layer is called on: the tensors, the mask and the options among the arguments of the call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

from gen.components.base import Activation, Layer
from gen.dims import show
from gen.language.elaborate.context import Context
from gen.language.elaborate.shape_trail import shape_notes
from gen.language.elaborate.values import (
    PHASE,
    WRONG,
    Argument,
    Arguments,
    CallOptions,
    Function,
    Group,
    LayerValue,
    ModelValue,
    TensorValue,
    Wrong,
    describe_value,
    is_wrong,
    sentence,
)


def rule_parameters(component: Layer | Activation) -> Collection[str]:
    """What the rule of a layer or an activation takes, by name."""
    return _parameters(type(component).forward)


@cache
def _parameters(rule: Callable[..., Any]) -> Collection[str]:
    return frozenset(inspect.signature(rule).parameters)


def only_trains(component: Layer | Activation) -> bool:
    """Whether a layer does nothing in prediction, as Dropout."""
    return isinstance(component, Layer) and component.only_trains


def mask_fits(context: Context, said: CallOptions, x: TensorValue, arguments: Arguments) -> bool:
    """Whether the mask that a call names has a value for each step of `x`; reports it if not."""
    if said.mask is None or said.mask.shape == x.shape[:2]:
        return True
    context.error(
        "mask-mismatch",
        arguments.keywords["mask"].span,
        f"The mask of {show(x.shape)} has a value for each step: "
        f"it is {show(x.shape[:2])}, got {show(said.mask.shape)}",
        notes=shape_notes([said.mask]),
    )
    return False


def call_options(context: Context, layer: LayerValue, arguments: Arguments) -> CallOptions | Wrong:
    """What a call says besides the tensors."""
    component = layer.component
    mask = arguments.keywords.get("mask")
    takes_mask = "mask" in rule_parameters(component)
    if mask is not None and mask.value is None:
        mask = None
    if mask is not None and not takes_mask:
        return context.error(
            "unsupported-argument",
            arguments.name_spans["mask"],
            f"{layer.word} takes no mask in its call",
            hint="Masking and Embedding(mask_zero=True) make masks, which reach the layers that use them",
        )
    if mask is not None and is_wrong(mask.value):
        return WRONG
    if mask is not None and (not isinstance(mask.value, TensorValue) or mask.value.dtype != "bool"):
        got = f"a tensor of {mask.value.dtype}" if isinstance(mask.value, TensorValue) else describe_value(mask.value)
        hint = 'make it an input: `Input(None, bool)`, or say `"bool"`'
        return context.error("not-a-mask", mask.span, f"A mask is a tensor of bool, got {got}", hint=hint)
    options = dict(component.call_options) if isinstance(component, Layer) else {}
    for name in options:
        if name in arguments.keywords:
            given = arguments.keywords[name]
            if is_wrong(given.value):
                return WRONG
            if not isinstance(given.value, bool):
                message = f"`{name}` takes True or False, got {describe_value(given.value)}"
                return context.error("bad-argument", given.span, message)
            options[name] = given.value
    training = said_training(context, arguments)
    if isinstance(training, Wrong):
        return WRONG
    if training is True and varies(component):
        return context.error(
            "unsupported-argument",
            arguments.name_spans["training"],
            f"gen does not support `training=True` in the call of {layer.word}: `predict` would draw numbers",
            hint="leave it out: `fit` trains, and `predict` predicts",
        )
    predicts = context.predicts if training is None else not training
    return CallOptions(None if mask is None else mask.value, options, predicts=predicts)


def said_training(context: Context, arguments: Arguments) -> bool | Wrong | None:
    """What a call says of `training`; None where it leaves that to the model.

    Outside of the `call` of a class, Keras puts its own value in the place of what the file says: True in `fit`, False
    in `predict` (`operation_fn` in Keras' `functional.py`).
    """
    given = arguments.keywords.get("training")
    if given is None or given.value is None or given.value is PHASE:
        return None
    if isinstance(given.value, bool) and not context.in_call:
        message = f"`training={given.value}` has no effect here: Keras says True in `fit` and False in `predict`"
        hint = "to keep layers as they are, set `trainable = False`" if given.value is False else None
        context.warning("ignored-argument", arguments.name_spans["training"], message, hint=hint)
        return None
    if isinstance(given.value, bool | Wrong):
        return given.value
    message = f"`training` takes True or False, got {describe_value(given.value)}"
    return context.error("bad-argument", given.span, message)


def varies(component: Layer | Activation) -> bool:
    """Whether a layer does something else in training than in prediction."""
    rates = [getattr(component, name, 0.0) for name in ("rate", "dropout", "recurrent_dropout")]
    return hasattr(component, "update") or ("rng" in rule_parameters(component) and any(rates))


def layer_inputs(
    context: Context, layer: LayerValue, arguments: Arguments, directions: int = 1, group: Group | None = None
) -> list[TensorValue] | Wrong:
    """The tensors that a layer is called on, from the arguments of the call; the states of each direction after it."""
    component, name = layer.component, layer.word
    least, most, names = _arity(type(component))
    if directions == 2 and most is not None:
        name, most, names = "Bidirectional", 2 * most - 1, names[:2]
    options = ("mask", *component.call_options) if isinstance(component, Layer) else ()
    states = STATES in arguments.keywords and most is not None and most > 1 and names[1] == "h"
    if not _check_keywords(context, name, arguments, (*names, *options, *((STATES,) if states else ()))):
        return WRONG
    given = list(arguments.positional)
    while len(given) > least and given[-1].value is None:
        given.pop()
    left_out = [each for each in names[least:] if each in arguments.keywords and arguments.keywords[each].value is None]
    if left_out:
        named = {name: each for name, each in arguments.keywords.items() if name not in left_out}
        arguments = replace(arguments, keywords=named)
    if len(given) == 2 and isinstance(given[1].value, list | tuple) and "h" in names[1:2]:
        given = [given[0], *items_of(given[1])]  # states, by position
    if states:
        held = arguments.keywords[STATES]
        given += items_of(held) if isinstance(held.value, list | tuple) else [held] if held.value is not None else []
    for position, keyword in enumerate(names):
        same_as = component.left_out.get(keyword) if isinstance(component, Layer) else None
        later = any(each in arguments.keywords for each in names[position + 1 :])
        if same_as is not None and keyword not in arguments.keywords and position == len(given) and later:
            given.append(given[names.index(same_as)])
        elif keyword in arguments.keywords and position == len(given):
            given.append(arguments.keywords[keyword])
        elif keyword in arguments.keywords and arguments.keywords[keyword] not in given:
            before = ", ".join(f"`{each}`" for each in names[len(given) : position])
            message = f"The call of {name} has `{keyword}`, but not {before}, which comes before it"
            hint = f"give {before} too" if position > len(given) else f"leave `{keyword}` out: it is given by position"
            return context.error("wrong-call", arguments.name_spans[keyword], message, hint=hint)
    merges = isinstance(component, Layer) and component.merges
    if len(given) == 1 and isinstance(given[0].value, list | tuple) and (merges or most != 1):
        given = list(items_of(given[0]))
    elif merges and not any(is_wrong(argument.value) for argument in given):
        return _report_not_a_list(context, name, arguments)
    if any(is_wrong(argument.value) for argument in given):
        return WRONG
    tensors = [argument.value for argument in given if _is_tensor(context, name, argument)]
    if len(tensors) < len(given):
        return WRONG
    for position, keyword in enumerate(names[: len(tensors)]):
        boolean = isinstance(component, Layer) and keyword in component.booleans
        if boolean and tensors[position].dtype not in ("bool", "float"):
            cast = Function("cast", ("keras", "ops", "cast"))
            tensors[position] = context.caller.call_with(cast, [tensors[position], "bool"], arguments.site(group))
    if len(given) < least or (most is not None and len(given) > most):
        wanted = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
        return context.error(
            "wrong-call",
            arguments.span,
            f"{name} is called on {wanted} tensor{'s' * (wanted != '1')}, got {len(given)}",
        )
    return tensors


STATES = "initial_state"
"""How a call of a recurrent layer names the tensors that it starts from."""

_Arity: TypeAlias = tuple[int, int | None, tuple[str, ...]]
_arities: dict[type[Layer | Activation], _Arity] = {}


def _arity(cls: type[Layer | Activation]) -> _Arity:
    """The least and the greatest number of inputs of a layer, and their names."""
    if cls not in _arities:
        _arities[cls] = _declared_arity(cls) if issubclass(cls, Layer) else (1, 1, ("x",))
    return _arities[cls]


def _declared_arity(cls: type[Layer]) -> _Arity:
    declared = list(inspect.signature(cls.output).parameters.values())[1:]
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in declared):
        return 1, None, ()
    least = sum(parameter.default is inspect.Parameter.empty for parameter in declared)
    return least, len(declared), tuple(parameter.name for parameter in declared)


def _check_keywords(context: Context, name: str, arguments: Arguments, names: tuple[str, ...]) -> bool:
    """Reports the keywords of a call on a tensor that gen does not have; whether all are known."""
    known = True
    reasons = {
        "return_attention_scores": "a layer returns only its result",
        "initial_state": "this layer has no state",
    }
    for keyword in arguments.keywords:
        if keyword in names or keyword == "training":
            continue
        if keyword in reasons:
            message = f"gen does not support `{keyword}` in the call of a layer: {reasons[keyword]}"
            context.error("unsupported-argument", arguments.name_spans[keyword], message)
        else:
            message = f"The call of {name} on a tensor has no argument `{keyword}`"
            hint = f"the layer's own arguments go into the first brackets: `{name}({keyword}=…)(x)`"
            if " " in name:
                hint = "write the tensor alone"
            context.error("unknown-argument", arguments.name_spans[keyword], message, hint=hint)
            known = False
    return known


def one_tensor(context: Context, name: str, arguments: Arguments) -> list[TensorValue] | Wrong:
    """The tensor that a wrapper is called on, as a list."""
    if not _check_keywords(context, name, arguments, ("inputs",)):
        return WRONG
    given = list(arguments.positional) or [arguments.keywords[key] for key in arguments.keywords if key == "inputs"]
    if len(given) != 1:
        return context.error("wrong-call", arguments.span, f"{name} is called on 1 tensor, got {len(given)}")
    if is_wrong(given[0].value) or not _is_tensor(context, name, given[0]):
        return WRONG
    return [given[0].value]


def model_inputs(context: Context, model: ModelValue, arguments: Arguments) -> list[TensorValue] | Wrong:
    """The tensors that a model is called on, from the arguments of the call."""
    name = f"the {model.kind}"
    if not _check_keywords(context, name, arguments, ("inputs",)):
        return WRONG
    given = list(arguments.positional)
    if not given and "inputs" in arguments.keywords:
        given.append(arguments.keywords["inputs"])
    if len(given) == 1 and isinstance(given[0].value, list | tuple):
        given = items_of(given[0])
    if any(is_wrong(argument.value) for argument in given):
        return WRONG
    tensors = [argument.value for argument in given if _is_tensor(context, name, argument)]
    return tensors if len(tensors) == len(given) else WRONG


def items_of(argument: Argument) -> list[Argument]:
    """The items of a list, each with its own place where the list is written out."""
    items = getattr(argument.node, "items", ())
    if len(items) == len(argument.value):
        return [Argument(value, node) for value, node in zip(argument.value, items, strict=True)]
    return [Argument(value, argument.node) for value in argument.value]


def _report_not_a_list(context: Context, name: str, arguments: Arguments) -> Wrong:
    inside = ", ".join(context.text(argument.span) for argument in arguments.positional)
    return context.error(
        "wrong-call",
        arguments.span,
        f"{name} is called on a list of tensors",
        hint=f"write `{name}(…)([{inside or 'a, b'}])`",
    )


def _is_tensor(context: Context, name: str, argument: Argument) -> bool:
    if isinstance(argument.value, TensorValue):
        return True
    hint = None
    if isinstance(argument.value, LayerValue | ModelValue):
        hint = "call it on a tensor first"
    elif isinstance(argument.value, list | tuple):
        hint = "give it one tensor, or join them with Concatenate first"
    context.error(
        "not-a-tensor",
        argument.span,
        f"{sentence(name)} is called on a tensor, got {describe_value(argument.value)}",
        hint=hint,
    )
    return False
