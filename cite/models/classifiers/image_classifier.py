import copy
from typing import Any

import torch
from mmcls.models.builder import CLASSIFIERS
from mmcls.models.classifiers import ImageClassifier as _ImageClassifier
from torch import Tensor

from .normalize import ImageBuffer, to_float


@CLASSIFIERS.register_module(name='ImageClassifier', force=True)
class ImageClassifier(_ImageClassifier):
    """mmcls' ``ImageClassifier``, which takes uint8 images too.

    It replaces mmcls' under its name, and remembers the config of its backbone, which
    tells what images the backbone was trained on. Scores on a CPU do not depend on the
    batch: see :meth:`simple_test`.

    Example::

        model = dict(
            type='ImageClassifier',
            backbone=dict(type='CLIPImageBackbone', arch='ViT-B/16'),
            head=dict(type='MyLinearClsHead', num_classes=3, in_channels=512),
        )

    Args:
        backbone: config of the backbone.
        *args, **kwargs: ``neck``, ``head``, ``pretrained``, ``train_cfg`` and
            ``init_cfg`` of mmcls' ``ImageClassifier``.
    """

    def __init__(self, backbone: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        config = copy.deepcopy(dict(backbone))  # mmcls takes entries out of its own
        super().__init__(backbone, *args, **kwargs)
        self.backbone_config = config
        self._image_buffer = ImageBuffer()

    def forward(self, img: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute losses or scores of images (N, 3, H, W), or of features (N, D).

        Args:
            img: float images, or uint8 ones, which are normalised by ``img_norm_cfg``
                in ``img_metas``.
            *args: ``return_loss`` of mmcls' classifier.
            **kwargs: the same, and what the data set collects.
        """
        img = to_float(img, kwargs.get('img_metas'), self._image_buffer)
        return super().forward(img, *args, **kwargs)

    def simple_test(self, img: Tensor, img_metas: Any = None, **kwargs: Any) -> Any:
        """Compute the softmax scores of images (N, 3, H, W) or features (N, D).

        On a CPU each image is computed alone. The last bits of a matrix product there
        depend on its number of rows and even on a row's place among them, so that an
        image's scores would depend on which others are in its batch.
        """
        if not _one_by_one(img):
            return super().simple_test(img, img_metas, **kwargs)
        # Copied, because the place of the first byte in memory matters too.
        rows = [
            super(ImageClassifier, self).simple_test(image.clone()[None], **kwargs)
            for image in img
        ]
        if isinstance(rows[0], Tensor):
            return torch.cat(rows)
        return [scores for row in rows for scores in row]


def _one_by_one(img: Any) -> bool:
    is_batch = isinstance(img, Tensor) and img.dim() == 4 and len(img) > 1
    return is_batch and img.device.type == 'cpu' and not torch.jit.is_tracing()
