"""What the pages in `docs/` show is true: their files are written, their commands run, their outputs compared.

A block of Python is a file if its first line is a comment with a name, `# digits.nn`; else it is an excerpt of a file
that is there by then.  A block `console` holds commands after `$ ` and what they print; `console status=1` fails.  In
outputs `…` stands for anything within a line, and alone on a line for any number of lines.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gen import compiler
from gen.language import lines, parser
from gen.language.elaborate import arrays, context
from tests.building import ROOT

PAGES = [ROOT / "docs" / name for name in ("tutorial.md", "from-keras.md", "language.md")]
BLOCK = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    environment = _environment(tmp_path)
    blocks = BLOCK.findall(page.read_text("utf-8"))
    assert len(blocks) > 3
    for kind, text in blocks:
        if kind == "python":
            _place(text, folder)
            continue
        assert kind in ("console", "console status=1"), f"nothing is done with a block of {kind!r}"
        for command, expected in _commands(text):
            done = subprocess.run(
                command, shell=True, cwd=folder, env=environment, encoding="utf-8", stdout=-1, stderr=-2, check=False
            )
            assert re.fullmatch(_pattern(expected), done.stdout), f"$ {command}\n{done.stdout}"
            assert done.returncode == int(kind[-1] == "1"), f"$ {command}\n{done.stdout}"


def _environment(folder: Path) -> dict[str, str]:
    """Variables with which `gen` and `python` are those of the tests."""
    tools = folder / "tools"
    tools.mkdir()
    gen = f"PYTHONPATH='{ROOT}' exec '{sys.executable}' -m gen"
    for name, command in {"python": f"exec '{sys.executable}'", "gen": gen}.items():
        (tools / name).write_text(f'#!/bin/sh\n{command} "$@"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONUTF8": "1", "KERAS_BACKEND": "jax"}


def _place(text: str, folder: Path) -> None:
    """Write the file that a block is; or see that it is an excerpt of one."""
    named = re.match(r"# (\w+\.\w+)\n", text)
    if named:
        (folder / named[1]).write_text(text, encoding="utf-8")
    else:
        assert any(text in path.read_text("utf-8") for path in folder.rglob("*.py")), f"there is no such text:\n{text}"


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a block, each with what it prints."""
    before, *parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert parts
    assert not before
    for part in parts:
        command, _, output = part.partition("\n")
        yield command, output


def _pattern(expected: str) -> str:
    lines = [
        r"(?:.*\n)*" if line == "…\n" else re.escape(line).replace("…", ".*") for line in expected.splitlines(True)
    ]
    return "".join(lines)


def test_the_limits_of_the_language_are_those_of_the_page() -> None:
    text = (ROOT / "docs" / "language.md").read_text("utf-8")
    table = dict(re.findall(r"^\| ([^|]+) \| ([\d,]+) \|$", text, re.MULTILINE))
    assert table == {
        "characters in a file": f"{parser.MAX_CHARACTERS:,}",
        "words, numbers, and signs in a file": f"{parser.MAX_TOKENS:,}",
        "brackets or blocks inside each other": f"{lines.MAX_DEPTH:,}",
        "statements that run": f"{context.MAX_STEPS:,}",
        "rounds of a loop": f"{context.MAX_ROUNDS:,}",
        "calls of layers": f"{context.MAX_CALLS:,}",
        "items in a list, with all that is in them": f"{context.MAX_ITEMS:,}",
        "numbers in an array": f"{arrays.MAX_NUMBERS:,}",
        "characters in a computed string": f"{context.MAX_TEXT:,}",
        "functions in each other's calls": f"{context.MAX_BLOCKS:,}",
        "models and wrappers inside each other": f"{context.MAX_NESTED:,}",
    }


def test_an_output_that_differs_is_noticed() -> None:
    expected = "a 0.1…\n…\nend\n"
    assert re.fullmatch(_pattern(expected), "a 0.123\nmore\nand more\nend\n")
    assert re.fullmatch(_pattern(expected), "a 0.1\nend\n")
    for text in ("a 0.2\nend\n", "a 0.1\nend\nmore\n", "a 0.1\n", "a 0.1\nmore and end\n", "a 0.1x\ny\nend"):
        assert not re.fullmatch(_pattern(expected), text), text


PATH = re.compile(r"(?<![\w./-])((?:bench|docs|editors|examples|gen|grammar|templates|tests)/[\w./-]*)")
TO_BE_WRITTEN = {"tests/cases/activation_bent.nn"}
"""What a page tells the reader to write."""
FOLDERS = (".", "docs", "bench", "editors", "editors/vscode")
DOCUMENTS = sorted(page for folder in FOLDERS for page in (ROOT / folder).glob("*.md"))


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_document_leads_somewhere(page: Path) -> None:
    for link, anchor in _links(page.read_text("utf-8")):
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), f"there is no {link}"
        if anchor:
            assert anchor in _anchors(target.read_text("utf-8")), f"{link} has no #{anchor}"


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_that_a_document_names_is_there(page: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", page.read_text("utf-8")))
    named = {path for span in spans for path in PATH.findall(span)} - TO_BE_WRITTEN
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_paths_are_found_in_documents_and_in_commands() -> None:
    assert PATH.findall("GEN_PROVE=1 pytest tests/models/test_systems.py") == ["tests/models/test_systems.py"]
    assert PATH.findall("tests/cases/*.nn") == ["tests/cases/"]
    assert PATH.findall("my/tests/a.py attests/b.py") == []


def test_every_module_that_the_makefile_runs_is_there() -> None:
    named = re.findall(r"-m (tests\.\w+)", (ROOT / "Makefile").read_text("utf-8"))
    assert named
    assert [name for name in named if not (ROOT / f"{name.replace('.', '/')}.py").is_file()] == []


def test_every_page_is_in_the_index() -> None:
    docs = ROOT / "docs"
    linked = {(docs / link).resolve() for link, _ in _links((docs / "README.md").read_text("utf-8"))}
    assert {page.resolve() for page in docs.glob("*.md")} - {docs / "README.md"} <= linked


def test_links_and_anchors_are_found_as_github_does_it() -> None:
    text = "# A `b_c`, d\n[x](e.md#f) ![y](g.png)\n```\n# no\n[no](no)\n```\n## A b_c d\n[z](#h) [w](https://w.org)"
    assert list(_links(text)) == [("e.md", "f"), ("g.png", ""), ("", "h")]
    assert _anchors(text) == {"a-b_c-d", "a-b_c-d-1"}


def _links(text: str) -> Iterator[tuple[str, str]]:
    """The path and the anchor of each relative link and image of a page."""
    for link in re.findall(r"\]\((?!\w+:)([^) ]+)\)", BLOCK.sub("", text)):
        path, _, anchor = link.partition("#")
        yield path, anchor


def _anchors(text: str) -> set[str]:
    """The names that the headings of a page have in links; equal ones are numbered."""
    found: dict[str, int] = {}
    for title in re.findall(r"^#+ (.*)", BLOCK.sub("", text), re.MULTILINE):
        slug = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if number == 0 else f"{slug}-{number}" for slug, count in found.items() for number in range(count + 1)}


def test_the_architecture_gives_every_pass_with_its_reason_in_order() -> None:
    rows = [f"| `{each.name}` | {each.does} | {each.exact} |" for each in compiler.EVERY_PASS]
    assert "\n".join(rows) in (ROOT / "ARCHITECTURE.md").read_text("utf-8")
