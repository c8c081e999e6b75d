"""Any text gets an answer: malformed files by the hundred thousand, each read in time and answered by diagnostics.

`python -m tests.malformed 100000` reads so many; `tests/language/test_malformed.py` reads some.  The same number gives
the same texts.
"""

from __future__ import annotations

import gc
import random
import re
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from types import FrameType

from gen import compiler
from gen.compiler import Options
from gen.diagnostics import Diagnostics, Source, render_text
from gen.graph.graph import Graph
from gen.language.parser import MAX_CHARACTERS, decode
from tests.building import CASES, EXAMPLES, SCRIPTS

SECONDS = 5
"""What an answer may take, of a processor's time."""
TOKEN = re.compile(r"\w+|\s+|\"\"\"|[^\w\s]")
WORDS = """
x y model Input Dense LSTM Conv1D Embedding Concatenate Add TimeDistributed Bidirectional Model Sequential relu softmax
rmsprop adam mse accuracy compile fit range len for in def return import from if while class lambda None True False 0 1
-1 2.5 1e999 1e-999 10**9 9**9**9 0x_f 1_000 0b1 1j 'a' "b" b'c' f'{x}' ''' \"\"\" ( ) [ ] { } , : ; = == := + - * **
/ // % @ . ... -> # \\ ! ? $ ~ ^ & | << >>
"""
NESTS = (("(", ")"), ("[", "]"), ("{'a':", "}"), ("Dense(", ")"), ("-", ""), ("x[", "]"), ("f(x)(", ")"))
CHARACTERS = "\n\r\t\f\v\0\x1b\x7f\x85\u2028\u200f\u202e\ufeff\ufb01\u212aαд語🙂 '\"\\#()[]{}=,.:0a_"


HEAD, TAIL = "x = Input(4)\n", "\nmodel = Model(x, 0)\n"
EXTREMES = {
    "a line of 10 MB": "y = [" + "1," * 5_000_000 + "]",
    "a name of 10 MB": "x" * 10_000_000,
    "a string of 10 MB": "y = '" + "a" * 10_000_000 + "'",
    "10 MB of empty lines": "\n" * 10_000_000,
    "a million layers": "x = Dense(4)(x)\n" * 1_000_000,
    "a million layers from a loop": "for i in range(1000000):\n    x = Dense(4)(x)",
    "a million layers of a Sequential": "model = Sequential()\nfor i in range(10**6):\n    model.add(Dense(4))",
    "a loop of 10**9": "for i in range(10**9):\n    x = Dense(4)(x)",
    "loops inside loops": "".join("    " * i + f"for i{i} in range(1000):\n" for i in range(8))
    + " " * 32
    + "x = Add()(x)",
    "a block that calls itself": "def f(t):\n    return f(t)\nx = f(x)",
    "two blocks that call each other": "def f(t):\n    return g(t)\ndef g(t):\n    return f(t)\nx = f(x)",
    "2**39 calls of blocks": "def b0(t):\n    return Dense(4)(t)\n"
    + "".join(f"def b{i}(t):\n    return b{i - 1}(b{i - 1}(t))\n" for i in range(1, 40))
    + "x = b39(x)",
    "2**40 calls of models": "y = Dense(4)(x)\nm = Model(x, y)\n"
    + "".join(f"t{i} = Input(4)\nm = Model(t{i}, m(m(t{i})))\n" for i in range(40)),
    "a list that doubles": "n = [1]\n" + "n = n + n\n" * 60,
    "a list times 10**9": "n = [1] * 10**9",
    "a number that is squared": "n = 9\n" + "n = n * n\n" * 60,
    "a tower of powers": "n = 9**9**9",
    "a number of many digits": "n = " + "9" * 150_000,
    "a number that is no float": "y = Input(1e999)",
    "10**18 units": "x = Dense(10**18)(x)",
    "a table of 10**30": "i = Input(3, int32)\nx = Embedding(10**15, 10**15)(i)\nmodel = Model(i, x)",
    "features that double": "x = Concatenate()([x, x])\n" * 80,
    "10**12 repetitions": "x = RepeatVector(10**12)(x)",
    "10**9 rows of zeros": "x = ZeroPadding1D(10**9)(RepeatVector(4)(x))",
}
"""What has to be refused by a limit, however large it is."""
REPEATED = {
    "items": ("y = [", "1,", "]"),
    "terms": ("y = ", "1+", "1"),
    "signs": ("y = ", "-", "1"),
    "brackets": ("y = ", "(", "1"),
    "layers": ("", "x = Dense(4)(x)\n", ""),
    "arguments": ("y = Dense(", "a=1,", ")(x)"),
    "indices": ("y = x", "[0]", ""),
    "calls": ("y = x", "()", ""),
    "joined lines": ("y = 1 ", "\\\n", ""),
    "unknown names": ("", "q=zz\n", ""),
    "conditions": ("", "if x:\n  y\n", ""),
    "control characters": ("", "\x01\n", ""),
}
"""What is repeated until a file is as long as it may be."""


