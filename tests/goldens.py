"""Writes the goldens of the cases anew: `python -m tests.goldens [CASE…]`."""

from __future__ import annotations

import sys

from gen.compiler import Options
from gen.inspect.dump import functions
from tests.building import CASES, case_graph


def main(names: list[str]) -> None:
    for path in CASES:
        if not names or path.stem in names:
            golden = path.with_suffix(".golden")
            text = functions(case_graph(path), path.name, Options(verify=True)) + "\n"
            if not golden.exists() or golden.read_text("utf-8") != text:
                golden.write_text(text, "utf-8")
                print(golden.name)


if __name__ == "__main__":
    main(sys.argv[1:])
