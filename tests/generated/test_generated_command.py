"""A generated file as a command: what it needs, refuses before it works, writes and prints, and its exit status."""

from __future__ import annotations

import os
import re
import shlex
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.building import build
from tests.samples import sample, sample_text

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.skipif(os.name == "nt", reason="needs named pipes, links and a shell"),
]

RNG = np.random.default_rng(7)
X = RNG.random((70, 100)).astype("f4")
Y = {"amount": X[:, :1] * 2 - 1, "default": (X[:, 1:2] > 0.5).astype("f4")}
EXPECTED = "expected an .npz file with the arrays applicant, amount, default, as np.savez("


@dataclass(frozen=True)
class Outcome:
    """What a run of the command gave."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the command runs in: data, a trained model, and much that is neither."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", applicant=X, **Y)
    np.savez("half.npz", applicant=X, amount=Y["amount"])
    np.savez("inputs.npz", applicant=X)
    np.savez("targets.npz", **Y)
    np.savez("more.npz", applicant=X, more=X, **Y)
    np.savez("positions.npz", X, *Y.values())
    np.savez("objects.npz", applicant=np.array(["a", None], object), **Y)
    np.save("array.npy", X)
    np.savetxt("table.csv", X, delimiter=",")
    Path("notes.txt").write_text("notes")
    Path("empty.npz").touch()
    Path("damaged.npz").write_bytes(Path("data.npz").read_bytes()[:-300])
    Path("locked.npz").touch(0o444)
    Path("folder").mkdir()
    Path("link.npz").symlink_to("data.npz")
    Path("nowhere.npz").symlink_to("missing.npz")
    Path("hard.npz").hardlink_to("data.npz")
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    sample("credit").Model(3).save("model.npz")
    pipe = os.open("pipe", os.O_RDWR)
    os.write(pipe, bytes(100))  # so that whoever reads it, against all expectation, does not wait
    yield tmp_path
    os.close(pipe)


@pytest.fixture
def credit(folder: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command of the file in this process."""
    return runs(sample("credit"), capfd)


