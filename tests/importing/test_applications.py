"""The models of `keras.applications` come in: the same predictions, equal blocks found again, their own layers too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.applications.convnext import LayerScale
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

from tests.building import PROVE
from tests.importing.made import imported

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LEAST = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
"""The least width of a picture, where 32 is not enough."""
EVERY = [name for name in dir(keras.applications) if name[0].isupper()]


def compared(theirs: Any, folder: Path) -> str:
    """The text of an imported model, which predicts what Keras predicts with random weights."""
    rng = np.random.default_rng(0)
    for weight in theirs.weights:
        shape = tuple(weight.shape)
        if "variance" in weight.name:
            weight.assign(rng.uniform(0.5, 1.5, shape))
        elif len(shape) < 2:
            weight.assign(rng.normal(size=shape) * 0.1 + (weight.name == "gamma"))
        else:
            weight.assign(rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])))
    theirs.save(folder / "m.keras")
    found, ours = imported(folder / "m.keras")
    x = rng.uniform(0, 255, (2, *theirs.inputs[0].shape[1:]))
    one, other = ours.predict(x), theirs.predict(x, verbose=0)
    np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7 * np.abs(other).max())
    return found.text


def test_the_blocks_of_a_mobilenet_are_one_function(tmp_path: Path) -> None:
    model = keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 3), classes=10)
    text = compared(model, tmp_path)
    assert text.count("\n") < 60
    assert text.count("DepthwiseConv2D(") == 1


def test_layers_that_the_models_define_for_themselves_are_written_out(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    scaled = LayerScale(0.5, 4, name="scaled")(x)
    both = CustomScaleLayer(0.25, name="both")([x, scaled])
    text = compared(keras.Model(x, keras.layers.Dense(2, name="y")(both)), tmp_path)
    assert "scaled = LayerScale(0.5, 4)(x)\nboth = x + scaled * 0.25\n" in text


@pytest.mark.skipif(not PROVE, reason="takes an hour: make prove")
@pytest.mark.parametrize("name", EVERY)
def test_every_architecture_predicts_what_keras_predicts(name: str, tmp_path: Path) -> None:
    size = LEAST.get(name, 32)
    model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
    text = compared(model, tmp_path)
    if name == "ResNet50":
        assert text.count("\n") < 120
