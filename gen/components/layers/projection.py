"""An embedding and the dense layer or convolution after it as one layer, which `rewrites/projections.py` puts in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gen.components.base import Layer
from gen.components.kernels import Array
from gen.components.layers.convolution import Conv1D, over_rows
from gen.components.layers.core import Dense
from gen.components.layers.embedding import Embedding
from gen.components.layers.projection_kernels import (
    ProjectedRows,
    embedded_kernel_gradient,
    embedded_table_gradient,
    project_embedded,
    project_remembered,
    sum_windows_by_id,
)
from gen.dims import Shape


@dataclass(frozen=True)
class EmbeddedProjection(Layer):
    """y = projection(embedding(x)) up to the activation, (…) to (…, filters) or (batch, steps) to (batch, positions, filters).

    Each distinct id is projected once, see `projection_kernels.py`; in prediction once per version of the weights.
    """

    internal = True
    memory = ProjectedRows

    embedding: Embedding
    projection: Dense | Conv1D

    @property
    def options(self) -> tuple[Any, ...]:
        """What a convolution has besides its kernel."""
        layer = self.projection
        return (layer.padding, layer.rates) if isinstance(layer, Conv1D) else ()

    def output(self, x: Shape) -> Shape:
        return self.projection.output(self.embedding.output(x))

    def vocabulary(self) -> int | None:
        return self.embedding.vocabulary()

    def dtype(self, *inputs: str) -> str:
        return self.embedding.dtype(*inputs)

    def forward(self, x: Array, embeddings: Array, kernel: Array, bias: Array | None) -> Array:
        y = project_embedded(x, embeddings, kernel, *self.options)
        return y if bias is None else y + bias

    def predict(
        self, x: Array, embeddings: Array, kernel: Array, bias: Array | None, memory: ProjectedRows
    ) -> Array:
        y = project_remembered(x, embeddings, kernel, memory, *self.options)
        return y if bias is None else y + bias

    def backward(
        self, dy: Array, x: Array, embeddings: Array, kernel: Array, bias: Array | None
    ) -> tuple[Array | None, ...]:
        projected = sum_windows_by_id(dy, x, embeddings, kernel, *self.options)
        dembeddings = embedded_table_gradient(projected, kernel, embeddings)
        dkernel = embedded_kernel_gradient(projected, embeddings, kernel)
        dbias = None if bias is None else over_rows(dy)
        return dembeddings, dkernel, dbias
