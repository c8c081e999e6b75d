"""The command `gen`.  Thin: it reads arguments and files, calls the compiler, and says what came of it.

Exit status: 0 built; 1 a model is wrong, or `--check` found a difference; 2 the command is wrong, or a file cannot be
read or written.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from gen import __version__

if TYPE_CHECKING:
    from gen.building import Report

STAGES = ("syntax", "graph", "rewritten", "lowered", "program", "memory", "functions", "text")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gen", message="%(prog)s %(version)s")
def gen() -> None:
    """Write self-contained NumPy files that train and run the networks described in .nn files."""


@gen.command()
@click.argument("sources", nargs=-1, metavar="FILE_OR_FOLDER...", type=click.Path(path_type=Path))
@click.option("-o", "--out", metavar="DIR", type=click.Path(path_type=Path), help="Where to write [default: out].")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and list the files that would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("--force", is_flag=True, help="Write over files that gen did not write or that were edited since.")
@click.option("--inference/--training", default=None, help="Leave out all that is for training.")
@click.option("--components", multiple=True, metavar="FILE", type=click.Path(path_type=Path), help="Components of your own.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to report.")
@click.option("-q", "--quiet", is_flag=True, help="Report errors and warnings only.")
@click.option("--debug", is_flag=True, help="Check what each pass leaves behind; show where gen itself fails.")
def build(
    sources: tuple[Path, ...],
    out: Path | None,
    check: bool,
    diff: bool,
    force: bool,
    inference: bool | None,
    components: tuple[Path, ...],
    form: str,
    quiet: bool,
    debug: bool,
) -> None:
    """Build .nn files; of a folder, all that are in it."""
    from gen import building
    from gen.settings import SettingsError, load

    try:
        settings = load(Path.cwd())
    except SettingsError as error:
        _fail(str(error))
    request = building.Request(
        sources=sources or settings.sources,
        out=out or settings.out,
        mode="check" if check else "diff" if diff else "write",
        force=force,
        inference=settings.inference if inference is None else inference,
        components=(*settings.components, *components),
        debug=debug,
    )
    if not request.sources:
        _fail("nothing to build: name a .nn file or a folder, or set `sources` in [tool.gen] of pyproject.toml")
    with _Guard(debug):
        report = building.build(request)
        _report(report, form, quiet)
    sys.exit(report.status)


@gen.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice(STAGES), default="graph", show_default=True, help="Which stage to print.")
@click.option("--inference", is_flag=True, help="Leave out all that is for training.")
@click.option("--without", multiple=True, metavar="PASS", help="Switch a pass off: heads, prune or reuse.")
@click.option("--components", multiple=True, metavar="FILE", type=click.Path(path_type=Path), help="Components of your own.")
@click.option("--debug", is_flag=True, help="Check what each pass leaves behind; show where gen itself fails.")
def dump(
    source: Path, stage: str, inference: bool, without: tuple[str, ...], components: tuple[Path, ...], debug: bool
) -> None:
    """Print what the compiler makes of a file, at one of its stages."""
    from gen import building, compiler
    from gen.diagnostics import render_text
    from gen.dump import dump

    for name in without:
        if name not in compiler.PASSES:
            _fail(f"there is no pass `{name}`; the passes are {', '.join(compiler.PASSES)}")
    options = compiler.Options(inference, frozenset(compiler.PASSES) - set(without), verify=debug)
    with _Guard(debug):
        building.load_components(components)
        text, diagnostics = building.read(source)
        shown = None if diagnostics.failed else dump(text, stage, options, diagnostics)
        if diagnostics.items:
            click.echo(render_text(text, diagnostics.in_source_order()), err=True)
        if shown is not None:
            click.echo(shown)
    sys.exit(1 if diagnostics.failed else 0)


def _report(report: Report, form: str, quiet: bool) -> None:
    """Print what was built: diagnostics to standard error, the rest to standard output; JSON all to standard output."""
    import json

    from gen.diagnostics import render_text, to_json

    if form == "json":
        items = [entry for source, found in report.diagnostics for entry in to_json(source, found)]
        outputs = [str(line.path) for line in report.lines if line.what == "written"]
        click.echo(json.dumps({"diagnostics": items, "outputs": outputs}, indent=2))
    else:
        for source, found in report.diagnostics:
            if found:
                click.echo(render_text(source, found, colour=sys.stderr.isatty()), err=True)
        for text in report.texts:
            click.echo(text)
        for line in report.lines if not quiet else ():
            click.echo(f"{line.path}  {line.what}")
    for message in report.errors:
        click.echo(f"gen: {message}", err=True)


def _fail(message: str) -> NoReturn:
    click.echo(f"gen: {message}", err=True)
    sys.exit(2)


class _Guard:
    """Turns what goes wrong around a build into one sentence and exit status 2."""

    def __init__(self, debug: bool) -> None:
        self.debug = debug

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from gen.building import CommandError

        if isinstance(error, CommandError):
            _fail(str(error))
        if isinstance(error, Exception) and not self.debug:
            _fail(
                f"this is a bug in gen: {type(error).__name__}: {error}\n"
                "Please report it with the .nn file and what `--debug` shows."
            )


def main() -> None:
    """The entry point of the command."""
    gen()
