import itertools
from collections import defaultdict
from collections.abc import Iterable

from cite.compare.methods.job import JobInputs
from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.slide_rule import PREFIX, SlideRule

_Parts = list[tuple[set[str], set[str]]]  # training and test slides of each fold


def training_overlap(
    inputs: Iterable[JobInputs], classes: int, rule: SlideRule = PREFIX
) -> dict[str, float]:
    """Return the share of training slides that two draws have in common, by shots.

    Draws from a small pool share slides, so their models are alike, and the spread
    between them is smaller than between draws of new slides. With folds, the models
    that two draws test on the same slide are compared.

    Args:
        inputs: inputs of the jobs.
        classes: number of classes.
        rule: which slide a patch belongs to.

    Returns:
        Shots, as text, to the mean over pairs of draws, 0 to 1; only shots with two
        draws or more.
    """
    files: dict[str, dict[int, set[tuple[str, str]]]] = defaultdict(dict)
    for one in inputs:
        if one.job.shots is not None:
            draws = files[str(one.job.shots)]
            pair = str(one.files['train']), str(one.files['val'])
            draws.setdefault(one.job.draw, set()).add(pair)

    def slides(path: str) -> set[str]:
        return {rule(name) for name, _ in read_annotations(path, classes)}

    shares = {}
    for shots, draws in files.items():
        parts: list[_Parts] = [
            [(slides(train), slides(val)) for train, val in sorted(draws[draw])]
            for draw in sorted(draws)
        ]
        common = [_common(a, b) for a, b in itertools.combinations(parts, 2)]
        if common:
            shares[shots] = sum(common) / len(common)
    return shares


def _common(one: _Parts, other: _Parts) -> float:
    """Average the share of common training slides over the slides that are tested."""
    total = tested = 0.0
    for (train, test), (train_2, test_2) in itertools.product(one, other):
        both = len(test & test_2)
        total += both * 2 * len(train & train_2) / (len(train) + len(train_2))
        tested += both
    return total / tested if tested else 0.0
