"""How often equal methods get a star, and how often intervals hold the truth.

python -m benchmarks.levels --out levels.json             # the whole grid, resumable
python -m benchmarks.levels --out small.json --simulations 20 --patients 30 100

The verdicts are those of ``cite.compare.statistics.judge``, which `cite compare`
reports. With 1,000 simulations, a share of 5 % has a standard error of 0.7 points. The
counts are written after every 20, and a second start continues them. It takes 25
minutes of one core.
"""

import argparse
import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from scipy import special, stats

from cite.apis.cli import run_cli
from cite.compare.statistics.judge import Sample, Verdict, holm, judge
from cite.core.files.write_whole import write_text_whole

from .made_up_methods import METRICS, SKILL, cohort, terms, test, train, truth

PATIENTS, DRAWS, SEEDS = (10, 30, 100, 300), (1, 2, 3, 5, 10), (1, 2)
SPREADS, POWER_DRAWS = (0.0, 0.25, 0.6), (5, 10)
Counts = defaultdict[str, float]  # how often what happened, by cell and metric
_EVERY = 20  # simulations between two savings


def holds(verdict: Verdict, value: float) -> Optional[bool]:
    """Tell whether an interval holds a value; None if there is no interval."""
    low, high = verdict.value[1:]
    return None if np.isnan(low) else bool(low <= value <= high)


class Simulation:
    """Two equal methods at one spread, and what is true of them."""

    def __init__(self, spread: float, patients: Sequence[int]) -> None:
        self.spread, self.patients = spread, patients
        rng = np.random.default_rng(99)
        self._large = cohort(rng, 12_000)
        some = cohort(rng, 2_000)
        many = [m for _ in range(100) for m in train(rng, spread)[::2]]
        self._of_method = truth(many, some).mean(0)

    def run(self, seed: Sequence[int], counts: Counts) -> None:
        """Simulate once and count, by cell and metric."""
        rng = np.random.default_rng(seed)
        methods = [train(rng, self.spread) for _ in range(2)]
        few = [[m for m in models if m.draw < 3] for models in methods]
        of_few = [truth(models, self._large) for models in few]
        for patients in self.patients:
            on = cohort(rng, patients)
            both = [test(rng, models, on) for models in methods]
            for draws, seeds in itertools.product(DRAWS, SEEDS):
                chosen = [m.draw < draws and m.seed < seeds for m in methods[0]]
                cell = f'{patients} {draws} {seeds} {self.spread}'
                first = [chosen[i] for i in range(len(few[0]))]
                of_models = [values[first].mean(0) for values in of_few]
                for i, name in enumerate(METRICS):
                    a, b = (_pick(samples[name], chosen) for samples in both)
                    one = judge(name, a, terms(on), paired=False)
                    true = of_models[0][i] if one.models else self._of_method[i]
                    _count(counts, f'{cell} {name} one', holds(one, true))
                    two = judge(name, a.minus(b), terms(on), paired=True)
                    true = of_models[0][i] - of_models[1][i] if two.models else 0
                    _count(counts, f'{cell} {name} two', holds(two, true))
                    star = None if np.isnan(two.p) else two.p <= 0.05
                    _count(counts, f'{cell} {name} star', star)


def _pick(sample: Sample, chosen: Sequence[bool]) -> Sample:
    keep = np.array(chosen)
    assert sample.without is not None
    return Sample(sample.draws[keep], sample.values[keep], sample.without[keep])


def _count(counts: Counts, key: str, yes: Optional[bool]) -> None:
    counts[f'{key} of'] += yes is not None
    counts[f'{key} yes'] += bool(yes)


def family(seed: Sequence[int], spread: float, counts: Counts, others: int = 4) -> None:
    """Compare several equal methods with a reference, with Holm's correction."""
    rng = np.random.default_rng(seed)
    on = cohort(rng, 100)
    chosen = [m.draw < 5 for m in train(rng, spread)]
    samples = [test(rng, train(rng, spread), on) for _ in range(others + 1)]
    for name in METRICS:
        reference, *rest = (_pick(sample[name], chosen) for sample in samples)
        p = [judge(name, s.minus(reference), terms(on), True).p for s in rest]
        _count(counts, f'{spread} {name} family', bool((holm(p) <= 0.05).any()))


def power(seed: Sequence[int], spread: float, skill: float, counts: Counts) -> None:
    """Compare two methods that differ; keeps the differences, for the oracle."""
    rng = np.random.default_rng(seed)
    on = cohort(rng, 100)
    samples = [test(rng, train(rng, spread, s), on) for s in (SKILL, skill)]
    for draws, name in itertools.product(POWER_DRAWS, METRICS):
        difference = samples[0][name].minus(samples[1][name])
        some = _pick(difference, [draw < draws for draw in difference.draws])
        verdict = judge(name, some, terms(on), True)
        key = f'{spread} {draws} {name}'
        _count(counts, f'{key} power', verdict.p <= 0.05)
        counts[f'{key} sum'] += verdict.value.estimate
        counts[f'{key} squares'] += verdict.value.estimate**2


