"""The loop of the LSTM over steps in prediction: it keeps only the states and the gates of one step.

Arrays have the shapes that `recurrent_kernels.py` says.  The inputs come projected, for all steps at once.  With a
small batch, the number of calls limits the speed of a step.  So each result goes where the next call needs it, and one
half is an array, because NumPy takes longer to make an array of a Python number than to multiply by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gen.components.kernels import Array, float32, kernel
from gen.components.layers.recurrent_kernels import operations_of_projection, project_steps
from gen.dims import Shape


@kernel()
def candidate_first(weights: Array) -> Array:
    """Columns of the gates i, f, c̃, o in the order c̃, f, i, o, those of f, i and o halved."""
    gates = weights.reshape(len(weights), 4, -1)[:, [2, 1, 0, 3]]
    gates[:, 1:] *= 0.5
    return gates.reshape(weights.shape)


@kernel(
    lambda x, kernel: (x[1], kernel[1], x[0]),
    room=lambda x, kernel: float32(kernel, kernel),
    operations=operations_of_projection,
    by_row=True,
    serial=True,
)
def lstm_projection(
    x: Array,
    kernel: Array,
    out: Array | None = None,
) -> Array:
    """What the inputs of an LSTM add to its gates c̃, f, i, o, (batch, steps, features) to (steps, 4 · units, batch).

    sigmoid(x) = 1/2 + tanh(x / 2) / 2: with the weights of f, i and o halved, one tanh does for all gates.
    """
    return project_steps(x, candidate_first(kernel), out=out)


LOOP_LIMIT = 32768
"""One loop runs several LSTMs if the square of all units, times the batch, is at most this; see `limit`."""


def output_shape(projected: Shape, recurrent: Shape, *_: object, sequences: bool = False, **__: object) -> Shape:
    steps, batch, units = projected[0], projected[2], recurrent[0]
    return (batch, steps, units) if sequences else (batch, units)


def lstm_predict_shapes(projected: Shape, recurrent: Shape, *_: object, **options: bool) -> list[Shape]:
    return [output_shape(projected, recurrent, sequences=options.get("sequences", False)), (projected[2], recurrent[0])]


def room_for_lstm(projected: Any, recurrent: Any, *_: Any, **__: Any) -> int:
    """The bytes of the weights in the order of the loop, twice while they are copied, and of the arrays of a step."""
    return float32((2, *recurrent), (9 * recurrent[0], projected[2]))


def room_for_lstms(projections: Any, recurrent_kernels: Any, *_: Any, limit: int = LOOP_LIMIT, **__: Any) -> int:
    """The bytes of the arrays of several LSTMs in one loop, or of the largest LSTM alone."""
    (steps, _, batch), units = projections[0], sum(each[0] for each in recurrent_kernels)
    if batch * units * units > limit:
        return max(map(room_for_lstm, projections, recurrent_kernels))
    kernel = (units, 4 * units)
    return float32((steps, 4 * units, batch), kernel) + room_for_lstm((steps, 4 * units, batch), kernel)


def operations_of_lstm(projected: Any, recurrent: Any, *_: Any, **__: Any) -> int:
    """For each step, a product of h with a row of ones, and 19 for each unit: 14 for the gates, 5 for c and h."""
    units = recurrent[0]
    return int(projected[0] * projected[2] * units * (8 * (units + 1) + 19))


def operations_of_lstms(projections: Any, recurrent_kernels: Any, *_: Any, **__: Any) -> int:
    """The operations of each LSTM alone; the zeros of a kernel on a diagonal do not count."""
    return sum(map(operations_of_lstm, projections, recurrent_kernels))


@kernel(lstm_predict_shapes, room=room_for_lstm, operations=operations_of_lstm, by_row=True, serial=True)
def lstm_predict(
    projected: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    h: Array | None = None,
    c: Array | None = None,
    mask: Array | None = None,
    sequences: bool = False,
    out: tuple[Array, ...] | None = None,
) -> tuple[Array, ...]:
    """The last h and c of an LSTM, (batch, units) each; the loop keeps no others.

    `projected` is the `lstm_projection` of the inputs, (steps, 4 · units, batch).  `h` and `c` are
    the first states, (batch, units), or None for zeros.  With `sequences`, the first result is h at
    all steps, (batch, steps, units).
    """
    steps, _, batch = projected.shape
    units, dtype = len(recurrent_kernel), projected.dtype
    if out is None:
        y = np.empty((batch, steps, units) if sequences else (batch, units), dtype)
        out = (y, np.empty((batch, units), dtype))
    y, last_cell = out

    # A row of ones below h adds the bias.
    last_row = np.zeros(4 * units, dtype) if bias is None else bias
    weights = candidate_first(np.vstack((recurrent_kernel, last_row))).T
    state = np.ones((units + 1, batch), dtype)
    hidden = state[:units]
    hidden[...] = 0.0 if h is None else h.T

    # c, c̃, f, i, and o are side by side, so that f · c and i · c̃ are one product.
    room = np.empty((5 * units, batch), dtype)
    cell, output = room[:units], room[4 * units :]
    gates, sigmoids = room[units:], room[2 * units :]
    values, shares = room[: 2 * units], room[2 * units : 4 * units]
    parts = np.empty((2 * units, batch), dtype)
    old_part, new_part = parts[:units], parts[units:]
    cell[...] = 0.0 if c is None else c.T

    half, squashed = np.array(0.5, dtype), np.empty((units, batch), dtype)
    dot, add, multiply, tanh = np.dot, np.add, np.multiply, np.tanh
    for step in range(steps):
        kept = True if mask is None else mask[:, step]
        dot(weights, state, gates)
        add(gates, projected[step], gates)
        tanh(gates, gates)
        multiply(sigmoids, half, sigmoids)
        add(sigmoids, half, sigmoids)
        multiply(values, shares, parts)
        add(old_part, new_part, cell, where=kept)
        tanh(cell, squashed)
        multiply(output, squashed, hidden, where=kept)
        if sequences:
            y[:, step] = hidden.T
    if not sequences:
        y[...] = hidden.T
    last_cell[...] = cell.T
    return out


def may_share_a_loop(projections: tuple[Shape, ...], recurrent_kernels: tuple[Shape, ...], _: object) -> bool:
    """Whether LSTMs have one batch, may have equally many steps, and few enough units for a batch of one row."""
    steps = {each[0] for each in projections if isinstance(each[0], int)}
    units = sum(each[0] for each in recurrent_kernels if isinstance(each[0], int))
    return len({each[2] for each in projections}) == 1 and len(steps) < 2 and units * units <= LOOP_LIMIT


@kernel(
    room=room_for_lstms,
    operations=operations_of_lstms,
    joins=lstm_predict,
    fits=may_share_a_loop,
    by_row=True,
    serial=True,
)
def lstm_predict_jointly(
    projections: tuple[Array, ...],
    recurrent_kernels: tuple[Array, ...],
    biases: tuple[Array, ...],
    sequences: bool = False,
    limit: int = 32768,
    *,
    out: tuple[Array, ...],
) -> tuple[Array, ...]:
    """The results of `lstm_predict` for several LSTMs: the last h and c, the last h and c, …

    One loop runs them side by side if they have equally many steps and a step is cheap: the square
    of all units, times the batch, is at most `limit`.
    """
    steps, _, batch = projections[0].shape
    units = sum(len(each) for each in recurrent_kernels)
    if any(len(each) != steps for each in projections) or batch * units * units > limit:
        for place, projected in enumerate(projections):
            results = out[2 * place : 2 * place + 2]
            lstm_predict(projected, recurrent_kernels[place], biases[place], sequences=sequences, out=results)
        return out

    # For each gate, the units of all LSTMs side by side; the recurrent kernels on a diagonal.
    projected = np.concatenate([each.reshape(steps, 4, -1, batch) for each in projections], axis=2)
    bias = np.concatenate([each.reshape(4, -1) for each in biases], axis=1)
    recurrent_kernel = np.zeros((units, 4, units), bias.dtype)
    parts, start = [], 0
    for each in recurrent_kernels:
        parts.append(slice(start, start + len(each)))
        recurrent_kernel[parts[-1], :, parts[-1]] = each.reshape(len(each), 4, -1)
        start += len(each)

    y, cell = lstm_predict(
        projected.reshape(steps, 4 * units, batch),
        recurrent_kernel.reshape(units, 4 * units),
        bias.reshape(4 * units),
        sequences=sequences,
    )
    for place, part in enumerate(parts):
        out[2 * place][...] = y[..., part]
        out[2 * place + 1][...] = cell[..., part]
    return out
