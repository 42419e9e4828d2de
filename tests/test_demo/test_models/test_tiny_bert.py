"""The small BERT: transformers' format, repeatable, no word unknown to it."""

import hashlib

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from demo.models import tiny_bert

TEXTS = ['Well differentiated tubular adenocarcinoma', 'Poorly differentiated']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp('bert')
    return tiny_bert(place / 'a', seed=1, hidden=64, texts=TEXTS)


def weights(folder):
    return hashlib.sha256((folder / 'model.safetensors').read_bytes()).hexdigest()


def test_known_words_are_one_token_and_others_are_spelled(folder):
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    assert tokenizer.tokenize(TEXTS[0]) == TEXTS[0].lower().split()
    assert tokenizer.tokenize('gland, 7') == ['g', '##l', '##a', '##n', '##d', ',', '7']
    everything = 'Zoë: ductal (grade 3) 50%!'
    assert tokenizer.unk_token_id not in tokenizer(everything)['input_ids']


def test_transformers_builds_it_and_texts_are_told_apart(folder):
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModel.from_pretrained(str(folder)).eval()
    with torch.no_grad():
        found = model(**tokenizer(TEXTS, return_tensors='pt', padding=True))
    first, second = found.pooler_output
    assert first.shape == (64,)
    assert torch.cosine_similarity(first, second, dim=0) < 0.9


def test_the_seed_decides_and_no_generator_is_disturbed(folder, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    again = tiny_bert(tmp_path / 'again', seed=1, hidden=64, texts=TEXTS)
    assert torch.rand(1) == expected
    assert weights(again) == weights(folder)
    other = tiny_bert(tmp_path / 'other', seed=2, hidden=64, texts=TEXTS)
    assert weights(other) != weights(folder)
