"""The command: what it prints, its exit codes, and that mistakes write nothing."""

import sys

import pytest
import torch
from commands import ROOT
from commands import run as run_command
from mmcls.models import VisionTransformer

from cite.__main__ import main
from cite.apis.convert import LAYOUTS, TARGETS
from cite.commands import convert

TOOL = ROOT / 'tools' / 'convert_model.py'
ARCH = {
    'embed_dims': 64,
    'num_layers': 2,
    'num_heads': 1,
    'feedforward_channels': 128,
}


@pytest.fixture
def source(tmp_path):
    """A tiny MoCo v3 file, its names made from mmcls' by hand."""
    model = VisionTransformer(arch=ARCH, img_size=32, patch_size=8)
    state = {}
    for name, tensor in model.state_dict().items():
        name = 'norm' + name[3:] if name.startswith('ln1') else name
        for old, new in (
            ('projection', 'proj'),
            ('ffn.layers.0.0', 'mlp.fc1'),
            ('ffn.layers.1', 'mlp.fc2'),
            ('layers', 'blocks'),
            ('.ln', '.norm'),
        ):
            name = name.replace(old, new)
        state[f'module.base_encoder.{name}'] = tensor
    state['module.base_encoder.head.weight'] = torch.ones(5, 64)
    torch.save({'epoch': 1, 'state_dict': state}, tmp_path / 'moco.pth')
    return tmp_path / 'moco.pth'


def run(*arguments):
    """Run the command in this process and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(['convert', *map(str, arguments)])
    return ended.value.code


def test_the_help_lists_what_can_be_converted():
    assert tuple(LAYOUTS) == convert.LAYOUTS
    assert tuple(TARGETS) == convert.TARGETS


def test_as_a_command(source, tmp_path):
    before = source.read_bytes()
    out = tmp_path / 'out.safetensors'
    printed = run_command(sys.executable, TOOL, source, out, cwd=tmp_path)
    assert 'MoCo v3 to mmcls' in printed
    assert 'matched      30' in printed
    assert 'left out      1  module.base_encoder.head.weight' in printed
    assert "'prefix': 'backbone'" in printed
    assert out.is_file()
    assert source.read_bytes() == before


def test_missing_tensors_are_listed_and_nothing_is_written(source, tmp_path, capsys):
    checkpoint = torch.load(str(source))
    del checkpoint['state_dict']['module.base_encoder.blocks.1.mlp.fc2.bias']
    torch.save(checkpoint, source)
    assert run(source, tmp_path / 'out.safetensors') == 2
    printed = capsys.readouterr()
    assert 'missing       1  backbone.layers.*.ffn.layers.1.bias' in printed.out
    assert printed.err.count('\n') == 1
    assert '1 missing' in printed.err
    assert [p.name for p in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (['IN', 'IN', '--force'], 'is the input itself'),
        (['IN', 'out.bin'], 'must end in .safetensors'),
        (['nowhere.pth', 'out.pth'], 'no such weights file'),
        (['IN', 'out.pth', '--to', 'clip'], 'cannot be written for clip'),
        (['IN', 'out.pth', '--from', 'clip'], "or OpenAI's names"),
    ],
)
def test_mistakes_end_in_one_sentence(
    source, tmp_path, capsys, monkeypatch, arguments, sentence
):
    monkeypatch.chdir(tmp_path)
    assert run(*[source if one == 'IN' else one for one in arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    assert [p.name for p in tmp_path.iterdir()] == [source.name]


def test_from_and_prefix_reach_the_conversion(source, tmp_path, capsys):
    out = tmp_path / 'out.pth'
    assert run(source, out, '--from', 'moco', '--prefix', '') == 0
    assert 'cls_token' in torch.load(str(out))
    assert "'prefix'" not in capsys.readouterr().out
