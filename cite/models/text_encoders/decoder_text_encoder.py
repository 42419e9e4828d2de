from typing import Optional

from mmcls.models.builder import MODELS

from .transformers_text_encoder import TransformersTextEncoder


@MODELS.register_module()
class DecoderTextEncoder(TransformersTextEncoder):
    """A frozen decoder language model: BioGPT, the LLaMA family, GPT-2, ….

    A token of it has seen those before it, so the last one has seen the whole text.

    Args:
        model: a hub name, or the folder of a transformers model.
        key: which vector of the last layer, after its norm, stands for a text:
            ``'last'``, of the text's last token; or ``'mean'``, of all tokens, the
            begin-of-text token of models that have one among them.
        text_feature_file, trust_remote_code: see
            :class:`.transformers_text_encoder.TransformersTextEncoder`.

    Raises:
        ValueError: an unknown ``key``.
    """

    keys = ('last', 'mean')
    kind = 'decoder'

    def __init__(
        self,
        model: str = 'microsoft/biogpt',
        key: str = 'last',
        text_feature_file: Optional[str] = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__(model, key, text_feature_file, trust_remote_code)
