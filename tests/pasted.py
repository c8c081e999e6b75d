"""Pasted Keras code, run by Keras and built by gen: where a twin of the graph would share what is to be tested."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.building import build, rows_of


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


def paired(weights: dict[str, np.ndarray], waiting: list[Any]) -> dict[str, Any]:
    """Keras' variable for each of our weights: the next of its name and shape, of its own layer if that has a name."""
    variables = {}
    for name, value in weights.items():
        layer, _, kind = name.rpartition("/")
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
