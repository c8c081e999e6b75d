"""Attention as it is written, against Keras on JAX in float64: every combination of options, masks and inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from keras.src import backend

from gen.components.base import Layer, ShapeError
from gen.components.kernels import Array
from gen.components.layers.attention import AdditiveAttention, Attention
from gen.components.layers.multi_head_attention import MultiHeadAttention
from gen.components.rules import definition, names_in
from tests.keras_twin import make
from tests.reference import observe

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-10}
HIDDEN: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}
"""Where all steps are hidden, scores of float64 are rounded to 1e-7: they are lowered by 1e9."""
BATCH = 3
MASKS = {
    "none": None,
    "padded": np.arange(4) < np.array([4, 2, 1])[:, None],
    "full": np.arange(4) < np.array([4, 2, 0])[:, None],
}


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def arguments(rule: Callable[..., Any], found: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What to call a rule with, by position and by name."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in inspect.signature(rule).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += found["inputs"]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = found.get(parameter.name)
        else:
            positional.append(found.get(parameter.name))
    return positional, named


def run(layer: Any, found: dict[str, Any], dy: Array) -> tuple[Array, dict[str, Any]]:
    """What a layer gives, and the gradients by name."""
    positional, named = arguments(layer.forward, found)
    y, values = observe(layer.forward, *positional, **named)
    positional, named = arguments(layer.predict, found)
    if "rng" not in found:
        np.testing.assert_array_equal(layer.predict(*positional, **named), y)
    positional, named = arguments(layer.backward, {**values, **found, "y": y, "dy": dy})
    statement: Any = definition(layer.backward.__func__).body[-1]
    return y, dict(zip(names_in(statement.value), layer.backward(*positional, **named), strict=True))


def compare(layer: Layer, inputs: list[Any], masks: list[Any], close: dict[str, Any], **options: Any) -> None:
    """Outputs and gradients of `layer` are those of its twin; `inputs` are None for those that are not given."""
    given = [x for x in inputs if x is not None]
    shapes = [None if x is None else x.shape for x in inputs] if not layer.merges else [x.shape for x in given]
    made = layer.weights(*shapes)
    weights = {name: normal(*weight.shape, seed=9 + i) for i, (name, weight) in enumerate(made.items())}
    dy = normal(*layer.output(*shapes), seed=5)
    found: dict[str, Any] = {name.replace("/", "_"): weight for name, weight in weights.items()}
    found |= {"masks": tuple(masks), "inputs": tuple(given), "use_causal_mask": False, **options}
    found |= dict(zip(("query", "value", "key", "attention_mask"), inputs, strict=False)) if not layer.merges else {}
    y, gradients = run(layer, found, dy)

    twin = make(layer)
    twin.build([x.shape for x in given]) if layer.merges else twin.build(*shapes[:3])
    names = [variable.path.split("/")[-2:] if not layer.merges else [variable.name] for variable in twin.weights]
    trained = [
        (variable, "/".join(name))
        for variable, name in zip(twin.weights, names, strict=True)
        if "seed_generator" not in variable.path
    ]
    assert [name for _, name in trained] == list(weights)
    floats = [x for x in given if x.dtype != bool]

    def call(floats: list[Any], weights: list[Any]) -> Any:
        for x, mask in zip(floats, masks, strict=False):
            backend.set_keras_mask(x, mask)
        said = dict(options)
        if not layer.merges and len(inputs) > 3 and inputs[3] is not None:
            said["attention_mask"] = inputs[3]
        state = [
            next((w for (v, _), w in zip(trained, weights, strict=True) if v is each), each.value)
            for each in twin.variables
        ]
        scope = list(zip(twin.variables, state, strict=True))
        with backend.StatelessScope(scope):
            return twin(floats, **said) if layer.merges else twin(*floats, **said)

    expected, pull = jax.vjp(
        call, list(map(jax.numpy.asarray, floats)), [jax.numpy.asarray(weights[n]) for _, n in trained]
    )
    dfloats, dweights = pull(jax.numpy.asarray(dy))
    np.testing.assert_allclose(y, expected, **close)
    got = gradients["dinputs"] if layer.merges else [gradients[f"d{n}"] for n in ("query", "value", "key")]
    for gradient, wanted in zip([each for each in got if each is not None], dfloats, strict=True):
        np.testing.assert_allclose(gradient, wanted, **close)
    for (_, name), wanted in zip(trained, dweights, strict=True):
        np.testing.assert_allclose(gradients[f"d{name.replace('/', '_')}"], wanted, **close)


def sequences(keyed: bool, steps: int = 4) -> list[Array | None]:
    return [normal(BATCH, steps, 2), normal(BATCH, 4, 2, seed=1), normal(BATCH, 4, 2, seed=2) if keyed else None]


MASKED = [("none", "none"), ("padded", "none"), ("none", "padded"), ("padded", "full"), ("full", "full")]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", MASKED, ids="-".join)
def test_attention_is_that_of_keras(masked: tuple[str, str], causal: bool) -> None:
    layers: list[Layer] = [Attention(scaled, mode) for scaled in (False, True) for mode in ("dot", "concat")]
    for layer in (*layers, AdditiveAttention(), AdditiveAttention(use_scale=False)):
        for keyed in (False, True):
            masks = [MASKS[masked[0]], MASKS[masked[1]], *([None] if keyed else [])]
            compare(layer, sequences(keyed), masks, HIDDEN if "full" in masked else CLOSE, use_causal_mask=causal)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"use_bias": False, "value_dim": 5},
    {"output_shape": 6},
    {"output_shape": (2, 3), "value_dim": 1},
    {"sliding_window": 2},
]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", MASKED, ids="-".join)
def test_multi_head_attention_is_that_of_keras(masked: tuple[str, str], causal: bool) -> None:
    for i, options in enumerate(OPTIONS):
        layer, keyed, asked = MultiHeadAttention(2, 3, **options), i % 2 == 1, i % 3 == 1
        masks = [MASKS[masked[0]], MASKS[masked[1]], *([MASKS["padded"]] if keyed else [])]
        inputs: list[Any] = [*sequences(keyed), normal(BATCH, 4, 4, seed=3) > 0 if asked else None]
        compare(layer, inputs, masks, CLOSE, use_causal_mask=causal)


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("layer", [Attention(True), AdditiveAttention(), MultiHeadAttention(2, 3)], ids=repr)
def test_a_single_step_and_lengths_that_differ(layer: Layer) -> None:
    for causal in (False, True):
        compare(layer, [normal(2, 1, 2), normal(2, 1, 2, seed=1), None], [None, None], CLOSE, use_causal_mask=causal)
        compare(layer, sequences(False, 6), [None, MASKS["padded"]], CLOSE, use_causal_mask=causal)


@pytest.mark.parametrize("layer", [Attention(True), AdditiveAttention(), MultiHeadAttention(2, 3)], ids=repr)
def test_attention_keeps_float32_and_is_finite_where_all_is_hidden(layer: Layer) -> None:
    query, value = (normal(2, 4, 2, seed=i).astype(np.float32) * 100 for i in range(2))
    weights = layer.weights(query.shape, value.shape)
    found: dict[str, Any] = {n.replace("/", "_"): normal(*w.shape).astype(np.float32) for n, w in weights.items()}
    found |= {"query": query, "value": value, "inputs": (query, value), "use_causal_mask": True}
    found["masks"] = (MASKS["full"][1:], MASKS["full"][1:])
    y, gradients = run(layer, found, np.ones_like(query))
    for array in (y, *gradients.get("dinputs", ()), *gradients.values()):
        if array is not None and not isinstance(array, tuple):
            assert array.dtype == np.float32 and np.isfinite(array).all()


@pytest.mark.parametrize(
    "layer", [Attention(dropout=0.5), AdditiveAttention(dropout=0.5), MultiHeadAttention(2, 3, dropout=0.5)], ids=repr
)
def test_dropout_drops_attention_in_training(layer: Any) -> None:
    inputs = sequences(False)
    compare(layer, inputs, [MASKS["padded"], MASKS["full"]], HIDDEN)  # Keras does not drop here, and neither does it
    weights = layer.weights(*(x.shape for x in inputs if x is not None))
    found: dict[str, Any] = {n.replace("/", "_"): normal(*w.shape) for n, w in weights.items()}
    found |= {"query": inputs[0], "value": inputs[1], "inputs": tuple(inputs[:2]), "masks": (None, None)}
    found |= {"use_causal_mask": False}
    dy = normal(BATCH, 4, 2, seed=5)

    def value(query: Array) -> Any:
        return np.sum(
            dy * run(layer, {**found, "query": query, "inputs": (query, inputs[1]), "rng": generator()}, dy)[0]
        )

    def generator() -> np.random.Generator:
        return np.random.default_rng(3)

    _, gradients = run(layer, {**found, "rng": generator()}, dy)
    got = gradients["dinputs"][0] if layer.merges else gradients["dquery"]
    assert inputs[0] is not None
    bump = np.zeros_like(inputs[0])
    bump[1, 2, 0] = 1e-6
    slope = (value(inputs[0] + bump) - value(inputs[0] - bump)) / 2e-6
    np.testing.assert_allclose(got[1, 2, 0], slope, rtol=1e-6, atol=1e-8)


def test_shapes_that_do_not_fit_are_told() -> None:
    with pytest.raises(ShapeError, match="as many features, got"):
        Attention().output((3, 4, 2), (3, 4, 3))
    with pytest.raises(ShapeError, match="a key for each step"):
        MultiHeadAttention(2, 3).output((3, 4, 2), (3, 4, 2), (3, 5, 2))
    with pytest.raises(ShapeError, match="expects an attention_mask of shape"):
        MultiHeadAttention(2, 3).output((3, 4, 2), (3, 5, 2), (3, 5, 2), (3, 5, 4))
    with pytest.raises(ShapeError, match="attention_mask of bool"):
        MultiHeadAttention(2, 3).dtype("float", "float", "float", "float")
    with pytest.raises(ShapeError, match=r"\(steps, features\)"):
        AdditiveAttention().output((3, 4), (3, 4, 3))
