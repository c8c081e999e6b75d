"""The operations of programs: one entry for each, with all that the compiler knows about it.

The value of a statement is a call of one operation, `Statement.op`.  How a rule may call it and what comes of it,
whether it may be computed in place, what it takes, and how it is written: all of it stands in its entry, and nothing
else tells operations by their names.  A kernel is an operation too, made of what it says where it is registered.

A new operation is one entry here.  What is not here is refused, with its line, and so is an option without a parameter:
parameters are those of NumPy's own that are made use of.  Where a default of NumPy is not supported, there is none.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from gen.components.kernels import Kernel, kernels
from gen.components.rules import FenceError
from gen.dims import Dim, Shape, Size, product, value_of
from gen.dtypes import DTYPES
from gen.program import results
from gen.program.types import Array, ArrayType, Generator, Number


@dataclass(frozen=True, eq=False)
class Op:
    """What one operation is.  Passes ask for its properties; one that is about a single operation names it: `SUM`."""

    name: str
    """What statements call it: `np.add`, `np.add.reduce`, `index`, the name of a kernel."""
    call: Callable[..., Array | Call]
    """What its call is for the arguments that a rule gives; raises `FenceError` for those that do not fit."""
    elementwise: bool = False
    """Whether each number of the result is made of one of each operand, so that it may take the place of one."""
    replaced: int | None = None
    """The only operand of an elementwise operation whose place the result may take; None if it may that of any."""
    reduces: bool = False
    """Whether it goes from one number to the next along axes, and gives one for all of them."""
    commutes: bool = False
    neutral: int | None = None
    """The second operand, and the first of one that commutes, that changes nothing: the 0 of `x + 0`."""
    plain: bool = False
    """Whether a view has all numbers of its operand in their order."""
    overwrites: bool = False
    """Whether it works in the memory of its first operand, where its result may stay."""
    allocates: bool = False
    """Whether it makes arrays of its own for its results, which are copied to where they belong."""
    room: Callable[..., int] | None = None
    """The bytes that it needs besides, for the shapes of its arrays and the values of the others; None for none."""
    operations: int | Callable[..., int] = 0
    """The floating-point operations for each number of its results; or those of the call, for what `room` is for."""
    long: bool = False
    """Whether a number takes it many times as long as an addition: an exponential."""
    operator: type[ast.AST] | None = None
    """The operator that says it in a rule."""
    infix: bool = False
    """Whether the operator is written as well, between numbers and where an array is changed in place."""
    method: str = ""
    """The method of its first operand that it is written as, where that reads well."""
    filled: str = ""
    """How it is written where it fills an array, unless that is its call with `out=`.

    `{0}` is the first operand, `{axis}` an option, `{call}` the call, `{out}` the array, `{buffers}` what has arrays,
    `{rng}` the generator.
    """
    lines: tuple[str, ...] = ()
    """The same, for what is no expression."""
    draws: bool = False
    """Whether its result is something else each time."""
    single: str = ""
    """How it is written where its result is a single number, if not as its call."""
    in_place: tuple[str, ...] | None = None
    """The lines that compute it in place of an operand, `{out}`, unless these are `infix` or the call with `out=`."""
    look: Callable[[ast.expr, ast.expr], ast.expr] | None = None
    """How a view is written: another look at the memory of its first operand, with the second saying which."""
    function: Callable[..., Any] | None = None
    """The function that is copied into the generated file, of a kernel."""
    by_row: bool = False
    """Whether a kernel keeps the rows of a batch apart."""
    serial: bool = False
    """Whether more threads do not make a kernel faster."""
    by_shape: bool = False
    """Whether the results of a kernel depend on shapes alone."""
    linear: bool = False
    """Whether a kernel makes the sum of its results of the sum of its first arguments."""
    result: str = ""
    """What its result is called, behind the name of an operand, where a rule has no name for it: `h_product`."""

    @property
    def view(self) -> bool:
        """Whether its result is its first operand's memory."""
        return self.look is not None

    @property
    def replaces_any(self) -> bool:
        """Whether the result may take the place of any operand."""
        return self.elementwise and self.replaced is None


