from collections.abc import Sequence

import numpy as np


def stack_scores(
    results: Sequence[np.ndarray], num_patches: int, classes: Sequence[str]
) -> np.ndarray:
    """Stack the scores of patches, and see that metrics can be computed from them.

    Args:
        results: scores of each patch, N of (K,).
        num_patches: N, as it should be.
        classes: names of the K classes.

    Returns:
        (N, K).

    Raises:
        ValueError: another number of patches or classes, or scores that are NaN.
    """
    if len(results) != num_patches:
        raise ValueError(
            f'{len(results)} results for {num_patches} patches; evaluation needs one '
            'for each, in the order of the annotation file.'
        )
    scores = np.vstack(results)  # (N, K)
    if scores.shape[1] != len(classes):
        raise ValueError(
            f'the model scores {scores.shape[1]} classes, the data set has '
            f'{len(classes)}: {", ".join(classes)}. Give model.head and the data set '
            'the same classes.'
        )
    lost = np.flatnonzero(np.isnan(scores).any(axis=1))
    if lost.size:
        raise ValueError(
            f'the scores of {lost.size} of {num_patches} patches are NaN (first: '
            f'result {lost[0]}). The weights diverged, or half precision overflowed.'
        )
    return scores
