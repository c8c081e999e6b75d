"""`--model NAME` says which model of a file is built; the generated file, the settings and a notebook know it too."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gen import cli, compiler
from gen.diagnostics import Diagnostics, Source
from gen.emit.seal import asked_of, given_of, is_intact, source_of
from gen.settings import Settings, told
from tests.building import QUICK, load

TEXT = """\
image = Input(12)
code = Dense(4, relu)(image)
encoder = Model(image, code, name="enc")
autoencoder = Model(image, Dense(12)(code))
autoencoder.compile(adam(), mse)
classifier = Model(image, Dense(3, softmax)(code))
classifier.compile(sgd(), sparse_categorical_crossentropy)
"""
MADE = """\
class Pair:
    def __init__(self):
        self.inner = make(3)
        self.outer = Model(a := Input(4), self.inner(a))

def make(units):
    model = Sequential([Input(4), Dense(units)])
    return model

wide, narrow = make(8), make(2)
pair = Pair()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ae.nn").write_text(TEXT, "utf-8")
    return tmp_path


def gen(*arguments: str) -> Result:
    return CliRunner().invoke(cli.gen, arguments)


def built(here: Path) -> str:
    return (here / "out" / "ae.py").read_text("utf-8")


def picked(text: str, name: str) -> compiler.Graph:
    graph = compiler.understand(Source("model.nn", text), found := Diagnostics(), asked=name)
    assert graph is not None, found.items
    return graph


@pytest.mark.parametrize(
    ("name", "outputs", "trains"),
    [("enc", 4, False), ("encoder", 4, False), ("autoencoder", 12, True), ("classifier", 3, True)],
)
def test_the_model_of_a_name_is_built(name: str, outputs: int, trains: bool) -> None:
    module = load(compiler.generate(picked(TEXT, name), "ae.nn", QUICK), "ae")
    ((_, shape),) = module.OUTPUTS.values()
    assert shape == (None, outputs)
    assert hasattr(module.Model, "fit") == trains


@pytest.mark.parametrize(("name", "units"), [("wide", 8), ("narrow", 2), ("inner", 3), ("outer", 3)])
def test_the_name_that_the_caller_gives_counts(name: str, units: int) -> None:
    (output,) = picked(MADE, name).outputs
    assert output.tensor.shape[-1] == units


def test_a_compiled_model_comes_before_others_of_its_name() -> None:
    text = "x = Input(3)\nm = Model(x, Dense(1)(x))\nm.compile(adam, mse)\nm = Model(x, Dense(2)(x))\n"
    assert picked(text, "m").training is not None


def test_two_compiled_models_of_one_name_are_an_error() -> None:
    text = "x = Input(3)\n" + "m = Model(x, Dense(1)(x))\nm.compile(adam, mse)\n" * 2
    assert compiler.understand(Source("model.nn", text), found := Diagnostics(), asked="m") is None
    assert [item.code for item in found.items] == ["two-models"]


def test_an_unknown_name_is_an_error_that_lists_the_names(here: Path) -> None:
    result = gen("build", "ae.nn", "--model", "classifer")
    assert result.exit_code == 1
    assert "no model called `classifer`; there are `enc`, `autoencoder` and `classifier`" in result.output
    assert "did you mean `classifier`?" in result.output


def test_an_unknown_name_is_no_error_of_a_file_that_has_others() -> None:
    text = "x = Input(3)\nm = Model(x, Dnse(1)(x))\n"
    assert compiler.understand(Source("model.nn", text), found := Diagnostics(), asked="other") is None
    assert "no-model" not in [item.code for item in found.items]


def test_the_header_knows_the_name_and_a_rebuild_keeps_it(here: Path) -> None:
    assert gen("build", "ae.nn", "--model", "encoder").exit_code == 0
    text = built(here)
    assert asked_of(text) == "encoder" and source_of(text) == "ae.nn" and is_intact(text)
    assert "\nIt is what `gen build --model encoder` makes of it.\n\nWhat gen emits" in text
    assert gen("build", "ae.nn", "--check").exit_code == 0
    (here / "ae.nn").write_text(TEXT.replace("Dense(4,", "Dense(5,"), "utf-8")
    assert gen("build", "ae.nn", "--check").exit_code == 1
    assert gen("build", "ae.nn").exit_code == 0
    assert asked_of(built(here)) == "encoder" and "(None, 5)" in built(here)
    assert gen("build", "ae.nn", "--model", "classifier").exit_code == 0
    assert asked_of(built(here)) == "classifier"


