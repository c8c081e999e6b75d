"""Hover: what a name is, with its shape, dtype, parameters, memory, and the documentation of its layer."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gen.components.arguments import Word
from gen.components.base import Component, Weight, describe
from gen.diagnostics import Span
from gen.dims import Dim, show
from gen.emit.footprint import bytes_text
from gen.graph.checks import parameters
from gen.graph.graph import Tensor
from gen.inspect.facts import Facts
from gen.language import syntax
from gen.language.elaborate.values import (
    BidirectionalValue,
    Builtin,
    ClassValue,
    Distributed,
    Function,
    FunctionValue,
    LambdaValue,
    LayerCall,
    LayerValue,
    Method,
    ModelValue,
    Namespace,
    ObjectValue,
    Phase,
    PlainFunction,
    Super,
    TensorValue,
    Unit,
    Unknown,
    Value,
    describe_value,
    sentence,
)
from gen.lsp.analysis import Analysis
from gen.lsp.variables import Occurrence
from gen.lsp.words import (
    brief,
    class_signature,
    component,
    documentation,
    function_signature,
    meaning,
    operation_signature,
    signature,
    value_signature,
    word_signature,
)


@dataclass(frozen=True)
class Hover:
    """Markdown about the text at `span`."""

    span: Span
    markdown: str


def hover(analysis: Analysis, offset: int) -> Hover | None:
    """What gen knows about the name at `offset`; None if there is no name, or gen knows nothing."""
    found = analysis.variables.at(offset)
    if found is not None:
        values = analysis.values(found.span) or analysis.bound(found.definition)
        if not values:  # a parameter: its values are those at the places that read it
            values = next(filter(None, map(analysis.values, found.variable.reads)), ())
        about = list(_about(analysis, found.variable.name, values)) or list(_written(analysis, found))
        return Hover(found.span, "\n\n".join(about)) if about else None
    return _about_word(analysis, offset)


def summary(values: Sequence[Value]) -> str:
    """A value in a few words, for use in a list: `(batch, 32)`, `Dense(32)`."""
    match values:
        case [*_, TensorValue() | Tensor() as tensor]:
            return f"{show(tensor.shape)} {_dtype(tensor)}"
        case [*_, LayerValue(component)]:
            return describe(component)
        case [*_, ModelValue() | Distributed() | BidirectionalValue() as value]:
            return describe_value(value)
        case [*_, FunctionValue() | ClassValue() | ObjectValue() | LambdaValue() as value]:
            return describe_value(value)
        case [
            *_,
            int() | float() | str() | list() | tuple() | dict() | set() | range() | np.ndarray() | Dim() as value,
        ]:
            return shown(value)
    return ""


MOST_SHOWN = 60
"""The most characters that a value gets."""


def shown(value: Value, depth: int = 2) -> str:
    """A value as a user would write it, shortened if it is long; a list of layers shows the layers."""

    def several(items: Iterable[Value], left: str, right: str) -> str:
        if depth == 0:
            return f"{left}…{right}"
        first = [shown(each, depth - 1) for each in islice(items, MOST_ITEMS + 1)]
        return f"{left}{', '.join([*first[:MOST_ITEMS], *(['…'] if len(first) > MOST_ITEMS else [])])}{right}"

    match value:
        case TensorValue():
            text = show(value.shape)
        case LayerValue(component):
            text = describe(component)
        case list():
            text = several(value, "[", "]")
        case tuple():
            text = several(value, "(", ",)" if len(value) == 1 else ")")
        case set() | frozenset():
            text = several(value, "{", "}") if value else "set()"
        case dict() if depth:
            pairs = [f"{shown(key, 0)}: {shown(each, depth - 1)}" for key, each in islice(value.items(), MOST_ITEMS)]
            text = "{" + ", ".join([*pairs, *(["…"] if len(value) > MOST_ITEMS else [])]) + "}"
        case dict():
            text = "{…}"
        case str() | int() | float() | range() | None:
            text = repr(value)
        case np.ndarray():
            text = f"an array {value.shape} of {value.dtype}"
        case Dim():
            text = str(value)
        case Component():
            text = describe(value)
        case _:
            text = describe_value(value)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


MOST_ITEMS = 8
"""The most items of a list that gen shows."""


def _written(analysis: Analysis, found: Occurrence) -> Iterator[str]:
    """Describe a function or a class that did not run, because its class is not used or the file is broken."""
    definition = analysis.variables.block(found.definition)
    members = analysis.variables.cls(found.definition)
    if definition is not None:
        yield _code(f"def {function_signature(analysis, found.variable.name, definition)}")
    elif members is not None:
        yield _code(f"class {class_signature(analysis, members)}")


def _about(analysis: Analysis, name: str, values: Sequence[Value]) -> Iterator[str]:
    """The paragraphs about a variable, or an attribute."""
    match values:
        case [*_, TensorValue() as tensor]:
            shapes = dict.fromkeys(show(value.shape) for value in values if isinstance(value, TensorValue))
            yield _code(f"{name}: {' | '.join(shapes)} {_dtype(tensor)}")
            yield from _about_tensor(analysis, tensor)
        case [*_, LayerValue() as layer]:
            yield _code(f"{name} = {describe(layer.component)}")
            yield from _about_weights(layer)
            yield from _documented(layer.component)
        case [*_, ModelValue() as model]:
            yield _code(f"{name}: {model.kind}({_shapes(model.inputs)}) → {_shapes(model.outputs)}")
            layers = dict.fromkeys(call.layer for call in model.calls)
            yield f"{sum(parameters((layer.weights or {}).values()) for layer in layers):,} parameters"
            yield from _model_memory(analysis, model)
        case [*_, Distributed() | BidirectionalValue() as wrapper]:
            held = wrapper.inner if isinstance(wrapper, Distributed) else wrapper.forward
            yield _code(f"{name} = {_name_of(wrapper)}({summary([held])})")
            yield f"---\n\n{documentation(_name_of(wrapper))}"
        case [*_, FunctionValue() as function]:
            yield _code(f"def {function_signature(analysis, name, function.definition)}")
            yield "A function of the file: each call makes new layers."
        case [*_, Method(function=FunctionValue() as function)]:
            yield _code(f"def {function_signature(analysis, name, function.definition)}")
            yield f"A method of `{function.owner.name if function.owner else name}`"
        case [*_, ClassValue() as cls]:
            found = value_signature(analysis, name, cls)
            yield _code(f"class {found or name}")
            kind = {"layer": "A layer of the file.", "model": "A model of the file."}.get(cls.kind)
            yield kind or "A class of the file."
        case [*_, ObjectValue() as made]:
            yield from _about_object(analysis, name, made)
        case [*_, Function(path=path)]:
            found = operation_signature(path)
            yield _code(str(found or ".".join(path)))
            if found is not None and found.about:
                yield f"---\n\n{found.about}"
        case [*_, Builtin(word)]:
            yield _code(word)
            about = inspect.getdoc(getattr(builtins, word, None)) or ""
            yield f"Python's own: {about.partition('.')[0]}." if about else "Python's own."
        case [*_, Word(word)]:
            yield _word(word) or _code(word)
        case [*_, Component() as value]:
            yield _code(f"{name} = {describe(value)}")
            yield from _documented(value)
        case [*_, Unknown() as unknown]:
            yield _code(f"{name}: not known when gen reads the file")
            yield f"It comes from `{unknown.text}`"
        case [*_, Namespace() | PlainFunction() | Phase() | Super() as value]:
            yield _code(name)
            yield sentence(describe_value(value))
        case [*_, value] if value is not None:
            yield _code(f"{name} = {' | '.join(dict.fromkeys(map(shown, values)))}")


def _about_object(analysis: Analysis, name: str, made: ObjectValue) -> Iterator[str]:
    """Describe an object of a class of the file: its attributes, and the weights of the layers that its calls use."""
    shapes = "" if made.output is None else f" → {show(made.output.shape)}"
    yield _code(f"{name}: {made.cls.name}{shapes}")
    layers = dict.fromkeys(call.layer for call in analysis.observed.calls if call.unit is made)
    layers |= {each.maker.layer: None for each in made.attributes.values() if _is_weight(each)}
    count = sum(parameters((layer.weights or {}).values()) for layer in layers)
    if count:
        yield f"{count:,} parameters"
    rows = [f"- `{key}`: `{shown(value)}`" for key, value in islice(made.attributes.items(), 2 * MOST_ITEMS)]
    if rows:
        yield "\n".join(rows)


def _is_weight(value: Value) -> bool:
    """Whether an attribute is a weight of its object, and not the result of a call of the object."""
    return isinstance(value, TensorValue) and isinstance(value.maker, LayerCall) and not value.maker.inputs


def _about_tensor(analysis: Analysis, tensor: TensorValue) -> Iterator[str]:
    call = tensor.maker
    if not isinstance(call, LayerCall):
        yield "An input of the model."
        return
    facts = analysis.facts
    made = (
        next((each for each in facts.calls if each.span == call.span and each.shape == tensor.shape), None)
        if facts
        else None
    )
    if tensor.wrapper is None:
        yield f"Made by `{call.said.operator or describe(call.layer.component)}` of {_shapes(call.inputs)}"
        yield from _about_weights(call.layer)
    else:
        yield f"Made by `{_name_of(tensor.wrapper)}`"
        yield from (f"{made.parameters:,} parameters",) if made is not None else ()
    if facts is not None and made is not None:
        operations = f"{made.forward:,} operations forward, {made.backward:,} backward"
        yield f"{bytes_text(made.memory)} of memory, {operations} ({_sizes(facts)})"
    if tensor.wrapper is None:
        yield from _documented(call.layer.component)
    else:
        yield f"---\n\n{documentation(_name_of(tensor.wrapper))}"


def _name_of(wrapper: Unit) -> str:
    return "Model" if isinstance(wrapper, ModelValue) else wrapper.word


def _about_weights(layer: LayerValue) -> Iterator[str]:
    weights = layer.weights or {}
    if weights:
        yield f"{parameters(weights.values()):,} parameters: {', '.join(_weight(*item) for item in weights.items())}"


def _weight(name: str, weight: Weight) -> str:
    return f"{name} {show(weight.shape)}{'' if weight.trainable else ' (not trained)'}"


def _model_memory(analysis: Analysis, model: ModelValue) -> Iterator[str]:
    """The memory that the file's model takes; other models are part of it."""
    known = analysis.good or analysis
    facts = known.facts
    if known.observed.model is model and facts is not None:
        rows = [f"- {part}: {bytes_text(count)}" for part, count in facts.memory.items()]
        yield "\n".join([f"Memory ({_sizes(facts)}):", "", *rows])


