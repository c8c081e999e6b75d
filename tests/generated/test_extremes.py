"""Numbers that go wrong say so: extreme values, rows without steps, batches without rows, constant features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gen.components.base import registry
from tests.building import build

pytestmark = pytest.mark.filterwarnings("error")
EXTREME = np.array([[-1e4, -100, -20, -1, 0, 1, 20, 100, 1e4], [1e4, 1e4, 1e4, 1e4, -1e4, -1e4, 0, 0, 0]])
CLASSES = ([0, 3], [8, 4], [4, 8])
ACTIVATIONS = sorted({cls.__name__ for cls in registry["activation"].values()} - {"Threshold"})  # it needs arguments
LOSSES = [
    *(("linear", loss) for loss in ("mse", "mae", "huber", "log_cosh", "cosine_similarity")),
    *(("linear", loss) for loss in ("mean_absolute_percentage_error", "hinge", "squared_hinge", "categorical_hinge")),
    *(("softplus", loss) for loss in ("poisson", "mean_squared_logarithmic_error")),
    *(("sigmoid", loss) for loss in ("binary_crossentropy", "kl_divergence")),
    *(("softmax", loss) for loss in ("categorical_crossentropy", "sparse_categorical_crossentropy", "kl_divergence")),
    ("linear", "losses.BinaryCrossentropy(from_logits=True)"),
    ("linear", "losses.CategoricalCrossentropy(from_logits=True)"),
    ("linear", "losses.SparseCategoricalCrossentropy(from_logits=True)"),
]


def finite(*arrays: Any) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_activation_overflows_in_single_precision(name: str) -> None:
    model = build(f"""
x = Input(9)
y = Activation('{name}')(Dense(9, kernel_initializer='identity')(x))
model = Model(x, y)
model.compile(sgd, loss=mse)
""").Model()
    if name == "Exponential":  # which is more than float32 can hold, and has to say so
        with pytest.warns(RuntimeWarning, match="overflow"):
            assert not finite(model.predict(EXTREME))
        return
    predicted = model.predict(EXTREME)
    losses, gradients = model.loss_and_grads(EXTREME, np.zeros_like(predicted))
    assert finite(predicted, losses["loss"], *gradients.values())


@pytest.mark.parametrize(("activation", "loss"), LOSSES)
def test_no_loss_overflows_in_single_precision(activation: str, loss: str) -> None:
    quoted = loss if "." in loss else f"'{loss}'"
    module = build(f"""
x = Input(9)
y = Dense(9, '{activation}', kernel_initializer='identity')(x)
model = Model(x, y)
model.compile(sgd, loss={quoted})
""")
    for classes in CLASSES:
        y = np.array(classes) if "parse" in loss else np.eye(9)[classes]
        (single, gradients), (double, exact) = (
            module.Model(0, dtype).loss_and_grads(EXTREME, y) for dtype in (np.float32, np.float64)
        )
        assert finite(*gradients.values())
        np.testing.assert_allclose(single["loss"], double["loss"], rtol=1e-5)
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradient, exact[name], rtol=1e-4, atol=1e-4 * np.abs(exact[name]).max())


def test_crossentropies_of_extreme_logits_are_exact() -> None:
    model = build("""
x = Input(9)
y = Dense(9, softmax, kernel_initializer='identity')(x)
model = Model(x, y)
model.compile(sgd, loss=sparse_categorical_crossentropy)
""").Model()
    losses, gradients = model.loss_and_grads(EXTREME, [0, 4])
    assert losses["loss"] == np.float32(2e4 + 2e4 + np.log(4.0)) / 2
    np.testing.assert_allclose(gradients["y/bias"], [-0.375, 0.125, 0.125, 0.125, -0.5, 0, 0, 0, 0.5])


PADDED = np.array([[0, 0, 0, 0], [3, 1, 0, 0]])
MASKED = [
    "LSTM(3)(e)",
    "GRU(3)(e)",
    "SimpleRNN(3)(e)",
    "Bidirectional(LSTM(3))(e)",
    "LSTM(3, return_sequences=True)(e)",
    "GlobalMaxPooling1D()(e)",
    "BatchNormalization()(e)",
    "TimeDistributed(Dense(3))(e)",
    "Softmax()(e)",
    "Attention()([e, e])",
    "AdditiveAttention()([e, e])",
    "MultiHeadAttention(2, 3)(e, e)",
]


def masked(layer: str) -> Any:
    return build(f"""
