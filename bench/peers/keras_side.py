"""The systems in Keras, on whichever backend its process has, as `compile` and `fit` have it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import keras
import numpy as np
from keras import Input, Model, layers

from bench.systems import Array, Batch, System, alone, joined

ACTIVATIONS = {"mse": None, "binary_crossentropy": "sigmoid", "categorical_crossentropy": "softmax"}
Built = tuple[Any, list[Any]]
"""A model, and its layers with weights in the order of the generated file."""


def dense(*sizes: int) -> Callable[[System], Built]:
    """Dense layers of these sizes, with relu between them."""

    def build(system: System) -> Built:
        used = [layers.Dense(size, activation="relu") for size in sizes[1:-1]]
        used.append(layers.Dense(sizes[-1], activation=ACTIVATIONS[system.outputs[0].loss]))
        return keras.Sequential([Input((sizes[0],)), *used]), used

    return build


def video(system: System) -> Built:
    classifier, used = dense(784, 32, 10)(system)
    sequences = Input((20, 784))
    return Model(sequences, layers.TimeDistributed(classifier)(sequences)), used


def qa(system: System) -> Built:
    text, question = Input((None,), dtype="int32"), Input((None,), dtype="int32")
    used = [layers.Embedding(10_000, 64), layers.LSTM(32), layers.Embedding(10_000, 32), layers.LSTM(16)]
    used.append(layers.Dense(500, activation="softmax"))
    joined = layers.concatenate([used[1](used[0](text)), used[3](used[2](question))], axis=-1)
    return Model([text, question], used[4](joined)), used


def posts(system: System) -> Built:
    convolutions = [layers.Conv1D(size, 5, activation="relu") for size in (128, 256, 256, 256, 256)]
    hidden, age = layers.Dense(128, activation="relu"), layers.Dense(1)
    income, gender = layers.Dense(10, activation="softmax"), layers.Dense(1, activation="sigmoid")
    used = [layers.Embedding(50_000, 256), *convolutions, hidden, age, income, gender]
    ids = Input((None,), dtype="int32")
    x = layers.MaxPooling1D(5)(convolutions[0](used[0](ids)))
    x = layers.MaxPooling1D(5)(convolutions[2](convolutions[1](x)))
    x = layers.GlobalMaxPooling1D()(convolutions[4](convolutions[3](x)))
    x = hidden(x)
    return Model(ids, [age(x), income(x), gender(x)]), used


NETWORKS: dict[str, Callable[[System], Built]] = {
    "two_classes": dense(100, 32, 1),
    "ten_classes": dense(100, 32, 10),
    "functional": dense(64, 32, 32, 10),
    "video": video,
    "qa": qa,
    "posts": posts,
}


class Side:
    """One system; it is always given NumPy arrays, and its step is `train_on_batch`."""

    def __init__(self, system: System, batches: list[Batch]) -> None:
        self.system, self.arrays = system, batches
        self.model, self.used = NETWORKS[system.network](system)
        self.start: list[Array] = []
        self.batches = [(alone(x), alone(y)) for x, y in batches]
        self.x, self.one = self.batches[0][0], alone(tuple(x[:1] for x in batches[0][0]))

    def load(self, weights: list[Array]) -> None:
        self.start = weights
        self.restart()

    def restart(self) -> None:
        if not self.model.compiled:
            self._compile()
        if self.start:
            variables = [variable for layer in self.used for variable in layer.weights]
            for variable, array in zip(variables, self.start, strict=True):
                variable.assign(array.copy())
        for variable in self.model.optimizer.variables[2:]:  # after the step and the learning rate
            variable.assign(np.zeros(variable.shape, np.float32))
        self.turns = cycle(self.batches)

    def _compile(self) -> None:
        outputs = self.system.outputs
        self.model.compile(
            optimizer="rmsprop",
            loss=[output.loss for output in outputs],
            loss_weights=[output.weight for output in outputs],
            metrics=[["accuracy"] if output.accuracy else [] for output in outputs],
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def step(self) -> Any:
        return self.model.train_on_batch(*next(self.turns), return_dict=True)["loss"]

    train_on_batch = step

    def gather(self, count: int | None = None) -> None:
        self.rows = tuple(map(alone, joined(self.arrays[:count])))

    def fit(self, epochs: int = 1, shuffle: bool = True) -> float:
        history = self.model.fit(*self.rows, epochs=epochs, batch_size=self.system.batch, shuffle=shuffle, verbose=0)
        return float(history.history["loss"][-1])

    def predict_batch(self) -> Any:
        return self.model.predict_on_batch(self.x)

    def predict_one(self) -> Any:
        return self.model.predict_on_batch(self.one)
