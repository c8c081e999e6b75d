"""No text of a user's becomes code: wherever it reaches the output it is refused, or inert.

Inert means that the syntax tree of the generated file is that of a harmless twin, up to literals and names.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from gen import cli, compiler
from gen.compiler import Options
from gen.diagnostics import Diagnostics
from gen.emit.seal import is_intact
from gen.language.parser import decode
from tests.building import PROVE, load, sample

PAYLOADS = [
    # what ends a string, a comment, a line or a file
    '"',
    "'",
    '"""',
    "'''",
    '\\"""',
    '""" + __import__("os").system("true") + """',
    '"); import os; ("',
    "')\nimport os\n('",
    "a\nimport os",
    "a\rimport os",
    "a\r\nimport os",
    "a\fimport os",
    "a\vimport os",
    "a\x1cimport os",
    "a\x85import os",
    "a\u2028import os",
    "a\u2029import os",
    "\\",
    "\\\\",
    "ends with \\",
    "a\\\nimport os",
    "\\N{DASH} \\x22 \\u0022 \\042",
    "a # b",
    "# noqa",
    "# type: ignore",
    "# fmt: off",
    "-*- coding: utf-7 -*-",
    "a;import os",
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\x1a",
    # what a template or a format would act on
    "{{ 7 * 7 }}",
    "{% raw %}",
    "#% include 'header.py.jinja'",
    "{# a #}",
    "${os} %s%n {0} {self.__class__}",
    "sha256 of the rest: 0123456789abcdef",
    # what is read otherwise than it is written
    "\u202eevil\u202c",
    "\u200bnp",
    "\u2066np\u2069",
    "\ufeffnp",
    "ﬁeld",
    "ｎｐ",
    "𝐬𝐞𝐥𝐟",
    "ſelf",
    "nр",  # with a Cyrillic letter
    "e\u0301",
    "größe",
    "\ud800",
    "🙂",
    # names that mean something where they arrive
    "np",
    "self",
    "Model",
    "__import__",
    "__class__",
    "__debug__",
    "_",
    "__",
    "None",
    "class",
    "lambda x: x",
    "match",
    "forward",
    "Params",
    "Buffers",
    "rng",
    "batch",
    "print",
    "exec",
    "dtype",
    "tame/kernel",
    "../../etc/passwd",
    "a/b",
    "a.b",
    "np-1",
    "1st",
    "",
    " ",
    "a" * 300,
    "__name__ == '__main__'",
]
"""What somebody might try, or write by accident."""

