"""Objects of the file's own classes: layers and models by subclassing, and plain objects.

A class is what its `class` statement says.  Of Keras' base classes it has what a model is made with: `add_weight`,
`build`, `call`, a name, `trainable`.  A layer of the file is called as a model is: the calls in its `call` become calls
of the graph, in a group that has its name.  A model of the file is run once, on Inputs of its own, and is a model like
any other from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gen.components.arguments import Word
from gen.components.base import Constraint, Initializer, Layer, Regularizer, registry
from gen.components.operations.making import Parameter
from gen.diagnostics import Span
from gen.language import syntax
from gen.language.elaborate import models
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.attributes import UNNAMED, static
from gen.language.elaborate.binding import accepted_value, option_name
from gen.language.elaborate.context import Context
from gen.language.elaborate.inputs import new_input
from gen.language.elaborate.operations import constant_tensor
from gen.language.elaborate.parameters import takes
from gen.language.elaborate.spellings import layer_called
from gen.language.elaborate.unheld import noting_unheld
from gen.language.elaborate.values import (
    MISSING,
    PHASE,
    WRONG,
    AddedLoss,
    Argument,
    Arguments,
    BoxValue,
    ClassValue,
    DictValue,
    Function,
    FunctionValue,
    Group,
    InputValue,
    LayerValue,
    Method,
    ModelValue,
    Namespace,
    ObjectValue,
    Site,
    Super,
    TensorValue,
    Unknown,
    Value,
    Wrapped,
    Wrong,
    describe_value,
    is_wrong,
    unknown_in,
)

BASES = {
    "Layer": "layer",
    "Model": "model",
    "Loss": "loss",
    "Metric": "metric",
    "Regularizer": "regularizer",
    "Initializer": "initializer",
    "Constraint": "constraint",
    "Callback": "callback",
    "object": "",
    "Module": "",
}
"""What a class can extend, besides classes of the file, and the kind of what it then is."""
NOT_READ = {
    "train_step": "the generated file spells out its own step; write the loss with `compile` or `add_loss`",
    "test_step": "the generated model has its own `evaluate`",
    "predict_step": "the generated model has its own `predict`",
    "fit": "the generated model has its own `fit`",
}
"""Methods of a model of Keras that say how it is trained, not what it is."""


def instantiate(context: Context, cls: ClassValue, arguments: Arguments, group: Group | None) -> Value:
    """`Encoder(32, rate=0.1)`."""
    cls.used = True
    for name, instead in NOT_READ.items() if cls.kind == "model" else ():
        own = cls.find(name)
        if isinstance(own, FunctionValue):
            return context.error("unsupported-call", own.header, f"gen does not read `{name}` of a model", hint=instead)
    if cls.extends is not None and (hook := _hook(cls)) is not None:
        message = f"`{hook.name}` of `{cls.name}` may change how Keras' `{cls.extends.name}` computes"
        hint = "extend `keras.layers.Layer`, and write all of it in `call`"
        return context.error("bad-base", hook.header, message, hint=hint)
    made = ObjectValue(cls, arguments.span)
    if cls.kind in ("layer", "model"):
        depth = 1 + (group.depth if group else 0)
        made.group = Group(made.kind, group, depth, made)
    if cls.kind == "model":
        made.model = ModelValue("Model", arguments.span, context.next_order(), group)
        made.model.instance = made
        context.models.append(made.model)
    initialize = cls.find("__init__")
    if isinstance(initialize, FunctionValue):
        method = Method(made, "__init__", arguments.function, initialize)
        result = context.caller.call_function_of(method, arguments, _inside(made, group))
        if made.model is not None:
            made.model.order = context.next_order()  # it comes after the models that it consists of
        return WRONG if isinstance(result, Wrong) else made
    if cls.fields is not None:
        return made if _set_fields(context, made, cls.fields, arguments) else WRONG
    if cls.kind:
        return made if base_init(context, made, arguments) else WRONG
    if arguments.positional or arguments.keywords:
        return context.error("too-many-arguments", arguments.span, f"`{cls.name}` takes no arguments")
    return made


_FOLLOWED = (
    "__call__",
    "__init__",
    "build",
    "call",
    "compute_mask",
    "compute_output_shape",
    "from_config",
    "get_config",
)
"""The methods of a class that extends a layer of Keras of which gen knows who calls them."""


def _hook(cls: ClassValue) -> FunctionValue | None:
    """A method that only a layer of Keras can call which the class extends, for nothing in the class does."""
    own = [each for each in cls.order() if each.extends is not None]
    bodies = [statement for each in own for statement in each.definition.body]
    used = {
        part.name
        for statement in syntax.walk(bodies)
        for expression in syntax.expressions(statement)
        for part in syntax.inside(expression)
        if isinstance(part, syntax.Attribute) and not isinstance(part.value, syntax.Call)  # `super().…` is the layer's
    }
    methods = (value for each in own for value in each.namespace.values() if isinstance(value, FunctionValue))
    unread = (each for each in methods if each.name not in used or each.kind == "property")
    return next((each for each in unread if each.name not in _FOLLOWED and cls.extends != Word("Sequential")), None)


def _inside(made: ObjectValue, group: Group | None) -> Group | None:
    """The group of the layers that an object makes.  A model names its layers itself, where it is called."""
    return made.group if made.cls.kind == "layer" else group


def _set_fields(context: Context, made: ObjectValue, fields: Sequence[str], arguments: Arguments) -> bool:
    """What the `__init__` of a dataclass does."""
    given = models.bind(context, made.cls.name, tuple(fields), arguments)
    for name in fields if given is not None else ():
        assert given is not None
        default = made.cls.find(name)
        if name in given:
            made.attributes[name] = given[name].value
        elif isinstance(default, list | dict):
            made.attributes[name] = shaped(default, lambda tensor: tensor)  # one of its own
        elif default is MISSING:
            context.error("missing-argument", arguments.span, f"`{made.cls.name}` needs its argument `{name}`")
            return False
    return given is not None


# ------------------------------------------------------------------------------------------- what Keras' classes have

_OPTIONS = (
    "name",
    "trainable",
    "dtype",
    "activity_regularizer",
    "dynamic",
    "autocast",
    "input_shape",
    "batch_input_shape",
)
_OPTIONS_OF_OTHERS = ("name", "dtype", "reduction")
"""What they take and what comes of it: the reduction is an attribute."""


def base_init(context: Context, made: ObjectValue, arguments: Arguments) -> bool:
    """`super().__init__(name=…)`, in a class that extends one of Keras'."""
    made.prepared = True
    kind = made.cls.kind
    if made.cls.extends is not None:
        return _extend(context, made, arguments)
    if kind == "model" and ({"inputs", "outputs"} & arguments.keywords.keys() or len(arguments.positional) > 1):
        return _become(context, made, arguments)
    arguments = _with_name(context, kind, arguments)
    options = _OPTIONS if kind in ("layer", "model") else _OPTIONS_OF_OTHERS
    for argument in arguments.positional:
        context.error("too-many-arguments", argument.span, f"The `__init__` of Keras' {kind} takes no such argument")
        return False
    for name, argument in arguments.keywords.items():
        if name not in options:
            message = f"`{made.cls.name}` passes `{name}` on to Keras, which does not take it"
            context.error("unknown-argument", arguments.name_spans.get(name, argument.span), message)
            return False
    given = {name: each for name, each in arguments.keywords.items() if name != "name" or each.value != ""}
    own_name = option_name(context, given.get("name"))
    if isinstance(own_name, Wrong):
        return False
    made.given_name = own_name
    if kind in ("layer", "model"):
        made.auto_name = context.auto_name(made.kind, own_name)
    if made.model is not None:
        made.model.given_name, made.model.auto_name = own_name, made.auto_name
    if "reduction" in given:
        made.attributes["reduction"] = given["reduction"].value
    if "trainable" in given and isinstance(given["trainable"].value, bool):
        made.trainable = given["trainable"].value
    shape = given.get("input_shape")
    if shape is not None and isinstance(shape.value, list | tuple):
        made.input_shape = tuple(shape.value)
    return True


