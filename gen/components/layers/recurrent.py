"""Layers that go through a sequence step by step and carry a state.  Source: `keras/src/layers/rnn`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from gen.components.activations import Sigmoid, Tanh
from gen.components.arguments import Count, Rate
from gen.components.base import Activation, ArgumentError, Initializer, Layer, Regularizer, Weight, component
from gen.components.initializers import Constant, GlorotUniform, Ones, Orthogonal, Zeros
from gen.components.kernels import Array
from gen.components.layers.cells import Cell, activate, differentiated, gate_gradients, gate_products
from gen.components.layers.recurrence import (
    IGNORED,
    NAMES,
    UNSUPPORTED,
    Gradient,
    UnitForgetBias,
    check_activation,
    dropped,
    in_order,
    input_share,
    mask_in_order,
    masking_of,
    output_of,
    projection_gradients,
    recurrent_gradient,
    results_of,
    split_gradient,
    state_share,
    weights_of,
    with_states,
)
from gen.components.layers.recurrent_kernels import (
    bias_gradient,
    lstm,
    lstm_backward,
    lstm_projection,
)
from gen.components.layers.recurrent_predict import (
    lstm_predict,
)
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


@component
class LSTM(Layer):
    """A recurrent layer with a memory c and three gates i, f, o; y is the last h, or h at all steps.

    i, f, o = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias), c̃ = activation(…); the weights hold i, f,
    c̃, o side by side.  (batch, steps, features) to (batch, units), or to (batch, steps, units) with
    `return_sequences`; with `return_state`, the last h and c follow.  Hochreiter and Schmidhuber, 1997.  Source:
    `lstm.py`.

    Formula: c = f · c + i · c̃, h = o · activation(c)
    Example: LSTM(32)(Input("steps", 16))
    """

    applies_activation = True
    supports_masking = True
    unsupported = UNSUPPORTED
    ignored = IGNORED

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
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False

    def __post_init__(self) -> None:
        check_activation("activation", self.activation)
        check_activation("recurrent_activation", self.recurrent_activation)
        if self.use_bias and self.unit_forget_bias and not isinstance(self.bias_initializer, Zeros | Ones | Constant):
            raise ArgumentError(
                "bias_initializer",
                "`bias_initializer` must be zeros, ones or constant if `unit_forget_bias` is True",
                "set unit_forget_bias=False to draw the bias of all four gates",
            )

    def output(self, x: Shape, h: Shape | None = None, c: Shape | None = None) -> Shape | list[Shape]:
        return output_of(self, x, h, c)

    def weights(self, x: Shape, h: Shape | None = None, c: Shape | None = None) -> dict[str, Weight]:
        start = self.bias_initializer
        if self.unit_forget_bias:
            start = UnitForgetBias(start.value if isinstance(start, Constant) else float(isinstance(start, Ones)))
        return weights_of(self, x, 4, Weight((4 * self.units,), start, self.bias_regularizer))

    masking = masking_of

    def forward(
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
        share = input_share(self, 4, x, rng)
        drop = state_share(self, 4, x, rng)
        inputs, wide = dropped(x, kernel, share)
        hidden, cells, squashed, gates = lstm(
            in_order(self, inputs),
            wide,
            recurrent_kernel,
            bias=bias,
            h=h,
            c=c,
            drop=drop,
            mask=mask_in_order(self, mask),
            activation=NAMES[self.activation],
            recurrent_activation=NAMES[self.recurrent_activation],
        )
        return results_of(self, hidden, cells)

    def backward(
        self,
        dy: Gradient,
        x: Array,
        h: Array | None,
        c: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
        share: Array | None,
        drop: Array | None,
        hidden: Array,
        cells: Array,
        squashed: Array,
        gates: Array,
    ) -> tuple[Array | None, ...]:
        dsequence, dlast, dcell = split_gradient(self, dy)
        dgates, dfirst, dfirst_cell = lstm_backward(
            hidden,
            cells,
            squashed,
            gates,
            recurrent_kernel,
            dy=dsequence,
            dlast=dlast,
            dcell=dcell,
            drop=drop,
            mask=mask_in_order(self, mask),
            activation=NAMES[self.activation],
            recurrent_activation=NAMES[self.recurrent_activation],
        )
        dx, dkernel = projection_gradients(in_order(self, x), kernel, share, dgates)
        dx = in_order(self, dx)
        drecurrent_kernel = recurrent_gradient(hidden, drop, dgates)
        dbias = None if bias is None else bias_gradient(dgates)
        dh = None if h is None else dfirst.T
        dc = None if c is None else dfirst_cell.T
        return dx, dh, dc, dkernel, drecurrent_kernel, dbias

    def predict(
        self,
        x: Array,
        h: Array | None,
        c: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
    ) -> Array | tuple[Array, ...]:
        projected = lstm_projection(
            in_order(self, x),
            kernel,
            activation=NAMES[self.activation],
            recurrent_activation=NAMES[self.recurrent_activation],
        )
        return with_states(
            self,
            *lstm_predict(
                projected,
                recurrent_kernel,
                bias=bias,
                h=h,
                c=c,
                mask=mask_in_order(self, mask),
                sequences=self.return_sequences,
                activation=NAMES[self.activation],
                recurrent_activation=NAMES[self.recurrent_activation],
            ),
        )


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
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    reset_after: bool = True

    def weights(self, x: Shape, h: Shape | None = None) -> dict[str, Weight]:
        shape = (2, 3 * self.units) if self.reset_after else (3 * self.units,)
        return weights_of(self, x, 3, Weight(shape, self.bias_initializer, self.bias_regularizer))

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
        inputs = kernel.T @ x
        if bias is not None and self.reset_after:  # only h̃'s part of the second bias has to wait for r
            columns = bias.T
            shift = np.concatenate((columns[:both, :1] + columns[:both, 1:], columns[both:, :1]), axis=0)
            inputs = inputs + shift
        elif bias is not None:
            inputs = inputs + bias[:, np.newaxis]
        if self.reset_after:
            product = gate_products(recurrent_kernel, h, drop, 3)
        else:
            product = gate_products(recurrent_kernel[:, :both], h, drop, 2)
        gate_inputs, inputs = inputs[:both], inputs[both:]
        gate_product = product[:both]
        gates, kept_gates = activate(
            self.recurrent_activation, (gate_inputs + gate_product).reshape(2, units, h.shape[1])
        )
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
        dprojection = x @ dsums[: 3 * units].T
        dkernel = np.concatenate((dprojection[:, units:], dprojection[:, :units]), axis=1)
        dbias = None
        if bias is not None:
            total = np.add.reduce(dsums, axis=1)
            dbias = np.concatenate((total[units : 3 * units], total[:units]), axis=0)
            if self.reset_after:
                dbias = np.stack((dbias, total[units:]), axis=0)
        return dx, dh, dkernel, drecurrent_kernel, dbias
