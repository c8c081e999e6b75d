"""Hover: what a name is, with its shape, dtype, parameters and memory, and the documentation of its layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gen.components.arguments import Word
from gen.components.base import Component, Weight, describe
from gen.diagnostics import Span
from gen.dims import show
from gen.emit.footprint import bytes_text
from gen.graph.checks import parameters
from gen.graph.graph import Tensor
from gen.inspect.facts import Facts
from gen.language import syntax
from gen.language.elaborate.values import (
    BidirectionalValue,
    Distributed,
    FunctionValue,
    LayerCall,
    LayerValue,
    ModelValue,
    TensorValue,
    Unit,
    Value,
    describe_value,
)
from gen.lsp.analysis import Analysis
from gen.lsp.words import brief, component, documentation, meaning, signature, word_signature


@dataclass(frozen=True)
class Hover:
    """Markdown about what stands at `span`."""

    span: Span
    markdown: str


def hover(analysis: Analysis, offset: int) -> Hover | None:
    """What there is to say about the name at `offset`; None where there is no name, or nothing is known."""
    found = analysis.variables.at(offset)
    if found is not None:
        values = analysis.values(found.span) or analysis.values(found.definition)
        if not values:  # a parameter, what a loop goes through: as it is where it is read
            values = next(filter(None, map(analysis.values, found.variable.reads)), ())
        about = list(_about(analysis, found.variable.name, values, offset))
        return Hover(found.span, "\n\n".join(about)) if about else None
    return _about_word(analysis, offset)


def summary(values: Sequence[Value]) -> str:
    """A value in a few words, for a list: `(batch, 32)`, `Dense(32)`."""
    match values:
        case [*_, TensorValue() | Tensor() as tensor]:
            return f"{show(tensor.shape)} {_dtype(tensor)}"
        case [*_, LayerValue(component)]:
            return describe(component)
        case [*_, ModelValue() | Distributed() | BidirectionalValue() as value]:
            return describe_value(value)
        case [*_, int() | float() | str() | list() | tuple() as value]:
            return repr(value)[:60]
    return ""


def _about(analysis: Analysis, name: str, values: Sequence[Value], offset: int) -> Iterator[str]:
    """The paragraphs about a variable."""
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
        case [*_, FunctionValue()]:
            found = signature(analysis, name, offset)
            yield _code(f"def {found or name}")
            yield "A block: each call builds new layers."
        case [*_, Word(word)]:
            yield _word(word) or _code(word)
        case [*_, Component() as value]:
            yield _code(f"{name} = {describe(value)}")
            yield from _documented(value)
        case [*_, value] if value is not None:
            shown = dict.fromkeys(repr(each)[:60] for each in values)
            yield _code(f"{name} = {' | '.join(shown)}")


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
    """What the file's model takes; others are part of it."""
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
            span = Span(token.start_pos or 0, token.end_pos or 0)
            if token.type == "NAME" and span.start <= offset <= span.end:
                keyword = _keyword_at(analysis.file.statements, span)
                about = _argument(analysis, *keyword) if keyword is not None else _word(token.value)
                return Hover(span, about) if about is not None else None
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
