"""Kernels: plain functions that the compiler copies into the generated file, once each, if it uses them.

A rule calls a kernel as it calls NumPy.  Write a kernel for a computation that is too long to inline, or that needs
indexing or a loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np

from gen.components.scope import Scope
from gen.dims import Shape
from gen.dtypes import FLOAT

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""An array of any shape and dtype; the generated file defines the same name."""

# --------------------------------------------------------------------------------------------------------- the registry


@dataclass(frozen=True)
class Kernel:
    """A function to copy, and the shape of its result, from the shapes of its arrays and its other arguments.

    A list of shapes stands for several results, which the function returns as a tuple.  The dtype `"rows"`, with the
    shape (), stands for the gradient of a table: a tuple of distinct ids and a row for each.  The dtype `"first"` is
    that of the first array, and `"number"` a Python number, made of numbers alone.

    `room` gives the bytes that the function allocates for itself while it runs, without results, in float32 and for
    known shapes.  `operations` gives its floating-point operations, counted as `gen/program/cost/flops.py` says; None
    means one for each number of the results.
    """

    function: Callable[..., Any]
    shape: Callable[..., Shape | list[Shape]]
    dtype: str = "float"
    overwrites: bool = False
    """Whether the function overwrites its first argument, and its result may be a view of it."""
    room: Callable[..., int] = lambda *_, **__: 0
    operations: Callable[..., int] | None = None
    joins: Callable[..., Any] | None = None
    """The kernel of which it does several calls at once, if it does.

    It takes a tuple of theirs for each argument, and the options that all have, and fills the results of all in turn.
    """
    fits: Callable[..., bool] = lambda *_: True
    """Whether that can be worth it, for a tuple of shapes for each argument."""
    by_row: bool = False
    """Whether it keeps the rows of a batch apart.

    Then a row of a result comes from the same row of the arguments, and a result without rows is a sum over rows.  A
    parameter `axis` or `axes` counts those of the first argument.
    """
    serial: bool = False
    """Whether more threads do not make it faster: BLAS does most of it in several threads, or in many short calls."""
    by_shape: bool = False
    """Whether its results depend on the shapes of arrays alone, and have no rows."""
    linear: bool = False
    """Whether it makes the sum of its results of the sum of its first arguments, where all others are the same."""

    @property
    def fills(self) -> bool:
        """Whether the function takes `out=`, the array for its result."""
        return "out" in self.function.__annotations__


kernels: Scope[Kernel] = Scope("kernel")
"""Every kernel by the name of its function."""

F = TypeVar("F", bound=Callable[..., Any])


def kernel(
    shape: Callable[..., Shape | list[Shape]] = lambda first, *_: first,
    dtype: str = "float",
    overwrites: bool = False,
    room: Callable[..., int] = lambda *_, **__: 0,
    operations: Callable[..., int] | None = None,
    joins: Callable[..., Any] | None = None,
    fits: Callable[..., bool] = lambda *_: True,
    by_row: bool = False,
    serial: bool = False,
    by_shape: bool = False,
    linear: bool = False,
) -> Callable[[F], F]:
    """Register a function as a kernel; `shape` gives the shape of its result, by default that of its first argument.

    `Kernel` describes `room`, for a kernel whose temporary memory grows with its arrays, and `operations`, for a kernel
    that does more or less than one operation for each number of its result, `joins` and `fits`, for one that does
    several calls of another at once, and what says whether slices of a batch may call it: `by_row`, `by_shape`,
    `linear`, and whether that makes it faster: `serial`.
    """

    def register(function: F) -> F:
        facts = (shape, dtype, overwrites, room, operations, joins, fits, by_row, serial, by_shape, linear)
        kernels[function.__name__] = Kernel(function, *facts)
        return function

    return register


def float32(*shapes: Any) -> int:
    """The bytes of float32 arrays of these shapes, to use in the `room` of a kernel."""
    return sum(FLOAT * math.prod(shape) for shape in shapes)


def no_operations(*_: Any, **__: Any) -> int:
    """The operations of a kernel that only moves numbers: none."""
    return 0


# -------------------------------------------------------------------------------------------------------------- blocks


