"""What must hold before a split is written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cite.core.messages import shorten
from cite.datasets.tables.slide_table import Slide


def check_arguments(
    val: float, shots: Sequence[int], out: Path, draws: int = 0
) -> None:
    if not 0 < val < 1:
        raise ValueError(
            f'--val {val}: the fraction of slides for evaluation must lie between 0 '
            'and 1, both excluded.'
        )
    if any(k < 1 for k in shots):
        raise ValueError(
            f'--shots {min(shots)}: a few-slide file needs at least 1 slide of a class.'
        )
    if draws < 0:
        raise ValueError(f'--draws {draws}: give a number of random choices, 0 up.')
    if out.exists() and not out.is_dir():
        raise ValueError(f'--out {out}: this is a file. Name a folder.')


def check_patches(
    slides: Sequence[Slide],
    by_class: Sequence[Sequence[Slide]],
    patches: Mapping[str, list[str]],
    data_path: Path,
    allow_missing: bool,
) -> None:
    table, folder = data_path / 'captions.csv', data_path / 'patches_captions'
    if not any(slide.id in patches for slide in slides):
        raise ValueError(
            f'{table}: none of the {len(slides)} ids begins the name of a patch in '
            f'{folder} (ids such as {slides[0].id}, patches such as '
            f"{next(iter(patches.values()))[0]}). PatchGastric's first published "
            'captions.csv had wrong ids: download it again from '
            'https://zenodo.org/record/6550925.'
        )
    missing = [s.id for c in by_class for s in c if s.id not in patches]
    if missing and not allow_missing:
        raise ValueError(
            f'{folder}: {len(missing)} slides of {table} have no patch here: '
            f'{shorten(missing)}. Unzip patches_captions.zip again, or leave these '
            'slides out with --allow-missing.'
        )


def check_sides(
    sides: Mapping[bool, list[list[str]]],
    names: Sequence[str],
    val: float,
    table: Path,
) -> None:
    for side, purpose in ((True, 'evaluation'), (False, 'training')):
        for label, ids in enumerate(sides[side]):
            if not ids:
                there = len(sides[not side][label])
                raise ValueError(
                    f'{table}: class {label} ({names[label]}) has {there} '
                    f'slide{"" if there == 1 else "s"} with patches, '
                    f'and --val {val} leaves none of them for {purpose}. Add slides of '
                    'this class, change --val, or merge it with another in --classes.'
                )
