"""The systems in JAX, the whole step jitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from bench import BETA_1, BETA_2, EPSILON, LEARNING_RATE, RHO
from bench.systems import Array, Batch, System, joined

FEW = 100_000
"""Up to so many weights, one vector of all is quicker than a list of arrays."""
Weights = Iterator[Any]


def dense(w: Weights, x: Any) -> Any:
    return x @ next(w) + next(w)


def dense_layers(w: Weights, x: Any) -> tuple[Any, ...]:
    """All the weights there are, with relu between the layers."""
    x = dense(w, x)
    for kernel in w:
        x = jax.nn.relu(x) @ kernel + next(w)
    return (x,)


def policy(w: Weights, x: Any) -> tuple[Any, ...]:
    x = jnp.tanh(dense(w, x))
    return (dense(w, jnp.tanh(dense(w, x))),)


def lstm(w: Weights, x: Any, reverse: bool = False, every: bool = False) -> Any:
    """The last output, or that of `every` step; the products with the inputs are one, before the loop."""
    kernel, recurrent, bias = next(w), next(w), next(w)
    inputs = jnp.swapaxes(x, 0, 1) @ kernel + bias

    def step(carry: tuple[Any, Any], z: Any) -> tuple[tuple[Any, Any], Any]:
        h, c = carry
        i, f, g, o = jnp.split(z + h @ recurrent, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h if every else None

    zeros = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    (last, _), steps = lax.scan(step, (zeros, zeros), inputs, reverse=reverse)
    return jnp.swapaxes(steps, 0, 1) if every else last


def both_ways(w: Weights, x: Any, every: bool = False) -> Any:
    return jnp.concatenate([lstm(w, x, every=every), lstm(w, x, reverse=True, every=every)], axis=-1)


def bilstm(w: Weights, ids: Any) -> tuple[Any, ...]:
    x = both_ways(w, next(w)[ids], every=True)
    return (dense(w, both_ways(w, x)),)


def normalized(w: Weights, x: Any) -> Any:
    """Layer normalization."""
    centered = x - x.mean(axis=-1, keepdims=True)
    variance = (centered * centered).mean(axis=-1, keepdims=True)
    return centered * lax.rsqrt(variance + 1e-6) * next(w) + next(w)


def attention(w: Weights, x: Any) -> Any:
    q, k, v = (jnp.einsum("bnf,fhd->bnhd", x, next(w)) + next(w) for _ in range(3))
    weights = jax.nn.softmax(jnp.einsum("bnhd,bmhd->bhnm", q, k) * q.shape[-1] ** -0.5)
    return jnp.einsum("bnhd,hdf->bnf", jnp.einsum("bhnm,bmhd->bnhd", weights, v), next(w)) + next(w)


def transformer(w: Weights, ids: Any) -> tuple[Any, ...]:
    x = next(w)[ids]
    for _ in range(2):
        x = normalized(w, x + attention(w, x))
        x = normalized(w, x + dense(w, jax.nn.gelu(dense(w, x), approximate=False)))
    return (dense(w, x.mean(axis=1)),)


def qa(w: Weights, text: Any, question: Any) -> tuple[Any, ...]:
    encoded_text = lstm(w, next(w)[text])
    encoded_question = lstm(w, next(w)[question])
    return (dense(w, jnp.concatenate([encoded_text, encoded_question], axis=-1)),)


def conv1d(w: Weights, x: Any) -> Any:
    return jax.nn.relu(
        lax.conv_general_dilated(x, next(w), (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")) + next(w)
    )


def pool(x: Any) -> Any:
    """The greatest of each five steps; by a reshape, whose gradient is quicker than that of `reduce_window`."""
    rows, steps, features = x.shape
    return x[:, : steps // 5 * 5].reshape(rows, steps // 5, 5, features).max(axis=2)


def posts(w: Weights, ids: Any) -> tuple[Any, ...]:
    x = pool(conv1d(w, next(w)[ids]))
    x = pool(conv1d(w, conv1d(w, x)))
    x = conv1d(w, conv1d(w, x)).max(axis=1)
    x = jax.nn.relu(dense(w, x))
    return dense(w, x), dense(w, x), dense(w, x)


NETWORKS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "two_classes": dense_layers,
    "ten_classes": dense_layers,
    "functional": dense_layers,
    "video": dense_layers,
    "qa": qa,
    "posts": posts,
    "bilstm": bilstm,
    "transformer": transformer,
    "policy": policy,
}
HEADS: dict[str, Callable[[Any], Any]] = {
    "mse": lambda value: value,
    "binary_crossentropy": jax.nn.sigmoid,
    "categorical_crossentropy": jax.nn.softmax,
}
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": lambda y, value: jnp.mean((y - value) ** 2),
    "binary_crossentropy": lambda y, logits: jnp.mean(jnp.logaddexp(0.0, logits) - logits * y),
    "categorical_crossentropy": lambda y, logits: -jnp.mean(jnp.sum(y * jax.nn.log_softmax(logits), axis=-1)),
}
RIGHT: dict[str, Callable[[Any, Any], Any]] = {
    "binary_crossentropy": lambda y, logits: ((logits > 0.0) == (y > 0.5)).sum(),
    "categorical_crossentropy": lambda y, logits: (y.argmax(axis=-1) == logits.argmax(axis=-1)).sum(),
}


def rmsprop(p: Any, velocity: Any, gradient: Any) -> tuple[Any, Any]:
    velocity = jax.tree.map(lambda v, g: RHO * v + (1 - RHO) * (g * g), velocity, gradient)
    return jax.tree.map(lambda w, g, v: w - LEARNING_RATE * g / jnp.sqrt(v + EPSILON), p, gradient, velocity), velocity


def adam(p: Any, slots: Any, gradient: Any) -> tuple[Any, Any]:
    momentum, velocity, steps = slots
    momentum = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, momentum, gradient)
    velocity = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * (g * g), velocity, gradient)
    steps = steps + 1.0
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
    p = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), p, momentum, velocity)
    return p, (momentum, velocity, steps)


def zeros_like(p: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, p)


OPTIMIZERS: dict[str, tuple[Callable[[Any], Any], Callable[..., tuple[Any, Any]]]] = {
    "rmsprop": (zeros_like, rmsprop),
    "adam": (lambda p: (zeros_like(p), zeros_like(p), jnp.float32(0.0)), adam),
}
"""The slots that each begins with, and its update."""


class Side:
    """One system: everything stays on the device; the weights, averages and sums are donated."""

    def __init__(self, system: System, batches: list[Batch]) -> None:
        network, outputs = NETWORKS[system.network], system.outputs
        self.arrays, self.batches, self.size = batches, jax.device_put(batches), system.batch
        self.x, self.one = self.batches[0][0], jax.device_put(tuple(x[:1] for x in batches[0][0]))
        weights = system.random_weights()
        self.few = sum(array.size for array in weights) <= FEW
        unravel = ravel_pytree(weights)[1] if self.few else list
        self.start: Any = None
        self.first_slots, update = OPTIMIZERS[system.optimizer]
        self.p = jax.device_put(self._flat(weights))

        def loss(p: Any, x: Any, y: Any) -> Any:
            logits = network(iter(unravel(p)), *x)
            each = [LOSSES[output.loss](*pair) for output, *pair in zip(outputs, y, logits, strict=True)]
            right = [
                RIGHT[output.loss](*pair) for output, *pair in zip(outputs, y, logits, strict=True) if output.accuracy
            ]
            return sum(output.weight * value for output, value in zip(outputs, each, strict=True)), (each, right)

        def step(p: Any, slots: Any, x: Any, y: Any) -> Any:
            (value, figures), gradient = jax.value_and_grad(loss, has_aux=True)(p, x, y)
            return *update(p, slots, gradient), value, figures

        def step_of(p: Any, slots: Any, sums: Any, rows: Any, index: Any) -> Any:
            x, y = jax.tree.map(lambda array: jnp.take(array, index, axis=0, mode="clip"), rows)
            p, slots, *figures = step(p, slots, x, y)
            return p, slots, jax.tree.map(jnp.add, sums, figures)

        def predict(p: Any, x: Any) -> Any:
            logits = network(iter(unravel(p)), *x)
            return tuple(HEADS[output.loss](each) for output, each in zip(outputs, logits, strict=True))

        self.train, self.predict = jax.jit(step, donate_argnums=(0, 1)), jax.jit(predict)
        self.train_rows = jax.jit(step_of, donate_argnums=(0, 1, 2))
        right = [np.int32(0) for output in outputs if output.accuracy]
        self.zeros = [np.float32(0.0), ([np.float32(0.0) for _ in outputs], right)]

    def _flat(self, weights: list[Array]) -> Any:
        """As the functions take them."""
        return np.concatenate([array.ravel() for array in weights]) if self.few else weights

    def load(self, weights: list[Array]) -> None:
        self.start = self._flat(weights)
        self.restart()

    def restart(self) -> None:
        if self.start is not None:
            self.p = jax.device_put(jax.tree.map(np.copy, self.start))
        self.slots = self.first_slots(self.p)
        self.turns = cycle(self.batches)

    def step(self) -> Any:
        self.p, self.slots, value, _ = self.train(self.p, self.slots, *next(self.turns))
        return value.block_until_ready()  # to make it a float would take time

    train_on_batch = step

    def gather(self, count: int | None = None) -> None:
        self.rows = jax.device_put(joined(self.arrays[:count]))

    def fit(self, epochs: int = 1, shuffle: bool = True) -> float:
        """One jitted call for each step, which gathers its rows; nothing waits before the end of an epoch."""
        count = len(self.rows[0][0])
        rng = np.random.default_rng(0)
        for _ in range(epochs):
            order = rng.permutation(count).astype(np.int32) if shuffle else np.arange(count, dtype=np.int32)
            sums = jax.device_put(self.zeros)
            for start in range(0, count, self.size):
                index = order[start : start + self.size]
                self.p, self.slots, sums = self.train_rows(self.p, self.slots, sums, self.rows, index)
            figures = jax.device_get(sums)
        return float(figures[0]) / len(range(0, count, self.size))

    def predict_batch(self) -> Any:
        return computed(self.predict(self.p, self.x))

    def predict_one(self) -> Any:
        return computed(self.predict(self.p, self.one))


computed: Callable[[Any], Any] = jax.block_until_ready
"""What waits for results; JAX gives its own function no types."""
