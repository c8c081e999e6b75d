"""The command `gen`.  It only reads arguments and files, calls the compiler, and reports the result.

Exit status: 0 built; 1 a model is wrong, or `--check` found a difference; 2 the command is wrong, or a file cannot be
read or written.

Each command imports what it needs, so that no other one has to wait for it.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, TypeVar

import click

from gen import __version__
from gen.commands.options import follows_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gen.commands.building import Report, Request
    from gen.diagnostics import Source
    from gen.graph.graph import Graph
    from gen.inspect.facts import Facts
    from gen.settings import Settings

T = TypeVar("T")
STAGES = ("syntax", "graph", "rewritten", "lowered", "program", "memory", "functions", "text")

debug_option = click.option("--debug", is_flag=True, help="Check the result of each pass; show where gen itself fails.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gen", message="%(prog)s %(version)s")
def gen() -> None:
    """Write self-contained NumPy files that train and run the networks described in .nn files."""


@gen.command()
@click.argument("sources", nargs=-1, metavar="FILE_OR_FOLDER...", type=click.Path(path_type=Path))
@follows_settings("build")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and list the files that would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option(
    "--force", is_flag=True, help="Overwrite files that gen did not write, or that somebody has edited since."
)
@click.option("--watch", is_flag=True, help="Build again whenever a file changes, until Ctrl-C.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@click.option("-q", "--quiet", is_flag=True, help="Report errors and warnings only.")
@debug_option
def build(
    sources: tuple[Path, ...],
    given: Settings,
    check: bool,
    diff: bool,
    force: bool,
    watch: bool,
    form: str,
    quiet: bool,
    debug: bool,
) -> None:
    """Build .nn files, Python scripts or notebooks with a model; of a folder, all .nn files that are in it.

    What is not given is taken from [tool.gen] of the pyproject.toml nearest to each file; without a file or folder,
    `sources` is taken from that nearest to the current folder.
    """
    from gen.commands import building

    report = building.Report()
    try:
        request = building.Request(
            sources=sources or _sources("build"),
            given=given,
            project=None if sources else _settings().folder,
            check=check,
            diff=diff,
            force=force,
            debug=debug,
        )
        if watch:
            _watch(request, form, quiet)
        report = building.build(request)
    except building.CommandError as error:
        report.errors.append(str(error))
        report.fail(2)
    _report(report, form, quiet)
    sys.exit(report.status)


def _watch(request: Request, form: str, quiet: bool) -> NoReturn:
    """Build whenever something changes; ends as the shell expects of a command that Ctrl-C ends."""
    from gen.commands import building, watching

    if request.check or request.diff:
        raise building.CommandError("--watch writes what it builds: leave out --check and --diff")
    try:
        for report in watching.watch(request, watching.wakes(request)):
            _report(report, form, quiet)
            if not quiet:
                click.echo("gen: waiting for changes; press Ctrl-C to stop", err=True)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    raise AssertionError("there is always another change to wait for")


@gen.command("from-script")
@click.argument("script", metavar="SCRIPT", type=click.Path(path_type=Path))
@click.option("-o", "--out", metavar="FILE.nn", type=click.Path(path_type=Path), help="Where to write [default: here].")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@follows_settings("from-script")
@click.option("-q", "--quiet", is_flag=True, help="Report errors and warnings only.")
@debug_option
def from_script(script: Path, out: Path | None, force: bool, quiet: bool, debug: bool, given: Settings) -> None:
    """Write the .nn file that is in a Python script or a notebook; say what of it is left out."""
    from gen.commands import building, extracting
    from gen.diagnostics import render_text
    from gen.files import WriteError

    out = Path(f"{script.stem}.nn") if out is None else out
    try:
        if out.suffix != ".nn":
            raise building.CommandError(f"{building.shown(out)} does not end in .nn")
        settings = _settings(script.parent).under(given)
        building.load_project(settings)
        found = extracting.extract(script, settings.define, debug)
        if found.diagnostics:
            click.echo(render_text(found.source, found.diagnostics, colour=_colours()), err=True)
        if found.text is None:
            sys.exit(1)
        what = extracting.write(out, found.text, force)
    except (building.CommandError, WriteError) as error:
        _fail(str(error))
    if not quiet:
        click.echo(f"{building.shown(out)}  {what}")
        if found.left_out:
            several = "s" if len(found.left_out) > 1 else ""
            click.echo(f"left out of {building.shown(script)}: line{several} {extracting.in_words(found)}")


@gen.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=".",
    help="Where to write [default: here].",
)
@click.option(
    "--into", metavar="MODEL.nn", type=click.Path(path_type=Path), help="The model that weights alone are of."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.option("--build", is_flag=True, help="Build the model, too.")
@click.option("--compare", is_flag=True, help="Ask Keras, too, and say the largest difference.")
@click.option(
    "--replace",
    "replaced",
    multiple=True,
    metavar="LAYER=EXPRESSION",
    help="What stands in the place of a layer that gen has not; x is its input.",
)
@click.option(
    "--components", multiple=True, metavar="FILE", type=click.Path(path_type=Path), help="Components of your own."
)
@click.option("-q", "--quiet", is_flag=True, help="Report errors only.")
@debug_option
def import_(
    files: tuple[Path, ...],
    out: Path,
    into: Path | None,
    force: bool,
    build: bool,
    compare: bool,
    replaced: tuple[str, ...],
    components: tuple[Path, ...],
    quiet: bool,
    debug: bool,
) -> None:
    """Bring a trained model of Keras in: write NAME.nn, and NAME.npz with its weights.

    FILE is a .keras or .h5 file or an unpacked folder; or a configuration (.json) and a file of weights.
    """
    from gen.commands import building, importing
    from gen.files import WriteError
    from gen.settings import told

    try:
        replacements = importing.replacements(replaced)
        building.load_components(components, own=True)
        if into is not None:
            done = importing.import_weights(files, into, out, force, debug)
        else:
            done = importing.import_keras(files, out, replacements, force, compare, debug)
    except (building.CommandError, WriteError) as error:
        _fail_in_lines(str(error))
    _note(done.notes)
    for path, what in () if quiet else done.lines:
        click.echo(f"{building.shown(path)}  {what}")
    if build:
        try:
            request = building.Request(
                (into or done.lines[0][0],), told(components=components), force=force, debug=debug
            )
            report = building.build(request)
        except building.CommandError as error:
            _fail(str(error))
        _report(report, "text", quiet)
        sys.exit(report.status)


@gen.command()
@click.argument("source", metavar="MODEL.nn", type=click.Path(path_type=Path))
@click.argument("weights", metavar="WEIGHTS.npz", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to write; ends in .keras, .weights.h5 or .safetensors.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("-q", "--quiet", is_flag=True, help="Report errors only.")
@debug_option
def export(source: Path, weights: Path, out: Path, force: bool, quiet: bool, debug: bool) -> None:
    """Write a model and its weights as a file that Keras 3 loads, or the weights alone."""
    from gen.commands import building, exporting
    from gen.files import WriteError

    try:
        what = exporting.export(source, weights, out, force, debug)
    except (building.CommandError, WriteError) as error:
        _fail_in_lines(str(error))
    if not quiet:
        click.echo(f"{building.shown(out)}  {what}")


@gen.command()
@click.argument("sources", nargs=-1, metavar="FILE_OR_FOLDER...", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and list the files that would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("-q", "--quiet", is_flag=True, help="Report errors only.")
def fmt(sources: tuple[Path, ...], check: bool, diff: bool, quiet: bool) -> None:
    """Lay out .nn files as Black does, comments and all; of a folder, all that are in it.

    `-` stands for standard input, which is written to standard output.  Without a file or folder, `sources` in
    [tool.gen] of the nearest pyproject.toml says what is formatted.
    """
    from gen.commands import building, formatting

    report = building.Report()
    try:
        if Path("-") in sources and len(sources) > 1:
            raise building.CommandError("`-` is standard input, and must be the only argument")
        if sources == (Path("-"),):
            text, report = formatting.format_input(_standard_input(), check, diff)
            click.echo(text.encode(), nl=False)  # bytes, whose line ends stay
        elif sources:
            report = formatting.format_files(sources, check, diff)
        else:
            report = formatting.format_files(_sources("format"), check, diff, _settings().folder)
    except building.CommandError as error:
        report.errors.append(str(error))
        report.fail(2)
    _report_text(report, quiet)
    sys.exit(report.status)


@gen.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice(STAGES), default="graph", show_default=True, help="Which stage to print.")
@follows_settings("dump")
@click.option("--without", multiple=True, metavar="PASS", help="Switch a pass off; may be repeated.")
@debug_option
def dump(
    source: Path,
    stage: str,
    given: Settings,
    without: tuple[str, ...],
    debug: bool,
) -> None:
    """Print what the compiler makes of a file, at one of its stages."""
    from gen import compiler
    from gen.commands import building
    from gen.diagnostics import render_text, visible_lines
    from gen.inspect.dump import dump

    for name in without:
        if name not in compiler.PASSES:
            _fail(f"there is no pass `{name}`; the passes are {', '.join(compiler.PASSES)}")
    try:
        settings = _settings(source.parent, given)
        options = building.options(settings, debug)
        options = replace(options, passes=options.passes - set(without))
        building.load_project(settings)
        with building.explained(source, settings.every_component, debug):
            text, diagnostics = building.read(source)
            asked = settings.model(source)
            shown = None if diagnostics.failed else dump(text, stage, options, diagnostics, settings.define, asked)
    except building.CommandError as error:
        _fail(str(error))
    if diagnostics.items:
        click.echo(render_text(text, diagnostics.in_source_order(), colour=_colours()), err=True)
    if shown is not None:
        click.echo(visible_lines(shown))
    sys.exit(1 if diagnostics.failed else 0)


@gen.command()
@follows_settings("lsp")
@click.option("--stdio", is_flag=True, hidden=True)  # which some editors say, though there is nothing else
def lsp(given: Settings, stdio: bool) -> None:
    """Serve an editor over standard input and output: the language server of .nn files.

    Components of your own are taken from [tool.gen] of the nearest pyproject.toml, too.
    """
    from gen.commands.building import missing

    try:
        from gen.lsp.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        _fail(str(missing("a language server", "pygls", "lsp")))
    serve(given)


@gen.command()
@click.argument("histories", nargs=-1, required=True, metavar="HISTORY.csv...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    metavar="PICTURE",
    type=click.Path(path_type=Path),
    default="plot.png",
    show_default=True,
    help="Where to write; ends in .png, .svg or .pdf.",
)
def plot(histories: tuple[Path, ...], out: Path) -> None:
    """Draw the curves of losses and metrics from the CSV files that training wrote, to compare several runs."""
    from gen.commands.building import CommandError, shown
    from gen.commands.history import plot

    try:
        plot(histories, out)
    except CommandError as error:
        _fail(str(error))
    click.echo(f"{shown(out)}  written")


@gen.command("help")
@click.argument("name", required=False)
@follows_settings("help")
@click.pass_context
def help_(context: click.Context, name: str | None, given: Settings) -> None:
    """Say what a layer, an activation, a loss, … does; without NAME, list them all."""
    command = gen.commands.get(name or "")
    if command is not None:
        click.echo(command.get_help(click.Context(command, context.parent, info_name=name)))
        return
    from gen.commands import building
    from gen.diagnostics import visible_lines
    from gen.inspect import reference

    try:
        settings = _settings(given=given)
        building.load_project(settings)
        with building.explained(Path("the example"), settings.every_component):
            said = reference.overview() if name is None else "\n\n\n".join(map(reference.text, reference.find(name)))
        click.echo(visible_lines(said))
    except building.CommandError as error:
        _fail(str(error))


batch_option = click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="The number of rows that the figures are for.",
)
steps_option = click.option(
    "--steps", type=click.IntRange(1), help="All other sizes that depend on the data [default: 100]."
)


@gen.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@batch_option
@steps_option
@follows_settings("summary")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@debug_option
def summary(
    source: Path,
    batch_size: int,
    steps: int | None,
    given: Settings,
    form: str,
    debug: bool,
) -> None:
    """Print the calls of a model: shapes, parameters, floating-point operations, memory, what feeds what.

    Operations and memory are for one batch; a multiplication with its addition is two operations.
    """
    text, facts = _facts(source, batch_size, steps, given, debug)
    from gen.inspect.summary import to_json, write_summary

    if form == "json":
        import json

        click.echo(json.dumps(to_json(facts, text), indent=2))
    else:
        if sys.stdout is not None:
            write_summary(facts, sys.stdout, _is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb")


@gen.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-o", "--out", metavar="FILE", type=click.Path(path_type=Path), help="Where to write [default: print].")
@click.option(
    "--format", "form", type=click.Choice(["mermaid", "svg", "png"]), help="[default: as the file's name ends]"
)
@follows_settings("graph")
@debug_option
def graph(
    source: Path,
    out: Path | None,
    form: str | None,
    given: Settings,
    debug: bool,
) -> None:
    """Draw a model: its calls, and arrows with the shapes of what goes from one to the next.

    A model or a block that is called is a box around its calls.  Mermaid is text that GitHub draws.
    """
    from gen.commands.building import CommandError, shown
    from gen.diagnostics import visible_lines
    from gen.files import WriteError, overwrite
    from gen.inspect.diagram.formats import draw, format_of

    try:
        form = form or format_of(out)
        if form == "png" and out is None and _is_terminal(sys.stdout):
            raise CommandError("a PNG is not text: name a file with `-o`")
        if out is not None and os.path.realpath(out) == os.path.realpath(source):
            raise CommandError(f"{shown(out)} is the model itself")
        _, facts = _facts(source, 32, None, given, debug)
        data = draw(facts, form)
        if out is None:
            click.echo(data if form == "png" else visible_lines(data.decode()).encode(), nl=False)
        else:
            overwrite(out, data)
            click.echo(f"{shown(out)}  written")
    except (CommandError, WriteError) as error:
        _fail(str(error))


@gen.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    metavar="PAGE.html",
    type=click.Path(path_type=Path),
    help="Where to write [default: FILE.html here].",
)
@click.option(
    "--watch", is_flag=True, help="Write nothing; serve the page to a browser, and update it whenever FILE is saved."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Where --watch serves it.")
@click.option("--force", is_flag=True, help="Overwrite a file that is not such a page.")
@batch_option
@steps_option
@follows_settings("explain")
@debug_option
def explain(
    source: Path,
    out: Path | None,
    watch: bool,
    port: int,
    force: bool,
    batch_size: int,
    steps: int | None,
    given: Settings,
    debug: bool,
) -> None:
    """Make a page for the browser: a model, its graph and its generated code side by side.

    Pointing at a part of one of them lights up what belongs to it in the others.
    """
    from gen.commands import building
    from gen.inspect.explain import serving
    from gen.inspect.explain.page import page

    try:
        settings = _settings(source.parent, given)
        if watch:
            if out is not None or force:
                raise building.CommandError("--watch writes nothing: leave out -o and --force")
            request = building.Request((source,), given, debug=debug)
            _serve(serving.pages(request, serving.wakes(request), batch_size, steps), port)
        options = building.options(settings, debug)
        text = _with_graph(source, settings, debug, lambda read, graph: page(read, graph, batch_size, steps, options))
        out = Path(f"{source.stem}.html") if out is None else out
        serving.write_page(out, text, force)
    except building.CommandError as error:
        _fail(str(error))
    click.echo(f"{building.shown(out)}  written")


def _serve(pages: Iterator[str], port: int) -> NoReturn:
    from gen.inspect.explain import serving

    server = serving.Server(port)
    address = f"http://127.0.0.1:{server.server_port}/"
    click.echo(f"gen: {address} shows the model and each of its changes; press Ctrl-C to stop", err=True)
    try:
        serving.serve(server, pages)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    raise AssertionError("there is always another change to wait for")


def _facts(path: Path, batch_size: int, steps: int | None, given: Settings, debug: bool) -> tuple[Source, Facts]:
    """The text of a model and its facts.  Ends the command where the model is wrong or the command is."""
    from gen.commands.building import CommandError, options
    from gen.inspect.facts import describe_model

    try:
        settings = _settings(path.parent, given)
    except CommandError as error:
        _fail(str(error))
    how = options(settings, debug)
    return _with_graph(
        path, settings, debug, lambda source, graph: (source, describe_model(graph, batch_size, steps, how))
    )


def _with_graph(path: Path, settings: Settings, debug: bool, use: Callable[[Source, Graph], T]) -> T:
    """What comes of a model.  Ends the command where the model is wrong or the command is."""
    from gen import compiler
    from gen.commands import building
    from gen.diagnostics import render_text
    from gen.inspect.facts import SizeError

    try:
        building.load_project(settings)
        with building.explained(path, settings.every_component, debug):
            source, diagnostics = building.read(path)
            known = settings.define, settings.model(path)
            graph = None if diagnostics.failed else compiler.understand(source, diagnostics, *known)
            found = diagnostics.in_source_order()
            if found:
                click.echo(render_text(source, found, colour=_colours()), err=True)
            if graph is None:
                sys.exit(1)
            try:
                return use(source, graph)
            except SizeError as error:
                raise building.CommandError(str(error)) from error
    except building.CommandError as error:
        _fail(str(error))


def _settings(folder: Path = Path(), given: Settings | None = None) -> Settings:
    """The settings that hold in a folder, those first that the command is given; says which are not used."""
    from gen.commands.building import CommandError, ignored
    from gen.files import reason
    from gen.settings import SettingsError, load

    try:
        settings = load(folder)
    except SettingsError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot read the current folder: {reason(error)}") from error
    _note(ignored(settings))
    return settings if given is None else settings.under(given)


def _sources(verb: str) -> tuple[Path, ...]:
    """What the settings say is to be built or formatted."""
    from gen.commands.building import CommandError

    settings = _settings()
    if not settings.sources:
        raise CommandError(
            f"nothing to {verb}: name a .nn file or a folder, or set `sources` in [tool.gen] of pyproject.toml"
        )
    return settings.sources


def _standard_input() -> bytes:
    from gen.commands.building import CommandError
    from gen.files import LIMIT, reason

    try:
        data = sys.stdin.buffer.read(LIMIT + 1)
        if len(data) <= LIMIT:
            return data
        raise CommandError(f"cannot read standard input: it is larger than {LIMIT / 2**20:g} MB")
    except OSError as error:
        raise CommandError(f"cannot read standard input: {reason(error)}") from error
    except AttributeError as error:  # Python has no `sys.stdin` then
        raise CommandError("cannot read standard input: it is closed") from error


def _report(report: Report, form: str, quiet: bool) -> None:
    if form == "json":
        _report_json(report, quiet)
    else:
        _report_text(report, quiet)


def _report_text(report: Report, quiet: bool) -> None:
    """Diagnostics and errors to standard error, the rest to standard output."""
    from gen.commands.building import shown
    from gen.diagnostics import render_text, visible_lines

    for source, found in report.diagnostics:
        if found:
            click.echo(render_text(source, found, colour=_colours()), err=True)
    for text in [*(() if quiet else report.summaries), *report.differences]:
        click.echo(visible_lines(text))
    for line in () if quiet else report.lines:
        click.echo(f"{shown(line.path)}  {line.what}")
    _report_errors(report)


def _report_json(report: Report, quiet: bool) -> None:
    """One object to standard output, with what is in the language's reference; all else to standard error."""
    import json

    from gen.commands.building import shown
    from gen.diagnostics import to_json, visible_lines

    items = [entry for source, found in report.diagnostics for entry in to_json(source, found)]
    outputs = [str(line.path) for line in report.lines if line.what == "written"]
    click.echo(json.dumps({"diagnostics": items, "outputs": outputs}, indent=2))
    for text in report.differences:
        click.echo(visible_lines(text), err=True)
    for line in () if quiet else report.lines:
        if line.what == "would change":
            click.echo(f"{shown(line.path)}  {line.what}", err=True)
    _report_errors(report)


