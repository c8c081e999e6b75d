"""Arithmetic on constants, with bounds: no expression of a `.nn` file makes a number or a list that is too large."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from gen.language.elaborate.context import MAX_ITEMS
from gen.language.elaborate.values import Value, describe_value

MAX_INTEGER = 10**18
"""Integers have at most 18 digits, in the text and as results."""

_OPERATIONS: dict[str, Callable[[int | float, int | float], int | float | complex]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


class OperandError(Exception):
    """An operation that has no result; `message` is the sentence of the diagnostic, `code` its code."""

    def __init__(self, message: str, hint: str | None = None, code: str = "bad-operand") -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code


def is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def negated(sign: str, value: Value) -> int | float:
    """`-value` or `+value`."""
    if not is_number(value):
        raise OperandError(f"`{sign}` takes a number or a tensor, got {describe_value(value)}")
    return -value if sign == "-" else +value  # type: ignore[no-any-return]  # a number


def combine(symbol: str, left: Value, right: Value) -> Value:
    """The result of `left symbol right` for constants; raises `OperandError`."""
    if is_number(left) and is_number(right):
        return _number(symbol, left, right)
    match symbol, left, right:
        case "+", list(), list():
            return _limited(len(left) + len(right), lambda: left + right)
        case "+", tuple(), tuple():
            return _limited(len(left) + len(right), lambda: left + right)
        case "+", str(), str():
            return _limited(len(left) + len(right), lambda: left + right)
        case "*", list() | tuple(), int() if is_number(right):
            return _limited(len(left) * max(right, 0), lambda: left * right)
        case "*", int(), list() | tuple() if is_number(left):
            return _limited(len(right) * max(left, 0), lambda: left * right)
    hint = None
    if {type(left), type(right)} <= {str, int, float} and symbol == "+":
        hint = "layers number themselves: leave the number out, and the second `conv` becomes `conv_2`"
    raise OperandError(f"`{symbol}` cannot combine {describe_value(left)} and {describe_value(right)}", hint)


def _number(symbol: str, left: int | float, right: int | float) -> int | float:
    if symbol not in _OPERATIONS:
        raise OperandError(f"`{symbol}` is a product of tensors; these are numbers", "write `*`")
    if right == 0 and symbol in ("/", "//", "%"):
        raise OperandError("This divides by zero", code="division-by-zero")
    if symbol == "**":
        _check_power(left, right)
    try:
        result = _OPERATIONS[symbol](left, right)
    except OverflowError:
        raise _too_large() from None
    if isinstance(result, complex):
        raise OperandError(f"{left!r} ** {right!r} is not a real number")
    if (isinstance(result, float) and not math.isfinite(result)) or (
        isinstance(result, int) and abs(result) >= MAX_INTEGER
    ):
        raise _too_large()
    return result


def _check_power(base: int | float, exponent: int | float) -> None:
    """Refuses powers that would take long to compute, and those of zero that do not exist."""
    if base == 0 and exponent < 0:
        raise OperandError("This divides by zero: 0 to a negative power", code="division-by-zero")
    integers = isinstance(base, int) and isinstance(exponent, int)
    if integers and exponent > 0 and abs(base) > 1 and exponent * math.log10(abs(base)) > 18:
        raise _too_large()


def _too_large() -> OperandError:
    return OperandError("The result is too large: numbers have at most 18 digits here", code="number-too-large")


def _limited(length: int, make: Callable[[], Value]) -> Value:
    if length > MAX_ITEMS:
        raise OperandError(f"This would have {length:,} items; at most {MAX_ITEMS:,} are allowed", code="loop-limit")
    return make()
