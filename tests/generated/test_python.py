"""A generated file as Python: it is clean for ruff, mypy and Black, and imports NumPy alone; options change nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gen.compiler import Options
from gen.emit.black_layout import LINE_LENGTH
from gen.emit.seal import UNTOUCHED
from tests.building import CASES, EXAMPLES, case_text
from tests.building import sample as sample_of
from tests.generated.common import X, Y
from tests.samples import sample, sample_text

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.xdist_group("files")]  # one process writes them

VARIED = frozenset(
    [
        "activation_gelu",
        "activation_sparsemax",
        "batch_normalization_sequence",
        "block",
        "dot_normalize",
        "initializer_orthogonal",
        "layer_normalization_axes",
        "loss_sparse_categorical_crossentropy_steps",
        "metrics_auc_sums",
        "metrics_binary_options",
        "metrics_masked_sparse",
        "metrics_regression",
        "names_of_python",
        "optimizer_adam_amsgrad",
        "optimizer_clipnorm",
        "optimizer_global_clipnorm",
        "outputs",
        "prelu",
        "regularizer_l1_l2_0_1_0_2",
        "shared_model",
        "slices",
        "unknown_steps",
    ]
)
"""Cases whose files have parts that those of the samples do not have."""


@pytest.fixture(scope="session")
def many(files: dict[str, Path]) -> list[Path]:
    """The files of all samples, of the examples and of varied cases, as `gen build` writes them."""
    folder = next(iter(files.values())).parent
    for path in sample_of([*EXAMPLES, *(path for path in CASES if path.stem in VARIED)], 3):
        (folder / f"more_{path.stem}.py").write_text(case_text(path, Options(verify=True)), encoding="utf-8")
    return sorted(folder.glob("*.py"))


def test_the_file_is_clean(many: list[Path]) -> None:
    tools = (
        ["ruff", "check", "--isolated", "--no-cache"],
        ["mypy", "--strict", "--config-file=", "--scripts-are-modules", "--cache-dir", str(many[0].parent / "cache")],
    )
    for tool in tools:
        command = [sys.executable, "-m", *tool, *map(str, many)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_file_is_as_black_writes_it(many: list[Path], tmp_path: Path) -> None:
    for path in sample_of(many, 3):  # without the line that keeps Black away
        (tmp_path / path.name).write_text(path.read_text("utf-8").removeprefix(UNTOUCHED), "utf-8")
    command = [sys.executable, "-m", "black", "--check", "--quiet", "--line-length", str(LINE_LENGTH), str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 0


def test_the_file_is_that_of_an_old_python_and_imports_numpy_alone(many: list[Path]) -> None:
    for path in many:
        tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 10))
        modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {module.split(".")[0] for module in modules} <= set(sys.stdlib_module_names) | {"numpy"}


def test_the_file_asserts_nothing_and_hides_no_warning(many: list[Path]) -> None:
    for path in many:
        text = path.read_text("utf-8")
        assert "assert " not in text
        assert "warnings" not in text
        assert "noqa" not in text
        assert "type: ignore" not in text


@pytest.mark.parametrize("option", ["-O", "-OO", "-Wdefault", "-I"])
def test_options_of_python_change_nothing(files: dict[str, Path], tmp_path: Path, option: str) -> None:
    np.savez(tmp_path / "data.npz", applicant=X, **Y)
    for arguments, expected in (
        (["summary"], "3,298"),
        (["check"], "worst relative error"),
        (["train", "data.npz", "--epochs", "1"], "epoch 1/1"),
    ):
        done = subprocess.run(
            [sys.executable, option, str(files["credit"]), *arguments],
            capture_output=True, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert expected in done.stdout


def test_shapes_are_told(credit: ModuleType, tags: ModuleType) -> None:
    assert credit.INPUTS == credit.Model.INPUTS == {"applicant": ("float32", (None, 100))}
    assert credit.OUTPUTS == credit.Model.OUTPUTS == dict.fromkeys(Y, ("float32", (None, 1)))
    assert tags.INPUTS == {"marks": ("float32", (None, None, 3)), "scores": ("float32", (None, None, 2))}
    assert tags.OUTPUTS == {"tags": ("float32", (None, None, 4))}
    whole = sample("whole")
    assert whole.INPUTS == {"ids": ("int32", (None, 4)), "x": ("float32", (None, 3))}
    assert whole.OUTPUTS == {"pairs": ("int32", (None, 2, 2)), "y": ("float32", (None, 1))}


def test_the_summary_is_the_table_at_the_head_of_the_file(
    credit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    credit.Model().summary()
    printed = capsys.readouterr().out
    assert printed.startswith("applicant  (batch, 100)")
    assert "3,298\n\nmemory in float32 " in printed
    assert printed in sample_text("credit").replace('"""', "\n")
