"""Heat maps over the slide's thumbnail, in probability."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from .colours import class_colour, probability_colours
from .tile_table import TileTable

LONGEST = 1600  # pixels of a map's longer edge
_OPACITY = 0.62  # of the heat, so that the tissue's outlines are seen under it
_MARGIN, _BAR, _LABELS = 24, 22, 230  # pixels to the right of the slide
_LOWEST = 260  # pixels; a flatter slide still gets a bar that can be read
SLIDE_AREA = 'slide area'  # text in the PNG: width and height without the bar


def map_names(classes: Sequence[str]) -> list[str]:
    """Return what stands for each class in the names of its files, each unique.

    >>> map_names(['G3', 'poorly / not', 'class'])
    ['G3', 'poorly-not', 'class-2']
    """
    names: list[str] = []
    for k, name in enumerate(classes):
        plain = re.sub(r'[^\w.]+', '-', name).strip('-.') or str(k)
        taken = {'class', *(other.lower() for other in names)}
        names.append(f'{plain}-{k}' if plain.lower() in taken else plain)
    return names


def write_maps(
    folder: Path, name: str, tiles: TileTable, thumbnail: np.ndarray, downsample: float
) -> list[Path]:
    """Write a map for each class, and one of the likeliest class.

    Args:
        folder: where to.
        name: the slide's.
        tiles: the tiles, in level-0 pixels.
        thumbnail: the whole slide, (H, W, 3) uint8.
        downsample: level-0 pixels to one of the thumbnail.

    Returns:
        The files: ``NAME_{class}.png`` for each class, then ``NAME_class.png``.
    """
    image, scale = _fit(thumbnail, downsample)
    shares, covered = paint(tiles, image.shape[:2], scale)
    colours = probability_colours()
    paths = []
    for k, label in enumerate(map_names(tiles.classes)):
        heat = colours[np.round(shares[k] * 255).astype(np.uint8)]
        picture = _frame(_blend(image, heat, covered))
        _draw_bar(picture, image.shape[:2], colours, tiles.classes[k])
        paths.append(_save(picture, folder / f'{name}_{label}.png', image))
    palette = np.array([class_colour(k) for k in range(len(shares))], np.uint8)
    picture = _frame(_blend(image, palette[shares.argmax(0)], covered))
    _draw_legend(picture, image.shape[1], tiles.classes)
    return [*paths, _save(picture, folder / f'{name}_class.png', image)]


def paint(
    tiles: TileTable, shape: tuple[int, int], downsample: float
) -> tuple[np.ndarray, np.ndarray]:
    """Paint the tiles' probabilities into a picture; overlapping ones are averaged.

    Returns:
        Probabilities (K, H, W) float32, 0 where there is no tile; and whether there is
        a tile, (H, W) bool.
    """
    sums = np.zeros((len(tiles.classes), *shape), np.float32)
    number = np.zeros(shape, np.float32)
    edges = np.stack([tiles.coords, tiles.coords + tiles.size], 1) / downsample
    for box, scores in zip(np.rint(edges).astype(int), tiles.probabilities):
        (left, top), (right, bottom) = box.clip(0)
        rows = slice(top, max(bottom, top + 1))
        columns = slice(left, max(right, left + 1))
        sums[:, rows, columns] += scores[:, None, None]
        number[rows, columns] += 1
    return sums / np.maximum(number, 1), number > 0


def _fit(thumbnail: np.ndarray, downsample: float) -> tuple[np.ndarray, float]:
    """Return the thumbnail no larger than a map, and its downsample."""
    height, width = thumbnail.shape[:2]
    share = min(1.0, LONGEST / max(height, width))
    if share == 1:
        return thumbnail, downsample
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = Image.fromarray(thumbnail).resize(size, Image.Resampling.BOX)
    return np.asarray(small), downsample * width / size[0]


def _blend(image: np.ndarray, heat: np.ndarray, covered: np.ndarray) -> np.ndarray:
    grey = np.asarray(Image.fromarray(image).convert('L'), np.float32)[..., None]
    mixed = (1 - _OPACITY) * grey + _OPACITY * heat
    return np.where(covered[..., None], np.rint(mixed).astype(np.uint8), image)


def _frame(picture: np.ndarray) -> Image.Image:
    height, width = picture.shape[:2]
    size = (width + _MARGIN + _BAR + _LABELS, max(height, _LOWEST))
    framed = Image.new('RGB', size, 'white')
    framed.paste(Image.fromarray(picture), (0, 0))
    return framed


def _draw_bar(
    picture: Image.Image, shape: tuple[int, int], colours: np.ndarray, name: str
) -> None:
    """Draw the scale, 0 to 1 for every slide."""
    draw = ImageDraw.Draw(picture)
    left, top = shape[1] + _MARGIN, 64
    length = min(picture.height - top - 24, 320)
    draw.text((left, 10), _shorten(draw, name), 'black', _font(15))
    draw.text((left, 34), 'probability', '#52606d', _font(14))
    steps = np.rint(np.linspace(255, 0, length)).astype(int)
    bar = np.repeat(colours[steps, None, :], _BAR, 1)
    picture.paste(Image.fromarray(bar), (left, top))
    for tenth in range(0, 11, 2):
        y = top + round((length - 1) * (1 - tenth / 10))
        draw.line((left + _BAR, y, left + _BAR + 5, y), 'black')
        place = (left + _BAR + 10, y)
        draw.text(place, f'{tenth / 10:.1f}', 'black', _font(14), anchor='lm')


def _draw_legend(picture: Image.Image, width: int, classes: Sequence[str]) -> None:
    draw = ImageDraw.Draw(picture)
    left = width + _MARGIN
    draw.text((left, 10), 'likeliest class', 'black', _font(15))
    for k, name in enumerate(classes):
        top = 44 + 28 * k
        draw.rectangle((left, top, left + 17, top + 17), class_colour(k))
        draw.text(
            (left + 26, top + 9), _shorten(draw, name), 'black', _font(14), anchor='lm'
        )


def _shorten(draw: ImageDraw.ImageDraw, text: str) -> str:
    room = _LABELS - 12
    while text and draw.textlength(text, _font(15)) > room:
        text = text[:-2] + '…'
    return text


@lru_cache(maxsize=4)
def _font(size: int) -> Any:
    from matplotlib import get_data_path

    path = Path(get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
    return ImageFont.truetype(str(path), size)


def _save(picture: Image.Image, path: Path, image: np.ndarray) -> Path:
    note = PngInfo()
    note.add_text(SLIDE_AREA, f'{image.shape[1]} {image.shape[0]}')
    picture.save(path, 'PNG', pnginfo=note)
    return path
