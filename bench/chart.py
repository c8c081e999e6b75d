"""The charts of README.md and `docs/speed.md`: `python -m bench.chart` draws them from the figures of the benchmarks.

Each row is a task, each circle a system or a typical model. A circle stands at the ratio of gen to the best peer, on a
logarithmic axis.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.results import ratio_to_best
from bench.systems import ROOT, SYSTEMS

FIGURES = Path(__file__).with_name("figures.json")
CHART = ROOT / "docs" / "speed.svg"
TYPICAL_FIGURES = Path(__file__).with_name("typical.json")
TYPICAL_CHART = ROOT / "docs" / "speed_typical.svg"
ROWS = {
    "step": "training step",
    "fit": "fit, per step",
    "predict_batch": "predict a batch",
    "predict_one": "predict one sample",
    "start": "import, first prediction",
    "memory": "peak memory",
}
"""The tasks of the chart, from the top, with their names."""
TYPICAL_ROWS = {task: ROWS[task] for task in ("step", "predict_batch", "predict_one")}
SYSTEM_LABELS = {name: name for name in SYSTEMS}
TYPICAL_LABELS = {
    "mnist_cnn": "CNN",
    "resnet": "Res",
    "mlp": "MLP",
    "bilstm": "Bi",
    "transformer": "Tr",
    "policy": "Pol",
}
"""What stands in the circles."""

LEFT, RIGHT, WIDTH = 190.0, 780.0, 820
LEAST, MOST = 0.12, 2.8
"""The ratios at the ends of the axis."""
TICKS = {0.125: "⅛", 0.25: "¼", 0.5: "½", 1.0: "1", 2.0: "2"}
RADIUS = 11.0
TOP, GAP = 58.0, 14.0

STYLE = """\
svg { color: #1f2328 }
text { fill: currentColor; font: 13px system-ui, Helvetica, Arial, sans-serif }
line { stroke: currentColor; stroke-opacity: .15 }
.even { stroke-opacity: .8 }
.tick { text-anchor: middle; opacity: .75 }
.row { text-anchor: end }
circle { fill: #2f7d4f }
.behind circle { fill: #b3441e }
g text { fill: #fff; font-size: 10px; font-weight: 600; text-anchor: middle }
@media (prefers-color-scheme: dark) { svg { color: #e6edf3 } }
"""


def ratios(run: Mapping[str, Any], task: str) -> dict[str, float]:
    """By system or model: the ratio of gen to the peer with the best median; below 1, gen takes less."""
    return {name: ratio_to_best(tasks[task])["median"] for name, tasks in run["figures"].items() if task in tasks}


def chart(run: Mapping[str, Any], tasks: Mapping[str, str] = ROWS, labels: Mapping[str, str] = SYSTEM_LABELS) -> str:
    """The text of the SVG file."""
    rows, bottom = [], TOP
    for task, title in tasks.items():
        found = ratios(run, task)
        placed = _placed({name: found[name] for name in labels})
        height = 2.0 * RADIUS * (1 + max(level for _, _, level in placed))
        rows.append(f'<text class="row" x="{LEFT - 24:g}" y="{bottom + height / 2 + 4.5:g}">{title}</text>')
        rows += [_circle(name, labels[name], ratio, level, bottom + height) for name, ratio, level in placed]
        bottom += height + GAP
    title = "Time and memory of the generated file, as a multiple of the best framework"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom:g}" role="img">']
    lines += [f"<title>{title}</title>", f"<style>\n{STYLE}</style>", *_axis(bottom), *rows]
    return "\n".join([*lines, "</svg>", ""])


def _placed(found: Mapping[str, float]) -> list[tuple[str, float, int]]:
    """Each system with its ratio and its level: a circle that would cover another one goes above it."""
    placed: list[tuple[str, float, int]] = []
    for name, ratio in sorted(found.items(), key=lambda item: item[1]):
        taken = {level for _, other, level in placed if _x(ratio) - _x(other) < 2.0 * RADIUS + 1.0}
        placed.append((name, ratio, next(level for level in range(len(found)) if level not in taken)))
    return placed


def _x(ratio: float) -> float:
    return LEFT + (RIGHT - LEFT) * math.log(ratio / LEAST) / math.log(MOST / LEAST)


def _circle(name: str, label: str, ratio: float, level: int, floor: float) -> str:
    x, y = f"{_x(ratio):.1f}", floor - RADIUS * (1 + 2 * level)
    kind = "behind" if ratio > 1.0 else "ahead"
    drawn = f'<circle cx="{x}" cy="{y:g}" r="{RADIUS:g}"/><text x="{x}" y="{y + 4:g}">{label}</text>'
    called = f"system {name}" if name in SYSTEMS else name
    return f'<g class="{kind}"><title>{called}: {ratio:.2f}</title>{drawn}</g>'


def _axis(bottom: float) -> Iterator[str]:
    for ratio, label in TICKS.items():
        kind = ' class="even"' if ratio == 1.0 else ""
        yield f'<line{kind} x1="{_x(ratio):.1f}" y1="{TOP - 12:g}" x2="{_x(ratio):.1f}" y2="{bottom - 6:g}"/>'
        yield f'<text class="tick" x="{_x(ratio):.1f}" y="{TOP - 18:g}">{label}</text>'
    yield f'<text class="tick" x="{_x(0.35):.1f}" y="16">← gen takes less</text>'
    yield f'<text class="tick" x="{_x(1.0):.1f}" y="16">best framework</text>'


if __name__ == "__main__":
    CHART.write_text(chart(json.loads(FIGURES.read_text("utf-8"))), "utf-8")
    typical = chart(json.loads(TYPICAL_FIGURES.read_text("utf-8")), TYPICAL_ROWS, TYPICAL_LABELS)
    TYPICAL_CHART.write_text(typical, "utf-8")
