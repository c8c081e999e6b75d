"""Projects: which settings hold for which file, whose are used, what is built of which, and what is left over."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gen import cli
from gen.commands.building import Request, build
from gen.settings import DEFINITIONS, FLAG, MODELS, PATH, PATHS, SETTINGS, Settings, SettingsError, load, told
from tests.building import ROOT
from tests.building import build as built

GOOD = "x = Input(4)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile(sgd, mse)\n"
TWICE = """\
from pathlib import Path

from gen.components.base import Activation, component

Path(__file__).with_name("ran").touch()


@component
class Twice(Activation):
    \"\"\"2 x.\"\"\"

    def forward(self, x):
        return 2.0 * x

    def backward(self, dy):
        return 2.0 * dy
"""
USES = GOOD.replace("Dense(1)", "Dense(1, twice)")


pytestmark = pytest.mark.usefixtures("components_apart")
root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in a repository, that the command runs in."""
    place = tmp_path / "above" / "repository" / "place"
    place.mkdir(parents=True)
    (place.parent / ".git").mkdir()
    monkeypatch.chdir(place)
    return place


def gen(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli.gen, [str(item) for item in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def project(folder: Path, settings: str, **sources: str) -> None:
    """A project in a folder, with its models."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.gen]\n{settings}\n")
    for name, text in sources.items():
        (folder / f"{name}.nn").write_text(text)


# ------------------------------------------------------------------------------------------------ where they are found


def test_settings_are_found_in_the_folders_above_up_to_the_root_of_the_repository(folder: Path) -> None:
    project(folder.parent.parent, "inference = true")
    assert load(folder) == Settings()
    project(folder.parent, "inference = true")
    assert load(folder) == Settings(inference=True, said=frozenset({"inference"}), folder=Path(".."))


def test_a_repository_may_say_by_a_file_where_it_is_kept(folder: Path) -> None:
    project(folder.parent, "inference = true")
    (folder / ".git").write_text("gitdir: elsewhere\n")  # a worktree, or a submodule
    assert load(folder) == Settings()


def test_nothing_is_looked_for_beyond_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / ".git").rmdir()
    project(folder.parent.parent, "inference = true")
    assert load(folder).inference
    monkeypatch.setenv("HOME", str(folder.parent))
    assert load(folder) == Settings()
    project(folder.parent, "inference = true")
    assert load(folder).inference


def test_a_home_folder_that_is_named_by_a_link_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / ".git").rmdir()
    project(folder.parent.parent, "inference = true")
    (folder / "home").symlink_to(folder.parent)
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert load(folder) == Settings()


def test_settings_of_other_tools_are_passed_by(folder: Path) -> None:
    project(folder.parent, "inference = true")
    (folder / "pyproject.toml").write_text("[tool.black]\nline-length = 100\n")
    assert load(folder).inference


# ---------------------------------------------------------------------------------------------------- what is an entry

WRONG = {FLAG: '"yes"', PATH: "3", PATHS: '"a.py"', DEFINITIONS: "[1]", MODELS: '"m"'}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_checked_where_a_project_says_it(folder: Path, name: str) -> None:
    kind = SETTINGS[name].kind
    project(folder, f"{name} = {WRONG[kind]}")
    with pytest.raises(SettingsError) as raised:
        load(folder)
    assert str(raised.value) == f"pyproject.toml: `{name}` in [tool.gen] is {kind.must_be}"


def test_every_option_of_a_setting_is_one_of_the_commands_that_it_names() -> None:
    for name, setting in SETTINGS.items():
        for command in {*setting.commands} - {"%%nn"}:
            (option,) = (item for item in cli.gen.commands[command].params if item.name == name)
            assert set(option.opts) <= {part for spelling in setting.spellings for part in spelling.split("/")}


def test_a_command_comes_before_its_project_and_adds_to_its_components() -> None:
    ours = Settings(inference=True, components=(Path("a.py"),), said=frozenset({"inference", "components"}))
    both = ours.under(told(inference=False, components=(Path("b.py"),), out=None))
    assert (both.inference, both.every_component, both.out) == (False, (Path("a.py"), Path("b.py")), Path("out"))
    assert ours.under(told(inference=None, components=())) == ours


# ------------------------------------------------------------------------------------------------------ whose they are

COMMANDS = [
    "help", "help twice", "build model.nn", "build model.nn --check", "dump model.nn", "summary model.nn",
    "graph model.nn", "explain model.nn", "fmt model.nn", "from-script model.nn -o found.nn",
]  # fmt: skip


def test_code_beyond_the_repository_is_run_by_no_command(folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    (folder.parent.parent / "own.py").write_text(TWICE)
    project(folder.parent.parent, 'sources = ["."]\ncomponents = ["own.py"]')
    for command in (*COMMANDS, "build", "fmt"):
        result = gen(*command.split())
        assert (result.exit_code == 2) == (command in ("build", "fmt", "help twice")), command
    assert not (folder.parent.parent / "ran").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="nobody is asked there")
def test_a_user_runs_no_code_of_somebody_elses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for whoever runs the tests: it is the user that is another one, not the owner."""
    (folder / "model.nn").write_text(GOOD)
    (folder / "own.py").write_text(TWICE)
    project(folder, 'components = ["own.py"]')
    (folder / "pyproject.toml").chmod(0o666)  # not even if it is root's
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    for command in COMMANDS:
        result = gen(*command.split())
        note = "gen: pyproject.toml belongs to another user, so its settings are not used\n"
        assert result.stderr.count(note) == (not command.startswith("fmt")), command
    assert not (folder / "ran").exists()


@root_only
@pytest.mark.parametrize("whose", ["file", "link", "component"])
def test_code_of_another_user_is_run_by_no_command(folder: Path, whose: str) -> None:
    (folder / "model.nn").write_text(GOOD)
    (folder.parent / "own.py").write_text(TWICE)
    project(folder.parent, 'components = ["own.py"]')
    if whose == "link":
        (folder.parent / "pyproject.toml").rename(folder.parent / "real.toml")
        (folder.parent / "pyproject.toml").symlink_to("real.toml")
    name = "own.py" if whose == "component" else "pyproject.toml"
    os.chown(folder.parent / name, 12345, -1, follow_symlinks=False)
    for command in COMMANDS:
        result = gen(*command.split())
        assert not (folder.parent / "ran").exists(), command
        if whose == "component":
            assert command.startswith("fmt") or result.exit_code == 2
            assert command.startswith("fmt") or "it belongs to another user" in result.stderr
        elif not command.startswith("fmt"):
            note = "gen: ../pyproject.toml belongs to another user, so its settings are not used\n"
            assert result.stderr.count(note) == 1, command
            assert result.exit_code == (2 if "twice" in command else 0), command
    os.chown(folder.parent / name, 0, -1, follow_symlinks=False)
    assert gen("help", "twice").exit_code == 0
    assert (folder.parent / "ran").exists()


@root_only
def test_the_language_server_runs_no_code_of_another_user(folder: Path) -> None:
    from tests.editor import Editor

    (folder / "own.py").write_text(TWICE)
    project(folder, 'components = ["own.py"]')
    for owner, runs in ((12345, False), (0, True)):
        os.chown(folder / "pyproject.toml", owner, -1)
        editor = Editor(folder)
        assert [item.code for item in editor.open(USES).diagnostics] == ([] if runs else ["unknown-name"])
        editor.close()
        assert (folder / "ran").exists() == runs
        assert ["belongs to another user" in message for message in editor.messages] == [True] * (not runs)


@root_only
def test_settings_above_those_of_another_user_hold(folder: Path) -> None:
    project(folder.parent, "inference = true")
    project(folder, "inference = false")
    os.chown(folder / "pyproject.toml", 12345, -1)
    assert load(folder) == Settings(
        inference=True, said=frozenset({"inference"}), folder=Path(".."), ignored=(Path("pyproject.toml"),)
    )


@root_only
def test_nothing_is_looked_for_above_the_folder_of_another_user(folder: Path) -> None:
    project(folder.parent, "inference = true")
    (folder / "deep").mkdir()
    os.chown(folder, 12345, -1)
    assert load(folder / "deep") == Settings()


@root_only
def test_a_file_of_root_counts_unless_others_may_write_it(folder: Path) -> None:
    """As in a container: root has copied the project, and somebody else runs the command."""
    project(folder, "inference = true")
    for place in (folder, *folder.parents):
        if place.is_relative_to(Path("/tmp")) and place != Path("/tmp"):
            place.chmod(place.stat().st_mode | 0o055)
    code = f"""
import os, sys, tomllib
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
import gen.diagnostics
from gen.settings import load
os.setuid(12345)
print(load(Path()))
"""
    for mode, expected in ((0o644, "inference=True"), (0o666, "inference=False"), (0o664, "inference=False")):
        (folder / "pyproject.toml").chmod(mode)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert expected in done.stdout, done.stderr


def test_what_runs_components_is_told(folder: Path) -> None:
    """SECURITY.md names each command that does, and each that does not; those who start one for others say so, too."""
    (folder / "own.py").write_text(TWICE)
    (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
    project(folder, 'components = ["own.py"]', model=GOOD)
    runs = {"lsp"}  # another test starts it
    built(GOOD).Model(0).save(folder / "weights.npz")
    for command in (*COMMANDS, "plot history.csv", "export model.nn weights.npz -o weights.safetensors"):
        assert gen(*command.split()).exit_code == 0, command
        if (folder / "ran").exists():
            (folder / "ran").unlink()
            runs.add(command.split()[0])
    said = (ROOT / "SECURITY.md").read_text("utf-8").split("## Components are code\n")[1]
    told = re.findall("`gen ([a-z-]+)`", said.split(" run none.")[0])
    none = set(cli.gen.commands) - runs
    assert set(told[: -len(none)]) == runs
    assert set(told[-len(none) :]) == none
    for name in ("editors/README.md", "action.yml"):
        assert "`components`" in (ROOT / name).read_text("utf-8")


# ----------------------------------------------------------------------------------------------- several in one command


def test_each_file_is_built_as_the_project_nearest_to_it_says(folder: Path) -> None:
    project(folder, 'out = "made"', top=GOOD)
    project(folder / "a", 'out = "made"\ninference = true', one=GOOD)
    project(folder / "b" / "c", 'sources = ["models"]\nout = "gen/made"')
    project(folder / "b" / "c" / "models" / "deep", "", two=GOOD)
    (folder / "b" / "c" / "models" / "deep" / "pyproject.toml").unlink()
    expected = ["a/made/one.py", "b/c/gen/made/deep/two.py", "made/top.py"]
    result = gen("build", ".")
    assert result.exit_code == 0, result.stderr
    assert sorted(line.split()[0] for line in result.stdout.splitlines()) == expected
    assert "def fit" in (folder / "made" / "top.py").read_text("utf-8")
    assert "def fit" not in (folder / "a" / "made" / "one.py").read_text("utf-8")
    for source in ("a/one.nn", "a", "b/c/models/deep/two.nn", "b/c/models", "b", "top.nn"):
        assert "unchanged" in gen("build", source).stdout, source
        assert "written" not in gen("build", source).stdout, source
    assert gen("build", ".", "--check").exit_code == 0


def test_what_is_said_in_the_command_holds_for_all_projects(folder: Path) -> None:
    project(folder / "a", 'out = "made"\ninference = true', one=GOOD)
    project(folder / "b", 'out = "made"', two=GOOD)
    assert gen("build", "a", "b", "-o", "all", "--training").exit_code == 0
    assert sorted(path.name for path in (folder / "all").iterdir()) == ["one.py", "two.py"]
    assert "def fit" in (folder / "all" / "one.py").read_text("utf-8")


def test_the_components_of_one_project_are_not_those_of_another(folder: Path) -> None:
    """Two call theirs alike, the third has none, and all are built by one command, in any order."""
    for name, factor in (("a", "2.0"), ("c", "3.0")):
        project(folder / name, 'components = ["own.py"]', **{f"model_{name}": USES})
        (folder / name / "own.py").write_text(TWICE.replace("2.0", factor))
    project(folder / "b", "", model_b=USES)
    for sources in (("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")):
        result = gen("build", *sources)
        assert result.exit_code == 1
        assert "b/model_b.nn" in result.stderr
        assert "*= 2.0" in (folder / "out" / "model_a.py").read_text("utf-8")
        assert "*= 3.0" in (folder / "out" / "model_c.py").read_text("utf-8")
        assert not (folder / "out" / "model_b.py").exists()


def test_a_project_that_cannot_be_read_keeps_no_other_from_being_built(folder: Path) -> None:
    project(folder / "a", "nonsense = 1", one=GOOD)
    project(folder / "b", 'components = ["missing.py"]', two=GOOD)
    project(folder / "c", "", three=GOOD)
    result = gen("build", ".")
    assert result.exit_code == 2
    assert result.stdout == "out/c/three.py  written\n"
    assert result.stderr.count("a/pyproject.toml: [tool.gen] has no `nonsense`") == 1
    assert "cannot read the components" in result.stderr


@pytest.mark.parametrize("command", ["dump", "summary", "graph", "explain"])
def test_every_command_asks_the_project_of_the_file(folder: Path, command: str) -> None:
    project(folder / "a", 'components = ["own.py"]', model=USES)
    (folder / "a" / "own.py").write_text(TWICE)
    assert gen(command, "a/model.nn").exit_code == 0
    project(folder / "a", "nonsense = 1")
    result = gen(command, "a/model.nn")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "has no `nonsense`" in result.stderr


def test_settings_do_not_have_another_project_written(folder: Path) -> None:
    """As by a link to it in a repository; somebody who names its files may do so."""
    project(folder.parent / "other", 'out = "made"', model=GOOD)
    (folder / "way").symlink_to("../other")
    for source in ("way", "../other", "way/model.nn"):
        project(folder, f'sources = ["{source}"]')
        for option in ((), ("--check",)):
            result = gen("build", *option)
            assert (result.exit_code, result.stdout) == (2, "")
            assert "leads out of the project" in result.stderr
        assert not (folder.parent / "other" / "made").exists()
    assert gen("build", "way").exit_code == 0


# --------------------------------------------------------------------------------------------------- what is left over


def test_outputs_of_sources_that_are_gone_are_listed(folder: Path) -> None:
    for name in ("a", "b", "deep/c", "deep/d"):
        (folder / "models" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "models" / f"{name}.nn").write_text(GOOD)
    assert gen("build", "models").exit_code == 0
    assert gen("build", "models", "--check").exit_code == 0
    (folder / "out" / "mine.py").write_text('"""My own."""\n')
    (folder / "out" / "notes.txt").write_text("notes\n")
    (folder / "models" / "a.nn").unlink()
    (folder / "models" / "deep" / "c.nn").rename(folder / "models" / "deep" / "e.nn")
    gen("build", "models")
    result = gen("build", "models", "--check", "--quiet")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "gen: out/a.py is left over, because gen no longer builds a.nn into it: delete it",
        "gen: out/deep/c.py is left over, because gen no longer builds c.nn into it: delete it",
    ]
    assert gen("build", "models").exit_code == 0
    (folder / "out" / "a.py").unlink()
    (folder / "out" / "deep" / "c.py").unlink()
    assert gen("build", "models", "--check").exit_code == 0


def test_a_source_that_was_moved_leaves_its_output_over(folder: Path) -> None:
    (folder / "models" / "deep").mkdir(parents=True)
    (folder / "models" / "a.nn").write_text(GOOD)
    gen("build", "models")
    (folder / "models" / "a.nn").rename(folder / "models" / "deep" / "a.nn")
    gen("build", "models")
    result = gen("build", "models", "--check")
    assert result.exit_code == 1
    assert "gen: out/a.py is left over" in result.stderr


def test_nothing_is_left_over_whose_source_is_elsewhere_or_not_asked_for(folder: Path) -> None:
    project(folder, 'sources = ["models"]')
    for name in ("models/a.nn", "models/b.nn", "other/c.nn"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(GOOD)
    for arguments in ((), ("other/c.nn",)):
        assert gen("build", *arguments).exit_code == 0
    for arguments in ((), ("models/a.nn",), ("other",), ("models",)):
        assert gen("build", *arguments, "--check").exit_code == 0


def test_what_is_left_over_is_listed_where_no_source_is_left(folder: Path) -> None:
    project(folder, 'sources = ["models"]\nout = "made"')
    (folder / "models").mkdir()
    (folder / "models" / "my model.nn").write_text(GOOD)
    gen("build")
    (folder / "models" / "my model.nn").unlink()
    result = gen("build", "--check")
    assert result.exit_code == 2
    assert "there is no .nn file in models" in result.stderr
    assert "made/my_model.py is left over, because gen no longer builds my model.nn into it: delete it" in result.stderr


@pytest.mark.parametrize("out", ["a\\u0000b", "x" * 300, "/dev/null", "model.nn", "missing"], ids=ascii)
def test_folders_that_cannot_be_are_no_bug(folder: Path, out: str) -> None:
    project(folder, f'sources = ["."]\nout = "{out}"', model=GOOD)
    for arguments in ((), ("--check",), ("x" * 300 + ".nn", "--check")):
        assert "bug" not in gen("build", *arguments).output


# --------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.nn", "a.nn"),
        ("Model/x.nn", "model/x.nn"),
        ("é.nn", "e\u0301.nn"),
        ("É.nn", "e\u0301.nn"),
        ("ﬁ.nn", "fi.nn"),
        ("ﬁ.nn", "FI.nn"),
        ("Kelvin.nn", "\u212aelvin.nn"),
        ("x²/a.nn", "x2/a.nn"),
        ("con.nn", "CON_.nn"),
    ],
    ids=ascii,
)
def test_names_that_are_one_on_some_system_are_refused_together(folder: Path, one: str, other: str) -> None:
    for name in (one, other):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(GOOD)
    result = gen("build", ".")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "give them other names or folders" in result.stderr
    assert not (folder / "out").exists()


def test_outputs_that_a_link_makes_one_are_refused_together(folder: Path) -> None:
    for name in ("x/a.nn", "y/a.nn"):
        (folder / name).parent.mkdir()
        (folder / name).write_text(GOOD)
    (folder / "out" / "y").mkdir(parents=True)
    (folder / "out" / "x").symlink_to("y")
    result = gen("build", ".")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "give them other names or folders" in result.stderr


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ﬁ", "fi"),
        ("ﬁ-ﬂ", "fi_fl"),
        ("½", "model_1_2"),
        ("①", "model_1"),
        ("x²", "x2"),
        ("e\u0301", "é"),
        ("\U00010107", "_"),
        ("__init__", "model___init__"),
        ("__main__", "model___main__"),
        ("__future__", "model___future__"),
        ("con", "con_"),
        ("AUX", "AUX_"),
        ("lpt1", "lpt1_"),
        ("com¹", "com1_"),
        ("ｊｓｏｎ", "json_"),
        ("True", "True_"),
        ("a.b", "a_b"),
        (" ", "_"),
        ("ª", "a"),
    ],
    ids=ascii,
)
def test_what_is_built_can_be_imported_by_its_name(folder: Path, name: str, module: str) -> None:
    (folder / f"{name}.nn").write_text(GOOD)
    report = build(Request((folder / f"{name}.nn",)))
    assert report.errors == []
    (line,) = report.lines
    assert line.path == Path("out", f"{module}.py")
    done = subprocess.run(
        [sys.executable, "-c", f"from out import {module} as made\nprint(made.__file__)"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.strip().endswith(f"{module}.py"), done.stderr
