"""Pass: gives memory of their own to statements that work in place by nature, and copies what others still read.

These are statements that run under a condition, and calls of kernels that overwrite their first argument.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from gen.program import ops
from gen.program.ir import Program, Statement, operation, reads, substitute
from gen.program.types import ArrayType


def protect_guarded(program: Program) -> Program:
    """`program`, in which nobody reads the first operand of such a statement afterwards."""
    last: dict[str, int] = {}
    bases: dict[str, str] = {}
    plain: set[str] = set()
    for i, statement in enumerate(program.statements):
        last.update(dict.fromkeys(reads(statement.value), i))
        if statement.op.view:
            bases[statement.target] = reads(statement.value)[0]
            if statement.op.plain:
                plain.add(statement.target)
    last.update({name: len(program.statements) for names in program.kept.values() for name in names})

    def root(name: str) -> str:
        while name in bases:
            name = bases[name]
        return name

    ends: dict[str, int] = {}
    for name, at in last.items():
        ends[root(name)] = max(ends.get(root(name), -1), at)

    outside = program.parameters | set(program.pinned)
    types = dict(program.types)
    statements: list[Statement] = []
    for i, statement in enumerate(program.statements):
        spoils = statement.guard is not None or statement.op.overwrites
        operand = reads(statement.value)[0] if spoils else None
        if operand is not None:
            whole = all(name in plain for name in _path(operand, bases))
            if not whole or ends[root(operand)] > i or root(operand) in outside:
                copy = f"{operand}'"
                types[copy] = ArrayType(types[operand].shape, types[operand].dtype)
                statements.append(replace(statement, target=copy, value=operation(ops.COPY, operand), guard=None))
                value = substitute(statement.value, {operand: ast.Name(copy, ast.Load())})
                statement = replace(statement, value=value)
        statements.append(statement)
    return replace(program, statements=tuple(statements), types=types)


def _path(name: str, bases: dict[str, str]) -> list[str]:
    """The views from `name` down to the memory that they show."""
    found = []
    while name in bases:
        found.append(name)
        name = bases[name]
    return found
