"""The functions of NumPy that a rule may call, as they are inlined.

Each has the name and the parameters of NumPy's own, with what the compiler makes use of and nothing else: an option
that is not in the signature here is refused by it.  Where a default of NumPy is not supported, the parameter has none.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gen.dims import Dim, Shape, product
from gen.program.ir import NUMBER, ArrayType, literal, operation
from gen.program.lower import fence
from gen.program.lower.builder import Array, Builder, Number, operand_of
from gen.program.lower.fence import FenceError


def call_function(build: Builder, name: str, arguments: Sequence[Any], options: dict[str, Any]) -> Array:
    """The result of `np.<name>(*arguments, **options)`; raises `FenceError` for what is outside the fence."""
    if name in fence.UFUNCS:
        if options or len(arguments) != getattr(np, name).nin:
            others = f" with {', '.join(options)}" if options else f" of {len(arguments)} arguments"
            raise FenceError(f"np.{name}{others} is outside what a rule may use")
        return ufunc(build, name, *arguments)
    function = FUNCTIONS.get(name)
    if function is None:
        raise FenceError(f"np.{name} is outside what a rule may use")
    bound = _bound(f"np.{name}", function, arguments, options)
    return function(build, *bound.args, **bound.kwargs)


def _bound(
    called: str, function: Callable[..., Array], arguments: Sequence[Any], options: dict[str, Any]
) -> inspect.BoundArguments:
    """The arguments by the parameters that they are for; each must be for one."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    signature = inspect.Signature(parameters)
    try:
        bound = signature.bind(*arguments, **options)
    except TypeError as problem:
        said = ", ".join(map(str, signature.parameters))
        raise FenceError(f"{called}({said}) is all that a rule may use of it: {problem}") from None
    bound.apply_defaults()
    return bound


# --------------------------------------------------------------------------------------------------- number by number


def ufunc(build: Builder, name: str, *operands: Any) -> Array:
    """A ufunc on arrays and numbers, where its result has the dtype that NumPy gives it."""
    for item in operands:
        if not isinstance(item, Array | Number | int | float):
            raise FenceError(f"np.{name} of {type(item).__name__}")
    arrays = [item for item in operands if isinstance(item, Array)]
    if not arrays:
        raise FenceError(f"np.{name} of numbers that are known only when the file runs is outside what a rule may use")
    if _grows(name, arrays, [item for item in operands if not isinstance(item, Array)]):
        shape = fence.elementwise(name, [item.type if isinstance(item, Array) else NUMBER for item in operands]).shape
        return build.emit(operation(f"np.{name}", *map(operand_of, operands)), ArrayType(shape))
    return build.call(name, *operands)


def _grows(name: str, arrays: Sequence[Array], numbers: Sequence[Number | float]) -> bool:
    """Whether whole numbers become floats by a number beside them, as in `ids * 0.5`.

    Arithmetic of integers or truths whose result has yet another dtype is refused.
    """
    dtype = fence.promote([item.type.dtype for item in arrays])
    if dtype == "float" or name in fence.BOOLEAN_UFUNCS:
        return False
    what = f"np.{name} of an array of {dtype}"
    if dtype == "bool":
        if numbers or name not in fence.BOOL_ARITHMETIC:
            raise FenceError(f"{what} is outside what a rule may use: multiply an array of numbers by it first")
        return False
    if name in fence.FLOAT_UFUNCS:
        return False
    if name not in fence.WHOLE_ARITHMETIC:
        raise FenceError(f"{what} is outside what a rule may use")
    return any(not isinstance(item, int) for item in numbers)


def power(build: Builder, base: Any, exponent: Any) -> Array:
    """`base ** exponent`, by the function that is quicker where there is one."""
    by_name = {2: "square", 0.5: "sqrt", -1: "reciprocal"}
    known = isinstance(exponent, int | float) and not isinstance(exponent, bool)
    if isinstance(base, Array) and base.type.dtype == "float" and known and exponent in by_name:
        return ufunc(build, by_name[exponent], base)
    return ufunc(build, "power", base, exponent)


# ------------------------------------------------------------------------------------------------ products, reductions


def matmul(build: Builder, x1: Array, x2: Array) -> Array:
    left, right = _array("matmul", x1), _array("matmul", x2)
    if fence.promote((left.type.dtype, right.type.dtype)) != "float":
        raise FenceError(f"a product of {left.type.dtype} and {right.type.dtype} is outside what a rule may use")
    shape = fence.contracted(left.type, right.type)
    function = "np.dot" if len(left.shape) <= 2 and len(right.shape) <= 2 else "np.matmul"
    return build.emit(operation(function, left.name, right.name), ArrayType(shape))


