"""`python -m bench.timed_build SOURCE OUT`: builds a file as the command does, and prints how long Black took of it."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Any


def main(source: str, out: str) -> None:
    import black

    from gen.commands.building import Request, build
    from gen.settings import told

    took, format_str = 0.0, black.format_str

    def timed(*arguments: Any, **options: Any) -> str:
        nonlocal took
        start = perf_counter()
        text = format_str(*arguments, **options)
        took += perf_counter() - start
        return text

    black.format_str = timed
    report = build(Request((Path(source),), told(out=Path(out))))
    assert report.status == 0, report.errors
    print(took)


if __name__ == "__main__":
    main(*sys.argv[1:])
