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
