"""Building files: finds sources, reads them, compiles each, and writes, compares, or lists the results."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import sys
import traceback
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from gen import compiler, files, scripts
from gen import given as outside
from gen.components import registry
from gen.components.kernels import kernels
from gen.components.rules import FenceError
from gen.diagnostics import Diagnostic, Diagnostics, Source, visible, visible_lines
from gen.emit.literals import docstring
from gen.emit.seal import asked_of, given_of, is_sealed, source_of
from gen.emit.write import present, write
from gen.files import Bounds, WriteError, reason
from gen.graph.names import RUNTIME
from gen.program.fence import refuse_outside_fence
from gen.settings import Settings, SettingsError
from gen.settings import load as load_settings

_PACKAGE = Path(__file__).resolve().parent.parent
_NO_LINE_END = "\\ No newline at end of file"


class CommandError(Exception):
    """Something is wrong with the command, not with a model; the message is one sentence."""


def missing(what: str, package: str, extra: str) -> CommandError:
    """The message if something needs a package that is not installed, and that an extra of gen contains."""
    return CommandError(f"{what} needs {package}: pip install 'gen-nn[{extra}]'")


@dataclass(frozen=True)
class Request:
    """What `gen build` is asked for; with `check` or `diff` nothing is written.

    What is not `given` is as the settings of each source's project say.
    """

    sources: tuple[Path, ...]
    given: Settings = Settings()
    """What the command is told of settings."""
    project: Path | None = None
    """The project whose settings name the sources, so that nothing is written out of it; None if somebody does."""
    check: bool = False
    diff: bool = False
    force: bool = False
    debug: bool = False


@dataclass(frozen=True)
class Line:
    """What happened to one output: `written`, `unchanged`, `would change`."""

    path: Path
    what: str


@dataclass
class Report:
    """The result of a build."""

    lines: list[Line] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    """The tables that `model.summary()` in a `.nn` file asks for."""
    differences: list[str] = field(default_factory=list)
    diagnostics: list[tuple[Source, list[Diagnostic]]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Files that could not be read, built or written, or are left over, a sentence each."""
    notes: list[str] = field(default_factory=list)
    """What else is to be known, a sentence each."""
    status: int = 0

    def fail(self, status: int) -> None:
        self.status = max(self.status, status)


@dataclass(frozen=True)
class Output:
    """A file to build: its source, its project, and where it belongs."""

    source: Path
    path: Path
    settings: Settings
    bounds: Bounds

    @property
    def runtime(self) -> Path | None:
        """The module beside it that has what it shares with others; None if it has all that itself."""
        return self.path.with_name(f"{RUNTIME}.py") if self.settings.runtime else None


def build(request: Request, only: Collection[Path] | None = None) -> Report:
    """Build every source, or `only` some of them; one that fails does not keep the others from being built.

    Each is built as its project says: with its components, which the sources of other projects do not know.  Raises
    `CommandError` if there is nothing to build or two sources have one output.
    """
    report = Report()
    try:
        outputs = _outputs(request, report)
    except CommandError as error:
        if not request.check:
            raise
        report.errors.append(str(error))
        report.fail(2)
        outputs = []
    if request.given.models and len(outputs) > 1:
        asked = visible(request.given.model(Path()))
        raise CommandError(f"`--model {asked}` is about one file: name that file alone")
    wanted = [output for output in outputs if only is None or output.source in only]
    for settings, group in groupby(wanted, key=lambda output: output.settings):
        copy_context().run(_build_project, settings, group, request, report)
    texts = [source.text for source, _ in report.diagnostics] if only is None else []
    for name in request.given.define if texts else ():
        if not any(re.search(rf"\b{re.escape(name)}\b", text) for text in texts):
            report.errors.append(f"`--define {name}=…` gives a value to nothing: no file has a `{name}`")
            report.fail(2)
    if request.check and only is None:
        _list_left_over(request, outputs, report)
    return report


