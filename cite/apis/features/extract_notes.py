"""The files beside extracted features: notes of their source, and a config."""

import hashlib
import json
from pathlib import Path
from typing import Any, Optional, Union

from mmcls.utils import get_root_logger
from mmcv import Config

from cite.core.files.write_whole import write_text_whole
from cite.datasets.storage.feature_note import note_path, read_note

from .extract_rows import Extraction, is_first_rank
from .pieces import checksum, is_intact

_HEADER = """\
# Written by `cite extract`: {config} on features that were
# extracted once. Train and test it like any other config:
# cite train {path}
"""


def describe(
    config: Union[str, Path],
    dataset: Any,
    digest: str,
    model: Any,
    extraction: Extraction,
) -> dict[str, Any]:
    """Describe what features depend on, and where they are from."""
    pipeline = repr(dataset.pipeline)
    if not dataset.test_mode and dataset.seeding != 'v1':
        pipeline += f' seeding={dataset.seeding}'
    return {
        'config': str(config),
        'backbone': {
            'type': type(model.backbone).__name__,
            'source': getattr(model.backbone, 'weights_source', None),
            'digest': digest,
        },
        'precision': getattr(model, 'precision', 'fp32'),
        'pipeline': {
            'digest': hashlib.sha256(pipeline.encode()).hexdigest(),
            'steps': pipeline,
        },
        'annotation': {
            'file': str(dataset.ann_file),
            'lines': len(dataset),
            'digest': dataset.annotation_digest(),
        },
        'dtype': extraction.dtype,
        'seed': extraction.seed,
    }


def write_note(prefix: str, note: dict[str, Any], force: bool) -> None:
    """Write the note of features, unless existing features have the same one.

    Args:
        prefix: path of the feature files without ``_{i}.npy``.
        note: description of the features to extract.
        force: whether to remove existing features of another origin.

    Raises:
        ValueError: the existing features have another origin, and ``force`` is off.
    """
    path, old = note_path(prefix), read_note(prefix)
    compared = ('backbone', 'precision', 'pipeline', 'annotation', 'dtype', 'seed')
    differing = [] if old is None else [k for k in compared if old.get(k) != note[k]]
    if differing and not force:
        raise ValueError(
            f'{path} says that the features there are of another '
            f'{", ".join(differing)}. Name another --out, or replace them with --force.'
        )
    if is_first_rank() and (differing or old is None):
        for file in path.parent.glob(f'{Path(prefix).name}_*.npy*'):
            reason = f'another {", ".join(differing) or "origin"}'
            get_root_logger().info(f'removing {file}: it has {reason}')
            file.unlink()
        write_text_whole(path, json.dumps(note, indent=1) + '\n')


def drop_damaged(prefix: str, rows: int) -> None:
    """Remove features that are not what was written, so that they are computed again.

    Args:
        prefix: path of the feature files without ``_{i}.npy``.
        rows: number of rows that each has.
    """
    sums = (read_note(prefix) or {}).get('checksums', {})
    for file in Path(prefix).parent.glob(f'{Path(prefix).name}_*.npy'):
        is_whole = file.stem[len(Path(prefix).name) + 1 :].isdigit()  # not a piece
        if is_whole and not is_intact(file, sums.get(file.name), rows):
            get_root_logger().warning(
                f'{file} is not what was written: removing it and computing it again'
            )
            file.unlink()


def write_checksum(path: Path, prefix: str) -> None:
    """Add the checksum of a file of features to their note."""
    note = read_note(prefix) or {}
    sums = note.setdefault('checksums', {})
    if path.name not in sums:
        sums[path.name] = checksum(path)
        write_text_whole(note_path(prefix), json.dumps(note, indent=1) + '\n')


def write_feature_config(
    config: Union[str, Path],
    out: Path,
    splits: dict[str, dict[str, Any]],
    width: int,
    digest: str,
    options: Optional[dict[str, Any]] = None,
) -> Path:
    """Write a config, ``out/{config's name}.py``, with features in place of images.

    Args:
        config: config with the image backbone; it becomes the ``_base_``.
        out: folder to write to.
        splits: new arguments of the data sets, by split.
        width: width of the features.
        digest: digest of the frozen backbone.
        options: overrides of the config, as with ``--cfg-options``.
    """
    path = out / f'{Path(config).stem}.py'
    cfg = Config.fromfile(str(config))
    cfg.merge_from_dict(options or {})
    backbone = {'type': 'FeatureBackbone', 'in_features': width, 'digest': digest}
    override: dict[str, Any] = {
        'model': {'backbone': {'_delete_': True, **backbone}},
        'data': splits,
        'work_dir': f'{cfg.get("work_dir", f"work_dirs/{path.stem}")}_features',
    }
    lines = [_HEADER.format(config=config, path=path)]
    lines.append(f'_base_ = {str(Path(config).resolve())!r}\n')
    lines += [f'{key} = {value!r}\n' for key, value in override.items()]
    if is_first_rank():
        write_text_whole(path, ''.join(lines))
    return path
