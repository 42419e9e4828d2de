"""A slide that is deleted, cut, replaced or written to while it is predicted."""

import re

import pytest
from answer_files import contents
from changing_slides import CHANGED, CHANGES, WORDS
from PIL import Image
from slide_files import draw, write_pyramid

from cite.inference.predict.answer_slide import Options
from cite.inference.predict.jobs import find_jobs
from cite.inference.predict.predict_slide import Load
from cite.inference.predict.run import predict_slides

PLAIN = Options(viewer=False)


@pytest.fixture
def after_a_batch(predictor, monkeypatch):
    """Return a function that has something happen after the model's first batch."""

    def once(work):
        forward = predictor.forward

        def then(batch):
            monkeypatch.setattr(predictor, 'forward', forward)
            scores = forward(batch)
            work()
            return scores

        monkeypatch.setattr(predictor, 'forward', then)

    return once


def predict(predictor, folder, out, workers=0):
    load = Load(batch_size=4, workers=workers)
    return predict_slides(predictor, find_jobs([folder]), out, PLAIN, load, say=str)


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('change', CHANGES)
def test_it_fails_alone_and_the_next_start_reads_what_is_there(
    change, workers, predictor, after_a_batch, tmp_path
):
    slides, out = tmp_path / 'slides', tmp_path / 'out'
    slides.mkdir()
    first = write_pyramid(slides / 'a.tiff', draw(1024, 768, ((64, 64, 896, 640),)))
    write_pyramid(slides / 'b.tiff', draw(512, 384, ((64, 64, 256, 192),)))
    dark = draw(1024, 768, ((64, 64, 896, 640),), (105, 60, 130))
    other = write_pyramid(tmp_path / 'other.tiff', dark)
    after_a_batch(lambda: CHANGES[change](first, other))
    failures = predict(predictor, slides, out, workers)
    assert [*failures] == [str(first)]
    assert re.search(WORDS.get(change, CHANGED), failures[str(first)])
    assert {path.stem for path in (out / 'manifest').iterdir()} == {'b'}
    assert not [
        name for name in contents(out) if name.startswith(('tiles/a', 'maps/a'))
    ]
    if change in ('replace', 'overwrite'):
        assert predict(predictor, slides, out, workers) == {}
        first.write_bytes(other.read_bytes())
        assert predict(predictor, slides, tmp_path / 'fresh') == {}
        assert contents(out) == contents(tmp_path / 'fresh')


@pytest.mark.parametrize('change', ['delete', 'overwrite'])
def test_a_patch_too(change, predictor, after_a_batch, tmp_path):
    folder = tmp_path / 'patches'
    folder.mkdir()
    for i in range(8):
        Image.new('RGB', (64, 64), (150, 20 * i, 90)).save(folder / f's_{64 * i}_0.png')
    Image.new('RGB', (64, 64)).save(tmp_path / 'other.png')
    patch = folder / 's_0_0.png'
    after_a_batch(lambda: CHANGES[change](patch, tmp_path / 'other.png'))
    failures = predict(predictor, folder, tmp_path / 'out')
    (reason,) = failures.values()
    word = 's_0_0.png: no ' if change == 'delete' else 'patches changed'
    assert word in reason
