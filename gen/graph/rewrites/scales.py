"""Rewrite, only for prediction: a kernel is scaled, and not the results, which a batch normalization would scale.

(x @ kernel - mean) · scale + beta is x @ (kernel · scale) + (beta - mean · scale): a pass over the kernel instead of
one over all results of the layer.  Equal up to rounding.  Each prediction scales the kernel anew, because users can
write to the weights at any time; so the kernel must not be much larger than the results for one row.
"""

from __future__ import annotations

import math

from gen.components.base import Layer
from gen.graph.graph import Graph, Node
from gen.graph.rewrites.joining import join_readers
from gen.passes import exact

MOST = 2
"""How many numbers a kernel has at most for each number of the result for one row."""


@exact(
    "scales",
    does="in prediction, scales the kernel of a layer instead of its results, for the batch normalization after it",
    because="(x @ kernel - mean) · scale + beta is multiplied out, with the weights of each call",
)
def scale_kernels(graph: Graph) -> Graph:
    """The graph for prediction, in which a layer and the batch normalization that alone reads it are one node."""
    return join_readers(graph, _scaled)


def _scaled(maker: Node, node: Node) -> Layer | None:
    linear, scaling, shape = maker.layer.component, node.layer.component, node.outputs[0].shape
    if not isinstance(linear, Layer) or not isinstance(scaling, Layer) or not linear.scales_with_kernel:
        return None
    numbers = math.prod(size for size in shape[1:] if isinstance(size, int))
    pays = maker.layer.weights["kernel"].size <= MOST * numbers
    return scaling.with_kernel_of(linear, shape) if pays else None
