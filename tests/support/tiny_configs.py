"""Real configs that run on a CPU in a second, with small random models and data.

``shrink(cfg, folder)`` replaces, anywhere in a config,

- ``arch='ViT-B/16'`` and other CLIP names or files: a CLIP of the same image and text
  widths, with few blocks;
- ``type='TIMMImageBackbone'``: the same architecture and width with few blocks, and a
  checkpoint of random weights in place of ``checkpoint``;
- ``type='InternImage'``: one layer per stage, without a checkpoint;
- ``type='TransformersImageBackbone'``: a folder with one block of the named width;
- ``type='BERT'``, decoders and T5: a model as wide as the named one;
- ``type='OpenCLIPTextEncoder'``: a folder with a small tower;
- mmcls' vision transformers: few blocks, no ``init_cfg``;
- every data set: two slides per class with a patch each, or feature draws;

and shortens the run to one iteration. Everything else stays as in the config, above all
the recipe and the widths that must match. For a new kind of part add a function to
``SHRINK``; for a new model add a line to the table of its kind.
"""

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable

import clip.clip
import numpy as np
import torch
import transformers
from mmcls.datasets.builder import DATASETS
from mmcls.models.backbones import VisionTransformer
from mmcv import Config
from PIL import Image
from safetensors.torch import save_file
from tiny_language_models import (
    save_biomedclip,
    save_conch,
    save_llama,
    save_mi_zero,
    save_pmc_clip,
    save_t5,
)

from cite.core.image_stats import IMAGENET
from cite.models.backbones import timm_models
from cite.models.backbones.intern_image import ARCHS
from cite.models.heads.text_source import check_texts
from demo.models import tiny_bert, tiny_clip

# Facts of the published models: width of the image tower, width shared with text.
CLIP_WIDTHS = {
    'ViT-B/32': (768, 512),
    'ViT-B/16': (768, 512),
    'ViT-L/14': (1024, 768),
    'ViT-L/14@336px': (1024, 768),
}
# ResNets: channels of the stem in place of the tower's width.
CLIP_RESNETS = {'RN50': (64, 1024), 'RN101': (64, 512)}
# Width of the embeddings by the last part of the hub name.
TEXT_WIDTHS = {
    'BioLinkBERT-large': 1024,
    'BioLinkBERT-base': 768,
    'all-MiniLM-L6-v2': 384,
    'BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext': 768,
    'biobert-base-cased-v1.2': 768,
    'bluebert_pubmed_mimic_uncased_L-12_H-768_A-12': 768,
    'Bio_ClinicalBERT': 768,
    'scibert_scivocab_uncased': 768,
    'biogpt': 1024,
    'Llama-2-7b-hf': 4096,
    'PMC_LLaMA_13B': 5120,
    'meditron-7b': 4096,
    'Clinical-T5-Base': 768,
}
# timm's architecture name of models that timm would read from a hub.
HUB_ARCHITECTURES: dict[str, str] = {}
# transformers' architecture name of models that it would read from a hub.
HUB_TYPES = {'owkin/phikon': 'vit', 'owkin/phikon-v2': 'dinov2'}
# Options of timm's models for the depths of four stages, or the number of blocks. Swin
# silently accepts the last one, so the order matters.
DEPTHS = ('depths', 'stages', 'layers', 'depth')
# Keys of a TIMMImageBackbone's config that timm does not know, beside the prompt's.
NOT_TIMM = (
    *('type', 'model_name', 'checkpoint', 'pretrained', 'fix', 'init_cfg'),
    *('lora', 'image_stats'),
)


def shrink(cfg: Config, folder: Path) -> Config:
    """Replace models and data of a config in place, with files in ``folder``."""
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
        part['arch'] = _clip(arch, cfg)


def _clip(arch: str, cfg: Config) -> str:
    if arch in CLIP_RESNETS:
        (width, embed_dim), layers = CLIP_RESNETS[arch], (1, 1, 1, 1)
    else:
        width, embed_dim = CLIP_WIDTHS.get(arch) or (128, _neck_width(cfg))
        layers = _blocks(cfg)
    return _saved(tiny_clip, 'clip.pt', 0, embed_dim, width, layers)


@functools.cache
def _saved(save: Callable[..., Path], name: str, *options: Any, **more: Any) -> str:
    """Save a small model, which many configs share and no test changes; its path."""
    folder = Path(tempfile.mkdtemp(prefix='tiny-'))
    atexit.register(shutil.rmtree, folder)
    return str(save(folder / name, *options, **more))


