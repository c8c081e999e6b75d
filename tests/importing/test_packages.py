"""Trained models that packages bring along, of Keras 2.0.2 to 3.5, predict what Keras predicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.building import PROVE
from tests.importing.packages import ALONE, EVERY, NoNetworkError, compared

pytestmark = [
    pytest.mark.xdist_group("packages"),  # one process downloads
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning"),
]
DEEP = set(ALONE)
"""Whose float32 is as far from Keras' own float64: what 140 steps, or a logit of -9, make of last digits."""


@pytest.mark.parametrize(
    ("package", "name"), EVERY if PROVE else EVERY[:1], ids=lambda each: Path(each).stem[-32:] if "/" in each else each
)
def test_it_predicts_what_keras_predicts(package: str, name: str) -> None:
    try:
        found = compared(package, name)
    except NoNetworkError as error:
        pytest.skip(f"no package index: {error}")
    assert found.single < (3e-4 if package in DEEP else 1e-5)
    assert found.double < 1e-9
