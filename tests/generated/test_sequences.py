"""Sequences of data that decides their length: what is refused, and that nothing is left from lengths met before."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np
import pytest

from tests.building import build, rows_of

TAGGER = """
words = Input("length", int32)
marks = Input("length", 3)
counts = Input("length", bool)
x = Embedding(20, 4, mask_zero=True)(words)
x = Concatenate()([x, LSTM(3, return_sequences=True)(marks, mask=counts)])
x = Conv1D(5, 4, relu)(x)
tags = Dense(3, softmax)(LSTM(4, return_sequences=True)(x))
model = Model([words, marks, counts], tags)
model.compile(adam(0.01), sparse_categorical_crossentropy, metrics=[accuracy])
"""


@cache
def tagger() -> ModuleType:
    return build(TAGGER, "tagger.nn")


def data(rows: int, length: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 20, (rows, length), dtype=np.int32)
    return [words, rng.normal(size=(rows, length, 3)).astype(np.float32), rng.random((rows, length)) < 0.7]


WRONG = {
    "an id beyond the vocabulary": (0, np.full((2, 9), 20), r"input words: .*got 20, which is not in 0 to 19"),
    "an id below zero": (0, np.full((2, 9), -1), r"input words: .*got -1, which is not in 0 to 19"),
    "numbers for ids": (0, np.full((2, 9), 0.5), r"input words: expected int32 .*got float64"),
    "ids of a wrong rank": (0, np.zeros((2, 9, 2), int), r"input words: .*got int64 of shape \(2, 9, 2\)"),
    "ragged ids, as objects": (
        0,
        np.array([[1, 2, 3, 4], [1, 2]], object),
        r"input words: .*rows of different lengths",
    ),
    "ragged ids": (0, [[1, 2, 3, 4], [1, 2]], r"input words: .*rows of different lengths: pad them to one length"),
    "another length than the other inputs": (1, np.zeros((2, 8, 3)), r"input marks: .*length"),
    "another number of rows": (1, np.zeros((3, 9, 3)), r"input marks: .*3 rows, but words has 2"),
    "a mask of another length": (2, np.ones((2, 8), bool), r"input counts: .*length"),
    "a mask with features": (2, np.ones((2, 9, 3), bool), r"input counts: expected bool .*got bool of shape"),
    "a mask of numbers": (2, np.full((2, 9), 2.0), r"input counts: expected bool .*got float64"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_refused_by_name(what: str) -> None:
    place, value, message = WRONG[what]
    inputs: list[object] = list(data(2, 9))
    inputs[place] = value
    with pytest.raises(ValueError, match=message):
        tagger().Model().predict(inputs)


LOOKED_UP = {
    "after a slice": ("ids = Input(2, int32)", "Embedding(50, 2)(ids[:, 0]) + Embedding(9, 2)(ids[:, 1])", [40, 9]),
    "after two": ("ids = Input(4, 3, int32)", "Embedding(9, 2)(ids[:, :2][:, :, 1])", [[99, 9, 99]] * 4),
    "after Reshape": ("ids = Input(4, int32)", "Embedding(9, 2)(Reshape((2, 2))(ids))", [1, 2, 3, 9]),
    "on every step": (
        "ids = Input(3, 2, int32)\nstep = Input(2, int32)\n"
        "model_of_step = Model(step, Embedding(50, 2)(step[:, 0]) + Embedding(9, 2)(step[:, 1]))",
        "TimeDistributed(model_of_step)(ids)",
        [[40, 0], [40, 9], [40, 0]],
    ),
}


@pytest.mark.parametrize("name", LOOKED_UP)
def test_ids_are_held_to_the_table_that_they_reach(name: str) -> None:
    inputs, call, wrong = LOOKED_UP[name]
    module = build(f"{inputs}\ny = {call}\nmodel = Model(ids, y)\nmodel.compile(sgd, mse)\n")
    right = np.where(np.array([wrong]) == 9, 8, np.array([wrong]))
    assert np.isfinite(module.Model().predict(right)).all()
    with pytest.raises(ValueError, match=r"input ids: .*got 9, which is not in 0 to 8"):
        module.Model().predict(np.array([wrong]))
    model = module.Model()
    model.predict(right.astype(np.int32))
    with pytest.raises(ValueError, match="got 9"):  # after an array of its shape and dtype too
        model.predict(np.array([wrong], np.int32))
    assert module.check() < 1e-6


@pytest.mark.parametrize("length", [1, 3])
def test_a_sequence_too_short_is_refused_with_the_least_length(length: int) -> None:
    with pytest.raises(ValueError, match=r"input words: .*length must be at least 4 for x = Conv1D"):
        tagger().Model().predict(data(2, length))


def test_the_least_length_is_enough() -> None:
    assert tagger().Model().predict(data(2, 4)).shape == (2, 1, 3)


def test_lengths_met_before_leave_nothing_behind() -> None:
    """Batches of changing sizes give what each gives to a model that has met no other."""
    model = tagger().Model(1)
    sizes = [(3, 9), (2, 12), (5, 4), (3, 9), (1, 30), (2, 12), (5, 4)]
    for seed, (rows, length) in enumerate(sizes):
        inputs = data(rows, length, seed)
        np.testing.assert_array_equal(model.predict(inputs), tagger().Model(1).predict(inputs))
    for seed, (rows, length) in enumerate(sizes):
        inputs = data(rows, length, seed)
        targets = np.random.default_rng(seed).integers(0, 3, (rows, length - 3))
        losses, gradients = model.loss_and_grads(inputs, targets)
        fresh_losses, fresh_gradients = tagger().Model(1).loss_and_grads(inputs, targets)
        assert losses == fresh_losses
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(gradient, fresh_gradients[name], err_msg=name)


def test_padding_changes_no_prediction() -> None:
    """A masked encoder gives the same for a text and for the same text with padding behind it."""
    module = build("""
