"""Dimensions: integers, or integer formulas over symbols such as `batch` and `text`.

A known dimension is an `int`.  A dimension that only data decides is a `Dim`: a sum of products of symbols and floor
divisions with integer factors, in a normal form, so that equal formulas are equal objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from fractions import Fraction


@dataclass(frozen=True, order=True)
class Quotient:
    """`dividend // divisor`, if it is not a plain sum."""

    dividend: Dim
    divisor: int

    def at(self, sizes: Mapping[str, Size]) -> Size:
        """The same quotient, with these sizes in the place of symbols."""
        return self.dividend.at(sizes) // self.divisor


Atom: TypeAlias = "str | Quotient"


def _key(product: tuple[Atom, ...]) -> tuple[int, tuple[str, ...]]:
    return -len(product), tuple(str(atom) for atom in product)


@dataclass(frozen=True)
class Dim:
    """A formula: `terms` maps products of atoms to integer factors; the empty product is the constant."""

    terms: tuple[tuple[tuple[Atom, ...], int], ...]

    @staticmethod
    def symbol(name: str) -> Dim:
        return Dim((((name,), 1),))

    @staticmethod
    def _of(value: Size) -> dict[tuple[Atom, ...], int]:
        return {(): value} if isinstance(value, int) else dict(value.terms)

    @staticmethod
    def _from(terms: dict[tuple[Atom, ...], int]) -> Size:
        kept = {product: factor for product, factor in terms.items() if factor}
        if not kept:
            return 0
        if set(kept) == {()}:
            return kept[()]
        return Dim(tuple(sorted(kept.items(), key=lambda item: _key(item[0]))))

    def __add__(self, other: Size) -> Size:
        total = Dim._of(self)
        for product, factor in Dim._of(other).items():
            total[product] = total.get(product, 0) + factor
        return Dim._from(total)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return Dim._from({product: -factor for product, factor in self.terms})

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __mul__(self, other: Size) -> Size:
        result: dict[tuple[Atom, ...], int] = {}
        for left, a in self.terms:
            for right, b in Dim._of(other).items():
                product = tuple(sorted(left + right, key=str))
                result[product] = result.get(product, 0) + a * b
        return Dim._from(result)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: Size) -> Size:
        if isinstance(divisor, Dim):
            return _divide_exactly(self, divisor)
        if all(factor % divisor == 0 for _, factor in self.terms):
            return Dim._from({product: factor // divisor for product, factor in self.terms})
        return Dim((((Quotient(self, divisor),), 1),))

    def symbols(self) -> set[str]:
        """The names of the symbols in the formula."""
        atoms = [atom for product, _ in self.terms for atom in product]
        return {name for atom in atoms for name in ({atom} if isinstance(atom, str) else atom.dividend.symbols())}

    def renamed(self, names: Mapping[str, str]) -> Size:
        """The same formula with other names for its symbols; symbols that `names` lacks keep theirs."""
        return self.at({old: Dim.symbol(new) for old, new in names.items()})

    def at(self, sizes: Mapping[str, Size]) -> Size:
        """The formula with these sizes in the place of its symbols; those that `sizes` does not hold stay."""
        total: Size = 0
        for product, factor in self.terms:
            term: Size = factor
            for atom in product:
                inner = sizes.get(atom, Dim.symbol(atom)) if isinstance(atom, str) else atom.at(sizes)
                term = term * inner
            total = total + term
        return total

    def value(self, sizes: Mapping[str, int]) -> int:
        """The value of the formula for these sizes of its symbols."""
        total = 0
        for product, factor in self.terms:
            for atom in product:
                factor *= sizes[atom] if isinstance(atom, str) else atom.dividend.value(sizes) // atom.divisor
            total += factor
        return total

    def __str__(self) -> str:
        if len(self.terms) > IN_A_ROW:  # Python cannot parse thousands of nested sums
            half = len(self.terms) // 2
            return f"{Dim(self.terms[:half])} + ({Dim(self.terms[half:])})"
        text = ""
        for product, factor in self.terms:
            size = abs(factor)
            alone = len(product) == 1 and size == 1 and (factor > 0 or text != "")
            body = " * ".join(_atom_text(atom) if alone else _factor_text(atom) for atom in product)
            term = str(size) if not body else body if size == 1 else f"{size} * {body}"
            text += (" - " if factor < 0 else " + " if text else "") + term
        return "-" + text[3:] if text.startswith(" - ") else text


IN_A_ROW = 16
"""The most summands in a row; longer sums are halved."""

Size: TypeAlias = int | Dim
Shape: TypeAlias = tuple[Size, ...]

BATCH = Dim.symbol("batch")


def _atom_text(atom: Atom) -> str:
    if isinstance(atom, str):
        return atom
    inner = str(atom.dividend)
    bare = len(atom.dividend.terms) == 1 and inner.isidentifier()
    return f"{inner if bare else f'({inner})'} // {atom.divisor}"


def _factor_text(atom: Atom) -> str:
    """An atom as a factor: Python reads `3 * text // 2` as `(3 * text) // 2`."""
    return atom if isinstance(atom, str) else f"({_atom_text(atom)})"


def _divide_exactly(dividend: Dim, divisor: Dim) -> Size:
    """`dividend / divisor` if every term of the dividend contains the divisor's product."""
    if len(divisor.terms) == 1:
        ((product, factor),) = divisor.terms
        result: dict[tuple[Atom, ...], int] = {}
        for atoms, size in dividend.terms:
            rest = list(atoms)
            if size % factor or any(atoms.count(atom) < product.count(atom) for atom in product):
                break
            for atom in product:
                rest.remove(atom)
            result[tuple(rest)] = size // factor
        else:
            return Dim._from(result)
    raise ValueError(f"{dividend} is not divisible by {divisor}")


