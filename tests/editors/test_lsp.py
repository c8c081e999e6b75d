"""The language server, asked by a client over standard input and output, as an editor does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any, Literal
from unittest.mock import Mock
from urllib.parse import unquote, urlsplit

import pytest
from lsprotocol import types

from gen import compiler
from gen.diagnostics import Diagnostics, Source
from gen.lsp.analysis import analyse
from gen.lsp.completion import completions
from gen.lsp.cursor import cursor
from gen.lsp.fixes import MOST_FIXES, fixes
from gen.lsp.generated import generated, lines_of
from gen.lsp.hints import shapes
from gen.lsp.hover import hover
from gen.lsp.navigation import references
from gen.lsp.signatures import signature_help
from gen.lsp.text import Text
from gen.lsp.worker import Worker, go_on
from tests.building import ROOT
from tests.editor import PATIENCE, Document, Editor

pytestmark = pytest.mark.xdist_group("lsp")  # one server for all of them

EXAMPLES = sorted((ROOT / "examples").glob("*.nn"))
CODES = sorted((ROOT / "tests" / "errors").glob("*.nn"))
POSTS = (ROOT / "examples" / "posts.nn").read_text(encoding="utf-8")
PAIRS = (ROOT / "examples" / "pairs.nn").read_text(encoding="utf-8")

BLOCKS = '''\
"""Two rounds of a block."""

def round_of(x, units, rate=0.5):
    h = Dense(units, relu)(x)
    return Dropout(rate)(h)

given = Input(8)
x = round_of(given, units=16)
x = round_of(x, 4, rate=0.25)
y = Dense(1)(x)
model = Model(given, y)
model.compile(sgd, loss={"y": mse})
'''


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """A client of a server, which must end well and have had no error that it did not expect."""
    editor = Editor(tmp_path_factory.mktemp("lsp"))
    yield editor
    status, errors = editor.close()
    assert status == 0
    assert b"Traceback" not in errors, errors.decode()


Open = Callable[[str], Document]


@pytest.fixture
def open_(editor: Editor) -> Iterator[Open]:
    """Opens documents that are closed when the test ends."""
    documents: list[Document] = []

    def open_document(text: str) -> Document:
        documents.append(editor.open(text))
        return documents[-1]

    yield open_document
    for document in documents:
        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(document.identifier))


# --------------------------------------------------------------------------------------------------------- diagnostics


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_right_then_wrong_then_right_again(path: Path, open_: Open) -> None:
    document = open_(path.read_text(encoding="utf-8"))
    assert document.diagnostics == []
    good = document.text
    document.write(good.replace("Dense(", "Dens("))
    assert "unknown-layer" in [item.code for item in document.diagnostics]
    document.write(good)
    assert document.diagnostics == []


def test_all_errors_of_a_file_are_there_at_once(open_: Open) -> None:
    document = open_("x = Input(4)\ny = Dens(1)(x)\nz = Dense(-1)(x)\nmodel = Model(x, y)\nq = (\n")
    found = {(item.code, document.at(item.range)) for item in document.diagnostics}
    assert found == {("unknown-layer", "Dens"), ("bad-argument", "-1"), ("unclosed-bracket", "(")}
    assert all(
        item.source == "gen" and item.severity == types.DiagnosticSeverity.Error for item in document.diagnostics
    )


def test_a_warning_fades_what_is_unused_and_a_note_points_to_its_place(open_: Open) -> None:
    document = open_(
        "x = Input(4)\nunused = Dense(3)(x)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile(sgd, mse)\n"
    )
    (warning,) = document.diagnostics
    assert warning.severity == types.DiagnosticSeverity.Warning
    assert list(warning.tags or []) == [types.DiagnosticTag.Unnecessary]
    document.change("Dense(1)(x)", "Conv1D(1, 2)(x)")
    notes = [note for item in document.diagnostics for note in item.related_information or []]
    assert "x = Input(4)"[4:] in [document.at(note.location.range) for note in notes]


def test_positions_are_counted_in_utf_16(open_: Open) -> None:
    document = open_("x = Input(4, name='😀é', shap=3)\ny = Dense(1, name='😀', activaton=relu)(x)\n")
    assert {"shap", "activaton"} <= {document.at(item.range) for item in document.diagnostics}


def test_a_closed_document_has_no_diagnostics(editor: Editor) -> None:
    document = editor.open("x = Dens(3)\n")
    assert document.diagnostics
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(document.identifier))
    assert editor.diagnostics(document.uri, None) == []


# --------------------------------------------------------------------------------------------------------------- hover


def test_hover_shows_shape_dtype_parameters_memory_and_the_documentation(open_: Open) -> None:
    document = open_(POSTS)
    about = document.hover("x = Conv1D(128, 5, relu)(x)\nx = Max") or ""
    for part in (
        "x: (batch, posts - 4, 128) float32",
        "163,968 parameters",
        "kernel (5, 256, 128)",
        "of memory",
        "y[t] =",
    ):
        assert part in about
    assert "(batch, posts) int32" in (document.hover("posts = Input") or "")
    assert "vocabulary = 50000" in (document.hover("vocabulary, 256") or "")
    assert "parameters" in (document.hover("model.compile") or "")


def test_hover_on_a_word_shows_its_arguments_and_documentation(open_: Open) -> None:
    document = open_(POSTS)
    about = document.hover("Conv1D(") or ""
    assert "- `kernel_size`: " in about
    assert "**Formula**: `y[t] = " in about
    assert "binary_crossentropy(" in (document.hover("binary_crossentropy") or "")
    assert document.hover("50000") is None


def test_hover_in_a_block_shows_the_shapes_of_all_its_calls(open_: Open) -> None:
    document = open_(BLOCKS)
    assert "h: (batch, 16) | (batch, 4) float32" in (document.hover("h = Dense") or "")
    assert "def round_of(x, units, rate=0.5)" in (document.hover("round_of(x, 4") or "")
    assert "units = 16 | 4" in (document.hover("units, rate=0.5") or "")


@pytest.mark.parametrize(
    ("call", "made"),
    [
        ("TimeDistributed(Dense(3))(x)", "`TimeDistributed`"),
        ("Bidirectional(LSTM(3))(x)", "`Bidirectional`"),
        ("x - x", "`-` of (batch, 5, 4), (batch, 5, 4)"),
        ("x[:, 0]", "`[…]` of (batch, 5, 4)"),
        ("relu(x)", "`relu(…)` of (batch, 5, 4)"),
    ],
)
def test_hover_says_what_was_written_and_not_what_it_stands_for(call: str, made: str) -> None:
    analysis = analyse("model.nn", f"x = Input(5, 4)\ny = {call}\nmodel = Model(x, y)\n")
    found = hover(analysis, len("x = Input(5, 4)\n"))
    assert found is not None
    assert f"Made by {made}" in found.markdown
    assert "of memory" in found.markdown


def test_hover_works_in_a_broken_file(open_: Open) -> None:
    document = open_(POSTS)
    document.change("income = Dense(income_groups, softmax)(x)", "income = Dense(income_groups, softm")
    assert document.diagnostics
    assert "gender: (batch, 1) float32" in (document.hover("gender = ") or "")
    assert "income_groups = 10" in (document.hover("income_groups, softm") or "")
    assert "Dense(units" in (document.hover("Dense(income_groups") or "")
    assert "14,146,316 parameters" in (document.hover("model = ") or "")


def test_hover_on_a_model_inside_shows_its_own_parameters(open_: Open) -> None:
    about = open_(PAIRS).hover("encoder = ") or ""
    assert "encoder: Model((batch, 64)) → (batch, 32)" in about
    assert "Memory" not in about


def test_hover_on_an_argument_shows_its_default(open_: Open) -> None:
    document = open_("x = Input(4)\ny = Dense(1, use_bias=False)(x)\nmodel = Model(x, y)\n")
    assert "use_bias=True" in (document.hover("use_bias") or "")


# -------------------------------------------------------------------------------------------------------- inlay hints


def test_each_line_ends_with_the_shape_of_its_output(open_: Open) -> None:
    hints = open_(POSTS).hints()
    lines = POSTS.splitlines()
    assert hints[lines.index("posts = Input(None, int32)") + 1] == "(batch, posts) int32"
    assert hints[lines.index("x = GlobalMaxPooling1D()(x)") + 1] == "(batch, 256)"
    assert hints[lines.index("age = Dense(1)(x)") + 1] == "(batch, 1)"
    assert lines.index("vocabulary = 50000") + 1 not in hints


def test_the_layers_of_a_sequential_have_hints_each(open_: Open) -> None:
    document = open_("model = Sequential([\n    Input(8),\n    Dense(4),\n    Dense(2),\n])\n")
    assert document.hints() == {2: "(batch, 8)", 3: "(batch, 4)", 4: "(batch, 2)"}


def test_hints_of_what_is_not_changed_stay_while_a_line_is_broken(open_: Open) -> None:
    document = open_(POSTS)
    before = document.hints()
    document.change("x = Dense(128, relu)(x)", "x = Dense(128, rel")
    line = document.text.splitlines().index("x = Dense(128, rel") + 1
    assert document.hints() == {number: hint for number, hint in before.items() if number != line}


# ---------------------------------------------------------------------------------------------- completion, signatures


def labels(items: Sequence[types.CompletionItem]) -> list[str]:
    return [item.label for item in items]


def test_a_layer_is_completed_with_its_documentation(open_: Open) -> None:
    document = open_(POSTS)
    document.write(POSTS + "y = Den")
    item = next(item for item in document.completions("y = Den") if item.label == "Dense")
    assert document.at(item.text_edit.range) == "Den"
    resolved = document.ask("completion_item_resolve", item)
    assert "x @ kernel + bias" in resolved.documentation.value


def test_a_variable_is_completed_with_what_it_is(open_: Open) -> None:
    document = open_(POSTS)
    document.write(POSTS + "model.compile(loss={")
    item = next(item for item in document.completions("compile(loss={") if item.label == "age")
    assert item.detail == "(batch, 1) float32"
    assert "Dense(units=1)" in document.ask("completion_item_resolve", item).documentation.value


@pytest.mark.parametrize(
    ("written", "first", "others"),
    [
        ("y = Dense(", ["units="], ["activation=", "use_bias=", "name=", "age", "Dense"]),
        ("y = Dense(32, ", ["celu"], ["relu", "softmax", "activation=", "use_bias="]),
        ("y = Dense(32, activation=", ["celu"], ["relu"]),
        ("y = Dense(32, use_bias=", ["True", "False"], []),
        ("y = Conv1D(8, 3, padding=", ["'valid'", "'same'", "'causal'"], []),
        ("y = Conv1D(8, 3, padding='", ["valid", "same", "causal"], []),
        ("y = layers.", [], ["Dense", "TimeDistributed"]),
        ("y = keras.", [], ["layers", "Model"]),
        ("model.", ["compile", "fit"], []),
        ("model.compile(optimizer=", ["adadelta", "adagrad"], ["adam", "rmsprop", "sgd"]),
        ("model.compile(loss={", ["age", "income", "gender"], []),
        ("model.compile(loss={age: ", ["bce"], ["mse"]),
        ("model.compile(metrics=[", [], ["accuracy", "mae"]),
        ("model.fit(", ["epochs=", "batch_size="], []),
        ("y = Input(3, ", [], ["dtype=", "int32"]),
        ("", [], ["age", "model", "def", "for"]),
    ],
)
def test_what_can_be_written_is_offered_the_likeliest_first(
    open_: Open, written: str, first: list[str], others: list[str]
) -> None:
    document = open_(POSTS)
    document.write(f"{POSTS}#\n{written}")
    offered = labels(document.completions(f"#\n{written}"))
    assert offered[: len(first)] == first
    assert set(others) <= set(offered)


def test_a_block_that_a_file_begins_with_has_names_of_its_own() -> None:
    text = "def block(x, units):\n    h = Dense(3)(x)\n    return Dense(un)(h)\n"
    offered = [each.label for each in completions(analyse("model.nn", text), text.index("un)") + 2)]
    assert {"x", "units", "h"} <= set(offered)


@pytest.mark.parametrize("written", ["# y = ", '"""y = ', "y = 3"])
def test_nothing_is_completed_in_comments_strings_and_numbers(open_: Open, written: str) -> None:
    document = open_(f"{POSTS}\n{written}")
    assert document.completions(f"\n{written}") == []


