"""What is kept from one build to the next: it saves time, and changes nothing, whatever happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gen import files, store
from tests.building import ROOT

MODEL = """\
x = Input(4)
a_hidden_layer_with_a_long_name = Dense(3, softplus)(x)
y = Dense(2, softmax)(Multiply()([a_hidden_layer_with_a_long_name, a_hidden_layer_with_a_long_name]))
model = Model(x, y)
model.compile(adam(0.01), categorical_crossentropy, metrics=[accuracy])
"""
BUILD = """
import sys
sys.argv = ["gen", "build", "model.nn", "--force"]
from gen.__main__ import main
try:
    main()
except SystemExit as end:
    print(end.code, sorted({"black", "lark.load_grammar"} & set(sys.modules)))
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which things are kept; it is made when something is."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("GEN_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a model in it."""
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "model.nn").write_text(MODEL, "utf-8")
    return folder


def start(place: Path, out: str = "out") -> subprocess.Popen[str]:
    """Begin to build the model, in a process of its own."""
    code = BUILD.replace('"--force"', f'"--force", "-o", "{out}"')
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def build(place: Path, out: str = "out") -> tuple[bytes, str]:
    """The file that is built, and the last line of what the process says."""
    process = start(place, out)
    said, errors = process.communicate()
    assert errors == ""
    return (place / out / "model.py").read_bytes(), said.splitlines()[-1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file that is built where nothing is kept."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "model.nn").write_text(MODEL, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEN_CACHE_DIR", "")
        return build(folder)[0]


# ----------------------------------------------------------------------------------------------------------- in a build


def test_a_second_build_asks_black_nothing_and_gives_the_same_bytes(kept: Path, place: Path, plain: bytes) -> None:
    first, said = build(place)
    assert (first, said) == (plain, "0 ['black', 'lark.load_grammar']")
    assert {path.name.split("-")[1] for path in kept.iterdir()} == {"grammar", "layout", "template"}
    second, said = build(place)
    assert second == plain
    assert "black" not in said


def test_a_model_that_was_changed_is_built_anew(kept: Path, place: Path, plain: bytes) -> None:
    build(place)
    (place / "model.nn").write_text(MODEL.replace("Dense(3", "Dense(5"), "utf-8")
    assert build(place)[0] != plain
    (place / "model.nn").write_text(MODEL, "utf-8")
    assert build(place)[0] == plain


def test_what_is_damaged_is_made_anew(kept: Path, place: Path, plain: bytes) -> None:
    build(place)
    paths = list(kept.iterdir())
    for path in paths:
        path.write_bytes(path.read_bytes()[:-1])
    assert build(place) == (plain, "0 ['black', 'lark.load_grammar']")
    assert "black" not in build(place)[1]
    for path in paths:
        path.unlink()
        path.mkdir()
    assert build(place)[0] == plain


def test_a_folder_that_cannot_be_used_is_no_obstacle(
    tmp_path: Path, place: Path, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("here first")
    for name in (file, file / "below", "/dev/null/below", ""):
        monkeypatch.setenv("GEN_CACHE_DIR", str(name))
        assert build(place)[0] == plain
    assert file.read_text() == "here first"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_a_folder_that_cannot_be_written_is_only_read(
    kept: Path, place: Path, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(place)
    kept.chmod(0o500)
    try:
        assert build(place)[0] == plain
        monkeypatch.setattr(files.Folder, "new", _refused)  # which holds for root too
        store.keep("kind", "key", b"data")
        assert store.recall("kind", "key") is None
    finally:
        kept.chmod(0o700)


def _refused(*_: object, **__: object) -> tuple[int, str]:
    raise PermissionError


def test_builds_that_run_at_once_do_not_disturb_each_other(kept: Path, place: Path, plain: bytes) -> None:
    for _ in range(2):
        processes = [start(place, f"out{index}") for index in range(4)]
        assert [process.communicate()[1] for process in processes] == [""] * 4
        assert [(place / f"out{index}" / "model.py").read_bytes() for index in range(4)] == [plain] * 4
    assert [path for path in kept.iterdir() if not path.name.endswith(".kept")] == []


# ------------------------------------------------------------------------------------------------------------ by itself


def test_what_was_kept_is_recalled_by_its_kind_and_its_whole_key(kept: Path) -> None:
    calls: list[int] = []

    def make() -> bytes:
        calls.append(1)
        return b"\0data"

    assert [store.recalled("kind", "a" * 300 + "é", make) for _ in range(3)] == [b"\0data"] * 3
    assert len(calls) == 1
    assert store.recall("kind", "a" * 300 + "e") is None
    assert store.recall("other", "a" * 300 + "é") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b" ",
        lambda content: content[:-2] + b"T" + content[-1:],
        lambda content: b"\0" + content[1:],
    ],
    ids=["empty", "short", "cut", "longer", "changed", "another hash"],
)
def test_what_is_damaged_is_as_if_it_were_not_there(kept: Path, damage: Callable[[bytes], bytes]) -> None:
    store.keep("kind", "key", b"data")
    (path,) = kept.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert store.recall("kind", "key") is None
    store.keep("kind", "key", b"data")
    assert store.recall("kind", "key") == b"data"


def test_the_oldest_are_forgotten(kept: Path) -> None:
    for index in range(store.MOST + 1):
        store.keep("kind", str(index), b"")
        newest = max(kept.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (index, index))
    assert len(list(kept.iterdir())) == store.MOST // 2
    assert store.recall("kind", str(store.MOST)) == b""
    assert store.recall("kind", "0") is None


def test_files_of_others_stay(kept: Path) -> None:
    """Whatever they are called, and however old they are."""
    kept.mkdir(mode=0o700)
    names = [f"photo-{index:032x}" for index in range(200)]
    names += [f"layout-{index:032x}" for index in range(50)]
    names += ["gen-layout-0.kept", "gen-notes.txt", f"gen-layout-{0:032x}.kept.py", ".gen-notes.tmp", "tmpabcdefgh"]
    for name in names:
        (kept / name).write_text(name)
        os.utime(kept / name, (1, 1))
    (kept / f"gen-layout-{0:032x}.kept").mkdir()
    (kept / f"gen-layout-{1:032x}.kept").symlink_to("gen-notes.txt")
    before = {path.name for path in kept.iterdir()}
    for index in range(3 * store.MOST):
        store.keep("kind", str(index), b"")
    after = {path.name for path in kept.iterdir()}
    assert before <= after
    assert all((kept / name).read_text() == name for name in names)
    assert len(after - before) <= store.MOST


def test_what_a_run_that_was_killed_has_left_goes_too(kept: Path) -> None:
    store.keep("kind", "key", b"")
    left = kept / ".gen-0123456789abcdef.tmp"
    left.write_text("half")
    os.utime(left, (1, 1))
    for index in range(store.MOST):
        store.keep("kind", str(index), b"")
    assert not left.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links are others there")
def test_links_and_pipes_in_the_folder_are_not_read(kept: Path, tmp_path: Path) -> None:
    store.keep("kind", "key", b"data")
    (path,) = kept.iterdir()
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert store.recall("kind", "key") is None
    path.unlink()
    os.mkfifo(path)
    assert store.recall("kind", "key") is None
    store.keep("kind", "key", b"data")
    assert store.recall("kind", "key") == b"data"
    assert (tmp_path / "elsewhere").read_bytes().endswith(b"data")


@pytest.mark.skipif(sys.platform == "win32", reason="nobody is asked there")
def test_a_folder_of_somebody_elses_is_not_used(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    store.keep("kind", "key", b"data")
    assert list(kept.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("whose", ["folder", "link", "file"])
def test_what_belongs_to_another_user_is_not_used(kept: Path, tmp_path: Path, whose: str) -> None:
    real = tmp_path / "real"
    real.mkdir()
    kept.symlink_to(real)
    store.keep("kind", "key", b"data")
    assert store.recall("kind", "key") == b"data"
    (path,) = real.iterdir()
    os.chown({"folder": real, "link": kept, "file": path}[whose], 12345, -1, follow_symlinks=False)
    store._usable.cache_clear()
    assert store.recall("kind", "key") is None
    if whose != "file":
        store.keep("kind", "other", b"data")
        assert list(real.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="links are others there")
@pytest.mark.parametrize("name", ["/", "//", "/..", "dangling", "loop", "/dev/null"], ids=ascii)
def test_a_folder_that_is_none_of_gens_is_not_used(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dangling").symlink_to("new")
    Path("loop").symlink_to("loop")
    before = set(os.listdir("/"))
    monkeypatch.setenv("GEN_CACHE_DIR", name)
    store.keep("kind", "key", b"data")
    assert store.recall("kind", "key") is None
    assert set(os.listdir("/")) == before
    assert sorted(os.listdir()) == ["dangling", "loop"]


@pytest.mark.skipif(sys.platform == "win32", reason="links are others there")
def test_a_link_that_takes_the_place_of_the_folder_is_not_followed(kept: Path, tmp_path: Path) -> None:
    store.keep("kind", "key", b"data")
    (tmp_path / "other").mkdir()
    kept.rename(tmp_path / "moved")
    kept.symlink_to("other")
    store.keep("kind", "new", b"data")
    assert list((tmp_path / "other").iterdir()) == []
    assert store.recall("kind", "new") == b"data"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_a_folder_in_which_others_may_write_is_not_used(kept: Path) -> None:
    kept.mkdir()
    kept.chmod(0o777)
    store.keep("kind", "key", b"data")
    assert list(kept.iterdir()) == []


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="caches are elsewhere there")
def test_the_folder_is_among_the_caches_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEN_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    store.keep("kind", "key", b"data")
    assert (tmp_path / "home" / ".cache" / "gen").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    store.keep("kind", "key", b"data")
    assert len(list((tmp_path / "caches" / "gen").iterdir())) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    store.keep("kind", "key", b"data")
    assert not Path("relative").exists()
