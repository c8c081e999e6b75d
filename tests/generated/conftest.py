"""The samples as modules, and their files."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.samples import NAMES, sample, sample_text


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The generated files of all samples."""
    folder = tmp_path_factory.mktemp("out")
    paths = {name: folder / f"{name}.py" for name in NAMES}
    for name, path in paths.items():
        path.write_text(sample_text(name), encoding="utf-8")
    return paths


@pytest.fixture(scope="session")
def credit() -> ModuleType:
    return sample("credit")


@pytest.fixture(scope="session")
def tags() -> ModuleType:
    return sample("tags")


@pytest.fixture(scope="session")
def predictor() -> ModuleType:
    return sample("credit_inference")
