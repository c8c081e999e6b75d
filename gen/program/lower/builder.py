"""Writes statements: turns what a rule does to arrays into one operation after another."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gen.dims import Shape
from gen.program import ops
from gen.program.ir import Block, Statement, literal, operation, reads, runtime_shape
from gen.program.ops import Call, Op
from gen.program.types import NUMBER, Array, ArrayType, Number


@dataclass
class Builder:
    """Collects statements.  `section` and `block` say where the next ones belong."""

    statements: list[Statement] = field(default_factory=list)
    types: dict[str, ArrayType] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    soft: dict[str, str] = field(default_factory=dict)
    fallback: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """Names that only the variables that claim them may have."""
    claimed: dict[str, str] = field(default_factory=dict)
    """Reserved names, each with the only variable that has it."""
    views: dict[str, Array] = field(default_factory=dict)
    """The variables that look at another one's memory, and which."""
    stretched: set[str] = field(default_factory=set)
    """The variables that stretch another one's memory to more axes or larger ones."""
    turned: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The order of axes in which a transpose shows it."""
    lifted: set[str] = field(default_factory=set)
    """The transposes that a loop gives: who turns one back has what it looks at."""
    read: set[str] = field(default_factory=set)
    """The variables that some statement reads."""
    kernels: dict[str, Callable[..., Any]] = field(default_factory=dict)
    section: str = ""
    block: Block = Block("")
    place: str = ""
    prefix: str = "v"
    """The prefix of variables that have no name yet."""
    renames: bool = False
    """Whether the last name that a rule gives counts, not the first: that of the function of a step, not of a part."""
    local: set[str] = field(default_factory=set)
    """Names of variables of loops, which the next loop may use again."""

    def parameter(self, name: str, type: ArrayType) -> Array:
        """An array from outside: an input, a weight, a target; nothing else has its name."""
        self.types[name] = type
        self.taken.add(name.removeprefix("b."))
        return Array(name, type)

    def emit(self, value: ast.expr, type: ArrayType, *, guard: str | None = None) -> Array:
        """A new variable that holds `value`."""
        target = f"{self.prefix}#{len(self.statements)}"
        self.record(target, value, type, guard)
        return Array(target, type)

    def emit_several(self, value: ast.expr, types: Sequence[ArrayType]) -> tuple[Array, ...]:
        """New variables for the results of a kernel that has several."""
        variable = f"{self.prefix}#{len(self.statements)}"
        names = [variable, *(f"{variable}.{i}" for i in range(1, len(types)))]
        self.record(names[0], value, types[0], None, tuple(names[1:]))
        self.types.update(zip(names, types, strict=True))
        return tuple(Array(name, type) for name, type in zip(names, types, strict=True))

    def number(self, name: str, value: ast.expr, type: ArrayType = NUMBER) -> str:
        """A Python number under a name that was made `unique` or set aside for it; returns the name."""
        self.record(name, value, type, None)
        return name

    def bind(self, types: Mapping[str, ArrayType], *values: ast.expr) -> dict[str, Array]:
        """Give names to memory from outside, or to what Python makes: `w, dw = p.trainable, g.trainable`."""
        arrays = {name: self.parameter(name, kind) for name, kind in types.items()}
        value = values[0] if len(values) == 1 else ast.Tuple(list(values), ast.Load())
        target, *more = types
        self.statements.append(Statement(target, value, self.section, self.block, more=tuple(more), binds=True))
        return arrays

    def record(
        self, target: str, value: ast.expr, type: ArrayType, guard: str | None, more: tuple[str, ...] = ()
    ) -> None:
        self.statements.append(Statement(target, value, self.section, self.block, guard, self.place, more))
        self.types[target] = type
        self.read.update(reads(value))

    def call(self, op: Op, *operands: Any, guard: str | None = None) -> Array:
        """The result of an operation on arrays and numbers."""
        return self.apply(op.call(*operands), guard)  # type: ignore[no-any-return]  # an Array: it gives one result

    def apply(self, call: Array | Call, guard: str | None = None) -> Any:
        """The result of a call, or a tuple of several; what changes nothing (`x * 1`, `x + 0`) is left out."""
        if isinstance(call, Array):
            return call
        op, operands, type = call.op, call.operands, call.types[0]
        if op is ops.RESHAPE:
            return self.reshape(operands[0], type.shape)
        if op is ops.COPY:
            return self.copy(operands[0])
        if op is ops.TRANSPOSE and operands[0].name in self.lifted and self.turns_back(*operands):
            return self.views[operands[0].name]
        if op.elementwise and guard is None:
            if (same := _unchanged(call)) is not None:
                return same
            if (bases := self._bases(operands)) is not None:
                return self.reshape(self.call(op, *bases), type.shape)
            if any(isinstance(item, Array) and item.name in self.stretched for item in operands):
                made = self.call(op, *(self._unstretched(item) for item in operands))
                return made if made.shape == type.shape else self.apply(ops.BROADCAST.call(made, type.shape))
        if op.function is not None:
            self.kernels[op.name] = op.function
        options = {name: expression(item) for name, item in call.options.items()}
        value = operation(op, *map(expression, operands), **options)
        if call.several:
            return self.emit_several(value, call.types)
        result = self.emit(value, type, guard=guard)
        if op.view:
            self.views[result.name] = operands[0]
        if op is ops.BROADCAST:
            self.stretched.add(result.name)
        if op is ops.TRANSPOSE:
            self.turned[result.name] = operands[1]
        return result

    def _unstretched(self, item: Any) -> Any:
        """What an operand was before it was stretched: an operation number by number stretches it itself."""
        return self.views[item.name] if isinstance(item, Array) and item.name in self.stretched else item

    def turns_back(self, array: Array, axes: tuple[int, ...]) -> bool:
        """Whether `axes` brings a transpose back into the order of what it looks at."""
        return self.turned.get(array.name) == tuple(axes.index(axis) for axis in range(len(axes)))

    def _bases(self, operands: Sequence[Any]) -> list[Any] | None:
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

    def reshape(self, array: Array, shape: Shape) -> Array:
        """`array` in another shape: itself if it has that shape, a copy first if its memory is not in order."""
        base = self.reshaped_from(array)
        while base is not None:
            array, base = base, self.reshaped_from(base)
        if array.shape == shape:
            return array
        if not array.type.contiguous:
            array = self.copy(array)
        value = operation(ops.RESHAPE, array.name, literal(runtime_shape(shape)))
        view = self.emit(value, ArrayType(shape, array.type.dtype))
        self.views[view.name] = array
        return view

    def copy(self, array: Array) -> Array:
        """The same values in memory of their own."""
        return self.emit(operation(ops.COPY, array.name), ArrayType(array.shape, array.type.dtype))

    def name(self, array: Array, wanted: str | None) -> None:
        """Give a variable its name in the generated code, unless it has one; None leaves it to its context."""
        if wanted is not None and (self.renames or array.name not in self.names) and "#" in array.name:
            self.names[array.name] = wanted
            if self.renames and (base := self.reshaped_from(array)) is not None:
                self.name(base, wanted)

    def claim(self, array: Array, name: str) -> None:
        """Give a variable the name that was set aside for it; the second to ask keeps that of the memory it is in."""
        if array.name in self.names or "#" not in array.name:
            return
        if name not in self.claimed:
            self.names[array.name] = name
            self.claimed[name] = array.name

    def unique(self, wanted: str) -> str:
        """`wanted`, or `wanted_2`, `wanted_3`, … if it is taken."""
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name


def expression(item: Any) -> ast.expr:
    """What a rule sees of an operand, in the generated code."""
    if isinstance(item, Array):
        return ast.Name(item.name, ast.Load())
    if isinstance(item, tuple | list):
        return ast.Tuple(list(map(expression, item)), ast.Load())
    return item.value if isinstance(item, Number) else literal(item)


def _unchanged(call: Call) -> Array | None:
    """The operand that the result would equal, if there is one."""
    neutral = call.op.neutral
    if neutral is None:
        return None
    left, right = call.operands
    for array, other in ((left, right), (right, left)) if call.op.commutes else ((left, right),):
        if isinstance(array, Array) and isinstance(other, int | float) and other == neutral:
            return array if array.type.dtype == call.types[0].dtype else None
    return None