def dot(build: Builder, a: Array, b: Array) -> Array:
    if len(_array("dot", b).shape) > 2:
        raise FenceError("np.dot with a second array of more than two axes is outside what a rule may use")
    return matmul(build, a, b)


def vdot(build: Builder, a: Array, b: Array) -> Array:
    left, right = _array("vdot", a), _array("vdot", b)
    if {left.type.dtype, right.type.dtype} != {"float"}:
        raise FenceError("np.vdot takes two arrays of numbers")
    if product(left.shape) != product(right.shape):
        raise FenceError(f"cannot multiply {left.shape} by {right.shape}")
    return build.emit(operation("np.vdot", left.name, right.name), ArrayType(()))


def reduce(build: Builder, name: str, arguments: Sequence[Any], options: dict[str, Any]) -> Array:
    """`np.<name>.reduce(…)`."""
    called = f"np.{name}.reduce"
    if name not in fence.REDUCTIONS:
        raise FenceError(f"{called} is outside what a rule may use")

    def parameters(build: Builder, array: Array, axis: Any = 0, *, keepdims: bool = False) -> Array:
        raise NotImplementedError

    array, axis, keepdims = _bound(called, parameters, arguments, options).arguments.values()
    array, axis = _array(called, array), tuple(axis) if isinstance(axis, list) else axis
    if not isinstance(keepdims, bool):
        raise FenceError(f"{called} takes True or False for `keepdims`")
    shape = fence.reduced(array.type, axis, keepdims)
    if axis == ():
        return array
    axes = (axis,) if isinstance(axis, int) else axis
    if isinstance(axes, tuple) and len(axes) == 1:
        axis = axes[0]
    alone = axes is not None and all(array.shape[each] == 1 for each in axes)
    if alone and name in ("add", "maximum", "minimum") and array.type.dtype == "float":
        return build.reshape(array, shape)  # there is nothing to reduce
    said: dict[str, Any] = {"axis": axis}
    if keepdims:
        said["keepdims"] = True
    dtype = array.type.dtype
    if name.startswith("logical"):
        dtype = "bool"
    elif name in ("add", "multiply") and dtype != "float":
        dtype = "int64"
    return build.emit(operation(called, array.name, **said), ArrayType(shape, dtype))


def argmax(build: Builder, a: Array, axis: int) -> Array:
    shape = fence.reduced(_array("argmax", a).type, fence.axis_of(axis, len(a.shape)), False)
    return build.emit(operation("argmax", a.name, axis=axis), ArrayType(shape, "intp"))


# --------------------------------------------------------------------------------------------------- other looks at it


def reshape(build: Builder, a: Array, shape: Any) -> Array:
    wanted = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    return build.reshape(_array("reshape", a), fence.reshaped(a.shape, wanted))


def transpose(build: Builder, a: Array, axes: Any = None) -> Array:
    rank = len(_array("transpose", a).shape)
    given = tuple(reversed(range(rank))) if axes is None else tuple(fence.axis_of(axis, rank) for axis in axes)
    if sorted(given) != list(range(rank)):
        raise FenceError(f"np.transpose takes each axis of {a.shape} once")
    if given == tuple(range(rank)):
        return a
    shape = tuple(a.shape[axis] for axis in given)
    return build.view("transpose", a, given, shape=shape, contiguous=False)


def swapaxes(build: Builder, a: Array, axis1: int, axis2: int) -> Array:
    rank = len(_array("swapaxes", a).shape)
    axes = list(range(rank))
    one, other = fence.axis_of(axis1, rank), fence.axis_of(axis2, rank)
    axes[one], axes[other] = axes[other], axes[one]
    return transpose(build, a, tuple(axes))


def broadcast_to(build: Builder, array: Array, shape: Any) -> Array:
    wanted = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if fence.broadcast(_array("broadcast_to", array).shape, wanted) != wanted:
        raise FenceError(f"cannot broadcast {array.shape} to {wanted}")
    return build.view("broadcast", array, wanted, shape=wanted, contiguous=False)


# ------------------------------------------------------------------------------------------------------------ the rest


