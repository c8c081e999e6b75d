"""Defaults from `[tool.gen]` of the nearest `pyproject.toml`.

gen looks for it in a folder and the folders above, up to the root of a repository, the user's home, or a folder of
another user.  It ignores files of other users, because settings name code to run: `components`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gen.files import ForeignError, is_ours, read, reason
from gen.given import GivenError, checked, is_name

_KEYS = ("components", "define", "inference", "out", "sources")


class SettingsError(Exception):
    """A `[tool.gen]` that gen cannot use; the message is one sentence with the file's path."""


@dataclass(frozen=True)
class Settings:
    """The contents of `[tool.gen]`; paths in it are relative to the folder of its `pyproject.toml`."""

    sources: tuple[Path, ...] = ()
    """What `gen build` builds if its command line names nothing."""
    out: Path = Path("out")
    """Where generated files go; by default below the current folder."""
    says_out: bool = False
    """Whether the settings say so; files then go into the project."""
    components: tuple[Path, ...] = ()
    """Files with the user's components."""
    inference: bool = False
    """Whether to leave out everything that is only for training."""
    define: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Values for variables of the files."""
    folder: Path = Path()
    """The project: the folder of the `pyproject.toml`."""
    ignored: tuple[Path, ...] = ()
    """Nearer settings that gen ignores, because they belong to another user."""


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
    out = table.get("out")
    if out is not None and not _is_path(out):
        raise SettingsError(f"{path}: `out` in [tool.gen] is not a path")
    return Settings(
        sources=_paths(path, table, "sources"),
        out=Path("out") if out is None else path.parent / str(out),
        says_out=out is not None,
        components=_paths(path, table, "components"),
        inference=_flag(path, table, "inference"),
        define=_given(path, table),
        folder=path.parent,
        ignored=ignored,
    )


def _table(data: bytes, path: Path) -> dict[str, object] | None:
    """The table `[tool.gen]`, with its keys checked; None if there is none."""
    import tomllib

    from gen.diagnostics import did_you_mean

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
        if key not in _KEYS:
            near = did_you_mean(key, _KEYS)
            hint = f"did you mean `{near}`?" if near else f"it may have {', '.join(_KEYS)}"
            raise SettingsError(f"{path}: [tool.gen] has no `{key}`; {hint}")
    return table


def _is_path(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _paths(path: Path, table: dict[str, object], key: str) -> tuple[Path, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(map(_is_path, value)):
        raise SettingsError(f"{path}: `{key}` in [tool.gen] is not a list of paths")
    return tuple(path.parent / item for item in value)


def _given(path: Path, table: dict[str, object]) -> dict[str, Any]:
    found = table.get("define", {})
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: `define` in [tool.gen] is not a table of names and values")
    try:
        for name, value in found.items():
            if not is_name(name):
                raise GivenError(f"`{name}` is no name")
            checked(name, value)
    except GivenError as error:
        raise SettingsError(f"{path}: `define` in [tool.gen]: {error}") from error
    return found


def _flag(path: Path, table: dict[str, object], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise SettingsError(f"{path}: `{key}` in [tool.gen] is neither true nor false")
    return value
