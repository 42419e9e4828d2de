"""Which slide a patch belongs to in a comparison, and options that nothing reads."""

from pathlib import Path

import pytest
from mmcv import Config
from tiny_compare import write_comparison

from cite.compare.methods.job import job_config
from cite.compare.methods.scores import read_lines
from cite.compare.plan.leakage import check_leakage
from cite.compare.plan.plan import Job, job_digest, job_inputs, make_plan
from cite.compare.plan.read_config import read_comparison

JOB = Job('cite', 1, 1, 0)
RULE = r'([^_]+)_'  # what the names up to the first "_" are, too


@pytest.fixture
def inputs(compare_data, tmp_path):
    """Return a function that gives a job's inputs in a comparison with other values."""

    def read(**changes):
        path = write_comparison(compare_data, tmp_path, **changes)
        return job_inputs(read_comparison(path), JOB)

    return read


def test_the_default_is_written_nowhere_and_changes_no_digest(inputs):
    plain = inputs()
    assert 'slide' not in job_config(plain).data.train
    assert job_digest(plain) == job_digest(inputs(slide='prefix'))


def test_a_rule_reaches_the_data_sets_and_the_digest(inputs, compare_data, tmp_path):
    chosen = inputs(slide=RULE)
    data = job_config(chosen).data
    assert [data[part].slide for part in ('train', 'val', 'test')] == [RULE] * 3
    assert job_digest(chosen) != job_digest(inputs())
    val = chosen.files['val']
    by_name = read_lines(val, 3)
    assert read_lines(val, 3, RULE).slides.tolist() == by_name.slides.tolist()
    table = tmp_path / 'slides.csv'
    rows = [f'{file},{slide}' for file, slide in zip(by_name.files, by_name.slides)]
    table.write_text('\n'.join(['patch,case', *rows]) + '\n')
    column = inputs(slide=f'column:case of {table}')
    before = job_digest(column)
    table.write_text(table.read_text() + 'more.png,x\n')
    assert job_digest(column) != before


def test_the_same_slides_under_another_rule_make_a_plan(compare_data, tmp_path):
    plan = make_plan(write_comparison(compare_data, tmp_path, slide=RULE))
    assert {i.slide for i in plan.inputs.values()} == {RULE}


def test_faulty_rules_and_those_of_a_method_are_refused(compare_data, tmp_path):
    config = write_comparison(compare_data, tmp_path, slide='folders')
    with pytest.raises(ValueError, match=r"compare\.py: .*Did you mean 'folder'"):
        read_comparison(config)
    config = write_comparison(compare_data, tmp_path)
    method = tmp_path / 'configs/linear.py'
    cfg = Config.fromfile(str(method))
    cfg.data.test.slide = 'folder'
    cfg.dump(str(method))
    with pytest.raises(ValueError, match=r"linear\.py has data\.test\.slide='folder'"):
        make_plan(config)


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('optimizer.lrr', "optimizer.lrr: .*Did you mean 'lr'"),
        ('model.backbone.promt_length', "Did you mean 'prompt_length'"),
        ('data.train.patch_balanc', "Did you mean 'patch_balance'"),
        ('lr', r"'lr' has no effect: .* write optimizer\.lr"),
    ],
)
@pytest.mark.parametrize('of', ['all', 'cite'])
def test_options_that_nothing_reads_are_refused(compare_data, tmp_path, key, meant, of):
    config = Path(write_comparison(compare_data, tmp_path))
    if of == 'all':
        text = f'options = {{{key!r}: 1}}\n'
    else:
        text = f"methods['cite']['options'] = {{{key!r}: 1}}\n"
    config.write_text(config.read_text() + text)
    meant = meant if of == 'cite' else key  # the first method may have other parts
    with pytest.raises(ValueError, match=rf'compare\.py: options of .*{meant}'):
        make_plan(str(config))


def test_ids_that_look_alike_are_warned_of(compare_data, tmp_path):
    ann = compare_data / 'gastric_cls3_ann'
    comparison = read_comparison(
        write_comparison(
            compare_data, tmp_path, ann_root=f'{tmp_path}/ann', captions=None
        )
    )
    (tmp_path / 'ann').mkdir()
    val = (ann / 'val_0.5.txt').read_text()
    slide = val.partition('_')[0]
    (tmp_path / 'ann/val_0.5.txt').write_text(val)
    train = (ann / 'train_all_0.5.txt').read_text()
    label = val.splitlines()[0][-1]
    train += f'{slide.swapcase()}_0_0.png {label}\n'
    (tmp_path / 'ann/train.txt').write_text(train)
    text = f'compare.py: ids of slides .*count as different.*{slide}'
    with pytest.warns(UserWarning, match=text.replace('compare.py', r'compare\.py')):
        check_leakage(
            comparison,
            str(comparison.val_file()),
            [str(tmp_path / 'ann/train.txt')],
            'compare.py',
        )
