import numpy as np
import pytest
from PIL import Image

from benchmarks.data_path import ROWS, SIDES, measure, measure_in_process


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(6):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{"abc"[i % 3]}_{i}.jpg')
    ann_file = tmp_path / 'ann.txt'
    ann_file.write_text(''.join(f'{"abc"[i % 3]}_{i}.jpg {i % 3}\n' for i in range(6)))
    return {'data_prefix': str(tmp_path), 'ann_file': str(ann_file)}


@pytest.mark.parametrize('row', ROWS)
@pytest.mark.parametrize('side', list(SIDES))
def test_every_row_is_measured_on_both_sides(files, row, side):
    assert measure(row, side, images=6, batch=4, workers=0, **files) > 0


@pytest.mark.usefixtures('forks')
def test_a_process_of_its_own_measures_the_workers_too(files):
    assert measure_in_process('few_slide', 'ours', images=6, workers=1, **files) > 0


def test_unknown_rows_are_refused(files):
    with pytest.raises(ValueError, match="row='all'"):
        measure('all', 'ours', **files)
