"""Models in notebooks: after `%load_ext gen.notebook`, `%%nn NAME` builds the text of a cell.

    %%nn digits
    pixels = Input(64)
    digit = Dense(10, softmax)(pixels)
    model = Model(pixels, digit)
    model.compile(adam(), loss=sparse_categorical_crossentropy)

`digits` is then a fresh `Model(seed=0)` of the generated module; without a name, it is `model`.  If something is wrong,
the cell fails with the report of `gen build`, and the name keeps its value.
"""

from __future__ import annotations

import keyword
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from gen import compiler
from gen.commands.building import CommandError, explained
from gen.diagnostics import Diagnostics, Source, render_text, visible, visible_lines


class ModelError(Exception):
    """The cell does not contain a model; IPython prints `report` instead of a traceback."""

    def __init__(self, message: str, report: str) -> None:
        super().__init__(message)
        self.report = report

    def _render_traceback_(self) -> list[str]:
        return [self.report]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a shell the cell magic `%%nn`; called by `%load_ext gen.notebook`."""

    def nn(line: str, cell: str) -> None:
        """%%nn [NAME]: build the model that the cell describes, and call a fresh one NAME (`model`)."""
        name = line.strip() or "model"
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"%%nn: `{name}` is not a name for a model; write `%%nn NAME`")
        try:
            model = build(cell, name, f"Cell In[{shell.execution_count}]", shell.colors != "nocolor")
        except CommandError as error:
            raise UsageError(visible(str(error))) from error
        shell.user_ns[name] = model

    shell.magics_manager.register_function(nn, "cell")


def build(cell: str, name: str, place: str, colour: bool = False) -> Any:
    """A fresh `Model` of the cell `%%nn name`; `place` is its name in messages.

    Prints warnings, and the summary if the cell asks for it.  Raises `ModelError` if there are errors.
    """
    source, diagnostics = Source(place, f"\n{cell}"), Diagnostics()  # the first line of the cell is the magic
    with explained(Path(f"%%nn {name}")):
        graph = compiler.understand(source, diagnostics)
        view = None if graph is None else compiler.view(graph, f"%%nn {name}")
        text = "" if view is None else compiler.render(view)
    report = render_text(source, diagnostics.in_source_order(), colour=colour)
    if graph is None or view is None:
        raise ModelError(f"there are errors in the model of {place}", report)
    if report:
        print(report, file=sys.stderr)
    if graph.summary:
        print(visible_lines(f"{view.layers}\n\n{view.footprint}"))
    return _module(text, name).Model()


def _module(text: str, name: str) -> ModuleType:
    """Run the text of a generated file as a module; tracebacks can show its lines."""
    module, file = ModuleType(f"nn_{name}"), f"<%%nn {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    sys.modules[module.__name__] = module
    exec(compile(text, file, "exec"), module.__dict__)
    return module
