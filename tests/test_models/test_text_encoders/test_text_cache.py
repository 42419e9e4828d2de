import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from cite.models.text_encoders import BERT, cache

pytestmark = pytest.mark.usefixtures('text_cache')

TEXTS = [
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma',
]
ROOT = Path(__file__).parents[3]


class CountingBERT(BERT):
    """A real BERT that counts how often its model is loaded."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loads = 0

    def compute(self, texts):
        self.loads += 1
        return super().compute(texts)


def _files(folder):
    return sorted(folder.glob('*'))


def test_repeat_in_one_process_encodes_once(tiny_bert, monkeypatch):
    monkeypatch.setenv('CITE_CACHE', 'off')
    encoder = CountingBERT(str(tiny_bert))
    first = encoder(TEXTS)
    first.zero_()  # the caller's own: the next one must not see this
    second = encoder(TEXTS)
    assert encoder.loads == 1
    assert second.abs().sum() > 0


def test_next_process_reads_the_file(tiny_bert, text_cache):
    encoder = CountingBERT(str(tiny_bert))
    first = encoder(TEXTS)
    assert [file.suffix for file in _files(text_cache)] == ['.safetensors']
    cache.forget()
    assert torch.equal(encoder(TEXTS), first)
    assert encoder.loads == 1


@pytest.mark.parametrize(
    'other',
    [
        {'texts': TEXTS[::-1]},
        {'texts': TEXTS[:2]},
        {'key': 'last_hidden_state'},
        {'key': 'mean'},
        {'seed': 1},
    ],
    ids=['order', 'number', 'first', 'mean', 'weights'],
)
def test_another_question_gets_another_file(
    tmp_path, tiny_bert, text_cache, save_tiny_bert, other
):
    BERT(str(tiny_bert))(TEXTS)
    model = save_tiny_bert(tmp_path / 'b', 1) if 'seed' in other else tiny_bert
    encoder = BERT(str(model), key=other.get('key', 'pooler_output'))
    encoder(other.get('texts', TEXTS))
    assert len(_files(text_cache)) == 2


def test_changed_weights_are_encoded_anew(tmp_path, save_tiny_bert):
    folder = save_tiny_bert(tmp_path / 'Model', seed=0)
    first = BERT(str(folder))(TEXTS)
    shutil.rmtree(folder)
    save_tiny_bert(folder, seed=1)
    assert not torch.allclose(BERT(str(folder))(TEXTS), first)


@pytest.mark.parametrize('damage', ['cut', 'flipped', 'foreign', 'empty'])
def test_damaged_file_is_ignored_and_written_again(tiny_bert, text_cache, damage):
    encoder = CountingBERT(str(tiny_bert))
    first = encoder(TEXTS)
    (file,) = _files(text_cache)
    whole = file.read_bytes()
    damaged = {
        'cut': whole[:-5],
        'flipped': whole[:-1] + bytes([whole[-1] ^ 64]),
        'foreign': b'{"not": "safetensors"}',
        'empty': b'',
    }
    file.write_bytes(damaged[damage])
    cache.forget()
    assert torch.equal(encoder(TEXTS), first)
    assert encoder.loads == 2
    assert file.read_bytes() == whole


def test_folder_that_cannot_be_written(tmp_path, tiny_bert, monkeypatch):
    (tmp_path / 'file').write_text('a file, not a folder')
    monkeypatch.setenv('CITE_CACHE', str(tmp_path / 'file'))
    with pytest.warns(UserWarning, match='CITE_CACHE'):
        embeddings = BERT(str(tiny_bert))(TEXTS)
    assert embeddings.shape == (3, 32)
    with warnings.catch_warnings():  # once is enough
        warnings.simplefilter('error')
        BERT(str(tiny_bert))(TEXTS)
        BERT(str(tiny_bert))(TEXTS[:2])


@pytest.mark.parametrize(
    'setting', ['~no-such-user/cache', '', '/dev/null', 'x' * 5000]
)
def test_a_place_that_cannot_be_a_folder_costs_time_alone(
    monkeypatch, tmp_path, setting
):
    monkeypatch.setenv('CITE_CACHE', setting)
    monkeypatch.delenv('HOME')
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr(os, 'getuid', lambda: 54321)  # as pwd sees an unknown user
    cache.forget()
    with pytest.warns(UserWarning, match='CITE_CACHE'):
        answer = cache.cached(lambda: {'q': setting}, lambda: {'a': torch.ones(1)})
    assert answer['a'] == 1


def test_a_pipe_or_folder_in_the_place_of_a_file_is_not_waited_for(
    monkeypatch, tmp_path
):
    monkeypatch.setenv('CITE_CACHE', str(tmp_path))
    for make in (os.mkfifo, os.mkdir):
        cache.forget()
        for path in tmp_path.iterdir():
            path.unlink()
        cache.cached(lambda: {'q': 2}, lambda: {'a': torch.ones(1)})
        (file,) = tmp_path.iterdir()
        file.unlink()
        make(file)
        cache.forget()
        answer = cache.cached(lambda: {'q': 2}, lambda: {'a': torch.ones(1)})
        assert answer['a'] == 1


def test_off_leaves_no_file(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setenv('CITE_CACHE', 'off')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    BERT(str(tiny_bert))(TEXTS)
    assert not (tmp_path / 'xdg').exists()


def test_default_folder(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.delenv('CITE_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    BERT(str(tiny_bert))(TEXTS)
    assert len(_files(tmp_path / 'xdg' / 'cite' / 'text_embeddings')) == 1


COMMIT = '0123456789abcdef0123456789abcdef01234567'
OTHER_PROCESS = """
import json, sys
from cite.models.text_encoders import BERT

