"""Read a model folder: nothing in it runs, and everything is checked."""

import hashlib
import re
from pathlib import Path
from typing import Any, Union

import torch
from torch import Tensor

from cite.core.files.json_file import read_json_object
from cite.core.files.weights import load_weights
from cite.core.image_stats import ImageStats
from cite.models.heads.text_source import check_texts

from .exported_model import ExportedModel
from .layout import CONFIG, FEATURES_PREFIX, FORMAT, REMEDY, RULES, VERSION, WEIGHTS
from .parts import check_model
from .rules import check_rules, check_strings, wrong
from .training_features import TrainingFeatures

_HEX = re.compile(r'[0-9a-f]{64}')
_STEPS = ('PatchGastricPipeline', 'CLIPPreprocess')
_LARGEST = 4096  # pixels: edge of a model's image or of a training patch


def read_model(folder: Union[str, Path]) -> ExportedModel:
    """Read a folder that ``cite export`` wrote.

    Args:
        folder: path of the folder.

    Raises:
        FileNotFoundError: the folder is missing, or it lacks a file.
        ValueError: a file is damaged or holds something else than it must; the message
            names file and place.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f'{folder}: no such model folder. Write one with `cite export CONFIG '
            'CHECKPOINT FOLDER/`.'
        )
    file = folder / CONFIG
    config = read_json_object(file, REMEDY)
    check_config(config, str(file))
    weights = folder / WEIGHTS
    tensors = _read_tensors(weights, config['weights'])
    features = {
        name[len(FEATURES_PREFIX) :]: tensors.pop(name).numpy()
        for name in [*tensors]
        if name.startswith(FEATURES_PREFIX)
    }
    try:
        summary = TrainingFeatures.of_tensors(features) if features else None
    except ValueError as error:
        place = f'{weights}: {FEATURES_PREFIX}*'
        raise ValueError(f'{place}: {error}. {REMEDY}') from error
    digest = data_digest(file.read_bytes() + file_digest(weights).encode())
    return ExportedModel(folder, config, tensors, digest, summary)


def check_config(config: dict[str, Any], file: str) -> None:
    """Check the content of a config.json.

    Raises:
        ValueError: the message names file and key.
    """
    if config.get('format') != FORMAT:
        raise ValueError(
            f'{file} does not describe a model of cite: "format" is not "{FORMAT}". '
            f'{REMEDY}'
        )
    if config.get('version') != VERSION:
        raise ValueError(
            f'{file} has version {str(config.get("version"))[:20]}, this cite reads '
            f'{VERSION}. Update cite, or export the model again.'
        )
    check_rules(config, RULES, file)
    check_model(config['model'], file)
    _check_classes(config, file)
    _check_image(config, file)
    for name in ('slides', 'quickhashes', 'patients'):
        _check_hashes(config['training'][name], file, f'training.{name}')
    weights = config['backbone_weights']
    if weights['digest'] is not None:
        _check_hashes([weights['digest']], file, 'backbone_weights.digest')
    if config['calibration'] is not None:
        _check_calibration(config['calibration'], file)


def _check_classes(config: dict[str, Any], file: str) -> None:
    classes, texts = config['classes'], config['texts']
    check_strings(classes, file, 'classes')
    if not classes:
        raise wrong(file, 'classes', classes, 'a list of names')
    if texts is None:
        return
    try:
        check_texts(texts)
    except ValueError as error:
        raise ValueError(f'{file}: texts: {str(error)[:300]} {REMEDY}') from error
    if len(texts) != len(classes):
        raise wrong(file, 'texts', texts, f'{len(classes)} texts, one for each class')


def _check_image(config: dict[str, Any], file: str) -> None:
    if not 1 <= config['patch_pixels'] <= _LARGEST:
        raise wrong(file, 'patch_pixels', config['patch_pixels'], f'1 to {_LARGEST}')
    if not 0.01 <= config['mpp'] <= 100:
        raise wrong(file, 'mpp', config['mpp'], 'microns per pixel, 0.01 to 100')
    image = config['image']
    if image is None:
        return
    if image['step'] not in _STEPS:
        raise wrong(file, 'image.step', image['step'], ' or '.join(_STEPS))
    if not 1 <= image['size'] <= _LARGEST:
        raise wrong(file, 'image.size', image['size'], f'1 to {_LARGEST} pixels')
    for name in ('mean', 'std'):
        numbers = image[name]
        plain = all(type(x) in (int, float) and 0 <= x <= 1 for x in numbers)
        if len(numbers) != 3 or not plain:
            raise wrong(file, f'image.{name}', numbers, 'three numbers from 0 to 1')
    ImageStats.of({key: image[key] for key in ('mean', 'std')})


def _check_hashes(values: list[Any], file: str, at: str) -> None:
    for i, value in enumerate(values):
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise wrong(file, f'{at}[{i}]', value, 'a SHA-256 in hexadecimal')


def _check_calibration(values: dict[str, Any], file: str) -> None:
    quantile = values['quantile']
    checks = {
        'temperature': 0 < values['temperature'] <= 1000,
        'alpha': 0 < values['alpha'] < 1,
        'quantile': quantile is None or 0 <= quantile <= 1,
        'n': 1 <= values['n'] <= values['slides'],
        'unit': values['unit'] in ('slide', 'patient'),
    }
    for name, is_right in checks.items():
        if not is_right:
            raise wrong(
                file, f'calibration.{name}', values[name], 'what calibrate writes'
            )


def _read_tensors(path: Path, stated: dict[str, Any]) -> dict[str, Tensor]:
    """Read the weights if they are the file that config.json describes."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {REMEDY}')
    if path.stat().st_size != stated['bytes'] or file_digest(path) != stated['sha256']:
        raise ValueError(
            f'{path} is not the file that {CONFIG} describes (its size or SHA-256 '
            f'differs). {REMEDY}'
        )
    tensors = load_weights(path)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f'{path}: {name[:100]} is not finite. {REMEDY}')
    return tensors


def data_digest(data: bytes) -> str:
    """Return the SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    sha = hashlib.sha256()
    with path.open('rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            sha.update(block)
    return sha.hexdigest()