def _no_call(*_: Any) -> Any:
    raise AssertionError("no rule calls this")


@dataclass(frozen=True)
class Call:
    """One call of an operation, with the types of its results; operands are what a rule sees, options have names."""

    op: Op
    types: tuple[ArrayType, ...]
    operands: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    several: bool = False
    """Whether it gives a tuple of results."""


TABLE: dict[str, Op] = {}
"""Every operation but kernels, by its name."""


def of(value: ast.expr) -> Op:
    """The operation that an expression is a call of; `FORMULA` if it is none."""
    name = _callee(value)
    if name in TABLE:
        return TABLE[name]
    return _of_kernel(kernels[name]) if name in kernels else FORMULA


def of_kernel(function: Callable[..., Any]) -> Op:
    """The operation that a kernel is; raises `FenceError` where another has its name."""
    name = function.__name__
    known = kernels[name].function
    if name in TABLE or known is not function:
        place = f"{known.__code__.co_filename}:{known.__code__.co_firstlineno}"
        raise FenceError(f"`{name}` is another operation of gen: rename the kernel", place)
    return _of_kernel(kernels[name])


def numpy_call(name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Array | Call:
    """What `np.<name>(*arguments, **options)` is in a rule; raises `FenceError` for what is outside the fence."""
    if not is_allowed(name):
        raise FenceError(f"np.{name} is outside what a rule may use")
    function = SPELLINGS[name] if name in SPELLINGS else TABLE[f"np.{name}"].call
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*arguments, **options)
    except TypeError as problem:
        said, got = ", ".join(signature.parameters), ", ".join([f"{len(arguments)} arguments", *options])
        raise FenceError(f"np.{name}({said}) is all that a rule may use of it, not {got}: {problem}") from None
    return function(*bound.args, **bound.kwargs)


def is_allowed(name: str) -> bool:
    """Whether a rule may call `np.<name>`."""
    return name in SPELLINGS or f"np.{name}" in TABLE


def _callee(value: ast.expr) -> str:
    """The dotted name of the function that an expression calls; `""` for any other expression."""
    match value:
        case ast.Call(func=ast.Name(id=name)):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
            return f"{owner}.{name}"
        case ast.Call(func=function):
            return ast.unparse(function)
    return ""


def _op(name: str, call: Callable[..., Array | Call], **facts: Any) -> Op:
    """An entry of the table."""
    TABLE[name] = op = Op(name, call, **facts)
    return op


# --------------------------------------------------------------------------------------------------- number by number


def ufunc(name: str, gives: str = "", takes: str = "fi", operations: int = 1, **facts: Any) -> Op:
    """An entry for a ufunc of NumPy.

    `gives` is the dtype of its result, `""` for that of its operands; `takes` has a letter for each kind of arrays for
    which NumPy gives that: floats, integers, bools.
    """

    def call(*operands: Any) -> Call:
        for item in operands:
            if not isinstance(item, Array | Number | Dim | int | float):
                raise FenceError(f"{op.name} of {type(item).__name__}")
        arrays, numbers = _apart(operands)
        if not arrays:
            why = f"{op.name} of numbers that are known only when the file runs"
            raise FenceError(f"{why} is outside what a rule may use")
        dtype = _dtype(op.name, arrays, numbers, gives, takes)
        return Call(op, (ArrayType(_stretched(arrays), dtype),), operands)

    def unary(x: Any, /) -> Call:
        return call(x)

    def binary(x1: Any, x2: Any, /) -> Call:
        return call(x1, x2)

    kind = unary if getattr(np, name).nin == 1 else binary
    facts.setdefault("result", name)
    op = _op(f"np.{name}", kind, elementwise=True, operations=operations, **facts)
    return op


def _dtype(called: str, arrays: Sequence[Array], numbers: Sequence[Any], gives: str = "", takes: str = "fib") -> str:
    """The dtype of the result for these arrays and the numbers beside them, such as float for `ids * 0.5`.

    What has yet another dtype in NumPy is refused.
    """
    dtype = results.promote(item.type.dtype for item in arrays)
    if dtype == "float" or gives == "bool":
        return gives or dtype
    if dtype == "bool":
        if numbers or "b" not in takes:
            why = f"{called} of an array of bool is outside what a rule may use"
            raise FenceError(f"{why}: multiply an array of numbers by it first")
        return gives or dtype
    if "i" not in takes:
        raise FenceError(f"{called} of an array of {dtype} is outside what a rule may use")
    return gives or (dtype if all(isinstance(item, int) for item in numbers) else "float")


