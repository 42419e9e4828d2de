"""From a slide to its files, unless they are there already."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cite.core.messages import first_line

from .jobs import Job
from .manifest import finished
from .overview import model_facts
from .predict_slide import Load, predict_source
from .slide_result import SlideResult
from .sources import Cut, Source
from .write_slide import SlideFolder, write_slide

# Counts in the identity of an answer: raise it when its numbers change.
_VERSION = 1


class Options(NamedTuple):
    """What a user can choose for a run; all of it is part of an answer's identity."""

    stride: float = 1.0
    min_tissue: float = 0.5
    features: bool = False
    viewer: bool = True
    stability: bool = False


def answer_slide(
    predictor: Any, job: Job, out: Path, options: Options, load: Load
) -> str:
    """Write a slide's files and manifest if they are not there; say what came out.

    Raises:
        ValueError: the slide has no answer.
        OSError: it cannot be read any more, or its files cannot be written.
    """
    source = open_source(predictor, job, options)
    model = model_facts(predictor)
    identity = _identity(source, model, options)
    manifest = finished(out, job.name, identity)
    if manifest is not None:
        return f'{manifest["answer"]["predicted"]} (there already)'
    start = time.monotonic()
    with SlideFolder(out, job.name) as folder:
        name = f'{job.name}.h5'
        features = folder.place('features', name) if options.features else None
        result = predict_source(predictor, source, load, features, options.stability)
        seconds = time.monotonic() - start
        made = {'model': model, 'identity': identity, 'seconds': round(seconds, 2)}
        write_slide(folder, result, source, made, options.viewer)
    return _words(result, seconds)


def open_source(predictor: Any, job: Job, options: Options) -> Source:
    """Open a slide and cut it as the model's training patches were.

    Raises:
        ValueError: it cannot be opened, has no scale, or no tile with enough tissue.
    """
    model = predictor.model
    cut = Cut(model.patch_pixels, model.mpp, options.stride, options.min_tissue)
    source = job.open(cut)
    if not len(source):
        raise ValueError(f'{source.file}: no tile to score: {source.note()}.')
    return source


def reason(job: Job, error: Exception) -> str:
    """Return why a slide has no answer, without its name, which is shown beside it."""
    if not job.path.exists():
        return 'the file is gone.'
    text = first_line(error)
    if not isinstance(error, (ValueError, TypeError, OSError)):
        text = f'{type(error).__name__}: {text}'
    for name in (f'{job.path}: ', f'{job.path.name}: '):
        if text.startswith(name):
            return text[len(name) :]
    return text


def _identity(source: Source, model: Mapping[str, Any], options: Options) -> str:
    """Digest all that a slide's files depend on."""
    facts = source.facts()
    parts = [_VERSION, facts['slide'], facts['grid'], model, options._asdict()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _words(result: SlideResult, seconds: float) -> str:
    tiles = len(result.table.coords)
    missing = f', {len(result.missing)} missing' if result.missing else ''
    return (
        f'{result.predicted} {result.probabilities.max():.3f}, {tiles} tiles{missing}, '
        f'{tiles / max(seconds, 1e-9):.1f} tiles/s'
    )
