from pathlib import Path

from mmcls.datasets.builder import PIPELINES
from PIL import Image
from torchvision import transforms as T

from cite.core.files.clip_files import how_to_convert, read_state
from cite.core.files.clip_sizes import image_sizes
from cite.core.image_stats import OPENAI_CLIP

from .patch import Results, read_feature, read_patch

# Input size of OpenAI's models: https://github.com/openai/CLIP, clip/clip.py.
_INPUT_SIZES = {
    'RN50': 224,
    'RN101': 224,
    'RN50x4': 288,
    'RN50x16': 384,
    'RN50x64': 448,
    'ViT-B/32': 224,
    'ViT-B/16': 224,
    'ViT-L/14': 224,
    'ViT-L/14@336px': 336,
}


@PIPELINES.register_module()
class CLIPPreprocess:
    """Read a patch and prepare it as CLIP does for its own model.

    Shorter side resized (bicubic) to the model's input size, centre crop, CLIP's mean
    and std. The model is not loaded for its name; of a file only shapes are looked at.

    Source: Radford et al., ICML 2021, arXiv:2103.00020.

    Args:
        arch: an OpenAI CLIP model name, or the path to a checkpoint.

    Raises:
        ValueError: neither a known name nor a CLIP checkpoint.
    """

    def __init__(self, arch: str) -> None:
        self.arch = arch
        self.size = _input_size(arch)
        self._transform = T.Compose(
            [
                T.Resize(self.size, T.InterpolationMode.BICUBIC),
                T.CenterCrop(self.size),
                _to_rgb,
                T.ToTensor(),
                T.Normalize(OPENAI_CLIP.mean, OPENAI_CLIP.std),
            ]
        )

    def __call__(self, results: Results) -> Results:
        """Put the image (3, size, size), or the feature (D,), into ``img``."""
        if results.get('feature') is not None:
            augment = self.augments(results.get('test_mode', True))
            results['img'] = read_feature(results, at_random=augment)
        else:
            results['img'] = self._transform(read_patch(results))
        return results

    def augments(self, evaluating: bool) -> bool:
        """Tell whether a feature's draw is taken at random; images never change."""
        return not evaluating

    def __repr__(self) -> str:
        return f'{type(self).__name__}(arch={self.arch!r}, size={self.size})'


def _to_rgb(image: Image.Image) -> Image.Image:
    return image.convert('RGB')


def _input_size(arch: str) -> int:
    if arch in _INPUT_SIZES:
        return _INPUT_SIZES[arch]
    path = Path(arch).expanduser()
    if not path.is_file():
        raise ValueError(
            f'arch={arch!r} is neither a file nor an OpenAI CLIP model; '
            f'known are {", ".join(_INPUT_SIZES)}. {how_to_convert(arch)}'
        )
    return image_sizes(read_state(path), path)['image_resolution']
