from typing import Any, Optional

from mmcls.models.builder import BACKBONES
from torch import Tensor

from cite.core.image_stats import IMAGENET
from cite.core.messages import check_choice
from cite.models.architectures import InternImageModel

from .adapted_backbone import AdaptedBackbone
from .weights_files import fill_model


def _arch(channels: int, groups: int, depth: int, rescaled: bool) -> dict[str, Any]:
    return {
        'channels': channels,
        'depths': (4, 4, depth, 4),
        'groups': tuple(groups * 2**stage for stage in range(4)),
        'post_norm': rescaled,
        'layer_scale': rescaled,
    }


# The published ImageNet models: configs/ of https://github.com/OpenGVLab/InternImage.
ARCHS = {
    'tiny': _arch(64, 4, 18, False),
    'small': _arch(80, 5, 21, True),
    'base': _arch(112, 7, 21, True),
}
SIDE = 224  # side of the images it was trained on, pixels
_CLASSIFIER = ('head.',)


@BACKBONES.register_module()
class InternImage(AdaptedBackbone):
    """InternImage (INTERN-2.5) T, S or B: DCNv3 in pure PyTorch.

    The vector of an image is the mean of the last convolution's map: 768, 960 or 1344
    wide. Images may be of any size.

    Source: Wang et al., CVPR 2023, arXiv:2211.05778.

    Example::

        backbone=dict(type='InternImage', checkpoint='models/internimage_t.safetensors')

    Args:
        arch: ``'tiny'``, ``'small'`` or ``'base'``, or a dict of
            :class:`~cite.models.architectures.InternImageModel`'s arguments.
        checkpoint: path of the published file, or of the one ``cite convert`` wrote.
            Without it the weights are random.
        image_stats, **adapt: see :class:`AdaptedBackbone`; ``prompt_pos`` is ``'pad'``.
        init_cfg: mmcv's initialisation.

    Raises:
        ValueError: no such arch, a checkpoint of another one, or an option that does
            not exist or fit.
        FileNotFoundError: no such file.
    """

    def __init__(
        self,
        arch: Any = 'tiny',
        checkpoint: Optional[str] = None,
        image_stats: Optional[dict[str, Any]] = None,
        init_cfg: Optional[dict[str, Any]] = None,
        **adapt: Any,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        options = arch
        if isinstance(arch, str):
            options = ARCHS[check_choice('arch', arch, sorted(ARCHS))]
        self.model = InternImageModel(**options)
        if checkpoint:
            fill_model(self.model, checkpoint, _CLASSIFIER)
        self.weights_source = checkpoint
        self.adapt(f'InternImage {arch}', SIDE, **adapt)

    #: ImageNet's, on which the published models were trained.
    image_stats = staticmethod(lambda config: IMAGENET)

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, D)."""
        with self.full_on_cpu(x.device):
            return self.model(self.frame(x))
