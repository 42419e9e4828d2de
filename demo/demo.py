"""The demo: synthetic slides, then the commands of a user, end to end."""

from pathlib import Path
from typing import Any, NamedTuple, Optional

from cite.apis.config_file import read_config
from cite.apis.shell import run_command
from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.slide_rule import PREFIX

from .controls import colour_accuracy, shuffle_labels
from .data import Size, prepare
from .run import CONFIG, LENGTH, Run, draw_run, train_and_test
from .whole_slide import SlideAnswer, predict_whole_slide

DATA = Path('data/demo')  # where the config looks unless DEMO_DATA is set
VAL = 0.5  # evaluation's share, as in the config's file names


class Demo(NamedTuple):
    """What came out of the demo for one seed."""

    seed: int
    data: Path
    run: Run
    training_slides: int
    colour: float  # slide accuracy of mean colour, percent
    answer: SlideAnswer  # what the model says of a slide file
    shuffled: Optional[Run] = None
    untrained: Optional[Run] = None


def run_demo(
    seed: int = 0,
    data: Path = DATA,
    work_dir: Optional[Path] = None,
    size: Optional[Size] = None,
    controls: bool = False,
    options: Optional[dict[str, Any]] = None,
) -> Demo:
    """Make slides and models, train and test, and predict a slide file.

    The current folder must be the checkout.

    Args:
        seed: seed of the slides, the models' weights and the training.
        data: folder for slides and models; complete ones are kept.
        work_dir: folder for the checkpoint and the rest; the config's by default.
        size: size of data and training; the demo's by default.
        controls: also train on shuffled labels, and test an untrained model.
        options: ``--cfg-options`` of the commands.

    Returns:
        Accuracies, predictions and their folder.

    Raises:
        FileNotFoundError: called in another folder.
        ValueError: ``data`` holds other data, or a command failed.
    """
    if not Path(CONFIG).is_file():
        raise FileNotFoundError(f'{CONFIG}: no such file. Call this in the checkout.')
    size = size or Size()
    env = {} if data == DATA else {'DEMO_DATA': str(data)}
    config = read_config(CONFIG, variables={'DEMO_DATA': str(data)})
    prepare(data, seed, size, config.model.head.texts)
    run_command(['cite', 'ann', '--data-path', str(data), '--val', str(VAL)], env={})
    options = dict(options or {})
    if size.iterations is not None:
        options.update(dict.fromkeys(LENGTH, size.iterations))
    run = train_and_test(config, seed, env, work_dir, options)
    draw_run(run, config)
    files = config.data.train.ann_file, config.data.test.ann_file
    demo = Demo(
        seed,
        data,
        run,
        _count_training_slides(*files),
        colour_accuracy(*files, config.data.test.data_prefix),
        predict_whole_slide(run, data, seed, env, options),
    )
    if not controls:
        return demo
    return demo._replace(
        shuffled=_run_shuffled(demo, config, env, options),
        untrained=_run_untrained(demo, config, env, options),
    )


def _count_training_slides(train: str, test: str) -> int:
    training, unseen = (
        {PREFIX(name) for name, _ in read_annotations(file, 3)}
        for file in (train, test)
    )
    assert not training & unseen, 'a slide is in training and in evaluation'
    return len(training)


def _run_shuffled(demo: Demo, config: Any, env: dict, options: dict) -> Run:
    """Train and test with shuffled labels of the slides."""
    files = {
        side: shuffle_labels(
            config.data[side].ann_file,
            demo.data / 'gastric_cls3_shuffled' / f'{side}.txt',
            seed=2 * demo.seed + number,  # training and evaluation independently
        )
        for number, side in enumerate(('train', 'test'))
    }
    files['val'] = files['test']
    shuffled = {f'data.{side}.ann_file': str(file) for side, file in files.items()}
    folder = demo.run.work_dir / 'controls' / 'shuffled'
    return train_and_test(config, demo.seed, env, folder, {**options, **shuffled})


def _run_untrained(demo: Demo, config: Any, env: dict, options: dict) -> Run:
    """Test the untrained model: one step at rate 0."""
    options = {**options, **dict.fromkeys(LENGTH, 1), 'optimizer.lr': 0}
    folder = demo.run.work_dir / 'controls' / 'untrained'
    return train_and_test(config, demo.seed, env, folder, options)
