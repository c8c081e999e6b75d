"""Histories of training: reads the CSV files that `fit` writes, and draws their curves.

`gen plot a.csv b.csv` compares runs: a panel for the loss and one for each metric, a colour for each file, a solid line
for training and a dashed one for validation.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gen import files
from gen.commands.building import CommandError, missing, shown
from gen.files import WriteError, overwrite, reason

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

VALIDATION = "val_"
"""The prefix of the figures of validation."""


@dataclass(frozen=True)
class History:
    """The figures of one training: by name, a number for each of `epochs`."""

    path: Path
    epochs: tuple[int, ...]
    figures: dict[str, tuple[float, ...]]

    def panel(self, name: str) -> str:
        """The figure of training that `name` is drawn with: itself, unless it is that figure in validation."""
        trained = name.removeprefix(VALIDATION)
        return trained if trained in self.figures else name  # an output may have the name `val_a`


def plot(paths: Sequence[Path], output: Path) -> None:
    """Draw the histories in `paths`, and write the picture; its ending says in which format.

    Raises `CommandError` if a file is no history or cannot be read, or the picture cannot be drawn or written.
    """
    form = output.suffix.lower().removeprefix(".")
    if form not in _DATELESS:
        endings = ", ".join(f".{name}" for name in _DATELESS)
        raise CommandError(f"cannot draw {shown(output)}: the name of a picture ends in one of {endings}")
    histories = [read(path) for path in dict.fromkeys(paths)]
    try:
        from matplotlib import style
    except ImportError as error:
        raise missing("a plot", "matplotlib", "plot") from error
    with style.context(["default", {"svg.hashsalt": "gen"}]):  # without user settings, and with the same ids
        picture = io.BytesIO()
        draw(histories).savefig(picture, format=form, dpi=150, metadata=_DATELESS[form])
    try:
        overwrite(output, picture.getvalue())
    except WriteError as error:
        raise CommandError(str(error)) from error


_DATELESS: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""The formats, each with the metadata that leaves out the date."""


# ------------------------------------------------------------------------------------------------------ reading files


def read(path: Path) -> History:
    """The history in a CSV file.  Raises `CommandError` if it is none, or has no epoch yet."""
    try:
        text = files.read(path).decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except OSError as error:
        raise CommandError(f"cannot read {shown(path)}: {reason(error)}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _foreign(path, "it is not text") from error
    if not rows:
        raise CommandError(f"{shown(path)} is empty: no epoch has ended yet")
    names = rows[0]
    if names[:2] != ["epoch", "loss"] or len(set(names)) < len(names):
        raise _foreign(path, "its first line is not `epoch,loss,…`")
    table = [_numbers(path, number, row, len(names)) for number, row in enumerate(rows[1:], 2)]
    if not table:
        raise CommandError(f"{shown(path)} contains no epoch")
    epochs, *columns = zip(*table, strict=True)
    return History(path, tuple(map(int, epochs)), dict(zip(names[1:], columns, strict=True)))


def _numbers(path: Path, line: int, row: list[str], width: int) -> list[float]:
    if len(row) != width:
        raise _foreign(path, f"line {line} has {len(row)} fields, the first has {width}")
    try:
        return [int(row[0]), *map(float, row[1:])]
    except ValueError as error:
        raise _foreign(path, f"line {line} contains something that is not a number") from error


def _foreign(path: Path, why: str) -> CommandError:
    return CommandError(f"{shown(path)} is not a history of training as `fit(csv=…)` writes it: {why}")


# ------------------------------------------------------------------------------------------------------------ drawing


def draw(histories: Sequence[History]) -> Figure:
    """A panel for the loss, and for every other figure that one of the histories has; validation goes with training."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(history.panel(name) for history in histories for name in history.figures))
    columns = 1 if len(names) <= 3 else 2
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(6.4 * columns, 0.8 + 2.6 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[len(names) :]:
        panel.remove()
    for panel, name in zip(panels, names, strict=False):
        _curves(panel, name, histories)
    figure.legend(handles=_legend(histories), loc="outside upper center", ncols=2, frameon=False)
    return figure


def _curves(panel: Axes, name: str, histories: Sequence[History]) -> None:
    """The curves of one figure: solid in training, dashed in validation."""
    from matplotlib.ticker import MaxNLocator

    panel.set_title(name)
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    for colour, history in zip(_colours(len(histories)), histories, strict=True):
        marker = "." if len(history.epochs) == 1 else ""  # a line needs two points
        for key, line in ((name, "-"), (VALIDATION + name, "--")):
            if key in history.figures and history.panel(key) == name:
                panel.plot(history.epochs, history.figures[key], line, color=colour, marker=marker)


def _legend(histories: Sequence[History]) -> list[Line2D]:
    """An entry for each history, and one for validation if there is any."""
    from matplotlib.lines import Line2D

    pairs = zip(_colours(len(histories)), _labels(histories), strict=True)
    entries = [Line2D([], [], color=colour, label=label) for colour, label in pairs]
    if any(history.panel(name) != name for history in histories for name in history.figures):
        entries.append(Line2D([], [], color="grey", linestyle="--", label="validation"))
    return entries


def _colours(count: int) -> list[Any]:
    """As many colours, which are well apart up to ten."""
    import matplotlib

    colours = matplotlib.colormaps["tab10" if count <= 10 else "turbo"]
    return [colours(index if count <= 10 else index / (count - 1)) for index in range(count)]


def _labels(histories: Sequence[History]) -> list[str]:
    """What the legend calls each file: its name, or its path where two have the same name."""
    names = [history.path.name for history in histories]
    paths = [history.path if names.count(history.path.name) > 1 else Path(history.path.name) for history in histories]
    return [shown(path).replace("$", r"\$") for path in paths]  # between two $ would be a formula
