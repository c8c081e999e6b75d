"""A sample of the combinations of every layer's arguments is proven; `python -m tests.combinations` proves them all."""

from __future__ import annotations

import pytest

from tests.combinations import LAYERS, Combination, prove, sample

SAMPLE = {name: sample(cls, 1) for name, cls in LAYERS.items()}


@pytest.mark.parametrize(
    "combination", [item for found in SAMPLE.values() for item in found], ids=lambda item: item.name
)
def test_a_combination_of_arguments_is_right(combination: Combination) -> None:
    prove(combination)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_combinations(name: str) -> None:
    assert SAMPLE[name], f"gen accepts none of the calls of {name} that tests/combinations.py makes"
