"""A language model's folder whose files are odd ends in an error that names it."""

import json
import resource
import shutil

import pytest
import torch
import transformers

from cite.models.text_encoders import BERT, cache

ENDLESS = {
    'type': 'Split',
    'pattern': {'Regex': '(a+)+$'},
    'behavior': 'Isolated',
    'invert': False,
}


@pytest.mark.parametrize(
    ('file', 'change'),
    [
        ('config.json', {'model_type': ['bert']}),
        ('config.json', {'max_position_embeddings': 'x'}),
        ('config.json', {'vocab_size': 10**9}),
        ('config.json', {'intermediate_size': 10**9}),
        ('config.json', {'num_hidden_layers': 10**9}),
        ('config.json', {'hidden_size': -1}),
        ('tokenizer.json', {'model': []}),
    ],
    ids=str,
)
def test_the_folder_is_named(tmp_path, tiny_bert, file, change):
    cache.forget()
    folder = tmp_path / 'bert'
    shutil.copytree(tiny_bert, folder)
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**content, **change}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((ValueError, FileNotFoundError), match=str(folder)):
        BERT(str(folder), key='last_hidden_state')(['a' * 32 + 'b'])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_an_endless_pattern_ends(tmp_path, tiny_bert):
    cache.forget()
    folder = tmp_path / 'bert'
    shutil.copytree(tiny_bert, folder)
    file = folder / 'tokenizer.json'
    content = {**json.loads(file.read_text()), 'pre_tokenizer': ENDLESS}
    file.write_text(json.dumps(content))
    texts = ['a' * 32 + 'b']
    if transformers.__version__.startswith('4.'):
        with pytest.raises(ValueError, match=str(folder)):
            BERT(str(folder), key='last_hidden_state')(texts)
        return
    # transformers 5 splits as BERT does, and does not ask the file.
    vectors = BERT(str(folder), key='last_hidden_state')(texts)
    own = BERT(str(tiny_bert), key='last_hidden_state')(texts)
    assert torch.equal(vectors, own)
