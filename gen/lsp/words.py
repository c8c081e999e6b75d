"""What the words of the language are: what can be called takes which arguments, and what its documentation is."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from gen.components.base import Component, describe, parameters, registry, snake_case
from gen.components.docstrings import docstring
from gen.emit.view import View
from gen.language import syntax
from gen.language.elaborate.binding import LAYER_OPTIONS
from gen.language.elaborate.spellings import MODULES, members
from gen.language.elaborate.training import COMPILE, FIT
from gen.language.elaborate.values import BlockValue, LayerValue, ModelValue
from gen.lsp.analysis import Analysis
from gen.reference import entry, markdown


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


_SPECIAL = {
    "Input": (("shape", None), ("dtype", "float32"), ("name", "None")),
    "Model": (("inputs", None), ("outputs", None), ("name", "None"), ("trainable", "True")),
    "Sequential": (("layers", "None"), ("trainable", "True"), ("name", "None")),
    "TimeDistributed": (("layer", None), ("name", "None")),
    "Bidirectional": (("layer", None), ("merge_mode", "'concat'"), ("backward_layer", "None"), ("name", "None")),
    "range": (("start", None), ("stop", "None"), ("step", "1")),
}
"""What is called and is no component: its arguments with their defaults."""

_ABOUT = {
    "Input": "An input of the model: its dimensions without the batch, and its dtype. `None` is a dimension that is "
    'known when data arrives; two inputs share one by naming it: `Input("steps", 64)`.',
    "Model": "A model from inputs to outputs, one or a list of each. It is callable like a layer; all calls share its "
    "weights.",
    "Sequential": "A model of layers in a row.",
    "TimeDistributed": "Calls a layer or a model on each step of a sequence.",
    "Bidirectional": "Runs a recurrent layer from both ends of a sequence, and joins the results as `merge_mode` says.",
    "range": "Integers for a loop, as in Python.",
    "compile": "How the model is trained. A loss is a name, a call, a list in the order of the outputs, or a dict by "
    "output; so are weights and metrics.",
    "fit": "Defaults of the generated model's `fit`. Data is given there, not in the file.",
    "add": "Adds a layer to a Sequential.",
    "summary": "Prints the model's summary when it is built.",
}
"""The documentation of what is no component."""

_METHODS = {
    "compile": tuple(Argument(name, {"optimizer": "rmsprop", "loss": None}.get(name, "None")) for name in COMPILE),
    "fit": tuple(Argument(name, repr(getattr(View, name)), annotation) for name, annotation in FIT.items()),
    "add": (Argument("layer"),),
    "summary": (),
}
"""The methods of a model."""


def signature(analysis: Analysis, called: str, offset: int) -> Signature | None:
    """What `called`, a dotted name at `offset`, takes; None where that is not known."""
    owner, _, name = called.rpartition(".")
    if owner and owner.rpartition(".")[2] not in MODULES and name in _METHODS:
        return Signature(name, _METHODS[name])
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
    if name in _SPECIAL:
        return Signature(name, tuple(Argument(each, default) for each, default in _SPECIAL[name]), name)
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
    cls = component(name)
    if cls is None:
        return _ABOUT.get(name)
    return markdown(entry(cls))


def brief(cls: type[Component]) -> str:
    """What a component does, with its formula, as Markdown: for beside the model that it is in."""
    said = docstring(cls)
    formula = f"**Formula**: `{said.formula}`" if said.formula and said.formula not in said.summary else ""
    return "\n\n".join(filter(None, (said.summary, formula, said.details)))


def meaning(name: str, argument: str) -> str:
    """What an argument of a component takes and is for; empty if `name` is none or has no such argument."""
    cls = component(name)
    found = (each for each in (entry(cls).arguments if cls is not None else ()) if each.name == argument)
    return next((f"{each.takes}. {each.meaning}".strip() for each in found), "")


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
