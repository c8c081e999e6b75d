"""Rewrite: an embedding before a dense layer or a convolution becomes one layer, which works on the distinct ids.

Exact except for the order of additions: both are linear in the rows of the table, so each row can be projected once,
wherever its id stands.  It requires that nothing else reads the embedding's output, which then need not exist, and that
its rows are long enough to make products worth saving.  A mask depends on the ids, not on their rows, and neither layer
uses one.
"""

from __future__ import annotations

from gen.components.layers.projection import EmbeddedProjection
from gen.graph.graph import Graph, Node
from gen.graph.rewrites.joining import join_readers
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
    return join_readers(graph, _projection)


def _projection(maker: Node, node: Node) -> EmbeddedProjection | None:
    both = EmbeddedProjection.of(maker.layer.component, node.layer.component)
    return both if both is not None and both.embedding.output_dim >= LEAST_FEATURES else None
