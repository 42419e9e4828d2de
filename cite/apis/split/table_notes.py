"""What is probably a mistake in a table of slides, and patients on both sides."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cite.core.files.csv_table import look_alikes, meant
from cite.core.messages import count, shorten
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES
from cite.datasets.tables.published import is_patch_gastric
from cite.datasets.tables.slide_rule import PREFIX, SlideRule
from cite.datasets.tables.slide_table import Slide, patient_column, read_captions


def note_look_alikes(
    slides: Sequence[Slide],
    classes: Mapping[str, Sequence[str]],
    patches: Mapping[str, Sequence[str]],
    grouped: bool,
) -> list[str]:
    """Warn of ids, groups and subtypes that are probably meant to be the same.

    Args:
        slides: rows of the table.
        classes: class name -> subtypes.
        patches: patches of each slide that has some.
        grouped: the rows' groups are those of a column.
    """
    subtypes = [subtype for names in classes.values() for subtype in names]
    kinds = {
        'slide ids (of the table, or that patches begin with)': [
            *(slide.id for slide in slides),
            *patches,
        ],
        'groups': [slide.group for slide in slides] if grouped else [],
        'subtypes': [*subtypes, *(slide.subtype for slide in slides)],
    }
    notes = [
        f'warning: {kind} that are probably meant to be the same, but count as '
        f'different: {shorten(_pairs(cells))}. Write them in one way'
        for kind, cells in kinds.items()
        if _pairs(cells)
    ]
    present = {slide.subtype for slide in slides}
    absent = [repr(subtype) for subtype in subtypes if subtype not in present]
    if absent and classes is not PATCH_GASTRIC_CLASSES:
        notes.append(
            f'warning: no slide of the table has the {count(len(absent), "subtype")} '
            f'{shorten(absent, 20)} of the classes file. Look for other spellings'
        )
    return notes


def _pairs(cells: Sequence[str]) -> list[str]:
    return [' = '.join(map(repr, group)) for group in look_alikes(cells)]


def note_patients(
    table: Path,
    sides: Mapping[str, Sequence[Sequence[str]]],
    rule: SlideRule = PREFIX,
) -> list[str]:
    """State how many patients of the table are on both sides of a split by slides.

    Args:
        table: table of slides.
        sides: slides of each class for ``'evaluation'`` and for ``'training'``.
        rule: which slide a patch belongs to.
    """
    column = patient_column(table, None)
    if column is None:
        return []
    try:
        rows = read_captions(table, column, rule)
        group = {slide.id: slide.group for slide in rows}
    except ValueError as error:  # an empty cell of a column that nobody asked for
        return [f'warning: patients are not looked at: {error}']
    evaluated, trained = (
        {group[slide] for ids in sides[side] for slide in ids}
        for side in ('evaluation', 'training')
    )
    both = sorted(evaluated & trained)
    if not both:
        return [f'no {column} is on both sides']
    return [
        f'warning: {len(both)} of {count(len(evaluated | trained), "patient")} (column '
        f'{column!r}) are trained on and tested on, so the results will look better '
        f'than they are: {shorten(both)}. Split with --group-by {column}'
    ]


def no_id_fits(
    table: Path,
    slides: Sequence[Slide],
    folder: Path,
    patches: Mapping[str, Sequence[str]],
    rule: SlideRule = PREFIX,
) -> str:
    """Return the error for a table none of whose ids begins the name of a patch."""
    patch = next(iter(patches.values()))[0]
    message = (
        f'{table}: none of the {len(slides)} ids fits a patch in {folder}: the table '
        f'has ids such as {slides[0].id!r}, the folder patches such as {patch!r}. '
    )
    if is_patch_gastric(slides):
        return message + (
            "PatchGastric's first published captions.csv had wrong ids: download it "
            'again from https://zenodo.org/record/6550925.'
        )
    by_meaning = {meant(slide): slide for slide in patches}
    alike = [slide.id for slide in slides if meant(slide.id) in by_meaning]
    if alike:
        return message + (
            f'The id {alike[0]!r} and the slide {by_meaning[meant(alike[0])]!r} of '
            'the patches are probably the same: a spreadsheet changed the numbers or '
            'letters. Write the ids as the patches have them.'
        )
    if rule.text != 'prefix':
        return message + (
            f'By {rule!r} that patch belongs to the slide {next(iter(patches))!r}: '
            'correct the rule, or the ids.'
        )
    return message + (
        'The name of a patch is its slide\'s id, then "_", then anything: slide A1 has '
        'the patches A1_0.png, A1_1.png. Rename the patches, correct the ids, or '
        'choose another rule with --slide: folder, or a regular expression.'
    )
