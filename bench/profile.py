"""`python -m bench.profile 5 step`: what each statement of a generated file takes, of a step or a prediction.

A clock is read after every statement of the model's own functions, in a copy of the file: 0.1 µs more for each.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from types import ModuleType

from bench.generated import Side
from bench.sides import origin
from bench.systems import MODELS

FUNCTIONS = ("forward", "loss", "backward", "track", "update", "infer", "activate")
"""The functions that the network itself is written in."""
TASKS = ("step", "predict_batch", "predict_one")


class Clock:
    """Seconds of each statement, call by call."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}
        self.last = 0.0

    def start(self) -> None:
        self.last = perf_counter()

    def mark(self, statement: str) -> None:
        """The statement has ended."""
        self.taken.setdefault(statement, []).append(perf_counter() - self.last)
        self.last = perf_counter()


def timed(text: str, clock: Clock) -> ModuleType:
    """A generated file, whose functions tell the clock of every statement."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS:
            node.body = [ast.parse("_clock.start()").body[0], *_marked(node)]
    made = ModuleType("profiled")
    made.__dict__["_clock"] = clock
    sys.modules[made.__name__] = made
    exec(compile(ast.fix_missing_locations(tree), "profiled.py", "exec"), made.__dict__)
    return made


def _marked(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    for statement in function.body:
        yield statement
        if not isinstance(statement, ast.Return) and not isinstance(getattr(statement, "value", None), ast.Constant):
            line = ast.unparse(statement).replace("\n", " ")
            yield ast.parse(f"_clock.mark({f'{function.name}: {line}'!r})").body[0]


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("system", choices=MODELS)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--times", type=int, default=30, help="how often it is done")
    options = parser.parse_args(given)
    system, clock = MODELS[options.system], Clock()
    with tempfile.TemporaryDirectory() as scratch:
        file = origin("present", Path(scratch)).file(system)
        assert file is not None
        text = file.read_text("utf-8")
    side = Side(system, system.batches(), timed(text, clock))
    side.load(side.weights())
    action = getattr(side, options.task)
    for _ in range(3):
        action()
    clock.taken.clear()
    whole = []
    for _ in range(options.times):
        start = perf_counter()
        action()
        whole.append(perf_counter() - start)
    for statement, times in clock.taken.items():
        print(f"{median(times) * 1e6:10.1f} µs  {statement[:110]}")
    print(f"{sum(map(median, clock.taken.values())) * 1e6:10.1f} µs  all statements; the whole {options.task}:"
          f" {median(whole) * 1e6:.1f} µs")  # fmt: skip


if __name__ == "__main__":
    main()
