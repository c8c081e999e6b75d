"""Keras builds a model and saves it, gen imports the file: the same predictions, and a text as a person writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result

from gen.cli import gen
from gen.keras_files.exporting import keras_file
from gen.keras_files.problems import KerasFileError
from gen.nn_layout import format_text
from tests import keras_script
from tests.building import CASES, build, sample
from tests.importing.made import imported

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning", "ignore:Do not pass an `input_shape`:UserWarning"
)
FORMS = ("keras", "h5")
OWN = ("add_loss", "own_")
"""Cases with layers, losses, or penalties of their own, whose code no file of Keras holds."""
NOT_KERAS = (
    *("conv1d", "conv1d_whole", "conv2d", "embedding_conv1d", "max_pooling_1d_relu", "max_pooling_2d_relu"),
    *("embedding_dense", "embedding_float", "operations_masked_mean", "operations_positions"),
)
"""Cases that Keras does not run as they stand, because gen reads more, or whose inputs are ids as floats."""
UNSAVED = ("metrics_masked_sparse", "outputs")
"""Cases with losses by tensor, which Keras writes into no `.keras` file."""
IN_FLOAT32 = ("operations_attention",)
"""Cases with an attention whose softmax Keras on JAX computes in float32."""
CHOSEN = [path for path in CASES if not path.stem.startswith(OWN) and path.stem not in NOT_KERAS]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", sample(CHOSEN, 50), ids=lambda path: path.stem)
def test_it_predicts_what_keras_predicts(path: Path, form: str, tmp_path: Path) -> None:
    theirs = keras_script.run(path.read_text("utf-8"))
    if path.stem in UNSAVED:
        theirs = keras.Model(theirs.inputs, theirs.outputs)
    file = tmp_path / f"model.{form}"
    theirs.save(file, **({"include_optimizer": False} if form == "h5" else {}))
    found, ours = imported(file)
    assert format_text(found.text) == found.text
    x = data(ours)
    expected = rows(theirs.predict(x if len(x) > 1 else x[0], verbose=0))
    close = 1e-6 if path.stem in IN_FLOAT32 else 1e-9
    for one, other in zip(rows(ours.predict(x)), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=close, atol=close * max(1.0, np.abs(other).max()))


def data(model: Any) -> list[np.ndarray]:
    """Random inputs of a generated model."""
    rng, found = np.random.default_rng(0), []
    for column in model._inputs:
        shape = (4, *(size if isinstance(size, int) else 9 for size in column.shape))
        if column.dtype.kind == "b":
            found.append(rng.random(shape) < 0.5)
            continue
        whole = column.limit is not None or column.dtype.kind in "iu"
        found.append(rng.integers(0, column.limit or 2, shape) if whole else rng.normal(size=shape))
    return found


def rows(given: Any) -> list[np.ndarray]:
    if isinstance(given, dict):
        return list(given.values())
    return list(given) if isinstance(given, list | tuple) else [given]


def test_masks_that_keras_writes_out_are_those_of_the_embedding(tmp_path: Path) -> None:
    text = """
