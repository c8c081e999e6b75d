"""Writes statements down: what a rule does to arrays becomes one operation after the other."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from gen.dims import Shape
from gen.program.ir import NUMBER, ArrayType, Block, Statement, operation, reads, runtime_shape
from gen.program.lower import fence
from gen.program.lower.fence import FenceError


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
    """Names that nothing may be called that did not claim them."""
    claimed: dict[str, str] = field(default_factory=dict)
    """Names that were set aside, each with the one variable that has it."""
    views: dict[str, Array] = field(default_factory=dict)
    """The variables that look at another one's memory, and which."""
    read: set[str] = field(default_factory=set)
    """The variables that some statement reads."""
    kernels: dict[str, FunctionType] = field(default_factory=dict)
    section: str = ""
    block: Block = Block("")
    place: str = ""

    def parameter(self, name: str, type: ArrayType) -> Array:
        """An array from outside: an input, a weight, a target; nothing else has its name."""
        self.types[name] = type
        self.taken.add(name.removeprefix("b."))
        return Array(name, type)

    def emit(self, value: ast.expr, type: ArrayType, *, guard: str | None = None) -> Array:
        """A new variable that holds `value`."""
        target = f"v#{len(self.statements)}"
        self.record(target, value, type, guard)
        return Array(target, type)

    def emit_several(self, value: ast.expr, types: Sequence[ArrayType]) -> tuple[Array, ...]:
        """New variables for the results of a kernel that has several."""
        count = len(self.statements)
        names = [f"v#{count}", *(f"v#{count}.{i}" for i in range(1, len(types)))]
        self.record(names[0], value, types[0], None, tuple(names[1:]))
        self.types.update(zip(names, types, strict=True))
        return tuple(Array(name, type) for name, type in zip(names, types, strict=True))

    def number(self, name: str, value: ast.expr) -> str:
        """A Python number under a name that was made `unique` or set aside for it; returns the name."""
        self.record(name, value, NUMBER, None)
        return name

    def record(
        self, target: str, value: ast.expr, type: ArrayType, guard: str | None, more: tuple[str, ...] = ()
    ) -> None:
        self.statements.append(Statement(target, value, self.section, self.block, guard, self.place, more))
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
        return self.emit(operation(f"np.{name}", *map(operand_of, operands)), type, guard=guard)

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
            self.claimed[name] = array.name

    def unique(self, wanted: str) -> str:
        """`wanted`, or `wanted_2`, `wanted_3`, … if it is taken."""
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name


def operand_of(item: Array | Number | float) -> object:
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
    if (
        isinstance(right, int | float)
        and right == neutral
        and isinstance(left, Array)
        and left.type.dtype == type.dtype
    ):
        return left
    commutes = name in ("add", "multiply")
    if commutes and isinstance(left, int | float) and left == neutral and isinstance(right, Array):
        return right if right.type.dtype == type.dtype else None
    return None
