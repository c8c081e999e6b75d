"""`gen graph`: nothing overlaps, boxes hold what is theirs, and each format says the same."""

from __future__ import annotations

import io
import sys
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from gen import cli
from gen.inspect.diagram.diagram import Arrow, Diagram, Vertex, boxes_around, diagram_of
from gen.inspect.diagram.mermaid import mermaid
from gen.inspect.diagram.placement import SMALL, Area, Layout, layout, text_width
from gen.inspect.diagram.png import png
from gen.inspect.diagram.svg import svg
from gen.inspect.facts import describe_model
from tests.building import CASES, EXAMPLES, ROOT, case_graph, graph_of

TANGLED = """\
def residual(x, units):
    y = Dense(units, relu)(x)
    y = Dense(units)(y)
    return relu(x + y)

def stage(x, units):
    x = residual(x, units)
    return residual(x, units)

pixels = Input(8)
code = Model(pixels, Dense(3)(Dense(5, relu)(pixels)))
left = Input(8)
right = Input(8)
words = Input("steps", 4)
a = code(left)
b = code(right)
h, s, c = LSTM(4, return_state=True)(words)
d = a - b
k = Concatenate()([stage(h, 4), s, c, d, left])
first = Dense(3, softmax)(k)
second = Dense(1)(Concatenate()([k, first, right]))
model = Model([left, right, words], [first, second])
model.compile(sgd, [categorical_crossentropy, mse])
"""


MODELS = {path.stem: path for path in [*EXAMPLES, *CASES[::30]]}


@cache
def diagram_named(name: str) -> Diagram:
    """That of an example or a case, or of the tangled model."""
    return diagram_of(describe_model(graph_of(TANGLED) if name == "tangled" else case_graph(MODELS[name])))


@pytest.fixture(params=[*MODELS, "tangled"])
def diagram(request: pytest.FixtureRequest) -> Diagram:
    return diagram_named(request.param)


def labels(diagram: Diagram, drawn: Layout) -> list[Area]:
    """The room that the labels take."""
    found = []
    for arrow, (x, y) in drawn.labels.items():
        width = text_width(diagram.arrows[arrow].label, SMALL)
        found.append(Area(x - width / 2, y - SMALL / 2, width, SMALL))
    return found


def overlap(a: Area, b: Area) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def inside(a: Area, b: Area) -> bool:
    return b.x <= a.x and b.y <= a.y and a.x + a.width <= b.x + b.width and a.y + a.height <= b.y + b.height


# --------------------------------------------------------------------------------------------------------------- layout


def test_vertices_and_labels_do_not_overlap(diagram: Diagram) -> None:
    drawn = layout(diagram)
    assert set(drawn.vertices) == set(range(len(diagram.vertices)))
    assert set(drawn.labels) == set(range(len(diagram.arrows)))
    areas = [*drawn.vertices.values(), *labels(diagram, drawn)]
    assert not [pair for pair in combinations(areas, 2) if overlap(*pair)]


def test_everything_is_in_the_picture(diagram: Diagram) -> None:
    drawn = layout(diagram)
    page = Area(0.0, 0.0, drawn.width, drawn.height)
    areas = [*drawn.vertices.values(), *labels(diagram, drawn), *(area for _, area in drawn.boxes)]
    assert all(inside(area, page) for area in areas)


def test_a_box_holds_its_vertices_and_no_others(diagram: Diagram) -> None:
    drawn = layout(diagram)
    for box, area in drawn.boxes:
        for place, vertex in enumerate(diagram.vertices):
            belongs = box in boxes_around(vertex.box)
            assert inside(drawn.vertices[place], area) if belongs else not overlap(drawn.vertices[place], area)