def _apart(operands: Sequence[Any]) -> tuple[list[Array], list[Any]]:
    """The arrays, and the numbers."""
    return (
        [item for item in operands if isinstance(item, Array)],
        [item for item in operands if not isinstance(item, Array)],
    )


def _stretched(arrays: Sequence[Array]) -> Shape:
    shape: Shape = ()
    for item in arrays:
        shape = results.broadcast(shape, item.shape)
    return shape


ADD = ufunc("add", result="sum", takes="fib", operator=ast.Add, infix=True, commutes=True, neutral=0)
SUBTRACT = ufunc("subtract", result="difference", operator=ast.Sub, infix=True, neutral=0)
MULTIPLY = ufunc("multiply", result="product", takes="fib", operator=ast.Mult, infix=True, commutes=True, neutral=1)
DIVIDE = ufunc("divide", "float", "fib", result="quotient", operator=ast.Div, infix=True, neutral=1)
POWER = ufunc("power", operator=ast.Pow, infix=True, neutral=1)
NEGATIVE = ufunc("negative", operator=ast.USub, infix=True)
COPY = ufunc("positive", result="copy", operations=0, operator=ast.UAdd, lines=("np.copyto({out}, {0})",), in_place=())
"""The values of an array in memory of their own; in place they are there already."""
ABSOLUTE = ufunc("absolute", result="size", takes="fib")
SQUARE, SQRT, RECIPROCAL = ufunc("square"), ufunc("sqrt", "float", result="root"), ufunc("reciprocal", takes="f")
MAXIMUM = ufunc("maximum", takes="fib", commutes=True, result="at_least")
MINIMUM = ufunc("minimum", takes="fib", commutes=True, result="at_most")
LOGICAL_AND = ufunc("logical_and", "bool", operator=ast.BitAnd, commutes=True, result="both")
LOGICAL_OR = ufunc("logical_or", "bool", operator=ast.BitOr, commutes=True, result="either")
ufunc("logical_not", "bool", operator=ast.Invert, result="negated")
GREATER = ufunc("greater", "bool", operator=ast.Gt, result="above")
ufunc("greater_equal", "bool", operator=ast.GtE, result="not_below")
ufunc("less", "bool", operator=ast.Lt, result="below")
ufunc("less_equal", "bool", operator=ast.LtE, result="not_above")
ufunc("equal", "bool", operator=ast.Eq, commutes=True, result="equal")
ufunc("not_equal", "bool", operator=ast.NotEq, commutes=True, result="unequal")
ufunc("floor_divide", operator=ast.FloorDiv)
ufunc("mod", operator=ast.Mod)
ufunc("sign")
ufunc("logaddexp", "float", long=True, commutes=True)
ufunc("arctan2", "float", long=True)
for _name in ("isfinite", "isnan", "signbit"):
    ufunc(_name, "bool")
for _name in ("ceil", "copysign", "floor", "rint", "trunc"):
    ufunc(_name, takes="f")
for _name in (
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "cos", "cosh", "exp", "exp2", "expm1", "log",
    "log10", "log1p", "log2", "sin", "sinh", "tan", "tanh",
):  # fmt: skip
    ufunc(_name, "float", long=True)


def _where(condition: Array, x: Any, y: Any) -> Call:
    for item in (x, y):
        if not isinstance(item, Array | Number | Dim | int | float):
            raise FenceError(f"np.where of {type(item).__name__}")
    if _array("np.where", condition).type.dtype != "bool":
        raise FenceError(f"np.where decides by an array of bool, got {condition.type.dtype}")
    arrays, numbers = _apart((x, y))
    if not arrays and any(isinstance(item, int) for item in numbers):
        raise FenceError("np.where of two whole numbers is outside what a rule may use: write them as 1.0 and 0.0")
    dtype = _dtype(WHERE.name, arrays, numbers) if arrays else "float"
    return Call(WHERE, (ArrayType(_stretched([condition, *arrays]), dtype),), (condition, x, y))


