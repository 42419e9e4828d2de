from typing import Optional

from mmcls.models.builder import MODELS

from .transformers_text_encoder import TransformersTextEncoder


@MODELS.register_module()
class T5Encoder(TransformersTextEncoder):
    """The encoder of a frozen T5, such as Clinical-T5; its decoder is not loaded.

    Source: Ni et al., *Sentence-T5*, ACL Findings 2022, section 3 (mean over tokens).

    Example::

        text_encoder=dict(type='T5Encoder', model='models/Clinical-T5-Base')

    Args:
        model: a hub name, or the folder of a transformers model.
        key: ``'mean'``, of all tokens, including the end-of-text token.
        text_feature_file, trust_remote_code: see :class:`TransformersTextEncoder`.

    Raises:
        ValueError: no ``model``, or an unknown ``key``.
    """

    keys = ('mean',)
    kind = 't5'

    def __init__(
        self,
        model: Optional[str] = None,
        key: str = 'mean',
        text_feature_file: Optional[str] = None,
        trust_remote_code: bool = False,
    ) -> None:
        if model is None:  # every T5 of medicine is a folder that the user has made
            raise ValueError(
                'model.head.text_encoder.model is missing: give the hub name or the '
                f'folder of a language model for {type(self).__name__}.'
            )
        super().__init__(model, key, text_feature_file, trust_remote_code)
