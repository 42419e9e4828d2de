"""Images may travel as uint8 and are normalised where the model is.

mmcls expects float images from the workers: four times the bytes through queues and to
the GPU. Ours may send uint8 with ``img_norm_cfg`` in ``img_metas``, mmcls' own words
for mean and std (scale 0 to 255); every classifier of mmcls 0.25 then normalises them
here, in the order and precision of torchvision's ``ToTensor`` and ``Normalize``.
"""

import functools
import sys
from typing import Any

import cv2
import numpy as np
import torch
from mmcls.models.classifiers.base import BaseClassifier
from mmcv.parallel import DataContainer
from torch import Tensor

from cite.core.compiled import load_kernels


def install() -> None:
    """Wrap ``BaseClassifier.forward``."""
    if not getattr(BaseClassifier.forward, 'takes_uint8', False):
        BaseClassifier.forward = _accept_uint8(BaseClassifier.forward)


def _accept_uint8(original: Any) -> Any:
    @functools.wraps(original)
    def forward(self: BaseClassifier, img: Any, *args: Any, **kwargs: Any) -> Any:
        img = to_float(img, kwargs.get('img_metas'))
        return original(self, img, *args, **kwargs)

    forward.takes_uint8 = True  # type: ignore[attr-defined]
    return forward


def to_float(img: Any, img_metas: Any) -> Any:
    """Return images as a model takes them: normalised if they are uint8."""
    if isinstance(img, Tensor) and img.dtype == torch.uint8:
        return normalize(img, img_metas)
    return img


def normalize(img: Tensor, img_metas: Any) -> Tensor:
    """Return float32 images: (x / 255 - mean) / std.

    Args:
        img: (N, 3, H, W), uint8.
        img_metas: of each image, with ``img_norm_cfg``; a list, or as the loader gives
            it: on a CPU mmcls passes that on.

    Raises:
        ValueError: there is no ``img_norm_cfg``.
    """
    mean, std = _statistics(img_metas, len(img))  # (N, 3)
    if img.device.type == 'cpu':
        return _on_cpu(img, mean, std)
    mean, std = (x[..., None, None].to(img.device) for x in (mean, std))
    return img.float().div_(255).sub_(mean).div_(std)


def _statistics(img_metas: Any, count: int) -> tuple[Tensor, Tensor]:
    if isinstance(img_metas, DataContainer):
        img_metas = [meta for metas in img_metas.data for meta in metas]
    cfgs = [meta.get('img_norm_cfg') for meta in img_metas or ()]
    if len(cfgs) != count or not all(cfgs):
        raise ValueError(
            'the images are uint8 and nothing says how to normalise them: keep '
            "'img_norm_cfg' among the meta_keys of Collect, or write backend='pillow' "
            'in PatchGastricPipeline.'
        )
    mean, std = (
        (torch.tensor([cfg[key] for cfg in cfgs], dtype=torch.float64) / 255).float()
        for key in ('mean', 'std')
    )
    return mean, std


def _on_cpu(img: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    out = _buffer(img.shape)
    kernels: Any = load_kernels()
    if kernels is None:
        return torch.from_numpy(_look_up(img.numpy(), out, mean, std))
    sources = img.contiguous().numpy().reshape(img.shape[0], 3, -1)
    kernels.normalize(sources, out.reshape(sources.shape), mean.numpy(), std.numpy())
    return torch.from_numpy(out)


def _look_up(img: Any, out: np.ndarray, mean: Tensor, std: Tensor) -> np.ndarray:
    """Normalise without numba: a byte has 256 values, so one pass over them will do."""
    values = torch.arange(256.0).div_(255)
    tables = ((values - mean[..., None]) / std[..., None]).numpy()  # (N, 3, 256)
    for planes, targets, rows in zip(img, out, tables):
        for plane, target, row in zip(planes, targets, rows):
            cv2.LUT(plane, row, target)
    return out


_kept: list[np.ndarray] = []


def _buffer(shape: torch.Size) -> np.ndarray:
    """Return memory for a batch: the last batch's, if nobody has that any more.

    Fresh memory of this size costs more than the work that is done in it. A tensor made
    of it, and all that share its storage, hold a reference each.
    """
    if _kept and _kept[0].shape == shape and sys.getrefcount(_kept[0]) == 2:
        return _kept[0]
    # Of numpy, which asks for huge pages.
    _kept[:] = [np.empty(shape, np.float32)]
    return _kept[0]
