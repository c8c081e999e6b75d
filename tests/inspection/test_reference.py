"""The reference says of each component what it is, and nothing that it is not: `gen help`, `docs/reference.md`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gen import cli, compiler
from gen.components.base import Component, Layer, Weight, component, parameters, registry
from gen.components.docstrings import docstring, prose
from gen.components.initializers import Ones
from gen.emit.view import View
from gen.inspect import reference
from gen.inspect.reference import UnknownComponent, entries, entry, find
from gen.language.elaborate import training
from gen.language.words import WORDS, Construct
from tests.building import ROOT, graph_of, load, sample

COMPONENTS = reference.components()
IDS = [f"{cls.kind}-{cls.__name__}" for cls in COMPONENTS]


def help_of(*arguments: str) -> Result:
    result = CliRunner().invoke(cli.gen, ["help", *arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


# ------------------------------------------------------------------------------------------------------------- entries


def test_every_registered_component_has_one_entry() -> None:
    registered = {cls for components in registry.values() for cls in components.values()}
    assert set(COMPONENTS) == registered
    assert len(COMPONENTS) == len(registered)
    assert len({item.title for item in entries()}) == len(registered) + len(WORDS)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.name)
def test_a_word_of_the_language_is_as_the_language_takes_it(word: Construct) -> None:
    graph_of(word.example)
    call = re.search(rf"\b{word.name}\(", word.example)
    assert call is not None
    for name, (takes, default) in word.arguments.items():
        assert takes
        if default not in (None, "None") and f"{name}=" not in word.example:
            end = _closing(word.example, call.end())
            graph_of(f"{word.example[:end]}, {name}={default}{word.example[end:]}")
    item = entry(word.name)
    assert (item.kind, item.signature) == (reference.LANGUAGE, word.signature)
    assert item.outputs if word.formula else not item.outputs


def _closing(text: str, start: int) -> int:
    """The place of the bracket that ends what begins before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    raise AssertionError(text)


def test_defaults_of_training_are_those_of_the_language() -> None:
    words = {word.name: word for word in WORDS}
    assert tuple(words["compile"].arguments) == training.COMPILE
    assert {name: default for name, (_, default) in words["fit"].arguments.items()} == {
        name: repr(getattr(View, name)) for name in training.FIT
    }


@pytest.mark.parametrize("cls", COMPONENTS, ids=IDS)
def test_an_entry_is_complete(cls: type[Component]) -> None:
    item = entry(cls)
    assert item.summary.endswith(".") and "\n" not in item.summary
    assert any(sign in item.formula for sign in "=·(~") and "\n" not in item.formula
    assert item.inputs and item.outputs
    assert [each.name for each in item.arguments] == [parameter.name for parameter in parameters(cls)]
    for leftover in ("Source:", "Formula:", "Example:"):
        assert leftover not in item.summary + item.documentation


@pytest.mark.parametrize("cls", sample(COMPONENTS, 2), ids=lambda cls: f"{cls.kind}-{cls.__name__}")
def test_an_example_builds_and_uses_its_component(cls: type[Component]) -> None:
    item = entry(cls)
    graph = graph_of(item.example)
    compiler.generate(graph, "example.nn", compiler.Options(formatted=False, verify=True))
    assert re.search(rf"\b{item.name}\b", item.example)


def test_shapes_and_weights_are_those_of_the_built_model() -> None:
    item = entry("LSTM")
    module = load(compiler.generate(graph_of(item.example), "example.nn"), "lstm_example")
    weights = {name: str(array.shape) for name, array in module.Model().weights.items()}
    assert weights == {f"y/{each.name}": each.shape for each in item.weights}
    assert (item.inputs, item.outputs) == (("(batch, steps, 16)",), ("(batch, 32)",))


def test_a_signature_can_be_read_from_the_entry() -> None:
    item = entry("Dense")
    assert item.signature.startswith("Dense(units, activation=linear, use_bias=True, kernel_initializer=glorot_uniform")
    units, activation, *_ = item.arguments
    assert units.required and units.takes == "an integer (at least 1)"
    assert not activation.required and activation.default == "linear"
    assert item.formula == "y = activation(x @ kernel + bias)"


def test_an_argument_means_what_the_docstring_says_of_it() -> None:
    meanings = {item.name: item.meaning for item in entry("Embedding").arguments}
    assert meanings["mask_zero"].startswith("With `mask_zero`, the id 0 is padding")
    assert meanings["embeddings_initializer"] == ""