def test_arguments_that_are_given_are_not_offered_again(open_: Open) -> None:
    document = open_("x = Input(4)\ny = Dense(units=3, ")
    assert "units=" not in labels(document.completions("units=3, "))
    document.write("x = Input(4)\ny = Dense(use_bias=False, ")
    assert "units=" in labels(document.completions("use_bias=False, "))


@pytest.mark.parametrize(
    ("written", "label", "active"),
    [
        ("y = Dense(", "Dense(units, activation=linear", "units"),
        ("y = Dense(3, use_bias=", "Dense(units, activation=linear", "use_bias=True"),
        ("y = Concatenate()([Conv1D(3, ", "Conv1D(filters, kernel_size", "kernel_size"),
        ("y = Conv2D(3, (3, ", "Conv2D(filters, kernel_size", "kernel_size"),
        ("model.compile(sgd, ", "compile(optimizer=rmsprop, loss", "loss"),
        ("y = round_of(x, 3, ", "round_of(x, units, rate=0.5)", "rate=0.5"),
    ],
)
def test_the_signature_of_an_unfinished_call_is_shown(open_: Open, written: str, label: str, active: str) -> None:
    document = open_(f"{BLOCKS}{written}")
    shown = document.signature(written)
    assert shown is not None
    assert shown[0].startswith(label)
    assert shown[1] == active


