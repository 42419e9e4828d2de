"""A stranger's file runs no code, through any way in; each file here carries some."""

import functools
import http.server
import json
import os
import pickle
import sys
import threading

import numpy as np
import pytest
import torch
from commands import attempt, tool_words
from mmcls.datasets.builder import PIPELINES
from mmcls.models.builder import BACKBONES, MODELS
from mmcv.runner import load_checkpoint
from transformers import ResNetConfig

from cite.apis.convert import convert_checkpoint
from cite.core.files.weights import load_weights
from cite.datasets.storage.features import FeatureDraws
from cite.models.text_encoders.transformers_text_encoder import load_text_features

CONFIG = """
custom_imports = dict(imports=['cite'], allow_failed_imports=False)
model = dict(type='ImageClassifier', backbone=dict(type='FeatureBackbone'),
             head=dict(type='MyLinearClsHead', num_classes=2, in_channels=4))
pipeline = [dict(type='PatchGastricPipeline'), dict(type='ToTensor', keys=['gt_label']),
            dict(type='Collect', keys=['img', 'gt_label'], meta_keys=[])]
part = dict(type='PatchGastricCls3', data_prefix='', ann_file='{folder}/ann.txt',
            classes=['a', 'b'], feature_file='{folder}/features', num_aug=1)
data = dict(samples_per_gpu=2, workers_per_gpu=0, train=dict(pipeline=pipeline, **part),
            test=dict(pipeline=[pipeline[0], dict(type='Collect', keys=['img'],
                                                  meta_keys=[])], **part),
            test_dataloader=dict(persistent_workers=False))
optimizer = dict(type='SGD', lr=0.1)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='fixed')
runner = dict(type='IterBasedRunner', max_iters=1)
checkpoint_config = dict(interval=1)
log_config = dict(interval=1, hooks=[])
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
dist_params = dict(backend='gloo')
work_dir = '{folder}/run'
"""


class Trap:
    """Make a file through the shell when unpickled."""

    def __init__(self, trace):
        self.command = f'touch {trace}'

    def __reduce__(self):
        return os.system, (self.command,)


class Packed(torch.nn.Module):
    """Write a file when TorchScript unpacks it."""

    def __init__(self, trace: str):
        super().__init__()
        self.trace = trace
        self.weight = torch.nn.Parameter(torch.ones(2))

    def forward(self, x):
        return x * self.weight

    @torch.jit.export
    def __getstate__(self):
        return self.trace, self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state):
        # type: (Tuple[str, Tensor, bool]) -> None
        torch.save(state[1], state[0])
        self.trace = state[0]
        self.weight = state[1]
        self.training = state[2]


@pytest.fixture
def trace(tmp_path):
    return tmp_path / 'code-ran'


@pytest.fixture
def stranger(tmp_path, trace):
    """Return a function that writes a checkpoint that contains a trap."""

    def write(name='stranger.pth', **content):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        torch.save({'state_dict': {}, 'meta': {'args': Trap(trace)}, **content}, path)
        return path

    yield write
    assert not trace.exists()


@pytest.fixture
def config(tmp_path):
    (tmp_path / 'ann.txt').write_text('s0_0.jpg 0\ns1_0.jpg 1\n')
    np.save(tmp_path / 'features_1.npy', np.eye(2, 4, dtype=np.float32))
    path = tmp_path / 'config.py'
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def refused():
    return pytest.raises(ValueError, match=r'more than tensors.*CITE_TRUST=')


def tool(*arguments, **environment):
    return attempt(*tool_words(*arguments), **environment)


def test_the_trap_works(tmp_path, trace):
    path = tmp_path / 'stranger.pth'
    torch.save({'meta': Trap(trace)}, path)
    torch.load(path, **({'weights_only': False}))
    assert trace.exists()


def test_the_torchscript_trap_works(tmp_path, trace):
    torch.jit.script(Packed(str(trace))).save(str(tmp_path / 'stranger.pt'))
    trace.unlink(missing_ok=True)
    torch.jit.load(str(tmp_path / 'stranger.pt'))
    assert trace.exists()


