"""Stain, against the law of Beer and Lambert."""

import numpy as np
import pytest

from demo.slides.stain import Stain, draw_stain, stain_tissue


def test_light_through_glass_and_through_one_dye():
    stain = Stain(np.array([[1, 0.5, 0], [0, 0, 2]]), light=0.8, scale=1)
    dyes = np.zeros((2, 60, 60), np.float32)
    dyes[0, :30] = 0.7
    rng = np.random.default_rng(0)
    thickness = np.exp(np.random.default_rng(0).normal(0, 0.06))
    image = stain_tissue(dyes, stain, rng)
    assert image.dtype == np.uint8
    assert image[30:].mean((0, 1)) == pytest.approx([204, 204, 204], abs=0.3)
    density = 0.7 * thickness * np.array([1, 0.5, 0])
    expected = 204 * 10 ** (-density / np.log(10))
    assert image[:30].mean((0, 1)) == pytest.approx(expected, abs=0.3)


def test_stains_vary_within_what_a_scanner_gives():
    stains = [draw_stain(np.random.default_rng(i)) for i in range(300)]
    assert all(0.85 <= stain.light <= 1 for stain in stains)
    assert all(0.85 <= stain.scale <= 1.2 for stain in stains)
    amounts = np.array([np.linalg.norm(stain.dyes, axis=1) for stain in stains])
    assert np.median(amounts, axis=0) == pytest.approx([0.42, 0.38], rel=0.08)
    assert np.log(amounts).std(0) == pytest.approx([0.28, 0.28], rel=0.15)
    assert all((stain.dyes > 0).all() for stain in stains)
