"""The page of `gen explain`, one HTML file: a `.nn` file, its graph, and its generated code.

Everything that belongs to a call of the file has the call's key in `data-keys`: the expression in the text, the vertex
in the graph, the passages of forward and backward, the row of the table.  The script of the page highlights everything
that shares a key with the element under the pointer.  The page contains its style and its script, and forbids all
others.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType, is_token_subtype

from gen import compiler
from gen.components.base import registry
from gen.components.docstrings import docstring
from gen.diagnostics import Diagnostics, Source, Span
from gen.dims import show
from gen.emit.footprint import bytes_text
from gen.graph.graph import Graph
from gen.inspect.diagram.diagram import diagram_of
from gen.inspect.diagram.svg import svg
from gen.inspect.facts import CallFacts, Edge, Facts, describe_model
from gen.inspect.sourcemap import SourceMap, source_map
from gen.inspect.summary import count_text
from gen.language import syntax
from gen.language.elaborate import observe
from gen.pygments import NnLexer

_COLOURS: dict[_TokenType, str] = {
    Comment: "comment", Keyword: "keyword", String: "string", Number: "number",
    Name.Class: "kind", Name.Builtin: "kind", Name.Function: "defined", Name.Attribute: "option",
}  # fmt: skip
NO_CODE = "This has no code of its own"
PAGE_NUMBER = 'data-page="{}"'
"""The number of a live page: 0 until it is sent."""
LEFT, RIGHT = ("forward", "loss"), ("backward",)
PREDICTION = ("infer", "activate")


@dataclass(frozen=True)
class Row:
    """A call in the table."""

    key: str
    name: str
    kind: str
    shapes: str
    formula: str
    parameters: str
    forward: str
    backward: str
    memory: str


@dataclass(frozen=True)
class Pane:
    """A column of generated code."""

    title: str
    code: Markup


def page(
    source: Source,
    graph: Graph,
    batch: int = 32,
    steps: int | None = None,
    options: compiler.Options = compiler.DEFAULT,
    live: bool = False,
) -> str:
    """The page about a checked model, with figures for a batch of this many rows; with `live`, it asks for newer pages.

    Raises `SizeError` if `steps` is less than the model needs.
    """
    facts = describe_model(graph, batch, steps, options)
    name = Path(source.path).name
    mapped = source_map(graph, name, options)
    functions = {node.name: node for node in ast.parse(mapped.text).body if isinstance(node, ast.FunctionDef)}
    lines = _coloured(mapped.text, PythonLexer())
    columns = (LEFT, RIGHT) if "backward" in functions else (PREDICTION,)
    panes = [
        Pane(", ".join(shown), Markup("\n").join(_function(functions[each], mapped, lines) for each in shown))
        for shown in (tuple(each for each in column if each in functions) for column in columns)
    ]
    return _render(
        live,
        title=graph.docstring.partition("\n")[0] if graph.docstring else name,
        name=name,
        source=_source(source, facts),
        picture=_picture(facts),
        panes=panes,
        rows=[_row(call) for call in facts.calls],
        totals=_totals(facts),
        sizes=", ".join(f"{symbol} {size}" for symbol, size in facts.sizes.items()),
    )


def problem(name: str, report: str) -> str:
    """The page that replaces another one while the file has errors."""
    return _render(True, title=name, name=name, report=report)


def _render(live: bool, **values: Any) -> str:
    folder = Path(__file__).parent
    style, script = ((folder / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    if live:
        script += (folder / "live.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" + "; connect-src 'self'" * live
    )
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((folder / "page.html.jinja").read_text("utf-8"))
    number = Markup(PAGE_NUMBER.format(0)) if live else ""
    marked = {"style": Markup(style), "script": Markup(script)}
    return template.render({"policy": policy, "number": number, "report": None, **marked, **values})


# --------------------------------------------------------------------------------------------------------- the .nn file


def _source(source: Source, facts: Facts) -> Markup:
    """The text of the file, with an element for each call and each input.

    An expression in a function, a method, or a loop has the keys of all its calls.  Statements without code are in
    elements of the class `idle`.
    """
    keys: dict[tuple[int, int], list[str]] = {}
    for item in facts.inputs:
        keys.setdefault((item.span.start, item.span.end), []).append(f"input:{item.name}")
    for call in facts.calls:
        keys.setdefault((call.span.start, call.span.end), []).append(f"call:{call.name}")
    spans = [(Span(*place), found) for place, found in keys.items()]
    opened: dict[int, list[list[str]]] = {span.start: [] for span, _ in spans}
    closed = {span.end: 0 for span, _ in spans}
    for span, found in sorted(spans, key=lambda item: item[0].start - item[0].end):  # the longest contain others
        opened[span.start].append(found)
        closed[span.end] += 1
    for span in _idle(source, sorted(span.start for span, _ in spans)):
        opened.setdefault(span.start, []).append([])
        closed[span.end] = closed.get(span.end, 0) + 1
    return Markup("").join(_marked(source.text, opened, closed))


def _idle(source: Source, starts: Sequence[int]) -> Iterator[Span]:
    """The statements without code; `starts` are the beginnings of the calls and inputs with code.

    `compile` has the loss and the optimizer.
    """
    diagnostics = Diagnostics()
    file = compiler.parse(source, diagnostics)
    observed = observe(file, source, diagnostics)

    def idle(statements: Iterable[syntax.Statement]) -> Iterator[Span]:
        for statement in statements:
            span, bodies = statement.span, list(syntax.bodies(statement))
            has_code = bisect_left(starts, span.start) < bisect_left(starts, span.end) or span in observed.calling
            compiles = any(getattr(call.function, "name", "") == "compile" for call in syntax.calls([statement]))
            if not has_code and not compiles:
                yield span
            for body in bodies if has_code or compiles else ():
                yield from idle(body)

    if observed.graph is not None:  # the file may need values from outside
        yield from idle(file.statements)


def _marked(text: str, opened: dict[int, list[list[str]]], closed: dict[int, int]) -> Iterator[Markup]:
    edges = sorted({0, len(text), *opened, *closed})
    tokens = list(_tokens(text, NnLexer()))
    for start, end in zip(edges, [*edges[1:], len(text)], strict=True):
        yield Markup("</span>") * closed.get(start, 0)
        for found in opened.get(start, ()):
            if found:
                yield Markup('<span class="link" tabindex="0" data-keys="{}">').format(" ".join(found))
            else:
                yield Markup('<span class="idle" title="{}">').format(NO_CODE)
        for place, kind, word in tokens:
            part = word[max(start - place, 0) : max(end - place, 0)]
            if part:
                yield _token(kind, part)


# --------------------------------------------------------------------------------------------------- the generated file


def _function(node: ast.FunctionDef, mapped: SourceMap, lines: Sequence[Markup]) -> Markup:
    """A function, with an element for each piece."""
    parts: list[Markup] = []
    position, end = node.lineno, node.end_lineno or node.lineno
    for piece in (piece for piece in mapped.pieces if position <= piece.lines.first <= end):
        parts += [_line(i, lines) for i in range(position, piece.lines.first)]
        shapes = {each.lines.last: show(each.shape) for each in piece.statements if each.shape}
        inside = range(piece.lines.first, piece.lines.last + 1)
        code = Markup("").join(_line(i, lines, shapes.get(i, "")) for i in inside)
        keys = " ".join(f"call:{call}" for call in piece.calls)
        parts.append(Markup('<div class="link" data-keys="{}">{}</div>').format(keys, code) if keys else code)
        position = piece.lines.last + 1
    parts += [_line(i, lines) for i in range(position, end + 1)]
    return Markup('<section id="{}">{}</section>').format(node.name, Markup("").join(parts))


def _line(number: int, lines: Sequence[Markup], shape: str = "") -> Markup:
    said = Markup(' data-shape="{}"').format(shape) if shape else Markup("")
    return Markup('<div class="line" data-line="{}"{}><code>{}</code></div>').format(number, said, lines[number - 1])


# ---------------------------------------------------------------------------------------------------------- the figures


def _row(call: CallFacts) -> Row:
    sources = ", ".join(show(edge.shape) for edge in call.inputs)
    return Row(
        key=f"call:{call.name}",
        name=call.name,
        kind=call.kind,
        shapes=f"{sources} → {show(call.shape)}",
        formula="; ".join(_formulas(call)),
        parameters="shared" if call.shared and not call.parameters else f"{call.parameters:,}",
        forward=count_text(call.forward),
        backward=count_text(call.backward),
        memory=bytes_text(call.memory),
    )


def _formulas(call: CallFacts) -> Iterator[str]:
    """The formulas of a layer and its activation."""
    words = re.findall(r"\w+", call.kind)[1:]  # an operator has no formula
    activations = (registry["activation"][word] for word in words if word in registry["activation"])
    return filter(None, (docstring(component).formula for component in (call.component, *activations)))


def _totals(facts: Facts) -> list[tuple[str, str]]:
    return [
        ("parameters", f"{facts.parameters:,}"),
        *((f"{part}, FLOP", count_text(count)) for part, count in facts.operations.items()),
        *((f"memory, {part}", bytes_text(count)) for part, count in facts.memory.items()),
    ]


def _picture(facts: Facts) -> Markup:
    """The graph, with the same keys as everything else; an output has the key of its call."""
    given = {output.name: _source_key(output.source) for output in facts.outputs}

    def keyed(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return f'<g class="link" tabindex="-1" data-keys="{given[name] if kind == "output" else f"{kind}:{name}"}"'

    return Markup(re.sub(r'<g class="\w+" data-(call|input|output)="([^"]*)"', keyed, svg(diagram_of(facts))))


def _source_key(edge: Edge) -> str:
    return f"{'input' if edge.from_input else 'call'}:{edge.source}"


# -------------------------------------------------------------------------------------------------------------- colours


def _coloured(text: str, lexer: Lexer) -> list[Markup]:
    """Each line of a text, with colors for its words."""
    lines: list[list[Markup]] = [[]]
    for _, kind, word in _tokens(text, lexer):
        for index, part in enumerate(word.split("\n")):
            if index:
                lines.append([])
            if part:
                lines[-1].append(_token(kind, part))
    return [Markup("").join(line) for line in lines]


def _tokens(text: str, lexer: Lexer) -> Iterable[tuple[int, _TokenType, str]]:
    yield from lexer.get_tokens_unprocessed(text)


def _token(kind: _TokenType, word: str) -> Markup:
    name = next((name for token, name in _COLOURS.items() if is_token_subtype(kind, token)), None)
    return Markup('<span class="{}">{}</span>').format(name, word) if name else escape(word)
