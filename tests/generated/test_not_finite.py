"""Numbers that are not finite stop training, and the last good weights stay, in the model and in files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.building import build
from tests.generated.common import AMOUNT, DEFAULT, MARKS, SCORES, TAG_IDS, X, Y, copies, same

pytestmark = pytest.mark.filterwarnings("error")


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

    steps = []

    def spoil(p: Any, *rest: Any) -> None:
        update(p, *rest)
        steps.append(p)
        if len(steps) == 3:
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
