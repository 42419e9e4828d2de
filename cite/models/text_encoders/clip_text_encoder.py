import re
from pathlib import Path
from typing import Any, Optional

import clip.clip
import torch
from mmcls.models.builder import MODELS
from torch import Tensor

from cite.core.files.clip_files import CACHE
from cite.models import hub, model_identity
from cite.models.backbones.clip_weights import load_clip

from .base_text_encoder import BaseTextEncoder, too_long
from .language_model import explained_text, load_language_model

# Ends of the names of checkpoint files.
_FILES = ('.pt', '.pth', '.bin', '.safetensors')


@MODELS.register_module()
class CLIPTextEncoder(BaseTextEncoder):
    """CLIP's own text tower and projection, frozen; it also returns CLIP's logit scale.

    CLIP, PLIP, QuiltNet or PubMedCLIP, in OpenAI's layout (``cite convert`` writes it
    from open_clip's) or in transformers'.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language
    Supervision*, ICML 2021, section 2.

    Example::

        text_encoder=dict(type='CLIPTextEncoder', arch='ViT-B/16')

    Args:
        arch: an OpenAI CLIP model name or the path of a checkpoint; or the folder or
            hub name (``owner/model``) of a transformers ``CLIPModel``.
    """

    def __init__(self, arch: str) -> None:
        self.arch = arch

    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Load CLIP and encode K texts.

        Returns:
            ``text_embeddings`` (K, D), and ``logit_scale`` (), a logarithm, unless the
            folder has the text tower alone.

        Raises:
            ValueError: a text is too long for CLIP, or the weights do not fit.
        """
        if self.is_transformers():
            return _encode_by_transformers(self.arch, texts)
        model = load_clip(self.arch)
        tokens = [_tokenize(text, model.context_length) for text in texts]
        rows = [model.encode_text(row)[0] for row in tokens]
        return {
            'text_embeddings': torch.stack(rows).float(),
            'logit_scale': model.logit_scale.detach().float().clone(),
        }

    def width(self) -> Optional[int]:
        """Return D if a small file states it, else None."""
        return hub.config_width(self.arch) if self.is_transformers() else None

    def cache_identity(self) -> dict[str, Any]:
        """Describe the checkpoint: its file if it is here already, else the name."""
        if self.is_transformers():
            return model_identity.cache_identity(self.arch)
        file = self._local_file()
        if not file.is_file():
            return {'model': self.arch}
        return {'file': str(file.resolve()), 'files': model_identity.stamps([file])}

    def source(self) -> dict[str, Any]:
        """Describe the checkpoint by the name of its file."""
        if self.is_transformers():
            name = model_identity.short_name(self.arch)
            weights = model_identity.model_digest(self.arch)
        else:
            file = self._local_file()
            name, files = file.stem, [file] if file.is_file() else []
            weights = model_identity.weights_digest(files)
        return {'encoder': 'CLIP', 'model': name, 'weights': weights}

    def is_transformers(self) -> bool:
        """Tell a folder or hub name from OpenAI's names and files."""
        if self.arch in clip.clip._MODELS or self._local_file().is_file():
            return False
        is_name = bool(re.fullmatch(r'[\w-]+/[\w.-]+', self.arch))
        is_name = is_name and not self.arch.endswith(_FILES)
        return is_name or self._local_file().is_dir()

    def _local_file(self) -> Path:
        """Return the path of the checkpoint, now or after a download."""
        if self.arch in clip.clip._MODELS:
            return Path(CACHE).expanduser() / Path(clip.clip._MODELS[self.arch]).name
        return Path(self.arch).expanduser()


def _encode_by_transformers(name: str, texts: list[str]) -> dict[str, Tensor]:
    """Encode K texts with the text tower and projection of a ``CLIPModel``."""
    tokenizer, model = load_language_model(name, 'clip')
    limit = model.config.max_position_embeddings
    rows = []
    for text in texts:
        with explained_text(name, text):
            inputs = tokenizer(text, return_tensors='pt', padding=False)
            ids, mask = inputs['input_ids'], inputs['attention_mask']
        if ids.shape[1] > limit:
            raise too_long(text, limit, 'CLIP')
        with explained_text(name, text):
            rows.append(model(ids, attention_mask=mask).text_embeds)  # (1, D)
    result = {'text_embeddings': torch.cat(rows)}  # (K, D)
    if model.logit_scale is not None:
        result['logit_scale'] = model.logit_scale
    return result


def _tokenize(text: str, context_length: int) -> Tensor:
    try:
        return clip.clip.tokenize(text, context_length)  # (1, context_length)
    except RuntimeError as error:
        raise too_long(text, context_length, 'CLIP') from error
