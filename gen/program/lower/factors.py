"""The factors that a step multiplies one after another become one factor, which is computed before the loop.

(d · a) · b is d · (a · b).  If d depends on the states, and a and b do not, the slopes of all activations are
multiplied for all steps at once, and each step multiplies once.  If several such products of one d are side by side, so
are their factors.  Exact except for the order of multiplications.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from gen.program import fence, ops
from gen.program.ir import Statement, operation, reads
from gen.program.lower.builder import Builder
from gen.program.types import Array, ArrayType


def join_factors(build: Builder, level: dict[str, int], type_of: Callable[[str], ArrayType]) -> None:
    """Rewrite the statements of a step; `level` says what a variable depends on: 2 is the states."""
    statements, build.statements = build.statements, []
    build.prefix += "_factor"
    products: dict[str, tuple[str, str]] = {}
    """By variable: what it is the product of, of which only the first depends on the states."""
    for statement in statements:
        if (view := _view_of_product(build, level, type_of, products, statement)) is not None:
            products[statement.target] = view
            build.statements.append(statement)
            level[statement.target] = 2
            continue
        factored = _factored(build, level, type_of, products, statement)
        if factored is not None:
            base, factor = products[statement.target] = factored
            statement = replace(statement, value=operation(ops.MULTIPLY, base, factor))
        build.statements.append(statement)
        deepest = max((level.get(name, 0) for name in reads(statement.value)), default=0)
        level.update(dict.fromkeys(statement.targets, deepest))


def _view_of_product(
    build: Builder,
    level: dict[str, int],
    type_of: Callable[[str], ArrayType],
    products: dict[str, tuple[str, str]],
    statement: Statement,
) -> tuple[str, str] | None:
    """What a product is the product of that only gets another axis before the others."""
    if statement.op is not ops.RESHAPE:
        return None
    (name,) = reads(statement.value)
    shape = build.types[statement.target].shape
    if name not in products or shape != (1, *type_of(name).shape):
        return None
    base, factor = products[name]
    view = build.reshape(Array(factor, type_of(factor)), shape)
    level[view.name] = 1
    return base, view.name


def _factored(
    build: Builder,
    level: dict[str, int],
    type_of: Callable[[str], ArrayType],
    products: dict[str, tuple[str, str]],
    statement: Statement,
) -> tuple[str, str] | None:
    """What a statement is the product of."""
    names, kind = reads(statement.value), build.types[statement.target]
    if statement.op is ops.MULTIPLY and len(names) == 2:
        deep = [name for name in names if level.get(name, 0) == 2]
        if len(deep) != 1:
            return None
        (base,) = deep
        factor = names[1 - names.index(base)]
        if base in products:
            first, second = products[base]
            if type_of(second).shape == kind.shape or type_of(factor).shape == kind.shape:
                joined = build.call(ops.MULTIPLY, Array(second, type_of(second)), Array(factor, type_of(factor)))
                level[joined.name] = 1
                return first, joined.name
            return None
        return (base, factor) if type_of(factor).shape == kind.shape else None
    if statement.op not in (ops.STACK, ops.CONCATENATE) or any(name not in products for name in names):
        return None
    bases = {products[name][0] for name in names}
    factors = [products[name][1] for name in names]
    shapes = [type_of(factor).shape for factor in factors]
    dtypes = {type_of(factor).dtype for factor in factors}
    plain = len(bases) == 1 and len(dtypes) == 1 and shapes == [build.types[name].shape for name in names]
    base = bases.pop()
    if not plain or fence.broadcast(build.types[base].shape, kind.shape) != kind.shape:
        return None
    assert isinstance(statement.value, ast.Call)
    options = {item.arg: item.value for item in statement.value.keywords if item.arg}
    joined = build.emit(
        operation(statement.op, tuple(ast.Name(factor, ast.Load()) for factor in factors), **options),
        ArrayType(kind.shape, dtypes.pop()),
    )
    level[joined.name] = 1
    return base, joined.name
