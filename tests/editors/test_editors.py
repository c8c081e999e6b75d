"""The editors' syntax files: their words are the compiler's, and they see in a text what the compiler sees."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType

import pytest

from gen.components import registry
from gen.diagnostics import Diagnostics, Source
from gen.language.parser import parse, tokenize
from gen.language.words import words
from gen.pygments import NnLexer
from tests.building import ROOT
from tests.textmate import Grammar, Scoped

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


@keras.saving.register
class Block(layers.Layer):
    def call(self, x):
        if x is not None and self.rate >= 0.5:
            x = Dense(3, name=f"block_{len(x)!r:>3}_{{x}}")(x)
        else: pass
        return x


text = Input(None, int32, name="te#xt")
answer = block(text, rate=.25)
model = keras.Model([text], answer)
model.compile(optimizer=rmsprop(0.001), loss={"a": mse}, metrics=[accuracy])
q = r'\\d' + u"é" + """three
lines"""
'''

SEEN = [
    ("Answers", "string.quoted.docstring.nn", "nnDocumentation", "Literal.String.Doc"),
    ("about", "string.quoted.docstring.nn", "nnDocumentation", "Literal.String.Doc"),
    ("from", "keyword.control.import.nn", "nnInclude", "Keyword.Namespace"),
    ("10_000", "constant.numeric.nn", "nnNumber", "Literal.Number"),
    ("not", "comment.line.number-sign.nn", "nnComment", "Comment.Single"),
    ("def", "storage.type.function.nn", "nnDefine", "Keyword.Declaration"),
    ("block", "entity.name.function.nn", "nnFunction", "Name.Function"),
    ("rate=0", "variable.parameter.function.nn", "nnArgument", "Name.Attribute"),
    ("relu", "support.function.activation.nn", "nnActivation", "Name.Builtin"),
    ("Documentation", "string.quoted.docstring.nn", "nnDocumentation", "Literal.String.Doc"),
    ("Dense", "support.class.layer.nn", "nnLayer", "Name.Class"),
    ("activation=", "variable.parameter.function-call.nn", "nnArgument", "Name.Attribute"),
    ("relu\\n", "string.quoted.single.nn", "nnString", "Literal.String"),
    ("\\n", "constant.character.escape.nn", "nnEscape", "Literal.String.Escape"),
    ("False", "constant.language.nn", "nnConstant", "Keyword.Constant"),
    ("for", "keyword.control.flow.nn", "nnRepeat", "Keyword"),
    ("softmax", "support.function.activation.nn", "nnActivation", "Name.Builtin"),
    ("1.5e-3", "constant.numeric.nn", "nnNumber", "Literal.Number"),
    ("return", "keyword.control.flow.nn", "nnStatement", "Keyword"),
    ("@keras", "punctuation.definition.decorator.nn", "nnDecorator", "Operator"),
    ("class", "storage.type.class.nn", "nnDefine", "Keyword.Declaration"),
    ("Block", "entity.name.class.nn", "nnFunction", "Name.Class"),
    ("if", "keyword.control.flow.nn", "nnConditional", "Keyword"),
    ("is", "keyword.operator.logical.nn", "nnLogical", "Operator.Word"),
    ("and", "keyword.operator.logical.nn", "nnLogical", "Operator.Word"),
    ('f"block', "punctuation.definition.string.begin.nn", "nnString", "Literal.String"),
    ("block_", "string.quoted.single.nn", "nnString", "Literal.String"),
    ("{len", "punctuation.definition.template-expression.begin.nn", "nnEscape", "Literal.String.Interpol"),
    ("_{{", "string.quoted.single.nn", "nnString", "Literal.String"),
    ("{{x", "constant.character.escape.nn", "nnEscape", "Literal.String.Escape"),
    ("else", "keyword.control.flow.nn", "nnConditional", "Keyword"),
    ("pass", "keyword.control.flow.nn", "nnStatement", "Keyword"),
    ("Input", "support.class.model.nn", "nnModel", "Name.Class"),
    ("None", "constant.language.nn", "nnConstant", "Keyword.Constant"),
    ("name=", "variable.parameter.function-call.nn", "nnArgument", "Name.Attribute"),
    ("#xt", "string.quoted.single.nn", "nnString", "Literal.String"),
    (".25", "constant.numeric.nn", "nnNumber", "Literal.Number"),
    ("Model", "support.class.model.nn", "nnModel", "Name.Class"),
    ("compile", "support.function.method.nn", "nnMethod", "Name.Function"),
    ("optimizer=", "variable.parameter.function-call.nn", "nnArgument", "Name.Attribute"),
    ("rmsprop", "support.function.optimizer.nn", "nnOptimizer", "Name.Builtin"),
    ("mse", "support.function.loss.nn", "nnLoss", "Name.Builtin"),
    ("accuracy", "support.function.metric.nn", "nnMetric", "Name.Builtin"),
    ("é", "string.quoted.single.nn", "nnString", "Literal.String"),
    ("three", "string.quoted.triple.nn", "nnString", "Literal.String"),
    ("lines", "string.quoted.triple.nn", "nnString", "Literal.String"),
]
"""Pieces of the sample, with what they are in TextMate's names, in Vim's and in those of Pygments."""


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
    lists = words()
    assert set(registry) < set(lists)
    assert {word for known in lists.values() for word in known} >= {
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
    for piece, *_ in SEEN:
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
    assert seen == [scope for _, scope, _, _ in SEEN]


def test_the_textmate_grammar_marks_what_python_has_and_the_language_has_not(grammar: Grammar) -> None:
    text = "if x: y = lambda z: z\nglobal_ = 1\nglobal x\nyield z\n"
    marked = [piece.text for piece in grammar.read(text) if "invalid" in str(piece.scopes)]
    assert marked == ["global", "yield"]


# By kind of token in the compiler: the scopes of which it has one.
SCOPES = {
    **dict.fromkeys(("STRING", "FORMATTED"), ("string.",)),
    "NUMBER": ("constant.numeric.nn",),
    **dict.fromkeys(("TRUE", "FALSE", "NONE"), ("constant.language.nn",)),
    **dict.fromkeys(("FOR", "IN", "RETURN", "IF", "ELSE", "PASS"), ("keyword.control.flow.nn",)),
    **dict.fromkeys(("IMPORT", "FROM", "AS"), ("keyword.control.import.nn",)),
    **dict.fromkeys(("AND", "OR", "NOT", "IS"), ("keyword.operator.logical.nn",)),
    "CLASS": ("storage.type.class.nn",),
    "DEF": ("storage.type.function.nn",),
    "NAME": ("variable.", "entity.name.", "meta.function-call.", "support."),
    **dict.fromkeys(("PLUS", "MINUS", "STAR", "SLASH", "EQUAL", "COMPARISON"), ("keyword.operator.",)),
}


@pytest.mark.parametrize("path", [None, *EXAMPLES], ids=lambda path: path.stem if path else "sample")
def test_the_textmate_grammar_sees_in_a_text_what_the_compiler_sees(path: Path | None, grammar: Grammar) -> None:
    text = path.read_text(encoding="utf-8") if path else SAMPLE
    pieces = grammar.read(text)
    for token in tokenize(text):
        if token.type not in SCOPES:
            continue
        scopes = scopes_at(pieces, *Source("", text).position(token.span.start))
        assert any(scope.startswith(SCOPES[token.type]) for scope in scopes), f"{token!r} is {scopes}"
        assert token.type in {"STRING", "FORMATTED"} or not any(
            scope.startswith(("string", "comment")) for scope in scopes
        )


@pytest.mark.parametrize("path", [None, *EXAMPLES], ids=lambda path: path.stem if path else "sample")
def test_the_textmate_grammar_knows_every_layer(path: Path | None, grammar: Grammar) -> None:
    text = path.read_text(encoding="utf-8") if path else SAMPLE
    pieces = grammar.read(text)
    tokens = tokenize(text)
    for token, after in pairwise(tokens):
        if token.type == "NAME" and after.type == "LPAR" and token.value in registry["layer"]:
            place = Source("", text).position(token.span.start)
            assert scopes_at(pieces, *place)[-1] == "support.class.layer.nn"


def tokens_at(text: str, line: int, column: int) -> str:
    """What Pygments sees at a place, as `Name.Class`."""
    offset = sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column - 1
    found = [token for start, token, _ in NnLexer().get_tokens_unprocessed(text) if start <= offset]
    return str(found[-1]).removeprefix("Token.")


def test_pygments_sees_what_things_are() -> None:
    assert [tokens_at(SAMPLE, *place) for place in places(SAMPLE)] == [token for _, _, _, token in SEEN]


# By kind of token in the compiler: the tokens of which Pygments has one.
TOKENS = {
    **dict.fromkeys(("STRING", "FORMATTED"), ("Literal.String",)),
    "NUMBER": ("Literal.Number",),
    **dict.fromkeys(("TRUE", "FALSE", "NONE"), ("Keyword.Constant",)),
    **dict.fromkeys(("FOR", "IN", "RETURN", "IF", "ELSE", "PASS"), ("Keyword",)),
    **dict.fromkeys(("IMPORT", "FROM", "AS"), ("Keyword.Namespace",)),
    **dict.fromkeys(("AND", "OR", "NOT", "IS"), ("Operator.Word",)),
    "CLASS": ("Keyword.Declaration",),
    "DEF": ("Keyword.Declaration",),
    "NAME": ("Name",),
    **dict.fromkeys(("PLUS", "MINUS", "STAR", "SLASH", "EQUAL", "COMPARISON"), ("Operator",)),
}


@pytest.mark.parametrize("path", [None, *EXAMPLES], ids=lambda path: path.stem if path else "sample")
def test_pygments_sees_in_a_text_what_the_compiler_sees(path: Path | None) -> None:
    text = path.read_text(encoding="utf-8") if path else SAMPLE
    pieces = list(NnLexer().get_tokens_unprocessed(text))
    assert "".join(piece for _, _, piece in pieces) == text
    seen = {start + place: str(token)[6:] for start, token, piece in pieces for place in range(len(piece))}
    for token in tokenize(text):
        if token.type in TOKENS:
            assert seen[token.span.start].startswith(TOKENS[token.type]), f"{token!r} is {seen[token.span.start]}"
        if token.type == "NAME" and token.value in registry["layer"]:
            assert seen[token.span.start] == "Name.Class"


@pytest.mark.parametrize("text", ["x = 'open\ny = 1\n", '"""open', "x = (((\n", "x = ))]}\n", "x = $?\\ é\n", ""])
def test_pygments_reads_any_text_to_its_end(text: str) -> None:
    assert "".join(piece for _, _, piece in NnLexer().get_tokens_unprocessed(text)) == text


def test_pygments_marks_what_python_has_and_the_language_has_not() -> None:
    pieces = NnLexer().get_tokens_unprocessed("if x: y = lambda z: z\nglobal_ = 1\nglobal x\nyield z\n")
    assert [piece for _, token, piece in pieces if str(token) == "Token.Error"] == ["global", "yield"]


def test_pygments_finds_the_lexer_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (name,) = project["entry-points"]["pygments.lexers"].values()
    lexer = resolve_name(name)
    assert (lexer, lexer.aliases, lexer.filenames) == (NnLexer, ["nn"], ["*.nn"])


def test_pygments_waits_for_no_components_until_it_reads_a_text() -> None:
    script = "import sys, gen.pygments; print('gen.components' in sys.modules, 'numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "False False\n"


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
    assert seen == [group for _, _, group, _ in SEEN]


def _byte_column(line: int, column: int) -> int:
    return len(SAMPLE.split("\n")[line - 1][: column - 1].encode()) + 1
