"""Layers that change images by chance in training.  Source: `keras/src/layers/preprocessing/image_preprocessing`.

Each image of a batch has draws of its own.
"""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np

from gen.components.arguments import Range
from gen.components.base import ArgumentError, Layer, component
from gen.components.kernels import Array, float32, kernel
from gen.components.layers.windows import Format, check_rank
from gen.components.refused import SEED
from gen.dims import Shape

Share = Annotated[float, Range(-1, 1)]
Factor: TypeAlias = Share | tuple[Share, Share]
FillMode: TypeAlias = Literal["reflect", "wrap", "constant", "nearest"]
Interpolation: TypeAlias = Literal["nearest", "bilinear"]


def between(factor: Any, least: float = -1.0) -> tuple[float, float]:
    """The least and the greatest draw that a factor stands for: both, or one for both directions."""
    low, high = sorted(factor) if isinstance(factor, tuple) else (max(-abs(factor), least), abs(factor))
    return low, high


@dataclass(frozen=True)
class Augmentation(Layer):
    """A layer that changes images in training, and nothing in prediction: (height, width, channels) to the same."""

    ignored = SEED
    only_trains = True
    as_floats = True

    def output(self, x: Shape) -> Shape:
        check_rank(self, 2, x)
        return x

    def predict(self, x: Array) -> Array:
        return x

    def predict_backward(self, dy: Array) -> Array:
        return dy


@component
class RandomFlip(Augmentation):
    """In training, flips half of the images: left and right, top and bottom, or both, as `mode` says.

    (height, width, channels) to the same.  Source: `random_flip.py`.

    Formula: y[r, c] = x[r, width - 1 - c] with probability 1/2, for "horizontal"
    Example: RandomFlip("horizontal")(Input(28, 28, 3))
    """

    mode: Literal["horizontal_and_vertical", "horizontal", "vertical"] = "horizontal_and_vertical"
    data_format: Format = None

    def flipped(self, x: Array) -> Array:
        if self.mode == "horizontal":
            return x[:, :, ::-1]
        if self.mode == "vertical":
            return x[:, ::-1]
        return x[:, ::-1, ::-1]

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        drawn = rng.random((x.shape[0], 1, 1, 1))
        flips = drawn <= 0.5
        return np.where(flips, self.flipped(x), x)

    def backward(self, dy: Array, flips: Array) -> Array:
        return np.where(flips, self.flipped(dy), dy)


@component
class RandomBrightness(Augmentation):
    """In training, adds a number to each image, between the factors times the length of `value_range`, and clips it.

    (height, width, channels) to the same.  Source: `random_brightness.py`.

    Formula: y = clip(x + u · (high - low), low, high), u uniform within factor
    Example: RandomBrightness(0.2, value_range=(0.0, 1.0))(Input(28, 28, 3))
    """

    as_floats = False  # Keras leaves whole numbers as they are, and adds a whole number

    factor: Factor
    value_range: tuple[float, float] = (0.0, 255.0)

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        (least, most), (low, high) = between(self.factor), sorted(self.value_range)
        drawn = rng.random((x.shape[0], 1, 1, 1))
        moved = x + (drawn * (most - least) + least) * (high - low)
        return np.minimum(np.maximum(moved, low), high)

    def backward(self, dy: Array, moved: Array) -> Array:
        low, high = sorted(self.value_range)
        return np.where((moved >= low) & (moved <= high), dy, 0.0)


@component
class RandomContrast(Augmentation):
    """In training, moves the numbers of each channel of an image away from their mean, or toward it, and clips them.

    (height, width, channels) to the same.  Source: `random_contrast.py`.

    Formula: y = clip((x - mean) · u + mean, value_range), u uniform from 1 - factor[0] to 1 + factor[1]
    Example: RandomContrast(0.2, value_range=(0.0, 1.0))(Input(28, 28, 3))
    """

    factor: Annotated[float, Range(0, 1)] | tuple[Annotated[float, Range(0, 1)], Annotated[float, Range(0, 1)]]
    value_range: tuple[float, float] = (0.0, 255.0)

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        (lower, upper), (low, high) = between(self.factor, 0.0), self.value_range
        drawn = rng.random((x.shape[0], 1, 1, 1))
        contrast = drawn * (upper + lower) + (1.0 - lower)
        mean = np.add.reduce(x, axis=(1, 2), keepdims=True) / (x.shape[1] * x.shape[2])
        moved = (x - mean) * contrast + mean
        return np.minimum(np.maximum(moved, low), high)

    def backward(self, dy: Array, moved: Array, contrast: Array) -> Array:
        low, high = self.value_range
        inside = np.where((moved >= low) & (moved <= high), dy, 0.0)
        total = np.add.reduce(inside, axis=(1, 2), keepdims=True) / (dy.shape[1] * dy.shape[2])
        return inside * contrast + total * (1.0 - contrast)


