"""What is wrong in a file: how it is said, that one mistake is one error, and that there is always an answer."""

from __future__ import annotations

import textwrap
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen.compiler import check
from gen.diagnostics import Diagnostic, Source, render_text
from tests.building import build


def problems(text: str) -> list[Diagnostic]:
    return check(Source("model.nn", textwrap.dedent(text))).in_source_order()


def codes(text: str) -> list[str]:
    return [item.code for item in problems(text)]


def rendered(text: str) -> str:
    source = Source("model.nn", textwrap.dedent(text))
    return render_text(source, check(source).in_source_order())


# -------------------------------------------------------------------------------------------------------------- wording


def assert_rendered(text: str, expected: str) -> None:
    assert rendered(text).rstrip() == textwrap.dedent(expected).strip()


def test_a_shape_error_shows_where_the_shape_comes_from() -> None:
    assert_rendered(
        """\
        posts = Input(20, 8)
        x = Flatten()(posts)
        x = Dense(64)(x)
        x = Permute((2, 1))(x)
        model = Model(posts, x)
        """,
        """
        error[shape-mismatch]: Permute with dims (2, 1) expects 2 axes, got (64,)
          --> model.nn:4:5
           |
         4 | x = Permute((2, 1))(x)
           |     ^^^^^^^^^^^^^^^^^^
           |
         3 | x = Dense(64)(x)
           |     ------------ (batch, 64)
           |
         2 | x = Flatten()(posts)
           |     ---------------- (batch, 160): the steps end here
           = hint: move the Flatten after the last Permute
        """,
    )


def test_a_misspelled_layer() -> None:
    assert_rendered(
        """\
        x = Input(8)
        y = Dens(3)(x)
        z = Dense(2)(y)
        model = Model(x, z)
        """,
        """
        error[unknown-layer]: There is no layer `Dens`
          --> model.nn:2:5
           |
         2 | y = Dens(3)(x)
           |     ^^^^
           = hint: did you mean `Dense`?
        """,
    )


def test_a_loss_that_does_not_fit_its_head() -> None:
    assert_rendered(
        """\
        x = Input(8)
        default = Dense(1)(x)
        model = Model(x, default)
        model.compile(adam, binary_crossentropy)
        """,
        """
        error[loss-range]: BinaryCrossentropy expects probabilities, between 0 and 1
          --> model.nn:4:21
           |
         4 | model.compile(adam, binary_crossentropy)
           |                     ^^^^^^^^^^^^^^^^^^^ linear gives any number
           |
         2 | default = Dense(1)(x)
           |           ----------- the output `default`: (batch, 1)
           = hint: give the output the activation sigmoid, or the loss from_logits=True
        """,
    )


def test_an_input_that_a_model_does_not_list() -> None:
    assert_rendered(
        """\
        text = Input(8)
        side = Input(3)
        answer = Dense(1)(Concatenate()([text, side]))
        model = Model(text, answer)
        """,
        """
        error[disconnected-output]: This output depends on the Input `side`, which is not among the model's inputs
          --> model.nn:4:21
           |
         4 | model = Model(text, answer)
           |                     ^^^^^^
           |
         2 | side = Input(3)
           |        -------- this Input
           = hint: add `side` to the inputs
        """,
    )


def test_an_error_in_a_block_says_which_call_it_is_about() -> None:
    (problem,) = problems("""\
        def head(x):
            return Permute((2, 1))(x)
        x = Input(8)
        y = head(x)
        model = Model(x, y)
        """)
    assert [note.message for note in problem.notes] == ["(batch, 8)", "in this call of `head`"]


# ----------------------------------------------------------------------------------------------- one error, one mistake


@pytest.mark.parametrize(
    "wrong",
    ["Dens(3)(x)", "Dense(0)(x)", "Dense(3, unit=4)(x)", "Permute((2, 1))(x)", "x[0]", "x + 'a'", "1 / 0", "f(x)"],
)
def test_nothing_follows_from_what_is_wrong_already(wrong: str) -> None:
    assert len(codes(f"""\
                def block(x, n=3):
                    return Dense(n)(x)
                x = Input(8)
                a = {wrong}
                b = Dense(8)(a)
                c = block(b)
                d, e = Concatenate()([a, c]), -b[:, 0] + c
                g = a @ b
                for i in a:
                    g = i(g)
                inner = Model(x, d)
                h = inner(g)
                sequence = Sequential([x, a])
                sequence.add(b)
                model = Model(x, [d, e, h, sequence(x)])
                model.compile(adam, {{d: mse, e: mse}}, metrics=[acc])
                model.fit(epochs=3)
                """)) == 1


