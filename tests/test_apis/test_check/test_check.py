"""A config with one of each fault, checked by the command as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from clip.model import CLIP
from commands import ROOT, attempt
from PIL import Image
from tiny_language_models import save_llama
from transformers import ViTConfig, ViTModel

from cite.apis.check import Options, check_config
from cite.apis.check.check import check_shared_memory
from cite.apis.check.report import SHOWN, Report

CONFIG = """
import os
n = os.environ.get('SHOTS', 'all')
custom_imports = dict(imports=['cite'], allow_failed_imports=False)
model = dict(
    type='CITEClassifier',
    backbone=dict(type='PromptedCLIPImageBackbone', arch='{folder}/clip.pt'),
    neck=dict(type='ProjectionNeck', in_features=16, out_features=32),
    head=dict(type='TextEmbeddingHead', texts=['a', 'b', 'c'],
              text_encoder=dict(type='BERT', model='{bert}')))
common = dict(type='PatchGastricCls3', data_prefix='{folder}/patches_captions')
data = dict(
    train=dict(ann_file=f'{folder}/ann/train_{{n}}.txt', pipeline=[], **common),
    val=dict(ann_file='{folder}/ann/val.txt', pipeline=[], **common),
    test=dict(ann_file='{folder}/ann/val.txt', pipeline=[], **common))
