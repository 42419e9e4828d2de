"""``cite new``: what it writes is right and runs, from any folder."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import timm
import yaml
from commands import ROOT, run
from PIL import Image
from safetensors.torch import save_file

from cite.apis.config_file import read_config
from cite.apis.new_project import new_comparison, new_project
from cite.apis.shipped_configs import shipped_configs
from cite.commands import new
from cite.compare.plan.read_config import read_comparison
from cite.datasets.tables.class_file import read_class_file
from cite.datasets.tables.slide_table import read_captions
from demo.models import tiny_bert
from demo.slides import make_patch_gastric

VIT = 'timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k'


@pytest.fixture(scope='module')
def mine(tmp_path_factory):
    """A user's folder of patches with a table and patients, and two small models."""
    folder = tmp_path_factory.mktemp('my slides {x}')
    make_patch_gastric(folder / 'data', slides=4, patches=2)
    table = folder / 'data' / 'captions.csv'
    first, *rows = table.read_text().splitlines()
    lines = [f'{first},patient', *(f'{row},p{i}' for i, row in enumerate(rows))]
    table.write_text('\n'.join(lines) + '\n')
    (folder / 'glands.yml').write_text(
        'Glands:\n- Well differentiated tubular adenocarcinoma\n'
        '- Moderately differentiated tubular adenocarcinoma\n'
        'No glands:\n- Poorly differentiated adenocarcinoma, non-solid type\n'
        '- Poorly differentiated adenocarcinoma, solid type\n'
    )
    tiny_bert(folder / 'bert', hidden=32, layers=1)
    vit = timm.create_model('vit_tiny_patch16_224', num_classes=0)
    save_file(vit.state_dict(), str(folder / 'vit.safetensors'))
    return folder


def test_the_printed_commands_run_from_another_folder(mine, tmp_path):
    printed = run(
        *(sys.executable, '-m', 'cite', 'new', mine / 'one', '--from', mine / 'data'),
        *('--backbone', VIT, '--weights', mine / 'vit.safetensors'),
        *('--text', mine / 'bert', '--classes', mine / 'glands.yml'),
        *('--short', '--compare'),
        cwd=tmp_path,
    )
    assert re.search(r'val_0.5.txt +4 / 8 +2 / 4 +6 / 12\n', printed)
    assert 'no patient is on both sides: 6 for evaluation, 6 for training' in printed
    commands = [line.strip() for line in printed.split('next:\n')[1].splitlines()]
    check, train, test, compare = commands
    short = ' runner.max_iters=1 checkpoint_config.interval=1 evaluation.interval=1'
    load = ' data.samples_per_gpu=4 data.workers_per_gpu=0 log_config.interval=1'
    config, options = next((mine / 'one').glob('vit*.py')), f'{short}{load}'
    assert 'no errors' in typed(check, tmp_path)
    log = typed(f'{train} --cfg-options{options}', tmp_path)
    assert re.search(r'Iter \[1/1\].* loss: \d', log)
    assert 'Glands 4 slides, 8 patches, 4 patients' in log
    accuracy = re.search(r'\nbag_accuracy : (\d+\.\d+)', typed(test, tmp_path))
    right = float(accuracy[1]) * 6 / 100
    assert right == pytest.approx(round(right), abs=0.01)
    assert (config.parent / 'work_dirs' / f'{config.stem}_pall' / 'latest.pth').exists()
    plan = typed(compare, tmp_path)
    # CITE, four controls and four others; one slide a class with five draws, and all.
    assert '0 of 54 jobs done' in plan


def typed(command, folder):
    """Run a command that was printed; the script is there only where installed."""
    words = shlex.split(command)
    assert words[0] == 'cite'
    return run(sys.executable, '-m', *words, cwd=folder)


def test_a_split_written_by_hand_is_enough(mine, tmp_path):
    shutil.copytree(mine / 'data', tmp_path / 'data')
    project = new_project(
        *(tmp_path / 'one', tmp_path / 'data', VIT, str(mine / 'bert')),
        weights=str(mine / 'vit.safetensors'),
        short=True,
    )
    table = tmp_path / 'data' / 'captions.csv'
    subtypes = {row.id: row.subtype for row in read_captions(table)}
    table.unlink()
    shutil.rmtree(tmp_path / 'one' / 'ann')
    (tmp_path / 'one' / 'ann').mkdir()
    names = list(project.split.classes)
    lines = [
        f'{path.name} {names.index(subtypes[path.name.split("_")[0]])}\n'
        for path in sorted((tmp_path / 'data' / 'patches_captions').iterdir())
    ]
    (tmp_path / 'one/ann/train_all_0.5.txt').write_text(''.join(lines[::2]))
    (tmp_path / 'one/ann/val_0.5.txt').write_text(''.join(lines[1::2]))
    options = 'runner.max_iters=1 data.workers_per_gpu=0 checkpoint_config.interval=1'
    train = project.commands[1]
    log = typed(f'{train} --cfg-options {options} evaluation.interval=1', tmp_path)
    accuracy = float(re.search(r'Iter\(val\).* bag_accuracy: ([\d.]+)', log)[1])
    right = accuracy * len(subtypes) / 100
    assert right == pytest.approx(round(right), abs=0.01)


