"""Controls stand beside CITE unless a config says otherwise."""

from pathlib import Path

import pytest
from tiny_compare import method_configs, write_comparison

from cite.compare.plan.plan import make_plan
from cite.compare.plan.read_config import read_comparison

KINDS = ('rotated', 'permuted', 'random', 'matched')


def test_controls_run_by_default_after_their_method(compare_data, tmp_path):
    path = write_comparison(compare_data, tmp_path, controls=True, shots=[1], draws=1)
    comparison = read_comparison(path)
    names = [f'cite-{kind}' for kind in KINDS]
    assert [*comparison.methods] == ['zero', 'cite', *names, 'linear', 'mean']
    assert comparison.controls == {'cite': dict(zip(KINDS, names))}
    control = comparison.methods['cite-rotated']
    assert (control.texts, control.label) == ('rotated', 'CITE, rotated texts')
    assert control.config == comparison.methods['cite'].config
    plan = make_plan(path)
    jobs = {job.method: job for job in plan.jobs}
    digests = {plan.digests[jobs[name].name] for name in ('cite', *names)}
    assert len(digests) == 5


def test_a_config_without_the_key_gets_them(compare_data, tmp_path):
    path = write_comparison(compare_data, tmp_path)
    text = Path(path).read_text().replace('controls = False\n', '')
    Path(path).write_text(text)
    assert [*read_comparison(path).controls] == ['cite']


def test_controls_can_be_switched_off_and_named(compare_data, tmp_path):
    off = read_comparison(write_comparison(compare_data, tmp_path, controls=False))
    assert off.controls == {}
    assert [*off.methods] == ['zero', 'cite', 'linear', 'mean']
    named = write_comparison(
        compare_data, tmp_path, controls=['cite'], reference='linear'
    )
    assert [*read_comparison(named).controls] == ['cite']


def test_the_first_method_with_texts_if_the_reference_has_none(compare_data, tmp_path):
    path = write_comparison(compare_data, tmp_path, controls=True, reference='linear')
    assert [*read_comparison(path).controls] == ['cite']


def test_a_method_of_that_name_is_the_users_own(compare_data, tmp_path):
    config = method_configs(compare_data, tmp_path / 'configs')['cite']
    methods = {
        'cite': {'config': config},
        'cite-random': {'config': config, 'label': 'Mine', 'options': {'seed': 1}},
    }
    path = write_comparison(
        compare_data, tmp_path, controls=True, methods=methods, reference='cite'
    )
    own = read_comparison(path).methods['cite-random']
    assert (own.label, own.texts) == ('Mine', '')


@pytest.mark.parametrize(
    ('controls', 'message'),
    [
        ('cite', "controls='cite'; give True, False, or a list"),
        (['cit'], "controls names 'cit'"),
        (['linear'], 'controls names linear, but this method does not train on'),
        (['zero'], 'controls names zero, but this method does not train on'),
    ],
)
def test_controls_of_what_has_no_texts_are_refused(
    compare_data, tmp_path, controls, message
):
    path = write_comparison(compare_data, tmp_path, controls=controls)
    with pytest.raises(ValueError, match=message):
        read_comparison(path)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({}, r'methods\.arc\.matrix is missing'),
        ({'matrix': [[1, 2], [2, 1]]}, r'methods\.arc\.matrix: no vectors have'),
    ],
)
def test_a_similarity_that_cannot_be_is_refused_before_anything_runs(
    compare_data, tmp_path, settings, message
):
    config = method_configs(compare_data, tmp_path / 'configs')['cite']
    methods = {'arc': {'type': 'similarity', 'config': config, **settings}}
    path = write_comparison(compare_data, tmp_path, methods=methods, reference='arc')
    with pytest.raises(ValueError, match=message):
        read_comparison(path)
