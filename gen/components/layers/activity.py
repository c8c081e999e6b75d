"""What the results of a layer cost: its `activity_regularizer`.  Source: `keras/src/layers/layer.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from dataclasses import dataclass

from gen.components.arguments import NonNegative
from gen.components.base import Layer, Regularizer, component
from gen.components.kernels import Array
from gen.components.regularizers import L1, L1L2, L2
from gen.dims import Shape


@dataclass(frozen=True)
class ActivityPenalty(Layer):
    """What a regularizer makes of a tensor, a number."""

    internal = True
    arithmetic = True

    regularizer: Regularizer

    def output(self, x: Shape) -> Shape:
        self.regularizer.fits(x)
        return ()

    def forward(self, x: Array) -> Array:
        return self.regularizer.forward(x)

    def backward(self, dy: Array, x: Array) -> Array:
        return self.regularizer.backward(x) * dy


@dataclass(frozen=True)
class PerRow(Layer):
    """A number, divided by the rows of a tensor."""

    internal = True
    arithmetic = True

    def output(self, value: Shape, x: Shape) -> Shape:
        return value

    def forward(self, value: Array, x: Array) -> Array:
        return value / x.shape[0]

    def backward(self, dy: Array, x: Array) -> Array:
        dvalue = dy / x.shape[0]
        return dvalue


@component
class ActivityRegularization(Layer):
    """Gives what it is given, and adds to the loss what that costs, for each row; any shape.

    Source: `activity_regularization.py`.

    Formula: y = x; loss += (l1 · Σ |x| + l2 · Σ x²) / rows
    Example: ActivityRegularization(l2=0.01)(Input(64))
    """

    supports_masking = True

    l1: NonNegative = 0.0
    l2: NonNegative = 0.0

    @property
    def activity_regularizer(self) -> Regularizer | None:
        if self.l1 == 0 and self.l2 == 0:
            return None
        return L1(self.l1) if self.l2 == 0 else L2(self.l2) if self.l1 == 0 else L1L2(self.l1, self.l2)

    def output(self, x: Shape) -> Shape:
        return x

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy
