"""The picture of an evaluation: its content, its layout, and that nothing overlaps."""

from itertools import combinations

import numpy as np
import pytest
from damaged_images import jpeg_that_claims, png_with_short_chunk
from matplotlib.figure import Figure
from PIL import Image

from cite.apis.overview import choose_patches, draw_overview
from cite.apis.overview_panels import draw_confusion, draw_patches, draw_slides
from cite.apis.predictions import SlidePredictions

CLASSES = ['Well differentiated', 'Moderately differentiated', 'Poorly differentiated']


def predictions(rows):
    """Make slides from (name, label, scores)."""
    names, labels, scores = zip(*rows)
    return SlidePredictions(np.array(names), np.array(labels), np.array(scores))


FOUR = predictions(
    [
        ('a', 0, [0.6, 0.3, 0.1]),
        ('b', 0, [0.9, 0.1, 0.0]),
        ('c', 1, [0.5, 0.2, 0.3]),
        ('d', 2, [0.2, 0.3, 0.5]),
    ]
)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_bars_are_the_probabilities_the_own_class_at_the_bottom(ax):
    draw_slides(ax, FOUR, CLASSES)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ['b', 'a', 'c', 'd']
    layers = [[bar.get_height() for bar in layer] for layer in ax.containers]
    np.testing.assert_allclose(layers[0], [0.9, 0.6, 0.2, 0.5])
    np.testing.assert_allclose(np.sum(layers, axis=0), 1)
    colours = [bar.get_facecolor() for bar in ax.containers[0]]
    assert colours[0] == colours[1]
    assert len(set(colours)) == 3
    # The class after the own one lies on it, in its own colour.
    assert ax.containers[1][0].get_facecolor() == colours[2]
    assert ax.containers[1][0].get_y() == pytest.approx(0.9)


def test_wrong_slides_are_marked(ax):
    draw_slides(ax, FOUR, CLASSES)
    marks = ax.lines[0].get_xdata()
    assert marks == pytest.approx([ax.get_xticks()[2]])  # c


def test_confusion_matrix_has_true_classes_in_rows(ax):
    draw_confusion(ax, FOUR, CLASSES)
    texts = {tuple(map(int, t.get_position())): t.get_text() for t in ax.texts}
    assert len(texts) == 9
    assert texts[0, 0] == '2\n100 %'  # (predicted, true)
    assert texts[0, 1] == '1\n100 %'
    assert texts[1, 1] == '0\n0 %'


def test_each_class_gets_its_patches(ax):
    axes = Figure().subplots(2, 1)
    images = [[np.full((4, 4, 3), 0.1 * i) for i in range(n)] for n in (3, 1)]
    draw_patches(axes, ['one', 'two'], images)
    assert [len(a.images) for a in axes] == [3, 1]
    assert [a.get_title(loc='left') for a in axes] == ['0: one', '1: two']
    assert axes[0].get_xlim() == axes[1].get_xlim()


@pytest.mark.parametrize(('slides', 'classes'), [(9, 3), (60, 2), (400, 6)])
def test_class_names_do_not_meet(slides, classes):
    figure = Figure(figsize=(13, 4), layout='constrained')
    ax = figure.subplots()
    labels = np.arange(slides) % classes
    scores = np.full((slides, classes), 1 / classes)
    names = np.array([f'slide{i}' for i in range(slides)])
    long = [f'A class whose name is long enough to be cut, {k}' for k in range(classes)]
    draw_slides(ax, SlidePredictions(names, labels, scores), long)
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in ax.texts if 'class' in t.get_text()]
    assert len(boxes) == classes
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    titles = ax.title.get_window_extent()
    assert not any(box.overlaps(titles) for box in boxes)


@pytest.fixture
def files(tmp_path):
    """Return an annotation file of seven slides, two patches each, three classes."""
    labels = {'a': 0, 'b': 0, 'c': 0, 'd': 1, 'e': 1, 'f': 2, 'g': 2}
    lines = []
    for number, (slide, label) in enumerate(labels.items()):
        for patch in range(2):
            name = f'{slide}_{patch}.png'
            colour = (30 * number, 0, 200)
            Image.new('RGB', (20, 20), colour).save(tmp_path / name)
            lines.append(f'{name} {label}')
    (tmp_path / 'val.txt').write_text('\n'.join(lines))
    return tmp_path / 'val.txt', tmp_path


def test_patches_are_of_slides_spread_over_the_file(files):
    chosen = choose_patches(*files, num_classes=3, count=2)
    assert [[path.name for path in row] for row in chosen] == [
        ['a_0.png', 'c_0.png'],
        ['d_0.png', 'e_0.png'],
        ['f_0.png', 'g_0.png'],
    ]
    assert [len(row) for row in choose_patches(*files, num_classes=3)] == [3, 2, 2]


def test_the_picture_is_written(files, tmp_path):
    patches = choose_patches(*files, num_classes=3)
    path = draw_overview(FOUR, CLASSES, patches, tmp_path / 'new' / 'overview.png')
    with Image.open(path) as image:
        width, height = image.size
        pixels = np.asarray(image.convert('RGB'))
    assert width == 1430
    assert height > 900
    # The patches' own colours are in it, each over a good area.
    for number in range(7):
        seen = (np.abs(pixels.astype(int) - (30 * number, 0, 200)).max(2) < 3).sum()
        assert seen > 5000


def test_numbers_of_classes_that_differ(tmp_path):
    with pytest.raises(ValueError, match=r'2 class names, patches of 3 .* scores of 3'):
        draw_overview(FOUR, CLASSES[:2], [[], [], []], tmp_path / 'o.png')
    assert not (tmp_path / 'o.png').exists()


def test_a_damaged_or_oversized_patch_is_left_out_with_a_warning(files, tmp_path):
    patches = choose_patches(*files, num_classes=3)
    patches[0][0].write_bytes(png_with_short_chunk())
    patches[1][0].write_bytes(jpeg_that_claims(20_000, 20_000))
    with pytest.warns(UserWarning, match='left out of the picture') as warned:
        path = draw_overview(FOUR, CLASSES, patches, tmp_path / 'overview.png')
    assert path.is_file()
    text = ' '.join(str(warning.message) for warning in warned)
    assert patches[0][0].name in text
    assert patches[1][0].name in text


def test_a_missing_patch_is_named(files, tmp_path):
    patches = choose_patches(*files, num_classes=3)
    patches[2][1].unlink()
    with pytest.raises(
        FileNotFoundError, match=rf'{patches[2][1].name}: no such patch'
    ):
        draw_overview(FOUR, CLASSES, patches, tmp_path / 'overview.png')
