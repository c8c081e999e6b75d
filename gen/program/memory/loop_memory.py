"""Pass: plans the memory of each step of a loop; its buffers are results of the loop.

So these buffers have names, and can share memory with others before and after, like everything outside the loop.
Numbers become arrays that are made before the loop: NumPy takes three times as long to make an array of a Python number
as to multiply a small array by it.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from gen.program.ir import Loop, Program, Role, Statement
from gen.program.memory.planning import SCRATCH, plan_memory


def plan_loops(program: Program, reuse: bool = True) -> Program:
    """`program`, with a plan in each of its loops."""
    types, names, taken = dict(program.types), dict(program.names), set(program.taken)
    numbers: dict[float, str] = {}

    def planned(statement: Statement) -> Statement:
        loop = statement.loop
        if loop is None:
            return statement
        loop = _with_numbers(loop, numbers, taken)
        within = plan_memory(replace(loop.body, taken=frozenset(taken)), reuse=reuse)
        buffers = [f"{statement.target}.scratch{i}" for i in range(len(within.buffers))]
        scratch = set()
        for name, buffer in zip(buffers, within.buffers, strict=True):
            types[name] = buffer.type
            held = [variable for segment in buffer.segments for variable in segment.variables]
            scratch.update(held)
            said = [segment.attribute for segment in buffer.segments if not segment.attribute.startswith(SCRATCH)]
            if named := [variable for variable in held if variable in loop.body.names]:
                names[name] = loop.body.names[named[0]]
            elif said:
                names[name] = said[0]
        taken.update(name for variable, name in within.display.items() if variable not in scratch)
        gives = (*loop.gives, *(Role("scratch", name) for name in buffers))
        return replace(statement, more=(*statement.more, *buffers), loop=replace(loop, plan=within, gives=gives))

    statements = tuple(map(planned, program.statements))
    return replace(program, statements=statements, types=types, names=names, taken=frozenset(taken))


def _with_numbers(loop: Loop, numbers: dict[float, str], taken: set[str]) -> Loop:
    """`loop` with a name for each number beside an array, the same in all loops; the names join `taken`."""
    used: dict[float, str] = {}

    def named(item: ast.expr) -> ast.expr:
        if not isinstance(item, ast.Constant) or not isinstance(item.value, float):
            return item
        if item.value not in numbers:
            word = {0.0: "zero", 0.5: "half", 1.0: "one"}.get(item.value, "number")
            count = 1
            while (name := word if count == 1 else f"{word}_{count}") in taken:
                count += 1
            taken.add(name)
            numbers[item.value] = name
        used[item.value] = numbers[item.value]
        return ast.Name(used[item.value], ast.Load())

    def changed(statement: Statement) -> Statement:
        value = statement.value
        if not statement.op.replaces_any or not isinstance(value, ast.Call):
            return statement
        return replace(statement, value=ast.Call(value.func, list(map(named, value.args)), value.keywords))

    body = loop.body.with_statements([changed(statement) for statement in loop.body.statements])
    return replace(loop, body=body, numbers=tuple((name, value) for value, name in used.items()))
