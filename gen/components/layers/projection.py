"""One layer for an embedding and the projection after it; `rewrites/projections.py` inserts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gen.components.base import Component, Layer
from gen.components.kernels import Array
from gen.components.layers.convolution import Conv1D, over_rows
from gen.components.layers.core import Dense
from gen.components.layers.embedding import Embedding
from gen.components.layers.projection_kernels import (
    ProjectedRows,
    correlate_embedded,
    correlate_remembered,
    correlated_by_id,
    embedded_kernel_gradient,
    embedded_table_gradient,
    project_embedded,
    project_remembered,
    projected_by_id,
)
from gen.dims import Shape


@dataclass(frozen=True)
class EmbeddedProjection(Layer):
    """y = projection(embedding(x)), without the activation.

    (…) to (…, units) with a dense layer, (batch, steps) to (batch, positions, filters) with a convolution.  It projects
    each distinct id once (see `projection_kernels.py`), and in prediction once for each version of the weights.
    """

    internal = True
    memory = ProjectedRows

    embedding: Embedding
    projection: Dense | Conv1D

    @classmethod
    def of(cls, maker: Component, reader: Component) -> EmbeddedProjection | None:
        """The layer that `maker` and then `reader` are, without the activation; None if they are not such a pair."""
        match maker, reader:
            case Embedding(), Dense():
                return cls(maker, reader)
            case Embedding(), Conv1D(steps=None, groups=1):
                return cls(maker, reader)
        return None

    def output(self, x: Shape) -> Shape:
        return self.projection.output(self.embedding.output(x))

    def vocabulary(self) -> int | None:
        return self.embedding.vocabulary()

    def dtype(self, *inputs: str) -> str:
        return self.embedding.dtype(*inputs)

    def forward(self, x: Array, embeddings: Array, kernel: Array, bias: Array | None) -> Array:
        layer = self.projection
        if isinstance(layer, Conv1D):
            y = correlate_embedded(x, embeddings, kernel, layer.padding, layer.rates)
        else:
            y = project_embedded(x, embeddings, kernel)
        return y if bias is None else y + bias

    def predict(self, x: Array, embeddings: Array, kernel: Array, bias: Array | None, memory: ProjectedRows) -> Array:
        layer = self.projection
        if isinstance(layer, Conv1D):
            y = correlate_remembered(x, embeddings, kernel, memory, layer.padding, layer.rates)
        else:
            y = project_remembered(x, embeddings, kernel, memory)
        return y if bias is None else y + bias

    def backward(self, dy: Array, x: Array, embeddings: Array, kernel: Array, bias: Array | None) -> tuple[Any, ...]:
        layer = self.projection
        if isinstance(layer, Conv1D):
            dproducts = correlated_by_id(dy, x, embeddings, layer.window[0], layer.padding, layer.rates)
        else:
            dproducts = projected_by_id(dy, x, embeddings)
        dembeddings = embedded_table_gradient(dproducts, kernel)
        dkernel = embedded_kernel_gradient(dproducts, embeddings, kernel)
        dbias = None if bias is None else over_rows(dy)
        return dembeddings, dkernel, dbias
