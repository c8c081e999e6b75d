"""What all operations on tensors have in common: `keras.ops.sum(x, axis=1)` is the class `Sum`.

An operation is a Layer that no call makes by its word, so the compiler treats it as any other.  The parameters of its
`forward` are its operands, as Keras names them, and its fields are the arguments after these.  An operand may be a
Python number, or a size that only data decide: then `backward` returns None for it.  Operands that have no batch, and
fewer axes than others, are fine; they broadcast as NumPy's arrays do.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeAlias, TypeVar, dataclass_transform

import numpy as np

from gen.components.base import Layer, ShapeError, snake_case
from gen.components.kernels import Array
from gen.components.scope import Scope
from gen.dims import Dim, Shape, Size, show

operations: Scope[type[Operation]] = Scope("operation")
"""Every operation by the name that `keras.ops` has for it."""

DTYPES = {
    "float16": "float",
    "bfloat16": "float",
    "float32": "float",
    "float64": "float",
    "half": "float",
    "float": "float",
    "double": "float",
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "int32": "int32",
    "int64": "int64",
    "bool": "bool",
}
"""The dtypes by name; `float` is the type that the model computes in, whatever float the file says."""
Dtype: TypeAlias = str | None
"""A field of this type is called `dtype_`: it is the argument `dtype`, given as one of these names."""

WEAK = {bool: "bool", int: "whole", float: "real"}
"""The dtypes of Python's numbers, which adapt to the arrays beside them."""
WHOLE = ("uint8", "int8", "uint16", "int16", "int32", "int64")
SMALL = ("bool", "uint8", "int8", "uint16", "int16")
NOT_FLOAT = ("bool", *WHOLE)
BOOLS_AS_NUMBERS: Mapping[str, str] = {"bool": "int32"}
NO_BOOLS: Mapping[str, str] = {"bool": ""}
"""What `casts` of an operation says of yes and no."""


class Operation(Layer):
    """An operation: `output(self, …)` gives the shape for those of all operands, () for numbers.

    `dtype(self, …)` gives the dtype for theirs; a Python number has one of `WEAK`.
    """

    listed: ClassVar[str] = ""
    """The name of the argument that holds all operands in a list: `xs` of `concatenate`."""
    spread: ClassVar[bool] = False
    """Whether a call gives these one by one, after its first argument."""
    argument_order: ClassVar[tuple[str, ...]] = ()
    """The arguments in order, where the operands are not the first."""
    of_keras: ClassVar[bool] = True
    """Whether `keras.ops` has it; what only other modules have, the table of spellings names."""
    arithmetic = True
    takes_stretched = True
    moves: ClassVar[bool] = False
    """Whether it passes numbers on as they are, in other places or fewer of them."""

    @classmethod
    def operands(cls) -> tuple[str, ...]:
        """The names of the operands; the one name of all where there are any number of them."""
        return operand_names(cls)

    @classmethod
    def required(cls) -> int:
        """How many operands there have to be."""
        return sum(item.default is item.empty for item in _parameters(cls).values())

    @classmethod
    def variadic(cls) -> bool:
        """Whether there are any number of operands."""
        return any(item.kind is item.VAR_POSITIONAL for item in _parameters(cls).values())

    def inferred(
        self, shapes: Sequence[Shape], dtypes: Sequence[str], options: Mapping[str, Any]
    ) -> tuple[Shape | list[Shape], str]:
        """The shape and the dtype of the result; `options` are the operands that are numbers, by name."""
        given = list(zip(shapes, dtypes, strict=True))
        if not self.variadic():
            waiting = iter(given)
            given = [
                ((), weak(options[name])) if name in options else next(waiting) for name in self.names(options, given)
            ]
        dtype = self.dtype(*(each for _, each in given))
        return self.output(*(each for each, _ in given)), dtype

    def names(self, numbers: Mapping[str, Any], tensors: Sequence[Any]) -> list[str]:
        """The names of the operands that there are, in order."""
        left = len(tensors)
        found = []
        for name in self.operands():
            if name not in numbers and left == 0:
                continue
            left -= name not in numbers
            found.append(name)
        return found

    def dtype(self, *inputs: str) -> str:
        return promoted(inputs)

    def keeps_numbers(self, inputs: int) -> bool:
        return self.moves

    casts: ClassVar[Mapping[str, str]] = {}
    """The dtype that operands of a dtype are cast to first; an empty one where Keras refuses them."""

    def taken(self, dtypes: Sequence[str]) -> list[str]:
        """The dtypes that operands of these are cast to first; raises `ShapeError` for what Keras refuses."""
        found = [self.casts.get(dtype, dtype) for dtype in dtypes]
        if "" in found:
            message = f"{type(self).__name__} does not take a tensor of {dtypes[found.index('')]}, as in Keras"
            raise ShapeError(message, code="dtype-mismatch", hint='cast it first: `ops.cast(x, "int32")`')
        return found

    def passes_on(self, dtype: str) -> bool:
        """Whether it gives an operand of this dtype as it is; that of a size is `whole`."""
        return False

    def constant(self, shape: Shape, dtype: str) -> Operation | None:
        """What stands for it where its operand has this shape and dtype, if no number of that matters."""
        return None

    def fits(self, shapes: Sequence[Shape], known: Mapping[str, Any]) -> None:
        """Raises `ShapeError` for operands whose numbers are `known`, by name, and do not fit the tensors' shapes."""


