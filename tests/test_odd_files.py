"""Odd files of every kind that is read: our own error with the file, and soon."""

import random
import resource
import signal
import time

import odd_readers
import pytest
import tiny_training
from odd_readers import file_readers
from passed_model import make_run
from slide_files import draw, write_pyramid

from cite.core import workers

OURS = (ValueError, FileNotFoundError, TypeError)
SECONDS, KILOBYTES = 20, 300_000
FILES = (
    *('torchscript', 'safetensors', 'h5', 'tiles.csv', 'slides.csv', 'mpp.csv'),
    *('GeoJSON', 'predictions.json'),
)


@pytest.fixture(scope='module')
def slide(tmp_path_factory):
    from cite.slides import open_slide

    path = tmp_path_factory.mktemp('slides') / 'a.tiff'
    write_pyramid(path, draw(512, 384, ((16, 16, 480, 352),)), steps=(1,))
    with open_slide(path) as reader:
        yield reader


def too_late(*_):
    raise AssertionError('it takes too long')


def memory():
    """Return the most that this process or one that it started took, kB."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose)


class Worst:
    """What the most expensive case took; printed at the end of a long run."""

    def __init__(self):
        self.seconds, self.at = 0.0, memory()
        self.refused = 0

    def check(self, read, path, seed):
        """Read a file: it may succeed, or fail with an error that names it."""
        before = memory()
        signal.signal(signal.SIGALRM, too_late)
        signal.alarm(SECONDS)
        start = time.monotonic()
        try:
            read(path)
        except OURS as error:
            self.refused += 1
            if str(path.parent) not in str(error):
                raise AssertionError(f'seed {seed} names no file: {error!r}') from error
        except BaseException as error:
            raise AssertionError(f'seed {seed}: {type(error)}: {error}') from error
        finally:
            signal.alarm(0)
        self.seconds = max(self.seconds, time.monotonic() - start)
        after = memory()
        assert after - before < KILOBYTES, f'seed {seed}: {after - before} kB'

    def __str__(self):
        grown = memory() - self.at
        return f'{self.refused} refused, at most {self.seconds:.2f} s, {grown} kB'


def run(reader, folder, cases):
    worst, path = Worst(), folder / reader.name
    for seed in range(cases):
        path.write_bytes(reader.draw(random.Random(seed)))
        worst.check(reader.read, path, seed)
    print(worst)
    assert worst.refused > cases / 10


@pytest.mark.parametrize('kind', FILES)
def test_odd_files(slide, tmp_path, kind):
    run(file_readers(slide)[kind], tmp_path, 300)


@pytest.mark.long
@pytest.mark.parametrize('kind', FILES)
def test_odd_files_long(slide, tmp_path, kind):
    run(file_readers(slide)[kind], tmp_path, 10_000)


def test_a_file_over_which_hdf5_loops_for_ever_is_refused(slide, tmp_path, monkeypatch):
    """Its texts lie in a heap that leads back to itself; found among 10,000 cases."""
    monkeypatch.setattr(workers, '_SECONDS', 1)
    reader = file_readers(slide)['h5']
    path = tmp_path / reader.name
    path.write_bytes(reader.draw(random.Random(3916)))
    with pytest.raises(ValueError, match=r'a\.h5 could not be read within 1 s'):
        reader.read(path)


@pytest.mark.parametrize('name', ['a.tiff', 'a.png'])
def test_odd_slides(slide, tmp_path, name):
    run(odd_readers.slide_reader(slide.path)._replace(name=name), tmp_path, 300)


@pytest.mark.long
def test_odd_slides_long(slide, tmp_path):
    run(odd_readers.slide_reader(slide.path), tmp_path, 10_000)


def run_folder(reader, cases, least=0.1):
    reader.read(reader.folder)  # as it is, it can be read
    worst = Worst()
    for seed in range(cases):
        restore = reader.spoil(random.Random(seed))
        try:
            worst.check(reader.read, reader.folder, seed)
        finally:
            restore()
    print(worst)
    assert worst.refused > least * cases


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    from cite.inference.model_folder.export import export_model

    folder = tmp_path_factory.mktemp('exported')
    data = tiny_training.make_data(folder / 'data')
    run = make_run(data, folder / 'run')
    out = folder / 'model'
    return export_model(run / 'config.py', run / 'latest.pth', out, patches=0)


# Cases in `make test`, which take seconds.
FOLDERS = {
    'comparison': 200,
    'written_comparison': 10,
    'language_model': 100,
    'image_model': 100,
}


@pytest.mark.parametrize('kind', FOLDERS)
def test_odd_folders(tmp_path, text_cache, kind):
    run_folder(getattr(odd_readers, kind)(tmp_path / kind), FOLDERS[kind])


def test_odd_model_folders(exported):
    run_folder(odd_readers.model_folder(exported), 100)


@pytest.mark.long
@pytest.mark.parametrize('kind', FOLDERS)
def test_odd_folders_long(tmp_path, text_cache, kind):
    cases = 500 if kind == 'written_comparison' else 10_000
    run_folder(getattr(odd_readers, kind)(tmp_path / kind), cases)


@pytest.mark.long
def test_odd_model_folders_long(exported):
    run_folder(odd_readers.model_folder(exported), 10_000)


@pytest.fixture(scope='module')
def own(exported, slide, tmp_path_factory):
    """Return readers of folders that our own commands write, by name."""
    folder = tmp_path_factory.mktemp('own')
    return {
        'answers': odd_readers.answers(folder / 'answers', exported, slide.path),
        'records': odd_readers.records(folder / 'records', slide.path),
        'calibration': odd_readers.calibration(exported, folder / 'tables'),
    }


@pytest.mark.parametrize('kind', ['answers', 'records', 'calibration'])
def test_odd_folders_of_our_own(own, kind):
    run_folder(own[kind], 40, least=0)


@pytest.mark.long
@pytest.mark.parametrize('kind', ['answers', 'records', 'calibration'])
def test_odd_folders_of_our_own_long(own, kind):
    run_folder(own[kind], 10_000, least=0)
