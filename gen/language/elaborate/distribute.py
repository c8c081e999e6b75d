"""`TimeDistributed(model)(x)`: a model applied to every step of a sequence.

The steps become rows, the model is called on them, and the rows become steps again.  A model that keeps statistics of
its batches is called once for each step instead, as Keras does where the number of steps is known.
"""

from __future__ import annotations

from gen.components.base import Layer
from gen.components.layers import operators
from gen.diagnostics import Note, Span
from gen.dims import show
from gen.language.elaborate import models
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.context import Context
from gen.language.elaborate.tensors import apply_operator
from gen.language.elaborate.trail import trail
from gen.language.elaborate.values import (
    DistributedModel,
    Group,
    LayerCall,
    LayerValue,
    TensorValue,
    Value,
    Wrong,
)


def apply_distributed(
    context: Context, distributed: DistributedModel, x: TensorValue, span: Span, heading: Span, group: Group | None
) -> Value:
    """The outputs of the model on every step of `x`."""
    if len(x.shape) < 3:
        message = f"TimeDistributed expects (steps, …), got {show(x.shape[1:])}"
        notes = (Note(distributed.model.span, "the model"), *trail([x]))
        return context.error("shape-mismatch", span, message, label="needs a sequence", notes=notes)
    by_step = isinstance(x.shape[1], int) and any(_keeps_statistics(call) for call in distributed.model.calls)
    apply = _step_by_step if by_step else _all_at_once
    outputs = apply(context, distributed, x, span, heading, group)
    if isinstance(outputs, Wrong):
        return outputs
    return outputs[0] if len(outputs) == 1 else outputs


def _keeps_statistics(call: LayerCall) -> bool:
    return hasattr(call.layer.component, "update")


def _all_at_once(
    context: Context, distributed: DistributedModel, x: TensorValue, span: Span, heading: Span, group: Group | None
) -> list[TensorValue] | Wrong:
    rows = apply_operator(context, operators.MergeSteps(), [x], span, heading, group)
    if isinstance(rows, Wrong):
        return rows
    outputs = _on_rows(context, distributed, rows, span, group)
    if isinstance(outputs, Wrong):
        return outputs
    split = [_last(context, distributed, operators.SplitSteps(), [y, x], span, heading, group) for y in outputs]
    return next((each for each in split if isinstance(each, Wrong)), split)


def _step_by_step(
    context: Context, distributed: DistributedModel, x: TensorValue, span: Span, heading: Span, group: Group | None
) -> list[TensorValue] | Wrong:
    whole = (None, None, None)
    columns: list[list[TensorValue]] = []
    assert isinstance(x.shape[1], int)
    for step in range(x.shape[1]):
        rows = apply_operator(context, operators.Slice((whole, step)), [x], span, heading, group)
        outputs = rows if isinstance(rows, Wrong) else _on_rows(context, distributed, rows, span, group)
        if isinstance(outputs, Wrong):
            return outputs
        columns.append(outputs)
    stack = operators.StackSteps()
    by_output = [list(steps) for steps in zip(*columns, strict=True)]
    stacked = [_last(context, distributed, stack, steps, span, heading, group) for steps in by_output]
    return next((each for each in stacked if isinstance(each, Wrong)), stacked)


def _on_rows(
    context: Context, distributed: DistributedModel, rows: TensorValue, span: Span, group: Group | None
) -> list[TensorValue] | Wrong:
    """The outputs of the model on rows, as a list."""
    outputs = models.call_model(context, distributed.model, [rows], span, group)
    return [outputs] if isinstance(outputs, TensorValue) else outputs


def _last(
    context: Context,
    distributed: DistributedModel,
    component: Layer,
    tensors: list[TensorValue],
    span: Span,
    heading: Span,
    group: Group | None,
) -> Value:
    """The call that gives the result; it has the name of the TimeDistributed."""
    layer = LayerValue(component, "time_distributed", span, group, distributed.given_name, distributed.variable)
    return apply_layer(context, layer, tensors, span, heading, group)
