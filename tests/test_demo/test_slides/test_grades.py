"""Grades differ in texture, not in colour."""

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from demo.slides.grades import DRAW, draw_tissue
from demo.slides.patches import draw_patch, slide_rng
from demo.slides.stain import draw_stain

CLASSES = {'well': 0, 'moderately': 1, 'non-solid': 2, 'solid': 2}
OPEN = 0.05  # share of the mean concentration: glass


@pytest.mark.parametrize('grade', list(DRAW))
def test_every_grade_takes_up_as_much_of_each_dye(grade):
    dyes = draw_tissue(grade, np.random.default_rng(0), scale=1.1)
    assert dyes.shape == (2, 300, 300)
    assert dyes.dtype == np.float32
    np.testing.assert_allclose(dyes.mean((1, 2)), [1, 1], rtol=1e-4)


def lumina(grade, seed):
    """Areas of the openings in a patch, pixels."""
    dyes = draw_tissue(grade, np.random.default_rng(seed))
    open_glass = (dyes.sum(0) < 2 * OPEN).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(open_glass)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return areas[areas > 9]


@pytest.mark.parametrize('seed', range(5))
def test_glands_open_wide_then_narrow_then_not_at_all(seed):
    well, moderately = lumina('well', seed), lumina('moderately', seed)
    assert np.median(well) > 5 * np.median(moderately)
    assert len(moderately) > 2 * len(well)
    assert len(lumina('solid', seed)) == len(lumina('non-solid', seed)) == 0


def test_mean_colour_does_not_tell_the_class():
    grades = ['well', 'well', 'moderately', 'moderately', 'non-solid', 'solid'] * 24
    colours = [
        draw_patch(grade, draw_stain(slide_rng(5, slide)), 5, slide, 0).mean((0, 1))
        for slide, grade in enumerate(grades)
    ]
    labels = [CLASSES[grade] for grade in grades]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    accuracy = cross_val_score(model, colours, labels, cv=6).mean()
    assert accuracy < 0.5  # chance is 0.33


def test_a_patch_depends_on_its_arguments_alone():
    stain = draw_stain(np.random.default_rng(0))
    first = draw_patch('well', stain, 1, 2, 3)
    np.random.seed(0)
    draw_patch('solid', stain, 1, 2, 4)
    assert (draw_patch('well', stain, 1, 2, 3) == first).all()
    for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4)]:
        assert (draw_patch('well', stain, *other) != first).any()
