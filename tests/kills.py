"""Nothing is lost when the power goes: processes are killed at random moments while they save, build and train.

`python -m tests.kills 200` kills each so often; `tests/generated/test_kills.py` does it a few times.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gen import compiler
from tests.building import ROOT, graph_of, load

NETWORK = """
x = Input(40)
h = Dropout(0.2)(BatchNormalization()(Dense(64, relu)(x)))
y = Dense(1, sigmoid)(h)
model = Model(x, y)
model.compile(adam(0.01), loss=binary_crossentropy, metrics=[accuracy, AUC()])
"""
EPOCHS, ROWS, BATCH = 6, 96, 15
STEPS = 5  # of an epoch: a quarter of the rows is held out, and the last batch is smaller
SAVING = """
import network
first, second = network.Model(1), network.Model(2)
second.step = 7
while True:
    first.save("saved.npz")
    second.save("saved.npz")
    print("saved", flush=True)
"""
TRAINING = f"""
import numpy as np
import network
network._Checkpoint.due = lambda self: True  # before each step, rather than every ten seconds
data = np.load("data.npz")
model = network.Model(3)
print("started", flush=True)
options = dict(epochs={EPOCHS}, batch_size={BATCH}, validation_split=0.25, verbose=0)
model.fit(data["x"], data["y"], **options, checkpoint="place.npz")
"""


INTERRUPTED = f"""
import signal
import network
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background of a shell ignores
network._Checkpoint.SECONDS = 0.0
print("started", flush=True)
more = ["--batch-size", "{BATCH}", "--validation-split", "0.25", "--save", "saved.npz", "--checkpoint", "place.npz"]
raise SystemExit(network._command(["train", "data.npz", "--epochs", "{EPOCHS}", "--seed", "3", *more]))
"""


class Lost(Exception):
    """Something did not survive."""


def main(count: int) -> int:
    """Kill each so often; what was lost is printed."""
    failed = 0
    for name, action in (
        ("saving", saving), ("building", building), ("training", training), ("interrupting", interrupting),
    ):  # fmt: skip
        start = time.perf_counter()
        try:
            print(f"{name}: {action(count)}, {time.perf_counter() - start:.0f} s", flush=True)
        except Lost as error:
            failed += 1
            print(f"{name}: {error}", flush=True)
    return 1 if failed else 0


def network(folder: Path) -> ModuleType:
    """The generated file in a folder, where processes import it."""
    text = compiler.generate(graph_of(NETWORK), "network.nn")
    (folder / "network.py").write_text(text, "utf-8")
    return load(text, "network")


def killed(command: Sequence[str], folder: Path, after: float, awaited: str = "", how: int = signal.SIGKILL) -> bool:
    """Start a process, wait for a line that it prints, and kill it so many seconds later; whether it still ran."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if awaited and process.stdout.readline().strip() != awaited:
            raise Lost(process.stderr.read())
        time.sleep(after)  # the moment is what is random here: nothing is waited for
        running = process.poll() is None
        process.send_signal(how)
        said = process.communicate()[1]
        if how == signal.SIGINT and process.returncode in (130, -how):  # the latter outside of the command
            return True
        if process.returncode and not (running and how == signal.SIGKILL):
            raise Lost(f"ended with {process.returncode}: {said}")
        return running and how == signal.SIGKILL