def test_an_arrow_goes_down_from_the_lower_edge_of_one_to_the_upper_edge_of_the_other(diagram: Diagram) -> None:
    drawn = layout(diagram)
    for index, arrow in enumerate(diagram.arrows):
        parts = sorted((path for path in drawn.paths if path.arrow == index), key=lambda path: path.points[0][1])
        begin, end = parts[0].points[0], parts[-1].points[-1]
        source, target = drawn.vertices[arrow.source], drawn.vertices[arrow.target]
        assert begin[1] == pytest.approx(source.y + source.height)
        assert source.x < begin[0] < source.x + source.width
        assert end[1] == pytest.approx(target.y)
        assert target.x < end[0] < target.x + target.width
        assert [path.head for path in parts] == [False] * (len(parts) - 1) + [True]
        points = [point for path in parts for point in path.points]
        assert all(y1 >= y0 - 1e-9 for (_, y0), (_, y1) in pairwise(points))


def test_an_arrow_passes_no_vertex_and_no_label(diagram: Diagram) -> None:
    drawn = layout(diagram)
    areas = [*drawn.vertices.values(), *labels(diagram, drawn)]
    for path in drawn.paths:
        for (x0, y0), (x1, y1) in pairwise(path.points):
            for t in np.linspace(0.05, 0.95, 10):
                share = t * t * (3 - 2 * t)
                x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * t * (1.5 - 1.5 * t + t * t)
                assert not any(overlap(Area(x, y, 0.0, 0.0), area) for area in areas)


def test_a_chain_stands_straight() -> None:
    drawn = layout(diagram_named("posts"))
    middles = [drawn.vertices[place].x + drawn.vertices[place].width / 2 for place in range(11)]
    assert middles == pytest.approx([middles[0]] * 11)


# -------------------------------------------------------------------------------------------------------------- formats


def test_mermaid_has_the_boxes_as_subgraphs_and_the_shapes_on_the_arrows() -> None:
    text = "x = Input(4)\ninner = Model(x, Dense(3)(x))\na = Input(4)\ny = relu(inner(a))\nmodel = Model(a, y)\n"
    assert mermaid(diagram_of(describe_model(graph_of(text)))) == ("""\
flowchart TD
    n0(["a<br>float32"])
    subgraph box0["inner"]
        n1["dense<br>Dense · 15"]
    end
    n2["y<br>relu"]
    n3(["y"])
    n0 -->|"(batch, 4)"| n1
    n1 -->|"(batch, 3)"| n2
    n2 -->|"(batch, 3)"| n3
""")


def test_the_picture_in_the_documentation_is_that_of_its_example() -> None:
    text = (ROOT / "docs" / "command.md").read_text("utf-8")
    assert f"```mermaid\n{mermaid(diagram_named('credit'))}```" in text


def test_boxes_in_boxes_are_closed_where_they_end() -> None:
    lines = mermaid(diagram_named("tangled")).splitlines()
    depth = 0
    for line in lines[1:]:
        word = line.split()[0]
        depth -= word == "end"
        assert len(line) - len(line.lstrip()) == 4 * (depth + 1)
        depth += word == "subgraph"
    assert depth == 0
    assert sum("subgraph" in line for line in lines) == 2 + 3  # two calls of a model; a block with two in it


def test_no_text_can_break_out_of_a_format() -> None:
    """A loss, and a component of one's own, may say anything."""
    hostile = '</text>"]<&'
    diagram = Diagram(hostile, (Vertex("input", "x", hostile), Vertex("output", hostile, "")), (Arrow(0, 1, hostile),))
    assert '"x<br>#60;/text#62;#34;#93;#60;#38;"' in mermaid(diagram)
    root = ElementTree.fromstring(svg(diagram))
    assert [item.text for item in root.iter() if item.text == hostile] == [hostile] * 4
    assert [item.get("data-output") for item in root.iter() if item.get("data-output")] == [hostile]


def test_svg_has_a_group_for_each_call_and_takes_its_colour_from_the_page(diagram: Diagram) -> None:
    text = svg(diagram)
    groups = [group for group in ElementTree.fromstring(text).iter() if group.tag.endswith("}g")]
    calls = [vertex.name for vertex in diagram.vertices if vertex.kind == "call"]
    assert sorted(group.get("data-call") or "" for group in groups if group.get("class") == "call") == sorted(calls)
    assert text.count('class="head"') == len(diagram.arrows)
    assert "currentColor" in text


