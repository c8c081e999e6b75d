"""The reference of all components, made from the components, for `gen help`, `docs/reference.md`, and editors.

    registry ──entry──▶ Entry ──text──▶ for a terminal
                              ──markdown──▶ for editors, and for docs/reference.md

`python -m gen.inspect.reference docs/reference.md` writes the page; a test fails if it differs from the components.

The fields of the class give the signature, the arguments, and the defaults.  Its docstring gives the description and
the formula (`gen/components/docstrings.py`).  The compiler finds shapes and weights for the example.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import gen.components  # noqa: F401  (registers the components)
from gen import compiler
from gen.commands.building import CommandError
from gen.components.arguments import accepted_values
from gen.components.base import (
    Component,
    Constraint,
    Initializer,
    Layer,
    Loss,
    Metric,
    Optimizer,
    Regularizer,
    Schedule,
    describe,
    parameters,
    registry,
    snake_case,
)
from gen.components.docstrings import docstring
from gen.diagnostics import Diagnostics, Source, did_you_mean, visible
from gen.dims import show
from gen.files import overwrite
from gen.graph.graph import Graph, NamedLayer, Node, Output
from gen.language.words import WORDS, Construct

WORDS_BY_NAME = {word.name: word for word in WORDS}

LANGUAGE = "language"
"""The kind of words that are not components."""

TITLES = {
    LANGUAGE: "The language",
    "layer": "Layers",
    "activation": "Activations",
    "loss": "Losses",
    "metric": "Metrics",
    "optimizer": "Optimizers",
    "initializer": "Initializers",
    "schedule": "Schedules",
    "regularizer": "Regularizers",
    "constraint": "Constraints",
}
"""The kinds in the order of the reference, with their headings."""

WIDTH = 100
"""The width of a line of `text`."""


@dataclass(frozen=True)
class Argument:
    """An argument: its type, in words; its default as a user writes it, or `""` if it is required."""

    name: str
    takes: str
    default: str
    meaning: str
    """The sentences of the documentation that mention it, or `""`."""

    @property
    def required(self) -> bool:
        return not self.default


@dataclass(frozen=True)
class WeightEntry:
    """A weight of the layer in the example: its name, its shape, and whether training changes it."""

    name: str
    shape: str
    trainable: bool


@dataclass(frozen=True)
class Entry:
    """Everything about a component; no text ends in a newline."""

    name: str
    """The usual spelling: `Dense`, `relu`, `adam`."""
    kind: str
    aliases: tuple[str, ...]
    """All other names of the component."""
    signature: str
    """`Dense(units, activation=linear, …)`."""
    summary: str
    """One line."""
    documentation: str
    """The rest of its docstring in paragraphs, as Markdown."""
    formula: str
    arguments: tuple[Argument, ...]
    inputs: tuple[str, ...]
    """The shapes of its inputs in the example."""
    outputs: tuple[str, ...]
    """The shapes of its outputs in the example."""
    weights: tuple[WeightEntry, ...]
    call_options: tuple[tuple[str, str], ...]
    """The options of its call on a tensor, with their defaults."""
    slots: tuple[str, ...]
    """The names of the slots that an optimizer keeps for each weight."""
    unsupported: tuple[tuple[str, str], ...]
    """The arguments of Keras that gen refuses or ignores, each with the reason."""
    example: str
    """A `.nn` file that builds, or `""` if a user's component has no example that builds."""

    @property
    def title(self) -> str:
        """Its name and its kind, because `mse` is a loss and a metric."""
        return f"{self.name} ({self.kind})"


class UnknownComponent(CommandError):
    """There is no component with this name; the message suggests one."""

    def __init__(self, word: str, suggestion: str | None) -> None:
        hint = f"did you mean `{suggestion}`?" if suggestion else "`gen help` lists them all"
        super().__init__(f"there is no component `{visible(word)}`; {hint}")
        self.word, self.suggestion = word, suggestion


# ------------------------------------------------------------------------------------------------------------- finding


def components() -> list[type[Component]]:
    """Every registered component once: by kind, in the order of `TITLES`, then by name."""
    classes = (cls for kind in registry for cls in dict.fromkeys(registry[kind].values()))
    return sorted(classes, key=lambda cls: (list(TITLES).index(cls.kind), name_of(cls).casefold()))


def entries() -> tuple[Entry, ...]:
    """An entry for every word of the language, and for every registered component, by kind and name."""
    return (*map(entry, WORDS), *map(entry, components()))


def find(word: str) -> tuple[Entry, ...]:
    """The entries with the name `word`, or if there are none, those whose names differ from it in case only.

    Raises `UnknownComponent`.
    """
    return tuple(map(entry, _named(word)))