ids = Input(None, int32)
words = Embedding(5, 3, mask_zero=True, name="words")(ids)
steps = LSTM(4, return_sequences=True, name="steps")(words)
y = Bidirectional(GRU(3), merge_mode="sum", name="both")(steps)
model = Model(ids, Dense(2, name="y")(y))
"""
    keras_script.run(text).save(tmp_path / "m.keras")
    found, _ = imported(tmp_path / "m.keras")
    assert found.text.split("\n\n", 2)[2] == (
        'input_layer = Input((None,), dtype="int32")\n\n'
        "words = Embedding(5, 3, mask_zero=True)(input_layer)\n"
        "steps = LSTM(4, return_sequences=True)(words)\n"
        'both = Bidirectional(GRU(3), merge_mode="sum")(steps)\n'
        "y = Dense(2)(both)\n\n"
        "model = Model(input_layer, y)\n"
    )


@pytest.mark.parametrize(
    "end",
    [
        "LSTM(2)(h * 2.0, mask=ops.not_equal(ids, 0))",
        "LSTM(2)(ops.tanh(h), mask=ops.not_equal(ids, 0))",
        "LSTM(2)(Conv1D(3, 1)(ops.tanh(h)), mask=ops.not_equal(ids, 0))",
        "LSTM(2)(h, mask=ops.not_equal(others, 0))",
        "LSTM(2)(h, mask=ops.logical_and(ops.not_equal(ids, 0), ops.not_equal(others, 0)))",
        "LSTM(2)(h, mask=ops.not_equal(ids, 1))",
        "LSTM(2)(Add()([h, g]), mask=ops.not_equal(ids, 0))",
        "LSTM(2)(Add()([h, g]), mask=ops.logical_and(ops.not_equal(ids, 0), ops.not_equal(others, 0)))",
        "GlobalAveragePooling1D()(Add()([h, MultiHeadAttention(1, 2)(h, g)]))",
    ],
)
def test_a_mask_that_no_layer_carries_there_is_kept(end: str, tmp_path: Path) -> None:
    text = (
        "ids, others = Input(6, dtype='int32'), Input(6, dtype='int32')\n"
        "h, g = (Embedding(4, 3, mask_zero=True)(each) for each in (ids, others))\n"
        f"model = Model([ids, others], [{end}, LSTM(2)(g)])\n"
    )
    theirs = keras_script.run(text)
    theirs.save(tmp_path / "m.keras")
    _, ours = imported(tmp_path / "m.keras")
    x = [*np.random.default_rng(0).integers(0, 4, (2, 4, 6))]
    for one, other in zip(rows(ours.predict(x)), theirs.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_masks_of_layers_that_join_tensors_are_theirs(tmp_path: Path) -> None:
    text = """
