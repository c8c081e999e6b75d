"""The sides of a comparison, and the processes that they run in.

A generated file comes from the generator as it is, with all passes or without some; from a revision of it; or from a
folder. Peers are in `peers/`.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Protocol

from bench import THREADS
from bench.peers import PEERS
from bench.systems import ROOT, WIDTH, System
from bench.worker import Spec

GEN = (sys.executable, "-m", "gen")


class SideError(Exception):
    """There is no such side, or `side` has failed."""

    def __init__(self, message: str, side: str = "") -> None:
        super().__init__(message)
        self.side = side


class Origin(Protocol):
    """Where generated files come from."""

    @property
    def folder(self) -> Path | None:
        """Where `python -m gen` runs this generator; None if it cannot."""

    def file(self, system: System) -> Path | None:
        """The generated file of a system, None if there is none."""


@dataclass(frozen=True)
class Generator:
    """The generator as it is here, with some passes switched off; writes into `out`."""

    out: Path
    without: frozenset[str] = frozenset()

    @property
    def folder(self) -> Path | None:
        return None if self.without else ROOT

    def file(self, system: System) -> Path | None:
        from gen import compiler
        from gen.commands.building import read
        from gen.diagnostics import Diagnostics

        path, source = self.out / f"{system.network}{system.width or ''}.py", system.source
        if path.exists():
            return path
        if system.width is not None:
            text = source.read_text(encoding="utf-8").replace(str(WIDTH), str(system.width))
            source = path.with_suffix(".nn")
            source.write_text(text, encoding="utf-8")
        graph = compiler.understand(read(source)[0], Diagnostics())
        if graph is None:
            return None
        options = compiler.Options(passes=frozenset(compiler.PASSES) - self.without)
        path.write_text(compiler.generate(graph, source.name, options), encoding="utf-8")
        return path


@dataclass(frozen=True)
class Revision:
    """The generator of a git revision, laid out in `folder`, on the models as they are here; writes into `out`."""

    folder: Path
    out: Path

    def file(self, system: System) -> Path | None:
        path = self.out / f"{system.network}.py"
        if not path.exists():
            command = [*GEN, "build", "--quiet", str(system.source), "-o", str(self.out)]
            subprocess.run(command, cwd=self.folder, check=True)
        return path


@dataclass(frozen=True)
class Folder:
    """Files that were generated before."""

    path: Path
    folder: None = None

    def file(self, system: System) -> Path | None:
        path = self.path / f"{system.network}.py"
        return path if path.exists() else None


def origin(name: str, scratch: Path) -> Origin:
    """What `--compare` calls `present`, `without:PASSES`, a folder, or a revision.

    Raises `SideError` if it is none of them.
    """
    from gen.compiler import PASSES

    out = scratch / "out"
    out.mkdir(parents=True)
    if name == "present":
        return Generator(out)
    if name.startswith("without:"):
        without = frozenset(name.removeprefix("without:").split(","))
        for each in sorted(without - set(PASSES)):
            raise SideError(f"there is no pass {each}; there are {', '.join(PASSES)}")
        return Generator(out, without)
    if Path(name).is_dir():
        return Folder(Path(name).resolve())
    command = ["git", "archive", "--format=zip", name, "gen", "grammar", "templates"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise SideError(f"{name} is no folder, no revision, and neither present nor without:PASSES")
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as files:
        files.extractall(scratch)
    return Revision(scratch, out)


def missing(peer: str) -> list[str]:
    """The packages that a peer needs and that are not installed."""
    return [name for name in PEERS[peer].packages if not importlib.util.find_spec(name.removesuffix("-cpu"))]


def environment(peer: str | None = None, count: int = THREADS) -> dict[str, str]:
    """So many threads for each side, said before it is imported."""
    names = ("OMP", "OPENBLAS", "MKL")
    threads = {f"{name}_NUM_THREADS": str(count) for name in names}
    threads |= {f"TF_NUM_{name}_THREADS": str(count) for name in ("INTRAOP", "INTEROP")}
    return {**inherited(), **threads, **(PEERS[peer].environment if peer else {})}


def inherited() -> dict[str, str]:
    """The environment that processes start from: what Python compiles is kept, as with users."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def begin(what: str, spec: Spec, *descriptors: int) -> subprocess.Popen[str]:
    """A side in a process of its own."""
    code = "import sys; from bench.worker import main; main(*sys.argv[1:])"  # with -m it would be compiled each time
    return subprocess.Popen(
        [sys.executable, "-c", code, what, json.dumps(spec), *map(str, descriptors)],
        cwd=ROOT,
        env=environment(spec.peer, spec.threads or THREADS),
        stdout=subprocess.PIPE,
        pass_fds=descriptors,
        text=True,
    )


class Worker:
    """A side that answers questions.

    It is stopped by a signal as long as nothing is asked: the threads of OpenBLAS, PyTorch and others go on waiting
    busily for a while after they have worked, and would take half of the next side's time.
    """

    def __init__(self, name: str, spec: Spec) -> None:
        self.name = name
        self.connection, there = Pipe()
        self.process = begin("serve", spec, there.fileno())
        there.close()

    def ask(self, *question: Any) -> Any:
        """The answer; raises `SideError` with what went wrong in it."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.connection.send(question)
            done, answer = self.connection.recv()
        except (EOFError, ConnectionError) as error:
            raise SideError(f"its process ended with {self.process.wait()}", self.name) from error
        self.process.send_signal(signal.SIGSTOP)
        if not done:
            raise SideError(answer, self.name)
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.connection.close()


@contextmanager
def workers(specs: dict[str, Spec]) -> Iterator[dict[str, Worker]]:
    """A worker for each side, until the end."""
    with ExitStack() as stack:
        found = {}
        for name, spec in specs.items():
            found[name] = worker = Worker(name, spec)
            stack.callback(worker.close)
        yield found


def specs(
    system: System, origins: dict[str, Origin], peers: Sequence[str], threads: int | None = None
) -> dict[str, Spec]:
    """All sides of a system that there are, by name; generated files first."""
    files = {name: each.file(system) for name, each in origins.items()}
    each = Spec(system.name, batch=system.batch, threads=threads, width=system.width)
    found = {name: each._replace(file=str(path)) for name, path in files.items() if path is not None}
    those = [name for name in peers if system.name not in PEERS[name].lacks]
    return found | {name: each._replace(peer=name) for name in those}
