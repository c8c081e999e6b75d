"""Dimensions: formulas over symbols are equal when they mean the same, and print as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.dims import Dim, Size, least, never_exceeds, product, show, value_of

text, batch = Dim.symbol("text"), Dim.symbol("batch")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (text - 4, "text - 4"),
        ((text - 4) // 5, "(text - 4) // 5"),
        (((text - 4) // 5 - 8) // 5, "((text - 4) // 5 - 8) // 5"),
        (text // 2 * 3, "3 * (text // 2)"),
        (text - text // 3, "-(text // 3) + text"),
        (0 - text // 3, "-(text // 3)"),
        (2 * batch * text, "2 * batch * text"),
        (1 - text, "-text + 1"),
        (batch + text + batch, "2 * batch + text"),
        (text - text, "0"),
        ((4 * text + 8) // 4, "text + 2"),
    ],
)
def test_a_formula_prints_as_people_write_it(size: Size, shown: str) -> None:
    assert str(size) == shown


def test_shapes_print_as_tuples() -> None:
    assert show((batch,)) == "(batch,)"
    assert show((batch, text, 64)) == "(batch, text, 64)"


def test_what_is_known_becomes_an_integer() -> None:
    assert text - text + 3 == 3
    assert isinstance(text - text + 3, int)
    assert product((batch, text, 4)) // (batch * 2) == 2 * text


def test_a_division_that_is_not_exact_by_a_symbol_is_refused() -> None:
    with pytest.raises(ValueError, match="not divisible"):
        (batch + 1) // text


def test_the_least_size_is_the_first_that_leaves_something() -> None:
    assert least(((text - 4) // 5 - 8) // 5) == 69
    assert least(text - 4) == 5
    assert least(7) is None
    assert least(batch * text) is None


FORMULAS = st.recursive(
    st.sampled_from([text, batch]) | st.integers(-9, 9),
    lambda inner: st.tuples(st.sampled_from("+-*/"), inner, inner),
    max_leaves=8,
)


def evaluate(formula: object, sizes: dict[str, int] | None) -> Size:
    """A formula of the strategy, on symbols, or on integers where `sizes` gives them."""
    if isinstance(formula, int):
        return formula
    if isinstance(formula, Dim):
        return formula if sizes is None else formula.value(sizes)
    sign, left, right = formula
    a, b = evaluate(left, sizes), evaluate(right, sizes)
    if sign == "/":
        return a // 3
    return a + b if sign == "+" else a - b if sign == "-" else a * b


@given(FORMULAS, st.integers(1, 50), st.integers(1, 50))
def test_a_formula_means_what_its_arithmetic_means(formula: object, batch_size: int, length: int) -> None:
    sizes = {"batch": batch_size, "text": length}
    size = evaluate(formula, None)
    assert (size.value(sizes) if isinstance(size, Dim) else size) == evaluate(formula, sizes)


@given(FORMULAS, st.integers(1, 50), st.integers(1, 50))
def test_the_printed_formula_is_python_with_the_same_value(formula: object, batch_size: int, length: int) -> None:
    sizes = {"batch": batch_size, "text": length}
    size = evaluate(formula, None)
    assert eval(str(size), {}, dict(sizes)) == evaluate(formula, sizes)


@pytest.mark.parametrize(
    ("size", "limit", "lowest", "expected"),
    [
        (4, 4, 1, True),
        (5, 4, 1, False),
        (batch * text, batch * text, 1, True),
        (batch * (text - 4) * 128, batch * text * 256, 5, True),
        (batch * (text - 4) * 256, batch * text * 128, 5, False),
        (batch * ((text - 4) // 5) * 256 + batch * (text - 4) * 128, batch * text * 256, 9, True),
        (batch * ((text - 4) // 5 - 8), batch * (text // 5), 44, True),
        (batch * 6, batch * text, 5, False),
        (batch * 6, batch * text, 6, True),
        (5, batch, 1, False),
        (batch * (text // 2) * 2, batch * text, 1, True),
        (batch * text, batch * (text // 2) * 2, 1, False),
    ],
)
def test_a_size_that_never_exceeds_another_is_known(size: Size, limit: Size, lowest: int, expected: bool) -> None:
    assert never_exceeds(size, limit, {"text": lowest}) == expected


@given(FORMULAS, FORMULAS, st.integers(0, 9), st.integers(0, 30), st.integers(0, 30))
def test_what_is_said_never_to_exceed_never_does(a: object, b: object, lowest: int, rows: int, more: int) -> None:
    size, limit = evaluate(a, None), evaluate(b, None)
    if never_exceeds(size, limit, {"text": lowest}):
        sizes = {"batch": rows, "text": lowest + more}
        assert value_of(size, sizes) <= value_of(limit, sizes)
