from collections.abc import Sequence
from typing import Any, Optional

from .pack import PackedPatches
from .patch_cache import PatchCache


def open_store(dataset: Any, packed: Optional[str], limit: int) -> Any:
    """Open the store in which a data set looks for a patch before it decodes the file.

    Args:
        dataset: data set with ``pipeline`` and ``filenames()``.
        packed: path of a packed file, if there is one.
        limit: bytes that a cache may take if there is none; 0 is without a cache.

    Returns:
        A packed file or a cache; None without either, and while the size of the images
        is left to a model that is not known yet.

    Raises:
        ValueError: the pipeline cannot read the packed file, or the file was made for
            other images.
        FileNotFoundError: the packed file is missing.
    """
    step = fast_step(dataset.pipeline.transforms)
    if step is None and packed is not None:
        raise ValueError(
            f"packed={packed!r} needs a PatchGastricPipeline with backend='fast'."
        )
    if step is None or not getattr(step, 'is_settled', True):
        return None
    if packed is not None:
        names = dataset.filenames()
        return PackedPatches(packed, names, step.size, step.interpolation)
    return PatchCache(len(dataset), step.size, limit) if limit else None


def fast_step(steps: Sequence[Any]) -> Any:
    """Return the first step of a pipeline with ``backend='fast'``, or None."""
    fast = (step for step in steps if getattr(step, 'backend', None) == 'fast')
    return next(fast, None)
