"""`TimeDistributed(…)` and `Bidirectional(…)`: calls of what they hold, and what joins these calls.

For TimeDistributed the steps become rows, what it holds is called on them, and the rows become steps again.  What keeps
statistics of its batches is called once for each step instead, as in Keras, where the number of steps is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from gen.components.base import Activation, Layer
from gen.components.layers import operators
from gen.components.layers.masking import ZeroSteps
from gen.components.layers.merging import Add, Average, Concatenate, Multiply
from gen.diagnostics import Note
from gen.dims import show
from gen.language import syntax
from gen.language.elaborate import models
from gen.language.elaborate.apply import apply_activated, apply_layer, apply_whole
from gen.language.elaborate.attributes import set_trainable
from gen.language.elaborate.binding import LAYER_OPTIONS, accepted_value, input_shape_of, option_name
from gen.language.elaborate.context import Context
from gen.language.elaborate.shape_trail import shape_notes
from gen.language.elaborate.unheld import noting_unheld
from gen.language.elaborate.values import (
    NO_OPTIONS,
    WRONG,
    Argument,
    Arguments,
    BidirectionalValue,
    BoxValue,
    CallOptions,
    DictValue,
    Distributed,
    Group,
    LambdaValue,
    LayerValue,
    ModelValue,
    ObjectValue,
    Site,
    TensorValue,
    Value,
    Wrapped,
    Wrapper,
    Wrong,
    describe_value,
    entries_of,
    is_wrong,
)

STEP_BY_STEP = 100
"""The most steps for which a layer with statistics is called one by one."""


def call_any(
    context: Context, called: Wrapped, tensors: Sequence[TensorValue], site: Site, said: CallOptions = NO_OPTIONS
) -> Value:
    """The outputs of a layer, a model or a wrapper on `tensors`."""
    match called:
        case LayerValue():
            return apply_whole(context, called, tensors, site, said)
        case ModelValue():
            return models.call_model(context, called, tensors, site.span, site.group)
        case Distributed():
            with context.calling(called, tensors):
                return _name(called, _distribute(context, called, tensors[0], site))
        case BidirectionalValue():
            with context.calling(called, tensors), context.one_call():
                return _name(called, _both_ways(context, called, tensors, site, said))
        case ObjectValue():
            return context.caller.call_with(called, [tensors[0] if len(tensors) == 1 else list(tensors)], site)
        case LambdaValue():
            return _apply_lambda(context, called, tensors, site)


def _apply_lambda(context: Context, called: LambdaValue, tensors: Sequence[TensorValue], site: Site) -> Value:
    """What the function of a `Lambda` makes of `tensors`."""
    before = set(tensors)
    box = BoxValue(called.group, context.box)
    with context.calling(called, tensors), context.boxed(box), noting_unheld(context, called):
        node = syntax.Constant(None, site.span)
        given = Argument(tensors[0] if len(tensors) == 1 else list(tensors), node)
        spans = dict.fromkeys(called.arguments, site.span)
        arguments = Arguments((given,), called.arguments, spans, site.span, site.span, site.heading)
        result = context.caller.call(called.function, arguments, Site(site.span, site.heading, called.group))
    if isinstance(result, TensorValue) and result not in before:
        return _name(called, result)
    return result


def _name(wrapper: Wrapper | LambdaValue, result: Value) -> Value:
    """`result`, which has the name of the wrapper that gives it."""
    for tensor in result if isinstance(result, list) else [result]:
        if isinstance(tensor, TensorValue):
            tensor.wrapper = wrapper
            wrapper.output = wrapper.output or tensor
    return result


def inner_calls(called: Wrapped) -> list[Layer]:
    """The components of all layers that a call of `called` would call."""
    match called:
        case LayerValue():
            return [called.component] if isinstance(called.component, Layer) else []
        case ModelValue():
            return [call.layer.component for call in called.calls if isinstance(call.layer.component, Layer)]
        case Distributed():
            return inner_calls(called.inner)
        case BidirectionalValue():
            return inner_calls(called.forward)
        case ObjectValue() | LambdaValue():
            return []


# ------------------------------------------------------------------------------------------------------ TimeDistributed


def _distribute(context: Context, wrapper: Distributed, x: TensorValue, site: Site) -> Value:
    """The outputs of what a TimeDistributed holds, on every step of `x`."""
    if len(x.shape) < 3:
        message = f"TimeDistributed expects (steps, …), got {show(x.shape[1:])}"
        notes = (Note(wrapper.span, "the TimeDistributed"), *shape_notes([x]))
        return context.error("shape-mismatch", site.span, message, label="needs a sequence", notes=notes)
    steps = x.shape[1]
    has_statistics = any(hasattr(component, "update") for component in inner_calls(wrapper.inner))
    by_step = has_statistics and isinstance(steps, int)
    if has_statistics and not by_step:
        message = (
            "TimeDistributed takes the statistics of its layer over all steps at once, because their number is unknown"
        )
        hint = "Keras takes them step by step: give the input its number of steps to get the same numbers"
        context.warning("joint-statistics", site.span, message, hint=hint)
    if by_step and isinstance(steps, int) and steps > STEP_BY_STEP:
        message = f"TimeDistributed would run a layer with statistics {steps} times, once for each step"
        hint = "put the BatchNormalization outside: on a sequence it takes its statistics over all steps"
        return context.error("too-large", site.span, message, hint=hint)
    apply = _step_by_step if by_step else _all_at_once
    if isinstance(wrapper.inner, ModelValue):  # its layers keep their own headings
        outputs = apply(context, wrapper, x, site)
    else:
        with context.one_call():
            outputs = apply(context, wrapper, x, site)
    if isinstance(outputs, Wrong):
        return WRONG
    return outputs[0] if len(outputs) == 1 else outputs


def _all_at_once(context: Context, wrapper: Distributed, x: TensorValue, site: Site) -> list[TensorValue] | Wrong:
    inside = len(x.shape) > 3  # each step may be a sequence with a mask of its own
    rows = _operate(context, wrapper, operators.MergeSteps(), [x], site, moves_mask=inside)
    outputs = _on_rows(context, wrapper, rows, site)
    if isinstance(outputs, Wrong):
        return outputs
    return [_operate(context, wrapper, operators.SplitSteps(), [y, x], site, x) for y in outputs]


def _step_by_step(context: Context, wrapper: Distributed, x: TensorValue, site: Site) -> list[TensorValue] | Wrong:
    columns: list[list[TensorValue]] = []
    assert isinstance(x.shape[1], int)
    for step in range(x.shape[1]):
        at_step = operators.Slice((operators.WHOLE, step))
        rows = _operate(context, wrapper, at_step, [x], site, moves_mask=True)
        outputs = _on_rows(context, wrapper, rows, site)
        if isinstance(outputs, Wrong):
            return outputs
        columns.append(outputs)
    stack = operators.StackSteps()
    by_output = [list(steps) for steps in zip(*columns, strict=True)]
    return [_operate(context, wrapper, stack, steps, site, x) for steps in by_output]


def _on_rows(context: Context, wrapper: Distributed, rows: TensorValue, site: Site) -> list[TensorValue] | Wrong:
    """The outputs of what a TimeDistributed holds on rows, as a list."""
    if isinstance(wrapper.inner, LayerValue):  # Keras runs its `call`, and adds nothing to the loss
        outputs = apply_activated(context, wrapper.inner, [rows], site)
    else:
        outputs = call_any(context, wrapper.inner, [rows], site)
    return [outputs] if isinstance(outputs, TensorValue) else outputs


def _operate(
    context: Context,
    wrapper: Wrapper,
    component: Layer,
    tensors: list[TensorValue],
    site: Site,
    masked_like: TensorValue | None = None,
    moves_mask: bool = False,
) -> TensorValue:
    """What an operator of the wrapper's own makes of `tensors`, whose shapes fit, with the mask of `masked_like`."""
    layer = LayerValue(component, "steps", site.span, wrapper.group, written=wrapper.word)
    said = CallOptions(carries=False, masked_like=masked_like, moves_mask=moves_mask)
    result = apply_layer(context, layer, tensors, site, said)
    assert isinstance(result, TensorValue)
    return result


