"""The loop over steps of the GRU, forward and backward; arrays lie as `recurrent_kernels.py` says."""

from __future__ import annotations

import math

import numpy as np

from gen.components.kernels import Array, float32, kernel
from gen.components.layers.recurrent_kernels import operations_of_projection, project_steps, slope, squash
from gen.dims import Shape


def gru_shapes(x: Shape, kernel: Shape, recurrent: Shape, *_: object, **__: object) -> list[Shape]:
    batch, steps, units = x[0], x[1], recurrent[0]
    return [(steps + 1, units, batch), (steps, units, batch), (steps, 3 * units, batch)]


@kernel(
    gru_shapes,
    room=lambda x, kernel, recurrent, *_, **__: float32(recurrent, (3 * recurrent[0], x[0])),
    operations=lambda x, kernel, recurrent, bias=None, *_, **__: (
        operations_of_projection(x, kernel, bias)
        + x[0] * x[1] * recurrent[0] * (6 * recurrent[0] + 16 + 3 * (bias is not None))
    ),
)
def gru(
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    h: Array | None = None,
    drop: Array | None = None,
    mask: Array | None = None,
    reset_after: bool = True,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    out: tuple[Array, ...] | None = None,
) -> tuple[Array, ...]:
    """The states of a GRU, what the reset gate r is applied to or has made, and the gates z, r and h̃.

    h = z · h + (1 - z) · h̃, where the gates are activations of x @ kernel + h @ recurrent_kernel + bias; for h̃ the
    second summand is r · (h @ recurrent_kernel + bias), with a bias of its own, or (r · h) @ recurrent_kernel without
    `reset_after`.  `x` is (batch, steps, features), `h` the first state, (batch, units), or None for zeros; `drop` is
    what h is multiplied with for each gate, (3, units, batch).
    """
    batch, steps, _ = x.shape
    units = len(recurrent_kernel)
    if out is None:
        shapes = (steps + 1, units, batch), (steps, units, batch), (steps, 3 * units, batch)
        out = tuple(np.empty(shape, x.dtype) for shape in shapes)
    hidden, inner, gates = out
    hidden[0] = 0.0 if h is None else h.T
    project_steps(x, kernel, bias[0] if reset_after and bias is not None else bias, out=gates)

    recurrent = np.ascontiguousarray(recurrent_kernel.T)  # (3 · units, units)
    count = 3 if reset_after else 2  # how many gates h has a product with
    products = np.empty((3 * units, batch), x.dtype)
    product, change = products[: count * units], products[2 * units :]
    for step in range(steps):
        gate, before, after = gates[step], hidden[step], hidden[step + 1]
        z, r, candidate = gate.reshape(3, units, batch)
        if drop is None:
            np.dot(recurrent[: count * units], before, out=product)
        else:
            by_gate = recurrent[: count * units].reshape(count, units, units)
            np.matmul(by_gate, drop[:count] * before, out=product.reshape(count, units, batch))
        if reset_after and bias is not None:
            product += bias[1][:, np.newaxis]
        gate[: 2 * units] += product[: 2 * units]
        squash(gate[: 2 * units], recurrent_activation)
        if reset_after:
            inner[step] = change
            change *= r
        else:
            np.multiply(r, before, out=inner[step])
            if drop is not None:
                inner[step] *= drop[2]
            np.dot(recurrent[2 * units :], inner[step], out=change)
        candidate += change
        squash(candidate, activation)
        np.subtract(before, candidate, out=after)
        after *= z
        after += candidate
        if mask is not None:
            np.copyto(after, before, where=~mask[:, step])
    return out


def gru_backward_shapes(
    hidden: Shape, inner: Shape, gates: Shape, *_: object, reset_after: bool = True, **__: object
) -> list[Shape]:
    steps, units, batch = inner
    return [(steps, (4 if reset_after else 3) * units, batch), (units, batch)]


@kernel(
    gru_backward_shapes,
    room=lambda hidden, inner, *_, **__: float32(inner, hidden[1:], hidden[1:]),
    operations=lambda hidden, inner, gates, recurrent, dy=None, *_, **__: (
        math.prod(inner) * (6 * recurrent[0] + 19 + (dy is not None))
    ),
)
def gru_backward(
    hidden: Array,
    inner: Array,
    gates: Array,
    recurrent_kernel: Array,
    dy: Array | None = None,
    dlast: Array | None = None,
    drop: Array | None = None,
    mask: Array | None = None,
    reset_after: bool = True,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    out: tuple[Array, ...] | None = None,
) -> tuple[Array, ...]:
    """The gradients of what h̃, z and r are activations of, of the product of h for h̃, and of the first state.

    The first two are one array, (steps, 4 · units, batch); without `reset_after` the product has none, and it is
    (steps, 3 · units, batch).  `dy` is the gradient of the sequence of states, (batch, steps, units), `dlast` of the
    last one.
    """
    steps, units, batch = inner.shape
    count = 3 if reset_after else 2  # how many gates h has a product with
    if out is None:
        out = np.empty((steps, (1 + count) * units, batch), gates.dtype), np.empty((units, batch), gates.dtype)
    dgates, dh = out
    dh[...] = 0.0 if dlast is None else dlast.T

    # For all steps at once: the gradients by h; without `reset_after` that of r by what it has made.
    z, r, candidate = gates.reshape(steps, 3, units, batch).swapaxes(0, 1)
    of_candidate, of_z, of_r, *of_inner = dgates.reshape(steps, 1 + count, units, batch).swapaxes(0, 1)
    slope(candidate, activation, of_candidate)
    of_candidate *= 1.0 - z
    slope(z, recurrent_activation, of_z)
    of_z *= hidden[:-1] - candidate
    slope(r, recurrent_activation, of_r)
    if reset_after:
        of_r *= inner
        of_r *= of_candidate
        np.multiply(of_candidate, r, out=of_inner[0])
    else:
        of_r *= hidden[:-1]

    before, dinner = np.empty_like(dh), np.empty_like(dh)
    recurrent = recurrent_kernel[:, : count * units]
    for step in reversed(range(steps)):
        kept = True if mask is None else mask[:, step]
        dgate = dgates[step].reshape(1 + count, units, batch)
        if dy is not None:
            dh += dy[:, step].T
        if reset_after:
            dgate *= dh
        else:
            dgate[:2] *= dh
            np.dot(recurrent_kernel[:, 2 * units :], dgate[0], out=dinner)
            if drop is not None:
                dinner *= drop[2]
            dgate[2] *= dinner
        if mask is not None:
            dgate *= kept
        if drop is None:
            np.dot(recurrent, dgates[step, units:], out=before)
        else:
            by_gate = recurrent.reshape(units, count, units).swapaxes(0, 1)
            np.add.reduce(np.matmul(by_gate, dgate[1:]) * drop[:count], axis=0, out=before)
        if not reset_after:
            dinner *= r[step]
            before += dinner
        np.multiply(dh, z[step], out=dinner)
        before += dinner
        np.copyto(dh, before, where=kept)
    return out
