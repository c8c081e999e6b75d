"""Files of Keras 1 and 2, made by hand as their writers left them: Keras 3 reads many wrongly, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gen.keras_files.problems import KerasFileError
from tests.importing.made import functional, h5, imported, layer, node, numbers

INPUT = {"batch_input_shape": [None, 4], "dtype": "float32"}


def dense(units: int, **more: object) -> dict[str, object]:
    return {"units": units, "activation": "linear", "use_bias": True, **more}


def test_a_nested_model_that_is_called_twice_has_a_hidden_call_before(tmp_path: Path) -> None:
    inner = functional(
        "inner",
        [layer("InputLayer", "i", **INPUT), layer("Dense", "d", node("i"), **dense(4))],
        [["i", 0, 0]],
        [["d", 0, 0]],
    )
    called = {**inner, "name": "inner", "inbound_nodes": [node("x"), node(["inner", 1, 0])]}
    model = functional("m", [layer("InputLayer", "x", **INPUT), called], [["x", 0, 0]], [["inner", 2, 0]])
    kernel, bias = numbers(4, 4), numbers(4)
    file = h5(tmp_path / "m.h5", model, {"x": {}, "inner": {"d/kernel:0": kernel, "d/bias:0": bias}})
    found, ours = imported(file)
    x = numbers(5, 4)
    np.testing.assert_allclose(ours.predict(x), (x @ kernel + bias) @ kernel + bias)
    assert "inner_2 = inner(inner_1)" in found.text
    assert found.weights.keys() == {"inner/d/kernel", "inner/d/bias"}


def test_functions_and_slices_of_keras_2_are_operators(tmp_path: Path) -> None:
    model = functional(
        "m",
        [
            layer("InputLayer", "x", **INPUT),
            layer("TFOpLambda", "tf.math.multiply", ["x", 0, 0, {"y": 2.0, "name": None}], function="math.multiply"),
            layer(
                "SlicingOpLambda",
                "tf.__operators__.getitem",
                ["x", 0, 0, {"slice_spec": [{"start": None, "stop": None, "step": None}, {"start": 0, "stop": 2}]}],
            ),
            layer(
                "TFOpLambda",
                "tf.math.reduce_mean",
                ["tf.math.multiply", 0, 0, {"axis": 1, "keepdims": True}],
                function="math.reduce_mean",
            ),
            layer(
                "TFOpLambda",
                "tf.__operators__.add",
                ["tf.math.reduce_mean", 0, 0, {"y": ["tf.__operators__.getitem", 0, 0], "name": None}],
                function="__operators__.add",
            ),
            layer("Dense", "d", node("tf.__operators__.add"), **dense(3)),
        ],
        [["x", 0, 0]],
        [["d", 0, 0]],
    )
    kernel, bias = numbers(2, 3), numbers(3)
    file = h5(tmp_path / "m.h5", model, {"d": {"d/kernel:0": kernel, "d/bias:0": bias}})
    found, ours = imported(file)
    x = numbers(5, 4)
    np.testing.assert_allclose(
        ours.predict(x), ((x * 2).mean(axis=1, keepdims=True) + x[:, :2]) @ kernel + bias, rtol=1e-12
    )
    assert "tf_math_multiply = x * 2.0" in found.text


def test_hard_sigmoid_of_keras_2_is_steeper(tmp_path: Path) -> None:
    layers = [
        {"class_name": "Dense", "config": dense(3, name="a", activation="hard_sigmoid", batch_input_shape=[None, 4])},
        {"class_name": "Activation", "config": {"name": "b", "activation": "hard_sigmoid"}},
    ]
    kernel, bias = numbers(4, 3), numbers(3)
    weights = {"a": {"a/kernel:0": kernel, "a/bias:0": bias}, "b": {}}
    file = h5(tmp_path / "m.h5", {"class_name": "Sequential", "config": layers}, weights, "2.1.5")
    _, ours = imported(file)
    x = numbers(5, 4)
    once = np.clip(0.2 * (x @ kernel + bias) + 0.5, 0, 1)
    np.testing.assert_allclose(ours.predict(x), np.clip(0.2 * once + 0.5, 0, 1))


def lstm(x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The last state of an LSTM of Keras 2, whose gates are its `hard_sigmoid`."""
    units = len(recurrent)
    h = c = np.zeros((len(x), units))
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        i, f, o = (np.clip(0.2 * gate + 0.5, 0, 1) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    return h


@pytest.mark.parametrize("said", [{}, {"recurrent_activation": "hard_sigmoid"}], ids=["by default", "said"])
def test_an_lstm_of_keras_2_has_the_gates_of_its_version(tmp_path: Path, said: dict[str, str]) -> None:
    config = {"name": "l", "units": 3, "batch_input_shape": [None, 6, 2], "implementation": 1, "unroll": False, **said}
    arrays = numbers(2, 12), numbers(3, 12), numbers(12)
    weights = {"l": dict(zip(("l/kernel:0", "l/recurrent_kernel:0", "l/bias:0"), arrays, strict=True))}
    model = {"class_name": "Sequential", "config": [{"class_name": "LSTM", "config": config}]}
    found, ours = imported(h5(tmp_path / "m.h5", model, weights, "2.0.6"))
    x = numbers(4, 6, 2)
    np.testing.assert_allclose(ours.predict(x), lstm(x, *arrays), rtol=1e-10)
    assert any("1.2 times" in note for note in found.notes)


def test_arrays_of_a_cudnn_lstm_are_those_of_an_lstm(tmp_path: Path) -> None:
    kernel, recurrent, bias = numbers(2, 12), numbers(3, 12), numbers(12)
    theirs = [
        np.concatenate([_to_cudnn(each) for each in np.split(kernel, 4, axis=1)], axis=1),
        np.concatenate([each.T for each in np.split(recurrent, 4, axis=1)], axis=1),
        np.concatenate([bias - 1, np.ones(12)]),
    ]
    names = "l/kernel:0", "l/recurrent_kernel:0", "l/bias:0"
    config = {"name": "l", "units": 3, "batch_input_shape": [None, 6, 2]}
    model = {"class_name": "Sequential", "config": [{"class_name": "CuDNNLSTM", "config": config}]}
    file = h5(tmp_path / "m.h5", model, {"l": dict(zip(names, theirs, strict=True))}, "2.1.5")
    found, _ = imported(file)
    for name, array in zip(("kernel", "recurrent_kernel", "bias"), (kernel, recurrent, bias), strict=True):
        np.testing.assert_allclose(found.weights[f"l/{name}"], array)


def _to_cudnn(kernel: np.ndarray) -> np.ndarray:
    """Keras' `convert_weights` from an LSTM to a CuDNNLSTM: the inverse of `k.T.reshape(k.shape, order="F")`."""
    return kernel.reshape(kernel.T.shape, order="F").T


def test_nested_weights_are_trainable_ones_first(tmp_path: Path) -> None:
    norm = {"axis": [1], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}
    layers = [
        layer("InputLayer", "i", **INPUT),
        layer("BatchNormalization", "n1", node("i"), **norm),
        layer("BatchNormalization", "n2", node("n1"), **norm),
    ]
    inner = functional("inner", layers, [["i", 0, 0]], [["n2", 0, 0]])
    called = {**inner, "name": "inner", "inbound_nodes": [node("x")]}
    model = functional("m", [layer("InputLayer", "x", **INPUT), called], [["x", 0, 0]], [["inner", 1, 0]])
    arrays = [np.abs(numbers(4, seed=seed)) for seed in range(8)]
    anonymous = {f"Variable_{seed}:0": array for seed, array in enumerate(arrays)}
    found, _ = imported(h5(tmp_path / "m.h5", model, {"inner": anonymous}))
    order = ["n1/gamma", "n1/beta", "n2/gamma", "n2/beta"]
    order += ["n1/moving_mean", "n1/moving_variance", "n2/moving_mean", "n2/moving_variance"]
    for name, array in zip(order, arrays, strict=True):
        np.testing.assert_array_equal(found.weights[f"inner/{name}"], array)


def test_old_settings_of_training_come_along(tmp_path: Path) -> None:
    config = dense(2, name="d", batch_input_shape=[None, 3])
    model = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": config}]}
    optimizer = {"class_name": "Adam", "config": {"lr": 0.01, "decay": 0.0, "epsilon": None, "beta_1": 0.9}}
    file = h5(
        tmp_path / "m.h5",
        model,
        {"d": {"d/kernel:0": numbers(3, 2), "d/bias:0": numbers(2)}},
        loss="mse",
        metrics=["mae"],
        sample_weight_mode=None,
        loss_weights=None,
        optimizer_config=optimizer,
    )
    found, _ = imported(file)
    assert found.text.endswith('model.compile(optimizer=Adam(learning_rate=0.01), loss="mse", metrics=["mae"])\n')


def test_everything_that_gen_lacks_is_in_one_report(tmp_path: Path) -> None:
    layers = [
        layer("InputLayer", "x", **INPUT),
        layer("Lambda", "code", node("x"), function=["bytes", None, None], function_type="lambda"),
        layer("Custom>Gate", "gate", node("code")),
        layer("Dense", "d", node("gate"), **dense(2)),
    ]
    model = functional("m", layers, [["x", 0, 0]], [["d", 0, 0]])
    kernel, bias = numbers(4, 2), numbers(2)
    file = h5(tmp_path / "m.h5", model, {"d": {"d/kernel:0": kernel, "d/bias:0": bias}})
    with pytest.raises(KerasFileError, match=r"2 layers[\s\S]*code: .*never runs[\s\S]*gate: .*Gate[\s\S]*--replace"):
        imported(file)
    _, ours = imported(file, code="x * 3.0", gate="x + 1.0")
    x = numbers(5, 4)
    np.testing.assert_allclose(ours.predict(x), (x * 3 + 1) @ kernel + bias)


@pytest.mark.parametrize("said", [True, False], ids=["in the configuration", "among the weights"])
def test_a_normalization_is_arithmetic(tmp_path: Path, said: bool) -> None:
    mean, variance = np.array([1.1, 2.0, 0.5]), np.array([4.1, 0.25, 9.3])
    config: dict[str, object] = {"name": "n", "axis": [-1], "batch_input_shape": [None, 3]}
    weights: dict[str, dict[str, object]] = {
        "n": {"n/mean:0": mean, "n/variance:0": variance, "n/count:0": np.int64(5)}
    }
    if said:
        config |= {"mean": mean.tolist(), "variance": variance.tolist()}
        weights = {"n": {}}
    layers = [
        {"class_name": "Normalization", "config": config},
        {"class_name": "Dense", "config": dense(2, name="d")},
    ]
    kernel, bias = numbers(3, 2), numbers(2)
    weights["d"] = {"d/kernel:0": kernel, "d/bias:0": bias}
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    _, ours = imported(h5(tmp_path / "m.h5", model, weights))
    x = numbers(5, 3)
    np.testing.assert_allclose(ours.predict(x), (x - mean) / np.sqrt(variance) @ kernel + bias, rtol=1e-12)


def test_slashes_in_names_of_keras_2_are_kept(tmp_path: Path) -> None:
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, 3]),
        layer("Dense", "stem/a", node("x"), units=2),
        layer("Dense", "stem", node("stem/a"), units=2),
    ]
    weights = {
        name: {f"{name}/kernel:0": numbers(size, 2, seed=seed), f"{name}/bias:0": numbers(2, seed=seed)}
        for seed, (name, size) in enumerate({"stem/a": 3, "stem": 2}.items())
    }
    path = h5(tmp_path / "m.h5", functional("m", layers, [["x", 0, 0]], [["stem", 0, 0]]), weights)
    found, _ = imported(path)
    assert [*found.weights] == ["stem/a/kernel", "stem/a/bias", "stem/kernel", "stem/bias"]
    for name, arrays in weights.items():
        np.testing.assert_array_equal(found.weights[f"{name}/kernel"], arrays[f"{name}/kernel:0"])


