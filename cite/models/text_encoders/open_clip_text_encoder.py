from pathlib import Path
from typing import Any

import torch
from mmcls.models.builder import MODELS
from torch import Tensor

from cite.core.files.open_clip_files import read_tokenizer, read_tower, tower_file
from cite.models.model_identity import cache_identity, short_name, weights_digest

from .base_text_encoder import BaseTextEncoder, too_long
from .open_clip_towers import build_tower


@MODELS.register_module()
class OpenCLIPTextEncoder(BaseTextEncoder):
    """A frozen text tower that is not CLIP's own.

    BiomedCLIP's, MI-Zero's and PMC-CLIP's are a BERT with a projection; CONCH's (a
    CoCa's) needs the package open_clip. Towers of CLIP's own architecture need
    ``cite convert`` and :class:`CLIPTextEncoder`.

    Source: Zhang et al., *BiomedCLIP*, 2023, arXiv:2303.00915, section 3; Lu et al., *A
    visual-language foundation model for computational pathology*, Nature Medicine 2024,
    Methods.

    Example::

        text_encoder=dict(type='OpenCLIPTextEncoder', model='models/BiomedCLIP')

    Args:
        model: the folder with the published weights (``open_clip_pytorch_model.bin``,
            ``open_clip_model.safetensors``, ``pytorch_model.bin``, or the only
            ``.pt``), ``open_clip_config.json`` if there is one, and
            ``tokenizer.json`` (or a BERT's ``vocab.txt``).
    """

    def __init__(self, model: str) -> None:
        self.model = model

    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Load the text tower and encode K texts.

        Returns:
            ``text_embeddings`` (K, D), and ``logit_scale`` (), a logarithm.

        Raises:
            FileNotFoundError: no such folder, or a file of it is missing.
            ImportError: CONCH without open_clip.
            ValueError: damaged weights, or a tower of another architecture.
        """
        folder = Path(self.model).expanduser()
        tokenizer = read_tokenizer(folder)
        read = read_tower(folder)
        tower = build_tower(folder, read)
        rows = [tower(_ids(text, tokenizer, tower.longest)) for text in texts]
        result = {'text_embeddings': torch.cat(rows)}  # (K, D)
        if read.scale is not None:
            result['logit_scale'] = read.scale
        return result

    def cache_identity(self) -> dict[str, Any]:
        """Describe the folder so that any change to its files shows."""
        return cache_identity(self.model)

    def source(self) -> dict[str, Any]:
        """Describe the model by the folder's name and the weights."""
        file = tower_file(Path(self.model).expanduser())
        return {
            'encoder': 'OpenCLIP',
            'model': short_name(self.model),
            'weights': weights_digest([file] if file else []),
        }


def _ids(text: str, tokenizer: Any, longest: int) -> Tensor:
    ids = tokenizer.encode(text).ids
    if len(ids) > longest:
        raise too_long(text, longest, 'this model')
    return torch.tensor([ids])  # (1, T)
