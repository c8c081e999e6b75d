"""`gen import` as a command: what it writes, over what it writes, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gen.cli import gen
from tests.importing.made import h5, numbers


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model in an HDF5 file; the test runs beside it."""
    monkeypatch.chdir(tmp_path)
    config = {"name": "d", "units": 2, "activation": "tanh", "batch_input_shape": [None, 3]}
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Dense", "config": config}]}}
    return h5(tmp_path / "small.h5", model, {"d": {"d/kernel:0": numbers(3, 2), "d/bias:0": numbers(2)}})


def run(*arguments: Any) -> tuple[int, str]:
    result = CliRunner().invoke(gen, [str(each) for each in arguments], catch_exceptions=False)
    return result.exit_code, result.output


def members(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def test_it_writes_a_model_that_can_be_built_and_proves_itself(file: Path) -> None:
    assert run("import", file.name, "--build") == (0, "small.nn  written\nsmall.npz  written\nout/small.py  written\n")
    assert file.with_suffix(".nn").read_text() == (
        '"""Imported from small.h5, which Keras 2.4.0 saved: 8 parameters."""\n\n'
        "from keras import Input, Sequential\nfrom keras.layers import Dense\n\n"
        'model = Sequential(\n    [\n        Input((3,)),\n        Dense(2, activation="tanh", name="d"),\n    ]\n)\n'
    )
    assert run("fmt", "--check", "small.nn")[0] == 0
    command = [sys.executable, "out/small.py", "check", "--weights"]
    proof = subprocess.run([*command, "small.npz"], capture_output=True, text=True)
    assert (proof.returncode, proof.stdout[:23]) == (0, "largest difference 0.0e")
    found = members("small.npz")
    for name, value in (("d/kernel", found["d/kernel"] + 0.1), ("check_y0", found["check_y0"] * np.nan)):
        np.savez("other.npz", **found | {name: value})
        assert subprocess.run([*command, "other.npz"], capture_output=True).returncode == 1, name


def test_it_writes_over_nothing_but_what_it_wrote(file: Path) -> None:
    assert run("import", file.name, "-o", "made")[0] == 0
    assert run("import", file.name, "-o", "made") == (0, "made/small.nn  unchanged\nmade/small.npz  unchanged\n")
    nn = Path("made/small.nn")
    nn.write_text(nn.read_text() + "# mine\n")
    status, said = run("import", file.name, "-o", "made")
    assert status == 2 and "made/small.nn exists, and is another file" in said
    assert run("import", file.name, "-o", "made", "--force") == (
        0,
        "made/small.nn  written\nmade/small.npz  unchanged\n",
    )


def test_weights_alone_go_into_a_model(file: Path) -> None:
    run("import", file.name)
    model = "x = Input(3)\nd = Dense(2, tanh)(x)\nmodel = Model(x, d)\n"
    Path("mine.nn").write_text(model)
    assert run("import", file.name, "--into", "mine.nn") == (0, "mine.npz  written\n")
    mine, theirs = members("mine.npz"), members("small.npz")
    for name in ("d/kernel", "d/bias", "check_y0"):
        np.testing.assert_array_equal(mine[name], theirs[name])
    Path("mine.nn").write_text(model.replace("2", "4"))
    status, said = run("import", file.name, "--into", "mine.nn", "--force")
    assert status == 2 and "d has a kernel of the shape (3, 2), and its configuration asks for (3, 4)" in said


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.pkl", b"\x80\x04N.", "a pickle runs code when it is read"),
        ("a.onnx", b"\x08\x07", "it is a model of ONNX"),
        ("a.keras", b"PK\x03\x04 and no more", "is damaged"),
        ("a.h5", b"\x89HDF\r\n\x1a\n and no more", "is damaged"),
        ("a.json", b'{"class_name": "Mine", "config": {}}', "a model without weights"),
        ("a.txt", b"no model", "a.txt is no file of Keras: gen imports .keras and .h5 files"),
        ("a.keras", b"", "a.keras is empty"),
    ],
)
def test_other_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(data)
    status, output = run("import", name)
    assert status == 2 and said in output
    assert [each.name for each in tmp_path.iterdir()] == [name]


OWN = """
from gen.components.base import Layer, Weight, component
from gen.components.initializers import Ones


@component
class Scale(Layer):
    \"\"\"Multiplies each feature with a weight.\"\"\"

    def output(self, x):
        return x

    def weights(self, x):
        return {"w": Weight((x[-1],), Ones())}

    def forward(self, x, w):
        return x * w

    def backward(self, dy, x, w):
        dw = (dy * x).sum(axis=0)
        return dy * w, dw
"""


@pytest.mark.usefixtures("components_apart")
def test_a_class_of_ones_own_comes_from_a_file_of_components(file: Path) -> None:
    own = {"class_name": "mine>Scale", "config": {"name": "s", "batch_input_shape": [None, 3]}}
    h5(file, {"class_name": "Sequential", "config": {"layers": [own]}}, {"s": {"s/w:0": np.array([1.0, 2.0, 3.0])}})
    status, said = run("import", file.name)
    assert status == 2 and "s: gen has no layer 'mine>Scale'" in said and "--components FILE" in said
    Path("own.py").write_text(OWN)
    assert run("import", file.name, "--components", "own.py")[0] == 0
    found = members("small.npz")
    np.testing.assert_allclose(found["check_y0"], found["check_x0"] * [1.0, 2.0, 3.0])


@pytest.mark.parametrize("text", ["d=x +", "d=", "d", "=x", "d=x; y", "d=\0"])
def test_what_replaces_a_layer_is_an_expression(text: str, file: Path) -> None:
    status, said = run("import", file.name, "--replace", text)
    assert status == 2 and said.startswith("gen: --replace ")
    assert not Path("small.nn").exists()
