"""Models in notebooks: after `%load_ext gen.notebook`, `%%nn NAME` builds the text of a cell.

    %%nn digits
    pixels = Input(64)
    digit = Dense(10, softmax)(pixels)
    model = Model(pixels, digit)
    model.compile(adam(), loss=sparse_categorical_crossentropy)

`digits` is then a fresh `Model(seed=0)` of the generated module; without a name it is called `model`.  If something is
wrong with the cell it fails with the same report as `gen build`, and the name keeps what it had.  Settings come from
the current folder and from options, as those of `gen build`: `%%nn --inference digits`.
`%%nn --model classifier digits` takes the model `classifier`, of a cell that has several.
"""

from __future__ import annotations

import keyword
import linecache
import shlex
import sys
from contextvars import copy_context
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from gen import compiler
from gen.commands.building import CommandError, explained, ignored, know_apart, load_project, options
from gen.commands.options import follows_settings
from gen.diagnostics import Diagnostics, Source, render_text, visible, visible_lines
from gen.settings import Settings, SettingsError, load


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
        """%%nn [OPTIONS] [NAME]: build the model that the cell describes, and call a fresh one NAME (`model`)."""
        try:
            name, given = _arguments(line)
            place = f"Cell In[{shell.execution_count}]"
            # What the components of a project are called is known to this cell alone, as in `gen build`.
            model = copy_context().run(build, cell, name, place, shell.colors != "nocolor", _settings(given))
        except CommandError as error:
            raise UsageError(visible(str(error))) from error
        shell.user_ns[name] = model

    shell.magics_manager.register_function(nn, "cell")


@click.command("%%nn", add_help_option=False)
@click.argument("name", nargs=-1)
@follows_settings("%%nn")
def _command(name: tuple[str, ...], given: Settings) -> tuple[str, Settings]:
    """What stands behind `%%nn`."""
    return " ".join(name) or "model", given


def _arguments(line: str) -> tuple[str, Settings]:
    """The name and the settings that are said behind `%%nn`.  Raises `CommandError`."""
    try:
        name, given = _command.main(shlex.split(line), "%%nn", standalone_mode=False)
    except (click.UsageError, ValueError) as error:  # the second where a quote is open
        message = error.message if isinstance(error, click.UsageError) else str(error)
        raise CommandError(f"%%nn: {message}") from error
    if not name.isidentifier() or keyword.iskeyword(name):
        raise CommandError(f"%%nn: `{name}` is not a name for a model; write `%%nn NAME`")
    return name, given


def _settings(given: Settings) -> Settings:
    """The settings of the current folder, the `given` ones first; prints which are not used."""
    try:
        settings = load(Path())
    except (SettingsError, OSError) as error:
        raise CommandError(f"%%nn: {error}") from error
    for note in ignored(settings):
        print(f"%%nn: {note}", file=sys.stderr)
    return settings.under(given)


def build(cell: str, name: str, place: str, colour: bool, settings: Settings) -> Any:
    """A fresh `Model` of the cell `%%nn name`, or `Models` of one that compiles several.

    `place` is what messages call the cell.

    Prints warnings, and the summary if the cell asks for it.  Raises `ModelError` if there are errors.
    """
    know_apart()
    load_project(settings)
    source, diagnostics = Source(place, f"\n{cell}"), Diagnostics()  # the magic stands on the first line of the cell
    with explained(Path(f"%%nn {name}"), settings.every_component):
        asked = settings.model(Path(place))
        graphs = compiler.understand_all(source, diagnostics, settings.define, asked)
        views, text = compiler.build(graphs, f"%%nn {name}", options(settings)) if graphs else ([], "")
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
    """Run the text of a generated file as a module; tracebacks can show its lines."""
    module, file = ModuleType(f"nn_{name}"), f"<%%nn {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    sys.modules[module.__name__] = module
    exec(compile(text, file, "exec"), module.__dict__)
    return module
