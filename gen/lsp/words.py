"""What the words of the language are: what can be called takes which arguments, and what its documentation is."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from gen.components.base import Component, describe, parameters, registry, snake_case
from gen.components.docstrings import docstring
from gen.inspect.reference import UnknownComponent, entry, markdown
from gen.language import syntax
from gen.language.elaborate.binding import LAYER_OPTIONS
from gen.language.elaborate.spellings import MODULES, members
from gen.language.elaborate.training import FIT
from gen.language.elaborate.values import BlockValue, LayerValue, ModelValue
from gen.language.words import WORDS
from gen.lsp.analysis import Analysis


@dataclass(frozen=True)
class Argument:
    """An argument: `default` as one would write it, None where it has to be given; `annotation` what it may be."""

    name: str
    default: str | None = None
    annotation: Any = None

    def __str__(self) -> str:
        return self.name if self.default is None else f"{self.name}={self.default}"


@dataclass(frozen=True)
class Signature:
    """What can be called: `word` is the component it is, where it is one; `options` is taken by name alone."""

    name: str
    arguments: tuple[Argument, ...]
    word: str | None = None
    options: tuple[Argument, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"

    def find(self, name: str) -> Argument | None:
        """The argument of this name."""
        return next((each for each in (*self.arguments, *self.options) if each.name == name), None)


_METHODS = ("compile", "fit", "add", "summary")
_ANNOTATIONS: dict[str, dict[str, Any]] = {
    "fit": FIT,
    "Bidirectional": {"merge_mode": Literal["concat", "sum", "mul", "ave", None]},
    "RNN": dict.fromkeys(("return_sequences", "return_state", "go_backwards", "trainable"), bool),
    "Model": {"trainable": bool},
    "Sequential": {"trainable": bool},
}
"""What arguments of words that are no components may be."""

_WORDS = {
    word.name: tuple(
        Argument(name, default, _ANNOTATIONS.get(word.name, {}).get(name))
        for name, (_, default) in word.arguments.items()
    )
    for word in WORDS
}
_WORDS["range"] = (Argument("start"), Argument("stop", "None"), Argument("step", "1"))
"""What is called and is no component: its arguments."""


def signature(analysis: Analysis, called: str, offset: int) -> Signature | None:
    """What `called`, a dotted name at `offset`, takes; None where that is not known."""
    owner, _, name = called.rpartition(".")
    if owner and owner.rpartition(".")[2] not in MODULES and name in _METHODS:
        return Signature(name, _WORDS[name])
    bound = analysis.variables.visible(offset).get(name) if not owner else None
    if bound is None:
        return word_signature(name)
    definition = analysis.variables.block(bound)
    if definition is not None:
        return Signature(name, tuple(_parameters(analysis, definition)))
    match analysis.values(bound):
        case [*_, LayerValue() | ModelValue()]:
            return Signature(name, (Argument("inputs"),))
        case [*_, BlockValue(definition)]:
            return Signature(name, tuple(_parameters(analysis, definition)))
    return None


def word_signature(name: str) -> Signature | None:
    """What a word of the language takes when it is called."""
    if name in _WORDS and name not in _METHODS:
        return Signature(name, _WORDS[name], name)
    cls = component(name)
    if cls is None:
        return None
    arguments = tuple(
        Argument(each.name, None if each.required else _written(each.default), each.annotation)
        for each in parameters(cls)
    )
    options = LAYER_OPTIONS if cls.kind == "layer" else {}
    known = {each.name for each in arguments}
    return Signature(
        name, arguments, name, tuple(Argument(each, "None", options[each]) for each in options if each not in known)
    )


def component(name: str) -> type[Component] | None:
    """The component that a word names: of several kinds, the first."""
    return next((members(kind)[name] for kind in registry if name in members(kind)), None)


def documentation(name: str) -> str | None:
    """The entry of a word in the reference, as Markdown; None if it has none."""
    if name == "range":
        return "Integers for a loop, as in Python."
    try:
        return markdown(entry(component(name) or name))
    except UnknownComponent:
        return None


def brief(cls: type[Component]) -> str:
    """What a component does, with its formula, as Markdown: for beside the model that it is in."""
    said = docstring(cls)
    formula = f"**Formula**: `{said.formula}`" if said.formula and said.formula not in said.summary else ""
    return "\n\n".join(filter(None, (said.summary, formula, said.details)))


def meaning(name: str, argument: str) -> str:
    """What an argument of a component takes and is for; empty if `name` is none or has no such argument."""
    try:
        arguments = entry(component(name) or name).arguments
    except UnknownComponent:
        return ""
    return next((f"{each.takes}. {each.meaning}".strip() for each in arguments if each.name == argument), "")


def spelled(kind: str) -> Sequence[str]:
    """The names of the components of a kind that one would write: `Dense`, `relu`, `mse`."""
    if kind == "layer":
        return sorted(registry[kind])
    return sorted(name for name in registry[kind] if name == snake_case(name))


def choices(annotation: Any) -> Iterator[str]:
    """The words that an argument may be."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType, Annotated):
        for each in get_args(annotation):
            yield from choices(each)
    elif origin is Literal:
        yield from (repr(each) for each in get_args(annotation))
    elif annotation is bool:
        yield from ("True", "False")
    elif annotation is type(None):
        yield "None"
    elif isinstance(annotation, type) and issubclass(annotation, Component):
        yield from spelled(annotation.kind)


def _written(value: Any) -> str:
    return describe(value) if isinstance(value, Component) else repr(value)


def _parameters(analysis: Analysis, definition: syntax.Def) -> Iterator[Argument]:
    for each in definition.parameters:
        default = None if each.default is None else analysis.source.slice(each.default.span)
        yield Argument(each.name, default)
