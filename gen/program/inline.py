"""Inlining: runs the source of a rule on variables instead of arrays, and writes down what it does.

An abstract interpreter over the rule's `ast`.  Fields of the component, ranks, shapes and Python numbers are known and
are computed on the spot; `if` and `for` over them disappear.  What happens to arrays becomes statements, one operation
each, and the rule's own local names become the names of the variables.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from gen.components.base import Component
from gen.components.kernels import kernels
from gen.dims import Dim, Shape, product
from gen.program import fence
from gen.program.builder import Array, Builder, Generator, Number, operand_of
from gen.program.fence import FenceError
from gen.program.ir import NUMBER, ArrayType, literal, operation
from gen.program.numbers import SYMBOLS, arithmetic, as_number, number_operand
from gen.program.rules import definition, names_in


@dataclass(frozen=True)
class _Method:
    """`x.reshape`, `rng.random`, `np.add.reduce`: a method that is about to be called on `owner`."""

    owner: Any
    name: str


@dataclass(frozen=True)
class Outcome:
    """What came of running a rule: its result, its local names, and the names that the result was returned under."""

    result: Any
    names: dict[str, Any]
    returned: tuple[str, ...]

    def by_name(self) -> dict[str, Any]:
        """The results by the names in the `return`; a result that was returned without a name has the name `""`."""
        results = self.result if isinstance(self.result, tuple) and len(self.returned) > 1 else (self.result,)
        return dict(zip(self.returned, results, strict=True))


def run(
    builder: Builder, function: FunctionType, bindings: Mapping[str, Any], rename: Callable[[str], str | None]
) -> Outcome:
    """Inline one call of `function`.

    `bindings` gives every parameter, `self` too; `rename` makes a name of the generated code from a local name.
    Raises `FenceError`, pointing at the line, for what a rule may not say.
    """
    frame = _Frame(builder, function, dict(bindings), rename)
    outer, builder.place = builder.place, function.__qualname__
    try:
        result = frame.body(definition(function).body)
    finally:
        builder.place = outer
    return Outcome(None if result is _NOTHING else result, frame.names, frame.returned)


_NOTHING = object()
_OPERATORS: dict[type[ast.AST], tuple[Callable[..., Any], str]] = {
    ast.Add: (operator.add, "add"),
    ast.Sub: (operator.sub, "subtract"),
    ast.Mult: (operator.mul, "multiply"),
    ast.Div: (operator.truediv, "divide"),
    ast.FloorDiv: (operator.floordiv, "floor_divide"),
    ast.Mod: (operator.mod, "mod"),
    ast.Pow: (operator.pow, "power"),
    ast.MatMult: (operator.matmul, "dot"),
    ast.USub: (operator.neg, "negative"),
    ast.UAdd: (operator.pos, "positive"),
    ast.Not: (operator.not_, "logical_not"),
    ast.BitAnd: (operator.and_, "logical_and"),
    ast.BitOr: (operator.or_, "logical_or"),
    ast.Invert: (operator.invert, "logical_not"),
    ast.Eq: (operator.eq, "equal"),
    ast.NotEq: (operator.ne, "not_equal"),
    ast.Lt: (operator.lt, "less"),
    ast.LtE: (operator.le, "less_equal"),
    ast.Gt: (operator.gt, "greater"),
    ast.GtE: (operator.ge, "greater_equal"),
    ast.Is: (operator.is_, ""),
    ast.IsNot: (operator.is_not, ""),
    ast.In: (lambda a, b: a in b, ""),
    ast.NotIn: (lambda a, b: a not in b, ""),
}
_BUILTINS = {
    name: getattr(builtins, name)
    for name in ("abs", "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "max", "min", "range",
                 "reversed", "round", "set", "slice", "sorted", "sum", "tuple", "zip", "all", "any", "getattr", "type")
}  # fmt: skip


class _Frame:
    """One running call: its local names and where its source is."""

    def __init__(
        self, builder: Builder, function: FunctionType, names: dict[str, Any], rename: Callable[[str], str | None]
    ) -> None:
        self.builder, self.function, self.names, self.rename = builder, function, names, rename
        self.returned: tuple[str, ...] = ()

    def refuse(self, node: ast.AST, why: str) -> FenceError:
        place = f"{self.function.__code__.co_filename}:{getattr(node, 'lineno', 0)}"
        return FenceError(f"{self.function.__qualname__}: {why}", place)

    # ------------------------------------------------------------------------------------------------ statements

    def body(self, statements: Sequence[ast.stmt]) -> Any:
        for statement in statements:
            result = self.statement(statement)
            if result is not _NOTHING:
                return result
        return _NOTHING

    def statement(self, node: ast.stmt) -> Any:
        match node:
            case ast.Return(value=value):
                self.returned = names_in(value)
                return None if value is None else self.value(value)
            case ast.Assign(targets=[target], value=value):
                self.assign(target, self.value(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value))
            case ast.If(test=test, body=body, orelse=orelse):
                return self.body(body if self.known(test) else orelse)
            case ast.For(target=target, iter=iterable, body=body, orelse=[]):
                for item in self.known_items(iterable):
                    self.assign(target, item)
                    result = self.body(body)
                    if result is not _NOTHING:
                        return result
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Assert():
                pass
            case _:
                raise self.refuse(node, f"a rule may not contain `{ast.unparse(node).splitlines()[0]}`")
        return _NOTHING

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Tuple):
            for item, part in zip(target.elts, value, strict=True):
                self.assign(item, part)
            return
        if not isinstance(target, ast.Name):
            raise self.refuse(target, "a rule binds names only; the compiler works in place")
        if isinstance(value, Array):
            self.builder.name(value, self.rename(target.id))
        elif isinstance(value, Number) and not isinstance(value.value, ast.Name | ast.Constant):
            name = self.builder.number(self.builder.unique(self.rename(target.id) or target.id), value.value)
            value = Number(ast.Name(name, ast.Load()))
        self.names[target.id] = value

    def known(self, node: ast.expr) -> Any:
        value = self.value(node)
        if isinstance(value, Array | Number):
            raise self.refuse(node, "a rule decides by what is known when it is compiled, not by data")
        return value

    def known_items(self, node: ast.expr) -> Iterable[Any]:
        items = self.known(node)
        if isinstance(items, Iterable):
            return items
        raise self.refuse(node, "this is not something to loop over")

    # ----------------------------------------------------------------------------------------------- expressions

    def value(self, node: ast.expr) -> Any:
        try:
            return self._value(node)
        except FenceError as error:
            if error.place:
                raise
            raise self.refuse(node, str(error)) from None

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.lookup(node, name)
            case ast.BinOp(left=left, op=op, right=right):
                return self.operate(node, op, self.value(left), self.value(right))
            case ast.UnaryOp(op=op, operand=operand):
                return self.operate(node, op, self.value(operand))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.operate(node, op, self.value(left), self.value(right))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                values = [self.known(item) for item in (left, *comparators)]
                return all(_OPERATORS[type(op)][0](a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
            case ast.BoolOp(op=op, values=values):
                return self.boolean(op, values)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.known(test) else orelse)
            case ast.Tuple(elts=items):
                return tuple(self.items(items))
            case ast.List(elts=items):
                return list(self.items(items))
            case ast.Dict(keys=keys, values=values):
                return {self.value(k): self.value(v) for k, v in zip(keys, values, strict=True) if k is not None}
            case ast.Attribute(value=owner, attr=name):
                return self.attribute(node, self.value(owner), name)
            case ast.Subscript(value=owner, slice=index):
                return self.subscript(node, self.value(owner), self.value(index))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if part is None else self.value(part) for part in (lower, upper, step)))
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self.comprehension(node.elt, node.generators)
            case ast.Call(func=function, args=arguments, keywords=keywords):
                options = {item.arg: self.value(item.value) for item in keywords if item.arg}
                return self.call(node, self.value(function), list(self.items(arguments)), options)
        raise self.refuse(node, f"a rule may not contain `{ast.unparse(node)}`")

    def items(self, nodes: Sequence[ast.expr]) -> Iterable[Any]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                yield from self.known_items(node.value)
            else:
                yield self.value(node)

    def lookup(self, node: ast.expr, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if name in self.function.__globals__:
            return self.function.__globals__[name]
        closure = inspect.getclosurevars(self.function).nonlocals
        if name in closure:
            return closure[name]
        if name in _BUILTINS:
            return _BUILTINS[name]
        raise self.refuse(node, f"the name `{name}` is not known here")

    def boolean(self, op: ast.boolop, nodes: Sequence[ast.expr]) -> Any:
        value: Any = isinstance(op, ast.And)
        for node in nodes:
            value = self.known(node)
            if bool(value) != isinstance(op, ast.And):
                return value
        return value

    def comprehension(self, element: ast.expr, generators: Sequence[ast.comprehension]) -> list[Any]:
        if not generators:
            return [self.value(element)]
        first, *rest = generators
        result: list[Any] = []
        for item in self.known_items(first.iter):
            self.assign(first.target, item)
            if all(self.known(test) for test in first.ifs):
                result += self.comprehension(element, rest)
        return result

    def operate(self, node: ast.expr, op: ast.AST, *operands: Any) -> Any:
        function, name = _OPERATORS[type(op)]
        if name == "" or not any(isinstance(item, Array | Number) for item in operands):
            if isinstance(op, ast.Div) and any(isinstance(item, Dim) for item in operands):
                return arithmetic("/", *operands)
            if any(isinstance(item, Dim) for item in operands) and any(isinstance(item, float) for item in operands):
                return arithmetic(SYMBOLS[type(op)], *operands)
            if isinstance(op, ast.Pow) and any(isinstance(item, Dim) for item in operands):
                return arithmetic("**", *operands)
            return function(*operands)
        if not any(isinstance(item, Array) for item in operands):
            if len(operands) == 1:
                return Number(ast.UnaryOp(ast.USub(), operands[0].value))
            return arithmetic(SYMBOLS[type(op)], *operands)
        operands = tuple(as_number(item) if isinstance(item, Dim) else item for item in operands)
        if name == "dot":
            return self.product(*operands)
        if name == "power":
            return self.power(*operands)
        if name == "multiply" and any(isinstance(item, int | float) and item == -1 for item in operands):
            return self.builder.call("negative", next(item for item in operands if isinstance(item, Array)))
        return self.builder.call(name, *operands)

    def power(self, base: Any, exponent: Any) -> Array:
        by_name = {2: "square", 0.5: "sqrt", -1: "reciprocal"}
        if isinstance(base, Array) and isinstance(exponent, int | float) and exponent in by_name:
            return self.builder.call(by_name[exponent], base)
        return self.builder.call("power", base, exponent)

    def product(self, left: Array, right: Array) -> Array:
        shape = fence.contracted(left.type, right.type)
        function = "np.dot" if len(left.shape) <= 2 and len(right.shape) <= 2 else "np.matmul"
        return self.builder.emit(operation(function, left.name, right.name), ArrayType(shape))

    # ---------------------------------------------------------------------------------- attributes, indices, calls

    def attribute(self, node: ast.expr, owner: Any, name: str) -> Any:
        if isinstance(owner, Array):
            if name in ("shape", "ndim", "size", "dtype"):
                known = {"shape": owner.shape, "ndim": len(owner.shape), "size": product(owner.shape)}
                return known.get(name, owner.type.dtype)
            if name == "T":
                return self.transpose(owner, tuple(reversed(range(len(owner.shape)))))
            return _Method(owner, name)
        if isinstance(owner, Generator) or (isinstance(owner, np.ufunc) and name in ("reduce", "at")):
            return _Method(owner, name)
        return getattr(owner, name)

    def subscript(self, node: ast.expr, owner: Any, index: Any) -> Any:
        if not isinstance(owner, Array):
            return owner[index]
        items = index if isinstance(index, tuple) else (index,)
        shape = fence.indexed(owner.shape, items)
        if shape == owner.shape and all(item == slice(None) or item is Ellipsis for item in items):
            return owner
        if _drops_ones_only(owner.shape, items):
            return self.builder.reshape(owner, shape)
        return self.builder.view("index", owner, _index(items), shape=shape, contiguous=False)

    def transpose(self, array: Array, axes: tuple[int, ...]) -> Array:
        axes = tuple(axis % len(axes) for axis in axes)
        if axes == tuple(range(len(axes))):
            return array
        shape = tuple(array.shape[axis] for axis in axes)
        return self.builder.view("transpose", array, axes, shape=shape, contiguous=False)

    def call(self, node: ast.expr, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        if isinstance(function, _Method):
            return self.method(node, function, arguments, options)
        dynamic = any(_holds_data(item) for item in (*arguments, *options.values()))
        if isinstance(function, MethodType) and isinstance(function.__self__, Component) and dynamic:
            return self.inline(function.__func__, [function.__self__, *arguments], options)
        if isinstance(function, FunctionType) and dynamic and _is_kernel(function):
            return self.kernel(function, arguments, options)
        if isinstance(function, FunctionType) and dynamic:
            if function.__module__.partition(".")[0] == "numpy" or getattr(np, function.__name__, None) is function:
                return self.numpy(node, function.__name__, arguments, options)
            return self.inline(function, arguments, options)
        if not dynamic or function in (len, zip, enumerate, tuple, list, reversed, isinstance, range, slice):
            return function(*arguments, **options)
        if getattr(function, "__module__", "") == "math":
            return Number(operation(f"math.{function.__name__}", *map(number_operand, arguments)))
        if function in (float, int, abs, max, min) and not any(isinstance(item, Array) for item in arguments):
            return Number(operation(function.__name__, *map(number_operand, arguments)))
        name = getattr(function, "__name__", "")
        if getattr(np, name, None) is function:
            return self.numpy(node, name, arguments, options)
        raise self.refuse(node, f"`{ast.unparse(node)}` is outside what a rule may use")

    def inline(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        bound = inspect.signature(function).bind(*arguments, **options)
        bound.apply_defaults()
        return run(self.builder, function, bound.arguments, self.rename).result

    def kernel(self, function: FunctionType, arguments: list[Any], options: dict[str, Any]) -> Any:
        kernel = kernels[function.__name__]
        self.builder.kernels[function.__name__] = function
        shape = kernel.shape(*map(_shape_of, arguments), **{key: _shape_of(item) for key, item in options.items()})
        value = _call_of(function, arguments, options)
        if isinstance(shape, list):
            return self.builder.emit_several(value, [ArrayType(tuple(each), kernel.dtype) for each in shape])
        return self.builder.emit(value, ArrayType(tuple(shape), kernel.dtype))

    def method(self, node: ast.expr, method: _Method, arguments: list[Any], options: dict[str, Any]) -> Any:
        owner, name = method.owner, method.name
        if isinstance(owner, np.ufunc):
            return self.reduce(owner.__name__, *arguments, **options)
        if isinstance(owner, Generator):
            if name != "random":
                raise self.refuse(node, f"a rule draws with rng.random alone, not rng.{name}")
            return self.builder.emit(operation("rng.random", arguments[0]), ArrayType(tuple(arguments[0])))
        if name in ("reshape", "transpose"):
            given = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], tuple | list) else arguments
            return self.numpy(node, name, [owner, tuple(given)], options)
        if name in ("sum", "max", "min", "mean"):
            raise self.refuse(node, f"write np.add.reduce or np.maximum.reduce: `.{name}` is a slow wrapper")
        return self.numpy(node, name, [owner, *arguments], options)

    def reduce(self, name: str, array: Array, axis: Any = 0, keepdims: bool = False, **others: Any) -> Array:
        if others or name not in fence.REDUCTIONS:
            raise FenceError(
                f"np.{name}.reduce with {', '.join(others) or 'this ufunc'} is outside what a rule may use"
            )
        axis = tuple(axis) if isinstance(axis, list | tuple) else axis
        shape = fence.reduced(array.type, axis, keepdims)
        if axis == ():
            return array
        axes = (axis,) if isinstance(axis, int) else axis
        if isinstance(axes, tuple) and len(axes) == 1:
            axis = axes[0]
        if axes is not None and all(array.shape[each] == 1 for each in axes) and name in ("add", "maximum", "minimum"):
            return self.builder.reshape(array, shape)  # there is nothing to reduce
        options: dict[str, Any] = {"axis": axis}
        if keepdims:
            options["keepdims"] = True
        dtype = "bool" if name.startswith("logical") else "int64" if array.type.dtype == "bool" else array.type.dtype
        return self.builder.emit(operation(f"np.{name}.reduce", array.name, **options), ArrayType(shape, dtype))

    def numpy(self, node: ast.expr, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A call of a NumPy function that is inside the fence."""
        build = self.builder
        arguments = [as_number(item) if isinstance(item, Dim) else item for item in arguments]
        match name:
            case "abs" | "absolute":
                return build.call("absolute", arguments[0])
            case "true_divide":
                return build.call("divide", *arguments)
            case "conj" | "copy":
                return build.copy(arguments[0])
            case _ if name in fence.UFUNCS and not options:
                return build.call(name, *arguments)
            case "dot" | "matmul":
                return self.product(*arguments)
            case "vdot":
                return build.emit(operation("np.vdot", *[item.name for item in arguments]), ArrayType(()))
            case "reshape":
                return build.reshape(arguments[0], fence.reshaped(arguments[0].shape, tuple(arguments[1])))
            case "transpose":
                return self.transpose(arguments[0], tuple(arguments[1]))
            case "swapaxes":
                axes = list(range(len(arguments[0].shape)))
                a, b = arguments[1], arguments[2]
                axes[a], axes[b] = axes[b], axes[a]
                return self.transpose(arguments[0], tuple(axes))
            case "where":
                types = [item.type if isinstance(item, Array) else NUMBER for item in arguments]
                shape = fence.elementwise("add", types).shape
                dtype = fence.promote([item.dtype for item in types[1:]])
                dtype = "float" if dtype == "number" else dtype
                return build.emit(operation("np.where", *map(operand_of, arguments)), ArrayType(shape, dtype))
            case "take":
                table, ids = arguments
                taken = operation("np.take", table.name, ids.name, axis=0, mode=ast.Constant("clip"))
                return build.emit(taken, ArrayType((*ids.shape, *table.shape[1:]), table.type.dtype))
            case "concatenate" | "stack":
                return self.join(name, list(arguments[0]), options.get("axis", (arguments[1:] or [0])[0]))
            case "zeros_like" | "ones_like":
                value = 0.0 if name == "zeros_like" else 1.0
                return build.emit(operation("fill", arguments[0].name, value), ArrayType(arguments[0].shape))
            case "broadcast_to":
                array, shape = arguments
                return build.view("broadcast", array, tuple(shape), shape=tuple(shape), contiguous=False)
            case "argmax":
                axis = options.get("axis", (arguments[1:] or [-1])[0])
                shape = fence.reduced(arguments[0].type, axis, False)
                return build.emit(operation("argmax", arguments[0].name, axis=axis), ArrayType(shape, "intp"))
        raise self.refuse(node, f"np.{name} is outside what a rule may use")

    def join(self, name: str, arrays: list[Array], axis: int) -> Array:
        shape = list(arrays[0].shape)
        if name == "stack":
            shape.insert(axis % (len(shape) + 1), len(arrays))
        else:
            axis %= len(shape)
            shape[axis] = sum((item.shape[axis] for item in arrays[1:]), start=shape[axis])
        value = operation(f"np.{name}", literal(tuple(ast.Name(item.name, ast.Load()) for item in arrays)), axis=axis)
        return self.builder.emit(value, ArrayType(tuple(shape), arrays[0].type.dtype))


