"""Ways from training slides to scores of the test patches, by the ``type`` in a config.

Each is a function of a job's inputs (:class:`.job.JobInputs`) and a workspace
(:class:`.workspace.Workspace`: the job's folder, and what the worker keeps between
jobs), and returns :class:`.scores.Scores`. To add one, name it in ``METHODS``; its
module's ``SETTINGS`` are the keys of its own, with their defaults.
"""

import sys
from collections.abc import Mapping
from typing import Any, Callable

from .abmil import abmil
from .clap import clap
from .dtfd import dtfd
from .external import external
from .job import JobInputs
from .lp_pp import lp_pp
from .nearest_mean import nearest_mean
from .on_training_slides import with_training_slides
from .scores import Scores
from .similarity import similarity
from .slide_linear import slide_linear
from .ss_text import ss_text
from .text_mil import text_mil
from .text_probe import text_probe
from .trained import trained
from .transclip import transclip
from .workspace import Workspace
from .zero_shot_pool import zero_shot_pool

METHODS: dict[str, Callable[[JobInputs, Workspace], Scores]] = {
    'trained': trained,
    'text_probe': text_probe,
    'nearest_mean': nearest_mean,
    'abmil': abmil,
    'similarity': similarity,
    'slide_linear': slide_linear,
    'dtfd': dtfd,
    'zero_shot_pool': zero_shot_pool,
    'clap': clap,
    'ss_text': ss_text,
    'lp_pp': lp_pp,
    'text_mil': text_mil,
    'transclip': transclip,
    'external': external,
}

#: Keys that a method of this type takes, besides the keys of every method, with their
#: defaults.
SETTINGS: dict[str, Mapping[str, Any]] = {
    name: vars(sys.modules[method.__module__]).get('SETTINGS', {})
    for name, method in METHODS.items()
}

# Rates are chosen, and probabilities checked, on training slides in the same way for
# all methods.
METHODS = {name: with_training_slides(method) for name, method in METHODS.items()}

#: Methods that run on feature files without a config; the others need its texts.
WITHOUT_TEXTS = ('nearest_mean', 'abmil', 'slide_linear', 'dtfd')

#: Methods that look at all test slides at once, which tables say.
TRANSDUCTIVE = ('transclip',)

__all__ = [
    'METHODS',
    'SETTINGS',
    'TRANSDUCTIVE',
    'WITHOUT_TEXTS',
    'JobInputs',
    'Scores',
    'Workspace',
]