def _named(word: str) -> list[Construct | type[Component]]:
    known: list[Construct | type[Component]] = [*WORDS, *components()]
    every = {each: _names(each) for each in known}
    for same in (str, str.casefold):
        found = [each for each, names in every.items() if same(word) in map(same, names)]
        if found:
            return found
    raise UnknownComponent(word, did_you_mean(word, [name for names in every.values() for name in names]))


def entry(component: str | Construct | type[Component]) -> Entry:
    """The entry of a class or a word, or of the first kind with this name.  Raises `UnknownComponent`."""
    found = _named(component)[0] if isinstance(component, str) else component
    if isinstance(found, Construct):
        return _word_entry(found.name)
    return _entry(found)  # type: ignore[arg-type]  # a class is hashable, whatever its objects are


def name_of(cls: type[Component]) -> str:
    """The reference's spelling of a component: a layer has the name of its class, most others are in snake case."""
    if cls.kind in ("layer", "schedule") or cls.word:
        return cls.word or cls.__name__
    made = snake_case(cls.__name__)
    return next((name for name in cls.aliases if name.replace("_", "") == made.replace("_", "")), made)


def summary_of(cls: type[Component]) -> str:
    """The summary of a component, without compiling its example."""
    return docstring(cls).summary


def _names(cls: Construct | type[Component]) -> list[str]:
    """All names of a component or a word, beginning with the one in the reference."""
    if isinstance(cls, Construct):
        return [cls.name]
    others = sorted(name for name, found in registry[cls.kind].items() if found is cls)
    return list(dict.fromkeys([name_of(cls), *others]))


@cache
def _entry(cls: type[Component]) -> Entry:
    said = docstring(cls)
    example = example_of(cls)
    shown = _Example.of(cls, example)
    return Entry(
        name=name_of(cls),
        kind=cls.kind,
        aliases=tuple(_names(cls)[1:]),
        signature=signature(cls),
        summary=said.summary,
        documentation=said.details,
        formula=said.formula,
        arguments=_arguments(cls, f"{said.summary}\n\n{said.details}"),
        inputs=shown.inputs,
        outputs=shown.outputs,
        weights=shown.weights,
        call_options=_call_options(cls),
        slots=_slots(cls),
        unsupported=tuple({**cls.unsupported, **cls.ignored}.items()),
        example=example if shown.graph else "",
    )


@cache
def _word_entry(name: str) -> Entry:
    word = WORDS_BY_NAME[name]
    summary, _, details = word.about.partition("\n\n")
    graph = compiler.understand(Source(f"{name}.nn", word.example), Diagnostics())
    assert graph is not None
    wraps = bool(word.formula)
    return Entry(
        name=name,
        kind=LANGUAGE,
        aliases=(),
        signature=word.signature,
        summary=summary,
        documentation=details,
        formula=word.formula,
        arguments=tuple(
            Argument(argument, takes, default or "", _meaning(argument, word.about))
            for argument, (takes, default) in word.arguments.items()
        ),
        inputs=tuple(show(item.tensor.shape) for item in graph.inputs) if wraps else (),
        outputs=tuple(show(item.tensor.shape) for item in graph.outputs) if wraps else (),
        weights=tuple(each for layer in graph.layers for each in _weights_of(layer, f"{layer.name}/")) if wraps else (),
        call_options=(),
        slots=(),
        unsupported=(),
        example=word.example,
    )


# ----------------------------------------------------------------------------------------------------------- arguments


def signature(cls: type[Component]) -> str:
    """The call with all arguments and their defaults."""
    items = [item.name if item.required else f"{item.name}={_shown(item.default)}" for item in parameters(cls)]
    return f"{name_of(cls)}({', '.join(items)})"


def _arguments(cls: type[Component], documentation: str) -> tuple[Argument, ...]:
    return tuple(
        Argument(
            item.name,
            accepted_values(item.annotation),
            "" if item.required else _shown(item.default),
            _meaning(item.name, documentation),
        )
        for item in parameters(cls)
    )


def _shown(value: Any) -> str:
    return describe(value) if isinstance(value, Component) else repr(value)


def _meaning(name: str, documentation: str) -> str:
    sentences = re.split(r"(?<=\.)\s+(?=[^a-z])|\n\n", documentation)
    return " ".join(sentence.strip() for sentence in sentences if f"`{name}`" in sentence)


def _call_options(cls: type[Component]) -> tuple[tuple[str, str], ...]:
    options = cls.call_options if issubclass(cls, Layer) else {}
    return tuple((name, _shown(default)) for name, default in options.items())


def _slots(cls: type[Component]) -> tuple[str, ...]:
    if not issubclass(cls, Optimizer) or any(item.required for item in parameters(cls)):
        return ()
    return tuple(cls().slots())


# ------------------------------------------------------------------------------------------------------------ examples


