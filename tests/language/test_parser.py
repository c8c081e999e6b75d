"""The parser: what it accepts is what Python accepts, means what it means there, and what it refuses is said well."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import keyword
import random
import time
import typing
import warnings
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.compiler import check
from gen.diagnostics import MAX_ERRORS, Diagnostics, Source, Span
from gen.language import syntax
from gen.language.parser import decode, parse
from tests.python_programs import Programs, damaged
from tests.python_tree import difference, python_tree

SYSTEMS = {
    "two classes": """
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
# data: (1000, 100) uniform floats; labels: (1000, 1) of 0 and 1; epochs=10, batch_size=32
""",
    "ten classes": """
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(10, activation='softmax'))
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
""",
    "functional": """
from keras.models import Sequential, Model
from keras import layers
from keras import Input
import tensorflow as tf, keras.layers as L
input_tensor = Input(shape=(64,))
x = layers.Dense(32, activation='relu')(input_tensor)
x = layers.Dense(32, activation='relu')(x)
output_tensor = layers.Dense(10, activation='softmax')(x)
model = Model(input_tensor, output_tensor)
model.compile(optimizer='rmsprop', loss='categorical_crossentropy')
model.summary()
""",
    "a model is callable": """
image = Input(shape=(784,))
classifier = Model(image, layers.Dense(10, activation='softmax')(layers.Dense(32, activation='relu')(image)))
input_sequences = Input(shape=(20, 784))
processed_sequences = TimeDistributed(classifier)(input_sequences)      # (20, 10)
""",
    "two inputs": """
text_vocabulary_size = 10000
question_vocabulary_size = 10000
answer_vocabulary_size = 500
text_input = Input(shape=(None,), dtype='int32', name='text')
embedded_text = layers.Embedding(text_vocabulary_size, 64)(text_input)
encoded_text = layers.LSTM(32)(embedded_text)
question_input = Input(shape=(None,), dtype='int32', name='question')
embedded_question = layers.Embedding(question_vocabulary_size, 32)(question_input)
encoded_question = layers.LSTM(16)(embedded_question)
concatenated = layers.concatenate([encoded_text, encoded_question], axis=-1)
answer = layers.Dense(answer_vocabulary_size, activation='softmax')(concatenated)
model = Model([text_input, question_input], answer)
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['acc'])
""",
    "three outputs": """
vocabulary_size = 50000
num_income_groups = 10
posts_input = Input(shape=(None,), dtype='int32', name='posts')
embedded_posts = layers.Embedding(vocabulary_size, 256)(posts_input)
x = layers.Conv1D(128, 5, activation='relu')(embedded_posts)
x = layers.GlobalMaxPooling1D()(x)
x = layers.Dense(128, activation='relu')(x)
age_prediction = layers.Dense(1, name='age')(x)
income_prediction = layers.Dense(num_income_groups, activation='softmax', name='income')(x)
gender_prediction = layers.Dense(1, activation='sigmoid', name='gender')(x)
model = Model(posts_input, [age_prediction, income_prediction, gender_prediction])
model.compile(optimizer='rmsprop', loss=['mse', 'categorical_crossentropy', 'binary_crossentropy'])
model.compile(optimizer='rmsprop',
              loss={'age': 'mse', 'income': 'categorical_crossentropy', 'gender': 'binary_crossentropy'},
              loss_weights={'age': 0.25, 'income': 1., 'gender': 10.})