def test_what_a_layer_is_called_on_has_no_signature(open_: Open) -> None:
    document = open_(f"{BLOCKS}y = Model(x, Dense(3)(")
    assert document.signature("Dense(3)(") is None


# ---------------------------------------------------------------------------------------------------------- navigation


def test_a_definition_is_the_binding_that_is_read(open_: Open) -> None:
    document = open_(BLOCKS)
    params = types.DefinitionParams(document.identifier, document.position("x, 4"))
    location = document.ask("text_document_definition", params)
    assert location.range.start == document.position("x = round_of(given")
    params = types.DefinitionParams(document.identifier, document.position("rate)(h)"))
    assert document.ask("text_document_definition", params).range.start == document.position("rate=0.5")


def test_references_are_all_places_of_a_name_in_its_scope(open_: Open) -> None:
    document = open_(BLOCKS)
    params = types.ReferenceParams(
        types.ReferenceContext(True), document.identifier, document.position("x = round_of(given")
    )
    lines = [location.range.start.line + 1 for location in document.ask("text_document_references", params)]
    assert lines == [8, 9, 9, 10]
    params.context.include_declaration = False
    assert len(document.ask("text_document_references", params)) == 2


@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        (BLOCKS, "y = Dense", "answer"),  # the key of the loss is a string
        (BLOCKS, "rate=0.5", "share"),  # a call names it
        (BLOCKS, "round_of(x, units, rate", "stage"),
        (PAIRS, "encoder = Model", "coder"),
        (POSTS, "age = Dense", "years"),
        (POSTS, "x = Embedding", "h"),
    ],
)
def test_a_renamed_file_means_the_same(open_: Open, text: str, place: str, name: str) -> None:
    document = open_(text)
    before = document.hints()
    params = types.RenameParams(document.identifier, document.position(place), name)
    edit = document.ask("text_document_rename", params)
    document.write(document.apply(edit.changes[document.uri]))
    assert document.diagnostics == []
    assert document.hints() == before
    assert name in document.text