def theano(path: Path, backend: str) -> Path:
    """A file in which another backend says that it wrote it."""
    with h5py.File(path, "a") as file:
        file.attrs["backend"] = backend.encode()
    return path


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_theano_goes_through_kernels_backwards(backend: str, tmp_path: Path) -> None:
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, 6, 5, 2]),
        layer("Conv2D", "c", node("x"), filters=3, kernel_size=[2, 3], strides=[1, 1], padding="valid"),
    ]
    kernel, bias, x = numbers(2, 3, 2, 3), numbers(3), numbers(2, 6, 5, 2)
    model = functional("m", layers, [["x", 0, 0]], [["c", 0, 0]])
    path = h5(tmp_path / "m.h5", model, {"c": {"c/kernel:0": kernel, "c/bias:0": bias}}, "2.0.8")
    _, ours = imported(theano(path, backend))
    turned = kernel[::-1, ::-1] if backend == "theano" else kernel
    expected = sum(np.einsum("bhwi,io->bhwo", x[:, i : i + 5, j : j + 3], turned[i, j]) for i, j in np.ndindex(2, 3))
    np.testing.assert_allclose(ours.predict(x), expected + bias, rtol=1e-10)


@pytest.mark.parametrize("version", ["1.1.0", "1.2.2"])
def test_kernels_of_keras_1_have_other_axes(version: str, tmp_path: Path) -> None:
    old: dict[str, Any] = {"border_mode": "valid", "activation": "linear", "bias": True, "init": "glorot_uniform"}
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, 6, 2], input_dtype="float32"),
        layer("Convolution1D", "c", node("x"), nb_filter=3, filter_length=2, subsample_length=1, **old),
    ]
    kernel, bias, x = numbers(2, 2, 3), numbers(3), numbers(4, 6, 2)
    stored = kernel[:, None] if version == "1.2.2" else kernel[:, None].transpose(3, 2, 0, 1)
    model = functional("m", layers, [["x", 0, 0]], [["c", 0, 0]])
    path = h5(tmp_path / "m.h5", model, {"c": {"c_W": stored, "c_b": bias}}, version)
    _, ours = imported(path)
    expected = sum(x[:, i : i + 5] @ kernel[i] for i in range(2))
    np.testing.assert_allclose(ours.predict(x), expected + bias, rtol=1e-10)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", lambda a, b: a + b),
        ("mul", lambda a, b: a * b),
        ("ave", lambda a, b: (a + b) / 2),
        ("max", np.maximum),
        ("concat", lambda a, b: np.concatenate([a, b], axis=-1)),
        ("dot", lambda a, b: (a * b).sum(axis=-1, keepdims=True)),
    ],
)
def test_a_merge_of_keras_1_is_the_layer_that_it_became(mode: str, expected: Any, tmp_path: Path) -> None:
    settings = {"mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None}
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, 4]),
        layer("Dense", "d", node("x"), output_dim=4, activation="linear", bias=True),
        layer("Merge", "m", node("x", "d"), **settings),
    ]
    kernel, bias, x = numbers(4, 4), numbers(4), numbers(5, 4)
    model = functional("m", layers, [["x", 0, 0]], [["m", 0, 0]])
    _, ours = imported(h5(tmp_path / "m.h5", model, {"d": {"d_W": kernel, "d_b": bias}}, "1.2.2"))
    np.testing.assert_allclose(ours.predict(x), expected(x, x @ kernel + bias), rtol=1e-10)


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """A Sequential of Keras 1, whose configuration is a list without a name."""
    return {"class_name": "Sequential", "config": [*layers]}