WHERE = _op(
    "np.where",
    _where,
    elementwise=True,
    replaced=2,
    lines=("np.copyto({out}, {2})", "np.copyto({out}, {1}, where={0})"),
    in_place=("np.copyto({out}, {1}, where={0})",),
)


# ------------------------------------------------------------------------------------------------ products, reductions


def _matmul(x1: Array, x2: Array) -> Call:
    left, right = _array("np.matmul", x1), _array("np.matmul", x2)
    if results.promote((left.type.dtype, right.type.dtype)) != "float":
        raise FenceError(f"a product of {left.type.dtype} and {right.type.dtype} is outside what a rule may use")
    op = DOT if len(left.shape) <= 2 and len(right.shape) <= 2 else MATMUL
    return Call(op, (ArrayType(results.contracted(left.shape, right.shape)),), (left, right))


def _dot(a: Array, b: Array) -> Call:
    if len(_array("np.dot", b).shape) > 2:
        raise FenceError("np.dot with a second array of more than two axes is outside what a rule may use")
    return _matmul(a, b)


def _vdot(a: Array, b: Array) -> Call:
    left, right = _array("np.vdot", a), _array("np.vdot", b)
    if {left.type.dtype, right.type.dtype} != {"float"}:
        raise FenceError("np.vdot takes two arrays of numbers")
    if product(left.shape) != product(right.shape):
        raise FenceError(f"cannot multiply {left.shape} by {right.shape}")
    return Call(VDOT, (ArrayType(()),), (left, right))


