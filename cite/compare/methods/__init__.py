"""Ways from training slides to scores of the test patches, by the ``type`` in a config.

Each is a function of a job's inputs (:func:`cite.compare.plan.plan.job_inputs`) and a
folder of its own, and returns :class:`.scores.Scores`.
"""

from typing import Any, Callable

from .abmil import abmil
from .nearest_mean import nearest_mean
from .scores import Scores
from .text_probe import text_probe
from .trained import trained

METHODS: dict[str, Callable[[dict[str, Any], Any], Scores]] = {
    'trained': trained,
    'text_probe': text_probe,
    'nearest_mean': nearest_mean,
    'abmil': abmil,
}

#: What a method's line may hold for its type, beside the keys of every method.
SETTINGS: dict[str, tuple[str, ...]] = {
    'text_probe': ('steps', 'lr'),
    'abmil': ('steps', 'lr'),
}

__all__ = ['METHODS', 'SETTINGS', 'Scores']
