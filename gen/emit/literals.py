"""Text from a `.nn` file as Python: literals, comments, and docstrings that cannot do anything.

Everything that could mislead a reader or a tool is escaped: control characters, direction marks, and all but the plain
letters and signs of the common scripts.  The set is fixed here, so that it does not depend on the Unicode version of
Python.
"""

from __future__ import annotations

import math
import re

_ODD = re.compile(
    "[^ -~"  # ASCII
    "\u00a1-\u00ac\u00ae-\u02ff"  # Latin, without the soft hyphen
    "\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f"  # Greek, Cyrillic
    "\u2010-\u2027\u2030-\u205e\u2070-\u2071\u2074-\u208e\u20a0-\u20bf"  # punctuation, raised and lowered, money
    "\u2190-\u23ff\u2500-\u25ff"  # arrows, mathematics, boxes
    "\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uac00-\ud7a3"  # Kana, Han, Hangul
    "]"
)
_DIRECTIVE = re.compile(r"\s*(type|fmt|noqa|mypy|ruff|isort|flake8|pylint|pyright|pragma|yapf|nosec|coding)\b|\s*-\*-")


def literal(value: object) -> str:
    """The Python literal for None, a bool, a finite number, a string, or a tuple, list or dict of such.

    Raises `TypeError` for any other type and `ValueError` for a number that is not finite.
    """
    match value:
        case None | True | False:
            return repr(value)
        case int():
            return int.__repr__(value)
        case float():
            if not math.isfinite(value):
                raise ValueError(f"{value!r} has no literal")
            return float.__repr__(value)
        case str():
            return '"' + _escape(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'
        case tuple():
            items = ", ".join(map(literal, value))
            return f"({items},)" if len(value) == 1 else f"({items})"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} has no literal")


def comment(text: str) -> str:
    """`text` on one line that can follow `# `: it ends nowhere before its end and tells no tool anything."""
    text = _escape(" ".join(text.splitlines())).replace("#", r"\x23").strip()
    return f"| {text}" if _DIRECTIVE.match(text) else text


def docstring(text: str) -> str:
    '''`text` as it can stand between `"""` and `"""`; lines stay lines.'''
    text = text.replace("\\", r"\\")
    if text.endswith('"'):
        text = text[:-1] + r"\""
    text = text.replace('"""', r"\"\"\"")
    return "\n".join(_escape(line.expandtabs(4).rstrip()) for line in re.split("\r\n|\r|\n", text))


def _escape(text: str) -> str:
    return _ODD.sub(lambda match: _code(match[0]), text)


def _code(character: str) -> str:
    known = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    if character in known:
        return known[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
