"""A Sequential without an Input is built on what it is first called on, wherever it stands, as Keras builds it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source
from tests import keras_twin, proof
from tests.building import QUICK, graph_of, load, random_inputs

HEAD = "import keras\nfrom keras import layers\n"
NESTED = {
    "plain": """
squeeze = keras.Sequential([keras.Input((8,)), layers.Dense(3, activation="relu")])
stretch = keras.Sequential([layers.Dense(8, activation="sigmoid")])
model = keras.Sequential([squeeze, stretch])
""",
    "deep": """
a = keras.Sequential([layers.Dense(4)])
b = keras.Sequential([layers.Dense(3), a])
c = keras.Sequential([b, layers.Dense(2)])
model = keras.Sequential([keras.Input((8,)), layers.Dense(5), c, layers.Dense(1)])
""",
    "shared": """
a = keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(8)])
model = keras.Sequential([keras.Input((8,)), a, layers.ReLU(), a])
""",
    "shared2": """
a = keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(8)])
b = keras.Sequential([a, layers.Dense(3)])
x = keras.Input((8,))
y = keras.layers.add([a(x), b(x)[:, 0:1]])
model = keras.Model(x, b(y))
""",
    "timed": """
a = keras.Sequential([layers.Dense(4, activation="tanh")])
b = keras.Sequential([a, layers.Dense(3)])
model = keras.Sequential([keras.Input((5, 6)), layers.TimeDistributed(b), layers.LSTM(2)])
""",
    "add": """
a = keras.Sequential()
a.add(layers.Dense(4))
model = keras.Sequential([keras.Input((8,))])
model.add(a)
model.add(layers.Dense(2))
""",
    "inside_shape": """
a = keras.Sequential([layers.Dense(4, input_shape=(8,))])
b = keras.Sequential([layers.Dense(3, input_dim=4)])
model = keras.Sequential([a, b])
""",
    "embedding": """
a = keras.Sequential([layers.Embedding(20, 4, mask_zero=True), layers.LSTM(3)])
model = keras.Sequential([keras.Input((7,), dtype="int32"), a, keras.Sequential([layers.Dense(2)])])
""",
    "embedding2": """
a = keras.Sequential([layers.Embedding(20, 4, mask_zero=True)])
b = keras.Sequential([layers.LSTM(3)])
model = keras.Sequential([keras.Input((7,), dtype="int32"), a, b, layers.Dense(2)])
""",
    "bidi": """
a = keras.Sequential([layers.Bidirectional(layers.LSTM(3, return_sequences=True))])
model = keras.Sequential([keras.Input((5, 4)), a, keras.Sequential([layers.GRU(2)])])
""",
    "functional_in": """
i = keras.Input((4,))
f = keras.Model(i, layers.Dense(3)(i))
a = keras.Sequential([f, layers.Dense(2)])
model = keras.Sequential([keras.Input((8,)), layers.Dense(4), a])
""",
}
"""Text that Keras runs and gen reads."""


@pytest.mark.filterwarnings("ignore:.*(was passed an input with a mask|Do not pass an `input_shape`)")
@pytest.mark.parametrize("name", NESTED)
def test_a_nested_sequential_predicts_what_keras_does(name: str) -> None:
    keras_twin.computes_in("float64")
    space: dict[str, Any] = {}
    exec(HEAD + NESTED[name], space)
    theirs: keras.Model = space["model"]
    graph = graph_of(HEAD + NESTED[name])
    ours = load(compiler.generate(graph, "model.nn", QUICK), f"nested_{name}").Model(1, np.float64)
    proof.perturb(ours)
    assert [value.shape for value in ours.weights.values()] == [tuple(value.shape) for value in theirs.weights]
    theirs.set_weights(list(ours.weights.values()))
    (x,) = random_inputs(graph, np.random.default_rng(2), 3)
    if x.dtype != np.float64:
        x[:, -2:] = 0  # what `mask_zero` hides
    np.testing.assert_allclose(ours.predict(x), theirs.predict_on_batch(x), rtol=1e-8, atol=1e-9)


def test_a_sequential_without_layers_is_refused_where_it_is_called() -> None:
    diagnostics = Diagnostics()
    text = "empty = Sequential()\nx = Input(3)\nmodel = Model(x, Dense(2)(empty(x)))\n"
    assert compiler.understand(Source("model.nn", text), diagnostics) is None
    assert [item.message for item in diagnostics.items] == ["This Sequential has no layers"]
