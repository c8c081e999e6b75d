"""The modules of gen: none import each other in a circle, and the table of elaboration lists all of its own."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

from gen.language import elaborate
from tests.building import ROOT


def imported(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of gen that a module imports when it is imported itself."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            waiting.append(node)
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                found.update(name if name in modules else str(node.module) for name in whole)
    return found & modules.keys()


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = {path.relative_to(ROOT).with_suffix(""): path for path in (ROOT / "gen").rglob("*.py")}
    modules = {".".join(name.parts).removesuffix(".__init__"): path for name, path in paths.items()}
    graph = {name: imported(path, modules) for name, path in modules.items()}
    assert len(graph) > 200
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which tells the circle


def test_the_table_of_elaboration_lists_its_modules_and_no_others() -> None:
    rows = [line.split("|")[1] for line in (elaborate.__doc__ or "").splitlines() if line.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    modules = {path.stem for path in (ROOT / "gen" / "language" / "elaborate").glob("*.py")} - {"__init__"}
    assert sorted(listed) == sorted(modules)
