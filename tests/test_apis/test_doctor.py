"""``cite doctor``: what is there, and what to do where something is wrong."""

import os
import sys

import pytest
import torch
from commands import attempt

from cite.apis import doctor
from cite.apis.doctor import examine


def by_name():
    return {finding.name: finding for finding in examine()}


def test_versions_and_devices():
    findings = by_name()
    assert (
        findings['torch'].text == torch.__version__
        or findings['torch'].text == torch.__version__.partition('+')[0]
    )
    assert str(len(os.sched_getaffinity(0))) in findings['CPU'].text
    assert not any(finding.breaks for finding in findings.values())


def test_a_missing_package_is_named_as_pip_does(monkeypatch):
    monkeypatch.setattr(doctor, 'find_spec', lambda name: None)
    text = by_name()['openslide'].text
    assert 'pip install openslide-python openslide-bin' in text


def test_a_small_shm_and_a_full_disk_have_a_remedy(monkeypatch):
    usage = type('Usage', (), {'free': 64e6})
    monkeypatch.setattr(doctor.shutil, 'disk_usage', lambda _: usage)
    findings = by_name()
    assert '--shm-size' in findings['/dev/shm'].remedy
    assert '0.1 GB free' in findings['disk'].text
    assert findings['disk'].remedy


@pytest.mark.parametrize('place', ['~nobody-of-this-name/x', '/proc/1/x', '{file}/x'])
def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path, place):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('CITE_CACHE', place.format(file=tmp_path / 'file'))
    monkeypatch.setattr(doctor.os, 'access', lambda path, _: '/proc' not in str(path))
    assert 'CITE_CACHE' in by_name()['CITE_CACHE'].remedy


def test_it_works_without_mmcv(tmp_path):
    hidden = "import sys; sys.modules['mmcv'] = None; sys.argv = ['-m', 'doctor']; "
    code = "import cite.__main__ as m; m.main(['doctor'])"
    done = attempt(sys.executable, '-c', hidden + code, cold=True, cwd=tmp_path)
    assert done.returncode == 1
    assert '! mmcv           cannot be imported' in done.stdout
