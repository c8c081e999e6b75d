"""Inlining: runs the source of a rule on variables instead of arrays, and records what it does.

An abstract interpreter over the rule's `ast`.  It computes fields of the component, ranks, shapes, and Python numbers
on the spot, so `if` and `for` over them disappear.  Operations on arrays become statements, one operation each, and the
rule's local names become the names of the variables.

It ignores nothing: it refuses what it does not use, and shows the line.  A rule means here what it means in Python and
NumPy, or it is not a rule.
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
from gen.components.loops import applied, called, kept_names, scan
from gen.components.rules import FenceError, definition, names_in, parameter_names
from gen.dims import Dim, product
from gen.program import ops
from gen.program.ir import formula
from gen.program.lower.builder import Builder
from gen.program.lower.loops import lower_scan
from gen.program.lower.numbers import SYMBOLS, arithmetic, number_operand
from gen.program.ops import holds_data
from gen.program.types import Array, Generator, Number


@dataclass(frozen=True)
class _Method:
    """`x.reshape`, `rng.random`, `np.add.reduce`: a method that is about to be called on `owner`."""

    owner: Any
    name: str


@dataclass(frozen=True)
class Outcome:
    """The outcome of a rule: its result, its local names, and the names in its `return`."""

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
    for decorator in definition(function).decorator_list:
        if ast.unparse(decorator) not in ("staticmethod", "classmethod"):
            raise frame.refuse(decorator, f"a rule may not have the decorator `{ast.unparse(decorator)}`")
    outer, builder.place = builder.place, function.__qualname__
    try:
        result = frame.body(definition(function).body)
    finally:
        builder.place = outer
    return Outcome(None if result is _NOTHING else result, frame.names, frame.returned)


_NOTHING = object()
_CHANGING = {"datetime", "os", "random", "secrets", "time", "uuid"}
"""Modules whose functions do not give the same each time."""
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Invert: operator.invert,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
"""The operators on what is known."""
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
                result: Any = None if value is None else self.value(value)
                self.returned = names_in(value)
                if isinstance(value, ast.Tuple) and len(value.elts) != len(result):
                    self.returned = ("",) * len(result)
                return result
            case ast.Assign(targets=targets, value=value):
                bound = self.value(value)
                for target in targets:
                    self.assign(target, bound)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value))
            case ast.If(test=test, body=body, orelse=orelse):
                return self.body(body if self.decided(test) else orelse)
            case ast.For(target=target, iter=iterable, body=body, orelse=[]):
                for item in self.known_items(iterable):
                    self.assign(target, item)
                    result = self.body(body)
                    if result is not _NOTHING:
                        return result
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Assert(test=test):
                if not self.decided(test):
                    raise self.refuse(node, f"`{ast.unparse(node)}` does not hold here")
            case _:
                raise self.refuse(node, f"a rule may not contain `{ast.unparse(node).splitlines()[0]}`")
        return _NOTHING

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Tuple):
            if isinstance(value, Array | Number | Generator) or not isinstance(value, Iterable):
                raise self.refuse(target, "this cannot be taken apart: a rule takes tuples and lists apart")
            parts = tuple(value)
            if len(parts) != len(target.elts):
                raise self.refuse(
                    target, f"{len(target.elts)} names stand on the left, {len(parts)} values on the right"
                )
            for item, part in zip(target.elts, parts, strict=True):
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

    def decided(self, node: ast.expr) -> bool:
        """Whether a condition holds, which is known when the rule is compiled."""
        return self.truth(node, self.known(node))

    def truth(self, node: ast.expr, value: Any) -> bool:
        if isinstance(value, Dim):
            raise self.refuse(node, "a rule decides by what is known when it is compiled, not by a size of the data")
        return bool(value)

    def known_items(self, node: ast.expr) -> Iterable[Any]:
        items = self.known(node)
        if isinstance(items, Iterable):
            return items
        raise self.refuse(node, "this is not something to loop over")

    # ----------------------------------------------------------------------------------------------- expressions

    def value(self, node: ast.expr) -> Any:
        value = self.operand(node)
        if isinstance(value, _Method):
            raise self.refuse(node, f"a rule calls `{ast.unparse(node)}`, and does nothing else with it")
        return value

    def operand(self, node: ast.expr) -> Any:
        """The value of an expression, which may be a method of an array that is about to be called."""
        try:
            return self._value(node)
        except FenceError as error:
            if error.place:
                raise
            raise self.refuse(node, str(error)) from None
        except RecursionError:
            raise self.refuse(node, f"`{ast.unparse(node)}` goes too deep") from None
        except (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError) as error:
            raise self.refuse(node, f"`{ast.unparse(node)}`: {error or type(error).__name__}") from error

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
                pairs = zip(ops, values, values[1:], strict=False)
                return all(self.truth(node, self.operate(node, op, a, b)) for op, a, b in pairs)
            case ast.BoolOp(op=op, values=values):
                return self.boolean(op, values)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.decided(test) else orelse)
            case ast.Tuple(elts=items):
                return tuple(self.items(items))
            case ast.List(elts=items):
                return self.items(items)
            case ast.Dict(keys=keys, values=values):
                return self.entries(keys, values)
            case ast.Attribute(value=owner, attr=name):
                return self.attribute(node, self.value(owner), name)
            case ast.Subscript(value=owner, slice=index):
                return self.subscript(node, self.value(owner), self.value(index))
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if part is None else self.value(part) for part in (lower, upper, step)))
            case ast.ListComp(elt=element, generators=generators) | ast.GeneratorExp(
                elt=element, generators=generators
            ):
                return self.comprehended(element, generators)
            case ast.DictComp(key=key, value=value, generators=generators):
                return dict(self.comprehended(ast.Tuple([key, value], ast.Load()), generators))
            case ast.Call(func=function, args=arguments, keywords=keywords):
                called, given = self.operand(function), self.items(arguments)
                return self.call(node, called, given, self.options(node, keywords))
        raise self.refuse(node, f"a rule may not contain `{ast.unparse(node)}`")

    def items(self, nodes: Sequence[ast.expr]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found.extend(self.known_items(node.value))
            else:
                found.append(self.value(node))
        return found

    def entries(self, keys: Sequence[ast.expr | None], values: Sequence[ast.expr]) -> dict[Any, Any]:
        """`{"a": x, **others}`."""
        found: dict[Any, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                found.update(self.mapping(value))
            else:
                found[self.value(key)] = self.value(value)
        return found

    def options(self, node: ast.expr, keywords: Sequence[ast.keyword]) -> dict[str, Any]:
        """What a call says by name: `axis=0`, `**options`."""
        found: dict[str, Any] = {}
        for item in keywords:
            added = {item.arg: self.value(item.value)} if item.arg else self.mapping(item.value)
            if twice := found.keys() & added.keys():
                raise self.refuse(node, f"`{', '.join(map(str, twice))}` is given twice")
            found.update(added)
        return found

    def mapping(self, node: ast.expr) -> Mapping[Any, Any]:
        value = self.known(node)
        if not isinstance(value, Mapping):
            raise self.refuse(node, "`**` takes a dict")
        return value

    def lookup(self, node: ast.expr, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        code = self.function.__code__
        if name in code.co_varnames or name in code.co_cellvars:
            raise self.refuse(node, f"`{name}` has no value yet")
        closure = dict(zip(code.co_freevars, self.function.__closure__ or (), strict=True))
        if name in closure:
            return closure[name].cell_contents
        if name in self.function.__globals__:
            return self.function.__globals__[name]
        if name in _BUILTINS:
            return _BUILTINS[name]
        raise self.refuse(node, f"the name `{name}` is not known here")

    def boolean(self, op: ast.boolop, nodes: Sequence[ast.expr]) -> Any:
        value: Any = isinstance(op, ast.And)
        for node in nodes:
            value = self.known(node)
            if self.truth(node, value) != isinstance(op, ast.And):
                return value
        return value

    def comprehended(self, element: ast.expr, generators: Sequence[ast.comprehension]) -> list[Any]:
        """The items of a comprehension, whose names are its own."""
        outer = dict(self.names)
        result = self.comprehension(element, generators)
        self.names = outer
        return result

    def comprehension(self, element: ast.expr, generators: Sequence[ast.comprehension]) -> list[Any]:
        if not generators:
            return [self.value(element)]
        first, *rest = generators
        if first.is_async:
            raise self.refuse(element, "a rule waits for nothing")
        result: list[Any] = []
        for item in self.known_items(first.iter):
            self.assign(first.target, item)
            if all(self.decided(test) for test in first.ifs):
                result += self.comprehension(element, rest)
        return result

    def operate(self, node: ast.expr, op: ast.AST, *operands: Any) -> Any:
        if isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn | ast.Not):
            return self.ask(node, op, *operands)
        function = _OPERATORS[type(op)]
        if not any(isinstance(item, Array | Number) for item in operands):
            return self.compute(node, op, function, *operands)
        if not any(isinstance(item, Array) for item in operands):
            return self.calculate(node, op, *operands)
        return self.builder.apply(ops.OPERATORS[type(op)](*operands))

    def ask(self, node: ast.expr, op: ast.AST, *operands: Any) -> bool:
        """`is`, `in` and `not`, which ask about what is known: whether an array is there, not for its numbers."""
        function = _OPERATORS[type(op)]
        if isinstance(op, ast.Not):
            if isinstance(operands[0], Array | Number):
                raise self.refuse(node, "a rule decides by what is known when it is compiled, not by data")
            return not self.truth(node, operands[0])
        data = [item for item in operands if holds_data(item)]
        if isinstance(op, ast.Is | ast.IsNot) and data and not any(item is None for item in operands):
            raise self.refuse(node, "a rule may ask whether an array is None, not whether it is another one")
        if isinstance(op, ast.In | ast.NotIn):
            if data:
                raise self.refuse(node, "a rule decides by what is known when it is compiled, not by data")
            self.check_sizes(node, *operands)
        return bool(function(*operands))

    def compute(self, node: ast.expr, op: ast.AST, function: Callable[..., Any], *operands: Any) -> Any:
        """An operation on what is known, sizes among it."""
        if isinstance(node, ast.Compare):
            if any(holds_data(item) for item in operands):
                raise self.refuse(node, "a rule decides by what is known when it is compiled, not by data")
            self.check_sizes(node, *operands)
        if any(isinstance(item, Dim) for item in operands):
            inexact = isinstance(op, ast.Div | ast.Pow) or any(isinstance(item, float) for item in operands)
            if inexact and type(op) in SYMBOLS:
                return arithmetic(SYMBOLS[type(op)], *operands)
        return function(*operands)

    def check_sizes(self, node: ast.expr, left: Any, right: Any) -> None:
        """Refuse to compare sizes that may turn out equal, and may not, when there are data."""
        if isinstance(right, tuple | list) and not isinstance(left, tuple | list):
            pairs: list[tuple[Any, Any]] = [(left, item) for item in right]
        elif isinstance(left, tuple | list) and isinstance(right, tuple | list) and len(left) == len(right):
            pairs = list(zip(left, right, strict=True))
        else:
            pairs = [(left, right)]
        for a, b in pairs:
            sized = isinstance(a, Dim | int) and isinstance(b, Dim | int)
            if sized and (isinstance(a, Dim) or isinstance(b, Dim)) and a != b and not isinstance(a - b, int):
                raise self.refuse(node, f"whether {a} is {b} is known only when there are data")

    def calculate(self, node: ast.expr, op: ast.AST, *operands: Any) -> Number | float:
        """Arithmetic on numbers of which some are known only when the generated file runs."""
        for item in operands:
            if not isinstance(item, Number | int | float | Dim):
                raise FenceError(f"arithmetic on a number and {type(item).__name__}")
        match op:
            case ast.USub():
                return Number(ast.UnaryOp(ast.USub(), operands[0].value))
            case ast.UAdd():
                return operands[0]  # type: ignore[no-any-return]  # the one operand is a Number
            case _ if type(op) in SYMBOLS:
                return arithmetic(SYMBOLS[type(op)], *operands)
        raise self.refuse(node, "a rule decides by what is known when it is compiled, not by data")

    # ---------------------------------------------------------------------------------- attributes, indices, calls

    def attribute(self, node: ast.expr, owner: Any, name: str) -> Any:
        if isinstance(owner, Array):
            known = {"shape": owner.shape, "ndim": len(owner.shape), "size": product(owner.shape)}
            if name in known:
                return known[name]
            if name == "T":
                return self.builder.apply(ops.TRANSPOSE.call(owner))
            if not callable(getattr(np.ndarray, name, None)):
                raise self.refuse(node, f"a rule may not ask an array for its `{name}`")
            return _Method(owner, name)
        if isinstance(owner, Generator) or (isinstance(owner, np.ufunc) and callable(getattr(owner, name))):
            return _Method(owner, name)
        if isinstance(owner, Number):
            raise self.refuse(node, f"a rule may not ask a number for its `{name}`")
        return getattr(owner, name)

    def subscript(self, node: ast.expr, owner: Any, index: Any) -> Any:
        if not isinstance(owner, Array):
            if isinstance(owner, Number | Generator) or holds_data(index):
                raise self.refuse(node, "a rule takes items of tuples, lists and dicts by what is known")
            return owner[index]
        return self.builder.apply(ops.INDEX.call(owner, *(index if isinstance(index, tuple) else (index,))))

    def call(self, node: ast.expr, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        if isinstance(function, _Method):
            return self.method(node, function, arguments, options)
        if function is isinstance:
            return _is_instance(*arguments, **options)
        if function is len and len(arguments) == 1 and isinstance(arguments[0], Array) and arguments[0].shape:
            return arguments[0].shape[0]
        if function in (scan, applied, called):
            return self.of_loops(function, arguments, options)
        dynamic = any(holds_data(item) for item in (*arguments, *options.values()))
        if isinstance(function, MethodType) and isinstance(function.__self__, Component) and dynamic:
            return self.inline(function.__func__, [function.__self__, *arguments], options)
        if isinstance(function, FunctionType) and dynamic and _is_kernel(function):
            if kernels[function.__name__].dtype == "number":
                self.builder.kernels[function.__name__] = function
                return Number(formula(function.__name__, *map(number_operand, arguments)))
            return self.builder.apply(ops.of_kernel(function).call(*arguments, **options))
        name = getattr(function, "__name__", "")
        if dynamic and name and getattr(np, name, None) is function:
            return self.numpy(name, arguments, options)
        if isinstance(function, FunctionType) and dynamic and function.__module__.partition(".")[0] != "numpy":
            return self.inline(function, arguments, options)
        if not dynamic or function in (len, zip, enumerate, dict, tuple, list, reversed, range, slice):
            return self.known_call(node, function, arguments, options)
        if getattr(function, "__module__", "") == "math" and not options:
            return Number(formula(f"math.{name}", *map(number_operand, arguments)))
        several = len(arguments) > 1 if function in (max, min) else len(arguments) == 1
        numbers = all(isinstance(item, Number | int | float | Dim) for item in arguments)
        if function in (float, int, abs, max, min) and numbers and several and not options:
            return Number(formula(name, *map(number_operand, arguments)))
        raise self.refuse(node, f"`{ast.unparse(node)}` is outside what a rule may use")

    def known_call(self, node: ast.expr, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A call that needs no data: it is made now, so it has to give the same each time."""
        owner = getattr(function, "__self__", None)
        module = getattr(function, "__module__", None) or getattr(owner, "__name__", None) or type(owner).__module__
        if module.partition(".")[0] in _CHANGING or module.startswith("numpy.random"):
            raise self.refuse(node, f"`{ast.unparse(node)}` may give something else each time; a rule draws from `rng`")
        result = function(*arguments, **options)
        return result.item() if isinstance(result, np.generic) else result

    def inline(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        bound = inspect.signature(function, follow_wrapped=False).bind(*arguments, **options)
        bound.apply_defaults()
        return run(self.builder, function, bound.arguments, self.rename).result

    def of_loops(self, function: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A call of a function in `gen/components/loops.py`."""
        if function is scan:
            return lower_scan(self.builder, self.rename, run, *arguments, **options)
        rule = arguments[0].__func__
        given = {"self": arguments[0].__self__}
        for item in reversed(arguments if function is called else arguments[2:]):
            given |= item if isinstance(item, Mapping) else {}
        bindings = {name: given[name] for name in ("self", *parameter_names(rule))}
        outcome = run(self.builder, rule, bindings, self.rename)
        if function is called:
            return outcome.by_name()
        names = {**arguments[2], **outcome.names, "y": outcome.result}
        return outcome.result, kept_names(arguments[1], names, arguments[3] if len(arguments) > 3 else {})

    def method(self, node: ast.expr, method: _Method, arguments: list[Any], options: dict[str, Any]) -> Any:
        owner, name = method.owner, method.name
        if isinstance(owner, np.ufunc):
            return self.numpy(f"{owner.__name__}.{name}", arguments, options)
        if isinstance(owner, Generator):
            drawn = ops.TABLE.get(f"{owner.name}.{name}")
            if drawn is None or len(arguments) != 1 or options:
                raise self.refuse(node, f"a rule draws with rng.random(shape) alone, not `{ast.unparse(node)}`")
            return self.builder.apply(drawn.call(arguments[0]))
        if name in ("sum", "max", "min", "mean"):
            raise self.refuse(node, f"write np.add.reduce or np.maximum.reduce: `.{name}` is a slow wrapper")
        if name in ops.SPREAD and (len(arguments) > 1 or isinstance(next(iter(arguments), None), int)):
            arguments = [tuple(arguments)]
        return self.numpy(name, [owner, *arguments], options)

    def numpy(self, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        """A call of a NumPy function that is inside the fence."""
        return self.builder.apply(ops.numpy_call(name, arguments, options))


def _is_instance(value: Any, classes: Any) -> bool:
    """`isinstance`, of what a rule is given when it runs as it is."""
    match value:
        case Array():
            return issubclass(np.ndarray, classes)
        case Generator():
            return issubclass(np.random.Generator, classes)
        case Dim():
            return issubclass(int, classes)
        case Number():
            raise FenceError("what kind of number this is, is known only when the file runs")
    return isinstance(value, classes)


def _is_kernel(function: FunctionType) -> bool:
    return function.__name__ in kernels and kernels[function.__name__].function is function
