"""Places everything in layers, from top to bottom, with the steps of Sugiyama, Tagawa, and Toda (1981).

gen lays out each box by itself, and then treats it as one item among others.  An arrow that ends inside enters the box
through a *port* in its border.  So boxes never overlap, and contain only what belongs to them.  In each box, and on the
page:

1. Each item gets a layer below all items that feed it; inputs get the lowest layer that they can have.
2. An arrow becomes a chain with a link in each layer that it passes; one of the links is its label.
3. Each layer is sorted by the mean place of the neighbors, down and up in turns, so that few arrows cross.
4. Items move sideways to the middle of their neighbors, as far as there is room.

Labels, and arrows that pass an item, have their own room in a layer, so they overlap nothing.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from gen.graph.graph import Box
from gen.inspect.diagram.diagram import Arrow, Diagram, box_name, boxes_around, short_name

FONT, SMALL = 13.0, 11.0
"""The sizes of letters: in names, and elsewhere."""
PADDING = 16.0
"""The margins inside a box, and around the picture."""
GAP = 18.0
"""The distance between neighbors in a layer."""
ABOVE_LABEL, BELOW_LABEL = 12.0, 16.0
"""The length of an arrow above its label, and below its label, including the head."""
HEAD = (3.5, 7.0)
"""Half the width of an arrow's head, and its length."""
SWEEPS = 8

Point = tuple[float, float]


@dataclass(frozen=True)
class Area:
    """A rectangle by its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Path:
    """A part of an arrow, from point to point; `head` if it ends at a vertex."""

    arrow: int
    points: tuple[Point, ...]
    head: bool


@dataclass
class Layout:
    """A picture: the places of vertices, boxes, and labels (by their middle), and the parts of the arrows."""

    width: float = 0.0
    height: float = 0.0
    vertices: dict[int, Area] = field(default_factory=dict)
    boxes: list[tuple[Box, Area]] = field(default_factory=list)
    labels: dict[int, Point] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    ports: dict[tuple[int, bool], float] = field(default_factory=dict)
    """The places where arrows enter (False) or leave (True) the box, from its left."""

    def add(self, other: Layout, x: float, y: float) -> None:
        """Add the contents of `other`, with its upper left corner at (x, y)."""

        def moved(area: Area) -> Area:
            return Area(area.x + x, area.y + y, area.width, area.height)

        self.vertices |= {place: moved(area) for place, area in other.vertices.items()}
        self.boxes += [(box, moved(area)) for box, area in other.boxes]
        self.labels |= {arrow: (px + x, py + y) for arrow, (px, py) in other.labels.items()}
        for path in other.paths:
            self.paths.append(Path(path.arrow, tuple((px + x, py + y) for px, py in path.points), path.head))


def text_width(text: str, size: float) -> float:
    """The approximate width of a text in a font without serifs, rather too large."""
    return 0.6 * size * len(text)


def layout(diagram: Diagram) -> Layout:
    """The picture of a diagram."""
    return _Scope(diagram, None).run()


@dataclass(eq=False)
class _Node:
    """A node in a layer: an item, or a link of an arrow's chain."""

    width: float = 0.0
    height: float = 0.0
    vertex: int | None = None
    inner: Layout | None = None
    """The layout inside it, if it is a box."""
    label: int | None = None
    """The arrow, if the node is its label."""
    title: bool = False
    """Whether it is the room for the name of a box, to the left of the arrows that enter."""
    x: float = 0.0
    """Its middle."""
    y: float = 0.0
    """Its upper end."""
    rank: int = 0
    passes: bool = False
    """Whether it is only a link of an arrow that passes the layer."""
    entries: dict[int, float] = field(default_factory=dict)
    """The place of the end of an arrow, from its middle; by default 0."""
    exits: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Link:
    """Two nodes in consecutive layers, and the arrow from one to the other."""

    arrow: int
    upper: _Node
    lower: _Node

    @property
    def begin(self) -> float:
        return self.upper.exits.get(self.arrow, 0.0)

    @property
    def end(self) -> float:
        return self.lower.entries.get(self.arrow, 0.0)

    @property
    def weight(self) -> int:
        """How important a straight link is: most in the middle of a long arrow, least where many arrows meet."""
        if self.upper.passes or self.lower.passes:
            return 8 if self.upper.passes and self.lower.passes else 4
        return 16 if len(self.upper.exits) < 2 and len(self.lower.entries) < 2 else 1


