"""Operations that change the dtype."""

from __future__ import annotations

from gen.components.kernels import Array
from gen.components.operations.base import Operation, operation
from gen.dims import Shape


@operation
class Cast(Operation):
    """y = x in another dtype; floats become whole numbers by leaving off what stands after the point."""

    retypes = True

    dtype_: str

    def passes_on(self, dtype: str) -> bool:
        return dtype in (self.dtype_, "whole")

    def takes_ids(self) -> bool:
        return self.dtype_.startswith(("int", "uint"))

    def output(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str) -> str:
        return self.dtype_

    def forward(self, x: Array) -> Array:
        return x.astype(self.dtype_)

    def backward(self, dy: Array) -> Array | None:
        dx = dy if self.dtype_ == "float" else None
        return dx
