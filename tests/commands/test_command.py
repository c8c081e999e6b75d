"""The command `gen`: what it reads, writes and says, and its exit status; never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gen import __version__, cli, compiler, files
from tests.building import ROOT, load, sample

GOOD = """\
x = Input(4)
y = Dense(1)(x)
model = Model(x, y)
model.compile(sgd, mse)
"""
WRONG = "x = Input(4)\ny = Dens(1)(x)\nz = Dense(-1)(x)\nmodel = Model(x, y)\n"
WARNING = GOOD.replace("model =", "unused = Dense(3)(x)\nmodel =")


@dataclass(frozen=True)
class Outcome:
    """What a run of the command gave."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Gen = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command runs in."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def gen(folder: Path) -> Gen:
    """Runs the command in this process; fails where it shows a traceback or ends with a status that has no meaning."""

    def run(*arguments: str | Path) -> Outcome:
        result = CliRunner().invoke(cli.gen, [str(item) for item in arguments])
        outcome = Outcome(result.exit_code, result.stdout, result.stderr)
        assert isinstance(result.exception, SystemExit | None), result.exception
        assert "Traceback" not in result.output
        assert outcome.status in (0, 1, 2)
        return outcome

    return run


def process(
    arguments: Sequence[str | Path], folder: Path, *, command: Sequence[str] = ("-m", "gen"), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, *command, *map(str, arguments)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


# -------------------------------------------------------------------------------------------------------- what is built


def test_a_file_is_built_into_out(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    outcome = gen("build", "model.nn")
    assert outcome == Outcome(0, "out/model.py  written\n", "")
    assert load((folder / "out" / "model.py").read_text("utf-8"), "model").Model().predict(np.ones((2, 4))).shape == (
        2,
        1,
    )


def test_a_file_that_would_be_the_same_is_left_alone(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    gen("build", "model.nn")
    before = os.stat("out/model.py")
    assert gen("build", "model.nn").out == "out/model.py  unchanged\n"
    after = os.stat("out/model.py")
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_a_change_is_written(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    gen("build", "model.nn")
    (folder / "model.nn").write_text(GOOD.replace("Dense(1)", "Dense(2)"))
    assert gen("build", "model.nn").out == "out/model.py  written\n"
    assert [path.name for path in (folder / "out").iterdir()] == ["model.py"]


def test_files_and_folders_are_built_together(gen: Gen, folder: Path) -> None:
    for name in ("one.nn", "many/two.nn", "many/deep/three.nn", "many/.hidden/no.nn", "many/.no.nn", "many/no.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(GOOD)
    (folder / "many" / "folder.nn").mkdir()
    outcome = gen("build", "one.nn", "many", "-o", "made")
    assert outcome.status == 0
    assert outcome.lines == ["made/one.py  written", "made/two.py  written", "made/deep/three.py  written"]


def test_a_file_that_is_named_twice_is_built_once(gen: Gen, folder: Path) -> None:
    (folder / "many").mkdir()
    (folder / "many" / "one.nn").write_text(GOOD)
    assert gen("build", "many", "many/one.nn", folder / "many" / "one.nn").lines == ["out/one.py  written"]


def test_many_files_are_built_in_one_process(gen: Gen, folder: Path) -> None:
    for number in range(6):
        (folder / f"model_{number:02}.nn").write_text(GOOD.replace("Dense(1)", f"Dense({number + 1})"))
    outcome = gen("build", ".")
    assert outcome.status == 0
    assert outcome.lines == [f"out/model_{number:02}.py  written" for number in range(6)]
    assert gen("build", ".", "--check").status == 0


def test_one_wrong_file_does_not_keep_the_others_from_being_built(gen: Gen, folder: Path) -> None:
    (folder / "a.nn").write_text(GOOD)
    (folder / "b.nn").write_text(WRONG)
    (folder / "c.nn").write_text(GOOD)
    outcome = gen("build", ".")
    assert outcome.status == 1
    assert outcome.lines == ["out/a.py  written", "out/c.py  written"]
    assert "b.nn:2:5" in outcome.err


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("my model.nn", "my_model.py"),
        ("modèle.nn", "modèle.py"),
        ("模型.nn", "模型.py"),
        ("a-b.c.nn", "a_b_c.py"),
        ("3d.nn", "model_3d.py"),
        ("class.nn", "class_.py"),
        ("numpy.nn", "numpy_.py"),
        ("json.nn", "json_.py"),
        ("'\".nn", "__.py"),
    ],
)
def test_any_name_becomes_one_that_can_be_imported_and_run(gen: Gen, folder: Path, name: str, made: str) -> None:
    (folder / name).write_text(GOOD)
    assert gen("build", name).lines == [f"out/{made}  written"]
    assert Path(made).stem.isidentifier()
    finished = process(["summary"], folder, command=[f"out/{made}"])
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout


def test_a_folder_and_a_file_with_spaces_in_their_names_are_built(gen: Gen, folder: Path) -> None:
    (folder / "my models").mkdir()
    (folder / "my models" / "first one.nn").write_text(GOOD)
    assert gen("build", "my models", "-o", "made here").lines == ["made here/first_one.py  written"]


def test_links_are_followed_inside_the_folder_of_outputs(gen: Gen, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "model.nn").write_text(GOOD)
    (folder / "real_out").mkdir()
    (folder / "link.nn").symlink_to("real/model.nn")
    (folder / "out").symlink_to("real_out")
    assert gen("build", "link.nn").lines == ["out/link.py  written"]
    (folder / "real_out" / "kept").mkdir()
    (folder / "real_out" / "link.py").rename(folder / "real_out" / "kept" / "elsewhere.py")
    (folder / "real_out" / "link.py").symlink_to("kept/elsewhere.py")
    (folder / "real" / "model.nn").write_text(GOOD.replace("Dense(1)", "Dense(2)"))
    assert gen("build", "link.nn").lines == ["out/link.py  written"]
    assert (folder / "real_out" / "link.py").is_symlink()
    assert "Dense(2)" in (folder / "real_out" / "kept" / "elsewhere.py").read_text("utf-8")


def test_a_folder_that_links_to_itself_is_built_once(gen: Gen, folder: Path) -> None:
    (folder / "models").mkdir()
    (folder / "models" / "one.nn").write_text(GOOD)
    (folder / "models" / "again").symlink_to(folder / "models")
    assert gen("build", "models").lines == ["out/one.py  written"]


def test_the_bytes_do_not_depend_on_where_and_how_the_command_runs(gen: Gen, folder: Path) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "model.nn").write_text(GOOD)
    gen("build", "deep/er/model.nn")
    finished = process(
        ["build", "model.nn"], folder / "deep" / "er", PYTHONHASHSEED="7", LC_ALL="C", PYTHONUTF8="0", TZ="Asia/Tokyo"
    )
    assert finished.returncode == 0, finished.stderr
    assert (folder / "deep/er/out/model.py").read_bytes() == (folder / "out/model.py").read_bytes()


# ------------------------------------------------------------------------------------------- options that write nothing


def test_check_lists_what_would_change_and_writes_nothing(gen: Gen, folder: Path) -> None:
    (folder / "same.nn").write_text(GOOD)
    (folder / "new.nn").write_text(GOOD)
    gen("build", "same.nn")
    outcome = gen("build", ".", "--check")
    assert outcome == Outcome(1, "out/new.py  would change\nout/same.py  unchanged\n", "")
    assert not (folder / "out" / "new.py").exists()
    gen("build", ".")
    assert gen("build", ".", "--check").status == 0


def test_check_makes_no_folder(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    assert gen("build", "model.nn", "--check", "-o", "deep/er").status == 1
    assert not (folder / "deep").exists()


def test_check_does_not_mind_line_ends_but_minds_edits(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    gen("build", "model.nn")
    path = folder / "out" / "model.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert gen("build", "model.nn", "--check").status == 0
    path.write_bytes(path.read_bytes() + b"# mine\n")
    assert gen("build", "model.nn", "--check").status == 1


def test_diff_shows_what_would_change_and_writes_nothing(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    outcome = gen("build", "model.nn", "--diff")
    assert outcome.status == 0
    assert outcome.lines[:2] == ["--- /dev/null", "+++ out/model.py"]
    assert outcome.lines[-1] == "out/model.py  would change"
    assert not (folder / "out").exists()
    gen("build", "model.nn")
    assert gen("build", "model.nn", "--diff").out == "out/model.py  unchanged\n"
    (folder / "model.nn").write_text(GOOD.replace("sgd", "sgd(0.5)"))
    changed = [line for line in gen("build", "model.nn", "--diff").lines if re.match(r"[-+] ", line)]
    assert changed
    assert len(changed) < 20


def test_diff_and_check_together_show_and_fail(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    outcome = gen("build", "model.nn", "--check", "--diff")
    assert outcome.status == 1
    assert outcome.lines[0] == "--- /dev/null"


# -------------------------------------------------------------------------------------------------------- other options


def test_what_was_edited_by_hand_is_written_over_only_by_force(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    gen("build", "model.nn")
    path = folder / "out" / "model.py"
    path.write_text(path.read_text("utf-8").replace("import json", "import json  # mine"), "utf-8")
    (folder / "other.nn").write_text(GOOD)
    outcome = gen("build", "model.nn", "other.nn")
    assert outcome.status == 2
    assert outcome.lines == ["out/other.py  written"]
    assert outcome.err == "gen: out/model.py was edited by hand since gen wrote it; --force writes over it\n"
    assert "# mine" in path.read_text("utf-8")
    assert gen("build", "model.nn", "--force").lines == ["out/model.py  written"]
    assert "# mine" not in path.read_text("utf-8")


def test_what_gen_did_not_write_is_written_over_only_by_force(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    (folder / "out").mkdir()
    (folder / "out" / "model.py").write_text("print('mine')\n")
    outcome = gen("build", "model.nn")
    assert outcome.status == 2
    assert outcome.err == "gen: out/model.py exists and was not written by gen; --force writes over it\n"
    assert (folder / "out" / "model.py").read_text() == "print('mine')\n"
    assert gen("build", "model.nn", "--force").status == 0


def test_a_file_for_inference_holds_nothing_for_training(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    assert gen("build", "model.nn", "--inference").status == 0
    text = (folder / "out" / "model.py").read_text("utf-8")
    assert "def predict" in text
    assert not re.search(r"\b(backward|fit|train_on_batch|update)\b", text)
    assert gen("build", "model.nn", "--training").status == 0
    assert "def fit" in (folder / "out" / "model.py").read_text("utf-8")


def test_quiet_says_only_what_is_wrong(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD + "model.summary()\n")
    assert gen("build", "model.nn", "--quiet") == Outcome(0, "", "")
    (folder / "model.nn").write_text(WARNING)
    outcome = gen("build", "model.nn", "-q")
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err.startswith("warning[")
    assert gen("build", "model.nn", "-q", "--check") == Outcome(0, "", outcome.err)


def test_a_summary_that_the_file_asks_for_is_printed(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD + "model.summary()\n")
    outcome = gen("build", "model.nn")
    assert outcome.status == 0
    assert re.search(r"^y +Dense +\(batch, 1\) +5$", outcome.out, re.MULTILINE)
    assert outcome.lines[-1] == "out/model.py  written"


DIAGNOSTIC = {"file", "line", "column", "end_line", "end_column", "severity", "code", "message", "hint", "notes"}


def test_json_is_one_object_with_the_diagnostics_and_what_was_written(gen: Gen, folder: Path) -> None:
    (folder / "good.nn").write_text(WARNING)
    (folder / "wrong.nn").write_text(WRONG)
    outcome = gen("build", ".", "--format", "json")
    assert (outcome.status, outcome.err) == (1, "")
    report = json.loads(outcome.out)
    assert report.keys() == {"diagnostics", "outputs"}
    assert report["outputs"] == ["out/good.py"]
    warning, first, second = report["diagnostics"]
    assert (warning["file"], warning["severity"]) == ("good.nn", "warning")
    for item, line in ((first, 2), (second, 3)):
        assert item.keys() == DIAGNOSTIC
        assert (item["file"], item["line"], item["severity"]) == ("wrong.nn", line, "error")
        assert item["end_line"] == line
        assert item["end_column"] > item["column"] >= 1
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", item["code"])
        assert isinstance(item["hint"], str | None)
        assert all(note.keys() == {"line", "column", "message"} for note in item["notes"])
    assert json.loads(gen("build", "good.nn", "--format", "json").out)["outputs"] == []


@pytest.mark.parametrize("arguments", [["missing.nn"], [], ["--check", "good.nn"], ["--diff", "good.nn"]])
def test_with_json_standard_output_holds_nothing_else(gen: Gen, folder: Path, arguments: list[str]) -> None:
    (folder / "good.nn").write_text(GOOD + "model.summary()\n")
    outcome = gen("build", *arguments, "--format", "json")
    assert json.loads(outcome.out) == {"diagnostics": [], "outputs": []}
    assert outcome.err


# ------------------------------------------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["build"], "gen: nothing to build: name a .nn file or a folder, or set `sources` in [tool.gen] of "),
        (["build", "missing.nn"], "gen: there is no file or folder missing.nn"),
        (["build", "empty"], "gen: there is no .nn file in empty"),
        (["build", "notes.txt"], "gen: notes.txt is not a .nn file"),
        (["build", "broken.nn"], "gen: there is no file or folder broken.nn"),
        (["build", "a" * 300 + ".nn"], f"gen: cannot read {'a' * 300}.nn: file name too long"),
        (["build", "model.nn", "-o", "notes.txt"], "gen: cannot write to notes.txt: it is a file, not a folder"),
        (["build", "model.nn", "-o", "notes.txt/x"], "gen: cannot write to notes.txt/x: it is a file, not a folder"),
        (["build", "model.nn", "-o", "taken"], "gen: cannot write taken/model.py: it is a directory"),
        (["build", "model.nn", "-o", "taken", "--check"], "gen: cannot write taken/model.py: it is a directory"),
        (["dump", "missing.nn"], "gen: cannot read missing.nn: no such file or directory"),
        (["dump", "empty"], "gen: cannot read empty: is a directory"),
        (["dump", "model.nn", "--without", "x"], "gen: there is no pass `x`; the passes are "),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_sentence_and_status_2(
    gen: Gen, folder: Path, arguments: list[str], sentence: str
) -> None:
    (folder / "model.nn").write_text(GOOD)
    (folder / "notes.txt").write_text("notes\n")
    (folder / "empty").mkdir()
    (folder / "taken" / "model.py").mkdir(parents=True)
    (folder / "broken.nn").symlink_to("nowhere")
    outcome = gen(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(sentence)
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["buld"], ["build", "--frce", "x.nn"], ["dump"], ["dump", "--stage", "x", "y.nn"]]
)
def test_a_wrong_usage_is_status_2(gen: Gen, arguments: list[str]) -> None:
    outcome = gen(*arguments)
    assert outcome.status == 2
    assert "Error: " in outcome.err


def test_two_sources_with_one_output_are_refused(gen: Gen, folder: Path) -> None:
    (folder / "a b.nn").write_text(GOOD)
    (folder / "a_b.nn").write_text(GOOD)
    outcome = gen("build", ".")
    assert outcome == Outcome(
        2, "", "gen: a b.nn and a_b.nn would both be built as out/a_b.py; give them other names or folders\n"
    )
    assert not (folder / "out").exists()


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_folder_that_cannot_be_written_is_one_sentence(
    gen: Gen, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "model.nn").write_text(GOOD)
    monkeypatch.setattr(files.Folder, "new", refuse)
    outcome = gen("build", "model.nn")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.lower() == "gen: cannot write out/model.py: permission denied\n"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do everything")
def test_files_and_folders_that_nobody_may_read_or_write_are_one_sentence(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    (folder / "locked").mkdir(mode=0o500)
    assert "permission denied" in gen("build", "model.nn", "-o", "locked").err.lower()
    assert "permission denied" in gen("build", "model.nn", "-o", "locked/deeper").err.lower()
    (folder / "model.nn").chmod(0)
    assert gen("build", "model.nn") == Outcome(2, "", "gen: cannot read model.nn: permission denied\n")
    (folder / "shut").mkdir(mode=0)
    assert gen("build", "shut").err == "gen: cannot read shut: permission denied\n"
    assert gen("build", "shut/model.nn").status == 2


def test_a_file_that_cannot_be_read_is_one_sentence(gen: Gen, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "model.nn").write_text(GOOD)
    monkeypatch.setattr(files, "read", refuse)
    assert gen("build", "model.nn") == Outcome(2, "", "gen: cannot read model.nn: permission denied\n")


def test_a_file_that_is_read_only_is_left_as_it_is(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    gen("build", "model.nn")
    (folder / "out" / "model.py").chmod(0o444)
    (folder / "model.nn").write_text(GOOD.replace("Dense(1)", "Dense(2)"))
    assert gen("build", "model.nn") == Outcome(2, "", "gen: cannot write out/model.py: it is read-only\n")


def test_a_file_that_is_not_utf8_is_a_diagnostic(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_bytes(b"x = Input(4)\n# caf\xe9\n")
    outcome = gen("build", "model.nn")
    assert outcome.status == 1
    assert outcome.err.startswith("error[invalid-utf8]")
    assert "model.nn:2:6" in outcome.err


def test_an_empty_file_is_a_diagnostic(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_bytes(b"")
    outcome = gen("build", "model.nn")
    assert outcome.status == 1
    assert re.match(r"error\[[a-z-]+\]: ", outcome.err)


@pytest.mark.parametrize("name", ["a\nb.nn", "a\x1b[31mb.nn", "a\udcffb.nn"])
def test_a_name_that_a_terminal_would_act_on_is_refused(gen: Gen, folder: Path, name: str) -> None:
    try:
        (folder / name).write_text(GOOD)
    except OSError:
        pytest.skip("the file system refuses the name itself")
    outcome = gen("build", ".")
    assert outcome.status == 2
    assert outcome.err.startswith("gen: the name of a<U+")
    assert outcome.err.count("\n") == 1
    assert "\x1b" not in outcome.err


# ------------------------------------------------------------------------------------------------------- gen's own bugs


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("this and\nthat")


def test_a_bug_in_gen_is_one_sentence_and_the_other_files_are_built(
    gen: Gen, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.nn").write_text(GOOD)
    (folder / "b.nn").write_text(GOOD)
    build = compiler.build
    monkeypatch.setattr(compiler, "build", lambda *given: broken() if given[1] == "a.nn" else build(*given))
    outcome = gen("build", ".")
    assert outcome.status == 2
    assert outcome.lines == ["out/b.py  written"]
    assert outcome.err == (
        f"gen: a.nn: this is a bug in gen, in gen/commands/building.py:{bug_line(outcome)}: "
        "RuntimeError: this and that; "
        "please report it with the .nn file and the output of --debug\n"
    )
    monkeypatch.setattr(compiler, "understand", broken)
    assert gen("dump", "a.nn").status == 2


def bug_line(outcome: Outcome) -> str:
    found = re.search(r"building\.py:(\d+)", outcome.err)
    assert found is not None
    return found[1]


def test_debug_shows_where_gen_failed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.nn").write_text(GOOD)
    monkeypatch.setattr(compiler, "build", broken)
    result = CliRunner().invoke(cli.gen, ["build", "a.nn", "--debug"])
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "this is a bug in gen" in result.stderr


# ----------------------------------------------------------------------------------------------------------------- dump


@pytest.mark.parametrize(
    ("stage", "holds"),
    [
        ("syntax", "File"),
        ("graph", "call    y: (batch, 1) = y: Dense(units=1)(x)"),
        ("rewritten", "call    y: (batch, 1)"),
        ("lowered", "forward:"),
        ("program", "forward:"),
        ("memory", "buffer (batch, 1) float"),
        ("functions", "def forward("),
        ("text", "class Model:"),
    ],
)
def test_every_stage_can_be_printed(gen: Gen, folder: Path, stage: str, holds: str) -> None:
    (folder / "model.nn").write_text(GOOD)
    outcome = gen("dump", "--stage", stage, "model.nn")
    assert (outcome.status, outcome.err) == (0, "")
    assert holds in outcome.out
    (folder / "model.nn").write_text(WRONG + "y =\n")
    outcome = gen("dump", "--stage", stage, "model.nn")
    assert outcome.status == 1
    assert "error[" in outcome.err


def test_these_are_all_stages() -> None:
    (mark,) = [mark for mark in test_every_stage_can_be_printed.pytestmark if mark.name == "parametrize"]
    assert [stage for stage, _ in mark.args[1]] == list(cli.STAGES)


def test_the_text_that_is_dumped_is_the_file_that_is_built(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    gen("build", "model.nn")
    assert gen("dump", "--stage", "text", "model.nn").out == (folder / "out" / "model.py").read_text("utf-8")


WHERE_PASSES_MATTER = """
ids, z = Input(100, int32), Input(3)
x = MaxPooling1D(2)(Conv1D(64, 3, relu)(Embedding(1000, 64)(ids)))
x = BatchNormalization()(Conv1D(8, 1)(Conv1D(64, 3, relu)(x)))
h = BatchNormalization()(Dense(8)(Concatenate()([LSTM(4)(x), LSTM(4)(x), z])))
y = Dense(3, softmax)(h)
model = Model([ids, z], y)
model.compile(rmsprop(), loss=categorical_crossentropy)
"""


@pytest.mark.parametrize("name", sample(compiler.PASSES, 3))
def test_a_pass_can_be_switched_off(gen: Gen, folder: Path, name: str) -> None:
    (folder / "model.nn").write_text(WHERE_PASSES_MATTER)
    outcome = gen("dump", "--stage", "text", "--without", name, "--debug", "model.nn")
    assert outcome.status == 0
    assert outcome.out != gen("dump", "--stage", "text", "model.nn").out


# ------------------------------------------------------------------------------------------------------------- settings


def settings(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.gen]\n{text}\n")


def test_the_project_says_what_is_built_and_where_to(gen: Gen, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "models" / "deep").mkdir(parents=True)
    (folder / "models" / "model.nn").write_text(GOOD)
    settings(folder, 'sources = ["models"]\nout = "made"\ninference = true')
    assert gen("build") == Outcome(0, "made/model.py  written\n", "")
    assert "def fit" not in (folder / "made" / "model.py").read_text("utf-8")
    assert gen("build", "--check", "--training").status == 1
    assert "backward" not in gen("dump", "--stage", "text", "models/model.nn").out
    monkeypatch.chdir(folder / "models" / "deep")
    assert gen("build") == Outcome(0, "../../made/model.py  unchanged\n", "")
    assert gen("build", "-o", "here") == Outcome(0, "here/model.py  written\n", "")
    assert gen("build", "../model.nn").lines == ["../../made/model.py  unchanged"]


def test_without_settings_files_go_below_the_current_folder(
    gen: Gen, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pyproject.toml").write_text("[project]\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "model.nn").write_text(GOOD)
    monkeypatch.chdir(folder / "sub")
    assert gen("build", "model.nn").lines == ["out/model.py  written"]


def test_the_nearest_project_counts(gen: Gen, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(folder, "nonsense = 1")
    (folder / "sub").mkdir()
    (folder / "sub" / "model.nn").write_text(GOOD)
    settings(folder / "sub", 'out = "made"')
    monkeypatch.chdir(folder / "sub")
    assert gen("build", "model.nn").lines == ["made/model.py  written"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('outt = "x"', "gen: pyproject.toml: [tool.gen] has no `outt`; did you mean `out`?"),
        (
            "xyz = 1",
            "gen: pyproject.toml: [tool.gen] has no `xyz`; it may have components, define, inference, models, out, "
            "runtime, sources",
        ),
        ("out = 3", "gen: pyproject.toml: `out` in [tool.gen] is not a path"),
        ('sources = "models"', "gen: pyproject.toml: `sources` in [tool.gen] is not a list of paths"),
        ("components = [1]", "gen: pyproject.toml: `components` in [tool.gen] is not a list of paths"),
        ("inference = 1", "gen: pyproject.toml: `inference` in [tool.gen] is neither true nor false"),
        ("=", "gen: pyproject.toml cannot be read: "),
        ("[[tool.gen]]", "gen: pyproject.toml cannot be read: "),
        ('sources = ["missing"]', "gen: there is no file or folder missing"),
        ('components = ["missing.py"]\nsources = ["."]', "gen: cannot read the components in "),
    ],
)
def test_bad_settings_are_one_sentence(gen: Gen, folder: Path, text: str, sentence: str) -> None:
    settings(folder, text)
    (folder / "model.nn").write_text(GOOD)
    outcome = gen("build")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(sentence)
    assert outcome.err.count("\n") == 1


def test_settings_that_are_no_table_are_one_sentence(gen: Gen, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool]\ngen = 3\n")
    assert gen("build") == Outcome(2, "", "gen: pyproject.toml: [tool.gen] is not a table\n")


# ---------------------------------------------------------------------------------------------- components of one's own

MINE = '''\
"""A layer, an activation and a loss."""

import numpy as np

from gen.components.base import Activation, Layer, Loss, Weight, component
from gen.components.initializers import Ones


@component
class Stretch(Layer):
    """y = x * scale, feature by feature."""

    last_axis = True

    factor: float = 1.0

    def output(self, x):
        return x

    def weights(self, x):
        return {"scale": Weight((x[-1],), Ones())}

    def forward(self, x, scale):
        return x * scale * self.factor

    def backward(self, dy, x, scale):
        dx = dy * scale * self.factor
        dscale = np.add.reduce(dy * x, axis=0) * self.factor
        return dx, dscale


@component
class Bent(Activation):
    """The bent identity: (sqrt(x² + 1) - 1) / 2 + x."""

    def forward(self, x):
        root = np.sqrt(x * x + 1.0)
        return (root - 1.0) * 0.5 + x

    def backward(self, dy, x, root):
        return dy * (x / root * 0.5 + 1.0)


@component
class Quartic(Loss):
    """The mean of (y_pred - y_true)⁴."""

    name: str | None = None

    def forward(self, y_true, y_pred):
        error = y_pred - y_true
        square = error * error
        return np.add.reduce(square * square, axis=1) / y_pred.shape[1]

    def backward(self, scale, error, square):
        return error * square * (4 * scale / error.shape[1])
'''
USES_MINE = """\
x = Input(4)
h = Dense(5, bent)(x)
y = Stretch(factor=2.0)(h)
model = Model(x, y)
model.compile(sgd(0.01), quartic)
"""


@pytest.fixture
def own(folder: Path, components_apart: None) -> Path:
    """A file with components of one's own and a model that uses them."""
    (folder / "mine.py").write_text(MINE)
    (folder / "model.nn").write_text(USES_MINE)
    return folder / "mine.py"


@pytest.mark.parametrize("rate", ["0", "-0.1"])
def test_an_optimizer_of_ones_own_has_a_learning_rate_above_0(gen: Gen, folder: Path, own: Path, rate: str) -> None:
    own.write_text(MINE.replace("Activation, Layer", "Activation, Layer, Optimizer") + """

@component
class Slope(Optimizer):
    \"\"\"w - learning_rate · g.\"\"\"

    learning_rate: float = 0.1

    def update(self, w, g, learning_rate, step):
        return w - learning_rate * g
""")
    (folder / "model.nn").write_text(USES_MINE.replace("sgd(0.01)", f"Slope({rate})"))
    outcome = gen("build", "model.nn", "--components", "mine.py")
    assert outcome.status == 1
    assert f"`learning_rate` must be a finite number above 0, got {rate}" in outcome.err


@pytest.mark.usefixtures("own")
def test_components_of_ones_own_are_built_and_trained_like_any_other(gen: Gen, folder: Path) -> None:
    assert gen("build", "model.nn").status == 1
    outcome = gen("build", "model.nn", "--components", "mine.py", "--debug")
    assert outcome == Outcome(0, "out/model.py  written\n", "")
    text = (folder / "out" / "model.py").read_text("utf-8")
    assert "import gen" not in text
    assert "mine" not in text
    module = load(text, "own")
    model = module.Model(dtype=np.float64)
    assert module.check() < 1e-6
    assert list(model.weights) == ["h/kernel", "h/bias", "y/scale"]
    x = np.ones((1, 4))
    z = x @ model.weights["h/kernel"] + model.weights["h/bias"]
    expected = 2.0 * ((np.sqrt(z * z + 1) - 1) / 2 + z)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-12)
    logs = model.train_on_batch(x, np.zeros((1, 5)))
    np.testing.assert_allclose(logs["loss"], (expected**4).mean(), rtol=1e-12)


@pytest.mark.usefixtures("own")
def test_the_project_may_name_its_components(gen: Gen, folder: Path) -> None:
    settings(folder, 'components = ["mine.py"]')
    assert gen("build", "model.nn").status == 0
    assert "Stretch" in gen("dump", "model.nn").out


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ("import numpy as np", "import nunpy", 3, "ModuleNotFoundError: No module named 'nunpy'"),
        ("        return x\n", "        return (x\n", 18, "SyntaxError: '(' was never closed"),
        ("np.sqrt(x * x + 1.0)", "np.linalg.norm(x)", 37, "Bent.forward: np.linalg is outside what a rule may use"),
        (
            "        root = ",
            "        while x:\n            pass\n        root = ",
            37,
            "a rule may not contain `while x:`",
        ),
        ("class Quartic(Loss)", "class MeanSquaredErrors(Los)", 45, "NameError: name 'Los' is not defined"),
        ("    def output(", "    def outputs(", 9, "TypeError: the layer Stretch has no `output`"),
        ('"scale": Weight', '"scale": Wait', 21, "NameError: name 'Wait' is not defined"),
        ("return x * scale * self.factor", "return x * skale", 24, "the name `skale` is not known here"),
    ],
)
def test_components_that_do_not_work_are_one_sentence_with_the_line(
    gen: Gen, own: Path, before: str, after: str, line: int, says: str
) -> None:
    assert MINE.count(before) >= 1
    own.write_text(MINE.replace(before, after, 1))
    outcome = gen("build", "model.nn", "--components", "mine.py")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"gen: {own}:{line}: ")
    assert says in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ("return x * scale", "return (x * scale).T", 23, "Stretch.forward gives (5, batch), where (batch, 5) is what"),
        (
            "        return (root - 1.0) * 0.5 + x",
            "        return 0.5",
            36,
            "Bent.forward gives no array, where (batch, 5)",
        ),
        ("np.add.reduce(square * square, axis=1) / y_pred.shape[1]", "square * square", 50, "Quartic.forward gives"),
    ],
)
def test_a_rule_that_gives_another_shape_than_its_component_says_is_refused(
    gen: Gen, own: Path, before: str, after: str, line: int, says: str
) -> None:
    assert MINE.count(before) == 1
    own.write_text(MINE.replace(before, after))
    outcome = gen("build", "model.nn", "--components", "mine.py")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"gen: {own}:{line}: {says}")
    assert outcome.err.count("\n") == 1


NAMED_LIKE_OTHERS = """\
import numpy as np

from gen.components.base import Metric, Optimizer, component


def glorot_uniform(x):
    return float(x.sum())


@component
class Total(Metric):
    '''The sum of what is predicted.'''

    name: str | None = None

    def measure(self, y_true, y_pred):
        return glorot_uniform(y_pred), 1.0

    def result(self, total, count):
        return total / count


@component
class Slow(Optimizer):
    '''The mean of two gradients.'''

    learning_rate: float = 0.1

    def slots(self):
        return {"start": 0.0}

    def update(self, w, g, learning_rate, step, start):
        w = w - (g + start) * (learning_rate * 0.5)
        start = g * 1.0
        return w, start


@component
class Kept(Optimizer):
    '''Momentum whose slot is called like the place of `fit` in a checkpoint.'''

    learning_rate: float = 0.1

    def slots(self):
        return {"fit": 0.0}

    def update(self, w, g, learning_rate, step, fit):
        fit = fit * 0.9 + g
        w = w - fit * learning_rate
        return w, fit
"""


@pytest.mark.parametrize(
    ("compiled", "line", "says"),
    [
        ("sgd(0.1), mse, metrics=[total]", 6, "`glorot_uniform` is a function of "),
        ("slow(), mse", 32, "Slow.update: a slot cannot be called `start`"),
        ("kept(), mse", 47, "Kept.update: a slot cannot be called `fit`"),
    ],
)
def test_components_with_names_that_a_generated_file_needs_are_refused(
    gen: Gen, own: Path, compiled: str, line: int, says: str
) -> None:
    own.write_text(NAMED_LIKE_OTHERS)
    (own.parent / "model.nn").write_text(
        f"x = Input(4)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile({compiled})\n"
    )
    outcome = gen("build", "model.nn", "--components", "mine.py")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"gen: {own}:{line}: ") and says in outcome.err
    assert outcome.err.count("\n") == 1


COPIED = """\
from typing import ClassVar

import numpy as np
import numpy as numbers

from gen.components.base import Metric, component

SCALE = 3.0


def _cast(x): return x * 2.0


def _halved(x): return x * 0.5


def doubled(x):
    return _halved(x) * 4.0


@component
class Sum(Metric):
    '''The sum of what is wrong.'''

    SHARE: ClassVar[float] = 0.5
    factor: float = 5.0
    name: str | None = None

    def measure(self, y_true, y_pred):
        error = np.abs(y_true - y_pred)
        return error.sum(), 1.0

    def result(self, total, count):
        return total / count
"""


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        ("error.sum() * SCALE", ":31: Sum.measure is copied into the generated file, and needs `SCALE` of its module"),
        ("numbers.sum(error)", ":31: Sum.measure is copied into the generated file, and needs `numbers` of its module"),
        ("error.sum() * self.SHARE", ":29: Sum.measure is copied into the generated file, and uses `self.SHARE`"),
        ("self.result(error.sum(), 1)", ":29: Sum.measure is copied into the generated file, and uses `self.result`"),
        ("getattr(self, 'factor')", ":29: Sum.measure is copied into the generated file, and uses `self` otherwise"),
        ("[factor * self.factor for factor in error]", ":29: Sum.measure is copied into the generated file, and has"),
        ("_cast(error).sum()", ":11: a generated file needs the name `_cast` itself: rename the function"),
    ],
)
def test_what_is_copied_of_a_components_file_needs_nothing_that_stays_behind(
    gen: Gen, own: Path, measured: str, says: str
) -> None:
    own.write_text(COPIED.replace("error.sum(),", f"{measured},"))
    model = "x = Input(4)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile(sgd(0.1), mse, metrics=[Sum()])\n"
    (own.parent / "model.nn").write_text(model)
    outcome = gen("build", "model.nn", "--components", "mine.py")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"gen: {own}{says}")
    assert outcome.err.count("\n") == 1


def test_a_metric_may_have_a_name_of_pythons_and_call_functions_without_words(
    gen: Gen, folder: Path, own: Path
) -> None:
    own.write_text(COPIED.replace("error.sum(),", "doubled(error).sum() * self.factor,"))
    model = (
        "x = Input(4)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile(sgd(0.1), mse, metrics=[Sum(2.0), mae])\n"
    )
    (own.parent / "model.nn").write_text(model)
    assert gen("build", "model.nn", "--components", "mine.py", "--debug").err == ""
    model = load((folder / "out" / "model.py").read_text("utf-8"), "sums").Model(dtype=np.float64)
    scores = model.evaluate(np.ones((3, 4)), np.zeros((3, 1)), batch_size=2)
    np.testing.assert_allclose(scores["sum"], 4 * scores["mae"] * 3 / 2, rtol=1e-12)


def test_a_components_file_is_run_as_it_stands(gen: Gen, folder: Path) -> None:
    """Not under the `__future__` imports of gen, and not from bytecode of what it was."""
    (folder / "model.nn").write_text(GOOD)
    (folder / "mine.py").write_text("def f(x: int): ...\n\n\nassert f.__annotations__ == {'x': int}\n")
    assert gen("build", "model.nn", "--components", "mine.py").status == 0
    assert not (folder / "__pycache__").exists()


def test_a_components_file_that_is_missing_is_one_sentence(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    (folder / "notes.txt").write_text("notes")
    for name in ("missing.py", "notes.txt", "."):
        outcome = gen("build", "model.nn", "--components", name)
        assert outcome.status == 2
        assert outcome.err.startswith("gen: cannot read the components in ")


# ---------------------------------------------------------------------------------------------- as a process of its own


def test_the_version_is_printed_by_both_ways_of_calling(folder: Path) -> None:
    finished = process(["--version"], folder)
    assert (finished.returncode, finished.stdout) == (0, f"gen {__version__}\n")
    by_click = ["-c", "from gen.cli import main; main()"]
    finished = process(["--version"], folder, command=by_click)
    assert (finished.returncode, finished.stdout) == (0, f"gen {__version__}\n")


def test_help_names_every_command_and_option(folder: Path) -> None:
    assert {"build", "dump"} <= set(process(["--help"], folder).stdout.split())
    text = process(["build", "-h"], folder).stdout
    for option in ("--out", "--check", "--diff", "--force", "--inference", "--components", "--format", "--quiet"):
        assert option in text


def test_the_version_needs_nothing_heavy(folder: Path) -> None:
    code = """
        import sys
        sys.argv = ["gen", "--version"]
        from gen.__main__ import main
        main()
        heavy = {"numpy", "lark", "jinja2", "black", "click", "pathlib", "gen.compiler", "gen.commands.building"}
        print(sorted(heavy & set(sys.modules)))
    """
    finished = process([], folder, command=["-c", textwrap.dedent(code)])
    assert finished.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_stops_reading_is_no_error(folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    command = [sys.executable, "-m", "gen", "dump", "--stage", "text", "model.nn"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("command", ["summary", "graph", "graph --format png", "dump --stage graph", "help Dense"])
def test_a_standard_output_that_is_closed_is_no_bug(folder: Path, command: str) -> None:
    (folder / "good.nn").write_text(GOOD)
    words = command if command.startswith("help") else f"{command} good.nn"
    line = f"exec '{sys.executable}' -m gen {words} >&-"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_behind_standard_output_is_one_sentence(folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    command = [sys.executable, "-m", "gen", "dump", "--stage", "text", "model.nn"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "w") as full:
        finished = subprocess.run(command, cwd=folder, env=variables, stdout=full, stderr=subprocess.PIPE, text=True)
    assert finished.returncode == 2
    assert finished.stderr.startswith("gen: cannot write to standard output: ")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_has_few_characters_gets_the_rest(folder: Path, encoding: str) -> None:
    (folder / "模.nn").write_text(WRONG, "utf-8")
    finished = process(["build", "模.nn"], folder, PYTHONIOENCODING=encoding)
    assert finished.returncode == 1
    assert ".nn:2:5" in finished.stderr
    assert "Traceback" not in finished.stderr
    finished = process(["build", "模.nn", "--format", "json"], folder, PYTHONIOENCODING=encoding)
    assert json.loads(finished.stdout)["diagnostics"][0]["file"] == "模.nn"


def test_the_working_folder_may_be_gone(folder: Path) -> None:
    gone = folder / "gone"
    gone.mkdir()
    code = f"import os, shutil; from gen.cli import main; shutil.rmtree({str(gone)!r}); main()"
    finished = process(["build", "x.nn"], gone, command=["-c", code])
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr


def test_a_file_is_understood_in_the_same_way_with_debug(gen: Gen, folder: Path) -> None:
    (folder / "model.nn").write_text(GOOD)
    gen("build", "model.nn")
    assert gen("build", "model.nn", "--debug").lines == ["out/model.py  unchanged"]
