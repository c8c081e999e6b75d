"""Building files: finds sources, reads them, compiles each, and writes, compares or lists what comes of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gen import compiler
from gen.diagnostics import Diagnostic, Diagnostics, Source
from gen.emit.write import WriteError, write


class CommandError(Exception):
    """Something is wrong with the command, not with a model; the message is one sentence."""


@dataclass(frozen=True)
class Request:
    """What `gen build` is asked for."""

    sources: tuple[Path, ...]
    out: Path = Path("out")
    mode: Literal["write", "check", "diff"] = "write"
    force: bool = False
    inference: bool = False
    components: tuple[Path, ...] = ()
    debug: bool = False


@dataclass(frozen=True)
class Line:
    """What happened to one output: `written`, `unchanged`, `would change`."""

    path: Path
    what: str


@dataclass
class Report:
    """What came of a build."""

    lines: list[Line] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """Summaries and differences, to be printed as they are."""
    diagnostics: list[tuple[Source, list[Diagnostic]]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Files that could not be read or written, a sentence each."""
    status: int = 0

    def fail(self, status: int) -> None:
        self.status = max(self.status, status)


def build(request: Request) -> Report:
    """Build every source; one that fails does not keep the others from being built.

    Raises `CommandError` if there is nothing to build or two sources have one output.
    """
    load_components(request.components)
    report = Report()
    for source, target in _targets(request).items():
        try:
            _build_one(source, target, request, report)
        except (CommandError, WriteError) as error:
            report.errors.append(str(error))
            report.fail(2)
    return report


def _build_one(path: Path, target: Path, request: Request, report: Report) -> None:
    source, diagnostics = read(path)
    graph = None if diagnostics.failed else compiler.understand(source, diagnostics)
    report.diagnostics.append((source, diagnostics.in_source_order()))
    if graph is None:
        report.fail(1)
        return
    options = compiler.Options(inference=request.inference, verify=request.debug)
    view = compiler.view(graph, path.name, options)
    text = compiler.render(view)
    if graph.summary:
        report.texts.append(view.layers)
    if request.mode == "write":
        target.parent.mkdir(parents=True, exist_ok=True)
        report.lines.append(Line(target, "written" if write(target, text, request.force) else "unchanged"))
        return
    before = _present(target)
    if before == text:
        report.lines.append(Line(target, "unchanged"))
        return
    report.lines.append(Line(target, "would change"))
    if request.mode == "diff":
        report.texts.append(_difference(before, text, target))
    else:
        report.fail(1)


def read(path: Path) -> tuple[Source, Diagnostics]:
    """The text of a `.nn` file, with a diagnostic if it is not UTF-8.  Raises `CommandError` if it cannot be read."""
    from gen.language.parser import decode

    diagnostics = Diagnostics()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    source = decode(str(path), data, diagnostics)
    return source or Source(str(path), data.decode("utf-8", "replace")), diagnostics


def load_components(paths: Iterable[Path]) -> None:
    """Run files that define components of one's own.  Raises `CommandError` where that fails."""
    import importlib.util
    import sys

    from gen.program.fence import FenceError
    from gen.program.inline import refuse_outside_fence

    for path in paths:
        name = f"components.{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise CommandError(f"cannot read the components in {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
            refuse_outside_fence(module)
        except FenceError as error:
            raise CommandError(str(error)) from error
        except Exception as error:
            raise CommandError(f"the components in {path} fail: {type(error).__name__}: {error}") from error


def _targets(request: Request) -> dict[Path, Path]:
    """The output of each source, in the order of the sources."""
    found: dict[Path, Path] = {}
    for given in request.sources:
        if given.is_dir():
            files = sorted(given.rglob("*.nn"))
            if not files:
                raise CommandError(f"there is no .nn file in {given}")
            found.update({file: request.out / _module(file.relative_to(given)) for file in files})
        elif given.exists():
            found[given] = request.out / _module(Path(given.name))
        else:
            raise CommandError(f"there is no file or folder {given}")
    owners: dict[Path, Path] = {}
    for source, target in found.items():
        if target in owners:
            raise CommandError(f"{owners[target]} and {source} would both be built as {target}; give them other names or folders")
        owners[target] = source
    return found


def _module(path: Path) -> Path:
    """The name of the Python file for a `.nn` file: one that can be imported."""
    stem = path.stem if path.stem.isidentifier() else re.sub(r"\W", "_", path.stem)
    if not stem or stem[0].isdigit():
        stem = f"model_{stem}"
    return path.with_name(f"{stem}.py")


def _present(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error


def _difference(before: str | None, after: str, path: Path) -> str:
    old: Sequence[str] = [] if before is None else before.splitlines(keepends=True)
    name = "/dev/null" if before is None else str(path)
    return "".join(difflib.unified_diff(old, after.splitlines(keepends=True), name, str(path))).rstrip("\n")
