"""`%%nn` in a notebook: builds the text of a cell and gives the model, or shows what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from gen import compiler
from gen.components.base import registry
from tests.building import build

TEXT = '''\
"""A line through points."""
x = Input(2)
y = Dense(1)(x)
model = Model(x, y)
model.compile(sgd(0.1), loss=mse)
'''

OWN = '''\
from gen.components.base import Activation, component


@component
class Twice(Activation):
    """2 x."""

    def forward(self, x):
        return 2.0 * x

    def backward(self, dy):
        return 2.0 * dy
'''


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell that has loaded the extension, and keeps nothing."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell(config=config)
    assert shell.run_cell("%load_ext gen.notebook").success
    yield shell
    shell.restore_sys_module_state()


def test_a_cell_gives_a_model_of_the_name_that_it_asks_for(shell: InteractiveShell) -> None:
    assert shell.run_cell(f"%%nn line\n{TEXT}").success
    model, twin = shell.user_ns["line"], build(TEXT).Model()
    assert "model" not in shell.user_ns
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("f4")
    assert model.fit(x, x[:, :1], epochs=3, verbose=0) == twin.fit(x, x[:, :1], epochs=3, verbose=0)
    np.testing.assert_array_equal(model.predict(x), twin.predict(x))


def test_without_a_name_it_is_called_model(shell: InteractiveShell) -> None:
    assert shell.run_cell(f"%%nn\n{TEXT}").success
    assert list(shell.user_ns["model"].weights) == ["y/kernel", "y/bias"]


def test_a_cell_that_runs_again_gives_a_new_model(shell: InteractiveShell) -> None:
    shell.run_cell(f"%%nn\n{TEXT}")
    first = shell.user_ns["model"]
    shell.run_cell(f"%%nn\n{TEXT.replace('Dense(1)', 'Dense(3)')}")
    assert [first.predict(np.ones((1, 2))).shape, shell.user_ns["model"].predict(np.ones((1, 2))).shape] == [
        (1, 1),
        (1, 3),
    ]


def test_errors_are_reported_with_the_lines_of_the_cell(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell(f"%%nn\n{TEXT}")
    before = shell.user_ns["model"]
    result = shell.run_cell("%%nn\nx = Input(2)\ny = Dens(1)(x)\nz = Dense(-1)(x)\nmodel = Model(x, y)\n")
    assert not result.success
    assert shell.user_ns["model"] is before
    out = "".join(capsys.readouterr())
    assert "error[unknown-layer]: There is no layer `Dens`\n  --> Cell In[1]:3:5\n" in out
    assert "hint: did you mean `Dense`?" in out
    assert "Cell In[1]:4:" in out
    assert "Traceback" not in out


def test_a_shell_with_colours_has_a_report_with_colours(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.colors = "linux"
    shell.run_cell("%%nn\nx = Input(2)\ny = Dens(1)(x)\n")
    assert "\x1b[31m\x1b[1merror[unknown-layer]" in capsys.readouterr().out


def test_warnings_are_printed_and_the_model_is_built(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.run_cell(f"%%nn\n{TEXT}unused = Dense(3)(x)\n").success
    assert "warning[unused-layer]" in capsys.readouterr().err
    assert "model" in shell.user_ns


def test_a_cell_may_ask_for_the_summary(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell.run_cell(f"%%nn\n{TEXT}model.summary()\n").success
    assert "Dense" in capsys.readouterr().out


def test_a_cell_follows_the_settings_of_its_folder_and_its_own_options(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "pyproject.toml").write_text('[tool.gen]\ncomponents = ["own.py"]\ninference = true\n')
    assert shell.run_cell(f"%%nn line\n{TEXT.replace('Dense(1)', 'Dense(1, twice)')}").success
    assert not hasattr(shell.user_ns["line"], "fit")
    assert "twice" not in registry["activation"]
    assert shell.run_cell(f"%%nn --training line\n{TEXT}").success
    assert hasattr(shell.user_ns["line"], "fit")
    (tmp_path / "pyproject.toml").write_text("")
    assert shell.run_cell(f"%%nn --components 'own.py'\n{TEXT.replace('Dense(1)', 'Dense(1, twice)')}").success


@pytest.mark.parametrize(
    ("line", "settings", "message"),
    [
        ("--inferenz", "", "%%nn: No such option '--inferenz'"),
        ("'line", "", "%%nn: No closing quotation"),
        ("--components own.py", "", "cannot read the components in "),
        ("", "inference = 3", "%%nn: pyproject.toml: `inference` in [tool.gen] is neither true nor false"),
    ],
)
def test_what_is_no_setting_is_refused(
    shell: InteractiveShell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    settings: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(f"[tool.gen]\n{settings}\n")
    assert not shell.run_cell(f"%%nn {line}\n{TEXT}").success
    assert f"UsageError: {message}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["two names", "a.b", "class", "1st"])
def test_what_is_no_name_is_refused(shell: InteractiveShell, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not shell.run_cell(f"%%nn {name}\n{TEXT}").success
    assert f"UsageError: %%nn: `{name}` is not a name for a model" in capsys.readouterr().err


def test_tracebacks_show_the_generated_lines(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell(f"%%nn line\n{TEXT}\n")
    assert not shell.run_cell("line.predict(1)").success
    out = capsys.readouterr().out
    assert "<%%nn line>" in out
    assert "raise ValueError(" in out


def test_where_gen_itself_fails_it_says_so(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(compiler, "build", fail)
    assert not shell.run_cell(f"%%nn\n{TEXT}").success
    assert "UsageError: %%nn model: this is a bug in gen, in gen/notebook.py" in capsys.readouterr().err