PLACES = {
    "variable": "x = Input(4)\n§ = Dense(3)(x)\nmodel = Model(x, §)\n",
    "input variable": "§ = Input(4)\ny = Dense(3)(§)\nmodel = Model(§, y)\n",
    "variable of a constant": "§ = 3\nx = Input(4)\ny = Dense(§)(x)\nmodel = Model(x, y)\n",
    "variable of a layer": "x = Input(4)\n§ = Dense(4)\ny = §(§(x))\nmodel = Model(x, y)\n",
    "variable of a model": "x = Input(4)\ny = Dense(3)(x)\n§ = Model(x, y)\n",
    "variable of a loop": "x = Input(4)\ny = x\nfor § in range(2):\n    y = Dense(4)(y)\nmodel = Model(x, y)\n",
    "block": "def §(t):\n    return Dense(3)(t)\n\n\nx = Input(4)\ny = §(x)\nmodel = Model(x, y)\n",
    "argument of a block": "def f(§):\n    return Dense(3)(§)\n\n\nx = Input(4)\ny = f(x)\nmodel = Model(x, y)\n",
    "import": "from keras.layers import Dense as §\nx = Input(4)\ny = §(3)(x)\nmodel = Model(x, y)\n",
    "name of an input": "x = Input(4, name=¤)\ny = Dense(3)(x)\nmodel = Model(x, y)\n",
    "name of a layer": "x = Input(4)\ny = Dense(3, name=¤)(Dense(4)(x))\nmodel = Model(x, y)\n",
    "name of an inner layer": "x = Input(4)\ny = Dense(3)(Dropout(0.5)(Dense(4, name=¤)(x)))\nmodel = Model(x, y)\n",
    "name of a model": "x = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y, name=¤)\n",
    "name of a called model": (
        "a = Input(4)\ninner = Model(a, Dense(4)(a), name=¤)\nx = Input(4)\ny = inner(inner(x))\nmodel = Model(x, y)\n"
    ),
    "name of a Sequential": "model = Sequential([Input((4,)), Dense(3)], name=¤)\n",
    "name of a dimension": "x = Input(¤, 3)\ny = Dense(3)(x)\nmodel = Model(x, y)\n",
    "shared dimension": "x = Input(¤, 3)\nz = Input(¤, 3)\ny = Dense(3)(x + z)\nmodel = Model([x, z], y)\n",
    "name by a constant": "n = ¤\nx = Input(4)\ny = Dense(3, name=n)(x)\nmodel = Model(x, y)\n",
    "name in quotes as it is": "x = Input(4)\ny = Dense(3, name='§')(x)\nmodel = Model(x, y)\n",
    "name in three quotes": 'x = Input(4)\ny = Dense(3, name="""§""")(x)\nmodel = Model(x, y)\n',
    "activation": "x = Input(4)\ny = Dense(3, activation=¤)(x)\nmodel = Model(x, y)\n",
    "loss": "x = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y)\nmodel.compile(loss=¤)\n",
    "key of a loss": "x = Input(4)\ny = Dense(3, name=¤)(x)\nmodel = Model(x, y)\nmodel.compile(loss={¤: mse})\n",
    "name of a metric": (
        "x = Input(4)\ny = Dense(1, sigmoid)(x)\nmodel = Model(x, y)\n"
        "model.compile(loss=binary_crossentropy, metrics=[AUC(name=¤)])\n"
    ),
    "documentation": '"""§"""\nx = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y)\n',
    "documentation, escaped": "¤\nx = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y)\n",
    "second paragraph": '"""Tame.\n\n§\n"""\nx = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y)\n',
    "comment above": "# §\nx = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y)\n",
    "comment behind": "x = Input(4)\ny = Dense(3)(x)  # §\nmodel = Model(x, y)\n",
    "comment inside": "x = Input(4)\ny = Dense(  # §\n    3,\n)(x)\nmodel = Model(x, y)\n",
    "statement": "x = Input(4)\n§\ny = Dense(3)(x)\nmodel = Model(x, y)\n",
    "argument": "x = Input(4)\ny = Dense(3, §)(x)\nmodel = Model(x, y)\n",
}
"""Where text can stand in a `.nn` file: § is a payload as it is, ¤ is one as a string."""


MODEL = "x = Input(4)\ny = Dense(3)(x)\nmodel = Model(x, y)\n"


def generated(text: str, name: str = "m.nn") -> str | None:
    """The generated file; None if the text is refused, for a reason."""
    diagnostics = Diagnostics()
    source = decode(name, text.encode("utf-8", "backslashreplace"), diagnostics)
    graph = None if source is None else compiler.understand(source, diagnostics)
    assert diagnostics.failed == (graph is None)
    return None if graph is None else compiler.generate(graph, name, Options(formatted=False))


def some(first: int, step: int) -> list[str]:
    """Every `step`-th payload; those of one place are others than those of the next.  `make prove` tries all."""
    return PAYLOADS if PROVE else PAYLOADS[first % step :: step]


@cache
def tame_structure() -> str:
    return structure(generated(MODEL) or "")


