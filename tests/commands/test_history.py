"""Training can be watched: the CSV file that `fit` writes, and the curves that `gen plot` draws of it."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gen import cli
from gen.commands import history
from tests.samples import sample

pytestmark = pytest.mark.filterwarnings("error")
RNG = np.random.default_rng(7)
X = RNG.normal(size=(40, 6))
Y = [RNG.normal(size=(40, 1)), np.eye(3)[RNG.integers(0, 3, 40)], RNG.integers(0, 2, (40, 1))]
OPTIONS: dict[str, Any] = {"epochs": 3, "batch_size": 8, "validation_split": 0.25, "verbose": 0}


@pytest.fixture(scope="session")
def people() -> ModuleType:
    return sample("people")


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


# -------------------------------------------------------------------------------------------------------- the CSV file


def test_each_epoch_has_a_row_that_reads_back_as_it_is(people: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    figures = people.Model().fit(X, Y, **OPTIONS, csv=path)
    header, *rows = table(path)
    assert header == ["epoch", *figures]
    assert {"loss", "age_loss", "age_mae", "val_loss", "val_gender_auc"} < set(header)
    assert [row[0] for row in rows] == ["0", "1", "2"]
    assert [list(map(float, column)) for column in list(zip(*rows, strict=True))[1:]] == list(figures.values())


def test_a_row_is_there_as_soon_as_its_epoch_ends(people: ModuleType, tmp_path: Path) -> None:
    path, seen = tmp_path / "history.csv", []
    people.Model().fit(X, Y, **OPTIONS, csv=path, callbacks=lambda *_: seen.append(len(table(path))))
    assert seen == [2, 3, 4]


def test_the_file_is_written_anew(people: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n" + "0,1.0\n" * 9, encoding="utf-8")
    people.Model().fit(X, Y, **OPTIONS, csv=path)
    assert len(table(path)) == 4


def test_a_callback_may_go_to_another_folder(
    people: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    people.Model().fit(X, Y, **OPTIONS, csv="history.csv", callbacks=lambda *_: os.chdir(tmp_path / "other"))
    assert len(table(tmp_path / "history.csv")) == 4
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.parametrize(("place", "why"), [("none/history.csv", "there is no folder"), (".", "is a folder")])
def test_a_file_that_cannot_be_written_is_told_before_training(
    people: ModuleType, tmp_path: Path, place: str, why: str
) -> None:
    model = people.Model()
    with pytest.raises(OSError, match=why) as error:
        model.fit(X, Y, **OPTIONS, csv=tmp_path / place)
    assert str(tmp_path / place) in str(error.value)
    assert model.step == 0


@pytest.mark.parametrize("contents", ["precious,data\n", "epochs\n", "\0\1\2"])
def test_a_file_that_is_no_history_is_never_written_over(people: ModuleType, tmp_path: Path, contents: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(contents)
    with pytest.raises(ValueError, match=r"history\.csv is not a history of training"):
        people.Model().fit(X, Y, **OPTIONS, csv=path)
    assert path.read_text() == contents


def test_one_file_cannot_be_history_and_checkpoint(people: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a history of training"):
        people.Model().fit(X, Y, **OPTIONS, csv=tmp_path / "place", checkpoint=tmp_path / "place")


def test_training_that_fails_keeps_the_rows_before(people: ModuleType, tmp_path: Path) -> None:
    def spoil(epoch: int, logs: Any, model: Any) -> None:
        if epoch == 1:
            model.p.flat.fill(np.nan)

    with pytest.raises(ValueError, match="not finite"):
        people.Model().fit(X, Y, **OPTIONS, csv=tmp_path / "history.csv", callbacks=spoil)
    assert len(table(tmp_path / "history.csv")) == 3


def test_training_that_goes_on_from_a_checkpoint_has_all_rows(people: ModuleType, tmp_path: Path) -> None:
    def interrupt(epoch: int, *_: Any) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    model, place = people.Model(), tmp_path / "place.npz"
    model.fit(X, Y, **{**OPTIONS, "epochs": 1}, checkpoint=place)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, **OPTIONS, checkpoint=place, csv=tmp_path / "history.csv", callbacks=interrupt)
    people.Model().fit(X, Y, **OPTIONS, checkpoint=place, csv=tmp_path / "history.csv")
    people.Model().fit(X, Y, **OPTIONS, csv=tmp_path / "whole.csv")
    assert (tmp_path / "history.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_the_command_writes_the_file(people: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, path = str(tmp_path / "data.npz"), tmp_path / "history.csv"
    np.savez(data, post=X, age=Y[0], income=Y[1], gender=Y[2])
    assert people._command(["train", data, "--no-save", "--epochs", "2", "--csv", str(path)]) == 0
    assert len(table(path)) == 3
    assert people._command(["train", data, "--no-save", "--csv", str(tmp_path / "none" / "history.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# ---------------------------------------------------------------------------------------------------------- the curves


@pytest.fixture
def runs(people: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two histories in the current folder; the second has no validation."""
    monkeypatch.chdir(tmp_path)
    people.Model(0).fit(X, Y, **OPTIONS, csv="a.csv")
    people.Model(1).fit(X, Y, **{**OPTIONS, "validation_split": 0.0, "epochs": 5}, csv="b.csv")
    return ["a.csv", "b.csv"]