class _Scope:
    """The layout inside one box, or on the page (`box` is None)."""

    def __init__(self, diagram: Diagram, box: Box | None) -> None:
        self.diagram, self.box = diagram, box
        self.items: dict[int | Box, _Node] = {}
        """Vertices by place, and boxes."""
        self.layers: list[list[_Node]] = []
        self.links: list[_Link] = []
        self.chains: dict[int, list[_Node]] = {}
        self.above: dict[_Node, list[_Link]] = defaultdict(list)
        self.below: dict[_Node, list[_Link]] = defaultdict(list)

    def run(self) -> Layout:
        self.make_items()
        self.make_layers()
        self.order_layers()
        self.make_room_for_ends()
        self.place_sideways()
        self.place_downwards()
        return self.draw()

    # Items and layers

    def item_of(self, place: int) -> int | Box | None:
        """The item for a vertex: the vertex itself, the box that contains it, or None if it is outside."""
        path = boxes_around(self.diagram.vertices[place].box)
        if self.box is None:
            return path[0] if path else place
        if self.box not in path:
            return None
        depth = path.index(self.box) + 1
        return path[depth] if depth < len(path) else place

    def make_items(self) -> None:
        for place, vertex in enumerate(self.diagram.vertices):
            item = self.item_of(place)
            if item is None or item in self.items:
                continue
            if isinstance(item, Box):
                inner = _Scope(self.diagram, item).run()
                node = _Node(inner.width, inner.height, inner=inner)
                for (arrow, leaves), x in inner.ports.items():
                    (node.exits if leaves else node.entries)[arrow] = x - inner.width / 2
            else:
                width = max(text_width(short_name(vertex), FONT), text_width(vertex.detail, SMALL))
                node = _Node(max(width + 20.0, 64.0), 42.0 if vertex.detail else 28.0, vertex=place)
            self.items[item] = node

    def arrows(self) -> Iterable[tuple[int, Arrow, _Node | None, _Node | None]]:
        """The arrows in this layout, with the items at their ends; None for an end outside."""
        for index, arrow in enumerate(self.diagram.arrows):
            source, target = self.item_of(arrow.source), self.item_of(arrow.target)
            if source != target:
                yield (
                    index,
                    arrow,
                    None if source is None else self.items[source],
                    None if target is None else self.items[target],
                )

    def make_layers(self) -> None:
        seen = list(self.arrows())
        into, out = defaultdict(list), defaultdict(list)
        for _, _, source, target in seen:
            if target is not None:
                into[target].append(source)
            if source is not None:
                out[source].append(target)
        nodes = list(self.items.values())
        for node in nodes:  # an arrow from outside comes from a port in layer 0
            node.rank = max((0 if each is None else each.rank for each in into[node]), default=-1) + 1
        if self.box is not None:
            for node in nodes:
                node.rank = max(node.rank, 1)
        for node in reversed(nodes):
            lower = [each.rank for each in out[node] if each is not None]
            if not into[node] and lower:
                node.rank = min(lower) - 1
        last = max(node.rank for node in nodes) + 1
        # Items are in every second layer, labels between them.
        self.layers = [[] for _ in range(2 * last + 1)]
        if self.box is not None:
            self.layers[0].append(_Node(text_width(box_name(self.box), SMALL), SMALL + 5.0, title=True))
        for node in nodes:
            self.layers[2 * node.rank].append(node)
        for index, arrow, source, target in seen:
            self.make_chain(index, arrow, source, target, last)
        while not self.layers[-1]:
            self.layers.pop()

    def make_chain(self, index: int, arrow: Arrow, source: _Node | None, target: _Node | None, last: int) -> None:
        begin = 2 * source.rank if source is not None else 0
        end = 2 * target.rank if target is not None else 2 * last
        chain = [] if source is None else [source]
        for layer in range(begin if source is None else begin + 1, end if target is not None else end + 1):
            node = _Node(passes=True)
            if source is not None and source.vertex is not None and layer == begin + 1:
                node = _Node(text_width(arrow.label, SMALL), SMALL + 4.0, label=index)
            chain.append(node)
            self.layers[layer].append(node)
        chain += [] if target is None else [target]
        self.chains[index] = chain
        for upper, lower in pairwise(chain):
            link = _Link(index, upper, lower)
            self.links.append(link)
            self.below[upper].append(link)
            self.above[lower].append(link)

    # Order

    def order_layers(self) -> None:
        best, fewest = [list(layer) for layer in self.layers], self.crossings()
        for sweep in range(SWEEPS):
            if fewest == 0:
                break
            down = sweep % 2 == 0
            layers = self.layers[1:] if down else self.layers[-2::-1]
            for layer in layers:
                self.order(layer, down)
            crossings = self.crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best

    def positions(self) -> dict[_Node, float]:
        return {node: float(place) for layer in self.layers for place, node in enumerate(layer)}

    def order(self, layer: list[_Node], down: bool) -> None:
        """Sort a layer by the mean place of the neighbors above (`down`) or below."""
        places = self.positions()

        def key(node: _Node) -> float:
            if node.title:
                return -1.0
            links = self.above[node] if down else self.below[node]
            found = [_begin_at(link, places) if down else _end_at(link, places) for link in links]
            return sum(found) / len(found) if found else places[node]

        layer.sort(key=key)

    def crossings(self) -> int:
        """How many pairs of links cross."""
        places = self.positions()
        count = 0
        for layer in self.layers:
            ends = sorted(
                (_begin_at(link, places), _end_at(link, places)) for node in layer for link in self.below[node]
            )
            for i, (_, end) in enumerate(ends):
                count += sum(end > later for _, later in ends[i + 1 :])
        return count

    def make_room_for_ends(self) -> None:
        """Spread the ends of arrows over the width of a vertex, in the order of their other ends."""
        places = self.positions()
        for node in self.items.values():
            if node.inner is None:
                above = sorted(self.above[node], key=lambda link: _begin_at(link, places))
                node.entries = _spread([link.arrow for link in above], node.width)
                below = sorted(self.below[node], key=lambda link: _end_at(link, places))
                node.exits = _spread([link.arrow for link in below], node.width)

    # Places

    def place_sideways(self) -> None:
        for layer in self.layers:
            _separate(layer, [1.0] * len(layer), [0.0] * len(layer))
        for sweep in range(2 * SWEEPS + 1):
            down = sweep % 2 == 0
            for layer in self.layers if down else reversed(self.layers):
                weights = [8.0 if node.passes else 1.0 for node in layer]
                _separate(layer, weights, [self.straight(node, down) for node in layer])

    def straight(self, node: _Node, down: bool) -> float:
        """The middle of a node that makes its arrows straight: those from the layer above, or those to the next."""
        links = self.above[node] if down else self.below[node]
        ends = [
            link.upper.x + link.begin - link.end if down else link.lower.x + link.end - link.begin for link in links
        ]
        weights = [link.weight for link in links]
        return sum(map(operator.mul, ends, weights)) / sum(weights) if links else node.x

    def place_downwards(self) -> None:
        y = 0.0
        for place, layer in enumerate(self.layers):
            height = max((node.height for node in layer), default=0.0)
            for node in layer:
                node.y = y + (height - node.height) / 2
            y += height + (BELOW_LABEL if place % 2 else ABOVE_LABEL)

    # Drawing

    def draw(self) -> Layout:
        nodes = [node for layer in self.layers for node in layer]
        left = min(node.x - node.width / 2 for node in nodes) - PADDING
        right = max(node.x + node.width / 2 for node in nodes) + PADDING
        bottom = max(node.y + node.height for node in nodes)
        top = PADDING if self.box is None else 0.0
        drawn = Layout(right - left, bottom + top + PADDING)
        if self.box is not None:
            drawn.boxes.append((self.box, Area(0.0, 0.0, drawn.width, drawn.height)))
        for node in nodes:
            node.x, node.y = node.x - left, node.y + top
            if node.vertex is not None:
                drawn.vertices[node.vertex] = Area(node.x - node.width / 2, node.y, node.width, node.height)
            elif node.inner is not None:
                drawn.add(node.inner, node.x - node.width / 2, node.y)
            elif node.label is not None:
                drawn.labels[node.label] = (node.x, node.y + node.height / 2)
        levels = {node: level for layer in self.layers for node, level in _levels(layer)}
        for index, chain in self.chains.items():
            self.draw_chain(drawn, index, chain, levels)
        return drawn

    def draw_chain(
        self, drawn: Layout, index: int, chain: Sequence[_Node], levels: dict[_Node, tuple[float, float]]
    ) -> None:
        """The parts of an arrow, between its label and the borders of this box; they are straight within a layer."""
        points: list[Point] = []
        for node in chain:
            entry, leave = node.x + node.entries.get(index, 0.0), node.x + node.exits.get(index, 0.0)
            upper, lower = levels[node]
            is_item = node.vertex is not None or node.inner is not None
            match node is chain[0], node is chain[-1]:
                case True, _ if is_item:
                    points = [(leave, node.y + node.height), (leave, lower)]
                case True, _:
                    drawn.ports[index, False] = node.x
                    points = [(node.x, 0.0), (node.x, lower)]
                case _, True if is_item:
                    points += [(entry, upper), (entry, node.y)]
                case _, True:
                    drawn.ports[index, True] = node.x
                    points += [(node.x, upper), (node.x, drawn.height)]
                case _ if node.label is not None:
                    points += [(node.x, upper), (node.x, node.y)]
                    drawn.paths.append(_path(index, points, False))
                    points = [(node.x, node.y + node.height), (node.x, lower)]
                case _ if lower > upper:
                    points += [(node.x, upper), (node.x, lower)]
        drawn.paths.append(_path(index, points, chain[-1].vertex is not None))