def _report_errors(report: Report) -> None:
    _note(report.notes)
    for message in report.errors:
        _say(message)


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


def _colours() -> bool:
    """Whether standard error is a terminal whose user wants colours (https://no-color.org)."""
    return _is_terminal(sys.stderr) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _note(messages: Iterable[str]) -> None:
    """Say what is to be known, once in a command."""
    said = click.get_current_context().meta.setdefault("gen.notes", set())
    for message in messages:
        if message not in said:
            said.add(message)
            _say(message)


def _say(message: str) -> None:
    """One sentence to standard error; whatever it quotes, a terminal acts on none of it."""
    from gen.diagnostics import visible

    click.echo(f"gen: {visible(message)}", err=True)


def _fail_in_lines(message: str) -> NoReturn:
    """Say what is wrong in several lines, of which the first is the sentence."""
    from gen.diagnostics import visible_lines

    click.echo(f"gen: {visible_lines(message)}", err=True)
    sys.exit(2)


def _fail(message: str) -> NoReturn:
    _say(message)
    sys.exit(2)


def main() -> None:
    """The entry point of the command."""
    gc.set_threshold(100_000)  # a build has little garbage, and looking for it takes a fifth of the time
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no → still gets the rest
    try:
        gen()
    except OSError as error:  # a full disk behind standard output; a broken pipe is click's business
        _give_up(error)
    finally:
        gc.freeze()  # Python would look once more, and the process ends anyway


def _give_up(error: OSError) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that Python does not fail again when it flushes at its end
    from gen.files import reason

    _fail(f"cannot write to standard output: {reason(error)}")
