"""`gen build` takes scripts and notebooks as they are, `gen from-script` writes the `.nn` file that is in them."""

# ruff: noqa: F811  (fixtures)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.test_command import Gen, folder, gen  # noqa: F401  (fixtures)

SCRIPT = '''\
#!/usr/bin/env python
"""Rates texts."""
import pandas as pd
from tensorflow import keras
from tensorflow.keras import layers

# The words
words = pd.read_csv("words.csv")
vocabulary = len(words)

# The network
inputs = keras.Input((20,), dtype="int32")
x = layers.Embedding(vocabulary, 8)(inputs)
x = layers.GlobalAveragePooling1D()(x)  # over the words
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile("adam", "binary_crossentropy")


def load(path):
    return pd.read_csv(path)


if __name__ == "__main__":
    data = load("x.csv")
    history = model.fit(data, data, epochs=3, callbacks=[keras.callbacks.EarlyStopping()])
    print(history)
'''
FOUND = '''\
"""Rates texts."""

from tensorflow import keras
from tensorflow.keras import layers

vocabulary = 500

# The network
inputs = keras.Input((20,), dtype="int32")
x = layers.Embedding(vocabulary, 8)(inputs)
x = layers.GlobalAveragePooling1D()(x)  # over the words
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile("adam", "binary_crossentropy")


if __name__ == "__main__":
    model.fit(epochs=3)
'''
CELLS = [
    {"cell_type": "markdown", "source": ["# A network"]},
    {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install keras\n", "import keras\n", "files = !ls"]},
    {"cell_type": "code", "source": "%%bash\nrm -rf x"},
    {
        "cell_type": "code",
        "source": "model = keras.Sequential([keras.Input((4,))])\nmodel.add(keras.layers.Dense(2))\n",
    },
]


def body(path: Path) -> list[str]:
    """A generated file without its header."""
    return path.read_text().split('"""\n', 1)[1:]


def test_a_script_builds_as_a_file_with_its_text_does(gen: Gen, folder: Path) -> None:
    for name in ("one.py", "one.nn"):
        (folder / name).write_text(SCRIPT)
        assert gen("build", name, "-o", name[-2:], "--define", "vocabulary=500").status == 0
    assert body(folder / "py" / "one.py") == body(folder / "nn" / "one.py")


def test_values_from_outside_are_kept_in_the_header(gen: Gen, folder: Path) -> None:
    (folder / "one.nn").write_text(SCRIPT)
    assert gen("build", "one.nn").status == 1
    assert gen("build", "one.nn", "--define", "vocabulary=500").lines == ["out/one.py  written"]
    assert "\n\nGiven from outside: vocabulary = 500\n\n" in (folder / "out" / "one.py").read_text()
    assert gen("build", "one.nn").lines == ["out/one.py  unchanged"]
    assert gen("build", "one.nn", "--check").status == 0
    assert gen("build", "one.nn", "--check", "--define", "vocabulary=501").status == 1
    assert gen("build", "one.nn", "--define", "vocabulary=501").lines == ["out/one.py  written"]


def test_settings_give_values(gen: Gen, folder: Path) -> None:
    (folder / "one.nn").write_text(SCRIPT)
    settings = folder / "pyproject.toml"
    settings.write_text("[tool.gen]\nsources = ['one.nn']\ndefine = {vocabulary = 500}\n")
    assert gen("build").status == 0
    assert "vocabulary = 500" in (folder / "out" / "one.py").read_text()
    settings.write_text("[tool.gen]\ndefine = {vocabulary = 1979-05-27}\n")
    assert "neither a number nor a string" in gen("build", "one.nn").err
    settings.write_text("[tool.gen]\ndefine = 3\n")
    assert "is not a table of names and values" in gen("build", "one.nn").err


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("vocabulary", "is not `--define NAME=VALUE`"),
        ("=3", "is not `--define NAME=VALUE`"),
        ("a b=3", "is not `--define NAME=VALUE`"),
        ("vocabulary=many", "for a string write"),
        ("vocabulary=open('x')", "is no number, string, list"),
        ("vocabulary=1+", "is no number, string, list"),
        ("vocabulary=" + "[" * 500, "is no number, string, list"),
        ("vocabulary=3j", "neither a number nor a string"),
        ("vocabulary={1, 2}", "neither a number nor a string"),
        ("vocabulary=1e999", "is not finite"),
        ("vocabulary=" + "9" * 19, "too large"),
        ("vocabular=3", "no file has a `vocabular`"),
    ],
)
def test_what_is_no_value_is_refused(gen: Gen, folder: Path, definition: str, message: str) -> None:
    (folder / "one.nn").write_text(SCRIPT)
    outcome = gen("build", "one.nn", "--define", definition)
    assert outcome.status == 2
    assert message in outcome.err


