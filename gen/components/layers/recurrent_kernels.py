"""The loop of the LSTM over steps, forward and backward, and the products for all steps of all recurrent layers.

Arrays have the shape (steps, gates · units, batch): each gate of a step is one block of memory, and each product of a
step is written where it is needed.  State t + 1 is the state after step t; state 0 is the first.  A step that the mask
(batch, steps) leaves out hands its states on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gen.components.kernels import Array, float32, kernel
from gen.dims import Shape

# ---------------------------------------------------------------------------------------------------------- activations


@kernel()
def squash(x: Array, activation: str) -> None:
    """Apply an activation, given by name, in place."""
    match activation:
        case "tanh":
            np.tanh(x, out=x)
        case "sigmoid":  # 1/2 + tanh(x / 2) / 2
            x *= 0.5
            np.tanh(x, out=x)
            x *= 0.5
            x += 0.5
        case "relu":
            np.maximum(x, 0.0, out=x)
        case "hard_sigmoid":
            x *= 1 / 6
            x += 0.5
            np.clip(x, 0.0, 1.0, out=x)
        case "hard_tanh":
            np.clip(x, -1.0, 1.0, out=x)
        case "softsign":
            x /= np.abs(x) + 1.0
        case "softplus":
            np.logaddexp(x, 0.0, out=x)
        case "elu":
            np.copyto(x, np.expm1(np.minimum(x, 0.0)), where=x < 0.0)


@kernel()
def slope(y: Array, activation: str, out: Array) -> None:
    """Fill `out` with the slope of an activation at the places where its result is `y`."""
    match activation:
        case "tanh":
            np.multiply(y, y, out=out)
            np.subtract(1.0, out, out=out)
        case "sigmoid":
            np.subtract(1.0, y, out=out)
            out *= y
        case "linear":
            out.fill(1.0)
        case "relu":
            np.sign(y, out=out)
        case "hard_sigmoid":
            np.copyto(out, (y > 0.0) & (y < 1.0))
            out *= 1 / 6
        case "hard_tanh":
            np.copyto(out, np.abs(y) < 1.0)
        case "softsign":
            np.subtract(1.0, np.abs(y), out=out)
            out *= out
        case "softplus":
            np.negative(np.expm1(-y), out=out)
        case "elu":
            np.minimum(y, 0.0, out=out)
            out += 1.0


# ---------------------------------------------------------------------------------------------- products for all steps


def operations_of_projection(x: Any, kernel: Any, bias: Any = None, *_: Any, **__: Any) -> int:
    """A product for each step, and the addition of the bias."""
    return int((2 * x[2] + (bias is not None)) * x[0] * x[1] * kernel[1])


@kernel(lambda x, kernel, *_, **__: (x[1], kernel[1], x[0]), operations=operations_of_projection)
def project_steps(x: Array, kernel: Array, bias: Array | None = None, out: Array | None = None) -> Array:
    """x @ kernel for all steps, (batch, steps, features) to (steps, units, batch).

    `bias` is added.
    """
    if out is None:
        out = np.empty((x.shape[1], kernel.shape[1], x.shape[0]), x.dtype)
    if len(x) == 1:  # one product for all steps
        np.dot(x[0], kernel, out=out[:, :, 0])
    else:
        np.matmul(kernel.T, x.transpose(1, 2, 0), out=out)
    if bias is not None:
        out += bias[:, np.newaxis]
    return out


@kernel(
    lambda x, dgates: (x[1], dgates[1]),
    room=lambda x, dgates: float32((min(16, x[0]) + 1, x[1], dgates[1])),
    operations=lambda x, dgates: (2 * x[2] + 1) * math.prod(x[:2]) * dgates[1],
)
def kernel_gradient(x: Array, dgates: Array, out: Array | None = None) -> Array:
    """Σ x[step] @ dgates[step].T: (steps, features, batch), (steps, gates, …) to (features, …)."""
    if out is None:
        out = np.empty((x.shape[1], dgates.shape[1]), x.dtype)
    out.fill(0.0)
    for first in range(0, len(x), 16):  # a few steps at a time, so that the products stay small
        part = slice(first, first + 16)
        out += np.add.reduce(np.matmul(x[part], dgates[part].transpose(0, 2, 1)), axis=0)
    return out


@kernel(
    lambda dgates, kernel: (dgates[2], dgates[0], kernel[0]),
    operations=lambda dgates, kernel: 2 * math.prod(dgates) * kernel[0],
)
def input_gradient(dgates: Array, kernel: Array, out: Array | None = None) -> Array:
    """The gradient of a projection's input: (steps, gates, batch) to (batch, steps, features)."""
    if out is None:
        out = np.empty((dgates.shape[2], dgates.shape[0], len(kernel)), dgates.dtype)
    np.matmul(dgates.transpose(0, 2, 1), kernel.T, out=out.transpose(1, 0, 2))
    return out


