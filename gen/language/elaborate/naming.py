"""Names of layers, tensors, inputs and outputs, given when the whole file is read.

A layer is named by `name=`; else by the variable that holds it; else by the variable that its output is bound to; else
by its kind in snake case.  Blocks and called models put their name before; but a `name=` in a function is the whole
name, as in Keras.  A taken name gets `_2`, `_3`, …
"""

from __future__ import annotations

from collections.abc import Sequence

from gen.components.base import snake_case
from gen.language.elaborate.context import Numbering
from gen.language.elaborate.values import (
    Group,
    InputValue,
    LambdaValue,
    LayerCall,
    LayerValue,
    ModelValue,
    ObjectValue,
    TensorValue,
    Unit,
)


def name_of_model(model: ModelValue) -> str:
    """The name of a model."""
    return model.given_name or model.variable or snake_case(model.kind)


def _name_of(owner: Unit) -> str:
    """The name of what heads the names of its layers."""
    if isinstance(owner, ModelValue):
        return name_of_model(owner)
    output = None
    if owner.output is not None:
        inside = isinstance(owner, ObjectValue | LambdaValue) and owner.output.public_group is owner.group
        output = None if inside else owner.output.public or owner.output.variable
    return owner.given_name or owner.variable or output or owner.kind


class Namer:
    """Names everything in a model, from its calls in order; a function that makes the whole model heads no names."""

    def __init__(self, calls: Sequence[LayerCall], around: Group | None = None) -> None:
        self._around: set[Group | None] = {None}
        while around is not None:
            self._around.add(around)
            around = around.parent
        self._names: dict[Group | None, Numbering] = {}
        self._whole: set[str] = set()
        self._groups: dict[Group, str] = {}
        self._layers: dict[LayerValue, str] = {}
        self._uses: dict[LayerValue, int] = {}
        first: dict[LayerValue, LayerCall] = {}
        for call in calls:
            first.setdefault(call.layer, call)
            self._uses[call.layer] = self._uses.get(call.layer, 0) + 1
        for layer, call in first.items():
            if layer.given_name is not None:  # these first: what the file says outright is kept
                self._layers[layer] = self._claim(_around_functions(call.owner), layer.given_name)
        for layer, call in first.items():
            if layer not in self._layers and not call.makes_mask:
                self._layers[layer] = self._claim(call.owner, _own_name(layer, call))

    def _claim(self, group: Group | None, name: str) -> str:
        """A full name for what is called `name` in `group`."""
        group = None if group in self._around else group
        if group not in self._names:
            self._names[group] = Numbering()
        whole = self._prefix(group) + self._names[group].claim(name)
        while whole in self._whole:  # by a `name=` with a `/`
            whole = self._prefix(group) + self._names[group].claim(name)
        self._whole.add(whole)
        return whole

    def _prefix(self, group: Group | None) -> str:
        if group in self._around or group is None:
            return ""
        if group not in self._groups:
            name = _name_of(group.owner) if group.owner is not None else group.name
            said = group.owner is not None and group.owner.given_name is not None
            self._groups[group] = self._claim(_around_functions(group.parent) if said else group.parent, name) + "/"
        return self._groups[group]

    def box(self, group: Group) -> str:
        """The name of a call of a block or of a model.  Calls of one model have one name."""
        named = self._groups.get(group)
        return named.rstrip("/") if named else _name_of(group.owner) if group.owner is not None else group.name

    def has(self, layer: LayerValue) -> bool:
        """Whether it has a name for a layer, of its own calls and no mask's."""
        return layer in self._layers

    def layer(self, layer: LayerValue) -> str:
        """The full name of a layer: `stage_2/conv`; what computes a mask has the name of the mask."""
        return self._layers[layer] if layer in self._layers else self.tensor(layer.calls[0].outputs[0])

    def tensor(self, tensor: TensorValue) -> str:
        """The name of a tensor: the variable that it is bound to, farthest outside, or its layer's name."""
        if tensor.masked is not None:
            return f"{self.tensor(tensor.masked)}_mask"
        if tensor.ids_of is not None:
            return f"{self.tensor(tensor.ids_of)}_ids"
        if tensor.public is not None:
            return self._prefix(tensor.public_group) + tensor.public
        if tensor.variable is not None:
            return self._prefix(tensor.group) + tensor.variable
        if tensor.wrapper is not None:
            return self._prefix(tensor.wrapper.group).rstrip("/")
        if isinstance(tensor.maker, LayerCall):
            return self._layers[tensor.activated or tensor.maker.layer]
        return tensor.maker.given_name or "input"

    def output(self, tensor: TensorValue) -> str:
        """The public name of an output: `name=` of the layer that makes it, else its variable, else its layer's name.

        The name of a layer that is called several times is none of its outputs', and what a block or a called model
        gives has the name of the variable outside.
        """
        assert isinstance(tensor.maker, LayerCall)
        layer = tensor.activated or tensor.maker.layer
        outside = tensor.public is not None and tensor.public_group is not tensor.group
        explicit = layer.given_name if self._uses.get(layer) == 1 else None
        own = self._layers[layer]
        if tensor.wrapper is not None:
            explicit, own = tensor.wrapper.given_name, self.tensor(tensor)
        if outside or explicit is None:
            return tensor.public or explicit or tensor.variable or own.replace("/", "_")
        return explicit


def _around_functions(group: Group | None) -> Group | None:
    """The model or the object that a call is in, whatever functions it is made in."""
    while group is not None and group.owner is None:
        group = group.parent
    return group


def _own_name(layer: LayerValue, call: LayerCall) -> str:
    """The name of a layer that has no `name=`, without prefix."""
    if layer.component.internal or layer.component.own_weight:
        return layer.kind
    output = layer.activated or call.outputs[0]
    return layer.variable or output.variable or (layer.activated and output.public) or layer.kind


def names_of_inputs(inputs: Sequence[InputValue], outputs: Sequence[str]) -> list[str]:
    """The public names of inputs: `name=`, else the variable, else `input`; what is no `name=` is no output's name."""
    numbering = Numbering(*outputs, *(entry.given_name for entry in inputs if entry.given_name is not None))
    names = []
    for entry in inputs:
        name = entry.given_name
        if name is None:
            name = numbering.claim(entry.tensor.public or entry.tensor.variable or "input")
        names.append(name)
    return names
