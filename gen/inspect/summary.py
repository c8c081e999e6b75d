"""The summary of a model, from its facts: a table for people, and the same as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from gen.diagnostics import Source, Span, visible, visible_lines
from gen.dims import Dim, Shape, show
from gen.emit.footprint import bytes_text
from gen.emit.tables import columns
from gen.graph.graph import Box
from gen.inspect.facts import CallFacts, Facts

HEADER = (
    "call", "kind", "output shape", "parameters", "forward FLOP", "backward FLOP", "output memory", "connected to",
)  # fmt: skip
TO_THE_RIGHT = (3, 4, 5, 6)


def write_summary(facts: Facts, stream: TextIO, terminal: bool) -> None:
    """The table of calls, and the totals below it; on a terminal, it has lines, and the terminal's width."""
    if terminal:
        _write_rich(facts, stream)
    else:
        lines = [*columns([HEADER, *_rows(facts)], TO_THE_RIGHT), "", *_totals(facts)]
        print(visible_lines("\n".join(lines)), file=stream)


def _write_rich(facts: Facts, stream: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=_unmarked(facts.name), title_justify="left"
    )
    for i, name in enumerate(HEADER):
        table.add_column(name.replace(" ", "\n"), justify="right" if i in TO_THE_RIGHT else "left", overflow="fold")
    for row in _rows(facts):
        table.add_row(*map(_unmarked, row))
    console = Console(file=stream, highlight=False)
    console.print(table)
    for line in _totals(facts):
        console.print(_unmarked(line))


def _unmarked(text: str) -> str:
    """`text` literally, without rich's markup `[…]` and without escapes for the terminal."""
    from rich.markup import escape

    return escape(visible(text))


def _rows(facts: Facts) -> Iterator[tuple[str, ...]]:
    for item in facts.inputs:
        yield item.name, "Input", show(item.shape), "", "", "", "", ""
    for call in facts.calls:
        sources = ", ".join(dict.fromkeys(edge.source for edge in call.inputs))
        counts = _parameters(call), count_text(call.forward), count_text(call.backward), bytes_text(call.memory)
        yield call.name, call.kind, show(call.shape), *counts, sources


def _parameters(call: CallFacts) -> str:
    return "shared" if call.shared and not call.parameters else f"{call.parameters:,}"


def _totals(facts: Facts) -> list[str]:
    sizes = ", ".join(f"{name} {size}" for name, size in facts.sizes.items())
    memory = {name: bytes_text(count) for name, count in facts.memory.items()}
    work = {name: count_text(count) for name, count in facts.operations.items()}
    rows = [
        ("parameters", f"{facts.parameters:,}"),
        ("  trained", f"{facts.trainable:,}"),
        ("  not trained", f"{facts.parameters - facts.trainable:,}"),
        (f"floating-point operations, {sizes}", ""),
        *((f"  {name}", text) for name, text in work.items()),
        (f"memory in float32, {sizes}", ""),
        *((f"  {name}", text) for name, text in memory.items()),
    ]
    return columns(rows, right=(1,))


def count_text(count: int) -> str:
    """Three digits and a unit, `2.78 G`, or the number itself below 1,000."""
    units = ("", "k", "M", "G", "T", "P")
    size, unit = float(count), 0
    while size >= 999.5 and unit + 1 < len(units):
        size, unit = size / 1000, unit + 1
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {units[unit]}" if unit else str(count)


# ----------------------------------------------------------------------------------------------------------- plain data


def to_json(facts: Facts, source: Source) -> dict[str, Any]:
    """The facts as plain data.  A size that only data decide is a text, its formula; lines count from 1."""
    return {
        "model": facts.name,
        "sizes": facts.sizes,
        "inputs": [
            {"name": item.name, "shape": _shape(item.shape), "dtype": item.dtype, **_place(source, item.span)}
            for item in facts.inputs
        ],
        "calls": [_call(call, source) for call in facts.calls],
        "outputs": [
            {
                "name": item.name,
                "from": item.source.source,
                "shape": _shape(item.source.shape),
                "loss": item.loss or None,
            }
            for item in facts.outputs
        ],
        "parameters": {
            "total": facts.parameters,
            "trained": facts.trainable,
            "not_trained": facts.parameters - facts.trainable,
        },
        "operations": facts.operations,
        "memory": facts.memory,
    }


def _call(call: CallFacts, source: Source) -> dict[str, Any]:
    return {
        "name": call.name,
        "kind": call.kind,
        "shape": _shape(call.shape),
        "dtype": call.dtype,
        "parameters": call.parameters,
        "trained": call.trainable,
        "shared": call.shared,
        "forward": call.forward,
        "backward": call.backward,
        "memory": call.memory,
        "inputs": [
            {"from": edge.source, "input": edge.from_input, "shape": _shape(edge.shape)} for edge in call.inputs
        ],
        "box": _path(call.box),
        **_place(source, call.span),
    }


def _shape(shape: Shape) -> list[int | str]:
    return [str(size) if isinstance(size, Dim) else size for size in shape]


def _path(box: Box | None) -> list[str]:
    """The names of the boxes around something, the outermost first."""
    return [] if box is None else [*_path(box.parent), box.name]


def _place(source: Source, span: Span) -> dict[str, int]:
    line, column = source.position(span.start)
    end_line, end_column = source.position(span.end)
    return {"line": line, "column": column, "end_line": end_line, "end_column": end_column}
