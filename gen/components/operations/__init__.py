"""Operations on tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gen.components.base import Layer, Weight
from gen.dims import Shape


@dataclass(frozen=True)
class Parameter(Layer):
    weight: Weight

    def output(self) -> Shape:
        return self.weight.shape

    def weights(self) -> dict[str, Weight]:
        return {"value": self.weight}

    def forward(self, value: np.ndarray) -> np.ndarray:
        return value
