"""Calls of functions on tensors: `ops.sum(x, axis=1)`, `tf.concat([a, b], axis=-1)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gen.components.base import Activation, ArgumentError, ShapeError, parameters, registry, snake_case
from gen.components.operations.base import DTYPES, WEAK, Operation, operations
from gen.components.operations.casting import Cast
from gen.components.operations.making import Literal
from gen.dims import Dim, product
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.arrays import MAX_NUMBERS
from gen.language.elaborate.binding import accepted_value
from gen.language.elaborate.called import items_of
from gen.language.elaborate.context import Context
from gen.language.elaborate.functions import IGNORED, Spelling, is_activation, spelling
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    CallOptions,
    Group,
    LayerCall,
    LayerValue,
    Site,
    TensorValue,
    Value,
    Wrong,
    describe_value,
    is_wrong,
    sentence,
)

MOST_NUMBERS = 10_000
"""How many numbers a list may hold that stands for a tensor."""


def call_function(context: Context, path: tuple[str, ...], arguments: Arguments, group: Group | None) -> Value:
    """What the call of the function at `path` gives; whatever is wrong with it is reported."""
    called, found = context.text(arguments.function), spelling(path)
    called = called if "(" not in called else ".".join(path)  # nobody calls it in the file
    if found is None:
        message = f"gen does not have `{'.'.join(path)}` yet"
        return context.error("unsupported-call", arguments.function, message)
    given = _assigned(context, called, found, arguments)
    if isinstance(given, Wrong):
        return given
    site = arguments.site(group)
    sizes = _of_sizes(found.target, given)
    if sizes is not None:
        return sizes
    if found.target in QUESTIONS:
        return QUESTIONS[found.target](context, called, given, site)
    if found.target in FORMULAS:
        return FORMULAS[found.target](context, called, given, site)
    if is_activation(found.target):
        return _call_activation(context, called, found.target, given, site)
    return _call_operation(context, called, operations[found.target], given, site)


def _of_sizes(target: str, given: Given) -> list[Any] | None:
    """A list of sizes, made of sizes of which only data decide some: `ops.concatenate([ops.shape(x)[:1], [1, 1]], 0)`.

    None for whatever is no such list.
    """
    name = operations[target].listed if target in operations and operations[target].listed else "x"
    value = given[name].value if name in given else None
    if target == "expand_dims" and isinstance(value, Dim):
        return [value]
    if target not in ("concatenate", "stack", "convert_to_tensor", "cast") or not isinstance(value, list | tuple):
        return None
    parts = [_known(each) if isinstance(each, TensorValue) else each for each in value]
    found: list[Any] = []
    for part in parts:
        part = part.tolist() if isinstance(part, np.ndarray) else part
        if isinstance(part, list | tuple) and target == "concatenate":
            found += part
        else:
            found.append(part)
    sizes = all(isinstance(each, int | Dim) and not isinstance(each, bool) for each in found)
    return found if sizes and any(isinstance(each, Dim) for each in found) else None


# ----------------------------------------------------------------------------------------------------------- arguments

Given = Mapping[str, Argument]
"""The arguments of a call, by the names that the operation has for them."""


def _assigned(context: Context, called: str, found: Spelling, arguments: Arguments) -> dict[str, Argument] | Wrong:
    """The arguments by the names of the operation; what does not fit the function is reported."""
    wrong = False
    given: dict[str, Argument] = {}
    arguments = _operands_in_a_list(found, arguments)
    if len(arguments.positional) > len(found.arguments):
        most = len(found.arguments)
        takes = f"at most {most} argument{'s' * (most != 1)}"
        message = f"`{called}` takes {takes}, got {len(arguments.positional)}"
        return context.error("too-many-arguments", arguments.positional[most].span, message)
    for argument, parameter in zip(arguments.positional, found.arguments, strict=False):
        given[parameter.ours] = argument
    by_name = {parameter.name: parameter for parameter in found.arguments}
    for name, argument in arguments.keywords.items():
        if name in IGNORED and name not in by_name:
            continue
        if name not in by_name:
            listed = ", ".join(f"`{each}`" for each in by_name)
            hint = f"`{called}` takes {listed}" if listed else f"`{called}` takes no arguments"
            message = f"`{called}` has no argument `{name}`"
            context.error("unknown-argument", arguments.name_spans[name], message, hint=hint)
            wrong = True
        elif by_name[name].ours in given:
            message = f"`{called}` gets its argument `{name}` twice"
            context.error("duplicate-argument", argument.span, message, hint="remove one of them")
            wrong = True
        else:
            given[by_name[name].ours] = argument
    for parameter in found.arguments:
        if parameter.default is not ... and parameter.ours not in given:
            given[parameter.ours] = Argument(parameter.default, _Nowhere(arguments))  # type: ignore[arg-type]  # it has a span, as a node has
    wrong = wrong or any(is_wrong(argument.value) for argument in given.values())
    missing = [each.name for each in found.arguments if each.ours in _required(found.target) and each.ours not in given]
    if missing and not wrong:
        listed = ", ".join(f"`{each}`" for each in missing)
        message = f"`{called}` needs its argument{'s' * (len(missing) > 1)} {listed}"
        context.error("missing-argument", arguments.span, message)
        wrong = True
    return WRONG if wrong else given


def _operands_in_a_list(found: Spelling, arguments: Arguments) -> Arguments:
    """The arguments with all operands as one, where they are given one by one: `einsum("ij,jk", a, b)`."""
    cls = operations.get(found.target)
    if cls is None or not cls.spread:
        return arguments
    first, *operands = arguments.positional or (None,)
    if first is None or not operands:
        return arguments
    together = Argument([each.value for each in operands], operands[0].node)
    return replace(arguments, positional=(first, together))


@dataclass(frozen=True)
class _Nowhere:
    """The place of a default: the call."""

    call: Arguments

    @property
    def span(self) -> Any:
        return self.call.span


def _required(target: str) -> set[str]:
    """The arguments without which nothing can be computed, by the names of the operation."""
    cls = operations.get(target)
    if target in FORMULAS:
        return FORMULAS_NEED[target]
    if cls is None:
        fields = parameters(registry["activation"][target]) if is_activation(target) else ()
        return {"x", *(item.name for item in fields if item.required)}
    operands = (cls.listed,) if cls.listed else cls.operands()[: cls.required()]
    return {*operands, *(item.name for item in parameters(cls) if item.required)}


def _fields(context: Context, cls: type[Any], given: Given) -> dict[str, Any] | Wrong:
    """The fields of a component, as its annotations ask for them."""
    values: dict[str, Any] = {}
    for item in parameters(cls):
        if item.name not in given:
            continue
        argument = given[item.name]
        name = item.name.removesuffix("_")
        value = accepted_value(context, name, item.annotation, argument)
        if item.name == "dtype_" and isinstance(value, str):
            if value not in DTYPES:
                message = f'`dtype` takes a dtype, such as "float32" or "int32", got {value!r}'
                value = context.error("bad-argument", argument.span, message)
            else:
                value = DTYPES[value]
        if isinstance(value, Wrong):
            return WRONG
        values[item.name] = value
    return values


# ----------------------------------------------------------------------------------------------------------- operations


def _call_operation(context: Context, called: str, cls: type[Operation], given: Given, site: Site) -> Value:
    fields = _fields(context, cls, given)
    if isinstance(fields, Wrong):
        return WRONG
    try:
        component = cls(**fields)
    except ArgumentError as problem:
        place = given.get(problem.argument)
        span = site.span if place is None else place.span
        return context.error("bad-argument", span, sentence(problem.message), hint=problem.hint)
    operands = _operands(context, called, cls, given, site)
    if isinstance(operands, Wrong):
        return WRONG
    return apply_operation(context, called, component, operands, site)


def apply_operation(
    context: Context, called: str, component: Operation, operands: Mapping[str, Value], site: Site
) -> Value:
    """The result of an operation on tensors and numbers, by the names of its operands; called `called` in messages."""
    taken = _as_taken(context, called, component, operands, site)
    if isinstance(taken, Wrong):
        return WRONG
    operands = taken
    tensors = [value for value in operands.values() if isinstance(value, TensorValue)]
    numbers = {name: value for name, value in operands.items() if not isinstance(value, TensorValue)}
    if operands and not tensors:
        return _of_numbers(context, called, component, numbers, site)
    if tensors and component.passes_on(tensors[0].dtype):
        return tensors[0]
    constant = component.constant(tensors[0].shape, tensors[0].dtype) if tensors else None
    if constant is not None:
        component, tensors = constant, []
    layer = LayerValue(component, snake_case(type(component).__name__), site.span, site.group, written=called)
    context.count_operation(layer.kind)
    try:
        component.fits([tensor.shape for tensor in tensors], {name: _known(value) for name, value in operands.items()})
    except ShapeError as problem:
        message = layer.in_words(problem.message)
        return context.error("bad-index", site.span, message, label=problem.label, hint=problem.hint)
    return apply_layer(context, layer, tensors, site, CallOptions(options=numbers, operator=f"{called}(…)"))


def _as_taken(
    context: Context, called: str, component: Operation, operands: Mapping[str, Value], site: Site
) -> Mapping[str, Value] | Wrong:
    """The operands as the operation takes them: tensors of the dtypes that it asks for."""
    dtypes = [
        value.dtype if isinstance(value, TensorValue) else WEAK.get(type(value), "whole") for value in operands.values()
    ]
    try:
        wanted = dict(zip(operands, component.taken(dtypes), strict=True))
    except ShapeError as problem:
        message = problem.message.replace(type(component).__name__, f"`{called}`", 1)
        return context.error(problem.code, site.span, message, hint=problem.hint)
    return {
        name: (
            apply_operation(context, called, Cast(wanted[name]), {"x": value}, site)
            if isinstance(value, TensorValue) and value.dtype != wanted[name]
            else value
        )
        for name, value in operands.items()
    }


def _known(value: Value) -> Any:
    """The number or the numbers that an operand is, where they are known; None otherwise."""
    if not isinstance(value, TensorValue):
        return value
    return value.maker.layer.component.listed_numbers() if isinstance(value.maker, LayerCall) else None


def _of_numbers(context: Context, called: str, component: Operation, numbers: Mapping[str, Any], site: Site) -> Value:
    """The result of an operation on numbers alone, which are known."""
    if any(isinstance(value, Dim) for value in numbers.values()):
        if component.passes_on("whole"):
            return next(iter(numbers.values()))
        message = f"`{called}` of a size that only data decide is not possible yet"
        return context.error("unsupported-call", site.span, message)
    try:
        shape = component.output(*map(np.shape, numbers.values()))
        count = product(shape) if isinstance(shape, tuple) else 0
        if isinstance(count, int) and count > MAX_NUMBERS:
            message = f"`{called}` makes {count:,} numbers here; gen computes with at most {MAX_NUMBERS:,}"
            return context.error("too-large", site.span, message)
        with np.errstate(all="ignore"):
            made = component.forward(*map(np.asarray, numbers.values()))
    except (ArithmeticError, TypeError, ValueError, LookupError, NotImplementedError, ShapeError):
        return context.error("bad-argument", site.span, f"`{called}` cannot compute with these numbers")
    if np.ndim(made):
        return context.counted(made, site.span)
    value = np.asarray(made).item()
    if isinstance(value, float) and not np.isfinite(value):
        return context.error("bad-argument", site.span, f"`{called}` of these numbers is {value}")
    return value


def _operands(
    context: Context, called: str, cls: type[Operation], given: Given, site: Site
) -> dict[str, Value] | Wrong:
    """The operands by name: tensors, and numbers; a list of numbers is a constant."""
    if cls.listed:
        listed = given[cls.listed]
        if not isinstance(listed.value, list | tuple):
            message = f"`{called}` takes a list of tensors, got {describe_value(listed.value)}"
            return context.error("wrong-call", listed.span, message)
        if not listed.value:
            return context.error("wrong-call", listed.span, f"`{called}` takes a list of tensors, and this is empty")
        arguments = {f"{cls.listed}[{place}]": item for place, item in enumerate(items_of(listed))}
    else:
        needed = cls.operands()[: cls.required()]
        held = [name for name in cls.operands() if name in given]
        arguments = {name: given[name] for name in held if given[name].value is not None or name in needed}
    found: dict[str, Value] = {}
    values = [argument.value for argument in arguments.values()]
    plain = not cls.listed and all(isinstance(each, np.ndarray | bool | int | float) for each in values)
    if plain and any(isinstance(each, np.ndarray) for each in values):
        return {name: argument.value for name, argument in arguments.items()}
    for name, argument in arguments.items():
        value = tensor_or_number(context, called, argument, site)
        if isinstance(value, Wrong):
            return WRONG
        if cls.listed and not isinstance(value, TensorValue):
            value = constant_tensor(context, value, site)
        found[name] = value
    return found


def tensor_or_number(context: Context, called: str, argument: Argument, site: Site) -> Value:
    """The value of an operand; a list of numbers becomes a constant tensor.  What is neither is reported."""
    value = argument.value
    if isinstance(value, TensorValue | Dim | bool | int | float):
        return value
    if is_numbers(value):
        return constant_tensor(context, value, site)
    hint = "call it on a tensor first" if isinstance(value, LayerValue) else None
    if isinstance(value, list | tuple):
        hint = "join tensors with `ops.stack` first"
    message = f"`{called}` takes tensors and numbers, got {describe_value(value)}"
    return context.error("not-a-tensor", argument.span, message, hint=hint)


def is_numbers(value: Any) -> bool:
    """Whether lists hold numbers alone, as many in each."""
    try:
        made = np.array(value)
    except ValueError:
        return False
    return made.dtype.kind in "bif" and 0 < made.size <= MOST_NUMBERS and made.ndim <= 8


def constant_tensor(context: Context, value: Any, site: Site, dtype: Any = None) -> Value:
    """A tensor of the numbers in a list."""
    literal = Literal(_as_tuples(value), dtype or None)
    layer = LayerValue(literal, "constant", site.span, site.group, written="constant")
    made = apply_layer(context, layer, [], site, CallOptions(operator="constant"))
    if isinstance(made, TensorValue) and id(value) in context.named_arrays:
        made.variable = context.named_arrays[id(value)][1]
    return made


def _as_tuples(value: Any) -> Any:
    value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return tuple(map(_as_tuples, value)) if isinstance(value, list | tuple) else value


def _call_activation(context: Context, called: str, name: str, given: Given, site: Site) -> Value:
    cls = registry["activation"][name]
    fields = _fields(context, cls, given)
    if isinstance(fields, Wrong):
        return WRONG
    try:
        component = cls(**fields)
    except ArgumentError as problem:
        return context.error("bad-argument", site.span, sentence(problem.message), hint=problem.hint)
    assert isinstance(component, Activation)
    x = tensor_or_number(context, called, given["x"], site)
    if isinstance(x, Wrong):
        return WRONG
    if not isinstance(x, TensorValue):
        made = component.forward(np.asarray(float(x)))
        return np.asarray(made).item()
    layer = LayerValue(component, snake_case(cls.__name__), site.span, site.group, written=called)
    context.count_operation(layer.kind)
    return apply_layer(context, layer, [x], site, CallOptions(operator=f"{called}(…)"))


# ------------------------------------------------------------------------------------------------------------ questions


def _shape(context: Context, called: str, given: Given, site: Site) -> Value:
    return tensor.shape if isinstance(tensor := _tensor(context, called, given), TensorValue) else tensor


def _size(context: Context, called: str, given: Given, site: Site) -> Value:
    return product(tensor.shape) if isinstance(tensor := _tensor(context, called, given), TensorValue) else tensor


def _ndim(context: Context, called: str, given: Given, site: Site) -> Value:
    return len(tensor.shape) if isinstance(tensor := _tensor(context, called, given), TensorValue) else tensor


def _tensor(context: Context, called: str, given: Given) -> TensorValue | Wrong:
    argument = given["x"]
    if isinstance(argument.value, TensorValue):
        return argument.value
    message = f"`{called}` takes a tensor, got {describe_value(argument.value)}"
    return context.error("not-a-tensor", argument.span, message)


def _as_tensor(context: Context, called: str, given: Given, site: Site) -> Value:
    """A tensor as it is, a number as it is, a list as a constant; in another dtype where one is given."""
    x = given["x"].value
    if not isinstance(x, np.ndarray):
        x = tensor_or_number(context, called, given["x"], site)
    if "dtype_" not in given or isinstance(x, Wrong) or given["dtype_"].value is None:
        return x
    return _call_operation(context, called, Cast, {"x": Argument(x, given["x"].node), "dtype_": given["dtype_"]}, site)


def _seed_generator(context: Context, called: str, given: Given, site: Site) -> Value:
    """Nothing: the model seeds its draws."""
    return None


def _epsilon(context: Context, called: str, given: Given, site: Site) -> Value:
    return 1e-7


QUESTIONS: dict[str, Callable[[Context, str, Given, Site], Value]] = {
    "shape": _shape,
    "size": _size,
    "ndim": _ndim,
    "tensor": _as_tensor,
    "epsilon": _epsilon,
    "seed_generator": _seed_generator,
}
"""Functions that compute nothing when the model runs: what they say of a tensor is known when the file is built."""


# ------------------------------------------------------------------------------------------------------------- formulas


def _made(
    context: Context, called: str, name: str, operands: Mapping[str, Value], site: Site, **fields: Value
) -> Value:
    """The result of an operation of gen's, as part of a function that is made of several."""
    given = {key: Argument(value, _Place(site.span)) for key, value in {**operands, **fields}.items()}  # type: ignore[arg-type]  # it has a span, as a node has
    if any(is_wrong(value) for value in operands.values()):
        return WRONG
    return _call_operation(context, called, operations[name], given, site)


