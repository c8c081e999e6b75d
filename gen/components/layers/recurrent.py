"""Layers that go through a sequence step by step and carry states.  Source: `keras/src/layers/rnn`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np

from gen.components.activations import Sigmoid, Tanh
from gen.components.arguments import Count, Rate
from gen.components.base import Activation, ArgumentError, Constraint, Initializer, Regularizer, Weight, component
from gen.components.initializers import Constant, GlorotUniform, Ones, Orthogonal, Zeros
from gen.components.kernels import Array
from gen.components.layers.cells import (
    Cell,
    activate,
    check_activations,
    differentiated,
    differentiated_steps,
    gate_gradients,
    gate_products,
    in_blocks,
    input_kernel_gradient,
    predicted,
    prefactor,
    trained,
)
from gen.components.layers.recurrence import (
    Gradient,
    UnitForgetBias,
    in_order,
    mask_in_order,
    output_of,
    results_of,
    weights_of,
    with_states,
)
from gen.components.layers.recurrent_predict import lstm_predict, lstm_projection
from gen.dims import Shape


@component
class SimpleRNN(Cell):
    """A recurrent layer whose output is its state h; y is the last h, or h at all steps.

    (batch, steps, features) to (batch, units), or to (batch, steps, units) with `return_sequences`; with
    `return_state`, the last h follows.  Source: `simple_rnn.py`.

    Formula: h = activation(x @ kernel + h @ recurrent_kernel + bias)
    Example: SimpleRNN(32)(Input("steps", 16))
    """

    units: Count
    activation: Activation = Tanh()
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    recurrent_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    activity_regularizer: Regularizer | None = None
    kernel_constraint: Constraint | None = None
    recurrent_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False

    def step(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        drop: Array | None,
    ) -> Array:
        sums = kernel.T @ x if bias is None else kernel.T @ x + bias[:, np.newaxis]
        shown = h if drop is None else h * drop[0]
        product = recurrent_kernel.T @ shown
        after, kept = activate(self.activation, sums + product)
        return after

    def step_backward(
        self,
        dh: Array,
        x: Array,
        shown: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        drop: Array | None,
        kept: dict[str, Array],
    ) -> tuple[Array | None, ...]:
        dsums = differentiated(self.activation, dh, kept)
        dx = kernel @ dsums
        dshown = recurrent_kernel @ dsums
        dh = dshown if drop is None else dshown * drop[0]
        dkernel = x @ dsums.T
        drecurrent_kernel = shown @ dsums.T
        dbias = None if bias is None else np.add.reduce(dsums, axis=1)
        return dx, dh, dkernel, drecurrent_kernel, dbias


CANDIDATE_FIRST = (2, 0, 1, 3)
"""The order of an LSTM's gates in its loop: those that are `recurrent_activation` of something follow each other."""


