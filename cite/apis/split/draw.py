"""Draw which slides are for evaluation: class by class, or whole groups at once."""

import random
from collections.abc import Sequence

import numpy as np

from cite.datasets.tables.slide_table import Slide

_EXACT_GROUPS = 16  # 65,536 assignments to look through
_STARTS = 32  # starts of the search with more groups
_PAIRED = 64  # kinds of moves that are tried in pairs
_UNBALANCED = 10.0  # outweighs any distance: every class must be on both sides
_SAME = 1e-9  # costs this near are equal


def draw_slides(classes: Sequence[Sequence[Slide]], val: float, seed: int) -> set[str]:
    """Draw the evaluation slides in the way of the released split.

    Args:
        classes: slides of each class, in the table's order.
        val: fraction of each class for evaluation.
        seed: seed of Python's generator, set once for all classes.

    Returns:
        The ids of the evaluation slides.
    """
    generator = random.Random(seed)  # draws what random.seed(seed) would
    drawn: set[str] = set()
    for slides in classes:
        ids = [slide.id for slide in slides]
        drawn.update(generator.sample(ids, int(len(ids) * val)))
    return drawn


def draw_shots(
    by_class: Sequence[Sequence[str]], seed: int, draw: int
) -> list[list[str]]:
    """Order the training slides of each class at random; the first k are k shots.

    Taking the first k of one order makes the choices nested: a method given more slides
    sees those of fewer too. The choice depends on the ids, the split's seed and its own
    number alone.
    """
    generator = random.Random(f'{seed} {draw}')
    return [generator.sample(sorted(ids), len(ids)) for ids in by_class]


def draw_groups(classes: Sequence[Sequence[Slide]], val: float, seed: int) -> set[str]:
    """Draw whole groups for evaluation, nearest to the fraction in every class.

    Minimises the sum over classes of the distance between the reached and requested
    fraction, with every class on both sides: exactly for up to 16 groups, otherwise by
    hill climbing from several seeded starts. The seed chooses among equals.

    Args:
        classes: slides of each class.
        val: fraction of each class for evaluation.
        seed: seed of the choice.

    Returns:
        The ids of the evaluation slides.

    Raises:
        ValueError: no division into groups leaves every class on both sides.
    """
    groups = sorted({slide.group for slides in classes for slide in slides})
    index = {group: g for g, group in enumerate(groups)}
    counts = np.zeros((len(groups), len(classes)), dtype=np.int64)  # (G, K)
    for label, slides in enumerate(classes):
        for slide in slides:
            counts[index[slide.group], label] += 1
    # RandomState's stream is the same in every numpy; its own seeds have 32 bits only.
    generator = np.random.RandomState(random.Random(seed).getrandbits(32))
    search = _exact if len(groups) <= _EXACT_GROUPS else _climb
    chosen = search(counts, val, generator)  # (G,)
    if _cost(chosen @ counts, counts.sum(0), val) >= _UNBALANCED:
        undivided = ''.join(
            f'; all of class {label} is in group {groups[int(column.argmax())]!r}'
            for label, column in enumerate(counts.T > 0)
            if column.sum() == 1
        )
        raise ValueError(
            'no division of the groups puts slides of every class on both sides'
            f'{undivided}. Add slides of further groups, or group by another column.'
        )
    return {
        slide.id for slides in classes for slide in slides if chosen[index[slide.group]]
    }


def _cost(drawn: np.ndarray, total: np.ndarray, val: float) -> np.ndarray:
    """Distance from the requested fractions, for (..., K) numbers of drawn slides."""
    empty = (drawn == 0) | (drawn == total)
    distance = np.abs(drawn / total - val)
    return (distance + _UNBALANCED * empty).sum(-1)


def _exact(
    counts: np.ndarray, val: float, generator: np.random.RandomState
) -> np.ndarray:
    """Look through all assignments and choose among the best."""
    drawn = np.zeros((1, counts.shape[1]), dtype=np.int64)
    for group in counts:
        drawn = np.concatenate([drawn, drawn + group])  # (2^g, K)
    costs = _cost(drawn, counts.sum(0), val)  # (2^G,)
    best = generator.choice(np.flatnonzero(costs <= costs.min() + _SAME))
    return (best >> np.arange(len(counts))) % 2 == 1


def _climb(
    counts: np.ndarray, val: float, generator: np.random.RandomState
) -> np.ndarray:
    """Improve random assignments by moving one or two groups, and keep the best."""
    total = counts.sum(0)
    # No assignment is nearer than the nearest whole number of slides of each class.
    near = [np.clip(np.rint(val * n), min(1, n - 1), max(1, n - 1)) for n in total]
    bound = float(_cost(np.array(near), total, val))
    best, best_cost = np.zeros(len(counts), dtype=bool), float('inf')
    for _ in range(_STARTS):
        chosen = generator.rand(len(counts)) < val
        cost = float(_cost(chosen @ counts, total, val))
        while cost > bound + _SAME:
            move, new_cost = _best_move(counts, chosen, val, generator)
            if new_cost >= cost - _SAME:
                break
            chosen[move] ^= True
            cost = new_cost
        if cost < best_cost - _SAME:
            best, best_cost = chosen, cost
        if best_cost <= bound + _SAME:
            break
    return best


def _best_move(
    counts: np.ndarray, chosen: np.ndarray, val: float, generator: np.random.RandomState
) -> tuple[list[int], float]:
    """Find the one or two groups whose change of side helps most."""
    order = generator.permutation(len(counts))
    change = np.where(chosen[order, None], -counts[order], counts[order])  # (G, K)
    # Groups whose move does the same are interchangeable: the first in random order.
    _, first = np.unique(change, axis=0, return_index=True)
    first = np.sort(first)[:_PAIRED]
    drawn, total = chosen @ counts, counts.sum(0)
    single = _cost(drawn + change[first], total, val)  # (M,)
    pairs = change[first, None] + change[None, first]  # (M, M, K)
    double = _cost(drawn + pairs, total, val)
    np.fill_diagonal(double, single)
    i, j = np.unravel_index(np.argmin(double), double.shape)
    move = sorted({int(order[first[i]]), int(order[first[j]])})
    return move, float(double[i, j])