# -------------------------------------------------------------------------------------------------------- Bidirectional

MERGING: dict[str, Layer] = {"concat": Concatenate(), "sum": Add(), "ave": Average(), "mul": Multiply()}
"""What joins the two directions, by `merge_mode`."""
MERGE_MODE: Any = Literal[*MERGING] | None
"""What `merge_mode` may be."""


def _both_ways(
    context: Context, wrapper: BidirectionalValue, tensors: Sequence[TensorValue], site: Site, said: CallOptions
) -> Value:
    """The outputs of both directions, joined; then their states, if they are asked for."""
    x, *states = tensors
    half = len(states) // 2
    results = []
    for layer, given in ((wrapper.forward, states[:half]), (wrapper.backward, states[half:])):
        result = apply_whole(context, layer, [x, *given], site, said)
        if isinstance(result, Wrong):
            return WRONG
        results.append(result if isinstance(result, list) else [result])
    (there, *last), (back, *first) = results
    if len(back.shape) == 3:
        back = _operate(context, wrapper, operators.ReverseSteps(), [back], site, there)
        if said.mask is not None or not states:  # from states on, neither direction is handed a mask
            zero = LayerValue(ZeroSteps(), "steps", site.span, wrapper.group, written=wrapper.word)
            there, back = (apply_layer(context, zero, [each], site) for each in (there, back))
    if wrapper.merge_mode is None:
        joined = [there, back]
    else:
        join, mode = MERGING[wrapper.merge_mode], wrapper.merge_mode
        layer = LayerValue(join, mode, site.span, wrapper.group, written=wrapper.word)
        joined = [apply_layer(context, layer, [there, back], site)]
    outputs = [*joined, *last, *first]
    return outputs[0] if len(outputs) == 1 else outputs


