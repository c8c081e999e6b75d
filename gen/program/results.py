"""The shapes and dtypes of the results of operations; `FenceError` where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gen import dims
from gen.components.rules import FenceError
from gen.dims import Dim, Shape, Size
from gen.program.types import ArrayType

WHOLE = ("int32", "int64", "intp")
SMALL = ("int8", "uint8", "int16", "uint16")


def promote(dtypes: Iterable[str]) -> str:
    """The dtype of an arithmetic result; a Python number adapts to the arrays."""
    found = set(dtypes)
    if "float" in found:
        return "float"
    found.discard("number")
    if len(found) == 1:
        return str(found.pop())
    if found == {"bool", "int32"}:
        return "int32"
    return "int64" if found else "number"


def broadcast(left: Shape, right: Shape) -> Shape:
    """The shape of an operation on two arrays; a size of 1 stretches."""
    rank = max(len(left), len(right))
    sizes = []
    for a, b in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        if a != b and a != 1 and b != 1:
            raise FenceError(f"arrays of shapes {left} and {right} do not broadcast")
        sizes.append(b if a == 1 else a)
    return tuple(sizes)


def reduced(operand: ArrayType, axis: int | tuple[int, ...] | None, keepdims: bool) -> Shape:
    """The shape after a reduction over `axis`."""
    rank = len(operand.shape)
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = [axis_of(item, rank) for item in axes]
    if len(set(gone)) < len(gone):
        raise FenceError(f"a reduction over {axis} names an axis twice")
    if keepdims:
        return tuple(1 if i in gone else size for i, size in enumerate(operand.shape))
    return tuple(size for i, size in enumerate(operand.shape) if i not in gone)


def axis_of(axis: object, rank: int) -> int:
    """The number of an axis, counted from the front."""
    if not isinstance(axis, int) or isinstance(axis, bool) or not -rank <= axis < rank:
        raise FenceError(f"an array of {rank} axes has no axis {axis!r}")
    return axis % rank


def contracted(a: Shape, b: Shape) -> Shape:
    """The shape of `a @ b`: a matrix product, batched where both have more than two axes."""
    if not a or not b:
        raise FenceError("a matrix product takes arrays, not numbers")
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        raise FenceError(f"cannot multiply {a} by {b}")
    if len(a) == 1 or len(b) == 1:
        return (*a[:-1], *b[:-2], *(b[-1:] if len(b) > 1 else ()))
    return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])


def reshaped(shape: Shape, wanted: Sequence[Size]) -> Shape:
    """`wanted`, with a −1 replaced by the remaining size of `shape`."""
    try:
        return dims.reshaped(shape, wanted)
    except ValueError as error:
        raise FenceError(str(error)) from None


def indexed(shape: Shape, items: Sequence[object]) -> Shape:
    """The shape of `x[items]` for static integers, slices, `None` and one `...`."""
    entries = list(items)
    at = next((i for i, item in enumerate(entries) if item is Ellipsis), None)
    if sum(item is not None and item is not Ellipsis for item in entries) > len(shape):
        raise FenceError(f"too many indices for an array of shape {shape}")
    if at is not None:
        whole = len(shape) - (sum(item is not None for item in entries) - 1)
        entries[at : at + 1] = [slice(None)] * whole
    result: list[Size] = []
    axes = iter(shape)
    for item in entries:
        if item is None:
            result.append(1)
            continue
        size = next(axes)
        if isinstance(item, slice):
            result.append(sliced(size, item))
        elif not isinstance(item, int) or isinstance(item, bool):
            raise FenceError(f"cannot index an axis with {item!r}: only integers, slices, None and ...")
        elif isinstance(size, int) and not -size <= item < size:
            raise FenceError(f"there is no item {item} among {size}")
    return (*result, *axes)


def sliced(size: Size, part: slice) -> Size:
    """The length of `part` of an axis of this size; symbolic where the size is."""
    step = 1 if part.step is None else part.step
    if not all(bound is None or isinstance(bound, int | Dim) for bound in (part.start, part.stop)):
        raise FenceError("the bounds of a slice are whole numbers")
    if not isinstance(step, int) or step == 0:
        raise FenceError(f"a slice cannot take steps of {step!r}")
    if isinstance(size, int) and not any(isinstance(bound, Dim) for bound in (part.start, part.stop)):
        return len(range(size)[part])
    if part == slice(None) or (part.start is None and part.stop is None and abs(step) == 1):
        return size
    if step < 0:
        raise FenceError("a backward slice of an axis of unknown size must take the whole axis")

    def bound(value: Size | None, default: Size) -> Size:
        if value is None:
            return default
        return size + value if isinstance(value, int) and value < 0 else value

    length = bound(part.stop, size) - bound(part.start, 0)
    if isinstance(length, int) and length < 0:
        raise FenceError(f"a slice from {part.start} to {part.stop} of an axis of unknown size takes nothing")
    return length if step == 1 else (length + (step - 1)) // step
