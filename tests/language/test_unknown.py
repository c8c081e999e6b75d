"""What gen cannot know is passed over with one warning, and is an error wherever the model depends on it."""

from __future__ import annotations

import pytest

from gen import compiler
from gen.diagnostics import Diagnostics, Source

START = "import foo\nmodel = Sequential()\nmodel.add(Input((8,)))\nmodel.add(Dense(3))\n"
COMPILE = "model.compile('adam', 'mse')\n"
BLOCK = "import foo\nx = Input((8,))\n"


def codes(text: str, given: dict[str, object] | None = None) -> list[str]:
    diagnostics = Diagnostics()
    graph = compiler.understand(Source("model.nn", text), diagnostics, given or {})
    assert (graph is None) == diagnostics.failed
    return [each.code for each in diagnostics.items]


@pytest.mark.parametrize(
    "text",
    [
        f"{START}{COMPILE}if foo.exists('w'):\n    model.load_weights('w')\n",
        f"{START}{COMPILE}for epoch in range(30000):\n    model.trainable = False\n    losses = []\n"
        "    losses.append(epoch)\n    model.train_on_batch(foo.x)\n    if epoch % 100 == 0:\n        print(epoch)\n",
        f"{START}{COMPILE}for epoch in range(1000):\n    for batch in foo.batches:\n"
        "        loss = model.train_on_batch(batch)\n        if loss < 3:\n            break\n    print(loss)\n",
        "import cv2\ndef half(image):\n    if image.shape[0] > 3:\n        return image[:3]\n    return image\n"
        f"data = half(cv2.imread('x'))\n{START}{COMPILE}",
        f"import foo\nif foo.big:\n    n = 3\nelse:\n    n = 4\n{START}{COMPILE}",
        f"{START}{COMPILE}stop = EarlyStopping(patience=3)\n"
        "history = model.fit(foo.x, foo.y, callbacks=[stop], epochs=foo.epochs)\nplt.plot(history.history['loss'])\n",
        f"{START}{COMPILE}df = pd.read_csv('x')\nnp.random.seed(3)\nkeras.backend.clear_session()\n"
        "keras.utils.plot_model(model)\n(a, b), (c, d) = mnist.load_data()\n",
        f"import foo\norder = sorted((foo.a, foo.b))\nleast = min([foo.a[i] for i in range(3)])\n{START}{COMPILE}"
        "print('%s %d' % (foo.a, 3), '{}'.format([foo.b]))\nplace = [foo.a, 3].index(4)\nkinds = {foo.a: 3}\n",
        "import foo\nx = np.zeros((60000, 784))\nx /= 255\ny = np.zeros((len(foo.x), 3))\ny[0, 1] = foo.x\n"
        f"{START}{COMPILE}",
        f"{START}{COMPILE}for epoch in range(30000):\n    noise = np.random.normal(0, 1, (3, 3))\n"
        "    loss = np.add(model.train_on_batch(noise), 1)\n    print('%d: %f' % (epoch, loss[0]))\n",
        f"class Logger(keras.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n"
        f"        print(epoch)\n{START}{COMPILE}model.fit(foo.x, callbacks=[Logger()])\n",
    ],
)
def test_lines_around_the_model_are_passed_over_with_one_warning(text: str) -> None:
    assert codes(text) == ["ignored-lines"]


