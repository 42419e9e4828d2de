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

from cite.core.messages import count, shorten
from cite.datasets.tables.annotations import Annotation, write_annotations
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES
from cite.datasets.tables.patches import list_feature_rows, list_patches
from cite.datasets.tables.published import compare_counts, is_patch_gastric
from cite.datasets.tables.slide_rule import PREFIX, SlideRule
from cite.datasets.tables.slide_table import Slide, read_captions

from .draw import draw_groups, draw_shots, draw_slides
from .split_notes import (
    note_left_out,
    note_reached,
    note_rule,
    note_short_classes,
    note_stale,
)
from .table_notes import no_id_fits, note_look_alikes, note_patients

Patches = Mapping[str, list[str]]  # slide id -> names of its patches
Sides = dict[str, list[list[str]]]  # side or file -> slide ids of each class


class Split(NamedTuple):
    """The files that were written, and notes for the user."""

    classes: list[str]
    files: dict[Path, list[Annotation]]
    notes: list[str]
    rule: SlideRule


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
    slide: str = 'prefix',
    features: Optional[Sequence[str]] = None,
) -> Split:
    """Write the annotation files of a data set: all of them, or none after an error.

    Args:
        data_path: folder with ``captions.csv`` and ``patches_captions/``.
        out: folder to write to, ``{data_path}/gastric_cls3_ann`` by default.
        val: fraction of each class's slides for evaluation.
        seed: seed of the draw; 0 with the defaults gives the released split.
        shots: values of k.
        classes: class name -> subtypes, in the order of the labels (PatchGastric's).
        group_by: column of the table; slides with equal values stay on one side.
        allow_missing: leave slides without patches out of the files, but in the draw.
        draws: number of random choices of training slides for each k.
        slide: which slide a patch belongs to, as data sets take it.
        features: files of ``cite import-features`` whose rows take the patches' place.

    Raises:
        FileNotFoundError: the table or the patches are missing.
        ValueError: they, or the arguments, do not allow this split.
    """
    table, val = Path(data_path) / 'captions.csv', float(val)
    out = table.parent / 'gastric_cls3_ann' if out is None else Path(out)
    _check_arguments(val, shots, out, draws)
    classes = PATCH_GASTRIC_CLASSES if classes is None else classes
    rule = PREFIX if features else SlideRule(slide)  # rows are named by us
    names, choice = list(classes), (group_by, allow_missing, rule, features)
    by_class, patches, notes = _read_data(table, classes, *choice)
    drawn = (draw_slides if group_by is None else draw_groups)(by_class, val, seed)
    sides = _sides(by_class, drawn, patches)
    _check_sides(sides, names, val, table)
    chosen = _slides_of_files(sides, patches, shots, draws, seed, val)
    files = {out / name: _annotations(ids, patches) for name, ids in chosen.items()}
    notes += note_reached(by_class, drawn, val, group_by)
    notes += note_patients(table, sides, rule) if group_by is None else []
    notes += note_short_classes(sides['training'], names, shots)
    notes += [*note_stale(files, out, val), *note_rule(files, rule)]
    write_annotations(files)
    return Split(names, files, notes, rule)


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


def _read_data(
    table: Path,
    classes: Mapping[str, Sequence[str]],
    group_by: Optional[str],
    allow_missing: bool,
    rule: SlideRule,
    features: Optional[Sequence[str]] = None,
) -> tuple[list[list[Slide]], Patches, list[str]]:
    """Return the slides of each class, the patches of each slide, and notes on both."""
    slides = read_captions(table, group_by, rule)
    by_class = _slides_of_classes(slides, classes, table)
    path = table.parent / 'patches_captions'
    folder = list_feature_rows(features) if features else list_patches(path, rule)
    path = Path(f'{features[0]}.txt') if features else path
    patches = folder.slides
    if not any(slide.id in patches for slide in slides):
        raise ValueError(no_id_fits(table, slides, path, patches, rule))
    missing = [s.id for c in by_class for s in c if s.id not in patches]
    if missing and not allow_missing:
        raise ValueError(
            f'{path}: {len(missing)} slides of {table} have no patch here: '
            f'{shorten(missing)}. '
            + (
                'Run `cite import-features`'
                if features
                else 'Unzip patches_captions.zip'
                if is_patch_gastric(slides)
                else 'Correct the ids, or make the patches'
            )
            + ' again, or leave these slides out with --allow-missing.'
        )
    notes = note_left_out(slides, by_class, folder)
    notes += note_look_alikes(slides, classes, patches, grouped=group_by is not None)
    if classes is PATCH_GASTRIC_CLASSES and not features:
        warnings = compare_counts(table, slides, path, patches)
        notes += [f'warning: {place}: {message}' for place, message in warnings]
    return by_class, patches, notes


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


def _sides(
    by_class: Sequence[Sequence[Slide]], drawn: set[str], patches: Patches
) -> Sides:
    """Return the slides with patches for evaluation and for training."""
    ids = [[slide.id for slide in slides if slide.id in patches] for slides in by_class]
    return {
        'evaluation': [[slide for slide in c if slide in drawn] for c in ids],
        'training': [[slide for slide in c if slide not in drawn] for c in ids],
    }


def _check_sides(sides: Sides, names: Sequence[str], val: float, table: Path) -> None:
    for side, by_class in sides.items():
        for label, ids in enumerate(by_class):
            if not ids:
                number = sum(len(sides[name][label]) for name in sides)
                raise ValueError(
                    f'{table}: class {label} ({names[label]}) has '
                    f'{count(number, "slide")} with patches, and --val {val} leaves '
                    f'none of them for {side}. Add slides of this class, change --val, '
                    'or merge it with another in --classes.'
                )


def _slides_of_files(
    sides: Sides,
    patches: Patches,
    shots: Sequence[int],
    draws: int,
    seed: int,
    val: float,
) -> Sides:
    """Return the slides of each class in each file, by the file's name."""
    training, rest = sides['training'], round(1 - val, 2)
    orders = {
        '': [sorted(ids, key=lambda s: (-len(patches[s]), s)) for ids in training]
    }
    for d in range(1, draws + 1):
        orders[f'_draw{d}'] = draw_shots(training, seed, d)
    chosen = {f'val_{val}.txt': sides['evaluation'], f'train_all_{rest}.txt': training}
    for suffix, order in orders.items():
        for k in shots:
            chosen[f'train_{k}_{rest}{suffix}.txt'] = [ids[:k] for ids in order]
    return chosen


def _annotations(
    by_class: Sequence[Sequence[str]], patches: Patches
) -> list[Annotation]:
    return sorted(
        Annotation(patch, label)
        for label, ids in enumerate(by_class)
        for slide in ids
        for patch in patches[slide]
    )
