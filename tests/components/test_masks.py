"""Masks travel as in Keras, and where one ends a warning says so: pasted code, run by Keras and built by gen.

What they leave out counts in no metric either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.components.base import registry
from gen.diagnostics import Diagnostics, Source
from tests.building import build, graph_of, sample
from tests.pasted import compare

TWO = """
inputs = Input(shape=(6,), dtype='int32')
other = Input(shape=(6,), dtype='int32')
x = layers.Embedding(4, 5, mask_zero=True, name='first')(inputs)
z = layers.Embedding(4, 5, mask_zero=True, name='second')(other)
u = layers.Embedding(4, 5, name='unmasked')(other)
"""
LONG = """
inputs = Input(shape=(3, 4), dtype='int32')
x = layers.Embedding(4, 5, mask_zero=True)(inputs)
"""
ENDING = """
model = Model({inputs}, y)
model.compile(optimizer='sgd', loss='mse', metrics=['mae', 'mse', 'accuracy'])
"""
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
TWO_MASKS = {
    **{f"{name}_of_two_masks": f"y = layers.{name}()([x, z])" for name in MERGES},
    **{f"{name}_of_one_mask": f"y = layers.{name}()([u, x])" for name in ("Multiply", "Maximum", "Minimum")},
    "three_masks": "y = layers.GRU(3)(layers.Maximum()([x, z, layers.Dense(5)(z)]))",
    "an_operator": "y = layers.GRU(3)(x - z)",
    "a_function": "y = layers.GRU(3)(layers.Dense(4)(tanh(x)))",
    "states": """
a, h, c = layers.LSTM(4, return_state=True, name='encoder')(x)
y = layers.LSTM(4, return_sequences=True, name='decoder')(z, initial_state=[h, c])
""",
    "states_both_ways": """
a, h, g = layers.Bidirectional(layers.GRU(3, return_state=True), name='encoder')(x)
y = layers.Bidirectional(layers.GRU(3, return_sequences=True), name='decoder')(layers.Dense(4)(z), initial_state=[h, g])
""",
    "self_attention": "y = layers.MultiHeadAttention(2, 3)(x, x)",
}
ATTENDED = "a = layers.MultiHeadAttention(2, 3)(x, x)\n"
AFTER_ATTENTION = {
    "means": "y = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(layers.Add()([x, a])))",
    "states": "y = layers.LSTM(3)(layers.Multiply()([x, a]))",
    "both_ways": "y = layers.Bidirectional(layers.GRU(3))(layers.Concatenate(axis=1)([x, a]))",
    "each_step": "y = layers.TimeDistributed(layers.Dense(3))(layers.Add()([x, a]))",
    "attention_again": """
h = layers.LayerNormalization()(layers.Add()([x, a]))
y = layers.GlobalAveragePooling1D()(layers.Add()([h, layers.MultiHeadAttention(2, 3)(h, h)]))
""",
    "attention_of_another_kind": "y = layers.Attention()([a, layers.Add()([x, a])])",
    "an_output": "y = layers.Dense(3)(layers.Add()([x, a]))",
    "a_model": """
words = Input(shape=(6, 5))
mixed = layers.Add()([words, layers.MultiHeadAttention(2, 3)(words, words)])
y = layers.Add()([Model(words, layers.GRU(3)(mixed))(x), layers.GRU(3)(a)])
""",
}
"""A MultiHeadAttention removes the mask of its inputs, and Keras notes before that some layers are handed it."""
LONG_MASKS = {
    "words_of_sentences": "y = layers.GRU(2)(layers.TimeDistributed(layers.LSTM(3))(x))",
    "both_ways": "y = layers.TimeDistributed(layers.Bidirectional(layers.GRU(3, return_sequences=True)))(x)",
    "means": "y = layers.Flatten()(layers.TimeDistributed(layers.GlobalAveragePooling1D())(x))",
    "statistics": "y = layers.TimeDistributed(layers.BatchNormalization())(x)",
    "all_statistics": "y = layers.BatchNormalization()(x)",
    "product": "y = layers.Multiply()([x, layers.Dense(5)(x)])",
    "joined": "y = layers.Concatenate(axis=2)([x, layers.Dense(5)(x)])",
    "in_a_model": """
words = Input(shape=(3, 4, 5))
encoder = Model(words, layers.TimeDistributed(layers.LSTM(3))(words))
y = layers.Flatten()(encoder(x))
""",
}


def ids(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Ids of which a third are padding, but never the first of a sequence."""
    found = rng.integers(0, 4, (5, *shape)).astype(np.int32)
    found[..., 0] = 1 + found[..., 0] % 3
    return found


