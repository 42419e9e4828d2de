"""Features of a frozen backbone, computed once for all runs that need them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Optional, Union

from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config

from cite.apis.config_file import read_config
from cite.core.files.lock import only_one
from cite.core.frozen import frozen_digest, frozen_state
from cite.core.messages import shorten
from cite.models.image_stats import settle_images

from .extract_notes import (
    describe,
    drop_damaged,
    write_checksum,
    write_feature_config,
    write_note,
)
from .extract_rows import Extraction, extract_draw, is_first_rank, start_ranks


def extract_features(
    config: Union[str, Path],
    out: Union[str, Path, None] = None,
    num_aug: int = 8,
    splits: Sequence[str] = ('train', 'val', 'test'),
    dtype: str = 'float32',
    seed: int = 0,
    batch_size: int = 128,
    workers: Optional[int] = None,
    force: bool = False,
    options: Optional[dict[str, Any]] = None,
) -> Path:
    """Extract the features that a config's frozen backbone gives for its data sets.

    Under ``torchrun`` the ranks share the work. An interrupted call can be repeated:
    it computes what is missing.

    Args:
        config: path of the config of a zero-shot, linear or neck-only run.
        out: folder to write to; default ``work_dirs/features/{config's name}``.
        num_aug: number of augmented draws of a training patch. In evaluation, a patch
            has a single draw without augmentation.
        splits: names among ``'train'``, ``'val'`` and ``'test'``, as in ``cfg.data``.
        dtype: data type of the files, ``'float32'`` or ``'float16'``.
        seed: seed of the augmentation.
        batch_size: number of images in a forward pass.
        workers: number of processes that load images; default the config's.
        force: whether to replace features of another backbone, pipeline or annotation
            file.
        options: overrides of the config, as with ``--cfg-options``.

    Returns:
        The path of a config that ``mim train`` and ``mim test`` run on the features.

    Raises:
        ValueError: the config trains its backbone, ``out`` has other features, or
            another process is extracting there.
        FileNotFoundError: the config, an annotation file or a patch does not exist.
    """
    cfg = read_config(config, options)
    out = Path(out or Path('work_dirs/features') / Path(config).stem)
    workers = cfg.data.get('workers_per_gpu', 0) if workers is None else workers
    extraction = Extraction(batch_size, workers, dtype, seed, num_aug, force)
    model, digest = _frozen_model(cfg)
    with _one_extraction(out):
        data, width = _extract_splits(
            config, cfg, splits, model, digest, out, extraction
        )
        return write_feature_config(config, out, data, width, digest, options)


def _extract_splits(
    config: Union[str, Path],
    cfg: Config,
    splits: Sequence[str],
    model: Any,
    digest: str,
    out: Path,
    extraction: Extraction,
) -> tuple[dict[str, dict[str, Any]], int]:
    """Extract each split's features; return the data sets' new arguments and width."""
    data = {}
    for split in splits:
        dataset = _dataset(cfg, split, model)
        note = describe(config, dataset, digest, model, extraction)
        data[split], width = _extract_split(model, dataset, out, note, extraction)
    return data, width


def _one_extraction(out: Path) -> AbstractContextManager:
    """Hold the folder on the first rank, so that no other call writes there."""
    if not is_first_rank():
        return nullcontext()
    out.mkdir(parents=True, exist_ok=True)
    return only_one(out, 'extracting features', 'Wait for it, or name another --out.')


def _frozen_model(cfg: Config) -> tuple[Any, str]:
    """Build the model with its pretrained weights; return the backbone's digest too."""
    device = start_ranks()
    model = build_classifier(cfg.model)
    model.init_weights()
    backbone = model.to(device).eval().backbone
    trained = [name for name, p in backbone.named_parameters() if p.requires_grad]
    if trained:
        raise ValueError(
            f'this config trains its backbone ({shorten(trained, 3)}), whose features '
            'change with every step. Take a zero-shot, linear or neck-only config.'
        )
    if not any(True for _ in frozen_state(backbone)):
        raise ValueError(
            f'{type(backbone).__name__} has no weights: this config runs on features '
            'already. Give the config with the image backbone.'
        )
    return model, bytes(frozen_digest(backbone).tolist()).hex()


def _dataset(cfg: Config, split: str, model: Any) -> Any:
    """Build a data set as mmcls does: val and test in test mode."""
    default = {'test_mode': True} if split != 'train' else None
    dataset = build_dataset(cfg.data[split].copy(), default)
    settle_images(dataset, model)
    return dataset


def _extract_split(
    model: Any, dataset: Any, out: Path, note: dict[str, Any], extraction: Extraction
) -> tuple[dict[str, Any], int]:
    """Extract a data set's features; return its new arguments and their width."""
    # val and test of one annotation file share their feature files.
    kind = 'eval' if dataset.test_mode else 'train'
    prefix = out / f'{kind}-{Path(dataset.ann_file).stem}'
    write_note(str(prefix), note, extraction.force)
    if is_first_rank():
        drop_damaged(str(prefix), len(dataset))
    draws = 1 if dataset.test_mode else extraction.num_aug
    for draw in range(1, draws + 1):
        path = f'{prefix}_{draw}.npy'
        width = extract_draw(model, dataset, path, draw, extraction)
        if is_first_rank():
            write_checksum(Path(path), str(prefix))
    data = {
        'feature_file': str(prefix.resolve()),
        'num_aug': draws,
        'feature_digest': note['backbone']['digest'],
        'ann_file': str(Path(dataset.ann_file).resolve()),
    }
    return data, width