words = Input("length", int32)
x = Embedding(20, 4, mask_zero=True)(words)
y = Dense(2)(Bidirectional(GRU(3))(x))
model = Model(words, y)
""")
    words = np.random.default_rng(0).integers(1, 20, (3, 6), dtype=np.int32)
    padded = np.concatenate([words, np.zeros((3, 5), np.int32)], axis=1)
    model = module.Model(1, np.float64)
    np.testing.assert_allclose(model.predict(padded), model.predict(words), rtol=1e-12)


def test_a_step_that_the_mask_leaves_out_has_no_gradient() -> None:
    module = build("""
x = Input(5, 2)
counts = Input(5, bool)
y = Dense(1)(LSTM(3)(x, mask=counts))
model = Model([x, counts], y)
model.compile(sgd, mse)
""")
    model = module.Model(1, np.float64)
    rng = np.random.default_rng(0)
    x, counts = rng.normal(size=(4, 5, 2)), np.array([[1, 1, 0, 1, 0]] * 4, bool)
    before = model.loss_and_grads([x, counts], np.ones((4, 1)))
    x[:, [2, 4]] = 7.0
    after = model.loss_and_grads([x, counts], np.ones((4, 1)))
    assert before[0] == after[0]
    for name, gradient in before[1].items():
        np.testing.assert_array_equal(gradient, after[1][name], err_msg=name)


def test_a_layer_called_on_different_lengths_sums_its_gradients() -> None:
    """One set of weights; the gradient is that of both calls together, as central differences see it."""
    module = build("""
a = Input(None, 3)
b = Input(None, 3)
encoder = LSTM(4)
difference = encoder(a) - encoder(b)
same = Dense(1, sigmoid)(difference)
model = Model([a, b], same)
model.compile(sgd(0.1), binary_crossentropy)
""")
    assert [name for name in module.Model().weights if name.startswith("encoder/")] == [
        "encoder/kernel", "encoder/recurrent_kernel", "encoder/bias",
    ]  # fmt: skip
    assert module.check() < 1e-6
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(6, 4, 3)), rng.normal(size=(6, 7, 3))]
    assert rows_of(module.Model().predict(inputs))[0].shape == (6, 1)
