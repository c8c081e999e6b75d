"""`gen explain`: what belongs together lights up together, in a real browser, and the page loads nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, sync_playwright

from gen import cli, compiler
from gen.diagnostics import Diagnostics, Source
from gen.inspect.explain.page import page
from gen.inspect.explain.serving import Server
from tests.building import EXAMPLES, ROOT, sample

pytestmark = pytest.mark.xdist_group("browser")
HALF = ROOT / "examples" / "half.nn"
FLAGS = [
    "--disable-background-networking", "--disable-component-update", "--disable-gpu", "--disable-quic",
    "--disable-sync", "--no-first-run", "--no-sandbox",
]  # fmt: skip


def chromium_path() -> str | None:
    """The Chromium of the system."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def page_of(text: str, name: str = "model.nn", **options: bool) -> str:
    source, diagnostics = Source(name, text), Diagnostics()
    graph = compiler.understand(source, diagnostics)
    assert graph is not None
    return page(source, graph, **options)


# ------------------------------------------------------------------------------------------------------------ the page


@pytest.mark.parametrize("path", sample(EXAMPLES, 4), ids=lambda path: path.stem)
def test_each_call_is_in_the_text_the_graph_and_the_table(path: Path) -> None:
    made = page_of(path.read_text("utf-8"), path.name)
    assert made == page_of(path.read_text("utf-8"), path.name)
    keys = set(re.findall(r'<tr class="link" data-keys="([^"]*)"', made))
    assert keys
    for place in ('<span class="link" tabindex="0"', '<g class="link" tabindex="-1"'):
        assert keys <= {key for found in re.findall(f'{place} data-keys="([^"]*)"', made) for key in found.split(" ")}
    assert re.sub(r'xmlns="[^"]*"', "", made).count("://") == 0


def test_what_the_file_says_is_text_on_the_page() -> None:
    said = "</script><script>alert(1)</script><img src=x onerror=alert(1)> &amp; \" ' {{ 7 * 7 }}"
    made = page_of(f"'''{said}'''\nx = Input(4)  # {said}\ny = Dense(3, name='a.b-c')(x)\nmodel = Model(x, y)\n")
    assert made.count("<script>") == made.count("</script>") == 1
    assert "<img" not in made
    assert "{{ 7 * 7 }}" in made


def test_only_a_page_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        result = CliRunner().invoke(cli.gen, ["explain", str(HALF)])
        assert (result.exit_code, result.stdout) == (0, "half.html  written\n")
    Path("half.html").write_text("mine", "utf-8")
    result = CliRunner().invoke(cli.gen, ["explain", str(HALF)])
    assert result.exit_code == 2
    assert result.stderr == "gen: half.html is not a page of `gen explain`; --force overwrites it\n"
    assert Path("half.html").read_text("utf-8") == "mine"
    assert CliRunner().invoke(cli.gen, ["explain", str(HALF), "--force"]).exit_code == 0