def _build_project(settings: Settings, outputs: Iterable[Output], request: Request, report: Report) -> None:
    know_apart()
    try:
        load_project(settings)
    except CommandError as error:
        report.errors.append(str(error))
        report.fail(2)
    else:
        for output in outputs:
            _build_explained(output, request, report)


def _build_explained(output: Output, request: Request, report: Report) -> None:
    try:
        with explained(output.source, output.settings.every_component, request.debug):
            _build_one(output, request, report)
    except (CommandError, WriteError) as error:
        if str(error) not in report.errors:  # of the module that several files share
            report.errors.append(str(error))
        report.fail(2)


def _build_one(output: Output, request: Request, report: Report) -> None:
    path, runtime = output.source, output.runtime
    source, diagnostics = read(path)
    values, asked = _given(output), _asked(output, request)
    graphs = [] if diagnostics.failed else compiler.understand_all(source, diagnostics, values, asked)
    report.diagnostics.append((source, diagnostics.in_source_order()))
    if not graphs:
        report.fail(1)
        return
    said = replace(options(output.settings, request.debug), given=outside.lines(values), runtime=runtime is not None)
    views, text = compiler.build(graphs, path.name, said)
    report.summaries += [
        f"{view.layers}\n\n{view.footprint}" for graph, view in zip(graphs, views, strict=True) if graph.summary
    ]
    if runtime is not None and all(line.path != runtime for line in report.lines):
        _bring(runtime, compiler.runtime(), output.bounds, request, report)
    _bring(output.path, text, output.bounds, request, report)


def _bring(target: Path, text: str, bounds: Bounds, request: Request, report: Report) -> None:
    """Write one file, or say what would change in it."""
    if not (request.check or request.diff):
        written = write(target, text, request.force, bounds)
        report.lines.append(Line(target, "written" if written else "unchanged"))
        return
    before = present(target, bounds)
    if before == text:
        report.lines.append(Line(target, "unchanged"))
        return
    report.lines.append(Line(target, "would change"))
    if request.diff:
        report.differences.append(difference(before, text, target))
    if request.check:
        report.fail(1)


def options(settings: Settings, debug: bool = False) -> compiler.Options:
    """What the settings say to the compiler."""
    return compiler.Options(inference=settings.inference, verify=debug)


def _given(output: Output) -> dict[str, Any]:
    """The values for variables of a file: from the command and the settings, or else the output as it is now."""
    if output.settings.define:
        return output.settings.define
    before = present(output.path, output.bounds)
    return outside.read_lines(given_of(before)) if before is not None and is_sealed(before) else {}


def _asked(output: Output, request: Request) -> str:
    """The name of the model to build of a file, in the same way; empty where the file decides."""
    said = output.settings.model(output.source)
    before = None if said or request.given.models else present(output.path, output.bounds)
    return asked_of(before) if before is not None and is_sealed(before) else said


# ---------------------------------------------------------------------------------------------------- reading files


def read(path: Path) -> tuple[Source, Diagnostics]:
    """The text of a `.nn` file, with a diagnostic if it is not UTF-8.  Raises `CommandError` if it cannot be read."""
    try:
        data = files.read(path)
    except OSError as error:
        raise CommandError(f"cannot read {shown(path)}: {reason(error)}") from error
    return decoded(str(path), data)


def decoded(name: str, data: bytes) -> tuple[Source, Diagnostics]:
    """The text of a `.nn` file that holds `data`, with a diagnostic if it is not UTF-8."""
    from gen.language.parser import decode  # it takes long to import, and not every command reads a model

    diagnostics = Diagnostics()
    source = decode(name, data, diagnostics)
    if source is not None and name.endswith(".ipynb"):
        try:
            return scripts.notebook(name, source.text), diagnostics
        except scripts.NotebookError as error:
            raise CommandError(f"{visible(name)} is no notebook: {error}") from error
    return source or Source(name, data.decode("utf-8", "replace")), diagnostics