@component
class LSTM(Cell):
    """A recurrent layer with a memory c and three gates i, f, o; y is the last h, or h at all steps.

    i, f, o = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias), c̃ = activation(…); the weights hold i, f,
    c̃, o side by side.  (batch, steps, features) to (batch, units), or to (batch, steps, units) with
    `return_sequences`; with `return_state`, the last h and c follow.  Hochreiter and Schmidhuber, 1997.  Source:
    `lstm.py`.

    Formula: c = f · c + i · c̃, h = o · activation(c)
    Example: LSTM(32)(Input("steps", 16))
    """

    gates = 4

    units: Count
    activation: Activation = Tanh()
    recurrent_activation: Activation = Sigmoid()
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()
    unit_forget_bias: bool = True
    kernel_regularizer: Regularizer | None = None
    recurrent_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    activity_regularizer: Regularizer | None = None
    kernel_constraint: Constraint | None = None
    recurrent_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False

    def __post_init__(self) -> None:
        if self.use_bias and self.unit_forget_bias and not isinstance(self.bias_initializer, Zeros | Ones | Constant):
            raise ArgumentError(
                "bias_initializer",
                "`bias_initializer` must be zeros, ones or constant if `unit_forget_bias` is True",
                "set unit_forget_bias=False to draw the bias of all four gates",
            )

    def output(self, x: Shape, h: Shape | None = None, c: Shape | None = None) -> Shape | list[Shape]:
        check_activations(self, x)
        return output_of(self, x, h, c)

    def weights(self, x: Shape, h: Shape | None = None, c: Shape | None = None) -> dict[str, Weight]:
        start = self.bias_initializer
        if self.unit_forget_bias:
            start = UnitForgetBias(start.value if isinstance(start, Constant) else float(isinstance(start, Ones)))
        return weights_of(self, x, 4, Weight((4 * self.units,), start, self.bias_regularizer, self.bias_constraint))

    def step(
        self,
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        drop: Array | None,
    ) -> tuple[Array, Array]:
        units, batch = h.shape
        factors = (prefactor(self.activation), *(3 * (prefactor(self.recurrent_activation),)))
        ordered_kernel = in_blocks(kernel, factors, CANDIDATE_FIRST)
        ordered_recurrent = in_blocks(recurrent_kernel, factors, CANDIDATE_FIRST)
        inputs = ordered_kernel.T @ x
        if bias is not None:
            ordered_bias = in_blocks(bias, factors, CANDIDATE_FIRST)
            inputs = inputs + ordered_bias[:, np.newaxis]
        each = None if drop is None else np.concatenate((drop[2:3], drop[:2], drop[3:]), axis=0)
        product = gate_products(ordered_recurrent, h, each, 4)
        sums = (inputs + product).reshape(4, units, batch)
        candidate_sums, gate_sums = sums[0], sums[1:]
        candidate, kept_candidate = activate(self.activation, candidate_sums, multiplied=True)
        gates, kept_gates = activate(self.recurrent_activation, gate_sums, multiplied=True)
        i, f, o = gates[0], gates[1], gates[2]
        memory = f * c + i * candidate
        squashed, kept = activate(self.activation, memory)
        return o * squashed, memory

    def step_backward(
        self,
        dh: Array,
        dc: Array,
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        drop: Array | None,
        candidate: Array,
        kept_candidate: dict[str, Array],
        gates: Array,
        kept_gates: dict[str, Array],
        squashed: Array,
        kept: dict[str, Array],
    ) -> tuple[Array | None, ...]:
        units, batch = h.shape
        i, f, o = gates[0], gates[1], gates[2]
        dmemory = dc + differentiated(self.activation, dh * o, kept)
        dcandidate = differentiated(self.activation, dmemory * i, kept_candidate)
        each = np.stack((dmemory * candidate, dmemory * c, dh * squashed))
        dgates = differentiated(self.recurrent_activation, each, kept_gates)
        parts = (dgates[:2], dcandidate.reshape(1, units, batch), dgates[2:])
        dsums = np.concatenate(parts, axis=0).reshape(4 * units, batch)
        dx = kernel @ dsums
        dh, drecurrent_kernel = gate_gradients(recurrent_kernel, h, drop, dsums, 4)
        dc = dmemory * f
        dkernel = input_kernel_gradient(self, x, dsums, (0, 1, 2, 3))
        dbias = None if bias is None else np.add.reduce(dsums, axis=1)
        return dx, dh, dc, dkernel, drecurrent_kernel, dbias

    def forward(  # type: ignore[override]  # it has a second state, c
        self,
        x: Array,
        h: Array | None,
        c: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
        rng: np.random.Generator,
    ) -> Array | tuple[Array, ...]:
        states, kept, share, weights = trained(self, x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, mask, rng)
        return results_of(self, states["h"], states["c"])

    def backward(  # type: ignore[override]  # it has a second state, c
        self,
        dy: Gradient,
        x: Array,
        h: Array | None,
        c: Array | None,
        mask: Array | None,
        share: Array | None,
        weights: dict[str, Array | None],
        kept: dict[str, Any],
    ) -> tuple[Array | None, ...]:
        dx, dstates, gradients = differentiated_steps(self, dy, x, {"h": h, "c": c}, mask, share, weights, kept)
        dh, dc = dstates["h"], dstates["c"]
        dkernel, drecurrent_kernel, dbias = gradients
        return dx, dh, dc, dkernel, drecurrent_kernel, dbias

    def predict(  # type: ignore[override]  # it has a second state, c
        self,
        x: Array,
        h: Array | None,
        c: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
    ) -> Array | tuple[Array, ...]:
        if self.activation != Tanh() or self.recurrent_activation != Sigmoid():
            return predicted(self, x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, mask)
        projected = lstm_projection(in_order(self, x), kernel)
        keeps = mask_in_order(self, mask)
        sequences = self.return_sequences
        results = lstm_predict(projected, recurrent_kernel, bias=bias, h=h, c=c, mask=keeps, sequences=sequences)
        last_c = results[1]
        return with_states(self, results[0], last_c)


