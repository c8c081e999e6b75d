"""Scripts with a model of `keras.applications`: what they do with it, its weights, and what is said of a wrong call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from gen.compiler import understand
from gen.diagnostics import Diagnostics, Source, render_text
from gen.graph.graph import Graph
from gen.keras_files.container import open_file
from gen.keras_files.into import weights_into
from gen.keras_files.problems import Report
from tests.building import build

HEAD = """\
import keras
from keras import layers
from keras.applications import MobileNet, VGG16, InceptionV3, EfficientNetB0
from keras.applications.mobilenet import preprocess_input
"""


def read(text: str, name: str = "model.nn") -> tuple[Graph | None, Diagnostics, str]:
    source, diagnostics = Source(name, text), Diagnostics()
    graph = understand(source, diagnostics)
    return graph, diagnostics, render_text(source, diagnostics.in_source_order())


def built(text: str) -> Graph:
    graph, _, said = read(text)
    assert graph is not None, said
    return graph


def messages(text: str) -> list[str]:
    """The errors of a text."""
    _, diagnostics, _ = read(text)
    return [item.message for item in diagnostics.in_source_order() if item.severity == "error"]


SCRIPTS = {
    "a frozen base that is called": """\
base = MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25)
base.trainable = False
inputs = keras.Input((64, 64, 3))
x = preprocess_input(inputs)
x = base(x, training=False)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(5, activation="softmax", name="head")(x)
model = keras.Model(inputs, outputs)
""",
    "a base whose output goes on, the first layers frozen": """\
base = MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25)
x = layers.Flatten()(base.output)
x = layers.Dense(8, activation="relu", name="hidden")(x)
outputs = layers.Dense(5, activation="softmax", name="head")(x)
model = keras.Model(inputs=base.input, outputs=outputs)
for layer in base.layers[:-20]:
    layer.trainable = False
for layer in model.layers[-3:]:
    assert layer.trainable
""",
    "fine tuning from a layer on": """\
base = VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
model = keras.models.Sequential([base, layers.Flatten(), layers.Dense(3, name="head")])
base.trainable = False
base.trainable = True
started = False
for layer in base.layers:
    started = started or layer.name == "block5_conv1"
    layer.trainable = started
""",
    "the features of a layer inside": """\
base = VGG16(weights=None, include_top=False, input_tensor=keras.Input((32, 32, 3), name="picture"))
block = base.get_layer("block3_pool").output
outputs = layers.Dense(2, name="head")(layers.GlobalMaxPooling2D()(block))
model = keras.Model(base.inputs, outputs)
model.get_layer("block1_conv1").trainable = False
""",
    "a model that begins after layers of the script's own": """\
inputs = keras.Input((80, 80, 1))
x = layers.Conv2D(3, 1, name="colors")(inputs)
base = InceptionV3(include_top=False, weights=None, input_tensor=x, pooling="avg")
model = keras.Model(inputs, layers.Dense(4, name="head")(base.output))
""",
    "a base in a function of the script": """\
def make(name, classes=3):
    base = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
    base.trainable = name != "EfficientNetB0"
    return keras.Sequential([base, layers.Dropout(0.2), layers.Dense(classes, name="head")])