@dataclass(frozen=True)
class _Place:
    """A place in the file."""

    span: Any


def _matrix_product(context: Context, called: str, given: Given, site: Site) -> Value:
    """`tf.matmul`, which may turn the last two axes of its operands around."""
    operands: dict[str, Value] = {}
    for name, flag in (("x1", "transpose_a"), ("x2", "transpose_b")):
        value = tensor_or_number(context, called, given[name], site)
        if flag in given and given[flag].value is True:
            value = _made(context, called, "swapaxes", {"x": value}, site, axis1=-2, axis2=-1)
        operands[name] = value
    return _made(context, called, "matmul", operands, site)


def _top_k(context: Context, called: str, given: Given, site: Site) -> Value:
    """The `k` greatest numbers on the last axis, and their places; of equal ones the first comes first."""
    x, k = tensor_or_number(context, called, given["x"], site), given["k"].value if "k" in given else 1
    if not isinstance(x, TensorValue):
        return WRONG if is_wrong(x) else context.error("not-a-tensor", given["x"].span, f"`{called}` takes a tensor")
    size = x.shape[-1] if x.shape else 0
    if not isinstance(k, int) or not isinstance(size, int) or not 1 <= k <= size:
        message = f"`k` of `{called}` is from 1 to {size}, the numbers on the last axis, got {describe_value(k)}"
        return context.error("bad-argument", (given.get("k") or given["x"]).span, message)
    order = _made(context, called, "argsort", {"x": _made(context, called, "negative", {"x": x}, site)}, site, axis=-1)
    places = _made(context, called, "take", {"x": order, "indices": list(range(k))}, site, axis=-1)
    values = _made(context, called, "take_along_axis", {"x": x, "indices": places}, site, axis=-1)
    return WRONG if is_wrong(values) else (values, places)


