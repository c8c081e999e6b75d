"""Inlining: runs the source of a rule on variables instead of arrays, and writes down what it does.

An abstract interpreter over the rule's `ast`.  Fields of the component, ranks, shapes and Python numbers are known and
are computed on the spot; `if` and `for` over them disappear.  What happens to arrays becomes statements, one operation
each, and the rule's own local names become the names of the variables.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import operator
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from gen.components.base import Component
from gen.components.kernels import kernels
from gen.dims import Dim, Shape, product
from gen.program import fence
from gen.program.fence import FenceError
from gen.program.ir import NUMBER, ArrayType, Block, Statement, literal, operation, reads, runtime_shape


@dataclass(frozen=True)
class Array:
    """A variable of the program, as a rule sees an array."""

    name: str
    type: ArrayType

    @property
    def shape(self) -> Shape:
        return self.type.shape


@dataclass(frozen=True)
class Number:
    """A Python number that is known only when the generated file runs: `1.0 / b.batch`."""

    value: ast.expr


@dataclass(frozen=True)
class _Method:
    """`x.reshape`, `rng.random`, `np.add.reduce`: a method that is about to be called on `owner`."""

    owner: Any
    name: str


@dataclass(frozen=True)
class Generator:
    """The random generator of the model, as a rule sees it."""

    name: str = "rng"


@dataclass
class Builder:
    """Collects statements.  `section` and `block` say where the next ones belong."""

    statements: list[Statement] = field(default_factory=list)
    types: dict[str, ArrayType] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    soft: dict[str, str] = field(default_factory=dict)
    fallback: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    views: dict[str, Array] = field(default_factory=dict)
    """The variables that look at another one's memory, and which."""
    read: set[str] = field(default_factory=set)
    """The variables that some statement reads."""
    kernels: dict[str, FunctionType] = field(default_factory=dict)
    section: str = ""
    block: Block = Block("")
    place: str = ""

    def parameter(self, name: str, type: ArrayType) -> Array:
        """An array from outside: an input, a weight, a target."""
        self.types[name] = type
        return Array(name, type)

    def emit(self, value: ast.expr, type: ArrayType, *, guard: str | None = None) -> Array:
        """A new variable that holds `value`."""
        target = f"v#{len(self.statements)}"
        self.record(target, value, type, guard)
        return Array(target, type)

    def number(self, wanted: str, value: ast.expr) -> str:
        """A Python number under a name of its own; returns the name."""
        name = self.unique(wanted)
        self.record(name, value, NUMBER, None)
        return name

    def record(self, target: str, value: ast.expr, type: ArrayType, guard: str | None) -> None:
        self.statements.append(Statement(target, value, self.section, self.block, guard, self.place))
        self.types[target] = type
        self.read.update(reads(value))

    def call(self, name: str, *operands: Array | Number | float, guard: str | None = None) -> Array:
        """A ufunc on arrays and numbers; what changes nothing (`x * 1`, `x + 0`) is left out."""
        types = [item.type if isinstance(item, Array) else NUMBER for item in operands]
        if not all(isinstance(item, Array | Number | int | float) for item in operands):
            raise FenceError(f"np.{name} of {', '.join(builtins.type(item).__name__ for item in operands)}")
        type = fence.elementwise(name, types)
        if guard is None and (same := _unchanged(name, operands, type)) is not None:
            return same
        bases = self._bases(operands)
        if guard is None and bases is not None:
            return self.reshape(self.call(name, *bases), type.shape)
        return self.emit(operation(f"np.{name}", *map(_operand, operands)), type, guard=guard)

    def _bases(self, operands: Sequence[Array | Number | float]) -> list[Array | Number | float] | None:
        """What the operands are reshaped from, if all are, and from one shape to one shape."""
        arrays = [item for item in operands if isinstance(item, Array)]
        bases = [self.reshaped_from(item) for item in arrays]
        if None in bases or len({item.shape for item in arrays}) > 1 or len({base.shape for base in bases if base}) > 1:
            return None
        waiting = iter(bases)
        return [next(waiting) or item if isinstance(item, Array) else item for item in operands]

    def reshaped_from(self, array: Array) -> Array | None:
        """The array that this one is a reshaped view of, if it is one."""
        base = self.views.get(array.name)
        return base if base is not None and array.type.contiguous else None

    def view(self, function: str, array: Array, *options: object, shape: Shape, contiguous: bool = True) -> Array:
        """Another look at the same memory."""
        view = self.emit(operation(function, array.name, *options), ArrayType(shape, array.type.dtype, contiguous))
        self.views[view.name] = array
        return view

    def reshape(self, array: Array, shape: Shape) -> Array:
        """`array` in another shape: itself if it has that shape, a copy first if its memory is not in order."""
        base = self.reshaped_from(array)
        while base is not None:
            array, base = base, self.reshaped_from(base)
        if array.shape == shape:
            return array
        if not array.type.contiguous:
            array = self.copy(array)
        return self.view("reshape", array, runtime_shape(shape), shape=shape)

    def copy(self, array: Array) -> Array:
        """The same values in memory of their own."""
        return self.emit(operation("np.positive", array.name), ArrayType(array.shape, array.type.dtype))

    def name(self, array: Array, wanted: str | None) -> None:
        """Give a variable its name in the generated code, unless it has one; None leaves it to its context."""
        if wanted is not None and array.name not in self.names and "#" in array.name:
            self.names[array.name] = wanted

    def claim(self, array: Array, name: str) -> None:
        """Give a variable the name that was set aside for it; the second to ask keeps that of the memory it is in."""
        if array.name in self.names or "#" not in array.name:
            return
        if name not in self.claimed:
            self.names[array.name] = name
            self.claimed.add(name)

    def unique(self, wanted: str) -> str:
        """`wanted`, or `wanted_2`, `wanted_3`, … if it is taken."""
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name


