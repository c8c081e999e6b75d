"""The editors' syntax files: their words are the compiler's, and they see in a text what the compiler sees."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from gen.components import registry
from gen.diagnostics import Diagnostics, Source
from gen.language.parser import parse, tokenize
from tests.textmate import Grammar, Scoped

ROOT = Path(__file__).parent.parent
EDITORS = ROOT / "editors"
EXAMPLES = sorted((ROOT / "examples").rglob("*.nn"))

SAMPLE = '''\
"""Answers a question
about a text."""

from keras import layers
vocabulary = 10_000  # words, "not" a string


def block(x, units=32, rate=0.5, act=relu):
    """Documentation."""
    x = layers.Dense(units, activation='relu\\n', use_bias=False)(x)
    for i in range(3):
        x = Dense(2 * i, softmax)(x[:, -1, 1.5e-3])
    return x


text = Input(None, int32, name="te#xt")
answer = block(text, rate=.25)
model = keras.Model([text], answer)
model.compile(optimizer=rmsprop(0.001), loss={"a": mse}, metrics=[accuracy])
q = r'\\d' + u"é" + """three
lines"""
'''

SEEN = [
    ("Answers", "string.quoted.docstring.nn", "nnDocumentation"),
    ("about", "string.quoted.docstring.nn", "nnDocumentation"),
    ("from", "keyword.control.import.nn", "nnInclude"),
    ("10_000", "constant.numeric.nn", "nnNumber"),
    ("not", "comment.line.number-sign.nn", "nnComment"),
    ("def", "storage.type.function.nn", "nnDefine"),
    ("block", "entity.name.function.nn", "nnFunction"),
    ("rate=0", "variable.parameter.function.nn", "nnArgument"),
    ("relu", "support.function.activation.nn", "nnActivation"),
    ("Documentation", "string.quoted.docstring.nn", "nnDocumentation"),
    ("Dense", "support.class.layer.nn", "nnLayer"),
    ("activation=", "variable.parameter.function-call.nn", "nnArgument"),
    ("relu\\n", "string.quoted.single.nn", "nnString"),
    ("\\n", "constant.character.escape.nn", "nnEscape"),
    ("False", "constant.language.nn", "nnConstant"),
    ("for", "keyword.control.flow.nn", "nnRepeat"),
    ("softmax", "support.function.activation.nn", "nnActivation"),
    ("1.5e-3", "constant.numeric.nn", "nnNumber"),
    ("return", "keyword.control.flow.nn", "nnStatement"),
    ("Input", "support.class.model.nn", "nnModel"),
    ("None", "constant.language.nn", "nnConstant"),
    ("name=", "variable.parameter.function-call.nn", "nnArgument"),
    ("#xt", "string.quoted.single.nn", "nnString"),
    (".25", "constant.numeric.nn", "nnNumber"),
    ("Model", "support.class.model.nn", "nnModel"),
    ("compile", "support.function.method.nn", "nnMethod"),
    ("optimizer=", "variable.parameter.function-call.nn", "nnArgument"),
    ("rmsprop", "support.function.optimizer.nn", "nnOptimizer"),
    ("mse", "support.function.loss.nn", "nnLoss"),
    ("accuracy", "support.function.metric.nn", "nnMetric"),
    ("é", "string.quoted.single.nn", "nnString"),
    ("three", "string.quoted.triple.nn", "nnString"),
    ("lines", "string.quoted.triple.nn", "nnString"),
]
"""Pieces of the sample, with what they are in TextMate's names and in Vim's."""


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", EDITORS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def grammar(generator: ModuleType) -> Grammar:
    return Grammar(generator.TEXTMATE)


def test_the_words_of_the_syntax_files_are_those_of_the_registry(generator: ModuleType) -> None:
    lists = generator.words()
    assert set(registry) < set(lists)
    assert {word for words in lists.values() for word in words} >= {
        name for names in registry.values() for name in names
    }
    textmate, vim = (path.read_text(encoding="utf-8") for path in (generator.TEXTMATE, generator.VIM))
    message = "the components have changed: run `python editors/generate.py`"
    assert textmate == generator.textmate(textmate, lists), message
    assert vim == generator.vim(vim, lists), message


def test_the_extension_names_files_that_exist() -> None:
    folder = EDITORS / "vscode"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    (language,), (grammar,) = package["contributes"]["languages"], package["contributes"]["grammars"]
    assert language["extensions"] == [".nn"]
    assert language["id"] == grammar["language"]
    assert json.loads((folder / grammar["path"]).read_text(encoding="utf-8"))["scopeName"] == grammar["scopeName"]
    json.loads((folder / language["configuration"]).read_text(encoding="utf-8"))
    assert all((folder / name).exists() for name in package["files"] if not name.startswith("dist/"))


def places(text: str) -> list[tuple[int, int]]:
    """Line and column of each piece in `SEEN`, which are in order."""
    source, found, offset = Source("", text), [], 0
    for piece, _, _ in SEEN:
        offset = text.index(piece, offset)
        found.append(source.position(offset))
        offset += 1
    return found


def scopes_at(pieces: Sequence[Scoped], line: int, column: int) -> tuple[str, ...]:
    return next(
        piece.scopes
        for piece in pieces
        if piece.line == line and piece.column <= column < piece.column + len(piece.text)
    )


def test_the_sample_is_in_the_language() -> None:
    diagnostics = Diagnostics()
    parse(Source("sample.nn", SAMPLE), diagnostics)
    assert not diagnostics.items


def test_the_textmate_grammar_sees_what_things_are(grammar: Grammar) -> None:
    pieces = grammar.read(SAMPLE)
    seen = [scopes_at(pieces, *place)[-1] for place in places(SAMPLE)]
    assert seen == [scope for _, scope, _ in SEEN]


def test_the_textmate_grammar_marks_what_python_has_and_the_language_has_not(grammar: Grammar) -> None:
    marked = [
        piece.text for piece in grammar.read("if x: y = lambda z: z\nclass_ = 1\n") if "invalid" in str(piece.scopes)
    ]
    assert marked == ["if", "lambda"]


# By kind of token in the compiler: the scopes of which it has one.
SCOPES = {
    "STRING": ("string.",),
    "NUMBER": ("constant.numeric.nn",),
    **dict.fromkeys(("TRUE", "FALSE", "NONE"), ("constant.language.nn",)),
    **dict.fromkeys(("FOR", "IN", "RETURN"), ("keyword.control.flow.nn",)),
    **dict.fromkeys(("IMPORT", "FROM", "AS"), ("keyword.control.import.nn",)),
    "DEF": ("storage.type.function.nn",),
    "NAME": ("variable.", "entity.name.function.nn", "meta.function-call.", "support."),
    **dict.fromkeys(("PLUS", "MINUS", "STAR", "SLASH", "AT", "EQUAL"), ("keyword.operator.",)),
}


@pytest.mark.parametrize("path", [None, *EXAMPLES], ids=lambda path: path.stem if path else "sample")
def test_the_textmate_grammar_sees_in_a_text_what_the_compiler_sees(path: Path | None, grammar: Grammar) -> None:
    text = path.read_text(encoding="utf-8") if path else SAMPLE
    pieces = grammar.read(text)
    for token in tokenize(text):
        if token.type not in SCOPES:
            continue
        assert token.line is not None and token.column is not None
        scopes = scopes_at(pieces, token.line, token.column)
        assert any(scope.startswith(SCOPES[token.type]) for scope in scopes), f"{token.line}: {token!r} is {scopes}"
        assert token.type == "STRING" or not any(scope.startswith(("string", "comment")) for scope in scopes)


@pytest.mark.parametrize("path", [None, *EXAMPLES], ids=lambda path: path.stem if path else "sample")
def test_the_textmate_grammar_knows_every_layer(path: Path | None, grammar: Grammar) -> None:
    text = path.read_text(encoding="utf-8") if path else SAMPLE
    pieces = grammar.read(text)
    tokens = tokenize(text)
    for token, after in pairwise(tokens):
        if token.type == "NAME" and after.type == "LPAR" and token.value in registry["layer"]:
            assert token.line is not None and token.column is not None
            assert scopes_at(pieces, token.line, token.column)[-1] == "support.class.layer.nn"


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed: its file is tested by its words alone")
def test_vim_sees_what_things_are(tmp_path: Path) -> None:
    sample, result = tmp_path / "sample.nn", tmp_path / "seen.txt"
    sample.write_text(SAMPLE, encoding="utf-8")
    queries = [f"synIDattr(synID({line}, {_byte_column(line, column)}, 0), 'name')" for line, column in places(SAMPLE)]
    script = tmp_path / "script.vim"
    script.write_text(
        f"set encoding=utf-8 runtimepath^={EDITORS / 'vim'}\n"
        f"filetype plugin on\nsyntax on\nedit {sample}\nsyntax sync fromstart\n"
        f"call writefile([&filetype, &commentstring, {', '.join(queries)}], '{result}')\nqall!\n",
        encoding="utf-8",
    )
    subprocess.run(["vim", "-N", "-u", "NONE", "-i", "NONE", "-es", "-S", str(script)], check=False, timeout=30)
    filetype, comments, *seen = result.read_text(encoding="utf-8").splitlines()
    assert (filetype, comments) == ("nn", "# %s")
    assert seen == [group for _, _, group in SEEN]


def _byte_column(line: int, column: int) -> int:
    return len(SAMPLE.split("\n")[line - 1][: column - 1].encode()) + 1
