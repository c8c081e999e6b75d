"""Pass: removes statements whose result nobody reads; moves what only `check` needs out of the training step."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from gen.passes import exact
from gen.program.ir import Program, Statement, reads


@exact(
    "prune",
    does="removes statements whose result nobody reads; `input_gradients` takes those that only `check` needs",
    because="nobody reads the results",
)
def prune(program: Program, results: Iterable[ast.expr], places: Iterable[str] = ()) -> Program:
    """`program` without statements that lead nowhere.

    A section needs what it must leave behind: what is pinned, kept, or returned, and the variables in `places`.  In
    `backward`, statements that only the gradients of the inputs need become the section `input_gradients`.
    """
    outside = {name for section, names in program.kept.items() if section != "input_gradients" for name in names}
    outside |= set(places)
    outside |= {name for value in results for name in reads(value)}
    checked = set(program.kept.get("input_gradients", ()))
    step = _live(program.statements, outside | (set(program.pinned) - checked))
    everything = step | _live(program.statements, checked)
    ordered: list[Statement] = []
    moved: list[Statement] = []
    tail: list[Statement] = []
    for statement in program.statements:
        if id(statement) in step:
            (tail if statement.section in ("input_gradients", "track", "constrain") else ordered).append(statement)
        elif id(statement) in everything:
            moved.append(replace(statement, section="input_gradients"))
    return program.with_statements([*ordered, *moved, *tail])


def _live(statements: tuple[Statement, ...], needed: set[str]) -> set[int]:
    """The statements, by identity, that the variables in `needed` depend on."""
    needed = set(needed)
    live = set()
    for statement in reversed(statements):
        if statement.changes or not needed.isdisjoint(statement.targets):
            live.add(id(statement))
            needed.update(reads(statement.value))
    return live
