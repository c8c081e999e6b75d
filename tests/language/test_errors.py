"""Each file in tests/errors gives exactly the diagnostics that it says, and each code of gen has such a file.

An expectation stands in a comment on the offending line, `### code: "pattern"`, or, where that line can hold no
comment, at the top of the file: `### line 3: code: "pattern"`.  The pattern is searched for in the message.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gen.diagnostics import Diagnostic, Diagnostics, Source
from gen.language.parser import decode, parse
from tests.building import ROOT

ERRORS = ROOT / "tests" / "errors"
PACKAGE = ROOT / "gen"

_EXPECTATION = re.compile(r'### (?:line (?P<line>\d+): )?(?P<code>[a-z0-9-]+): "(?P<pattern>.*?)"(?=\s|$)')
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)+")


@dataclass(frozen=True)
class Expectation:
    """What a file says of itself: a diagnostic with this code, on this line, whose message has this pattern."""

    line: int
    code: str
    pattern: str


def expectations(text: str) -> list[Expectation]:
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        for match in _EXPECTATION.finditer(line):
            found.append(Expectation(int(match["line"] or number), match["code"], match["pattern"]))
    return found


def diagnose(path: Path) -> tuple[Source, list[Diagnostic]]:
    data = path.read_bytes()
    diagnostics = Diagnostics()
    source = decode(path.name, data, diagnostics)
    if source is None:
        return Source(path.name, data.decode(errors="replace")), diagnostics.items
    if COMPILER_EXISTS:
        from gen.compiler import check

        return source, check(source).in_source_order()
    parse(source, diagnostics)
    return source, diagnostics.in_source_order()


COMPILER_EXISTS = hasattr(importlib.import_module("gen.language.elaborate"), "elaborate")


@pytest.mark.parametrize("path", sorted(ERRORS.glob("*.nn")), ids=lambda path: path.stem)
def test_a_file_gives_the_diagnostics_that_it_says_and_no_other(path: Path) -> None:
    source, items = diagnose(path)
    expected = expectations(source.text)
    assert expected, f"{path.name} expects nothing"
    places = [(source.position(item.span.start)[0], item.code) for item in items]
    assert sorted(places) == sorted((each.line, each.code) for each in expected)
    for each in expected:
        messages = [item.message for item, place in zip(items, places, strict=True) if place == (each.line, each.code)]
        assert any(re.search(each.pattern, message) for message in messages), f"{each} is not in {messages}"


def test_each_code_has_a_file_that_is_named_after_it() -> None:
    texts = {path.stem: path.read_text(encoding="utf-8", errors="replace") for path in ERRORS.glob("*.nn")}
    files = {name: expectations(text) for name, text in texts.items()}
    for name, expected in files.items():
        assert {each.code for each in expected} == {name}
    modules = PACKAGE.rglob("*.py") if COMPILER_EXISTS else (PACKAGE / "language").glob("*.py")
    codes = {code for module in modules for code in codes_of(module.read_text(encoding="utf-8"))}
    assert set(files) == codes


def codes_of(program: str) -> Iterator[str]:
    """The codes in the text of a module: what makes a diagnostic takes one first, or calls it `code`."""
    for node in ast.walk(ast.parse(program)):
        match node:
            case ast.Call(ast.Name(name) | ast.Attribute(attr=name), [first, *_]) if _makes_diagnostic(name):
                yield from _codes_within(first)
            case ast.keyword("code", value) | ast.Assign([ast.Name("code")], value):
                yield from _codes_within(value)
            case ast.arguments():
                for argument, default in zip(reversed(node.args), reversed(node.defaults), strict=False):
                    if argument.arg == "code":
                        yield from _codes_within(default)


def _makes_diagnostic(name: str) -> bool:
    return name in {"error", "warning", "_refuse", "Diagnostic"} or name.endswith("Problem")


def _codes_within(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.fullmatch(node.value):
            yield node.value
