"""Folders of small language models as published, as wide as they are asked to be."""

import json
from pathlib import Path
from typing import Any

import torch
from tiny_tokenizer import WORDS, word_tokenizer


def seeded(build: Any, spread: float = 0.1) -> Any:
    """Build a model in eval mode with random weights, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build().eval()
        for parameter in model.parameters():  # weights as large as trained ones
            parameter.data += spread * torch.randn_like(parameter)
    return model


def save_llama(folder: Path, width: int = 32) -> Path:
    """A LLaMA with its head, <s> before each text, and a file that asks for padding."""
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = word_tokenizer(begin='<s>')
    # As in the files of several published models; ours must not heed it.
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
    """A whole T5, encoder and decoder, with a tokenizer of words."""
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
    """An open_clip model's folder: weights, tokenizer and config."""
    folder.mkdir(parents=True)
    torch.save(state, folder / name)
    word_tokenizer('[CLS]', '[SEP]').save(str(folder / 'tokenizer.json'))
    text = {'hf_pooler_type': 'cls_last_hidden_state_pooler', 'context_length': 16}
    config = {'model_cfg': {'text_cfg': text}}
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    return folder


def biomedclip_tower() -> tuple[Any, torch.Tensor, torch.Tensor]:
    """BiomedCLIP's text tower: a BERT, and two layers without biases; 48 wide."""
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
    """The folder of that tower."""
    model, first, second = biomedclip_tower()
    state = {f'text.transformer.{k}': v for k, v in model.state_dict().items()}
    state['text.proj.0.weight'] = first
    state['text.proj.2.weight'] = second
    state['logit_scale'] = torch.tensor(4.5)
    state['visual.head.proj.weight'] = first
    return save_open_clip(folder, state, 'open_clip_pytorch_model.bin')


def coca_tower() -> dict[str, torch.Tensor]:
    """CONCH's text tower: a token of its own behind the text; 24 wide."""
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
    """The folder of that tower."""
    state = {f'text.{key}': value for key, value in coca_tower().items()}
    return save_open_clip(folder, state, 'pytorch_model.bin')


def save_mi_zero(folder: Path) -> Path:
    """A BERT of MI-Zero's, with its projection; 24 wide."""
    return _save_bert(folder, 'transformer.', 'ctranspath_448_pubmedbert.pt')


def save_pmc_clip(folder: Path) -> Path:
    """A BERT of PMC-CLIP's, with its projection, as distributed training saves it."""
    return _save_bert(folder, 'module.text_encoder.', 'checkpoint.pt')


def _save_bert(folder: Path, prefix: str, name: str) -> Path:
    model, first, _ = biomedclip_tower()
    tensors = model.state_dict()
    # Their texts may be longer.
    positions = 'embeddings.position_embeddings.weight'
    tensors[positions] = torch.cat([tensors[positions]] * 7)
    state = {prefix + key: value for key, value in tensors.items()}
    module = 'module.' if prefix.startswith('module.') else ''
    state[f'{module}text_projection'] = first[:24].T
    state[f'{module}logit_scale'] = torch.tensor(4.5)
    folder.mkdir(parents=True)
    torch.save({'epoch': 3, 'state_dict': state}, folder / name)
    words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', *WORDS]
    (folder / 'vocab.txt').write_text('\n'.join(words) + '\n')
    return folder
