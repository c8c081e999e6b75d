"""Layers that bring images to another size.  Source: `keras/src/layers/preprocessing/image_preprocessing`."""

# NumPy declares its reductions and comparisons as Any:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from gen.components.arguments import Count
from gen.components.base import ArgumentError, Layer, ShapeError, component
from gen.components.kernels import Array, float32, kernel
from gen.components.layers.windows import Format, check_rank
from gen.dims import Shape

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]


def resized(x: Any, size: tuple[Any, Any], *_: Any) -> Any:
    """The shape of images of another size."""
    return (x[0], *size, x[3])


def room_to_resize(x: Any, size: tuple[Any, Any], *_: Any) -> int:
    """The bytes of the images of which the rows alone have their number, and of the matrices."""
    return float32((x[0], size[0], *x[2:]), (size[0], x[1]), (size[1], x[2]))


def operations_to_resize(x: Any, size: tuple[Any, Any], *_: Any) -> int:
    """Two products with matrices."""
    return 2 * x[0] * size[0] * x[2] * x[3] * (x[1] + size[1])


@kernel()
def resampling(size: int, wanted: int, interpolation: str, antialias: bool = False) -> Array:
    """What each of `wanted` places along an axis takes of its `size` places, (wanted, size).

    Places are the middles of what they stand for.  Keys, Cubic convolution interpolation, 1981.
    """
    scale = wanted / size
    places = (np.arange(wanted) + 0.5) / scale
    if interpolation == "nearest":
        return np.equal(np.floor(places)[:, None], np.arange(size)).astype(np.float64)
    distance = np.abs(places[:, None] - 0.5 - np.arange(size))
    if antialias:
        distance /= max(1.0 / scale, 1.0)
    if interpolation == "bilinear":
        weights = np.maximum(1.0 - distance, 0.0)
    elif interpolation == "bicubic":
        near = ((1.5 * distance - 2.5) * distance) * distance + 1.0
        far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
        weights = np.where(distance < 1.0, near, np.where(distance < 2.0, far, 0.0))
    else:
        radius = int(interpolation.removeprefix("lanczos"))
        weights = np.where(distance > radius, 0.0, np.sinc(distance) * np.sinc(distance / radius))
    total = np.add.reduce(weights, axis=1, keepdims=True)
    return weights / np.where(np.abs(total) > 1e-4, total, np.inf)


@kernel(resized, room=room_to_resize, operations=operations_to_resize, by_row=True)
def resize(
    x: Array, size: tuple[int, int], interpolation: str, antialias: bool = False, out: Array | None = None
) -> Array:
    """Images of another size: (batch, height, width, channels) to (batch, *size, channels)."""
    if out is None:
        out = np.empty((len(x), *size, x.shape[3]), x.dtype)
    rows = resampling(x.shape[1], size[0], interpolation, antialias=antialias).astype(out.dtype)
    columns = resampling(x.shape[2], size[1], interpolation, antialias=antialias).astype(out.dtype)
    higher = np.matmul(rows, x.reshape(len(x), x.shape[1], -1))
    return np.matmul(columns, higher.reshape(len(x), size[0], x.shape[2], -1), out=out)


@kernel(
    lambda dy, x, *_: x,
    room=lambda dy, x, *_: room_to_resize(x, dy[1:3]),
    operations=lambda dy, x, *_: operations_to_resize(x, dy[1:3]),
    by_row=True,
)
def resize_gradient(
    dy: Array, x: Array, interpolation: str, antialias: bool = False, out: Array | None = None
) -> Array:
    """The gradient of `resize(x, …)`."""
    if out is None:
        out = np.empty_like(x)
    rows = resampling(x.shape[1], dy.shape[1], interpolation, antialias=antialias).astype(dy.dtype)
    columns = resampling(x.shape[2], dy.shape[2], interpolation, antialias=antialias).astype(dy.dtype)
    narrow = np.matmul(columns.T, dy)
    np.matmul(rows.T, narrow.reshape(len(dy), dy.shape[1], -1), out=out.reshape(len(x), x.shape[1], -1))
    return out


