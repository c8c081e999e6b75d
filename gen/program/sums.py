"""Pass: sums over the rows or the columns of a matrix, and of the losses of a batch, become products with ones.

BLAS takes half the time of `np.add.reduce` for a small matrix, and an eighth for a tall one.
"""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import replace

from gen.dims import Shape, product
from gen.program.ir import NUMBER, ArrayType, Program, Statement, callee, operation


def sums_as_products(program: Program) -> Program:
    """`program` with products in place of sums; the ones are parameters of it, `b.ones_batch`, `b.ones_10`."""
    types = dict(program.types)
    names: dict[Shape, str] = {}

    def ones(shape: Shape) -> str:
        if shape not in names:
            names[shape] = name_of_constant("ones", shape, program)
            types[names[shape]] = ArrayType(shape)
        return names[shape]

    class Totals(ast.NodeTransformer):
        """`np.add.reduce(losses)`, over all of a batch, inside the formula of a number."""

        def visit_Call(self, node: ast.Call) -> ast.expr:
            self.generic_visit(node)
            operand = node.args[0] if node.args else None
            kind = program.types.get(operand.id) if isinstance(operand, ast.Name) else None
            if callee(node) != "np.add.reduce" or kind is None or kind.dtype != "float" or not kind.contiguous:
                return node
            whole = len(kind.shape) == 1 or [ast.unparse(item) for item in node.keywords] == ["axis=None"]
            if not whole or isinstance(size := product(kind.shape), int):
                return node
            return operation("np.vdot", ones((size,)), operand)

    def as_product(statement: Statement) -> Statement:
        if program.types[statement.target] is NUMBER:
            return replace(statement, value=Totals().visit(copy.deepcopy(statement.value)))
        if callee(statement.value) != "np.add.reduce":
            return statement
        assert isinstance(statement.value, ast.Call)
        (operand,) = statement.value.args
        options = {item.arg: ast.literal_eval(item.value) for item in statement.value.keywords}
        kind = program.types[operand.id] if isinstance(operand, ast.Name) else None
        if kind is None or len(kind.shape) != 2 or kind.dtype != "float" or not kind.contiguous:
            return statement
        rows, columns = kind.shape
        if options == {"axis": 0}:
            value = operation("np.dot", ones((rows,)), operand)
        elif options in ({"axis": 1}, {"axis": -1}):
            value = operation("np.dot", operand, ones((columns,)))
        elif options in ({"axis": 1, "keepdims": True}, {"axis": -1, "keepdims": True}):
            value = operation("np.dot", operand, ones((columns, 1)))
        else:
            return statement
        return replace(statement, value=value)

    statements = [as_product(statement) for statement in program.statements]
    taken = program.taken | {name.removeprefix("b.") for name in names.values()}
    parameters = program.parameters | set(names.values())
    return replace(program, statements=tuple(statements), types=types, parameters=parameters, taken=taken)


def name_of_constant(kind: str, shape: Shape, program: Program) -> str:
    """A parameter for an array of ones or zeros of this shape that no variable has the name of: `b.ones_batch`."""
    name = "_".join([kind, *(re.sub(r"\W+", "_", str(size)) for size in shape)])
    while name in program.taken | program.claimed:
        name += "_"
    return f"b.{name}"


def constants(program: Program) -> dict[str, Shape]:
    """The arrays of ones and of zeros that a program reads, by name without owner, in order."""
    found = sorted(name for name in program.parameters if re.match(r"b\.(ones|zeros)_\w+$", name))
    return {name.removeprefix("b."): program.types[name].shape for name in found}