""",
}

STATEMENTS = [
    "",
    "# nothing but a comment",
    '"""Documentation.\n\n    More of it.\n"""\n\nx = 3\n',
    "a, b = f(x)",
    "(a, b) = 1, 2",
    "[a, b] = x",
    "a, = x,",
    "x = ()",
    "x = (1,)",
    "x = 1, 2,",
    "x = a + b * c ** -d ** e // f % g @ h - i / j",
    "x = -a ** 2",
    "x = (a + b) * -(c - +d)",
    "x = a - b - c",
    "x = f(a, b=1, c=(2))(d)[0].e",
    "x = y[:, 0]\nx = y[:, -1, :]\nx = y[:, 2:5]\nx = y[::2, 1::, :3:]\nx = y[1:2]",
    "x = {a: 1, 'b': 2.5, }\nx = {}\nx = [1, [2, []],]",
    "x = [True, False, None]",
    "x = [0, 00, 1_000, 0xFf, 0o17, 0b101, 1., .5, 1.5e3, 1e-5, 1E5, 007.5, 1_0.0_1]",
    r"""x = ['a\n\t\\\'"', "\x41\u00e9\U0001F600\N{BULLET}\101\0", r'\d', R"\"", u'a', '''b
c''', '''d'e\
f''', "é", "", '', """ + '"""g"h""", """"""]',
    "def block(x, filters, rate=0.5,):\n    'documentation'\n\n    # a comment\n    return Dense(filters)(x)\n",
    "def block(): return 3",
    "def block():\n\treturn 3\n",
    "def outer(x):\n  def inner(y):\n      return y, 1\n  return inner(x)\nouter(1)",
    "def nothing():\n    '''only documentation'''\n",
    "for i in range(4):\n    x = Dense(i)(x)\n    for j in 1, 2: x = f(x)\nmodel = x",
    "import keras",
    "import keras.layers as L, numpy as np",
    "from tensorflow.keras import layers, models as m",
    "from keras.layers import (Dense,\n  LSTM as L,\n)",
    "from keras.layers import *",
    "model.compile(\nloss='mse',\noptimizer=sgd\n)\nx = 1",
    "x = f(\n\n# comment ( [ {\n  1,\n)",
    "x = 1\r\ny = f(\r\n  2)\r\n'''\r\n'''.a\r\n",
    "match = 1\nprint(match)",
    "if a: pass\nelif b:\n  x = 1\nelse: y = 2",
    "if a:\n    if b:\n        x\n    else:\n        y\nelse:\n    z",
    "while a: b; c;\nelse:\n  d",
    "for i, (j, *k) in a, *b:\n    if i: break\n    continue\nelse: c",
    "for x[0], y.z in f(): pass",
    "try: a\nexcept B as c: d\nexcept (E, F): g\nexcept: h\nelse: i\nfinally: j",
    "try:\n  a\nfinally:\n  b",
    "with a as b, c: pass\nwith (a as b, c,): pass\nwith (a, b): pass\nwith (a, b) as c: pass\nwith ((a, b)): pass",
    "with (a): pass\nwith (a for b in c): pass\nwith (a := b, c): pass\nwith a as (b, [c, d.e]): pass\nwith (*a, b): pass",  # noqa: E501  # one text, or one pattern, in one line
    "class A: 'only documentation'\nclass B(A, metaclass=C, *d, **e):\n    x: int = 3\n    def f(self): return self",
    "@a\n@b.c(1)\ndef f(): pass\n@d\nclass E: pass",
    "def f(a, /, b: int, c=1, *args: int, d, e: str = 'x', **kwargs: dict) -> list[int]: return",
    "def f(*, a): pass\ndef f(a, *, b=1, c): pass\ndef f(**k,): pass\ndef f(a, b=1, /, c=2): pass",
    "def f():\n    global a, b\n    yield\n    x = yield a, b\n    yield from c\n    def g():\n        nonlocal x",
    "global a\na = 1",
    "async def f():\n    await g\n    async with a as b, c: pass\n    async for d in e: pass\n    return [x async for x in y]",  # noqa: E501  # one text, or one pattern, in one line
    "x = lambda: 0\ny = lambda a, *b, c=1, **d: (a, b)\nz = lambda *, a: lambda b, /: a",
    "x = a if b else c if d else e",
    "x = not a and b or not c and (d or e) or f",
    "x = a < b <= c != d is not e not in f in g is h == i >= j > k",
    "x = a | b ^ c & d << e >> ~f + -g",
    "x = [i for i in a if b if c for j, k in d]\nx = {i for i in a}\nx = {i: j for i, j in a}\nf(i for i in a)",
    "x = [i if j else k for i in a if b or c]\nx = (i for i in a)",
    "if (n := f(x)) > 3: pass\nwhile n := g(): pass\nx = [y := 1, y]\nf(y := 1)\nx[y := 1]",
    "x = *a, b\n[*a, *b]\n{*a, b}\n{**a, 'b': 1, c: 2, (1, 2): 3}\nf(*a, b, *c, d=1, *e, **f, g=2)",
    "x = a[1:2, ::3, ..., None, b:]\nx[0,]\nx[(0, 1)]\nx[*a]\nx[*a, 1]\nx[:]\nx[()]",
    "a = b = c, d = e\na, *b = c\n[a, [b, c.d], e[0]] = f\n(a) = 1\n() = []",
    "a += 1\na.b -= 2\na[0] *= 3, 4\na **= b // c",
    "a %= 1; a @= 1; a &= 1; a |= 1; a ^= 1; a <<= 1; a >>= 1; a /= 1; a //= 1",
    "x: int\ny: list[int] = [1]\na.b: int = 3\na[0]: int\n(z): int = 1",
    "del a, b.c, d[0]\ndel (a, [b, c])\ndel (a), b",
    "assert a\nassert a, 'b'\nraise\nraise A\nraise A() from b",
    "import a.b as c\nfrom . import d\nfrom .. import e as f\nfrom ...g.h import (i, j)\nfrom .... import k",
    "x = 1 + \\\n  2\nif a and \\\n   b:\n    c",
    "if a:\n  \\\n    x = 1\n  y = 2",
    "x = 'a' \"b\" f'{c}' r'\\d' '''e'''\ny = ('a'\n     'b')",
    "f'{a}{b!r}{c:>10}{d!s:{e}.{f}}{g=}{h = !a}{i=:3} {{x}}'",
    'f"""{a\n+ b}{\'x\'}"""',
    "f'{a if b else c}{d[1:2]}{e != f}{(lambda x: x)}{ {1: 2} }{*g, h}{i,}{[j for j in k]}'",
    "fr'\\d{a}'\nF'\\n{a}\\N{BULLET}'\nf''\nx = f'' ''",
    "'a string'\nx = 1\n'another'\nif a:\n  'here'\n",
    "('documentation')\nx = 1",
    "match x:\n    case 1 | -2 | 'a' 'b' | None: pass\n    case [a, *_] | (b, c): y = 1\n    case {'k': v, **rest} if v: pass",  # noqa: E501  # one text, or one pattern, in one line
    "match (a, b):\n    case a.b, *c: pass\n    case A.B(1, x=c) as d:\n        pass\n    case _: pass",
    "match = case = 1\nmatch[case]\nmatch(case)\nmatch: int = 3\nprint(match.case)\ncase = 3",
    "x = 1if a else 2\nx = [1for y in z]\nx = 1. .real\nx = 1..real\nx = 1.5.real\nx = 0xf.real\nx = 1 .real",
    "print(a) if b else c\nNone\n...\nx = ...",
    "def f(): return [\n1]\nx = f(a\n.b, c if d\nelse e)",
    "if a:\n    # a comment \\\n    x = f'{\"#\"}'",
    "if all(a and\n       b for a in c):\n    d",
    "try: pass\nexcept* A as b: pass\nexcept* C: pass",
    "x = 'a\\d'",
    "   \n\t\n  # odd indentation of nothing\nx = 1\n   # and here\n",
]


