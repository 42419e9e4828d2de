import numpy as np


def bag_scores(
    scores: np.ndarray, labels: np.ndarray, bags: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn the scores of patches into those of bags (slides): the mean.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 3.

    Args:
        scores: of the patches, (N, K).
        labels: of the patches, (N,).
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
    odd = np.flatnonzero(labels != bag_labels[bag_of_patch])
    if odd.size:
        raise ValueError(
            f'the patches of slide {bags[odd[0]]} carry the labels '
            f'{bag_labels[bag_of_patch[odd[0]]]} and {labels[odd[0]]}; a slide has one.'
        )
    # Summed in double precision: a slide may have thousands of patches.
    sums = np.zeros((len(names), scores.shape[1]))
    np.add.at(sums, bag_of_patch, scores)
    return sums / np.bincount(bag_of_patch)[:, None], bag_labels, names
