"""What a run was made on and with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench import THREADS
from bench.peers import PEERS
from bench.systems import ROOT

SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that make OpenBLAS, and with it NumPy, take other than the best kernels or block sizes."""


def slowing() -> dict[str, str]:
    """Those that are set."""
    return {name: os.environ[name] for name in SLOWING if name in os.environ}


def about(peers: Iterable[str]) -> dict[str, Any]:
    """The machine, the versions, and what else may matter."""
    packages = ["numpy", *(package for peer in peers for package in PEERS[peer].packages)]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "revision": revision(),
        "cpu": cpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": THREADS,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in dict.fromkeys(packages)},
        "blas": blas(),
        "environment": slowing(),
    }


def warnings(about: Mapping[str, Any]) -> Iterator[str]:
    """What the figures of a run may suffer from."""
    for name, value in about["environment"].items():
        yield f"{name}={value} is set, by which NumPy, and with it all that is generated, may be slower than it can be"
    if about["load"] > 1.0:
        yield f"something else keeps the machine busy (load {about['load']}): only the fastest turns tell something"
    if about["tuned"]:
        yield "JAX has every advantage (--tuned)"


def cpu() -> str:
    """The model of the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def blas() -> str:
    """The library that NumPy multiplies matrices with, and which kernels it chose."""
    try:
        from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        return "unknown, for want of threadpoolctl"
    np.ones((2, 2)) @ np.ones((2, 2))
    found = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return ", ".join(f"{each['internal_api']} {each['version']}, {each.get('architecture')} kernels" for each in found)


def revision() -> str:
    """Of the checkout, with a mark if something in it is changed."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
