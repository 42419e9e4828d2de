"""Files from elsewhere that jobs need, checked before anything runs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cite.compare.methods.external import read_predictions
from cite.compare.methods.feature_file import find_rows
from cite.compare.methods.job import Job, JobInputs, Method
from cite.compare.methods.scores import read_lines


def predictions_file(method: Method, job: Job) -> Path:
    """Return the CSV of a job whose predictions were made elsewhere.

    Raises:
        ValueError: the path has another placeholder, or a trained method's none.
        FileNotFoundError: the file is missing.
    """
    template = method.settings['predictions']
    where = f'methods.{method.name}.predictions'
    try:
        path = Path(template.format(**_places(job)))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(
            f'{where} is {template!r}: use {{shots}}, {{draw}}, {{seed}} and {{fold}} '
            'alone.'
        ) from error
    if not path.expanduser().is_file():
        raise FileNotFoundError(
            f'{where}: {path}: no such file, which has the predictions of '
            f'{job.name}. Make it with the other program, or ask for fewer shots, '
            'draws and seeds.'
        )
    return path.expanduser()


def _places(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in ('shots', 'draw', 'seed', 'fold')}


def check_inputs(jobs: Iterable[JobInputs]) -> None:
    """Look for the slides' rows in files of features, and check others' predictions.

    Raises:
        ValueError: a slide has no features, or a line of predictions is faulty.
    """
    checked = set()
    for inputs in jobs:
        classes = inputs.classes
        for file in ('train', 'val') if inputs.features else ():
            path = inputs.files.get(file)
            if path and (path, inputs.features) not in checked:
                checked.add((path, inputs.features))
                lines = read_lines(path, len(classes), inputs.slide)
                find_rows(inputs.features, lines, path)
        if 'predictions' in inputs.files:
            lines = read_lines(inputs.files['val'], len(classes), inputs.slide)
            read_predictions(Path(inputs.files['predictions']), lines, classes)
