"""Templates, literals, names and the writing of files."""

from __future__ import annotations

import ast
import builtins
import cProfile
import dataclasses
import difflib
import errno
import keyword
import os
import pstats
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import meta, nodes

from gen import compiler
from gen.compiler import Options
from gen.emit import view, write
from gen.emit.black_layout import LINE_LENGTH
from gen.emit.literals import comment, docstring, literal
from gen.emit.render import render
from gen.emit.seal import UNTOUCHED, is_intact, is_sealed, seal, source_of
from gen.emit.specialize import specialize
from gen.emit.templates import environment
from gen.emit.unread import without_unread
from gen.files import WriteError
from gen.graph import names
from gen.graph.names import Names
from tests.building import ROOT, graph_of
from tests.samples import NAMES, TEXTS, sample_text, sample_view


@pytest.fixture(scope="module", params=NAMES)
def sample(request: pytest.FixtureRequest) -> str:
    """The name of a sample."""
    return request.param


# ---------------------------------------------------------------------------------------------------------- templates


def _templates() -> list[nodes.Template]:
    loaded = environment()
    assert loaded.loader is not None
    return [loaded.parse(loaded.loader.get_source(loaded, name)[0]) for name in loaded.list_templates()]


def test_holes_of_the_templates_are_the_fields_of_the_view() -> None:
    used = set().union(*(meta.find_undeclared_variables(template) for template in _templates()))
    assert used == set(sample_view("credit").holes())


@pytest.mark.parametrize(
    ("variable", "kind"),
    [
        (("input",), view.InputView),
        (("output", "target"), view.OutputView),
        (("weight",), view.WeightView),
        (("slot",), view.SlotView),
        (("metric",), view.MetricView),
        (("dim",), view.DimView),
        (("formula",), view.FormulaView),
    ],
)
def test_what_templates_ask_of_a_listed_thing_is_what_its_view_has(variable: tuple[str, ...], kind: Any) -> None:
    used = {
        found.attr
        for template in _templates()
        for found in template.find_all(nodes.Getattr)
        if isinstance(found.node, nodes.Name) and found.node.name in variable
    }
    fields = {field.name for field in dataclasses.fields(kind)}
    properties = {name for name, value in vars(kind).items() if isinstance(value, property)}
    inside = {  # what only the properties read
        "InputView": {"ident", "dtype", "shape", "limit", "parts"},
        "OutputView": {"ident", "true", "shape", "target_shape", "target_dtype", "classes", "low", "high"},
        "MetricView": {"ident"},
    }
    assert used <= fields | properties
    assert fields | properties <= used | inside.get(kind.__name__, set())


def test_a_view_refuses_what_is_no_identifier() -> None:
    for ident in ("a b", "class", "é", "1x", "x;import os"):
        with pytest.raises(ValueError, match="identifier"):
            view.WeightView("w", ident, "1")


BUILD = """
from gen import compiler
from gen.diagnostics import Diagnostics, Source
import pathlib, sys
path = pathlib.Path(sys.argv[1])
graph = compiler.understand(Source(str(path), path.read_text("utf-8")), Diagnostics())
sys.stdout.buffer.write(compiler.generate(graph, path.name).encode())
"""


def test_the_same_file_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    texts = set()
    for seed, place, locale, zone in (
        ("0", "", "C", "UTC"),
        ("1", "a", "C.UTF-8", "Asia/Tokyo"),
        ("2", "a/b c", "POSIX", "America/St_Johns"),
        ("3", "é", "C", "Pacific/Apia"),
        ("random", ".", "C", ""),
    ):
        folder = tmp_path / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "people.nn").write_text(TEXTS["people"], "utf-8")
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "LC_ALL": locale,
            "TZ": zone,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "40",
            "GEN_CACHE_DIR": "",
        }
        command = [sys.executable, "-c", BUILD, "people.nn" if seed == "1" else str(folder / "people.nn")]
        texts.add(subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True).stdout)
    assert texts == {sample_text("people").encode()}


def test_lines_of_the_module_are_short(sample: str) -> None:
    assert [line for line in sample_text(sample).splitlines() if len(line) > LINE_LENGTH] == []


def test_only_numpy_and_the_standard_library_are_imported(sample: str) -> None:
    tree = ast.parse(sample_text(sample))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= set(sys.stdlib_module_names) | {"numpy"}


