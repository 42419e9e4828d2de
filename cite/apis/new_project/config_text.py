"""The text of a new project's config: what a person would write."""

from collections.abc import Mapping, Sequence
from typing import Any

from .backbones import Backbone
from .data_folder import DataFolder

_OF_BASE = 'michiyasunaga/BioLinkBERT-large'  # configs/foundation/_base_/cite.py
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
    val: float,
    short: bool = False,
) -> str:
    """Write the config of a run of CITE on a folder of patches.

    Args:
        name: the config's file name without its ending.
        data: the folder of the patches.
        backbone: the image model.
        text: the language model's name, and the head's ``text_encoder``.
        val: the share of evaluation slides.
        short: a run of 100 iterations of 16 patches.
    """
    rest = round(1 - val, 2)  # as `cite ann` names its files
    common = {'data_prefix': f'{data.path}/patches_captions/'}
    if data.slide != 'prefix':
        common['slide'] = data.slide
    scale = {'patch_pixels': data.patch_pixels, 'mpp': data.mpp}
    known = _arguments({key: value for key, value in scale.items() if value})
    notes = '' if all(scale.values()) else _NO_SCALE
    known = f'\n    {known},' if known else ''
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
    {_arguments(common)},{known}{notes}
    classes=f'{{here}}/classes.yml')
data = dict({load}
    train=dict(ann_file=f'{{here}}/ann/train_{{n}}_{rest}.txt', **common),
    val=dict(ann_file=f'{{here}}/ann/val_{val}.txt', **common),
    test=dict(ann_file=f'{{here}}/ann/val_{val}.txt', **common))
# The texts of the classes, in the order of classes.yml: say more here if you can.
TEXTS = {listed(list(data.classes))}
model = {_model(backbone, text[1])}
{_SHORT if short else ''}work_dir = f'{{here}}/work_dirs/{name}_p{{n}}'
"""


_ON_A_LINE = 2
# mmcv writes the config's folder in its place.
FOLDER = '"{{ fileDirname }}"'
# What a tile of `cite predict` shows where the config says nothing.
_NO_SCALE = """
    # A tile of `cite predict` has 300 pixels of 0.5 microns, unless said otherwise:
    # patch_pixels=300, mpp=0.5,"""


def _model(backbone: Backbone, encoder: Mapping[str, Any]) -> str:
    """Write ``model``: as wide as the texts, with what the base does not have."""
    parts = {**backbone.model}
    parts['neck'] = {**parts.get('neck', {}), 'out_features': None}
    lines = [_part(key, parts[key]) for key in parts]
    if encoder.get('model') == _OF_BASE:
        lines.append('    head=dict(texts=TEXTS))')
    else:
        lines += [
            '    head=dict(',
            '        texts=TEXTS,',
            '        text_encoder=dict(',
        ]
        lines.append(f'            _delete_=True, {_arguments(encoder)})))')
    return '\n'.join(['dict(', *lines])


def _part(name: str, values: Mapping[str, Any]) -> str:
    """Write a part on one line, or an argument a line where there are many."""
    if len(values) <= _ON_A_LINE:
        return f'    {name}=dict({_arguments(values)}),'
    lines = [f'        {key}={literal(value)},' for key, value in values.items()]
    return '\n'.join([f'    {name}=dict(', *lines, '    ),'])


def _arguments(values: Mapping[str, Any]) -> str:
    return ', '.join(f'{key}={literal(value)}' for key, value in values.items())


def literal(value: Any) -> str:
    """Write a value as Python; ``{here}`` in a text is the config's folder."""
    if isinstance(value, str) and value.startswith('{here}'):
        return f'f{value!r}'
    return repr(value)


def listed(values: Sequence[str]) -> str:
    return '\n'.join(['[', *(f'    {value!r},' for value in values), ']'])
