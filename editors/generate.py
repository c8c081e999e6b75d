"""Writes the word lists of the editors' syntax files: `python editors/generate.py`.

The files are written by hand but for their words, which come from the registry of components and from Python's list of
keywords.  A test fails when they differ.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TEXTMATE = FOLDER / "vscode" / "syntaxes" / "nn.tmLanguage.json"
VIM = FOLDER / "vim" / "syntax" / "nn.vim"


def textmate(text: str, lists: dict[str, list[str]]) -> str:
    """The TextMate grammar with these words: the rule for a kind is in its repository, under the kind's name."""
    grammar = json.loads(text)
    for kind, names in lists.items():
        grammar["repository"][kind]["match"] = rf"\b(?:{'|'.join(names)})\b"
    return json.dumps(grammar, indent=2) + "\n"


def vim(text: str, lists: dict[str, list[str]]) -> str:
    """Vim's syntax file with these words: the line for the kind `loss` begins with `syntax keyword nnLoss`."""
    for kind, names in lists.items():
        line = f"syntax keyword nn{kind.capitalize()}"
        text, count = re.subn(rf"(?m)^{line}\b.*$", f"{line} {' '.join(names)}", text)
        if count != 1:
            raise ValueError(f"nn.vim has {count} lines that begin with `{line}`")
    return text


def main() -> None:
    """Writes both files."""
    sys.path.insert(0, str(FOLDER.parent))
    from gen.language.words import words

    lists = words()
    TEXTMATE.write_text(textmate(TEXTMATE.read_text(encoding="utf-8"), lists), encoding="utf-8")
    VIM.write_text(vim(VIM.read_text(encoding="utf-8"), lists), encoding="utf-8")


if __name__ == "__main__":
    main()
