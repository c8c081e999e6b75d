"""`adapt` finds the mean and the variance of each Normalization of an input, before training."""

from __future__ import annotations

import numpy as np

from tests.building import build


def test_adapt_finds_the_mean_and_the_variance_of_the_inputs() -> None:
    text = """\
x = Input(4, 3)
z = Input(6)
h = Normalization(name="h")(x)
k = Normalization(axis=None, name="k")(z)
y = Dense(2)(Concatenate()([Flatten()(h), k]))

model = Model([x, z], y)
model.compile(optimizer=sgd(0.1), loss=mse)
"""
    model = build(text).Model(0, np.float64)
    rng = np.random.default_rng(0)
    x, z = rng.normal(3.0, 2.0, (2500, 4, 3)), rng.normal(1000.0, 0.5, (2500, 6))
    model.adapt([x, z])
    for name, values, axes in (("h", x, (0, 1)), ("k", z, None)):
        np.testing.assert_allclose(model.weights[f"{name}/mean"], values.mean(axis=axes), rtol=1e-12)
        np.testing.assert_allclose(model.weights[f"{name}/variance"], values.var(axis=axes), rtol=1e-10)


def test_a_model_that_learns_nothing_so_has_no_adapt() -> None:
    assert not hasattr(build("x = Input(3)\ny = Dense(1)(x)\nmodel = Model(x, y)\n").Model, "adapt")
