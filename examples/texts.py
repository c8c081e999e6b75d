"""Real English for the examples: the help texts of Python's own `pydoc`, which come with every Python.

They differ a little from one Python to the next, and so does what the examples reach.
"""

from __future__ import annotations

from pydoc_data.topics import topics

import numpy as np


def encode(text: str) -> np.ndarray:
    """A number for each character: 0 for the end of a line, 1 to 95 for ASCII from the space to the tilde."""
    codes = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int32)
    return np.maximum(codes - 31, 0)


def decode(numbers: np.ndarray) -> str:
    """The text that `encode` made numbers of."""
    return "".join(chr(number + 31) if number else "\n" for number in numbers)


def texts() -> tuple[np.ndarray, np.ndarray]:
    """The text to train on, and the text kept from it: every tenth paragraph.

    Some topics repeat others, so a paragraph counts once, wherever its lines are broken.
    """
    paragraphs = {" ".join(each.split()): each for topic in topics.values() for each in topic.split("\n\n")}
    known = list(paragraphs.values())
    unknown = known[9::10]
    del known[9::10]
    return encode("\n\n".join(known)), encode("\n\n".join(unknown))
