"""Lowering, backward: the rule of every node in reverse, the gradients of inputs, and the moving statistics."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from gen.components.kernels import as_dense, sum_all_by_id
from gen.components.rules import FenceError, parameter_names
from gen.graph.graph import NamedLayer, Node, Tensor
from gen.program import ops
from gen.program.ir import Block
from gen.program.lower.inline import run
from gen.program.lower.state import Application, Lowering
from gen.program.types import Array


def lower_backward(state: Lowering) -> None:
    """The section `backward`: every node in reverse."""
    for application in reversed(state.applications):
        node = application.node
        if any(output in state.gradients for output in node.outputs) and _passes_on(node):
            state.enter("backward", state.block_of("backward", node))
            _differentiate(state, application, tuple(map(state.gradients.get, node.outputs)))
    _regularize(state)
    for (layer, name), gradient in state.weight_gradients.items():
        if layer.trainable and layer.weights[name].trainable:
            state.pin(gradient, f"g.{state.names.weights[layer, name]}")
    for weight, gradients in state.table_gradients.items():
        _pin_rows(state, weight, gradients)


def _passes_on(node: Node) -> bool:
    """Whether there is something that a gradient can go on to: numbers that are not whole, or weights."""
    return bool(node.layer.weights) or any(tensor.dtype == "float" for tensor in node.inputs)


def _differentiate(state: Lowering, application: Application, gradients: tuple[Array | None, ...]) -> None:
    """Run the backward rule of one call on the gradients of its results; None for results that nobody needs."""
    node, layer = application.node, application.node.layer
    component = layer.component
    if component.last_axis or not component.takes_stretched:
        gradients = tuple(map(state.in_order, node.outputs, gradients))
    flat = component.last_axis and len(node.outputs[0].shape) > 2
    forward = state.rule(node, predicting=False)
    predicts = forward.__name__ == "predict"
    rule = getattr(type(component), "predict_backward" if predicts else "backward")
    names: dict[str, Any] = {**application.names, "y": application.results, "dy": gradients}
    if len(node.outputs) == 1 and not component.gives_list:
        for name, (array,) in {"y": application.results, "dy": gradients}.items():
            rows = flat and array is not None and name in parameter_names(rule)
            names[name] = state.as_rows(array) if rows and array is not None else array
    bindings: dict[str, Any] = {"self": component}
    for name in parameter_names(rule):
        bindings[name] = names.get(name, state.weight(layer, name))
    outcome = run(state.build, rule, bindings, state.local(state.names.tensors[node.outputs[0]], rule))
    _distribute(state, application, forward, outcome.by_name())


def _distribute(state: Lowering, application: Application, forward: FunctionType, results: dict[str, Any]) -> None:
    """Add the results of a backward rule to the gradients of the tensors and weights that they belong to."""
    node = application.node
    inputs = [name for name in parameter_names(forward) if application.names.get(name) is not None]
    tensors = iter(zip(node.inputs, application.inputs, strict=True))
    bound: dict[str, tuple[tuple[Tensor, Array], ...]] = {}
    for name in inputs:
        if state.weight_name(node.layer, name) is not None or name in ("rng", "mask", "masks", *node.options):
            continue
        if forward.__code__.co_flags & 0x04 and not bound:
            bound[name] = tuple(tensors)
        elif (item := next(tensors, None)) is not None:
            bound[name] = (item,)
    for name, value in results.items():
        of = name.removeprefix("d")
        weight = state.weight_name(node.layer, of)
        if len(results) == 1 and of not in bound and weight is None:
            of = next(iter(bound))  # a rule with one result need not name it
        if of in bound:
            values = value if isinstance(value, tuple | list) else (value,)
            for (tensor, array), gradient in zip(bound[of], values, strict=True):
                if array.type.dtype == "float" and gradient is not None:
                    if gradient.name not in state.build.stretched:
                        gradient = gradient if gradient.type.contiguous else state.build.copy(gradient)
                        gradient = state.build.reshape(gradient, array.shape)
                    state.contribute(tensor, gradient)
        elif weight is not None:
            if value is not None:
                _contribute_weight(state, (node.layer.owner(weight), weight), value)
        elif value is not None:
            raise FenceError(f"{type(node.layer.component).__name__}.backward returns `{name}`: gradient of what?")


def _regularize(state: Lowering) -> None:
    for (layer, name), array in state.weights.items():
        weight = layer.weights[name]
        if weight.regularizer is None or not (layer.trainable and weight.trainable):
            continue
        ident = state.names.weights[layer, name]
        own = next((item for item in state.graph.penalties if (item.layer, item.weight) == (layer, name)), None)
        if own is not None:
            (leaf,) = own.formula.inputs
            if leaf in state.gradients:
                state.enter("backward", state.penalty_block(layer, name))
                _contribute_weight(state, (layer, name), state.gradients[leaf])
            continue
        state.enter("backward", state.penalty_block(layer, name))
        rule = type(weight.regularizer).backward
        outcome = run(state.build, rule, {"self": weight.regularizer, "w": array}, state.local(ident, rule))
        _contribute_weight(state, (layer, name), outcome.result)


def lower_input_gradients(state: Lowering) -> None:
    """The gradients of float inputs, for `check`; what only they need moves into a section of its own."""
    results = []
    state.enter("input_gradients", Block(""))
    for item in state.graph.inputs:
        if item.tensor.dtype != "float":
            continue
        name = state.names.gradients[item.tensor]
        if item.tensor in state.gradients:
            place = f"b.{name}"
            results.append(state.pin(state.gradients[item.tensor], place))
            state.places[f"gradient:{item.name}"] = place
            state.build.claimed.pop(name, None)  # a summand in another place has another name
    state.kept["input_gradients"] = results


def lower_track(state: Lowering) -> None:
    """The section `track`: moving statistics, which each call of their layer changes in its turn."""
    for application in _in_turn(state.applications):
        layer = application.node.layer
        rule = getattr(type(layer.component), "update", None)
        if rule is None or not layer.trainable or application.node.predicts:
            continue
        state.enter("track", state.block_of("track", application.node))
        bindings: dict[str, Any] = {"self": layer.component}
        for name in parameter_names(rule):
            bindings[name] = application.names.get(name, state.weights.get((layer, name)))
        ident = state.names.tensors[application.node.outputs[0]]
        outcome = run(state.build, rule, bindings, state.local(ident, rule))
        for name, value in outcome.by_name().items():
            state.pinned[value.name] = f"p.{state.names.weights[layer, name]}"
            state.weights[layer, name] = value


def _in_turn(applications: list[Application]) -> list[Application]:
    """The same applications; those of one layer have its places in the order of their turns."""
    calls: dict[NamedLayer, list[Application]] = {}
    for each in applications:
        calls.setdefault(each.node.layer, []).append(each)
    turns = {layer: iter(sorted(made, key=lambda each: each.node.turn)) for layer, made in calls.items()}
    return [next(turns[each.node.layer]) for each in applications]


def _contribute_weight(state: Lowering, weight: tuple[NamedLayer, str], gradient: Array) -> None:
    """One summand of the gradient of a weight: one per call of its layer, one of its regularizer."""
    if gradient.type.dtype == "rows":
        if weight in state.tables:
            state.table_gradients.setdefault(weight, []).append(gradient)
            return
        gradient = state.kernel(as_dense, gradient, state.weights[weight])
    known = state.weight_gradients.get(weight)
    if known is not None:
        state.build.soft.setdefault(gradient.name, f"d{state.names.weights[weight]}_part")
        gradient = state.build.call(ops.ADD, known, gradient)
    state.weight_gradients[weight] = gradient


def _pin_rows(state: Lowering, weight: tuple[NamedLayer, str], gradients: list[Array]) -> None:
    """Leave ids and rows of a table for `update`, with those of all calls of its layer in one."""
    layer, name = weight
    ident = state.names.weights[weight]
    if len(gradients) > 1:
        for gradient in gradients:
            state.build.name(gradient, f"d{ident}")
        state.enter("backward", Block(f"{layer.name}/{name}, from every call", others=state.calls_of(layer)))
        gradients = [state.kernel(sum_all_by_id, tuple(gradients))]
    state.pinned[gradients[0].name] = f"g.{ident}"
    state.kept.setdefault("update", []).append(gradients[0].name)
