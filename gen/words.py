"""The words of the language by what they are, for whatever colours `.nn` files: editors, and Pygments."""

from __future__ import annotations

import keyword

MODELS = ("Input", "Model", "Sequential")
"""What is written like a layer, and is part of the language itself."""

KEYWORDS = ("def", "return", "for", "in", "import", "from", "as", "True", "False", "None")
"""The keywords of Python that the language has; the others are marked as wrong."""


def words() -> dict[str, list[str]]:
    """The words of each kind: `model`, the kinds of components, and `reserved` for those that the language has not.

    One that is of several kinds (`mse`: a loss, a metric) is in the first.
    """
    from gen.components import registry  # it takes long to import, and Pygments asks whoever may know a file's name

    lists = {"model": list(MODELS)}
    taken = set(MODELS)
    for kind, components in registry.items():
        lists[kind] = sorted(set(components) - taken)
        taken.update(components)
    lists["reserved"] = sorted(set(keyword.kwlist) - set(KEYWORDS))
    return lists
