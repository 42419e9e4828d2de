from typing import NamedTuple, Optional

import numpy as np


class Scores(NamedTuple):
    """What a method says of the test slides, probabilities.

    Args:
        patches: (N, K) in the annotation file's order; None where a method looks at
            whole slides only.
        slides: (B, K) sorted by slide id; None means the patches' mean.
    """

    patches: Optional[np.ndarray] = None
    slides: Optional[np.ndarray] = None