@pytest.mark.parametrize(
    ("place", "name", "why"),
    [
        ("age = Dense", "income", "already has a `income`"),
        ("age = Dense", "relu", "already has a meaning"),
        ("age = Dense", "class", "is not a name"),
        ("age = Dense", "änderung", "is not a name"),
        ("Dense(1)", "years", "Only names that the file defines"),
    ],
)
def test_a_renaming_that_would_change_the_file_is_refused(open_: Open, place: str, name: str, why: str) -> None:
    document = open_(POSTS)
    params = types.RenameParams(document.identifier, document.position(place), name)
    with pytest.raises(Exception, match=why):
        document.ask("text_document_rename", params)


def test_a_string_that_names_another_output_is_not_taken_for_the_variable(open_: Open) -> None:
    document = open_(
        "x = Input(4)\ny = Dense(2)(x)\nz = Dense(1, name='y')(y)\n"
        "model = Model(x, z)\nmodel.compile(sgd, {'y': mse})\n"
    )
    assert document.diagnostics == []
    params = types.RenameParams(document.identifier, document.position("y = "), "hidden")
    with pytest.raises(Exception, match="The file would be wrong: `hidden` is not an output"):
        document.ask("text_document_rename", params)


def test_names_behind_other_alphabets_are_found_at_their_place(open_: Open) -> None:
    document = open_("first = 3\npair = ['😀', 'é', first]\nlast = first\n")
    position = types.Position(1, len("pair = ['😀', 'é', fi") + 1)  # the face takes two units
    params = types.ReferenceParams(types.ReferenceContext(True), document.identifier, position)
    found = document.ask("text_document_references", params)
    assert [document.at(location.range) for location in found] == ["first"] * 3


# ------------------------------------------------------------------------------------------------- fixes and formatting


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Dens(128, relu)", "Dense(128, relu)"),
        ("Dense(128, rellu)", "Dense(128, relu)"),
        ("Dense(128, activation='rellu')", "Dense(128, activation='relu')"),
        ("Dense(128, activaton=relu)", "Dense(128, activation=relu)"),
    ],
)
def test_a_quick_fix_writes_what_was_meant(open_: Open, wrong: str, right: str) -> None:
    document = open_(POSTS.replace("Dense(128, relu)", wrong))
    assert document.diagnostics
    action = next(each for each in document.actions(wrong) if isinstance(each, types.CodeAction))
    assert action.kind == types.CodeActionKind.QuickFix
    assert action.edit is not None and action.edit.changes is not None
    assert document.apply(action.edit.changes[document.uri]) == POSTS.replace("Dense(128, relu)", right)


def test_formatting_lays_the_file_out_and_leaves_one_that_cannot_be_read(open_: Open) -> None:
    document = open_("x=Input( 4 )\ny=Dense(1)( x )\nmodel=Model(x,y)\n")
    params = types.DocumentFormattingParams(document.identifier, types.FormattingOptions(4, True))
    (edit,) = document.ask("text_document_formatting", params)
    assert edit.new_text == "x = Input(4)\ny = Dense(1)(x)\nmodel = Model(x, y)\n"
    document.write(edit.new_text)
    assert list(document.ask("text_document_formatting", params)) == []
    document.write("x = Input(4")
    assert document.ask("text_document_formatting", params) is None


def misspelled(*words: str) -> str:
    """A file with a layer on each line, whose activation is one of some words."""
    return "x = Input(4)\n" + "".join(f"x = Dense(4, {word})(x)\n" for word in words)


def test_of_many_fixes_the_nearest_are_offered_and_all_of_them_together(open_: Open) -> None:
    document = open_(misspelled(*["rrrelu", "reluu", "rel"] * 100))
    actions = document.actions(document.text)
    assert len(actions) == MOST_FIXES + 1
    titles = [action.title for action in actions]
    assert titles == ["Replace `reluu` with `relu`"] * MOST_FIXES + ["Replace all 300 misspellings"]
    assert isinstance(actions[-1], types.CodeAction) and actions[-1].edit and actions[-1].edit.changes
    document.write(document.apply(actions[-1].edit.changes[document.uri]))
    assert document.text == misspelled(*["relu"] * 300)


def test_many_fixes_are_tried_together_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def check(source: Source) -> Diagnostics:
        checked.append(source.text)
        return compiler.check(source)

    monkeypatch.setattr("gen.lsp.fixes.check", check)
    analysis = analyse("model.nn", misspelled(*["rellu"] * 300))
    assert len(fixes(analysis, 0, len(analysis.text.text))) == 300
    assert len(fixes(analysis, 0, len(analysis.text.text) - 1)) == 300
    assert checked == [misspelled(*["relu"] * 300)]


def test_a_fix_that_mends_nothing_is_not_offered_beside_those_that_do() -> None:
    analysis = analyse("model.nn", misspelled("rellu", "sdg", "rellu"))  # `sgd` is a word, but no activation
    assert [item.hint for item in analysis.diagnostics][1] == "did you mean `sgd`?"
    found = fixes(analysis, 0, len(analysis.text.text))
    assert [fix.replacement for fix in found] == ["relu", "relu"]


def test_what_an_action_writes_is_told_when_it_is_chosen(tmp_path: Path) -> None:
    editor = Editor(tmp_path, resolving=True)
    document = editor.open(misspelled("rellu", "tahn"))
    first, second, both = document.actions(document.text)
    for action, words in ((first, ["relu", "tahn"]), (second, ["rellu", "tanh"]), (both, ["relu", "tanh"])):
        assert isinstance(action, types.CodeAction) and action.edit is None
        edit = document.ask("code_action_resolve", action).edit
        assert document.apply(edit.changes[document.uri]) == misspelled(*words)
    document.write(misspelled("rellu", "linear", "tahn"))
    assert editor.refused(editor.send(types.CODE_ACTION_RESOLVE, first)) == types.LSPErrorCodes.ContentModified
    assert editor.close() == (0, b"")


