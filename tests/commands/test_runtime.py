"""`gen build --runtime`: what all files share stands in one module beside them, and all else is as without it."""

from __future__ import annotations

import ast
import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gen import cli, compiler
from gen.commands import watching
from gen.commands.building import Report, Request
from gen.emit.seal import is_intact
from gen.graph.names import RUNTIME
from gen.settings import load as load_settings
from gen.settings import told
from tests.building import (
    CASES,
    EXAMPLES,
    QUICK,
    ROOT,
    case_graph,
    case_module,
    case_text,
    random_inputs,
    random_targets,
    sample,
)

SHARING = replace(QUICK, runtime=True)
MODEL = "x = Input(4)\ny = Dense(1)(x)\nmodel = Model(x, y)\nmodel.compile(adam, mse)\n"
MASKED = """\
text = Input(None, int32)
h = LSTM(3, return_sequences=True)(Embedding(9, 4, mask_zero=True)(text))
tags = Dense(5, softmax)(h)
model = Model(text, tags)
model.compile(rmsprop, sparse_categorical_crossentropy, metrics=[accuracy])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the command runs in, with two models in another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "first.nn").write_text(MODEL)
    (tmp_path / "models" / "second.nn").write_text(MASKED)
    return tmp_path


def gen(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli.gen, [str(item) for item in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def python(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """Imports the text of a file that lies in a package beside the module that models share."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"package_{abs(hash(tmp_path))}"
    place = tmp_path / name
    place.mkdir()
    (place / f"{RUNTIME}.py").write_text(compiler.runtime(), "utf-8")

    def load(text: str, stem: str) -> ModuleType:
        (place / f"{stem}.py").write_text(text, "utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(f"{name}.{stem}")

    yield load
    for module in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[module]


# ------------------------------------------------------------------------------------------------------------ the texts


def test_no_file_shares_anything_unless_it_is_asked_to() -> None:
    assert RUNTIME not in case_text(CASES[0])
    assert not Request(()).given.runtime


def test_the_module_says_the_same_for_every_model_and_is_sealed() -> None:
    """It is made of nothing but templates: nobody has to build it again for another model."""
    text = compiler.runtime()
    assert is_intact(text)
    for path in sample(CASES, 40):
        compiler.generate(case_graph(path), path.name, SHARING)
        assert compiler.runtime() == text


@pytest.mark.parametrize("path", sample([*EXAMPLES, *CASES], 40), ids=lambda path: path.stem)
@pytest.mark.parametrize("inference", [False, True], ids=["training", "inference"])
def test_a_file_and_the_module_have_what_one_file_has(path: Path, inference: bool) -> None:
    """Each definition of the one file is in just one of the two, and the network is the same text in both."""
    options = replace(QUICK, inference=inference)
    whole, own = (
        compiler.generate(case_graph(path), path.name, each) for each in (options, replace(options, runtime=True))
    )
    definitions, ours, shared = _definitions(whole), _definitions(own), _definitions(compiler.runtime())
    assert not ours.keys() & shared.keys()
    assert definitions.keys() <= ours.keys() | shared.keys()
    for name in ours.keys() & {
        "forward",
        "loss",
        "backward",
        "update",
        "infer",
        "Params",
        "Buffers",
        "InferenceBuffers",
    }:
        assert ours[name] == definitions[name], name


def _definitions(text: str) -> dict[str, str]:
    nodes = ast.parse(text).body
    return {node.name: ast.unparse(node) for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("path", sample(CASES, 30), ids=lambda path: path.stem)
def test_a_model_computes_the_same_with_and_without_the_module(
    path: Path, package: Callable[[str, str], ModuleType], tmp_path: Path
) -> None:
    modules = case_module(path), package(case_text(path, SHARING), path.stem)
    graph, rng = case_graph(path), np.random.default_rng(0)
    x, y = random_inputs(graph, rng, 6), random_targets(graph, rng, 6)
    results = []
    for module in modules:
        model = module.Model(seed=3)
        history = model.fit(x, y, epochs=2, batch_size=4, validation_split=0.4, verbose=0)
        predicted = model.predict(x)
        results.append((history, model.evaluate(x, y), predicted, model.weights))
    one, other = results
    np.testing.assert_equal(other, one)
    model.save(tmp_path / "saved.npz")  # by the file that shares, for the one that does not
    np.testing.assert_equal(modules[0].Model.load(tmp_path / "saved.npz").weights, one[3])
    np.testing.assert_equal(pickle.loads(pickle.dumps(model)).weights, one[3])


@pytest.mark.parametrize("path", sample(CASES, 40), ids=lambda path: path.stem)
def test_a_file_that_shares_proves_its_gradients(path: Path, package: Callable[[str, str], ModuleType]) -> None:
    assert package(case_text(path, SHARING), path.stem).check() <= 1e-6


def test_a_file_that_shares_passes_the_checks_of_other_tools(folder: Path) -> None:
    gen("build", "models", "--runtime")
    for tool in (["mypy", "--strict"], ["ruff", "check", "--isolated", "--select=E,F,I,W", "--line-length=120"]):
        result = python("-m", *tool, *sorted(Path("out").glob("*.py")), folder=folder)
        assert result.returncode == 0, result.stdout


def test_a_file_says_what_is_wrong_beside_a_module_of_another_version(folder: Path) -> None:
    gen("build", "models", "--runtime")
    place = Path("out", f"{RUNTIME}.py")
    text = place.read_text("utf-8")
    (identity,) = (line for line in text.split("\n") if line.startswith("IDENTITY = "))
    place.write_text(text.replace(identity, 'IDENTITY = "another"'), "utf-8")
    result = python("-c", "import out.first", folder=folder)
    assert "ImportError" in result.stderr
    assert f"first.py was built with another {place.resolve()}; build both again" in result.stderr


# ---------------------------------------------------------------------------------------------------- how files are run

BY_PATH = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location("anything", "out/first.py")
module = sys.modules["anything"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.Model().summary()
"""


@pytest.mark.parametrize(
    ("where", "arguments"),
    [
        (".", ["out/first.py", "summary"]),
        ("out", ["first.py", "summary"]),
        ("/", ["{folder}/out/first.py", "summary"]),
        (".", ["-P", "out/first.py", "summary"]),
        (".", ["-I", "out/first.py", "summary"]),
        (".", ["-OO", "out/first.py", "summary"]),
        (".", ["-m", "out.first", "summary"]),
        ("out", ["-m", "first", "summary"]),
        (".", ["-c", "import out.first; out.first.Model().summary()"]),
        (".", ["-c", "from out.first import Model; Model().summary()"]),
        ("out", ["-c", "from first import Model; Model().summary()"]),
        (".", ["-c", "import runpy; runpy.run_path('out/first.py')['Model']().summary()"]),
        (".", ["-c", BY_PATH]),
        (".", ["-c", "import out.first, out.deep.second; out.deep.second.Model(); out.first.Model().summary()"]),
        (".", ["-c", "import sys; sys.path.append('out/deep'); import out.first, second; out.first.Model().summary()"]),
        (".", ["out/deep/second.py", "summary"]),
    ],
    ids=str,
)
def test_a_file_finds_the_module_however_it_is_run_or_imported(folder: Path, where: str, arguments: list[str]) -> None:
    Path("models", "deep").mkdir()
    Path("models", "second.nn").rename("models/deep/second.nn")
    assert gen("build", "models", "--runtime").exit_code == 0
    result = python(*(each.format(folder=folder) for each in arguments), folder=folder / where)
    assert result.returncode == 0, result.stderr
    assert "Dense" in result.stdout


def test_a_file_in_an_installed_package_finds_the_module_of_that_package(folder: Path) -> None:
    """Each of two packages has its own, of whatever version."""
    for name in ("one", "two"):
        gen("build", "models/first.nn", "--runtime", "-o", f"{name}/nets")
        Path(name, "__init__.py").touch()
    code = "import one.nets.first as a, two.nets.first as b; print(a._runtime is not b._runtime, a.Model, b.Model)"
    assert python("-c", code, folder=folder).stdout.startswith("True")


def test_the_command_of_a_file_trains_stops_and_goes_on_as_without_the_module(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("f")
    np.savez("data.npz", x=x, y=x[:, :1])
    outputs = []
    for options in ([], ["--runtime"]):
        assert gen("build", "models/first.nn", *options).exit_code == 0
        said = []
        for command in (
            "train data.npz --epochs 2 --save m.npz --csv h.csv --checkpoint c.npz",
            "train data.npz --epochs 3 --save m.npz --csv h.csv --checkpoint c.npz",
            "evaluate data.npz --weights m.npz",
            "predict data.npz --weights m.npz",
            "predict data.npz --weights m.npz -o p.npz",
            "predict nothing.npz --weights m.npz",
            "train c.npz",
            "check",
        ):
            result = python("out/first.py", *command.split(), folder=folder)
            assert "Traceback" not in result.stderr
            lines = [line.split("  ") for line in result.stdout.split("\n")]
            said.append((result.returncode, [line[:1] + line[3:] for line in lines], result.stderr))
        outputs.append((said, Path("h.csv").read_text(), np.load("p.npz")["y"].tolist()))
        for left in ("m.npz", "h.csv", "c.npz", "p.npz"):
            Path(left).unlink()
    assert outputs[0] == outputs[1]


# ------------------------------------------------------------------------------------------------- building and writing


def contents() -> dict[str, str]:
    return {path.as_posix(): path.read_text("utf-8") for path in sorted(Path("out").rglob("*.py"))}


def test_files_that_are_built_one_by_one_are_those_that_are_built_together(folder: Path) -> None:
    gen("build", "models", "--runtime")
    together = contents()
    for path in map(Path, together):
        path.unlink()
    for name in ("second", "first"):
        assert gen("build", f"models/{name}.nn", "--runtime").exit_code == 0
    assert contents() == together
    assert gen("build", "models", "--runtime").output.count("unchanged") == 3


def test_each_folder_has_the_module_and_it_is_named_once(folder: Path) -> None:
    Path("models", "deep").mkdir()
    Path("models", "second.nn").rename("models/deep/second.nn")
    Path("models", "third.nn").write_text(MODEL)
    result = gen("build", "models", "--runtime")
    assert result.output.split("\n")[:-1] == [
        f"out/{RUNTIME}.py  written",
        "out/first.py  written",
        "out/third.py  written",
        f"out/deep/{RUNTIME}.py  written",
        "out/deep/second.py  written",
    ]


@pytest.mark.parametrize("text", ["print('mine')\n", None], ids=["another's", "edited"])
def test_the_module_is_protected_as_other_files_are(folder: Path, text: str | None) -> None:
    gen("build", "models", "--runtime")
    place = Path("out", f"{RUNTIME}.py")
    place.write_text(place.read_text("utf-8") + "# mine\n" if text is None else text, "utf-8")
    before = contents()
    result = gen("build", "models", "--runtime")
    assert result.exit_code == 2
    assert result.output.count("--force writes over it") == 1
    assert contents() == before
    assert gen("build", "models", "--runtime", "--check").exit_code == 1
    assert gen("build", "models", "--runtime", "--force").exit_code == 0
    assert place.read_text("utf-8") == compiler.runtime()


def test_no_file_is_written_without_the_module_that_it_needs(folder: Path) -> None:
    Path("out").mkdir()
    Path("out", f"{RUNTIME}.py").write_text("mine = 1\n")
    assert gen("build", "models", "--runtime").exit_code == 2
    assert [*contents()] == [f"out/{RUNTIME}.py"]


def test_a_model_with_an_error_brings_no_module(folder: Path) -> None:
    Path("wrong.nn").write_text("x = Input(4)\nmodel = Model(x, Dens(1)(x))\n")
    assert gen("build", "wrong.nn", "--runtime").exit_code == 1
    assert not Path("out").exists()


def test_check_and_diff_know_the_module(folder: Path) -> None:
    result = gen("build", "models", "--runtime", "--check", "--diff")
    assert result.exit_code == 1
    assert f"out/{RUNTIME}.py  would change" in result.output
    assert f"+++ out/{RUNTIME}.py" in result.output
    assert not Path("out").exists()
    gen("build", "models", "--runtime")
    assert gen("build", "models", "--runtime", "--check").exit_code == 0
    Path("out", f"{RUNTIME}.py").unlink()
    result = gen("build", "models", "--runtime", "--check")
    assert (result.exit_code, f"out/{RUNTIME}.py  would change" in result.output) == (1, True)


def test_a_module_that_no_file_needs_is_left_over(folder: Path) -> None:
    gen("build", "models", "--runtime")
    gen("build", "models/first.nn")
    assert "left over" not in gen("build", "models/first.nn", "--check").output
    gen("build", "models")
    result = gen("build", "models", "--check")
    assert result.exit_code == 1
    assert f"out/{RUNTIME}.py is left over, because no file beside it needs it: delete it" in result.output
    Path("out", f"{RUNTIME}.py").write_text("mine = 1\n")
    assert gen("build", "models", "--check").exit_code == 0


def test_a_project_says_that_its_files_share(folder: Path) -> None:
    Path("pyproject.toml").write_text('[tool.gen]\nsources = ["models"]\nruntime = true\n')
    assert load_settings(Path()).runtime
    assert gen("build").exit_code == 0
    assert f"out/{RUNTIME}.py" in contents()
    assert gen("build", "--check").exit_code == 0
    assert gen("build", "--no-runtime", "--check").output.count("would change") == 2
    Path("pyproject.toml").write_text('[tool.gen]\nruntime = "yes"\n')
    assert "`runtime` in [tool.gen] is neither true nor false" in gen("build", "models").output


def test_a_model_of_that_name_gets_another(folder: Path) -> None:
    Path("models", f"{RUNTIME}.nn").write_text(MODEL)
    assert gen("build", "models", "--runtime").exit_code == 0
    assert f"out/{RUNTIME}_.py" in contents()


def test_a_watch_builds_the_module_too(folder: Path) -> None:
    def wakes() -> Iterator[None]:
        Path("models", "first.nn").write_text(MODEL.replace("Dense(1)", "Dense(2)"))
        yield

    reports: list[Report] = [*watching.watch(Request((Path("models"),), given=told(runtime=True)), wakes())]
    first, second = ([f"{line.path.name} {line.what}" for line in report.lines] for report in reports)
    assert first == [f"{RUNTIME}.py written", "first.py written", "second.py written"]
    assert second == [f"{RUNTIME}.py unchanged", "first.py written"]


def test_the_help_names_the_option() -> None:
    assert "--runtime" in gen("build", "--help").output
    assert "`--runtime`" in (ROOT / "docs" / "command.md").read_text("utf-8")
