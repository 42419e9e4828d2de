"""The comparisons in configs/compare have their controls, balance and prompt start."""

from pathlib import Path

import pytest

from cite.compare.plan.read_config import read_comparison

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize('name', ['demo', 'glas', 'glas_features', 'patchgastric'])
def test_a_shipped_comparison_has_controls_and_one_start_for_all(
    tmp_path, monkeypatch, name
):
    monkeypatch.chdir(ROOT)
    path = tmp_path / f'{name}.py'
    base = ROOT / f'configs/compare/{name}.py'
    changes = {'captions': None, 'patient': None, 'data_prefix': str(tmp_path)}
    lines = [f'{key} = {value!r}' for key, value in changes.items()]
    path.write_text('\n'.join([f'_base_ = {str(base)!r}', *lines, '']))
    comparison = read_comparison(path)
    kinds = {'rotated', 'permuted', 'random', 'matched'}
    assert {*comparison.controls['cite']} == kinds
    assert comparison.options['data.train.patch_balance'] is True
    assert comparison.methods['similarity'].type == 'similarity'
    for method in comparison.methods.values():
        if method.name.startswith('vpt') and 'released' not in method.name:
            assert method.options == {'model.backbone.prompt_init': 'token'}
