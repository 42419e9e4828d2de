"""The report that the demo prints at its end."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cite.apis.shell import shell_setup

from .controls import chance_band
from .demo import DATA, Demo
from .run import CONFIG, METRICS

HEAD = (
    *('seed', 'patches', 'slides', 'tiles of the slide file', 'shuffled labels'),
    *('mean colour', 'untrained'),
)


def closing(demo: Demo, seconds: float) -> str:
    """Write the results, the places of the files and what to try next.

    Args:
        demo: results of one seed.
        seconds: duration of the demo.

    Returns:
        Lines to print.
    """
    labels = demo.run.predictions.labels
    metrics = demo.run.metrics
    return '\n'.join(
        [
            '',
            f'Slide accuracy: {demo.run.slide_accuracy:.1f} % of {len(labels)} slides '
            'that training never saw',
            f'  (mean over {len(set(labels.tolist()))} classes; trained on '
            f'{demo.training_slides} other slides; patches alone: '
            f'{metrics["accuracy"]:.1f} %;',
            f'  logistic regression on mean colour: {demo.colour:.1f} % of the slides; '
            'chance: 33.3 %)',
            f'Slide file: {demo.answer.right} of {demo.answer.inside} tiles '
            f'({demo.answer.share:.1f} %) whose centre is in a region get its grade.',
            f'It took {seconds:.0f} s.',
            '',
            'Open this page in a browser to see the slide with its map:',
            f'  {demo.answer.page}',
            '',
            *_files(demo),
            '',
            *_next(demo),
        ]
    )


def table(demos: Sequence[Demo]) -> str:
    """Tabulate the slide accuracies of several seeds, Markdown.

    Args:
        demos: results of each seed.

    Returns:
        A row per seed and one of the means, percent; then the chance band.
    """
    rows = [_values(demo) for demo in demos]
    means = [float(np.mean(column)) for column in zip(*rows)]
    lines = ['| ' + ' | '.join(HEAD) + ' |', '|---' * len(HEAD) + '|']
    names = [*(str(demo.seed) for demo in demos), 'mean']
    for name, row in zip(names, [*rows, means]):
        lines.append(' | '.join([f'| {name}', *(f'{x:.1f}' for x in row)]) + ' |')
    return '\n'.join([*lines, *_chance(demos)])


def _values(demo: Demo) -> list[float]:
    controls = [demo.shuffled, demo.untrained]
    shuffled, untrained = (c.slide_accuracy if c else np.nan for c in controls)
    patches = demo.run.metrics['accuracy']
    slides, tiles = demo.run.slide_accuracy, demo.answer.share
    return [patches, slides, tiles, shuffled, demo.colour, untrained]


def _chance(demos: Sequence[Demo]) -> list[str]:
    shuffled = [demo.shuffled.predictions for demo in demos if demo.shuffled]
    if not shuffled:
        return []
    low, high = chance_band(shuffled, [d.run.predictions.labels for d in demos])
    return [
        '',
        f'Chance alone gives shuffled labels a mean of {100 * low:.1f} to '
        f'{100 * high:.1f} % (95 % of 10,000 permutations).',
    ]


def _files(demo: Demo) -> list[str]:
    folder = demo.run.work_dir
    size = (folder / 'latest.pth').stat().st_size / 1024
    rows = [
        (folder / 'overview.png', 'patches, slides with probabilities, confusion'),
        (folder / 'latest.pth', f'the trained weights, {size:.0f} KiB'),
        (folder / 'results.json', 'metrics, and the scores of each patch'),
        (folder / 'model', 'the model to pass on, with a card (cite export)'),
        (demo.answer.folder / 'report.html', 'the answer (cite predict), with links'),
        (demo.answer.slide, 'the slide file; its regions are beside it, .geojson'),
        (demo.data / 'captions.csv', 'the table of slides'),
        (demo.data / 'patches_captions', 'their patches'),
        (demo.data / 'gastric_cls3_ann', 'which slides are for training'),
        (demo.data / 'models', 'CLIP and BERT, small and random'),
    ]
    width = max(len(str(path)) for path, _ in rows)
    return ['Files', *(f'  {path!s:{width}}  {text}' for path, text in rows)]


def _next(demo: Demo) -> list[str]:
    data = '' if demo.data == DATA else f'DEMO_DATA={demo.data} '
    few, prompts = (Path('work_dirs/demo') / name for name in ('few', 'prompts'))
    train = f'cite train {CONFIG} --seed {demo.seed}'
    test, metrics = f'{data}cite test {CONFIG}', f'--metrics {" ".join(METRICS)}'
    option = '--cfg-options model.backbone.prompt_length=4'
    commands = [
        ('One training slide a class:', f'{data}SHOTS=1 {train} --work-dir {few}'),
        ('', f'{test} {few}/latest.pth {metrics}'),
        ('Four visual prompts:', f'{data}{train} --work-dir {prompts} {option}'),
        ('', f'{test} {prompts}/latest.pth {metrics} {option}'),
        ('Other slides; five seeds with controls (docs/DEMO.md):', ''),
        ('', f'python tools/demo.py --seed {demo.seed + 1}'),
        ('', 'python tools/demo.py --seeds 0 1 2 3 4 --controls'),
    ]
    lines = [f'Next, in this folder. Once in each shell:\n  {shell_setup()}']
    for heading, command in commands:
        lines += [heading] if heading else []
        lines += [f'  {command}'] if command else []
    return [*lines, 'PatchGastric itself: data/README.md. Your own slides: README.md.']
