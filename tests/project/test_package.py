"""The wheel holds all that the command needs and nothing else, and README.md shows what gen does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from gen import __version__, cli, compiler
from gen.language.elaborate.attributes import VERSIONS
from tests.building import EXAMPLES, ROOT, case_graph

CREDIT = ROOT / "examples" / "credit.nn"
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the test extra has it")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel; what gen depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    return python


def test_the_wheel_holds_the_package_its_grammar_and_its_templates(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = [path.relative_to(ROOT) for name in ("gen", "grammar", "templates") for path in (ROOT / name).rglob("*.*")]
    wanted = [path for path in files if "__pycache__" not in path.parts and (ROOT / path).is_file()]
    contents = {path.as_posix() if path.parts[0] == "gen" else f"gen/{path.as_posix()}" for path in wanted}
    information = f"gen_nn-{__version__}.dist-info"
    metadata = {
        f"{information}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert names == contents | metadata


def test_the_wheel_knows_nothing_of_the_machine_that_it_was_built_on(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            for path in (str(ROOT), str(Path.home()), sys.prefix):
                assert len(path) < 6 or path.encode() not in archive.read(name), f"{path} in {name}"


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_two_builds_are_the_same_bytes(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="the test extra has it")
    found = []
    for hour in ("Asia/Tokyo", "America/Lima"):
        folder = tmp_path / hour.replace("/", "-")
        command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder]
        subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"TZ": hour, "PYTHONHASHSEED": str(len(found))})
        (path,) = folder.iterdir()
        found.append((path.name, path.read_bytes()))
    assert found[0] == found[1]


def test_the_wheel_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = message_from_string(archive.read(f"gen_nn-{__version__}.dist-info/METADATA").decode())
    assert metadata["Name"] == "gen-nn"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    needed = {re.split(r"\W", item)[0] for item in metadata.get_all("Requires-Dist") if "extra ==" not in item}
    assert needed == {"black", "click", "jinja2", "lark", "numpy", "pygments", "rich"}


@pytest.mark.parametrize("name", ["keras", "numpy"])
def test_a_file_reads_the_version_that_the_tests_run_with(name: str) -> None:
    assert f"{name}=={VERSIONS[name]}\n" in (ROOT / "constraints.txt").read_text("utf-8")


def test_an_installed_gen_writes_the_same_bytes_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*command: str | Path) -> str:
        finished = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr == ""
        return finished.stdout

    assert str(installed.parent.parent) in run(installed, "-c", "import gen; print(gen.__file__)")
    assert run(installed.with_name("gen"), "--version") == f"gen {__version__}\n"
    (tmp_path / "model.nn").write_bytes(CREDIT.read_bytes())
    assert run(installed.with_name("gen"), "build", "model.nn") == "out/model.py  written\n"
    expected = compiler.generate(case_graph(CREDIT), "model.nn")
    assert (tmp_path / "out" / "model.py").read_text("utf-8") == expected
    assert "default  Dense, sigmoid" in run(sys.executable, "out/model.py", "summary")


# ---------------------------------------------------------------------------------------------------------- README.md


GUIDES = {name: (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("command", "generated-file")}


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```\n", text, re.DOTALL)


def test_the_readme_shows_the_example_and_what_is_made_of_it() -> None:
    source, made, use = blocks("python")
    assert source == CREDIT.read_text("utf-8")
    text = compiler.generate(case_graph(CREDIT), CREDIT.name)
    pieces = made.split("...\n")
    assert len(pieces) > 1
    for piece in pieces:
        assert piece in text, f"README.md shows what gen does not write any more:\n{piece}"
    for shown in (use, *blocks("python", GUIDES["generated-file"])):
        members = set(re.findall(r"\b[Mm]odels?\.(?:\w+\.)?(\w+)\(", shown))
        assert members or "from out." not in shown
        for member in members:
            assert f"def {member}(" in text


def test_the_table_of_methods_names_those_of_a_generated_model() -> None:
    text = compiler.generate(case_graph(CREDIT), CREDIT.name)
    members = re.findall(r"^\| `(?!Model\b)(\w+)", GUIDES["generated-file"], re.MULTILINE)
    assert len(members) > 5
    for member in members:
        assert f"    def {member}(" in text, member


def test_the_readme_and_the_guides_name_targets_and_options_that_exist() -> None:
    targets = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    known = {option for command in cli.gen.commands.values() for item in command.params for option in item.opts}
    known |= {"--version", "--from"}  # those of gen itself, and of uvx
    for parser in (ROOT / "templates" / "command.py.jinja", ROOT / "bench" / "__main__.py"):
        known |= set(re.findall(r'"(--[a-z]+)', parser.read_text("utf-8")))
    options = {option for text in (README, *GUIDES.values()) for option in re.findall(r"(?<![\w-])(--[a-z]+)", text)}
    assert len(options) > 10
    assert options <= known, sorted(options - known)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_is_in_out_is_what_gen_writes(path: Path) -> None:
    """`gen build examples` makes it so."""
    assert (ROOT / "out" / f"{path.stem}.py").read_text("utf-8") == compiler.generate(case_graph(path), path.name)
