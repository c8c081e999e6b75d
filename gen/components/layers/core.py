"""Dense, and activations as layers of their own.  Source: `keras/src/layers/core`, `…/activations`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from gen.components import base
from gen.components.activations import Linear
from gen.components.arguments import Count
from gen.components.base import Layer, ShapeError, Weight, component
from gen.components.initializers import GlorotUniform, Zeros
from gen.components.kernels import Array
from gen.dims import Shape, Size

CONSTRAINTS = "gen has no constraints on weights; a regularizer is the nearest thing"


def size_of(layer: str, size: Size, what: str) -> int:
    """`size` as a number; raises `ShapeError` if it is known only when data arrives, for a weight must have a size."""
    if isinstance(size, int):
        return size
    raise ShapeError(f"{layer} needs to know {what} in advance, and it is `{size}`", f"{what} unknown")


@component
class Dense(Layer):
    """y = activation(x @ kernel + bias); (…, features) to (…, units).  Source: `core/dense.py`."""

    last_axis = True
    unsupported = {
        "activity_regularizer": "gen regularizes weights, not outputs",
        "kernel_constraint": CONSTRAINTS,
        "bias_constraint": CONSTRAINTS,
        "lora_rank": "gen has no low-rank adaptation",
        "lora_alpha": "gen has no low-rank adaptation",
        "quantization_config": "gen computes in float32 or float64",
    }

    units: Count
    activation: base.Activation = Linear()
    use_bias: bool = True
    kernel_initializer: base.Initializer = GlorotUniform()
    bias_initializer: base.Initializer = Zeros()
    kernel_regularizer: base.Regularizer | None = None
    bias_regularizer: base.Regularizer | None = None

    def output(self, x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("Dense expects (features,) or (…, features), got ()", "has no features")
        return (*x[:-1], self.units)

    def weights(self, x: Shape) -> dict[str, Weight]:
        features = size_of("Dense", x[-1], "the number of features")
        kernel = Weight((features, self.units), self.kernel_initializer, self.kernel_regularizer)
        bias = Weight((self.units,), self.bias_initializer, self.bias_regularizer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def forward(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        if bias is None:
            return x @ kernel
        return x @ kernel + bias

    def backward(self, dy: Array, x: Array, kernel: Array, bias: Array | None) -> tuple[Array, ...]:
        dx = dy @ kernel.T
        dkernel = x.T @ dy
        if bias is None:
            return dx, dkernel
        dbias = np.add.reduce(dy, axis=0)
        return dx, dkernel, dbias
