"""A control's class vectors in the place of the texts', in a job's config."""

import math
from typing import Any

import numpy as np
from mmcls.models import build_head
from mmcv import Config

from .class_vectors import (
    contrast,
    control_vectors,
    gram,
    matched_temperature,
    similar_vectors,
)
from .job import JobInputs
from .workspace import Workspace

#: Methods that train on class texts, so that a control can replace these.
OF_TEXTS = (
    *('trained', 'text_probe', 'clap', 'ss_text', 'lp_pp', 'text_mil', 'transclip'),
)
# Keys of a head that do not describe its texts.
_KEPT = (
    *('learnable_t', 'float16', 'loss', 'topk', 'cal_acc'),
    *('in_features', 'prior', 'decay'),
)


def replace_texts(cfg: Config, inputs: JobInputs, workspace: Workspace) -> None:
    """Put a control's class vectors into a job's config, and note what they are like.

    Does nothing for a method with its own texts. The texts' cosines, contrast and
    temperature, and those of the vectors, are recorded in the job's folder.

    Args:
        cfg: the job's config; its head is replaced.
        inputs: inputs of the job; ``method.texts`` names the control, or the method's
            type is ``'similarity'``.
        workspace: where the method works.

    Raises:
        ValueError: the method's head has no texts, or the matrix does not fit.
    """
    method, job = inputs.method, inputs.job
    if not method.texts and method.type != 'similarity':
        return
    if 'texts' not in cfg.model.head:
        raise ValueError(f'{method.config}: its head has no texts to be replaced.')
    head = build_head(cfg.model.head)
    texts = head.encode_texts().double().numpy()  # (K, D)
    temperature = math.log(float(head.scale()))
    seed = (job.seed, job.draw, job.fold)
    if method.type == 'similarity':
        vectors = _similar(inputs, texts.shape[1], seed)
    else:
        vectors = control_vectors(method.texts, texts, seed)
    own = temperature
    if method.texts == 'matched':
        own = matched_temperature(temperature, texts, vectors)
    workspace.record(
        texts=_describe(texts, temperature), vectors=_describe(vectors, own)
    )
    kept = {key: cfg.model.head[key] for key in _KEPT if key in cfg.model.head}
    kind = cfg.model.head.type if 'text_encoder' in cfg.model.head else ''
    cfg.model.head = {
        **kept,
        'type': kind or 'TextEmbeddingHead',
        'texts': [*inputs.classes],
        'temperature': own,
        'text_encoder': {'type': 'FixedVectors', 'vectors': vectors.tolist()},
    }


def _similar(inputs: JobInputs, width: int, seed: tuple[int, ...]) -> np.ndarray:
    matrix = inputs.method.settings['matrix']
    if len(matrix) != len(inputs.classes):
        raise ValueError(
            f'methods.{inputs.method.name}.matrix has {len(matrix)} rows for '
            f'{len(inputs.classes)} classes.'
        )
    return similar_vectors(matrix, width, seed)


def _describe(vectors: np.ndarray, temperature: float) -> dict[str, Any]:
    return {
        'cosines': gram(vectors).round(6).tolist(),
        'contrast': round(contrast(vectors), 6),
        'temperature': round(temperature, 6),
    }
