"""Every text encoder of configs/foundation, against the published definition.

Seeded weights are written in the published layout and under the published names, and
loaded through the shipped config, whose head encodes three texts of different lengths.
The reference takes them as one batch, padded as the authors pad. By default models are
narrow and shallow; with ``-m ''`` they also have their real width (LLaMAs have less),
with up to 12 blocks:

    pytest -m '' -rP tests/test_foundation_text_parity.py
"""

import json
import shutil
from pathlib import Path

import clip
import clip.model
import numpy as np
import published_texts as published
import pytest
import torch
import transformers
from mmcls.models import build_head
from mmcv import Config
from parity import measure
from published_texts import PAD, random_state
from random_weights import randomise
from tiny_language_models import WORDS, save_biogpt, word_tokenizer
from torch.nn import functional as F

import cite  # noqa: F401
from cite.apis.convert import convert_checkpoint

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / 'configs' / 'foundation'
TEXTS = [
    'well differentiated tubular adenocarcinoma',
    'Moderately differentiated',
    'poorly poorly differentiated adenocarcinoma tubular',
]
pytestmark = pytest.mark.usefixtures('text_cache')
REAL = pytest.mark.long
WIDTHS = [pytest.param(True, id='narrow'), pytest.param(False, id='real', marks=REAL)]


@pytest.fixture
def encode(tmp_path, monkeypatch):
    """Encode the texts by the head of a shipped config, its model being a local one."""
    monkeypatch.chdir(ROOT)

    def by_config(config, model):
        head = Config.fromfile(str(FOLDER / f'{config}.py')).model.head
        encoder = head.text_encoder
        encoder['arch' if encoder.type == 'CLIPTextEncoder' else 'model'] = str(model)
        head.texts = TEXTS
        return build_head(head).encode_texts()

    yield by_config
    shutil.rmtree(tmp_path)  # pytest would keep gigabytes of three runs


def padded(rows, length=None):
    """Return token numbers (N, T) and the mask of what is not padding."""
    length = length or max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (length - len(row)) for row in rows])
    return ids, (ids != PAD).long()


def words(begin, end, numbers):
    """Return the texts' token numbers, word by word."""
    return [
        begin + [numbers[word] for word in text.lower().split()] + end for text in TEXTS
    ]


# --- language -------------------------------------------------------------------------

BERTS = {
    **dict.fromkeys(
        ('biolinkbert_base', 'pubmedbert', 'biobert', 'bluebert'), (768, 12)
    ),
    **dict.fromkeys(('clinicalbert', 'scibert'), (768, 12)),
    'biolinkbert_large': (1024, 24),
}
VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *WORDS]
BERT_WORDS = {word: i for i, word in enumerate(VOCABULARY)}


