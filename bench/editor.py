"""`python -m bench.editor`: how long an editor waits for the language server, on each example.

A client types a line into each example, character by character, and waits after each one: most of these texts are
broken.  Needs what the extra `lsp` installs.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from tests.building import ROOT
from tests.editor import Document, Editor

TYPED = "\nextra = Dense(32, activation=relu)(Input(8))\n"


def main() -> None:
    """Prints a line for each example; the first is slower, for the server has not hovered or completed before."""
    editor = Editor(Path(tempfile.gettempdir()))
    print(f"{'milliseconds, median and most':30} {'diagnostics':>14} {'hover':>14} {'hints':>14} {'completion':>14}")
    for path in sorted((ROOT / "examples").glob("*.nn")):
        figures = _measure(editor.open(path.read_text("utf-8")))
        print(f"{path.name:30} {' '.join(f'{_shown(times):>14}' for times in figures)}")
    sys.exit(editor.close()[0])


def _measure(document: Document) -> tuple[list[float], ...]:
    """Seconds until diagnostics are there, a hover on the model, all hints, and completions, by character typed."""
    good, columns = document.text, ([], [], [], [])  # type: tuple[str, tuple[list[float], ...]]
    assert document.diagnostics == []
    for end in range(1, len(TYPED) + 1):
        text = good + TYPED[:end]

        def typed(text: str = text) -> None:
            document.write(text)
            _ = document.diagnostics

        questions = (
            typed,
            lambda: document.hover("model = "),
            document.hints,
            lambda end=end: document.completions(TYPED[:end]),
        )
        for column, question in zip(columns, questions, strict=True):
            column.append(_seconds(question))
    return columns


def _seconds(question: Callable[[], Any]) -> float:
    start = perf_counter()
    question()
    return perf_counter() - start


def _shown(times: list[float]) -> str:
    return f"{1000 * median(times):.1f} {1000 * max(times):.1f}"


if __name__ == "__main__":
    main()
