"""What a generated file promises, tried on models that gen built from `.nn` texts (`tests/samples.py`)."""

from __future__ import annotations

import ast
import errno
import functools
import io
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gen.compiler import Options
from gen.emit.black_layout import LINE_LENGTH
from gen.emit.seal import UNTOUCHED
from tests import keras_twin
from tests.building import (
    CASES,
    EXAMPLES,
    build,
    case_graph,
    case_module,
    case_text,
    graph_of,
    random_inputs,
    random_targets,
    rows_of,
)
from tests.proof import compare_logs, perturb
from tests.samples import NAMES, TEXTS, sample, sample_text

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The generated files of all samples."""
    folder = tmp_path_factory.mktemp("out")
    paths = {name: folder / f"{name}.py" for name in NAMES}
    for name, path in paths.items():
        path.write_text(sample_text(name), encoding="utf-8")
    return paths


@pytest.fixture(scope="session")
def credit() -> ModuleType:
    return sample("credit")


@pytest.fixture(scope="session")
def tags() -> ModuleType:
    return sample("tags")


@pytest.fixture(scope="session")
def predictor() -> ModuleType:
    return sample("credit_inference")


RNG = np.random.default_rng(7)
X = RNG.random((70, 100)).astype("f4")
AMOUNT = X[:, :1] * 2 - 1
DEFAULT = (X[:, 1:2] > 0.5).astype("f4")
Y = {"amount": AMOUNT, "default": DEFAULT}
MARKS = RNG.normal(size=(70, 6, 3)).astype("f4")
SCORES = RNG.normal(size=(70, 6, 2)).astype("f4")
TAG_IDS = RNG.integers(0, 4, (70, 6))


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[name], b[name]) for name in a)


def copies(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays.items()}


# ------------------------------------------------------------------------------------------------------ the file itself


def test_shapes_are_told(credit: ModuleType, tags: ModuleType) -> None:
    assert credit.INPUTS == credit.Model.INPUTS == {"applicant": ("float32", (None, 100))}
    assert credit.OUTPUTS == credit.Model.OUTPUTS == dict.fromkeys(Y, ("float32", (None, 1)))
    assert tags.INPUTS == {"marks": ("float32", (None, None, 3)), "scores": ("float32", (None, None, 2))}
    assert tags.OUTPUTS == {"tags": ("float32", (None, None, 4))}
    whole = sample("whole")
    assert whole.INPUTS == {"ids": ("int32", (None, 4)), "x": ("float32", (None, 3))}
    assert whole.OUTPUTS == {"pairs": ("int32", (None, 2, 2)), "y": ("float32", (None, 1))}


def test_the_summary_is_the_table_at_the_head_of_the_file(
    credit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    credit.Model().summary()
    printed = capsys.readouterr().out
    assert printed.startswith("applicant  (batch, 100)")
    assert "3,298\n\nmemory in float32 " in printed
    assert printed in sample_text("credit").replace('"""', "\n")


# -------------------------------------------------------------------------------------------------------------- weights


def test_a_seed_gives_the_same_weights(credit: ModuleType) -> None:
    assert same(credit.Model(3).weights, credit.Model(3).weights)
    assert not same(credit.Model(3).weights, credit.Model(4).weights)
    assert same(credit.Model(3).weights, {n: w.astype("f4") for n, w in credit.Model(3, np.float64).weights.items()})


def test_weights_are_views(credit: ModuleType) -> None:
    model = credit.Model()
    assert list(model.weights) == [
        f"{layer}/{weight}" for layer in ("h", "amount", "default") for weight in ("kernel", "bias")
    ]
    model.weights["amount/bias"][:] = 5.0
    model.weights["amount/kernel"][:] = 0.0
    assert np.all(model.predict(X)["amount"] == 5.0)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, "complex64"])
def test_other_dtypes_of_a_model_are_refused(credit: ModuleType, dtype: Any) -> None:
    with pytest.raises(ValueError, match="dtype: expected float32 or float64"):
        credit.Model(dtype=dtype)


# -------------------------------------------------------------------------------------------------------------- predict


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


def test_weights_that_are_written_to_are_seen_by_the_next_prediction(credit: ModuleType) -> None:
    model = credit.Model(seed=0)
    x = np.zeros((1, 100), np.float32)
    before = model.predict(x)["amount"]
    model.weights["amount/bias"] += 2.0
    np.testing.assert_allclose(model.predict(x)["amount"], before + 2.0)


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


def test_lengths_may_change_from_call_to_call(tags: ModuleType) -> None:
    model = tags.Model()
    for length in (3, 4, 5, 6, 3, 6, 5):
        assert model.predict([MARKS[:2, :length], SCORES[:2, :length]]).shape == (2, length, 4)


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


# ------------------------------------------------------------------------------------------------------------- refusals

