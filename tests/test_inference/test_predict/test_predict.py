"""From slides to answers: the numbers, what is written, and what goes wrong."""

import csv
import json
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from answer_files import contents
from commands import run
from kills import fork
from patient_slides import SECRET, require_no_patient, write_patient_slide
from PIL import Image
from qupath_rules import check_qupath
from slide_files import draw, real_slide, write_leica, write_pyramid
from tiny_training import PYTHONPATH

from cite.apis.tile import TileSettings, tile_slides
from cite.inference.predict import write_slide
from cite.inference.predict.answer_slide import Options
from cite.inference.predict.jobs import Job, find_jobs
from cite.inference.predict.outputs.tile_table import read_tile_csv
from cite.inference.predict.predict_slide import Load
from cite.inference.predict.run import predict_slides
from cite.inference.predict.sources import Cut
from cite.inference.predict.write_slide import SlideFolder
from cite.inference.predictor import Predictor
from cite.slides import open_slide

PLAIN = Options(viewer=False)


def predict(predictor, paths, out, options=PLAIN, load=Load(), **kwargs):  # noqa: B008
    lines = []
    jobs = find_jobs(paths, **kwargs)
    failures = predict_slides(predictor, jobs, out, options, load, lines.append)
    return failures, lines


def tiles_of(predictor, out, name):
    return read_tile_csv(out / 'tiles' / f'{name}.csv', predictor.classes)