def _with_name(context: Context, kind: str, arguments: Arguments) -> Arguments:
    """`super().__init__("policy")`: the name of a model or of an object that computes, as an argument with its name."""
    first = arguments.positional[0] if len(arguments.positional) == 1 else None
    if kind not in ("model", "loss", "metric") or first is None or not isinstance(first.value, str):
        return arguments
    if kind == "model":
        message = "Keras 3 takes the name of a model only as `name=…`"
        context.warning("old-spelling", first.span, message)
    keywords = {"name": first, **arguments.keywords}
    return replace(arguments, positional=(), keywords=keywords, name_spans={"name": first.span} | arguments.name_spans)


def _become(context: Context, made: ObjectValue, arguments: Arguments) -> bool:
    """`super().__init__(inputs, outputs)`: a functional model with a class of its own."""
    assert made.model is not None
    context.models.remove(made.model)
    make = models.make_model if made.cls.extends is None else models.make_sequential
    model = make(context, arguments, made.model.parent)
    if not isinstance(model, ModelValue):
        return False
    made.model = model
    return True


_BASE = "<base>"
"""Where an object keeps the layer of Keras that its class extends: no attribute of the file has such a name."""


def _extend(context: Context, made: ObjectValue, arguments: Arguments) -> bool:
    """`super().__init__(units, activation=…)`, in a class that extends a layer of Keras or `Sequential`."""
    if made.model is not None:
        return _become(context, made, arguments)
    own_name = option_name(context, arguments.keywords.get("name"))
    if isinstance(own_name, Wrong):
        return False
    keywords = {name: each for name, each in arguments.keywords.items() if name != "name"}
    with context.unnumbered():
        inner = context.caller.call(made.cls.extends, replace(arguments, keywords=keywords), arguments.site(made.group))
    if not isinstance(inner, Wrapped):
        if isinstance(inner, Unknown):
            context.unknown(inner, arguments.span)
        return False
    made.given_name, made.auto_name = own_name, context.auto_name(made.kind, own_name)
    made.attributes[_BASE] = inner
    made.input_shape = getattr(inner, "input_shape", None)
    return True


