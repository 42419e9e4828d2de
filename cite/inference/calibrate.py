"""Calibrate a model folder on slides that the model was not trained on."""

from dataclasses import asdict
from pathlib import Path
from typing import Optional, Union

import numpy as np

from cite.core.evaluation.conformal import (
    Calibration,
    conformal_quantile,
    worst_of_groups,
)
from cite.core.evaluation.temperature import fit_temperature, soften
from cite.core.files.lock import only_one
from cite.core.files.text_file import read_utf8

from .held_out_slides import (
    Slides,
    patients_of,
    read_slide_table,
    slides_of_csv,
    slides_of_json,
)
from .model_folder.export import WAIT, write_folder
from .model_folder.exported_model import ExportedModel
from .model_folder.layout import CARD
from .model_folder.model_card import replace_calibration
from .model_folder.read import read_model

ALPHA = 0.1


def calibrate(
    model: Union[str, Path],
    predictions: Union[str, Path],
    ann_file: Union[str, Path, None] = None,
    table: Union[str, Path, None] = None,
    alpha: float = ALPHA,
    uncalibrated: bool = False,
) -> Calibration:
    """Fit a temperature and a conformal quantile, and write them into a model folder.

    Args:
        model: the model folder.
        predictions: slides.csv of ``cite predict`` (with ``table``), or the JSON of
            ``mim test`` (with ``ann_file``).
        ann_file: annotation file that was tested on.
        table: CSV with a column of slide ids, one of classes (names or numbers; not
            needed with ``ann_file``) and perhaps one of patients.
        alpha: share of slides whose set of classes may miss the true one.
        uncalibrated: slides.csv was made before the model was calibrated.

    Returns:
        What was written.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, slides are unknown or were trained on, a class
            is not one of the model's, or another run writes into the folder.
    """
    with only_one(model, 'writing a model', WAIT):
        return _calibrate(model, predictions, ann_file, table, alpha, uncalibrated)


def _calibrate(
    model: Union[str, Path],
    predictions: Union[str, Path],
    ann_file: Union[str, Path, None],
    table: Union[str, Path, None],
    alpha: float,
    uncalibrated: bool,
) -> Calibration:
    folder = read_model(model)
    rows = None if table is None else read_slide_table(Path(table))
    if Path(predictions).suffix == '.json':
        slides = slides_of_json(folder, predictions, ann_file)
    else:
        _check_raw(folder, predictions, uncalibrated)
        slides = slides_of_csv(folder, Path(predictions), rows, table)
    patients = patients_of(slides.names, rows, table)
    calibration = _fit(slides, patients, alpha)
    content = {**folder.config, 'calibration': asdict(calibration)}
    card_file = folder.folder / CARD
    card = read_utf8(card_file) if card_file.is_file() else ''
    card = replace_calibration(card, content['calibration'])
    write_folder(folder.folder, content, None, card)
    return calibration


def _fit(slides: Slides, patients: Optional[np.ndarray], alpha: float) -> Calibration:
    temperature = fit_temperature(slides.scores, slides.labels)
    softened = soften(slides.scores, temperature)
    misfit = 1 - softened[np.arange(len(softened)), slides.labels]  # (B,)
    if patients is not None:
        misfit = worst_of_groups(misfit, patients)
    quantile = conformal_quantile(misfit, alpha)
    unit = 'slide' if patients is None else 'patient'
    return Calibration(
        temperature, alpha, quantile, len(misfit), len(slides.labels), unit
    )


def _check_raw(folder: ExportedModel, predictions: object, uncalibrated: bool) -> None:
    if folder.calibration is not None and not uncalibrated:
        raise ValueError(
            f'{folder.folder} is calibrated already, so that the probabilities in '
            f'{predictions} may be calibrated ones. Say --uncalibrated if they were '
            'made before; or export the model again and predict once more.'
        )