@component
class GRU(Cell):
    """A recurrent layer with two gates z, r; y is the last h, or h at all steps.

    z, r = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias); the weights hold z, r, h̃ side by side.  With
    `reset_after`, h̃ = activation(x @ kernel + bias[0] + r · (h @ recurrent_kernel + bias[1])); otherwise, h̃ =
    activation(x @ kernel + bias + (r · h) @ recurrent_kernel).  (batch, steps, features) to (batch, units), or to
    (batch, steps, units) with `return_sequences`; with `return_state`, the last h follows.  Cho et al., 2014. Source:
    `gru.py`.

    Formula: h = z · h + (1 - z) · h̃
    Example: GRU(32)(Input("steps", 16))
    """

    gates = 3
    first_share = 2

    units: Count
    activation: Activation = Tanh()
    recurrent_activation: Activation = Sigmoid()
    use_bias: bool = True
    kernel_initializer: Initializer = GlorotUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()
    kernel_regularizer: Regularizer | None = None
    recurrent_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    activity_regularizer: Regularizer | None = None
    kernel_constraint: Constraint | None = None
    recurrent_constraint: Constraint | None = None
    bias_constraint: Constraint | None = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    reset_after: bool = True

    def weights(self, x: Shape, h: Shape | None = None) -> dict[str, Weight]:
        shape = (2, 3 * self.units) if self.reset_after else (3 * self.units,)
        return weights_of(self, x, 3, Weight(shape, self.bias_initializer, self.bias_regularizer, self.bias_constraint))

    def step(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        drop: Array | None,
    ) -> Array:
        units, both = self.units, 2 * self.units
        factor = prefactor(self.recurrent_activation)
        factors = (factor, factor, 1.0)
        scaled_kernel = in_blocks(kernel, factors)
        inputs = scaled_kernel.T @ x
        if bias is not None and self.reset_after:  # only h̃'s part of the second bias has to wait for r
            columns = bias.T
            gate_shift = (columns[:both, :1] + columns[:both, 1:]) * factor
            shift = np.concatenate((gate_shift, columns[both:, :1]), axis=0)
            inputs = inputs + shift
        elif bias is not None:
            scaled_bias = in_blocks(bias, factors)
            inputs = inputs + scaled_bias[:, np.newaxis]
        if self.reset_after:
            scaled_recurrent = in_blocks(recurrent_kernel, factors)
            product = gate_products(scaled_recurrent, h, drop, 3)
        else:
            scaled_recurrent = recurrent_kernel[:, :both] * factor
            product = gate_products(scaled_recurrent, h, drop, 2)
        gate_inputs, inputs = inputs[:both], inputs[both:]
        gate_product = product[:both]
        gate_sums = (gate_inputs + gate_product).reshape(2, units, h.shape[1])
        gates, kept_gates = activate(self.recurrent_activation, gate_sums, multiplied=True)
        z, r = gates[0], gates[1]
        if self.reset_after:
            inner = product[both:]
            if bias is not None:
                inner = inner + bias.T[both:, 1:]
            candidate, kept = activate(self.activation, inputs + r * inner)
        else:
            inner = r * h if drop is None else r * h * drop[2]
            candidate, kept = activate(self.activation, inputs + recurrent_kernel[:, both:].T @ inner)
        return (h - candidate) * z + candidate

    def step_backward(
        self,
        dh: Array,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        drop: Array | None,
        gates: Array,
        kept_gates: dict[str, Array],
        inner: Array,
        candidate: Array,
        kept: dict[str, Array],
    ) -> tuple[Array | None, ...]:
        units, both, batch = self.units, 2 * self.units, h.shape[1]
        z, r = gates[0], gates[1]
        dcandidate = differentiated(self.activation, dh * (1.0 - z), kept)
        dz = dh * (h - candidate)
        if self.reset_after:
            dgates = differentiated(self.recurrent_activation, np.stack((dz, dcandidate * inner)), kept_gates)
            each = (dcandidate.reshape(1, units, batch), dgates, (dcandidate * r).reshape(1, units, batch))
            dsums = np.concatenate(each, axis=0).reshape(4 * units, batch)
            dbefore, dproducts = gate_gradients(recurrent_kernel, h, drop, dsums[units:], 3)
            drecurrent_kernel = dproducts
            dh = dbefore + dh * z
        else:
            dinner = recurrent_kernel[:, both:] @ dcandidate
            if drop is not None:
                dinner = dinner * drop[2]
            dgates = differentiated(self.recurrent_activation, np.stack((dz, dinner * h)), kept_gates)
            dsums = np.concatenate((dcandidate.reshape(1, units, batch), dgates), axis=0).reshape(3 * units, batch)
            dbefore, dproducts = gate_gradients(recurrent_kernel[:, :both], h, drop, dsums[units:], 2)
            drecurrent_kernel = np.concatenate((dproducts, inner @ dcandidate.T), axis=1)
            dh = dbefore + dinner * r + dh * z
        candidate_first = np.concatenate((kernel[:, both:], kernel[:, :both]), axis=1)
        dx = candidate_first @ dsums[: 3 * units]
        dprojection = input_kernel_gradient(self, x, dsums[: 3 * units], (2, 0, 1))
        dkernel = np.concatenate((dprojection[:, units:], dprojection[:, :units]), axis=1)
        dbias = None
        if bias is not None:
            total = np.add.reduce(dsums, axis=1)
            dbias = np.concatenate((total[units : 3 * units], total[:units]), axis=0)
            if self.reset_after:
                dbias = np.stack((dbias, total[units:]), axis=0)
        return dx, dh, dkernel, drecurrent_kernel, dbias
