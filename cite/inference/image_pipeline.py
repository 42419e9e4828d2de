"""From a patch, wherever it is from, to a model's input: what ``mim test`` does too."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cite.core.workers import fitting_workers, start_method
from cite.datasets.pipelines import CLIPPreprocess, PatchGastricPipeline

Source = Union[str, Path, Image.Image, np.ndarray]


class ImagePipeline:
    """Prepare patches as a data set of the model's config does in evaluation.

    Args:
        image: ``image`` of a model folder's config.json.
    """

    def __init__(self, image: dict[str, Any]) -> None:
        values = {key: image[key] for key in ('mean', 'std', 'interpolation')}
        self._step: Any
        # Bytes of an input: the first if it is uint8, which has a way of its own from
        # a worker, the second if it is floats, which pass through shared memory.
        self.item_bytes, self.float_bytes = 0, 12 * image['size'] ** 2
        if image['step'] == 'CLIPPreprocess':
            self._step = CLIPPreprocess(arch='', size=image['size'])
        else:
            self._step = PatchGastricPipeline(
                test_mode=True, size=image['size'], backend=image['backend'], **values
            )
            if image['backend'] == 'fast':
                self.item_bytes, self.float_bytes = 3 * image['size'] ** 2, 0

    def __call__(self, source: Source) -> Tensor:
        """Return the input of the model, (3, size, size), uint8 or float32.

        Args:
            source: path of an image, an image of PIL's, or (h, w, 3) uint8, RGB.

        Raises:
            TypeError: none of these.
            FileNotFoundError: the file is missing.
            ValueError: the file cannot be read.
        """
        return self._step({**_item(source), 'test_mode': True})['img']

    def meta(self) -> dict[str, Any]:
        """Return what the classifier needs to normalise uint8 images."""
        return {'img_norm_cfg': getattr(self._step, '_norm_cfg', None)}


class PatchSources(Dataset):
    """Patches as a data set for torch's loader; items are a model's inputs.

    Args:
        pipeline: prepares them.
        sources: paths, images or arrays.

    Raises:
        TypeError: one image instead of a list.
    """

    def __init__(self, pipeline: ImagePipeline, sources: Sequence[Source]) -> None:
        is_array = isinstance(sources, np.ndarray) and sources.ndim == 3
        if is_array or isinstance(sources, (str, Path, Image.Image)):
            raise TypeError(
                f'images is one {type(sources).__name__}: give a list, [image].'
            )
        self.pipeline, self.sources = pipeline, list(sources)

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.sources)

    def __getitem__(self, index: int) -> Tensor:
        """Return the input of the model, (3, size, size)."""
        return self.pipeline(self.sources[index])

    def batches(self, batch_size: int, workers: int) -> DataLoader:
        """Return a loader of batches (N, 3, size, size); workers that fit in memory."""
        if workers and len(self):
            item = self[0]  # (3, size, size)
            batch_bytes = batch_size * item.element_size() * item.numel()
            workers = fitting_workers(workers, batch_bytes)
        return DataLoader(
            self,
            batch_size,
            num_workers=workers,
            multiprocessing_context=start_method(workers),
        )


def _item(source: Source) -> dict[str, Any]:
    if isinstance(source, (str, Path)):
        return {'img_info': {'filename': str(source)}}
    if isinstance(source, Image.Image):
        return {'img_pil': source}
    is_image = isinstance(source, np.ndarray) and source.ndim == 3
    if not is_image or source.shape[2] != 3 or source.dtype != np.uint8:
        shape = f'{getattr(source, "dtype", "")} {getattr(source, "shape", "")}'.strip()
        raise TypeError(
            f'an image is a {type(source).__name__} {shape}; give a path, an image of '
            'PIL, or an array (h, w, 3) of uint8, RGB.'
        )
    return {'img_pil': Image.fromarray(source)}
