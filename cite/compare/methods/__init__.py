"""Ways from training slides to scores of the test patches, by the ``type`` in a config.

Each is a function of a job's inputs (:class:`.job.JobInputs`) and a workspace
(:class:`.workspace.Workspace`: the job's folder, and what the worker keeps between
jobs), and returns :class:`.scores.Scores`. To add one, name it in ``METHODS``.
"""

from typing import Callable

from .abmil import abmil
from .job import JobInputs
from .nearest_mean import nearest_mean
from .on_training_slides import with_training_slides
from .scores import Scores
from .similarity import similarity
from .text_probe import text_probe
from .trained import trained
from .workspace import Workspace

METHODS: dict[str, Callable[[JobInputs, Workspace], Scores]] = {
    'trained': trained,
    'text_probe': text_probe,
    'nearest_mean': nearest_mean,
    'abmil': abmil,
    'similarity': similarity,
}

#: Keys that a method of this type takes, besides the keys of every method.
SETTINGS: dict[str, tuple[str, ...]] = {
    'text_probe': ('steps', 'lr'),
    'abmil': ('steps', 'lr'),
    'similarity': ('matrix',),
}

# Rates are chosen, and probabilities checked, on training slides in the same way for
# all methods.
METHODS = {name: with_training_slides(method) for name, method in METHODS.items()}

__all__ = ['METHODS', 'SETTINGS', 'JobInputs', 'Scores', 'Workspace']
