"""Losses, metrics and penalties that a file computes itself: their targets, their messages, what `fit` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.diagnostics import Diagnostic, Source
from tests import proof
from tests.building import build

HEAD = "import keras\nfrom keras import layers, ops\n"


def model_of(body: str, units: int = 3, activation: str = "softmax", arguments: str = "loss=own") -> str:
    """A model of one output with a loss `own` that has this body."""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return (
        f"{HEAD}def own(y_true, y_pred):\n{lines}"
        f"inputs = keras.Input((5,), name='inputs')\n"
        f"answer = layers.Dense({units}, activation='{activation}', name='answer')(inputs)\n"
        f"model = keras.Model(inputs, answer)\nmodel.compile(keras.optimizers.SGD(0.1), {arguments})\n"
    )


def problems(text: str) -> list[Diagnostic]:
    return compiler.check(Source("model.nn", text)).in_source_order()


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ("return ops.mean(ops.square(y_true - y_pred))", (3,)),
        ("return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)", ()),
        ("hot = ops.one_hot(ops.cast(y_true, 'int32'), 3)\nreturn ops.sum(hot * y_pred, axis=-1)", ()),
        ("mean, scale = y_pred[:, 0:2], y_pred[:, 2:3]\nreturn ops.square(y_true - mean) * scale", (1,)),
    ],
    ids=["the output", "ids for a loss", "ids made whole", "one number"],
)
def test_targets_have_the_first_shape_that_the_function_takes(body: str, shape: tuple[int, ...]) -> None:
    module = build(model_of(body))
    rows = np.zeros((4, *shape), int if shape == () else float)
    assert np.isfinite(module.Model().evaluate(np.ones((4, 5)), rows)["loss"])
    with pytest.raises(ValueError, match="target answer"):
        module.Model().evaluate(np.ones((4, 5)), np.zeros((4, 7)))
    proof.check_gradients(module)


def test_ids_out_of_range_are_refused() -> None:
    module = build(model_of("return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)"))
    with pytest.raises(ValueError, match="target answer"):
        module.Model().evaluate(np.ones((2, 5)), np.array([0, 3]))


def test_a_function_that_takes_no_shape_is_reported_for_that_of_the_output() -> None:
    (problem,) = problems(model_of("return ops.mean(y_true[:, 0:2] - y_pred)"))
    assert (problem.code, problem.message) == ("shape-mismatch", "`-` expects tensors of one shape, got (2,) and (3,)")
    assert any("it is called on the output `answer`: (batch, 3)" in note.message for note in problem.notes)


def test_a_metric_with_a_state_says_what_to_write() -> None:
    text = model_of("return ops.mean(y_true - y_pred)", arguments="loss='mse', metrics=[M()]")
    text = text.replace(
        "def own", "class M(keras.metrics.Metric):\n    def update_state(self, t, p):\n        pass\ndef own"
    )
    (problem,) = [each for each in problems(text) if each.severity == "error"]
    assert problem.code == "unsupported-call" and "write a function" in (problem.hint or "")


def test_a_model_without_targets_is_trained_on_inputs_alone() -> None:
    text = (
        f"{HEAD}class Small(layers.Layer):\n    def call(self, x):\n"
        "        self.add_loss(ops.mean(ops.square(x)))\n        return x\n"
        "inputs = keras.Input((5,))\nanswer = Small()(layers.Dense(3)(inputs))\n"
        "model = keras.Model(inputs, answer)\nmodel.compile(keras.optimizers.SGD(0.1))\n"
    )
    model: Any = build(text).Model()
    x = np.random.default_rng(0).normal(size=(20, 5))
    history = model.fit(x, epochs=3, verbose=0)
    assert history["loss"][2] < history["loss"][0]
    assert model.evaluate(x)["loss"] < history["loss"][2]
    with pytest.raises(ValueError, match="no targets"):
        model.fit(x, x, verbose=0)


def test_other_metrics_see_the_prediction_as_it_was() -> None:
    arguments = "loss=own, metrics=[own, 'mae']"
    module = build(model_of("return ops.abs(ops.exp(y_true - y_pred))", activation="linear", arguments=arguments))
    model = module.Model(0, np.float64)
    x, y = np.random.default_rng(1).normal(size=(2, 6, 5))
    y = y[:, :3]
    scores = model.evaluate(x, y)
    error = y - model.predict(x)
    assert scores["mae"] == pytest.approx(np.abs(error).mean())
    assert scores["own"] == scores["loss"] == pytest.approx(np.exp(error).mean())


def test_a_sum_is_no_mean() -> None:
    text = model_of("return 0.0", arguments="loss=Summed(reduction='sum')").replace(
        "def own(y_true, y_pred):\n    return 0.0\n",
        "class Summed(keras.losses.Loss):\n    def call(self, y_true, y_pred):\n"
        "        return ops.sum(ops.square(y_true - y_pred), axis=-1)\n",
    )
    model = build(text).Model(0, np.float64)
    x, y = np.random.default_rng(1).normal(size=(6, 5)), np.random.default_rng(2).normal(size=(6, 3))
    weights = np.arange(6.0)
    expected = (weights * np.square(y - model.predict(x)).sum(axis=1)).sum()
    assert model.evaluate(x, y, sample_weight=weights)["loss"] == pytest.approx(expected)


CODES = """\
x = keras.Input((5,), name="x")
code = layers.Dense(2, name="code")(x)
"""
DECODER = """\
y = layers.Dense(5, activation="sigmoid", name="y")(code)
loss = ops.mean(ops.square(x - y)) * 3 + ops.mean(ops.square(code))
model = keras.Model(x, y)
"""
IN_A_LAYER = """\
class Judged(layers.Layer):
    def call(self, x, code):
        self.add_loss(ops.mean(ops.square(code)))
        return code
y = layers.Dense(5, activation="sigmoid", name="y")(Judged()(x, code))
class Compared(layers.Layer):
    def call(self, x, y):
        self.add_loss(ops.mean(ops.square(x - y)) * 3)
        return y
model = keras.Model(x, Compared()(x, y))
"""


@pytest.mark.parametrize("said", ["", ", loss=None", ", loss='mse'"])
def test_a_functional_model_takes_losses_of_its_tensors_as_layers_do(said: str) -> None:
    compiled = f"model.compile(keras.optimizers.SGD(0.1){said})\n"
    own = build(f"{HEAD}{CODES}{DECODER}model.add_loss(loss)\n{compiled}")
    layered = build(f"{HEAD}{CODES}{IN_A_LAYER}{compiled}")
    rng = np.random.default_rng(0)
    models = [own.Model(0, np.float64), layered.Model(0, np.float64)]
    for model in models:
        for place, weights in enumerate(model.weights.values()):
            weights[...] = np.random.default_rng(place).normal(size=weights.shape)
    for _ in range(3):
        rows = rng.normal(size=(4, 5))
        figures = [model.train_on_batch(rows, rows if "mse" in said else None)["loss"] for model in models]
        assert np.isclose(*figures, rtol=1e-12)
    proof.check_gradients(own)


def test_a_loss_is_that_of_the_model_it_is_added_to() -> None:
    both = f"{HEAD}{CODES}{DECODER}other = keras.Model(x, [code, y])\nmodel.add_loss(loss)\n"
    (problem,) = problems(f"{both}other.compile('sgd')\n")
    assert problem.code == "missing-loss"
