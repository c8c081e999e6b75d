"""`python -m bench`: measures; see README.md."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bench import THREADS, machine, measure, results
from bench.figures import AFRESH, BUILDS, HEADER, TASKS, TURNS, Task, figures, lines
from bench.measure import Effort, Values
from bench.peers import PEERS
from bench.sides import Origin, SideError, Worker, missing, origin, specs, workers
from bench.systems import MODELS, SYSTEMS, Array, System

LAYERS = (500, 1000, 2000)
Answer = TypeVar("Answer")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What the command is asked for, checked."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Generated files beside other frameworks.")
    which = f"of {', '.join(MODELS)}; {', '.join(SYSTEMS)} if none is given"
    parser.add_argument("systems", nargs="*", default=[], help=which)
    parser.add_argument("--tasks", help=f"of {','.join(TASKS)}; all, or with --compare {','.join(TURNS)}")
    parser.add_argument("--peers", help=f"of {','.join(PEERS)}; all, or with --compare none")
    parser.add_argument("--tuned", action="store_true", help="give JAX every advantage; README.md says which")
    parser.add_argument(
        "--compare",
        nargs="+",
        metavar="SIDE",
        help="generated files beside others: of a folder, a git revision, `present`, or `without:PASSES`; "
        "the first beside each other one, the present ones if only one is given",
    )
    parser.add_argument("--threads", type=int, help=f"of each side [default: {THREADS}]")
    parser.add_argument("--rounds", type=int, default=Effort.rounds, help="turns for each side")
    parser.add_argument("--seconds", type=float, default=Effort.seconds, help="about how long a turn lasts")
    parser.add_argument("--limit", type=float, default=Effort.limit, help="seconds for a task, with 8 turns at least")
    parser.add_argument("--runs", type=int, default=Effort.runs, help="processes, where each is measured once")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument(
        "--results",
        type=Path,
        nargs="+",
        metavar="JSON",
        help="write RESULTS.md from figures, those of typical models, and those of sizes; measure nothing",
    )
    options = parser.parse_args(given)
    options.tasks = _chosen(options.tasks, TURNS if options.compare else TASKS)
    wanted = [] if options.compare or options.peers is not None else list(PEERS)
    lacking = {name: " and ".join(missing(name)) for name in wanted if missing(name)}
    options.left_out = [f"{name} is left out, for want of {packages}" for name, packages in lacking.items()]
    options.peers = _chosen(options.peers, [name for name in wanted if name not in lacking])
    options.compare = options.compare or []
    for what, names, known in (
        ("system", options.systems, list(MODELS)),
        ("task", options.tasks, list(TASKS)),
        ("peer", options.peers, list(PEERS)),
    ):
        for name in names:
            if name not in known:
                parser.error(f"there is no {what} {name}; there are {', '.join(known)}")
    for name in options.peers:
        if missing(name):
            parser.error(f"{name} cannot be measured, for want of {' and '.join(missing(name))}")
    return options


def _chosen(given: str | None, otherwise: Iterable[str]) -> list[str]:
    return list(otherwise) if given is None else [name for name in given.split(",") if name]


def load(running: Mapping[str, Worker], system: System) -> None:
    """Give all sides the weights of the first."""
    weights: list[Array] | None = None
    for worker in running.values():
        weights = weights or worker.ask("weights") or system.random_weights()
        assert tuple(array.shape for array in weights) == system.weights, "the weights are in another order"
        worker.ask("load", weights)


class Run:
    """One run of the command: what was measured so far, printed and written as it comes."""

    def __init__(self, options: argparse.Namespace, origins: dict[str, Origin]) -> None:
        self.options, self.origins = options, origins
        self.effort = Effort(options.rounds, options.seconds, options.limit, options.runs)
        self.about = machine.about(options.peers) | {"threads": options.threads or THREADS, "tuned": options.tuned}
        self.found: dict[str, dict[str, Any]] = {}
        self.left_out: list[str] = []

    def measure(self) -> None:
        for sentence in machine.warnings(self.about):
            print(f"warning: {sentence}")
        for sentence in self.options.left_out:
            self.leave_out(sentence)
        print(HEADER)
        for number in self.options.systems or SYSTEMS:
            self.measure_system(MODELS[number])
        if "version" in self.options.tasks:
            self.add("gen", "version", measure.version(4 * self.effort.runs))
        if "layers" in self.options.tasks:
            for count in LAYERS:
                self.add(f"{count} layers", "layers", measure.layers(count, min(3, self.effort.runs)))

    def measure_system(self, system: System) -> None:
        """All tasks of one system, having shown that all sides compute the same."""
        sides = specs(system, self.origins, self.options.peers, self.options.threads)
        with workers(sides) as running:
            self.attempt(system, running, partial(load, running, system))
            self.attempt(system, running, partial(measure.agree, running, f"system {system.name}", system.drops))
            for task in self.asked_for(TURNS):
                values = self.attempt(system, running, partial(measure.turns, running, task, self.effort))
                self.add(system.name, task, values)
            sides = {name: sides[name] for name in running}
        for task in self.asked_for(AFRESH):
            values = self.attempt(system, sides, partial(measure.afresh, sides, task, self.effort.runs))
            self.add(system.name, task, values)
        for task in self.asked_for(BUILDS):
            self.add(system.name, task, measure.builds(self.origins, system, task, self.effort.runs))

    def attempt(self, system: System, sides: dict[str, Any], action: Callable[[], Answer]) -> Answer:
        """Do something with the sides; a peer that fails is taken out of them, and it is done again."""
        while True:
            try:
                return action()
            except SideError as error:
                if error.side not in PEERS:
                    raise
                del sides[error.side]
                self.leave_out(f"{error.side} is left out of system {system.name}: {error}")

    def asked_for(self, tasks: dict[str, Task]) -> list[str]:
        return [task for task in self.options.tasks if task in tasks]

    def leave_out(self, sentence: str) -> None:
        self.left_out.append(sentence)
        print(sentence, flush=True)

    def add(self, row: str, task: str, values: Values) -> None:
        """Print what was measured, and keep it."""
        if not values:
            return
        result = figures(values, TASKS[task])
        self.found.setdefault(row, {})[task] = result
        for line in lines(row, TASKS[task].title, result):
            print(line, flush=True)
        if self.options.json:
            told = {"about": self.about, "left_out": self.left_out, "figures": self.found}
            self.options.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    if options.results:
        run, *others = (json.loads(path.read_text(encoding="utf-8")) for path in options.results)
        results.write(run, results.RESULTS, *others)
        return 0
    if options.tuned:
        os.environ["JAX_CPU_ENABLE_ASYNC_DISPATCH"] = "false"
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[: options.threads or THREADS]  # JAX makes a thread for each
        os.sched_setaffinity(0, cores)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no worker is left behind
    names = {name: name for name in options.compare} or {"gen": "present"}
    if len(options.compare) == 1:
        names = {"present": "present"} | names
    try:
        with tempfile.TemporaryDirectory() as scratch:
            origins = {name: origin(each, Path(scratch, str(i))) for i, (name, each) in enumerate(names.items())}
            Run(options, origins).measure()
    except SideError as error:
        print(f"python -m bench: {error}", file=sys.stderr)
        return 2
    except AssertionError as error:
        print(f"sides differ: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
