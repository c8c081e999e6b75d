"""Checks of a model as a whole: its size, and whether each loss fits its output."""

from __future__ import annotations

from collections.abc import Iterable

from gen.components.base import Activation, Layer, Loss, Weight
from gen.dims import Shape

MAX_PARAMETERS = 2**31
"""The most weights that a model may have: 8 GB in float32, before gradients and the optimizer's slots."""
MAX_ELEMENTS = 2**31
"""The most numbers that an array may contain for each row of a batch."""


def parameters(weights: Iterable[Weight]) -> int:
    """The number of numbers in the weights."""
    return sum(weight.size for weight in weights)


def head_of(component: Layer | Activation) -> Activation | None:
    """The activation that a layer applies last; None if it has none of its own, or if it is unknown."""
    if isinstance(component, Activation):
        return component
    activation = getattr(component, "activation", None)
    return activation if isinstance(activation, Activation) and not component.applies_activation else None


def check_loss(loss: Loss, shape: Shape, head: Activation | None) -> None:
    """Raise `ShapeError` if `loss` does not fit an output of this shape, made by this activation."""
    if not loss.by_tensors():
        loss.fits(shape, head)
