"""RESULTS.md, written from the figures of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import AFRESH, BUILDS, TASKS, TURNS, shown, shown_ratio, sizes
from bench.machine import warnings
from bench.peers import PEERS
from bench.systems import SYSTEMS, TYPICAL

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "RESULTS.md"
Figures = Mapping[str, Mapping[str, Any]]
"""By row (a system, or what else was measured), then by task; see `figures.figures`."""


@dataclass(frozen=True)
class Target:
    """What the ratio to the best peer, or to one of them, may be at most."""

    most: float
    peer: str | None = None


def _targets(dense: float, video: float, qa: Target, posts: float, words: float) -> dict[str, Target]:
    each = {"1": dense, "2": dense, "3": dense, "4": video, "6": posts, "6z": words}
    return {name: Target(most) for name, most in each.items()} | {"5": qa}


TARGETS: dict[str, dict[str, Target]] = {
    "step": _targets(0.6, 0.5, Target(0.85), 0.85, 0.5),
    "predict_batch": _targets(0.5, 1.0, Target(1.0), 0.9, 0.5),
    "predict_one": _targets(0.4, 0.4, Target(1.0, "torch"), 0.9, 0.5),
    "start": dict.fromkeys(SYSTEMS, Target(0.15)),
    "memory": dict.fromkeys(("6", "6z"), Target(0.6)),
}
TYPICAL_TARGETS = {"step": 1.0, "predict_batch": 1.0, "predict_one": 0.6}
"""The same for each typical model."""
MEAN_TARGET = 0.8
"""The same for the geometric mean over the typical models."""
BUILD_MS, VERSION_MS = 700, 60
"""What `gen build` may take, and `gen --version` more than an interpreter that does nothing."""
LINEAR = 1.15
"""What a layer of the largest file may take, as a multiple of what one of the smallest takes."""
BLACK = 2.0
"""What the largest file may take, as a multiple of what Black takes for its text: Black is, or would be, most of it."""


@dataclass(frozen=True)
class Cell:
    """One figure that is better or worse than it should be."""

    name: str
    figure: str
    good: bool
    target: str = ""
    """What it should be; where nothing is said, as quick or as small as the best peer."""

    def verdict(self) -> str:
        if self.target:
            return "met" if self.good else "**missed**"
        return "ahead" if self.good else "**behind**"


def write(
    run: Mapping[str, Any],
    path: Path = RESULTS,
    typical: Mapping[str, Any] | None = None,
    scaled: Mapping[str, Any] | None = None,
) -> None:
    """Write the figures of a run, as `--json` has them, as a page; and those of typical models, and of their sizes."""
    path.write_text("\n".join(page(run, typical, scaled)) + "\n", encoding="utf-8")


def page(
    run: Mapping[str, Any], typical: Mapping[str, Any] | None = None, scaled: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """The lines of RESULTS.md."""
    figures = {row: _measured(tasks) for row, tasks in run["figures"].items()}
    tables = list(_tables(figures))
    if typical is not None:
        tables += _typical({row: _measured(tasks) for row, tasks in typical["figures"].items()})
    cells = [cell for _, _, found in tables for cell in found]
    yield "# Results"
    yield ""
    yield "`make bench` writes this page. [README.md](README.md) says what the benchmarks compare, and how. Times and"
    yield "memory are medians. A ratio compares gen with the best peer: it is the median over the rounds of one run,"
    yield "with its quartiles. Below 1, the generated file is faster or takes less."
    yield ""
    yield from _balance(cells)
    yield ""
    yield from _machine(run["about"])
    for what, other in (("typical models", typical), ("sizes", scaled)):
        if other is not None:
            yield f"- {what}: {other['about']['cpu']}, {_when(other['about'])}"
    yield from (f"- {sentence.splitlines()[-1]}" for sentence in run["left_out"])
    for title, lines, _ in tables:
        yield ""
        yield f"## {title}"
        yield ""
        yield from lines
    for each in () if scaled is None else scaled["tables"]:
        yield ""
        yield f"## {each['title']}"
        yield ""
        yield from sizes(each["lines"], each["over"])


def _measured(tasks: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those that gen as it is took part in."""
    return {task: result for task, result in tasks.items() if "gen" in result["sides"]}


