"""Rewrites: what moves, what stays where it is, and that numbers do not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gen.compiler import PASSES, rewrite
from gen.components.activations import Relu, Relu6
from gen.components.layers.pooling import GlobalMaxPooling, MaxPooling
from tests.building import QUICK, build, graph_of

COMPILED = "\nmodel.compile(optimizer=sgd(0.1), loss=mse)\n"


def order(body: str) -> list[str]:
    """What comes after what among activations and poolings, once rewritten."""
    kinds = {Relu: "relu", Relu6: "relu", MaxPooling: "pool", GlobalMaxPooling: "pool"}
    found = []
    for node in rewrite(graph_of(body + COMPILED), QUICK).nodes:
        found += [name for kind, name in kinds.items() if isinstance(node.layer.component, kind)]
    return found


@pytest.mark.parametrize(
    "body",
    [
        "x = Input(8, 2)\nh = GlobalMaxPooling1D()(Conv1D(3, 2, relu)(x))\nmodel = Model(x, Dense(1)(h))",
        "x = Input(8, 2)\nh = GlobalMaxPooling1D()(relu6(Conv1D(3, 2)(x)))\nmodel = Model(x, Dense(1)(h))",
        "x = Input(8, 8, 2)\nh = MaxPooling2D()(ReLU(4.0)(Conv2D(3, 2)(x)))\nmodel = Model(x, Dense(1)(Flatten()(h)))",
    ],
)
def test_relu_comes_after_max_pooling(body: str) -> None:
    assert order(body) == ["pool", "relu"]


@pytest.mark.parametrize(
    "body",
    [
        "c = Conv1D(3, 2, relu)(x)\nmodel = Model(x, [Dense(1)(GlobalMaxPooling1D()(c)), Dense(1, name='z')(c)])",
        "c = Conv1D(3, 2, relu)(x)\nmodel = Model(x, [Dense(1)(GlobalMaxPooling1D()(c)), c])",
        "c = ReLU(negative_slope=0.1)(Conv1D(3, 2)(x))\nmodel = Model(x, Dense(1)(GlobalMaxPooling1D()(c)))",
    ],
    ids=["another reader", "an output", "a slope"],
)
def test_relu_stays_before_max_pooling(body: str) -> None:
    assert order(f"x = Input(8, 2)\n{body}") == ["relu", "pool"]


def test_relu_after_max_pooling_gives_the_same_gradients_to_the_last_bit() -> None:
    """Among equal numbers too, and where all of a window are below 0, or above the greatest value."""
    text = "x = Input(12, 3)\nh = MaxPooling1D(3)(ReLU(2.0)(Conv1D(3, 1)(x)))\nmodel = Model(x, Dense(1)(Flatten()(h)))"
    options = replace(QUICK, passes=frozenset(PASSES) - {"pooled"})
    after, before = (build(text + COMPILED, options=each).Model(0) for each in (QUICK, options))
    x = np.random.default_rng(0).integers(-4, 4, (64, 12, 3)).astype(np.float32)
    for model in (after, before):
        model.weights["conv1d/kernel"][...] = np.eye(3)
    y = np.ones((64, 1), np.float32)
    first, second = (model.loss_and_grads(x, y) for model in (after, before))
    assert first[0] == second[0]
    for name, gradient in first[1].items():
        np.testing.assert_array_equal(gradient, second[1][name], err_msg=name)


def test_a_bias_before_a_normalization_is_not_added_by_itself_in_prediction() -> None:
    text = "x = Input(8, 8, 2)\nh = BatchNormalization()(Conv2D(3, 2)(x))\nmodel = Model(x, Dense(1)(Flatten()(h)))"
    made = build(text + COMPILED)
    model = made.Model(0)
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 2)).astype(np.float32)
    before = model.predict(x)
    model.weights["conv2d/bias"] += 1.0  # seen at once, and taken away again by the mean
    assert np.abs(model.predict(x) - before).max() > 1e-3
    model.weights["h/moving_mean"] += 1.0
    np.testing.assert_allclose(model.predict(x), before, rtol=1e-4, atol=1e-5)