def _operand(item: Array | Number | float) -> object:
    return item.name if isinstance(item, Array) else item.value if isinstance(item, Number) else item


def _unchanged(name: str, operands: Sequence[Any], type: ArrayType) -> Array | None:
    """The operand that the result would equal, if there is one."""
    if name == "positive":
        return operands[0] if isinstance(operands[0], Array) else None
    if len(operands) != 2:
        return None
    left, right = operands
    neutral = {"add": 0, "subtract": 0, "multiply": 1, "divide": 1, "power": 1}.get(name)
    if neutral is None:
        return None
    if isinstance(right, int | float) and right == neutral and isinstance(left, Array) and left.type.dtype == type.dtype:
        return left
    commutes = name in ("add", "multiply")
    if commutes and isinstance(left, int | float) and left == neutral and isinstance(right, Array):
        return right if right.type.dtype == type.dtype else None
    return None


# ------------------------------------------------------------------------------------------------- running a rule


@cache
def definition(function: FunctionType) -> ast.FunctionDef:
    """The syntax tree of a function, with the line numbers of its file."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines)))
    ast.increment_lineno(tree, first - 1)
    (node,) = tree.body
    if not isinstance(node, ast.FunctionDef):
        raise FenceError(f"{function.__qualname__} is not a plain function")
    return node


def parameter_names(function: FunctionType) -> list[str]:
    """The names of a rule's parameters without `self`; a `*inputs` keeps its bare name."""
    arguments = definition(function).args
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if arguments.vararg:
        names.insert(len(arguments.args), arguments.vararg.arg)
    return [name for name in names if name != "self"]


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


def returned_names(function: FunctionType) -> set[str]:
    """The names in the `return`s of a rule."""
    returns = (node for node in ast.walk(definition(function)) if isinstance(node, ast.Return))
    return {name for node in returns for name in _names_in(node.value) if name}


def _names_in(value: ast.expr | None) -> tuple[str, ...]:
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    return tuple(item.id if isinstance(item, ast.Name) else "" for item in items)


def refuse_outside_fence(module: object) -> None:
    """Raise `FenceError`, pointing at the line, for a rule in `module` that says what no rule may say."""
    for item in vars(module).values():
        if isinstance(item, type) and issubclass(item, Component) and item.__module__ == getattr(module, "__name__", ""):
            for name in ("forward", "backward", "predict", "update"):
                rule = vars(item).get(name)
                if isinstance(rule, FunctionType):
                    _check_statements(rule)


def _check_statements(rule: FunctionType) -> None:
    place = rule.__code__.co_filename
    for node in ast.walk(definition(rule)):
        if isinstance(node, _REFUSED_STATEMENTS):
            why = f"{rule.__qualname__}: a rule may not contain `{ast.unparse(node).splitlines()[0]}`"
            raise FenceError(why, f"{place}:{node.lineno}")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"):
            if node.attr not in fence.UFUNCS | fence.FUNCTIONS | {"abs", "true_divide", "swapaxes", "ndarray", "dtype"}:
                why = f"{rule.__qualname__}: np.{node.attr} is outside what a rule may use"
                raise FenceError(why, f"{place}:{node.lineno}")


