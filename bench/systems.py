"""The models that are measured: their data, and the same computation written for JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Any]


@dataclass(frozen=True)
class System:
    """One model: `forward` and `loss` are given JAX's NumPy and the weights by name, in the generated file's order."""

    number: int
    source: str
    """The `.nn` file under `examples/`."""
    batch: int
    data: Callable[[np.random.Generator, int], tuple[Any, Any]]
    """Inputs and targets of so many rows."""
    forward: Callable[[Any, Weights, Any], Any]
    """The logits."""
    head: Callable[[Any], Any]
    """Logits to predictions."""
    loss: Callable[[Any, Any, Any], Any]
    """The mean over the rows, of the targets and the logits."""
    right: Callable[[Any, Any], Any] | None = None
    """The number of right answers, of targets and logits, where the model has the metric accuracy."""


def two_classes(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    x = rng.random((rows, 100), np.float32)
    return x, rng.integers(0, 2, (rows, 1)).astype(np.float32)


def ten_classes(features: int) -> Callable[[np.random.Generator, int], tuple[Array, Array]]:
    def data(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
        x = rng.random((rows, features), np.float32)
        return x, np.eye(10, dtype=np.float32)[rng.integers(0, 10, rows)]

    return data


def dense_layers(jnp: Any, weights: Weights, x: Any) -> Any:
    """Dense layers in the order of their weights, relu between them."""
    arrays = iter(weights.values())
    x = x @ next(arrays) + next(arrays)
    for kernel in arrays:
        x = jnp.maximum(x, 0.0) @ kernel + next(arrays)
    return x


def sigmoid(logits: Any) -> Any:
    import jax

    return jax.nn.sigmoid(logits)


def softmax(logits: Any) -> Any:
    import jax

    return jax.nn.softmax(logits)


def binary_crossentropy(jnp: Any, y: Any, logits: Any) -> Any:
    return jnp.mean(jnp.logaddexp(0.0, logits) - logits * y)


def categorical_crossentropy(jnp: Any, y: Any, logits: Any) -> Any:
    import jax

    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(logits), axis=-1))


def binary_right(y: Any, logits: Any) -> Any:
    return ((logits > 0.0) == (y > 0.5)).sum()


def categorical_right(y: Any, logits: Any) -> Any:
    return (y.argmax(axis=-1) == logits.argmax(axis=-1)).sum()


SYSTEMS = {
    system.number: system
    for system in (
        System(1, "two_classes.nn", 32, two_classes, dense_layers, sigmoid, binary_crossentropy, binary_right),
        System(
            2,
            "ten_classes.nn",
            32,
            ten_classes(100),
            dense_layers,
            softmax,
            categorical_crossentropy,
            categorical_right,
        ),
        System(3, "functional.nn", 32, ten_classes(64), dense_layers, softmax, categorical_crossentropy),
    )
}
