"""`python -m bench.scaling transformer`: how the times of a model grow with the rows of a batch, and with threads.

Each side is measured with batches of each size, as `python -m bench` measures it, after its results were compared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench import THREADS, measure
from bench.__main__ import load
from bench.measure import Effort, Values
from bench.peers import PEERS
from bench.sides import Origin, missing, origin, specs, workers
from bench.systems import MODELS, System

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TASKS = ("step", "predict_batch")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What the command is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--sizes", type=numbers, default=SIZES, help="rows of a batch [default: 1,2,4, … 512]")
    parser.add_argument("--tasks", type=words, default=TASKS, help=f"[default: {','.join(TASKS)}]")
    parser.add_argument("--peers", type=words, default=(), help=f"of {','.join(PEERS)} [default: none]")
    parser.add_argument(
        "--threads", type=numbers, default=(None,), help=f"of each side, such as 1,2 [default: {THREADS}]"
    )
    parser.add_argument("--limit", type=float, default=4.0, help="seconds for a size and a task [default: 4]")
    options = parser.parse_args(given)
    for name in options.peers:
        if name not in PEERS or missing(name):
            parser.error(f"{name} cannot be measured")
    return options


def words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, words(text)))


def measured(
    system: System,
    generator: dict[str, Origin],
    peers: Sequence[str],
    threads: Sequence[int | None],
    tasks: Sequence[str],
    effort: Effort,
) -> dict[str, Values]:
    """Seconds of each task of each side, with each number of threads."""
    sides = {
        (name if count is None else f"{name}, {count}"): spec
        for count in threads
        for name, spec in specs(system, generator, peers, count).items()
    }
    with workers(sides) as running:
        load(running, system)
        measure.agree(running, f"{system.name}, batches of {system.batch}", system.drops)
        return {task: measure.turns(running, task, effort) for task in tasks}


def row(size: int, values: Values) -> Iterator[str]:
    """The cells of a line: milliseconds of each side, and what the first takes of each other one."""
    first, *others = values
    yield str(size)
    yield from (f"{median(each) * 1e3:.3g}" for each in values.values())
    for name in others:
        yield f"{median(a / b for a, b in zip(values[first], values[name], strict=True)):.2f}"


def main(given: Sequence[str] | None = None) -> None:
    options = arguments(given)
    if hasattr(os, "sched_setaffinity"):
        most = max(count or THREADS for count in options.threads)
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:most])
    effort, tables = Effort(rounds=50, limit=options.limit), {}
    with tempfile.TemporaryDirectory() as scratch:
        generator = {"gen": origin("present", Path(scratch))}
        for size in options.sizes:
            system = replace(MODELS[options.model], batch=size)
            found = measured(system, generator, options.peers, options.threads, options.tasks, effort)
            for task, values in found.items():
                tables.setdefault(task, []).append((size, values))
    for task, lines in tables.items():
        first, *others = lines[0][1]
        heads = ["rows", *(f"{name}, ms" for name in (first, *others)), *(f"{first} / {name}" for name in others)]
        print(f"\n{options.model}, {task}\n\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
        for size, values in lines:
            print(f"| {' | '.join(row(size, values))} |")


if __name__ == "__main__":
    main()
