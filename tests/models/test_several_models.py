"""Files that compile several models: one module, one set of weights, and each model trains as it does in Keras.

Keras runs the same text.  Models take steps in turns on the same arrays, and all weights are compared after each step.
"""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source, render_text
from tests.building import QUICK, load
from tests.keras_twin import computes_in
from tests.pasted import paired

HEAD = """\
import numpy as np
from keras import Input, Model, Sequential, optimizers
from keras.layers import BatchNormalization, Dense, Dropout, LeakyReLU, Reshape

"""
GAN = """\
def define_discriminator():
    model = Sequential(name="D")
    model.add(Input((6,)))
    model.add(Dense(5, name="d1"))
    model.add(LeakyReLU(0.2, name="d2"))
    model.add(BatchNormalization(momentum=0.8, name="d3"))
    model.add(Dense(1, activation="sigmoid", name="d4"))
    model.compile(optimizers.Adam(0.01, 0.5), "binary_crossentropy", metrics=["accuracy"])
    return model

def define_generator(latent):
    noise = Input((latent,))
    x = Dense(5, name="g1", activation="tanh")(noise)
    x = BatchNormalization(momentum=0.8, name="g2")(x)
    return Model(noise, Dense(6, name="g3")(x), name="G")

discriminator = define_discriminator()
generator = define_generator(3)
FIRST
discriminator.trainable = False
z = Input((3,))
combined = Model(z, discriminator(generator(z)))
combined.compile(optimizers.RMSprop(0.02), "binary_crossentropy")
"""
FIT = "discriminator.fit(np.zeros((4, 6)), np.zeros((4, 1)), epochs=1, verbose=0)"
GAN_CLASS = """\
class GAN():
    def __init__(self):
        self.latent = 3
        optimizer = optimizers.Adam(0.01, 0.5)
        self.discriminator = self.build_discriminator()
        self.discriminator.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
        self.generator = self.build_generator()
        z = Input(shape=(self.latent,))
        img = self.generator(z)
        self.discriminator.trainable = False
        validity = self.discriminator(img)
        self.combined = Model(z, validity)
        self.combined.compile(loss="binary_crossentropy", optimizer=optimizers.Adam(0.01, 0.5))

    def build_generator(self):
        model = Sequential(name="inner_g")
        model.add(Input((self.latent,)))
        model.add(Dense(5, name="g1"))
        model.add(BatchNormalization(momentum=0.8, name="g2"))
        model.add(Dense(6, activation="tanh", name="g3"))
        noise = Input(shape=(self.latent,))
        return Model(noise, model(noise))

    def build_discriminator(self):
        model = Sequential(name="inner_d")
        model.add(Input((6,)))
        model.add(Dense(5, name="d1"))
        model.add(LeakyReLU(0.2, name="d2"))
        model.add(Dense(1, activation="sigmoid", name="d3"))
        img = Input(shape=(6,))
        return Model(img, model(img))

gan = GAN()
"""
AUTOENCODER = """\
image = Input((6,))
h = Dense(5, activation="relu", name="e1")(image)
code = Dense(3, name="e2")(h)
encoder = Model(image, code)
coded = Input((3,))
decoder = Model(coded, Dense(6, activation="sigmoid", name="d1")(coded), name="decoder")
autoencoder = Model(image, decoder(encoder(image)))
autoencoder.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
classifier = Model(image, Dense(4, activation="softmax", name="c1")(encoder(image)))
classifier.compile(optimizers.SGD(0.1, momentum=0.9), "categorical_crossentropy")
"""
STUDENT = """\
x = Input((6,))
teacher = Sequential([Input((6,)), Dense(8, activation="relu", name="t1"), Dense(4, name="t2")], name="teacher")
teacher.compile(optimizers.Adam(0.01), "mse")
teacher.fit(np.zeros((4, 6)), np.zeros((4, 4)), epochs=1, verbose=0)
teacher.trainable = False
student = Sequential([Input((6,)), Dense(3, activation="relu", name="s1"), Dense(4, name="s2")], name="student")
student.compile(optimizers.Adam(0.02), "mse")
both = Model(x, [teacher(x), student(x)])
both.compile(optimizers.SGD(0.05), ["mse", "mse"])
"""


@dataclass(frozen=True)
class File:
    """A text; its models as Keras' namespace and as ours have them, and in which turns they are trained."""

    text: str
    models: dict[str, str]
    turns: Sequence[str]
    predicts: Sequence[str] = ()
    thawed: Sequence[str] = field(default_factory=tuple)
    """Models that are trainable only while they are trained, as a loop around them sets it in Keras."""


