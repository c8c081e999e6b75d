"""Inputs and targets fit the model and each other, in any form, or are refused with what was expected."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import AMOUNT, DEFAULT, MARKS, SCORES, TAG_IDS, X, Y, copies, same
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype("f8"),
        lambda x: x.astype(">f4"),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x.tolist(),
        lambda x: list(x),
        lambda x: (x,),
        lambda x: [x],
        lambda x: {"applicant": x},
        lambda x: {"applicant": x.tolist()},
    ],
)
def test_data_may_come_in_many_forms(credit: ModuleType, change: Callable[[Any], Any]) -> None:
    model = credit.Model()
    expected = model.predict(X)
    for name, array in model.predict(change(X)).items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)


def test_integers_and_booleans_are_numbers(credit: ModuleType) -> None:
    model = credit.Model()
    ones = np.ones((2, 100))
    expected = model.predict(ones)
    for dtype in (bool, np.uint8, np.int64):
        assert same(model.predict(ones.astype(dtype)), expected)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, :99], r"input applicant: expected float32 of shape \(batch, 100\), got float32 of shape \(70, 99\)"),
        (X[0], r"input applicant: .*got float32 of shape \(100,\)"),
        (X[None], r"input applicant: .*got float32 of shape \(1, 70, 100\)"),
        (X[:0], "input applicant: .*got no rows"),
        ([], r"input applicant: .*got float64 of shape \(0,\)"),
        (None, "input applicant: .*got object"),
        (3.0, r"input applicant: .*got float64 of shape \(\)"),
        ("text", "input applicant: .*got <U4"),
        (X.astype(complex), "input applicant: .*got complex128"),
        (np.full((70, 100), None), "input applicant: .*got object"),
        (X.astype("S4"), "input applicant: .*S4"),
        ([[1.0, 2.0], [3.0]], "input applicant: .*got rows of different lengths: pad them to one length"),
        ({"person": X}, "input: the model has no input 'person'; expected applicant"),
        ({"applicant": X, "person": X}, "input: the model has no input 'person'; expected applicant"),
        ({}, "input applicant is missing"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(credit: ModuleType, x: Any, message: str) -> None:
    model = credit.Model()
    for call in (model.predict, lambda x: model.fit(x, Y, verbose=0), lambda x: model.loss_and_grads(x, Y)):
        with pytest.raises(ValueError, match=message):
            call(x)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (MARKS, "input: expected 2 arrays for marks, scores, got 1"),
        ([MARKS], "input: expected 2 arrays for marks, scores, got 1"),
        ([MARKS, SCORES, SCORES], "input: expected 2 arrays for marks, scores, got 3"),
        ({"marks": MARKS}, "input scores is missing; expected marks, scores"),
        ({"marks": MARKS, "scores": SCORES, "more": X}, "input: the model has no input 'more'; expected marks, scores"),
        ([MARKS[:, :5], SCORES], r"input scores: .*got \(70, 6, 2\), but steps is 5"),
        ([MARKS[:60], SCORES], "input scores: .*got 70 rows, but marks has 60"),
    ],
)
def test_inputs_that_do_not_fit_each_other_are_refused(tags: ModuleType, x: Any, message: str) -> None:
    model = tags.Model()
    for call in (model.predict, lambda x: model.fit(x, TAG_IDS, verbose=0), lambda x: model.evaluate(x, TAG_IDS)):
        with pytest.raises(ValueError, match=message):
            call(x)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (AMOUNT, "target: expected 2 arrays for amount, default, got 1"),
        ([AMOUNT], "target: expected 2 arrays"),
        ({"amount": AMOUNT}, "target default is missing"),
        ({**Y, "more": AMOUNT}, "target: the model has no trained output 'more'"),
        ([AMOUNT, np.eye(2)[:, :1].repeat(35, 0)[:60]], "target default: .*got 60 rows, but applicant has 70"),
        (
            [AMOUNT, np.zeros((70, 2))],
            r"target default: expected float32 of shape \(batch, 1\), got float64 of shape \(70, 2\)",
        ),
        ([AMOUNT, DEFAULT.astype(str)], "target default: .*got <U"),
        ([AMOUNT[:0], DEFAULT[:0]], "target amount: .*got no rows"),
    ],
)
def test_targets_that_do_not_fit_are_refused(credit: ModuleType, y: Any, message: str) -> None:
    model = credit.Model()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.train_on_batch(X, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (TAG_IDS + 1, "target tags: .*got 4, which is not in 0 to 3"),
        (TAG_IDS - 1, "target tags: .*got -1, which is not in 0 to 3"),
        (
            np.eye(4)[TAG_IDS],
            r"target tags: expected int64 of shape \(batch, steps\), got float64 of shape \(70, 6, 4\)",
        ),
        (np.eye(4, dtype=int)[TAG_IDS], r"target tags: .*got int64 of shape \(70, 6, 4\)"),
        (TAG_IDS[:, :5], r"target tags: .*got \(70, 5\), but steps is 6"),
    ],
)
def test_ids_that_do_not_fit_are_refused(tags: ModuleType, y: Any, message: str) -> None:
    model = tags.Model()
    with pytest.raises(ValueError, match=message):
        model.fit([MARKS, SCORES], y, verbose=0)


def test_nothing_is_trained_on_data_with_a_bad_id(tags: ModuleType) -> None:
    model = tags.Model()
    before = copies(model.weights)
    ids = TAG_IDS.copy()
    ids[-1, -1] = 4
    with pytest.raises(ValueError, match="tags"):
        model.fit([MARKS, SCORES], ids, batch_size=2, verbose=0)
    assert same(model.weights, before)


def test_targets_with_an_axis_of_one_more_or_less_are_taken(credit: ModuleType, tags: ModuleType) -> None:
    model = credit.Model()
    expected = model.evaluate(X, Y)
    for y in (
        [AMOUNT[:, 0], DEFAULT[:, 0]],
        [AMOUNT.tolist(), DEFAULT[:, 0].tolist()],
        {**Y, "amount": AMOUNT[:, 0].astype(float)},
    ):
        assert model.evaluate(X, y) == pytest.approx(expected, rel=1e-5)
    other = tags.Model()
    expected = other.evaluate([MARKS, SCORES], TAG_IDS)
    for ids in (TAG_IDS[..., None], [TAG_IDS], TAG_IDS.astype("u1"), {"tags": TAG_IDS.tolist()}):
        assert other.evaluate([MARKS, SCORES], ids) == expected


def test_lengths_of_inputs_may_differ_where_the_model_says_so() -> None:
    model = sample("lengths").Model()
    left, right = np.zeros((4, 3, 2)), np.zeros((4, 5, 2))
    assert {key: array.shape for key, array in model.predict([left, right]).items()} == {
        "first": (4, 3, 2),
        "second": (4, 5, 1),
    }
    model.fit([left, right], [np.ones((4, 3, 2)) / 2, np.zeros((4, 5))], verbose=0)
    with pytest.raises(ValueError, match=r"target second: .*got \(4, 3, 1\), but right is 5"):
        model.fit([left, right], [np.zeros((4, 3, 2)), np.zeros((4, 3))], verbose=0)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_sequence_that_is_too_short_is_refused(length: int) -> None:
    model = sample("window").Model()
    message = rf"input track: .*got \(2, {length}, 2\): track must be at least 4 for track\[:, 3:\]"
    with pytest.raises(ValueError, match=message):
        model.predict(np.zeros((2, length, 2)))
    assert model.predict(np.zeros((2, 4, 2))).shape == (2, 1, 2)
    with pytest.raises(ValueError, match=r"target next_steps: .*got \(2, 5, 2\), but track - 3 is 2"):
        model.fit(np.zeros((2, 5, 2)), np.zeros((2, 5, 2)), verbose=0)


def test_whole_numbers_go_in_and_out_as_they_are() -> None:
    model, ids, x = sample("whole").Model(), np.arange(8).reshape(2, 4), np.zeros((2, 3))
    pairs = model.predict([ids, x])["pairs"]
    assert pairs.dtype == np.int32
    assert np.array_equal(pairs, ids.reshape(2, 2, 2))
    assert list(model.fit([ids, x], np.zeros(2), verbose=0)) == ["loss", "y_loss"]
    for wrong in (ids + 2**31, ids.astype("u8") + 2**63, ids - 2**40):
        with pytest.raises(
            ValueError, match=r"input ids: expected int32 of shape \(batch, 4\), got u?int64 numbers out of its range"
        ):
            model.predict([wrong, x])
    assert np.array_equal(model.predict([ids.astype(float), x])["pairs"], pairs)
    for wrong in (ids + 0.5, ids * np.nan, ids + 1e30):
        with pytest.raises(ValueError, match=r"input ids: expected int32 .*got float64"):
            model.predict([wrong, x])
    with pytest.raises(ValueError, match="target: the model has no trained output 'pairs'; expected y"):
        model.fit([ids, x], {"pairs": ids, "y": np.zeros(2)}, verbose=0)


def test_numbers_too_large_for_the_model_are_refused(credit: ModuleType) -> None:
    x = X.astype(float)
    x[69, 99] = 1e300
    for call in (credit.Model().predict, lambda x: credit.Model().fit(x, Y, verbose=0)):
        message = r"input applicant: expected float32 .*got float64 numbers out of its range"
        with pytest.raises(ValueError, match=message):
            call(x)
    credit.Model(dtype=np.float64).predict(x)
