from importlib.util import find_spec
from typing import Any, Optional

from .base import Engine

ENGINES = ('local', 'ray', 'slurm')
_MODULES = {'ray': 'ray', 'slurm': 'submitit'}


def make_engine(
    name: str, jobs: Optional[int], options: dict[str, Any], folder: str
) -> Engine:
    """Make an engine by name.

    Args:
        name: one of ``ENGINES``.
        jobs: how many at once.
        options: parameters for submitit, with ``slurm``.
        folder: where submitit keeps its files.

    Raises:
        ValueError: an unknown name, no job at once, or a module that is not installed.
    """
    if name not in ENGINES:
        raise ValueError(f'--engine {name}: choose one of {", ".join(ENGINES)}.')
    if jobs is not None and jobs < 1:
        raise ValueError(f'--jobs {jobs}: give 1 or more.')
    module = _MODULES.get(name)
    if module and find_spec(module) is None:
        raise ValueError(f'--engine {name} needs it: pip install {module}.')
    if name == 'ray':
        from .ray import RayEngine

        return RayEngine(jobs)
    if name == 'slurm':
        from .slurm import SlurmEngine

        return SlurmEngine(jobs, options, folder)
    from .local import LocalEngine

    return LocalEngine(jobs)
