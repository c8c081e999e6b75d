"""Defaults from `[tool.gen]` of the nearest `pyproject.toml`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path


class SettingsError(Exception):
    """A `[tool.gen]` that cannot be used; the message is one sentence with the file's path."""


@dataclass(frozen=True)
class Settings:
    """What `[tool.gen]` may say; paths are relative to the folder of its `pyproject.toml`."""

    sources: tuple[Path, ...] = ()
    """What `gen build` builds when it is told nothing."""
    out: Path = Path("out")
    """Where generated files go."""
    components: tuple[Path, ...] = ()
    """Files with components of one's own."""
    inference: bool = False
    """Whether to leave out all that is for training."""


def load(folder: Path) -> Settings:
    """The settings that hold in `folder`.

    Raises `SettingsError` for a `pyproject.toml` that cannot be read, an unknown key or a value of the wrong type.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if path.is_file():
            return _read(path)
    return Settings()


def _read(path: Path) -> Settings:
    import tomllib

    from gen.diagnostics import did_you_mean

    try:
        table = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("gen", {})
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    known = {field.name for field in fields(Settings)}
    for key in table:
        if key not in known:
            hint = did_you_mean(key, sorted(known))
            raise SettingsError(f"{path}: [tool.gen] has no `{key}`" + (f"; {hint}" if hint else ""))
    return Settings(
        sources=_paths(path, table, "sources"),
        out=_paths(path, {"out": [table.get("out", "out")]}, "out")[0],
        components=_paths(path, table, "components"),
        inference=_flag(path, table, "inference"),
    )


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