def _moments(context: Context, called: str, given: Given, site: Site) -> Value:
    """The mean and the variance."""
    x = tensor_or_number(context, called, given["x"], site)
    fields = {"axis": given["axes"].value, "keepdims": given["keepdims"].value if "keepdims" in given else False}
    found = [_made(context, called, name, {"x": x}, site, **fields) for name in ("mean", "var")]
    return WRONG if any(map(is_wrong, found)) else tuple(found)


def _extract_patches(context: Context, called: str, given: Given, site: Site) -> Value:
    """The patches of images that lie side by side: (batch, height, width, c) to (batch, rows, columns, h * w * c)."""
    x = tensor_or_number(context, called, given["x"], site)
    if not isinstance(x, TensorValue):
        return WRONG if is_wrong(x) else context.error("not-a-tensor", given["x"].span, f"`{called}` takes a tensor")
    size = _two(given, "size")
    steps, spread = _two(given, "strides") or size, _two(given, "dilation_rate") or (1, 1)
    padding = str(given["padding"].value).lower() if "padding" in given else "valid"
    fixed = len(x.shape) == 4 and all(isinstance(each, int) for each in x.shape[1:])
    if size is None or not fixed:
        message = f"`{called}` takes images of a fixed size, and the size of a patch"
        return context.error("bad-argument", site.span, message)
    batch, height, width, channels = x.shape
    rows, columns = height // size[0], width // size[1]
    whole = rows * size[0] == height and columns * size[1] == width
    if steps != size or spread != (1, 1) or not (whole or padding == "valid") or not rows * columns:
        message = f"gen has `{called}` only for patches that lie side by side"
        return context.error("unsupported-argument", site.span, message)
    for axis, count in enumerate((rows * size[0], columns * size[1]), start=1):
        if not whole:
            kept = list(range(int(count)))  # type: ignore[arg-type]  # the sizes of images are numbers here
            x = _made(context, called, "take", {"x": x, "indices": kept}, site, axis=axis)
    parts = (batch, rows, size[0], columns, size[1], channels)
    x = _made(context, called, "reshape", {"x": x}, site, newshape=parts)
    x = _made(context, called, "transpose", {"x": x}, site, axes=(0, 1, 3, 2, 4, 5))
    last = size[0] * size[1] * channels
    return _made(context, called, "reshape", {"x": x}, site, newshape=(batch, rows, columns, last))


