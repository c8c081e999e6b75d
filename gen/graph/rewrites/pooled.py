"""Rewrite: relu before max-pooling is applied after it, to fewer numbers.

Exact: relu never decreases, so the maximum is the same number before and after it.  The gradient is the same too: if
the maximum of a window is above 0, relu makes no other number equal to it; otherwise, relu passes no gradient back,
whichever number would get it.  The same holds for relu's `max_value`, at which it passes no gradient either.  It does
not hold for a `negative_slope`, which may round two numbers to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gen.components.base import Activation, Layer, describe
from gen.graph.graph import Graph, Node, Tensor
from gen.passes import exact


@exact(
    "pooled",
    does="applies relu after max-pooling, to fewer numbers",
    because="relu never decreases, so the maximum of a window stays the maximum, and gets the same gradient",
)
def pool_before_relu(graph: Graph) -> Graph:
    """The graph in which relu comes after max-pooling, if nothing else reads its input or its result."""
    reads = graph.read_counts()
    nodes: list[Node] = []
    for node in graph.nodes:
        layer = node.layer.component
        greatest = isinstance(layer, Layer) and layer.pools == "greatest"
        at = _relu_before(nodes, node, reads) if greatest else None
        if at is None:
            nodes.append(node)
            continue
        relu = nodes.pop(at)
        maker = next(i for i, each in enumerate(nodes) if relu.inputs[0] in each.outputs)
        nodes[maker] = replace(nodes[maker], outputs=relu.outputs)
        (output,) = node.outputs
        pooled = Tensor(f"{output.name}_linear", output.shape, output.dtype)
        reads[pooled] = 1
        then, fused = f"{describe(relu.layer.component)} after it", (*node.call.fused, relu.call.block)
        call = replace(node.call, then=then, fused=fused)
        nodes += [
            replace(node, outputs=(pooled,), call=call),
            replace(relu, inputs=(pooled,), outputs=(output,), call=call),
        ]
    return replace(graph, nodes=tuple(nodes))


def _relu_before(nodes: list[Node], pooling: Node, reads: Mapping[Tensor, int]) -> int | None:
    """The place in `nodes` of the relu whose result only `pooling` reads."""
    (x,) = pooling.inputs
    at = next((i for i, node in enumerate(nodes) if x in node.outputs), None)
    activation = None if at is None or reads[x] > 1 else nodes[at].layer.component
    if at is None or not isinstance(activation, Activation) or not activation.keeps_greatest():
        return None
    (linear,) = nodes[at].inputs
    made = any(node.outputs == (linear,) for node in nodes)
    return at if made and reads[linear] == 1 else None
