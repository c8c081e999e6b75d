"""The embedding, from ids to vectors.  Source: `keras/src/layers/core/embedding.py`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gen.components.arguments import Count
from gen.components.base import Constraint, Initializer, Layer, Regularizer, ShapeError, Weight, component
from gen.components.initializers import RandomUniform
from gen.components.kernels import Array, kernel, sum_by_id
from gen.components.layers.masking import NotZero
from gen.components.refused import refused
from gen.dims import Shape


@kernel(dtype="int32", by_row=True)
def as_ids(x: Array, out: Array | None = None) -> Array:
    """Ids that arrived as floats."""
    if out is None:
        out = np.empty(x.shape, np.int32)
    np.copyto(out, x, casting="unsafe")
    return out


@dataclass(frozen=True)
class AsIds(Layer):
    """Turns the numbers of a float Input into ids for a lookup; the generated file checks that they are whole."""

    internal = True

    def output(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str) -> str:
        return "int32"

    def part_of_ids(self, part: str, axes: int | None) -> tuple[str, int | None]:
        return part, axes

    def forward(self, x: Array) -> Array:
        return as_ids(x)


@component
class Embedding(Layer):
    """The row of a table for each id: (…) to (…, output_dim); ids are from 0 to `input_dim` - 1.

    The ids of a float Input must be whole numbers.  With `mask_zero`, the id 0 is padding, and later layers leave out
    these steps.

    Formula: y = embeddings[x]
    Example: Embedding(10000, 64)(Input("steps", int32))
    """

    unsupported = {
        "weights": "weights belong to the generated file: `model.weights`",
        **refused("lora_rank", "lora_alpha", "quantization_config"),
    }

    input_dim: Count
    output_dim: Count
    embeddings_initializer: Initializer = RandomUniform()
    embeddings_regularizer: Regularizer | None = None
    embeddings_constraint: Constraint | None = None
    mask_zero: bool = False

    def output(self, x: Shape) -> Shape:
        return (*x, self.output_dim)

    def weights(self, x: Shape) -> dict[str, Weight]:
        shape = (self.input_dim, self.output_dim)
        return {
            "embeddings": Weight(
                shape, self.embeddings_initializer, self.embeddings_regularizer, self.embeddings_constraint, by_row=True
            )
        }

    def vocabulary(self) -> int | None:
        return self.input_dim

    def dtype(self, *inputs: str) -> str:
        if not inputs[0].startswith(("int", "uint")):
            raise ShapeError(
                f"Embedding expects ids, got {'numbers of float32' if inputs[0] == 'float' else inputs[0]}",
                code="dtype-mismatch",
                hint="give the Input an integer dtype: `Input(None, int32)`",
            )
        return "float"

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        if self.mask_zero:
            return NotZero()
        return None

    def forward(self, x: Array, embeddings: Array) -> Array:
        return np.take(embeddings, x, axis=0, mode="clip")

    def backward(self, dy: Array, x: Array) -> tuple[Array, Array]:
        dembeddings = sum_by_id(dy, x)
        return dembeddings
