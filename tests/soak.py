"""A model trains and predicts for a long time on batches of changing sizes, and takes no more memory at the end.

`python -m tests.soak 3600` does so for an hour, and then compares ten thousand predictions of eight threads with those
of one.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np

from tests.building import build

TEXT = """
ids = Input("steps", int32)
x = Embedding(500, 16, mask_zero=True)(ids)
x = LSTM(12, return_sequences=True)(x)
x = Dropout(0.1)(x)
x = Bidirectional(GRU(8))(x)
y = Dense(5, softmax)(x)
model = Model(ids, y)
model.compile(rmsprop(0.001), loss=sparse_categorical_crossentropy)
"""
THREADS, PREDICTIONS = 8, 10_000


def soak(module: ModuleType, seconds: float) -> tuple[int, list[int]]:
    """The number of rounds, and the memory in use in bytes after each twentieth of the time."""
    model, rng = module.Model(0), np.random.default_rng(0)
    start, rounds = time.monotonic(), 0
    used: list[int] = []
    while (passed := time.monotonic() - start) < seconds:
        rows, steps = int(rng.integers(1, 65)), int(rng.integers(1, 60))
        ids, classes = rng.integers(0, 500, (rows, steps)), rng.integers(0, 5, rows)
        model.fit(ids, classes, batch_size=int(rng.integers(1, 33)), verbose=0)
        model.predict(ids)
        rounds += 1
        if len(used) < 20 * passed / seconds:
            used.append(resident())
    return rounds, used


def resident() -> int:
    """The memory that this process has in use, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def threads_agree(module: ModuleType, count: int) -> int:
    """How many of so many predictions, made by several threads at once, are not those that one thread makes."""
    model, rng = module.Model(0), np.random.default_rng(1)
    batches = [rng.integers(0, 500, (int(rng.integers(1, 9)), int(rng.integers(1, 30)))) for _ in range(50)]
    expected = [model.predict(ids) for ids in batches]

    def wrong(number: int) -> bool:
        place = number % len(batches)
        return not np.array_equal(model.predict(batches[place]), expected[place])

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(wrong, range(count)))


def main(seconds: float) -> int:
    module = build(TEXT, "soak.nn")
    rounds, used = soak(module, seconds)
    half = used[len(used) // 2 :]
    print(f"{rounds} rounds in {seconds:.0f} s; {used[0] / 1e6:.1f} MB in use after a twentieth of the time, "
          f"{half[0] / 1e6:.1f} after half, {half[-1] / 1e6:.1f} at the end")  # fmt: skip
    different = threads_agree(module, PREDICTIONS)
    print(f"{PREDICTIONS} predictions of {THREADS} threads: {different} differ from those of one")
    return 1 if different or half[-1] > 1.02 * half[0] else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
