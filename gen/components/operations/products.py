"""Operations that multiply and sum: products of matrices and vectors."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Sequence

from gen.components.base import ShapeError
from gen.components.kernels import Array
from gen.components.operations.base import Operation, operation, refuse_bools, share, stretched
from gen.dims import Shape, Size, product, show


class Product(Operation):
    """What products have in common."""

    def taken(self, dtypes: Sequence[str]) -> list[str]:
        refuse_bools(self, dtypes)
        return super().taken(dtypes)

    def dtype(self, *inputs: str) -> str:
        return "float"


@operation
class Matmul(Product):
    """y = x1 @ x2: the matrices on the last two axes multiplied, all others broadcast."""

    def output(self, x1: Shape, x2: Shape) -> Shape:
        if not x1 or not x2:
            raise ShapeError(f"{type(self).__name__} multiplies matrices and vectors, got {show(x1)} and {show(x2)}")
        inner = x2[-2] if len(x2) > 1 else x2[0]
        if x1[-1] != inner:
            raise ShapeError(
                f"{type(self).__name__} cannot multiply {show(x1)} and {show(x2)}", f"{x1[-1]} is not {inner}"
            )
        if len(x1) == 1 or len(x2) == 1:
            return (*x1[:-1], *x2[:-2], *(x2[-1:] if len(x2) > 1 else ()))
        return (*stretched(self, (x1[:-2], x2[:-2])), x1[-2], x2[-1])

    def forward(self, x1: Array, x2: Array) -> Array:
        return multiplied(x1.astype("float"), x2.astype("float"))

    def backward(self, dy: Array, x1: Array, x2: Array) -> tuple[Array | None, ...]:
        dx1, dx2 = gradients(dy, x1.astype("float"), x2.astype("float"))
        return dx1, dx2


def multiplied(x1: Array, x2: Array) -> Array:
    """`x1 @ x2`; of one matrix for all rows and steps as one product."""
    if x1.ndim > 2 and x2.ndim <= 2:
        rows = x1.reshape((rows_of(x1.shape), x1.shape[-1]))  # type: ignore[arg-type]  # where it runs, sizes are numbers
        return (rows @ x2).reshape((*x1.shape[:-1], *x2.shape[1:]))
    return x1 @ x2


def gradients(dy: Array, x1: Array, x2: Array) -> tuple[Array | None, Array | None]:
    """The gradients of the factors of `x1 @ x2`."""
    if x2.ndim == 1:
        column = x2.reshape((1, x2.shape[0]))
        rows, dys = x1.reshape((rows_of(x1.shape), x1.shape[-1])), dy.reshape((rows_of(x1.shape), 1))  # type: ignore[arg-type]  # where it runs, sizes are numbers
        return (dys @ column).reshape(x1.shape), (rows.T @ dys).reshape(x2.shape)
    if x1.ndim == 1:
        upper = dy.reshape((*dy.shape[:-1], 1, dy.shape[-1]))
        left = upper @ x2.swapaxes(-1, -2)
        right = x1.reshape((x1.shape[0], 1)) * upper
        return share(x1, left.reshape((*dy.shape[:-1], x1.shape[0]))), right
    if x2.ndim == 2:
        rows, dys = x1.reshape((rows_of(x1.shape), x1.shape[-1])), dy.reshape((rows_of(dy.shape), dy.shape[-1]))  # type: ignore[arg-type]  # where it runs, sizes are numbers
        return (dys @ x2.T).reshape(x1.shape), rows.T @ dys
    return share(x1, dy @ x2.swapaxes(-1, -2)), share(x2, x1.swapaxes(-1, -2) @ dy)


def rows_of(shape: Shape) -> Size:
    """How many rows an array has."""
    return product(shape[:-1])
