"""`gen fmt`: what it makes of a text, which files it writes, and what it says."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gen import cli, nn_layout
from gen.nn_layout import Unreadable, format_text
from tests.building import CASES, EXAMPLES

UNTIDY = """\
'''Says
   one thing.'''
x=Input( 4 ) # four
y = Dense(1,
  activation = 'relu')(x)
# the end
model=Model(x,y)
"""
TIDY = '''\
"""Says
one thing."""

x = Input(4)  # four
y = Dense(1, activation="relu")(x)
# the end
model = Model(x, y)
'''
WRONG = "x = Input(4\ny = 2 3\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fmt(*arguments: str, text: str | bytes = "") -> Result:
    result = CliRunner().invoke(cli.gen, ["fmt", *arguments], input=text)
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def python(text: str) -> tuple[list[str], str]:
    """What Python sees in a text: the words of its documentation, and the tree of the rest."""
    tree = ast.parse(text)
    documentation = ast.get_docstring(tree)
    rest = tree.body if documentation is None else tree.body[1:]
    return (documentation or "").split(), "\n".join(map(ast.dump, rest))


# ------------------------------------------------------------------------------------------------------------ the text


def test_a_text_is_laid_out_as_black_does_and_keeps_its_comments() -> None:
    assert format_text(UNTIDY) == TIDY


@pytest.mark.parametrize("path", [*EXAMPLES, *CASES], ids=lambda path: path.stem)
def test_what_is_formatted_stays_as_it_is_and_means_the_same(path: Path) -> None:
    text = path.read_text("utf-8")
    formatted = format_text(text)
    assert format_text(formatted) == formatted
    assert python(formatted) == python(text)


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("", ""),
        ("# alone", "# alone\n"),
        ("x = 1\r\ny=2\r\n", "x = 1\r\ny = 2\r\n"),
        ("x = 1\ny=2\r\n", "x = 1\ny = 2\n"),
        ('"""ends in \\""""', '"""ends in \\" """\n'),
        ("x = 0XAB\ny = 1E3\nz = u'é'", 'x = 0xAB\ny = 1e3\nz = "é"\n'),
        ("x = 1\n# fmt: off\ny   = 2\n", "x = 1\n# fmt: off\ny   = 2\n"),
        (f"x = {'[' * 90}1{']' * 90}\n", None),
    ],
)
def test_texts_at_the_edge(text: str, formatted: str | None) -> None:
    assert format_text(text) == formatted or formatted is None


