"""Identifiers for all that a model names: no two alike, none that the generated module needs itself."""

from __future__ import annotations

from gen.components.base import Activation, registry, snake_case
from gen.components.kernels import kernels
from gen.emit.names import RESERVED, Names
from gen.graph.graph import Graph, Output, Tensor
from gen.program.lowering import Identifiers


def name_everything(graph: Graph) -> Identifiers:
    """Identifiers for all tensors, outputs and weights of a graph whose activations are nodes of their own."""
    names = Names(_copied_names())
    outputs: dict[Output, str] = {}
    tensors: dict[Tensor, str] = {}
    for output in graph.outputs:  # first, for what is derived from them: answer_true, answer_weight
        ident = names.make(output.name)
        for ending in ("true", "weight", "loss", "rows", "mask", "count"):
            names.make(f"{ident}_{ending}")
        outputs[output] = ident
        if output.tensor.name == output.name and output.tensor not in tensors:
            tensors[output.tensor] = ident
    split = set()
    for item in graph.inputs:
        tensors.setdefault(item.tensor, names.make(item.name))
    for node in graph.nodes:
        for tensor in (*node.inner, *node.outputs):
            if tensor not in tensors:
                tensors[tensor] = names.make(tensor.name)
    makers = {tensor: node for node in graph.nodes for tensor in node.outputs}
    for node in graph.nodes:  # an activation shares the name of the layer that it was split from
        maker = makers.get(node.inputs[0])
        if isinstance(node.layer.component, Activation) and maker is not None and maker.call is node.call:
            split.add(node.inputs[0])
            tensors[node.inputs[0]] = tensors[node.outputs[0]]
    weights = Names()
    return Identifiers(
        tensors,
        outputs,
        {(layer, name): weights.make(f"{layer.name}/{name}") for layer in graph.layers for name in layer.weights},
        frozenset(split),
    )


def reserved_names() -> set[str]:
    """What the variables of a program may not be called."""
    return {*RESERVED, *_copied_names()}


def _copied_names() -> set[str]:
    """The names of all functions that might be copied beside the model."""
    rules = {snake_case(cls.__name__) for kind in ("metric", "initializer") for cls in registry[kind].values()}
    return {*kernels, *rules, *(f"{name}_result" for name in rules)}