@pytest.mark.parametrize("name", sample(list(TWO_MASKS), 2))
def test_masks_of_two_inputs_meet_as_in_keras(name: str) -> None:
    text = TWO + TWO_MASKS[name] + ENDING.format(inputs="[inputs, other]")
    compare(text, lambda rng: [ids(rng, 6), ids(rng, 6)], steps=2)


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", sample(list(AFTER_ATTENTION), 2))
def test_masks_after_attention_are_those_of_keras(name: str) -> None:
    text = TWO + ATTENDED + AFTER_ATTENTION[name] + ENDING.format(inputs="inputs")
    compare(text, lambda rng: ids(rng, 6), steps=2)


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", sample(list(LONG_MASKS), 2))
def test_masks_of_sequences_of_sequences_are_those_of_keras(name: str) -> None:
    compare(LONG + LONG_MASKS[name] + ENDING.format(inputs="inputs"), lambda rng: ids(rng, 3, 4), steps=2)


@pytest.mark.parametrize("name", [*TWO_MASKS, *LONG_MASKS])
def test_gradients_under_masks_are_right(name: str) -> None:
    text = TWO + TWO_MASKS[name] if name in TWO_MASKS else LONG + LONG_MASKS[name]
    inputs = "[inputs, other]" if name in TWO_MASKS else "inputs"
    assert build(text + ENDING.format(inputs=inputs)).check() < 1e-6


LOST = {
    "y = layers.Dot((2, 2))([x, z])": "Dot does not support masks",
    "y = layers.Add()([x, u])": "Add combines a tensor with a mask and a tensor without one",
    "y = layers.Multiply()([x, u])": "Multiply combines a tensor with a mask and a tensor without one",
    "y = layers.Concatenate()([x, u])": "Concatenate combines a tensor with a mask and a tensor without one",
    "y = x + z": "`+` does not support masks",
    "y = -x": "`-` does not support masks",
    "y = x[:, 1:]": "`[…]` does not support masks",
    "y = tanh(x)": "`tanh(…)` does not support masks",
    "y = layers.Masking()(x)": "Masking makes its own mask, which replaces the one before",
    "y = layers.LSTM(5)(x, initial_state=[u[:, 0], u[:, 1]])": "With `initial_state`, LSTM does not get the mask",
    "y = layers.Flatten()(x)": "Flatten does not support masks",
}


@pytest.mark.parametrize("line", LOST)
def test_a_mask_that_ends_unused_is_told(line: str) -> None:
    text = TWO + line + ENDING.format(inputs="[inputs, other]")
    messages = _warnings(text)
    assert [LOST[line] in message for message in messages] == [True]
    assert messages[0].endswith("from here on the padded steps count like any others")


def test_steps_that_become_one_end_the_mask() -> None:
    text = LONG + "y = layers.TimeDistributed(layers.LSTM(3))(x)" + ENDING.format(inputs="inputs")
    assert "TimeDistributed has merged the steps of the mask into one" in _warnings(text)[0]


KEPT = (
    "y = layers.Dense(3)(x)",
    "y = layers.Add()([x, z])",
    "y = layers.Concatenate(axis=1)([x, u])",
    "y = layers.Attention()([u, x])",
    "y = layers.LSTM(3)(x)",
    "y = layers.TimeDistributed(layers.Dense(3))(x)",
    "y = layers.GlobalAveragePooling1D()(x)",
)


@pytest.mark.parametrize("line", KEPT)
def test_a_mask_that_is_used_or_goes_on_is_not_told(line: str) -> None:
    assert not _warnings(TWO + line + ENDING.format(inputs="[inputs, other]"))


def _warnings(text: str) -> list[str]:
    """The messages about lost masks."""
    diagnostics = Diagnostics()
    assert compiler.understand(Source("model.nn", text), diagnostics) is not None
    return [item.message for item in diagnostics.in_source_order() if item.code == "mask-lost"]


# -------------------------------------------------------------------------------------------------------------- metrics

TAGGER = """
ids = Input(None, int32)
x = Embedding(5, 5, mask_zero=True)(ids)
y = {head}
model = Model(ids, y)
model.compile(sgd(0.1), loss={loss}, metrics=[{metrics}])
"""
OF_NUMBERS = "mse, mae, mape, msle, rmse, log_cosh_error, poisson, cosine_similarity, kl_divergence, r2_score"
OF_PAIRS = f"{OF_NUMBERS}, pearson_correlation, concordance_correlation"
COUNTS = "TruePositives(), FalsePositives(), TrueNegatives(), FalseNegatives()"
HELD = "SensitivityAtSpecificity(0.5), SpecificityAtSensitivity(0.5), PrecisionAtRecall(0.5), RecallAtPrecision(0.5)"
OF_BORDERS = "hinge, squared_hinge, categorical_hinge"
OF_CHOICES = (
    "accuracy, Accuracy(), binary_accuracy, precision, recall, auc, AUC(curve='PR'), bce, "
    f"{COUNTS}, {HELD}, {OF_BORDERS}, BinaryIoU(), {OF_NUMBERS}"
)
OF_CLASSES = (
    "accuracy, categorical_accuracy, TopKCategoricalAccuracy(2), categorical_crossentropy, "
    "F1Score('macro'), FBetaScore('weighted', 2.0), OneHotIoU(4, (0, 2)), OneHotMeanIoU(4)"
)
OF_IDS = (
    "accuracy, sparse_categorical_accuracy, SparseTopKCategoricalAccuracy(2), sparse_categorical_crossentropy, "
    "IoU(4, (0, 2), sparse_y_pred=False), MeanIoU(4, sparse_y_pred=False)"
)
MEASURED = {
    "numbers": ("Dense(2, softplus)(x)", "mse", OF_PAIRS, lambda shape, rng: rng.uniform(0.1, 2.0, (*shape, 2))),
    "one of two": ("Dense(1, sigmoid)(x)", "bce", OF_CHOICES, lambda shape, rng: rng.integers(0, 2, (*shape, 1))),
    "some of three": ("Dense(3, sigmoid)(x)", "bce", OF_CHOICES, lambda shape, rng: rng.integers(0, 2, (*shape, 3))),
    "one-hot": (
        "Dense(4, softmax)(Dropout(0.0)(x))",
        "categorical_crossentropy",
        OF_CLASSES,
        lambda shape, rng: np.eye(4)[rng.integers(0, 4, shape)],
    ),
    "ids": (
        "Dense(4, softmax)(x)",
        "sparse_categorical_crossentropy",
        OF_IDS,
        lambda shape, rng: rng.integers(0, 4, shape),
    ),
}
"""Of outputs: the head, the loss, all metrics of such an output, and targets."""


