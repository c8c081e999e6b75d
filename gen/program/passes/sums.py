"""Pass: turns sums over the rows or columns of a matrix, and over the losses of a batch, into products with ones.

BLAS takes half the time of `np.add.reduce` for a small matrix, and an eighth for a tall one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import replace

from gen.dims import Shape, product
from gen.passes import exact
from gen.program import ops
from gen.program.ir import Constant, Program, Statement, operation, reads, substitute
from gen.program.types import NUMBER, ArrayType


@exact(
    "sums",
    does="turns sums over a matrix into products with a vector of ones, which BLAS computes in half the time",
    because="the products add the same numbers, in another order",
)
def sums_as_products(program: Program) -> Program:
    """`program`, with products in place of sums; the ones are its parameters, `b.ones_batch`, `b.ones_10`.

    If their number is a longer formula, their name comes from the sum: `b.ones_x_bias`.
    """
    names = known_constants("ones", program)
    bases = {statement.target: reads(statement.value)[0] for statement in program.statements if statement.op.view}

    def ones(shape: Shape, total: str, operand: str) -> str:
        if shape not in names:
            names[shape] = name_of_constant(
                "ones", shape, program, names.values(), (total, bases.get(operand, operand))
            )
        return names[shape]

    class Totals(ast.NodeTransformer):
        """`np.add.reduce(losses)`, over a whole batch, inside the formula of a number."""

        def __init__(self, total: str) -> None:
            self.total = total

        def visit_Call(self, node: ast.Call) -> ast.expr:
            self.generic_visit(node)
            operand = node.args[0] if node.args else None
            if ops.of(node) is not ops.SUM or not isinstance(operand, ast.Name):
                return node
            kind = program.types.get(operand.id)
            if kind is None or kind.dtype != "float" or not kind.contiguous:
                return node
            whole = len(kind.shape) == 1 or [ast.unparse(item) for item in node.keywords] == ["axis=None"]
            if not whole or isinstance(size := product(kind.shape), int):
                return node
            return operation(ops.VDOT, ones((size,), self.total, operand.id), operand)

    def as_product(statement: Statement) -> Statement:
        if program.types[statement.target] is NUMBER:
            return replace(statement, value=Totals(statement.target).visit(substitute(statement.value, {})))
        if statement.op is not ops.SUM:
            return statement
        assert isinstance(statement.value, ast.Call)
        (operand,) = statement.value.args
        options = {item.arg: ast.literal_eval(item.value) for item in statement.value.keywords}
        if not isinstance(operand, ast.Name):
            return statement
        kind = program.types[operand.id]
        if len(kind.shape) != 2 or kind.dtype != "float" or not kind.contiguous:
            return statement
        rows, columns = kind.shape
        of = statement.target, operand.id
        if options == {"axis": 0}:
            value = operation(ops.DOT, ones((rows,), *of), operand)
        elif options in ({"axis": 1}, {"axis": -1}):
            value = operation(ops.DOT, operand, ones((columns,), *of))
        elif options in ({"axis": 1, "keepdims": True}, {"axis": -1, "keepdims": True}):
            value = operation(ops.DOT, operand, ones((columns, 1), *of))
        else:
            return statement
        return replace(statement, value=value)

    statements = [as_product(statement) for statement in program.statements]
    return with_constants(program.with_statements(statements), "ones", names)


def name_of_constant(kind: str, shape: Shape, program: Program, known: Collection[str], of: tuple[str, str]) -> str:
    """A parameter for an array of ones or zeros that no variable has the name of: `b.ones_batch`, `b.zeros_batch_32`.

    Where its size is a longer formula, it is named after what it is first needed for, the result or the operand that
    `of` holds: `b.ones_x_bias`.  `known` are the parameters so far.
    """
    name = f"{kind}_{_sizes(shape) or _purpose(program, *of)}"
    while name in program.taken or f"b.{name}" in (*program.types, *known):
        name += "_"
    return f"b.{name}"


def _sizes(shape: Shape) -> str:
    """`batch`, `10_1`, `4_batch`: the sizes of an array, unless one is a longer formula."""
    words = [word for size in shape for word in str(size).split(" * ")]
    return "_".join(words) if all(re.fullmatch(r"\w+", word) for word in words) else ""


def _purpose(program: Program, total: str, summed: str) -> str:
    """The purpose of a vector: the weight or the loss whose sum it makes, or else the summed array."""
    weight = program.pinned.get(total, "").removeprefix("g.")
    named = (
        names[name]
        for names in (program.names, program.soft, program.fallback)
        for name in (total, summed)
        if name in names
    )
    return weight or next(named, total if total.isidentifier() else "rows")


def with_constants(program: Program, kind: str, names: dict[Shape, str]) -> Program:
    """`program`, with these arrays of ones or zeros among its parameters."""
    return replace(
        program,
        types=program.types | {name: ArrayType(shape) for shape, name in names.items()},
        parameters=program.parameters | set(names.values()),
        constants=program.constants | {name: Constant(kind, shape) for shape, name in names.items()},
        taken=program.taken | {name.removeprefix("b.") for name in names.values()},
    )


def known_constants(kind: str, program: Program) -> dict[Shape, str]:
    """The arrays of ones or zeros that are already parameters of a program, by shape."""
    return {constant.shape: name for name, constant in program.constants.items() if constant.kind == kind}
