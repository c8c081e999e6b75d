"""Products for all steps of a recurrent layer at once.

Arrays lie as (steps, gates · units, batch): each gate of a step is one block of memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gen.components.kernels import Array, float32, kernel


def operations_of_projection(x: Any, kernel: Any) -> int:
    """A product for each step."""
    return int(2 * x[2] * x[0] * x[1] * kernel[1])


@kernel(lambda x, kernel: (x[1], kernel[1], x[0]), operations=operations_of_projection, by_row=True, serial=True)
def project_steps(x: Array, kernel: Array, out: Array | None = None) -> Array:
    """x @ kernel for all steps, (batch, steps, features) to (steps, units, batch)."""
    if out is None:
        out = np.empty((x.shape[1], kernel.shape[1], x.shape[0]), x.dtype)
    if len(x) == 1:  # one product for all steps
        np.dot(x[0], kernel, out=out[:, :, 0])
    else:
        np.matmul(kernel.T, x.transpose(1, 2, 0), out=out)
    return out


@kernel(
    lambda x, dgates: (x[1], dgates[1]),
    room=lambda x, dgates: float32((min(16, x[0]) + 1, x[1], dgates[1])),
    operations=lambda x, dgates: (2 * x[2] + 1) * math.prod(x[:2]) * dgates[1],
    by_row=True,
    serial=True,
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
    by_row=True,
    serial=True,
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
    by_row=True,
    serial=True,
)
def bias_gradient(dgates: Array, out: Array | None = None) -> Array:
    """The sum of `dgates`, (steps, gates, batch), over steps and batch; BLAS is fast at that."""
    steps, gates, batch = dgates.shape
    sums = np.dot(dgates.reshape(steps * gates, batch), np.ones(batch, dgates.dtype))
    return np.add.reduce(sums.reshape(steps, gates), axis=0, out=out)