def weaker_skill(spread: float, points: float = 10) -> float:
    """Return the skill at which a method's accuracy is so many points lower."""
    rng = np.random.default_rng(98)
    on = cohort(rng, 2_000)
    at = METRICS.index('accuracy')

    def accuracy(skill: float) -> float:
        same = np.random.default_rng(97)
        models = [m for _ in range(20) for m in train(same, spread, skill)[::2]]
        return float(truth(models, on)[:, at].mean())

    best = accuracy(SKILL)
    low, high = 0.0, SKILL
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if accuracy(middle) < best - points else (low, middle)
        )
    return (low + high) / 2


def level_table(counts: Counts, patients: Sequence[int]) -> str:
    """Write the shares, in percent, by patients and draws: the least and the most."""
    head = ['figure', 'patients', 'draws', 'interval', 'difference', 'star']
    lines = [f'| {" | ".join(head)} |', '|---|---:|---:|---|---|---|']
    for name, number, draws in itertools.product(METRICS, patients, DRAWS):
        cells = [f'{number} {draws} {s} {x}' for s in SEEDS for x in SPREADS]
        shares = [
            _share(counts, [f'{cell} {name} {what}' for cell in cells])
            for what in ('one', 'two', 'star')
        ]
        lines.append(f'| {" | ".join([name, str(number), str(draws), *shares])} |')
    for name in METRICS:
        keys = [f'{spread} {name} family' for spread in SPREADS]
        lines.append(f'| {name}, Holm | 100 | 5 | | | {_share(counts, keys)} |')
    return '\n'.join(lines)


def power_table(counts: Counts) -> str:
    """Write how often a true difference gets a star, beside two other tests.

    The oracle knows the variance of the difference and takes a normal quantile. Student
    knows only the draws' differences; no unbiased test of these is stronger.
    """
    head = ['spread', 'draws', 'figure', 'star', 'oracle', 'Student', 'star / oracle']
    lines = [f'| {" | ".join(head)} |', '|---:|---:|---|---:|---:|---:|---:|']
    for spread, draws, name in itertools.product(SPREADS, POWER_DRAWS, METRICS):
        key = f'{spread} {draws} {name}'
        number = counts[f'{key} power of']
        mean = counts[f'{key} sum'] / number
        deviation = np.sqrt(counts[f'{key} squares'] / number - mean**2)
        distance = abs(mean) / deviation
        oracle = 100 * special.ndtr(distance - special.ndtri(0.975))
        quantile = special.stdtrit(draws - 1, 0.975)
        student = 100 * stats.nct.sf(quantile, draws - 1, distance)
        star = 100 * counts[f'{key} power yes'] / number
        shares = [f'{x:.1f}' for x in (star, oracle, student)]
        cells = [str(spread), str(draws), name, *shares, f'{star / oracle:.2f}']
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def _share(counts: Counts, keys: Sequence[str]) -> str:
    """Write the least and the most of shares; a dash where fewer than half have one."""
    simulations = max(counts[f'done {spread}'] for spread in SPREADS)
    usable = [k for k in keys if counts[f'{k} of'] > simulations / 2]
    shares = [100 * counts[f'{k} yes'] / counts[f'{k} of'] for k in usable]
    return f'{min(shares):.1f} to {max(shares):.1f}' if shares else '–'


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.levels',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--out', type=Path, required=True, help='counts, JSON; continued if it exists')
    add('--simulations', type=int, default=1000, help='per spread (default: 1000)')
    add('--patients', type=int, nargs='+', default=PATIENTS, help='default: all four')
    add('--seed', type=int, default=0)
    return parser.parse_args(argv)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Simulate what is missing and print the tables."""
    args = parse_args(argv)
    done = json.loads(args.out.read_text()) if args.out.is_file() else {}
    counts: Counts = defaultdict(float, done)
    for at, spread in enumerate(SPREADS):
        simulation = None
        skill = weaker_skill(spread)
        for i in range(int(counts[f'done {spread}']), args.simulations):
            simulation = simulation or Simulation(spread, args.patients)
            simulation.run([args.seed, at, i], counts)
            family([args.seed, at, i, 1], spread, counts)
            power([args.seed, at, i, 2], spread, skill, counts)
            counts[f'done {spread}'] += 1
            if not (i + 1) % _EVERY or i + 1 == args.simulations:
                write_text_whole(args.out, json.dumps(counts, indent=0) + '\n')
    print(level_table(counts, args.patients), power_table(counts), sep='\n\n')


if __name__ == '__main__':
    run_cli(main)
