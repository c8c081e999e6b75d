"""A generated file, as its users call it and as its functions are."""

from __future__ import annotations

import importlib.util
from copy import deepcopy
from inspect import signature
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.systems import Array, Batch, System


def module(path: Path, name: str) -> ModuleType:
    """A generated file, imported."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Side:
    """One system as a generated file has it."""

    def __init__(self, system: System, made: ModuleType, batches: list[Batch]) -> None:
        self.file, self.model = made, made.Model(seed=0)
        self.buffers = made.Buffers(*made.sizes(*batches[0][0]), self.model.dtype)
        self.measure = getattr(made, "measure", None)
        self.random = (self.model.rng,) if "rng" in signature(made.forward).parameters else ()
        self.unweighted = (None,) * len(system.outputs)
        self.saved, self.batches = deepcopy(self.model._saved()), batches
        self.x, self.one = alone(batches[0][0]), alone(tuple(x[:1] for x in batches[0][0]))
        self.restart()

    def restart(self) -> None:
        self.model._restore(self.saved)
        self.random = self.random and (self.model.rng,)
        self.turns = cycle(self.batches)

    def weights(self) -> list[Array]:
        return [array.copy() for array in self.model.weights.values()]

    def step(self) -> float:
        """Forward, loss, metrics, backward, update: what a jitted step does, on arrays that are known to fit."""
        x, y = next(self.turns)
        file, model, p, b = self.file, self.model, self.model.p, self.buffers
        file.forward(p, b, *self.random, *x)
        losses = file.loss(p, b, *y, *self.unweighted)
        if self.measure is not None:
            self.measure(b, *y)
        file.backward(p, model.g, b, *x, *y, *self.unweighted)
        model.step += 1
        file.update(p, model.g, model.s, model.learning_rate, model.step)
        return float(losses[0])

    def train_on_batch(self) -> float:
        """The same through the public function: arrays checked, losses and metrics by name."""
        x, y = next(self.turns)
        return float(self.model.train_on_batch(alone(x), alone(y))["loss"])

    def predict_batch(self) -> Any:
        return self.model.predict(self.x)

    def predict_one(self) -> Any:
        return self.model.predict(self.one)


def alone(arrays: tuple[Array, ...]) -> Any:
    """The array itself if it is the only one."""
    return arrays[0] if len(arrays) == 1 else list(arrays)