ids, others = Input(6, int32), Input(6, int32)
h, g = (Embedding(4, 3, mask_zero=True)(each) for each in (ids, others))
both = Add()([Concatenate()([h, g]), Concatenate()([g, h])])
y = [LSTM(2)(both), GRU(2)(Concatenate(axis=1)([h, g])), GlobalAveragePooling1D()(Attention()([h, g]))]
model = Model([ids, others], y)
"""
    theirs = keras_script.run(text)
    theirs.save(tmp_path / "m.keras")
    found, ours = imported(tmp_path / "m.keras")
    assert "mask=" not in found.text and "ops" not in found.text
    x = [*np.random.default_rng(0).integers(0, 4, (2, 4, 6))]
    for one, other in zip(rows(ours.predict(x)), theirs.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_layers_stand_where_activations_do(tmp_path: Path) -> None:
    layers = keras.layers
    x = keras.Input((4, 3), name="x")
    activations = [layers.LeakyReLU(), layers.ELU(0.3), layers.ReLU(max_value=1.0), layers.ReLU(negative_slope=0.3)]
    h: Any = x
    for number, each in enumerate([*activations, layers.Softmax(axis=1), layers.ELU()]):
        h = layers.Dense(3, activation=each, name=f"h{number}")(h)
    theirs = keras.Model(x, layers.Activation(layers.LeakyReLU(0.4), name="y")(h))
    theirs.save(tmp_path / "m.keras")
    found, ours = imported(tmp_path / "m.keras")
    assert "activation=keras.layers.LeakyReLU()" in found.text and 'activation="elu"' in found.text
    (tmp_path / "out.keras").write_bytes(keras_file(found.graph, found.weights, {}, found.dtype))
    data_ = np.random.default_rng(0).normal(size=(4, 4, 3))
    for model in (ours, keras.models.load_model(tmp_path / "out.keras")):
        np.testing.assert_allclose(model.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_a_base_with_what_prepares_images(form: str, tmp_path: Path) -> None:
    """Layers that only training needs, alone in their Sequential; whole numbers; statistics of a model in the model."""
    layers = keras.layers
    flips = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)], name="flips")
    normal = layers.Normalization(name="normal")
    normal.adapt(np.random.default_rng(0).normal(2.0, 3.0, (9, 4, 4, 3)))
    inner = keras.Input((4, 4, 3), name="inner")
    base = keras.Model(inner, layers.BatchNormalization(name="bn")(normal(inner)), name="base")
    x = keras.Input((4, 4, 3), dtype="uint8", name="x")
    h = base(layers.Rescaling(1 / 255, name="scale")(flips(x)), training=False)
    theirs = keras.Model(x, layers.Dense(2, name="y")(layers.Flatten(name="flat")(h)))
    theirs.save(tmp_path / f"m.{form}")
    _, ours = imported(tmp_path / f"m.{form}")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3)).astype(np.uint8)
    np.testing.assert_allclose(ours.predict(pixels), theirs.predict(pixels, verbose=0), rtol=1e-6)


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adadelta": lambda: keras.optimizers.Adadelta(1.0),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "amsgrad": lambda: keras.optimizers.AdamW(0.01, amsgrad=True),
    "ftrl": lambda: keras.optimizers.Ftrl(0.1, l1_regularization_strength=0.01),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "lion": lambda: keras.optimizers.Lion(0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "ema": lambda: keras.optimizers.Adam(0.01, use_ema=True),
    "steps of a schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.PiecewiseConstantDecay([2, 3], [0.1, 0.05, 0.01]), momentum=0.5
    ),
    "schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 4)),
}


@pytest.mark.parametrize(
    ("form", "optimizer"), [*(("keras", name) for name in OPTIMIZERS), ("h5", "adam"), ("h5", "schedule")]
)
def test_training_goes_on_where_keras_stopped(form: str, optimizer: str, tmp_path: Path) -> None:
    text = "x = Input(3)\nh = Dense(4, tanh, name='h')(x)\ny = Dense(2, name='y')(h)\nmodel = Model(x, y)\n"
    theirs = keras_script.run(text)
    theirs.compile(optimizer=OPTIMIZERS[optimizer](), loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    theirs.train_on_batch(x, y)
    theirs.save(tmp_path / f"m.{form}")
    assert CliRunner().invoke(gen, ["import", str(tmp_path / f"m.{form}"), "-o", str(tmp_path)]).exit_code == 0
    ours = build((tmp_path / "m.nn").read_text()).Model.load(tmp_path / "m.npz")
    for _ in range(2):
        theirs.train_on_batch(x, y)
        ours.train_on_batch(x, y)
    close = 1e-6 if "schedule" in optimizer else 1e-9  # of a schedule Keras makes float32
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=close)


def test_names_of_any_kind_are_kept(tmp_path: Path) -> None:
    x = keras.Input((3,), name="Größe (cm)")
    h = keras.layers.Dense(4, name="layer 1: hidden")(x)
    h = keras.layers.Dense(4, name="层.2")(h)
    y = keras.layers.Dense(2, name="class")(h)
    theirs = keras.Model(x, y)
    theirs.save(tmp_path / "m.keras")
    found, ours = imported(tmp_path / "m.keras")
    assert [name for name in found.weights if name.endswith("kernel")] == [
        "layer 1: hidden/kernel",
        "层.2/kernel",
        "class/kernel",
    ]
    assert [item.name for item in found.graph.inputs] == ["Größe (cm)"]
    assert [item.name for item in found.graph.outputs] == ["class"]
    data_ = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(ours.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-9)


def spread(tmp_path: Path) -> tuple[keras.Model, Path]:
    """A model of Keras, and its weights in several files."""
    text = "x = Input(30)\nh = Dense(40, tanh, name='h')(x)\ny = Dense(20, name='y')(h)\nmodel = Model(x, y)\n"
    theirs = keras_script.run(text)
    theirs.save_weights(tmp_path / "m.weights.json", max_shard_size=1e-5)
    assert len(list(tmp_path.glob("*.weights.h5"))) > 1
    (tmp_path / "m.nn").write_text(text)
    return theirs, tmp_path / "m.weights.json"


def import_into(path: Path) -> Result:
    folder = path.parent
    return CliRunner().invoke(gen, ["import", str(path), "--into", str(folder / "m.nn"), "-o", str(folder)])


def test_weights_that_are_spread_over_files(tmp_path: Path) -> None:
    theirs, path = spread(tmp_path)
    assert import_into(path).exit_code == 0
    ours = build((tmp_path / "m.nn").read_text()).Model.load(tmp_path / "m.npz")
    data_ = np.random.default_rng(0).normal(size=(4, 30))
    np.testing.assert_allclose(ours.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-9)


@pytest.mark.parametrize("name", ["../m_00000.weights.h5", "gone.weights.h5", "m.nn", 3, None, "a\0.weights.h5"])
def test_pieces_elsewhere_are_refused(name: Any, tmp_path: Path) -> None:
    _, path = spread(tmp_path)
    path.write_text(json.dumps({"weight_map": {"/layers/dense/vars": name}}))
    done = import_into(path)
    assert done.exit_code == 2 and "Traceback" not in done.output and not (tmp_path / "m.npz").exists()


def test_weights_alone_of_two_directions_are_told_apart(tmp_path: Path) -> None:
    """Keras counts the layers of a session: what is in the Bidirectional is called `forward_lstm_1` in the file."""
    text = "x = Input((5, 3))\ny = Bidirectional(LSTM(2), name='both')(x)\nmodel = Model(x, y)\n"
    theirs = keras_script.run(f"LSTM(2)\n{text}")
    theirs.save_weights(tmp_path / "m.weights.h5")
    (tmp_path / "m.nn").write_text(text)
    assert import_into(tmp_path / "m.weights.h5").exit_code == 0
    ours = build((tmp_path / "m.nn").read_text()).Model.load(tmp_path / "m.npz")
    data_ = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_allclose(ours.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_cells_on_top_of_each_other_are_layers_one_after_the_other(form: str, tmp_path: Path) -> None:
    x = keras.Input((6,), dtype="int32", name="ids")
    h = keras.layers.Embedding(5, 3, mask_zero=True, name="words")(x)
    h = keras.layers.RNN([keras.layers.GRUCell(3), keras.layers.LSTMCell(2)], return_sequences=True, name="two")(h)
    theirs = keras.Model(x, keras.layers.RNN([keras.layers.LSTMCell(2), keras.layers.LSTMCell(4)], name="top")(h))
    theirs.save(tmp_path / f"m.{form}")
    found, ours = imported(tmp_path / f"m.{form}")
    assert "two_cell_1 = RNN(GRUCell(3), return_sequences=True)(words)\n" in found.text
    assert found.text.endswith("top = RNN(LSTMCell(4))(top_cell_1)\n\nmodel = Model(ids, top)\n")
    ids = np.random.default_rng(0).integers(0, 5, (4, 6))
    np.testing.assert_allclose(ours.predict(ids), theirs.predict(ids, verbose=0), rtol=1e-9)


def said(path: Path) -> str:
    """What `gen import --compare` says."""
    done = CliRunner().invoke(gen, ["import", str(path), "-o", str(path.parent), "--compare"])
    assert done.exit_code == 0, done.output
    return done.output


def as_lists() -> tuple[keras.Model, Any]:
    """Inputs and outputs in lists and dicts inside of each other."""
    a, b, c = (keras.Input((size,), name=name) for size, name in ((4, "a"), (3, "b"), (3, "c")))
    outputs = [keras.layers.Dense(3, name="y")(a), {"sum": keras.layers.Add(name="s")([b, c]), "a": a * 2}]
    return keras.Model([a, [c, b]], outputs), lambda a, c, b: [a, [c, b]]


def as_dicts() -> tuple[keras.Model, Any]:
    """Keys that are not the names of the inputs, in an order that is not theirs, and of a model in the model, too."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    difference = keras.layers.Subtract(name="d")([a, keras.layers.Dense(4, name="h")(b)])
    inner = keras.Model({"right": b, "left": a}, {"to": difference, "from": a}, name="inner")
    p, q, r = (keras.Input((4,), name=name) for name in "pqr")
    one, other = inner({"right": q, "left": p}), inner({"left": r, "right": p})
    total = keras.layers.Add(name="total")([one["to"], other["from"]])
    outputs = {"z": total, "c": keras.layers.Dense(2, name="y")(other["to"])}
    return keras.Model({"3": r, "1": p, "2": q}, outputs), lambda p, q, r: {"1": p, "2": q, "3": r}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [as_lists, as_dicts])
