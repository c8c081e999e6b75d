"""Names: no two things of a generated file have one, whatever a `.nn` file calls its variables, sizes and outputs."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gen import compiler
from gen.compiler import Options
from gen.dims import Dim, renamed
from gen.emit.bindings import verify_bindings
from gen.graph.names import CHECK_LOCALS, RESERVED
from gen.program.memory.verify import verify_plan
from gen.program.verify import VerificationError
from tests.building import CASES, ROOT, SCRIPTS, build, graph_of, sample
from tests.hostile_names import attack
from tests.proof import check_gradients

# --------------------------------------------------------------------- what somebody wrote, and was silently wrong


def train(text: str) -> None:
    """Build a model; see that its gradients are right, and that it trains, evaluates and predicts."""
    module = build(text)
    check_gradients(module)
    model = module.Model(0, np.float64)
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(4, *(size or 7 for size in shape[1:]))) for name, (_, shape) in module.INPUTS.items()}
    y = {name: rng.uniform(size=value.shape) for name, value in by_name(module, model.predict(x)).items()}
    first = model.evaluate(x, y)["loss"]
    history = model.fit(x, y, epochs=3, verbose=0)
    assert np.isfinite(history["loss"]).all() and model.evaluate(x, y)["loss"] != first


def by_name(module: object, predicted: object) -> dict[str, np.ndarray]:
    """What `predict` gives, by the names of outputs."""
    if isinstance(predicted, dict):
        return predicted
    (name,) = module.OUTPUTS  # type: ignore[attr-defined]  # every generated module has it
    return {name: np.asarray(predicted)}


@pytest.mark.parametrize(
    ("call", "other"),
    [
        ("Dense(6, silu)(x)", "h_gate"),
        ("Dense(6, mish)(x)", "h_softplus"),
        ("Dense(6, softmax)(x)", "h_active"),
        ("Dense(6, gelu)(x)", "h_linear"),
        ("BatchNormalization()(Dense(6)(x))", "h_normal"),
        ("BatchNormalization()(Dense(6)(x))", "h_mean"),
        ("Dropout(0.3)(Dense(6)(x))", "h_kept"),
        ("LSTM(6)(Reshape((4, 2))(x))", "h_gates"),
        ("GRU(6)(Reshape((4, 2))(x))", "h_gates"),
        ("LSTM(6)(Reshape((4, 2))(x))", "unit_forget_bias"),
        ("Dense(6, softmax)(x)", "scratch"),
        ("Dense(6, softmax)(x)", "columns"),
        ("Dense(6, softmax)(x)", "greatest"),
        ("Dense(6, tanh)(x)", "dx"),
        ("Dense(6, tanh)(x)", "dh"),
        ("Dense(6, relu)(x)", "ones_batch"),
        ("Dense(6, relu)(x)", "zeros_batch_6"),
        ("Dense(6, relu)(x)", "y_true"),
        ("Dense(6, relu)(x)", "y_losses"),
        ("Dense(6, relu)(x)", "unit_forget_bias"),
        ("Dense(6, relu)(x)", "self"),
    ],
)
def test_a_variable_may_be_called_what_the_layer_beside_it_calls_its_own(call: str, other: str) -> None:
    train(f"""
x = Input(8)
h = {call}
{other} = Dense(6)(x)
y = Dense(1)(Multiply()([h, {other}]))
model = Model(x, y)
model.compile(adam(0.01), mse, metrics=[mae])
""")


def test_a_gradient_and_a_rebound_variable_are_two() -> None:
    train("""
inputs = Input(8)
x = inputs
dx = Dense(8, tanh)(x)
x = Dense(8, silu)(x)
x = Dense(1)(Multiply()([x, dx]))
model = Model(inputs, x)
model.compile(sgd(0.01), mse)
""")


@pytest.mark.parametrize(
    "dims",
    [
        ("h", "w"),
        ("self", "np"),
        ("dtype", "b"),
        ("dh", "h_2"),
        ("rows", "total"),
        ("data", "in_h"),
        ("image", "y_true"),
    ],
)
def test_a_size_may_have_any_name(dims: tuple[str, str]) -> None:
    text = f"""
image = Input("{dims[0]}", "{dims[1]}", 3)
h = Conv2D(4, 3)(image)
w = Conv2D(4, 3, relu)(h)
y = Dense(1)(GlobalAveragePooling2D()(w))
model = Model(image, y)
model.compile(adam(0.01), mse)
"""
    train(text)
    module = build(text)
    with pytest.raises(ValueError, match=rf"{dims[0]} must be at least 5"):
        module.Model().predict(np.zeros((1, 3, 9, 3)))


def test_sizes_that_are_named_after_an_input_and_a_variable_of_that_name_are_two() -> None:
    train("""
x = Input(None, None, 3)
x_2 = Conv2D(4, 3)(x)
y = Dense(1)(GlobalAveragePooling2D()(x_2))
model = Model(x, y)
model.compile(adam(0.01), mse)
""")


def test_the_summary_and_comments_call_a_size_what_the_file_calls_it() -> None:
    text = """