@pytest.mark.parametrize(
    "text",
    [
        f"{BLOCK}model = Model(x, Dense(foo.n)(x))\n",
        f"{BLOCK}n = foo.n\nm = n * 2\nmodel = Model(x, Dense(m)(x))\n",
        f"{BLOCK}model = Model(x, Dense(3 if foo.deep else 4)(x))\n",
        f"{BLOCK}model = Model(x, Dense(3, name=f'layer_{{foo.k}}')(x))\n",
        f"import foo\nx = Input((foo.n,))\nmodel = Model(x, Dense(3)(x))\n{COMPILE}",
        f"{BLOCK}widths = {{'a': 3}}\nwidths[foo.k] = 4\nmodel = Model(x, Dense(widths['a'])(x))\n",
        f"{BLOCK}n = 3\nwhile foo.more():\n    n += 1\nmodel = Model(x, Dense(n)(x))\n",
        f"{BLOCK}steps = [Dense(3)]\nif foo.deep:\n    steps.append(Dense(4))\ny = x\nfor step in steps:\n"
        "    y = step(y)\nmodel = Model(x, y)\n",
        f"{BLOCK}model = Model(x, concatenate([Dense(k)(x) for k in foo.widths]))\n",
        f"{START}if foo.deep:\n    model.add(Dense(4))\n",
        f"{BLOCK}model = Model(x, Dense(3 if [foo.k, 2] == [1, 2] else 4)(x))\n",
        f"{BLOCK}model = Model(x, Dense(3 if 2 in {{foo.k: 1}} else 4)(x))\n",
        f"{BLOCK}model = Model(x, Dense(min([foo.k, 4]))(x))\n",
        f"{BLOCK}scale = np.ones(8)\nscale[2] = foo.k\nmodel = Model(x, x * scale)\n",
        f"{BLOCK}scale = np.ones(8)\nfor word in foo.words:\n    scale[word] = 2\nmodel = Model(x, x * scale)\n",
        f"{BLOCK}model = Model(x, x * np.ones((2000, 1000))[0, 0])\n",
        f"{START}for i in range(foo.n):\n    model.add(Dense(4))\n{COMPILE}",
        f"{START}if foo.kind == 'adam':\n    model.compile('adam', 'mse')\nelse:\n    model.compile('sgd', 'mse')\n",
        f"{START}if foo.big:\n    model = Sequential([Input((8,)), Dense(9)])\n{COMPILE}",
        f"def grow(model):\n    if foo.deep:\n        model.add(Dense(4))\n{START}grow(model)\n{COMPILE}",
        f"def grow(model):\n    if foo.deep:\n        return\n    model.add(Dense(4))\n{START}grow(model)\n{COMPILE}",
        f"{START}for i in range(5):\n    if foo.k > i:\n        break\n    model.add(Dense(3))\n{COMPILE}",
        f"{START}for i in range(5):\n    if foo.k > i:\n        continue\n    model.add(Dense(3))\n{COMPILE}",
        f"{START}n = 2\nfor i in range(5):\n    if foo.k > i:\n        break\n    n += 1\nmodel.add(Dense(n))\n{COMPILE}",  # noqa: E501  # one text, or one pattern, in one line
        f"def block(x):\n    if foo.deep:\n        return Dense(4)(x)\n    return x\n{BLOCK}"
        "model = Model(x, Dense(1)(block(x)))\n",
        f"{BLOCK}inner = Sequential([Dense(3)])\nif foo.deep:\n    inner.add(Dense(4))\nmodel = Model(x, inner(x))\n",
        f"{BLOCK}inner = Sequential([Dense(3)])\nif foo.deep:\n    inner.add(Dense(4))\n"
        "model = Sequential([Input((8,)), inner])\n",
        f"{BLOCK}inner = Sequential([Input((8,)), Dense(3)])\nif foo.deep:\n    inner.add(Dense(4))\n"
        "steps = Input((5, 8))\nmodel = Model(steps, TimeDistributed(inner)(steps))\n",
        f"{BLOCK}model = Model(x, Dense(3)(x))\nfor layer in model.layers:\n    layer.trainable = foo.flag\n",
        f"{BLOCK}model = Model(x, Dense(3)(x))\nfor layer in model.layers[: foo.n]:\n    layer.trainable = False\n",
        f"{BLOCK}model = Model(x, Dense(3)(x))\nfor i, layer in enumerate(model.layers):\n    if i < foo.n:\n"
        "        layer.trainable = False\n",
        "import foo\nclass Net(Model):\n    def __init__(self, **options):\n        super().__init__(**options)\n"
        "        self.steps = [Dense(3)]\n        if foo.deep:\n            self.steps.append(Dense(4))\n"
        "    def call(self, x):\n        for step in self.steps:\n            x = step(x)\n        return x\n"
        "x = Input((8,))\nmodel = Model(x, Net()(x))\n",
        "import foo\nclass Scale(Layer):\n    def __init__(self):\n        super().__init__()\n        self.n = 3\n"
        "        if foo.deep:\n            self.n = 4\n    def call(self, x):\n        return x * self.n\n"
        "x = Input((8,))\nmodel = Model(x, Scale()(x))\n",
        "import foo\nif foo.exists():\n    model = keras.models.load_model('x')\nelse:\n"
        f"    model = Sequential([Input((8,)), Dense(3)])\n    {COMPILE}model.fit(foo.x)\n",
    ],
)
def test_what_the_model_depends_on_is_one_error(text: str) -> None:
    assert [code for code in codes(text) if code != "ignored-lines"] == ["unknown-value"]


def test_each_round_of_a_loop_counts_that_changes_the_model() -> None:
    def layers(text: str) -> int:
        graph = compiler.understand(Source("model.nn", text), Diagnostics())
        assert graph is not None
        return len(graph.layers)

    assert layers(f"{START}for n in [1, 2, 3]:\n    if n == 3:\n        model.add(Dense(9))\n{COMPILE}") == 2
    loop = "for epoch in range(300):\n    foo.log(epoch)\n"
    assert layers(f"{START}{loop}    if epoch == 200:\n        model.add(Dense(3))\n{COMPILE}") == 2
    grow = "def grow(epoch):\n    if epoch == 200:\n        model.add(Dense(3))\n"
    assert layers(f"{START}{grow}{loop}    grow(epoch)\n{COMPILE}") == 2


def test_each_cause_is_said_once_and_with_what_can_be_given() -> None:
    diagnostics = Diagnostics()
    text = f"{BLOCK}y = Dense(foo.n)(x)\ny = Dropout(foo.rate)(y)\ny = Dense(foo.n)(y)\nmodel = Model(x, y)\n"
    compiler.understand(Source("model.nn", text), diagnostics)
    assert [each.message.split("`")[1] for each in diagnostics.in_source_order()] == ["foo.n", "foo.rate", "foo.n"]
    assert all("--define" in (each.hint or "") for each in diagnostics.items)


def test_values_from_outside_take_the_place_of_what_is_not_known() -> None:
    text = f"{BLOCK}n = len(foo.words)\nmodel = Model(x, Dense(n)(Dense(foo.args.width)(x)))\n"
    assert codes(text) == ["unknown-value", "unknown-value"]
    assert codes(text, {"n": 3, "foo.args.width": 4}) == ["ignored-lines"]
    assert codes(text, {"n": "three", "foo.args.width": 4}) == ["bad-argument"]
