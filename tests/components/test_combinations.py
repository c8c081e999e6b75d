"""A sample of the combinations of every layer's arguments is proven; `python -m tests.combinations` proves them all."""

from __future__ import annotations

import itertools

import pytest

from gen.components.base import parameters
from tests.building import sample as sample_of
from tests.combinations import LAYERS, pairs, prove, sample, sample_of_pairs, wide_values_of


@pytest.mark.parametrize("name", sample_of(list(LAYERS), 4))
def test_combinations_of_arguments_are_right(name: str) -> None:
    cls = LAYERS[name]
    found = dict.fromkeys(sample_of_pairs(cls, 1) or sample(cls, 1))
    assert found, f"gen accepts none of the calls of {name} that tests/combinations.py makes"
    for combination in found:
        try:
            prove(combination)
        except Exception as error:
            error.add_note(combination.name)
            raise


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
