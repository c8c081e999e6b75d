"""Every component as it is written, run in float64: against central differences, and against Keras on JAX.

A component without a case here fails `test_every_component_has_a_case`.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import itertools
import math
import re
import textwrap
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
import pytest

from gen.components import registry
from gen.components.activations import LogSoftmax, Relu, Sigmoid, Softmax, Tanh
from gen.components.base import (
    ArgumentError,
    Component,
    Layer,
    Metric,
    ShapeError,
    parameters,
    snake_case,
)
from gen.components.kernels import Array, clip_by_global_norm, clip_by_norm, clip_by_value, erf, fans, kernels
from gen.dims import BATCH, Dim, Shape
from tests.building import sample
from tests.reference import Run, activate, bind, lose, of_kind, penalize, slope

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-10}
DIFFERENCES: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-7}

Case = tuple[str, dict[str, Any]]


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def build(kind: str, case: Case) -> Any:
    name, arguments = case
    return registry[kind][name](**arguments)


def identify(case: Any) -> str | None:
    return f"{case[0]}-{'-'.join(map(str, case[1]))}" if isinstance(case, tuple) and len(case) > 1 else None


def vjp(function: Callable[..., Any], arguments: Any, dy: Array) -> tuple[Array, Any]:
    """Keras' result and the gradients of the arguments, by JAX."""
    y, pull = jax.vjp(function, *arguments)
    return np.asarray(y), [jax.tree.map(np.asarray, part) for part in pull(jax.numpy.asarray(dy, y.dtype))]


# ---------------------------------------------------------------------------------------------------------- activations

ACTIVATIONS: list[Case] = [
    ("linear", {}),
    ("relu", {}),
    ("sparsemax", {}),
    ("sparsemax", {"axis": 1}),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 1.0}),
    ("relu", {"threshold": 0.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.5}),
    ("relu6", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 1.5}),
    ("hard_sigmoid", {}),
    ("hard_silu", {}),
    ("hard_swish", {}),
    ("hard_tanh", {}),
    ("hard_shrink", {}),
    ("soft_shrink", {}),
    ("threshold", {"threshold": 0.3, "default_value": -2.0}),
    ("sparse_sigmoid", {}),
    ("sparse_plus", {}),
    ("sigmoid", {}),
    ("log_sigmoid", {}),
    ("tanh", {}),
    ("tanh_shrink", {}),
    ("exponential", {}),
    ("softplus", {}),
    ("softsign", {}),
    ("squareplus", {}),
    ("squareplus", {"b": 2.0}),
    ("elu", {}),
    ("elu", {"alpha": 0.7}),
    ("selu", {}),
    ("celu", {}),
    ("celu", {"alpha": 2.0}),
    ("silu", {}),
    ("swish", {}),
    ("mish", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("softmax", {}),
    ("softmax", {"axis": 1}),
    ("log_softmax", {}),
    ("log_softmax", {"axis": 1}),
]


def crossed(name: str, **values: tuple[Any, ...]) -> list[Case]:
    """Every combination of the values of the arguments of a component."""
    return [(name, dict(zip(values, row, strict=True))) for row in itertools.product(*values.values())]


ACTIVATIONS += [
    *crossed(
        "relu", negative_slope=(0.0, 0.1, 1.5), max_value=(None, 0.0, 0.5, 1.0, 2.0), threshold=(0.0, 0.2, 1.0, 1.5)
    ),
    *crossed("threshold", threshold=(-1.0, 0.3, 1.5), default_value=(-2.0, 0.3, 1.0)),
    *(case for name in ("hard_shrink", "soft_shrink") for case in crossed(name, threshold=(0.0, 0.2, 2.0))),
    *crossed("leaky_relu", negative_slope=(0.0, 1.0, 2.0)),
    *crossed("elu", alpha=(0.0, 0.5, 2.0)),
]


@pytest.mark.parametrize("case", ACTIVATIONS, ids=identify)
def test_activation(case: Case) -> None:
    x, dy = 3 * normal(4, 3, 5), normal(4, 3, 5, seed=1)
    activation = build("activation", case)
    y, dx = activate(activation, x, dy)
    np.testing.assert_allclose(dx, slope(lambda x: activate(activation, x)[0], x, dy), **DIFFERENCES)
    name = "silu" if case[0] == "swish" else case[0]
    reference = getattr(keras.activations, name)
    expected, (dexpected,) = vjp(lambda x: reference(x, **case[1]), (x,), dy)
    np.testing.assert_allclose(y, expected, **CLOSE)
    np.testing.assert_allclose(dx, dexpected, **CLOSE)


