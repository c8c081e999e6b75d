"""What it means that a generated model is right: its gradients, and its numbers against Keras."""

from __future__ import annotations

import contextlib
import io
from types import ModuleType
from typing import Any

import numpy as np

from gen.graph.graph import Graph
from tests import keras_twin
from tests.building import LENGTH, random_inputs, random_targets, rows_of
from tests.draws import Draws

ROWS = 6
CLOSE: dict[str, float] = {"rtol": 1e-8, "atol": 1e-9}


def check_gradients(module: ModuleType) -> None:
    """The file's own `check`: every gradient against central differences."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        worst = module.check()
    assert worst < 1e-6, printed.getvalue()


def compare_with_keras(
    graph: Graph, module: ModuleType, rows: int = ROWS, length: int = LENGTH, steps: int = 3
) -> None:
    """Predictions equal those of Keras, and so do training steps: losses, metrics, weights, slots."""
    model = module.Model(1, np.float64)
    model.rng = Draws()
    twin = keras_twin.twin(graph)
    perturb(model)
    keras_twin.load_weights(twin, model.weights)
    inputs = random_inputs(graph, np.random.default_rng(2), rows, length=length)
    expected = twin(inputs, training=False) if graph.training is None else twin.predict_on_batch(alone(inputs))
    expected = expected if isinstance(expected, list | tuple) else [expected]
    for output, ours, theirs in zip(graph.outputs, rows_of(model.predict(inputs)), expected, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), **CLOSE, err_msg=output.name)

    rng = np.random.default_rng(3)
    masked = any(output.mask is not None and output.metrics for output in graph.outputs)
    for step in range(steps if graph.training is not None else 0):
        inputs = random_inputs(graph, rng, rows, length=length)
        targets = random_targets(graph, rng, rows, length=length)
        predictions = keras_twin.predictions_in_training(twin, inputs) if masked else None
        twin.reset_metrics()
        logs = twin.train_on_batch(inputs, targets, return_dict=True)
        if masked:
            logs |= keras_twin.metrics_of(twin, targets, predictions)
        compare_logs(model.train_on_batch(inputs, targets), logs, f"step {step}")
        for name, variable in keras_twin.variables(twin).items():
            np.testing.assert_allclose(
                model.weights[name], np.asarray(variable), **CLOSE, err_msg=f"{name} after step {step}"
            )
    if graph.training is not None and steps:
        compare_slots(model, keras_twin.slots(twin, keras_twin.variables(twin)))


def alone(arrays: list[np.ndarray]) -> Any:
    """The one array of a list, or the list."""
    return arrays[0] if len(arrays) == 1 else arrays


def perturb(model: Any) -> None:
    """Move every weight a little, for zeros and ones hide mistakes."""
    rng = np.random.default_rng(5)
    for name, value in model.weights.items():
        value += rng.uniform(0.02, 0.2, value.shape) * (1 if "variance" in name else rng.choice((-1, 1), value.shape))


def compare_logs(ours: dict[str, float], theirs: dict[str, Any], where: str) -> None:
    for name, value in ours.items():
        assert name in theirs, f"{where}: Keras has no {name}, only {sorted(theirs)}"
        np.testing.assert_allclose(value, float(theirs[name]), **CLOSE, err_msg=f"{name}, {where}")


def compare_slots(model: Any, theirs: dict[str, np.ndarray]) -> None:
    for name, value in theirs.items():
        np.testing.assert_allclose(model.slots[name], value, **CLOSE, err_msg=name)
