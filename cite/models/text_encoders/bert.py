from typing import Optional

from mmcls.models.builder import MODELS

from .transformers_text_encoder import TransformersTextEncoder


@MODELS.register_module()
class BERT(TransformersTextEncoder):
    """A frozen BERT: BioLinkBERT, PubMedBERT, BioBERT, BlueBERT, ClinicalBERT, SciBERT.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Example::

        text_encoder=dict(type='BERT', model='michiyasunaga/BioLinkBERT-large')

    Args:
        model: a hub name, or the folder of a transformers model; by default
            BioLinkBERT-large.
        key: which vector represents a text: ``'pooler_output'`` (the default);
            ``'last_hidden_state'``, the [CLS] token's; or ``'mean'`` of all its tokens,
            including [CLS] and [SEP].
        text_feature_file, trust_remote_code: see :class:`TransformersTextEncoder`.

    Raises:
        ValueError: an unknown ``key``.
    """

    keys = ('pooler_output', 'last_hidden_state', 'mean')
    kind = 'bert'

    def __init__(
        self,
        model: str = 'michiyasunaga/BioLinkBERT-large',
        key: str = 'pooler_output',
        text_feature_file: Optional[str] = None,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__(model, key, text_feature_file, trust_remote_code)
