"""Finds the grammar, the templates and the texts of `keras.applications`, in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def resource(kind: Literal["grammar", "templates", "language/applications"], name: str = "") -> Path:
    """The path of the file `name` in the folder `kind`, or of the folder itself.

    In a checkout, some are beside the package; in a wheel, all are inside it.  Raises FileNotFoundError if it is in
    neither place, which means that the installation is damaged.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        path = root / kind / name
        if path.exists():
            return path
    raise FileNotFoundError(f"gen's own file {kind}/{name} is missing: install gen again")
