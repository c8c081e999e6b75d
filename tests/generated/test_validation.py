"""Validation and evaluation: which rows are held out, and that scores are those of inference, as in Keras."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests import keras_twin
from tests.building import CASES, PROVE, case_graph, case_module, random_inputs, random_targets
from tests.generated.common import AMOUNT, DEFAULT, DIGITS, MARKS, PIXELS, SCORES, TAG_IDS, X, Y
from tests.proof import compare_logs, perturb
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(7)


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


@pytest.mark.parametrize("share", [-0.5, 0.999, 1.0, 2.0, float("nan")])
def test_a_split_that_leaves_nothing_is_refused(credit: ModuleType, share: float) -> None:
    with pytest.raises(ValueError, match="validation_split"):
        credit.Model().fit(X, Y, validation_split=share, verbose=0)


@pytest.mark.parametrize("given", [PIXELS, [PIXELS], {"x": PIXELS}, 5, (1, 2, 3, 4)])
def test_data_for_validation_are_a_pair(given: Any) -> None:
    with pytest.raises(ValueError, match=r"validation_data: expected \(x, y\) or \(x, y, sample_weight\)"):
        sample("digits").Model().fit(PIXELS, DIGITS, validation_data=given, verbose=0)


def test_evaluation_is_in_inference_mode(tags: ModuleType) -> None:
    model = tags.Model(dtype=np.float64)
    random = model.rng.bit_generator.state
    scores = model.evaluate([MARKS, SCORES], TAG_IDS, batch_size=20)
    assert model.rng.bit_generator.state == random
    picked = np.take_along_axis(model.predict([MARKS, SCORES]), TAG_IDS[..., None], axis=-1)
    assert scores["loss"] == pytest.approx(float(-np.log(picked).mean()))


def test_a_regularizer_counts_in_training_and_in_evaluation() -> None:
    model = sample("digits").Model(dtype=np.float64)
    added = 0.01 * float(np.sum(model.weights["dense/kernel"] ** 2))
    probabilities = model.predict(PIXELS)[np.arange(50), DIGITS]
    assert model.evaluate(PIXELS, DIGITS)["loss"] == pytest.approx(float(-np.log(probabilities).mean()) + added)


PASTED = ("add_loss", "own_")
"""Cases of these have no twin; tests/components/test_cases.py compares them as they are pasted, evaluation and all."""
TRAINED = [path for path in CASES if "compile" in path.read_text("utf-8") and not path.stem.startswith(PASTED)]


EVALUATED = [
    path
    for i, path in enumerate(TRAINED)
    if PROVE or i % 32 == 0 or (i % 5 == 0 and ("mask" in path.stem or "dropout" in path.stem))
]


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
