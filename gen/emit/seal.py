"""The hash line in the header of a generated file, by which edits by hand are noticed."""

from __future__ import annotations

import hashlib
import re

_SEAL = re.compile(r'(?<=\nsha256 of the rest: )([0-9a-f]{16})(?=\n"""\n)')
_EMPTY = "0" * 16


def seal(text: str) -> str:
    """`text` with its hash in the last line of its docstring, where there has to be room for it."""
    head, tail = _split(text)
    return head + _hash(head, tail) + tail


def is_sealed(text: str) -> bool:
    """Whether `text` has a hash line, right or wrong: gen wrote it."""
    return _SEAL.search(_header(text)) is not None


def is_intact(text: str) -> bool:
    """Whether `text` is as gen wrote it; a change of line ends does not count."""
    text = text.replace("\r\n", "\n")
    found = _SEAL.search(_header(text))
    if found is None:
        return False
    head, tail = _split(text)
    return found[1] == _hash(head, tail)


def _header(text: str) -> str:
    """The docstring with which the module begins."""
    text = text.replace("\r\n", "\n")
    end = text.find('\n"""\n')
    return text[: end + 5] if text.startswith('"""') and end >= 0 else ""


def _split(text: str) -> tuple[str, str]:
    """What is before and what is after the hash."""
    found = _SEAL.search(_header(text))
    if found is None:
        raise ValueError("the text has no hash line")
    return text[: found.start()], text[found.end() :]


def _hash(head: str, tail: str) -> str:
    return hashlib.sha256((head + _EMPTY + tail).encode()).hexdigest()[:16]
