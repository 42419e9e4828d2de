"""A synthetic PatchGastric: the table of slides and the folder of patches."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Union

from tqdm import tqdm

from cite.core.files.write_whole import write_text_whole

from .patches import slide_rng, write_slide

# Grade -> subtype, in the words of PatchGastric's table.
SUBTYPES = {
    'well': 'Well differentiated tubular adenocarcinoma',
    'moderately': 'Moderately differentiated tubular adenocarcinoma',
    'non-solid': 'Poorly differentiated adenocarcinoma, non-solid type',
    'solid': 'Poorly differentiated adenocarcinoma, solid type',
}
DESCRIPTIONS = {
    'well': 'Round glands of even size with an open lumen and nuclei in line.',
    'moderately': 'Small crooked glands that touch and fuse, with narrow lumina.',
    'non-solid': 'Single tumour cells and short cords in the stroma, no glands.',
    'solid': 'Tumour cells side by side in a sheet, no glands.',
}
# Marks a folder as ours, so that no other data are overwritten. It is written first and
# the table last: a folder with both is complete.
STAMP = 'synthetic.json'
TABLE = 'captions.csv'
PATCHES = 'patches_captions'
DRAWING = 1  # to be raised when the same seed gives other pictures


def make_patch_gastric(
    root: Union[str, Path],
    seed: int = 0,
    slides: int = 32,
    patches: int = 12,
    progress: bool = False,
) -> Path:
    """Write ``captions.csv`` and ``patches_captions/`` of drawn slides.

    Grades differ by texture only. Colour, brightness and magnification are drawn for
    each slide without regard to its grade.

    Args:
        root: folder to write; an earlier synthetic data set in it is replaced.
        seed: seed of all drawing. The same seed gives the same bytes.
        slides: slides per class; half of the poorly differentiated ones are solid.
        patches: patches per slide.
        progress: show a progress bar.

    Returns:
        ``root``.

    Raises:
        ValueError: ``root`` holds other data, or a number is too small.
    """
    root = Path(root)
    if slides < 2 or patches < 1:
        raise ValueError(
            f'slides={slides}, patches={patches}; at least 2 slides a class, one of '
            'each poorly differentiated type, and 1 patch a slide are needed.'
        )
    _clear(root)
    root.mkdir(parents=True, exist_ok=True)
    stamp = json.dumps(_settings(seed, slides, patches))
    (root / STAMP).write_text(stamp + '\n', encoding='utf-8')
    (root / PATCHES).mkdir(exist_ok=True)
    rows = []
    grades = list(_grades(slides))
    for number, grade in enumerate(_watch(grades, progress)):
        slide_id = write_slide(root / PATCHES, grade, seed, number, patches)
        rows.append((slide_id, SUBTYPES[grade], DESCRIPTIONS[grade]))
    slide_rng(seed, len(grades)).shuffle(rows)
    _write_table(root / TABLE, rows)
    return root


def is_whole(root: Union[str, Path], seed: int, slides: int, patches: int) -> bool:
    """Tell whether :func:`make_patch_gastric` has finished these slides in a folder.

    Args:
        root: folder; it need not exist.
        seed: seed of the drawing.
        slides: slides per class.
        patches: patches per slide.

    Returns:
        Whether the table and all patches exist.
    """
    root = Path(root)
    try:
        stamp = json.loads((root / STAMP).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return False
    count = sum(1 for _ in (root / PATCHES).glob('*.jpg'))
    return (
        stamp == _settings(seed, slides, patches)
        and (root / TABLE).is_file()
        and count == len(list(_grades(slides))) * patches
    )


def _settings(seed: int, slides: int, patches: int) -> dict[str, int]:
    return {'drawing': DRAWING, 'seed': seed, 'slides': slides, 'patches': patches}


def _write_table(path: Path, rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerows([('id', 'subtype', 'text'), *rows])
    write_text_whole(path, text.getvalue())


def _watch(grades: list[str], progress: bool) -> Iterable[str]:
    return tqdm(grades, 'drawing slides', mininterval=1, disable=not progress)


def _grades(slides: int) -> Iterator[str]:
    """Yield the grade of each slide."""
    numbers = (slides, slides, slides - slides // 2, slides // 2)
    for grade, number in zip(SUBTYPES, numbers):
        yield from [grade] * number


def _clear(root: Path) -> None:
    """Remove an earlier synthetic data set; refuse to touch any other."""
    if (root / STAMP).is_file():
        (root / TABLE).unlink(missing_ok=True)  # first: marks the rest as incomplete
        for patch in (root / PATCHES).glob('*.jpg'):
            patch.unlink()
    elif (root / PATCHES).exists() or (root / TABLE).exists():
        raise ValueError(
            f'{root} holds data that were not made here ({STAMP} is missing). Name '
            'another folder, or move the data away.'
        )
