"""The text of a new project's config: what a person would write."""

from collections.abc import Mapping, Sequence
from typing import Any

from .data_folder import DataFolder
from .models import Backbone

# A short run: the recipe of configs/glas, which a CPU can do.
_SHORT = """\
runner = dict(max_iters=100)
lr_config = dict(warmup_iters=10)
checkpoint_config = dict(interval=50)
evaluation = dict(interval=100)
"""


def config_text(
    name: str,
    data: DataFolder,
    backbone: Backbone,
    text: tuple[str, Mapping[str, Any]],
    rest: str,
    short: bool = False,
) -> str:
    """Write the config of a run of CITE on a folder of patches.

    Args:
        name: the config's file name without its ending.
        data: the folder of the patches.
        backbone: the image model.
        text: the language model's name, and the head's ``text_encoder``.
        rest: the share of training slides, as the annotation files are named.
        short: a run of 100 iterations of 16 patches.
    """
    val = f'{round(1 - float(rest), 2)}'
    common = {'data_prefix': f'{data.path}/patches_captions/'}
    if data.slide != 'prefix':
        common['slide'] = data.slide
    scale = ''
    if data.tiles:
        scale = f'\n    patch_pixels={data.tiles.patch_pixels}, mpp={data.tiles.patch_mpp},'
    load = '\n    samples_per_gpu=16, workers_per_gpu=2,' if short else ''
    return f"""\
# CITE with {backbone.name} and the language model {text[0]}.
# cite train {name}.py --seed 0
# SHOTS=4 cite train … takes 4 slides a class: 1, 2, 4, 8, 16 or all (default).
import os

from cite.apis.shipped_configs import shipped_configs

_base_ = f'{{shipped_configs()}}/{backbone.base}'
here, n = {FOLDER}, os.environ.get('SHOTS', 'all')
common = dict(
    {_arguments(common)},{scale}
    classes=f'{{here}}/classes.yml')
data = dict({load}
    train=dict(ann_file=f'{{here}}/ann/train_{{n}}_{rest}.txt', **common),
    val=dict(ann_file=f'{{here}}/ann/val_{val}.txt', **common),
    test=dict(ann_file=f'{{here}}/ann/val_{val}.txt', **common))
# The texts of the classes, in the order of classes.yml: say more here if you can.
TEXTS = {_listed(list(data.classes))}
model = {_model(backbone, text[1])}
{_SHORT if short else ''}work_dir = f'{{here}}/work_dirs/{name}_p{{n}}'
"""


FOLDER = "'{{ fileDirname }}'"  # mmcv writes the config's folder in its place


def _model(backbone: Backbone, encoder: Mapping[str, Any]) -> str:
    """Write ``model``: as wide as the texts, with what the base does not have."""
    parts = {**backbone.model}
    parts['neck'] = {**parts.get('neck', {}), 'out_features': None}
    lines = [f'    {key}=dict({_arguments(parts[key])}),' for key in parts]
    head = ['texts=TEXTS']
    head.append(f'text_encoder=dict(_delete_=True, {_arguments(encoder)})')
    lines.append(f'    head=dict(\n        {head[0]},\n        {head[1]}))')
    return '\n'.join(['dict(', *lines])


def _arguments(values: Mapping[str, Any]) -> str:
    return ', '.join(f'{key}={literal(value)}' for key, value in values.items())


def literal(value: Any) -> str:
    """Write a value as Python; ``{here}`` in a text is the config's folder."""
    if isinstance(value, str) and value.startswith('{here}'):
        return f'f{value!r}'
    return repr(value)


def _listed(values: Sequence[str]) -> str:
    return '\n'.join(['[', *(f'    {value!r},' for value in values), ']'])
