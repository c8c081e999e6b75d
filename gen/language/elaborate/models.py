"""`Model(inputs, outputs)` and `Sequential([…])`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gen.components.activations import Linear
from gen.components.arguments import Word
from gen.components.base import Activation, Layer, ShapeError, snake_case
from gen.diagnostics import Note, Span
from gen.dims import BATCH, Size, show
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.binding import option_name
from gen.language.elaborate.called import items_of
from gen.language.elaborate.context import MAX_NESTED, Context
from gen.language.elaborate.inputs import new_input
from gen.language.elaborate.model_calls import call_again, repeat
from gen.language.elaborate.older import present_arguments
from gen.language.elaborate.shape_trail import shape_notes
from gen.language.elaborate.spellings import kinds_of, suggestion
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    BidirectionalValue,
    CallOptions,
    DictValue,
    Distributed,
    Group,
    InputValue,
    Item,
    LambdaValue,
    LayerCall,
    LayerValue,
    ModelValue,
    ObjectValue,
    Site,
    TensorValue,
    Unknown,
    Value,
    Wrapped,
    Wrong,
    describe_value,
    entries_of,
    is_wrong,
    unknown_in,
)

# ----------------------------------------------------------------------------------------------------------- functional


def make_model(context: Context, arguments: Arguments, group: Group | None) -> Value:
    """`Model(inputs, outputs, name=…)`."""
    given = bind(context, "Model", ("inputs", "outputs", "name", "trainable"), arguments)
    if given is None:
        return WRONG
    missing = [name for name in ("inputs", "outputs") if name not in given]
    if missing:
        return context.error(
            "missing-argument",
            arguments.span,
            f"`Model` needs its {' and its '.join(missing)}",
            hint="write `Model(inputs, outputs)`, with one tensor or a list for each",
        )
    for argument in given.values():
        unknown = unknown_in(argument.value)
        if unknown is not None:
            model = broken(context, "Model", arguments, group)
            model.unknown = unknown
            return model
    name = option_name(context, given.get("name"))
    inputs = _tensors(context, given["inputs"], "input")
    outputs = _tensors(context, given["outputs"], "output")
    if isinstance(name, Wrong) or isinstance(inputs, Wrong) or isinstance(outputs, Wrong):
        return broken(context, "Model", arguments, group)
    if not _are_inputs(context, inputs) or not _are_distinct(context, outputs):
        return broken(context, "Model", arguments, group)
    keys = list(given["outputs"].value) if isinstance(given["outputs"].value, DictValue) else []
    outputs = [_passed_on(context, each, arguments.site(group)) for each in outputs]
    if not all(isinstance(argument.value.maker, InputValue) for argument in inputs):
        begun = _from_the_middle(context, inputs, outputs, arguments, group)
        if begun is None:
            return broken(context, "Model", arguments, group)
        inputs, outputs = begun
    model = ModelValue("Model", arguments.span, context.next_order(), group, name)
    model.auto_name = context.auto_name("functional", name)
    model.inputs = tuple(argument.value for argument in inputs)
    model.trainable = given["trainable"].value is not False if "trainable" in given else True
    model.output_names = {each.value: str(key) for key, each in zip(keys, outputs, strict=False)}
    context.models.append(model)
    complete(context, model, outputs)
    return model


def _passed_on(context: Context, output: Argument, site: Site) -> Argument:
    """An output; where that is an Input itself, what a layer gives that changes nothing."""
    entry = output.value.maker
    if not isinstance(entry, InputValue) or output.value.dtype != "float":
        return output
    layer = LayerValue(Linear(), "identity", output.span, site.group, written="linear")
    said = CallOptions(operator="linear")  # no layer of the file
    made = apply_layer(context, layer, [output.value], replace(site, span=output.span), said)
    return output if isinstance(made, Wrong) else replace(output, value=made)


def complete(context: Context, model: ModelValue, outputs: Sequence[Argument]) -> None:
    """Give a model its outputs, and the calls that lead to them from its inputs."""
    model.outputs = tuple(argument.value for argument in outputs)
    model.calls = _calls(context, model, outputs)
    for tensor in model.inputs:
        if isinstance(tensor.maker, InputValue):
            _claim_name(context, model, tensor.maker)
    for call in model.calls:
        _claim_name(context, model, call.unit or call.layer)
    units = (call.unit for call in model.calls)
    model.depth += max((unit.depth for unit in units if unit is not None), default=0)
    if is_too_deep(context, model.depth, model.span):
        model.broken = True


def broken(context: Context, kind: str, arguments: Arguments, group: Group | None) -> ModelValue:
    """A model that is reported as wrong, but is there: it can be compiled, and nobody misses it."""
    model = ModelValue(kind, arguments.span, context.next_order(), group, broken=True)
    context.models.append(model)
    return model


def bind(context: Context, called: str, names: tuple[str, ...], arguments: Arguments) -> dict[str, Argument] | None:
    """The arguments by name; None, and a diagnostic, if there is one that cannot be."""
    arguments = present_arguments(context, None, called, names, names, arguments)
    given = dict(zip(names, arguments.positional, strict=False))
    good = True
    if len(arguments.positional) > len(names):
        span = arguments.positional[len(names)].span
        context.error("too-many-arguments", span, f"`{called}` takes at most {len(names)} arguments")
        good = False
    for name, argument in arguments.keywords.items():
        if name not in names:
            span = arguments.name_spans[name]
            hint = suggestion(name, names)
            context.error("unknown-argument", span, f"`{called}` has no argument `{name}`", hint=hint)
            good = False
        elif name in given:
            context.error("duplicate-argument", argument.span, f"`{called}` gets its argument `{name}` twice")
            good = False
        else:
            given[name] = argument
    return given if good else None


def _tensors(context: Context, argument: Argument, what: str) -> list[Argument] | Wrong:
    """The tensors of an argument that takes one or a list of them."""
    if is_wrong(argument.value):
        return WRONG
    items = [argument]
    if isinstance(argument.value, DictValue):
        items = [item for _, item in entries_of(argument)]
    elif isinstance(argument.value, list | tuple):
        items = [each for item in items_of(argument) for each in _flat(item)]
    if not items:
        return context.error("bad-argument", argument.span, f"A model has at least one {what}")
    good = True
    for item in items:
        if not isinstance(item.value, TensorValue):
            hint = "call it on a tensor first" if isinstance(item.value, LayerValue | ModelValue) else None
            message = f"An {what} of a model is a tensor, got {describe_value(item.value)}"
            context.error("not-a-tensor", item.span, message, hint=hint)
            good = False
    return items if good else WRONG


def _flat(argument: Argument) -> list[Argument]:
    """The tensors of a list in a list: a layer with several outputs gives one."""
    if not isinstance(argument.value, list | tuple):
        return [argument]
    return [each for item in items_of(argument) for each in _flat(item)]


def _are_inputs(context: Context, inputs: Sequence[Argument]) -> bool:
    good = True
    seen: dict[TensorValue, Argument] = {}
    for argument in inputs:
        tensor = argument.value
        if tensor in seen:
            note = Note(seen[tensor].span, "given here first")
            context.error("duplicate-input", argument.span, "This Input is given twice", notes=(note,))
            good = False
        seen.setdefault(tensor, argument)
    return good


def _from_the_middle(
    context: Context,
    inputs: Sequence[Argument],
    outputs: Sequence[Argument],
    arguments: Arguments,
    group: Group | None,
) -> tuple[list[Argument], list[Argument]] | None:
    """Inputs and outputs of a model that begins where a layer has already been called; it shares the layers.

    As in Keras, each such tensor becomes an Input of its own, and the calls after it are made once more.
    """
    part = ModelValue("Model", arguments.span, context.next_order(), group)
    part.inputs = tuple(argument.value for argument in inputs)
    part.outputs = tuple(argument.value for argument in outputs)
    part.calls = _calls(context, part, outputs)
    if part.broken:
        return None
    begun = []
    for argument in inputs:
        tensor = argument.value
        if isinstance(tensor.maker, InputValue):
            begun.append(argument)
            continue
        _warn_of_middle(context, argument)
        entry = new_input(context, tensor.shape[1:], tensor.dtype, argument.span, tensor.variable)
        entry.written, entry.tensor.group, entry.tensor.variable = False, group, tensor.variable
        begun.append(Argument(entry.tensor, argument.node))
    result = repeat(context, part, [argument.value for argument in begun], arguments.span)
    if isinstance(result, Wrong):
        return None
    made = result if isinstance(result, list) else [result]
    for before, after in zip(part.outputs, made, strict=True):
        after.public, after.public_group, after.wrapper = before.public, before.public_group, before.wrapper
    return begun, [Argument(tensor, each.node) for tensor, each in zip(made, outputs, strict=True)]


def _warn_of_middle(context: Context, argument: Argument) -> None:
    tensor = argument.value
    notes = [Note(tensor.maker.span, "made here")]
    hint = None
    root = tensor
    while isinstance(root.maker, LayerCall) and root.maker.inputs:
        root = root.maker.inputs[0]
    if root.variable is not None and root.variable == tensor.variable:
        notes.append(Note(root.maker.span, f"the Input that `{root.variable}` was at first"))
        hint = "give the Input another name, and write that name here"
    message = "This model begins in the middle: its input is the output of a layer, and what is before it is left out"
    context.warning("not-an-input", argument.span, message, notes=tuple(notes), hint=hint)


def _are_distinct(context: Context, outputs: Sequence[Argument]) -> bool:
    good = True
    seen: dict[TensorValue, Argument] = {}
    for argument in outputs:
        if argument.value in seen:
            note = Note(seen[argument.value].span, "given here first")
            context.error("duplicate-output", argument.span, "This output is given twice", notes=(note,))
            good = False
        seen.setdefault(argument.value, argument)
    return good


def _calls(context: Context, model: ModelValue, outputs: Sequence[Argument]) -> list[LayerCall]:
    """The calls between inputs and outputs, in order; reports what the outputs need and the inputs do not give."""
    found: set[LayerCall] = set()
    for argument in outputs:
        if isinstance(argument.value.maker, InputValue):
            message = "This output is an Input itself: no layer makes it"
            hint = "write `Activation(linear)(…)` around it"
            context.error("disconnected-output", argument.span, message, hint=hint)
            model.broken = True
        elif argument.value.shape[:1] != (BATCH,):
            message = f"An output of a model has a row for each row of data, this is {show(argument.value.shape)}"
            hint = "an output begins with the batch axis; a loss may be a number"
            context.error("not-a-batch", argument.span, message, notes=shape_notes([argument.value]), hint=hint)
            model.broken = True
        pending = [argument.value, *([argument.value.mask] if argument.value.mask is not None else [])]
        while pending:
            tensor = pending.pop()
            maker = tensor.maker
            if isinstance(maker, LayerCall) and tensor in model.inputs:
                continue  # the model begins here
            if isinstance(maker, LayerCall):
                if maker not in found:
                    found.add(maker)
                    pending += maker.reads
            elif maker.tensor not in model.inputs:
                _report_disconnected(context, argument, maker)
                model.broken = True
    context.step(model.span, len(found))
    return sorted(found, key=lambda call: call.order)


def source_inputs(tensor: TensorValue) -> list[TensorValue]:
    """The Inputs that a tensor is made of, in the order of the file: what `get_source_inputs` gives."""
    found: set[InputValue] = set()
    seen, pending = {tensor}, [tensor]
    while pending:
        maker = pending.pop().maker
        if isinstance(maker, InputValue):
            found.add(maker)
        else:
            pending += [each for each in maker.reads if each not in seen]
            seen.update(maker.reads)
    return [entry.tensor for entry in sorted(found, key=lambda entry: entry.order)]


def _report_disconnected(context: Context, output: Argument, entry: InputValue) -> None:
    name = entry.given_name or entry.tensor.variable
    which = f"the Input `{name}`" if name else "an Input"
    context.error(
        "disconnected-output",
        output.span,
        f"This output depends on {which}, which is not among the model's inputs",
        notes=(Note(entry.span, "this Input"),),
        hint=f"add {f'`{name}`' if name else 'it'} to the inputs",
    )


def _claim_name(context: Context, model: ModelValue, item: InputValue | Wrapped) -> None:
    """Note the `name=` of a part of `model`; reports one that another part has."""
    name = item.given_name
    if name is None:
        return
    other = model.names.setdefault(name, item)
    if other is item:
        return
    model.broken = True
    if isinstance(item, InputValue) and isinstance(other, InputValue):
        note = Note(other.span, "the other one")
        context.error("duplicate-input", item.span, f"Two inputs are called `{name}`", notes=(note,))
    elif item.span == other.span:
        message = f"This gives the name `{name}` to several layers of one model"
        hint = "leave out `name=`: gen numbers the layers of a loop or a block"
        context.error("duplicate-name", item.span, message, hint=hint)
    else:
        message = f"Two layers of one model are called `{name}`"
        notes = (Note(other.span, "the other one"),)
        context.error("duplicate-name", item.span, message, notes=notes, hint="give one of them another `name=`")


# ----------------------------------------------------------------------------------------------------------- Sequential


def make_sequential(context: Context, arguments: Arguments, group: Group | None) -> Value:
    """`Sequential([…], name=…)`."""
    given = bind(context, "Sequential", ("layers", "trainable", "name"), arguments)
    if given is None:
        return broken(context, "Sequential", arguments, group)
    name = option_name(context, given.get("name"))
    model = ModelValue("Sequential", arguments.span, context.next_order(), group, layers=[])
    if isinstance(name, Wrong):
        model.broken = True
    else:
        model.given_name, model.auto_name = name, context.auto_name("sequential", name)
    model.trainable = given["trainable"].value is not False if "trainable" in given else True
    context.models.append(model)
    listed = given.get("layers")
    if listed is not None and listed.value is not None:
        if is_wrong(listed.value) and not isinstance(listed.value, list | tuple):
            model.broken = True
        elif isinstance(listed.value, Unknown):
            model.broken, model.unknown = True, listed.value
        elif not isinstance(listed.value, list | tuple):
            model.broken = True
            message = f"`Sequential` takes a list of layers, got {describe_value(listed.value)}"
            context.error("bad-argument", listed.span, message, hint="put the layers in square brackets")
        else:
            for item in items_of(listed):
                add(context, model, item, item.span)
            count_rebuilt(context, model)
    return model


def count_rebuilt(context: Context, model: ModelValue) -> None:
    """Take the name of the functional model that Keras makes of a Sequential whenever it has an input and layers."""
    if model.inputs and model.layers:
        context.auto_name("functional")


def add(context: Context, model: ModelValue, argument: Argument, heading: Span) -> Value:
    """Put a layer, a model or an Input at the end of a Sequential."""
    assert model.layers is not None
    value = argument.value
    if model.group is not None:
        message = "This Sequential has already been called: the result of that call would lack the new layer"
        context.error("late-layer", argument.span, message, hint="add all layers before the first call")
        model.broken = True
        return None
    if isinstance(value, Activation):
        value = LayerValue(value, snake_case(type(value).__name__), argument.span, model.parent)
    if isinstance(value, TensorValue) and isinstance(value.maker, InputValue):
        _begin(context, model, argument)
    elif isinstance(value, Wrapped) and not is_broken(value):
        model.depth = max(model.depth, 1 + depth_of(value))
        if is_too_deep(context, model.depth, argument.span):
            model.broken = True
            return None
        item = Item(value, argument.span, heading)
        model.layers.append(item)
        _claim_name(context, model, value)
        if isinstance(value, ModelValue):
            value.called = True
        _extend(context, model, item)
    else:
        model.broken = True
        found = value if isinstance(value, Unknown) else value.unknown if isinstance(value, ModelValue) else None
        if found is not None:
            found = found.of_model(argument.span)
            model.unknown = found if model.unknown is None else model.unknown.with_others([found])
        elif not is_wrong(value) and not is_broken(value):
            _report_no_layer(context, argument)
    return None


def is_broken(value: Value) -> bool:
    """Whether `value` is a model that is reported as wrong, or depends on what gen cannot know, or holds one."""
    while isinstance(value, Distributed):
        value = value.inner
    if isinstance(value, ObjectValue):
        value = value.model
    return isinstance(value, ModelValue) and (value.broken or value.unknown is not None)


def depth_of(value: Wrapped) -> int:
    """How deep models and wrappers hold each other in `value`."""
    return 0 if isinstance(value, LayerValue) else value.depth


def is_too_deep(context: Context, depth: int, span: Span) -> bool:
    """Whether models and wrappers hold each other deeper than gen follows; reports it."""
    if depth <= MAX_NESTED:
        return False
    context.error("too-deep", span, f"Models and wrappers nest more than {MAX_NESTED} deep here")
    return True


def _begin(context: Context, model: ModelValue, argument: Argument) -> None:
    if model.layers or model.inputs:
        message = "An Input can only be at the beginning of a Sequential"
        context.error("bad-argument", argument.span, message)
        model.broken = True
        return
    model.inputs = model.outputs = (argument.value,)
    _claim_name(context, model, argument.value.maker)


def _report_no_layer(context: Context, argument: Argument) -> None:
    value, hint = argument.value, None
    if isinstance(value, Word) and "layer" in kinds_of(value):
        hint = f"write `{value.name}(…)`"
    elif isinstance(value, Word) and "activation" in kinds_of(value):
        hint = f"write `Activation({value.name})`"
    elif isinstance(value, TensorValue):
        hint = "leave out the second pair of brackets: a Sequential calls its layers itself"
    message = f"A Sequential consists of layers, got {describe_value(value)}"
    context.error("bad-argument", argument.span, message, hint=hint)


def _extend(context: Context, model: ModelValue, item: Item) -> None:
    """Call the new last layer, if it is known on what."""
    assert model.layers is not None
    if model.broken:
        return
    if not model.inputs and len(model.layers) == 1:
        _begin_from_layer(context, model, item)
    if model.inputs:
        _call(context, model, item)


def _begin_from_layer(context: Context, model: ModelValue, item: Item) -> None:
    """The Input of a Sequential whose first layer says what it is: `Dense(32, input_dim=100)`, or a built model."""
    if isinstance(item.value, LayerValue):
        shape = item.value.input_shape
        if shape is None and isinstance(item.value.component, Layer) and item.value.component.vocabulary() is not None:
            shape = (None,)  # ids, as many for each row as the data have
        if shape is not None:
            _set_input(context, model, shape, _natural_dtype(item.value), item.span)
    elif isinstance(item.value, Distributed | BidirectionalValue | LambdaValue | ObjectValue):
        if item.value.input_shape is not None:
            _set_input(context, model, item.value.input_shape, "float", item.span)
    elif isinstance(item.value, ModelValue) and len(item.value.inputs) == 1:
        first = item.value.inputs[0]
        _set_input(context, model, first.shape[1:], first.dtype, item.span)


def begin_with(
    context: Context, model: ModelValue, dims: Sequence[Size | None], span: Span, dtype: str | None = None
) -> None:
    """Give a Sequential without an Input one of this shape, and call its layers on it."""
    assert model.layers is not None
    first = model.layers[0].value if model.layers else None
    natural = _natural_dtype(first) if isinstance(first, LayerValue) else "float"
    _set_input(context, model, dims, dtype or natural, span)
    for item in list(model.layers):
        if not model.broken:
            _call(context, model, item)
    count_rebuilt(context, model)


def _set_input(context: Context, model: ModelValue, dims: Sequence[Size | None], dtype: str, span: Span) -> None:
    """Give a Sequential an Input that the file does not write."""
    entry = new_input(context, dims, dtype, span)
    entry.auto_name = context.auto_name("input_layer")
    entry.written, entry.tensor.group = False, model.parent
    model.inputs = model.outputs = (entry.tensor,)


def _natural_dtype(layer: LayerValue) -> str:
    """`float`, or `int32` for a layer that takes ids."""
    if not isinstance(layer.component, Layer):
        return "float"
    try:
        layer.component.dtype("float")
    except ShapeError:
        return "int32"
    return "float"


def _call(context: Context, model: ModelValue, item: Item) -> None:
    head = model.outputs[0]
    before = len(context.calls)
    result = context.caller.call_wrapped(item.value, [head], Site(item.span, item.heading, model.parent))
    if isinstance(result, TensorValue):
        model.outputs = (result,)
        model.calls += _leading_to(result, context.calls[before:])
        return
    model.broken = True
    if isinstance(result, list):
        context.error("bad-argument", item.span, "A Sequential passes on one tensor; this model has several outputs")


def _leading_to(result: TensorValue, made: Sequence[LayerCall]) -> list[LayerCall]:
    """The calls of `made` that `result` and its mask depend on: not those that built a Sequential inside.

    A Sequential without an Input is built on one of its own when it is first called, and then called like any model.
    """
    needed = {result, result.mask}
    found = []
    for call in reversed(made):
        if not needed.isdisjoint(call.outputs):
            found.append(call)
            needed.update(call.reads)
    return found[::-1]


def call_model(
    context: Context, model: ModelValue, tensors: Sequence[TensorValue], span: Span, group: Group | None
) -> Value:
    """The outputs of a model on `tensors`; a Sequential without an Input is built for them."""
    model.called = True
    if model.layers == [] and not model.inputs and not model.broken:
        message = "This Sequential has no layers"
        return context.error("no-model", span, message, hint="add a layer to it before it is called")
    if not model.inputs and not model.broken and model.layers is not None and len(tensors) == 1:
        begin_with(context, model, tensors[0].shape[1:], model.span, tensors[0].dtype)
    if model.broken:
        return WRONG
    if len(tensors) != len(model.inputs):
        wanted = len(model.inputs) or 1
        return context.error(
            "wrong-call",
            span,
            f"This model is called on {wanted} tensor{'s' * (wanted != 1)}, got {len(tensors)}",
            notes=(Note(model.span, "the model"),),
        )
    with context.calling(model, tensors):
        return call_again(context, model, tensors, span)