def test_a_script_is_not_built_over_itself(gen: Gen, folder: Path) -> None:
    (folder / "one.py").write_text(SCRIPT)
    outcome = gen("build", "one.py", "-o", ".", "--force")
    assert outcome.status == 2
    assert "built over itself" in outcome.err
    assert (folder / "one.py").read_text() == SCRIPT


def test_a_notebook_builds_and_messages_name_its_cells(gen: Gen, folder: Path) -> None:
    book = folder / "book.ipynb"
    book.write_text(json.dumps({"cells": CELLS}))
    assert gen("build", "book.ipynb").status == 0
    book.write_text(json.dumps({"cells": [*CELLS, {"cell_type": "code", "source": "\nmodel.add(Dens(3))"}]}))
    outcome = gen("build", "book.ipynb")
    assert outcome.status == 1
    assert "book.ipynb:cell 5:2:11" in outcome.err
    (found,) = json.loads(gen("build", "book.ipynb", "--format", "json").out)["diagnostics"]
    assert (found["cell"], found["line"], found["column"]) == (5, 2, 11)
    book.write_text(json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": CELLS[3]["source"]}]}]}))
    assert gen("build", "book.ipynb", "--force").status == 0


def test_a_cell_may_begin_with_an_indent_as_in_ipython(gen: Gen, folder: Path) -> None:
    """IPython takes the indent of the first line off all lines that have it."""
    code = "\n  x = Input(4)\n  if True:\n      y = Dense(2)(x)\n  model = Model(x, y)"
    (folder / "book.ipynb").write_text(json.dumps({"cells": [{"cell_type": "code", "source": code}]}))
    assert gen("build", "book.ipynb").status == 0


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"cells": 3}', "[" * 100_000])
def test_what_is_no_notebook_is_refused(gen: Gen, folder: Path, text: str) -> None:
    (folder / "book.ipynb").write_text(text)
    outcome = gen("build", "book.ipynb")
    assert outcome.status == 2
    assert "is no notebook" in outcome.err


def test_from_script_writes_what_the_model_needs(gen: Gen, folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT)
    assert gen("from-script", "train.py").status == 1
    outcome = gen("from-script", "train.py", "--define", "vocabulary=500")
    assert outcome.lines == ["train.nn  written", "left out of train.py: lines 1, 3, 7 to 8, 20 to 21, 25, 27"]
    assert (folder / "train.nn").read_text() == FOUND
    assert gen("from-script", "train.py", "--define", "vocabulary=500").lines[0] == "train.nn  unchanged"
    assert gen("build", "train.nn").err == ""


AROUND = """\
import gym
import numpy as np
from keras.datasets import mnist
from keras.callbacks import EarlyStopping, ModelCheckpoint

(x, y), _ = mnist.load_data()
x = x / 255
mean = np.mean(x, axis=0)
x -= mean
print(x.shape)
rounds = 7
tables = []
while len(tables) < 20:
    key = gym.key()
    if key in tables:
        continue
    tables.append(key)


class Agent:
    def __init__(self, size):
        self.model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(size)])


stop, save = EarlyStopping(), ModelCheckpoint("x")
callbacks = [stop, save]
agent = Agent(3)
for episode in range(1000):
    state = gym.reset()
    if gym.done(state):
        break
    if len(state) > rounds:
        agent.model.train_on_batch(state)
"""
LEFT = """\
class Agent:
    def __init__(self, size):
        self.model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(size)])


agent = Agent(3)
"""


def test_from_script_leaves_out_what_may_run_or_not(gen: Gen, folder: Path) -> None:
    (folder / "one.py").write_text(AROUND)
    assert gen("from-script", "one.py").status == 0
    assert (folder / "one.nn").read_text().strip() == LEFT.strip()


