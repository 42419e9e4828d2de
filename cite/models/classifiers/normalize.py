"""Images that travel as uint8 are normalised where the model is.

As floats they would be four times the bytes, through queues and to the GPU. mmcls' own
``img_norm_cfg`` in ``img_metas`` has mean and std (scale 0 to 255). The order and
precision of the arithmetic are those of torchvision's ``ToTensor`` and ``Normalize``.
"""

import weakref
from collections.abc import Iterator
from typing import Any, Optional

import cv2
import numpy as np
import torch
from mmcv.parallel import DataContainer
from torch import Tensor

from cite.core.load_kernels import load_kernels
from cite.core.tensor_augmentation import AUGMENTATION, augment
from cite.models.precision import require_float


class ImageBuffer:
    """Memory for the float images of a batch on a CPU, used again for the next batch.

    Fresh memory of this size costs more than the work that is done in it. A copy of
    this object, in another process too, starts without memory.
    """

    def __init__(self) -> None:
        self._memory: Optional[np.ndarray] = None
        self._handed_out: Optional[weakref.ref] = None

    def take(self, shape: torch.Size) -> np.ndarray:
        """Return memory, float32: the last batch's once no tensor has that any more.

        A tensor made from the array, and all that share its storage, keep the array
        alive; nothing else does.
        """
        memory = self._memory
        in_use = self._handed_out is not None and self._handed_out() is not None
        if memory is None or memory.shape != shape or in_use:
            # NumPy's, because it asks for huge pages.
            memory = self._memory = np.empty(shape, np.float32)
        array = memory.view()
        self._handed_out = weakref.ref(array)
        return array

    def __reduce__(self) -> Any:
        return ImageBuffer, ()


def to_float(img: Any, img_metas: Any, buffer: Optional[ImageBuffer] = None) -> Any:
    """Return images as a model takes them; see :func:`normalize` if they are uint8.

    Raises:
        ValueError: they are other whole numbers than uint8, or nothing states how to
            normalise them.
    """
    if isinstance(img, Tensor) and img.dtype == torch.uint8:
        return normalize(img, img_metas, buffer)
    require_float(img)
    return img


def normalize(
    img: Tensor, img_metas: Any, buffer: Optional[ImageBuffer] = None
) -> Tensor:
    """Return float32 images: (x / 255 - mean) / std, augmented first if that is left.

    Args:
        img: (N, 3, H, W), uint8.
        img_metas: meta of each image, with ``img_norm_cfg``: a list, or the loader's
            container, which mmcls passes on to a model on a CPU.
        buffer: memory for the result on a CPU; fresh memory without it.

    Raises:
        ValueError: ``img_norm_cfg`` is missing.
    """
    cfgs = _norm_cfgs(img_metas, len(img))
    mean, std = _statistics(cfgs)  # (N, 3)
    augmentations = [cfg.get(AUGMENTATION) for cfg in cfgs]
    if any(augmentation is not None for augmentation in augmentations):
        img = augment(img, augmentations)
    if img.device.type != 'cpu':
        mean, std = (x[..., None, None].to(img.device) for x in (mean, std))
        # A GPU would multiply by the reciprocal of a plain 255.
        return img.float().div_(torch.full_like(mean, 255)).sub_(mean).div_(std)
    out = (buffer or ImageBuffer()).take(img.shape)
    kernels: Any = load_kernels()
    if kernels is None:
        return torch.from_numpy(_look_up(img.numpy(), out, mean, std))
    sources = img.contiguous().numpy().reshape(img.shape[0], 3, -1)
    kernels.normalize(sources, out.reshape(sources.shape), mean.numpy(), std.numpy())
    return torch.from_numpy(out)


def _norm_cfgs(img_metas: Any, count: int) -> list[dict[str, Any]]:
    if isinstance(img_metas, DataContainer):
        img_metas = img_metas.data
    cfgs = [meta.get('img_norm_cfg') for meta in flat_metas(img_metas or ())]
    if len(cfgs) != count or not all(cfgs):
        raise ValueError(
            'the images are uint8 and nothing states how to normalise them: keep '
            "'img_norm_cfg' among the meta_keys of Collect, or write backend='pillow' "
            'in PatchGastricPipeline.'
        )
    return cfgs


def _statistics(cfgs: list[dict[str, Any]]) -> tuple[Tensor, Tensor]:
    mean, std = (
        (torch.tensor([cfg[key] for cfg in cfgs], dtype=torch.float64) / 255).float()
        for key in ('mean', 'std')
    )
    return mean, std


def flat_metas(img_metas: Any) -> Iterator[Any]:
    """Yield metas out of mmcls' nested lists: one list a device, or an augmentation."""
    for meta in img_metas:
        if isinstance(meta, (list, tuple)):
            yield from meta
        elif meta is not None:
            yield meta


def _look_up(img: Any, out: np.ndarray, mean: Tensor, std: Tensor) -> np.ndarray:
    """Normalise without numba: each of a byte's 256 values is computed once."""
    values = torch.arange(256.0).div_(255)
    tables = ((values - mean[..., None]) / std[..., None]).numpy()  # (N, 3, 256)
    for planes, targets, rows in zip(img, out, tables):
        for plane, target, row in zip(planes, targets, rows):
            cv2.LUT(plane, row, target)
    return out
