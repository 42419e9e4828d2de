from typing import Any, Optional

from mmcls.models.backbones.base_backbone import BaseBackbone
from mmcls.models.builder import BACKBONES
from torch import Tensor

from cite.core.image_stats import IMAGENET
from cite.models.precision import require_float


@BACKBONES.register_module()
class FeatureBackbone(BaseBackbone):
    """Pass on features that were extracted before; replaces an image backbone.

    It needs a data set with ``feature_file``.

    Example::

        backbone=dict(type='FeatureBackbone', in_features=512)

    Args:
        in_features: width D of the features, if it is to be checked.
        digest: SHA-256 (hexadecimal) of the frozen backbone that made the features.
            Checkpoints then contain it, and those of another backbone are refused.
        init_cfg: mmcv's initialisation; there is nothing to initialise.
    """

    def __init__(
        self,
        in_features: Optional[int] = None,
        digest: Optional[str] = None,
        init_cfg: Optional[dict[str, Any]] = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.in_features = in_features
        self.digest = digest

    #: Features are read instead of images, so any will do.
    image_stats = staticmethod(lambda config: IMAGENET)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (N, D), or of slides (B, n, D), as they are.

        Raises:
            ValueError: they are neither, or not ``in_features`` wide.
        """
        require_float(x, 'features')
        if x.dim() not in (2, 3):
            raise ValueError(
                f'FeatureBackbone takes features (N, D) but got {tuple(x.shape)}. Set '
                'feature_file in data.train, data.val and data.test, or an image '
                'backbone in model.backbone.'
            )
        if self.in_features not in (None, x.shape[-1]):
            raise ValueError(
                f'features are {x.shape[-1]} wide, model.backbone.in_features is '
                f'{self.in_features}.'
            )
        return x
