"""Small but complete training runs: drawn slides, tiny CLIP and BERT, real parts."""

import hashlib
import json
import os
import random
import sys
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import forked
import numpy as np
import pytest
import torch
from commands import ROOT, run
from mmcls.apis import set_random_seed
from mmcls.datasets import build_dataset
from mmcls.models import NECKS, build_classifier
from mmcv import Config
from mmcv.runner import HOOKS, Hook

import cite  # noqa: F401
from cite.apis.split.split import make_split
from cite.models.necks import ProjectionNeck
from demo.models import tiny_bert, tiny_clip
from demo.slides import make_patch_gastric

PYTHONPATH = os.pathsep.join(
    [
        str(ROOT),
        str(ROOT / 'tests' / 'support'),
        *os.environ.get('PYTHONPATH', '').split(os.pathsep),
    ]
)
SIZE = 32
TEXTS = ['well differentiated', 'moderately differentiated', 'poorly differentiated']


@NECKS.register_module()
class NoisyNeck(ProjectionNeck):
    """Draw from torch, NumPy and Python in training, as dropout and mixup do."""

    def forward(self, x):
        x = super().forward(x)
        if not self.training:
            return x
        noise = 0.01 * (np.random.rand() + random.random())
        return torch.nn.functional.dropout(x, 0.1) * (1 + noise)


class Stopped(Exception):
    """Raised by :class:`StopAt`."""


@HOOKS.register_module()
class StopAt(Hook):
    """End a run after an iteration and its checkpoint, as Ctrl-C may."""

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner):
        if runner.iter + 1 == self.iteration:
            raise Stopped


@HOOKS.register_module()
class NoteImages(Hook):
    """Record each iteration's images: their file names and a digest of their bits."""

    def after_train_iter(self, runner):
        batch = runner.data_batch
        metas = batch['img_metas'].data[0]
        digest = hashlib.sha256(batch['img'].contiguous().numpy().tobytes())
        names = ' '.join(Path(meta['filename']).name for meta in metas)
        with open(Path(runner.work_dir) / 'images.txt', 'a') as file:
            file.write(f'{runner.iter} {digest.hexdigest()} {names}\n')


def make_data(folder: Path, slides: int = 4) -> Path:
    """Write slides, annotation files and models into a new folder."""
    make_patch_gastric(folder, slides=slides, patches=3)
    make_split(folder, val=0.5)
    tiny_clip(
        folder / 'models/clip.pt',
        embed_dim=16,
        width=64,
        layers=2,
        image_size=SIZE,
    )
    tiny_bert(folder / 'models/bert', hidden=24, texts=TEXTS)
    return folder


def config(
    data: Path, work_dir: Path, iters: int = 12, neck: str = 'NoisyNeck'
) -> Config:
    """Return the config of a run that uses every part with a state."""
    augment = {'type': 'PatchGastricPipeline', 'size': SIZE, 'saturation': 0.2}
    collect = {'type': 'Collect', 'keys': ['img', 'gt_label']}
    to_tensor = {'type': 'ToTensor', 'keys': ['gt_label']}
    common = {
        'type': 'PatchGastricCls3',
        'data_prefix': f'{data}/patches_captions/',
    }
    test = {
        'ann_file': f'{data}/gastric_cls3_ann/val_0.5.txt',
        'pipeline': [augment, {**collect, 'keys': ['img']}],
        **common,
    }
    train = {
        'ann_file': f'{data}/gastric_cls3_ann/train_all_0.5.txt',
        'pipeline': [augment, to_tensor, collect],
        'patch_balance': True,
        **common,
    }
    backbone = {
        'type': 'PromptedCLIPImageBackbone',
        'arch': f'{data}/models/clip.pt',
        'prompt_length': 2,
        'prompt_init': 'token',
    }
    neck_cfg = {
        'type': neck,
        'in_features': 16,
        'out_features': 24,
        'init': 'normal_identity',
    }
    head = {
        'type': 'TextEmbeddingHead',
        'texts': TEXTS,
        'temperature': 2.0,
        'learnable_t': True,
        'text_encoder': {'type': 'BERT', 'model': f'{data}/models/bert'},
    }
    return Config(
        {
            'custom_imports': {'imports': ['cite', 'tiny_training']},
            'model': {
                'type': 'CITEClassifier',
                'precision': 'fp32',  # only the summation order may differ
                'backbone': backbone,
                'neck': neck_cfg,
                'head': head,
            },
            'data': {
                'samples_per_gpu': 6,
                'workers_per_gpu': 0,
                'train': train,
                'val': test,
                'test': test,
            },
            'optimizer': {'type': 'SGD', 'lr': 0.02, 'momentum': 0.9},
            'optimizer_config': {'grad_clip': None},
            'lr_config': {
                'policy': 'CosineAnnealing',
                'min_lr': 0.0,
                'by_epoch': False,
                'warmup': 'constant',
                'warmup_by_epoch': False,
                'warmup_iters': 3,
                'warmup_ratio': 0.1,
            },
            'checkpoint_config': {'interval': 1},
            'evaluation': {'by_epoch': False, 'interval': 4, 'metric': 'accuracy'},
            'log_config': {'interval': 1, 'hooks': [{'type': 'TextLoggerHook'}]},
            'runner': {'type': 'IterBasedRunner', 'max_iters': iters},
            'workflow': [('train', 1)],
            'dist_params': {'backend': 'nccl'},
            'log_level': 'INFO',
            'work_dir': str(work_dir),
            'load_from': None,
            'resume_from': None,
        }
    )


