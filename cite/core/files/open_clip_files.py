"""Read the text tower and tokenizer in a folder of open_clip, MI-Zero or PMC-CLIP."""

import json
from pathlib import Path
from typing import Any, NamedTuple, Optional

from torch import Tensor

from .elsewhere import looked_at
from .weights import load_weights

# In open_clip's own order; the last is CONCH's.
WEIGHTS = (
    'open_clip_model.safetensors',
    'open_clip_pytorch_model.bin',
    'pytorch_model.bin',
)
CONFIG = 'open_clip_config.json'
# open_clip's names of these towers' part of a model, and of the common scale.
_PREFIX, _SCALE = 'text.', 'logit_scale'
_CLS = {'hf_pooler_type': 'cls_last_hidden_state_pooler'}
# Prefix and use of the BERT of other models: MI-Zero masks the padding, PMC-CLIP does
# not. Sources: the models' own code, src/models/model.py of mahmoodlab/MI-Zero and
# src/pmc_clip/model/pmc_clip.py of WeixiongLin/PMC-CLIP.
_BERTS: dict[str, dict[str, Any]] = {
    'transformer.': {**_CLS, 'context_length': 128},
    'text_encoder.': {**_CLS, 'context_length': 77, 'pad': True},
}
_WORDS = 'embeddings.word_embeddings.weight'


class Tower(NamedTuple):
    """A text tower's tensors by their names within it, and how it is used."""

    state: dict[str, Tensor]  # by open_clip's names (a BERT's: transformer.…, proj.…)
    scale: Optional[Tensor]  # the logit scale (), a logarithm, if there is one
    # open_clip's text_cfg, and pad: the text is padded to the context_length and the
    # padding is not masked.
    options: dict[str, Any]


def tower_file(folder: Path) -> Optional[Path]:
    """Return the file with the weights: of a known name, or the only ``.pt``."""
    files = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    others = sorted(folder.glob('*.pt'))
    return files[0] if files else others[0] if len(others) == 1 else None


def read_tower(folder: Path) -> Tower:
    """Read a text tower.

    Raises:
        FileNotFoundError: no such folder, or no weights in it.
        ValueError: the file is damaged or holds no such tower.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f'text encoder {folder}: no such folder.{looked_at(folder)} Get the model '
            'where there is a '
            'network: `hf download OWNER/MODEL --local-dir FOLDER` (docs/MODEL_ZOO.md '
            'has the names; ask for access on the page of a gated one and log in with '
            '`hf auth login` first), then set model.head.text_encoder.model to FOLDER.'
        )
    file = tower_file(folder)
    if file is None:
        raise FileNotFoundError(
            f'text encoder {folder}: the folder has none of {", ".join(WEIGHTS)}. '
            'Copy the published weights there.'
        )
    content = load_weights(file)
    content = content.get('state_dict', content) if isinstance(content, dict) else {}
    content = {k[7:] if k.startswith('module.') else k: v for k, v in content.items()}
    scale = content.get(_SCALE)
    scale = None if scale is None else scale.detach().float().clone()
    state = _part(content, _PREFIX)
    if state:
        return Tower(state, scale, text_config(folder))
    for prefix, options in _BERTS.items():
        if prefix + _WORDS in content and 'text_projection' in content:
            bert = _part(content, prefix)
            state = {f'transformer.{name}': tensor for name, tensor in bert.items()}
            state['proj.weight'] = content['text_projection'].detach().float().T
            return Tower(state, scale, options)
    raise ValueError(
        f'{file} has no text tower named {_PREFIX}… or {", ".join(_BERTS)}…: it has '
        'another architecture. If it is a CLIP of the usual layout, run `cite convert '
        f"{file} OUT.pt --from clip` and set type='CLIPTextEncoder', arch='OUT.pt'."
    )


def _part(content: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    names = [name for name in content if name.startswith(prefix)]
    return {name[len(prefix) :]: content[name].detach().float() for name in names}


def read_tokenizer(folder: Path) -> Any:
    """Read ``tokenizer.json``, without the padding that it may ask for.

    Without it, a BERT's ``vocab.txt`` is read as transformers does: in lower case.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    if not folder.is_dir():
        read_tower(folder)  # raises the error
    file, vocabulary = folder / 'tokenizer.json', folder / 'vocab.txt'
    if not file.is_file() and not vocabulary.is_file():
        raise FileNotFoundError(
            f'text encoder {folder}: the folder has no tokenizer.json (nor vocab.txt). '
            "Copy the published one (CONCH's is conch_byte_level_bpe_uncased.json "
            "of its code; MI-Zero's and PMC-CLIP's are those of their BERT)."
        )
    if not file.is_file():
        return BertWordPieceTokenizer(str(vocabulary), lowercase=True)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f'{file} is not a tokenizer: {error}') from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def text_config(folder: Path) -> dict[str, Any]:
    """Read the text tower's part of ``open_clip_config.json``; {} without the file.

    Raises:
        ValueError: the file is not such JSON.
    """
    file = folder / CONFIG
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding='utf-8'))
        return dict(content.get('model_cfg', content).get('text_cfg', {}))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f'{file} is not a config of open_clip: {error}') from error
