"""Files that are not gen's: what is read, what is written where, what is left alone, whatever a repository holds."""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gen import cli, files
from gen.commands import formatting
from gen.files import Bounds, ForeignError, WriteError, overwrite

GOOD = "x = Input(4)\ny = Dense(1)(x)\nmodel = Model(x, y)\n"
OTHER = GOOD.replace("Dense(1)", "Dense(2)")
UGLY = GOOD.replace("Input(4)", "Input( 4 )")
MINE = "mine\n"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and devices are others there")
root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository that the command runs in, with a model; beside it is what belongs to others."""
    place = tmp_path / "repository"
    (place / ".git").mkdir(parents=True)
    (place / "models").mkdir()
    (place / "models" / "credit.nn").write_text(GOOD)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "start.sh").write_text(MINE)
    monkeypatch.chdir(place)
    return place


def gen(*arguments: str | Path) -> Result:
    """Run the command; it never shows a traceback."""
    result = CliRunner().invoke(cli.gen, [str(item) for item in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def refused(*arguments: str | Path) -> str:
    """The one sentence with which a command is refused."""
    result = gen(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.startswith("gen: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def tree(top: Path) -> dict[str, str]:
    """All that is in a folder: the text of each file, where each link leads."""
    found = {}
    for place, folders, names in os.walk(top):
        for name in (*folders, *names):
            path = Path(place, name)
            kind = stat.S_IFMT(path.lstat().st_mode)
            if kind == stat.S_IFLNK:
                found[str(path.relative_to(top))] = f"-> {os.readlink(path)}"
            elif kind == stat.S_IFREG:
                found[str(path.relative_to(top))] = path.read_text("utf-8")
    return found


# --------------------------------------------------------------------------------------------------- links in outputs

LINKS: dict[str, Callable[[Path], object]] = {
    "a dangling file": lambda outside: (Path("out").mkdir(), Path("out/credit.py").symlink_to(outside / "new.sh")),
    "a dangling file in the same folder": lambda _: (Path("out").mkdir(), Path("out/credit.py").symlink_to("new.py")),
    "a file": lambda outside: (Path("out").mkdir(), Path("out/credit.py").symlink_to(outside / "start.sh")),
    "a chain": lambda outside: (
        Path("out").mkdir(),
        Path("out/credit.py").symlink_to("second"),
        Path("out/second").symlink_to(outside / "new.sh"),
    ),
    "a loop": lambda _: (Path("out").mkdir(), Path("out/credit.py").symlink_to("credit.py")),
    "a file of the project": lambda _: (Path("out").mkdir(), Path("out/credit.py").symlink_to("../models/credit.nn")),
    "the folder": lambda outside: Path("out").symlink_to(outside),
    "the folder, dangling": lambda outside: Path("out").symlink_to(outside / "new"),
    "the folder, dangling in the project": lambda _: Path("out").symlink_to("new"),
    "the folder above": lambda _: Path("out").symlink_to(".."),
    "the folder, by two links": lambda outside: (Path("way").symlink_to(outside), Path("out").symlink_to("way")),
    "a device": lambda _: (Path("out").mkdir(), Path("out/credit.py").symlink_to("/dev/null")),
}


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
@pytest.mark.parametrize("kind", LINKS)
def test_no_output_leaves_its_folder_by_a_link(folder: Path, kind: str, force: tuple[str, ...]) -> None:
    LINKS[kind](folder.parent / "outside")
    before = tree(folder.parent)
    for way in ("models", "models/credit.nn"):
        assert "link" in refused("build", way, *force) or "leads out of the project" in refused("build", way, *force)
    assert tree(folder.parent) == before


def test_no_folder_below_the_outputs_leaves_it_by_a_link(folder: Path) -> None:
    (folder / "models" / "deep").mkdir()
    (folder / "models" / "credit.nn").rename(folder / "models" / "deep" / "credit.nn")
    (folder / "made").mkdir()
    (folder / "made" / "deep").symlink_to(folder.parent / "outside")
    before = tree(folder.parent)
    assert "a link leads out of made" in refused("build", "models", "-o", "made")
    assert tree(folder.parent) == before


def test_a_link_that_somebody_names_is_followed(folder: Path) -> None:
    (folder / "out").symlink_to(folder.parent / "outside")
    assert gen("build", "models", "-o", "out").stdout == "out/credit.py  written\n"
    assert "Dense(1)" in (folder.parent / "outside" / "credit.py").read_text("utf-8")
    (folder / "none").symlink_to("nowhere")
    assert "the link none leads nowhere" in refused("build", "models", "-o", "none")
    assert "the link none leads nowhere" in refused("build", "models", "-o", "none/deeper")
    assert not (folder / "nowhere").exists()


def test_links_inside_the_project_are_followed(folder: Path) -> None:
    (folder / "build").mkdir()
    (folder / "out").symlink_to("build")
    assert gen("build", "models").stdout == "out/credit.py  written\n"
    assert sorted(path.name for path in (folder / "build").iterdir()) == ["credit.py"]


@pytest.mark.parametrize("out", ["../outside", "OUTSIDE", "models/../../outside", "way", "way/deeper"])
def test_settings_do_not_lead_out_of_the_project(folder: Path, out: str) -> None:
    (folder / "way").symlink_to("../outside")
    out = out.replace("OUTSIDE", str(folder.parent / "outside"))
    (folder / "pyproject.toml").write_text(f'[tool.gen]\nsources = ["models"]\nout = "{out}"\n')
    before = tree(folder.parent)
    assert "leads out of the project; name it in the command" in refused("build")
    assert "leads out of the project; name it in the command" in refused("build", "models/credit.nn")
    assert tree(folder.parent) == before
    assert gen("build", "-o", "../outside").stdout == "../outside/credit.py  written\n"


def test_check_and_diff_say_what_a_build_would_say_of_links(folder: Path) -> None:
    (folder / "out").symlink_to(folder.parent / "outside")
    for option in ("--check", "--diff"):
        assert "out leads out of the project" in refused("build", "models", option)


def test_a_link_that_comes_between_the_look_and_the_deed_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is one when it is looked at, and a link when something is to be written."""
    look = files._way

    def swapped(*arguments: object) -> object:
        found = look(*arguments)  # type: ignore[arg-type]  # they are handed on as they came
        (folder / "out").rmdir()
        (folder / "out").symlink_to(folder.parent / "outside")
        return found

    (folder / "out").mkdir()
    before = tree(folder.parent / "outside")
    monkeypatch.setattr(files, "_way", swapped)
    assert "out" in refused("build", "models")
    assert tree(folder.parent / "outside") == before


