"""Read a language model from a folder or the hub, without running anything in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch

from cite.core.files.weights import is_panic
from cite.core.messages import first_line, shorten
from cite.models.config_sizes import check_sizes
from cite.models.hub import fetch, missing_file, read_config_file, read_weights

Kind = Literal['bert', 'decoder', 't5', 'clip']
# The encoder to name in a config, by the kind of model.
ENCODERS: dict[str, str] = {
    'bert': 'BERT',
    'decoder': 'DecoderTextEncoder',
    't5': 'T5Encoder',
    'clip': 'CLIPTextEncoder',
}


def load_language_model(
    name: str, kind: Kind, pooler: bool = False, trust_remote_code: bool = False
) -> tuple[Any, Any]:
    """Load transformers' tokenizer and model, in fp32 and eval mode, on the CPU.

    Args:
        name: a local folder or a hub name.
        kind: kind of model that the encoder's class is made for.
        pooler: whether the pooler's weights are needed.
        trust_remote_code: let transformers run Python files that come with the model.

    Raises:
        FileNotFoundError: no such folder or hub model, or a file of it is missing.
        ImportError: the tokenizer needs a package that is not installed.
        ValueError: the weights are damaged or of another architecture or kind.
    """
    folder = fetch(name)
    lacking = missing_file(folder)
    if lacking:
        raise FileNotFoundError(
            f'text encoder {name}: {folder} has no {lacking}. Copy the published file '
            'there.'
        )
    # Workers of data loaders are forked later, and tokenizers would warn about it.
    os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ImportError(
            f'transformers does not work with torch {torch.__version__} ({error}). '
            'Below torch 2.1 install `pip install "transformers>=4.40,<4.50"`.'
        ) from error
    content = read_config_file(folder)
    with _explained(name, folder):
        config = _config(folder, content, kind, trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), config=config, trust_remote_code=trust_remote_code
        )
        model, info = _load_model(name, folder, config, kind, trust_remote_code)
    _check_missing(name, info['missing_keys'], pooler)
    return tokenizer, model.float().eval()


@contextmanager
def _explained(name: str, folder: Path) -> Iterator[None]:
    """Reword transformers' errors; silence its remarks on weights, which we check."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f'text encoder {name}: its tokenizer needs a package that is not here '
            f'({first_line(error)}). Install them: pip install sacremoses '
            'sentencepiece protobuf.'
        ) from error
    except BaseException as error:  # transformers raises all kinds for odd files
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        if 'trust_remote_code' in str(error):
            raise ValueError(
                f'text encoder {name}: {folder} needs Python code of its author, '
                'which is not run. If you trust the author, set '
                'model.head.text_encoder.trust_remote_code=True.'
            ) from error
        if str(error).startswith('text encoder '):
            raise
        raise ValueError(
            f'text encoder {name}: transformers cannot read {folder}: '
            f'{first_line(error)}'
        ) from error
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def explained_text(name: str, text: str) -> Iterator[None]:
    """Reword the errors of a model whose odd files fail only when it reads a text."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        if isinstance(error, ValueError) and name in str(error):
            raise
        raise ValueError(
            f'text encoder {name}: its tokenizer or its model fails on the text '
            f'{text[:60]!r} ({type(error).__name__}: {first_line(error)[:200]}). Copy '
            'the published files there.'
        ) from error


def _config(
    folder: Path, content: dict[str, Any], kind: Kind, trust_remote_code: bool
) -> Any:
    from transformers import AutoConfig

    if 'model_type' in content:
        return AutoConfig.from_pretrained(
            str(folder), trust_remote_code=trust_remote_code
        )
    if kind != 'bert':
        raise ValueError(
            'config.json has no model_type. Copy the published file there.'
        )
    # BlueBERT's has none, and transformers would guess from the folder's name.
    return AutoConfig.for_model('bert', **content)


def _load_model(
    name: str, folder: Path, config: Any, kind: Kind, trust_remote_code: bool
) -> tuple[Any, dict[str, Any]]:
    """Build the model with weights from our reader, which takes nothing but tensors.

    transformers itself would also follow an ``adapter_config.json`` to other files.
    """
    from transformers import MODEL_MAPPING, AutoModel

    state = read_weights(folder)
    if trust_remote_code and type(config) not in MODEL_MAPPING:
        model = AutoModel.from_config(config, trust_remote_code=True)
        missing, _ = model.load_state_dict(state, strict=False)
        return model, {'missing_keys': missing}
    config, architecture = _architecture_of(name, config, kind)
    check_sizes(config, state, f'text encoder {name}: config.json')
    scale = state.get('logit_scale')  # transformers may empty the dict
    model, info = architecture.from_pretrained(
        None, config=config, state_dict=state, output_loading_info=True
    )
    if kind == 'clip':  # it belongs to both towers: the text tower does not have it
        model.logit_scale = None if scale is None else scale.detach().float().clone()
    return model, info


def _architecture_of(name: str, config: Any, kind: Kind) -> tuple[Any, Any]:
    """Return the config and class of the part of a model that encodes text."""
    import transformers

    actual_kind = _kind_of(config)
    if actual_kind != kind:
        raise ValueError(
            f'text encoder {name}: it is a {config.model_type}, which needs '
            f'model.head.text_encoder.type={ENCODERS[actual_kind]!r}.'
        )
    if kind == 'clip':
        # A text tower saved alone has no part of its own for text.
        text = getattr(config, 'text_config', config)
        text.projection_dim = config.projection_dim
        return text, transformers.CLIPTextModelWithProjection
    mapping: Any = transformers.MODEL_MAPPING
    if kind == 't5':
        mapping = transformers.MODEL_FOR_TEXT_ENCODING_MAPPING
    if type(config) not in mapping:
        raise ValueError(
            f'text encoder {name}: transformers {transformers.__version__} has no text '
            f'encoder of the architecture {config.model_type}.'
        )
    return config, mapping[type(config)]


def _kind_of(config: Any) -> Kind:
    import transformers

    if config.model_type in ('clip', 'clip_text_model'):
        return 'clip'
    # The config of an encoder saved alone no longer states is_encoder_decoder.
    both: Any = transformers.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
    if config.is_encoder_decoder or type(config) in both:
        return 't5'
    causal: Any = transformers.MODEL_FOR_CAUSAL_LM_MAPPING
    masked: Any = transformers.MODEL_FOR_MASKED_LM_MAPPING
    only_causal = type(config) in causal and type(config) not in masked
    return 'decoder' if only_causal else 'bert'


def _check_missing(name: str, missing: Any, pooler: bool) -> None:
    optional = ('position_ids',) if pooler else ('position_ids', 'pooler.')
    missing_keys = [k for k in missing if not any(part in k for part in optional)]
    if missing_keys and all('pooler.' in key for key in missing_keys):
        raise ValueError(
            f'text encoder {name} comes without pooler weights. Set '
            "model.head.text_encoder.key='last_hidden_state' ([CLS] token) or 'mean'."
        )
    if missing_keys:
        raise ValueError(
            f'text encoder {name}: the weights lack {len(missing_keys)} tensors that '
            f'config.json calls for ({shorten(sorted(missing_keys), 3)}): they belong '
            'to another model.'
        )