def test_mim_test(stranger, config):
    done = tool(*('test', config, '--checkpoint', stranger(), '--metrics', 'accuracy'))
    assert done.returncode != 0
    assert 'more than tensors and plain data' in done.stdout
    assert 'CITE_TRUST=' in done.stdout


@pytest.mark.parametrize('key', ['resume_from', 'load_from'])
def test_mim_train(stranger, config, key):
    path = stranger(
        meta={'iter': 0, 'epoch': 0, 'args': Trap(config.parent / 'code-ran')}
    )
    done = tool('train', config, '--no-validate', '--cfg-options', f'{key}={path}')
    assert done.returncode != 0
    assert 'CITE_TRUST=' in done.stdout


def test_the_config_in_a_checkpoint_is_not_run(tmp_path, trace, config):
    # mmcv's epoch-based runner would run it, since a config is a Python program.
    path = tmp_path / 'stranger.pth'
    program = f'import os\nos.system("touch {trace}")\n'
    weights = {'head.fc.weight': torch.eye(2, 4), 'head.fc.bias': torch.zeros(2)}
    meta = {'iter': 0, 'epoch': 0, 'seed': 0, 'config': program}
    torch.save({'state_dict': weights, 'meta': meta}, path)
    done = tool(
        *('train', config, '--no-validate', '--resume-from', path),
        *('--cfg-options', 'runner.type=EpochBasedRunner', 'runner.max_epochs=1'),
        'runner.max_iters=None',
    )
    assert done.returncode == 0, done.stdout
    assert not trace.exists()


def test_mim_test_of_a_trusted_file(tmp_path, trace, config):
    path = tmp_path / 'friend.pth'
    weights = {'head.fc.weight': torch.eye(2, 4), 'head.fc.bias': torch.zeros(2)}
    content = {'state_dict': weights, 'meta': {'args': Trap(trace)}}
    torch.save(content, path)
    done = tool(
        *('test', config, '--checkpoint', path, '--metrics', 'accuracy'),
        CITE_TRUST=path,
        PYTHONWARNINGS='default',
    )
    assert done.returncode == 0, done.stdout
    assert 'accuracy : 100.0' in done.stdout
    assert 'any code that it carries' in done.stdout
    assert trace.exists()


def test_trust_is_for_one_file(stranger, monkeypatch, tmp_path):
    path, other = stranger(), stranger('other.pth')
    monkeypatch.setenv('CITE_TRUST', os.pathsep.join([str(other), str(tmp_path)]))
    with refused():
        load_weights(path)


def test_init_cfg(stranger):
    init = {'type': 'Pretrained', 'checkpoint': str(stranger())}
    arch = {
        'embed_dims': 8,
        'num_layers': 1,
        'num_heads': 2,
        'feedforward_channels': 16,
    }
    backbone = BACKBONES.build(
        {'type': 'VisionTransformerFrozen', 'arch': arch, 'init_cfg': init}
    )
    with refused():
        backbone.init_weights()
    backbone = BACKBONES.build(
        {
            'type': 'VisionTransformerFrozen',
            'arch': arch,
            'init_cfg': {**init, 'prefix': 'backbone'},
        }
    )
    with refused():
        backbone.init_weights()


@pytest.mark.parametrize(
    'part',
    [
        {'type': 'CLIPImageBackbone', 'arch': '{}'},
        {'type': 'PromptedCLIPImageBackbone', 'arch': '{}'},
        {
            'type': 'TIMMImageBackbone',
            'model_name': 'vit_tiny_patch16_224',
            'checkpoint': '{}',
        },
    ],
    ids=lambda part: part['type'],
)
def test_backbones(stranger, part):
    path = str(stranger())
    with refused():
        BACKBONES.build({k: v.format(path) for k, v in part.items()})


def test_clip_preprocess(stranger):
    with refused():
        PIPELINES.build({'type': 'CLIPPreprocess', 'arch': str(stranger())})