def _shape_of(item: Any) -> Any:
    """What the shape of a kernel's result is computed from: the shapes of arrays, and other arguments as they are."""
    if isinstance(item, tuple | list):
        return tuple(map(_shape_of, item))
    return item.shape if isinstance(item, Array) else item


def _call_of(function: FunctionType, arguments: list[Any], options: dict[str, Any]) -> ast.Call:
    """The call of a kernel: what is at its default is left out, and what follows is given by name."""
    bound = inspect.signature(function).bind(*arguments, **options)
    positional: list[ast.expr] = []
    keywords: dict[str, ast.expr] = {}
    left_out = False
    for name, parameter in inspect.signature(function).parameters.items():
        item = bound.arguments.get(name, parameter.default)
        if item is parameter.default or (not _holds_data(item) and item == parameter.default):
            left_out = True
        elif left_out or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            keywords[name] = _argument(item)
        else:
            positional.append(_argument(item))
    return operation(function.__name__, *positional, **keywords)


def _argument(item: Any) -> ast.expr:
    """An argument of a kernel in the generated code."""
    if isinstance(item, tuple | list):
        return ast.Tuple(list(map(_argument, item)), ast.Load())
    if isinstance(item, Array):
        return ast.Name(item.name, ast.Load())
    return number_operand(item)


def _holds_data(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(_holds_data(item) for item in value)
    return isinstance(value, Array | Number | Generator)


def _is_kernel(function: FunctionType) -> bool:
    return function.__name__ in kernels and kernels[function.__name__].function is function


def _drops_ones_only(shape: Shape, items: Sequence[Any]) -> bool:
    """Whether an index takes whole axes, and the first of axes with one element: the same elements in order."""
    pairs = zip(items, shape, strict=False)
    return all(item == slice(None) or (isinstance(item, int) and size == 1) for item, size in pairs)


def _index(items: Sequence[Any]) -> ast.expr:
    """The syntax of what stands between the brackets of `x[…]`."""
    nodes: list[ast.expr] = []
    for item in items:
        if isinstance(item, slice):
            parts = [None if part is None else literal(part) for part in (item.start, item.stop, item.step)]
            nodes.append(ast.Slice(*parts))
        else:
            nodes.append(ast.Constant(...) if item is Ellipsis else literal(item))
    return nodes[0] if len(nodes) == 1 else ast.Tuple(nodes, ast.Load())