def test_a_module_for_inference_has_no_training_code() -> None:
    text = sample_text("tags_inference")
    for word in ("fit", "loss", "backward", "gradient", "epoch", "Slots", "update", "check("):
        assert word not in text


def test_names_of_the_module_are_reserved(sample: str) -> None:
    tree = ast.parse(sample_text(sample))
    copied = {
        node.name
        for helper in sample_view(sample).helpers
        for node in ast.parse(helper).body
        if isinstance(node, ast.FunctionDef)
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {
        t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    }
    defined |= {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    public = {name for name in defined - copied if not name.startswith("_")}
    assert public <= names.MODULE
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own = {item.ident for item in sample_view(sample).inputs}
    assert (loaded - own) & set(dir(builtins)) - {"__doc__", "__name__"} <= names.BUILTINS


# ----------------------------------------------------------------------------------------------------------- literals

NASTY = [
    "",
    'a"b',
    "a'b",
    "\\",
    'ends with "',
    'ends with \\"',
    '"""',
    '\\"""',
    "'''",
    "a\nb",
    "a\rb",
    "\0\x1b[31m\x7f",
    "\u2028\u2029\x85\ufeff",
    "\u202eevil\u202c",
    "größe — λ",
    "\U0001f600",
    "\ud800",
    "{{ title }} {% raw %} #% if",
    "# type: ignore",
    "\\N{DASH} \\x41 \\u0041",
    "%s {} \\n",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_string_literal_means_the_string(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    assert len(literal(text).splitlines()) == 1
    literal(text).encode()


@pytest.mark.parametrize(
    "value", [0, -1, 10**18, 0.1, -0.0, 1e-7, 1e300, True, None, (), (1,), ("a", (2, None)), [1], {"a": 1}]
)
def test_a_literal_means_its_value(value: object) -> None:
    read = ast.literal_eval(literal(value))
    assert read == value
    assert type(read) is type(value)


def test_a_float_of_numpy_is_a_plain_number() -> None:
    assert literal(np.float64(0.1)) == "0.1"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_has_no_literal(value: float) -> None:
    with pytest.raises(ValueError, match="literal"):
        literal(value)


def test_other_things_have_no_literal() -> None:
    with pytest.raises(TypeError, match="object has no literal"):
        literal(object())


@pytest.mark.parametrize("text", NASTY)
def test_a_comment_ends_nowhere_before_its_end(text: str) -> None:
    made = f"# {comment(text)}\nx = 1\n"
    assert len(made.splitlines()) == 2
    assert ast.unparse(ast.parse(made)) == "x = 1"
    assert made.count("#") == 1


@pytest.mark.parametrize("text", ["type: ignore", "fmt: off", "noqa", "-*- coding: utf-7 -*-", "coding: utf-7"])
def test_a_comment_tells_tools_nothing(text: str) -> None:
    assert comment(text).startswith("| ")


@pytest.mark.parametrize("text", NASTY)
def test_a_docstring_ends_nowhere_before_its_end(text: str) -> None:
    tree = ast.parse(f'"""{docstring(text)}"""\nx = 1\n')
    assert len(tree.body) == 2
    assert ast.get_docstring(tree) is not None


@pytest.mark.parametrize("text", NASTY)
def test_nothing_in_documentation_breaks_the_module(text: str) -> None:
    title = text.replace("\n", " ").replace("\r", " ")
    made = render(
        dataclasses.replace(sample_view("credit_inference"), title=title, doc=f"more: {text}", source=f"{title}.nn")
    )
    assert is_intact(made)
    compile(made, "made.py", "exec")


# -------------------------------------------------------------------------------------------------------------- names


def test_names_are_the_files_own_where_they_can_be() -> None:
    make = Names().make
    assert [make(name) for name in ("stage_2/conv", "Text", "text", "input")] == [
        "stage_2_conv",
        "Text",
        "text",
        "input",
    ]


def test_a_name_that_is_taken_gets_a_number() -> None:
    make = Names().make
    assert [make(name) for name in ("a/b", "a_b", "a b", "a_b_2")] == ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]


@pytest.mark.parametrize(
    "text",
    [
        "np",
        "Model",
        "forward",
        "b",
        "p",
        "g",
        "rng",
        "self",
        "class",
        "None",
        "len",
        "_x",
        "__class__",
        "",
        "1st",
        "é",
        "ﬁ",
        "a;b",
        "\n",
    ],
)
def test_a_name_is_an_identifier_that_nothing_else_uses(text: str) -> None:
    name = Names().make(text)
    assert name.isidentifier()
    assert name.isascii()
    assert not keyword.iskeyword(name)
    assert name not in names.RESERVED
    assert not name.startswith("_")


def test_names_that_are_written_differently_and_read_alike_stay_apart() -> None:
    make = Names().make
    assert len({make(name) for name in ("ﬁle", "file", "ｆile", "FILE")}) == 4


# -------------------------------------------------------------------------------------------------------------- write

TEXT = sample_text("credit_inference")
OTHER = sample_text("tags_inference")


def test_a_file_is_written_only_if_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    assert write.write(path, TEXT)
    before = path.stat()
    assert not write.write(path, TEXT)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.read_bytes() == TEXT.encode()
    assert os.listdir(tmp_path) == ["out.py"]


def test_changed_line_ends_are_no_change(tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert is_intact(path.read_bytes().decode())
    assert not write.write(path, TEXT)


def test_an_older_build_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    path.write_text(OTHER)
    assert write.write(path, TEXT)
    assert path.read_text() == TEXT


@pytest.mark.parametrize(
    ("present", "reason"),
    [
        ("x = 1\n", "not written by gen"),
        ("", "not written by gen"),
        (TEXT + "\n", "edited"),
        (TEXT.replace("np.maximum", "np.minimum"), "edited"),
    ],
)
def test_someones_work_is_not_written_over(tmp_path: Path, present: str, reason: str) -> None:
    path = tmp_path / "out.py"
    path.write_text(present)
    with pytest.raises(write.Protected, match=reason):
        write.write(path, TEXT)
    assert path.read_text() == present
    assert write.write(path, TEXT, force=True)
    assert path.read_text() == TEXT


def test_binary_files_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(write.Protected):
        write.write(path, TEXT)


def test_a_hash_elsewhere_than_in_the_docstring_does_not_count() -> None:
    assert not is_sealed('x = 1\n"""\nsha256 of the rest: 0123456789abcdef\n"""\n')
    assert is_sealed(TEXT)


def test_a_file_of_before_is_known_without_its_first_line(tmp_path: Path) -> None:
    before = seal(sample_text("credit").removeprefix(UNTOUCHED))
    assert is_intact(before)
    path = tmp_path / "credit.py"
    path.write_text(before, "utf-8")
    assert write.write(path, sample_text("credit"))
    assert source_of(before) == source_of(sample_text("credit")) == "credit.nn"


def test_a_link_in_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file.py").write_text(OTHER)
    link = tmp_path / "out.py"
    link.symlink_to(tmp_path / "real" / "file.py")
    assert write.write(link, TEXT)
    assert link.is_symlink()
    assert (tmp_path / "real" / "file.py").read_text() == TEXT


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    path.write_text(OTHER)
    path.chmod(0o750)
    write.write(path, TEXT)
    assert path.stat().st_mode & 0o777 == 0o750


def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    path.write_text(OTHER)
    path.chmod(0o444)
    with pytest.raises(WriteError, match="read-only"):
        write.write(path, TEXT)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="is a directory"):
        write.write(tmp_path, TEXT)


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    assert write.write(tmp_path / "missing" / "deeper" / "out.py", TEXT)
    assert (tmp_path / "missing" / "deeper" / "out.py").read_text() == TEXT


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.py"
    old = OTHER
    path.write_text(old)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"out.py: no space left"):
        write.write(path, TEXT)
    assert path.read_text() == old
    assert os.listdir(tmp_path) == ["out.py"]


# ----------------------------------------------------------------------------------- what a .nn file can do to the text

TEN = [
    "pixels = Input(20)",
    *(f"layer_{i} = Dense({30 + i}, relu)({f'layer_{i - 1}' if i else 'pixels'})" for i in range(10)),
    "y = Dense(3, softmax)(layer_9)",
    "model = Model(pixels, y)",
    "model.compile(adam(0.01), loss=categorical_crossentropy, metrics=[accuracy])",
    "model.fit(epochs=5)",
]


def _generated(text: str) -> str:
    return compiler.generate(graph_of(text, "ten.nn"), "ten.nn")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Dense(34, relu)", "Dense(64, relu)", r"layer_[45]|zeros_batch_[36]4|11,?835|13,?905| [KM]B(\"\"\")?$"),
        ("Dense(34, relu)", "Dense(34, tanh)", r"layer_4|zeros_batch_34| [KM]B(\"\"\")?$"),
        ("Dense(34, relu)", "Dense(34, relu, use_bias=False)", r"layer_4|11,?835|11,?801| [KM]B(\"\"\")?$"),
        ("adam(0.01)", "adam(0.02)", r"learning_rate"),
        ("epochs=5", "epochs=6", r"epochs"),
    ],
)
def test_a_small_change_stays_small(old: str, new: str, expected: str) -> None:
    text = "\n".join(TEN)
    assert text.count(old) == 1
    before, after = (_generated(each).splitlines() for each in (text, text.replace(old, new)))
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert 4 <= len(changed) <= 70  # 12 of them in the summary, for the memory that it takes, up to 8 for zeros
    assert [line for line in changed if not re.search(f"{expected}|sha256", line)] == []


