"""The demo's controls, against counting, theory and scikit-learn's chance."""

from collections import Counter, defaultdict
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from cite.apis.predictions import SlidePredictions
from demo.controls import chance_band, colour_accuracy, shuffle_labels


def write_ann(path, slides_per_class, patches=2):
    lines = [
        f'c{label}s{slide}_{patch}.jpg {label}'
        for label, slides in enumerate(slides_per_class)
        for slide in range(slides)
        for patch in range(patches)
    ]
    path.write_text('\n'.join(lines) + '\n')
    return path


def dealt_labels(path):
    labels = defaultdict(set)
    for line in path.read_text().splitlines():
        name, label = line.split()
        labels[name.split('_')[0]].add(int(label))
    return labels


def test_each_true_class_gets_all_labels_equally_often(tmp_path):
    ann = write_ann(tmp_path / 'ann.txt', [6, 6, 9])
    labels = dealt_labels(shuffle_labels(ann, tmp_path / 'new' / 'out.txt', seed=0))
    assert all(len(found) == 1 for found in labels.values())  # slides stay whole
    counts = Counter((slide[1], *found) for slide, found in labels.items())
    assert counts == {(str(k), d): [2, 2, 3][k] for k in range(3) for d in range(3)}
    lines = (tmp_path / 'new' / 'out.txt').read_text().splitlines()
    names = {line.split()[0] for line in lines}
    assert names == {line.split()[0] for line in ann.read_text().splitlines()}


def test_left_over_slides_differ_by_one_and_the_seed_decides(tmp_path):
    ann = write_ann(tmp_path / 'ann.txt', [7, 8, 4], patches=1)
    texts = set()
    over = Counter()
    for seed in range(30):
        out = shuffle_labels(ann, tmp_path / 'out.txt', seed)
        texts.add(out.read_text())
        labels = dealt_labels(out)
        for k in '012':
            found = Counter(min(v) for slide, v in labels.items() if slide[1] == k)
            assert max(found.values()) - min(found[d] for d in range(3)) == 1
        over.update(min(v) for slide, v in labels.items() if slide[1] == '0')
    assert len(texts) == 30
    assert min(over.values()) > 60  # of 210: no label gets all that is left over
    again = shuffle_labels(ann, tmp_path / 'again.txt', seed=29)
    assert again.read_text() == out.read_text()


def predictions(predicted, labels):
    scores = np.eye(3)[predicted]
    names = np.array([f's{i}' for i in range(len(labels))])
    return SlidePredictions(names, np.array(labels), scores)


def test_band_of_one_true_class_against_all_permutations():
    labels, predicted = [0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 0]
    shares = [
        np.mean([a == b for a, b in zip(dealt, predicted)])
        for dealt in set(permutations(labels))
    ]
    band = chance_band([predictions(predicted, labels)], [np.zeros(6, int)])
    assert band == pytest.approx(np.quantile(shares, [0.025, 0.975]))
    assert band.low < 1 / 3 < band.high


def test_labels_are_dealt_within_a_true_class_only():
    # Each true class got one label, so that dealing again changes nothing.
    run = predictions([0, 0, 1, 1], [0, 0, 1, 2])
    assert chance_band([run], [np.array([0, 0, 1, 2])]) == (0.75, 0.75)


def test_more_runs_make_the_band_narrower():
    rng = np.random.default_rng(0)
    runs = [predictions(rng.integers(0, 3, 54), np.arange(54) % 3) for _ in range(9)]
    true = [np.arange(54) // 18] * 9
    widths = [
        band.high - band.low
        for band in (chance_band(runs[:1], true[:1]), chance_band(runs, true))
    ]
    # Binomial: 2 * 1.96 * sqrt(2 / 9 / 54) = 0.25 for one run, a third for nine.
    assert widths == pytest.approx([0.25, 0.084], rel=0.2)


@pytest.fixture
def coloured(tmp_path):
    """Return a function that paints patches and gives the control's accuracy."""

    def measure(colour_of):
        ann_files = [tmp_path / 'train.txt', tmp_path / 'val.txt']
        for ann_file, prefix in zip(ann_files, 'tv'):
            lines = write_ann(ann_file, [10, 10, 10]).read_text().splitlines()
            ann_file.write_text('\n'.join(prefix + line for line in lines))
            for line in lines:
                name, label = line.split()
                colour = np.clip(colour_of(int(label)), 0, 255).astype(np.uint8)
                pixels = np.tile(colour, (8, 8, 1))
                Image.fromarray(pixels).save(tmp_path / f'{prefix}{name}')
        return colour_accuracy(*ann_files, tmp_path)

    return measure


def test_it_finds_classes_that_differ_in_colour(coloured):
    rng = np.random.default_rng(0)
    means = np.array([[120, 60, 60], [60, 120, 60], [60, 60, 120]])
    assert coloured(lambda k: means[k] + rng.normal(0, 12, 3)) == 100


def test_it_finds_nothing_where_there_is_nothing(coloured):
    rng = np.random.default_rng(0)
    assert coloured(lambda k: rng.integers(40, 200, 3)) < 60
