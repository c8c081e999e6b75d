"""The compiler: the stages of a build in order.

    text ──parse──▶ syntax ──elaborate──▶ graph ──rewrite──▶ graph ──lower──▶ programs ──passes──▶ programs
         ──assemble──▶ view ──render──▶ text

`check` finds everything that can be wrong with a `.nn` file; a failure after it is a bug in gen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gen.diagnostics import Diagnostics, Source
from gen.emit.assemble import Assembler
from gen.emit.copied import Copies
from gen.emit.identifiers import name_everything, reserved_names
from gen.emit.view import View
from gen.given import Given
from gen.graph.graph import Graph
from gen.graph.identifiers import Identifiers
from gen.graph.names import SAVED, UPDATE_LOCALS
from gen.graph.rewrites.activations import split_activations
from gen.graph.rewrites.heads import fuse_heads
from gen.graph.rewrites.normalization import fold_normalizations
from gen.graph.rewrites.pooled import pool_before_relu
from gen.graph.rewrites.projections import fuse_projections
from gen.graph.rewrites.scales import scale_kernels
from gen.graph.rewrites.steps import split_before_activations
from gen.graph.sizes import least_sizes, typical_sizes
from gen.language import syntax
from gen.passes import Pass
from gen.program import lower
from gen.program.cost.time import least_rows
from gen.program.ir import Program, reads
from gen.program.lower import update
from gen.program.lower.state import Lowered
from gen.program.memory.loop_memory import plan_loops
from gen.program.memory.planned import Planned, Programs
from gen.program.memory.planning import plan_memory
from gen.program.memory.sharing import share_memory
from gen.program.memory.verify import verify_plan
from gen.program.passes.bias_rows import weights_as_rows
from gen.program.passes.guards import protect_guarded
from gen.program.passes.maxima import maxima_down_columns
from gen.program.passes.prune import prune
from gen.program.passes.recurrences import join_recurrences
from gen.program.passes.rows import tables_by_row
from gen.program.passes.slices import in_slices
from gen.program.passes.sums import sums_as_products
from gen.program.passes.zeros import zeros_as_arrays
from gen.program.verify import verify_program

EVERY_PASS: tuple[Pass[..., Any], ...] = (
    pool_before_relu,
    fuse_heads,
    fuse_projections,
    scale_kernels,
    fold_normalizations,
    tables_by_row,
    weights_as_rows,
    prune,
    join_recurrences,
    sums_as_products,
    maxima_down_columns,
    zeros_as_arrays,
    in_slices,
    plan_memory,
    share_memory,
)
"""The parts that can be left out without changing a result, in the order in which they run."""
ALONE: tuple[Pass[..., Any], ...] = (fuse_projections, tables_by_row)
"""What gen leaves out where several models work on one set of weights: it is about where weights are."""
MOST_ROWS, MOST_PREDICTED_ROWS = 512, 128
"""A slice that would need more rows than these to pay, in training and in prediction, is never cut."""
PASSES = tuple(each.name for each in EVERY_PASS)


NOTHING_GIVEN: Given = MappingProxyType({})


@dataclass(frozen=True)
class Options:
    """How to build: for inference only, with which passes, and whether to check the result of each pass."""

    inference: bool = False
    passes: frozenset[str] = frozenset(PASSES)
    verify: bool = False
    formatted: bool = True
    """Whether the text goes through Black."""
    runtime: bool = False
    """Whether what models share is in a module beside the file instead of in it."""
    slice_rows: int = 0
    """How many rows a slice of a batch has at least, if gen is not to decide it by what a thread costs."""
    given: tuple[str, ...] = ()
    """The values that came from outside, for the header: `vocabulary = 5000`."""
    between: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)
    """Called between passes; raises an exception to end a build that nobody waits for."""

    def has(self, item: Pass[..., Any]) -> bool:
        """Whether a pass runs."""
        return item.name in self.passes


DEFAULT = Options()


def check(source: Source) -> Diagnostics:
    """All errors and warnings of a `.nn` file."""
    diagnostics = Diagnostics()
    understand_all(source, diagnostics)
    return diagnostics


def understand(source: Source, diagnostics: Diagnostics, given: Given = NOTHING_GIVEN, asked: str = "") -> Graph | None:
    """Text → syntax → graph; None if there are errors, which are then in `diagnostics`.

    `given` has values for variables of the file that come from outside, `asked` is the name of the model that is
    wanted, where the file is not to decide.
    """
    file = parse(source, diagnostics)
    graph = elaborate(file, source, diagnostics, given, asked)
    return None if diagnostics.failed else graph


def understand_all(
    source: Source, diagnostics: Diagnostics, given: Given = NOTHING_GIVEN, asked: str = ""
) -> list[Graph]:
    """The same for a file that may compile several models, which are built together; none if there are errors."""
    from gen.language.elaborate import elaborate_all  # it takes long to import

    graphs = elaborate_all(parse(source, diagnostics), source, diagnostics, given, asked)
    return [] if diagnostics.failed else graphs


def parse(source: Source, diagnostics: Diagnostics) -> syntax.File:
    """Text → syntax."""
    from gen.language.parser import parse  # it takes long to import

    return parse(source, diagnostics)


def elaborate(
    file: syntax.File, source: Source, diagnostics: Diagnostics, given: Given = NOTHING_GIVEN, asked: str = ""
) -> Graph | None:
    """Syntax → graph, checked."""
    from gen.language.elaborate import elaborate  # it takes long to import

    return elaborate(file, source, diagnostics, given, asked)


def generate(graph: Graph, source: str, options: Options = Options()) -> str:
    """Graph → the text of the generated file; `source` is the name of the `.nn` file."""
    return render(view(graph, source, options), options.formatted, options.runtime)


def build(graphs: Sequence[Graph], source: str, options: Options = Options()) -> tuple[list[View], str]:
    """The graphs of one file → the view of each, and the text of its generated file."""
    from gen.emit.render import render_together  # it takes long to import

    if len(graphs) == 1:
        alone = view(graphs[0], source, options)
        return [alone], render(alone, options.formatted, options.runtime)
    each = replace(options, passes=options.passes - {item.name for item in ALONE})
    copies = Copies()
    made = [assembler(graph, source, each, copies) for graph in graphs]
    views = [replace(one.view(), given=options.given) for one in made]
    helpers = copies.texts([call for one in made for call in one.kernel_calls()])
    return views, render_together(views, helpers, options.formatted, options.runtime)


def rewrite(graph: Graph, options: Options = Options()) -> Graph:
    """Graph → graph: activations as nodes, behind the making of steps, relu behind pooling; losses fused with heads,
    embeddings with the projection after them."""
    if options.inference:
        outputs = tuple(replace(item, loss=None, metrics=()) for item in graph.outputs)
        graph = replace(graph, training=None, outputs=outputs, added=(), penalties=(), constrained=())
    graph = split_before_activations(split_activations(graph))
    if options.has(pool_before_relu):
        graph = pool_before_relu(graph)
    graph = fuse_heads(graph, options.has(fuse_heads))
    return fuse_projections(graph) if options.has(fuse_projections) else graph


def view(graph: Graph, source: str, options: Options = Options()) -> View:
    """Graph → view: lowered, planned, and as finished lines."""
    return replace(assembler(graph, source, options).view(), given=options.given)


def assembler(graph: Graph, source: str, options: Options = Options(), copies: Copies | None = None) -> Assembler:
    """Graph → the assembler of its view: lowered and planned; it copies functions into `copies`."""
    named, names = name_everything(rewrite(graph, options))
    return Assembler(named, names, source, graph, _programs(named, names, options), copies)


def programs(graph: Graph, options: Options = Options()) -> list[Planned]:
    """Graph → the programs of its generated file, with their memory planned."""
    return list(_programs(*name_everything(rewrite(graph, options)), options).planned())


def _programs(graph: Graph, names: Identifiers, options: Options) -> Programs:
    """Graph → programs, with their memory planned."""
    reserved = reserved_names(graph)
    least = least_sizes(graph)
    predicting = scale_kernels(graph) if options.has(scale_kernels) else graph
    predicted = fold_normalizations(predicting, names) if options.has(fold_normalizations) else (predicting, names)
    inference = lower.inference(*predicted, reserved)
    if options.has(weights_as_rows):
        inference = replace(inference, program=weights_as_rows(inference.program))
    infer = _planned(inference, options, least=least)
    found = Programs(infer)
    if any(output.loss_input not in (None, output.tensor) for output in graph.outputs):
        known = infer.program.constants  # both programs share one set of buffers
        lowered = lower.activation(graph, names, reserved | infer.plan.attributes().keys(), known)
        found = replace(found, activate=_planned(lowered, options))
    found = replace(found, infer=_predicting_in_slices(found, graph, options))
    if graph.training is None:
        return found
    optimizer, tables = graph.training.optimizer, tables_by_row(graph) if options.has(tables_by_row) else ()
    occupied = reserved | UPDATE_LOCALS | SAVED | {names.weights[table] for table in tables}
    found = replace(
        found,
        step=_planned(lower.training_step(graph, names, reserved, tables), options, graph, least),
        tables=tables,
    )
    assert found.step is not None
    in_threads = bool(found.step.lowered.slices)
    found = replace(found, update=_planned(update.update(graph, names, tables, occupied, in_threads), options))
    if not tables:
        return found
    untouched = update.untouched(optimizer, occupied)
    return replace(
        found,
        update_rows=_planned(update.update_rows(optimizer, occupied), options),
        untouched=None if untouched is None else _planned(untouched, options),
    )


def render(view: View, formatted: bool = True, runtime: bool = False) -> str:
    """View → text; with `runtime`, of a file that needs the module `runtime()` beside it."""
    from gen.emit.render import render  # it takes long to import

    return render(view, formatted, runtime)


def runtime() -> str:
    """The text of the module that models share."""
    from gen.emit.render import render_runtime  # it takes long to import

    return render_runtime()


def _planned(
    lowered: Lowered, options: Options, graph: Graph | None = None, least: Mapping[str, int] | None = None
) -> Planned:
    """Program → program with its memory planned; with `least` sizes of the data, different shapes share memory.

    The training step of a `graph` is cut into slices, where that pays.
    """
    results = [value for values in lowered.results.values() for value in values]
    options.between()
    _verify(lowered.program, options)
    if options.has(prune):
        lowered = replace(lowered, program=prune(lowered.program, results, lowered.places.values()))
    if options.has(join_recurrences):
        lowered = join_recurrences(lowered)
    program = lowered.program
    if options.has(sums_as_products):
        program = sums_as_products(program)
    if options.has(maxima_down_columns):
        program = maxima_down_columns(program)
    if options.has(zeros_as_arrays):
        program = zeros_as_arrays(program)
    if graph is not None and options.has(in_slices):
        lowered = _in_slices(replace(lowered, program=program), graph, options)
        program = lowered.program
    program = plan_loops(protect_guarded(program), options.has(plan_memory))
    options.between()
    _verify(program, options)
    ends = [
        (section, [name for value in values for name in reads(value)]) for section, values in lowered.results.items()
    ]
    plan = plan_memory(program, ends, options.has(plan_memory))
    options.between()
    if least is not None and options.has(share_memory):
        plan = share_memory(program, plan, ends, least)
    if options.verify:
        verify_plan(program, plan, ends)
    return Planned(replace(lowered, program=program), plan)


def _in_slices(lowered: Lowered, graph: Graph, options: Options) -> Lowered:
    """A training step that may run on slices of a batch, if it can and if that pays."""
    by_row = any(lowered.program.types[name].dtype == "rows" for name in lowered.program.pinned)
    weights = sum(weight.size for layer in graph.layers for weight in layer.weights.values())
    rows = _least_rows(lowered.program, graph, options, weights)
    if by_row or graph.shared is not None or rows > MOST_ROWS:
        return lowered
    sliced = in_slices(lowered.program, lowered.results)
    return lowered if sliced.why_not else replace(lowered, program=sliced.program, slices=rows)


def _predicting_in_slices(programs: Programs, graph: Graph, options: Options) -> Planned:
    """The prediction, which may run on slices as it is, if both of its programs keep rows apart and if that pays."""
    parts = [each for each in (programs.infer, programs.activate) if each is not None]
    rows = _least_rows(programs.infer.program, graph, options)
    if not options.has(in_slices) or graph.shared is not None or rows > MOST_PREDICTED_ROWS:
        return programs.infer
    if any(in_slices(each.program, each.lowered.results).why_not for each in parts):
        return programs.infer
    return replace(programs.infer, lowered=replace(programs.infer.lowered, slices=rows))


def _least_rows(program: Program, graph: Graph, options: Options, weights: int = 0) -> int:
    """How many rows a slice has at least."""
    return options.slice_rows or least_rows(program, typical_sizes(least_sizes(graph), 64), weights)


def _verify(program: Program, options: Options) -> None:
    if options.verify:
        verify_program(program)
