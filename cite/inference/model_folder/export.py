"""Write a trained model as a folder that others can use without running code."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.runner import load_checkpoint

from cite.apis.config_file import read_config
from cite.core.files.lock import only_one
from cite.core.files.write_whole import remove_partials, write_whole
from cite.models.image_stats import settle_images

from .content import fill_content, state_of
from .layout import CARD, CONFIG, FEATURES_PREFIX, WEIGHTS
from .model_card import model_card
from .read import read_model
from .training import data_sets, describe_training, summarise_features

WAIT = 'Wait for it, or name another folder.'
PATCHES = 2000  # training patches that the summary of features rests on


def export_model(
    config: Union[str, Path],
    checkpoint: Union[str, Path],
    out: Union[str, Path],
    options: Optional[Mapping[str, Any]] = None,
    patches: int = PATCHES,
    table: Union[str, Path, None] = None,
    results: Union[str, Path, None] = None,
) -> Path:
    """Write a model folder: model.safetensors, config.json and README.md.

    Args:
        config: config of the training run.
        checkpoint: checkpoint of the run; ``none`` for a model without trained weights.
        out: folder to write to.
        options: overrides of the config, as ``--cfg-options``.
        patches: number of training patches to summarise the features of; 0 for none.
        table: table with a slide and a patient column, for the patients' hashes.
        results: JSON of ``mim test`` on ``data.test``, for the metrics of the card.

    Returns:
        ``out``.

    Raises:
        FileNotFoundError: config, checkpoint, annotation file or a patch is missing.
        ValueError: the checkpoint does not fit, or a part of the model or a step of
            its pipeline is not one that a folder can describe; or another run writes
            there.
    """
    out = Path(out)
    if out.is_file():
        raise ValueError(f'{out} is a file. Name a folder.')
    cfg = read_config(config, options)
    network = build_classifier(cfg.model)
    load_checkpoint(network, str(checkpoint), map_location='cpu', strict=True)
    network.eval()
    if results is None:
        _do_without_test_patches(cfg)
    content, data, test_set = _describe(cfg, network, out, patches, table)
    card = model_card(content, test_set, results, str(config))
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out, 'writing a model', WAIT):
        write_folder(out, content, data, card)
        read_model(out)
    return out


def _do_without_test_patches(cfg: Config) -> None:
    """Take the training's annotation file where the test's is not here.

    Classes, scale and pipeline are those of ``data.test``; its patches are not read.
    """
    test, part = cfg.data.test, next(iter(data_sets(cfg.data.train)), {})
    if not isinstance(test, dict) or test.get('feature_file'):
        return
    tested, trained = test.get('ann_file'), part.get('ann_file')
    if not isinstance(tested, str) or not isinstance(trained, str):
        return
    if not Path(tested).expanduser().is_file():
        for key in ('ann_file', 'data_prefix', 'packed', 'slide'):
            test.pop(key, None)
            test.update({key: part[key]} if key in part else {})


def _describe(
    cfg: Config, network: Any, out: Path, patches: int, table: Union[str, Path, None]
) -> tuple[dict[str, Any], bytes, Any]:
    """Return the content of config.json, the file of weights, and the test set."""
    test_set = build_dataset(cfg.data.test, {'test_mode': True})
    settle_images(test_set, network)
    tensors = state_of(network)
    image = _image(test_set, network)
    if patches and image is not None:
        summary = summarise_features(network, cfg, test_set, patches)
        for name, array in summary.tensors().items():
            tensors[FEATURES_PREFIX + name] = torch.from_numpy(
                np.ascontiguousarray(array)
            )
    content, data = fill_content(
        cfg.model,
        network,
        tensors,
        classes=[str(name) for name in test_set.CLASSES],
        image=image,
        patch_pixels=getattr(test_set, 'patch_pixels', 300),
        mpp=getattr(test_set, 'mpp', 0.5),
        training=describe_training(cfg, table),
        file=str(out / CONFIG),
    )
    return content, data, test_set


def write_folder(
    out: Path, content: Mapping[str, Any], data: Optional[bytes], card: str
) -> None:
    """Write the files of a model folder; config.json, which names the others, last.

    None of them is replaced unless all could be written.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + '\n'
    files = {CONFIG: text.encode(), CARD: card.encode()}
    if data is not None:
        files[WEIGHTS] = data
    for name in (CONFIG, CARD, WEIGHTS):
        remove_partials(out, name)
    with ExitStack() as writing:  # the first file comes to its place last
        for name, written in files.items():
            partial = writing.enter_context(write_whole(out / name))
            partial.write_bytes(written)


def _image(dataset: Any, network: Any) -> Optional[dict[str, Any]]:
    """Describe how the test pipeline prepares images; None for features."""
    if type(network.backbone).__name__ == 'FeatureBackbone':
        return None
    step = dataset.pipeline.transforms[0]
    describe = getattr(step, 'describe', None)
    if describe is None:
        raise ValueError(
            f'data.test.pipeline begins with {type(step).__name__}; a model folder '
            'describes PatchGastricPipeline and CLIPPreprocess. Export with one of '
            'them, and the mean, std, size and interpolation of training.'
        )
    return {'step': type(step).__name__, **describe()}
