"""Reads malformed files that are bred for covering more of gen, with atheris: `python -m tests.fuzz CORPUS 3600`.

CORPUS is a folder that keeps what covered something new, from one run to the next; examples and cases are put into it.
The run ends at the first file that is neither understood nor refused (`tests.malformed.understood`) in five seconds.
atheris is not among the packages of the tests, as it has wheels for few platforms: `pip install atheris`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gen", "lark"]):
    from tests.building import CASES, EXAMPLES, SCRIPTS
    from tests.malformed import SECONDS, WORDS, understood


def main(corpus: Path, seconds: int) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for path in (*EXAMPLES, *CASES, *SCRIPTS):
        (corpus / path.name).write_bytes(path.read_bytes())
    words = corpus.with_suffix(".dict")
    escaped = (word.replace("\\", "\\\\").replace('"', '\\"') for word in WORDS.split())
    words.write_text("".join(f'"{word}"\n' for word in escaped), "utf-8")
    limits = [f"-max_total_time={seconds}", f"-timeout={SECONDS}", "-max_len=4096"]
    flags = [*limits, f"-dict={words}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], understood)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
