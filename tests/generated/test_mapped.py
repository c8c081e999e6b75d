"""Arrays that are mapped from files: only batches are read, so a file may be larger than memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import MARKS, SCORES, TAG_IDS
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")


def test_of_memory_mapped_arrays_only_batches_are_read(
    tags: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "ids.npy", TAG_IDS)
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")
    seen: list[int] = []
    check = tags._check_range

    def watch(array: np.ndarray, column: Any) -> None:
        seen.append(len(array))
        check(array, column)

    monkeypatch.setattr(tags, "_check_range", watch)
    for mapped in (ids, ids[:], ids[..., None]):
        seen.clear()
        tags.Model().fit([MARKS, SCORES], mapped, epochs=1, batch_size=16, verbose=0)
        assert max(seen[2:]) == 16, seen  # MARKS and SCORES are in memory, and seen as a whole
    bad = np.load(tmp_path / "ids.npy", mmap_mode="r+")
    bad[69, 0] = 4
    with pytest.raises(ValueError, match=r"target tags: .*got 4"):
        tags.Model().fit([MARKS, SCORES], bad, verbose=0)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("order", [True, False])
def test_a_file_larger_than_memory_may_be_mapped(tmp_path: Path, dtype: str, order: bool) -> None:
    model = sample("two_classes").Model()
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", dtype, (40_000, 100))  # a file with holes
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", "u1", (40_000, 1))
    model.fit(x[:64], y[:64], verbose=0)
    tracemalloc.start()
    try:
        model.fit(x, y, epochs=1, batch_size=64, validation_split=0.5, shuffle=order, verbose=0)
        model.evaluate(x, y)
        model.predict(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
