"""All components.  Importing this package imports its modules, and each component registers itself."""

from __future__ import annotations

import importlib
import pkgutil

from gen.components.base import registry

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["registry"]