def test_weights_that_are_not_trained_are_marked() -> None:
    trained = {item.name: item.trainable for item in entry("BatchNormalization").weights}
    assert trained == {"gamma": True, "beta": True, "moving_mean": False, "moving_variance": False}


def test_an_optimizer_has_its_slots() -> None:
    assert entry("adam").slots == ("momentum", "velocity")


# ------------------------------------------------------------------------------------------------------------- finding


def test_a_name_of_several_kinds_finds_them_all() -> None:
    assert [item.title for item in find("mse")] == ["mean_squared_error (loss)", "mean_squared_error (metric)"]


@pytest.mark.parametrize("word", ["Adam", "adam", "ADAM"])
def test_a_component_is_found_in_any_case(word: str) -> None:
    assert [item.name for item in find(word)] == ["adam"]


def test_a_misspelled_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownComponent, match="no component `Dence`; did you mean `Dense`") as raised:
        find("Dence")
    assert raised.value.suggestion == "Dense"


# ---------------------------------------------------------------------------------------------------------- docstrings


class Documented(Layer):
    """A summary over
    two lines.

    More of it.  Source: `a.py`.

    Formula: y = 2 · x
    Example: Documented()(Input(4))
    """


class Formulated(Layer):
    """y[t] = f(x[t, 1]); any shape."""


def test_a_docstring_is_read_in_its_parts() -> None:
    said = docstring(Documented)
    assert (said.summary, said.details) == ("A summary over two lines.", "More of it.")
    assert (said.formula, said.example) == ("y = 2 · x", "Documented()(Input(4))")
    assert prose(Documented).endswith("Source: `a.py`.")


def test_a_summary_that_begins_with_a_formula_gives_it() -> None:
    assert docstring(Formulated).formula == "y[t] = f(x[t, 1])"


@pytest.mark.usefixtures("components_apart")
def test_a_component_of_ones_own_has_an_entry_even_without_a_docstring() -> None:
    @component
    class Stretched(Layer):
        factor: float

        def output(self, x: tuple[int, ...]) -> tuple[int, ...]:
            return x

        def weights(self, x: tuple[int, ...]) -> dict[str, Weight]:
            return {"scale": Weight((x[-1],), Ones())}

    item = entry(Stretched)
    assert (item.summary, item.formula, item.example) == ("", "", "")
    assert item.signature == "Stretched(factor)"
    assert reference.text(item).startswith("Stretched (layer)\n")


# --------------------------------------------------------------------------------------------------------------- texts


def test_the_document_is_as_the_components_are() -> None:
    written = (ROOT / "docs" / "reference.md").read_text("utf-8")
    message = "the components have changed: run `python -m gen.inspect.reference docs/reference.md`"
    assert written == reference.document(entries()), message


def test_help_prints_an_entry() -> None:
    result = help_of("Dense")
    assert result.exit_code == 0
    assert result.stdout == reference.text(entry("Dense")) + "\n"
    for part in ("Dense (layer)", "y = activation(x @ kernel + bias)", "(batch, 64) → (batch, 32)", "kernel (64, 32)"):
        assert part in result.stdout


def test_help_without_a_name_lists_every_component() -> None:
    result = help_of()
    assert result.exit_code == 0
    for item in entries():
        assert f"\n  {item.name} " in result.stdout
    for title in reference.TITLES.values():
        assert title in result.stdout.splitlines()


def test_help_of_a_command_is_its_usage() -> None:
    assert "--force" in help_of("build").stdout


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("dence", "did you mean `Dense`?"),
        ("zzzz", "`gen help` lists them all"),
        ("\x1b[1m", "`gen help` lists them all"),
    ],
)
def test_help_of_what_there_is_not_ends_with_2(word: str, says: str) -> None:
    result = help_of(word)
    assert result.exit_code == 2
    assert result.stderr.startswith("gen: there is no component `") and result.stderr.endswith(f"; {says}\n")
    assert result.stdout == "" and "\x1b" not in result.stderr


@pytest.mark.usefixtures("components_apart")
def test_help_knows_components_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "from gen.components.base import Activation, component\n\n\n@component\nclass Bent(Activation):\n"
        '    """Bent at 0.\n\n    Formula: y = 2 · x\n    """\n\n'
        "    def forward(self, x):\n        return x\n\n    def backward(self, dy):\n        return dy\n"
    )
    (tmp_path / "mine.py").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    result = help_of("bent", "--components", "mine.py")
    assert result.exit_code == 0
    assert "Bent at 0." in result.stdout and "y = Dense(32, bent)(x)" in result.stdout