def test_a_folder_that_is_moved_while_a_file_is_written_keeps_what_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = files.Folder.new

    def moved(self: files.Folder, name: str, mode: int) -> int:
        if self.path.endswith("out"):
            (folder / "out").rename(folder / "moved")
            (folder / "out").symlink_to(folder.parent / "outside")
        return new(self, name, mode)

    before = tree(folder.parent / "outside")
    monkeypatch.setattr(files.Folder, "new", moved)
    gen("build", "models")
    assert tree(folder.parent / "outside") == before
    assert (folder / "moved" / "credit.py").exists()


def test_another_name_of_a_file_stays_what_it_was(folder: Path) -> None:
    (folder / "out").mkdir()
    os.link(folder.parent / "outside" / "start.sh", folder / "out" / "credit.py")
    assert gen("build", "models", "--force").exit_code == 0
    assert (folder.parent / "outside" / "start.sh").read_text() == MINE


def test_what_is_written_meanwhile_is_not_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gen("build", "models")
    path, new = folder / "out" / "credit.py", files.Folder.new

    def edited(self: files.Folder, name: str, mode: int) -> int:
        if self.path.endswith("out"):
            path.write_text(MINE)
        return new(self, name, mode)

    (folder / "models" / "credit.nn").write_text(OTHER)
    monkeypatch.setattr(files.Folder, "new", edited)
    assert "somebody else has just written it" in refused("build", "models")
    assert path.read_text() == MINE
    path.unlink()
    assert "somebody else has just written it" in refused("build", "models")
    assert os.listdir(folder / "out") == ["credit.py"]


def test_what_is_written_while_a_file_is_formatted_is_not_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, format_text = folder / "models" / "credit.nn", formatting.format_text

    def edited(text: str) -> str:
        path.write_text(OTHER)
        return format_text(text)

    path.write_text(UGLY)
    monkeypatch.setattr(formatting, "format_text", edited)
    assert "somebody else has just written it" in refused("fmt", "models")
    assert path.read_text() == OTHER
    monkeypatch.setattr(formatting, "format_text", lambda text: (path.unlink(), format_text(text))[1])
    path.write_text(UGLY)
    assert "somebody else has just written it" in refused("fmt", "models")
    assert not path.exists()


