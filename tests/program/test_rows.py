"""Tables updated row by row end where a dense update ends: every optimizer, gaps, sharing, masks, saving, NaN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gen.compiler import PASSES
from gen.components.kernels import as_dense, sum_all_by_id, sum_by_id
from gen.program.passes.rows import LEAST
from tests import proof
from tests.building import QUICK, build
from tests.models.test_systems import POSTS_WEIGHTED, in_keras, in_our_order, one_hot

DENSE = replace(QUICK, passes=frozenset(PASSES) - {"rows"})
WORDS, FEATURES = 700, 48
EXACT = [
    "sgd(0.5)",
    "rmsprop(0.01)",
    "rmsprop(0.01, rho=0.5, centered=True)",
    "adagrad(0.05)",
    "sgd(0.5, weight_decay=0)",
]
MOVING = [
    "sgd(0.1, momentum=0.9)",
    "sgd(0.1, weight_decay=0.1)",
    "rmsprop(0.01, momentum=0.5)",
    "rmsprop(0.01, weight_decay=0.1)",
    "rmsprop(0.01, clipnorm=0.01)",
    "rmsprop(0.01, clipvalue=0.001)",
    "adagrad(0.05, global_clipnorm=0.01)",
    "adam(0.01)",
    "adamw(0.01)",
]


def model_text(optimizer: str, table: str = "", body: str = "", inputs: str = "ids", masked: bool = False) -> str:
    """A model of a table that is large enough, trained with `optimizer`."""
    body = body or "x = Flatten()(words(ids))"
    return f"""
