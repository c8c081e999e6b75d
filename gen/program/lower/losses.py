"""Lowering, losses: the loss of each output, its gradient, and the penalties of the weights."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeAlias

from gen.components.base import Loss
from gen.components.rules import FenceError, parameter_names
from gen.dims import Shape, Size, product, show
from gen.graph.graph import Formula, Output, OwnLoss, OwnMetric
from gen.graph.identifiers import RELATED
from gen.program import ops
from gen.program.ir import SIZE, Block, formula, literal, operation
from gen.program.lower.forward import lower_forward
from gen.program.lower.inline import run
from gen.program.lower.state import MEASURE, Lowering
from gen.program.ops import Call
from gen.program.types import Array, ArrayType, Number


def lower_losses(state: Lowering) -> None:
    """The section `loss`, and the gradient of each output with respect to the input of its loss."""
    gradients = []
    terms: list[tuple[float, str]] = []
    for output in state.graph.outputs:
        if output.loss is not None:
            lower = _lower_own if isinstance(output.loss, OwnLoss) else _lower_loss
            name, gradient = lower(state, output)
            terms.append((output.loss_weight, name))
            gradients.append(gradient)
    penalty = [*_added(state), *_penalties(state)]
    total = _weighted_sum(terms, penalty)
    state.results["loss"] = (total, *(ast.Name(name, ast.Load()) for _, name in terms))
    lower_measures(state)
    for gradient in gradients:
        gradient()
    lower_seeds(state)


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
    rule = type(loss).forward
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
    axis: dict[str, object] = {"axis": None} if len(values.shape) > 1 else {}
    total = formula("float", operation(ops.SUM, values.name, **axis))
    reduction = getattr(loss, "reduction", "mean")
    count: ast.expr = ast.Constant(1)
    if reduction == "sum":
        value = state.build.number(related["loss"], total)
    else:
        if reduction == "mean_with_sample_weight":
            count = _weight_of_rows(state, related, rows.shape[0], weight, mask)
        else:
            count = _count(state, related["count"], rows.shape[0], mask)
        value = state.build.number(related["loss"], ast.BinOp(total, ast.Div(), count))
    seen = state.build.reshape(prediction if fused else rows, logits.shape)
    if fused:
        state.build.fallback[prediction.name] = f"{ident}_prediction"
    state.places[f"prediction:{output.name}"] = seen.name
    if output.metrics:
        state.kept.setdefault("loss", []).extend([seen.name] if mask is None else [seen.name, mask.name])

    def gradient() -> None:
        state.enter("backward", block)
        share = float(output.loss_weight)
        scale = share if reduction == "sum" else Number(ast.BinOp(ast.Constant(share), ast.Div(), count))
        gradient = _gradient(state, output, loss, {**names, **bindings, "y_pred": prediction, "scale": scale})
        gradient = _weigh(state, gradient, weight)
        if mask is not None:
            gradient = state.build.call(ops.MULTIPLY, gradient, state.build.reshape(mask, (rows.shape[0], 1)))
        assert output.loss_input is not None
        gradient = state.build.reshape(gradient, output.loss_input.shape)
        state.contribute(output.loss_input, gradient)

    return value, gradient


# ---------------------------------------------------------------------------------------- what the file computes itself


def compute(state: Lowering, section: str, formula: Formula, differentiated: bool = True) -> Array:
    """What a formula gives, after its inputs have their values; its calls are part of `section`."""
    before = len(state.applications)
    lower_forward(state, section, formula.nodes)
    if not differentiated:
        del state.applications[before:]
    return state.values[formula.value]


def _lower_own(state: Lowering, output: Output) -> tuple[str, Callable[[], None]]:
    """The same for a loss of the file's own, whose value may have any shape: what counts is its mean.

    Sample weights and masks, one number for each row or step, multiply the values that belong to it.  A value that
    belongs to no row counts as much as the mean weight.
    """
    ident, loss = state.names.outputs[output], output.loss
    assert isinstance(loss, OwnLoss)
    head = f"loss of {ident}: {output.loss_text}"
    block = Block(head, others=tuple(node.call.block for node in state.graph.nodes if output.tensor in node.outputs))
    related = {ending: state.names.related[output, ending] for ending in RELATED}
    kind = ArrayType(loss.target.shape, "intp" if loss.sparse else "float")
    prediction = state.values[output.tensor]
    state.places[f"logits:{output.name}"] = state.places[f"prediction:{output.name}"] = prediction.name
    state.values[loss.target] = state.build.parameter(related["true"], kind)
    weight = state.build.parameter(related["weight"], ArrayType(output.tensor.shape[:-1]))
    mask = None if output.mask is None else state.values[output.mask]
    values = compute(state, "loss", loss.formula)
    state.enter("loss", block)
    if output.metrics:
        state.kept.setdefault("loss", []).extend([prediction.name] if mask is None else [prediction.name, mask.name])
    by_row = values.shape[:1] == weight.shape[:1]
    if by_row:
        value, seed = _mean_by_row(state, loss, values, weight, mask, related)
    else:
        value, seed = _mean_at_once(state, loss, values, weight, mask, related)

    def gradient() -> None:
        state.enter("backward", block)
        state.contribute(loss.formula.value, seed(output.loss_weight))

    return value, gradient


_Seed: TypeAlias = Callable[[float], Array]
"""Gives the gradient of a loss by the values of its formula, for the weight that the loss has in the total."""


def _mean_by_row(
    state: Lowering, loss: OwnLoss, values: Array, weight: Array, mask: Array | None, related: dict[str, str]
) -> tuple[str, _Seed]:
    """The mean of values that belong to rows, or to steps."""
    build = state.build
    each = build.unique(related["loss"] + "es")
    build.soft.setdefault(values.name, each)
    rows = _weigh_each(state, values, weight, mask)
    if mask is None:
        size: Size = 1 if loss.summed else product(values.shape)
        count: ast.expr = ast.Name(build.number(related["count"], literal(size), SIZE), ast.Load())
    else:
        counted: ast.expr = formula("int", operation(ops.COUNT_NONZERO, mask.name))
        of_each = product(values.shape[len(mask.shape) :])
        if of_each != 1:
            counted = ast.BinOp(counted, ast.Mult(), literal(of_each))
        counted = ast.Constant(1) if loss.summed else formula("max", counted, 1)
        count = ast.Name(build.number(related["count"], counted), ast.Load())
    total = formula("float", operation(ops.SUM, rows.name, **({"axis": None} if len(rows.shape) > 1 else {})))
    value = build.number(related["loss"], total if loss.summed else ast.BinOp(total, ast.Div(), count))

    def seed(loss_weight: float) -> Array:
        share = ast.BinOp(ast.Constant(float(loss_weight)), ast.Div(), count)
        return _weigh_each(state, _full(state, values.shape, share), weight, mask)

    return value, seed


def _weigh_each(state: Lowering, values: Array, weight: Array, mask: Array | None) -> Array:
    """Values times the weights of the rows or steps that they belong to, and 0 where a mask leaves these out."""
    values = state.build.call(
        ops.MULTIPLY, values, _spread(state, weight, values.shape), guard=f"{weight.name} is not None"
    )
    return values if mask is None else state.build.call(ops.MULTIPLY, values, _spread(state, mask, values.shape))


def _spread(state: Lowering, weight: Array, shape: Shape) -> Array:
    """Weights of rows or steps so that they stretch to `shape`; the mean of those of a row where it has one value."""
    common = next((i for i, (a, b) in enumerate(zip(weight.shape, shape, strict=False)) if a != b), len(shape))
    if len(weight.shape) > common:
        index = (*[slice(None)] * common, *[0] * (len(weight.shape) - common))
        kind = ArrayType(weight.shape[:common], weight.type.dtype, contiguous=False)
        weight = state.build.apply(Call(ops.INDEX, (kind,), (weight, index)))
    missing = len(shape) - len(weight.shape)
    if missing == 0:
        return weight
    kind = ArrayType((*weight.shape, *[1] * missing), weight.type.dtype, contiguous=False)
    index = (*[slice(None)] * len(weight.shape), *[None] * missing)
    return state.build.apply(Call(ops.INDEX, (kind,), (weight, index)))  # type: ignore[no-any-return]  # an Array


def _mean_at_once(
    state: Lowering, loss: OwnLoss, values: Array, weight: Array, mask: Array | None, related: dict[str, str]
) -> tuple[str, _Seed]:
    """The mean of values that belong to no row, times the mean of the weights."""
    build = state.build
    total: ast.expr = formula("float", values.name)
    size = product(values.shape)
    if values.shape != ():
        axis: dict[str, object] = {"axis": None} if len(values.shape) > 1 else {}
        total = formula("float", operation(ops.SUM, values.name, **axis))
    axes: dict[str, object] = {"axis": None} if len(weight.shape) > 1 else {}
    weighed = formula("float", operation(ops.SUM, weight.name, **axes))
    steps: ast.expr = literal(product(weight.shape))
    whole: ast.expr = ast.Constant(1.0)
    if mask is not None:
        counted = formula("int", operation(ops.COUNT_NONZERO, mask.name))
        steps = ast.Name(build.number(related["count"], formula("max", counted, 1)), ast.Load())
        whole = formula("float", formula("min", counted, 1))
        weighed = formula("float", operation(ops.VDOT, weight.name, mask.name))
    mean = weighed if loss.summed else ast.BinOp(weighed, ast.Div(), steps)
    unweighted = ast.Compare(ast.Name(weight.name, ast.Load()), [ast.Is()], [ast.Constant(None)])
    name = build.number(build.unique(related["weight"] + "s"), ast.IfExp(unweighted, whole, mean))
    share: ast.expr = ast.Name(name, ast.Load())
    if size != 1 and not loss.summed:
        total = ast.BinOp(total, ast.Div(), literal(size))
    value = build.number(related["loss"], ast.BinOp(total, ast.Mult(), share))

    def seed(loss_weight: float) -> Array:
        factor = share
        if loss_weight != 1:
            factor = ast.BinOp(literal(float(loss_weight)), ast.Mult(), share)
        if size != 1 and not loss.summed:
            factor = ast.BinOp(factor, ast.Div(), literal(size))
        return _full(state, values.shape, factor)

    return value, seed


def _full(state: Lowering, shape: Shape, number: ast.expr) -> Array:
    """An array of one number."""
    return state.build.apply(Call(ops.FULL, (ArrayType(shape),), (Number(number),)))  # type: ignore[no-any-return]  # an Array


def _added(state: Lowering) -> list[str]:
    """What `add_loss` adds to the loss, by the names of the values; their gradients are set aside for `backward`."""
    found = []
    for item in state.graph.added:
        values = compute(state, "loss", item)
        about = tuple(node.call.block for node in item.nodes)
        own = [node for node in item.nodes if node.call.text == f"{item.name}: {item.text}"]
        block = state.block_of("loss", own[-1]) if own else Block(f"{item.name}: {item.text}", others=about)
        found.append(_sum_of(state, values, item, block))
    return found


def _sum_of(state: Lowering, values: Array, item: Formula, block: Block) -> str:
    """The name of the sum of `values`, in the loss; its gradient is 1 for each."""
    build = state.build
    state.enter("loss", block)
    total: ast.expr = formula("float", values.name)
    if values.shape != ():
        axis: dict[str, object] = {"axis": None} if len(values.shape) > 1 else {}
        total = formula("float", operation(ops.SUM, values.name, **axis))
    name = build.number(build.unique(f"{state.names.tensors[item.value]}_term"), total)
    if values.type.dtype == "float":
        state.seeds.append((block, item.value))
    return name


def lower_seeds(state: Lowering) -> None:
    """The gradients of what is added to the loss as it is."""
    for block, tensor in state.seeds:
        state.enter("backward", block)
        state.contribute(tensor, _full(state, state.values[tensor].shape, ast.Constant(1.0)))


def lower_measures(state: Lowering) -> None:
    """A section for each metric of the file's own, which gives its sum over a batch and how much that counts."""
    for output in state.graph.outputs:
        for name, metric in output.metrics if output.loss is not None else ():
            if isinstance(metric, OwnMetric):
                _measure(state, output, metric, f"{MEASURE}{state.names.measures[output, name]}")