def _neck_width(cfg: Config) -> int:
    """Return the neck's width, or that of the demo's methods without a neck: 128."""
    neck = cfg.model.get('neck')
    return int(neck.in_features) if neck else 128


def _blocks(cfg: Config) -> int:
    """Return how many blocks the prompts need."""
    return 1 + max(cfg.model.backbone.get('prompt_layers') or [0])


def _timm(part: dict, cfg: Config, folder: Path) -> None:
    name = part['model_name']
    if ':' in name:
        assert name in HUB_ARCHITECTURES, f'add {name} to HUB_ARCHITECTURES'
        part['model_name'] = name = HUB_ARCHITECTURES[name]
    options = {
        k: v
        for k, v in part.items()
        if not k.startswith('prompt_') and k not in NOT_TIMM
    }
    if name == 'hipt_4k':
        part['vit'] = options['vit'] = {'depth': 1}  # ViT of patches within a region
    few, model = _shallow(name, options, _blocks(cfg))
    part.update(few)
    if part.pop('pretrained', False) or part.get('checkpoint'):
        part['checkpoint'] = str(folder / f'{name}.safetensors')
        save_file(
            {k: v.half() for k, v in model.state_dict().items()}, part['checkpoint']
        )


def _shallow(name: str, options: dict, blocks: int) -> tuple[dict, Any]:
    """Return the option that makes a timm model shallow, and the shallow model."""
    for option in DEPTHS:
        few = {option: blocks if option == 'depth' else (1, 1, 1, 1)}
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return few, timm_models.create(name, False, **{**options, **few})
        except TypeError:  # the model does not have this option
            continue
    raise AssertionError(f'{name} has none of {DEPTHS}')


def _intern_image(part: dict, cfg: Config, folder: Path) -> None:
    part.update(checkpoint=None, arch={**ARCHS[part['arch']], 'depths': (1, 1, 1, 1)})


def _transformers(part: dict, cfg: Config, folder: Path) -> None:
    name, width = part['model_name'], cfg.model.neck.in_features
    assert name in HUB_TYPES, f'add {name} to HUB_TYPES'
    config = transformers.AutoConfig.for_model(
        HUB_TYPES[name],
        hidden_size=width,
        intermediate_size=4 * width,
        num_attention_heads=width // 64,
        num_hidden_layers=_blocks(cfg),
        image_size=224,
        patch_size=16,
    )
    model_folder = folder / 'vision'
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(config)
    model.save_pretrained(str(model_folder))
    stats = {'image_mean': IMAGENET.mean, 'image_std': IMAGENET.std}
    (model_folder / 'preprocessor_config.json').write_text(json.dumps(stats))
    part['model_name'] = str(model_folder)


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
    part['model'] = _saved(tiny_bert, 'bert', hidden=hidden, layers=1)


def _decoder(part: dict, cfg: Config, folder: Path) -> None:
    width = _text_width(part['model'], cfg)
    part['model'] = _saved(save_llama, 'llama', width)


def _t5(part: dict, cfg: Config, folder: Path) -> None:
    part['model'] = _saved(save_t5, 't5', _text_width(part['model'], cfg))


def _open_clip(part: dict, cfg: Config, folder: Path) -> None:
    save = {
        'BiomedCLIP': save_biomedclip,
        'CONCH': save_conch,
        'MI-Zero': save_mi_zero,
        'PMC-CLIP': save_pmc_clip,
    }
    part['model'] = _saved(save[Path(part['model']).name], 'open_clip')


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
    folder: Path, classes: int, slides: int = 2, patches: int = 1
) -> list:
    """Write random patches and ``ann.txt``, and return its lines."""
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
    return len(check_texts(head.texts)) if 'texts' in head else head.num_classes


SHRINK: dict[str, Callable[[dict, Config, Path], None]] = {
    'BERT': _bert,
    'DecoderTextEncoder': _decoder,
    'OpenCLIPTextEncoder': _open_clip,
    'T5Encoder': _t5,
    'InternImage': _intern_image,
    'TIMMImageBackbone': _timm,
    'TransformersImageBackbone': _transformers,
    'PromptedVisionTransformer': _mmcls_vit,
    'VisionTransformerFrozen': _mmcls_vit,
    'VisionTransformer': _mmcls_vit,
}