def named(*names: str, inside: str = "") -> dict[str, str]:
    return {name: inside + name for name in names}


FILES = {
    "gan": File(
        GAN.replace("FIRST", FIT),
        named("discriminator", "generator", "combined"),
        ["discriminator", "combined"] * 3,
        ["generator"],
        ["discriminator"],
    ),
    "gan whose discriminator is frozen first": File(
        GAN.replace("FIRST\n", ""),
        named("discriminator", "generator", "combined"),
        ["discriminator", "combined"] * 2,
        ["generator"],
    ),
    "gan of a class": File(
        GAN_CLASS,
        named("discriminator", "generator", "combined", inside="gan."),
        ["combined", "discriminator", "combined"],
        ["generator"],
    ),
    "autoencoder": File(
        AUTOENCODER,
        named("encoder", "decoder", "autoencoder", "classifier"),
        ["autoencoder", "classifier", "classifier", "autoencoder"],
        ["encoder", "decoder"],
    ),
    "teacher and student": File(
        STUDENT,
        named("teacher", "student", "both"),
        ["teacher", "student", "both", "student", "teacher"],
        (),
        ["teacher"],
    ),
}


@cache
def text_of(name: str, options: compiler.Options = QUICK) -> str:
    source, diagnostics = Source("model.nn", HEAD + FILES[name].text), Diagnostics()
    graphs = compiler.understand_all(source, diagnostics)
    assert graphs, render_text(source, diagnostics.in_source_order())
    return compiler.build(graphs, "model.nn", options)[1]


def module(name: str, options: compiler.Options = QUICK) -> ModuleType:
    return load(text_of(name, options), f"several_{abs(hash((name, options.inference)))}")


def arrays(model: Any, rng: np.random.Generator, rows: int = 8) -> tuple[np.ndarray, list[np.ndarray]]:
    """An input, and targets from 0 to 1 that add up to 1 where there are several."""
    ((_, shape),) = model.INPUTS.values()
    targets = [rng.uniform(0.05, 0.95, (rows, each[-1])) for _, each in model.OUTPUTS.values()]
    targets = [each / each.sum(1, keepdims=True) if each.shape[1] > 1 else each for each in targets]
    return rng.normal(size=(rows, *shape[1:])), targets


def one(targets: list[np.ndarray]) -> Any:
    return targets[0] if len(targets) == 1 else targets


@pytest.mark.parametrize("name", FILES)
def test_models_that_train_in_turns_keep_step_with_keras(name: str) -> None:
    file = FILES[name]
    computes_in("float64")
    names: dict[str, Any] = {}
    exec(HEAD + file.text, names)
    theirs = {key: eval(where, names) for key, where in file.models.items()}
    ours = module(name).Models(0, np.float64)
    assert {key for key in vars(ours) if key in theirs} == set(theirs)
    unique = {id(variable): variable for model in theirs.values() for variable in model.weights}
    variables = paired(ours.weights, [each for each in unique.values() if "seed_generator" not in each.path])
    rng = np.random.default_rng(1)
    for key, value in ours.weights.items():
        value += np.random.default_rng(len(key)).uniform(0.02, 0.2, value.shape)
        variables[key].assign(value.copy())
    for key in file.turns:  # what the text trained, to say when, is undone
        for variable in theirs[key].optimizer.variables if theirs[key].optimizer.built else ():
            if "learning_rate" not in variable.path:
                variable.assign(np.zeros(variable.shape))
    for turn, key in enumerate(file.turns):
        before = {each: value.copy() for each, value in ours.weights.items()}
        x, targets = arrays(getattr(ours, key), rng)
        if key in file.thawed:  # which sets it of all that is inside, too
            theirs[key].trainable = True
        expected = theirs[key].train_on_batch(x, one(targets), return_dict=True)
        if key in file.thawed:
            theirs[key].trainable = False
        figures = getattr(ours, key).train_on_batch(x, one(targets))
        np.testing.assert_allclose(figures["loss"], expected["loss"], rtol=1e-8, err_msg=f"{key} in turn {turn}")
        for each, variable in variables.items():
            what = f"{each} after {key} in turn {turn}"
            np.testing.assert_allclose(ours.weights[each], np.asarray(variable), rtol=1e-7, atol=1e-9, err_msg=what)
        moved = {each for each, value in ours.weights.items() if not np.array_equal(value, before[each])}
        assert moved <= set(getattr(ours, key).weights), f"{key} changed another model's weights"
    for key in (*file.turns, *file.predicts):
        x, targets = arrays(getattr(ours, key), rng)
        found, wanted = getattr(ours, key).predict(x), theirs[key].predict_on_batch(x)
        found = list(found.values()) if isinstance(found, dict) else [found]
        for pair in zip(found, wanted if isinstance(wanted, list) else [wanted], strict=True):
            np.testing.assert_allclose(*map(np.asarray, pair), rtol=1e-8, atol=1e-9, err_msg=key)
    for key in file.turns:
        x, targets = arrays(getattr(ours, key), rng)
        wanted = theirs[key].evaluate(x, one(targets), verbose=0, return_dict=True)["loss"]
        np.testing.assert_allclose(getattr(ours, key).evaluate(x, one(targets))["loss"], wanted, rtol=1e-8)