def tagger(name: str) -> Any:
    head, loss, metrics, _ = MEASURED[name]
    return build(TAGGER.format(head=head, loss=loss, metrics=metrics)).Model(0, np.float64)


@pytest.mark.parametrize("name", MEASURED)
def test_padding_changes_no_metric(name: str) -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(1, 5, (6, 4)).astype(np.int32)
    targets = MEASURED[name][3]((6, 4), rng)
    padded = np.pad(words, ((0, 0), (2, 3)))
    behind = [(0, 0)] * (targets.ndim - 2)
    padded_targets = np.pad(targets, ((0, 0), (2, 3), *behind), mode="edge")
    model = tagger(name)
    expected = model.evaluate(words, targets, 4)
    assert model.evaluate(padded, padded_targets, 4) == pytest.approx(expected)
    assert tagger(name).train_on_batch(padded, padded_targets) == pytest.approx(model.evaluate(words, targets, 6))
    trained, others = tagger(name), tagger(name)
    history = trained.fit(words, targets, epochs=2, validation_data=(words, targets), verbose=0)
    data = (padded, padded_targets)
    found = others.fit(*data, epochs=2, validation_data=data, verbose=0)
    assert list(history) == list(found)
    for figure, values in history.items():
        assert found[figure] == pytest.approx(values), figure


def test_every_metric_is_tried_on_masked_steps() -> None:
    tried: set[type] = set()
    for head, loss, metrics, _ in MEASURED.values():
        graph = graph_of(TAGGER.format(head=head, loss=loss, metrics=metrics))
        tried |= {type(metric) for _, metric in graph.outputs[0].metrics}
    assert {cls.__name__ for cls in {*registry["metric"].values()} - tried} == {"AccuracyOfLoss"}


@pytest.mark.parametrize("name", MEASURED)
def test_where_no_step_counts_metrics_are_zero_as_in_keras(name: str) -> None:
    model, words = tagger(name), np.zeros((3, 4), np.int32)
    targets = MEASURED[name][3]((3, 4), np.random.default_rng(0))
    assert set(model.evaluate(words, targets).values()) == {0.0}
    assert set(model.train_on_batch(words, targets).values()) == {0.0}
    some = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.int32)
    expected = model.evaluate(some[:1, :1], targets[:1, :1])
    assert model.evaluate(some, targets, 3) == pytest.approx(expected)


def test_a_tagger_that_is_right_on_every_word_scores_one() -> None:
    model = tagger("ids")
    words = np.array([[1, 2, 3, 0, 0, 0, 0, 0], [2, 1, 3, 0, 0, 0, 0, 0]], np.int32)
    tags = np.maximum(words, 1) - 1
    for _ in range(300):
        model.train_on_batch(words, tags)
    assert (model.predict(words).argmax(-1) == tags)[words > 0].all()
    wrong = np.where(words > 0, tags, 3)
    assert model.evaluate(words, wrong)["accuracy"] == 1.0
    history = model.fit(words, wrong, epochs=1, validation_data=(words, wrong), verbose=0)
    assert history["accuracy"] == history["val_accuracy"] == [1.0]
    assert model.train_on_batch(words, wrong)["accuracy"] == 1.0


def test_weights_of_samples_change_no_metric() -> None:
    """They belong to the loss; Keras has `weighted_metrics` beside `metrics`."""
    model, words = tagger("ids"), np.array([[1, 2, 0], [3, 1, 2]], np.int32)
    tags, weights = np.array([[0, 1, 2], [3, 3, 3]]), np.array([[3.0, 0.0, 1.0], [0.5, 2.0, 0.0]])
    plain, weighted = model.evaluate(words, tags), model.evaluate(words, tags, sample_weight=weights)
    assert plain.pop("loss") != weighted.pop("loss")
    assert plain == weighted