def test_fixes_are_not_looked_for_where_only_others_are_wanted(open_: Open) -> None:
    document = open_(misspelled("rellu"))
    range_ = types.Range(document.position("rellu"), document.position("rellu"))
    for kind, count in (("source.organizeImports", 0), ("refactor", 0), ("quickfix", 1), ("", 1), ("quick", 0)):
        context = types.CodeActionContext([], [kind])
        params = types.CodeActionParams(document.identifier, range_, context)
        assert len(document.ask("text_document_code_action", params)) == count, kind


# ------------------------------------------------------------------------------------------------------ generated code


def opened(editor: Editor, document: Document, text: str) -> tuple[Path, str]:
    """The file that the code action opens at `text`, and what is selected in it."""
    (command,) = document.actions(text)
    assert isinstance(command, types.Command)
    editor.shown.clear()
    document.run(command)
    (shown,) = editor.shown
    path, selection = Path(unquote(urlsplit(shown.uri).path)), shown.selection
    assert selection is not None
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return path, "".join(lines[selection.start.line : selection.end.line])


def test_the_generated_code_of_a_statement_is_opened(editor: Editor, open_: Open) -> None:
    document = open_(POSTS)
    path, code = opened(editor, document, "age = Dense(1)(x)")
    assert "# age = Dense(1)(x)" in code
    assert "p.age_kernel" in code
    assert "income" not in code
    assert not path.is_relative_to(editor.folder)
    assert opened(editor, document, "posts = Input(None, int32)")[1].startswith("def forward(")


def test_statements_that_are_written_alike_have_code_of_their_own() -> None:
    analysis = analyse("posts.nn", POSTS)
    made = generated(analysis)
    assert made is not None
    alike = [found.start() for found in re.finditer(re.escape("x = Conv1D(256, 5, relu)(x)"), POSTS)]
    for offset, number in zip(alike, (4, 5, 7, 8), strict=True):
        lines = lines_of(analysis, offset, made)
        assert f"p.x_{number}_kernel" in "".join(made.text.splitlines()[lines.first - 1 : lines.last])


def test_a_statement_of_a_block_has_code_too(editor: Editor, open_: Open) -> None:
    assert "Dense(units, relu)(x)" in opened(editor, open_(BLOCKS), "h = Dense(units, relu)(x)")[1]


def test_a_built_file_is_opened_where_it_stands_as_long_as_it_is_current(editor: Editor, open_: Open) -> None:
    document = open_(POSTS)
    built = editor.folder / "out" / Path(document.uri).with_suffix(".py").name
    built.parent.mkdir(exist_ok=True)
    source = compiler.Source(Path(document.uri).name, POSTS)
    graph = compiler.understand(source, Diagnostics())
    assert graph is not None
    built.write_text(compiler.generate(graph, source.path), encoding="utf-8")
    assert opened(editor, document, "age = Dense(1)(x)")[0] == built
    document.change("age = Dense(1)(x)", "age = Dense(1, use_bias=False)(x)")
    path, code = opened(editor, document, "age = Dense(1, use_bias=False)(x)")
    assert path != built
    assert "use_bias=False" in code


def test_a_broken_file_has_no_generated_code(open_: Open) -> None:
    document = open_(POSTS.replace("Dense(128", "Dens(128"))
    assert document.actions("age = Dense(1)(x)") == []


# ------------------------------------------------------------------------------------------------ what is not computed

INITIALIZE = {"id": 0, "method": "initialize", "params": {"capabilities": {}, "processId": None, "rootUri": None}}
SHUTDOWN = {"id": "last", "method": "shutdown"}
HOVER = {"textDocument": {"uri": "file:///none.nn"}, "position": {"line": 0, "character": 0}}


def framed(message: bytes | dict[str, Any]) -> bytes:
    """A message as it is sent."""
    body = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


GATE = '''\
"""What the server computes is written down, and waits while a gate is closed, which documents of these names do."""

from pathlib import Path
from threading import Event

import gen.lsp.document
import gen.lsp.hover
from gen.lsp.server import Server

opened = Event()


def watched(name, function):
    def run(*args):
        with open("computed.txt", "a") as file:
            print(name, args[1] if name == "analyse" else "", file=file)
        opened.wait(60)
        return function(*args)

    return run


def open_(server, uri, function=Server.open):
    match uri:
        case "gate:open":
            opened.set()
        case "gate:close":
            opened.clear()
        case _:
            function(server, uri)


gen.lsp.document.analyse = watched("analyse", gen.lsp.document.analyse)
gen.lsp.hover.hover = watched("hover", gen.lsp.hover.hover)
Server.open = open_
'''


class Gated(Editor):
    """An editor whose server computes nothing while its gate is closed, as it is at first."""

    def __init__(self, folder: Path) -> None:
        (folder / "pyproject.toml").write_text('[tool.gen]\ncomponents = ["gate.py"]\n', encoding="utf-8")
        (folder / "gate.py").write_text(GATE, encoding="utf-8")
        super().__init__(folder)

    def gate(self, state: Literal["open", "close"]) -> None:
        item = types.TextDocumentItem(f"gate:{state}", "nn", 0, "")
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    @property
    def computed(self) -> list[str]:
        """What the server has computed, a line for each piece of work, in order."""
        return (self.folder / "computed.txt").read_text(encoding="utf-8").split()


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    editor = Gated(tmp_path)
    yield editor
    assert editor.close() == (0, b"")


