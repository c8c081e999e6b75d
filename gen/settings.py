"""What a project or a command decides for a build: the settings, and `[tool.gen]` of the nearest `pyproject.toml`.

A setting is one field of `Settings` with one `Setting`.  The options of the commands and of `%%nn` are made of it, its
key in `[tool.gen]` and what checks that.  `building.options` hands what changes generated files to the compiler.

The `pyproject.toml` is looked for in a folder and those above it, up to the root of a repository, the user's home or a
folder of somebody else's.  What belongs to another user is not used, because settings name code that is run:
`components`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gen.files import ForeignError, is_ours, read, reason
from gen.given import GivenError, checked, is_name

COMPILING = ("build", "dump", "summary", "graph", "explain", "%%nn")
READING = (*COMPILING, "from-script")
"""The commands that take a model as far as its generated file."""


Models = tuple[tuple[Path | None, str], ...]
"""The names of models, each with its file; None stands for the file that a command is given."""


class SettingsError(Exception):
    """A `[tool.gen]` that gen cannot use; the message is one sentence with the file's path."""


@dataclass(frozen=True)
class Kind:
    """What a setting may be.  `read` takes a value and the folder of its `pyproject.toml`; None is a wrong value."""

    must_be: str
    """What the message about a wrong value says that it is not."""
    read: Callable[[object, Path], object]


def _path(value: object, folder: Path) -> Path | None:
    return folder / value if isinstance(value, str) and "\0" not in value else None


def _paths(value: object, folder: Path) -> tuple[Path, ...] | None:
    paths = [_path(item, folder) for item in value] if isinstance(value, list) else [None]
    return None if None in paths else tuple(path for path in paths if path is not None)


def _models(value: object, folder: Path) -> Models | None:
    if not isinstance(value, dict):
        return None
    files = [_path(file, folder) for file in value]
    if None in files or not all(isinstance(name, str) for name in value.values()):
        return None
    return tuple(zip(files, value.values(), strict=True))


def _definitions(value: object, folder: Path) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    for name, each in value.items():
        if not is_name(name):
            raise GivenError(f"`{name}` is no name")
        checked(name, each)
    return value


FLAG = Kind("neither true nor false", lambda value, _: value if isinstance(value, bool) else None)
PATH = Kind("not a path", _path)
PATHS = Kind("not a list of paths", _paths)
MODELS = Kind("not a table from a .nn file to the name of its model", _models)
DEFINITIONS = Kind("not a table of names and values", _definitions)


@dataclass(frozen=True)
class Setting:
    """What is to be known of a setting besides its name and its default, which are those of its field."""

    kind: Kind
    spellings: tuple[str, ...] = ()
    """How commands spell the option, as `click.option` takes it."""
    help: str = ""
    metavar: str | None = None
    commands: tuple[str, ...] = ()
    """The commands that have the option."""