model = make("EfficientNetB0")
""",
}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_makes_what_it_makes_in_keras_and_its_weights_come_in(script: str, tmp_path: Path) -> None:
    keras.backend.clear_session()
    names: dict[str, Any] = {}
    exec(HEAD + script, names)
    theirs = {}
    for number, variable in enumerate(names["model"].weights):
        if "normalization/" not in variable.path or "batch_" in variable.path:
            variable.assign(np.random.default_rng(number).uniform(0.5, 1.5, variable.shape))
            theirs["/".join(variable.path.split("/")[-2:])] = variable
    names["model"].save_weights(tmp_path / "model.weights.h5")
    graph = built(HEAD + script + "model.compile('adam', 'mse')\n")
    found = weights_into(graph, open_file(tmp_path / "model.weights.h5"), Report())
    assert len(found) == len(theirs)
    for name, array in found.items():
        np.testing.assert_array_equal(array, np.asarray(theirs["/".join(name.split("/")[-2:])]), err_msg=name)
    ours = {
        f"{layer.name.split('/')[-1]}/{weight}"
        for layer in graph.layers
        for weight, each in layer.weights.items()
        if layer.trainable and each.trainable
    }
    trained = {id(variable) for variable in names["model"].trainable_variables}
    assert ours == {name for name, variable in theirs.items() if id(variable) in trained}


def test_pictures_are_preprocessed_inside_of_a_model_as_keras_does_it() -> None:
    x = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3))
    for module in ("vgg16", "resnet_v2", "densenet", "efficientnet"):
        text = f"import keras\nx = keras.Input((4, 4, 3))\ny = keras.applications.{module}.preprocess_input(x)\n"
        found = build(text + "model = keras.Model(x, keras.layers.Activation('linear')(y))\n").Model(0, np.float64)
        wanted = getattr(keras.applications, module).preprocess_input(x.copy())
        np.testing.assert_allclose(found.predict(x), wanted, rtol=1e-6, atol=1e-5)


def test_pictures_are_data_outside_of_a_model() -> None:
    text = HEAD + "import numpy as np\nx_train = preprocess_input(np.load('x.npy'))\n"
    text += "model = MobileNet(weights=None, input_shape=(32, 32, 3), classes=2)\nmodel.compile('adam', 'mse')\n"
    built(text + "model.fit(x_train, preprocess_input(x=np.load('y.npy')))\n")


@pytest.mark.parametrize(
    "line",
    [
        "from keras.applications import VGG16",
        "from keras.applications import *",
        "from tensorflow.keras.applications.vgg16 import VGG16",
        "from keras.applications.vgg16 import *",
        "from tensorflow.python.keras.applications.vgg16 import VGG16",
        "import keras.applications.vgg16 as vgg\nVGG16 = vgg.VGG16",
        "import tensorflow as tf\nVGG16 = tf.keras.applications.VGG16",
        "from functools import partial\nimport keras\nVGG16 = partial(keras.applications.VGG16, name='vgg')",
    ],
)
def test_a_model_is_known_by_every_name_that_it_has(line: str) -> None:
    graph = built(f"{line}\nmodel = VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))\n")
    assert [layer.name for layer in graph.layers][:2] == ["block1_conv1", "block1_conv2"]


@pytest.mark.parametrize("weights", ["'imagenet'", "'vgg16.h5'", "os.environ['WEIGHTS']", None])
def test_weights_that_gen_does_not_have_are_warned_of_once_for_each_call(weights: str | None) -> None:
    given = f"weights={weights}, " if weights else ""
    text = f"import os\nfrom keras.applications import VGG16\nmodel = VGG16({given}include_top=False, pooling='avg')\n"
    graph, diagnostics, said = read(text, "mine.nn")
    assert graph is not None
    (warning,) = [item for item in diagnostics.in_source_order() if item.code == "random-weights"]
    assert warning.severity == "warning"
    assert "gen import model.weights.h5 --into mine.nn" in (warning.hint or "")
    assert "model = VGG16" in said


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("VGG16(clases=3)", "`VGG16` has no argument `clases`"),
        ("VGG16(True, None, None, None, None, 5, 'relu', 'own', 9, 10)", "`VGG16` takes 8 arguments, got 10"),
        ("VGG16(input_shape=(16, 16, 3), weights=None)", "The pictures are at least 32 high and wide"),
        ("VGG16(classes=10)", 'With `weights="imagenet"` and `include_top=True`, `classes` is 1000'),
        ("VGG16(input_shape=(64, 64, 3))", "With trained weights, `input_shape` is (224, 224, 3) here"),
        (
            "VGG16(input_shape='wide', weights=None)",
            "`input_shape` has three numbers: height, width, and channels",
        ),
        ("VGG16(weights=None, input_shape=(32, 32, 3), classes='a')", "`units` takes an integer (at least 1), got 'a'"),
        (
            "MobileNet(alpha=0.3)",
            "With trained weights, `alpha` is 0.25, 0.5, 0.75, or 1.0, and `depth_multiplier` is 1",
        ),
        (
            "keras.applications.NASNetLarge(include_top=False, weights=None)",
            "NASNet needs an `input_shape` with a height and a width",
        ),
        ("keras.applications.RegNetX002()", "gen does not have `keras.applications.RegNetX002` yet"),
        (
            "VGG16(input_shape=(size, size, 3))",
            "The model depends on `size`, which is not known when gen reads the file",
        ),
        (
            "MobileNet(input_shape=(64, 64, 3), alpha=size)",
            "The model depends on `size`, which is not known when gen reads",
        ),
    ],
)
def test_what_is_wrong_in_a_call_is_said_at_the_call(call: str, message: str) -> None:
    text = f"{HEAD}import os\nsize = int(os.environ['SIZE'])\nbase = {call}\n"
    _, diagnostics, _ = read(text + "model = keras.Model(base.input, layers.Flatten()(base.output))\n")
    (error,) = [item for item in diagnostics.in_source_order() if item.severity == "error"]
    assert error.message.startswith(message)
    assert not any("in this call" in note.message for note in error.notes)


def test_what_a_script_does_to_a_base_is_checked_as_for_its_own_layers() -> None:
    base = HEAD + "base = VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))\n"
    (message,) = messages(base + "x = base.get_layer('block6_pool').output\nmodel = keras.Model(base.input, x)\n")
    assert message == "The model has no layer `block6_pool`"
    (message,) = messages(base + "model = keras.Model(base.input, layers.LSTM(3)(base.output))\n")
    assert message.startswith("LSTM expects")
    graph, diagnostics, _ = read(base + "model = keras.Sequential([base, layers.Flatten()])\n")
    assert graph is not None
    assert not diagnostics.in_source_order()


def test_unused_models_of_a_list_and_of_a_loop_have_names_of_their_own() -> None:
    text = HEAD + "x = keras.Input((32, 32, 3))\nparts = []\nfor name in ('left', 'right'):\n"
    text += "    base = VGG16(weights=None, include_top=False, input_shape=(32, 32, 3), pooling='avg', name=name)\n"
    text += "    parts.append(base(x))\nmodel = keras.Model(x, layers.Dense(2)(layers.concatenate(parts)))\n"
    names = [layer.name for layer in built(text).layers]
    assert {"left/block1_conv1", "right/block1_conv1"} <= set(names)


def test_inputs_of_a_tensor_are_found() -> None:
    text = "from keras.utils import get_source_inputs\na = Input((4,))\nb = Input((4,))\n"
    graph = built(text + "y = Dense(2)(add([b, Dense(4)(a)]))\nmodel = Model(get_source_inputs(y), y)\n")
    assert [entry.name for entry in graph.inputs] == ["a", "b"]
