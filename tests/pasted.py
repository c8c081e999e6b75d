"""Pasted Keras code, run by Keras and built by gen: where a twin of the graph would share what is to be tested."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import keras
import numpy as np

from gen.graph.graph import Graph
from tests.building import LENGTH, build, random_inputs, random_targets, rows_of, sizes
from tests.proof import alone


def compare(text: str, data: Any, steps: int = 3) -> None:
    """Predictions, figures and weights of three steps on arrays that `data` makes with a generator, in float64.

    Metrics are those of evaluation: Keras on JAX counts masked steps in those of training.
    """
    names: dict[str, Any] = {name: getattr(keras, name) for name in ("Input", "Model", "Sequential", "layers")}
    names |= {"relu": keras.activations.relu, "tanh": keras.activations.tanh, "__name__": "__main__"}
    exec(text, names)
    theirs: keras.Model = names["model"]
    ours = build(text).Model(0, np.float64)
    variables = paired(ours.weights, [variable for variable in theirs.weights if "seed_generator" not in variable.path])
    for name, value in ours.weights.items():
        value += np.random.default_rng(len(name)).uniform(0.02, 0.2, value.shape)
        variables[name].assign(value.copy())  # JAX may keep the memory that it is given
    rng = np.random.default_rng(1)
    for step in range(steps):
        x = data(rng)
        predicted = rows_of(ours.predict(x))[0]
        np.testing.assert_allclose(predicted, np.asarray(theirs.predict_on_batch(x)), rtol=1e-8, atol=1e-9)
        y = rng.normal(size=predicted.shape)
        scores = ours.evaluate(x, y)
        for name, figure in theirs.evaluate(x, y, verbose=0, return_dict=True).items():
            np.testing.assert_allclose(scores[name], figure, rtol=1e-8, err_msg=f"{name} at step {step}")
        expected = theirs.train_on_batch(x, y, return_dict=True)
        np.testing.assert_allclose(ours.train_on_batch(x, y)["loss"], expected["loss"], rtol=1e-8, err_msg=f"{step}")
        for name, variable in variables.items():
            np.testing.assert_allclose(ours.weights[name], np.asarray(variable), rtol=1e-8, atol=1e-9, err_msg=name)


def keeps_step(text: str, graph: Graph, module: ModuleType, rows: int = 7, steps: int = 3) -> None:
    """The same of a text that is Python as it stands, with sample weights and a last batch that is smaller."""
    names: dict[str, Any] = {}
    exec(text, names)
    theirs: keras.Model = names["model"]
    ours = module.Model(0, np.float64)
    variables = paired(ours.weights, [variable for variable in theirs.weights if "seed_generator" not in variable.path])
    for name, value in ours.weights.items():
        value += np.random.default_rng(len(name)).uniform(0.02, 0.2, value.shape)
        variables[name].assign(value.copy())
    rng = np.random.default_rng(1)
    for step in range(steps):
        x = random_inputs(graph, rng, rows)
        y = random_targets(graph, rng, rows)
        trained = [output for output in graph.outputs if output.loss is not None]
        shapes = [
            output.tensor.shape[:-1] if output.mask is not None else output.tensor.shape[:1] for output in trained
        ]
        weights = [rng.uniform(0.5, 1.5, (rows, *sizes(shape, LENGTH))) for shape in shapes] if step else None
        close = {"rtol": 1e-8, "atol": 1e-9}
        scores = ours.evaluate(x, y, batch_size=3, sample_weight=weights)
        given = None if not weights else weights if len(graph.outputs) > 1 else weights[0]
        target: Any = [alone(y)] if len(graph.outputs) == 1 and y else y
        target = target[0] if len(target) == 1 else target or None
        expected = theirs.evaluate(alone(x), target, batch_size=3, sample_weight=given, verbose=0, return_dict=True)
        assert scores.keys() <= expected.keys(), f"{[*scores]}, and Keras has {[*expected]}"
        for name, figure in scores.items():
            np.testing.assert_allclose(figure, expected[name], **close, err_msg=f"{name} at step {step}")
        theirs.reset_metrics()
        logs = theirs.train_on_batch(alone(x), target, sample_weight=given, return_dict=True)
        for name, figure in ours.train_on_batch(x, y, weights).items():
            if name.endswith("loss") or all(output.mask is None for output in graph.outputs):
                np.testing.assert_allclose(figure, logs[name], **close, err_msg=f"{name} of training at step {step}")
        for name, variable in variables.items():
            np.testing.assert_allclose(ours.weights[name], np.asarray(variable), **close, err_msg=f"{name}, {step}")


def paired(weights: dict[str, np.ndarray], waiting: list[Any]) -> dict[str, Any]:
    """Keras' variable for each of our weights: the next of its name and shape, of its own layer if that has a name."""
    variables = {}
    for name, value in weights.items():
        layer, _, kind = name.removesuffix("/value").rpartition("/")
        direction = next((each for each in ("forward", "backward") if f"/{each}_" in name), "")
        fits = [variable for variable in waiting if variable.name == kind and tuple(variable.shape) == value.shape]
        inner = [layer.split("/", depth)[depth] for depth in range(layer.count("/") + 1)]
        by_name = ([variable for variable in fits if f"/{each}/" in f"/{variable.path}"] for each in inner)
        named = next(filter(None, by_name), [])
        directed = [variable for variable in fits if f"{direction}_" in f"{variable.path}_"]
        variables[name] = (named or directed or fits)[0]
        waiting = [variable for variable in waiting if variable is not variables[name]]
    assert not waiting
    return variables