def test_the_readme_has_the_commands_that_are_printed(mine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = new_project('mine', mine / 'data', compare=True).commands
    block = (ROOT / 'README.md').read_text().split('## Your slides')[1].split('```')[1]
    typed_lines = [line.split('  #')[0].strip() for line in block.splitlines()]
    for command in commands:
        shown = command.replace(' mean_bag_accuracy', '').replace(' --dry-run', '')
        assert shown in typed_lines


@pytest.mark.parametrize(
    ('edges', 'mpp', 'expected'),
    [
        ([300], 0.25, (300, 0.25)),
        ([512], None, (512, 0.5)),  # 0.5: the data set's own
        ([512, 256], 0.4, (300, 0.4)),
    ],
)
def test_the_patches_scale_reaches_the_config(mine, tmp_path, edges, mpp, expected):
    data = tmp_path / 'data'
    shutil.copytree(mine / 'data', data)
    for i, path in enumerate(sorted(data.glob('patches_captions/*'))):
        edge = edges[i // 2 % len(edges)]  # two patches a slide
        Image.new('RGB', (edge, edge)).save(path)
    project = new_project(tmp_path / 'p', data, text=str(mine / 'bert'), mpp=mpp)
    test_set = read_config(str(project.files[1])).data.test
    scale = test_set.get('patch_pixels', 300), test_set.get('mpp', 0.5)
    assert scale == expected
    notes = project.files[1].read_text().count('A tile of `cite predict` has 300')
    assert notes == (expected != (300, 0.25))


@pytest.mark.parametrize('backbone', ['phikon', 'clip', 'dinov2', 'mae_vitb16', 'uni'])
def test_the_config_is_cite_on_the_shipped_backbone(mine, tmp_path, backbone):
    project = new_project(tmp_path / 'new', mine / 'data', backbone, 'pubmedbert')
    cfg = read_config(project.files[1])
    assert cfg.runner.max_iters == 1000
    assert cfg.data.samples_per_gpu == 128
    assert cfg.model.type == 'CITEClassifier'
    assert cfg.model.head.texts == list(read_class_file(project.files[0]))
    assert 'BiomedBERT' in cfg.model.head.text_encoder.model
    assert len(project.files[1].read_text().splitlines()) < 40
    model = cfg.model.backbone
    if backbone in ('dinov2', 'mae_vitb16'):
        assert model.pretrained
        assert model.checkpoint is None
    elif backbone == 'uni':  # nobody has it without asking
        assert model.checkpoint == f'{tmp_path}/new/uni.safetensors'
        assert 'https://huggingface.co/MahmoodLab/UNI' in project.weights[0]
        assert 'gated: register, agree to the terms' in project.weights[0]
        convert = f'cite convert pytorch_model.bin {tmp_path}/new/uni.safetensors'
        assert convert in project.weights[0]
    else:
        assert 'data/models' not in str(model)


def test_the_split_of_any_share_is_found(mine, tmp_path):
    options = {'classes': mine / 'glands.yml', 'val': 0.334, 'compare': True}
    project = new_project(tmp_path / 'new', mine / 'data', **options)
    cfg = read_config(project.files[1])
    for part in ('train', 'val', 'test'):
        assert Path(cfg.data[part].ann_file) in project.split.files
    comparison = read_comparison(project.files[2])
    assert comparison.val_file() in project.split.files
    assert comparison.train_file(1, 5) in project.split.files


def test_shots_choose_the_file_and_the_work_folder(mine, tmp_path, monkeypatch):
    options = {'classes': mine / 'glands.yml'}
    config = new_project(tmp_path / 'new', mine / 'data', **options).files[1]
    monkeypatch.setenv('SHOTS', '2')
    cfg = read_config(config)
    assert cfg.data.train.ann_file == f'{tmp_path}/new/ann/train_2_0.5.txt'
    assert cfg.work_dir.endswith('_p2')
    lines = (tmp_path / 'new/ann/train_2_0.5.txt').read_text().splitlines()
    assert len({line.split('_')[0] for line in lines}) == 2 * 2


def test_nothing_is_overwritten(mine, tmp_path):
    new_project(tmp_path / 'new', mine / 'data')
    before = {f: f.read_bytes() for f in (tmp_path / 'new').rglob('*') if f.is_file()}
    with pytest.raises(FileExistsError, match=r'classes\.yml exists\. Name another'):
        new_project(tmp_path / 'new', mine / 'data', 'clip')
    (tmp_path / 'new' / 'compare.py').write_text('mine')
    with pytest.raises(FileExistsError, match=r'compare\.py exists'):
        new_comparison(tmp_path / 'new', next((tmp_path / 'new').glob('phikon*.py')))
    for file, content in before.items():
        assert file.read_bytes() == content


def test_slides_in_folders_are_noticed(mine, tmp_path):
    shutil.copytree(mine / 'data', tmp_path / 'data')
    patches = tmp_path / 'data' / 'patches_captions'
    ids = set()
    for patch in [*patches.iterdir()]:
        slide, rest = patch.name.split('_', 1)
        (patches / f'slide_{slide}').mkdir(exist_ok=True)
        patch.rename(patches / f'slide_{slide}' / rest)
        ids.add(slide)
    table = tmp_path / 'data' / 'captions.csv'
    text = table.read_text()
    for slide in ids:
        text = re.sub(rf'^{slide},', f'slide_{slide},', text, flags=re.M)
    table.write_text(text)
    project = new_project(tmp_path / 'new', tmp_path / 'data', compare=True)
    assert read_config(project.files[1]).data.val.slide == 'folder'
    assert read_comparison(project.files[2]).slide == 'folder'


@pytest.mark.parametrize(
    ('change', 'options', 'error'),
    [
        (lambda d: shutil.rmtree(d), {}, 'no such folder'),
        (lambda d: (d / 'captions.csv').unlink(), {}, r'captions\.csv: no such table'),
        (
            lambda d: (d / 'patches_captions').rename(d / 'patches'),
            {},
            'no folder patches_captions in it',
        ),
        (
            lambda d: ((d / 'patches_captions').rename(d / 'p'), (d / 'a.svs').touch()),
            {},
            r'holds slide files \(a\.svs\), not patches.* `cite tile',
        ),
        (
            lambda d: (d / 'captions.csv').write_text('id,subtype,text\na,X,\nb,X,\n'),
            {},
            r'column subtype has 1 value \(X\)',
        ),
        (lambda d: None, {'backbone': 'phicon'}, "Did you mean 'phikon'"),
        (lambda d: None, {'text': 'biolinkbrt'}, "Did you mean 'biolinkbert'"),
        (lambda d: None, {'val': 1.5}, '--val 1.5'),
        (lambda d: None, {'mpp': -1}, '--mpp: mpp=-1: microns per pixel are above 0'),
        (lambda d: None, {'backbone': 'timm:vit_tiny'}, 'no model'),
        (lambda d: None, {'slide': 'folder'}, 'folder'),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(
    mine, tmp_path, change, options, error
):
    shutil.copytree(mine / 'data', tmp_path / 'data')
    change(tmp_path / 'data')
    with pytest.raises((ValueError, FileNotFoundError), match=error):
        new_project(tmp_path / 'new', tmp_path / 'data', **options)
    assert not (tmp_path / 'new').exists()


def test_a_model_of_timm_gets_the_tag_of_its_weights(mine, tmp_path):
    project = new_project(tmp_path / 'new', mine / 'data', 'timm:vit_tiny_patch16_224')
    backbone = read_config(project.files[1]).model.backbone
    assert backbone.model_name == 'vit_tiny_patch16_224.augreg_in21k_ft_in1k'
    assert backbone.pretrained
    options = {'weights': mine / 'vit.safetensors'}  # of which nothing tells mean, std
    with pytest.raises(ValueError, match=r'the name has no tag'):
        new_project(
            tmp_path / 'b', mine / 'data', 'timm:vit_tiny_patch16_224', **options
        )
    options['image_stats'] = 'imagenet'
    project = new_project(
        tmp_path / 'b', mine / 'data', 'timm:vit_tiny_patch16_224', **options
    )
    stats = read_config(project.files[1]).model.backbone.image_stats
    assert tuple(stats.mean) == (0.485, 0.456, 0.406)
    assert 'mean 0.485 0.456 0.406, std 0.229 0.224 0.225' in project.weights[0]
    for odd in ({'image_stats': 'inception'}, {'weights': None}):
        with pytest.raises(ValueError, match='--image-stats'):
            new_project(tmp_path / 'c', mine / 'data', **{**options, **odd})


def test_a_folder_that_mmcv_cannot_write_into_a_config_is_refused(mine, tmp_path):
    with pytest.raises(ValueError, match=r"o'brien: mmcv cannot .*Rename"):
        new_project(tmp_path / "o'brien", mine / 'data')


def test_what_was_not_named_is_asked_for(tmp_path, mine):
    with pytest.raises(ValueError, match=r'name the folder of your patches: --from'):
        new.main(new.parse_args([str(tmp_path)]))
    words = f'{tmp_path} --compare a.py --from'.split()
    with pytest.raises(ValueError, match=r'leave the config out beside --from'):
        new.main(new.parse_args([*words, str(mine / 'data')]))


def test_a_comparison_of_a_config_without_a_split_is_refused(tmp_path):
    config = shipped_configs() / 'glas' / 'cite_vit-tiny_minilm.py'
    with pytest.raises(FileNotFoundError, match=r'train_all_0\.5\.txt'):
        new_comparison(tmp_path / 'new', config)


def test_metafiles_and_the_model_zoo_name_the_same_weights():
    zoo = (ROOT / 'docs' / 'MODEL_ZOO.md').read_text()
    rows = dict(re.findall(r'^\| \[(\w+)\]\([^)]*\.py\) (.*)$', zoo, re.M))
    for file in shipped_configs().glob('foundation/*/metafile.yml'):
        if file.parent.name == 'vision_language':
            continue
        for entry in yaml.safe_load(file.read_text())['Models']:
            facts = entry['Metadata']
            row = rows[entry['Config'].split('/')[-1][:-3]]
            page = facts['Weights'].replace('https://huggingface.co/', '')
            assert page in row, entry
            assert facts.get('Access', '?') in row
            assert facts.get('Conversion', '') in row
