"""The protocol of a comparison, and where this one departs from it."""

from collections.abc import Iterator
from typing import NamedTuple

from cite.compare.folder.results import Results
from cite.compare.methods import TRANSDUCTIVE
from cite.compare.statistics.judge import FEW_DRAWS
from cite.core.messages import count

# Options that people try several values of.
_RECIPE = ('lr', 'steps', 'epochs', 'max_iters', 'max_epochs', 'weight_decay')


class Rule(NamedTuple):
    """A rule of the protocol and whether this comparison keeps it."""

    kept: bool
    text: str


def protocol(results: Results) -> list[Rule]:
    """List the rules that make a comparison honest, the broken ones named as such.

    Args:
        results: contents of the comparison's folder.
    """
    return [
        *_of_slides(results),
        *_of_draws(results),
        *_of_training(results),
        *_of_controls(results),
    ]


def _of_slides(results: Results) -> Iterator[Rule]:
    folds = results.settings.get('folds', 0)
    patients = {patient for patient in results.patients if patient}
    if folds:
        yield Rule(
            True,
            f'{folds} parts of the slides are tested in turn, and each slide is '
            'predicted once in a draw, by a model that saw no slide of its part.',
        )
    if patients:
        yield Rule(
            True,
            'No patient is both trained on and tested on '
            f'({count(len(patients), "patient")} among the test slides).',
        )
    else:
        yield Rule(
            False,
            'The patients are not known, so one patient may be on both sides: figures '
            'may be too good, and intervals too narrow. Name the column of patients '
            '(captions, patient).',
        )
    yield Rule(
        True,
        'k counts slides: “4 a class” is four training slides of each class, with all '
        'their patches. Slides that were used for a choice count among them.',
    )


def _of_draws(results: Results) -> Iterator[Rule]:
    dealt = results.settings.get('folds', 0) > 0
    shots = {*results.shots} - ({None} if dealt else {None, 'all'})
    draws = {run.draw for run in results.runs if run.shots in shots}
    seeds = {run.seed for run in results.runs}
    runs = f'{count(max(len(draws), 1), "draw")} of training slides × '
    runs += count(len(seeds), 'seed')
    if draws == {0}:
        yield Rule(
            False,
            'Only one choice of training slides, those with the most patches: nothing '
            'is said about the methods with other slides. Set draws=5.',
        )
    elif draws:
        kept = len(draws) >= FEW_DRAWS
        more = '' if kept else f' {FEW_DRAWS} draws are needed to compare methods.'
        yield Rule(kept, f'{runs}, the same for all methods.{more}')
    if 'all' in results.shots and not dealt:
        yield Rule(
            False,
            'With all training slides there is one choice of slides: those figures are '
            'about these trained models. With folds=5, each draw deals them anew.',
        )
    runs_of = {len(results.of(m, s)) for m in results.methods for s in results.shots}
    if len(runs_of - {0}) > 1:
        yield Rule(False, 'Not every method has all draws and seeds.')


def _of_training(results: Results) -> Iterator[Rule]:
    yield Rule(
        True,
        'The last step of every training is tested, and one recipe holds for every '
        'number of slides. Labels of test slides are used for the figures alone, after '
        'the predictions are written.',
    )
    trials = {
        name: values['trials']
        for name, values in results.settings['methods'].items()
        if name in results.methods and type(values.get('trials')) is int
    }
    numbers = {*trials.values()}
    if numbers <= {0}:
        yield Rule(
            True,
            'Nothing was tuned in this run: each method has the recipe of the config. '
            'If rates were chosen before by results on these test slides, the figures '
            'are too good, and no report can show it.',
        )
    else:
        yield Rule(
            len(numbers) == 1,
            'Rates were chosen on training slides, one patient left out at a time: '
            + ', '.join(
                f'{count(n, "trial") if n else "no trials"} for {results.methods[m]}'
                for m, n in trials.items()
            )
            + '. Only methods with as many trials are compared fairly.',
        )
    yield from _of_variants(results)
    seen = [
        results.methods[name]
        for name, values in results.settings['methods'].items()
        if values.get('type') in TRANSDUCTIVE and name in results.methods
    ]
    if seen:
        yield Rule(
            False,
            f'{", ".join(seen)} sees all test slides at once, without their labels: '
            'its figures hold only where the slides come together.',
        )


def _of_variants(results: Results) -> Iterator[Rule]:
    """Name rows that are trials of one recipe: choosing among them is tuning."""
    trials: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for name, values in results.settings['methods'].items():
        options = values.get('options')
        if name not in results.methods or not isinstance(options, dict):
            continue
        recipe = {k: str(v) for k, v in options.items() if k.split('.')[-1] in _RECIPE}
        key = str(values.get('type')), str(values.get('config'))
        trials.setdefault(key, {})[name] = recipe
    for rows in trials.values():
        if len({tuple(sorted(recipe.items())) for recipe in rows.values()}) > 1:
            yield Rule(
                False,
                f'{", ".join(results.methods[name] for name in rows)} differ in their '
                'rate or number of steps: to take the best of them by this table is to '
                'tune on the test slides. Let the training slides choose (rates).',
            )


def _of_controls(results: Results) -> Iterator[Rule]:
    missing = [results.methods[m] for m, kinds in results.controls.items() if not kinds]
    if results.controls and not missing:
        yield Rule(True, 'Controls run beside the method that trains on texts.')
    elif results.settings.get('controls') == {}:
        yield Rule(
            False,
            'No controls ran (controls=False, or no method trains on texts): nothing '
            'shows whether texts helped because of what they mean.',
        )
    else:
        yield Rule(False, 'Controls are missing: nothing shows what the texts gave.')
