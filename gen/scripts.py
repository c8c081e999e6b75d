"""Python scripts and notebooks as sources: a notebook is the text of its cells, one after the other."""

from __future__ import annotations

import json
import re
from typing import Any

from gen.diagnostics import Source

ENDINGS = (".nn", ".py", ".ipynb")
"""What `gen build` takes; of a folder only the first."""

_WHOLE_CELL = re.compile(r"\s*%%(?!time|timeit|capture|prun)\w+")
_MAGIC = re.compile(r"(\s*)([%!].*|[\w.]+\?{1,2}|\?{1,2}[\w.]+)\s*")
_ASSIGNED = re.compile(r"(\s*\w+\s*=\s*)[!%].*")


class NotebookError(ValueError):
    """A file that is no notebook; the message says why."""


def notebook(name: str, text: str) -> Source:
    """The code of a notebook as one text, which knows where its cells begin.  Magics are left out."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"it is not JSON: {error}") from error
    lines: list[str] = []
    cells: list[tuple[int, int]] = []
    for number, cell in enumerate(_cells(data), start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        code = cell.get("source", cell.get("input", ""))
        code = "".join(map(str, code)) if isinstance(code, list) else str(code)
        cells.append((len(lines) + 1, number))
        lines += _without_magics(_from_the_margin(code.splitlines() or [""]))
    return Source(name, "\n".join([*lines, ""]), tuple(cells))


def _cells(data: Any) -> list[Any]:
    """The cells of a notebook, of version 4 or 3."""
    if isinstance(data, dict) and isinstance(data.get("cells"), list):
        return data["cells"]  # type: ignore[no-any-return]  # it is a list
    sheets = data.get("worksheets") if isinstance(data, dict) else None
    if isinstance(sheets, list):
        return [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells") or ()]
    raise NotebookError("it has no cells")


def _from_the_margin(lines: list[str]) -> list[str]:
    """The lines of a cell without the indent of the first one, which IPython takes off all that have it."""
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip(" \t"))]
    return [line.removeprefix(indent) for line in lines]


def _without_magics(lines: list[str]) -> list[str]:
    """The lines of a cell, with nothing in place of what is no Python; as many as before."""
    if _WHOLE_CELL.match(lines[0]):
        return [""] * len(lines)
    found: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on:  # a command of the shell, on several lines
            found.append("")
            goes_on = line.rstrip().endswith("\\")
            continue
        magic, assigned = _MAGIC.fullmatch(line), _ASSIGNED.fullmatch(line)
        if magic is not None:
            found.append(f"{magic[1]}pass" if magic[1] else "")
            goes_on = line.rstrip().endswith("\\")
        elif assigned is not None:
            found.append(f"{assigned[1]}get_ipython()")
        else:
            found.append(line)
    return found