def weak(number: Any) -> str:
    """The dtype of a Python number, or of a size."""
    return "whole" if isinstance(number, Dim) else WEAK[type(number)]


def promoted(dtypes: Sequence[str]) -> str:
    """The dtype of what arithmetic makes of these, as Keras promotes them."""
    found = set(dtypes)
    if found & {"float", "real"}:
        return "float"
    arrays = found - {"whole"}
    if arrays <= {"bool"}:
        return "int32" if "whole" in found else "bool"
    arrays.discard("bool")
    if len(arrays) == 1:
        return arrays.pop()
    return max(arrays, key=lambda name: (int(name.lstrip("uint")), name)) if arrays <= set(WHOLE) else "int32"


def refuse_bools(operation: Operation, dtypes: Sequence[str]) -> None:
    """Raise `ShapeError` for products of yes and no alone, of which Keras says whether any holds, and sums none."""
    if dtypes and set(dtypes) == {"bool"}:
        message = f"{type(operation).__name__} of tensors of bool says whether any product is true, and sums nothing"
        raise ShapeError(f"{message}, in Keras", code="dtype-mismatch", hint='cast one: `ops.cast(x, "int32")`')


@cache
def _parameters(cls: type[Operation]) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(cls.forward).parameters)
    return {name: item for name, item in found.items() if name not in ("self", "rng")}


@cache
def operand_names(cls: type[Operation]) -> tuple[str, ...]:
    return tuple(_parameters(cls))


Op = TypeVar("Op", bound=type[Operation])


@dataclass_transform(frozen_default=True)
def operation(cls: Op) -> Op:
    """Make a frozen dataclass of `cls` and register it under its name and its aliases."""
    cls = dataclass(frozen=True)(cls)  # type: ignore[assignment]  # dataclass() does not say that it returns cls itself
    for name in (cls.word or snake_case(cls.__name__), *cls.aliases):
        operations[name] = cls
    return cls


# ------------------------------------------------------------------------------------------------------------- the axes


def axis_of(self: Operation, axis: int, shape: Shape, more: int = 0) -> int:
    """The number of an axis, counted from the front; raises `ShapeError` if there is none."""
    rank = len(shape) + more
    if not -rank <= axis < rank:
        has = f"axes 0 to {rank - 1}" if rank > 1 else "axis 0 alone" if rank else "no axes"
        raise ShapeError(f"{type(self).__name__} gets axis {axis} of {show(shape)}, which has {has}", "no such axis")
    return axis % rank


def axes_of(self: Operation, axis: int | tuple[int, ...] | None, shape: Shape) -> tuple[int, ...]:
    """The axes that `axis` names, in order, all for None; raises `ShapeError` for what is no axis, or is twice."""
    if axis is None:
        return tuple(range(len(shape)))
    axes = [axis_of(self, each, shape) for each in ((axis,) if isinstance(axis, int) else axis)]
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{type(self).__name__} gets an axis of {show(shape)} twice: {axis}", "the same axis twice")
    return tuple(sorted(axes))


# ----------------------------------------------------------------------------------------------------------- stretching


def stretched(self: Operation, shapes: Sequence[Shape]) -> Shape:
    """The shape to which all stretch, counted from the last axis; raises `ShapeError` if there is none."""
    rank = max(map(len, shapes), default=0)
    result: list[Size] = []
    for sizes in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        different = [size for size in dict.fromkeys(sizes) if size != 1]
        if len(different) > 1:
            said = " and ".join(show(shape) for shape in shapes if shape != ())
            raise ShapeError(
                f"{type(self).__name__} cannot combine {said}: their axes are compared from the last on",
                f"{different[0]} is not {different[1]}",
            )
        result.append(different[0] if different else 1)
    return tuple(result)


def stretched_axes(before: Shape, after: Shape) -> tuple[int, ...]:
    """The axes of `after` along which `before` was stretched."""
    new = len(after) - len(before)
    return tuple(i for i, size in enumerate(after) if i < new or before[i - new] != size)


def share(x: Array | float, dy: Array) -> Array | None:
    """The gradient of the operand `x`: the sum of `dy` over what was stretched; None for a number."""
    if isinstance(x, bool | int | float):
        return None
    axes = stretched_axes(x.shape, dy.shape)
    if axes:
        dy = np.add.reduce(dy, axis=None if len(axes) == dy.ndim else axes)
    return dy if dy.ndim == x.ndim else dy.reshape(x.shape)
