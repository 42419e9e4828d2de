from pathlib import Path
from typing import Any

import clip.clip
import torch
from mmcls.models.builder import MODELS
from torch import Tensor

from cite.models.backbones.clip_files import CACHE
from cite.models.backbones.clip_weights import load_clip

from .base_text_encoder import BaseTextEncoder
from .model_files import stamps, weights_digest


@MODELS.register_module()
class CLIPTextEncoder(BaseTextEncoder):
    """CLIP's own text tower, frozen; it also tells CLIP's logit scale.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language
    Supervision*, ICML 2021, section 2.

    Args:
        arch: an OpenAI CLIP model name or the path of a checkpoint.
    """

    def __init__(self, arch: str) -> None:
        self.arch = arch

    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Load CLIP and encode K texts.

        Returns:
            ``text_embeddings`` (K, D), and ``logit_scale`` (), a logarithm.

        Raises:
            ValueError: a text is too long for CLIP.
        """
        model = load_clip(self.arch)
        tokens = [_tokenize(text, model.context_length) for text in texts]
        rows = [model.encode_text(row)[0] for row in tokens]
        return {
            'text_embeddings': torch.stack(rows).float(),
            'logit_scale': model.logit_scale.detach().float().clone(),
        }

    def cache_identity(self) -> dict[str, Any]:
        """Describe the checkpoint: its file where it is here already, else the name."""
        file = self._local_file()
        if not file.is_file():
            return {'model': self.arch}
        return {'file': str(file.resolve()), 'files': stamps([file])}

    def source(self) -> dict[str, Any]:
        """Describe the checkpoint by its file's name, the same for OpenAI's names."""
        file = self._local_file()
        files = [file] if file.is_file() else []
        return {
            'encoder': 'CLIP',
            'model': file.stem,
            'weights': weights_digest(files),
        }

    def _local_file(self) -> Path:
        """Say where the checkpoint lies, or would after a download."""
        if self.arch in clip.clip._MODELS:
            return Path(CACHE).expanduser() / Path(clip.clip._MODELS[self.arch]).name
        return Path(self.arch).expanduser()


def _tokenize(text: str, context_length: int) -> Tensor:
    try:
        return clip.clip.tokenize(text, context_length)  # (1, context_length)
    except RuntimeError as error:
        raise ValueError(
            f'a text is longer than the {context_length} tokens that CLIP reads: '
            f'{text[:60]!r}… Shorten it (model.head.texts).'
        ) from error