# ------------------------------------------------------------------------------------------------------------- making


def make_time_distributed(context: Context, arguments: Arguments, group: Group | None) -> Value:
    """`TimeDistributed(layer, name=…)`."""
    arguments, options = _options(context, arguments)
    given = _held(context, "TimeDistributed", ("layer", "name"), arguments)
    if given is None or options is None:
        return WRONG
    inner, name = given["layer"].value, option_name(context, given.get("name"))
    if isinstance(name, Wrong):
        return WRONG
    depth = 1 + models.depth_of(inner)
    if models.is_too_deep(context, depth, arguments.span):
        return WRONG
    wrapper = Distributed(inner, arguments.span, _inside("time_distributed", group), name, depth=depth)
    wrapper.group.owner, wrapper.auto_name = wrapper, context.auto_name("time_distributed", name)
    if isinstance(inner, ModelValue):
        inner.called = True
    elif inner.variable is None and not isinstance(inner, ObjectValue | LambdaValue):
        inner.group = wrapper.group
    _set_options(wrapper, options)
    return wrapper


def make_lambda(context: Context, arguments: Arguments, group: Group | None) -> Value:
    """`Lambda(function, name=…)`."""
    arguments, options = _options(context, arguments)
    given = models.bind(context, "Lambda", ("function", "output_shape", "mask", "arguments", "name"), arguments)
    if given is None or options is None:
        return WRONG
    if "function" not in given:
        message = "`Lambda` needs its argument `function`"
        return context.error("missing-argument", arguments.span, message, hint="write `Lambda(lambda x: x * 2)`")
    function, name = given["function"], option_name(context, given.get("name"))
    if isinstance(name, Wrong) or is_wrong(function.value):
        return WRONG
    extra: dict[str, Argument] = {}
    if "arguments" in given and isinstance(given["arguments"].value, DictValue):
        extra = {key.text: argument for key, argument in entries_of(given["arguments"])}
    made = LambdaValue(function.value, extra, arguments.span, _inside("lambda", group), name)
    made.group.owner, made.auto_name = made, context.auto_name("lambda", name)
    _set_options(made, options)
    return made


def make_bidirectional(context: Context, arguments: Arguments, group: Group | None) -> Value:
    """`Bidirectional(layer, merge_mode=…)`: two layers like the one that is given."""
    arguments, options = _options(context, arguments)
    given = _held(context, "Bidirectional", ("layer", "merge_mode", "weights", "backward_layer", "name"), arguments)
    if given is None or options is None:
        return WRONG
    for other, reason in UNSUPPORTED.items():
        if other in given and given[other].value is not None:
            message = f"gen does not support `{other}` of `Bidirectional`: {reason}"
            return context.error("unsupported-argument", arguments.name_spans.get(other, given[other].span), message)
    mode, name = "concat", option_name(context, given.get("name"))
    if "merge_mode" in given:
        mode = accepted_value(context, "merge_mode", MERGE_MODE, given["merge_mode"])
    if isinstance(name, Wrong) or isinstance(mode, Wrong):
        return WRONG
    layer = _recurrent(context, given["layer"])
    if layer is None:
        return WRONG
    if layer.component.go_backwards:  # type: ignore[union-attr]  # a recurrent layer has it
        message = "Bidirectional runs its layer from both ends: the layer that you give it must run forward"
        return context.error("bad-argument", given["layer"].span, message, hint="leave out `go_backwards`")
    group = _inside("bidirectional", group)

    def direction(name: str, component: Layer | Activation, like: LayerValue) -> LayerValue:
        written, trainable = like.written, like.trainable
        made = LayerValue(component, like.kind, like.span, group, name, trainable=trainable, written=written)
        made.activity = like.activity
        return made

    own = layer.given_name or layer.kind
    there, back = layer.component, replace(layer.component, go_backwards=True)  # type: ignore[type-var]  # a dataclass
    ways = direction(f"forward_{own}", there, layer), direction(f"backward_{own}", back, layer)
    if "backward_layer" in given and given["backward_layer"].value is not None:
        second = _second_direction(context, given["backward_layer"], there)
        if second is None:
            return WRONG
        ways = ways[0], direction(second.given_name or f"backward_{second.kind}", second.component, second)
    wrapper = BidirectionalValue(*ways, mode, arguments.span, group, name)
    group.owner, wrapper.auto_name = wrapper, context.auto_name("bidirectional", name)
    _set_options(wrapper, options)
    return wrapper


