"""Memory does not grow, and threads do not disturb each other: samples of `python -m tests.soak`."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np

from tests import soak
from tests.building import build


def test_memory_is_the_same_after_each_round_of_sizes() -> None:
    model, rng = build(soak.TEXT, "soak.nn").Model(0), np.random.default_rng(0)
    sizes = [(int(rows), int(steps)) for rows, steps in rng.integers(1, 40, (12, 2))]

    def turn() -> int:
        for rows, steps in sizes:
            ids, classes = rng.integers(0, 500, (rows, steps)), rng.integers(0, 5, rows)
            model.fit(ids, classes, batch_size=16, verbose=0)
            model.predict(ids)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        turn()
        used = [turn() for _ in range(3)]
    finally:
        tracemalloc.stop()
    assert max(used) - min(used) < 0.01 * max(used), used  # a buffer that stays in each round is more


def test_predictions_of_eight_threads_equal_those_of_one() -> None:
    assert soak.threads_agree(build(soak.TEXT, "soak.nn"), 400) == 0
