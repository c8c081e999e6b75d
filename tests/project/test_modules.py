"""The modules of gen: no arrow between rooms runs up, there is no circle, and elaboration lists all its modules."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

from gen.language import elaborate
from tests.building import ROOT

PATHS = {path.relative_to(ROOT).with_suffix(""): path for path in (ROOT / "gen").rglob("*.py")}
MODULES = {".".join(name.parts).removesuffix(".__init__"): path for name, path in PATHS.items()}


def imported(path: Path) -> set[str]:
    """The modules of gen that a module imports, also inside its functions, or for its types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in MODULES else str(node.module) for name in whole)
    return found & MODULES.keys()


IMPORTS = {name: imported(path) for name, path in MODULES.items()}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert len(IMPORTS) > 200
    tuple(TopologicalSorter(IMPORTS).static_order())  # raises CycleError, which tells the circle


def rooms() -> dict[str, int]:
    """The floor of each room, and of each module that has none, by the table of ARCHITECTURE.md."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    table = text.partition("| room | has |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [re.findall(r"`([\w/.]+)`", row.split("|")[1]) for row in table]
    return {f"gen/{each}".rstrip("/").removesuffix(".py"): floor for floor, row in enumerate(rows) for each in row}


def test_no_room_imports_from_one_above_it() -> None:
    floors = rooms()
    assert all((ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file() for room in floors)

    def floor(module: str) -> int:
        """That of the innermost room; the package itself, which is only a version, is below all."""
        parts = module.split(".")
        inside = ["/".join(parts[:length]) for length in range(len(parts), 1, -1)]
        return -1 if module == "gen" else next(floors[each] for each in inside if each in floors)

    up = [f"{name} imports {each}" for name, found in IMPORTS.items() for each in found if floor(name) < floor(each)]
    assert up == []


def test_the_table_of_elaboration_lists_its_modules_and_no_others() -> None:
    rows = [line.split("|")[1] for line in (elaborate.__doc__ or "").splitlines() if line.startswith("| `")]
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    modules = {path.stem for path in (ROOT / "gen" / "language" / "elaborate").glob("*.py")} - {"__init__"}
    assert sorted(listed) == sorted(modules)
