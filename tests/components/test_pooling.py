"""Pooling: the first of equal numbers gets the gradient, as in Keras; what is too short for a window is refused."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from gen import compiler
from gen.components.layers import pooling
from gen.diagnostics import Diagnostics, Source
from tests.building import QUICK, load, sample

LAYERS = [
    (rank, size, strides, padding)
    for rank in (1, 2, 3)
    for size in (2, 3)
    for strides in (None, 1, 2, 4)
    for padding in ("valid", "same")
]


@pytest.mark.parametrize(("rank", "size", "strides", "padding"), sample(LAYERS, 3))
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_among_equal_numbers_gradients_are_those_of_keras(
    kind: str, rank: int, size: int, strides: int | None, padding: Any
) -> None:
    layer = getattr(pooling, f"{kind}Pooling{rank}D")(size, strides, padding)
    x = np.random.default_rng(1).integers(0, 3, (3, *(7, 5, 6)[:rank], 2)).astype(float)
    twin = getattr(keras.layers, f"{kind}Pooling{rank}D")(size, strides, padding, dtype="float64")
    expected, gradient = jax.vjp(twin, jnp.asarray(x))
    y = layer.forward(x)
    dy = np.random.default_rng(2).normal(size=y.shape)
    kept = {"y": y} if kind == "Max" else {}
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    np.testing.assert_allclose(layer.backward(dy, x=x, **kept), gradient(jnp.asarray(dy))[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("keepdims", [False, True])
def test_the_first_of_equal_numbers_is_the_greatest_of_its_channel(keepdims: bool) -> None:
    layer = pooling.GlobalMaxPooling2D(keepdims=keepdims)
    x = np.zeros((2, 3, 4, 2))
    x[1, 2, 1, 0] = 1.0
    y = layer.forward(x)
    dx = layer.backward(np.full_like(y, 5.0), x, y)
    assert [tuple(place) for place in np.argwhere(dx)] == [(0, 0, 0, 0), (0, 0, 0, 1), (1, 0, 0, 1), (1, 2, 1, 0)]
    assert dx.sum() == 20.0


@pytest.mark.parametrize(
    ("call", "least"), [("MaxPooling1D(5, strides=2)", 5), ("Cropping1D((1, 2))", 4), ("AvgPool1D(3)", 3)]
)
def test_data_that_are_too_short_are_refused_with_the_least_length(call: str, least: int) -> None:
    source = Source("model.nn", f"x = Input(None, 3)\ny = {call}(x)\nmodel = Model(x, y)\n")
    graph = compiler.understand(source, Diagnostics())
    assert graph is not None
    model = load(compiler.generate(graph, "model.nn", QUICK), f"short_{least}").Model(1)
    assert model.predict(np.zeros((2, least, 3), np.float32)).shape == (2, 1, 3)
    with pytest.raises(ValueError, match=f"input x: .* at least {least} for"):
        model.predict(np.zeros((2, least - 1, 3), np.float32))


@pytest.mark.parametrize(
    ("shape", "call", "message"),
    [
        ("64", "MaxPooling1D(2)", "MaxPooling1D expects (steps, channels), got (64,)"),
        ("4, 3", "MaxPool1D(5)", "MaxPool1D needs 5 steps or more for its window, got (4, 3)"),
        ("4, 3", "GlobalAvgPool2D()", "GlobalAvgPool2D expects (height, width, channels), got (4, 3)"),
        ("2, 3, 4", "Cropping2D((0, 2))", "Cropping2D with cropping (0, 2) needs 5 columns or more, got (2, 3, 4)"),
        ("2, 3, 4", "MaxPool3D(2)", "MaxPool3D expects (depth, height, width, channels), got (2, 3, 4)"),
        ("4, 2, 3, 4", "MaxPool3D(3)", "MaxPool3D needs 3 or more along each axis for its window, got (4, 2, 3, 4)"),
        (
            "2, 3, 4, 1",
            "Cropping3D((0, 1, 2))",
            "Cropping3D with cropping (0, 1, 2) needs 5 columns or more, got (2, 3, 4, 1)",
        ),
        ("4, 4, 4, 1", "Conv3D(2, (2, 2))", "`kernel_size` takes an integer (at least 1) or a tuple of 3, got (2, 2)"),
        ("4, 4, 4, 1", "Conv3D(2, 2, padding=causal)", "`padding` takes 'valid' or 'same', got `causal`"),
        ("2, 3, 4", "UpSampling2D(interpolation='area')", "`interpolation` takes"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(shape: str, call: str, message: str) -> None:
    found = Diagnostics()
    source = Source("model.nn", f"x = Input({shape})\ny = {call}(x)\nmodel = Model(x, y)\n")
    assert compiler.understand(source, found) is None
    assert message in found.items[0].message
