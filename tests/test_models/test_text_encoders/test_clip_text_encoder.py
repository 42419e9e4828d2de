"""CLIP's text tower: OpenAI's layout, transformers' and open_clip's give the same."""

import json
import shutil
from pathlib import Path

import clip.clip
import pytest
import torch
from mmcls.models.builder import MODELS, build_head
from parity import assert_same

import cite.models.heads  # noqa: F401
from cite.apis.convert import convert_checkpoint
from cite.models.text_encoders import CLIPTextEncoder

pytestmark = pytest.mark.usefixtures('text_cache')
# Width, blocks, heads and common width of text towers: ours, ViT-B's and ViT-L's.
SIZES = [
    (64, 2, 1, 24),
    pytest.param((512, 12, 8, 512), marks=pytest.mark.long),
    pytest.param((768, 12, 12, 768), marks=pytest.mark.long),
]


@pytest.fixture(scope='module', params=SIZES, ids=str)
def reference(request):
    """A CLIPModel of transformers with random weights; its image tower is small."""
    from transformers import CLIPConfig, CLIPModel

    width, blocks, heads, common = request.param
    config = CLIPConfig(
        text_config={
            'hidden_size': width,
            'intermediate_size': 4 * width,
            'num_hidden_layers': blocks,
            'num_attention_heads': heads,
            'eos_token_id': 49407,
        },
        vision_config={
            'hidden_size': 64,
            'intermediate_size': 256,
            'num_hidden_layers': 1,
            'num_attention_heads': 1,
            'image_size': 32,
            'patch_size': 16,
        },
        projection_dim=common,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(config).eval()
        for parameter in model.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
        model.logit_scale.data.fill_(2.5)
    return model


@pytest.fixture(scope='module')
def folder(reference, tmp_path_factory):
    """Its folder, with CLIP's own tokenizer in transformers' files."""
    from transformers import CLIPTokenizer, CLIPTokenizerFast

    path = tmp_path_factory.mktemp('models') / 'TinyPLIP'
    reference.save_pretrained(str(path))
    source = clip.simple_tokenizer.SimpleTokenizer()
    (path / 'vocab.json').write_text(json.dumps(source.encoder))
    merges = sorted(source.bpe_ranks, key=source.bpe_ranks.get)
    lines = ['#version: 0.2', *(' '.join(pair) for pair in merges)]
    (path / 'merges.txt').write_text('\n'.join(lines) + '\n')
    slow = CLIPTokenizer(str(path / 'vocab.json'), str(path / 'merges.txt'))
    slow.save_pretrained(str(path))
    CLIPTokenizerFast.from_pretrained(str(path)).save_pretrained(str(path))
    return path


@pytest.fixture
def expected(reference, texts):
    """What the whole model makes of OpenAI's tokens, padded to 77 with zeros."""
    tokens = clip.clip.tokenize(texts)
    hidden = reference.text_model(input_ids=tokens.long()).last_hidden_state
    ends = hidden[range(len(texts)), tokens.argmax(dim=1)]  # (K, W)
    return (ends @ reference.text_projection.weight.T).detach()


def test_folder_of_transformers(folder, texts, expected, reference):
    encoder = MODELS.build({'type': 'CLIPTextEncoder', 'arch': str(folder)})
    embeddings = encoder(texts)
    assert_same(embeddings, expected)
    assert encoder.width() == reference.config.projection_dim == embeddings.shape[1]
    assert encoder.source()['model'] == 'TinyPLIP'


def test_converted_to_openais_layout(folder, texts, expected, tmp_path):
    convert_checkpoint(folder, tmp_path / 'plip.pt', 'clip')
    encoder = CLIPTextEncoder(str(tmp_path / 'plip.pt'))
    assert_same(encoder(texts), expected)


def test_text_tower_alone(folder, texts, expected, tmp_path):
    from transformers import CLIPTextModelWithProjection

    alone = Path(shutil.copytree(folder, tmp_path / 'Alone'))
    config = CLIPTextModelWithProjection.config_class.from_pretrained(str(folder))
    config.projection_dim = expected.shape[1]
    tower = CLIPTextModelWithProjection.from_pretrained(str(folder), config=config)
    tower.save_pretrained(str(alone))
    encoder = CLIPTextEncoder(str(alone))
    assert_same(encoder(texts), expected)
    head = {'type': 'CLIPTextHead', 'arch': str(alone), 'texts': texts}
    with pytest.raises(ValueError, match=r'no logit_scale: it is the text tower alone'):
        build_head(head).encode_texts()


def test_zero_shot_from_a_folder(folder, texts, expected):
    head = build_head({'type': 'CLIPTextHead', 'arch': str(folder), 'texts': texts})
    features = torch.randn(4, expected.shape[1])
    cosines = torch.nn.functional.cosine_similarity(
        features[:, None], expected[None], dim=-1
    )
    logits = head(features)
    assert float(head.logit_scale) == 2.5
    assert_same(logits, 12.182494 * cosines)


def test_too_long_text(folder):
    with pytest.raises(ValueError, match=r"longer than the 77 tokens.*'tubular tubul"):
        CLIPTextEncoder(str(folder))(['tubular ' * 80])


def test_neither_file_nor_folder():
    with pytest.raises(FileNotFoundError, match=r"arch='./gone/clip\.pt' is neither"):
        CLIPTextEncoder('./gone/clip.pt')(['a'])


def test_hub_name_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    with pytest.raises(
        FileNotFoundError,
        match=r'hf download owner/NoSuchCLIP .*gated.*huggingface\.co/owner/NoSuchCLIP',
    ):
        CLIPTextEncoder('owner/NoSuchCLIP')(['a'])


def test_hostile_pickle_runs_nothing(folder, tmp_path, trap):
    hostile = Path(shutil.copytree(folder, tmp_path / 'Hostile'))
    (hostile / 'model.safetensors').unlink()
    torch.save({'text_model.weight': trap}, hostile / 'pytorch_model.bin')
    with pytest.raises(ValueError, match=r'pytorch_model\.bin'):
        CLIPTextEncoder(str(hostile))(['a'])
