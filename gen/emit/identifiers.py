"""Identifiers for all that a model names: no two alike, none that the generated module needs itself."""

from __future__ import annotations

from dataclasses import replace
from types import FunctionType

from gen.components.base import Activation, registry
from gen.components.kernels import kernels
from gen.dims import Dim
from gen.emit.copied import is_copied, rule_name
from gen.graph.graph import Graph, Output, OwnLoss, OwnMetric, Tensor
from gen.graph.identifiers import RELATED, Identifiers
from gen.graph.names import CHECK_LOCALS, RESERVED, Names, names_of_members
from gen.graph.rewrites.symbols import rename_symbols


def name_everything(graph: Graph) -> tuple[Graph, Identifiers]:
    """Identifiers for all that a graph holds whose activations are nodes of their own; sizes have theirs in the graph.

    Everything else that the generated file needs a name for gets one that is not among these.
    """
    names = _named(graph)
    symbols = _symbols(graph, names)
    renamed = rename_symbols(graph, symbols)
    if renamed is not graph:
        names = _named(renamed)
    return renamed, replace(names, symbols=symbols, taken=names.taken | set(symbols.values()))


def _named(graph: Graph) -> Identifiers:
    """Identifiers for outputs, what belongs to them, tensors, gradients and weights, in this order."""
    names = Names(copied_names(graph) | _of_members(graph))
    outputs: dict[Output, str] = {}
    related: dict[tuple[Output, str], str] = {}
    tensors: dict[Tensor, str] = {}
    for output in graph.outputs:
        outputs[output] = names.make(output.name)
        if output.tensor.name == output.name and output.tensor not in tensors:
            tensors[output.tensor] = outputs[output]
    for output, ident in outputs.items():
        related |= {(output, ending): names.make(f"{ident}_{ending}") for ending in RELATED}
    for item in graph.inputs:
        tensors.setdefault(item.tensor, names.make(item.name))
    for output in graph.outputs:
        if isinstance(output.loss, OwnLoss):
            tensors[output.loss.target] = related[output, "true"]
        for _, metric in output.metrics:
            if isinstance(metric, OwnMetric):
                true, predicted = metric.formula.inputs
                tensors |= {true: related[output, "true"], predicted: outputs[output]}
    split = _split(graph)
    for node in graph.nodes:
        for tensor in (*node.inner, *node.outputs):
            if tensor not in tensors and tensor not in split:
                tensors[tensor] = names.make(tensor.name)
    for formula in graph.formulas():
        for tensor in (*formula.inputs, *(made for node in formula.nodes for made in node.outputs)):
            if tensor not in tensors:
                tensors[tensor] = names.make(tensor.name)
    measures = {
        (output, name): names.make(f"measure_{output.name}_{name}" if len(graph.outputs) > 1 else f"measure_{name}")
        for output in graph.outputs
        for name, metric in output.metrics
        if isinstance(metric, OwnMetric)
    }
    for tensor in reversed(split):
        tensors[tensor] = tensors[split[tensor]]
    gradients = {ident: names.make(f"d{ident}") for ident in dict.fromkeys(tensors.values())}
    weights = Names()
    return Identifiers(
        tensors,
        {tensor: gradients[ident] for tensor, ident in tensors.items()},
        outputs,
        related,
        {(layer, name): weights.make(f"{layer.name}/{name}") for layer in graph.layers for name in layer.weights},
        names.taken,
        frozenset(split),
        measures=measures,
    )


def _split(graph: Graph) -> dict[Tensor, Tensor]:
    """The tensors between a layer and the activation that was split from it, each with what the activation gives."""
    makers = graph.makers()
    found = {}
    for node in graph.nodes:
        maker = makers.get(node.first)
        if isinstance(node.layer.component, Activation) and maker is not None and maker.call is node.call:
            found[node.inputs[0]] = node.outputs[0]
    return found


def _symbols(graph: Graph, things: Identifiers) -> dict[str, str]:
    """Identifiers for the sizes of inputs that only data decide, by symbol, in the order in which they are met."""
    names = Names(things.taken | CHECK_LOCALS)
    # `text` is an array of `forward`, `b.text` its length; only the buffers of an output could be `b.text` too
    shared = {things.tensors[item.tensor] for item in graph.inputs} - set(things.outputs.values()) - CHECK_LOCALS
    found: dict[str, str] = {}
    for item in graph.inputs:
        for size in item.tensor.shape[1:]:
            for symbol in sorted(size.symbols()) if isinstance(size, Dim) else ():
                if symbol not in found:
                    plain = Names.plain(symbol)
                    found[symbol] = plain if plain in shared else names.make(symbol)
                    shared.discard(plain)
    return found


def reserved_names(graph: Graph) -> set[str]:
    """What the variables of a program may not be called."""
    return {*RESERVED, *copied_names(graph), *_of_members(graph)}


def _of_members(graph: Graph) -> set[str]:
    """What the module defines for each model, where it has several."""
    return names_of_members(graph.shared.members) if graph.shared is not None else set()


def copied_names(graph: Graph | None = None) -> set[str]:
    """The names of all functions that might be copied beside a model, and of what they call."""
    classes = {cls for kind in ("metric", "initializer") for cls in registry[kind].values()}
    for layer in graph.layers if graph is not None else ():
        classes |= {type(weight.initializer) for weight in layer.weights.values()}  # of which some have no name
    rules = {rule_name(cls) for cls in classes}
    waiting = [kernel.function for kernel in kernels.values()]
    waiting += [rule for cls in classes for rule in vars(cls).values() if isinstance(rule, FunctionType)]
    called: set[str] = set()
    while waiting:
        function = waiting.pop()
        for name in function.__code__.co_names:
            other = function.__globals__.get(name)
            if isinstance(other, FunctionType) and name not in called and is_copied(other):
                called.add(name)
                waiting.append(other)
    return {*kernels, *rules, *(f"{name}_result" for name in rules), *called}
