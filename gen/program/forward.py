"""Lowering, forward: every node's rule is inlined, in order."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from gen.components.base import Activation
from gen.graph.graph import NamedLayer, Node
from gen.program.builder import Array, Generator
from gen.program.inline import run
from gen.program.lowering import Application, Lowering
from gen.program.rules import parameter_names


def lower_forward(state: Lowering, section: str, nodes: tuple[Node, ...]) -> None:
    """Run `nodes` in order."""
    activations = (node for node in nodes if isinstance(node.layer.component, Activation))
    state.linear |= {node.inputs[0] for node in activations if node.inputs[0] in state.names.split}
    for node in nodes:
        state.enter(section, state.block_of(section, node))
        _apply(state, node, predicting=section != "forward")


def _apply(state: Lowering, node: Node, predicting: bool) -> None:
    """Run the rule of one node; what it gives is named after the tensor."""
    component = node.layer.component
    inputs = tuple(state.values[tensor] for tensor in node.inputs)
    (output,) = node.outputs
    flat = component.last_axis and len(output.shape) > 2
    rows = tuple(state.as_rows(item) for item in inputs) if flat else inputs
    rule = state.rule(node.layer, predicting)
    ident = state.names.tensors[output]
    bindings = _bind(state, node.layer, rule, rows)
    outcome = run(state.build, rule, bindings, state.local(ident, rule))
    result: Array = outcome.result
    if not flat and not result.type.contiguous:
        result = state.build.copy(result)
    result = state.build.reshape(result, output.shape)
    memory = state.build.reshaped_from(result)
    if state.is_linear(output):
        state.build.fallback.setdefault((memory or result).name, f"{ident}_linear")
    else:
        state.build.claim(result, ident)
        if memory is not None:
            state.build.name(memory, f"{ident}_rows")
    state.values[output] = result
    state.applications.append(Application(node, outcome.names, inputs, result))


def _bind(state: Lowering, layer: NamedLayer, rule: FunctionType, inputs: tuple[Array, ...]) -> dict[str, Any]:
    """A value for every parameter of a forward rule: inputs in order, then weights (None where there is none)."""
    found: dict[str, Any] = {"self": layer.component}
    waiting = list(inputs)
    variadic = bool(rule.__code__.co_flags & 0x04)
    for name in parameter_names(rule):
        if (layer, name) in state.weights:
            found[name] = state.weights[layer, name]
        elif name == "rng":
            found[name], state.random = Generator(), True
        elif variadic and waiting:
            found[name], waiting = tuple(waiting), []
        else:
            found[name] = waiting.pop(0) if waiting else None
    return found
