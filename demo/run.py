"""One training of the demo's config and its test, as a user would type them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

import mmcv

from cite.apis.environment import set_variables
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


def read_config(env: Mapping[str, str]) -> mmcv.Config:
    """Read the demo's config with environment variables set."""
    with set_variables(env):
        return mmcv.Config.fromfile(CONFIG)


def train_and_test(
    config: mmcv.Config,
    seed: int,
    env: Mapping[str, str],
    work_dir: Optional[Path] = None,
    options: Optional[Mapping[str, Any]] = None,
) -> Run:
    """Train and test with ``mim``.

    Args:
        config: what :func:`read_config` gave.
        seed: of the training.
        env: the variables it was read with.
        work_dir: other than the config's.
        options: ``--cfg-options`` of both commands.

    Returns:
        Metrics and predictions. ``results.json`` lies beside the checkpoint.

    Raises:
        ValueError: a command failed.
    """
    options = options or {}
    folder = work_dir or Path(config.work_dir)
    results = folder / 'results.json'
    place = ['--work-dir', str(work_dir)] if work_dir else []
    changes = [f'{key}={value}' for key, value in options.items()]
    changes = ['--cfg-options', *changes] if changes else []
    train = ['mim', 'train', 'mmcls', CONFIG, '--seed', str(seed), *place]
    test = ['mim', 'test', 'mmcls', CONFIG, '--checkpoint', str(folder / 'latest.pth')]
    test += ['--metrics', *METRICS, '--out', str(results)]
    run_command([*train, *changes], env, only_progress=True)
    run_command([*test, *changes], env, only_progress=True)
    found = mmcv.load(str(results))
    ann_file = options.get('data.test.ann_file', config.data.test.ann_file)
    return Run(
        folder,
        {name: found[name] for name in METRICS},
        read_predictions(results, ann_file),
    )


def draw_run(run: Run, config: mmcv.Config) -> Path:
    """Draw ``overview.png`` beside the checkpoint of a run with the true labels."""
    classes = config.model.head.texts
    data = config.data.test
    patches = choose_patches(data.ann_file, data.data_prefix, len(classes))
    return draw_overview(
        run.predictions, classes, patches, run.work_dir / 'overview.png'
    )
