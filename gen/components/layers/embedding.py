"""Embedding: from ids to vectors.  Source: `keras/src/layers/core/embedding.py`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from gen.components.arguments import Count
from gen.components.base import Initializer, Layer, Regularizer, ShapeError, Weight, component
from gen.components.initializers import RandomUniform
from gen.components.kernels import Array, kernel
from gen.components.layers.core import CONSTRAINTS
from gen.components.layers.masking import NotZero
from gen.dims import Shape


@kernel(lambda rows, ids, table: table)
def sum_by_id(rows: Array, ids: Array, table: Array, out: Array | None = None) -> Array:
    """For each row of `table` the sum of those of `rows` whose id it is: the gradient of `table[ids]`.

    `rows` is (…, features) and `ids` (…); so is the result's shape that of `table`.  The rows of an id are added in
    rounds: of all ids the first, the second, …; those of an id that occurs often are added at once.
    """
    if out is None:
        out = np.empty_like(table)
    out.fill(0.0)
    rows, ids = rows.reshape(-1, table.shape[1]), ids.reshape(-1)
    order = np.argsort(ids.astype(np.min_scalar_type(len(table))), kind="stable")
    ids = ids[order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]])[: len(ids)])
    counts = np.diff(starts, append=len(ids))
    often = counts > 16
    for first, count in np.stack([starts[often], counts[often]], axis=1).tolist():
        np.add.reduce(rows[order[first : first + count]], axis=0, out=out[ids[first]])
    starts, counts = starts[~often], counts[~often]
    by_count = np.argsort(-counts, kind="stable")
    starts, counts = starts[by_count], counts[by_count]
    sums = rows[order[starts]]
    for place in range(1, int(counts[0]) if len(counts) else 0):
        several = np.count_nonzero(counts > place)
        sums[:several] += rows[order[starts[:several] + place]]
    out[ids[starts]] = sums
    return out


@component
class Embedding(Layer):
    """y = embeddings[x]: for each id its row of a table, (…) to (…, output_dim); ids run from 0 below input_dim.

    With `mask_zero` the id 0 stands for padding: the layers after it leave these steps out.
    """

    unsupported = {
        "embeddings_constraint": CONSTRAINTS,
        "weights": "weights belong to the generated file: `model.weights`",
        "lora_rank": "gen has no low-rank adaptation",
        "lora_alpha": "gen has no low-rank adaptation",
        "quantization_config": "gen computes in float32 or float64",
    }

    input_dim: Count
    output_dim: Count
    embeddings_initializer: Initializer = RandomUniform()
    embeddings_regularizer: Regularizer | None = None
    mask_zero: bool = False

    def output(self, x: Shape) -> Shape:
        return (*x, self.output_dim)

    def weights(self, x: Shape) -> dict[str, Weight]:
        shape = (self.input_dim, self.output_dim)
        return {"embeddings": Weight(shape, self.embeddings_initializer, self.embeddings_regularizer)}

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

    def backward(self, dy: Array, x: Array, embeddings: Array) -> Array:
        dembeddings = sum_by_id(dy, x, embeddings)
        return dembeddings
