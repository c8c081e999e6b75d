"""Figures of a task: from what was measured to what is printed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """What is measured, and in which unit it is told."""

    title: str
    unit: str = "µs"

    @property
    def scale(self) -> float:
        """From seconds or bytes to the unit."""
        return {"µs": 1e6, "ms": 1e3, "s": 1.0, "MB": 1e-6}[self.unit]


TURNS = {
    "step": Task("training step"),
    "train_on_batch": Task("train_on_batch"),
    "fit": Task("fit, per step"),
    "predict_batch": Task("predict, batch"),
    "predict_one": Task("predict, one"),
}
"""In which the sides take turns."""
AFRESH = {
    "start": Task("import, first prediction", "ms"),
    "memory": Task("peak memory, steps", "MB"),
    "fit_memory": Task("peak memory, fit", "MB"),
}
"""Which take a process of their own each time."""
BUILDS = {
    "first_build": Task("gen build, nothing kept", "ms"),
    "build": Task("gen build", "ms"),
    "rebuild": Task("gen build, unchanged", "ms"),
}
"""Which concern the generator."""
WHOLE = {"version": Task("gen --version", "ms"), "layers": Task("gen build, layers", "s")}
"""Which concern no system."""
TASKS = TURNS | AFRESH | BUILDS | WHOLE


def figures(values: Mapping[str, Sequence[float]], task: Task) -> dict[str, Any]:
    """Medians with quartiles of each side, and how the first side compares with each other one.

    That is the quartiles of the ratios of each round, and the ratio of the fastest tenths of the turns, which is what
    counts where something else keeps the cores busy.
    """
    sides = {name: spread([value * task.scale for value in each]) for name, each in values.items()}
    first, *others = values
    ratios = {}
    for name in others:
        ratios[name] = spread([a / b for a, b in zip(values[first], values[name], strict=True)])
        ratios[name]["fast"] = rounded(sides[first]["fast"] / sides[name]["fast"])
    return {"unit": task.unit, "rounds": len(values[first]), "sides": sides, "ratio": ratios}


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median and the quartiles, and the fastest tenth."""
    values = values if len(values) > 1 else [*values, *values]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    fast = statistics.quantiles(values, n=10, method="inclusive")[0]
    named = {"low": low, "median": median, "high": high, "fast": fast}
    return {name: rounded(value) for name, value in named.items()}


def rounded(value: float) -> float:
    """To four digits."""
    return float(f"{value:.4g}")


def shown(value: float) -> str:
    """To three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def shown_ratio(ratio: Mapping[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


HEADER = f"{'':13}{'task':26}{'against':20}{'ours':>10}{'theirs':>10}     {'ratio (quartiles)':20}fastest"


def lines(system: str, title: str, result: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of `figures`: a line for each side but the first; for that, if it is alone."""
    first, *others = result["sides"]
    ours, unit = result["sides"][first], result["unit"]
    start = f"{system:13}{title:26}"
    if not others:
        quartiles = f"({shown(ours['low'])}–{shown(ours['high'])})"
        yield f"{start}{'':20}{shown(ours['median']):>10}{'':10} {unit}  {quartiles}"
    for name in others:
        theirs, ratio = result["sides"][name], result["ratio"][name]
        both = f"{shown(ours['median']):>10}{shown(theirs['median']):>10}"
        yield f"{start}{name:20}{both} {unit}  {shown_ratio(ratio):20}{ratio['fast']:.2f}"


def sizes(lines: Sequence[Any], over: str) -> Iterator[str]:
    """A table in Markdown: milliseconds of each side, and how gen compares, with peers that have as many threads."""
    first, *others = lines[0]["sides"]
    pairs = [(first if name.startswith("gen") else name.replace(name.split(",")[0], "gen"), name) for name in others]
    heads = [over, *(f"{name}, ms" for name in (first, *others)), *(f"{one} / {other}" for one, other in pairs)]
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for line in lines:
        medians = {name: side["median"] for name, side in line["sides"].items()}
        times = map(shown, medians.values())
        ratios = (f"{medians[one] / medians[other]:.2f}" for one, other in pairs)
        yield f"| {' | '.join([str(line['size']), *times, *ratios])} |"
