"""Maps the lines of a generated file to the calls of its `.nn` file.

    graph ──source_map──▶ SourceMap, with the text

The statements of the programs know their calls.  The layout of the text moves lines, but changes no statement.  So this
module parses the text, and pairs the statements of each program, in order, with those of its function.
`gen/inspect/facts.py` names the calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from gen import compiler
from gen.compiler import Options
from gen.diagnostics import Span
from gen.dims import Shape
from gen.emit import code
from gen.graph.graph import Formula, Graph, OwnLoss, OwnMetric, Tensor
from gen.inspect.facts import named_calls
from gen.program.ir import Statement
from gen.program.lower.state import MEASURE
from gen.program.memory.planned import Planned, Programs
from gen.program.types import ArrayType

DEFAULTS = Options()


@dataclass(frozen=True)
class Lines:
    """A run of lines, counted from 1, including the last."""

    first: int
    last: int

    def __contains__(self, line: int) -> bool:
        return self.first <= line <= self.last


@dataclass(frozen=True)
class Written:
    """One statement of a program in the generated text."""

    lines: Lines
    rule: str
    """The rule that it comes from, such as `Dense.forward`, or `""`."""
    shape: Shape
    """Of its result, the batch first."""
    dtype: str


@dataclass(frozen=True)
class Piece:
    """The lines of one block of a function, including its heading."""

    function: str
    """`forward`, `loss`, `backward`, `track`, `constrain`, `infer`, or `activate`."""
    heading: str
    calls: tuple[str, ...]
    """The names of the calls that it comes from; several if calls are fused or a layer is shared."""
    lines: Lines
    statements: tuple[Written, ...]


@dataclass(frozen=True)
class SourceMap:
    """A generated file, with the origin of its lines."""

    text: str
    spans: dict[str, Span]
    """The places of each call in the `.nn` file, by its name; a call in a block has one for each call of the block."""
    pieces: tuple[Piece, ...]
    """The blocks in the order of the text; they do not overlap."""

    def lines_of(self, call: str, function: str | None = None) -> tuple[Lines, ...]:
        """The lines that come from a call, in one function or in all functions."""
        return tuple(piece.lines for piece in self.pieces if call in piece.calls and function in (None, piece.function))

    def calls_at(self, line: int) -> tuple[str, ...]:
        """The calls that a line of the generated file comes from; none if it belongs to no layer."""
        return next((piece.calls for piece in self.pieces if line in piece.lines), ())

    def calls_in(self, span: Span) -> tuple[str, ...]:
        """The calls inside a part of the `.nn` file, or around it."""
        return tuple(
            call
            for call, place in self.spans.items()
            if (span.start <= place.start and place.end <= span.end)
            or (place.start <= span.start and span.end <= place.end)
        )


def source_map(graph: Graph, source: str, options: Options = DEFAULTS) -> SourceMap:
    """The text that `compiler.generate` makes from a graph, with the origin of its lines."""
    assembler = compiler.assembler(graph, source, options)
    text = compiler.render(assembler.view(), options.formatted)
    calls = named_calls(graph)
    names = {nodes[0].call.block: name for name, nodes in calls.items()}
    names = _of_formulas(graph, names) | names
    pieces = sorted(_pieces(text, assembler.programs, names), key=lambda piece: piece.lines.first)
    return SourceMap(text, {name: nodes[-1].call.span for name, nodes in calls.items()}, tuple(pieces))


def _of_formulas(graph: Graph, names: Mapping[object, str]) -> dict[object, str]:
    """For each call in a function that only training runs, the call of the model that it belongs to."""
    makers, found = graph.makers(), dict[object, str]()
    last = list(names.values())[-1] if names else ""

    def note(formula: Formula, tensors: Iterable[Tensor]) -> None:
        made = [makers[tensor].call.block for tensor in tensors if tensor in makers]
        name = next((names[block] for block in made if block in names), last)
        found.update((node.call.block, name) for node in formula.nodes)

    for output in graph.outputs:
        if isinstance(output.loss, OwnLoss):
            note(output.loss.formula, [output.tensor])
        for _, metric in output.metrics:
            if isinstance(metric, OwnMetric):
                note(metric.formula, [output.tensor])
    for formula in graph.added:
        note(formula, formula.reads)
    for penalty in graph.penalties:
        note(penalty.formula, [node.outputs[0] for node in graph.nodes if node.layer is penalty.layer])
    return found


def _pieces(text: str, programs: Programs, names: dict[object, str]) -> Iterator[Piece]:
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    for function, planned, section in _sections(programs):
        texts = code.section_parts(planned.program, planned.plan, section)
        parts = [(statement, _count(lines)) for statement, lines in texts]
        found = iter(_body(functions[function], section))
        placed = [(statement, list(islice(found, count))) for statement, count in parts if count]
        for _, members in groupby(placed, key=lambda item: id(item[0].block)):
            statements = list(members)
            block = statements[0][0].block
            written = tuple(_written(nodes, each, planned.program.types) for each, nodes in statements)
            first = written[0].lines.first - len(code.heading(block)) * bool(block.heading)
            calls = dict.fromkeys(names[call] for call in (block.call, *block.others) if call in names)
            yield Piece(function, block.heading, tuple(calls), Lines(first, written[-1].lines.last), written)


def _sections(programs: Programs) -> Iterator[tuple[str, Planned, str]]:
    """The functions that come from the calls, each with its program and the section of it."""
    yield "infer", programs.infer, "infer"
    if programs.activate is not None:
        yield "activate", programs.activate, "activate"
    if programs.step is not None:
        for section in programs.step.program.sections():
            function = "backward" if section == "input_gradients" else section.removeprefix(MEASURE)
            yield function, programs.step, section


def _count(lines: Sequence[str]) -> int:
    """The number of Python statements for one statement of a program."""
    return len(ast.parse("\n".join(lines)).body)


def _body(function: ast.FunctionDef, section: str) -> Sequence[ast.stmt]:
    """The statements of a function that belong to a section."""
    body = function.body[1:]  # without the docstring
    if section == "input_gradients":
        last = body[-1] if body else None
        return last.body if isinstance(last, ast.If) else []
    return body


def _written(nodes: Sequence[ast.stmt], statement: Statement, kinds: dict[str, ArrayType]) -> Written:
    """A statement of a program whose text is `nodes`."""
    kind, last = kinds[statement.target], nodes[-1].end_lineno
    assert last is not None
    return Written(Lines(nodes[0].lineno, last), statement.place, kind.shape, kind.dtype)
