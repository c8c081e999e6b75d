"""Training: a step is what its parts say, an epoch is its batches, and a seed decides all that is random."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import (
    AMOUNT,
    DEFAULT,
    DIGITS,
    MARKS,
    PEOPLE,
    PIXELS,
    POSTS,
    SCORES,
    TAG_IDS,
    TRAINED_SAMPLES,
    X,
    Y,
    copies,
    data_of,
    same,
)
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")


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


def test_the_logs_of_a_step_are_those_before_it() -> None:
    model = sample("people").Model(dtype=np.float64)
    assert model.train_on_batch(POSTS, PEOPLE) == pytest.approx(
        sample("people").Model(dtype=np.float64).evaluate(POSTS, PEOPLE, 40)
    )
    assert model.step == 1


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


def test_shuffling_takes_the_seed() -> None:
    models = [sample("digits").Model(seed) for seed in (1, 1, 2)]
    histories = [model.fit(PIXELS, DIGITS, epochs=2, verbose=0) for model in models]
    assert histories[0] == histories[1] != histories[2]


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


def test_statistics_move_in_training_alone(tags: ModuleType) -> None:
    model = tags.Model()
    data = [MARKS, SCORES], TAG_IDS
    for call in (model.loss_and_grads, model.evaluate):
        call(*data)
        assert not model.weights["norm/moving_mean"].any()
    model.train_on_batch(*data)
    assert model.weights["norm/moving_mean"].any()


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