# ----------------------------------------------------------------------------------------------------- moved and turned


@kernel()
def moved_from(
    matrices: Array, height: int, width: int, interpolation: str, fill_mode: str
) -> Iterator[tuple[Array, Array, Array]]:
    """Where the places of moved images come from: pixels, their weights, and which are there, (batch, height · width).

    A matrix (a, b, c, d, e, f) takes a place to column a · column + b · row + c, and row
    d · column + e · row + f.  "bilinear" takes from four pixels, "nearest" from one.
    """
    rows, columns = np.divmod(np.arange(height * width), width)
    a, b, c, d, e, f = matrices[:, :, None].transpose(1, 0, 2)
    along_columns, along_rows = a * columns + b * rows + c, d * columns + e * rows + f
    parts = []
    for place in (along_rows, along_columns):
        if interpolation == "nearest":
            whole = np.copysign(np.floor(np.abs(place) + 0.5), place)
            parts.append([(whole.astype(np.intp), np.ones_like(place))])
        else:
            whole = np.floor(place)
            share = place - whole
            parts.append([(whole.astype(np.intp), 1.0 - share), (whole.astype(np.intp) + 1, share)])
    for row, row_share in parts[0]:
        for column, column_share in parts[1]:
            there = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            kept_row = kept_places(row, height, fill_mode)
            kept_column = kept_places(column, width, fill_mode)
            yield kept_row * width + kept_column, row_share * column_share, there | (fill_mode != "constant")


@kernel()
def kept_places(places: Array, size: int, fill_mode: str) -> Array:
    """Places along an axis of this size for those beyond its ends."""
    if fill_mode == "wrap":
        return places % size
    if fill_mode == "reflect":
        return (np.abs((2 * places + 1 + 2 * size) % (4 * size) - 2 * size) - 1) // 2
    return np.clip(places, 0, size - 1)


def room_to_move(x: Any, *_: Any) -> int:
    """The bytes of the places, their weights, and a copy of the images."""
    return 12 * float32((x[0], x[1], x[2])) + float32(x)


@kernel(room=room_to_move, operations=lambda x, *_: 8 * math.prod(x), by_row=True)
def move(
    x: Array, matrices: Array, interpolation: str, fill_mode: str, fill_value: float = 0.0, out: Array | None = None
) -> Array:
    """Images, (batch, height, width, channels), each moved and turned by its matrix, (batch, 6)."""
    if out is None:
        out = np.empty_like(x)
    batch, height, width, channels = x.shape
    pixels, moved = x.reshape(-1, channels), out.reshape(-1, channels)
    first = np.arange(batch)[:, None] * (height * width)
    moved.fill(0.0)
    for places, shares, there in moved_from(matrices, height, width, interpolation, fill_mode):
        taken = pixels.take((first + places).reshape(-1), 0)
        taken[~there.reshape(-1)] = fill_value
        taken *= shares.reshape(-1, 1)
        moved += taken
    return out


@kernel(room=room_to_move, operations=lambda dy, *_: 8 * math.prod(dy), by_row=True)
def move_gradient(dy: Array, matrices: Array, interpolation: str, fill_mode: str, out: Array | None = None) -> Array:
    """The gradient of `move(x, …)`."""
    if out is None:
        out = np.empty_like(dy)
    batch, height, width, channels = dy.shape
    out.fill(0.0)
    gradient = out.reshape(-1, channels)
    first = np.arange(batch)[:, None] * (height * width)
    for places, shares, there in moved_from(matrices, height, width, interpolation, fill_mode):
        np.add.at(gradient, (first + places).reshape(-1), dy.reshape(-1, channels) * (shares * there).reshape(-1, 1))
    return out


@kernel(lambda angles, *_: (angles[0], 6), operations=lambda angles, *_: 16 * angles[0], by_row=True)
def rotations(angles: Array, height: int, width: int) -> Array:
    """The matrices that turn images around their middles, by angles in radians, (batch,)."""
    cosine, sine, zeros = np.cos(angles), np.sin(angles), np.zeros_like(angles)
    x, y = 0.5 * (width - 1), 0.5 * (height - 1)
    return np.stack([cosine, -sine, x - x * cosine + y * sine, sine, cosine, y - x * sine - y * cosine + zeros], axis=1)


