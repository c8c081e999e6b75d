"""Arithmetic on Python numbers, some of which are known only when the generated file runs."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from gen.program.ir import literal
from gen.program.types import Number

SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_NODES: dict[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "//": ast.FloorDiv(), "%": ast.Mod(),
    "**": ast.Pow(),
}  # fmt: skip


_FUNCTIONS: dict[str, Callable[[float, float], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow,
}  # fmt: skip


def number_operand(item: Any) -> ast.expr:
    return item.value if isinstance(item, Number) else literal(item)


def arithmetic(symbol: str, left: Any, right: Any) -> Number | float:
    """Arithmetic on numbers of the running file, with what is known folded: `2.0 * (0.25 / n)` is `0.5 / n`."""
    a, b = number_operand(left), number_operand(right)
    if symbol == "*" and isinstance(b, ast.Constant):
        a, b = b, a
    known = float(a.value) if isinstance(a, ast.Constant) and isinstance(a.value, int | float) else None
    divisor = float(b.value) if isinstance(b, ast.Constant) and isinstance(b.value, int | float) else None
    if known is not None and divisor is not None:
        return float(_FUNCTIONS[symbol](known, divisor))
    if symbol == "*" and known is not None:
        return _times(known, b)
    if symbol == "/" and divisor is not None:
        match a:
            case ast.BinOp(left=ast.Constant(value=int() | float() as factor), op=ast.Div() | ast.Mult()):
                return Number(ast.BinOp(ast.Constant(float(factor) / divisor), a.op, a.right))
        if divisor == 1:
            return Number(a)
    return Number(ast.BinOp(a, _NODES[symbol], b))


def _times(factor: float, value: ast.expr) -> Number:
    if factor == 1:
        return Number(value)
    match value:
        case ast.BinOp(left=ast.Constant(value=int() | float() as inner), op=ast.Div() | ast.Mult()):
            return Number(ast.BinOp(ast.Constant(factor * float(inner)), value.op, value.right))
    return Number(ast.BinOp(ast.Constant(factor), ast.Mult(), value))