def test_a_wrong_model_is_told_and_no_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.nn").write_text("x = Input(4)\ny = Dens(3)(x)\nmodel = Model(x, y)\n", "utf-8")
    result = CliRunner().invoke(cli.gen, ["explain", "model.nn"])
    assert result.exit_code == 1
    assert "There is no layer `Dens`" in result.stderr
    assert not Path("model.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.nn", "--watch", "--port", "0"], "cannot read none.nn: no such file or directory"),
        (["model.nn", "--watch", "-o", "x.html"], "--watch writes nothing: leave out -o and --force"),
        (["model.nn", "-o", "none/x.html"], "cannot write none/x.html: no such file or directory"),
        (["model.nn", "--steps", "0"], "--steps"),
    ],
)
def test_a_command_that_cannot_be_is_one_sentence(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.nn").write_bytes(HALF.read_bytes())
    result = CliRunner().invoke(cli.gen, ["explain", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "http" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["model.nn"]


# ---------------------------------------------------------------------------------------------------------- the browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if chromium_path() is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def half(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page about `half.nn`; fails where it logs something or asks for anything but itself."""
    file = tmp_path / "half.html"
    file.write_text(page_of(HALF.read_text("utf-8"), "half.nn"), "utf-8")
    shown = chromium.new_page(viewport={"width": 1600, "height": 1000})
    said: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: said.append(request.url))
    shown.goto(file.as_uri())
    yield shown
    assert said == [file.as_uri()]
    shown.close()


def lit(shown: Page, place: str) -> list[str]:
    """The texts of what is lit in a part of the page, shortened."""
    return [text.split("\n")[0].strip() for text in shown.locator(f"{place} .lit").all_text_contents()]


def seen(shown: Page) -> dict[str, list[str]]:
    places = ("source", "graph", "forward", "loss", "backward", "figures")
    return {place: lit(shown, f"#{place}") for place in places}


EVEN = {
    "source": ["Dense(1, sigmoid)(kept)"],
    "graph": ["evenDense, sigmoid · 257", "evenbinary_crossentropy"],
    "forward": ["# even = Dense(1, sigmoid)(kept)"],
    "loss": ["# loss of even: binary_crossentropy, from the logits"],
    "backward": ["# loss of even: binary_crossentropy, from the logits", "# even = Dense(1, sigmoid)(kept)"],
}


@pytest.mark.parametrize(
    "place",
    ["#source [data-keys='call:even']", "#graph [data-keys='call:even']", "#forward [data-keys='call:even']",
     "#backward [data-keys='call:even']", "tbody [data-keys='call:even']"],
)  # fmt: skip
def test_pointing_at_one_lights_up_the_others(half: Page, place: str) -> None:
    half.locator(place).first.scroll_into_view_if_needed()
    half.locator(place).first.hover()
    found = seen(half)
    assert len(found.pop("figures")) == 1
    assert found.keys() == EVEN.keys()
    for name, texts in found.items():
        pairs = zip(texts, EVEN[name], strict=True)
        assert all(text.startswith(expected) for text, expected in pairs), (name, texts)
    told = half.locator("#told").text_content() or ""
    assert "y = activation(x @ kernel + bias)" in told
    assert "(batch, 256) → (batch, 1)" in told
    assert "257 parameters" in told


def test_what_lights_up_comes_into_view(half: Page) -> None:
    half.locator("tbody [data-keys='call:scaled']").hover()
    half.locator("#graph [data-keys='call:features']").hover()
    box, pane = (half.locator(place).first.bounding_box() for place in ("#backward .lit", "main .pane:last-child pre"))
    assert box is not None
    assert pane is not None
    assert pane["y"] <= box["y"] <= pane["y"] + pane["height"]


def test_a_click_keeps_what_is_lit_and_another_lets_go(half: Page) -> None:
    half.locator("#source [data-keys='call:ink']").click()
    half.locator("h1").hover()
    assert lit(half, "#source") == ["Dense(1)(kept)"]
    half.locator("#source [data-keys='call:ink']").click()
    half.locator("h1").hover()
    assert lit(half, "#source") == []


def test_a_loss_goes_with_the_call_that_it_is_of(half: Page) -> None:
    half.locator("#loss [data-keys='call:ink']").hover()
    assert lit(half, "#graph") == ["inkDense · 257", "inkmse"]
    assert len(lit(half, "#backward")) == 2


def test_the_keyboard_does_it_too(half: Page) -> None:
    half.keyboard.press("ArrowDown")
    half.keyboard.press("ArrowDown")
    assert lit(half, "#source")[0].startswith("Flatten()")
    half.keyboard.press("ArrowUp")
    assert lit(half, "#source")[0].startswith("Rescaling")
    half.keyboard.press("Escape")
    assert lit(half, "#source") == []
    half.locator("#source [data-keys='call:digit']").focus()
    assert lit(half, "#graph")[0].startswith("digitDense")
    half.keyboard.press("Enter")
    half.locator("#source [data-keys='call:ink']").focus()
    half.keyboard.press("Escape")
    assert lit(half, "#graph") == []


def test_it_is_light_and_dark(half: Page) -> None:
    def background() -> str:
        found = half.evaluate("getComputedStyle(document.body).backgroundColor")
        assert isinstance(found, str)
        return found

    half.emulate_media(color_scheme="light")
    light = background()
    half.emulate_media(color_scheme="dark")
    dark = background()
    assert light != dark
    half.keyboard.press("t")
    assert background() == light
    half.locator("#theme").click()
    assert background() == dark


def test_on_paper_nothing_is_cut_off(half: Page) -> None:
    half.emulate_media(media="print")
    cut = half.evaluate(
        "[...document.querySelectorAll('pre, .picture, #figures')]"
        ".filter((each) => each.scrollHeight > each.clientHeight + 1).map((each) => each.id || each.className)"
    )
    assert cut == []
    assert len(half.pdf()) > 10_000


def test_a_browser_that_goes_away_is_nobodys_business(capfd: pytest.CaptureFixture[str]) -> None:
    server = Server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        server.show("a page " * 100_000)
        host = f"Host: localhost:{server.server_port}"
        for path in ("", "changes/1"):
            with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
                connection.sendall(f"GET /{path} HTTP/1.0\r\n{host}\r\n\r\n".encode())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        server.show("another page")
        for path, status in (("changes/" + "9" * 5000, 200), ("", 200), ("changes", 404), ("../page.py", 404)):
            with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
                connection.sendall(f"GET /{path} HTTP/1.0\r\n{host}\r\n\r\n".encode())
                assert connection.recv(100).startswith(f"HTTP/1.0 {status} ".encode()), path
    finally:
        server.shutdown()
        server.server_close()
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server that shows a page."""
    server = Server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.show("the page")
    yield server.server_port
    server.shutdown()
    server.server_close()


def answer(port: int, *headers: str, path: str = "/") -> str:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join([f"GET {path} HTTP/1.1", *headers, "Connection: close", "", ""]).encode())
        with connection.makefile(encoding="utf-8") as file:
            return file.read()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_the_page_is_shown_under_the_names_of_this_machine(port: int, name: str) -> None:
    for origin in ((), (f"Origin: http://{name}:{port}",)):
        shown = answer(port, f"Host: {name}:{port}", *origin)
        assert shown.startswith("HTTP/1.0 200 ")
        assert shown.endswith("the page")


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("Host: evil.example",),
        ("Host: evil.example:{port}",),
        ("Host: 127.0.0.1.evil.example:{port}",),
        ("Host: localhost",),
        ("Host: localhost:1",),
        ("Host: localhost:{port}@evil.example",),
        ("Host: evil.example, localhost:{port}",),
        ("Host: 0.0.0.0:{port}",),
        ("Host: localhost:{port}", "Host: evil.example:{port}"),
        ("Host: localhost:{port}", "Origin: http://evil.example"),
        ("Host: localhost:{port}", "Origin: http://evil.example:{port}"),
        ("Host: localhost:{port}", "Origin: null"),
        ("Host: localhost:{port}", "Origin: https://localhost:{port}"),
        ("Host: localhost:{port}", "Origin: localhost:{port}"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/changes/0"])
def test_no_page_of_another_name_may_ask(port: int, headers: tuple[str, ...], path: str) -> None:
    """A name that its owner makes lead here, so that his page may read ours (DNS rebinding)."""
    said = answer(port, *(header.format(port=port) for header in headers), path=path)
    assert said.startswith("HTTP/1.0 403 ")
    assert "the page" not in said
    assert "changed" not in said


def test_watching_shows_each_change_and_what_is_wrong(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "model.nn"
    file.write_text("x = Input(4)\nfirst = Dense(3)(x)\nmodel = Model(x, first)\n", "utf-8")
    command = [sys.executable, "-m", "gen", "explain", str(file), "--watch", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[1]
        shown = chromium.new_page()
        try:
            shown.goto(address)
            shown.wait_for_selector("tbody [data-keys='call:first']")
            file.write_text("x = Input(4)\nsecond = Dens(3)(x)\nmodel = Model(x, second)\n", "utf-8")
            shown.wait_for_selector(".report")
            assert "There is no layer `Dens`" in (shown.locator(".report").text_content() or "")
            file.write_text("x = Input(4)\nsecond = Dense(3)(x)\nmodel = Model(x, second)\n", "utf-8")
            shown.wait_for_selector("tbody [data-keys='call:second']")
        finally:
            shown.close()
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 128 + signal.SIGINT
    assert list(tmp_path.iterdir()) == [file]


# ----------------------------------------------------------------------------------------- functions, classes, and rest


IN_BODIES = """\
import keras

width = 4


class Block(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.dense = Dense(units)

    def call(self, x):
        h = self.dense(x)
        return h * 2


def unused(x):
    return Dense(3)(x)


def twice(x):
    for _ in range(2):
        x = Dense(width)(x)
    return x


x = Input(8)
first, second = Block(3), Block(3)
y = first(x) + second(x)
y = twice(y)
model = Model(x, y)
model.compile(sgd, mse)
"""


def keys_and_idle() -> tuple[dict[str, set[str]], list[str]]:
    """The keys of each expression in the text of the page, and what has no code of its own."""
    text = page_of(IN_BODIES)
    shown = text[text.index("<pre") : text.index("</pre>")]
    shown = re.sub(r'<span class="(?!link|idle)\w+">(.*?)</span>', r"\1", shown)
    links = re.findall(r'<span class="link" tabindex="0" data-keys="([^"]*)">(.*?)</span>', shown)
    idle = re.findall(r'<span class="idle" title="[^"]*">(.*?)</span>', shown, re.DOTALL)
    return {said: set(keys.split()) for keys, said in links}, idle


def test_a_line_of_a_function_or_a_method_has_the_keys_of_all_that_its_calls_became() -> None:
    keys, _ = keys_and_idle()
    assert keys["self.dense(x)"] == {"call:first/dense", "call:second/dense"}
    assert len(keys["h * 2"]) == 2
    assert len(keys["Dense(width)(x)"]) == 2
    assert all(key.startswith("call:twice/") for key in keys["Dense(width)(x)"])


def test_lines_that_made_no_code_are_shown_as_such() -> None:
    _, idle = keys_and_idle()
    first_lines = [said.partition("\n")[0] for said in idle]
    for line in ("import keras", "width = 4", "def unused(x):", "def __init__(self, units):", "model = Model(x, y)"):
        assert line in first_lines
    for line in ("y = twice(y)", "model.compile(sgd, mse)", "h = self.dense(x)", "class Block(keras.layers.Layer):"):
        assert line not in first_lines