@kernel(lambda down, right: (down[0], 6), operations=lambda down, *_: 2 * down[0], by_row=True)
def translations(down: Array, right: Array) -> Array:
    """The matrices that move images by so many rows and columns, (batch,) each."""
    zeros, ones = np.zeros_like(down), np.ones_like(down)
    return np.stack([ones, zeros, -right, zeros, ones, -down], axis=1)


@kernel(lambda rows, *_: (rows[0], 6), operations=lambda rows, *_: 6 * rows[0], by_row=True)
def zooms(rows: Array, columns: Array, height: int, width: int) -> Array:
    """The matrices that show so many times as many rows and columns of images around their middles, (batch,) each."""
    zeros = np.zeros_like(rows)
    right, down = (width - 1) / 2 * (1.0 - columns), (height - 1) / 2 * (1.0 - rows)
    return np.stack([columns, zeros, right, zeros, rows, down], axis=1)


@component
class RandomRotation(Augmentation):
    """In training, turns each image around its middle, by up to `factor` of a full circle.

    (height, width, channels) to the same.  `fill_mode` says what is beyond an edge.  Source: `random_rotation.py`.

    Formula: y[r, c] = x at the place that the turn takes (r, c) to
    Example: RandomRotation(0.1)(Input(28, 28, 3))
    """

    factor: Factor
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0
    data_format: Format = None

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        low, high = between(self.factor)
        drawn = rng.random((x.shape[0],))
        angles = (drawn * (high - low) + low) * (2 * math.pi)
        matrices = rotations(angles, x.shape[1], x.shape[2])
        return move(x, matrices, self.interpolation, self.fill_mode, self.fill_value)

    def backward(self, dy: Array, matrices: Array) -> Array:
        return move_gradient(dy, matrices, self.interpolation, self.fill_mode)


@component
class RandomTranslation(Augmentation):
    """In training, moves each image down by up to `height_factor` of its height, and right by `width_factor`.

    (height, width, channels) to the same.  A tuple says the least and the greatest share; below 0, they move up and
    left.  Source: `random_translation.py`.

    Formula: y[r, c] = x[r - u · height, c - v · width], u and v uniform
    Example: RandomTranslation(0.1, 0.1)(Input(28, 28, 3))
    """

    height_factor: Factor
    width_factor: Factor
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0
    data_format: Format = None

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        (low, high), (left, right) = between(self.height_factor), between(self.width_factor)
        drawn_height = rng.random((x.shape[0],))
        drawn_width = rng.random((x.shape[0],))
        down = (drawn_height * (high - low) + low) * x.shape[1]
        along = (drawn_width * (right - left) + left) * x.shape[2]
        matrices = translations(down, along)
        return move(x, matrices, self.interpolation, self.fill_mode, self.fill_value)

    def backward(self, dy: Array, matrices: Array) -> Array:
        return move_gradient(dy, matrices, self.interpolation, self.fill_mode)


@component
class RandomZoom(Augmentation):
    """In training, zooms each image out by up to `height_factor`, or in where it is below 0, around its middle.

    (height, width, channels) to the same.  Without `width_factor`, an image keeps its aspect ratio.  Source:
    `random_zoom.py`.

    Formula: y[r, c] = x[m + (r - m) · (1 + u), n + (c - n) · (1 + v)], (m, n) the middle, u and v uniform
    Example: RandomZoom(0.2)(Input(28, 28, 3))
    """

    height_factor: Factor
    width_factor: Factor | None = None
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0
    data_format: Format = None

    def __post_init__(self) -> None:
        for name in ("height_factor", "width_factor"):
            factor = getattr(self, name)
            if factor is not None and (min(factor) if isinstance(factor, tuple) else factor) <= -1:
                raise ArgumentError(name, f"`{name}` must be more than -1, got {factor}")

    def forward(self, x: Array, rng: np.random.Generator) -> Array:
        low, high = between(self.height_factor)
        drawn = rng.random((x.shape[0],))
        rows = drawn * (high - low) + (1.0 + low)
        if self.width_factor is None:
            matrices = zooms(rows, rows, x.shape[1], x.shape[2])
        else:
            left, right = between(self.width_factor)
            drawn_width = rng.random((x.shape[0],))
            columns = drawn_width * (right - left) + (1.0 + left)
            matrices = zooms(rows, columns, x.shape[1], x.shape[2])
        return move(x, matrices, self.interpolation, self.fill_mode, self.fill_value)

    def backward(self, dy: Array, matrices: Array) -> Array:
        return move_gradient(dy, matrices, self.interpolation, self.fill_mode)