def where(build: Builder, condition: Array, x: Any, y: Any) -> Array:
    for item in (x, y):
        if not isinstance(item, Array | Number | int | float):
            raise FenceError(f"np.where of {type(item).__name__}")
    if _array("where", condition).type.dtype != "bool":
        raise FenceError(f"np.where decides by an array of bool, got {condition.type.dtype}")
    types = [item.type if isinstance(item, Array) else NUMBER for item in (condition, x, y)]
    arrays = [item for item in (x, y) if isinstance(item, Array)]
    numbers = [item for item in (x, y) if not isinstance(item, Array)]
    if not arrays and not all(isinstance(item, float | Number) for item in numbers):
        raise FenceError("np.where of two whole numbers is outside what a rule may use: write them as 1.0 and 0.0")
    floats = not arrays or _grows("maximum", arrays, numbers)
    dtype = "float" if floats else fence.promote([kind.dtype for kind in types[1:]])
    shape = fence.elementwise("add", types).shape
    return build.emit(operation("np.where", *map(operand_of, (condition, x, y))), ArrayType(shape, dtype))


def take(build: Builder, a: Array, indices: Array, *, axis: int, mode: str) -> Array:
    table, ids = _array("take", a), _array("take", indices)
    if isinstance(axis, bool) or axis != 0 or mode != "clip":
        raise FenceError('np.take(…, axis=0, mode="clip") is all that a rule may use of it')
    if ids.type.dtype not in fence.WHOLE:
        raise FenceError(f"np.take looks up whole numbers, got {ids.type.dtype}")
    taken = operation("np.take", table.name, ids.name, axis=0, mode=ast.Constant("clip"))
    return build.emit(taken, ArrayType((*ids.shape, *table.shape[1:]), table.type.dtype))


def concatenate(build: Builder, arrays: Any, axis: int = 0) -> Array:
    items = _arrays("concatenate", arrays)
    shape = list(items[0].shape)
    axis = fence.axis_of(axis, len(shape))
    for item in items[1:]:
        if len(item.shape) != len(shape) or any(
            i != axis and a != b for i, (a, b) in enumerate(zip(shape, item.shape, strict=True))
        ):
            raise FenceError(f"cannot concatenate {items[0].shape} and {item.shape} along axis {axis}")
    shape[axis] = sum((item.shape[axis] for item in items[1:]), start=shape[axis])
    return _joined(build, "concatenate", items, axis, tuple(shape))


def stack(build: Builder, arrays: Any, axis: int = 0) -> Array:
    items = _arrays("stack", arrays)
    shape = list(items[0].shape)
    axis = fence.axis_of(axis, len(shape) + 1)
    for item in items[1:]:
        if item.shape != items[0].shape:
            raise FenceError(f"cannot stack {items[0].shape} and {item.shape}")
    shape.insert(axis, len(items))
    return _joined(build, "stack", items, axis, tuple(shape))


def _joined(build: Builder, name: str, items: Sequence[Array], axis: int, shape: Shape) -> Array:
    dtype = fence.promote([item.type.dtype for item in items])
    names = literal(tuple(ast.Name(item.name, ast.Load()) for item in items))
    return build.emit(operation(f"np.{name}", names, axis=axis), ArrayType(shape, dtype))


def zeros_like(build: Builder, a: Array) -> Array:
    return _filled(build, "zeros_like", a, 0.0)


def ones_like(build: Builder, a: Array) -> Array:
    return _filled(build, "ones_like", a, 1.0)


def _filled(build: Builder, name: str, a: Array, value: float) -> Array:
    if _array(name, a).type.dtype != "float":
        raise FenceError(f"np.{name} of an array of {a.type.dtype} is outside what a rule may use")
    return build.emit(operation("fill", a.name, value), ArrayType(a.shape))


def copy(build: Builder, a: Array) -> Array:
    return build.copy(_array("copy", a))


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "conj": copy,
    "abs": lambda build, x: ufunc(build, "absolute", x),
    "true_divide": lambda build, x1, x2: ufunc(build, "divide", x1, x2),
    **{
        function.__name__: function
        for function in (argmax, broadcast_to, concatenate, copy, dot, matmul, ones_like, reshape, stack, swapaxes)
    },
    **{function.__name__: function for function in (take, transpose, vdot, where, zeros_like)},
}


def _array(called: str, value: Any) -> Array:
    if not isinstance(value, Array):
        name = called if called.startswith("np.") else f"np.{called}"
        raise FenceError(f"{name} takes arrays of the model, got {type(value).__name__}")
    return value


def _arrays(called: str, value: Any) -> list[Array]:
    if not isinstance(value, tuple | list) or not value:
        raise FenceError(f"np.{called} takes a tuple of arrays")
    return [_array(called, item) for item in value]


def sizes_of(value: Any) -> Shape:
    """A shape as NumPy takes it: one size, or a tuple of them."""
    sizes = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not all(isinstance(size, int | Dim) and not isinstance(size, bool) for size in sizes):
        raise FenceError(f"{value!r} is no shape")
    return sizes
