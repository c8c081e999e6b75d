"""Weights of rows, steps and classes: what they count, in which forms they come, and which are refused."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import AMOUNT, DEFAULT, DIGITS, MARKS, PIXELS, SCORES, TAG_IDS, X, Y
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(7)


def test_a_sample_weight_of_two_counts_twice(credit: ModuleType) -> None:
    model = credit.Model(dtype=np.float64)
    weight = np.ones(70)
    weight[0] = 2.0
    plain, _ = model.loss_and_grads(X, Y)
    first, _ = model.loss_and_grads(X[:1], [AMOUNT[:1], DEFAULT[:1]])
    weighted, _ = model.loss_and_grads(X, Y, weight)
    assert weighted == pytest.approx({name: plain[name] + first[name] / 70 for name in plain})


def test_sample_weights_come_in_many_forms(credit: ModuleType) -> None:
    model = credit.Model()
    weight = RNG.random(70)
    both = model.evaluate(X, Y, sample_weight=weight)
    for form in (
        weight[:, None],
        weight.tolist(),
        [weight, weight],
        (weight, weight.tolist()),
        {"amount": weight, "default": weight},
    ):
        assert model.evaluate(X, Y, sample_weight=form) == both
    one = model.evaluate(X, Y, sample_weight={"default": weight})
    assert one == model.evaluate(X, Y, sample_weight=[None, weight])
    assert one["default_loss"] == both["default_loss"]
    assert one["amount_loss"] == model.evaluate(X, Y)["amount_loss"]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(69), "sample_weight of amount: .*got 69 weights for 70 rows"),
        (np.ones((70, 2)), r"sample_weight of amount: .*got float64 of shape \(70, 2\)"),
        (["a"] * 70, "sample_weight of amount: .*got <U1"),
        ({"more": np.ones(70)}, "sample_weight: the model has no trained output 'more'; expected amount, default"),
        ([np.ones(70)], "sample_weight: expected one for each of amount, default"),
    ],
)
def test_sample_weights_that_do_not_fit_are_refused(credit: ModuleType, weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        credit.Model().fit(X, Y, sample_weight=weight, verbose=0)


def test_weights_of_steps_are_weights_of_rows_spread(tags: ModuleType) -> None:
    model = tags.Model(dtype=np.float64)
    rows = RNG.random(70)
    steps = np.repeat(rows[:, None], 6, axis=1)
    expected = model.evaluate([MARKS, SCORES], TAG_IDS, sample_weight=rows)
    for form in (steps, steps.tolist(), [steps], {"tags": steps}, steps[..., None]):
        assert model.evaluate([MARKS, SCORES], TAG_IDS, sample_weight=form) == expected
    steps[:, 0] = 0.0
    other = TAG_IDS.copy()
    other[:, 0] = (other[:, 0] + 1) % 4
    scores = [model.evaluate([MARKS, SCORES], ids, sample_weight=steps)["loss"] for ids in (TAG_IDS, other)]
    assert scores[0] == scores[1] != expected["loss"]
    for wrong in (np.ones((70, 5)), np.ones((70, 6, 4)), np.ones((69, 6))):
        with pytest.raises(ValueError, match=r"tags: expected"):
            model.evaluate([MARKS, SCORES], TAG_IDS, sample_weight=wrong)


def test_class_weights_are_sample_weights_by_class(credit: ModuleType) -> None:
    weight = np.where(DEFAULT[:, 0] > 0.5, 3.0, 1.0)
    first, second = credit.Model(), credit.Model()
    by_class = first.fit(X, Y, epochs=2, class_weight={"default": {1: 3.0}}, verbose=0)
    assert by_class == second.fit(X, Y, epochs=2, sample_weight={"default": weight}, verbose=0)


def test_one_dict_of_class_weights_is_for_the_only_output() -> None:
    weights = {0: 0.5, 3: 2.0}
    rows = np.array([weights.get(int(label), 1.0) for label in DIGITS])
    first, second, third = (sample("digits").Model() for _ in range(3))
    history = first.fit(PIXELS, DIGITS, class_weight=weights, verbose=0)
    assert history == second.fit(PIXELS, DIGITS, sample_weight=rows, verbose=0)
    assert history == third.fit(PIXELS, DIGITS, class_weight={"digit": weights}, verbose=0)


def test_the_class_of_a_one_hot_row_is_its_greatest(credit: ModuleType) -> None:
    rows = np.eye(3, dtype="f4")[[2, 0, 1, 2]]
    assert credit._weigh(rows, {2: 5.0, 0: 0.5}, np.dtype("f8")).tolist() == [5.0, 0.5, 1.0, 5.0]
    assert credit._weigh(np.array([2, 0]), {2: 5.0}, np.dtype("f8")).tolist() == [5.0, 1.0]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ({0: 1.0}, "class_weight: expected a dict for any of amount, default"),
        ({"more": {0: 1.0}}, "class_weight: the model has no trained output 'more'"),
        (5, "class_weight: expected a dict from class to weight, got 5"),
        ({"default": {"yes": 1.0}}, "class_weight: default has no class 'yes'"),
    ],
)
def test_class_weights_that_do_not_fit_are_refused(credit: ModuleType, weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        credit.Model().fit(X, Y, class_weight=weight, verbose=0)


@pytest.mark.parametrize("weights", [{10: 1.0}, {-1: 1.0}, {0.5: 1.0}, {0: "a"}, {0: None}, {0: [1.0]}])
def test_class_weights_of_no_class_are_refused(weights: Any) -> None:
    with pytest.raises(ValueError, match="class_weight: digit has"):
        sample("digits").Model().fit(PIXELS, DIGITS, class_weight=weights, verbose=0)


def test_class_weights_need_one_class_for_each_row(tags: ModuleType) -> None:
    with pytest.raises(ValueError, match="tags has more than one class for each row"):
        tags.Model().fit([MARKS, SCORES], TAG_IDS, class_weight={0: 1.0}, verbose=0)


def test_class_and_sample_weights_exclude_each_other(credit: ModuleType) -> None:
    with pytest.raises(ValueError, match="got both"):
        credit.Model().fit(X, Y, class_weight={"default": {0: 1.0}}, sample_weight=np.ones(70), verbose=0)
