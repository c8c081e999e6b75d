"""One side in a process of its own, which does `main` of this module. Nothing is imported that it does not need."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from bench.peers import PEERS, Measured
from bench.systems import MODELS, Array, System, wide

EPOCH = 31
"""Steps, after which training starts anew."""
FEW = 3
"""Steps, where a few tell enough."""


class Spec(NamedTuple):
    """Which side of which system: a peer by name, or a generated file."""

    system: str
    peer: str | None = None
    file: str | None = None
    batch: int | None = None
    threads: int | None = None
    """Those that were asked for; None leaves the number to the benchmarks, and to the generated file."""
    width: int | None = None

    def of(self) -> System:
        """The system, with batches and layers of these sizes."""
        system = MODELS[self.system] if self.width is None else wide(self.width)
        return system if self.batch is None else replace(system, batch=self.batch)

    def side(self, batches: int | None) -> Measured:
        """The side, with so many batches, or all."""
        system = self.of()
        data = system.batches(batches)
        if self.file is not None:
            from bench.generated import Side, module

            return Side(system, data, module(Path(self.file)), self.threads)
        assert self.peer is not None
        made: Measured = importlib.import_module(f"bench.peers.{PEERS[self.peer].module}").Side(system, data)
        return made


class Served:
    """What the command asks of a side; each question is a method."""

    def __init__(self, spec: Spec) -> None:
        self.system = spec.of()
        self.side = spec.side(None)
        self.steps = 0

    def weights(self) -> list[Array] | None:
        """Those that a generated file starts from."""
        return self.side.weights() if hasattr(self.side, "weights") else None

    def load(self, weights: list[Array]) -> None:
        self.side.load(weights)

    def results(self) -> dict[str, list[Array]]:
        """What it computes from the loaded weights on, in every way that is timed.

        More steps would not tell more: RMSprop's first ones make rounding grow, a hundredfold in three of system 6.
        """
        side, found = self.side, {}
        found["predict_batch"], found["predict_one"] = arrays(side.predict_batch()), arrays(side.predict_one())
        for name, call in {"step": side.step, "train_on_batch": side.train_on_batch}.items():
            side.restart()
            found[name] = [np.array(float(call())) for _ in range(FEW)]
        side.restart()
        side.gather(FEW)
        found["fit"] = [np.array(side.fit(shuffle=False))]
        return found

    def warm(self, task: str, seconds: float) -> float:
        """Make ready for the turns of a task, each of about so many seconds; returns how long one will take."""
        if task == "fit":
            self.side.gather()
            self.call: Callable[[], Any] = partial(self.side.fit, self.system.epochs)
            self.per_call = self.system.epochs * (1000 // self.system.batch)
        else:
            self.call, self.per_call = getattr(self.side, task), 1
        self.trains = not task.startswith("predict")
        self.side.restart()
        self.call()  # to compile
        took = calls = 0.0
        start = perf_counter()
        while took < 0.25:
            self.call()
            calls += 1
            took = perf_counter() - start
        self.count = max(1, round(seconds * calls / took))
        self.lead = min(self.count - 1, 1 + self.count // 10)
        self.steps = EPOCH
        return (self.count + self.lead) * took / calls

    def turn(self) -> float:
        """Seconds of a step or prediction. The first calls, which wake threads and fill caches, do not count."""
        if self.trains and self.steps >= EPOCH:
            self.side.restart()
            self.steps = 0
        self.steps += (self.lead + self.count) * self.per_call
        for _ in range(self.lead):
            self.call()
        start = perf_counter()
        for _ in range(self.count):
            self.call()
        return (perf_counter() - start) / self.count / self.per_call


def arrays(predictions: Any) -> list[Array]:
    """One array for each output, of whatever a side calls its predictions."""
    if isinstance(predictions, dict):
        predictions = list(predictions.values())
    each = predictions if isinstance(predictions, (list, tuple)) else [predictions]
    return [np.array(array) for array in each]


def serve(spec: Spec, descriptor: int) -> None:
    """Answer questions until there are no more: a name and arguments in, the answer or the traceback out."""
    import traceback
    from multiprocessing.connection import Connection

    connection = Connection(descriptor)
    served: Served | None = None
    while True:
        try:
            name, *arguments = connection.recv()
        except EOFError:
            return
        try:
            served = served or Served(spec)
            answer = True, getattr(served, name)(*arguments)
        except Exception:
            answer = False, traceback.format_exc()
        connection.send(answer)


def start(spec: Spec) -> None:
    """Predict one row, and say so."""
    spec.side(1).predict_one()
    print("predicted", flush=True)


def memory(spec: Spec) -> None:
    """Take a few steps, and tell how much memory that took."""
    side = spec.side(FEW)
    side.restart()
    for _ in range(FEW):
        side.train_on_batch()
    print(peak(), flush=True)


def fit_memory(spec: Spec) -> None:
    """The same with `fit`."""
    side = spec.side(FEW)
    side.restart()
    side.gather(FEW)
    side.fit()
    print(peak(), flush=True)


def peak() -> int:
    """The most memory that this process has had in use, in bytes.

    Linux tells it by itself; what `getrusage` tells there may be that of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


DUTIES: dict[str, Callable[..., None]] = {"serve": serve, "start": start, "memory": memory, "fit_memory": fit_memory}


def main(duty: str, side: str, *descriptors: str) -> None:
    """Do one of `DUTIES` for a side, which is a `Spec` as JSON."""
    # Python goes on telling what fails; what libraries say about themselves, TensorFlow at every start, is left out.
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    DUTIES[duty](Spec(*json.loads(side)), *map(int, descriptors))
