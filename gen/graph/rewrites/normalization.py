"""Rewrite, only for prediction: a batch normalization adds the bias of the layer before it, within its own shift.

(x @ kernel + bias - mean) · scale + beta is x @ kernel · scale + ((bias - mean) · scale + beta): the bias costs a pass
over vectors instead of one over all results of the layer.  Equal up to rounding.  Each prediction computes scale and
shift from the weights, because users can write to these at any time.
"""

from __future__ import annotations

from dataclasses import replace

from gen.components.base import Layer
from gen.graph.graph import Graph, NamedLayer, Node
from gen.graph.identifiers import Identifiers
from gen.passes import exact


@exact(
    "fold",
    does="in prediction, moves the bias of a layer into the shift of the batch normalization after it",
    because="(x + bias - mean) · scale + beta is multiplied out, with the weights of each call",
)
def fold_normalizations(graph: Graph, names: Identifiers) -> tuple[Graph, Identifiers]:
    """The graph for prediction, and the places of its weights: a bias that was moved has two owners."""
    makers, reads = graph.makers(), graph.read_counts()
    changed: dict[Node, Node] = {}
    weights = dict(names.weights)
    for node in graph.nodes:
        maker = makers.get(node.first)
        if maker is None or not _folds(maker, node) or reads[node.inputs[0]] > 1:
            continue
        owners = dict.fromkeys(maker.layer.weights, maker.layer) | dict.fromkeys(node.layer.weights, node.layer)
        for each, layer in ((maker, _without_bias(maker.layer)), (node, _with_bias(node.layer, maker.layer))):
            changed[each] = replace(each, layer=layer)
            weights |= {(layer, name): names.weights[owners[name], name] for name in layer.weights}
    layers = [node.layer for node in changed.values()]
    nodes = tuple(changed.get(node, node) for node in graph.nodes)
    return replace(graph, nodes=nodes, layers=(*graph.layers, *layers)), replace(names, weights=weights)


def _folds(maker: Node, node: Node) -> bool:
    """Whether `node` normalizes the last axis of the result of `maker`, which adds its bias last."""
    linear, normalization = maker.layer.component, node.layer.component
    if not isinstance(linear, Layer) or not isinstance(normalization, Layer):
        return False
    adds = linear.adds_bias_last and "bias" in maker.layer.weights
    return adds and normalization.takes_bias(node.inputs[0].shape)


def _without_bias(layer: NamedLayer) -> NamedLayer:
    return replace(layer, weights={name: weight for name, weight in layer.weights.items() if name != "bias"})


def _with_bias(layer: NamedLayer, linear: NamedLayer) -> NamedLayer:
    return replace(layer, weights={**layer.weights, "bias": linear.weights["bias"]})