def test_the_header_knows_the_name_and_values_from_outside(here: Path) -> None:
    (here / "ae.nn").write_text(TEXT.replace("Dense(4,", "Dense(units,"), "utf-8")
    assert gen("build", "ae.nn", "--model", "enc", "--define", "units=5").exit_code == 0
    assert asked_of(built(here)) == "enc" and given_of(built(here)) == ["units = 5"]
    assert gen("build", "ae.nn", "--check").exit_code == 0
    assert gen("build", "ae.nn", "--model", "").exit_code == 0
    assert asked_of(built(here)) == "" and given_of(built(here)) == ["units = 5"] and "class Models:" in built(here)
    assert gen("dump", "ae.nn", "--model", "enc", "--define", "units=5").exit_code == 0


def test_a_file_of_one_model_says_nothing_of_names() -> None:
    text = "x = Input(3)\nm = Model(x, Dense(1)(x))\n"
    plain = compiler.generate(picked(text, ""), "model.nn", QUICK)
    assert "--model" not in plain.partition('\n"""\n')[0] and asked_of(plain) == ""


def test_the_settings_name_the_model_of_a_file(here: Path) -> None:
    (here / "pyproject.toml").write_text('[tool.gen]\nmodels = {"ae.nn" = "classifier"}\n', "utf-8")
    assert gen("build", "ae.nn").exit_code == 0
    assert asked_of(built(here)) == "classifier"
    assert gen("build", "ae.nn", "--model", "enc").exit_code == 0
    assert gen("build", "ae.nn", "--check").exit_code == 1  # the settings come before the header
    for wrong in ('"enc"', "{ ae = 1 }"):
        (here / "pyproject.toml").write_text(f"[tool.gen]\nmodels = {wrong}\n", "utf-8")
        result = gen("build", "ae.nn")
        assert result.exit_code == 2 and "`models` in [tool.gen] is not a table" in result.output


def test_a_name_is_given_to_one_file_only(here: Path) -> None:
    (here / "other.nn").write_text(TEXT, "utf-8")
    result = gen("build", ".", "--model", "enc")
    assert result.exit_code == 2 and "name that file alone" in result.output
    assert not (here / "out").exists()


@pytest.mark.parametrize("command", [["summary"], ["graph"], ["dump"], ["dump", "--stage", "functions"]])
def test_what_looks_at_a_model_takes_its_name(here: Path, command: list[str]) -> None:
    result = gen(*command, "ae.nn", "--model", "classifier")
    assert result.exit_code == 0, result.output
    assert "softmax" in result.output
    assert gen(*command, "ae.nn", "--model", "none").exit_code == 1


def test_explain_takes_the_name(here: Path) -> None:
    assert gen("explain", "ae.nn", "--model", "classifier").exit_code == 0
    assert "sparse_categorical_crossentropy" in (here / "ae.html").read_text("utf-8")


def test_a_notebook_takes_the_name() -> None:
    pytest.importorskip("IPython")
    from gen.notebook import build

    encoder = build(TEXT, "m", "Cell In[1]", colour=False, settings=told(models=((None, "enc"),)))
    assert encoder.OUTPUTS == {"code": ("float32", (None, 4))}
    assert build(TEXT, "m", "Cell In[2]", colour=False, settings=Settings()).classifier.OUTPUTS


def test_several_compiled_models_are_built_together_and_looked_at_one_by_one(here: Path) -> None:
    assert gen("build", "ae.nn").exit_code == 0
    assert all(f"class {name}:" in built(here) for name in ("Models", "Encoder", "Autoencoder", "Classifier"))
    assert gen("build", "ae.nn", "--check").exit_code == 0
    result = gen("summary", "ae.nn")
    assert result.exit_code == 1 and "say which one: `--model autoencoder`" in result.output


def test_an_editor_shows_the_first_of_several_models_as_it_is_alone() -> None:
    pytest.importorskip("pygls")
    from gen.lsp.analysis import analyse

    analysis = analyse("ae.nn", TEXT)
    graph, first = analysis.observed.graph, picked(TEXT, "enc")
    assert not analysis.failed and graph is not None and graph.shared is None
    assert compiler.generate(graph, "ae.nn", QUICK).count("class Params:") == 1
    assert [layer.name for layer in graph.layers] == [layer.name for layer in first.layers]
