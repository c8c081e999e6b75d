"""Diagnostics: how they are printed, for people and for programs."""

from __future__ import annotations

import inspect
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.compiler import check
from gen.diagnostics import Diagnostic, Diagnostics, Note, Source, Span, did_you_mean, render_text, to_json
from gen.language.elaborate.names import MOST_COMPARED

POSTS = Source(
    "posts.nn",
    "posts = Input(None, int32)\n" * 6 + "x = GlobalMaxPooling1D()(x)\n" + "\n" + "x = Conv1D(128, 5, relu)(x)\n",
)


def place(source: Source, text: str, start: int = 0) -> Span:
    at = source.text.index(text, start)
    return Span(at, at + len(text))


SHAPE_MISMATCH = Diagnostic(
    "shape-mismatch",
    "Conv1D expects (steps, channels), got (64,)",
    place(POSTS, "Conv1D(128, 5, relu)(x)"),
    label="needs a sequence",
    notes=(Note(place(POSTS, "GlobalMaxPooling1D()(x)"), "(batch, 64): the steps end here"),),
    hint="move the pooling after the last Conv1D",
)


def test_an_error_is_printed_with_its_line_its_notes_and_its_hint() -> None:
    assert render_text(POSTS, [SHAPE_MISMATCH]) == inspect.cleandoc("""
        error[shape-mismatch]: Conv1D expects (steps, channels), got (64,)
          --> posts.nn:9:5
           |
         9 | x = Conv1D(128, 5, relu)(x)
           |     ^^^^^^^^^^^^^^^^^^^^^^^ needs a sequence
           |
         7 | x = GlobalMaxPooling1D()(x)
           |     ----------------------- (batch, 64): the steps end here
           = hint: move the pooling after the last Conv1D
        """)


def test_the_gutter_is_as_wide_as_the_largest_line_number() -> None:
    source = Source("a.nn", "\n" * 99 + "x = y\n")
    item = Diagnostic("unknown-name", "`y` is not defined", Span(103, 104), notes=(Note(Span(0, 0), "nothing here"),))
    assert render_text(source, [item]) == "\n".join(
        [
            "error[unknown-name]: `y` is not defined",
            "    --> a.nn:100:5",
            "     |",
            " 100 | x = y",
            "     |     ^",
            "     |",
            "   1 |",
            "     | - nothing here",
        ]
    )


def test_several_are_separated_by_an_empty_line_and_a_warning_says_so() -> None:
    source = Source("a.nn", "x = y\n")
    diagnostics = Diagnostics()
    diagnostics.warning("unused", Span(0, 1), "`x` is not used")
    diagnostics.error("unknown-name", Span(4, 5), "`y` is not defined")
    text = render_text(source, diagnostics.in_source_order())
    assert text.startswith("warning[unused]: `x` is not used\n")
    assert "\n\nerror[unknown-name]: " in text
    assert diagnostics.failed


def test_a_span_of_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    source = Source("a.nn", "x = f(\n    1,\n)\n")
    assert " 1 | x = f(\n   |     ^^ here" in render_text(source, [Diagnostic("c", "m", Span(4, 15), label="here")])


@pytest.mark.parametrize("offset", [5, 6, 7])
def test_the_end_of_a_line_can_be_pointed_to(offset: int) -> None:
    source = Source("a.nn", "x = 1\r\n")
    assert render_text(source, [Diagnostic("c", "m", Span(offset, offset))]).splitlines()[-1].endswith("^")


def _columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


@pytest.mark.parametrize("before", ["", "\\tx = ", "x = '日本', ", "'e\\u0301', ", "'\\x1b[31m', ", "'\\u202e', "])
def test_the_underline_stands_below_what_it_means(before: str) -> None:
    source = Source("a.nn", f"{before}here, there\n")
    row, underline = render_text(source, [Diagnostic("c", "m", place(source, "here"))]).splitlines()[-2:]
    assert _columns(row[: row.index("here")]) == underline.index("^")
    assert underline.count("^") == 4


