"""Real configs on a CPU in a second: models and data replaced by small random ones.

``shrink(cfg, folder)`` replaces, wherever they stand in a config,

- ``arch='ViT-B/16'`` and other CLIP names or files: a CLIP of the same image and text
  widths, with few blocks;
- ``type='TIMMImageBackbone'``: the same architecture with few blocks where it is a
  plain transformer, and a checkpoint of random weights in place of ``checkpoint``;
- ``type='BERT'``: a BERT as wide as the named one;
- mmcls' vision transformers: few blocks, no ``init_cfg``;
- every data set: two slides a class with two patches each, or two feature draws;

and shortens the run to one iteration. Everything else, the recipe and the widths that
have to fit each other above all, stays as the config says. For a new kind of part add a
function to ``SHRINK``; for a new model a line to the table of its kind.
"""

from pathlib import Path
from typing import Any, Callable

import clip.clip
import numpy as np
import timm
import torch
from mmcls.datasets.builder import DATASETS
from mmcls.models.backbones import VisionTransformer
from mmcv import Config
from PIL import Image
from safetensors.torch import save_file

from cite.models.tiny import tiny_bert, tiny_clip

# Facts of the published models: width of the image tower, width shared with text.
CLIP_WIDTHS = {
    'ViT-B/32': (768, 512),
    'ViT-B/16': (768, 512),
    'ViT-L/14': (1024, 768),
    'ViT-L/14@336px': (1024, 768),
}
# Width of the embeddings, by the last part of the hub name.
TEXT_WIDTHS = {
    'BioLinkBERT-large': 1024,
    'BioLinkBERT-base': 768,
    'all-MiniLM-L6-v2': 384,
}
# Architecture, in timm's names, of models that timm would read from a hub.
HUB_ARCHITECTURES: dict[str, str] = {}


