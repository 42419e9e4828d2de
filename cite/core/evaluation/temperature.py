"""Temperature scaling: one number that makes probabilities honest.

Source: Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017,
arXiv:1706.04599, section 4.2.
"""

import numpy as np

_LEAST = 1e-12  # as in calibration.py: a probability of 0 has no logarithm
_BOUNDS = 0.05, 20.0  # of the temperature


def soften(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log p / T), which is p for T = 1 and flatter for larger T.

    Args:
        scores: probabilities (N, K).
        temperature: T, above 0.
    """
    logits = _logits(scores) / temperature
    return np.exp(logits - _logsumexp(logits)[:, None])


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature with the least negative log-likelihood.

    Args:
        scores: probabilities (N, K).
        labels: (N,).

    Returns:
        From 0.05 to 20; these ends mean that the items do not determine it, as when
        every one of them is right.

    Raises:
        ValueError: there is no item.
    """
    if not len(labels):
        raise ValueError('there is no item to fit a temperature to.')
    logits = _logits(scores)
    true_class = logits[np.arange(len(labels)), labels]  # (N,)

    def nll(log_temperature: float) -> float:
        beta = np.exp(-log_temperature)
        return float(np.mean(_logsumexp(beta * logits) - beta * true_class))

    from scipy.optimize import minimize_scalar

    low, high = np.log(_BOUNDS)
    # Convex in 1 / T (source, supplement S2), so that it has one minimum.
    best = minimize_scalar(
        nll, bounds=(low, high), method='bounded', options={'xatol': 1e-8}
    )
    candidates = [low, float(best.x), high]
    return float(np.exp(min(candidates, key=nll)))


def _logsumexp(logits: np.ndarray) -> np.ndarray:
    highest = logits.max(1)  # (N,)
    return highest + np.log(np.exp(logits - highest[:, None]).sum(1))


def _logits(scores: np.ndarray) -> np.ndarray:
    return np.log(np.clip(np.asarray(scores, np.float64), _LEAST, None))