def extremes() -> Iterator[tuple[str, bytes]]:
    """Malformed files that are as large as they can be, by what is large in them."""
    for name, text in EXTREMES.items():
        yield name, f"{HEAD}{text}{TAIL}".encode()
    for name, (before, unit, after) in REPEATED.items():
        before, after = HEAD + before, after + TAIL
        yield name, (before + unit * ((MAX_CHARACTERS - len(before + after)) // len(unit)) + after).encode()


def texts(seed: int) -> Iterator[bytes]:
    """Malformed files without end."""
    rng = random.Random(seed)
    sources = [path.read_text("utf-8") for path in (*EXAMPLES, *CASES, *SCRIPTS)]
    ways: list[Callable[[random.Random, str], str]] = [tokens_changed, lines_changed, characters_changed, words, nested]
    while True:
        text = rng.choice(ways)(rng, rng.choice(sources))
        data = text.encode("utf-8", "surrogatepass")
        yield bytes_changed(rng, data) if rng.random() < 0.1 else data


def tokens_changed(rng: random.Random, text: str) -> str:
    """Some tokens left out, doubled, exchanged, or replaced by others."""
    found = TOKEN.findall(text)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place, other = rng.randrange(len(found)), rng.randrange(len(found))
        match rng.randrange(5):
            case 0:
                found[place] = ""
            case 1:
                found[place] *= rng.choice((2, 3, 50))
            case 2:
                found[place], found[other] = found[other], found[place]
            case 3:
                found[place] = found[other]
            case _:
                found[place] = rng.choice(WORDS.split())
    return "".join(found)


def lines_changed(rng: random.Random, text: str) -> str:
    """Lines in another order, left out, moved in or out, or cut short."""
    lines = text.splitlines(keepends=True)
    for _ in range(rng.choice((1, 2, 5))):
        place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                lines[place] = ""
            case 1:
                lines[place], lines[other] = lines[other], lines[place]
            case 2:
                lines[place] = rng.choice(("    ", "\t", " ")) + lines[place]
            case 3:
                lines[place] = lines[place].lstrip()
            case _:
                lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)]
    return "".join(lines)


def characters_changed(rng: random.Random, text: str) -> str:
    """Characters put in, among them those that end lines, fold together or turn the direction of writing."""
    for _ in range(rng.choice((1, 1, 3, 10))):
        place = rng.randrange(len(text) + 1)
        text = text[:place] + rng.choice(CHARACTERS) + text[place + rng.randrange(2) :]
    return text


def words(rng: random.Random, text: str) -> str:
    """Words of the language in any order."""
    return " ".join(rng.choice((*WORDS.split(), "\n", "\n    ")) for _ in range(rng.randrange(60)))


def nested(rng: random.Random, text: str) -> str:
    """Something inside something, many times."""
    depth = rng.choice((3, 30, 300, 3000))
    left, right = rng.choice(NESTS)
    inner = "".join("    " * i + "def f(x):\n" for i in range(min(depth, 300)))
    return rng.choice((f"x = {left * depth}1{right * depth}\n", f"{text}\ny = {left * depth}x\n", inner))


def bytes_changed(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data or b" ")
    for _ in range(rng.choice((1, 4))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


class TooLate(BaseException):
    """An answer takes too long; no handler of the program's own takes it for an error of its own."""


def answer(data: bytes) -> str:
    """What gen says of a file: `built` or `refused`; raises what gen should not raise."""
    graph = understood(data)
    if graph is None:
        return "refused"
    compiler.generate(graph, "model.nn", Options(formatted=False))
    return "built"


def understood(data: bytes) -> Graph | None:
    """The model of a file; None is for what is refused, with an error, and every diagnostic is inside the file."""
    diagnostics = Diagnostics()
    source = decode("model.nn", data, diagnostics)
    graph = None if source is None else compiler.understand(source, diagnostics)
    source = source or Source("model.nn", data.decode("utf-8", "replace"))
    found = diagnostics.in_source_order()
    render_text(source, found)
    for item in found:
        for span in (item.span, *(note.span for note in item.notes)):
            assert 0 <= span.start <= span.end <= len(source.text), f"{item.code} is outside of the file"
    assert diagnostics.failed == (graph is None), "refused without an error, or built with one"
    return graph


def late(signum: int, frame: FrameType | None) -> None:
    """Raises `TooLate`, but not in what the garbage collector calls, where it would be lost: then a second later."""
    if frame is not None and frame.f_code in {getattr(each, "__code__", None) for each in gc.callbacks}:
        return
    raise TooLate


def main(count: int, seed: int) -> int:
    """Read the extreme files and so many texts; prints those that get no answer, and how many there were."""
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    numbered = ((f"text {number} of seed {seed}", data) for number, data in enumerate(texts(seed)))
    for name, data in chain(extremes(), islice(numbered, count)):
        start = time.perf_counter()
        try:
            outcomes[in_time(data)] += 1
        except (Exception, TooLate):  # whatever it is belongs into the report
            outcomes["no answer"] += 1
            print(f"{name}: {data[:4000]!r}\n{traceback.format_exc(limit=-4)}", flush=True)
        slowest = max(slowest, time.perf_counter() - start)
    said = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    print(f"{outcomes.total()} texts: {said}; the slowest took {slowest:.2f} s")
    return 1 if outcomes["no answer"] else 0


def in_time(data: bytes) -> str:
    """`answer`; raises `TooLate` if that takes more than `SECONDS`."""
    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS, 1)
    try:
        return answer(data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
