"""The names of a file: what they are bound to, and who reads them."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gen.diagnostics import Placed, Span
from gen.language.elaborate.context import Context, note_binding
from gen.language.elaborate.objects import PYTHON
from gen.language.elaborate.spellings import is_named, named_words, option_words
from gen.language.elaborate.values import (
    WRONG,
    BidirectionalValue,
    Binding,
    Distributed,
    Frame,
    Group,
    LambdaValue,
    LayerValue,
    ModelValue,
    ObjectValue,
    TensorValue,
    Unknown,
    Value,
)

MOST_COMPARED = 20_000
"""How often a misspelling is compared with a name of the file, which takes up to 20 µs."""


@dataclass
class Assignment:
    """A place where a name is bound, and the value last bound there."""

    name: str
    value: Value
    read: bool = False


class Names:
    """Binds names and looks them up.  What a value is bound to first gives it its name in the generated file."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.assignments: dict[Span, Assignment] = {}
        self._compared = 0

    def is_builtin(self, name: str) -> bool:
        """Whether a name is one of Python's own functions or types."""
        return name in PYTHON

    def is_word(self, name: str) -> bool:
        """Whether a name means something though the file does not bind it."""
        if is_named(name):
            return True
        return not hasattr(builtins, name) and name in self._option_words  # it takes long to find them all

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All such names."""
        return tuple(sorted(named_words() | self._option_words))

    def to_compare(self, frame: Frame) -> list[str]:
        """The names that the file binds, as far as a misspelling can be compared with them; none after many of both."""
        if self._compared > MOST_COMPARED:
            return []
        visible = frame.visible()
        self._compared += len(visible)
        return visible

    @cached_property
    def _option_words(self) -> frozenset[str]:
        return option_words()

    def bind(self, name: str, value: Value, span: Span, frame: Frame) -> None:
        """Bind `name`, written at `span`, and let the value know."""
        if isinstance(value, Unknown) and value.needed is None:
            value = replace(value, name=name)
        around = frame.holding(name)
        self._context.changes += around is not frame  # a call that does so is no call without an effect
        around.bindings[name] = Binding(value, span)
        if frame.kind == "class":
            return
        if not isinstance(span, Placed):
            self.assignments.setdefault(span, Assignment(name, value)).value = value
        match value:
            case LayerValue() | ModelValue() | Distributed() | BidirectionalValue() | LambdaValue() | ObjectValue():
                value.variable = value.variable or name
                if isinstance(value, ObjectValue) and value.model is not None:
                    value.model.variable = value.model.variable or name
                note_binding(self._context, value, name)
            case TensorValue():
                _name_tensor(value, name, frame.group)
            case np.ndarray():
                self._context.named_arrays.setdefault(id(value), (value, name))

    def look_up(self, name: str, frame: Frame) -> Binding | None:
        """The binding of `name`, which counts as read from now on; None if the file does not bind it."""
        if name in self._context.unread:
            return Binding(WRONG, _NOWHERE)
        binding = frame.find(name)
        if binding is None:
            return None
        if not binding.read:
            binding.read = True
            if binding.span in self.assignments:
                self.assignments[binding.span].read = True
        return binding


_NOWHERE = Span(0, 0)


def _name_tensor(tensor: TensorValue, name: str, group: Group | None) -> None:
    if group is tensor.group and tensor.variable is None:
        tensor.variable = name
    if tensor.public is None or _depth(group) < _depth(tensor.public_group):
        tensor.public, tensor.public_group = name, group


def _depth(group: Group | None) -> int:
    return group.depth if group else 0
