"""The row of a whole run on one GPU: images, language model and evaluation included."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, Optional

import torch
from mmcls.datasets import build_dataset
from mmcv.runner.iter_based_runner import IterLoader
from torch.nn import functional as F
from torch.utils.data import DataLoader

from cite.apis.shell import command_line
from cite.core.workers import start_method
from demo.slides import make_patch_gastric

from .data_path import SIDES
from .models import TEXTS, Sizes, make_bert, make_clip, our_config, released_model
from .row import Measure, Row, Workspace, no_gpu

STEP = 128
# Dense bf16 FLOP/s, from the data sheets.
PEAKS = {'H100': 989e12, 'H200': 989e12, 'A100': 312e12, 'L40S': 362e12, 'L4': 121e12}
# A step: 33.6 + 1.5 GFLOP forward and backward each, times the batch.
FLOP_PER_STEP = 2 * 35.1e9 * STEP


def _sizes(workspace: Workspace) -> tuple[int, int, int]:
    """Return iterations, patches per training slide, patches of the evaluation."""
    return (2, 2, 6) if workspace.small else (1000, 1500, 20000)


def prepare(workspace: Workspace) -> None:
    make_clip(workspace)
    make_bert(workspace)
    _, train, val = _sizes(workspace)
    root = workspace.folder / 'slides'
    if not (workspace.folder / 'val.txt').is_file():
        make_patch_gastric(root, 3, 2 if workspace.small else 50)
        drawn = sorted((root / 'patches_captions').glob('*.jpg'))
        _link(workspace, 'train', drawn, 3 * train)
        _link(workspace, 'val', drawn, val)


def _link(workspace: Workspace, split: str, drawn: list[Path], count: int) -> None:
    """List ``count`` patches of three slides: links to the same drawn files."""
    folder = workspace.folder / 'linked'
    folder.mkdir(exist_ok=True)
    lines = []
    for i in range(count):
        name = f'{split}{i % 3}_{i}.jpg'
        (folder / name).symlink_to(drawn[i % len(drawn)])
        lines.append(f'{name} {i % 3}\n')
    (workspace.folder / f'{split}.txt').write_text(''.join(lines))


def _data(workspace: Workspace, split: str, side: str) -> dict[str, Any]:
    """Return a side's config of a data set; no side augments in evaluation."""
    evaluation = split == 'val'
    preprocess = {'type': 'PatchGastricPipeline', 'size': Sizes(workspace).image}
    steps: list[dict] = [{**preprocess, **SIDES[side], 'test_mode': evaluation}]
    keys = ['img']
    if not evaluation:
        steps.append({'type': 'ToTensor', 'keys': ['gt_label']})
        keys.append('gt_label')
    return {
        'type': 'PatchGastricCls3',
        'data_prefix': str(workspace.folder / 'linked'),
        'ann_file': str(workspace.folder / f'{split}.txt'),
        'pipeline': [*steps, {'type': 'Collect', 'keys': keys}],
        'test_mode': evaluation,
    }


def released_run(workspace: Workspace) -> Measure:
    """Measure the released run in its own process, including imports."""
    arguments = json.dumps([str(workspace.folder), workspace.small])
    command = [sys.executable, '-W', 'ignore', '-m', __name__, arguments]
    return lambda: _seconds(command)


def _train_and_test_as_released(workspace: Workspace) -> None:
    """Run the release: language model, half precision, PIL in workers, its loader."""
    from transformers import AutoModel, AutoTokenizer

    sizes = Sizes(workspace)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    dtype = torch.half if device.type == 'cuda' else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(sizes.bert)
    language = AutoModel.from_pretrained(sizes.bert).to(device)
    with torch.no_grad():
        inputs = tokenizer([*TEXTS], padding=True, return_tensors='pt').to(device)
        embeddings = language(**inputs)['pooler_output']
    model = released_model(workspace, dtype, embeddings.cpu()).to(device)
    model.embeddings = model.embeddings.to(device)
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(params, lr=0.03)
    batches = IterLoader(_released_loader(workspace, 'train'))
    for _ in range(_sizes(workspace)[0]):
        images, labels = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(model(images.to(device)), labels.to(device)).backward()
        optimizer.step()
    with torch.no_grad():
        for images, _ in _released_loader(workspace, 'val'):
            model(images.to(device)).softmax(1).cpu()


