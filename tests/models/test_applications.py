"""The models of `keras.applications` are what Keras makes: layers, shapes, weights, names, and predictions."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source, render_text
from gen.language.elaborate import observe
from gen.language.elaborate.applications import MODELS, MODULES, TEXTS, application
from gen.language.elaborate.attributes import static
from gen.language.elaborate.order import layers_of
from gen.language.elaborate.values import InputValue, ModelValue, Value
from gen.language.parser import parse
from gen.resources import resource
from tests.building import PROVE, graph_of, load
from tests.importing.applications import LEAST, calibrate, pictures, randomize

EVERY = [name for name in dir(keras.applications) if name[0].isupper()]
SAMPLE = ("VGG16", "MobileNetV2", "MobileNetV3Small")
SHOWN = (
    "MobileNetV3Small",
    "MobileNet",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ConvNeXtTiny",
    "ResNet50V2",
    "Xception",
)
"""What is asked for predictions: all kinds of layers, and those that the models define for themselves."""

Row = tuple[str, Any, dict[str, tuple[int, ...]]]


def ours(call: str) -> tuple[ModelValue, list[Row]]:
    """A model of gen's: its layers in order, each with its name, the shape of its output, and its weights."""
    source, diagnostics = (
        Source("model.nn", f"from keras import applications\nmodel = applications.{call}\n"),
        Diagnostics(),
    )
    observed = observe(parse(source, diagnostics), source, diagnostics)
    assert observed.model is not None, render_text(source, diagnostics.in_source_order())
    assert not diagnostics.in_source_order()
    return observed.model, [_row(observed.model, each) for each in layers_of(observed.model)]


def _row(model: ModelValue, layer: Value) -> Row:
    name = layer.given_name or layer.auto_name
    if isinstance(layer, InputValue):
        return name, static(layer.tensor.shape), {}
    calls = [call for call in model.calls if layer in (call.unit, call.layer)]
    own = [call for call in model.calls if call.owner is not None and call.owner.owner is layer]
    weights = {}
    for made in dict.fromkeys(call.layer for call in (*calls, *own)):
        found = made.weights or {}
        weights |= {made.kind if made.component.own_weight else key: each.shape for key, each in found.items()}
    return name, static(calls[-1].outputs[0].shape), weights


def theirs(call: str) -> tuple[Any, list[Row]]:
    """The same of Keras; what a Normalization knows are constants in gen."""
    keras.backend.clear_session()
    model = eval(call, vars(keras.applications))
    rows = []
    for layer in model.layers:
        variables = [] if isinstance(layer, keras.layers.Normalization) else layer.weights
        rows.append((layer.name, tuple(layer.output.shape), {named(each): tuple(each.shape) for each in variables}))
    return model, rows


def named(variable: Any) -> str:
    """The name of a variable; that of a LayerScale has none in Keras."""
    return "gamma" if variable.name.startswith("variable") else variable.name


def same(call: str) -> None:
    """Both have the same layers in the same order."""
    found, rows = ours(call)
    model, expected = theirs(call)
    assert found.given_name == model.name
    for row, wanted in zip(rows, expected, strict=True):
        assert row == wanted


@pytest.mark.parametrize("name", EVERY if PROVE else SAMPLE)
def test_a_model_has_the_layers_of_keras(name: str) -> None:
    size = LEAST.get(name, 32)
    same(f"{name}(weights=None, input_shape=({size}, {size}, 3), classes=10)")
    if name != "NASNetLarge":  # which Keras makes without sizes, and cannot run then: cells of two sizes are added
        same(f"{name}(weights=None, include_top=False)")
    for pooling in ("avg", "max") if PROVE else ("avg",):
        same(f"{name}(weights=None, include_top=False, pooling='{pooling}', input_shape=({2 * size}, {size + 16}, 3))")


@pytest.mark.parametrize(
    "call",
    (
        [
            "MobileNet(alpha=0.5, input_shape=(96, 96, 3), depth_multiplier=2, weights=None)",
            "MobileNet((160, 160, 3), 0.25, dropout=0.3, weights=None, classifier_activation=None)",
            "MobileNetV2(alpha=1.4, include_top=False, input_shape=(96, 96, 3), weights=None)",
            "MobileNetV2((None, None, 3), 0.35, False, None)",
            "MobileNetV3Small(alpha=0.75, minimalistic=True, weights=None)",
            "MobileNetV3Large(alpha=1.5, include_preprocessing=False, input_shape=(64, 64, 3), weights=None)",
            "MobileNetV3Small(dropout_rate=0, weights=None, input_shape=(64, 64, 1), name='small')",
            "EfficientNetB1(weights=None, input_shape=(64, 64, 1))",
            "EfficientNetV2S(include_preprocessing=False, weights=None, input_shape=(64, 64, 3))",
            "ConvNeXtTiny(include_preprocessing=False, weights=None, input_shape=(64, 64, 3), name='tiny')",
            "VGG19(True, None, None, (64, 48, 3), None, 5, 'sigmoid', 'own')",
        ]
        if PROVE
        else ["MobileNet(alpha=0.5, input_shape=(96, 96, 3), depth_multiplier=2, weights=None)"]
    ),
)
def test_the_arguments_are_those_of_keras(call: str) -> None:
    same(call)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", SHOWN if PROVE else SHOWN[:1])
def test_a_model_predicts_what_keras_predicts(name: str) -> None:
    size = LEAST.get(name, 32)
    call = f"{name}(weights=None, input_shape=({size}, {size}, 3), classes=10, classifier_activation=None)"
    model, _ = theirs(call)
    randomize(model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            layer.mean, layer.variance = layer.adapt_mean * 0.0, layer.adapt_variance * 0.0 + 1.0
    calibrate(model)
    values = {(each.path.split("/")[-2], named(each)): np.asarray(each) for each in model.weights}
    graph = graph_of(f"import keras\nmodel = keras.applications.{call}\n")
    found = load(compiler.generate(graph, "model.nn"), "application").Model(0, np.float64)
    for path, weight in found.weights.items():
        weight[...] = values[tuple(path.split("/")[-2:])]
    x = pictures(model)[:2]
    wanted = np.asarray(model.predict(x, verbose=0))
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3 * np.abs(wanted).max()
    assert np.abs(found.predict(x) - wanted).max() < 1e-9 * np.abs(wanted).max()


def test_every_model_and_module_of_keras_is_there() -> None:
    modules = {name for name in dir(keras.applications) if name[0].islower()}
    assert set(MODELS) == set(EVERY)
    assert set(MODULES) == modules
    for module in modules:
        for name in dir(getattr(keras.applications, module)):
            if name[0].isupper() or name == "preprocess_input":
                assert application(("keras", "applications", module, name)) is not None, f"{module}.{name}"


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_without_errors_and_has_its_models(text: str) -> None:
    path = resource("language/applications", f"{text}.nn")
    source, diagnostics = Source(path.name, path.read_text("utf-8")), Diagnostics()
    file = parse(source, diagnostics)
    assert not diagnostics.in_source_order()
    assert file.docstring
    assert all(f"{name} = " in source.text or f"def {name}(" in source.text for name in TEXTS[text])
    assert "def preprocess_input(x, data_format=None" in source.text
