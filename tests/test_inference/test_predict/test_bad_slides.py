"""A night's batch with every fault: each is named, the others are finished."""

import csv
import os
import sys

import numpy as np
import pytest
import tifffile
from commands import attempt
from slide_files import draw, write_pyramid

GOOD = ('good-1', 'good-2')
# What the file is, and a word of the sentence about it.
FAULTS = {
    'cut.tiff': '',
    'empty.svs': '',
    'noise.svs': '',
    'text.tiff': '',
    'no_scale.tiff': '--mpp',
    'no_tissue.tiff': 'no tissue was found',
}


@pytest.fixture(scope='module')
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp('night')
    tissue = draw(640, 512, ((64, 64, 384, 320),))
    for name in GOOD:
        write_pyramid(folder / f'{name}.tiff', tissue)
        tissue = tissue[:, ::-1]
    data = (folder / 'good-1.tiff').read_bytes()
    (folder / 'cut.tiff').write_bytes(data[:200])
    (folder / 'empty.svs').write_bytes(b'')
    noise = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)
    (folder / 'noise.svs').write_bytes(noise.tobytes())
    (folder / 'text.tiff').write_text('not a slide')
    write_pyramid(folder / 'no_scale.tiff', tissue, None)
    write_pyramid(folder / 'no_tissue.tiff', draw(640, 512, ()))
    write_pyramid(folder / 'damaged.tiff', draw(640, 512, ((0, 64, 448, 384),)))
    with tifffile.TiffFile(folder / 'damaged.tiff') as file:
        page = file.pages[0]
        start, length = page.dataoffsets[0], page.databytecounts[0]
    with open(folder / 'damaged.tiff', 'r+b') as file:
        file.seek(start)
        file.write(b'\xff' * length)
    return folder


@pytest.mark.parametrize('command', ['predict', 'tile'])
def test_each_fault_is_one_sentence_and_the_rest_is_finished(
    command, passed, night, tmp_path
):
    out = tmp_path / 'out'
    own = ('--model', passed.model) if command == 'predict' else ('--patch-pixels', 64)
    arguments = [sys.executable, '-m', 'cite', command, night, '--out', out, *own]
    done = attempt(*arguments, OMP_NUM_THREADS='1')
    assert done.returncode == 1, done.stdout
    assert 'Traceback' not in done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith('failed: ')]
    assert len(failed) == len(FAULTS)
    for file, word in FAULTS.items():
        (line,) = (line for line in failed if f'{os.sep}{file}' in line)
        assert word in line
        assert len(line) > len(f'failed: {night}{file}') + 20
    with open(out / 'slides.csv', newline='', encoding='utf-8') as file:
        rows = {row['id']: row for row in csv.DictReader(file) if row['id']}
    assert set(rows) == {*GOOD, 'damaged'}
    assert int(rows['damaged']['missing']) > 0
    assert not list(out.rglob('*.partial'))
    again = attempt(*arguments, OMP_NUM_THREADS='1')
    assert again.returncode == 1, again.stdout
