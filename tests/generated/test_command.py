"""Every generated file is a command: it trains, evaluates, predicts and sums up; an error is one line."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.generated.common import AMOUNT, X, Y, data_of, run, same
from tests.samples import NAMES, TEXTS, sample

pytestmark = pytest.mark.filterwarnings("error")


def test_the_file_is_a_command(files: dict[str, Path], credit: ModuleType, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", applicant=X, **Y)
    status, out, _ = run(files["credit"], "train", "data.npz", "--epochs", 2, "--save", "model.npz", cwd=tmp_path)
    assert (status, len(out.splitlines()), out.splitlines()[-1]) == (0, 3, "saved model.npz")
    status, out, _ = run(files["credit"], "evaluate", "data.npz", "--weights", "model.npz", cwd=tmp_path)
    scores = credit.Model.load(tmp_path / "model.npz").evaluate(X, Y)
    assert (status, out.strip()) == (0, "  ".join(f"{name} {value:.4g}" for name, value in scores.items()))
    for name in ("credit", "credit_inference"):
        assert run(files[name], "predict", "data.npz", "--weights", "model.npz", "-o", "out.npz", cwd=tmp_path)[0] == 0
        with np.load(tmp_path / "out.npz") as outputs:
            assert same(dict(outputs), credit.Model.load(tmp_path / "model.npz").predict(X))
    status, out, _ = run(files["credit"], "predict", "data.npz", "--weights", "model.npz", cwd=tmp_path)
    assert (status, len(out.splitlines())) == (0, 142)
    status, out, _ = run(files["credit"], "summary", cwd=tmp_path)
    assert status == 0
    assert "3,298" in out


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_a_command(files: dict[str, Path], name: str, tmp_path: Path) -> None:
    x, y = data_of(name.removesuffix("_inference"))
    module = sample(name)
    targets = [key for key in module.OUTPUTS if key != "pairs"]
    np.savez(tmp_path / "x.npz", **dict(zip(module.INPUTS, x, strict=True)))
    np.savez(tmp_path / "all.npz", **dict(zip(module.INPUTS, x, strict=True)), **dict(zip(targets, y, strict=False)))
    module.Model().save(tmp_path / "fresh.npz")
    commands = ["summary", "predict x.npz --weights fresh.npz"]
    commands += ["predict all.npz --weights fresh.npz -o out.npz --batch-size 5"]
    if "compile" in TEXTS.get(name, ""):
        commands += [
            "train all.npz --epochs 2 --seed 3 --save m.npz",
            "evaluate all.npz --weights m.npz",
            "predict x.npz --weights m.npz -o out.npz",
        ]
    for command in commands:
        status, out, error = run(files[name], *command.split(), cwd=tmp_path)
        assert (status, error) == (0, ""), command
        assert out or "-o" in command
    with np.load(tmp_path / "out.npz") as outputs:
        assert list(outputs) == list(module.OUTPUTS)
    if "compile" not in TEXTS.get(name, ""):
        assert run(files[name], "train", "all.npz", cwd=tmp_path)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "required: command"),
        (["fly"], 2, "invalid choice"),
        (["train"], 2, "required: DATA.npz"),
        (["train", "none.npz"], 2, "No such file"),
        (["train", "data.npz", "--epochs", "x"], 2, "epochs: expected an integer of 1 or more"),
        (["train", "data.npz", "--validation-split", "0.999"], 1, "leaves one side empty"),
        (["train", "half.npz"], 1, "half.npz: there is no array for the output default"),
        (["predict", "data.npz", "--weights", "more.npz"], 1, "more.npz was not saved by this model"),
    ],
)
def test_errors_of_the_command_are_one_line(
    files: dict[str, Path], tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    np.savez(tmp_path / "data.npz", applicant=X, **Y)
    np.savez(tmp_path / "half.npz", applicant=X, amount=AMOUNT)
    np.savez(tmp_path / "more.npz", applicant=X, more=AMOUNT)
    (tmp_path / "text.npz").write_text("text")
    found, _, error = run(files["credit"], *arguments, cwd=tmp_path)
    assert (found, len(error.splitlines())) == (status, 1), error
    assert message in error