def test_clip_text_encoder(stranger, text_cache):
    encoder = MODELS.build({'type': 'CLIPTextEncoder', 'arch': str(stranger())})
    with refused():
        encoder(['a text'])


@pytest.mark.parametrize('kind', ['BERT', 'DecoderTextEncoder', 'T5Encoder'])
def test_code_in_the_folders_of_other_encoders(folder_with_code, trace, kind):
    encoder = MODELS.build({'type': kind, 'model': folder_with_code})
    with pytest.raises(ValueError, match=r'text_encoder\.trust_remote_code=True'):
        encoder(['well'])
    encoder = MODELS.build({'type': 'CLIPTextEncoder', 'arch': folder_with_code})
    with pytest.raises(ValueError, match=r'needs Python code of its author'):
        encoder(['well'])
    assert not trace.exists()


@pytest.mark.parametrize(
    'name', ['pytorch_model.bin', 'pytorch_model-00001-of-00001.bin']
)
def test_text_encoder_folder(save_tiny_bert, stranger, tmp_path, text_cache, name):
    folder = save_tiny_bert(tmp_path / 'bert')
    (folder / 'model.safetensors').unlink()
    stranger(f'bert/{name}')
    with refused():
        MODELS.build({'type': 'BERT', 'model': str(folder)})(['well'])


def test_text_encoder_with_an_adapter(save_tiny_bert, stranger, tmp_path, text_cache):
    # transformers would follow this file to the weights of the adapter.
    folder = save_tiny_bert(tmp_path / 'bert')
    adapter = {'base_model_name_or_path': 'bert', 'peft_type': 'LORA'}
    (folder / 'adapter_config.json').write_text(json.dumps(adapter))
    stranger('bert/adapter_model.bin')
    assert MODELS.build({'type': 'BERT', 'model': str(folder)})(['well']).shape == (
        1,
        32,
    )


CODE = """
from pathlib import Path
from transformers import BertConfig, BertModel
Path({trace!r}).touch()
class Config(BertConfig):
    model_type = 'stranger'
class Model(BertModel):
    config_class = Config
"""


@pytest.fixture
def folder_with_code(save_tiny_bert, tmp_path, trace, text_cache, monkeypatch):
    monkeypatch.setenv('HF_MODULES_CACHE', str(tmp_path / 'modules'))
    folder = save_tiny_bert(tmp_path / 'bert')
    config = json.loads((folder / 'config.json').read_text())
    config['model_type'] = 'stranger'
    config['auto_map'] = {'AutoConfig': 'code.Config', 'AutoModel': 'code.Model'}
    config['auto_map'] = {k: f'stranger_{v}' for k, v in config['auto_map'].items()}
    (folder / 'config.json').write_text(json.dumps(config))
    (folder / 'stranger_code.py').write_text(CODE.format(trace=str(trace)))
    return str(folder)


def test_code_of_a_text_encoder(folder_with_code, trace):
    encoder = MODELS.build({'type': 'BERT', 'model': folder_with_code})
    with pytest.raises(ValueError, match=r'text_encoder\.trust_remote_code=True'):
        encoder(['well'])
    assert not trace.exists()


def test_code_of_a_text_encoder_whose_author_is_trusted(folder_with_code, trace):
    encoder = MODELS.build(
        {'type': 'BERT', 'model': folder_with_code, 'trust_remote_code': True}
    )
    assert encoder(['well']).shape == (1, 32)
    assert trace.exists()


