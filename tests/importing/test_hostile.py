"""Files that are damaged, or made to do harm: one sentence, nothing run, no array read that is not there."""

from __future__ import annotations

import copy
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gen.keras_files.problems import KerasFileError
from gen.keras_files.reading import import_files
from tests.building import PROVE
from tests.importing.made import functional, h5, layer, node, numbers

INPUT = {"batch_input_shape": [None, 4], "dtype": "float32"}
MODEL = functional(
    "m",
    [
        layer("InputLayer", "x", **INPUT),
        layer(
            "Dense", "a", node("x"), units=4, activation="relu", kernel_regularizer={"class_name": "L2", "config": {}}
        ),
        layer("Add", "s", node("a", "x")),
        layer("TFOpLambda", "f", ["s", 0, 0, {"y": 2.0}], function="math.multiply"),
        layer("Dense", "b", node("f"), units=2, activation="softmax"),
    ],
    [["x", 0, 0]],
    [["b", 0, 0]],
)
WEIGHTS = {
    "a": {"a/kernel:0": numbers(4, 4), "a/bias:0": numbers(4)},
    "b": {"b/kernel:0": numbers(4, 2), "b/bias:0": numbers(2)},
}
WRONG = [
    None,
    True,
    -1,
    10**30,
    1.5,
    float("nan"),
    "",
    "a/../b",
    "x" * 5000,
    [],
    [[]],
    {},
    {"class_name": 3},
    "None);(",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where everything is in a configuration."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def damaged(draw: random.Random) -> dict[str, Any]:
    """The configuration with something else in one or two places."""
    model = copy.deepcopy(MODEL)
    for _ in range(draw.choice([1, 1, 2])):
        *way, last = draw.choice(list(places(model)))
        inside: Any = model
        for key in way:
            inside = inside[key]
        if draw.random() < 0.2 and isinstance(inside, dict):
            del inside[last]
        else:
            inside[last] = copy.deepcopy(draw.choice(WRONG))
    return model


@pytest.mark.parametrize("seed", range(2000 if PROVE else 25))
def test_a_damaged_configuration_is_read_or_refused(seed: int, tmp_path: Path) -> None:
    model = damaged(random.Random(seed))
    try:
        text = import_files([h5(tmp_path / "m.h5", model, WEIGHTS)], {}).text
    except KerasFileError:
        return
    assert text.startswith('"""Imported from m.h5')


@pytest.mark.parametrize("seed", range(300 if PROVE else 8))
def test_a_damaged_zip_file_is_read_or_refused(seed: int, tmp_path: Path) -> None:
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = numbers(4, 2), numbers(2)
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2}, "module": "keras.layers"}
    config = {"class_name": "Sequential", "config": {"layers": [dense], "build_input_shape": [None, 4]}}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
    draw, content = random.Random(seed), bytearray(data.getvalue())
    assert import_zip(tmp_path, bytes(content)) is not None
    for _ in range(draw.randint(1, 4)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    import_zip(tmp_path, bytes(content[: draw.choice([len(content), draw.randrange(len(content))])]))


def import_zip(folder: Path, content: bytes) -> object | None:
    (folder / "m.keras").write_bytes(content)
    try:
        return import_files([folder / "m.keras"], {})
    except KerasFileError:
        return None


def refused(path: Path, said: str) -> None:
    with pytest.raises(KerasFileError, match=said):
        import_files([path], {})


def test_arrays_elsewhere_and_arrays_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(128))
    for name, said in {
        "external": "is kept in another file",
        "soft": "is a link",
        "outside": "is a link",
        "empty": r"claims 16 numbers, and 0 bytes",
        "huge": "which is not the model's",
        "text": "does not hold numbers",
    }.items():
        path = h5(tmp_path / f"{name}.h5", MODEL, WEIGHTS)
        with h5py.File(path, "r+") as file:
            place = file["model_weights/a"]
            del place["a/kernel:0"]
            match name:
                case "external":
                    place.create_dataset("a/kernel:0", (4, 4), "f8", external=[(str(tmp_path / "secret"), 0, 128)])
                case "soft":
                    place["a/kernel:0"] = h5py.SoftLink("/model_weights/b/b/kernel:0")
                case "outside":
                    place["a/kernel:0"] = h5py.ExternalLink(str(tmp_path / "external.h5"), "/model_weights/a")
                case "empty":
                    place.create_dataset("a/kernel:0", (4, 4), "f8")
                case "huge":
                    place.create_dataset("a/kernel:0", (10**9, 10**6), "f8")
                case "text":
                    place["a/kernel:0"] = np.array([b"os.system"] * 4)
        refused(path, said)


def test_a_member_that_swells(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(MODEL))
        archive.writestr("model.weights.h5", bytes(2**23))
    with zipfile.ZipFile(tmp_path / "n.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(MODEL) + " " * 2**23)
        archive.writestr("model.weights.h5", b"")
    refused(tmp_path / "m.keras", "too many for what is in the file|is damaged")
    refused(tmp_path / "n.keras", "too many for what is in the file|is damaged")


def test_names_are_only_names(tmp_path: Path) -> None:
    """What stands in a file as a name never becomes code of the text."""
    text = json.dumps(MODEL).replace('"x"', '"__import__"').replace('"a"', json.dumps('a"); import os; os.system("'))
    weights = {'a"); import os; os.system("': WEIGHTS["a"], "b": WEIGHTS["b"]}
    found = import_files([h5(tmp_path / "m.h5", json.loads(text), weights)], {})
    assert "os.system(" not in found.text and "import os" not in found.text
