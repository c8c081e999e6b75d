"""Arguments of `fit`, `evaluate` and `predict`: defaults are those of the file, and what makes no sense is refused."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import PEOPLE, POSTS, X, Y
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", 0), ("epochs", 1.5), ("batch_size", 0), ("batch_size", "a"), ("batch_size", True)]
)
def test_counts_are_checked(credit: ModuleType, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected an integer of 1 or more, got {value!r}"):
        credit.Model().fit(X, Y, verbose=0, **{name: value})


def test_what_keras_takes_in_another_order_is_taken_by_keyword_alone(credit: ModuleType) -> None:
    """In Keras `fit` has `batch_size` before `epochs`; `evaluate` has `verbose` after `batch_size`."""
    model = credit.Model()
    before = {name: array.copy() for name, array in model.weights.items()}
    for call in (
        lambda: model.fit(X, Y, 4, 2),
        lambda: model.fit(X, Y, 4),
        lambda: model.evaluate(X, Y, 32, 0),
        lambda: model.train_on_batch(X, Y, None, None, True),
    ):
        with pytest.raises(TypeError, match="positional arguments"):
            call()
    assert model.step == 0
    for name, array in model.weights.items():
        np.testing.assert_array_equal(array, before[name])
    assert model.evaluate(X, Y, 32) == model.evaluate(X, Y, batch_size=32)


@pytest.mark.parametrize("wrong", ["batch", None, 2, "False"])
def test_shuffle_is_yes_or_no(credit: ModuleType, wrong: Any) -> None:
    with pytest.raises(ValueError, match="shuffle: expected True or False, got"):
        credit.Model().fit(X, Y, shuffle=wrong, verbose=0)


def test_defaults_are_those_of_the_file(credit: ModuleType) -> None:
    assert len(credit.Model().fit(X, Y, verbose=0)["loss"]) == 10


def test_what_fit_does_by_default_is_said_in_the_file() -> None:
    model, twin = sample("people").Model(), sample("people").Model()
    given = {"epochs": 3, "batch_size": 8, "validation_split": 0.25, "shuffle": False}
    assert model.fit(POSTS, PEOPLE, verbose=0) == twin.fit(POSTS, PEOPLE, **given, verbose=0)
    assert np.array_equal(model.state, twin.state)