@pytest.mark.parametrize(
    ('extra', 'match'),
    [
        ({'_attn_implementation': 'stranger/kernel'}, 'names code on the hub'),
        ({'_attn_implementation_internal': 'stranger/kernel'}, 'names code on the hub'),
        ({'attn_implementation': {'text': 'stranger/kernel'}}, 'names code on the hub'),
        ({'text_config': {'_attn_implementation': 'a/b'}}, 'names code on the hub'),
        # Some configs of transformers read this one themselves.
        ({'trust_remote_code': True}, "trust_remote_code='True' lets the model run"),
        ({'part': {'trust_remote_code': True}}, "trust_remote_code='True' lets"),
        # Read in the place of this file, which has been looked at.
        ({'configuration_files': ['config.4.0.0.json']}, 'another file instead of'),
        # A second model, which transformers reads with torch.load, or torch.jit's.
        ({'backbone': 'stranger/model'}, 'weights of another model'),
        ({'part': {'use_pretrained_backbone': True}}, 'weights of another model'),
    ],
)
@pytest.mark.parametrize('kind', ['text', 'image'])
def test_a_config_file_that_asks_for_code(
    save_tiny_bert, tmp_path, text_cache, kind, extra, match
):
    folder = save_tiny_bert(tmp_path / 'bert')
    config = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**config, **extra}))
    use = {'text': _encode, 'image': _image_model}[kind]
    with pytest.raises(ValueError, match=match):
        use(str(folder))


@pytest.mark.parametrize('kind', ['text', 'image'])
def test_a_second_model_within_a_model(tmp_path, trace, save_tiny_bert, kind):
    """Mask2Former's config names a backbone whose TorchScript would run."""
    inner = tmp_path / 'inner'
    parts = {'hidden_sizes': [1, 1, 1, 1], 'depths': [1, 1, 1, 1]}
    stages = ['stage1', 'stage2', 'stage3', 'stage4']
    config = ResNetConfig(embedding_size=1, out_features=stages, **parts)
    config.architectures = ['ResNetBackbone']
    config.save_pretrained(inner)
    torch.jit.script(Packed(str(trace))).save(str(inner / 'pytorch_model.bin'))
    outer = save_tiny_bert(tmp_path / 'outer')
    (outer / 'config.json').write_text(
        json.dumps(
            {
                'model_type': 'mask2former',
                'architectures': ['Mask2FormerModel'],
                'backbone': str(inner),
                'backbone_config': None,
                'use_pretrained_backbone': True,
                'use_timm_backbone': False,
            }
        )
    )
    with pytest.raises(ValueError, match='weights of another model'):
        {'text': _encode, 'image': _image_model}[kind](str(outer))
    assert not trace.exists()


def _encode(folder):
    return MODELS.build({'type': 'BERT', 'model': folder})(['well'])


def _image_model(folder):
    return BACKBONES.build({'type': 'TransformersImageBackbone', 'model_name': folder})


def test_code_of_an_image_model(folder_with_code, trace, monkeypatch):
    monkeypatch.setattr('builtins.input', lambda *_: 'y')  # transformers would ask
    with pytest.raises(ValueError, match=r'custom code|architecture'):
        _image_model(folder_with_code)
    assert not trace.exists()


def test_timm_models_that_load_by_themselves(stranger):
    # Newer versions of timm only read JAX's layouts, and refuse it themselves.
    pytest.importorskip('timm.models.naflexvit')
    overlay = {'file': str(stranger()), 'custom_load': True, 'url': ''}
    with pytest.raises(ValueError, match=r'more than tensors|NaFlexVit'):
        BACKBONES.build(
            {
                'type': 'TIMMImageBackbone',
                'model_name': 'naflexvit_base_patch16_gap',
                'pretrained': True,
                'pretrained_cfg_overlay': overlay,
            }
        )


def test_text_feature_file(stranger, tmp_path, trace):
    with refused():
        load_text_features(stranger())
    np.save(tmp_path / 'texts.npy', np.array([Trap(trace)], object), allow_pickle=True)
    with pytest.raises(
        ValueError, match=r'texts\.npy is damaged or not a NumPy array of numbers'
    ):
        load_text_features(tmp_path / 'texts.npy')
    assert not trace.exists()


def test_feature_file(tmp_path, trace):
    array = np.array([[Trap(trace)]], object)
    np.save(tmp_path / 'train_1.npy', array, allow_pickle=True)
    with pytest.raises(ValueError, match=r'train_1\.npy'):
        FeatureDraws(str(tmp_path / 'train'), 1, 1)
    assert not trace.exists()
    np.load(tmp_path / 'train_1.npy', allow_pickle=True)
    assert trace.exists()


