"""`python -m bench.turns before.py after.py`: two generated files of one model, measured in turns.

The calls of the two alternate in one process, and the order of each pair changes.  The ratio is the median of the
ratios of all pairs, so what slows the machine down slows both.  Set `OPENBLAS_NUM_THREADS` for the threads of BLAS.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from bench.generated import module
from bench.systems import Array, alone

ENOUGH = 0.002
"""A turn repeats calls that are shorter, in seconds."""


def arrays(columns: dict[str, tuple[str, tuple[int | None, ...]]], batch: int, length: int) -> list[Array]:
    """Random data for the inputs or outputs of a file; `length` is the size of what only data decide."""
    rng, found = np.random.default_rng(0), []
    for dtype, (_, *sizes) in columns.values():
        shape = (batch, *(length if size is None else size for size in sizes))
        whole = np.dtype(dtype).kind in "iu"
        found.append(rng.integers(0, 2, shape).astype(dtype) if whole else rng.random(shape, np.dtype(dtype).type))
    return found


def turns(before: Callable[[], Any], after: Callable[[], Any], seconds: float) -> tuple[float, float, float]:
    """The median of the ratios after / before, and the median seconds of a call of each."""
    before(), after()
    start = perf_counter()
    before()
    calls = max(1, int(ENOUGH / (perf_counter() - start)))
    pairs: list[tuple[float, float]] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(pairs) < 2:
        sides = (before, after) if len(pairs) % 2 == 0 else (after, before)
        taken = []
        for side in sides:
            start = perf_counter()
            for _ in range(calls):
                side()
            taken.append((perf_counter() - start) / calls)
        first, second = taken if len(pairs) % 2 == 0 else reversed(taken)
        pairs.append((first, second))
    return median(b / a for a, b in pairs), median(a for a, _ in pairs), median(b for _, b in pairs)


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.turns", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32], help="numbers of rows [default: 1 32]")
    parser.add_argument("--length", type=int, default=100, help="the size of what only data decide [default: 100]")
    parser.add_argument("--tasks", nargs="+", choices=("predict", "step"), default=["predict"])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each ratio [default: 3]")
    options = parser.parse_args(given)
    files = [module(options.before), module(options.after)]
    for task in options.tasks:
        for batch in options.batch:
            models = [file.Model(seed=0) for file in files]
            for name, weight in models[0].weights.items():
                models[1].weights[name][...] = weight
            x, y = (
                alone(tuple(arrays(columns, batch, options.length))) for columns in (files[0].INPUTS, files[0].OUTPUTS)
            )
            first, second = (
                partial(model.predict, x) if task == "predict" else partial(model.train_on_batch, x, y)
                for model in models
            )
            ratio, a, b = turns(first, second, options.seconds)
            print(f"{task:8} {batch:4} rows  {a * 1e3:9.3f} ms  {b * 1e3:9.3f} ms  ratio {ratio:.3f}", flush=True)


if __name__ == "__main__":
    main()
