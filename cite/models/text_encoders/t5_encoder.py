from typing import Optional

from mmcls.models.builder import MODELS

from .transformers_text_encoder import TransformersTextEncoder


@MODELS.register_module()
class T5Encoder(TransformersTextEncoder):
    """The encoder of a frozen T5, such as Clinical-T5; its decoder is not loaded.

    Source: Ni et al., *Sentence-T5*, ACL Findings 2022, section 3 (mean over tokens).

    Args:
        model: a hub name, or the folder of a transformers model.
        key: ``'mean'``, of all tokens, the end-of-text token among them.
        text_feature_file, trust_remote_code: see
            :class:`.transformers_text_encoder.TransformersTextEncoder`.

    Raises:
        ValueError: an unknown ``key``.
    """

    keys = ('mean',)
    kind = 't5'

    def __init__(
        self,
        model: str,
        key: str = 'mean',
        text_feature_file: Optional[str] = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__(model, key, text_feature_file, trust_remote_code)
