"""`python -m bench.editor`: how long an editor waits for the language server.

A client types a line into each example, character by character, and waits after each one: most of these texts are
broken.  Then it types into large files, as fast as a person does, and does not wait: of what an editor asks after each
character most is outdated before it is answered.  Last it asks for the fixes of files with many mistakes.  Needs what
the extra `lsp` installs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.building import ROOT
from tests.editor import Document, Editor

TYPED = "\nextra = Dense(32, activation=relu)(Input(8))\n"
PACE = 0.1
"""Seconds from one character to the next."""
LAYERS = (500, 2_000)
MISSPELLINGS = (300, 2_000)


def main() -> None:
    """Prints a line for each file; the first is slower, for the server has not hovered or completed before."""
    editor = Editor(Path(tempfile.gettempdir()))
    print(f"{'milliseconds, median and most':30} {'diagnostics':>14} {'hover':>14} {'hints':>14} {'completion':>14}")
    for path in sorted((ROOT / "examples").glob("*.nn")):
        figures = _measure(editor.open(path.read_text("utf-8")))
        print(f"{path.name:30} {' '.join(f'{_shown(times):>14}' for times in figures)}")
    print(f"\n{'typed without waiting':30} {'diagnostics':>14} {'completion':>14} {'hover':>14} {'answered':>14}")
    for count in LAYERS:
        times, answered = editor.wait(_typed(editor.open(_layers(count, "relu"))), patience=600)
        print(f"{f'{count} layers':30} {' '.join(f'{1000 * each:>14.1f}' for each in times)} {answered:>14}")
    print(f"\n{'mistakes':30} {'diagnostics':>14} {'actions':>14}")
    for count in MISSPELLINGS:
        times = _misspelled(editor.open(""), _layers(count, "rellu"))
        print(f"{f'{count} misspellings':30} {' '.join(f'{1000 * each:>14.1f}' for each in times)}")
    sys.exit(editor.close()[0])


def _layers(count: int, activation: str) -> str:
    lines = [f"x_{number} = Dense(16, {activation})(x_{number - 1})" for number in range(1, count + 1)]
    return "\n".join(["x_0 = Input(16)", *lines, f"model = Model(x_0, x_{count})", "model.compile(sgd, mse)\n"])


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


async def _typed(document: Document) -> tuple[list[float], str]:
    """Seconds from the last character to its diagnostics, completions and hover, and how many requests are answered.

    After each character the editor asks for completions, hints and code actions, and the mouse lies on the first layer.
    """
    good, editor, identifier = document.text, document.editor, document.identifier
    everything = types.Range(types.Position(0, 0), types.Position(len(good), 0))
    hover = document.hover_params("x_1 =")
    await editor.published_version(document.uri, document.version)
    requests: list[asyncio.Task[float | None]] = []
    last = perf_counter()
    for end in range(1, len(TYPED) + 1):
        last = perf_counter()
        document.write(good + TYPED[:end])
        here = document.position(good[-20:] + TYPED[:end], behind=True)
        for method, params in (
            (types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(identifier, here)),
            (types.TEXT_DOCUMENT_HOVER, hover),
            (types.TEXT_DOCUMENT_INLAY_HINT, types.InlayHintParams(identifier, everything)),
            (
                types.TEXT_DOCUMENT_CODE_ACTION,
                types.CodeActionParams(identifier, types.Range(here, here), types.CodeActionContext([])),
            ),
        ):
            requests.append(asyncio.create_task(_answered(editor, method, params)))
        if end < len(TYPED):
            await asyncio.sleep(PACE)
    await editor.published_version(document.uri, document.version)
    took = perf_counter() - last
    answered = await asyncio.gather(*requests)
    completion, hovered = answered[-4:-2]
    assert completion and hovered, "the last requests are not outdated"
    return [took, completion, hovered], f"{sum(each is not None for each in answered)} of {len(answered)}"


async def _answered(editor: Editor, method: str, params: Any) -> float | None:
    """How many seconds the answer to a request takes; None if it is outdated before."""
    start = perf_counter()
    try:
        await editor.send(method, params)
    except JsonRpcException:
        return None
    return perf_counter() - start


def _misspelled(document: Document, text: str) -> tuple[float, float]:
    """Seconds until the diagnostics of a text are there, and the code actions for all of it."""
    document.write(text)
    return _seconds(lambda: document.diagnostics), _seconds(lambda: document.actions(text))


def _seconds(question: Callable[[], Any]) -> float:
    start = perf_counter()
    question()
    return perf_counter() - start


def _shown(times: list[float]) -> str:
    return f"{1000 * median(times):.1f} {1000 * max(times):.1f}"


if __name__ == "__main__":
    main()
