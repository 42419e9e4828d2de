"""A model folder without training: a CLIP, and the texts of the classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from mmcls.models import build_classifier

from cite.core.files.lock import only_one
from cite.datasets.pipelines import CLIPPreprocess
from cite.models.heads.caption_file import read_caption_file

from .content import fill_content, state_of
from .export import WAIT, write_folder
from .layout import CONFIG
from .model_card import model_card
from .read import read_model

Descriptions = Mapping[str, Union[str, Sequence[str]]]
_NO_TRAINING = {'slides': [], 'quickhashes': [], 'patients': [], 'patches': 0}


def export_zero_shot(
    arch: Union[str, Path],
    texts: Union[str, Path, Descriptions],
    out: Union[str, Path],
    patch_pixels: int = 300,
    mpp: float = 0.5,
    precision: str = 'auto',
) -> Path:
    """Write a model folder of a CLIP that tells classes apart by their texts alone.

    Source: Radford et al., *Learning Transferable Visual Models From Natural Language
    Supervision*, ICML 2021, section 3.1.

    Example::

        texts = {'Tumour': 'A photo of a tumour', 'Normal': 'A photo of normal mucosa'}
        predictor = Predictor(export_zero_shot('ViT-B/16', texts, 'zero-shot/'))

    Args:
        arch: an OpenAI CLIP model name, or a file of one.
        texts: the name of each class with its description, or with several that are
            averaged; or a YAML file of them.
        out: folder to write to.
        patch_pixels: edge of the tiles that a slide is cut into, pixels.
        mpp: microns per pixel of these tiles.
        precision: of the computation, as ``model.precision`` of a config.

    Returns:
        ``out``, for :class:`cite.inference.predictor.Predictor` or ``cite predict``.

    Raises:
        FileNotFoundError: the CLIP or the file of texts is missing.
        TypeError: the texts do not name their classes.
        ValueError: no class, or one description of two classes.
    """
    out = Path(out)
    about = {'patch_pixels': patch_pixels, 'mpp': mpp, 'training': _NO_TRAINING}
    content, data = _content(str(arch), _named(texts), precision, out, about)
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out, 'writing a model', WAIT):
        write_folder(out, content, data, model_card(content, None, None, str(out)))
        read_model(out)
    return out


def _named(texts: Union[str, Path, Descriptions]) -> Descriptions:
    if isinstance(texts, (str, Path)):
        return read_caption_file(texts)
    if not isinstance(texts, Mapping):
        raise TypeError(
            f'texts is a {type(texts).__name__}; name the classes, as in '
            "{'Tumour': 'a photo of a tumour', …}, or give a YAML file of them."
        )
    return texts


def _content(
    arch: str, texts: Descriptions, precision: str, out: Path, about: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """Return the content of config.json, and the file of weights."""
    entries = [t if isinstance(t, str) else list(t) for t in texts.values()]
    config = {
        'type': 'CITEClassifier',
        'precision': precision,
        'backbone': {'type': 'CLIPImageBackbone', 'arch': arch},
        'head': {'type': 'CLIPTextHead', 'arch': arch, 'texts': entries},
    }
    network = build_classifier(config).eval()
    image = {'step': 'CLIPPreprocess', **CLIPPreprocess(arch).describe()}
    about = {**about, 'classes': [*texts], 'image': image}
    file = str(out / CONFIG)
    return fill_content(config, network, state_of(network), file, **about)
