"""Data may come batch by batch, and a model speaks as one of Keras does: its methods, options, and weights in order."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from tests.building import build
from tests.generated.common import X, Y

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("default:__array__:DeprecationWarning")]

TEXT = """
x = Input(4)
h = BatchNormalization(name="h")(Dense(3, name="d")(x))
y = Dense(2, name="y")(h)
model = Model(x, y)
model.compile(adam(ExponentialDecay(0.1, 10, 0.5)), mse, metrics=[mae])
"""
RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(60, 4)), RNG.normal(size=(60, 2))


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return build(TEXT)


class Batches:
    """As a `keras.utils.Sequence` is."""

    ended = 0

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return A[10 * index : 10 * index + 10], B[10 * index : 10 * index + 10]

    def on_epoch_end(self) -> None:
        self.ended += 1


def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        for index in range(6):
            yield Batches()[index]


def test_batches_train_as_arrays_do(module: ModuleType) -> None:
    options: dict[str, Any] = {"epochs": 2, "verbose": 0}
    expected = module.Model().fit(A, B, batch_size=10, shuffle=False, **options)
    source, model = Batches(), module.Model()
    assert model.fit(source, shuffle=False, **options) == expected
    assert source.ended == 2
    once = module.Model().fit(zip(A.reshape(6, 10, 4), B.reshape(6, 10, 2), strict=True), epochs=1, verbose=0)
    assert once == {name: values[:1] for name, values in expected.items()}
    assert module.Model().fit(endless(), steps_per_epoch=6, **options) == expected
    by_four = module.Model().fit(A, B, batch_size=10, shuffle=False, steps_per_epoch=4, epochs=3, verbose=0)
    assert len(by_four["loss"]) == 3
    assert model.step == 12
    assert len(module.Model().fit(source, **options)["loss"]) == 2  # its batches are shuffled
    for given in (source, endless()):
        np.testing.assert_allclose(
            list(model.evaluate(given, steps=6).values()), list(model.evaluate(A, B, batch_size=10).values())
        )
    np.testing.assert_array_equal(model.predict(Batches()), model.predict(A, batch_size=10))


def test_weights_of_samples_and_classes_belong_to_batches(credit: ModuleType) -> None:
    weights = RNG.uniform(size=len(X))
    expected = credit.Model().fit(X, Y, sample_weight=weights, batch_size=len(X), shuffle=False, epochs=1, verbose=0)
    assert credit.Model().fit(iter([(X, Y, weights)]), epochs=1, verbose=0) == expected
    classes = {"default": {0: 1.0, 1: 3.0}}
    expected = credit.Model().fit(X, Y, class_weight=classes, batch_size=len(X), shuffle=False, epochs=1, verbose=0)
    assert credit.Model().fit(iter([(X, Y)]), class_weight=classes, epochs=1, verbose=0) == expected


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (A, {}, "target y: expected float32 of shape"),
        (Batches(), {"y": B}, "y: expected None, because x gives batches"),
        (iter([]), {}, "x: gave no batch"),
        (iter([A]), {}, r"x: expected batches \(x, y\) or"),
        (Batches(), {"validation_split": 0.2}, "validation_split: expected arrays"),
        (Batches(), {"checkpoint": "no.npz"}, "checkpoint: expected whole epochs over arrays"),
        (A, {"y": B, "validation_freq": 0}, "validation_freq: expected an integer of 1 or more"),
        (A, {"y": B, "steps_per_epoch": 0}, "steps_per_epoch: expected an integer of 1 or more"),
        (A, {"y": B, "validation_freq": 2, "csv": "no.csv"}, "csv: expected validation after every epoch"),
    ],
)
def test_what_does_not_fit_is_refused(module: ModuleType, given: Any, options: dict[str, Any], message: str) -> None:
    model = module.Model()
    with pytest.raises(ValueError, match=message):
        model.fit(given, **options, verbose=0)
    assert model.step == 0


def test_epochs_and_validation_are_those_of_keras(module: ModuleType) -> None:
    model, seen = module.Model(), list[int]()
    history = model.fit(
        A, B, epochs=7, initial_epoch=3, validation_data=Batches(), validation_freq=2, validation_steps=2,
        callbacks=lambda epoch, *_: seen.append(epoch), verbose=0,
    )  # fmt: skip
    assert seen == [3, 4, 5, 6]
    assert (len(history["loss"]), len(history.history["val_loss"])) == (4, 2)
    listed = module.Model().fit(A, B, epochs=3, validation_data=(A, B), validation_freq=[1, 3], verbose=0)
    assert len(listed["val_loss"]) == 2
    assert module.Model().fit(A, B, epochs=2, initial_epoch=2, verbose=0) == {}


def test_a_model_has_the_methods_of_one_of_keras(module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    model = module.Model(1, np.float64)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    theirs = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    theirs.set_weights(model.get_weights())
    for found in (model(A), model.predict_on_batch(A), model.predict(A, verbose=0)):
        np.testing.assert_allclose(found, np.asarray(theirs(A)), rtol=1e-9)
    assert model.count_params() == theirs.count_params()
    other = module.Model(2, np.float64)
    other.set_weights(theirs.get_weights())
    assert all(map(np.array_equal, other.weights.values(), model.weights.values()))
    with pytest.raises(ValueError, match=r"d/kernel: expected shape \(4, 3\), got \(3, 4\)"):
        model.set_weights([array.T for array in model.get_weights()])
    with pytest.raises(ValueError, match="expected 8 arrays, got 7"):
        model.set_weights(model.get_weights()[1:])
    scores = model.test_on_batch(A, B)
    assert list(scores.values()) == model.test_on_batch(A, B, return_dict=False)
    assert list(scores.values()) == model.evaluate(A, B, 60, return_dict=False, verbose=1)
    assert capsys.readouterr().out.startswith("loss ")


def test_the_learning_rate_is_the_one_in_force(module: ModuleType) -> None:
    model = module.Model()
    assert model.learning_rate == model.optimizer.learning_rate == 0.1
    model.fit(A, B, batch_size=6, epochs=1, verbose=0)
    assert np.isclose(model.learning_rate, 0.05)
    model.learning_rate = 0.2  # what the schedule starts from
    assert np.isclose(model.learning_rate, 0.1)