def difference(before: str | None, after: str, path: Path) -> str:
    """The changes in a file, as `diff -u` shows them; `before` is None if there is no file yet."""
    import difflib  # most builds show no difference

    old: Sequence[str] = [] if before is None else before.splitlines(keepends=True)
    name = "/dev/null" if before is None else shown(path)
    lines = difflib.unified_diff(old, after.splitlines(keepends=True), name, shown(path))
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_LINE_END}\n" for line in lines).rstrip("\n")


def shown(path: Path) -> str:
    """A path as printed, without characters that a terminal would interpret."""
    return visible(str(path))


# ------------------------------------------------------------------------------------------------- sources and outputs


def _outputs(request: Request, report: Report) -> list[Output]:
    """What is to be built, in the order of the sources; a file that is named twice is built once."""
    known: dict[Path, Settings | None] = {}
    outputs: dict[str, Output] = {}
    for given, source, name in _named_sources(request.sources):
        if source.parent not in known:
            known[source.parent] = _settings_of(source.parent, request.given, report)
        settings = known[source.parent]
        if settings is None:
            continue
        path, bounds = _target(request, settings, given, source, name)
        output = Output(source, path, settings, bounds)
        if os.path.abspath(output.path) == os.path.abspath(source):
            raise CommandError(f"{shown(source)} would be built over itself: name another folder with `-o`")
        other = outputs.setdefault(_on_any_system(output.path), output)
        if other is not output:
            raise CommandError(_twins(other, output))
    return list(outputs.values())


def _settings_of(folder: Path, given: Settings, report: Report) -> Settings | None:
    """The settings that hold in a folder, the `given` ones first; None, as the report says, where they are wrong."""
    try:
        settings = load_settings(folder)
    except SettingsError as error:
        if str(error) not in report.errors:
            report.errors.append(str(error))
        report.fail(2)
        return None
    except OSError as error:
        raise CommandError(f"cannot read the current folder: {reason(error)}") from error
    report.notes += [note for note in ignored(settings) if note not in report.notes]
    return settings.under(given)


def ignored(settings: Settings) -> list[str]:
    """A sentence for each file of settings that is not used."""
    return [f"{shown(path)} belongs to another user, so its settings are not used" for path in settings.ignored]


def _target(request: Request, settings: Settings, given: Path, source: Path, name: Path) -> tuple[Path, Bounds]:
    """Where the output of a source goes, and the folder that it may not leave.

    `name` is the path of the source below `given`.  A project that says where its outputs go also says where in there.
    """
    if "out" in request.given.said:
        return settings.out / _module(name), Bounds(settings.out)
    if "out" not in settings.said:
        return settings.out / _module(name), Bounds(settings.out, Path())
    bases = settings.sources if _below(given, settings.folder) is not None else (*settings.sources, settings.folder)
    project = settings.folder
    if request.project is not None and not files.is_in(project, request.project):
        project = request.project
    inside = next((found for base in bases if (found := _below(source, base)) not in (None, Path())), name)
    return settings.out / _module(inside), Bounds(settings.out, project)


def _below(path: Path, folder: Path) -> Path | None:
    """The path from a folder to what is in it; that of the folder itself is empty, None that of what is not in it."""
    path, folder = (Path(os.path.abspath(each)) for each in (path, folder))
    return path.relative_to(folder) if path.is_relative_to(folder) else None