def _products(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """A multiplication and an addition for each pair of numbers that meet."""
    return 2 * a[-1] * value_of(product(results.contracted(a, b)), {})


DOT = _op("np.dot", _dot, operations=_products, method="dot", result="product")  # a method is quicker
MATMUL = _op("np.matmul", _matmul, operations=_products, result="product")
VDOT = _op("np.vdot", _vdot, operations=lambda a, b: 2 * math.prod(a))


def _reduction(of: Op, result: str, gives: str = "", whole: str = "") -> Op:
    """A ufunc from one number to the next along axes; `gives` is the dtype, or `whole` that for what is no float."""

    def call(array: Array, axis: Any = 0, *, keepdims: bool = False) -> Array | Call:
        axis = tuple(axis) if isinstance(axis, list) else axis
        dtype = _array(op.name, array).type.dtype
        if not isinstance(keepdims, bool):
            raise FenceError(f"{op.name} takes True or False for `keepdims`")
        shape = results.reduced(array.type, axis, keepdims)
        if axis == ():
            return array
        axes = (axis,) if isinstance(axis, int) else axis
        if isinstance(axes, tuple) and len(axes) == 1:
            axis = axes[0]
        result = ArrayType(shape, gives or (whole if whole and dtype != "float" else dtype))
        if axes is not None and all(array.shape[each] == 1 for each in axes) and result.dtype == dtype:
            return _reshape(array, shape)  # there is nothing to reduce
        said = {"axis": axis, "keepdims": True} if keepdims else {"axis": axis}
        return Call(op, (result,), (array,), said)

    name = f"{of.name}.reduce"
    op = _op(name, call, reduces=True, operations=lambda array, **_: math.prod(array), result=result)
    return op


SUM, GREATEST = _reduction(ADD, "total", whole="int64"), _reduction(MAXIMUM, "greatest")
_reduction(MULTIPLY, "whole_product", whole="int64")
_reduction(MINIMUM, "least")
_reduction(LOGICAL_AND, "all", gives="bool")
_reduction(LOGICAL_OR, "any", gives="bool")


def _argmax(a: Array, axis: int) -> Call:
    shape = results.reduced(_array("np.argmax", a).type, results.axis_of(axis, len(a.shape)), False)
    return Call(ARGMAX, (ArrayType(shape, "intp"),), (a,), {"axis": axis})


def _count_nonzero(a: Array) -> Call:
    return Call(COUNT_NONZERO, (ArrayType((), "int64"),), (_array("np.count_nonzero", a),))


ARGMAX = _op(
    "argmax",
    _argmax,
    result="greatest_at",
    filled="{0}.argmax(axis={axis}, out={out})",
    single="{0}.argmax(axis={axis})",
)
COUNT_NONZERO = _op("np.count_nonzero", _count_nonzero)


# --------------------------------------------------------------------------------------------------------------- views


def _reshape(a: Array, shape: Any) -> Call:
    sizes = results.reshaped(_array("np.reshape", a).shape, _sizes(shape))
    return Call(RESHAPE, (ArrayType(sizes, a.type.dtype),), (a,))


def _transpose(a: Array, axes: Any = None) -> Array | Call:
    rank = len(_array("np.transpose", a).shape)
    given = tuple(reversed(range(rank))) if axes is None else tuple(results.axis_of(axis, rank) for axis in axes)
    if sorted(given) != list(range(rank)):
        raise FenceError(f"np.transpose takes each axis of {a.shape} once")
    if given == tuple(range(rank)):
        return a
    shape = tuple(a.shape[axis] for axis in given)
    return Call(TRANSPOSE, (ArrayType(shape, a.type.dtype, contiguous=False),), (a, given))


def _swapaxes(a: Array, axis1: int, axis2: int) -> Array | Call:
    rank = len(_array("np.swapaxes", a).shape)
    axes = list(range(rank))
    one, other = results.axis_of(axis1, rank), results.axis_of(axis2, rank)
    axes[one], axes[other] = axes[other], axes[one]
    return _transpose(a, tuple(axes))


def _broadcast_to(array: Array, shape: Any) -> Call:
    wanted = _sizes(shape)
    if results.broadcast(_array("np.broadcast_to", array).shape, wanted) != wanted:
        raise FenceError(f"cannot broadcast {array.shape} to {wanted}")
    return Call(BROADCAST, (ArrayType(wanted, array.type.dtype, contiguous=False),), (array, wanted))


def _index(a: Array, *items: Any) -> Array | Call:
    """`a[items]`."""
    shape = results.indexed(a.shape, items)
    if shape == a.shape and all(item == slice(None) or item is Ellipsis for item in items):
        return a
    pairs = zip(items, a.shape, strict=False)
    if all(item == slice(None) or (isinstance(item, int) and size == 1) for item, size in pairs):
        return _reshape(a, shape)  # it drops axes with one element: the same elements in order
    kind = ArrayType(shape, a.type.dtype, contiguous=False)
    return Call(INDEX, (kind,), (a, items[0] if len(items) == 1 else items))


def _method(value: ast.expr, name: str, arguments: ast.expr) -> ast.expr:
    assert isinstance(arguments, ast.Tuple)
    return ast.Call(ast.Attribute(value, name, ast.Load()), list(arguments.elts), [])


def reshaped(value: ast.expr, sizes: ast.expr) -> ast.expr:
    """`value.reshape(*sizes)`; a single number has no sizes, but `reshape` needs an argument."""
    none = isinstance(sizes, ast.Tuple) and not sizes.elts
    return _method(value, "reshape", ast.Tuple([sizes], ast.Load()) if none else sizes)


def unshaped(value: ast.expr) -> ast.expr:
    """What a reshape, or several in a row, looks at."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "reshape":
        value = value.func.value
    return value


def _transposed(value: ast.expr, axes: ast.expr) -> ast.expr:
    """`x.transpose(…)`, or `x.T`; two in a row are one, or none."""
    order = tuple(ast.literal_eval(axes))
    match value:
        case ast.Attribute(value=inner, attr="T"):
            value, order = inner, tuple(len(order) - 1 - axis for axis in order)
        case ast.Call(func=ast.Attribute(value=inner, attr="transpose"), args=first):
            before = [ast.literal_eval(axis) for axis in first]
            value, order = inner, tuple(before[axis] for axis in order)
    if order == tuple(range(len(order))):
        return value
    if order == tuple(range(len(order)))[::-1]:
        return ast.Attribute(value, "T", ast.Load())
    return _method(value, "transpose", ast.Tuple([ast.Constant(axis) for axis in order], ast.Load()))


def unturned(value: ast.expr) -> ast.expr:
    """What `x.T` is the transpose of."""
    return value.value if isinstance(value, ast.Attribute) and value.attr == "T" else value


def _broadcasted(value: ast.expr, shape: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(ast.Name("np", ast.Load()), "broadcast_to", ast.Load()), [value, shape], [])


RESHAPE = _op("reshape", _reshape, look=reshaped, plain=True)
TRANSPOSE = _op("transpose", _transpose, look=_transposed)
BROADCAST = _op("broadcast", _broadcast_to, look=_broadcasted)
INDEX = _op("index", _index, look=lambda value, items: ast.Subscript(value, items, ast.Load()))


# ------------------------------------------------------------------------------------------------------------ the rest


def _take(a: Array, indices: Array, *, axis: int, mode: str) -> Call:
    table, ids = _array("np.take", a), _array("np.take", indices)
    if isinstance(axis, bool) or axis != 0 or mode != "clip":
        raise FenceError('np.take(…, axis=0, mode="clip") is all that a rule may use of it')
    if ids.type.dtype not in (*results.WHOLE, *results.SMALL):
        raise FenceError(f"np.take looks up whole numbers, got {ids.type.dtype}")
    kind = ArrayType((*ids.shape, *table.shape[1:]), table.type.dtype)
    return Call(TAKE, (kind,), (table, ids), {"axis": axis, "mode": mode})


def _concatenate(arrays: Any, axis: int = 0) -> Call:
    items = _arrays("np.concatenate", arrays)
    shape = list(items[0].shape)
    axis = results.axis_of(axis, len(shape))
    for item in items[1:]:
        if len(item.shape) != len(shape) or any(
            i != axis and a != b for i, (a, b) in enumerate(zip(shape, item.shape, strict=True))
        ):
            raise FenceError(f"cannot concatenate {items[0].shape} and {item.shape} along axis {axis}")
    shape[axis] = sum((item.shape[axis] for item in items[1:]), start=shape[axis])
    return Call(CONCATENATE, (ArrayType(tuple(shape), _joint(items)),), (items,), {"axis": axis})


def _stack(arrays: Any, axis: int = 0) -> Call:
    items = _arrays("np.stack", arrays)
    shape = list(items[0].shape)
    axis = results.axis_of(axis, len(shape) + 1)
    for item in items[1:]:
        if item.shape != items[0].shape:
            raise FenceError(f"cannot stack {items[0].shape} and {item.shape}")
    shape.insert(axis, len(items))
    return Call(STACK, (ArrayType(tuple(shape), _joint(items)),), (items,), {"axis": axis})


def _joint(items: Sequence[Array]) -> str:
    return results.promote(item.type.dtype for item in items)


def _fill(like: Array, value: float) -> Call:
    return Call(FILL, (ArrayType(like.shape),), (like, value))


def _like(name: str, value: float) -> Callable[[Array], Call]:
    """`np.<name>(a)`, the array of this value in the shape of `a`."""

    def call(a: Array) -> Call:
        if _array(f"np.{name}", a).type.dtype != "float":
            raise FenceError(f"np.{name} of an array of {a.type.dtype} is outside what a rule may use")
        return _fill(a, value)

    return call


def _draw(name: str, result: str) -> Op:
    """An entry for a method of the generator, which draws numbers of a shape."""

    def call(shape: Any) -> Call:
        sizes = _sizes(shape)
        if not all(isinstance(size, int | Dim) and not isinstance(size, bool) for size in sizes):
            raise FenceError(f"{shape!r} is no shape")
        return Call(op, (ArrayType(sizes),), (sizes,))

    drawn = f"{{rng}}.{name.removeprefix('rng.')}(dtype={{buffers}}.dtype"
    single = f"{drawn}, size=())"
    op = _op(name, call, result=result, filled=f"{drawn}, out={{out}})", single=single, draws=True)
    return op


def _astype(a: Array, dtype: str) -> Array | Call:
    """`a.astype(dtype)`; itself where it has that dtype already."""
    if dtype not in DTYPES:
        raise FenceError(f"the dtype {dtype!r} is outside what a rule may use: {', '.join(DTYPES)}")
    if _array("astype", a).type.dtype == dtype:
        return a
    return Call(CAST[dtype], (ArrayType(a.shape, dtype),), (a,))


def _cast(dtype: str) -> Op:
    """An entry for making numbers of another dtype of an array."""
    text = "{buffers}.dtype" if dtype == "float" else DTYPES[dtype].text
    lines = ("np.copyto({out}, {0})",) if dtype == "float" else ("np.copyto({out}, {0}, casting='unsafe')",)
    if dtype == "bool":
        lines = ("np.not_equal({0}, 0, out={out})",)
    return _op(f"as_{dtype}", _no_call, lines=lines, single=f"{{0}}.astype({text})")


TAKE = _op("np.take", _take, room=lambda a, indices, **_: 8 * math.prod(indices))  # it makes indices of ids
CONCATENATE = _op("np.concatenate", _concatenate, result="joined")
STACK = _op("np.stack", _stack, result="stacked")
FILL = _op("fill", _fill, lines=("{out}.fill({1})",))
FULL = _op("full", _no_call, lines=("{out}.fill({0})",), single="{0}")
"""An array of one number, which lowering alone writes."""
CAST = {dtype: _cast(dtype) for dtype in DTYPES}
RANDOM, NORMAL = _draw("rng.random", "random"), _draw("rng.standard_normal", "normal")


WHOLE = _op(
    "over_slices",
    _no_call,
    elementwise=True,
    lines=("np.copyto({out}, {0})", "over_slices({buffers}, {out})"),
    in_place=("over_slices({buffers}, {out})",),
    single="over_slices({buffers}, {0})",
)
"""The sum over all slices of a batch, which the pass `slices` alone writes."""
PUT = _op("put", _no_call)
"""`array[index] = value`, which lowering alone writes."""
LOOP = _op("loop", _no_call)
"""What a loop over steps reads, which lowering alone writes; what it does stands on the statement."""
FORMULA = Op("", _no_call)
"""What is no operation on arrays: arithmetic of Python numbers, `float(np.add.reduce(losses)) / b.batch`."""


def _array(called: str, value: Any) -> Array:
    if not isinstance(value, Array):
        raise FenceError(f"{called} takes arrays of the model, got {type(value).__name__}")
    return value


def _arrays(called: str, value: Any) -> tuple[Array, ...]:
    if not isinstance(value, tuple | list) or not value:
        raise FenceError(f"{called} takes a tuple of arrays")
    return tuple(_array(called, item) for item in value)


def _sizes(shape: Any) -> tuple[Size, ...]:
    """A shape as NumPy takes it: one size, or a tuple of them."""
    return tuple(shape) if isinstance(shape, tuple | list) else (shape,)


# ---------------------------------------------------------------------------------------- what else says them in a rule


def _copy(a: Array) -> Call:
    return Call(COPY, (ArrayType(_array("np.copy", a).shape, a.type.dtype),), (a,))


def _positive(x: Any, /) -> Array:
    COPY.call(x)  # which refuses what is no array of numbers
    return x  # type: ignore[no-any-return]  # so it is an Array


def _power(base: Any, exponent: Any) -> Array | Call:
    """`base ** exponent`, by the function that is quicker where there is one."""
    known = isinstance(exponent, int | float) and not isinstance(exponent, bool)
    if isinstance(base, Array) and base.type.dtype == "float" and known and exponent in _POWERS:
        return _POWERS[exponent].call(base)
    return POWER.call(base, exponent)


_POWERS = {2: SQUARE, 0.5: SQRT, -1: RECIPROCAL}


def _times(left: Any, right: Any) -> Array | Call:
    """`left * right`; by -1 it is `-left`."""
    for array, other in ((left, right), (right, left)):
        if isinstance(other, int | float) and other == -1 and array.type.dtype == "float":
            return NEGATIVE.call(array)
    return MULTIPLY.call(left, right)


def _joining(op: Op) -> Callable[..., Array | Call]:
    """An operator that has another meaning for whole numbers, and is for arrays of bool alone."""

    def call(*operands: Any) -> Array | Call:
        if any(not isinstance(item, Array) or item.type.dtype != "bool" for item in operands):
            raise FenceError("`&`, `|` and `~` join arrays of bool alone")
        return op.call(*operands)

    return call


SPELLINGS: dict[str, Callable[..., Array | Call]] = {
    "abs": ABSOLUTE.call,
    "argmax": _argmax,
    "astype": _astype,
    "broadcast_to": _broadcast_to,
    "conj": _copy,
    "copy": _copy,
    "ones_like": _like("ones_like", 1.0),
    "positive": _positive,
    "reshape": _reshape,
    "swapaxes": _swapaxes,
    "transpose": _transpose,
    "true_divide": DIVIDE.call,
    "zeros_like": _like("zeros_like", 0.0),
}
"""What a rule may call besides the operations of the same name."""
SPREAD = ("reshape", "transpose")
"""Those that take what stands in a tuple one by one too, as methods: `x.reshape(2, 3)`."""
OPERATORS: dict[type[ast.AST], Callable[..., Array | Call]] = {
    **{op.operator: op.call for op in TABLE.values() if op.operator is not None},
    **{op.operator: _joining(op) for op in TABLE.values() if op.operator in (ast.BitAnd, ast.BitOr, ast.Invert)},
    ast.MatMult: _matmul,
    ast.Mult: _times,
    ast.Pow: _power,
    ast.UAdd: _positive,
}
"""What the operators of Python mean, where an operand is an array."""


# -------------------------------------------------------------------------------------------------------------- kernels


@lru_cache(maxsize=1024)
def _of_kernel(kernel: Kernel) -> Op:
    """A kernel as an operation."""

    def call(*arguments: Any, **options: Any) -> Call:
        if kernel.fills and "out" in options:
            raise FenceError(f"where {op.name} puts its result is decided when a file is written")
        shape = kernel.shape(*map(_shape_of, arguments), **{key: _shape_of(item) for key, item in options.items()})
        shapes = shape if isinstance(shape, list) else [shape]
        dtype = arguments[0].type.dtype if kernel.dtype == "first" else kernel.dtype
        types = tuple(ArrayType(tuple(each), dtype) for each in shapes)
        return Call(op, types, *_given(kernel.function, arguments, options), several=shapes is shape)

    allocates = not kernel.fills and kernel.dtype != "rows"
    op = Op(
        kernel.function.__name__,
        call,
        overwrites=kernel.overwrites,
        allocates=allocates,
        room=kernel.room,
        operations=1 if kernel.operations is None else kernel.operations,
        lines=("{out}[...] = {call}",) if allocates else (),
        function=kernel.function,
        by_row=kernel.by_row,
        serial=kernel.serial,
        by_shape=kernel.by_shape,
        linear=kernel.linear,
        result=kernel.function.__name__,
    )
    return op


def _shape_of(item: Any) -> Any:
    """What the shape of a kernel's result is computed from: the shapes of arrays, and other arguments as they are."""
    if isinstance(item, tuple | list):
        return tuple(map(_shape_of, item))
    return item.shape if isinstance(item, Array) else item


def _given(
    function: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The operands and options of a kernel's call: what is at its default is left out, what follows has its name."""
    signature = inspect.signature(function)
    bound = signature.bind(*arguments, **options)
    operands: list[Any] = []
    named: dict[str, Any] = {}
    left_out = False
    for name, parameter in signature.parameters.items():
        item = bound.arguments.get(name, parameter.default)
        if item is parameter.default or (not holds_data(item) and item == parameter.default):
            left_out = True
        elif left_out or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named[name] = item
        else:
            operands.append(item)
    return tuple(operands), named


def holds_data(value: Any) -> bool:
    """Whether a value is known only when the generated file runs, or something in it is."""
    if isinstance(value, Mapping):
        return any(map(holds_data, value.values()))
    if isinstance(value, tuple | list):
        return any(map(holds_data, value))
    return isinstance(value, Array | Number | Generator)
