"""Attention by several heads, each with its own projections.  Source: `keras/src/layers/attention`.

Masks and the gradient of a softmax are as in `attention`.  The kernels work on one row of the batch at a time, whose
scores stay in the cache.  Scores are (batch, heads, value steps, query steps), so that sums run down their columns.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from gen.components import base
from gen.components.arguments import Count, Rate
from gen.components.base import Layer, ShapeError, Weight, component
from gen.components.initializers import GlorotUniform, Zeros
from gen.components.kernels import Array, float32, kernel
from gen.components.layers.attention import (
    check,
    either,
    later,
    outside,
)
from gen.components.layers.core import size_of
from gen.components.layers.masking import Masks
from gen.components.refused import SEED
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


def project_back(context: Array, kernel: Array, bias: Array | None) -> Array:
    """context @ kernel + bias as rows: (batch · steps, heads · dim) to (batch · steps, features)."""
    matrix = kernel.reshape((context.shape[1], math.prod(kernel.shape[2:])))
    y = context @ matrix
    if bias is not None:
        y = y + bias.reshape((matrix.shape[1],))
    return y


def heads(rows: Array, x: Array, kernel: Array) -> Array:
    """The result of `project` with an axis for the heads: (batch, steps, heads, dim)."""
    return rows.reshape((x.shape[0], x.shape[1], *kernel.shape[1:]))


def merged(x: Array) -> Array:
    """The heads side by side: (batch, steps, heads, dim) to (batch · steps, heads · dim)."""
    batch, steps, count, dim = x.shape
    return x.reshape((batch * steps, count * dim))


def scores_of(q: Any, k: Any) -> tuple[Any, ...]:
    """The shape of the scores, (batch, heads, value steps, query steps)."""
    return (q[0], q[2], k[1], q[1])


def rows_at_a_time(q: Any, k: Any) -> int:
    """How many rows of the batch the kernels work on at a time."""
    rows: int = min(q[0], max(1, 131072 // math.prod(scores_of(q, k)[1:])))
    return rows


def products(q: Any, k: Any, v: Any) -> int:
    """The operations of one product with q or k and one with v."""
    count: int = 2 * math.prod(scores_of(q, k)) * (q[3] + v[3])
    return count


@kernel(
    lambda q, k, v, *_, **__: [(*q[:3], v[3]), scores_of(q, k)],
    room=lambda q, k, v, hidden=None, kept=None, **_: (
        0 if kept is None else float32((rows_at_a_time(q, k), *scores_of(q, k)[1:]))
    ),
    operations=lambda q, k, v, *_, **__: products(q, k, v) + 4 * math.prod(scores_of(q, k)),
    by_row=True,
)
def attend(
    q: Array,
    k: Array,
    v: Array,
    hidden: Array | None = None,
    kept: Array | None = None,
    share: float = 1.0,
    hides_all: bool = False,
    out: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """softmax(q @ kᵀ) @ v for each head, and the softmax.

    q, k, v, and the result are (batch, steps, heads, dim), the softmax (batch, heads, value steps,
    query steps).  `hidden`, (…, query steps, value steps), says which scores count as -1e9; with
    `hides_all`, also a step that sees none has an attention of 0.  `kept`, in the shape of the
    softmax, says what a dropout keeps, which is this share.
    """
    if out is None:
        (batch, steps, count, _), others = q.shape, k.shape[1]
        y = np.empty((batch, steps, count, v.shape[3]), q.dtype)
        out = (y, np.empty((batch, count, others, steps), q.dtype))
    context, attention = out
    unseen = None if hidden is None else np.broadcast_to(hidden.swapaxes(-2, -1), attention.shape)
    q, k, v, context = (each.transpose(0, 2, 1, 3) for each in (q, k, v, context))
    ones = np.ones(k.shape[2], k.dtype)
    block = max(1, 131072 // math.prod(attention.shape[1:]))  # rows whose scores stay in the cache
    for start in range(0, len(q), block):
        rows = slice(start, start + block)
        scores = np.matmul(k[rows], q[rows].swapaxes(2, 3), out=attention[rows])
        if unseen is not None:
            np.copyto(scores, -1e9, where=unseen[rows])
        # The exponentials of small scores neither overflow nor vanish, and their shares are the same.
        if max(scores.max(), -scores.min()) > 40.0:
            scores -= np.maximum.reduce(scores, axis=2, keepdims=True)
        np.exp(scores, out=scores)
        scores *= 1.0 / np.matmul(ones, scores)[:, :, None, :]
        if unseen is not None and hides_all:
            np.copyto(scores, 0.0, where=unseen[rows])
        taken = scores if kept is None else scores * kept[rows]
        result = np.matmul(taken.swapaxes(2, 3), v[rows], out=context[rows])
        if kept is not None:
            result /= share
    return out


@kernel(
    lambda q, k, v, *_, **__: (*q[:3], v[3]),
    room=lambda q, k, v, *_, **__: float32((rows_at_a_time(q, k), *scores_of(q, k)[1:])),
    operations=lambda q, k, v, *_, **__: products(q, k, v) + 4 * math.prod(scores_of(q, k)),
    by_row=True,
)
def attended(
    q: Array,
    k: Array,
    v: Array,
    hidden: Array | None = None,
    hides_all: bool = False,
    out: Array | None = None,
) -> Array:
    """The first result of `attend`; the second exists for a few rows of the batch at a time."""
    (batch, steps, count, _), others = q.shape, k.shape[1]
    if out is None:
        out = np.empty((batch, steps, count, v.shape[3]), q.dtype)
    unseen = None if hidden is None else np.broadcast_to(hidden, (batch, count, steps, others))
    block = min(batch, max(1, 131072 // (count * steps * others)))  # rows at a time
    attention = np.empty((block, count, others, steps), q.dtype)
    for start in range(0, batch, max(1, block)):
        rows = slice(start, start + block)
        part = None if unseen is None else unseen[rows]
        results = (out[rows], attention[: len(q[rows])])
        attend(q[rows], k[rows], v[rows], hidden=part, hides_all=hides_all, out=results)
    return out


@kernel(
    lambda dcontext, context, q, k, v, *_, **__: [q, k, v],
    room=lambda dcontext, context, q, k, v, *_, kept=None, **__: float32(
        (1 if kept is None else 2, rows_at_a_time(q, k), *scores_of(q, k)[1:]), (rows_at_a_time(q, k), *context[1:])
    ),
    operations=lambda dcontext, context, q, k, v, *_, **__: (2 * products(q, k, v) + 3 * math.prod(scores_of(q, k))),
    by_row=True,
)
def attention_gradients(
    dcontext: Array,
    context: Array,
    q: Array,
    k: Array,
    v: Array,
    attention: Array,
    hidden: Array | None = None,
    kept: Array | None = None,
    share: float = 1.0,
    out: tuple[Array, Array, Array] | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients of q, k, and v, from that of the first result of `attend` and both results.

    The scores that are `hidden` pass no gradient on.
    """
    if out is None:
        out = (np.empty(q.shape, q.dtype), np.empty(k.shape, k.dtype), np.empty(v.shape, v.dtype))
    unseen = None if hidden is None else np.broadcast_to(hidden.swapaxes(-2, -1), attention.shape)
    q, k, v, dq, dk, dv = (each.transpose(0, 2, 1, 3) for each in (q, k, v, *out))
    ones = np.ones(v.shape[3], v.dtype)
    block = max(1, 131072 // math.prod(attention.shape[1:]))  # rows whose scores stay in the cache
    room = np.empty((min(block, len(q)), *attention.shape[1:]), q.dtype)
    for start in range(0, len(q), block):
        rows = slice(start, start + block)
        taken, dy = attention[rows], dcontext[rows].transpose(0, 2, 1, 3)
        product = dcontext[rows] * context[rows]
        along = np.dot(product.reshape(-1, len(ones)), ones).reshape(product.shape[:3]).swapaxes(1, 2)
        if kept is not None:
            taken, dy = taken * kept[rows], dy / share
        np.matmul(taken, dy, out=dv[rows])
        dscores = np.matmul(v[rows], dy.swapaxes(2, 3), out=room[: len(q[rows])])
        if kept is not None:
            dscores *= kept[rows]
        dscores -= along[:, :, None, :]
        dscores *= attention[rows]
        if unseen is not None:
            np.copyto(dscores, 0.0, where=unseen[rows])
        np.matmul(dscores.swapaxes(2, 3), k[rows], out=dq[rows])
        np.matmul(dscores, q[rows], out=dk[rows])
    return out


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
        "activity_regularizer": "Keras gives it to the projections inside, whose results gen does not regularize",
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
    kernel_constraint: base.Constraint | None = None
    bias_constraint: base.Constraint | None = None

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
        kernel = Weight((*taken, *given), self.kernel_initializer, self.kernel_regularizer, self.kernel_constraint)
        bias = Weight(given, self.bias_initializer, self.bias_regularizer, self.bias_constraint)
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

    def heads_of(
        self,
        query: Array,
        value: Array,
        key: Array | None,
        query_kernel: Array,
        query_bias: Array | None,
        key_kernel: Array,
        key_bias: Array | None,
        value_kernel: Array,
        value_bias: Array | None,
    ) -> tuple[Array, Array, Array, Array]:
        """The tensor of the keys, and the projections of all three, (batch, steps, heads, dim)."""
        source = value if key is None else key
        queries = project(query, query_kernel, query_bias) * self.key_dim**-0.5
        keys = project(source, key_kernel, key_bias)
        values = project(value, value_kernel, value_bias)
        q = heads(queries, query, query_kernel)
        k = heads(keys, source, key_kernel)
        v = heads(values, value, value_kernel)
        return source, q, k, v

    def hidden_by(
        self, query: Array, source: Array, key: Array | None, attention_mask: Array | None, masks: Masks, causal: bool
    ) -> tuple[Array | None, Array | None]:
        """The scores that masks hide, and those that these or the order of the steps hide; None if there are none."""
        padded = either(
            None if masks[0] is None else np.logical_not(masks[0])[:, None, :, None],
            None if masks[1] is None else np.logical_not(masks[1])[:, None, None, :],
            None if key is None or masks[2] is None else np.logical_not(masks[2])[:, None, None, :],
            None if self.sliding_window is None else outside(query, source, self.sliding_window),
            None if attention_mask is None else np.logical_not(attention_mask)[:, None, :, :],
        )
        return padded, either(padded, later(query, source) if causal else None)

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
        source, q, k, v = self.heads_of(
            query, value, key, query_kernel, query_bias, key_kernel, key_bias, value_kernel, value_bias
        )
        padded, hidden = self.hidden_by(query, source, key, attention_mask, masks, use_causal_mask)
        hides_all = self.dropout != 0 and padded is not None
        if self.dropout == 0 or rng is None:
            joined, attention = attend(q, k, v, hidden, hides_all=hides_all)
        else:
            kept = rng.random((q.shape[0], q.shape[2], k.shape[1], q.shape[1])) >= self.dropout
            joined, attention = attend(q, k, v, hidden, kept, 1 - self.dropout, hides_all)
        context = merged(joined)
        y = project_back(context, attention_output_kernel, attention_output_bias)
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
        joined: Array,
        attention: Array,
        kept: Array | None,
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
        djoined = heads(drows @ matrix.T, query, value_kernel)
        blocked = hidden if padded is not None and self.dropout == 0 else None
        dqueries, dkeys, dvalues = attention_gradients(
            djoined, joined, q, k, v, attention, blocked, kept, 1 - self.dropout
        )
        dq = merged(dqueries) * self.key_dim**-0.5
        dk = merged(dkeys)
        dv = merged(dvalues)
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
        source, q, k, v = self.heads_of(
            query, value, key, query_kernel, query_bias, key_kernel, key_bias, value_kernel, value_bias
        )
        padded, hidden = self.hidden_by(query, source, key, attention_mask, masks, use_causal_mask)
        joined = attended(q, k, v, hidden, self.dropout != 0 and padded is not None)
        y = project_back(merged(joined), attention_output_kernel, attention_output_bias)
        return y.reshape((*query.shape[:2], *attention_output_kernel.shape[2:]))