def base_of(made: ObjectValue) -> Value:
    """The layer of Keras that an object computes with, whose class extends that layer's; None for any other."""
    return made.attributes.get(_BASE)


def call_base_method(context: Context, method: Method, arguments: Arguments, group: Group | None) -> Value:
    """A method that a class of the file has from Keras' base class, called on the object or on `super()`."""
    made = method.owner.owner if isinstance(method.owner, Super) else method.owner
    match method.name:
        case "__init__":
            return None if not made.cls.kind or base_init(context, made, arguments) else WRONG
        case "add_weight" | "add_variable":
            return add_weight(context, made, arguments, group)
        case "add_loss":
            return add_loss(context, made, arguments, group)
        case "build":
            if made.cls.kind == "model" and not isinstance(method.owner, Super):
                return build_model(context, made, arguments)
            made.built = True
            return None
        case "get_config" | "from_config":
            return DictValue()
        case "call" if base_of(made) is not None:
            return context.caller.call(base_of(made), arguments, arguments.site(group))
        case "call" if made.model is not None and made.model.sequential:
            return context.caller.call(made.model, arguments, arguments.site(group))
        case "call":
            message = f"`{made.cls.name}` has no `call` of its own"
            return context.error("unknown-attribute", method.span, message, hint="define `def call(self, x):`")
    return None


def add_loss(context: Context, made: ObjectValue, arguments: Arguments, group: Group | None) -> Value:
    """`self.add_loss(value)`: one more summand of the loss of every model that the call is part of."""
    made.losses += added_losses(context, arguments, group)
    return None


