"""Rewrite: a layer's `activation` becomes a separate node, so that it can be fused with the next one.

Exact: `Dense(32, relu)` is `Dense(32)` and then `relu`.  Layers that use their activation inside (recurrent ones) say
so with `applies_activation`, and stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from gen.components.base import Activation
from gen.graph.checks import head_of
from gen.graph.graph import Graph, NamedLayer, Node, Tensor


def split_activations(graph: Graph) -> Graph:
    """The graph with every activation as a node, which shares the call of its layer."""
    return replace(graph, nodes=tuple(part for node in graph.nodes for part in _split(node)))


def _split(node: Node) -> list[Node]:
    activation = activation_of(node)
    if activation is None:
        return [node]
    (output,) = node.outputs
    linear = Tensor(f"{output.name}_linear", output.shape, output.dtype)
    applied = NamedLayer(node.layer.name, activation, {})
    return [replace(node, outputs=(linear,)), Node(applied, (linear,), (output,), node.call)]


def activation_of(node: Node) -> Activation | None:
    """The activation that a node applies last, in addition to its own work; None for linear."""
    component = node.layer.component
    activation = head_of(component)
    return None if activation is component or (activation is not None and activation.identity) else activation
