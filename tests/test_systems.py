"""The article's systems, pasted as they stand, keep step with Keras for 20 steps, in float64 and in float32.

Keras runs the pasted code itself; gen builds the same text.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from tests import keras_twin
from tests.building import ROOT, build

SEQUENTIAL_TWO = """
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
"""
SEQUENTIAL_TEN = """
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(10, activation='softmax'))
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
"""
FUNCTIONAL = """
input_tensor = Input(shape=(64,))
x = layers.Dense(32, activation='relu')(input_tensor)
x = layers.Dense(32, activation='relu')(x)
output_tensor = layers.Dense(10, activation='softmax')(x)
model = Model(input_tensor, output_tensor)
model.compile(optimizer='rmsprop', loss='categorical_crossentropy')
model.summary()
"""
PASTED = {
    "two_classes": (SEQUENTIAL_TWO, 100, 1),
    "ten_classes": (SEQUENTIAL_TEN, 100, 10),
    "functional": (FUNCTIONAL, 64, 10),
}
BOUNDS: dict[str, dict[str, float]] = {
    "float64": {"rtol": 1e-8, "atol": 1e-9},
    "float32": {"rtol": 1e-4, "atol": 1e-4},
}


def in_keras(text: str, dtype: str) -> keras.Model:
    """What Keras makes of the pasted code."""
    keras.config.set_floatx(dtype)
    names = {name: getattr(keras, name) for name in ("Sequential", "Input", "Model", "layers")}
    names |= {"Dense": _dense}
    exec(text.replace("model.summary()", ""), names)
    model: Any = names["model"]
    model.compile(
        optimizer="rmsprop", loss=model.loss, metrics=["accuracy"] if "metrics" in text else None, jit_compile=False
    )
    return model


def _dense(units: int, input_dim: int | None = None, **options: Any) -> Any:
    return keras.layers.Dense(units, **options, **({"input_shape": (input_dim,)} if input_dim else {}))


def data(features: int, classes: int, dtype: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch of 32: uniform floats, and 0 or 1, or one-hot classes."""
    rng = np.random.default_rng(seed)
    x = rng.random((32, features)).astype(dtype)
    ids = rng.integers(0, max(classes, 2), 32)
    return x, (ids[:, None] if classes == 1 else np.eye(classes)[ids]).astype(dtype)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PASTED)
def test_twenty_steps_of_a_pasted_system_keep_step_with_keras(name: str, dtype: str) -> None:
    text, features, classes = PASTED[name]
    theirs = in_keras(text, dtype)
    ours = build(text, f"{name}.nn").Model(0, np.dtype(dtype).type)
    copy_weights(theirs, ours)
    for step in range(20):
        x, y = data(features, classes, dtype, step)
        theirs.reset_metrics()
        expected = theirs.train_on_batch(x, y, return_dict=True)
        logs = ours.train_on_batch(x, y)
        assert set(logs) == set(expected)
        for key, value in logs.items():
            np.testing.assert_allclose(value, expected[key], **BOUNDS[dtype], err_msg=f"{key} at step {step}")
        for (label, value), variable in zip(ours.weights.items(), theirs.weights, strict=True):
            np.testing.assert_allclose(value, np.asarray(variable), **BOUNDS[dtype], err_msg=f"{label}, step {step}")
        compare_slots(theirs, ours, dtype, step)


def copy_weights(theirs: keras.Model, ours: Any) -> None:
    """Keras' weights into the generated model; both have them in the order of the layers."""
    for (name, value), variable in zip(ours.weights.items(), theirs.weights, strict=True):
        assert name.rpartition("/")[2] == variable.name
        value[...] = np.asarray(variable)


def compare_slots(theirs: keras.Model, ours: Any, dtype: str, step: int) -> None:
    velocities = [np.asarray(v).ravel() for v in theirs.optimizer.variables if "velocity" in v.name]
    assert velocities
    np.testing.assert_allclose(
        ours.s.velocity, np.concatenate(velocities), **BOUNDS[dtype], err_msg=f"velocity, step {step}"
    )


@pytest.mark.parametrize("name", PASTED)
def test_the_example_is_the_pasted_code(name: str) -> None:
    """The `.nn` file of a system and its pasted Keras code do the same to the last bit."""
    text, features, classes = PASTED[name]
    example = (ROOT / "examples" / f"{name}.nn").read_text("utf-8")
    first, second = (build(each, f"{name}.nn").Model(3) for each in (text, example))
    x, y = data(features, classes, "float32", 0)
    for _ in range(3):
        assert list(first.train_on_batch(x, y).values()) == list(second.train_on_batch(x, y).values())
    np.testing.assert_array_equal(first.predict(x), second.predict(x))


@pytest.mark.parametrize("name", PASTED)
def test_a_system_trains_predicts_saves_and_loads(name: str, tmp_path: Path) -> None:
    module: ModuleType = build((ROOT / "examples" / f"{name}.nn").read_text("utf-8"), f"{name}.nn")
    _, features, classes = PASTED[name]
    rng = np.random.default_rng(0)
    x = rng.random((1000, features), np.float32)
    ids = rng.integers(0, max(classes, 2), 1000)
    y = ids[:, None] if classes == 1 else np.eye(classes)[ids]
    model = module.Model()
    history = model.fit(x, y, epochs=10, batch_size=32, verbose=0)
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(module.Model.load(tmp_path / "model.npz").predict(x), model.predict(x))


def test_the_two_step_form_is_the_same_model() -> None:
    text = """
model = Sequential([Dense(32, input_shape=(784,)), Activation('relu'), Dense(10), Activation('softmax')])
model.compile(optimizer='rmsprop', loss='categorical_crossentropy')
"""
    fused = text.replace("Dense(32, input_shape=(784,)), Activation('relu')", "Dense(32, 'relu', input_shape=(784,))")
    fused = fused.replace("Dense(10), Activation('softmax')", "Dense(10, 'softmax')")
    first, second = (build(each).Model(1) for each in (text, fused))
    x, y = data(784, 10, "float32", 0)
    for _ in range(3):
        assert first.train_on_batch(x, y) == second.train_on_batch(x, y)


assert keras_twin  # imported first: it chooses Keras' backend
