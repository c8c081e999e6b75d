"""What `gen export` writes, Keras loads: the same predictions, and training goes on; gen reads it back, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from gen.cli import gen
from tests.building import CASES, build, sample
from tests.importing.made import imported
from tests.importing.test_round_trip import data, rows
from tests.keras_twin import computes_in

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
NAMES = ("lstm", "multi_head_attention", "batch_normalization_conv", "slices", "shared_model", "embedding_mask")
CHOSEN = [path for path in CASES if path.stem in NAMES]


def exported(text: str, folder: Path, ending: str = ".keras", steps: int = 0) -> tuple[Any, Path]:
    """A generated model of a text, trained for some steps, and the file that it is exported to."""
    model = build(text).Model(1, np.float64)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        model.train_on_batch(rng.normal(size=(6, 3)), rng.normal(size=(6, 2)))
    model.save(folder / "model.npz")
    (folder / "model.nn").write_text(text)
    out = folder / f"out{ending}"
    result = CliRunner().invoke(
        gen, ["export", *(str(folder / f"model.{end}") for end in ("nn", "npz")), "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    return model, out


@pytest.mark.parametrize("path", sample(CHOSEN, 2), ids=lambda path: path.stem)
def test_keras_loads_it_and_gen_reads_it_back(path: Path, tmp_path: Path) -> None:
    computes_in("float64")
    ours, out = exported(path.read_text("utf-8"), tmp_path)
    x = data(ours)
    theirs, (_, back) = keras.models.load_model(out), imported(out)
    expected = rows(theirs.predict(x if len(x) > 1 else x[0], verbose=0))
    for model in (ours, back):
        for one, other in zip(rows(model.predict(x)), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


WORDS = """
a, b = Input(6, int32), Input(6, int32)
words = Embedding(4, 3, mask_zero=True)
p, q = TimeDistributed(Dense(3))(words(a)), Bidirectional(LSTM(3, return_sequences=True), "sum")(words(b))
"""
LOST = {
    "steps as rows": "y = LSTM(2)(p)",
    "two directions": "y = GRU(2)(q)",
    "a mean": "y = GlobalAveragePooling1D()(p)",
    "either of two": "y = LSTM(2)(Add()([p, q]))",
    "one behind the other": "y = GRU(3)(Concatenate(axis=1, name='joined')([p, Dense(3)(x), q]))",
    "an operator": "y = LSTM(2)(words(a) + words(b))",
    "numbers that stand for nothing": "y = LSTM(2)(ReLU()(Masking(0.5)(x)))",
}
LOST_TO_ATTENTION = {
    "attention": "y = Attention()([p, q])",
    "several heads": "y = MultiHeadAttention(2, 3)(p, q)",
}
"""Models in which Keras does not carry a mask as far as gen does, because it has functions where a file has a wrapper.