def test_a_very_long_line_is_cut_around_the_place() -> None:
    source = Source("a.nn", f"x = [{'1, ' * 1000}here, {'1, ' * 1000}]")
    row, underline = render_text(source, [Diagnostic("c", "m", place(source, "here"))]).splitlines()[-2:]
    assert len(row) < 200
    assert row.index("here") == underline.index("^")


@given(st.text(), st.integers(0, 20), st.integers(0, 20), st.text())
def test_whatever_a_file_holds_the_text_is_inert(text: str, start: int, length: int, message: str) -> None:
    span = Span(min(start, len(text)), min(start + length, len(text)))
    item = Diagnostic("code", message, span, message, (Note(span, message),), message)
    rendered = render_text(Source(message, text), [item])
    assert all(character.isprintable() for line in rendered.split("\n") for character in line)


def test_colour_is_added_only_when_asked_for() -> None:
    plain, coloured = render_text(POSTS, [SHAPE_MISMATCH]), render_text(POSTS, [SHAPE_MISMATCH], colour=True)
    assert "\x1b" not in plain
    assert "\x1b[31m\x1b[1merror[shape-mismatch]" in coloured


def test_programs_get_the_same_as_data() -> None:
    assert to_json(POSTS, [SHAPE_MISMATCH]) == [
        {
            "file": "posts.nn",
            "line": 9,
            "column": 5,
            "end_line": 9,
            "end_column": 28,
            "severity": "error",
            "code": "shape-mismatch",
            "message": "Conv1D expects (steps, channels), got (64,)",
            "hint": "move the pooling after the last Conv1D",
            "notes": [{"line": 7, "column": 5, "message": "(batch, 64): the steps end here"}],
        }
    ]


def test_diagnostics_come_in_source_order_and_once() -> None:
    diagnostics = Diagnostics()
    for start in (5, 2, 5):
        diagnostics.error("c", Span(start, start + 1), "m")
    assert [item.span.start for item in diagnostics.in_source_order()] == [2, 5]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("Desne", "Dense"), ("dense", "Dense"), ("softmaks", "softmax"), ("Convolution", None), ("", None)],
)
def test_the_name_that_was_meant_is_found(word: str, meant: str | None) -> None:
    assert did_you_mean(word, ["Dense", "Dropout", "softmax", "LSTM"]) == meant


NAMES = st.lists(st.text("aAbBcs_1", min_size=1, max_size=8), max_size=12)


@given(st.text("aAbBcs_1", min_size=1, max_size=8), NAMES, NAMES)
def test_words_that_are_always_the_same_are_candidates_like_others(
    word: str, candidates: list[str], words: list[str]
) -> None:
    assert did_you_mean(word, candidates, tuple(words)) == did_you_mean(word, [*candidates, *words])


def test_misspellings_are_compared_with_names_no_more_often_than_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def closest(word: str, candidates: tuple[str, ...]) -> None:
        compared.append(sum(candidate.startswith("name_") for candidate in candidates))

    monkeypatch.setattr("gen.diagnostics._closest", closest)
    lines = [f"name_{number} = wrong_{number}" for number in range(900)]
    found = check(Source("model.nn", "\n".join(lines))).items
    assert sum(item.code == "unknown-name" for item in found) == len(lines)
    assert MOST_COMPARED <= sum(compared) <= MOST_COMPARED + len(lines)


def test_many_errors_on_a_long_line_are_printed_in_time_that_grows_with_their_number() -> None:
    source = Source("long.nn", "\x00 é " * 10_000)
    message = "The file contains a control character"
    items = [Diagnostic("control-character", message, Span(4 * i, 4 * i + 1)) for i in range(10_000)]
    started = time.process_time()
    assert len(render_text(source, items).split("\n\n")) == 10_000
    assert time.process_time() - started < 10