@pytest.mark.parametrize("case", ACTIVATIONS, ids=identify)
def test_activations_keep_float32_and_stay_finite_far_out(case: Case) -> None:
    far = 30.0 if case[0] == "exponential" else 300.0
    x = np.array([[-far, -0.3 * far, 0.1, 0.3 * far, far]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, dx = activate(build("activation", case), x, np.ones_like(x))
    assert dx is not None and y.dtype == dx.dtype == np.float32
    assert np.isfinite(y).all() and np.isfinite(dx).all()


def test_an_axis_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"softmax cannot work along axis 3 of \(4,\)"):
        Softmax(3).output((BATCH, 4))
    with pytest.raises(ShapeError):
        LogSoftmax(0).output((BATCH, 4))


def test_erf_is_good_to_the_last_digits() -> None:
    x = np.concatenate([np.linspace(-8, 8, 10001), np.geomspace(1e-300, 1, 1000)])
    np.testing.assert_allclose(erf(x), [math.erf(value) for value in x], rtol=5e-16, atol=0)
    assert erf(x.astype(np.float32)).dtype == np.float32


# --------------------------------------------------------------------------------------------------------------- losses

LOSSES: list[Case] = [
    ("mean_squared_error", {}),
    ("mean_absolute_error", {}),
    ("mean_absolute_percentage_error", {}),
    ("mean_squared_logarithmic_error", {}),
    ("huber", {}),
    ("huber", {"delta": 0.3}),
    ("log_cosh", {}),
    ("poisson", {}),
    ("cosine_similarity", {}),
    ("hinge", {}),
    ("squared_hinge", {}),
    ("categorical_hinge", {}),
    ("kl_divergence", {}),
    ("binary_crossentropy", {}),
    ("binary_crossentropy", {"label_smoothing": 0.1}),
    ("binary_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("categorical_crossentropy", {}),
    ("categorical_crossentropy", {"label_smoothing": 0.1}),
    ("categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("sparse_categorical_crossentropy", {}),
    ("sparse_categorical_crossentropy", {"from_logits": True}),
    ("categorical_generalized_cross_entropy", {"q": 0.3}),
    *(
        (f"{kind}_focal_crossentropy", arguments)
        for kind in ("binary", "categorical")
        for arguments in ({}, {"gamma": 0.0, "alpha": 0.7}, {"from_logits": True, "gamma": 1.5, "label_smoothing": 0.1})
    ),
    ("binary_focal_crossentropy", {"apply_class_balancing": True, "gamma": 1.0}),
]
POSITIVE = {"mean_squared_logarithmic_error", "poisson", "kl_divergence"}


FUSED = [
    case
    for case in LOSSES
    if case[0].endswith(("binary_crossentropy", "categorical_crossentropy")) and "from_logits" not in case[1]
]


def softmax(x: Array) -> Array:
    exponentials: Array = np.exp(x)
    total: Array = exponentials.sum(axis=1, keepdims=True)
    return exponentials / total


def targets(name: str, rows: int = 6, features: int = 4) -> Array:
    """Targets such as the loss expects."""
    rng = np.random.default_rng(2)
    ids = rng.integers(0, features, rows)
    if name.startswith("sparse") or "generalized" in name:
        return ids
    if name == "categorical_hinge":
        return np.eye(features)[ids]
    if name.startswith("categorical") or name == "kl_divergence":
        return softmax(normal(rows, features, seed=3))
    if name.startswith("binary") or "hinge" in name:
        return rng.integers(0, 2, (rows, features)).astype(float)
    return np.abs(normal(rows, features, seed=3)) if name in POSITIVE else normal(rows, features, seed=3)


def predictions(name: str, arguments: dict[str, Any], rows: int = 6, features: int = 4) -> Array:
    """Predictions such as the loss expects."""
    x = normal(rows, features, seed=4)
    if "cross" in name and not arguments.get("from_logits"):
        return 0.05 + 0.9 * softmax(x)  # the rows need not sum to 1: the losses see to that, as Keras does
    return np.abs(x) + 0.1 if name in POSITIVE else x


def keras_class(case: Case, kind: str = "losses") -> Any:
    component = registry[{"losses": "loss", "metrics": "metric", "optimizers": "optimizer"}[kind]][case[0]]
    return getattr(getattr(keras, kind), component.__name__)


LOSSES += [
    *crossed("huber", delta=(0.1, 1.0, 3.0)),
    *(
        case
        for name in ("binary_crossentropy", "categorical_crossentropy")
        for case in crossed(name, from_logits=(False, True), label_smoothing=(0.0, 0.1, 0.7))
    ),
]


@pytest.mark.parametrize("case", LOSSES, ids=identify)
def test_loss(case: Case) -> None:
    name, arguments = case
    loss, y_true, y_pred = build("loss", case), targets(name), predictions(name, arguments)
    values, gradient = lose(loss, y_true, y_pred, 0.7)
    reference = keras_class(case)(**arguments, reduction=None)
    expected, (dexpected,) = vjp(lambda y_pred: reference(y_true, y_pred), (y_pred,), np.full(6, 0.7))
    np.testing.assert_allclose(values, expected, **CLOSE)
    np.testing.assert_allclose(gradient, dexpected, **CLOSE)
    numeric = slope(lambda y_pred: lose(loss, y_true, y_pred, 1.0)[0], y_pred, np.full(6, 0.7))
    np.testing.assert_allclose(gradient, numeric, **DIFFERENCES)


@pytest.mark.parametrize("case", LOSSES, ids=identify)
def test_losses_keep_float32(case: Case) -> None:
    name, arguments = case
    y_true = targets(name)
    y_true = y_true if y_true.dtype == np.int64 else y_true.astype(np.float32)
    values, gradient = lose(build("loss", case), y_true, predictions(name, arguments).astype(np.float32), 0.7)
    assert values.dtype == gradient.dtype == np.float32


@pytest.mark.parametrize("case", FUSED, ids=identify)
def test_loss_after_its_head_is_that_of_the_logits(case: Case) -> None:
    name, arguments = case
    head = Sigmoid() if name.startswith("binary") else Softmax()
    fused = build("loss", case).after(head)
    y_true, logits = targets(name), 3 * normal(6, 4)
    values, gradient = lose(fused, y_true, logits, 0.7)
    reference = keras_class(case)(**arguments, from_logits=True, reduction=None)
    expected, (dexpected,) = vjp(lambda logits: reference(y_true, logits), (logits,), np.full(6, 0.7))
    np.testing.assert_allclose(values, expected, **CLOSE)
    np.testing.assert_allclose(gradient, dexpected, **CLOSE)
    np.testing.assert_allclose(fused.forward(y_true, logits)[1], activate(head, logits)[0], **CLOSE)
    assert fused.head == head


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_loss_after_its_head_never_vanishes(name: str) -> None:
    fused = build("loss", (name, {})).after(Sigmoid() if name.startswith("binary") else Softmax())
    logits = np.array([[-1000.0, 1000.0]])
    y_true = np.array([0]) if name.startswith("sparse") else np.array([[1.0, 0.0]])
    values, gradient = lose(fused, y_true, logits, 1.0)
    assert values[0] >= 1000
    np.testing.assert_allclose(np.sign(gradient), [[-1.0, 1.0]])


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_clipped_probabilities_have_no_gradient(name: str) -> None:
    y_true = np.array([0]) if name.startswith("sparse") else np.array([[1.0, 0.0]])
    values, gradient = lose(build("loss", (name, {})), y_true, np.array([[0.0, 1.0]]), 1.0)
    np.testing.assert_allclose(values, [-math.log(1e-7)], rtol=1e-6)
    np.testing.assert_array_equal(gradient, [[0.0, 0.0]])


def test_hinge_takes_targets_of_either_sign() -> None:
    signs = np.array([[-1.0, 1.0], [1.0, 1.0]])
    hinge = build("loss", ("hinge", {}))
    np.testing.assert_array_equal(hinge.forward(signs, normal(2, 2)), hinge.forward((signs + 1) / 2, normal(2, 2)))


def test_losses_refuse_heads_that_do_not_fit() -> None:
    binary, categorical = build("loss", ("bce", {})), build("loss", ("categorical_crossentropy", {}))
    binary.fits((BATCH, 1), Sigmoid())
    with pytest.raises(ShapeError, match="between 0 and 1") as refusal:
        binary.fits((BATCH, 1), Tanh())
    assert refusal.value.code == "loss-range" and "sigmoid" in (refusal.value.hint or "")
    with pytest.raises(ShapeError, match="expects logits"):
        build("loss", ("bce", {"from_logits": True})).fits((BATCH, 1), Sigmoid())
    with pytest.raises(ShapeError, match="two or more classes") as refusal:
        categorical.fits((BATCH, 1), Softmax())
    assert refusal.value.code == "loss-shape"
    assert binary.after(Relu()) is None and categorical.after(Softmax(1)) is None


# --------------------------------------------------------------------------------------------------------------- layers

LayerCase = tuple[str, dict[str, Any], tuple[Shape, ...]]
LAYERS: list[LayerCase] = [
    ("Dense", {"units": 3}, ((4, 5),)),
    ("Dense", {"units": 3, "use_bias": False}, ((4, 5),)),
    ("Activation", {"activation": "tanh"}, ((4, 5),)),
    ("ReLU", {"max_value": 1.5, "negative_slope": 0.1, "threshold": 0.2}, ((4, 5),)),
    ("LeakyReLU", {}, ((4, 5),)),
    ("ELU", {"alpha": 0.5}, ((4, 5),)),
    ("Softmax", {}, ((4, 5),)),
    ("Softmax", {"axis": 1}, ((4, 5, 2),)),
    ("PReLU", {}, ((4, 3, 5),)),
    ("PReLU", {"shared_axes": (1,)}, ((4, 3, 5),)),
    ("Flatten", {}, ((4, 3, 5),)),
    ("Flatten", {}, ((4,),)),
    ("Reshape", {"target_shape": (5, 3)}, ((4, 15),)),
    ("Reshape", {"target_shape": (-1, 3, 5)}, ((4, 6, 5),)),
    ("Permute", {"dims": (3, 1, 2)}, ((4, 3, 5, 2),)),
    ("RepeatVector", {"n": 3}, ((4, 5),)),
    ("Add", {}, ((4, 5), (4, 5), (4, 5))),
    ("Add", {}, ((4, 3, 5), (4, 1, 5), (4, 5))),
    ("Subtract", {}, ((4, 5), (4, 5))),
    ("Subtract", {}, ((4, 3, 1), (4, 1, 5))),
    ("Multiply", {}, ((4, 5), (4, 5), (4, 5))),
    ("Multiply", {}, ((4, 3, 5), (4, 1, 5), (4, 5))),
    ("Average", {}, ((4, 5), (4, 5), (4, 5))),
    ("Maximum", {}, ((4, 5), (4, 5), (4, 5))),
    ("Maximum", {}, ((4, 3, 5), (4, 1, 5))),
    ("Minimum", {}, ((4, 5), (4, 5), (4, 1))),
    ("Concatenate", {}, ((4, 3, 2), (4, 3, 5))),
    ("Concatenate", {"axis": 1}, ((4, 3, 2), (4, 1, 2), (4, 2, 2))),
    ("Dot", {"axes": 1}, ((4, 5), (4, 5))),
    ("Dot", {"axes": -1, "normalize": True}, ((4, 5), (4, 5))),
    ("Dot", {"axes": 2}, ((4, 3, 5), (4, 2, 5))),
    ("Dot", {"axes": (2, 1), "normalize": True}, ((4, 3, 5), (4, 5, 2))),
    ("Dot", {"axes": (1, 3)}, ((4, 3, 2, 5), (4, 2, 5, 3))),
    ("Dot", {"axes": (2, 1)}, ((4, 3, 5), (4, 5))),
    ("Dot", {"axes": (1, 2)}, ((4, 5), (4, 3, 5))),
    ("BatchNormalization", {}, ((4, 5),)),
    ("BatchNormalization", {"center": False, "momentum": 0.8}, ((4, 3, 5),)),
    ("BatchNormalization", {"scale": False, "axis": 1}, ((4, 3, 5),)),
    ("BatchNormalization", {"axis": 1}, ((4, 3, 5, 2),)),
    ("BatchNormalization", {"center": False, "scale": False}, ((4, 5),)),
    ("LayerNormalization", {}, ((4, 5),)),
    ("LayerNormalization", {"axis": (1, 2), "epsilon": 0.1}, ((4, 3, 5),)),
    ("LayerNormalization", {"axis": 1, "center": False}, ((4, 3, 5),)),
    ("LayerNormalization", {"scale": False}, ((4, 3, 5),)),
    ("LayerNormalization", {"center": False, "scale": False}, ((4, 5),)),
    ("UnitNormalization", {}, ((4, 5),)),
    ("UnitNormalization", {"axis": (1, 2)}, ((4, 3, 5),)),
    ("GroupNormalization", {"groups": 2}, ((4, 6),)),
    ("GroupNormalization", {"groups": -1, "center": False}, ((4, 3, 6),)),
    ("GroupNormalization", {"groups": 3, "axis": 1, "scale": False}, ((4, 6, 2, 3),)),
    ("GroupNormalization", {"groups": 1, "axis": -2, "center": False, "scale": False}, ((4, 6, 3),)),
    ("RMSNormalization", {}, ((4, 5),)),
    ("RMSNormalization", {"axis": (1, 2), "epsilon": 0.1}, ((4, 3, 5),)),
    ("Identity", {}, ((4, 3),)),
    ("Rescaling", {"scale": 0.5}, ((4, 5),)),
    *(
        (
            "Resizing",
            {"height": height, "width": width, "interpolation": interpolation, "antialias": antialias},
            ((2, 5, 6, 2),),
        )
        for height, width in ((3, 7), (8, 4))
        for interpolation in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        for antialias in (False, True)
    ),
    ("Resizing", {"height": 4, "width": 8, "crop_to_aspect_ratio": True}, ((2, 7, 6, 2),)),
    ("Resizing", {"height": 4, "width": 8, "pad_to_aspect_ratio": True, "fill_value": 0.5}, ((2, 7, 6, 2),)),
    ("CenterCrop", {"height": 4, "width": 3}, ((2, 7, 6, 2),)),
    ("CenterCrop", {"height": 4, "width": 8}, ((2, 7, 6, 2),)),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, ((2, 3, 4, 2),)),
    ("UpSampling2D", {"size": (2, 2), "interpolation": "lanczos3"}, ((2, 3, 4, 2),)),
    ("AdaptiveAveragePooling1D", {"output_size": 3}, ((2, 7, 2),)),
    ("AdaptiveAveragePooling2D", {"output_size": (2, 3)}, ((2, 5, 6, 2),)),
    ("AdaptiveAveragePooling3D", {"output_size": (2, 2, 3)}, ((2, 3, 5, 4, 2),)),
    ("AdaptiveMaxPooling1D", {"output_size": 3}, ((2, 7, 2),)),
    ("AdaptiveMaxPooling2D", {"output_size": (2, 3)}, ((2, 5, 6, 2),)),
    ("AdaptiveMaxPooling3D", {"output_size": (2, 2, 3)}, ((2, 3, 5, 4, 2),)),
    ("Normalization", {"mean": 3.0, "variance": 2.0}, ((4, 5),)),
    ("Normalization", {"mean": (1.0, 2.0, 3.0), "variance": (0.5, 4.0, 1.0), "axis": 1}, ((2, 3, 4),)),
    ("Normalization", {"mean": 1.0, "variance": 4.0, "axis": None, "invert": True}, ((2, 3, 4),)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 4), "bias_axes": "d"}, ((2, 3, 5),)),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 4}, ((2, 3, 2, 5),)),
    ("EinsumDense", {"equation": "abc,ce->aeb", "output_shape": (4, None), "bias_axes": "e"}, ((2, 3, 5),)),
    ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c"}, ((2, 3, 5),)),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (3, 2, 4), "bias_axes": "de"}, ((2, 3, 5),)),
    ("Rescaling", {"scale": (0.5, 2.0, 3.0), "offset": 0.5}, ((4, 2, 3),)),
    ("Rescaling", {"scale": 0.5, "offset": ((1.0, 2.0), (3.0, 4.0))}, ((4, 3, 2, 2),)),
    ("Rescaling", {"scale": 0.5, "offset": -1.0}, ((4, 5),)),
]
TESTED_ALONE = {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
TESTED_ALONE |= {"AlphaDropout", "GaussianDropout", "GaussianNoise"}


def identify_layer(case: LayerCase) -> str:
    return f"{case[0]}-{case[1]}-{case[2]}".replace(" ", "")


def build_layer(case: LayerCase) -> Layer:
    name, arguments, _ = case
    if name == "Activation":
        arguments = {"activation": registry["activation"][arguments["activation"]]()}
    layer: Any = registry["layer"][name](**arguments)
    return layer


def run(layer: Layer, inputs: list[Array], weights: dict[str, Array], dy: Array | None = None) -> Run:
    """A run of the layer with its activation, which the compiler applies."""
    activation: Any = getattr(layer, "activation", None)
    result = Run(layer, inputs, weights)
    if activation is not None:
        y, dlinear = activate(activation, result.y, dy)
        result = Run(layer, inputs, weights, dlinear)
        result.y = y
        return result
    return Run(layer, inputs, weights, dy)


@pytest.mark.parametrize("case", LAYERS, ids=identify_layer)
def test_layer(case: LayerCase) -> None:
    name, arguments, shapes = case
    layer = build_layer(case)
    inputs = [normal(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    declared = layer.weights(*shapes)
    weights = {key: np.abs(normal(*weight.shape, seed=7)) + 0.1 for key, weight in declared.items()}
    trainable = {key: weights[key] for key, weight in declared.items() if weight.trainable}

    reference = getattr(keras.layers, name)(**arguments)
    reference.build([*shapes] if layer.merges else shapes[0])
    assert [weight.name for weight in reference.weights] == list(weights)
    for weight in reference.weights:
        weight.assign(weights[weight.name])
    still = [weight.value for weight in reference.non_trainable_variables]

    training = {"training": True} if name == "BatchNormalization" else {}

    def forward(trained: list[Any], *inputs: Any) -> Any:
        return reference.stateless_call(trained, still, list(inputs) if layer.merges else inputs[0], **training)[0]

    trained = [trainable[weight.name] for weight in reference.trainable_variables]
    shape = layer.output(*shapes)
    dy = normal(*shape, seed=9)
    expected, (dtrained, *dinputs) = vjp(forward, (trained, *inputs), dy)

    result = run(layer, inputs, weights, dy)
    assert result.y.shape == expected.shape == shape
    np.testing.assert_allclose(result.y, expected, **CLOSE)
    for dx, dexpected in zip(result.dinputs, dinputs, strict=True):
        np.testing.assert_allclose(dx, dexpected, **CLOSE)
    assert list(result.dweights) == list(trainable)
    for dweight, dexpected in zip(result.dweights.values(), dtrained, strict=True):
        np.testing.assert_allclose(dweight, dexpected, **CLOSE)

    for i, x in enumerate(inputs):

        def of_input(x: Array, i: int = i) -> Array:
            return run(layer, [*inputs[:i], x, *inputs[i + 1 :]], weights).y

        np.testing.assert_allclose(result.dinputs[i], slope(of_input, x, dy), **DIFFERENCES)
    for key in trainable:

        def of_weight(w: Array, key: str = key) -> Array:
            return run(layer, inputs, {**weights, key: w}).y

        np.testing.assert_allclose(result.dweights[key], slope(of_weight, weights[key], dy), **DIFFERENCES)


@pytest.mark.parametrize("case", LAYERS, ids=identify_layer)
def test_layers_keep_float32(case: LayerCase) -> None:
    layer, shapes = build_layer(case), case[2]
    inputs = [normal(*shape).astype(np.float32) for shape in shapes]
    weights = {key: np.ones(weight.shape, np.float32) for key, weight in layer.weights(*shapes).items()}
    dy = np.ones(layer.output(*shapes), np.float32)
    result = run(layer, inputs, weights, dy)
    assert result.y.dtype == np.float32
    assert {gradient.dtype for gradient in (*result.dinputs, *result.dweights.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize("case", LAYERS, ids=identify_layer)
def test_layers_work_on_a_batch_of_unknown_size(case: LayerCase) -> None:
    layer, shapes = build_layer(case), case[2]
    output = layer.output(*((BATCH, *shape[1:]) for shape in shapes))
    assert output[0] == BATCH and output[1:] == layer.output(*shapes)[1:]


@pytest.mark.parametrize("case", [case for case in LAYERS if case[0] == "BatchNormalization"], ids=identify_layer)
def test_batch_statistics_move_and_serve_prediction(case: LayerCase) -> None:
    name, arguments, (shape,) = case
    layer: Any = build_layer(case)
    reference = getattr(keras.layers, name)(**arguments)
    reference.build(shape)
    x = normal(*shape) + 2
    weights = {weight.name: np.abs(normal(*weight.shape, seed=5)) + 0.5 for weight in reference.weights}
    for weight in reference.weights:
        weight.assign(weights[weight.name])
    reference(x, training=True)
    values = Run(layer, [x], weights).values
    moved = dict(zip(("moving_mean", "moving_variance"), layer.update(*bind(layer.update, values)), strict=True))
    np.testing.assert_allclose(moved["moving_mean"], reference.moving_mean, **CLOSE)
    np.testing.assert_allclose(moved["moving_variance"], reference.moving_variance, **CLOSE)
    predicted = layer.predict(*bind(layer.predict, {**weights, **moved, "x": x}))
    np.testing.assert_allclose(predicted, reference(x, training=False), **CLOSE)


def test_dropout_keeps_the_expectation_and_drops_the_same_in_backward() -> None:
    layer = build("layer", ("Dropout", {"rate": 0.3}))
    result = Run(layer, [np.ones((200, 100))], {}, np.ones((200, 100)))
    assert set(np.unique(result.y)) == {0.0, 1 / 0.7}
    assert abs(result.y.mean() - 1) < 0.02
    np.testing.assert_array_equal(result.dinputs[0], result.y)
    np.testing.assert_array_equal(layer.predict(result.y), result.y)
    assert Run(layer, [np.ones((2, 3), np.float32)], {}).y.dtype == np.float32
    nothing = Run(build("layer", ("Dropout", {"rate": 0.0})), [result.y], {}, result.y)
    assert nothing.y is result.y and nothing.dinputs[0] is result.y


def test_dropout_draws_the_noise_shape() -> None:
    layer = build("layer", ("Dropout", {"rate": 0.5, "noise_shape": (None, 1, None)}))
    y = Run(layer, [np.ones((20, 3, 4))], {}).y
    assert (y == y[:, :1]).all() and len(np.unique(y)) == 2
    with pytest.raises(ShapeError, match="stretch"):
        build("layer", ("Dropout", {"rate": 0.5, "noise_shape": (None, 2)})).output((BATCH, 4))


@pytest.mark.parametrize(
    ("name", "argument", "mean", "deviation"),
    [
        ("AlphaDropout", {"rate": 0.2}, 0.0, 1.0),
        ("GaussianDropout", {"rate": 0.2}, 0.0, math.sqrt(1.25)),
        ("GaussianNoise", {"stddev": 0.5}, 0.0, math.sqrt(1.25)),
    ],
)
def test_noise_has_the_mean_and_the_deviation_of_its_formula(
    name: str, argument: dict[str, float], mean: float, deviation: float
) -> None:
    x = normal(300, 400, seed=7)
    layer = build("layer", (name, argument))
    result = Run(layer, [x], {}, np.ones_like(x))
    assert abs(result.y.mean() - mean) < 0.02 and abs(result.y.std() - deviation) < 0.02
    np.testing.assert_array_equal(layer.predict(x), x)
    nothing = Run(build("layer", (name, dict.fromkeys(argument, 0.0))), [x], {}, x)
    assert nothing.y is x and nothing.dinputs[0] is x


def test_equal_inputs_send_the_gradient_to_the_first() -> None:
    x, dy = normal(2, 3), normal(2, 3, seed=1)
    first, second = Run(build("layer", ("Maximum", {})), [x, x], {}, dy).dinputs
    np.testing.assert_array_equal(first, dy)
    np.testing.assert_array_equal(second, np.zeros((2, 3)))


STEPS = Dim.symbol("steps")
REFUSED: list[tuple[str, dict[str, Any], tuple[Shape, ...], str]] = [
    ("Dense", {"units": 3}, ((BATCH,),), r"Dense expects \(features,\) or \(…, features\), got \(\)"),
    ("Dense", {"units": 3}, ((BATCH, STEPS),), "Dense needs to know the number of features in advance"),
    ("PReLU", {"shared_axes": (2,)}, ((BATCH, 3),), r"PReLU cannot share axis 2 of \(3,\)"),
    ("Reshape", {"target_shape": (4, -1)}, ((BATCH, 15),), r"Reshape cannot make \(4, -1\) of \(15,\)"),
    ("Permute", {"dims": (2, 1)}, ((BATCH, 15),), r"Permute with dims \(2, 1\) expects 2 axes, got \(15,\)"),
    ("RepeatVector", {"n": 2}, ((BATCH, 3, 4),), r"RepeatVector expects \(features,\), got \(3, 4\)"),
    ("Add", {}, ((BATCH, 3),), "Add expects two tensors or more, got one"),
    ("Add", {}, ((BATCH, 3), (BATCH, 4)), r"Add expects tensors of one shape, got \(3,\) and \(4,\)"),
    ("Subtract", {}, ((BATCH, 3),) * 3, "Subtract expects two tensors, got 3"),
    ("Concatenate", {}, ((BATCH, 3, 4), (BATCH, 2, 4)), r"all other sizes equal, got \(3, 4\) and \(2, 4\)"),
    ("Concatenate", {"axis": 3}, ((BATCH, 3), (BATCH, 2)), r"cannot work along axis 3 of \(3,\)"),
    ("Dot", {"axes": 1}, ((BATCH, 3), (BATCH, 4)), r"Dot expects equal sizes to sum over, got \(3,\) and \(4,\)"),
    ("Dot", {"axes": 2}, ((BATCH, 3), (BATCH, 4)), r"Dot cannot sum over axis 2 of \(3,\)"),
    ("BatchNormalization", {"axis": 2}, ((BATCH, 3),), r"BatchNormalization cannot work along axis 2 of \(3,\)"),
    ("LayerNormalization", {"axis": (1, 2)}, ((BATCH, 3),), r"LayerNormalization cannot work along axis 2 of \(3,\)"),
    ("UnitNormalization", {"axis": 0}, ((BATCH, 3),), r"UnitNormalization cannot work along axis 0 of \(3,\)"),
    ("Softmax", {"axis": 2}, ((BATCH, 3),), r"softmax cannot work along axis 2 of \(3,\)"),
]


@pytest.mark.parametrize(("name", "arguments", "shapes", "message"), REFUSED)
def test_shapes_that_do_not_fit_are_refused(
    name: str, arguments: dict[str, Any], shapes: tuple[Shape, ...], message: str
) -> None:
    layer: Any = registry["layer"][name](**arguments)

    def build() -> None:
        layer.output(*shapes)
        layer.weights(*shapes)

    with pytest.raises(ShapeError, match=message):
        build()


# ----------------------------------------------------------------------------------------------------------- optimizers

OPTIMIZERS: list[Case] = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("sgd", {"clipnorm": 0.5}),
    ("sgd", {"clipvalue": 0.2}),
    ("rmsprop", {}),
    ("rmsprop", {"rho": 0.8, "momentum": 0.5, "centered": True}),
    ("rmsprop", {"weight_decay": 0.1, "global_clipnorm": 0.5}),
    ("adam", {}),
    ("adam", {"amsgrad": True, "epsilon": 0.01, "clipnorm": 1.0}),
    ("adam", {"beta_1": 0.8, "beta_2": 0.9, "weight_decay": 0.1}),
    ("adamw", {}),
    ("adamw", {"amsgrad": True, "global_clipnorm": 1.0}),
    ("adagrad", {}),
    ("adagrad", {"initial_accumulator_value": 0.5, "weight_decay": 0.1}),
    ("adadelta", {}),
    ("adadelta", {"learning_rate": 1.0, "rho": 0.5, "epsilon": 0.1, "weight_decay": 0.1}),
    ("adamax", {}),
    ("adamax", {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.1, "clipnorm": 0.5, "weight_decay": 0.1}),
    ("nadam", {}),
    ("nadam", {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.1, "clipvalue": 0.5, "weight_decay": 0.1}),
    ("ftrl", {}),
    (
        "ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.1,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.3,
            "beta": 0.4,
            "weight_decay": 0.1,
        },
    ),
    ("ftrl", {"learning_rate_power": 0.0, "initial_accumulator_value": 0.0}),
    ("lion", {}),
    ("lion", {"beta_1": 0.5, "beta_2": 0.7, "global_clipnorm": 0.5, "weight_decay": 0.1}),
]

FIRST = len(OPTIMIZERS)

OPTIMIZERS += [
    *crossed("sgd", momentum=(0.0, 0.5), nesterov=(False, True), weight_decay=(None, 0.6), global_clipnorm=(None, 0.7)),
    *crossed("rmsprop", rho=(0.4, 0.9), momentum=(0.0, 0.6), centered=(False, True), weight_decay=(None, 0.1)),
    *crossed("adam", beta_1=(0.0, 0.5, 0.9), beta_2=(0.4, 0.9), amsgrad=(False, True), epsilon=(1e-7, 0.95)),
    *crossed("adagrad", initial_accumulator_value=(0.0, 0.5), epsilon=(1e-7, 0.9), weight_decay=(None, 0.1)),
]


@pytest.mark.parametrize("case", [*OPTIMIZERS[:FIRST], *sample(OPTIMIZERS[FIRST:], 4)], ids=identify)
def test_optimizer_twenty_steps(case: Case) -> None:
    optimizer: Any = build("optimizer", case)
    shapes = [(3, 4), (4,)]
    start = [normal(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    variables = [keras.Variable(value) for value in start]
    reference = keras_class(case, "optimizers")(**case[1])
    w = np.concatenate([value.ravel() for value in start])
    slots = {name: np.full_like(w, value) for name, value in optimizer.slots().items()}
    for step in range(1, 21):
        g = normal(16, seed=100 + step)
        views = [g[:12].reshape(3, 4), g[12:]]
        reference.apply([jax.numpy.asarray(view.copy()) for view in views], variables)
        if optimizer.clipvalue is not None:
            clip_by_value(g, optimizer.clipvalue)
        if optimizer.clipnorm is not None:
            clip_by_norm(views, optimizer.clipnorm)
        if optimizer.global_clipnorm is not None:
            clip_by_global_norm(g, optimizer.global_clipnorm)
        values = {"w": w, "g": g, "learning_rate": optimizer.learning_rate, "step": step, **slots}
        values["w"] = optimizer.decay(w, optimizer.learning_rate)
        named = [name for name in inspect.signature(optimizer.update).parameters if name not in values or name in slots]
        w, *updated = optimizer.update(*bind(optimizer.update, values))
        slots = {name: value for name, value in zip(named, updated, strict=True) if value is not None}
        np.testing.assert_allclose(w, np.concatenate([np.ravel(v) for v in variables]), **CLOSE)
        for name, value in slots.items():
            theirs = [np.ravel(v) for v in reference.variables if v.path.endswith(f"_{name}")]
            np.testing.assert_allclose(value, np.concatenate(theirs), **CLOSE)
    assert list(slots) == [name for name in named if name in optimizer.slots()]
    assert np.isclose(reference.learning_rate, optimizer.learning_rate)


@pytest.mark.parametrize("case", [*OPTIMIZERS, ("rmsprop", {"centered": True})], ids=identify)
def test_an_optimizer_that_rests_can_be_caught_up_with(case: Case) -> None:
    """Five steps without a gradient leave the weights alone, and the slots as `untouched` says."""
    optimizer: Any = build("optimizer", case)
    w = normal(4, 3)
    slots = {name: (name == "velocity") + np.abs(normal(4, 3, seed=i)) / 9 for i, name in enumerate(optimizer.slots())}
    later, moved = dict(slots), w
    for step in range(7, 12):
        decayed = optimizer.decay(moved, 0.1 * step)
        values = {"w": decayed, "g": np.zeros((4, 3)), "learning_rate": 0.1 * step, "step": step, **later}
        named = [name for name in inspect.signature(optimizer.update).parameters if name in optimizer.slots()]
        moved, *updated = optimizer.update(*bind(optimizer.update, values))
        later = dict(zip(named, (value for value in updated if value is not None), strict=True))
    if not optimizer.ignores_zero_gradients():
        return
    np.testing.assert_array_equal(moved, w)
    if hasattr(optimizer, "untouched"):
        given = {"steps": np.full((4, 1), 5.0), **slots}
        decayed = optimizer.untouched(*bind(optimizer.untouched, given))
        named = [name for name in inspect.signature(optimizer.untouched).parameters if name in slots]
        slots |= dict(zip(named, (value for value in decayed if value is not None), strict=True))
    for name, value in later.items():
        np.testing.assert_allclose(slots[name], value, rtol=1e-12, err_msg=name)


def test_optimizers_keep_float32() -> None:
    for case in OPTIMIZERS:
        optimizer: Any = build("optimizer", case)
        arrays = {name: np.ones(3, np.float32) for name in ("w", "g", *optimizer.slots())}
        result = optimizer.update(*bind(optimizer.update, {**arrays, "learning_rate": 0.1, "step": 1}))
        result = [*result, optimizer.decay(arrays["w"], 0.1)]
        assert {array.dtype for array in result if array is not None} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adamw", "adagrad"])
def test_two_ways_to_clip_are_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="exclude each other"):
        build("optimizer", (name, {"clipnorm": 1.0, "clipvalue": 1.0}))


# -------------------------------------------------------------------------------------------------------------- metrics

CONFUSION = ("true_positives", "true_negatives", "false_positives", "false_negatives")
"""The metrics that count predictions of a kind."""

METRICS: list[Case] = [
    ("Accuracy", {}),
    ("binary_accuracy", {}),
    ("binary_accuracy", {"threshold": 0.3}),
    ("categorical_accuracy", {}),
    ("sparse_categorical_accuracy", {}),
    ("top_k_categorical_accuracy", {"k": 2}),
    ("sparse_top_k_categorical_accuracy", {"k": 2}),
    ("mean_squared_error", {}),
    ("root_mean_squared_error", {}),
    ("mean_absolute_error", {}),
    ("mean_absolute_percentage_error", {}),
    ("mean_squared_logarithmic_error", {}),
    ("binary_crossentropy", {}),
    ("categorical_crossentropy", {}),
    ("sparse_categorical_crossentropy", {}),
    ("precision", {}),
    ("precision", {"thresholds": 0.2}),
    ("recall", {}),
    ("recall", {"thresholds": 0.2}),
    ("binary_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("categorical_crossentropy", {"label_smoothing": 0.1}),
    ("sparse_categorical_crossentropy", {"from_logits": True}),
    *((name, {"top_k": 2, "class_id": 1}) for name in ("precision", "recall")),
    *((name, {"top_k": 3, "thresholds": 0.3}) for name in ("precision", "recall")),
    *((name, {}) for name in ("log_cosh_error", "poisson", "cosine_similarity", "kl_divergence", "categorical_hinge")),
    *((name, {}) for name in ("hinge", "squared_hinge", "pearson_correlation", "concordance_correlation")),
    *(case for name in CONFUSION for case in ((name, {}), (name, {"thresholds": 0.2}))),
    ("sensitivity_at_specificity", {"specificity": 0.4}),
    ("specificity_at_sensitivity", {"sensitivity": 0.4, "num_thresholds": 9}),
    ("precision_at_recall", {"recall": 0.6, "class_id": 2}),
    ("recall_at_precision", {"precision": 0.5}),
    ("recall_at_precision", {"precision": 1.0}),
    *(("f1_score", {"average": average}) for average in ("micro", "macro", "weighted")),
    ("f1_score", {"average": "macro", "threshold": 0.3}),
    ("f_beta_score", {"average": "weighted", "beta": 2.0}),
    ("r2_score", {}),
    ("r2_score", {"class_aggregation": "variance_weighted_average", "num_regressors": 3}),
    ("io_u", {"num_classes": 4, "target_class_ids": (0, 2), "sparse_y_pred": False, "ignore_class": 1}),
    ("io_u", {"num_classes": 4, "target_class_ids": (0, 2), "sparse_y_true": False, "sparse_y_pred": False}),
    ("mean_io_u", {"num_classes": 4, "sparse_y_pred": False}),
    ("one_hot_io_u", {"num_classes": 4, "target_class_ids": (0, 2)}),
    ("one_hot_mean_io_u", {"num_classes": 4}),
    ("binary_io_u", {"threshold": 0.3}),
    ("binary_io_u", {"target_class_ids": (1,)}),
    ("auc", {}),
    ("auc", {"curve": "PR"}),
    ("auc", {"num_thresholds": 7}),
    ("auc", {"num_thresholds": 7, "curve": "PR"}),
]


METRICS += [
    *crossed(
        "auc",
        num_thresholds=(2, 3, 50),
        curve=("ROC", "PR"),
        summation_method=("interpolation", "minoring", "majoring"),
    ),
    *(case for name in ("precision", "recall") for case in crossed(name, thresholds=(0.0, 0.5, 1.0))),
    *(case for kind in ("", "sparse_") for case in crossed(f"{kind}top_k_categorical_accuracy", k=(1, 4, 9))),
]


BINARY = ("binary", "precision", "recall", "auc", "hinge", "squared_hinge", "sensitivity", "specificity", *CONFUSION)
"""What those metrics begin with whose targets are yes or no."""


@pytest.mark.parametrize("case", METRICS, ids=identify)
def test_metric_over_batches(case: Case) -> None:
    name, arguments = case
    metric: Any = build("metric", case)
    reference = keras_class(case, "metrics")(**arguments)
    sums: tuple[Any, ...] | None = None
    rng = np.random.default_rng(0)
    for rows in (7, 20, 3):
        ids = rng.integers(0, 4, rows)
        y_pred = softmax(rng.normal(size=(rows, 4)))
        of_ids = "sparse" in name or (name in ("io_u", "mean_io_u") and arguments.get("sparse_y_true", True))
        y_true = ids if of_ids else np.eye(4)[ids]
        if name.startswith(BINARY):
            y_true = rng.integers(0, 2, (rows, 4)).astype(float)
        if name == "Accuracy":
            y_pred = np.where(rng.random((rows, 4)) < 0.5, y_true, y_pred)
        reference.update_state(y_true, y_pred)
        part = metric.measure(y_true, y_pred)
        sums = part if sums is None else tuple(a + b for a, b in zip(sums, part, strict=True))
    assert sums is not None
    np.testing.assert_allclose(metric.result(*sums), reference.result(), rtol=1e-6)  # Keras' counts are float32


@pytest.mark.parametrize("curve", ["ROC", "PR"])
def test_area_of_a_batch_without_positives_is_zero(curve: str) -> None:
    metric: Any = build("metric", ("auc", {"curve": curve}))
    assert metric.result(*metric.measure(np.zeros((3, 1)), np.array([[0.1], [0.5], [1.0]]))) == 0


CLASSES = {"AccuracyOfLoss": "Accuracy"}
"""The class of Keras whose name and arguments a component has: the word `accuracy` is none, and it makes another."""


def resolved(metric: Metric, loss: str, units: int) -> str:
    return type(metric.resolve(build("loss", (loss, {})), (BATCH, units))).__name__


def test_accuracy_is_that_of_the_loss() -> None:
    accuracy = build("metric", ("acc", {"name": "acc"}))
    assert type(accuracy) is type(build("metric", ("accuracy", {}))) is not type(build("metric", ("Accuracy", {})))
    assert resolved(accuracy, "binary_crossentropy", 1) == "BinaryAccuracy"
    assert resolved(accuracy, "categorical_crossentropy", 3) == "CategoricalAccuracy"
    assert resolved(accuracy, "sparse_categorical_crossentropy", 3) == "SparseCategoricalAccuracy"
    assert accuracy.resolve(build("loss", ("mse", {})), (BATCH, 1)).log_name == "acc"
    with pytest.raises(ShapeError) as refusal:
        build("metric", ("sparse_categorical_accuracy", {})).resolve(build("loss", ("mse", {})), (BATCH, 3))
    assert refusal.value.code == "metric-shape"


@pytest.mark.parametrize("metric", of_kind(registry["metric"]), ids=lambda metric: metric.__name__)
def test_metrics_are_named_as_in_keras(metric: Any) -> None:
    given = next((case[1] for case in METRICS if registry["metric"][case[0]] is metric), {})
    name = getattr(keras.metrics, CLASSES.get(metric.__name__, metric.__name__))(**given).name
    assert metric(**given).log_name == re.sub(r"_\d+$", "", name)
    assert metric(**given, name="mine").log_name == "mine"


# --------------------------------------------------------------------------------------------------------- initializers

INITIALIZERS: list[tuple[str, dict[str, Any], float, float]] = [
    ("zeros", {}, 0.0, 0.0),
    ("ones", {}, 1.0, 0.0),
    ("constant", {"value": 3.0}, 3.0, 0.0),
    ("random_normal", {"mean": 1.0, "stddev": 0.1}, 1.0, 0.1),
    ("random_uniform", {"minval": -1.0, "maxval": 3.0}, 1.0, 4 / math.sqrt(12)),
    ("truncated_normal", {"mean": 1.0, "stddev": 0.1}, 1.0, 0.0879625661),
    ("variance_scaling", {}, 0.0, math.sqrt(1 / 600)),
    ("variance_scaling", {"scale": 2.0, "mode": "fan_out", "distribution": "uniform"}, 0.0, math.sqrt(2 / 200)),
    ("variance_scaling", {"mode": "fan_avg", "distribution": "untruncated_normal"}, 0.0, math.sqrt(1 / 400)),
    ("glorot_uniform", {}, 0.0, math.sqrt(2 / 800)),
    ("glorot_normal", {}, 0.0, math.sqrt(2 / 800)),
    ("he_uniform", {}, 0.0, math.sqrt(2 / 600)),
    ("he_normal", {}, 0.0, math.sqrt(2 / 600)),
    ("lecun_uniform", {}, 0.0, math.sqrt(1 / 600)),
    ("lecun_normal", {}, 0.0, math.sqrt(1 / 600)),
]
OTHER_INITIALIZERS = {"Orthogonal", "Identity"}


@pytest.mark.parametrize(("name", "arguments", "mean", "deviation"), INITIALIZERS)
def test_initializer_distribution(name: str, arguments: dict[str, Any], mean: float, deviation: float) -> None:
    initializer: Any = registry["initializer"][name](**arguments)
    values = initializer.draw(np.random.default_rng(0), (600, 200))
    assert values.shape == (600, 200) and values.dtype == np.float64
    assert abs(values.mean() - mean) < 0.02 * deviation + 1e-12
    assert abs(values.std() - deviation) < 0.01 * deviation + 1e-12
    bounds = {"uniform": math.sqrt(3), "normal": math.inf}
    kind = "uniform" if "uniform" in (name + arguments.get("distribution", "")) else "normal"
    truncated = kind == "normal" and name != "random_normal" and "untruncated" not in arguments.get("distribution", "")
    bound = 2 / 0.8796256610342398 if truncated else bounds[kind]
    assert np.abs(values - mean).max() <= bound * deviation * (1 + 1e-12)
    if deviation and kind == "uniform":
        assert np.abs(values - mean).max() > 0.999 * bound * deviation
    np.testing.assert_array_equal(values, initializer.draw(np.random.default_rng(0), (600, 200)))
    theirs = np.asarray(getattr(keras.initializers, type(initializer).__name__)(**arguments)((600, 200)))
    assert abs(theirs.std() - deviation) < 0.01 * deviation + 1e-12


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (4, 3, 5), (2, 4, 3, 5)])
def test_fans_are_those_of_keras(shape: tuple[int, ...]) -> None:
    from keras.src.initializers.random_initializers import compute_fans

    assert fans(shape) == compute_fans(shape)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (2, 3, 4)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    initializer = build("initializer", ("orthogonal", {"gain": 2.0}))
    matrix = initializer.draw(np.random.default_rng(0), shape).reshape(-1, shape[-1])
    matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, 4 * np.eye(matrix.shape[1]), atol=1e-12)


def test_identity_and_orthogonal_start_matrices_only() -> None:
    identity, orthogonal = build("initializer", ("identity", {})), build("initializer", ("orthogonal", {}))
    np.testing.assert_array_equal(identity.draw(np.random.default_rng(0), (2, 3)), np.eye(2, 3))
    for initializer, shape in ((identity, (3,)), (identity, (1, 2, 3)), (orthogonal, (3,))):
        with pytest.raises(ShapeError, match="starts a matrix"):
            initializer.fits(shape)
    orthogonal.fits((2, 3, 4))


# --------------------------------------------------------------------------------------------------------- regularizers

REGULARIZERS: list[Case] = [
    ("l1", {}),
    ("l2", {}),
    ("l1_l2", {"l1": 0.1, "l2": 0.2}),
    ("L1L2", {"l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.3, "mode": "columns"}),
]


REGULARIZERS += crossed("l1_l2", l1=(0.0, 0.1, 0.3), l2=(0.0, 0.2))


@pytest.mark.parametrize("case", REGULARIZERS, ids=identify)
def test_regularizer(case: Case) -> None:
    regularizer, w = build("regularizer", case), normal(3, 4)
    penalty, dw = penalize(regularizer, w)
    reference = getattr(keras.regularizers, type(regularizer).__name__)(**case[1])
    expected, (dexpected,) = vjp(reference, (w,), np.asarray(1.0))
    np.testing.assert_allclose(penalty, expected, rtol=1e-7)  # Keras holds its l1 in float32
    np.testing.assert_allclose(dw, dexpected, rtol=1e-7)
    np.testing.assert_allclose(dw, slope(lambda w: penalize(regularizer, w)[0], w, np.ones(())), **DIFFERENCES)


def test_orthogonal_regularizer_takes_matrices_only() -> None:
    regularizer: Any = build("regularizer", ("orthogonal_regularizer", {}))
    with pytest.raises(ShapeError, match="takes a matrix"):
        regularizer.fits((3, 2, 4))


# ---------------------------------------------------------------------------------------------------------- constraints

CONSTRAINTS: list[Case] = [
    ("NonNeg", {}),
    *crossed("MaxNorm", max_value=(0.0, 1.5), axis=(0, 1, (0, 1))),
    *crossed("UnitNorm", axis=(0, -1)),
    *crossed("MinMaxNorm", min_value=(1.0,), max_value=(1.5,), rate=(1.0, 0.3, 0.0), axis=(0, (0, 1))),
]


@pytest.mark.parametrize("case", CONSTRAINTS, ids=identify)
def test_constraint(case: Case) -> None:
    constraint: Any = build("constraint", case)
    theirs = getattr(keras.constraints, case[0])(**case[1])
    for w in (normal(3, 4), 0.1 * normal(3, 4, seed=1), np.zeros((3, 4))):
        np.testing.assert_allclose(constraint.forward(w), theirs(jax.numpy.asarray(w)), **CLOSE)


# ----------------------------------------------------------------------------------------------------------- schedules

SCHEDULES: list[Case] = [
    *crossed(
        "ExponentialDecay",
        initial_learning_rate=(0.3,), decay_steps=(7, 2.5), decay_rate=(0.5, 1.1), staircase=(False, True),
    ),
    *crossed(
        "InverseTimeDecay",
        initial_learning_rate=(0.3,), decay_steps=(7, 2.5), decay_rate=(0.5,), staircase=(False, True),
    ),
    *crossed(
        "PolynomialDecay",
        initial_learning_rate=(0.3,), decay_steps=(7, 2.5), end_learning_rate=(0.0, 0.5), power=(1.0, 2.0),
        cycle=(False, True),
    ),
    ("PiecewiseConstantDecay", {"boundaries": [3], "values": [0.3, 0.1]}),
    ("PiecewiseConstantDecay", {"boundaries": [0, 4, 9], "values": [0.0, 0.3, 0.5, 0.1]}),
    *crossed("CosineDecay", initial_learning_rate=(0.3,), decay_steps=(1, 7, 2.5), alpha=(0.0, 0.2)),
    *crossed(
        "CosineDecay",
        initial_learning_rate=(0.0, 0.1), decay_steps=(7,), alpha=(0.2,), warmup_target=(0.3,), warmup_steps=(0, 1, 5),
    ),
    *crossed(
        "CosineDecayRestarts",
        initial_learning_rate=(0.3,), first_decay_steps=(3, 2.5), t_mul=(1.0, 1.5), m_mul=(1.0, 0.8), alpha=(0.2,),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", sample(SCHEDULES, 2), ids=identify)
def test_schedule(case: Case) -> None:
    schedule: Any = build("schedule", case)
    theirs = getattr(keras.optimizers.schedules, case[0])(**case[1])
    for step in (0, 1, 2, 3, 5, 8, 24):
        expected = float(theirs(keras.ops.cast(step, "int64")))
        np.testing.assert_allclose(schedule.rate(schedule.base(), step), expected, rtol=2e-6, atol=1e-9)


# --------------------------------------------------------------------------------------------- all of them, and Keras'


def test_every_component_has_a_case() -> None:
    tried: dict[str, set[str]] = {
        "activation": {case[0] for case in ACTIVATIONS},
        "loss": {case[0] for case in LOSSES} | {"dice", "tversky"},  # no rules: formulas, tested as cases
        "layer": {case[0] for case in LAYERS} | TESTED_ALONE,
        "optimizer": {case[0] for case in OPTIMIZERS},
        "metric": {case[0] for case in METRICS} | {"accuracy"},
        "initializer": {case[0] for case in INITIALIZERS} | OTHER_INITIALIZERS,
        "regularizer": {case[0] for case in REGULARIZERS},
        "constraint": {case[0] for case in CONSTRAINTS},
        "schedule": {case[0] for case in SCHEDULES},
    }
    for kind, names in tried.items():
        mine = [component for component in of_kind(registry[kind]) if component.__module__ in HERE]
        missing = {component.__name__ for component in mine} - {registry[kind][name].__name__ for name in names}
        assert not missing, f"{kind} without a case in this file: {', '.join(sorted(missing))}"


HERE = {
    *(f"gen.components.{name}" for name in ("activations", "losses", "metrics", "optimizers", "initializers")),
    "gen.components.schedules",
    "gen.components.constraints",
    "gen.components.regularizers",
    *(f"gen.components.layers.{name}" for name in ("core", "reshaping", "merging", "normalization", "regularization")),
}


def keras_signature(component: type[Component]) -> dict[str, inspect.Parameter]:
    """The arguments of Keras' class or function, without those that are handled for all components alike."""
    if component.kind == "activation":
        signature = inspect.signature(getattr(keras.activations, snake_case(component.__name__)))
        return dict(list(signature.parameters.items())[1:])
    places = {"loss": "losses", "layer": "layers"}
    name = CLASSES.get(component.__name__, component.__name__)
    if component.kind == "schedule":
        return dict(list(inspect.signature(getattr(keras.optimizers.schedules, name)).parameters.items()))
    found = getattr(getattr(keras, places.get(component.kind, f"{component.kind}s")), name)
    general = {"self", "kwargs", "seed"} | ({"name", "trainable", "dtype"} if component.kind == "layer" else set())
    return {name: item for name, item in inspect.signature(found).parameters.items() if name not in general}


@pytest.mark.parametrize(
    "component",
    [each for kind in registry for each in of_kind(registry[kind]) if each.__module__.startswith("gen.")],
    ids=lambda component: f"{component.kind}-{component.__name__}",
)
def test_arguments_are_those_of_keras(component: type[Component]) -> None:
    theirs, ours = keras_signature(component), {item.name: item for item in parameters(component)}
    assert set(theirs) == set(ours) | (set(theirs) & ({*component.unsupported} | {*component.ignored}))
    assert [name for name in theirs if name in ours] == list(ours)
    for name, item in theirs.items():
        if name not in ours:
            assert component.unsupported.get(name) or component.ignored.get(name)
        elif name != "name":
            default = ours[name].default
            if isinstance(default, Component):
                default = snake_case(type(default).__name__)
            expected = item.default
            if isinstance(expected, str) and name.endswith("initializer"):
                expected = snake_case(registry["initializer"][snake_case(expected)].__name__)
            if name == "activation":
                expected = expected or "linear"
            assert ours[name].required == (item.default is inspect.Parameter.empty)
            assert ours[name].required or default == expected


COPIED = [
    *(kernel.function for kernel in kernels.values()),
    *(
        getattr(component, rule)
        for kind in ("metric", "initializer")
        for component in of_kind(registry[kind])
        for rule in ("measure", "result", "draw")
        if hasattr(component, rule)
    ),
]


@pytest.mark.parametrize("function", COPIED, ids=lambda function: function.__qualname__)
def test_what_is_copied_needs_nothing_but_numpy_math_and_kernels(function: Any) -> None:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef)
    assert ast.get_docstring(definition) or definition.name == "draw"
    definition.decorator_list = []
    names = {node.id for node in ast.walk(definition) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    names -= {
        node.id for node in ast.walk(definition) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    names -= {argument.arg for argument in ast.walk(definition) if isinstance(argument, ast.arg)}
    assert names <= {"np", "math", "Array", "Any", "Iterator", "ProjectedRows", *kernels, *dir(builtins)}
    arguments = [*definition.args.args, *definition.args.kwonlyargs]
    assert definition.returns and all(argument.annotation for argument in arguments if argument.arg != "self")


def test_no_kernel_has_the_name_of_a_copied_rule() -> None:
    rules = {snake_case(cls.__name__) for kind in ("metric", "initializer") for cls in registry[kind].values()}
    assert not rules & set(kernels)