def test_while_one_text_is_analysed_only_the_last_one_is_analysed_next(gated: Gated) -> None:
    document = gated.open("x=0")
    hovers = []
    for number in range(1, 51):
        document.write(f"x={number}")
        hovers.append(gated.send(types.TEXT_DOCUMENT_HOVER, document.hover_params("x")))
    assert {gated.refused(each) for each in hovers[:-1]} == {types.LSPErrorCodes.ContentModified}
    assert not hovers[-1].done()
    gated.gate("open")
    assert "x = 50" in gated.wait(hovers[-1]).contents.value
    assert [item.code for item in document.diagnostics] == ["no-model"]
    assert gated.computed == ["analyse", "x=0", "analyse", "x=50", "hover"]


def test_a_cancelled_request_is_answered_at_once_and_not_computed(gated: Gated) -> None:
    document = gated.open("x=0")
    params = document.hover_params("x")
    cancelled = [gated.send(types.TEXT_DOCUMENT_HOVER, params, f"hover {number}") for number in range(9)]
    kept = gated.send(types.TEXT_DOCUMENT_HOVER, params)
    for number in range(9):
        gated.cancel(f"hover {number}")
    assert {gated.refused(each) for each in cancelled} == {types.LSPErrorCodes.RequestCancelled}
    gated.gate("open")
    assert "x = 0" in gated.wait(kept).contents.value
    assert gated.computed == ["analyse", "x=0", "hover"]


def test_a_request_that_waits_behind_another_is_not_computed_once_it_is_cancelled(gated: Gated) -> None:
    gated.gate("open")
    document = gated.open("x=0")
    assert document.diagnostics
    gated.gate("close")
    params = document.hover_params("x")
    hovers = [gated.send(types.TEXT_DOCUMENT_HOVER, params, f"hover {number}") for number in range(9)]
    for number, each in enumerate(hovers):
        gated.cancel(f"hover {number}")
        assert gated.refused(each) == types.LSPErrorCodes.RequestCancelled
    gated.gate("open")
    assert document.hover("x")
    assert gated.computed.count("hover") <= 2  # the first one, if it had begun, and the last


def test_work_that_nobody_waits_for_any_more_ends_where_it_asks() -> None:
    begun, ended = Event(), Event()

    def compute() -> None:
        begun.set()
        try:
            while True:
                go_on()
        finally:
            ended.set()

    async def cancelled() -> str:
        worker = Worker()
        waited = worker.do(compute)
        await asyncio.to_thread(begun.wait, PATIENCE)
        waited.cancel()
        await asyncio.to_thread(ended.wait, PATIENCE)
        return await worker.do(lambda: "the next")

    assert asyncio.run(cancelled()) == "the next"


def test_facts_that_are_given_up_are_made_for_the_next_one_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = analyse("posts.nn", POSTS)
    with monkeypatch.context() as patch:
        patch.setattr("gen.lsp.analysis.go_on", Mock(side_effect=[None, None, asyncio.CancelledError]))
        with pytest.raises(asyncio.CancelledError):
            hover(analysis, POSTS.index("age = "))
    found = hover(analysis, POSTS.index("age = "))
    assert found is not None and "of memory" in found.markdown


def test_a_document_that_is_closed_while_it_is_analysed_is_forgotten(gated: Gated) -> None:
    document = gated.open("x = Dens(3)")
    hover = gated.send(types.TEXT_DOCUMENT_HOVER, document.hover_params("x"))
    gated.client.text_document_did_close(types.DidCloseTextDocumentParams(document.identifier))
    assert gated.refused(hover) == types.LSPErrorCodes.ContentModified
    assert gated.diagnostics(document.uri, None) == []
    gated.gate("open")
    assert gated.open("y = Dens(3)").diagnostics
    assert not gated.published[document.uri].diagnostics


def test_the_server_ends_while_it_computes(tmp_path: Path) -> None:
    editor = Gated(tmp_path)
    document = editor.open(POSTS)
    hover = editor.send(types.TEXT_DOCUMENT_HOVER, document.hover_params("age = "))
    command = types.ExecuteCommandParams("gen.openGenerated", [document.uri, 0])
    opened = editor.send(types.WORKSPACE_EXECUTE_COMMAND, command)
    assert editor.close() == (0, b"")
    assert hover.done() and opened.done()


def test_the_server_ends_at_once_where_it_is_told_to_while_requests_wait(tmp_path: Path) -> None:
    editor = Gated(tmp_path)
    editor.send(types.TEXT_DOCUMENT_HOVER, editor.open("x=0").hover_params("x"))
    assert editor.close(shutdown=False) == (1, b"")


def test_a_client_that_goes_away_takes_the_server_with_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-m", "gen", "lsp"], cwd=tmp_path, env=environment, **pipes) as server:
        assert server.stdin and server.stdout and server.stderr
        server.stdout.close()
        document = {"uri": "file:///x.nn", "languageId": "nn", "version": 0, "text": POSTS}
        for message in (INITIALIZE, {"method": "textDocument/didOpen", "params": {"textDocument": document}}):
            server.stdin.write(framed(message))
        server.stdin.write(framed({"id": 1, "method": "textDocument/hover", "params": HOVER})[:-5])
        server.stdin.close()
        assert (server.wait(PATIENCE), server.stderr.read()) == (0, b"")