def test_convert_model(stranger, tmp_path):
    path = stranger('stranger.pth.tar')
    done = attempt(
        sys.executable, 'tools/convert_model.py', path, tmp_path / 'o.safetensors'
    )
    assert done.returncode == 2
    assert 'CITE_TRUST=' in done.stdout


def test_convert_plain_pickle(tmp_path, trace):
    (tmp_path / 'stranger.pkl').write_bytes(pickle.dumps(Trap(trace)))
    with refused():
        convert_checkpoint(tmp_path / 'stranger.pkl', tmp_path / 'out.safetensors')
    assert not trace.exists()


def test_convert_npz(tmp_path, trace):
    arrays = {'embedding/kernel': np.array([Trap(trace)], object)}
    np.savez(tmp_path / 'stranger.npz', **arrays)
    with pytest.raises(
        ValueError, match=r'stranger\.npz is not an npz of plain arrays'
    ):
        convert_checkpoint(tmp_path / 'stranger.npz', tmp_path / 'out.safetensors')
    assert not trace.exists()


def test_torchscript(tmp_path, trace):
    torch.jit.script(Packed(str(trace))).save(str(tmp_path / 'stranger.pt'))
    trace.unlink(missing_ok=True)
    with refused():
        BACKBONES.build(
            {'type': 'CLIPImageBackbone', 'arch': str(tmp_path / 'stranger.pt')}
        )
    assert not trace.exists()


@pytest.fixture
def server(tmp_path):
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path)
    )
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f'http://127.0.0.1:{server.server_address[1]}'
    server.shutdown()
    server.server_close()


def test_url(stranger, server, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    stranger()
    with refused():
        load_checkpoint(torch.nn.Linear(2, 1), f'{server}/stranger.pth')
    layer = torch.nn.Linear(2, 1)
    torch.save(
        {'weight': torch.ones(1, 2), 'bias': torch.ones(1)}, tmp_path / 'good.pth'
    )
    load_checkpoint(layer, f'{server}/good.pth', strict=True)
    assert layer.bias.tolist() == [1.0]


@pytest.mark.parametrize('where', ['stranger.pth', 'URL'])
def test_open_mmlab_scheme(stranger, server, tmp_path, monkeypatch, where):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('MMCV_HOME', str(tmp_path))
    stranger()
    target = where.replace('URL', f'{server}/stranger.pth')
    (tmp_path / 'open_mmlab.json').write_text(json.dumps({'strange': target}))
    with refused():
        load_checkpoint(torch.nn.Linear(2, 1), 'openmmlab://strange')


def test_torchvision_scheme(stranger, server, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    stranger()
    urls = {'strange': f'{server}/stranger.pth'}
    monkeypatch.setattr('mmcv.runner.checkpoint.get_torchvision_models', lambda: urls)
    with refused():
        load_checkpoint(torch.nn.Linear(2, 1), 'torchvision://strange')


def test_timm_url(stranger, server, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    stranger()
    overlay = {'url': f'{server}/stranger.pth', 'hf_hub_id': None, 'custom_load': False}
    with refused():
        BACKBONES.build(
            {
                'type': 'TIMMImageBackbone',
                'model_name': 'resnet18',
                'pretrained': True,
                'pretrained_cfg_overlay': overlay,
            }
        )


@pytest.mark.parametrize('source', ['file', 'hf_hub_id'])
def test_timm_file_and_hub(stranger, tmp_path, monkeypatch, source):
    path = str(stranger())
    overlay = {'file': path} if source == 'file' else {'hf_hub_id': 'strange/model'}

    def fetch(repo_id, filename, **_):
        if filename.endswith('.safetensors'):
            from huggingface_hub.utils import LocalEntryNotFoundError

            raise LocalEntryNotFoundError('none')
        return path

    monkeypatch.setattr('timm.models._hub.hf_hub_download', fetch)
    with refused():
        BACKBONES.build(
            {
                'type': 'TIMMImageBackbone',
                'model_name': 'resnet18',
                'pretrained': True,
                'pretrained_cfg_overlay': {'url': '', **overlay},
            }
        )
