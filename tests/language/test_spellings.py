"""Keras 1 and 2 and TensorFlow spell things in their own way: what means the same builds the same, with a warning."""

from __future__ import annotations

import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source

IMPORTS = "import keras, tensorflow as tf\nfrom keras import layers\nfrom keras.layers import *\n"


def built(text: str) -> tuple[str, list[str]]:
    """The generated text without its comments' lines, and the codes of the warnings."""
    source, diagnostics = Source("model.nn", IMPORTS + text), Diagnostics()
    graph = compiler.understand(source, diagnostics)
    assert graph is not None, diagnostics.items
    text = compiler.generate(graph, "model.nn", compiler.Options(formatted=False))
    lines = [line.split("  #")[0] for line in text.splitlines() if not line.strip().startswith(("#", "sha256"))]
    return "\n".join(lines), [each.code for each in diagnostics.items if each.code != "ignored-lines"]


def problems(text: str) -> list[tuple[str, str, str | None]]:
    diagnostics = Diagnostics()
    compiler.understand(Source("model.nn", IMPORTS + text), diagnostics)
    return [(each.code, each.message, each.hint) for each in diagnostics.items if each.severity == "error"]


def layer(written: str, shape: str = "(8, 8, 3)") -> str:
    return f"x = Input({shape})\ny = {written}(x)\nmodel = Model(x, y)\n"


def optimizer(written: str) -> str:
    return f"model = Sequential([Input((4,)), Dense(1)])\nmodel.compile({written}, 'mse')\n"


@pytest.mark.parametrize(
    ("older", "present", "warnings"),
    [
        ("Dense(3, activation=tf.nn.relu)", "Dense(3, activation='relu')", 0),
        ("Dense(3, activation=tf.tanh)", "Dense(3, activation='tanh')", 0),
        ("Dense(3, activation=keras.activations.relu)", "Dense(3, activation='relu')", 0),
        ("Dense(3, activation=LeakyReLU())", "Dense(3, activation=leaky_relu(0.3))", 0),
        ("Dense(3, activation=layers.LeakyReLU(0.1))", "Dense(3, activation=leaky_relu(0.1))", 0),
        ("Dense(3, activation=ReLU(6.0))", "Dense(3, activation=relu(max_value=6.0))", 0),
        ("Dense(3, kernel_initializer=tf.initializers.he_normal())", "Dense(3, kernel_initializer='he_normal')", 0),
        ("Dense(3, kernel_initializer=tf.zeros_initializer())", "Dense(3, kernel_initializer='zeros')", 0),
        ("Dense(3, init='uniform', bias=False)", "Dense(3, kernel_initializer='uniform', use_bias=False)", 2),
        ("Dense(output_dim=3, W_regularizer='l2')", "Dense(3, kernel_regularizer='l2')", 2),
        ("LeakyReLU(alpha=0.1)", "LeakyReLU(negative_slope=0.1)", 1),
        ("Dropout(p=0.5)", "Dropout(0.5)", 1),
        ("Convolution2D(4, 3, 5, border_mode='same')", "Conv2D(4, (3, 5), padding='same')", 2),
        ("Convolution2D(nb_filter=4, nb_row=3, nb_col=5)", "Conv2D(4, (3, 5))", 2),
        ("Convolution2D(4, 3, subsample=(2, 2))", "Conv2D(4, 3, strides=2)", 1),
        ("Conv2D(4, 3, 3)", "Conv2D(4, 3, strides=3)", 0),
        ("Convolution2D(4, 3)", "Conv2D(4, 3)", 0),
        ("MaxPooling2D(border_mode='same', dim_ordering='tf')", "MaxPooling2D(padding='same')", 2),
        ("BatchNormalization(mode=0, axis=-1)", "BatchNormalization()", 1),
        ("layers.experimental.preprocessing.Rescaling(0.5)", "Rescaling(0.5)", 1),
        ("keras.layers.core.Dense(3)", "Dense(3)", 1),
    ],
)
def test_a_layer_is_the_same_as_keras_3_spells_it(older: str, present: str, warnings: int) -> None:
    text, codes = built(layer(older))
    assert codes == ["old-spelling"] * warnings
    assert text == built(layer(present))[0]


