"""Which format a file has, and the parts that are in it."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from gen import files
from gen.files import reason
from gen.keras_files.hdf5 import Group, joined, open_group
from gen.keras_files.problems import KerasFileError, damaged
from gen.keras_files.safetensors import Array, tensors

LARGEST_TEXT = 64 * 2**20
"""The largest size in bytes of a configuration."""
LARGEST = 8 * 2**30
"""The largest size in bytes of the weights."""
MOST_COMPRESSED = 1000
"""How many times larger a member of a zip file may be than it is there."""
MOST_PIECES = 10_000
"""The most files that weights may be spread over."""
MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"

OTHERS = {
    ".tflite": "TensorFlow Lite keeps no layers; save the Keras model itself",
    ".pb": "a graph of TensorFlow has no layers; load it in Keras, and `model.save('model.keras')`",
    ".onnx": "it is a model of ONNX",
    ".pkl": "a pickle runs code when it is read; load it yourself, and `model.save('model.keras')`",
    ".pickle": "a pickle runs code when it is read; load it yourself, and `model.save('model.keras')`",
    ".joblib": "a pickle runs code when it is read; load it yourself, and `model.save('model.keras')`",
    ".ckpt": "a checkpoint has no layers; load it in Keras, and `model.save('model.keras')`",
    ".npz": "an .npz file holds weights of gen, or of anything; `Model.load` reads gen's own",
}
"""Files that people try, by their ending, with the way out."""


@dataclass(frozen=True)
class Contents:
    """What is in a file: a model, weights, or both."""

    path: Path
    version: str
    """The version of Keras that wrote it, `2.4.0`; empty if the file does not say."""
    config: dict[str, Any] | None = None
    """The model: `{"class_name": …, "config": …}`."""
    compiled: dict[str, Any] | None = None
    """How it was compiled, as Keras 3 writes it or as `training_config` does."""
    weights: Group | None = None
    legacy: bool = False
    """Whether weights are by layer and name, as in `.h5` files of whole models, and not by number."""
    optimizer: Group | None = None
    backend: str = ""
    """What Keras computed with, where a file of Keras 1 or 2 says it."""
    tensors: dict[str, Array] | None = None
    """The weights by name, of a file of safetensors."""

    @property
    def major(self) -> int:
        """1, 2 or 3: the version whose words and defaults the file has."""
        first = self.version.split(".")[0]
        return int(first) if first in ("1", "2", "3") else 1 if self.legacy and not self.version else 3


def read(paths: Sequence[Path]) -> Contents:
    """The one model that the files hold together: one file, or a configuration and weights."""
    found = [open_file(path) for path in paths]
    models = [each for each in found if each.config is not None]
    weights = [each for each in found if each.config is None]
    if len(models) > 1 or len(weights) > 1:
        what = "models" if len(models) > 1 else "files of weights"
        raise KerasFileError(f"several {what} are given: import them one by one")
    if not models:
        raise KerasFileError(
            f"{paths[0]} holds weights alone: say which model they are of, `gen import {paths[0].name} --into MODEL.nn`"
        )
    if weights and weights[0].tensors is not None:
        raise KerasFileError(f"{weights[0].path} names weights as gen does: import it with --into MODEL.nn")
    if not weights:
        if models[0].weights is None:
            raise KerasFileError(f"{paths[0]} is a model without weights: name the file with its weights, too")
        return models[0]
    (given,) = weights
    return replace(
        models[0],
        weights=given.weights,
        legacy=given.legacy,
        optimizer=given.optimizer,
        backend=given.backend,
    )


def open_file(path: Path) -> Contents:
    """What is in a file or folder."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _folder(path)
        if not stat.S_ISREG(status.st_mode):
            raise KerasFileError(f"cannot read {path}: it is not a regular file")
        with path.open("rb") as file:
            start = file.read(16)
        if start.startswith(_ZIP):
            return _zip(path)
        if start.startswith(_HDF5):
            return _hdf5(path, io.BytesIO(files.read(path, LARGEST)))
        if path.name.endswith(".json"):
            return _json(path)
        if path.name.endswith(".safetensors"):
            return Contents(path, "", tensors=tensors(path, files.read(path, LARGEST)))
    except OSError as error:
        raise KerasFileError(f"cannot read {path}: {reason(error)}") from error
    if not start:
        raise KerasFileError(f"{path} is empty")
    why = OTHERS.get(path.suffix.lower(), "gen imports .keras and .h5 files, and models in .json with their weights")
    raise KerasFileError(f"{path} is no file of Keras: {why}")


