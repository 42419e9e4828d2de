"""What all slides of a folder of answers have in common: table and report."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cite.core.files.write_whole import write_text_whole
from cite.inference.model_folder.model_card import calibration_words

from .manifest import read_manifests
from .outputs.slides_csv import write_slides_csv
from .predict_slide import calibration_of
from .report.page import report_page


def write_overview(
    predictor: Any,
    out: Path,
    failures: Mapping[str, str],
    failed: Collection[str] = (),
) -> None:
    """Write ``slides.csv`` and ``report.html`` from the slides' manifests.

    Args:
        predictor: the model; answers of others in the folder are left out.
        out: folder of answers.
        failures: slides without an answer and the reason, by file.
        failed: their ids. An answer that they had before is left out, because it may
            be of another file.
    """
    classes = list(predictor.classes)
    model = model_facts(predictor)
    answers = [m for m in read_manifests(out) if m['model'] == model]
    manifests = [answer for answer in answers if answer['id'] not in failed]
    # As in the manifests: a folder's name may say more than it should.
    failures = {Path(file).name: reason for file, reason in failures.items()}
    write_slides_csv(out / 'slides.csv', manifests, failures, classes)
    facts = [
        ('Model', str(predictor.model.folder)),
        ('Digest', model['digest']),
        ('Patches', f'{predictor.model.patch_pixels} px, {predictor.model.mpp} µm'),
        ('Calibration', _calibration_words(predictor)),
        *((f'Text of {name}', text) for name, text in model['texts'].items()),
    ]
    page = report_page(out, manifests, failures, {'classes': classes, 'facts': facts})
    write_text_whole(out / 'report.html', page)


def model_facts(predictor: Any) -> dict[str, Any]:
    """Return what a manifest says of the model."""
    texts = zip(predictor.classes, predictor.texts or ())
    calibration = calibration_of(predictor)
    return {
        'digest': predictor.model.digest,
        'classes': list(predictor.classes),
        'texts': {name: str(text) for name, text in texts},
        'calibrated': calibration is not None,
        'coverage': None if calibration is None else 1 - calibration.alpha,
    }


def _calibration_words(predictor: Any) -> str:
    calibration = calibration_of(predictor)
    return calibration_words(None if calibration is None else asdict(calibration))
