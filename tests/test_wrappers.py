"""Bidirectional and TimeDistributed, pasted, equal Keras' own: predictions, losses and gradients, masks included.

gen builds them of other layers, so here Keras runs the same text and not a twin of the graph.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests import keras_twin
from tests.building import build, rows_of

FORMS = {
    "bidirectional": "y = layers.Bidirectional(layers.LSTM(3))(x)",
    **{
        f"bidirectional_{mode}": f"y = layers.Bidirectional(layers.GRU(3, return_sequences=True), '{mode}')(x)"
        for mode in ("concat", "sum", "ave", "mul")
    },
    "bidirectional_none": """
y, back = layers.Bidirectional(layers.SimpleRNN(3), merge_mode=None)(x)
y = layers.Concatenate()([y, back])
""",
    "bidirectional_states": """
y, a, b, c, d = layers.Bidirectional(layers.LSTM(2, return_state=True))(x)
y = layers.Concatenate()([y, a, b, c, d])
""",
    "bidirectional_twice": """
both = layers.Bidirectional(layers.GRU(4, return_sequences=True))
y = both(layers.Dense(4)(x))
y = layers.Dense(4)(y)
y = both(y)
""",
    "distributed_dense": "y = layers.TimeDistributed(layers.Dense(3, activation='tanh'))(x)",
    "distributed_recurrent": """
windows = layers.Reshape((3, 2, 4))(x)
y = layers.TimeDistributed(layers.LSTM(3))(windows)
""",
    "distributed_statistics": "y = layers.TimeDistributed(layers.BatchNormalization())(x)",
    "distributed_bidirectional": """
windows = layers.Reshape((2, 3, 4))(x)
y = layers.TimeDistributed(layers.Bidirectional(layers.SimpleRNN(2)))(windows)
""",
    "encoder_decoder": """
encoded, h, c = layers.LSTM(3, return_state=True)(x)
y = layers.LSTM(3, return_sequences=True)(x, initial_state=[h, c])
y = layers.Add()([y, layers.RepeatVector(6)(encoded)])
""",
}
MASKED = {
    "bidirectional": "y = layers.Bidirectional(layers.LSTM(3))(x)",
    "bidirectional_sequences": "y = layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode='sum')(x)",
    "distributed": "y = layers.TimeDistributed(layers.Dense(3))(layers.SimpleRNN(2, return_sequences=True)(x))",
    "stacked": "y = layers.LSTM(3)(layers.LSTM(2, return_sequences=True)(x))",
    "normalized": "y = layers.LSTM(3, return_sequences=True)(layers.LayerNormalization()(x))",
}
DENSE_INPUT = "inputs = Input(shape=(6, 4))\nx = inputs\n"
MASKED_INPUT = """
inputs = Input(shape=(6,), dtype='int32')
x = layers.Embedding(3, 4, mask_zero=True)(inputs)
"""
ENDING = """
model = Model(inputs, y)
model.compile(optimizer='sgd', loss='mse')
"""


@pytest.mark.parametrize("name", FORMS)
def test_a_wrapper_equals_that_of_keras(name: str) -> None:
    compare(DENSE_INPUT + FORMS[name] + ENDING, lambda rng: rng.normal(size=(5, 6, 4)))


@pytest.mark.parametrize("name", MASKED)
def test_a_wrapper_carries_masks_as_keras_does(name: str) -> None:
    compare(MASKED_INPUT + MASKED[name] + ENDING, lambda rng: rng.integers(0, 3, (5, 6)).astype(np.int32))


def compare(text: str, data: Any) -> None:
    keras.config.set_floatx("float64")
    names: dict[str, Any] = {name: getattr(keras, name) for name in ("Input", "Model", "layers")}
    exec(text.replace("model.compile(", "model.compile("), names)
    theirs: keras.Model = names["model"]
    ours = build(text).Model(0, np.float64)
    variables = {}
    waiting = [variable for variable in theirs.weights if "seed" not in variable.path]
    for name, value in ours.weights.items():
        kind, direction = name.rpartition("/")[2], next((d for d in ("forward", "backward") if f"/{d}_" in name), "")
        variables[name] = next(
            variable
            for variable in waiting
            if variable.name == kind and tuple(variable.shape) == value.shape and f"{direction}_" in f"{variable.path}_"
        )
        waiting = [variable for variable in waiting if variable is not variables[name]]
        value += np.random.default_rng(len(name)).uniform(0.02, 0.2, value.shape)
        variables[name].assign(value)
    assert not waiting
    rng = np.random.default_rng(1)
    for step in range(3):
        x = data(rng)
        predicted = rows_of(ours.predict(x))[0]
        np.testing.assert_allclose(predicted, np.asarray(theirs.predict_on_batch(x)), rtol=1e-8, atol=1e-9)
        y = rng.normal(size=predicted.shape)
        expected = theirs.train_on_batch(x, y, return_dict=True)
        np.testing.assert_allclose(ours.train_on_batch(x, y)["loss"], expected["loss"], rtol=1e-8, err_msg=f"{step}")
        for name, variable in variables.items():
            np.testing.assert_allclose(ours.weights[name], np.asarray(variable), rtol=1e-8, atol=1e-9, err_msg=name)


assert keras_twin  # imported first: it chooses Keras' backend
