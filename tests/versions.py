"""The same bytes from every Python, and outputs that run from the oldest Python and NumPy to the newest.

`python -m tests.versions PYTHON…` makes virtual environments of these interpreters in a temporary folder.  From Python
3.11 on gen is installed there and builds the examples, each time in another locale, time zone and folder; from 3.10 on
all that it built is checked, trained, saved, loaded, evaluated and asked, with NumPy 2.0 where there is one, and with
the newest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gen.graph.checks import parameters
from tests.building import EXAMPLES, ROOT, case_graph, random_inputs, random_targets

PLACES = (("C", "UTC"), ("C.UTF-8", "Asia/Tokyo"), ("POSIX", "America/St_Johns"), ("C.UTF-8", "Pacific/Apia"))
"""Locales and time zones."""
OLDEST, NEWEST = "numpy==2.0.*", "numpy"
MOST = 200_000  # the weights of a model whose gradients are checked one by one
ROWS, LENGTH = 40, 300  # the longest that any of them needs, and more


class Failed(Exception):
    """Something is not the same, or does not run."""


def main(pythons: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        for number, python in enumerate(pythons):
            folder = Path(name, f"größe {number}")
            folder.mkdir()
            try:
                for line in prove(python, folder, number):
                    print(f"{python}: {line}", flush=True)
            except Failed as error:
                failed += 1
                print(f"{python}: {error}", flush=True)
    return 1 if failed else 0


def prove(python: str, folder: Path, number: int) -> Iterator[str]:
    """What holds for an interpreter, a line for each; raises `Failed` for what does not."""
    version = run(folder, python, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])").strip()
    minor = tuple(map(int, version.split(".")))[:2]
    if minor < (3, 10):
        yield f"{version} is older than what is supported"
        return
    if minor >= (3, 11):
        locale, zone = PLACES[number % len(PLACES)]
        place = environment(python, folder / "gen", str(ROOT))
        run(folder, place, "-m", "gen", "build", str(ROOT / "examples"), "-o", "out", LC_ALL=locale, TZ=zone)
        for path in EXAMPLES:
            made = f"{path.stem}.py"
            if (folder / "out" / made).read_bytes() != (ROOT / "out" / made).read_bytes():
                raise Failed(f"{version} builds another {made}")
        yield f"{version} builds the same {len(EXAMPLES)} files, in {locale} and {zone}"
    for wanted in (OLDEST, NEWEST):
        try:
            place = environment(python, folder / wanted.replace("*", "x"), wanted)
        except Failed:
            if wanted == NEWEST:
                raise
            yield f"{version} has no {wanted}"
            continue
        for path in EXAMPLES:
            exercise(place, path, folder)
        numpy = run(folder, place, "-c", "import numpy; print(numpy.__version__)").strip()
        yield f"{version} runs all of them with NumPy {numpy}"


def environment(python: str, folder: Path, *packages: str) -> str:
    """The interpreter of a new virtual environment that has these packages."""
    run(folder.parent, python, "-m", "venv", str(folder))
    made = str(folder / "bin" / "python")
    run(folder.parent, made, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *packages)
    return made


def exercise(python: str, path: Path, folder: Path) -> None:
    """Use all commands of the file that is generated from an example."""
    graph, rng = case_graph(path), np.random.default_rng(0)
    names = [item.name for item in (*graph.inputs, *graph.outputs)]
    arrays = [*random_inputs(graph, rng, ROWS, length=LENGTH), *random_targets(graph, rng, ROWS, length=LENGTH)]
    np.savez(folder / "data.npz", **dict(zip(names, arrays, strict=True)))
    file = str(ROOT / "out" / f"{path.stem}.py")
    proof = [["check"]] if sum(parameters(layer.weights.values()) for layer in graph.layers) <= MOST else []
    for arguments in (
        ["summary"],
        *proof,
        ["train", "data.npz", "--epochs", "2", "--save", "model.npz"],
        ["evaluate", "data.npz", "--weights", "model.npz"],
        ["predict", "data.npz", "--weights", "model.npz", "-o", f"{path.stem}.found.npz"],
    ):
        run(folder, python, "-W", "error", "-B", file, *arguments)


def run(folder: Path, *command: str, **variables: str) -> str:
    """What a command prints; raises `Failed` with what it says of an error."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GEN_"))}
    done = subprocess.run(
        command, cwd=folder, env={**inherited, "GEN_CACHE_DIR": "", **variables}, capture_output=True, text=True
    )
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
