"""Masks travel as in Keras, and where one ends a warning says so: pasted code, run by Keras and built by gen."""

from __future__ import annotations

import numpy as np
import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source
from tests.building import build
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
model.compile(optimizer='sgd', loss='mse')
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


@pytest.mark.parametrize("name", TWO_MASKS)
def test_masks_of_two_inputs_meet_as_in_keras(name: str) -> None:
    text = TWO + TWO_MASKS[name] + ENDING.format(inputs="[inputs, other]")
    compare(text, lambda rng: [ids(rng, 6), ids(rng, 6)], steps=2)


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", LONG_MASKS)
def test_masks_of_sequences_of_sequences_are_those_of_keras(name: str) -> None:
    compare(LONG + LONG_MASKS[name] + ENDING.format(inputs="inputs"), lambda rng: ids(rng, 3, 4), steps=2)


@pytest.mark.parametrize("name", [*TWO_MASKS, *LONG_MASKS])
def test_gradients_under_masks_are_right(name: str) -> None:
    text = TWO + TWO_MASKS[name] if name in TWO_MASKS else LONG + LONG_MASKS[name]
    inputs = "[inputs, other]" if name in TWO_MASKS else "inputs"
    assert build(text + ENDING.format(inputs=inputs)).check() < 1e-6


LOST = {
    "y = layers.Dot((2, 2))([x, z])": "Dot knows no masks",
    "y = layers.Add()([x, u])": "Add joins a tensor with a mask and one without",
    "y = layers.Multiply()([x, u])": "Multiply joins a tensor with a mask and one without",
    "y = layers.Concatenate()([x, u])": "Concatenate joins a tensor with a mask and one without",
    "y = x + z": "`+` knows no masks",
    "y = -x": "`-` knows no masks",
    "y = x[:, 1:]": "`[…]` knows no masks",
    "y = tanh(x)": "`tanh(…)` knows no masks",
    "y = layers.Masking()(x)": "Masking makes a mask of its own, and ends the one before",
    "y = layers.LSTM(5)(x, initial_state=[u[:, 0], u[:, 1]])": "With `initial_state`, LSTM is not handed the mask",
    "y = layers.Flatten()(x)": "Flatten knows no masks",
}


@pytest.mark.parametrize("line", LOST)
def test_a_mask_that_ends_unused_is_told(line: str) -> None:
    text = TWO + line + ENDING.format(inputs="[inputs, other]")
    messages = _warnings(text)
    assert [LOST[line] in message for message in messages] == [True]
    assert messages[0].endswith("from here on the padded steps count like any others")


def test_steps_that_become_one_end_the_mask() -> None:
    text = LONG + "y = layers.TimeDistributed(layers.LSTM(3))(x)" + ENDING.format(inputs="inputs")
    assert "TimeDistributed has made one step of those that the mask is for" in _warnings(text)[0]


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
