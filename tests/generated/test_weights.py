"""Weights of a model: they come from a seed, are views of its state, and have its dtype; frozen ones stay."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.building import CASES, PROVE, case_graph, case_module, case_text, random_inputs, random_targets, rows_of
from tests.generated.common import X, copies, data_of, same
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")


def test_a_seed_gives_the_same_weights(credit: ModuleType) -> None:
    assert same(credit.Model(3).weights, credit.Model(3).weights)
    assert not same(credit.Model(3).weights, credit.Model(4).weights)
    assert same(credit.Model(3).weights, {n: w.astype("f4") for n, w in credit.Model(3, np.float64).weights.items()})


def test_weights_are_views(credit: ModuleType) -> None:
    model = credit.Model()
    assert list(model.weights) == [
        f"{layer}/{weight}" for layer in ("h", "amount", "default") for weight in ("kernel", "bias")
    ]
    model.weights["amount/bias"][:] = 5.0
    model.weights["amount/kernel"][:] = 0.0
    assert np.all(model.predict(X)["amount"] == 5.0)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, "complex64"])
def test_other_dtypes_of_a_model_are_refused(credit: ModuleType, dtype: Any) -> None:
    with pytest.raises(ValueError, match="dtype: expected float32 or float64"):
        credit.Model(dtype=dtype)


def test_weights_that_are_written_to_are_seen_by_the_next_prediction(credit: ModuleType) -> None:
    model = credit.Model(seed=0)
    x = np.zeros((1, 100), np.float32)
    before = model.predict(x)["amount"]
    model.weights["amount/bias"] += 2.0
    np.testing.assert_allclose(model.predict(x)["amount"], before + 2.0)


def test_frozen_layers_stay() -> None:
    model, (x, y) = sample("frozen").Model(), data_of("frozen")
    before = copies(model.weights)
    model.fit(x, y, epochs=2, verbose=0)
    moved = {name for name, value in model.weights.items() if not np.array_equal(value, before[name])}
    assert moved == {name for name in before if not name.startswith("base/")}
    assert not {"base/kernel", "batch_normalization/moving_mean"} & set(model.loss_and_grads(x, y)[1])


def buffers_of(model: Any) -> list[Any]:
    """The buffers that a model keeps, of each slice of a batch where it cuts batches."""
    kept = model._kept if isinstance(model._kept, list) else [model._kept]
    return [buffers for each in kept for buffers in each.values()]


TRAINED = [path for path in CASES if "compile" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", CASES if PROVE else CASES[::16], ids=lambda path: path.stem)
def test_in_single_precision_nothing_is_computed_in_double(path: Path) -> None:
    graph, module = case_graph(path), case_module(path)
    double, single = module.Model(1, np.float64), module.Model(1)
    rng = np.random.default_rng(3)
    inputs, targets = random_inputs(graph, rng, 7), random_targets(graph, rng, 7)
    for exact, rounded in zip(rows_of(double.predict(inputs)), rows_of(single.predict(inputs)), strict=True):
        assert rounded.dtype in (np.float32, exact.dtype if exact.dtype.kind != "f" else np.float32)
        np.testing.assert_allclose(rounded, exact, rtol=1e-3, atol=1e-3)
    if path in TRAINED:
        if "self.rng, " not in case_text(path):
            assert single.evaluate(inputs, targets)["loss"] == pytest.approx(
                double.evaluate(inputs, targets)["loss"], rel=1e-2
            )
        single.train_on_batch(inputs, targets)
        buffers = [b for kept in buffers_of(single) for b in vars(kept).values()]
        arrays = [*vars(single.p).values(), *vars(single.g).values(), *vars(single.s).values(), *buffers]
        assert not [array for array in arrays if isinstance(array, np.ndarray) and array.dtype == np.float64]
