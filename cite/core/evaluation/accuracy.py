"""Accuracies in percent, from scores (N, K) and labels (N,)."""

import numpy as np


def predicted(scores: np.ndarray) -> np.ndarray:
    """Return the class of the highest score, the first of them in a tie.

    Args:
        scores: (N, K).

    Returns:
        (N,), integers.
    """
    return np.argmax(scores, axis=1)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of correct predictions, in percent.

    >>> accuracy(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    50.0
    """
    return float(np.mean(predicted(scores) == labels) * 100)


def class_accuracy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the share of correct predictions among the members of each class.

    Returns:
        (K,), percent; NaN for a class without members.
    """
    num_classes = scores.shape[1]
    correct = labels[predicted(scores) == labels]
    hits = np.bincount(correct, minlength=num_classes)  # (K,)
    members = np.bincount(labels, minlength=num_classes)  # (K,)
    share = np.full(num_classes, np.nan)
    np.divide(hits * 100, members, out=share, where=members > 0)
    return share


def mean_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of the class accuracies over the classes that have members."""
    return float(np.nanmean(class_accuracy(scores, labels)))