def test_every_mistake_of_a_file_is_reported_in_order() -> None:
    assert (
        codes("""\
        x = Input(8, int33)
        y = Input(8)
        a = Dense(3, relo)(y)
        b = Dense()(y)
        c = Dens(3)(y)
        d = Dense(2)(y)
        model = Model(y, d)
        model.compile(adem, mse, metrics=[accurracy])
        model.fit(epochs=0)
        """)
        == [
            "unknown-name",
            "unknown-name",
            "missing-argument",
            "unknown-layer",
            "unknown-name",
            "unknown-name",
            "bad-argument",
        ]
    )


def test_a_mistake_in_a_loop_or_a_block_is_reported_once() -> None:
    assert codes("""\
        def block(x):
            return Dense(relo)(x)
        x = Input(8)
        for i in range(100):
            y = Dense(8, tanhh)(x)
            z = block(x)
        model = Model(x, z)
        """) == ["unknown-name", "unknown-name"]


def test_the_training_of_a_wrong_model_is_checked_all_the_same() -> None:
    assert codes("x = Input(8)\nmodel = Model(x, Dens(1)(x))\nmodel.compile(adam(rate=1), loss='mess')") == [
        "unknown-layer",
        "unknown-argument",
        "bad-argument",
    ]


def test_a_statement_that_cannot_be_read_causes_no_other_error() -> None:
    assert codes("x = Input(8)\ny = Dense(3)(x\nmodel = Model(x, y)\nmodel.compile(adam, mse)") == ["unclosed-bracket"]


# ---------------------------------------------------------------------------------------------- an answer to everything


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("for i in range(10**9):\n    x = Dense(i)", "loop-limit"),
        ("a = 10**10**9", "number-too-large"),
        ("a = 1.5**10**9", "number-too-large"),
        ("a = 2**0.5**-1000000", "number-too-large"),
        ("a = 999999999999999999 * 999999999999999999", "number-too-large"),
        ("a = [0] * 10**15", "loop-limit"),
        ("a = 'a' * 10**15", "loop-limit"),
        ("a = '%1000000000d' % 1", "loop-limit"),
        ("def f(x):\n    return f(f(x))\na = f(1)", "recursive-block"),
        ("a = 1" + " + 1" * 5000, "too-deep"),
        ("x = Input(8)\ny = Dense(10**17)(x)", "too-large"),
        ("x = Input(8)\ny = Dense(10**19)(x)", "number-too-large"),
        ("x = Input(10**17, 10**17)\ny = Flatten()(x)\nz = y + 1", "too-large"),
    ],
)
def test_what_would_take_forever_is_refused_at_once(text: str, code: str) -> None:
    started = time.process_time()
    found = codes(text)
    assert code in found
    assert time.process_time() - started < 3


def test_blocks_that_call_blocks_do_not_multiply_without_end() -> None:
    blocks = ["def b0(x):\n    return Dense(2)(x)"]
    blocks += [f"def b{i}(x):\n    return b{i - 1}(b{i - 1}(x))" for i in range(1, 19)]
    started = time.process_time()
    assert codes("\n".join(blocks) + "\nx = Input(2)\nmodel = Model(x, b18(x))") == ["loop-limit"]
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "last", ["Concatenate()(a)", "Dense(a)", "model.compile(adam, mse, metrics=a)", "a = [foo, a]", "Input(shape=a)"]
)
def test_lists_inside_lists_do_not_multiply_without_end(last: str) -> None:
    text = "x = Input(2)\nmodel = Model(x, Dense(1)(x))\na = [x, x]\n" + "a = (a, a)\n" * 60
    started = time.process_time()
    assert set(codes(f"{text}{last}\n")) <= {"loop-limit", "unknown-name"}
    assert codes(f"{text}{last}\n").count("loop-limit") == 1
    assert time.process_time() - started < 5