@kernel(
    lambda dgates: (dgates[1],),
    room=lambda dgates: float32(dgates[:2], dgates[2:]),
    operations=lambda dgates: (2 * dgates[2] + 1) * math.prod(dgates[:2]),
)
def bias_gradient(dgates: Array, out: Array | None = None) -> Array:
    """The sum of `dgates`, (steps, gates, batch), over steps and batch; BLAS is fast at that."""
    steps, gates, batch = dgates.shape
    sums = np.dot(dgates.reshape(steps * gates, batch), np.ones(batch, dgates.dtype))
    return np.add.reduce(sums.reshape(steps, gates), axis=0, out=out)


# ----------------------------------------------------------------------------------------------------------------- LSTM


@kernel(lambda weights, factor: weights)
def candidate_first(weights: Array, factor: float) -> Array:
    """The columns of the gates i, f, c̃, o as c̃, f, i, o, with f, i, and o times `factor`."""
    gates = weights.reshape(len(weights), 4, -1)[:, [2, 1, 0, 3]]
    gates[:, 1:] *= factor
    return gates.reshape(weights.shape)


@kernel(
    lambda x, kernel, *_, **__: (x[1], kernel[1], x[0]),
    room=lambda x, kernel, *_, **__: float32(kernel, kernel),
    operations=operations_of_projection,
)
def lstm_projection(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    out: Array | None = None,
) -> Array:
    """The inputs' part of the gates c̃, f, i, o: (batch, steps, …) to (steps, 4 · units, batch).

    sigmoid(x) = 1/2 + tanh(x / 2) / 2: if the weights of f, i, and o are halved, one tanh serves
    all gates.
    """
    factor = 0.5 if activation == "tanh" and recurrent_activation == "sigmoid" else 1.0
    shift = None if bias is None else candidate_first(bias[np.newaxis], factor)[0]
    return project_steps(x, candidate_first(kernel, factor), shift, out=out)


def lstm_shapes(x: Shape, kernel: Shape, recurrent: Shape, *_: object, **__: object) -> list[Shape]:
    batch, steps, units = x[0], x[1], recurrent[0]
    states = (steps + 1, units, batch)
    return [states, states, (steps, units, batch), (steps, 4 * units, batch)]


@kernel(
    lstm_shapes,
    room=lambda x, kernel, recurrent, *_, **__: float32(kernel, recurrent, (5 * recurrent[0], x[0])),
    operations=lambda x, kernel, recurrent, bias=None, *_, **__: (
        operations_of_projection(x, kernel, bias) + x[0] * x[1] * recurrent[0] * (8 * recurrent[0] + 19)
    ),
)
def lstm(
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    h: Array | None = None,
    c: Array | None = None,
    drop: Array | None = None,
    mask: Array | None = None,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    out: tuple[Array, ...] | None = None,
) -> tuple[Array, ...]:
    """The states h and c of an LSTM, activation(c) after each step, and the gates c̃, f, i, o.

    c = f · c + i · c̃ and h = o · activation(c); the gates f, i, o and c̃ are activations of x @
    kernel + h @ recurrent_kernel + bias.  `x` is (batch, steps, features); `h` and `c` are the
    first states, (batch, units), or None for zeros; `drop` contains the factors of h for each gate,
    (4, units, batch).
    """
    batch, steps, _ = x.shape
    units, dtype = len(recurrent_kernel), x.dtype
    if out is None:
        states, each = (steps + 1, units, batch), (steps, units, batch)
        out = tuple(np.empty(shape, dtype) for shape in (states, states, each, (steps, 4 * units, batch)))
    hidden, cells, squashed, gates = out
    hidden[0] = 0.0 if h is None else h.T
    cells[0] = 0.0 if c is None else c.T

    lstm_projection(x, kernel, bias, activation=activation, recurrent_activation=recurrent_activation, out=gates)
    one_tanh = activation == "tanh" and recurrent_activation == "sigmoid"
    recurrent = candidate_first(recurrent_kernel, 0.5 if one_tanh else 1.0).T
    shares = None if drop is None else drop[[2, 1, 0, 3]]  # in the order of the gates here

    product, half = np.empty((4 * units, batch), dtype), np.array(0.5, dtype)
    update = product[:units]
    dot, add, multiply, tanh = np.dot, np.add, np.multiply, np.tanh
    for step in range(steps):
        gate, cell, state = gates[step], cells[step + 1], hidden[step + 1]
        sigmoids = gate[units:]
        if shares is None:
            dot(recurrent, hidden[step], product)
        else:
            by_gate = recurrent.reshape(4, units, units)
            np.matmul(by_gate, shares * hidden[step], product.reshape(4, units, batch))
        add(gate, product, gate)
        if one_tanh:
            tanh(gate, gate)
            multiply(sigmoids, half, sigmoids)
            add(sigmoids, half, sigmoids)
        else:
            squash(gate[:units], activation)
            squash(sigmoids, recurrent_activation)
        candidate, f, i, o = gate.reshape(4, units, batch)
        multiply(f, cells[step], cell)
        multiply(i, candidate, update)
        add(cell, update, cell)
        if one_tanh:
            tanh(cell, squashed[step])
        else:
            squashed[step] = cell
            squash(squashed[step], activation)
        multiply(o, squashed[step], state)
        if mask is not None:
            np.copyto(cell, cells[step], where=~mask[:, step])
            np.copyto(state, hidden[step], where=~mask[:, step])
    return out


