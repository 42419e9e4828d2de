"""Write a traced patch classifier for WSInfer, in Python and in QuPath's extension.

Source: the format is that of the WSInfer Model Zoo, version 1.0 (Kaczmarzyk et al.,
*npj Precision Oncology* 8, 2024).
"""

import json
import warnings
from pathlib import Path
from typing import Any, Union

import torch
from torch import Tensor, nn

from cite.core.files.lock import only_one
from cite.core.files.write_whole import write_text_whole, write_whole
from cite.models.class_token import class_token

from .export import WAIT
from .exported_model import ExportedModel
from .network import build_network
from .read import read_model

FOLDER, WEIGHTS, CONFIG = 'torchscript', 'torchscript_model.pt', 'config.json'
_CLOSE = 1e-4  # of logits, whose scale is about 100


class PatchClassifier(nn.Module):
    """A classifier as WSInfer calls it: normalised images in, logits out.

    Args:
        network: classifier in eval mode, on the CPU. It computes in fp32.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.backbone, self.head = network.backbone, network.head
        self.neck = network.neck if network.with_neck else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, size, size) into logits (N, K)."""
        x = self.neck(self.backbone(images))
        logits = self.head.simple_test(x, softmax=False, post_process=False)
        return class_token(logits)


def export_torchscript(
    folder: Union[str, Path], weights: Union[str, Path, None] = None
) -> Path:
    """Write ``torchscript/`` with its two files into a model folder.

    Args:
        folder: model folder.
        weights: of the frozen backbone, which the traced model contains.

    Returns:
        The folder ``torchscript``.

    Raises:
        ValueError: the model takes features, cannot be traced, or gives other scores
            once it is traced.
    """
    model = read_model(folder)
    image = model.config['image']
    if image is None:
        raise ValueError(
            f'{folder} takes features, not images: it has no backbone to trace.'
        )
    network = build_network(model, None if weights is None else str(weights))
    classifier = PatchClassifier(network).eval()
    traced = trace(classifier, image['size'])
    out = model.folder / FOLDER
    with only_one(model.folder, 'writing a model', WAIT):
        with write_whole(out / WEIGHTS) as partial:
            # torch's own writer ends the process where the disk is full.
            partial.write_bytes(traced.save_to_buffer())
        _write_config(out / CONFIG, model)
    return out


def _write_config(path: Path, model: ExportedModel) -> None:
    image: Any = model.config['image']
    backbone = model.config['model']['backbone']
    content = {
        'spec_version': '1.0',
        'architecture': str(
            backbone.get('model_name') or backbone.get('arch') or backbone['type']
        ).rpartition('/')[2],
        'num_classes': len(model.classes),
        'patch_size_pixels': model.patch_pixels,
        'spacing_um_px': model.mpp,
        'class_names': model.classes,
        'transform': [
            {'name': 'Resize', 'arguments': {'size': image['size']}},
            {'name': 'ToTensor'},
            {
                'name': 'Normalize',
                'arguments': {'mean': image['mean'], 'std': image['std']},
            },
        ],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text_whole(path, text + '\n')


@torch.no_grad()
def trace(classifier: nn.Module, size: int) -> Any:
    """Trace a classifier, and check that it serves batches of other sizes.

    Args:
        classifier: images (N, 3, size, size) to logits (N, K), in eval mode.
        size: edge of the images, pixels.

    Raises:
        ValueError: it cannot be traced, or the traced one gives other logits.
    """
    images = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', torch.jit.TracerWarning)
            traced = torch.jit.trace(classifier, images[:2], check_trace=False)
    except (RuntimeError, ValueError, TypeError) as error:
        lines = ' '.join(str(error).split())
        raise ValueError(f'the model cannot be traced: {lines[:400]}') from error
    for number in (1, 2, 3):
        batch = images[:number]
        gap = (traced(batch) - classifier(batch)).abs().max()
        if not gap < _CLOSE:
            raise ValueError(
                f'the traced model gives other logits for a batch of {number} (they '
                f'differ by {float(gap):.2g}), so it was not written.'
            )
    return torch.jit.freeze(traced)
