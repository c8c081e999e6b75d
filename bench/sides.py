"""What is measured: a generated file, through its public functions, and the same model in JAX."""

from __future__ import annotations

import importlib.util
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bench.systems import System

LEARNING_RATE, RHO, EPSILON = 0.001, 0.9, 1e-7


def module(path: Path, name: str) -> ModuleType:
    """A generated file, imported."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Generated:
    """The model of a generated file, on NumPy arrays."""

    def __init__(self, made: ModuleType, batches: list[tuple[Any, Any]]) -> None:
        self.file, self.model = made, made.Model(seed=0)
        self.buffers = made.Buffers(len(batches[0][0]), self.model.dtype)
        self.measure = getattr(made, "measure", None)
        self.state, self.batches = self.model.state.copy(), batches
        self.x, self.one = batches[0][0], batches[0][0][:1]
        self.restart()

    def restart(self) -> None:
        """Begin training again."""
        np.copyto(self.model.state, self.state)
        self.model.step = 0
        self.turns = cycle(self.batches)

    def weights(self) -> dict[str, Any]:
        return {name: array.copy() for name, array in self.model.weights.items()}

    def step(self) -> float:
        """Forward, loss, metrics, backward, update: what a jitted step does, on arrays that are known to fit."""
        x, y = next(self.turns)
        file, model, p, b = self.file, self.model, self.model.p, self.buffers
        file.forward(p, b, x)
        losses = file.loss(p, b, y, None)
        if self.measure is not None:
            self.measure(b, y)
        file.backward(p, model.g, b, x, y, None)
        model.step += 1
        file.update(p, model.g, model.s, model.learning_rate, model.step)
        return float(losses[0])

    def train_on_batch(self) -> float:
        """The same through the public function: arrays checked, losses and metrics by name."""
        return float(self.model.train_on_batch(*next(self.turns))["loss"])

    def predict_batch(self) -> Any:
        return self.model.predict(self.x)

    def predict_one(self) -> Any:
        return self.model.predict(self.one)


class Jax:
    """The same in JAX, the whole step jitted; `tuned` as fast as it goes: README.md says how."""

    def __init__(
        self, system: System, weights: dict[str, Any], batches: list[tuple[Any, Any]], tuned: bool = False
    ) -> None:
        import jax
        import jax.numpy as jnp

        if tuned:
            jax.config.update("jax_cpu_enable_async_dispatch", False)  # type: ignore[no-untyped-call]
        shapes = {name: array.shape for name, array in weights.items()}
        ends = np.cumsum([array.size for array in weights.values()])[:-1].tolist()
        self.batches = jax.device_put(batches)
        self.x, self.one = self.batches[0][0], jax.device_put(batches[0][0][:1])
        self.start = np.concatenate([array.ravel() for array in weights.values()])

        def logits(flat: Any, x: Any) -> Any:
            parts = zip(shapes.items(), jnp.split(flat, ends), strict=True)
            return system.forward(jnp, {name: part.reshape(shape) for (name, shape), part in parts}, x)

        def loss(flat: Any, x: Any, y: Any) -> Any:
            head = logits(flat, x)
            return system.loss(jnp, y, head), system.right(y, head) if system.right else None

        def step(flat: Any, velocity: Any, x: Any, y: Any) -> Any:
            (value, right), gradient = jax.value_and_grad(loss, has_aux=True)(flat, x, y)
            velocity = RHO * velocity + (1 - RHO) * (gradient * gradient)
            flat = flat - LEARNING_RATE * gradient / jnp.sqrt(velocity + EPSILON)
            return flat, velocity, value, right

        def predict(flat: Any, x: Any) -> Any:
            return system.head(logits(flat, x))

        self.train, self.predict = jax.jit(step, donate_argnums=(0, 1)), jax.jit(predict)
        self.restart()

    def restart(self) -> None:
        """Begin training again."""
        import jax

        self.flat, self.velocity = jax.device_put(self.start.copy()), jax.device_put(np.zeros_like(self.start))
        self.turns = cycle(self.batches)

    def step(self) -> float:
        self.flat, self.velocity, value, _ = self.train(self.flat, self.velocity, *next(self.turns))
        return value.block_until_ready()  # type: ignore[no-any-return]  # to make it a float would take time

    train_on_batch = step

    def predict_batch(self) -> Any:
        return self.predict(self.flat, self.x).block_until_ready()

    def predict_one(self) -> Any:
        return self.predict(self.flat, self.one).block_until_ready()


def agree(first: Generated, second: Generated | Jax, steps: int = 5) -> None:
    """Raise `AssertionError` unless both give the same losses and predictions from the same weights on."""
    for _ in range(steps):
        np.testing.assert_allclose(float(second.step()), first.step(), rtol=1e-4)
    np.testing.assert_allclose(second.predict_batch(), first.predict_batch(), rtol=1e-3, atol=1e-5)
