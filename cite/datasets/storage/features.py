"""Features that replace images: ``feature_file`` of our data sets."""

import os.path as osp
from typing import Optional, Union

import numpy as np

from cite.core.files.elsewhere import looked_at
from cite.core.files.numpy_files import MappedArray

# The finaliser of splitmix64: Steele, Lea and Flood, OOPSLA 2014, section 3.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))


class FeatureDraws:
    """Several augmented draws of every patch's features, read from their files.

    Draw i is the file ``{prefix}_{i}.npy``, (N, D), one row per annotation line, in
    that order. The files are mapped into memory, not read, and contain no pickles.

    Args:
        prefix: path of the files without ``_{i}.npy``.
        num_aug: number of draws.
        num_patches: N.

    Reading raises a ValueError if a file has become shorter.

    Raises:
        ValueError: ``num_aug`` missing or below 1, or a file that is damaged, not
            numeric or of another shape.
        FileNotFoundError: a file is missing.
    """

    def __init__(self, prefix: str, num_aug: Optional[int], num_patches: int) -> None:
        if num_aug is None or num_aug < 1:
            raise ValueError(
                f'feature_file={prefix!r} with num_aug={num_aug}: give num_aug, the '
                f'number of files {prefix}_1.npy, {prefix}_2.npy, … (1 or more).'
            )
        prefix = osp.expanduser(prefix)
        self.paths = [f'{prefix}_{i}.npy' for i in range(1, num_aug + 1)]
        self._draws = [_open(path, num_aug, num_patches) for path in self.paths]
        widths = [draw.array.shape[1] for draw in self._draws]
        for path, width in zip(self.paths, widths):
            if width != widths[0]:
                raise ValueError(
                    f'{path} holds features of width {width}, {self.paths[0]} of width '
                    f'{widths[0]}: they come from different models. Extract them again.'
                )

    def __getitem__(self, index: int) -> np.ndarray:
        """Return all draws of one patch, (num_aug, D), float32."""
        return np.stack([draw.check()[index] for draw in self._draws]).astype(
            np.float32
        )

    def __len__(self) -> int:
        """Return the number of draws."""
        return len(self._draws)

    def take(self, draws: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Return draw ``draws[j]`` of patch ``indices[j]``, (N, D), float32."""
        width = self._draws[0].array.shape[1]
        batch = np.empty((len(indices), width), np.float32)
        for i, draw in enumerate(self._draws):
            rows = np.flatnonzero(draws == i)
            if len(rows):
                batch[rows] = draw.check()[indices[rows]]
        return batch


def feature_draw(
    seed: int, k: Union[int, np.ndarray], num_aug: int
) -> Union[int, np.ndarray]:
    """Choose one of ``num_aug`` equally likely draws, by the run's seed and k alone.

    Args:
        seed: seed of the run.
        k: number of the training draw within the run, or (N,) of them.
        num_aug: number of feature draws.

    Returns:
        0 to ``num_aug - 1``, in k's shape.
    """
    with np.errstate(over='ignore'):  # arithmetic modulo 2**64 is meant
        x = _mix(np.asarray(seed, np.uint64) + _STEP) + np.asarray(k, np.uint64)
        chosen = (_mix(x * _STEP) >> np.uint64(11)) % np.uint64(num_aug)
    return chosen.astype(np.int64) if chosen.ndim else int(chosen)


def _mix(x: np.ndarray) -> np.ndarray:
    for shift, factor in _MIX:
        x = (x ^ (x >> np.uint64(shift))) * factor
    return x ^ (x >> np.uint64(31))


def _open(path: str, num_aug: int, num_patches: int) -> MappedArray:
    try:
        mapped = MappedArray(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'{path}: no such feature file, but num_aug={num_aug} asks for {num_aug} '
            f'of them.{looked_at(path)} Extract the features first, or lower num_aug.'
        ) from error
    array = mapped.array
    if array.dtype.kind not in 'fiu' or array.ndim != 2:
        raise ValueError(
            f'{path} holds an array of type {array.dtype} and shape {array.shape}; '
            'features are numbers, (patches, width).'
        )
    if len(array) != num_patches:
        raise ValueError(
            f'{path} has {len(array)} rows, the annotation file {num_patches} lines: '
            'the features were extracted from another annotation file.'
        )
    return mapped