def test_temporary_names_are_new_each_time_and_exclusive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    new = files.Folder.new

    def noted(self: files.Folder, name: str, mode: int) -> int:
        names.extend([name] if self.path.endswith("out") else [])
        return new(self, name, mode)

    monkeypatch.setattr(files.Folder, "new", noted)
    for text in (GOOD, OTHER, GOOD):
        (folder / "models" / "credit.nn").write_text(text)
        assert gen("build", "models").exit_code == 0
    assert len(set(names)) == 3
    opened = files.open_folder(os.path.realpath("out"))
    (folder / "out" / names[0]).symlink_to(folder.parent / "outside" / "new.sh")
    with pytest.raises(FileExistsError):
        opened.new(names[0], 0o666)
    opened.close()
    assert not (folder.parent / "outside" / "new.sh").exists()


# ------------------------------------------------------------------------------------------- links elsewhere, and modes


def test_no_formatted_file_leaves_its_folder_by_a_link(folder: Path) -> None:
    (folder.parent / "outside" / "theirs.nn").write_text(UGLY)
    (folder / "models" / "link.nn").symlink_to(folder.parent / "outside" / "theirs.nn")
    for way in ("models", "models/link.nn"):
        assert "a link leads out of models" in gen("fmt", way).stderr
    (folder / "way").symlink_to("../outside")
    (folder / "pyproject.toml").write_text('[tool.gen]\nsources = ["../outside"]\n')
    assert "leads out of the project" in refused("fmt")
    (folder / "pyproject.toml").write_text('[tool.gen]\nsources = ["way"]\n')
    assert "leads out of the project" in refused("fmt")
    assert (folder.parent / "outside" / "theirs.nn").read_text() == UGLY
    assert gen("fmt", "../outside").stdout == "../outside/theirs.nn  written\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("graph", "models/credit.nn", "-o", "made.svg"),
        ("explain", "models/credit.nn", "-o", "made.svg"),
        ("plot", "history.csv", "-o", "made.svg"),
    ],
    ids=["graph", "explain", "plot"],
)
def test_no_picture_and_no_page_leaves_its_folder_by_a_link(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
    for target in ("new.sh", "start.sh"):
        (folder / "made.svg").symlink_to(folder.parent / "outside" / target)
        before = tree(folder.parent)
        assert "link" in refused(*arguments)
        assert tree(folder.parent) == before
        (folder / "made.svg").unlink()
    assert gen(*arguments).stdout == "made.svg  written\n"


@pytest.mark.parametrize("name", ["credit.html", "plot.png"])
def test_the_names_that_nobody_said_are_no_links_either(folder: Path, name: str) -> None:
    (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
    (folder / name).symlink_to(folder.parent / "outside" / "new.sh")
    command = ("plot", "history.csv") if name == "plot.png" else ("explain", "models/credit.nn")
    assert "leads nowhere" in refused(*command)
    assert not (folder.parent / "outside" / "new.sh").exists()


def writers(folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Each file that a command writes over, with the command."""
    (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
    for path, command in (
        ("out/credit.py", "build models --force"),
        ("models/credit.nn", "fmt models"),
        ("made.svg", "graph models/credit.nn -o made.svg"),
        ("made.html", "explain models/credit.nn -o made.html --force"),
        ("made.png", "plot history.csv -o made.png"),
    ):
        yield folder / path, tuple(command.split())


def test_permissions_are_kept_and_those_that_let_others_run_it_are_not(folder: Path) -> None:
    for path, command in writers(folder):
        path.parent.mkdir(exist_ok=True)
        path.write_text(UGLY)
        path.chmod(0o4750)
        assert gen(*command).exit_code == 0, command
        assert path.read_bytes() != UGLY.encode()
        assert stat.S_IMODE(path.stat().st_mode) == 0o750, command


def test_a_new_file_has_the_permissions_that_the_user_gives_new_files(folder: Path) -> None:
    for mask in (0o022, 0o077, 0o002):
        before = os.umask(mask)
        try:
            assert gen("build", "models", "-o", f"made_{mask}").exit_code == 0
        finally:
            os.umask(before)
        assert stat.S_IMODE((folder / f"made_{mask}" / "credit.py").stat().st_mode) == 0o666 & ~mask
        assert stat.S_IMODE((folder / f"made_{mask}").stat().st_mode) == 0o777 & ~mask


@root_only
def test_the_owner_is_kept(folder: Path) -> None:
    for path, command in writers(folder):
        path.parent.mkdir(exist_ok=True)
        path.write_text(UGLY)
        os.chown(path, 12345, 54321)
        assert gen(*command).exit_code == 0, command
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321), command


def test_read_only_files_are_refused(folder: Path) -> None:
    for path, command in writers(folder):
        path.parent.mkdir(exist_ok=True)
        path.write_text(UGLY)
        path.chmod(0o444)
        assert "it is read-only" in refused(*command), command
        assert path.read_text() == UGLY
        path.chmod(0o644)


def test_devices_and_pipes_are_not_replaced(folder: Path) -> None:
    for path, command in writers(folder):
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        assert "not a regular file" in refused(*command), command
        assert stat.S_ISFIFO(path.lstat().st_mode)
        path.unlink()
        (folder / "models" / "credit.nn").write_text(GOOD)
    for name in ("/dev/null", "/dev/stdout"):
        before = os.stat(name)
        refused("graph", "models/credit.nn", "-o", name, "--format", "svg")
        assert os.stat(name).st_mode == before.st_mode


# ------------------------------------------------------------------------------------------------------------- reading


def irregular(path: Path, kind: str) -> None:
    match kind:
        case "a pipe":
            os.mkfifo(path)
        case "a socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(os.path.relpath(path))
        case link:
            path.symlink_to(link)


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "/dev/zero", "/dev/full", "/proc/self/mountinfo"])
def test_only_regular_files_are_read(folder: Path, kind: str) -> None:
    if kind.startswith("/proc") and not Path(kind).exists():
        pytest.skip("there is no /proc")
    for name in ("model.nn", "model.py", "model.csv"):
        irregular(folder / name, kind)
    for command in ("build", "fmt", "dump", "summary", "graph", "explain", "explain --watch --port 0"):
        assert "it is not a regular file" in refused(*command.split(), "model.nn"), command
    assert "it is no" in refused("build", "models", "--components", "model.py")
    assert "it is not a regular file" in refused("plot", "model.csv")
    (folder / "out").mkdir()
    irregular(folder / "out" / "credit.py", kind)
    for option in ((), ("--check",), ("--diff",), ("--force",)):
        assert "credit.py" in refused("build", "models", *option)
    assert not stat.S_ISREG((folder / "out" / "credit.py").lstat().st_mode)


def test_at_most_the_limit_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "models" / "huge.nn").open("wb") as file:
        file.truncate(files.LIMIT + 1)  # it takes no room
    assert "huge.nn: it is larger than 64 MB" in gen("build", "models").stderr
    assert (folder / "out" / "credit.py").exists()
    assert len(files.read(folder / "models" / "credit.nn", limit=len(GOOD))) == len(GOOD)
    with pytest.raises(OSError, match="it is larger"):
        files.read(folder / "models" / "credit.nn", limit=len(GOOD) - 1)
    monkeypatch.setattr(files, "LIMIT", 100)
    result = CliRunner().invoke(cli.gen, ["fmt", "-"], input="x" * 101)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "standard input: it is larger than" in result.stderr


def test_a_file_that_is_written_while_it_is_read_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, fstat = tmp_path / "model.nn", os.fstat
    path.write_text("")

    def grown(handle: int) -> os.stat_result:
        status = fstat(handle)
        path.write_text(GOOD)
        return status

    monkeypatch.setattr(os, "fstat", grown)
    assert files.read(path) == GOOD.encode()


@root_only
def test_what_belongs_to_another_user_is_told_apart(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text(MINE)
    link.symlink_to(path)
    assert files.read(link, own=True) == MINE.encode()
    os.chown(link, 12345, -1, follow_symlinks=False)
    with pytest.raises(ForeignError):
        files.read(link, own=True)
    os.chown(path, 12345, -1)
    with pytest.raises(ForeignError):
        files.read(path, own=True)
    assert files.read(path) == MINE.encode()


def test_a_file_without_bounds_belongs_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").symlink_to("../b")
    (tmp_path / "b").write_text(MINE)
    with pytest.raises(WriteError, match="a link leads out of"):
        overwrite(tmp_path / "a" / "file", b"")
    overwrite(tmp_path / "a" / "file", b"x", Bounds(tmp_path))
    assert (tmp_path / "b").read_text() == "x"


def test_a_system_that_knows_only_paths_refuses_the_same_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BY_HANDLE", False)
    overwrite(tmp_path / "file", b"x")
    overwrite(tmp_path / "file", b"y")
    assert (tmp_path / "file").read_text() == "y"
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "out").symlink_to("../b")
    (tmp_path / "b").mkdir()
    with pytest.raises(WriteError, match="leads out of the project"):
        overwrite(tmp_path / "a" / "out" / "file", b"", Bounds(tmp_path / "a" / "out", tmp_path / "a"))
    assert re.fullmatch("file", "".join(path.name for path in tmp_path.iterdir() if path.is_file()))


# ---------------------------------------------------------------------------------------------------------- a terminal

ESCAPES = ["\x1b[31m", "\x07\x7f\x0c", "\x9b31m", "\u202e\u2066\u2028"]


@pytest.mark.parametrize("escape", ESCAPES, ids=ascii)
@pytest.mark.usefixtures("components_apart")
def test_nothing_in_a_file_reaches_the_terminal_as_it_is(folder: Path, escape: str) -> None:
    """In comments, documentation, names, settings, outputs of others, components and what they say."""
    (folder / "out").mkdir()
    (folder / "out" / "model.py").write_text(f"# {escape}\n", "utf-8")
    texts = {
        "comment": f"{GOOD}# {escape}\n",
        "documentation": f'"""{escape}"""\n{GOOD}model.summary()\n',
        "layer": GOOD.replace("Dense(1)", f'Dense(1, name="a{escape}")') + "model.summary()\n",
        "dimension": GOOD.replace("Input(4)", f'Input("n{escape}", 4)') + "model.summary()\n",
        "wrong": GOOD.replace("Dense(1)", f'Dens("{escape}")'),
        "variable": GOOD.replace("y", f"y{escape}"),
    }
    own = f'"""{escape}"""\nfrom gen.components.base import Activation, component\n\n\n'
    own += "@component\nclass Mine(Activation):\n"
    own += f'    """Mine {escape}.\n\n    Formula: y = {escape}x\n    """\n\n'
    own += "    def forward(self, x):\n        return x\n\n    def backward(self, dy):\n        return dy\n"
    (folder / "own.py").write_text(own, "utf-8")
    (folder / "bad.py").write_text(f"raise ValueError({escape!r} + chr({ord(escape[0])}))\n", "utf-8")
    said = []
    for text in texts.values():
        (folder / "model.nn").write_text(text, "utf-8")
        for command in (
            "build model.nn --diff", "build model.nn --force", "build model.nn --format json", "fmt --diff model.nn",
            "dump model.nn", "dump model.nn --stage syntax", "dump model.nn --stage text", "summary model.nn",
            "graph model.nn", "graph model.nn --format svg", "build model.nn --components bad.py",
            "build model.nn --components bad.py --debug",
        ):  # fmt: skip
            said.append(gen(*command.split()).output)
    said.append(gen("help", "mine", "--components", "own.py").output)
    for setting in (f'"{escape}" = 1', f'out = "{escape}"', f'sources = ["{escape}"]', f'components = ["{escape}"]'):
        written = setting.replace(escape, "".join(f"\\U{ord(character):08X}" for character in escape))
        (folder / "pyproject.toml").write_text(f"[tool.gen]\n{written}\n")
        said += [
            gen(*command.split()).output for command in ("build", "fmt", "help", "summary model.nn", "build models")
        ]
    (folder / "pyproject.toml").unlink()
    (folder / f"a{escape}.nn").write_text(GOOD, "utf-8")
    said += [gen(command, ".").output for command in ("build", "fmt")]
    said += [
        gen(command, f"a{escape}.nn").output for command in ("build", "fmt", "dump", "summary", "graph", "explain")
    ]
    assert len(said) > 80
    assert [
        text for text in said if not all(character.isprintable() or character in "\n\t" for character in text)
    ] == []


def test_a_table_for_a_terminal_holds_no_escapes_but_its_own(folder: Path) -> None:
    from dataclasses import replace
    from io import StringIO

    from gen.inspect.facts import describe_model
    from gen.inspect.summary import write_summary
    from tests.building import graph_of

    stream = StringIO()
    facts = describe_model(graph_of(GOOD))
    write_summary(replace(facts, name="[red]a\x1b]0;title\x07\u202e"), stream, terminal=True)
    assert "[red]a<U+001B>]0;title<U+0007><U+202E>" in stream.getvalue()


@pytest.mark.parametrize("name", ["--\x1b[31m", "-\x9b31m", "b\u202e"], ids=ascii)
def test_a_wrong_usage_is_told_without_escapes(folder: Path, name: str) -> None:
    for command in ((name,), ("build", name), ("summary", "x.nn", "--steps", name)):
        assert gen(*command).stderr.replace("\n", "").isprintable()