def _on_any_system(path: Path) -> str:
    """What two paths have in common that are one file on some system: upper case is lower case, é is e with ´."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", os.path.realpath(path)).casefold())


def _twins(one: Output, other: Output) -> str:
    both = f"{shown(one.source)} and {shown(other.source)}"
    if one.path == other.path:
        return f"{both} would both be built as {shown(one.path)}; give them other names or folders"
    paths = f"{shown(one.path)} and {shown(other.path)}"
    return (
        f"{both} would be built as {paths}, which are the same file on some systems; give them other names or folders"
    )


def components_of(request: Request) -> tuple[Path, ...]:
    """The files of components that a build runs, of all projects."""
    every = [*request.given.components]
    for folder in {source.parent for source, _ in found(request.sources)}:
        with suppress(SettingsError, OSError):
            every += load_settings(folder).components
    return tuple(dict.fromkeys(every))


def found(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """The sources that exist now."""
    for path in paths:
        with suppress(CommandError):
            yield from sources([path])


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
    for _, source, name in _named_sources(paths):
        yield source, name


def _named_sources(paths: Iterable[Path]) -> Iterator[tuple[Path, Path, Path]]:
    """The path that was given, a source, and its path below the folder, as `sources` gives them."""
    seen: set[str] = set()
    for given in paths:
        for source, name in _sources(given):
            if os.path.abspath(source) not in seen:
                seen.add(os.path.abspath(source))
                yield given, source, name


def _sources(given: Path) -> Iterator[tuple[Path, Path]]:
    """Those that one path stands for."""
    try:
        folder = given.is_dir()
        found = folder or given.exists()
    except OSError as error:
        raise CommandError(f"cannot read {shown(given)}: {reason(error)}") from error
    if not found:
        raise CommandError(f"there is no file or folder {shown(given)}")
    found_files = list(_files_below(given, ".nn")) if folder else [given]
    if not found_files:
        raise CommandError(f"there is no .nn file in {shown(given)}")
    for file in found_files:
        if not str(file).isprintable():
            raise CommandError(f"the name of {shown(file)} contains a character that is not printable")
        if file.suffix not in scripts.ENDINGS:
            raise CommandError(f"{shown(file)} is not a .nn file, a .py script or an .ipynb notebook")
        yield file, file.relative_to(given) if folder else Path(file.name)


def _files_below(folder: Path, ending: str, strict: bool = True) -> Iterator[Path]:
    """The files in a folder and in the folders inside it, hidden ones left out, in the order of their names.

    Unless `strict`, so are folders that cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise CommandError(f"cannot read {shown(Path(error.filename))}: {reason(error)}") from error

    for place, folders, names in os.walk(folder, onerror=refuse if strict else None):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if name.endswith(ending) and not name.startswith("."))


def _module(path: Path) -> Path:
    """The Python file for a `.nn` file: its name can be imported, and hides no module of those that the file needs."""
    stem = unicodedata.normalize("NFKC", path.stem)  # `import ﬁ` looks for `fi`
    stem = "".join(character if f"a{character}".isidentifier() else "_" for character in stem)
    if not stem.isidentifier() or re.fullmatch("__.+__", stem):  # a digit comes first, or Python has a use for it
        stem = f"model_{stem}"
    taken = keyword.iskeyword(stem) or stem in sys.stdlib_module_names or stem == "numpy"
    if taken or stem.casefold() == RUNTIME or _DEVICE.fullmatch(stem):
        stem += "_"
    return path.with_name(f"{stem}.py")