GOOD = ([MARKS, SCORES], TAG_IDS)


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


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", 0), ("epochs", 1.5), ("batch_size", 0), ("batch_size", "a"), ("batch_size", True)]
)
def test_counts_are_checked(credit: ModuleType, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected an integer of 1 or more, got {value!r}"):
        credit.Model().fit(X, Y, verbose=0, **{name: value})


def test_what_keras_takes_in_another_order_is_taken_by_keyword_alone(credit: ModuleType) -> None:
    """In Keras `fit` has `batch_size` before `epochs`, and `evaluate` has `verbose` after `batch_size`."""
    model = credit.Model()
    before = {name: array.copy() for name, array in model.weights.items()}
    for call in (
        lambda: model.fit(X, Y, 4, 2),
        lambda: model.fit(X, Y, 4),
        lambda: model.evaluate(X, Y, 32, 0),
        lambda: model.train_on_batch(X, Y, None, None, True),
        lambda: model.predict(X, 32, 0),
    ):
        with pytest.raises(TypeError, match="positional arguments"):
            call()
    assert model.step == 0
    for name, array in model.weights.items():
        np.testing.assert_array_equal(array, before[name])
    assert model.evaluate(X, Y, 32) == model.evaluate(X, Y, batch_size=32)


@pytest.mark.parametrize("share", [-0.5, 0.999, 1.0, 2.0, float("nan")])
def test_a_split_that_leaves_nothing_is_refused(credit: ModuleType, share: float) -> None:
    with pytest.raises(ValueError, match="validation_split"):
        credit.Model().fit(X, Y, validation_split=share, verbose=0)


# ------------------------------------------------------------------------------------------------------------- training


def test_training_lowers_the_loss(credit: ModuleType) -> None:
    model = credit.Model()
    history = model.fit(X, Y, epochs=30, verbose=0)
    assert list(history) == ["loss", "amount_loss", "default_loss", "default_accuracy"]
    assert all(len(values) == 30 for values in history.values())
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_a_step_is_what_its_parts_say(credit: ModuleType) -> None:
    model, twin = credit.Model(), credit.Model()
    losses, gradients = twin.loss_and_grads(X, Y)
    assert list(gradients) == list(model.weights)
    logs = model.train_on_batch(X, Y)
    assert {name: logs[name] for name in losses} == losses
    assert losses["loss"] == pytest.approx(0.25 * losses["amount_loss"] + 10.0 * losses["default_loss"])
    for name, weight in twin.weights.items():
        square = 0.1 * gradients[name] ** 2
        np.testing.assert_allclose(
            model.weights[name], weight - 0.001 * gradients[name] / np.sqrt(square + 1e-7), rtol=1e-4, atol=1e-6
        )


def test_loss_and_grads_changes_nothing(tags: ModuleType) -> None:
    model = tags.Model()
    before, random = copies(model.weights), model.rng.bit_generator.state
    first = model.loss_and_grads([MARKS, SCORES], TAG_IDS)
    second = model.loss_and_grads([MARKS, SCORES], TAG_IDS)
    assert same(model.weights, before)
    assert model.rng.bit_generator.state == random
    assert model.step == 0
    assert first[0] == second[0]
    assert same(first[1], second[1])
    assert list(first[1]) == ["norm/gamma", "norm/beta", "tags/kernel", "tags/bias"]
    first[1]["tags/kernel"].fill(9.0)
    assert same(model.loss_and_grads([MARKS, SCORES], TAG_IDS)[1], second[1])


def test_a_fit_is_its_batches_one_by_one(credit: ModuleType) -> None:
    model, twin = credit.Model(), credit.Model()
    history = model.fit(X, Y, epochs=2, batch_size=32, shuffle=False, verbose=0)
    for epoch in range(2):
        logs = [twin.train_on_batch(X[i : i + 32], [AMOUNT[i : i + 32], DEFAULT[i : i + 32]]) for i in (0, 32, 64)]
        for name, values in history.items():
            mean = sum(rows * each[name] for rows, each in zip((32, 32, 6), logs, strict=True)) / 70
            assert values[epoch] == pytest.approx(mean, rel=1e-5)
    assert same(model.weights, twin.weights)


def test_a_seed_makes_training_the_same(tags: ModuleType) -> None:
    weights = []
    for _ in range(2):
        model = tags.Model(5)
        model.fit([MARKS, SCORES], TAG_IDS, epochs=2, verbose=0)
        weights.append(copies(model.weights))
    assert same(*weights)


def test_shuffling_takes_every_row_once(credit: ModuleType) -> None:
    model = credit.Model()
    model.learning_rate = 1e-12
    plain = model.fit(X, Y, shuffle=False, epochs=1, verbose=0)
    mixed = model.fit(X, Y, shuffle=True, epochs=1, verbose=0)
    assert {name: values[0] for name, values in mixed.items()} == pytest.approx(
        {name: values[0] for name, values in plain.items()}, rel=1e-5
    )


def test_forms_of_data_do_not_change_training(credit: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    forms = {
        "array": X,
        "fortran": np.asfortranarray(X),
        "swapped": X.astype(">f4"),
        "mapped": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "columns": np.concatenate([X, X], axis=1)[:, :100],
        "double": X.astype("f8"),
        "list": X.tolist(),
    }
    results = []
    for x in forms.values():
        model = credit.Model()
        model.fit({"applicant": x}, [AMOUNT, DEFAULT.astype(bool)], epochs=2, verbose=0)
        results.append(model.state.copy())
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_of_memory_mapped_arrays_only_batches_are_read(
    tags: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "ids.npy", TAG_IDS)
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")
    seen: list[int] = []
    check = tags._check_range

    def watch(array: np.ndarray, column: Any) -> None:
        seen.append(len(array))
        check(array, column)

    monkeypatch.setattr(tags, "_check_range", watch)
    for mapped in (ids, ids[:], ids[..., None]):
        seen.clear()
        tags.Model().fit([MARKS, SCORES], mapped, epochs=1, batch_size=16, verbose=0)
        assert max(seen[2:]) == 16, seen  # MARKS and SCORES are in memory, and seen as a whole
    bad = np.load(tmp_path / "ids.npy", mmap_mode="r+")
    bad[69, 0] = 4
    with pytest.raises(ValueError, match=r"target tags: .*got 4"):
        tags.Model().fit([MARKS, SCORES], bad, verbose=0)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("order", [True, False])
def test_a_file_larger_than_memory_may_be_mapped(tmp_path: Path, dtype: str, order: bool) -> None:
    model = sample("two_classes").Model()
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", dtype, (40_000, 100))  # a file with holes
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", "u1", (40_000, 1))
    model.fit(x[:64], y[:64], verbose=0)
    tracemalloc.start()
    try:
        model.fit(x, y, epochs=1, batch_size=64, validation_split=0.5, shuffle=order, verbose=0)
        model.evaluate(x, y)
        model.predict(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


def test_defaults_are_those_of_the_file(credit: ModuleType) -> None:
    assert len(credit.Model().fit(X, Y, verbose=0)["loss"]) == 10


def test_the_learning_rate_may_be_changed(credit: ModuleType) -> None:
    model, faster = credit.Model(), credit.Model()
    assert model.learning_rate == 0.001
    faster.learning_rate = np.float32(0.004)
    before = copies(model.weights)
    for each in (model, faster):
        each.train_on_batch(X, Y)
    for name, start in before.items():
        moved = 4.0 * (model.weights[name] - start)
        np.testing.assert_allclose(faster.weights[name] - start, moved, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("rate", [0.0, -0.001, np.nan, np.inf, -np.inf, "0.1", None, True, [0.1], 10**400, 1j])
def test_a_learning_rate_that_is_no_finite_number_above_0_is_refused(credit: ModuleType, rate: Any) -> None:
    model = credit.Model()
    with pytest.raises(ValueError, match="learning_rate: expected a finite number above 0, got"):
        model.learning_rate = rate
    assert model.learning_rate == 0.001


@pytest.mark.parametrize("rate", [0.0, np.nan, np.inf, -1.0])
def test_a_saved_learning_rate_that_is_no_finite_number_above_0_is_refused(
    credit: ModuleType, tmp_path: Path, rate: float
) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, **{**_saved(credit, path), "learning_rate": np.array(rate)})
    with pytest.raises(ValueError, match=r"model\.npz .*learning_rate: expected a finite number above 0"):
        credit.Model.load(path)


def test_statistics_move_in_training_alone(tags: ModuleType) -> None:
    model = tags.Model()
    data = [MARKS, SCORES], TAG_IDS
    for call in (model.loss_and_grads, model.evaluate):
        call(*data)
        assert not model.weights["norm/moving_mean"].any()
    model.train_on_batch(*data)
    assert model.weights["norm/moving_mean"].any()


# ----------------------------------------------------------------------------------------------------------- validation


def test_the_last_rows_are_held_out(credit: ModuleType) -> None:
    split, given = credit.Model(), credit.Model()
    first = split.fit(X, Y, epochs=2, validation_split=0.3, verbose=0)
    kept = {name: array[:49] for name, array in Y.items()}
    rest = {name: array[49:] for name, array in Y.items()}
    second = given.fit(X[:49], kept, epochs=2, validation_data=(X[49:], rest), verbose=0)
    assert first == second
    assert list(first)[4:] == ["val_loss", "val_amount_loss", "val_default_loss", "val_default_accuracy"]
    assert {f"val_{name}": value for name, value in given.evaluate(X[49:], rest).items()} == {
        name: first[name][-1] for name in list(first)[4:]
    }


def test_held_out_rows_have_their_sample_weights(credit: ModuleType) -> None:
    model = credit.Model()
    weight = RNG.random(70).astype("f4")
    logs = model.fit(X, Y, epochs=1, validation_split=0.5, sample_weight=weight, verbose=0)
    scores = model.evaluate(X[35:], [AMOUNT[35:], DEFAULT[35:]], sample_weight=weight[35:])
    assert logs["val_loss"][0] == scores["loss"]
    other = credit.Model()
    data = (X[35:], [AMOUNT[35:], DEFAULT[35:]], weight[35:])
    assert (
        other.fit(
            X[:35], [AMOUNT[:35], DEFAULT[:35]], epochs=1, sample_weight=weight[:35], validation_data=data, verbose=0
        )
        == logs
    )


def test_evaluation_is_in_inference_mode(tags: ModuleType) -> None:
    model = tags.Model(dtype=np.float64)
    random = model.rng.bit_generator.state
    scores = model.evaluate([MARKS, SCORES], TAG_IDS, batch_size=20)
    assert model.rng.bit_generator.state == random
    picked = np.take_along_axis(model.predict([MARKS, SCORES]), TAG_IDS[..., None], axis=-1)
    assert scores["loss"] == pytest.approx(float(-np.log(picked).mean()))


# -------------------------------------------------------------------------------------------------------------- weights


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


def test_class_weights_are_sample_weights_by_class(credit: ModuleType) -> None:
    weight = np.where(DEFAULT[:, 0] > 0.5, 3.0, 1.0)
    first, second = credit.Model(), credit.Model()
    by_class = first.fit(X, Y, epochs=2, class_weight={"default": {1: 3.0}}, verbose=0)
    assert by_class == second.fit(X, Y, epochs=2, sample_weight={"default": weight}, verbose=0)


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


def test_class_weights_need_one_class_for_each_row(tags: ModuleType) -> None:
    with pytest.raises(ValueError, match="tags has more than one class for each row"):
        tags.Model().fit([MARKS, SCORES], TAG_IDS, class_weight={0: 1.0}, verbose=0)


def test_class_and_sample_weights_exclude_each_other(credit: ModuleType) -> None:
    with pytest.raises(ValueError, match="got both"):
        credit.Model().fit(X, Y, class_weight={"default": {0: 1.0}}, sample_weight=np.ones(70), verbose=0)


# ----------------------------------------------------------------------------------------------- callbacks and progress


class EarlyStopping:
    """As a callback of Keras is."""

    def __init__(self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0) -> None:
        pass

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        pass


def test_callbacks_see_each_epoch_and_can_stop(credit: ModuleType) -> None:
    model = credit.Model()
    seen: list[Any] = []

    def watch(epoch: int, logs: dict[str, float], given: Any) -> str | None:
        seen.append((epoch, logs["loss"], given is model))
        return "stop" if epoch == 2 else None

    history = model.fit(X, Y, epochs=9, callbacks=[lambda *_: None, watch], verbose=0)
    assert seen == [(epoch, loss, True) for epoch, loss in enumerate(history["loss"])]
    assert len(seen) == 3
    assert len(credit.Model().fit(X, Y, callbacks=lambda *_: "stop", verbose=0)["loss"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        *(3, 0, False, "x", [3], ["x"], [None], [lambda *_: None, 3]),
        *([int], [lambda: None], [lambda epoch, logs: None]),
        *(EarlyStopping, [EarlyStopping], EarlyStopping(), [EarlyStopping()]),
    ],
)
def test_what_cannot_be_called_as_a_callback_is_refused_before_training(credit: ModuleType, wrong: Any) -> None:
    model = credit.Model()
    with pytest.raises(ValueError, match=r"^callbacks: expected functions f\(epoch, logs, model\), got "):
        model.fit(X, Y, callbacks=wrong, verbose=0)
    assert model.step == 0


def test_whatever_can_be_called_may_be_a_callback(credit: ModuleType) -> None:
    class Counter:
        seen = 0

        def __call__(self, epoch: int, logs: dict[str, float], model: Any, *more: Any) -> None:
            self.seen += 1

    counter, kept = Counter(), [0]
    for each in (counter, [counter.__call__], (item for item in [counter]), [functools.partial(counter)], None, ()):
        credit.Model().fit(X, Y, epochs=2, callbacks=each, verbose=0)
    credit.Model().fit(X, Y, epochs=1, callbacks=[lambda *given: kept.append(len(given))], verbose=0)
    assert (counter.seen, kept) == (8, [0, 3])


@pytest.mark.parametrize("wrong", ["batch", None, 2, "False"])
def test_shuffle_is_yes_or_no(credit: ModuleType, wrong: Any) -> None:
    with pytest.raises(ValueError, match="shuffle: expected True or False, got"):
        credit.Model().fit(X, Y, shuffle=wrong, verbose=0)


def test_progress_is_a_line_for_each_epoch(credit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    model = credit.Model()
    model.fit(X, Y, epochs=2, validation_split=0.5, verbose=0)
    assert capsys.readouterr().out == ""
    model.fit(X, Y, epochs=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    for word in ("rows/s", " loss ", "amount_loss", "default_accuracy", "val_loss"):
        assert word in lines[0]


def test_on_a_terminal_the_line_is_rewritten(credit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    ticks = iter(range(10_000))
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(credit.time, "perf_counter", lambda: float(next(ticks)))
    credit.Model().fit(X, Y, epochs=1)
    monkeypatch.undo()
    text = terminal.getvalue()
    assert text.count("\r") == 4
    assert text.endswith("\n")
    assert "s left" in text
    assert "loss" in text.split("\r")[1]


# ----------------------------------------------------------------------------------------------------------- not finite


def test_a_loss_that_is_not_finite_stops_and_the_last_good_weights_stay(credit: ModuleType) -> None:
    model, twin = credit.Model(), credit.Model()
    x = X.copy()
    x[40] = np.nan
    with pytest.raises(ValueError, match="epoch 1/2, step 2: the loss of amount, default is not finite"):
        model.fit(x, Y, epochs=2, batch_size=32, shuffle=False, verbose=0)
    # The first step was taken from weights whose loss was finite; those it led to gave none.
    np.testing.assert_array_equal(model.state, twin.state)
    assert model.step == 0


def test_the_output_whose_loss_is_not_finite_is_named(credit: ModuleType) -> None:
    target = AMOUNT.copy()
    target[3] = 1e30  # whose square is more than float32 holds
    with pytest.raises(ValueError, match="step 1: the loss of amount is not finite"):
        credit.Model().fit(X, [target, DEFAULT], shuffle=False, verbose=0)


def test_training_that_diverges_stops(credit: ModuleType) -> None:
    model = credit.Model()
    model.learning_rate = 1e30
    with pytest.raises(ValueError, match="is not finite"):
        model.fit(X, Y, epochs=50, verbose=0)
    assert np.isfinite(model.state).all()
    assert np.isfinite(list(model.evaluate(X, Y).values())).all()


def test_a_validation_loss_that_is_not_finite_stops(credit: ModuleType) -> None:
    x = X.copy()
    x[-1] = np.nan
    with pytest.raises(ValueError, match="epoch 1/10: the validation loss is not finite"):
        credit.Model().fit(x, Y, validation_split=0.2, verbose=0)


@pytest.mark.parametrize(
    ("rate", "status", "reason"),
    [
        ("nan", 2, "--learning-rate: expected a finite number above 0, got 'nan'"),
        ("inf", 2, "--learning-rate: expected a finite number above 0, got 'inf'"),
        ("0", 2, "--learning-rate: expected a finite number above 0, got '0'"),
        ("-1", 2, "--learning-rate: expected a finite number above 0, got '-1'"),
        ("1e39", 1, "not finite"),
    ],
)
def test_a_command_that_trains_with_such_a_rate_fails_and_saves_nothing(
    credit: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: str, status: int, reason: str
) -> None:
    data, model = tmp_path / "data.npz", tmp_path / "model.npz"
    np.savez(data, applicant=X, amount=AMOUNT, default=DEFAULT)
    rest = ["--batch-size", "99", "--epochs", "1", f"--learning-rate={rate}", "--save", str(model)]
    with np.errstate(all="ignore"):
        assert credit._command(["train", str(data), *rest]) == status
    assert reason in capsys.readouterr().err
    assert not model.exists()


def build_and_fit(text: str, x: Any, y: Any, rate: float, **options: Any) -> Any:
    """A model whose training left numbers that are not finite, and was refused."""
    model = build(text).Model()
    model.learning_rate = rate
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="not finite"):
        model.fit(x, y, **{"epochs": 1, "batch_size": 4, "shuffle": False, "verbose": 0, **options})
    assert np.isfinite(model.state).all()
    return model


OPTIMIZERS = ["sgd(0.1)", "SGD(0.1, momentum=0.9)", "rmsprop(0.1)", "adam(0.1)", "adagrad(0.1)"]
WIDE = """
x = Input(6)
h = BatchNormalization(momentum=0.5)(Dense(3)(x))
y = Dense(1)(h)
model = Model(x, y)
"""


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_last_step_that_diverges_is_refused(optimizer: str, epochs: int) -> None:
    x = np.random.default_rng(3).normal(size=(4, 6))
    text = f"{WIDE}model.compile({optimizer}, mse)"
    model = build_and_fit(text, x, x[:, :1], 1e39)  # the first step is the last
    twin = build(text).Model()
    np.testing.assert_array_equal(model.state, twin.state)

    def last(epoch: int, _: Any, model: Any) -> None:
        if epoch == epochs - 1:
            model.learning_rate = 1e39

    model = build_and_fit(text, x, x[:, :1], 0.001, epochs=epochs + 1, callbacks=last)
    twin.learning_rate = 0.001
    twin.fit(x, x[:, :1], epochs=epochs, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.state, twin.state)
    assert model.step == epochs


def test_a_step_that_diverges_where_the_loss_does_not_see_it_is_refused(tmp_path: Path) -> None:
    text = """
ids = Input(1, int32)
y = Dense(1, tanh)(Flatten()(Embedding(9, 2)(ids)))
model = Model(ids, y)
model.compile(sgd(0.1), mse)
"""
    module, ids = build(text), np.arange(8)[:, None]
    model, update = module.Model(), module.update

    def spoil(p: Any, *rest: Any) -> None:
        update(p, *rest)
        if rest[-1] == 3:
            p.trainable[0] = np.inf  # a row that is not read again

    module.update = spoil
    with pytest.raises(ValueError, match=r"epoch 1/1, step 4: the step before left weights or slots .* not finite"):
        model.fit(ids, np.zeros((8, 1)), batch_size=1, shuffle=False, verbose=0, epochs=1)
    assert np.isfinite(model.state).all()
    assert model.step == 2


def test_slots_that_are_not_finite_are_refused() -> None:
    text = f"{WIDE.replace('BatchNormalization(momentum=0.5)(Dense(3)(x))', 'x')}model.compile(rmsprop(0.1), mae)"
    model = build_and_fit(text, np.full((8, 6), 1e25), np.ones((8, 1)), 0.1)  # the square of such a gradient is none
    assert model.step == 0


@pytest.mark.parametrize("optimizer", ["rmsprop(0.1)", "adam(0.1)"])
def test_tables_that_are_updated_by_row_are_looked_at(optimizer: str) -> None:
    text = f"""
ids = Input(2, int32)
y = Dense(1)(Flatten()(Embedding(5000, 8)(ids)))
model = Model(ids, y)
model.compile({optimizer}, mse)
"""
    model = build_and_fit(text, np.arange(8).reshape(4, 2), np.ones((4, 1)), 1e39)
    assert same(model.weights, build(text).Model().weights)


def test_what_is_not_finite_is_in_no_file(tmp_path: Path) -> None:
    text = f"{WIDE}model.compile(sgd(0.1), mse)"
    x, csv, place = np.random.default_rng(3).normal(size=(8, 6)), tmp_path / "history.csv", tmp_path / "place.npz"
    build_and_fit(text, x, x[:, :1], 1e39, batch_size=8, csv=csv, checkpoint=place, validation_data=(x, x[:, :1]))
    assert csv.read_text() == ""
    module = build(text)
    assert same(module.Model.load(place).weights, module.Model().weights)


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_callback_that_spoils_the_weights_is_refused(credit: ModuleType, epoch: int) -> None:
    good: list[Any] = []

    def spoil(number: int, _: Any, model: Any) -> None:
        if number == epoch:
            good.append(model.state.copy())
            model.weights["h/kernel"][0, 0] = np.nan

    model = credit.Model()
    with pytest.raises(ValueError, match=f"epoch {epoch + 1}/3: a callback left weights or slots .* not finite"):
        model.fit(X, Y, epochs=3, callbacks=spoil, verbose=0)
    np.testing.assert_array_equal(model.state, good[0])


def test_large_weights_that_are_finite_are_no_error(credit: ModuleType) -> None:
    model = credit.Model()
    model.weights["h/kernel"][3] = 1e30  # whose square is not
    x = X.copy()
    x[:, 3] = 0.0
    model.fit(x, Y, epochs=1, verbose=0)
    assert model.weights["h/kernel"][3, 0] == pytest.approx(1e30)


@pytest.mark.parametrize("name", ["credit", "tags"])
def test_train_on_batch_takes_no_step_from_a_loss_that_is_not_finite(
    credit: ModuleType, tags: ModuleType, name: str
) -> None:
    model, x, y, guilty = (
        (credit.Model(), X.copy(), [AMOUNT, DEFAULT], "amount, default")
        if name == "credit"
        else (tags.Model(), MARKS.copy(), TAG_IDS, "tags")
    )
    x[3] = np.nan
    before = copies(model._saved())
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=f"the loss of {guilty} is not finite"):
        model.train_on_batch(x if name == "credit" else [x, SCORES], y)
    assert same(model._saved(), before)


# --------------------------------------------------------------------------------------------------------------- saving


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_goes_on_bit_for_bit(tags: ModuleType, credit: ModuleType, tmp_path: Path, dtype: Any) -> None:
    cases: list[tuple[Any, Any]] = [(([MARKS, SCORES], TAG_IDS), tags), ((X, Y), credit)]
    for data, module in cases:
        model = module.Model(3, dtype)
        model.learning_rate = 0.01
        model.fit(*data, epochs=2, verbose=0)
        model.save(tmp_path / "model.npz")
        other = module.Model.load(tmp_path / "model.npz")
        assert (other.step, other.learning_rate, other.dtype) == (model.step, 0.01, dtype)
        assert model.fit(*data, epochs=2, verbose=0) == other.fit(*data, epochs=2, verbose=0)
        np.testing.assert_array_equal(model.state, other.state)
        assert os.listdir(tmp_path) == ["model.npz"]


def test_a_model_for_inference_loads_what_training_saved(
    credit: ModuleType, predictor: ModuleType, tmp_path: Path
) -> None:
    model = credit.Model(5)
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "model.npz")
    other = predictor.Model.load(tmp_path / "model.npz")
    assert same(other.predict(X), model.predict(X))
    other.save(tmp_path / "small.npz")
    assert same(predictor.Model.load(tmp_path / "small.npz").weights, model.weights)
    again = credit.Model.load(tmp_path / "small.npz")
    assert same(again.weights, model.weights)
    assert (again.step, again.learning_rate, np.abs(again.state[1:]).max()) == (0, 0.001, 0.0)
    np.savez(tmp_path / "weights.npz", **model.weights)  # without a word about their dtype
    for module in (credit, predictor):
        assert same(module.Model.load(tmp_path / "weights.npz").weights, model.weights)
    fits = [credit.Model.load(tmp_path / name).fit(X, Y, epochs=2, verbose=0) for name in ("small.npz", "weights.npz")]
    assert fits[0] == fits[1]


def test_a_failed_save_leaves_the_old_file(credit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.npz"
    credit.Model(1).save(path)
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        credit.Model(2).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.npz"]


def test_a_full_disk_leaves_the_old_file(files: dict[str, Path], credit: ModuleType, tmp_path: Path) -> None:
    credit.Model(1).save(tmp_path / "model.npz")
    before = (tmp_path / "model.npz").read_bytes()
    program = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))  # as if the disk were full after so many bytes
import credit, numpy as np
for write in (
    lambda model: model.save("model.npz"),
    lambda model: model.fit(np.ones((3, 100)), [np.ones(3), np.ones(3)], verbose=0, checkpoint="place.npz"),
):
    try:
        write(credit.Model(2))
    except OSError as error:
        print(error.errno)
"""
    (tmp_path / "credit.py").write_bytes(files["credit"].read_bytes())
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(errno.EFBIG)] * 2
    assert (tmp_path / "model.npz").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"credit.py", "model.npz"}


@pytest.mark.parametrize("name", ["with spaces.npz", "größe — λ.npz", "no_ending", "a\nb.npz"])
def test_any_name_of_a_file_will_do(credit: ModuleType, tmp_path: Path, name: str) -> None:
    model = credit.Model(1)
    model.save(tmp_path / name)
    assert same(credit.Model.load(tmp_path / name).weights, model.weights)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_stays_one_when_a_model_is_saved_to_it(credit: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, file = tmp_path / "model.npz", tmp_path / "far" / "model.npz"
    credit.Model(1).save(file)
    link.symlink_to(file)
    credit.Model(2).save(link)
    assert link.is_symlink()
    assert same(credit.Model.load(file).weights, credit.Model(2).weights)


def test_a_missing_file_is_an_os_error(credit: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        credit.Model.load(tmp_path / "none.npz")


def _saved(module: ModuleType, path: Path) -> dict[str, Any]:
    module.Model().save(path)
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a.pop("h/kernel"), "h/kernel is missing"),
        (lambda a: a.update({"h/more": np.ones(3)}), "h/more is unknown"),
        (lambda a: a.update({"h/bias": np.ones(31, "f4")}), r"h/bias: expected float32 \(32,\), got float32 \(31,\)"),
        (lambda a: a.update({"h/bias": np.ones(32)}), r"h/bias: expected float32 \(32,\), got float64"),
        (lambda a: a.update({"dtype": np.array("int8")}), "dtype: expected float32 or float64"),
        (lambda a: a.update({"dtype": np.array("nonsense")}), "nonsense"),
        (lambda a: a.pop("dtype"), "was not saved by this model"),
        (lambda a: a.update({"rng": np.array("{}")}), "was not saved by this model"),
        (lambda a: a.update({"rng": np.array("[")}), "was not saved by this model"),
        (
            lambda a: a.update({"rng": np.array('{"bit_generator": "PCG64", "state": 3}')}),
            "was not saved by this model",
        ),
        (lambda a: a.update({"step": np.ones(3)}), "was not saved by this model"),
        (lambda a: a.pop("velocity"), "velocity is missing"),
        (lambda a: a.update({"../x": np.ones(3)}), r"\.\./x is unknown"),
        (lambda a: a.update({"/etc/passwd": np.ones(3)}), "/etc/passwd is unknown"),
        (lambda a: a.clear(), "was not saved by this model"),
    ],
)
def test_a_foreign_file_is_refused(
    credit: ModuleType, tmp_path: Path, change: Callable[[Any], Any], reason: str
) -> None:
    path = tmp_path / "model.npz"
    arrays = _saved(credit, path)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=reason) as caught:
        credit.Model.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("contents", [b"", b"text", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_none_is_refused(credit: ModuleType, tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=r"model\.npz"):
        credit.Model.load(path)


def test_a_single_array_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(ValueError, match=r"a\.npy"):
        credit.Model.load(tmp_path / "a.npy")


def test_a_pickle_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    arrays = _saved(credit, path)
    arrays["h/bias"] = np.array([print], object)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"model\.npz .*got object"):
        credit.Model.load(path)


def test_a_damaged_file_is_refused(credit: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    credit.Model().save(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 997):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"model\.npz"):
            credit.Model.load(path)
    refused = 0
    for place in range(0, len(whole), 401):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            loaded = credit.Model.load(path)
        except ValueError as error:
            refused += str(path) in str(error)
        else:  # a byte that means nothing, such as one of a date
            np.testing.assert_array_equal(loaded.state, credit.Model().state)
    assert refused > 50


# -------------------------------------------------------------------------------------------------------------- command


def run(path: Path, *arguments: Any, cwd: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-W", "error", str(path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_file_is_a_command(files: dict[str, Path], credit: ModuleType, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", applicant=X, **Y)
    status, out, _ = run(files["credit"], "train", "data.npz", "--epochs", 2, "--save", "model.npz", cwd=tmp_path)
    assert (status, len(out.splitlines()), out.splitlines()[-1]) == (0, 3, "saved model.npz")
    status, out, _ = run(files["credit"], "evaluate", "data.npz", "--weights", "model.npz", cwd=tmp_path)
    scores = credit.Model.load(tmp_path / "model.npz").evaluate(X, Y)
    assert (status, out.strip()) == (0, "  ".join(f"{name} {value:.4g}" for name, value in scores.items()))
    for name in ("credit", "credit_inference"):
        assert run(files[name], "predict", "data.npz", "--weights", "model.npz", "-o", "out.npz", cwd=tmp_path)[0] == 0
        with np.load(tmp_path / "out.npz") as outputs:
            assert same(dict(outputs), credit.Model.load(tmp_path / "model.npz").predict(X))
    status, out, _ = run(files["credit"], "predict", "data.npz", "--weights", "model.npz", cwd=tmp_path)
    assert (status, len(out.splitlines())) == (0, 142)
    status, out, _ = run(files["credit"], "summary", cwd=tmp_path)
    assert status == 0
    assert "3,298" in out


def test_check_finds_every_gradient_right(files: dict[str, Path], tmp_path: Path) -> None:
    for name, lines in (("credit", 8), ("tags", 7)):
        status, out, _ = run(files[name], "check", cwd=tmp_path)
        assert status == 0
        assert len(out.splitlines()) == lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b.ones_batch.dot(dh, out=g.h_bias)", "b.ones_batch.dot(dh * 1.00001, out=g.h_bias)"),
        ("dh *= h_active", "pass"),
        ("b.dh.dot(p.h_kernel.T, out=b.dapplicant)", "b.dapplicant.fill(0.0)"),
        ("b.h.T.dot(damount, out=g.amount_kernel)", "g.amount_kernel.fill(np.nan)"),
        ("ddefault *= 10.0 / b.batch", "ddefault *= 1.0 / b.batch"),
    ],
)
def test_check_finds_a_wrong_gradient(tmp_path: Path, old: str, new: str) -> None:
    text = sample_text("credit")
    assert text.count(old) == 1
    (tmp_path / "wrong.py").write_text(text.replace(old, new), encoding="utf-8")
    assert run(tmp_path / "wrong.py", "check", cwd=tmp_path)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "required: command"),
        (["fly"], 2, "invalid choice"),
        (["train"], 2, "required: DATA.npz"),
        (["train", "none.npz"], 2, "No such file"),
        (["train", "data.npz", "--epochs", "x"], 2, "epochs: expected an integer of 1 or more"),
        (["train", "data.npz", "--validation-split", "0.999"], 1, "leaves one side empty"),
        (["train", "half.npz"], 1, "half.npz: there is no array for the output default"),
        (["predict", "data.npz", "--weights", "more.npz"], 1, "more.npz was not saved by this model"),
    ],
)
def test_errors_of_the_command_are_one_line(
    files: dict[str, Path], tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    np.savez(tmp_path / "data.npz", applicant=X, **Y)
    np.savez(tmp_path / "half.npz", applicant=X, amount=AMOUNT)
    np.savez(tmp_path / "more.npz", applicant=X, more=AMOUNT)
    (tmp_path / "text.npz").write_text("text")
    found, _, error = run(files["credit"], *arguments, cwd=tmp_path)
    assert (found, len(error.splitlines())) == (status, 1), error
    assert message in error


def test_the_saved_state_is_plain(credit: ModuleType, tmp_path: Path) -> None:
    arrays = _saved(credit, tmp_path / "model.npz")
    assert set(arrays) == {"dtype", "step", "learning_rate", "rng", "velocity", *credit.Model().weights}
    assert json.loads(str(arrays["rng"]))["bit_generator"] == "PCG64"


# ------------------------------------------------------------------------------------------------- the file as Python

VARIED = frozenset(
    [
        "activation_gelu",
        "activation_sparsemax",
        "batch_normalization_sequence",
        "block",
        "dot_normalize",
        "initializer_orthogonal",
        "layer_normalization_axes",
        "loss_sparse_categorical_crossentropy_steps",
        "metrics_auc_sums",
        "metrics_binary_options",
        "metrics_masked_sparse",
        "metrics_regression",
        "names_of_python",
        "optimizer_adam_amsgrad",
        "optimizer_clipnorm",
        "optimizer_global_clipnorm",
        "outputs",
        "prelu",
        "regularizer_l1_l2_0_1_0_2",
        "shared_model",
        "slices",
        "unknown_steps",
    ]
)
"""Cases whose files have parts that those of the samples do not have."""


@pytest.fixture(scope="session")
def many(files: dict[str, Path]) -> list[Path]:
    """The files of all samples, of the examples and of varied cases, as `gen build` writes them."""
    folder = next(iter(files.values())).parent
    for path in [*EXAMPLES, *(path for path in CASES if path.stem in VARIED)]:
        (folder / f"more_{path.stem}.py").write_text(case_text(path, Options(verify=True)), encoding="utf-8")
    return sorted(folder.glob("*.py"))


def test_the_file_is_clean(many: list[Path]) -> None:
    tools = (
        ["ruff", "check", "--isolated", "--no-cache"],
        ["mypy", "--strict", "--config-file=", "--scripts-are-modules", "--cache-dir", str(many[0].parent / "cache")],
    )
    for tool in tools:
        command = [sys.executable, "-m", *tool, *map(str, many)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_is_as_black_writes_it(many: list[Path], tmp_path: Path) -> None:
    for path in many:  # without the line that keeps Black away
        (tmp_path / path.name).write_text(path.read_text("utf-8").removeprefix(UNTOUCHED), "utf-8")
    command = [sys.executable, "-m", "black", "--check", "--quiet", "--line-length", str(LINE_LENGTH), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 0


def test_the_file_is_that_of_an_old_python_and_imports_numpy_alone(many: list[Path]) -> None:
    for path in many:
        tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 10))
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {module.split(".")[0] for module in modules} <= set(sys.stdlib_module_names) | {"numpy"}


def test_the_file_asserts_nothing_and_hides_no_warning(many: list[Path]) -> None:
    for path in many:
        text = path.read_text("utf-8")
        assert "assert " not in text
        assert "warnings" not in text
        assert "noqa" not in text
        assert "type: ignore" not in text


@pytest.mark.parametrize("option", ["-O", "-OO", "-Wdefault", "-I"])
def test_options_of_python_change_nothing(files: dict[str, Path], tmp_path: Path, option: str) -> None:
    np.savez(tmp_path / "data.npz", applicant=X, **Y)
    for arguments, expected in (
        (["summary"], "3,298"),
        (["check"], "worst relative error"),
        (["train", "data.npz", "--epochs", "1"], "epoch 1/1"),
    ):
        done = subprocess.run(
            [sys.executable, option, str(files["credit"]), *arguments],
            capture_output=True, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert expected in done.stdout


# --------------------------------------------------------------------------------------------------- every case in turn

TRAINED = [path for path in CASES if "compile" in path.read_text("utf-8")]


EVALUATED = [path for i, path in enumerate(TRAINED) if i % 4 == 0 or "mask" in path.stem or "dropout" in path.stem]


@pytest.mark.parametrize("path", EVALUATED, ids=lambda path: path.stem)
def test_evaluation_equals_that_of_keras(path: Path) -> None:
    graph, model = case_graph(path), case_module(path).Model(1, np.float64)
    twin = keras_twin.twin(graph)
    perturb(model)
    keras_twin.load_weights(twin, model.weights)
    rng = np.random.default_rng(3)
    inputs, targets = random_inputs(graph, rng, 7), random_targets(graph, rng, 7)
    theirs = twin.evaluate(inputs, targets, batch_size=4, verbose=0, return_dict=True)
    compare_logs(model.evaluate(inputs, targets, batch_size=4), theirs, "evaluate")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_in_single_precision_nothing_is_computed_in_double(path: Path) -> None:
    graph, module = case_graph(path), case_module(path)
    double, single = module.Model(1, np.float64), module.Model(1)
    rng = np.random.default_rng(3)
    inputs, targets = random_inputs(graph, rng, 7), random_targets(graph, rng, 7)
    for exact, rounded in zip(rows_of(double.predict(inputs)), rows_of(single.predict(inputs)), strict=True):
        assert rounded.dtype in (np.float32, exact.dtype if exact.dtype.kind != "f" else np.float32)
        np.testing.assert_allclose(rounded, exact, rtol=1e-3, atol=1e-3)
    if path in TRAINED:
        if "self.rng, " not in case_text(path):
            assert single.evaluate(inputs, targets)["loss"] == pytest.approx(
                double.evaluate(inputs, targets)["loss"], rel=1e-2
            )
        single.train_on_batch(inputs, targets)
        buffers = [b for kept in single._kept.values() for b in vars(kept).values()]
        arrays = [*vars(single.p).values(), *vars(single.g).values(), *vars(single.s).values(), *buffers]
        assert not [array for array in arrays if isinstance(array, np.ndarray) and array.dtype == np.float64]


# -------------------------------------------------------------------------------------------------------- other samples

POSTS = RNG.normal(size=(40, 6))
PEOPLE = [RNG.normal(size=40), np.eye(3)[RNG.integers(0, 3, 40)], RNG.integers(0, 2, 40)]
PIXELS, DIGITS = RNG.normal(size=(50, 12)).astype("f4"), RNG.integers(0, 10, 50)


def data_of(name: str, rows: int = 12) -> tuple[Any, Any]:
    graph = graph_of(TEXTS[name], f"{name}.nn")
    rng = np.random.default_rng(6)
    x = random_inputs(graph, rng, rows)
    return x, random_targets(graph, rng, rows)


TRAINED_SAMPLES = [name for name in TEXTS if "compile" in TEXTS[name]]


@pytest.mark.parametrize("name", TRAINED_SAMPLES)
def test_gradients_equal_finite_differences(name: str) -> None:
    model, (x, y) = sample(name).Model(2, np.float64), data_of(name)
    state = model.rng.bit_generator.state
    before = copies(model.weights)
    weight = RNG.random(12)
    _, gradients = model.loss_and_grads(x, y, weight)
    assert same(model.weights, before)
    assert model.rng.bit_generator.state == state
    assert model.step == 0
    for key, gradient in gradients.items():
        values = model.weights[key].reshape(-1)
        for i in RNG.choice(values.size, min(5, values.size), replace=False):
            totals = []
            for shift in (1e-6, -1e-6):
                kept = values[i]
                values[i] += shift
                totals.append(model.loss_and_grads(x, y, weight)[0]["loss"])
                values[i] = kept
            assert gradient.reshape(-1)[i] == pytest.approx((totals[0] - totals[1]) / 2e-6, rel=1e-5, abs=1e-7), key


@pytest.mark.parametrize("name", TRAINED_SAMPLES)
def test_two_and_two_epochs_are_four(name: str, tmp_path: Path) -> None:
    (x, y), path = data_of(name), tmp_path / "model"
    whole, half = sample(name).Model(4), sample(name).Model(4)
    options = {"batch_size": 5, "shuffle": True, "validation_split": 0.25, "verbose": 0}
    history = whole.fit(x, y, epochs=4, **options)
    first = half.fit(x, y, epochs=2, **options)
    half.save(path)
    second = sample(name).Model.load(path).fit(x, y, epochs=2, **options)
    assert {key: [*first[key], *second[key]] for key in first} == history


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


def test_three_outputs_are_trained_by_lists_as_by_names() -> None:
    forms: list[Any] = [
        PEOPLE,
        tuple(PEOPLE),
        dict(zip(("gender", "age", "income"), (PEOPLE[2], PEOPLE[0], PEOPLE[1]), strict=True)),
    ]
    histories = [sample("people").Model().fit(POSTS, form, verbose=0) for form in forms]
    assert histories[0] == histories[1] == histories[2]
    names = [
        "loss",
        "age_loss",
        "income_loss",
        "gender_loss",
        "age_mae",
        "income_accuracy",
        "gender_accuracy",
        "gender_auc",
    ]
    assert list(histories[0]) == [*names, *(f"val_{name}" for name in names)]
    logs = {name: values[0] for name, values in histories[0].items()}
    assert logs["loss"] == pytest.approx(0.25 * logs["age_loss"] + logs["income_loss"] + 10.0 * logs["gender_loss"])


def test_what_fit_does_by_default_is_said_in_the_file() -> None:
    model, twin = sample("people").Model(), sample("people").Model()
    given = {"epochs": 3, "batch_size": 8, "validation_split": 0.25, "shuffle": False}
    assert model.fit(POSTS, PEOPLE, verbose=0) == twin.fit(POSTS, PEOPLE, **given, verbose=0)
    assert np.array_equal(model.state, twin.state)


def test_shuffling_takes_the_seed() -> None:
    models = [sample("digits").Model(seed) for seed in (1, 1, 2)]
    histories = [model.fit(PIXELS, DIGITS, epochs=2, verbose=0) for model in models]
    assert histories[0] == histories[1] != histories[2]


def test_a_regularizer_counts_in_training_and_in_evaluation() -> None:
    model = sample("digits").Model(dtype=np.float64)
    added = 0.01 * float(np.sum(model.weights["dense/kernel"] ** 2))
    probabilities = model.predict(PIXELS)[np.arange(50), DIGITS]
    assert model.evaluate(PIXELS, DIGITS)["loss"] == pytest.approx(float(-np.log(probabilities).mean()) + added)


def test_the_logs_of_a_step_are_those_before_it() -> None:
    model = sample("people").Model(dtype=np.float64)
    assert model.train_on_batch(POSTS, PEOPLE) == pytest.approx(
        sample("people").Model(dtype=np.float64).evaluate(POSTS, PEOPLE, 40)
    )
    assert model.step == 1


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


def test_one_dict_of_class_weights_is_for_the_only_output() -> None:
    weights = {0: 0.5, 3: 2.0}
    rows = np.array([weights.get(int(label), 1.0) for label in DIGITS])
    first, second, third = (sample("digits").Model() for _ in range(3))
    history = first.fit(PIXELS, DIGITS, class_weight=weights, verbose=0)
    assert history == second.fit(PIXELS, DIGITS, sample_weight=rows, verbose=0)
    assert history == third.fit(PIXELS, DIGITS, class_weight={"digit": weights}, verbose=0)


@pytest.mark.parametrize("weights", [{10: 1.0}, {-1: 1.0}, {0.5: 1.0}, {0: "a"}, {0: None}, {0: [1.0]}])
def test_class_weights_of_no_class_are_refused(weights: Any) -> None:
    with pytest.raises(ValueError, match="class_weight: digit has"):
        sample("digits").Model().fit(PIXELS, DIGITS, class_weight=weights, verbose=0)


def test_answers_of_callbacks_may_be_anything() -> None:
    model = sample("digits").Model()
    answers: list[Any] = [np.zeros(3), {"stop": 1}, ["stop"], None, True]
    callbacks = [lambda *_, answer=answer: answer for answer in answers]
    assert len(model.fit(PIXELS, DIGITS, epochs=2, callbacks=callbacks, verbose=0)["loss"]) == 2
    assert len(model.fit(PIXELS, DIGITS, epochs=2, callbacks=None, verbose=0)["loss"]) == 2


@pytest.mark.parametrize("given", [PIXELS, [PIXELS], {"x": PIXELS}, 5, (1, 2, 3, 4)])
def test_data_for_validation_are_a_pair(given: Any) -> None:
    with pytest.raises(ValueError, match=r"validation_data: expected \(x, y\) or \(x, y, sample_weight\)"):
        sample("digits").Model().fit(PIXELS, DIGITS, validation_data=given, verbose=0)


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
        with pytest.raises(ValueError, match=r"input applicant: expected float32 .*got float64 numbers out of its range"):
            call(x)
    credit.Model(dtype=np.float64).predict(x)


def test_frozen_layers_stay() -> None:
    model, (x, y) = sample("frozen").Model(), data_of("frozen")
    before = copies(model.weights)
    model.fit(x, y, epochs=2, verbose=0)
    moved = {name for name, value in model.weights.items() if not np.array_equal(value, before[name])}
    assert moved == {name for name in before if not name.startswith("base/")}
    assert not {"base/kernel", "batch_normalization/moving_mean"} & set(model.loss_and_grads(x, y)[1])


def test_a_model_that_is_not_compiled_only_predicts(tmp_path: Path) -> None:
    module = sample("uncompiled")
    model, x = module.Model(3), RNG.normal(size=(9, 5))
    assert {name for name in dir(model) if not name.startswith("_")} == {
        "INPUTS", "OUTPUTS", "dtype", "load", "p", "predict", "save", "summary", "weights",
    }  # fmt: skip
    assert not hasattr(module, "check")
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1.0, rtol=1e-6)
    model.save(tmp_path / "model.npz")
    assert np.array_equal(module.Model.load(tmp_path / "model.npz").predict(x), model.predict(x))
    other = tmp_path / "other.npz"
    sample("frozen").Model().save(other)
    with pytest.raises(ValueError, match=r"other\.npz was not saved by this model"):
        module.Model.load(other)


def test_the_file_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    for name in TRAINED_SAMPLES:
        sample(name).Model().save(path)
        for other in TRAINED_SAMPLES:
            if other != name:
                with pytest.raises(ValueError, match=r"was not saved by this model: .* is (missing|unknown)"):
                    sample(other).Model.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"step": np.array(np.inf)},
        {"rng": '{"bit_generator": "PCG64", "state": {"state": -1, "inc": 1}, "has_uint32": 0, "uinteger": 0}'},
    ],
)
def test_nonsense_in_a_saved_file_is_refused(credit: ModuleType, tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "model.npz"
    arrays = _saved(credit, path)
    np.savez(path, **{**arrays, **change})
    with pytest.raises(ValueError, match="was not saved by this model"):
        credit.Model.load(path)


def test_saves_at_once_do_not_disturb_each_other(credit: ModuleType, tmp_path: Path) -> None:
    models, path = [credit.Model(seed) for seed in range(4)], tmp_path / "model.npz"
    failed: list[BaseException] = []

    def work(model: Any) -> None:
        try:
            for _ in range(10):
                model.save(path)
                credit.Model.load(path)
        except (OSError, ValueError) as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert os.listdir(tmp_path) == ["model.npz"]


def test_a_line_on_a_terminal_is_no_wider_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    module, terminal, ticks = sample("people"), Terminal(), iter(range(10_000))
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setenv("COLUMNS", "50")
    module.Model().fit(POSTS, PEOPLE, epochs=1)
    monkeypatch.undo()
    lines = terminal.getvalue().split("\r")
    assert len(lines) > 3
    assert max(map(len, lines[:-1])) == 49
    assert len(lines[-1]) > 50


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_a_command(files: dict[str, Path], name: str, tmp_path: Path) -> None:
    x, y = data_of(name.removesuffix("_inference"))
    module = sample(name)
    targets = [key for key in module.OUTPUTS if key != "pairs"]
    np.savez(tmp_path / "x.npz", **dict(zip(module.INPUTS, x, strict=True)))
    np.savez(tmp_path / "all.npz", **dict(zip(module.INPUTS, x, strict=True)), **dict(zip(targets, y, strict=False)))
    module.Model().save(tmp_path / "fresh.npz")
    commands = ["summary", "predict x.npz --weights fresh.npz"]
    commands += ["predict all.npz --weights fresh.npz -o out.npz --batch-size 5"]
    if "compile" in TEXTS.get(name, ""):
        commands += [
            "train all.npz --epochs 2 --seed 3 --save m.npz",
            "evaluate all.npz --weights m.npz",
            "predict x.npz --weights m.npz -o out.npz",
        ]
    for command in commands:
        status, out, error = run(files[name], *command.split(), cwd=tmp_path)
        assert (status, error) == (0, ""), command
        assert out or "-o" in command
    with np.load(tmp_path / "out.npz") as outputs:
        assert list(outputs) == list(module.OUTPUTS)
    if "compile" not in TEXTS.get(name, ""):
        assert run(files[name], "train", "all.npz", cwd=tmp_path)[0] == 2
