from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from .flags import Flag
from .outputs.maps import paint
from .outputs.tile_table import TileTable


class SlideResult:
    """What the model says of a slide.

    Attributes:
        name: id of the slide.
        probabilities: of the classes, (K,) float64, the mean of the tiles'.
        classes: names of the K classes.
        predicted: name of the likeliest.
        classes_at_coverage: names of the classes in the conformal set; None if the
            model has no calibration.
        tiles: a ``pandas.DataFrame`` with the columns ``minx``, ``miny``, ``width``,
            ``height`` (pixels of level 0) and ``prob_{class}``.
        missing: left, top and reason of each tile that could not be read.
        flags: cautions.
        stability: probabilities with the grid moved or scaled, by what was changed.
    """

    def __init__(
        self,
        name: str,
        table: TileTable,
        probabilities: np.ndarray,
        missing: Sequence[tuple[int, int, str]],
        flags: Sequence[Flag],
        classes_at_coverage: Optional[Sequence[str]],
        thumbnail: Optional[tuple[np.ndarray, float]] = None,
        stability: Optional[dict[str, list[float]]] = None,
    ) -> None:
        self.name = name
        self.table = table
        self.probabilities = probabilities
        self.classes = table.classes
        self.predicted = table.classes[int(probabilities.argmax())]
        self.missing = list(missing)
        self.flags = list(flags)
        self.classes_at_coverage = classes_at_coverage
        self.stability = stability or {}
        self.thumbnail = thumbnail  # (H, W, 3) uint8, and its downsample

    @property
    def tiles(self) -> Any:
        """The tiles and their probabilities, a ``pandas.DataFrame``."""
        return self.table.frame()

    def plot(self, label: Optional[str] = None) -> Any:
        """Draw the probability of a class over the slide.

        Args:
            label: name of the class; None for the likeliest.

        Returns:
            A ``matplotlib.figure.Figure``, which a notebook shows.

        Raises:
            ValueError: the model has no class of this name.
        """
        from matplotlib.figure import Figure

        label = self.predicted if label is None else label
        if label not in self.classes:
            raise ValueError(f'{label!r}: the classes are {", ".join(self.classes)}.')
        assert self.thumbnail is not None
        image, downsample = self.thumbnail
        shares, covered = paint(self.table, image.shape[:2], downsample)
        figure = Figure(figsize=(7, 6), layout='constrained')
        axes = figure.add_subplot()
        axes.imshow(image)
        heat = np.ma.masked_array(shares[self.classes.index(label)], ~covered)
        drawn = axes.imshow(heat, vmin=0, vmax=1, cmap='viridis', alpha=0.6)
        figure.colorbar(drawn, ax=axes, label=f'probability of {label}')
        axes.set_title(f'{self.name}: {self.predicted}')
        axes.set_axis_off()
        return figure

    def __repr__(self) -> str:
        shares = zip(self.classes, self.probabilities)
        text = ', '.join(f'{name} {p:.3f}' for name, p in shares)
        return f'SlideResult({self.name!r}, {text}, {len(self.table.coords)} tiles)'
