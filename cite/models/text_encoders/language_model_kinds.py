"""The kinds of language models, and the encoder for each."""

from typing import Any, Literal

Kind = Literal['bert', 'decoder', 't5', 'clip']
# The encoder to name in a config, by the kind of model.
ENCODERS: dict[str, str] = {
    'bert': 'BERT',
    'decoder': 'DecoderTextEncoder',
    't5': 'T5Encoder',
    'clip': 'CLIPTextEncoder',
}


def architecture_of(name: str, config: Any, kind: Kind) -> tuple[Any, Any]:
    """Return the config and class of the part of a model that encodes text.

    Raises:
        ValueError: the model is of another kind; the message names the encoder for it.
    """
    import transformers

    actual_kind = kind_of(config)
    if actual_kind != kind:
        raise ValueError(
            f'text encoder {name}: it is a {config.model_type}, which needs '
            f'model.head.text_encoder.type={ENCODERS[actual_kind]!r}.'
        )
    if kind == 'clip':
        return _text_config(config), transformers.CLIPTextModelWithProjection
    mapping: Any = transformers.MODEL_MAPPING
    if kind == 't5':
        mapping = transformers.MODEL_FOR_TEXT_ENCODING_MAPPING
    if type(config) not in mapping:
        raise ValueError(
            f'text encoder {name}: transformers {transformers.__version__} has no text '
            f'encoder of the architecture {config.model_type}.'
        )
    return config, mapping[type(config)]


def _text_config(config: Any) -> Any:
    """Return the text part of a CLIP config, which may lack the common width."""
    text = getattr(config, 'text_config', config)
    text.projection_dim = config.projection_dim
    return text


def kind_of(config: Any) -> Kind:
    """Return the kind of a model with this config."""
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
