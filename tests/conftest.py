"""What all tests share: how Keras computes, and how tests are spread over the cores."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

# Keras and JAX read these when they are imported, which no test does before this.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# What is compiled runs a few times on small arrays: compiling is the work.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: one thread each, before NumPy is imported
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

DONE = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "xdist_group: tests that one process runs, where there are several")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one case in one process: it builds the case once."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        path = callspec.params.get("path") if callspec is not None else None
        if isinstance(path, Path):
            item.add_marker(pytest.mark.xdist_group(path.stem))


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Forget now and then what JAX compiled, which no other case needs: it adds up to gigabytes."""
    done = item.session.stash[DONE] = item.session.stash.get(DONE, 0) + 1
    if "jax" in sys.modules and done % 100 == 0:
        sys.modules["jax"].clear_caches()
        if sys.platform == "linux":
            getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
