"""mmcls' own tools, those that mim runs, on a small run of ours; in this process."""

import json
import runpy
import sys
import time
from pathlib import Path

import mmcls
import mmcv
import numpy as np
import pytest
import torch
from mmcv import Config
from PIL import Image

import cite  # noqa: F401
from cite.commands import run as run_command
from demo.models import tiny_clip

TOOLS = Path(mmcls.__file__).parent / '.mim' / 'tools'
METRICS = ('--metrics', 'accuracy', 'bag_accuracy')


def config():
    step = {'type': 'PatchGastricPipeline', 'size': 32, 'mean': 'model', 'std': 'model'}
    keys = ['img', 'gt_label']
    train = [
        {**step, 'saturation': 0.2},
        {'type': 'ToTensor', 'keys': keys[1:]},
        {'type': 'Collect', 'keys': keys},
    ]
    test = [{**step, 'backend': 'fast'}, {'type': 'Collect', 'keys': keys[:1]}]
    data = {'type': 'PatchGastricCls3', 'data_prefix': 'p', 'ann_file': 'ann.txt'}
    head = {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 16}
    backbone = {'type': 'PromptedCLIPImageBackbone', 'arch': 'clip.pt'}
    return {
        'custom_imports': {'imports': ['cite'], 'allow_failed_imports': False},
        'model': {
            'type': 'CITEClassifier',
            'precision': 'fp32',
            'backbone': backbone,
            'head': head,
        },
        'data': {
            'samples_per_gpu': 4,
            'workers_per_gpu': 0,
            'persistent_workers': False,
            'train': {**data, 'pipeline': train},
            'val': {**data, 'pipeline': test},
            'test': {**data, 'pipeline': test},
        },
        'optimizer': {'type': 'SGD', 'lr': 0.1},
        'optimizer_config': {'grad_clip': None},
        'lr_config': {'policy': 'fixed'},
        'runner': {'type': 'IterBasedRunner', 'max_iters': 2},
        'checkpoint_config': {'interval': 2},
        'evaluation': {'by_epoch': False, 'interval': 2, 'metric': ['accuracy']},
        'log_config': {'interval': 1, 'hooks': [{'type': 'TextLoggerHook'}]},
        'workflow': [('train', 1)],
        'dist_params': {'backend': 'gloo'},
        'log_level': 'ERROR',
        'load_from': None,
        'resume_from': None,
        'device': 'cpu',
    }


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with patches, a config, and a run of two steps."""
    folder = tmp_path_factory.mktemp('tools')
    rng = np.random.default_rng(0)
    (folder / 'p').mkdir()
    names = [f'c{k}s{s}_{p}.png' for k in range(3) for s in range(2) for p in range(2)]
    for name in names:
        pixels = rng.integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / 'p' / name)
    lines = [f'{name} {name[1]}\n' for name in names]
    (folder / 'ann.txt').write_text(''.join(lines))
    tiny_clip(folder / 'clip.pt', embed_dim=16, width=64, layers=1, image_size=32)
    Config(config()).dump(str(folder / 'cfg.py'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tool(patch)('train.py', 'cfg.py', '--work-dir', 'run', '--seed', 0)
    return folder


def tool(patch):
    """Return the function that runs a tool's file with arguments."""

    def run(name, *arguments):
        patch.setattr(sys, 'argv', [name, *map(str, arguments)])
        runpy.run_path(str(TOOLS / name), run_name='__main__')

    return run


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return tool(monkeypatch)


@pytest.fixture
def scores(run, folder):
    """The scores of the run's model on the patches, (12, 3)."""
    if not (folder / 'res.pkl').is_file():
        run('test.py', 'cfg.py', 'run/latest.pth', *METRICS, '--out', 'res.pkl')
    return np.array(mmcv.load('res.pkl')['class_scores'])


@pytest.mark.parametrize('kind', ['json', 'yaml', 'yml', 'pickle', 'pkl'])
def test_out_of_each_kind_holds_the_scores(run, scores, kind):
    out = f'again.{kind}'
    run('test.py', 'cfg.py', 'run/latest.pth', *METRICS, '--out', out)
    np.testing.assert_allclose(mmcv.load(out)['class_scores'], scores, atol=1e-6)


@pytest.mark.parametrize('out', ['cfg.py/a.json', 's3://a/b.pkl', '~/a.yaml'])
def test_out_that_cannot_be_written_is_refused_before_the_pass(run, capsys, out):
    for option in (('--out', out), ('--show-dir', out)):
        with pytest.raises(ValueError, match=f'{option[0]} {out}'):
            run('test.py', 'cfg.py', 'run/latest.pth', *METRICS, *option)
    assert '>>>' not in capsys.readouterr().out


