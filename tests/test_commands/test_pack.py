"""``cite pack``, run as a user runs it, by its script in ``tools``."""

import sys

import numpy as np
from commands import ROOT, attempt
from PIL import Image


def run(*arguments):
    return attempt(sys.executable, ROOT / 'tools/pack.py', *arguments, apart=True)


def test_a_gastric_config_s_patches_are_packed_verified_and_found_damaged(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f's{i}_0.jpg')
    (tmp_path / 'ann.txt').write_text('s0_0.jpg 0\ns1_0.jpg 1\n')
    changes = [
        f'data.train.data_prefix={tmp_path}',
        f'data.train.ann_file={tmp_path}/ann.txt',
    ]
    config = 'configs/gastric/baseline/linear_clip-vitb16_bs128_i1000.py'
    out = tmp_path / 'p.npy'
    arguments = [str(ROOT / config), '--out', str(out), '--workers', '1']

    done = run(*arguments, '--cfg-options', *changes)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"packed='{out}'"
    assert '3/3' in done.stderr  # the bar
    assert np.load(out).shape == (3, 3, 224, 224)

    done = run('--verify', str(out))
    assert done.stdout == f'{out}: 3 patches, as they were packed\n'
    content = bytearray(out.read_bytes())
    content[-1] ^= 1
    out.write_bytes(content)
    done = run('--verify', str(out))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f'error: {out}: row 2 (s2_0.jpg)')
    assert run('--verify', str(out), *arguments).returncode == 2
