"""Predict slides, one after another: streamed, resumable, none stops the rest."""

import errno
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from cite.core.files.lock import only_one
from cite.core.files.write_whole import PARTIAL, write_text_whole
from cite.core.messages import first_line
from cite.datasets.tables.slide_rule import SlideRule
from cite.slides import SlideFile, find_slides
from cite.slides.scale_table import ScaleTable

from .manifest import finished, read_manifests
from .outputs.slides_csv import write_slides_csv
from .patch_folder import PatchSlide, patch_slides
from .predict_slide import Load, calibration_of, predict_source
from .report.page import report_page
from .sources import Cut, PatchSource, SlideSource, Source
from .write_slide import SlideFolder, write_slide

# Counts in the identity of an answer: raise it when its numbers change.
_VERSION = 1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Options(NamedTuple):
    """What a user can choose for a run; all of it is part of an answer's identity."""

    stride: float = 1.0
    min_tissue: float = 0.5
    features: bool = False
    viewer: bool = True
    stability: bool = False


class Job(NamedTuple):
    """A slide to predict."""

    name: str
    path: Path
    patches: Optional[PatchSlide] = None
    mpp: Optional[float] = None
    roi: Optional[Path] = None

    def open(self, cut: Cut) -> Source:
        """Return the slide's tiles."""
        if self.patches is not None:
            folder, slide_id, files = self.patches
            return PatchSource(folder, self.name, files, cut, slide_id)
        return SlideSource(self.path, self.name, cut, self.mpp, self.roi)


def find_jobs(
    paths: Sequence[Union[str, Path]],
    mpp: Optional[str] = None,
    roi: Optional[Path] = None,
    slide: str = 'prefix',
) -> list[Job]:
    """List the slides in files and folders.

    Args:
        paths: slide files, folders of them, and folders of patches.
        mpp: a number, or a table with the columns slide,mpp.
        roi: GeoJSON of the slide, or a folder with one ``NAME.geojson`` for each.
        slide: which slide a patch of a folder belongs to, as data sets take it.

    Raises:
        FileNotFoundError: a path is missing or has no slide.
        ValueError: two slides have one id.
    """
    rule = SlideRule(slide)
    jobs, files = [], []
    for path in map(Path, paths):
        patches = patch_slides(path, rule)
        if patches is None:
            files.append(path)
        else:
            jobs += [Job(p.name, p.folder, patches=p) for p in patches]
    scales, slides = ScaleTable(mpp), find_slides(files) if files else []
    if roi is not None and roi.is_file() and len(slides) > 1:
        raise ValueError(
            f'--roi {roi}: one file for {len(slides)} slides. Give a folder with a '
            'GeoJSON named after each slide.'
        )
    for file in slides:
        region = _roi_of(roi, file)
        jobs.append(Job(file.id, file.path, None, scales[file], region))
    _refuse_equal_names(jobs)
    return jobs


def predict_slides(
    predictor: Any,
    jobs: Sequence[Job],
    out: Union[str, Path],
    options: Options = Options(),  # noqa: B008 (a constant)
    load: Load = Load(),  # noqa: B008
    say: Callable[[str], None] = print,
) -> dict[str, str]:
    """Predict slides into a folder; those whose files are all there are left alone.

    Args:
        predictor: the model.
        jobs: the slides.
        out: folder of answers.
        options: how slides are cut, and what is written.
        load: batch size and loading processes.
        say: receives a line for each slide.

    Returns:
        Slides without an answer and the reason, by file.

    Raises:
        ValueError: another run writes into the folder.
        OSError: the folder cannot be written.
    """
    out = Path(out)
    if predictor.pipeline is None:
        raise ValueError(
            f'{predictor.model.folder} takes features, not images. Export it again '
            'with the config of the images.'
        )
    failures: dict[str, str] = {}
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out, 'predicting', 'Wait for it, or name another --out.'):
        for left in out.glob(f'.*{PARTIAL}'):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        for number, job in enumerate(jobs, 1):
            head = f'[{number}/{len(jobs)}] {job.name}'
            try:
                say(f'{head}: {_predict(predictor, job, out, options, load)}')
            except (ValueError, TypeError, OSError) as error:
                failures[str(job.path)] = _reason(job, error)
                say(f'{head}: failed: {failures[str(job.path)]}')
                _stop_if_full(error)
        write_overview(predictor, out, failures)
    return failures


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


