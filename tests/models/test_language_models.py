"""Models that the language allows and nobody thinks of first: each builds, and its gradients are right."""

from __future__ import annotations

import numpy as np
import pytest

from tests.building import build

MODELS = {
    "an activation at the end, and nothing else": """\
        x = Input(3)
        y = leaky_relu(x, 0.3)
        model = Model(x, y)
        model.compile(sgd, hinge)
        """,
    "an activation of what another output is": """\
        x = Input(4)
        h = Dense(3)(x)
        y = tanh(h)
        z = sigmoid(h)
        model = Model(x, y + z)
        model.compile(sgd, mae)
        """,
    "rows that may be weighed, and nothing else": """\
        x = Input(2)
        y = RepeatVector(1)(x)
        model = Model(x, y)
        model.compile(sgd, mse)
        """,
    "an input that is read several times": """\
        x = Input(1, 4, 4, 3)
        z = add([x, x, x])
        h = Dense(1, use_bias=False)(z)
        w = Dense(3, relu)(BatchNormalization()(z))
        model = Model(x, Concatenate()([w, Dense(3)(h), Dense(1)(UnitNormalization()(h))]))
        model.compile(sgd, squared_hinge)
        """,
    "an input in another shape": """\
        x = Input(4)
        y = Reshape((2, 2))(x)
        model = Model(x, y)
        model.compile(sgd, mse)
        """,
    "an input through what does nothing": """\
        x = Input(4)
        y = Activation(linear)(x)
        model = Model(x, y)
        model.compile(sgd, mae, metrics=[mse])
        """,
    "a head on an input": """\
        x = Input(4)
        y = softmax(x)
        model = Model(x, y)
        model.compile(sgd, categorical_crossentropy)
        """,
    "statistics before a head on every step": """\
        x = Input(4, 3)
        y = Dense(3, softmax)(BatchNormalization()(x))
        model = Model(x, y)
        model.compile(sgd, mse, metrics=[mae])
        """,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_builds_with_the_right_gradients(name: str) -> None:
    text = "\n".join(line.strip() for line in MODELS[name].splitlines()) + "\n"
    module = build(text)
    assert module.check() < 1e-6
    (shape,) = (shape for _, shape in module.INPUTS.values())
    (target,) = (shape for _, shape in module.OUTPUTS.values())
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(0.1, 0.9, (8, *sizes[1:])) for sizes in (shape, target))
    model = module.Model(dtype=np.float64)
    before = x.copy()
    predicted = model.predict(x)
    assert np.array_equal(x, before)
    assert predicted.shape == y.shape
    assert set(model.evaluate(x, y)) >= {"loss"}
