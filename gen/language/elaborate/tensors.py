"""Arithmetic and brackets on tensors: each operation is the call of a layer."""

from __future__ import annotations

from gen.components.base import Layer, snake_case
from gen.components.layers import operators
from gen.components.layers.merging import Add, Multiply, Subtract
from gen.diagnostics import Span
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.context import Context
from gen.language.elaborate.operators import is_number
from gen.language.elaborate.values import CallOptions, LayerValue, Site, TensorValue, Value, describe_value


def combine_tensors(context: Context, symbol: str, left: Value, right: Value, site: Site) -> Value:
    """`left symbol right`, where at least one of them is a tensor."""
    component = _operation(symbol, left, right)
    if component is None:
        return _report(context, symbol, left, right, site.span)
    tensors = [value for value in (left, right) if isinstance(value, TensorValue)]
    return apply_operator(context, symbol, component, tensors, site)


def apply_operator(context: Context, symbol: str, component: Layer, tensors: list[TensorValue], site: Site) -> Value:
    """The result of an operator, which is a layer of its own, on tensors."""
    layer = LayerValue(component, snake_case(type(component).__name__), site.span, site.group, written=symbol)
    return apply_layer(context, layer, tensors, site, CallOptions(operator=symbol))


def _operation(symbol: str, left: Value, right: Value) -> Layer | None:
    """The layer that the operator stands for; None if there is none."""
    if isinstance(left, TensorValue) and isinstance(right, TensorValue):
        match symbol:
            case "+":
                return Add()
            case "-":
                return Subtract()
            case "*":
                return Multiply()
            case "/":
                return operators.Divide()
            case "@":
                return operators.MatrixProduct()
        return None
    if isinstance(left, TensorValue) and is_number(right):
        match symbol:
            case "+":
                return operators.AddConstant(right)
            case "-":
                return operators.AddConstant(-right)
            case "*":
                return operators.MultiplyByConstant(right)
            case "/" if right != 0:
                return operators.DivideByConstant(right)
            case "**":
                return operators.Power(right)
    if isinstance(right, TensorValue) and is_number(left):
        match symbol:
            case "+":
                return operators.AddConstant(left)
            case "-":
                return operators.SubtractFromConstant(left)
            case "*":
                return operators.MultiplyByConstant(left)
            case "/":
                return operators.DivideConstant(left)
    return None


def _report(context: Context, symbol: str, left: Value, right: Value, span: Span) -> Value:
    if symbol == "/" and right == 0:
        return context.error("division-by-zero", span, "This divides a tensor by zero")
    hint = None
    if isinstance(left, LayerValue) or isinstance(right, LayerValue):
        hint = "call the layer on a tensor first"
    elif symbol == "**":
        hint = "the exponent is a number"
    elif symbol in ("//", "%"):
        hint = "on tensors there are `+`, `-`, `*`, `/`, `**` and `@`"
    message = f"`{symbol}` cannot combine {describe_value(left)} and {describe_value(right)}"
    return context.error("bad-operand", span, message, hint=hint)


def negate_tensor(context: Context, tensor: TensorValue, site: Site) -> Value:
    """`-tensor`."""
    return apply_operator(context, "-", operators.Negative(), [tensor], site)


def slice_tensor(
    context: Context, tensor: TensorValue, parts: tuple[operators.Part, ...], spans: tuple[Span, ...], site: Site
) -> Value:
    """`tensor[parts]`."""
    if parts[0] != (None, None, None):
        return context.error(
            "bad-index",
            spans[0],
            "The first axis is the batch, and a slice must take all of it",
            hint="put `:` first: `x[:, 0]`",
        )
    return apply_operator(context, "[…]", operators.Slice(parts), [tensor], site)