def example_of(cls: type[Component]) -> str:
    """A small `.nn` file that uses a component, made from the `Example:` of its docstring."""
    said, name = docstring(cls).example, name_of(cls)
    loss, metrics, optimizer = "mse", "", "sgd"
    call = "Dense(1)(Input(64))"
    if issubclass(cls, Layer):
        return _model(said or f"{name}()(Input(64))")
    if issubclass(cls, Loss):
        call, loss = said or call, name
    elif issubclass(cls, Metric):
        call, _, made = (said or call).partition("; ")
        metrics = f", metrics=[{made or name}]"
        loss = _loss_for(cls, call)
    elif issubclass(cls, Optimizer):
        optimizer = said or name
    elif issubclass(cls, Schedule):
        optimizer = f"SGD({said or name})"
    elif issubclass(cls, Initializer):
        call = f"Dense(32, kernel_initializer={said or name})(Input(64))"
    elif issubclass(cls, Regularizer):
        call = f"Dense(32, kernel_regularizer={said or name})(Input(64))"
    elif issubclass(cls, Constraint):
        call = f"Dense(32, kernel_constraint={said or name})(Input(64))"
    else:
        call = f"Dense(32, {said or name})(Input(64))"
    return f"{_model(call)}\nmodel.compile({optimizer}, loss={loss}{metrics})"


def _loss_for(metric: type[Metric], call: str) -> str:
    """A loss that suits a metric and the output of `call`."""
    if "softmax" in call:
        ids = metric.__name__.startswith("Sparse") or getattr(metric, "sparse_y_true", False)
        return ("sparse_" if ids else "") + "categorical_crossentropy"
    return "binary_crossentropy" if "sigmoid" in call else "mse"


def _model(call: str) -> str:
    """The file around `Dense(32)(Input(64))`, with a line and a name for each input."""
    made = re.findall(r"Input\([^()]*\)", call)
    names = ["x"] if len(made) == 1 else list("abcdefgh"[: len(made)])
    for name, text in zip(names, made, strict=True):
        call = call.replace(text, name, 1)
    lines = [f"{name} = {text}" for name, text in zip(names, made, strict=True)]
    inputs = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    return "\n".join([*lines, f"y = {call}", "", f"model = Model({inputs}, y)"])


@dataclass(frozen=True)
class _Example:
    """The compiler's results for an example; if it has no graph, it does not build."""

    graph: Graph | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    weights: tuple[WeightEntry, ...] = ()

    @staticmethod
    def of(cls: type[Component], text: str) -> _Example:
        graph = compiler.understand(Source(f"{name_of(cls)}.nn", text), Diagnostics())
        if graph is None:
            return _Example()
        node, output = graph.maker(graph.outputs[0].tensor), graph.outputs[0]
        if issubclass(cls, Layer):
            inputs = tuple(show(tensor.shape) for tensor in node.inputs)
            return _Example(graph, inputs, tuple(show(tensor.shape) for tensor in node.outputs), _weights(node))
        if issubclass(cls, Loss | Metric):
            result = "(batch,)" if issubclass(cls, Loss) else "()"
            return _Example(graph, (f"y_true {_target(output)}", f"y_pred {show(output.tensor.shape)}"), (result,))
        if issubclass(cls, Initializer | Regularizer | Optimizer):
            shape = show(node.layer.weights["kernel"].shape)
            return _Example(graph, (shape,), ("()" if issubclass(cls, Regularizer) else shape,))
        if issubclass(cls, Schedule):
            return _Example(graph, ("()",), ("()",))
        return _Example(graph, (show(output.tensor.shape),), (show(output.tensor.shape),))


def _weights(node: Node) -> tuple[WeightEntry, ...]:
    return tuple(_weights_of(node.layer))


def _weights_of(layer: NamedLayer, prefix: str = "") -> Iterator[WeightEntry]:
    for name, weight in layer.weights.items():
        yield WeightEntry(f"{prefix}{name}", show(weight.shape), weight.trainable)


def _target(output: Output) -> str:
    """The shape of the targets of an output: one class id for each row, or the shape of the output."""
    sparse = output.loss is not None and output.loss.sparse
    return show(output.tensor.shape[:-1] if sparse else output.tensor.shape)


# --------------------------------------------------------------------------------------------------------------- texts


def text(item: Entry) -> str:
    """An entry for a terminal."""
    parts = [item.title, _call(item), _filled(item.summary)]
    if item.documentation:
        parts += [_filled(paragraph) for paragraph in item.documentation.split("\n\n")]
    for heading, lines in _facts(item):
        parts.append(f"{heading}:\n{textwrap.indent(chr(10).join(lines), '    ')}")
    return "\n\n".join(parts)


def _filled(paragraph: str) -> str:
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def _call(item: Entry) -> str:
    """The signature; a long one has each argument on its own line."""
    if len(item.signature) + 4 <= WIDTH or not item.arguments:
        return f"    {item.signature}"
    head = f"    {item.name}("
    lines = [each.name if each.required else f"{each.name}={each.default}" for each in item.arguments]
    return head + f",\n{' ' * len(head)}".join(lines) + ")"