def _folder(path: Path) -> Contents:
    if (path / "saved_model.pb").exists():
        raise KerasFileError(
            f"{path} is a SavedModel, which has no layers: load it in Keras, and `model.save('model.keras')`"
        )
    if not (path / "config.json").exists():
        raise KerasFileError(f"{path} is a folder without a config.json: no model of Keras")
    texts = {name: _text(path / name) if (path / name).exists() else b"{}" for name in MEMBERS[:2]}
    weights = path / MEMBERS[2]
    if not weights.exists():
        raise KerasFileError(f"{path} has no {MEMBERS[2]}")
    return _archive(path, texts["config.json"], texts["metadata.json"], io.BytesIO(files.read(weights, LARGEST)))


def _text(path: Path) -> bytes:
    return files.read(path, LARGEST_TEXT)


def _zip(path: Path) -> Contents:
    with damaged(str(path)), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "config.json" not in names:
            inside = any(name.endswith((".npy", "data.pkl")) for name in names)
            raise KerasFileError(OTHERS[".npz"] if inside else f"{path} is no file of Keras: it has no config.json")
        if "model.weights.h5" not in names:
            raise KerasFileError(f"{path} has no model.weights.h5")
        if any(names.count(name) > 1 for name in MEMBERS):
            raise KerasFileError(f"{path} has two members of one name")
        config = _member(archive, "config.json", LARGEST_TEXT)
        metadata = _member(archive, "metadata.json", LARGEST_TEXT) if "metadata.json" in names else b"{}"
        weights = io.BytesIO(_member(archive, "model.weights.h5", LARGEST))
    return _archive(path, config, metadata, weights)


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A member of a zip file, unless it is larger than what is there can be."""
    entry = archive.getinfo(name)
    if entry.file_size > limit or entry.file_size > MOST_COMPRESSED * entry.compress_size + 2**20:
        raise KerasFileError(f"{name} claims {entry.file_size:,} bytes, too many for what is in the file")
    with archive.open(entry) as file:
        return file.read(entry.file_size + 1)


def _archive(path: Path, config: bytes, metadata: bytes, weights: IO[bytes]) -> Contents:
    model, about = _parsed(config, f"config.json of {path}"), _parsed(metadata, f"metadata.json of {path}")
    root = open_group(weights, str(path))
    compiled = model.get("compile_config")
    return Contents(
        path,
        str(about.get("keras_version") or "3"),
        model,
        compiled if isinstance(compiled, dict) else None,
        root,
        optimizer=root.group("optimizer", "vars"),
    )


def _hdf5(path: Path, file: IO[bytes]) -> Contents:
    root = open_group(file, str(path))
    config = root.attribute("model_config")
    inner = root.group("model_weights")
    version, backend = (
        root.attribute(name) or (inner.attribute(name) if inner is not None else None) or ""
        for name in ("keras_version", "backend")
    )
    if config is not None:
        training = root.attribute("training_config")
        return Contents(
            path,
            version,
            _parsed(config.encode(), f"model_config of {path}"),
            None if training is None else _parsed(training.encode(), f"training_config of {path}"),
            inner,
            legacy=True,
            optimizer=root.group("optimizer_weights"),
            backend=backend,
        )
    legacy = root.names("layer_names") is not None
    if not legacy and not any(root.group(name) for name in ("layers", "_layer_checkpoint_dependencies", "vars")):
        raise KerasFileError(f"{path} holds neither a model of Keras nor weights of one")
    slots = root.group("optimizer", "vars")
    return Contents(path, version, weights=root, legacy=legacy, optimizer=slots, backend=backend)


def _json(path: Path) -> Contents:
    found = _parsed(_text(path), str(path))
    if "weight_map" in found:
        pieces = (io.BytesIO(files.read(path.with_name(name), LARGEST)) for name in _pieces(found, path))
        root = joined(pieces, str(path))
        return Contents(path, "", weights=root, optimizer=root.group("optimizer", "vars"))
    if "class_name" not in found:
        raise KerasFileError(f"{path} is no configuration of a model")
    return Contents(path, str(found.get("keras_version") or ("3" if "module" in found else "2")), found)


def _pieces(config: dict[str, Any], path: Path) -> list[str]:
    """The files beside `path` that weights are spread over, by Keras' `max_shard_size`."""
    with damaged(str(path)):
        lists = [each if isinstance(each, list) else [each] for each in config["weight_map"].values()]
        names = sorted({name for each in lists for name in each})
    if len(names) > MOST_PIECES or not all(_is_piece(name) for name in names):
        raise KerasFileError(f"{path} names pieces of weights that are no .weights.h5 files in its folder")
    return names


def _is_piece(name: object) -> bool:
    return isinstance(name, str) and name.endswith(".weights.h5") and not {"/", "\\", ":", "\0"} & set(name)


def _parsed(data: bytes, shown: str) -> dict[str, Any]:
    with damaged(shown, ValueError, RecursionError):
        found = json.loads(data)
    if not isinstance(found, dict):
        raise KerasFileError(f"{shown} is no configuration of a model")
    return found