h = Input("h", 3)
y = Dense(2)(h[:, 1:])
h_2 = Dense(1)(y)
model = Model(h, h_2)
"""
    generated = compiler.generate(graph_of(text), "model.nn")
    assert "(batch, h - 1, 2)" in generated and '("h", 3)' in generated.replace("'", '"')


@pytest.mark.parametrize("names", [("key", "room", "heads"), ("found", "figures", "batch"), ("inputs", "targets", "x")])
def test_inputs_and_outputs_may_be_called_what_methods_call_their_own(names: tuple[str, str, str]) -> None:
    one, other, out = names
    train(f"""
{one} = Input(4)
{other} = Input(4)
{out} = Dropout(0.5)(Dense(3)({one} * {other}))
model = Model([{one}, {other}], {out})
model.compile(adam(0.01), mse, metrics=[mae])
""")


def test_targets_of_one_output_and_another_output_are_two() -> None:
    train("""
x = Input(4)
a_true = Dense(2)(x)
a = Dense(2)(a_true)
a_weight = Dense(2)(a)
model = Model(x, [a_true, a, a_weight])
model.compile(adam(0.01), mse)
""")


# -------------------------------------------------------------------------------------------------------- every name


@pytest.mark.parametrize("path", [*sample(CASES, 36), *sample(SCRIPTS, 5)], ids=lambda path: path.stem)
def test_no_number_depends_on_names(path: Path) -> None:
    """A sample: `make prove` builds every case in 20 ways."""
    attack(path, seed=0)


OF_THE_MODEL = ("forward", "loss", "backward", "infer", "activate", "track")
"""The functions whose bodies are the model's own: whatever they name is kept apart from its names."""


def test_no_function_that_binds_names_of_the_model_has_locals_that_the_model_may_take() -> None:
    graph = graph_of("""
zebra_one = Input("zebra_steps", 3)
zebra_two = Input("zebra_steps", 3)
zebra_out = Dense(2, softmax)(Dropout(0.5)(zebra_one * zebra_two)[:, 2:])
zebra_other = Dense(2, softmax, name="zebra_other")(zebra_one)
model = Model([zebra_one, zebra_two], [zebra_out, zebra_other])
model.compile(adam(0.01), categorical_crossentropy, metrics=[accuracy, mae])
""")
    found = 0
    for function in ast.walk(ast.parse(compiler.generate(graph, "model.nn"))):
        if not isinstance(function, ast.FunctionDef) or function.name in OF_THE_MODEL:
            continue
        bound = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        stored = [node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        bound |= {node.id for node in stored}
        bound |= {node.name for node in ast.walk(function) if isinstance(node, ast.FunctionDef)} - {function.name}
        own = {name for name in bound if not name.startswith(("zebra", "_"))}
        if any(name.startswith("zebra") for name in bound):
            found += 1
            sizes_alone = {name for name in bound if name.startswith("zebra")} == {"zebra_steps"}
            free = RESERVED | CHECK_LOCALS if sizes_alone else RESERVED
            assert own <= free, f"{function.name}: {sorted(own - free)}"
    assert found >= 5


# ------------------------------------------------------------------------------------------------------- the guards


def test_two_buffers_with_one_attribute_are_noticed() -> None:
    text = """
x = Input(5)
h = Dense(4, tanh)(x)
y = Dense(4, softmax)(h)
model = Model(x, y)
model.compile(adam(0.01), categorical_crossentropy)
"""
    programs = compiler.programs(graph_of(text), Options(verify=True))
    planned = next(each for each in programs if "forward" in each.program.sections())
    first, second = planned.plan.buffers[:2]
    second.segments[0].attribute = first.segments[0].attribute
    with pytest.raises(VerificationError, match="is the name of two things"):
        verify_plan(planned.program, planned.plan, [])


def test_two_variables_with_one_name_are_noticed() -> None:
    graph = graph_of("x = Input(5)\nh = Dense(4)(x)\ny = Dense(3)(h)\nmodel = Model(x, y)\n")
    (planned,) = compiler.programs(graph, Options(verify=True))
    names = list(planned.plan.display)
    plan = replace(planned.plan, display={**planned.plan.display, names[-1]: planned.plan.display[names[0]]})
    with pytest.raises(VerificationError, match="is the name of two things"):
        verify_plan(planned.program, plan, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Buffers:\n    def __init__(self):\n        self.h = 1\n        self.h = 2\n", "Buffers .* name h"),
        ("class Params:\n    size = 1\n    def __init__(self):\n        self.size = 2\n", "Params .* name size"),
        ("def mean(): ...\ndef mean(): ...\n", "the module .* name mean"),
        ("import numpy as np\ndef f(np):\n    return np.zeros(3)\n", "f has a variable .* np"),
        ("def mean(): ...\ndef f():\n    mean = mean()\n", "f has a variable .* mean"),
    ],
)
def test_two_things_with_one_name_in_a_file_are_noticed(text: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        verify_bindings(ast.parse(text))


def test_symbols_of_formulas_are_renamed_wherever_they_stand() -> None:
    a, b = Dim.symbol("a"), Dim.symbol("b")
    formula = 3 * ((a * b - 1) // 2) + b
    assert not isinstance(formula, int)
    (other,) = renamed((formula,), {"a": "b", "b": "a"})
    assert str(other) == "3 * ((a * b - 1) // 2) + a"
    assert formula.value({"a": 3, "b": 5}) == other.value({"a": 5, "b": 3})


@pytest.mark.parametrize("path", sorted((ROOT / "out").glob("*.py")), ids=lambda path: path.stem)
def test_the_network_has_no_name_that_says_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    network = [functions[name] for name in ("forward", "loss", "backward", "update", "infer") if name in functions]
    names = {node.attr for each in network for node in ast.walk(each) if isinstance(node, ast.Attribute)}
    assert names
    assert not {name for name in names if name.startswith("scratch")}
