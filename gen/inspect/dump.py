"""Prints the result of each stage of the compiler."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

from gen import compiler
from gen.compiler import Options
from gen.components.base import describe
from gen.diagnostics import Diagnostics, Source, Span
from gen.dims import show
from gen.emit.black_layout import format_python
from gen.given import Given
from gen.graph.graph import Graph
from gen.program.ir import Program
from gen.program.memory.planned import Planned


def dump(
    source: Source, stage: str, options: Options, diagnostics: Diagnostics, given: Given, asked: str = ""
) -> str | None:
    """The text of a stage; None if the file has errors, which `diagnostics` then contains."""
    if stage == "syntax":
        return "\n".join(_tree(compiler.parse(source, diagnostics)))
    graph = compiler.understand(source, diagnostics, given, asked)
    if graph is None:
        return None
    if stage == "graph":
        return "\n".join(_graph(graph))
    if stage == "rewritten":
        return "\n".join(_graph(compiler.rewrite(graph, options)))
    if stage == "text":
        return compiler.generate(graph, source.path.rpartition("/")[2], options).rstrip("\n")
    if stage == "functions":
        return functions(graph, source.path.rpartition("/")[2], options)
    bare = Options(options.inference, options.passes - {"prune"}, options.verify) if stage == "lowered" else options
    programs = compiler.programs(graph, bare)
    printer = _memory if stage == "memory" else lambda planned: _statements(planned.program)
    return "\n\n".join("\n".join(printer(planned)) for planned in programs)


def functions(graph: Graph, source: str, options: Options) -> str:
    """The model's own part of the generated file, formatted."""
    view = compiler.view(graph, source, options)
    return format_python("\n\n\n".join([*view.helpers, *view.functions])).rstrip("\n")


def _tree(node: object, name: str = "", depth: int = 0) -> Iterator[str]:
    """A dataclass and its fields, one on each line, without spans."""
    label = "  " * depth + (f"{name}: " if name else "")
    if is_dataclass(node) and not isinstance(node, Span):
        yield label + type(node).__name__
        for item in fields(node):
            value = getattr(node, item.name)
            if not isinstance(value, Span):
                yield from _tree(value, item.name, depth + 1)
    elif isinstance(node, tuple) and node:
        yield label.rstrip(" ")
        for item in node:
            yield from _tree(item, "", depth + 1)
    else:
        yield f"{label}{node!r}"


def _graph(graph: Graph) -> Iterator[str]:
    for item in graph.inputs:
        yield f"input   {item.name}: {show(item.tensor.shape)} {item.tensor.dtype}"
    for node in graph.nodes:
        outputs = ", ".join(f"{tensor.name}: {show(tensor.shape)}" for tensor in node.outputs)
        inputs = ", ".join(tensor.name for tensor in node.inputs)
        masks = "".join(f", mask={mask.name}" for mask in node.masks if mask is not None)
        yield f"call    {outputs} = {node.layer.name}: {describe(node.layer.component)}({inputs}{masks})"
    for layer in graph.layers:
        for name, weight in layer.weights.items():
            frozen = "" if layer.trainable and weight.trainable else " frozen"
            yield f"weight  {layer.name}/{name}: {show(weight.shape)} {describe(weight.initializer)}{frozen}"
    for output in graph.outputs:
        loss = f" {describe(output.loss)} * {output.loss_weight:g}" if output.loss else ""
        origin = (output.loss_input or output.tensor).name
        metrics = "".join(f" {name}" for name, _ in output.metrics)
        yield f"output  {output.name}: {show(output.tensor.shape)} = {origin}{loss}{metrics}"
    if graph.training:
        yield f"train   {describe(graph.training.optimizer)} {graph.training.fit or ''}".rstrip()


def _statements(program: Program) -> Iterator[str]:
    section = ""
    for statement in program.statements:
        if statement.section != section:
            section = statement.section
            yield f"{section}:"
        kind = program.types[statement.target]
        guard = f"  if {statement.guard}" if statement.guard else ""
        targets, value = ", ".join(statement.targets), ast.unparse(statement.value)
        yield f"  {targets}: {show(kind.shape)} {kind.dtype} = {value}{guard}"
        if statement.loop is not None:
            yield from (f"    {line}" for line in _statements(statement.loop.body))
    for name, place in program.pinned.items():
        yield f"  {name} → {place}"


def _memory(planned: Planned) -> Iterable[str]:
    plan = planned.plan
    for buffer in plan.buffers:
        yield f"buffer {show(buffer.type.shape)} {buffer.type.dtype}"
        for segment in buffer.segments:
            yield f"  {segment.attribute}: {', '.join(segment.variables)}"
