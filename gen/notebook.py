"""Models in notebooks: `%load_ext gen.notebook`, then `%%nn NAME` builds the text of a cell and gives the model.

    %%nn digits
    pixels = Input(64)
    digit = Dense(10, softmax)(pixels)
    model = Model(pixels, digit)
    model.compile(adam(), loss=sparse_categorical_crossentropy)

`%%nn digits --model classifier` takes the model `classifier`, of a cell that has several.

`digits` is then a fresh `Model(seed=0)` of the generated module; without a name it is called `model`.  If something is
wrong with the cell it fails with the same report as `gen build`, and the name keeps what it had.
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
    """What a cell holds is no model; IPython prints `report` instead of a traceback."""

    def __init__(self, message: str, report: str) -> None:
        super().__init__(message)
        self.report = report

    def _render_traceback_(self) -> list[str]:
        return [self.report]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a shell the cell magic `%%nn`; called by `%load_ext gen.notebook`."""

    def nn(line: str, cell: str) -> None:
        """%%nn [NAME] [--model WHICH]: build the model that the cell describes, and call a fresh one NAME (`model`)."""
        name, option, asked = (part.strip() for part in f"{line} ".partition("--model "))
        if option and not asked:
            raise UsageError("%%nn: `--model` needs the name of a model of the cell")
        name = name or "model"
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"%%nn: `{name}` is not a name for a model; write `%%nn NAME`")
        try:
            model = build(cell, name, f"Cell In[{shell.execution_count}]", shell.colors != "nocolor", asked)
        except CommandError as error:
            raise UsageError(visible(str(error))) from error
        shell.user_ns[name] = model

    shell.magics_manager.register_function(nn, "cell")


def build(cell: str, name: str, place: str, colour: bool = False, asked: str = "") -> Any:
    """A fresh `Model` of the cell `%%nn name`, or `Models` of one that compiles several.

    `place` is what messages call it, `asked` names one of its models.

    Prints warnings, and the summary that a cell may ask for.  Raises `ModelError` if there are errors.
    """
    source, diagnostics = Source(place, f"\n{cell}"), Diagnostics()  # the magic stands on the first line of the cell
    with explained(Path(f"%%nn {name}")):
        graphs = compiler.understand_all(source, diagnostics, asked)
        views, text = compiler.build(graphs, f"%%nn {name}") if graphs else ([], "")
    report = render_text(source, diagnostics.in_source_order(), colour=colour)
    if not graphs:
        raise ModelError(f"there are errors in the model of {place}", report)
    if report:
        print(report, file=sys.stderr)
    for graph, view in zip(graphs, views, strict=True):
        if graph.summary:
            print(visible_lines(f"{view.layers}\n\n{view.footprint}"))
    module = _module(text, name)
    return module.Models() if len(graphs) > 1 else module.Model()


def _module(text: str, name: str) -> ModuleType:
    """Run the text of a generated file as a module, whose lines tracebacks can show."""
    module, file = ModuleType(f"nn_{name}"), f"<%%nn {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    sys.modules[module.__name__] = module
    exec(compile(text, file, "exec"), module.__dict__)
    return module
