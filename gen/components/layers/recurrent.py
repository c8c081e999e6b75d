"""Layers that go through a sequence step by step and carry a state.  Source: `keras/src/layers/rnn`.

Each loop is a kernel; what can be done for all steps at once stands in the rules.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from gen.components.activations import Sigmoid, Tanh
from gen.components.arguments import Count, Rate
from gen.components.base import Activation, ArgumentError, Initializer, Layer, Regularizer, Weight, component
from gen.components.initializers import Constant, GlorotUniform, Ones, Orthogonal, Zeros
from gen.components.kernels import Array
from gen.components.layers.gru_kernels import gru, gru_backward
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
    kernel_gradient,
    lstm,
    lstm_backward,
    lstm_projection,
    project_steps,
    simple_rnn,
    simple_rnn_backward,
)
from gen.components.layers.recurrent_predict import (
    gru_predict,
    gru_projection,
    lstm_predict,
    simple_rnn_predict,
)
from gen.dims import Shape


@component
class SimpleRNN(Layer):
    """A recurrent layer whose state is what it gives, step by step; y is the last h, or all of them.

    (batch, steps, features) to (batch, units), with `return_sequences` (batch, steps, units); with `return_state` the
    last h besides.  Source: `simple_rnn.py`.

    Formula: h = activation(x @ kernel + h @ recurrent_kernel + bias)
    Example: SimpleRNN(32)(Input("steps", 16))
    """

    applies_activation = True
    supports_masking = True
    unsupported = UNSUPPORTED
    ignored = IGNORED

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

    def __post_init__(self) -> None:
        check_activation("activation", self.activation)

    def output(self, x: Shape, h: Shape | None = None) -> Shape | list[Shape]:
        return output_of(self, x, h)

    def weights(self, x: Shape, h: Shape | None = None) -> dict[str, Weight]:
        return weights_of(self, x, 1, Weight((self.units,), self.bias_initializer, self.bias_regularizer))

    masking = masking_of

    def forward(
        self,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
        rng: np.random.Generator,
    ) -> Array | tuple[Array, ...]:
        share = input_share(self, 1, x, rng)
        drop = state_share(self, 1, x, rng)
        inputs, _ = dropped(x, kernel, share)
        hidden = simple_rnn(
            in_order(self, inputs),
            kernel,
            recurrent_kernel,
            bias=bias,
            h=h,
            drop=drop,
            mask=mask_in_order(self, mask),
            activation=NAMES[self.activation],
        )
        return results_of(self, hidden)

    def backward(
        self,
        dy: Gradient,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
        share: Array | None,
        drop: Array | None,
        hidden: Array,
    ) -> tuple[Array | None, ...]:
        dsequence, dlast, _ = split_gradient(self, dy)
        dsums, dfirst = simple_rnn_backward(
            hidden,
            recurrent_kernel,
            dy=dsequence,
            dlast=dlast,
            drop=drop,
            mask=mask_in_order(self, mask),
            activation=NAMES[self.activation],
        )
        dx, dkernel = projection_gradients(in_order(self, x), kernel, share, dsums)
        dx = in_order(self, dx)
        drecurrent_kernel = recurrent_gradient(hidden, drop, dsums)
        dbias = None if bias is None else bias_gradient(dsums)
        dh = None if h is None else dfirst.T
        return dx, dh, dkernel, drecurrent_kernel, dbias

    def predict(
        self,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
    ) -> Array | tuple[Array, ...]:
        projected = project_steps(in_order(self, x), kernel, bias=bias)
        return with_states(
            self,
            simple_rnn_predict(
                projected,
                recurrent_kernel,
                h=h,
                mask=mask_in_order(self, mask),
                sequences=self.return_sequences,
                activation=NAMES[self.activation],
            ),
        )


@component
class LSTM(Layer):
    """A recurrent layer with a memory c and three gates, step by step; y is the last h, or all of them.

    i, f, o = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias), c̃ = activation(…); the weights hold i, f,
    c̃, o side by side.  (batch, steps, features) to (batch, units), with `return_sequences` (batch, steps, units); with
    `return_state` the last h and c besides.  Hochreiter and Schmidhuber, 1997.  Source: `lstm.py`.

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
                "`bias_initializer` beside `unit_forget_bias` may be zeros, ones or constant",
                "say unit_forget_bias=False, and all four gates are drawn",
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
class GRU(Layer):
    """A recurrent layer with two gates, step by step; y is the last h, or all of them.

    z, r = recurrent_activation(x @ kernel + h @ recurrent_kernel + bias); the weights hold z, r, h̃ side by side.
    h̃ = activation(x @ kernel + bias[0] + r · (h @ recurrent_kernel + bias[1])), and without `reset_after`
    activation(x @ kernel + bias + (r · h) @ recurrent_kernel).  (batch, steps, features) to (batch, units), with
    `return_sequences` (batch, steps, units); with `return_state` the last h besides.  Cho et al., 2014.
    Source: `gru.py`.

    Formula: h = z · h + (1 - z) · h̃
    Example: GRU(32)(Input("steps", 16))
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
    kernel_regularizer: Regularizer | None = None
    recurrent_regularizer: Regularizer | None = None
    bias_regularizer: Regularizer | None = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    reset_after: bool = True

    def __post_init__(self) -> None:
        check_activation("activation", self.activation)
        check_activation("recurrent_activation", self.recurrent_activation)

    def output(self, x: Shape, h: Shape | None = None) -> Shape | list[Shape]:
        return output_of(self, x, h)

    def weights(self, x: Shape, h: Shape | None = None) -> dict[str, Weight]:
        shape = (2, 3 * self.units) if self.reset_after else (3 * self.units,)
        return weights_of(self, x, 3, Weight(shape, self.bias_initializer, self.bias_regularizer))

    masking = masking_of

    def forward(
        self,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
        rng: np.random.Generator,
    ) -> Array | tuple[Array, ...]:
        share = input_share(self, 3, x, rng)
        drop = state_share(self, 3, x, rng)
        inputs, wide = dropped(x, kernel, share, first=2)
        hidden, inner, gates = gru(
            in_order(self, inputs),
            wide,
            recurrent_kernel,
            bias=bias,
            h=h,
            drop=drop,
            mask=mask_in_order(self, mask),
            reset_after=self.reset_after,
            activation=NAMES[self.activation],
            recurrent_activation=NAMES[self.recurrent_activation],
        )
        return results_of(self, hidden)

    def backward(
        self,
        dy: Gradient,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
        share: Array | None,
        drop: Array | None,
        hidden: Array,
        inner: Array,
        gates: Array,
    ) -> tuple[Array | None, ...]:
        units = self.units
        dsequence, dlast, _ = split_gradient(self, dy)
        dgates, dfirst = gru_backward(
            hidden,
            inner,
            gates,
            recurrent_kernel,
            dy=dsequence,
            dlast=dlast,
            drop=drop,
            mask=mask_in_order(self, mask),
            reset_after=self.reset_after,
            activation=NAMES[self.activation],
            recurrent_activation=NAMES[self.recurrent_activation],
        )
        candidate_first = np.concatenate((kernel[:, 2 * units :], kernel[:, : 2 * units]), axis=1)
        dx, dprojection = projection_gradients(in_order(self, x), candidate_first, share, dgates[:, : 3 * units])
        dx = in_order(self, dx)
        dkernel = np.concatenate((dprojection[:, units:], dprojection[:, :units]), axis=1)
        drecurrent_kernel = recurrent_gradient(hidden, drop, dgates[:, units:])
        if not self.reset_after:
            dcandidate = kernel_gradient(inner, dgates[:, :units])
            drecurrent_kernel = np.concatenate((drecurrent_kernel, dcandidate), axis=1)
        dbias = None
        if bias is not None:
            sums = bias_gradient(dgates)
            dbias = np.concatenate((sums[units : 3 * units], sums[:units]), axis=0)
            if self.reset_after:
                dbias = np.stack((dbias, sums[units:]), axis=0)
        dh = None if h is None else dfirst.T
        return dx, dh, dkernel, drecurrent_kernel, dbias

    def predict(
        self,
        x: Array,
        h: Array | None,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None,
        mask: Array | None,
    ) -> Array | tuple[Array, ...]:
        projected = gru_projection(
            in_order(self, x),
            kernel,
            bias=bias,
            reset_after=self.reset_after,
            recurrent_activation=NAMES[self.recurrent_activation],
        )
        return with_states(
            self,
            gru_predict(
                projected,
                recurrent_kernel,
                bias=bias,
                h=h,
                mask=mask_in_order(self, mask),
                reset_after=self.reset_after,
                sequences=self.return_sequences,
                activation=NAMES[self.activation],
                recurrent_activation=NAMES[self.recurrent_activation],
            ),
        )
