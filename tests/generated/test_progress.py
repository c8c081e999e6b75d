"""The line about each epoch: what is on the screen of a terminal when it has been rewritten, and where nobody reads."""

from __future__ import annotations

import io
import itertools
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.generated.common import X, Y
from tests.samples import sample, sample_text

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(3)
POSTS = RNG.random((64, 6)).astype("f4")
PEOPLE = {"age": POSTS[:, :1], "income": np.eye(3, dtype="f4")[RNG.integers(0, 3, 64)], "gender": POSTS[:, 1:2].round()}
ROWS = RNG.random((64, 100)).astype("f4")
DATA: dict[str, Any] = {"people": (POSTS, PEOPLE), "two_classes": (ROWS, ROWS[:, :1].round())}


class Terminal(io.StringIO):
    """A screen of so many columns; a row that is full is left when the next character comes, as terminals do."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns, self.rows, self.column, self.final = columns, [""], 0, [""]

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for letter in text:
            if letter == "\r":
                self.column, self.final[-1] = 0, ""
            elif letter == "\n":
                self.rows.append("")
                self.final.append("")
                self.column = 0
            else:
                assert " " <= letter <= "~", f"{letter!r} does something to a terminal"
                if self.column == self.columns:
                    self.rows.append("")
                    self.column = 0
                row = self.rows[-1].ljust(self.column)
                self.rows[-1] = row[: self.column] + letter + row[self.column + 1 :]
                self.column += 1
                self.final[-1] += letter
        return len(text)

    def resize(self, columns: int) -> None:
        self.rows = [row[:columns] for row in self.rows]
        self.columns, self.column = columns, min(self.column, columns)

    def wrapped(self, lines: list[str]) -> list[str]:
        """The rows that lines take, each of which is wider than the screen or not."""
        return [line[i : i + self.columns] for line in lines for i in range(0, max(len(line), 1), self.columns)]

    @property
    def screen(self) -> list[str]:
        return [row.rstrip() for row in self.rows]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    """Lets a second pass at each look at the clock, so that the line is rewritten at each step."""

    def patch(module: ModuleType) -> None:
        ticks = itertools.count()
        monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(ticks)))

    return patch


@pytest.mark.parametrize("columns", [200, 100, 80, 79, 40, 3, 2, 1])
@pytest.mark.parametrize("name", DATA)
def test_after_training_the_screen_holds_the_last_line_of_each_epoch(
    name: str, columns: int, slow: Callable[[ModuleType], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, terminal = sample(name), Terminal(columns)
    slow(module)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    module.Model().fit(*DATA[name], epochs=3, batch_size=8, validation_split=0.25)
    monkeypatch.undo()
    lines = [line.rstrip() for line in terminal.final]
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3", ""]
    assert all("s left" not in line and "val_loss" in line for line in lines[:3])
    assert terminal.screen == [row.rstrip() for row in terminal.wrapped(lines)]


@pytest.mark.parametrize(("before", "after"), [(80, 40), (40, 80), (200, 30), (30, 200)])
def test_a_terminal_that_is_resized_keeps_no_piece_of_a_longer_line(
    before: int, after: int, slow: Callable[[ModuleType], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, terminal = sample("people"), Terminal(before)
    slow(module)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(before))
    seen = []

    class Resized(module._Progress):  # type: ignore[misc]  # what is built has no types here
        def update(self, figures: Any) -> None:
            super().update(figures)
            seen.append(len(terminal.rows))
            if len(seen) == 3:
                terminal.resize(after)
                os.environ["COLUMNS"] = str(after)

    monkeypatch.setattr(module, "_Progress", Resized)
    module.Model().fit(POSTS, PEOPLE, epochs=2, batch_size=8)
    monkeypatch.undo()
    assert seen[:6] == [1] * 6
    lines = [line.rstrip() for line in terminal.final]
    assert terminal.screen == [row.rstrip() for row in terminal.wrapped(lines)]


def test_what_goes_wrong_is_told_below_the_line(
    slow: Callable[[ModuleType], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, terminal, posts = sample("people"), Terminal(80), POSTS.copy()
    posts[40] = np.nan
    slow(module)
    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(ValueError, match="step 6"):
        module.Model().fit(posts, PEOPLE, epochs=3, batch_size=8, shuffle=False, validation_split=0)
    monkeypatch.undo()
    assert [row[:9] for row in terminal.screen] == ["epoch 1/3", ""]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudoterminals")
@pytest.mark.parametrize("columns", [80, 40, 0])
def test_a_real_terminal_counts_and_not_what_is_said_of_it(tmp_path: Path, columns: int) -> None:
    import fcntl
    import pty
    import termios

    (tmp_path / "people.py").write_text(sample_text("people"), "utf-8")
    np.savez(tmp_path / "data.npz", post=POSTS, **PEOPLE)
    code = (
        "import itertools, runpy, sys, time; ticks = itertools.count(); time.perf_counter = lambda: float(next(ticks));"
        "sys.argv = ['people.py', *'train data.npz --epochs 2 --no-save'.split()];"
        "runpy.run_path('people.py', run_name='__main__')"
    )
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command, environment = [sys.executable, "-c", code], {**os.environ, "COLUMNS": "500"}
    terminal, text = Terminal(columns or 80), b""
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=slave, stderr=slave) as run:
        os.close(slave)
        try:
            while part := os.read(master, 1 << 16):
                text += part
        except OSError:  # the end of a terminal that nobody holds open
            pass
    os.close(master)
    assert run.returncode == 0
    terminal.write(text.decode().replace("\r\n", "\n"))
    lines = [line.rstrip() for line in terminal.final]
    assert text.count(b"\r") > 10
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2", ""]
    assert terminal.screen == [row.rstrip() for row in terminal.wrapped(lines)]


class Broken(io.StringIO):
    """Whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class Bare:
    """Which can only write."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def test_training_goes_on_where_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sample("people")
    expected = module.Model().fit(POSTS, PEOPLE, verbose=0)
    closed, bare = io.StringIO(), Bare()
    closed.close()
    for stream in (Broken(), closed, bare, None):
        monkeypatch.setattr(sys, "stdout", stream)
        assert module.Model().fit(POSTS, PEOPLE) == expected
    monkeypatch.undo()
    assert len(bare.text.splitlines()) == 3


@pytest.mark.parametrize("verbose", [3, -1, "yes", None])
def test_a_verbosity_that_there_is_not_is_refused(verbose: Any) -> None:
    with pytest.raises(ValueError, match="verbose: expected 0, 1, 2 or 'auto', got"):
        sample("people").Model().fit(POSTS, PEOPLE, verbose=verbose)


def test_progress_is_a_line_for_each_epoch(credit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    model = credit.Model()
    model.fit(X, Y, epochs=2, validation_split=0.5, verbose=0)
    assert capsys.readouterr().out == ""
    model.fit(X, Y, epochs=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    for word in ("rows/s", " loss ", "amount_loss", "default_accuracy", "val_loss"):
        assert word in lines[0]


def test_on_a_terminal_the_line_is_rewritten(credit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    ticks = iter(range(10_000))
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(credit.time, "perf_counter", lambda: float(next(ticks)))
    credit.Model().fit(X, Y, epochs=1)
    monkeypatch.undo()
    text = terminal.getvalue()
    assert text.count("\r") == 4
    assert text.endswith("\n")
    assert "s left" in text
    assert "loss" in text.split("\r")[1]


def test_a_line_on_a_terminal_is_no_wider_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    module, terminal, ticks = sample("people"), Terminal(), iter(range(10_000))
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(ticks)))
    monkeypatch.setenv("COLUMNS", "50")
    module.Model().fit(POSTS, PEOPLE, epochs=1)
    monkeypatch.undo()
    lines = terminal.getvalue().split("\r")
    assert len(lines) > 3
    assert max(map(len, lines[:-1])) == 49
    assert len(lines[-1]) > 50
