from PIL import Image
from torch import nn, randint

_TURNS = (
    None,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)


class RandomQuarterTurn(nn.Module):
    """Turn an image by 0, 90, 180 or 270 degrees, each as likely; only moves pixels."""

    def forward(self, image: Image.Image) -> Image.Image:
        """Turn the image, (H, W) to (W, H) for odd turns."""
        turn = _TURNS[int(randint(len(_TURNS), ()))]
        return image if turn is None else image.transpose(turn)
