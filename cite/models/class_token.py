"""The one vector per image in the output of any backbone."""

from typing import Any

from torch import Tensor

from .precision import require_float


def class_token(x: Any) -> Tensor:
    """Pick the image feature out of a backbone's or neck's output.

    Args:
        x: features (N, D); a tuple over stages, of which the last counts; or mmcls
            ViT's pair ``[patch tokens, class token]``, also inside such a tuple.

    Returns:
        features (N, D).

    Raises:
        ValueError: that is not one vector per image, or not of floats.
    """
    if isinstance(x, tuple):
        x = x[-1]
    if isinstance(x, list):
        x = x[-1]
    require_float(x, 'features')
    if x.dim() != 2:
        raise ValueError(
            f'expected one feature vector per image, (N, D), but got {tuple(x.shape)}. '
            "For a feature map put mmcls' GlobalAveragePooling before it: "
            "model.neck = [dict(type='GlobalAveragePooling'), …]."
        )
    return x