def _measure(state: Lowering, output: Output, metric: OwnMetric, section: str) -> None:
    build, ident = state.build, section.removeprefix(MEASURE)
    true, prediction = metric.formula.inputs
    place = state.places[f"prediction:{output.name}"]
    state.values[prediction] = Array(place, build.types[place])
    target = state.names.related[output, "true"]
    state.values[true] = Array(target, build.types[target])
    values = compute(state, section, metric.formula, differentiated=False)
    state.enter(section, Block(""))
    state.kept[section] = list(state.kept["loss"])  # which other metrics read after this one
    mask = None if output.mask is None else state.values[output.mask]
    if mask is not None:
        values = build.call(ops.MULTIPLY, values, _spread(state, mask, values.shape))
    rows = values.shape[0] if values.shape else 1
    each = product(values.shape[1:])
    total: ast.expr = formula("float", values.name)
    if values.shape != ():
        axis: dict[str, object] = {"axis": None} if len(values.shape) > 1 else {}
        total = formula("float", operation(ops.SUM, values.name, **axis))
    if each != 1:
        total = ast.BinOp(total, ast.Div(), literal(each))
    count: ast.expr = formula("float", rows)
    if mask is not None:
        count = formula("float", operation(ops.COUNT_NONZERO, mask.name))
        steps = product(mask.shape[1:])
        if steps != 1:
            count = ast.BinOp(count, ast.Div(), literal(steps))
    state.results[section] = tuple(
        ast.Name(build.number(build.unique(f"{ident.removeprefix('measure_')}_{ending}"), value), ast.Load())
        for ending, value in (("sum", total), ("count", count))
    )


