"""Building files: finds sources, reads them, compiles each, and writes, compares or lists what comes of it."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import sys
import traceback
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gen import compiler
from gen.diagnostics import Diagnostic, Diagnostics, Source, visible
from gen.emit.write import WriteError, reason, write

_PACKAGE = Path(__file__).resolve().parent
_NO_LINE_END = "\\ No newline at end of file"


class CommandError(Exception):
    """Something is wrong with the command, not with a model; the message is one sentence."""


def missing(what: str, package: str, extra: str) -> CommandError:
    """What to say where something needs a package that is not installed, which an extra of gen's brings along."""
    return CommandError(f"{what} needs {package}: pip install 'gen-nn[{extra}]'")


@dataclass(frozen=True)
class Request:
    """What `gen build` is asked for; with `check` or `diff` nothing is written."""

    sources: tuple[Path, ...]
    out: Path = Path("out")
    check: bool = False
    diff: bool = False
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
    summaries: list[str] = field(default_factory=list)
    """The tables that `model.summary()` in a `.nn` file asks for."""
    differences: list[str] = field(default_factory=list)
    diagnostics: list[tuple[Source, list[Diagnostic]]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Files that could not be read, built or written, a sentence each."""
    status: int = 0

    def fail(self, status: int) -> None:
        self.status = max(self.status, status)


def build(request: Request, only: Collection[Path] | None = None) -> Report:
    """Build every source, or `only` some of them; one that fails does not keep the others from being built.

    Raises `CommandError` if there is nothing to build or two sources have one output.
    """
    load_components(request.components)
    report = Report()
    for source, target in _targets(request).items():
        if only is not None and source not in only:
            continue
        try:
            with explained(source, request.components, request.debug):
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
        report.summaries.append(f"{view.layers}\n\n{view.footprint}")
    if not (request.check or request.diff):
        _make_folder(target.parent)
        report.lines.append(Line(target, "written" if write(target, text, request.force) else "unchanged"))
        return
    before = _present(target)
    if before == text:
        report.lines.append(Line(target, "unchanged"))
        return
    report.lines.append(Line(target, "would change"))
    if request.diff:
        report.differences.append(difference(before, text, target))
    if request.check:
        report.fail(1)


# ---------------------------------------------------------------------------------------------------- reading files


def read(path: Path) -> tuple[Source, Diagnostics]:
    """The text of a `.nn` file, with a diagnostic if it is not UTF-8.  Raises `CommandError` if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {shown(path)}: {reason(error)}") from error
    return decoded(str(path), data)


def decoded(name: str, data: bytes) -> tuple[Source, Diagnostics]:
    """The text of a `.nn` file that holds `data`, with a diagnostic if it is not UTF-8."""
    from gen.language.parser import decode

    diagnostics = Diagnostics()
    source = decode(name, data, diagnostics)
    return source or Source(name, data.decode("utf-8", "replace")), diagnostics


def _present(path: Path) -> str | None:
    """What is in a generated file now; None if there is none."""
    try:
        return path.read_bytes().replace(b"\r\n", b"\n").decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"cannot read {shown(path)}: {reason(error)}") from error


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise CommandError(f"cannot write to {shown(path)}: it is a file, not a folder") from error
    except OSError as error:
        raise CommandError(f"cannot make the folder {shown(path)}: {reason(error)}") from error


def difference(before: str | None, after: str, path: Path) -> str:
    """What changes in a file, as `diff -u` shows it; `before` is None where there is no file yet."""
    import difflib  # most builds show no difference

    old: Sequence[str] = [] if before is None else before.splitlines(keepends=True)
    name = "/dev/null" if before is None else shown(path)
    lines = difflib.unified_diff(old, after.splitlines(keepends=True), name, shown(path))
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_LINE_END}\n" for line in lines).rstrip("\n")


def shown(path: Path) -> str:
    """A path as it is printed, without characters that a terminal would act on."""
    return visible(str(path))


# ------------------------------------------------------------------------------------------------- sources and outputs


def _targets(request: Request) -> dict[Path, Path]:
    """The output of each source, in the order of the sources; a file that is named twice is built once."""
    targets: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for source, name in sources(request.sources):
        target = request.out / _module(name)
        if target in owners:
            both = f"{shown(owners[target])} and {shown(source)}"
            raise CommandError(f"{both} would both be built as {shown(target)}; give them other names or folders")
        targets[source] = target
        owners[target] = source
    return targets


def target_of(source: Path, folders: Iterable[Path], out: Path) -> Path:
    """The output of a file: of one in one of `folders`, in a build of these; of any other, in a build of it alone."""
    for folder in folders:
        if source != folder and source.is_relative_to(folder):
            return out / _module(source.relative_to(folder))
    return out / _module(Path(source.name))