def add_to_model(context: Context, model: ModelValue, arguments: Arguments, group: Group | None) -> Value:
    """`model.add_loss(value)`, of the tensors of a functional model: Keras 2 adds it to this model alone."""
    losses = added_losses(context, arguments, group)
    context.added += [AddedLoss(value, text, model.outputs, model) for value, text in losses]
    return None


def added_losses(context: Context, arguments: Arguments, group: Group | None) -> list[tuple[TensorValue, str]]:
    """What `add_loss` is given: tensors with their texts; what is none is reported."""
    given = models.bind(context, "add_loss", ("losses",), arguments)
    if given is None or "losses" not in given:
        return []
    argument = given["losses"]
    values = argument.value if isinstance(argument.value, list | tuple) else [argument.value]
    found: list[tuple[TensorValue, str]] = []
    for value in values:
        if isinstance(value, bool | int | float):
            value = constant_tensor(context, float(value), arguments.site(group))
        if isinstance(value, TensorValue):
            found.append((value, context.text(argument.span)))
        elif isinstance(value, Unknown):
            context.unknown(value, argument.span)
        elif not is_wrong(value):
            message = f"`add_loss` takes a tensor, got {describe_value(value)}"
            hint = "compute it in `call`, of the tensors there" if isinstance(value, FunctionValue) else None
            context.error("not-a-tensor", argument.span, message, hint=hint)
    return found


def _note_losses(context: Context, made: ObjectValue, first: int, result: Value) -> None:
    """What a call has added to the loss, from the `first` on, belongs to what it gave."""
    results = tuple(tensors_in(result))
    context.added += [AddedLoss(value, text, results) for value, text in made.losses[first:]]


_WEIGHT = (
    "shape",
    "initializer",
    "dtype",
    "trainable",
    "autocast",
    "regularizer",
    "constraint",
    "aggregation",
    "overwrite_with_gradient",
    "name",
)
_WEIGHT_BEFORE = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
"""The arguments of Keras 2, whose first one is a name."""


def add_weight(context: Context, made: ObjectValue, arguments: Arguments, group: Group | None) -> Value:
    """`self.add_weight(shape=…, initializer=…)`: a tensor without a batch, which is trained."""
    first = arguments.positional[0].value if arguments.positional else None
    given = models.bind(context, "add_weight", _WEIGHT_BEFORE if isinstance(first, str) else _WEIGHT, arguments)
    if given is None:
        return WRONG
    unknown = next((found for each in given.values() if (found := unknown_in(each.value)) is not None), None)
    if unknown is not None:
        return context.unknown(unknown, arguments.span)
    shape = given["shape"].value if "shape" in given and given["shape"].value is not None else ()
    shape = (shape,) if isinstance(shape, int) else shape
    if is_wrong(shape):
        return WRONG
    if not isinstance(shape, list | tuple) or not all(isinstance(size, int) and size > 0 for size in shape):
        message = f"The shape of a weight is a tuple of integers, got {_shown(shape)}"
        hint = "a size that depends on the data cannot be that of a weight" if _holds_none(shape) else None
        return context.error("bad-argument", given["shape"].span, message, hint=hint)
    initializer = _accepted(context, given, "initializer", Initializer, registry["initializer"]["GlorotUniform"]())
    regularizer = _accepted(context, given, "regularizer", Regularizer | None, None)
    name = option_name(context, given.get("name"))
    constraint = _accepted(context, given, "constraint", Constraint | None, None)
    if isinstance(name, Wrong) or any(isinstance(each, Wrong) for each in (initializer, regularizer, constraint)):
        return WRONG
    trainable = given["trainable"].value is not False if "trainable" in given else True
    component = Parameter(tuple(shape), initializer, regularizer, constraint, trainable)
    layer = LayerValue(component, name or UNNAMED, arguments.span, made.group or group, written="add_weight")
    layer.trainable = made.trainable
    return apply_layer(context, layer, [], Site(arguments.span, arguments.heading, made.group or group))


def _shown(shape: Value) -> str:
    if isinstance(shape, list | tuple):
        return f"({', '.join(str(size) if isinstance(size, int | None) else describe_value(size) for size in shape)})"
    return describe_value(shape)


