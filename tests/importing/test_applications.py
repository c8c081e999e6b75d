"""The models of `keras.applications` come in: the same predictions, equal blocks found again, their own layers too."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.applications.convnext import LayerScale
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

from tests.building import PROVE
from tests.importing.applications import EVERY, Compared, calibrate, compare, made, randomize

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SAMPLE = ("MobileNetV3Small",)
MOST_LINES = {"MobileNet": 60, "ResNet50": 120, "DenseNet121": 60, "MobileNetV2": 120}
"""What a model has in fewer lines than these, where that says that its blocks were found."""


def holds(found: Compared) -> None:
    """Keras in float64 and the generated file differ in last digits, in a model whose outputs depend on its inputs."""
    assert found.spread > 1e-3
    assert found.difference < 1e-9


def test_the_blocks_of_a_mobilenet_are_one_function(tmp_path: Path) -> None:
    model = keras.applications.MobileNet(
        weights=None, alpha=0.25, input_shape=(32, 32, 3), classes=10, classifier_activation=None
    )
    randomize(model)
    calibrate(model)
    found = compare(model, tmp_path)
    holds(found)
    assert found.lines < 60
    assert found.text.count("DepthwiseConv2D(") == 1


def test_layers_that_the_models_define_for_themselves_are_written_out(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    scaled = LayerScale(0.5, 4, name="scaled")(x)
    both = CustomScaleLayer(0.25, name="both")([x, scaled])
    model = keras.Model(x, keras.layers.Dense(2, name="y")(both))
    randomize(model)
    found = compare(model, tmp_path, np.random.default_rng(0).normal(size=(2, 4)))
    holds(found)
    assert "scaled = LayerScale(0.5, 4)(x)\nboth = x + scaled * 0.25\n" in found.text


@pytest.mark.parametrize("name", EVERY if PROVE else SAMPLE)
def test_every_architecture_predicts_what_keras_predicts(name: str, tmp_path: Path) -> None:
    found = compare(made(name), tmp_path)
    holds(found)
    assert found.lines < MOST_LINES.get(name, 1000)
