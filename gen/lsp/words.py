"""The words of the language: the arguments of everything that a file can call, and its documentation."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from gen.components.arguments import Word
from gen.components.base import Component, describe, parameters, registry, snake_case
from gen.components.docstrings import docstring
from gen.components.operations.base import operations
from gen.inspect.reference import UnknownComponent, entry, markdown
from gen.language import syntax
from gen.language.elaborate import functions
from gen.language.elaborate.attributes import MODEL_METHODS
from gen.language.elaborate.binding import LAYER_OPTIONS
from gen.language.elaborate.spellings import MODULES, members
from gen.language.elaborate.training import FIT
from gen.language.elaborate.values import (
    BidirectionalValue,
    ClassValue,
    Distributed,
    Function,
    FunctionValue,
    LambdaValue,
    LayerValue,
    Method,
    ModelValue,
    Namespace,
    ObjectValue,
    Value,
)
from gen.language.elaborate.wrappers import MERGE_MODE
from gen.language.words import WORDS
from gen.lsp.analysis import Analysis
from gen.lsp.members import owner_at
from gen.lsp.variables import Members


@dataclass(frozen=True)
class Argument:
    """An argument; `default` is what a user would write, or None if the argument is required; `annotation` is its type.

    `kind` is the kind of a `syntax.Parameter`.
    """

    name: str
    default: str | None = None
    annotation: Any = None
    kind: str = "plain"

    def __str__(self) -> str:
        stars = {"args": "*", "kwargs": "**"}.get(self.kind, "")
        return f"{stars}{self.name}" if self.default is None else f"{self.name}={self.default}"


@dataclass(frozen=True)
class Signature:
    """Something that a file can call; `word` is its component, if it is one; a call gives `options` by name only."""

    name: str
    arguments: tuple[Argument, ...]
    word: str | None = None
    options: tuple[Argument, ...] = ()
    about: str = ""
    """Its description as Markdown, if it is not a component."""

    def __str__(self) -> str:
        parts: list[str] = []
        for index, each in enumerate(self.arguments):
            before = self.arguments[index - 1].kind if index else ""
            if before == "only" and each.kind != "only":
                parts.append("/")
            if each.kind == "named" and before not in ("named", "args"):
                parts.append("*")
            parts.append(str(each))
        if self.arguments and self.arguments[-1].kind == "only":
            parts.append("/")
        return f"{self.name}({', '.join(parts)})"

    def find(self, name: str) -> Argument | None:
        """The argument with this name."""
        return next((each for each in (*self.arguments, *self.options) if each.name == name), None)


_ANNOTATIONS: dict[str, dict[str, Any]] = {
    "fit": FIT,
    "Bidirectional": {"merge_mode": MERGE_MODE},
    "RNN": dict.fromkeys(("return_sequences", "return_state", "go_backwards", "trainable"), bool),
    "Model": {"trainable": bool},
    "Sequential": {"trainable": bool},
}
"""The types of arguments of words that are not components."""

_WORDS = {
    word.name: tuple(
        Argument(name, default, _ANNOTATIONS.get(word.name, {}).get(name))
        for name, (_, default) in word.arguments.items()
    )
    for word in WORDS
}
_WORDS["range"] = (Argument("start"), Argument("stop", "None"), Argument("step", "1"))
"""The arguments of words that are not components."""


_WEIGHT = tuple(
    Argument(name, None if name == "shape" else default)
    for name, default in {
        "shape": "",
        "initializer": "glorot_uniform",
        "dtype": "None",
        "trainable": "True",
        "regularizer": "None",
        "constraint": "None",
        "name": "None",
    }.items()
)
"""The arguments of `self.add_weight`."""


def signature(analysis: Analysis, called: str, offset: int) -> Signature | None:
    """The arguments of `called`, a dotted name at `offset`; None if gen does not know them."""
    owner, _, name = called.rpartition(".")
    if owner:
        return _member_signature(analysis, owner, name, offset)
    bound = analysis.variables.visible(offset).get(name)
    if bound is None:
        return word_signature(name)
    definition = analysis.variables.block(bound)
    if definition is not None:
        return Signature(name, tuple(_parameters(analysis, definition)))
    members = analysis.variables.cls(bound)
    if members is not None:
        return class_signature(analysis, members)
    held = owner_at(analysis, name, offset)
    return value_signature(analysis, name, held) or (word_signature(name) if isinstance(held, Word) else None)


def _member_signature(analysis: Analysis, owner: str, name: str, offset: int) -> Signature | None:
    held = owner_at(analysis, owner, offset)
    if isinstance(held, ObjectValue):
        held = next((each for each in analysis.variables.classes if each.definition is held.cls.definition), held)
    match held:
        case Members():
            method = analysis.variables.method(held, name)
            if method is not None:
                return Signature(name, tuple(_parameters(analysis, method))[1:])
            if name == "add_weight":
                return Signature(name, _WEIGHT, about="A weight of the layer: a tensor that is trained.")
            binding = held.names().get(name)
            values = analysis.bound(binding) if binding is not None else ()
            return value_signature(analysis, name, values[-1]) if values else None
        case Namespace(path):
            return operation_signature((*path, name)) or word_signature(name)
    if name in MODEL_METHODS:
        return Signature(name, _WORDS[name])
    return word_signature(name) if owner.rpartition(".")[2] in MODULES else None


def value_signature(analysis: Analysis, name: str, value: Value) -> Signature | None:
    """The arguments of a value in a call."""
    match value:
        case LayerValue() | ModelValue() | Distributed() | BidirectionalValue() | LambdaValue():
            return Signature(name, (Argument("inputs"),))
        case ObjectValue(cls):
            call = cls.find("call")
            return value_signature(analysis, name, Method(value, "call", value.span, call)) if call else None
        case Method(function=FunctionValue(definition)):
            return Signature(name, tuple(_parameters(analysis, definition))[1:])
        case FunctionValue(definition):
            return Signature(name, tuple(_parameters(analysis, definition)))
        case ClassValue():
            found = (each for each in analysis.variables.classes if each.definition is value.definition)
            return next((class_signature(analysis, each) for each in found), None)
        case Function(path=path):
            return operation_signature(path, name)
    return None


def function_signature(analysis: Analysis, name: str, definition: syntax.Def | syntax.Lambda) -> Signature:
    """The arguments of a function of the file, including `self`."""
    return Signature(name, tuple(_parameters(analysis, definition)))


def class_signature(analysis: Analysis, members: Members) -> Signature:
    """The arguments of a class of the file when it makes an object."""
    name, method = members.definition.name, analysis.variables.method(members, "__init__")
    if method is not None:
        return Signature(name, tuple(_parameters(analysis, method))[1:])
    return Signature(name, tuple(_fields(analysis, members)))


def _fields(analysis: Analysis, members: Members) -> Iterator[Argument]:
    """The fields of a dataclass; another class has none."""
    if not any("dataclass" in analysis.source.slice(each.span) for each in members.definition.decorators):
        return
    for statement in members.definition.body:
        match statement:
            case syntax.Assign((syntax.Name(name), *_), value, annotation=annotation) if annotation is not None:
                yield Argument(name, analysis.source.slice(value.span))


def operation_signature(path: tuple[str, ...], name: str | None = None) -> Signature | None:
    """The arguments of a function on tensors; None if this path has no function."""
    found = functions.spelling(path)
    if found is None:
        return None
    cls = operations.get(found.target) or registry["activation"].get(found.target)
    known = {each.name: each for each in parameters(cls)} if cls is not None else {}
    arguments = []
    for each in found.arguments:
        field = known.get(each.ours)
        default = None if field is None or field.required else _written(field.default)
        arguments.append(Argument(each.name, default if each.default is ... else repr(each.default)))
    return Signature(name or path[-1], tuple(arguments), about=brief(cls) if cls is not None else "")


def word_signature(name: str) -> Signature | None:
    """The arguments of a word of the language in a call."""
    if name in _WORDS and name not in MODEL_METHODS:
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
    """The component that a word names; if there are several, the first kind."""
    return next((members(kind)[name] for kind in registry if name in members(kind)), None)


def documentation(name: str) -> str | None:
    """The entry of a word in the reference, as Markdown; None if it has no entry."""
    if name == "range":
        return "Integers for a loop, as in Python."
    try:
        return markdown(entry(component(name) or name))
    except UnknownComponent:
        return None


def brief(cls: type[Component]) -> str:
    """The summary and the formula of a component, as Markdown, to show beside a model."""
    said = docstring(cls)
    formula = f"**Formula**: `{said.formula}`" if said.formula and said.formula not in said.summary else ""
    return "\n\n".join(filter(None, (said.summary, formula, said.details)))


def meaning(name: str, argument: str) -> str:
    """The type and the purpose of an argument of a component; empty if there is no such component or argument."""
    try:
        arguments = entry(component(name) or name).arguments
    except UnknownComponent:
        return ""
    return next((f"{each.takes}. {each.meaning}".strip() for each in arguments if each.name == argument), "")


def spelled(kind: str) -> Sequence[str]:
    """The usual names of the components of a kind: `Dense`, `relu`, `mse`."""
    if kind == "layer":
        return sorted(registry[kind])
    return sorted(name for name in registry[kind] if name == snake_case(name))


def choices(annotation: Any) -> Iterator[str]:
    """The words that an argument accepts."""
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


def _parameters(analysis: Analysis, definition: syntax.Def | syntax.Lambda) -> Iterator[Argument]:
    for each in definition.parameters:
        default = None if each.default is None else analysis.source.slice(each.default.span)
        yield Argument(each.name, default, kind=each.kind)