@pytest.mark.parametrize('out', ['a.csv', 'a.txt', 'a'])
def test_out_of_another_kind_is_refused_before_anything_is_computed(run, capsys, out):
    with pytest.raises(ValueError, match=rf'--out {out}.*must end with one of'):
        run('test.py', 'cfg.py', 'run/latest.pth', *METRICS, '--out', out)
    assert '>>>' not in capsys.readouterr().out  # the progress bar


@pytest.mark.usefixtures('run')
def test_our_command_refuses_it_as_well(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [])  # and set back, since the command sets it
    with pytest.raises(SystemExit) as end:
        run_command('test', ['cfg.py', 'run/latest.pth', *METRICS, '--out', 'a.csv'])
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.err.startswith('error: --out a.csv')
    assert '>>>' not in printed.out


def test_a_published_checkpoint_gives_the_same_scores(run, scores, folder):
    run('convert_models/publish_model.py', 'run/latest.pth', 'published.pth')
    while not (files := [*folder.glob('published?*.pth')]):  # the tool starts a `mv`
        time.sleep(0.1)
    (file,) = files
    run('test.py', 'cfg.py', file, *METRICS, '--out', 'published.json')
    found = json.loads(Path('published.json').read_text())['class_scores']
    np.testing.assert_allclose(found, scores, atol=1e-6)


def test_metrics_and_pictures_of_results(run, scores, capsys, folder):
    labels = np.repeat([0, 1, 2], 4)
    accuracy = 100 * float((scores.argmax(1) == labels).mean())
    capsys.readouterr()
    run('analysis_tools/eval_metric.py', 'cfg.py', 'res.pkl', *METRICS)
    assert f"'accuracy': {accuracy:.4f}" in capsys.readouterr().out
    arguments = ('--out-dir', 'results', '--topk', 2)
    run('analysis_tools/analyze_results.py', 'cfg.py', 'res.pkl', *arguments)
    right = round(accuracy / 100 * 12)
    shown = [
        len([*(folder / 'results' / k).glob('*.png')]) for k in ('success', 'fail')
    ]
    assert shown == [min(2, right), min(2, 12 - right)]


def test_pictures_of_the_test_set(run, folder):
    arguments = ('--metrics', 'accuracy', '--show-dir', 'shown')
    run('test.py', 'cfg.py', 'run/latest.pth', *arguments)
    assert len([*(folder / 'shown').rglob('*.png')]) == 12


def test_windows_without_a_screen_are_refused_before_the_pass(run, capsys):
    with pytest.raises(ValueError, match=r'--show: .*Use --show-dir'):
        run('test.py', 'cfg.py', 'run/latest.pth', *METRICS, '--show')
    assert '>>>' not in capsys.readouterr().out


@pytest.mark.parametrize('mode', ['original', 'transformed', 'concat', 'pipeline'])
def test_pictures_of_the_pipeline(run, folder, mode):
    out = folder / f'pipeline_{mode}'
    arguments = ('--output-dir', out, '--number', 2, '--mode', mode)
    run('visualizations/vis_pipeline.py', 'cfg.py', *arguments)
    assert len([*out.iterdir()]) == 2


def test_a_trace_for_torchscript_gives_the_scores(run, scores, capsys):
    arguments = ('--shape', 32, '--output-file', 'traced.pt', '--verify')
    run(
        'deployment/pytorch2torchscript.py',
        *('cfg.py', '--checkpoint', 'run/latest.pth', *arguments),
    )
    assert 'The outputs are same' in capsys.readouterr().out
    assert torch.jit.load('traced.pt')(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


@pytest.mark.parametrize(
    ('name', 'arguments'),
    [
        ('misc/print_config.py', ('cfg.py',)),
        ('analysis_tools/get_flops.py', ('cfg.py', '--shape', 32)),
        ('visualizations/vis_lr.py', ('cfg.py', '--save-path', 'lr.png', '--ngpus', 1)),
        ('analysis_tools/analyze_logs.py', ('cal_train_time', 'LOG')),
        (
            'analysis_tools/analyze_logs.py',
            ('plot_curve', 'LOG', '--keys', 'loss', 'accuracy', '--out', 'curve.pdf'),
        ),
        (
            'train.py',
            (
                'cfg.py',
                '--work-dir',
                'run_options',
                '--cfg-options',
                'optimizer.lr=0.5',
            ),
        ),
        (
            'train.py',
            (
                'cfg.py',
                '--work-dir',
                'run_half',
                '--cfg-options',
                'fp16.loss_scale=2.0',
            ),
        ),
    ],
)
def test_other_tools_end_well(run, folder, name, arguments):
    (log,) = (folder / 'run').glob('*.log.json')
    run(name, *(log if a == 'LOG' else a for a in arguments))