@pytest.mark.parametrize(
    "layer",
    ["x = Dense(8, relu)(x)", "y = LayerNormalization()(Dropout(0.1)(Dense(8, tanh)(x)))\n    x = Add()([x, y])"],
    ids=["dense", "mixed"],
)
def test_building_takes_time_in_proportion_to_the_layers(layer: str) -> None:
    _, first, second, third = (_calls(layer, layers) for layers in (5, 40, 80, 120))  # rules are read once
    assert (third - second) - (second - first) < 0.005 * (second - first)


def _calls(layer: str, layers: int) -> int:
    """How many functions are called to build a network of so many layers."""
    text = f"first = Input(8)\nx = first\nfor i in range({layers}):\n    {layer}\n"
    text += "last = Dense(1)(x)\nmodel = Model(first, last)\nmodel.compile(adam, loss=mse)\n"
    profile = cProfile.Profile()
    profile.enable()
    compiler.generate(graph_of(text), "deep.nn", Options(formatted=False))
    profile.disable()
    return pstats.Stats(profile).total_calls


def test_a_copied_function_hands_on_only_what_is_not_at_its_default() -> None:
    inner = """def inner(x, sequences=False, word="a", out=None):
    'Inner.'
    return x if sequences else word"""
    outer = """def outer(x, sequences=False, word="b", out=None):
    'Outer.'
    return inner(x, sequences=sequences, word=word, out=out)"""
    root = ast.parse("outer(y, out=z)", mode="eval").body
    assert isinstance(root, ast.Call)
    found = specialize({"inner": inner, "outer": outer}, [root], set())
    assert found["outer"].endswith('return inner(x, word="b", out=out)')
    assert found["inner"].startswith("def inner(x, word=") and found["inner"].endswith("return word")


