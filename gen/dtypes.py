"""The number types of arrays: the bytes of a number, and the type in the generated file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DType:
    """One type.  Sizes are those of a model in float32 on a 64-bit machine."""

    size: int
    """The bytes of a number."""
    text: str
    """The type in the generated file, where `dtype` is the model's float type."""


DTYPES = {
    "float": DType(4, "dtype"),
    "bool": DType(1, "bool"),
    "int8": DType(1, "np.int8"),
    "uint8": DType(1, "np.uint8"),
    "int16": DType(2, "np.int16"),
    "uint16": DType(2, "np.uint16"),
    "int32": DType(4, "np.int32"),
    "int64": DType(8, "np.int64"),
    "int": DType(8, "np.intp"),
    "intp": DType(8, "np.intp"),
}
"""Every type that an array can have, by its name in the compiler."""

FLOAT = DTYPES["float"].size
INDEX = DTYPES["intp"].size
