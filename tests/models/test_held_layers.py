"""A layer that nothing holds which calls it is not trained, in Keras as in gen."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from gen.compiler import understand
from gen.diagnostics import Diagnostics, Source
from tests.keras_script import words

START = "a = Dense(4, name='a')\nb = Dense(4, name='b')\nx = Input((4,))\n"
START += "a.build((None, 4))\nb.build((None, 4))\n"
LAYER = "class Block(keras.layers.Layer):\n    def __init__(self, {}):\n        super().__init__()\n        {}\n"
CALL = "    def call(self, x):\n        return b(a(x))\n"
TEXTS = {
    "a class that holds neither": f"{LAYER.format('n=1', 'self.n = n')}{CALL}y = Block()(x)\n",
    "a class that holds one": f"{LAYER.format('a=a', 'self.first = a')}{CALL}y = Block()(x)\n",
    "in a list": f"{LAYER.format('n=1', 'self.all = [a, [b]]')}{CALL}y = Block()(x)\n",
    "in an object of a plain class": "class Bag:\n    def __init__(self):\n        self.a = a\n"
    f"{LAYER.format('n=1', 'self.bag = Bag()')}{CALL}y = Block()(x)\n",
    "in a dict": f"{LAYER.format('n=1', 'self.all = dict(a=a)')}{CALL}y = Block()(x)\n",
    "in a Sequential": f"{LAYER.format('n=1', 'self.inner = Sequential([a, b])')}{CALL}y = Block()(x)\n",
    "in a wrapper": f"{LAYER.format('n=1', 'self.inner = TimeDistributed(a)')}{CALL}y = Block()(x)\n",
    "also called outside": f"{LAYER.format('n=1', 'self.n = n')}{CALL}y = Block()(a(x))\n",
    "a Lambda": "y = Lambda(lambda t: a(t), output_shape=(4,))(b(x))\n",
    "a Lambda that a class holds": LAYER.format("n=1", "self.a = a\n        self.f = Lambda(lambda t: a(t))")
    + "    def call(self, x):\n        return b(self.f(x))\ny = Block()(x)\n",
    "a class in a class": f"{LAYER.format('n=1', 'self.n = n')}{CALL}"
    "class Outer(keras.layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
    "        self.block = Block()\n        self.b = b\n"
    "    def call(self, x):\n        return self.block(x)\ny = Outer()(x)\n",
    "a model of a class": "class Net(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
    f"        self.a = a\n{CALL}y = Net()(x)\n",
}


@pytest.mark.filterwarnings("ignore:.*does not have a `build:UserWarning")
@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_what_keras_trains_is_trained(text: str) -> None:
    whole = f"{START}{text}c = Dense(1, name='c')\nmodel = Model(x, c(y))\nmodel.compile('sgd', 'mse')\n"
    keras.backend.clear_session()
    names: dict[str, Any] = words()
    exec(whole, names)
    before = {name: np.asarray(names[name].kernel).copy() for name in "abc"}
    rng = np.random.default_rng(0)
    names["model"].train_on_batch(rng.normal(size=(5, 4)), rng.normal(size=(5, 1)))
    moved = {name for name, kernel in before.items() if np.any(np.asarray(names[name].kernel) != kernel)}
    diagnostics = Diagnostics()
    graph = understand(Source("model.nn", whole), diagnostics)
    assert graph is not None
    trained = {layer.name.rpartition("/")[2] for layer in graph.layers if layer.weights and layer.trainable}
    assert trained == moved
    warned = [each.message for each in diagnostics.items if each.code == "unheld-layer"]
    assert len(warned) == 3 - len(moved), warned
