"""An embedding and the projection after it, computed once for each distinct id.

If a dense layer or a convolution takes rows of a table, its product for an id is the same wherever the id stands.  So
each distinct row is multiplied by the kernel once, and the products are gathered; a convolution also shifts and adds
them.  In the same way, the gradient is first summed by id and then multiplied.  Exact, except for the order of
additions.

The kernel of a dense layer is (features, filters); the kernel of a convolution over steps is (width, features,
filters).  Products are (width, rows, filters); their first row is 0 and stands for the places outside the steps.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from gen.components.kernels import Array, cuts, float32, kernel, no_operations, room_for_sums, sum_by_id
from gen.components.layers.convolution_kernels import correlate, correlated
from gen.components.layers.windows import zeros_around
from gen.dims import Shape


def correlated_rows(ids: Shape, table: Any, kernel: Any, padding: str = "valid", dilation: Any = None) -> Shape:
    """The shape of the result of `correlate_embedded`."""
    return correlated((*ids, table[-1]), kernel, padding, None, dilation)


# ---------------------------------------------------------------------------------------- how much memory kernels need


def counts(ids: Any, table: Any, kernel: Any) -> tuple[int, int, int]:
    """The number of ids, the largest number of distinct ids that is worth it, and the products of each."""
    tokens, (vocabulary, features) = math.prod(ids), table
    most = min(vocabulary, int(tokens * max(0.0, 0.9 - 32.0 / features)))
    return tokens, most, math.prod(kernel) // features


def room_to_project(ids: Any, table: Any, kernel: Any, *_: Any, **__: Any) -> int:
    """The bytes for as many distinct ids as are projected once, or for tiles in the plain way."""
    tokens, distinct, products = counts(ids, table, kernel)
    once: int = float32((distinct + 1, products)) + max(float32((distinct, table[1])), 8 * table[0] + 16 * tokens)
    some: int = tokens if len(kernel) == 2 else min(tokens, max((1 << 20) // table[1], ids[-1]))
    plain = float32((some, table[1])) + 8 * some + min(1 << 21, float32((tokens, products)))
    return max(once, plain)


def room_to_remember(ids: Any, table: Any, kernel: Any, *_: Any, **__: Any) -> int:
    """The bytes of a full memory of products, and of the arrays for a batch."""
    tokens, _most, products = counts(ids, table, kernel)
    if tokens < 64:
        return room_to_project(ids, table, kernel)
    each = table[1] + products
    kept = 1 + min(table[0], max(2 * math.prod(table), 1 << 23) // each)
    distinct = min(tokens, table[0])
    batch = max(float32((min(distinct, kept - 1), table[1] + each)), float32((distinct, each))) + 16 * tokens
    return float32((kept, each), (2, table[0]), kernel) + batch


def padded_gradient(dy: Any, ids: Any, kernel: Any) -> int:
    """The bytes of a copy of `dy` with zeros between the rows of the batch, as many as the window is wide."""
    return float32((dy[0], ids[-1] + kernel[0], dy[-1])) if len(kernel) == 3 else 0


def room_by_id(dy: Any, ids: Any, table: Any, width: int = 0, *_: Any, **__: Any) -> int:
    """The bytes of the gradient by ids, and of the arrays that it comes from."""
    kernel = (width, table[1], dy[-1]) if width else (table[1], dy[-1])
    tokens, distinct, products = counts(ids, table, kernel)
    return float32((distinct, products)) + padded_gradient(dy, ids, kernel) + 48 * tokens + (1 << 20)


def room_for_table(gradient: Any, kernel: Any) -> int:
    """The bytes of the gradient by ids, which exists already, and of the rows of its product."""
    dy, ids, table = gradient[:3]
    tokens, distinct, products = counts(ids, table, kernel)
    plain = padded_gradient(dy, ids, kernel) + float32((tokens, table[1])) + room_for_sums(table, ids)
    summed = float32((distinct, products), (distinct, table[1])) + room_for_sums(table, (distinct,))
    return max(plain, summed)


def room_for_kernel(gradient: Any, table: Any, kernel: Any, *_: Any, **__: Any) -> int:
    """The bytes of the gradients by ids, of products, and of rows, which exist already, and of sums."""
    dy, ids = gradient[:2]
    tokens, distinct, products = counts(ids, table, kernel)
    plain = padded_gradient(dy, ids, kernel) + float32((tokens, table[1]))
    some = min(tokens, max(1, (1 << 19) // products))
    summed = float32((distinct, products), (distinct, table[1]))
    return max(plain, summed) + float32(kernel, kernel, (some, table[1]))


# -------------------------------------------------------------------------------------------------------------- forward


@kernel()
def repeats_pay(distinct: int, tokens: int, features: int) -> bool:
    """Whether it is faster to project each distinct id and gather the products than every token.

    The cost of a product grows with the number of features; the cost of moving it does not.
    Measured in float32 on two cores: with 256 features, three of four ids may be distinct; with
    128, two of three; with 64, two of five.
    """
    share = 0.9 - 32.0 / features  # of the tokens
    return distinct <= tokens * share


@kernel(dtype="intp")
def distinct_ids(ids: Array, vocabulary: int) -> Array:
    """The distinct ids, in order."""
    seen = np.zeros(vocabulary, bool)
    seen[ids] = True
    return np.flatnonzero(seen)


@kernel(dtype="intp")
def places_among(ids: Array, distinct: Array, vocabulary: int) -> Array:
    """The place in `distinct` of each of `ids`; the entries for other ids are not initialized."""
    places = np.empty(vocabulary, np.intp)
    places[distinct] = np.arange(len(distinct))
    found: Array = places[ids]
    return found


def operations_to_project(ids: Any, table: Any, kernel: Any, *_: Any, **__: Any) -> int:
    """A product for each token, as if every id were distinct."""
    return int(2 * math.prod(ids) * math.prod(kernel))


def operations_to_correlate(ids: Any, table: Any, kernel: Any, *options: Any, **named: Any) -> int:
    """A product for each place of the windows, as if every id were distinct."""
    return int(2 * math.prod(correlated_rows(ids, table, kernel, *options, **named)) * math.prod(kernel[:-1]))


def operations_of_gradient(gradient: Any, *_: Any, **__: Any) -> int:
    """A product for each token and place of the kernel; `gradient` stands for (dy, ids, table, …)."""
    dy, ids, table = gradient[:3]
    width = gradient[3] if len(gradient) > 3 else 1
    return int(2 * width * math.prod(ids) * table[1] * dy[-1])


@kernel(
    lambda ids, table, kernel: (*ids, kernel[-1]), room=room_to_project, operations=operations_to_project, by_row=True
)
def project_embedded(ids: Array, table: Array, kernel: Array, out: Array | None = None) -> Array:
    """`table[ids] @ kernel`: (…) to (…, filters)."""
    distinct = distinct_ids(ids, len(table))
    if not repeats_pay(len(distinct), ids.size, table.shape[1]):
        return np.matmul(np.take(table, ids, axis=0, mode="clip"), kernel, out=out)
    products = products_of(np.take(table, distinct, axis=0, mode="clip"), kernel)
    return np.take(products[0], places_among(ids, distinct, len(table)) + 1, axis=0, mode="clip", out=out)


@kernel(correlated_rows, room=room_to_project, operations=operations_to_correlate, by_row=True)
def correlate_embedded(
    ids: Array,
    table: Array,
    kernel: Array,
    padding: str = "valid",
    dilation: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """`correlate(table[ids], kernel)`: (batch, steps) to (batch, positions, filters)."""
    distinct = distinct_ids(ids, len(table))
    if not repeats_pay(len(distinct), ids.size, table.shape[1]):
        return correlate_tokens(ids, table, kernel, padding=padding, dilation=dilation, out=out)
    products = products_of(np.take(table, distinct, axis=0, mode="clip"), kernel)
    places = places_among(ids, distinct, len(table)) + 1
    return add_products(products, places, padding=padding, dilation=dilation, out=out)


@kernel(lambda rows, kernel: (kernel[0] if len(kernel) == 3 else 1, rows[0] + 1, kernel[-1]))
def products_of(rows: Array, kernel: Array) -> Array:
    """The products of rows, (rows, features), with each place of the kernel, after a row of 0."""
    matrices = kernel.reshape(-1, *kernel.shape[-2:])
    products = np.empty((len(matrices), len(rows) + 1, kernel.shape[-1]), rows.dtype)
    products[:, 0] = 0.0
    np.matmul(rows, matrices, out=products[:, 1:])
    return products


@kernel()
def empty_positions(
    like: Array, ids: Array, width: int, filters: int, padding: str = "valid", dilation: tuple[int, ...] | None = None
) -> Array:
    """An empty array, (batch, positions, filters), for a convolution over `ids`, (batch, steps)."""
    rates = dilation or (1,)
    ((before, after),) = zeros_around(ids.shape[1:], (width,), (1,), rates, padding)
    positions = ids.shape[1] + before + after - (width - 1) * rates[0]
    return np.empty((len(ids), positions, filters), like.dtype)


@kernel()
def add_products(
    products: Array,
    places: Array,
    padding: str = "valid",
    dilation: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """Add the `products` of each window; `places` says which row of them each token has.

    `places` is (batch, steps), the result (batch, positions, filters).  The kernel works on a few
    batch rows at a time, which stay in the cache.
    """
    width, _, filters = products.shape
    if out is None:
        out = empty_positions(products, places, width, filters, padding=padding, dilation=dilation)
    rates = dilation or (1,)
    around = zeros_around(places.shape[1:], (width,), (1,), rates, padding)
    if around != ((0, 0),):
        places = np.pad(places, ((0, 0), *around))
    positions = out.shape[1]
    limit = 1 << 16  # numbers of the result: so many stay in the cache, with as many products
    for rows in cuts(len(out), positions * filters, limit):
        part, sums = places[rows], out[rows]
        np.take(products[0], part[:, :positions], axis=0, mode="clip", out=sums)
        more = np.empty_like(sums)
        for place in range(1, width):
            start = place * rates[0]
            np.take(products[place], part[:, start : start + positions], axis=0, mode="clip", out=more)
            sums += more
    return out


@kernel()
def correlate_tokens(
    ids: Array,
    table: Array,
    kernel: Array,
    padding: str = "valid",
    dilation: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """`correlate_embedded` in the plain way, a few rows of the batch at a time."""
    if out is None:
        out = empty_positions(table, ids, len(kernel), kernel.shape[-1], padding=padding, dilation=dilation)
    limit = 1 << 20  # numbers out of the table
    for part in cuts(len(ids), ids.shape[1] * table.shape[1], limit):
        rows = np.take(table, ids[part], axis=0, mode="clip")
        correlate(rows, kernel, padding=padding, dilation=dilation, out=out[part])
    return out


# ----------------------------------------------------------------------------------------------------------- prediction


class ProjectedRows:
    """Rows of a table times a kernel, remembered from one prediction to the next.

    Weights may change at any time.  So each product stands beside the row and the kernel that it
    was computed from; each use compares them, and computes outdated products again.  The memory
    most (or that of `LEAST` numbers, if that is more); when it is full, all is forgotten.  Threads may share it.
    """

    LEAST = 1 << 23  # numbers that there is room for beside a small table

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kernel = self.rows = self.products = self.places = np.empty(0)
        self.count = 0

    def find(self, ids: Array, table: Array, kernel: Array) -> tuple[Array, Array]:
        """The products, as from `products_of`, and the row of each of the distinct `ids` in them."""
        rows = np.take(table, ids, axis=0, mode="clip")
        with self.lock:
            if not np.array_equal(kernel, self.kernel):
                self.forget(table, kernel)
            places = self.places[ids]
            new = places == 0
            if self.count + np.count_nonzero(new) > len(self.rows):
                if len(ids) >= len(self.rows):
                    return products_of(rows, self.kernel), np.arange(1, len(ids) + 1)
                self.forget(table, kernel)
                places, new = np.zeros_like(places), np.ones_like(new)
            count = self.count + int(np.count_nonzero(new))
            places[new] = np.arange(self.count, count)
            changed = new
            if not np.all(new):
                changed = new | np.any(self.rows[places] != rows, axis=1)
            if np.any(changed):
                # This order makes sure that an interruption leaves no row marked as known.
                self.products[:, places[changed]] = products_of(rows[changed], self.kernel)[:, 1:]
                self.rows[places[changed]] = rows[changed]
                self.count = count
                self.places[ids] = places
            return self.products, places

    def forget(self, table: Array, kernel: Array) -> None:
        """Start again with new arrays, because another thread may still read the old products."""
        width, filters = kernel.size // math.prod(kernel.shape[-2:]), kernel.shape[-1]
        room = max(2 * table.size, self.LEAST) // (table.shape[1] + width * filters)
        room = 1 + min(len(table), room)  # the first row stays 0
        self.kernel = np.empty(0)
        self.rows = np.empty((room, table.shape[1]), table.dtype)
        self.products = np.empty((width, room, filters), table.dtype)
        self.products[:, 0] = 0.0
        self.places, self.count = np.zeros(len(table), np.intp), 1
        self.kernel = kernel.copy()


@kernel(
    lambda ids, table, kernel, memory: (*ids, kernel[-1]),
    room=room_to_remember,
    operations=operations_to_project,
    by_row=True,
)
def project_remembered(
    ids: Array, table: Array, kernel: Array, memory: ProjectedRows, out: Array | None = None
) -> Array:
    """`project_embedded`, with products that `memory` keeps from earlier predictions.

    For a few ids, it is faster to multiply than to check whether the kernel has changed.
    """
    few = 64  # with so many, comparing the kernel begins to pay
    if ids.size < few:
        return np.matmul(np.take(table, ids, axis=0, mode="clip"), kernel, out=out)
    distinct = distinct_ids(ids, len(table))
    products, rows = memory.find(distinct, table, kernel)
    places = rows[places_among(ids, distinct, len(table))]
    return np.take(products[0], places, axis=0, mode="clip", out=out)


@kernel(
    lambda ids, table, kernel, memory, *options: correlated_rows(ids, table, kernel, *options),
    room=room_to_remember,
    operations=lambda ids, table, kernel, memory, *options: operations_to_correlate(ids, table, kernel, *options),
    by_row=True,
)
def correlate_remembered(
    ids: Array,
    table: Array,
    kernel: Array,
    memory: ProjectedRows,
    padding: str = "valid",
    dilation: tuple[int, ...] | None = None,
    out: Array | None = None,
) -> Array:
    """`correlate_embedded`, with products that `memory` keeps from earlier predictions.

    For a few ids, it is faster to multiply than to check whether the kernel has changed.
    """
    few = 64  # with so many, comparing the kernel begins to pay
    if ids.size < few:
        return correlate_tokens(ids, table, kernel, padding=padding, dilation=dilation, out=out)
    distinct = distinct_ids(ids, len(table))
    products, rows = memory.find(distinct, table, kernel)
    places = rows[places_among(ids, distinct, len(table))]
    return add_products(products, places, padding=padding, dilation=dilation, out=out)


# ------------------------------------------------------------------------------------------------------------- backward


@kernel()
def windows_of_tokens(dy: Array, steps: int, width: int, rate: int, before: int) -> Array:
    """The numbers of `dy` to which each token contributes, last place first.

    `dy` is (batch, positions, filters), the result (batch, steps, width, filters): a view of a copy
    that has zeros between the rows of the batch.
    """
    batch, positions, filters = dy.shape
    reach = (width - 1) * rate
    pitch = positions + reach
    padded = np.zeros((reach + batch * pitch, filters), dy.dtype)
    inside = padded[reach - before : reach - before + batch * pitch]
    inside.reshape(batch, pitch, filters)[:, :positions] = dy
    step, item = padded.strides
    shape, strides = (batch, steps, width, filters), (pitch * step, step, rate * step, item)
    return np.lib.stride_tricks.as_strided(padded, shape, strides, writeable=False)


@kernel(lambda *_: (), dtype="rows", room=room_by_id, operations=no_operations, by_row=True)
def correlated_by_id(
    dy: Array, ids: Array, table: Array, width: int, padding: str = "valid", dilation: tuple[int, ...] | None = None
) -> tuple[Array, Array]:
    """`projected_by_id` for a convolution, with all places of its kernel, last place first."""
    rates = dilation or (1,)
    ((before, _),) = zeros_around(ids.shape[1:], (width,), (1,), rates, padding)
    return projected_by_id(windows_of_tokens(dy, ids.shape[1], width, rates[0], before), ids, table)


@kernel(lambda *_: (), dtype="rows", room=room_by_id, operations=no_operations, by_row=True)
def projected_by_id(dy: Array, ids: Array, table: Array) -> tuple[Array, Array]:
    """The gradient of the products: the distinct ids, and for each the sum of `dy` over its places.

    `ids` is (…), `dy` is (…, filters) or (…, width, filters).  The results have one axis in place
    of the axes of `ids`. If ids hardly repeat, the results are `ids` and `dy` themselves.
    """
    distinct = distinct_ids(ids, len(table))
    if not repeats_pay(len(distinct), ids.size, table.shape[1]):
        return ids, dy
    places = places_among(ids.reshape(-1), distinct, len(table))
    counts = np.bincount(places)
    starts = np.cumsum(counts) - counts
    order = np.argsort(places.astype(np.min_scalar_type(len(distinct))), kind="stable")  # small numbers by radix
    tokens = np.unravel_index(order, ids.shape)
    shape = dy.shape[ids.ndim :]
    sums = np.empty((len(distinct), *shape), dy.dtype)
    # ids that occur often: a block of places at a time; all others: their first places, second, …
    many = 16  # times that an id occurs, above which what it has is added apart
    some = 256  # of these at a time, which stay in the cache
    often = np.flatnonzero(counts > many)
    for place, start, count in np.stack([often, starts[often], counts[often]], axis=1).tolist():
        stop = start + count
        parts = [slice(i, min(i + some, stop)) for i in range(start, stop, some)]
        sums[place] = sum(np.add.reduce(dy[tuple(axis[part] for axis in tokens)], axis=0) for part in parts)
    others = np.flatnonzero(counts <= many)
    others = others[np.argsort(-counts[others], kind="stable")]
    limit = 1 << 17  # numbers of their sums: so many stay in the cache
    for part in cuts(len(others), math.prod(shape), limit):
        several = others[part]
        total = np.zeros((len(several), *shape), dy.dtype)
        for nth in range(int(counts[several[0]])):
            more = starts[several[counts[several] > nth]] + nth
            total[: len(more)] += dy[tuple(axis[more] for axis in tokens)]
        sums[several] = total
    return distinct, sums


@kernel(lambda *_: (), dtype="rows", room=room_for_table, operations=operations_of_gradient, linear=True)
def embedded_table_gradient(gradient: tuple[Array, Array], kernel: Array) -> tuple[Array, Array]:
    """The gradient of the table, as ids and rows, from the gradient of the products by ids."""
    ids, products = gradient
    features, filters = kernel.shape[-2:]
    by_place = kernel.reshape(-1, features, filters)[::-1].swapaxes(1, 2)
    matrix = by_place.reshape(-1, features)
    rows = np.empty((*ids.shape, features), products.dtype)
    limit = 1 << 19  # numbers of the products that are there at once
    for part in cuts(len(ids), products[:1].size, limit):
        np.matmul(products[part].reshape(-1, len(matrix)), matrix, out=rows[part].reshape(-1, features))
    return sum_by_id(rows, ids)


@kernel(
    lambda gradient, table, kernel, *_: kernel, room=room_for_kernel, operations=operations_of_gradient, linear=True
)
def embedded_kernel_gradient(
    gradient: tuple[Array, Array], table: Array, kernel: Array, out: Array | None = None
) -> Array:
    """The gradient of the kernel, from the gradient of the products by ids."""
    if out is None:
        out = np.empty_like(kernel)
    ids, products = gradient
    features, filters = kernel.shape[-2:]
    places = kernel.reshape(-1, features, filters).shape[0]
    total = np.zeros((features, places * filters), kernel.dtype)
    limit = 1 << 19  # numbers of the products that are there at once
    for part in cuts(len(ids), products[:1].size, limit):
        rows = np.take(table, ids[part].reshape(-1), axis=0, mode="clip")
        total += np.dot(rows.T, products[part].reshape(-1, places * filters))
    by_place = total.reshape(features, places, filters).swapaxes(0, 1)[::-1]
    np.copyto(out.reshape(places, features, filters), by_place)
    return out
