"""Divide the slides of a table into annotation files for training and evaluation.

``val_{val}.txt`` holds the evaluation slides, ``train_all_{1 - val}.txt`` the others,
and ``train_{k}_{1 - val}.txt`` the k training slides of each class with the most
patches (of equals, the first by id). ``train_{k}_{1 - val}_draw{d}.txt``, for d from 1
on, hold k training slides of each class drawn at random; those of a smaller k are among
those of a larger.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cite.core.messages import shorten
from cite.datasets.tables.annotations import Annotation, write_annotations
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES
from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.slide_table import Slide, read_captions

from .draw import draw_groups, draw_shots, draw_slides
from .split_notes import (
    note_left_out,
    note_published,
    note_reached,
    note_short_classes,
    note_stale,
)

Patches = Mapping[str, list[str]]  # slide id -> names of its patches


class Split(NamedTuple):
    """The files that were written, and notes for the user."""

    classes: list[str]
    files: dict[Path, list[Annotation]]
    notes: list[str]


def make_split(
    data_path: Union[str, Path] = 'data/',
    out: Union[str, Path, None] = None,
    val: float = 0.8,
    seed: int = 0,
    shots: Sequence[int] = (1, 2, 4, 8, 16),
    classes: Optional[Mapping[str, Sequence[str]]] = None,
    group_by: Optional[str] = None,
    allow_missing: bool = False,
    draws: int = 0,
) -> Split:
    """Write the annotation files of a data set: all of them, or none after an error.

    Args:
        data_path: folder with ``captions.csv`` and ``patches_captions/``.
        out: folder to write to, ``{data_path}/gastric_cls3_ann`` by default.
        val: fraction of each class's slides for evaluation.
        seed: seed of the draw; 0 with the defaults gives the released split.
        shots: values of k.
        classes: class name -> subtypes, in the order of the labels; PatchGastric's
            three by default.
        group_by: column of the table; slides with equal values stay on one side.
        allow_missing: leave slides without patches out of the files instead of raising.
            They take part in the draw, so that the others keep their sides.
        draws: number of random choices of training slides for each k.

    Returns:
        The files as written, and notes.

    Raises:
        FileNotFoundError: the table or the patches are missing.
        ValueError: they, or the arguments, do not allow this split.
    """
    data_path, val = Path(data_path), float(val)
    out = data_path / 'gastric_cls3_ann' if out is None else Path(out)
    _check_arguments(val, shots, out, draws)
    classes = PATCH_GASTRIC_CLASSES if classes is None else classes
    table = data_path / 'captions.csv'
    slides = read_captions(table, group_by)
    by_class = _slides_of_classes(slides, classes, table)
    folder = list_patches(data_path / 'patches_captions')
    _check_patches(slides, by_class, folder.slides, data_path, allow_missing)

    draw = draw_slides if group_by is None else draw_groups
    drawn = draw(by_class, val, seed)
    sides = _sides(by_class, drawn, folder.slides)
    _check_sides(sides, list(classes), val, table)
    training = _training(sides[False], folder.slides, shots, draws, seed)
    files = _files(sides, training, folder.slides, out, val)
    notes = note_left_out(slides, by_class, folder)
    if classes is PATCH_GASTRIC_CLASSES:
        notes += note_published(slides, folder, data_path)
    if group_by is not None:
        notes += note_reached(by_class, drawn, val, group_by)
    notes += note_short_classes(sides[False], list(classes), shots)
    notes += note_stale(files, out, val)
    write_annotations(files)
    return Split(list(classes), files, notes)


def _check_arguments(val: float, shots: Sequence[int], out: Path, draws: int) -> None:
    if not 0 < val < 1:
        raise ValueError(
            f'--val {val}: the fraction of slides for evaluation must be between 0 '
            'and 1, both excluded.'
        )
    if any(k < 1 for k in shots):
        raise ValueError(
            f'--shots {min(shots)}: a few-slide file needs at least 1 slide of a class.'
        )
    if draws < 0:
        raise ValueError(
            f'--draws {draws}: give a number of random choices, 0 or more.'
        )
    if out.exists() and not out.is_dir():
        raise ValueError(f'--out {out}: this is a file. Name a folder.')


def _slides_of_classes(
    slides: Sequence[Slide], classes: Mapping[str, Sequence[str]], table: Path
) -> list[list[Slide]]:
    labels = {subtype: k for k, name in enumerate(classes) for subtype in classes[name]}
    by_class: list[list[Slide]] = [[] for _ in classes]
    for slide in slides:
        if slide.subtype in labels:
            by_class[labels[slide.subtype]].append(slide)
    for name, members in zip(classes, by_class):
        if not members:
            subtypes = sorted({repr(slide.subtype) for slide in slides})
            raise ValueError(
                f'{table}: no slide is of class {name!r}, whose subtypes are '
                f'{list(classes[name])}. The table has: {shorten(subtypes, 20)}. Write '
                'the classes and their subtypes in a file and name it with --classes.'
            )
    return by_class


def _check_patches(
    slides: Sequence[Slide],
    by_class: Sequence[Sequence[Slide]],
    patches: Patches,
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


def _sides(
    by_class: Sequence[Sequence[Slide]], drawn: set[str], patches: Patches
) -> dict[bool, list[list[str]]]:
    """Return each class's slides with patches; True: evaluation, False: training."""
    sides: dict[bool, list[list[str]]] = {
        True: [[] for _ in by_class],
        False: [[] for _ in by_class],
    }
    for label, slides in enumerate(by_class):
        for slide in slides:
            if slide.id in patches:
                sides[slide.id in drawn][label].append(slide.id)
    return sides


def _check_sides(
    sides: Mapping[bool, list[list[str]]],
    names: Sequence[str],
    val: float,
    table: Path,
) -> None:
    for side, purpose in ((True, 'evaluation'), (False, 'training')):
        for label, ids in enumerate(sides[side]):
            if not ids:
                number = len(sides[not side][label])
                raise ValueError(
                    f'{table}: class {label} ({names[label]}) has {number} '
                    f'slide{"" if number == 1 else "s"} with patches, '
                    f'and --val {val} leaves none of them for {purpose}. Add slides of '
                    'this class, change --val, or merge it with another in --classes.'
                )


def _training(
    by_class: Sequence[Sequence[str]],
    patches: Patches,
    shots: Sequence[int],
    draws: int,
    seed: int,
) -> dict[str, list[list[str]]]:
    """Return the slides of each class in each few-slide file, by ``k`` or ``k, d``."""
    largest = [
        sorted(ids, key=lambda slide: (-len(patches[slide]), slide)) for ids in by_class
    ]
    orders = {'': largest}
    for d in range(1, draws + 1):
        orders[f'_draw{d}'] = draw_shots(by_class, seed, d)
    return {
        f'train_{k}_{{rest}}{suffix}.txt': [ids[:k] for ids in order]
        for suffix, order in orders.items()
        for k in shots
    }


def _files(
    sides: Mapping[bool, list[list[str]]],
    training: Mapping[str, list[list[str]]],
    patches: Patches,
    out: Path,
    val: float,
) -> dict[Path, list[Annotation]]:
    rest = round(1 - val, 2)
    chosen = {f'val_{val}.txt': sides[True], f'train_all_{rest}.txt': sides[False]}
    chosen.update({name.format(rest=rest): ids for name, ids in training.items()})
    return {
        out / name: sorted(
            Annotation(patch, label)
            for label, ids in enumerate(by_class)
            for slide in ids
            for patch in patches[slide]
        )
        for name, by_class in chosen.items()
    }