folder, texts = sys.argv[1], json.loads(sys.argv[2])
found = {'hit': BERT(folder)(texts).tolist()}
found['transformers'] = 'transformers' in sys.modules
try:
    BERT('owner/NoSuchModel')(texts)
except FileNotFoundError as error:
    found['message'] = str(error)
hub = BERT('owner/TinyBERT')
found['embeddings'] = hub(texts).tolist()
found['identity'] = hub.cache_identity()
found['source'] = hub.source()
print(json.dumps(found))
"""


@pytest.fixture(scope='module')
def hub(tmp_path_factory, tiny_bert):
    """A home of the Hugging Face hub into which one model was downloaded."""
    home = tmp_path_factory.mktemp('home')
    folder = home / 'hub' / 'models--owner--TinyBERT'
    shutil.copytree(tiny_bert, folder / 'snapshots' / COMMIT)
    (folder / 'refs').mkdir()
    (folder / 'refs' / 'main').write_text(COMMIT)
    return home


@pytest.fixture(scope='module')
def other_process(tmp_path_factory, tiny_bert, hub):
    """What a process finds that has no network, but the cache that this one filled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('CITE_CACHE', str(tmp_path_factory.mktemp('filled')))
        cache.forget()
        BERT(str(tiny_bert))(TEXTS)
        patch.setenv('HF_HUB_OFFLINE', '1')
        patch.setenv('HF_HOME', str(hub))
        patch.setenv('PYTHONPATH', str(ROOT))
        arguments = [str(tiny_bert), json.dumps(TEXTS)]
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', OTHER_PROCESS, *arguments],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_hit_needs_no_transformers(tiny_bert, other_process):
    assert not other_process['transformers']
    assert torch.equal(torch.tensor(other_process['hit']), BERT(str(tiny_bert))(TEXTS))


def test_hub_model_that_cannot_be_had(other_process):
    message = other_process['message']
    assert 'owner/NoSuchModel' in message
    assert 'hf download owner/NoSuchModel --local-dir NoSuchModel' in message


def test_hub_model_that_was_downloaded_before(tiny_bert, hub, other_process):
    embeddings = torch.tensor(other_process['embeddings'])
    assert torch.equal(embeddings, BERT(str(tiny_bert))(TEXTS))
    assert other_process['identity']['commit'] == COMMIT
    # Same name and weights as the folder, whichever way it is named.
    source = BERT(str(tiny_bert)).source()
    snapshot = hub / 'hub' / 'models--owner--TinyBERT' / 'snapshots' / COMMIT
    assert other_process['source'] == source
    assert BERT(str(snapshot)).source() == source
