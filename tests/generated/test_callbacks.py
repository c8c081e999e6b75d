"""Callbacks see each epoch and can stop; what cannot be called as one is refused before training."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import DIGITS, PIXELS, X, Y
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")


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


def test_answers_of_callbacks_may_be_anything() -> None:
    model = sample("digits").Model()
    answers: list[Any] = [np.zeros(3), {"stop": 1}, ["stop"], None, True]
    callbacks = [lambda *_, answer=answer: answer for answer in answers]
    assert len(model.fit(PIXELS, DIGITS, epochs=2, callbacks=callbacks, verbose=0)["loss"]) == 2
    assert len(model.fit(PIXELS, DIGITS, epochs=2, callbacks=None, verbose=0)["loss"]) == 2
