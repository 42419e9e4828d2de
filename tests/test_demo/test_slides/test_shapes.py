"""Contours and places, against geometry."""

import cv2
import numpy as np
import pytest

from demo.slides.shapes import blobs, ellipses, lattice


def test_corners_of_an_ellipse_by_hand():
    # Half axes 3 along the diagonal and 1 across, around (10, 20).
    corners = ellipses(np.array([[10.0, 20.0]]), 3, 1, np.pi / 4, points=4)[0]
    s = np.sqrt(0.5)
    expected = [[3 * s, 3 * s], [-s, s], [-3 * s, -3 * s], [s, -s]]
    np.testing.assert_allclose(corners - [10, 20], expected, atol=1e-12)


def test_each_ellipse_has_its_own_axes():
    centres = np.zeros((2, 2))
    areas = [
        cv2.contourArea(np.float32(corners))
        for corners in ellipses(centres, np.array([2, 5]), np.array([1, 3]), points=200)
    ]
    assert areas == pytest.approx([2 * np.pi, 15 * np.pi], rel=1e-3)


def test_blobs_are_as_large_as_circles_on_the_average():
    rng = np.random.default_rng(0)
    contours = blobs(rng, np.zeros((2000, 2)), 10.0, points=60)
    reach = np.linalg.norm(contours, axis=2)
    assert reach.mean() == pytest.approx(10, rel=0.01)
    # Four waves of standard deviation 0.13 and a random phase: 0.13 * sqrt(4 / 2).
    assert reach.std() == pytest.approx(1.84, rel=0.03)


def test_an_unmoved_lattice_is_hexagonal_and_covers_the_square():
    places = lattice(np.random.default_rng(1), 300, 25, jitter=0)
    gaps = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(gaps, np.inf)
    inner = np.all((places > 30) & (places < 270), axis=1)
    nearest = np.sort(gaps[inner], axis=1)
    np.testing.assert_allclose(nearest[:, :6], 25)  # six neighbours
    np.testing.assert_allclose(nearest[:, 6], 25 * np.sqrt(3))
    grid = np.stack(np.meshgrid(np.arange(300), np.arange(300)), -1).reshape(-1, 1, 2)
    far = np.linalg.norm(grid[::37] - places, axis=2).min(1)
    assert far.max() <= 25 / np.sqrt(3) + 1e-9  # the middle of a triangle