_REFUSED_STATEMENTS = (
    ast.While, ast.Try, ast.With, ast.AugAssign, ast.Delete, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal,
    ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.JoinedStr, ast.ClassDef, ast.AsyncFunctionDef,
)  # fmt: skip


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
                self.returned = _names_in(value)
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
            name = self.builder.number(self.rename(target.id) or target.id, value.value)
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
                return _number("/", *operands)
            if any(isinstance(item, Dim) for item in operands) and any(isinstance(item, float) for item in operands):
                return _number(_SYMBOLS[type(op)], *operands)
            if isinstance(op, ast.Pow) and any(isinstance(item, Dim) for item in operands):
                return _number("**", *operands)
            return function(*operands)
        if not any(isinstance(item, Array) for item in operands):
            if len(operands) == 1:
                return Number(ast.UnaryOp(ast.USub(), operands[0].value))
            return _number(_SYMBOLS[type(op)], *operands)
        operands = tuple(_as_number(item) if isinstance(item, Dim) else item for item in operands)
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
            return Number(operation(f"math.{function.__name__}", *map(_number_operand, arguments)))
        if function in (float, int, abs, max, min) and not any(isinstance(item, Array) for item in arguments):
            return Number(operation(function.__name__, *map(_number_operand, arguments)))
        name = getattr(function, "__name__", "")
        if getattr(np, name, None) is function:
            return self.numpy(node, name, arguments, options)
        raise self.refuse(node, f"`{ast.unparse(node)}` is outside what a rule may use")

    def inline(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        bound = inspect.signature(function).bind(*arguments, **options)
        bound.apply_defaults()
        return run(self.builder, function, bound.arguments, self.rename).result

    def kernel(self, function: FunctionType, arguments: list[Any], options: dict[str, Any]) -> Array:
        name = function.__name__
        self.builder.kernels[name] = function
        shapes = [item.shape if isinstance(item, Array) else item for item in arguments]
        value = operation(name, *map(_operand, arguments), **options)
        return self.builder.emit(value, ArrayType(tuple(kernels[name].shape(*shapes))))

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

    def reduce(
        self, name: str, array: Array, axis: Any = 0, keepdims: bool = False, **others: Any
    ) -> Array:
        if others or name not in fence.REDUCTIONS:
            raise FenceError(f"np.{name}.reduce with {', '.join(others) or 'this ufunc'} is outside what a rule may use")
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
        arguments = [_as_number(item) if isinstance(item, Dim) else item for item in arguments]
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
                return build.emit(operation("np.where", *map(_operand, arguments)), ArrayType(shape, dtype))
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
    return ast.Tuple(nodes, ast.Load())


# -------------------------------------------------------------------------------------------------- Python numbers

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_NODES: dict[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "//": ast.FloorDiv(), "%": ast.Mod(), "**": ast.Pow(),
}  # fmt: skip


def _number_operand(item: Any) -> ast.expr:
    return item.value if isinstance(item, Number) else literal(item)


def _as_number(item: Any) -> Any:
    return Number(literal(item)) if isinstance(item, Dim) else item


def _number(symbol: str, left: Any, right: Any) -> Number | float:
    """Arithmetic on numbers of the running file, with what is known folded: `2.0 * (0.25 / n)` is `0.5 / n`."""
    a, b = _number_operand(left), _number_operand(right)
    if isinstance(a, ast.Constant) and isinstance(b, ast.Constant):
        return float(eval(compile(ast.fix_missing_locations(ast.Expression(ast.BinOp(a, _NODES[symbol], b))), "", "eval")))
    if symbol == "*" and isinstance(b, ast.Constant):
        a, b = b, a
    if symbol in "*/" and isinstance(b, ast.Constant) and b.value == 1:
        return Number(a)
    if symbol == "*" and isinstance(a, ast.Constant):
        if a.value == 1:
            return Number(b)
        match b:
            case ast.BinOp(left=ast.Constant(value=factor), op=ast.Div() | ast.Mult()):
                folded = ast.Constant(float(a.value * factor))  # type: ignore[operator]  # a numeric literal
                return Number(ast.BinOp(folded, b.op, b.right))
    if symbol == "/" and isinstance(b, ast.Constant):
        match a:
            case ast.BinOp(left=ast.Constant(value=factor), op=ast.Div() | ast.Mult()):
                folded = ast.Constant(float(factor / b.value))  # type: ignore[operator]  # a numeric literal
                return Number(ast.BinOp(folded, a.op, a.right))
    return Number(ast.BinOp(a, _NODES[symbol], b))


__all__ = ["Array", "Builder", "Generator", "Number", "definition", "math", "parameter_names", "returned_names", "run"]