def test_a_server_that_is_told_to_exit_before_it_is_shut_down_says_so(tmp_path: Path) -> None:
    assert Editor(tmp_path).close(shutdown=False) == (1, b"")


def test_what_is_no_open_document_is_refused(editor: Editor, open_: Open) -> None:
    document = open_("x = 1")
    params = document.hover_params("x")
    for uri in ("file:///nowhere.nn", "untitled:Untitled-1", "", "no uri at all", Path(__file__).as_uri()):
        params.text_document.uri = uri
        assert editor.refused(editor.send(types.TEXT_DOCUMENT_HOVER, params)) == types.ErrorCodes.InvalidParams


# ------------------------------------------------------------------------------------------------ malformed messages


def talk(folder: Path, *messages: bytes | dict[str, Any]) -> dict[int | str | None, int | None]:
    """The codes of the errors that requests are answered with, by their ids; None for those that are not refused.

    The server must answer nothing else, write nothing to standard error, and end well where its input ends.
    """
    written = b"".join(map(framed, messages))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gen", "lsp"]
    done = subprocess.run(command, input=written, capture_output=True, cwd=folder, env=environment, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    answers: dict[int | str | None, int | None] = {}
    for header in done.stdout.split(b"Content-Length: ")[1:]:
        answer = json.loads(header.partition(b"\r\n\r\n")[2])
        assert "method" not in answer, answer
        assert answer["id"] is None or answer["id"] not in answers, answer
        answers[answer["id"]] = answer.get("error", {}).get("code")
    return answers


def test_each_malformed_request_is_refused_and_malformed_notifications_are_passed_over(tmp_path: Path) -> None:
    wrong: list[Any] = [{}, [], None, {"textDocument": 3}, {**HOVER, "position": {"line": -1, "character": 0}}]
    wrong += [{**HOVER, "position": {"line": line, "character": 0}} for line in ("a", None, 2**31, 2**80)]
    requests = [{"id": i, "method": "textDocument/hover", "params": params} for i, params in enumerate(wrong, 1)]
    notifications = [
        {"method": method, "params": params}
        for method in ("textDocument/didOpen", "textDocument/didChange", "$/cancelRequest", "$/unknown", "unknown")
        for params in (None, {}, [], {"textDocument": {"uri": "file:///none.nn"}}, {"id": 99})
    ]
    answers = talk(tmp_path, INITIALIZE, *requests, *notifications, SHUTDOWN)
    assert answers == {0: None, **dict.fromkeys(range(1, len(wrong) + 1), types.ErrorCodes.InvalidParams), "last": None}


def test_what_the_server_does_not_know_is_refused_too(tmp_path: Path) -> None:
    command = {"id": 1, "method": "workspace/executeCommand", "params": {"command": "gen.openGenerated"}}
    unknown = {"id": 2, "method": "textDocument/unknown"}
    hover = {"id": 3, "method": "textDocument/hover", "params": HOVER}
    opened = {"id": 4, "method": "textDocument/didOpen", "params": {}}
    assert talk(tmp_path, INITIALIZE, command, unknown, hover, opened, SHUTDOWN) == {
        0: None,
        1: types.ErrorCodes.InvalidParams,
        2: types.ErrorCodes.MethodNotFound,
        3: types.ErrorCodes.InvalidParams,
        4: types.ErrorCodes.InvalidParams,
        "last": None,
    }


def test_requests_before_the_beginning_and_after_the_end_are_refused(tmp_path: Path) -> None:
    early, late = ({"id": id_, "method": "textDocument/hover", "params": HOVER} for id_ in ("early", "late"))
    again = {**INITIALIZE, "id": "again"}
    assert talk(tmp_path, early, INITIALIZE, again, SHUTDOWN, late) == {
        "early": types.ErrorCodes.ServerNotInitialized,
        0: None,
        "again": types.ErrorCodes.InvalidRequest,
        "last": None,
        "late": types.ErrorCodes.InvalidRequest,
    }


@pytest.mark.parametrize(
    "body", [b"no JSON", b"\xff\xfe", b"[" * 100_000, b"[]", b"[1]", b"3", b"null", b"{}", b'{"a": 1}']
)
def test_what_is_no_message_does_not_end_the_server(tmp_path: Path, body: bytes) -> None:
    answers = talk(tmp_path, INITIALIZE, body, SHUTDOWN)
    refused = answers.pop(None, types.ErrorCodes.InvalidRequest)
    assert refused in (types.ErrorCodes.ParseError, types.ErrorCodes.InvalidRequest)
    assert answers == {0: None, "last": None}


def test_a_file_with_any_name_has_generated_code(editor: Editor) -> None:
    for uri in (
        "untitled:Untitled-1",
        "",
        "file:///",
        "file:///%00.nn",
        "http://x/y?z#w",
        f"file:///{'long' * 999}.nn",
    ):
        item = types.TextDocumentItem(uri, "nn", 0, BLOCKS)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        document = Document(editor, uri, BLOCKS)
        path, code = opened(editor, document, "h = Dense(units, relu)(x)")
        assert "Dense(units, relu)(x)" in code
        assert not path.is_relative_to(editor.folder)
        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(document.identifier))


# --------------------------------------------------------------------------------------------------------- robustness


