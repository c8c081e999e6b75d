"""Lowering, losses: the loss of each output, its gradient, and the penalties of the weights."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from gen.components.base import Loss
from gen.dims import Size, show
from gen.graph.graph import Output
from gen.program import ops
from gen.program.fence import FenceError
from gen.program.ir import SIZE, Block, formula, literal, operation
from gen.program.lower.inline import run
from gen.program.lower.state import RELATED, Lowering
from gen.program.ops import Call
from gen.program.rules import parameter_names
from gen.program.types import Array, ArrayType, Number


def lower_losses(state: Lowering) -> None:
    """The section `loss`, and the gradient of each output with respect to the input of its loss."""
    gradients = []
    terms: list[tuple[float, str]] = []
    for output in state.graph.outputs:
        if output.loss is not None:
            name, gradient = _lower_loss(state, output)
            terms.append((output.loss_weight, name))
            gradients.append(gradient)
    penalty = _penalties(state)
    total = _weighted_sum(terms, penalty)
    state.results["loss"] = (total, *(ast.Name(name, ast.Load()) for _, name in terms))
    for gradient in gradients:
        gradient()


def _lower_loss(state: Lowering, output: Output) -> tuple[str, Callable[[], None]]:
    """Lower one loss; gives the name of its value and what lowers its gradient, for the backward section."""
    ident, loss = state.names.outputs[output], output.loss
    assert loss is not None and output.loss_input is not None
    logits = state.values[output.loss_input]
    fused = output.loss_input is not output.tensor
    head = f"loss of {ident}: {output.loss_text}" + (", from the logits" if fused else "")
    block = Block(head, others=tuple(node.call.block for node in state.graph.nodes if output.tensor in node.outputs))
    state.enter("loss", block)
    rows = state.as_rows(logits)
    target = logits.shape[:-1] if loss.sparse else logits.shape
    related = {ending: state.names.related[output, ending] for ending in RELATED}
    true = state.build.parameter(related["true"], ArrayType(target, "intp" if loss.sparse else "float"))
    true_rows = state.build.reshape(true, rows.shape[:1]) if loss.sparse else state.as_rows(true)
    weight = state.build.parameter(related["weight"], ArrayType(logits.shape[:-1]))
    state.places[f"logits:{output.name}"] = logits.name
    rule = type(loss).forward  # type: ignore[attr-defined]  # every loss has one
    bindings = {"self": loss, **dict(zip(parameter_names(rule), (true_rows, rows), strict=True))}
    outcome = run(state.build, rule, bindings, state.local(ident, rule))
    result, names = outcome.result, outcome.names
    values, prediction = result if isinstance(result, tuple) else (result, rows)
    if not isinstance(values, Array) or values.shape not in (rows.shape[:1], (rows.shape[0], 1)):
        found = show(values.shape) if isinstance(values, Array) else "no array"
        why = f"{rule.__qualname__} gives {found}: a loss has one value for each row, {show(rows.shape[:1])}"
        raise FenceError(why, f"{rule.__code__.co_filename}:{rule.__code__.co_firstlineno}")
    state.build.name(values, f"{ident}_losses")
    column = state.build.views.get(values.name)
    if column is not None and column.shape == (*rows.shape[:1], 1):
        values = column
        state.build.soft.setdefault(values.name, f"{ident}_losses")
    values = _weigh(state, values, weight)
    mask = None if output.mask is None else state.values[output.mask]
    if mask is not None:
        steps = state.build.reshape(mask, (rows.shape[0], 1)[: len(values.shape)])
        values = state.build.call(ops.MULTIPLY, values, steps)
    count = _count(state, related["count"], rows.shape[0], mask)
    axis: dict[str, object] = {"axis": None} if len(values.shape) > 1 else {}
    total = formula("float", operation(ops.SUM, values.name, **axis))
    value = state.build.number(related["loss"], ast.BinOp(total, ast.Div(), count))
    seen = state.build.reshape(prediction if fused else rows, logits.shape)
    if fused:
        state.build.fallback[prediction.name] = f"{ident}_prediction"
    state.places[f"prediction:{output.name}"] = seen.name
    if output.metrics:
        state.kept.setdefault("loss", []).extend([seen.name] if mask is None else [seen.name, mask.name])

    def gradient() -> None:
        state.enter("backward", block)
        scale = Number(ast.BinOp(ast.Constant(float(output.loss_weight)), ast.Div(), count))
        gradient = _gradient(state, output, loss, {**names, **bindings, "y_pred": prediction, "scale": scale})
        gradient = _weigh(state, gradient, weight)
        if mask is not None:
            gradient = state.build.call(ops.MULTIPLY, gradient, state.build.reshape(mask, (rows.shape[0], 1)))
        assert output.loss_input is not None
        gradient = state.build.reshape(gradient, output.loss_input.shape)
        state.contribute(output.loss_input, gradient)

    return value, gradient


def _count(state: Lowering, name: str, rows: Size, mask: Array | None) -> ast.expr:
    """The divisor of a loss and its gradient: how many rows count; a batch without any has the loss 0, as in Keras."""
    if mask is None:
        return ast.Name(state.build.number(name, literal(rows), SIZE), ast.Load())
    counted = formula("int", operation(ops.COUNT_NONZERO, mask.name))
    return ast.Name(state.build.number(name, formula("max", counted, 1)), ast.Load())


def _gradient(state: Lowering, output: Output, loss: Loss, names: dict[str, Any]) -> Array:
    """The gradient of a loss by what it is computed from, as rows, in memory that is free to be changed."""
    rule = type(loss).backward  # type: ignore[attr-defined]  # every loss has one
    bindings = {"self": loss, **{name: names[name] for name in parameter_names(rule) if name in names}}
    gradient: Array = run(state.build, rule, bindings, state.local(state.names.outputs[output], rule)).result
    if any(gradient.name == item.name for item in names.values() if isinstance(item, Array)):
        return state.build.copy(gradient)
    return gradient


def _weigh(state: Lowering, rows: Array, weight: Array) -> Array:
    """Values of rows, or rows themselves, times the sample weights, if there are any."""
    if len(weight.shape) > 1:
        weight_rows = state.build.reshape(weight, (rows.shape[0], 1)[: len(rows.shape)])
    elif len(rows.shape) > 1:
        kind = ArrayType((*weight.shape, 1), weight.type.dtype, contiguous=False)
        weight_rows = state.build.apply(Call(ops.INDEX, (kind,), (weight, (slice(None), None))))
    else:
        weight_rows = weight
    return state.build.call(ops.MULTIPLY, rows, weight_rows, guard=f"{weight.name} is not None")


def _penalties(state: Lowering) -> list[str]:
    """The regularizers' terms of the loss, by the names of their values."""
    found = []
    for (layer, name), array in state.weights.items():
        weight = layer.weights[name]
        if weight.regularizer is None or not (layer.trainable and weight.trainable):
            continue
        ident = state.names.weights[layer, name]
        state.enter("loss", state.penalty_block(layer, name))
        rule = type(weight.regularizer).forward  # type: ignore[attr-defined]  # every regularizer has one
        outcome = run(state.build, rule, {"self": weight.regularizer, "w": array}, state.local(ident, rule))
        found.append(state.build.number(state.build.unique(f"{ident}_penalty"), formula("float", outcome.result.name)))
    return found


def _weighted_sum(terms: list[tuple[float, str]], penalties: list[str]) -> ast.expr:
    summands: list[ast.expr] = [
        (
            ast.Name(name, ast.Load())
            if weight == 1
            else ast.BinOp(literal(float(weight)), ast.Mult(), ast.Name(name, ast.Load()))
        )
        for weight, name in terms
    ]
    summands += [ast.Name(name, ast.Load()) for name in penalties]
    return _sum(summands)


IN_A_ROW = 16
"""So many summands stand in a row; more are halved, and each half is summed by itself."""


def _sum(summands: list[ast.expr]) -> ast.expr:
    """The sum, nested no deeper than the number of halvings: Python reads no expression that nests by the thousand."""
    half = len(summands) // 2
    if len(summands) > IN_A_ROW:
        return ast.BinOp(_sum(summands[:half]), ast.Add(), _sum(summands[half:]))
    total = summands[0]
    for summand in summands[1:]:
        total = ast.BinOp(total, ast.Add(), summand)
    return total
