"""Images of another size than the position embedding was trained for."""

from mmcls.models.utils import resize_pos_embed
from torch import Tensor


def patch_grid(images: Tensor, patch: tuple[int, int]) -> tuple[int, int]:
    """Count the patches of images (N, 3, H, W) along height and width.

    Raises:
        ValueError: patches do not tile the image.
    """
    height, width = map(int, images.shape[-2:])
    patch_height, patch_width = patch
    if height % patch_height or width % patch_width:
        raise ValueError(
            f'images are {height}x{width}, which patches of '
            f'{patch_height}x{patch_width} do not tile. Resize them in the data '
            f'pipeline to multiples of {patch_height} (e.g. '
            f'size={max(1, round(height / patch_height)) * patch_height}).'
        )
    return height // patch_height, width // patch_width


def resize_positions(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Interpolate a position embedding, bicubic; the first row is the class token's.

    Args:
        positions: embedding of a square grid, (1 + S * S, D).
        grid: height and width of the new grid, in patches.

    Returns:
        (1 + height * width, D); ``positions`` itself if its grid is that already.
    """
    # int, because torch.jit.trace makes tensors of a shape's numbers.
    side = round((int(positions.shape[0]) - 1) ** 0.5)
    if grid == (side, side):
        return positions
    return resize_pos_embed(positions[None], (side, side), grid)[0]