def test_models_that_call_models_do_not_multiply_without_end() -> None:
    lines = ["i = Input(2)", "m0 = Model(i, Dense(2)(i))"]
    for number in range(1, 40):
        lines += ["i = Input(2)", f"m{number} = Model(i, m{number - 1}(m{number - 1}(i)))"]
    assert codes("\n".join(lines)) == ["too-large"]


def test_a_chain_of_blocks_does_not_exhaust_the_stack() -> None:
    blocks = ["def b0(x):\n    return x"] + [f"def b{i}(x):\n    return b{i - 1}(x)" for i in range(1, 500)]
    assert codes("\n".join(blocks) + "\nx = Input(2)\nmodel = Model(x, Dense(1)(b499(x)))") == ["recursive-block"]


def test_data_is_not_looked_at() -> None:
    """Lines that a pasted script has after the model: one warning of all, and none of what is in them."""
    assert codes("""\
        x = Input(8)
        y = Dense(1)(x)
        model = Model(x, y)
        model.compile(adam, mse)
        model.fit(x_train, y_train, 32, 10, 1, [Stop()], validation_data=(x_val, y_val), sample_weight=None)
        score = model.evaluate(x_test, y_test, verbose=0)
        """) == ["ignored-lines"]


def test_fit_takes_arguments_by_position() -> None:
    model = "x = Input(8)\nmodel = Model(x, Dense(1)(x))\nmodel.compile(adam, mse)\n"
    assert codes(f"{model}model.fit(None, None, 32, 10)") == []
    assert codes(f"{model}model.fit(None, None, 0, 10)") == ["bad-argument"]
    assert codes(f"{model}model.fit(None, None, 32, 10, epochs=3)") == ["duplicate-argument"]


def test_a_line_that_cannot_be_read_has_no_follow_up() -> None:
    assert codes("""\
        model = Sequential()
        model.add(Dense(8, input_dim=3));
        model.add(Dense(3))
        model.compile(adam, mse)
        """) == []
    assert codes("""\
        x = Input(8)
        y = Dense(1)(x)
        model = Model(x, y)
        model.compile(adam, mse
        model.fit(epochs=0)
        """) == ["unclosed-bracket", "bad-argument"]


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("z = SGD(decay=-0.1)", "unsupported-argument", "write a schedule"),
        ("z = SGD(rate=0.1)", "unknown-argument", "learning_rate"),
        ("z = add(x, x)", "wrong-call", "write `add([x, x])`"),
        ("z = keras.layer.Dense(3)(x)", "unknown-name", "did you mean `layers`?"),
        ("print(x)", "ignored-lines", None),
        ("i = Input(3, int32); z = Model(i, i)", "disconnected-output", "keras.ops.cast"),
        ("model(z=x)", "unknown-argument", "write the tensor alone"),
        ("model.compile(adam, los=mse)", "unknown-argument", "did you mean `loss`?"),
        ("model.compile(adam, mse, metrics=[{'y': acc}])", "bad-argument", None),
        ("model.summary(80)", "too-many-arguments", None),
        ("model.summary(width=80)", "unknown-argument", None),
    ],
)
def test_a_hint_says_what_to_write(line: str, code: str, hint: str | None) -> None:
    (problem,) = problems(f"x = Input(8)\ny = Dense(1)(x)\nmodel = Model(x, y)\n{line}\n")
    assert problem.code == code
    assert hint is None or (problem.hint is not None and hint in problem.hint)


def test_a_list_of_losses_that_is_too_short_is_to_be_made_longer() -> None:
    (problem,) = problems("x = Input(8)\nmodel = Model(x, [Dense(1)(x), Dense(1)(x)])\nmodel.compile(adam, [mse])\n")
    assert problem.code == "missing-loss"
    assert problem.hint is not None and "to the list" in problem.hint


