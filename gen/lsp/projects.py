"""The projects of the open documents: the settings and the components of each."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from gen.commands.building import CommandError, ignored, know_apart, load_project
from gen.settings import Settings, SettingsError, load

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True)
class Project:
    """The settings and components for the files of one `pyproject.toml`."""

    settings: Settings = Settings()
    """Paths in the settings are relative to the folder that the editor has open."""
    _context: Context = field(default_factory=copy_context)

    def run(self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call a function in a context that knows the components of this project, and of no other."""
        return self._context.copy().run(function, *args, **kwargs)  # only one thread at a time can enter a context


class Projects:
    """Finds the project of a folder.

    The editor has `folder` open.  The settings in `given` hold in every project.  `warn` and `fail` show the user
    problems with settings.
    """

    def __init__(
        self, folder: Path, given: Settings, warn: Callable[[str], object], fail: Callable[[str], object]
    ) -> None:
        self.folder = folder
        self._given, self._warn, self._fail = given, warn, fail
        self._found: dict[Settings, Project] = {}
        self._said: set[str] = set()

    def of(self, folder: Path) -> Project:
        """The project of the files in a folder.  Its settings are read each time, its components run once."""
        try:
            settings = load(folder, self.folder)
        except (SettingsError, OSError) as error:
            self._say(str(error), self._fail)
            settings = Settings()
        settings = settings.under(self._given)
        if settings not in self._found:
            self._found[settings] = self._made(settings)
        return self._found[settings]

    def _made(self, settings: Settings) -> Project:
        for note in ignored(settings):
            self._say(note, self._warn)
        models = tuple((None if path is None else self.folder / path, name) for path, name in settings.models)
        project = Project(replace(settings, models=models))
        own = [self.folder / path for path in settings.components]
        try:
            project._context.run(_load, replace(settings, components=tuple(own)))
        except (CommandError, OSError) as error:
            self._say(str(error), self._fail)
        return project

    def _say(self, message: str, say: Callable[[str], object]) -> None:
        if message not in self._said:
            self._said.add(message)
            say(message)


def _load(settings: Settings) -> None:
    know_apart()
    load_project(settings)