def _facts(item: Entry) -> list[tuple[str, list[str]]]:
    """The lists of an entry that are not empty, each under its heading."""
    facts = [
        ("Formula", [item.formula] if item.formula else []),
        ("Arguments", [_argument(each) for each in item.arguments]),
        ("Options of the call", [f"{name}={default}" for name, default in item.call_options]),
        ("Shapes in the example", [shapes(item)] if item.outputs else []),
        ("Weights in the example", [f"{each.name} {_form(each)}" for each in item.weights]),
        ("Slots", [", ".join(item.slots)] if item.slots else []),
        ("Not as in Keras", [f"{name}: {reason}" for name, reason in item.unsupported]),
        ("Also called", [", ".join(item.aliases)] if item.aliases else []),
        ("Example", item.example.splitlines()),
    ]
    return [(heading, lines) for heading, lines in facts if lines]


def shapes(item: Entry) -> str:
    """The shapes of the inputs and outputs in the example: `(batch, 64) → (batch, 32)`."""
    return f"{', '.join(item.inputs)} → {', '.join(item.outputs)}"


def _argument(item: Argument) -> str:
    return f"{item.name}: {item.takes}{'' if item.required else f'; by default {item.default}'}"


def _form(item: WeightEntry) -> str:
    return item.shape if item.trainable else f"{item.shape}, not trained"


def overview() -> str:
    """All words of the language and all components by kind, each with its summary on one line."""
    lines: list[str] = []
    said = [(LANGUAGE, word.name, word.about.partition("\n")[0]) for word in WORDS]
    said += [(cls.kind, name_of(cls), summary_of(cls)) for cls in components()]
    width = max(len(name) for _, name, _ in said)
    for kind, title in TITLES.items():
        lines += ["", title] if lines else [title]
        for other, name, summary in said:
            if other == kind:
                lines.append(f"  {name:{width}}  {textwrap.shorten(summary, WIDTH - width, placeholder=' …')}".rstrip())
    return "\n".join(lines)


def markdown(item: Entry, level: int = 3) -> str:
    """An entry in Markdown, under a heading of this level."""
    parts = [f"{'#' * level} {item.name}", f"```python\n{textwrap.dedent(_call(item))}\n```", _escaped(item.summary)]
    if item.documentation:
        parts.append(_escaped(item.documentation))
    if item.formula:
        parts.append(f"**Formula**: `{item.formula}`")
    if item.arguments:
        parts.append("\n".join(_argument_row(each) for each in item.arguments))
    if item.call_options:
        options = ", ".join(f"`{name}={default}`" for name, default in item.call_options)
        parts.append(f"**Options of the call**: {options}")
    if item.example:
        parts.append(f"```python\n{item.example}\n```")
    if item.outputs:
        parts.append(f"**Shapes** in the example: {shapes(item)}")
    if item.weights:
        weights = "; ".join(f"`{each.name}` {_form(each)}" for each in item.weights)
        parts.append(f"**Weights** in the example: {weights}")
    if item.slots:
        parts.append("**Slots**: " + ", ".join(f"`{name}`" for name in item.slots))
    if item.unsupported:
        notes = (f"- `{name}`: {_escaped(reason)}" for name, reason in item.unsupported)
        parts.append("**Not as in Keras**:\n\n" + "\n".join(notes))
    if item.aliases:
        parts.append("**Also called**: " + ", ".join(f"`{name}`" for name in item.aliases))
    return "\n\n".join(parts)


def _argument_row(item: Argument) -> str:
    default = "" if item.required else f"; by default `{item.default}`"
    return f"- `{item.name}`: {_escaped(item.takes)}{default}"


def _escaped(words: str) -> str:
    """Prose with escapes, so that Markdown recognizes only `code`."""
    pieces = re.split(r"(`[^`]*`)", words)
    return "".join(piece if piece[:1] == "`" else re.sub(r"([*<\[\]])", r"\\\1", piece) for piece in pieces)


def document(items: Iterable[Entry]) -> str:
    """The whole text of `docs/reference.md`."""
    parts = [HEAD]
    items = list(items)
    for kind, title in TITLES.items():
        parts += [f"## {title}", *(markdown(item) for item in items if item.kind == kind)]
    return "\n\n".join(parts) + "\n"


HEAD = """# Reference

Every word of the language and every component with its arguments, formula, shapes, and weights.
`python -m gen.inspect.reference docs/reference.md` writes this page from the components, and `gen help NAME` prints the
same. The compiler finds the shapes and weights for the example; the batch comes first. Each layer also takes `name` and
`trainable`."""


if __name__ == "__main__":
    overwrite(sys.argv[1], document(entries()).encode())