def test_a_line_may_be_as_long_as_in_a_generated_file() -> None:
    line = f"x = [{'1, ' * 31}1]\n"
    assert len(line.rstrip()) == 100
    assert format_text(line) == line
    assert format_text(line.replace("1]", "100]")).startswith("x = [\n    1,\n")


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("x=[i for i in y if i if i>1]\n", "x = [i for i in y if i if i > 1]\n"),
        ("x={**a,'b':1};y={1,2}\n", 'x = {**a, "b": 1}\ny = {1, 2}\n'),
        ("x=lambda a,/,b=1,*c,d,**e:a if b else not c\n", "x = lambda a, /, b=1, *c, d, **e: a if b else not c\n"),
        ("def f(a,*b:int,c=1,**d)->int: return f'{a!r:>{c}} {c=}'\n", None),
        ("@a.b(1)\nclass A( B,metaclass = C ):\n  x:int=3\n  def f(self): ...\n", None),
        ("with a as b,c(1) as (d,*e):pass\n", "with a as b, c(1) as (d, *e):\n    pass\n"),
        ("try:\n x=1\nexcept (A,B) as e:\n raise X(1) from e\nelse:pass\nfinally:\n del x,y[0]\n", None),
        ("while not(x): break\nelse: y[1:2,::3,...]=z=1\n", None),
        ("if (n:=3)>2 and n is not None: x@=n//2\nelif n<<2|~n: assert x,'m'\n", None),
        ("def f():\n  yield (1)\n", None),
        ("match x:\n  case [a,*b] if a: y=3\n", "match x:\n    case [a, *b] if a:\n        y = 3\n"),
        ("%matplotlib  inline\nx=1\n", "%matplotlib  inline\nx = 1\n"),
        ("def f():\n  !ls  -l 'a'\n  return(1)\n", "def f():\n    !ls  -l 'a'\n    return 1\n"),
    ],
)
def test_every_construct_is_laid_out_and_means_the_same(text: str, formatted: str | None) -> None:
    found = format_text(text)
    assert found != text
    assert formatted in (None, found)
    assert format_text(found) == found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("match x:\n    case 1:\n        y = 2\n", "match x:\n    case 1:\n        y = 3\n"),
        ("raise A from b\n", "raise A from c\n"),
        ("x: int\n", "x: str\n"),
        ("x = [i for i in y if a]\n", "x = [i for i in y if b]\n"),
        ("x = f'{a!r}'\n", "x = f'{a!s}'\n"),
        ("def f(a, /, b): ...\n", "def f(a, b, /): ...\n"),
        ("'words'\n'more'\n", "'words'\n'less'\n"),
    ],
)
def test_a_change_anywhere_is_noticed(before: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert format_text(before)
    monkeypatch.setattr(nn_layout, "black", lambda texts: [after])
    with pytest.raises(AssertionError, match="Black changed the meaning"):
        format_text(before)


def test_a_notebook_is_left_alone(folder: Path) -> None:
    text = '{"cells": [{"cell_type": "code", "source": ["x=1"]}], "nbformat": 4}'
    (folder / "model.ipynb").write_text(text)
    assert fmt("model.ipynb").exit_code == 2
    fmt(".")
    assert (folder / "model.ipynb").read_text() == text


def test_the_settings_of_black_do_not_count(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.black]\nline-length = 20\nskip-string-normalization = true\n")
    (folder / "model.nn").write_text(UNTIDY)
    fmt("model.nn")
    assert (folder / "model.nn").read_text() == TIDY


def test_names_and_shapes_may_be_wrong_but_not_the_syntax() -> None:
    assert format_text("x=Dens(-1)") == "x = Dens(-1)\n"
    with pytest.raises(Unreadable) as caught:
        format_text(WRONG)
    assert [item.code for item in caught.value.diagnostics.in_source_order()] == ["unclosed-bracket", "syntax-error"]


def test_a_text_whose_meaning_black_would_change_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn_layout, "black", lambda texts: ["x = 2\n"])
    (folder / "model.nn").write_text("x = 1\n")
    result = fmt("model.nn")
    assert result.exit_code == 2
    assert "this is a bug in gen" in result.stderr
    assert (folder / "model.nn").read_text() == "x = 1\n"


# ----------------------------------------------------------------------------------------------------------- the files


