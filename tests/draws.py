"""The same draws on both sides: with them dropout keeps step with Keras too.

A draw depends on nothing but where it stands in its array, and on that alike for every axis, so that it is the same
when it is drawn again, in another order of axes, with an axis of length 1 more, or for one gate after the other.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell
from keras.src.layers.rnn.gru import GRUCell


def draws(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers from 0 to 1, spread evenly."""
    total = np.zeros(())
    for size in shape:
        total = np.add.outer(total, np.sin(np.arange(size)) * 43758.5453)
    return np.floor(total % 1.0 * 4096) / 4096  # which float32 holds exactly, as Keras has some of them


_keras_normal, _keras_uniform = keras.src.backend.random.normal, keras.src.backend.random.uniform


class Draws:
    """Stands for the generator of a model."""

    bit_generator = SimpleNamespace(state=None)

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: np.ndarray | None = None) -> np.ndarray:
        drawn = self.random(size, dtype, out)
        drawn *= 2.0
        drawn -= 1.0
        return drawn

    def random(self, size: Any = None, dtype: Any = np.float64, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            return draws(tuple(size)).astype(dtype)
        out[...] = draws(out.shape)
        return out


def _dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None, gate: int | None = None) -> Any:
    """As `keras.random.dropout`; with `gate`, the part for that one of draws for several gates."""
    sizes = noise_shape or inputs.shape
    shape = tuple(whole if size is None else size for size, whole in zip(sizes, inputs.shape, strict=True))
    drawn = draws(shape) if gate is None else draws((gate + 1, *shape))[gate]
    return keras.ops.where(drawn >= rate, inputs / (1.0 - rate), 0.0)


def _normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """As `keras.random.normal`, for the layers that draw, and not for initializers, which give a number as seed."""
    if not isinstance(seed, keras.random.SeedGenerator):
        return _keras_normal(shape, mean, stddev, dtype, seed)
    return keras.ops.convert_to_tensor((draws(tuple(shape)) * 2.0 - 1.0) * stddev + mean, dtype)


def _uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """As `keras.random.uniform`, for the same."""
    if not isinstance(seed, keras.random.SeedGenerator):
        return _keras_uniform(shape, minval, maxval, dtype, seed)
    return keras.ops.convert_to_tensor(draws(tuple(shape)) * (maxval - minval) + minval, dtype)


def _create_dropout_mask(cell: Any, step_input: Any, dropout_rate: float) -> Any:
    ones, gates = keras.ops.ones_like(step_input), getattr(cell, "dropout_mask_count", None)
    if gates is None:
        return _dropout(ones, dropout_rate)
    return [_dropout(ones, dropout_rate, gate=gate) for gate in range(gates)]


def _get_dropout_mask(cell: GRUCell, step_input: Any) -> Any:
    """Those of the update and reset gates and of the candidate, which comes first in ours."""
    masks = DropoutRNNCell.get_dropout_mask(cell, step_input)
    return [*masks[1:], masks[0]] if isinstance(masks, list) else masks


GRUCell.get_dropout_mask = _get_dropout_mask
keras.src.backend.random.dropout = _dropout
keras.src.backend.random.normal = _normal
keras.src.backend.random.uniform = _uniform
DropoutRNNCell._create_dropout_mask = _create_dropout_mask