@pytest.fixture
def predictor(folder: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """The same for a file that only predicts."""
    return runs(sample("credit_inference"), capfd)


def runs(module: ModuleType, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(text: str, *arguments: str) -> Outcome:
        capfd.readouterr()
        status = module._command([*shlex.split(text), *arguments])
        return Outcome(status, *capfd.readouterr())

    return run


def contents(folder: Path) -> dict[str, Any]:
    """All files with what they hold and when they were written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        held = path.read_bytes() if stat.S_ISREG(info.st_mode) else None
        found[str(path)] = held, info.st_mode, info.st_ino, info.st_mtime_ns if held is not None else None
    return found


def refused(run: Command, folder: Path, text: str, *says: str, status: int = 2) -> None:
    """See that a command is refused in one line, before any work, and leaves everything as it was."""
    before = contents(folder)
    outcome = run(text)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (status, "", 1), outcome
    for each in says:
        assert each in outcome.err
    assert "allow_pickle" not in outcome.err
    assert contents(folder) == before


# ---------------------------------------------------------------------------------------------------- what train leaves


def test_train_saves_the_model_without_being_told_to(credit: Command, folder: Path) -> None:
    outcome = credit("train data.npz --epochs 2")
    assert outcome.out.splitlines()[-1] == "saved credit.npz"
    model = sample("credit").Model()
    model.fit(X, Y, epochs=2, verbose=0)
    saved = sample("credit").Model.load("credit.npz")
    np.testing.assert_array_equal(saved.state, model.state)


def test_a_model_that_is_there_is_written_over_only_by_its_name(credit: Command, folder: Path) -> None:
    credit("train data.npz --epochs 1 --seed 1")
    refused(credit, folder, "train data.npz --epochs 1", "credit.npz already exists: --save credit.npz overwrites it")
    before = Path("credit.npz").read_bytes()
    assert credit("train data.npz --epochs 1 --save other.npz").status == 0
    assert Path("credit.npz").read_bytes() == before
    assert credit("train data.npz --epochs 1 --save credit.npz").out.splitlines()[-1] == "saved credit.npz"
    assert Path("credit.npz").read_bytes() == Path("other.npz").read_bytes() != before


def test_two_trainings_at_once_both_leave_their_models(credit: Command, folder: Path) -> None:
    class Slow(sample("credit").Model):  # type: ignore[misc]  # what is built has no types here
        def fit(self, *arguments: Any, **options: Any) -> Any:
            Path("credit.npz").write_bytes(b"of another")
            return super().fit(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample("credit"), "Model", Slow)
        outcome = credit("train data.npz --epochs 1")
    assert outcome.status == 0
    assert Path("credit.npz").read_bytes() == b"of another"
    saved = outcome.out.splitlines()[-1].removeprefix("saved ")
    assert sample("credit").Model.load(saved).step == 3


def test_train_saves_nothing_where_that_is_asked_for(credit: Command, folder: Path) -> None:
    before = contents(folder)
    outcome = credit("train data.npz --epochs 2 --no-save")
    assert (outcome.status, len(outcome.out.splitlines())) == (0, 2)
    assert contents(folder) == before
    refused_by_options(credit, "train data.npz --no-save --save x.npz", "not allowed with")


def test_training_may_go_on_in_the_same_file(credit: Command, folder: Path) -> None:
    assert credit("train data.npz --epochs 1 --weights model.npz --save model.npz").status == 0
    assert sample("credit").Model.load("model.npz").step == 3


@pytest.mark.parametrize(
    ("source", "saved"),
    [("credit.nn", "credit.npz"), ("my model.nn", "model.npz"), ("50%.nn", "model.npz"), ("-x.nn", "model.npz")],
)
def test_the_name_of_the_file_gives_that_of_the_model(
    source: str, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = build("x = Input(2)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile(sgd, mse)\n", source)
    assert module._command(["train", "--help"]) == 0
    assert f"(default: {saved}, which must not exist)" in " ".join(capsys.readouterr().out.split())


# ------------------------------------------------------------------------------------------------------- what is needed


@pytest.mark.parametrize("command", ["predict data.npz", "evaluate data.npz", "predict data.npz -o out.npz"])
def test_nothing_is_predicted_with_random_weights(credit: Command, folder: Path, command: str) -> None:
    refused(credit, folder, command, "arguments are required: --weights")


def test_a_file_for_inference_needs_weights_too(predictor: Command, folder: Path) -> None:
    refused(predictor, folder, "predict data.npz", "arguments are required: --weights")
    assert predictor("predict inputs.npz --weights model.npz").status == 0
    refused(predictor, folder, "predict table.csv --weights model.npz", "arrays applicant, as np.savez(", status=1)
    refused(predictor, folder, "predict data.npz --weights model.npz -o data.npz", "DATA.npz and --output")
    refused(predictor, folder, "predict more.npz --weights model.npz", "no input or output 'more'", status=1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("table.csv", ["table.csv is not an .npz file", EXPECTED]),
        ("array.npy", ["array.npy is not an .npz file", EXPECTED]),
        ("notes.txt", ["notes.txt is not an .npz file", EXPECTED]),
        ("empty.npz", ["empty.npz is not an .npz file", EXPECTED]),
        ("damaged.npz", ["damaged.npz is not an .npz file", EXPECTED]),
        ("objects.npz", ["objects.npz is not an .npz file", "Python objects", EXPECTED]),
        ("half.npz", ["half.npz: there is no array for the output default", EXPECTED]),
        ("targets.npz", ["targets.npz: there is no array for the input applicant", EXPECTED]),
        ("more.npz", ["more.npz: the model has no input or trained output 'more'", EXPECTED]),
        ("positions.npz", ["positions.npz: the model has no input or trained output 'arr_0'", EXPECTED]),
    ],
)
def test_data_of_another_kind_are_answered_by_what_is_expected(
    credit: Command, folder: Path, name: str, says: list[str]
) -> None:
    refused(credit, folder, f"train {name} --no-save", *says, status=1)
    refused(credit, folder, f"evaluate {name} --weights model.npz", *says, status=1)
    if name in ("half.npz", "inputs.npz"):
        assert credit(f"predict {name} --weights model.npz").status == 0
    else:
        says = [each.replace(", amount, default", "").replace("trained output", "output") for each in says]
        refused(credit, folder, f"predict {name} --weights model.npz", *says, status=1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.npz", "missing.npz: No such file"),
        ("nowhere.npz", "nowhere.npz: No such file"),
        ("folder", "folder: Is a directory"),
        ("pipe", "pipe is not a regular file"),
        ("/dev/zero", "/dev/zero is not a regular file"),
        ("''", ": No such file"),
    ],
)
def test_files_that_cannot_be_read_are_refused(credit: Command, folder: Path, name: str, says: str) -> None:
    refused(credit, folder, f"train {name} --no-save", f"DATA.npz {says}")
    refused(credit, folder, f"train data.npz --no-save --weights {name}", f"--weights {says}")
    refused(credit, folder, f"predict {name} --weights model.npz", f"DATA.npz {says}")
    refused(credit, folder, f"evaluate data.npz --weights {name}", f"--weights {says}")


def test_an_output_without_a_loss_has_no_place_in_data_for_training(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = runs(sample("whole"), capfd)
    np.savez("all.npz", ids=np.ones((5, 4), int), x=np.ones((5, 3)), pairs=np.ones((5, 2, 2)), y=np.ones((5, 1)))
    refused(whole, folder, "train all.npz", "no input or trained output 'pairs'; expected", "ids, x, y", status=1)
    sample("whole").Model().save("whole.npz")
    assert whole("predict all.npz --weights whole.npz").status == 0


# -------------------------------------------------------------------------------------------- what is tried beforehand

WRITING = [
    ("--save", "train data.npz --save"),
    ("--checkpoint", "train data.npz --no-save --checkpoint"),
    ("--csv", "train data.npz --no-save --csv"),
    ("--output", "predict data.npz --weights model.npz -o"),
]


@pytest.mark.parametrize(("option", "command"), WRITING)
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("none/x", "none/x: there is no folder "),
        ("folder", "'folder' is a folder"),
        ("folder/", "'folder/' is a folder"),
        ("new/", "'new/' is a folder"),
        ("''", "'' is a folder"),
        ("data.npz/x", "data.npz/x: there is no folder "),
        ("pipe", "pipe is not a regular file"),
        ("socket", "socket is not a regular file"),
        ("nowhere.npz", "nowhere.npz is a link to a file that does not exist"),
        ("locked.npz", "locked.npz is read-only"),
        ("/proc/x.npz", "/proc/x.npz: "),
        ("x" * 300, ": File name too long"),
        ("half.npz", "half.npz exists and contains something else"),
        ("notes.txt", "notes.txt exists and contains something else"),
        ("data.npz", "DATA.npz and "),
        ("./data.npz", "DATA.npz and "),
        ("link.npz", "DATA.npz and "),
        ("hard.npz", "DATA.npz and "),
    ],
)
def test_where_something_is_to_be_written_is_tried_before_any_work(
    credit: Command, folder: Path, option: str, command: str, path: str, says: str
) -> None:
    refused(credit, folder, f"{command} {path}", option, says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--save a.npz --checkpoint a.npz", "--save and --checkpoint: expected two files, got 'a.npz' for both"),
        ("--save a.npz --checkpoint ./folder/../a.npz", "--save and --checkpoint"),
        ("--save a.npz --csv a.npz", "--save and --csv"),
        ("--no-save --checkpoint a.npz --csv a.npz", "--checkpoint and --csv"),
        ("--checkpoint credit.npz", "--save and --checkpoint"),
        ("--weights model.npz --checkpoint model.npz", "--weights and --checkpoint"),
        ("--save a.npz --checkpoint none/b.npz", "--checkpoint none/b.npz: there is no folder"),
        ("--save a.npz --checkpoint b.npz --csv notes.txt", "--csv notes.txt exists and contains something else"),
    ],
)
def test_each_file_has_one_purpose_and_all_are_tried_before_one_is_written(
    credit: Command, folder: Path, options: str, says: str
) -> None:
    refused(credit, folder, f"train data.npz --epochs 1 {options}", says)


def test_data_are_never_where_the_model_would_be_saved(credit: Command, folder: Path) -> None:
    Path("data.npz").rename("credit.npz")
    refused(credit, folder, "train credit.npz", "DATA.npz and --save")
    refused(credit, folder, "predict inputs.npz --weights model.npz -o model.npz", "--weights and --output")


def test_what_was_written_before_is_written_anew(credit: Command, folder: Path) -> None:
    options = "--epochs 1 --save empty.npz --checkpoint place.npz --csv table.csv"
    Path("table.csv").write_text("")
    assert credit(f"train data.npz {options}").status == 0
    assert credit(f"train data.npz {options.replace('--epochs 1', '--epochs 2')}").status == 0
    assert len(Path("table.csv").read_text().splitlines()) == 3
    for _ in range(2):
        assert credit("predict inputs.npz --weights empty.npz -o out.npz").status == 0
    refused(credit, folder, "train data.npz --save place.npz", "contains something else")
    refused(credit, folder, "train data.npz --save out.npz", "contains something else")
    refused(credit, folder, "train data.npz --no-save --checkpoint empty.npz", "contains something else")
    refused(credit, folder, "predict inputs.npz --weights empty.npz -o place.npz", "contains something else")


# ------------------------------------------------------------------------------------------------- wrong command lines


def refused_by_options(run: Command, text: str, says: str) -> None:
    outcome = run(text)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome
    assert says in outcome.err


WRONG_NUMBERS = [
    (f"train data.npz {option} {value}", f"{option}: expected {wanted}, got ")
    for option, wanted, values in (
        ("--epochs", "an integer of 1 or more", ("0", "-1", "abc", "1.5", "''")),
        ("--batch-size", "an integer of 1 or more", ("0", "x")),
        ("--validation-split", "a number from 0 up to 1", ("1", "2", "nan", "-0.1", "inf", "x")),
        ("--learning-rate", "a finite number above 0", ("nan", "inf", "0", "-1", "1e999", "x")),
        ("--seed", "an integer of 0 or more", ("-1", "x", "1.5", "9" * 5000)),
    )
    for value in values
]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "required: command"),
        ("fly", "invalid choice: 'fly'"),
        ("train", "required: DATA.npz"),
        ("summary x", "unrecognized arguments: x"),
        ("check --seed 3", "unrecognized arguments"),
        ("train data.npz --what", "unrecognized arguments: --what"),
        *WRONG_NUMBERS,
        ("predict data.npz --batch-size 0", "--batch-size: expected an integer of 1 or more, got '0'"),
        ("evaluate data.npz --batch-size x", "--batch-size: expected an integer of 1 or more, got 'x'"),
        ("train data.npz --weights model.npz --seed 0", "--seed: not allowed with argument --weights"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(credit: Command, folder: Path, text: str, says: str) -> None:
    refused(credit, folder, text, says)


def test_large_numbers_are_numbers(credit: Command, folder: Path) -> None:
    assert credit(f"train data.npz --no-save --epochs 1 --seed {10**30} --batch-size {10**30}").status == 0
    assert credit(f"predict data.npz --weights model.npz --batch-size {10**30}").status == 0


@pytest.mark.parametrize("title", ["50 %(prog)s %d %", "100 % of %s", "%(x)s", "模型 → ½"])
def test_any_title_can_stand_in_the_help(title: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = build(f'"""{title}"""\nx = Input(2)\ny = Dense(1)(x)\nmodel = Model(x, y)\n')
    assert module._command(["--help"]) == 0
    assert title in capsys.readouterr().out


def test_whole_numbers_are_printed_as_they_are(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ids = np.array([[1234567890, 1, 2, 3]], "i4")
    np.savez("ids.npz", ids=ids, x=np.ones((1, 3)))
    sample("whole").Model().save("whole.npz")
    out = runs(sample("whole"), capfd)("predict ids.npz --weights whole.npz").out
    assert out.splitlines()[:2] == ["pairs", "1234567890 1 2 3"]


# ------------------------------------------------------------------------------------------- readers that stop reading


@pytest.fixture
def script(folder: Path) -> Path:
    path = folder / "credit.py"
    path.write_text(sample_text("credit"), "utf-8")
    np.savez(folder / "many.npz", applicant=np.tile(X, (100, 1)))
    return path


COMMANDS = [
    "--help",
    "train --help",
    "summary",
    "check",
    "evaluate data.npz --weights model.npz",
    "predict many.npz --weights model.npz",
    "train data.npz --epochs 200 --save kept.npz",
]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_stops_reading_is_no_error(script: Path, command: str, unbuffered: str) -> None:
    arguments = [sys.executable, "-W", "error", "credit.py", *command.split()]
    read, write = os.pipe()
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(arguments, cwd=script.parent, env=environment, stdout=write, stderr=subprocess.PIPE) as run:
        os.close(read)
        os.close(write)
        assert run.stderr is not None
        assert run.stderr.read() == b""
    assert run.returncode == (141 if command == "check" and unbuffered else 0)
    if command.startswith("train data"):
        assert sample("credit").Model.load(script.parent / "kept.npz").step == 600


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "2>&-"])
def test_streams_that_are_closed_are_no_error(script: Path, command: str, closed: str) -> None:
    line = f"exec '{sys.executable}' -W error credit.py {command} {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=script.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--help" in command or done.stderr == ""


def test_errors_keep_their_status_where_nobody_can_be_told(script: Path) -> None:
    for arguments, status in (("fly", 2), ("train none.npz", 2), ("train half.npz --no-save", 1)):
        line = f"exec '{sys.executable}' credit.py {arguments} 2>&-"
        done = subprocess.run(["sh", "-c", line], cwd=script.parent, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (status, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_behind_standard_output_is_one_sentence(script: Path, command: str, unbuffered: str) -> None:
    arguments = [sys.executable, "-W", "error", "credit.py", *command.split()]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            arguments, cwd=script.parent, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert re.fullmatch(r"credit\.py: .*No space left on device\n", done.stderr)
    if command.startswith("train data"):
        assert sample("credit").Model.load(script.parent / "kept.npz").step == 600


@pytest.mark.parametrize("option", ["-O", "-OO", "-Werror", "-I"])
def test_options_of_python_do_not_change_what_is_refused(script: Path, option: str) -> None:
    for arguments, status in (
        ("predict data.npz", 2),
        ("train table.csv --no-save", 1),
        ("train data.npz --save /", 2),
    ):
        command = [sys.executable, option, str(script), *arguments.split()]
        done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_has_few_characters_gets_the_rest(folder: Path, encoding: str) -> None:
    text = '"""模型 → ½"""\nx = Input(2)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile(sgd, mse)\n'
    module = build(text, "模.nn")
    (folder / "模.py").write_text(generated("模.nn", text), "utf-8")
    np.savez("données.npz", x=np.ones((4, 2)), y=np.ones((4, 1)))
    module.Model().save("modèle.npz")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments, status in (
        ("--help", 0),
        ("summary", 0),
        ("train données.npz --save gelernt½.npz", 0),
        ("evaluate données.npz --weights modèle.npz", 0),
        ("predict 无.npz --weights modèle.npz", 2),
    ):
        command = [sys.executable, "模.py", *arguments.split()]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr.count(b"\n")) == (status, int(status > 0)), done.stderr


def generated(name: str, text: str) -> str:
    from gen import compiler
    from tests.building import QUICK, graph_of

    return compiler.generate(graph_of(text, name), name, QUICK)


def test_memory_that_is_not_there_is_one_line(credit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(sample("credit").Model, "fit", fail)
    assert credit("train data.npz").err.endswith(": MemoryError\n")
