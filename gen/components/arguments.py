"""Valid arguments: the annotations of component fields, and the function that checks a value against one."""

from __future__ import annotations

import math
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from gen.components.base import Activation, ArgumentError, Component, parameters, registry
from gen.diagnostics import did_you_mean
from gen.dims import Dim


@dataclass(frozen=True)
class Range:
    """The bounds of a number; `open` names the ends that are excluded: `""`, `"low"`, `"high"`, or `"both"`."""

    low: float = -math.inf
    high: float = math.inf
    open: str = ""

    def holds(self, value: float) -> bool:
        above = value > self.low if self.open in ("low", "both") else value >= self.low
        below = value < self.high if self.open in ("high", "both") else value <= self.high
        return above and below

    def __str__(self) -> str:
        low = f"more than {self.low:g}" if self.open in ("low", "both") else f"at least {self.low:g}"
        high = f"less than {self.high:g}" if self.open in ("high", "both") else f"at most {self.high:g}"
        parts = [low] * (self.low != -math.inf) + [high] * (self.high != math.inf)
        return " and ".join(parts)


Count = Annotated[int, Range(1)]
"""An integer of 1 or more: units, filters, sizes."""
Rate = Annotated[float, Range(0, 1, "high")]
"""A share from 0 up to, but not including, 1: the rate of a dropout, the momentum of an average."""
Positive = Annotated[float, Range(0, open="low")]
NonNegative = Annotated[float, Range(0)]
Duration = Annotated[int, Range(0, open="low")] | Positive
"""A number of steps, which need not be whole."""


@dataclass(frozen=True)
class Word:
    """A bare name that the file does not bind; it may mean a component or stand for its own string."""

    name: str


def accept(argument: str, annotation: Any, value: Any) -> Any:
    """`value`, converted to the type that `annotation` requires.

    A `Word` or a string becomes the component or the option that it names; an integer becomes a float if the annotation
    is a float; a list becomes a tuple.  Raises `ArgumentError` with `argument` and what it takes.
    """
    for option in _options(annotation):
        accepted = _try(argument, option, value)
        if accepted is not _REFUSED:
            return accepted
    message = f"`{argument}` takes {accepted_values(annotation)}, got {_show(value)}"
    raise ArgumentError(argument, message, _guess(annotation, value))


def accepted_values(annotation: Any) -> str:
    """The values that an argument takes, in words: `an integer (at least 1) or None`."""
    return " or ".join(dict.fromkeys(_describe(option) for option in _options(annotation)))


_REFUSED = object()


def _options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(option for member in get_args(annotation) for option in _options(member))
    return (annotation,)


def _try(argument: str, option: Any, value: Any) -> Any:
    """`value` as `option`, or `_REFUSED`; raises if the type is right but the value is not."""
    origin = get_origin(option)
    if option is Any:
        return value
    if option is type(None) or option is None:
        return None if value is None or (isinstance(value, Word) and value == Word("None")) else _REFUSED
    if origin is Annotated:
        base, *bounds = get_args(option)
        accepted = _try(argument, base, value)
        for bound in bounds if accepted is not _REFUSED else ():
            if isinstance(bound, Range) and not bound.holds(accepted):
                raise ArgumentError(argument, f"`{argument}` must be {bound}, got {_show(value)}")
        return accepted
    if origin is Literal:
        word = value.name if isinstance(value, Word) else value
        if not isinstance(word, str | int | float | None):
            return _REFUSED
        return word if word in get_args(option) and type(word) in map(type, get_args(option)) else _REFUSED
    if origin is tuple:
        return _try_tuple(argument, get_args(option), value)
    if origin is dict:
        return value if isinstance(value, dict) else _REFUSED
    if option is bool:
        return value if isinstance(value, bool) else _REFUSED
    if option is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else _REFUSED
    if option is Dim:
        return value if isinstance(value, Dim) else _REFUSED
    if option is float:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else _REFUSED
    if option is str:
        return value.name if isinstance(value, Word) else value if isinstance(value, str) else _REFUSED
    if isinstance(option, type) and issubclass(option, Component):
        return _try_component(option, value)
    raise TypeError(f"gen cannot check arguments of type {option!r}")


def _try_tuple(argument: str, members: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return _REFUSED
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len(value)
    if len(members) != len(value):
        return _REFUSED
    items = tuple(
        next((item for option in _options(member) if (item := _try(argument, option, each)) is not _REFUSED), _REFUSED)
        for member, each in zip(members, value, strict=True)
    )
    return _REFUSED if _REFUSED in items else items


def _try_component(base: type[Component], value: Any) -> Any:
    if isinstance(value, base):
        return value
    name = value.name if isinstance(value, Word) else value
    if base is Activation and (value is None or name == "None"):
        name = "linear"
    found = registry[base.kind].get(name) if isinstance(name, str) else None
    if found is None or not issubclass(found, base):
        return _REFUSED
    missing = [parameter.name for parameter in parameters(found) if parameter.required]
    if missing:
        hint = f"write `{name}({missing[0]}=…)`"
        raise ArgumentError(missing[0], f"`{name}` needs its argument `{missing[0]}`", hint)
    return found()


_NAMES = {int: "an integer", float: "a number", str: "a string", bool: "True or False", Dim: "a size"}


def _describe(option: Any) -> str:
    origin = get_origin(option)
    if option is type(None) or option is None:
        return "None"
    if origin is Annotated:
        base, bound = get_args(option)[:2]
        return f"{_describe(base)} ({bound})"
    if origin is Literal:
        return " or ".join(repr(word) for word in get_args(option))
    if origin is tuple:
        members = get_args(option)
        if len(members) == 2 and members[1] is Ellipsis:
            return f"a list, each {_describe_all(members[0])}"
        return f"a tuple of {len(members)}"
    if isinstance(option, type) and issubclass(option, Component):
        article = "an" if option.kind[0] in "aeiou" else "a"
        return f"{article} {option.kind}"
    return _NAMES.get(option, str(option))


def _describe_all(annotation: Any) -> str:
    return " or ".join(_describe(option) for option in _options(annotation))


def _show(value: Any) -> str:
    if isinstance(value, Word):
        return f"`{value.name}`"
    if isinstance(value, Component):
        return f"the {value.kind} `{type(value).__name__}`"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(_show, value))
        text = f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    else:
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _guess(annotation: Any, value: Any) -> str | None:
    name = value.name if isinstance(value, Word) else value
    if not isinstance(name, str):
        return None
    known: list[str] = []
    for option in _options(annotation):
        if get_origin(option) is Literal:
            known += [word for word in get_args(option) if isinstance(word, str)]
        elif isinstance(option, type) and issubclass(option, Component):
            known += list(registry[option.kind])
    close = did_you_mean(name, known)
    return f"did you mean `{close}`?" if close else None
