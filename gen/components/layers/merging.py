"""Layers that combine several tensors into one.  Source: `keras/src/layers/merging`.

In the elementwise layers, the inputs may differ along an axis if some have size 1 there.  An input with fewer axes than
the others gets axes of size 1 after the batch.  A gradient is summed over the axes that were stretched.
"""

from __future__ import annotations

import numpy as np

from gen.components.base import Layer, ShapeError, component
from gen.components.kernels import Array
from gen.components.layers.masking import AnyMask, JoinedMasks, Masks
from gen.dims import Shape, Size, show


def shapes(inputs: tuple[Shape, ...]) -> str:
    """The shapes as text: `(3,), (4,) and (5,)`."""
    names = [show(x[1:]) for x in inputs]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def at_least_two(layer: Layer, inputs: tuple[Shape, ...]) -> None:
    if len(inputs) < 2:
        raise ShapeError(f"{type(layer).__name__} expects two tensors or more, got one", "write them as a list")


def exactly_two(layer: Layer, inputs: tuple[Shape, ...]) -> None:
    if len(inputs) != 2:
        raise ShapeError(f"{type(layer).__name__} expects two tensors, got {len(inputs)}", "write them as a list")


def broadcast(layer: Layer, inputs: tuple[Shape, ...]) -> Shape:
    """The shape to which all inputs stretch; raises `ShapeError` if there is none."""
    ndim = max(len(x) for x in inputs)
    result: list[Size] = []
    for sizes in zip(*(stretched(x, ndim) for x in inputs), strict=True):
        different = [size for size in dict.fromkeys(sizes) if size != 1]
        if len(different) > 1:
            raise ShapeError(
                f"{type(layer).__name__} expects tensors of one shape, got {shapes(inputs)}",
                f"{different[0]} is not {different[1]}",
            )
        result.append(different[0] if different else 1)
    return tuple(result)


def stretched(shape: Shape, ndim: int) -> Shape:
    """The shape with `ndim` axes: new ones, of size 1, come after the batch."""
    return (shape[0], *(1,) * (ndim - len(shape)), *shape[1:])


def in_any(layer: Layer, masks: tuple[int, ...]) -> Layer | int | None:
    """`masking` of an elementwise layer: if all inputs have masks, a step counts where it counts in any of them."""
    return AnyMask(len(masks)) if all(masks) else None


