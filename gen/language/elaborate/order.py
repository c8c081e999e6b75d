"""The orders of Keras: in which it runs the calls of a model, and in which it lists the layers.

A functional model goes from its outputs back to its inputs: what is farther from the outputs runs first, and what is
equally far in the order in which it is found on the way (`map_graph` in keras/src/ops/function.py).  The order matters
where calls of one layer change the layer, as those of a BatchNormalization, and for `model.layers[2]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gen.language.elaborate.values import InputValue, LayerCall, ModelValue, TensorValue, UnitCall, Value, Wrapped

Operation: TypeAlias = "InputValue | Wrapped"


@dataclass(eq=False)
class _Node:
    """One call that Keras knows in a model, or an Input: of a layer, or of a unit with all the calls that it makes."""

    operation: Operation
    inputs: list[TensorValue]
    within: UnitCall | None = None
    calls: list[LayerCall] = field(default_factory=list)


class _Map:
    """What Keras finds out about a functional model: its nodes and operations, with their distances to the outputs."""

    def __init__(self, model: ModelValue) -> None:
        self.made_by: dict[TensorValue, _Node] = {}
        for tensor in model.inputs:
            if isinstance(tensor.maker, InputValue):
                self.made_by[tensor] = _Node(tensor.maker, [])
        nodes: dict[object, _Node] = {}
        for call in model.calls:
            if call.makes_mask:
                continue
            outermost = call.outermost
            key = outermost or call.statement
            if key not in nodes:
                operation = call.layer if outermost is None else outermost.unit
                nodes[key] = _Node(operation, [*outermost.inputs] if outermost is not None else [], outermost)
            node = nodes[key]
            if outermost is None:
                read = [tensor.ids_of or tensor for tensor in call.inputs]
                node.inputs += [tensor for tensor in read if self.made_by.get(tensor) is not node]
                node.inputs += [call.said.mask] if call.said.mask is not None else []
            node.calls.append(call)
            self.made_by.update(dict.fromkeys(call.outputs, node))
        self.found: dict[Operation, int] = {}
        """When each operation is come upon, from the outputs on."""
        finished = self._finished(model.outputs)
        self.depths: dict[_Node, int] = {}
        self.operations: dict[Operation, int] = {}
        for node in reversed(finished):
            depth = max(self.depths.get(node, 0), self.operations.get(node.operation, 0))
            self.depths[node] = self.operations[node.operation] = depth
            for before in self._before(node):
                self.depths[before] = max(self.depths.get(before, 0), depth + 1)
        for tensor in model.inputs:
            if isinstance(tensor.maker, InputValue) and tensor.maker not in self.operations:
                self.operations[tensor.maker], self.found[tensor.maker] = 0, -1

    def _before(self, node: _Node) -> list[_Node]:
        """The nodes that make the inputs of one."""
        return [self.made_by[tensor] for tensor in node.inputs if tensor in self.made_by]

    def _finished(self, outputs: Sequence[TensorValue]) -> list[_Node]:
        """All nodes that lead to `outputs`, each after those that make its inputs."""
        finished: dict[_Node, None] = {}
        for tensor in outputs:
            waiting = [iter([self.made_by[tensor]] if tensor in self.made_by else [])]
            path: list[_Node] = []
            while waiting:
                node = next(waiting[-1], None)
                if node is None:
                    waiting.pop()
                    if path:
                        finished[path.pop()] = None
                elif node not in finished:
                    self.found.setdefault(node.operation, len(self.found))
                    path.append(node)
                    waiting.append(iter(self._before(node)))
        return list(finished)

    def runs(self) -> list[_Node]:
        """The nodes in the order in which Keras runs them."""
        return sorted(self.depths, key=lambda node: -self.depths[node])


class Turns:
    """In which order Keras runs the calls of models."""

    def __init__(self) -> None:
        self._orders: dict[ModelValue, dict[LayerCall, int]] = {}

    def of(self, model: ModelValue) -> dict[LayerCall, int]:
        """The place of each call of a model in the order."""
        if model not in self._orders:
            if model.runs_call:
                order = self._inside(model.calls, None)
            else:
                order = [call for node in _Map(model).runs() for call in self._inside(node.calls, node.within)]
            self._orders[model] = {call: place for place, call in enumerate(order)}
        return self._orders[model]

    def _inside(self, calls: Sequence[LayerCall], within: UnitCall | None) -> list[LayerCall]:
        """The calls that one call of a unit makes, in the order of the unit."""
        if within is not None and isinstance(within.unit, ModelValue):
            places = self.of(within.unit)
            return sorted(calls, key=lambda call: _place(call, places))
        parts: dict[object, tuple[UnitCall | None, list[LayerCall]]] = {}
        for call in calls:
            part = call.within
            while part is not None and part.parent is not within:
                part = part.parent
            parts.setdefault(part or call, (part, []))[1].append(call)
        return [
            call for part, made in parts.values() for call in (self._inside(made, part) if part is not None else made)
        ]


def _place(call: LayerCall, places: Mapping[LayerCall, int]) -> int:
    """The place of the call of a model that one repeats."""
    repeated = call.repeats
    while repeated is not None and repeated not in places:
        repeated = repeated.repeats
    return -1 if repeated is None else places[repeated]


def layers_of(model: ModelValue) -> list[Value]:
    """The layers of a model, with its Inputs where it is no Sequential."""
    if model.layers is not None:
        return [item.value for item in model.layers]
    known = _Map(model)
    operators = {call.layer for call in model.calls if call.said.operator}
    listed = [each for each in known.operations if each not in operators]
    return sorted(listed, key=lambda each: (-known.operations[each], known.found[each]))


def find_layer(model: ModelValue, name: str) -> Value:
    """The layer of a model that has this name; None if there is none."""
    for each in layers_of(model):
        if name in (each.given_name, getattr(each, "auto_name", None), getattr(each, "variable", None)):
            return each
    return None
