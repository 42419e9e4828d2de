from .job import JobInputs
from .scores import Scores
from .trained import trained
from .workspace import Workspace

SETTINGS: dict[str, list[list[float]]] = {'matrix': []}


def similarity(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Train a config whose class texts are replaced by a matrix of similarities.

    What CITE does without a language model: the class vectors have the cosines of the
    matrix, such as those of grades on an arc, in a direction that is new in each run.

    Args:
        inputs: inputs of the job. ``settings`` holds ``matrix``, the cosine of each
            pair of classes, (K, K).
        workspace: where the method works.

    Raises:
        ValueError: the matrix does not fit the classes, or no vectors have it.
    """
    return trained(inputs, workspace)