def _options(context: Context, arguments: Arguments) -> tuple[Arguments, dict[str, Any] | None]:
    """The arguments of a wrapper without those that every layer takes, and these; None for those that are wrong."""
    taken = {name: each for name, each in arguments.keywords.items() if name in LAYER_OPTIONS and name != "name"}
    if not taken:
        return arguments, {}
    options = {name: accepted_value(context, name, LAYER_OPTIONS[name], each) for name, each in taken.items()}
    rest = {name: each for name, each in arguments.keywords.items() if name not in taken}
    wrong = any(isinstance(each, Wrong) for each in options.values())
    return replace(arguments, keywords=rest), None if wrong else options


def _set_options(wrapper: Distributed | BidirectionalValue | LambdaValue, options: dict[str, Any]) -> None:
    """What a wrapper says of its input, and whether what it holds is trained."""
    wrapper.input_shape = input_shape_of(options)
    if not options.get("trainable", True):
        set_trainable(wrapper, False)


def _recurrent(context: Context, held: Argument) -> LayerValue | None:
    """The recurrent layer that a Bidirectional is given; None, and a diagnostic, if it is none."""
    layer = held.value
    if is_wrong(layer):
        return None
    if not isinstance(layer, LayerValue) or not hasattr(layer.component, "go_backwards"):
        message = f"Bidirectional takes a recurrent layer, got {describe_value(layer)}"
        context.error("bad-argument", held.span, message, hint="write SimpleRNN, LSTM or GRU")
        return None
    if layer in context.layers:
        context.layers.remove(layer)  # it is called by what holds it
    return layer


def _second_direction(context: Context, held: Argument, there: Layer | Activation) -> LayerValue | None:
    """The `backward_layer` of a Bidirectional, which gives what the layer `there` gives; None, and a diagnostic."""
    second = _recurrent(context, held)
    if second is None:
        return None
    for option, wanted in (
        ("go_backwards", True),
        ("return_sequences", there.return_sequences),  # type: ignore[union-attr]  # a recurrent layer has it
        ("return_state", there.return_state),  # type: ignore[union-attr]  # likewise
    ):
        if getattr(second.component, option) != wanted:
            message = f"The `backward_layer` of this Bidirectional needs {option}={wanted}"
            context.error("bad-argument", held.span, message)
            return None
    return second


UNSUPPORTED = {"weights": "weights belong to the generated file"}


def _inside(kind: str, group: Group | None) -> Group:
    return Group(kind, group, 1 + (group.depth if group else 0))


def _held(context: Context, called: str, names: tuple[str, ...], arguments: Arguments) -> dict[str, Argument] | None:
    """The arguments of a wrapper by name, `layer` among them; None, and a diagnostic, if they cannot be."""
    given = models.bind(context, called, names, arguments)
    if given is None:
        return None
    if "layer" not in given:
        message = f"`{called}` needs its argument `layer`"
        context.error("missing-argument", arguments.span, message, hint=f"write `{called}(LSTM(8))`")
        return None
    held = given["layer"]
    if isinstance(held.value, ModelValue) and held.value.unknown is not None:
        context.unknown(held.value.unknown, held.span)
    if is_wrong(held.value) or models.is_broken(held.value):
        return None
    if not isinstance(held.value, Wrapped):
        hint = "give it the layer, and call the result on the tensor"
        message = f"`{called}` takes a layer, got {describe_value(held.value)}"
        context.error("bad-argument", held.span, message, hint=hint)
        return None
    if isinstance(held.value, LayerValue) and held.value in context.layers:
        context.layers.remove(held.value)  # it is called by what holds it
    return given