def structure(text: str) -> str:
    """The syntax tree without names of variables and without literals."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "value"):
            if isinstance(getattr(node, field, None), str):
                setattr(node, field, "")
    return ast.dump(tree)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_written_anywhere_is_inert_or_refused(place: str) -> None:
    def filled(payload: str) -> str:
        return PLACES[place].replace("¤", repr(payload)).replace("§", payload)

    tame = generated(filled("tame")) or generated(MODEL)
    assert tame is not None
    expected = structure(tame)
    for payload in some(list(PLACES).index(place), 18):
        text = generated(filled(payload))
        if text is not None:
            assert is_intact(text), payload
            assert structure(text) == expected, payload
            text.encode("utf-8")


@pytest.mark.parametrize("place", sorted(PLACES.keys() - {"activation", "loss", "statement", "argument"}))
def test_a_harmless_word_is_accepted_in_the_same_place(place: str) -> None:
    assert generated(PLACES[place].replace("¤", "'tame'").replace("§", "tame")) is not None


@pytest.mark.parametrize("payload", some(0, 2))
def test_the_name_of_the_file_is_inert(payload: str) -> None:
    found = generated(MODEL, f"{payload}.nn")
    assert found is not None
    assert is_intact(found)
    assert structure(found) == tame_structure()


@pytest.mark.parametrize("place", ["file", "folder", "settings"])
def test_paths_and_settings_are_inert_or_refused(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built from a file of that name, in that folder, or into that folder, is what it should be."""
    built = 0
    for number, payload in enumerate(some(len(place), 6)):
        top = tmp_path / str(number)
        home = top / "a" / "b"  # from where there is some way up
        home.mkdir(parents=True)
        monkeypatch.chdir(home)
        source = Path({"file": f"{payload}.nn", "folder": f"{payload}/m.nn"}.get(place, "m.nn"))
        try:
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(MODEL, "utf-8")
        except (OSError, ValueError):  # there can be no such file
            continue
        if place == "settings":
            Path("pyproject.toml").write_text(f"[tool.gen]\nout = {json.dumps(payload)}\n", "utf-8", "backslashreplace")
        result = CliRunner().invoke(cli.gen, ["build", os.fspath(source)])
        assert isinstance(result.exception, SystemExit | None), payload
        made = list(top.rglob("*.py"))
        assert len(made) == (result.exit_code == 0), (payload, result.output)
        for path in made:
            assert structure(path.read_text("utf-8")) == tame_structure(), payload
        built += len(made)
    assert built > 2


PLAIN = ["pixels", "hidden", "left", "right", "whole"]
HOSTILE = [
    ["np", "self", "b", "p", "g"],
    ["forward", "backward", "loss", "update", "infer"],
    ["Params", "Buffers", "rng", "step", "w"],
    ["__class__", "__init__", "__name__", "__doc__", "_"],
    ["batch", "rows", "dtype", "model_", "losses"],
    ["flat", "named", "trainable", "size", "state"],
    ["INPUTS", "OUTPUTS", "SUMMARY", "sizes", "check"],
    ["left_true", "left_weight", "left", "left_loss", "dleft"],
    ["print", "len", "float", "dict", "Any"],
    ["scratch", "ones_batch", "kept", "learning_rate", "to_inputs"],
    ["fans", "glorot_uniform", "categorical_accuracy", "x", "i"],
    ["_views", "_Column", "_command", "_check", "_LOSSES"],
]


def named(names: list[str]) -> str:
    """A model with five names."""
    x, h, a, b, c = names
    return f"""
{x} = Input(4)
{h} = Dropout(0.5)(Dense(3, relu)({x}))
{a} = Dense(2, softmax)({h})
{b} = Dense(2)({h})
{c} = Dense(2)({a} + {b})
network = Model({x}, [{a}, {c}])
network.compile(adam, loss=[categorical_crossentropy, mse], metrics=[[accuracy], [mae]])
"""


@pytest.mark.parametrize("names", sample(HOSTILE, 3), ids=lambda names: names[0])
def test_models_work_whatever_names_they_have(names: list[str]) -> None:
    text = generated(named(names))
    assert text is not None
    assert structure(text) == structure(generated(named(PLAIN)) or "")
    with contextlib.redirect_stdout(io.StringIO()):
        assert load(text, "hostile").check() < 1e-6
