"""Predict slides here or by an engine: streamed, resumable, none stops the rest."""

import errno
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from tqdm import tqdm

from cite.core.files.lock import only_one
from cite.core.files.write_whole import remove_partials
from cite.engines import Engine, Outcome

from .answer_slide import Options, answer_slide, reason
from .jobs import Job
from .overview import write_overview
from .predict_slide import Load

# Full, over quota, beyond the largest file, read-only: the next slide would fail, too.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class Workers(NamedTuple):
    """Where slides are predicted, if not in this process.

    Args:
        engine: runs them.
        load_model: makes the ``Predictor`` of a worker; picklable.
    """

    engine: Engine
    load_model: Callable[[], Any]


class Answer(NamedTuple):
    """What became of a slide."""

    line: str  # that is said of it
    reason: Optional[str] = None  # why it has no answer
    full: Optional[OSError] = None  # nothing more can be written


def predict_slides(
    predictor: Any,
    jobs: Sequence[Job],
    out: Union[str, Path],
    options: Options = Options(),  # noqa: B008 (a constant)
    load: Load = Load(),  # noqa: B008
    say: Callable[[str], None] = print,
    workers: Optional[Workers] = None,
) -> dict[str, str]:
    """Predict slides into a folder; those whose files are all there are left alone.

    Args:
        predictor: the model.
        jobs: the slides.
        out: folder of answers.
        options: how slides are cut, and what is written.
        load: batch size and loading processes.
        say: receives a line for each slide.
        workers: predict several slides at once; the files are the same.

    Returns:
        Slides without an answer and the reason, by file, in the order of ``jobs``.

    Raises:
        ValueError: another run writes into the folder.
        OSError: the folder cannot be written.
    """
    out = Path(out)
    _require_images(predictor)
    work = partial(_answer, out=out, options=options, load=load)
    failures: dict[str, str] = {}
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out, 'predicting', 'Wait for it, or name another --out.'):
        remove_partials(out, depth=1)
        outcomes = _outcomes(predictor, jobs, work, workers)
        for number, (job, answer, died) in enumerate(outcomes, 1):
            line, why, full = answer or Answer(f'failed: {died}', died)
            with tqdm.external_write_mode():
                say(f'[{number}/{len(jobs)}] {job.name}: {line}')
            if full is not None:
                raise full
            if why is not None:
                failures[str(job.file)] = why
        remove_partials(out, depth=1)
        failed = [job for job in jobs if str(job.file) in failures]
        failures = {str(job.file): failures[str(job.file)] for job in failed}
        write_overview(predictor, out, failures, {job.name for job in failed})
    return failures


def predict_by_engine(
    engine: Engine,
    load_model: Callable[..., Any],
    jobs: Sequence[Job],
    out: Union[str, Path],
    options: Options,
    load: Load,
) -> dict[str, str]:
    """Predict by workers that load the model themselves; see :func:`predict_slides`."""
    predictor = load_model(device='cpu')  # it scores nothing: GPUs are the workers'
    workers = Workers(engine, load_model)
    return predict_slides(predictor, jobs, out, options, load, workers=workers)


def _require_images(predictor: Any) -> None:
    if predictor.pipeline is None:
        raise ValueError(
            f'{predictor.model.folder} takes features, not images. Export it again '
            'with the config of the images.'
        )


def _outcomes(
    predictor: Any,
    jobs: Sequence[Job],
    work: Callable[[Job, Any], Answer],
    workers: Optional[Workers],
) -> Iterator[Outcome]:
    """Yield the outcome of each job as soon as it is there."""
    if workers is None:
        yield from (Outcome(job, work(job, predictor)) for job in jobs)
        return
    start = partial(_load_model, workers.load_model)
    with tqdm(total=len(jobs), unit='slide', disable=None) as bar:
        for outcome in workers.engine.run(jobs, work, start):
            yield outcome
            bar.update()


def _load_model(load_model: Callable[[], Any]) -> Any:
    import cite

    cite.register()
    return load_model()


def _answer(
    job: Job, predictor: Any, out: Path, options: Options, load: Load
) -> Answer:
    """Predict a slide; any error in it is that slide's alone."""
    try:
        return Answer(answer_slide(predictor, job, out, options, load))
    except Exception as error:
        if not isinstance(error, (ValueError, TypeError, OSError)):
            traceback.print_exc()  # not a user's mistake: name the part that failed
        why = reason(job, error)
        full = None
        if isinstance(error, OSError) and error.errno in _FULL:
            full = error
        return Answer(f'failed: {why}', why, full)