@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict:UserWarning")
def test_inputs_and_outputs_may_be_lists_and_dicts(make: Any, form: str, tmp_path: Path) -> None:
    theirs, given = make()
    theirs.save(tmp_path / f"m.{form}")
    _, ours = imported(tmp_path / f"m.{form}")
    x = data(ours)
    expected = keras.tree.flatten(theirs.predict(given(*x), verbose=0))
    for one, other in zip(rows(ours.predict(x)), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    if (make, form) != (as_lists, "h5"):  # Keras cannot read its own operation there
        assert "the largest difference to Keras" in said(tmp_path / f"m.{form}")


def test_a_weight_that_is_one_number_comes_back(tmp_path: Path) -> None:
    x, z = keras.Input((5, 3), name="x"), keras.Input((5, 3), name="z")
    theirs = keras.Model([x, z], keras.layers.Attention(use_scale=True, name="a")([x, z]))
    theirs.set_weights([np.array(1.7)])
    theirs.save(tmp_path / "m.keras")
    assert "the largest difference to Keras" in said(tmp_path / "m.keras")
    ours = build((tmp_path / "m.nn").read_text()).Model.load(tmp_path / "m.npz")
    data_ = [*np.random.default_rng(0).normal(size=(2, 4, 5, 3))]
    np.testing.assert_allclose(ours.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("used", [True, False])
def test_scores_of_an_attention_are_refused_where_the_model_uses_them(used: bool, tmp_path: Path) -> None:
    x = keras.Input((5, 4), name="x")
    y, scores = keras.layers.MultiHeadAttention(2, 3, name="heads")(x, x, return_attention_scores=True)
    theirs = keras.Model(x, [y, scores] if used else y)
    theirs.save(tmp_path / "m.keras")
    if used:
        with pytest.raises(KerasFileError, match="heads: the model uses its attention scores"):
            imported(tmp_path / "m.keras")
        return
    _, ours = imported(tmp_path / "m.keras")
    data_ = np.random.default_rng(0).normal(size=(4, 5, 4))
    np.testing.assert_allclose(ours.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-9)


def test_the_subscripts_of_an_einsum_come_first(tmp_path: Path) -> None:
    x = keras.Input((2, 3), name="x")
    theirs = keras.Model(x, keras.layers.Dense(2, name="y")(keras.ops.einsum("bij,bkj->bik", x, x)))
    theirs.save(tmp_path / "m.keras")
    found, ours = imported(tmp_path / "m.keras")
    assert 'einsum("bij,bkj->bik", x, x)' in found.text
    data_ = np.random.default_rng(0).normal(size=(4, 2, 3))
    np.testing.assert_allclose(ours.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-9)


@pytest.mark.parametrize("approximate", [True, False])
def test_defaults_of_operations_are_those_of_the_operation(approximate: bool, tmp_path: Path) -> None:
    """`ops.gelu` and `Activation("gelu")` have different ones."""
    x = keras.Input((3,), name="x")
    y = keras.layers.Activation("gelu", name="exact")(x) + keras.ops.gelu(x, approximate=approximate)
    theirs = keras.Model(x, keras.layers.Dense(2, name="y")(y))
    theirs.save(tmp_path / "m.keras")
    _, ours = imported(tmp_path / "m.keras")
    data_ = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(ours.predict(data_), theirs.predict(data_, verbose=0), rtol=1e-12)