ids = Input(6, int32)
more = Input(6, int32)
words = Embedding({WORDS}, {FEATURES}{table})
{body}
y = Dense(2, tanh)(x)
model = Model({inputs}, y)
model.compile(optimizer={optimizer}, loss=mse)
""".replace("more = Input(6, int32)\n", "more = Input(6, int32)\n" if "more" in inputs else "")


def batches(steps: int, inputs: int = 1, per_step: bool = False) -> list[tuple[list[np.ndarray], np.ndarray]]:
    """Batches in which ids recur at once, after gaps of one and more steps, late, or never: 600 and above."""
    rng = np.random.default_rng(7)
    found = []
    for step in range(steps):
        often = rng.integers(0, 5, (8, 2))
        sometimes = rng.integers(10, 14, (8, 2)) + 10 * (step % 3)
        rarely = rng.integers(100, 600, (8, 2))
        rarely[0] = 599 if step in (0, steps - 1) else 598
        ids = np.concatenate([often, sometimes, rarely], axis=1).astype(np.int32)
        arrays = [np.roll(ids, 3 * i, axis=0)[:, ::-1].copy() if i else ids for i in range(inputs)]
        found.append((arrays, rng.uniform(-0.9, 0.9, (8, 6, 2) if per_step else (8, 2))))
    return found


def compare(text: str, inputs: int = 1, per_step: bool = False, dtype: type = np.float64, steps: int = 14) -> None:
    """Steps with the pass and without it lead to the same losses, weights and slots; the learning rate changes."""
    models = [build(text, options=options).Model(1, dtype) for options in (QUICK, DENSE)]
    bounds = {"rtol": 1e-9, "atol": 1e-12} if dtype is np.float64 else {"rtol": 2e-4, "atol": 2e-5}
    for step, (x, y) in enumerate(batches(steps, inputs, per_step)):
        for model in models:
            model.learning_rate *= 0.7 if step % 4 == 3 else 1.0
        losses = [model.train_on_batch(x, y)["loss"] for model in models]
        np.testing.assert_allclose(*losses, **bounds)
        for ours, theirs in zip(*((model.weights, model.slots) for model in models), strict=True):
            assert list(ours) == list(theirs)
            for name, value in ours.items():
                np.testing.assert_allclose(value, theirs[name], **bounds, err_msg=f"{name} after step {step}")


def by_row(module: ModuleType) -> bool:
    return hasattr(module, "update_rows")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("optimizer", EXACT)
def test_row_by_row_equals_dense(optimizer: str, dtype: type) -> None:
    text = model_text(optimizer)
    assert by_row(build(text)) and not by_row(build(text, options=DENSE))
    compare(text, dtype=dtype)


@pytest.mark.parametrize("optimizer", MOVING)
def test_what_moves_untouched_rows_is_updated_densely(optimizer: str) -> None:
    text = model_text(optimizer)
    assert not by_row(build(text))
    compare(text, steps=4)


@pytest.mark.parametrize("table", [", embeddings_regularizer=l2(0.1)", ", trainable=False"])
def test_penalized_and_frozen_tables_stay_dense(table: str) -> None:
    text = model_text("rmsprop(0.01)", table)
    assert not by_row(build(text))
    compare(text, steps=4)


def test_a_small_table_is_updated_with_everything_else() -> None:
    small = model_text("rmsprop").replace(f"{WORDS}, {FEATURES}", f"{LEAST // FEATURES}, {FEATURES}")
    assert not by_row(build(small))


SHARED = {
    "two calls": ("x = Flatten()(Concatenate()([words(ids), words(more)]))", 2),
    "one gradient for two calls": ("x = Flatten()(Add()([words(ids), words(more)]))", 2),
    "two tables, one gradient": (
        f"x = Flatten()(Add()([words(ids), Embedding({WORDS + 1}, {FEATURES})(more)]))",
        2,
    ),
    "three calls of the same ids": ("x = Flatten()(Concatenate()([words(ids), words(ids), words(ids)]))", 1),
    "a step at a time": (
        "x = Flatten()(TimeDistributed(words)(Reshape((2, 3))(ids)))",
        1,
    ),
    "called with what is read again": ("e = words(ids)\nx = Flatten()(Concatenate()([e, tanh(e), e * e]))", 1),
    "a frozen table beside it": (
        f"x = Flatten()(Add()([words(ids), Embedding({WORDS}, {FEATURES}, trainable=False)(ids)]))",
        1,
    ),
}


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("optimizer", ["rmsprop(0.01)", "sgd(0.5)"])
def test_all_calls_of_a_table_count(name: str, optimizer: str) -> None:
    body, inputs = SHARED[name]
    text = model_text(optimizer, body=body, inputs="[ids, more]" if inputs == 2 else "ids")
    module = build(text)
    assert by_row(module)
    proof.check_gradients(module)
    compare(text, inputs, steps=8)


@pytest.mark.parametrize("name", SHARED)
def test_no_other_pass_is_needed(name: str) -> None:
    body, inputs = SHARED[name]
    text = model_text("rmsprop(0.01)", body=body, inputs="[ids, more]" if inputs == 2 else "ids")
    alone = build(text, options=replace(QUICK, passes=frozenset({"rows"})))
    assert by_row(alone)
    model, other = alone.Model(1, np.float64), build(text).Model(1, np.float64)
    for x, y in batches(3, inputs):
        losses = [each.train_on_batch(x, y)["loss"] for each in (model, other)]
        np.testing.assert_allclose(*losses, rtol=1e-9)
    for label, value in model.weights.items():
        np.testing.assert_allclose(value, other.weights[label], rtol=1e-9, atol=1e-12, err_msg=label)


def test_a_float_input_may_have_the_same_gradient() -> None:
    """The gradient of the sum is that of the rows, which are summed in its memory, and that of the input."""
    text = f"""
ids = Input(6, int32)
shift = Input((6, {FEATURES}))
x = Add()([Embedding({WORDS}, {FEATURES})(ids), shift])
y = Dense(2, tanh)(x * x)
model = Model([ids, shift], y)
model.compile(optimizer=rmsprop, loss=mse)
"""
    module = build(text)
    assert by_row(module)
    proof.check_gradients(module)


@pytest.mark.parametrize("optimizer", ["rmsprop(0.01)", "adagrad(0.05)"])
def test_masked_steps_leave_their_rows_alone(optimizer: str) -> None:
    text = model_text(optimizer, ", mask_zero=True", "x = words(ids)")
    assert by_row(build(text))
    compare(text, per_step=True)
    compare(model_text(optimizer, ", mask_zero=True", "x = LSTM(4)(words(ids))"))


def test_a_model_of_nothing_but_a_table() -> None:
    text = f"""