def divisions(size: Size) -> int:
    """How deeply floor divisions nest in `size`."""
    if isinstance(size, int):
        return 0
    quotients = {atom for atoms, _ in size.terms for atom in atoms if isinstance(atom, Quotient)}
    return max((1 + divisions(atom.dividend) for atom in quotients), default=0)


def product(shape: Shape) -> Size:
    """The number of elements of an array of this shape."""
    total: Size = 1
    for size in shape:
        total = total * size
    return total


def reshaped(shape: Shape, wanted: Sequence[Size]) -> Shape:
    """`wanted`, with a −1 replaced by the remaining size of `shape`.  Raises `ValueError` where they do not fit."""
    sizes = list(wanted)
    if not all(isinstance(size, int | Dim) and not isinstance(size, bool) for size in sizes):
        raise ValueError(f"{tuple(wanted)} is no shape")
    if any(isinstance(size, int) and size < -1 for size in sizes) or sizes.count(-1) > 1:
        raise ValueError(f"cannot reshape {shape} to {tuple(wanted)}: one size may be -1")
    if any(isinstance(size, int) and size == -1 for size in sizes):
        at = next(i for i, size in enumerate(sizes) if isinstance(size, int) and size == -1)
        known = product(tuple(sizes[:at] + sizes[at + 1 :]))
        sizes[at] = _divided(product(shape), known)
    if product(tuple(sizes)) != product(shape):
        raise ValueError(f"cannot reshape {shape} to {tuple(wanted)}")
    return tuple(sizes)


def _divided(total: Size, part: Size) -> Size:
    """`total // part`; 0 for a known total and an unknown part, which can only be right for some data."""
    if isinstance(total, Dim):
        return total // part
    return total // part if isinstance(part, int) else 0


def renamed(shape: Shape, names: Mapping[str, str]) -> Shape:
    """A shape with other names for its symbols; symbols that `names` lacks keep theirs."""
    return tuple(size if isinstance(size, int) else size.renamed(names) for size in shape)


def value_of(size: Size, sizes: Mapping[str, int]) -> int:
    """The value of a size for these sizes of its symbols."""
    return size if isinstance(size, int) else size.value(sizes)


def least(size: Size) -> int | None:
    """The least size of its only symbol for which `size` is 1 or more; None without such a symbol or size."""
    if isinstance(size, int):
        return None
    names = sorted(size.symbols())
    if len(names) != 1:
        return None
    low, high = 1, 1
    while size.value({names[0]: high}) < 1:
        high *= 2
        if high > 1 << 40:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if size.value({names[0]: middle}) >= 1 else (middle + 1, high)
    return low


def never_exceeds(size: Size, limit: Size, least: Mapping[str, int]) -> bool:
    """Whether `size` is at most `limit`, whatever its symbols are from `least` on (from 0 without an entry).

    If bounds of the quotients cannot prove it, the answer is no.
    """
    room = limit - size
    if isinstance(room, int):
        return room >= 0
    bound = _bound(room, least, -1)
    return bound is not None and all(factor >= 0 for factor in bound.values())


Polynomial: TypeAlias = "dict[tuple[str, ...], Fraction]"
"""Factors of products of symbols, each counted from its least value."""


def _bound(size: Dim, least: Mapping[str, int], side: int) -> Polynomial | None:
    """A polynomial that `size` is never below (`side` −1) or above (1); None if a quotient may be negative."""
    from fractions import Fraction

    total: Polynomial = {}
    for atoms, factor in size.terms:
        product: Polynomial = {(): Fraction(factor)}
        for atom in atoms:
            bound = _atom_bound(atom, least, side if factor > 0 else -side)
            if bound is None:
                return None
            product = _multiplied(product, bound)
        for symbols, each in product.items():
            total[symbols] = total.get(symbols, Fraction(0)) + each
    return total


def _atom_bound(atom: Atom, least: Mapping[str, int], side: int) -> Polynomial | None:
    """The bound of a symbol or a quotient, without negative factors, because counts are never negative."""
    from fractions import Fraction

    if isinstance(atom, str):
        return {(): Fraction(least.get(atom, 0)), (atom,): Fraction(1)}
    lowest = _bound(atom.dividend, least, -1)
    if lowest is None or any(factor < 0 for factor in lowest.values()):
        return None
    if side > 0:
        highest = _bound(atom.dividend, least, 1)
        return highest and {symbols: factor / atom.divisor for symbols, factor in highest.items()}
    lowest = {symbols: factor / atom.divisor for symbols, factor in lowest.items()}
    lowest[()] = lowest.get((), Fraction(0)) - Fraction(atom.divisor - 1, atom.divisor)
    return lowest if lowest[()] >= 0 else {}


def _multiplied(left: Polynomial, right: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            symbols = tuple(sorted(a + b))
            result[symbols] = result.get(symbols, x * 0) + x * y
    return result


def show(shape: Shape) -> str:
    """The shape as people write it: `(batch, 64)`, `(batch,)`."""
    sizes = [str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def sizes_in(value: Any, sizes: Mapping[str, Size]) -> Any:
    """A value, or tuples of values, with these sizes in the place of the symbols of each size."""
    if isinstance(value, tuple):
        return tuple(sizes_in(item, sizes) for item in value)
    return value.at(sizes) if isinstance(value, Dim) else value
