"""Masking, and the layers that compute masks: (batch, steps) of bool, True where a step counts."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gen.components.base import Layer, Role, ShapeError, component
from gen.components.kernels import Array, kernel
from gen.dims import Shape, show

Masks: TypeAlias = "tuple[Array | None, ...]"
"""The mask of each input, (batch, steps), or None where all steps count."""


@kernel(lambda x: x[:-1], dtype="bool", by_row=True)
def all_steps(x: Array, out: Array | None = None) -> Array:
    """The mask of a sequence in which every step counts."""
    if out is None:
        out = np.empty(x.shape[:-1], bool)
    out.fill(True)
    return out


class Mask(Layer):
    """Computes the mask of a layer's output.  It belongs to that layer; a `.nn` file has no name for it."""

    role = Role.MASK
    internal = True
    supports_masking = True

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        return None

    def dtype(self, *inputs: str) -> str:
        return "bool"


@dataclass(frozen=True)
class NotZero(Mask):
    """Where ids are not 0."""

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return np.not_equal(x, 0)


@dataclass(frozen=True)
class AnyDiffers(Mask):
    """Where any number of a step is not `value`."""

    value: float

    def output(self, x: Shape) -> Shape:
        return x[:-1]

    def forward(self, x: Array) -> Array:
        return np.logical_or.reduce(np.not_equal(x, self.value), axis=-1)


@dataclass(frozen=True)
class AnyMask(Mask):
    """Where a step counts in at least one input: takes `count` inputs and then their masks."""

    merges = True
    count: int

    def output(self, *inputs: Shape) -> Shape:
        return inputs[self.count]

    def forward(self, *inputs: Array) -> Array:
        masks = inputs[self.count :]
        either = masks[0]
        for mask in masks[1:]:
            either = np.logical_or(either, mask)
        return either


@dataclass(frozen=True)
class JoinedMasks(Mask):
    """The masks of inputs joined along `axis`; `masked` says which inputs have one.  In the others, all steps count."""

    merges = True
    masked: tuple[bool, ...]
    axis: int

    def output(self, *inputs: Shape) -> Shape:
        shapes = [x[:-1] for x in inputs[: len(self.masked)]]
        steps = sum(shape[self.axis] for shape in shapes)
        return (*shapes[0][: self.axis], steps, *shapes[0][self.axis + 1 :])

    def forward(self, *inputs: Array) -> Array:
        masks = list(inputs[len(self.masked) :])
        pairs = zip(inputs, self.masked, strict=False)
        return np.concatenate([masks.pop(0) if has else all_steps(x) for x, has in pairs], axis=self.axis)


@component
class Masking(Layer):
    """Sets steps whose numbers are all `mask_value` to 0, and later layers leave out these steps.

    (steps, features) to the same.  Source: `keras/src/layers/core/masking.py`.

    Formula: y = x where any(x[t] != mask_value), else 0
    Example: Masking()(Input(20, 8))
    """

    supports_masking = True

    mask_value: float = 0.0

    def output(self, x: Shape) -> Shape:
        if len(x) < 3:
            raise ShapeError(f"Masking expects (steps, features), got {show(x[1:])}", "needs a sequence")
        return x

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        return AnyDiffers(self.mask_value)

    def forward(self, x: Array) -> Array:
        counts = np.logical_or.reduce(np.not_equal(x, self.mask_value), axis=-1, keepdims=True)
        return x * counts

    def backward(self, dy: Array, counts: Array) -> Array:
        return dy * counts


@dataclass(frozen=True)
class ZeroSteps(Layer):
    """y = x, with 0 in the steps that the mask leaves out: Bidirectional applies it to both directions."""

    internal = True
    supports_masking = True

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array, mask: Array | None) -> Array:
        return x if mask is None else x * mask[:, :, None]

    def backward(self, dy: Array, mask: Array | None) -> Array:
        return dy if mask is None else dy * mask[:, :, None]
