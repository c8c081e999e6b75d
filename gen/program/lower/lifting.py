"""What is done outside of a loop over steps, for all steps at once.

A statement that moves out of the loop is *lifted*: it works on arrays with steps as their first axis.  Views cost
nothing and are taken wherever they are read.  What each step gives to a sum is added up by one product over all steps,
where it is one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from gen.components.layers.recurrent_kernels import bias_gradient, input_gradient, kernel_gradient, project_steps
from gen.dims import Size
from gen.program import ops
from gen.program.ir import STEP, Block, Statement, operation, reads, substitute
from gen.program.lower.builder import Builder
from gen.program.types import Array, ArrayType

LIFTED_VIEWS = (ops.TRANSPOSE, ops.INDEX, ops.RESHAPE)
JOINTS = (ops.CONCATENATE, ops.STACK)


class Lifting:
    """The statements of a step, `inner`, and those around the loop, `outer`; what is known of the variables of both."""

    def __init__(self, outer: Builder, rename: Callable[[str], str | None], every: bool) -> None:
        self.outer, self.rename, self.every = outer, rename, every
        self.inner = Builder(
            prefix=f"{outer.prefix}_step",
            taken=outer.taken,
            local=outer.local,
            section=STEP,
            block=Block(""),
            renames=True,
        )
        self.steps: Size = 0
        self.whole: dict[str, Array] = {}
        """By the name of what a step has of it: the array of all steps."""
        self.states: dict[str, str] = {}
        """By the name of a state: what it is called in the body."""
        self.makers: dict[str, Statement] = {}
        self.level: dict[str, int] = {}
        """What a variable depends on: 0 nothing that changes from step to step, 1 the sequences, 2 the states."""
        self.place: dict[str, str] = {}
        self.lifted: dict[str, Array] = {}
        self.totals: dict[str, Array] = {}
        """By variable: its sum over all steps."""

    def root(self, name: str) -> str:
        """The variable whose memory a view looks at."""
        while name in self.makers and self.level[name] and self.makers[name].op.view:
            name = reads(self.makers[name].value)[0]
        return name

    def is_inside(self, root: str) -> bool:
        """Whether there is no array of all steps of it unless the loop stacks it."""
        if not self.level.get(root, 0):
            return False
        if root in self.states.values():
            return not self.every
        return root not in self.whole and self.place.get(root) not in ("before", "after")

    def can_lift(self, statement: Statement) -> bool:
        op, value = statement.op, statement.value
        if statement.more or statement.guard is not None or not isinstance(value, ast.Call):
            return False
        operands = [item.id for item in value.args if isinstance(item, ast.Name)]
        varying = [operand for operand in operands if self.level.get(operand, 0)]
        if not all(self.can_lift_view(operand) for operand in varying):
            return False
        ranks = {len(self.type_of(operand).shape) for operand in varying}
        if op.elementwise:
            return ranks == {len(self.type_of(statement.target).shape)}
        if op in JOINTS:
            return all(self.level.get(operand, 0) and self.can_lift_view(operand) for operand in reads(value))
        if op is ops.DOT:
            return len(operands) == 2 and {len(self.type_of(operand).shape) for operand in operands} == {2}
        return op.reduces and axes_of(value) is not None

    def can_lift_view(self, name: str) -> bool:
        while name != self.root(name):
            if self.makers[name].op not in LIFTED_VIEWS:
                return False
            name = reads(self.makers[name].value)[0]
        return True

    def type_of(self, name: str) -> ArrayType:
        return self.inner.types.get(name) or self.outer.types[name]

    def move(self, statement: Statement) -> None:
        """Do outside of the loop what a statement does, for all steps."""
        value = statement.value
        assert isinstance(value, ast.Call)
        kinds = [self.inner.types[name] for name in statement.targets]
        names = [self.inner.names.get(name) for name in statement.targets]
        if self.place[statement.target] == "once":
            operands = {name: self.lift(name) for name in reads(value)}
            if len(kinds) == 1:
                made = [self.again(value, kinds[0], operands)]
            else:
                made = list(self.outer.emit_several(substitute(value, _named(operands)), kinds))
        else:
            made = [self.lift_statement(statement, value)]
        for target, array, name in zip(statement.targets, made, names, strict=True):
            self.lifted[target] = array
            if name is not None:
                self.outer.name(array, self.rename(name))

    def again(self, value: ast.Call, kind: ArrayType, operands: Mapping[str, Array]) -> Array:
        """What a statement of one result does, done outside to `operands`."""
        op, first = ops.of(value), operands[reads(value)[0]] if reads(value) else None
        if first is not None and op is ops.TRANSPOSE:
            return transposed(self.outer, first, ast.literal_eval(value.args[1]))
        if first is not None and op is ops.RESHAPE:
            return self.outer.reshape(first, kind.shape)
        made = self.outer.emit(substitute(value, _named(operands)), kind)
        if first is not None and op.view:
            self.outer.views[made.name] = first
        return made

    def lift(self, name: str) -> Array:
        """The array of all steps of a variable, or what is the same at each step."""
        if name in self.lifted:
            return self.lifted[name]
        if name in self.whole:
            return self.whole[name]
        if name not in self.makers:
            return Array(name, self.outer.types[name])
        statement = self.makers[name]
        assert statement.op.view, name
        self.lifted[name] = self.lift_view(statement)
        return self.lifted[name]

    def lift_view(self, statement: Statement) -> Array:
        value, build = statement.value, self.outer
        assert isinstance(value, ast.Call)
        base = self.lift(reads(value)[0])
        shape = (base.shape[0], *self.inner.types[statement.target].shape)
        if statement.op is ops.TRANSPOSE:
            return transposed(build, base, (0, *(axis + 1 for axis in ast.literal_eval(value.args[1]))))
        if statement.op is ops.RESHAPE:
            return build.reshape(base, shape)
        index = value.args[1]
        items = index.elts if isinstance(index, ast.Tuple) else [index]
        every = operation(ops.INDEX, base.name, ast.Tuple([ast.Slice(), *items], ast.Load()))
        view = build.emit(every, ArrayType(shape, base.type.dtype, contiguous=False))
        build.views[view.name] = base
        return view

    def lift_statement(self, statement: Statement, value: ast.Call) -> Array:
        build, op = self.outer, statement.op
        if op in JOINTS:
            axis = next(ast.literal_eval(item.value) for item in value.keywords)
            return build.call(op, [*map(self.lift, reads(value))], axis + 1)
        operands: list[Any] = [self.lift(item.id) if isinstance(item, ast.Name) else item for item in value.args]
        if op.reduces:
            axes = tuple(axis + 1 for axis in axes_of(value) or ())
            keeps = any(item.arg == "keepdims" for item in value.keywords)
            return build.apply(op.call(operands[0], axes, keepdims=keeps))  # type: ignore[no-any-return]  # an Array
        if op is not ops.DOT:
            kind = self.inner.types[statement.target]
            for at, item in enumerate(value.args):
                if isinstance(item, ast.Name) and self.is_column(item.id, kind):
                    operands[at] = self.widened(item.id, kind)
            arguments = [item.name if isinstance(item, Array) else item for item in operands]
            return build.emit(operation(op, *arguments), ArrayType((self.steps, *kind.shape), kind.dtype))
        left, right = operands
        each = [bool(self.level.get(item.id, 0)) for item in value.args if isinstance(item, ast.Name)]
        if each == [False, True] and self.place[statement.target] == "before":
            return self.kernel(project_steps, _rows(build, right), transposed(build, left, (1, 0)))
        if each == [False, True]:
            view = transposed(build, self.kernel(input_gradient, right, left), (1, 2, 0))
            build.lifted.add(view.name)
            return view
        return build.call(ops.MATMUL, left, right)

    def is_column(self, name: str, kind: ArrayType) -> bool:
        """Whether it is the same at each step, and NumPy would have to stretch it to the size of a step."""
        column = self.type_of(name)
        return not self.level.get(name, 0) and len(column.shape) > 0 and column.shape != kind.shape

    def widened(self, name: str, kind: ArrayType) -> Array:
        """A column as a matrix of the size of a step.

        NumPy stretches row by row, which takes several times as long as a sum.
        """
        column = self.lift(name)
        wide = self.outer.emit(operation(ops.COPY, column.name), ArrayType(kind.shape, column.type.dtype))
        while name not in self.inner.names and name in self.makers and self.makers[name].op.view:
            name = reads(self.makers[name].value)[0]
        known = self.inner.names.get(name)
        self.outer.name(wide, self.rename(f"wide_{known}" if known else "wide"))
        self.lifted[wide.name] = wide
        return wide

    def kernel(self, function: Callable[..., Any], *operands: Array) -> Array:
        return self.outer.call(ops.of_kernel(function), *operands)

    # ------------------------------------------------------------------------------------------------------------- sums

    def summands(self, array: Array) -> list[Array]:
        """What the sum over all steps is computed from."""
        parts = self.parts_of_sum(array)
        if parts is None:
            return [array]
        if parts and self.is_linear(array):
            return [operand for part in parts for operand in self.summands(part)]
        return parts

    def is_linear(self, array: Array) -> bool:
        """Whether it only puts numbers in other places, so that its sum is made of sums."""
        return self.makers[array.name].op in (*LIFTED_VIEWS, *JOINTS)

    def parts_of_sum(self, array: Array) -> list[Array] | None:
        """The two matrices of a product, the one that is summed over the batch, or what is put together."""
        statement = self.makers.get(array.name)
        if statement is None or not isinstance(statement.value, ast.Call):
            return None
        value, names = statement.value, reads(statement.value)
        parts = [Array(name, self.type_of(name)) for name in names]
        if not all(self.level.get(name, 0) for name in names):
            return None
        if self.is_linear(array):
            return parts
        if any(len(part.shape) != 2 or not self.can_lift_view(part.name) for part in parts):
            return None
        over_batch = statement.op is ops.SUM and axes_of(value) == (1,) and len(value.keywords) == 1
        return parts if statement.op is ops.DOT or over_batch else None

    def total(self, array: Array) -> Array:
        """The sum of what each step gives, by one product over all steps where it is one."""
        if array.name not in self.totals:
            self.totals[array.name] = self.new_total(array)
        return self.totals[array.name]

    def new_total(self, array: Array) -> Array:
        parts = self.parts_of_sum(array)
        if parts is None:
            return self.outer.call(ops.SUM, self.lift(array.name), 0)
        if self.is_linear(array):
            statement = self.makers[array.name]
            assert isinstance(statement.value, ast.Call)
            totals = {part.name: self.total(part) for part in parts}
            return self.again(statement.value, self.inner.types[array.name], totals)
        if len(parts) == 1:
            return self.kernel(bias_gradient, self.lift(parts[0].name))
        left, right = parts
        turned = transposed(self.outer, self.lift(right.name), (0, 2, 1))
        return self.kernel(kernel_gradient, self.lift(left.name), turned)


def _named(arrays: Mapping[str, Array]) -> dict[str, ast.expr]:
    return {name: ast.Name(array.name, ast.Load()) for name, array in arrays.items()}


def is_product(statement: Statement) -> bool:
    return statement.op is ops.DOT or statement.op.reduces


def axes_of(value: ast.Call) -> tuple[int, ...] | None:
    """The axes that a reduction goes over; None for all, or where they are counted from the end."""
    said = {item.arg: ast.literal_eval(item.value) for item in value.keywords}
    axis = said.get("axis")
    axes = (axis,) if isinstance(axis, int) else axis
    return axes if axes is not None and all(each >= 0 for each in axes) else None


def transposed(build: Builder, array: Array, axes: tuple[int, ...]) -> Array:
    """`array` with its axes in another order; what a transpose looks at where that undoes it."""
    if build.turns_back(array, axes):
        return build.views[array.name]
    return build.call(ops.TRANSPOSE, array, axes)


def _rows(build: Builder, sequence: Array) -> Array:
    """(steps, features, batch) as (batch, steps, features)."""
    return transposed(build, sequence, (2, 0, 1))
