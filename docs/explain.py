"""Takes the picture of `gen explain` that README.md shows: `python docs/explain.py`, with Chromium and playwright."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from gen import compiler
from gen.diagnostics import Diagnostics, Source
from gen.inspect.explain.page import page
from tests.inspection.test_explain import FLAGS, HALF, chromium_path

graph = compiler.understand(source := Source("half.nn", HALF.read_text("utf-8")), Diagnostics())
assert graph is not None
with tempfile.TemporaryDirectory() as folder, sync_playwright() as player:
    file = Path(folder, "half.html")
    file.write_text(page(source, graph), "utf-8")
    browser = player.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    shown = browser.new_page(viewport={"width": 1500, "height": 900}, color_scheme="light")
    shown.goto(file.as_uri())
    shown.locator("#source [data-keys='call:kept']").click()
    shown.screenshot(path=Path(__file__).with_suffix(".png"))
    browser.close()
