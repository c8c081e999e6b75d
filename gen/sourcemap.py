"""Which lines of a generated file compute which call of the `.nn` file.

    text of the file, programs ──passages──▶ lines of each function, with the call that they come from

The emitter writes a comment above the statements of each call.  Black moves lines, but leaves comments as they are and
in their order: so they are looked for in the finished text, in the order in which they were written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from gen.dims import Shape
from gen.emit.code import heading
from gen.program.ir import Block, Program, Statement
from gen.program.planned import Planned, Programs

SECTIONS = {
    "forward": ("forward",),
    "loss": ("loss",),
    "backward": ("backward", "input_gradients"),
    "track": ("track",),
    "infer": ("infer",),
    "activate": ("activate",),
}
"""The functions of a generated file that come from calls, each with the sections of the program in it."""

_BETWEEN = ("if wanted:", "return ")
"""How lines begin that stand behind a passage and are none of it."""


@dataclass(frozen=True)
class Passage:
    """Lines that follow each other in a function, from 1 and both included: a comment, and statements of one call."""

    first: int
    last: int
    call: object
    """`Call.block` of the call, or the `Output` that a loss is of; None for what belongs to no single one."""
    shapes: dict[str, Shape]
    """The arrays that are computed here, by each name that the text has for them."""


@dataclass(frozen=True)
class Function:
    """A function of a generated file: its lines, from 1 and both included, and the passages in it."""

    name: str
    first: int
    last: int
    passages: tuple[Passage, ...]


def functions(text: str, programs: Programs) -> list[Function]:
    """The functions of a generated file whose statements come from calls, in the order of the file."""
    lines = text.split("\n")
    planned = {section: each for each in programs.planned() for section in each.program.sections()}
    return [
        Function(node.name, node.lineno, node.end_lineno or node.lineno, tuple(_passages(node, lines, planned)))
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name in SECTIONS
    ]


def _passages(node: ast.FunctionDef, lines: Sequence[str], planned: dict[str, Planned]) -> Iterator[Passage]:
    found = []
    position, end = node.lineno, node.end_lineno or node.lineno
    for section in SECTIONS[node.name]:
        if section not in planned:
            continue
        for block, statements in _blocks(planned[section].program, section):
            comment = heading(block)
            last = next((i for i in range(position, end) if lines[i].strip() == comment[-1]), None)
            if last is not None:  # else all that the block holds is computed elsewhere
                found.append((last - len(comment) + 1, block, _shapes(statements, planned[section])))
                position = last + 1
    for (first, block, shapes), after in zip(found, [*(start for start, _, _ in found[1:]), end], strict=True):
        while not lines[after - 1].strip() or lines[after - 1].lstrip().startswith(_BETWEEN):
            after -= 1
        yield Passage(first + 1, after, block.call, shapes)


def _blocks(program: Program, section: str) -> Iterator[tuple[Block, list[Statement]]]:
    """The blocks of a section that have a comment, with their statements."""
    statements = [statement for statement in program.statements if statement.section == section]
    for _, members in groupby(statements, key=lambda statement: id(statement.block)):
        items = list(members)
        if items[0].block.heading:
            yield items[0].block, items


def _shapes(statements: Sequence[Statement], planned: Planned) -> dict[str, Shape]:
    """The shapes of what statements compute, by local name, by buffer (`b.h`) and by place (`g.h_kernel`)."""
    shapes: dict[str, Shape] = {}
    program, plan = planned.program, planned.plan
    for statement in statements:
        for target in statement.targets:
            shape, segment = program.types[target].shape, plan.segments.get(target)
            names = [plan.display.get(target), program.pinned.get(target)]
            if segment is not None:
                names += [segment.place or f"b.{segment.attribute}"]
            shapes |= {name: shape for name in names if name is not None and shape}
    return shapes