def test_from_script_writes_over_no_other_file(gen: Gen, folder: Path) -> None:
    (folder / "train.py").write_text(SCRIPT)
    (folder / "train.nn").write_text("mine\n")
    outcome = gen("from-script", "train.py", "--define", "vocabulary=500")
    assert outcome.status == 2
    assert "--force writes over it" in outcome.err
    assert (folder / "train.nn").read_text() == "mine\n"
    assert gen("from-script", "train.py", "--define", "vocabulary=500", "--force").status == 0
    assert "does not end in .nn" in gen("from-script", "train.py", "-o", "train.py", "--define", "vocabulary=5").err


def test_from_script_writes_values_where_they_are_read(gen: Gen, folder: Path) -> None:
    text = "from settings import args\nx = Input((args.size,))\nmodel = Model(x, Dense(width)(x))\n"
    (folder / "train.py").write_text(text)
    assert gen("from-script", "train.py", "--define", "args.size=4", "--define", "width=3").status == 0
    found = (folder / "train.nn").read_text()
    assert found == "width = 3\nx = Input((4,))\nmodel = Model(x, Dense(width)(x))\n"


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        (
            "import wandb\nfrom keras import layers\nconfig = wandb.config\nconfig.units = 7\nconfig.title = 'a'\n"
            "model = keras.Sequential([keras.Input((4,)), layers.Dense(config.units)])\n",
            ["config = wandb.config", "config.units = 7"],
            ["config.title"],
        ),
        (
            "from sklearn.datasets import load_iris\ndata = load_iris()\nx = data['data']\ny = data.target\n"
            "model = keras.Sequential([keras.Input((x.shape[1],)), keras.layers.Dense(3)])\nprint(y)\n",
            ["data = load_iris()", "x = data"],
            ["y = ", "print"],
        ),
        (
            "from keras.datasets import mnist\n(x, y), (a, b) = mnist.load_data()\nx = x / 255\n"
            "model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])\nmodel.compile('adam', 'mse')\n"
            "history = model.fit(x, y, epochs=3)\nlosses = history.history['loss']\n",
            ["mnist.load_data()", "x = x / 255", "model.fit(x"],
            ["losses"],
        ),
        (
            "import pandas as pd\ntable = pd.read_csv('x')\ntable.columns = ['a', 'b']\ntable['c'] = table.a + 1\n"
            "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])\n",
            [],
            ["table", "pandas"],
        ),
        (
            "import foo\nmatrix = foo.load()\nmodel = keras.Sequential()\n"
            "model.add(keras.layers.Embedding(10, 4, input_length=5, weights=[matrix], trainable=False))\n",
            ["input_length=5, trainable=False"],
            ["matrix", "foo"],
        ),
        (
            "import foo\nstrategy = foo.Strategy()\nwith strategy.scope():\n"
            "    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])\n",
            ["keras.layers.Dense(3)"],
            [],
        ),
        (
            "def make(units=7):\n    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)])\n"
            "    model.compile('adam', 'mse')\n    return model\n"
            "for i in range(9):\n    model = make()\n    print(i)\n",
            ["def make(units=7):", "make()"],
            [],
        ),
        (
            "import foo\na = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])\na.compile('adam', 'mse')\n"
            "b = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])\nb.compile('sgd', 'mse')\nb.fit(foo.x)\n",
            ["a.compile", "b.compile"],
            ["foo"],
        ),
    ],
)
def test_what_the_model_takes_from_others_is_kept(
    gen: Gen, folder: Path, text: str, kept: list[str], gone: list[str]
) -> None:
    (folder / "train.py").write_text(f"import keras\n{text}")
    assert gen("from-script", "train.py").status == 0
    found = (folder / "train.nn").read_text()
    assert [each for each in kept if each not in found] == [], found
    assert [each for each in gone if each in found] == [], found
    assert gen("build", "train.nn").status == 0


def test_a_command_of_the_shell_may_go_over_several_lines(gen: Gen, folder: Path) -> None:
    code = "!pip install foo \\\n    --quiet\nimport keras\n"
    code += "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])\n"
    cell = {"cell_type": "code", "source": code.splitlines(keepends=True)}
    (folder / "model.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
    assert gen("build", "model.ipynb").status == 0
