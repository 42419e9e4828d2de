"""What ``cite tile`` says of the slides whose patches are in a folder."""

from pathlib import Path
from typing import NamedTuple

from cite.apis.tile.settings import TileSettings
from cite.core.files.csv_table import read_csv_table
from cite.slides.scale import check_mpp

TABLE = 'slides.csv'
_COLUMNS = ('id', 'quickhash', 'mpp', 'mpp_source', 'tissue_mm2')


class TiledSlide(NamedTuple):
    """How the patches of a slide were cut."""

    settings: TileSettings
    quickhash: str
    mpp: float  # of level 0, whose pixels the patches' coordinates count
    mpp_source: str
    tissue_mm2: float

    @property
    def size(self) -> int:
        """Edge of a patch in pixels of level 0, as the grid rounds it."""
        settings = self.settings
        return max(1, round(settings.patch_pixels * settings.patch_mpp / self.mpp))


def read_tiled_folder(folder: Path) -> dict[str, TiledSlide]:
    """Read ``slides.csv`` and ``tile.json``, which ``cite tile`` writes.

    Args:
        folder: of the data set, in which ``patches_captions`` is.

    Returns:
        The slides by their id; empty if one of the two files is missing.

    Raises:
        ValueError: one of them is damaged; the message names the line.
    """
    path, settings = folder / TABLE, TileSettings.read(folder)
    if settings is None or not path.is_file():
        return {}
    table = read_csv_table(path)
    if not {*_COLUMNS} <= {*table.columns}:
        return {}  # a table of the user's own
    return {row['id']: _slide(row, settings, path, line) for line, row in table.rows}


def _slide(
    row: dict[str, str], settings: TileSettings, path: Path, line: int
) -> TiledSlide:
    try:
        mpp = check_mpp(float(row['mpp'] or ''), path.name)
        area = float(row['tissue_mm2'] or '')
    except ValueError as error:
        raise ValueError(
            f'{path}:{line}: mpp {row["mpp"]!r} or tissue_mm2 {row["tissue_mm2"]!r} is '
            'not what `cite tile` writes. Run it again: it continues.'
        ) from error
    hash_, source = row['quickhash'] or '', row['mpp_source'] or 'unknown'
    return TiledSlide(settings, hash_, mpp, source, area)
