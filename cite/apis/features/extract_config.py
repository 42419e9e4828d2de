"""The config that runs on extracted features: another with new data and backbone."""

from pathlib import Path
from typing import Any, Optional, Union

from mmcv import Config

from cite.core.files.write_whole import write_text_whole

from .extract_rows import is_first_rank

_HEADER = """\
# Written by `cite extract`: {config} on features that were
# extracted once. Train and test it like any other config:
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
        config: config with the image backbone; it becomes the ``_base_``.
        out: folder to write to.
        splits: new arguments of the data sets, by split.
        width: width of the features.
        digest: digest of the frozen backbone.
        options: overrides of the config, as with ``--cfg-options``.

    Returns:
        The path of the config, ``out/{config's name}.py``.
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
        write_text_whole(path, ''.join(lines))
    return path