@pytest.mark.parametrize("name", FILES)
def test_the_gradients_of_every_model_are_right(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert module(name).check() < 1e-6


def turn(models: Any, name: str, seed: int = 0) -> None:
    for i, key in enumerate(FILES[name].turns):
        x, targets = arrays(getattr(models, key), np.random.default_rng(seed + i))
        getattr(models, key).fit(x, one(targets), epochs=2, batch_size=3, verbose=0)


def assert_alike(one: Any, other: Any) -> None:
    for name, value in one._saved().items():
        assert np.array_equal(value, other._saved()[name]), name


@pytest.mark.parametrize("name", ["gan", "autoencoder"])
def test_saved_models_go_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    made = module(name)
    models = made.Models(seed=3)
    turn(models, name)
    models.save(tmp_path / "all.npz")
    first = FILES[name].turns[0]
    getattr(models, first).save(tmp_path / "one.npz")
    others = [made.Models.load(tmp_path / "all.npz"), made.Models.load(tmp_path / "one.npz")]
    others += [getattr(made, first.title()).load(tmp_path / "all.npz").models]
    others += [pickle.loads(pickle.dumps(models)), copy.deepcopy(getattr(models, first)).models]
    for other in others:
        assert_alike(models, other)
    turn(models, name, 5)
    for other in others:
        turn(other, name, 5)
        assert_alike(models, other)


def test_a_file_that_is_not_of_these_models_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    gan, other = module("gan"), module("autoencoder")
    other.Models().save(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"was not saved by these models: .* is (missing|unknown)"):
        gan.Models.load(tmp_path / "other.npz")


def test_a_model_inherits_from_its_set_what_another_one_learned() -> None:
    models = module("gan").Models()
    x, targets = arrays(models.combined, np.random.default_rng(0))
    before = models.generator.predict(x)
    models.combined.train_on_batch(x, one(targets))
    assert not np.array_equal(models.generator.predict(x), before)
    assert models.generator.p.flat is models.combined.p.flat
    for name, value in models.generator.weights.items():
        assert np.shares_memory(value, models.combined.weights[name])
    assert not hasattr(models.generator, "fit")


def test_a_class_makes_a_set_of_its_own_or_joins_one() -> None:
    made = module("gan")
    alone = made.Discriminator(seed=4)
    assert alone.models.discriminator is alone
    joined = made.Discriminator(models=alone.models)
    assert alone.models.discriminator is joined and joined.p.flat is alone.p.flat


def test_what_is_not_finite_is_undone_in_weights_and_slots() -> None:
    models = module("gan").Models(1)
    x, targets = arrays(models.discriminator, np.random.default_rng(0))
    models.discriminator.train_on_batch(x, one(targets))
    before = {name: np.array(value) for name, value in models._saved().items()}
    with pytest.raises(ValueError, match="not finite"):
        models.discriminator.fit(np.full_like(x, 1e38), one(targets), epochs=1, batch_size=4, verbose=0)
    for name, value in models._saved().items():
        assert name == "rng" or np.array_equal(value, before[name]), name


def test_a_checkpoint_of_one_model_goes_on(tmp_path: Path) -> None:
    made = module("gan")
    x, targets = arrays(made.Models().combined, np.random.default_rng(0), 20)
    given: dict[str, Any] = {"batch_size": 6, "verbose": 0, "checkpoint": tmp_path / "place.npz"}
    made.Models(2).combined.fit(x, one(targets), epochs=2, **given)
    models, whole = made.Models(2), made.Models(2)
    models.combined.fit(x, one(targets), epochs=5, **given)
    whole.combined.fit(x, one(targets), epochs=5, batch_size=6, verbose=0)
    assert_alike(models, whole)


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", path.name, *arguments],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("runtime", [False, True])
def test_the_command_trains_one_model_after_the_other(tmp_path: Path, runtime: bool) -> None:
    path = tmp_path / "model.py"
    path.write_text(text_of("gan", replace(QUICK, runtime=runtime)), "utf-8")
    if runtime:
        (tmp_path / "gen_runtime.py").write_text(compiler.runtime(), "utf-8")
    models = module("gan").Models()
    for key in ("discriminator", "combined", "generator"):
        model = getattr(models, key)
        x, targets = arrays(model, np.random.default_rng(0))
        data = dict(zip(model.INPUTS, [x], strict=True))
        if key != "generator":
            data |= dict(zip(model.OUTPUTS, targets, strict=True))
        np.savez(tmp_path / f"{key}.npz", **data)
    assert run(path, "discriminator", "train", "discriminator.npz").stdout.endswith("saved model.npz\n")
    again = ["--weights", "model.npz", "--save", "model.npz"]
    assert run(path, "combined", "train", "combined.npz", *again).stdout.endswith("saved model.npz\n")
    assert run(path, "discriminator", "evaluate", "discriminator.npz", "--weights", "model.npz").stdout.startswith(
        "loss "
    )
    said = run(path, "generator", "predict", "generator.npz", "--weights", "model.npz")
    saved = module("gan").Models.load(tmp_path / "model.npz")
    assert saved.discriminator.step == saved.combined.step == 1
    found = np.array([[float(each) for each in line.split()] for line in said.stdout.splitlines()])
    x = np.load(tmp_path / "generator.npz")[next(iter(saved.generator.INPUTS))]
    np.testing.assert_allclose(found, saved.generator.predict(x), rtol=1e-6)
    assert "Dense" in run(path, "summary").stdout
    assert run(path, "check").returncode == 0
    assert run(path, "generator", "train", "x.npz").returncode == 2
    wrong = run(path, "train", "x.npz")
    assert (
        wrong.returncode == 2 and wrong.stderr.count("\n") == 1 and "{discriminator,generator,combined}" in wrong.stderr
    )


def test_a_file_built_for_inference_predicts_with_what_another_saved(tmp_path: Path) -> None:
    models = module("gan").Models(4)
    turn(models, "gan")
    models.save(tmp_path / "all.npz")
    small = module("gan", replace(QUICK, inference=True))
    assert not hasattr(small.Combined, "fit")
    x, _ = arrays(models.combined, np.random.default_rng(0))
    assert np.array_equal(small.Models.load(tmp_path / "all.npz").combined.predict(x), models.combined.predict(x))


def test_a_file_of_several_models_is_formatted_typed_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("gan", "autoencoder"):
        text = text_of(name, replace(QUICK, formatted=True))
        assert (
            text
            == compiler.build(
                compiler.understand_all(Source("model.nn", HEAD + FILES[name].text), Diagnostics()), "model.nn"
            )[1]
        )
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    checks = [["ruff", "check", "--isolated"], ["mypy", "--strict"]]
    for check in checks:
        done = subprocess.run(
            [sys.executable, "-m", *check, "gan.py", "autoencoder.py"], cwd=tmp_path, capture_output=True
        )
        assert done.returncode == 0, done.stdout.decode()


def test_names_of_models_that_the_module_needs_itself_get_others() -> None:
    text = "x = Input(3)\nh = Dense(2)\nmodels = Model(x, h(x))\n"
    text += "model = Model(x, Dense(1)(h(x)))\nsave = Model(x, Dense(1)(h(x)))\n"
    text += "models.compile(sgd(), mse)\nmodel.compile(sgd(), mse)\nsave.compile(sgd(), mse)\n"
    graphs = compiler.understand_all(Source("model.nn", text), Diagnostics())
    made = load(compiler.build(graphs, "model.nn", QUICK)[1], "odd_names")
    assert made.Models().model.OUTPUTS and isinstance(made.Models().model, made.Model)
    assert len([each for each in vars(made.Models()).values() if hasattr(each, "predict")]) == 3


def test_a_tensor_may_be_called_as_a_function_of_a_model() -> None:
    text = "a_forward = Input(3)\na_loss = Dense(2)(a_forward)\n"
    text += "a = Model(a_forward, a_loss)\nb = Model(a_forward, Dense(1)(a_loss))\n"
    text += "a.compile(adam(), mse)\nb.compile(adam(), mse)\n"
    graphs = compiler.understand_all(Source("model.nn", text), Diagnostics())
    assert load(compiler.build(graphs, "model.nn", QUICK)[1], "hostile").check() < 1e-6
