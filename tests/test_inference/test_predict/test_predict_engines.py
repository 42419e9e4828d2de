"""Several slides at once: the same bytes, and a worker that dies fails one slide."""

import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import forked
import pytest
from answer_files import contents
from commands import attempt
from dying_model import BLUISH, dying_predictor
from fake_slurm import install_slurm
from forked_jobs import fork_jobs
from patient_slides import require_no_patient, write_patient_slide
from ray_cluster import worker_forks
from slide_files import draw, write_pyramid
from tiny_training import PYTHONPATH

from cite.engines import make_engine
from cite.inference.predict.answer_slide import Options
from cite.inference.predict.jobs import find_jobs
from cite.inference.predict.predict_slide import Load
from cite.inference.predict.run import Workers, predict_slides
from cite.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures('forked_workers')
MODULES = {'ray': 'ray', 'slurm': 'submitit'}
TISSUE = ((64, 64, 256, 192),)


@pytest.fixture(scope='module')
def slides(tmp_path_factory):
    """Return two slides, one that does not open and one that names no scale.

    Two of them name a patient.
    """
    folder = tmp_path_factory.mktemp('slides')
    image = draw(512, 384, TISSUE)
    write_patient_slide(folder / 'a.svs', image)
    (folder / 'b.svs').write_bytes((folder / 'a.svs').read_bytes()[:300])
    write_pyramid(folder / 'c.tiff', draw(512, 384, ((128, 64, 320, 256),)))
    write_patient_slide(folder / 'd.svs', image, mpp='')
    return folder


def predict(passed, slides, out, *options, **environment):
    """Run the command; return its process."""
    return attempt(
        *(sys.executable, '-m', 'cite', 'predict', slides, '--model', passed.model),
        *('--out', out, '--features', '--workers', '1', *options),
        OMP_NUM_THREADS='1',
        PYTHONPATH=PYTHONPATH,
        **environment,
    )


@pytest.fixture
def logs():
    """Return a folder for Ray's logs, whose sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix='ray', dir='/tmp') as folder:
        yield Path(folder)


@pytest.fixture(scope='module')
def alone(passed, slides, tmp_path_factory):
    """Return the folder that a run without an engine writes."""
    out = tmp_path_factory.mktemp('alone')
    done = predict(passed, slides, out)
    assert done.returncode == 1, done.stdout
    assert 'failed: ' in done.stdout
    return out


@pytest.mark.parametrize('engine', ['local', 'ray', 'slurm'])
def test_equal_bytes_and_no_patient_with_each_engine(
    engine, passed, slides, alone, logs, tmp_path
):
    """Slurm's commands are scripts here; submitit's files and logs are real."""
    if engine in MODULES:
        pytest.importorskip(MODULES[engine], reason=f'needs {MODULES[engine]}')
    commands = install_slurm(tmp_path / 'bin')
    path = os.pathsep.join([str(commands), os.environ['PATH']])
    options = '--engine', engine, '--jobs', '2'
    settings = {'PATH': path, 'RAY_TMPDIR': str(logs), **worker_forks()}
    if engine == 'local':
        settings['PYTHON_EXEC'] = str(forked.python())
    done = predict(passed, slides, tmp_path / 'out', *options, **settings)
    assert done.returncode == 1, done.stdout
    assert done.stdout.count('failed') == 4  # two lines, and the list at the end
    assert '[4/4]' in done.stdout
    assert contents(tmp_path / 'out') == contents(alone)
    suffixes = require_no_patient(tmp_path / 'out', done.stdout)
    if engine == 'slurm':
        assert suffixes >= {'.sh', '.out', '.err', '.pkl'}
    if engine == 'ray':
        assert require_no_patient(logs) >= {'.out', '.err', '.log'}
    # Ray and Slurm take seconds to start; what is there does not depend on them.
    options = options if engine == 'local' else ()
    again = predict(passed, slides, tmp_path / 'out', *options, **settings)
    assert again.stdout.count('(there already)') == 2
    assert contents(tmp_path / 'out') == contents(alone)


@pytest.mark.parametrize('engine', ['ray', 'slurm'])
def test_a_second_run_with_an_engine_continues(
    engine, passed, predictor, slides, alone, request, tmp_path, monkeypatch
):
    """What a run left that ended before its second slide; Slurm's jobs are local."""
    if engine == 'ray':
        monkeypatch.setenv('RAY_ADDRESS', request.getfixturevalue('cluster'))
    else:
        pytest.importorskip('submitit', reason='needs submitit')
        fork_jobs(monkeypatch)
    out, lines = tmp_path / 'out', []
    shutil.copytree(alone, out)
    (out / 'manifest' / 'c.json').unlink()
    (out / 'maps' / 'c_class.png').unlink()
    before = (out / 'tiles' / 'a.csv').stat().st_mtime_ns
    settings = {'cluster': 'local', 'timeout_min': 5}
    load_model = partial(Predictor, passed.model, 'cpu')
    workers = Workers(make_engine(engine, 1, settings, str(tmp_path)), load_model)
    jobs, options = find_jobs([slides]), Options(features=True)
    failures = predict_slides(
        predictor, jobs, out, options, say=lines.append, workers=workers
    )
    assert [Path(file).name for file in failures] == ['b.svs', 'd.svs']
    assert sum('there already' in line for line in lines) == 1
    assert (out / 'tiles' / 'a.csv').stat().st_mtime_ns == before
    assert contents(out) == contents(alone)


@pytest.mark.parametrize('where', ['engine', 'loader'])
def test_a_process_that_dies_fails_one_slide(where, passed, predictor, tmp_path):
    folder = tmp_path / 'slides'
    folder.mkdir()
    for name, colour in (('a', (185, 105, 160)), ('b', BLUISH), ('c', (185, 105, 160))):
        image = draw(512, 384, TISSUE, colour)
        write_pyramid(folder / f'{name}.tiff', image)
    jobs, out, options = find_jobs([folder]), tmp_path / 'out', Options(viewer=False)
    load_model = partial(dying_predictor, passed.model)
    if where == 'engine':
        workers = Workers(make_engine('local', 2, {}, ''), load_model)
        failures = predict_slides(
            predictor, jobs, out, options, say=str, workers=workers
        )
        assert failures[str(folder / 'b.tiff')] == 'its process died (exit code -9)'
    else:
        load = Load(workers=1)
        failures = predict_slides(load_model(), jobs, out, options, load, say=str)
        assert 'DataLoader worker' in failures[str(folder / 'b.tiff')]
    assert list(failures) == [str(folder / 'b.tiff')]
    assert {path.stem for path in (out / 'manifest').iterdir()} == {'a', 'c'}
    assert 'b.tiff' in (out / 'slides.csv').read_text()
    assert not [name for name in os.listdir(out) if name.startswith('.')]


def test_options_of_an_engine_that_is_not_used(passed, slides, tmp_path):
    done = predict(passed, slides, tmp_path, '--slurm', 'timeout_min=5')
    assert done.returncode == 2
    assert '--slurm needs --engine slurm' in done.stdout
