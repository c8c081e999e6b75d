"""Files of the format of https://github.com/huggingface/safetensors: a header in JSON, then the numbers."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gen.keras_files.problems import damaged

Array = np.ndarray[Any, np.dtype[Any]]
KINDS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
"""The dtypes of weights, as NumPy writes them."""
LARGEST_HEADER = 100_000_000
"""In bytes: as the format has it."""


def written(weights: Mapping[str, Array]) -> bytes:
    """A file with arrays of float32 or float64 by name."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, array in weights.items():
        kind = {"float32": "F32", "float64": "F64"}[array.dtype.name]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [end, end := end + array.nbytes]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    numbers = b"".join(
        np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes() for array in weights.values()
    )
    return struct.pack("<Q", len(text)) + text + numbers


def tensors(path: Path, data: bytes) -> dict[str, Array]:
    """The arrays of floats by name; other dtypes are passed over.  Raises `KerasFileError` for a damaged file."""
    found = {}
    with damaged(str(path), ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        size = struct.unpack_from("<Q", data)[0]
        if size > min(LARGEST_HEADER, len(data) - 8):
            raise ValueError
        for name, entry in json.loads(data[8 : 8 + size]).items():
            if name == "__metadata__" or entry["dtype"] not in KINDS:
                continue
            (start, end), shape = entry["data_offsets"], tuple(entry["shape"])
            dtype = np.dtype(KINDS[entry["dtype"]])
            whole = all(isinstance(each, int) and each >= 0 for each in (*shape, start, end))
            if not whole or end > len(data) - 8 - size or end - start != math.prod(shape) * dtype.itemsize:
                raise ValueError
            numbers = np.frombuffer(data, dtype, math.prod(shape), 8 + size + start)
            found[name] = numbers.reshape(shape).astype(dtype.newbyteorder("="))
    return found
