import copy
import sys
from pathlib import Path

import pytest
import torch
from mmcls.models.builder import MODELS
from parity import assert_same
from tiny_language_models import (
    biomedclip_tower,
    coca_tower,
    save_biomedclip,
    save_conch,
    save_mi_zero,
    save_open_clip,
    save_pmc_clip,
)
from torch.nn import functional as F

from cite.models.text_encoders import OpenCLIPTextEncoder

pytestmark = pytest.mark.usefixtures('text_cache')
# Begin, the words, end, by their numbers in `word_tokenizer`.
TOKENS = [[2, 4, 7, 8, 9, 3], [2, 5, 7, 9, 3], [2, 6, 7, 3]]
PAD = 0


@pytest.fixture(scope='module')
def bert():
    return biomedclip_tower()


@pytest.fixture
def biomedclip(tmp_path):
    """The folder of that tower, as published."""
    return save_biomedclip(tmp_path / 'BiomedCLIP')


@torch.no_grad()
def test_biomedclip(biomedclip, bert, texts):
    model, first, second = bert
    encoder = MODELS.build({'type': 'OpenCLIPTextEncoder', 'model': str(biomedclip)})
    rows = torch.tensor([row + [PAD] * (6 - len(row)) for row in TOKENS])
    states = model(rows, attention_mask=(rows != PAD).long()).last_hidden_state
    expected = F.gelu(states[:, 0] @ first.T) @ second.T
    result = encoder.encode(texts)
    assert_same(result['text_embeddings'], expected)
    assert float(result['logit_scale']) == 4.5


@torch.no_grad()
def test_biomedclip_of_open_clips_own_class(biomedclip, bert, texts):
    hf_model = pytest.importorskip('open_clip.hf_model')
    model, first, second = bert
    pooler = hf_model.ClsLastHiddenStatePooler()
    rows = torch.tensor([row + [PAD] * (6 - len(row)) for row in TOKENS])
    mask = (rows != PAD).long()
    pooled = pooler(model(rows, attention_mask=mask), mask)
    expected = F.gelu(pooled @ first.T) @ second.T
    embeddings = OpenCLIPTextEncoder(str(biomedclip))(texts)
    assert_same(embeddings, expected)


@pytest.fixture(scope='module')
def coca():
    return coca_tower()


@pytest.mark.parametrize(
    ('save', 'length'), [(save_mi_zero, None), (save_pmc_clip, 77)]
)
@torch.no_grad()
def test_mi_zero_and_pmc_clip(bert, texts, tmp_path, save, length):
    """[CLS], projected; PMC-CLIP pads to 77 tokens and attends to the padding."""
    from transformers import BertModel

    model, first, _ = bert
    config = copy.deepcopy(model.config)
    config.max_position_embeddings = 140
    longer = BertModel(config, add_pooling_layer=False).eval()
    state = model.state_dict()
    positions = 'embeddings.position_embeddings.weight'
    state[positions] = torch.cat([state[positions]] * 7)
    longer.load_state_dict(state)
    side = length or 6
    rows = torch.tensor([row + [PAD] * (side - len(row)) for row in TOKENS])
    mask = torch.ones_like(rows) if length else (rows != PAD).long()
    states = longer(rows, attention_mask=mask).last_hidden_state
    encoder = OpenCLIPTextEncoder(str(save(tmp_path / 'Model')))
    result = encoder.encode([text.title() for text in texts])
    assert_same(result['text_embeddings'], states[:, 0] @ first[:24].T)
    assert float(result['logit_scale']) == 4.5