def _holds_none(shape: Value) -> bool:
    return isinstance(shape, list | tuple) and any(size is None for size in shape)


def _accepted(context: Context, given: dict[str, Argument], name: str, annotation: Any, default: Any) -> Any:
    if name not in given or given[name].value is None:
        return default
    return accepted_value(context, name, annotation, given[name])


# ---------------------------------------------------------------------------------------------------------------- calls


def tensors_in(value: Value) -> Iterator[TensorValue]:
    """The tensors in a structure of lists, tuples and dicts, in order."""
    match value:
        case TensorValue():
            yield value
        case list() | tuple():
            for each in value:
                yield from tensors_in(each)
        case dict():
            for each in value.values():
                yield from tensors_in(each)


def shaped(value: Value, make: Callable[[TensorValue], Value]) -> Value:
    """The same structure of lists, tuples and dicts, with something else for each tensor."""
    match value:
        case TensorValue():
            return make(value)
        case list():
            return [shaped(each, make) for each in value]
        case tuple():
            return tuple(shaped(each, make) for each in value)
        case dict():
            return DictValue({key: shaped(each, make) for key, each in value.items()})
    return value


def call_object(context: Context, made: ObjectValue, arguments: Arguments, site: Site) -> Value:
    """`layer(x)`, for a layer or a model of a class of the file; `__call__` for any other object."""
    own = made.cls.find("__call__")
    if isinstance(own, FunctionValue):
        return context.caller.call_function_of(Method(made, "__call__", arguments.function, own), arguments, site.group)
    called = made.cls.find("call")
    if made.cls.kind == "loss" and isinstance(called, FunctionValue):
        method = Method(made, "call", arguments.function, called)
        values = context.caller.call_function_of(method, arguments, site.group)
        mean = Function("mean", ("keras", "ops", "mean"))
        return context.caller.call_with(mean, [values], site) if isinstance(values, TensorValue) else values
    if made.cls.kind not in ("layer", "model"):
        return context.error("not-callable", arguments.function, f"An object of `{made.cls.name}` cannot be called")
    method = made.cls.find("call")
    if base_of(made) is not None and not isinstance(method, FunctionValue):
        return _call_layer(context, made, None, arguments, site)
    if not isinstance(method, FunctionValue):
        if made.model is not None and (made.model.inputs or made.model.sequential):
            return context.caller.call(made.model, arguments, site)
        message = f"`{made.cls.name}` has no `call`"
        return context.error("not-callable", arguments.function, message, hint="define `def call(self, x):`")
    if isinstance(made.cls.find("__init__"), FunctionValue) and not made.prepared:
        message = f"The `__init__` of `{made.cls.name}` does not call `super().__init__()`"
        return context.error("wrong-call", arguments.span, message, hint="write it in its first line")
    if any(is_wrong(each.value) for each in (*arguments.positional, *arguments.keywords.values())):
        return WRONG
    if made.model is not None:
        return _call_model(context, made, method, arguments, site)
    return _call_layer(context, made, method, arguments, site)


def _call_layer(
    context: Context, made: ObjectValue, method: FunctionValue | None, arguments: Arguments, site: Site
) -> Value:
    """A call of a layer of the file, by its `call` or by that of the layer of Keras that its class extends."""
    if not _build(context, made, arguments):
        return WRONG
    assert made.group is not None
    if method is not None:
        arguments = _with_options(arguments, method)
    before, first = set(context.calls), len(made.losses)
    box, given = BoxValue(made.group, context.box), (*arguments.positional, *arguments.keywords.values())
    tensors = [tensor for each in given for tensor in tensors_in(each.value)]
    with context.calling(made, tensors), context.boxed(box), noting_unheld(context, made):
        if method is None:
            result = context.caller.call(base_of(made), arguments, replace(site, group=made.group))
        else:
            bound = Method(made, "call", arguments.function, method)
            result = context.caller.call_function_of(bound, arguments, made.group)
    _note_losses(context, made, first, result)
    for tensor in tensors_in(result):
        if tensor.maker not in before and not isinstance(tensor.maker, InputValue):
            tensor.wrapper = tensor.wrapper if tensor.wrapper is not None else made
            made.output = made.output or tensor
    return result