"""
# Slides a0 … c0 are trained on, a1 … c1 are evaluated on; three patches each.
NAMES = [
    (f'{c}{s}_{p}.jpg', k) for s in '01' for k, c in enumerate('abc') for p in '012'
]


@pytest.fixture
def folder(tmp_path, tiny_bert):
    (tmp_path / 'patches_captions').mkdir()
    (tmp_path / 'ann').mkdir()
    rng = np.random.default_rng(0)
    for name, _ in NAMES:
        pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / 'patches_captions' / name)
    for file, lines in (('train_all', NAMES[:9]), ('val', NAMES[9:])):
        text = ''.join(f'{name} {label}\n' for name, label in lines)
        (tmp_path / 'ann' / f'{file}.txt').write_text(text)
    rows = [f'{c}{s},grade,p{c}{s},' for c in 'abc' for s in '01']
    table = '\n'.join(['id,subtype,patient,text', *rows])
    (tmp_path / 'captions.csv').write_text(table + '\n')
    torch.manual_seed(0)
    clip = CLIP(16, 224, 1, 64, 112, 77, 512, 64, 1, 1)
    torch.save(clip.state_dict(), tmp_path / 'clip.pt')
    config = CONFIG.format(folder=tmp_path, bert=tiny_bert)
    (tmp_path / 'config.py').write_text(config)
    return tmp_path


def check(folder, workers=0, **options):
    return check_config(str(folder / 'config.py'), Options(workers=workers, **options))


def found(report, level='error'):
    return [(p.kind, p.where) for p in expected_apart(report) if p.level == level]


def expected_apart(report):
    """Leave out that each class has one slide here, which is a warning."""
    return [p for p in report.problems if p.kind != 'slides']


def append(path, text):
    path.write_text(path.read_text() + text)


def test_a_good_config_has_no_problem(folder):
    report = check(folder)
    assert [p.kind for p in report.problems] == ['slides', 'slides']
    assert 'each class has one slide (a0, b0, c0)' in report.problems[0].message
    assert report.ok
    assert report.facts['images'] == '18 of 18 decoded'
    assert report.facts['patients'].startswith('6 in')
    assert report.facts['versions']['torch'] == torch.__version__
    one = report.facts['train'][
        'class 1 (Moderately differentiated tubular adenocarcinoma)'
    ]
    assert one == '1 slides 3 patches'


@pytest.mark.parametrize('workers', [0, 2])
def test_missing_and_unreadable_images(folder, workers):
    (folder / 'patches_captions/a0_1.jpg').unlink()
    path = folder / 'patches_captions/c1_2.jpg'
    path.write_bytes(path.read_bytes()[:-100])
    report = check(folder, workers)
    assert sorted(found(report)) == [
        ('missing image', f'{folder}/ann/train_all.txt:2'),
        ('unreadable image', f'{folder}/ann/val.txt:9'),
    ]
    messages = ' '.join(problem.message for problem in report.problems)
    assert f'{folder}/patches_captions/a0_1.jpg: no such file' in messages
    assert 'c1_2.jpg: this patch is truncated' in messages
    assert report.facts['images'] == '16 of 18 decoded, 2 could not be'


def test_without_decoding_only_missing_files_show(folder):
    (folder / 'patches_captions/a0_1.jpg').unlink()
    (folder / 'patches_captions/a0_2.jpg').write_bytes(b'')
    assert [kind for kind, _ in found(check(folder, decode=False))] == ['missing image']


def test_sample(folder):
    assert check(folder, sample=5).facts['images'] == '5 of 18 decoded'


def test_annotation_lines(folder):
    file = folder / 'ann/train_all.txt'
    append(file, 'a0_0.jpg\n../b0_0.jpg 1\n/etc/passwd 0\nb0_0.jpg 3\nb0_1.jpg 1\n')
    report = check(folder)
    assert found(report) == [
        ('annotation line', f'{file}:10'),
        ('annotation line', f'{file}:11'),
        ('annotation line', f'{file}:12'),
        ('annotation line', f'{file}:13'),
        ('duplicate line', f'{file}:14'),
    ]
    assert report.facts['images'] == '18 of 18 decoded'  # the good lines still count


@pytest.mark.parametrize('content', [b'', b'\xff\xfe\n'])
def test_annotation_file_that_is_none(folder, content):
    (folder / 'ann/val.txt').write_bytes(content)
    report = check(folder)
    assert found(report)[0][1].startswith(f'{folder}/ann/val.txt')
    if not content:
        assert 'Write one line "filename label"' in expected_apart(report)[0].message


def test_shots_choose_the_file(folder, monkeypatch):
    monkeypatch.setenv('SHOTS', '4')
    assert found(check(folder)) == [
        ('annotation file missing', f'{folder}/ann/train_4.txt')
    ]


def test_classes_without_slides(folder):
    for file in ('train_all', 'val'):
        path = folder / f'ann/{file}.txt'
        lines = [line for line in path.read_text().split('\n') if line[:1] != 'c']
        path.write_text('\n'.join(lines))
    report = check(folder)
    assert found(report) == [('class without slides', f'{folder}/ann/train_all.txt')]
    where = f'{folder}/ann/val.txt'
    assert found(report, 'warning') == [('class without slides', where)]


def test_slide_with_two_labels(folder):
    append(folder / 'ann/val.txt', 'a1_9.jpg 2\n')
    kinds = dict(found(check(folder)))
    assert kinds['slide with two labels'] == f'{folder}/ann/val.txt:10'


def test_slide_on_both_sides(folder):
    append(folder / 'ann/val.txt', 'b0_1.jpg 1\n')
    where = f'{folder}/ann/train_all.txt:4'
    assert found(check(folder)) == [('slide on both sides', where)]


def test_one_file_for_both_sides(folder):
    train = folder / 'ann/train_all.txt'
    same = {f'data.{part}.ann_file': str(train) for part in ('val', 'test')}
    kinds = [kind for kind, _ in found(check(folder, cfg_options=same))]
    assert set(kinds) >= {'slide on both sides'}
    slides = {line.split('_')[0] for line in train.read_text().splitlines()}
    assert kinds.count('slide on both sides') == len(slides)


def test_patient_on_both_sides(folder):
    table = folder / 'captions.csv'
    table.write_text(table.read_text().replace('c1,grade,pc1', 'c1,grade,pb0'))
    report = check(folder)
    where = f'{folder}/ann/train_all.txt:4'
    assert found(report) == [('patient on both sides', where)]
    assert (
        'slide b0 belongs to patient pb0, whose slide c1'
        in expected_apart(report)[0].message
    )


def test_patient_column_of_another_name_and_table(folder):
    text = (folder / 'captions.csv').read_text().replace('pc1', 'pb0')
    (folder / 'other.csv').write_text(text.replace('patient', 'case'))
    (folder / 'captions.csv').unlink()
    assert check(folder).facts['patients'].startswith('not checked')
    report = check(folder, captions=str(folder / 'other.csv'), patient='case')
    assert [kind for kind, _ in found(report)] == ['patient on both sides']
    report = check(folder, captions=str(folder / 'other.csv'), patient='name')
    assert [kind for kind, _ in found(report)] == ['table']


def test_a_slide_that_the_table_does_not_have_is_a_warning(folder):
    table = folder / 'captions.csv'
    table.write_text(table.read_text().replace('a1,', 'z9,'))
    where = f'{folder}/ann/val.txt'
    assert found(check(folder), 'warning') == [('slide not in the table', where)]


# data/README.md: the first id of PatchGastric's table.
PATCH_GASTRIC_SLIDE = 'f77a619f6ccc449f915b44bdc0d6d8f0'


def test_a_cut_table_of_patch_gastric_is_a_warning(folder):
    table = folder / 'captions.csv'
    subtype = 'Well differentiated tubular adenocarcinoma'
    append(table, f'{PATCH_GASTRIC_SLIDE},{subtype},pz,\n')
    report = check(folder)
    assert found(report, 'warning') == [('published counts', str(table))]
    assert report.ok
    assert '1 (1/0/0) slides' in expected_apart(report)[0].message
    assert '693 (283/265/145) were published' in expected_apart(report)[0].message


def test_a_half_copied_folder_of_patch_gastric_is_a_warning(folder):
    rows = [f'{PATCH_GASTRIC_SLIDE},Well differentiated tubular adenocarcinoma,p,']
    for number, subtype in (
        (282, 'Well differentiated tubular adenocarcinoma'),
        (265, 'Moderately differentiated tubular adenocarcinoma'),
        (145, '"Poorly differentiated adenocarcinoma, solid type"'),
    ):
        rows += [f'x{len(rows)}n{i},{subtype},p,' for i in range(number)]
    append(folder / 'captions.csv', '\n'.join(rows) + '\n')
    (folder / f'patches_captions/{PATCH_GASTRIC_SLIDE}_0.jpg').touch()
    report = check(folder)
    patches = str(folder / 'patches_captions')
    assert found(report, 'warning') == [('published counts', patches)]
    assert expected_apart(report)[0].message.startswith('1 patches of PatchGastric')
    assert '179,285 were published' in expected_apart(report)[0].message
    own_classes = {
        f'data.{part}.classes': ['a', 'b', 'c'] for part in ('train', 'val', 'test')
    }
    assert found(check(folder, cfg_options=own_classes), 'warning') == []


def test_texts_classes_and_widths(folder):
    options = {'model.neck.out_features': 64, 'model.head.texts': ['a', 'b']}
    report = check(folder, cfg_options=options)
    assert found(report) == [
        ('texts and classes', 'model.head'),
        ('neck and text width', 'model.neck.out_features'),
    ]
    assert 'Set model.neck.out_features=32' in report.problems[1].message


def test_text_encoders_of_other_kinds(folder):
    encoder = "model['head']['text_encoder']"
    llama = save_llama(folder / 'TinyLlama', width=40)
    kind = {'type': 'DecoderTextEncoder', 'model': str(llama)}
    append(folder / 'config.py', f'\n{encoder} = {kind}')
    assert found(check(folder)) == [('neck and text width', 'model.neck.out_features')]
    append(folder / 'config.py', "\nmodel['neck']['out_features'] = None")
    assert found(check(folder)) == []
    kind['key'] = 'pooler_output'
    append(folder / 'config.py', f'\n{encoder} = {kind}')
    assert found(check(folder)) == [('text encoder', 'model.head.text_encoder')]
    kind = {'type': 'OpenCLIPTextEncoder', 'model': str(folder / 'CONCH')}
    append(folder / 'config.py', f'\n{encoder} = {kind}')
    (problem,) = expected_apart(check(folder))
    assert (problem.kind, problem.where) == (
        'text encoder',
        'model.head.text_encoder.model',
    )
    assert 'hf download' in problem.message


def test_captions_file(folder):
    captions = folder / 'captions.yml'
    append(folder / 'config.py', f"\nmodel['head']['texts'] = '{captions}'")
    assert found(check(folder)) == [('texts', 'model.head.texts')]
    captions.write_text('a: [x, y]\nb: z\n')
    assert found(check(folder)) == [('texts and classes', 'model.head')]
    captions.write_text('a: [x, y]\nb: z\nc: w\n')
    assert found(check(folder)) == []


def test_weights_missing_damaged_or_hostile(folder):
    class Trap:
        def __reduce__(self):
            return os.system, (f'touch {folder}/code-ran',)

    torch.save({'state_dict': Trap()}, folder / 'stranger.pth')
    (folder / 'clip.pt').write_bytes((folder / 'clip.pt').read_bytes()[:-500])
    options = {'load_from': f'{folder}/stranger.pth', 'resume_from': 'gone.pth'}
    report = check(folder, cfg_options=options)
    assert found(report) == [
        ('weights unreadable', 'load_from'),
        ('weights missing', 'resume_from'),
        ('weights unreadable', 'model.backbone.arch'),
    ]
    assert not (folder / 'code-ran').exists()


def test_how_to_get_what_is_not_here(folder, monkeypatch):
    monkeypatch.setenv('HOME', str(folder))
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_OFFLINE', True)
    monkeypatch.setattr('clip.clip._MODELS', {'ViT-B/16': 'http://127.0.0.1:9/v.pt'})
    options = {
        'model.backbone.arch': 'ViT-B/16',
        'model.head.text_encoder.model': 'somebody/NoSuchModel',
    }
    report = check(folder, cfg_options=options)
    assert [kind for kind, _ in found(report)] == [
        'weights missing',
        'text encoder missing',
    ]
    assert (
        'wget -P ~/.cache/clip http://127.0.0.1:9/v.pt'
        in expected_apart(report)[0].message
    )
    assert 'hf download somebody/NoSuchModel' in report.problems[1].message


def test_the_folder_of_a_transformers_model(folder):
    model = ViTModel(ViTConfig(hidden_size=24, num_hidden_layers=1, image_size=32))
    model.save_pretrained(str(folder / 'vit'))
    backbone = {'type': 'TransformersImageBackbone', 'model_name': f'{folder}/vit'}
    options = {'model.backbone': {'_delete_': True, **backbone}}
    report = check(folder, cfg_options=options)
    where = 'model.backbone.model_name'
    assert found(report, 'warning') == found(check(folder), 'warning')
    assert (found(report), where in report.facts) == ([], True)
    (folder / 'vit' / 'model.safetensors').unlink()
    assert found(check(folder, cfg_options=options)) == [('weights missing', where)]


def test_random_weights_are_said(folder):
    options = {'model.backbone': {'type': 'VisionTransformerFrozen', 'arch': 'b'}}
    report = check(folder, cfg_options=options)
    assert ('random weights', 'model.backbone') in found(report, 'warning')


def test_a_flood_is_cut_short_and_counted():
    report = Report('config.py')
    for i in range(SHOWN + 5):
        report.error('missing image', f'ann.txt:{i}', 'gone.')
    text = report.text()
    assert text.count('gone.') == SHOWN
    assert '… and 5 more' in text
    assert len(report.as_dict()['problems']) == SHOWN + 5


CHECK = sys.executable, ROOT / 'tools/check.py'


def test_the_command(folder):
    done = attempt(
        *CHECK, folder / 'config.py', '--json', '-', '--workers', 2, apart=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)['ok'] is True
    assert '18/18' in done.stderr  # the progress bar

    (folder / 'patches_captions/a0_1.jpg').unlink()
    done = attempt(*CHECK, folder / 'config.py', '--json', folder / 'report.json')
    assert done.returncode == 1
    assert 'not ready to run' in done.stdout
    written = json.loads((folder / 'report.json').read_text())
    kinds = [problem['kind'] for problem in written['problems']]
    assert [kind for kind in kinds if kind != 'slides'] == ['missing image']


def test_the_command_without_a_config(folder):
    done = attempt(*CHECK, folder / 'gone.py')
    assert done.returncode == 2
    assert 'gone.py: no such config file' in done.stdout


def test_a_report_that_cannot_be_written_is_said_before_the_work(folder):
    report = folder / 'gone/report.json'
    done = attempt(*CHECK, folder / 'config.py', '--json', report, apart=True)
    assert done.returncode == 2
    assert 'gone/report.json: there is no folder' in done.stderr
    assert 'images' not in done.stderr  # no progress bar: nothing was looked at


def test_ctrl_c_ends_all_processes_with_what_was_found(folder):
    # Enough images that the signal comes while they are decoded.
    pixels = np.random.default_rng(0).integers(0, 255, (500, 500, 3), dtype=np.uint8)
    images = folder / 'patches_captions'
    Image.fromarray(pixels).save(images / 'a0_big.png')
    names = [f'a0_x{i}.png' for i in range(3000)]
    for i, name in enumerate(names):
        if i % 64:  # one is missing in every batch
            os.link(images / 'a0_big.png', images / name)
    append(folder / 'ann/train_all.txt', ''.join(f'{name} 0\n' for name in names))
    process = subprocess.Popen(
        [*CHECK, folder / 'config.py', '--workers', '2', '--json', folder / 'r.json'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background jobs, tests among them, ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    seen = ''
    while '128/' not in seen:  # a batch of files is done
        seen += process.stderr.read(1)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    written = json.loads((folder / 'r.json').read_text())
    assert written['interrupted'] is True
    assert int(written['facts']['images'].split()[0]) < 3000
    assert 'interrupted' in out
    assert 'missing image' in out
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_pipe_in_the_place_of_an_image_does_not_wait(folder):
    (folder / 'patches_captions/a0_0.jpg').unlink()
    os.mkfifo(folder / 'patches_captions/a0_0.jpg')
    assert [kind for kind, _ in found(check(folder))] == ['missing image']


@pytest.mark.parametrize(
    ('backend', 'workers', 'total', 'warned'),
    [
        # 2 batches x 2 workers x 16 images x 224 x 224 x 3 x 4 bytes: 36.75 MiB
        ('pillow', 2, 36 << 20, True),
        ('pillow', 2, 37 << 20, False),
        ('fast', 2, 1 << 20, False),
        ('pillow', 0, 1 << 20, False),
    ],
)
def test_a_small_dev_shm(tmp_path, monkeypatch, backend, workers, total, warned):
    usage = SimpleNamespace(total=total)
    monkeypatch.setattr('cite.apis.check.check.shutil.disk_usage', lambda _: usage)
    step = {'type': 'PatchGastricPipeline', 'size': 224, 'backend': backend}
    data = {
        'workers_per_gpu': workers,
        'samples_per_gpu': 16,
        'train': {'pipeline': [step]},
    }
    report = Report('config.py')
    check_shared_memory(data, report, str(tmp_path))
    assert [p.kind for p in report.problems] == ['shared memory'] * warned
    if warned:
        assert '36 MB, and the workers may need 36 MB' in report.problems[0].message
        assert '--shm-size' in report.problems[0].message


@pytest.mark.parametrize(
    ('step', 'settings', 'megabytes'),
    # A batch of 16 images of 224 x 224 x 3 floats is 9.2 MB, and 2 workers hold 4.
    [
        ({'type': 'CLIPPreprocess', 'arch': 'x'}, {}, 73),  # trained and evaluated
        ({'type': 'PatchGastricPipeline', 'size': 'model'}, {}, 73),
        ({'type': 'CLIPPreprocess', 'arch': 'x', 'size': 448}, {}, 294),
        ({'type': 'CLIPPreprocess'}, {'val_dataloader': {'workers_per_gpu': 0}}, 36),
        (
            {'type': 'CLIPPreprocess'},
            {'train_dataloader': {'samples_per_gpu': 32}},
            110,
        ),
    ],
)
def test_shared_memory_of_training_and_evaluation(tmp_path, step, settings, megabytes):
    data = {'workers_per_gpu': 2, 'samples_per_gpu': 16, **settings}
    data['train'] = {'type': 'RepeatDataset', 'dataset': {'pipeline': [step]}}
    data['val'] = data['test'] = {'pipeline': [step]}
    for total, problems in (((megabytes << 20) - 1, 1), ((megabytes + 1) << 20, 0)):
        report = Report('config.py')
        with pytest.MonkeyPatch.context() as patch:
            usage = {'return_value': SimpleNamespace(total=total)}
            patch.setattr('cite.apis.check.check.shutil.disk_usage', Mock(**usage))
            check_shared_memory(data, report, str(tmp_path))
        assert len(report.problems) == problems
        assert all(f'need {megabytes} MB' in p.message for p in report.problems)


def test_ids_that_look_alike(folder):
    append(folder / 'ann/val.txt', 'A0_9.jpg 0\n')
    report = check(folder, decode=False)
    (problem,) = (p for p in report.problems if p.kind == 'ids that look alike')
    assert "'A0' = 'a0'" in problem.message
    assert problem.level == 'warning'


def test_a_faulty_rule_for_slides(folder):
    config = folder / 'config.py'
    config.write_text(
        config.read_text().replace(
            "'PatchGastricCls3',", "'PatchGastricCls3', slide='f',"
        )
    )
    assert ('slide', 'data.train.slide') in found(check(folder, decode=False))
    rule = {f'data.{part}.slide': 'folder' for part in ('train', 'val', 'test')}
    errors = found(check(folder, decode=False, cfg_options=rule))
    places = [place for kind, place in errors if kind == 'patch without slide']
    assert places[:2] == [f'{folder}/ann/train_all.txt:{n}' for n in (1, 2)]
