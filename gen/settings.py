"""Defaults from `[tool.gen]` of the nearest `pyproject.toml`."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path


class SettingsError(Exception):
    """A `[tool.gen]` that cannot be used; the message is one sentence with the file's path."""


@dataclass(frozen=True)
class Settings:
    """What `[tool.gen]` may say; paths in it are relative to the folder of its `pyproject.toml`."""

    sources: tuple[Path, ...] = ()
    """What `gen build` builds when it is told nothing."""
    out: Path = Path("out")
    """Where generated files go; by default below the current folder."""
    components: tuple[Path, ...] = ()
    """Files with components of one's own."""
    inference: bool = False
    """Whether to leave out all that is for training."""


def load(folder: Path) -> Settings:
    """The settings that hold in `folder`, with paths relative to it.

    Raises `SettingsError` for a `pyproject.toml` that cannot be read, an unknown key or a value of the wrong type.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if os.path.isfile(path):
            return _read(Path(os.path.relpath(path, folder)), folder)
    return Settings()


def _read(path: Path, folder: Path) -> Settings:
    table = _table(path, folder)
    out = table.get("out")
    if out is not None and not isinstance(out, str):
        raise SettingsError(f"{path}: `out` in [tool.gen] is no path")
    return Settings(
        sources=_paths(path, table, "sources"),
        out=Path("out") if out is None else path.parent / out,
        components=_paths(path, table, "components"),
        inference=_flag(path, table, "inference"),
    )


def _table(path: Path, folder: Path) -> dict[str, object]:
    """The table `[tool.gen]`, its keys checked; empty if there is none."""
    import tomllib

    from gen.diagnostics import did_you_mean

    try:
        tool = tomllib.loads((folder / path).read_text("utf-8")).get("tool", {})
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    table = tool.get("gen", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: [tool.gen] is no table")
    known = sorted(field.name for field in fields(Settings))
    for key in table:
        if key not in known:
            near = did_you_mean(key, known)
            hint = f"did you mean `{near}`?" if near else f"it may have {', '.join(known)}"
            raise SettingsError(f"{path}: [tool.gen] has no `{key}`; {hint}")
    return table


def _paths(path: Path, table: dict[str, object], key: str) -> tuple[Path, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{path}: `{key}` in [tool.gen] is no list of paths")
    return tuple(path.parent / item for item in value)


def _flag(path: Path, table: dict[str, object], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise SettingsError(f"{path}: `{key}` in [tool.gen] is neither true nor false")
    return value