def block_of(x: Any, arrays: int = 1) -> int:
    """The bytes of so many arrays for the rows of `x` that a kernel works on at a time, as `cuts` gives them."""
    row = float32(x[1:])
    rows: int = min(x[0], max(1, (1 << 17) // row))
    return arrays * rows * row


@kernel()
def cuts(count: int, size: int, limit: int = 1 << 17) -> Iterator[slice]:
    """Slices of `count` rows of `size` bytes: `limit` bytes, which stay in a cache, or a row."""
    rows = max(1, limit // max(1, size))
    for start in range(0, count, rows):
        yield slice(start, min(count, start + rows))


# --------------------------------------------------------------------------------------------------------- activations


@kernel(operations=lambda x, coefficients: 2 * (len(coefficients) - 1) * math.prod(x), by_row=True)
def polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """The polynomial with these coefficients, highest power first, at `x`, by Horner's rule."""
    value = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        value += coefficient
        value *= x
    value += coefficients[-1]
    return value


@kernel(room=lambda x: block_of((math.prod(x),), 3), operations=lambda x: 16 * math.prod(x), by_row=True)
def erf(x: Array, out: Array | None = None) -> Array:
    """The error function, to the last digits of the dtype; `out` may be `x`.

    In float32, it is tanh(x · p(x²)), with the polynomial p of degree 6 whose greatest error, 6e-8,
    is the least (fitted to erf by reweighted least squares).
    """
    if out is None:
        out = np.empty(x.shape, x.dtype)
    p = (1.58950389e-7, -5.98555469e-6, 8.97119201e-5, -6.25718139e-4)
    p_low = (-1.84385044e-4, 1.02765482e-1, 1.12837971)
    numbers, results = x.reshape(-1), out.reshape(-1)
    most = np.full(min(x.size, 1 << 15), 13.0, x.dtype)  # beyond, erf is 1
    for block in cuts(x.size, x.itemsize):
        part, result = numbers[block], results[block]
        if x.dtype == np.float64:
            result[...] = erf_in_float64(part)
        else:
            square = part * part
            value = polynomial(np.minimum(square, most[: len(part)], out=square), (*p, *p_low))
            value *= part
            np.tanh(value, out=result)
    return out


@kernel()
def erf_in_float64(x: Array) -> Array:
    """The error function to the last digits of float64.

    W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969). His
    second approximation also serves beyond 4: 1 - erf is so small there that its relative error
    does not show.
    """
    p = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2)
    q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
    square = np.minimum(x * x, 0.25)
    near: Array = x * (polynomial(square, (*p, 3.20937758913846947e3)) / polynomial(square, q))

    p = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1)
    p_low = (2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3)
    q_high = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3)
    q_low = (3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)
    size = np.minimum(np.abs(x), 6.0)
    rest = polynomial(size, (*p, *p_low, 1.23033935479799725e3)) / polynomial(size, (*q_high, *q_low))
    far = np.copysign(1.0 - np.exp(-size * size) * rest, x)
    return np.where(size < 0.5, near, far)


@kernel(
    lambda x, approximate=False: [x, x],
    room=lambda x, approximate=False: block_of((math.prod(x),), 3),
    operations=lambda x, approximate=False: (8 if approximate else 20) * math.prod(x),
    by_row=True,
)
def gelu(x: Array, approximate: bool = False, out: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    """x · Φ(x), and Φ(x), the normal distribution function."""
    if out is None:
        out = (np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype))
    numbers, results, gates = x.reshape(-1), out[0].reshape(-1), out[1].reshape(-1)
    for block in cuts(x.size, x.itemsize):
        part, gate = numbers[block], gates[block]
        if approximate:
            root = math.sqrt(2 / math.pi)
            np.multiply(part, part, out=gate)
            gate *= 0.044715 * root
            gate += root
            gate *= part
            np.tanh(gate, out=gate)
        else:
            erf(np.multiply(part, math.sqrt(0.5), out=gate), out=gate)
        gate *= 0.5
        gate += 0.5
        np.multiply(part, gate, out=results[block])
    return out


@kernel(
    room=lambda dy, x, gate, approximate=False: block_of((math.prod(x),), 2 if approximate else 1),
    operations=lambda dy, x, gate, approximate=False: (9 if approximate else 7) * math.prod(x),
    by_row=True,
)
def gelu_gradient(dy: Array, x: Array, gate: Array, approximate: bool = False, out: Array | None = None) -> Array:
    """The gradient of x, from x and the second result of `gelu`: dy · (gate + x · the slope of gate)."""
    if out is None:
        out = np.empty(x.shape, x.dtype)
    dys, numbers, gates, results = dy.reshape(-1), x.reshape(-1), gate.reshape(-1), out.reshape(-1)
    for block in cuts(x.size, x.itemsize):
        part, share, root = numbers[block], gates[block], math.sqrt(2 / math.pi)
        slope = part * part
        if approximate:
            slope *= 2 * 0.134145 * root
            slope += 2 * root
            slope *= share
            slope *= 1.0 - share
        else:
            slope *= -0.5
            np.exp(slope, out=slope)
            slope *= 0.5 * root
        slope *= part
        slope += share
        np.multiply(dys[block], slope, out=results[block])
    return out


