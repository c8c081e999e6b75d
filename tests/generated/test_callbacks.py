"""Callbacks see each epoch and can stop; what cannot be called as one is refused before training."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import DIGITS, PIXELS, X, Y
from tests.samples import sample

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.filterwarnings("default:__array__:DeprecationWarning")]


class Watcher:
    """As a callback of Keras is; it stops after `last` epochs."""

    def __init__(self, last: int = 9) -> None:
        self.last, self.calls, self.model = last, list[tuple[str, Any]](), None

    def set_model(self, model: Any) -> None:
        self.model = model

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(("epoch begins", epoch))

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.calls.append(("batch ends", (batch, logs["loss"])))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.calls.append(("epoch ends", logs["loss"]))
        self.model.stop_training = epoch + 1 == self.last  # type: ignore[attr-defined]  # it is a model by now

    def on_train_end(self, logs: dict[str, float]) -> None:
        self.calls.append(("training ends", logs["loss"]))


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
        *(Watcher, [Watcher], object(), [object()]),
    ],
)
def test_what_cannot_be_called_as_a_callback_is_refused_before_training(credit: ModuleType, wrong: Any) -> None:
    model = credit.Model()
    with pytest.raises(
        ValueError, match=r"^callbacks: expected functions f\(epoch, logs, model\), or objects .*, got "
    ):
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


def test_answers_of_callbacks_may_be_anything() -> None:
    model = sample("digits").Model()
    answers: list[Any] = [np.zeros(3), {"stop": 1}, ["stop"], None, True]
    callbacks = [lambda *_, answer=answer: answer for answer in answers]
    assert len(model.fit(PIXELS, DIGITS, epochs=2, callbacks=callbacks, verbose=0)["loss"]) == 2
    assert len(model.fit(PIXELS, DIGITS, epochs=2, callbacks=None, verbose=0)["loss"]) == 2


def test_the_methods_of_an_object_are_called_in_their_turn(credit: ModuleType) -> None:
    model, watcher = credit.Model(), Watcher(last=2)
    history = model.fit(X, Y, epochs=5, batch_size=40, callbacks=[watcher, lambda *_: None], verbose=0)
    assert watcher.model is model
    assert [what for what, _ in watcher.calls[:4]] == ["epoch begins", "batch ends", "batch ends", "epoch ends"]
    assert [each for what, each in watcher.calls if what == "epoch ends"] == history.history["loss"]
    assert watcher.calls[2][1] == (1, history["loss"][0])  # of the batches so far
    assert watcher.calls[-1] == ("training ends", history["loss"][1])
    assert len(history["loss"]) == 2


def test_callbacks_of_keras_work_as_they_are(credit: ModuleType) -> None:
    import keras

    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=1.0, restore_best_weights=True)
    slower = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1.0)
    model, once = credit.Model(), credit.Model()
    history = model.fit(X, Y, epochs=9, callbacks=[slower, stop], verbose=0)
    once.fit(X, Y, epochs=1, verbose=0)
    assert len(history["loss"]) == 2
    assert np.isclose(model.learning_rate, 0.0005)
    assert all(map(np.array_equal, model.get_weights(), once.get_weights()))