@pytest.mark.parametrize(
    ("older", "present", "warnings"),
    [
        ("keras.optimizers.Adam(lr=0.01)", "Adam(0.01)", 1),
        ("keras.optimizers.legacy.Adam(0.01)", "Adam(0.01)", 1),
        ("tf.optimizers.Adam(0.01)", "Adam(0.01)", 0),
        ("keras.optimizers.SGD(lr=0.01, decay=0.0)", "SGD(0.01)", 2),
        ("keras.optimizers.SGD(lr=0.01, decay=1e-6, momentum=0.9)", "SGD(InverseTimeDecay(0.01, 1, 1e-6), 0.9)", 2),
        ("keras.optimizers.Adam(0.01, decay=0.1)", "Adam(InverseTimeDecay(0.01, 1, 0.1))", 1),
        (
            "keras.optimizers.Adagrad(decay=0.1)",
            "Adagrad(keras.optimizers.schedules.InverseTimeDecay(0.001, 1, 0.1))",
            1,
        ),
        ("keras.optimizers.Adam(epsilon=None)", "Adam()", 1),
    ],
)
def test_an_optimizer_is_the_same_as_keras_3_spells_it(older: str, present: str, warnings: int) -> None:
    text, codes = built(optimizer(older))
    assert codes == ["old-spelling"] * warnings
    assert text == built(optimizer(present))[0]


def test_imports_of_modules_that_keras_had_are_read() -> None:
    text = "from keras.layers.advanced_activations import LeakyReLU\nfrom keras.engine.topology import Input\n"
    assert built(text + layer("LeakyReLU()"))[1] == ["old-spelling", "old-spelling"]
    assert built("from tensorflow.python.keras.layers import Dense\n" + layer("Dense(3)"))[1] == []


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        (layer("MaxPooling2D(dim_ordering='th')"), "unknown-argument", "dim_ordering", None),
        (layer("BatchNormalization(mode=2)"), "unknown-argument", "mode", None),
        (layer("Dense(3, activation=Dense(3))"), "bad-argument", "takes an activation", None),
        (layer("Hashing(3)"), "unsupported-call", "does not have `Hashing` yet", "hash the values"),
        (layer("layers.ConvLSTM3D(3, 3)"), "unsupported-call", "does not have `layers.ConvLSTM3D` yet", None),
        (layer("RandomShear(0.1)"), "unsupported-call", "augmentation belongs to the program", "the line can go"),
        (optimizer("'muon'"), "unsupported-call", "does not have `muon` yet", "the optimizers are"),
        (optimizer("keras.optimizers.Muon()"), "unsupported-call", "Muon` yet", "the optimizers are"),
        (layer("Dens(3)"), "unknown-layer", "There is no layer `Dens`", "did you mean `Dense`?"),
        (layer("layers.Dens(3)"), "unknown-layer", "There is no `Dens`", "did you mean `Dense`?"),
    ],
)
def test_what_means_something_else_is_one_error_that_leads_to_no_other_network(
    text: str, code: str, message: str, hint: str | None
) -> None:
    (found,) = problems(text)
    assert found[0] == code
    assert message in found[1]
    assert hint is None or (found[2] is not None and hint in found[2])
    if code == "unsupported-call":
        assert "did you mean" not in (found[2] or "")


def test_all_that_gen_lacks_is_said_in_one_run() -> None:
    text = "x = Input((8, 8, 3))\ny = layers.RandomShear()(x)\ny = layers.Pipeline([])(y)\n"
    text += "y = layers.SpectralNormalization(layers.Conv2D(2, 3))(y)\n"
    assert len(problems(text + "model = Model(x, y)\n")) == 3


def test_a_matrix_of_weights_is_data() -> None:
    text = layer("Embedding(5, 3, weights=[matrix], trainable=False)", "(8,)")
    assert built("from words import matrix\n" + text)[1] == ["ignored-argument"]
    text = layer("Embedding(5, 3, embeddings_initializer=keras.initializers.Constant(matrix))", "(8,)")
    assert built("from words import matrix\n" + text)[1] == ["ignored-argument"]
