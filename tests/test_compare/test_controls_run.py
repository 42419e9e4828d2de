"""A comparison with controls, chosen rates and held-out slides, on two engines."""

import json

import pytest
from tiny_compare import method_configs, write_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.run import run_comparison
from cite.compare.statistics.calibrated import calibrated

MATRIX = [[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]]


@pytest.fixture(scope='module')
def config(compare_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('controls_run')
    paths = method_configs(compare_data, folder / 'configs')
    methods = {
        'cite': {'label': 'CITE', 'config': paths['cite']},
        'arc': {'type': 'similarity', 'config': paths['cite'], 'matrix': MATRIX},
        'abmil': {'type': 'abmil', 'config': paths['linear'], 'steps': 20},
        'mean': {'type': 'nearest_mean', 'config': paths['linear']},
    }
    return write_comparison(
        compare_data,
        folder,
        methods=methods,
        controls=True,
        shots=['all'],
        rates=[1, 3],
        held_out=['abmil', 'mean'],
    )


def outcome(config, out, engine):
    assert run_comparison(config, out, engine, jobs=2, progress=False) == {}
    files = {path.name: path.read_bytes() for path in (out / 'predictions').iterdir()}
    rows = [json.loads(line) for line in (out / 'results.jsonl').open()]
    for row in rows:
        del row['seconds']
    return files, rows


@pytest.fixture(scope='module')
def local(config, tmp_path_factory):
    out = tmp_path_factory.mktemp('controls_local')
    return out, *outcome(config, out, 'local')


def test_every_control_has_a_line_with_its_facts(local):
    _, files, rows = local
    by_method = {row['method']: row for row in rows}
    kinds = ('rotated', 'permuted', 'random', 'matched')
    names = ['cite', *(f'cite-{kind}' for kind in kinds), 'arc', 'abmil', 'mean']
    assert [*by_method] == names
    assert len(files) == 8
    for name in names[1:6]:
        facts = by_method[name]['training']
        assert facts['texts'] == by_method['cite-rotated']['training']['texts']
        assert facts['vectors'] != facts['texts'] or name == 'cite-rotated'
    assert 'texts' not in by_method['cite']['training']
    # With rates, every method with one has a choice on record.
    chosen = {name for name in names if 'chosen' in by_method[name]['training']}
    assert chosen == {*names} - {'mean'}


def test_held_out_slides_become_temperatures_and_sets(local):
    out, _, _ = local
    results = read_results(out)
    rows = {row.method: row for row in calibrated(results)}
    assert {*rows} == {'abmil', 'mean'}
    assert rows['mean'].units == 6  # two training slides of three classes
    assert rows['mean'].everything
    assert rows['mean'].coverage == 100
    table = (out / 'table.md').read_text(encoding='utf-8')
    assert '## Temperature and sets of classes' in table
    assert 'Rates were chosen on training slides' in table


def test_ray_gives_the_same_figures(config, local, tmp_path, monkeypatch):
    pytest.importorskip('ray', reason='needs ray: pip install .[ray]')
    monkeypatch.delenv('RAY_ADDRESS', raising=False)
    assert outcome(config, tmp_path, 'ray') == local[1:]
