"""`python -m bench`: measures; see README.md."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bench import THREADS
from bench.sides import Generated, Jax, agree, module
from bench.systems import SYSTEMS, System

BATCHES = 31  # of 32 rows: as many as there are in the 1,000 rows of the systems
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TASKS = {
    "step": "training step",
    "train_on_batch": "train_on_batch",
    "predict_batch": "predict, batch",
    "predict_one": "predict, one",
}


def generated(system: System, folder: Path | None) -> Path:
    """The generated file of a system: the one in `folder`, or a fresh one."""
    if folder is not None:
        return folder / f"{Path(system.source).stem}.py"
    from gen import compiler
    from gen.building import read
    from gen.diagnostics import Diagnostics

    source, _ = read(EXAMPLES / system.source)
    graph = compiler.understand(source, Diagnostics())
    assert graph is not None
    path = Path(tempfile.mkdtemp()) / f"{Path(system.source).stem}.py"
    path.write_text(compiler.generate(graph, system.source), encoding="utf-8")
    return path


def sides(system: System, options: argparse.Namespace) -> dict[str, Any]:
    """Everything to be measured on one system, by name, having shown that it computes the same."""
    rng = np.random.default_rng(0)
    batches = [system.data(rng, system.batch) for _ in range(BATCHES)]
    ours = Generated(module(generated(system, options.files), "ours"), batches)
    found: dict[str, Any] = {"gen": ours}
    if options.before is not None:
        found["before"] = Generated(module(generated(system, options.before), "before"), batches)
    if "jax" in options.peers:
        found["jax"] = Jax(system, ours.weights(), batches, options.tuned)
    for name, side in found.items():
        if name != "gen":
            ours.restart()
            agree(ours, side)
    return found


def measure(sides: dict[str, Any], task: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds of one call, for each round, the sides in turns; a turn of about `seconds` starts training anew."""
    calls: dict[str, Callable[[], Any]] = {name: getattr(side, task) for name, side in sides.items()}
    counts = {}
    for name, call in calls.items():
        count = 0
        start = perf_counter()
        while (took := perf_counter() - start) < 0.25:  # to warm up
            call()
            count += 1
        counts[name] = max(1, round(seconds * count / took))
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    gc.collect()
    for _ in range(rounds):
        for name in order:
            call, repeats = calls[name], range(counts[name])
            sides[name].restart()
            start = perf_counter()
            for _ in repeats:
                call()
            times[name].append((perf_counter() - start) / counts[name])
        order.append(order.pop(0))
    return times


def figures(times: dict[str, list[float]]) -> dict[str, Any]:
    """Medians in microseconds, and how gen compares with each other side.

    That is the quartiles of the ratios of each round, and the ratio of the fastest tenths of the turns, which is what
    counts where something else keeps the cores busy.
    """
    us = {name: round(statistics.median(each) * 1e6, 2) for name, each in times.items()}
    fast = {name: statistics.quantiles(each, n=10)[0] for name, each in times.items()}
    ratios = {}
    for name, each in times.items():
        if name != "gen":
            cuts = statistics.quantiles([a / b for a, b in zip(times["gen"], each, strict=True)], n=4)
            named = zip(("low", "median", "high", "fast"), (*cuts, fast["gen"] / fast[name]), strict=True)
            ratios[name] = {key: round(value, 3) for key, value in named}
    return {"us": us, "fast_us": {name: round(value * 1e6, 2) for name, value in fast.items()}, "ratio": ratios}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Generated files beside other frameworks.")
    parser.add_argument("systems", nargs="*", type=int, default=[], help="numbers of systems; all if none is given")
    parser.add_argument("--tasks", default=",".join(TASKS), help="of " + ", ".join(TASKS))
    parser.add_argument("--peers", default="jax", help="frameworks to compare with: jax, or nothing")
    parser.add_argument("--tuned", action="store_true", help="give JAX every advantage; README.md says which")
    parser.add_argument("--files", type=Path, help="a folder of generated files, instead of fresh ones")
    parser.add_argument("--before", type=Path, help="a folder of older generated files, measured too")
    parser.add_argument("--rounds", type=int, default=200, help="turns for each side")
    parser.add_argument("--seconds", type=float, default=0.005, help="about how long a turn lasts")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    options.peers = [name for name in options.peers.split(",") if name]
    found: dict[str, Any] = {}
    print(f"{'system':8}{'task':16}{'against':9}{'gen µs':>9}{'peer µs':>9}   {'ratio (quartiles)':20}fastest")
    for number in options.systems or sorted(SYSTEMS):
        measured = sides(SYSTEMS[number], options)
        for task in options.tasks.split(","):
            result = figures(measure(measured, task, options.rounds, options.seconds))
            found.setdefault(str(number), {})[task] = result
            for name, ratio in result["ratio"].items():
                spread = f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"
                us = result["us"]
                times = f"{us['gen']:9.1f}{us[name]:9.1f}"
                line = f"{number:<8}{TASKS[task]:16}{name:9}{times}   {spread:20}{ratio['fast']:.2f}"
                print(line, flush=True)
    if options.json:
        about: dict[str, Any] = {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
        }
        about |= {"cores": os.cpu_count(), "threads": THREADS}
        about |= {name: sys.modules[name].__version__ for name in options.peers}
        options.json.write_text(json.dumps({"about": about, "systems": found}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