_DEVICE = re.compile("con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
"""What no file can be called on Windows, whatever its ending."""


# ------------------------------------------------------------------------------------------------ what is left over


def _list_left_over(request: Request, outputs: Sequence[Output], report: Report) -> None:
    """Put a sentence in the report for each generated file, where outputs go, whose `.nn` file is gone.

    It is there where a file of its name is built into another output by this build, or not built by it at all.
    """
    folders = [output.bounds.folder for output in outputs] or [_default_out(request.given)]
    _list_unused_runtimes(dict.fromkeys(folders), outputs, report)
    built = {os.path.abspath(output.path) for output in outputs}
    others_left = [
        (path, name)
        for folder in dict.fromkeys(folders)
        if os.path.isdir(folder)
        for path in _files_below(folder, ".py", strict=False)
        if os.path.abspath(path) not in built and (name := _source_name(path)) is not None
    ]
    if not others_left:
        return
    sources_built = {os.path.abspath(output.source) for output in outputs}
    projects = dict.fromkeys([*(output.settings.folder for output in outputs), Path()])
    others = {
        docstring(path.name)
        for folder in (*projects, *(given for given in request.sources if os.path.isdir(given)))
        for ending in scripts.ENDINGS
        for path in _files_below(folder, ending, strict=False)
        if os.path.abspath(path) not in sources_built and (ending != ".py" or _source_name(path) is None)
    }
    for path, name in dict(others_left).items():
        if name not in others:
            report.errors.append(
                f"{shown(path)} is left over, because gen no longer builds {visible(name)} into it: delete it"
            )
            report.fail(1)


def _list_unused_runtimes(folders: Iterable[Path], outputs: Sequence[Output], report: Report) -> None:
    """Put a sentence in the report for each module that models share where no file needs it."""
    needed = {os.path.abspath(output.runtime) for output in outputs if output.runtime is not None}
    for folder in folders:
        places = _files_below(folder, ".py", strict=False) if os.path.isdir(folder) else ()
        for path in places:
            if path.name != f"{RUNTIME}.py" or os.path.abspath(path) in needed:
                continue
            others = [each for each in _files_below(path.parent, ".py", strict=False) if each.parent == path.parent]
            if _sealed_text(path) is not None and not any(map(_uses_runtime, others)):
                report.errors.append(f"{shown(path)} is left over, because no file beside it needs it: delete it")
                report.fail(1)


def _uses_runtime(path: Path) -> bool:
    text = _sealed_text(path)
    return text is not None and f"\n    import {RUNTIME} as " in text


def _default_out(given: Settings) -> Path:
    """Where outputs go in the current folder."""
    with suppress(SettingsError, OSError):
        return load_settings(Path()).under(given).out
    return given.out


def _source_name(path: Path) -> str | None:
    """The name of the `.nn` file in a generated file; None if gen did not write the file."""
    text = _sealed_text(path)
    return source_of(text) if text is not None else None


def _sealed_text(path: Path) -> str | None:
    """The text of a generated file; None if gen did not write the file, or somebody has edited it."""
    try:
        text = files.read(path).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return None
    return text if is_sealed(text) else None


# --------------------------------------------------------------------------------------------- components of one's own


def know_apart() -> None:
    """What is registered from now on is known in this context alone: another project may use the same names."""
    for components in registry.values():
        components.apart()
    kernels.apart()


def load_project(settings: Settings) -> None:
    """Run the files of components that the settings name.

    Raises `CommandError` where that fails, or one that only a project names belongs to another user.
    """
    load_components(settings.components, own=True)
    load_components(settings.besides)


def load_components(paths: Iterable[Path], own: bool = False) -> None:
    """Run components files, with `own` only the user's.  Raises `CommandError`."""
    for path in dict.fromkeys(Path(os.path.abspath(path)) for path in paths):
        name = f"components.{re.sub(r'[^0-9A-Za-z_]', '_', str(path))}"
        spec = importlib.util.spec_from_file_location(name, path)
        if not path.is_file() or spec is None:
            raise CommandError(f"cannot read the components in {shown(path)}: it is not a Python file")
        try:
            code = files.read(path, own=own)
        except OSError as error:
            raise CommandError(f"cannot read the components in {shown(path)}: {reason(error)}") from error
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            # Not by the loader, which keeps bytecode and tells changes apart by the second: a watch is quicker.
            exec(compile(code, path, "exec", dont_inherit=True), module.__dict__)
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
    try:
        yield
    except (CommandError, WriteError):
        raise
    except Exception as error:
        if debug:
            sys.stderr.write(visible_lines(traceback.format_exc()))
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
            "please report it with the .nn file and the output of --debug"
        ) from error
