"""The examples learn from real data, and each generated file is a command that trains on an `.npz` file."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.building import ROOT, build

SCRIPTS = sorted(path.stem for path in (ROOT / "examples").glob("*.py") if path.with_suffix(".nn").exists())


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports what the scripts of the examples share; it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    yield importlib.import_module
    for name in ("data", "texts"):
        sys.modules.pop(name, None)


def example(name: str) -> ModuleType:
    return build((ROOT / "examples" / f"{name}.nn").read_text("utf-8"), f"{name}.nn")


def script(name: str) -> ModuleType:
    """A script of the examples, imported, with what it imports from `out/`."""
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(name: str, helpers: Any) -> tuple[Any, Any]:
    """Some inputs and targets of an example, as its script makes them."""
    if name in ("gap", "writer"):
        text = helpers("texts").texts()[0][:4000]
        return script("gap").gaps(text, 8) if name == "gap" else script("writer").rows(text, 32)
    images, _, shown, _ = helpers("data").digits()
    images, shown = images[:400], shown[:400]
    match name:
        case "digits":
            return images.reshape(-1, 64), shown
        case "digits_rows":
            return images, shown
        case "digits_conv":
            return images[..., None], shown
        case "half":
            return images[:, :4], script("half").answers(images, shown)
        case "pairs":
            left, right, same = script("pairs").pairs(images.reshape(-1, 64), shown, 400, np.random.default_rng(0))
            return [left, right], same
    raise AssertionError(f"{name}.py is not tried here")


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_learns(name: str, helpers: Any) -> None:
    x, y = rows_of(name, helpers)
    history = example(name).Model(seed=1).fit(x, y, epochs=3, batch_size=32, verbose=0)
    first, _, last = history["loss"]
    assert last < 0.9 * first


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_says_how_to_run_it(name: str) -> None:
    text = (ROOT / "examples" / f"{name}.py").read_text("utf-8")
    assert f"gen build examples/{name}.nn\n    python examples/{name}.py\n" in text


def test_the_table_of_examples_is_complete() -> None:
    table = (ROOT / "docs" / "examples.md").read_text("utf-8")
    assert set(re.findall(r"^\| \[`(\w+)`\]\(\.\./examples/\1\.nn\)", table, re.MULTILINE)) == set(SCRIPTS)


def test_the_command_trains_on_a_file_of_arrays(
    tmp_path: Path, helpers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    module = example("half")
    upper, answers = rows_of("half", helpers)
    data, saved, output = (str(tmp_path / name) for name in ("data.npz", "model.npz", "output.npz"))
    np.savez(data, upper=upper, **answers)

    assert module._command(["train", data, "--epochs", "3", "--seed", "1", "--save", saved]) == 0
    losses = [float(found) for found in re.findall(r" loss (\S+)", capsys.readouterr().out)]
    assert len(losses) == 3
    assert losses[2] < 0.9 * losses[0]

    assert module._command(["evaluate", data, "--weights", saved]) == 0
    assert "digit_accuracy" in capsys.readouterr().out
    assert module._command(["predict", data, "--weights", saved, "--output", output]) == 0
    expected = module.Model.load(saved).predict(upper)
    with np.load(output) as arrays:
        assert sorted(arrays) == ["digit", "even", "ink"]
        for name, array in expected.items():
            np.testing.assert_array_equal(arrays[name], array)
