"""Flags state the figure that they rest on."""

import numpy as np
import pytest

from cite.inference.predict import flags

CLASSES = ['well', 'poorly']


def test_little_tissue_says_how_much():
    flag = flags.little_tissue(0.42, 18)
    assert '18 tiles of 0.42 mm²' in flag.text
    assert flags.little_tissue(1.0, 18) is None
    assert flags.little_tissue(5.0, 3) is not None
    assert '1 tile.' in flags.little_tissue(None, 1).text


@pytest.mark.parametrize(
    ('source', 'key'),
    [
        ('openslide', None),
        ('override', 'mpp overridden'),
        ('vendor text', 'mpp guessed'),
        ('TIFF resolution', 'mpp guessed'),
    ],
)
def test_the_source_of_the_scale(source, key):
    flag = flags.scale_source(0.499, source)
    assert (flag and flag.key) == key
    assert flag is None or '0.499' in flag.text


def test_a_scan_that_is_coarser_than_training_says_how_much():
    assert flags.enlarged_tiles(0.499, 0.5) is None
    assert flags.enlarged_tiles(0.25, 0.5) is None
    assert flags.enlarged_tiles(0.6, 0.5) is None  # 1.2 times
    flag = flags.enlarged_tiles(1.0, 0.5)
    assert flag.key == 'enlarged'
    assert '2.0 times: the scan has 1 µm a pixel, training patches had 0.5' in flag.text


def test_missing_tiles_that_could_not_change_the_answer():
    # 10 tiles sum to 8 : 2. Two more for "poorly" give 8 : 4.
    flag = flags.missing_tiles(np.array([[0.8, 0.2]] * 10, 'f4'), 2, CLASSES)
    assert 'could not have changed the answer' in flag.text
    assert '2 of 12 tiles' in flag.text
    assert 'well has 0.833 if all of them had spoken for it' in flag.text  # 10 / 12
    assert '0.667 if all had spoken against it' in flag.text  # 8 / 12


def test_missing_tiles_that_could_have_changed_it():
    flag = flags.missing_tiles(np.array([[0.8, 0.2]] * 10, 'f4'), 7, CLASSES)
    assert 'could have changed the answer to poorly' in flag.text  # 8 : 9
    assert flags.missing_tiles(np.ones((3, 2)), 0, CLASSES) is None


def test_an_unstable_answer_names_the_change():
    shifted = {'half a tile': np.array([0.4, 0.6]), 'mpp': np.array([0.9, 0.1])}
    flag = flags.unstable(0, shifted, CLASSES)
    assert 'poorly (0.600) with half a tile' in flag.text
    assert 'mpp' not in flag.text
    assert flags.unstable(0, {'mpp': np.array([0.9, 0.1])}, CLASSES) is None


def test_few_far_tiles_are_expected():
    assert flags.far_features(0.01) is None
    assert flags.far_features(None) is None
    assert '35 %' in flags.far_features(0.35).text


def test_a_training_slide_and_its_patient():
    assert flags.training_slide('s', True, True).key == 'training slide'
    assert flags.training_slide('s', False, True).key == 'training patient'
    assert flags.training_slide('s', False, False) is None
    assert flags.patient_of('TCGA-CR-7395-01A-01-TS1') == 'TCGA-CR-7395'
    assert flags.patient_of('TCGA-CR-73951-01A') == 'TCGA-CR-73951-01A'
