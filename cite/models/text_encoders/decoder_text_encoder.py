from typing import Optional

from mmcls.models.builder import MODELS

from .transformers_text_encoder import TransformersTextEncoder


@MODELS.register_module()
class DecoderTextEncoder(TransformersTextEncoder):
    """A frozen decoder language model: BioGPT, the LLaMA family, GPT-2, ….

    Each token attends to those before it, so the last one has seen the whole text.

    Example::

        text_encoder=dict(type='DecoderTextEncoder', model='microsoft/biogpt')

    Args:
        model: a hub name, or the folder of a transformers model; by default BioGPT.
        key: which vector of the last layer, after its norm, represents a text:
            ``'last'`` (the default), the text's last token; or ``'mean'``, all tokens,
            including the begin-of-text token of models that have one.
        text_feature_file, trust_remote_code: see :class:`TransformersTextEncoder`.

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
