import copy
from typing import Any

from mmcls.models.builder import CLASSIFIERS
from mmcls.models.classifiers import ImageClassifier as _ImageClassifier

from .normalize import ImageBuffer, to_float


@CLASSIFIERS.register_module(name='ImageClassifier', force=True)
class ImageClassifier(_ImageClassifier):
    """mmcls' ``ImageClassifier``, which takes uint8 images too.

    It replaces mmcls' under its name, and remembers the config of its backbone, which
    tells what images the backbone was trained on.

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