def write_overview(predictor: Any, out: Path, failures: Mapping[str, str]) -> None:
    """Write ``slides.csv`` and ``report.html`` from the slides' manifests."""
    classes = list(predictor.classes)
    model = _model_of(predictor)
    manifests = [m for m in read_manifests(out) if m['model'] == model]
    # As in the manifests: a folder's name may say more than it should.
    failures = {Path(file).name: reason for file, reason in failures.items()}
    write_slides_csv(out / 'slides.csv', manifests, failures, classes)
    facts = [
        ('Model', str(predictor.model.folder)),
        ('Digest', model['digest']),
        ('Patches', f'{predictor.model.patch_pixels} px, {predictor.model.mpp} µm'),
        *((f'Text of {name}', text) for name, text in _texts(predictor)),
    ]
    page = report_page(out, manifests, failures, {'classes': classes, 'facts': facts})
    write_text_whole(out / 'report.html', page)


def _predict(predictor: Any, job: Job, out: Path, options: Options, load: Load) -> str:
    """Predict a slide if it is not there, and say what came out."""
    source = open_source(predictor, job, options)
    identity = _identity(source, _model_of(predictor), options)
    manifest = finished(out, job.name, identity)
    if manifest is not None:
        return f'{manifest["answer"]["predicted"]} (there already)'
    start = time.monotonic()
    with SlideFolder(out, job.name) as folder:
        name = f'{job.name}.h5'
        features = folder.place('features', name) if options.features else None
        result = predict_source(predictor, source, load, features, options.stability)
        seconds = time.monotonic() - start
        write_slide(
            folder,
            result,
            source,
            _model_of(predictor),
            identity,
            options.viewer,
            seconds,
        )
    rate = len(result.table.coords) / max(seconds, 1e-9)
    share = result.probabilities.max()
    return f'{result.predicted} {share:.3f}, {len(source)} tiles, {rate:.1f} tiles/s'


def _identity(source: Source, model: Mapping[str, Any], options: Options) -> str:
    """Digest all that a slide's files depend on."""
    facts = source.facts()
    parts = [_VERSION, facts['slide'], facts['grid'], model, options._asdict()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _model_of(predictor: Any) -> dict[str, Any]:
    return {
        'digest': predictor.model.digest,
        'classes': list(predictor.classes),
        'texts': dict(_texts(predictor)),
        'calibrated': calibration_of(predictor) is not None,
    }


def _texts(predictor: Any) -> list[tuple[str, str]]:
    texts = predictor.texts or ()
    return [(name, str(text)) for name, text in zip(predictor.classes, texts)]


def _roi_of(roi: Optional[Path], slide: SlideFile) -> Optional[Path]:
    if roi is None or roi.is_file():
        return roi
    names = [f'{name}.geojson' for name in (slide.path.stem, slide.id)]
    for name in names:
        if (roi / name).is_file():
            return roi / name
    raise FileNotFoundError(
        f'--roi {roi}: no file {" or ".join(dict.fromkeys(names))} there.'
    )


def _refuse_equal_names(jobs: Sequence[Job]) -> None:
    places: dict[str, str] = {}
    for job in jobs:
        place = (
            str(job.path) if job.patches is None else f'{job.path}: {job.patches.id}'
        )
        # File systems of other machines tell no upper from lower case.
        other = places.setdefault(job.name.lower(), place)
        if other != place:
            raise ValueError(
                f'{other} and {place} both have the id {job.name}. Rename one, or '
                'predict them into two folders.'
            )


def _reason(job: Job, error: Exception) -> str:
    """Return why a slide has no answer, without its name, which stands beside it."""
    if not job.path.exists():
        return 'the file is gone.'
    text = first_line(error)
    for name in (f'{job.path}: ', f'{job.path.name}: '):
        if text.startswith(name):
            return text[len(name) :]
    return text


def _stop_if_full(error: Exception) -> None:
    """Go on after a slide's error, but not where none can be written."""
    if isinstance(error, OSError) and error.errno in _FULL:
        raise error
