"""Models of `keras.applications`, narrow ones, train on in gen in step with Keras: three steps, in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras.src.applications.densenet import DenseNet
from keras.src.applications.efficientnet import EfficientNet
from keras.src.applications.resnet import ResNet, stack_residual_blocks_v1

from gen.cli import gen
from tests.building import PROVE, build
from tests.importing.applications import pictures, randomize

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
GIVEN = {"weights": None, "input_shape": (32, 32, 3), "classes": 5}


def resnet() -> keras.Model:
    """The blocks of a ResNet50, an eighth as wide, for pictures that leave more than one pixel to the last of them.

    A normalization over eight numbers makes of the last digit of a weight a loss that differs by 1e-8, in Keras alone.
    """

    def stack(x: Any) -> Any:
        for i, blocks in enumerate((3, 4, 6, 3)):
            x = stack_residual_blocks_v1(x, 8 << i, blocks, stride1=2 if i else 1, name=f"conv{i + 2}")
        return x

    return ResNet(stack, preact=False, use_bias=True, **{**GIVEN, "input_shape": (64, 64, 3)})


MODELS: dict[str, Callable[[], keras.Model]] = {
    "MobileNet": lambda: keras.applications.MobileNet(alpha=0.25, dropout=0, **GIVEN),
    "ResNet50": resnet,
    "DenseNet": lambda: DenseNet((2, 3, 4, 2), **GIVEN),
    "EfficientNet": lambda: EfficientNet(0.25, 0.5, 32, dropout_rate=0, drop_connect_rate=0, **GIVEN),
}
OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "MobileNet": lambda: keras.optimizers.Adam(1e-3),
    "ResNet50": lambda: keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True),
    "DenseNet": lambda: keras.optimizers.RMSprop(1e-3),
    "EfficientNet": lambda: keras.optimizers.AdamW(1e-3),
}


@pytest.mark.parametrize("name", MODELS if PROVE else ["MobileNet"])
def test_three_steps_are_those_of_keras(name: str, tmp_path: Path) -> None:
    theirs = MODELS[name]()
    randomize(theirs)
    theirs.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy", metrics=["accuracy"])
    theirs.save(tmp_path / "m.keras")
    done = CliRunner().invoke(gen, ["import", str(tmp_path / "m.keras"), "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    ours = build((tmp_path / "m.nn").read_text("utf-8")).Model.load(tmp_path / "m.npz")
    x, y = pictures(theirs, 24), np.random.default_rng(0).integers(0, 5, 24)
    losses = []
    for step in range(3):
        rows = slice(8 * step, 8 * step + 8)
        losses.append((ours.train_on_batch(x[rows], y[rows])["loss"], theirs.train_on_batch(x[rows], y[rows])[0]))
    one, other = np.transpose(losses)
    np.testing.assert_allclose(one, other, rtol=1e-8)
    assert len(set(other)) == 3
    weights = {weight.path: np.asarray(weight.value) for weight in theirs.weights if weight.dtype == "float64"}
    before = {"mean", "variance"}  # a Normalization is written as arithmetic
    assert {path for path in weights if path.rpartition("/")[2] not in before} <= set(ours.weights)
    for path in ours.weights:
        np.testing.assert_allclose(ours.weights[path], weights[path], rtol=1e-8, atol=1e-9, err_msg=path)
