"""Imported models as objects, and files as older versions of Keras wrote them, made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gen.commands import importing
from gen.keras_files.reading import Imported, import_files


def imported(path: Path, **replacements: str) -> tuple[Imported, Any]:
    """An imported file, and the generated model with its weights."""
    found = import_files([path], replacements)
    model = importing.run(found.graph, "model.nn", found.dtype)
    for name, array in found.weights.items():
        model.weights[name][...] = array
    return found, model


def layer(kind: str, name: str, *inputs: Any, **config: Any) -> dict[str, Any]:
    """An entry of a functional model of Keras 2; `inputs` are the nodes of its calls."""
    return {"class_name": kind, "config": {"name": name, **config}, "name": name, "inbound_nodes": list(inputs)}


def node(*names: Any, **kwargs: Any) -> list[Any]:
    """A call of Keras 2 on the first results of layers."""
    entries = [[*each, {}] if isinstance(each, list) else [each, 0, 0, {}] for each in names]
    entries[0][3] = kwargs
    return entries


def functional(name: str, layers: list[Any], inputs: list[Any], outputs: list[Any]) -> dict[str, Any]:
    config = {"name": name, "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Model", "config": config}


def h5(
    path: Path, model: dict[str, Any], weights: dict[str, dict[str, Any]], version: str = "2.4.0", **training: Any
) -> Path:
    """A file as Keras 2 writes it: weights by layer and name."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model).encode()
        if version:
            file.attrs["keras_version"] = version.encode()
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        fill(file.create_group("model_weights"), weights)
    return path


def fill(group: Any, weights: dict[str, dict[str, Any]]) -> None:
    group.attrs["layer_names"] = [name.encode() for name in weights]
    for name, arrays in weights.items():
        inner = group.require_group(name)  # names with a `/` are inside of others
        inner.attrs["weight_names"] = [each.encode() for each in arrays]
        for each, array in arrays.items():
            inner[each] = array


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape)