def _sizes(facts: Facts) -> str:
    return ", ".join(f"{name} = {size}" for name, size in facts.sizes.items())


# ---------------------------------------------------------------------------------------------------------------- words


def _about_word(analysis: Analysis, offset: int) -> Hover | None:
    """The documentation of a word of the language, or of the argument of a call."""
    for line in analysis.lines:
        for token in line.tokens:
            span = token.span
            if token.type == "NAME" and span.start <= offset <= span.end:
                keyword = _keyword_at(analysis.file.statements, span)
                if keyword is not None:
                    about = _argument(analysis, *keyword)
                else:
                    about = "\n\n".join(_about(analysis, token.value, analysis.values(span))) or _word(token.value)
                return Hover(span, about) if about else None
    return None


def _word(name: str) -> str | None:
    about, found = documentation(name), word_signature(name)
    if component(name) is not None or found is None:
        return about  # which begins with the signature
    return f"{_code(str(found))}\n\n{about}"


def _argument(analysis: Analysis, call: syntax.Call, keyword: syntax.Keyword) -> str | None:
    found = signature(analysis, analysis.source.slice(call.function.span), keyword.span.start)
    argument = found and found.find(keyword.name)
    if found is None or argument is None:
        return None
    return f"{_code(str(argument))}\n\n{meaning(found.word or '', argument.name)}\n\nAn argument of `{found}`"


def _keyword_at(statements: Iterable[syntax.Statement], span: Span) -> tuple[syntax.Call, syntax.Keyword] | None:
    for call in syntax.calls(statements):
        for keyword in call.keywords:
            if keyword.name_span == span:
                return call, keyword
    return None


def _documented(item: Component) -> Iterator[str]:
    text = brief(type(item))
    if text:
        yield f"---\n\n{text}"


def _code(text: str) -> str:
    return f"```nn\n{text}\n```"


def _shapes(tensors: Sequence[TensorValue]) -> str:
    return ", ".join(show(tensor.shape) for tensor in tensors)


def _dtype(tensor: TensorValue | Tensor) -> str:
    return "float32" if tensor.dtype == "float" else tensor.dtype