def plot(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.gen, ["plot", *arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_loss_and_metrics_have_a_panel_each_with_a_colour_for_each_run(runs: list[str]) -> None:
    first, second = histories = [history.read(Path(run)) for run in runs]
    figure = history.draw(histories)
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == [name for name in first.figures if not name.startswith("val_")]
    colours = set()
    for name, panel in zip(titles, figure.axes, strict=True):
        training, validation, other = panel.lines
        assert [line.get_linestyle() for line in panel.lines] == ["-", "--", "-"]
        for line, (run, key) in zip(panel.lines, [(first, name), (first, f"val_{name}"), (second, name)], strict=True):
            assert list(line.get_xdata()) == list(range(len(run.epochs)))
            assert list(line.get_ydata()) == list(run.figures[key])
        assert training.get_color() == validation.get_color()
        colours.add((training.get_color(), other.get_color()))
    assert len(colours) == 1
    assert len(set(*colours)) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a.csv", "b.csv", "validation"]


def test_runs_that_differ_in_what_they_measure_share_the_loss(runs: list[str]) -> None:
    Path("c.csv").write_text("epoch,loss,accuracy\n0,1.5,0.5\n", encoding="utf-8")
    figure = history.draw([history.read(Path(name)) for name in ("b.csv", "c.csv")])
    lines = {panel.get_title(): len(panel.lines) for panel in figure.axes}
    assert (lines["loss"], lines["age_mae"], lines["accuracy"]) == (2, 1, 1)


def test_an_output_that_is_called_as_validation_has_a_panel_of_its_own(runs: list[str]) -> None:
    Path("c.csv").write_text("epoch,loss,a_loss,val_loss,val_a_loss\n0,4,3,2,1\n", encoding="utf-8")
    Path("d.csv").write_text("epoch,loss,val_a_loss,val_loss,val_val_a_loss\n0,4,3,2,1\n", encoding="utf-8")
    figure = history.draw([history.read(Path("c.csv")), history.read(Path("d.csv"))])
    drawn = {
        panel.get_title(): [(line.get_linestyle(), *line.get_ydata()) for line in panel.lines] for panel in figure.axes
    }
    assert drawn == {
        "loss": [("-", 4.0), ("--", 2.0)] * 2,
        "a_loss": [("-", 3.0), ("--", 1.0)],
        "val_a_loss": [("-", 3.0), ("--", 1.0)],
    }


def test_files_of_one_name_are_told_apart_by_their_folders(runs: list[str]) -> None:
    Path("other").mkdir()
    Path("other/a.csv").write_text("epoch,loss\n0,1.5\n", encoding="utf-8")
    figure = history.draw([history.read(Path(name)) for name in ("a.csv", "other/a.csv")])
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["a.csv", "other/a.csv"]


def test_many_runs_have_a_colour_each(runs: list[str]) -> None:
    figure = history.draw([history.read(Path("b.csv"))] * 30)
    assert len({line.get_color() for line in figure.axes[0].lines}) == 30


@pytest.mark.parametrize(
    ("name", "begin"), [("plot.png", b"\x89PNG"), ("curves.svg", b"<?xml"), ("curves.PDF", b"%PDF")]
)
def test_the_ending_says_the_format_and_the_bytes_are_always_the_same(
    runs: list[str], name: str, begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plot(*runs, "-o", name) == (0, f"{name}  written\n", "")
    picture = Path(name).read_bytes()
    assert picture.startswith(begin)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert plot(*runs, "-o", name)[0] == 0
    assert Path(name).read_bytes() == picture


def test_settings_of_the_user_change_no_picture(runs: list[str]) -> None:
    import matplotlib

    assert plot("a.csv", "-o", "one.svg")[0] == 0
    with matplotlib.rc_context({"lines.linewidth": 9.0, "svg.fonttype": "none"}):
        assert plot("a.csv", "-o", "two.svg")[0] == 0
    assert Path("one.svg").read_bytes() == Path("two.svg").read_bytes()


def test_without_a_name_the_picture_is_plot_png(runs: list[str]) -> None:
    assert plot("a.csv")[:2] == (0, "plot.png  written\n")
    assert Path("plot.png").exists()


def test_any_file_name_can_be_in_the_legend(runs: list[str]) -> None:
    for name in ("_a$b$.csv", r"\frac$.csv"):
        Path("a.csv").rename(name)
        assert plot(name)[0] == 0
        Path(name).rename("a.csv")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty: no epoch has ended yet"),
        ("epoch,loss\n", "contains no epoch"),
        ("name,price\nhat,3\n", "its first line is not `epoch,loss,…`"),
        ("epoch,loss,loss\n0,1,2\n", "its first line is not `epoch,loss,…`"),
        ("epoch,loss\n0,1\n1\n", "line 3 has 1 fields, the first has 2"),
        ("epoch,loss\n0,much\n", "line 2 contains something that is not a number"),
        ("epoch,loss\nnan,1\n", "line 2 contains something that is not a number"),
        (b"\xff\xfe\x00", "it is not text"),
        ('epoch,loss\n"' + "x" * 200_000, "it is not text"),
    ],
)
def test_a_file_that_is_no_history_is_one_sentence(runs: list[str], text: str | bytes, why: str) -> None:
    Path("c.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    status, out, error = plot("a.csv", "c.csv")
    assert (status, out) == (2, "")
    assert error.startswith("gen: c.csv ")
    assert error.endswith(f"{why}\n")
    assert not Path("plot.png").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.csv"], "gen: cannot read none.csv: no such file or directory\n"),
        (["."], "gen: cannot read .: is a directory\n"),
        (["a.csv", "-o", "a.csv"], "gen: cannot draw a.csv: the name of a picture ends in one of .png, .svg, .pdf\n"),
        (["a.csv", "-o", "none/a.png"], "gen: cannot write none/a.png: no such file or directory\n"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_sentence(runs: list[str], arguments: list[str], sentence: str) -> None:
    assert plot(*arguments) == (2, "", sentence)


def test_without_matplotlib_the_message_says_what_to_install(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot("a.csv") == (2, "", "gen: a plot needs matplotlib: pip install 'gen-nn[plot]'\n")


def test_numbers_that_are_not_finite_are_gaps(runs: list[str]) -> None:
    Path("c.csv").write_text("epoch,loss,val_loss\n0,1.5,nan\n1,1.0,inf\n", encoding="utf-8")
    assert plot("c.csv")[0] == 0
