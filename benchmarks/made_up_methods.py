"""Made-up methods: models of known skill, and slides to test them on.

A draw of training slides sets a method's skill and its preference for classes, a seed
adds to the preference, and a patient's slides are hard alike.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cite.compare.statistics.judge import Sample, Terms
from cite.compare.statistics.leave_out import leave_out
from cite.core.evaluation.metrics import BIASED, SCORE_METRICS

CLASSES, SKILL = 3, 1.2
METRICS = tuple(name for name in SCORE_METRICS if name not in BIASED)
MOST_DRAWS, MOST_SEEDS = 10, 2


class Model(NamedTuple):
    """A trained model: how well it tells the classes apart, and which it prefers."""

    draw: int
    seed: int
    skill: float
    tilt: np.ndarray  # (K,)


class Cohort(NamedTuple):
    """Test slides."""

    labels: np.ndarray  # (N,)
    patient: np.ndarray  # (N,)
    hard: np.ndarray  # (N, K), what is hard about the patient
    patients: int


def train(rng: np.random.Generator, spread: float, skill: float = SKILL) -> list[Model]:
    """Train a method on ten draws with two seeds each."""
    models = []
    for draw in range(MOST_DRAWS):
        tilt = rng.normal(size=CLASSES) * spread
        of_draw = skill + rng.normal() * spread
        for seed in range(MOST_SEEDS):
            own = tilt + rng.normal(size=CLASSES) * spread / 2
            models.append(Model(draw, seed, of_draw, own))
    return models


def cohort(rng: np.random.Generator, patients: int) -> Cohort:
    """Draw patients with one or two slides each."""
    patient = np.repeat(np.arange(patients), rng.integers(1, 3, patients))
    labels = rng.choice(CLASSES, len(patient))
    hard = rng.normal(size=(patients, CLASSES))[patient] * 0.6
    return Cohort(labels, patient, hard, patients)


def predict(rng: np.random.Generator, model: Model, on: Cohort) -> np.ndarray:
    """Return a model's probabilities, (N, K)."""
    logits = model.skill * 1.5 * np.eye(CLASSES)[on.labels] + on.hard + model.tilt
    logits += rng.normal(size=on.hard.shape)
    scores = np.exp(logits - logits.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True)


def test(
    rng: np.random.Generator, models: Sequence[Model], on: Cohort
) -> dict[str, Sample]:
    """Test models; returns a sample of every metric."""
    draws = np.array([model.draw for model in models])
    values, rest = [], []
    for model in models:
        scores = predict(rng, model, on)
        values.append([SCORE_METRICS[name](scores, on.labels) for name in METRICS])
        rest.append(leave_out(METRICS, scores, on.labels, on.patient, on.patients))
    columns = np.array(values).T
    return {
        name: Sample(draws, column, np.stack([each[name] for each in rest]))
        for name, column in zip(METRICS, columns)
    }


def truth(models: Sequence[Model], on: Cohort) -> np.ndarray:
    """Return the metrics of models on a large cohort, (M, metrics)."""
    rng = np.random.default_rng(0)
    scores = (predict(rng, model, on) for model in models)
    rows = [[SCORE_METRICS[name](s, on.labels) for name in METRICS] for s in scores]
    return np.array(rows)


def terms(on: Cohort) -> Terms:
    """Return what the intervals on a cohort rest on."""
    known = {*zip(on.patient.tolist(), on.labels.tolist())}
    of_class = Counter(label for _, label in known)
    return Terms(on.patients, min(of_class[k] for k in range(CLASSES)), True)
