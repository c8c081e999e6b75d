"""How the names of a `.nn` file and of Keras are spelled: modules, kinds, function forms, words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Literal, get_args, get_origin

from gen.components.arguments import Word
from gen.components.base import Component, Layer, parameters, registry, snake_case
from gen.diagnostics import did_you_mean
from gen.language.elaborate import functions
from gen.language.elaborate.applications import application
from gen.language.elaborate.older import INITIALIZERS, INSIDE, LAYER_NAMES, present_path
from gen.language.elaborate.values import Application, Function, Member, Namespace

MODULES: dict[str, tuple[str, ...]] = {
    "layers": ("layer",),
    "activations": ("activation",),
    "losses": ("loss",),
    "metrics": ("metric",),
    "optimizers": ("optimizer",),
    "initializers": ("initializer",),
    "regularizers": ("regularizer",),
    "constraints": ("constraint",),
    "schedules": ("schedule",),
    "models": (),
}
"""The modules of Keras that name things of a model, with the kinds of components in each."""

INNER = {"schedules": "optimizers"}
"""Those that are inside of another, by the name of that."""

ROOTS = {"keras": ("keras",), "tensorflow": ("tensorflow",), "tf": ("tensorflow",)}

SPECIAL = {"Input": ("", "layers"), "InputLayer": ("layers",), "Model": ("", "models"), "Sequential": ("", "models")}
SPECIAL |= dict.fromkeys(
    ("TimeDistributed", "Bidirectional", "Lambda", "RNN", "SimpleRNNCell", "LSTMCell", "GRUCell"), ("layers",)
)
BASES = {"Layer": ("", "layers"), "Loss": ("", "losses"), "Metric": ("", "metrics"), "Callback": ("callbacks",)}
BASES |= {"Regularizer": ("", "regularizers"), "Initializer": ("", "initializers"), "Constraint": ("", "constraints")}
SPECIAL |= BASES
"""What is called like a component and is none, with the modules of Keras that it is in."""

LOSS_FUNCTIONS = ("binary_focal_crossentropy", "categorical_focal_crossentropy", "dice", "tversky")
"""The losses of Keras that there are as functions of tensors alone."""

DTYPES = {
    "float32": "float",
    "float": "float",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "bool": "bool",
}
"""The dtypes of an Input by name; `float` is the type that the model computes in."""

OTHER_FLOATS = ("float16", "bfloat16", "float64", "double", "half")


CALCULATING = ("ops", "backend", "math", "nn", "linalg")
"""Modules of Keras and TensorFlow with functions of tensors."""


def is_calculating(path: Sequence[str]) -> bool:
    """Whether what is in a module of Keras computes something of a model: `keras.ops.fft`, `tf.signal.stft`."""
    return len(path) > 1 and path[1] in (*CALCULATING, *MODULES, "random", "signal", "image", "applications")


def namespace(name: str) -> Namespace | None:
    """The module that an unbound name means: `keras`, `tf`, `layers`, `ops`, …"""
    if name in ROOTS:
        return Namespace(ROOTS[name])
    if name in functions.ROOTS:
        return Namespace(functions.ROOTS[name])
    return Namespace(("keras", name)) if name in MODULES and name not in INNER else None


def rooted(dotted: str) -> tuple[str, ...]:
    """The path of a module by its dotted name; that of none of Keras begins with an empty name."""
    path = tuple(dotted.split("."))
    return (*ROOTS.get(path[0], ("",)), *path[1:])


def module(dotted: str) -> Namespace | None:
    """The module that an import names; None if it is none of Keras."""
    path = rooted(dotted)
    if path[0] not in ("keras", "tensorflow"):
        return None
    current = Namespace((path[0],))
    for name in path[1:]:
        following = member(current, name)
        current = following if isinstance(following, Namespace) else Namespace((*current.path, name), known=False)
    return current


def member(owner: Namespace, name: str) -> Namespace | Word | Application | None:
    """What `owner.name` is; None if `owner` is a module whose names are all known, and has no such name."""
    path = owner.path
    present = present_path((*path, name))
    if present != (*path, name):
        return _at(present)
    if (*path, name) in functions.MODULES:
        return Namespace((*path, name))
    if path == ("keras", "backend") and name in INSIDE["backend"]:
        return owner
    if path in functions.MODULES or (path == ("tensorflow",) and functions.spelling((*path, name)) is not None):
        return Function(name, (*path, name))
    if owner.known and path == ("tensorflow",):
        if name in INITIALIZERS:
            return Member(INITIALIZERS[name], ("initializer",))
        if name in DTYPES or name in OTHER_FLOATS:
            return Word(name)
        return Namespace(("keras",)) if name == "keras" else Namespace((*path, name), known=False)
    if owner.known and path == ("keras",):
        if name in MODULES and name not in INNER:
            return Namespace((*path, name))
        return Word(name) if "" in SPECIAL.get(name, ()) else Namespace((*path, name), known=False)
    if not owner.known:
        return application((*path, name)) or Namespace((*path, name), known=False)
    if INNER.get(name) == path[-1]:
        return Namespace((*path, name))
    kinds = MODULES[path[-1]]
    if path[-1] in SPECIAL.get(name, ()):
        return Word(name)
    if (path[-1] == "losses" and name in LOSS_FUNCTIONS) or (path[-1] == "metrics" and name == "MeanMetricWrapper"):
        return Function(name, (*path, name))
    return Member(name, kinds) if any(name in members(kind) for kind in kinds) else None


def _at(path: tuple[str, ...]) -> Namespace | Word | Application | None:
    """What is at a path of Keras 3."""
    if len(path) == 1 or (len(path) == 2 and path[0] == "keras" and path[1] in MODULES):
        return Namespace(path)
    around = path[:-1]
    return member(Namespace(around, len(around) == 1 or (len(around) == 2 and around[1] in MODULES)), path[-1])


def members(kind: str) -> Mapping[str, type[Component]]:
    """The components of a kind by every name that a call may have; for layers also the function forms."""
    return {**layer_names(), **function_forms()} if kind == "layer" else registry[kind]


def layer_names() -> Mapping[str, type[Component]]:
    """The layers by every name that Keras has or had for them."""
    layers = registry["layer"]
    return {**{old: layers[new] for old, new in LAYER_NAMES.items() if new in layers}, **layers}


def layer_called(name: str) -> type[Component] | None:
    """The layer that a call of a name makes, or applies at once; None if none."""
    layers = registry["layer"]
    found = layers[name] if name in layers else layers.get(LAYER_NAMES.get(name, ""))
    return found if found is not None or not name[:1].islower() else function_forms().get(name)


def layer_named(name: str) -> type[Component]:
    """The layer that Keras has, or had, under a name."""
    layers = registry["layer"]
    return layers[name] if name in layers else layers[LAYER_NAMES[name]]


def function_forms() -> dict[str, type[Component]]:
    """The layers that Keras has as functions of a list of tensors, by the function's name: `concatenate`, `add`."""
    return _function_forms(tuple(registry["layer"].values()))


