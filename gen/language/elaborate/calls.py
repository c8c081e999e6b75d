"""Calls: the arguments, what is called, and the run of a function of the file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from gen.components.arguments import Word
from gen.components.base import Activation, Component, Initializer, Loss
from gen.diagnostics import Note, Span
from gen.language import syntax
from gen.language.elaborate import data
from gen.language.elaborate.application_calls import call_application
from gen.language.elaborate.apply import call_layer
from gen.language.elaborate.binding import known_arguments
from gen.language.elaborate.called import call_options, layer_inputs, mask_fits, model_inputs, one_tensor, said_training
from gen.language.elaborate.classes import call_object, instantiate, tensors_in
from gen.language.elaborate.construct import apply_activation, call_word, first_of
from gen.language.elaborate.context import MAX_BLOCKS
from gen.language.elaborate.doubts import made_after, made_of, peek, read
from gen.language.elaborate.drawn import variable
from gen.language.elaborate.functions import LISTING_DEVICES, SETTINGS, WITHOUT_GPUS, spelling
from gen.language.elaborate.loss_functions import call_loss, call_loss_function, has_function, is_on_tensors
from gen.language.elaborate.models import call_model, source_inputs
from gen.language.elaborate.named_tuples import make_record, record_type
from gen.language.elaborate.objects import call_builtin, call_method, data_of
from gen.language.elaborate.older import of_tensorflow_1
from gen.language.elaborate.own import wrapped_function
from gen.language.elaborate.parameters import bind_parameters
from gen.language.elaborate.running import (
    Doubt,
    Lost,
    Raised,
    Returned,
    Runner,
    RunningStatement,
    heading_of,
    looped_over,
    lost,
)
from gen.language.elaborate.spellings import is_calculating, kinds_of, layer_called
from gen.language.elaborate.values import (
    MOST_CAUSES,
    NO_OPTIONS,
    WRONG,
    Application,
    Argument,
    Arguments,
    BidirectionalValue,
    Binding,
    BoxValue,
    Builtin,
    ClassValue,
    Data,
    Distributed,
    Frame,
    Function,
    FunctionValue,
    Group,
    LambdaValue,
    LayerValue,
    Member,
    Method,
    ModelValue,
    Namespace,
    ObjectValue,
    ParserValue,
    PartialValue,
    PlainFunction,
    RecordType,
    Site,
    Super,
    TensorValue,
    Undecided,
    Unit,
    Unknown,
    Value,
    Wrapper,
    Wrong,
    describe_value,
    sentence,
    unknown_in,
    without_shape,
)
from gen.language.elaborate.wrappers import call_any


def result_of(runner: Runner, call: syntax.Call, frame: Frame) -> Value:
    """The value of a call."""
    target = runner.statement.targets.get(id(call))
    heading = heading_of(runner, call)
    if isinstance(call.function, syntax.Name):
        function = runner.name(call.function, frame, called=True)
    else:
        function = runner.evaluate(call.function, frame)
    arguments = _arguments(runner, call, heading, frame, data_of(function, call))
    if isinstance(arguments, Wrong | Unknown):
        return lost(function, arguments)
    if isinstance(function, Builtin) and function.name == "super":
        return _super(runner, arguments, frame)
    return call_anything(runner, function, arguments, frame.group, target)


def _arguments(
    runner: Runner, call: syntax.Call, heading: Span, frame: Frame, data: Collection[str | int] = ()
) -> Arguments | Lost:
    """The evaluated arguments of a call, but for those in `data`, by name or position.

    These are not evaluated: they are what a name holds, or `WRONG`.
    """

    def argument(name: str | int, item: syntax.Expr) -> Argument:
        is_data = name in data and not (isinstance(item, syntax.Constant) and item.value is None)
        if not is_data:
            return Argument(runner.evaluate(item, frame), item)
        if isinstance(item, syntax.Index) and isinstance(peek(item.value, frame), Data):
            return Argument(runner.evaluate(item, frame), item)  # `x[100:]`
        read(runner, item, frame)
        found = frame.find(item.id) if isinstance(item, syntax.Name) else None
        return Argument(WRONG if found is None else found.value, item)

    positional: list[Argument] = []
    for index, node in enumerate(call.positional):
        if not isinstance(node, syntax.Starred):
            positional.append(argument(index, node))
            continue
        values = looped_over(runner, runner.evaluate(node.value, frame), node.span)
        if not isinstance(values, list):
            return values
        positional += [Argument(value, node) for value in values]
    keywords: dict[str, Argument] = {}
    spans: dict[str, Span] = {}
    for keyword in call.keywords:
        if keyword.name:
            keywords[keyword.name] = argument(keyword.name, keyword.value)
            spans[keyword.name] = keyword.name_span
            continue
        value = runner.evaluate(keyword.value, frame)
        if not isinstance(value, dict):
            if lost(value) is None:
                message = f"`**` takes a dict, got {describe_value(value)}"
                runner.context.error("bad-operand", keyword.span, message)
            return lost(value) or WRONG
        for name, each in value.items():
            if not isinstance(name, str) or name in keywords:
                message = (
                    f"The call gets its argument `{name}` twice"
                    if isinstance(name, str)
                    else (f"The name of an argument is a string, got {describe_value(name)}")
                )
                return runner.context.error("duplicate-argument", keyword.span, message)
            keywords[name] = Argument(each, keyword.value)
            spans[name] = keyword.span
    for each in (*positional, *keywords.values()):
        if isinstance(each.value, list | tuple | dict):
            runner.context.step(call.span, len(each.value) // 50)
    return Arguments(tuple(positional), keywords, spans, call.span, call.function.span, heading)


def call_anything(
    runner: Runner, function: Value, arguments: Arguments, group: Group | None, target: str | None = None
) -> Value:
    """The result of a call of anything."""
    context = runner.context
    values = [each.value for each in (*arguments.positional, *arguments.keywords.values())]
    match function:
        case Wrong():
            return WRONG
        case Unknown():
            return _call_unknown(runner, function, arguments, values)
        case FunctionValue():
            return _call_function(runner, function, arguments, group)
        case Method():
            return call_method_of(runner, function, arguments, group)
        case Application():
            return call_application(runner, function, arguments, group)
        case PlainFunction("functools.partial") if arguments.positional:
            return PartialValue(arguments.positional[0].value, arguments.without_first())
        case PlainFunction("argparse.ArgumentParser"):
            return ParserValue()
        case PlainFunction("collections.namedtuple"):
            return record_type(context, arguments)
        case RecordType():
            return make_record(context, function, arguments)
        case Namespace(path, False):
            given = [each.value for each in arguments.positional]
            keywords = {name: each.value for name, each in arguments.keywords.items()}
            known = data.made_by_keras(path, given, keywords, context.text(arguments.span), arguments.span)
            if path[-1] == "get_source_inputs" and given and isinstance(given[0], TensorValue | Wrong):
                return WRONG if isinstance(given[0], Wrong) else source_inputs(given[0])
            if known is None and path[-1] == "Variable":
                known = _constant(arguments) if _constant(arguments) is not None else variable(context, arguments)
            if path[-1] == "TensorShape" and given and isinstance(given[0], list | tuple):
                known = tuple(given[0])
            if path[-1] in WITHOUT_GPUS:
                return WITHOUT_GPUS[path[-1]]
            optimizer = of_tensorflow_1(context, path[-1], arguments) if path[:2] == ("tensorflow", "train") else None
            if optimizer is not None:
                return call_anything(runner, Member(optimizer[0], ("optimizer",)), optimizer[1], group, target)
            if path[-1] in LISTING_DEVICES and "GPU" in (*given, *keywords.values()):
                return []
            if known is not None:
                return known
        case PartialValue():
            return call_anything(runner, function.function, function.completed(arguments), group, target)
        case ClassValue():
            return instantiate(context, function, arguments, group)
        case Builtin() | PlainFunction():
            return call_builtin(context, function, arguments, group)
    if isinstance(function, Word) and not isinstance(function, Function) and "layer" in kinds_of(function):
        arguments = known_arguments(context, layer_called(function.name), function.name, arguments)
        values = [each.value for each in (*arguments.positional, *arguments.keywords.values())]
    unknown = next((found for each in values if (found := unknown_in(each)) is not None), None)
    if unknown is not None and function not in (Word("Model"), Word("Sequential")):
        return unknown.of_model(arguments.span)
    site = arguments.site(group)
    if isinstance(function, ModelValue | Distributed | BidirectionalValue | LambdaValue | ObjectValue):
        training = said_training(context, arguments)
        if isinstance(training, Wrong):
            return WRONG
        with context.predicting(None if training is None else not training):
            return _call_unit(runner, function, arguments, site)
    match function:
        case Function("MeanMetricWrapper"):
            return wrapped_function(context, arguments)
        case Function(_, path) if has_function(path):
            return call_loss_function(context, path, arguments, group)
        case Function(_, path) if spelling(path) is None:
            if path[-1] in SETTINGS or path[-1] in WITHOUT_GPUS:
                return (SETTINGS | WITHOUT_GPUS)[path[-1]]
            if path[-1] == "variable" and (held := variable(context, arguments)) is not None:
                return held
            made = Unknown(context.text(arguments.function), arguments.span, missing=True)
            return made_of(runner, made, values, arguments.span)
        case Word():
            return call_word(context, function, arguments, group, target)
        case LayerValue():
            return call_layer(context, function, arguments, site)
        case Activation() if arguments.positional and isinstance(arguments.positional[0].value, TensorValue):
            return apply_activation(context, function, arguments, group)
        case Namespace(path, False):
            if path[-1] == "clear_session":
                context.forget_names()
            made = Unknown(context.text(arguments.function), arguments.span, missing=is_calculating(path))
            return made_of(runner, made, values, arguments.span)
        case Loss() | Undecided() if is_on_tensors(arguments):
            return call_loss(context, function, arguments, group)
        case Initializer() if isinstance(shape := first_of(arguments, "shape"), list | tuple):
            return Data(context.text(arguments.span), arguments.span, shape=tuple(shape), drawn=function)
        case Component():
            return Unknown(context.text(arguments.function), arguments.span)
    message = f"{sentence(describe_value(function))} cannot be called"
    return context.error("not-callable", arguments.function, message)


def _call_unknown(runner: Runner, function: Unknown, arguments: Arguments, values: Sequence[Value]) -> Value:
    """The result of a function that nobody knows; its object may be another one then."""
    text = runner.context.text(arguments.span)
    given = [each.value for each in arguments.positional]
    keywords = {name: each.value for name, each in arguments.keywords.items()}
    for each in values:
        if isinstance(each, Data):
            each.touch()
    known = data.made_outside(function, given, keywords, text, arguments.span)
    if known is not None:
        return made_after(known, (*function.made_by, *data.sources(values)))
    if function.holder is not None:
        function.holder.known.clear()
    made = made_of(runner, without_shape(function), values, arguments.span)
    return replace(made, made_by=(*function.made_by, *data.sources(values))[:MOST_CAUSES])


def _call_unit(runner: Runner, function: Unit, arguments: Arguments, site: Site) -> Value:
    """The result of a call of what calls layers itself."""
    context = runner.context
    match function:
        case ModelValue() if function.unknown is not None:
            return function.unknown.of_model(arguments.span)
        case ModelValue():
            given = model_inputs(context, function, arguments)
            function.called = True
            if isinstance(given, Wrong):
                return WRONG
            return call_model(context, function, given, arguments.span, site.group)
        case Distributed() | BidirectionalValue():
            return _call_wrapper(runner, function, arguments, site.group)
        case LambdaValue():
            given = [each for argument in arguments.positional for each in tensors_in(argument.value)]
            return call_any(context, function, given, site) if given else WRONG
        case ObjectValue():
            return call_object(context, function, arguments, site)


def _call_wrapper(runner: Runner, function: Wrapper, arguments: Arguments, group: Group | None) -> Value:
    context, kind = runner.context, "TimeDistributed" if isinstance(function, Distributed) else "Bidirectional"
    held = function.forward if isinstance(function, BidirectionalValue) else None
    said = NO_OPTIONS if held is None else call_options(context, held, arguments)
    given = one_tensor(context, kind, arguments) if held is None else layer_inputs(context, held, arguments, 2)
    if isinstance(given, Wrong) or isinstance(said, Wrong) or not mask_fits(context, said, given[0], arguments):
        return WRONG
    return call_any(context, function, given, arguments.site(group), said)


def call_with(runner: Runner, function: Value, values: Sequence[Value], site: Site) -> Value:
    """The result of a call of anything with values that no expression stands for."""
    node = syntax.Constant(None, site.span)
    positional = tuple(Argument(value, node) for value in values)
    arguments = Arguments(positional, {}, {}, site.span, site.span, site.heading)
    return call_anything(runner, function, arguments, site.group)


def call_function_of(runner: Runner, method: Method, arguments: Arguments, group: Group | None) -> Value:
    """The result of a method of a class of the file, which runs in `group`."""
    assert method.function is not None
    node = syntax.Constant(None, arguments.span)
    whole = Arguments(
        (Argument(method.owner, node), *arguments.positional),
        arguments.keywords,
        arguments.name_spans,
        arguments.span,
        arguments.function,
        arguments.heading,
    )
    return _run_function(runner, method.function, whole, group, method.owner)


def call_method_of(runner: Runner, method: Method, arguments: Arguments, group: Group | None) -> Value:
    """The result of a method, of the file's own or of Python's."""
    if method.function is not None:
        inside = method.owner.group if isinstance(method.owner, ObjectValue) and method.owner.group else group
        return call_function_of(runner, method, arguments, inside)
    return call_method(runner.context, method, arguments, group)


def _super(runner: Runner, arguments: Arguments, frame: Frame) -> Value:
    running = frame.running()
    if running is None:
        return runner.context.error("wrong-call", arguments.span, "`super()` is outside of a method")
    return Super(*running)


def _call_function(runner: Runner, function: FunctionValue, arguments: Arguments, group: Group | None) -> Value:
    """The result of a function; what it makes is in a group of its own."""
    depth = (group.depth if group else 0) + 1
    inside = Group(function.name, group, depth) if isinstance(function.definition, syntax.Def) else group
    return _run_function(runner, function, arguments, inside, None)


def _run_function(
    runner: Runner, function: FunctionValue, arguments: Arguments, group: Group | None, owner: Value
) -> Value:
    """Run the body of a function; what it makes is in `group`, and `owner` is what a method is called on."""
    context = runner.context
    function.called = True
    context.step(arguments.span)
    if len(context.active) >= MAX_BLOCKS:
        again = any(function.definition is active.definition for active, _ in context.active[:-1])
        message = f"Functions call each other more than {MAX_BLOCKS} deep"
        hint = f"`{function.name}` calls itself; check what ends that" if again else None
        note = (Note(function.header, "the function"),)
        return context.error("recursive-block", arguments.span, message, notes=note, hint=hint)
    given = bind_parameters(context, function, arguments)
    if given is None:
        return WRONG
    frame = Frame(function.frame, group)
    if isinstance(owner, ObjectValue) and function.owner is not None:
        frame.method = (function.owner, owner)
    for parameter, argument in given.items():
        frame.bindings[parameter] = Binding(argument.value, argument.span, read=True)
    statement = runner.statement
    boxed = isinstance(function.definition, syntax.Def) and group is not None and owner is None
    box = BoxValue(group, context.box) if boxed and group is not None else context.box
    with context.inside(function, arguments.span), context.boxed(box):
        if isinstance(function.definition, syntax.Lambda):
            runner.statement = RunningStatement(function.definition.span)
            result = runner.evaluate(function.definition.body, frame)
        else:
            try:
                signal = runner.run(function.definition.body, frame)
            except Raised:
                signal = Returned(WRONG)
            result = signal.value if isinstance(signal, Returned) else None
            if isinstance(signal, Doubt):
                values = [argument.value for argument in given.values()]
                result = WRONG if isinstance(signal.why, Wrong) else made_of(runner, signal.why, values, None)
    runner.statement = statement
    return result


def _constant(arguments: Arguments) -> Value:
    """The array that a `keras.Variable` holds which is not trained; None for any other."""
    named = arguments.keywords
    trained = named["trainable"].value if "trainable" in named else True
    given = arguments.positional[0] if arguments.positional else named.get("initializer", named.get("initial_value"))
    return given.value if given is not None and trained is False and isinstance(given.value, np.ndarray) else None
