"""A copy of PatchGastric is compared with the published counts; other data are not."""

from pathlib import Path

import pytest

from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES
from cite.datasets.tables.published import compare_counts
from cite.datasets.tables.slide_table import Slide, read_captions

SHARED = Path(__file__).resolve().parents[4] / 'shared' / 'data'
TABLE, FOLDER = Path('data/captions.csv'), Path('data/patches_captions')
# data/README.md: the first id of the corrected table.
FIRST = 'f77a619f6ccc449f915b44bdc0d6d8f0'


def make_slides(*numbers, first=FIRST):
    """Return as many slides of each class, and some of no class."""
    subtypes = [subtypes[-1] for subtypes in PATCH_GASTRIC_CLASSES.values()]
    names = [s for s, n in zip(subtypes, numbers) for _ in range(n)]
    names += ['Papillary adenocarcinoma'] * 3
    ids = [first, *(f'{i:032x}' for i in range(1, len(names)))]
    return [Slide(id_, name, id_) for id_, name in zip(ids, names)]


def make_patches(slides, number):
    """Spread a number of patches over the first 693 slides; the others have one."""
    patches = {slide.id: ['one.jpg'] for slide in slides}
    for i, slide in enumerate(slides[:693]):
        patches[slide.id] = ['one.jpg'] * (number // 693 + (i < number % 693))
    return patches


def messages(slides, patches):
    return compare_counts(TABLE, slides, FOLDER, patches)


def test_the_published_counts_pass():
    slides = make_slides(283, 265, 145)
    assert messages(slides, make_patches(slides, 179_285)) == []
    assert messages(slides, None) == []


def test_a_table_without_some_slides_is_named_with_both_counts():
    ((path, message),) = messages(make_slides(283, 265, 144), None)
    assert path == TABLE
    assert message.startswith('692 (283/265/144) slides')
    assert '693 (283/265/145) were published' in message
    assert 'download captions.csv again' in message


@pytest.mark.parametrize(
    ('number', 'found', 'reason'),
    [(179_284, '179,284', 'interrupted'), (179_286, '179,286', 'copies')],
)
def test_a_folder_with_fewer_or_more_patches(number, found, reason):
    slides = make_slides(283, 265, 145)
    ((path, message),) = messages(slides, make_patches(slides, number))
    assert path == FOLDER
    assert message.startswith(f'{found} patches')
    assert '179,285 were published' in message
    assert reason in message
    assert 'unzip patches_captions.zip again' in message


def test_other_slides_of_the_same_classes_pass():
    slides = make_slides(4, 4, 4, first='ab' * 16)
    assert messages(slides, make_patches(slides, 100)) == []


def test_each_half_of_the_real_table_is_recognised():
    table = SHARED / 'patchgastric' / 'captions.csv'
    if not table.is_file():
        pytest.skip('the shared table is not beside this checkout')
    slides = read_captions(table)
    assert messages(slides, None) == []
    for part in (slides[:495], slides[495:], slides[:-1][::-1][:495]):
        ((path, message),) = messages(part, None)
        assert path == TABLE
        assert '693 (283/265/145) were published' in message


def test_the_slides_of_glas_are_not_compared():
    table = SHARED / 'glas' / 'captions.csv'
    if not table.is_file():
        pytest.skip('the shared table is not beside this checkout')
    assert messages(read_captions(table), {}) == []