@cache
def _function_forms(layers: tuple[type[Component], ...]) -> dict[str, type[Component]]:
    """The function forms of the layers that there are now; a user's file may register more."""
    return {snake_case(cls.__name__): cls for cls in layers if issubclass(cls, Layer) and cls.merges}


def kinds_of(word: Word) -> tuple[str, ...]:
    """The kinds of components that the word can mean."""
    kinds: Iterable[str] = word.kinds if isinstance(word, Member) else registry
    found = tuple(kind for kind in kinds if word.name in registry[kind])
    older = not found and "layer" in kinds and LAYER_NAMES.get(word.name, "") in registry["layer"]
    return ("layer",) if older else found


def known_words() -> set[str]:
    """Every name that means something though the file does not bind it."""
    return named_words() | option_words()


def named_words() -> set[str]:
    """The names of components, of dtypes and of what else is called."""
    return {*SPECIAL, *DTYPES, *OTHER_FLOATS, *layer_names(), *function_forms()}.union(*registry.values())


def is_named(name: str) -> bool:
    """Whether a name is one of `named_words`, which takes long to find them all."""
    known = name in SPECIAL or name in DTYPES or name in OTHER_FLOATS
    return known or any(name in scope for scope in registry.values()) or layer_called(name) is not None


def option_words() -> frozenset[str]:
    """The words that are values of an argument: `same`, `channels_last`."""
    return _option_words(frozenset(cls for components in registry.values() for cls in components.values()))


@lru_cache(maxsize=1)  # it takes a while to look at all arguments
def _option_words(classes: frozenset[type[Component]]) -> frozenset[str]:
    return frozenset(word for cls in classes for item in parameters(cls) for word in _literals(item.annotation))


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [item for item in get_args(annotation) if isinstance(item, str)]
    return [word for inner in get_args(annotation) for word in _literals(inner)]


def suggestion(name: str, candidates: Iterable[str], words: tuple[str, ...] = ()) -> str | None:
    """A hint where one of the candidates, or of the `words` of the language, is close to `name`."""
    close = did_you_mean(name, candidates, words)
    return f"did you mean `{close}`?" if close else None