def test_the_style_of_an_svg_reaches_nothing_else_in_a_page() -> None:
    style = svg(diagram_named("pairs")).partition("<style>")[2].partition("</style>")[0]
    rules = [line.removeprefix("@media (prefers-color-scheme: dark) { ") for line in style.strip().splitlines()]
    assert all(rule.startswith(".gen-diagram") for rule in rules)


def test_a_png_is_a_picture_of_the_layout() -> None:
    diagram = diagram_named("pairs")
    drawn, image = layout(diagram), Image.open(io.BytesIO(png(diagram)))
    assert image.size == (round(2 * drawn.width), round(2 * drawn.height))
    pixels = np.asarray(image.convert("L"))
    for area in drawn.vertices.values():
        x, y = int(2 * area.x), int(2 * area.y)
        part = pixels[y : y + int(2 * area.height), x : x + int(2 * area.width)]
        assert part.min() < 80 < 200 < part.max(), "letters on a light ground"
    assert pixels[0].min() == 255


# -------------------------------------------------------------------------------------------------------------- command


def graph(folder: Path, text: str, *options: str) -> Result:
    (folder / "model.nn").write_text(text)
    result = CliRunner().invoke(cli.gen, ["graph", str(folder / "model.nn"), *options])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def test_mermaid_is_printed_unless_something_else_is_asked_for(tmp_path: Path) -> None:
    assert graph(tmp_path, TANGLED).stdout == mermaid(diagram_named("tangled"))
    assert graph(tmp_path, TANGLED, "--format", "svg").stdout == svg(diagram_named("tangled"))


@pytest.mark.parametrize(("name", "begin"), [("m.svg", b"<svg "), ("m.png", b"\x89PNG"), ("m.mmd", b"flowchart TD\n")])
def test_the_end_of_the_name_says_the_format(name: str, begin: bytes, tmp_path: Path) -> None:
    result = graph(tmp_path, TANGLED, "-o", str(tmp_path / name))
    assert (result.exit_code, result.output.endswith("  written\n")) == (0, True)
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_a_name_that_says_no_format_is_refused(tmp_path: Path) -> None:
    result = graph(tmp_path, TANGLED, "-o", "model.gif")
    assert result.exit_code == 2
    assert result.stderr == "gen: the name of the picture must end in .mmd, .mermaid, .svg, .png, or use `--format`\n"


def test_without_pillow_a_png_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gen.inspect.diagram.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    result = graph(tmp_path, TANGLED, "-o", str(tmp_path / "model.png"))
    assert result.exit_code == 2
    assert result.stderr == "gen: a PNG needs Pillow: pip install 'gen-nn[graph]'\n"


def test_a_picture_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    result = graph(tmp_path, TANGLED, "-o", str(tmp_path / "none" / "model.svg"))
    assert result.exit_code == 2
    assert "no such file or directory" in result.stderr


def test_a_picture_never_takes_the_place_of_its_model(tmp_path: Path) -> None:
    result = graph(tmp_path, TANGLED, "--format", "svg", "-o", str(tmp_path / "model.nn"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("model.nn is the model itself\n")
    assert (tmp_path / "model.nn").read_text("utf-8") == TANGLED


def test_a_very_large_model_has_no_picture(tmp_path: Path) -> None:
    text = "x = Input(1)\nh = x\nfor i in range(110):\n    h = h + x\n    h = h * x\nmodel = Model(x, h)\n"
    result = graph(tmp_path, text, "--format", "svg")
    assert result.exit_code == 2
    assert result.stderr == "gen: the model is too large for a picture; `--format mermaid` gives it as text\n"
    assert graph(tmp_path, text).stdout.count("-->") == 440


def test_a_model_that_is_wrong_has_no_picture(tmp_path: Path) -> None:
    result = graph(tmp_path, "x = Input(4)\nmodel = Model(x, Dens(1)(x))\n", "-o", str(tmp_path / "model.svg"))
    assert result.exit_code == 1
    assert not (tmp_path / "model.svg").exists()
