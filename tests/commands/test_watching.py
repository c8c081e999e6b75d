"""`gen build --watch`: what is built again when something changes, what is said, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gen import cli
from gen.commands import watching
from gen.commands.building import CommandError, Report, Request
from gen.settings import told
from tests.building import ROOT

GOOD = "x = Input(4)\nmodel = Model(x, Dense(1)(x))\n"
WRONG = GOOD.replace("Dense", "Dens")
COMPONENT = """\
from gen.components.base import Activation, component


@component
class Twice(Activation):
    \"\"\"2 x.\"\"\"

    def forward(self, x):
        return 2.0 * x

    def backward(self, dy):
        return 2.0 * dy
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the command runs in, with two models in another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for name in ("a.nn", "b.nn"):
        write(Path("models", name), GOOD)
    return tmp_path


def write(path: Path, text: str) -> None:
    """Write beside and rename, as editors do, so that nothing depends on how fine the clock is."""
    beside = path.with_suffix(".tmp")
    beside.write_text(text)
    os.replace(beside, path)


def reports(request: Request, *changes: Callable[[], object]) -> list[Report]:
    """The reports of a watch in which one change happens after the other."""

    def wakes() -> Iterator[None]:
        for change in changes:
            change()
            yield None

    return list(watching.watch(request, wakes()))


def built(report: Report) -> list[str]:
    return [line.path.name for line in report.lines if line.what == "written"]


def test_everything_is_built_first_and_then_what_has_changed(folder: Path) -> None:
    first, second = reports(
        Request((Path("models"),)),
        lambda: write(Path("models/b.nn"), GOOD.replace("Dense(1)", "Dense(2)")),
    )
    assert built(first) == ["a.py", "b.py"]
    assert [line.path.name for line in second.lines] == built(second) == ["b.py"]


def test_nothing_is_built_where_nothing_has_changed(folder: Path) -> None:
    (only,) = reports(Request((Path("models"),)), lambda: None, lambda: Path("models/note.txt").write_text("no model"))
    assert built(only) == ["a.py", "b.py"]


def test_a_file_that_is_new_is_built_and_one_that_is_gone_is_forgotten(folder: Path) -> None:
    _, new, back = reports(
        Request((Path("models"),)),
        lambda: write(Path("models/deep.nn"), GOOD),
        lambda: os.remove("models/a.nn"),
        lambda: write(Path("models/a.nn"), GOOD.replace("Dense(1)", "Dense(3)")),
    )
    assert built(new) == ["deep.py"]
    assert built(back) == ["a.py"]


def test_a_broken_file_does_not_end_it(folder: Path) -> None:
    _, broken, mended = reports(
        Request((Path("models"),)),
        lambda: write(Path("models/a.nn"), WRONG),
        lambda: write(Path("models/a.nn"), GOOD.replace("Dense(1)", "Dense(2)")),
    )
    assert broken.status == 1
    assert [item.code for _, found in broken.diagnostics for item in found] == ["unknown-layer"]
    assert mended.status == 0
    assert built(mended) == ["a.py"]


def test_a_change_of_components_builds_everything_with_them(folder: Path) -> None:
    mine = Path("mine.py")
    write(mine, COMPONENT)
    write(Path("models/b.nn"), GOOD.replace("Dense(1)", "Dense(1, twice)"))
    first, broken, mended = reports(
        Request((Path("models"),), told(components=(mine,))),
        lambda: write(mine, "1 +\n"),
        lambda: write(mine, COMPONENT.replace("2.0", "3.0")),
    )
    assert first.status == 0
    assert broken.status == 2
    assert "mine.py:1: SyntaxError: " in broken.errors[0]
    assert [(line.path.name, line.what) for line in mended.lines] == [("a.py", "unchanged"), ("b.py", "written")]
    assert "*= 3.0" in Path("out/b.py").read_text("utf-8")


# --------------------------------------------------------------------------------------------------------- the command


def gen(*arguments: str) -> Result:
    result = CliRunner().invoke(cli.gen, ["build", *arguments, "--watch"])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("models", "--check"), "--watch writes what it builds: leave out --check and --diff"),
        (("models", "--diff"), "--watch writes what it builds: leave out --check and --diff"),
        (("no.nn",), "there is no file or folder no.nn"),
        ((), "nothing to build: name a .nn file or a folder, or set `sources` in [tool.gen] of pyproject.toml"),
    ],
)
def test_a_wrong_command_ends_at_once(folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = gen(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"gen: {sentence}\n")


def test_without_watchfiles_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    result = gen("models")
    assert (result.exit_code, result.stderr) == (2, "gen: --watch needs watchfiles: pip install 'gen-nn[watch]'\n")


def test_a_system_that_refuses_to_watch_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> Iterator[None]:
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr("watchfiles.watch", refuse)
    with pytest.raises(CommandError, match="cannot watch for changes: no space left on device"):
        list(watching.wakes(Request((Path("models"),))))


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C reaches whole groups of processes")
def test_a_change_is_seen_and_ctrl_c_ends_it_without_a_word(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gen", "build", "models", "--watch"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        waiting = "gen: waiting for changes; press Ctrl-C to stop\n"
        try:
            assert [process.stdout.readline() for _ in range(3)] == [
                "out/a.py  written\n",
                "out/b.py  written\n",
                waiting,
            ]
            write(Path("models/a.nn"), WRONG)
            assert process.stdout.readline().startswith("error[unknown-layer]: ")
            while process.stdout.readline() != waiting:
                pass
            process.send_signal(signal.SIGINT)
            assert process.stdout.read() == ""
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