def shrink(cfg: Config, folder: Path) -> Config:
    """Replace models and data of a config in place; files go to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    _walk(cfg._cfg_dict, cfg, folder)
    cfg.data.samples_per_gpu = 3
    cfg.data.workers_per_gpu = 0
    cfg.data.persistent_workers = False
    cfg.runner.max_iters = 1
    cfg.evaluation.interval = 1
    cfg.checkpoint_config.interval = 1
    cfg.log_config.interval = 1
    cfg.work_dir = str(folder / 'run')
    return cfg


def _walk(node: Any, cfg: Config, folder: Path) -> None:
    if isinstance(node, (list, tuple)):
        for item in node:
            _walk(item, cfg, folder)
    if not isinstance(node, dict):
        return
    if 'type' in node:
        replace = SHRINK.get(node['type'], _any_part)
        if node['type'] in DATASETS:
            replace = _data_set
        replace(node, cfg, folder)
    for item in node.values():
        _walk(item, cfg, folder)


def _any_part(part: dict, cfg: Config, folder: Path) -> None:
    """Replace the name or file of a CLIP; no other part is touched."""
    arch = part.get('arch')
    if isinstance(arch, str) and (arch in clip.clip._MODELS or arch.endswith('.pt')):
        part['arch'] = _clip(arch, cfg, folder)


def _clip(arch: str, cfg: Config, folder: Path) -> str:
    width, embed_dim = CLIP_WIDTHS.get(arch) or (128, cfg.model.neck.in_features)
    path = folder / f'{arch.replace("/", "-")}'
    layers = _blocks(cfg)
    return str(tiny_clip(path.with_suffix('.pt'), 0, embed_dim, width, layers))


def _blocks(cfg: Config) -> int:
    """Return how many blocks the prompts need."""
    return 1 + max(cfg.model.backbone.get('prompt_layers') or [0])


def _timm(part: dict, cfg: Config, folder: Path) -> None:
    name = part['model_name']
    if ':' in name:
        assert name in HUB_ARCHITECTURES, f'add {name} to HUB_ARCHITECTURES'
        part['model_name'] = name = HUB_ARCHITECTURES[name]
    own = {
        k: v
        for k, v in part.items()
        if not k.startswith('prompt_')
        and k
        not in ('type', 'model_name', 'checkpoint', 'pretrained', 'fix', 'init_cfg')
    }
    few = _few_blocks(name, own, _blocks(cfg))
    part.update(few)
    own.update(few)
    if part.pop('pretrained', False) or part.get('checkpoint'):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = timm.create_model(name, num_classes=0, **own)
        part['checkpoint'] = str(folder / f'{name}.safetensors')
        save_file(
            {k: v.half() for k, v in model.state_dict().items()}, part['checkpoint']
        )


def _few_blocks(name: str, own: dict, blocks: int) -> dict:
    """Return the options that make a timm model shallow; it knows which it takes."""
    four = (1, 1, 1, 1)
    for few in ({'depth': blocks}, {'stages': four}, {'depths': four}):
        try:
            timm.create_model(name, num_classes=0, **{**own, **few})
        except TypeError:
            continue
        return few
    return {}


def _mmcls_vit(part: dict, cfg: Config, folder: Path) -> None:
    part.pop('init_cfg', None)
    arch = part.get('arch', 'base')
    if isinstance(arch, str):
        arch = VisionTransformer.arch_zoo[arch.lower()]
    part['arch'] = {**arch, 'num_layers': _blocks(cfg)}


def _bert(part: dict, cfg: Config, folder: Path) -> None:
    if part.get('text_feature_file') is not None:
        texts = len(cfg.model.head.texts)
        part['text_feature_file'] = str(folder / 'texts.npy')
        features = np.random.default_rng(0).normal(size=(texts, _text_width('', cfg)))
        np.save(part['text_feature_file'], features.astype(np.float32))
        return
    name = part.get('model', 'michiyasunaga/BioLinkBERT-large')
    hidden = _text_width(name, cfg)
    part['model'] = str(tiny_bert(folder / 'bert', hidden=hidden, layers=1))


def _text_width(name: str, cfg: Config) -> int:
    width = TEXT_WIDTHS.get(Path(name).name)
    return width or cfg.model.neck.out_features


def _data_set(part: dict, cfg: Config, folder: Path) -> None:
    """Write random patches, or features, of two slides for each class."""
    data = folder / 'data'
    names = write_patches(data, _number_of_classes(cfg))
    part['data_prefix'] = str(data)
    part['ann_file'] = str(data / 'ann.txt')
    if part.get('feature_file') is not None:
        part['feature_file'] = str(data / 'features')
        width = cfg.model.get('neck', cfg.model.head).get('in_features')
        width = width or cfg.model.head.in_channels
        for i in range(1, part['num_aug'] + 1):
            rng = np.random.default_rng(i)
            features = rng.normal(size=(len(names), width)).astype(np.float32)
            np.save(data / f'features_{i}.npy', features)


def write_patches(
    folder: Path, classes: int, slides: int = 2, patches: int = 2
) -> list:
    """Write random patches and ``ann.txt``; returns the names."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    lines = []
    for label in range(classes):
        for i in range(slides * patches):
            name = f'c{label}s{i // patches}_{i % patches}.jpg'
            pixels = rng.integers(0, 255, (30, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name)
            lines.append(f'{name} {label}')
    (folder / 'ann.txt').write_text('\n'.join(lines) + '\n')
    return lines


def _number_of_classes(cfg: Config) -> int:
    head = cfg.model.head
    return len(head.texts) if 'texts' in head else head.num_classes


SHRINK: dict[str, Callable[[dict, Config, Path], None]] = {
    'BERT': _bert,
    'TIMMImageBackbone': _timm,
    'PromptedVisionTransformer': _mmcls_vit,
    'VisionTransformerFrozen': _mmcls_vit,
    'VisionTransformer': _mmcls_vit,
}