Those with attention do not come back: gen's layers take no masks of their inputs in the call.
"""


@pytest.mark.parametrize("end", [*LOST.values(), *LOST_TO_ATTENTION.values()], ids=[*LOST, *LOST_TO_ATTENTION])
def test_masks_that_keras_would_lose_are_said(end: str, tmp_path: Path) -> None:
    computes_in("float64")
    others = "Flatten()(x), Flatten()(Embedding(4, 1)(a)), Flatten()(Embedding(4, 1)(b))"
    text = f"x = Input((6, 3)){WORDS}{end}\nmodel = Model([a, b, x], [y, {others}])\n"
    ours, out = exported(text, tmp_path)
    first, second, numbers = data(ours)
    numbers[:, 2:4] = 0.5
    x = [first, second, numbers]
    expected = keras.models.load_model(out).predict(x, verbose=0)
    back = [("what comes back", imported(out)[1])] if end in LOST.values() else []
    for name, model in (("gen", ours), *back):
        for one, other in zip(rows(model.predict(x)), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_mask_that_keras_takes_from_nowhere_is_refused(tmp_path: Path) -> None:
    text = f"{WORDS}model = Model([a, b], LSTM(2)(Multiply()([p, q])))\n"
    (tmp_path / "model.nn").write_text(text)
    build(text).Model(1).save(tmp_path / "model.npz")
    command = ["export", *(str(tmp_path / f"model.{end}") for end in ("nn", "npz")), "-o", str(tmp_path / "out.keras")]
    done = CliRunner().invoke(gen, command)
    assert done.exit_code == 2 and "multiply: Keras has no mask beside its inputs" in done.output


def test_a_penalty_of_ones_own_is_refused(tmp_path: Path) -> None:
    text = next(path for path in CASES if path.stem == "own_regularizers").read_text("utf-8")
    (tmp_path / "model.nn").write_text(text)
    build(text).Model(1).save(tmp_path / "model.npz")
    command = ["export", *(str(tmp_path / f"model.{end}") for end in ("nn", "npz")), "-o", str(tmp_path / "out.keras")]
    done = CliRunner().invoke(gen, command)
    assert done.exit_code == 2 and "which Keras keeps in no file" in done.output


def test_constants_are_arguments(tmp_path: Path) -> None:
    computes_in("float64")
    text = "x = Input(3)\nh = (x - [1.5, 2.0, 0.25]) / [0.5, 2.0, 1.0]\nmodel = Model(x, Dense(2)(h))\n"
    ours, out = exported(text, tmp_path)
    theirs, (_, back) = keras.models.load_model(out), imported(out)
    x = np.random.default_rng(0).normal(size=(4, 3))
    for model in (theirs, back):
        np.testing.assert_allclose(model.predict(x), ours.predict(x), rtol=1e-12)


def test_activations_are_functions_wherever_keras_has_them(tmp_path: Path) -> None:
    computes_in("float64")
    ours, out = exported("x = Input(3)\nmodel = Model(x, Dense(2)(tanh(x) + exponential(x) * mish(x)))\n", tmp_path)
    theirs, (_, back) = keras.models.load_model(out), imported(out)
    x = np.random.default_rng(0).normal(size=(4, 3))
    for model in (theirs, back):
        np.testing.assert_allclose(model.predict(x), ours.predict(x), rtol=1e-12)


TEXT = "x = Input(3)\nh = Dense(4, tanh)(x)\ny = Dense(2)(h)\nmodel = Model(x, y)\nmodel.compile(adam(0.01), mse)\n"


OPTIMIZERS = [
    "adam(0.01)",
    "adam(0.01, amsgrad=True)",
    "adadelta(1.0)",
    "adagrad(0.1)",
    "adamax(0.01)",
    "ftrl(0.1, beta=0.1)",
    "lion(0.01)",
    "nadam(0.01)",
    "rmsprop(0.01, momentum=0.5, centered=True)",
    "sgd(0.01, momentum=0.9)",
    "adam(CosineDecay(0.05, 6))",
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_keras_trains_on_where_gen_stopped(optimizer: str, tmp_path: Path) -> None:
    computes_in("float64")
    ours, out = exported(TEXT.replace("adam(0.01)", optimizer), tmp_path, steps=2)
    theirs = keras.models.load_model(out)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    for _ in range(2):
        ours.train_on_batch(x, y)
        theirs.train_on_batch(x, y)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-6)


def test_weights_alone(tmp_path: Path) -> None:
    computes_in("float64")
    ours, out = exported(TEXT, tmp_path, ".weights.h5")
    inputs = keras.Input((3,))
    h = keras.layers.Dense(4, "tanh")(inputs)
    theirs = keras.Model(inputs, keras.layers.Dense(2)(h))
    theirs.load_weights(out)
    for one, other in zip(ours.weights.values(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_safetensors(tmp_path: Path) -> None:
    ours, out = exported(TEXT, tmp_path, ".safetensors")
    content = out.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    for name, array in ours.weights.items():
        start, end = header[name]["data_offsets"]
        read = np.frombuffer(content[8 + size + start : 8 + size + end], "<f8").reshape(header[name]["shape"])
        np.testing.assert_array_equal(read, array)
    again = type(ours).load(out)
    for name, array in ours.weights.items():
        np.testing.assert_array_equal(again.weights[name], array)
    out.write_bytes(content[:40])
    with pytest.raises(ValueError, match=r"is not a \.safetensors file"):
        type(ours).load(out)


def test_safetensors_come_in_for_a_model_of_a_file(tmp_path: Path) -> None:
    ours, out = exported(TEXT, tmp_path, ".safetensors")
    (tmp_path / "other.nn").write_text(TEXT)
    command = ["import", str(out), "--into", str(tmp_path / "other.nn"), "-o", str(tmp_path)]
    done = CliRunner().invoke(gen, command)
    assert done.exit_code == 0, done.output
    again = type(ours).load(tmp_path / "other.npz")
    for name, array in ours.weights.items():
        np.testing.assert_array_equal(again.weights[name], array)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:40],
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: content[:-1],
        lambda content: content.replace(b'"shape": [3, 4]', b'"shape": [4, 4]'),
        lambda content: content.replace(b'"shape": [3, 4]', b'"shape": "12_4"'),
        lambda content: content.replace(b'"h/kernel"', b'"h/kernil"'),
        lambda content: content.replace(b'"dtype"', b'"dtipe"'),
    ],
)
def test_damaged_safetensors_are_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    _, out = exported(TEXT, tmp_path, ".safetensors")
    content = out.read_bytes()
    out.write_bytes(damage(content))
    assert out.read_bytes() != content
    (tmp_path / "other.nn").write_text(TEXT)
    command = ["import", str(out), "--into", str(tmp_path / "other.nn"), "-o", str(tmp_path)]
    done = CliRunner().invoke(gen, command)
    assert done.exit_code == 2 and done.output.startswith("gen: ") and not (tmp_path / "other.npz").exists()
