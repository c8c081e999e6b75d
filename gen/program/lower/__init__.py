"""Lowering: a graph becomes programs, its rules inlined forward in order and backward in reverse.

The programs of a model are the training step (sections `forward`, `loss`, `backward`, `input_gradients`, `track`,
`constrain`), prediction up to the heads (`infer`), the heads' activations (`activate`), and those of the optimizer
(`update.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from gen.components.base import Activation, Layer, describe
from gen.components.rules import parameter_names
from gen.dims import product
from gen.graph.graph import Graph, NamedLayer, Node, Output, Tensor
from gen.graph.identifiers import Identifiers
from gen.program.ir import Block, Constant, expression, size_text
from gen.program.lower.backward import lower_backward, lower_input_gradients, lower_track
from gen.program.lower.constraints import lower_constraints
from gen.program.lower.forward import lower_forward
from gen.program.lower.inline import run
from gen.program.lower.losses import lower_losses
from gen.program.lower.state import Lowered, Lowering
from gen.program.types import Array, ArrayType


def training_step(
    graph: Graph, names: Identifiers, reserved: set[str], tables: Collection[tuple[NamedLayer, str]] = ()
) -> Lowered:
    """The program of one training step of a compiled graph; it updates `tables` row by row."""
    lowering = Lowering(graph, names, reserved, tables)
    trained = [output for output in graph.outputs if output.loss is not None]
    heads = [tensor for output in trained for tensor in (output.loss_input, output.mask)]
    needed = _needed(graph, [*heads, *graph.watched()])
    lower_forward(lowering, "forward", needed)
    for output in graph.outputs:
        if output.loss is not None:
            lowering.own_head("forward", output)
            lowering.own_mask("forward", output)
    for tensor in watched_tensors(graph):
        lowering.places[f"watched:{names.tensors[tensor]}"] = lowering.values[tensor].name
    lower_losses(lowering)
    lower_backward(lowering)
    lower_input_gradients(lowering)
    lower_track(lowering)
    lower_constraints(lowering)
    return lowering.lowered()


def inference(graph: Graph, names: Identifiers, reserved: set[str]) -> Lowered:
    """The program of a prediction up to the heads: the inputs of the losses, and their masks."""
    lowering = Lowering(graph, names, reserved)
    heads = [output.loss_input or output.tensor for output in graph.outputs]
    more = [*(output.mask for output in masked_outputs(graph)), *watched_tensors(graph)]
    lower_forward(lowering, "infer", _needed(graph, [*heads, *more]))
    for output in graph.outputs:
        lowering.own_head("infer", output)
    results = [*heads, *more]
    values = [lowering.values[result].name for result in results if result is not None]
    lowering.results["infer"] = tuple(ast.Name(value, ast.Load()) for value in values)
    return lowering.lowered()


def activation(graph: Graph, names: Identifiers, reserved: set[str], constants: Mapping[str, Constant]) -> Lowered:
    """The program that turns heads into predictions, each in place; it takes some as matrices first.

    `constants` are arrays of ones and zeros that its buffers already have.
    """
    lowering = Lowering(graph, names, reserved)
    build = lowering.build
    for name, constant in constants.items():
        build.parameter(name, ArrayType(constant.shape, constant.dtype))
    lowering.constants = dict(constants)
    fused = [output for output in graph.outputs if output.loss_input not in (None, output.tensor)]
    heads = {output: build.parameter(names.outputs[output], ArrayType(output.tensor.shape)) for output in fused}
    lowering.enter("activate", Block(""))
    for output, head in heads.items():
        if _by_rows(graph.maker(output.tensor).layer.component) and len(head.shape) > 2:
            rows, kind = names.related[output, "rows"], ArrayType((product(head.shape[:-1]), head.shape[-1]))
            matrix = expression(f"head.reshape(-1, {size_text(head.shape[-1])})", head=head.name)
            heads |= {output: build.bind({rows: kind}, matrix)[rows]}
    for output, head in heads.items():
        maker, ident = graph.maker(output.tensor), names.outputs[output]
        assert isinstance(maker.layer.component, Activation)
        lowering.enter("activate", Block(f"{ident}: {describe(maker.layer.component)}", others=(maker.call.block,)))
        rule = type(maker.layer.component).forward
        bindings = {"self": maker.layer.component, parameter_names(rule)[0]: head}
        result: Array = run(build, rule, bindings, lowering.local(names.outputs[output], rule)).result
        lowering.pin(result, head.name)
    return lowering.lowered()


def _by_rows(activation: Layer | Activation) -> bool:
    """Whether an activation works along the last axis."""
    return isinstance(activation, Activation) and (activation.last_axis or getattr(activation, "axis", None) == -1)


def masked_outputs(graph: Graph) -> list[Output]:
    """The outputs whose masks `infer` gives after all heads: `evaluate` needs them where it does not run `forward`."""
    trained = [output for output in graph.outputs if output.loss is not None]
    return [output for output in trained if output.mask is not None] if _differs(graph) else []


def watched_tensors(graph: Graph) -> tuple[Tensor, ...]:
    """What `infer` gives after masks, because the losses read it, where `evaluate` does not run `forward`.

    Constants and weights are there without it.
    """
    makers = graph.makers() if graph.added else {}
    watched = ((tensor, makers[tensor].layer.component) for tensor in (graph.watched() if _differs(graph) else ()))
    return tuple(tensor for tensor, component in watched if not component.is_call and not component.own_weight)


def _differs(graph: Graph) -> bool:
    """Whether some layer does something else in prediction."""
    return any(hasattr(layer.component, "predict") for layer in graph.layers)


def _needed(graph: Graph, tensors: list[Tensor | None]) -> tuple[Node, ...]:
    """The nodes that `tensors` depend on, in order."""
    needed = {tensor for tensor in tensors if tensor is not None}
    found = []
    for node in reversed(graph.nodes):
        if any(output in needed for output in node.outputs):
            needed.update(node.reads)
            found.append(node)
    return tuple(reversed(found))