ids = Input(6, int32)
y = Embedding({WORDS}, {FEATURES})(ids)
model = Model(ids, y)
model.compile(optimizer=rmsprop(0.1), loss=mse)
"""
    module = build(text)
    assert by_row(module)
    proof.check_gradients(module)
    model, dense = module.Model(), build(text, options=DENSE).Model()
    for x, _ in batches(3):
        targets = np.zeros((8, 6, FEATURES))
        assert model.train_on_batch(x, targets) == dense.train_on_batch(x, targets)
    np.testing.assert_allclose(model.weights["y/embeddings"], dense.weights["y/embeddings"], rtol=1e-6, atol=1e-8)


@pytest.fixture(scope="module")
def trained() -> ModuleType:
    return build(model_text("rmsprop(0.01, centered=True)"))


def test_rows_that_no_batch_held_keep_every_bit(trained: ModuleType) -> None:
    model, fresh = trained.Model(), trained.Model()
    for x, y in batches(5):
        model.train_on_batch(x, y)
    np.testing.assert_array_equal(model.weights["words/embeddings"][600:], fresh.weights["words/embeddings"][600:])
    assert not np.array_equal(model.weights["words/embeddings"][:600], fresh.weights["words/embeddings"][:600])


def test_gradients_are_given_as_dense_arrays(trained: ModuleType) -> None:
    model = trained.Model(dtype=np.float64)
    dense = build(model_text("rmsprop(0.01, centered=True)"), options=DENSE).Model(dtype=np.float64)
    (x, y), *_ = batches(1)
    (_, ours), (_, theirs) = (each.loss_and_grads(x, y) for each in (model, dense))
    assert list(ours) == list(theirs) == list(model.weights)
    for name, value in ours.items():
        assert value.shape == model.weights[name].shape
        np.testing.assert_allclose(value, theirs[name], rtol=1e-12, atol=1e-15)
    assert trained.check() < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_goes_on_bit_for_bit_after_saving(trained: ModuleType, tmp_path: Path, dtype: type) -> None:
    first, later = batches(12)[:5], batches(12)[5:]
    model = trained.Model(3, dtype)
    for x, y in first:
        model.train_on_batch(x, y)
    model.save(tmp_path / "model.npz")
    other = trained.Model.load(tmp_path / "model.npz")
    for x, y in later:
        assert len(model.slots) == len(other.slots)  # looking at them changes nothing
        assert model.train_on_batch(x, y) == other.train_on_batch(x, y)
    np.testing.assert_array_equal(model.state, other.state)
    x, y = (
        [np.concatenate(each) for each in zip(*(x for x, _ in first), strict=True)],
        np.concatenate([y for _, y in first]),
    )
    assert model.fit(x, y, epochs=2, batch_size=7, verbose=0) == other.fit(x, y, epochs=2, batch_size=7, verbose=0)
    for name in model._saved():
        np.testing.assert_array_equal(model._saved()[name], other._saved()[name], err_msg=name)


def test_a_file_without_what_the_rows_missed_is_refused(trained: ModuleType, tmp_path: Path) -> None:
    saved = trained.Model()._saved()
    np.savez(tmp_path / "model.npz", **{name: array for name, array in saved.items() if name != "last"})
    with pytest.raises(ValueError, match="last is missing"):
        trained.Model.load(tmp_path / "model.npz")


def test_a_loss_that_is_not_finite_brings_back_what_rows_missed(trained: ModuleType) -> None:
    model, twin = trained.Model(2), trained.Model(2)
    parts = batches(6)
    for x, y in parts[:3]:
        model.train_on_batch(x, y)
        twin.train_on_batch(x, y)
    x, y = [np.concatenate([x[0] for x, _ in parts[3:5]])], np.concatenate([y for _, y in parts[3:5]])
    y[-1] = 3e38  # whose square is too large
    with pytest.raises(ValueError, match="step 2"):
        model.fit(x, y, epochs=1, batch_size=8, shuffle=False, verbose=0)
    assert model.step == twin.step
    for name, array in twin._state_arrays().items():
        np.testing.assert_array_equal(model._state_arrays()[name], array, err_msg=name)
    assert model.train_on_batch(*parts[5]) == twin.train_on_batch(*parts[5])
    np.testing.assert_array_equal(model.state, twin.state)


def test_the_largest_system_with_fewer_words_keeps_step_with_keras() -> None:
    """Four steps of float64 on batches of ids of which most come again after some steps."""
    text = POSTS_WEIGHTED.replace("50000", "1500")
    theirs, module = in_keras(text, "float64"), build(text)
    assert by_row(module)
    ours = module.Model(0, np.float64)
    variables = in_our_order(theirs.weights, ours.weights)
    for value, variable in zip(ours.weights.values(), variables, strict=True):
        value[...] = np.asarray(variable)
    bounds = {"rtol": 1e-8, "atol": 1e-9}
    for step in range(4):
        rng = np.random.default_rng(400 + step)
        ids = rng.integers(0, 1500, (2, 269), dtype=np.int32)
        targets = [rng.normal(size=(2, 1)), one_hot(rng, (2,), 10), rng.integers(0, 2, (2, 1)) * 1.0]
        expected = theirs.train_on_batch(ids, targets, return_dict=True)
        np.testing.assert_allclose(ours.train_on_batch(ids, targets)["loss"], expected["loss"], **bounds)
        theirs.reset_metrics()
    velocities = in_our_order([v for v in theirs.optimizer.variables if "velocity" in v.name], ours.weights)
    for found, wanted in ((ours.weights, variables), (ours.slots, velocities)):
        for (name, value), variable in zip(found.items(), wanted, strict=True):
            np.testing.assert_allclose(value, np.asarray(variable), **bounds, err_msg=name)


# ------------------------------------------------------------------------------------------------------- the kernels

IDS: dict[str, Any] = {
    "random": lambda rng: rng.integers(0, 300, (20, 40)),
    "all alike": lambda rng: np.full((3, 700), 5),
    "like words": lambda rng: np.minimum(rng.zipf(1.3, 4000), 2000),
    "beyond 16 bits": lambda rng: rng.choice([3, 65539, 70000, 1 << 20, 4, 131075], 500),
    "of few bits": lambda rng: rng.integers(0, 100, 500).astype(np.uint8),
    "many distinct, each twice": lambda rng: rng.permutation(np.repeat(np.arange(1500), 2)),
    "one": lambda rng: np.array([7]),
}


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_summed_by_id(name: str, dtype: type) -> None:
    rng = np.random.default_rng(1)
    ids = IDS[name](rng)
    rows = rng.normal(size=(*ids.shape, 5)).astype(dtype)
    expected: dict[int, np.ndarray] = {}
    for place, row in zip(ids.reshape(-1).tolist(), rows.reshape(-1, 5).astype(np.float64), strict=True):
        expected[place] = expected.get(place, 0) + row
    distinct, sums = sum_by_id(rows, ids)
    assert distinct.tolist() == list(expected)
    assert sums.dtype == dtype
    assert np.shares_memory(sums, rows)
    bounds = {"rtol": 1e-12, "atol": 1e-12} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(sums, list(expected.values()), **bounds)


def test_rows_of_distinct_ids_stay_as_they_are() -> None:
    rng = np.random.default_rng(1)
    ids, rows = rng.permutation(900), rng.normal(size=(900, 5))
    before = rows.copy()
    distinct, sums = sum_by_id(rows, ids)
    np.testing.assert_array_equal(distinct, ids)
    np.testing.assert_array_equal(sums, before)


def test_no_rows_give_no_ids() -> None:
    ids, rows = sum_by_id(np.empty((0, 4, 5)), np.empty((0, 4), np.int32))
    assert ids.shape == (0,)
    assert rows.shape == (0, 5)


def test_joined_rows_are_those_of_all_calls() -> None:
    rng = np.random.default_rng(2)
    table = np.zeros((30, 5))
    pairs = [sum_by_id(rng.normal(size=(50, 5)), rng.integers(0, 30, 50)) for _ in range(3)]
    expected = sum(as_dense(pair, table) for pair in pairs)
    np.testing.assert_allclose(as_dense(sum_all_by_id(tuple(pairs)), table), expected, rtol=1e-12)
