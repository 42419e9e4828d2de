"""The config that runs on extracted features: another one, with two parts replaced."""

from pathlib import Path
from typing import Any, Optional, Union

from mmcv import Config

from .extract_rows import is_first_rank

_HEADER = """\
# Written by tools/extract_features.py: {config} on features
# extracted once. Train and test as ever:
# mim train mmcls {path}
"""


def write_feature_config(
    config: Union[str, Path],
    out: Path,
    splits: dict[str, dict[str, Any]],
    width: int,
    digest: str,
    options: Optional[dict[str, Any]] = None,
) -> Path:
    """Write a config whose backbone and images are replaced by features.

    Args:
        config: the one with the image backbone; it becomes the ``_base_``.
        out: folder to write to.
        splits: the data sets' new arguments.
        width: of the features.
        digest: of the frozen backbone.
        options: overrides of the config, as ``--cfg-options``.

    Returns:
        The config's path, ``out/{config's name}.py``.
    """
    path = out / f'{Path(config).stem}.py'
    cfg = Config.fromfile(str(config))
    cfg.merge_from_dict(options or {})
    override: dict[str, Any] = {
        'model': {
            'backbone': {
                '_delete_': True,
                'type': 'FeatureBackbone',
                'in_features': width,
                'digest': digest,
            }
        },
        'data': splits,
        'work_dir': f'{cfg.get("work_dir", f"work_dirs/{path.stem}")}_features',
    }
    lines = [_HEADER.format(config=config, path=path)]
    lines.append(f'_base_ = {str(Path(config).resolve())!r}\n')
    lines += [f'{key} = {value!r}\n' for key, value in override.items()]
    if is_first_rank():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(''.join(lines), encoding='utf-8')
    return path