@pytest.mark.parametrize(
    ("calls", "body"),
    [
        (["outer(y)"], "    return 0"),
        (['outer(y, word="b")'], '    if word == "b":\n        return 1\n    return 0'),
        (["outer(y)", 'outer(y, word="b")'], '    if word == "b":\n        return 1\n    return 0'),
        (["outer(y)", "outer(y, word=unknown)"], None),
    ],
)
def test_a_copied_function_keeps_no_branch_for_a_word_that_no_call_gives(calls: list[str], body: str | None) -> None:
    inner = """def inner(x, word):
    'Inner.'
    if word == "b":
        return 1
    if word == "c":
        return 2
    return 0"""
    outer = """def outer(x, word="a"):
    'Outer.'
    return inner(x, word)"""
    roots = [node for call in calls if isinstance(node := ast.parse(call, mode="eval").body, ast.Call)]
    found = specialize({"inner": inner, "outer": outer}, roots, set())
    assert found["inner"] == (inner if body is None else f"def inner(x, word):\n    'Inner.'\n{body}")


def test_parameters_that_nothing_reads_go_with_what_is_given_for_them() -> None:
    size = """def size(x):
    'The size.'
    return len(x)"""
    inner = """def inner(x, count, width):
    'Inner.'
    return x + width"""
    outer = """def outer(x):
    'Outer.'
    pair = (1,)
    return inner(x, size(pair), width=2)"""
    root = ast.parse("outer(y)", mode="eval").body
    assert isinstance(root, ast.Call)
    found = without_unread({"size": size, "inner": inner, "outer": outer}, [root], set())
    assert list(found) == ["inner", "outer"]
    assert found["inner"].startswith("def inner(x, width):")
    assert found["outer"] == "def outer(x):\n    'Outer.'\n    return inner(x, width=2)"