def _with_options(arguments: Arguments, method: FunctionValue) -> Arguments:
    """The arguments, with those that Keras gives by itself: `training`, and the mask of the first tensor."""
    keywords, spans = dict(arguments.keywords), dict(arguments.name_spans)
    given = len(arguments.positional) + 1
    names = [each.name for each in method.definition.parameters[given:]]
    node = syntax.Constant(None, arguments.span)
    first = next((tensor for each in arguments.positional[:1] for tensor in tensors_in(each.value)), None)
    for name, value in (("training", PHASE), ("mask", first.mask if first is not None else None)):
        explicit = keywords.get(name)
        if name in names and (explicit is None or (explicit.value is None and name == "training")):
            keywords[name], spans[name] = Argument(value, node), arguments.span
        elif name in keywords and not takes(method, name):
            del keywords[name]
    return Arguments(arguments.positional, keywords, spans, arguments.span, arguments.function, arguments.heading)


def _build(context: Context, made: ObjectValue, arguments: Arguments) -> bool:
    """Runs the `build` of a layer before its first call; whether that went well."""
    if made.built:
        return True
    made.built = True
    build = made.cls.find("build")
    if not isinstance(build, FunctionValue):
        return True
    first = (*arguments.positional, *arguments.keywords.values())[0].value if _any(arguments) else None
    shape = shaped(first, lambda tensor: static(tensor.shape))
    node = syntax.Constant(None, arguments.span)
    given = Arguments((Argument(shape, node),), {}, {}, arguments.span, arguments.function, arguments.heading)
    method = Method(made, "build", arguments.function, build)
    return not isinstance(context.caller.call_function_of(method, given, made.group), Wrong)


def _any(arguments: Arguments) -> bool:
    return bool(arguments.positional or arguments.keywords)


# --------------------------------------------------------------------------------------------------------------- models


def _call_model(context: Context, made: ObjectValue, method: FunctionValue, arguments: Arguments, site: Site) -> Value:
    """A call of a model of the file, which the first call makes a model with inputs and outputs."""
    assert made.model is not None
    given = _without_options(arguments)
    values = [each.value for each in (*given.positional, *given.keywords.values())]
    tensors = list(tensors_in(values))
    if not tensors:
        return Unknown(context.text(arguments.span), arguments.span)  # called on data
    others = repr(shaped([*values, *given.keywords], lambda _: None))
    if not made.model.inputs and not made.model.broken:
        made.attributes[_OTHERS] = others
        _define(context, made, method, given, site)
    if made.model.broken:
        return WRONG if made.model.unknown is None else made.model.unknown.of_model(arguments.span)
    if made.attributes.get(_OTHERS, others) != others:
        message = f"`{made.cls.name}` is a model, and its first call has other arguments besides the tensors"
        return context.error("wrong-call", arguments.span, message, hint="extend `keras.layers.Layer` instead")
    result = models.call_model(context, made.model, tensors, site.span, site.group)
    if isinstance(result, Wrong):
        return WRONG
    outputs = iter(result if isinstance(result, list) else [result])
    return shaped(made.attributes.get(_STRUCTURE), lambda _: next(outputs))


_STRUCTURE, _OTHERS = "<outputs>", "<others>"
"""Where an object keeps the structure of what its `call` gave, and what it was given besides tensors: no attribute of
the file has such a name."""


def _without_options(arguments: Arguments) -> Arguments:
    """The arguments of a call without those that Keras gives by itself."""
    named = {name: each for name, each in arguments.keywords.items() if name not in ("training", "mask")}
    return replace(arguments, keywords=named)


