"""Rewrite: an activation of rows that become steps again is applied to the steps.

`TimeDistributed(classifier)` computes the classifier on rows, then makes steps of them.  Exact: an activation works
elementwise or along the last axis.  The loss can then be fused with it.
"""

from __future__ import annotations

from dataclasses import replace

from gen.components.base import Activation, Role
from gen.graph.graph import Graph, Node, Tensor


def split_before_activations(graph: Graph) -> Graph:
    """The graph in which rows become steps before their activation, if nothing else reads them."""
    makers, reads = graph.makers(), graph.read_counts()
    moved: set[Node] = set()
    nodes: list[Node] = []
    for node in graph.nodes:
        maker = makers.get(node.first)
        activated = maker is not None and isinstance(maker.layer.component, Activation)
        if node.layer.component.role is not Role.SPLIT or not activated or reads[node.inputs[0]] > 1:
            nodes.append(node)
            continue
        assert maker is not None
        moved.add(maker)
        (output,) = node.outputs
        linear = Tensor(f"{output.name}_linear", output.shape, output.dtype)
        nodes.append(replace(node, inputs=(maker.inputs[0], *node.inputs[1:]), outputs=(linear,)))
        nodes.append(replace(maker, inputs=(linear,), outputs=(output,), call=node.call))
    return replace(graph, nodes=tuple(node for node in nodes if node not in moved))
