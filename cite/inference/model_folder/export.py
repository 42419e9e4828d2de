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
from safetensors.torch import save
from torch import Tensor

from cite.apis.config_file import read_config
from cite.core.files.lock import only_one
from cite.core.files.write_whole import remove_partials, write_whole
from cite.core.frozen import DIGEST_KEY
from cite.models.image_stats import settle_images
from cite.version import __version__

from .layout import CARD, CONFIG, FEATURES_PREFIX, FORMAT, VERSION, WEIGHTS
from .model_card import model_card
from .parts import weights_source
from .read import check_config, data_digest, read_model
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


def fill_content(
    config: Mapping[str, Any],
    network: Any,
    tensors: Mapping[str, Tensor],
    file: str,
    **about: Any,
) -> tuple[dict[str, Any], bytes]:
    """Return the content of config.json, checked, and the file of weights.

    Args:
        config: of the model.
        network: what was built of it.
        tensors: what the file of weights holds.
        file: path of config.json, for messages.
        **about: ``classes``, ``image``, ``patch_pixels``, ``mpp`` and ``training``.
    """
    data = save(dict(tensors))
    content = {
        'format': FORMAT,
        'version': VERSION,
        'cite': __version__,
        'weights': {'file': WEIGHTS, 'sha256': data_digest(data), 'bytes': len(data)},
        'model': _model(config, network),
        'backbone_weights': _backbone_weights(network, tensors),
        'texts': getattr(network.head, 'texts', None),
        **about,
        'calibration': None,
    }
    content = _plain(content, file)
    check_config(content, file)
    return content, data


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


def state_of(network: Any) -> dict[str, Tensor]:
    """Return what a checkpoint of a run holds, contiguous and on the CPU."""
    if hasattr(network.head, 'encode_texts'):
        network.head.encode_texts()  # a zero-shot model may not have done it yet
    return {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in network.state_dict().items()
    }


def _backbone_weights(network: Any, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    digest = tensors.get(DIGEST_KEY)
    is_features = type(network.backbone).__name__ == 'FeatureBackbone'
    return {
        'source': weights_source(network.backbone_config),
        'digest': None if digest is None else bytes(digest.tolist()).hex(),
        'in_folder': digest is None and not is_features,
        'features': is_features,
    }


def _model(config: Mapping[str, Any], network: Any) -> dict[str, Any]:
    """Describe the parts of a model without what only training needs."""
    head = {k: v for k, v in config['head'].items() if k != 'texts'}
    encoder = head.get('text_encoder')
    if isinstance(encoder, Mapping):
        # A folder's reader runs no code; only a config of one's own may allow it.
        head['text_encoder'] = {
            k: v for k, v in encoder.items() if k != 'trust_remote_code'
        }
    backbone = dict(network.backbone_config)
    if isinstance(config.get('pretrained'), str):  # mmcls' other way to say it
        backbone['init_cfg'] = {
            'type': 'Pretrained',
            'checkpoint': config['pretrained'],
        }
    neck = config.get('neck')
    if isinstance(neck, Mapping) and neck.get('type') == 'ProjectionNeck':
        neck = {**neck, 'out_features': network.neck.out_features}
    return {
        'type': config['type'],
        'precision': getattr(network, 'precision', 'fp32'),
        'freeze': list(config.get('freeze') or []),
        'backbone': backbone,
        'neck': neck,
        'head': head,
    }


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


def _plain(value: Any, at: str) -> Any:
    """Return plain JSON data, or say which entry is something else."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v, f'{at}: {k}') for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part, at) for part in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise ValueError(
        f'{at} is a {type(value).__name__}, which a config.json cannot hold: a model '
        'folder describes the parts of cite and mmcls with plain arguments.'
    )