def _path(arrow: int, points: Sequence[Point], head: bool) -> Path:
    """A part of an arrow, without points that repeat the one before."""
    return Path(arrow, tuple(point for point, _ in groupby(points)), head)


def _begin_at(link: _Link, places: dict[_Node, float]) -> float:
    return places[link.upper] + link.begin / (link.upper.width + GAP)


def _end_at(link: _Link, places: dict[_Node, float]) -> float:
    return places[link.lower] + link.end / (link.lower.width + GAP)


def _levels(layer: Sequence[_Node]) -> Iterable[tuple[_Node, tuple[float, float]]]:
    """The upper and the lower end of each node's layer; arrows are straight between them."""
    upper = min(node.y for node in layer)
    lower = max(node.y + node.height for node in layer)
    return ((node, (upper, lower)) for node in layer)


def _spread(arrows: Sequence[int], width: float) -> dict[int, float]:
    """The end of each arrow, from the middle: side by side, over at most a large part of the width."""
    step = min(24.0, 0.7 * width / max(1, len(arrows)))
    return {arrow: (place - (len(arrows) - 1) / 2) * step for place, arrow in enumerate(arrows)}


def _separate(layer: Sequence[_Node], weights: Sequence[float], wanted: Sequence[float]) -> None:
    """Place the nodes of a layer in order, with room for each and the least squared distances from the desired places.

    Without the room before each node, this is isotonic regression, which puts neighbors in the wrong order at their
    weighted mean.
    """
    offsets: list[float] = []
    for place, node in enumerate(layer):
        before = layer[place - 1] if place else None
        room = 0.0 if before is None else (before.width + node.width) / 2 + GAP
        offsets.append(room + (offsets[-1] if offsets else 0.0))
    pools: list[tuple[float, float, int]] = []
    for target, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, count = target - offset, 1
        while pools and pools[-1][0] > mean:
            other, heavier, size = pools.pop()
            mean = (mean * weight + other * heavier) / (weight + heavier)
            weight, count = weight + heavier, count + size
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    for node, mean, offset in zip(layer, means, offsets, strict=True):
        node.x = mean + offset
