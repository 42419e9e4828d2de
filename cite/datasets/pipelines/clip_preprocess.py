from typing import Any, Optional

from mmcls.datasets.builder import PIPELINES
from torchvision import transforms as T

from cite.core.files.clip_files import input_size
from cite.core.image_stats import OPENAI_CLIP
from cite.core.messages import check_choice

from .patch import Results, filename_of, read_feature, read_patch, to_array


@PIPELINES.register_module()
class CLIPPreprocess:
    """Read a patch and prepare it as CLIP does for its own model.

    The shorter side is resized (bicubic) to the model's input size; then centre crop,
    CLIP's mean and std. Only the shapes in a model's file are looked at.

    Source: Radford et al., ICML 2021, arXiv:2103.00020.

    Example::

        dict(type='CLIPPreprocess', arch='ViT-B/16')

    Args:
        arch: an OpenAI CLIP model name, or the path of a checkpoint.
        size: edge of the images, pixels; by default the model's.
        backend: ``'pillow'``, or ``'array'``: before it is normalised, as mmcls' tools
            show images, (size, size, 3), BGR, uint8.

    Raises:
        ValueError: neither a known name nor a CLIP checkpoint, or an unknown backend.
    """

    def __init__(
        self, arch: str, size: Optional[int] = None, backend: str = 'pillow'
    ) -> None:
        self.arch = arch
        self.backend = check_choice('backend', backend, ('pillow', 'array'))
        self.size = input_size(arch) if size is None else size
        self._transform = T.Compose(
            [
                T.Resize(self.size, T.InterpolationMode.BICUBIC),
                T.CenterCrop(self.size),
                T.ToTensor(),
                T.Normalize(OPENAI_CLIP.mean, OPENAI_CLIP.std),
            ]
        )

    def __call__(self, results: Results) -> Results:
        """Put the image (3, size, size), or the feature (D,), into ``img``."""
        results['filename'] = filename_of(results)
        if results.get('feature') is not None:
            augment = self.augments(results.get('test_mode', True))
            results['img'] = read_feature(results, at_random=augment)
        elif results.get('as_array') or self.backend == 'array':
            shown = T.Compose(self._transform.transforms[:2])
            results['img'] = to_array(shown(read_patch(results)))
        else:
            results['img'] = self._transform(read_patch(results))
        return results

    def describe(self) -> dict[str, Any]:
        """Return the values of the step, as plain data."""
        stats = {'mean': list(OPENAI_CLIP.mean), 'std': list(OPENAI_CLIP.std)}
        return {
            **stats,
            'interpolation': 'bicubic',
            'size': self.size,
            'backend': self.backend,
        }

    def augments(self, evaluating: bool) -> bool:
        """Tell whether a feature's draw is taken at random; images never change."""
        return not evaluating

    def __repr__(self) -> str:
        return f'{type(self).__name__}(arch={self.arch!r}, size={self.size})'
