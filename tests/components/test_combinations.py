"""A sample of the combinations of every layer's arguments is proven; `python -m tests.combinations` proves them all."""

from __future__ import annotations

import itertools

import pytest

from gen.components.base import parameters
from tests.combinations import LAYERS, Combination, pairs, prove, sample, sample_of_pairs, wide_values_of

SAMPLE = {name: sample(cls, 1) for name, cls in LAYERS.items()}
PAIRS = {name: sample_of_pairs(cls, 1) for name, cls in LAYERS.items()}
PROVEN = dict.fromkeys(item for found in (*SAMPLE.values(), *PAIRS.values()) for item in found)


@pytest.mark.parametrize("combination", PROVEN, ids=lambda item: item.name)
def test_a_combination_of_arguments_is_right(combination: Combination) -> None:
    prove(combination)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_combinations(name: str) -> None:
    assert SAMPLE[name], f"gen accepts none of the calls of {name} that tests/combinations.py makes"


@pytest.mark.parametrize("name", LAYERS)
def test_every_argument_is_crossed_with_every_other_on_both_sides_of_it(name: str) -> None:
    """Of two arguments that are whole numbers, or two that are not, each is below the other, and above it."""
    values = {
        parameter.name: [value for value in wide_values_of(LAYERS[name], parameter) if type(value) in (int, float)]
        for parameter in parameters(LAYERS[name])
    }
    for (one, some), (other, others) in itertools.combinations(values.items(), 2):
        for kind in (int, float):
            signs = {(a > b) - (a < b) for a in some for b in others if type(a) is type(b) is kind}
            assert not signs or {-1, 1} <= signs, f"{one} and {other} of {name}"


def test_each_two_values_occur_together() -> None:
    found = [item.name for item in pairs(LAYERS["Conv1D"])]
    for one in ("kernel_size=5", "strides=3", "padding='causal'", "groups=2", "filters=6", "use_bias=False"):
        for other in ("on (8, 4)", "on (None, 4)", "activation='softmax'", "kernel_regularizer=l1_l2"):
            assert any(one in name and other in name for name in found), f"{one} {other}"