def _released_loader(workspace: Workspace, split: str) -> Any:
    # The classes have equally many patches: a shuffle equals the balanced order.
    return DataLoader(
        build_dataset(_data(workspace, split, 'released')),
        STEP,
        shuffle=split == 'train',
        num_workers=_workers(),
        multiprocessing_context=start_method(),
        collate_fn=_collate,
    )


def _workers() -> int:
    return min(12, os.cpu_count() or 1)


def _collate(items: list[dict[str, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.stack([item['img'] for item in items])
    return images, torch.tensor([int(item.get('gt_label', 0)) for item in items])


def our_run(workspace: Workspace) -> Measure:
    """Measure our run: ``cite train``, as a user types it."""
    command = command_line(['cite', 'train', str(write_config(workspace))])
    return lambda: _seconds(command)


def write_config(workspace: Workspace) -> Path:
    """Write the config of our run, of which ``prepare`` has made the files."""
    iterations, _, _ = _sizes(workspace)
    config = {
        'custom_imports': {'imports': ['cite'], 'allow_failed_imports': False},
        'model': our_config(workspace),
        'data': {
            'samples_per_gpu': STEP,
            'workers_per_gpu': _workers(),
            'train': {**_data(workspace, 'train', 'ours'), 'patch_balance': True},
            'val': _data(workspace, 'val', 'ours'),
        },
        'runner': {'type': 'IterBasedRunner', 'max_iters': iterations},
        'optimizer': {'type': 'SGD', 'lr': 0.03},
        'optimizer_config': {'grad_clip': None},
        'lr_config': {'policy': 'CosineAnnealing', 'min_lr': 0.0, 'by_epoch': False},
        'checkpoint_config': {'interval': iterations},
        'evaluation': {'by_epoch': False, 'interval': iterations, 'metric': 'accuracy'},
        'log_config': {'interval': 10, 'hooks': [{'type': 'TextLoggerHook'}]},
        'dist_params': {'backend': 'nccl'},
        'log_level': 'INFO',
        'load_from': None,
        'resume_from': None,
        'workflow': [('train', 1)],
        'work_dir': str(workspace.folder / 'whole-run'),
    }
    path = workspace.folder / 'whole_run.py'
    path.write_text(''.join(f'{key} = {value!r}\n' for key, value in config.items()))
    return path


def _seconds(command: list[str]) -> float:
    """Return how long a command takes.

    Raises:
        ValueError: the command failed.
    """
    start = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stdout + done.stderr)[-2000:]
        raise ValueError(f'{" ".join(command[:3])} failed: {output}')
    return perf_counter() - start


def step_remark(workspace: Workspace) -> str:
    """Report the time of a training step of our last run, and its share of the peak."""
    logs = sorted((workspace.folder / 'whole-run').glob('*.log.json'))
    lines = [json.loads(line) for line in logs[-1].read_text().splitlines()[1:]]
    times = [line['time'] for line in lines if line.get('mode') == 'train']
    if not times:  # fewer iterations than the logging interval
        return ''
    seconds = statistics.median(times)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
    share = share_of_peak(seconds, device)
    reached = '' if share is None else f', {share:.0%} of the bf16 peak'
    return f'ours: {1000 * seconds:.1f} ms a step on {device}{reached}'


def share_of_peak(seconds: float, device: str) -> Optional[float]:
    """Return the share of a GPU's bf16 peak that a training step reaches.

    >>> round(share_of_peak(0.05, 'NVIDIA H100 80GB HBM3'), 2)
    0.18
    """
    peak = next((peak for name, peak in PEAKS.items() if name in device), None)
    return None if peak is None else FLOP_PER_STEP / seconds / peak


ROWS = [
    Row(
        'whole-run',
        'one GPU: 1 slide per class, 1000 iterations of batch 128, evaluation on '
        '20,000 patches',
        's',
        10,
        released_run,
        our_run,
        'a step of 8.99 TFLOP: 9.1 ms at the bf16 peak of an H100',
        bf16=True,
        prepare=prepare,
        missing=no_gpu,
        remark=step_remark,
    ),
]

if __name__ == '__main__':
    folder, small = json.loads(sys.argv[1])
    _train_and_test_as_released(Workspace(Path(folder), small))
