"""What gen has not is said: no setting of a layer or of training is left out in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gen.keras_files.problems import KerasFileError, Report
from gen.keras_files.reading import import_files
from gen.keras_files.training import compilation
from tests.importing.made import functional, h5, layer, node, numbers


def compiled(**said: Any) -> tuple[list[str], list[str]]:
    """The arguments of `compile` for two outputs, and what is noted."""
    report = Report()
    given = {"loss": {"a": "mse", "b": "mae"}, "optimizer": {"class_name": "Adam", "config": {}}, **said}
    return compilation(given, ["a", "b"], report, lambda module, name: name), report.notes


def test_settings_of_training_that_gen_has_not_are_noted() -> None:
    adam = {"class_name": "Adam", "config": {"use_ema": True, "ema_momentum": 0.9, "gradient_accumulation_steps": 4}}
    said, notes = compiled(optimizer=adam, weighted_metrics=["mae"])
    assert said[0] == "optimizer='adam'"
    assert [note.partition("(")[2] or note for note in notes] == [
        "gen has no weighted_metrics, so training goes on without them",
        "use_ema=True)",
        "ema_momentum=0.9)",
        "gradient_accumulation_steps=4)",
    ]


def test_an_optimizer_around_another_is_that_one() -> None:
    inner = {"class_name": "Adam", "config": {"learning_rate": 0.01}}
    said, notes = compiled(optimizer={"class_name": "LossScaleOptimizer", "config": {"inner_optimizer": inner}})
    assert said[0] == "optimizer=Adam(learning_rate=0.01)" and notes == []


def test_an_output_without_a_weight_of_its_loss_has_1() -> None:
    assert "loss_weights=[1.0, 0.5]" in compiled(loss_weights={"b": 0.5})[0]


def test_a_file_without_an_optimizer_says_so() -> None:
    said, notes = compiled(optimizer=None)
    assert said == [] and "does not say its optimizer" in notes[0]


def masked(path: Path, **config: Any) -> Path:
    cell = {"class_name": "SimpleRNNCell", "config": {"name": "cell", "units": 2}}
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, 4, 3]),
        layer("Masking", "m", node("x")),
        layer("RNN", "r", node("m"), cell=cell, return_sequences=True, **config),
    ]
    arrays = {"r/kernel:0": numbers(3, 2), "r/recurrent_kernel:0": numbers(2, 2), "r/bias:0": numbers(2)}
    return h5(path, functional("m", layers, [["x", 0, 0]], [["r", 0, 0]]), {"r": arrays})


def test_settings_of_layers_that_gen_has_not_are_said(tmp_path: Path) -> None:
    with pytest.raises(KerasFileError, match="r: a step that is masked repeats the last output"):
        import_files([masked(tmp_path / "m.h5", zero_output_for_mask=True)], {})
    assert import_files([masked(tmp_path / "m.h5", stateful=True)], {}).notes == [
        "r: gen keeps no state from batch to batch"
    ]
    half = import_files(
        [masked(tmp_path / "m.h5", dtype={"class_name": "Policy", "config": {"name": "mixed_float16"}})], {}
    )
    assert half.notes == ["Keras computes in mixed_float16 in this model, and gen in float32, which is closer"]
    whole = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
    with pytest.raises(KerasFileError, match="r: its weights are quantized; save the model before `quantize`"):
        import_files([masked(tmp_path / "m.h5", dtype=whole)], {})
