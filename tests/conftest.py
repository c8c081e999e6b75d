"""What all tests share: how they are spread over the cores, and a folder for what gen keeps between builds."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: one thread each, before NumPy is imported
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

# Keras compiles some thousand functions that run a few times each: quickly compiled is better than quickly run.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1",
)

gc.set_threshold(50_000, 50, 50)  # compilers make many objects, few of which go in circles

KEPT = tempfile.TemporaryDirectory(prefix="gen-")
os.environ["GEN_CACHE_DIR"] = KEPT.name

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


@pytest.fixture(autouse=True)
def keras_in_float64() -> None:
    """Keras, if a test needs it, computes in float64 unless the test says otherwise."""
    if "keras" in sys.modules:
        from tests.keras_twin import computes_in

        computes_in("float64")


@pytest.fixture
def components_apart() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    from gen.commands.building import know_apart
    from gen.components import registry
    from gen.components.kernels import kernels

    know_apart()
    yield
    for scope in (*registry.values(), kernels):
        scope.together()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Forget now and then what JAX compiled, which no other case needs: it adds up to gigabytes."""
    done = item.session.stash[DONE] = item.session.stash.get(DONE, 0) + 1
    if "jax" in sys.modules and done % 100 == 0:
        sys.modules["jax"].clear_caches()
        if sys.platform == "linux":
            getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
