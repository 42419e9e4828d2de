"""Scores of patches: checked before metrics are computed, and averaged over slides."""

from collections.abc import Sequence

import numpy as np

from cite.core.messages import count


def stack_scores(
    results: Sequence[np.ndarray], num_patches: int, classes: Sequence[str]
) -> np.ndarray:
    """Stack the scores of patches after checking that metrics can be computed.

    Args:
        results: scores of each patch, N of (K,).
        num_patches: N, the length of the annotation file.
        classes: names of the K classes.

    Returns:
        (N, K).

    Raises:
        ValueError: another number of patches or classes, or scores that are
            NaN or infinite.
    """
    if len(results) != num_patches:
        raise ValueError(
            f'{count(len(results), "result")} for {count(num_patches, "patch")}; '
            'evaluation needs one for each, in the order of the annotation file.'
        )
    scores = np.vstack(results)  # (N, K)
    if scores.shape[1] != len(classes):
        raise ValueError(
            f'the model scores {count(scores.shape[1], "class")}, the data set has '
            f'{len(classes)}: {", ".join(classes)}. Give model.head and the data set '
            'the same classes.'
        )
    lost = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if lost.size:
        raise ValueError(
            f'the scores of {lost.size} of {num_patches} patches are NaN or infinite '
            f'(first: result {lost[0]}). The weights diverged, or half precision '
            'overflowed.'
        )
    return scores


def bag_scores(
    scores: np.ndarray, labels: np.ndarray, bags: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn the scores of patches into those of bags (slides): the mean.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 3.

    Args:
        scores: scores of the patches, (N, K).
        labels: labels of the patches, (N,).
        bags: bag of each patch, (N,), any sortable values.

    Returns:
        The bags' scores (B, K), labels (B,) and names (B,), sorted by name.

    Raises:
        ValueError: the patches of a bag carry different labels.
    """
    names, first, bag_of_patch = np.unique(
        bags, return_index=True, return_inverse=True
    )  # (B,), (B,), (N,)
    bag_labels = labels[first]
    differing = np.flatnonzero(labels != bag_labels[bag_of_patch])
    if differing.size:
        patch = differing[0]
        raise ValueError(
            f'the patches of slide {bags[patch]} carry the labels '
            f'{bag_labels[bag_of_patch[patch]]} and {labels[patch]}; a slide has one.'
        )
    # Summed in double precision because a slide may have thousands of patches.
    sums = np.zeros((len(names), scores.shape[1]))
    np.add.at(sums, bag_of_patch, scores)
    return sums / np.bincount(bag_of_patch)[:, None], bag_labels, names
