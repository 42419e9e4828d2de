from typing import NamedTuple

import torch
from mmcls.models import build_head
from torch import Tensor
from torch.nn import functional as F

from cite.models.heads.text_source import check_texts, descriptions

from .controls import replace_texts
from .job import JobInputs, job_config
from .workspace import Workspace


class ClassTexts(NamedTuple):
    """What the head of a method's config knows of the classes."""

    vectors: Tensor  # (K, T), of length one
    scale: float  # factor of the cosine, such as CLIP's 100


def class_texts(
    inputs: JobInputs, workspace: Workspace, description: int = 0
) -> ClassTexts:
    """Embed the texts of a method's config, or what a control puts in their place.

    Args:
        inputs: inputs of the job.
        workspace: where the method works; it gets a note of what a control did.
        description: number of the one description of every class to take, from 1; 0
            takes the mean of the unit vectors of all.

    Raises:
        ValueError: the config's head has no texts, or too few descriptions.
    """
    where = inputs.method.config
    whole = job_config(inputs, workspace.kept.read_method)
    if 'texts' not in ((whole.get('model') or {}).get('head') or {}):
        raise ValueError(
            f'{where or inputs.method.name}: the method {inputs.method.type} needs the '
            'class texts: name a config whose model.head has texts, such as a '
            'zero-shot one.'
        )
    replace_texts(whole, inputs, workspace)
    cfg = whole.model.head
    if description:
        kept = [descriptions(entry) for entry in check_texts(cfg['texts'])]
        fewest = min(map(len, kept))
        if description > fewest:
            raise ValueError(
                f'{where}: description={description}, but a class has only {fewest}.'
            )
        cfg['texts'] = [texts[description - 1] for texts in kept]
    head = build_head(cfg)
    with torch.no_grad():
        vectors = F.normalize(head.encode_texts().float(), dim=1)  # (K, T)
        scale = float(head.scale())
    if len(vectors) != len(inputs.classes):
        raise ValueError(
            f'{where}: model.head.texts has {len(vectors)} entries for '
            f'{len(inputs.classes)} classes.'
        )
    return ClassTexts(vectors, scale)


def check_shared_space(inputs: JobInputs, texts: ClassTexts, width: int) -> None:
    """Refuse texts that are embedded in another width than the images.

    Raises:
        ValueError: they are.
    """
    if width != texts.vectors.shape[1]:
        raise ValueError(
            f'{inputs.method.config}: image features are {width} wide, text embeddings '
            f'{texts.vectors.shape[1]}. The method {inputs.method.type} needs a model '
            'with one space for both, such as a zero-shot CLIP config.'
        )
