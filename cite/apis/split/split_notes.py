"""Notes for the user about a split, and the table of its files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from cite.core.messages import shorten
from cite.datasets.tables.annotations import Annotation
from cite.datasets.tables.patches import PatchFolder
from cite.datasets.tables.slide_counts import odd_slides, remedy
from cite.datasets.tables.slide_rule import PREFIX, SlideRule
from cite.datasets.tables.slide_table import Slide


def note_left_out(
    slides: Sequence[Slide], by_class: Sequence[Sequence[Slide]], folder: PatchFolder
) -> list[str]:
    notes = []
    used = {slide.id for c in by_class for slide in c}
    unused = Counter(slide.subtype for slide in slides if slide.id not in used)
    if unused:
        listed = '; '.join(f'{name} ({n})' for name, n in unused.most_common())
        notes.append(f'{sum(unused.values())} slides are in no class: {listed}')
    in_table = {slide.id for slide in slides}
    unlisted = [slide for slide in folder.slides if slide not in in_table]
    if unlisted:
        number = sum(len(folder.slides[slide]) for slide in unlisted)
        notes.append(
            f'{number} patches belong to no slide of the table and are left out: '
            f'{shorten(unlisted)}'
        )
    if folder.ignored:
        notes.append(
            f'{len(folder.ignored)} entries of patches_captions are not images and are '
            f'ignored: {shorten(folder.ignored)}'
        )
    missing = [s.id for c in by_class for s in c if s.id not in folder.slides]
    if missing:
        listed = shorten(missing)
        notes.append(f'{len(missing)} slides have no patch and are left out: {listed}')
    return notes


def note_reached(
    by_class: Sequence[Sequence[Slide]],
    drawn: set[str],
    val: float,
    group_by: Optional[str],
) -> list[str]:
    """State how near whole groups came to the requested fraction of each class."""
    if group_by is None:
        return []
    grouped = [slide for slides in by_class for slide in slides]
    evaluated = {slide.group for slide in grouped if slide.id in drawn}
    trained = {slide.group for slide in grouped if slide.id not in drawn}
    notes = [
        f'no {group_by} is on both sides: {len(evaluated)} for evaluation, '
        f'{len(trained)} for training'
    ]
    for label, slides in enumerate(by_class):
        number = sum(slide.id in drawn for slide in slides)
        notes.append(
            f'class {label}: {number} of {len(slides)} slides for evaluation, '
            f'{number / len(slides):.3f} (requested: {val})'
        )
        groups = {slide.group for slide in slides if slide.id in drawn}
        if len(groups) == 1 and number > 1:
            notes.append(
                f'warning: class {label} has one {group_by} for evaluation, so its '
                f'figures are those of one {group_by}. `folds` of a comparison tests '
                'each once (docs/COMPARE.md).'
            )
    return notes


def note_short_classes(
    training: Sequence[Sequence[str]], names: Sequence[str], shots: Sequence[int]
) -> list[str]:
    return [
        f'warning: --shots {k}: class {label} ({names[label]}) has only {len(ids)} '
        'training slides, all of which are taken'
        for k in shots
        for label, ids in enumerate(training)
        if len(ids) < k
    ]


def note_stale(files: Mapping[Path, object], out: Path, val: float) -> list[str]:
    """Name files of an earlier run, whose slides may come from another draw."""
    rest = round(1 - val, 2)
    patterns = (f'train_*_{rest}.txt', f'train_*_{rest}_draw*.txt')
    old = sorted({path for name in patterns for path in out.glob(name)} - set(files))
    if not old:
        return []
    names = shorten([path.name for path in old], 10)
    return [
        f'warning: {out} contains files of an earlier run, left unchanged: {names}. '
        'Unless the table, seed and grouping were the same, their slides may be among '
        'those for evaluation: delete them'
    ]


def note_rule(files: Mapping[Path, Sequence[Annotation]], rule: SlideRule) -> list[str]:
    """Say what the config needs, and warn if the slides are probably not slides."""
    used = [line for path, f in files.items() if _is_whole(path) for line in f]
    odd = odd_slides(used, rule)
    notes = [] if odd is None else [f'warning: {odd}. {remedy(used, rule)}']
    if rule.text != 'prefix':
        notes.append(
            f'config: write {rule!r} into data.train, data.val and data.test, as it '
            'is not written in the annotation files'
        )
    return notes


def _is_whole(path: Path) -> bool:
    """Tell whether a file holds a whole side: few slides a class are odd by design."""
    return path.name.startswith(('val_', 'train_all_'))


def table_of_files(
    classes: Sequence[str],
    files: Mapping[Path, Sequence[Annotation]],
    rule: SlideRule = PREFIX,
) -> str:
    """Format the slides and patches of each class in each file."""
    lines = [f'class {label}: {name}' for label, name in enumerate(classes)]
    heads = [f'class {label}' for label in range(len(classes))]
    rows = [['slides / patches', *heads, 'all']]
    for path, annotations in files.items():
        patches = Counter(label for _, label in annotations)
        label_of = {rule(name): label for name, label in annotations}
        slides = Counter(label_of.values())
        cells = [f'{slides[k]} / {patches[k]:,}' for k in range(len(classes))]
        rows.append([path.name, *cells, f'{len(label_of)} / {len(annotations):,}'])
    widths = [max(map(len, column)) for column in zip(*rows)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:])]
        lines.append('  '.join([first.ljust(widths[0]), *cells]))
    return '\n'.join(lines)