def _slid(name: str) -> Callable[[Context, str, Given, Site], Value]:
    """A convolution with a kernel that is a tensor."""

    def slid(context: Context, called: str, given: Given, site: Site) -> Value:
        operands = {key: tensor_or_number(context, called, given[key], site) for key in ("x", "kernel")}
        x = operands["x"]
        if not isinstance(x, TensorValue):
            return WRONG if is_wrong(x) else context.error("not-a-tensor", site.span, f"`{called}` takes a tensor")
        fields = _sliding(context, called, given, len(x.shape) - 2)
        return WRONG if isinstance(fields, Wrong) else _made(context, called, name, operands, site, **fields)

    return slid


def _pooled(word: str) -> Callable[[Context, str, Given, Site], Value]:
    """A pooling, which is the layer that does the same."""

    def pooled(context: Context, called: str, given: Given, site: Site) -> Value:
        x = tensor_or_number(context, called, given["x"], site)
        rank = len(x.shape) - 2 if isinstance(x, TensorValue) else 0
        if is_wrong(x):
            return WRONG
        if not isinstance(x, TensorValue) or rank not in (1, 2, 3):
            return context.error("not-a-tensor", given["x"].span, f"`{called}` takes a sequence, an image or a volume")
        fields = _sliding(context, called, given, rank)
        if isinstance(fields, Wrong):
            return WRONG
        cls = registry["layer"][f"{word}{rank}D"]
        arguments = {key: Argument(value, _Place(site.span)) for key, value in fields.items()}  # type: ignore[arg-type]  # it has a span, as a node has
        found = _fields(context, cls, arguments)
        if isinstance(found, Wrong):
            return WRONG
        layer = LayerValue(cls(**found), snake_case(cls.__name__), site.span, site.group, written=called)  # type: ignore[arg-type]  # it is a layer
        return apply_layer(context, layer, [x], site, CallOptions(operator=f"{called}(…)"))

    return pooled


