"""What a file computes on slices of a batch, beside what it computes in one thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from tests.building import QUICK, rows_of

CUT = replace(QUICK, slice_rows=1)
"""Builds files that cut every batch into as many slices as there are threads."""
CLOSE: dict[str, float] = {"rtol": 1e-8, "atol": 1e-11}


def everything(model: Any, x: Any, y: Any, weights: Any) -> Iterator[tuple[str, np.ndarray]]:
    """All that a model computes: predictions, figures, gradients, and what two steps leave behind."""
    yield from (("prediction", value) for value in rows_of(model.predict(x)))
    if not hasattr(model, "fit"):
        return
    losses, gradients = model.loss_and_grads(x, y, sample_weight=weights)
    yield from losses.items()
    yield from gradients.items()
    for _ in range(2):
        yield from model.train_on_batch(x, y).items()
    yield from model.evaluate(x, y, batch_size=5).items()
    yield from ((name, value.copy()) for name, value in model.weights.items())


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """The state of a generator, without the half of a word where there is none."""
    state: dict[str, Any] = dict(rng.bit_generator.state)
    return state if state["has_uint32"] else {**state, "uinteger": 0}


def compare(module: ModuleType, x: Any, y: Any, threads: int) -> None:
    """Several threads compute what one does, and draw the same numbers; twice the same, bit for bit."""
    weights = [np.linspace(0.5, 1.5, len(x[0]))] * len(y) if y else None
    one, several, again = (module.Model(1, np.float64, threads=each) for each in (1, threads, threads))
    for (name, first), (_, second), (_, third) in zip(
        *(everything(model, x, y, weights) for model in (one, several, again)), strict=True
    ):
        np.testing.assert_allclose(second, first, **CLOSE, err_msg=name)
        np.testing.assert_array_equal(second, third, err_msg=name)
    if hasattr(one, "rng"):
        assert state_of(several.rng) == state_of(one.rng)
