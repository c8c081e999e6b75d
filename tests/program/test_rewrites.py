"""Rewrites: what moves, what stays where it is, and that numbers do not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gen.compiler import PASSES, rewrite
from gen.components.activations import Relu, Relu6
from gen.components.layers.normalization import BatchNormalization, ScaledLayer
from gen.components.layers.pooling import GlobalMaxPooling, MaxPooling
from gen.graph.rewrites.scales import scale_kernels
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


@pytest.mark.parametrize(
    "body",
    [
        "h = BatchNormalization()(Conv2D(3, 2)(x))",
        "h = BatchNormalization(scale=False)(Conv2D(4, 2, strides=2, groups=2, use_bias=False)(x))",
        "h = BatchNormalization(center=False)(Conv2D(3, (1, 2), padding='same', dilation_rate=2)(x))",
        "c = Conv2D(2, 3, padding='same')\nn = BatchNormalization()\nh = n(c(n(c(x))))",
    ],
    ids=["bias", "groups", "dilation", "twice"],
)
def test_a_kernel_is_scaled_instead_of_its_results_in_prediction(body: str) -> None:
    """With the weights of each call, and the same results; training does not change."""
    text = f"x = Input(6, 6, 2)\n{body}\nmodel = Model(x, Dense(1)(Flatten()(h)))" + COMPILED
    nodes = scale_kernels(rewrite(graph_of(text), QUICK)).nodes
    kinds = [type(node.layer.component) for node in nodes]
    assert ScaledLayer in kinds
    assert BatchNormalization not in kinds
    options = replace(QUICK, passes=frozenset(PASSES) - {"scales", "fold"})
    models = [build(text, options=each).Model(0, np.float64) for each in (QUICK, options)]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 6, 6, 2)), rng.normal(size=(5, 1))
    for _ in range(2):
        for model in models:
            model.train_on_batch(x, y)
        first, second = (model.predict(x) for model in models)
        np.testing.assert_allclose(first, second, rtol=1e-12, atol=1e-13)
    for name, value in models[0].weights.items():
        np.testing.assert_array_equal(value, models[1].weights[name], err_msg=name)


@pytest.mark.parametrize(
    "body",
    [
        "c = Conv2D(3, 2)(x)\nmodel = Model(x, [BatchNormalization()(c), c])",
        "c = Conv2D(3, 2)(x)\nmodel = Model(x, BatchNormalization()(c) + c)",
        "model = Model(x, BatchNormalization(axis=1)(Conv2D(3, 2)(x)))",
        "model = Model(x, BatchNormalization()(Conv2D(3, 2, activation=relu)(x)))",
        "model = Model(x, BatchNormalization()(Conv2D(64, 6)(x)))",
    ],
    ids=["an output", "another reader", "another axis", "an activation", "a large kernel"],
)
def test_a_kernel_stays_as_it_is(body: str) -> None:
    graph = rewrite(graph_of(f"x = Input(6, 6, 2)\n{body}" + COMPILED), QUICK)
    assert not any(isinstance(node.layer.component, ScaledLayer) for node in scale_kernels(graph).nodes)