@kernel(lambda x, axis: x, room=lambda x, axis: 7 * float32(x), by_row=True)
def sparsemax_share(x: Array, axis: int) -> Array:
    """The share of each value in sparsemax's threshold: (k - rank) / k for the k in the support."""
    x = np.moveaxis(x, axis, -1)
    order = np.argsort(-x, axis=-1, kind="stable")
    descending = np.take_along_axis(x, order, axis=-1)
    ranks = np.arange(x.shape[-1], dtype=x.dtype)
    support = descending - (np.add.accumulate(descending, axis=-1) - 1.0) / (ranks + 1.0) > 0.0
    count = np.add.reduce(support, axis=-1, keepdims=True, dtype=x.dtype)
    share = np.empty_like(x)
    np.put_along_axis(share, order, support * (count - ranks) / count, axis=-1)
    return np.moveaxis(share, -1, axis)


# -------------------------------------------------------------------------------------------------- gradients of tables


def room_for_sums(rows: Any, ids: Any) -> int:
    """The bytes that `sum_by_id` needs: the order of the ids, and a block of rows."""
    count: int = math.prod(ids)
    return 48 * count + float32((2 * min(count, 512), rows[-1]))


def room_for_all_sums(gradients: Any) -> int:
    """The bytes of the gradients of all calls of a table, which exist already, and of their concatenation.

    Each gradient stands for the arguments that it comes from: rows and ids, or first those of a gradient of products,
    (dy, ids, table, …).
    """
    calls = [(first[1], first[2][-1]) if isinstance(first, list) else (ids, first[-1]) for first, ids, *_ in gradients]
    rows = (sum(math.prod(ids) for ids, _ in calls), calls[0][1])
    return float32(rows, rows) + room_for_sums(rows, rows[:1])


@kernel(
    lambda rows, ids: (),
    dtype="rows",
    overwrites=True,
    room=room_for_sums,
    operations=lambda rows, ids: math.prod(rows),
    by_row=True,
)
def sum_by_id(rows: Array, ids: Array) -> tuple[Array, Array]:
    """The gradient of a table: the distinct ids, by first place, and the sum of each id's rows.

    `rows` is (…, features) and `ids` (…), to (distinct,) and (distinct, features).  It works in the
    memory of `rows`: it adds up each sum at the first place of its id, and then moves the sums
    together.
    """
    rows, ids = rows.reshape(-1, rows.shape[-1]), ids.reshape(-1).astype(np.intp)
    order = np.argsort(ids.astype(np.uint16), kind="stable")  # a radix sort, by 16 bits at a time
    for bits in range(16, int(ids.max(initial=0)).bit_length(), 16):
        order = order[np.argsort((ids[order] >> bits).astype(np.uint16), kind="stable")]
    in_order = ids[order]
    starts = np.flatnonzero(np.concatenate([[True], in_order[1:] != in_order[:-1]])[: len(ids)])
    if len(starts) == len(ids):
        return ids, rows
    counts, first = np.diff(starts, append=len(ids)), order[starts]
    # ids that occur often: a block of rows at a time; all others: their second rows, their third, …
    many = 32  # times that an id occurs, above which its rows are added apart
    some = 256  # rows of an id at a time, which stay in the cache
    often = counts > many
    for start, count, place in np.stack([starts, counts, first], axis=1)[often].tolist():
        stop = start + count
        parts = (order[i : min(i + some, stop)] for i in range(start, stop, some))
        rows[place] = sum(np.add.reduce(rows.take(part, 0), axis=0) for part in parts)
    several = np.flatnonzero((counts > 1) & ~often)
    several = several[np.argsort(-counts[several], kind="stable")]
    block = 512  # sums at a time, which stay in the cache
    for i in range(0, len(several), block):
        part = several[i : i + block]
        sums = rows.take(first[part], 0)
        for place in range(1, int(counts[part[0]])):
            more = part[: np.count_nonzero(counts[part] > place)]
            sums[: len(more)] += rows.take(order[starts[more] + place], 0)
        rows[first[part]] = sums
    is_first = np.zeros(len(ids), bool)
    is_first[first] = True
    first = np.flatnonzero(is_first)
    for i in range(0, len(first), block):  # this never overwrites a sum that has not moved yet
        part = first[i : i + block]
        rows[i : i + len(part)] = rows.take(part, 0)
    return ids[first], rows[: len(first)]


@kernel(lambda *_: (), dtype="rows", room=room_for_all_sums, operations=no_operations)
def sum_all_by_id(gradients: tuple[tuple[Array, Array], ...]) -> tuple[Array, Array]:
    """The gradient of a table with several uses: the sum over the uses."""
    ids, rows = zip(*gradients, strict=True)
    return sum_by_id(np.concatenate(rows), np.concatenate(ids))


