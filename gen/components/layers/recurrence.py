"""What the recurrent layers share: shapes, the order of steps, dropout, and what comes back."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from gen.components.base import Constraint, Initializer, Layer, Regularizer, ShapeError, Weight
from gen.components.kernels import Array
from gen.components.layers.core import size_of
from gen.components.refused import SEED
from gen.dims import Shape, show

UNSUPPORTED = {
    "stateful": "gen keeps no state from batch to batch; return_state gives it, and the call takes it as initial_state",
    "zero_output_for_mask": "a step that is masked repeats the last output",
}
IGNORED = {
    **SEED,
    "unroll": "the loop over steps is the same for every length",
    "use_cudnn": "the generated file computes with NumPy",
    "implementation": "gen has only one",
}

Gradient: TypeAlias = "Array | tuple[Array | None, ...]"
"""The gradient of the output, and with `return_state` those of the states."""


class Recurrent(Protocol):
    """The arguments of all recurrent layers."""

    @property
    def units(self) -> int: ...
    @property
    def use_bias(self) -> bool: ...
    @property
    def kernel_initializer(self) -> Initializer: ...
    @property
    def recurrent_initializer(self) -> Initializer: ...
    @property
    def kernel_regularizer(self) -> Regularizer | None: ...
    @property
    def recurrent_regularizer(self) -> Regularizer | None: ...
    @property
    def kernel_constraint(self) -> Constraint | None: ...
    @property
    def recurrent_constraint(self) -> Constraint | None: ...
    @property
    def dropout(self) -> float: ...
    @property
    def recurrent_dropout(self) -> float: ...
    @property
    def return_sequences(self) -> bool: ...
    @property
    def return_state(self) -> bool: ...
    @property
    def go_backwards(self) -> bool: ...


@dataclass(frozen=True)
class UnitForgetBias(Initializer):
    """The bias of an LSTM: 1 for the forget gate, else `value` (Jozefowicz et al., 2015)."""

    value: float = 0.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        bias = np.full(shape, self.value)
        bias[shape[0] // 4 : shape[0] // 2] = 1.0
        return bias


def output_of(layer: Recurrent, x: Shape, *states: Shape | None) -> Shape | list[Shape]:
    """The shape of the output, and with `return_state` those of the states; raises `ShapeError`."""
    name = type(layer).__name__
    if len(x) != 3:
        raise ShapeError(f"{name} expects (steps, features), got {show(x[1:])}", f"is {show(x[1:])}")
    state = (x[0], layer.units)
    for given in states:
        if given is not None and given != state:
            raise ShapeError(f"{name} expects an initial state of shape {show(state[1:])}, got {show(given[1:])}")
    y = (x[0], x[1], layer.units) if layer.return_sequences else state
    return [y, *(state for _ in states)] if layer.return_state else y


def weights_of(layer: Recurrent, x: Shape, gates: int, bias: Weight) -> dict[str, Weight]:
    """Kernel, recurrent kernel, and bias for `gates` gates."""
    features = size_of(type(layer).__name__, x[-1], "the number of features")
    weights = {
        "kernel": Weight(
            (features, gates * layer.units), layer.kernel_initializer, layer.kernel_regularizer, layer.kernel_constraint
        ),
        "recurrent_kernel": Weight(
            (layer.units, gates * layer.units),
            layer.recurrent_initializer,
            layer.recurrent_regularizer,
            layer.recurrent_constraint,
        ),
    }
    return {**weights, "bias": bias} if layer.use_bias else weights


def masking_of(layer: Recurrent, masks: tuple[int, ...]) -> Layer | int | None:
    """The `masking` of a recurrent layer: a sequence of outputs has the mask of the inputs."""
    return 0 if masks[0] and layer.return_sequences else None


def results_of(layer: Recurrent, hidden: Array, *cells: Array) -> Array | tuple[Array, ...]:
    """The output, and with `return_state` the last states, from all states, (steps + 1, units, batch)."""
    y = hidden[1:].transpose(2, 0, 1) if layer.return_sequences else hidden[-1].T
    return (y, hidden[-1].T, *(cell[-1].T for cell in cells)) if layer.return_state else y


def with_states(layer: Recurrent, y: Array, *cells: Array) -> Array | tuple[Array, ...]:
    """The output, and with `return_state` the last states; `y` is (batch, units) or (batch, steps, units)."""
    if not layer.return_state:
        return y
    return (y, y[:, -1] if layer.return_sequences else y, *cells)


def split_gradient(layer: Recurrent, dy: Gradient) -> tuple[Array | None, ...]:
    """The gradients of the sequence of outputs, of the last h, and of the last c, if there is one."""
    results = dy if isinstance(dy, tuple) else (dy, None, None)
    y, h, c = results[0], results[1], results[2] if len(results) > 2 else None
    if layer.return_sequences:
        return y, h, c
    if y is None or h is None:
        return None, h if y is None else y, c
    return None, y + h, c


def in_order(layer: Recurrent, sequence: Array) -> Array:
    """A sequence, (batch, steps, …), in the order of the loop, or back from that order."""
    return sequence[:, ::-1] if layer.go_backwards else sequence


def mask_in_order(layer: Recurrent, mask: Array | None) -> Array | None:
    """The mask, (batch, steps), in the order of the loop."""
    return None if mask is None else in_order(layer, mask)


# -------------------------------------------------------------------------------------------------------------- dropout

# Dropout drops the same features at every step.  With `recurrent_dropout`, each gate has its own draws, as in Keras.


def drawn_share(rng: np.random.Generator, shape: Shape, rate: float) -> Array:
    """The factors that drop a share `rate`: 0, or 1 / (1 - rate)."""
    drawn = rng.random(shape)  # type: ignore[arg-type]  # the sizes of an array are numbers
    return np.ceil(drawn - rate) * (1 / (1 - rate))


def drops_by_gate(layer: Recurrent, gates: int) -> bool:
    """Whether each gate drops features of its own."""
    return gates > 1 and layer.dropout > 0 and layer.recurrent_dropout > 0


def input_share(layer: Recurrent, gates: int, x: Array, rng: np.random.Generator) -> Array | None:
    """The factors of the features, (batch, features) or (gates, batch, features); None if nothing is dropped."""
    if layer.dropout == 0:
        return None
    each = (gates,) if drops_by_gate(layer, gates) else ()
    return drawn_share(rng, (*each, x.shape[0], x.shape[2]), layer.dropout)


def state_share(layer: Recurrent, gates: int, x: Array, rng: np.random.Generator) -> Array | None:
    """The factors of h in the product of each gate, (gates, units, batch); None if nothing is dropped."""
    if layer.recurrent_dropout == 0:
        return None
    return drawn_share(rng, (gates, layer.units, x.shape[0]), layer.recurrent_dropout)


def block(array: Array, gate: int, units: int) -> Array:
    """The part of one gate along axis 1."""
    return array[:, gate * units : (gate + 1) * units]


def dropped(x: Array, kernel: Array, share: Array | None, first: int = 0) -> tuple[Array, Array]:
    """The features to project, and their kernel; `first` is the gate that the first share belongs to.

    If each gate drops its own features, these are side by side, and the kernels of the gates are on a diagonal.
    """
    if share is None:
        return x, kernel
    if share.ndim == 2:
        return x * share[:, np.newaxis], kernel
    gates = share.shape[0]
    units = kernel.shape[1] // gates
    inputs = np.concatenate(tuple(x * share[(gate - first) % gates][:, np.newaxis] for gate in range(gates)), axis=2)
    zeros = np.zeros_like(block(kernel, 0, units))
    rows = tuple(
        np.concatenate(tuple(block(kernel, gate, units) if gate == row else zeros for gate in range(gates)), axis=1)
        for row in range(gates)
    )
    return inputs, np.concatenate(rows, axis=0)


def undropped(dinputs: Array, share: Array | None, first: int = 0) -> Array:
    """The gradient of the `x` of `dropped`, from the gradient of the features to project."""
    if share is None:
        return dinputs
    if share.ndim == 2:
        return dinputs * share[:, np.newaxis]
    gates, _, features = share.shape
    dx = dinputs[:, :, :features] * share[-first % gates][:, np.newaxis]
    for gate in range(1, gates):
        part = dinputs[:, :, gate * features : (gate + 1) * features]
        dx = dx + part * share[(gate - first) % gates][:, np.newaxis]
    return dx
