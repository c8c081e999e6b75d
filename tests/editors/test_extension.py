"""The extension for VS Code: how it starts the language server, and what it says where there is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.building import ROOT

FOLDER = ROOT / "editors" / "vscode"
PACKAGE = json.loads((FOLDER / "package.json").read_text("utf-8"))
LOCK = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or os.name == "nt", reason="there is no node, or no shell for what it runs"
)


def run(**options: Any) -> Any:
    """What the extension does when it is activated, called and deactivated."""
    script, extension = ROOT / "tests" / "vscode.js", FOLDER / "extension.js"
    result = subprocess.run(
        ["node", script, extension, json.dumps(options)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def command(folder: Path, text: str) -> str:
    """A command `gen` in a folder, which runs a line of shell."""
    path = folder / "gen"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


SERVES = '[ "$*" = lsp ] && cat >/dev/null'
"""A server that ends where its input does."""


@needs_node
def test_it_starts_the_server_for_the_language(tmp_path: Path) -> None:
    gen = command(tmp_path, SERVES)
    did = run(settings={"nn.gen.path": gen}, folder=str(tmp_path))
    (language,) = PACKAGE["contributes"]["languages"]
    assert did["messages"] == []
    assert did["events"] == [
        {"start": [gen, "lsp"], "cwd": str(tmp_path), "documentSelector": [{"language": language["id"]}]},
        {"stop": gen},
    ]


@needs_node
def test_a_path_is_relative_to_the_folder_that_is_open(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    gen = command(tmp_path / "bin", SERVES)
    did = run(settings={"nn.gen.path": "bin/gen"}, folder=str(tmp_path))
    assert did["events"][0]["start"] == [gen, "lsp"]


@needs_node
def test_without_gen_it_says_how_to_install_it(tmp_path: Path) -> None:
    did = run(settings={"nn.gen.path": str(tmp_path / "none")})
    assert did["events"] == []
    (message,) = did["messages"]
    assert message.startswith(f"{tmp_path / 'none'} cannot be run (ENOENT).")
    assert "pip install 'gen-nn[lsp]'" in message
    assert "nn.gen.path" in message


@needs_node
def test_what_the_server_refuses_with_is_shown(tmp_path: Path) -> None:
    needs = "gen: a language server needs pygls: pip install 'gen-nn[lsp]'"
    gen = command(tmp_path, f'echo "warning" >&2; echo "{needs}" >&2; exit 2')
    did = run(settings={"nn.gen.path": gen})
    assert (did["events"], did["messages"]) == ([], [needs])


@needs_node
def test_nothing_runs_in_a_folder_that_is_not_trusted(tmp_path: Path) -> None:
    gen = command(tmp_path, f"touch '{tmp_path}/ran'")
    did = run(settings={"nn.gen.path": gen}, folder=str(tmp_path), trusted=False)
    assert (did["events"], did["messages"]) == ([], [])
    assert not (tmp_path / "ran").exists()
    assert "nn.gen.path" in PACKAGE["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]


@needs_node
def test_the_server_can_be_started_again(tmp_path: Path) -> None:
    gen = command(tmp_path, SERVES)
    did = run(settings={"nn.gen.path": gen}, call=["nn.restartServer"])
    assert [next(iter(event)) for event in did["events"]] == ["start", "stop", "start", "stop"]


@needs_node
def test_its_commands_are_those_of_the_manifest(tmp_path: Path) -> None:
    assert run(trusted=False)["commands"] == [item["command"] for item in PACKAGE["contributes"]["commands"]]


@needs_node
@pytest.mark.parametrize("name", ["extension.js", "bundle.js"])
def test_its_scripts_can_be_read(name: str) -> None:
    subprocess.run(["node", "--check", FOLDER / name], check=True)


def test_the_manifest_is_about_what_there_is() -> None:
    script = (FOLDER / "extension.js").read_text("utf-8")
    for setting in PACKAGE["contributes"]["configuration"]["properties"]:
        assert setting.removeprefix("nn.") in script, setting
    made = set(re.findall(r'"(dist/[^"$]+)"', (FOLDER / "bundle.js").read_text("utf-8")))
    assert made == {name for name in PACKAGE["files"] if name.startswith("dist/")}
    assert PACKAGE["main"].removeprefix("./") in made


def test_the_lock_is_of_this_manifest_and_names_no_place() -> None:
    root = LOCK["packages"][""]
    for kind in ("dependencies", "devDependencies", "version", "license", "engines"):
        assert root[kind] == PACKAGE[kind], f"package.json has changed: run `npm install` in {FOLDER.name}"
    for name, package in LOCK["packages"].items():
        assert "resolved" not in package, name
        assert name == "" or package["integrity"].startswith("sha512-"), name