# ---------------------------------------------------------------------------------------------------------- all of them


def _count(state: Lowering, name: str, rows: Size, mask: Array | None) -> ast.expr:
    """The divisor of a loss and its gradient: how many rows count; a batch without any has the loss 0, as in Keras."""
    if mask is None:
        return ast.Name(state.build.number(name, literal(rows), SIZE), ast.Load())
    counted = formula("int", operation(ops.COUNT_NONZERO, mask.name))
    return ast.Name(state.build.number(name, formula("max", counted, 1)), ast.Load())


def _weight_of_rows(
    state: Lowering, related: dict[str, str], rows: Size, weight: Array, mask: Array | None
) -> ast.expr:
    """The divisor of a loss that is the mean by sample weights: their sum, or how many rows count; never 0."""
    axis: dict[str, object] = {"axis": None} if len(weight.shape) > 1 else {}
    weighed = formula("float", operation(ops.SUM, weight.name, **axis))
    counted: ast.expr = literal(rows)
    if mask is not None:
        counted = formula("int", operation(ops.COUNT_NONZERO, mask.name))
        weighed = formula("float", operation(ops.VDOT, weight.name, mask.name))
    unweighted = ast.Compare(ast.Name(weight.name, ast.Load()), [ast.Is()], [ast.Constant(None)])
    whole = state.build.number(state.build.unique(related["weight"] + "s"), ast.IfExp(unweighted, counted, weighed))
    name = ast.Name(whole, ast.Load())
    some = ast.Compare(name, [ast.NotEq()], [ast.Constant(0)])
    return ast.Name(state.build.number(related["count"], ast.IfExp(some, name, ast.Constant(1.0))), ast.Load())


def _gradient(state: Lowering, output: Output, loss: Loss, names: dict[str, Any]) -> Array:
    """The gradient of a loss by what it is computed from, as rows, in memory that is free to be changed."""
    rule = type(loss).backward
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
        own = next((item for item in state.graph.penalties if (item.layer, item.weight) == (layer, name)), None)
        if own is not None:
            (leaf,) = own.formula.inputs
            state.values[leaf] = array
            values = compute(state, "loss", own.formula)
            found.append(_sum_of(state, values, own.formula, state.penalty_block(layer, name)))
            continue
        state.enter("loss", state.penalty_block(layer, name))
        rule = type(weight.regularizer).forward
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
