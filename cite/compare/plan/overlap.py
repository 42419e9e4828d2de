import itertools
from collections import defaultdict
from collections.abc import Iterable

from cite.compare.methods.job import JobInputs
from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.slide_rule import PREFIX, SlideRule


def training_overlap(
    inputs: Iterable[JobInputs], classes: int, rule: SlideRule = PREFIX
) -> dict[str, float]:
    """Return the share of training slides that two draws have in common, by shots.

    Draws from a small pool share slides, so their models are alike, and the spread
    between them is smaller than between draws of new slides.

    Args:
        inputs: inputs of the jobs.
        classes: number of classes.
        rule: which slide a patch belongs to.

    Returns:
        Shots, as text, to the mean over pairs of draws, 0 to 1; only shots with two
        draws or more.
    """
    files: dict[str, set[str]] = defaultdict(set)
    for one in inputs:
        if one.job.shots is not None:
            files[str(one.job.shots)].add(str(one.files['train']))
    shares = {}
    for shots, paths in files.items():
        draws = [
            {rule(name) for name, _ in read_annotations(path, classes)}
            for path in sorted(paths)
        ]
        pairs = [*itertools.combinations(draws, 2)]
        if pairs:
            common = (2 * len(a & b) / (len(a) + len(b)) for a, b in pairs)
            shares[shots] = sum(common) / len(pairs)
    return shares