def _define(context: Context, made: ObjectValue, method: FunctionValue, arguments: Arguments, site: Site) -> None:
    """Runs the `call` of a model on Inputs of its own, like the tensors in `arguments`."""
    model = made.model
    assert model is not None
    inputs: list[TensorValue] = []

    def own(tensor: TensorValue) -> TensorValue:
        entry = new_input(context, tensor.shape[1:], tensor.dtype, arguments.span, tensor.variable)
        maker = tensor.maker
        entry.given_name = maker.given_name if isinstance(maker, InputValue) else None
        entry.written, entry.tensor.group, entry.tensor.variable = False, model.parent, tensor.variable
        inputs.append(entry.tensor)
        return entry.tensor

    on = replace(
        arguments,
        positional=tuple(Argument(shaped(each.value, own), each.node) for each in arguments.positional),
        keywords={name: Argument(shaped(each.value, own), each.node) for name, each in arguments.keywords.items()},
    )
    model.inputs, model.runs_call = tuple(inputs), True
    if not _build(context, made, on):
        model.broken = True
        return
    bound, first = Method(made, "call", arguments.function, method), len(made.losses)
    with noting_unheld(context, made):
        result = context.caller.call_function_of(bound, _with_options(on, method), model.parent)
    _note_losses(context, made, first, result)
    outputs = list(tensors_in(result))
    if is_wrong(result) or not outputs:
        model.broken = True
        if isinstance(result, Unknown):
            model.unknown = result
        elif not is_wrong(result):
            message = f"The `call` of `{made.cls.name}` returns {describe_value(result)}, and no tensor"
            context.error("not-a-tensor", method.header, message)
        return
    made.attributes[_STRUCTURE] = result
    if isinstance(result, dict):
        model.output_names = {each: str(key) for key, each in result.items() if isinstance(each, TensorValue)}
    node = syntax.Constant(None, method.header)
    models.complete(context, model, [Argument(tensor, node) for tensor in outputs])


def build_model(context: Context, made: ObjectValue, arguments: Arguments) -> Value:
    """`model.build((None, 32))`: a model of the file on Inputs of that shape."""
    given = (*arguments.positional, *arguments.keywords.values())
    shape = given[0].value if given else None
    method = made.cls.find("call")
    if not isinstance(method, FunctionValue) or made.model is None or made.model.inputs:
        return None
    shapes = shape if isinstance(shape, list) and shape and isinstance(shape[0], list | tuple) else [shape]
    tensors = []
    for each in shapes:
        if not isinstance(each, list | tuple) or not all(isinstance(size, int | None) for size in each) or not each:
            message = f"`build` takes the shape of the input, batch first, got {_shown(each)}"
            return context.error("bad-argument", arguments.span, message, hint="write `model.build((None, 32))`")
        entry = new_input(context, each[1:], "float", arguments.span)
        context.inputs.remove(entry)
        tensors.append(entry.tensor)
    node = syntax.Constant(None, arguments.span)
    on = Argument(tensors if len(tensors) > 1 else tensors[0], node)
    _define(context, made, method, replace(arguments, positional=(on,), keywords={}), arguments.site(None))
    return None


def class_kind(context: Context, value: Value, span: Span) -> str | None:
    """What a class becomes that extends `value`, which is no class of the file; None, and a diagnostic, if nothing."""
    name = value.path[-1] if isinstance(value, Namespace) else getattr(value, "name", None)
    if name in BASES:
        return BASES[name]
    if is_component(value):
        return "model" if name == "Sequential" else "layer"
    hint = "extend `keras.layers.Layer` or `keras.Model`, and hold the layer in an attribute"
    context.error("bad-base", span, f"A class cannot extend {describe_value(value)}", hint=hint)
    return None


def is_component(value: Value) -> bool:
    """Whether a class may extend `value` as a layer of Keras, which then computes what it computes; or `Sequential`."""
    if not isinstance(value, Word) or isinstance(value, Function):
        return False
    cls = layer_called(value.name) if value.name[:1].isupper() else None
    return value.name == "Sequential" or (cls is not None and issubclass(cls, Layer))


def kind_in_words(kind: str) -> str:
    """The name of Keras' base class of a kind."""
    return next((name for name, each in BASES.items() if each == kind), "object")
