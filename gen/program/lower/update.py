"""Lowering, the optimizer: `update` over the flat vector of weights, `update_rows` over a table, and `untouched`.

A step consists of statements: they clip gradients, apply the optimizer's rule, take rows out of a table, and put them
back.  A loop goes through a large vector, or the rows of a table, part by part.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from types import FunctionType
from typing import Any

from gen.components.base import Optimizer
from gen.components.kernels import clip_by_global_norm, clip_by_norm, clip_by_value
from gen.components.rules import FenceError, definition, parameter_names
from gen.dims import Dim, Shape
from gen.graph.graph import Graph, NamedLayer
from gen.graph.identifiers import Identifiers
from gen.program import ops
from gen.program.ir import Block, Parts, Program, Statement, expression, formula, operation
from gen.program.lower.builder import Builder
from gen.program.lower.inline import run
from gen.program.lower.state import Lowered
from gen.program.types import NUMBER, Array, ArrayType, Number

BLOCK = 32768
"""The number of weights in a part, if there are more."""

ROWS: Shape = (Dim.symbol("rows"), Dim.symbol("features"))
"""The shape of rows of a table."""

GRADIENT = ArrayType((), "rows")
"""The gradient of a table: ids, and a row for each."""

_IN_CACHE = "each part fits into the cache"


def update(
    graph: Graph,
    names: Identifiers,
    tables: Sequence[tuple[NamedLayer, str]],
    reserved: Iterable[str],
    in_threads: bool = False,
) -> Lowered:
    """The program of one step over all weights but `tables`, each of which it has `update_rows` update.

    Where a batch is cut into slices, each thread may update some of the blocks.
    """
    assert graph.training is not None
    trained = [
        (layer, name)
        for layer in graph.layers
        for name, weight in layer.weights.items()
        if layer.trainable and weight.trainable
    ]
    dense = [item for item in trained if item not in tables]
    size = sum(layer.weights[name].size for layer, name in dense)
    state = _Step("update", graph.training.optimizer, reserved)
    if size:
        whole = sum(layer.weights[name].size for layer, name in trained)
        vector = "flat" if tables else "trainable"
        called, weights = dense_size(graph, tables), {names.weights[item]: item for item in dense}
        state.dense(size, called, vector, whole, weights, in_threads)
    for layer, name in tables:
        state.table(names.weights[layer, name], layer.weights[name].shape)
    return state.lowered()


def trainable_size(graph: Graph) -> str:
    """What a generated file calls the number of weights that are trained."""
    frozen = any(not (layer.trainable and each.trainable) for layer in graph.layers for each in layer.weights.values())
    return "Params.trainable_size" if frozen or graph.shared is not None else "Params.size"


def dense_size(graph: Graph, tables: Sequence[tuple[NamedLayer, str]]) -> str:
    """What a generated file calls the number of those that are not in one of the `tables`."""
    return "Gradients.size" if tables else trainable_size(graph)


def update_rows(optimizer: Optimizer, reserved: Iterable[str]) -> Lowered:
    """The program of one step over the rows of a table that a batch held: `gradient` has their ids."""
    state = _Step("update_rows", optimizer, reserved)
    state.rows()
    return state.lowered()


def untouched(optimizer: Optimizer, reserved: Iterable[str]) -> Lowered | None:
    """The program of what steps without a gradient do to the slots of rows, in place; None if that is nothing."""
    rule = getattr(type(optimizer), "untouched", None)
    if rule is None:
        return None
    state = _Step("untouched", optimizer, reserved)
    arrays = {slot: state.build.parameter(slot, ArrayType(ROWS)) for slot in decaying(optimizer)}
    steps = state.build.parameter("steps", ArrayType((ROWS[0], 1)))
    state.settle(arrays, state.inline(rule, {"steps": steps, **arrays}))
    return state.lowered()


def decaying(optimizer: Optimizer) -> tuple[str, ...]:
    """The slots that steps without a gradient change."""
    rule = getattr(type(optimizer), "untouched", None)
    return () if rule is None else tuple(slot for slot in optimizer.slots() if slot in parameter_names(rule))


def reads_step(optimizer: Optimizer) -> bool:
    """Whether a step over rows of a table depends on how many there have been."""
    rule = definition(type(optimizer).update)
    read = {node.id for statement in rule.body for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return bool(decaying(optimizer)) or "step" in read


class _Step:
    """Writes one of the programs down."""

    def __init__(self, section: str, optimizer: Optimizer, reserved: Iterable[str]) -> None:
        self.optimizer, self.slots = optimizer, tuple(optimizer.slots())
        self.build = Builder(taken=set(reserved), section=section, block=Block(""))
        self.pinned: dict[str, str] = {}
        for slot in self.slots:
            if slot in reserved or not slot.isidentifier():
                rule = type(optimizer).update
                raise _refusal(rule, f"a slot cannot be called `{slot}`, which the generated file needs")

    # ------------------------------------------------------------------------------------------- weights and tables

    def dense(
        self,
        size: int,
        called: str,
        vector: str,
        whole: int,
        weights: dict[str, tuple[NamedLayer, str]],
        in_threads: bool,
    ) -> None:
        """A step over `size` numbers, `called` so: all of the gradient, and the first of the `whole` of each slot."""
        build = self.build
        kind = ArrayType((size,))
        gradient = build.parameter(f"g.{vector}", kind)
        places = [f"p.{vector}", *(f"s.{slot}" for slot in self.slots)]
        for place in places:
            build.parameter(place, ArrayType((whole,)))
        each = {f"g.{ident}": layer.weights[name].shape for ident, (layer, name) in weights.items()}
        views = [build.parameter(name, ArrayType(shape)) for name, shape in each.items()]
        if size > BLOCK:
            kind = ArrayType((BLOCK,))
            gradient = self.clip(gradient, views)
            in_threads = in_threads and not build.statements  # nothing comes before the blocks
            values = expression("range(0, size, block)", size=called, block="s.size")
            if in_threads:
                values = expression("range(first, size, stride)", size=called, first="s.first", stride="s.stride")
            build.block = Block(
                "", parts=Parts("start", values, expression("len(w)"), Fraction(size, BLOCK), _IN_CACHE, in_threads)
            )
            stop = "min(start + block, size)" if whole > size else "start + block"
            build.bind({"part": NUMBER}, expression(f"slice(start, {stop})", size=called, block="s.size"))
            of, of_gradient = "place[part]", "place[part]"
        else:
            of, of_gradient = "place[:size]" if whole > size else "place", "place"
        weights_place, *slot_places = [expression(of, place=place, size=called) for place in places]
        arrays = build.bind(
            dict.fromkeys(["w", "dw", *self.slots], kind),
            weights_place,
            expression(of_gradient, place=gradient.name),
            *slot_places,
        )
        if size <= BLOCK:
            arrays["dw"] = self.clip(arrays["dw"], views)
        self.step(arrays)
        build.block = Block("")

    def table(self, ident: str, shape: Shape) -> None:
        """Have the rows of one table updated."""
        build = self.build
        table = build.parameter(f"p.{ident}", ArrayType(shape))
        build.parameter(f"g.{ident}", GRADIENT)
        build.parameter(f"s.{ident}", ArrayType((), "slots"))
        step = ["step"] if reads_step(self.optimizer) else []
        self.change([table], formula("update_rows", table.name, f"g.{ident}", f"s.{ident}", "learning_rate", *step))

    def rows(self) -> None:
        """A step over the rows of a table."""
        build, decays = self.build, decaying(self.optimizer)
        table = build.parameter("table", ArrayType((Dim.symbol("vocabulary"), ROWS[1])))
        slots = [build.parameter(f"s.{slot}", table.type) for slot in self.slots]
        build.parameter("gradient", GRADIENT)
        ids = ArrayType(ROWS[:1], "intp")
        build.bind({"ids": ids, "rows": ArrayType(ROWS)}, expression("gradient"))
        if decays:
            last = build.parameter("s.last", ArrayType(table.shape[:1], "int"))
            build.block = Block("the steps since a row's last one had no gradient for it")
            missed = expression("(step - 1 - last[ids]).astype(rows.dtype).reshape(-1, 1)", last=last.name)
            build.bind({"missed": ArrayType((ROWS[0], 1))}, missed)
            self.put(last, "ids", "step")
        values, length = expression("range(0, len(ids), size)", size="s.size"), expression("len(w)")
        build.block = Block("", parts=Parts("start", values, length, note=_IN_CACHE))
        build.bind({"part": ids}, expression("ids[start : start + size]", size="s.size"))
        arrays = build.bind(
            dict.fromkeys(["w", "dw", *self.slots], ArrayType(ROWS)),
            expression("table.take(part, 0)"),
            expression("rows[start : start + size]", size="s.size"),
            *(expression("table.take(part, 0)", table=slot.name) for slot in slots),
        )
        if decays:
            arguments = [expression("missed[start : start + size]", size="s.size"), *decays]
            changed = self.change([arrays[slot] for slot in decays], formula("untouched", *arguments))
            arrays |= dict(zip(decays, changed, strict=True))
        after = self.step(arrays)
        self.put(table, "part", after["w"].name)
        for slot, place in zip(self.slots, slots, strict=True):
            self.put(place, "part", after[slot].name)

    # ---------------------------------------------------------------------------------------------- parts of a step

    def clip(self, gradient: Array, each: Sequence[Array]) -> Array:
        """The gradient as the optimizer wants it clipped, in its place; `each` are those of the weights."""
        clipnorm, clipvalue, global_clipnorm = (
            getattr(self.optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm")
        )
        if clipvalue is not None:
            return self.kernel(clip_by_value, gradient, gradient.name, clipvalue)
        if global_clipnorm is not None:
            return self.kernel(clip_by_global_norm, gradient, gradient.name, global_clipnorm)
        if clipnorm is not None:
            weights: list[ast.expr] = [ast.Name(item.name, ast.Load()) for item in each]
            return self.kernel(clip_by_norm, gradient, ast.List(weights, ast.Load()), clipnorm)
        return gradient

    def step(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """The weights and slots after the optimizer's rule, each in its place."""
        slots = {slot: arrays[slot] for slot in self.slots}
        given = {"w": arrays["w"], "g": arrays["dw"], **slots}
        results = dict(given)
        for name in ("decay", "update"):
            rule = getattr(type(self.optimizer), name, None)
            if rule is not None:
                results |= self.inline(rule, results)
        return self.settle(given, {name: results[name] for name in ("w", *slots)})

    def inline(self, rule: FunctionType, arrays: dict[str, Array]) -> dict[str, Array]:
        """What a rule makes of these arrays, by name."""
        given: dict[str, Any] = {
            "self": self.optimizer,
            "learning_rate": Number(ast.Name("learning_rate", ast.Load())),
            "step": Number(ast.Name("step", ast.Load())),
            **arrays,
        }
        bindings = {name: given.get(name) for name in ("self", *parameter_names(rule))}
        before = len(self.build.statements)
        outcome = run(self.build, rule, bindings, lambda name: None if name in arrays else name)
        results = {name: value for name, value in outcome.by_name().items() if value is not None}
        if outcome.returned == ("",) and "w" in arrays:
            results = {"w": outcome.result}
        self.verify(rule, arrays, results, self.build.statements[before:])
        return results

    def settle(self, before: dict[str, Array], after: dict[str, Array]) -> dict[str, Array]:
        """Have what arrays have become end up in their places, by name."""
        moved = {name: array for name, array in after.items() if array.name != before[name].name}
        known = {array.name for array in before.values()}
        for name, array in moved.items():  # before any of them changes
            moved[name] = self.build.copy(array) if array.name in known else array
        for name, array in moved.items():  # which is computed there, unless what was there is read later
            moved[name] = self.build.copy(array)
            self.pinned[moved[name].name] = name
        return after | moved

    def verify(
        self, rule: FunctionType, arrays: dict[str, Array], results: dict[str, Any], statements: Sequence[Statement]
    ) -> None:
        """Raise `FenceError` unless a rule works number by number, and returns weights and slots under their names."""
        for name, value in results.items():
            if name not in arrays:
                found = f"`{name}`" if name else "something without a name"
                raise _refusal(rule, f"returns {found}: it returns the new weights and slots under their names")
            if not isinstance(value, Array) or value.type != arrays[name].type:
                raise _refusal(rule, f"returns `{name}` in another shape")
        if "w" in arrays and "w" not in results:
            raise _refusal(rule, "returns no `w`")
        for statement in statements:
            op = statement.op
            known = op.function is not None or op is ops.FILL or self.build.types[statement.target] is NUMBER
            if not known and not op.elementwise:
                raise _refusal(rule, f"calls `{op.name}`: weights are updated part by part, each number by itself")

    # --------------------------------------------------------------------------------------------------- statements

    def change(self, arrays: Sequence[Array], value: ast.expr) -> list[Array]:
        """Change arrays where they are; gives what they are then."""
        count = len(self.build.statements)
        changed = [Array(f"v#{count}.{i}", array.type) for i, array in enumerate(arrays)]
        self.build.types.update({each.name: each.type for each in changed})
        self.record(tuple(each.name for each in changed), value, changes=tuple(array.name for array in arrays))
        return changed

    def kernel(self, function: Callable[..., None], array: Array, *operands: object) -> Array:
        """Change an array by a kernel that works in place."""
        assert isinstance(function, FunctionType)
        self.build.kernels[function.__name__] = function
        (changed,) = self.change([array], operation(ops.of_kernel(function), *operands))
        return changed

    def put(self, array: Array, index: str, value: str) -> None:
        """`array[index] = value`."""
        self.change([array], operation(ops.PUT, array.name, index, value))

    def record(self, targets: tuple[str, ...], value: ast.expr, **how: Any) -> None:
        build = self.build
        build.statements.append(Statement(targets[0], value, build.section, build.block, more=targets[1:], **how))

    def lowered(self) -> Lowered:
        build = self.build
        named = {name for statement in build.statements for name in statement.targets}
        outside = {name for name, kind in build.types.items() if name not in named and kind is not NUMBER}
        program = Program(
            tuple(build.statements), build.types, build.names, frozenset(outside), self.pinned,
            taken=frozenset(build.taken),
        )  # fmt: skip
        return Lowered(program, build.kernels, {}, {})


def _refusal(rule: FunctionType, why: str) -> FenceError:
    """What is wrong with a rule of an optimizer, with its line."""
    code = rule.__code__
    return FenceError(f"{rule.__qualname__}: {why}", f"{code.co_filename}:{code.co_firstlineno}")