@kernel(lambda gradient, table: table, operations=no_operations, linear=True)
def as_dense(gradient: tuple[Array, Array], table: Array, out: Array | None = None) -> Array:
    """The gradient of `table`, (vocabulary, features), from its ids and rows; other rows are 0."""
    if out is None:
        out = np.empty_like(table)
    ids, rows = gradient
    out.fill(0.0)
    out[ids] = rows
    return out


# -------------------------------------------------------------------------------------------------------------- losses


@kernel(lambda x, ids: (ids[0],), operations=no_operations, by_row=True)
def pick(x: Array, ids: Array) -> Array:
    """The entry of each row of `x` that `ids` names: (rows, classes) and (rows,) to (rows,)."""
    chosen: Array = x[np.arange(len(ids)), ids]
    return chosen


@kernel(operations=lambda x, ids: math.prod(ids), by_row=True)
def minus_one_hot(x: Array, ids: Array, out: Array | None = None) -> Array:
    """`x`, with 1 subtracted from the entry of each row that `ids` names."""
    if out is None:
        out = np.empty_like(x)
    if out is not x:
        np.copyto(out, x)
    out[np.arange(len(ids)), ids] -= 1.0
    return out


@kernel(lambda ids, like: like, operations=no_operations, by_row=True)
def one_hot(ids: Array, like: Array, out: Array | None = None) -> Array:
    """Zeros in the shape of `like`, (rows, classes), with a 1 in each row at its id."""
    if out is None:
        out = np.empty_like(like)
    out.fill(0.0)
    out[np.arange(len(ids)), ids] = 1.0
    return out


# -------------------------------------------------------------------------------------------------------- initializers


@kernel()
def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs and outputs a weight of this shape connects; a window counts too."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


@kernel()
def draw_truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draws from the normal distribution; draws beyond two standard deviations are repeated."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2.0
    while outside.any():
        values[outside] = rng.standard_normal(np.count_nonzero(outside))
        outside = np.abs(values) > 2.0
    return values


# ----------------------------------------------------------------------------------------------------------- optimizers


@kernel()
def clip_by_value(gradient: Array, limit: float) -> None:
    """Limit every entry of the gradient to the range from `-limit` to `limit`, in place."""
    np.clip(gradient, -limit, limit, out=gradient)


@kernel()
def clip_by_norm(gradients: list[Array], limit: float) -> None:
    """Scale down, in place, the gradient of each weight whose norm exceeds `limit`."""
    for gradient in gradients:
        clip_by_global_norm(gradient, limit)


@kernel()
def clip_by_global_norm(gradient: Array, limit: float) -> None:
    """Scale the gradient down, in place, if its norm exceeds `limit`."""
    norm = math.sqrt(float(np.vdot(gradient, gradient)))
    if norm > limit:
        gradient *= limit / norm


@kernel(dtype="number")
def nadam_product(beta: float, step: int) -> float:
    """The product of Nadam's momentums, beta · (1 - 0.96^t / 2), up to a step; they are beta from 900 on."""
    steps = np.arange(1, min(step, 900) + 1)
    return float(beta**step * np.prod(1.0 - 0.5 * 0.96**steps))


# -------------------------------------------------------------------------------------------------------------- metrics


@kernel()
def quotient(part: Array, whole: Array) -> Array:
    """`part / whole`, and 0 where `whole` is 0."""
    empty = whole == 0
    result: Array = np.where(empty, 0.0, part / np.where(empty, 1.0, whole))
    return result


@kernel(lambda *_: ())
def interpolated_precision(right: Array, wrong: Array) -> float:
    """The area under precision over recall, interpolated as in Davis and Goadrich, 2006."""
    found = right + wrong
    gain = right[:-1] - right[1:]
    slope = quotient(gain, found[:-1] - found[1:])
    intercept = right[1:] - slope * found[1:]
    growth = quotient(found[:-1], found[1:])
    area = slope * (gain + intercept * np.log(np.where(growth > 0.0, growth, 1.0)))
    return float(np.add.reduce(quotient(area, right[0])))


@kernel()
def among_greatest(values: Array, k: int) -> Array:
    """Which values are among the k greatest of their row; of equal ones, the first."""
    chosen = np.argsort(-values, axis=1, kind="stable")[:, :k]
    among = np.zeros(values.shape, bool)
    np.put_along_axis(among, chosen, True, axis=1)
    return among


@kernel()
def counts_above(values: Array, thresholds: int) -> Array:
    """How many values from 0 to 1 exceed each of the evenly spaced thresholds; all count at 0."""
    bucket = np.maximum(np.ceil(np.clip(values, 0.0, 1.0) * (thresholds - 1)) - 1.0, 0.0).astype(np.intp)
    counts: Array = np.bincount(bucket, minlength=thresholds)[::-1].cumsum()[::-1].astype(np.float64)
    return counts