ids = Input(4, int32)
e = Embedding(7, 3, mask_zero=True)(ids)
y = Dense(2)({layer})
model = Model(ids, y)
model.compile(rmsprop, loss=mse)
""").Model()


@pytest.mark.parametrize("layer", MASKED)
def test_a_row_that_is_all_padding_is_a_row(layer: str) -> None:
    model = masked(layer)
    for rows in (PADDED[:1], PADDED):
        predicted = model.predict(rows)
        losses, gradients = model.loss_and_grads(rows, np.ones_like(predicted))
        assert finite(predicted, losses["loss"], *gradients.values())


def test_the_mean_of_no_steps_is_not_a_number_as_in_keras_and_training_says_so() -> None:
    model = masked("GlobalAveragePooling1D()(e)")
    with pytest.warns(RuntimeWarning, match="invalid value"):
        predicted = model.predict(PADDED)
    assert np.isnan(predicted[0]).all()
    np.testing.assert_allclose(predicted[1:], model.predict(PADDED[1:]), rtol=1e-5)
    before = {name: value.copy() for name, value in model.weights.items()}
    with pytest.raises(ValueError, match="epoch 1/1, step 1: the loss of y is not finite"):
        model.fit(PADDED, np.ones((2, 2)), epochs=1, verbose=0)
    for name, value in model.weights.items():
        np.testing.assert_array_equal(value, before[name])


SEQUENCES = """
x = Input("steps", 3)
y = Dense(2)({layer})
model = Model(x, y)
model.compile(rmsprop, loss=mse)
"""
OVER_STEPS = {
    "LSTM(4)(x)": "at least 1",
    "GlobalAveragePooling1D()(x)": "at least 1",
    "GlobalMaxPooling1D()(x)": "at least 1",
    "Attention()([x, x])": "at least 1",
    "GlobalMaxPooling1D()(Conv1D(3, 2)(x))": "at least 2",
}


@pytest.mark.parametrize("layer", OVER_STEPS)
def test_rows_without_steps_and_batches_without_rows_are_refused(layer: str) -> None:
    model = build(SEQUENCES.format(layer=layer)).Model()
    shape = model.predict(np.ones((1, 4, 3))).shape[1:]
    for x, reason in ((np.ones((0, 4, 3)), "got no rows"), (np.ones((2, 0, 3)), OVER_STEPS[layer])):
        y = np.ones((len(x), *shape))
        with pytest.raises(ValueError, match=f"input x: .*{reason}"):
            model.predict(x)
        for call in (model.fit, model.evaluate, model.train_on_batch, model.loss_and_grads):
            with pytest.raises(ValueError, match=f"input x: .*{reason}"):
                call(x, y)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-20, 1e4, 1e18])
@pytest.mark.parametrize("layer", ["BatchNormalization()", "LayerNormalization()", "UnitNormalization()"])
def test_constant_features_are_normalised(layer: str, value: float) -> None:
    model = build(f"""
x = Input(4)
y = Dense(2)({layer}(x))
model = Model(x, y)
model.compile(rmsprop, loss=mse)
""").Model()
    x = np.full((6, 4), value, np.float32)
    predicted = model.predict(x)
    losses, gradients = model.loss_and_grads(x, np.ones((6, 2)))
    assert finite(predicted, losses["loss"], *gradients.values())
    model.fit(x, np.ones((6, 2)), epochs=3, verbose=0)
    assert finite(*model.weights.values())


def test_weights_of_nothing_are_a_loss_of_zero() -> None:
    model = build(SEQUENCES.format(layer="LSTM(4)(x)")).Model()
    losses, gradients = model.loss_and_grads(np.ones((3, 4, 3)), np.ones((3, 2)), sample_weight=np.zeros(3))
    assert losses["loss"] == 0.0
    assert not any(np.any(gradient) for gradient in gradients.values())