def read(text: str) -> tuple[syntax.File, list[str]]:
    diagnostics = Diagnostics()
    file = parse(Source("test.nn", text), diagnostics)
    return file, [item.code for item in diagnostics.in_source_order()]


def assert_means_what_python_means(text: str, file: syntax.File) -> None:
    assert difference(file, python_tree(text), text) is None


@pytest.mark.parametrize("text", [*SYSTEMS.values(), *STATEMENTS])
def test_the_language_is_read_as_python_reads_it(text: str) -> None:
    assert read(text)[1] == []
    text = text.replace("\r\n", "\n")  # Python counts these as one character
    assert_means_what_python_means(text, read(text)[0])


# Random programs, and damaged ones


def refusal(text: str) -> str | None:
    """Why Python refuses a text; None if it does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "test", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            return str(error)
    return None


LIMITS = {"too-deep", "number-too-large", "non-ascii-name", "control-character", "invalid-number", "unsupported-syntax"}
"""The codes of what Python has and the language has not."""


@pytest.mark.parametrize("damage", [False, True], ids=["whole", "damaged"])
@pytest.mark.parametrize("seed", range(6))
def test_any_program_is_read_as_python_reads_it(seed: int, damage: bool) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        text = Programs(rng).program()
        if damage:
            text = damaged(rng, text)
        reason = refusal(text)
        file, codes = read(text)
        if reason is None and not set(codes) & LIMITS:
            assert codes == [], text
            assert_means_what_python_means(text, file)
        elif reason is not None and "assignment expression" not in reason:  # Python is too strict about some `:=`
            assert codes, f"{reason}\n{text}"


@pytest.mark.parametrize("module", [argparse, ast, dataclasses, inspect, typing], ids=lambda module: module.__name__)
def test_what_others_wrote_is_read_as_python_reads_it(module: ModuleType) -> None:
    text = inspect.getsource(module)
    lines = text.split("\n")
    compared = 0
    for node in ast.parse(text).body:
        first = min(each.lineno for each in (node, *getattr(node, "decorator_list", [])))
        part = "\n".join(lines[first - 1 : node.end_lineno])
        file, codes = read(part)
        if codes and set(codes) <= LIMITS:
            continue
        assert codes == [], part
        assert_means_what_python_means(part, file)
        compared += 1
    assert compared > 20


@given(st.text())
def test_no_text_makes_the_parser_raise(text: str) -> None:
    read(text)


_FRAGMENTS = ["(", ")", "[", "]", "{", "}", ":", ",", "=", "*", "**", '"', "'''", "\\", "#", ".", "r", "@", ";", "->"]
_FRAGMENTS += ["0", "1e9", "é", "def", "for", "in", "return", "if", "lambda", "import", "f'", "None"]
_FRAGMENTS += ["\n", "\n  ", "\t", "\r", "\0", "\u202e", " "]


@given(
    st.sampled_from([*SYSTEMS.values(), *STATEMENTS]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(_FRAGMENTS)), min_size=1, max_size=4),
)
def test_what_is_accepted_is_python_even_where_the_text_was_damaged(
    text: str, damages: list[tuple[float, int, str]]
) -> None:
    for place, removed, put in damages:
        at = int(place * len(text))
        text = text[:at] + put + text[at + removed :]
    _, codes = read(text)
    if not codes and not any(
        line.lstrip(" \t")[:1] in {"%", "!"} for line in text.split("\n")
    ):  # commands of notebooks
        assert refusal(text) is None


# Trees and places


def test_spans_cover_the_text_of_their_nodes() -> None:
    text = "model.add( (a + b)(c, k = -1)[:, 0] )\n"
    file, _ = read(text)
    source = Source("", text)
    (statement,) = file.statements
    assert isinstance(statement, syntax.Evaluate) and isinstance(statement.value, syntax.Call)
    (index,) = statement.value.positional
    assert isinstance(index, syntax.Index) and isinstance(index.value, syntax.Call)
    (named,) = index.value.keywords
    nodes: list[Any] = [statement, index, index.value, index.value.function, named, index.items[0]]
    expected = ["model.add( (a + b)(c, k = -1)[:, 0] )", "(a + b)(c, k = -1)[:, 0]", "(a + b)(c, k = -1)", "(a + b)"]
    assert [source.slice(node.span) for node in nodes] == [*expected, "k = -1", ":"]
    assert source.slice(named.name_span) == "k"


def test_statements_keep_their_parts() -> None:
    text = inspect.cleandoc("""
        import a.b as c, d
        from e import f as g, h
        def block(x, rate=0.5):
            return x
        for i in range(3):
            y, z = i
        """)
    file, codes = read(text)
    assert codes == []
    first, second, third, block, loop = file.statements
    assert isinstance(first, syntax.Import) and (first.module, first.names, first.alias) == ("a.b", None, "c")
    assert isinstance(second, syntax.Import) and (second.module, second.names, second.alias) == ("d", None, None)
    assert isinstance(third, syntax.Import) and (third.module, third.names) == ("e", (("f", "g"), ("h", "h")))
    assert isinstance(block, syntax.Def) and [p.name for p in block.parameters] == ["x", "rate"]
    assert text[block.header.start : block.header.end] == "def block(x, rate=0.5):"
    assert text[block.span.start : block.span.end].endswith("return x")
    assert isinstance(loop, syntax.For) and isinstance(loop.body[0], syntax.Assign)
    (target,) = loop.body[0].targets
    assert [name.id for name in syntax.names_bound(target)] == ["y", "z"]
    assert file.span == Span(0, len(text))


# What is refused


@pytest.mark.parametrize("word", keyword.kwlist)
@pytest.mark.parametrize("form", ["{} = 1", "def {}(x):\n    return x", "x = f({}=1)", "x = y.{}"])
def test_no_word_of_python_is_a_name(word: str, form: str) -> None:
    text = form.format(word)
    with pytest.raises(SyntaxError):
        ast.parse(text)
    _, codes = read(text)
    assert codes == ["keyword-name"]


CHARACTERS = ["\r", "\0", "\f", "\v", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\ud800"]


@pytest.mark.parametrize("character", CHARACTERS, ids=ascii)
@pytest.mark.parametrize("form", ["x = 1 # {}import os", "x = '{}'", "x ={} 1", "'''{}'''", "x = f(\n{}1)"])
def test_control_characters_are_refused_wherever_they_stand(character: str, form: str) -> None:
    _, codes = read(form.format(character))
    assert codes == ["control-character"]


def _nested(opening: str, closing: str = "") -> Callable[[int], str]:
    return lambda depth: f"x = {opening * depth}1{closing * depth}"


DEEP: dict[str, Callable[[int], str]] = {
    "calls": _nested("f(", ")"),
    "lists": _nested("[", "]"),
    "dicts": _nested("{a: ", "}"),
    "parentheses": _nested("(", ")"),
    "signs": _nested("-"),
    "powers": _nested("2 ** "),
    "sums": _nested("1 + "),
    "calls of calls": lambda depth: f"x = f{'()' * depth}",
    "attributes": lambda depth: f"x = f{'.a' * depth}",
    "defaults": lambda depth: f"def f(x={'-' * depth}1): return x",
}


@pytest.mark.parametrize("form", DEEP.values(), ids=DEEP)
def test_nesting_has_a_limit(form: Callable[[int], str]) -> None:
    assert read(form(99))[1] == []
    ast.parse(form(99))
    for depth in (101, 1000, 20_000):
        assert read(form(depth))[1] == ["too-deep"]


def test_blocks_nest_no_deeper_than_in_python() -> None:
    def loops(depth: int) -> str:
        return "".join(f"{' ' * level}for i in x:\n" for level in range(depth)) + f"{' ' * depth}x = 1"

    assert read(loops(99))[1] == []
    ast.parse(loops(99))
    assert read(loops(100))[1] == ["too-deep"]
    assert read(loops(500))[1] == ["too-deep"]


@pytest.mark.parametrize("text", ["9" * 18, "9" * 18 + ".0", "0x" + "f" * 14, "1e308", "1" * 300 + ".0"])
def test_numbers_up_to_the_limit_are_read(text: str) -> None:
    assert read(f"x = {text}")[1] == []


@pytest.mark.parametrize("text", ["1" + "0" * 18, "9" * 100_000, "0x" + "f" * 16, "1e309", "1" * 310 + ".0"])
def test_numbers_beyond_the_limit_are_refused(text: str) -> None:
    assert read(f"x = {text}")[1] == ["number-too-large"]


def test_bytes_are_decoded() -> None:
    diagnostics = Diagnostics()
    source = decode("a.nn", b"\xef\xbb\xbfx = 'caf\xc3\xa9'", diagnostics)
    assert source == Source("a.nn", "x = 'café'") and not diagnostics.items


def test_bytes_that_are_not_utf_8_are_reported_with_their_place() -> None:
    diagnostics = Diagnostics()
    source = decode("a.nn", "x = 'é'\n# caf".encode() + b"\xe9\n", diagnostics)
    assert source is None
    (item,) = diagnostics.items
    assert (item.code, item.span) == ("invalid-utf8", Span(13, 14))


# Recovery


def name_of(statement: syntax.Statement) -> str:
    """The name that an assignment binds, or what another statement is."""
    match statement:
        case syntax.Assign((syntax.Name(name),)):
            return name
    return type(statement).__name__


def test_every_statement_with_an_error_is_reported_and_the_others_are_kept() -> None:
    text = inspect.cleandoc("""
        a = 1
        b = = 2
        c = f(
        d = 4
        def broken(x, y
            e = ]
            return e
        def good(x):
            f = (1
            g = x +
            h = 3
            return h
        for i in range(3)
            j = 1 2
        if k:
            l = = 1
        m.add(Dense(3)
        n = 5
        """)
    diagnostics = Diagnostics()
    file = parse(Source("", text), diagnostics)
    source = Source("", text)
    lines = [source.position(item.span.start)[0] for item in diagnostics.in_source_order()]
    assert lines == [2, 3, 5, 6, 9, 10, 13, 14, 16, 17]
    kept = [name_of(statement) for statement in file.statements]
    assert kept == ["a", "d", "Def", "If", "n"]
    block = file.statements[2]
    assert isinstance(block, syntax.Def) and len(block.body) == 2
    assert file.unread >= {"b", "c", "broken", "good", "f", "g", "m"} and not file.unread & {"a", "d", "n"}


@pytest.mark.parametrize(
    ("text", "line", "kept"),
    [
        ("x = f(1,\n      2\n\ny = 3\nz = 4", 1, 2),
        ("x = Sequential([\n    Dense(1),\n    Dense(2)\ny = 3", 1, 1),
        ("x = Sequential([\n    Dense(1),\n    Dense(2\ny = 3", 3, 1),
        ("x = f(a,\ny = g(b)\nz = 3", 1, 2),
        ("x = f(a,\nmodel.compile(loss='mse')", 1, 1),
        ("x = {a: 1\ndef block(x):\n    return x", 1, 1),
        ("x = f(", 1, 0),
    ],
)
def test_a_bracket_that_is_never_closed_is_reported_where_it_opens(text: str, line: int, kept: int) -> None:
    diagnostics = Diagnostics()
    file = parse(Source("", text), diagnostics)
    (item,) = diagnostics.items
    assert item.code == "unclosed-bracket"
    assert Source("", text).position(item.span.start)[0] == line
    assert len(file.statements) == kept


# Speed


def _seconds(text: str) -> float:
    start = time.process_time()
    read(text)
    return time.process_time() - start


@pytest.mark.parametrize(
    "line",
    [
        "x = Dense(32, activation='relu', name='layer')(x)\n",
        "x = f(\n",
        "x = [(\ny = 1,\n",
        "x = )\n",
        "x = 'a\n",
        "  x = 1\n x = 1\n",
        "def f(x):\n",
        "a = 1 +\n",
        "0x\n",
    ],
)
def test_time_grows_with_the_size_of_the_file_whatever_is_in_it(line: str) -> None:
    read(line)  # the grammar is read once
    assert _seconds(line * 2000) < 5


@pytest.mark.parametrize(
    "text",
    [f"x = '{'a' * 10**5}'", "# " + "(" * 10**5, "a" * 10**5, f"x = [{'1,' * 10**4}]", '"""' + "a" * 10**5],
    ids=["string", "comment", "name", "list", "no end"],
)
def test_very_long_texts_are_read(text: str) -> None:
    assert _seconds(text) < 5


def test_a_line_that_is_out_of_place_is_reported_once() -> None:
    assert read("y\n    = Dense(3)\n")[1] == ["bad-indentation"]


@pytest.mark.parametrize("text", ["1" + "+1" * 10**6, "x = '" + "a" * 10**7 + "'", "\n" * 10**6, "(" * 10**6])
def test_a_file_that_nobody_wrote_is_not_read(text: str) -> None:
    started = time.process_time()
    assert read(text)[1] == ["too-large"]
    assert time.process_time() - started < 1


def test_a_file_of_ten_thousand_dense_lines_is_read_and_one_of_more_tokens_is_not() -> None:
    assert read("x=f(a,b)\n" * 10_000)[1] == []
    file, codes = read("x=f(a,b)\n" * 15_000)
    assert codes == ["too-large"] and file.statements == ()


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        ("x = $\n", "syntax-error"),
        ("else:\n", "syntax-error"),
        ("\x01\n", "control-character"),
        ("x = y\n", "unknown-name"),
    ],
)
def test_a_thousand_errors_are_enough(unit: str, code: str) -> None:
    found = check(Source("a.nn", unit * 20_000)).in_source_order()
    assert Counter(item.code for item in found) == {code: MAX_ERRORS, "too-large": 1}
    assert any("nothing after this place was checked" in item.message for item in found[-2:])


@pytest.mark.parametrize(
    "text", ["x = 1" + "+1" * 99_000, "x = " + "-" * 199_000, "(" * 199_000, "x = [" + "1," * 99_000]
)
def test_a_file_as_long_as_can_be_is_read_in_a_few_seconds(text: str) -> None:
    started = time.process_time()
    assert read(text)[1]
    assert time.process_time() - started < 10


@pytest.mark.parametrize("header", ["for i in a", "while a", "if a", "with a", "try", "class A", "def f()", "else"])
@pytest.mark.parametrize("body", [" pass", "\n    pass"])
@pytest.mark.parametrize("clause", ["else: c(", "elif c(:", "except: c(", "finally: c(", "else c:\n    d"])
def test_a_clause_that_cannot_be_read_is_an_error(header: str, body: str, clause: str) -> None:
    assert read(f"{header}:{body}\n{clause}\nb = 1\n")[1]
