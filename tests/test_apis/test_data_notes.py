from mmcls.datasets import ConcatDataset, RepeatDataset

from cite.apis.data_notes import describe_data, log_data
from cite.datasets import PatchGastricCls3


def dataset(folder):
    (folder / 'ann').mkdir(exist_ok=True)
    lines = 'a_1.jpg 0\na_2.jpg 0\nb_1.jpg 0\nc_1.jpg 1\n'
    (folder / 'ann' / 'train.txt').write_text(lines)
    return PatchGastricCls3(
        ann_file=str(folder / 'ann' / 'train.txt'),
        data_prefix=str(folder / 'patches'),
        classes=['benign', 'tumour'],
        pipeline=[dict],
    )


def test_slides_and_patches_of_each_class(tmp_path):
    text = describe_data(dataset(tmp_path))
    assert text.startswith('3 slides, 4 patches of ')
    assert text.endswith('benign 2 slides, 3 patches; tumour 1 slide, 1 patch')


def test_patients_of_the_table_beside_the_annotations(tmp_path):
    table = 'id,subtype,patient,text\na,x,p1,t\nb,x,p1,t\nc,x,p2,t\n'
    (tmp_path / 'captions.csv').write_text(table)
    assert describe_data(dataset(tmp_path)).endswith(
        'benign 2 slides, 3 patches, 1 patient; tumour 1 slide, 1 patch, 1 patient'
    )


def test_a_faulty_table_stops_nothing(tmp_path):
    (tmp_path / 'captions.csv').write_text('nothing of the kind\n')
    assert describe_data(dataset(tmp_path)).endswith('tumour 1 slide, 1 patch')


def test_every_data_set_within_wrappers_is_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        'cite.apis.data_notes.get_root_logger',
        lambda: type('Log', (), {'info': staticmethod(said.append)}),
    )
    member = dataset(tmp_path)
    log_data('training', RepeatDataset(ConcatDataset([member, member]), 2))
    assert [line.partition(' of ')[0] for line in said] == [
        'training on 3 slides, 4 patches'
    ] * 2


def test_patients_by_another_rule(tmp_path):
    (tmp_path / 'ann').mkdir()
    lines = 't_1/0.jpg 0\nt_1/1.jpg 0\nt_2/0.jpg 1\n'
    (tmp_path / 'ann' / 'train.txt').write_text(lines)
    (tmp_path / 'captions.csv').write_text(
        'id,subtype,patient,text\nt_1,x,p1,\nt_2,y,p2,\n'
    )
    data = PatchGastricCls3(
        ann_file=str(tmp_path / 'ann' / 'train.txt'),
        data_prefix=str(tmp_path / 'patches'),
        classes=['benign', 'tumour'],
        pipeline=[dict],
        slide='folder',
    )
    assert describe_data(data).endswith(
        'benign 1 slide, 2 patches, 1 patient; tumour 1 slide, 1 patch, 1 patient'
    )
