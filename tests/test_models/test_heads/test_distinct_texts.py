"""Two classes with one embedding are refused, with the cause."""

import pytest
import torch
from mmcls.models import build_head
from tiny_language_models import save_bert

from cite.models.heads.distinct_texts import check_distinct

LONG = 'sheets of tumour cells with large nuclei and little cytoplasm, ' * 20


@pytest.mark.parametrize(
    ('texts', 'cause'),
    [
        (['Tumor', 'tumor'], 'capital letters'),
        (['a b', 'a  b'], 'blanks'),
        ([f'{LONG} well', f'{LONG} poorly'], 'length'),
        (['\u9ad8', '\u4f4e'], 'UNK'),
        ([['Tumor', 'x'], ['tumor', 'X']], 'capital letters'),
    ],
)
def test_equal_embeddings_are_refused_with_the_cause(texts, cause):
    with pytest.raises(ValueError, match=f'class 1 .*class 2 .*{cause}'):
        check_distinct(torch.tensor([[1.0, 0], [0, 1], [0, 2.0]]), ['another', *texts])


def test_near_is_not_equal():
    check_distinct(torch.tensor([[1.0, 0.0], [1.0, 0.01]]), ['a', 'b'])
    check_distinct(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), ['a', 'b'])


def test_a_language_model_that_knows_neither_word(tmp_path, monkeypatch):
    monkeypatch.setenv('CITE_CACHE', 'off')
    save_bert(tmp_path / 'bert')
    encoder = {'type': 'BERT', 'model': str(tmp_path / 'bert')}
    texts = ['\u9ad8\u5206\u5316', '\u4f4e\u5206\u5316']
    head = build_head(
        {'type': 'TextEmbeddingHead', 'texts': texts, 'text_encoder': encoder}
    )
    with pytest.raises(ValueError, match='same embedding'):
        head.encode_texts()
