"""Attention: each step of a query takes a weighted mean of the steps of a value.  Source: `keras/src/layers/attention`.

In all three layers, attention = softmax(scores) over the steps of the value, and y = attention @ value; scores and
attention are (…, query steps, value steps).  Masks follow from the inputs.  `use_causal_mask` hides from step i of the
query all steps of the value after i.

The gradient of a softmax needs Σ dattention · attention over the steps of the value.  For y = attention @ value, this
equals Σ dy · y over the features, which is a shorter sum (Dao et al., FlashAttention, 2022, appendix B.2).
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from gen.components.arguments import Rate
from gen.components.base import Layer, ShapeError, Weight, component
from gen.components.initializers import GlorotUniform, Ones
from gen.components.kernels import Array, kernel
from gen.components.layers.core import size_of
from gen.components.layers.masking import Masks
from gen.components.refused import SEED
from gen.dims import Shape, Size, show

# --------------------------------------------------------------------------------------------------------------- scores


@kernel(lambda query, value: (query[1], value[1]), dtype="bool", by_shape=True)
def later(query: Array, value: Array, out: Array | None = None) -> Array:
    """Whether step j of the value comes after step i of the query, (query steps, value steps)."""
    steps, others = query.shape[1], value.shape[1]
    after: Array = np.less(np.arange(steps)[:, None], np.arange(others), out=out)
    return after


@kernel(lambda query, value, window: (query[1], value[1]), dtype="bool", by_shape=True)
def outside(query: Array, value: Array, window: int, out: Array | None = None) -> Array:
    """Whether steps i of the query and j of the value are at least `window` steps apart."""
    steps, others = query.shape[1], value.shape[1]
    distance = np.abs(np.arange(steps)[:, None] - np.arange(others))
    far: Array = np.greater_equal(distance, window, out=out)
    return far


def either(*masks: Array | None) -> Array | None:
    """The places that any of `masks` hides; None if there are no masks."""
    hidden = None
    for mask in masks:
        if mask is not None:
            hidden = mask if hidden is None else np.logical_or(hidden, mask)
    return hidden


def softmax(scores: Array) -> Array:
    """exp(scores) / Σ exp(scores), the sum over the last axis."""
    exponentials = np.exp(scores - np.maximum.reduce(scores, axis=-1, keepdims=True))
    return exponentials / np.add.reduce(exponentials, axis=-1, keepdims=True)


def attention_of(scores: Array, query: Array, value: Array, masks: Masks, use_causal_mask: bool) -> Array:
    """The softmax of (batch, query steps, value steps) over the scores that are not hidden.

    As in Keras, hidden scores are lowered by 1e9: if all steps are hidden, the attention follows from their scores.
    """
    hidden = either(
        None if masks[1] is None else np.logical_not(masks[1])[:, None, :],
        later(query, value) if use_causal_mask else None,
    )
    if hidden is not None:
        scores = np.where(hidden, scores - 1e9, scores)
    return softmax(scores)


def pair_gradients(dsums: Array, pairs: Array) -> tuple[Array, Array]:
    """The gradients of q and k; `dsums` (batch, query steps, value steps) belongs to Σ pairs, pairs = tanh(q + k)."""
    slope = 1.0 - pairs * pairs
    dq = np.matmul(dsums[:, :, None, :], slope)
    dk = np.matmul(dsums.transpose((0, 2, 1))[:, :, None, :], slope.transpose((0, 2, 1, 3)))
    return dq[:, :, 0, :], dk[:, :, 0, :]


def parts(inputs: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """Query, value, and key; if there is no key, the value is the key."""
    return inputs[0], inputs[1], inputs[-1]


def check(layer: Layer, query: Shape, value: Shape, key: Shape) -> None:
    """Raise `ShapeError` unless these are sequences, and key and value have equally many steps."""
    name = type(layer).__name__
    for x in (query, value, key):
        if len(x) != 3:
            raise ShapeError(f"{name} expects (steps, features), got {show(x[1:])}", "is not a sequence")
    if value[1] != key[1]:
        message = f"{name} expects a key for each step of the value, got {show(key[1:])} for {show(value[1:])}"
        raise ShapeError(message, f"{key[1]} is not {value[1]}")


def attended(layer: Layer, inputs: tuple[Shape, ...]) -> Shape:
    """The output shape of Attention and AdditiveAttention; raises `ShapeError`."""
    name = type(layer).__name__
    if len(inputs) not in (2, 3):
        message = f"{name} expects [query, value] or [query, value, key], got {len(inputs)} tensors"
        raise ShapeError(message, "write them as a list")
    query, value, key = parts(inputs)
    check(layer, query, value, key)
    if query[2] != key[2]:
        message = f"{name} expects a query and a key with as many features, got {show(query[1:])} and {show(key[1:])}"
        raise ShapeError(message, f"{query[2]} is not {key[2]}")
    return (*query[:2], value[2])


# ------------------------------------------------------------------------------------------------------------- one head


@component
class Attention(Layer):
    """Means of the values; the weights say how well each key fits the query.

    scores = scale · query @ keyᵀ, or concat_score_weight · Σ tanh(scale · (query + key)) over the features.

    [query (n, d), value (m, e), key (m, d)] to (n, e); if there is no key, the value is the key.  Padded steps of the
    query give 0.  Luong et al., 2015.  Source: `attention.py`.

    Formula: y = softmax(scale · query @ keyᵀ) @ value
    Example: Attention()([Input(20, 64), Input(30, 64)])
    """

    merges = True
    supports_masking = True
    call_options: ClassVar[dict[str, Any]] = {"use_causal_mask": False}
    ignored = SEED

    use_scale: bool = False
    score_mode: Literal["dot", "concat"] = "dot"
    dropout: Rate = 0.0

    def output(self, *inputs: Shape) -> Shape:
        return attended(self, inputs)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        found = {"scale": Weight((), Ones())} if self.use_scale else {}
        return found if self.score_mode == "dot" else {**found, "concat_score_weight": Weight((), Ones())}

    def needs(self, *inputs: Shape) -> tuple[Size, ...]:
        return (inputs[1][1],)

    def masking(self, masks: tuple[int, ...]) -> int | None:
        return 0 if masks[0] else None

    def forward(
        self,
        *inputs: Array,
        masks: Masks,
        use_causal_mask: bool,
        rng: np.random.Generator | None,
        scale: Array | None,
        concat_score_weight: Array | None,
    ) -> Array:
        query, value, key = parts(inputs)
        q = query if scale is None else query * scale
        if concat_score_weight is None:
            scores = q @ key.transpose((0, 2, 1))
        else:
            k = key if scale is None else key * scale
            pairs = np.tanh(q[:, :, None, :] + k[:, None, :, :])
            sums = np.add.reduce(pairs, axis=-1)
            scores = sums * concat_score_weight
        attention = attention_of(scores, query, value, masks, use_causal_mask)
        taken = attention
        if self.dropout != 0 and rng is not None:
            kept = rng.random(attention.shape) >= self.dropout
            taken = attention * kept * (1 / (1 - self.dropout))
        y = taken @ value
        return y if masks[0] is None else y * masks[0][:, :, None]

    def backward(
        self,
        dy: Array,
        y: Array,
        masks: Masks,
        query: Array,
        value: Array,
        key: Array,
        q: Array,
        pairs: Array | None,
        sums: Array | None,
        attention: Array,
        kept: Array | None,
        taken: Array,
        inputs: tuple[Array, ...],
        scale: Array | None,
        concat_score_weight: Array | None,
    ) -> tuple[Any, ...]:
        if masks[0] is not None:
            dy = dy * masks[0][:, :, None]
        dvalue = taken.transpose((0, 2, 1)) @ dy
        dattention = dy @ value.transpose((0, 2, 1))
        if kept is not None:
            dattention = dattention * kept * (1 / (1 - self.dropout))
        dscores = attention * (dattention - np.add.reduce(dy * y, axis=-1, keepdims=True))
        dscale, dconcat_score_weight = None, None
        if pairs is None or sums is None:
            dquery = dscores @ key
            dkey = dscores.transpose((0, 2, 1)) @ q
            if scale is not None:
                dscale = np.vdot(dquery, query)
        else:
            dconcat_score_weight = np.vdot(dscores, sums)
            dquery, dkey = pair_gradients(dscores * concat_score_weight, pairs)
            if scale is not None:
                dscale = np.vdot(dquery, query) + np.vdot(dkey, key)
                dkey = dkey * scale
        if scale is not None:
            dquery = dquery * scale
        dinputs = (dquery, dvalue, dkey) if len(inputs) == 3 else (dquery, dvalue + dkey)
        return dinputs, dscale, dconcat_score_weight

    def predict(
        self,
        *inputs: Array,
        masks: Masks,
        use_causal_mask: bool,
        scale: Array | None,
        concat_score_weight: Array | None,
    ) -> Array:
        return self.forward(
            *inputs,
            masks=masks,
            use_causal_mask=use_causal_mask,
            rng=None,
            scale=scale,
            concat_score_weight=concat_score_weight,
        )


@component
class AdditiveAttention(Layer):
    """Means of the values; the weights come from sums of query and key.

    scores = Σ scale · tanh(query + key) over the features.

    [query (n, d), value (m, e), key (m, d)] to (n, e); if there is no key, the value is the key.  Padded steps of the
    query give 0.  Bahdanau et al., 2015.  Source: `additive_attention.py`.

    Formula: y = softmax(Σ scale · tanh(query + key)) @ value
    Example: AdditiveAttention()([Input(20, 64), Input(30, 64)])
    """

    merges = True
    supports_masking = True
    call_options: ClassVar[dict[str, Any]] = {"use_causal_mask": False}
    ignored = SEED

    use_scale: bool = True
    dropout: Rate = 0.0

    def output(self, *inputs: Shape) -> Shape:
        return attended(self, inputs)

    def weights(self, *inputs: Shape) -> dict[str, Weight]:
        if not self.use_scale:
            return {}
        return {
            "scale": Weight((size_of("AdditiveAttention", inputs[0][2], "the number of features"),), GlorotUniform())
        }

    def needs(self, *inputs: Shape) -> tuple[Size, ...]:
        return (inputs[1][1],)

    def masking(self, masks: tuple[int, ...]) -> int | None:
        return 0 if masks[0] else None

    def forward(
        self,
        *inputs: Array,
        masks: Masks,
        use_causal_mask: bool,
        rng: np.random.Generator | None,
        scale: Array | None,
    ) -> Array:
        query, value, key = parts(inputs)
        pairs = np.tanh(query[:, :, None, :] + key[:, None, :, :])
        batch, steps, others, features = pairs.shape
        rows = pairs.reshape((batch * steps * others, features))
        sums = np.add.reduce(rows, axis=1) if scale is None else rows @ scale
        scores = sums.reshape((batch, steps, others))
        attention = attention_of(scores, query, value, masks, use_causal_mask)
        taken = attention
        if self.dropout != 0 and rng is not None:
            kept = rng.random(attention.shape) >= self.dropout
            taken = attention * kept * (1 / (1 - self.dropout))
        y = taken @ value
        return y if masks[0] is None else y * masks[0][:, :, None]

    def backward(
        self,
        dy: Array,
        y: Array,
        masks: Masks,
        value: Array,
        pairs: Array,
        rows: Array,
        attention: Array,
        kept: Array | None,
        taken: Array,
        inputs: tuple[Array, ...],
        scale: Array | None,
    ) -> tuple[Any, ...]:
        if masks[0] is not None:
            dy = dy * masks[0][:, :, None]
        dvalue = taken.transpose((0, 2, 1)) @ dy
        dattention = dy @ value.transpose((0, 2, 1))
        if kept is not None:
            dattention = dattention * kept * (1 / (1 - self.dropout))
        dscores = attention * (dattention - np.add.reduce(dy * y, axis=-1, keepdims=True))
        dquery, dkey = pair_gradients(dscores, pairs)
        dscale = None
        if scale is not None:
            dscale = rows.T @ dscores.reshape((rows.shape[0],))
            dquery = dquery * scale
            dkey = dkey * scale
        dinputs = (dquery, dvalue, dkey) if len(inputs) == 3 else (dquery, dvalue + dkey)
        return dinputs, dscale

    def predict(self, *inputs: Array, masks: Masks, use_causal_mask: bool, scale: Array | None) -> Array:
        return self.forward(*inputs, masks=masks, use_causal_mask=use_causal_mask, rng=None, scale=scale)
