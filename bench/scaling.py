"""`python -m bench.scaling transformer`: how the times of a model grow with the rows of a batch, and with threads.

Each side is measured with batches of each size, as `python -m bench` measures it, after its results were compared.
With `--widths`, layers of each size are measured instead, in batches of the usual size.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import THREADS, machine, measure
from bench.__main__ import load
from bench.figures import TASKS as TIMED
from bench.figures import Task, figures, sizes
from bench.measure import Effort, Values
from bench.peers import PEERS
from bench.sides import Origin, missing, origin, specs, workers
from bench.systems import MODELS, WIDE, System, wide

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TASKS = ("step", "predict_batch")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What the command is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--sizes", type=numbers, default=SIZES, help="rows of a batch [default: 1,2,4, … 512]")
    parser.add_argument("--widths", type=numbers, default=(), help=f"units of the layers, of {WIDE} alone")
    parser.add_argument("--tasks", type=words, default=TASKS, help=f"[default: {','.join(TASKS)}]")
    parser.add_argument("--peers", type=words, default=(), help=f"of {','.join(PEERS)} [default: none]")
    parser.add_argument(
        "--threads", type=numbers, default=(None,), help=f"of each side, such as 1,2 [default: {THREADS}]"
    )
    parser.add_argument("--limit", type=float, default=4.0, help="seconds for a size and a task [default: 4]")
    parser.add_argument("--json", type=Path, help="a file of such tables, to which these are added")
    options = parser.parse_args(given)
    if options.widths and options.model != WIDE:
        parser.error(f"--widths is for {WIDE}")
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


def sized(options: argparse.Namespace) -> Iterator[tuple[int, System]]:
    """The model in each size that is asked for."""
    for width in options.widths:
        yield width, wide(width)
    if not options.widths:
        yield from ((size, replace(MODELS[options.model], batch=size)) for size in options.sizes)


def keep(path: Path, found: Sequence[dict[str, Any]], peers: Sequence[str]) -> None:
    """Add tables to those of a file; each replaces the one of the same model, task and sizes."""
    before = json.loads(path.read_text(encoding="utf-8"))["tables"] if path.exists() else []
    titles = [each["title"] for each in found]
    told = {
        "about": machine.about(peers),
        "tables": [each for each in before if each["title"] not in titles] + [*found],
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(given: Sequence[str] | None = None) -> None:
    options = arguments(given)
    if hasattr(os, "sched_setaffinity"):
        most = max(count or THREADS for count in options.threads)
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:most])
    effort, over = Effort(rounds=50, limit=options.limit), "units" if options.widths else "rows"
    lines: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        generator = {"gen": origin("present", Path(scratch))}
        for size, system in sized(options):
            values = measured(system, generator, options.peers, options.threads, options.tasks, effort)
            for task, seconds in values.items():
                told = figures(seconds, Task(TIMED[task].title, "ms"))
                lines.setdefault(task, []).append({"size": size, **told})
    found = [
        {"title": f"{options.model}, {TIMED[task].title}, by {over}", "over": over, "lines": lines[task]}
        for task in lines
    ]
    for each in found:
        print("", each["title"], "", *sizes(each["lines"], over), sep="\n")
    if options.json:
        keep(options.json, found, options.peers)


if __name__ == "__main__":
    main()
