from dataclasses import replace

from .clap import SETTINGS as _OF_CLAP
from .clap import clap
from .job import JobInputs
from .scores import Scores
from .workspace import Workspace

SETTINGS = {key: _OF_CLAP[key] for key in ('steps', 'lr')}


def text_probe(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train a linear classifier that starts as the zero-shot one.

    It is :func:`clap` without its constraint, which that source calls ZS-LP.

    Source: Li et al., *ELEVATER*, NeurIPS 2022 Datasets, arXiv:2204.08790, section 4
    (language-augmented initialisation).

    Args:
        inputs: inputs of the job; the config is a zero-shot one. Settings: ``steps``
            (300) and ``lr`` (0.1).
        workspace: where the method works.

    Raises:
        ValueError: the texts are embedded in another width than the images.
    """
    settings = {**inputs.method.settings, 'constraint': 0.0}
    method = replace(inputs.method, settings=settings)
    return clap(replace(inputs, method=method), workspace)