def of_keras_1(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **config}}


def joining(*models: dict[str, Any], mode: str = "concat") -> dict[str, Any]:
    """The Merge that a Sequential of Keras 1 begins with: it holds the models that it joins."""
    settings = {"mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None, "arguments": {}}
    return of_keras_1("Merge", f"merge_{mode}", mode=mode, layers=[*models], **settings)


def old_dense(name: str, units: int, inputs: int | None = None) -> dict[str, Any]:
    shape = {} if inputs is None else {"batch_input_shape": [None, inputs], "input_dtype": "float32"}
    return of_keras_1("Dense", name, output_dim=units, activation="linear", bias=True, input_dim=inputs, **shape)


def test_a_sequential_of_keras_1_may_begin_with_a_merge_of_models(tmp_path: Path) -> None:
    functional_branch = functional(
        "f",
        [layer("InputLayer", "c_in", batch_input_shape=[None, 2]), layer("Dense", "c", node("c_in"), output_dim=3)],
        [["c_in", 0, 0]],
        [["c", 0, 0]],
    )
    inner = sequential(joining(sequential(old_dense("a", 3, 4)), functional_branch, mode="sum"), old_dense("d", 2))
    model = sequential(joining(sequential(old_dense("b", 3, 5)), inner), old_dense("y", 2))
    shapes = {"b": (5, 3), "a": (4, 3), "c": (2, 3), "d": (3, 2), "y": (5, 2)}
    arrays = {name: (numbers(*shape), numbers(shape[1])) for name, shape in shapes.items()}
    weights = {name: {f"{name}_W": kernel, f"{name}_b": bias} for name, (kernel, bias) in arrays.items()}
    found, ours = imported(h5(tmp_path / "m.h5", model, weights, "1.2.2"))
    assert [item.name for item in found.graph.inputs] == ["b_input", "a_input", "c_in"]
    b, a, c = numbers(6, 5), numbers(6, 4), numbers(6, 2)

    def through(name: str, x: np.ndarray) -> np.ndarray:
        return x @ arrays[name][0] + arrays[name][1]

    joined = through("d", through("a", a) + through("c", c))
    expected = through("y", np.concatenate([through("b", b), joined], axis=-1))
    np.testing.assert_allclose(ours.predict([b, a, c]), expected, rtol=1e-10)


def test_a_model_that_a_merge_of_keras_1_joins_with_itself_is_one(tmp_path: Path) -> None:
    branch = sequential(old_dense("a", 3, 4))
    model = sequential(joining(branch, branch, mode="mul"), old_dense("y", 2))
    kernel, bias, last, shift = numbers(4, 3), numbers(3), numbers(3, 2), numbers(2)
    weights = {"a": {"a_W": kernel, "a_b": bias}, "y": {"y_W": last, "y_b": shift}}
    _, ours = imported(h5(tmp_path / "m.h5", model, weights, "1.2.2"))
    x = numbers(6, 4)
    np.testing.assert_allclose(ours.predict(x), (x @ kernel + bias) ** 2 @ last + shift, rtol=1e-10)


@pytest.mark.parametrize(
    ("merge", "said"),
    [
        (joining(), "no list of models"),
        (joining(sequential(of_keras_1("Dense", "a", output_dim=3))), "does not say the shape of its input"),
        (joining(sequential(old_dense("y", 3, 4))), "two layers of one name"),
        (of_keras_1("Merge", "m", mode="concat"), "no list of models"),
        (joining(sequential(old_dense("a", 3, 4)), mode="<lambda>"), "gen has no layer 'Merge'"),
    ],
)
def test_a_merge_that_cannot_be_read_is_refused(merge: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = h5(tmp_path / "m.h5", sequential(merge, old_dense("y", 2)), {}, "1.2.2")
    with pytest.raises(KerasFileError, match=said):
        imported(path)


@pytest.mark.parametrize(("mode", "sizes"), [("valid", [9, 8]), ("same", [8, 6])])
def test_a_deconvolution_of_keras_1_has_its_filters_last(mode: str, sizes: list[int], tmp_path: Path) -> None:
    """Its backend turned the last two axes of the kernel, which is (rows, columns, channels, filters) in the file."""
    rows, columns, steps, filters = 4, 3, (2, 2), 3
    settings: dict[str, Any] = {"nb_filter": filters, "nb_row": 3, "nb_col": 4, "subsample": steps, "border_mode": mode}
    settings |= {"dim_ordering": "tf", "activation": "linear", "bias": True, "output_shape": [None, *sizes, filters]}
    layers = [
        layer("InputLayer", "x", batch_input_shape=[None, rows, columns, 2]),
        layer("Deconvolution2D", "d", node("x"), **settings),
    ]
    kernel, bias, x = numbers(3, 4, 2, filters), numbers(filters), numbers(5, rows, columns, 2)
    model = functional("m", layers, [["x", 0, 0]], [["d", 0, 0]])
    path = h5(tmp_path / "m.h5", model, {"d": {"d_W": kernel, "d_b": bias}}, "1.2.2")
    _, ours = imported(path)
    whole = np.zeros((5, 2 * rows + 1, 2 * columns + 2, filters))
    for i, j in np.ndindex(rows, columns):
        whole[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 4] += np.einsum("bc,hwcf->bhwf", x[:, i, j], kernel)
    cut = whole if mode == "valid" else whole[:, :-1, 1:-1]  # TensorFlow leaves out one more at the end than before
    np.testing.assert_allclose(ours.predict(x), cut + bias, rtol=1e-10)
    layers[1]["config"]["output_shape"] = [None, sizes[0], sizes[1] + 1, filters]
    path = h5(tmp_path / "other.h5", model, {"d": {"d_W": kernel, "d_b": bias}}, "1.2.2")
    with pytest.raises(KerasFileError, match="the layer d makes"):
        imported(path)