def _coca_by_hand(state, tokens):
    """One text (T,) through the tower, head by head and position by position."""
    width, length = state['cls_emb'].shape[0], len(state['positional_embedding'])
    tokens = tokens + [PAD] * (length - 1 - len(tokens))
    x = torch.cat([state['token_embedding.weight'][tokens], state['cls_emb'][None]])
    x = x + state['positional_embedding']
    mask = torch.full((length, length), float('-inf')).triu(1)
    # CoCa's mask of padding for the last token is one place too far right; CONCH
    # was trained with it.
    hidden = [False, *(token == PAD for token in tokens)]
    mask[-1][torch.tensor(hidden)] = float('-inf')
    for i in range(2):
        part = {
            k.split(f'resblocks.{i}.')[1]: v
            for k, v in state.items()
            if f'resblocks.{i}.' in k
        }
        y = F.layer_norm(x, (width,), part['ln_1.weight'], part['ln_1.bias'])
        qkv = y @ part['attn.in_proj_weight'].T + part['attn.in_proj_bias']
        heads = []
        for h in range(width // 64):
            channels = slice(64 * h, 64 * h + 64)
            q, k, v = (piece[:, channels] for piece in qkv.split(width, dim=1))
            heads.append((q @ k.T / 8 + mask).softmax(-1) @ v)
        y = torch.cat(heads, 1) @ part['attn.out_proj.weight'].T
        x = x + y + part['attn.out_proj.bias']
        y = F.layer_norm(x, (width,), part['ln_2.weight'], part['ln_2.bias'])
        y = F.gelu(y @ part['mlp.c_fc.weight'].T + part['mlp.c_fc.bias'])
        x = x + y @ part['mlp.c_proj.weight'].T + part['mlp.c_proj.bias']
    last = F.layer_norm(
        x[-1], (width,), state['ln_final.weight'], state['ln_final.bias']
    )
    return last @ state['text_projection']


def test_conch(coca, texts, tmp_path):
    pytest.importorskip('open_clip')
    encoder = OpenCLIPTextEncoder(str(save_conch(tmp_path / 'CONCH')))
    expected = torch.stack([_coca_by_hand(coca, tokens) for tokens in TOKENS])
    assert_same(encoder(texts), expected)


def test_conch_without_open_clip(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'open_clip', None)
    monkeypatch.setitem(sys.modules, 'open_clip.transformer', None)
    with pytest.raises(ImportError, match='pip install open_clip_torch'):
        OpenCLIPTextEncoder(str(save_conch(tmp_path / 'CONCH')))(['well'])


def test_a_text_that_is_too_long(biomedclip):
    with pytest.raises(ValueError, match=r"longer than the 16 tokens.*'well well"):
        OpenCLIPTextEncoder(str(biomedclip))(['well ' * 15])


def test_no_suchsave_open_clip():
    with pytest.raises(
        FileNotFoundError, match=r'gone/BiomedCLIP: no such folder.*hf download'
    ):
        OpenCLIPTextEncoder('/gone/BiomedCLIP')(['a'])


@pytest.mark.parametrize(
    ('lost', 'message'),
    [
        ('open_clip_pytorch_model.bin', r'none of open_clip_model\.safetensors'),
        ('tokenizer.json', r'no tokenizer\.json'),
    ],
)
def test_missing_file_is_named(biomedclip, lost, message):
    (biomedclip / lost).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        OpenCLIPTextEncoder(str(biomedclip))(['a'])


def test_config_that_does_not_tell_the_pooling(biomedclip):
    (biomedclip / 'open_clip_config.json').unlink()
    with pytest.raises(ValueError, match=r'hf_pooler_type is None'):
        OpenCLIPTextEncoder(str(biomedclip))(['a'])


def test_towers_of_other_kinds(tmp_path):
    plain = {'visual.conv1.weight': torch.ones(2), 'ln_final.weight': torch.ones(2)}
    folder = save_open_clip(tmp_path / 'CLIP', plain, 'pytorch_model.bin')
    with pytest.raises(ValueError, match=r'no text tower.*cite convert'):
        OpenCLIPTextEncoder(str(folder))(['a'])
    folder = save_open_clip(
        tmp_path / 'X', {'text.w': torch.ones(2)}, 'pytorch_model.bin'
    )
    with pytest.raises(ValueError, match=r'neither a BERT .* nor a CoCa'):
        OpenCLIPTextEncoder(str(folder))(['a'])


def test_weights_of_another_size(biomedclip):
    file = biomedclip / 'open_clip_pytorch_model.bin'
    state = torch.load(str(file))
    state['text.transformer.embeddings.LayerNorm.weight'] = torch.ones(7)
    torch.save(state, file)
    with pytest.raises(ValueError, match=r'another architecture.*LayerNorm'):
        OpenCLIPTextEncoder(str(biomedclip))(['a'])


def test_hostile_pickle_runs_nothing(biomedclip, trap):
    file: Path = biomedclip / 'open_clip_pytorch_model.bin'
    torch.save({'text.transformer': trap}, file)
    with pytest.raises(ValueError, match=r'open_clip_pytorch_model\.bin'):
        OpenCLIPTextEncoder(str(biomedclip))(['a'])


def test_damaged_tokenizer(biomedclip):
    (biomedclip / 'tokenizer.json').write_text('{"model": 3}')
    with pytest.raises(ValueError, match=r'tokenizer\.json is not a tokenizer'):
        OpenCLIPTextEncoder(str(biomedclip))(['a'])
