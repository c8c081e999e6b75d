"""Lowering, forward: every node's rule is inlined, in order."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from gen.components.base import Activation
from gen.components.rules import FenceError, parameter_names
from gen.dims import product, show
from gen.graph.graph import Node, Tensor
from gen.program.lower.inline import run
from gen.program.lower.state import Application, Lowering
from gen.program.types import Array, Generator


def lower_forward(state: Lowering, section: str, nodes: tuple[Node, ...]) -> None:
    """Run `nodes` in order."""
    activations = (node for node in nodes if isinstance(node.layer.component, Activation))
    state.linear |= {node.inputs[0] for node in activations if node.inputs[0] in state.names.split}
    for node in nodes:
        if node.layer.component.is_call:
            state.values[node.outputs[0]] = state.constant(node)
            continue
        state.enter(section, state.block_of(section, node))
        _apply(state, node, predicting=section == "infer")


def _apply(state: Lowering, node: Node, predicting: bool) -> None:
    """Run the rule of one node; what it gives is named after the tensor."""
    component = node.layer.component
    inputs = tuple(state.values[tensor] for tensor in node.inputs)
    flat = component.last_axis and len(node.outputs[0].shape) > 2
    rows = tuple(state.as_rows(item) for item in inputs) if flat else inputs
    rule = state.rule(node, predicting)
    bindings = _bind(state, node, rule, rows)
    outcome = run(state.build, rule, bindings, state.local(state.names.tensors[node.outputs[0]], rule))
    several = len(node.outputs) > 1 or component.gives_list
    results = outcome.result if several else (outcome.result,)
    _refuse_other_shapes(node, rule, results, flat)
    named = [_name(state, output, result, flat) for output, result in zip(node.outputs, results, strict=True)]
    state.applications.append(Application(node, outcome.names, inputs, tuple(named)))


def _refuse_other_shapes(node: Node, rule: FunctionType, results: Any, flat: bool) -> None:
    """Raise `FenceError`, with the place of the rule, unless it gives what the component says in `output`."""
    shapes = [item.shape for item in results if isinstance(item, Array)] if isinstance(results, tuple) else []
    declared = [(product(each.shape[:-1]), *each.shape[-1:]) if flat else each.shape for each in node.outputs]
    if shapes != declared:
        expected, found = (", ".join(map(show, each)) for each in (declared, shapes))
        why = f"{rule.__qualname__} gives {found or 'no array'}, where {expected} is what `output` says"
        raise FenceError(why, f"{rule.__code__.co_filename}:{rule.__code__.co_firstlineno}")


def _name(state: Lowering, output: Tensor, result: Array, flat: bool) -> Array:
    """A result of a rule as the tensor that it is: in its shape, and under its name."""
    ident = state.names.tensors[output]
    if not flat and not result.type.contiguous:
        result = state.build.copy(result)
    result = state.build.reshape(result, output.shape)
    memory = state.build.reshaped_from(result)
    if state.is_linear(output):
        state.build.fallback.setdefault((memory or result).name, f"{ident}_linear")
    else:
        state.build.claim(result, ident)
        if memory is not None:
            state.name_rows(output, memory)
    state.values[output] = result
    return result


def _bind(state: Lowering, node: Node, rule: FunctionType, inputs: tuple[Array, ...]) -> dict[str, Any]:
    """A value for every parameter of a forward rule: inputs in order, then weights (None where there is none)."""
    found: dict[str, Any] = {"self": node.layer.component}
    masks = tuple(None if mask is None else state.values[mask] for mask in node.masks)
    waiting = list(inputs)
    variadic = bool(rule.__code__.co_flags & 0x04)
    for name in parameter_names(rule):
        if (weight := state.weight(node.layer, name)) is not None:
            found[name] = weight
        elif name == "rng":
            found[name] = Generator()
        elif name == "memory":
            found[name] = state.memory(node)
        elif name == "masks":
            found[name] = masks or (None,) * len(inputs)
        elif name == "mask":
            found[name] = masks[0] if masks else None
        elif name in node.options:
            found[name] = node.options[name]
        elif variadic and waiting:
            found[name], waiting = tuple(waiting), []
        else:
            found[name] = waiting.pop(0) if waiting else None
    return found
