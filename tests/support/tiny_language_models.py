"""Small language models with seeded random weights and real tokenizers."""

import json
from pathlib import Path
from typing import Any

import torch
from saved_model import save_model

WORDS = ['well', 'moderately', 'poorly', 'differentiated', 'tubular', 'adenocarcinoma']


def word_tokenizer(begin: str = '', end: str = '') -> Any:
    """Number ``<pad>``, ``<unk>``, ``begin``, ``end`` and then the words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    special = ['<pad>', '<unk>', *filter(None, (begin, end))]
    numbers = {word: i for i, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token='<unk>'))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=' '.join(filter(None, (begin, '$A', end))),
        special_tokens=[(t, numbers[t]) for t in (begin, end) if t],
    )
    return tokenizer


def seeded(build: Any, spread: float = 0.1) -> Any:
    """Build a model in eval mode; its random weights are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build().eval()
        for parameter in model.parameters():  # weights as large as trained ones
            parameter.data += spread * torch.randn_like(parameter)
    return model


def save_bert(folder: Path, seed: int = 0, safetensors: bool = True) -> Path:
    """Write a BERT of two layers, 32 wide."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *WORDS]
    (folder / 'vocab.txt').write_text('\n'.join(vocabulary) + '\n')
    tokenizer = BertTokenizerFast(str(folder / 'vocab.txt'), model_max_length=16)
    tokenizer.save_pretrained(str(folder))
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
        initializer_range=0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config)
    save_model(model, folder, safetensors)
    return folder


def save_biogpt(folder: Path) -> Path:
    """Write a BioGPT with its head, and the two files of its own tokenizer."""
    from transformers import BioGptConfig, BioGptForCausalLM

    folder.mkdir(parents=True)
    letters = [chr(c) for c in range(ord('a'), ord('z') + 1)]
    pieces = [*letters, *(f'{letter}</w>' for letter in letters), 'we', 'll</w>']
    words = ['<s>', '<pad>', '</s>', '<unk>', *pieces]
    (folder / 'vocab.json').write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / 'merges.txt').write_text('w e 9\nl l</w> 8\n')
    settings = {'tokenizer_class': 'BioGptTokenizer', 'model_max_length': 64}
    (folder / 'tokenizer_config.json').write_text(json.dumps(settings))
    config = BioGptConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    seeded(lambda: BioGptForCausalLM(config)).save_pretrained(str(folder))
    return folder


def save_llama(folder: Path, width: int = 32) -> Path:
    """Write a LLaMA with its head; the tokenizer starts texts with <s> and pads."""
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = word_tokenizer(begin='<s>')
    # Several published files ask for padding; the text encoder must ignore it.
    tokenizer.enable_padding(direction='left', pad_id=0, pad_token='<pad>', length=12)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token='<s>', pad_token='<pad>'
    ).save_pretrained(str(folder))
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=width,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=24,
    )
    seeded(lambda: LlamaForCausalLM(config)).save_pretrained(str(folder))
    return folder


def save_t5(folder: Path, width: int = 32) -> Path:
    """Write a T5, encoder and decoder, with a tokenizer of words."""
    from transformers import PreTrainedTokenizerFast, T5Config
    from transformers import T5ForConditionalGeneration as T5

    tokenizer = word_tokenizer(end='</s>')
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(str(folder))
    config = T5Config(
        vocab_size=144,  # SentencePiece's tokenizer has a hundred tokens more
        d_model=width,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
    )
    seeded(lambda: T5(config)).save_pretrained(str(folder))
    return folder


def save_open_clip(folder: Path, state: dict, name: str) -> Path:
    """Write an open_clip model's folder: weights, tokenizer and config."""
    folder.mkdir(parents=True)
    torch.save(state, folder / name)
    word_tokenizer('[CLS]', '[SEP]').save(str(folder / 'tokenizer.json'))
    text = {'hf_pooler_type': 'cls_last_hidden_state_pooler', 'context_length': 16}
    config = {'model_cfg': {'text_cfg': text}}
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    return folder


def biomedclip_tower() -> tuple[Any, torch.Tensor, torch.Tensor]:
    """Return BiomedCLIP's text tower, 48 wide: a BERT and two layers without bias."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=12,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=20,
        initializer_range=0.3,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(config, add_pooling_layer=False).eval()
        return model, torch.randn(88, 128), torch.randn(48, 88)


def save_biomedclip(folder: Path) -> Path:
    """Write the folder of BiomedCLIP's tower."""
    model, first, second = biomedclip_tower()
    state = {f'text.transformer.{k}': v for k, v in model.state_dict().items()}
    state['text.proj.0.weight'] = first
    state['text.proj.2.weight'] = second
    state['logit_scale'] = torch.tensor(4.5)
    state['visual.head.proj.weight'] = first
    return save_open_clip(folder, state, 'open_clip_pytorch_model.bin')


def coca_tower() -> dict[str, torch.Tensor]:
    """Return CONCH's text tower, 24 wide, with its class token after the text."""
    width, length, blocks = 128, 13, 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = {
            'cls_emb': torch.randn(width),
            'token_embedding.weight': torch.randn(12, width),
            'positional_embedding': torch.randn(length, width),
            'text_projection': torch.randn(width, 24) / 11,
            **_norm('ln_final', width),
        }
        for i in range(blocks):
            name = f'transformer.resblocks.{i}'
            state.update(_norm(f'{name}.ln_1', width))
            state.update(_norm(f'{name}.ln_2', width))
            for part, rows, columns in (
                ('attn.in_proj_', 3 * width, width),
                ('attn.out_proj.', width, width),
                ('mlp.c_fc.', 4 * width, width),
                ('mlp.c_proj.', width, 4 * width),
            ):
                weight = torch.randn(rows, columns) / columns**0.5
                state[f'{name}.{part}weight'] = weight
                state[f'{name}.{part}bias'] = torch.randn(rows) / 8
    return state


def _norm(name: str, width: int) -> dict[str, torch.Tensor]:
    weight = 1 + torch.randn(width) / 9
    return {f'{name}.weight': weight, f'{name}.bias': torch.ones(width)}


def save_conch(folder: Path) -> Path:
    """Write the folder of CONCH's tower."""
    state = {f'text.{key}': value for key, value in coca_tower().items()}
    return save_open_clip(folder, state, 'pytorch_model.bin')


def save_mi_zero(folder: Path) -> Path:
    """Write a BERT and its projection as MI-Zero publishes them; 24 wide."""
    return _save_bert(folder, 'transformer.', 'ctranspath_448_pubmedbert.pt')


def save_pmc_clip(folder: Path) -> Path:
    """Write a BERT and its projection as PMC-CLIP's distributed training saves them."""
    return _save_bert(folder, 'module.text_encoder.', 'checkpoint.pt')


def _save_bert(folder: Path, prefix: str, name: str) -> Path:
    model, first, _ = biomedclip_tower()
    weights = model.state_dict()
    # These models read longer texts.
    positions = 'embeddings.position_embeddings.weight'
    weights[positions] = torch.cat([weights[positions]] * 7)
    state = {prefix + key: value for key, value in weights.items()}
    module = 'module.' if prefix.startswith('module.') else ''
    state[f'{module}text_projection'] = first[:24].T
    state[f'{module}logit_scale'] = torch.tensor(4.5)
    folder.mkdir(parents=True)
    torch.save({'epoch': 3, 'state_dict': state}, folder / name)
    words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', *WORDS]
    (folder / 'vocab.txt').write_text('\n'.join(words) + '\n')
    return folder