def _sliding(context: Context, called: str, given: Given, rank: int) -> dict[str, Value] | Wrong:
    """How a window slides, with numbers for the axes of space alone; the functions of TensorFlow have all axes."""
    fields: dict[str, Value] = {}
    for name in ("strides", "dilation_rate", "pool_size"):
        value = given[name].value if name in given else None
        if isinstance(value, list | tuple):
            value = tuple(value[1:-1]) if len(value) == rank + 2 and rank else tuple(value)
            value = value[0] if len(value) == 1 else value
        if value is not None:
            fields[name] = value
    if "padding" in given:
        value = given["padding"].value
        fields["padding"] = value.lower() if isinstance(value, str) else value
    layout = given["data_format"].value if "data_format" in given else None
    if layout not in (None, "channels_last", "NHWC", "NWC", "NDHWC"):
        message = f"`{called}` has the channels last in gen, got {describe_value(layout)}"
        return context.error("unsupported-argument", given["data_format"].span, message)
    return fields


def _two(given: Given, name: str) -> tuple[int, int] | None:
    """A size of patches: a number, two of them, or those of all four axes as TensorFlow has them."""
    value = given[name].value if name in given else None
    sizes = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else ()
    sizes = sizes[1:3] if len(sizes) == 4 else sizes
    return sizes if len(sizes) == 2 and all(isinstance(each, int) and each > 0 for each in sizes) else None


FORMULAS: dict[str, Callable[[Context, str, Given, Site], Value]] = {
    "average_pooling": _pooled("AveragePooling"),
    "convolution": _slid("conv"),
    "depthwise_convolution": _slid("depthwise_conv"),
    "extract_patches": _extract_patches,
    "matrix_product": _matrix_product,
    "max_pooling": _pooled("MaxPooling"),
    "moments": _moments,
    "top_k": _top_k,
}
"""Functions that are made of several operations."""
FORMULAS_NEED = {
    "average_pooling": {"x", "pool_size"},
    "convolution": {"x", "kernel"},
    "depthwise_convolution": {"x", "kernel"},
    "extract_patches": {"x", "size"},
    "matrix_product": {"x1", "x2"},
    "max_pooling": {"x", "pool_size"},
    "moments": {"x", "axes"},
    "top_k": {"x"},
}
"""The arguments without which they cannot be computed."""
