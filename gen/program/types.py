"""Arrays and numbers in the compiler: their types, and their form in a rule."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from gen.dims import Shape


@dataclass(frozen=True)
class ArrayType:
    """Shape and dtype of a variable; dtype `"float"` is the model's float type, `"number"` a Python number."""

    shape: Shape
    dtype: str = "float"
    contiguous: bool = True


NUMBER = ArrayType((), "number")


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
