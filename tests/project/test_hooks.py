"""The hooks for pre-commit and the action for GitHub: their commands run, and fail where they should."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gen import cli
from tests.building import ROOT

HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
CHECKS = [step for step in STEPS.values() if "SOURCES" in step.get("env", {})]

TIDY = "x = Input(4)\nmodel = Model(x, Dense(1)(x))\n"
UNTIDY = TIDY.replace("(4)", "( 4 )")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with settings and a model that is built."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.gen]\nsources = ["my models"]\n')
    (tmp_path / "my models").mkdir()
    (tmp_path / "my models" / "model.nn").write_text(TIDY)
    assert gen("build").exit_code == 0
    return tmp_path


def gen(*arguments: str) -> Result:
    return CliRunner().invoke(cli.gen, arguments)


def hook(name: str, *files: str) -> Result:
    """Run a hook as pre-commit does: with the files that are to be committed, where it takes them."""
    command, *arguments = shlex.split(HOOKS[name]["entry"])
    assert command == "gen"
    return gen(*arguments, *(files if HOOKS[name].get("pass_filenames", True) else ()))


# ---------------------------------------------------------------------------------------------------------- pre-commit


@pytest.mark.parametrize(
    ("name", "seen", "unseen"),
    [
        (
            "gen-build-check",
            ["model.nn", "a/b.nn", "out/model.py", "pyproject.toml"],
            ["a/pyproject.toml", "nn", "a.nnn"],
        ),
        ("gen-fmt", ["model.nn", "a/b.nn"], ["out/model.py", "pyproject.toml", "nn"]),
    ],
)
def test_a_hook_runs_for_the_files_that_it_is_about(name: str, seen: list[str], unseen: list[str]) -> None:
    matched = [path for path in (*seen, *unseen) if re.search(HOOKS[name]["files"], path)]
    assert matched == seen


def test_the_check_fails_where_a_generated_file_is_not_of_its_source(project: Path) -> None:
    assert hook("gen-build-check", "no.nn").exit_code == 0
    (project / "my models" / "model.nn").write_text(TIDY.replace("Dense(1)", "Dense(2)"))
    result = hook("gen-build-check")
    assert (result.exit_code, result.output) == (1, f"{Path('out', 'model.py')}  would change\n")


def test_the_formatter_mends_the_files_that_it_is_given(project: Path) -> None:
    (project / "model.nn").write_text(UNTIDY)
    result = hook("gen-fmt", "model.nn")
    assert (result.exit_code, result.output) == (0, "model.nn  written\n")
    assert (project / "model.nn").read_text() == TIDY


# ---------------------------------------------------------------------------------------------------------- the action


def bash(step: dict[str, Any], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does, with commands `gen` and `python` in front of all others."""
    commands = folder / ".bin"
    commands.mkdir(exist_ok=True)
    for name, command in (
        ("gen", f'exec {shlex.quote(sys.executable)} -m gen "$@"'),
        ("python", 'printf "%s\\n" "$@"'),
    ):
        (commands / name).write_text(f"#!/bin/sh\n{command}\n")
        (commands / name).chmod(0o755)
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_input_of_the_action_is_used_and_none_is_pasted_into_a_command() -> None:
    used = re.findall(r"\$\{\{ inputs\.([\w-]+) }}", str(ACTION["runs"]))
    assert set(used) == set(ACTION["inputs"])
    assert not any("${{" in step.get("run", "") for step in STEPS.values())


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_action_installs_gen_from_its_own_checkout(tmp_path: Path) -> None:
    result = bash(STEPS["Install gen"], tmp_path, GITHUB_ACTION_PATH="/a b/gen")
    assert result.stdout.splitlines() == ["-m", "pip", "install", "--quiet", "/a b/gen"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("sources", ["", "my models\nmore*.nn\n"])
def test_the_action_passes_where_all_is_well(project: Path, sources: str) -> None:
    (project / "more*.nn").write_text(TIDY)
    gen("build", "my models", "more*.nn")
    for step in CHECKS:
        result = bash(step, project, SOURCES=sources)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_action_fails_and_shows_what_differs(project: Path) -> None:
    model = project / "my models" / "model.nn"
    build, layout = CHECKS
    model.write_text(TIDY.replace("Dense(1)", "Dense(2)"))
    result = bash(build, project, SOURCES="")
    assert result.returncode == 1
    assert "+++ out/model.py" in result.stdout
    model.write_text(UNTIDY)
    result = bash(layout, project, SOURCES="")
    assert result.returncode == 1
    assert "+x = Input(4)" in result.stdout
