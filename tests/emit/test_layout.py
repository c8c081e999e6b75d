"""The layout of generated text: what Black makes of it as a whole, though Black is shown little of it."""

from __future__ import annotations

import ast
import cProfile
import pstats
import subprocess
import sys
import textwrap
from pathlib import Path

import black
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import compiler
from gen.emit import black_layout
from gen.emit.black_layout import LINE_LENGTH, format_python
from gen.emit.render import settled
from gen.emit.seal import UNTOUCHED, is_intact
from gen.emit.templates import environment
from tests.building import CASES, PROVE, graph_of, sample
from tests.samples import NAMES as NAMES_OF_SAMPLES
from tests.samples import sample_text

MODE = black.Mode(line_length=LINE_LENGTH, target_versions={black.TargetVersion.PY310})


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Black is shown."""
    texts: list[str] = []

    def record(text: str) -> str:
        texts.append(text)
        return black.format_str(text, mode=MODE) if text else ""

    monkeypatch.setenv("GEN_CACHE_DIR", "")
    monkeypatch.setattr(black_layout, "_black_alone", record)
    return texts


# -------------------------------------------------------------------------------------------------------- as Black does

NAMES = st.sampled_from(["x", "b.dense", "p.dense_kernel", "self._kept", "a_rather_long_name_of_a_layer", "np.e"])
ATOMS = NAMES | st.sampled_from(
    [
        "0",
        "-1",
        "0.5",
        "1e-07",
        "None",
        "True",
        '"clip"',
        '"a, b"',
        "'it'",
        "x[0]",
        "x[:, None]",
        "b.y[-1, ...]",
        "x[:-1]",
    ]
)
TUPLES = st.lists(ATOMS, min_size=1, max_size=4).map(lambda items: f"({', '.join(items)}{',' * (len(items) == 1)})")
NESTED = st.builds(lambda name, items: f"{name}({', '.join(items)})", NAMES, st.lists(ATOMS, max_size=3))
ODD = st.sampled_from(
    ["(x)", "x**2", "x ** 2", "b.x ** -y", "not x", "not(x)", "x[a+1:]", "x[a + 1 :b]", "[1,2]", "{x : y}", "lambda: x",
     "x if y else z", "(x+y)*z", "-(x)", "1.0E-7", "0XF", "x[0][1]", "f(x)(y)", "f(x, )", "(yield)", "x == y", "a@b"]
)  # fmt: skip
ARGUMENTS = ATOMS | TUPLES | NESTED | ODD
KEYWORDS = st.builds("{}{}{}".format, st.sampled_from(["out", "axis"]), st.sampled_from(["=", "=", " = "]), ARGUMENTS)
CALLS = st.builds(
    lambda name, items, options, gap: f"{name}({gap.join(items + options)})",
    NAMES,
    st.lists(ARGUMENTS, max_size=4),
    st.lists(KEYWORDS, max_size=2, unique_by=lambda item: item[0]),
    st.sampled_from([", ", ", ", ", ", ","]),
)
VALUES = (
    CALLS
    | ATOMS
    | ODD
    | TUPLES
    | st.builds(lambda a, o, c: f"{a}{o}{c}", ATOMS, st.sampled_from([" + ", " / ", "*"]), ATOMS)
)
STATEMENTS = (
    st.builds(
        lambda place, sign, value: f"{place}{sign}{value}",
        NAMES | st.just("x, _"),
        st.sampled_from([" = "] * 3 + ["="]),
        VALUES,
    )
    | st.builds(lambda place, value: f"{place} += {value}", NAMES, VALUES)
    | CALLS
    | st.sampled_from(
        ["pass", "return x", "return (x)", "del x", "import math", "x: int = 3", "assert(x)", "x = 1; y = 2"]
    )
    | st.sampled_from(["x = 1  # why", '"""Words."""', "x = '''\na = b\n'''", "global x", "raise ValueError(x) from y"])
)
COMMENTS = st.sampled_from(
    ["# a comment", "#no space", "# x = Dense(3)(y)    (batch, 3)", "# a; b # c", "#: x", "# (x)"]
)
HEADERS = st.sampled_from(
    ["if x:", "while (x):", "for i in x:", "for (i) in (x, y):", "with x as y:", "def f( x ):", "else_"]
)


@st.composite
def blocks(draw: st.DrawFn, depth: int = 0) -> str:
    """The lines of a block, not indented."""
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        if lines:
            lines += [""] * draw(st.sampled_from([0, 0, 0, 1, 2]))
            if draw(st.integers(0, 4)) == 0:
                lines += [draw(COMMENTS)] + [""] * draw(st.sampled_from([0, 0, 1]))
        header = draw(HEADERS) if depth < 2 and draw(st.integers(0, 3)) == 0 else None
        if header is None:
            lines.append(draw(STATEMENTS))
        elif header == "else_":
            lines += ["try:", inner(draw(blocks(depth + 1))), "except ValueError:", inner(draw(blocks(depth + 1)))]
        else:
            lines += [header, inner(draw(blocks(depth + 1)), draw(st.sampled_from(["    ", "    ", "  "])))]
            if header == "if x:" and draw(st.booleans()):
                lines += ["elif y:", inner(draw(blocks(depth + 1))), "else:", inner(draw(blocks(depth + 1)))]
    return "\n".join(lines)


def inner(text: str, by: str = "    ") -> str:
    return textwrap.indent(text, by)


@st.composite
def modules(draw: st.DrawFn) -> str:
    """Functions and classes, in and out of Black's layout."""
    parts = ['"""A module."""\n\nimport math']
    for index in range(draw(st.integers(1, 3))):
        function = f"def f{index}(x, y=3):\n" + inner(draw(blocks()))
        if draw(st.booleans()):
            fields = draw(st.sampled_from(["x: int = 3\n", '"""Words."""\n', '"""Words."""\n\n\nx = f(y)\n\n', ""]))
            method = draw(st.sampled_from(["", "@property\n"])) + f"def g(self, *, x = 3):\n{inner(draw(blocks()))}"
            gap = "\n" * draw(st.integers(1, 3))
            parts.append(f"class C{index}:\n" + inner(fields + function + gap + method))
        else:
            parts.append(function)
    return ("\n" * draw(st.integers(1, 4))).join(parts) + "\n"


