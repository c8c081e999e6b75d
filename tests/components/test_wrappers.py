"""Bidirectional and TimeDistributed, pasted, equal Keras' own: predictions, losses and gradients, masks included.

gen builds them of other layers, so here Keras runs the same text and not a twin of the graph.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.building import sample
from tests.pasted import compare

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
    "bidirectional_of_two_layers": """
back = layers.GRU(2, go_backwards=True, return_sequences=True)
y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), backward_layer=back)(x)
""",
    "states_by_position": """
encoded, h, c = layers.LSTM(3, return_state=True)(x)
y = layers.LSTM(3, activation=None, name='second')(layers.Dense(5)(x), [h, c])
""",
    "bidirectional_from_states": """
y, a, b, c, d = layers.Bidirectional(layers.LSTM(2, return_state=True))(x)
second = layers.Bidirectional(layers.LSTM(2, return_sequences=True))
y = second(layers.Dense(5)(x), initial_state=[a, b, c, d])
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


@pytest.mark.parametrize("name", sample(list(FORMS), 2))
def test_a_wrapper_equals_that_of_keras(name: str) -> None:
    compare(DENSE_INPUT + FORMS[name] + ENDING, lambda rng: rng.normal(size=(5, 6, 4)))


@pytest.mark.parametrize("name", sample(list(MASKED), 2))
def test_a_wrapper_carries_masks_as_keras_does(name: str) -> None:
    compare(MASKED_INPUT + MASKED[name] + ENDING, lambda rng: rng.integers(0, 3, (5, 6)).astype(np.int32))
