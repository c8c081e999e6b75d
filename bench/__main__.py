"""`python -m bench`: measures; see README.md."""

from __future__ import annotations

import argparse
import gc
import importlib
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
from bench.generated import Side, module
from bench.peers import PEERS, Measured
from bench.systems import SYSTEMS, Array, System

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
EPOCH = 31  # steps, after which training starts anew
TASKS = {
    "step": "training step",
    "train_on_batch": "train_on_batch",
    "predict_batch": "predict, batch",
    "predict_one": "predict, one",
}


def generated(system: System, folder: Path | None) -> Path | None:
    """The generated file of a system: the one in `folder`, or a fresh one; None if gen does not build it yet."""
    if folder is not None:
        path = folder / f"{system.network}.py"
        return path if path.exists() else None
    from gen import compiler
    from gen.building import read
    from gen.diagnostics import Diagnostics

    name = f"{system.network}.nn"
    if not (EXAMPLES / name).exists():
        return None
    source, _ = read(EXAMPLES / name)
    graph = compiler.understand(source, Diagnostics())
    if graph is None:
        return None
    path = Path(tempfile.mkdtemp()) / f"{system.network}.py"
    path.write_text(compiler.generate(graph, name), encoding="utf-8")
    return path


def sides(system: System, options: argparse.Namespace) -> dict[str, Measured]:
    """Everything to be measured on one system, by name, having shown that it computes the same."""
    batches = system.batches()
    weights = system.random_weights()
    found: dict[str, Measured] = {}
    for name, folder in {"gen": options.files, "before": options.before}.items():
        path = generated(system, folder) if name == "gen" or folder is not None else None
        if path is not None:
            found[name] = side = Side(system, module(path, name), batches)
            if name == "gen":
                weights = side.weights()
    assert tuple(array.shape for array in weights) == system.weights, "the weights of gen are in another order"
    for name in options.peers:
        found[name] = importlib.import_module(f"bench.peers.{PEERS[name]}").Side(system, weights, batches)
    first, *others = found
    for name in others:
        agree(found[first], found[name], f"system {system.name}, {first} and {name}")
    return found


def agree(first: Measured, second: Measured, what: str, steps: int = 3) -> None:
    """Raise `AssertionError` unless both give the same predictions and losses from the same weights on.

    More steps would not tell more: RMSprop's first ones make rounding grow, a hundredfold in three of system 6.
    """
    first.restart()
    second.restart()
    for one, other in zip(arrays(first.predict_batch()), arrays(second.predict_batch()), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5, err_msg=what)
    for _ in range(steps):
        np.testing.assert_allclose(float(second.step()), float(first.step()), rtol=1e-4, err_msg=what)


def arrays(predictions: Any) -> list[Array]:
    """One array for each output, of whatever a side calls its predictions."""
    if isinstance(predictions, dict):
        predictions = list(predictions.values())
    return list(predictions) if isinstance(predictions, (list, tuple)) else [predictions]


def measure(sides: dict[str, Measured], task: str, options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of one call, for each round, the sides in turns; training starts anew after an epoch."""
    calls: dict[str, Callable[[], Any]] = {name: getattr(side, task) for name, side in sides.items()}
    counts, epochs, turns = {}, dict.fromkeys(calls, EPOCH), 0.0
    for name, call in calls.items():
        count = 0
        sides[name].restart()
        start = perf_counter()
        while (took := perf_counter() - start) < 0.25 or count < 2:  # to warm up
            call()
            count += 1
        counts[name] = max(1, round(options.seconds * count / took))
        turns += counts[name] * took / count
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    gc.collect()
    for _ in range(max(8, min(options.rounds, round(options.limit / turns)))):
        for name in order:
            call, repeats = calls[name], range(counts[name])
            epochs[name] += counts[name]
            if epochs[name] >= EPOCH:
                sides[name].restart()
                epochs[name] = 0
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
        if name != "gen" and "gen" in times:
            cuts = statistics.quantiles([a / b for a, b in zip(times["gen"], each, strict=True)], n=4)
            named = zip(("low", "median", "high", "fast"), (*cuts, fast["gen"] / fast[name]), strict=True)
            ratios[name] = {key: round(value, 3) for key, value in named}
    return {"us": us, "fast_us": {name: round(value * 1e6, 2) for name, value in fast.items()}, "ratio": ratios}


def lines(result: dict[str, Any]) -> list[str]:
    """What is printed of `figures`: a line for each side but gen."""
    us, found = result["us"], []
    for name in us:
        if ratio := result["ratio"].get(name):
            spread = f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"
            found.append(f"{name:9}{us['gen']:10.1f}{us[name]:10.1f}   {spread:20}{ratio['fast']:.2f}")
        elif name != "gen":
            found.append(f"{name:9}{'':10}{us[name]:10.1f}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Generated files beside other frameworks.")
    parser.add_argument("systems", nargs="*", default=[], help=f"of {', '.join(SYSTEMS)}; all if none is given")
    parser.add_argument("--tasks", default=",".join(TASKS), help="of " + ", ".join(TASKS))
    parser.add_argument("--peers", default="jax", help=f"frameworks to compare with, of {', '.join(PEERS)}")
    parser.add_argument("--tuned", action="store_true", help="give JAX every advantage; README.md says which")
    parser.add_argument("--files", type=Path, help="a folder of generated files, instead of fresh ones")
    parser.add_argument("--before", type=Path, help="a folder of older generated files, measured too")
    parser.add_argument("--rounds", type=int, default=200, help="turns for each side")
    parser.add_argument("--seconds", type=float, default=0.005, help="about how long a turn lasts")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for a task, with 8 turns at least")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    options.peers = [name for name in options.peers.split(",") if name]
    for name in set(options.systems) - set(SYSTEMS) | set(options.peers) - set(PEERS):
        parser.error(f"there is no {name}")
    if options.tuned:
        os.environ["JAX_CPU_ENABLE_ASYNC_DISPATCH"] = "false"
    found: dict[str, Any] = {}
    print(f"{'system':8}{'task':16}{'against':9}{'gen µs':>10}{'peer µs':>10}   {'ratio (quartiles)':20}fastest")
    for number in options.systems or SYSTEMS:
        measured = sides(SYSTEMS[number], options)
        for task in options.tasks.split(","):
            result = figures(measure(measured, task, options))
            found.setdefault(number, {})[task] = result
            for line in lines(result):
                print(f"{number:8}{TASKS[task]:16}{line}", flush=True)
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
