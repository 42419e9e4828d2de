"""The trained model at work on a slide file: export, predict, and what was right."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

import cv2
import numpy as np

from cite.apis.shell import run_command

from .run import CONFIG, Run, one_thread
from .slides import write_slide_file

SLIDE = 'slides/two-grades.tif'  # in the demo's data folder


class SlideAnswer(NamedTuple):
    """What the model says of the slide file."""

    slide: Path
    folder: Path  # of answers
    inside: int  # tiles whose centre is in a region
    right: int  # of these, tiles that get the region's class

    @property
    def share(self) -> float:
        """Tiles of a region that get its class, percent."""
        return 100 * self.right / max(self.inside, 1)

    @property
    def page(self) -> Path:
        """The page that shows the slide."""
        return self.folder / 'viewer' / self.slide.stem / 'index.html'


def predict_whole_slide(
    run: Run,
    data: Path,
    seed: int,
    env: Mapping[str, str],
    options: Optional[Mapping[str, Any]] = None,
) -> SlideAnswer:
    """Draw a slide file, export the trained model, and predict the slide with it.

    Args:
        run: the training.
        data: folder of the demo's data.
        seed: seed of the drawing.
        env: environment variables that the config was read with.
        options: ``--cfg-options`` of the training.

    Returns:
        How many tiles of the regions get the regions' classes.

    Raises:
        ValueError: a command failed.
    """
    slide = write_slide_file(data / SLIDE, seed)
    model, folder = run.work_dir / 'model', run.work_dir / 'answers'
    export = ['cite', 'export', CONFIG, str(run.work_dir / 'latest.pth'), str(model)]
    if options:
        export += ['--cfg-options', *(f'{k}={v}' for k, v in options.items())]
    # The training patches are tissue from edge to edge.
    predict = ['cite', 'predict', str(slide), '--min-tissue', '0.8']
    with one_thread():
        run_command(export, env)
        run_command([*predict, '--model', str(model), '--out', str(folder)], {})
    tiles = folder / 'tiles' / f'{slide.stem}.csv'
    inside, right = count_right(tiles, slide.with_suffix('.geojson'))
    return SlideAnswer(slide, folder, inside, right)


def count_right(tiles: Path, regions: Path) -> tuple[int, int]:
    """Compare a slide's tiles with the regions that were drawn.

    Args:
        tiles: the tiles' probabilities, as ``cite predict`` writes them.
        regions: GeoJSON of the regions with their classes.

    Returns:
        Tiles whose centre is inside a region, and how many of them get its class.
    """
    features = json.loads(regions.read_text(encoding='utf-8'))['features']
    inside = right = 0
    with tiles.open(encoding='utf-8', newline='') as file:
        for row in csv.DictReader(file):
            shares = {k[5:]: float(v) for k, v in row.items() if k[:5] == 'prob_'}
            x, y, width, height = (float(value) for value in list(row.values())[:4])
            centre = x + width / 2, y + height / 2
            for feature in features:
                (ring,) = feature['geometry']['coordinates']
                if cv2.pointPolygonTest(np.array(ring, np.float32), centre, False) >= 0:
                    name = feature['properties']['classification']['name']
                    inside += 1
                    right += max(shares, key=lambda key: shares[key]) == name
    return inside, right