def test_files_and_folders_are_formatted_and_what_is_tidy_is_left_alone(folder: Path) -> None:
    for name, text in (("one.nn", UNTIDY), ("many/two.nn", TIDY), ("many/deep/three.nn", UNTIDY), ("no.txt", UNTIDY)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    before = os.stat("many/two.nn")
    result = fmt("one.nn", "many", "many/two.nn")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["one.nn  written", "many/two.nn  unchanged", "many/deep/three.nn  written"]
    assert (folder / "one.nn").read_text() == (folder / "many/deep/three.nn").read_text() == TIDY
    assert (folder / "no.txt").read_text() == UNTIDY
    after = os.stat("many/two.nn")
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_a_file_keeps_its_permissions_and_its_line_ends(folder: Path) -> None:
    path = folder / "model.nn"
    path.write_bytes(UNTIDY.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    fmt("model.nn")
    assert path.read_bytes() == TIDY.replace("\n", "\r\n").encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [item.name for item in folder.iterdir()] == ["model.nn"]


def test_mixed_line_ends_become_one_kind(folder: Path) -> None:
    (folder / "model.nn").write_bytes(b"x = 1\ny = 2\r\n")
    assert fmt("model.nn", "--check").exit_code == 1
    assert fmt("model.nn").exit_code == 0
    assert fmt("model.nn", "--check").exit_code == 0


def test_the_project_says_what_is_formatted(folder: Path) -> None:
    result = fmt()
    assert result.exit_code == 2
    assert result.stderr.startswith("gen: nothing to format: ")
    (folder / "pyproject.toml").write_text('[tool.gen]\nsources = ["models"]\n')
    (folder / "models").mkdir()
    (folder / "models" / "model.nn").write_text(UNTIDY)
    assert fmt().stdout == f"{Path('models', 'model.nn')}  written\n"


def test_check_lists_what_would_change_and_writes_nothing(folder: Path) -> None:
    (folder / "model.nn").write_text(UNTIDY)
    (folder / "tidy.nn").write_text(TIDY)
    result = fmt("--check", ".")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["model.nn  would change", "tidy.nn  unchanged"]
    assert (folder / "model.nn").read_text() == UNTIDY
    assert fmt("--check", "tidy.nn").exit_code == 0


def test_diff_shows_what_would_change_and_writes_nothing(folder: Path) -> None:
    (folder / "model.nn").write_text("x=1")
    result = fmt("--diff", "--quiet", "model.nn")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "--- model.nn",
        "+++ model.nn",
        "@@ -1 +1 @@",
        "-x=1",
        "\\ No newline at end of file",
        "+x = 1",
    ]
    assert (folder / "model.nn").read_text() == "x=1"


def test_a_wrong_file_is_shown_as_in_a_build_and_the_others_are_formatted(folder: Path) -> None:
    (folder / "a.nn").write_text(WRONG)
    (folder / "b.nn").write_bytes(b"x = '\xff'\n")
    (folder / "c.nn").write_text(UNTIDY)
    result = fmt(".")
    assert result.exit_code == 1
    assert "error[unclosed-bracket]: " in result.stderr
    assert "  --> a.nn:1:" in result.stderr
    assert "error[invalid-utf8]: Byte 0xff is not valid in UTF-8" in result.stderr
    assert result.stdout == "c.nn  written\n"
    assert (folder / "a.nn").read_text() == WRONG


def test_a_file_that_is_missing_or_read_only_is_one_sentence(folder: Path) -> None:
    result = fmt("no.nn")
    assert (result.exit_code, result.stderr) == (2, "gen: there is no file or folder no.nn\n")
    (folder / "model.nn").write_text(UNTIDY)
    (folder / "model.nn").chmod(0o444)
    result = fmt("model.nn")
    assert (result.exit_code, result.stderr) == (2, "gen: cannot write model.nn: it is read-only\n")
    assert (folder / "model.nn").read_text() == UNTIDY


# ------------------------------------------------------------------------------------------------------ standard input


def test_standard_input_is_written_to_standard_output() -> None:
    result = fmt("-", text=UNTIDY)
    assert (result.exit_code, result.stdout, result.stderr) == (0, TIDY, "")
    assert fmt("-", text=UNTIDY.replace("\n", "\r\n").encode()).stdout_bytes == TIDY.replace("\n", "\r\n").encode()


def test_standard_input_can_be_checked() -> None:
    result = fmt("-", "--check", text=UNTIDY)
    assert (result.exit_code, result.stdout) == (1, "<stdin>  would change\n")
    assert fmt("-", "--check", text=TIDY).exit_code == 0
    assert "\n+x = Input(4)  # four\n" in fmt("-", "--diff", text=UNTIDY).stdout


def test_a_wrong_standard_input_gives_nothing_on_standard_output() -> None:
    result = fmt("-", text=WRONG)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "  --> <stdin>:2:" in result.stderr