def manifest_of(out, name):
    return json.loads((out / 'manifest' / f'{name}.json').read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def answers(predictor, slide, tmp_path_factory):
    out = tmp_path_factory.mktemp('answers')
    options = Options(features=True)
    failures, _ = predict(predictor, [slide], out, options)
    assert failures == {}
    return out


def test_equal_bits_to_mim_test_on_the_tiles_saved_lossless(
    passed, predictor, slide, answers, tmp_path
):
    from mmcv import Config

    from cite.slides import find_tissue, make_grid, open_slide, read_tile

    with open_slide(slide) as reader:
        grid = make_grid(reader, find_tissue(reader), 64, 0.5)
        patches = tmp_path / 'patches_captions'
        patches.mkdir()
        names = [f's_{x}_{y}.png' for x, y in zip(grid.x, grid.y)]
        for i, name in enumerate(names):
            Image.fromarray(read_tile(reader, grid, i)).save(patches / name)
    (tmp_path / 'ann.txt').write_text(''.join(f'{name} 0\n' for name in names))
    cfg = Config.fromfile(passed.config)
    cfg.data.test.update(data_prefix=f'{patches}/', ann_file=str(tmp_path / 'ann.txt'))
    cfg.dump(str(tmp_path / 'config.py'))
    tested = [
        *(sys.executable, '-W', 'ignore', '-m', 'cite', 'test'),
        *(str(tmp_path / 'config.py'), passed.checkpoint, '--out', 'results.json'),
        *('--out-items', 'class_scores', '--metrics', 'accuracy'),
    ]
    threads = str(torch.get_num_threads())
    run(*tested, cwd=tmp_path, PYTHONPATH=PYTHONPATH, OMP_NUM_THREADS=threads)
    scores = json.loads((tmp_path / 'results.json').read_text())['class_scores']
    tiles = tiles_of(predictor, answers, 'two-pieces')
    np.testing.assert_array_equal(tiles.coords, np.stack([grid.x, grid.y], 1))
    assert tiles.probabilities.tobytes() == np.array(scores, np.float32).tobytes()


@pytest.mark.parametrize(('batch', 'workers'), [(1, 0), (7, 1), (100, 3)])
def test_equal_files_for_any_batch_size_and_workers(
    predictor, slide, answers, tmp_path, batch, workers
):
    options = Options(features=True)
    predict(predictor, [slide], tmp_path / 'out', options, Load(batch, workers))
    assert contents(tmp_path / 'out') == contents(answers)


def test_tiles_cover_the_tissue_and_nothing_else(predictor, answers):
    tiles = tiles_of(predictor, answers, 'two-pieces')
    assert tiles.size == 64
    # A grid of 64 from the corner (128, 128): 5 x 4 tiles in one piece and 4 x 3 in
    # the other, give or take a thumbnail's pixel at the edges.
    assert (len(tiles.coords), [128, 128] in tiles.coords.tolist()) == (32, True)
    assert ((tiles.coords - 128) % 64 == 0).all()


def test_the_slides_probabilities_are_the_mean_of_its_tiles(predictor, answers):
    tiles = tiles_of(predictor, answers, 'two-pieces')
    mean = tiles.probabilities.astype(np.float64).mean(0)
    with open(answers / 'slides.csv', newline='', encoding='utf-8') as file:
        (row,) = csv.DictReader(file)
    got = [float(row[f'prob_{name}']) for name in predictor.classes]
    np.testing.assert_allclose(got, mean, rtol=1e-12)
    assert row['predicted'] == predictor.classes[int(mean.argmax())]
    assert (row['id'], row['file']) == ('two-pieces', 'two_pieces.tiff')
    assert row['tiles'] == '32'
    assert row['missing'] == '0'
    assert float(row['tissue_mm2']) == pytest.approx(
        (320 * 256 + 256 * 192) * 0.25e-6, rel=0.05
    )
    assert row['mpp_source'] == 'openslide'


def test_features_are_the_models(predictor, answers):
    with h5py.File(answers / 'features' / 'two-pieces.h5') as file:
        scores = predictor.score(file['features'][()])
        coords = file['coords'][()]
        assert file['coords'].attrs['patch_size_level0'] == 64
    tiles = tiles_of(predictor, answers, 'two-pieces')
    assert scores.tobytes() == tiles.probabilities.tobytes()
    np.testing.assert_array_equal(coords, tiles.coords)


def test_a_finished_slide_is_left_alone(predictor, slide, answers):
    before = {p: p.stat().st_mtime_ns for p in answers.glob('tiles/*')}
    _, lines = predict(predictor, [slide], answers, Options(features=True))
    assert 'there already' in lines[0]
    assert before == {p: p.stat().st_mtime_ns for p in answers.glob('tiles/*')}


@pytest.mark.parametrize('damage', ['cut', 'delete', 'manifest'])
def test_a_damaged_answer_is_written_again(predictor, slide, answers, tmp_path, damage):
    out = tmp_path / 'out'
    shutil.copytree(answers, out)
    table = out / 'tiles' / 'two-pieces.csv'
    if damage == 'cut':
        table.write_bytes(table.read_bytes()[:-10])
    elif damage == 'delete':
        (out / 'maps' / 'two-pieces_class.png').unlink()
    else:
        (out / 'manifest' / 'two-pieces.json').write_text('{"format": 1')
    _, lines = predict(predictor, [slide], out, Options(features=True))
    assert 'there already' not in lines[0]
    assert contents(out) == contents(answers)


def test_other_options_are_another_answer(predictor, slide, answers, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(answers, out)
    _, lines = predict(predictor, [slide], out, Options(stride=0.5, viewer=False))
    assert 'there already' not in lines[0]
    assert manifest_of(out, 'two-pieces')['grid']['tiles'] > 100


def test_nothing_of_an_earlier_answer_stays_beside_another(
    passed, slide, answers, tmp_path
):
    """Else the report leads to a page with the classes of the model before."""
    out, texts = tmp_path / 'out', tmp_path / 'texts.yml'
    shutil.copytree(answers, out)
    texts.write_text('Drüse: a gland\nSolide: [solid sheet, no gland]\n', 'utf-8')
    other = Predictor(passed.model, 'cpu', texts=texts)
    assert predict(other, [slide], out)[0] == {}
    name = 'two-pieces'
    assert {path.name for path in (out / 'maps').iterdir()} == {
        f'{name}_{kind}.png' for kind in ('Drüse', 'Solide', 'class')
    }
    assert 'viewer/' not in (out / 'report.html').read_text('utf-8')
    assert not [*(out / 'viewer').iterdir()]
    kept = out / 'features' / f'{name}.h5'  # these are of no class, and dear
    assert kept.read_bytes() == (answers / 'features' / f'{name}.h5').read_bytes()


@pytest.mark.parametrize(
    'file',
    ['viewer/..', 'viewer/../tiles', '../secret', 'tiles/other.csv', 'secret', '', 7],
)
def test_a_hostile_manifest_removes_nothing_of_others(file, slide, answers, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(answers, out)
    for secret in (tmp_path / 'secret', out / 'secret', out / 'tiles' / 'other.csv'):
        secret.write_text('kept')
    path = out / 'manifest' / 'two-pieces.json'
    manifest = manifest_of(out, 'two-pieces')
    manifest['files'] = {file: '', **manifest['files']}
    path.write_text(json.dumps(manifest), 'utf-8')
    before = {p: p.stat().st_size for p in tmp_path.rglob('*') if p.is_file()}
    with SlideFolder(out, 'two-pieces') as folder:
        folder.place('tiles', 'two-pieces.csv').write_text('')
        folder.keep()
    gone = {p.relative_to(out).parts[0] for p in before if not p.exists()}
    assert gone == {'geojson', 'maps', 'viewer', 'manifest'}
    assert {p.parent.name for p in tmp_path.rglob('secret')} == {tmp_path.name, 'out'}
    assert (out / 'tiles' / 'other.csv').read_text() == 'kept'


def test_after_a_kill_the_second_start_gives_the_same(
    passed, predictor, slide, answers, tmp_path
):
    out = tmp_path / 'out'

    def work(moment):
        torch.set_num_threads(1)  # a fork has none of its parent's threads
        setattr(write_slide, moment, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        predict(predictor, [slide], out, Options(features=True))

    for moment in ('write_maps', 'flush', 'write_manifest'):
        _, status = os.waitpid(fork(partial(work, moment)), 0)
        assert os.WIFSIGNALED(status)
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert not (out / 'manifest' / 'two-pieces.json').exists()
    predict(predictor, [slide], out, Options(features=True))
    assert contents(out) == contents(answers)
    assert not list(out.glob('.*.partial'))


def test_what_a_killed_run_left_is_gone_before_the_first_answer(predictor, tmp_path):
    """It may be what fills the disk."""
    out = tmp_path / 'out'
    left = out / '.case.0123abcd.partial'
    left.mkdir(parents=True)
    (left / 'features.h5').write_bytes(bytes(99))
    (out / 'manifest').mkdir()
    for name in ('slides.csv', 'report.html', 'manifest/a.json'):
        (out / f'{name}.0123abcd.partial').write_bytes(b'{')
    path = write_pyramid(tmp_path / 'a.tiff', draw(512, 512, ((64, 64, 300, 300),)))
    there = []

    def say(line):
        there.extend(out.rglob('*.partial'))

    assert predict_slides(predictor, find_jobs([path]), out, PLAIN, say=say) == {}
    assert there == []


def test_one_bad_slide_does_not_stop_the_rest(predictor, slide, tmp_path):
    folder = tmp_path / 'night'
    folder.mkdir()
    (folder / 'a_broken.svs').write_bytes(slide.read_bytes()[:500])
    write_pyramid(folder / 'b_empty.tiff', draw(512, 512, ()))
    write_pyramid(
        folder / 'c_no_scale.tiff', draw(512, 512, ((64, 64, 300, 300),)), None
    )
    shutil.copy(slide, folder / 'd.tiff')
    failures, _ = predict(predictor, [folder], tmp_path / 'out')
    reasons = {path.rpartition('/')[2]: reason for path, reason in failures.items()}
    assert list(reasons) == ['a_broken.svs', 'b_empty.tiff', 'c_no_scale.tiff']
    assert 'no tissue was found' in reasons['b_empty.tiff']
    assert 'threshold' in reasons['b_empty.tiff']  # with the figures
    assert '--mpp' in reasons['c_no_scale.tiff']
    with open(tmp_path / 'out' / 'slides.csv', newline='') as file:
        rows = {row['file']: row for row in csv.DictReader(file)}
    assert rows['d.tiff']['predicted']
    assert rows['a_broken.svs']['error']
    assert (tmp_path / 'out' / 'report.html').is_file()


def test_a_slide_that_fails_now_has_one_line(predictor, slide, tmp_path):
    """Its answer of before is of another file."""
    slides, out = tmp_path / 'slides', tmp_path / 'out'
    slides.mkdir()
    for name in ('a.tiff', 'b.tiff'):
        shutil.copy(slide, slides / name)
    assert predict(predictor, [slides], out)[0] == {}
    (slides / 'a.tiff').write_bytes(slide.read_bytes()[:3000])
    for _ in range(2):
        assert [*predict(predictor, [slides], out)[0]] == [str(slides / 'a.tiff')]
        with open(out / 'slides.csv', encoding='utf-8', newline='') as file:
            rows = [(r['file'], bool(r['error'])) for r in csv.DictReader(file)]
        assert rows == [('b.tiff', False), ('a.tiff', True)]
    shutil.copy(slide, slides / 'a.tiff')
    failures, lines = predict(predictor, [slides], out)
    assert failures == {}
    assert all('there already' in line for line in lines)


def test_a_given_scale_is_used_and_flagged(predictor, tmp_path):
    image = draw(600, 600, ((64, 64, 400, 400),))
    path = write_pyramid(tmp_path / 's.tiff', image, None)
    predict(predictor, [path], tmp_path / 'out', mpp='0.25')
    manifest = manifest_of(tmp_path / 'out', 's')
    assert manifest['slide']['mpp_source'] == 'override'
    assert manifest['grid']['size'] == 128  # 64 pixels of 0.5 µm are 128 of 0.25 µm
    flags = {flag['key']: flag['text'] for flag in manifest['flags']}
    assert '0.25 µm' in flags['mpp overridden']


def test_a_coarse_scan_is_flagged(predictor, slide):
    keys = [flag.key for flag in predictor.predict_slide(slide, mpp=1.0).flags]
    assert 'enlarged' in keys
    assert 'enlarged' not in [f.key for f in predictor.predict_slide(slide).flags]


def test_bounds_are_subtracted_for_qupath_and_not_in_the_csv(predictor, tmp_path):
    image = draw(1024, 768, ((128, 128, 640, 512),))
    path = write_leica(tmp_path / 's.scn', image, left=2000, top=3000)
    predict(predictor, [path], tmp_path / 'out')
    tiles = tiles_of(predictor, tmp_path / 'out', 's')
    content = json.loads((tmp_path / 'out' / 'geojson' / 's.geojson').read_text())
    check_qupath(content)
    corners = [f['geometry']['coordinates'][0][0] for f in content['features']]
    np.testing.assert_array_equal(np.add(corners, [2000, 3000]), tiles.coords)
    assert tiles.coords.min(0) == pytest.approx([2128, 3128], abs=20)


def test_a_tile_that_cannot_be_read_is_missing_and_said(predictor, slide, tmp_path):
    """Bytes of one TIFF tile of the slide are overwritten."""
    import tifffile

    damaged = tmp_path / 'damaged.tiff'
    shutil.copy(slide, damaged)
    with tifffile.TiffFile(damaged) as file:
        page = file.pages[0]
        start, length = page.dataoffsets[0], page.databytecounts[0]
    with open(damaged, 'r+b') as file:
        file.seek(start)
        file.write(b'\xff' * length)
    failures, _ = predict(predictor, [damaged], tmp_path / 'out')
    assert failures == {}
    answer = manifest_of(tmp_path / 'out', 'damaged')['answer']
    # Tiles of 64 pixels from 128 to 255 in both axes lie in the TIFF tile at 0, 0.
    lost = {(x, y) for x, y, _ in answer['missing_tiles']}
    assert {(128, 128), (192, 128), (128, 192), (192, 192)} <= lost
    assert all(x < 256 and y < 256 for x, y in lost)
    kept = tiles_of(predictor, tmp_path / 'out', 'damaged').coords.tolist()
    assert not lost & {tuple(c) for c in kept}
    flags = manifest_of(tmp_path / 'out', 'damaged')['flags']
    (text,) = (flag['text'] for flag in flags if flag['key'] == 'missing tiles')
    assert f'{len(lost)} of' in text
    assert 'could' in text


def test_a_folder_of_patches_is_a_slides_equal(predictor, slide, answers, tmp_path):
    from cite.slides import find_tissue, make_grid, open_slide, read_tile

    folder = tmp_path / 'data' / 'patches_captions'
    folder.mkdir(parents=True)
    with open_slide(slide) as reader:
        grid = make_grid(reader, find_tissue(reader), 64, 0.5)
        for i, (x, y) in enumerate(zip(grid.x, grid.y)):
            Image.fromarray(read_tile(reader, grid, i)).save(folder / f'p_{x}_{y}.png')
    out = tmp_path / 'out'
    failures, _ = predict(predictor, [tmp_path / 'data'], out, Options(features=True))
    assert failures == {}
    ours, theirs = (
        tiles_of(predictor, o, n) for o, n in ((out, 'p'), (answers, 'two-pieces'))
    )
    np.testing.assert_array_equal(ours.coords, theirs.coords)
    assert ours.size == theirs.size
    assert ours.probabilities.tobytes() == theirs.probabilities.tobytes()
    for kind in ('maps', 'viewer', 'features', 'geojson'):
        assert list((out / kind).iterdir())


def test_patches_far_apart_need_few_pictures(predictor, tmp_path):
    """Patches at two ends of a slide of 200,000 pixels: all between is white."""
    folder, out = tmp_path / 'patches', tmp_path / 'out'
    folder.mkdir()
    for x in (0, 64, 199_936):
        Image.new('RGB', (64, 64), (200, 100, 150)).save(folder / f's_{x}_{x}.png')
    assert predict(predictor, [folder], out, Options())[0] == {}
    pictures = [*(out / 'viewer' / 's').rglob('*.jpg')]
    assert len(pictures) < 100  # four a level for each end, and ten levels
    finest = max(int(path.parent.name) for path in pictures)
    corners = [p.name for p in pictures if p.parent.name == str(finest)]
    assert {'0_0.jpg', '781_781.jpg'} <= {*corners}
    with Image.open(next(p for p in pictures if p.name == '781_781.jpg')) as image:
        assert image.getpixel((20, 20)) == pytest.approx((200, 100, 150), abs=3)


def test_a_damaged_patch_is_missing(predictor, tmp_path):
    folder = tmp_path / 'patches'
    folder.mkdir()
    for i in range(4):
        image = Image.fromarray(np.full((64, 64, 3), 60 * i, np.uint8))
        image.save(folder / f's_{64 * i}_0.png')
    (folder / 's_64_0.png').write_bytes(b'\x89PNG\r\n')
    failures, _ = predict(predictor, [folder], tmp_path / 'out')
    assert failures == {}
    answer = manifest_of(tmp_path / 'out', 's')['answer']
    assert (answer['tiles'], answer['missing']) == (3, 1)


def test_two_runs_into_one_folder(predictor, slide, tmp_path):
    from cite.core.files.lock import only_one

    with (
        only_one(tmp_path, 'predicting', ''),
        pytest.raises(ValueError, match='already predicting there'),
    ):
        predict(predictor, [slide], tmp_path)


def test_a_deleted_slide_fails_alone(predictor, slide, tmp_path):
    gone, kept = tmp_path / 'a.tiff', tmp_path / 'b.tiff'
    shutil.copy(slide, gone)
    write_pyramid(kept, draw(512, 512, ((64, 64, 300, 300),)))
    jobs = find_jobs([gone, kept])
    gone.unlink()
    failures = predict_slides(predictor, jobs, tmp_path / 'out', PLAIN, say=str)
    assert list(failures) == [str(gone)]
    assert (tmp_path / 'out' / 'manifest' / 'b.json').is_file()


def test_nothing_of_the_patient_is_in_any_output(predictor, tmp_path):
    image = draw(700, 600, ((64, 64, 500, 400),))
    path = write_patient_slide(tmp_path / 'case.svs', image)
    with open_slide(path) as reader:
        assert SECRET in str(dict(reader._slide.properties))
        assert {'label', 'macro'} <= set(reader._slide.associated_images)
    out = tmp_path / 'out'
    options = Options(features=True, stability=True)
    failures, lines = predict(predictor, [path], out, options)
    assert failures == {}
    kinds = require_no_patient(out, ' '.join(lines))
    assert kinds >= {*['.csv', '.json', '.geojson', '.h5', '.html', '.png', '.jpg']}


@pytest.mark.parametrize('command', ['predict', 'tile'])
def test_nothing_of_a_dicom_files_patient_either(command, predictor, tmp_path):
    data = real_slide('libdicom_sm_image.dcm').read_bytes()
    path = tmp_path / 'a.dcm'
    for known in (b'Test^Patient', b'17890505', b'S19-1_A_1_1'):
        assert known in data
        data = data.replace(known, (SECRET.encode() * 2)[: len(known)])
    path.write_bytes(data)
    with open_slide(path, 8) as reader:
        assert SECRET in str(dict(reader._slide.properties))
    box = [[0, 0], [50, 0], [50, 50], [0, 50], [0, 0]]
    roi = tmp_path / 'a.geojson'
    roi.write_text(json.dumps({'type': 'Polygon', 'coordinates': [box]}))
    if command == 'predict':
        assert predict(predictor, [path], tmp_path / 'o', roi=roi, mpp='8')[0] == {}
    else:
        tile_slides([path], tmp_path / 'o', TileSettings(64), mpp='8', roi=roi, say=str)
    assert require_no_patient(tmp_path / 'o') >= {'.csv', '.png'}


def test_stability_says_under_which_change(predictor, slide, tmp_path):
    options = Options(viewer=False, stability=True)
    failures, _ = predict(predictor, [slide], tmp_path / 'out', options)
    assert failures == {}
    answer = manifest_of(tmp_path / 'out', 'two-pieces')['answer']
    assert len(answer['stability']) == 3
    assert all(sum(p) == pytest.approx(1) for p in answer['stability'].values())


def test_another_text_is_scored_on_the_stored_features(
    passed, predictor, slide, answers, tmp_path
):
    from cite.inference.predict.reword import reword
    from cite.inference.predictor import Predictor

    out = tmp_path / 'out'
    shutil.copytree(answers, out)
    texts = dict(zip(predictor.classes, [predictor.texts[i] for i in (2, 1, 0)]))
    file = tmp_path / 'new.yml'
    file.write_text(''.join(f'{name}: {text}\n' for name, text in texts.items()))
    other = Predictor(passed.model, 'cpu', texts=file)
    (moved,) = reword(other, out, 'new')
    fresh = tmp_path / 'fresh'
    predict(other, [slide], fresh)
    table = (out / 'texts' / 'new' / 'tiles' / 'two-pieces.csv').read_bytes()
    assert table == (fresh / 'tiles' / 'two-pieces.csv').read_bytes()
    before = tiles_of(predictor, answers, 'two-pieces').predicted
    after = tiles_of(other, fresh, 'two-pieces').predicted
    assert moved.moved_tiles == (before != after).sum()
    assert moved.moved == (moved.before != moved.after)
    assert contents(answers).items() <= contents(out).items()


def test_features_of_another_model_are_refused(predictor, answers, tmp_path):
    from cite.inference.predict.reword import reword

    out = tmp_path / 'out'
    shutil.copytree(answers, out)
    with h5py.File(out / 'features' / 'two-pieces.h5', 'a') as file:
        file['coords'].attrs['encoder'] = 'f' * 64
    with pytest.raises(ValueError, match='another model'):
        reword(predictor, out, 'new')


def test_the_result_in_python(predictor, slide):
    result = predictor.predict_slide(slide)
    assert result.probabilities.sum() == pytest.approx(1)
    assert list(result.tiles.columns[:4]) == ['minx', 'miny', 'width', 'height']
    assert len(result.tiles) == 32
    assert result.predicted in repr(result)
    assert len(result.plot().axes) == 2  # the slide and the bar
    with pytest.raises(ValueError, match='the classes are'):
        result.plot('nonsense')


def test_two_slides_of_one_name(slide, tmp_path):
    folder = tmp_path / 'p'
    folder.mkdir()
    Image.new('RGB', (8, 8)).save(folder / 'two-pieces_0_0.png')
    with pytest.raises(ValueError, match='both have the id two-pieces'):
        find_jobs([slide, folder])


def test_a_job_keeps_its_region(slide, tmp_path):
    box = [[128, 128], [256, 128], [256, 256], [128, 256], [128, 128]]
    roi = tmp_path / 'two_pieces.geojson'
    roi.write_text(json.dumps({'type': 'Polygon', 'coordinates': [box]}))
    (job,) = find_jobs([slide], roi=tmp_path)
    assert job == Job('two-pieces', slide, None, None, roi)
    with pytest.raises(FileNotFoundError, match='none: no such file or folder'):
        find_jobs([slide], roi=tmp_path / 'none')


@pytest.mark.parametrize(
    'name', ['two_pieces.tiff.geojson', 'two-pieces.geojson', 'two_pieces.json']
)
def test_regions_may_be_named_like_the_file_or_the_id(name, slide, tmp_path):
    (tmp_path / name).write_text('{}')
    (job,) = find_jobs([slide], roi=tmp_path)
    assert job.roi == tmp_path / name


def test_patches_by_another_rule(passed, tmp_path):
    folder = tmp_path / 'patches'
    for name in ('a/s_1/s_1_0_0.png', 'a/s_1/s_1_64_0.png', 'b/s_1/0_64.png'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (64, 64), (200, 100, 150)).save(folder / name)
    jobs = find_jobs([folder], slide='folder')
    assert [(job.name, len(job.patches.files)) for job in jobs] == [
        ('a-s_1', 2),
        ('b-s_1', 1),
    ]
    source = jobs[1].open(Cut(64, 0.5))
    assert source.ids == ('b-s_1', 'b/s_1')
    assert source.coords.tolist() == [[0, 64]]
    assert source.tile(0) == folder / 'b/s_1/0_64.png'
    (folder / 'a-s_1').mkdir()
    Image.new('RGB', (64, 64)).save(folder / 'a-s_1/0_0.png')
    with pytest.raises(ValueError, match='both have the id a-s_1'):
        find_jobs([folder], slide='folder')


def test_patches_without_places_are_not_taken_for_slides(tmp_path):
    folder = tmp_path / 'patches'
    folder.mkdir()
    Image.new('RGB', (64, 64)).save(folder / 's1_abc.png')
    with pytest.raises(ValueError, match=r's1_abc.png: name patches {slide}_{x}_{y}'):
        find_jobs([folder], slide='(.+)_')
    (job,) = find_jobs([folder])
    with pytest.raises(ValueError, match='If it is a patch of a slide, name it'):
        job.open(Cut(64, 0.5))


@pytest.mark.parametrize('beside', [None, 'case_1_2.png', '._case_0_0.tif'])
def test_slides_are_not_taken_for_patches_by_their_names(beside, slide, tmp_path):
    """`case_2021_0012.tif` is called like a patch at 2021, 12."""
    folder = tmp_path / 'slides'
    folder.mkdir()
    names = ['case_2021_0012.tif', 'case_2021_0013.TIF']
    for name in names:
        shutil.copy(slide, folder / name)
    if beside is not None:
        Image.new('RGB', (8, 8)).save(folder / 'a.png')
        (folder / 'a.png').rename(folder / beside)
    assert [job.path.name for job in find_jobs([folder])] == names
    assert [job.path.name for job in find_jobs([folder], slide='(.+)_')] == names
    if beside == 'case_1_2.png':
        (folder / names[0]).rename(folder / 'case.svs')
        (folder / names[1]).unlink()
        assert [job.path.name for job in find_jobs([folder])] == ['case.svs']


def test_patches_of_two_slides_are_not_one(predictor, tmp_path):
    """`_` ends an id: `a_b_0_0.png` and `a_c_0_0.png` are both of slide a."""
    for name in ('a_b_0_0', 'a_b_64_0', 'a_c_0_0'):
        Image.new('RGB', (64, 64), (200, 100, 150)).save(tmp_path / f'{name}.png')
    failures, _ = predict(predictor, [tmp_path], tmp_path / 'out')
    (reason,) = failures.values()
    assert 'a_b_0_0.png and a_c_0_0.png are patches of one place' in reason
    rule = reason.partition("--slide '")[2].partition("'")[0]
    failures, _ = predict(predictor, [tmp_path], tmp_path / 'out', slide=rule)
    assert failures == {}
    assert len(tiles_of(predictor, tmp_path / 'out', 'a_b').coords) == 2


def test_one_patch_of_another_name_is_named(tmp_path):
    for name in ('s_-64_0', 's_0_0', 's_64_0'):
        Image.new('RGB', (8, 8)).save(tmp_path / f'{name}.png')
    with pytest.raises(ValueError, match=r's_-64_0\.png: name patches'):
        find_jobs([tmp_path])


def test_patches_that_are_tiffs(tmp_path):
    for x in (0, 64):
        Image.new('RGB', (64, 64)).save(tmp_path / f's_{x}_0.tif')
    (job,) = find_jobs([tmp_path])
    assert job.patches.files == ['s_0_0.tif', 's_64_0.tif']
    (tmp_path / 'r_0_0.tif').write_bytes(b'II*\0damaged')
    assert {job.name for job in find_jobs([tmp_path])} == {'r', 's'}


def test_folders_may_be_links(slide, tmp_path):
    real = tmp_path / 'disk'
    (real / 'a').mkdir(parents=True)
    Image.new('RGB', (8, 8)).save(real / 'a' / '0_0.png')
    shutil.copy(slide, real / 'one.tif')
    (real / 'back').symlink_to(tmp_path)
    links = tmp_path / 'links'
    links.mkdir()
    (links / 'batch').symlink_to(real)
    batch = links / 'batch'
    paths = [job.path for job in find_jobs([links])]
    assert paths == [batch / 'a' / '0_0.png', batch / 'one.tif']
    (real / 'one.tif').unlink()
    (job,) = find_jobs([links], slide='folder')
    assert job.patches.id == 'batch/a'


def test_a_slide_without_a_region_fails_alone(predictor, slide, tmp_path):
    box = [[128, 128], [256, 128], [256, 256], [128, 256], [128, 128]]
    (tmp_path / 'regions').mkdir()
    roi = tmp_path / 'regions' / 'two_pieces.geojson'
    roi.write_text(json.dumps({'type': 'Polygon', 'coordinates': [box]}))
    other = shutil.copy(slide, tmp_path / 'other.tiff')
    paths = [other, slide]
    failures, _ = predict(predictor, paths, tmp_path / 'out', roi=roi.parent)
    assert list(failures) == [str(other)]
    assert 'other.geojson' in failures[str(other)]
    assert len(tiles_of(predictor, tmp_path / 'out', 'two-pieces').coords) == 4


def test_a_slide_named_twice_is_predicted_once(slide, tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'p_0_0.png')
    jobs = find_jobs([slide, tmp_path, slide, tmp_path])
    assert [job.name for job in jobs] == ['p', 'two-pieces']
    ways = [Path(os.path.relpath(slide)), slide.parent / '..' / slide.parent.name]
    ways += [os.path.relpath(tmp_path)]
    assert find_jobs([slide, tmp_path, *ways]) == jobs


def test_each_slide_of_a_patch_folder_that_fails_is_named(predictor, tmp_path):
    folder = tmp_path / 'patches'
    folder.mkdir()
    for name in ('a', 'b'):
        (folder / f'{name}_0_0.png').write_bytes(b'\x89PNG')
    failures, _ = predict(predictor, [folder], tmp_path / 'out')
    assert [*failures] == [str(folder / 'a'), str(folder / 'b')]
    with open(tmp_path / 'out' / 'slides.csv', newline='') as file:
        assert [row['file'] for row in csv.DictReader(file)] == ['a', 'b']
