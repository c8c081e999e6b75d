"""Prediction: outputs by name, batches, lengths and threads change nothing, results are fresh arrays."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.building import rows_of
from tests.generated.common import MARKS, SCORES, X, Y, copies, data_of, same
from tests.samples import NAMES, sample

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(7)


def test_several_outputs_come_by_name_and_one_alone(credit: ModuleType, tags: ModuleType) -> None:
    found = credit.Model().predict(X)
    assert {name: (array.shape, array.dtype) for name, array in found.items()} == dict.fromkeys(
        Y, ((70, 1), np.float32)
    )
    assert tags.Model().predict([MARKS, SCORES]).shape == (70, 6, 4)


@pytest.mark.parametrize("size", [1, 7, 69, 70, 1000])
def test_the_batch_size_does_not_change_predictions(credit: ModuleType, size: int) -> None:
    model = credit.Model(dtype=np.float64)
    for name, array in model.predict(X).items():
        np.testing.assert_allclose(model.predict(X, batch_size=size)[name], array, rtol=1e-12)


def test_predictions_are_fresh_arrays(credit: ModuleType) -> None:
    model = credit.Model()
    first = model.predict(X)
    kept = copies(first)
    model.predict(X[::-1])
    assert same(first, kept)


def test_an_array_of_the_shape_before_is_still_checked_for_its_dtype(credit: ModuleType) -> None:
    model = credit.Model(seed=0)
    x = np.random.default_rng(0).random((3, 100), np.float32)
    expected = model.predict(x)
    for again in (x.astype(np.float64), (x * 0).astype(np.int32), x, x.tolist(), x.astype(np.float64), x):
        outputs = model.predict(again)
        if np.any(again):
            np.testing.assert_array_equal(outputs["amount"], expected["amount"])
        assert outputs["amount"].dtype == np.float32
    for wrong in (x.astype("U4"), x.astype(complex), x[:, :99]):
        with pytest.raises(ValueError, match="input applicant: expected float32"):
            model.predict(wrong)
    with pytest.raises(ValueError, match="batch_size"):
        model.predict(x, batch_size=0)


def test_many_rows_are_predicted_in_pieces(credit: ModuleType) -> None:
    model = credit.Model(dtype=np.float64)
    many = model.predict(np.tile(X, (20, 1)))
    np.testing.assert_allclose(many["default"], np.tile(model.predict(X)["default"], (20, 1)), rtol=1e-12)


def test_several_threads_may_predict(tags: ModuleType) -> None:
    model = tags.Model()
    expected = [model.predict([MARKS[i : i + 5], SCORES[i : i + 5]]) for i in range(60)]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(5):
            for i in range(60):
                if not np.array_equal(model.predict([MARKS[i : i + 5], SCORES[i : i + 5]]), expected[i]):
                    wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_eight_threads_predict_what_one_does(name: str) -> None:
    model, (x, _) = sample(name).Model(), data_of(name.removesuffix("_inference"))
    pieces = [[array[i : i + size] for array in x] for size in (1, 3, 12) for i in range(0, 12, size)]
    expected = [rows_of(model.predict(piece)) for piece in pieces]
    wrong: list[int] = []

    def work(start: int) -> None:
        for turn in range(200):
            i = (start + turn) % len(pieces)
            if not all(map(np.array_equal, rows_of(model.predict(pieces[i])), expected[i])):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_lengths_may_change_from_call_to_call(tags: ModuleType) -> None:
    model = tags.Model()
    for length in (3, 4, 5, 6, 3, 6, 5):
        assert model.predict([MARKS[:2, :length], SCORES[:2, :length]]).shape == (2, length, 4)


def test_a_model_that_is_not_compiled_only_predicts(tmp_path: Path) -> None:
    module = sample("uncompiled")
    model, x = module.Model(3), RNG.normal(size=(9, 5))
    assert {name for name in dir(model) if not name.startswith("_")} == {
        "INPUTS", "OUTPUTS", "count_params", "dtype", "get_weights", "load", "p", "predict", "predict_on_batch", "save",
        "set_weights", "summary", "weights",
    }  # fmt: skip
    assert not hasattr(module, "check")
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1.0, rtol=1e-6)
    model.save(tmp_path / "model.npz")
    assert np.array_equal(module.Model.load(tmp_path / "model.npz").predict(x), model.predict(x))
    other = tmp_path / "other.npz"
    sample("frozen").Model().save(other)
    with pytest.raises(ValueError, match=r"other\.npz was not saved by this model"):
        module.Model.load(other)