def aligned(inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """The inputs, all with the same number of axes."""
    ndim = max(x.ndim for x in inputs)
    return tuple(x if x.ndim == ndim else x.reshape(stretched(x.shape, ndim)) for x in inputs)


def shown(inputs: tuple[Array, ...], masks: Masks) -> tuple[Array | None, ...]:
    """The masks of the inputs; each broadcasts to its `aligned` input."""
    ndim = max(x.ndim for x in inputs)
    return tuple(
        None if mask is None else mask.reshape(stretched((*mask.shape, *(1,) * (x.ndim - mask.ndim)), ndim))
        for x, mask in zip(inputs, masks, strict=True)
    )


def shown_in_any(counts: tuple[Array | None, ...]) -> Array | None:
    """Where a number counts in at least one input; None if one of the inputs has no mask."""
    either = counts[0]
    for count in counts[1:]:
        either = None if either is None or count is None else np.logical_or(either, count)
    return either


def stretched_axes(before: Shape, after: Shape) -> tuple[int, ...]:
    """The axes along which an array was stretched, where it has as many as before."""
    return tuple(axis for axis, size in enumerate(before) if size != after[axis])


def like(x: Array, dy: Array) -> Array:
    """The gradient of `x` if it was stretched to the shape of `dy`: the sum over the stretched axes."""
    axes = stretched_axes(stretched(x.shape, dy.ndim), dy.shape)
    if axes:
        dy = np.add.reduce(dy, axis=axes, keepdims=True)
    return dy if dy.ndim == x.ndim else dy.reshape(x.shape)


def those_that_count(parts: tuple[Array, ...], counts: tuple[Array | None, ...]) -> tuple[Array, ...]:
    """The inputs; where one does not count, the numbers of the first that does, or of the first input if none does."""
    instead = parts[0]
    for x, count in reversed(list(zip(parts, counts, strict=True))):
        instead = x if count is None else np.where(count, x, instead)
    pairs = zip(parts, counts, strict=True)
    return tuple(x if count is None else np.where(count, x, instead) for x, count in pairs)


def to_the_first(dy: Array, y: Array, counts: tuple[Array | None, ...], inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """The gradients of inputs if y is one of them at each place: it goes to the first that counts and equals y."""
    rest, either = dy, shown_in_any(counts)
    dinputs: tuple[Array, ...] = ()
    for i, (x, same, count) in enumerate(zip(inputs, aligned(inputs), counts, strict=True)):
        share = rest * np.equal(same, y)
        if count is not None and i == 0 and either is not None:
            count = np.logical_or(count, np.logical_not(either))
        if count is not None:
            share = share * count
        rest = rest - share
        dinputs = (*dinputs, like(x, share))
    return dinputs


# --------------------------------------------------------------------------------------------------------- elementwise


class Arithmetic(Layer):
    """What the operators of Python compute number by number."""

    arithmetic = True
    takes_stretched = True


@component
class Add(Arithmetic):
    """The elementwise sum of tensors.  Source: `add.py`.

    Formula: y = a + b + …
    Example: Add()([Input(32), Input(32)])
    """

    supports_masking = True
    merges = True
    joins_masks = True

    def output(self, *inputs: Shape) -> Shape:
        at_least_two(self, inputs)
        return broadcast(self, inputs)

    masking = in_any

    def forward(self, *inputs: Array) -> Array:
        parts = aligned(inputs)
        total = parts[0]
        for x in parts[1:]:
            total = total + x
        return total

    def backward(self, dy: Array, *inputs: Array) -> tuple[Array, ...]:
        dinputs = tuple(like(x, dy) for x in inputs)
        return dinputs


@component
class Subtract(Arithmetic):
    """The elementwise difference of two tensors.  Source: `subtract.py`.

    Formula: y = a - b
    Example: Subtract()([Input(32), Input(32)])
    """

    supports_masking = True
    merges = True
    joins_masks = True

    def output(self, *inputs: Shape) -> Shape:
        exactly_two(self, inputs)
        return broadcast(self, inputs)

    masking = in_any

    def forward(self, *inputs: Array) -> Array:
        left, right = aligned(inputs)
        return left - right

    def backward(self, dy: Array, *inputs: Array) -> tuple[Array, ...]:
        left, right = inputs
        dinputs = like(left, dy), -like(right, dy)
        return dinputs


@component
class Multiply(Arithmetic):
    """The elementwise product of tensors.  Source: `multiply.py`.

    Formula: y = a · b · …
    Example: Multiply()([Input(32), Input(32)])
    """

    supports_masking = True
    merges = True
    joins_masks = True

    def output(self, *inputs: Shape) -> Shape:
        at_least_two(self, inputs)
        return broadcast(self, inputs)

    masking = in_any

    def forward(self, *inputs: Array, masks: Masks) -> Array:
        counts = shown(inputs, masks)
        pairs = zip(aligned(inputs), counts, strict=True)
        factors = tuple(x if count is None else np.where(count, x, 1.0) for x, count in pairs)
        total = factors[0]
        for x in factors[1:]:
            total = total * x
        either = shown_in_any(counts)
        if either is None:
            return total
        return total * either

    def backward(
        self,
        dy: Array,
        factors: tuple[Array, ...],
        counts: tuple[Array | None, ...],
        either: Array | None,
        *inputs: Array,
    ) -> tuple[Array, ...]:
        dtotal = dy if either is None else dy * either
        dinputs: tuple[Array, ...] = ()
        for i, x in enumerate(inputs):
            gradient = dtotal
            for j, factor in enumerate(factors):
                if j != i:
                    gradient = gradient * factor
            count = counts[i]
            dinputs = (*dinputs, like(x, gradient if count is None else gradient * count))
        return dinputs


@component
class Average(Layer):
    """The elementwise mean of tensors.  Source: `average.py`.

    Formula: y = (a + b + …) / n
    Example: Average()([Input(32), Input(32)])
    """

    supports_masking = True
    merges = True
    joins_masks = True

    def output(self, *inputs: Shape) -> Shape:
        at_least_two(self, inputs)
        return broadcast(self, inputs)

    masking = in_any

    def forward(self, *inputs: Array) -> Array:
        parts = aligned(inputs)
        total = parts[0]
        for x in parts[1:]:
            total = total + x
        return total * (1 / len(inputs))

    def backward(self, dy: Array, *inputs: Array) -> tuple[Array, ...]:
        share = dy * (1 / len(inputs))
        dinputs = tuple(like(x, share) for x in inputs)
        return dinputs


@component
class Maximum(Layer):
    """The elementwise maximum of tensors; of equal inputs, the first gets the gradient.  Source: `maximum.py`.

    Formula: y = max(a, b, …)
    Example: Maximum()([Input(32), Input(32)])
    """

    supports_masking = True
    merges = True
    joins_masks = True

    def output(self, *inputs: Shape) -> Shape:
        at_least_two(self, inputs)
        return broadcast(self, inputs)

    masking = in_any

    def forward(self, *inputs: Array, masks: Masks) -> Array:
        counts = shown(inputs, masks)
        parts = those_that_count(aligned(inputs), counts)
        y = parts[0]
        for x in parts[1:]:
            y = np.maximum(y, x)
        return y

    def backward(self, dy: Array, y: Array, counts: tuple[Array | None, ...], *inputs: Array) -> tuple[Array, ...]:
        dinputs = to_the_first(dy, y, counts, inputs)
        return dinputs


@component
class Minimum(Layer):
    """The elementwise minimum of tensors; of equal inputs, the first gets the gradient.  Source: `minimum.py`.

    Formula: y = min(a, b, …)
    Example: Minimum()([Input(32), Input(32)])
    """

    supports_masking = True
    merges = True
    joins_masks = True

    def output(self, *inputs: Shape) -> Shape:
        at_least_two(self, inputs)
        return broadcast(self, inputs)

    masking = in_any

    def forward(self, *inputs: Array, masks: Masks) -> Array:
        counts = shown(inputs, masks)
        parts = those_that_count(aligned(inputs), counts)
        y = parts[0]
        for x in parts[1:]:
            y = np.minimum(y, x)
        return y

    def backward(self, dy: Array, y: Array, counts: tuple[Array | None, ...], *inputs: Array) -> tuple[Array, ...]:
        dinputs = to_the_first(dy, y, counts, inputs)
        return dinputs


# --------------------------------------------------------------------------------------------------------- side by side


@component
class Concatenate(Layer):
    """Joins the inputs along `axis`; all their other sizes are equal.  Source: `concatenate.py`.

    Formula: y = [a, b, …] along axis
    Example: Concatenate()([Input(32), Input(16)])
    """

    supports_masking = True
    merges = True
    joins_masks = True

    axis: int = -1

    def output(self, *inputs: Shape) -> Shape:
        at_least_two(self, inputs)
        first = inputs[0]
        if not -len(first) < self.axis < len(first) or self.axis == 0:
            raise ShapeError(f"Concatenate cannot work along axis {self.axis} of {show(first[1:])}", "has no such axis")
        axis = self.axis % len(first)
        for x in inputs:
            if x[:axis] != first[:axis] or x[axis + 1 :] != first[axis + 1 :] or len(x) != len(first):
                raise ShapeError(
                    f"Concatenate along axis {self.axis} expects all other sizes equal, got {shapes(inputs)}",
                    f"{show(x[1:])} does not fit {show(first[1:])}",
                )
        return (*first[:axis], sum(x[axis] for x in inputs), *first[axis + 1 :])

    def dtype(self, *inputs: str) -> str:
        if len(set(inputs)) > 1:
            raise ShapeError(f"Concatenate expects one dtype, got {' and '.join(inputs)}", code="dtype-mismatch")
        return inputs[0]

    def masking(self, masks: tuple[int, ...]) -> Layer | int | None:
        axes = 1 + max(masks)
        axis = self.axis % axes
        if any(masks) and axis < axes - 1:
            return JoinedMasks(tuple(map(bool, masks)), axis)
        return in_any(self, masks)

    def forward(self, *inputs: Array) -> Array:
        return np.concatenate(inputs, axis=self.axis)

    def backward(self, dy: Array, *inputs: Array) -> tuple[Array, ...]:
        before = (slice(None),) * (self.axis % dy.ndim)
        start = 0
        dinputs: tuple[Array, ...] = ()
        for x in inputs:
            stop = start + x.shape[self.axis]
            dinputs = (*dinputs, dy[(*before, slice(start, stop))])
            start = stop
        return dinputs
