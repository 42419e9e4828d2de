"""Compare the head's texts and text encoder with the classes and the neck."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import clip.clip
from mmcls.models.builder import MODELS

from cite.core.files.open_clip_files import read_tokenizer, read_tower
from cite.models.heads.text_source import check_texts, descriptions
from cite.models.hub import find_folder, how_to_get, missing_file, weight_files
from cite.models.text_encoders import (
    BaseTextEncoder,
    CLIPTextEncoder,
    OpenCLIPTextEncoder,
    TransformersTextEncoder,
)
from cite.models.text_encoders.transformers_text_encoder import load_text_features

from .report import Report
from .weights import check_file

_KEY = 'model.head.text_encoder'


def check_texts_and_encoder(
    model: Mapping[str, Any], classes: Optional[Sequence[str]], report: Report
) -> None:
    """Compare the texts with the classes of training, and the encoder with the neck."""
    head = model.get('head') or {}
    number = rows = head.get('num_classes')
    if 'texts' in head:
        try:
            texts = check_texts(head['texts'])
            number, rows = len(texts), sum(len(descriptions(t)) for t in texts)
        except (ValueError, FileNotFoundError) as error:
            report.error('texts', 'model.head.texts', str(error))
            return
    if classes is not None and number not in (None, len(classes)):
        report.error(
            'texts and classes',
            'model.head',
            f'the head has {number} classes (texts or num_classes), the data set '
            f'{len(classes)}: {list(classes)}. Give one text per class, in the order '
            'of the labels.',
        )
    encoder = head.get('text_encoder')
    if isinstance(encoder, Mapping):
        width = _check_encoder(encoder, rows, report)
        out = (model.get('neck') or {}).get('out_features')
        if isinstance(out, int) and width is not None and out != width:
            report.error(
                'neck and text width',
                'model.neck.out_features',
                f'{out}, but the text embeddings are {width} wide. Set '
                f'model.neck.out_features={width}.',
            )


def _check_encoder(
    encoder: Mapping[str, Any], number: Optional[int], report: Report
) -> Optional[int]:
    """Check that the encoder is available; return the width of its embeddings."""
    file = encoder.get('text_feature_file')
    if file is not None:
        return _check_feature_file(str(file), number, report)
    kind = MODELS.get(str(encoder.get('type')))
    if kind is None or not issubclass(kind, BaseTextEncoder):
        return None
    try:
        built = kind(**{k: v for k, v in encoder.items() if k != 'type'})
    except (TypeError, ValueError) as error:
        report.error('text encoder', _KEY, str(error))
        return None
    if isinstance(built, TransformersTextEncoder):
        return _check_language_model(built.model, built, report)
    if isinstance(built, CLIPTextEncoder) and built.is_transformers():
        return _check_language_model(built.arch, built, report)
    if isinstance(built, OpenCLIPTextEncoder):
        folder = Path(built.model).expanduser()
        with report.errors('text encoder', f'{_KEY}.model'):
            read_tokenizer(folder)
            read_tower(folder)
    elif isinstance(built, CLIPTextEncoder) and built.arch not in clip.clip._MODELS:
        check_file(f'{_KEY}.arch', built.arch, report)
    return None


def _check_language_model(
    name: str, encoder: BaseTextEncoder, report: Report
) -> Optional[int]:
    folder = find_folder(name)
    try:
        missing = 'config.json' if folder is None else missing_file(folder)
    except ValueError as error:
        report.error('text encoder', f'{_KEY}.model', str(error))
        return None
    if folder is None or missing:
        _check_hub(name, folder, str(missing), report)
        return None
    for weights in weight_files(folder):
        check_file(f'{_KEY}.model', str(weights), report)
    try:
        json.loads((folder / 'config.json').read_text(encoding='utf-8')).items()
    except (ValueError, AttributeError, RecursionError) as error:
        where = str(folder / 'config.json')
        report.error('text encoder', where, f'not a JSON object: {error}')
        return None
    return encoder.width()


def _check_feature_file(
    file: str, number: Optional[int], report: Report
) -> Optional[int]:
    where = f'{_KEY}.text_feature_file'
    with report.errors('text encoder', where):
        rows, width = load_text_features(file).shape
        if number is not None and rows != number:
            counts = f'{rows} text embeddings, the head has {number} texts'
            report.error('text encoder', where, f'{file} holds {counts}.')
        return width
    return None


def _check_hub(name: str, folder: Optional[Path], missing: str, report: Report) -> None:
    """Report how to get a model that is not here, unless the hub can be reached."""
    reason = f'{folder} has no {missing}'
    if folder is None or not Path(name).expanduser().is_dir():
        from huggingface_hub import HfApi

        try:
            HfApi().model_info(name, timeout=10)
            report.facts[_KEY] = f'{name} is not here yet; the first run fetches it'
            return
        except Exception as error:  # no network, offline mode, no such model
            reason = f'not on this machine, and not available from the hub ({error})'
    reason = ' '.join(reason.split())[:300]
    report.error(
        'text encoder missing',
        f'{_KEY}.model',
        f'{name}: {reason}. Where there is a network: {how_to_get(name)}.',
    )
