from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from cite.core.messages import count, shorten
from cite.datasets.tables.annotations import Annotation, write_annotations
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES
from cite.datasets.tables.patches import list_feature_rows, list_patches
from cite.datasets.tables.slide_rule import PREFIX, SlideRule
from cite.datasets.tables.slide_table import Slide, patient_column, read_captions
from cite.slides import slide_id

from .clam import ClamSplit, read_clam_splits
from .split import Split

_Files = dict[Path, list[Annotation]]


def import_clam(
    folder: Union[str, Path],
    data_path: Union[str, Path] = 'data/',
    out: Union[str, Path, None] = None,
    classes: Optional[Mapping[str, Sequence[str]]] = None,
    features: Optional[Sequence[str]] = None,
    group_by: Optional[str] = None,
    slide: str = 'prefix',
) -> Split:
    """Write annotation files for the splits of CLAM: all of them, or none.

    Draws of k slides of each class that have the test slides in common become
    ``train_{k}_draw{d}.txt`` and ``val.txt``; other splits ``split_{i}/train_all.txt``
    and ``val.txt``. To choose by the column val is to train on it: it is left out.

    Args:
        folder: folder with ``splits_0.csv``.
        data_path: folder with ``captions.csv`` and ``patches_captions/``.
        out: folder to write to, ``{data_path}/clam_ann`` by default.
        classes: class name -> subtypes, in the order of the labels.
        features: files of ``cite import-features`` whose rows take the patches' place.
        group_by: column with the patient; ``patient`` or the like is found.
        slide: rule of which slide a patch belongs to.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: an unknown slide, no patches, no training slide of a class, leaks.
    """
    table = Path(data_path) / 'captions.csv'
    out = table.parent / 'clam_ann' if out is None else Path(out)
    names = classes or PATCH_GASTRIC_CLASSES
    labels = {subtype: k for k, name in enumerate(names) for subtype in names[name]}
    column = group_by or (patient_column(table, None) if table.is_file() else None)
    rule = PREFIX if features else SlideRule(slide)  # rows are named by us
    rows = read_captions(table, column, rule)
    slides = {row.id: row for row in rows if row.subtype in labels}
    splits = [_named(s, slides, table) for s in read_clam_splits(Path(folder))]
    _refuse_patients(splits, slides, column)
    patches = table.parent / 'patches_captions'
    listed = list_feature_rows(features) if features else list_patches(patches, rule)
    of_slide = {
        name: [Annotation(patch, labels[row.subtype]) for patch in listed.slides[name]]
        for name, row in slides.items()
        if name in listed.slides
    }
    arranged = _arrange(splits, slides, labels)
    files = {out / name: _lines(*arranged[name], of_slide) for name in arranged}
    _check_classes(files, [*names])
    write_annotations(files)
    return Split([*names], files, _notes(splits, column), rule)


def _named(split: ClamSplit, slides: Mapping[str, Slide], table: Path) -> ClamSplit:
    """Write slides as the table does, where `cite tile` has changed their names."""
    columns, unknown = {}, []
    for name in ('train', 'val', 'test'):
        column = []
        for slide in getattr(split, name):
            written = (slide, slide_id(f'{slide}.svs'))
            own = next((s for s in written if s in slides), None)
            unknown += [slide] if own is None else []
            column.append(own or slide)
        columns[name] = column
    if unknown:
        raise ValueError(
            f'{split.path}: {count(len(unknown), "slide")} are not in {table}, or have '
            f'a subtype of no class: {shorten(unknown)}. Add them to the table.'
        )
    return ClamSplit(split.path, **columns)


def _refuse_patients(
    splits: Sequence[ClamSplit], slides: Mapping[str, Slide], column: Optional[str]
) -> None:
    leaks = []
    for split in splits if column else ():
        trained = {slides[slide].group: slide for slide in [*split.train, *split.val]}
        both = sorted({slides[slide].group for slide in split.test} & {*trained})
        if both:
            leaks.append(
                f'  {split.path}: {count(len(both), "patient")}: {shorten(both)}'
            )
    if leaks:
        raise ValueError(
            f'patients (column {column!r}) are trained on and tested on:\n'
            + '\n'.join(leaks)
            + '\nMove all slides of a patient to one column.'
        )


def _arrange(
    splits: Sequence[ClamSplit], slides: Mapping[str, Slide], labels: Mapping[str, int]
) -> dict[str, tuple[ClamSplit, list[str]]]:
    """Return the slides of each file, by its name."""
    shots = {
        number
        for split in splits
        for number in Counter(labels[slides[s].subtype] for s in split.train).values()
    }
    files = {}
    if len(shots) == 1 and len({frozenset(split.test) for split in splits}) == 1:
        for draw, split in enumerate(splits, 1):
            files[f'train_{next(iter(shots))}_draw{draw}.txt'] = split, split.train
        return {**files, 'val.txt': (splits[0], splits[0].test)}
    for split in splits:
        folder = f'split_{split.path.stem.rpartition("_")[2]}'
        files[f'{folder}/train_all.txt'] = split, split.train
        files[f'{folder}/val.txt'] = split, split.test
    return files


def _lines(
    split: ClamSplit, ids: Sequence[str], of_slide: Mapping[str, list[Annotation]]
) -> list[Annotation]:
    missing = [slide for slide in ids if slide not in of_slide]
    if missing:
        raise ValueError(
            f'{split.path}: {count(len(missing), "slide")} without patches or rows: '
            f'{shorten(missing)}. Add them, or delete them from the split.'
        )
    return sorted(line for slide in ids for line in of_slide[slide])


def _check_classes(files: _Files, names: Sequence[str]) -> None:
    for path, lines in files.items():
        absent = {*range(len(names))} - {line.label for line in lines}
        if absent and path.name.startswith('train'):
            raise ValueError(
                f'{path}: no training slide of {names[min(absent)]}: correct the split '
                'or the classes.'
            )


def _notes(splits: Sequence[ClamSplit], column: Optional[str]) -> list[str]:
    left_out = sum(len(split.val) for split in splits)
    notes = [
        f'no {column} is in training and in test'
        if column
        else 'patients are not checked: the table has no column of them'
    ]
    if left_out:
        notes.append(
            f'{count(left_out, "slide")} of the column val are left out: to choose an '
            'epoch or a rate by them would be to train on them'
        )
    return notes