@pytest.mark.parametrize("encoding", types.PositionEncodingKind)
def test_each_character_has_one_position_in_every_encoding(encoding: types.PositionEncodingKind) -> None:
    text = Text("a\n😀é\u2028b\r\n\ud800c\rd\n", encoding)
    inside = [offset for offset in range(len(text.text) + 1) if text.text[offset - 1 : offset + 1] != "\r\n"]
    assert [text.offset(text.position(offset)) for offset in inside] == inside
    assert text.position(len(text.text)) == types.Position(4, 0)
    assert text.offset(types.Position(0, 99)) == 1
    assert text.offset(types.Position(99, 0)) == len(text.text)


FEATURES = (hover, completions, signature_help, cursor, references)
ODD = [
    "",
    "\n",
    "\ufeff",
    "\x00",
    "x = \ud800",
    "(" * 200,
    "x = 1\r\ny = 2\rz",
    "\u2028",
    '"""',
    "def f(",
    "é = 1",
    "x.",
    "." * 9,
]


@pytest.mark.parametrize("path", [*EXAMPLES, *CODES], ids=lambda path: path.stem)
def test_no_feature_fails_wherever_a_file_ends(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "replace")[:4000]
    good = analyse(path.name, text)
    for end in range(0, len(text), max(len(text) // 12, 1)):
        cut = analyse(path.name, text[:end], before=good)
        assert cut.bug is None
        for feature in FEATURES:
            feature(cut, end)
        shapes(cut)
        list(fixes(cut, end, end))


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_an_odd_text_is_served_like_any_other(open_: Open, text: str) -> None:
    document = open_(text)
    assert all("bug in gen" not in item.message for item in document.diagnostics)
    document.hints()
    document.completions(text)


def test_a_bug_in_gen_is_told_and_the_server_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    good = analyse("posts.nn", POSTS)

    def fail(*_: object) -> None:
        raise KeyError("something")

    monkeypatch.setattr("gen.lsp.analysis.observe", fail)
    analysis = analyse("posts.nn", POSTS, before=good)
    assert (analysis.bug or "").startswith("posts.nn: this is a bug in gen")
    assert "KeyError: 'something'" in (analysis.bug or "")
    assert analysis.failed
    assert shapes(analysis) == shapes(good)


def test_many_changes_at_once_end_with_the_diagnostics_of_the_last(open_: Open) -> None:
    document = open_(POSTS)
    for end in range(0, len(POSTS), 100):
        document.write(POSTS[:end])
    document.write(POSTS)
    assert document.diagnostics == []


def test_components_of_ones_own_are_known_and_what_they_print_is_no_part_of_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.gen]\ncomponents = ["own.py"]\n')
    (tmp_path / "own.py").write_text(
        "from gen.components.base import Activation, component\n"
        "print('Content-Length: 3')\n"
        "@component\n"
        "class Doubled(Activation):\n"
        '    """y = 2x."""\n'
        "    def forward(self, x):\n        return 2 * x\n"
        "    def backward(self, dy):\n        return 2 * dy\n"
    )
    editor = Editor(tmp_path)
    document = editor.open("x = Input(4)\ny = Dense(1, doubled)(x)\nmodel = Model(x, y)\n")
    assert document.diagnostics == []
    assert "y = 2x" in (document.hover("doubled") or "")
    assert editor.close() == (0, b"Content-Length: 3\n")


def test_each_file_is_read_as_its_own_project_says(tmp_path: Path) -> None:
    for name, factor in (("one", 2), ("other", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").write_text('[tool.gen]\ncomponents = ["own.py"]\n')
        (tmp_path / name / "own.py").write_text(
            "from gen.components.base import Activation, component\n"
            "@component\n"
            f"class {name.title()}Times(Activation):\n"
            f'    """y = {factor}x."""\n'
            f"    def forward(self, x):\n        return {factor} * x\n"
            f"    def backward(self, dy):\n        return {factor} * dy\n"
        )
    text = "x = Input(4)\ny = Dense(1, NAME_times)(x)\nmodel = Model(x, y)\n"
    editor = Editor(tmp_path)
    one, other = (editor.open(text.replace("NAME", name), name) for name in ("one", "other"))
    assert (one.diagnostics, other.diagnostics) == ([], [])
    assert "y = 2x" in (one.hover("one_times") or "") and "y = 3x" in (other.hover("other_times") or "")
    one.write(one.text.replace("one_times", "other_times"))
    assert [item.code for item in one.diagnostics] == ["unknown-name"]
    assert editor.open(text.replace("NAME", "one")).diagnostics
    assert editor.close() == (0, b"")


def test_gen_lsp_says_what_it_needs_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from gen.cli import gen

    monkeypatch.delitem(sys.modules, "gen.lsp.server", raising=False)
    monkeypatch.setitem(sys.modules, "pygls.exceptions", None)
    result = CliRunner().invoke(gen, ["lsp"])
    assert (result.exit_code, result.stderr) == (2, "gen: a language server needs pygls: pip install 'gen-nn[lsp]'\n")


def test_the_server_says_what_it_can_do(editor: Editor) -> None:
    can = editor.capabilities
    assert can.position_encoding in (None, types.PositionEncodingKind.Utf16)
    for feature in ("hover", "inlay_hint", "completion", "signature_help", "definition", "references", "rename"):
        assert getattr(can, f"{feature}_provider"), feature
