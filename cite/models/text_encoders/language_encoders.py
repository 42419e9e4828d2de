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
    default_model = 'michiyasunaga/BioLinkBERT-large'


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
    default_model = 'microsoft/biogpt'


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
