"""`Input(…)`, in all its spellings."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

import numpy as np

from gen.components.arguments import Word
from gen.diagnostics import Span
from gen.dims import BATCH, Size
from gen.language.elaborate.binding import option_name
from gen.language.elaborate.context import Context
from gen.language.elaborate.spellings import DTYPES, OTHER_FLOATS, suggestion
from gen.language.elaborate.values import (
    WRONG,
    Argument,
    Arguments,
    Group,
    InputValue,
    TensorValue,
    Value,
    Wrong,
    describe_value,
    is_wrong,
)

OPTIONS = ("shape", "dtype", "name", "batch_shape", "batch_size", "input_shape")

UNSUPPORTED = {
    "sparse": "data is dense",
    "ragged": "pad the rows to one length, and mask the padding",
    "tensor": "data goes to `fit` and `predict` of the generated file",
    "optional": "every input is needed",
}


def make_input(context: Context, arguments: Arguments, group: Group | None, target: str | None) -> Value:
    """The tensor of an `Input`; `target` is the variable that it is bound to, if it is."""
    if not _check_options(context, arguments):
        return WRONG
    given_name = option_name(context, arguments.keywords.get("name"))
    dims = _dimensions(context, arguments)
    dtype = _dtype(context, arguments)
    if isinstance(given_name, Wrong) or isinstance(dims, Wrong) or isinstance(dtype, Wrong):
        return WRONG
    entry = new_input(context, dims, dtype, arguments.span, given_name or target)
    entry.given_name, entry.tensor.group = given_name, group
    entry.auto_name = context.auto_name("input_layer", given_name)
    return entry.tensor


def new_input(
    context: Context,
    dims: Sequence[int | str | Size | None],
    dtype: str,
    span: Span,
    called: str | None = None,
) -> InputValue:
    """An input with these dimensions besides the batch; `called` names those that are unknown."""
    symbol = re.sub(r"\W", "_", called or "input")
    shape = tuple(_size(context, dim, symbol) for dim in dims)
    entry = InputValue(context.next_order(), span)
    entry.tensor = TensorValue((BATCH, *shape), dtype, entry, None)
    context.inputs.append(entry)
    return entry


def _size(context: Context, dim: int | str | Size | None, symbol: str) -> Size:
    if dim is None:
        return context.symbols.fresh(symbol)
    return context.symbols.named(dim) if isinstance(dim, str) else dim


def _check_options(context: Context, arguments: Arguments) -> bool:
    good = True
    for name, argument in arguments.keywords.items():
        span = arguments.name_spans[name]
        if name in UNSUPPORTED and argument.value not in (None, False):
            context.error("unsupported-argument", span, f"gen does not support `{name}` of Input: {UNSUPPORTED[name]}")
            good = False
        elif name not in OPTIONS and name not in UNSUPPORTED:
            hint = suggestion(name, OPTIONS) or "Input takes `shape`, `dtype` and `name`"
            context.error("unknown-argument", span, f"`Input` has no argument `{name}`", hint=hint)
            good = False
        elif name == "batch_size" and argument.value is not None:
            context.warning(
                "ignored-argument", span, "`batch_size` of `Input` has no effect: the model takes any number of rows"
            )
    return good


def _dimensions(context: Context, arguments: Arguments) -> list[int | str | None] | Wrong:
    """What the arguments say of the axes besides the batch."""
    given = [argument for argument in arguments.positional if _dtype_name(argument.value) is None]
    shape = next(
        (arguments.keywords[name] for name in ("shape", "batch_shape", "input_shape") if name in arguments.keywords),
        None,
    )
    if shape is not None and given:
        return context.error("duplicate-argument", given[0].span, "The shape of this Input is given twice")
    if shape is None and len(given) == 1 and isinstance(given[0].value, list | tuple):
        shape = given[0]
    if shape is None:
        return _checked(context, given)
    if is_wrong(shape.value):
        return WRONG
    if isinstance(shape.value, int) and not isinstance(shape.value, bool) and "shape" in arguments.keywords:
        text = context.text(shape.span)
        context.warning("old-spelling", shape.span, f"Keras 3 writes this `shape` as `({text},)`")
        return _checked(context, [shape])
    if not isinstance(shape.value, list | tuple):
        return context.error(
            "bad-argument",
            shape.span,
            f"`shape` takes a tuple, got {describe_value(shape.value)}",
        )
    nodes = getattr(shape.node, "items", ())
    written = len(nodes) == len(shape.value)
    items = [Argument(value, nodes[i] if written else shape.node) for i, value in enumerate(shape.value)]
    return _checked(context, items[1:] if "batch_shape" in arguments.keywords else items)


def _checked(context: Context, items: Sequence[Argument]) -> list[int | str | None] | Wrong:
    problems = [_problem(item) for item in items]
    for item, problem in zip(items, problems, strict=True):
        if problem is not None:
            message, hint = problem
            context.error("bad-argument", item.span, message, hint=hint)
    if any(problem is not None for problem in problems) or any(is_wrong(item.value) for item in items):
        return WRONG
    return [item.value for item in items]


def _problem(item: Argument) -> tuple[str, str | None] | None:
    """What is wrong with a dimension, and a hint; None if nothing is."""
    match item.value:
        case None | Wrong():
            return None
        case np.ndarray():
            return f"A dimension is a number, a name in quotes or None, got {describe_value(item.value)}", None
        case bool():
            return "A dimension is a number, a name in quotes or None", None
        case int(size):
            return (
                None
                if size >= 1
                else (
                    f"A dimension must be 1 or more, got {size}",
                    "use `None` for a dimension that depends on the data",
                )
            )
        case "batch":
            return "`batch` is the first axis of every array, and is implied", "give the dimension another name"
        case str(name) if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and not keyword.iskeyword(name):
            return None
        case str(name):
            return f"`{name[:40]}` cannot be the name of a dimension", "a name contains letters, digits, and `_`"
        case Word(name):
            return f"`{name}` is neither a dimension nor a dtype", suggestion(name, DTYPES)
        case _:
            return f"A dimension is a number, a name in quotes or None, got {describe_value(item.value)}", None


def _dtype_name(value: Value) -> str | None:
    name = value.name if isinstance(value, Word) else value
    return name if isinstance(name, str) and name in (*DTYPES, *OTHER_FLOATS) else None


def _dtype(context: Context, arguments: Arguments) -> str | Wrong:
    given = [argument for argument in arguments.positional if _dtype_name(argument.value) is not None]
    if "dtype" in arguments.keywords:
        given.append(arguments.keywords["dtype"])
    if len(given) > 1:
        return context.error("duplicate-argument", given[1].span, "The dtype of this Input is given twice")
    if not given or given[0].value is None:
        return "float"
    if is_wrong(given[0].value):
        return WRONG
    name = _dtype_name(given[0].value)
    if name in DTYPES:
        return DTYPES[name]
    if name is not None:
        return context.error(
            "bad-argument",
            given[0].span,
            f"gen has no inputs of {name}: the model computes in one float type",
            hint="leave it out; the generated file has `Model(dtype=np.float64)`",
        )
    text = given[0].value.name if isinstance(given[0].value, Word) else str(given[0].value)
    return context.error(
        "bad-argument",
        given[0].span,
        f"`dtype` takes the name of a dtype, got {describe_value(given[0].value)}",
        hint=suggestion(text, DTYPES) or "for ids write `int32`",
    )