def _balance(cells: Sequence[Cell]) -> Iterator[str]:
    """How many targets are met, and all cells that are lost."""
    aimed, free = [cell for cell in cells if cell.target], [cell for cell in cells if not cell.target]
    for kind, met, of, lost in (
        (aimed, "Targets met", "missed", "{name}: {figure}, target {target}"),
        (free, "Ahead of the best peer, where there is no target", "behind", "{name}: {figure}"),
    ):
        if kind:
            good = sum(cell.good for cell in kind)
            yield f"- **{met}: {good} of {len(kind)}.**" + ("" if good == len(kind) else f" These are {of}:")
            for cell in kind:
                if not cell.good:
                    yield "  - " + lost.format(name=cell.name, figure=cell.figure, target=cell.target)


def _machine(about: Mapping[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    yield "## Machine"
    yield ""
    yield f"- {about['cpu']}, {about['cores']} cores, {about['threads']} of them used; {about['system']}"
    yield f"- Python {about['python']}, {versions}"
    yield f"- BLAS of NumPy: {about['blas']}"
    yield f"- {_when(about)}"
    yield from (f"- **{sentence}**" for sentence in warnings(about))


def _when(about: Mapping[str, Any]) -> str:
    return f"gen at {about['revision']}, on {about['date']}; load of the machine before the run: {about['load']}"


def _typical(figures: Figures) -> Iterator[tuple[str, list[str], list[Cell]]]:
    """As `_tables`, for the typical models: a last line has the geometric mean of the ratios."""
    for task, most in TYPICAL_TARGETS.items():
        rows = {name: figures[name][task] for name in TYPICAL if task in figures.get(name, {})}
        if rows:
            title = TASKS[task].title
            lines, cells = _against_peers(task, rows, dict.fromkeys(TYPICAL, Target(most)))
            ratios = [best["median"] for best in map(ratio_to_best, rows.values())]
            mean = math.prod(ratios) ** (1 / len(ratios))
            cell = Cell(f"{title}, geometric mean", f"{mean:.2f}", mean <= MEAN_TARGET, f"≤ {MEAN_TARGET}")
            told = f"- Geometric mean: {cell.figure}, target {cell.target}: {cell.verdict()}"
            unit = next(iter(rows.values()))["unit"]
            yield f"typical models: {title}, {unit}", [*lines, "", told], [*cells, cell]


def ratio_to_best(result: Mapping[str, Any]) -> Mapping[str, float]:
    """How gen compares with the peer that has the least median."""
    found: Mapping[str, float] = result["ratio"][min(result["ratio"], key=lambda peer: result["sides"][peer]["median"])]
    return found


def _tables(figures: Figures) -> Iterator[tuple[str, list[str], list[Cell]]]:
    """A title, the lines of a table, and the cells in it that can be won or lost."""
    for task in (*TURNS, *AFRESH):
        rows = {name: figures[name][task] for name in SYSTEMS if task in figures.get(name, {})}
        if rows:
            unit = next(iter(rows.values()))["unit"]
            yield f"{TASKS[task].title}, {unit}", *_against_peers(task, rows, TARGETS.get(task, {}))
    rows = {name: figures[name] for name in SYSTEMS if figures.get(name, {}).keys() & BUILDS.keys()}
    if rows:
        yield "gen build, ms", *_builds(rows)
    if "version" in figures.get("gen", {}):
        yield "gen --version, ms", *_version(figures["gen"]["version"])
    rows = {name: each["layers"] for name, each in figures.items() if "layers" in each}
    if rows:
        yield "gen build of many layers, s", *_layers(rows)


def _against_peers(task: str, rows: Mapping[str, Any], targets: Mapping[str, Target]) -> tuple[list[str], list[Cell]]:
    peers = [peer for peer in PEERS if any(peer in result["sides"] for result in rows.values())]
    lines, cells = [], []
    for name, result in rows.items():
        sides, ratio = result["sides"], result["ratio"]
        line = [name, *(shown(sides[side]["median"]) if side in sides else "" for side in ("gen", *peers))]
        if ratio:
            what = f"{TASKS[task].title}, {name if name in TYPICAL else f'system {name}'}"
            best = min(ratio, key=lambda peer: sides[peer]["median"])
            free = _cell(what, ratio, best)
            aim = targets.get(name)
            aimed = _cell(what, ratio, aim.peer or best, aim) if aim and (aim.peer or best) in ratio else free
            apart = aim is not None and aim.peer not in (None, best)  # the target is not about the best peer
            cells += [aimed, free] if apart else [aimed]
            verdict = f"{aimed.verdict()} with {aimed.figure}" if apart else aimed.verdict()
            line += [f"{shown_ratio(ratio[best])} of {PEERS[best].title}", aimed.target, verdict]
        lines.append(line)
    header = [
        "model" if rows.keys() <= TYPICAL.keys() else "system",
        "gen",
        *(PEERS[peer].title for peer in peers),
        "ratio to the best",
        "target",
        "",
    ]
    return _table(header, lines), cells


def _cell(what: str, ratio: Mapping[str, Any], peer: str, target: Target | None = None) -> Cell:
    """The ratio to a peer, beside a target if there is one."""
    value, title = ratio[peer]["median"], PEERS[peer].title
    if target is None:
        return Cell(what, f"{value:.2f} of {title}", value < 1.0)
    named = f" of {title}" if target.peer else ""
    return Cell(what, f"{value:.2f} of {title}", value <= target.most, f"≤ {target.most}{named}")


def _builds(rows: Mapping[str, Any]) -> tuple[list[str], list[Cell]]:
    lines, cells = [], []
    for name, result in rows.items():
        line = [name]
        for task, what in BUILDS.items():
            if task in result:
                took = result[task]["sides"]["gen"]
                figure, good = f"{shown(took['median'])} ms", took["median"] <= BUILD_MS
                cells.append(Cell(f"{what.title}, system {name}", figure, good, f"≤ {BUILD_MS} ms"))
            line += [_with_quartiles(took), cells[-1].verdict()] if task in result else ["", ""]
        lines.append(line)
    header = ["system"]
    for what in BUILDS.values():
        header += [what.title, f"≤ {BUILD_MS}"]
    return _table(header, lines), cells


def _version(result: Mapping[str, Any]) -> tuple[list[str], list[Cell]]:
    gen, python = result["sides"]["gen"], result["sides"]["python"]
    more = gen["median"] - python["median"]
    cell = Cell("gen --version", f"{more:.1f} ms more than Python", more <= VERSION_MS, f"≤ {VERSION_MS} ms more")
    row = [_with_quartiles(gen), _with_quartiles(python), f"{more:.1f}", cell.target, cell.verdict()]
    return _table(["gen --version", "python -c pass", "more", "target", ""], [row]), [cell]


def _layers(rows: Mapping[str, Any]) -> tuple[list[str], list[Cell]]:
    """What a layer takes in files of several sizes; `rows` are called by the number of layers."""
    lines, each, alone = [], [], 0.0
    for name, result in rows.items():
        sides, count = result["sides"], int(name.split()[0])
        took, black = sides["gen"]["median"], sides["black"]["median"]
        each.append(1000.0 * took / count)
        alone = took / sides["black_alone"]["median"]
        line = [
            f"{count:,}",
            _with_quartiles(sides["gen"]),
            f"{each[-1]:.2f} ms",
            f"{shown(black)} ({black / took:.0%})",
        ]
        lines.append([*line, f"{_with_quartiles(sides['black_alone'])}"])
    growth, largest, smallest = each[-1] / each[0], lines[-1][0], lines[0][0]
    what = f"gen build of {largest} layers"
    cells = [
        Cell(f"{what}, each", f"{growth:.2f} of one of {smallest}", growth <= LINEAR, f"≤ {LINEAR}"),
        Cell(f"{what}", f"{alone:.2f} of Black alone", alone <= BLACK, f"≤ {BLACK}"),
    ]
    told = [f"- {cell.name}: {cell.figure}, target {cell.target}: {cell.verdict()}" for cell in cells]
    return [
        *_table(["layers", "build", "each", "of it Black", "Black alone, on the whole text"], lines),
        "",
        *told,
    ], cells


def _with_quartiles(figures: Mapping[str, float]) -> str:
    return f"{shown(figures['median'])} ({shown(figures['low'])}–{shown(figures['high'])})"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown; what a row lacks at its end is empty."""
    filled = ([*row, *[""] * (len(header) - len(row))] for row in rows)
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *filled)]
