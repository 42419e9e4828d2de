from cite.apis.data_notes import describe_data
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
