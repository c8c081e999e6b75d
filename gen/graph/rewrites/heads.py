"""Rewrite: a loss is computed from the input of its head's activation (softmax, sigmoid: from the logits).

Exact, and better than exact: log(softmax(x)) from the logits neither overflows nor vanishes.  The activation stays in
the graph for prediction, and for other readers than the output.
"""

from __future__ import annotations

from dataclasses import replace

from gen.components.base import Activation, describe
from gen.graph.graph import Graph, Node, Output, OwnLoss
from gen.passes import exact


@exact(
    "heads",
    does="computes a crossentropy from the logits of its softmax or sigmoid",
    because="the loss names its counterpart (`Loss.after`); it differs from Keras where Keras clips, at 1e-7",
)
def fuse_heads(graph: Graph, fuse: bool = True) -> Graph:
    """The graph whose outputs have a `loss_input`: the logits if the loss prefers them, else the tensor.

    Without `fuse`, it is always the tensor.
    """
    makers = graph.makers() if fuse else {}
    return replace(graph, outputs=tuple(_fuse(output, makers.get(output.tensor)) for output in graph.outputs))


def _fuse(output: Output, maker: Node | None) -> Output:
    if output.loss is None:
        return replace(output, loss_input=output.tensor)
    loss = output.loss
    if isinstance(loss, OwnLoss):
        return replace(output, loss_input=output.tensor)
    output = replace(output, loss_text=describe(loss))
    head = maker.layer.component if maker is not None and isinstance(maker.layer.component, Activation) else None
    better = loss.after(head)
    if better is None or maker is None or head is None:
        return replace(output, loss=better or loss, loss_input=output.tensor)
    return replace(output, loss=better, loss_input=maker.inputs[0])