def sources(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """The `.nn` files that paths of files and folders stand for, each once, with its path below the folder.

    Raises `CommandError` for a path that is neither a `.nn` file nor a folder with one.
    """
    seen: set[str] = set()
    for given in paths:
        for source, name in _sources(given):
            if os.path.abspath(source) not in seen:
                seen.add(os.path.abspath(source))
                yield source, name


def _sources(given: Path) -> Iterator[tuple[Path, Path]]:
    """Those that one path stands for."""
    try:
        folder = given.is_dir()
        found = folder or given.exists()
    except OSError as error:
        raise CommandError(f"cannot read {shown(given)}: {reason(error)}") from error
    if not found:
        raise CommandError(f"there is no file or folder {shown(given)}")
    files = list(_files_below(given)) if folder else [given]
    if not files:
        raise CommandError(f"there is no .nn file in {shown(given)}")
    for file in files:
        if not str(file).isprintable():
            raise CommandError(f"the name of {shown(file)} holds a character that is not printable")
        if file.suffix != ".nn":
            raise CommandError(f"{shown(file)} is no .nn file")
        yield file, file.relative_to(given) if folder else Path(file.name)


def _files_below(folder: Path) -> Iterator[Path]:
    """The `.nn` files in a folder and in the folders inside it, hidden ones left out, in the order of their names."""

    def refuse(error: OSError) -> None:
        raise CommandError(f"cannot read {shown(Path(error.filename))}: {reason(error)}") from error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(files) if name.endswith(".nn") and not name.startswith("."))


def _module(path: Path) -> Path:
    """The Python file for a `.nn` file: its name can be imported, and hides no module of those that the file needs."""
    stem = path.stem if path.stem.isidentifier() else re.sub(r"\W", "_", path.stem)
    if stem[0].isdigit():
        stem = f"model_{stem}"
    if keyword.iskeyword(stem) or stem in sys.stdlib_module_names or stem == "numpy":
        stem += "_"
    return path.with_name(f"{stem}.py")


# --------------------------------------------------------------------------------------------- components of one's own


def load_components(paths: Iterable[Path]) -> None:
    """Run files that define components of one's own.  Raises `CommandError` where that fails."""
    from gen.program.fence import FenceError
    from gen.program.rules import refuse_outside_fence

    for path in dict.fromkeys(Path(os.path.abspath(path)) for path in paths):
        name = f"components.{re.sub(r'[^0-9A-Za-z_]', '_', str(path))}"
        spec = importlib.util.spec_from_file_location(name, path)
        if not path.is_file() or spec is None:
            raise CommandError(f"cannot read the components in {shown(path)}: it is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            # Not by the loader, which keeps bytecode and tells changes apart by the second: a watch is quicker.
            exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), module.__dict__)
            refuse_outside_fence(module)
        except FenceError as error:
            raise CommandError(str(error)) from error
        except Exception as error:
            raise CommandError(f"{_place(error, path)}: {_sentence(error)}") from error


def _place(error: BaseException, path: Path) -> str:
    """The line of a components file where `error` came from, as far as it is known."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{shown(path)}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{shown(path)}:{lines[-1]}" if lines else shown(path)


def _sentence(error: BaseException) -> str:
    """An exception on one line."""
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# ----------------------------------------------------------------------------------------------------- gen's own bugs


@contextmanager
def explained(source: Path, components: Iterable[Path] = (), debug: bool = False) -> Iterator[None]:
    """Turns whatever goes wrong while `source` is compiled into a `CommandError` that tells whose fault it is.

    What is not wrong with the model is wrong with a component of one's own, if it came from there, or else with gen.
    """
    from gen.program.fence import FenceError

    try:
        yield
    except (CommandError, WriteError):
        raise
    except Exception as error:
        if debug:
            traceback.print_exc()
        frames = traceback.extract_tb(error.__traceback__)
        for path in map(os.path.abspath, components):
            if isinstance(error, FenceError) and error.place.startswith(path):
                raise CommandError(f"{error} (while building {shown(source)})") from error
            if any(frame.filename == path for frame in frames):
                place = _place(error, Path(path))
                raise CommandError(f"{place}: {_sentence(error)} (while building {shown(source)})") from error
        last = [frame for frame in frames if frame.filename.startswith(str(_PACKAGE))][-1:]
        where = "".join(f", in gen/{Path(f.filename).relative_to(_PACKAGE).as_posix()}:{f.lineno}" for f in last)
        raise CommandError(
            f"{shown(source)}: this is a bug in gen{where}: {_sentence(error)}; "
            "please report it with the .nn file and with what --debug shows"
        ) from error