def save_bert(folder, state, width, plain):
    """Write a BERT's folder: bare, or as BlueBERT's and its like, under older names."""
    folder.mkdir()
    config = {
        'hidden_size': width,
        'num_hidden_layers': len({k.split('.')[2] for k in state if 'layer.' in k}),
        'num_attention_heads': width // 64,
        'intermediate_size': 4 * width,
        'max_position_embeddings': 24,
        'vocab_size': 16,
    }
    if plain:
        config['model_type'] = 'bert'
    else:  # with the heads of pre-training, and TensorFlow's names of norms
        state = {f'bert.{name}': tensor for name, tensor in state.items()}
        older = {
            'LayerNorm.weight': 'LayerNorm.gamma',
            'LayerNorm.bias': 'LayerNorm.beta',
        }
        for new, old in older.items():
            state = {name.replace(new, old): tensor for name, tensor in state.items()}
        state['cls.predictions.bias'] = torch.ones(16)
        state['cls.seq_relationship.bias'] = torch.ones(2)
    (folder / 'config.json').write_text(json.dumps(config))
    (folder / 'vocab.txt').write_text('\n'.join(VOCABULARY) + '\n')
    torch.save(state, folder / 'pytorch_model.bin')
    return folder


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize('config', BERTS)
@torch.no_grad()
def test_bert(tmp_path, encode, config, narrow):
    """[CLS] through the pooler, which is the config's key."""
    width, depth = (128, 2) if narrow else BERTS[config]
    state = random_state(published.bert_shapes(width, min(depth, 12)))
    plain = config.startswith(('bio', 'pub'))
    folder = save_bert(tmp_path / 'model', state, width, plain)
    ids, mask = padded(words([2], [3], BERT_WORDS))
    cls = published.bert(state, ids, mask, width // 64)[:, 0]
    wanted = torch.tanh(published.linear(cls, state, 'pooler.dense'))
    measure(f'language/{config}', encode(f'language/{config}', folder), wanted)


@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_biogpt(tmp_path, encode, narrow):
    folder = save_biogpt(tmp_path / 'model')
    width, depth = (128, 2) if narrow else (1024, 12)
    config = json.loads((folder / 'config.json').read_text())
    config.update(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
    )
    (folder / 'config.json').write_text(json.dumps(config))
    state = random_state(published.biogpt_shapes(width, depth, config['vocab_size']))
    (folder / 'model.safetensors').unlink()
    saved = {f'biogpt.{name}': tensor for name, tensor in state.items()}
    saved['output_projection.weight'] = state['embed_tokens.weight'].clone()
    torch.save(saved, folder / 'pytorch_model.bin')
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    rows = [tokenizer(text)['input_ids'] for text in TEXTS]
    assert [row[0] for row in rows] == [2] * 3  # </s> opens a text
    wanted = [
        published.biogpt(state, torch.tensor([row]), width // 64)[0, -1] for row in rows
    ]
    got = encode('language/biogpt', folder)
    measure('language/biogpt', got, torch.stack(wanted))


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize(
    ('config', 'eps'),
    [('llama2_7b', 1e-5), ('pmc_llama_13b', 1e-6), ('meditron_7b', 1e-5)],
)
@torch.no_grad()
def test_llama(tmp_path, encode, config, eps, narrow):
    """The state of the last token; padding on the right changes nothing before it."""
    width, depth, hidden = (128, 2, 352) if narrow else (1024, 12, 2752)
    state = random_state(published.llama_shapes(width, depth, hidden))
    folder = tmp_path / 'model'
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer('<s>'), bos_token='<s>', pad_token='<pad>'
    ).save_pretrained(str(folder))
    options = transformers.LlamaConfig(
        vocab_size=16,
        hidden_size=width,
        intermediate_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=width // 64,
        rms_norm_eps=eps,
    )
    options.save_pretrained(str(folder))
    saved = {f'model.{name}': tensor for name, tensor in state.items()}
    torch.save(
        {**saved, 'lm_head.weight': torch.ones(16, width)}, folder / 'pytorch_model.bin'
    )
    numbers = {word: 3 + i for i, word in enumerate(WORDS)}
    ids, mask = padded(words([2], [], numbers))
    states = published.llama(state, ids, width // 64, eps)
    wanted = states[range(3), mask.sum(1) - 1]
    measure(f'language/{config}', encode(f'language/{config}', folder), wanted)


@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_clinical_t5(tmp_path, encode, narrow):
    width, depth, heads, hidden = (128, 2, 2, 256) if narrow else (768, 12, 12, 3072)
    state = random_state(published.t5_shapes(width, depth, heads, hidden))
    folder = tmp_path / 'model'
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer('', '</s>'), pad_token='<pad>'
    ).save_pretrained(str(folder))
    options = transformers.T5Config(
        vocab_size=144,
        d_model=width,
        d_ff=hidden,
        num_layers=depth,
        num_heads=heads,
    )
    options.save_pretrained(str(folder))
    decoder = {'decoder.final_layer_norm.weight': torch.ones(width)}
    torch.save({**state, **decoder}, folder / 'pytorch_model.bin')
    numbers = {word: 3 + i for i, word in enumerate(WORDS)}
    ids, mask = padded(words([], [2], numbers))
    states = published.t5_encoder(state, ids, mask, heads)
    wanted = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    config = 'language/clinical_t5'
    measure(config, encode(config, folder), wanted)


# --- vision-language ------------------------------------------------------------------


@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_openais_clip(tmp_path, encode, narrow):
    """OpenAI's own class computes the reference, of OpenAI's own tokens."""
    width, depth = (128, 2) if narrow else (512, 12)
    model = clip.model.CLIP(
        width, 224, 1, 64, 112, 77, 49408, width, width // 64, depth
    ).float()
    randomise(model, 0)
    torch.save(model.state_dict(), tmp_path / 'clip.pt')
    config = 'vision_language/clip_text'
    wanted = model.encode_text(clip.tokenize(TEXTS))
    measure(config, encode(config, tmp_path / 'clip.pt'), wanted)


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize('config', ['plip_text', 'quiltnet_text', 'pubmedclip_text'])
@torch.no_grad()
def test_transformers_clip(tmp_path, encode, config, narrow):
    """Transformers' class pads by the end of the text; its file is converted."""
    width, depth = (128, 2) if narrow else (512, 12)
    text = {'hidden_size': width, 'num_hidden_layers': depth, 'eos_token_id': 2}
    text.update(num_attention_heads=width // 64, intermediate_size=4 * width)
    vision = {'hidden_size': 64, 'num_attention_heads': 1, 'num_hidden_layers': 1}
    vision.update(intermediate_size=256, patch_size=112, image_size=224)
    options = transformers.CLIPConfig(text_config=text, vision_config=vision)
    model = randomise(transformers.CLIPModel(options), 0)
    model.save_pretrained(tmp_path / 'folder')
    out = tmp_path / 'out.pt'
    convert_checkpoint(tmp_path / 'folder', out, 'clip', log=lambda text: None)
    tokens = clip.tokenize(TEXTS)
    ends = tokens.argmax(-1)
    mask = (torch.arange(77) <= ends[:, None]).long()
    ids = tokens.where(mask == 1, torch.tensor(49407)).long()
    config = f'vision_language/{config}'
    wanted = model.get_text_features(ids, attention_mask=mask)
    wanted = getattr(wanted, 'pooler_output', wanted)  # transformers 5
    measure(config, encode(config, out), wanted)


def save_open_clip(folder, state, text_config):
    folder.mkdir()
    torch.save(state, folder / 'open_clip_pytorch_model.bin')
    tokenizer = word_tokenizer('[CLS]', '[SEP]')
    tokenizer.enable_padding(length=256)  # which the published file may ask for
    tokenizer.save(str(folder / 'tokenizer.json'))
    content = {'model_cfg': {'text_cfg': text_config}}
    (folder / 'open_clip_config.json').write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_biomedclip(tmp_path, encode, narrow):
    """open_clip pads to 256 tokens, hides the padding, and projects [CLS] twice."""
    width, depth = (128, 2) if narrow else (768, 12)
    state = random_state(published.bert_shapes(width, depth, positions=512))
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(640, width, generator=generator) * width**-0.5
    second = torch.randn(512, 640, generator=generator) / 25
    saved = {f'text.transformer.{k}': v for k, v in state.items()}
    saved.update({'text.proj.0.weight': first, 'text.proj.2.weight': second})
    text = {'hf_pooler_type': 'cls_last_hidden_state_pooler', 'context_length': 256}
    folder = save_open_clip(tmp_path / 'model', saved, text)
    numbers = {word: 4 + i for i, word in enumerate(WORDS)}
    ids, mask = padded(words([2], [3], numbers), 256)
    cls = published.bert(state, ids, mask, width // 64)[:, 0]
    config = 'vision_language/biomedclip_text'
    measure(config, encode(config, folder), F.gelu(cls @ first.T) @ second.T)


@pytest.mark.parametrize('narrow', WIDTHS)
@torch.no_grad()
def test_conch(tmp_path, encode, narrow):
    pytest.importorskip('open_clip')
    width, depth = (128, 2) if narrow else (768, 12)
    state = random_state(published.conch_shapes(width, depth, 512))
    saved = {f'text.{name}': tensor for name, tensor in state.items()}
    saved['text_decoder.text_projection'] = torch.ones(2, 2)
    folder = save_open_clip(tmp_path / 'model', saved, {'context_length': 128})
    numbers = {word: 4 + i for i, word in enumerate(WORDS)}
    ids, _ = padded(words([2], [3], numbers), 127)
    config = 'vision_language/conch_text'
    measure(config, encode(config, folder), published.conch(state, ids, width // 64))


@pytest.mark.parametrize('narrow', WIDTHS)
@pytest.mark.parametrize('config', ['mi_zero', 'pmc_clip'])
@torch.no_grad()
def test_berts_of_files_with_both_towers(tmp_path, encode, config, narrow):
    """MI-Zero hides the padding; PMC-CLIP pads to 77 tokens and attends to it."""
    width, depth = (128, 2) if narrow else (768, 12)
    state = random_state(published.bert_shapes(width, depth, positions=512))
    projection = random_state({'p': (512 if config == 'mi_zero' else 768, width)})[
        'p'
    ].T
    prefix = {'mi_zero': 'module.transformer.', 'pmc_clip': 'module.text_encoder.'}
    saved = {prefix[config] + name: tensor for name, tensor in state.items()}
    saved['module.text_projection'] = projection
    saved[prefix[config] + 'embeddings.position_ids'] = torch.arange(512)[None]
    if config == 'mi_zero':  # AutoModelForMaskedLM(…).bert has no pooler
        saved = {name: t for name, t in saved.items() if 'pooler' not in name}
    else:
        saved['module.img_special_token'] = torch.zeros(1, 1, 768)
        saved['module.positional_embedding'] = torch.ones(77, 768)
    folder = tmp_path / 'model'
    folder.mkdir()
    torch.save({'epoch': np.int64(1), 'state_dict': saved}, folder / 'checkpoint.pt')
    (folder / 'vocab.txt').write_text('\n'.join(VOCABULARY) + '\n')
    rows = words([2], [3], BERT_WORDS)
    ids, mask = padded(rows, 128 if config == 'mi_zero' else 77)
    if config == 'pmc_clip':
        mask = torch.ones_like(mask)
    cls = published.bert(state, ids, mask, width // 64)[:, 0]
    config = f'vision_language/{config}_text'
    measure(config, encode(config, folder), cls @ projection)


def test_every_text_config_is_measured():
    """Names in the tests above, against the folders."""
    measured = {f'language/{name}' for name in (*BERTS, 'biogpt', 'clinical_t5')}
    for name in ('llama2_7b', 'pmc_llama_13b', 'meditron_7b'):
        measured.add(f'language/{name}')
    towers = ('clip', 'plip', 'quiltnet', 'pubmedclip', 'biomedclip', 'conch')
    for name in (*towers, 'mi_zero', 'pmc_clip'):
        measured.add(f'vision_language/{name}_text')
    rooms = ('language', 'vision_language')
    shipped = {f'{r}/{p.stem}' for r in rooms for p in (FOLDER / r).glob('*.py')}
    assert measured == shipped
