"""Which kinds of language models there are, and which class of ours is for which."""

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
    """Return config and transformers' class of the part of a model that encodes text.

    Raises:
        ValueError: the model is of another kind; the message names the encoder for it.
    """
    import transformers

    found = kind_of(config)
    if found != kind:
        raise ValueError(
            f'text encoder {name}: it is a {config.model_type}, for which '
            f'model.head.text_encoder.type={ENCODERS[found]!r} is made.'
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
    """Return the text part of a CLIP config, which may not know the common width."""
    text = getattr(config, 'text_config', config)
    text.projection_dim = config.projection_dim
    return text


def kind_of(config: Any) -> Kind:
    """Tell a model's kind from its config."""
    import transformers

    if config.model_type in ('clip', 'clip_text_model'):
        return 'clip'
    # An encoder that was saved alone is no longer an encoder-decoder by its own word.
    both: Any = transformers.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
    if config.is_encoder_decoder or type(config) in both:
        return 't5'
    causal: Any = transformers.MODEL_FOR_CAUSAL_LM_MAPPING
    masked: Any = transformers.MODEL_FOR_MASKED_LM_MAPPING
    only_causal = type(config) in causal and type(config) not in masked
    return 'decoder' if only_causal else 'bert'