@component
class Resizing(Layer):
    """Images of `height` rows and `width` columns: (rows, columns, channels) to (height, width, channels).

    With `crop_to_aspect_ratio`, what does not fit the new shape is left out first, around the middle; with
    `pad_to_aspect_ratio`, `fill_value` is put around the image first.  `antialias` widens what a place takes, where an
    image becomes smaller.  Source: `resizing.py`.

    Formula: y[r, c] = Σ a[r, i] · b[c, j] · x[i, j], a and b from the interpolation
    Example: Resizing(32, 32)(Input(28, 28, 3))
    """

    height: Count
    width: Count
    interpolation: Interpolation = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: Literal["constant"] = "constant"
    fill_value: float = 0.0
    antialias: bool = False
    data_format: Format = None

    def __post_init__(self) -> None:
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            message = "Only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True"
            raise ArgumentError("pad_to_aspect_ratio", message)

    def output(self, x: Shape) -> Shape:
        check_rank(self, 2, x)
        if (self.crop_to_aspect_ratio or self.pad_to_aspect_ratio) and not all(isinstance(n, int) for n in x[1:3]):
            message = "Resizing needs to know the size of images in advance to keep their aspect ratio"
            raise ShapeError(message, "size unknown", hint="give the Input a fixed height and width")
        return (x[0], self.height, self.width, x[3])

    def needs(self, *inputs: Shape) -> Any:
        return inputs[0][1:3]

    def fitting(self, x: Any) -> tuple[int, int]:
        """The size of the part of an image that has the new aspect ratio, or of what it is a part of."""
        height, width = int(x[2] * self.height / self.width), int(x[1] * self.width / self.height)
        if self.crop_to_aspect_ratio:
            return max(min(x[1], height), 1), max(min(x[2], width), 1)
        return max(x[1], height), max(x[2], width)

    def part(self, x: Any) -> tuple[slice, ...]:
        """The part of an image that has the new aspect ratio."""
        height, width = self.fitting(x)
        top, left = (x[1] - height) // 2, (x[2] - width) // 2
        return (slice(None), slice(top, top + height), slice(left, left + width))

    def margins(self, x: Any) -> tuple[tuple[int, int], tuple[int, int]]:
        """What stands before and after the rows and columns, so that the image has the new aspect ratio."""
        height, width = self.fitting(x)
        top, left = (height - x[1]) // 2, (width - x[2]) // 2
        return (top, top), (left, left)

    def forward(self, x: Array) -> Array:
        size = (self.height, self.width)
        if self.crop_to_aspect_ratio:
            part = x[self.part(x.shape)]
        elif self.pad_to_aspect_ratio:
            part = surround(x, self.margins(x.shape), self.fill_value)
        else:
            part = x
        return resize(part, size, self.interpolation, self.antialias)

    def backward(self, dy: Array, x: Array, part: Array) -> Array:
        dpart = resize_gradient(dy, part, self.interpolation, self.antialias)
        if self.crop_to_aspect_ratio:
            height, width = self.fitting(x.shape)
            top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
            return surround(dpart, ((top, x.shape[1] - height - top), (left, x.shape[2] - width - left)))
        if self.pad_to_aspect_ratio:
            (top, _), (left, _) = self.margins(x.shape)
            return dpart[:, top : top + x.shape[1], left : left + x.shape[2]]
        return dpart


@kernel(
    lambda x, margins, value=0.0: (x[0], x[1] + sum(margins[0]), x[2] + sum(margins[1]), x[3]),
    operations=lambda *_: 0,
    by_row=True,
)
def surround(
    x: Array, margins: tuple[tuple[int, int], tuple[int, int]], value: float = 0.0, out: Array | None = None
) -> Array:
    """Images with so many rows and columns of `value` before and after."""
    (top, bottom), (left, right) = margins
    if out is None:
        out = np.empty((len(x), top + x.shape[1] + bottom, left + x.shape[2] + right, x.shape[3]), x.dtype)
    out.fill(value)
    out[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    return out


@component
class CenterCrop(Layer):
    """The middle of images: (rows, columns, channels) to (height, width, channels).

    An image that is smaller along an axis is resized, so that its shorter side fits.  Source: `center_crop.py`.

    Formula: y[r, c] = x[top + r, left + c]
    Example: CenterCrop(24, 24)(Input(28, 28, 3))
    """

    height: Count
    width: Count
    data_format: Format = None

    def output(self, x: Shape) -> Shape:
        check_rank(self, 2, x)
        if not all(isinstance(size, int) for size in x[1:3]):
            message = "CenterCrop needs to know the size of images in advance"
            raise ShapeError(message, "size unknown", hint="give the Input a fixed height and width")
        return (x[0], self.height, self.width, x[3])

    def place(self, x: Any) -> tuple[int, int] | None:
        """The first row and column of the middle; None where an image is too small."""
        top, left = x[1] - self.height, x[2] - self.width
        return (top // 2, left // 2) if top >= 0 and left >= 0 else None

    @property
    def resizing(self) -> Resizing:
        """What becomes of an image that is too small."""
        return Resizing(self.height, self.width, crop_to_aspect_ratio=True)

    def forward(self, x: Array) -> Array:
        place = self.place(x.shape)
        if place is None:
            part = x[self.resizing.part(x.shape)]
            return resize(part, (self.height, self.width), "bilinear")
        return x[:, place[0] : place[0] + self.height, place[1] : place[1] + self.width]

    def backward(self, dy: Array, x: Array, part: Array) -> Array:
        place = self.place(x.shape)
        if place is None:
            dpart = resize_gradient(dy, part, "bilinear")
            height, width = self.resizing.fitting(x.shape)
            top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
        else:
            dpart, height, width = dy, self.height, self.width
            top, left = place
        return surround(dpart, ((top, x.shape[1] - height - top), (left, x.shape[2] - width - left)))