@kernel(
    lambda hidden, cells, squashed, gates, *_, **__: [gates, hidden[1:], hidden[1:]],
    room=lambda hidden, cells, squashed, *_, **__: float32(squashed, hidden[1:]),
    operations=lambda hidden, cells, squashed, gates, recurrent, dy=None, *_, **__: (
        math.prod(squashed) * (8 * recurrent[0] + 22 + (dy is not None))
    ),
)
def lstm_backward(
    hidden: Array,
    cells: Array,
    squashed: Array,
    gates: Array,
    recurrent_kernel: Array,
    dy: Array | None = None,
    dlast: Array | None = None,
    dcell: Array | None = None,
    drop: Array | None = None,
    mask: Array | None = None,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    out: tuple[Array, ...] | None = None,
) -> tuple[Array, ...]:
    """The gradients of the arguments of the gates i, f, c, o, and of the first h and c.

    `dy` is the gradient of all states h, (batch, steps, units); `dlast` and `dcell` are those of
    the last h and c, (batch, units), as are those of the first.
    """
    steps, units, batch = squashed.shape
    if out is None:
        state = (units, batch)
        out = tuple(np.empty(shape, gates.dtype) for shape in (gates.shape, state, state))
    dgates, dh, dc = out
    dh[...] = 0.0 if dlast is None else dlast.T
    dc[...] = 0.0 if dcell is None else dcell.T

    # For all steps at once: the derivatives of c by i, f, and c̃, of h by o, and of h by c.
    candidate, f, i, o = gates.reshape(steps, 4, units, batch).swapaxes(0, 1)
    of_i, of_f, of_candidate, of_o = dgates.reshape(steps, 4, units, batch).swapaxes(0, 1)
    of_c = np.empty_like(squashed)
    slope(i, recurrent_activation, of_i)
    slope(f, recurrent_activation, of_f)
    slope(candidate, activation, of_candidate)
    slope(o, recurrent_activation, of_o)
    slope(squashed, activation, of_c)
    of_i *= candidate
    of_f *= cells[:-1]
    of_candidate *= i
    of_o *= squashed
    of_c *= o

    before = dh if mask is None else np.empty_like(dh)
    dot, add, multiply = np.dot, np.add, np.multiply
    for step in reversed(range(steps)):
        kept = True if mask is None else mask[:, step]
        dgate, share = dgates[step].reshape(4, units, batch), of_c[step]
        by_cell, by_state = dgate[:3], dgate[3]
        if dy is not None:
            dh += dy[:, step].T
        multiply(share, dh, share)
        add(dc, share, dc, where=kept)
        multiply(by_cell, dc, by_cell)
        multiply(by_state, dh, by_state)
        if mask is not None:
            dgate *= kept
        multiply(dc, f[step], dc, where=kept)
        if drop is None:
            dot(recurrent_kernel, dgates[step], before)
        else:
            by_gate = recurrent_kernel.reshape(units, 4, units).swapaxes(0, 1)
            np.add.reduce(np.matmul(by_gate, dgate) * drop, axis=0, out=before)
        if mask is not None:
            np.copyto(dh, before, where=kept)
    return out
