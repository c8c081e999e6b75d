"""The models that are measured: their data, their weights and their losses; each peer writes the networks its way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
Array = np.ndarray[Any, np.dtype[Any]]
Batch = tuple[tuple[Array, ...], tuple[Array, ...]]
"""The inputs and the targets."""


@dataclass(frozen=True)
class Output:
    """One result of a model. Its loss says what its last activation is; see `HEADS` of a peer."""

    loss: str
    weight: float = 1.0
    accuracy: bool = False
    """Whether right answers are counted."""


@dataclass(frozen=True)
class System:
    """One model, with data to train it on."""

    name: str
    network: str
    """The `.nn` file in `folder`, without its ending, and what each peer calls the model."""
    batch: int
    data: Callable[[np.random.Generator, int], Batch]
    """So many rows."""
    weights: tuple[tuple[int, ...], ...]
    """The shapes of the weights, in the order of the generated file and in Keras' layouts."""
    outputs: tuple[Output, ...]
    epochs: int = 1
    """Of one call of `fit`: what it does before its first step should not count."""
    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    folder: str = "examples"
    drops: bool = False
    """Whether it has a dropout: each side then trains on other random numbers, with losses that are only alike."""
    width: int | None = None
    """How many units its layers have, where `wide` has given them another number than the `.nn` file."""

    @property
    def source(self) -> Path:
        return ROOT / self.folder / f"{self.network}.nn"

    def batches(self, count: int | None = None) -> list[Batch]:
        """The first ones, or as many as there are in 1,000 rows; always the same."""
        rng = np.random.default_rng(0)
        return [self.data(rng, self.batch) for _ in range(1000 // self.batch if count is None else count)]

    def random_weights(self) -> list[Array]:
        """What to start from where there is no generated file, always the same; as large as Glorot has them."""
        rng = np.random.default_rng(1)
        scales = [
            (2 / (math.prod(shape[:-1]) + math.prod(shape) / shape[-2])) ** 0.5 if len(shape) > 1 else 0.01
            for shape in self.weights
        ]
        return [
            scale * rng.standard_normal(shape, np.float32) for scale, shape in zip(scales, self.weights, strict=True)
        ]


def joined(batches: Sequence[Batch]) -> Batch:
    """The rows of all batches."""
    inputs, targets = zip(*batches, strict=True)
    return tuple(map(np.concatenate, zip(*inputs, strict=True))), tuple(map(np.concatenate, zip(*targets, strict=True)))


def alone(arrays: tuple[Array, ...]) -> Any:
    """The array itself if it is the only one."""
    return arrays[0] if len(arrays) == 1 else list(arrays)


def dense(*sizes: int) -> tuple[tuple[int, ...], ...]:
    """The weights of dense layers, from these many features on."""
    return tuple(shape for pair in pairwise(sizes) for shape in (pair, pair[1:]))


def embedding(vocabulary: int, size: int) -> tuple[tuple[int, ...], ...]:
    return ((vocabulary, size),)


def lstm(features: int, units: int) -> tuple[tuple[int, ...], ...]:
    return (features, 4 * units), (units, 4 * units), (4 * units,)


def conv1d(*filters: int) -> tuple[tuple[int, ...], ...]:
    """The weights of convolutions five wide."""
    return tuple(shape for a, b in pairwise(filters) for shape in ((5, a, b), (b,)))


def one_hot(rng: np.random.Generator, classes: int, *shape: int) -> Array:
    return np.eye(classes, dtype=np.float32)[rng.integers(0, classes, shape)]


def two_classes(rng: np.random.Generator, rows: int) -> Batch:
    x = rng.random((rows, 100), np.float32)
    return (x,), (rng.integers(0, 2, (rows, 1)).astype(np.float32),)


def ten_classes(rng: np.random.Generator, rows: int) -> Batch:
    return (rng.random((rows, 100), np.float32),), (one_hot(rng, 10, rows),)


def functional(rng: np.random.Generator, rows: int) -> Batch:
    return (rng.random((rows, 64), np.float32),), (one_hot(rng, 10, rows),)


def video(rng: np.random.Generator, rows: int) -> Batch:
    return (rng.random((rows, 20, 784), np.float32),), (one_hot(rng, 10, rows, 20),)


def qa(rng: np.random.Generator, rows: int) -> Batch:
    text, question = (rng.integers(0, 10_000, (rows, 100), np.int32) for _ in range(2))
    return (text, question), (one_hot(rng, 500, rows),)


def posts(rng: np.random.Generator, rows: int, ids: Array | None = None) -> Batch:
    if ids is None:
        ids = rng.integers(0, 50_000, (rows, 500), np.int32)
    age = rng.standard_normal((rows, 1), np.float32)
    return (ids,), (age, one_hot(rng, 10, rows), rng.integers(0, 2, (rows, 1)).astype(np.float32))


def posts_of_words(rng: np.random.Generator, rows: int) -> Batch:
    """Ids as frequent as words are (Zipf): the 32,000 of a batch are 3,000 different ones, the common ones first."""
    share = np.arange(1, 50_001) ** -1.3
    return posts(rng, rows, rng.choice(50_000, (rows, 500), p=share / share.sum()).astype(np.int32))


CLASSES = Output("categorical_crossentropy", accuracy=True)
POSTS = (
    *embedding(50_000, 256),
    *conv1d(256, 128, 256, 256, 256, 256),
    *dense(256, 128),
    *dense(128, 1),
    *dense(128, 10),
    *dense(128, 1),
)
QA = (
    *embedding(10_000, 64),
    *lstm(64, 32),
    *embedding(10_000, 32),
    *lstm(32, 16),
    *dense(48, 500),
)
PERSON = (
    Output("mse", 0.25),
    Output("categorical_crossentropy", 1.0),
    Output("binary_crossentropy", 10.0),
)

YES_OR_NO = Output("binary_crossentropy", accuracy=True)
_ALL: Sequence[System] = (
    System("1", "two_classes", 32, two_classes, dense(100, 32, 1), (YES_OR_NO,), epochs=10),
    System("2", "ten_classes", 32, ten_classes, dense(100, 32, 10), (CLASSES,), epochs=10),
    System("3", "functional", 32, functional, dense(64, 32, 32, 10), (Output("categorical_crossentropy"),), epochs=10),
    System("4", "video", 32, video, dense(784, 32, 10), (CLASSES,), epochs=10),
    System("5", "qa", 128, qa, QA, (CLASSES,), epochs=2),
    System("6", "posts", 64, posts, POSTS, PERSON),
    System("6z", "posts", 64, posts_of_words, POSTS, PERSON),
)
SYSTEMS = {system.name: system for system in _ALL}


def images(*shape: int) -> Callable[[np.random.Generator, int], Batch]:
    """Numbers of this shape, and one of ten classes."""
    return lambda rng, rows: ((rng.random((rows, *shape), np.float32),), (one_hot(rng, 10, rows),))


def text(rng: np.random.Generator, rows: int) -> Batch:
    return (rng.integers(1, 20_000, (rows, 100), np.int32),), (rng.integers(0, 2, (rows, 1)).astype(np.float32),)


def text_of_two(rng: np.random.Generator, rows: int) -> Batch:
    return (rng.integers(1, 20_000, (rows, 100), np.int32),), (one_hot(rng, 2, rows),)


def state(rng: np.random.Generator, rows: int) -> Batch:
    return (rng.standard_normal((rows, 8), np.float32),), (one_hot(rng, 4, rows),)


def conv2d(size: int, *filters: int) -> tuple[tuple[int, ...], ...]:
    """The weights of square convolutions."""
    return tuple(shape for a, b in pairwise(filters) for shape in ((size, size, a, b), (b,)))


def normalized(size: int, *filters: int) -> tuple[tuple[int, ...], ...]:
    """The trained weights of square convolutions without biases, each with a batch normalization."""
    return tuple(shape for a, b in pairwise(filters) for shape in ((size, size, a, b), (b,), (b,)))


def attention(features: int, heads: int, size: int) -> tuple[tuple[int, ...], ...]:
    """The weights of query, key, value, and the projection back."""
    return 3 * ((features, heads, size), (heads, size)) + ((heads, size, features), (features,))


def transformer_block(features: int, hidden: int) -> tuple[tuple[int, ...], ...]:
    scale_and_shift = ((features,), (features,))
    dense_layers = dense(features, hidden, features)
    return attention(features, 4, 16) + scale_and_shift + dense_layers + scale_and_shift


STAGES = ((16, 16), (16, 32), (32, 64))
RESNET = (
    *normalized(3, 3, 16),
    *(shape for a, b in STAGES for shape in (*normalized(3, a, b, b), *normalized(1, a, b))),
    *dense(64, 10),
    *((16,), (16,)),
    *(shape for _, b in STAGES for shape in 6 * ((b,),)),  # moving means and variances
)
BILSTM = (*embedding(20_000, 128), *(2 * lstm(128, 64)), *(2 * lstm(128, 64)), *dense(128, 1))
TRANSFORMER = (*embedding(20_000, 64), *(2 * transformer_block(64, 256)), *dense(64, 2))
MNIST_CNN = (*conv2d(3, 1, 32, 64), *dense(1600, 10))
TEN = (Output("categorical_crossentropy"),)


def typical(
    name: str,
    batch: int,
    data: Callable[[np.random.Generator, int], Batch],
    weights: tuple[tuple[int, ...], ...],
    outputs: tuple[Output, ...] = TEN,
    drops: bool = False,
) -> System:
    """A model that many people train, with Adam."""
    return System(name, name, batch, data, weights, outputs, optimizer="adam", folder="bench/models", drops=drops)


_TYPICAL: Sequence[System] = (
    typical("mnist_cnn", 128, images(28, 28, 1), MNIST_CNN, drops=True),
    typical("resnet", 64, images(32, 32, 3), RESNET),
    typical("mlp", 128, images(784), dense(784, 512, 512, 10), drops=True),
    typical("bilstm", 32, text, BILSTM, (Output("binary_crossentropy"),)),
    typical("transformer", 32, text_of_two, TRANSFORMER),
    typical("policy", 64, state, dense(8, 64, 64, 4)),
)
WIDE = "mlp"
"""The model that is measured in several widths."""
WIDTH = 512
"""The units of its layers in its `.nn` file."""


def wide(width: int) -> System:
    """That model with layers of so many units."""
    (system,) = (each for each in _TYPICAL if each.name == WIDE)
    return replace(system, weights=dense(784, width, width, 10), width=width)


TYPICAL = {system.name: system for system in _TYPICAL}
"""Measured when they are asked for."""
MODELS = SYSTEMS | TYPICAL
