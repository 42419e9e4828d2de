"""The images that a model's backbone was trained on, and data sets that follow them.

A pipeline step with ``mean='model'`` (or ``std``, ``interpolation``, ``size``) takes
its model's. mmcls builds data sets without their model, so that the step stays open
until both are there.
"""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Union

from mmcls.models.builder import BACKBONES
from mmcv.parallel import is_module_wrapper
from torch import nn

from cite.core.image_stats import (
    FROM_MODEL,
    IMAGENET,
    KEYS,
    OPENAI_CLIP,
    ImageStats,
    read_image_stats,
)

# Our steps that normalise, and what with if nothing else is said.
_NORMALISING = {'PatchGastricPipeline': IMAGENET, 'CLIPPreprocess': OPENAI_CLIP}
_INSIDE = ('dataset', 'datasets', 'pipeline', 'transforms')


def settle_images(dataset: Any, model: Union[nn.Module, Mapping[str, Any]]) -> None:
    """Fill in what the pipelines of a data set leave to the model.

    Call it before a loader starts its workers. Where nothing is left to the model,
    nothing happens; a second call with another model sets that model's values.

    Args:
        dataset: data set, mmcls' wrapper of one, a list of them, or a pipeline.
        model: classifier built from a config (mmcv's wrapper of one), the config of a
            classifier, or that of a backbone.

    Raises:
        ValueError: nothing states how the model's images are normalised.
        FileNotFoundError: the file that states it is missing.
    """
    waiting = [part for part in _parts(dataset) if part.from_model]
    if not waiting:
        return
    stats = image_stats(_backbone_config(model))
    if stats.crop_note():
        warnings.warn(stats.crop_note(), stacklevel=2)
    for part in waiting:
        part.settle_images(stats)


def show_images(pipeline: Any, backbone: Mapping[str, Any]) -> None:
    """Rewrite a pipeline's config for mmcls' notebooks and its Grad-CAM tool, in place.

    What it leaves to the model is filled in, and nothing is augmented. The image is
    normalised by mmcls' own step, after one that shows it: ``vis_cam`` paints on the
    image that comes before ``Normalize``.

    Args:
        pipeline: list of steps, configs.
        backbone: config of the backbone.

    Raises:
        ValueError: nothing states how the backbone's images are normalised.
        FileNotFoundError: the file that states it is missing.
    """
    for place, step in enumerate(pipeline or ()):
        if step.get('type') not in _NORMALISING or step.get('backend') == 'array':
            continue
        stats = image_stats(backbone) if FROM_MODEL in map(str, step.values()) else None
        for key in KEYS:
            if stats is not None and step.get(key) == FROM_MODEL:
                step[key] = getattr(stats, key)
        step['backend'] = 'array'
        step.pop('augment_on', None)  # nothing is augmented
        if step['type'] == 'PatchGastricPipeline' and not step.get('released'):
            step['test_mode'] = True  # a data set says so, but there is none here
        usual = _NORMALISING[step['type']]
        scale = [
            [255 * x for x in step.get(key) or getattr(usual, key)]
            for key in ('mean', 'std')
        ]
        pipeline[place + 1 : place + 1] = [
            {'type': 'Normalize', 'mean': scale[0], 'std': scale[1], 'to_rgb': True},
            {'type': 'ImageToTensor', 'keys': ['img']},
        ]
        return


def image_stats(backbone: Mapping[str, Any]) -> ImageStats:
    """Return how the images of a backbone are normalised, sized and resized.

    The first of these that states it: ``image_stats`` in the config; the converted
    checkpoint; the ``image_stats`` of the backbone's class, from the model's name.
    mmcls' own backbones have none: with a warning they get ImageNet's.

    Args:
        backbone: config of a registered backbone. Its weights are not loaded.

    Raises:
        ValueError: nothing states it.
        FileNotFoundError: the file that states it is missing.
    """
    if backbone.get('image_stats'):
        return ImageStats.of(backbone['image_stats'])
    init_cfg = backbone.get('init_cfg') or {}
    for path in (backbone.get('checkpoint'), init_cfg.get('checkpoint')):
        stated = read_image_stats(path)
        if stated:
            return stated
    kind = backbone['type']
    backbone_class = BACKBONES.get(kind) if isinstance(kind, str) else kind
    if not hasattr(backbone_class, 'image_stats'):
        warnings.warn(
            f'a {kind} does not say how its images are normalised, so they get '
            "ImageNet's mean and std, which fit the weights of MoCo v3 and DINO. For "
            'others give the data pipeline the mean and std of their training.',
            stacklevel=2,
        )
        return IMAGENET
    return backbone_class.image_stats(backbone)


def _parts(node: Any) -> Iterator[Any]:
    """Yield the data sets and pipeline steps that can be settled."""
    if hasattr(node, 'settle_images'):
        yield node
    elif isinstance(node, (list, tuple)):
        for member in node:
            yield from _parts(member)
    else:
        for name in _INSIDE:
            yield from _parts(getattr(node, name, ()))


def _backbone_config(model: Union[nn.Module, Mapping[str, Any]]) -> Mapping[str, Any]:
    if isinstance(model, Mapping):
        name, config = 'the config', model.get('backbone', model)
    else:
        classifier: Any = model.module if is_module_wrapper(model) else model
        name = f'a {type(model).__name__}'
        config = getattr(classifier, 'backbone_config', None)
    if not config or 'type' not in config:
        raise ValueError(
            "a pipeline has mean='model' (or std, interpolation, size), but "
            f'{name} does not say which backbone it has. Build the model '
            "from a config with type='CITEClassifier' or 'ImageClassifier', or give "
            'settle_images that config (cfg.model).'
        )
    return config
