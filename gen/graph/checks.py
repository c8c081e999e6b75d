"""What has to hold of a model as a whole: how large it may be, and whether a loss fits the output that it is given."""

from __future__ import annotations

from collections.abc import Iterable

from gen.components.base import Activation, Layer, Loss, Weight
from gen.dims import Shape

MAX_PARAMETERS = 2**31
"""How many weights a model may have: 8 GB in float32, before gradients and the optimizer's slots."""
MAX_ELEMENTS = 2**31
"""How many numbers an array may hold for each row of a batch."""


def parameters(weights: Iterable[Weight]) -> int:
    """How many numbers the weights hold."""
    return sum(weight.size for weight in weights)


def head_of(component: Layer | Activation) -> Activation | None:
    """The activation that a layer applies last; None where it is none of the layer's own, or none is known."""
    if isinstance(component, Activation):
        return component
    activation = getattr(component, "activation", None)
    return activation if isinstance(activation, Activation) and not component.applies_activation else None


def check_loss(loss: Loss, shape: Shape, head: Activation | None) -> None:
    """Raise `ShapeError` if `loss` cannot be used on an output of this shape, made by this activation."""
    loss.fits(shape, head)
