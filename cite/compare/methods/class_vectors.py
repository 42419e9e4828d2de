"""Class vectors that replace those of texts: the controls of a comparison.

Image features and texts that were never aligned meet in a projection that is trained
from a random start. Then the texts act through the cosines between them alone, which
say which classes are alike: turning all of them together changes nothing that training
could notice. So each control keeps one thing and loses another:

- ``rotated`` keeps the cosines, and loses the meaning;
- ``permuted`` keeps the vectors, and deals them to the wrong classes;
- ``random`` loses both, and makes all classes equally unlike each other;
- ``matched`` is ``random`` with a temperature at which its logits differ as much from
  class to class as those of the texts.
"""

from collections.abc import Sequence

import numpy as np

KINDS = ('rotated', 'permuted', 'random', 'matched')


def control_vectors(kind: str, texts: np.ndarray, seed: Sequence[int]) -> np.ndarray:
    """Make the class vectors of a control.

    Args:
        kind: one of ``KINDS``.
        texts: vectors of the class texts, (K, D).
        seed: numbers of the run; another run gets other vectors.

    Returns:
        (K, D).

    Raises:
        ValueError: an unknown kind, or one class, which has no other place.
    """
    rng = np.random.default_rng([KINDS.index(kind), *seed])
    if kind == 'rotated':
        return texts @ random_rotation(texts.shape[1], rng)
    if kind == 'permuted':
        return texts[derangement(len(texts), rng)]
    return rng.normal(size=texts.shape)


def random_rotation(width: int, rng: np.random.Generator) -> np.ndarray:
    """Draw an orthogonal matrix (D, D), all of them equally likely.

    Source: Mezzadri, *How to generate random matrices from the classical compact
    groups*, Notices of the AMS 54(5), 2007, section 5.
    """
    q, r = np.linalg.qr(rng.normal(size=(width, width)))
    return q * np.sign(np.diag(r))


def derangement(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a permutation (K,) that leaves nothing in its place.

    Raises:
        ValueError: there is one thing only.
    """
    if number < 2:
        raise ValueError('one class: its text cannot be dealt to another class.')
    while True:
        order = rng.permutation(number)
        if (order != np.arange(number)).all():
            return order


def gram(vectors: np.ndarray) -> np.ndarray:
    """Return the cosines between class vectors (K, D), as a (K, K) matrix."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def contrast(vectors: np.ndarray) -> float:
    """Return how far class vectors (K, D) of length one are apart: the rms distance."""
    cosines = gram(vectors)
    pairs = np.triu_indices(len(vectors), 1)
    return float(np.sqrt(np.mean(2 - 2 * cosines[pairs])))


def matched_temperature(
    temperature: float, texts: np.ndarray, vectors: np.ndarray
) -> float:
    """Return the temperature at which vectors have the logits' spread of the texts.

    Args:
        temperature: logarithm of the cosine's factor for the texts.
        texts: vectors of the class texts, (K, D).
        vectors: the vectors that replace them, (K, D).
    """
    return float(temperature + np.log(contrast(texts) / contrast(vectors)))


def similar_vectors(
    matrix: Sequence[Sequence[float]], width: int, seed: Sequence[int]
) -> np.ndarray:
    """Make unit vectors (K, D) that have these cosines, in a random orientation.

    Args:
        matrix: cosine of each pair of classes, (K, K): 1 on the diagonal.
        width: D.
        seed: numbers of the run.

    Raises:
        ValueError: no vectors of this width have these cosines; the message says why.
    """
    cosines = check_similarity(matrix)
    values, vectors = np.linalg.eigh(cosines)
    if (values > 1e-9).sum() > width:
        raise ValueError(f'matrix: no {len(cosines)} vectors of width {width} have it.')
    roots = vectors * np.sqrt(np.clip(values, 0, None))  # (K, K)
    roots = roots[:, ::-1][:, :width]
    padded = np.pad(roots, ((0, 0), (0, width - roots.shape[1])))
    rng = np.random.default_rng([len(KINDS), *seed])
    return padded @ random_rotation(width, rng)


def check_similarity(matrix: Sequence[Sequence[float]]) -> np.ndarray:
    """Check a matrix of cosines and return it, (K, K).

    Raises:
        ValueError: it is not square, symmetric, 1 on the diagonal, or no vectors have
            these cosines.
    """
    try:
        cosines = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        cosines = np.empty(0)
    if cosines.ndim != 2 or cosines.shape[0] != cosines.shape[1]:
        raise ValueError('matrix: give a list of K lists of K numbers, one a class.')
    if not np.isfinite(cosines).all() or not np.allclose(cosines, cosines.T):
        raise ValueError('matrix: it is not symmetric: a is as like b as b is like a.')
    if not np.allclose(np.diag(cosines), 1):
        raise ValueError('matrix: its diagonal is not 1: a class is like itself.')
    if np.linalg.eigvalsh(cosines)[0] < -1e-6:
        raise ValueError(
            'matrix: no vectors have these cosines. Two classes that are both like a '
            'third one must be somewhat like each other: no eigenvalue may be negative.'
        )
    return cosines
