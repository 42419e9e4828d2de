import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from mmcls.models.builder import CLASSIFIERS
from mmcls.models.classifiers import ImageClassifier as _ImageClassifier
from torch import Tensor, nn

from cite.core.messages import check_choice
from cite.models.image_stats import show_images
from cite.models.precision import require_float

from .each_alone import each_alone
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
        self.backbone.register_forward_pre_hook(_check_images)

    @property
    def cfg(self) -> Any:
        """The run's config, from which mmcls' ``inference_model`` reads images."""
        return self._cfg

    @cfg.setter
    def cfg(self, cfg: Any) -> None:
        # mmcls' init_model builds a model and leaves its config here; nothing else
        # passes the model's images to the pipeline.
        test = (cfg.get('data') or {}).get('test')
        if isinstance(test, Mapping):
            show_images(test.get('pipeline'), self.backbone_config)
        self._cfg = cfg

    def forward(self, img: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute losses or scores of images (N, 3, H, W), or of features (N, D).

        Args:
            img: float images, or uint8 ones, which are normalised by ``img_norm_cfg``
                in ``img_metas``.
            *args: ``return_loss`` of mmcls' classifier.
            **kwargs: the same, and what the data set collects.
        """
        img = self._to_float(img, kwargs.get('img_metas'))
        return super().forward(img, *args, **kwargs)

    def forward_train(
        self, img: Tensor, gt_label: Tensor, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the losses of images (N, 3, H, W), or of features (N, D)."""
        img = self._to_float(img, kwargs.get('img_metas'))
        return super().forward_train(img, gt_label, **kwargs)

    def simple_test(self, img: Tensor, img_metas: Any = None, **kwargs: Any) -> Any:
        """Compute the softmax scores of images (N, 3, H, W) or features (N, D).

        With gradients on, as Grad-CAM has them, the scores have gradients with respect
        to every layer, frozen ones too.

        Without them, each image is computed alone on a CPU; see :func:`each_alone`.
        """
        img = self._to_float(img, img_metas)
        if torch.is_grad_enabled() and not img.requires_grad:
            img = img.detach().requires_grad_()
        if not _one_by_one(img):
            return super().simple_test(img, img_metas, **kwargs)
        if hasattr(self.head, 'encode_texts'):
            self.head.encode_texts()  # by all cores, before each takes an image
        score = partial(super().simple_test, **kwargs)
        rows = each_alone(score, img, self)
        if isinstance(rows[0], Tensor):
            return torch.cat(rows)
        return [scores for row in rows for scores in row]

    def extract_feat(
        self, img: Tensor, stage: str = 'neck', img_metas: Any = None
    ) -> Any:
        """Compute the features of images (N, 3, H, W).

        Args:
            img: float images, or uint8 ones with their ``img_metas``.
            stage: ``'backbone'``, ``'neck'`` or ``'pre_logits'``, as in mmcls.
            img_metas: meta of each image.

        Raises:
            ValueError: an unknown stage, or the images are uint8 and nothing states
                how to normalise them.
        """
        check_choice('stage', stage, ('backbone', 'neck', 'pre_logits'))
        return super().extract_feat(self._to_float(img, img_metas), stage)

    def _to_float(self, img: Any, img_metas: Any) -> Any:
        return to_float(img, img_metas, self._image_buffer)


def _check_images(backbone: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Refuse bytes that reach the backbone past the classifier's own methods."""
    for image in inputs:
        require_float(image)


def _one_by_one(img: Any) -> bool:
    is_batch = isinstance(img, Tensor) and img.dim() == 4 and len(img) > 0
    is_plain = not (torch.is_grad_enabled() or torch.jit.is_tracing())
    return is_batch and is_plain and img.device.type == 'cpu'