def _setting(default: Any, kind: Kind, *spellings: str, **about: Any) -> Any:
    metadata = {"setting": Setting(kind, spellings, **about)}
    if isinstance(default, dict):
        return field(default_factory=dict, hash=False, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """What is decided.  Paths are relative to the current folder, or to the one that `load` was given."""

    sources: tuple[Path, ...] = _setting((), PATHS)
    """What `gen build` builds when it is told nothing."""
    out: Path = _setting(
        Path("out"),
        PATH,
        "-o",
        "--out",
        metavar="DIR",
        help="Where to write [default: out].",
        commands=("build",),
    )
    """Where generated files go; by default below the current folder, and where a project says it, into the project."""
    inference: bool = _setting(
        False,
        FLAG,
        "--inference/--training",
        help="Leave out everything that only training needs.",
        commands=COMPILING,
    )
    """Whether to leave out all that is for training."""
    runtime: bool = _setting(
        False,
        FLAG,
        "--runtime/--no-runtime",
        help="Put what all files share into one module beside them, gen_runtime.py.",
        commands=("build",),
    )
    """Whether what all files share is in a module beside them."""
    models: Models = _setting(
        (),
        MODELS,
        "--model",
        metavar="NAME",
        help="Which model to take, of a file that has several: its variable, or its `name=`.",
        commands=COMPILING,
    )
    """The model that is built of a file which has several."""
    define: dict[str, Any] = _setting(
        {},
        DEFINITIONS,
        "--define",
        metavar="NAME=VALUE",
        help="Give a variable of the files its value; may be repeated.",
        commands=READING,
    )
    """Values for variables of the files."""
    components: tuple[Path, ...] = _setting(
        (),
        PATHS,
        "--components",
        metavar="FILE",
        help="Components of your own.",
        commands=(*READING, "lsp", "help"),
    )
    """Files with components of one's own."""

    said: frozenset[str] = frozenset()
    """The settings that are not just at their default."""
    besides: tuple[Path, ...] = ()
    """Files of components that the command names besides those of the project; they may belong to anybody."""
    folder: Path = Path()
    """The project: the folder of the `pyproject.toml`."""
    ignored: tuple[Path, ...] = ()
    """Nearer settings that gen ignores, because they belong to another user."""

    @property
    def every_component(self) -> tuple[Path, ...]:
        """The files of components of the project and of the command."""
        return (*self.components, *self.besides)

    def model(self, source: Path) -> str:
        """The name of the model that is built of a file; empty where the file decides."""
        path = os.path.abspath(source)
        return next((name for file, name in self.models if file is None or os.path.abspath(file) == path), "")

    def under(self, told: Settings) -> Settings:
        """These settings of a project, where a command is `told` others: those hold, and its components as well."""
        over = {name: getattr(told, name) for name in told.said - {"components", "define"}}
        return replace(self, **over, define={**self.define, **told.define}, besides=told.components)


SETTINGS: dict[str, Setting] = {
    item.name: item.metadata["setting"] for item in fields(Settings) if "setting" in item.metadata
}


def told(**values: Any) -> Settings:
    """The settings that a command is told; None and an empty tuple stand for what it does not say."""
    said = {name: value for name, value in values.items() if value not in (None, ())}
    return Settings(**said, said=frozenset(said))


def load(folder: Path, base: Path | None = None) -> Settings:
    """The settings for `folder`, with paths relative to `base`, by default the current folder.

    Raises `SettingsError` for a `pyproject.toml` that gen cannot read, an unknown key, or a value of the wrong type.
    """
    base = Path.cwd() if base is None else base
    first, home = Path(os.path.abspath(base / folder)), Path(os.path.expanduser("~"))
    ignored: list[Path] = []
    for place in (first, *first.parents):
        path = place / "pyproject.toml"
        if os.path.isfile(path):
            shown = _relative(path, base)
            try:
                table = _table(read(path, own=True), shown)
            except ForeignError:
                ignored += [shown] if _may_have_settings(path) else []
            except OSError as error:
                raise SettingsError(f"{shown} cannot be read: {reason(error)}") from error
            else:
                if table is not None:
                    return _settings(table, shown, tuple(ignored))
        if _is_end(place, home):
            break
    return Settings(ignored=tuple(ignored))


def _relative(path: Path, base: Path) -> Path:
    try:
        return Path(os.path.relpath(path, base))
    except ValueError:  # on another drive
        return path


def _is_end(place: Path, home: Path) -> bool:
    """Whether the search ends at a folder."""
    if os.path.lexists(place / ".git"):
        return True
    try:
        status = os.stat(place)
        return not is_ours(status) or (os.path.isdir(home) and os.path.samestat(status, os.stat(home)))
    except OSError:
        return False  # it does not exist (yet)


def _may_have_settings(path: Path) -> bool:
    try:
        return b"gen" in read(path)
    except OSError:
        return False


def _settings(table: dict[str, object], path: Path, ignored: tuple[Path, ...]) -> Settings:
    values: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        if name in table:
            try:
                values[name] = setting.kind.read(table[name], path.parent)
            except GivenError as error:
                raise SettingsError(f"{path}: `{name}` in [tool.gen]: {error}") from error
            if values[name] is None:
                raise SettingsError(f"{path}: `{name}` in [tool.gen] is {setting.kind.must_be}")
    return Settings(**values, said=frozenset(values), folder=path.parent, ignored=ignored)


def _table(data: bytes, path: Path) -> dict[str, object] | None:
    """The table `[tool.gen]`, with its keys checked; None if there is none."""
    import tomllib

    from gen.diagnostics import did_you_mean  # as little as possible is imported before a command begins

    try:
        tool = tomllib.loads(data.decode()).get("tool", {})
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    table = tool.get("gen") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: [tool.gen] is not a table")
    for key in table:
        if key not in SETTINGS:
            near = did_you_mean(key, sorted(SETTINGS))
            hint = f"did you mean `{near}`?" if near else f"it may have {', '.join(sorted(SETTINGS))}"
            raise SettingsError(f"{path}: [tool.gen] has no `{key}`; {hint}")
    return table
