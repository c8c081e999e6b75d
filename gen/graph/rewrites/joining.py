"""Two calls that become one: what rewrites need that put a layer in the place of a layer and its only reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gen.components.base import Layer
from gen.graph.graph import Call, Graph, NamedLayer, Node


def join_readers(graph: Graph, joint: Callable[[Node, Node], Layer | None]) -> Graph:
    """The graph in which a node and its only reader are one, wherever `joint` gives the layer that both are."""
    makers, reads = graph.makers(), graph.read_counts()
    joined: dict[Node, Node] = {}
    calls: dict[object, Call] = {}
    """The new call for each old one; a mask and the activation after it belong to it too."""
    for node in graph.nodes:
        maker = makers.get(node.first)
        both = None if maker is None else joint(maker, node)
        if maker is not None and both is not None and reads[maker.outputs[0]] == 1:
            joined[maker] = joined[node] = _joined(maker, node, both)
            calls[maker.call.block] = calls[node.call.block] = joined[node].call
    nodes = []
    for node in graph.nodes:
        if node not in joined:
            nodes.append(replace(node, call=calls.get(node.call.block, node.call)))
        elif joined[node].outputs == node.outputs:
            nodes.append(joined[node])
    return replace(graph, nodes=tuple(nodes))


def _joined(maker: Node, node: Node, component: Layer) -> Node:
    first, layer = maker.layer, node.layer
    both = NamedLayer(layer.name, component, {**first.weights, **layer.weights}, parts=(first, layer))
    within = maker.call.text in node.call.text  # as in `Dense(8)(Embedding(100, 64)(ids))`
    before = node.call.before if within else (*maker.call.before, maker.call.text)
    call = replace(node.call, before=before, fused=(*node.call.fused, *maker.call.fused, maker.call.block))
    return replace(node, layer=both, inputs=maker.inputs, call=call, inner=maker.outputs)
