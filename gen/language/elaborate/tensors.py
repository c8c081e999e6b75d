"""Arithmetic and brackets on tensors: each operation is the call of a layer."""

from __future__ import annotations

from types import EllipsisType

from gen.components.base import Layer, snake_case
from gen.components.layers import operators
from gen.components.layers.merging import Add, Multiply, Subtract
from gen.components.operations import arithmetic, elementwise
from gen.components.operations.base import Operation
from gen.components.operations.products import Matmul
from gen.components.operations.shapes import ExpandDims
from gen.diagnostics import Span
from gen.dims import BATCH, Dim
from gen.language.elaborate.apply import apply_layer
from gen.language.elaborate.context import Context
from gen.language.elaborate.operations import apply_operation, constant_tensor, is_numbers
from gen.language.elaborate.operators import is_number
from gen.language.elaborate.values import (
    WRONG,
    CallOptions,
    LayerValue,
    Site,
    TensorValue,
    Value,
    describe_value,
    is_wrong,
)

OPERATIONS: dict[str, type[Operation]] = {
    "+": arithmetic.Add,
    "-": arithmetic.Subtract,
    "*": arithmetic.Multiply,
    "/": arithmetic.Divide,
    "**": arithmetic.Power,
    "//": arithmetic.FloorDivide,
    "%": arithmetic.Mod,
    "@": Matmul,
    "==": arithmetic.Equal,
    "!=": arithmetic.NotEqual,
    "<": arithmetic.Less,
    "<=": arithmetic.LessEqual,
    ">": arithmetic.Greater,
    ">=": arithmetic.GreaterEqual,
    "&": arithmetic.LogicalAnd,
    "|": arithmetic.LogicalOr,
    "^": arithmetic.LogicalXor,
}
"""The operations that operators are."""
NAMES = {"+": "add", "-": "subtract", "*": "multiply"}
"""The names by which Keras counts operators that layers are called like, too."""


def combine_tensors(context: Context, symbol: str, left: Value, right: Value, site: Site) -> Value:
    """`left symbol right`, where at least one of them is a tensor."""
    component = _operation(symbol, left, right)
    if component is not None:
        tensors = [value for value in (left, right) if isinstance(value, TensorValue)]
        context.count_operation(NAMES.get(symbol, ""))
        return apply_operator(context, symbol, component, tensors, site)
    operands: dict[str, Value] = {}
    for name, value in (("x1", left), ("x2", right)) if symbol in OPERATIONS else ():
        if not isinstance(value, TensorValue | Dim | bool | int | float) and is_numbers(value):
            value = constant_tensor(context, value, site)
        if is_wrong(value):
            return WRONG
        if isinstance(value, TensorValue | Dim | bool | int | float):
            operands[name] = value
    if len(operands) < 2 or (symbol == "/" and operands["x2"] == 0):
        return _report(context, symbol, left, right, site.span)
    return apply_operation(context, symbol, OPERATIONS[symbol](), operands, site)


def apply_operator(context: Context, symbol: str, component: Layer, tensors: list[TensorValue], site: Site) -> Value:
    """The result of an operator, which is a layer of its own, on tensors."""
    layer = LayerValue(component, snake_case(type(component).__name__), site.span, site.group, written=symbol)
    return apply_layer(context, layer, tensors, site, CallOptions(operator=symbol))


def _operation(symbol: str, left: Value, right: Value) -> Layer | None:
    """The layer that an operator on floats with a batch is, as many axes or a number; None if it is none."""
    tensors = [each for each in (left, right) if isinstance(each, TensorValue)]
    if any(each.dtype != "float" or each.shape[:1] != (BATCH,) for each in tensors):
        return None
    if isinstance(left, TensorValue) and isinstance(right, TensorValue):
        if len(left.shape) != len(right.shape):
            return None
        match symbol:
            case "+":
                return Add()
            case "-":
                return Subtract()
            case "*":
                return Multiply()
            case "/":
                return operators.Divide()
            case "@" if len(left.shape) > 2 and left.shape[:-2] == right.shape[:-2]:
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
    message = f"`{symbol}` cannot combine {describe_value(left)} and {describe_value(right)}"
    return context.error("bad-operand", span, message, hint=hint)


def negate_tensor(context: Context, tensor: TensorValue, site: Site) -> Value:
    """`-tensor`."""
    component: Layer = operators.Negative() if tensor.dtype == "float" else elementwise.Negative()
    return apply_operator(context, "-", component, [tensor], site)


def slice_tensor(
    context: Context,
    tensor: TensorValue,
    parts: tuple[operators.Part | EllipsisType | None, ...],
    spans: tuple[Span, ...],
    site: Site,
) -> Value:
    """`tensor[parts]`: indices, slices, new axes (None) and one `...`."""
    whole = _without_ellipsis(parts, len(tensor.shape))
    of_batch = bool(tensor.shape) and isinstance(tensor.shape[0], Dim)
    if of_batch and whole[:1] != (operators.WHOLE,):
        return context.error(
            "bad-index",
            spans[0],
            "The first axis is the batch, and a slice must take all of it",
            hint="put `:` first: `x[:, 0]`",
        )
    kept = tuple(part for part in whole if part is not None)
    if any(part != operators.WHOLE for part in kept) or len(kept) == len(whole):
        made = apply_operator(context, "[…]", operators.Slice(kept), [tensor], site)
    else:
        made = tensor
    places = [part for part in whole if not isinstance(part, int)]
    new = tuple(place for place, part in enumerate(places) if part is None)
    if not new or not isinstance(made, TensorValue):
        return made
    return apply_operator(context, "[…]", ExpandDims(new), [made], site)


def _without_ellipsis(
    parts: tuple[operators.Part | EllipsisType | None, ...], rank: int
) -> tuple[operators.Part | None, ...]:
    """The parts, with a whole slice for each axis that `...` stands for."""
    found: list[operators.Part | None] = []
    for part in parts:
        if part is ...:
            found += [operators.WHOLE] * (rank - sum(each is not None and each is not ... for each in parts))
        else:
            found.append(part)
    return tuple(found)
