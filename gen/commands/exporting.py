"""`gen export`: a model of gen and its weights as a file that Keras, or others, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gen import compiler
from gen.commands.building import CommandError, explained, read, shown
from gen.commands.importing import readable, run
from gen.files import Bounds, WriteError, place
from gen.keras_files import safetensors
from gen.keras_files.exporting import keras_file, weights_file

ENDINGS = (".keras", ".weights.h5", ".safetensors")


def export(source: Path, weights: Path, out: Path, force: bool = False, debug: bool = False) -> str:
    """Write the file, in the format that its name ends in; says what came of it.

    Raises `CommandError` or `WriteError`.
    """
    if not out.name.endswith(ENDINGS):
        raise CommandError(f"{shown(out)} ends in none of {', '.join(ENDINGS)}")
    text, diagnostics = read(source)
    with explained(source, debug=debug):
        graph = None if diagnostics.failed else compiler.understand(text, diagnostics)
        if graph is None:
            first = next(each for each in diagnostics.in_source_order() if each.severity == "error")
            raise CommandError(f"{shown(source)} is no model that gen can build: {first.message}")
        fresh = run(graph, source.name, "float32")
    try:
        model = type(fresh).load(weights)
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot read {shown(weights)}: {error}") from error
    with explained(source, debug=debug):
        data = readable(lambda: _data(graph, model, out.name))
    with place(out, Bounds(out.parent), make=True) as found:
        status = found.status()
        if status is not None and not force:
            raise WriteError(f"{shown(out)} exists; --force writes over it")
        found.replace(data, status)
    return "written"


def _data(graph: Any, model: Any, name: str) -> bytes:
    arrays, dtype = model.weights, model.dtype.name
    if name.endswith(".safetensors"):
        return safetensors.written(arrays)
    if name.endswith(".weights.h5"):
        return weights_file(graph, arrays, dtype)
    state: dict[str, Any] = {}
    if graph.training is not None:
        state = {"step": model.step, "learning_rate": model.learning_rate, "slots": model.slots}
    return keras_file(graph, arrays, state, dtype)