def in_folder(action: Callable[[Path, int], str]) -> Callable[[int], str]:
    def run(count: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return action(Path(folder), count)

    return run


@in_folder
def saving(folder: Path, count: int) -> str:
    """The saved file is the old one or the new one."""
    module, rng = network(folder), random.Random(1)
    expected = {0: module.Model(1).weights, 7: module.Model(2).weights}
    seen = {0: 0, 7: 0}
    for number in range(count):
        killed([sys.executable, "-c", SAVING], folder, rng.uniform(0.0, 0.05), "saved")
        try:
            model = module.Model.load(folder / "saved.npz")
        except (OSError, ValueError) as error:
            raise Lost(f"after {number} kills: {error}") from error
        for name, value in model.weights.items():
            if not np.array_equal(value, expected[model.step][name]):
                raise Lost(f"after {number} kills {name} is neither the old nor the new one")
        seen[model.step] += 1
    left = sum(path.suffix == ".tmp" for path in folder.iterdir())
    return f"{count} kills, {seen[0]} times the first state and {seen[7]} times the second; {left} unfinished files"


@in_folder
def building(folder: Path, count: int) -> str:
    """The generated file is the old one or the new one, and the next build writes the new one."""
    rng, source, target = random.Random(2), folder / "model.nn", folder / "out" / "model.py"
    texts = [NETWORK, NETWORK.replace("64", "32")]
    versions = [compiler.generate(graph_of(text, "model.nn"), "model.nn") for text in texts]
    command = [sys.executable, "-m", "gen", "build", str(source), "-o", str(target.parent)]
    times = 0
    before: str | None = None
    for number in range(count):
        source.write_text(texts[number % 2], "utf-8")
        times += killed(command, ROOT, rng.uniform(0.0, 0.8))
        now = target.read_text("utf-8") if target.exists() else None
        if now not in (before, versions[number % 2]):
            raise Lost(f"after {number} kills the generated file is neither the old nor the new one")
        before = now
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    if target.read_text("utf-8") != versions[(count - 1) % 2]:
        raise Lost("the build after the kills did not write the new file")
    return f"{count} kills, {times} of them before the build had ended"


@in_folder
def training(folder: Path, count: int) -> str:
    """Training that is killed and goes on from its checkpoint ends where uninterrupted training does, bit for bit."""
    module, rng = network(folder), random.Random(3)
    data = np.random.default_rng(4)
    x, y = data.normal(size=(ROWS, 40)).astype("f"), data.integers(0, 2, (ROWS, 1)).astype("f")
    np.savez(folder / "data.npz", x=x, y=y)
    whole = module.Model(3)
    history = whole.fit(x, y, epochs=EPOCHS, batch_size=BATCH, validation_split=0.25, verbose=0)
    command, path = [sys.executable, "-c", TRAINING], folder / "place.npz"
    took, kills, inside, runs = _duration(command, folder), 0, 0, 0
    while kills < count:
        path.unlink(missing_ok=True)
        while killed(command, folder, rng.uniform(0.0, took), "started"):
            kills += 1
            inside += path.exists() and module.Model.load(path).step % STEPS > 0
        model = module.Model.load(path)
        for name, value in model._saved().items():
            if not np.array_equal(value, whole._saved()[name]):
                raise Lost(f"after {kills} kills {name} differs from uninterrupted training")
        found = model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, validation_split=0.25, verbose=0, checkpoint=path)
        if found != history:
            raise Lost(f"after {kills} kills the history differs from that of uninterrupted training")
        runs += 1
    return f"{kills} kills in {runs} trainings, {inside} of them inside an epoch"


@in_folder
def interrupting(folder: Path, count: int) -> str:
    """Ctrl-C at any moment leaves a whole model in both files, from which training goes on bit for bit."""
    module, rng = network(folder), random.Random(5)
    data = np.random.default_rng(4)
    x, y = data.normal(size=(ROWS, 40)).astype("f"), data.integers(0, 2, (ROWS, 1)).astype("f")
    np.savez(folder / "data.npz", x=x, y=y)
    whole = module.Model(3)
    whole.fit(x, y, epochs=EPOCHS, batch_size=BATCH, validation_split=0.25, verbose=0)
    command, place, saved = [sys.executable, "-c", INTERRUPTED], folder / "place.npz", folder / "saved.npz"
    took, stops = _duration(command, folder), 0
    while stops < count:
        for path in (place, saved):
            path.unlink(missing_ok=True)
        while killed(command, folder, rng.uniform(0.0, took), "started", signal.SIGINT):
            stops, took = stops + 1, took * 1.5
            if saved.exists() and not _same(module.Model.load(saved), module.Model.load(place)):
                raise Lost(f"after {stops} times Ctrl-C the saved model is not that of the checkpoint")
        if not _same(module.Model.load(saved), whole):
            raise Lost(f"after {stops} times Ctrl-C the model differs from uninterrupted training")
        took *= 0.7  # it ended before: the machine is quicker than it was
    return f"Ctrl-C {stops} times"


def _same(model: Any, other: Any) -> bool:
    ours, theirs = model._saved(), other._saved()
    return all(np.array_equal(value, theirs[name]) for name, value in ours.items())


def _duration(command: Sequence[str], folder: Path) -> float:
    """The seconds that a process takes from its first line to its end."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        start = time.perf_counter()
        if process.wait():
            raise Lost(f"ended with {process.returncode}")
        return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
