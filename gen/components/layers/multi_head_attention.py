"""Attention by several heads, each with its own projections.  Source: `keras/src/layers/attention`.

Scores, masks, and the gradient of a softmax are as in `attention`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from gen.components import base
from gen.components.arguments import Count, Rate
from gen.components.base import Layer, ShapeError, Weight, component
from gen.components.initializers import GlorotUniform, Zeros
from gen.components.kernels import Array
from gen.components.layers.attention import (
    check,
    either,
    later,
    outside,
    softmax,
)
from gen.components.layers.core import size_of
from gen.components.layers.masking import Masks
from gen.components.refused import SEED, refused
from gen.dims import Shape, Size, show


def as_rows(x: Array, kernel: Array) -> tuple[Array, Array]:
    """`x`, (batch · steps, features), and its kernel, (features, heads · dim), as matrices."""
    features, count, dim = kernel.shape
    return x.reshape((x.shape[0] * x.shape[1], features)), kernel.reshape((features, count * dim))


def project(x: Array, kernel: Array, bias: Array | None) -> Array:
    """x @ kernel + bias as rows: (batch, steps, features) to (batch · steps, heads · dim)."""
    rows, matrix = as_rows(x, kernel)
    if bias is None:
        return rows @ matrix
    return rows @ matrix + bias.reshape((matrix.shape[1],))


def heads(rows: Array, x: Array, kernel: Array) -> Array:
    """The result of `project` as a matrix for each head: (batch, heads, steps, dim)."""
    return rows.reshape((x.shape[0], x.shape[1], *kernel.shape[1:])).transpose((0, 2, 1, 3))


def merged(x: Array) -> Array:
    """The heads side by side: (batch, heads, steps, dim) to (batch · steps, heads · dim)."""
    batch, count, steps, dim = x.shape
    return x.transpose((0, 2, 1, 3)).reshape((batch * steps, count * dim))


def before_projection(drows: Array, x: Array, kernel: Array, bias: Array | None) -> tuple[Array, Array, Array | None]:
    """The gradients of `x`, the kernel and the bias of `project`."""
    rows, matrix = as_rows(x, kernel)
    dx = (drows @ matrix.T).reshape(x.shape)
    dkernel = (rows.T @ drows).reshape(kernel.shape)
    dbias = None if bias is None else np.add.reduce(drows, axis=0).reshape(bias.shape)
    return dx, dkernel, dbias


@component
class MultiHeadAttention(Layer):
    """Attention in `num_heads` heads: each projects query, key, and value, and a last projection joins their results.

    query (n, features), value (m, …), key (m, …) to (n, output_shape), by default (n, features); if there is no key,
    the value is the key.  `attention_mask` (n, m) says which steps of the value each step of the query may see.  If a
    step may see none, its attention is uniform over all steps, or 0 with dropout, as in Keras.  Also as in Keras, later
    layers do not see the masks of query, value, and key.  Vaswani et al., 2017.  Source: `multi_head_attention.py`;
    `dot_product_attention`, which it calls, in `backend/jax/nn.py`.

    Formula: y = attention_output_bias + Σ softmax(q @ kᵀ / √key_dim) @ v @ attention_output_kernel, over all heads
    Example: MultiHeadAttention(4, 16)(Input(20, 64), Input(30, 64))
    """

    inside = ("softmax", "dropout")
    supports_masking = True
    takes_masks = True
    booleans: ClassVar[tuple[str, ...]] = ("attention_mask",)
    left_out: ClassVar[dict[str, str]] = {"key": "value"}
    call_options: ClassVar[dict[str, Any]] = {"use_causal_mask": False}
    unsupported = {
        "attention_axes": "gen attends over the steps of a sequence",
        "use_gate": "gen has no gated attention",
        **refused("activity_regularizer", "kernel_constraint", "bias_constraint"),
    }
    ignored = {
        "flash_attention": "it computes the same in another order",
        **SEED,
    }

    num_heads: Count
    key_dim: Count
    value_dim: Count | None = None
    dropout: Rate = 0.0
    use_bias: bool = True
    output_shape: Count | tuple[Count, ...] | None = None
    sliding_window: Count | None = None
    kernel_initializer: base.Initializer = GlorotUniform()
    bias_initializer: base.Initializer = Zeros()
    kernel_regularizer: base.Regularizer | None = None
    bias_regularizer: base.Regularizer | None = None

    def features(self, query: Shape) -> Shape:
        """The shape of each step of the output."""
        if self.output_shape is None or self.output_shape == ():
            return query[2:]
        return (self.output_shape,) if isinstance(self.output_shape, int) else self.output_shape

    def output(
        self, query: Shape, value: Shape, key: Shape | None = None, attention_mask: Shape | None = None
    ) -> Shape:
        check(self, query, value, value if key is None else key)
        if attention_mask is not None:
            wanted = (query[1], value[1])
            seen = attention_mask[1:]
            if len(seen) != 2 or any(size not in (1, full) for size, full in zip(seen, wanted, strict=True)):
                message = f"MultiHeadAttention expects an attention_mask of shape {show(wanted)}, got {show(seen)}"
                raise ShapeError(message, "has another shape")
        return (*query[:2], *self.features(query))

    def weights(
        self, query: Shape, value: Shape, key: Shape | None = None, attention_mask: Shape | None = None
    ) -> dict[str, Weight]:
        each = {"query": query, "key": value if key is None else key, "value": value}
        dims = {"query": self.key_dim, "key": self.key_dim, "value": self.value_dim or self.key_dim}
        found: dict[str, Weight] = {}
        for name, x in each.items():
            features = size_of("MultiHeadAttention", x[2], f"the number of features of the {name}")
            found |= self.projection(name, (features,), (self.num_heads, dims[name]))
        units = tuple(size_of("MultiHeadAttention", size, "the number of features") for size in self.features(query))
        return found | self.projection("attention_output", (self.num_heads, dims["value"]), units)

    def projection(self, name: str, taken: tuple[int, ...], given: tuple[int, ...]) -> dict[str, Weight]:
        """The weights of one projection."""
        kernel = Weight((*taken, *given), self.kernel_initializer, self.kernel_regularizer)
        bias = Weight(given, self.bias_initializer, self.bias_regularizer)
        return {f"{name}/kernel": kernel, f"{name}/bias": bias} if self.use_bias else {f"{name}/kernel": kernel}

    def needs(self, *inputs: Shape) -> tuple[Size, ...]:
        return (inputs[1][1],)

    def dtype(self, *inputs: str) -> str:
        if inputs[3:] not in ((), ("bool",)):
            message = f"MultiHeadAttention expects an attention_mask of bool, got {inputs[3]}"
            raise ShapeError(
                message, code="dtype-mismatch", hint="compare it: `mask > 0`, or give the Input the dtype bool"
            )
        return Layer.dtype(self, *inputs[:3])

    def masking(self, masks: tuple[int, ...]) -> int | None:
        return 0 if masks[0] else None

    def forward(
        self,
        query: Array,
        value: Array,
        key: Array | None,
        attention_mask: Array | None,
        masks: Masks,
        use_causal_mask: bool,
        rng: np.random.Generator | None,
        query_kernel: Array,
        query_bias: Array | None,
        key_kernel: Array,
        key_bias: Array | None,
        value_kernel: Array,
        value_bias: Array | None,
        attention_output_kernel: Array,
        attention_output_bias: Array | None,
    ) -> Array:
        source = value if key is None else key
        queries = project(query, query_kernel, query_bias) * self.key_dim**-0.5
        keys = project(source, key_kernel, key_bias)
        values = project(value, value_kernel, value_bias)
        q = heads(queries, query, query_kernel)
        k = heads(keys, source, key_kernel)
        v = heads(values, value, value_kernel)
        scores = q @ k.transpose((0, 1, 3, 2))
        padded = either(
            None if masks[0] is None else np.logical_not(masks[0])[:, None, :, None],
            None if masks[1] is None else np.logical_not(masks[1])[:, None, None, :],
            None if key is None or masks[2] is None else np.logical_not(masks[2])[:, None, None, :],
            None if self.sliding_window is None else outside(scores, self.sliding_window),
            None if attention_mask is None else np.logical_not(attention_mask)[:, None, :, :],
        )
        hidden = either(padded, later(scores) if use_causal_mask else None)
        if hidden is not None:
            scores = np.where(hidden, -1e9, scores)
        attention = softmax(scores)
        if self.dropout != 0 and padded is not None and hidden is not None:
            attention = np.where(hidden, 0.0, attention)
        taken = attention
        if self.dropout != 0 and rng is not None:
            kept = rng.random(attention.shape) >= self.dropout
            taken = attention * kept * (1 / (1 - self.dropout))
        context = merged(taken @ v)
        matrix = attention_output_kernel.reshape((context.shape[1], math.prod(attention_output_kernel.shape[2:])))
        y = context @ matrix
        if attention_output_bias is not None:
            y = y + attention_output_bias.reshape((matrix.shape[1],))
        return y.reshape((*query.shape[:2], *attention_output_kernel.shape[2:]))

    def backward(
        self,
        dy: Array,
        query: Array,
        value: Array,
        key: Array | None,
        source: Array,
        q: Array,
        k: Array,
        v: Array,
        padded: Array | None,
        hidden: Array | None,
        attention: Array,
        kept: Array | None,
        taken: Array,
        context: Array,
        query_kernel: Array,
        query_bias: Array | None,
        key_kernel: Array,
        key_bias: Array | None,
        value_kernel: Array,
        value_bias: Array | None,
        attention_output_kernel: Array,
        attention_output_bias: Array | None,
    ) -> tuple[Array | None, ...]:
        matrix = attention_output_kernel.reshape((context.shape[1], math.prod(attention_output_kernel.shape[2:])))
        drows = dy.reshape((context.shape[0], matrix.shape[1]))
        dattention_output_kernel = (context.T @ drows).reshape(attention_output_kernel.shape)
        dattention_output_bias = None
        if attention_output_bias is not None:
            dattention_output_bias = np.add.reduce(drows, axis=0).reshape(attention_output_bias.shape)
        dcontext = drows @ matrix.T
        along = np.add.reduce((dcontext * context).reshape((*query.shape[:2], *value_kernel.shape[1:])), axis=-1)
        dheads = heads(dcontext, query, value_kernel)
        dv = merged(taken.transpose((0, 1, 3, 2)) @ dheads)
        dattention = dheads @ v.transpose((0, 1, 3, 2))
        if kept is not None:
            dattention = dattention * kept * (1 / (1 - self.dropout))
        dscores = attention * (dattention - along.transpose((0, 2, 1))[:, :, :, None])
        if padded is not None and hidden is not None and self.dropout == 0:
            dscores = np.where(hidden, 0.0, dscores)
        dq = merged(dscores @ k) * self.key_dim**-0.5
        dk = merged(dscores.transpose((0, 1, 3, 2)) @ q)
        dquery, dquery_kernel, dquery_bias = before_projection(dq, query, query_kernel, query_bias)
        dsource, dkey_kernel, dkey_bias = before_projection(dk, source, key_kernel, key_bias)
        dvalue, dvalue_kernel, dvalue_bias = before_projection(dv, value, value_kernel, value_bias)
        dkey = None if key is None else dsource
        if key is None:
            dvalue = dvalue + dsource
        return (
            dquery,
            dvalue,
            dkey,
            dquery_kernel,
            dquery_bias,
            dkey_kernel,
            dkey_bias,
            dvalue_kernel,
            dvalue_bias,
            dattention_output_kernel,
            dattention_output_bias,
        )

    def predict(
        self,
        query: Array,
        value: Array,
        key: Array | None,
        attention_mask: Array | None,
        masks: Masks,
        use_causal_mask: bool,
        query_kernel: Array,
        query_bias: Array | None,
        key_kernel: Array,
        key_bias: Array | None,
        value_kernel: Array,
        value_bias: Array | None,
        attention_output_kernel: Array,
        attention_output_bias: Array | None,
    ) -> Array:
        return self.forward(
            query,
            value,
            key,
            attention_mask,
            masks,
            use_causal_mask,
            None,
            query_kernel,
            query_bias,
            key_kernel,
            key_bias,
            value_kernel,
            value_bias,
            attention_output_kernel,
            attention_output_bias,
        )
