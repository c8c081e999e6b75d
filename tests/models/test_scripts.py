"""Keras scripts as people write them, with functions, classes and operations: Keras runs the same text.

Predictions, figures and weights of three steps are compared, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.building import SCRIPTS, sample
from tests.pasted import compare

Data = Callable[[np.random.Generator], Any]


def floats(*shape: int) -> Data:
    """Data of 5 rows with these sizes."""
    return lambda rng: rng.normal(size=(5, *shape))


def several(*data: Data) -> Data:
    """Data of several inputs."""
    return lambda rng: [each(rng) for each in data]


def ids(vocabulary: int, *shape: int) -> Data:
    return lambda rng: rng.integers(0, vocabulary, (5, *shape)).astype(np.int32)


DATA: dict[str, Data] = {
    "attention_pooling": ids(50, 7),
    "bahdanau": ids(50, 10),
    "experts": floats(6),
    "gated_mlp": floats(8, 6),
    "highway": floats(6),
    "hypernetwork": several(floats(5), floats(3)),
    "middle": floats(5),
    "mixer": floats(16, 12),
    "mobilenet": floats(16, 16, 3),
    "own_activations": floats(9, 9, 3),
    "positions": several(ids(50, 9), floats(8)),
    "spatial_attention": floats(12, 12, 3),
    "subclassed_model": floats(4, 5),
    "training_in_call": floats(8, 8, 3),
    "transformer": ids(50, 12),
    "vision_transformer": floats(12, 12, 3),
    "wavenet": floats(32, 1),
}


def test_every_script_has_data() -> None:
    assert {path.stem for path in SCRIPTS} == DATA.keys()


@pytest.mark.parametrize("path", sample(SCRIPTS, 3), ids=lambda path: path.stem)
def test_a_script_keeps_step_with_keras(path: Path) -> None:
    compare(path.read_text("utf-8"), DATA[path.stem])
