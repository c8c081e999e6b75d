"""Measuring: sides in turns, processes begun afresh, and `gen build` as a whole process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import black
import numpy as np

from bench.peers import PEERS
from bench.sides import GEN, Origin, SideError, Worker, begin, inherited
from bench.systems import ROOT, Array, System
from bench.worker import Spec

Values = dict[str, list[float]]
"""Seconds or bytes, of each side by name, one for each round."""
Item = TypeVar("Item")
ALIKE = 0.2
"""How far a loss may be off where random numbers differ, relatively."""


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int = 200
    """Turns of each side."""
    seconds: float = 0.005
    """About how long a turn lasts."""
    limit: float = 20.0
    """Seconds for a task, with 8 rounds at least."""
    runs: int = 5
    """Processes of each side, where each is measured once."""


def agree(workers: Mapping[str, Worker], what: str, drops: bool = False) -> None:
    """Raise `AssertionError` unless all sides, having loaded the same weights, compute the same from them on.

    If a dropout draws other numbers on each side, losses of training need only be alike.
    """
    first, *others = workers
    expected: dict[str, list[Array]] = workers[first].ask("results")
    for name in others:
        results = workers[name].ask("results")
        for way, arrays in expected.items():
            for step, (one, other) in enumerate(zip(arrays, results[way], strict=True)):
                rtol, atol = _tolerance(way, step, name, drops)
                message = f"{what}: {way} of {first} and {name}"
                np.testing.assert_allclose(other, one, rtol, atol, err_msg=message)


def _tolerance(way: str, step: int, name: str, drops: bool) -> tuple[float, float]:
    """Relative and absolute; what a peer does of its own in updates is not in its first loss."""
    if way.startswith("predict"):
        return 1e-3, 1e-5
    if drops:
        return ALIKE, 0.0
    updated = step > 0 or way == "fit"
    return (PEERS[name].tolerance if updated and name in PEERS else 1e-4), 0.0


def in_turns(sides: Sequence[Item], rounds: int) -> Iterable[Item]:
    """Every side in each round, in an order that moves on."""
    for turn in range(rounds * len(sides)):
        number, place = divmod(turn, len(sides))
        yield sides[(number + place) % len(sides)]


def turns(workers: Mapping[str, Worker], task: str, effort: Effort) -> Values:
    """Seconds of a step or a prediction."""
    took = sum(worker.ask("warm", task, effort.seconds) for worker in workers.values())
    rounds = min(effort.rounds, max(8, round(effort.limit / took)))
    values: Values = {name: [] for name in workers}
    for name in in_turns(list(workers), rounds):
        values[name].append(workers[name].ask("turn"))
    return values


def afresh(specs: Mapping[str, Spec], task: str, runs: int) -> Values:
    """Seconds from the start of a process to its first prediction, or the most bytes that it had in use."""
    values: Values = {name: [] for name in specs}
    if task == "start":
        for name, spec in specs.items():
            _afresh(name, spec, task)  # so that what is read from the disk has been read before, and is compiled
    for name in in_turns(list(specs), runs):
        values[name].append(_afresh(name, specs[name], task))
    return values


def _afresh(name: str, spec: Spec, task: str) -> float:
    start = perf_counter()
    with begin(task, spec) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = perf_counter() - start
    if not line:
        raise SideError(f"its process ended with {process.returncode}", name)
    return took if task == "start" else float(line)


def builds(origins: Mapping[str, Origin], system: System, task: str, runs: int) -> Values:
    """Seconds of `gen build` of one file.

    It is the first one of all, for which nothing is kept of earlier builds; the first one of this file, after one of
    another file; or one that changes nothing.
    """
    source = system.source
    folders = {name: origin.folder for name, origin in origins.items() if origin.folder is not None}
    values: Values = {name: [] for name in folders}
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch, "layers.nn")
        other.write_text(many_layers(2), encoding="utf-8")
        for count, name in enumerate(in_turns(list(folders), runs + 1)):
            out = Path(scratch, f"out{count}")
            before = {"first_build": (), "build": (other,), "rebuild": (source,)}[task]
            for each in (*before, source):
                command = [*GEN, "build", "--quiet", str(each), "-o", str(out)]
                took = timed(command, folders[name], GEN_CACHE_DIR=str(out / "kept"))
            if count >= len(folders):  # the first round is to warm up
                values[name].append(took)
    return values


def version(runs: int) -> Values:
    """Seconds of `gen --version`, and of an interpreter that does nothing."""
    commands = {"gen": [*GEN, "--version"], "python": [sys.executable, "-c", "pass"]}
    values: Values = {name: [] for name in commands}
    for name in in_turns(list(commands), runs):
        values[name].append(timed(commands[name]))
    return values


def layers(count: int, runs: int) -> Values:
    """Seconds of `gen build` of a file with so many layers, and those of them that Black takes; nothing is kept.

    Beside them is what Black would take for all of the text.
    """
    values: Values = {"gen": [], "black": [], "black_alone": []}
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "layers.nn")
        source.write_text(many_layers(count), encoding="utf-8")
        module = [sys.executable, "-m", "bench.timed_build", str(source), scratch]
        for run in range(runs):
            start = perf_counter()
            environment = inherited() | {"GEN_CACHE_DIR": str(Path(scratch, str(run)))}
            told = subprocess.run(module, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout
            values["gen"].append(perf_counter() - start)
            values["black"].append(float(told))
            start = perf_counter()
            black.format_str(Path(scratch, "layers.py").read_text("utf-8"), mode=black.Mode(line_length=100))
            values["black_alone"].append(perf_counter() - start)
    return values


def many_layers(count: int) -> str:
    """A `.nn` file with so many layers."""
    lines = ['"""Layer upon layer."""', "", "x = Input(16)", "h = Dense(16, relu)(x)"]
    lines += ["h = Dense(16, relu)(h)"] * (count - 2)
    lines += ["y = Dense(1)(h)", "", "model = Model(x, y)", "model.compile(rmsprop(0.001), loss=mse)", ""]
    return "\n".join(lines)


def timed(process: list[str], folder: Path = ROOT, **environment: str) -> float:
    """Seconds of a whole process."""
    start = perf_counter()
    subprocess.run(process, cwd=folder, env=inherited() | environment, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start