FIGURES = {
    "a metric is called as the loss": ("y", "metrics=[MeanAbsoluteError(name='loss')]"),
    "a metric is called as the loss of validation": ("y", "metrics=[MeanAbsoluteError(name='val_loss')]"),
    "a metric is called as one of validation": ("y", "metrics=[mse, MeanAbsoluteError(name='val_mse')]"),
    "a metric is called as the column of epochs": ("y", "metrics=[MeanAbsoluteError(name='epoch')]"),
    "a metric is called as a second one": ("y", "metrics=[mae, mae, MeanSquaredError(name='mae_1')]"),
    "a metric is called as a second one after it": ("y", "metrics=[MeanSquaredError(name='mae_1'), mae, mae]"),
    "a metric is called as the loss of its output": ("a b", "metrics=[[MeanAbsoluteError(name='loss')], []]"),
    "the metric of one output is called as that of another": (
        "a a_b",
        "metrics=[[MeanAbsoluteError(name='b_mae')], [mae]]",
    ),
    "the metric of an output is called as the loss of another": (
        "a a_b",
        "metrics=[[MeanAbsoluteError(name='b_loss')], []]",
    ),
    "an output is called as validation": ("val y", ""),
    "an output is called as the validation of another": ("a val_a", ""),
}


@pytest.mark.parametrize("what", FIGURES)
def test_figures_of_one_name_are_refused(what: str) -> None:
    outputs, given = FIGURES[what]
    (found,) = problems(figures(outputs, given))
    assert found.code == "duplicate-figure"
    assert found.hint is not None and "name" in found.hint


APART = {
    "outputs that begin alike": ("a a_b", "metrics=[[mae], [mae]]"),
    "an output called val_": ("val_ y", "metrics=[[mae], [mae]]"),
    "one output called val": ("val", "metrics=[mae]"),
    "an output called as the loss": ("loss y", "metrics=[[mae], [mae]]"),
    "two metrics that are alike": ("y", "metrics=[mae, mae, MeanAbsoluteError(), MeanAbsoluteError()]"),
    "validation of what is not trained": ("a val_a", "loss={a: None, val_a: mse}"),
    "epochs of one of two outputs": ("a b", "metrics=[[MeanAbsoluteError(name='epoch')], []]"),
}


@pytest.mark.parametrize("what", APART)
def test_figures_with_names_of_their_own_are_all_there(what: str) -> None:
    outputs, given = APART[what]
    text = figures(outputs, given)
    assert codes(text) == []
    model = build(text).Model()
    targets = {column.name: np.zeros((4, 1)) for column in model._targets}
    history = model.fit(np.ones((4, 3)), targets, epochs=1, validation_split=0.5, verbose=0)
    metrics = given.count("mae") + given.count("MeanAbsoluteError")
    assert len(history) == 2 * (1 + metrics + (len(targets) if len(model.OUTPUTS) > 1 else 0)), list(history)


def figures(outputs: str, given: str) -> str:
    lines = [f"{name} = Dense(1)(x)" for name in outputs.split()]
    loss = "" if "loss=" in given else "loss=mse, "
    made = "\n".join(lines)
    return f"x = Input(3)\n{made}\nmodel = Model(x, [{', '.join(outputs.split())}])\nmodel.compile({loss}{given})\n"


def test_metrics_of_classes_need_classes() -> None:
    model = "x = Input(8)\ny = sigmoid(x[:, 0])\nmodel = Model(x, y)\n"
    assert codes(f"{model}model.compile(adam, binary_crossentropy, metrics=[acc, auc, mse])\n") == []
    assert codes(f"{model}model.compile(adam, mse, metrics=[categorical_accuracy])\n") == ["metric-shape"]


WORDS = """
x y a model Input Dense Model Sequential Flatten Add relu mse adam range layers keras block compile fit
None True 0 1 -1 8 0.5 10**9 'a' ( ) [ ] { } , : = + - * / ** @ . for in def return import from
"""
LINES = ["\n", "\n    ", "x = Input(8)\n", "y = Dense(3)(x)\n", "model = Model(x, y)\n", "model.compile(adam, mse)\n"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([*WORDS.split(), *LINES]), max_size=40).map(" ".join))
def test_no_text_raises_an_exception(text: str) -> None:
    source = Source("model.nn", text)
    render_text(source, check(source).in_source_order())


def test_a_slash_in_a_name_makes_no_second_weight_of_one_name() -> None:
    (problem,) = problems(
        'steps = Input(6, 4)\nw = MultiHeadAttention(1, 2, name="part")(steps, steps)\n'
        'model = Model(steps, Dense(4, name="part/query")(w))\n'
    )
    assert problem.code == "duplicate-name"
    assert "`part/query/kernel`" in problem.message
