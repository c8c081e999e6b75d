"""The formats of a diagram."""

from __future__ import annotations

from pathlib import Path

from gen.commands.building import CommandError, missing
from gen.inspect.diagram.diagram import diagram_of
from gen.inspect.diagram.mermaid import mermaid
from gen.inspect.diagram.svg import svg
from gen.inspect.facts import Facts

LARGEST = 20_000
"""The most vertices that all arrows of a picture may pass, because each arrow needs room beside these vertices."""
ENDINGS = {".mmd": "mermaid", ".mermaid": "mermaid", ".svg": "svg", ".png": "png"}


def format_of(path: Path | None) -> str:
    """The format for the name of a file, and Mermaid for standard output.  Raises `CommandError`."""
    if path is None:
        return "mermaid"
    if path.suffix.lower() not in ENDINGS:
        raise CommandError(f"the name of the picture must end in {', '.join(ENDINGS)}, or use `--format`")
    return ENDINGS[path.suffix.lower()]


def draw(facts: Facts, form: str) -> bytes:
    """Draw a model in one of the formats.

    Raises `CommandError` for a PNG if Pillow is not installed, and for a picture of a very large model.
    """
    diagram = diagram_of(facts)
    if form != "mermaid" and sum(arrow.target - arrow.source for arrow in diagram.arrows) > LARGEST:
        raise CommandError("the model is too large for a picture; `--format mermaid` gives it as text")
    if form == "png":
        try:
            from gen.inspect.diagram.png import png  # only this needs Pillow
        except ImportError as error:
            raise missing("a PNG", "Pillow", "graph") from error
        return png(diagram)
    if form == "svg":
        return svg(diagram).encode()
    return mermaid(diagram).encode()
