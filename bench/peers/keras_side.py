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


def mnist_cnn(system: System) -> Built:
    used = [layers.Conv2D(size, 3, activation="relu") for size in (32, 64)]
    used.append(layers.Dense(10, activation="softmax"))
    parts = [used[0], layers.MaxPooling2D(2), used[1], layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.5)]
    return keras.Sequential([Input((28, 28, 1)), *parts, used[2]]), used


def mlp(system: System) -> Built:
    used = [layers.Dense(system.weights[0][1], activation="relu") for _ in range(2)]
    used.append(layers.Dense(10, activation="softmax"))
    parts = [used[0], layers.Dropout(0.2), used[1], layers.Dropout(0.2), used[2]]
    return keras.Sequential([Input((784,)), *parts]), used


def resnet(system: System) -> Built:
    used = []

    def normalized(x: Any, filters: int, size: int = 3, stride: int = 1) -> Any:
        both = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False), layers.BatchNormalization()
        used.extend(both)
        return both[1](both[0](x))

    image = Input((32, 32, 3))
    x = layers.ReLU()(normalized(image, 16))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        y = normalized(layers.ReLU()(normalized(x, filters, 3, stride)), filters)
        x = layers.ReLU()(layers.Add()([y, normalized(x, filters, 1, stride)]))
    used.append(layers.Dense(10, activation="softmax"))
    return Model(image, used[-1](layers.GlobalAveragePooling2D()(x))), used


def bilstm(system: System) -> Built:
    ids = Input((None,), dtype="int32")
    used = [layers.Embedding(20_000, 128), layers.Bidirectional(layers.LSTM(64, return_sequences=True))]
    used += [layers.Bidirectional(layers.LSTM(64)), layers.Dense(1, activation="sigmoid")]
    x = ids
    for layer in used:
        x = layer(x)
    return Model(ids, x), used


def transformer(system: System) -> Built:
    ids = Input((100,), dtype="int32")
    used = [layers.Embedding(20_000, 64)]
    x = used[0](ids)
    for _ in range(2):
        attention, first, second = (
            layers.MultiHeadAttention(4, 16),
            *(layers.LayerNormalization(epsilon=1e-6) for _ in range(2)),
        )
        hidden, dense = layers.Dense(256, activation="gelu"), layers.Dense(64)
        used += [attention, first, hidden, dense, second]
        x = first(layers.Add()([x, attention(x, x)]))
        x = second(layers.Add()([x, dense(hidden(x))]))
    used.append(layers.Dense(2, activation="softmax"))
    return Model(ids, used[-1](layers.GlobalAveragePooling1D()(x))), used


def policy(system: System) -> Built:
    used = [*(layers.Dense(64, activation="tanh") for _ in range(2)), layers.Dense(4, activation="softmax")]
    return keras.Sequential([Input((8,)), *used]), used


NETWORKS: dict[str, Callable[[System], Built]] = {
    "two_classes": dense(100, 32, 1),
    "ten_classes": dense(100, 32, 10),
    "functional": dense(64, 32, 32, 10),
    "video": video,
    "qa": qa,
    "posts": posts,
    "mnist_cnn": mnist_cnn,
    "resnet": resnet,
    "mlp": mlp,
    "bilstm": bilstm,
    "transformer": transformer,
    "policy": policy,
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
            trained = [variable for layer in self.used for variable in layer.trainable_variables]
            running = [variable for layer in self.used for variable in layer.non_trainable_weights]
            variables = [*trained, *running]
            for variable, array in zip(variables, self.start, strict=True):
                variable.assign(array.copy())
        self.model.optimizer.iterations.assign(0)
        for variable in self.model.optimizer.variables[2:]:  # after the step and the learning rate
            variable.assign(np.zeros(variable.shape, np.float32))
        self.turns = cycle(self.batches)

    def _compile(self) -> None:
        outputs = self.system.outputs
        self.model.compile(
            optimizer=self.system.optimizer,
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
