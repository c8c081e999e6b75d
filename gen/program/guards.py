"""Pass: a statement that only runs under a condition works in place; what it would spoil for others is copied first."""

from __future__ import annotations

import ast
from dataclasses import replace

from gen.program.ir import ArrayType, Program, Statement, operation, reads, substitute
from gen.program.storage import is_view


def protect_guarded(program: Program) -> Program:
    """`program` in which the first operand of each guarded statement is memory that nobody else reads."""
    readers: dict[str, int] = {}
    for statement in program.statements:
        for name in reads(statement.value):
            readers[name] = readers.get(name, 0) + 1
    views = {statement.target for statement in program.statements if is_view(statement)}
    kept = {name for names in program.kept.values() for name in names}
    types = dict(program.types)
    statements: list[Statement] = []
    for statement in program.statements:
        operand = reads(statement.value)[0] if statement.guard is not None else None
        if operand is not None and (readers[operand] > 1 or operand in views or operand in kept or "#" not in operand):
            copy = f"{operand}'"
            types[copy] = ArrayType(types[operand].shape, types[operand].dtype)
            value = operation("np.positive", operand)
            statements.append(Statement(copy, value, statement.section, statement.block, None, statement.place))
            statement = replace(
                statement, value=substitute(statement.value, {operand: ast.Name(copy, ast.Load())})
            )
        statements.append(statement)
    return replace(program, statements=tuple(statements), types=types)
