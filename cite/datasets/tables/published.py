"""PatchGastric's published counts, with which a user's copy of it is compared."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Optional

from .class_file import PATCH_GASTRIC_CLASSES
from .slide_table import Slide

# Source: Zenodo, record 6550925 (captions.csv), and the CITE paper, section 3.
SLIDES = (283, 265, 145)
PATCHES = 179_285
# Ids by which PatchGastric's table is recognised, also when a part of it is missing:
# from its start, middle, second half and end.
_IDS = {
    'f77a619f6ccc449f915b44bdc0d6d8f0',
    '0370d465854043cba4062f6c694c45b4',
    '469d90c7a9684454b5fd0727848c3fdc',
    '4292538b49d2459ba8fd0755319bc04d',
}


def compare_counts(
    table: Path,
    slides: Sequence[Slide],
    folder: Path,
    patches: Optional[Mapping[str, Sequence[str]]],
) -> list[tuple[Path, str]]:
    """Compare PatchGastric's slides and patches with the published counts.

    Args:
        table: table of slides, named in the message.
        slides: rows of the table. Unless some have PatchGastric's ids, nothing is
            compared, so that other data with the same classes pass.
        folder: folder of patches, named in the message.
        patches: patches of each slide; None where the folder cannot be listed.

    Returns:
        The table or folder that differs, with a warning; at most one, because patches
        are counted once the table is complete.
    """
    if not is_patch_gastric(slides):
        return []
    by_class = [
        [slide.id for slide in slides if slide.subtype in subtypes]
        for subtypes in PATCH_GASTRIC_CLASSES.values()
    ]
    counts = tuple(map(len, by_class))
    if counts != SLIDES:
        message = (
            f'{_total(counts)} slides of PatchGastric in its three classes, but '
            f'{_total(SLIDES)} were published. The table is probably incomplete or '
            'edited: download captions.csv again (data/README.md).'
        )
        return [(table, message)]
    if patches is None:
        return []
    number = sum(len(patches.get(slide, ())) for ids in by_class for slide in ids)
    if number == PATCHES:
        return []
    reason = 'The folder probably contains copies or other images: unzip'
    if number < PATCHES:
        reason = 'A copy or unzip of the folder was probably interrupted: unzip'
    message = (
        f"{number:,} patches of PatchGastric's {sum(SLIDES)} slides, but {PATCHES:,} "
        f'were published. {reason} patches_captions.zip again (data/README.md).'
    )
    return [(folder, message)]


def is_patch_gastric(slides: Iterable[Slide]) -> bool:
    """Tell whether some of the slides have PatchGastric's ids."""
    return not _IDS.isdisjoint(slide.id for slide in slides)


def _total(counts: Sequence[int]) -> str:
    return f'{sum(counts)} ({"/".join(map(str, counts))})'
