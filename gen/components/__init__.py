"""All components.  A module in this package that defines one has it registered by being imported here, by itself."""

from __future__ import annotations

import importlib
import pkgutil

from gen.components.base import registry

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["registry"]