def train(cfg: Config, seed=0) -> None:
    """Train as mmcls' tools/train.py does, in this process."""
    cfg = Config(cfg._cfg_dict.to_dict())
    cfg.gpu_ids, cfg.device = [0], 'cpu'
    Path(cfg.work_dir).mkdir(parents=True, exist_ok=True)
    meta = {}
    if seed is not None:
        set_random_seed(seed)
        cfg.seed = meta['seed'] = seed
    model = build_classifier(cfg.model)
    model.init_weights()
    data = build_dataset(cfg.data.train)
    # Looked up now, because a script may have imported mmcls before cite.
    mmcls_train = sys.modules['mmcls.apis'].train_model
    mmcls_train(model, data, cfg, validate=True, device='cpu', meta=meta)


def train_until_stopped(cfg: Config, iteration: int, seed=0) -> None:
    """Train up to an iteration and its checkpoint, then stop without cleaning up."""
    cfg = Config(cfg._cfg_dict.to_dict())
    cfg.custom_hooks = [{'type': 'StopAt', 'iteration': iteration}]
    with suppress(Stopped):
        train(cfg, seed)
    assert (Path(cfg.work_dir) / f'iter_{iteration}.pth').exists()


def state(work_dir: Path, iters: int = 12) -> dict:
    """Return all tensors in a run's checkpoint, including the optimizer's."""
    checkpoint = torch.load(work_dir / f'iter_{iters}.pth', map_location='cpu')
    assert checkpoint['meta']['iter'] == iters - 1
    tensors = dict(checkpoint['state_dict'])
    for i, buffers in checkpoint['optimizer']['state'].items():
        tensors[f'momentum {i}'] = buffers['momentum_buffer']
    for i, group in enumerate(checkpoint['optimizer']['param_groups']):
        tensors[f'rate {i}'] = torch.tensor(group['lr'], dtype=torch.float64)
    return tensors


def differences(a: dict, b: dict) -> list:
    """Return the names of the tensors that are not equal bit for bit."""
    assert a.keys() == b.keys()
    return [name for name in a if not torch.equal(a[name], b[name])]


def relative_difference(a: dict, b: dict) -> float:
    """Return the largest norm of a difference relative to the tensor's norm."""
    assert a.keys() == b.keys()
    pairs = [(a[k].double(), b[k].double()) for k in a if a[k].is_floating_point()]
    return max(float((x - y).norm() / (y.norm() + 1e-30)) for x, y in pairs)


def logged(work_dir: Path, key: str) -> dict:
    """Return the values of a key in a run's JSON logs by iteration; later lines win."""
    values = {}
    for path in sorted(work_dir.glob('*.log.json')):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if key in entry:
                values[entry['iter']] = entry[key]
    return values


def run_command(*command, **environment):
    """Return the output of a command that can import these modules, on one thread."""
    environment = {'PYTHONPATH': PYTHONPATH, 'OMP_NUM_THREADS': '1', **environment}
    return run(*command, **environment)


def new_process(target, *args):
    """Start a function in a new process that has already imported cite.

    The server process forks before it has run anything, so its children inherit neither
    threads nor a random state.
    """
    context = get_context('forkserver')
    context.set_forkserver_preload(['tiny_training'])
    with pytest.MonkeyPatch.context() as patch, forked.workers():
        patch.setenv('PYTHONPATH', PYTHONPATH)
        process = context.Process(target=target, args=args)
        process.start()
    return process
