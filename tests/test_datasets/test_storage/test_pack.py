"""A packed file holds what the files hold, whole or not at all, and says its faults."""

import json
import multiprocessing
import os
import pickle
import signal
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcls.datasets import build_dataset
from mmcls.datasets.builder import build_dataloader

from cite.apis.features import pack as packing
from cite.apis.features.pack import pack, verify
from cite.datasets import sampler_cfg_of
from cite.datasets.pipelines import pixels

LINES = [(f'{"abc"[i % 3]}_{i}.jpg', i % 3) for i in range(9)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(packing, 'BLOCK', 2)


def data_of(files, **arguments):
    step = {'type': 'PatchGastricPipeline', 'size': 16, 'saturation': 0.2}
    step['backend'] = arguments.pop('backend', 'fast')
    step['interpolation'] = arguments.pop('interpolation', 'bicubic')
    collect = {'type': 'Collect', 'keys': ['img', 'gt_label']}
    to_tensor = {'type': 'ToTensor', 'keys': ['gt_label']}
    pipeline = [step, to_tensor, collect]
    return {'type': 'PatchGastricCls3', 'pipeline': pipeline, **files, **arguments}


@pytest.fixture
def files(write_patches):
    return write_patches(LINES)


@pytest.fixture
def config(files, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(f'data = dict(train={data_of(files)!r})\n')
    return path


def images(files, workers=0, **arguments):
    dataset = build_dataset(data_of(files, **arguments))
    if dataset.test_mode:
        return torch.stack([dataset[i]['img'] for i in range(len(dataset))])
    cfg = {**sampler_cfg_of(dataset), 'samples_per_replica': 3}
    loader = build_dataloader(
        dataset,
        samples_per_gpu=3,
        workers_per_gpu=workers,
        dist=False,
        seed=0,
        pin_memory=False,
        persistent_workers=False,
        sampler_cfg=cfg,
    )
    return torch.cat([batch['img'] for batch in islice(loader, 6)])


@pytest.mark.parametrize('workers', [0, 2])
def test_images_are_those_of_the_files(files, config, tmp_path, workers, monkeypatch):
    expected = images(files), images(files, test_mode=True)
    out = pack(config, tmp_path / 'p.npy', workers=workers)
    monkeypatch.setattr(pixels, '_decode_jpeg', lambda _: pytest.fail('decodes'))

    for packed in (out, str(out)):
        assert torch.equal(images(files, workers, packed=packed), expected[0])
    assert torch.equal(images(files, packed=out, test_mode=True), expected[1])
    assert np.load(out).shape == (9, 3, 16, 16)
    assert verify(out) == 9
    assert sorted(p.name for p in tmp_path.glob('p.*')) == ['p.json', 'p.npy']


def killed_at(config, out, number):
    """Pack in a process that is killed at its n-th write to the disk."""

    def work():
        calls, names = [], ('fsync', 'replace')
        for name in names:
            original = getattr(os, name)

            def counted(*args, original=original):
                calls.append(args)
                if len(calls) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return original(*args)

            setattr(os, name, counted)
        pack(config, out, workers=0)

    process = multiprocessing.get_context('fork').Process(target=work)
    process.start()
    process.join(60)
    return process.exitcode


def test_killed_anywhere_and_gone_on_with_it_has_the_same_bytes(config, tmp_path):
    whole = pack(config, tmp_path / 'whole' / 'p.npy', workers=0)
    expected = [path.read_bytes() for path in (whole, whole.with_suffix('.json'))]
    kills = 0
    for number in range(1, 30):
        out = tmp_path / f'killed{number}' / 'p.npy'
        if killed_at(config, out, number) == 0:
            break
        kills += 1
        # Whole or not at all: a file counts as packed once its note is written.
        if out.with_suffix('.json').is_file():
            assert verify(out) == 9
        elif out.is_file():
            with pytest.raises(FileNotFoundError, match='was not finished'):
                verify(out)
        out = pack(config, out, workers=0)
        found = [path.read_bytes() for path in (out, out.with_suffix('.json'))]
        assert found == expected
        assert not out.with_name('p.npy.journal').is_file()
    assert kills >= 8  # five blocks, the journal, the file and its note


def test_what_is_done_is_not_decoded_again(files, config, tmp_path, monkeypatch):
    lost = Path(files['data_prefix']) / 'c_5.jpg'
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(FileNotFoundError, match=r'c_5\.jpg: no such patch'):
        pack(config, tmp_path / 'p.npy', ann=True, workers=0)
    lost.write_bytes(content)
    decoded, decode = [], pixels._decode_jpeg

    def counted(results):
        decoded.append(os.path.basename(results['img_info']['filename']))
        return decode(results)

    monkeypatch.setattr(pixels, '_decode_jpeg', counted)
    pack(config, tmp_path / 'p.npy', ann=True, workers=0)

    # Sorted: a_0 a_3 | a_6 b_1 | b_4 b_7 | c_2 c_5 | c_8.
    assert decoded == ['c_2.jpg', 'c_5.jpg', 'c_8.jpg']
    pack(config, tmp_path / 'p.npy', ann=True, workers=0)
    assert len(decoded) == 3  # it is there


def test_rows_that_went_bad_before_it_goes_on_are_made_again(config, tmp_path):
    whole = pack(config, tmp_path / 'whole' / 'p.npy', workers=0).read_bytes()
    out = tmp_path / 'killed' / 'p.npy'
    killed_at(config, out, 4)
    partial = out.with_name('p.npy.partial')
    spoilt = bytearray(partial.read_bytes())
    spoilt[-4 * 3 * 16 * 16] ^= 1
    partial.write_bytes(spoilt)

    assert pack(config, out, workers=0).read_bytes() == whole


def test_a_changed_byte_is_named_when_it_is_read(files, config, tmp_path):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    content = bytearray(out.read_bytes())
    content[-1] ^= 1
    out.write_bytes(content)
    dataset = build_dataset(data_of(files, packed=out))
    assert dataset[0]['img'].dtype == torch.uint8

    message = r'p\.npy: row 8 \(.*c_8\.jpg\) has changed .* `cite pack` with --force'
    with pytest.raises(ValueError, match=message):
        dataset[8]
    with pytest.raises(ValueError, match=message):
        verify(out)
    pack(config, out, workers=0, force=True)
    assert verify(out) == 9


@pytest.mark.parametrize('keep', [0, 100, 2000])
def test_a_cut_file_is_named(files, config, tmp_path, keep):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    out.write_bytes(out.read_bytes()[:keep])

    with pytest.raises(ValueError, match=r'p\.npy is damaged .* with --force'):
        build_dataset(data_of(files, packed=out))
    with pytest.raises(ValueError, match=r'p\.npy is damaged .* with --force'):
        pack(config, out, workers=0)  # it is there, but not whole


def test_another_size_or_filter_is_refused(files, config, tmp_path):
    out = pack(config, tmp_path / 'p.npy', workers=0)

    with pytest.raises(ValueError, match=r"was packed with .*'bicubic'.*'bilinear'"):
        build_dataset(data_of(files, packed=out, interpolation='bilinear'))
    with pytest.raises(ValueError, match="needs a PatchGastricPipeline with backend='"):
        build_dataset(data_of(files, packed=out, backend='pillow'))
    options = {'data.train.pipeline.0.size': 8}
    with pytest.raises(ValueError, match=r'is there, with another size\. Name'):
        pack(config, out, options=options)


def test_a_file_of_other_patches_is_refused(files, config, tmp_path, write_patches):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    more = write_patches([*LINES, ('d_9.jpg', 0)])

    with pytest.raises(ValueError, match=r'lacks 1 of 10 patches: .*d_9\.jpg'):
        build_dataset(data_of(more, packed=out))
    with pytest.raises(ValueError, match='is there, with another names_digest'):
        pack(config, out, workers=0)


def test_a_note_that_does_not_fit_is_refused(files, config, tmp_path):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    note = json.loads(out.with_suffix('.json').read_text())
    swapped = {**note, 'names': note['names'][::-1]}

    for text in (json.dumps(swapped), json.dumps({**note, 'version': 0}), '{'):
        out.with_suffix('.json').write_text(text)
        with pytest.raises(ValueError, match=r'p\.json is damaged, or of another'):
            build_dataset(data_of(files, packed=out))
    out.with_suffix('.json').unlink()
    with pytest.raises(FileNotFoundError, match=r'p\.json is missing: .* not finished'):
        build_dataset(data_of(files, packed=out))


@pytest.mark.parametrize(
    'change',
    [
        {'crc32': ['a'] * 9},
        {'crc32': [2**70] * 9},
        {'crc32': [-1] * 9},
        {'crc32': {str(i): i for i in range(9)}},
        {'crc32': 9},
        {'names': {'a': 1}},
        {'size': [16]},
        {'interpolation': None},
    ],
    ids=str,
)
def test_a_note_of_other_kinds_of_values_is_refused(files, config, tmp_path, change):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    note = json.loads(out.with_suffix('.json').read_text())
    out.with_suffix('.json').write_text(json.dumps({**note, **change}))

    with pytest.raises(ValueError, match=r'p\.json is damaged, or of another'):
        build_dataset(data_of(files, packed=out))
    with pytest.raises(ValueError, match=r'p\.json is damaged, or of another'):
        verify(out)


def test_a_note_without_end_is_refused(files, config, tmp_path):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    out.with_suffix('.json').write_text('[' * 100_000)

    with pytest.raises(ValueError, match=r'p\.json is damaged, or of another'):
        build_dataset(data_of(files, packed=out))


# NumPy parses the header as Python's own words.
@pytest.mark.parametrize('words', [b'(' * 0x76, b"{'descr':'|u1','shape':".ljust(0x76)])
def test_a_hostile_header_is_named(files, config, tmp_path, words):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    out.write_bytes(b'\x93NUMPY\x01\x00\x76\x00' + words + b'x' * 9)

    with pytest.raises(ValueError, match=r'p\.npy is damaged .* with --force'):
        build_dataset(data_of(files, packed=out))


def test_a_disk_without_room_is_said_first(config, tmp_path, monkeypatch):
    usage = packing.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(packing.shutil, 'disk_usage', lambda _: usage)

    with pytest.raises(OSError, match=r'are needed and 0\.0 MB are free'):
        pack(config, tmp_path / 'p.npy', workers=0)
    assert not list(tmp_path.glob('p.*'))


def test_spawned_workers_open_it_anew(files, config, tmp_path):
    out = pack(config, tmp_path / 'p.npy', workers=0)
    packed = build_dataset(data_of(files, packed=out)).cache
    content = pickle.dumps(packed)

    assert len(content) < out.stat().st_size
    item = {'cache_index': 4, 'img_info': {'filename': 'b_4.jpg'}}
    assert (pickle.loads(content).fetch(dict(item)) == packed.fetch(item)).all()
    with pytest.raises(ValueError, match='read-only'):
        packed.fetch(item)[:] = 0
