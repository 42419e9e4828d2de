"""Images may travel as uint8 and are normalised where the model is.

mmcls expects float images from the workers: four times the bytes through queues and to
the GPU. Ours may send uint8 with ``img_norm_cfg`` in ``img_metas``, mmcls' own words
for mean and std (scale 0 to 255); every classifier of mmcls 0.25 then normalises them
here, in the order and precision of torchvision's ``ToTensor`` and ``Normalize``.
"""

import functools
from typing import Any

import torch
from mmcls.models.classifiers.base import BaseClassifier
from torch import Tensor


def install() -> None:
    """Wrap ``BaseClassifier.forward``."""
    if not getattr(BaseClassifier.forward, 'takes_uint8', False):
        BaseClassifier.forward = _accept_uint8(BaseClassifier.forward)


def _accept_uint8(original: Any) -> Any:
    @functools.wraps(original)
    def forward(self: BaseClassifier, img: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(img, Tensor) and img.dtype == torch.uint8:
            img = normalize(img, kwargs.get('img_metas'))
        return original(self, img, *args, **kwargs)

    forward.takes_uint8 = True  # type: ignore[attr-defined]
    return forward


def normalize(img: Tensor, img_metas: Any) -> Tensor:
    """Return float32 images: (x / 255 - mean) / std.

    Args:
        img: (N, 3, H, W), uint8.
        img_metas: of each image; the first one's ``img_norm_cfg`` serves for all.

    Raises:
        ValueError: there is no ``img_norm_cfg``.
    """
    cfg = (img_metas[0] if img_metas else {}).get('img_norm_cfg')
    if cfg is None:
        raise ValueError(
            'the images are uint8 and nothing says how to normalise them: keep '
            "'img_norm_cfg' among the meta_keys of Collect, or write backend='pillow' "
            'in PatchGastricPipeline.'
        )
    mean, std = (
        (torch.tensor(cfg[key], dtype=torch.float64) / 255).float().to(img.device)
        for key in ('mean', 'std')
    )
    out = torch.empty(img.shape, dtype=torch.float32, device=img.device)
    # On a CPU one image stays in the cache through the three steps.
    parts = zip(img, out) if img.device.type == 'cpu' else [(img, out)]
    for source, target in parts:
        target.copy_(source).div_(255).sub_(mean[:, None, None])
        target.div_(std[:, None, None])
    return out
