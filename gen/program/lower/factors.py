"""The factors that a step multiplies one after another become one factor, which is computed before the loop.

(d · a) · b is d · (a · b).  If d depends on the states, and a and b do not, the slopes of all activations are
multiplied for all steps at once, and each step multiplies once.  Where several such products are laid side by side, so
are their factors.  Exact but for the order in which numbers are multiplied.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate

from gen.dims import Shape
from gen.program import ops
from gen.program.ir import Statement, operation, reads
from gen.program.lower.builder import Builder
from gen.program.types import Array, ArrayType


@dataclass(frozen=True)
class Product:
    """What a variable is the product of: `factor`, which does not depend on the states, and what does.

    That is one array, or several, each with how many blocks of the first axis it is multiplied with.
    """

    pieces: tuple[tuple[str, int], ...]
    factor: str

    @property
    def base(self) -> str | None:
        """The one array; None for several."""
        return self.pieces[0][0] if len(self.pieces) == 1 else None

    def part(self, first: int, last: int, factor: str) -> Product | None:
        """The product for some blocks."""
        ends = list(accumulate(count for _, count in self.pieces))
        found = []
        for (base, count), end in zip(self.pieces, ends, strict=True):
            inside = min(last, end) - max(first, end - count)
            if inside > 0:
                found.append((base, inside))
        return Product(tuple(found), factor) if found and sum(count for _, count in found) == last - first else None


def join_factors(build: Builder, level: dict[str, int], type_of: Callable[[str], ArrayType]) -> None:
    """Rewrite the statements of a step; `level` says what a variable depends on: 2 is the states."""
    _Joining(build, level, type_of).run()


class _Joining:
    def __init__(self, build: Builder, level: dict[str, int], type_of: Callable[[str], ArrayType]) -> None:
        self.build, self.level, self.type_of = build, level, type_of
        self.products: dict[str, Product] = {}

    def run(self) -> None:
        statements, self.build.statements = self.build.statements, []
        self.build.prefix += "_factor"
        for statement in statements:
            view = self.view_of_product(statement)
            product = view or self.product(statement)
            if product is not None:
                self.products[statement.target] = product
                statement = statement if view is not None else self.multiplied(statement, product)
            self.build.statements.append(statement)
            deepest = max((self.level.get(name, 0) for name in reads(statement.value)), default=0)
            self.level.update(dict.fromkeys(statement.targets, deepest))

    def view_of_product(self, statement: Statement) -> Product | None:
        """What a product is the product of that only gets another axis before the others, or some of its blocks."""
        if statement.op not in (ops.RESHAPE, ops.INDEX) or not isinstance(statement.value, ast.Call):
            return None
        name, *_ = reads(statement.value)
        if name not in self.products:
            return None
        known, shape = self.products[name], self.type_of(name).shape
        factor = Array(known.factor, self.type_of(known.factor))
        if statement.op is ops.RESHAPE:
            if known.base is None or self.build.types[statement.target].shape != (1, *shape):
                return None
            return Product(((known.base, 1),), self.early(self.build.reshape(factor, (1, *shape))))
        index = statement.value.args[1]
        blocks = shape[0]
        if not isinstance(index, ast.Slice) or index.step is not None or not isinstance(blocks, int):
            return None
        if any(len(self.type_of(base).shape) >= len(shape) for base, _ in known.pieces):
            return None
        bounds = (index.lower, index.upper)
        if not all(each is None or isinstance(each, ast.Constant) for each in bounds):
            return None
        said = (None if each is None else ast.literal_eval(each) for each in bounds)
        first, last, _ = slice(*said).indices(blocks)
        if sum(count for _, count in known.pieces) != blocks:
            return None
        return known.part(first, last, self.early(self.build.call(ops.INDEX, factor, blocks_at(first, last, blocks))))

    def product(self, statement: Statement) -> Product | None:
        """What a statement is the product of."""
        names, kind = reads(statement.value), self.build.types[statement.target]
        if statement.op is ops.MULTIPLY and len(names) == 2:
            deep = [name for name in names if self.level.get(name, 0) == 2]
            if len(deep) != 1:
                return None
            (base,) = deep
            factor = names[1 - names.index(base)]
            if base in self.products:
                return self.product_of_product(base, factor, kind)
            return Product(((base, _blocks(kind)),), factor) if self.type_of(factor).shape == kind.shape else None
        if statement.op not in (ops.STACK, ops.CONCATENATE) or any(name not in self.products for name in names):
            return None
        return self.joint(statement, [self.products[name] for name in names], names, kind)

    def product_of_product(self, name: str, factor: str, kind: ArrayType) -> Product | None:
        known = self.products[name]
        shapes = self.type_of(known.factor).shape, self.type_of(factor).shape
        if kind.shape not in shapes or (known.base is None and shapes[0] != kind.shape):
            return None
        arrays = [Array(each, self.type_of(each)) for each in (known.factor, factor)]
        joined = self.early(self.build.call(ops.MULTIPLY, *arrays))
        return Product(((known.base, _blocks(kind)),) if known.base else known.pieces, joined)

    def joint(self, statement: Statement, products: list[Product], names: list[str], kind: ArrayType) -> Product | None:
        """What is laid side by side, as one product."""
        factors = [product.factor for product in products]
        types = [self.type_of(factor) for factor in factors]
        if [each.shape for each in types] != [self.type_of(name).shape for name in names]:
            return None
        if len({each.dtype for each in types}) != 1:
            return None
        assert isinstance(statement.value, ast.Call)
        options = {item.arg: item.value for item in statement.value.keywords if item.arg}
        bases = {base for product in products for base, _ in product.pieces}
        if any(not _stretches(self.type_of(base).shape, kind.shape) for base in bases):
            return None
        if len(bases) == 1:
            pieces: tuple[tuple[str, int], ...] = ((bases.pop(), _blocks(kind)),)
        else:
            lower = all(len(self.type_of(base).shape) < len(kind.shape) for base in bases)
            if ast.literal_eval(options["axis"]) != 0 or not lower or not isinstance(kind.shape[0], int):
                return None
            if statement.op is ops.STACK:
                found = [(product.base or "", 1) for product in products]
            else:
                found = [piece for product in products for piece in product.pieces]
            if sum(count for _, count in found) != kind.shape[0] or any(not base for base, _ in found):
                return None
            pieces = _merged(found)
        value = operation(statement.op, tuple(ast.Name(factor, ast.Load()) for factor in factors), **options)
        return Product(pieces, self.early(self.build.emit(value, ArrayType(kind.shape, types[0].dtype))))

    def multiplied(self, statement: Statement, product: Product) -> Statement:
        """The statement that multiplies; several products are laid side by side."""
        if product.base is not None:
            return replace(statement, value=operation(ops.MULTIPLY, product.base, product.factor))
        factor, parts, first = Array(product.factor, self.type_of(product.factor)), [], 0
        for base, count in product.pieces:
            part = self.build.call(ops.INDEX, factor, blocks_at(first, first + count, _blocks(factor.type)))
            self.early(part)
            made = self.build.call(ops.MULTIPLY, Array(base, self.type_of(base)), part)
            self.level[made.name] = 2
            parts.append(ast.Name(made.name, ast.Load()))
            first += count
        return replace(statement, value=operation(ops.CONCATENATE, tuple(parts), axis=0))

    def early(self, array: Array) -> str:
        """The name of a factor."""
        self.level[array.name] = 1
        return array.name


def blocks_at(first: int, last: int, count: int) -> slice:
    """The index of some of so many blocks, as people write it."""
    return slice(first or None, None if last == count else last)


def _stretches(shape: Shape, into: Shape) -> bool:
    """Whether NumPy stretches an array of one shape to another."""
    pairs = zip(reversed(shape), reversed(into), strict=False)
    return len(shape) <= len(into) and all(size in (1, whole) for size, whole in pairs)


def _blocks(kind: ArrayType) -> int:
    return kind.shape[0] if kind.shape and isinstance(kind.shape[0], int) else 1


def _merged(pieces: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Neighbors with one base as one piece."""
    found: list[tuple[str, int]] = []
    for base, count in pieces:
        if found and found[-1][0] == base:
            count += found.pop()[1]
        found.append((base, count))
    return tuple(found)
