"""A generated file, as its users call it and as its model calls itself."""

from __future__ import annotations

import importlib.util
import inspect
from copy import deepcopy
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.systems import Array, Batch, System, alone, joined


def module(path: Path) -> ModuleType:
    """A generated file, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Side:
    """One system as a generated file has it."""

    def __init__(self, system: System, batches: list[Batch], made: ModuleType, threads: int | None = None) -> None:
        """`threads` is given to a file whose `Model` takes it."""
        self.system, self.batches = system, batches
        taken = threads is not None and "threads" in inspect.signature(made.Model).parameters
        self.model = made.Model(seed=0, **({"threads": threads} if taken else {}))
        self.measure = getattr(made, "measure", None)
        self.inputs = len(batches[0][0])
        self.saved: dict[str, Any] | None = None
        self.x, self.one = alone(batches[0][0]), alone(tuple(x[:1] for x in batches[0][0]))

    def weights(self) -> list[Array]:
        return [array.copy() for array in self.model.weights.values()]

    def load(self, weights: list[Array]) -> None:
        for view, array in zip(self.model.weights.values(), weights, strict=True):
            view[...] = array
        self.saved = deepcopy(self.model._saved())
        self.restart()

    def restart(self) -> None:
        if self.saved is not None:
            self.model._restore(self.saved)
        self.turns = cycle([(alone(x), alone(y)) for x, y in self.batches])
        self.checked = cycle([self.model._convert(self.model._check(alone(x), alone(y))) for x, y in self.batches])

    def step(self) -> float:
        """Forward, loss, metrics, backward, update: what a jitted step does, on arrays that are known to fit.

        It is what `train_on_batch` does after it has checked them.
        """
        batch = next(self.checked)
        made, losses = self.model._forward(batch)
        cut = hasattr(self.model, "_slices")  # whether the model cuts batches into slices
        if self.measure is not None and cut:
            self.model._measure(made)
        elif self.measure is not None:
            self.measure(made, *batch.arrays[self.inputs :])
        self.model._learn(*((made,) if cut else (made, batch)))
        return float(losses[0])

    def train_on_batch(self) -> float:
        """The same through the public function: arrays checked, losses and metrics by name."""
        return float(self.model.train_on_batch(*next(self.turns))["loss"])

    def gather(self, count: int | None = None) -> None:
        self.rows = tuple(map(alone, joined(self.batches[:count])))

    def fit(self, epochs: int = 1, shuffle: bool = True) -> float:
        history = self.model.fit(*self.rows, epochs=epochs, batch_size=self.system.batch, shuffle=shuffle, verbose=0)
        return float(history["loss"][-1])

    def predict_batch(self) -> Any:
        return self.model.predict(self.x)

    def predict_one(self) -> Any:
        return self.model.predict(self.one)
