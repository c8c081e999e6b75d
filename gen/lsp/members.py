"""What is before a dot, and what can follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gen.components.base import Component, parameters
from gen.diagnostics import Diagnostics, Span
from gen.language import syntax
from gen.language.elaborate import arrays, functions
from gen.language.elaborate.applications import MODULES as MODULES_OF_APPLICATIONS
from gen.language.elaborate.applications import names_in
from gen.language.elaborate.attributes import KERAS_LAYER_METHODS, LAYER_METHODS, MODEL_METHODS
from gen.language.elaborate.context import Context
from gen.language.elaborate.imports import imported
from gen.language.elaborate.methods import METHODS, methods_of
from gen.language.elaborate.modules import MODULES as PLAIN
from gen.language.elaborate.spellings import MODULES, SPECIAL, member, members, namespace
from gen.language.elaborate.values import (
    BidirectionalValue,
    ClassValue,
    Distributed,
    LambdaValue,
    LayerValue,
    ModelValue,
    Namespace,
    ObjectValue,
    TensorValue,
    Value,
)
from gen.lsp.analysis import Analysis
from gen.lsp.variables import Members

OF_CALLED = ("name", "trainable", "input", "output", "inputs", "outputs", "input_shape", "output_shape", "built")
"""The attributes that all layers and models have."""
OF_TENSORS = ("shape", "ndim", "dtype", "name")

UNKNOWN = object()
"""An unknown owner before a dot."""


@dataclass(frozen=True)
class Found:
    """A name that can follow a dot; `kind` is the kind of a completion, and the file binds the name at `binding`."""

    name: str
    kind: str
    binding: Span | None = None


def owner_at(analysis: Analysis, dotted: str, offset: int) -> Value | Members:
    """What a dotted name at `offset` means: a value, or the class of an object; `UNKNOWN` if gen does not know."""
    first, *rest = dotted.split(".")
    held = _first(analysis, first, offset)
    for name in rest:
        held = _behind(analysis, held, name)
    return held


def _first(analysis: Analysis, name: str, offset: int) -> Value | Members:
    receiver = analysis.variables.receiver(name, offset)
    if receiver is not None:
        return receiver
    binding = analysis.variables.visible(offset).get(name)
    if binding is None:
        found = namespace(name)
        return UNKNOWN if found is None else found
    values = analysis.bound(binding) or _imported(analysis, name, binding)
    return values[-1] if values else UNKNOWN


def _imported(analysis: Analysis, name: str, binding: Span) -> Sequence[Value]:
    """The value that the import at `binding` gives a name."""
    for statement in syntax.walk(analysis.file.statements):
        if isinstance(statement, syntax.Import) and statement.span.start <= binding.start < statement.span.end:
            context = Context(analysis.source, Diagnostics())
            return [value for alias, value in imported(context, statement) if alias == name]
    return ()


def _behind(analysis: Analysis, held: Value | Members, name: str) -> Value | Members:
    """The value of `held.name`."""
    match held:
        case Members():
            binding = held.names().get(name)
            values = analysis.bound(binding) if binding is not None else ()
            return values[-1] if values else UNKNOWN
        case Namespace():
            found = member(held, name)
            return UNKNOWN if found is None else found
        case ObjectValue(attributes=attributes):
            return attributes.get(name, UNKNOWN)
    return UNKNOWN


def names_of(held: Value | Members) -> Iterator[Found]:
    """What can follow a value, an object of a class, or a module."""
    match held:
        case Members():
            for name, binding in held.names().items():
                yield Found(name, "attribute", binding)
            yield from (Found(name, "method") for name in KERAS_LAYER_METHODS)
        case ObjectValue(cls, attributes=attributes):
            yield from (Found(name, "attribute") for name in attributes)
            for each in cls.order():
                yield from (Found(name, "attribute") for name in each.namespace)
            yield from (Found(name, "attribute") for name in OF_CALLED if cls.kind)
        case ClassValue():
            for each in held.order():
                yield from (Found(name, "attribute") for name in each.namespace)
        case Namespace():
            yield from _of_module(held)
        case ModelValue():
            yield from (Found(name, "method") for name in MODEL_METHODS)
            yield from (Found(name, "attribute") for name in ("layers", *OF_CALLED))
        case LayerValue() | Distributed() | BidirectionalValue() | LambdaValue():
            yield from (Found(name, "attribute") for name in OF_CALLED)
            yield from (Found(name, "method") for name in LAYER_METHODS)
        case TensorValue():
            yield from (Found(name, "attribute") for name in OF_TENSORS)
        case np.ndarray():
            yield from (Found(name, "attribute") for name in ("shape", "ndim", "size", "dtype", "T"))
            yield from (Found(name, "method") for name in arrays.METHODS)
        case Component():
            yield from (Found(each.name, "attribute") for each in parameters(type(held)))
        case list():
            yield from (Found(name, "method") for name in sorted({*methods_of(held), "sort"}))
        case _ if held is not UNKNOWN:
            yield from (Found(name, "method") for name in sorted(methods_of(held)))


def of_strings() -> Iterator[Found]:
    """The methods of strings."""
    return (Found(name, "method") for name in sorted(METHODS[str]))


def _of_module(module: Namespace) -> Iterator[Found]:
    path = module.path
    if path[0] in PLAIN:
        known: dict[str, Any] = dict(PLAIN[path[0]]) if len(path) == 1 else {}
        yield from (Found(name, "function" if callable(known[name]) else "value") for name in sorted(known))
        return
    if path == ("keras",):
        yield from (Found(name, "module") for name in (*MODULES, "applications", "ops", "random", "backend"))
    if path == ("tensorflow",):
        yield from (Found(name, "module") for name in ("keras", "math", "nn", "linalg", "random"))
    yield from (Found(name, "operation") for name in functions.names(path))
    yield from (Found(name, "function") for name in names_in(path))
    if path == ("keras", "applications"):
        yield from (Found(name, "module") for name in sorted(MODULES_OF_APPLICATIONS))
    last = path[-1] if path[0] == "keras" and len(path) == 2 else ""
    for kind in MODULES.get(last, ()):
        yield from (Found(name, kind) for name in sorted(members(kind)))
    yield from (Found(name, "layer") for name, modules in SPECIAL.items() if last in modules)
