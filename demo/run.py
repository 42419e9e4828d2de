"""One training of the demo's config and its test, as a user would type them."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Optional

import mmcv

from cite.apis.config_file import set_variables
from cite.apis.overview import choose_patches, draw_overview
from cite.apis.predictions import SlidePredictions, read_predictions
from cite.apis.shell import run_command

CONFIG = 'configs/demo/cite_tiny-clip_tiny-bert.py'
METRICS = ('accuracy', 'bag_accuracy', 'mean_bag_accuracy')
LENGTH = ('runner.max_iters', 'checkpoint_config.interval', 'evaluation.interval')


class Run(NamedTuple):
    """A training and its test."""

    work_dir: Path
    metrics: dict[str, float]  # percent
    predictions: SlidePredictions

    @property
    def slide_accuracy(self) -> float:
        """Mean over the classes, percent."""
        return self.metrics['mean_bag_accuracy']


def train_and_test(
    config: mmcv.Config,
    seed: int,
    env: Mapping[str, str],
    work_dir: Optional[Path] = None,
    options: Optional[Mapping[str, Any]] = None,
) -> Run:
    """Train and test.

    Args:
        config: the demo's config, as read.
        seed: seed of the training.
        env: environment variables that the config was read with.
        work_dir: folder of the run; the config's by default.
        options: ``--cfg-options`` of both commands.

    Returns:
        Metrics and predictions. ``results.json`` is beside the checkpoint.

    Raises:
        ValueError: a command failed.
    """
    options = options or {}
    folder = work_dir or Path(config.work_dir)
    results = folder / 'results.json'
    place = ['--work-dir', str(work_dir)] if work_dir else []
    changes = [f'{key}={value}' for key, value in options.items()]
    changes = ['--cfg-options', *changes] if changes else []
    train = ['train', CONFIG, '--seed', str(seed), *place]
    test = ['test', CONFIG, str(folder / 'latest.pth')]
    test += ['--metrics', *METRICS, '--out', str(results)]
    _run([*train, *changes], env)
    _run([*test, *changes], env)
    values = mmcv.load(str(results))
    ann_file = options.get('data.test.ann_file', config.data.test.ann_file)
    return Run(
        folder,
        {name: values[name] for name in METRICS},
        read_predictions(results, ann_file),
    )


def _run(arguments: Sequence[str], env: Mapping[str, str]) -> None:
    with one_thread():
        run_command(['cite', *arguments], env, only_progress=True)


def one_thread() -> AbstractContextManager[None]:
    """Run commands on one thread: with tensors this small, more threads only wait."""
    return set_variables({'OMP_NUM_THREADS': os.environ.get('OMP_NUM_THREADS', '1')})


def draw_run(run: Run, config: mmcv.Config) -> Path:
    """Draw ``overview.png`` beside the checkpoint of a run with the true labels."""
    classes = config.model.head.texts
    data = config.data.test
    patches = choose_patches(data.ann_file, data.data_prefix, len(classes))
    return draw_overview(
        run.predictions, classes, patches, run.work_dir / 'overview.png'
    )