@given(modules())
@settings(max_examples=200 if PROVE else 60, deadline=None)
def test_a_text_is_laid_out_as_black_would_lay_out_all_of_it(text: str) -> None:
    expected = black.format_str(text, mode=MODE)
    assert format_python(text) == expected
    assert format_python(text, expected) == expected
    assert format_python(expected, expected) == expected


@pytest.mark.parametrize("name", sample(NAMES_OF_SAMPLES, 3))
def test_black_finds_nothing_to_change_in_a_whole_file(name: str) -> None:
    text = sample_text(name).removeprefix(UNTOUCHED)  # the line that would keep Black from looking
    assert text != sample_text(name)
    assert black.format_str(text, mode=MODE) == text


@pytest.mark.parametrize("name", sample(NAMES_OF_SAMPLES, 3))
def test_black_leaves_a_generated_file_alone_whatever_its_settings_are(name: str) -> None:
    mode = black.Mode(line_length=40, string_normalization=False, magic_trailing_comma=False, preview=True)
    assert black.format_str(sample_text(name), mode=mode) == sample_text(name)


def test_ruff_leaves_a_generated_file_alone_whatever_its_settings_are(tmp_path: Path) -> None:
    layout = 'quote-style = "single"\nindent-style = "tab"\ndocstring-code-format = true\npreview = true\n'
    (tmp_path / "ruff.toml").write_text(f"line-length = 40\n[format]\n{layout}")
    path = tmp_path / "credit.py"
    path.write_text(sample_text("credit"), "utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_what_keeps_formatters_away_is_above_the_documentation_of_the_module() -> None:
    text = sample_text("credit")
    assert text.startswith('# fmt: off\n"""')
    assert is_intact(text)
    assert not is_intact(text.removeprefix(UNTOUCHED))
    assert "sha256 of the rest" in (ast.get_docstring(ast.parse(text)) or "")


def test_black_finds_nothing_to_change_in_the_functions_of_any_case() -> None:
    goldens = [path.with_suffix(".golden").read_text("utf-8") for path in sample(CASES, 6)]
    assert [text for text in goldens if black.format_str(text, mode=MODE) != text] == []


def test_a_text_that_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        format_python("x = (\n")


# ----------------------------------------------------------------------------------------------------- what it is shown

FIXED = """
def settled(x):
    y = x if x else (1,  2)
    return y
"""


def test_black_is_not_shown_what_stands_word_for_word_in_the_templates(shown: list[str]) -> None:
    assert format_python(FIXED, FIXED) == FIXED.lstrip()
    function = "def other(x):\n    y = x if x else (1,  2)\n"
    assert format_python(function, FIXED) == function
    elsewhere = "def other(x):\n    if x:\n        y = x if x else (1,  2)\n"
    assert format_python(elsewhere, FIXED) == elsewhere.replace("  2", " 2")
    assert [text for text in shown if "1,  2" in text] == [elsewhere]


def test_black_is_shown_a_line_that_is_too_long_wherever_it_stands(shown: list[str]) -> None:
    text = f"x = f({', '.join(['word'] * 30)})\n"
    assert format_python(text, text) == black.format_str(text, mode=MODE) != text


def test_black_is_shown_less_than_half_of_a_file(shown: list[str]) -> None:
    text = generated(5)
    assert sum(each.count("\n") for each in shown) < text.count("\n") / 2
    of_templates = "history.setdefault(name, []).append(value)"
    assert of_templates in text
    assert not any(of_templates in each for each in shown)


def test_what_black_is_shown_grows_in_proportion_to_the_layers_and_slowly(shown: list[str]) -> None:
    sizes = []
    for layers in (40, 160):
        shown.clear()
        lines = generated(layers).count("\n")
        sizes.append((lines, sum(each.count("\n") for each in shown), len([each for each in shown if each])))
    (small, shown_small, pieces), (large, shown_large, more_pieces) = sizes
    assert pieces == more_pieces
    assert shown_large - shown_small < (large - small) / 8


def test_laying_out_takes_time_in_proportion_to_the_layers(shown: list[str]) -> None:
    calls = []
    for layers in (40, 80, 120):
        view = compiler.view(graph_of(deep(layers)), "deep.nn")
        text = environment().get_template("module.py.jinja").render(view.holes())
        profile = cProfile.Profile()
        profile.enable()
        format_python(text, settled())
        profile.disable()
        calls.append(pstats.Stats(profile).total_calls)
    first, second, third = calls
    assert (third - second) - (second - first) < 0.01 * (second - first)


def deep(layers: int) -> str:
    """A network of so many layers."""
    loop = f"x = first\nfor i in range({layers}):\n    x = Dense(8, relu)(x)\n"
    return f"first = Input(8)\n{loop}y = Dense(1)(x)\nmodel = Model(first, y)\nmodel.compile(adam, loss=mse)\n"


def generated(layers: int) -> str:
    return compiler.generate(graph_of(deep(layers)), "deep.nn")
