"""Rewrite: an embedding before a dense layer or a convolution becomes one layer, which works on the distinct ids.

Exact except for the order of additions: both are linear in the rows of the table, so each row can be projected once,
wherever its id stands.  It requires that nothing else reads the embedding's output, which then need not exist, and that
its rows are long enough to make products worth saving.  A mask depends on the ids, not on their rows, and neither layer
uses one.
"""

from __future__ import annotations

from dataclasses import replace

from gen.components.layers.projection import EmbeddedProjection
from gen.graph.graph import Call, Graph, NamedLayer, Node
from gen.passes import exact

LEAST_FEATURES = 64
"""The least length of the rows of a table; see `repeats_pay`."""


@exact(
    "projections",
    does="combines an embedding and the one Dense or Conv1D that reads it into one layer",
    because="both are linear in the rows of the table; only the order of additions changes",
)
def fuse_projections(graph: Graph) -> Graph:
    """The graph in which an embedding and its only reader are one node."""
    makers, reads = graph.makers(), graph.read_counts()
    fused: dict[Node, Node] = {}
    calls: dict[object, Call] = {}
    """The new call for each fused one; the embedding's mask and the activation after it belong to it too."""
    for node in graph.nodes:
        maker = makers.get(node.first)
        both = None if maker is None else EmbeddedProjection.of(maker.layer.component, node.layer.component)
        if maker is None or both is None or reads[maker.outputs[0]] != 1:
            continue
        if both.embedding.output_dim >= LEAST_FEATURES:
            fused[maker] = fused[node] = _fused(maker, node, both)
            calls[maker.call.block] = calls[node.call.block] = fused[node].call
    nodes = []
    for node in graph.nodes:
        if node not in fused:
            nodes.append(replace(node, call=calls.get(node.call.block, node.call)))
        elif fused[node].outputs == node.outputs:
            nodes.append(fused[node])
    return replace(graph, nodes=tuple(nodes))


def _fused(maker: Node, node: Node, component: EmbeddedProjection) -> Node:
    embedding, layer = maker.layer, node.layer
    both = NamedLayer(layer.name, component, {**embedding.weights, **layer.weights}, parts=(embedding, layer))
    within = maker.call.text in node.call.text  # as in `Dense(8)(Embedding(100, 64)(ids))`
    before = node.call.before if within else (*maker.call.before, maker.call.text)
    call = replace(node.call, before=before, fused=(*node.call.fused, *maker.call.fused, maker.call.block))
    return replace(node, layer=both, inputs=maker.inputs, call=call, inner=maker.outputs)
